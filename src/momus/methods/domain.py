"""Where an attacker may move an input: the data range, columns out of reach, whole numbers, categories, and epsilon.

Meaning of a distance when columns are mixed
--------------------------------------------
*Measured* columns (numeric, integer, ordinal, image pixels) are counted in units of their ``scale``: Linf is the
largest ``|x' - x| / scale``, L2 the root of the sum of squares of those ratios. An integer or ordinal column moves by
whole numbers only, so it stays put while ``epsilon * scale < 1``. *Categories* (a one-hot group, a column of category
codes, a binary column) have no distance: at most ``switches`` of them may change at once, whatever epsilon is.
An input that lies outside the declared range to begin with may stay there, but may not move further out. A missing
value (NaN) stays missing. A declared rule that the original row keeps is kept by every change of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.methods.table_rules import Rule, broken, parse
from momus.methods.table_rules_repair import repair

Array = Any
Norm = Literal["linf", "l2"]
_CODED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)
_WHOLE = (ColumnKind.INTEGER, ColumnKind.ORDINAL)


def per_row(v: Array, x: Array) -> Array:
    """(n,) reshaped so that it broadcasts over the rows of ``x``."""
    return v.reshape((v.shape[0],) + (1,) * (x.ndim - 1))


def row_norm(d: Array, norm: Norm) -> Array:
    """(n,) norms of the rows of ``d``."""
    xp = array_namespace(d)
    axes = tuple(range(1, d.ndim))
    return xp.max(xp.abs(d), axis=axes) if norm == "linf" else xp.sqrt(xp.sum(d * d, axis=axes))


@dataclass(frozen=True)
class Domain:
    """The set of inputs an attacker may choose. One sample's shape, or scalars, in every array.

    ``measured`` marks what epsilon governs (None: all). ``whole`` marks integer columns (None: none). ``groups`` are
    one-hot groups as tuples of column indices; ``codes`` maps a code column to its permitted values. What is neither
    measured nor in ``groups`` or ``codes`` is out of reach. ``padded`` pins the zeros that fill up a shorter clip.
    ``rules`` hold between columns: what an original row keeps, every change of it keeps. Every ``epsilon`` below may be
    one number or an array (n,), one radius a row. Build it with :meth:`image`, :meth:`sound` or :meth:`table`.
    """

    low: Array | float = 0.0
    high: Array | float = 1.0
    scale: Array | float = 1.0
    measured: Array | None = None
    whole: Array | None = None
    groups: tuple[tuple[int, ...], ...] = ()
    codes: tuple[tuple[int, tuple[float, ...]], ...] = ()
    switches: int = 1
    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    padded: bool = False

    @property
    def discrete(self) -> bool:
        """True where projecting means rounding or switching, so that a straight line back may leave the domain."""
        return self.whole is not None or bool(self.groups) or bool(self.codes) or bool(self.rules)

    @classmethod
    def image(cls, low: float = 0.0, high: float = 1.0) -> Domain:
        """Every pixel may take every value in [low, high]; epsilon is in the same units."""
        return cls(low=low, high=high)

    @classmethod
    def sound(cls) -> Domain:
        """Every sample of a clip may move within [-1, 1]; the zeros that fill up a shorter clip stay zeros."""
        return cls(low=-1.0, high=1.0, padded=True)

    @classmethod
    def table(cls, samples: Samples, reference: Samples | None = None, *, switches: int = 1) -> Domain:
        """From the declared columns; ranges and scales that are not declared are those of ``reference``.

        The scale of a column is its interquartile range, or its standard deviation where that is 0, or its range where
        both are. A column with one value has no scale and stays put. ``reference`` defaults to ``samples`` itself.
        """
        data = np.asarray((reference or samples).x, dtype=np.float64)
        columns = samples.columns or tuple(Column(name=f"column {i}") for i in range(data.shape[1]))
        low = np.array([_bound(c.low, data[:, i], np.nanmin) for i, c in enumerate(columns)])
        high = np.array([_bound(c.high, data[:, i], np.nanmax) for i, c in enumerate(columns)])
        scale = _scales(data)
        members: dict[str, list[int]] = {}
        for i, c in enumerate(columns):
            if c.one_hot is not None:
                members.setdefault(c.one_hot, []).append(i)
        groups = tuple(tuple(g) for g in members.values() if len(g) > 1 and not any(columns[i].immutable for i in g))
        codes = tuple(
            (i, _values(c, data[:, i]))
            for i, c in enumerate(columns)
            if c.kind in _CODED and c.one_hot is None and not c.immutable
        )
        measured = np.array([not c.immutable and c.one_hot is None and c.kind not in _CODED for c in columns])
        whole = np.array([c.kind in _WHOLE for c in columns])
        return cls(
            low=low,
            high=high,
            scale=np.where(scale > 0, scale, 1.0),
            measured=measured & (scale > 0),
            whole=whole if whole.any() else None,
            groups=groups,
            codes=tuple(c for c in codes if len(c[1]) > 1),
            switches=switches,
            names=tuple(c.name for c in columns),
            rules=tuple(parse(text, columns) for text in samples.rules),
        )

    def free(self, epsilon: float) -> bool:
        """Whether an attacker inside ``epsilon`` can change anything at all."""
        if (self.groups or self.codes) and self.switches > 0:
            return True
        if self.measured is None:
            return epsilon > 0
        measured = np.asarray(self.measured, dtype=bool)
        if self.whole is not None:  # a whole number stays put until a step of 1 is within reach
            reach = epsilon * np.broadcast_to(np.asarray(self.scale, dtype=float), measured.shape)
            measured = measured & ~(np.asarray(self.whole, dtype=bool) & (reach * (1 + 1e-6) < 1))
        return epsilon > 0 and bool(measured.any())

    def like(self, x: Array) -> Domain:
        """The same domain with its arrays in the library, floating type and device of ``x``."""
        xp = array_namespace(x)

        def native(v: Any, dtype: Any) -> Any:
            return v if v is None or isinstance(v, int | float) else xp.asarray(v, dtype=dtype, device=device(x))

        return replace(
            self,
            low=native(self.low, x.dtype),
            high=native(self.high, x.dtype),
            scale=native(self.scale, x.dtype),
            measured=native(self.measured, xp.bool),
            whole=native(self.whole, xp.bool),
        )

    def bounds(self, x0: Array, epsilon: Array | float, norm: Norm = "linf") -> tuple[Array, Array]:
        """Lowest and highest reachable value of every measured entry; other columns are pinned to ``x0``.

        For L2 this is the data range alone; :meth:`project` adds the ball.
        """
        xp = array_namespace(x0)
        if isinstance(self.low, int | float) and isinstance(self.high, int | float):
            low, high = xp.clip(x0, None, self.low), xp.clip(x0, self.high, None)
        else:
            low, high = xp.minimum(x0, self.low), xp.maximum(x0, self.high)
        if norm == "linf":
            reach = (epsilon if isinstance(epsilon, int | float) else per_row(epsilon, x0)) * self.scale
            low, high = xp.maximum(low, x0 - reach), xp.minimum(high, x0 + reach)
        if self.measured is not None:
            low, high = xp.where(self.measured, low, x0), xp.where(self.measured, high, x0)
        if self.padded:
            inside = _before_the_end(x0)
            low, high = xp.where(inside, low, x0), xp.where(inside, high, x0)
        return low, high

    def distance(self, x: Array, x0: Array, norm: Norm) -> Array:
        """(n,) distances over the measured entries, in units of their scale."""
        xp = array_namespace(x)
        d = (x - x0) / self.scale
        if self.measured is not None:
            d = xp.where(self.measured & ~xp.isnan(d), d, xp.zeros_like(d))
        return row_norm(d, norm)

    def project(self, x: Array, x0: Array, epsilon: Array | float, norm: Norm = "linf") -> Array:
        """The nearest permitted input that we can name: inside the range and the ball, whole, one-hot, few switches.

        Exact for images and numeric columns under Linf. Under L2 the box is applied before the ball, which stays
        inside both. Whole-number columns move towards ``x0``, so that rounding never leaves the ball.
        """
        xp = array_namespace(x)
        low, high = self.bounds(x0, epsilon, norm)
        out = xp.minimum(xp.maximum(x, low), high)
        if norm == "l2":
            # A hair less than epsilon: the re-check must not stumble over the last bit of a float32 norm.
            d = self.distance(out, x0, norm)
            shrink = epsilon * (1 - 1e-6) / xp.maximum(d, xp.full_like(d, 1e-30))
            out = x0 + (out - x0) * per_row(xp.minimum(shrink, xp.ones_like(d)), x)
        if self.whole is not None:
            # A change of 0.9999999 is one that rounding made out of 1; the re-check allows ten times this slack.
            out = xp.where(self.whole, x0 + xp.trunc((out - x0) * (1 + 1e-6)), out)
        out = self._categories(out, x, x0) if self.groups or self.codes else out
        if not self.rules:
            return out
        out = repair(self.rules, out, x0, low=low, high=high, whole=self.whole, groups=self.groups)
        if norm == "l2":  # a value that an implication demanded may have left the ball
            far = self.distance(out, x0, norm) > epsilon
            out = xp.where(far[:, None], x0, out)
        return out

    def _categories(self, out: Array, x: Array, x0: Array) -> Array:
        """Writes the category columns of ``x`` into ``out``: at most ``switches`` of them differ from ``x0``."""
        xp = array_namespace(x)
        wishes: list[tuple[tuple[int, ...], Array, Array]] = []  # columns, new values, strength of the wish (0: none)
        for group in self.groups:
            index = list(group)
            new = xp.argmax(x[:, index], axis=1)
            old = xp.argmax(x0[:, index], axis=1)
            hot = new[:, None] == xp.arange(len(index), dtype=new.dtype, device=device(new))[None, :]
            gap = xp.max(x[:, index], axis=1) - xp.max(
                xp.where(old[:, None] == xp.arange(len(index), device=device(old))[None, :], x[:, index], -xp.inf),
                axis=1,
            )
            strength = xp.where(new != old, 1e-9 + gap, xp.zeros_like(gap))
            wishes.append((group, xp.astype(hot, x.dtype), strength))
        for column, values in self.codes:
            permitted = xp.asarray(values, dtype=x.dtype, device=device(x))
            nearest = xp.argmin(xp.abs(x[:, column][:, None] - permitted[None, :]), axis=1)
            value = permitted[nearest]
            gap = xp.abs(value - x0[:, column])
            wishes.append(((column,), value[:, None], xp.where(gap > 0, xp.ones_like(gap), xp.zeros_like(gap))))
        strengths = xp.stack([w[2] for w in wishes], axis=1)
        order = xp.argsort(xp.argsort(-strengths, axis=1, stable=True), axis=1, stable=True)
        granted = (strengths > 0) & (order < self.switches)
        for j, (columns, value, _) in enumerate(wishes):
            index = list(columns)
            out[:, index] = xp.where(granted[:, j][:, None], value, x0[:, index])
        return out

    def check(
        self, x: Array, x0: Array, epsilon: Array | float, norm: Norm = "linf", *, slack: float = 1e-5
    ) -> dict[str, Array]:
        """Which rows break which rule: rule in words -> (n,) booleans. Written apart from :meth:`project` on purpose.

        ``slack`` is the relative room for floating-point rounding, in units of epsilon or of the range.
        """
        xp = array_namespace(x)
        axes = tuple(range(1, x.ndim))

        def some(mask: Array) -> Array:
            return xp.any(mask, axis=axes)

        moved = (x != x0) & ~(xp.isnan(x) & xp.isnan(x0))
        unit = epsilon * slack + 1e-7
        found = {
            "not finite": some(moved & ~xp.isfinite(x)),
            "outside epsilon": self.distance(x, x0, norm) > epsilon + unit,
            "outside the data range": some(
                moved & ((x < self.low - unit * self.scale) | (x > self.high + unit * self.scale)) & self._grew(x, x0)
            ),
        }
        if self.padded:
            found["changed after the clip's end"] = some(moved & ~_before_the_end(x0))
        if self.measured is not None:
            reach = self._reach(x)
            found["a column out of reach was changed"] = some(moved & ~reach)
        if self.whole is not None:
            change = xp.where(moved & xp.isfinite(x), x - x0, xp.zeros_like(x))
            found["not a whole number"] = some(self.whole & (xp.abs(change - xp.round(change)) > 1e-4))
        if self.groups or self.codes:
            found.update(self._check_categories(x, x0))
        if self.rules:
            found["a declared rule is broken"] = broken(self.rules, x, x0)
        return found

    def _grew(self, x: Array, x0: Array) -> Array:
        """Entries that went further out than they were: an input may start outside the declared range."""
        return (x < x0) & (x < self.low) | (x > x0) & (x > self.high)

    def _reach(self, x: Array) -> Array:
        """One sample's booleans: may this column change at all?"""
        xp = array_namespace(x)
        mask = np.zeros(x.shape[1:], dtype=bool)
        mask[[i for g in self.groups for i in g] + [c for c, _ in self.codes]] = True
        return self.measured | xp.asarray(mask, device=device(x))

    def _check_categories(self, x: Array, x0: Array) -> dict[str, Array]:
        xp = array_namespace(x)
        none = xp.zeros(x.shape[0], dtype=xp.bool, device=device(x))
        torn, unknown, count = none, none, xp.zeros(x.shape[0], dtype=xp.int64, device=device(x))
        for group in self.groups:
            index = list(group)
            differs = xp.any(x[:, index] != x0[:, index], axis=1)
            valid = xp.all((x[:, index] == 0) | (x[:, index] == 1), axis=1) & (xp.sum(x[:, index], axis=1) == 1)
            torn = torn | (differs & ~valid)
            count = count + xp.astype(differs, xp.int64)
        for column, values in self.codes:
            differs = x[:, column] != x0[:, column]
            known = xp.any(
                x[:, column][:, None] == xp.asarray(values, dtype=x.dtype, device=device(x))[None, :], axis=1
            )
            unknown = unknown | (differs & ~known)
            count = count + xp.astype(differs, xp.int64)
        return {
            "not one-hot": torn,
            "an unknown category": unknown,
            "too many categories switched": count > self.switches,
        }


def _before_the_end(x: Array) -> Array:
    """(n, t) booleans: there is still something other than zero from here to the end of the clip."""
    xp = array_namespace(x)
    ahead = xp.cumulative_sum(xp.flip(xp.abs(x), axis=1), axis=1)
    return xp.flip(ahead, axis=1) > 0


def _bound(declared: float | None, values: NumpyArray, pick: Any) -> float:
    return float(declared) if declared is not None else float(pick(values)) if len(values) else 0.0


def _scales(data: NumpyArray) -> NumpyArray:
    """Interquartile range, else standard deviation, else 0, of each column."""
    if not len(data):
        return np.zeros(data.shape[1])
    q1, q3 = np.nanquantile(data, [0.25, 0.75], axis=0)
    spread = np.nanstd(data, axis=0)
    return np.where(q3 > q1, q3 - q1, np.where(np.isfinite(spread), spread, 0.0))


def _values(column: Column, values: NumpyArray) -> tuple[float, ...]:
    """The codes a categorical column may hold: those declared, else those seen."""
    if column.categories:
        return tuple(float(i) for i in range(len(column.categories)))
    return tuple(float(v) for v in np.unique(values[np.isfinite(values)]))
