"""How a served model is asked: from rows to the body of a request, from the body of an answer to one entry a row."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import numpy as np

from momus.card.http import HttpCard
from momus.card.inspect_http import names_secret
from momus.core import digest
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets.http_found import Finder, numbers
from momus.targets.http_json import read, shown, strange, written
from momus.targets.http_rows import Sheet

JSON = "application/json"


class Protocol:
    """What all protocols share. ``path`` is where rows are sent, from the card's address on.

    ``rows`` is what one request carries at most. ``sheet`` and ``classes`` are known once data settled them.
    """

    path = ""
    content_type = JSON
    speaks_columns = False  # whether columns travel by name, their texts as texts

    def __init__(self, card: HttpCard, name: str) -> None:
        self.card = card
        self.name = name
        self.rows = card.rows
        self.finder = Finder(name, pick=card.output)
        self.sheet = Sheet("table")

    def learn(self, sender: Any) -> Mapping[str, Any]:
        """What the server says of the model: plain values that belong to its identity. The rest of the object knows."""
        return {}

    @property
    def home(self) -> str:
        """The address from which metadata are asked."""
        return self.card.url

    def settle(self, sheet: Sheet, classes: tuple[str, ...]) -> None:
        """Take what the card and the data say about rows and answers."""
        self.sheet, self.finder = sheet, Finder(self.name, classes, self.card.output)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """One input in the model's own layout, where the server says it."""
        return None

    @property
    def whole_pixels(self) -> bool:
        """Whether the server says that it takes pixels as bytes."""
        return False

    def notes(self) -> tuple[str, ...]:
        return ()

    def encode(self, fed: NumpyArray) -> bytes:
        """The body that asks about these rows."""
        raise TypeError(f"{type(self).__name__} has no body")

    def decode(self, body: bytes, n: int) -> Any:
        """A list or array with an entry for each of ``n`` rows. TargetError for what does not follow the protocol."""
        raise TypeError(f"{type(self).__name__} has no answer")

    def _said(self, sender: Any, path: str) -> Mapping[str, Any]:
        """An answer to a question about the server, where it answers one."""
        try:
            found = read(self.name, sender.get(path).body)
        except TargetError:
            return {}
        return found if isinstance(found, Mapping) else {"said": found}


class Mlflow(Protocol):
    """MLflow's ``/invocations``: tables by the names of their columns, all else as ``inputs`` or ``instances``."""

    @property
    def form(self) -> str:
        """The key of the body: the card's ``input``, else ``dataframe_split`` for named columns and ``inputs``."""
        return self.card.input or ("dataframe_split" if self.sheet.named else "inputs")

    @property
    def speaks_columns(self) -> bool:  # type: ignore[override]
        return self.form.startswith("dataframe")

    @property
    def home(self) -> str:
        url = urlsplit(self.card.url)
        return url._replace(path=url.path.rstrip("/").rpartition("/")[0], query="").geturl()

    def learn(self, sender: Any) -> Mapping[str, Any]:
        """MLflow tells its own version at ``/version`` beside the path that answers, and nothing of the model."""
        try:
            return {"version": shown(sender.get("/version").body)}
        except TargetError:
            return {}

    def encode(self, fed: NumpyArray) -> bytes:
        if self.form == "dataframe_split":
            return written({"dataframe_split": {"columns": self.sheet.names, "data": self.sheet.table(fed)}})
        if self.form == "dataframe_records":
            return written({"dataframe_records": self.sheet.records(fed)})
        return written({self.form: self.sheet.plain(fed)})

    def decode(self, body: bytes, n: int) -> Any:
        found = read(self.name, body)
        if isinstance(found, Mapping):
            if "predictions" not in found:
                raise strange(self.name, f"the answer has no 'predictions': {shown(found)}")
            found = found["predictions"]
        return numbers(self.finder.rows(found, n))


