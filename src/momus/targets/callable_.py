"""Any Python function from rows to labels, probabilities, scores or values as a target."""

from __future__ import annotations

import hashlib
import inspect
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from momus.core import digest
from momus.core.capabilities import Array, TargetInfo
from momus.core.errors import TargetError
from momus.core.samples import Column, NumpyArray, Samples
from momus.targets import answers
from momus.targets.described import Spaced
from momus.targets.spaces import Space, meant, raw_values, space

Output = Literal["labels", "probabilities", "logits", "values"]
Function = Callable[[Any], Any]
Train = Callable[[NumpyArray, NumpyArray, int], Function]


class CallableTarget(Spaced):
    """A function that gives labels or values. Arrays are NumPy; texts are an array of str."""

    def __init__(
        self,
        function: Function,
        info: TargetInfo,
        where: Space,
        columns: tuple[Column, ...],
        rows: int,
        train: Train | None,
    ) -> None:
        self.function = function
        self.space = where
        self.rows = rows
        self._info = info
        self._columns = columns
        self._codes = raw_values(columns)
        self._train = train
        self._index = answers.label_index(info.classes)

    @property
    def _what(self) -> str:
        return str(getattr(self.function, "__qualname__", self.function))

    def predict(self, x: Array, /) -> Array:
        """int64 class indices (n,), or float64 values (n,) for a regressor."""
        name = self._info.name
        if self._info.output == "values":
            return self._ask(x, lambda a, out: answers.values(name, a, out), (0,))
        if self._info.output == "labels":
            return self._ask(x, lambda a, out: answers.labels(name, a, out, self._index), (0,)).astype(np.int64)
        return self._rows(x).argmax(axis=1)

    def _rows(self, x: Array) -> NumpyArray:
        """Probabilities or logits (n, k), as the function returns them."""
        name, k = self._info.name, len(self._info.classes)
        if self._info.output == "probabilities":
            return self._ask(x, lambda a, out: answers.probability_rows(name, a, out, k), (0, k))
        return self._ask(x, lambda a, out: answers.logit_rows(name, a, out, k), (0, k))

    def _ask(self, x: Array, check: Any, empty: tuple[int, ...]) -> NumpyArray:
        x = np.asarray(x)
        self.space.check(x)
        if not len(x):
            return np.zeros(empty)

        def once(a: NumpyArray) -> NumpyArray:
            fed = self._fed(a)
            with answers.asking(self._info.name, fed):
                out = self.function(fed)
            return check(a, out)  # type: ignore[no-any-return]

        return answers.in_batches(x, self.rows, once)

    def _fed(self, a: NumpyArray) -> NumpyArray:
        if self.space.modality != "table":
            return np.array(self.space.feed(a))
        fed = a.copy()
        for j, meanings in enumerate(self._codes):
            if meanings is not None and meanings.dtype != object:
                fed[:, j] = meant(a[:, j], meanings)
        return fed


class CallableValues(CallableTarget):
    """A function that gives values: a regressor, or a detector with one output."""

    def scores(self, x: Array, /) -> Array:
        """float64 (n, 1): the values."""
        return self.predict(x)[:, None]


class CallableScores(CallableTarget):
    """A function that gives probabilities or logits."""

    def probabilities(self, x: Array, /) -> Array:
        """float64 (n, k); softmax where the function returns logits."""
        rows = self._rows(x)
        return rows if self._info.output == "probabilities" else answers.softmax_rows(rows)

    def scores(self, x: Array, /) -> Array:
        """float64 (n, k): the logits, or the logarithm of the probabilities."""
        rows = self._rows(x)
        return answers.log_rows(rows) if self._info.output == "probabilities" else rows


