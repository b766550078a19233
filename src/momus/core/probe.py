"""The @probe decorator, the Trial a probe works in, and the Probe object that the rest of the house speaks of.

A probe is one function in one file: ``src/momus/probes/<mode>/<technique>.py`` defines ``<technique>``. Its id is its
address, ``<mode>.<technique>``. The type of its first argument says what it needs from a target; its keyword-only
arguments are its options and their defaults are the documentation of the defaults.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import numpy as np

from momus.core import capabilities, digest, divide, seeds, spread, usercode
from momus.core.cache import Cache
from momus.core.errors import MissingExtra, ProbeError
from momus.core.evidence import Evidence
from momus.core.meter import Budget, Meter
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.core.service import Service

Progress = Callable[[float, str], None]
OTHER_TASKS = frozenset({"task", "transfer"})  # an adversary's own, and the one that a model is tuned for


def _unfit(kind: Any, value: Any) -> str:
    """What an option of this kind must be, where ``value`` is not; only numbers and switches are judged."""
    kinds = set(typing.get_args(kind) or (kind,))
    if not kinds <= {int, float, bool, type(None)} or (value is None and type(None) in kinds):
        return ""
    switch = isinstance(value, bool | np.bool_)
    if bool in kinds:
        return "" if switch else "true or false"
    if float in kinds:
        fits = isinstance(value, Real) and not switch and math.isfinite(value)
        return "" if fits else "a finite number"
    return "" if isinstance(value, Integral) and not switch else "a whole number"


def _silent(_done: float, _note: str) -> None:
    """The default progress listener."""


def _here(address: str) -> Callable[..., Any]:
    """The user's function at an address meant from the current folder."""
    return usercode.load(address, Path())


Part = spread.Job  # one of a probe's pieces of work, to arrays


@dataclass
class Trial:
    """All that a probe may touch beside the target.

    ``data`` maps a role (train, test, reference, current) to Samples. ``rng`` is seeded from (run seed, probe, target).
    ``progress(fraction, note)`` reports how far it is, fraction in [0, 1]. ``measurement`` makes the result.
    ``context`` carries plain facts that some probes read (declared tests, plan gaps), never objects. ``service`` is
    what callers of the served model see and pay. ``run_seed`` is that of the whole run. ``others`` are targets that do
    the same task, bare: models to compare with. ``functions(address)`` gives a function of the user's that the context
    names. ``slots`` are the cores that costly work may be spread over. ``identity`` is the job's key, and ``mate`` the
    number of this process among the nodes that work at the job together, where there may be several.
    """

    seed: int = 0
    data: Mapping[str, Samples] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    progress: Progress = _silent
    context: Mapping[str, Any] = field(default_factory=dict)
    probe: Probe | None = None
    meter: Meter | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
    service: Service = field(default_factory=Service)
    cache: Cache | None = None
    run_seed: int = 0
    others: tuple[Any, ...] = ()
    functions: Callable[[str], Callable[..., Any]] = _here
    slots: spread.Slots | None = None
    identity: str = ""
    mate: int | None = None

    def keeping(self, rows: int, share: float = 1.0, *, most: float = 1 / 3) -> AbstractContextManager[None]:
        """Inside, the last ``rows`` queries and the time after ``share`` of it are kept for what comes afterwards.

        See :meth:`momus.core.meter.Meter.keeping`.
        """
        return nullcontext() if self.meter is None else self.meter.keeping(rows, share, most=most)

    def shared_seed(self, work: str) -> int:
        """A seed that every probe of the run derives alike for the same target: for work that probes share."""
        name = "" if self.meter is None else self.meter.info.name
        return seeds.derive(self.run_seed, work, name)

    def shared(self, parts: Any, make: Callable[[], Mapping[str, NumpyArray]]) -> Mapping[str, NumpyArray]:
        """Arrays that ``make`` makes, or made before where everything in ``parts`` was the same.

        ``parts`` are JSON-able values that name *all* the arrays depend on: target and data digests, seed, settings,
        and a version of the method. Probes of one run find each other's work here, and a later run finds this one's.
        """
        return dict(make()) if self.cache is None else self.cache.arrays(digest.of_value(parts), make)

    def spread(self, jobs: Sequence[spread.Job], keys: Sequence[Sequence[str]] = ()) -> list[Mapping[str, NumpyArray]]:
        """What each job returns, in order, done on as many cores as are free where the assessment allows it.

        A job trains or asks models of its own: what it asks of the trial's target in another process is not counted.
        ``keys`` are the digests under which each keeps its answers in the cache: by them nodes share the jobs.
        """
        if keys:
            self.ahead(jobs, keys)
        return spread.run(jobs, self.slots)

    def ahead(self, jobs: Sequence[Callable[[], Any]], keys: Sequence[Sequence[str]]) -> None:
        """Where several nodes work at this job: do those jobs that no other has done or is doing.

        Each keeps its answers in the cache under its ``keys``; the caller then finds them there.
        """
        if self.mate is not None and self.cache is not None:
            divide.ahead(jobs, keys, self.cache, self.mate)

    def divide(self, jobs: Mapping[str, Part]) -> dict[str, Mapping[str, NumpyArray]] | None:
        """What each part of this probe's questions gives, by its name; what it asks is counted as if asked here.

        None where the questions cannot be cut (see :func:`momus.core.divide.may`); parts that time did not suffice
        for are left out. No part may depend on another, nor on anything random but a seed of its own.
        """
        if self.meter is None or not divide.may(self.meter):
            return None
        how = {"meter": self.meter, "slots": self.slots, "cache": self.cache, "mate": self.mate}
        return divide.run(jobs, identity=self.identity, **how)  # type: ignore[arg-type]

    @property
    def rng(self) -> np.random.Generator:
        """A fresh generator, the same at each call: keep it in a variable when drawing more than once."""
        return np.random.default_rng(self.seed)

    def samples(self, role: str) -> Samples:
        """The data set in that role, or a ProbeError that says which one is missing."""
        if role not in self.data:
            raise ProbeError(f"no data set in the role '{role}'", hint=f"Add data.{role} to the card")
        return self.data[role]

    def measurement(
        self,
        value: float,
        ci: Interval,
        n: int,
        *,
        scope: Mapping[str, Scalar | None] | None = None,
        figures: Sequence[Figure] = (),
        evidence: Sequence[Evidence] = (),
        caveats: Sequence[Caveat] = (),
    ) -> Measurement:
        """The Measurement of this trial, with probe, target, seed, data digests and cost filled in.

        ``scope`` is added to the options in effect; None takes away an option that had no meaning here.
        """
        if self.probe is None or self.meter is None:
            raise ProbeError("a measurement can only be made inside a probe")
        return Measurement(
            probe=self.probe.id,
            target=self.meter.info.name,
            metric=self.probe.metric,
            value=float(value),
            ci=ci,
            n=int(n),
            worse=self.probe.worse,
            unit=self.probe.unit,
            scope={k: v for k, v in {**self.options, **(scope or {})}.items() if v is not None},
            figures=tuple(figures),
            evidence=tuple(evidence),
            caveats=tuple(caveats),
            cost=self.meter.cost,
            seed=self.seed,
            data={role: s.digest for role, s in sorted(self.data.items())},
            modes=self.probe.modes,
        )


