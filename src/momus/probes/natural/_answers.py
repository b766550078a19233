"""The study behind natural.generated: answers against references, against each other, and against likelihoods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from momus.core.capabilities import Generates, SequenceGradients, missing, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Attachment, Evidence, Table
from momus.core.probe import Trial
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import hard_set, mining_texts, sound
from momus.methods import harmless as changes
from momus.methods.mining_texts import errors
from momus.probes.natural import _report
from momus.stats import intervals

BATCH = 8
SURE = float(-np.log(0.5))  # nats a token: more than half of the probability on each, in the geometric mean
LISTENED = 12  # bad answers whose likelihood is asked for


@dataclass
class Compared:
    """``said`` (n,) answers, ``wanted`` references or None, ``rates`` (n,) error rates against them (0 without).

    ``doubtful`` (n,) marks references that look wrong, ``why`` says why. ``variants`` are (name, answers) pairs,
    ``turned`` (n,) the largest error rate of a variant's answer against the first answer.
    """

    said: list[str]
    wanted: list[str] | None
    rates: NumpyArray
    doubtful: NumpyArray
    why: list[str]
    least: float
    judged: bool
    variants: list[tuple[str, list[str]]] = field(default_factory=list)
    turned: NumpyArray = field(default_factory=lambda: np.zeros(0))
    spent: bool = False
    losses: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def wrong(self) -> NumpyArray:
        """(n,) booleans: bad by a reference that stands."""
        return np.asarray((self.rates > self.least) & ~self.doubtful & self.judged)

    @property
    def bad(self) -> NumpyArray:
        return np.asarray(self.wrong | (self.turned > self.least))


def ask(target: Any, x: NumpyArray, trial: Trial) -> list[str]:
    """Answers in order until the budget is spent."""
    out: list[str] = []
    for start in range(0, len(x), BATCH):
        trial.progress(0.3 * start / len(x), f"{start} of {len(x)} inputs")
        try:
            out += [str(t) for t in target.generate(target.encode(x[start : start + BATCH]))]
        except BudgetSpent:
            break
    return out


def compare(target: Any, samples: Samples, said: list[str], trial: Trial, least: float, harmless: bool) -> Compared:
    """Everything that can be said about the answers."""
    wanted = None if samples.y is None else [str(t) for t in samples.y]
    n = len(said)
    rates = np.zeros(n) if wanted is None else np.array([errors(s, w) for s, w in zip(said, wanted, strict=True)])
    why = [""] * n if wanted is None else _doubts(samples, said, wanted, rates, trial, least)
    doubtful = np.array([bool(w) for w in why], dtype=bool)
    found = Compared(said, wanted, rates, doubtful, why, least, samples.is_sound, turned=np.zeros(n))
    for k, (name, x) in enumerate(changes.variants(samples, trial.rng, noise=True) if harmless else ()):
        trial.progress(0.3 + 0.1 * k, name)
        again = ask(target, x, trial)
        if len(again) < n:
            found.spent = True
            break
        found.variants.append((name, again))
        found.turned = np.maximum(found.turned, [errors(a, s) for a, s in zip(again, said, strict=True)])
    _listen(target, samples, found, trial)
    return found


def _doubts(
    samples: Samples, said: list[str], wanted: list[str], rates: NumpyArray, trial: Trial, least: float
) -> list[str]:
    """Why each reference is in doubt; empty where it stands."""
    why = [""] * len(said)
    if len(said) <= 2000:
        for i, j in enumerate(mining_texts.misplaced(said, wanted)):
            if j >= 0:
                why[i] = f"the answer is the reference of input {j + 1}"
    if samples.is_sound and samples.rate:
        fast = mining_texts.unspeakable(wanted, sound.lengths(samples.x) / samples.rate)
        for i in map(int, np.flatnonzero(fast)):
            why[i] = why[i] or "too long to be read aloud in the time there was, or empty"
    open_ = np.array([i for i in np.flatnonzero(rates > least) if not why[i]], dtype=np.int64)
    for other in trial.others if len(open_) and samples.is_sound else ():
        if missing(other, Generates):
            continue
        heard = [str(t) for t in other.generate(other.encode(samples.x[open_]))]
        for i, text in zip(open_, heard, strict=True):
            # Two models that make the same mistake word for word: likelier that the reference is at fault.
            if errors(text, said[i]) <= 0.05 and errors(text, wanted[i]) > least:
                why[i] = f"{other.info.name} hears the same words"
    return why


def _listen(target: Any, samples: Samples, found: Compared, trial: Trial) -> None:
    """Losses (own answer, reference) of the worst answers, in nats a token, where the target tells them."""
    if missing(getattr(target, "target", target), SequenceGradients) or found.wanted is None:
        return
    worst = np.flatnonzero(found.wrong)
    for i in worst[np.argsort(-found.rates[worst], kind="stable")][:LISTENED]:
        try:
            x = target.encode(samples.x[[i]])
            if not found.said[i].strip():
                continue
            own, _ = target.sequence_gradient(x, [found.said[i]])
            other, _ = target.sequence_gradient(x, [found.wanted[i]])
        except BudgetSpent:
            return
        found.losses[int(i)] = float(to_numpy(own)[0]), float(to_numpy(other)[0])


def figures(found: Compared) -> list[Figure]:
    n = len(found.said)
    out: list[Figure] = []
    if found.wanted is not None:
        letters = [mining_texts.character_errors(s, w) for s, w in zip(found.said, found.wanted, strict=True)]
        out.append(
            Figure(
                name="word_error_rate", value=float(found.rates.mean()), ci=_within(intervals.mean(found.rates)), n=n
            )
        )
        out.append(Figure(name="character_error_rate", value=float(np.mean(letters)), n=n))
        out.append(_share("bad_answers", found.wrong, "against references that stand"))
        out.append(_share("doubtful_references", found.doubtful, ""))
    if found.variants:
        out.append(_share("changed_by_harmless", found.turned > found.least, ""))
        out.append(_share("any_word_changed", found.turned > 0, "by any harmless change"))
        for name, again in found.variants:
            moved = np.array([errors(a, s) > 0 for a, s in zip(again, found.said, strict=True)])
            out.append(_share(f"changed[{name}]", moved, "any word"))
    if found.losses:
        sure = sum(own < SURE for own, _ in found.losses.values())
        note = "bad answers that the model finds likely, word for word"
        out.append(Figure(name="confident_bad", value=sure / len(found.losses), n=len(found.losses), note=note))
    return out


def _within(ci: Interval) -> Interval:
    """A rate is neither below 0 nor, as counted here, above 1."""
    return Interval(low=max(0.0, ci.low), high=min(1.0, ci.high), level=ci.level, method=ci.method)


def _share(name: str, mask: NumpyArray, note: str) -> Figure:
    hits, n = int(np.count_nonzero(mask)), len(mask)
    return Figure(name=name, value=hits / n, ci=intervals.wilson(hits, n), n=n, note=note)


def evidence(found: Compared, samples: Samples, shown: int) -> list[Evidence]:
    """Texts side by side, the worst inputs, and all bad ones as a file."""
    worth = np.maximum(found.rates * ~found.doubtful * found.judged, found.turned)
    order = np.argsort(-worth, kind="stable")
    listed = order[: max(shown, 1)]
    rows = tuple(
        (
            int(i) + 1,
            "" if found.wanted is None else found.wanted[i][:200],
            found.said[i][:200],
            round(float(found.rates[i]), 3),
            _turn(found, int(i)),
            _likely(found, int(i)),
        )
        for i in listed
    )
    out: list[Evidence] = [
        Table(
            title="Inputs as they are, and what the model makes of them",
            columns=("input", "reference", "answer", "error rate", "after a harmless change", "nats a token, answer"),
            rows=rows,
            note="The worst first",
        )
    ]
    doubtful = np.flatnonzero(found.doubtful)
    if len(doubtful) and found.wanted is not None:
        cells = tuple((int(i) + 1, found.wanted[i][:200], found.said[i][:200], found.why[i]) for i in doubtful[:20])
        columns = ("input", "reference", "answer", "why it is in doubt")
        out.append(Table(title="References to check: these accuse nobody", columns=columns, rows=cells))
    bad = [int(i) for i in order if found.bad[i]]
    if bad:
        chosen = np.array(bad[:3])
        captions = [f"heard as: {found.said[i]}" for i in chosen]
        if samples.is_sound:
            out += _report.inputs(samples, "Bad answers", chosen, captions)
        packed = hard_set.pack(samples.take(np.array(bad)), "hard_set")
        note = f"{packed.rows} inputs. As data of a card: {packed.card}"
        out.append(
            Attachment(title="The hard set, to test every later version with", note=note, name=packed.name,
                       media=packed.media, data=packed.data)
        )  # fmt: skip
    return out


def _turn(found: Compared, i: int) -> str:
    if not found.variants or not found.turned[i]:
        return ""
    name, again = max(found.variants, key=lambda v: errors(v[1][i], found.said[i]))
    return f"{name}: {again[i][:160]}"


def _likely(found: Compared, i: int) -> str:
    return "" if i not in found.losses else "{:.2f} (reference {:.2f})".format(*found.losses[i])
