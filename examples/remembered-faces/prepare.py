"""Trains the recogniser that the card names: python prepare.py, a few seconds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import model
import torch

import data
from momus.core.errors import DataError


def main() -> None:
    try:
        rows, test = data.train(), data.test()
    except DataError as error:
        sys.exit(f"{error}: {error.hint}")
    torch.set_num_threads(1)
    made = model.train(rows.x, rows.y, seed=0)
    model.WEIGHTS.parent.mkdir(exist_ok=True)
    torch.save(made.state_dict(), model.WEIGHTS)
    with torch.no_grad():
        said = made(torch.from_numpy(test.x.astype("float32") / 255).movedim(-1, 1)).argmax(1).numpy()
    print(f"weights/{model.WEIGHTS.name}  right on {(said == test.y).mean():.3f} of {len(test)} photos kept back")


if __name__ == "__main__":
    main()
