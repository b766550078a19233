"""Typing, scanning, case, encoding, speech and spacing slips in the user's own texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Encodes
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Evidence, Excerpt
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.methods.corrupt import texts
from momus.methods.text_edits import marked, pieces
from momus.probes.corruption import _answers, _kinds, _sweep

_BATCH = 1024
_SHOWN = 5


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="skill_kept",
    worse="lower",
    source="arXiv:1903.12261, arXiv:1711.02173",
    cost="at most n (18 x 5 + 1) texts; texts left as they were are not asked again",
    tasks=("classifier", "regressor", "generator"),
    modalities=("text",),
)
def text(
    target: Encodes,
    trial: Trial,
    *,
    corruptions: str | Sequence[str] = "all",
    severities: str | int | Sequence[int] = "1,2,3,4,5",
    n: int = 200,
    score: str = "chrF",
) -> Measurement:
    """Share of its skill that a model of texts keeps under slips of fingers, scanners, encodings and microphones.

    Measures
        Skill is the score above guessing: accuracy with classes counted alike; 1 less the error over what the median
        would miss; or, of a translation, chrF against its reference. Skill on damaged texts, mean over the corruptions
        and severities that count, over skill on the texts as they are. 1 means that nothing was lost.
    Why it matters
        People mistype, scanners misread, programs mix up encodings, dictation drops marks: readers hardly notice, and
        a model may no longer know what the text is about.
    Options
        corruptions: names or families (typing, scan, case, encoding, speech, spacing), listed or comma-separated, or
        all. severities: any of 1 to 5. n: texts used at most. score: of a generator's answers, chrF or words (1 less
        the word error rate).
    Returns
        skill_kept with a bootstrap interval over texts; figures clean_accuracy and damaged_accuracy (or clean_chrF and
        so on), plain_retention, kept.<corruption>, worst_kept and cliffs. Where the card says which corruptions occur
        (input.corruptions) these count, up to the severity it gives, and all others are figures only.
    Raises
        ProbeError for data that are no texts, for a classifier's texts without labels, and for unknown corruptions,
        severities or scores.
    Cost
        At most n (corruptions x severities + 1) texts; a text that a corruption leaves as it was is not asked about
        again. A generator without reference texts is asked for n more.
    A pass means little when
        Real texts are worse than these, or in another language: keys are those of a US keyboard, homophones and fillers
        are English. A corruption that finds nothing to damage is left out, and named. At severity 5 up to four words in
        five carry one slip.
    Source
        Belinkov & Bisk 2018 (arXiv:1711.02173) for typing noise; the severity contract follows Hendrycks & Dietterich
        2019 (arXiv:1903.12261). Settings are ours: docs/design/034.
    """
    test = trial.samples("test")
    if not test.is_text:
        raise ProbeError("corruption.text needs texts")
    test = test.sample(max(int(n), 1), trial.rng)
    x = np.array([str(t) for t in test.x], dtype=object)
    empty = np.array([not pieces(t).words for t in x], dtype=bool)
    scope: dict[str, Scalar | None] = {"n": None}
    if target.info.task != "generator":
        scope["score"] = None
    if len(test) - int(empty.sum()) < 2:
        return _kinds.few(trial, len(test) - int(empty.sum()), "texts with words", scope)
    plan = _sweep.planned(corruptions, severities, texts.FAMILIES, trial.context, lambda name: "")
    try:
        scorer = _answers.scorer(target, test, score, "corruption.text")
    except BudgetSpent:
        return _kinds.undecided(trial, len(test), "budget-spent", "the budget ended before anything was damaged", scope)

    def damage(name: str, level: int, rows: NumpyArray) -> NumpyArray:
        return texts.corrupt(x[rows], name, level, trial.seed, rows=rows)

    with trial.keeping(*_kinds.KEPT):
        sweep = _sweep.run(x, plan, damage, scorer, trial, batch=_BATCH, again=target.info.randomised)
    return _kinds.reported(
        trial,
        sweep,
        scorer.yard,
        families=texts.FAMILIES,
        settings=texts.SETTINGS,
        rows="texts",
        score=scorer.word,
        scope=scope,
        evidence=_examples(x, test, sweep, scorer, damage),
        caveats=[*scorer.caveats(), *_wordless(empty)],
    )


def _examples(
    x: NumpyArray, test: Samples, sweep: _sweep.Sweep, scorer: _answers.Scorer, damage: _sweep.Damage
) -> list[Evidence]:
    """Texts that the worst corruption turned, slips marked, with the answers before and after."""
    found = _kinds.turned(sweep, scorer.yard, _SHOWN)
    if found is None:
        return []
    name, level, rows = found
    damaged = damage(name, level, rows)
    before, after = _kinds.said(scorer, x[rows]), _kinds.said(scorer, damaged)
    shown = []
    for k, row in enumerate(rows):
        truth = scorer.worded(scorer.y[row])
        shown.append(f"{marked(x[row], damaged[k])}\n    truth: {truth}; before: {before[k]}; after: {after[k]}")
    title = f"Texts that '{name}' turns, severity {level}"
    note = "each slip as [before→after]"
    return [Excerpt(title=title, note=note, text="\n".join(shown))]


def _wordless(empty: NumpyArray) -> list[Caveat]:
    if not empty.any():
        return []
    message = f"{int(empty.sum())} of {len(empty)} texts have no words, and no corruption changes them"
    return [Caveat(code="empty-texts", message=message, blocks="none")]
