"""The search: honest files, bombs, then mutants of whatever showed something new, until inputs or time are spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from momus.core.errors import BudgetSpent
from momus.methods.fuzz import bombs, coverage, seeds
from momus.methods.fuzz.area import Outcome
from momus.methods.fuzz.corpus import Corpus, Seed
from momus.methods.fuzz.failures import Failure, Limits
from momus.methods.fuzz.harness import Harness
from momus.methods.fuzz.minimise import minimised
from momus.methods.fuzz.mutate import format_of

_BATCH = 128
_GUIDED = 1 / 3  # of the inputs are tried by coverage, where it guides
_COMPARED, _SMALL = 400, 1 << 16  # answered inputs that are kept to be compared, and their size
_MOST = 40  # failures of different places that are looked into
_AGAIN = 16  # times that an input is repeated in one process before its crash counts as chance


@dataclass
class Found:
    """All that a search saw. ``chance`` are failures that did not come back when their input was tried alone."""

    kinds: Counter[str] = field(default_factory=Counter)
    mutated: int = 0
    examples: int = 0
    understood: int = 0  # honest files that were answered
    signs: int = 0
    failures: list[Failure] = field(default_factory=list)
    raised: list[Failure] = field(default_factory=list)
    chance: list[Failure] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)  # files and mutants that were answered, some
    unlooked: int = 0  # ways to fail beyond those that were looked into
    guided: int = 0  # further inputs that coverage-guided runs tried, of which only what was new is among the outcomes
    covered: int | None = None  # branches that coverage-guided runs took; None: there were none
    spent: bool = False

    @property
    def inputs(self) -> int:
        return sum(self.kinds.values())

    @property
    def failing(self) -> int:
        """Inputs that hurt, before any was looked at again."""
        return sum(self.kinds[k] for k in ("crashed", "hung", "memory", "nonfinite"))


def starting(formats: Sequence[str], examples: Sequence[tuple[str, bytes]]) -> list[Seed]:
    """The card's examples, and made files of every format that has none."""
    found = [Seed(format_of(name, data, formats), "example", data) for name, data in examples]
    without = [f for f in formats if f not in {s.format for s in found}]
    return found + [Seed(f, "made", data) for f in without for data in seeds.examples(f)]


def search(
    function: Callable[[bytes], Any],
    start: Sequence[Seed],
    *,
    inputs: int,
    limits: Limits,
    seed: int,
    with_bombs: bool = True,
    judge_raised: bool = False,
    guided: Path | None = None,
    spend: Callable[[int], None] = lambda _: None,
    keeping: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Callable[[float], None] = lambda _: None,
) -> Found:
    """Try ``inputs`` mutants of ``start``, after the files themselves and the bombs of their formats.

    ``spend(n)`` is called before every ``n`` inputs and may raise BudgetSpent, within ``keeping()`` so that time is
    left to look into what was found. With ``judge_raised`` exceptions count as failures. ``guided`` is the folder of
    the user's code, whose branches guide a part of the search. The same seed tries the same inputs as long as outcomes
    are the same.
    """
    hunt = _Hunt(function, limits, seed, spend, judge_raised)
    try:
        with keeping(), limits.harness(function) as harness:
            harness.hurry = limits.hurry
            hunt.honest(harness, start)
            if with_bombs:
                hunt.unfold(harness, tuple(dict.fromkeys(s.format for s in start)), limits.memory_mb)
            if guided is not None:
                hunt.follow(harness, start, guided, int(inputs * _GUIDED))
            hunt.breed(harness, inputs, progress)
    except BudgetSpent:
        hunt.found.spent = True
    hunt.look_into()
    return hunt.found


