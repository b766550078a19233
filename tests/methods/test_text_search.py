"""The search: known answers on letter counts, importance of words, budgets, and the gradient's proposals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods.text_edits import clusters, distance, letters, pieces
from momus.methods.text_gradient import GradientMoves
from momus.methods.text_search import (
    TextFound,
    beam_search,
    character_moves,
    importance,
    substitution_moves,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Counts:
    """Wins when a text has ``wanted`` letters z or more; each z counts one. Counts the rows it is asked."""

    def __init__(self, wanted: int, budget: int | None = None) -> None:
        self.wanted, self.budget, self.rows = wanted, budget, 0

    def __call__(self, texts: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.budget is not None and self.rows + len(texts) > self.budget:
            raise BudgetSpent
        self.rows += len(texts)
        margins = np.array([self.wanted - t.count("z") - 0.5 for t in texts])
        return margins, margins < 0


def texts(*given: str) -> np.ndarray:
    return np.array(given, dtype=object)


def even(x: np.ndarray) -> list[np.ndarray]:
    return [np.ones(len(pieces(t).words)) for t in x]


def search(judge: Counts, x: np.ndarray, edits: int, queries: int, beam: int = 2, seed: int = 0) -> TextFound:
    moves = character_moves(even(x), np.random.default_rng(seed), letters("plain"))
    margin = np.full(len(x), judge.wanted - 0.5)
    return beam_search(judge, moves, x, margin, edits=np.full(len(x), edits), queries=queries, beam=beam)


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_so_many_edits_as_are_needed(needed: int) -> None:
    x = texts("good morning", "a cat")
    found = search(Counts(needed), x, needed, 3000)
    assert found.won.all()
    assert found.complete
    for before, after, edits in zip(x, found.texts, found.edits, strict=True):
        assert edits == needed
        assert distance(clusters(before), clusters(after), 5) == needed


def test_fewer_edits_than_needed_win_nothing() -> None:
    found = search(Counts(3), texts("good morning"), 2, 1500)
    assert not found.won.any()
    assert found.margin[0] == 0.5  # two of three letters: the best that two edits reach


def test_rows_are_counted_and_kept() -> None:
    judge = Counts(9)
    found = search(judge, texts("good morning", "hello"), 3, 40)
    assert judge.rows == found.queries.sum()
    assert (found.queries <= 40).all()


def test_a_spent_budget_keeps_the_best_so_far() -> None:
    found = search(Counts(9, budget=30), texts("good morning", "hello"), 3, 4000)
    assert not found.complete
    whole = search(Counts(9), texts("good morning"), 0, 100)
    assert whole.complete
    assert list(whole.texts) == ["good morning"]


def test_the_same_seed_gives_the_same_texts() -> None:
    a, b = (search(Counts(2), texts("good morning", "hello"), 2, 900, seed=3) for _ in range(2))
    assert list(a.texts) == list(b.texts)
    assert list(a.queries) == list(b.queries)


def test_batch_size_changes_nothing() -> None:
    x = texts("good morning", "hello")
    moves = [character_moves(even(x), np.random.default_rng(0), letters("plain")) for _ in range(2)]
    a, b = (
        beam_search(Counts(2), m, x, np.full(2, 1.5), edits=np.full(2, 2), queries=600, beam=2, rows=r)
        for m, r in zip(moves, (7, 512), strict=True)
    )
    assert list(a.texts) == list(b.texts)


def test_texts_without_words_and_no_texts() -> None:
    found = search(Counts(1), texts("...", ""), 2, 50)
    assert not found.won.any()
    assert (found.queries == 0).all()
    assert len(search(Counts(1), texts(), 2, 50).won) == 0


def test_many_edits_are_made_several_at_a_time() -> None:
    """Twelve words must each change; one a step would not fit into the rows."""

    def judge(changed: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept = np.array([sum(w == "word" for w in t.split()) for t in changed], float)
        return kept - 0.5, kept == 0

    x = texts(" ".join(["word"] * 12))
    moves = character_moves(even(x), np.random.default_rng(0), letters("plain"))
    found = beam_search(judge, moves, x, np.array([11.5]), edits=np.array([12]), queries=60)
    assert found.won[0]
    assert found.queries[0] <= 60


def heavy(changed: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hangs on the words KEY (weight 3) and MORE (1)."""
    margins = np.array([3.0 * t.count("KEY") + t.count("MORE") for t in changed])
    return margins, margins < 0


