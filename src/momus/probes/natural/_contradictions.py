"""Answers that cannot all be right: versions of one input, and several models on one input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from momus.core.errors import ProbeError
from momus.core.evidence import Evidence, Table
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods import harmless
from momus.probes.natural import _models, _report
from momus.probes.natural._mining import class_name
from momus.probes.natural._models import Said, Second
from momus.stats.intervals import wilson

AS_IS = "as it is"


def check(copies: int) -> None:
    if not 0 <= copies <= 10:
        raise ProbeError(f"copies is {copies}", hint="Train 0 to 10 copies")


def versions(target: Any, samples: Samples, answers: Said, trial: Trial) -> tuple[list[tuple[str, Said]], bool]:
    """(name, answers) of the input as it is and under each harmless change that the budget allows whole."""
    out = [(AS_IS, answers)]
    for k, (name, x) in enumerate(harmless.variants(samples, trial.rng)):
        said = _models.ask(target, x, trial, (0.2 + 0.1 * k, 0.3 + 0.1 * k))
        if len(said.said) < len(samples):
            return out, True
        out.append((name, said))
    return out, False


def bound(answers: Sequence[Said], least: float) -> NumpyArray:
    """(n,) how many sure answers must be wrong, at least: those outside the largest group of equal sure answers."""
    said = np.stack([a.said for a in answers])
    sure = np.stack([a.confidence >= least for a in answers])
    largest = np.zeros(said.shape[1], dtype=np.int64)
    for row in said:
        largest = np.maximum(largest, ((said == row) & sure).sum(axis=0))
    return np.asarray(sure.sum(axis=0) - largest)


def changed(found: Sequence[tuple[str, Said]], least: float) -> list[Figure]:
    """For each change the share of inputs whose answer it turns, sure on both sides."""
    base = found[0][1]
    out = []
    for name, said in found[1:]:
        turned = int(_both(base, said, least).sum())
        n = len(base.said)
        out.append(Figure(name=f"changed[{name}]", value=turned / n, ci=wilson(turned, n), n=n))
    return out


def _both(a: Said, b: Said, least: float) -> NumpyArray:
    return np.asarray((a.said != b.said) & (a.confidence >= least) & (b.confidence >= least))


def models(target: Any, samples: Samples, answers: Said, others: Sequence[Second]) -> list[tuple[Second, Said]]:
    """Answers of all other models that name the same classes."""
    out = []
    for other in others:
        said = _models.in_order(_models.ask(other.model, samples.x), other.model.info.classes, target.info.classes)
        if said is not None and len(said.said) == len(answers.said):
            out.append((other, said))
    return out


def between(others: Sequence[tuple[Second, Said]], answers: Said, least: float) -> list[Figure]:
    """Disagreement with each model and what follows for all of them together. Nobody in particular is accused."""
    n = len(answers.said)
    if not others:
        return []
    out = []
    for other, said in others:
        hits = int(_both(answers, said, least).sum())
        out.append(Figure(name=f"disagreement[{other.name}]", value=hits / n, ci=wilson(hits, n), n=n))
    everybody = [answers, *(s for _, s in others)]
    total = float(bound(everybody, least).mean()) / len(everybody)
    note = f"share of wrong sure answers, mean over {len(everybody)} models, at least"
    out.append(Figure(name="models_error_bound", value=total, n=n, note=note))
    same = [s for o, s in others if o.kind == "copy"]
    if same:
        family = [answers, *same]
        value = float(bound(family, least).mean()) / len(family)
        note = "models of one recipe differ by chance alone, so this bounds the expected error of each"
        out.append(Figure(name="copies_error_bound", value=value, n=n, note=note))
    if len(others) >= 2:
        lone = outvoted(others, answers, least)
        out.append(Figure(name="outvoted", value=float(lone.mean()), ci=wilson(int(lone.sum()), n), n=n))
    return out


def outvoted(others: Sequence[tuple[Second, Said]], answers: Said, least: float) -> NumpyArray:
    """(n,) booleans: all other models are sure of one answer, and the target is sure of another."""
    said = np.stack([s.said for _, s in others])
    sure = np.stack([s.confidence >= least for _, s in others])
    united = sure.all(axis=0) & (said == said[0]).all(axis=0)
    return np.asarray(united & (answers.said != said[0]) & (answers.confidence >= least))


def evidence(
    samples: Samples,
    found: Sequence[tuple[str, Said]],
    others: Sequence[tuple[Second, Said]],
    least: float,
    shown: int,
) -> list[Evidence]:
    """Cases to label first: what contradicts itself most, then where models differ, the surest first."""
    answers = found[0][1]
    own = bound([s for _, s in found], least)
    apart = bound([answers, *(s for _, s in others)], least) if others else np.zeros(len(own), dtype=np.int64)
    order = np.lexsort((-answers.confidence, -apart, -own))
    chosen = order[(own[order] > 0) | (apart[order] > 0)][:shown]
    n = len(own)
    rows = [("itself, " + name, int(_both(answers, s, least).sum()), n) for name, s in found[1:]]
    rows += [(o.name, int(_both(answers, s, least).sum()), n) for o, s in others]
    out: list[Evidence] = [
        Table(
            title="Sure answers that contradict the model's",
            columns=("compared with", "inputs with two sure answers", "inputs"),
            rows=tuple(rows),
            note="At least one of two different answers is wrong; which one, only a label tells",
        )
    ]
    captions = [_caption(samples, int(i), found, others) for i in chosen]
    return out + _report.inputs(samples, "Cases to label first", chosen, captions)


def _caption(samples: Samples, i: int, found: Sequence[tuple[str, Said]], others: Sequence[tuple[Second, Said]]) -> str:
    def word(said: Said) -> str:
        return f"{class_name(samples, int(said.said[i]))} {said.confidence[i]:.0%}"

    first = found[0][1]
    told = [f"{name}: {word(s)}" for name, s in found[1:] if s.said[i] != first.said[i]]
    told += [f"{o.name}: {word(s)}" for o, s in others if s.said[i] != first.said[i]]
    return "; ".join([f"{AS_IS}: {word(first)}", *told[:3]])
