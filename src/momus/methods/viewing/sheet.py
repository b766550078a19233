"""A print sheet: a texture as a PDF at true size, with crop marks, a ruler to check the printer, and words.

The file is written here byte by byte: nothing in it depends on a date, a font file or a library's version, and the
placed size is what the page description says, not what a plotting library rounds it to.
"""

from __future__ import annotations

import math
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.errors import ProbeError
from momus.core.samples import NumpyArray

POINT = 72 / 25.4  # points a millimetre
PAPERS = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
MARGIN, HEAD, FOOT = 12.0, 30.0, 22.0  # mm: what printers leave white, room for words above and the ruler below
RULER = 100.0
DOTS = 100.0  # an inch, and at most 640 pixels a side: a file that is easily sent


@dataclass(frozen=True)
class _Tile:
    """What of the object one page shows: left, top, width and height in mm from the object's upper left corner."""

    left: float
    top: float
    width: float
    height: float
    label: str


def sheet(
    texture: NumpyArray,
    *,
    width_mm: float,
    title: str,
    lines: Sequence[str] = (),
    paper: str = "a4",
    alpha: NumpyArray | None = None,
) -> bytes:
    """A PDF of (th, tw, c) in [0, 1], ``width_mm`` wide; its height follows from the texels.

    ``lines``: what to print above it, folded to the page's width. ``alpha`` (th, tw): left white, with a fine line
    along the edge, where it is below one half. What does not fit on one page goes over several, to be joined at their
    crop marks; landscape where that takes fewer. Raises ProbeError for an unknown paper or a size that is not positive
    or above two metres.
    """
    if paper not in PAPERS:
        raise ProbeError(f"no paper '{paper}'", hint=f"One of {', '.join(PAPERS)}")
    if not (math.isfinite(width_mm) and 0 < width_mm <= 2000):
        raise ProbeError(f"a print cannot be {width_mm:g} mm wide", hint="Give the width in millimetres, up to 2000")
    th, tw = texture.shape[:2]
    size = (width_mm, width_mm * th / tw)
    upright = PAPERS[paper]
    page = min((upright, upright[::-1]), key=lambda p: len(_tiles(size, p)))
    tiles = _tiles(size, page)
    pixels = _dots(texture, alpha, width_mm)
    words = [
        title,
        f"True size {size[0]:.1f} x {size[1]:.1f} mm. Print at 100 %, without fitting to the page; check the ruler.",
        *(part for line in lines for part in textwrap.wrap(line, int(_room(page)[0] / 1.45))),
    ]
    parts = [_page(pixels, size, tile, page, words, i, len(tiles)) for i, tile in enumerate(tiles)]
    return _file(parts, page, pixels)


def _room(page: tuple[float, float]) -> tuple[float, float]:
    return page[0] - 2 * MARGIN, page[1] - 2 * MARGIN - HEAD - FOOT


def _tiles(size: tuple[float, float], page: tuple[float, float]) -> list[_Tile]:
    room = _room(page)
    across, down = (max(1, math.ceil(s / r - 1e-9)) for s, r in zip(size, room, strict=True))
    out = []
    for j in range(down):
        for i in range(across):
            left, top = i * room[0], j * room[1]
            label = "" if across * down == 1 else f"row {j + 1} of {down}, column {i + 1} of {across}"
            out.append(_Tile(left, top, min(room[0], size[0] - left), min(room[1], size[1] - top), label))
    return out


def _dots(texture: NumpyArray, alpha: NumpyArray | None, width_mm: float) -> NumpyArray:
    """8-bit pixels at about 100 to the inch, bilinear between texel centres as every view renders it."""
    th, tw, c = texture.shape
    factor = max(1, min(round(width_mm / 25.4 * DOTS / tw), math.ceil(640 / max(th, tw))))
    image = resample(texture, factor)
    if alpha is not None:
        mask = resample(np.asarray(alpha, dtype=np.float32)[..., None], factor)[..., 0]
        inside = mask >= 0.5
        edge = inside & ~(_eroded(inside))
        image = np.where(inside[..., None], image, 1.0)
        image[edge] = 0.5
    bytes_ = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return bytes_[..., :3] if c >= 3 else bytes_[..., :1]


def _eroded(mask: NumpyArray) -> NumpyArray:
    padded = np.pad(mask, 1)
    out: NumpyArray = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return out


