"""perturbation.characters, words and translation: known answers, traps, and what each says about itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.text_edits import clusters, distance
from momus.probes.perturbation.characters import characters
from momus.probes.perturbation.translation import translation
from momus.probes.perturbation.words import words
from momus.targets import Target
from momus.zoo.perturbation import _texts as zoo

CLASSES = ("clean", "offensive")


class Filter:
    """Offensive where a bad word is said as it is spelt; the more the surer."""

    classes = CLASSES

    def __init__(self, bad: tuple[str, ...] = ("idiot", "fool")) -> None:
        self.bad = bad

    def scores(self, x: np.ndarray) -> np.ndarray:
        found = np.array([sum(w.strip(".,!").lower() in self.bad for w in t.split()) for t in x], float)
        return np.stack([np.full(len(x), 0.5), found], axis=1)


def samples(*texts: str, y: Any = None) -> Samples:
    labels = np.zeros(len(texts), dtype=np.int64) if y is None else np.asarray(y)
    return Samples(np.array(texts, dtype=object), labels, classes=CLASSES)


INSULTS = samples("you are an idiot", "What a fool!", "good morning to you all", y=[1, 1, 0])
SMALL = {"queries": 60, "edits": 1}


def codes(m: Any) -> list[str]:
    return [c.code for c in m.caveats]


def test_a_filter_of_words_falls_to_one_edit() -> None:
    m = characters(Target.from_object(Filter()), test=INSULTS, **SMALL)
    assert m.value == pytest.approx(2 / 3)
    assert m.figure("robust_accuracy").value == pytest.approx(1 / 3)
    assert m.figure("clean_accuracy").value == 1
    assert m.figure("median_edits").value == 1
    assert m.scope["knowledge"] == "black box"
    table = m.evidence[0]
    assert {r[3] for r in table.rows} == {"offensive → clean"}
    assert all("[" in r[1] and r[2] == 1 for r in table.rows)
    curve = m.evidence[1].lines[0]
    assert curve.y == pytest.approx((0.0, 2 / 3))


def test_two_words_take_two_edits() -> None:
    test = samples("you idiot, you fool", y=[1])
    target = Target.from_object(Filter())
    assert characters(target, test=test, edits=1, queries=300).value == 0
    m = characters(target, test=test, edits=2, queries=300)
    assert (m.value, m.figure("median_edits").value) == (1, 2)


def test_wrong_texts_are_not_attacked() -> None:
    wrong = samples("you are an idiot", "good morning", y=[0, 0])
    m = characters(Target.from_object(Filter()), test=wrong, **SMALL)
    assert m.n == 1
    assert m.figure("clean_accuracy").value == 0.5
    assert "one-class" in codes(m)
    nothing = characters(Target.from_object(Filter()), test=samples("you are an idiot", y=[0]), **SMALL)
    assert nothing.n == 0
    assert [c.blocks for c in nothing.caveats if c.code == "nothing-right"] == ["both"]


@pytest.mark.parametrize("text", ["", "...", " \n ", "!?"])
def test_a_text_with_nothing_to_edit_is_neither_turned_nor_robust(text: str) -> None:
    alone = characters(Target.from_object(Filter()), test=samples(text), **SMALL)
    assert (alone.n, alone.value) == (0, 0)
    assert "nothing-to-move" in codes(alone)
    both = characters(Target.from_object(Filter()), test=samples("an idiot", text, y=[1, 0]), **SMALL)
    assert (both.n, both.value) == (1, 1)
    assert both.figure("robust_accuracy").value == 0
    assert both.figure("not_editable").value == 1
    assert "not-editable" in codes(both)


def test_a_constant_model_decides_nothing() -> None:
    class Constant:
        classes = CLASSES

        def scores(self, x: np.ndarray) -> np.ndarray:
            return np.tile([1.0, 0.0], (len(x), 1))

    m = characters(Target.from_object(Constant()), test=samples("one word", "two words"), **SMALL)
    assert m.value == 0
    assert {"constant-output", "loss-flat"} <= set(codes(m))


def test_randomised_answers_forbid_a_pass() -> None:
    rng = np.random.default_rng(0)

    class Noisy(Filter):
        def scores(self, x: np.ndarray) -> np.ndarray:
            return super().scores(x) + 0.01 * rng.random((len(x), 2))

    m = characters(Target.from_object(Noisy(), samples=INSULTS), test=INSULTS, **SMALL)
    assert "randomised-output" in codes(m)


def test_a_model_that_answers_otherwise_when_asked_again_is_not_counted() -> None:
    class Torn(Filter):
        def predict(self, x: np.ndarray) -> list[int]:
            return [1] * len(x)

    m = characters(Target.from_object(Torn()), test=samples("you idiot", y=[1]), **SMALL)
    assert m.value == 0
    assert "examples-not-confirmed" in codes(m)


def test_white_space_stays_unless_asked_for() -> None:
    seen: list[str] = []

    class Ears(Filter):
        def scores(self, x: np.ndarray) -> np.ndarray:
            seen.extend(x)
            return super().scores(x)

    test = samples("an idiot\n\tsays so")
    characters(Target.from_object(Ears(("nobody",))), test=test, **SMALL)
    assert all("\n\t" in t and t.count(" ") == 2 for t in seen)
    assert all(distance(clusters(test.x[0]), clusters(t), 20) <= 20 for t in seen)
    seen.clear()
    characters(Target.from_object(Ears(("nobody",))), test=test, spaces=True, **SMALL)
    assert any(t.count(" ") > 2 for t in seen)


@pytest.mark.parametrize(
    ("options", "words_"),
    [({"edits": 0}, "edits"), ({"queries": 0}, "queries"), ({"letters": "runes"}, "letters"), ({"n": -1}, "n must")],
)
def test_bad_options(options: dict[str, Any], words_: str) -> None:
    with pytest.raises(ProbeError, match=words_):
        characters(Target.from_object(Filter()), test=INSULTS, **options)


@pytest.mark.parametrize("attack", [characters, words])
def test_labels_in_words_get_one_clear_line(attack: Any) -> None:
    with pytest.raises(ProbeError, match="class indices, not 'offensive'"):
        attack(Target.from_object(Filter()), test=samples("you idiot", y=["offensive"]))


def test_tables_are_refused() -> None:
    with pytest.raises(ProbeError, match="no texts"):
        characters(Target.from_object(Filter()), test=Samples(np.zeros((3, 2)), np.zeros(3, int), classes=CLASSES))


@pytest.mark.parametrize("queries", [1, 7, 40])
def test_the_budget_is_kept(queries: int) -> None:
    m = characters(Target.from_object(Filter()), test=INSULTS, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert "budget-spent" in codes(m)


def test_a_regressor_is_moved() -> None:
    class Price:
        def predict(self, x: np.ndarray) -> list[float]:
            return [10.0 if "gold" in t else 1.0 for t in x]

    target = Target.from_object(Price(), task="regressor")
    test = Samples(np.array(["a gold ring", "a tin ring"], dtype=object))
    m = characters(target, test=test, tolerance=5.0, **SMALL)
    assert m.value == 0.5


def test_gradients_propose_and_say_so() -> None:
    data = zoo.parts(zoo.messages(3, keys=1, others=4))
    target = zoo.reading(zoo.trained_reader(3, data["train"]), "net", data["test"])
    white = characters(target, test=data["test"], edits=2, queries=60, n=20)
    assert white.scope["knowledge"] == "white box"
    assert white.cost.gradients > 0
    assert white.figure("white_box_success").value > 0.4
    black = characters(target, test=data["test"], edits=2, queries=60, n=20, gradients=False)
    assert black.cost.gradients == 0
    assert black.scope["knowledge"] == "black box"
    assert white.value >= black.value


TABLE = np.array([["idiot", "simpleton"], ["idiot", "two words"], ["fool", "ass"], ["good", "fine"]], dtype=object)
SYNONYMS = Samples(TABLE)


def test_synonyms_talk_a_filter_round() -> None:
    m = words(Target.from_object(Filter()), test=INSULTS, synonyms=SYNONYMS, queries=60)
    assert m.value == pytest.approx(2 / 3)
    assert m.scope["alternatives_from"] == "synonyms"
    assert "learned-alternatives" not in codes(m)
    assert {r[1] for r in m.evidence[0].rows} == {"you are an [idiot→simpleton]", "What a [fool→ass]!"}


def test_a_table_of_codes_is_read_by_its_categories() -> None:
    names = tuple(sorted(set(TABLE.ravel())))
    x = np.array([[names.index(v) for v in row] for row in TABLE], float)
    columns = tuple(Column(name=n, kind=ColumnKind.CATEGORICAL, categories=names) for n in ("word", "alternative"))
    m = words(Target.from_object(Filter()), test=INSULTS, synonyms=Samples(x, columns=columns), queries=60)
    assert m.value == pytest.approx(2 / 3)


def test_words_without_alternatives_are_not_attacked() -> None:
    table = Samples(np.array([["never", "ever"]], dtype=object))
    m = words(Target.from_object(Filter()), test=INSULTS, synonyms=table, queries=60)
    assert m.n == 0
    assert "nothing-to-move" in codes(m)


def test_learned_alternatives_hold_back_a_fail() -> None:
    texts = [
        f"{a} {b} is an {w}" for a in ("this", "that") for b in ("man", "boy") for w in ("idiot", "angel", "actor")
    ]
    test = samples(*texts * 3, y=[int("idiot" in t) for t in texts] * 3)
    m = words(Target.from_object(Filter()), test=test, queries=60, share=0.2)
    assert m.value > 0
    assert [c.blocks for c in m.caveats if c.code == "learned-alternatives"] == ["fail"]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_bad_shares(share: float) -> None:
    with pytest.raises(ProbeError, match="share"):
        words(Target.from_object(Filter()), test=INSULTS, share=share)


def test_synonyms_need_two_columns() -> None:
    with pytest.raises(ProbeError, match="two columns"):
        words(Target.from_object(Filter()), test=INSULTS, synonyms=Samples(np.zeros((2, 3))))


SENTENCES = Samples(np.array(["wolkan brimost ferdule", "shantip quorvex lumaddi"], dtype=object))


def literal() -> Any:
    return Target.from_object(zoo.Dictionary(0), name="literal")


def test_a_word_is_muted() -> None:
    m = translation(literal(), test=SENTENCES, edits=1, queries=40)
    assert m.value == 1
    assert m.figure("black_box_success").value == 1
    assert m.figure("elsewhere").value == 0
    assert m.figure("kept").value == 1
    assert 0 < m.figure("random_success").value < 1
    before, after = m.evidence[0].rows[0][3:5]
    assert len(after.split()) == len(before.split()) - 1


def test_elsewhere_only_leaves_the_carriers_alone() -> None:
    m = translation(literal(), test=SENTENCES, edits=1, queries=40, elsewhere_only=True)
    assert m.value == 0


def test_a_word_of_the_card_is_attacked() -> None:
    m = translation(literal(), test=SENTENCES, edits=1, queries=40, word="Doctor")
    assert m.n == 1
    assert "not-editable" in codes(m)
    with pytest.raises(ProbeError, match="no translation says 'sea'"):
        translation(literal(), test=SENTENCES, word="sea")


def test_a_word_is_pushed() -> None:
    class Near(zoo.Dictionary):
        def word(self, word: str) -> str:
            return {"cat": "Katze", "rat": "Ratte", "hut": "Haus"}.get(word, word)

    test = Samples(np.array(["cat hut"], dtype=object))
    m = translation(Target.from_object(Near(0)), test=test, goal="push", word="katze", to="ratte", edits=1, queries=200)
    assert m.value == 1
    assert m.evidence[0].rows[0][2] == "katze → ratte"


def test_an_outage_is_no_muting() -> None:
    class Fragile:
        def generate(self, x: np.ndarray) -> list[str]:
            return ["a house" if t == "wolkan" else "" for t in x]

    m = translation(Target.from_object(Fragile()), test=Samples(np.array(["wolkan"], dtype=object)), queries=40)
    assert m.value == 0


@pytest.mark.parametrize("text", ["", "...", "!"])
def test_sentences_without_anything_to_edit(text: str) -> None:
    m = translation(literal(), test=Samples(np.array([text], dtype=object)), queries=20)
    assert m.n == 0
    assert "nothing-to-move" in codes(m)


@pytest.mark.parametrize("queries", [1, 5, 60])
def test_the_budget_of_translations_is_kept(queries: int) -> None:
    m = translation(literal(), test=SENTENCES, budget=Budget(queries=queries))
    assert m.cost.queries <= queries


def test_gradients_push_where_translations_alone_do_not() -> None:
    test = zoo.sentences(1, 3, 10)
    m = translation(Target.from_object(zoo.LetterSums(1)), test=test, goal="push", edits=2, queries=40)
    assert m.figure("white_box_success").value > m.figure("black_box_success").value
    assert m.figure("white_box_gain").value > 0.2
    assert m.cost.gradients > 0


@pytest.mark.parametrize("options", [{"goal": "drop"}, {"letters": "runes"}, {"edits": 0}])
def test_bad_options_of_translations(options: dict[str, Any]) -> None:
    with pytest.raises(ProbeError):
        translation(literal(), test=SENTENCES, **options)
