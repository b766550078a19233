"""The way from data as read to canonical arrays, and from there to what one model wants to be fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from momus.core.errors import TargetError
from momus.core.samples import Column, NumpyArray, Samples

Modality = Literal["image", "table", "text", "audio"]
Layout = Literal["chw", "hwc", "hw", "flat", "flat_hwc"]
Read = Literal["uint8", "unit", "byte"]


@dataclass(frozen=True)
class Space:
    """Where a target's inputs live.

    ``shape`` is one canonical sample: (c, h, w) for images, (d,) for tables, None where any size goes. ``layout``,
    ``low``/``high``, ``mean``/``std`` and ``uint8`` say what the *model* wants: an image pixel p in [0, 1] reaches it
    as ``(low + p (high - low) - mean) / std`` a channel. ``size`` (h, w) asks for resizing: shorter side first, then a
    centre crop; ``crop`` is the share of the resized picture that the crop keeps (0.875: 256 to 224). ``read`` says
    how images look as read, which is what ``decode`` returns: ``uint8``, ``unit`` (floats in [0, 1]) or ``byte``
    (floats in 0 to 255). ``plain`` hands images to the model as read, without any of this. ``rate`` is the sampling
    rate of sound in Hz; shorter clips are filled up with silence to ``shape``, longer ones refused. ``missing``: the
    model answers table rows in which values are missing (NaN).
    """

    name: str
    modality: Modality
    shape: tuple[int, ...] | None = None
    layout: Layout = "chw"
    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None
    crop: float = 1.0
    read: Read = "uint8"
    uint8: bool = False
    plain: bool = False
    rate: int | None = None
    missing: bool = False

    @property
    def lowest(self) -> float | None:
        """The least canonical value: 0 of a pixel, -1 of sound; None where columns carry their own."""
        return {"image": 0.0, "audio": -1.0}.get(self.modality)

    @property
    def highest(self) -> float | None:
        """The greatest canonical value: 1 of pixels and sound."""
        return {"image": 1.0, "audio": 1.0}.get(self.modality)

    @property
    def affine(self) -> tuple[NumpyArray, NumpyArray] | None:
        """(scale, offset), each (c, 1, 1) or (1, 1, 1), from canonical pixels to model values; None for identity."""
        scale = (self.high - self.low) / np.asarray(self.std, dtype=np.float64)
        offset = (self.low - np.asarray(self.mean, dtype=np.float64)) / np.asarray(self.std, dtype=np.float64)
        if np.all(scale == 1.0) and np.all(offset == 0.0):
            return None
        return scale.reshape(-1, 1, 1), offset.reshape(-1, 1, 1)

    def encode(self, x: NumpyArray) -> NumpyArray:
        """Data as read to canonical: float32 NCHW in [0, 1] for images, float64 (n, d) for tables, text untouched,
        float32 (n, t) in [-1, 1] for sound.

        Raises TargetError for another number of dimensions, channels, pixels or columns than the model takes.
        """
        x = np.asarray(x)
        if self.modality == "image":
            return self._encode_images(x)
        if self.modality == "table":
            return self._encode_table(x)
        if self.modality == "audio":
            return self._encode_sound(x)
        if x.ndim != 1:
            raise self._misfit(x, "texts come as an array (n,)")
        return x

    def decode(self, a: NumpyArray) -> NumpyArray:
        """Canonical back to the space of ``Samples.x``. Pixels are rounded to whole steps where they were uint8."""
        if self.modality != "image":
            return np.array(a)
        pixels = np.moveaxis(np.asarray(a), 1, -1)
        if self.read == "unit":
            return np.ascontiguousarray(pixels)
        if self.read == "byte":
            return np.ascontiguousarray(pixels * np.float32(255))
        return np.asarray(np.rint(np.clip(pixels, 0.0, 1.0) * 255), dtype=np.uint8)

    def feed(self, a: NumpyArray) -> NumpyArray:
        """Canonical to the model's own input, in NumPy (torch targets do the same with tensors)."""
        if self.modality != "image":
            return a
        if self.plain:
            return self.decode(a)
        affine = self.affine
        if affine is not None:
            a = (a * affine[0] + affine[1]).astype(np.float32)
        if self.uint8:
            a = np.rint(np.clip(a, 0, 255)).astype(np.uint8)
        if self.layout == "hw":
            return a[:, 0]
        if self.layout == "flat":
            return a.reshape(len(a), -1)
        if self.layout in ("hwc", "flat_hwc"):
            a = np.ascontiguousarray(np.moveaxis(a, 1, -1))
            return a if self.layout == "hwc" else a.reshape(len(a), -1)
        return a

    def check(self, a: Any) -> None:
        """TargetError when a canonical array does not fit the target: the message names both shapes."""
        got = tuple(a.shape[1:])
        if self.shape is not None and got != self.shape:
            raise self._misfit(a, f"canonical shape {got}, the target takes {self.shape}")
        if self.shape is None and len(got) != {"image": 3, "table": 1, "text": 0, "audio": 1}[self.modality]:
            raise self._misfit(a, f"canonical shape {got} is not a {self.modality}")

    def example(self, n: int, rng: np.random.Generator) -> NumpyArray | None:
        """Canonical random rows for looking at a model when no data is at hand; None where the shape is open."""
        if self.shape is None or self.modality == "text":
            return None
        rows = np.asarray(rng.random((n, *self.shape)))
        if self.modality == "audio":
            return np.asarray(0.2 * rows - 0.1, np.float32)
        return np.asarray(rows, np.float32) if self.modality == "image" else rows

    def _misfit(self, x: Any, why: str, hint: str = "") -> TargetError:
        return TargetError(
            f"data of shape {tuple(x.shape)} and type {x.dtype} does not fit: {why}",
            code="target/input-shape",
            place=f"target '{self.name}'",
            hint=hint or "Check input.shape, input.channels and input.size on the card",
        )

    def _encode_table(self, x: NumpyArray) -> NumpyArray:
        if x.ndim != 2 or x.dtype.kind not in "fiub":
            raise self._misfit(x, "tables come as numbers (n, d)")
        if self.shape is not None and x.shape[1] != self.shape[0]:
            raise self._misfit(x, f"{x.shape[1]} columns, the model was built for {self.shape[0]}")
        return x.astype(np.float64)

    def _encode_sound(self, x: NumpyArray) -> NumpyArray:
        if x.ndim != 2 or x.dtype.kind not in "fi":
            raise self._misfit(x, "sound comes as samples (n, t)", "Use one channel, and zeros after shorter clips")
        a = x.astype(np.float32) / np.float32(32768) if x.dtype == np.int16 else x.astype(np.float32)
        if a.size and not (np.isfinite(a).all() and float(np.abs(a).max()) <= 1):
            raise self._misfit(x, "samples of sound lie in [-1, 1]", "Divide 16-bit samples by 32768")
        if self.shape is None or a.shape[1] == self.shape[0]:
            return a
        if a.shape[1] > self.shape[0]:
            raise self._misfit(x, f"clips of {a.shape[1]} samples, the model takes {self.shape[0]}", "Cut the clips")
        return np.pad(a, ((0, 0), (0, self.shape[0] - a.shape[1])))

    def _encode_images(self, x: NumpyArray) -> NumpyArray:
        channels = None if self.shape is None else self.shape[0]
        if x.ndim == 3 and channels in (None, 1):
            x = x[..., None]
        if x.ndim != 4 or x.dtype.kind not in "fiub":
            raise self._misfit(x, "images come as numbers (n, h, w, c)")
        if channels is not None and x.shape[-1] != channels:
            colour = {1: "grayscale", 3: "RGB", 4: "RGBA"}
            got, want = (colour.get(c, f"{c}-channel") for c in (x.shape[-1], channels))
            raise self._misfit(
                x, f"{got} images, the model takes {want}", f"Save the pictures as {want}, or use loader: data.py:load"
            )
        if self.size is not None and tuple(x.shape[1:3]) != self.size:
            x = resized(x, self.size, self.crop)
        a = np.ascontiguousarray(np.moveaxis(self._unit(x), -1, 1))
        if self.shape is not None and len(a) and a.shape[1:] != self.shape:
            raise self._misfit(x, f"{a.shape[2]}x{a.shape[3]} pixels, the model takes {self.shape[1]}x{self.shape[2]}")
        return a if len(a) or self.shape is None else a.reshape(0, *self.shape)

    def _unit(self, x: NumpyArray) -> NumpyArray:
        """Pixels as float32 in [0, 1], whatever they were read as."""
        if x.dtype == np.uint8:
            return x.astype(np.float32) / np.float32(255)
        if not np.all(np.isfinite(x)):
            raise self._misfit(x, "pixels contain NaN or infinity")
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
        if low < 0 or high > 255:
            raise self._misfit(x, f"pixels run from {low:.4g} to {high:.4g}, neither in [0, 1] nor in 0 to 255")
        bytes_ = self.read == "byte" or high > 1 or (x.dtype.kind in "iu" and self.read != "unit")
        return x.astype(np.float32) / np.float32(255) if bytes_ else x.astype(np.float32)


