"""Columns of the data beside columns of the model: by name where both have names, never silently by position."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.errors import TargetError
from momus.core.samples import Column, NumpyArray

# What libraries call the columns of an array that had no names, and what the NPZ reader calls them.
_NAMELESS = re.compile(r"(Column_|f|x|feature_?)\d+")


def order_of(wanted: Sequence[str], columns: Sequence[Column], place: str) -> tuple[NumpyArray | None, tuple[str, ...]]:
    """For each column the model was fitted on the position of the data's column of that name, and notes.

    None where the order is the same already, or where one side has no names: then columns count by position. Columns
    that the model does not ask for are left out. Raises TargetError where the data lacks a column that the model names.
    """
    have = {c.name: j for j, c in enumerate(columns)}
    if not wanted or not have or all(_NAMELESS.fullmatch(n) for n in wanted) or all(map(_NAMELESS.fullmatch, have)):
        return None, ()
    lacking = [n for n in wanted if n not in have]
    if lacking and len(lacking) == len(wanted) == len(have):
        shown = f"{', '.join(list(wanted)[:3])}; the data has {', '.join(list(have)[:3])}"
        return None, (f"no column name of the model is in the data (it has {shown}): columns count by position",)
    if lacking:
        raise TargetError(
            f"the model was fitted on a column '{lacking[0]}' that the data lacks"
            + (f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""),
            code="target/columns",
            place=place,
            hint=_near(lacking[0], have),
        )
    order = np.array([have[n] for n in wanted], dtype=np.int64)
    spare = [n for n in have if n not in set(wanted)]
    notes = (f"the model does not use the data's columns {', '.join(spare[:6])}",) if spare else ()
    return (None if np.array_equal(order, np.arange(len(have))) else order), notes


def _near(name: str, have: Mapping[str, int]) -> str:
    folded = {k.casefold(): k for k in have}
    near = [folded[k] for k in difflib.get_close_matches(name.casefold(), folded, n=2, cutoff=0.6)]
    if near:
        return f"Did you mean {' or '.join(near)}? Name the columns of the file as they were when the model was fitted"
    return f"The data has {', '.join(list(have)[:12])}; is the column under drop, label or id?"


def booster_categories(booster: object) -> tuple[str, ...]:
    """Names of the columns an XGBoost or LightGBM booster holds for categories; empty where it has none.

    LightGBM tells only that there are some: then the answer is ``("*",)``, every column of texts or declared one.
    """
    kinds = getattr(booster, "feature_types", None)
    if kinds:
        names = getattr(booster, "feature_names", None) or ()
        return tuple(n for n, k in zip(names, kinds, strict=False) if k == "c")
    return ("*",) if getattr(booster, "pandas_categorical", None) else ()


def categorical(
    column: Column, values: NumpyArray, meanings: NumpyArray | None, codes: NumpyArray, place: str = ""
) -> object:
    """A pandas Categorical over all categories of the column, so that nothing depends on which a batch holds.

    ``values`` as the file had them, ``codes`` where the file had texts. TargetError for a column whose categories
    nobody listed: those of one batch would be numbered anew in each.
    """
    import pandas

    if meanings is not None and meanings.dtype == object:
        return pandas.Categorical.from_codes(np.rint(codes).astype(np.int64), categories=meanings)
    if not column.categories:
        raise TargetError(
            f"the model takes column '{column.name}' for categories, the data for numbers",
            code="target/columns",
            place=place,
            hint=f"Say on the card: columns: {{{column.name}: {{kind: categorical}}}}",
        )
    known = np.arange(len(column.categories)) if meanings is None else whole(meanings)
    return pandas.Categorical(whole(values), categories=known)


def whole(values: NumpyArray) -> NumpyArray:
    """Whole numbers as int64, as a file's reader types them; anything else unchanged."""
    rounded = np.rint(values)
    return rounded.astype(np.int64) if np.array_equal(rounded, values) else values


def frame(
    fed: NumpyArray,
    special: Mapping[int, object],
    order: NumpyArray | None,
    names: Sequence[str],
) -> object:
    """A DataFrame of the model's columns: ``special`` by position in the data, the others from ``fed``."""
    import pandas

    if not special:  # one block, no copy
        return pandas.DataFrame(fed if order is None else fed[:, order], columns=list(names), copy=False)
    at = range(fed.shape[1]) if order is None else order.tolist()
    return pandas.DataFrame({n: special.get(j, fed[:, j]) for n, j in zip(names, at, strict=True)})
