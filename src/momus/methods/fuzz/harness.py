"""Ask a function about many inputs, any of which may crash, hang or exhaust the process that it runs in.

A forked child answers batch after batch through shared memory; when an input ends it, another child goes on behind that
input. The parent only watches: it waits for the end of a batch or of the child, and looks at the clock in between.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from momus.core.errors import ProbeError
from momus.core.spread import one_thread
from momus.methods.fuzz import child, family
from momus.methods.fuzz.area import Area
from momus.methods.fuzz.area import Outcome as Outcome

_STUCK = 3.0  # seconds beyond the limit that a child may take outside of any input
_WAITED = 3  # inputs that are waited for in full before others are given up sooner
_LEAST = 0.05  # seconds of patience at least: the system counts processor time in hundredths
_STARVED = 10.0  # times the limit that an input may take while the machine gives it no processor
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)')


class Harness:
    """A context manager; ``run`` gives one outcome an input, in order.

    ``seconds`` is what one input may take and ``memory_mb`` what it may take beyond what the process holds.
    ``refuses`` names the exceptions, or parents of them, that are an orderly refusal. ``keep`` brings answers back as
    plain values and NumPy arrays. A GPU in use cannot be forked: ProbeError.
    """

    def __init__(
        self,
        function: Callable[[bytes], Any],
        *,
        seconds: float,
        memory_mb: int,
        refuses: Sequence[str] = (),
        keep: bool = False,
    ) -> None:
        self._function = function
        self._seconds, self._memory_mb = seconds, memory_mb
        self.patience = seconds  # may be lowered: what takes longer is then given up, and told as hung
        self.hurry: float | None = None  # the patience after a few inputs have hung
        self._hung = 0
        self._one = child.Answering(seconds, memory_mb, refuses, keep)
        self._area: Area | None = None
        self._child: _Child | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._adopts = family.Adopting()
        self._held = contextlib.ExitStack()
        self.children = 0  # started so far

    def __enter__(self) -> Harness:
        torch = sys.modules.get("torch")
        if not hasattr(os, "fork") or (torch is not None and torch.cuda.is_initialized()):
            raise ProbeError("inputs are tried in forked processes, which cannot use a GPU", hint="Run on the CPU")
        self._held.enter_context(one_thread())
        self._adopts.start()
        self._scratch = tempfile.TemporaryDirectory(prefix="momus-fuzz-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        if self._area is not None:
            self._area.close()
            self._area = None
        self._adopts.stop()
        self._held.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def run(self, inputs: Sequence[bytes]) -> list[Outcome]:
        """One outcome an input. An input that seems to take too much memory is asked once more in a fresh child."""
        found: list[Outcome] = []
        while len(found) < len(inputs):
            left = inputs[len(found) : len(found) + 512]
            older = self._child is not None and self._child.answered > 0
            batch = self._batch(left)
            last = batch[-1]
            if last.kind == "memory" and (older or len(batch) > 1):
                batch[-1] = self._batch(left[len(batch) - 1 : len(batch)])[0]
            found += batch
        return found

    def _batch(self, inputs: Sequence[bytes]) -> list[Outcome]:
        """Outcomes of at least the first input, up to where the child ended or the memory between was used up."""
        area = self._fitting(inputs)
        inputs = inputs[: area.fits(inputs)]
        area.put(inputs)
        working = self._child = self._child or self._start(area)
        os.write(working.wake, b".")
        why = self._wait(working, area)
        found = area.outcomes(len(inputs))
        working.answered += len(found)
        if why is not None:
            now = time.monotonic()
            current, since = area.now_at()
            told = working.told()
            self._end()
            if len(found) < len(inputs):
                found.append(_ended(why, now - since if current >= 0 else 0.0, told))
        if not found:  # it says that it is done and wrote nothing that can be read
            self._end()
            found.append(Outcome("crashed", 0.0, 0.0, "damaged: the process wrote over its own memory"))
        return found

    def _fitting(self, inputs: Sequence[bytes]) -> Area:
        if self._area is None or not self._area.fits(inputs):
            self._end()
            if self._area is not None:
                self._area.close()
            self._area = Area(len(inputs[0]))
        return self._area

    def _start(self, area: Area) -> _Child:
        self.children += 1
        assert self._scratch is not None, "a harness is used in a with block"
        scratch = Path(self._scratch.name)
        return _Child.fork(self._function, area, self._one, scratch, self._memory_mb)

    def _wait(self, working: _Child, area: Area) -> str | int | None:
        """None: the batch is done. A number: the child ended with that status. Words: it was found hanging."""
        tick = int(1000 * min(0.25, max(0.005, self.patience / 8)))
        poll = select.poll()
        poll.register(working.done, select.POLLIN)
        if working.handle >= 0:
            poll.register(working.handle, select.POLLIN)
        began, seen, spent = time.monotonic(), (-1, 0.0), 0.0
        while True:
            ready = {fd for fd, _ in poll.poll(tick)}
            if working.done in ready:
                if said := os.read(working.done, 1):
                    if said != b".":
                        self._end()
                    return None
                poll.unregister(working.done)  # the child is about to end
            if (status := working.ended()) is not None:
                return status
            current, since = area.now_at()
            if (current, since) != seen:
                seen, spent = (current, since), family.state_of(working.pid)[1]
            if current < 0:
                if time.monotonic() - began > self._seconds + _STUCK:
                    return "between inputs"
            elif self._overdue(working.pid, time.monotonic() - since, spent):
                working.ask()
                given, self._hung = self.patience, self._hung + 1
                if self.hurry is not None and self._hung >= _WAITED:
                    sooner = self.hurry / (8 if self._hung >= 4 * _WAITED else 1)
                    self.patience = min(self.patience, max(sooner, _LEAST))
                return f"{given:g} s"

    def _overdue(self, pid: int, taken: float, before: float) -> bool:
        """Over the limit, and not merely because the machine is busy with other work.

        ``before`` is the processor time that had been used when the input was first seen in work.
        """
        if taken <= self.patience:
            return False
        state, spent = family.state_of(pid)
        return state != "R" or spent - before > 0.7 * self.patience or taken > _STARVED * self.patience

    def _end(self) -> None:
        """End the child and all that it started."""
        if self._child is not None:
            self._child.end()
            self._child = None
            self._adopts.sweep()


class _Child:
    """A forked process, the two pipes to it, and the file that takes its last words."""

    def __init__(self, pid: int, wake: int, done: int, errors: int) -> None:
        self.pid, self.wake, self.done, self._errors = pid, wake, done, errors
        self.answered = 0
        self.handle = -1
        with contextlib.suppress(AttributeError, OSError):
            self.handle = os.pidfd_open(pid)
        self._status: int | None = None

    @classmethod
    def fork(
        cls, function: Callable[[bytes], Any], area: Area, one: child.Answering, scratch: Path, memory_mb: int
    ) -> _Child:
        wake_out, wake_in = os.pipe()
        done_out, done_in = os.pipe()
        errors = _last_words(scratch)
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            code = 70
            try:
                os.close(wake_in)
                os.close(done_out)
                family.die_with(parent)
                child.settle(errors, memory_mb, scratch)
                child.serve(function, area, wake_out, done_in, one)
                code = 0
            finally:
                os._exit(code)
        family.STARTED.add(pid)
        os.close(wake_out)
        os.close(done_in)
        return cls(pid, wake_in, done_out, errors)

    def ended(self) -> int | None:
        """Its wait status; None while it runs."""
        if self._status is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._status = status if pid else None
        return self._status

    def ask(self) -> None:
        """Let it write down where it is, if it still can."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, child.ASK)
        for _ in range(10):
            time.sleep(0.005)
            if os.fstat(self._errors).st_size:
                time.sleep(0.005)
                return

    def told(self) -> str:
        """The traceback that a signal left, at most its beginning."""
        return os.pread(self._errors, 20_000, 0).decode("utf-8", "replace")

    def end(self) -> None:
        if self.ended() is None:
            family.kill(self.pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        family.STARTED.discard(self.pid)
        for fd in (self.wake, self.done, self._errors, *([self.handle] if self.handle >= 0 else [])):
            os.close(fd)


def _last_words(scratch: Path) -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("momus-fuzz")
    fd, name = tempfile.mkstemp(dir=scratch)
    Path(name).unlink()
    return fd


def _ended(why: str | int, seconds: float, told: str) -> Outcome:
    """An outcome for the input that a child did not get beyond."""
    frames = [m.groupdict() for m in _FRAME.finditer(told)]
    frames = frames[: next((i for i, f in enumerate(frames) if f["file"] == child.__file__), None)]
    own = [f for f in frames if "site-packages" not in f["file"] and "/lib/python" not in f["file"]] or frames
    if isinstance(why, str):
        # A loop is caught on any of its lines: its function is what names it, the user's own where there is one.
        place = f" at {child.short(own[0]['file'])} in {own[0]['name']}" if own else ""
        return Outcome("hung", seconds, 0.0, f"no answer{place}: {why}")
    place = f" at {child.short(frames[0]['file'])}:{frames[0]['line']}" if frames else ""
    if own and own[0] is not frames[0]:
        place += f": by {child.short(own[0]['file'])}:{own[0]['line']}"
    if os.WIFSIGNALED(why):
        number = os.WTERMSIG(why)
        with contextlib.suppress(ValueError):
            return Outcome("crashed", seconds, 0.0, f"{signal.Signals(number).name}{place}")
        return Outcome("crashed", seconds, 0.0, f"signal {number}{place}")
    return Outcome("crashed", seconds, 0.0, f"the process ended itself: exit status {os.waitstatus_to_exitcode(why)}")
