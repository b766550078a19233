"""The fixture `momus`: models in memory and whole cards, asserted on inside ordinary tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from momus.core.errors import MomusError, ProbeError
from momus.core.records import Finding, Interval, Limit, Measurement, Status
from momus.judge import decide, limit_for
from momus.reports import wording
from momus.reports.text import clean

if TYPE_CHECKING:
    from momus.assess.assessment import Assessment
    from momus.core.samples import Samples


@dataclass(frozen=True)
class Measured:
    """A measurement held against its limit, with the two assertions that a test needs.

    Neither ever lets an undecided measurement through: only a whole interval on the right side holds.
    """

    finding: Finding

    @property
    def measurement(self) -> Measurement:
        assert self.finding.measurement is not None
        return self.finding.measurement

    @property
    def status(self) -> str:
        """``pass``, ``fail`` or ``inconclusive``; compares with both strings and Status."""
        return self.finding.status

    @property
    def value(self) -> float:
        return self.measurement.value

    @property
    def ci(self) -> Interval:
        return self.measurement.ci

    @property
    def limit(self) -> Limit | None:
        return self.finding.limit

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.measurement, name)  # figures, evidence, caveats, n, scope

    def __repr__(self) -> str:
        return f"<Measured {self.finding}>"

    def assert_passes(self) -> None:
        """The measurement passes its limit. A fail fails the test, and so does an inconclusive measurement."""
        __tracebackhide__ = True
        if self.finding.status is not Status.PASS:
            raise AssertionError(self._said(self.finding.status.value, self._limit_words(), self.finding.reason))

    def assert_value(self, *, below: float | None = None, above: float | None = None) -> None:
        """The number is below, or above, what is given: with its whole interval, and no caveat against it."""
        __tracebackhide__ = True
        if (below is None) == (above is None):
            raise TypeError("give one of below= and above=")
        x = self.measurement
        holds, broken = _sides(x.ci, below, above)
        wanted = f"below {below:g}" if below is not None else f"above {above:g}"
        # What blocks a pass blocks a number that would be as good as one.
        blocks = [c.message for c in x.caveats if c.blocks in ("both", "pass")]
        good = (below is not None) == (x.worse == "higher")
        if broken:
            raise AssertionError(
                self._said("fail", f"it should be {wanted}", "the whole interval is on the other side")
            )
        if not holds:
            n = f"its interval reaches across, n={x.n} is too few to tell"
            raise AssertionError(self._said("inconclusive", f"it should be {wanted}", n))
        if good and blocks:
            raise AssertionError(self._said("inconclusive", f"it should be {wanted}", f"it is, but {blocks[0]}"))
        if x.n < 2 and x.ci.method != "exact":
            raise AssertionError(self._said("inconclusive", f"it should be {wanted}", f"{x.n} samples decide nothing"))

    def _limit_words(self) -> str:
        if self.limit is None:
            return "no limit is set: give limit="
        side = "at least" if self.measurement.worse == "lower" else "at most"
        return f"the limit is {side} {wording.number(self.limit.value)} ({wording.limit_source(self.limit)})"

    def _said(self, word: str, wanted: str, why: str) -> str:
        x = self.measurement
        lines = [
            f"{x.probe} on {clean(x.target, 80)}: {word}",
            f"  measured  {wording.metric(x.metric)} {wording.reading(x)}",
            f"  wanted    {wanted}",
            f"  because   {clean(why, 600)}",
            f"  tried     {wording.scope(x)}",
        ]
        return "\n".join(lines)


def _sides(ci: Interval, below: float | None, above: float | None) -> tuple[bool, bool]:
    """Whether the whole interval is where it should be, and whether all of it is not."""
    if below is not None:
        return ci.high < below, ci.low >= below
    assert above is not None
    return ci.low > above, ci.high <= above


class Momus:
    """What the fixture gives. Whole assessments are made once a session for the same arguments."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self._assessed: dict[str, Assessment] = {}

    def target(self, model: Any, name: str = "model", **settings: Any) -> Any:
        """A model as a target: an estimator, a torch module, an ``.onnx`` path, a function, an object with abilities.

        With ``env=`` a policy. ``settings`` are those of :class:`momus.Target`'s constructors: ``classes``, ``shape``,
        ``range``. What is a target already is returned as it is.
        """
        if hasattr(model, "info"):
            return model
        return self._door(model, settings)(name=name, **settings)

    def _door(self, model: Any, settings: dict[str, Any]) -> Callable[..., Any]:
        from functools import partial

        from momus.targets import Target

        if "env" in settings:
            return partial(Target.from_policy, model, settings.pop("env"))
        if isinstance(model, str | Path):
            if Path(model).suffix.lower() == ".onnx":
                return partial(Target.from_onnx, model)
            return partial(Target.from_files, [model])
        kinds = {base.__module__.split(".")[0] for base in type(model).__mro__}
        if "torch" in kinds:
            return partial(Target.from_torch, model)
        if kinds & {"sklearn", "xgboost", "lightgbm"} or hasattr(model, "get_params"):
            return partial(Target.from_sklearn, model)
        if hasattr(model, "predict") or hasattr(model, "predict_proba"):
            return partial(Target.from_object, model)
        if callable(model):
            return partial(Target.from_callable, model)
        raise MomusError(
            f"a {type(model).__name__} is no model that could be tested", code="target/unknown",
            hint="Give an estimator, a torch module, a function, an .onnx file, or one of momus.Target's",
        )  # fmt: skip

    def measure(
        self, probe: str, target: Any, *, seed: int | None = None, limit: float | None = None, **given: Any
    ) -> Measured:
        """One probe on one target, held against its default limit or ``limit``.

        Data sets go in by role, as Samples or as ``(x, y)``; options by name. The model runs in this process,
        unconfined: for models that the test made itself.
        """
        from momus.core.registry import get_probe

        found = get_probe(probe)
        opened = self.target(target)
        roles = {*found.data, *found.optional_data}
        unknown = [k for k in given if k not in roles and k not in found.options and k not in _DOOR]
        if unknown:
            hint = f"Data: {', '.join(sorted(roles)) or 'none'}; options: {', '.join(found.options) or 'none'}"
            raise ProbeError(f"{found.id} takes no '{unknown[0]}'", hint=hint)
        ready: dict[str, Any] = {k: self.samples(v, opened, k) if k in roles else v for k, v in given.items()}
        made = found(opened, seed=self.seed if seed is None else seed, **ready)
        marks: Mapping[str, float] = {} if limit is None else {found.id: limit}
        return Measured(decide(made, limit_for(found.id, marks)))

    def samples(self, data: Any, target: Any, name: str = "data") -> Samples:
        """Samples of ``(x, y)`` or of ``x`` alone, with the classes of the target; labels may be their names."""
        from momus.core.samples import Samples

        if isinstance(data, Samples):
            return data
        x, y = data if isinstance(data, tuple) else (data, None)
        classes = tuple(target.info.classes)
        x, y = np.asarray(x), None if y is None else np.asarray(y)
        if y is not None and y.dtype.kind in "OUS" and classes:
            index = {c: i for i, c in enumerate(classes)}
            strange = sorted({str(v) for v in y} - set(index))
            if strange:
                hint = f"Its classes: {', '.join(classes[:10])}"
                raise MomusError(f"the target has no class '{strange[0]}'", code="data/unknown-class", hint=hint)
            y = np.array([index[str(v)] for v in y])
        return Samples(x if x.dtype.kind in "OU" or x.dtype == np.uint8 else x.astype(float), y, name, classes=classes)

    def assess(self, card: Any, **settings: Any) -> Assessment:
        """A whole assessment, in confined workers, made once a session for the same arguments.

        ``momus.assess("momus.yaml", only="membership.*")["M04"].status`` is the word of a row. ``settings`` are those
        of :func:`momus.assess`.
        """
        from momus.assess import assess

        asked = {"seed": self.seed, **settings}
        place = str(Path(card).resolve()) if isinstance(card, str | Path) else repr(card)
        key = repr((place, sorted((k, repr(v)) for k, v in asked.items())))
        if key not in self._assessed:
            self._assessed[key] = assess(card, **asked)
        return self._assessed[key]

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """Slugs of the 17 modes, for ``@pytest.mark.parametrize``-like loops over rows."""
        from momus.taxonomy import load

        return tuple(m.slug for m in load().modes)


# Keywords that a probe itself takes beside data and options.
_DOOR = frozenset({"budget", "progress", "context", "service", "cache", "others"})
