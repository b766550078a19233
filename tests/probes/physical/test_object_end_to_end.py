"""A mesh on a card goes through momus assess: reader, worker, target opened without it, print sheet in the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from momus.assess import assess
from momus.card import SystemCard
from momus.core.evidence import Attachment
from momus.zoo.physical import _shapes as shapes

MODEL = """
import torch

class Bright(torch.nn.Module):
    def forward(self, x):
        middle = x[:, :, 6:18, 6:18].mean(dim=(1, 2, 3))
        return 20 * torch.stack([0.3 - middle, middle - 0.3], dim=1)

def build():
    return Bright().eval()
"""


def obj(path: Path) -> None:
    """A cube as an OBJ file without texture coordinates."""
    corners = shapes.cube().reshape(-1, 3)
    lines = [f"v {x:g} {y:g} {z:g}" for x, y, z in corners]
    path.write_text("\n".join([*lines, *(f"f {i} {i + 1} {i + 2}" for i in range(1, len(corners), 3))]) + "\n")


@pytest.mark.parametrize("beside", [False, True])
def test_a_card_with_a_mesh(tmp_path: Path, beside: bool) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    obj(tmp_path / "cube.obj")
    data = {"object": {"path": "cube.obj"}}
    if beside:  # a set of pictures that the target is opened with instead
        np.savez(tmp_path / "test.npz", x=np.zeros((4, 24, 24, 3), np.uint8), y=np.zeros(4, int))
        data["test"] = {"path": "test.npz"}
    looks = {"range": [0, 1]} if beside else {"shape": [3, 24, 24], "range": [0, 1]}
    target = {"name": "m", "adapter": "torch", "factory": "model.py:build", "output": "logits", "input": looks}
    options = {
        "true_class": "dark",
        "colour": "#101010",
        "views": 12,
        "steps": 20,
        "pool": 8,
        "texels": 24,
        "step_size": 0.1,
    }
    card = {
        "system": "cube",
        "targets": [{**target, "classes": ["dark", "bright"]}],
        "data": data,
        "probes": {"physical.object": options},
    }
    done = assess(SystemCard.from_dict(card, base=tmp_path), only=("physical.object",), store=tmp_path / "runs.sqlite")
    assert not done.failures, done.failures
    (m,) = done.measurements
    assert m.value > 0.7
    assert {e.media for e in m.evidence if isinstance(e, Attachment)} == {"image/png", "application/pdf"}
    assert set(m.data) == {"object"}
