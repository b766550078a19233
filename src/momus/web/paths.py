"""Addresses of pages. Every part is escaped, slashes too: a name can never become a part of the way."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode


def at(*parts: object, **query: object) -> str:
    """``at("runs", id, page=2)`` is ``/runs/ID?page=2``; what is empty in the query is left out."""
    path = "/" + "/".join(quote(str(p), safe="", errors="replace") for p in parts)
    return with_query(path, [(k, str(v)) for k, v in query.items() if v not in ("", None)])


def with_query(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    """A path with a query; values may hold anything."""
    return f"{path}?{urlencode(pairs, errors='replace', safe=',')}" if pairs else path
