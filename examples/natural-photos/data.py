"""The 10,000 test pictures of Fashion-MNIST, and the few real photographs that come with installed packages."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples

FOLDER = Path(__file__).resolve().parent.parent / ".data" / "fashion"
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
RESIZED, SIDE = 256, 224
# What the labelled photos show, and what the network takes some of them for; the other classes go by number.
NAMES = {
    22: "bald eagle", 99: "goose", 129: "spoonbill", 243: "bull mastiff", 251: "dalmatian", 302: "ground beetle",
    305: "dung beetle", 317: "leafhopper", 436: "beach wagon", 438: "beaker", 455: "bottlecap", 471: "cannon",
    511: "convertible", 541: "drum", 559: "folding chair", 609: "jeep", 630: "Loafer", 741: "prayer rug",
    853: "thatch", 915: "yurt", 949: "strawberry", 990: "buckeye",
}  # fmt: skip
PHOTOS = tuple(NAMES.get(i, f"class {i}") for i in range(1000))


def _idx(start: str) -> NumpyArray:
    found = sorted(p for p in FOLDER.rglob(f"{start}*") if p.is_file())
    if not found:
        hint = "python examples/fetch.py fashion"
        raise DataError("the Fashion-MNIST files are not there", place=str(FOLDER), hint=hint)
    raw = gzip.decompress(found[0].read_bytes()) if found[0].suffix == ".gz" else found[0].read_bytes()
    sides = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(sides)


def clothes() -> Samples:
    """All 10,000 test pictures: no network of this case was chosen or stopped by them."""
    x, y = _idx("t10k-images")[..., None], _idx("t10k-labels")
    return Samples(x=x.copy(), y=y.astype(np.int64), classes=CLASSES, name="Fashion-MNIST test")


def _files(package: str, folder: str, pattern: str) -> list[Path]:
    """Files of an installed package, which is found and not imported."""
    spec = importlib.util.find_spec(package)
    places = [Path(f) / folder for f in spec.submodule_search_locations or ()] if spec else []
    return sorted(f for place in places for f in place.glob(pattern))


def _photo(file: Path) -> NumpyArray:
    """The shorter side at 256 pixels, the middle 224 x 224: the usual ImageNet test protocol."""
    from PIL import Image

    photo = Image.open(file).convert("RGB")
    factor = RESIZED / min(photo.size)
    size = round(photo.width * factor), round(photo.height * factor)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    scaled = photo.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(scaled.crop((left, top, left + SIDE, top + SIDE)))


def photos() -> Samples:
    """Twenty photos of the ImageNet validation set with their labels, from the package ``foolbox``."""
    files = _files("foolbox", "data", "imagenet_*.jpg")
    if not files:
        hint = "pip install --no-deps -r examples/requirements.txt"
        raise DataError("the package 'foolbox' with its photos is not installed", place="data.py", hint=hint)
    labels = np.array([int(f.stem.split("_")[-1]) for f in files])
    return Samples(x=np.stack([_photo(f) for f in files]), y=labels, classes=PHOTOS)


def unlabelled() -> Samples:
    """The same twenty and the colour photographs of ``scikit-image``, nobody's labels."""
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg")
    more = [f for n in names for f in _files("skimage", "data", n)]
    x = np.concatenate([photos().x, *(_photo(f)[None] for f in more)])
    return Samples(x=x, name="photographs without labels")
