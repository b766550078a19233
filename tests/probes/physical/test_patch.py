"""physical.patch: it must find what is planted, count honestly and survive awkward inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from momus.core.errors import ProbeError
from momus.core.evidence import Attachment, Grid, Pictures, Series
from momus.core.meter import Budget
from momus.core.records import Measurement
from momus.core.samples import Samples
from momus.probes.physical import _flat
from momus.probes.physical.patch import patch
from momus.targets import Target
from momus.zoo.physical import _systems as systems

QUICK: dict[str, Any] = {"steps": 25, "batch": 6, "views": 2, "area": 0.1, "sweep": 0, "noise": 0.02}


def measure(target: Any, test: Samples, **options: Any) -> Measurement:
    return patch(target, test=test, **{**QUICK, **options})


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


@pytest.fixture(scope="module")
def loud() -> Measurement:
    return measure(systems.target("loudest"), systems.stripes(0, 24), sweep=2, tilt=20.0)


def test_turns_a_classifier_that_is_ruled_by_its_loudest_place(loud: Measurement) -> None:
    assert loud.value > 0.4
    assert loud.figure("random_texture").value < 0.1 and loud.figure("plain_texture").value < 0.1


def test_a_broken_attack_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the gradient turned round nothing is found: the success above comes from the optimisation."""
    real = _flat.optimise

    def backwards(pullback: Any, *args: Any, **more: Any) -> Any:
        return real(lambda x, slope: (lambda o, g: (o, -g))(*pullback(x, slope)), *args, **{**more, "validation": ()})

    monkeypatch.setattr(_flat, "optimise", backwards)
    assert measure(systems.target("loudest"), systems.stripes(0, 24)).value < 0.1


def test_shows_views_conditions_and_a_print(loud: Measurement) -> None:
    kinds = [type(e) for e in loud.evidence]
    assert kinds.count(Pictures) == 2 and Grid in kinds
    assert {e.title for e in loud.evidence if isinstance(e, Series)} >= {
        "Success against rotation",
        "Success against tilt",
    }
    files = {e.name: e for e in loud.evidence if isinstance(e, Attachment)}
    assert files["patch.pdf"].data.startswith(b"%PDF") and files["patch.png"].data.startswith(b"\x89PNG")
    assert "rotation -22.5 to 22.5" in str(loud.scope["conditions"])


