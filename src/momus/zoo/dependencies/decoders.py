"""Paths from bytes to an answer that overlook what a file says, and careful ones, for ``dependencies.decoders``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps
from scipy.io import wavfile

from momus.core import digest
from momus.core.capabilities import Serving, TargetInfo
from momus.core.samples import NumpyArray
from momus.zoo import Case


class Path:
    """A target that serves: a function from bytes to an answer, and what it decodes first."""

    def __init__(self, name: str, serving: Serving) -> None:
        self._serving = serving
        shown = digest.of_value([name, [(n, digest.of_bytes(data)) for n, data in serving.examples], serving.formats])
        self._info = TargetInfo(name, "artifact", "served", shown, modality="file", output="none")

    @property
    def info(self) -> TargetInfo:
        return self._info

    def serving(self) -> Serving:
        return self._serving


class Pictures:
    """Reads pictures: with every statement of the file obeyed, or without those named in ``overlooks``."""

    def __init__(self, overlooks: Sequence[str] = (), side: int = 32, scaled: int = Image.Resampling.LANCZOS) -> None:
        self.overlooks, self.side, self.scaled = frozenset(overlooks), side, scaled

    def __call__(self, data: bytes) -> NumpyArray:
        with Image.open(io.BytesIO(data)) as opened:
            if getattr(opened, "n_frames", 1) > 1 and "frames" not in self.overlooks:
                raise ValueError("one picture only")
            image = self._seen(opened)
        small = image.resize((self.side, self.side), self.scaled)
        return np.asarray(small, np.float32).transpose(2, 0, 1) / 255 - 0.5

    def _seen(self, opened: Image.Image) -> Image.Image:
        profile, gamma = opened.info.get("icc_profile"), opened.info.get("gamma")
        image = opened.copy()
        if opened.format != "TIFF" and "turn" not in self.overlooks:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I") and "depth" not in self.overlooks:
            image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
        if ("A" in image.mode or "transparency" in image.info) and "alpha" not in self.overlooks:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("RGB")
        if profile and "profile" not in self.overlooks:
            shown = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB)
            image = image if shown is None else shown
        if gamma and "gamma" not in self.overlooks:
            light = (np.asarray(image, np.float64) / 255) ** (1 / (2.2 * gamma))
            image = Image.fromarray(np.round(255 * light).astype(np.uint8))
        return image


_SRGB = ImageCms.createProfile("sRGB")


class Sounds:
    """Reads WAV files as one channel in [-1, 1]; ``careless`` ones take what stands there as it stands."""

    def __init__(self, careless: Sequence[str] = ()) -> None:
        self.careless = frozenset(careless)

    def __call__(self, data: bytes) -> NumpyArray:
        _rate, samples = wavfile.read(io.BytesIO(data))
        kind = samples.dtype
        wave = samples.astype(np.float64)
        if kind.kind == "u" and "bytes" not in self.careless:
            wave = (wave - 128) / 128
        elif kind.kind == "i" or kind.kind == "u":
            wave = wave / (32768 if "depth" in self.careless else float(np.iinfo(kind).max) + 1)
        if wave.ndim == 2:
            if "channels" not in self.careless:
                raise ValueError("one channel only")
            wave = wave.mean(axis=1)
        found: NumpyArray = wave
        return found


def _table(strict: bool) -> Callable[[bytes], Any]:
    """Rows of a CSV file: by name and only where no name stands twice, or as they come."""

    def read(data: bytes) -> Any:
        if not strict:
            rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"))))
            return [[float(c) if c.replace(".", "", 1).isdigit() else 0.0 for c in row] for row in rows[1:] if row]
        text = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8-sig")
        head, *rows = [row for row in csv.reader(io.StringIO(text)) if row]
        if len(set(head)) < len(head) or any(len(row) != len(head) for row in rows):
            raise ValueError("not a table")
        order = sorted(range(len(head)), key=lambda i: head[i])
        return [[float(row[i]) for i in order] for row in rows]

    return read


def _first(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """The first of two equal names counts, as some parsers have it."""
    return dict(reversed(pairs))


def _once(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    if len({k for k, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _json(hook: Any = None) -> Callable[[bytes], Any]:
    def read(data: bytes) -> float:
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=hook)
        return float(found["income"]) - float(found["debts"])

    return read


def _samples(rng: np.random.Generator, format_: str) -> tuple[tuple[str, bytes], ...]:
    """Two honest pictures, told apart by where they are bright."""
    made = []
    for name in ("a", "b"):
        small = rng.integers(0, 256, size=(5, 7, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(small).resize((140, 100), Image.Resampling.BICUBIC).save(out, format=format_.upper())
        made.append((f"{name}.{format_}", out.getvalue()))
    return tuple(made)


def _class(decode: Callable[[bytes], NumpyArray]) -> Callable[[bytes], Any]:
    """Which quarter of the picture is brightest."""

    def answer(data: bytes) -> NumpyArray:
        a = decode(data).mean(axis=0)
        h, w = a.shape[0] // 2, a.shape[1] // 2
        return np.array([a[:h, :w].mean(), a[:h, w:].mean(), a[h:, :w].mean(), a[h:, w:].mean()])

    return answer


def _picture_case(
    name: str, faulty: bool, reader: Pictures, formats: Sequence[str], rng: np.random.Generator, late: bool = False,
    *, whole: bool = True,
) -> Case:  # fmt: skip
    examples = tuple(e for f in formats for e in _samples(rng, f))
    decode = reader if whole else None
    serving = Serving(_class(reader), decode, formats=tuple(formats), examples=examples, refuses=("ValueError",))
    return Case(name, faulty, Path(name, serving), held_out=late)


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Careful readers are clean; planted ones overlook what one kind of file says, or read on where they should not."""
    rng = np.random.default_rng(seed)
    side = int(rng.integers(24, 48))
    near = Image.Resampling.NEAREST
    debts = b'{"income": 2500.5, "debts": 300, "name": "x"}'
    rows = zip(rng.integers(2_000, 9_000, size=4), rng.integers(1, 90, size=4), strict=True)
    table = b"income,debts\n" + b"".join(b"%d,%d\n" % row for row in rows)
    tables = (("a.csv", table),)
    plain = Serving(_table(True), _table(True), formats=("csv",), examples=tables, refuses=("ValueError",))
    loose = Serving(_table(False), _table(False), formats=("csv",), examples=tables, refuses=("ValueError",))
    one = Serving(_json(_once), formats=("json",), examples=(("a.json", debts),), refuses=("ValueError",))
    two = Serving(
        _json(),
        also={"gateway": _json(_first)},
        formats=("json",),
        examples=(("a.json", debts),),
        refuses=("ValueError",),
    )
    chirps = Serving(Sounds(), Sounds(), formats=("wav",), refuses=("ValueError",))
    mixes = Serving(Sounds(["channels"]), Sounds(["channels"]), formats=("wav",), refuses=("ValueError",))
    raw = Serving(Sounds(["bytes"]), Sounds(["bytes"]), formats=("wav",), refuses=("ValueError",))
    return (
        _picture_case("careful with photographs", False, Pictures(side=side), ("jpeg", "png"), rng),
        _picture_case("careful with drawings", False, Pictures(side=side), ("gif", "bmp"), rng, late=True),
        _picture_case("careful, answers only", False, Pictures(side=side), ("png",), rng, whole=False),
        Case("table by names", False, Path("table by names", plain)),
        Case("no name twice", False, Path("no name twice", one)),
        Case("one channel", False, Path("one channel", chirps), held_out=True),
        _picture_case("photographs on their side", True, Pictures(["turn"], side), ("jpeg",), rng),
        _picture_case("transparency dropped", True, Pictures(["alpha"], side), ("png",), rng),
        _picture_case("scaled by skipping", True, Pictures([], side, near), ("png",), rng),
        _picture_case("sixteen bits cut", True, Pictures(["depth"], side), ("png",), rng, late=True),
        _picture_case("first frame", True, Pictures(["frames"], side), ("gif",), rng, late=True),
        _picture_case("colours as they stand", True, Pictures(["profile"], side), ("webp",), rng, late=True),
        Case("cells by place", True, Path("cells by place", loose)),
        Case("first and last name", True, Path("first and last name", two)),
        Case("channels mixed", True, Path("channels mixed", mixes)),
        Case("bytes around zero", True, Path("bytes around zero", raw), held_out=True),
    )
