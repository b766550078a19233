"""The collector of cyclic garbage, held off while many records are made.

Ten thousand records are some hundred thousand objects without a single cycle. While they are made the collector walks
through all of them again and again: reading a large run took five times as long with it as without.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_turn = Lock()
_held = 0
_found_on = False


@contextmanager
def no_collection() -> Iterator[None]:
    """No collection of cycles until the last of those who asked for it, in any thread, is done."""
    global _held, _found_on
    with _turn:
        if _held == 0:
            _found_on = gc.isenabled()
            gc.disable()
        _held += 1
    try:
        yield
    finally:
        with _turn:
            _held -= 1
            if _held == 0 and _found_on:
                gc.enable()


@contextmanager
def put_aside() -> Iterator[None]:
    """What is made here stays for long: made without the collector, and never walked through by it afterwards.

    For records, which have no cycles: they go when nobody names them any more. Otherwise one collection in a server
    that keeps a run of ten thousand findings holds up every page for a second.
    """
    with no_collection():
        yield
    gc.freeze()