def resample(texture: NumpyArray, factor: int) -> NumpyArray:
    """(th, tw, c) enlarged by a whole factor, bilinear between texel centres, edges held."""
    out = texture.astype(np.float32)
    for axis in (0, 1):
        n = out.shape[axis]
        at = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        low = np.minimum(at.astype(int), max(n - 2, 0))
        share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        high = np.minimum(low + 1, n - 1)
        out = np.take(out, low, axis) * (1 - share) + np.take(out, high, axis) * share
    return out


def _page(
    pixels: NumpyArray,
    size: tuple[float, float],
    tile: _Tile,
    page: tuple[float, float],
    words: Sequence[str],
    index: int,
    total: int,
) -> str:
    """The page description of one tile, in millimetres from the lower left corner."""
    room = _room(page)
    x = MARGIN + (room[0] - tile.width) / 2
    top = page[1] - MARGIN - HEAD - (room[1] - tile.height) / 2
    y = top - tile.height
    # The whole image at true size, moved so that the tile lies in its window, and clipped to the window.
    image_x, image_y = x - tile.left, top + tile.top - size[1]
    out = [
        f"{POINT:.8f} 0 0 {POINT:.8f} 0 0 cm",
        f"q {x:.4f} {y:.4f} {tile.width:.4f} {tile.height:.4f} re W n",
        f"q {size[0]:.4f} 0 0 {size[1]:.4f} {image_x:.4f} {image_y:.4f} cm /Im0 Do Q Q",
        *_crop(x, y, tile.width, tile.height),
        *_ruler(MARGIN, MARGIN + 6.0),
    ]
    number = [f"Page {index + 1} of {total}: {tile.label}. Cut at the marks and join."] if total > 1 else []
    for i, line in enumerate([*words, *number]):
        big = i == 0
        out.append(_text(line, MARGIN, page[1] - MARGIN - 5.0 - 4.2 * i, 11 if big else 8))
    return "\n".join(out)


def _crop(x: float, y: float, w: float, h: float) -> list[str]:
    """Two short lines at each corner, 1.5 mm off the object so that the cut leaves none of them."""
    out = ["0.1 w"]
    for cx, sx in ((x, -1), (x + w, 1)):
        for cy, sy in ((y, -1), (y + h, 1)):
            out.append(_line(cx + sx * 1.5, cy, cx + sx * 6.5, cy))
            out.append(_line(cx, cy + sy * 1.5, cx, cy + sy * 6.5))
    return out


def _ruler(x: float, y: float) -> list[str]:
    out = ["0.15 w", _line(x, y, x + RULER, y)]
    for mm in range(int(RULER) + 1):
        long = 5.0 if mm % 10 == 0 else 3.5 if mm % 5 == 0 else 2.0
        out.append(_line(x + mm, y, x + mm, y + long))
        if mm % 10 == 0:
            out.append(_text(str(mm // 10), x + mm - 0.8, y - 3.5, 7))
    return [*out, _text("cm: this ruler measures 10 cm on a true print", x + RULER + 4, y, 7)]


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    return f"{x0:.4f} {y0:.4f} m {x1:.4f} {y1:.4f} l S"


def _text(text: str, x: float, y: float, points: float) -> str:
    plain = text.encode("latin-1", "replace").decode("latin-1")
    safe = plain.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F0 {points / POINT:.4f} Tf {x:.4f} {y:.4f} Td ({safe}) Tj ET"


def _file(pages: Sequence[str], page: tuple[float, float], pixels: NumpyArray) -> bytes:
    """The PDF file around the page descriptions: catalogue, pages, one font, one image, cross-reference table."""
    h, w, c = pixels.shape
    space = "/DeviceRGB" if c == 3 else "/DeviceGray"
    box = f"[0 0 {page[0] * POINT:.4f} {page[1] * POINT:.4f}]"
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(len(pages)))
    data = zlib.compress(pixels.tobytes(), 9)
    head = (
        f"<< /Type /XObject /Subtype /Image /Width {w} /Height {h} /ColorSpace {space} /BitsPerComponent 8"
        f" /Filter /FlateDecode /Length {len(data)} >>\nstream\n"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        head.encode() + data + b"\nendstream",
    ]
    for i, content in enumerate(pages):
        body = content.encode("latin-1")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents {6 + 2 * i} 0 R"
            " /Resources << /Font << /F0 3 0 R >> /XObject << /Im0 4 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(body)} >>\nstream\n".encode() + body + b"\nendstream")
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for i, body in enumerate(objects):
        places.append(len(out))
        out += f"{i + 1} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{p:010d} 00000 n \n".encode() for p in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)
