"""perturbation.translation: a chosen word of a translation is lost, or becomes another, by mistyping the source."""

from __future__ import annotations

from momus.core.capabilities import Generates, SymbolGradients, missing
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods import masking
from momus.probes.perturbation._text import check_options
from momus.probes.perturbation._translation import (
    BLACK,
    WHITE,
    Attack,
    best,
    caveats,
    evidence,
    figures,
    prepare,
    recheck,
)
from momus.stats.intervals import wilson

GOALS = ("mute", "push")
KINDS = ("plain", "any", "keyboard", "visual")


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1806.09030",
    cost="at most n queries rows; where the model has gradients by its symbols 4 n queries; 4 n rows of checks",
    tasks=("generator",),
    modalities=("text",),
)
def translation(
    target: Generates,
    trial: Trial,
    *,
    goal: str = "mute",
    word: str = "",
    to: str = "",
    edits: int = 2,
    queries: int = 200,
    letters: str = "plain",
    elsewhere_only: bool = False,
    gradients: bool = True,
    beam: int = 3,
    n: int = 50,
) -> Measurement:
    """Share of sentences whose translation loses a chosen word, or says another instead, after a few character edits.

    Measures: how many translations no longer say the chosen word (mute), or say another word and no longer the chosen
    one (push), when the source is edited in at most ``edits`` places: characters flipped, inserted, deleted, swapped.
    Two searches have the same edits and rows: one sees translations alone; the other, where the model gives gradients
    by its symbols, tries first what these foretell. A sentence counts when either succeeds. Every success is translated
    again and its edits are counted by an independent edit distance; an empty translation is no success.

    Why it matters: a sentence that a person would still read rightly reaches its readers without its 'not', or with
    another name in it, and nobody who reads only the translation can notice.

    Options: ``goal`` mute or push. ``word`` to attack; left out, the rarest content word of each clean translation.
    ``to`` what it is to become (push); left out, a word of another sentence. ``edits`` at most, 1 or more. ``queries``
    translations a sentence and search. ``letters`` that replace others: plain (same script), keyboard, visual, any.
    ``elsewhere_only`` counts no edit of a source word without which the chosen word would not be said anyhow.
    ``gradients`` false keeps to translations. ``beam`` texts kept a step. ``n`` sentences at most.

    Returns: figures ``black_box_success``, with gradients ``white_box_success`` and ``black_box_only``, both also by
    number of edits (``white_box_1``); ``white_box_gain``; ``random_success`` of edits that nobody chose; ``elsewhere``,
    the share of successes that leave alone the source words that carry the word; ``kept`` of the rest of the
    translation; ``median_edits``; edited sentences with both translations; success against edits.

    Raises: ProbeError for options out of range, an unknown goal, or a ``word`` that no translation says.

    Cost: n (queries + 10) translations, with gradients twice that and at most as many gradients.

    A pass means little when: outputs are random, few translations have a content word, or the budget ended. A fail is
    to be read with ``elsewhere``: where a character is a word, an edit may change what the sentence says.

    Source: Ebrahimi, Lowd and Dou 2018, arXiv 1806.09030.
    """
    check_options({"edits": edits, "queries": queries, "beam": beam, "n": n})
    for name, value, known in (("goal", goal, GOALS), ("letters", letters, KINDS)):
        if value not in known:
            raise ProbeError(f"{name} '{value}' is unknown", place=f"option '{name}'", hint=f"Use {', '.join(known)}")
    sentences = prepare(target, trial, n=n, goal=goal, word=word, to=to)
    attack = Attack(target, trial, sentences, edits, queries, beam, letters)
    bare = target if trial.meter is None else trial.meter.target
    white = gradients and not missing(bare, SymbolGradients)
    weights, asked, complete = attack.look()
    attack.spared = elsewhere_only
    searches, found = {}, []
    if complete:
        trial.progress(0.2, "searching with translations alone")
        found.append(attack.by_answers(trial.rng, weights, asked))
        searches[BLACK] = recheck(attack, found[-1])
        if white and found[-1].complete:
            trial.progress(0.6, "searching with gradients")
            found.append(attack.by_gradient())
            searches[WHITE] = recheck(attack, found[-1])
    else:
        found.append(attack.nothing())
        searches[BLACK] = recheck(attack, found[-1])
    chance = attack.by_chance(trial.rng) if all(f.complete for f in found) else None
    checked = best(list(searches.values()))
    m, hits = len(checked.won), len(checked)
    known_ = Knowledge.WHITE_BOX if white else Knowledge.BLACK_BOX
    return trial.measurement(
        hits / m if m else 0.0,
        wilson(hits, m),
        m,
        scope={"knowledge": known_.value, "gradients": white or None, "word": word or "chosen by rarity"},
        figures=figures(attack, searches, chance),
        evidence=evidence(attack, searches, goal),
        caveats=caveats(
            sentences,
            checked,
            complete and all(f.complete for f in found),
            word,
            masking.present([masking.randomised(target.info.randomised), masking.few_queries(queries)]),
        ),
    )
