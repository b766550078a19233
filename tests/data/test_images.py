"""Image folders: three ways to label them, sizes, damage and bombs."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from momus.card.schema import DataCard
from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.data import read_data


def picture(path: Path, value: int, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, 0, 0)).save(path)


def read(folder: Path, size: tuple[int, int] | None = None, **entries: Any) -> Samples:
    return read_data(DataCard.model_validate({"path": "p", **entries}), folder, size=size)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, name in enumerate(["cat/a_0.png", "cat/b_0.png", "dog/c_1.png"]):
        picture(tmp_path / "p" / name, 10 * i)
    return tmp_path


def test_class_folders(folder: Path) -> None:
    s = read(folder)
    assert s.x.shape == (3, 4, 6, 3)
    assert s.x.dtype == np.uint8
    assert s.x[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert s.classes == ("cat", "dog")
    np.testing.assert_array_equal(s.y, [0, 0, 1])


def test_label_pattern(folder: Path) -> None:
    s = read(folder, label=r"_(\d+)\.")
    np.testing.assert_array_equal(s.y, [0, 0, 1])
    assert s.classes == ("0", "1")
    with pytest.raises(DataError, match="does not match"):
        read(folder, label=r"b_(\d+)\.")
    with pytest.raises(DataError, match="pattern with a group"):
        read(folder, label="labels")


def test_label_files(folder: Path) -> None:
    (folder / "p" / "l.csv").write_text("file,kind,label\ndog/c_1.png,big,x\ncat/a_0.png,small,y\n")
    s = read(folder, label="l.csv", groups=["kind"])
    assert s.x[:, 0, 0, 0].tolist() == [20, 0]
    assert s.groups["kind"].tolist() == ["big", "small"]
    (folder / "p" / "l.json").write_text(json.dumps({"cat/b_0.png": 1, "dog/c_1.png": 0}))
    np.testing.assert_array_equal(read(folder, label="l.json").y, [1, 0])
    (folder / "p" / "l.csv").write_text("file,label\ndog/c_2.png,x\n")
    with pytest.raises(DataError, match=r"l\.csv:2: column 'file' .*no picture 'dog/c_2.png'.*'dog/c_1.png'"):
        read(folder, label="l.csv")


def test_gray_stays_gray(tmp_path: Path) -> None:
    picture(tmp_path / "p" / "a" / "1.png", 7, mode="L")
    assert read(tmp_path).x.shape == (1, 4, 6, 1)
    picture(tmp_path / "p" / "a" / "2.png", 7)
    assert read(tmp_path).x.shape == (2, 4, 6, 3)


def test_differing_sizes_need_a_size(folder: Path) -> None:
    picture(folder / "p" / "dog" / "d_1.png", 200, (20, 20))
    with pytest.raises(DataError, match=r"d_1\.png data/image-size: pictures have 2 sizes"):
        read(folder)
    s = read(folder, (4, 6))
    assert s.x.shape == (4, 4, 6, 3)
    assert (s.x[3, ..., 0] == 200).all()


def test_faults_are_told(folder: Path) -> None:
    (folder / "p" / "cat" / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"x\.png data/image: not a readable picture"):
        read(folder)
    whole = (folder / "p" / "cat" / "a_0.png").read_bytes()
    (folder / "p" / "cat" / "x.png").write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"x\.png data/image: not a readable picture"):
        read(folder)
    (folder / "p" / "cat" / "x.png").unlink()
    picture(folder / "p" / "loose.png", 1)
    with pytest.raises(DataError, match="lies in no class folder"):
        read(folder)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures below"):
        read(folder, path="empty")


@pytest.mark.parametrize("side", [8_000, 60_000])
def test_a_bomb_is_refused_before_it_is_unpacked(folder: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    (folder / "p" / "cat" / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
    with pytest.raises(DataError, match=r"bomb\.png data/image-bomb"):
        read(folder)


def test_pictures_of_16_bits_keep_their_range(tmp_path: Path) -> None:
    steps = np.arange(24, dtype=np.uint16).reshape(4, 6) * 2827
    (tmp_path / "p" / "a").mkdir(parents=True)
    Image.fromarray(steps).save(tmp_path / "p" / "a" / "1.png")
    found = read(tmp_path).x
    assert found.shape == (1, 4, 6, 1)
    assert found[0, ..., 0].tolist() == (steps // 257).tolist()
    Image.fromarray(steps.astype(np.float32)).save(tmp_path / "p" / "a" / "2.tiff")
    with pytest.raises(DataError, match="32 bits"):
        read(tmp_path)
