"""The relations that the card declares, and those that hardly any system may break: changed inputs, or why not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.errors import MomusError, ProbeError
from momus.core.samples import NumpyArray, Samples
from momus.methods import metamorphic

EXPECTS = ("same", "different", "not_up", "not_down")


@dataclass(frozen=True)
class Relation:
    """``x`` are the changed inputs, ``moved`` (n,) where they differ from before. ``label``: the class whose
    probability must not go up or down, -1 for none."""

    name: str
    expect: str
    label: int
    tolerance: float
    x: NumpyArray
    moved: NumpyArray


def build(
    declared: Sequence[Mapping[str, Any]],
    rows: Samples,
    kind: str,
    seed: int,
    functions: Callable[[str], Callable[..., Any]],
) -> tuple[list[Relation], list[tuple[str, str]]]:
    """Relations, and (name, why) of those whose function failed. ProbeError for what the card has wrong itself."""
    stated = list(declared) or [{"change": name} for name in metamorphic.harmless(rows, kind)]
    made, failed = [], []
    for i, relation in enumerate(stated):
        change, expect = str(relation["change"]), str(relation.get("expect") or "same")
        name = str(relation.get("name") or "") or f"{change.rpartition(':')[2]}: {expect.replace('_', ' ')}"
        if expect not in EXPECTS:
            raise ProbeError(f"the relation '{name}' expects '{expect}'", hint=f"Expect one of {', '.join(EXPECTS)}")
        label = _label(str(relation.get("label") or ""), expect, rows, name)
        options = dict(relation.get("options") or {})
        rng = seeds.rng(seed, "relation", i, change)
        found = (
            _by_user(functions(change), rows, rng, options)
            if ":" in change
            else _built(change, name, rows, kind, rng, options)
        )
        if isinstance(found, str):
            failed.append((name, f"'{change}' {found}"))
            continue
        moved = np.ones(len(rows), bool) if change == "again" else metamorphic.changed(rows.x, found)
        made.append(Relation(name, expect, label, float(relation.get("tolerance") or 0.0), found, moved))
    return made, failed


def _label(label: str, expect: str, rows: Samples, name: str) -> int:
    """Index of the class whose probability is meant; only ``not_up`` and ``not_down`` speak of one."""
    names = [str(c) for c in rows.classes]
    if not label:
        return -1
    if label not in names:
        raise ProbeError(
            f"the relation '{name}' names the class '{label}'", hint=f"Classes: {', '.join(names[:8]) or 'none'}"
        )
    return names.index(label)


def _built(
    change: str, name: str, rows: Samples, kind: str, rng: np.random.Generator, options: Mapping[str, Any]
) -> NumpyArray:
    known = metamorphic.BUILT.get(change)
    if known is None or kind not in known.kinds:
        names = ", ".join(n for n, b in metamorphic.BUILT.items() if kind in b.kinds)
        hint = f"For {kind} data there are {names}; or name your own as file.py:function"
        raise ProbeError(f"no change '{change}' of {kind} data", hint=hint)
    try:
        return known.change(rows, rng, **options)
    except (TypeError, ValueError) as error:
        takes = [p for p in inspect.signature(known.change).parameters if p not in ("s", "rng")]
        hint = f"Its options: {', '.join(takes)}" if takes else "It has no options"
        raise ProbeError(f"the relation '{name}' cannot be made: {error}", hint=hint) from error


def _by_user(
    function: Callable[..., Any], rows: Samples, rng: np.random.Generator, options: Mapping[str, Any]
) -> NumpyArray | str:
    """What the user's function gives for a copy of the inputs, or what is wrong with it."""
    try:
        found = function(rows.x.copy(), rng, **options)
    except MomusError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return f"raised {type(error).__name__}: {text or 'no message'}"
    if found is None:
        return "gave nothing back; return the changed inputs"
    x = np.asarray(found, dtype=object) if rows.is_text else np.asarray(found)
    if x.shape != rows.x.shape:
        return f"gave an array of shape {x.shape} for inputs of shape {rows.x.shape}"
    if not rows.is_text and x.dtype.kind not in "fiub":
        return f"gave {x.dtype}, no numbers"
    if rows.x.dtype == np.uint8 and x.dtype != np.uint8:
        top = float(np.nanmax(x, initial=0))
        return f"gave {x.dtype} up to {top:g} for pictures of uint8; return uint8"
    return x if rows.is_text else x.astype(rows.x.dtype)
