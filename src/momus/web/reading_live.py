"""A run under way: how far it is, what it does now, when it will be done, and whether it is still heard from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from momus.assess.shelf import RunLine
from momus.core.decisions import Pulse
from momus.core.records import Record
from momus.reports import wording
from momus.reports.progress import clock_time
from momus.web.pages import Ask, Router, page

router = Router()


class LivePage(Record):
    """What a run last said of itself. ``mark`` changes when there is something new to tell."""

    run: RunLine
    said: str
    mark: str
    left: str = ""
    age: int = 0
    heard: str = ""
    seen: str = ""


@page(router, "/runs/{run}/live", template="live.html.j2")
def live(ask: Ask, run: str, seen: Annotated[str, Query(max_length=40)] = "") -> LivePage:
    """How a run under way goes. ``seen`` is the mark of what the reader knows already."""
    line = ask.shelf.line(run)
    pulse = line.pulse
    seconds = pulse.seconds_left if pulse is not None and line.state == "running" else None
    left = clock_time(seconds) if seconds is not None else ""
    age = max(0, int((datetime.now(UTC) - line.heard).total_seconds()))
    mark = f"{line.state}-{pulse.done if pulse else 0}-{pulse.total if pulse else 0}"
    return LivePage(run=line, said=said(line), mark=mark, left=left, age=age, heard=age_in_words(line), seen=seen)


def said(line: RunLine) -> str:
    """Where a run stands, in one or two sentences."""
    pulse = line.pulse
    if line.state == "ended":
        return "This run has ended. Its results are complete."
    if line.state == "silent":
        return f"Nothing was heard for {age_in_words(line)}: it may have been stopped. {_by_then(pulse)}"
    if pulse is None or not pulse.total:
        return "The model and the data are looked at; it is not known yet what will be measured."
    fails = f" {pulse.failing} of them fail{'s' if pulse.failing == 1 else ''} so far." if pulse.failing else ""
    total = wording.count(pulse.total, "measurement")
    return f"{pulse.done} of {total} {'is' if pulse.done == 1 else 'are'} done.{fails}"


def _by_then(pulse: Pulse | None) -> str:
    """How far a run had come when it was last heard from."""
    if pulse is None or not pulse.total:
        return "It had not said yet what it would measure."
    fails = f", and {pulse.failing} of them failed" if pulse.failing else ""
    total = wording.count(pulse.total, "measurement")
    return f"By then {pulse.done} of {total} {'was' if pulse.done == 1 else 'were'} done{fails}."


def age_in_words(line: RunLine) -> str:
    """How long ago a run was last heard from."""
    seconds = max(0, int((datetime.now(UTC) - line.heard).total_seconds()))
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return wording.count(seconds // size, word)
    return wording.count(seconds, "second")
