"""One request with its answer, and the events that it makes: by dotted names or functions, callers by digests."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from momus.core.errors import MomusError
from momus.monitor.decode import loads_of, walk

Headers = Sequence[tuple[bytes, bytes]]
_MANY = 10_000  # events of one request
_FIELDS = frozenset({
    "time", "caller", "input", "output", "label", "contributor", "learned", "seconds", "size", "memory", "status",
    "reward", "goal", "version",
})  # fmt: skip
_ROOTS = ("request", "response", "header", "answer", "client", "path")
_loads = loads_of()


@dataclass
class Exchange:
    """What passed by. A body that is longer than is looked at is empty here; ``asked`` and ``said`` are its bytes."""

    time: float
    scope: Mapping[str, Any]
    status: int = 0
    headers: Headers = ()  # of the answer
    request: bytes = b""
    response: bytes = b""
    asked: int = 0
    said: int = 0
    seconds: float = 0.0

    @cached_property
    def question(self) -> Any:
        """The request as JSON; None where it is none."""
        return _json(self.request)

    @cached_property
    def answer(self) -> Any:
        """The answer as JSON; None where it is none."""
        return _json(self.response)

    @property
    def client(self) -> str | None:
        """The address that the connection came from."""
        client = self.scope.get("client")
        return str(client[0]) if client else None

    def header(self, name: str, headers: Headers | None = None) -> str | None:
        """The first header of that name, of the request unless others are given."""
        wanted = name.lower().encode("latin-1", "replace")
        given = self.scope.get("headers", ()) if headers is None else headers
        return next((v.decode("latin-1") for k, v in given if k.lower() == wanted), None)


Field = str | Callable[[Exchange], Any]


class Reader:
    """Exchange -> events as JSON lines. Raises MomusError for a field that does not exist or cannot be found."""

    def __init__(self, folder: Path, fields: Mapping[str, Field], names: str, salt: str) -> None:
        for name, field in fields.items():
            root = field.split(".")[0].removesuffix("[]") if isinstance(field, str) else "client"
            if name not in _FIELDS or (root not in _ROOTS and field != ""):
                raise MomusError(
                    f"no event has '{name}' from '{field}'", code="monitor/field", place="Momus(...)",
                    hint=f"Fields are {', '.join(sorted(_FIELDS))}; they begin with {', '.join(_ROOTS)}",
                )  # fmt: skip
        if names not in ("salted", "plain"):
            raise MomusError(f"names are 'salted' or 'plain', not '{names}'", code="monitor/field", place="Momus(...)")
        self._fields = {name: field for name, field in fields.items() if field != ""}
        self._key = b"" if names == "plain" else salt.encode() or _kept_salt(folder)

    def events(self, exchange: Exchange) -> list[bytes]:
        """The events of an exchange: one, or one an item where a name ends in ``[]``."""
        many: dict[str, list[Any]] = {}
        event: dict[str, Any] = {
            "time": round(exchange.time, 6), "seconds": round(exchange.seconds, 6), "size": exchange.asked,
            "status": exchange.status,
        }  # fmt: skip
        for name, field in self._fields.items():
            value = _value(exchange, field)
            if isinstance(field, str) and "[]" in field:
                many[name] = value if isinstance(value, list) else []
            elif value is not None:
                event[name] = value
        for name in ("caller", "contributor"):
            if self._key and event.get(name) is not None:
                event[name] = self._digest(event[name])
        if not many:
            return [_line(event)]
        n = min(max(map(len, many.values())), _MANY)
        shared = {**event, "size": exchange.asked / n} if n else event
        rows = [{**shared, **{k: v[i] for k, v in many.items() if i < len(v)}} for i in range(n)]
        return [_line(row) for row in rows] or [_line(event)]

    def _digest(self, name: Any) -> str:
        return hmac.new(self._key, str(name)[:4096].encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:24]


def _value(exchange: Exchange, field: Field) -> Any:
    if not isinstance(field, str):
        return field(exchange)
    root, _, rest = field.partition(".")
    if root == "client":
        return exchange.client
    if root == "path":
        return exchange.scope.get("path")
    if root == "header":
        return exchange.header(rest)
    if root == "answer":
        return exchange.header(rest, exchange.headers)
    root, each = root.removesuffix("[]"), root.endswith("[]")
    body = exchange.question if root == "request" else exchange.answer
    if each:
        return body
    front, _, behind = rest.partition("[]")
    found = walk(body, front.split(".")) if front else body
    if behind and isinstance(found, list):
        parts = behind.strip(".").split(".")
        return [walk(item, parts) for item in found]
    return found


def _json(body: bytes) -> Any:
    if not body:
        return None
    try:
        return _loads(body)
    except (ValueError, RecursionError):
        return None


def _line(event: Mapping[str, Any]) -> bytes:
    """A line of JSON. ValueError or TypeError where a function gave something that JSON has no word for."""
    return json.dumps(event, allow_nan=False, separators=(",", ":"), ensure_ascii=True).encode()


def _kept_salt(folder: Path) -> bytes:
    """The key of this spool, made by whoever comes first and readable by the owner alone."""
    path = folder / "salt"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            part = folder / f".salt-{os.getpid()}-{secrets.token_hex(4)}"
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as stream:
                stream.write(secrets.token_hex(32).encode())
            try:
                os.link(part, path)
            except FileExistsError:
                pass  # another worker was first: its key counts for all
            finally:
                part.unlink()
        return path.read_bytes()
    except OSError as error:
        raise MomusError(
            f"the spool cannot be written: {error.strerror or error}", code="monitor/spool", place=str(folder),
            hint="Name a folder that the service may write to",
        ) from error  # fmt: skip
