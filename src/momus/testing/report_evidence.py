"""Every kind of evidence once, made of nothing but numbers, for the fixed reports."""

from __future__ import annotations

import math
import struct
import zlib

from momus.core.evidence import (
    Bars,
    Evidence,
    Excerpt,
    FileMark,
    Grid,
    Line,
    Picture,
    Pictures,
    Series,
    Table,
)


def png(pixels: list[list[int]]) -> bytes:
    """A grey PNG whose bytes depend on nothing but the pixels: stored, not compressed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(b"\0" + bytes(row) for row in pixels)
    stored = (
        b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw + struct.pack(">I", zlib.adler32(raw))
    )
    size = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", stored) + chunk(b"IEND", b"")


def _stroke(digit: int, noise: int) -> list[list[int]]:
    """A 16 x 16 drawing of a zero, a one or a seven, with a checkered disturbance of ``noise`` grey levels."""
    rows = []
    for r in range(16):
        row = []
        for c in range(16):
            ring = abs(math.hypot((r - 7.5) / 1.25, c - 7.5) - 4.2)
            bar = abs(c - 8)
            seven = min(abs(r - 3) if 3 <= c <= 12 else 9, abs(c - (12 - (r - 3) * 0.5)) if r >= 3 and r < 14 else 9)
            distance = (ring, bar if 2 <= r <= 13 else 9, seven)[digit]
            wobble = noise * (1 if (r * 7 + c * 5 + digit * 3) % 4 < 2 else -1)
            row.append(max(0, min(255, int(230 * max(0.0, 1 - distance / 1.8)) + 12 + wobble)))
        rows.append(row)
    return rows


def evidence() -> dict[str, tuple[Evidence, ...]]:
    """Every kind of evidence, by the slug of the mode it belongs to."""
    eps = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08)
    left = (0.97, 0.86, 0.61, 0.29, 0.12, 0.03, 0.01)
    fpr = tuple(10 ** (-3 + 0.25 * i) for i in range(13))
    tpr = tuple(min(1.0, 0.09 * (f / 1e-3) ** 0.36) for f in fpr)
    rows = tuple(
        (
            Picture(caption=f"original: {digit}", png=png(_stroke(i, 0))),
            Picture(caption=f"adversarial: {wrong}", png=png(_stroke(i, 22))),
            Picture(
                caption="difference, enlarged",
                png=png([[128 + (44 if (r + c) % 3 else -44) for c in range(16)] for r in range(16)]),
            ),
        )
        for i, (digit, wrong) in enumerate((("zero", "six"), ("one", "seven"), ("seven", "two")))
    )
    corruptions = ("gaussian noise", "motion blur", "snow", "brightness", "jpeg compression")
    return {
        "perturbation": (
            Series(
                title="Accuracy that is left, by strength of the attack",
                note="The band is a 95% interval over 1,000 inputs.",
                x_label="epsilon (share of the pixel range)",
                y_label="accuracy",
                lines=(
                    Line(
                        name="pgd, 40 steps",
                        x=eps,
                        y=left,
                        low=tuple(max(0.0, v - 0.03) for v in left),
                        high=tuple(min(1.0, v + 0.03) for v in left),
                    ),
                    Line(
                        name="random noise of the same size", x=eps, y=tuple(0.97 - 0.6 * e for e in eps), dashed=True
                    ),
                ),
            ),
            Pictures(title="Inputs that were turned", note="Each pair differs by at most 8/255.", rows=rows),
        ),
        "membership": (
            Series(
                title="Members found, by false alarms allowed",
                x_label="false positive rate",
                y_label="true positive rate",
                log_x=True,
                log_y=True,
                lines=(
                    Line(
                        name="attack",
                        x=fpr,
                        y=tpr,
                        low=tuple(0.85 * t for t in tpr),
                        high=tuple(min(1.0, 1.15 * t) for t in tpr),
                    ),
                    Line(name="guessing", x=fpr, y=fpr, dashed=True),
                ),
            ),
            Table(
                title="Whose records are found most often",
                columns=("age", "records", "tpr@1%fpr", "flagged"),
                rows=(("under 25", 412, 0.44, True), ("25 to 60", 1307, 0.29, False), ("over 60", 281, 0.31, None)),
            ),
        ),
        "supply_chain": (
            FileMark(
                title="A refused file",
                note="Loading this file would run the command.",
                path="models/scorer.pkl",
                sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                offset=71,
                what="GLOBAL os system, then REDUCE",
                severity="dangerous",
            ),
            Excerpt(
                title="Opcodes around byte 71",
                text="   71: c    GLOBAL     'os system'\n   82: X    BINUNICODE 'curl …'\n  104: R    REDUCE",
            ),
        ),
        "shift": (
            Bars(
                title="Error by region",
                note="The dashed line is the error over all rows.",
                y_label="error",
                names=("north", "east", "south", "west", "overseas"),
                values=(0.11, 0.12, 0.10, 0.13, 0.21),
                low=(0.09, 0.10, 0.08, 0.10, 0.12),
                high=(0.13, 0.14, 0.12, 0.16, 0.33),
                reference=0.12,
            ),
        ),
        "corruption": (
            Grid(
                title="Accuracy kept, by corruption and severity",
                rows=corruptions,
                columns=("1", "2", "3", "4", "5"),
                values=tuple(tuple(round(1.0 - 0.02 * (i + 1) * s, 3) for s in range(1, 6)) for i in range(5)),
                value_label="share of clean accuracy",
            ),
        ),
    }
