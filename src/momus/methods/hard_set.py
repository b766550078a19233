"""A mined set as a file that a user keeps: every later version of the model has to face it.

What is written is read back by Momus's own readers. Tables become CSV, texts JSON lines; pictures and clips of sound
become a zip archive of PNG or WAV files beside a table of labels, to be unpacked into a folder.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from momus.core.samples import Column, NumpyArray, Samples
from momus.core.sheets import acts
from momus.methods import sound

MOST = 8 << 20  # bytes of an archive: a report carries it
_DATE = (1980, 1, 1, 0, 0, 0)  # so that equal sets are equal files


@dataclass(frozen=True)
class Packed:
    """One file. ``rows`` of the samples are in it, ``card`` is the line of a card's ``data`` section that reads it."""

    name: str
    media: Literal["text/csv", "application/jsonl", "application/zip"]
    data: bytes
    rows: int
    card: str


def pack(samples: Samples, name: str = "hard_set") -> Packed:
    """The rows as one file, as many of the first ones as 8 MB hold.

    Labels are written by name where the samples have class names. Floats keep all digits, pictures are written with 8
    bits, sound with 16. ValueError for what is neither table, text, picture nor sound.
    """
    labels = _labels(samples)
    groups = {g: [str(v) for v in values] for g, values in samples.groups.items()}
    extra = f", groups: [{', '.join(groups)}]" if groups else ""
    if samples.is_image or samples.is_sound:
        return _archive(samples, labels, groups, name, extra)
    if samples.is_text:
        return _lines(samples, labels, groups, name)
    if samples.is_table:
        return _table(samples, labels, groups, name, extra)
    raise ValueError(f"rows of shape {samples.x.shape[1:]} cannot be written as a table, texts, pictures or sound")


def _labels(samples: Samples) -> list[str] | None:
    if samples.y is None:
        return None
    if samples.classes and samples.y.dtype.kind in "iu":
        return [samples.classes[int(i)] for i in samples.y]
    return [_number(float(v)) if isinstance(v, float | np.floating) else str(v) for v in samples.y]


def _number(v: float) -> str:
    return "" if not np.isfinite(v) else str(int(v)) if v == int(v) and abs(v) < 1e15 else repr(float(v))


def _cell(v: float, column: Column | None) -> str:
    if column is not None and column.categories and np.isfinite(v) and 0 <= int(v) < len(column.categories):
        return column.categories[int(v)]
    return _number(float(v))


def _table(samples: Samples, labels: list[str] | None, groups: dict[str, list[str]], name: str, extra: str) -> Packed:
    columns = samples.columns if len(samples.columns) == samples.x.shape[1] else ()
    names = [c.name for c in columns] or [f"x{j}" for j in range(samples.x.shape[1])]
    apart = [g for g in groups if g not in names]
    label = next(w for w in ("label", "label_", "true_label") if w not in (*names, *groups))
    rows = [[*names, *apart, *([label] if labels else [])]]
    for i, row in enumerate(samples.x):
        cells = [_cell(v, columns[j] if columns else None) for j, v in enumerate(row)]
        rows.append([*cells, *(groups[g][i] for g in apart), *([labels[i]] if labels else [])])
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    drop = f", drop: [{', '.join(apart)}]" if apart else ""
    more = f"{f', label: {label}' if labels else ''}{extra}{drop}"
    if any(acts(cell) for row in rows for cell in row):
        # Read back it must be what it was, so nothing is put in front; in an archive no spreadsheet opens it unasked.
        card = f"{name}: {{path: {name}/{name}.csv{more}}}"
        about = f"{_about(card)}\nSome cells begin like a formula: do not open the table in a spreadsheet.\n"
        files = [(f"{name}.csv", out.getvalue().encode()), ("README.txt", about.encode())]
        return Packed(f"{name}.zip", "application/zip", _zip(name, files), len(samples), card)
    card = f"{name}: {{path: {name}.csv{more}}}"
    return Packed(f"{name}.csv", "text/csv", out.getvalue().encode(), len(samples), card)


def _lines(samples: Samples, labels: list[str] | None, groups: dict[str, list[str]], name: str) -> Packed:
    rows = []
    for i, text in enumerate(samples.x):
        row = {"text": str(text), **{g: v[i] for g, v in groups.items() if g not in ("text", "label")}}
        rows.append(json.dumps({**row, **({"label": labels[i]} if labels else {})}, ensure_ascii=False))
    named = [g for g in groups if g not in ("text", "label")]
    more = f", groups: [{', '.join(named)}], drop: [{', '.join(named)}]" if named else ""
    card = f"{name}: {{path: {name}.jsonl{', label: label' if labels else ''}{more}}}"
    return Packed(f"{name}.jsonl", "application/jsonl", ("\n".join(rows) + "\n").encode(), len(rows), card)


def _archive(samples: Samples, labels: list[str] | None, groups: dict[str, list[str]], name: str, extra: str) -> Packed:
    ending = "png" if samples.is_image else "wav"
    total, files = 0, []
    listed = "labels.csv" if samples.is_image else "transcripts.csv"
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", *([("label" if samples.is_image else "text")] if labels else []), *groups])
    for i, row in enumerate(samples.x):
        content = _png(row) if samples.is_image else sound.wav(_cut(row), samples.rate or 16_000)
        total += len(content)
        if total > MOST and i:
            break
        files.append((f"{i + 1:04d}.{ending}", content))
        writer.writerow([files[-1][0], *([labels[i]] if labels else []), *(g[i] for g in groups.values())])
    card = f"{name}: {{path: {name}, label: {listed}{extra}}}"
    first = [(listed, table.getvalue().encode()), ("README.txt", _about(card).encode())]
    return Packed(f"{name}.zip", "application/zip", _zip(name, [*first, *files]), len(files), card)


def _about(card: str) -> str:
    return f"Unpack this archive beside a card and add to its data section:\n\n  {card}\n"


def _zip(name: str, files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files:
            archive.writestr(zipfile.ZipInfo(f"{name}/{path}", _DATE), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _png(image: NumpyArray) -> bytes:
    a = image if image.dtype == np.uint8 else np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(a[..., 0] if a.shape[-1] == 1 else a[..., :3]).save(out, format="PNG")
    return out.getvalue()


def _cut(clip: NumpyArray) -> NumpyArray:
    """A clip without the zeros that filled it up; one sample of silence where nothing else is left."""
    end = int(sound.lengths(clip[None])[0])
    return clip[: max(end, 1)]
