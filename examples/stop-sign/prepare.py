"""Trains both networks, about two minutes of one core, the same weights each time.

``upright.pt`` learns from upright signs alone. ``seen.pt`` learns from as many pictures, half of them signs fallen
over, half hidden, and on shirts (no sign), a blank frame and a camera that is off (no sign): the remedy, on other
photographs and other draws than it is tested with.
"""

from __future__ import annotations

from pathlib import Path

import model
import numpy as np
import torch
from torch import nn

import data
from momus.core.samples import NumpyArray
from momus.methods.scenarios import cloth, photographs

HERE = Path(__file__).resolve().parent
PICTURES, EPOCHS, BATCH = 3600, 8, 64


def main() -> None:
    """Writes weights/upright.pt and weights/seen.pt."""
    torch.set_num_threads(1)
    (HERE / "weights").mkdir(exist_ok=True)
    upright = data.composed("train", PICTURES, seed=0)
    test = data.test()
    for name, (x, y) in {"upright": (upright.x, upright.y), "seen": varied()}.items():
        net = fitted(x, y)
        torch.save(net.state_dict(), HERE / "weights" / f"{name}.pt")
        with torch.no_grad():
            right = (net(canonical(test.x)).argmax(1).numpy() == test.y).mean()
        print(f"weights/{name}.pt  right on {right:.3f} of {len(test)} test pictures")


def varied() -> tuple[NumpyArray, NumpyArray]:
    """Half as many upright signs, and the rest as they are met in bad luck."""
    half, rng, stock = data.composed("train", PICTURES // 2, seed=0), np.random.default_rng(10), data.stock("train")
    share = PICTURES // 8
    fallen = photographs.fallen_over(stock, 2 * share, rng, size=data.SIZE)
    hidden = photographs.occluded(stock, share, rng, size=data.SIZE, share=0.3)
    worn = cloth.on_a_shirt(stock, share, rng)
    nothing = [photographs.blank(stock, share // 2, rng), photographs.sensor_off(stock, share // 2, rng)]
    none = np.full(share + 2 * (share // 2), data.NONE)
    x = np.concatenate([half.x, fallen.x, hidden.x, worn.x, *(m.x for m in nothing)])
    return x, np.concatenate([half.y, fallen.y, hidden.y, none])


def canonical(x: NumpyArray) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(x, -1, 1).astype(np.float32) / 255)


def fitted(x: NumpyArray, y: NumpyArray) -> nn.Module:
    """Adam with a falling rate, batches in seeded order."""
    torch.manual_seed(0)
    net = model.build().train()
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    inputs, labels = canonical(x), torch.from_numpy(np.asarray(y).astype(np.int64))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), labels[rows]).backward()
            optimiser.step()
        schedule.step()
    return net.eval()


if __name__ == "__main__":
    main()
