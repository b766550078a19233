"""corruption.table, .text and .sound: what counts, how sure it is, and what is said of bad input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from momus.core.errors import ProbeError, TargetError
from momus.core.evidence import Attachment, Bars, Excerpt, Grid, Series, Table
from momus.core.meter import Budget
from momus.core.records import Measurement, Status
from momus.core.registry import get_probe
from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.judge import decide, default_limits
from momus.methods.corrupt import sounds, tables, texts
from momus.probes.corruption import _sweep
from momus.targets import Target
from momus.zoo.corruption import sound as zoo_sound

table, text, sound = (get_probe(f"corruption.{kind}") for kind in ("table", "text", "sound"))
CLASSES = ("no", "yes")


def readings(n: int = 120, columns: int = 4, seed: int = 0) -> Samples:
    x = np.random.default_rng(seed).normal(5, 2, (n, columns))
    named = tuple(Column(f"c{j}", ColumnKind.NUMERIC) for j in range(columns))
    return Samples(x, (x[:, 0] > 5).astype(np.int64), columns=named, classes=CLASSES)


def deciding(f: Callable[[NumpyArray], NumpyArray], samples: Samples, **more: Any) -> Any:
    return Target.from_callable(f, name="model", classes=CLASSES, samples=samples, output="labels", **more)


def first(x: NumpyArray) -> NumpyArray:
    return np.asarray(np.nan_to_num(x[:, 0]) > 5).astype(np.int64)


def status(m: Measurement) -> Status:
    return decide(m, default_limits()[m.probe]).status


def codes(m: Measurement) -> dict[str, str]:
    return {c.code: c.blocks for c in m.caveats}


def kept(m: Measurement) -> Mapping[str, float]:
    return {f.name[5:]: f.value for f in m.figures if f.name.startswith("kept.")}


# ---- what is counted


def test_a_model_that_reads_one_column_loses_what_hits_it() -> None:
    samples = readings()
    m = table(deciding(first, samples), test=samples)
    found = kept(m)
    assert m.value == pytest.approx(np.mean(list(found.values())), abs=1e-9)
    # 0.02, 0.05, 0.1, 0.2, 0.4 of the cells: the sign of a lost number is always wrong for half of the rows
    assert found["missing_random"] == pytest.approx(1 - 0.154, abs=0.08)
    assert found["sign_flip"] == pytest.approx(1 - 0.154, abs=0.08)
    assert m.figure("column_loss").note == "the worst column, c0"
    assert m.figure("column_loss").value == pytest.approx(1.0, abs=0.2)
    bars = [e for e in m.evidence if isinstance(e, Bars)]
    assert bars[0].names[0] == "c0" and max(bars[0].values[1:]) == 0
    grid, series = (next(e for e in m.evidence if isinstance(e, kind)) for kind in (Grid, Series))
    assert set(grid.rows) == set(found) and len(grid.columns) == 5 and series.lines[0].x == (0, 1, 2, 3, 4, 5)
    rows = next(e for e in m.evidence if isinstance(e, Table) and "turns" in e.title)
    assert all(before == truth != after for *_, truth, before, after in rows.rows)
    assert all("→" in str(row[1]) for row in rows.rows)


def test_an_ignorant_and_an_unmoved_model() -> None:
    samples = readings()
    m = table(deciding(lambda x: np.zeros(len(x), dtype=np.int64), samples), test=samples)
    assert codes(m)["chance-level"] == "both" and status(m) is Status.INCONCLUSIVE
    y = np.asarray(samples.y)
    tall = Samples(np.column_stack([np.arange(120.0) // 60, samples.x]), np.arange(120) // 60, classes=CLASSES)
    assert y.shape == (120,)
    m = table(deciding(lambda x: np.asarray(x[:, 0] > 0.5).astype(np.int64), tall), test=tall, corruptions="rounding")
    assert m.value == 1.0 and 0.9 < m.ci.low < 1.0


def test_one_class_alone_shows_no_skill() -> None:
    """Guessing is never wrong there, and nothing is left to divide by."""
    samples = Samples(readings().x, np.ones(120, dtype=np.int64), classes=CLASSES)
    m = table(deciding(lambda x: np.ones(len(x), dtype=np.int64), samples), test=samples)
    assert codes(m)["chance-level"] == "both" and status(m) is Status.INCONCLUSIVE


def test_labels_shuffled_leave_no_skill_to_keep() -> None:
    samples = readings()
    order = np.argsort(samples.x[:, 0])
    x = samples.x[order]
    wrong = Samples(x, np.arange(len(x)) % 2, classes=CLASSES)  # right for every second row, whatever is said
    assert codes(table(deciding(first, samples), test=wrong))["chance-level"] == "both"


def test_only_what_the_card_declares_counts() -> None:
    samples = readings()
    target = deciding(first, samples)
    everything = table(target, test=samples)
    m = table(target, test=samples, context={"corruptions": {"missing_random": 2, "fog": 5}})
    assert m.value > 0.9 > everything.figure("kept.missing_random").value
    assert m.scope["counted"] == "missing_random to 2"
    assert set(kept(m)) == set(kept(everything))  # all others are figures
    assert m.figure("kept.sign_flip").note == "not declared on the card: not counted"
    family = table(target, test=samples, context={"corruptions": {"missing": 5, "sentinel": 1}})
    assert family.scope["counted"].count(" to ") == 4 and "sentinel to 1" in str(family.scope["counted"])
    costs = next(e for e in m.evidence if isinstance(e, Table) and "costs" in e.title)
    assert {row[1] for row in costs.rows} == {"to 2", "not declared"}
    other = table(target, test=samples, context={"corruptions": {"fog": 3}})
    assert codes(other)["none-declared"] == "pass" and other.value == everything.value


def test_what_is_run_and_in_which_order() -> None:
    plan = _sweep.planned("all", "1,3", tables.FAMILIES, {"corruptions": {"stale": 3}}, lambda name: "")
    assert plan.names[0] == "stale" and plan.names[1:4] == ("missing_random", "unit_scale", "swapped_like")
    assert plan.counts("stale").tolist() == [True, True] and not plan.counts("rounding").any()
    plan = _sweep.planned("typing, ocr", 2, texts.FAMILIES, {}, lambda name: "")
    assert set(plan.names) == {*texts.FAMILIES["typing"], "ocr"} and plan.levels == (2,)
    for wrong in ("fog", "", "typing;ocr"):
        with pytest.raises(ProbeError, match="no corruption"):
            _sweep.planned(wrong, 1, texts.FAMILIES, {}, lambda name: "")
    with pytest.raises(ProbeError, match="severities"):
        _sweep.planned("all", "1,6", texts.FAMILIES, {}, lambda name: "")


def test_the_declared_severities_must_be_run_to_count() -> None:
    samples = readings()
    m = table(deciding(first, samples), test=samples, severities="4,5", context={"corruptions": {"stale": 2}})
    assert status(m) is not Status.PASS


def test_one_collapse_is_not_hidden_by_a_mean() -> None:
    samples = Samples(
        np.array([f"{w} goods {k}" for k in range(60) for w in ("send", "stop")], dtype=object),
        np.arange(120) % 2, classes=CLASSES,
    )  # fmt: skip
    loud = deciding(lambda x: np.array([1 if "stop" in t or not t.startswith("s") else 0 for t in x]), samples)
    m = text(loud, test=samples, corruptions="upper,no_punctuation,fillers,html_entities,homophones", severities="5")
    assert m.figure("worst_kept").note.endswith("upper") and codes(m)["one-collapses"] == "pass"


# ---- budgets, batches, answers


def test_a_budget_that_ends_early_keeps_what_is_complete() -> None:
    samples = readings()
    m = table(deciding(first, samples), test=samples, budget=Budget(queries=700))
    assert m.cost.queries <= 700 and codes(m)["budget-spent"] == "pass" and 0 < len(kept(m)) < 15
    m = table(deciding(first, samples), test=samples, budget=Budget(queries=100))
    assert m.cost.queries <= 100 and status(m) is Status.INCONCLUSIVE


def test_rows_left_as_they_were_are_not_asked_again() -> None:
    samples = readings()
    m = table(deciding(first, samples), test=samples, corruptions="missing_random", severities="1", columns=False)
    assert m.cost.queries < 1.2 * len(samples) + 20


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    import momus.probes.corruption.table as module

    samples = readings()
    one = table(deciding(first, samples), test=samples)
    monkeypatch.setattr(module, "_BATCH", 7)
    assert table(deciding(first, samples), test=samples).value == one.value


def test_batches_of_texts_and_clips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    import momus.probes.corruption.sound as of_sound
    import momus.probes.corruption.text as of_text

    x = [f"{w} the goods number {k} at once" for k in range(15) for w in ("send", "stop")]
    texts_ = Samples(np.array(x, dtype=object), np.arange(30) % 2, classes=CLASSES)
    reader = deciding(lambda a: np.array([int("stop" in t) for t in a]), texts_)
    notes = zoo_sound.notes(0, seconds=0.3, n=20, faint=0.05, told=False)
    listener = Target.from_callable(
        zoo_sound.by_whistle, name="w", classes=notes.classes, samples=notes, output="labels", modality="audio"
    )
    # Babble in batches is made of the whole set's clips, not of the batch's.
    options = {"corruptions": "babble, dropouts, white_noise", "severities": "3,5"}
    whole = text(reader, test=texts_), sound(listener, test=notes, **options)
    monkeypatch.setattr(of_text, "_BATCH", 4)
    monkeypatch.setattr(of_sound, "_VALUES", 3 * notes.x.shape[1])
    parts = text(reader, test=texts_), sound(listener, test=notes, **options)
    for a, b in zip(whole, parts, strict=True):
        assert a.value == b.value < 1 and kept(a) == kept(b)
    # Another seed is another slip in the same words, another noise under the same clips.
    other = text(reader, test=texts_, seed=1), sound(listener, test=notes, seed=1, **options)
    assert all(kept(a) != kept(b) for a, b in zip(whole, other, strict=True))


def test_answers_that_fail_count_as_wrong() -> None:
    samples = readings()

    def touchy(x: NumpyArray) -> NumpyArray:
        out = (x[:, 0] > 5).astype(float)
        return np.asarray(np.where(np.isnan(x).any(axis=1), np.nan, out))

    target = deciding(touchy, samples, missing=True)
    m = table(target, test=samples, corruptions="missing_random", severities="3", columns=False)
    gaps = 1 - (1 - 0.1) ** 4
    assert m.figure("damaged_accuracy").value == pytest.approx(1 - gaps, abs=0.12)
    assert "no-answer" in codes(m) and m.scope["lost"] == "as NaN"

    def raising(x: NumpyArray) -> NumpyArray:
        if (np.asarray(x) == 999).any():
            raise ValueError("out of range")
        return first(x)

    m = table(deciding(raising, samples), test=samples, corruptions="sentinel", severities="5", columns=False)
    assert "no-answer" in codes(m) and m.figure("damaged_accuracy").value < 0.9


def test_a_model_that_fails_on_undamaged_rows_is_an_error() -> None:
    samples = readings()

    def broken(x: NumpyArray) -> NumpyArray:
        raise ValueError("no")

    with pytest.raises(TargetError, match="raised ValueError"):
        table(deciding(broken, samples), test=samples)


def test_patience_gives_up_on_a_model_that_answers_nothing() -> None:
    asked = []

    def never(x: NumpyArray, rows: NumpyArray) -> NumpyArray:
        asked.append(len(x))
        raise TargetError("no")

    scores, refused = _sweep.patient(never, np.zeros((5000, 1)), np.arange(5000))
    assert refused == 5000 and not scores.any() and len(asked) < 200

    def some(x: NumpyArray, rows: NumpyArray) -> NumpyArray:
        if (rows % 50 == 7).any():
            raise TargetError("no")
        return np.ones(len(x))

    scores, refused = _sweep.patient(some, np.zeros((500, 1)), np.arange(500))
    assert refused == 10 and np.flatnonzero(scores == 0).tolist() == list(range(7, 500, 50))


# ---- regressors and generators


def test_a_regressor_is_held_against_the_median() -> None:
    samples = readings()
    values = Samples(samples.x, 3 * samples.x[:, 0], columns=samples.columns)
    target = Target.from_callable(lambda x: 3 * x[:, 0], name="m", task="regressor", samples=values, output="values")
    m = table(target, test=values)
    assert m.figure("clean_score").value == 1.0 and m.figure("clean_error").value == 0.0
    assert 0.3 < m.value < 0.95 and m.figure("damaged_error").value > 0


def test_a_generator_is_held_against_references_or_itself() -> None:
    x = np.array([f"number {k} of many things" for k in range(30)], dtype=object)

    class Echo:
        def generate(self, batch: NumpyArray) -> list[str]:
            return list(batch)

    target = Target.from_object(Echo(), name="echo", task="generator", modality="text", samples=Samples(x))
    own = text(target, test=Samples(x), severities="1,5")
    told = text(target, test=Samples(x, x.copy()), severities="1,5")
    assert own.value == told.value < 1.0 and "own-reference" in codes(own) and "own-reference" not in codes(told)
    words = text(target, test=Samples(x, x.copy()), severities="1,5", score="words")
    assert words.value < told.value and words.figure("clean_words").value == 1.0
    other = text(target, test=Samples(x, x[::-1].copy()), severities="1,5", score="words")
    assert other.figure("clean_words").value < 1.0
    with pytest.raises(ProbeError, match="no score"):
        text(target, test=Samples(x), score="bleu")


# ---- bad input: tables


@pytest.mark.parametrize("columns", [1, 2])
def test_a_table_of_one_column_or_of_constants(columns: int) -> None:
    samples = readings(columns=columns)
    m = table(deciding(first, samples), test=samples)
    assert "not-applicable" in codes(m) and 0 < m.value < 1
    flat = Samples(np.ones((40, 3)), np.arange(40) % 2, classes=CLASSES)
    m = table(deciding(lambda x: np.zeros(len(x), dtype=np.int64), flat), test=flat)
    assert status(m) is Status.INCONCLUSIVE


def test_a_column_that_is_missing_throughout_is_said() -> None:
    samples = readings()
    x = samples.x.copy()
    x[:, 2] = np.nan
    gaps = Samples(x, samples.y, columns=samples.columns, classes=CLASSES)
    m = table(deciding(first, gaps, missing=True), test=gaps)
    assert "c2" in next(c.message for c in m.caveats if c.code == "empty-columns")
    empty = Samples(np.full((30, 2), np.nan), np.arange(30) % 2, classes=CLASSES)
    m = table(deciding(lambda a: np.zeros(len(a), dtype=np.int64), empty, missing=True), test=empty)
    assert status(m) is Status.INCONCLUSIVE


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_rows_decide_nothing(n: int) -> None:
    samples = readings()
    m = table(deciding(first, samples), test=samples.take(np.arange(n)))
    assert status(m) is Status.INCONCLUSIVE


def test_other_data_are_refused() -> None:
    samples = readings()
    target = deciding(first, samples)
    with pytest.raises(ProbeError, match="labelled"):
        table(target, test=Samples(samples.x, columns=samples.columns))
    for probe in (text, sound):
        with pytest.raises(ProbeError, match="needs"):
            probe(target, test=samples)


# ---- bad input: texts


def letters(x: list[str]) -> tuple[Any, Samples]:
    samples = Samples(np.array(x, dtype=object), np.arange(len(x)) % 2, classes=CLASSES)
    said = {t: k % 2 for k, t in enumerate(x)}
    return deciding(lambda a: np.array([said.get(t, 0) for t in a]), samples), samples


def test_empty_texts_and_single_characters() -> None:
    target, samples = letters(["", " ", "?!", ""] * 10)
    m = text(target, test=samples)
    assert status(m) is Status.INCONCLUSIVE and "texts with words" in m.caveats[0].message
    target, samples = letters([chr(97 + k % 26) for k in range(26)])
    m = text(target, test=samples)
    assert m.n == 26 and kept(m)["doubling"] < 1 and "omission" not in kept(m)
    target, samples = letters([*(f"word {k}" for k in range(20)), ""])
    assert "1 of 21 texts" in next(c.message for c in text(target, test=samples).caveats if c.code == "empty-texts")


def test_characters_beyond_the_first_plane() -> None:
    target, samples = letters([f"𝔘𝔫𝔦 {k} \U0001f468\u200d\U0001f469 的 {chr(0x20000 + k)}" for k in range(24)])
    m = text(target, test=samples)
    excerpt = next(e for e in m.evidence if isinstance(e, Excerpt))
    assert m.n == 24 and "→" in excerpt.text and Measurement.model_validate_json(m.model_dump_json()) == m


# ---- bad input: sound


def clips(x: NumpyArray, f: Callable[[NumpyArray], NumpyArray] = zoo_sound.by_note) -> tuple[Any, Samples]:
    samples = Samples(x.astype(np.float32), np.arange(len(x)) % 2, classes=CLASSES, rate=8000)
    return deciding(f, samples, modality="audio"), samples


def test_silence_says_nothing() -> None:
    target, samples = clips(np.zeros((20, 800)))
    assert status(sound(target, test=samples)) is Status.INCONCLUSIVE
    x = zoo_sound.notes(0, seconds=0.2, n=24).x
    x[:12] = 0
    target, samples = clips(x)
    m = sound(target, test=samples)
    assert "12 of 24 clips are silent" in next(c.message for c in m.caveats if c.code == "silent-clips")


def test_clips_of_ten_samples() -> None:
    x = np.where(np.arange(40)[:, None] % 2, 0.5, -0.5) * np.ones(10)
    target, samples = clips(x, lambda a: np.asarray(np.asarray(a).mean(axis=1) > 0).astype(np.int64))
    m = sound(target, test=samples)
    assert m.n == 40 and np.isfinite(m.value) and m.figure("clean_accuracy").value == 1.0


def test_the_worst_clip_can_be_heard() -> None:
    samples = zoo_sound.notes(1, seconds=0.5, n=60, faint=0.003, told=False)
    target = Target.from_callable(
        zoo_sound.by_whistle, name="w", classes=samples.classes, samples=samples, output="labels", modality="audio"
    )
    m = sound(target, test=samples, corruptions="telephone", severities="5")
    before, after = (e for e in m.evidence if isinstance(e, Attachment))
    assert before.data[:4] == after.data[:4] == b"RIFF" and before.data != after.data
    assert before.media == "audio/wav" and "telephone" in after.name
    costs = next(e for e in m.evidence if isinstance(e, Table) and "costs" in e.title)
    assert "1500 Hz" in str(costs.rows[0][-1])
    assert set(sounds.SETTINGS) == set(sounds.NAMES)
