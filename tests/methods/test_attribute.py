"""Secrets, guesses without a model, clues and leaf counts: known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.trees import Tree, TreeEnsemble
from momus.methods import attribute_attacks as attacks
from momus.methods import leaf_counts
from momus.methods.attribute import Secret, others, secrets
from momus.methods.imputation import balanced, impute, pick, prior
from momus.zoo.inversion.attribute import split_groups, survey


def test_a_column_and_its_one_hot_form_are_one_secret() -> None:
    rng = np.random.default_rng(0)
    plain = survey(400, rng, k=3)
    apart = split_groups(plain)
    (one,), (two,) = secrets(plain, "", plain.x, 4), secrets(apart, "", apart.x, 4)
    assert one.k == two.k == 3 and set(one.labels) == set(two.labels) == {"never", "once", "often"}
    names = [np.array(s.labels)[s.codes(x)] for s, x in ((one, plain.x), (two, apart.x))]
    assert np.array_equal(*names)
    asked = two.asked(apart.x[:5])
    assert asked.shape == (15, apart.x.shape[1]) and np.array_equal(asked[:, two.at].sum(1), np.ones(15))
    assert np.array_equal(asked[::3][:, :5], apart.x[:5, :5])
    assert (two.codes(asked).reshape(5, 3) == np.arange(3)).all()
    assert others(apart, two)[0].shape == (400, 5)
    assert secrets(apart, "answer_once", apart.x, 4)[0].at == two.at


def test_numbers_are_cut_into_ranges_also_where_values_repeat() -> None:
    rng = np.random.default_rng(1)
    s = replace(
        survey(500, rng), columns=tuple(replace(c, sensitive=c.name == "income") for c in survey(1, rng).columns)
    )
    (secret,) = secrets(s, "", s.x, 4)
    codes = secret.codes(s.x)
    assert secret.k == 4 and (np.bincount(codes) == 125).all()
    assert np.array_equal(secret.codes(secret.asked(s.x[:1])), np.arange(4))
    many = s.x.copy()
    many[:400, 1] = 0.0
    (tied,) = secrets(replace(s, x=many), "", many, 4)
    assert set(np.unique(tied.codes(many))) == set(range(tied.k)) and len(tied.labels) == tied.k >= 2


def test_what_cannot_be_guessed_is_left_out() -> None:
    rng = np.random.default_rng(2)
    s = survey(300, rng)
    still = s.x.copy()
    still[:, -1] = 1
    assert secrets(replace(s, x=still), "", still, 4) == ()
    assert secrets(replace(s, columns=tuple(replace(c, sensitive=False) for c in s.columns)), "", s.x, 4) == ()
    with pytest.raises(ProbeError, match="no column 'nonsense'"):
        secrets(s, "nonsense", s.x, 4)
    rare = s.x.copy()
    rare[:, 4] = 0
    rare[:2, 4], rare[2:150, 4] = 3, 1
    (town,) = secrets(s, "town", rare, 4)
    assert town.labels == ("north", "east") and (town.codes(rare)[:2] == -1).all()


def test_a_guess_never_sees_the_row_it_guesses() -> None:
    rng = np.random.default_rng(3)
    known, asked = rng.normal(size=(600, 3)), rng.normal(size=(200, 3))
    coin = rng.integers(0, 2, 600)
    made = impute(known, coin, asked, np.zeros(3, dtype=bool), 2, rng)
    assert abs(balanced(np.log(made.own), coin, prior(coin, 2)) - 0.5) < 0.08
    told = (known[:, 0] + known[:, 1] > 0).astype(int)
    truth = (asked[:, 0] + asked[:, 1] > 0).astype(int)
    made = impute(known, told, asked, np.zeros(3, dtype=bool), 2, rng)
    assert (made.asked.argmax(1) == truth).mean() > 0.95 and np.allclose(made.asked.sum(1), 1)


def test_interactions_and_categories_are_found_by_one_of_the_guesses() -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(0, 4, (900, 2)).astype(float)
    codes = ((x[:, 0] + x[:, 1]) % 2).astype(int)
    made = impute(x[:600], codes[:600], x[600:], np.ones(2, dtype=bool), 2, rng)
    assert (made.asked.argmax(1) == codes[600:]).mean() > 0.95 and made.name != "linear model"


def test_the_even_handed_rule_serves_the_rare() -> None:
    scores = np.log(np.array([[0.9, 0.1], [0.8, 0.2]]))
    assert pick(scores).tolist() == [0, 0] and pick(scores, np.array([0.85, 0.15])).tolist() == [0, 1]


def test_clues_and_cases_follow_the_papers() -> None:
    p = np.array([[[0.2, 0.8], [0.9, 0.1]], [[0.4, 0.6], [0.3, 0.7]], [[0.9, 0.1], [0.6, 0.4]]])
    y = np.array([1, 1, 1])
    mixed = attacks.confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    assert mixed[1].tolist() == pytest.approx([0.5 / 3, 2.5 / 3])
    clues = attacks.answer_clues(p, y, mixed)
    assert np.allclose(np.exp(clues["confidence"]), [[0.8, 0.1], [0.6, 0.7], [0.1, 0.4]])
    assert clues["agrees"].tolist() == [[1, 0], [1, 1], [0, 0]]
    # one value makes it right: that; both: the surer; none: the one it is least sure to be wrong about
    assert attacks.by_cases(clues).argmax(1).tolist() == [0, 1, 1]
    values = attacks.value_clues(np.array([[1.0, 3.0]]), np.array([2.9]), 0.5)
    assert values["confidence"][0].argmax() == 1 and values["best"].tolist() == [[0, 1]]


def test_weights_start_from_the_guess_and_learn_what_a_clue_is_worth() -> None:
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 3, 400)
    noise = rng.normal(size=(400, 3))
    clue = noise.copy()
    clue[np.arange(400), codes] += 4
    guess = rng.normal(size=(400, 3))
    stacked = np.stack([guess, noise, clue], axis=2)
    learned = attacks.weigh(stacked[:300], codes[:300])(stacked[300:])
    assert (learned.argmax(1) == codes[300:]).mean() > 0.9
    nothing = attacks.weigh(stacked[:0], codes[:0])(stacked)
    assert np.array_equal(nothing.argmax(1), guess.argmax(1))


def stump() -> TreeEnsemble:
    """The root asks column 1 (the secret), its left child column 0: leaves 3, 4 and 2 with 6, 2 and 12 rows."""
    tree = Tree(
        feature=np.array([1, 0, -1, -1, -1]),
        threshold=np.array([0.5, 0.0, 0, 0, 0]),
        left=np.array([1, 3, 0, 0, 0]),
        right=np.array([2, 4, 0, 0, 0]),
        value=np.array([[0, 0], [0, 0], [0.25, 0.75], [1, 0], [0.5, 0.5]], dtype=float),
        count=np.array([20, 8, 12, 6, 2]),
    )
    return TreeEnsemble((tree,), np.zeros(2), "classifier")


def test_leaf_counts_give_the_papers_estimator() -> None:
    secret = Secret("s", (1,), np.array([[0.0], [1.0]]), ("no", "yes"))
    ensemble = stump()
    assert np.flatnonzero(leaf_counts.reachable(ensemble.trees[0], secret, 0)).tolist() == [3, 4]
    assert np.flatnonzero(leaf_counts.reachable(ensemble.trees[0], secret, 1)).tolist() == [2]
    x, y = np.array([[-1.0, 9.0], [1.0, 9.0]]), np.array([0, 1])
    clues = leaf_counts.clues(ensemble, secret, x, y, np.full((2, 2), 0.5))
    # row 0, label 0: 6 of the 8 rows with no; 3 of the 12 with yes. Row 1, label 1: 1 of 8; 9 of 12.
    assert np.allclose(np.exp(clues["counts"]), [[6 / 8, 3 / 12], [1 / 8, 9 / 12]], atol=0.01)
    assert clues["agrees"].tolist() == [[1, 0], [0, 1]]
    assert leaf_counts.sizes(ensemble.trees).tolist() == [12, 6, 2]
    bare = replace(ensemble, trees=(replace(ensemble.trees[0], count=None),))
    assert leaf_counts.counted(ensemble) and not leaf_counts.counted(bare)
