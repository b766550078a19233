"""Two runs side by side, chosen from lists."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

from fastapi import Query

from momus.assess.shelf import RunLine
from momus.core.decisions import system_id
from momus.core.records import Record
from momus.reports import compare_text
from momus.reports.compare import CompareView, ProbeChange
from momus.web.pages import Ask, Router, page

router = Router()
MOST_CHOICES = 300
MOST_READINGS = 25  # of one row
Named = Annotated[str, Query(max_length=200)]


class ComparePage(Record):
    """What changed from one run to another, and the runs to choose from."""

    before: str
    after: str
    system: str
    choices: tuple[RunLine, ...]
    change: CompareView | None

    @property
    def words(self) -> ModuleType:
        """How the report speaks of changes."""
        return compare_text

    @property
    def shown(self) -> CompareView | None:
        """The changes as the page shows them: of each row the readings that matter most. The twin holds all."""
        if self.change is None:
            return None
        rows = tuple(
            m.model_copy(update={"probes": tuple(sorted(m.probes, key=_urgency)[:MOST_READINGS])})
            if len(m.probes) > MOST_READINGS
            else m
            for m in self.change.modes
        )
        return self.change.model_copy(update={"modes": rows})

    @property
    def left_out(self) -> dict[str, int]:
        """How many readings of a row are left out of the page."""
        modes = self.change.modes if self.change is not None else ()
        return {m.slug: len(m.probes) - MOST_READINGS for m in modes if len(m.probes) > MOST_READINGS}

    @property
    def groups(self) -> dict[str, list[RunLine]]:
        """The choices by system."""
        made: dict[str, list[RunLine]] = {}
        for line in self.choices:
            made.setdefault(line.name, []).append(line)
        return made


@page(router, "/compare", template="compare_page.html.j2", nav="Compare")
def compare(ask: Ask, before: Named = "", after: Named = "", system: Named = "") -> ComparePage:
    """What changed from run ``before`` to run ``after``: verdicts, numbers beyond their intervals, tests new and lost.

    Left out, ``after`` is the newest run (of ``system``) and ``before`` the one before it.
    """
    everything = ask.shelf.runs(system) if system else ask.shelf.runs()
    late = ask.shelf.run(after) if after else None
    if late is None and (newest := next((r for r in everything if r.ended is not None), None)) is not None:
        late = ask.shelf.run(newest.id)
    early = ask.shelf.run(before) if before else None
    if early is None and late is not None:
        mine = ask.shelf.runs(system_id(late.system))
        earlier = next((r for r in mine if r.created < late.created and r.ended is not None), None)
        early = ask.shelf.run(earlier.id) if earlier is not None else None
    named = {r.id for r in (early, late) if r is not None}
    ours = [r for i, r in enumerate(everything) if i < MOST_CHOICES or r.id in named]
    held = early is not None and late is not None and early.id != late.id
    return ComparePage(
        before=early.id if early else "",
        after=late.id if late else "",
        system=system,
        choices=tuple(ours),
        change=ask.shelf.compared(early.id, late.id) if held and early and late else None,
    )


def _urgency(reading: ProbeChange) -> int:
    return 0 if reading.change == "worse" else 2 if reading.change == "unchanged" else 1
