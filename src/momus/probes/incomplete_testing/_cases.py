"""The scenarios that the card declares, and those that fit the kind of data: made, or why they could not be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.errors import MomusError, ProbeError
from momus.core.samples import NumpyArray, Samples
from momus.methods import scenarios as makers

CONTROL = "upright"
LEAST = 12  # cases of a scenario that is shown and not counted


@dataclass(frozen=True)
class Cases:
    """One scenario: inputs ``x`` (n, ...), labels (n,) or None, what is expected, and whether a miss is a failure."""

    name: str
    expect: str
    counts: bool
    x: NumpyArray
    y: NumpyArray | None
    kinds: tuple[str, ...]
    says: str = ""


@dataclass(frozen=True)
class Broken:
    """A scenario that could not be made, in one line."""

    name: str
    why: str


def build(
    declared: Sequence[Mapping[str, Any]],
    stock: makers.Stock,
    n: int,
    seed: int,
    functions: Callable[[str], Callable[..., Any]],
    *,
    answers_missing: bool,
) -> tuple[list[Cases], list[Broken]]:
    """Declared scenarios first, then the house's own that nobody declared.

    ProbeError for a maker that does not exist or an option it does not have. What a user's function does wrong makes
    its scenario Broken: the others can still be tested.
    """
    kind = makers.modality(stock.test)
    made: list[Cases] = []
    broken: list[Broken] = []
    for i, scenario in enumerate(declared):
        name, maker = str(scenario["name"]), str(scenario["make"])
        expect, options = str(scenario.get("expect") or "label"), dict(scenario.get("options") or {})
        _expectable(expect, stock.test, name)
        rng = seeds.rng(seed, "scenario", i, name)
        found = (
            _by_user(name, expect, maker, functions(maker), stock, rng, options)
            if ":" in maker
            else _known(name, expect, True, _named(maker, kind), stock, n, rng, options)
        )
        (broken if isinstance(found, Broken) else made).append(found)  # type: ignore[arg-type]
    used = {str(s["make"]) for s in declared}
    for known in makers.KNOWN.values():
        if known.modality != kind or known.name in used or (known.name == CONTROL and stock.objects is None):
            continue
        options = {"missing": True} if known.name == "blank" and kind == "table" and answers_missing else {}
        if known.name == CONTROL:  # as large as in the scenarios that it is to be compared with
            options = next(({"size": s["options"]["size"]} for s in declared if "size" in (s.get("options") or {})), {})
        rng = seeds.rng(seed, "scenario", known.name)
        few = n if known.counts or known.name == CONTROL else max(LEAST, n // 3)
        try:
            made.append(_known(known.name, known.expect, known.counts, known, stock, min(n, few), rng, options))
        except ProbeError as error:
            broken.append(Broken(known.name, error.message))
    return made, broken


def _expectable(expect: str, test: Samples, name: str) -> None:
    if expect in ("label", "abstain"):
        return
    names = [str(c) for c in test.classes]
    if expect not in names:
        known = ", ".join(["label", "abstain", *names[:8]])
        raise ProbeError(f"the scenario '{name}' expects '{expect}', which is no class", hint=f"Expect one of {known}")


def _named(maker: str, kind: str) -> makers.Known:
    known = makers.KNOWN.get((kind, maker))
    if known is None:
        names = ", ".join(k.name for k in makers.KNOWN.values() if k.modality == kind)
        hint = f"For {kind} data there are {names}; or name your own as file.py:function"
        raise ProbeError(f"no scenario maker '{maker}' for {kind} data", hint=hint)
    return known


def _known(
    name: str,
    expect: str,
    counts: bool,
    known: makers.Known,
    stock: makers.Stock,
    n: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Cases:
    try:
        made = makers.make(known, stock, n, rng, options)
    except (TypeError, ValueError) as error:
        raise ProbeError(f"the scenario '{name}' cannot be made: {error}") from error
    if expect == "label" and made.y is None:
        raise ProbeError(
            f"the scenario '{name}' expects the label, but nothing that has one is in it",
            hint="Expect abstain or a class by name, and see that the test rows have labels",
        )
    return Cases(name, expect, counts, made.x, made.y, made.kind, known.says)


def _by_user(
    name: str,
    expect: str,
    address: str,
    function: Callable[..., Any],
    stock: makers.Stock,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Cases | Broken:
    """What the user's maker gives for a copy of the test rows, so that it may change them as it likes."""
    test = stock.test
    own = replace(test, x=test.x.copy(), y=copy.deepcopy(test.y), groups=copy.deepcopy(dict(test.groups)))
    try:
        found = function(own, rng, **options)
    except MomusError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return Broken(name, f"'{address}' raised {type(error).__name__}: {text or 'no message'}")
    why = _unfit(found, test, expect)
    if why:
        return Broken(name, f"'{address}' {why}")
    y = None if found.y is None else np.asarray(found.y)
    return Cases(name, expect, True, np.asarray(found.x), y, ("made by " + address,) * len(found.x), f"by {address}")


def _unfit(found: Any, test: Samples, expect: str) -> str:
    if not isinstance(found, Samples):
        return f"gave {type(found).__name__}, not Samples"
    x = np.asarray(found.x)
    if not len(x):
        return "gave no rows"
    if x.shape[1:] != test.x.shape[1:]:
        return f"gave rows of shape {x.shape[1:]}, the test rows have {test.x.shape[1:]}"
    if x.dtype.kind != test.x.dtype.kind:
        return f"gave {x.dtype}, the test rows are {test.x.dtype}"
    if expect == "label" and found.y is None:
        return "gave no labels, but the scenario expects them"
    if found.y is not None and np.asarray(found.y).shape != (len(x),):
        return f"gave {len(x)} rows and labels of shape {np.asarray(found.y).shape}"
    return ""
