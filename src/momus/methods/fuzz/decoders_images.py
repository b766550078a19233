"""Pictures that people see one way and careless readers another."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from momus.core.samples import NumpyArray
from momus.methods.fuzz import decoders_png
from momus.methods.fuzz.decoders import Trick

# Whatever a damaged example makes an image library raise: the example is then passed over.
_DAMAGED = (OSError, ValueError, SyntaxError, TypeError, LookupError, EOFError, ArithmeticError, MemoryError,
            AttributeError, struct.error, zlib.error, Image.DecompressionBombError,
            Image.DecompressionBombWarning)  # fmt: skip
_FLAT = 16  # of 255: what varies less shows nothing
_SIDE = 384  # the longest side of a made file: more pixels show nothing more
_ORIENTATION = 0x0112
_TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
_SIDEWAYS = "the orientation that the file states is not applied"
_UNDER_ALPHA = "transparency is dropped, and colours come out that nobody can see"
_FIRST_FRAME = "the first frame is taken, which is shown for a hundredth of a second or never"
_PROFILE = "the colour profile is ignored"


def pictures(examples: Sequence[bytes], rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """Two pictures of equal size: of the first two examples that can be read, else drawn ones."""
    found: list[Image.Image] = []
    for data in examples:
        try:
            with Image.open(io.BytesIO(data)) as opened:
                if opened.width * opened.height > 64_000_000:
                    continue
                picture = ImageOps.exif_transpose(opened).convert("RGB")
        except _DAMAGED:
            continue
        picture.thumbnail((_SIDE, _SIDE))
        if min(picture.size) >= 8 and np.ptp(np.asarray(picture)) > _FLAT and picture not in found:
            found.append(picture)
        if len(found) == 2:
            break
    if not found:
        found = [_drawn(rng), _drawn(rng)]
    if len(found) == 1:
        found.append(ImageOps.invert(ImageOps.mirror(ImageOps.flip(found[0]))))
    return found[0], found[1].resize(found[0].size)


def _drawn(rng: np.random.Generator) -> Image.Image:
    """Broad patches of colour: no two places alike, and nothing that a quarter turn leaves as it is."""
    small = rng.integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)


def nearly(format_: str, data: bytes, rng: np.random.Generator) -> bytes | None:
    """A plain file of the picture with each value a little higher or lower; None for what is no picture."""
    pixels = shown(data) if format_ in MAKERS else None
    if pixels is None:
        return None
    noise = rng.integers(-2, 3, size=pixels.shape)
    image = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    return _saved(image, format_.upper(), **_options(format_.upper()))


def _coloured(image: Image.Image) -> Image.Image:
    """A grey picture in one colour, so that a change of colours shows; any other as it is."""
    pixels = np.asarray(image)
    if np.ptp(pixels, axis=2).max() > _FLAT:
        return image
    return Image.fromarray(np.round(pixels * (1.0, 0.7, 0.3)).astype(np.uint8))


def _saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format=format_, **options)
    return out.getvalue()


def _options(format_: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    return known.get(format_, {})


class _Shelf:
    """Tricks of one format as they are made; pictures of what is seen and of what is not become plain files of it."""

    def __init__(self, format_: str) -> None:
        self.format = format_
        self.made: list[Trick] = []

    def plain(self, image: Image.Image) -> bytes:
        return _saved(image, self.format, **_options(self.format))

    def put(self, name: str, data: bytes, seen: Image.Image, other: Image.Image, hides: str) -> None:
        trick = Trick(f"{self.format.lower()}: {name}", data, self.plain(seen), self.plain(other), hides)
        self.made.append(trick)


def _exif(turn: int) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = turn
    return exif.tobytes()


def _turned(format_: str, seen: Image.Image, turn: int) -> bytes:
    """The picture lies on its side, or on its head, and the file says so."""
    stored = seen.transpose(_TURNS[turn])
    if format_ == "TIFF":
        return _saved(stored, format_, tiffinfo={_ORIENTATION: turn})
    return _saved(stored, format_, exif=_exif(turn), **_options(format_))


def under_alpha(seen: Image.Image, hidden: Image.Image) -> tuple[Image.Image, Image.Image, Image.Image]:
    """(picture with alpha, what shows on white, what its colours are): grey pictures, bright above dark.

    Each pixel's alpha is chosen so that the dark colour below, on a white page, looks as bright as it should.
    """
    bright = 128.0 + np.asarray(seen.convert("L"), np.float64) / 2.008
    dark = np.asarray(hidden.convert("L"), np.float64) / 2.008
    alpha = np.round(255 * (255 - bright) / (255 - dark))
    shown = np.round(255 - (255 - dark) * alpha / 255)
    grey = [Image.fromarray(a.astype(np.uint8), "L").convert("RGB") for a in (shown, np.round(dark))]
    stored = grey[1].convert("RGBA")
    stored.putalpha(Image.fromarray(alpha.astype(np.uint8), "L"))
    return stored, grey[0], grey[1]


def _swapped_profile() -> bytes:
    """An sRGB profile in which red and blue change places: what a careful viewer shows has them changed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # the time at which it was made
    profile[84:100] = bytes(16)
    count = int.from_bytes(profile[128:132], "big")
    where = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 136 + 12 * i for i in range(count)}
    red, blue = where[b"rXYZ"], where[b"bXYZ"]
    profile[red : red + 8], profile[blue : blue + 8] = profile[blue : blue + 8], profile[red : red + 8]
    return bytes(profile)