def resized(x: NumpyArray, size: tuple[int, int], crop: float = 1.0) -> NumpyArray:
    """Images (n, h, w, c) scaled with antialiasing to cover ``size / crop``, then cut to ``size`` in the middle."""
    height, width = size
    h, w = x.shape[1:3]
    factor = max(height / h, width / w) / crop
    inner = (max(height, round(h * factor)), max(width, round(w * factor)))
    top, left = (inner[0] - height) // 2, (inner[1] - width) // 2
    out = np.empty((len(x), height, width, x.shape[3]), x.dtype if x.dtype == np.uint8 else np.float32)
    for i, image in enumerate(x):
        out[i] = _scaled(image, inner)[top : top + height, left : left + width]
    return out


def _scaled(image: NumpyArray, inner: tuple[int, int]) -> NumpyArray:
    from PIL import Image

    to = (inner[1], inner[0])
    if image.dtype == np.uint8 and image.shape[-1] in (1, 3, 4):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        scaled: NumpyArray = np.asarray(picture.resize(to, Image.Resampling.BICUBIC))
        return scaled.reshape(*inner, image.shape[-1])
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c], dtype=np.float32)) for c in range(image.shape[-1])]
    smooth: NumpyArray = np.stack([np.asarray(p.resize(to, Image.Resampling.BICUBIC)) for p in planes], axis=-1)
    if image.dtype == np.uint8:
        return np.asarray(np.rint(np.clip(smooth, 0, 255)), dtype=np.uint8)
    return np.asarray(np.clip(smooth, float(image.min()), float(image.max())))  # the cubic kernel overshoots at edges


