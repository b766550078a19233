"""A page is small enough to send whatever the run holds; nothing measured is missing; what is shown of it is true."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from momus.core.evidence import Attachment, Evidence, Excerpt, Picture, Pictures, Table
from momus.core.records import Finding, Interval, Status
from momus.methods.picture import png
from momus.reports import html, pictures
from momus.reports.fitted import LIMIT
from momus.reports.pictures import Fit
from momus.reports.room import Piece, share
from momus.reports.view import ReportView
from momus.testing.report_evidence import evidence
from momus.testing.report_sample import sample_view, with_evidence

VOID = {"meta", "input", "br", "img", "link", "hr", "image", "use", "path", "rect", "line", "circle"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.refs: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "use":
            self.refs.append(str(given["href"])[1:])
        if tag in ("img", "image"):
            self.sources.append(str(given.get("src") or given.get("href")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def read(text: str) -> _Page:
    page = _Page(text)
    assert not page.open and len(page.ids) == len(set(page.ids)) and not set(page.refs) - set(page.ids)
    assert "\0" not in text
    return page


@cache
def photo(seed: int, side: int = 320) -> bytes:
    """Something like a photograph: smooth shapes under grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(6 * (a * x + b * y) + c) for a, b, c in rng.normal(size=(3, 3))]
    grain = rng.normal(scale=0.06, size=(side, side, 3))
    out = io.BytesIO()
    Image.fromarray(np.uint8(np.clip(np.dstack(waves) * 0.4 + 0.5 + grain, 0, 1) * 255)).save(out, "PNG")
    return out.getvalue()


def crowded(findings: int, shown: tuple[Evidence, ...] = (), **changed: Any) -> ReportView:
    """The sample with so many findings spread over its rows."""
    view = sample_view()
    head = view.mode("membership").headline
    assert head is not None and head.measurement is not None
    rows: dict[str, list[Finding]] = {m.id: list(m.findings) for m in view.modes}
    for k in range(findings):
        m = view.modes[k % 17]
        probe, value = f"{m.slug}.probe{k}", round(0.1 + k / (findings + 1) * 0.8, 4)
        ci = Interval(low=value - 0.01, high=value + 0.01)
        more = {"probe": probe, "value": value, "ci": ci, "evidence": shown, **changed}
        x = head.measurement.model_copy(update=more)
        status = Status.FAIL if k % 3 else Status.PASS
        found = {"mode": m.slug, "probe": probe, "measurement": x, "status": status, "target": f"t{k}", **changed}
        rows[m.id].append(head.model_copy(update=found))
    modes = tuple(m.model_copy(update={"findings": tuple(rows[m.id])}) for m in view.modes)
    return view.model_copy(update={"modes": modes})


def test_a_run_of_102_findings_with_every_kind_of_evidence_and_hundreds_of_photographs() -> None:
    rows = tuple(tuple(Picture(caption=f"row {r}, {c}", png=photo(6 * r + c)) for c in range(6)) for r in range(8))
    every = [e for kinds in evidence().values() for e in kinds]
    files = [Attachment(title="Sheet", name="sheet.pdf", media="application/pdf", data=bytes(700_000))]
    film = [Attachment(title="Film", name="film.gif", media="image/gif", data=_gif())]
    table = Table(title="Wide", columns=tuple("abcdef"), rows=((1, 2.5, "three", None, True, "six" * 9),) * 200)
    view = crowded(102, (*every, Pictures(title="Photographs", rows=rows), *files, *film, table))
    text = html.page(view)
    page = read(text)
    assert LIMIT * 0.8 < len(text.encode()) <= LIMIT, "too large, or room was wasted"
    for m in view.modes:
        for f in m.findings:
            assert f"{f.probe} on {f.target}" in page.text, f"{f.probe} is not in the page"
            if f.measurement is not None and f.probe.partition(".")[2].startswith("probe"):
                assert f"{f.measurement.value:.2f}" in page.text
    assert page.text.count("too large for this page") >= 100
    assert "Compressed for this page" in page.text and "Made small enough to send" in page.text