class _Hunt:
    """The state of one search."""

    def __init__(
        self,
        function: Callable[[bytes], Any],
        limits: Limits,
        seed: int,
        spend: Callable[[int], None],
        judge_raised: bool,
    ) -> None:
        self.function, self.limits, self.spend = function, limits, spend
        self.found, self.corpus = Found(), Corpus()
        self._rng = Random(seed)  # noqa: S311 - nothing secret is drawn
        self._deciding = ("crashed", "hung", "memory", "nonfinite", *(["raised"] if judge_raised else []))
        self._open: dict[tuple[str, str], Failure] = {}

    def honest(self, harness: Harness, start: Sequence[Seed]) -> None:
        """Files as they are: what the path makes of them, and the first to mutate on."""
        for i in range(0, len(start), _BATCH):
            part = start[i : i + _BATCH]
            for seed, outcome in zip(part, self._asked(harness, [s.data for s in part]), strict=True):
                real = seed.origin in ("example", "made")
                self.found.examples += real
                self.found.understood += real and outcome.kind == "answered"
                self._note(seed.format, seed.origin, seed.data, outcome)
                self.corpus.learn(seed.format, seed.data, outcome, always=True)

    def unfold(self, harness: Harness, formats: Sequence[str], memory_mb: int) -> None:
        for format_ in formats:
            for name, data in bombs.bombs(format_, memory_mb):
                (outcome,) = self._asked(harness, [data])
                self._note(format_, f"bomb: {name}", data, outcome)

    def follow(self, harness: Harness, start: Sequence[Seed], folder: Path, inputs: int) -> None:
        """Inputs that took branches not taken before, found by coverage and tried here again."""
        self.spend(inputs)
        seed = self._rng.getrandbits(31)
        grown = coverage.grown(self.function, start, folder, runs=inputs, seed=seed, limits=self.limits)
        if grown is None:
            return
        self.found.covered = grown.branches
        self.found.guided = grown.runs
        for part in range(0, len(grown.inputs), _BATCH):
            some = grown.inputs[part : part + _BATCH]
            for (format_, data), outcome in zip(some, harness.run([d for _, d in some]), strict=True):
                self._note(format_, "guided by coverage", data, outcome)
                self.corpus.learn(format_, data, outcome, always=outcome.kind == "answered")

    def breed(self, harness: Harness, inputs: int, progress: Callable[[float], None]) -> None:
        """Mutants, in batches; nothing is learned from a batch before it is over, so that its order does not matter."""
        own = inputs - self.found.guided
        while self.corpus.entries and self.found.mutated < own:
            made = self.corpus.children(min(_BATCH, own - self.found.mutated), self._rng)
            progress(self.found.mutated / own)
            outcomes = self._asked(harness, [data for _, _, data in made])
            self.found.mutated += len(made)
            for (parent, format_, data), outcome in zip(made, outcomes, strict=True):
                self._note(format_, "mutated", data, outcome)
                self.corpus.learn(format_, data, outcome, parent)
        self.found.signs = len(self.corpus.seen)

    def _asked(self, harness: Harness, inputs: Sequence[bytes]) -> list[Outcome]:
        self.spend(len(inputs))
        return harness.run(inputs)

    def _note(self, format_: str, origin: str, data: bytes, outcome: Outcome) -> None:
        self.found.kinds[outcome.kind] += 1
        if outcome.kind == "answered" and len(self.found.answered) < _COMPARED and len(data) <= _SMALL:
            self.found.answered.append(data)
        if outcome.kind in ("answered", "refused"):
            return
        key = (outcome.kind, outcome.place)
        before = self._open.get(key)
        if before is None:
            self._open[key] = Failure(outcome.kind, outcome.detail, format_, origin, data, data)
        else:
            shorter = len(data) < len(before.data)
            made = Failure(outcome.kind, outcome.detail, format_, origin, data, before.first) if shorter else before
            self._open[key] = replace(made, seen=before.seen + 1)

    def look_into(self) -> None:
        """Try each failure again by itself and make its input small; what does not come back is chance."""
        order = {k: i for i, k in enumerate(("crashed", "memory", "nonfinite", "hung", "raised"))}
        every = sorted(self._open.values(), key=lambda f: (order[f.kind], f.place))
        self.found.raised = [f for f in every if f.kind == "raised" and "raised" not in self._deciding]
        deciding = [f for f in every if f.kind in self._deciding]
        self.found.unlooked = max(0, len(deciding) - _MOST)
        for failure in deciding[:_MOST]:
            times = self._repeats(failure)
            if not times and failure.first != failure.data:  # the smallest was taken for one of its kind, in a hurry
                failure = replace(failure, data=failure.first)
                times = self._repeats(failure)
            if not times:
                self.found.chance.append(failure)
                continue
            small = minimised(self.function, failure, self.limits) if times == 1 else failure.data
            told = f"{failure.place}: {self.limits.seconds:g} s" if failure.kind == "hung" else failure.detail
            self.found.failures.append(replace(failure, data=small, detail=told, repeats=times))

    def _repeats(self, failure: Failure) -> int:
        """How often a fresh process must be asked to fail, the same in both of two tries; 0: it does not."""
        for times in (1, _AGAIN) if failure.kind == "crashed" else (1,):
            if all(self.limits.fails(self.function, failure, failure.data, times) for _ in range(2)):
                return times
        return 0
