"""What a client's update is, and how its distance to another moves with the rows: against torch and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.capabilities import Updates, missing
from momus.core.errors import TargetError
from momus.core.samples import Samples
from momus.targets import Target


def rows(n: int = 40, d: int = 6, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(x=rng.normal(size=(n, d)), y=rng.integers(0, 3, n), classes=("a", "b", "c"))


def opened(module: Any, samples: Samples) -> Any:
    return Target.from_torch(module, samples=samples, classes=samples.classes, name="net")


def test_an_update_is_the_gradient_of_the_mean_loss() -> None:
    s = rows()
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    target = opened(module, s)
    assert missing(target, Updates) == ()
    sent = target.update(target.encode(s.x[:4]), s.y[:4])
    loss = nn.functional.cross_entropy(module(torch.as_tensor(s.x[:4]).float()), torch.as_tensor(s.y[:4]))
    loss.backward()
    assert list(sent) == [k for k, _ in module.named_parameters()]
    for name, p in module.named_parameters():
        assert torch.allclose(sent[name].float(), p.grad, atol=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_the_distance_moves_with_the_rows_as_its_gradient_says(distance: str) -> None:
    s = rows()
    target = opened(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double(), s)
    seen = target.update(s.x[:2], s.y[:2])
    x, y = s.x[2:4].copy(), s.y[:2]
    value, slope = target.update_match(x, y, seen, distance)
    assert value > 0 and isinstance(slope, np.ndarray) and slope.shape == x.shape
    for i, j in [(0, 0), (1, 3), (0, 5)]:
        up, down = x.copy(), x.copy()
        up[i, j] += 1e-5
        down[i, j] -= 1e-5
        rise = target.update_match(up, y, seen, distance)[0] - target.update_match(down, y, seen, distance)[0]
        assert rise / 2e-5 == pytest.approx(slope[i, j], rel=1e-3, abs=1e-7)
    assert target.update_match(s.x[:2], y, seen, distance)[0] == pytest.approx(0.0, abs=1e-9)


def test_what_was_frozen_is_not_sent() -> None:
    s = rows()
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    module[0].requires_grad_(False)
    assert list(opened(module, s).update(s.x[:2], s.y[:2])) == ["2.weight", "2.bias"]
    module.requires_grad_(False)  # frozen for use, as many modules come: then all of it counts
    assert len(opened(module, s).update(s.x[:2], s.y[:2])) == 4


def test_batch_statistics_are_the_clients_and_no_question_moves_them() -> None:
    s = rows()
    module = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    target = opened(module, s)
    before = target.predict(s.x)
    several, one = target.update(s.x[:4], s.y[:4]), target.update(s.x[:1], s.y[:1])
    module.train()
    loss = nn.functional.cross_entropy(module(torch.as_tensor(s.x[:4]).float()), torch.as_tensor(s.y[:4]))
    (wanted,) = torch.autograd.grad(loss, module[0].weight)
    assert np.allclose(several["0.weight"], wanted, atol=1e-5)
    assert np.isfinite(one["0.weight"]).all() and np.array_equal(before, target.predict(s.x))
    assert np.array_equal(target.update(s.x[:1], s.y[:1])["0.weight"], one["0.weight"])


def test_a_module_that_cuts_the_rows_off_says_so() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            return self.line((x > 0).to(x.dtype))

    s = rows()
    target = opened(Cut(), s)
    seen = target.update(s.x[:2], s.y[:2])
    with pytest.raises(TargetError, match="differentiated"):
        target.update_match(s.x[2:4], s.y[:2], seen, "cosine")
