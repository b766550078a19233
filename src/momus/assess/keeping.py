"""Keeper: where a run's records go while it runs. A store that fails must not cost what is already measured.

A server that restarts is waited for by the store itself. One that stays away sends the run into a spare file; when the
run ends and its own store is back, what is missing there is written there.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from momus.assess.assessment import waivers_of
from momus.core.decisions import Waived
from momus.core.errors import StoreError
from momus.core.records import Failure, Measurement, Run
from momus.store import Store, open_store


class Keeper:
    """Keeps the records of one run, in its own store or, from the first failure on, in a spare one."""

    def __init__(self, store: Store, head: Run) -> None:
        """Write the head. Raises StoreError where the store takes nothing: no job has run then."""
        self.own = self.store = store
        self.head = head
        self.results: list[Measurement | Failure] = []
        self.warnings: list[str] = []
        self._asked: tuple[Waived, ...] = ()
        self._missing = False  # something was not written to the run's own store
        store.append(head.id, head)
        self.waivers()

    def keep(self, record: Measurement | Failure | Run) -> None:
        """Store a record, here or elsewhere; what became of it is said in ``warnings``."""
        if isinstance(record, Run):
            self.head = record
        else:
            self.results.append(record)
        try:
            self.store.append(self.head.id, record)
        except StoreError as error:
            self._missing = True
            spare = self._spare() if self.store is self.own else None
            line = f"{error} (results of this run are kept in memory and in the report)"
            if spare is not None:
                self.store = spare
                line = f"{error} (the run goes on in {spare.name}; momus report --store {spare.name} shows it)"
            if line not in self.warnings:
                self.warnings.append(line)

    def waivers(self) -> tuple[Waived, ...]:
        """What people decided about the system; what was last read where the store does not answer now."""
        try:
            self._asked = waivers_of(self.own, self.head.system)
        except StoreError as error:
            self.warnings.append(f"{error} (waivers are those known when the run began)")
        return self._asked

    def go_home(self) -> None:
        """At the end of a run that had to move: write to its own store what is missing there, if that is back."""
        if not self._missing:
            return
        try:
            there = {_name(r) for r in self.own.records(self.head.id)}
            missing = [r for r in self.results if _name(r) not in there]
            self.own.extend(self.head.id, (*missing, self.head))
        except StoreError:
            return
        spare, self.store = self.store, self.own
        where = f"; {spare.name} is not needed any more" if spare is not self.own else ""
        self.warnings.append(f"{self.own.name} is back and holds the whole run{where}")

    def _spare(self) -> Store | None:
        """A store in the temporary folder with the whole run so far; None where there is no room either."""
        try:
            spare = open_store(Path(tempfile.mkdtemp(prefix="momus-")) / "runs.sqlite")
            spare.extend(self.head.id, (self.head, *self.results))
        except (StoreError, OSError):
            return None
        return spare


def _name(record: Measurement | Failure) -> tuple[str, str, str]:
    return record.key, record.probe, record.target
