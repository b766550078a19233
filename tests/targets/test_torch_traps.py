"""Models as people write them: each trap is recognised, handled, or told in one line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.capabilities import Gradients, missing
from momus.core.errors import ProbeError, TargetError
from momus.core.samples import Samples
from momus.methods.losses import loss_gradient
from momus.targets import Target

torch.set_num_threads(1)
X = np.random.default_rng(0).integers(0, 256, (12, 6, 10, 3), dtype=np.uint8)  # not square
Y = np.arange(12) % 4


def plain(k: int = 4) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 4 * 8, k))
    with torch.no_grad():
        net[-1].weight *= 4
    return net.eval()


class Wrapped(nn.Module):
    """``plain`` behind any change of input or output."""

    def __init__(self, before: Callable[[Any], Any] = lambda x: x, after: Callable[[Any], Any] = lambda z: z) -> None:
        super().__init__()
        self.net = plain()
        self.before = before
        self.after = after

    def forward(self, x: torch.Tensor) -> Any:
        return self.after(self.net(self.before(x)))


def reference(x: np.ndarray = X) -> np.ndarray:
    with torch.no_grad():
        return plain()(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255).numpy()


def double() -> nn.Module:
    return plain().double()


def strict_uint8(x: torch.Tensor) -> torch.Tensor:
    if x.dtype != torch.uint8:
        raise TypeError(f"expected uint8, got {x.dtype}")
    return x.float() / 255


def lookup(x: torch.Tensor) -> torch.Tensor:
    return torch.linspace(0, 1, 256)[x.long()] if x.dtype == torch.uint8 else strict_uint8(x)


MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def denormalised(x: torch.Tensor) -> torch.Tensor:
    return x * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)


SAME = {  # each is the same function of the pixels, written another way
    "logits": (plain, {}),
    "softmax module": (lambda: nn.Sequential(plain(), nn.Softmax(dim=-1)), {}),
    "log-softmax module": (lambda: nn.Sequential(plain(), nn.LogSoftmax(dim=1)), {}),
    "softmax function": (lambda: Wrapped(after=lambda z: z.softmax(dim=1)), {}),
    "named output": (lambda: Wrapped(after=lambda z: {"logits": z}), {}),
    "float64": (double, {}),
    "bytes as floats": (lambda: Wrapped(lambda x: x / 255), {"range": (0, 255)}),
    "range -1 to 1": (lambda: Wrapped(lambda x: (x + 1) / 2), {"range": (-1, 1)}),
    "uint8 refused floats": (lambda: Wrapped(strict_uint8), {}),
    "uint8 declared": (lambda: Wrapped(strict_uint8), {"uint8": True}),
    "uint8 accepts floats": (lambda: Wrapped(lambda x: x.float() / 255), {"uint8": True}),
    "channels last": (lambda: Wrapped(lambda x: x.permute(0, 3, 1, 2)), {"shape": (6, 10, 3), "channels": "last"}),
    "flat": (lambda: Wrapped(lambda x: x.view(-1, 3, 6, 10)), {"shape": (180,)}),
    "normalised outside": (lambda: Wrapped(denormalised), {"mean": MEAN, "std": STD}),
    "squeezes a batch of one": (lambda: Wrapped(after=torch.squeeze), {}),
    "small batches": (plain, {"rows": 5}),
}


@pytest.mark.parametrize("trap", SAME)
@pytest.mark.parametrize("n", [1, 12])
def test_the_same_answers_however_it_is_written(trap: str, n: int) -> None:
    build, settings = SAME[trap]
    settings = {"shape": (3, 6, 10), **settings}
    target = Target.from_torch(build(), samples=Samples(X, Y), **settings)
    want = torch.softmax(torch.from_numpy(reference(X[:n])).double(), dim=1).numpy()
    a = target.encode(X[:n])
    assert tuple(a.shape) == (n, 3, 6, 10)
    np.testing.assert_allclose(target.probabilities(a).numpy(), want, atol=2e-5)
    np.testing.assert_array_equal(target.predict(a).numpy(), want.argmax(axis=1))
    np.testing.assert_array_equal(target.decode(a), X[:n])


@pytest.mark.parametrize("trap", [t for t in SAME if "refused" not in t and "declared" not in t])
def test_the_same_gradient_however_it_is_written(trap: str) -> None:
    build, settings = SAME[trap]
    target = Target.from_torch(build(), samples=Samples(X, Y), **{"shape": (3, 6, 10), **settings})
    plainly = Target.from_torch(plain(), shape=(3, 6, 10))
    a = plainly.encode(X)
    _, want = loss_gradient(plainly, a, Y)
    _, got = loss_gradient(target, a, Y)
    assert got.dtype == a.dtype
    assert got.is_contiguous()
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=2e-4 * float(want.abs().max()))


def test_saturated_softmax_keeps_its_gradient() -> None:
    """A softmax in float32 is exactly 0 or 1 on confident inputs; the module in front of it still has a slope."""
    sharp = plain()
    with torch.no_grad():
        sharp[-1].weight *= 200
    target = Target.from_torch(nn.Sequential(sharp, nn.Softmax(dim=1)), shape=(3, 6, 10))
    a = target.encode(X)
    _, gradient = loss_gradient(target, a, target.predict(a), "margin")
    assert (gradient.abs().amax(dim=(1, 2, 3)) > 0).all()
    assert any("softmax" in n for n in target.info.notes)


def test_whole_number_lookups_have_no_gradient() -> None:
    target = Target.from_torch(Wrapped(lookup), shape=(3, 6, 10))
    assert "pullback" in missing(target, Gradients)
    assert any("no gradients" in n for n in target.info.notes)


@pytest.mark.parametrize(
    ("after", "settings"),
    [
        (lambda z: z[:, :1], {}),
        (lambda z: z[:, 0], {}),
        (lambda z: torch.sigmoid(z[:, :1]), {}),
        (lambda z: torch.sigmoid(z[:, 0]), {"output": "probabilities"}),
    ],
)
def test_one_logit_is_two_classes(after: Any, settings: dict[str, Any]) -> None:
    target = Target.from_torch(Wrapped(after=after), shape=(3, 6, 10), classes=("no", "yes"), **settings)
    a = target.encode(X)
    second = 1 / (1 + np.exp(-reference()[:, 0].astype(float)))
    np.testing.assert_allclose(target.probabilities(a)[:, 1].numpy(), second, atol=1e-5)
    _, up = loss_gradient(target, a, np.zeros(12, int), "margin")
    _, down = loss_gradient(target, a, np.ones(12, int), "dlr")  # fewer than three classes: dlr is margin
    np.testing.assert_allclose(up.numpy(), -down.numpy(), atol=1e-6)


def test_train_mode_left_on_is_switched_off_in_a_copy() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(128, 4)).train()
    state = copy.deepcopy(net.state_dict())
    target = Target.from_torch(net, shape=(3, 6, 10))
    a = target.encode(X)
    assert torch.equal(target.logits(a), target.logits(a))
    torch.testing.assert_close(target.logits(a[:1]), target.logits(a)[:1])
    assert any("training mode" in n for n in target.info.notes)
    assert net.training
    assert all(p.requires_grad for p in net.parameters())
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())


def test_later_training_does_not_change_the_target() -> None:
    net = plain()
    target = Target.from_torch(net, shape=(3, 6, 10))
    before = target.logits(target.encode(X))
    with torch.no_grad():
        net[-1].weight.zero_()
    assert torch.equal(target.logits(target.encode(X)), before)
    assert Target.from_torch(net, shape=(3, 6, 10)).info.digest != target.info.digest


def test_a_random_model_is_found_out() -> None:
    target = Target.from_torch(Wrapped(lambda x: x + 0.1 * torch.randn_like(x)), shape=(3, 6, 10))
    assert target.info.randomised
    assert not Target.from_torch(plain(), shape=(3, 6, 10)).info.randomised


def test_batch_statistics_in_use_are_found_out() -> None:
    net = nn.Sequential(plain(), nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(TargetError, match="ValueError"):  # PyTorch refuses a single row
        Target.from_torch(net, shape=(3, 6, 10))
    centred = Wrapped(after=lambda z: z - z.mean(dim=0))
    assert any("other rows" in n for n in Target.from_torch(centred, shape=(3, 6, 10)).info.notes)


def test_constant_output_has_a_zero_gradient_and_no_error() -> None:
    target = Target.from_torch(Wrapped(after=lambda z: z * 0 + torch.tensor([1.0, 2, 3, 4])), shape=(3, 6, 10))
    a = target.encode(X)
    assert (target.predict(a) == 3).all()
    logits, gradient = loss_gradient(target, a, Y, "dlr")
    assert torch.isfinite(logits).all()
    assert (gradient == 0).all()


def cut(z: torch.Tensor) -> torch.Tensor:
    return z.detach()


def test_a_detached_output_says_so() -> None:
    target = Target.from_torch(Wrapped(after=cut), shape=(3, 6, 10))
    with pytest.raises(TargetError, match="does not depend on the input"):
        loss_gradient(target, target.encode(X), Y)


def raising(_: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("boom\nsecond line")


BROKEN = {
    "raises": (raising, "raised RuntimeError while it answered: boom second line"),
    "NaN": (lambda z: z / 0 * 0, "NaN or infinity for 16 rows, first row 0"),
    "infinity": (lambda z: z / 0, "NaN or infinity"),
    "rows lost": (lambda z: z[1:], r"shape \(15, 4\) for 16 rows"),
    "three axes": (lambda z: z[:, :, None].expand(-1, -1, 2), r"expected \(n, classes\)"),
    "scalar": (lambda z: z.sum(), "for 16 rows"),
    "tuple": (lambda z: (z, z), "returned a tuple"),
}


@pytest.mark.parametrize("trap", BROKEN)
def test_broken_models_are_told_in_one_line(trap: str) -> None:
    after, message = BROKEN[trap]
    with pytest.raises(TargetError, match=message) as caught:
        Target.from_torch(Wrapped(after=after), shape=(3, 6, 10), name="broken")
    assert "target 'broken'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nan_that_comes_later_is_noticed() -> None:
    """Clean on the rows that were looked at, broken on others."""
    target = Target.from_torch(Wrapped(lambda x: torch.where(x > 2, torch.nan, x)), shape=(3, 6, 10))
    a = target.encode(X)
    target.predict(a)
    a[3] = 3.0
    for ask in (target.predict, target.probabilities, lambda b: loss_gradient(target, b, Y)):
        with pytest.raises(TargetError, match="NaN or infinity for 1 rows, first row 3"):
            ask(a)


def test_a_nan_gradient_is_noticed() -> None:
    target = Target.from_torch(Wrapped(after=lambda z: torch.sqrt((z - z).pow(2)) + z), shape=(3, 6, 10))
    with pytest.raises(TargetError, match="gradient is NaN"):
        loss_gradient(target, target.encode(X), Y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[..., :1], "grayscale images, the model takes RGB"),
        (X[:, :5], "5x10 pixels, the model takes 6x10"),
        (X.reshape(12, -1), r"images come as numbers \(n, h, w, c\)"),
        (X * 2.0, "neither in"),
        (np.where(X[0, 0, 0, 0] == X, np.nan, X / 255), "NaN"),
    ],
)
def test_images_that_do_not_fit_are_refused(x: np.ndarray, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Target.from_torch(plain(), shape=(3, 6, 10)).encode(x)


@pytest.mark.parametrize("scale", [255.0, 1.0])
def test_float_images_are_recognised_and_come_back(scale: float) -> None:
    x = (X / scale).astype(np.float32)
    target = Target.from_torch(plain(), samples=Samples(x, Y))
    a = target.encode(x)
    np.testing.assert_allclose(a.numpy(), np.moveaxis(X / 255, -1, 1), atol=1e-6)
    np.testing.assert_allclose(target.decode(a), x, rtol=1e-5)


def test_wrong_class_count_is_told() -> None:
    with pytest.raises(TargetError, match="4 outputs, 3 classes"):
        Target.from_torch(plain(), shape=(3, 6, 10), classes=("a", "b", "c"))


def test_resizing_only_where_the_card_asks() -> None:
    big = np.repeat(np.repeat(X, 4, axis=1), 4, axis=2)
    target = Target.from_torch(plain(), shape=(3, 6, 10), size=(6, 10))
    smooth = target.encode(big).numpy() - np.moveaxis(X / 255, -1, 1)
    assert np.abs(smooth).mean() < 0.1
    with pytest.raises(TargetError, match="24x40 pixels"):
        Target.from_torch(plain(), shape=(3, 6, 10)).encode(big)


def test_no_copy_a_step() -> None:
    """The module sees the very memory that the attack holds."""
    seen: list[int] = []

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.data_ptr())
        return x

    target = Target.from_torch(Wrapped(look), shape=(3, 6, 10), rows=64)
    a = target.encode(X)
    loss_gradient(target, a, torch.from_numpy(Y))
    target.predict(a)
    assert seen[-2:] == [a.data_ptr()] * 2


def test_losses_by_hand() -> None:
    class Given(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    z = np.array([[2.0, -1.0, 0.5, 0.0], [0.0, 3.0, 1.0, -2.0]])
    target = Target.from_torch(Given(), shape=(4,), output="logits", classes=tuple("abcd"))
    _, g = loss_gradient(target, torch.from_numpy(z), np.array([0, 2]), "margin")
    np.testing.assert_allclose(g.numpy(), [[-1, 0, 1, 0], [0, 1, -1, 0]])
    _, g = loss_gradient(target, torch.from_numpy(z), np.array([0, 2]), "cross_entropy")
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(g.numpy(), p - np.eye(4)[[0, 2]], atol=1e-6)
    with pytest.raises(ProbeError, match="no loss 'hinge'"):
        loss_gradient(target, torch.from_numpy(z), np.array([0, 2]), "hinge")
    with pytest.raises(ProbeError, match="labels must be 0 to 3"):
        loss_gradient(target, torch.from_numpy(z), np.array([0, 4]))
