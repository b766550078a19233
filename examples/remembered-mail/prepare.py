"""Trains the filter that the card names: python prepare.py, about half a minute."""

from __future__ import annotations

import json
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
    model.HERE.mkdir(exist_ok=True)
    torch.save(made.state_dict(), model.HERE / "mail.pt")
    (model.HERE / "words.json").write_text(json.dumps(made.dictionary), encoding="utf-8")
    with torch.no_grad():
        said = torch.cat([made(list(test.x[i : i + 200])) for i in range(0, len(test), 200)]).argmax(1).numpy()
    print(f"weights/mail.pt  right on {(said == test.y).mean():.3f} of {len(test)} mails kept back")


if __name__ == "__main__":
    main()
