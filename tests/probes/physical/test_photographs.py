"""physical.photographs: counts, keeps sessions together, and says what photographs cannot show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from momus.assess import assess
from momus.card import SystemCard
from momus.core.errors import ProbeError
from momus.core.evidence import Bars, Grid, Pictures, Table
from momus.core.meter import Budget
from momus.core.records import Limit, Measurement, Status
from momus.core.samples import Samples
from momus.judge import decide
from momus.probes.physical.photographs import photographs
from momus.targets import Target
from momus.zoo.physical import _shapes as shapes

LIMIT = Limit(probe="physical.photographs", value=0.25)
NAMES = ("black", "grey", "white")


def by_grey(x: np.ndarray) -> np.ndarray:
    """Class by mean brightness in thirds."""
    return np.eye(3)[np.clip((x.reshape(len(x), -1).mean(axis=1) * 3).astype(int), 0, 2)]


def model() -> Any:
    return Target.from_callable(by_grey, name="m", classes=NAMES, output="probabilities", shape=(1, 6, 8))


def photos(
    levels: Sequence[int], label: str = "black", sessions: Sequence[str] | None = None, **groups: Sequence[str]
) -> Samples:
    x = np.repeat(np.array(levels, np.uint8), 48).reshape(-1, 6, 8, 1)
    return Samples(
        x=x,
        y=np.full(len(x), NAMES.index(label)),
        classes=NAMES,
        ids=None if sessions is None else np.array(sessions, dtype=object),
        groups={k: np.array(v, dtype=object) for k, v in groups.items()},
    )


def measure(taken: Samples, control: Samples | None = None, **given: Any) -> Measurement:
    return photographs(model(), photographs=taken, **({} if control is None else {"control": control}), **given)


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


def test_what_is_misread_is_counted() -> None:
    m = measure(photos([10] * 30 + [120] * 50 + [250] * 20), photos([10] * 40))
    assert m.value == pytest.approx(0.7)
    assert m.n == 100
    assert m.figure("read_right").value == pytest.approx(0.3)
    assert m.figure("read_as_other").value == pytest.approx(0.7)
    assert m.figure("control_misread").value == 0
    assert m.figure("beyond_control").value == pytest.approx(0.7)
    assert decide(m, LIMIT).status is Status.FAIL


def test_a_target_class_counts_alone() -> None:
    m = measure(photos([10] * 30 + [120] * 50 + [250] * 20), target_class="white")
    assert m.value == pytest.approx(0.2)
    assert m.figure("read_as_target").value == pytest.approx(0.2)
    assert m.figure("read_as_other").value == pytest.approx(0.5)
    assert m.scope["target_class"] == "white"


def test_photographs_of_one_session_are_kin() -> None:
    """Ten sessions of ten, each all wrong or all right: as good as ten photographs, and no more."""
    levels = ([250] * 10 + [10] * 10) * 5
    apart = measure(photos(levels))
    kin = measure(photos(levels, sessions=[str(i // 10) for i in range(100)]))
    assert kin.value == apart.value
    assert kin.ci.high - kin.ci.low > 2 * (apart.ci.high - apart.ci.low)
    for name in ("read_right", "read_as_other"):
        wide, narrow = kin.figure(name).ci, apart.figure(name).ci
        assert wide and narrow and wide.high - wide.low > 2 * (narrow.high - narrow.low), name
    assert "sessions-unknown" in codes(apart)
    assert "sessions-unknown" not in codes(kin)
    assert kin.scope["sessions"] == 10


def test_without_control_misreading_proves_nothing() -> None:
    m = measure(photos([250] * 60))
    assert "no-control" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE
    aimed = measure(photos([250] * 60), target_class="white")
    assert decide(aimed, LIMIT).status is Status.FAIL


def test_control_that_is_misread_as_often_takes_the_fail_away() -> None:
    m = measure(photos([250] * 40 + [10] * 20), photos([250] * 35 + [10] * 25))
    assert "control-misread" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_nothing_misread_passes() -> None:
    assert decide(measure(photos([10] * 60), photos([10] * 30)), LIMIT).status is Status.PASS


@pytest.mark.parametrize("n", [0, 1, 9])
def test_a_few_photographs_pass_nobody(n: int) -> None:
    m = measure(photos([10] * n), photos([10] * 30))
    assert "too-few-photographs" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_one_session_passes_nobody() -> None:
    m = measure(photos([10] * 60, sessions=["kitchen"] * 60), photos([10] * 60))
    assert "one-session" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_labels_say_what_it_is_and_not_what_it_should_become() -> None:
    m = measure(photos([250] * 60, "white"), target_class="white")
    assert "labelled-as-target" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_budget() -> None:
    m = photographs(model(), photographs=photos([10] * 60), budget=Budget(queries=40))
    assert m.cost.queries <= 40
    assert "budget-spent" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_labels_are_matched_by_name() -> None:
    """A folder called 'white' alone is class 2 of the model, not its first."""
    taken = photos([250] * 20)
    named = Samples(x=taken.x, y=np.zeros(20, int), classes=("white",))
    assert measure(named).value == 0
    numbered = Samples(x=taken.x, y=np.full(20, 2), classes=("0", "1", "2"))
    assert measure(numbered).value == 0
    assert measure(Samples(x=taken.x, y=np.zeros(20, int), classes=("2",))).value == 0
    with pytest.raises(ProbeError, match="no class 'turtle'"):
        measure(Samples(x=taken.x, y=np.zeros(20, int), classes=("turtle",)))


def test_what_cannot_be_is_refused() -> None:
    taken = photos([250] * 20)
    with pytest.raises(ProbeError, match="no labels"):
        measure(Samples(x=taken.x))
    with pytest.raises(ProbeError, match="are pictures"):
        measure(Samples(x=np.zeros((4, 3)), y=np.zeros(4, int), classes=NAMES))
    with pytest.raises(ProbeError, match="no class"):
        measure(taken, target_class="purple")


def test_success_against_conditions_as_pictures() -> None:
    """Far away it works, near by it does not; lamps change nothing."""
    near = [str(i % 4 * 50 + 50) for i in range(80)]
    lamp = ["day" if i % 3 else "lamp" for i in range(80)]
    m = measure(photos([250 if int(d) > 100 else 10 for d in near], distance=near, light=lamp))
    bars = {e.title: e for e in m.evidence if isinstance(e, Bars)}
    assert bars["Success against distance"].names == ("50", "100", "150", "200")
    assert bars["Success against distance"].values == (0, 0, 1, 1)
    assert bars["Success against light"].names == ("day", "lamp")
    grid = next(e for e in m.evidence if isinstance(e, Grid))
    assert (grid.rows, grid.columns) == (("50", "100", "150", "200"), ("day", "lamp"))
    assert grid.values[0] == (0, 0)
    assert grid.values[3] == (1, 1)


def test_many_values_of_a_condition_become_ranges() -> None:
    angle = [str(i) for i in range(100)]
    place = [f"place {i % 11}" for i in range(100)]
    m = measure(photos([10] * 100, angle=angle, place=place))
    bars = {e.title: e for e in m.evidence if isinstance(e, Bars)}
    assert len(bars["Success against angle"].names) == 5
    assert bars["Success against place"].names[-1] == "others"
    assert len(bars["Success against place"].names) == 8


def test_a_person_sees_which_photographs() -> None:
    m = measure(photos([10] * 30 + [250] * 30))
    shown = next(e for e in m.evidence if isinstance(e, Pictures))
    assert {p.caption for row in shown.rows for p in row} == {"black → white", "black → black"}
    table = next(e for e in m.evidence if isinstance(e, Table))
    assert {row[0]: row[1] for row in table.rows} == {"black": 30, "white": 30}


MODEL = '''
import numpy as np

def by_colour(x):
    """cube, ball, cone or rod by the colour the middle of the picture is nearest to; (n, h, w, c) in 0 to 255."""
    colours = 255 * np.array([(0.9, 0.2, 0.2), (0.2, 0.8, 0.3), (0.25, 0.35, 0.95), (0.9, 0.8, 0.2)])
    x = np.asarray(x, float)
    x = x if x.shape[-1] == 3 else np.moveaxis(x, 1, -1)
    x = x * (255 if x.max() <= 1 else 1)
    h, w = x.shape[1:3]
    seen = x[:, h * 2 // 5 : h * 3 // 5, w * 2 // 5 : w * 3 // 5].mean(axis=(1, 2))
    seen = seen / (np.linalg.norm(seen, axis=1, keepdims=True) + 1e-9)
    unit = colours / np.linalg.norm(colours, axis=1, keepdims=True)
    return np.eye(4)[(seen @ unit.T).argmax(axis=1)]
'''


def test_a_person_closes_the_loop(tmp_path: Path) -> None:
    """A folder of photographs, sizes as a camera makes them, goes through momus assess: card, reader, worker, judge."""
    (tmp_path / "model.py").write_text(MODEL)
    listing = ["file,label,distance,session"]
    for role, paint in (("photographs", "cube"), ("control", "cone")):
        taken = shapes.photographed(1, "cone", paint, (48, 64))
        assert taken.ids is not None
        for i, picture in enumerate(taken.x):
            path = tmp_path / role / "cone" / str(taken.ids[i]).replace(" ", "-") / f"{i:03}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            size = (160, 120) if i % 2 else (128, 96)
            Image.fromarray(picture).resize(size).save(path, quality=92)
            if role == "photographs":
                name = path.relative_to(tmp_path / role).as_posix()
                listing.append(f"{name},cone,{taken.groups['distance'][i]},{taken.ids[i]}")
    (tmp_path / "photographs" / "taken.csv").write_text("\n".join(listing) + "\n")
    target = {"name": "by-colour", "adapter": "callable", "factory": "model.py:by_colour", "output": "probabilities"}
    looks = {"shape": [24, 32, 3], "channels": "last", "size": [24, 32], "range": [0, 255]}
    card = {
        "system": "shapes",
        "targets": [{**target, "classes": list(shapes.CLASSES), "input": looks}],
        "data": {
            "photographs": {"path": "photographs", "label": "taken.csv", "groups": ["distance"], "id": "session"},
            "control": {"path": "control", "id": "^cone/([^/]+)/"},
        },
    }
    done = assess(
        SystemCard.from_dict(card, base=tmp_path), only=("physical.photographs",), store=tmp_path / "runs.sqlite"
    )
    assert not done.failures, done.failures
    (m,) = done.measurements
    assert m.n == 96
    assert m.scope["sessions"] == 16
    assert m.value > 0.8
    assert m.figure("control_misread").value < 0.2
    assert any(isinstance(e, Bars) and "distance" in e.title for e in m.evidence)
    (finding,) = [f for f in done.findings if f.probe == "physical.photographs"]
    assert finding.status is Status.FAIL