def _common(format_: str, a: Image.Image, b: Image.Image) -> _Shelf:
    """Tricks that several formats share."""
    shelf = _Shelf(format_)
    if format_ in ("JPEG", "PNG", "WEBP", "TIFF"):
        for turn, how in ((6, "a quarter turn"), (3, "half a turn")):
            shelf.put(how, _turned(format_, a, turn), a, a.transpose(_TURNS[3]), _SIDEWAYS)
        colours = _coloured(a)
        swapped = Image.merge("RGB", colours.split()[::-1])
        profiled = _saved(swapped, format_, icc_profile=_swapped_profile(), **_options(format_))
        shelf.put("colour profile", profiled, colours, swapped, _PROFILE)
    if format_ in ("PNG", "WEBP", "TIFF"):
        stored, shows, below = under_alpha(a, b)
        exact = {"lossless": True, "exact": True} if format_ == "WEBP" else {}
        shelf.put("under transparency", _saved(stored, format_, **exact), shows, below, _UNDER_ALPHA)
    if format_ in ("PNG", "GIF", "WEBP"):
        shelf.put("animated", _animated(format_, a, b), a, b, _FIRST_FRAME)
    return shelf


def _animated(format_: str, a: Image.Image, b: Image.Image) -> bytes:
    """A picture that is gone at once and one that stays; in a PNG the first is never shown at all."""
    options: dict[str, Any] = {"save_all": True, "append_images": [a], "duration": [10, 60_000]}
    if format_ == "PNG":
        options |= {"default_image": True, "duration": 60_000}
    if format_ == "WEBP":
        options["lossless"] = True
    return _saved(b, format_, **options)


def _jpeg(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    a, b = pictures(examples, rng)
    shelf, grey = _common("JPEG", a, b), a.convert("L")
    shelf.put("progressive", _saved(a, "JPEG", quality=95, progressive=True), a, b, "scans are lost")
    shelf.put("inks", _saved(a.convert("CMYK"), "JPEG", quality=95), _printed(a), b, "inks are taken for light")
    shelf.put("grey", _saved(grey, "JPEG", quality=95), grey.convert("RGB"), b, "one channel is taken for three")
    shelf.put("another behind it", shelf.plain(a) + shelf.plain(b), a, b, "what lies behind the end is read")
    return shelf.made


def _printed(image: Image.Image) -> Image.Image:
    return image.convert("CMYK").convert("RGB")


def _grey16(image: Image.Image, format_: str) -> tuple[bytes, Image.Image]:
    """A grey picture of 16 bits, and what it shows."""
    grey = np.asarray(image.convert("L"))
    return _saved(Image.fromarray(grey.astype(np.uint16) * 257), format_), Image.fromarray(grey).convert("RGB")


def _png(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    a, b = pictures(examples, rng)
    shelf, pixels = _common("PNG", a, b), np.asarray(a)
    few = a.quantize(64)
    stored, grey = _grey16(a, "PNG")
    dark = _curved(a, 2.2)
    linear = decoders_png.with_chunk(shelf.plain(dark), b"gAMA", (100_000).to_bytes(4, "big"))
    shelf.put("16 bits", decoders_png.png(pixels.astype(np.uint16) * 257), a, b, "the upper byte is not what is kept")
    shelf.put("16 bits, grey", stored, grey, b, "brightness is cut at 255")
    shelf.put("interlaced", decoders_png.png(pixels, interlaced=True), a, b, "passes are read as rows")
    shelf.put("palette", _saved(few, "PNG"), few.convert("RGB"), b, "numbers of colours are taken for colours")
    shelf.put("gamma", linear, _curved(dark, 1 / 2.2), dark, "the brightness curve that the file states is ignored")
    shelf.put("another behind it", shelf.plain(a) + shelf.plain(b), a, b, "what lies behind the end is read")
    return shelf.made


def _curved(image: Image.Image, power: float) -> Image.Image:
    """Stored for a linear curve by 2.2: who shows it as it is, shows it much darker. By the inverse it is shown."""
    light = (np.asarray(image, np.float64) / 255) ** power
    return Image.fromarray(np.round(light * 255).astype(np.uint8))


def _gif(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    return _common("GIF", *pictures(examples, rng)).made


def _webp(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    return _common("WEBP", *pictures(examples, rng)).made


def _bmp(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    a, b = pictures(examples, rng)
    shelf, pixels = _Shelf("BMP"), np.asarray(a)
    upright = decoders_png.bmp(pixels, top_down=True)
    shelf.put("top row first", upright, a, ImageOps.flip(a), "rows are taken from below")
    shelf.put("16 bits", decoders_png.bmp(pixels, bits=16), a, b, "two bytes a pixel are taken for three")
    shelf.put("32 bits", decoders_png.bmp(pixels, bits=32), a, b, "the fourth byte is taken for transparency")
    return shelf.made


def _tiff(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    a, b = pictures(examples, rng)
    shelf, (stored, grey) = _common("TIFF", a, b), _grey16(a, "TIFF")
    pages = _saved(a, "TIFF", save_all=True, append_images=[b])
    shelf.put("16 bits, grey", stored, grey, b, "brightness is cut at 255")
    shelf.put("inks", _saved(a.convert("CMYK"), "TIFF"), _printed(a), b, "inks are taken for light")
    shelf.put("two pages", pages, a, b, "another page than the first is taken")
    return shelf.made


MAKERS: Mapping[str, Callable[[Sequence[bytes], np.random.Generator], Sequence[Trick]]] = {
    "jpeg": _jpeg, "png": _png, "gif": _gif, "webp": _webp, "bmp": _bmp, "tiff": _tiff,
}  # fmt: skip


def shown(data: bytes) -> NumpyArray | None:
    """A plain file of ours as (h, w, 3) uint8, to be looked at; None for what is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(opened.convert("RGB"))
    except _DAMAGED:
        return None
