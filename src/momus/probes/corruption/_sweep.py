"""Which corruptions are run and counted, and the sweep itself: every row, every corruption, every severity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.probes.corruption import _choice

# Rows as damaged, and which rows of the set they are -> scores (m,) in [0, 1].
Score = Callable[[NumpyArray, NumpyArray], NumpyArray]
# Corruption, severity, which rows -> those rows, damaged.
Damage = Callable[[str, int, NumpyArray], NumpyArray]

_GIVEN_UP = 64  # rows of one cell without an answer, and none with one, after which the rest is not asked


@dataclass(frozen=True)
class Plan:
    """``names`` in the order they are run; ``counted``: the greatest severity of each that the verdict counts."""

    names: tuple[str, ...]
    counted: Mapping[str, int]
    levels: tuple[int, ...]
    declared: bool
    caveats: tuple[Caveat, ...] = ()

    def counts(self, name: str) -> NumpyArray:
        """(levels,) booleans."""
        return np.array([level <= self.counted.get(name, 0) for level in self.levels], dtype=bool)


def planned(
    corruptions: str | Sequence[str],
    severities: str | int | Sequence[int],
    families: Mapping[str, Sequence[str]],
    context: Mapping[str, object],
    able: Callable[[str], str],
) -> Plan:
    """What the options ask for and the card declares. ``able`` says why a corruption cannot happen to these data."""
    levels = _choice.levels(severities)
    asked = _chosen(corruptions, families)
    why = {name: able(name) for name in asked}
    names = [name for name in asked if not why[name]]
    given = context.get("corruptions")
    declared = {str(k): int(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    counted = _declared(declared, families)
    caveats = []
    lost = [f"{name} ({why[name]})" for name in asked if why[name] and (not declared or name in counted)]
    if lost:
        message = f"cannot happen to these data and are left out: {', '.join(lost)}"
        caveats.append(Caveat(code="not-applicable", message=message, blocks="none"))
    if declared and not any(name in counted for name in names):
        message = f"none of the declared corruptions was run here ({', '.join(declared)}): all are counted"
        caveats.append(Caveat(code="none-declared", message=message, blocks="pass"))
        declared = {}
    if not declared:
        counted = dict.fromkeys(names, 5)
    return Plan(tuple(_in_order(names, counted, families)), counted, levels, bool(declared), tuple(caveats))


def _chosen(corruptions: str | Sequence[str], families: Mapping[str, Sequence[str]]) -> list[str]:
    """Names, families or all, listed or comma-separated -> names."""
    known = [name for members in families.values() for name in members]
    words = corruptions.split(",") if isinstance(corruptions, str) else corruptions
    found: set[str] = set()
    for word in (str(w).strip() for w in words):
        if word != "all" and word not in families and word not in known:
            raise ProbeError(f"no corruption '{word}'", hint=f"all, {', '.join(families)}, {', '.join(known)}")
        found.update(known if word == "all" else families.get(word, (word,)))
    return [name for name in known if name in found]


def _declared(declared: Mapping[str, int], families: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The card's names and families that are known here -> greatest severity; a name goes before its family."""
    wide = {n: level for word, level in declared.items() for n in families.get(word, ())}
    known = {n for members in families.values() for n in members}
    return wide | {word: level for word, level in declared.items() if word in known}


def _in_order(names: Sequence[str], counted: Mapping[str, int], families: Mapping[str, Sequence[str]]) -> list[str]:
    """What counts first; then one of each family in turn: a budget that ends early has seen all kinds of damage."""
    turn = {n: (i, k) for k, members in enumerate(families.values()) for i, n in enumerate(members)}
    return sorted(names, key=lambda n: (n not in counted, turn[n]))