def test_what_is_counted_is_what_a_camera_could_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every decision that counts is taken on pictures of 256 levels, by a question that no attack asks."""
    target = systems.target("loudest")
    real, seen = target.predict, []
    monkeypatch.setattr(target, "predict", lambda x: (seen.append(np.asarray(x)), real(x))[1])
    m = measure(target, systems.stripes(0, 12), steps=2)
    levels = np.concatenate(seen) * 255
    assert len(levels) >= 3 * m.n > 0
    assert np.abs(levels - np.round(levels)).max() < 1e-3


def test_photos_that_made_it_do_not_test_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[int]] = {"learn": set(), "test": set()}
    craft, ask = _flat.craft, _flat.ask

    def noted(target: Any, trial: Any, taken: Any, index: Any, *args: Any, **more: Any) -> Any:
        seen["learn"] |= set(map(int, index))
        return craft(target, trial, taken, index, *args, **more)

    def asked(target: Any, scenes: Any, textures: Any) -> Any:
        seen["test"] |= set(map(int, scenes.photo))
        return ask(target, scenes, textures)

    monkeypatch.setattr("momus.probes.physical.patch.craft", noted)
    monkeypatch.setattr("momus.probes.physical._flat_outcome.ask", asked)
    measure(systems.target("loudest"), systems.stripes(0, 24), steps=2)
    assert seen["learn"] and seen["test"] and not seen["learn"] & seen["test"]


def test_interval_counts_photos_not_views(loud: Measurement) -> None:
    assert loud.ci.method == "wilson, clustered"
    clean = measure(systems.target("votes"), systems.stripes(0, 24), views=8, steps=2)
    assert clean.value == 0 and clean.ci.high > 0.2, "96 views of 12 photos are no 96 tries"


def test_target_class_is_reached_or_not_counted() -> None:
    m = measure(systems.target("loudest"), systems.stripes(1, 24), target_class="level", steps=40)
    assert m.value > 0.4 and m.figure("any_wrong").value >= m.value - 0.15
    with pytest.raises(ProbeError, match="no class"):
        measure(systems.target("loudest"), systems.stripes(1, 8), target_class="sideways")


def linear(weight: Any, *, classes: tuple[str, ...] = ("a", "b"), shape: tuple[int, int, int] = (3, 10, 10)) -> Any:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(shape)), len(classes)))
    with torch.no_grad():
        module[1].weight[:] = torch.as_tensor(weight, dtype=torch.float32)
        module[1].bias[:] = 0
    return Target.from_torch(module, name="linear", classes=classes, shape=shape, range=(0, 1), output="logits")


def photos(n: int, shape: tuple[int, int, int] = (10, 10, 3), y: int | None = None) -> Samples:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, n) if y is None else np.full(n, y)
    return Samples(x=rng.integers(60, 200, (n, *shape), dtype=np.uint8), y=labels, name="p", classes=("a", "b"))


def test_already_wrong_is_not_credited() -> None:
    """A model that is always wrong is not beaten by a patch."""
    weight = np.array([[1.0], [-1.0]]).repeat(300, 1)
    m = measure(linear(weight), photos(12, y=1))
    assert m.value == 0 and m.n == 0 and "nothing-right" in codes(m)


def test_constant_model() -> None:
    m = measure(linear(np.zeros((2, 300))), photos(12, y=0))
    assert {"constant-output", "zero-gradients"} <= codes(m) and m.value == 0


def test_one_class_is_said() -> None:
    weight = np.array([[1.0], [-1.0]]).repeat(300, 1)
    assert "one-class" in codes(measure(linear(weight), photos(12, y=0)))


def test_covering_is_told_from_attacking() -> None:
    """A model that looks for plain skies falls to any colourful thing: that is no finding about this patch."""

    class Sky(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            rough = (x[..., 1:, :] - x[..., :-1, :]).abs().amax((1, 2, 3))
            return torch.stack([0.12 - rough, rough - 0.12], 1)

    target = Target.from_torch(Sky(), name="sky", classes=("a", "b"), shape=(3, 16, 16), range=(0, 1), output="logits")
    x = np.full((16, 16, 16, 3), 128, np.uint8)
    m = measure(target, Samples(x=x, y=np.zeros(16, dtype=int), name="sky", classes=("a", "b")), area=0.2, noise=0.0)
    assert m.figure("random_texture").value > 0.9 and "covering-does-as-well" in codes(m)
    assert next(c for c in m.caveats if c.code == "covering-does-as-well").blocks == "both"


@pytest.mark.parametrize("shape", [(1, 3, 30), (3, 30, 3), (1, 2, 2)])
def test_tiny_and_narrow_photos(shape: tuple[int, int, int]) -> None:
    weight = np.array([[1.0], [-1.0]]).repeat(int(np.prod(shape)), 1)
    m = measure(linear(weight, shape=shape), photos(8, (shape[1], shape[2], shape[0]), y=0), steps=4)
    assert 0 <= m.value <= 1 and m.evidence


def test_one_logit() -> None:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(300, 1))
    with torch.no_grad():
        module[1].weight[:] = 1
        module[1].bias[:] = -150
    target = Target.from_torch(module, name="one", classes=("a", "b"), shape=(3, 10, 10), range=(0, 1), output="logits")
    test = photos(24)
    test = Samples(x=test.x, y=np.asarray(target.predict(target.encode(test.x))), name="p", classes=("a", "b"))
    assert measure(target, test, area=0.3).value > 0.3


def test_batch_of_one_and_one_view() -> None:
    assert measure(systems.target("loudest"), systems.stripes(0, 8), batch=1, views=1, steps=3).n == 4


@pytest.mark.parametrize("queries", [0, 1, 60, 200])
def test_budget(queries: int) -> None:
    m = patch(
        systems.target("loudest"), test=systems.stripes(0, 24), budget=Budget(queries=queries), **{**QUICK, "sweep": 1}
    )
    assert m.cost.queries <= queries and "budget-spent" in codes(m)


def test_same_seed_same_number_and_same_print(loud: Measurement) -> None:
    again = measure(systems.target("loudest"), systems.stripes(0, 24), sweep=2, tilt=20.0)
    assert again.value == loud.value and again.evidence == loud.evidence


@pytest.mark.parametrize(
    "wrong",
    [{"area": 0.0}, {"area": 0.9}, {"texels": 0}, {"views": 0}, {"steps": 0}, {"tilt": 89.0}, {"scale_low": 2.0},
     {"size_mm": -1.0}, {"paper": "a9"}, {"printability": -1.0}],
)  # fmt: skip
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProbeError):
        measure(systems.target("votes"), systems.stripes(0, 8), **{"steps": 2, "views": 1, **wrong})


def test_tables_and_unlabelled_photos_are_refused() -> None:
    with pytest.raises(ProbeError, match="no labels"):
        measure(systems.target("votes"), Samples(x=systems.stripes(0, 8).x, name="p"))


def test_time_is_left_for_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making the texture stops at its share of the time, so that what was made is still tested."""
    clock = iter(range(10**9))
    monkeypatch.setattr("momus.core.meter.time.perf_counter", lambda: float(next(clock)))
    m = patch(
        systems.target("loudest"),
        test=systems.stripes(0, 24),
        budget=Budget(seconds=100.0),
        **{**QUICK, "steps": 5000},
    )
    assert m.n > 0 and "budget-spent" in codes(m)
