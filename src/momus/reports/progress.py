"""Progress of a run: a live table with an estimate on a terminal, one line an event everywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from momus.core.records import Finding, Status
from momus.reports import wording
from momus.reports.text import clean, encodable, shorten

if TYPE_CHECKING:
    from rich.console import Group

# A silent job in a log looks like a hanging one: every so many seconds it says how far it is.
HEARTBEAT = 30.0
_BAR = 14


@dataclass
class _Job:
    probe: str
    target: str
    started: float | None = None
    ended: float | None = None
    fraction: float = 0.0
    note: str = ""
    finding: Finding | None = None
    spoke: float = 0.0


class Progress:
    """Told by the runner how it goes; safe to call from several threads.

    ``out`` defaults to standard error, so that a report on standard output stays clean. ``live`` defaults to whether
    ``out`` is a terminal. Use it as a context manager, or call :meth:`stop` before anything else is printed.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        *,
        live: bool | None = None,
        width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.out = out if out is not None else sys.stderr
        self.live = bool(getattr(self.out, "isatty", lambda: False)()) if live is None else live
        self.width = width
        self.clock = clock
        self.began = 0.0
        self.jobs: dict[str, _Job] = {}
        self._lock = threading.RLock()
        self._display: Any = None

    def start(self, jobs: Sequence[tuple[str, str, str]]) -> None:
        """The jobs of the run as (key, probe, target), in the order in which they will be shown."""
        with self._lock:
            self.began = self.clock()
            self.jobs = {key: _Job(clean(probe, 60), clean(target, 40)) for key, probe, target in jobs}
            if not self.jobs:
                return
            if self.live:
                self._open()
            else:
                self._say(wording.count(len(self.jobs), "measurement"))

    def update(self, key: str, fraction: float, note: str) -> None:
        """A job is ``fraction`` of the way through, and what it does now. Unknown keys are ignored."""
        with self._lock:
            job = self.jobs.get(key)
            if job is None or job.ended is not None:
                return
            now = self.clock()
            if job.started is None:
                job.started = job.spoke = now
            job.fraction, job.note = min(1.0, max(job.fraction, fraction)), clean(note, 60)
            if not self.live and now - job.spoke >= HEARTBEAT:
                job.spoke = now
                self._say(f"        {job.probe} on {job.target}: {job.fraction:.0%} {job.note}".rstrip())

    def done(self, key: str, finding: Finding | None, text: str) -> None:
        """A job ended, with its finding under the card's limits and a remark."""
        with self._lock:
            job = self.jobs.get(key)
            if job is None:
                return
            job.ended, job.fraction, job.finding, job.note = self.clock(), 1.0, finding, clean(text, 80)
            if not self.live:
                place = f"[{self.finished:>{len(str(len(self.jobs)))}}/{len(self.jobs)}]"
                self._say(f"{place} {job.probe} on {job.target}: {outcome(job.finding, job.note)}")

    def stop(self) -> None:
        """End the display; what it shows last stays on the terminal. Calling it twice does no harm."""
        with self._lock:
            if self._display is not None:
                self._display.stop()
                self._display = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def finished(self) -> int:
        """How many jobs have ended."""
        return sum(j.ended is not None for j in self.jobs.values())

    def under_way(self) -> list[_Job]:
        """The jobs that were heard from and have not ended, as they were given."""
        with self._lock:
            return [j for j in self.jobs.values() if j.started is not None and j.ended is None]

    def remaining(self) -> float | None:
        """Seconds that are probably left; None while there is nothing to go by.

        From how far all jobs are together, but not less than the slowest job under way needs by its own pace.
        """
        total = sum(j.fraction for j in self.jobs.values())
        now = self.clock()
        elapsed = now - self.began
        if total < 0.05 or elapsed < 1.0:
            return None
        running = [j for j in self.under_way() if j.fraction >= 0.05]
        own = [(now - j.started) * (1 - j.fraction) / j.fraction for j in running if j.started is not None]
        return max(elapsed * (len(self.jobs) - total) / total, *own, 0.0)

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            lines = [self._line(j) for j in self._shown()]
            hidden = len(self.jobs) - len(lines)
            if hidden:
                lines.append(Text(f"  and {hidden} more", style="dim"))
            lines.append(self._foot())
        return Group(*lines)

    def _shown(self) -> list[_Job]:
        """All jobs where they fit on the screen, else those that run, then the last to end, then the next."""
        jobs = list(self.jobs.values())
        most = max(4, (self._display.console.height if self._display is not None else 40) - 3)
        if len(jobs) <= most:
            return jobs
        running = self.under_way()
        over = sorted((j for j in jobs if j.ended is not None), key=lambda j: -(j.ended or 0.0))
        waiting = [j for j in jobs if j.started is None and j.ended is None]
        kept = [*running, *over[: most // 2], *waiting][:most]
        return [j for j in jobs if any(j is k for k in kept)]

    def _line(self, job: _Job) -> Any:
        from rich.text import Text

        from momus.reports.terminal import STYLES

        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{shorten(job.probe, 28):<29}", style="bold" if job.ended is None and job.started else "")
        line.append(f"{shorten(job.target, 16):<17}", style="dim")
        if job.ended is not None:
            style = STYLES[job.finding.status.value] if job.finding else "dim"
            line.append(outcome(job.finding, job.note), style=style)
        elif job.started is None:
            line.append("waiting", style="dim")
        else:
            full = round(job.fraction * _BAR)
            line.append("━" * full, style="cyan")
            line.append("─" * (_BAR - full), style="dim")
            line.append(f" {job.fraction:4.0%}  ")
            line.append(job.note, style="dim")
        return line

    def _foot(self) -> Any:
        from rich.text import Text

        left = self.remaining()
        told = f"{self.finished} of {len(self.jobs)}   {clock_time(self.clock() - self.began)}"
        if self.finished < len(self.jobs) and left is not None:
            told += f"   about {clock_time(left)} left"
        return Text(f"\n{told}\n", style="bold")

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self.stop()
        console = Console(file=self.out, width=self.width, force_terminal=True, highlight=False, emoji=False)
        self._display = Live(self, console=console, refresh_per_second=4, transient=True)
        self._display.start()

    def _say(self, line: str) -> None:
        self.out.write(encodable(line, self.out) + "\n")
        self.out.flush()


def outcome(finding: Finding | None, note: str = "") -> str:
    """What came out of one job, in one line: ``FAIL tpr@1%fpr 0.31 [0.29, 0.33] > 0.05, 12.5 s``."""
    remark = f" ({clean(note)})" if note else ""
    if finding is None:
        return f"ended{remark}"
    label = wording.LABELS[finding.status.value]
    m = finding.measurement
    if m is None or finding.status is Status.ERROR:
        return f"{label} {clean(finding.reason, 160)}{remark}"
    said = f"{wording.metric(m.metric)} {wording.reading(m)} {wording.against(finding)}".rstrip()
    return f"{label} {said}, {m.cost.seconds:.1f} s{remark}"


def clock_time(seconds: float) -> str:
    """``0:07``, ``12:40``, ``1:02:03``."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
