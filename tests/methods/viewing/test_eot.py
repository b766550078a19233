"""Expectation over transformation against a linear model, whose best texture is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import BudgetSpent
from momus.methods.objectives import Misclassified, Reached
from momus.methods.viewing.eot import Paper, Scene, optimise, printable, unprintable, variation
from momus.methods.viewing.light import Light
from momus.methods.viewing.maps import plane
from momus.methods.viewing.model import ViewingModel

SHAPE, TEXELS = (12, 16), (6, 6)
LIKE = np.zeros((1, 3, *SHAPE), dtype=np.float32)


class Linear:
    """Three classes by fixed weights on the pixels; counts what it is asked."""

    def __init__(self, weights: np.ndarray, budget: int | None = None) -> None:
        self.weights, self.asked, self.budget = weights, 0, budget

    def scores(self, x: Any) -> Any:
        if self.budget is not None and self.asked + len(x) > self.budget:
            raise BudgetSpent
        self.asked += len(x)
        return np.einsum("nchw,kchw->nk", x, self.weights)

    def pullback(self, x: Any, slope: Any) -> tuple[Any, Any]:
        out = self.scores(x)
        return out, np.einsum("nk,kchw->nchw", slope(out, slice(0, len(x))), self.weights)


def even(seed: int = 0) -> Linear:
    """Weights that are the same at every pixel, so that any place of the texture counts alike."""
    w = np.array([[1.0, -1.0, 0.2], [-0.5, 0.3, 0.9], [0.1, 0.2, -1.0]], dtype=np.float32)
    return Linear(np.broadcast_to(w[:, :, None, None], (3, 3, *SHAPE)).copy())


def pool(n: int, seed: int = 0, label: int = 0, model: ViewingModel | None = None) -> list[Scene]:
    rng = np.random.default_rng(seed)
    drawn = (model or ViewingModel(noise=(0, 0.02))).draw(n, rng)
    ground = rng.uniform(0.4, 0.6, (n, *SHAPE, 3)).astype(np.float32)
    return [
        Scene(c.place(SHAPE, TEXELS, width=6.0), c.light(SHAPE), b, label) for c, b in zip(drawn, ground, strict=True)
    ]


def made(model: Linear, scenes: list[Scene], **more: Any) -> Any:
    start = np.full((*TEXELS, 3), 0.5, np.float32)
    given = {"objective": Reached(), "like": LIKE, "rng": np.random.default_rng(0), "steps": 60, "batch": 8, **more}
    return optimise(model.pullback, model.scores, scenes, start, **given)


@pytest.mark.parametrize("rule", ["adam", "sign"])
@pytest.mark.parametrize("loss", ["focused", "cross_entropy", "margin"])
def test_finds_the_best_texture_of_a_linear_model(rule: str, loss: str) -> None:
    """Towards class 1 against class 0: less red, more green, more blue. The corner of the box is best everywhere."""
    model = even()
    model.weights[2] = -9  # never in the running
    model.weights /= 100  # a saturated softmax has no slope to be judged by
    texture = made(model, pool(32, label=1), rule=rule, loss=loss).texture
    assert np.allclose(texture.mean((0, 1)), [0, 1, 1], atol=0.03)


def test_beats_every_plain_colour_on_views_of_its_own() -> None:
    rng = np.random.default_rng(3)
    model = Linear(rng.normal(size=(3, 3, *SHAPE)).astype(np.float32) / 4)
    still = ViewingModel(rotation=(-5, 5), scale=(1, 1.1), tilt=(0, 5), position=(0, 0), noise=(0, 0.01))
    learn, held = pool(64, 1, 2, still), pool(64, 2, 2, still)
    texture = made(model, learn, steps=120).texture

    def gap(t: np.ndarray) -> float:
        x = np.moveaxis(np.stack([s.render(t) for s in held]), -1, 1)
        return float(Reached().margin(model.scores(x), np.full(len(held), 2)).mean())

    colours = [np.broadcast_to(c, (*TEXELS, 3)).astype(np.float32) for c in np.indices((2, 2, 2)).reshape(3, -1).T]
    assert gap(texture) < min(gap(c) for c in colours)


def test_untargeted_leaves_the_label() -> None:
    model = even()
    found = made(model, pool(32, label=0), objective=Misclassified(), validation=pool(16, 5, 0))
    assert found.success == 1.0 and found.complete


def test_keeps_the_texture_that_did_best_on_validation() -> None:
    """One gradient step of the wrong size later the texture is worse: what comes back must not be."""
    model, check = even(), pool(24, 5, 1)
    found = made(model, pool(16, label=1), validation=check, steps=30, step_size=0.3, checks=30)
    x = np.moveaxis(np.stack([s.render(found.texture) for s in check]), -1, 1)
    assert found.success == pytest.approx(Reached().won(model.scores(x), np.full(24, 1)).mean())


def test_counts_and_keeps_its_budget() -> None:
    model = even()
    model.budget = 100
    found = made(model, pool(16, label=1), validation=pool(8, 5, 1), checks=4)
    assert not found.complete and found.queries == model.asked <= 100
    model = even()
    found = made(model, pool(16, label=1), validation=pool(8, 5, 1), steps=20, checks=4)
    assert found.complete and found.queries == model.asked == 20 * 8 + 4 * 8


def test_no_budget_returns_the_start() -> None:
    model = even()
    model.budget = 0
    found = made(model, pool(8, label=1))
    assert not found.complete and (found.texture == 0.5).all()


def test_same_seed_same_texture() -> None:
    one, two = made(even(), pool(16, label=1)), made(even(), pool(16, label=1))
    assert np.array_equal(one.texture, two.texture) and one.history == two.history


def test_a_mask_keeps_the_rest() -> None:
    mask = np.zeros(TEXELS, np.float32)
    mask[:, :3] = 1
    texture = made(even(), pool(16, label=1), mask=mask, paper=Paper(printable(), 0.5, 0.5)).texture
    assert (texture[:, 3:] == 0.5).all() and not (texture[:, :3] == 0.5).all()


def test_scale_of_the_outputs_does_not_matter() -> None:
    small, large = even(), even()
    large.weights *= 1e5
    a, b = made(small, pool(16, label=1)).texture, made(large, pool(16, label=1)).texture
    assert np.abs(a - b).mean() < 0.02


def test_a_model_without_slope_is_told() -> None:
    found = made(Linear(np.zeros((3, 3, *SHAPE), np.float32)), pool(8, label=1))
    assert found.flat == 1.0 and np.isfinite(found.texture).all()


def test_nothing_to_learn_from() -> None:
    found = made(even(), [])
    assert np.isnan(found.success) and found.queries == 0


def test_a_scene_pulls_back_its_derivative() -> None:
    """The chain of print, projection, light and camera against finite differences."""
    rng = np.random.default_rng(4)
    light = Light(gain=0.9, offset=0.03, gamma=1.1, balance=(1.02, 1.0, 0.98), loss=0.6, blur=0.7)
    view = plane(SHAPE, TEXELS, width=8.0, centre=(7.0, 6.0), rotation=20.0, tilt=25.0, axis=30.0)
    scene = Scene(view, light, rng.uniform(0.3, 0.7, (*SHAPE, 3)).astype(np.float32), 0)
    t = rng.uniform(0.3, 0.7, (*TEXELS, 3))
    d, g = rng.standard_normal(t.shape), rng.standard_normal((*SHAPE, 3))
    seen = (scene.render(t + 1e-3 * d).astype(float) - scene.render(t - 1e-3 * d)) / 2e-3
    assert np.sum(seen * g) == pytest.approx(np.sum(d * scene.pull(t, g)), rel=5e-3, abs=5e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_printable_colours_cost_nothing_and_others_their_distance(channels: int) -> None:
    palette = printable(channels)
    value, _ = unprintable(palette[:, None, :], palette)
    assert value == pytest.approx(0, abs=1e-3)
    black = np.zeros((2, 2, channels), np.float32)
    value, away = unprintable(black, palette)
    assert value == pytest.approx(np.linalg.norm(palette, axis=1).min(), rel=1e-4)
    assert unprintable(np.clip(black - 0.05 * away, 0, 1), palette)[0] < value


def test_variation_and_its_slope() -> None:
    rng = np.random.default_rng(6)
    t = rng.random((5, 6, 2)).astype(np.float64)
    assert variation(np.full((4, 4, 1), 0.3))[0] == pytest.approx(0, abs=1e-6)
    d = rng.standard_normal(t.shape)
    value = (variation(t + 1e-5 * d)[0] - variation(t - 1e-5 * d)[0]) / 2e-5 * t.size
    assert np.sum(variation(t)[1] * d) == pytest.approx(value, rel=1e-3)


def test_a_strong_wish_for_printable_colours_is_granted() -> None:
    palette = printable()
    plain, wished = (
        made(even(), pool(16, label=1), rule="sign", step_size=0.02, paper=Paper(palette, weight, 0.0)).texture
        for weight in (0.0, 50.0)
    )
    far, near = unprintable(plain, palette)[0], unprintable(wished, palette)[0]
    assert near < 0.05 * far, (near, far)


def test_paper_terms_do_what_they_say() -> None:
    plain = made(even(), pool(16, label=1)).texture
    soft = made(even(), pool(16, label=1), steps=30, paper=Paper(printable(), 3.0, 0.0)).texture
    assert unprintable(soft, printable())[0] < unprintable(plain, printable())[0]
    rng = np.random.default_rng(7)
    model = Linear(rng.normal(size=(3, 3, *SHAPE)).astype(np.float32))
    rough = made(model, pool(16, label=1)).texture
    smooth = made(model, pool(16, label=1), paper=Paper(printable(), 0.0, 2.0)).texture
    assert variation(smooth)[0] < variation(rough)[0]
