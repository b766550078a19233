"""Brings the weights beside the card and enrols the people: python prepare.py

Copies the face network of npm's @vladmandic/face-api, which ``python examples/fetch.py faces`` unpacked, after a check
of its digest, and writes the mean of five photos of each person to weights/gallery.npy.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNPACKED = HERE.parent / ".data" / "faces" / "model"
FILES = {
    "face_recognition_model.bin": "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    "face_recognition_model-weights_manifest.json": "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
}


def main() -> None:
    to = HERE / "weights"
    to.mkdir(exist_ok=True)
    for name, wanted in FILES.items():
        source = UNPACKED / name
        if not source.exists():
            sys.exit(f"{name} is not there: python examples/fetch.py faces")
        found = hashlib.sha256(source.read_bytes()).hexdigest()
        if found != wanted:
            sys.exit(f"{name}: sha256 {found[:16]}, expected {wanted[:16]}: not the file this case was measured on")
        shutil.copyfile(source, to / name)
        print(f"weights/{name}  sha256 {found[:16]}")
    sys.path.insert(0, str(HERE))
    _enrol(to)


def _enrol(to: Path) -> None:
    """The mean of the gallery photos' 128 numbers, for each person in order."""
    import model
    import numpy as np
    import torch

    import data
    from momus.core.errors import DataError

    try:
        people = data.gallery()
    except DataError as error:
        sys.exit(f"{error}: {error.hint}")
    net = model.Recogniser(model.FaceNet(model.read_weights(to)), torch.zeros(1, 128)).eval()
    x = torch.from_numpy(people.x.astype(np.float32)).movedim(-1, 1)
    with torch.no_grad():
        seen = torch.cat([net.embed(x[i : i + 20]) for i in range(0, len(x), 20)]).numpy()
    means = np.stack([seen[people.y == person].mean(axis=0) for person in range(data.PEOPLE)])
    np.save(to / "gallery.npy", means.astype(np.float32))
    print(f"weights/gallery.npy  {len(people)} photos of {data.PEOPLE} people")


if __name__ == "__main__":
    main()
