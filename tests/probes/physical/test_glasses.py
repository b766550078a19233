"""physical.glasses: frames sit on the eyes, turn recognisers that look there, and are tested on people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.evidence import Attachment
from momus.core.meter import Budget
from momus.core.records import Measurement
from momus.core.samples import Samples
from momus.methods.viewing.model import Condition
from momus.probes.physical import _flat
from momus.probes.physical._frame import HIGH, PUPILS_MM, WIDE, frame, shape
from momus.probes.physical.glasses import glasses
from momus.zoo.physical import _faces as faces

QUICK: dict[str, Any] = {"people": 3, "steps": 25, "batch": 4, "views": 2, "sweep": 0}


def measure(how: str = "brow", test: Samples | None = None, **options: Any) -> Measurement:
    return glasses(faces.target(how), faces=faces.heads(0) if test is None else test, **{**QUICK, **options})


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


@pytest.fixture(scope="module")
def dodged() -> Measurement:
    return measure()


def test_dodges_a_recogniser_that_looks_at_the_brow(dodged: Measurement) -> None:
    assert dodged.value > 0.5 and dodged.figure("people_turned").value > 0.5
    assert dodged.figure("random_texture").value < 0.2
    assert 0.03 < dodged.figure("covered").value < 0.15


def test_a_broken_attack_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _flat.optimise

    def backwards(pullback: Any, *args: Any, **more: Any) -> Any:
        return real(lambda x, slope: (lambda o, g: (o, -g))(*pullback(x, slope)), *args, **{**more, "validation": ()})

    monkeypatch.setattr(_flat, "optimise", backwards)
    assert measure().value < 0.1


def test_impersonates_somebody_else() -> None:
    m = measure("loudest", impersonate=True)
    assert m.value > 0.4 and any("as person" in e.title for e in m.evidence if isinstance(e, Attachment))


def test_impersonates_the_one_asked_for() -> None:
    m = measure("loudest", target_class="person 3")
    names = [e.title for e in m.evidence if isinstance(e, Attachment)]
    assert names and all("as person 3" in name for name in names)
    with pytest.raises(ProbeError, match="no class"):
        measure(target_class="nobody")


def test_a_frame_for_each_wearer_at_true_size(dodged: Measurement) -> None:
    files = [e for e in dodged.evidence if isinstance(e, Attachment)]
    assert [f.name for f in files] == [f"glasses-{i}.{kind}" for i in (1, 2, 3) for kind in ("pdf", "png")]
    assert f"145 x {145 * HIGH / WIDE:.1f} mm" in files[0].note


def test_counts_people(dodged: Measurement) -> None:
    """Three wearers are three tries: all turned still leaves the interval wide."""
    assert dodged.ci.high - dodged.ci.low > 0.2


def test_lenses_sit_on_the_pupils() -> None:
    """Nothing covers the pupils; a rim's width beside them it does; all of it about the line of the eyes."""
    size, line, apart = (200, 200), 0.4, 0.3
    cover = frame(line, apart, 0.5, 145.0).place(Condition(), size).cover
    for side in (-1, 1):
        x, y = 100 + side * apart * 100, line * 200
        assert cover[int(y), int(x)] == 0
        lens = (PUPILS_MM / 2 - 2.0 - 3.5) / PUPILS_MM * apart * 200
        assert cover[int(y), int(x - lens)] > 0.9 and cover[int(y), int(x + lens)] > 0.9
    rows, columns = np.nonzero(cover)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(line * 200, abs=1.5)
    assert columns.max() - columns.min() == pytest.approx(apart * 200 * 145 / PUPILS_MM, abs=3)


@pytest.mark.parametrize("mm", [120.0, 145.0, 170.0])
def test_a_frame_is_one_symmetrical_piece(mm: float) -> None:
    from scipy import ndimage

    mask = shape(mm)
    assert np.array_equal(mask, mask[:, ::-1]) and ndimage.label(mask)[1] == 1
    assert 0.2 < mask.mean() < 0.7


def test_own_photos_are_learnt_from_and_all_others_tested() -> None:
    m = glasses(faces.target("brow"), faces=faces.heads(0), train=faces.heads(5), **QUICK)
    assert m.figure("photos").value == 3 * 4, "all four test photos of each wearer"
    assert measure().figure("photos").value == 3 * 2


def test_people_with_one_photo_cannot_be_tested() -> None:
    heads = faces.heads(0)
    first = np.unique(np.asarray(heads.y), return_index=True)[1]
    m = measure(test=heads.take(first))
    assert m.n == 0 and "too-few-samples" in codes(m)


@pytest.mark.parametrize("queries", [0, 1, 50, 400])
def test_budget(queries: int) -> None:
    m = glasses(faces.target("brow"), faces=faces.heads(0), budget=Budget(queries=queries), **{**QUICK, "sweep": 1})
    assert m.cost.queries <= queries and "budget-spent" in codes(m)


@pytest.mark.parametrize(
    "wrong", [{"people": 0}, {"eye_line": 1.2}, {"eye_distance": 0.0}, {"frame_mm": 20.0}, {"views": 0}, {"slip": 2.0}]
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProbeError):
        measure(**wrong)


def test_same_seed_same_number(dodged: Measurement) -> None:
    again = measure()
    assert again.value == dodged.value and again.evidence == dodged.evidence
