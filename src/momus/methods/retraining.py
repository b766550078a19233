"""The user's own training, run many times: spread over cores, cached by digest, and watched for what spoils a result.

Whatever a probe asks of retrained models is arrays: rows to train on, rows to ask about, answers. Those are kept under
the digest of all that they depend on, so a second question about the same model costs nothing, and the clean models
that several probes need are trained once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from momus.core import digest
from momus.core.capabilities import Predicts, Trains, TrainsTogether, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError, TargetError
from momus.core.probe import Trial
from momus.core.records import Caveat
from momus.core.samples import NumpyArray

VERSION = 2
BATCH = 4096
TOGETHER = 8  # models that one process trains as a stack: more would leave other cores idle
What = Literal["predict", "probabilities"]


@dataclass(frozen=True)
class Run:
    """One training: rows as read (n, ...), class indices or values (n,), and the seed of everything random in it."""

    x: NumpyArray
    y: NumpyArray
    seed: int


def rows_of(rate: float, n: int, *, within: str = "the training data") -> int:
    """How many of ``n`` rows a poison rate means. ProbeError where that is none, or would leave none clean."""
    if not 0 < rate < 1:
        raise ProbeError(f"a poison rate of {rate:g} is no share between 0 and 1", place="option 'rate'")
    count = round(rate * n)
    if count < 1:
        hint = f"Use a rate of at least {1 / max(n, 1):.2g}, or more rows"
        raise ProbeError(f"{rate:g} of {n} rows of {within} is no row at all", place="option 'rate'", hint=hint)
    if count >= n:
        hint = "Use a smaller rate, or more rows"
        raise ProbeError(f"{rate:g} of {n} rows of {within} leaves no clean row", place="option 'rate'", hint=hint)
    return count


def answers(
    target: Trains,
    trial: Trial,
    runs: Sequence[Run],
    ask: Mapping[str, NumpyArray],
    *,
    what: What = "predict",
) -> list[Mapping[str, NumpyArray]]:
    """Train each run and ask its model about every set of rows in ``ask`` (as read): answers by the set's name.

    ``what``: ``predict`` gives (m,) class indices or values, ``probabilities`` (m, k). Runs that share their rows are
    trained together where the target can. Raises TargetError with a remedy where training changes the rows it is given
    or returns a model that cannot answer, BudgetSpent when time is up before the first run is done; runs that time did
    not suffice for are left out at the end of the list.
    """
    asked = {name: digest.of_array(np.asarray(rows)) for name, rows in sorted(ask.items())}
    groups = _groups(target, runs)
    jobs = [partial(_job, target, trial, [runs[i] for i in group], ask, asked, what) for group in groups]
    keys = [[digest.of_value(_key(target, runs[i], asked, what)) for i in group] for group in groups]
    found: dict[int, Mapping[str, NumpyArray]] = {}
    at_once = 1 if trial.slots is None else 4 * trial.slots.count  # enough for every core, yet progress shows
    at_once = len(jobs) if trial.mate is not None else at_once  # others may be at any of them
    for start in range(0, len(jobs), at_once):
        trial.progress(start / len(jobs), f"training {len(runs)} models")
        some = slice(start, start + at_once)
        made = trial.spread(jobs[some], keys[some])
        for group, held in zip(groups[some], made, strict=True):
            for place, i in enumerate(group if held else ()):
                found[i] = {name: held[f"{name}/{place}"] for name in ask}
        if not all(made):
            break
    if runs and 0 not in found:
        raise BudgetSpent
    done = next((i for i in range(len(runs)) if i not in found), len(runs))
    return [found[i] for i in range(done)]


def _groups(target: Any, runs: Sequence[Run]) -> list[list[int]]:
    """Numbers of runs that one job trains: those of the same rows and labels together where the target can."""
    bare = getattr(target, "target", target)
    if missing(bare, TrainsTogether):
        return [[i] for i in range(len(runs))]
    alike: dict[int, list[int]] = {}
    for i, run in enumerate(runs):
        alike.setdefault(next((k for k in alike if _same(runs[k], run)), i), []).append(i)
    return [part[j : j + TOGETHER] for part in alike.values() for j in range(0, len(part), TOGETHER)]


def _same(a: Run, b: Run) -> bool:
    return a.x is b.x and a.y is b.y


def _job(
    target: Any,
    trial: Trial,
    runs: Sequence[Run],
    ask: Mapping[str, NumpyArray],
    asked: Mapping[str, str],
    what: What,
) -> Mapping[str, NumpyArray]:
    """Answers of a few runs, from the cache where they are known: by the rows asked about, whatever they are called.

    Nothing where time is up, so that what other jobs have done is kept.
    """
    found: dict[str, NumpyArray] = {}
    keys = [_key(target, run, asked, what) for run in runs]
    known = [i for i, key in enumerate(keys) if trial.cache is not None and trial.cache.holds(digest.of_value(key))]
    new = [i for i in range(len(runs)) if i not in known]
    try:
        models = dict(zip(new, _trained(target, [runs[i] for i in new]), strict=True)) if len(new) > 1 else {}
        for i, run in enumerate(runs):

            def make(i: int = i, run: Run = run) -> Mapping[str, NumpyArray]:
                model = models[i] if i in models else _trained(target, [run])[0]
                return {asked[name]: _said(model, rows, what) for name, rows in ask.items()}

            held = trial.shared(keys[i], make)
            found |= {f"{name}/{i}": held[asked[name]] for name in ask}
    except BudgetSpent:
        return {}
    return found


def _key(target: Any, run: Run, asked: Mapping[str, str], what: What) -> list[Any]:
    rows = digest.of_array(np.asarray(run.x), np.asarray(run.y))
    return ["retraining", VERSION, target.info.digest, rows, run.seed, sorted(set(asked.values())), what]


def _trained(target: Any, runs: Sequence[Run]) -> list[Predicts]:
    """A model for each run. The rows are handed over as copies and looked at afterwards."""
    if not runs:
        return []
    if len(runs) > 1:
        x, y = np.array(runs[0].x, copy=True), np.array(runs[0].y, copy=True)
        inside = np.ones((len(runs), len(x)), dtype=bool)
        models = list(target.retrain_together(x, y, inside, seeds=[r.seed for r in runs]))
        _unchanged(target, runs[0], x, y)
        return models
    x, y = np.array(runs[0].x, copy=True), np.array(runs[0].y, copy=True)
    model = target.retrain(x, y, seed=runs[0].seed)
    _unchanged(target, runs[0], x, y)
    return [model]


def _unchanged(target: Any, run: Run, x: NumpyArray, y: NumpyArray) -> None:
    for what, before, after in (("rows", run.x, x), ("labels", run.y, y)):
        if digest.of_array(np.asarray(before)) != digest.of_array(after):
            raise TargetError(
                f"the training function changes the {what} it is given",
                code="target/changes-rows",
                place=f"target '{target.info.name}'",
                hint="Let it work on a copy: x = x.copy(), y = y.copy()",
            )


def _said(model: Predicts, rows: NumpyArray, what: What) -> NumpyArray:
    """Answers in batches. The model is the tester's own copy, so nothing is counted."""
    ask = getattr(model, what, None)
    if ask is None:
        raise TargetError(f"the retrained model cannot give {what}", place=f"target '{model.info.name}'")
    parts = [to_numpy(ask(model.encode(rows[i : i + BATCH]))) for i in range(0, len(rows), BATCH)]
    return np.concatenate(parts) if parts else np.zeros(0)


