"""MLflow's tracking server by its REST interface: the few calls that reading a model and logging a run need.

MLflow's own client is not used: it brings forty packages, and its loaders unpickle.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from momus.card.mlflow import MlflowCard
from momus.core.errors import MissingExtra, MomusError
from momus.core.text import clean

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
SECONDS = 60.0
_SHOWN = 300  # characters of the server's own words


class Absent(MomusError):
    """The server has nothing by that name."""

    code = "mlflow/absent"


class Tracking:
    """A tracking server. ``with Tracking(card) as server``: one connection that is kept.

    No redirect is followed and nothing is taken from the environment: the credentials go to this host alone.
    Every method raises MomusError in one line for what the server refuses, and Absent for what it does not have.
    """

    def __init__(self, card: MlflowCard, base: Path = Path()) -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtra.of("speaking to MLflow", "http", "httpx") from error
        self._httpx, self.uri, self.place = httpx, card.uri.rstrip("/"), urlsplit(card.uri).netloc
        headers = {"user-agent": "momus"} | ({"authorization": f"Bearer {card.token}"} if card.token else {})
        basic = (card.username, card.password or "") if card.username and not card.token else None
        self._client = httpx.Client(
            headers=headers, auth=basic, timeout=SECONDS, trust_env=False, follow_redirects=False,
            verify=_context(card, base),
        )  # fmt: skip

    def get(self, what: str, **query: str) -> Mapping[str, Any]:
        """What the server says of something: ``get("runs/get", run_id=...)``."""
        return self._json("GET", API + what, params=query)

    def post(self, what: str, **content: Any) -> Mapping[str, Any]:
        """What the server says to an order: ``post("runs/create", experiment_id=...)``."""
        return self._json("POST", API + what, json=content)

    def listing(self, folder: str) -> list[Mapping[str, Any]]:
        """The entries directly in an artifact folder: ``path``, ``is_dir``, ``file_size``."""
        found = self._json("GET", FILES, params={"path": folder}).get("files") or []
        return [entry for entry in found if isinstance(entry, Mapping)]

    def download(self, path: str, to: Path) -> int:
        """One artifact into a file; how many bytes it has."""
        size = 0
        try:
            with self._client.stream("GET", self._address(f"{FILES}/{quote(path)}")) as answer, open(to, "wb") as out:
                if answer.status_code != 200:
                    answer.read()
                    self._refused(answer)
                for piece in answer.iter_bytes():
                    size += out.write(piece)
        except self._httpx.HTTPError as error:
            raise self._gone(error) from error
        return size

    def upload(self, path: str, content: bytes) -> None:
        """One artifact from bytes; one of that name is replaced."""
        self._ask("PUT", f"{FILES}/{quote(path)}", content=content)

    def page(self, experiment: str, run: str) -> str:
        """The address of a run's page."""
        return f"{self.uri}/#/experiments/{quote(experiment, safe='')}/runs/{quote(run, safe='')}"

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _address(self, path: str) -> str:
        return self.uri + path

    def _json(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        answer = self._ask(method, path, **more)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, Mapping):
            raise MomusError(
                "this is no tracking server of MLflow: it answers no JSON", code="mlflow/no-server", place=self.place
            )
        return found

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, self._address(path), **more)
        except self._httpx.HTTPError as error:
            raise self._gone(error) from error
        if answer.status_code != 200:
            self._refused(answer)
        return answer

    def _gone(self, error: Exception) -> MomusError:
        said = clean(error, _SHOWN) or type(error).__name__
        return MomusError(f"the tracking server does not answer ({said})", code="mlflow/unreachable", place=self.place)

    def _refused(self, answer: Any) -> None:
        """MomusError, or Absent, with the server's own words."""
        try:
            told = answer.json()
        except ValueError:
            told = {}
        code = str(told.get("error_code", "")) if isinstance(told, Mapping) else ""
        words = clean(told.get("message", "") if code else answer.text, _SHOWN).rstrip(". ")
        if code == "RESOURCE_DOES_NOT_EXIST":
            raise Absent(words or "there is no such thing", place=self.place)
        hint = "Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise MomusError(
            f"the tracking server answers {answer.status_code}: {words or 'nothing more'}", code="mlflow/refused",
            place=self.place, hint=hint if answer.status_code in (401, 403) else "",
        )  # fmt: skip


def _context(card: MlflowCard, base: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if card.ca:
        try:
            context.load_verify_locations(str(base / card.ca))
        except (OSError, ssl.SSLError) as error:
            raise MomusError(
                f"the certificates cannot be read: {clean(error, 100)}", code="mlflow/ca", place=str(base / card.ca)
            ) from None
    return context