def space(
    name: str,
    *,
    modality: Modality | None = None,
    shape: Sequence[int] | None = None,
    range: Sequence[float] | None = None,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    channels: Literal["first", "last"] | None = None,
    size: Sequence[int] | int | None = None,
    crop: float = 1.0,
    uint8: bool = False,
    rate: int | None = None,
    missing: bool = False,
    samples: Samples | None = None,
) -> Space:
    """The Space for settings as the card words them; ``shape`` is one sample in the model's own layout.

    What is left open is taken from ``samples``. A flat or (h, w) shape with image samples means a model that takes
    pixels without a channel axis. Raises TargetError where the modality cannot be told.
    """
    place = f"target '{name}'"
    side = (int(size), int(size)) if isinstance(size, int) else None if size is None else (int(size[0]), int(size[1]))
    given = None if shape is None else tuple(int(s) for s in shape)
    kind = modality or _modality(given, samples)
    if kind is None:
        raise TargetError(
            "the shape of one input is not known", place=place, hint="Give shape=(c, h, w) or (d,), or samples="
        )
    if kind != "image":
        if given is None and kind == "table" and samples is not None and samples.x.ndim == 2:
            given = (samples.x.shape[1],)
        heard = None if samples is None else samples.rate
        if rate and heard and rate != heard:
            hint = "Resample the clips"
            raise TargetError(f"clips have {heard} samples a second, the model takes {rate}", place=place, hint=hint)
        return Space(
            name, kind, None if kind == "text" else given, rate=rate or heard, missing=missing and kind == "table"
        )
    canonical, layout = _layout(place, given, channels, samples, side)
    low, high = (0.0, 255.0 if uint8 else 1.0) if range is None else (float(range[0]), float(range[1]))
    means, stds = _numbers(mean, 0.0), _numbers(std, 1.0)
    if any(s == 0 for s in stds):
        raise TargetError("input.std contains a zero", place=place, hint="Pixels are divided by it")
    for word, values in (("mean", means), ("std", stds)):
        if canonical is not None and len(values) not in (1, canonical[0]):
            raise TargetError(f"input.{word} has {len(values)} values for {canonical[0]} channels", place=place)
    made = Space(name, "image", canonical, layout, low, high, means, stds, side, crop, uint8=uint8)
    return made if samples is None else replace(made, read=as_read(samples.x))


