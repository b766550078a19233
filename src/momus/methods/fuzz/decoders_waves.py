"""Sound files that say the same in other ways, and one that says two things at once (RIFF WAVE)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.io import wavfile

from momus.core.samples import NumpyArray
from momus.methods.fuzz.decoders import Trick

# What a damaged example makes scipy raise, a name without a value among it: the example is then passed over.
_DAMAGED = (ValueError, OSError, struct.error, LookupError, TypeError, ArithmeticError, NameError, EOFError,
            MemoryError)  # fmt: skip
_LARGEST = 16 << 20  # bytes of an example that is looked at
_LONGEST = 48_000  # samples
_PCM, _FLOAT, _MULAW, _EXTENSIBLE = 1, 3, 7, 0xFFFE


def wave(
    samples: NumpyArray, rate: int, *, kind: int = _PCM, bits: int = 16, junk: bytes = b"", open_: bool = False
) -> bytes:
    """A WAV file of (n,) or (n, channels) in [-1, 1]; ``junk`` is a chunk before the data; ``open_``: no length."""
    grid = samples if samples.ndim == 2 else samples[:, None]
    channels, body = grid.shape[1], _body(grid, kind, bits)
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    if kind == _EXTENSIBLE:
        guid = struct.pack("<H", _PCM) + bytes.fromhex("000000001000800000aa00389b71")
        fmt += struct.pack("<HHI", 22, bits, 0) + guid
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt
    if junk:
        chunks += b"LIST" + struct.pack("<I", len(junk)) + junk + b"\0" * (len(junk) % 2)
    size = 0xFFFFFFFF if open_ else len(body)
    chunks += b"data" + struct.pack("<I", size) + body
    whole = 0xFFFFFFFF if open_ else 4 + len(chunks)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks


def _body(grid: NumpyArray, kind: int, bits: int) -> bytes:
    if kind == _FLOAT:
        return bytes(grid.astype("<f4" if bits == 32 else "<f8").tobytes())
    if kind == _MULAW:
        loud = np.log1p(255 * np.abs(grid)) / np.log(256)
        code = np.where(grid < 0, 0x7F, 0xFF) - np.floor(loud * 127.999).astype(np.int64)
        return bytes(code.astype(np.uint8).tobytes())
    whole = np.round(np.clip(grid, -1, 1) * (2 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        return bytes((whole + 128).astype(np.uint8).tobytes())
    raw = whole.astype("<i8").tobytes()
    return bytes(np.frombuffer(raw, np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes())


def sounds(examples: Sequence[bytes], rng: np.random.Generator) -> tuple[NumpyArray, NumpyArray, int]:
    """Two sounds of equal length in [-1, 1] and their rate: of the examples, else two chirps."""
    found: list[NumpyArray] = []
    rate = 16_000
    for data in (e for e in examples if len(e) <= _LARGEST):
        try:
            told, samples = wavfile.read(io.BytesIO(data))
        except _DAMAGED:
            continue
        mono = (samples if samples.ndim == 1 else samples.mean(axis=1))[:_LONGEST].astype(np.float64)
        peak = np.abs(mono).max(initial=0.0)
        if len(mono) >= 256 and peak > 0 and (not found or told == rate):
            rate = int(told)
            found.append(0.8 * mono / peak)
    while len(found) < 2:
        count = len(found[0]) if found else rate
        t, low = np.arange(count) / rate, float(rng.uniform(200, 400))
        found.append(0.6 * np.sin(2 * np.pi * (low * t + (600 if found else 150) * t**2)))
    count = min(len(found[0]), len(found[1]))
    return found[0][:count], found[1][:count], rate


def nearly(data: bytes, rng: np.random.Generator) -> bytes:
    """A plain file of the sound with a hiss that nobody hears."""
    rate, samples = wavfile.read(io.BytesIO(data))
    return wave(samples / 32768 + rng.uniform(-0.002, 0.002, size=samples.shape), rate)


def _wav(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    a, b, rate = sounds(examples, rng)
    plain, other = wave(a, rate), wave(b, rate)
    said = b"INFOICMT" + struct.pack("<I", 12) + b"data\x04\0\0\0" + b"\x7f\x7f\x7f\x7f"
    ways: Mapping[str, tuple[bytes, str]] = {
        "8 bits": (wave(a, rate, bits=8), "bytes above zero are taken for bytes around it"),
        "24 bits": (wave(a, rate, bits=24), "three bytes a sample are taken for two or four"),
        "32 bits": (wave(a, rate, bits=32), "whole numbers are not brought to the same loudness"),
        "float": (wave(a, rate, kind=_FLOAT, bits=32), "numbers in [-1, 1] are taken for whole ones"),
        "double": (wave(a, rate, kind=_FLOAT, bits=64), "numbers in [-1, 1] are taken for whole ones"),
        "mu-law": (wave(a, rate, kind=_MULAW, bits=8), "companded bytes are taken for plain ones"),
        "extensible header": (wave(a, rate, kind=_EXTENSIBLE), "the longer header is taken for another coding"),
        "a chunk before the data": (wave(a, rate, junk=said), "the word data is looked for instead of the chunk"),
        "open length": (wave(a, rate, open_=True), "a stream whose length was never filled in"),
    }
    made = [Trick(f"wav: {name}", data, plain, other, hides) for name, (data, hides) in ways.items()]
    both = wave(np.stack([a + b / 8, -a + b / 8], axis=1) / 1.2, rate)
    hides = "both ears hear the first sound, and the mean of the channels is the second"
    return [*made, Trick("wav: opposite channels", both, wave(a, rate), wave(b / 9.6, rate), hides)]


MAKERS: Mapping[str, Callable[[Sequence[bytes], np.random.Generator], Sequence[Trick]]] = {"wav": _wav}
