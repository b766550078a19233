"""WAV files: every sample format, channels, rates, three ways to label them, and files that are broken."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.schema import DataCard
from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.data import describe, read_data

RATE = 8000


def tone(seconds: float = 0.1, loud: float = 0.5, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    """A sine that ends on a sample other than zero."""
    return loud * np.sin(2 * np.pi * hertz * np.arange(1, int(seconds * rate) + 1) / rate + 0.3)


def save(path: Path, a: np.ndarray, *, bits: int = 16, rate: int = RATE, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.rint(np.clip(a, -1, 1 - 2.0 ** (1 - bits)) * 2.0 ** (bits - 1)).astype(np.int64)
    whole = whole.repeat(channels)
    if bits == 8:
        raw = (whole + 128).astype(np.uint8).tobytes()
    else:
        raw = b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in whole)
    with wave.open(str(path), "wb") as f:
        f.setnchannels(channels)
        f.setsampwidth(bits // 8)
        f.setframerate(rate)
        f.writeframes(raw)


def save_float(path: Path, a: np.ndarray, rate: int = RATE, dtype: str = "<f4") -> None:
    body, width = a.astype(dtype).tobytes(), np.dtype(dtype).itemsize
    form = struct.pack("<HHIIHH", 3, 1, rate, rate * width, width, 8 * width)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


def read(base: Path, *, task: Any = None, rate: int | None = None, classes: tuple[str, ...] = (), **entries: Any):
    return read_data(DataCard.model_validate({"path": "p", **entries}), base, task=task, rate=rate, classes=classes)


@pytest.mark.parametrize(("bits", "off"), [(8, 2**-7), (16, 2**-15), (24, 2**-23), (32, 2**-24)])
def test_every_width_gives_the_samples_back(tmp_path: Path, bits: int, off: float) -> None:
    a = tone()
    save(tmp_path / "a.wav", a, bits=bits)
    s = read(tmp_path, path="a.wav")
    assert s.is_sound
    assert (s.rate, s.x.shape, s.x.dtype) == (RATE, (1, len(a)), np.float32)
    np.testing.assert_allclose(s.x[0], a, atol=off)


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floating_point_files(tmp_path: Path, dtype: str) -> None:
    save_float(tmp_path / "a.wav", tone(), dtype=dtype)
    np.testing.assert_allclose(read(tmp_path, path="a.wav").x[0], tone(), atol=1e-6)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(), tone(hertz=100)
    save(tmp_path / "a.wav", np.stack([left, right], axis=1).reshape(-1))
    with wave.open(str(tmp_path / "a.wav"), "rb") as f:
        frames = f.readframes(f.getnframes())
    with wave.open(str(tmp_path / "a.wav"), "wb") as f:
        f.setnchannels(2)
        f.setsampwidth(2)
        f.setframerate(RATE)
        f.writeframes(frames)
    np.testing.assert_allclose(read(tmp_path, path="a.wav").x[0], (left + right) / 2, atol=1e-4)


@pytest.mark.parametrize(("was", "want"), [(8000, 16000), (16000, 8000), (11025, 8000), (44100, 16000)])
def test_resampling_keeps_pitch_loudness_and_length(tmp_path: Path, was: int, want: int) -> None:
    save(tmp_path / "a.wav", tone(0.5, rate=was), rate=was)
    s = read(tmp_path, path="a.wav", rate=want)
    assert s.rate == want
    assert abs(s.x.shape[1] - want // 2) <= 2
    spectrum = np.abs(np.fft.rfft(s.x[0]))
    assert np.argmax(spectrum) * want / s.x.shape[1] == pytest.approx(440, abs=2)
    middle = s.x[0, want // 10 : -want // 10]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)


def test_classes_are_folders_and_shorter_clips_end_in_zeros(tmp_path: Path) -> None:
    save(tmp_path / "p/yes/b.wav", tone(0.05))
    save(tmp_path / "p/no/a.wav", tone(0.1))
    s = read(tmp_path, task="classifier")
    assert s.classes == ("no", "yes")
    np.testing.assert_array_equal(s.y, [0, 1])
    assert s.x.shape == (2, 800)
    assert np.any(s.x[1, 399]) and not s.x[1, 400:].any()
    assert "8000 Hz" in str(describe(s).rows)


def test_transcripts_are_texts_for_a_generator(tmp_path: Path) -> None:
    save(tmp_path / "p/one.wav", tone())
    save(tmp_path / "p/two.wav", tone())
    (tmp_path / "p/transcripts.csv").write_text("file,text,who\ntwo,turn it on,ann\none.wav,10,bob\n")
    s = read(tmp_path, task="generator", groups=["who"])
    assert s.y is not None
    assert s.y.tolist() == ["turn it on", "10"]
    assert s.classes == ()
    assert s.groups["who"].tolist() == ["ann", "bob"]
    (tmp_path / "p/transcripts.csv").write_text("file,text\nthree,x\n")
    with pytest.raises(DataError, match="no clip 'three'"):
        read(tmp_path, task="generator")


def test_texts_beside_the_clips(tmp_path: Path) -> None:
    save(tmp_path / "p/one.wav", tone())
    save(tmp_path / "p/two.wav", tone())
    (tmp_path / "p/one.txt").write_text("hello\nthere\n")
    with pytest.raises(DataError, match="no text beside it"):
        read(tmp_path, task="generator")
    (tmp_path / "p/two.txt").write_text("bye")
    s = read(tmp_path, task="generator")
    assert s.y is not None
    assert s.y.tolist() == ["hello there", "bye"]


def test_label_files_and_patterns(tmp_path: Path) -> None:
    save(tmp_path / "p/a_no.wav", tone())
    save(tmp_path / "p/b_yes.wav", tone())
    assert read(tmp_path, label=r"_(\w+)\.").classes == ("no", "yes")
    (tmp_path / "p/l.tsv").write_text("file\tlabel\nb_yes.wav\t3\na_no.wav\t1\n")
    np.testing.assert_array_equal(read(tmp_path, label="l.tsv", task="regressor").y, [3.0, 1.0])
    for label, words in [("(", "no regular expression"), ("x", "nor a pattern"), ("q(.)", "does not match")]:
        with pytest.raises(DataError, match=words):
            read(tmp_path, label=label)
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path, label="other.csv")


def test_without_labels_there_are_none(tmp_path: Path) -> None:
    save(tmp_path / "p/a.wav", tone())
    assert read(tmp_path, task="generator").y is None
    save(tmp_path / "p/deep/b.wav", tone())
    with pytest.raises(DataError, match="no class folder"):
        read(tmp_path, task="classifier")


def test_a_limit_keeps_the_first(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"p/{name}.wav", tone(loud=0.1 * (ord(name) - 96)))
    s = read(tmp_path, limit=2)
    assert np.abs(s.x).max(axis=1) == pytest.approx([0.1, 0.2], abs=0.001)


def test_rates_that_differ_need_one_to_go_to(tmp_path: Path) -> None:
    save(tmp_path / "p/a.wav", tone())
    save(tmp_path / "p/b.wav", tone(), rate=16000)
    with pytest.raises(DataError, match="several sampling rates") as caught:
        read(tmp_path)
    assert "input.rate" in caught.value.hint
    assert read(tmp_path, rate=8000).rate == 8000


def broken_files(folder: Path) -> dict[str, bytes]:
    save(folder / "good.wav", tone())
    good = (folder / "good.wav").read_bytes()
    (folder / "good.wav").unlink()
    return {
        "empty": b"",
        "text": b"this is no sound at all, but a text of some length",
        "cut": good[: len(good) // 2],
        "header-only": good[:36],
        "no-samples": good[:40] + struct.pack("<I", 0),
        "mp3": b"ID3\x04" + bytes(200),
        "adpcm": good[:20] + struct.pack("<H", 2) + good[22:],
        "no-rate": good[:24] + bytes(8) + good[32:],
    }


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "header-only", "no-samples", "mp3", "adpcm", "no-rate"])
def test_a_broken_file_is_named_with_a_remedy(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.wav").write_bytes(broken_files(tmp_path)[kind])
    with pytest.raises(DataError) as caught:
        read(tmp_path, path="a.wav")
    assert "a.wav" in caught.value.place
    assert "WAV" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (np.inf, "infinity"), (1.5, "full scale is 1")])
def test_floats_out_of_range_are_refused(tmp_path: Path, value: float, words: str) -> None:
    a = tone()
    a[7] = value
    save_float(tmp_path / "a.wav", a)
    with pytest.raises(DataError, match=words):
        read(tmp_path, path="a.wav")


def test_a_folder_of_other_sounds_says_how_to_convert(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/song.flac").write_bytes(b"fLaC")
    with pytest.raises(DataError, match="no WAV files") as caught:
        read(tmp_path, format="sound")
    assert "song.flac" in caught.value.hint


def test_silence_is_told(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", np.zeros(100))
    rows = dict(describe(read(tmp_path, path="a.wav")).rows)
    assert rows["silent clips"] == "1"


def test_sound_without_clips_is_described() -> None:
    assert describe(Samples(x=np.zeros((0, 10), np.float32), rate=8000)).rows
