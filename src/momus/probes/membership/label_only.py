"""Membership inference from labels alone: rows that were trained on keep their answer longer when they are changed."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import ProbeError
from momus.core.evidence import Line, Series, Table
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods import changed_rows, label_signals, leak_report, membership
from momus.methods.label_signals import Held
from momus.probes.membership._boundary import boundary_figures
from momus.stats import intervals, roc


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:2007.14321",
    cost="2 min(rows, n_train, n_test) (1 + levels copies + moves) rows, and 2 boundary steps more",
    tasks=("classifier",),
)
def label_only(
    target: Predicts,
    trial: Trial,
    *,
    rows: int = 1000,
    copies: int = 8,
    boundary: int = 0,
    steps: int = 400,
    margin: float = 0.03,
) -> Measurement:
    """Tell training rows from others by how much change their label survives.

    Measures
        The share of training rows recognised at 1 % false positives by somebody who sees nothing but the label: each
        row is asked again shifted, turned and under growing noise (pictures), with noise on its numbers and switched
        categories (tables), or with words left out (texts).
    Why it matters
        Returning labels without probabilities is the first defence that is thought of. What a model remembers shows in
        where it draws its boundary, and a label tells on which side a row lies.
    Options
        rows: most rows taken from each side. copies: random copies of a row at each of the levels. boundary: rows of
        each side whose distance to the boundary is searched as well, with ``steps`` queries each (0: none; pictures
        and tables). margin: as in membership.loss.
    Returns
        tpr_at_1pct_fpr with a conservative interval, on rows that nothing was chosen on; figures auc,
        balanced_accuracy, tpr_at_0.1pct_fpr (from 4,380 non-members on), auc_right_or_wrong (the baseline: called a
        member when answered rightly) and its accuracy, auc_boundary and auc_right_or_wrong[boundary rows] where asked
        for, auc and the like by class and group, blind_auc.
    Raises
        ProbeError for missing labels or fewer than 1 copy.
    Cost
        About 50 to 70 rows for every audited row: 2,000 audited rows are some 100,000 queries.
    A pass means little when
        An attacker can train shadow models and set a threshold for each row (membership.lira needs probabilities,
        though), or fewer than 583 non-members were available, of which three quarters are judged.
    Source
        Choquette-Choo et al. 2021 (arXiv:2007.14321); Yeom et al. 2018 (arXiv:1709.01604) for the baseline.
    """
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test")
    classes = target.info.classes or train.classes
    if copies < 1:
        raise ProbeError(f"{copies} copies", hint="copies: 1 and up")
    membership.check_labels(train, test, len(target.info.classes))
    audit = membership.choose_rows(train, test, rows, rng)
    members, others = train.take(audit.members), test.take(audit.others)

    def predict(x: NumpyArray) -> NumpyArray:
        return to_numpy(target.predict(target.encode(x)))

    sides = [(s.x, np.asarray(s.y).astype(int)) for s in (members, others)]
    with trial.keeping(2 * boundary * steps):
        (held_in, held_out), spent = label_signals.ask(
            predict, sides, changed_rows.changes(train, copies), rng, lambda done: trial.progress(0.8 * done, "asking")
        )
    n = len(held_in.right)
    if n < 4:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=leak_report.sample_caveats(0, spent))
    members, others = members.take(slice(n)), others.take(slice(n))
    y_in, y_out = (y[:n] for _, y in sides)
    reading = _read(held_in, held_out, y_in, y_out, rng)
    value, ci = roc.tpr_at_fpr(reading.member, reading.other, 0.01)
    kept_in, kept_out = members.take(reading.member_rows), others.take(reading.other_rows)
    parts, bars = leak_report.part_figures(
        reading.member, reading.other, leak_report.parts_of(kept_in, kept_out, classes), reading.threshold
    )
    blind, differ = leak_report.members_differ(members, others, rng, margin)
    nearest, ended = boundary_figures(target, trial, members, others, boundary, steps)
    right = [h.right[r].astype(float) for h, r in ((held_in, reading.member_rows), (held_out, reading.other_rows))]
    return trial.measurement(
        value,
        ci,
        len(reading.member) + len(reading.other),
        scope={
            "chosen_signal": reading.signal,
            "non_members_dropped": audit.dropped,
            "members_dropped": audit.twins,
            "pairs": len(reading.member),
        },
        figures=[
            *leak_report.attack_figures(reading.member, reading.other, reading.threshold),
            *_baseline(right[0], right[1]),
            *nearest,
            blind,
            *parts,
        ],
        evidence=[
            leak_report.roc_evidence(
                {reading.signal: (reading.member, reading.other), "right or wrong": (right[0], right[1])}
            ),
            _survival(held_in, held_out),
            _surest(audit.members[:n][reading.member_rows], y_in, held_in, reading, classes),
            *bars,
        ],
        caveats=[*leak_report.sample_caveats(n, spent or ended), *differ],
    )


def _read(
    held_in: Held, held_out: Held, y_in: NumpyArray, y_out: NumpyArray, rng: np.random.Generator
) -> membership.Reading:
    split = membership.split_rows(len(y_in), len(y_out), rng)
    member, other = label_signals.signals(held_in), label_signals.signals(held_out)
    fitted = label_signals.learned(held_in, held_out, split)
    if fitted is not None:
        member["learned"], other["learned"] = fitted
    return membership.choose_signal(
        member, other, rng, member_class=y_in, other_class=y_out, split=split, default="all changes"
    )


def _baseline(member: NumpyArray, other: NumpyArray) -> list[Figure]:
    """The gap attack: whoever is answered rightly is called a member."""
    area, area_ci = intervals.auc(member, other)
    share, share_ci = roc.balanced_accuracy(member, other, 0.5)
    note = "whoever is answered rightly is called a member"
    return [
        Figure(name="auc_right_or_wrong", value=area, ci=area_ci, n=len(member), note=note),
        Figure(name="accuracy_right_or_wrong", value=share, ci=share_ci, n=len(member), note=note),
    ]


def _survival(member: Held, other: Held) -> Series:
    """Share of rows still answered rightly under each change."""
    place = tuple(float(i) for i in range(len(member.names) + 1))
    lines = tuple(
        Line(name=name, x=place, y=(float(h.right.mean()), *(float(v) for v in h.kept.mean(0))))
        for name, h in (("training rows", member), ("other rows", other))
    )
    return Series(
        title="How long an answer stays right",
        x_label=f"change: 0 none, then {', '.join(member.names)}"[:200],
        y_label="share answered rightly",
        lines=lines,
    )


def _surest(
    rows: NumpyArray, y: NumpyArray, held: Held, reading: membership.Reading, classes: tuple[str, ...]
) -> Table:
    """The ten training rows the attack is surest of, by row index in the train set; no content is shown."""
    cut = float(np.quantile(reading.other, 0.99, method="higher"))
    top = np.argsort(-reading.member, kind="stable")[:10]
    at = reading.member_rows[top]
    names = [classes[int(c)] if int(c) < len(classes) else str(int(c)) for c in y[at]]
    body = tuple(
        (int(rows[i]), name, bool(held.right[j]), round(float(held.kept[j].mean()), 4), bool(reading.member[i] > cut))
        for i, j, name in zip(top, at, names, strict=True)
    )
    return Table(
        title="Training rows the attack is surest of",
        columns=("row in train", "class", "answered rightly", "share of changes survived", "above the 1 % line"),
        rows=body,
        note=f"{int(np.sum(reading.member > cut))} of {len(reading.member)} judged members score above the 1 % line",
    )
