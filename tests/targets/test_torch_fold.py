"""Folding changes how fast a module answers and nothing else; where it would change an answer it is not done."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from momus.methods.losses import loss_gradient  # noqa: E402
from momus.targets import Target  # noqa: E402
from momus.targets.torch_fold import folded  # noqa: E402


def lively(module: nn.Module, seed: int = 0) -> nn.Module:
    """Batch normalisations with statistics that are not those of a fresh layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for m in module.modules():
            if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d):
                m.running_mean.normal_()
                m.running_var.uniform_(0.3, 3)
                nn.init.normal_(m.weight)
                nn.init.normal_(m.bias)
    return module.eval()


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 36, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: skip


class Forked(nn.Module):
    """The convolution's own output is used beside the normalised one: folding would change it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        return self.out((z + self.norm(z)).mean((2, 3)))


class Twice(nn.Module):
    """One convolution, called twice, normalised once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Linear(1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(self.conv(self.conv(x))).mean((2, 3)))


X = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def test_three_pairs_are_folded_and_answers_agree() -> None:
    module = lively(plain())
    made = folded(module, X)
    assert made is not None
    assert not any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in made.modules())
    torch.testing.assert_close(made(X), module(X), rtol=1e-4, atol=1e-4)
    assert sum(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in module.modules()) == 3


@pytest.mark.parametrize("module", [Forked(), Twice(), nn.Sequential(nn.Flatten(), nn.Linear(36, 3))])
def test_nothing_is_folded_that_would_answer_otherwise(module: nn.Module) -> None:
    assert folded(lively(module), X) is None


def test_attacks_ask_the_folded_copy_and_predict_the_module_as_it_came() -> None:
    module = lively(plain())
    target = Target.from_torch(module, shape=(1, 6, 6), classes=("a", "b", "c"), output="logits")
    assert target.quick is not target.net
    assert any("folded" in note for note in target.info.notes)
    logits, gradient = loss_gradient(target, X, np.array([0, 1, 2, 0, 1]), "margin")
    unfolded = Target.from_torch(module, shape=(1, 6, 6), classes=("a", "b", "c"), output="logits")
    unfolded.quick = unfolded.net
    want, slope = loss_gradient(unfolded, X, np.array([0, 1, 2, 0, 1]), "margin")
    torch.testing.assert_close(logits, want, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient, slope, rtol=1e-3, atol=1e-4)
    assert any(isinstance(m, nn.BatchNorm2d) for m in target.net.module.modules())
    np.testing.assert_array_equal(target.predict(X).numpy(), module(X).argmax(1).numpy())
