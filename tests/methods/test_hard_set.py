"""A hard set must come back through Momus's own readers exactly as it was."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from momus.card.schema import DataCard
from momus.core.samples import Column, ColumnKind, Samples
from momus.data.read import read_data
from momus.methods import hard_set
from momus.zoo.tables import people


def _back(packed: hard_set.Packed, folder: Path, **how) -> Samples:  # type: ignore[no-untyped-def]
    """Writes, unpacks, and reads with the card line that came along."""
    path = folder / packed.name
    path.write_bytes(packed.data)
    if packed.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    (section,) = yaml.safe_load(packed.card).values()
    columns = how.pop("columns", {})
    return read_data(DataCard.model_validate({**section, "columns": columns}), folder, **how)


def test_tables(tmp_path: Path) -> None:
    samples = people(50, np.random.default_rng(0), classes=3)
    samples = replace(samples, x=np.where(samples.x == samples.x[3, 1], np.pi * 1e-7, samples.x))
    packed = hard_set.pack(samples)
    assert packed.name == "hard_set.csv" and packed.rows == 50
    kinds = {c.name: {"kind": "categorical", "categories": list(c.categories)} for c in samples.columns if c.categories}
    again = _back(packed, tmp_path, classes=samples.classes, columns=kinds)
    np.testing.assert_array_equal(again.x, samples.x)
    np.testing.assert_array_equal(again.y, samples.y)
    assert again.classes == samples.classes
    assert again.groups["site"].tolist() == samples.groups["site"].tolist()


def test_tables_with_holes_awkward_names_and_groups_apart(tmp_path: Path) -> None:
    x = np.array([[1.5, np.nan], [2.0, 1e300], [-0.1, 3.0]])
    columns = (Column("label", ColumnKind.NUMERIC), Column('a "b", c', ColumnKind.NUMERIC))
    groups = {"ward": np.array(["A, north", "B", "B"], dtype=object)}
    samples = Samples(x, np.array([0, 1, 0]), columns=columns, classes=("no", "yes"), groups=groups)
    packed = hard_set.pack(samples, "worst")
    assert "label: label_" in packed.card
    again = _back(packed, tmp_path, classes=samples.classes, missing=True)
    np.testing.assert_array_equal(again.x, x)
    assert again.y.tolist() == [0, 1, 0] and again.groups["ward"].tolist() == ["A, north", "B", "B"]


def test_texts(tmp_path: Path) -> None:
    x = np.empty(4, dtype=object)
    x[:] = ['quotes " and, commas', "two\nlines\tand tabs", "żółw 漢字 \u2028 🙂", " blanks at both ends "]
    samples = Samples(x, np.array([1, 0, 1, 1]), classes=("blame", "praise"), groups={"site": np.array(list("aabb"))})
    packed = hard_set.pack(samples)
    assert packed.media == "application/jsonl"
    again = _back(packed, tmp_path, classes=samples.classes)
    assert again.x.tolist() == x.tolist() and again.y.tolist() == samples.y.tolist()
    assert again.groups["site"].tolist() == list("aabb")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [("0", "1", "2"), ("T-shirt", "ankle boot", "a, b")])
def test_pictures(tmp_path: Path, channels: int, classes) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    samples = Samples(
        rng.integers(0, 256, (7, 9, 12, channels)).astype(np.uint8),
        rng.integers(0, 3, 7),
        classes=classes,
        groups={"camera": np.array(list("xyzxyzx"))},
    )
    packed = hard_set.pack(samples)
    again = _back(packed, tmp_path, classes=classes)
    np.testing.assert_array_equal(again.x, samples.x)
    np.testing.assert_array_equal(again.y, samples.y)
    assert again.groups["camera"].tolist() == list("xyzxyzx")
    assert packed.data == hard_set.pack(samples).data  # equal sets are equal files
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        assert packed.card in archive.read("hard_set/README.txt").decode()


def test_sound(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = (np.rint(rng.uniform(-0.9, 0.9, (3, 400)) * 32768) / 32768).astype(np.float32)
    x[1, 250:] = 0  # a shorter clip
    y = np.empty(3, dtype=object)
    y[:] = ["ill disposed", "red, blue", 'it\'s "so"']
    packed = hard_set.pack(Samples(x, y, rate=8000))
    again = _back(packed, tmp_path, task="generator", rate=8000)
    np.testing.assert_array_equal(again.x, x)
    assert again.y.tolist() == y.tolist() and again.rate == 8000


def test_archives_end_where_a_report_would_burst(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = Samples(rng.integers(0, 256, (20, 30, 30, 3)).astype(np.uint8), np.arange(20) % 2, classes=("a", "b"))
    monkeypatch.setattr(hard_set, "MOST", 20_000)
    packed = hard_set.pack(samples)
    assert 1 <= packed.rows < 20
    np.testing.assert_array_equal(_back(packed, tmp_path, classes=("a", "b")).x, samples.x[: packed.rows])


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        hard_set.pack(Samples(np.zeros((2, 3, 5))))