def _gif() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("P", (40, 30), k) for k in range(4)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_ten_thousand_findings_are_counted_where_they_cannot_be_listed() -> None:
    view = crowded(10_000)
    text = html.page(view)
    page = read(text)
    assert len(text.encode()) <= LIMIT
    listed = sum(f"probe{k} on t{k}" in page.text for k in range(0, 10_000, 10))
    more = sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) more in the JSON report, no room", page.text))
    assert more > 0 and abs(10_000 - more - 10 * listed) < 400
    heads = [m.headline for m in view.modes if m.headline is not None]
    assert not [f.probe for f in heads if f"{f.probe} on" not in page.text], (
        "what leads a row gave way to what does not"
    )


@pytest.mark.soak
@settings(max_examples=3, deadline=None)
@given(
    n=st.integers(0, 30),
    text=st.text(max_size=60).map(lambda s: s * 40),
    limit=st.integers(400_000, 900_000),
    size=st.integers(0, 400_000),
    data=st.randoms(use_true_random=False),
)
def test_any_run_fits_any_limit(n: int, text: str, limit: int, size: int, data: Any) -> None:
    every = [e for kinds in evidence().values() for e in kinds]
    every += [Excerpt(title=text, note=text, text=f"{text}\n" * 50)]
    every += [Attachment(title=text, name="a.wav", media="audio/wav", data=bytes(size))]
    every += [Table(title=text, columns=(text,) * 9, rows=((text,) * 9,) * 60)]
    data.shuffle(every)
    view = crowded(n, tuple(every[: data.randint(0, len(every))]), unit=text)
    made = html.page(view, limit=limit)
    assert len(made.encode()) <= limit
    page = read(made)
    assert not [m.id for m in view.modes if m.id not in page.ids]


def test_long_strings_everywhere_still_fit() -> None:
    flood = "&<\U0001f600" * 4000
    view = crowded(300, (Excerpt(title=flood, note=flood, text=flood),), unit=flood, reason=flood)
    run = view.run.model_copy(update={"system": flood, "versions": {f"{k}{flood}": flood for k in range(300)}})
    outside = tuple(f"{k} {flood}" for k in range(500))
    text = html.page(view.model_copy(update={"run": run, "outside": outside}))
    read(text)
    assert len(text.encode()) <= LIMIT


def _pictured(text: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(s.partition(",")[2]))) for s in read(text).sources]


def test_a_difference_is_exact_and_a_photograph_says_that_it_is_not() -> None:
    """Eight grey levels of 255 must not be the compression's: the difference is what the evidence is."""
    rng = np.random.default_rng(0)
    noise = np.uint8(128 + rng.integers(-2, 3, (120, 120, 3)) * 31)
    row = (Picture(caption="dog", png=photo(1)), Picture(caption="difference × 31", png=png(noise)))
    text = html.page(with_evidence(Pictures(title="A pair", rows=(row,))))
    own = [i for i in _pictured(text) if i.size in ((320, 320), (120, 120))]
    assert np.array_equal(np.asarray(own[1].convert("RGB")), noise)
    assert not np.array_equal(np.asarray(own[0].convert("RGB")), np.asarray(Image.open(io.BytesIO(photo(1)))))
    told = read(text).text
    assert "Compressed for this page; colours can be some shades off. Differences are exact." in told


def test_of_a_difference_that_is_too_large_an_exact_part_is_shown_and_said_to_be_one() -> None:
    rng = np.random.default_rng(1)
    noise = np.uint8(np.full((400, 400, 3), 128))
    noise[210:390, 150:330] = rng.integers(0, 256, (180, 180, 3))
    text = html.page(with_evidence(Pictures(title="D", rows=((Picture(caption="difference", png=png(noise)),),))))
    page = read(text)
    told = re.search(r"exact: (\d+) × (\d+) pixels from column (\d+), row (\d+) of 400 × 400", page.text)
    assert told, page.text[-500:]
    side, _, left, top = map(int, told.groups())
    cut = next(np.asarray(i.convert("RGB")) for i in _pictured(text) if i.size == (side, side))
    assert np.array_equal(cut, noise[top : top + side, left : left + side])
    assert 150 - side < left < 330 and np.std(cut) > 50, "the part shows nothing of what changed"


