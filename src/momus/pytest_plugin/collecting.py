"""What pytest collects of a card: the file, its 17 modes, and under each its measurements and gaps.

An item measures in its setup and judges in its call: a measurement that breaks is an ERROR, one that fails FAILED.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from momus.core.records import Gap, Status
from momus.pytest_plugin import telling
from momus.reports.text import clean

SHUT = ("unopened", "unsafe")  # gaps of a target that was there and could not be opened: an error, no skip

if TYPE_CHECKING:
    from momus.assess.plan import Job
    from momus.core.records import Finding
    from momus.pytest_plugin.running import Running, System


def _worth_an_item(gap: Gap) -> bool:
    """Not what nobody asked for, nor a probe that is about another kind of system."""
    from momus.assess.plan import NO_FIT

    return bool(gap.probe) and gap.why not in ("not-selected", *SHUT) and gap.how_to_close != NO_FIT


class Card(pytest.File):
    """A momus.yaml. Collecting it opens its targets in confined workers, once."""

    def __init__(self, *, running: Running, system: System, **how: Any) -> None:
        super().__init__(**how)
        self.running, self.system = running, system

    def collect(self) -> Iterable[pytest.Collector]:
        self.running.plan(self.system)
        if self.system.prepared is None:
            raise self.CollectError(self.system.trouble)
        for mode in telling.modes():
            yield Mode.from_parent(self, name=mode.id, slug=mode.slug)


class Mode(pytest.Collector):
    """One of the 17 modes. It always has an item: a mode that nothing looks at is a skipped one."""

    parent: Card

    def __init__(self, *, slug: str, **how: Any) -> None:
        super().__init__(**how)
        self.slug = slug

    @cached_property
    def threat(self) -> Any:
        from momus.threats import threats

        return threats(self.parent.system.pieces.card).modes[self.slug]

    def collect(self) -> Iterable[pytest.Item]:
        plan = self.parent.system.pieces.prepared
        jobs = [j for j in plan.jobs if self.slug in j.modes]
        gaps = [g for g in plan.gaps if g.mode == self.slug]
        for job in jobs:
            yield self._item(f"{job.probe}[{job.target}]", job=job)
        shown = [g for g in gaps if _worth_an_item(g)]
        shut = {g.target: g for g in gaps if g.why in SHUT}
        for target, gap in shut.items():
            yield self._item(f"not_opened[{target}]", gap=gap)
        for gap in shown:
            yield self._item(f"{gap.probe}[{gap.target}]", gap=gap, alone=not jobs)
        if not jobs and not shown and not shut:
            yield self._item("not_tested", gap=gaps[0] if gaps else self._nothing(), alone=True)

    def _item(self, name: str, **what: Any) -> Measured:
        """Its id is given as text, so that pytest takes what is in brackets for what it takes it for in its cache."""
        name = clean(name, 160).replace("::", ":")
        return Measured.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", **what)

    def _nothing(self) -> Gap:
        detail = f"{self.threat.words}: {self.threat.reason}"
        return Gap(mode=self.slug, probe="", target="", why="no-probe", detail=detail, how_to_close="")


class Measured(pytest.Item):
    """One probe on one target for one mode, or the gap where it could not be."""

    parent: Mode

    def __init__(self, *, job: Job | None = None, gap: Gap | None = None, alone: bool = False, **how: Any) -> None:
        super().__init__(**how)
        self.job, self.gap, self.alone = job, gap, alone
        self.slug = self.parent.slug
        self.system, self.running = self.parent.parent.system, self.parent.parent.running
        self.add_marker("momus")
        self.extra_keyword_matches.update({self.slug, *((job.target, job.probe) if job else ())})
        self.word = ""
        self._finding: Finding | None = None
        self.tell(card=str(self.system.card), mode=self.parent.name)

    def tell(self, **properties: Any) -> None:
        """Properties of the item, as JUnit keeps them."""
        self.user_properties += [(f"momus.{k}", str(v)) for k, v in properties.items()]

    def reportinfo(self) -> tuple[Path, int | None, str]:
        target = self.job.target if self.job else self.gap.target if self.gap else ""
        # Not the end of its id: pytest would take the dots of a probe's name for those of a module.
        headline = f"{self.parent.name} {self.name}"
        return self.path, telling.line_of(self.system.pieces.card, target), headline

    def setup(self) -> None:
        """Measure, or take what was measured for another mode, by another process or in an earlier run."""
        if self.gap is not None and self.gap.why in SHUT:  # a model that breaks is no model that was not tested
            pytest.fail(telling.one_line(f"{self.gap.detail}. {self.gap.how_to_close}"), pytrace=False)
        if self.job is None:
            return
        pieces = self.system.pieces
        found = pieces.measure(self.job)
        if isinstance(found, Gap):
            self.gap, self.alone = found, True
            return
        self._judged = pieces.judged(found)
        self._finding = finding = next(f for f in self._judged.findings if f.mode == self.slug)
        self.word = finding.status.value
        self.tell(probe=finding.probe, target=finding.target, status=self.word, **telling.numbers(finding))
        if finding.status is Status.ERROR:
            pytest.fail(telling.error(finding, pieces.head), pytrace=False)

    def runtest(self) -> None:
        """Judge: only a pass passes."""
        if self._finding is None:
            self._untested()
            return
        finding, view = self._finding, self._judged.view()
        mode = view.mode(self.slug)
        said = telling.verdict(view, mode, finding)
        if finding.status is Status.INCONCLUSIVE:
            if self.running.strict:
                pytest.fail(said, pytrace=False)
            pytest.skip(f"inconclusive: {telling.brief(finding)}")
        if finding.status is not Status.FAIL:
            return
        severity, waiver = mode.rated(finding), view.waiver(finding)
        self.tell(severity=severity.value if severity else "none")
        if waiver is not None:
            self._excuse(f"fails, accepted by {waiver.by} until {waiver.until}: {waiver.reason}", said)
        if severity is not None and severity.rank < self.running.bar.rank:
            self._excuse(
                f"fails with severity {severity.value}, below the bar {self.running.bar.value}: "
                f"{telling.brief(finding)}",
                said,
            )
        pytest.fail(said, pytrace=False)

    def _untested(self) -> None:
        gap = self.gap
        assert gap is not None
        self.tell(status="not_tested", why=gap.why)
        said = telling.gap(gap)
        if self.running.strict and self.alone and self.parent.threat.verdict != "not_applicable":
            pytest.fail(f"{self.parent.name} {self.slug}: not tested. {said}", pytrace=False)
        pytest.skip(said)

    def _excuse(self, why: str, said: str) -> None:
        """Expected to fail: it shows as xfailed, not as passed. Under --runxfail it fails."""
        if not self.config.getoption("runxfail", False):
            pytest.xfail(telling.one_line(why))
        pytest.fail(said, pytrace=False)
