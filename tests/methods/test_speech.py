"""Targeted transcription: texts compared, words counted, a linear recogniser whose least change is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from momus.core.errors import BudgetSpent
from momus.methods import sound, speech
from momus.methods.speech import Schedule, plain, word_errors


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Delete all the files.", "delete all the files"),
        ("  Don't\tstop! ", "dont stop"),
        ("ill-disposed", "ill disposed"),
        ("ＡＢＣ", "abc"),
        ("", " ... "),
    ],
)
def test_plain_texts_agree(a: str, b: str) -> None:
    assert plain(a) == plain(b)


@pytest.mark.parametrize(("a", "b"), [("delete the files", "delete all the files"), ("a b", "ab"), ("10", "ten")])
def test_plain_texts_differ(a: str, b: str) -> None:
    assert plain(a) != plain(b)


@pytest.mark.parametrize(
    ("said", "wanted", "rate"),
    [("a b c", "a b c", 0), ("a c", "a b c", 1 / 3), ("a b x c", "a b c", 1 / 3), ("", "a b", 1), ("x y z", "a", 3)],
)
def test_word_errors(said: str, wanted: str, rate: float) -> None:
    assert word_errors(said, wanted) == pytest.approx(rate)


class Linear:
    """Says ``yes`` where <w, x> > 0, else ``no``: from <w, x> = -gap the least Linf change is gap / |w|_1."""

    def __init__(self, t: int = 64, seed: int = 0) -> None:
        w = np.random.default_rng(seed).standard_normal(t)
        self.w = torch.tensor(w / np.abs(w).sum())
        self.heard = 0

    def clips(self, gaps: list[float]) -> torch.Tensor:
        """Loudest sample 0.5 each, at these distances on the side of ``no``."""
        t = len(self.w)
        other = torch.linspace(-1, 1, t, dtype=torch.float64)
        other = other - self.w * (other @ self.w) / (self.w @ self.w)
        return torch.stack([other / other.abs().max() * 0.5 - g * self.w / (self.w @ self.w) for g in gaps])

    def pull(self, x, _rows):
        z = x @ self.w
        return torch.nn.functional.softplus(-100 * z), -100 * torch.sigmoid(-100 * z)[:, None] * self.w

    def hear(self, x):
        self.heard += len(x)
        return np.array(["yes" if z > 0 else "no" for z in (x @ self.w).tolist()], dtype=object)


def run(model: Linear, x, schedule: Schedule, **more):
    allowed = more.pop("allowed", torch.ones_like(x, dtype=torch.bool))
    return speech.transcribe_as(model.pull, model.hear, x, ["YES!"] * len(x), schedule, allowed=allowed, **more)


def test_the_change_found_is_near_the_least_there_is() -> None:
    model = Linear()
    gaps = [0.005, 0.01, 0.02]
    x = model.clips(gaps)
    found = run(model, x, Schedule(bound=0.5, shrink=0.9, steps=300, every=3, hopeless=np.inf))
    assert found.won.all()
    least = np.array(gaps)  # |w|_1 is 1
    size = sound.peaks(found.x - x).numpy()
    assert (size >= least - 1e-4).all()  # less is impossible; rounding to 16 bits is allowed for
    assert (size <= least * 1.25 + 2e-4).all()
    assert (np.array([b[0] for b in found.bounds]) <= 0.5 + 1e-9).all()


def test_what_lies_beyond_the_bound_is_not_reached() -> None:
    model = Linear()
    x = model.clips([0.01, 0.2])
    peak = sound.peaks(x).numpy()
    share = 0.05 / peak.max()
    found = run(model, x, Schedule(bound=share, steps=80))
    assert found.won.tolist() == [True, False]
    assert (sound.peaks(found.x - x).numpy() <= share * peak + 1e-9).all()
    assert found.first[1] == -1
    assert model.hear(found.x).tolist() == ["yes", "no"]


def test_successes_are_16_bit_clips_inside_the_range() -> None:
    model = Linear()
    x = sound.quantised(model.clips([0.01, 0.02]))
    found = run(model, x, Schedule(bound=0.3, steps=60))
    assert found.won.all()
    steps = found.x.numpy() * 32768
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert float(found.x.abs().max()) <= 1


def test_nothing_moves_where_it_may_not() -> None:
    model = Linear()
    x = model.clips([0.01])
    allowed = torch.ones_like(x, dtype=torch.bool)
    allowed[:, 40:] = False
    found = run(model, x, Schedule(bound=0.5, steps=60), allowed=allowed)
    assert found.won.all()
    assert torch.equal(found.x[:, 40:], x[:, 40:])
    assert not torch.equal(found.x[:, :40], x[:, :40])


def test_two_runs_agree_and_rows_do_not_depend_on_each_other() -> None:
    model = Linear()
    x = model.clips([0.005, 0.02])
    a, b = (run(model, x, Schedule(bound=0.3, steps=40)) for _ in range(2))
    assert torch.equal(a.x, b.x)
    alone = run(model, x[1:], Schedule(bound=0.3, steps=40))
    torch.testing.assert_close(alone.x[0], a.x[1])


def test_a_spent_budget_keeps_the_best_so_far() -> None:
    model = Linear()
    x = model.clips([0.01])
    left = [60]

    def pull(point, rows):
        if not left[0]:
            raise BudgetSpent
        left[0] -= 1
        return model.pull(point, rows)

    found = speech.transcribe_as(
        pull, model.hear, x, ["yes"], Schedule(bound=0.3, steps=500), allowed=torch.ones_like(x, dtype=torch.bool)
    )
    assert not found.complete
    assert found.won.all()
    assert len(found.loss) == 60


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_dead_gradients_are_counted_and_move_nothing(value: float) -> None:
    model = Linear()
    x = model.clips([0.01, 0.02])
    found = speech.transcribe_as(
        lambda p, _r: (torch.ones(len(p)), torch.full_like(p, value)), model.hear, x, ["yes", "yes"],
        Schedule(bound=0.3, steps=10), allowed=torch.ones_like(x, dtype=torch.bool),
    )  # fmt: skip
    assert found.flat == 1.0
    assert not found.won.any()
    torch.testing.assert_close(found.x, x)


def test_the_step_does_not_depend_on_the_size_of_the_loss() -> None:
    model = Linear()
    x = model.clips([0.02])
    big = run(model, x, Schedule(bound=0.3, steps=30))
    small = speech.transcribe_as(
        lambda p, r: tuple(1e-12 * v for v in model.pull(p, r)), model.hear, x, ["yes"],
        Schedule(bound=0.3, steps=30), allowed=torch.ones_like(x, dtype=torch.bool),
    )  # fmt: skip
    assert small.won.all()
    torch.testing.assert_close(small.x, big.x, atol=1e-3, rtol=0)


def test_no_clips_are_no_trouble() -> None:
    model = Linear()
    found = run(model, model.clips([0.1])[:0], Schedule(bound=0.3, steps=5))
    assert len(found.won) == 0
    assert found.loss == []
    assert model.heard == 0


def test_quieter_than_a_16_bit_step_ends_the_search() -> None:
    model = Linear()
    found = run(model, model.clips([1e-7]), Schedule(bound=0.3, shrink=0.1, steps=500, every=1, hopeless=np.inf))
    assert found.won.all()
    assert len(found.loss) < 100
