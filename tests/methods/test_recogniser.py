from __future__ import annotations

import numpy as np
import pytest

from momus.methods import recogniser


def pictures(seed: int, n: int = 6, shape: tuple[int, int, int] = (24, 20, 1)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.mark.parametrize("view", [recogniser.outlines, recogniser.scales])
@pytest.mark.parametrize("shape", [(24, 20, 1), (112, 92, 1), (20, 50, 3), (5, 3, 1)])
def test_light_and_contrast_do_not_matter(view, shape) -> None:  # type: ignore[no-untyped-def]
    x = pictures(0, shape=shape)
    dim = (x * 0.5 + 40).astype(np.uint8)
    judge = recogniser.Recogniser(np.zeros(view(x).shape[1]), None)
    assert np.all(np.diag(judge.similar(view(x), view(dim))) > 0.95)


@pytest.mark.parametrize("view", [recogniser.outlines, recogniser.scales])
def test_a_flat_picture_is_like_nobody(view) -> None:  # type: ignore[no-untyped-def]
    flat = np.full((2, 24, 20, 1), 128, np.uint8)
    f = view(pictures(0))
    judge = recogniser.Recogniser(np.zeros(f.shape[1]), None)
    assert np.abs(judge.similar(view(flat), f)).max() < 1e-3
    assert np.isfinite(view(flat)).all()


def test_outlines_know_an_edge_by_its_direction() -> None:
    x = np.zeros((3, 48, 48, 1), np.uint8)
    x[0, :, 24:] = x[1, 24:] = 255  # an upright edge, a level one
    x[2, :, 25:] = 255  # the upright one, a pixel further
    f = recogniser.outlines(x)
    similar = f @ f.T
    assert similar[0, 2] > 0.9 and similar[0, 1] < 0.5


def test_what_changes_between_photographs_of_one_person_counts_less() -> None:
    """One column differs within people and another between them: the trained recogniser looks at the second."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(30), 4)
    f = np.column_stack([rng.normal(0, 5, 120), rng.normal(0, 1, 30)[who] + rng.normal(0, 0.05, 120)])
    judge = recogniser.trained(f, who)
    assert judge is not None and judge.change is not None
    within, between = (np.linalg.norm(np.eye(2)[i] @ judge.change) for i in (0, 1))
    assert between > 1.5 * within


def test_a_recogniser_needs_somebody_twice() -> None:
    f = np.random.default_rng(0).normal(size=(8, 3))
    assert recogniser.trained(f, np.arange(8)) is None
    assert recogniser.trained(f[:2], np.zeros(2, int)) is None
    assert recogniser.trained(f, np.arange(8) // 2) is not None
