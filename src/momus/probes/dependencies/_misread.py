"""What a report shows of files that a path misreads, for dependencies.decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from momus.core.capabilities import Serving
from momus.core.evidence import Evidence, Picture, Pictures, Table
from momus.methods.fuzz.decoders import picture, picture_in
from momus.methods.fuzz.decoders_images import shown
from momus.methods.picture import png
from momus.probes.dependencies._serving import attached, file_name
from momus.probes.dependencies._tricked import Read

_SHOWN = 6
_TELLING = ("scaled down", "under transparency", "animated")  # shown first: they hide another picture


def table(found: Sequence[Read], names: Sequence[str]) -> Table:
    """A row a trick: how each reader took it."""
    order = {True: 0, None: 1, False: 2}
    rows = [
        (r.trick.name, *(r.by[n] for n in names), _word(r), r.trick.hides if r.silent else "")
        for r in sorted(found, key=lambda r: order[r.silent])
    ]
    columns = ("file", *names, "answer", "what is missed")
    note = "as seen: read as the plain file of what people see; otherwise: as something else, without a word"
    return Table(title="Files that can be read in two ways", columns=columns, rows=tuple(rows), note=note)


def _word(read: Read) -> str:
    if not read.alike:
        return "another, of the same content"
    return {True: "changed", False: "the same", None: ""}[read.changed]


def shown_pictures(found: Sequence[Read]) -> list[Pictures]:
    """What people see beside what the model is given, for the tricks that got through."""
    rows = []
    silent = sorted((r for r in found if r.silent), key=lambda r: not r.trick.name.endswith(_TELLING))
    for r in silent[: 2 * _SHOWN]:
        seen, given = shown(r.trick.seen), _as_picture(r.decoded)
        if seen is None or given is None:
            continue
        small = _thumbnail(seen)
        rows.append(
            (Picture(caption=r.trick.name, png=png(small)), Picture(caption="what the model is given", png=png(given)))
        )
    title = "What people see, and what the model is given"
    return [Pictures(title=title, rows=tuple(rows[:_SHOWN]))] if rows else []


def _thumbnail(image: Any) -> Any:
    flat = Image.fromarray(image)
    flat.thumbnail((256, 256))
    return np.asarray(flat)


def _as_picture(decoded: Any) -> Any:
    """What a path made of a file, spread over the greys there are; None where it is no picture."""
    found = None if decoded is None else picture_in(decoded)
    if found is None:
        return None
    a = picture(found)
    if a.ndim != 3 or a.shape[-1] != 3 or min(a.shape[:2]) < 4:
        return None
    values = np.nan_to_num(a.astype(np.float64))
    low, high = float(values.min()), float(values.max())
    return _thumbnail(np.round(255 * (values - low) / max(high - low, 1e-9)).astype(np.uint8))


def attachments(found: Sequence[Read], serving: Serving) -> list[Evidence]:
    """The files themselves, the smallest first, each with the line that sends it through the path again."""
    out: list[Evidence] = []
    for r in sorted((r for r in found if r.silent), key=lambda r: len(r.trick.data))[:_SHOWN]:
        kept = attached(serving, r.trick.name, r.trick.data, file_name(r.trick.name, r.format))
        out += [] if kept is None else [kept]
    return out