def as_read(x: NumpyArray) -> Read:
    """How pixels were read: uint8, floats in [0, 1] (unit) or floats in 0 to 255 (byte)."""
    if x.dtype.kind != "f":
        return "uint8"
    return "byte" if x.size and float(np.nanmax(x)) > 1.0 else "unit"


def _modality(shape: tuple[int, ...] | None, samples: Samples | None) -> Modality | None:
    if samples is not None:
        if samples.x.ndim == 4 or (samples.x.ndim == 3 and samples.x.dtype == np.uint8):
            return "image"
        if samples.x.ndim == 2:
            return "table" if samples.rate is None else "audio"
        if samples.x.ndim == 1 and samples.x.dtype.kind in "OUST":
            return "text"
    if shape is None:
        return None
    return "table" if len(shape) == 1 else "image" if len(shape) in (2, 3) else None


def _layout(
    place: str,
    shape: tuple[int, ...] | None,
    channels: str | None,
    samples: Samples | None,
    size: tuple[int, int] | None,
) -> tuple[tuple[int, int, int] | None, Layout]:
    """Canonical (c, h, w) and the axis order of the model's own input."""
    if shape is not None and len(shape) == 3:
        if channels == "last":
            return (shape[2], shape[0], shape[1]), "hwc"
        return (shape[0], shape[1], shape[2]), "chw"
    if shape is not None and len(shape) == 2:
        return (1, shape[0], shape[1]), "hw"
    seen = None
    if samples is not None:
        h, w = size or samples.x.shape[1:3]
        seen = (samples.x.shape[3] if samples.x.ndim == 4 else 1, int(h), int(w))
    if shape is None:
        return seen, "hwc" if channels == "last" else "chw"
    if len(shape) == 1:
        if seen is None:
            raise TargetError("flat image input needs samples to tell height and width", place=place)
        if shape[0] != int(np.prod(seen)):
            raise TargetError(f"input.shape is {shape[0]} values but the images have {int(np.prod(seen))}", place=place)
        return seen, "flat_hwc" if channels == "last" else "flat"
    raise TargetError(f"input.shape {list(shape)} is not an image", place=place, hint="Give it without the batch axis")


def _numbers(value: Sequence[float] | float | None, default: float) -> tuple[float, ...]:
    if value is None:
        return (default,)
    return (float(value),) if isinstance(value, int | float) else tuple(float(v) for v in value)


def meant(codes: NumpyArray, meanings: NumpyArray) -> NumpyArray:
    """The values that codes (n,) stand for; a missing code (NaN) stays missing: None among texts, NaN among numbers."""
    known = ~np.isnan(codes)
    at = np.clip(np.rint(np.where(known, codes, 0)).astype(np.int64), 0, len(meanings) - 1)
    found = meanings[at]
    if known.all():
        return np.asarray(found)
    if meanings.dtype.kind in "Ob":
        found = found.astype(object)
        found[~known] = None
        return np.asarray(found)
    return np.where(known, found, np.nan)


def raw_values(columns: Sequence[Column]) -> list[NumpyArray | None]:
    """For each column the values that its codes stand for (numbers where they read as numbers), None where x is raw.

    Samples hold categorical columns as codes into ``categories``; a model that was fitted on the file wants the values.
    """
    found: list[NumpyArray | None] = []
    for column in columns:
        if not column.categories:
            found.append(None)
            continue
        said = [c.lower() for c in column.categories]
        if set(said) <= {"true", "false"}:  # pandas reads them as truth values, and a model was fitted on those
            found.append(np.array([c == "true" for c in said]))
            continue
        try:
            numbers = np.array([float(c) for c in column.categories])
        except ValueError:
            found.append(np.array(column.categories, dtype=object))
            continue
        found.append(None if np.array_equal(numbers, np.arange(len(numbers))) else numbers)
    return found