@dataclass(frozen=True)
class Probe:
    """A technique that measures one number about one target. Call it like a function; see :meth:`__call__`."""

    id: str
    run: Callable[..., Measurement]
    knowledge: Knowledge
    data: tuple[str, ...]
    optional_data: tuple[str, ...]
    metric: str
    worse: Literal["lower", "higher"]
    unit: str
    source: str
    also: tuple[str, ...]
    version: int
    extra: str | None
    cost: str
    tasks: tuple[str, ...]
    modalities: tuple[str, ...]
    groups: bool = False
    sensitive: bool = False
    classes: int = 0
    within: str = ""
    declares: tuple[str, ...] = ()
    times: bool = False
    contributors: bool = False

    @property
    def mode(self) -> str:
        """Slug of the failure mode it belongs to."""
        return self.id.split("/")[-1].split(".")[0]

    @property
    def modes(self) -> tuple[str, ...]:
        return (self.mode, *self.also)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.run) or "").split("\n", 1)[0]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.run) or ""

    @property
    def needs(self) -> type:
        """The Protocol that the first argument is annotated with."""
        first = next(iter(inspect.signature(self.run).parameters))
        hints = typing.get_type_hints(self.run)
        return hints[first]  # type: ignore[no-any-return]

    @property
    def options(self) -> dict[str, Scalar | None]:
        """Keyword-only arguments and their defaults."""
        parameters = inspect.signature(self.run).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def missing(self, target: object) -> tuple[str, ...]:
        """Abilities that the bare target lacks."""
        return capabilities.missing(target, self.needs)

    def seed_for(self, run_seed: int, target: str) -> int:
        return seeds.derive(run_seed, self.id, target)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """ProbeError for an option the probe does not have, or a value of another kind than the option's."""
        unknown = [k for k in options if k not in self.options]
        if unknown:
            known = ", ".join(self.options) or "none"
            raise ProbeError(f"{self.id} has no option '{unknown[0]}'", hint=f"Its options: {known}")
        kinds = typing.get_type_hints(self.run) if options else {}
        for name, value in options.items():
            wanted = _unfit(kinds.get(name), value)
            if wanted:
                place, default = f"option '{name}'", self.options[name]
                hint = "" if default is None else f"The default is {default}"
                raise ProbeError(f"{name} must be {wanted}, not {value!r}", place=place, hint=hint)

    def __call__(
        self,
        target: Any,
        trial: Trial | None = None,
        /,
        *,
        seed: int = 0,
        budget: Budget | None = None,
        progress: Progress = _silent,
        context: Mapping[str, Any] | None = None,
        service: Service | None = None,
        cache: Cache | None = None,
        others: Sequence[Any] = (),
        **given: Any,
    ) -> Measurement:
        """Measure ``target``.

        In a notebook give the data sets by role and the options by name::

            pgd(target, test=Samples(x, y), epsilon=8 / 255)

        ``seed`` is the run seed; the seed used derives from it, the probe id and the target's name. The assessment
        passes a ready ``trial`` instead. ``others`` are targets to compare with. With a ``cache`` probes share and keep
        costly arrays such as shadow models' answers. Raises TargetError when the target lacks an ability, ProbeError
        for a missing data set or unknown option.
        """
        lacking = self.missing(target)
        if lacking:
            raise ProbeError(f"{self.id} needs {', '.join(lacking)}, which this target cannot do")
        if trial is None:
            data = {k: v for k, v in given.items() if isinstance(v, Samples)}
            options = {k: v for k, v in given.items() if k not in data}
            name = target.info.name
            trial = Trial(
                self.seed_for(seed, name), data, budget or Budget(), progress, context or {},
                service=service or Service(), cache=cache, run_seed=seed, others=tuple(others),
            )  # fmt: skip
        else:
            options = given
        self.check_options(options)
        for role in self.data:
            trial.samples(role)
        # Of roles that hold another task the labels are none of the target's.
        of_target = {r: s.in_classes(target.info.classes) for r, s in trial.data.items() if r not in OTHER_TASKS}
        trial.data = {role: of_target.get(role, s) for role, s in trial.data.items()}
        effective = {**self.options, **options}
        trial.probe = self
        trial.meter = Meter(target, trial.budget)
        trial.options = {k: v for k, v in effective.items() if isinstance(v, bool | int | float | str)}
        try:
            return trial.meter.timely(self.run(trial.meter, trial, **options))
        except ModuleNotFoundError as error:
            if self.extra is None or error.name is None or error.name.split(".")[0] == "momus":
                raise
            raise MissingExtra.of(f"probe {self.id}", self.extra, error.name) from error

    def __rich__(self) -> str:
        return f"[bold]{self.id}[/bold]  {self.summary}  [dim]{self.knowledge.value}; {self.source}[/dim]"


