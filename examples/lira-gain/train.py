"""Trains the network by the recipe of momus.yaml and writes weights.npz: python train.py (half a minute)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from model import WEIGHTS, network

from data import train
from momus.targets import Target

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Fit the untrained network on the members, as a shadow model would be, and keep its weights in half precision."""
    card: dict[str, Any] = yaml.safe_load((HERE / "momus.yaml").read_text("utf-8"))
    spec = card["targets"][0]
    recipe = {**spec["recipe"], "build": network}
    given = {"shape": (1, 28, 28), "range": (0.0, 1.0)}
    bare = Target.from_torch(network(), name="bare", output="logits", recipe=recipe, **given)
    members = train()
    made = bare.retrain(members.x, members.y, seed=2112)
    weights = {f"weight.{i}": np.asarray(p, dtype=np.float16) for i, p in enumerate(made.parameters().values())}
    np.savez_compressed(WEIGHTS, **weights)


if __name__ == "__main__":
    main()
