"""How a record becomes a row and back: JSON text, long byte strings by digest, columns that every database takes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from momus.core import digest
from momus.core.decisions import Answer, Pulse, Summary, Waived, system_id
from momus.core.records import Failure, Measurement, Record, Run

Kept = Measurement | Failure | Run | Waived | Answer | Summary
Some = TypeVar("Some", bound=Record)

# Bytes longer than this leave the record and are kept once, by digest: sample pictures mostly.
INLINE_BYTES = 512
WIDTH = {"run": 64, "key": 64, "probe": 128, "target": 128, "system": 64}

# Within a JSON text a quotation mark inside a string is escaped, so that these match members of objects only. The
# second form is a list because a measurement's own ``data`` is an object whose only key may be called "blob".
_PIECE = re.compile(r'"(png|data)":"([A-Za-z0-9_\-]{684,}={0,2})"')  # what 512 bytes and more are written as
_MARK = re.compile(r'"png":\{"blob":"([0-9a-f]{64})"\}|"data":\["blob","([0-9a-f]{64})"\]')
_WIDE = re.compile(r"[^\x00-\x7f]+")
_SYSTEM = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-[0-9a-f]{12}")


class Row(NamedTuple):
    """What is inserted: the columns, and the blobs that the body speaks of."""

    columns: dict[str, str]
    blobs: dict[str, bytes]


def to_row(run: str, record: Kept | Pulse) -> Row:
    """A record's columns and body. The columns are an index: cut to what every database takes, never the truth."""
    pieces: dict[str, bytes] = {}
    if isinstance(record, Run):
        body = _run_body(record, pieces)
    else:
        body = _text(record)
        if isinstance(record, Measurement):
            body = _PIECE.sub(lambda found: _kept(found, pieces), body)
    key = record.judged_by if isinstance(record, Summary) else getattr(record, "key", "")
    name = getattr(record, "system", "")
    columns = {
        "run": run,
        "kind": record.kind,
        "key": key,
        "probe": getattr(record, "probe", ""),
        "target": getattr(record, "target", ""),
        "system": system_id(name) if isinstance(record, Run) else system_column(name) if name else "",
    }
    cut = {k: column(v, WIDTH[k]) if k in WIDTH else v for k, v in columns.items()}
    return Row({**cut, "body": body}, pieces)


def column(text: str, width: int) -> str:
    """A text as an index holds it: itself where short and plain, otherwise its beginning and its digest."""
    if len(text) <= width and text.isascii() and "\0" not in text:
        return text
    safe = text[:width].encode("ascii", "replace").decode().replace("\0", "?")
    return f"{safe[: width - 17]}~{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def system_column(system: str) -> str:
    """What the column holds of a system, be it given by :func:`system_id` or by its name."""
    return system if len(system) <= 53 and _SYSTEM.fullmatch(system) else system_id(system)


def marks(body: str) -> set[str]:
    """The digests of the blobs that a measurement's body speaks of."""
    return {found[1] or found[2] for found in _MARK.finditer(body)} if '"blob"' in body else set()


def joined(body: str, blobs: Mapping[str, bytes]) -> str:
    """A measurement's body with its blobs put back in their place."""

    def back(found: re.Match[str]) -> str:
        name = "png" if found[1] else "data"
        return f'"{name}":"{base64.urlsafe_b64encode(blobs[found[1] or found[2]]).decode()}"'

    return _MARK.sub(back, body) if '"blob"' in body else body


def parse(model: type[Some], body: str) -> Some:
    """A record from its text. Raises ValueError where it is none."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if not any(e["type"] == "json_invalid" for e in error.errors(include_input=False, include_url=False)):
            raise
        return model.model_validate_json(json.dumps(_cleaned(json.loads(body))))


def run_marks(content: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """A run's body as an object, and the digests of its card's text and of its gaps where they were kept apart."""
    settings = content.get("settings") or {}
    return content, _apart(content.get("card_text")), _apart(settings.get("gaps"))


def to_run(content: dict[str, Any], texts: Mapping[str, str], *, gaps: bool) -> Run:
    """A run from :func:`run_marks`; ``gaps`` False leaves out what was not tested, which is long."""
    settings = dict(content.get("settings") or {})
    if not gaps:
        settings.pop("gaps", None)
    elif sha := _apart(settings.get("gaps")):
        settings["gaps"] = json.loads(texts[sha])
    card = _apart(content.get("card_text"))
    run = parse(Run, json.dumps({**content, "settings": settings, **({"card_text": ""} if card else {})}))
    return run.model_copy(update={"card_text": texts[card]}) if card else run


def _run_body(run: Run, pieces: dict[str, bytes]) -> str:
    """A run's body. The card and the gaps are the same in many runs and are not needed to list them."""
    content = json.loads(_text(run))
    for holder, name in ((content, "card_text"), (content["settings"], "gaps")):
        value = holder.get(name)
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        if value and len(text) > INLINE_BYTES:
            holder[name] = {"blob": _keep(text.encode(), pieces)}
    return json.dumps(content, separators=(",", ":"))


def _apart(value: Any) -> str:
    return str(value["blob"]) if isinstance(value, dict) and set(value) == {"blob"} else ""


def _kept(found: re.Match[str], pieces: dict[str, bytes]) -> str:
    name, text = found.groups()
    content = base64.urlsafe_b64decode(text) if len(text) % 4 == 0 else b""
    if len(content) <= INLINE_BYTES or base64.urlsafe_b64encode(content).decode() != text:
        return found[0]
    sha = _keep(content, pieces)
    return f'"png":{{"blob":"{sha}"}}' if name == "png" else f'"data":["blob","{sha}"]'


def _keep(content: bytes, pieces: dict[str, bytes]) -> str:
    sha = digest.of_bytes(content)
    pieces[sha] = content
    return sha


def _text(record: Record) -> str:
    """The record as JSON in ASCII, which every encoding of a database can hold.

    Half a surrogate pair is no text anywhere: it is written as the words of its escape.
    """
    try:
        body = record.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(_cleaned(record.model_dump(mode="json")), separators=(",", ":"))
    return body if body.isascii() else _WIDE.sub(lambda found: json.dumps(found[0])[1:-1], body)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(k): _cleaned(v) for k, v in value.items()}
    return [_cleaned(v) for v in value] if isinstance(value, list) else value


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