@pytest.mark.parametrize("words", [6, 40, 600])
def test_the_words_that_count_are_found(words: int) -> None:
    rng = np.random.default_rng(words)
    body = ["other"] * words
    i, j = rng.choice(words, 2, replace=False)
    body[i], body[j] = "KEY", "MORE"
    weights, asked, complete = importance(heavy, texts(" ".join(body)), np.array([4.0]), most=120)
    assert complete
    assert asked[0] <= 120
    assert list(np.argsort(-weights[0], kind="stable")[:2]) == [i, j]


def test_importance_of_nothing() -> None:
    weights, asked, complete = importance(heavy, texts("", "..."), np.zeros(2), most=10)
    assert [len(w) for w in weights] == [0, 0]
    assert complete
    assert not asked.any()


def test_substitutions_touch_each_word_once() -> None:
    x = texts("the good old day")
    table = {"good": ["fine", "nice"], "old": ["aged"]}
    seen: set[str] = set()

    def judge(changed: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.update(changed)
        return np.ones(len(changed)), np.zeros(len(changed), bool)

    moves = substitution_moves(even(x), lambda w: table.get(w, ()), 5)
    beam_search(judge, moves, x, np.ones(1), edits=np.array([2]), queries=100, beam=4)
    whole = {"the fine old day", "the nice old day", "the good aged day", "the fine aged day", "the nice aged day"}
    assert seen <= whole
    assert len(seen) >= 4


def linear(weight: np.ndarray, sign: float = 1.0) -> GradientMoves:
    """A model that adds up a weight for each letter: its gradient foretells flips exactly."""

    def slopes(changed: Sequence[str], index: np.ndarray) -> tuple[list[list[str]], list[np.ndarray]]:
        own = [np.array([weight[LETTERS.find(c)] if c in LETTERS else 0.0 for c in t]) for t in changed]
        return [list(t) for t in changed], [sign * (weight[None] - o[:, None]) for o in own]

    return GradientMoves(slopes, LETTERS, letters("plain"))


def total(weight: np.ndarray, goal: float):  # type: ignore[no-untyped-def]
    def judge(changed: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = np.array([sum(weight[LETTERS.find(c)] for c in t if c in LETTERS) for t in changed])
        return goal - sums, sums > goal

    return judge


def test_the_gradient_finds_the_best_flips_in_few_rows() -> None:
    weight = np.random.default_rng(0).normal(size=26)
    x = texts("pebble", "ozone layer")
    start = np.array([sum(weight[LETTERS.find(c)] for c in t if c in LETTERS) for t in x])
    gain = np.array([weight.max() - min(weight[LETTERS.find(c)] for c in t if c in LETTERS) for t in x])
    goal = float((start + gain).min()) - 1e-6

    def run(sign: float) -> TextFound:
        judge = total(weight, goal)
        return beam_search(judge, linear(weight, sign), x, goal - start, edits=np.ones(2, int), queries=24)

    assert run(1.0).won[np.argmin(start + gain)]
    assert not run(-1.0).won[np.argmin(start + gain)]  # with the sign turned, the same rows find nothing


def test_gradient_proposals_are_single_edits_of_letters() -> None:
    moves = linear(np.arange(26.0))
    x = texts("ab, cd!")
    seen: list[str] = []

    def judge(changed: Sequence[str], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.extend(changed)
        return np.ones(len(changed)), np.zeros(len(changed), bool)

    found = beam_search(judge, moves, x, np.ones(1), edits=np.ones(1, int), queries=500)
    assert found.complete
    assert len(seen) == len(set(seen)) > 60
    assert all(distance(clusters(x[0]), clusters(t), 3) == 1 for t in seen)
    assert all("," in t and " " in t and "!" in t for t in seen)


def test_gradients_that_exceed_the_budget_end_the_search() -> None:
    def slopes(changed: Sequence[str], index: np.ndarray) -> tuple[list[list[str]], list[np.ndarray]]:
        raise BudgetSpent

    moves = GradientMoves(slopes, LETTERS, letters("plain"))
    found = beam_search(Counts(1), moves, texts("abc"), np.ones(1), edits=np.ones(1, int), queries=50)
    assert not found.complete
    assert list(found.texts) == ["abc"]