def probe(
    *,
    knowledge: Knowledge,
    metric: str,
    worse: Literal["lower", "higher"],
    source: str,
    data: tuple[str, ...] = (),
    optional_data: tuple[str, ...] = (),
    unit: str = "",
    also: tuple[str, ...] = (),
    version: int = 1,
    extra: str | None = None,
    cost: str = "",
    tasks: tuple[str, ...] = (),
    modalities: tuple[str, ...] = (),
    groups: bool = False,
    sensitive: bool = False,
    classes: int = 0,
    within: str = "",
    declares: tuple[str, ...] = (),
    times: bool = False,
    contributors: bool = False,
) -> Callable[[Callable[..., Measurement]], Probe]:
    """Turn a function ``(target: Needs, trial: Trial, *, options) -> Measurement`` into a Probe.

    ``data``: roles it cannot do without; ``optional_data``: roles it uses where given. ``worse``: the direction of
    harm. ``source``: arXiv id or standard. ``version``: raise it whenever the number would change, so that stored
    results are not reused. ``extra``: the optional dependency it needs. ``cost``: queries as a formula.
    ``tasks``/``modalities``: where it makes sense; empty means everywhere. ``groups``: it compares declared groups.
    ``sensitive``: it guesses columns that are marked sensitive, or the one its option ``column`` names.
    ``classes``: how many a classifier must have for the probe to make sense.
    ``within``: another probe that finds the same harm and more, so that the plan leaves this one out on targets where
    that one runs, unless the card or the caller names it. ``declares``: keys of the card, such as
    ``tests.domain.columns``, without which there is nothing to measure. ``times``: its rows must be ordered by time.
    ``contributors``: it must know who supplied each row.
    """

    def decorate(run: Callable[..., Measurement]) -> Probe:
        module = run.__module__.split(".")
        built_in = module[:2] == ["momus", "probes"]
        identity = ".".join(module[2:]) if built_in else f"{module[0]}/{'.'.join(module[-2:])}"
        if module[-1] != run.__name__:
            raise ProbeError(f"probe function '{run.__name__}' must be named like its file, '{module[-1]}'")
        made = Probe(
            identity,
            run,
            knowledge,
            data,
            optional_data,
            metric,
            worse,
            unit,
            source,
            also,
            version,
            extra,
            cost,
            tasks,
            modalities,
            groups,
            sensitive,
            classes,
            within,
            declares,
            times,
            contributors,
        )
        made.__dict__["__doc__"] = run.__doc__
        return made

    return decorate