@dataclass
class Sweep:
    """``clean`` (n,) and ``scores[corruption]`` (severities, n). ``idle`` are corruptions that changed no row."""

    plan: Plan
    clean: NumpyArray
    scores: dict[str, NumpyArray] = field(default_factory=dict)
    idle: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    spent: bool = False

    @property
    def counted(self) -> list[str]:
        """Corruptions whose scores the verdict counts."""
        return [name for name in self.scores if self.plan.counts(name).any()]

    def kept(self, name: str) -> NumpyArray:
        """(n,) mean score over the severities that count; over all where none does."""
        which = self.plan.counts(name)
        return np.asarray(self.scores[name][which if which.any() else slice(None)].mean(axis=0))


def run(x: NumpyArray, plan: Plan, damage: Damage, score: Score, trial: Trial, *, batch: int, again: bool) -> Sweep:
    """Ask about every row clean, then damaged; a corruption that the budget cuts short is left out altogether.

    Rows that a corruption leaves as they were are not asked about again, unless answers vary by themselves (``again``).
    A row to which the target has no usable answer scores nothing. Raises TargetError where that is a clean row.
    """
    n = len(x)
    sweep = Sweep(plan, np.zeros(n))

    def one(name: str) -> Mapping[str, NumpyArray]:
        found = np.tile(sweep.clean, (len(plan.levels), 1))
        touched, refused = False, 0
        for k, level in enumerate(plan.levels):
            for i in range(0, n, batch):
                rows = np.arange(i, min(i + batch, n))
                damaged = damage(name, level, rows)
                moved = np.flatnonzero(differ(damaged, x[rows]))
                touched |= len(moved) > 0
                if again and len(moved):
                    moved = np.arange(len(rows))
                found[k, rows[moved]], missed = patient(score, damaged[moved], rows[moved])
                refused += missed
        return {"scores": found, "said": np.array([touched, refused])}

    try:
        for i in range(0, n, batch):
            rows = np.arange(i, min(i + batch, n))
            sweep.clean[rows] = score(x[rows], rows)
        for name, found in in_turn(plan.names, one, trial):
            touched, refused = found["said"]
            if touched:
                sweep.scores[name] = found["scores"]
            else:
                sweep.idle.append(name)
            if refused:
                sweep.refused[name] = int(refused)
    except BudgetSpent:
        sweep.spent = True
    return sweep


def in_turn(
    names: Sequence[str], one: Callable[[str], Mapping[str, NumpyArray]], trial: Trial
) -> Iterator[tuple[str, Mapping[str, NumpyArray]]]:
    """Each corruption with what ``one`` gives for it: on several cores or nodes where the questions can be cut.

    Raises BudgetSpent where time or queries end, after those that were done before it.
    """
    at_once = 4 * trial.slots.count if trial.slots is not None else 1
    at_once = len(names) if trial.mate is not None else at_once
    for start in range(0, len(names), at_once):
        some = names[start : start + at_once]
        found = trial.divide({name: partial(one, name) for name in some})
        for k, name in enumerate(some):
            if found is not None and name not in found:
                raise BudgetSpent
            yield name, one(name) if found is None else found[name]
            trial.progress((start + k + 1) / len(names), name)


def differ(a: NumpyArray, b: NumpyArray) -> NumpyArray:
    """(n,) booleans: rows that are not the same; missing values are equal."""
    unlike = a != b
    if a.dtype.kind == "f":
        unlike &= ~(np.isnan(a) & np.isnan(b))
    return np.asarray(unlike.reshape(len(a), int(np.prod(a.shape[1:]))).any(axis=1))


def patient(score: Score, x: NumpyArray, rows: NumpyArray) -> tuple[NumpyArray, int]:
    """Scores (m,), and how many rows had no answer: what the target raises on, or answers with NaN, scores 0.

    A batch that fails is asked in halves, down to the single rows; a model that answers none of the first rows is
    spared the rest.
    """
    out, refused, answered = np.zeros(len(x)), 0, 0
    waiting = [np.arange(len(x))] if len(x) else []
    while waiting:
        part = waiting.pop()
        if refused >= _GIVEN_UP and not answered:
            refused += len(part)
            continue
        try:
            out[part] = score(x[part], rows[part])
            answered += len(part)
        except TargetError:
            if len(part) == 1:
                refused += 1
            else:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
    return out, refused
