"""physical.object: finds paint that works from all sides, says where it cannot tell, and exports what it found."""

from __future__ import annotations

import time
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Attachment, Bars, Grid, Pictures
from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.records import Limit, Measurement, Status
from momus.core.samples import Samples
from momus.judge import decide
from momus.probes.physical._object import kept
from momus.probes.physical.object import object as probe
from momus.targets import Target
from momus.zoo.physical import _shapes as shapes

LIMIT = Limit(probe="physical.object", value=0.25)
QUICK: dict[str, Any] = {
    "views": 24,
    "steps": 30,
    "batch": 8,
    "pool": 16,
    "texels": 32,
    "step_size": 0.06,
    "true_class": "dark",
}


class Bright(torch.nn.Module):  # type: ignore[misc]
    """Goes by how bright the middle of the picture is: 'dark' or 'bright'."""

    def __init__(self, scale: float = 20.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Any) -> Any:
        h, w = x.shape[2:]
        middle = x[:, :, h // 4 : 3 * h // 4, w // 4 : 3 * w // 4].mean(dim=(1, 2, 3))
        return self.scale * torch.stack([0.3 - middle, middle - 0.3], dim=1)


class Ground(torch.nn.Module):  # type: ignore[misc]
    """Never looks at the object: only at the corners."""

    def forward(self, x: Any) -> Any:
        corner = x[:, :, :2, :2].mean(dim=(1, 2, 3))
        return 20 * torch.stack([2 - corner, corner - 2], dim=1)


def target(module: Any, side: tuple[int, int] = (24, 24), channels: int = 3, classes: Any = ("dark", "bright")) -> Any:
    return Target.from_torch(module, name="m", classes=classes, shape=(channels, *side), range=(0, 1), output="logits")


def measure(module: Any = None, name: str = "ball", budget: Budget | None = None, **given: Any) -> Measurement:
    made = module if hasattr(module, "info") else target(module or Bright())
    data = {k: given.pop(k) for k in ("backgrounds", "texture", "object") if k in given}
    return probe(
        made, budget=budget, **{"object": shapes.as_object(name), **data}, **{**QUICK, "colour": "#101010", **given}
    )


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


@pytest.mark.parametrize("name", ["ball", "cube"])
def test_paint_turns_a_model_that_goes_by_paint(name: str) -> None:
    m = measure(name=name)
    assert m.value > 0.9
    assert m.figure("clean_recognised").value > 0.9
    assert m.figure("read_right").value < 0.1
    assert decide(m, LIMIT).status is Status.FAIL


def test_a_model_that_does_not_look_is_never_turned() -> None:
    m = measure(Ground())
    assert m.value == 0
    assert "flat-gradients" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_the_search_is_what_does_it() -> None:
    """Sabotage: without steps the paint stays as it was, and that is no pass."""
    m = measure(steps=0)
    assert m.value == 0
    assert m.figure("colour_change").value < 0.01
    assert "no-search" in codes(m)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_a_target_class_is_reached() -> None:
    three = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3, bias=False)
    )  # fmt: skip
    with torch.no_grad():
        three[2].weight.copy_(30 * torch.eye(3))
    red = target(three, classes=("red", "green", "blue"))
    m = measure(red, true_class="red", target_class="blue", colour="#ff2020", views=48)
    assert m.figure("read_as_target").value >= m.value * 0.3
    assert m.value > 0.5
    assert m.scope["target_class"] == "blue"
    surface = next(e for e in m.evidence if isinstance(e, Attachment) and e.media == "image/png")
    texels = np.asarray(Image.open(BytesIO(surface.data)).convert("RGB"), float).reshape(-1, 3)
    painted = texels[(texels != texels[0]).any(axis=1)].mean(axis=0)
    assert painted[2] > painted[0]


def test_same_seed_same_numbers() -> None:
    one, two = measure(), measure()
    assert one.value == two.value
    assert [f.value for f in one.figures] == [f.value for f in two.figures]
    assert one.evidence == two.evidence


def test_views_that_are_wrong_anyway_count_once() -> None:
    """A plain object half as bright as the threshold in some light: what is unrecognised is no success."""
    m = measure(colour="#606060", views=48)
    recognised = m.figure("clean_recognised")
    assert 0 < recognised.value < 1
    assert m.n == round(recognised.value * 48)


def test_never_recognised_is_inconclusive() -> None:
    m = measure(colour="#ffffff", light=0.0)
    assert codes(m) >= {"never-recognised"}
    assert m.n == 0
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_an_untold_class_is_guessed_and_said() -> None:
    m = measure(true_class="")
    assert m.scope["true_class"] == "dark"
    assert "true-class-guessed" in codes(m)


