"""What natural.mined hands over: numbers, slices, inputs as they are, labels to check, and the hard set as a file."""

from __future__ import annotations

import math
from collections.abc import Sequence

from momus.core.evidence import Attachment, Cell, Evidence, Excerpt, Picture, Pictures, Table
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods import hard_set, sound
from momus.methods.picture import png
from momus.probes.natural import _held
from momus.probes.natural._held import Held
from momus.probes.natural._mining import LABEL, MODEL, UNCLEAR, Kind, Study, class_name
from momus.stats.intervals import wilson

_FATE = {LABEL: "label doubtful", MODEL: "error of the model", UNCLEAR: "unclear"}


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
        note = f"accuracy lost by {held.name} ({_held.KINDS[held.kind]}) on the hard set"
        out.append(Figure(name="transfer_drop", value=held.drop, ci=held.ci, n=held.second[0].n, note=note))
    return out


def _share(name: str, hits: int, n: int, note: str = "") -> Figure:
    return Figure(name=name, value=hits / n if n else 0.0, ci=wilson(hits, n), n=n, note=note)


def evidence(made: Study, found: Sequence[Kind], held: Held | None, most: int, shown: int) -> list[Evidence]:
    """Slices, transfer, inputs, labels to check, and the hard set to keep."""
    out: list[Evidence] = [_kinds(found)]
    if held is not None:
        out.append(_held.drawn(held))
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
