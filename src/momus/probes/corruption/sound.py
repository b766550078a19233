"""Noise, rooms, lines, microphones and clocks that damage the user's own clips of sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Encodes
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Attachment, Evidence, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods import sound as measures
from momus.methods.corrupt import sounds
from momus.probes.corruption import _answers, _kinds, _sweep

_VALUES = 2_000_000  # samples damaged at once, at most
_SHOWN = 3
_LONGEST = 30  # seconds of a clip that is attached


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    metric="skill_kept",
    worse="lower",
    source="arXiv:1903.12261, arXiv:2403.07937",
    cost="at most n (14 x 5 + 1) clips",
    tasks=("classifier", "regressor", "generator"),
    modalities=("audio",),
)
def sound(
    target: Encodes,
    trial: Trial,
    *,
    corruptions: str | Sequence[str] = "all",
    severities: str | int | Sequence[int] = "1,2,3,4,5",
    n: int = 100,
    score: str = "words",
) -> Measurement:
    """Share of its skill that a model of sound keeps in noise, rooms, on bad lines and with cheap microphones.

    Measures
        Skill is the score above guessing: accuracy with classes counted alike; 1 less the error over what the median
        would miss; or, of a transcription, 1 less the word error rate. Skill on damaged clips, mean over the
        corruptions and severities that count, over skill on the clips as they are. 1 means that nothing was lost.
    Why it matters
        Test sets are recorded close to the microphone in quiet rooms; systems are used in kitchens, cars and on lines
        that drop packets.
    Options
        corruptions: names or families (noise, room, line, microphone, time), listed or comma-separated, or all.
        severities: any of 1 to 5. n: clips used at most. score: of a generator's answers, words (1 less the word error
        rate) or chrF.
    Returns
        skill_kept with a bootstrap interval over clips; figures clean_accuracy and damaged_accuracy (or clean_words and
        so on), plain_retention, kept.<corruption>, worst_kept and cliffs. The table of costs states each severity in
        dB, Hz, ms, bits or semitones. The clips that the worst corruption turned are attached, before and after. Where
        the card says which corruptions occur (input.corruptions) these count, up to the severity it gives.
    Raises
        ProbeError for data that are no sound, for a classifier's clips without labels, and for unknown corruptions,
        severities or scores.
    Cost
        At most n (corruptions x severities + 1) clips. A generator without reference texts is asked for n more.
    A pass means little when
        Rooms and codecs here are models of real ones: echoes are noise that decays, a lossy codec drops what is far
        below a frame's loudest band. Babble is made of the set's own clips. Slow clocks are tried only where the
        stretched clip still fits.
    Source
        The severity contract follows Hendrycks & Dietterich 2019 (arXiv:1903.12261); Shah et al. 2024 (Speech Robust
        Bench, arXiv:2403.07937) do the same for recognisers. Settings are ours: docs/design/034.
    """
    test = trial.samples("test")
    if not test.is_sound or test.rate is None:
        raise ProbeError("corruption.sound needs clips of sound with a sampling rate")
    voices = np.asarray(test.x, dtype=np.float32)
    test = test.sample(max(int(n), 1), trial.rng)
    x, rate = np.asarray(test.x, dtype=np.float32), int(test.rate or 0)
    heard = int((np.abs(x).max(axis=1, initial=0) > 0).sum()) if len(x) else 0
    scope: dict[str, Scalar | None] = {"n": None, "rate": rate}
    if target.info.task != "generator":
        scope["score"] = None
    if heard < 2:
        return _kinds.few(trial, heard, "clips that are not silent", scope)
    plan = _sweep.planned(corruptions, severities, sounds.FAMILIES, trial.context, lambda name: "")
    try:
        scorer = _answers.scorer(target, test, score, "corruption.sound")
    except BudgetSpent:
        return _kinds.undecided(trial, len(test), "budget-spent", "the budget ended before anything was damaged", scope)

    def damage(name: str, level: int, rows: NumpyArray) -> NumpyArray:
        return sounds.corrupt(x[rows], name, level, trial.seed, rate, rows=rows, voices=voices)

    batch = int(np.clip(_VALUES // max(1, x.shape[1]), 1, 512))
    with trial.keeping(*_kinds.KEPT):
        sweep = _sweep.run(x, plan, damage, scorer, trial, batch=batch, again=target.info.randomised)
    silent = len(test) - heard
    message = f"{silent} of {len(test)} clips are silent, and no corruption changes them"
    caveats = [Caveat(code="silent-clips", message=message, blocks="none")] if silent else []
    return _kinds.reported(
        trial,
        sweep,
        scorer.yard,
        families=sounds.FAMILIES,
        settings=sounds.SETTINGS,
        rows="clips",
        score=scorer.word,
        scope=scope,
        evidence=_examples(x, rate, sweep, scorer, damage),
        caveats=[*scorer.caveats(), *caveats],
    )


def _examples(
    x: NumpyArray, rate: int, sweep: _sweep.Sweep, scorer: _answers.Scorer, damage: _sweep.Damage
) -> list[Evidence]:
    """The clips that the worst corruption turned: what was heard, and the worst of them to listen to."""
    found = _kinds.turned(sweep, scorer.yard, _SHOWN)
    if found is None:
        return []
    name, level, rows = found
    damaged = damage(name, level, rows)
    before, after = _kinds.said(scorer, x[rows]), _kinds.said(scorer, damaged)
    table = tuple((int(r), scorer.worded(scorer.y[r]), before[k], after[k]) for k, r in enumerate(rows))
    title = f"Clips that '{name}' turns, severity {level} ({sounds.told(name, level)})"
    evidence: list[Evidence] = [Table(title=title, columns=("clip", "truth", "before", "after"), rows=table)]
    end = max(1, min(int(measures.lengths(x[rows[:1]])[0]), _LONGEST * rate))
    for word, clip in (("undamaged", x[rows[0]]), (name, damaged[0])):
        evidence.append(
            Attachment(
                title=f"Clip {int(rows[0])}, {word}",
                name=f"clip-{int(rows[0])}-{word.replace('_', '-')}.wav",
                media="audio/wav",
                data=measures.wav(clip[:end], rate),
            )
        )
    return evidence
