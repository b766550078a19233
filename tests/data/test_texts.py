"""Texts as data: labels that are texts, and a WordNet database as a table of synonyms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from momus.card.schema import DataCard
from momus.core.errors import DataError
from momus.data import read_data
from momus.data.wordnet import synonyms

NOUNS = (
    "  1 This is a licence text with words.\n"
    "00000001 03 n 03 car 0 Auto 0 motor_car 0 001 @ 00000009 n 0000 | a vehicle\n"
    "00000002 03 n 02 car 1 gondola 0 000 | of an airship\n"
    "00000003 03 n 02 car 2 carriage 0 000 | of a train\n"
)
INDEX = (
    "  1 This is a licence text with words.\n"
    "auto n 1 1 @ 1 0 00000001\n"
    "car n 3 1 @ 3 1 00000001 00000003 00000002\n"
    "carriage n 1 0 1 0 00000003\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.noun").write_text(NOUNS)
    (tmp_path / "index.noun").write_text(INDEX)
    return tmp_path


def test_the_commonest_meanings_give_synonyms(folder: Path) -> None:
    found = [tuple(r) for r in synonyms(folder).x]
    assert found == [("auto", "car"), ("car", "auto"), ("car", "carriage"), ("carriage", "car")]
    assert ("car", "gondola") not in found
    assert ("car", "gondola") in [tuple(r) for r in synonyms(folder, senses=3).x]


def test_without_an_index_every_meaning_counts(folder: Path) -> None:
    (folder / "index.noun").unlink()
    assert ("car", "gondola") in [tuple(r) for r in synonyms(folder).x]


def test_a_card_names_the_folder(folder: Path) -> None:
    samples = read_data(DataCard(path="."), folder, name="synonyms")
    assert samples.x.shape == (4, 2)
    assert samples.y is None


@pytest.mark.parametrize("line", ["00000001 03 n\n", "00000001 03 n zz car 0\n", "00000001 03 n 05 car 0 | x\n"])
def test_a_broken_database_names_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "data.noun").write_text("  1 licence\n" + line)
    with pytest.raises(DataError) as caught:
        synonyms(tmp_path)
    assert caught.value.place.endswith("data.noun:2")


@pytest.mark.parametrize("name", ["test.jsonl", "test.csv"])
def test_labels_of_a_generator_are_texts(tmp_path: Path, name: str) -> None:
    rows = {
        "test.jsonl": '{"text": "eins", "is": "one"}\n{"text": "zwei", "is": "2"}\n',
        "test.csv": "text,is\neins,one\nzwei,2\n",
    }
    (tmp_path / name).write_text(rows[name])
    samples = read_data(DataCard(path=name, label="is"), tmp_path, task="generator")
    assert samples.is_text
    assert list(samples.x) == ["eins", "zwei"]
    assert list(samples.y) == ["one", "2"]
    assert samples.classes == ()


def test_arrays_of_texts_label_a_generator(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array(["eins", "zwei"]), y=np.array(["one", "two"]))
    samples = read_data(DataCard(path="a.npz"), tmp_path, task="generator")
    assert list(samples.y) == ["one", "two"]
