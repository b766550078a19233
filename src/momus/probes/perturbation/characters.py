"""perturbation.characters: a few mistyped characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.capabilities import Scores, SymbolGradients, missing
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.core.samples import NumpyArray
from momus.methods.objectives import MISCLASSIFIED
from momus.methods.text_edits import Letters, clusters, distance, letters, pieces
from momus.methods.text_gradient import GradientMoves
from momus.methods.text_search import Judge, TextFound, beam_search, character_moves, importance
from momus.probes.perturbation._inputs import reserved
from momus.probes.perturbation._text import Texts, check_options, conclude, judge_of, prepare, recheck

KINDS = ("any", "plain", "keyboard", "visual")


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1712.06751",
    cost="at most n queries rows, twice where the model has gradients by its symbols; 2 n rows of checks",
    tasks=("classifier", "regressor"),
    modalities=("text",),
)
def characters(
    target: Scores,
    trial: Trial,
    *,
    edits: int = 3,
    queries: int = 500,
    letters: str = "any",
    spaces: bool = False,
    hidden: bool = False,
    gradients: bool = True,
    beam: int = 2,
    n: int = 100,
    tolerance: float | None = None,
) -> Measurement:
    """Share of correctly answered texts that a few character edits turn.

    Measures: attack success rate over the texts that the model gets right and that have a letter or digit to edit. An
    edit flips, inserts, deletes or swaps one character. Words are tried in the order in which leaving them out moves
    the scores; where the model gives gradients by its symbols, these propose the edits first, and every proposal is
    asked. Every success is asked again, and its edits are counted by an independent edit distance.

    Why it matters: filters of insults, spam and fraud are evaded by people who mistype on purpose, and readers hardly
    notice.

    Options: ``edits`` at most, 1 or more. ``queries`` model rows a text. ``letters`` that replace others: plain (same
    script), keyboard (neighbouring keys), visual (look alike) or any. ``spaces`` allows white space inside words,
    ``hidden`` characters that nobody sees. ``gradients`` false keeps to the scores. ``beam`` texts kept a step. ``n``
    texts at most. ``tolerance`` how far a regressor's value must move, in its units.

    Returns: figures ``robust_accuracy``, ``clean_accuracy``, ``median_edits``, ``median_queries``, with gradients also
    ``white_box_success`` and ``black_box_only``; edited texts with each edit marked; success against edits.

    Raises: ProbeError for options out of range, bad labels, or data that are no texts.

    Cost: at most n queries rows, as many again for a black-box search over what survived the gradients.

    A pass means little when: texts are long and edits few, scores are rounded so that leaving a word out changes
    nothing, outputs are random, or few texts have anything to edit. Each of these is said.

    Source: Ebrahimi et al. 2018, arXiv 1712.06751 (gradient-guided flips); word order by leaving out as in arXiv
    1801.04354 and 1812.05271.
    """
    check_options({"edits": edits, "queries": queries, "beam": beam, "n": n})
    if letters not in KINDS:
        raise ProbeError(f"letters '{letters}' is unknown", place="option 'letters'", hint=f"Use {', '.join(KINDS)}")
    texts = prepare(target, trial, n=n, editable=lambda t: bool(pieces(t).words), tolerance=tolerance)
    attack = Attack(target, trial, texts, edits, queries, beam, letters)
    bare = target if trial.meter is None else trial.meter.target
    white = gradients and not missing(bare, SymbolGradients) and texts.objective is MISCLASSIFIED
    found, figures = TextFound.untouched(texts.x[texts.chosen], texts.margin), []
    if white:
        found = attack.by_gradient(target, spaces)
        claimed = int(found.won.sum())
        figures.append(Figure(name="white_box_success", value=claimed / max(1, len(found.won)), n=len(found.won)))
        trial.progress(0.5, "the same with scores alone, over the texts that survived")
    blind, left = attack.by_scores(found, trial.rng, spaces, hidden)
    if white:
        note = "texts that only the search without gradients turned"
        figures.append(Figure(name="black_box_only", value=float(left), n=len(found.won), note=note))
    trial.progress(0.9, "asking every success again")
    allowed = np.full(len(found.won), edits)
    checked = recheck(target, texts, found, lambda a, b: distance(clusters(a), clusters(b), edits), allowed)
    known = Knowledge.WHITE_BOX if white else Knowledge.BLACK_BOX
    return conclude(
        trial,
        texts,
        found,
        checked,
        unit="edits",
        queries=queries,
        blind=blind,
        randomised=target.info.randomised,
        scope={"knowledge": known.value, "gradients": white or None},
        figures=figures,
    )


class Attack:
    """The two searches on the same texts."""

    def __init__(
        self, target: Scores, trial: Trial, texts: Texts, edits: int, queries: int, beam: int, kind: str
    ) -> None:
        self.texts, self.queries, self.beam, self.kind, self.edits = texts, queries, beam, kind, edits
        self.judge: Judge = judge_of(target, trial, texts)
        self.ask = reserved(trial, len(texts.chosen))
        seen = [str(t) for role in ("test", "train") if role in trial.data for t in trial.data[role].x[:2000]]
        self.seen = seen

    def letters(self, known: Any = None) -> Letters:
        return letters(self.kind, self.seen, known)

    def by_gradient(self, target: Any, spaces: bool) -> TextFound:
        """Edits that the gradient proposes, the model's own alphabet as replacements."""
        chosen, y = self.texts.chosen, self.texts.y[self.texts.chosen]

        def slopes(changed: Any, index: NumpyArray) -> Any:
            a = np.array(list(changed), dtype=object)
            self.ask(len(a))
            return target.symbols(a), target.symbol_gradient(a, [int(v) for v in y[index]])[1]

        alphabet = list(target.alphabet())
        moves = GradientMoves(slopes, alphabet, self.letters(alphabet), spaces)
        return beam_search(
            self.judge,
            moves,
            self.texts.x[chosen],
            self.texts.margin,
            edits=np.full(len(chosen), self.edits),
            queries=self.queries,
            beam=self.beam,
        )

    def by_scores(self, found: TextFound, rng: np.random.Generator, spaces: bool, hidden: bool) -> tuple[float, int]:
        """Searches the texts not yet won with scores alone; writes what it wins into ``found``.

        Returns the share of texts in which leaving words out moved nothing, and how many texts it won.
        """
        left = np.flatnonzero(~found.won)
        if not len(left) or not found.complete:
            return 0.0, 0
        index = self.texts.chosen[left]
        x, margin = self.texts.x[index], self.texts.margin[left]

        def judge(changed: Any, i: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
            return self.judge(changed, left[i])

        weights, asked, complete = importance(judge, x, margin, most=max(1, self.queries // 3))
        found.complete &= complete
        again = TextFound.untouched(x, margin)
        if complete:
            moves = character_moves(weights, rng, self.letters(), spaces=spaces, hidden=hidden)
            allowed = np.full(len(left), self.edits)
            again = beam_search(
                judge, moves, x, margin, edits=allowed, queries=self.queries, beam=self.beam, spent=asked
            )
        take(found, again, left)
        flat = [bool(np.abs(w).max(initial=0.0) <= 1e-9) for w in weights]
        return float(np.mean(flat)), int(again.won.sum())


def take(found: TextFound, again: TextFound, at: NumpyArray) -> None:
    """Writes what a second search did better into the rows ``at`` of the first."""
    better = again.won | (again.margin < found.margin[at])
    for name in ("texts", "won", "margin", "edits"):
        getattr(found, name)[at[better]] = getattr(again, name)[better]
    found.queries[at] += again.queries
    found.complete &= again.complete
