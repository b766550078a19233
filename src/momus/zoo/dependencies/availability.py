"""Services that one input can keep busy, and bounded twins of them, for ``dependencies.availability``."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.capabilities import Serving, TargetInfo
from momus.methods.fuzz import seeds
from momus.zoo import Case

_SENTENCE = re.compile(r"(\w+\s?)+\.")
_BOUNDED = re.compile(r"\w+(?:\s\w+)*\s?\.")
_SHAPE = re.compile(rb"'shape': \((\d{1,12}),")
_SIDE = 256


class Service:
    """A target that serves: bytes in, answer out."""

    def __init__(self, name: str, serving: Serving) -> None:
        self._serving = serving
        examples = [digest.of_bytes(data) for _, data in serving.examples]
        self._info = TargetInfo(name, "artifact", "served", digest.of_value([name, examples]), modality="file",
                                output="none")  # fmt: skip

    @property
    def info(self) -> TargetInfo:
        return self._info

    def serving(self) -> Serving:
        return self._serving


def _sentence(pattern: re.Pattern[str]) -> Callable[[bytes], str]:
    """Is the text a sentence? By a pattern that tries every way to cut a word, or by one that knows where words end."""

    def answer(data: bytes) -> str:
        return "sentence" if pattern.fullmatch(data.decode("utf-8", "replace")) else "other"

    return answer


def _picture(bounded: bool) -> Callable[[bytes], float]:
    """Contrast and brightness of a grey PNG without filters, by its own decoder, with or without a limit of pixels."""

    def answer(data: bytes) -> float:
        width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
        if bounded and (width > _SIDE or height > _SIDE or colour != 0):
            raise ValueError("too large")
        stream, at = b"", 8
        while at + 8 <= len(data):
            size, kind = struct.unpack_from(">I4s", data, at)
            stream += data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
            at += size + 12
        most = (width * depth // 8 + 1) * height if bounded else 0
        raw = zlib.decompressobj().decompress(stream, most)
        values = np.frombuffer(raw, np.uint8).astype(np.float32)
        return float(np.sqrt(np.square(values - values.mean()).mean()) + np.median(values))

    return answer


def _array(bounded: bool) -> Callable[[bytes], float]:
    """Mean of a flat .npy file, in memory taken by the length that its header claims, or that it has."""

    def answer(data: bytes) -> float:
        told = _SHAPE.search(data[:300])
        count = int(told[1]) if told else 0
        if bounded and count > len(data):
            raise ValueError("shorter than it says")
        values = np.full(max(count, 1), 0.0, np.float32)
        body = np.frombuffer(data[128:], np.uint8)[:count]
        values[: len(body)] = body
        return float(values.mean())

    return answer


def _numbers(hashed: bool) -> Callable[[bytes], int]:
    """How many different values a JSON list has: by looking through a list of those seen, or through a set of texts."""

    def answer(data: bytes) -> int:
        values = json.loads(data)
        if not isinstance(values, list) or len(values) > 100_000:
            raise ValueError("not a list")
        if hashed:
            return len({str(v) for v in values if not isinstance(v, list | dict)})
        seen: list[Any] = []
        for value in values:
            if value not in seen:
                seen.append(value)
        return len(seen)

    return answer


def _rows(data: bytes) -> int:
    """Rows of a CSV by the standard library, which refuses fields of more than 128 KiB."""
    return sum(1 for _ in csv.reader(io.StringIO(data.decode("utf-8", "replace"))))


def _folded(bounded: bool) -> Callable[[bytes], int]:
    """Length of a text in normal form; the careless one brings all of it into that form again for each letter."""

    def answer(data: bytes) -> int:
        text = data.decode("utf-8", "replace")
        if bounded:
            return len(set(unicodedata.normalize("NFKC", text[:2000]).casefold()))
        folded = ""
        for letter in unicodedata.normalize("NFKD", text):
            folded = unicodedata.normalize("NFKC", folded + letter)
        return len(folded)

    return answer


def _serving(answer: Callable[[bytes], Any], kind: str, examples: Mapping[str, bytes]) -> Serving:
    return Serving(
        answer, formats=(kind,), examples=tuple(examples.items()), seconds=0.25, memory_mb=48,
        refuses=("ValueError", "error", "Error", "RecursionError"), address="serve.py:answer",
    )  # fmt: skip


def cases(seed: int = 0) -> tuple[Case, ...]:
    rng = np.random.default_rng([seed, 12])
    words = [
        " ".join("".join(rng.choice(list("abcdefghij"), 5)) for _ in range(int(rng.integers(4, 12)))) for _ in "123"
    ]
    texts = {f"{i}.txt": f"{w}.".encode() for i, w in enumerate(words)}
    noise = rng.integers(0, 256, (3, 112, 112), dtype=np.uint8)
    pictures = {f"{i}.png": _grey(n) for i, n in enumerate(noise)}
    lists = {f"{i}.json": json.dumps([int(v) for v in rng.integers(0, 60, 7000)]).encode() for i in range(3)}
    rows = {
        f"{i}.csv": b"a,b\n" + b"".join(b"%d,%d\n" % tuple(r) for r in rng.integers(0, 999, (900, 2))) for i in (1, 2)
    }

    def made(name: str, faulty: bool, answer: Callable[[bytes], Any], kind: str, examples: Mapping[str, bytes],
             held_out: bool = False) -> Case:  # fmt: skip
        target = Service(name.replace(" ", "-"), _serving(answer, kind, examples))
        return Case(name, faulty, target, options={"tries": 100}, held_out=held_out)

    arrays = {f"{i}.npy": seeds.npy(row) for i, row in enumerate(rng.integers(0, 256, (3, 4000), dtype=np.uint8))}
    return (
        made("an array as long as it says", True, _array(False), "npy", arrays),
        made("an array as long as it is", False, _array(True), "npy", arrays),
        made("a picture without a limit", True, _picture(False), "png", pictures),
        made("a pattern that goes back and forth", True, _sentence(_SENTENCE), "text", texts),
        made("a picture with a limit", False, _picture(True), "png", pictures),
        made("a pattern that does not", False, _sentence(_BOUNDED), "text", texts),
        made("looking through a list", True, _numbers(False), "json", lists, held_out=True),
        made("normal form again for each letter", True, _folded(False), "text", {
            "long.txt": (b" ".join(w.encode() for w in words) * 99)[:2600]}, held_out=True),
        made("looking through a set", False, _numbers(True), "json", lists, held_out=True),
        made("rows by the standard library", False, _rows, "csv", rows, held_out=True),
    )  # fmt: skip


def _grey(pixels: np.ndarray[Any, Any]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue() if len(out.getvalue()) > 64 else seeds.examples("png")[0]
