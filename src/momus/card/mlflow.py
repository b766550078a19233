"""The `mlflow` section of a target: the tracking server whose registry holds the model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Section

# What MLflow's own client reads. They go together: a card that names its server never gets the credentials of another.
VARIABLES = {
    "uri": "MLFLOW_TRACKING_URI", "token": "MLFLOW_TRACKING_TOKEN", "username": "MLFLOW_TRACKING_USERNAME",
    "password": "MLFLOW_TRACKING_PASSWORD", "ca": "MLFLOW_TRACKING_SERVER_CERT_PATH",
}  # fmt: skip


class MlflowCard(Section):
    """Where the registry is and who asks: all of it from MLflow's own environment variables where ``uri`` is left out.

    ``token`` or ``username`` and ``password`` come from the environment as ``${NAME}``. ``ca`` is a file of
    certificates to trust; TLS is always verified.
    """

    uri: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/.*)?$")]
    token: str | None = None
    username: str | None = None
    password: str | None = None
    ca: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        uri = str(raw.get("uri") or os.environ.get(VARIABLES["uri"], ""))
        if uri and not uri.startswith(("http://", "https://")):
            raise PydanticCustomError(
                "card/invalid-value", "the registry at {uri} is no server. Start mlflow server over it, or name the "
                "model's folder: path: folder, adapter: mlflow", {"uri": uri.partition("@")[2] or uri},
            )  # fmt: skip
        if raw.get("uri"):
            return raw
        if not os.environ.get(VARIABLES["uri"]):
            raise PydanticCustomError(
                "card/missing-key",
                "no tracking server is known. Set MLFLOW_TRACKING_URI, or add mlflow: {uri: https://…}",
            )
        return {**{k: v for k, name in VARIABLES.items() if (v := os.environ.get(name))}, **raw}

    @property
    def host(self) -> str:
        """The host that is asked: the card's network must name it."""
        return urlsplit(self.uri).hostname or ""