def doubts(
    target: Trains,
    trial: Trial,
    run: Run,
    ask: NumpyArray,
    truth: NumpyArray,
    *,
    replay: bool = True,
    said: NumpyArray | None = None,
) -> list[Caveat]:
    """What about the user's training would spoil a comparison of retrained models; cached like every training.

    ``replay`` trains the clean run once more with the same seed: where the two models differ, nothing that follows can
    be repeated. A model that answers no better than one constant has learned nothing that poison could spoil.
    ``said`` are the answers of ``run`` to ``ask`` where they are known: it is not trained for them again. BudgetSpent
    only where they are not.
    """
    first = answers(target, trial, [run], {"doubts": ask})[0]["doubts"] if said is None else said
    found: list[Caveat] = []
    if not _beats_constant(first, truth, run.y, target.info.task):
        message = "retrained on the clean rows the model answers no better than a constant: its training may not end"
        found.append(Caveat(code="never-learned", message=message, blocks="both"))
    try:
        if replay and not _repeats(target, trial, run, ask, first):
            message = "the training function gives another model for the same rows and seed: results cannot be repeated"
            found.append(Caveat(code="seed-ignored", message=message, blocks="both"))
    except BudgetSpent:
        message = "the budget ended before it was seen whether the same rows and seed give the same model again"
        found.append(Caveat(code="not-replayed", message=message, blocks="pass"))
    return found


def _repeats(target: Any, trial: Trial, run: Run, ask: NumpyArray, first: NumpyArray) -> bool:
    key = ["retraining replayed", VERSION, target.info.digest, digest.of_array(run.x, run.y), run.seed]
    key.append(digest.of_array(np.asarray(ask)))

    def make() -> Mapping[str, NumpyArray]:
        return {"again": _said(_trained(target, [run])[0], ask, "predict")}

    again = trial.shared(key, make)["again"]
    if target.info.task == "regressor":
        return bool(np.allclose(first, again, rtol=1e-4, atol=1e-6 * (1 + np.abs(first).max(initial=0))))
    # Sums in another order may turn a row that lies on a boundary, not one in two hundred.
    return float((first != again).mean()) <= 0.005 if len(first) else True


def _beats_constant(said: NumpyArray, truth: NumpyArray, y: NumpyArray, task: str) -> bool:
    """Better than the most frequent class, or than the median, by more than twice the standard error."""
    if not len(truth):
        return True
    if task == "regressor":
        own, plain = np.abs(said - truth), np.abs(np.median(y) - truth)
        gain = plain - own
        return bool(gain.mean() > 2 * gain.std() / np.sqrt(len(gain)))
    values, counts = np.unique(y, return_counts=True)
    gain = (said == truth).astype(float) - (values[counts.argmax()] == truth)
    return bool(gain.mean() > 2 * gain.std() / np.sqrt(len(gain)))


def unlike(said: NumpyArray, again: NumpyArray, truth: NumpyArray, *, most: float = 0.1) -> list[Caveat]:
    """A retrained model that fares otherwise than the target on the same rows is no stand-in for it.

    ``said`` (m,) are the target's classes, ``again`` those of a model retrained on clean rows. Another kind of model,
    or other rows than the target was trained on, show as accuracies more than ``most`` apart, beyond chance.
    """
    if not len(truth):
        return []
    own, other = float((said == truth).mean()), float((again == truth).mean())
    apart = (said == truth).astype(float) - (again == truth)
    if abs(own - other) <= most or abs(apart.mean()) <= 3 * apart.std() / np.sqrt(len(apart)):
        return []
    message = f"retrained on the clean rows the model is right in {other:.0%}, the target in {own:.0%}: another model"
    return [Caveat(code="retrained-otherwise", message=message, blocks="both")]
