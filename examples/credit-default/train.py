"""Trains credit-default's model again: python train.py [model.json], a few seconds, the same file each time."""

from __future__ import annotations

import sys
from pathlib import Path

import model

import data

if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("model.json")
    rows = data.train()
    model.fit(rows.x, rows.y, seed=0).get_booster().save_model(str(where))
    print(f"wrote {where.name}")
