"""What can be taken away: reports as their own renderers make them, attachments, and pictures by their digest."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from momus.core.digest import of_bytes
from momus.core.errors import NotFound
from momus.core.evidence import Attachment, Picture, Pictures
from momus.reports.room import Room
from momus.reports.text import clean
from momus.reports.write import FORMATS, renderer
from momus.store.rows import INLINE_BYTES
from momus.web.pages import Ask, Download, Router, download
from momus.web.reading_runs import found_one

router = Router()
# How much of each kind a page of one finding shows; its JSON has everything.
ROOM = Room(text=1200, items=500, figures=300, table=500, lines=500, rows=40, columns=12, whole=True)
PHOTO = 160  # pixels from which on a picture is shown smaller than it is
PNG = b"\x89PNG\r\n\x1a\n"
_SHA = re.compile(r"([0-9a-f]{64})\.png")
_MEDIA = {
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".sarif": "application/sarif+json",
}
_NAMES = {".html": "a page", ".md": "Markdown", ".txt": "text", ".xml": "JUnit"}
# One name a format: .htm and .markdown are other spellings of what is there.
REPORTS = {suffix: kind for suffix, kind in FORMATS.items() if suffix in _MEDIA}


def name_of(suffix: str) -> str:
    """What people call a format."""
    return _NAMES.get(suffix, suffix[1:].upper())


def _report(suffix: str, kind: str) -> Callable[..., Download]:
    def report(ask: Ask, run: str) -> Download:
        head = ask.shelf.run(run)
        out = io.StringIO()
        renderer(kind)(ask.shelf.view(head.id), out)
        return Download(out.getvalue(), f"momus-{head.id}{suffix}")

    report.__name__ = f"report_{kind}"
    report.__doc__ = f"The report of a run as {suffix[1:]}, to be saved."
    return report


for _suffix, _kind in REPORTS.items():
    download(router, f"/runs/{{run}}/report{_suffix}", media=_MEDIA[_suffix])(_report(_suffix, _kind))


@download(router, "/runs/{run}/modes/{mode}/{key}/files/{number}", media="application/octet-stream")
def attachment(ask: Ask, run: str, mode: str, key: str, number: int) -> Download:
    """A file that belongs to a finding: saved, never shown, whatever it holds."""
    measured = found_one(ask.shelf.judged(run), mode, key).finding.measurement
    shown = measured.evidence if measured is not None else ()
    item = shown[number] if 0 <= number < len(shown) else None
    if not isinstance(item, Attachment):
        raise NotFound("this finding has no such file")
    return Download(item.data, item.name)


@download(router, "/pictures/{name}", media="image/png")
def picture(ask: Ask, name: str) -> Download:
    """A picture of the evidence by its digest."""
    found = _SHA.fullmatch(name)
    content = ask.store.blob(found[1]) if found else b""
    if not content.startswith(PNG):
        raise NotFound("there is no such picture")
    return Download(content, name, inline=True)


def picture_figure(shown: Picture) -> Markup:
    """A picture over its caption, as it was stored. Small ones, which the store keeps in their record, stand in the
    page; others have an address of their own."""
    words = escape(clean(shown.caption, ROOM.text))
    png = shown.png
    if not png.startswith(PNG) or len(png) < 24:
        said = "<small>bytes that no picture can be made of</small>"
        return Markup(f"<figure><figcaption>{words}{said}</figcaption></figure>")  # noqa: S704 - escaped
    where = f"/pictures/{of_bytes(png)}.png" if len(png) > INLINE_BYTES else _inline(png)
    wide, high = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    photo = ' class="photo"' if wide >= PHOTO else ""
    image = f'<img src="{where}" width="{wide}" height="{high}" alt="{words or "picture"}" loading="lazy">'
    return Markup(f"<figure{photo}>{image}<figcaption>{words}</figcaption></figure>")  # noqa: S704 - escaped


def pictures_told(shown: Pictures, room: Room) -> str:
    """How many of the pictures a page shows, where it is not all of them."""
    wide = max((len(row) for row in shown.rows), default=0)
    if len(shown.rows) <= room.rows and wide <= room.columns:
        return ""
    return f"{min(room.rows, len(shown.rows))} of {len(shown.rows)} rows are shown. This page as JSON has them all."


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@pass_context
def saved(context: Context, evidence: Attachment) -> str:
    """Where a page offers an attachment for saving."""
    made: str = context["page"].attachment(evidence)
    return made
