"""The pictures of one page: each is embedded once, however often it is shown, and what it lost is said beside it."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from html import escape

from markupsafe import Markup

from momus.core.evidence import Attachment, Picture, Pictures
from momus.reports.pictures import Shown, as_it_is, first_frame, fitted, is_difference, unshown
from momus.reports.room import Ledger, Room
from momus.reports.text import clean

_MARK = re.compile("\0P(\\d+)\0")
_AROUND = 260  # bytes of an element around its picture, at most
ELSEWHERE = "The JSON report and the store keep every picture whole."


def shown(picture: Picture, room: Room) -> Shown | None:
    """The picture as that much room allows."""
    return as_it_is(picture.png) if room.whole else fitted(picture.png, picture.caption, room.fit)


def address(made: Shown | None) -> str:
    """A data address."""
    return "" if made is None else f"data:{made.media};base64,{base64.b64encode(made.data).decode()}"


def figure(picture: Picture, room: Room, album: Album | None) -> Markup:
    """The picture over its caption; with an album, a mark that becomes the picture once all of the page is known."""
    made = shown(picture, room)
    words = clean(picture.caption, room.text)
    if made is None:
        said = f"<small>{unshown(picture.png)}</small>"
        return Markup(f"<figure><figcaption>{escape(words)}{said}</figcaption></figure>")  # noqa: S704 - escaped
    inner = _alone(made, words) if album is None else album.place(made, words)
    part = f"<small>{_part(made)}</small>" if made.kept == "cut" else ""
    css = ' class="photo sharp"' if made.photo and made.kept != "compressed" else ' class="photo"' * made.photo
    return Markup(f"<figure{css}>{inner}<figcaption>{escape(words)}{part}</figcaption></figure>")  # noqa: S704


def _part(made: Shown) -> str:
    return (
        f"exact: {made.width} × {made.height} pixels from column {made.part[0]}, row {made.part[1]} "
        f"of {made.whole[0]} × {made.whole[1]}"
    )


def told(pictures: Pictures, room: Room) -> str:
    """What a reader must know about what is shown: how much of it, and what was lost on the way to the page."""
    if room.whole:
        return ""
    count = sum(len(row) for row in pictures.rows)
    if not room.rows:
        return f"{count} {'picture has' if count == 1 else 'pictures have'} no room in this page. {ELSEWHERE}"
    says = []
    if len(pictures.rows) > room.rows:
        says.append(f"{room.rows} of {len(pictures.rows)} rows are shown.")
    if any(len(row) > room.columns for row in pictures.rows[: room.rows]):
        says.append(f"{room.columns} pictures a row are shown.")
    there = [(p, shown(p, room)) for row in pictures.rows[: room.rows] for p in row[: room.columns]]
    if any(s is not None and s.kept == "compressed" for _, s in there):
        says.append("Compressed for this page; colours can be some shades off.")
        if any(is_difference(p.caption) and s is not None for p, s in there):
            says.append("Differences are exact.")
    return " ".join([*says, ELSEWHERE]) if says else ""


def still(film: Attachment, room: Room) -> Markup:
    """The first picture of a film, where the film itself has no room; nothing where it cannot be read."""
    if film.media != "image/gif" or not room.plots:
        return Markup()
    made = first_frame(film.data, room.fit)
    if made is None:
        return Markup()
    words = f"first picture of: {clean(film.title, 200)}"
    return Markup(_alone(made, words, "film"))  # noqa: S704 - escaped there


def film(e: Attachment, album: Album) -> Markup:
    """A film of the page."""
    size = (int.from_bytes(e.data[6:8], "little"), int.from_bytes(e.data[8:10], "little"))
    made = Shown(e.media, e.data, *size, False, "exact", whole=size)
    return Markup(album.place(made, clean(e.title, 200) or "film", "film"))  # noqa: S704 - a mark


def _alone(made: Shown, words: str, css: str = "") -> str:
    named = f'class="{css}" ' if css else ""
    size = f'width="{made.width}" height="{made.height}"'
    return f'<img {named}{size} alt="{escape(words) or "picture"}" src="{address(made)}">'


class Album(Ledger):
    """What a page shows, by digest."""

    def __init__(self) -> None:
        self.uses: list[tuple[str, str, str]] = []
        self.made: dict[str, Shown] = {}
        self._places: dict[tuple[str, str, str], int] = {}
        self.held: Counter[str] = Counter()

    def place(self, made: Shown, words: str, css: str = "") -> str:
        """A mark for one picture under one caption; it becomes the picture at the end."""
        key = sha256(made.data).hexdigest()[:20]
        self.made[key] = made
        place = self._places.setdefault((key, words, css), len(self.uses))
        if place == len(self.uses):
            self.uses.append((key, words, css))
        return f"\0P{place}\0"

    def keys(self, text: str) -> list[str]:
        """The pictures that a piece of the page shows."""
        return [self.uses[int(n)][0] for n in _MARK.findall(text)]

    def cost(self, made: Mapping[str, str]) -> int:
        """Bytes that these pieces add by their pictures: one that the page holds already is referred to."""
        used = [n for text in made.values() for n in _MARK.findall(text)]
        new = {key for key in (self.uses[int(n)][0] for n in used) if not self.held[key]}
        around = sum(_AROUND + len(escape(self.uses[int(n)][1]).encode()) for n in used)
        return around + sum(len(self.made[k].data) * 4 // 3 + 4 for k in new)

    def hold(self, made: Mapping[str, str]) -> None:
        """These pieces are in the page."""
        self.held.update(k for text in made.values() for k in self.keys(text))

    def release(self, made: Mapping[str, str]) -> None:
        """These pieces are not in the page any more."""
        self.held.subtract(k for text in made.values() for k in self.keys(text))

    def finish(self, page: str) -> str:
        """The page with its pictures: one shown twice or more is drawn once and referred to."""
        often = Counter(self.keys(page))
        first: set[str] = set()

        def element(found: re.Match[str]) -> str:
            key, words, css = self.uses[int(found[1])]
            made = self.made[key]
            if often[key] == 1:
                return _alone(made, words, css)
            named = f'class="{css}" ' if css else ""
            box = (
                f'{named}viewBox="0 0 {made.width} {made.height}" role="img" aria-label="{escape(words) or "picture"}"'
            )
            if key in first:
                return f'<svg {box}><use href="#i{key}"/></svg>'
            first.add(key)
            size = f'width="{made.width}" height="{made.height}"'
            return f'<svg {box}><image id="i{key}" {size} href="{address(made)}"/></svg>'

        return _MARK.sub(element, page)
