"""The `http` section of a target: a model that answers over HTTP, and how it may be asked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Positive, Section

Seconds = Annotated[FiniteFloat, Field(gt=0)]


class TemplateCard(Section):
    """Request and response of a service that follows no protocol of its own.

    ``request`` is JSON in which the text ``{rows}`` stands for the list of inputs, or ``{row}`` for the one input of a
    request that takes one; ``{columns}`` for the names of a table's columns. ``response`` is the path to the answers,
    as in ``predictions[*].score``: names, ``[0]`` and ``[*]``.
    """

    request: JsonValue
    response: str


class HttpCard(Section):
    """Where a served model is and what it may be asked.

    ``url`` is the address of the server (``v2``, ``torchserve``), or of the path that answers (``mlflow``,
    ``template``). ``model`` and ``version`` name it there. ``input`` and ``output`` name the tensors of the ``v2``
    protocol where the server has several. ``headers`` and ``token`` come from the environment as ``${NAME}``.
    ``rows`` a request carries at most; ``at_once`` requests are under way and ``per_second`` begun at most, over all
    of a run's workers. ``seconds`` one answer may take; ``retries`` how often a request is repeated after 429, 502,
    503, 504, a closed connection or a late answer. ``queries`` is what a whole run may ask, repeats included.
    ``ca`` is a file of certificates to trust, ``certificate`` and ``key`` those of the client; TLS is always verified.
    ``cache`` false asks again for rows whose answer is known.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+([/?].*)?$")]
    protocol: Literal["v2", "mlflow", "torchserve", "template"] = "v2"
    model: str = ""
    version: str = ""
    input: str = ""
    output: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    token: str | None = None
    rows: Positive = 256
    at_once: Annotated[int, Field(ge=1, le=64)] = 4
    per_second: Seconds | None = None
    seconds: Seconds = 30.0
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    queries: Positive | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    cache: bool = True
    template: TemplateCard | None = None

    @model_validator(mode="after")
    def _complete(self) -> HttpCard:
        if not _is_address(self.url):
            raise PydanticCustomError("card/http", "url is no address: its host or its port cannot be")
        if (self.template is not None) != (self.protocol == "template"):
            raise PydanticCustomError(
                "card/http", "protocol: template and a template section go together: the one needs the other"
            )
        if self.protocol in ("v2", "torchserve") and not self.model:
            raise PydanticCustomError(
                "card/http", "protocol {p} needs the model's name: model: scorer", {"p": self.protocol}
            )
        return self

    def files(self) -> list[tuple[str, str]]:
        """Key and path of the files that it names."""
        named = {"ca": self.ca, "certificate": self.certificate, "key": self.key}
        return [(key, path) for key, path in named.items() if path]

    @property
    def host(self) -> str:
        """The host that the address names: the only one that is spoken to."""
        from urllib.parse import urlsplit

        return urlsplit(self.url).hostname or ""


def _is_address(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        found = urlsplit(url)
        return bool(found.hostname) and found.port != 0 and "\\" not in found.netloc
    except ValueError:  # [::1 without its bracket, a port beyond 65535, letters that become a slash
        return False
