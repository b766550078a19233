"""Ctrl-C and SIGTERM as the ways in which a watch ends in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momus.monitor.watch import Watch


@contextmanager
def stopping(watch: Watch) -> Iterator[None]:
    """Ctrl-C and SIGTERM let the window at hand be finished and kept; a second one ends at once, and loses nothing."""
    asked = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            os._exit(130)
        asked = True
        watch.stop()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
