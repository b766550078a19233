"""Traffic signs from SVG files of filled paths, drawn with PIL: enough for the signs of this case."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Tree
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw

_TOKEN = re.compile(r"[MmLlHhVvCcSsQqTtAaZz]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_COUNT = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_STEPS = np.linspace(0, 1, 13)[1:]
Point = complex


def draw(path: Path, side: int, grow: int = 4) -> np.ndarray:
    """(side, side, 4) uint8: colours and alpha of one sign."""
    root = Tree.fromstring(path.read_text())
    box = [float(v) for v in (root.get("viewBox") or f"0 0 {root.get('width')} {root.get('height')}").split()]
    size = side * grow
    scale = size / max(box[2:])
    canvas = Image.new("RGBA", (size, size))
    for shape in root.iter():
        if shape.tag.rsplit("}", 1)[-1] != "path" or shape.get("fill") == "none":
            continue
        mask = Image.new("1", (size, size))
        for outline in _outlines(shape.get("d") or ""):
            if len(outline) > 2:  # where outlines overlap they cancel: holes
                one = Image.new("1", (size, size))
                corners = [((p.real - box[0]) * scale, (p.imag - box[1]) * scale) for p in outline]
                ImageDraw.Draw(one).polygon(corners, fill=1)
                mask = ImageChops.logical_xor(mask, one)
        canvas.paste(
            Image.new("RGBA", (size, size), (*ImageColor.getrgb(shape.get("fill") or "#000")[:3], 255)), (0, 0), mask
        )
    a = np.asarray(canvas, dtype=np.float32).reshape(side, grow, side, grow, 4)
    alpha = a[..., 3:].mean(axis=(1, 3))
    colours = (a[..., :3] * a[..., 3:]).mean(axis=(1, 3)) / np.maximum(alpha, 1e-6)
    return np.concatenate([colours, alpha], axis=-1).round().astype(np.uint8)


def _outlines(d: str) -> list[list[Point]]:
    """The closed outlines of a path's ``d``, curves in twelve straight pieces."""
    words = _split(d)
    out: list[list[Point]] = []
    here = start = 0j
    last, command, handle = "", "", 0j
    i = 0
    while i < len(words):
        if words[i].isalpha():
            command, i = words[i], i + 1
        kind = command.upper()
        n = [float(w) for w in words[i : i + _COUNT[kind]]]
        i += _COUNT[kind]
        base = here if command.islower() else 0j
        if kind == "M":
            here = start = base + complex(*n)
            out.append([here])
            command = "l" if command == "m" else "L"
        elif kind == "Z":
            here = start
            out.append([here])
        elif kind in "LHV":
            here = _straight(kind, n, here, base)
            out[-1].append(here)
        elif kind == "A":
            to = base + complex(n[5], n[6])
            out[-1] += _arc(here, to, n)
            here = to
        else:
            points, to, handle = _curve(kind, n, here, base, 2 * here - handle if last in "CSQT" and last else here)
            out[-1] += points
            here = to
        last = kind
    return out


def _split(d: str) -> list[str]:
    """Numbers and letters; the two flags of an arc may be written without a space between."""
    words: list[str] = []
    at, command, place = 0, "", 0
    while match := _TOKEN.search(d, at):
        word, at = match.group(), match.end()
        if word.isalpha():
            command, place = word.upper(), 0
        elif command == "A" and place % 7 in (3, 4) and len(word) > 1:
            word, at = word[0], match.start() + 1
        words.append(word)
        place += not word.isalpha()
    return words


def _straight(kind: str, n: list[float], here: Point, base: Point) -> Point:
    if kind == "L":
        return base + complex(*n)
    return complex(base.real + n[0], here.imag) if kind == "H" else complex(here.real, base.imag + n[0])


def _curve(kind: str, n: list[float], here: Point, base: Point, mirrored: Point) -> tuple[list[Point], Point, Point]:
    """Points of a Bezier curve, its end and its last handle."""
    p = [base + complex(a, b) for a, b in zip(n[::2], n[1::2], strict=True)]
    if kind in "QT":
        middle, to = (p[0], p[1]) if kind == "Q" else (mirrored, p[0])
        return [(1 - t) ** 2 * here + 2 * t * (1 - t) * middle + t * t * to for t in _STEPS], to, middle
    one, two, to = p if kind == "C" else (mirrored, *p)
    points = [(1 - t) ** 3 * here + 3 * t * (1 - t) ** 2 * one + 3 * t * t * (1 - t) * two + t**3 * to for t in _STEPS]
    return points, to, two


def _arc(here: Point, to: Point, n: list[float]) -> list[Point]:
    """An elliptic arc by its ends (SVG 1.1, appendix F.6)."""
    rx, ry, turn = abs(n[0]), abs(n[1]), np.exp(1j * np.deg2rad(n[2]))
    if not rx or not ry or here == to:
        return [to]
    half = (here - to) / 2 / turn
    grow = np.hypot(half.real / rx, half.imag / ry)
    rx, ry = (rx * grow, ry * grow) if grow > 1 else (rx, ry)
    q = complex(half.real / rx, half.imag / ry)
    root = np.sqrt(max(0.0, 1 / abs(q) ** 2 - 1)) * (1 if n[3] != n[4] else -1)
    centre = root * complex(q.imag, -q.real)
    first, second = np.angle(q - centre), np.angle(-q - centre)
    sweep = (second - first) % (2 * np.pi) - (0 if n[4] else 2 * np.pi)
    middle = (here + to) / 2
    at = [centre + np.exp(1j * (first + sweep * t)) for t in _STEPS]
    return [middle + turn * complex(z.real * rx, z.imag * ry) for z in at]