class Retrained:
    """Adds ``retrain`` by a user's hook (x as read, y, seed) -> function."""

    space: Space
    rows: int
    _info: TargetInfo
    _columns: tuple[Column, ...]
    _train: Train | None
    _form_again: type | None = None

    def retrain(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> CallableTarget:
        """A target of the same kind around the function that the hook returns."""
        assert self._train is not None
        with answers.asking(self._info.name, x, "was trained again"):
            function = self._train(x, y, seed)
        if not callable(function):
            raise TargetError(
                f"the train hook returned a {type(function).__name__}, not a function",
                place=f"target '{self._info.name}'",
            )
        made = digest.of_value([self._info.digest, digest.of_array(np.asarray(x), np.asarray(y)), seed])
        info = replace(self._info, name=f"{self._info.name} (retrained)", digest=made, notes=(), files=())
        form: Any = self._form_again or type(self)
        again: CallableTarget = form(function, info, self.space, self._columns, self.rows, self._train)
        return again


class CallableTargetTrains(Retrained, CallableTarget):
    """CallableTarget that can be trained again."""


class CallableValuesTrains(Retrained, CallableValues):
    """CallableValues that can be trained again."""


class CallableScoresTrains(Retrained, CallableScores):
    """CallableScores that can be trained again."""


def callable_target(
    function: Function,
    *,
    name: str | None = None,
    classes: Sequence[str] = (),
    output: Output | None = None,
    task: Literal["classifier", "regressor"] = "classifier",
    columns: Sequence[Column] = (),
    samples: Samples | None = None,
    train: Train | None = None,
    rows: int = 1024,
    identity: str | None = None,
    files: Sequence[str] = (),
    **input_: Any,
) -> CallableTarget:
    """A function as a target.

    It is called with a batch of at most ``rows`` rows: tables float64 (n, d), texts an array of str, images as read
    (uint8 NHWC) unless ``shape``, ``range``, ``mean``, ``std`` or ``channels`` say otherwise. It returns one answer a
    row. ``output`` says which; without it one batch of at most 16 rows of ``samples`` decides. ``train`` is
    (x as read, y, seed) -> function.

    Raises TargetError where neither ``output`` and ``classes`` nor ``samples`` are given, or the answers do not fit.
    """
    name = name or str(getattr(function, "__name__", "model"))
    plain = not (input_.keys() & {"shape", "range", "mean", "std", "channels", "uint8"})
    if samples is None and "shape" not in input_ and "modality" not in input_:
        if columns:
            input_["shape"], plain = (len(columns),), False
        else:
            input_["modality"] = "table"
    where = replace(space(name, samples=samples, **input_), plain=plain)
    wish: Output | None = "values" if task == "regressor" else output
    named = tuple(str(c) for c in classes) or (samples.classes if samples is not None else ())
    blank = TargetInfo(name=name, task=task, adapter="callable", digest="", classes=named)
    notes: tuple[str, ...] = ()
    randomised = False
    if samples is not None and len(samples):
        draft = CallableTarget(function, blank, where, tuple(columns), rows, None)
        wish, named, randomised, notes = look(draft, where.encode(samples.x[:16]), wish, named)
    if wish is None or (wish != "values" and not named):
        raise TargetError(
            "what the function returns is not known",
            place=f"target '{name}'",
            hint="Give output= and classes=, or samples= so that it can be tried",
        )
    notes = (*notes, *(coded(c) for c, m in zip(columns, raw_values(columns), strict=True) if is_text(m)))
    info = replace(
        blank,
        digest=digest.of_value([identity or source_digest(function), repr(where), wish, list(named)]),
        classes=() if wish == "values" else named,
        modality=where.modality,
        shape=where.shape,
        low=where.lowest,
        high=where.highest,
        rate=where.rate,
        missing=where.missing,
        files=tuple(files),
        output=wish,
        notes=notes,
        randomised=randomised,
    )
    return form_of(wish, train is not None)(function, info, where, tuple(columns), rows, train)


def form_of(output: Output, trains: bool) -> type[CallableTarget]:
    """The class for a function that gives ``output``, with ``retrain`` or without."""
    if output == "values":
        return CallableValuesTrains if trains else CallableValues
    if output == "labels":
        return CallableTargetTrains if trains else CallableTarget
    return CallableScoresTrains if trains else CallableScores


def look(
    draft: CallableTarget, batch: NumpyArray, wish: Output | None, named: tuple[str, ...]
) -> tuple[Output, tuple[str, ...], bool, tuple[str, ...]]:
    """Output kind, classes, randomness and notes from two calls on one batch."""

    name = draft.info.name

    def keep(a: NumpyArray, out: Any) -> NumpyArray:
        found = answers.array(name, a, out)
        return answers.numbers(name, a, found) if found.dtype.kind == "f" else found

    first, second = draft._ask(batch, keep, (0,)), draft._ask(batch, keep, (0,))
    same = np.allclose(first, second, rtol=1e-6, atol=1e-8) if first.dtype.kind == "f" else (first == second).all()
    note = () if same else ("equal inputs gave different outputs: the model is randomised",)
    if wish is None:
        if first.ndim == 2 and first.shape[1] > 1:
            wish = "probabilities" if answers.rows_are_probabilities(first) else "logits"
        elif first.dtype.kind == "f" and not np.array_equal(first, np.rint(first)):
            wish = "probabilities" if first.min() >= 0 and first.max() <= 1 else "logits"
        else:
            wish = "labels"
    if not named and wish in ("probabilities", "logits"):
        named = tuple(str(i) for i in range(max(2, first.shape[1] if first.ndim == 2 else 2)))
    return wish, named, not same, note


def is_text(meanings: NumpyArray | None) -> bool:
    return meanings is not None and meanings.dtype == object


def coded(column: Column) -> str:
    """A function takes an array of numbers: its author must know which number stands for which text."""
    shown = ", ".join(f"{c} = {i}" for i, c in enumerate(column.categories[:5]))
    more = " ..." if len(column.categories) > 5 else ""
    return f"the texts of column '{column.name}' reach the function as {shown}{more}"


def source_digest(function: Any) -> str:
    """sha256 over the source of a function (or its class) and, where it can be hashed, what it holds on to."""
    import joblib

    holder = function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
    try:
        text = inspect.getsource(holder)
    except (OSError, TypeError):
        code = getattr(holder, "__code__", None)
        text = repr(holder.__qualname__) if code is None else f"{code.co_code!r} {code.co_consts!r} {code.co_names!r}"
    cells = [c.cell_contents for c in getattr(function, "__closure__", None) or ()]
    state = [cells, getattr(function, "__defaults__", None), getattr(function, "__self__", None), vars_of(function)]
    try:
        held = str(joblib.hash(state, "sha1"))
    except Exception:  # a pickler's hook may raise anything; what cannot be told apart must never be taken for the same
        held = uuid.uuid4().hex
    return hashlib.sha256(f"{text}\x1f{held}".encode()).hexdigest()


def vars_of(function: Any) -> dict[str, Any]:
    return {} if inspect.isroutine(function) else dict(getattr(function, "__dict__", {}))
