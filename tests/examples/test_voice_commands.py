"""The rebuilt speech systems of examples/voice-commands, without their weights: shapes, gradients, a broken file."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "voice-commands"


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[str, Any]]:
    names = ("ct2", "whisper", "model")
    kept = {n: sys.modules.pop(n) for n in names if n in sys.modules}
    sys.path.insert(0, str(FOLDER))
    try:
        yield {n: __import__(n) for n in names}
    finally:
        sys.path.remove(str(FOLDER))
        for n in names:
            sys.modules.pop(n, None)
        sys.modules.update(kept)


@pytest.fixture(scope="module")
def model(parts: dict[str, Any]) -> Any:
    """The network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = parts["whisper"].Whisper().eval().requires_grad_(False)
        made.moments.normal_(0, 0.1)
        made.places.normal_(0, 0.1)
    return made


def test_mel_filters_are_triangles_of_equal_area(parts: dict[str, Any]) -> None:
    filters = parts["whisper"].mel_filters()
    assert filters.shape == (80, 201)
    assert (filters >= 0).all()
    assert (filters.sum(dim=1) > 0).all()
    wide = filters[50:].sum(dim=1) * 40  # 40 Hz a bin; narrow low triangles are too coarsely sampled to tell
    assert wide.numpy() == pytest.approx(np.ones(30), abs=0.05)


def test_silence_without_a_graph_is_heard_the_same(model: Any) -> None:
    rng = np.random.default_rng(0)
    x = torch.zeros(1, 48_000)
    x[0, :16_000] = torch.tensor(rng.normal(0, 0.1, 16_000), dtype=torch.float32)
    leaf = x.clone().requires_grad_(True)
    near = model.listen_to_the_start(leaf, 60)
    torch.testing.assert_close(near.detach(), model.listen(x), atol=2e-4, rtol=1e-4)
    (gradient,) = torch.autograd.grad(near.square().sum(), leaf)
    assert torch.isfinite(gradient).all()
    assert gradient[0, :16_000].abs().sum() > 0


def test_the_gradient_through_the_start_is_nearly_the_whole(model: Any) -> None:
    rng = np.random.default_rng(1)
    x = torch.zeros(1, 32_000)
    x[0, :16_000] = torch.tensor(rng.normal(0, 0.1, 16_000), dtype=torch.float32)
    tokens = torch.tensor([[50_257, 50_362, 5, 6]])

    def pull(heard: Any) -> Any:
        leaf = x.clone().requires_grad_(True)
        loss = model.logits(tokens, heard(leaf)).log_softmax(dim=2)[0, -1, 7]
        return torch.autograd.grad(loss, leaf)[0][0]

    whole, start = pull(model.listen), pull(lambda a: model.listen_to_the_start(a, 75))
    assert float(whole @ start / whole.norm() / start.norm()) > 0.9


def test_later_tokens_do_not_change_earlier_answers(model: Any) -> None:
    sound = model.listen(torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) * 0.1)
    short, long = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 2, 3, 4, 5]])
    torch.testing.assert_close(model.logits(short, sound), model.logits(long, sound)[:, :3], atol=1e-4, rtol=1e-4)


def test_the_detector_has_gradients_even_in_silence(parts: dict[str, Any]) -> None:
    detector = parts["model"].SpeechDetector().eval()
    x = torch.zeros(2, 16_000)
    x[1] = torch.sin(torch.arange(16_000) * 0.1) * 0.1
    leaf = x.requires_grad_(True)
    assert detector.frame_logits(leaf).shape == (2, 32)
    out = detector(leaf)
    assert out.shape == (2,)
    (gradient,) = torch.autograd.grad(out.sum(), leaf)
    assert torch.isfinite(gradient).all()
    assert gradient[1].abs().max() > 0


def ct2_file() -> bytes:
    def text(t: str) -> bytes:
        return struct.pack("<H", len(t) + 1) + t.encode() + b"\0"

    values = np.arange(6, dtype="<f2")
    tensor = text("a/weight") + struct.pack("<BII", 2, 2, 3) + struct.pack("<BI", 4, 12) + values.tobytes()
    return struct.pack("<I", 6) + text("spec") + struct.pack("<II", 3, 1) + tensor + struct.pack("<I", 1) + (
        text("b/weight") + text("a/weight")
    )  # fmt: skip


def test_a_ctranslate2_file_is_read(parts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(ct2_file())
    held = parts["ct2"].tensors(path)
    np.testing.assert_array_equal(held["a/weight"], np.arange(6.0).reshape(2, 3))
    assert held["b/weight"] is held["a/weight"]
    assert held["a/weight"].dtype == np.float32


@pytest.mark.parametrize("end", [3, 10, 20, 40])
def test_a_file_that_ends_early_is_refused(parts: dict[str, Any], tmp_path: Path, end: int) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(ct2_file()[:end])
    with pytest.raises((ValueError, struct.error)):
        parts["ct2"].tensors(path)
