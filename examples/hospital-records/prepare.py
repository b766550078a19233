"""Trains both networks by the card's own recipe: python prepare.py, half a minute, the same weights each time."""

from __future__ import annotations

from pathlib import Path

import model
import torch

import data
from momus.card import load_card
from momus.targets import Target

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Writes weights/by-patient.pt and weights/by-row.pt."""
    torch.set_num_threads(1)
    (HERE / "weights").mkdir(exist_ok=True)
    recipe = load_card(HERE / "momus.yaml").targets[0].recipe
    assert recipe is not None
    settings = {"build": model.build, **recipe.model_dump(exclude={"build"})}
    for name, rows in (("by-patient", data.train()), ("by-row", data.train_by_row())):
        target = Target.from_torch(model.build(), classes=rows.classes, samples=rows, recipe=settings)
        made = target.retrain(rows.x, rows.y, seed=0)
        torch.save(made.net.module.state_dict(), HERE / "weights" / f"{name}.pt")
        print(f"weights/{name}.pt  right on {(made.predict(rows.x) == rows.y).mean():.3f} of its {len(rows):,} rows")


if __name__ == "__main__":
    main()
