"""Shared parts of ``dependencies.advisories``: what is installed, what is known of it, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.capabilities import HasFiles, Packages, missing
from momus.core.evidence import Cell, Excerpt, Table
from momus.core.probe import Trial
from momus.core.samples import NumpyArray
from momus.methods.advisories import (
    Audit,
    Dump,
    Package,
    Pin,
    Reach,
    is_requirements,
    online,
    read_environment,
    read_lock,
    read_sbom,
    snapshot,
    whole,
)
from momus.methods.advisories import dump as dumps
from momus.methods.advisories.reach import reach
from momus.methods.artifacts import pickle_globals

ROWS = 500
_FILES = 200
_PULLED = "it may list what was asked for only: name the environment, a lock file with hashes, or set complete"
_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3, "": 4}


class _UnreadError(Exception):
    """A dump that is of no use; its argument is what was taken of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that the card's places name, and which modules the environment's distributions bring."""

    pins: tuple[Pin, ...]
    modules: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({p.name for p in self.pins if p.version and not p.why}))


def listed(named: Packages, own: Sequence[str], complete: bool) -> Listed:
    """The pins of all lock files, bills of materials and the environment, without the user's own packages.

    A requirements file may name what was asked for only. Unless ``complete``, and unless the environment or a bill says
    what else is there, what it pulls in is one more package that is not known.
    """
    pins: list[Pin] = []
    for path in named.locks:
        pins += read_lock(path).pins
        asked = is_requirements(path) and not (complete or named.environment or named.sboms or whole(path))
        if asked and pins:
            pins.append(Pin("what is pulled in", place=path.name, why=_PULLED))
    for path in named.sboms:
        pins += read_sbom(path).pins
    modules: dict[str, tuple[str, ...]] = {}
    if named.environment is not None:
        found = read_environment(named.environment)
        pins += found.pins
        modules = dict(found.modules)
    return Listed(tuple(p for p in pins if p.name not in own), modules)


def known(named: Packages, packages: Listed, trial: Trial, today: str) -> tuple[Dump, str]:
    """The advisories: the card's dump, else online where it names the hosts, else the snapshot; and their name."""
    if named.advisories is not None:
        return _dump(named.advisories, packages.names, trial, today), named.advisories.name
    asked = online.services(trial.context.get("network") or ())
    if asked:
        return online.ask(packages.pins, asked, today=today), " and ".join(asked)
    return snapshot.load(today=today), "the snapshot that comes with Momus, a few packages only"


def _dump(path: Path, names: Sequence[str], trial: Trial, today: str) -> Dump:
    """The dump's records for these names, found again by the dump's digest."""

    def take() -> dict[str, NumpyArray]:
        made = dumps.extract(path, set(names))
        if made.why:  # it may have been the machine's doing: nothing to keep
            raise _UnreadError(made)
        return {"extract": np.frombuffer(made.text().encode(), dtype=np.uint8)}

    try:
        if trial.cache is None or not path.is_file():
            taken = take()
        else:
            taken = dict(trial.shared({"advisories": digest.of_file(path), "names": list(names), "version": 2}, take))
    except _UnreadError as unread:
        return dumps.dump_of(unread.args[0], today=today)
    return dumps.dump_of(dumps.Extract.of(taken["extract"].tobytes().decode()), today=today)


def today_of(trial: Trial) -> str:
    told = str(trial.context.get("today") or "")
    try:
        return date.fromisoformat(told[:10]).isoformat()
    except ValueError:
        return date.today().isoformat()


def days(earlier: str, later: str) -> int:
    """Days between two dates; -1 where one of them is none."""
    try:
        return max((date.fromisoformat(later) - date.fromisoformat(earlier)).days, 0)
    except ValueError:
        return -1


def reached(target: Any, named: Packages, packages: Listed) -> Reach:
    """What the serving code and the model's pickles make the process import."""
    pickled: dict[str, str] = {}
    if not missing(target, HasFiles):
        for path in list(target.files())[:_FILES]:
            try:
                for name in pickle_globals(path):
                    pickled.setdefault(name, path.name)
            except OSError:
                pickled.setdefault("", path.name)
    pickled.pop("", None)
    return reach(named.code, packages.pins, modules=packages.modules, pickled=pickled)


def affected_table(found: Audit, how: Reach) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for p in sorted(found.having("affected"), key=lambda p: (_ORDER[p.severity], not how.reached(p.name), p.name)):
        ids = _several([h.ids[0] for h in p.hits], 6)
        fixed = _several(dict.fromkeys(h.fixed or "none" for h in p.hits), 4)
        blamed = [i for h in p.hits for i in h.imports]
        used = (how.uses(blamed) or "none of them seen") if blamed else ""
        rows.append((p.name, p.version, ids, p.severity or "not given", fixed, how.of(p.name), used, p.remedy))
    columns = ("package", "version", "advisories", "severity", "fixed in", "reached", "blamed names used", "remedy")
    note = "A package that was not seen imported still counts: reading source cannot show that something is never run."
    return Table(title="Affected packages", columns=columns, rows=tuple(rows[:ROWS]), note=_more(rows, note))


def unknown_table(found: Audit) -> Table:
    rows = [(p.name, p.version, p.why, ", ".join(p.places[:3])) for p in found.having("not known")]
    note = _more(rows, "Nothing can be said about these: neither that they are affected nor that they are not.")
    columns = ("package", "version", "why it is not known", "where")
    return Table(title="Packages that could not be looked up", columns=columns, rows=tuple(rows[:ROWS]), note=note)


def rest(found: Audit, source: str) -> Excerpt:
    clear: Iterable[Package] = found.having("no known advisory")
    names = [f"{p.name} {p.version}" for p in clear]
    told = f"Source: {source}. As of {found.as_of or 'an unknown date'}.\n"
    text = told + (", ".join(names[:2000]) or "none")
    return Excerpt(title=f"No known advisory as of {found.as_of or 'an unknown date'}", text=text)


def _several(items: Iterable[str], most: int) -> str:
    listed_ = list(items)
    return ", ".join(listed_[:most]) + (f" and {len(listed_) - most} more" if len(listed_) > most else "")


def _more(rows: Sequence[object], note: str) -> str:
    return f"{note} {len(rows) - ROWS} more are not listed." if len(rows) > ROWS else note
