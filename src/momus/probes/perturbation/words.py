"""perturbation.words: a few words replaced by others that may stand for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Scores
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Knowledge, Measurement
from momus.core.samples import Samples
from momus.methods import neighbours
from momus.methods.text_edits import pieces
from momus.methods.text_search import TextFound, beam_search, importance, substitution_moves
from momus.probes.perturbation._text import check_options, conclude, judge_of, prepare, recheck

MOST = 20  # alternatives a word


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train", "synonyms"),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1907.11932",
    cost="at most n queries rows; 2 n rows of checks",
    tasks=("classifier", "regressor"),
    modalities=("text",),
)
def words(
    target: Scores,
    trial: Trial,
    *,
    share: float = 0.15,
    queries: int = 500,
    alternatives: int = 10,
    beam: int = 1,
    n: int = 100,
    tolerance: float | None = None,
) -> Measurement:
    """Share of correctly answered texts that replacing a few words turns.

    Measures: attack success rate over the texts that the model gets right and that have a word with an alternative. The
    words whose absence moves the scores most are replaced first. Alternatives come from the data set ``synonyms`` (rows
    word, alternative; or the folder of a WordNet database); without one, from words used in similar places of the
    training texts, else of the test texts.

    Why it matters: whoever writes a text chooses its words; a filter that hangs on single words is talked around.

    Options: ``share`` of a text's words that may be replaced, more than 0 and at most 1; one word always may.
    ``queries`` model rows a text. ``alternatives`` tried for a word at most. ``beam`` texts kept a step. ``n`` texts at
    most. ``tolerance`` how far a regressor's value must move, in its units.

    Returns: figures ``robust_accuracy``, ``clean_accuracy``, ``median_words``, ``median_queries``, ``known_words``;
    texts with each replacement marked; success against replaced words.

    Raises: ProbeError for options out of range, bad labels, data that are no texts, or a ``synonyms`` set that does not
    have two columns of words.

    Cost: at most n queries rows.

    A pass means little when: few words have alternatives (``known_words``), or the search saw nothing move. A fail with
    learned alternatives is held back: nobody vouches that they mean the same.

    Source: Jin et al. 2020, arXiv 1907.11932, for the order of words and the setting; the alternatives differ.
    """
    check_options({"queries": queries, "alternatives": alternatives, "beam": beam, "n": n})
    if not 0 < share <= 1:
        raise ProbeError(f"share must be more than 0 and at most 1, not {share}", place="option 'share'")
    source = _source(trial, min(alternatives, MOST))
    texts = prepare(
        target, trial, n=n, editable=lambda t: any(source.of(w) for w in pieces(t).words), tolerance=tolerance
    )
    chosen, margin = texts.chosen, texts.margin
    x = texts.x[chosen]
    counts = [len(pieces(str(t)).words) for t in x]
    allowed = np.array([max(1, int(share * c)) for c in counts], dtype=np.int64)
    judge = judge_of(target, trial, texts)
    trial.progress(0.1, "leaving words out to see which count")
    weights, asked, complete = importance(judge, x, margin, most=max(1, queries // 3))
    if complete:
        trial.progress(0.3, "replacing the words that count")
        moves = substitution_moves(weights, source.of, alternatives)
        found = beam_search(judge, moves, x, margin, edits=allowed, queries=queries, beam=beam, spent=asked)
    else:
        found = TextFound.untouched(x, margin)
        found.queries += asked
        found.complete = False
    trial.progress(0.9, "asking every success again")
    checked = recheck(target, texts, found, replaced, allowed)
    flat = [bool(np.abs(w).max(initial=0.0) <= 1e-9) for w in weights]
    known = [float(np.mean([bool(source.of(w)) for w in pieces(str(t)).words])) for t in x]
    return conclude(
        trial,
        texts,
        found,
        checked,
        unit="words",
        queries=queries,
        blind=float(np.mean(flat)) if flat and complete else 0.0,
        randomised=target.info.randomised,
        scope={"alternatives_from": source.name},
        figures=(
            Figure(
                name="known_words", value=float(np.mean(known)) if known else 0.0, note="share that has alternatives"
            ),
        ),
        caveats=source.caveats,
    )


@dataclass(frozen=True)
class Source:
    """Where alternatives come from, and what that means for the reading."""

    name: str
    of: Callable[[str], Sequence[str]]
    caveats: tuple[Caveat, ...] = ()


def replaced(before: str, after: str) -> int:
    """How many words differ, counted afresh; more than any text has where something else than words changed."""
    a, b = pieces(before), pieces(after)
    if a.gaps != b.gaps or len(a.words) != len(b.words):
        return len(before) + len(after)
    return sum(v != w for v, w in zip(a.words, b.words, strict=True))


def _source(trial: Trial, most: int) -> Source:
    """The user's table where there is one, else neighbours learned from texts."""
    table = trial.data.get("synonyms")
    cache: dict[str, tuple[str, ...]] = {}
    if table is not None:
        known = _table(table)

        def look(word: str) -> Sequence[str]:
            return known.get(word.lower(), ())
    else:
        role = "train" if "train" in trial.data and trial.data["train"].is_text else "test"
        learned = neighbours.learn(str(t) for t in trial.data[role].x)

        def look(word: str) -> Sequence[str]:
            return [w for w, _ in learned.of(word.lower(), most)]

    def of(word: str) -> Sequence[str]:
        if word not in cache:
            cache[word] = tuple(neighbours.alike(word, w) for w in look(word))
        return cache[word]

    if table is not None:
        return Source("synonyms", of)
    message = (
        f"alternatives were learned from the {role} texts as words used in similar places: nobody vouches that they "
        "mean the same. Give data.synonyms (rows word, alternative, or the folder of a WordNet database)"
    )
    return Source(f"neighbours in {role}", of, (Caveat(code="learned-alternatives", message=message, blocks="fail"),))


def _table(samples: Samples) -> dict[str, list[str]]:
    """word -> alternatives, single words only, in the order of the table."""
    if samples.x.ndim != 2 or samples.x.shape[1] != 2:
        raise ProbeError("synonyms need two columns: word, alternative", place=samples.name)
    columns = []
    for j in range(2):
        named = samples.columns[j].categories if samples.columns else ()
        columns.append([named[int(v)] if named else str(v) for v in samples.x[:, j]])
    known: dict[str, dict[str, None]] = {}
    for word, other in zip(*columns, strict=True):
        if len(pieces(other).words) == 1 and pieces(other).words[0] == other and other.lower() != word.lower():
            known.setdefault(word.lower(), {}).setdefault(other)
    return {w: list(o) for w, o in known.items()}
