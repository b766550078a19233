"""Paths that a mutated file crashes, hangs, exhausts or leads to a broken number, and careful ones."""

from __future__ import annotations

import csv
import ctypes
import io
import json
import math
import re
import struct
import sys
import wave
from collections.abc import Callable
from tokenize import TokenError
from typing import Any

import numpy as np
from PIL import Image

from momus.core import digest
from momus.core.capabilities import Serving, TargetInfo
from momus.methods.fuzz.mutate_png import chunks
from momus.zoo import Case

Answer = Callable[[bytes], Any]
_FEW, _MANY = {"inputs": 400, "coverage": "off"}, {"inputs": 1100, "coverage": "off"}


class Path:
    """A target that serves one function."""

    def __init__(self, name: str, answer: Answer, formats: tuple[str, ...], **settings: Any) -> None:
        given = {"seconds": 0.5, "memory_mb": 128, **settings}
        self._serving = Serving(answer=answer, formats=formats, address=f"serve.py:{answer.__name__}", **given)
        self._info = TargetInfo(name, "artifact", "served", digest.of_value(name), modality="file", output="none")

    @property
    def info(self) -> TargetInfo:
        return self._info

    def serving(self) -> Serving:
        return self._serving


# ---- faulty


def record(data: bytes) -> float:
    """A reader of records that follows a pointer of the file: native code that trusts a length."""
    if data[:4] != b"REC1" or len(data) < 12:
        raise ValueError("no record")
    size, offset = struct.unpack_from("<II", data, 4)
    if offset > 1 << 20:
        ctypes.string_at(offset, 1)  # reads memory that is not its own
    return float(size)


RECORD = b"REC1" + struct.pack("<II", 16, 12) + b"measured values!"


def seconds_of_sound(data: bytes) -> int:
    """Counts whole seconds of a WAV by adding its rate: without a rate it never ends."""
    if data[:4] != b"RIFF" or len(data) < 44:
        raise ValueError("no sound")
    rate, at, seconds = struct.unpack_from("<I", data, 24)[0], 0, 0
    while at < min(len(data), 44_100):
        at += min(rate, 8_000)
        seconds += 1
    return seconds


def canvas(data: bytes) -> int:
    """Makes room for as many pixels as a BMP declares."""
    if data[:2] != b"BM" or len(data) < 30:
        raise ValueError("no picture")
    width, height = struct.unpack_from("<ii", data, 18)
    room = bytearray(min(abs(width * height), 1 << 40) * 3)
    room[: len(data) - 54] = data[54:]
    return len(room)


def contrast(data: bytes) -> float:
    """Divides by the spread of the pixels, which a picture of one colour has none of."""
    pixels = _picture(data)
    with np.errstate(all="ignore"):
        return float(((pixels - pixels.mean()) / pixels.std()).max())


def by_key(data: bytes) -> float:
    """Takes what it hopes for out of a JSON body; the service turns only ValueError into a refusal."""
    body = json.loads(data)
    return float(len(body["inputs"][0]))


def archive(data: bytes) -> int:
    """Unpacks every array of an archive, however large."""
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        return sum(held[name].size for name in held.files)


def words(data: bytes) -> int:
    """A pattern that goes back and forth over words that do not end as it likes."""
    return len(re.findall(r"^(\w+\s?)+$", data.decode("utf-8", "replace")[:400]))


