"""dependencies.decoders: silent misreadings are found, refusals are none, and what could not be tried is no pass."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from momus.core.records import Measurement
from momus.core.registry import get_probe
from momus.judge import decide, limit_for
from momus.methods.fuzz.harness import Outcome
from momus.targets import Target
from momus.zoo import cases

PROBE = get_probe("dependencies.decoders")


def plain(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((24, 24)), np.float32)


def upright(data: bytes) -> Any:
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(turned.convert("RGB").resize((24, 24)), np.float32)


def measured(**settings: Any) -> Measurement:
    given = {"answer": plain, "decode": plain, "formats": ("jpeg",), **settings}
    return PROBE(Target.from_served(given.pop("answer"), **given))


def status(m: Measurement) -> str:
    return decide(m, limit_for(PROBE.id, {})).status


def figures(m: Measurement) -> dict[str, float]:
    return {f.name: f.value for f in m.figures}


def test_a_plain_decoder_overlooks_turns_and_profiles_and_says_what_it_was_given() -> None:
    m = measured()
    assert (m.value, status(m)) == (3, "fail")
    rows = next(e for e in m.evidence if e.kind == "table").rows
    assert {r[0] for r in rows if r[1] == "otherwise"} == {
        "jpeg: a quarter turn", "jpeg: half a turn", "jpeg: colour profile",
    }  # fmt: skip
    assert {e.kind for e in m.evidence} == {"table", "pictures", "attachment"}


def test_another_reader_that_applies_the_turn_disagrees_with_one_that_does_not() -> None:
    def half(data: bytes) -> Any:
        return plain(data)[:, :12]

    # Both are judged by themselves: that they cut and scale in other ways does not matter.
    m = measured(decode=half, also={"viewer": upright})
    table = next(e for e in m.evidence if e.kind == "table")
    assert table.columns == ("file", "decode", "viewer", "answer", "what is missed")
    row = next(r for r in table.rows if r[0] == "jpeg: a quarter turn")
    assert row[1:3] == ("otherwise", "as seen")


def test_the_other_reader_may_be_the_one_that_errs() -> None:
    m = measured(answer=upright, decode=upright, also={"training": plain})
    row = next(r for r in m.evidence[0].rows if r[0] == "jpeg: half a turn")  # type: ignore[union-attr]
    assert row[1:3] == ("as seen", "otherwise")
    assert m.value == 3


def test_a_refusal_is_no_misreading() -> None:
    def strict(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data))
        if image.getexif() or "icc_profile" in image.info:
            raise ValueError("plain files only")
        return plain(data)

    m = measured(answer=strict, decode=strict, refuses=("ValueError",))
    assert (m.value, status(m), figures(m)["refused"]) == (0, "pass", 3)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"formats": ()}, "too-few-samples"),
        ({"formats": ("csv",)}, "too-few-samples"),
        ({"answer": lambda _d: "cat", "decode": None}, "too-few-samples"),
        ({"decode": lambda _d: 1 / 0}, "never-read"),
    ],
)
def test_what_could_not_be_tried_is_no_pass(settings: dict[str, Any], code: str) -> None:
    m = measured(**settings)
    assert status(m) == "inconclusive"
    assert code in {c.code for c in m.caveats}


def test_answers_that_changed_are_counted() -> None:
    def side(data: bytes) -> str:
        a = plain(data).mean(axis=2)
        return "left" if a[:, :12].mean() > a[:, 12:].mean() else "right"

    half = np.zeros((40, 60, 3), np.uint8)
    half[:, :30] = 200
    out = io.BytesIO()
    Image.fromarray(half).save(out, "JPEG", quality=95)
    m = measured(answer=side, decode=plain, examples=(("a.jpg", out.getvalue()),))
    assert figures(m)["answers_changed"] >= 1


def test_the_same_files_are_made_again_from_the_same_seed() -> None:
    first, again = (measured(formats=("png", "wav")) for _ in range(2))
    assert first.model_dump(exclude={"cost"}) == again.model_dump(exclude={"cost"})


def test_a_spent_budget_is_no_pass() -> None:
    from momus.core.meter import Budget

    target = Target.from_served(upright, decode=upright, formats=("bmp", "png"))
    m = PROBE(target, budget=Budget(queries=30))
    assert status(m) != "pass"
    assert "budget-spent" in {c.code for c in m.caveats}


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
def test_twins(seed: int) -> None:
    for case in cases(PROBE.id, seed):
        found = status(PROBE(case.target, seed=seed))
        assert found == "fail" if case.faulty else found in ("pass", "inconclusive"), case.name


@pytest.mark.parametrize(
    ("trick", "seen", "changed"),
    [
        ({"label": "a", "score": 0.51}, {"label": "a", "score": 0.52}, False),
        ({"label": "a", "score": 0.51}, {"label": "b", "score": 0.51}, True),
        (np.array([0.2, 0.8]), np.array([0.1, 0.9]), False),
        (np.array([0.8, 0.2]), np.array([0.1, 0.9]), True),
        (100.0, 100.5, False),
        (100.0, 140.0, True),
    ],
)
def test_an_answer_changes_when_the_decision_does(trick: Any, seen: Any, changed: bool) -> None:
    from momus.probes.dependencies._tricked import _changed

    assert _changed(*(Outcome("answered", 0.0, 0.0, "", a) for a in (trick, seen))) is changed


# -- no fail by chance, no pass by silence -----------------------------------------------------------------------------
def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


def careful(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
        profile = opened.info.get("icc_profile")
        if profile:
            image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB) or image
        return image.convert("RGB")


SRGB = ImageCms.createProfile("sRGB")
BOX = Image.Resampling.BOX


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("how", ["crops", "turns", "seldom turns", "stripes"])
def test_a_reader_that_draws_lots_never_fails_by_chance(how: str, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def read(data: bytes) -> Any:
        small = np.asarray(careful(data).resize((48, 48), BOX), np.float32)
        if how == "crops":
            r, c = rng.integers(0, 24, size=2)
            return small[r : r + 24, c : c + 24]
        if how == "stripes":
            return rng.random((8, 8))
        return small[:, ::-1].copy() if rng.random() < (0.5 if how == "turns" else 0.1) else small

    m = PROBE(Target.from_served(read, decode=read, formats=("jpeg",)), seed=seed)
    assert status(m) == "inconclusive", m.caveats
    assert m.value == 0


OUTPUTS: dict[str, Any] = {
    "picture": lambda i: i.resize((32, 32), BOX),
    "bytes": lambda i: i.resize((32, 32), BOX).tobytes(),
    "named": lambda i: {"pixels": np.asarray(i.resize((32, 32), BOX)), "kind": "rgb"},
    "flat": lambda i: np.asarray(i.convert("L").resize((12, 12), BOX)).ravel() / 255,
    "batch, channels first": lambda i: np.asarray(i.resize((32, 32), BOX)).transpose(2, 0, 1)[None] / 255,
    "middle": lambda i: np.asarray(i.resize((40, 40), BOX).crop((4, 4, 36, 36))),
    "as large as it is": np.asarray,
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_careful_readers_pass_and_careless_ones_fail_whatever_they_hand_on(output: str) -> None:
    def good(data: bytes) -> Any:
        return OUTPUTS[output](careful(data))

    def bad(data: bytes) -> Any:
        return OUTPUTS[output](Image.open(io.BytesIO(data)).convert("RGB"))

    assert status(measured(answer=good, decode=good)) == "pass"
    assert status(measured(answer=bad, decode=bad)) == "fail"


@pytest.mark.parametrize("output", ["named", "bytes"])
def test_skipping_pixels_is_seen_in_every_output(output: str) -> None:
    def near(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return OUTPUTS[output](image.resize((32, 32), Image.Resampling.NEAREST))

    m = measured(answer=near, decode=near, formats=("bmp",))
    assert any(r[0] == "bmp: scaled down" and r[1] == "otherwise" for e in m.evidence[:1] for r in e.rows)  # type: ignore[union-attr]


def test_where_scaling_cannot_be_measured_there_is_no_pass() -> None:
    def normal(data: bytes) -> Any:
        small = np.asarray(careful(data).resize((24, 24), BOX), np.float64)
        return (small - small.mean()) / (small.std() + 1e-3)

    m = measured(answer=normal, decode=normal, formats=("bmp",))
    assert (status(m), codes(m)) == ("inconclusive", {"scaling-not-known"})
    kept = PROBE(Target.from_served(normal, decode=normal, formats=("bmp",)), scaling=False)
    assert status(kept) == "pass"


def test_an_answer_that_reads_the_file_once_more_is_found_behind_a_careful_decoder() -> None:
    def answer(data: bytes) -> int:
        small = np.asarray(Image.open(io.BytesIO(data)).convert("L").resize((4, 4), BOX))
        return int(small.argmax())

    def decode(data: bytes) -> Any:
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))

    m = measured(answer=answer, decode=decode, formats=("bmp", "webp"))
    rows = {r[0]: r[1:3] for r in m.evidence[0].rows}  # type: ignore[union-attr]
    assert rows["webp: half a turn"] == ("as seen", "another, of the same content")
    assert status(m) == "fail"


def test_a_further_reader_that_tells_nothing_apart_is_no_comparison() -> None:
    def good(data: bytes) -> Any:
        return np.asarray(careful(data).resize((24, 24), BOX))

    m = measured(answer=good, decode=good, also={"viewer": lambda _d: np.zeros((4, 4))})
    assert (status(m), codes(m)) == ("inconclusive", {"reader-not-compared"})


def test_a_path_that_refuses_plain_files_too_was_not_tried() -> None:
    def good(data: bytes) -> Any:
        if data[:2] == b"BM":
            raise ValueError("no BMP here")
        return np.asarray(careful(data).resize((24, 24), BOX))

    m = measured(answer=good, decode=good, formats=("jpeg", "bmp"), refuses=("ValueError",))
    assert status(m) == "inconclusive"
    assert figures(m)["open"] == 3


def test_a_hang_or_a_crash_is_no_pass() -> None:
    def good(data: bytes) -> Any:
        image = Image.open(io.BytesIO(data))
        if "icc_profile" in image.info:
            raise SystemExit(1)
        return np.asarray(careful(data).resize((24, 24), BOX))

    assert status(measured(answer=good, decode=good)) == "inconclusive"


def _saved(image: Image.Image, format_: str) -> bytes:
    out = io.BytesIO()
    image.save(out, format_)
    return out.getvalue()


def test_grey_blank_and_equal_examples_still_show_something() -> None:
    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 256, size=(6, 8), dtype=np.uint8)).resize((48, 36), BOX)
    files = [_saved(i, "JPEG") for i in (Image.new("RGB", (50, 50), "white"), grey, grey)]

    def good(data: bytes) -> Any:
        return np.asarray(careful(data).resize((24, 24), BOX))

    m = measured(answer=good, decode=good, examples=tuple((f"{i}.jpg", f) for i, f in enumerate(files)))
    assert (status(m), figures(m)["open"]) == ("pass", 0)


@pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "wav", "csv", "json", "text", "npy"])
def test_damaged_empty_and_huge_examples_end_nothing(format_: str) -> None:
    rng = np.random.default_rng(4)
    honest = b'[{"a": 1.5}, "b"]' if format_ in ("csv", "json", "text") else _saved(Image.new("RGB", (9, 9)), "PNG")
    deep = b"[" * 900 + b"1" + b"]" * 900
    spoilt = [bytes(np.where(rng.random(len(honest)) < 0.1, 7, np.frombuffer(honest, np.uint8)).astype(np.uint8))]
    examples = [b"", deep, b"a,b\n" + b"1,2\n" * 600_000, b"\x93NUMPY\x01\x00", b"RIFF\0\0\0\0WAVE", *spoilt]
    from momus.methods.fuzz.decoders import tricks

    for data in examples:
        made = tricks(format_, [data], np.random.default_rng(0))
        assert sum(len(t.data) for t in made) < 20_000_000


class Frame:
    """A table with names over its columns, as pandas and polars have them."""

    def __init__(self, data: bytes) -> None:
        head, *rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
        self.columns = head
        self._cells = np.array([[float(c) for c in row] for row in rows if row])

    def to_numpy(self) -> Any:
        return self._cells

    def __getitem__(self, name: str) -> Any:
        return self._cells[:, self.columns.index(name)]


def test_columns_of_a_table_go_by_their_names() -> None:
    examples = (("a.csv", b"a,b\n" + b"".join(b"%d,%d\n" % (i, 7 * i + 1) for i in range(9))),)
    m = measured(answer=Frame, decode=Frame, formats=("csv",), examples=examples)
    assert "columns in another order" not in str([r[0] for r in m.evidence[0].rows if r[1] == "otherwise"])  # type: ignore[union-attr]
    bare = measured(answer=Frame, decode=lambda d: Frame(d).to_numpy(), formats=("csv",), examples=examples)
    assert "columns in another order" in str([r[0] for r in bare.evidence[0].rows if r[1] == "otherwise"])  # type: ignore[union-attr]
