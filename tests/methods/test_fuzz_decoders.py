"""Files that can be read in two ways: what is made is what it says it is, and readings are told rightly."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.io import wavfile

from momus.methods.fuzz import decoders_scaling as scaling
from momus.methods.fuzz.decoders import Trick, distance, picture, reading, tricks
from momus.methods.fuzz.decoders_images import pictures, under_alpha
from momus.methods.fuzz.decoders_png import bmp, png
from momus.methods.fuzz.decoders_waves import wave
from momus.methods.fuzz.harness import Outcome

FORMATS = ("jpeg", "png", "gif", "webp", "bmp", "tiff", "wav", "csv", "json", "text", "npy")
EXAMPLES = {"csv": [b"a,b\n1,2\n3,4\n"], "json": [b'{"a": 1.5, "b": [1, "x\\"y"]}'], "text": ["na\u00efve\n".encode()]}


def made(format_: str, seed: int = 0) -> dict[str, Trick]:
    found = tricks(format_, EXAMPLES.get(format_, []), np.random.default_rng(seed))
    return {t.name.partition(": ")[2]: t for t in found}


def opened(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)


@pytest.mark.parametrize("format_", FORMATS)
def test_tricks_are_made_alike_from_one_seed_and_differ_from_what_they_show(format_: str) -> None:
    first, again, other = (made(format_, s) for s in (0, 0, 1))
    assert first == again
    assert len(first) >= 1
    if format_ in ("jpeg", "png", "wav"):
        assert first != other
    for trick in first.values():
        assert trick.data != trick.seen
        assert trick.seen != trick.other
        assert trick.hides


@pytest.mark.parametrize("format_", ["jpeg", "png", "gif", "webp", "bmp", "tiff"])
def test_every_picture_opens_and_plain_files_show_two_things(format_: str) -> None:
    for trick in made(format_).values():
        Image.open(io.BytesIO(trick.data)).load()
        assert np.abs(opened(trick.seen) - opened(trick.other)).mean() > 10


@pytest.mark.parametrize(
    ("format_", "name"), [(f, n) for f in ("jpeg", "png", "webp") for n in ("a quarter turn", "half a turn")]
)
def test_turned_pictures_show_the_plain_one_when_the_turn_is_applied(format_: str, name: str) -> None:
    trick = made(format_)[name]
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(trick.data)))
    assert np.abs(np.asarray(turned.convert("RGB"), np.float64) - opened(trick.seen)).mean() < 4


def test_what_lies_under_transparency_shows_on_white_and_nowhere_else() -> None:
    a, b = pictures([], np.random.default_rng(3))
    stored, shown, below = under_alpha(a, b)
    white = Image.alpha_composite(Image.new("RGBA", stored.size, "white"), stored).convert("RGB")
    assert np.abs(np.asarray(white, int) - np.asarray(shown, int)).max() <= 1
    assert np.array_equal(np.asarray(stored)[..., :3], np.asarray(below))
    # What shows still looks like the first picture: the same order of brightness.
    grey = np.asarray(a.convert("L"), float).ravel()
    assert np.corrcoef(grey, np.asarray(shown.convert("L"), float).ravel())[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["8", "16", "interlaced"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (9, 8), (17, 13)])
def test_our_png_files_read_as_what_was_written(kind: str, size: tuple[int, int]) -> None:
    a = np.random.default_rng(0).integers(0, 256, size=(*size, 3), dtype=np.uint8)
    data = png(a.astype(np.uint16) * 257 if kind == "16" else a, interlaced=kind == "interlaced")
    assert np.array_equal(opened(data), a)


@pytest.mark.parametrize(("bits", "near"), [(24, 0), (32, 0), (16, 8)])
@pytest.mark.parametrize("top_down", [False, True])
def test_our_bmp_files_read_as_what_was_written(bits: int, near: int, top_down: bool) -> None:
    a = np.random.default_rng(0).integers(0, 256, size=(5, 7, 3), dtype=np.uint8)
    assert np.abs(opened(bmp(a, bits=bits, top_down=top_down)) - a).max() <= near


@pytest.mark.parametrize(("kind", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (0xFFFE, 16)])
def test_our_sounds_read_as_what_was_written(kind: int, bits: int) -> None:
    a = np.sin(np.arange(400) / 9) * 0.7
    _rate, read = wavfile.read(io.BytesIO(wave(a, 8_000, kind=kind, bits=bits)))
    scale = 1.0 if kind == 3 else (127.0 if bits == 8 else float(np.iinfo(read.dtype).max))
    found = (read.astype(float) - (128 if bits == 8 else 0)) / scale
    assert np.abs(found - a).max() < 2.1 / 2 ** min(bits - 1, 15)


def test_opposite_channels_cancel_what_both_ears_hear() -> None:
    trick = made("wav")["opposite channels"]
    both = wavfile.read(io.BytesIO(trick.data))[1].astype(float)
    hidden, heard = (wavfile.read(io.BytesIO(d))[1].astype(float) for d in (trick.other, trick.seen))
    mean = both.mean(axis=1)
    assert np.corrcoef(mean, hidden)[0, 1] > 0.999
    assert abs(np.corrcoef(mean, heard)[0, 1]) < 0.2
    assert np.corrcoef(both[:, 0], heard)[0, 1] > 0.98


def test_a_table_and_its_other_ways_of_writing_hold_the_same() -> None:
    found = made("csv")
    plain = found["UTF-16"].seen
    assert found["UTF-16"].data.decode("utf-16") == plain.decode()
    assert found["byte-order mark"].data.decode("utf-8-sig") == plain.decode()
    assert [line.split(",")[::-1] for line in found["columns in another order"].data.decode().split()] == [
        line.split(",") for line in plain.decode().split()
    ]
    assert not found["a name twice"].truth


@pytest.mark.parametrize("name", ["escapes", "spaces", "another order", "exponents"])
def test_json_written_in_other_ways_is_equal(name: str) -> None:
    trick = made("json")[name]
    assert json.loads(trick.data) == json.loads(trick.seen) != json.loads(trick.other)


def test_npy_written_in_other_ways_is_equal() -> None:
    for trick in made("npy").values():
        assert np.array_equal(np.load(io.BytesIO(trick.data)), np.load(io.BytesIO(trick.seen)))


def said(kind: str, answer: Any = None) -> Outcome:
    return Outcome(kind, 0.0, 0.0, "", answer)  # type: ignore[arg-type]


A, B = np.zeros(4), np.full(4, 10.0)


@pytest.mark.parametrize(
    ("trick", "seen", "other", "expected"),
    [
        (said("answered", A), said("answered", A), said("answered", B), "as seen"),
        (said("answered", A + 1.9), said("answered", A), said("answered", B), "as seen"),
        (said("answered", A + 3), said("answered", A), said("answered", B), "cannot tell"),
        (said("answered", A + 4.1), said("answered", A), said("answered", B), "otherwise"),
        (said("answered", np.zeros(5)), said("answered", A), said("answered", B), "otherwise"),
        (said("answered", A), said("answered", A), said("answered", A), "cannot tell"),
        (said("answered", "cat"), said("answered", "dog"), said("answered", "dog"), "otherwise"),
        (said("answered", A), said("raised"), said("answered", B), "cannot tell"),
        (said("refused"), said("answered", A), said("answered", B), "refused"),
        (said("raised"), said("answered", A), said("answered", B), "refused"),
        (said("crashed"), said("answered", A), said("answered", B), "failed"),
        (said("answered", {"a": 1.0}), said("answered", {"a": 1.0}), said("answered", {"a": 3.0}), "as seen"),
        (said("answered", {"b": 1.0}), said("answered", {"a": 1.0}), said("answered", {"a": 3.0}), "otherwise"),
    ],
)
def test_readings(trick: Outcome, seen: Outcome, other: Outcome, expected: str) -> None:
    assert reading(trick, seen, other) == expected


def test_pictures_are_compared_whatever_the_order_of_their_axes() -> None:
    a = np.random.default_rng(0).random((8, 9, 3))
    assert picture(np.moveaxis(a, -1, 0)[None]).shape == (8, 9, 3)
    assert distance(a, np.concatenate([a, np.ones((8, 9, 1))], axis=-1)) == 0
    assert distance(a, a[::-1]) > 0
    assert distance(a, a.swapaxes(0, 1)) == float("inf")


# -- scaling -----------------------------------------------------------------------------------------------------------
def scaler(how: int, side: int = 24, crop: int = 0) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((side + 2 * crop,) * 2, how)
        return np.asarray(image.crop((crop, crop, crop + side, crop + side)), np.float32).transpose(2, 0, 1) / 128 - 1

    return read


@pytest.mark.parametrize("format_", scaling.LOSSLESS)
@pytest.mark.parametrize("crop", [0, 4])
def test_a_path_that_skips_pixels_is_shown_another_picture(format_: str, crop: int) -> None:
    read = scaler(Image.Resampling.NEAREST, crop=crop)
    rng = np.random.default_rng(1)
    found = scaling.measure(lambda files: [read(f) for f in files], format_, rng)
    assert isinstance(found, scaling.Scaling)
    assert found.error < 1e-3
    cover, hidden = pictures([], rng)
    made = scaling.craft(found, cover, hidden)
    assert made.works
    assert made.changed < 0.1
    given, seen, other = (read(scaling.written(a, format_)) for a in (made.image, made.cover, made.hidden))
    assert distance(given, other) < 0.1 * distance(seen, other)


@pytest.mark.parametrize("how", [Image.Resampling.BOX, Image.Resampling.LANCZOS])
def test_a_path_that_smooths_cannot_be_shown_another_picture(how: int) -> None:
    read = scaler(how)
    rng = np.random.default_rng(1)
    assert scaling.measure(lambda files: [read(f) for f in files], "png", rng) == ""


_RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _d: None,
        lambda _d: np.zeros((24, 24)),
        lambda d: np.full((9, 9), len(d)),
        lambda _d: _RANDOM.random((9, 9)),
    ],
)
def test_where_the_weights_cannot_be_measured_it_says_why(answer: Callable[[bytes], Any]) -> None:
    found = scaling.measure(lambda files: [answer(f) for f in files], "png", np.random.default_rng(0))
    assert isinstance(found, str)
    assert found


def test_a_header_says_how_large_a_bmp_is() -> None:
    data = bmp(np.zeros((3, 5, 3), np.uint8), top_down=True)
    assert struct.unpack("<ii", data[18:26]) == (5, -3)