@pytest.mark.parametrize("factor", [1, 3, 7])
def test_small_pictures_and_drawings_stay_pixel_by_pixel(factor: int) -> None:
    small = np.random.default_rng(2).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    large = small.repeat(factor, axis=0).repeat(factor, axis=1)
    made = pictures.fitted(png(large, least_side=1), "seen", Fit())
    assert made is not None and made.kept == "exact" and (made.width, made.height) == (32, 24)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(made.data)).convert("RGB")), small)


def test_colours_that_cannot_be_seen_are_kept_too() -> None:
    clear = np.random.default_rng(3).integers(0, 256, (24, 32, 4), dtype=np.uint8)
    clear[..., 3] = 0
    out = io.BytesIO()
    Image.fromarray(clear).save(out, "PNG")
    made = pictures.fitted(out.getvalue(), "difference", Fit())
    assert made is not None and made.kept == "exact"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(made.data))), clear)


def test_one_picture_is_put_in_once_however_often_it_is_shown() -> None:
    rows = tuple((Picture(caption=f"shown {k}", png=photo(3)),) for k in range(6))
    text = html.page(with_evidence(Pictures(title="Again", rows=rows)))
    page = read(text)
    assert len(page.refs) == 5 and text.count(page.sources[-1]) == 1
    assert [f'aria-label="shown {k}"' in text for k in range(6)] == [True] * 6


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", photo(1)[:200], b"<svg onload=x>"],
    ids=["empty", "head", "cut", "svg"],
)
def test_bytes_that_are_no_picture_are_said_to_be_none(data: bytes) -> None:
    text = html.page(with_evidence(Pictures(title="Bad", rows=((Picture(caption="c", png=data),),))))
    assert "bytes that no picture can be made of" in read(text).text


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _head(wide: int, high: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))


def test_a_picture_that_would_unfold_to_gigabytes_is_said_to_be_too_large() -> None:
    """By its own words, or by a second header that a decoder believes instead of the first."""
    start, end = b"\x89PNG\r\n\x1a\n", _chunk(b"IDAT", zlib.compress(bytes(5001 * 15001))) + _chunk(b"IEND", b"")
    text = html.page(
        with_evidence(Pictures(title="B", rows=((Picture(caption="c", png=start + _head(5000, 5000) + end),),)))
    )
    assert "5000 × 5000 pixels are too many for a page" in read(text).text
    assert pictures.fitted(start + _head(4, 4) + _head(5000, 5000) + end, "c", Fit()) is None


def test_a_difference_longer_than_its_format_takes_is_cut() -> None:
    wide = np.random.default_rng(5).integers(0, 256, (2, 17_000, 3), dtype=np.uint8)
    made = pictures.fitted(png(wide, least_side=1), "difference", Fit())
    assert made is not None and made.kept == "cut" and made.whole == (17_000, 2)
    left, top = made.part
    cut = np.asarray(Image.open(io.BytesIO(made.data)).convert("RGB"))
    assert np.array_equal(cut, wide[top : top + 2, left : left + 2])


def test_the_whole_page_keeps_everything() -> None:
    rows = tuple((Picture(caption=f"c{k}", png=photo(k)),) for k in range(12))
    file = Attachment(title="Sheet", name="sheet.pdf", media="application/pdf", data=b"%PDF" + bytes(900_000))
    view = with_evidence(Pictures(title="Many", rows=rows), file, Table(title="T", columns=("n",), rows=((1,),) * 90))
    text = html.page(view, limit=None)
    sources = [base64.b64decode(s.partition(",")[2]) for s in read(text).sources]
    assert [photo(k) for k in range(12)] == sources[:12]
    assert base64.b64encode(file.data).decode() in text and "more rows" not in text
    short = html.page(view)
    assert "8 of 12 rows are shown" in read(short).text and "momus report 20270214-loan-7f3a" in short


def test_who_wants_little_gets_it_and_the_rest_share_what_is_left() -> None:
    def piece(want: int, weight: float = 1.0) -> Piece:
        return Piece(lambda level: {"x": "y" * (want // (level + 1) if level < 9 else 10)}, 10, weight)

    small, large, leading = piece(100), piece(10_000), piece(10_000, 3.0)
    left = share([large, small, leading], 6_000)
    sizes = [len(p.chosen["x"]) for p in (small, large, leading)]
    assert sizes[0] == 100 and sizes[2] > sizes[1] >= 10 and sum(sizes) <= 6_030 and left >= 0