def scores(data: bytes) -> list[float]:
    """Reads any number that Python takes for one."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"))))
    return [float(cell) for row in rows[1:] for cell in row if cell]


def gives_up(data: bytes) -> int:
    """Ends the process at a file that it does not like, as a command line tool would."""
    try:
        return len(json.loads(data))
    except (ValueError, TypeError):
        sys.exit(2)


# ---- careful


def _picture(data: bytes) -> Any:
    """Grey pixels of a small PNG; anything else is a ValueError before it costs memory."""
    parts = chunks(data[:100])
    if not parts or parts[0][0] != b"IHDR" or len(parts[0][1]) != 13:
        raise ValueError("no PNG")
    width, height = struct.unpack_from(">II", parts[0][1])
    if not (0 < width <= 1024 and 0 < height <= 1024):
        raise ValueError("too large")
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float64) / 255
    except (OSError, SyntaxError, ValueError, struct.error, IndexError, EOFError, TypeError, KeyError) as error:
        raise ValueError(f"no picture: {error}") from error


def brightness(data: bytes) -> float:
    return float(_picture(data).mean())


def careful_scores(data: bytes) -> dict[str, float]:
    """Numbers of a small table, each finite and in its range."""
    if len(data) > 100_000:
        raise ValueError("too large")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8")), strict=True))
    except csv.Error as error:
        raise ValueError(f"no table: {error}") from error
    values = [float(cell) for row in rows for cell in row if re.fullmatch(r"-?\d{1,6}(\.\d{1,6})?", cell, re.ASCII)]
    return {"rows": float(len(rows)), "total": sum(values)}


def careful_json(data: bytes) -> float:
    """A list of finite numbers under one key, or a ValueError."""
    if len(data) > 20_000 or max(data.count(b"["), data.count(b"{")) > 100:
        raise ValueError("too large")
    body = json.loads(data)
    given = body.get("inputs", [0.0]) if isinstance(body, dict) else [0.0]
    given = given if isinstance(given, list) else [given]
    numbers = [float(v) for v in given if type(v) in (int, float) and abs(v) < 1e6]
    return math.fsum(numbers)


def careful_array(data: bytes) -> float:
    """An array of numbers whose header is read first."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError("unknown version")
        shape, _, kind = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
        if kind.kind not in "fiu" or math.prod(shape) > 100_000 or kind.itemsize * math.prod(shape) > len(data):
            raise ValueError("no array of numbers")
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, EOFError, TypeError, OverflowError, SyntaxError, RecursionError, TokenError) as error:
        raise ValueError(f"no array: {error}") from error
    clean = array[np.isfinite(array)].astype(np.float64)
    return float(np.clip(clean, -1e6, 1e6).sum())


def careful_sound(data: bytes) -> float:
    """How loud the first second is."""
    try:
        with wave.open(io.BytesIO(data)) as held:
            if held.getsampwidth() != 2 or held.getnchannels() > 8:
                raise ValueError("16 bits only")
            raw = held.readframes(min(held.getframerate(), 48_000))
    except (wave.Error, EOFError, struct.error, RuntimeError, OverflowError) as error:
        raise ValueError(f"no sound: {error}") from error
    samples = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(float)
    return float(np.sqrt((samples**2).mean())) if len(samples) else 0.0


def careful_text(data: bytes) -> int:
    return len(data[:100_000].decode("utf-8", "replace").split())


def cases(seed: int = 0) -> tuple[Case, ...]:
    """One way to fail each, in different formats, and paths that refuse what they cannot take."""
    rng = np.random.default_rng(seed)
    pad = bytes(rng.integers(0, 256, 8, dtype=np.uint8))
    refuses: dict[str, Any] = {"refuses": ("ValueError",)}
    held = (("record.bin", RECORD + pad),)
    faulty = (
        Path("a length that native code trusts", record, ("other",), examples=held, **refuses),
        Path("no rate, no end", seconds_of_sound, ("wav",), seconds=0.3, **refuses),
        Path("room for what is declared", canvas, ("bmp",), **refuses),
        Path("spread of one colour", contrast, ("png",), **refuses),
        Path("a body without its key", by_key, ("json",), examples=(("a.json", b'{"inputs": [[1, 2]]}'),), **refuses),
    )
    late = (
        Path("archive of zeros", archive, ("npz",)),
        Path("pattern that goes back", words, ("text",), seconds=0.3),
        Path("any number", scores, ("csv",)),
        Path("ends at bad input", gives_up, ("json",)),
    )
    careful = (
        Path("careful pictures", brightness, ("png",), **refuses),
        Path("careful tables", careful_scores, ("csv",), **refuses),
        Path("careful JSON", careful_json, ("json",), **refuses),
        Path("careful arrays", careful_array, ("npy",), **refuses),
    )
    late_careful = (
        Path("careful sound", careful_sound, ("wav",), **refuses),
        Path("careful text", careful_text, ("text",), **refuses),
    )
    return (
        *(Case(t.info.name, True, t, options=_FEW) for t in faulty),
        *(Case(t.info.name, True, t, options=_FEW, held_out=True) for t in late),
        *(Case(t.info.name, False, t, options=_MANY) for t in careful),
        *(Case(t.info.name, False, t, options=_MANY, held_out=True) for t in late_careful),
    )
