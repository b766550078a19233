"""A closed window as JSON, for as long as nobody has been told of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from momus.monitor.alarms import Standing
from momus.monitor.detector import Lacking, Reading
from momus.monitor.sinks import Closed

_PLAIN = ("number", "events", "shed", "broken", "seconds", "waiting", "dear")


@cache
def _of(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(dict[str, kind], config=ConfigDict(ser_json_inf_nan="constants"))


def _text(kind: Any, held: Mapping[str, Any]) -> str:
    # detectors compute with NumPy: a count may be one of its integers
    return _of(kind).dump_json(dict(held), fallback=lambda value: value.item(), warnings=False).decode()


def dumped(closed: Closed) -> dict[str, Any]:
    """JSON from which :func:`loaded` makes the same window, to the last bit."""
    return {
        **{name: getattr(closed, name) for name in _PLAIN},
        "span": [None if t != t else t for t in (closed.start, closed.end)],
        "counts": dict(closed.counts),
        "shown": list(closed.shown),
        "readings": _text(Reading, closed.readings),
        "standings": _text(Standing, closed.standings),
        "lacking": _text(Lacking, closed.lacking),
    }


def loaded(plain: dict[str, Any]) -> Closed:
    """The window that was dumped."""
    start, end = (float("nan") if t is None else float(t) for t in plain["span"])
    return Closed(
        **{name: plain[name] for name in _PLAIN},
        start=start,
        end=end,
        counts=plain["counts"],
        shown=tuple(plain["shown"]),
        readings=_of(Reading).validate_json(plain["readings"]),
        standings=_of(Standing).validate_json(plain["standings"]),
        lacking=_of(Lacking).validate_json(plain["lacking"]),
    )
