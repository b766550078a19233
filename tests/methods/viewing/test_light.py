"""Paper, light and camera: identity, known values, and the derivative at the point."""

from __future__ import annotations

import numpy as np
import pytest

from momus.methods.viewing.light import BLACK, WHITE, Light

LIGHTS = [
    Light(),
    Light(gain=1.3, offset=-0.2),
    Light(gamma=1.7),
    Light(gamma=0.8),
    Light(blur=1.3),
    Light(gain=0.8, offset=0.05, gamma=1.2, blur=0.8, noise=0.05, seed=3),
]


def test_the_defaults_change_nothing() -> None:
    x = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    assert np.array_equal(Light().forward(x), x) and np.allclose(Light().ink(x), x)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_backward_is_the_derivative(light: Light, channels: int) -> None:
    """Against finite differences in float64, away from the ends of the sensor's range."""
    rng = np.random.default_rng(1)
    x = rng.uniform(0.4, 0.6, (6, 7, channels))
    d, g = rng.standard_normal(x.shape), rng.standard_normal(x.shape)
    step = 1e-3
    seen = (light.forward(x + step * d).astype(float) - light.forward(x - step * d)) / (2 * step)
    assert np.sum(seen * g) == pytest.approx(np.sum(d * light.backward(x, g)), rel=2e-3, abs=2e-3)


def test_nothing_comes_back_from_a_blown_out_sensor() -> None:
    x = np.full((3, 3, 1), 0.9, np.float32)
    assert not Light(gain=2.0).backward(x, np.ones_like(x)).any()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_ink_and_its_adjoint(channels: int) -> None:
    rng = np.random.default_rng(2)
    light = Light(loss=0.7, balance=(1.03, 1.0, 0.97) if channels == 3 else (1.1,))
    t, g = rng.random((4, 5, channels)), rng.standard_normal((4, 5, channels))
    linear = light.ink(t) - light.ink(np.zeros_like(t))
    assert np.sum(linear * g) == pytest.approx(np.sum(t * light.ink_back(g)), rel=1e-5)


def test_a_full_loss_lifts_black_dims_white_and_dulls() -> None:
    light = Light(loss=1.0)
    assert light.ink(np.zeros((1, 1, 3))) == pytest.approx(BLACK, abs=1e-6)
    assert light.ink(np.ones((1, 1, 3))) == pytest.approx(WHITE, abs=1e-6)
    red = light.ink(np.array([[[1.0, 0, 0]]]))[0, 0]
    assert red[0] - red[1] < 0.6


def test_noise_is_that_of_the_seed() -> None:
    x = np.full((20, 20, 1), 0.5, np.float32)
    one, two = Light(noise=0.1, seed=1), Light(noise=0.1, seed=2)
    assert np.array_equal(one.forward(x), one.forward(x)) and not np.array_equal(one.forward(x), two.forward(x))
    assert one.forward(x).std() == pytest.approx(0.1, rel=0.15)
    assert np.array_equal(one.silent().forward(x), x)
