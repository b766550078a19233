"""What natural.mined hands over: numbers, slices, inputs as they are, labels to check, and the hard set as a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.evidence import Attachment, Bars, Cell, Evidence, Excerpt, Picture, Pictures, Table
from momus.core.probe import Trial
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import hard_set, sound, transfer
from momus.methods.picture import png
from momus.methods.transfer import Side
from momus.probes.natural import _models
from momus.probes.natural._mining import LABEL, MODEL, UNCLEAR, Kind, Study, class_name
from momus.probes.natural._models import Second

_FATE = {LABEL: "label doubtful", MODEL: "error of the model", UNCLEAR: "unclear"}
_KINDS = {"beside": "another model of the card", "copy": "retrained with another seed", "witness": "own simple model"}


@dataclass(frozen=True)
class Held:
    """The hard set against as many rows drawn by chance, for the target and a second model.

    ``disputed`` is the second model on all confident errors, those with doubtful labels included.
    """

    name: str
    kind: str
    target: tuple[Side, Side]
    second: tuple[Side, Side]
    disputed: Side
    drop: float
    ci: Interval


def transferred(target: Any, made: Study, second: Second | None, most: int, trial: Trial) -> Held | None:
    """Hard set and random sample before both models; None without a hard set or without anybody to ask."""
    hard = made.hard(most)
    if not len(hard):
        return None
    rng = np.random.default_rng(trial.seed + 2)
    ordinary = rng.choice(len(made.y), min(len(hard), len(made.y)), replace=False)
    own = tuple(transfer.side(~made.wrong[i], made.answers.confidence[i]) for i in (hard, ordinary))
    name, kind = "own simple model", "witness"
    sides: list[Side] = []
    if second is not None:
        name, kind = second.name, second.kind
        for index in (hard, ordinary, made.mined.rows[:most]):
            said = _models.ask(second.model, made.samples.x[index])
            ordered = _models.in_order(said, second.model.info.classes, target.info.classes)
            if ordered is None:
                break
            known = None if ordered.probabilities is None else ordered.confidence
            sides.append(transfer.side(ordered.said == made.y[index], known))
    if len(sides) < 3 and made.evidence is not None:
        name, kind = "own simple model", "witness"
        best = made.evidence.argmax(axis=1)
        sets = (hard, ordinary, made.mined.rows[:most])
        sides = [transfer.side(best[i] == made.y[i], made.evidence[i].max(axis=1)) for i in sets]
    if len(sides) < 3:
        return None
    gap, ci = transfer.drop(sides[0], sides[1])
    return Held(name, kind, (own[0], own[1]), (sides[0], sides[1]), sides[2], gap, ci)


def figures(made: Study, found: Sequence[Kind], held: Held | None) -> list[Figure]:
    """All further numbers; those of a hard set only where there is one."""
    n, whole = len(made.y), found[0]
    right = int((~made.wrong).sum())
    out = [
        _share("pool_accuracy", right, n),
        _share("disputed_share", whole.share.disputed, n, "confident answers that are not the label"),
        _share("doubtful_labels", whole.share.doubtful, n, "of these: independent witnesses side with the model"),
        _share("unclear_share", whole.share.unclear, n, "of these: witnesses cannot tell"),
        Figure(name="pool_error_share", value=whole.rate, ci=whole.ci, n=n, note="errors of the model, whole pool"),
    ]
    if made.joint is not None:
        note = "share of wrong labels by the joint alone; what witnesses cannot learn counts too"
        out.append(Figure(name="joint_noise_rate", value=made.joint.noise_rate, n=n, note=note))
        found_share = whole.share.doubtful / n
        rate = found_share / max(made.told.recall, found_share, 1e-9) if made.told is not None else found_share
        note = "labels that the model and witnesses contradict, over the share of turned labels that were found"
        out.append(Figure(name="label_error_rate", value=min(1.0, rate), n=n, note=note))
    if made.evidence is not None:
        out.append(_share("witness_accuracy", int((made.evidence.argmax(axis=1) == made.y).sum()), n))
    if made.told is not None:
        t = made.told
        note = f"of {t.flips} labels turned on purpose"
        out.append(_share("planted_recall", t.found, t.flips, note))
        out.append(_share("planted_precision", t.found, t.found + t.doubted, "of doubted labels in agreed rows"))
        out.append(_share("planted_passed", t.passed, t.flips, "turned labels taken for errors of the model"))
        out.append(_share("good_labels_doubted", t.doubted, t.honest))
    if held is not None:
        for word, model in (("", held.target), ("second_", held.second)):
            for where, side in zip(("hard", "random"), model, strict=True):
                note = "0 by construction" if not word and where == "hard" else ""
                out.append(Figure(name=f"{word}accuracy_{where}", value=side.accuracy, ci=side.ci, n=side.n, note=note))
                pairs = (("rms_calibration", side.calibration), ("aurra", side.aurra))
                out += [Figure(name=f"{word}{k}_{where}", value=v, n=side.n) for k, v in pairs if math.isfinite(v)]
        note = "on all confident errors, those with doubtful labels included: where all models fall for one input"
        out.append(
            Figure(name="second_accuracy_disputed", value=held.disputed.accuracy, ci=held.disputed.ci,
                   n=held.disputed.n, note=note)
        )  # fmt: skip
        note = f"accuracy lost by {held.name} ({_KINDS[held.kind]}) on the hard set"
        out.append(Figure(name="transfer_drop", value=held.drop, ci=held.ci, n=held.second[0].n, note=note))
    return out


def _share(name: str, hits: int, n: int, note: str = "") -> Figure:
    from momus.stats.intervals import wilson

    return Figure(name=name, value=hits / n if n else 0.0, ci=wilson(hits, n), n=n, note=note)


def evidence(made: Study, found: Sequence[Kind], held: Held | None, most: int, shown: int) -> list[Evidence]:
    """Slices, transfer, inputs, labels to check, and the hard set to keep."""
    out: list[Evidence] = [_kinds(found)]
    if held is not None:
        out.append(_sides(held))
    hard = made.hard(most)
    doubtful = made.mined.rows[made.verdict[made.mined.rows] == LABEL]
    if len(hard):
        title = "Real inputs, changed by nobody, that the model misreads with confidence"
        out += inputs(made.samples, title, hard[:shown], [_caption(made, i) for i in hard[:shown]])
        packed = hard_set.pack(made.samples.take(hard), "hard_set")
        note = f"{packed.rows} rows. As data of a card: {packed.card}"
        out.append(
            Attachment(title="The hard set, to test every later version with", note=note, name=packed.name,
                       media=packed.media, data=packed.data)
        )  # fmt: skip
    if len(doubtful):
        title = "Labels to check: independent witnesses say what the model says"
        out += inputs(made.samples, title, doubtful[:shown], [_caption(made, i) for i in doubtful[:shown]])
    return out


def _kinds(found: Sequence[Kind]) -> Table:
    rows = tuple(
        (k.name, k.share.n, k.share.disputed, k.share.doubtful, k.share.unclear, round(k.rate, 4),
         round(k.ci.low, 4), round(k.ci.high, 4), k.pair)
        for k in found
    )  # fmt: skip
    return Table(
        title="Where confident errors gather",
        columns=("kind of input", "rows", "disputed", "label doubtful", "unclear", "errors of the model", "low", "high",
                 "mostly"),
        rows=rows,
        note="Slices were found on one half of the pool; rows and shares are those of the other half",
    )  # fmt: skip


def _sides(held: Held) -> Bars:
    values = [s.accuracy for s in (*held.target, *held.second)]
    low, high = zip(*((s.ci.low, s.ci.high) for s in (*held.target, *held.second)), strict=True)
    names = ("this model, hard set", "this model, random", f"{held.name}, hard set", f"{held.name}, random")
    return Bars(
        title="Does the hard set transfer?",
        y_label="accuracy",
        names=names,
        values=tuple(values),
        low=tuple(low),
        high=tuple(high),
        note=f"The second model: {_KINDS[held.kind]}. On its own hard set this model is wrong by construction"
        + ("; the simple model helped to clear the set, so that its share is an understatement"
           if held.kind == "witness" else ""),
    )  # fmt: skip


def _caption(made: Study, i: int) -> str:
    given, said = class_name(made.samples, int(made.y[i])), class_name(made.samples, int(made.answers.said[i]))
    return f"{given} read as {said}, {made.answers.confidence[i]:.0%}; {_FATE[int(made.verdict[i])]}"


def inputs(samples: Samples, title: str, rows: NumpyArray, captions: Sequence[str]) -> list[Evidence]:
    """A few inputs as a person would look at them."""
    if not len(rows):
        return []
    if samples.is_image:
        made = [Picture(caption=c, png=png(small(samples.x[i]))) for i, c in zip(rows, captions, strict=True)]
        return [Pictures(title=title, rows=tuple(tuple(made[k : k + 6]) for k in range(0, len(made), 6)))]
    if samples.is_sound:
        heard = [sound.wav(samples.x[i][: max(1, int(sound.lengths(samples.x[[i]])[0]))], samples.rate or 16_000)
                 for i in rows[:3]]  # fmt: skip
        clips = [Attachment(title=f"{title}: {c}", name=f"clip_{int(i)}.wav", media="audio/wav", data=w)
                 for i, c, w in zip(rows, captions, heard, strict=False)]  # fmt: skip
        text = "\n".join(captions)
        return [Excerpt(title=title, text=text), *clips]
    if samples.is_text:
        text = "\n\n".join(f"[{c}]\n{str(samples.x[i])[:400]}" for i, c in zip(rows, captions, strict=True))
        return [Excerpt(title=title, text=text)]
    columns = [c.name for c in samples.columns] or [f"x{j}" for j in range(samples.x.shape[1])]
    keep = list(range(min(len(columns), 10)))
    cells = tuple((c, *(_cell(samples, int(i), j) for j in keep)) for i, c in zip(rows, captions, strict=True))
    return [Table(title=title, columns=("what happened", *(columns[j] for j in keep)), rows=cells)]


def small(image: NumpyArray, most: int = 160) -> NumpyArray:
    """Every so manieth pixel, so that a report stays small."""
    step = max(1, -(-max(image.shape[:2]) // most))
    return image[::step, ::step]


def _cell(samples: Samples, i: int, j: int) -> Cell:
    v = float(samples.x[i, j])
    if not math.isfinite(v):
        return None
    names = samples.columns[j].categories if j < len(samples.columns) else ()
    return names[int(v)] if 0 <= int(v) < len(names) else float(f"{v:.5g}")
