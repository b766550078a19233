"""The print sheet: read back without our own writer's help, its sizes are the ones asked for."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.methods.viewing.sheet import MARGIN, PAPERS, resample, sheet

INCH = 25.4
TEXTURE = np.random.default_rng(0).random((12, 24, 3)).astype(np.float32)


def pages(pdf: bytes) -> list[tuple[tuple[float, float], str]]:
    """(width and height in mm from the MediaBox, content stream) of each page."""
    boxes = [tuple(float(v) / 72 * INCH for v in m) for m in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)]
    streams = re.findall(rb"/Length \d+ >>\nstream\n(.*?)\nendstream", pdf, re.DOTALL)
    texts = [s.decode("latin-1") for s in streams if b"/Im0 Do" in s]
    assert len(boxes) == len(texts)
    return list(zip(boxes, texts, strict=True))  # type: ignore[arg-type]


def placed(content: str) -> tuple[float, float]:
    """Width and height in mm at which the image is put on paper, from the two matrices before it."""
    scale = float(re.search(r"^([\d.]+) 0 0 [\d.]+ 0 0 cm", content, re.MULTILINE)[1])  # type: ignore[index]
    w, h = re.search(r"q ([\d.]+) 0 0 ([\d.]+) \S+ \S+ cm /Im0 Do", content).groups()  # type: ignore[union-attr]
    return float(w) * scale / 72 * INCH, float(h) * scale / 72 * INCH


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("width", [40.0, 145.0, 100.0])
def test_true_size_on_true_paper(paper: str, width: float) -> None:
    ((box, content),) = pages(sheet(TEXTURE, width_mm=width, title="a", paper=paper))
    assert sorted(box) == pytest.approx(sorted(PAPERS[paper]), abs=0.01)
    assert placed(content) == pytest.approx((width, width / 2), abs=0.01)


def test_the_ruler_is_ten_centimetres() -> None:
    ((_, content),) = pages(sheet(TEXTURE, width_mm=50, title="a"))
    lines = [tuple(map(float, m)) for m in re.findall(r"([\d.]+) ([\d.]+) m ([\d.]+) ([\d.]+) l S", content)]
    assert max(x1 - x0 for x0, y0, x1, y1 in lines if y0 == y1) == pytest.approx(100.0)
    ticks = sorted(x0 for x0, y0, x1, y1 in lines if x0 == x1 and y0 == lines[-1][1] and y1 - y0 <= 5.0)
    assert np.diff(ticks) == pytest.approx(1.0) and len(ticks) == 101
    assert "10 cm" in content and "Print at 100 %" in content


def test_crop_marks_point_at_the_corners_of_the_print() -> None:
    """Eight strokes outside the print, each in line with one of its edges."""
    ((_, content),) = pages(sheet(TEXTURE, width_mm=50, title="a"))
    left, bottom, width, height = map(float, re.findall(r"q ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re W n", content)[0])
    strokes = re.findall(r"([\d.]+) ([\d.]+) m ([\d.]+) ([\d.]+) l S", content.split("0.1 w")[1].split("0.15 w")[0])
    lines = [tuple(map(float, m)) for m in strokes]
    beside = {round(x0 - left, 2) for x0, _, x1, _ in lines if x0 == x1}
    above = {round(y0 - bottom, 2) for _, y0, _, y1 in lines if y0 == y1}
    assert len(lines) == 8 and beside == {0.0, width} and above == {0.0, height}
    inside = [x for x in lines if left < x[2] < left + width and bottom < x[3] < bottom + height]
    assert not inside


def test_what_is_too_large_goes_over_pages_that_make_the_whole() -> None:
    found = pages(sheet(TEXTURE, width_mm=500, title="a"))
    windows = [
        re.search(r"q ([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re W n", content).groups()  # type: ignore[union-attr]
        for _, content in found
    ]
    assert sum(float(w) * float(h) for _, _, w, h in windows) == pytest.approx(500 * 250, rel=1e-4)
    assert all(placed(content) == pytest.approx((500, 250), abs=0.01) for _, content in found)
    assert f"Page 1 of {len(found)}" in found[0][1]
    for (width, height), content in found:
        x, y, w, h = map(float, re.search(r"q (\S+) (\S+) (\S+) (\S+) re W n", content).groups())  # type: ignore[union-attr]
        assert x >= MARGIN - 1e-6 and y >= MARGIN and x + w <= width - MARGIN + 1e-6 and y + h <= height - MARGIN


def test_landscape_where_it_fits_on_fewer_pages() -> None:
    ((box, _),) = pages(sheet(TEXTURE, width_mm=260, title="a"))
    assert box[0] > box[1]


def test_the_image_inside_is_the_texture() -> None:
    pdf = sheet(TEXTURE, width_mm=100, title="a")
    head = re.search(rb"/Width (\d+) /Height (\d+) /ColorSpace /DeviceRGB.*?/Length (\d+) >>\nstream\n", pdf, re.DOTALL)
    assert head is not None
    w, h, length = (int(g) for g in head.groups())
    pixels = np.frombuffer(zlib.decompress(pdf[head.end() : head.end() + length]), np.uint8).reshape(h, w, 3)
    k = w // 24
    means = pixels.reshape(12, k, 24, k, 3).mean((1, 3)) / 255
    assert np.corrcoef(means.ravel(), TEXTURE.ravel())[0, 1] > 0.93


def test_cross_reference_table_points_at_its_objects() -> None:
    pdf = sheet(TEXTURE, width_mm=500, title="a")
    start = int(re.search(rb"startxref\n(\d+)", pdf)[1])  # type: ignore[index]
    places = [int(p) for p in re.findall(rb"(\d{10}) 00000 n", pdf[start:])]
    assert all(pdf[p:].startswith(f"{i + 1} 0 obj".encode()) for i, p in enumerate(places))


def test_long_lines_are_folded() -> None:
    ((_, content),) = pages(sheet(TEXTURE, width_mm=50, title="a", lines=["turned " * 40]))
    said = re.findall(r"\((turned.*?)\) Tj", content)
    assert len(said) >= 2 and max(map(len, said)) <= 130


def test_same_bytes_and_no_date() -> None:
    assert sheet(TEXTURE, width_mm=70, title="a") == sheet(TEXTURE, width_mm=70, title="a")
    assert b"Date" not in sheet(TEXTURE, width_mm=70, title="a")


def test_grey_alpha_and_odd_words() -> None:
    alpha = np.zeros((12, 24), np.float32)
    alpha[3:9] = 1
    pdf = sheet(TEXTURE[..., :1], width_mm=70, title="a (b) \\ ü 漢", alpha=alpha)
    assert b"/DeviceGray" in pdf and rb"a \(b\) \\ " in pdf


@pytest.mark.parametrize(
    "asked", [{"width_mm": 0}, {"width_mm": float("nan")}, {"width_mm": 9e9}, {"width_mm": 9, "paper": "a9"}]
)
def test_nonsense_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(ProbeError):
        sheet(TEXTURE, title="a", **asked)  # type: ignore[arg-type]


def test_enlarging_keeps_edges_and_means() -> None:
    big = resample(TEXTURE, 4)
    assert big.shape == (48, 96, 3) and big.min() >= TEXTURE.min() and big.max() <= TEXTURE.max()
    assert np.array_equal(resample(TEXTURE, 1), TEXTURE)
    assert np.allclose(big[0, 0], TEXTURE[0, 0])