class Torchserve(Protocol):
    """TorchServe's ``/predictions``: one input a request as a file, or ``instances`` where its handler takes many.

    The card's ``input`` says how: ``file`` (the default for pictures, sound and texts), ``json`` (for tables: the row's
    numbers), ``columns`` (the row as an object) or ``instances``.
    """

    def __init__(self, card: HttpCard, name: str) -> None:
        super().__init__(card, name)
        version = f"/{quote(card.version, safe='')}" if card.version else ""
        self.path = f"/predictions/{quote(card.model, safe='')}{version}"
        if card.input != "instances":
            self.rows = 1

    @property
    def form(self) -> str:
        return self.card.input or ("json" if self.sheet.modality == "table" else "file")

    @property
    def speaks_columns(self) -> bool:  # type: ignore[override]
        return self.form == "columns"

    @property
    def content_type(self) -> str:  # type: ignore[override]
        kinds = {"image": "image/png", "audio": "audio/wav", "text": "text/plain; charset=utf-8"}
        return kinds.get(self.sheet.modality, JSON) if self.form == "file" else JSON

    def encode(self, fed: NumpyArray) -> bytes:
        if self.form == "file":
            return self.sheet.file(fed[0])[0]
        if self.form == "instances":
            return written({"instances": self.sheet.plain(fed)})
        return written(self.sheet.records(fed)[0] if self.form == "columns" else _first(self.sheet.plain(fed)))

    def decode(self, body: bytes, n: int) -> Any:
        if self.form == "instances":
            found = read(self.name, body)
            inner = found.get("predictions", found) if isinstance(found, Mapping) else found
            return numbers(self.finder.rows(inner, n))
        try:
            found = read(self.name, body)
        except TargetError:
            found = body.decode("utf-8", "replace").strip()  # a handler may answer a bare label
        return numbers(self.finder.one(found))


class Template(Protocol):
    """A service of its own kind: the card says what its requests look like and where its answers stand."""

    def __init__(self, card: HttpCard, name: str) -> None:
        super().__init__(card, name)
        assert card.template is not None
        self._pieces, self.word = _cut(card.template.request, name)
        self._steps = _steps(card.template.response, name)
        if self.word in _ONE:
            self.rows = 1

    @property
    def speaks_columns(self) -> bool:  # type: ignore[override]
        return self.word in ("records", "record")

    def encode(self, fed: NumpyArray) -> bytes:
        whole: dict[str, bytes] = {}
        parts: list[bytes] = []
        for piece, word, quoted in self._pieces:
            parts.append(piece)
            if word and (word not in whole or not quoted):
                made = written(self._value(word, fed))
                if not quoted and made[:1] == b'"':
                    made = made[1:-1]
                whole[word] = made
            if word:
                parts.append(whole[word])
        return b"".join(parts)

    def _value(self, word: str, fed: NumpyArray) -> Any:
        if word == "columns":
            return self.sheet.names
        if word in ("records", "record"):
            rows = self.sheet.records(fed)
            return rows if word == "records" else rows[0]
        if word == "base64":
            return base64.b64encode(self.sheet.file(fed[0])[0]).decode()
        rows = self.sheet.plain(fed)
        return rows if word == "rows" else _first(rows)

    def decode(self, body: bytes, n: int) -> Any:
        found = _walk(read(self.name, body), self._steps, self.name)
        return numbers(self.finder.one(found) if self.rows == 1 and self.word in _ONE else self.finder.rows(found, n))


_ONE = frozenset({"row", "record", "base64"})
_WORDS = ("rows", "row", "records", "record", "base64", "columns")
Piece = tuple[bytes, str, bool]  # text before, the word that follows ("" at the end), whether it replaces a whole text


def _first(rows: Any) -> Any:
    first = rows[0]
    return np.ascontiguousarray(first) if isinstance(first, np.ndarray) else first


