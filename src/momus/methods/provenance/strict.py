"""JSON from strangers: bounded, no repeated keys, no numbers that are none. One text, one meaning."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

MOST = 48 << 20


class Malformed(Exception):
    """The text is not what it should be; the message says where it goes wrong."""


def parse(text: bytes, what: str, most: int = MOST) -> dict[str, Any]:
    """The object in ``text``. A key that stands twice is refused: readers disagree about which of the two counts."""
    if len(text) > most:
        raise Malformed(f"{what} is larger than {most >> 20} MiB")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        said = "is nested too deeply" if isinstance(error, RecursionError) else f"is no usable JSON: {error}"
        raise Malformed(f"{what} {said}") from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key '{key[:40]}' stands twice")
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def get(value: Any, key: str, kind: type, what: str) -> Any:
    """``value[key]`` of that type; bool is no int here."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Malformed(f"{what} has no usable '{key}'")
    return found


def unbase64(text: str, what: str) -> bytes:
    """Standard base64 with its padding and nothing else between."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is no base64") from None
    if base64.b64encode(found).decode() != text:  # two texts for one value would let a signature be re-spelt
        raise Malformed(f"{what} is no canonical base64")
    return found