@pytest.mark.parametrize("queries", [0, 1, 10, 40, 120])
def test_budgets_are_kept_and_pass_nobody(queries: int) -> None:
    m = measure(Ground(), budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


def test_rows_and_time_for_the_views_held_out_are_kept() -> None:
    """Making ends early enough to ask every held-out view once more."""

    def ask(*, queries: int = 0, seconds: float = 0.0) -> None:
        meter = Meter(SimpleNamespace(), Budget(queries=100, seconds=10.0))
        meter.queries, meter.started = queries, time.perf_counter() - seconds
        case: Any = SimpleNamespace(held_out=[None] * 5, spare=2.0)
        with kept(Trial(budget=meter.budget, meter=meter), case):
            meter.spend(8)

    ask(queries=87, seconds=7.9)
    with pytest.raises(BudgetSpent):
        ask(queries=88)
    with pytest.raises(BudgetSpent):
        ask(seconds=8.1)


def test_cost_is_as_declared() -> None:
    m = measure()
    assert m.cost.queries == 30 * 8 + 3 * 24 + 5 * 16


@pytest.mark.parametrize(("side", "channels"), [((20, 36), 3), ((36, 20), 1)])
def test_other_formats_and_grey(side: tuple[int, int], channels: int) -> None:
    m = measure(target(Bright(), side, channels))
    assert m.value > 0.8


def test_backgrounds_and_texture_are_used() -> None:
    rng = np.random.default_rng(0)
    black = Samples(x=np.zeros((3, 24, 24, 3), np.uint8), name="backgrounds")
    dark = Samples(x=rng.integers(20, 60, (1, 50, 70, 3)).astype(np.uint8), name="texture")
    m = measure(backgrounds=black, texture=dark)
    assert m.figure("clean_recognised").value == 1
    shown = next(e for e in m.evidence if isinstance(e, Pictures))
    corner = np.asarray(Image.open(BytesIO(shown.rows[0][0].png)))[:4, :4]
    assert corner.max() < 60


def test_what_a_person_gets() -> None:
    m = measure(size_mm=120)
    kinds = [type(e) for e in m.evidence]
    assert {Pictures, Grid, Bars, Attachment} <= set(kinds)
    grids = [e for e in m.evidence if isinstance(e, Grid)]
    assert all(len(g.rows) * len(g.columns) == 8 for g in grids)
    pdf = next(e for e in m.evidence if isinstance(e, Attachment) and e.media == "application/pdf")
    assert pdf.data.startswith(b"%PDF-1.4")
    sides = next(e for e in m.evidence if isinstance(e, Pictures))
    assert len(sides.rows) == 2
    assert "dark" in sides.rows[0][0].caption


def test_true_size_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cube whose box is 100 mm wide has edges of 100 mm on paper."""
    seen: dict[str, float] = {}

    def sheet(texture: Any, *, width_mm: float, **_: Any) -> bytes:
        seen["width"] = width_mm
        return b"%PDF-1.4"

    monkeypatch.setattr("momus.probes.physical._object_evidence.sheet", sheet)
    measure(name="cube", size_mm=100)
    cube = shapes.shape("cube")
    edge = np.linalg.norm(np.roll(cube[..., 3:], -1, axis=1) - cube[..., 3:], axis=2).ravel()
    # The longest edge on paper is a square's diagonal.
    assert max(edge) * seen["width"] == pytest.approx(100 * np.sqrt(2), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_few_triangles_are_no_body(n: int) -> None:
    few = shapes.as_object("cube").take(np.arange(n))
    m = measure(object=few)
    assert decide(m, LIMIT).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"true_class": "teapot"}, "no class 'teapot'"),
        ({"target_class": "7"}, "no class '7'"),
        ({"target_class": "dark"}, "already is"),
        ({"nearest": 5.0}, "radii"),
        ({"nearest": 1.0}, "radii"),
        ({"lowest": 50.0, "highest": 10.0}, "elevations"),
        ({"light": 2.0}, "light lies"),
        ({"colour": "grey"}, "no colour"),
        ({"views": 0}, "at least 1 view"),
        ({"texels": 1}, "texels"),
        ({"object": Samples(x=np.zeros((3, 4)))}, "mesh of triangles"),
        ({"object": Samples(x=np.full((5, 3, 5), np.nan))}, "NaN"),
        ({"backgrounds": Samples(x=np.zeros((3, 4)))}, "backgrounds are pictures"),
        ({"texture": Samples(x=np.zeros((3, 4)))}, "texture is a picture"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        measure(**given)


def test_degenerate_triangles_do_no_harm() -> None:
    cube = shapes.as_object("cube")
    broken = Samples(x=np.concatenate([cube.x, cube.x[:2] * [0, 0, 0, 1, 1]]), name="cube")
    assert measure(object=broken).value > 0.9