def _cut(request: Any, name: str) -> tuple[list[Piece], str]:
    """The request's JSON cut at its words, and the word that stands for the inputs."""
    text = json.dumps(request, ensure_ascii=False, separators=(",", ":"))
    pieces: list[Piece] = []
    words: list[str] = []
    while True:
        hits = [(at, w) for w in _WORDS if (at := text.find(f"{{{w}}}")) >= 0]
        if not hits:
            break
        at, word = min(hits)
        end = at + len(word) + 2
        quoted = text[at - 1 : at] == '"' and text[end : end + 1] == '"'
        before, text = (text[: at - 1], text[end + 1 :]) if quoted else (text[:at], text[end:])
        pieces.append((before.encode(), word, quoted))
        words.append(word)
    inputs = [w for w in words if w != "columns"]
    if len(set(inputs)) != 1:
        said = "names no input" if not inputs else f"names {' and '.join(sorted(set(inputs)))}"
        raise TargetError(
            f"the template's request {said}", code="target/http-template", place=f"target '{name}'",
            hint="Write {rows}, {row}, {records}, {record} or {base64} once where the inputs belong",
        )  # fmt: skip
    return [*pieces, (text.encode(), "", False)], inputs[0]


def _steps(path: str, name: str) -> list[str | int | Literal["*"]]:
    """``predictions[*].score`` as its steps."""
    steps: list[Any] = []
    for part in path.replace("]", "").replace("[", ".[").split("."):
        if part == "[*]" or part == "[*":
            steps.append("*")
        elif part.startswith("["):
            if not part[1:].lstrip("-").isdigit():
                raise TargetError(
                    f"the template's response '{path}' has '[{part[1:]}]'", code="target/http-template",
                    place=f"target '{name}'", hint="Write names, [0] and [*], as in predictions[*].score",
                )  # fmt: skip
            steps.append(int(part[1:]))
        elif part and part != "$":
            steps.append(part)
    return steps


def _walk(found: Any, steps: list[Any], name: str) -> Any:
    for i, step in enumerate(steps):
        if step == "*":
            if not isinstance(found, list):
                raise strange(name, f"where the template's response has [*], the answer has {shown(found)}")
            return [_walk(entry, steps[i + 1 :], name) for entry in found]
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            said = f"[{step}]" if isinstance(step, int) else f"'{step}'"
            raise strange(
                name, f"the answer has no {said} where the template's response wants one: {shown(found)}",
                "Compare targets[].http.template.response with what the service answers",
            ) from None  # fmt: skip
    return found


def protocol_of(card: HttpCard, name: str) -> Protocol:
    """The protocol that the card names."""
    from momus.targets.http_v2 import Inference

    kinds: dict[str, type[Protocol]] = {
        "v2": Inference, "mlflow": Mlflow, "torchserve": Torchserve, "template": Template,
    }  # fmt: skip
    return kinds[card.protocol](card, name)


def address_of(card: HttpCard) -> dict[str, Any]:
    """What of the card tells one served model from another. No token, and nothing whose name says it is a secret.

    Headers and the query may choose the model (``Host``, ``?version=2``): of their values a digest counts.
    """
    url = urlsplit(card.url)
    parts = sorted(part.partition("=")[::2] for part in url.query.split("&") if part)
    given = sorted((k.lower(), v) for k, v in card.headers.items())
    chosen = [(kind, k, v) for kind, pairs in (("query", parts), ("header", given)) for k, v in pairs]
    template = None if card.template is None else digest.of_value(card.template.model_dump(mode="json"))
    return {
        "address": f"{url.scheme}://{(url.hostname or '').lower()}:{url.port or 0}{url.path.rstrip('/')}",
        "query": [k for k, _ in parts], "protocol": card.protocol, "model": card.model, "version": card.version,
        "input": card.input, "output": card.output, "template": template,
        "chosen": digest.of_value([c for c in chosen if not names_secret(c[1])]) if chosen else "",
    }  # fmt: skip
