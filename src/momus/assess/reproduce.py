"""reproduce: an example's card run again and held against what it must show (expected.toml)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat, ValidationError

from momus.assess.assessment import Assessment
from momus.assess.run import Watcher, assess
from momus.card import SystemCard, load_card
from momus.core.errors import DataError, NotFound
from momus.core.records import Interval, Measurement, Record


class Expectation(Record):
    """One number an example must show. Either ``value`` with ``tolerance`` (absolute), or ``low`` and/or ``high``.

    ``figure`` is the probe's metric, ``value``, or the name of a secondary figure. ``target`` names one of several
    targets on the card; without it the first that was measured counts. ``paper`` is what was published.
    """

    probe: str
    target: str = ""
    figure: str = "value"
    options: dict[str, Any] = Field(default_factory=dict)
    value: FiniteFloat | None = None
    tolerance: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    paper: str | FiniteFloat | None = None
    source: str
    note: str = ""

    def holds(self, got: float) -> bool:
        low, high = self.bounds
        return (low is None or got >= low) and (high is None or got <= high)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        if self.value is not None:
            slack = self.tolerance or 0.0
            return self.value - slack, self.value + slack
        return self.low, self.high

    @property
    def wanted(self) -> str:
        """The expectation in words."""
        if self.value is not None:
            return f"{self.value:g} ± {self.tolerance or 0:g}"
        low, high = self.bounds
        return f"{'' if low is None else f'at least {low:g} '}{'' if high is None else f'at most {high:g}'}".strip()


class Reproduction(Record):
    """An expectation beside what was measured; ``got`` is None where the probe gave no number."""

    expectation: Expectation
    got: FiniteFloat | None
    ci: Interval | None = None
    holds: bool
    why: str = ""


def find_example(name: str, root: Path | None = None) -> Path:
    """The folder of an example: a path, or a name under ``examples/`` of ``root`` (default: here and upwards)."""
    given = Path(name)
    starts = [given.parent] if given.is_dir() else [root or Path.cwd(), *(root or Path.cwd()).resolve().parents]
    for start in starts:
        folder = start / given.name if given.is_dir() else start / "examples" / name
        if (folder / "expected.toml").is_file():
            return folder
    here = Path.cwd() / "examples"
    names = sorted(p.parent.name for p in here.glob("*/expected.toml"))
    hint = f"There are: {', '.join(names)}" if names else "Run it in a checkout, or give the example's folder"
    raise NotFound(f"no example '{name}'", hint=hint)


def read_expectations(folder: Path) -> tuple[Expectation, ...]:
    """The [[expect]] tables of expected.toml. DataError names the table that is not usable."""
    path = folder / "expected.toml"
    try:
        tables = tomllib.loads(path.read_text("utf-8"))["expect"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise DataError(f"cannot be read: {error}", place=str(path), hint="It needs [[expect]] tables") from error
    found = []
    for i, table in enumerate(tables):
        try:
            found.append(Expectation.model_validate(table))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(p) for p in first["loc"])
            raise DataError(f"{where}: {first['msg']}", place=f"{path}: [[expect]] {i + 1}") from error
    return tuple(found)


def reproduce(
    name: str, *, watcher: Watcher | None = None, only: Sequence[str] = (), **settings: Any
) -> tuple[tuple[Reproduction, ...], tuple[Assessment, ...]]:
    """Run what an example's expectations need and hold every number against them.

    Expectations with different ``options`` for a probe are separate runs of that probe. Returns one Reproduction an
    expectation, and the assessments behind them.
    """
    folder = find_example(name)
    card = load_card(folder / "momus.yaml")
    every = read_expectations(folder)
    wanted = [e for e in every if not only or e.probe in only]
    for probe in set(only) - {e.probe for e in every}:
        known = ", ".join(sorted({e.probe for e in every}))
        raise NotFound(f"the example expects nothing of '{probe}'", place=str(folder), hint=f"It does of: {known}")
    groups: dict[str, list[Expectation]] = {}
    for e in wanted:
        groups.setdefault(json.dumps(e.options, sort_keys=True), []).append(e)
    done: dict[str, Assessment] = {}
    for options, members in groups.items():
        probes = sorted({e.probe for e in members})
        system = _with_options(card, probes, json.loads(options))
        done[options] = assess(system, watcher=watcher, only=tuple(probes), reproduces=str(folder), **settings)
    results = [_hold(e, done[json.dumps(e.options, sort_keys=True)]) for e in wanted]
    return tuple(results), tuple(done.values())


def _with_options(card: SystemCard, probes: Sequence[str], options: Mapping[str, Any]) -> SystemCard:
    if not options:
        return card
    merged = {**card.probes, **{p: {**card.probes.get(p, {}), **options} for p in probes}}
    return card.model_copy(update={"probes": merged})


def _hold(expectation: Expectation, assessment: Assessment) -> Reproduction:
    for m in assessment.measurements:
        if m.probe == expectation.probe and expectation.target in ("", m.target):
            got, ci = _figure(m, expectation.figure)
            if got is None:
                return Reproduction(
                    expectation=expectation, got=None, holds=False, why="the probe reported no such figure"
                )
            return Reproduction(expectation=expectation, got=got, ci=ci, holds=expectation.holds(got))
    reasons = [f.message for f in assessment.failures if f.probe == expectation.probe]
    reasons += [g.detail for g in assessment.gaps if g.probe == expectation.probe]
    return Reproduction(expectation=expectation, got=None, holds=False, why=reasons[0] if reasons else "did not run")


def _figure(m: Measurement, name: str) -> tuple[float | None, Interval | None]:
    if name in ("value", m.metric):
        return m.value, m.ci
    for f in m.figures:
        if f.name == name:
            return f.value, f.ci
    return None, None
