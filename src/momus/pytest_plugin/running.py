"""One pytest run over cards: plans each card once, measures what is selected, sums up at the end.

With xdist the controller plans before its workers start and hands the plan over; a worker measures what it is given,
and a job that two workers need is measured by the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from momus.core.errors import MomusError
from momus.core.records import Severity
from momus.pytest_plugin.collecting import Card, Measured

if TYPE_CHECKING:
    from momus.assess.assessment import Assessment
    from momus.assess.piecewise import Pieces, Prepared

_HANDED = "momus"


@dataclass
class System:
    """One card of the run: its plan or why there is none, and its jobs in this process."""

    card: Path
    prepared: Prepared | None = None
    trouble: str = ""
    ran: bool = False
    judged: Assessment | None = field(default=None, repr=False)

    @cached_property
    def pieces(self) -> Pieces:
        from momus.assess.piecewise import Pieces

        assert self.prepared is not None, self.trouble
        return Pieces(self.prepared)


class Running:
    """The part of the plugin that is there only when a card is named."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.bar = Severity(self._value("momus_bar") or "important")
        self.strict = bool(self._value("momus_strict"))
        self.troubles: list[str] = []
        self.systems = {path: System(path) for path in self._cards()}
        handed = getattr(config, "workerinput", {}).get(_HANDED)
        self._is_worker = hasattr(config, "workerinput")
        if handed is not None:
            from momus.assess.piecewise import Prepared

            for path, prepared, trouble in json.loads(handed):
                plan = None if prepared is None else Prepared.of_text(prepared)
                self.systems[Path(path)] = System(Path(path), plan, trouble)
        elif not self._is_worker:
            self._add_arguments()

    def _value(self, name: str) -> Any:
        given = self.config.getoption(name)
        return self.config.getini(name) if given is None else given

    def _cards(self) -> list[Path]:
        """The cards by their place: those of the command line from where it was typed, those of the file from there."""
        typed = self.config.getoption("momus")
        base = self.config.invocation_params.dir if typed else self.config.rootpath
        found = list(dict.fromkeys((base / name).resolve() for name in typed or self.config.getini("momus")))
        missing = [p for p in found if not p.is_file()]
        if missing:
            raise pytest.UsageError(f"--momus {missing[0]}: there is no such file; momus init writes a first card")
        for name in self._value("momus_report"):
            from momus.reports.write import FORMATS

            if Path(name).suffix.lower() not in FORMATS:
                raise pytest.UsageError(f"--momus-report {name}: end it in one of {', '.join(FORMATS)}")
        return found

    def _add_arguments(self) -> None:
        """A card is collected like a test file that was named, unless something inside it was named."""
        named = {(self.config.invocation_params.dir / a.split("::")[0]).resolve() for a in self.config.args}
        self.config.args += [str(path) for path in self.systems if path not in named]

    def settings(self) -> Any:
        from momus.assess.run import Settings

        minutes = self._value("momus_minutes")
        tx = getattr(self.config.option, "tx", None) or [None]
        return Settings(
            seed=int(self._value("momus_seed") or 0),
            only=tuple(self._value("momus_only")),
            minutes=float(minutes) if minutes else None,
            workers=len(tx),
            command="pytest",
        )

    def plan(self, system: System) -> None:
        """Open the targets and plan, once; what is wrong with the card is kept as one line."""
        from momus.assess.piecewise import prepare

        if system.prepared is not None or system.trouble:
            return
        try:
            store = self._value("momus_store") or None
            system.prepared = prepare(system.card, self.settings(), store)
        except MomusError as error:
            system.trouble = str(error)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Before an xdist worker starts: the plans travel with it."""
        for system in self.systems.values():
            self.plan(system)
        told = [(str(s.card), s.prepared and s.prepared.text(), s.trouble) for s in self.systems.values()]
        node.workerinput[_HANDED] = json.dumps(told)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        system = self.systems.get(file_path.resolve())
        return None if system is None else Card.from_parent(parent, path=file_path, running=self, system=system)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A skipped item is at its place in the card, not in this plugin; an inconclusive one says so."""
        report = yield
        if isinstance(item, Measured) and report.skipped and isinstance(report.longrepr, tuple):
            path, line, _ = item.reportinfo()
            report.longrepr = (str(path), (line or 0) + 1, report.longrepr[2])
            report.momus = item.word  # type: ignore[attr-defined]
        return report

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        word = getattr(report, "momus", "")
        if word == "inconclusive" and report.skipped and not hasattr(report, "wasxfail"):
            return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = dict(report.user_properties)
        if report.when == "setup" and "momus.card" in told:
            self.systems[Path(str(told["momus.card"]))].ran = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge all that was measured and write the reports; a worker leaves that to its controller."""
        if self._is_worker:
            return
        ran = [s for s in self.systems.values() if s.prepared is not None]
        for place, system in enumerate(ran):
            try:
                system.judged = system.pieces.finish()
                for path in map(Path, self._value("momus_report") if system.ran else ()):
                    # Of several cards each has its own file.
                    own = path if len(ran) == 1 else path.with_stem(f"{path.stem}-{place + 1}")
                    system.judged.report(self.config.invocation_params.dir / own)
            except (MomusError, OSError) as error:
                self.troubles.append(f"{system.card.name}: {error}")
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
            if system.ran and system.judged is not None and not system.judged.findings:
                self.troubles.append(f"{system.card.name}: nothing was measured, so nothing passed")
                session.exitstatus = session.exitstatus or pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The 17 rows of each card, line by line."""
        from momus.pytest_plugin.telling import rows

        for line in self.troubles:
            terminalreporter.write_line(f"momus: {line}", red=True)
        for system in self.systems.values():
            if system.judged is not None and system.ran:
                view = system.judged.view()
                # Cards are all called alike: by their place from where the command was typed.
                name = os.path.relpath(system.card, self.config.invocation_params.dir)
                terminalreporter.section(f"momus: {name}, run {view.run.id}", sep="-")
                for line in rows(view, terminalreporter._tw.fullwidth, color=terminalreporter.hasmarkup):
                    terminalreporter.write_line(line)
