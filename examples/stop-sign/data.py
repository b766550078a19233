"""Signs cut out of their drawings, photographs of places, and pictures composed of both: the data of this case.

The signs ship in the npm package ``mapillary_sprite_source`` (python examples/fetch.py signs), the photographs in
scikit-image. Training and test see different photographs. All signs stand upright, as in most collections of signs.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import svg
from PIL import Image

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples
from momus.methods.scenarios import Stock, photographs

HERE = Path(__file__).resolve().parent
FILES = {
    "stop": "regulatory--stop--g1",
    "give way": "regulatory--yield--g1",
    "no entry": "regulatory--no-entry--g1",
    "limit 30": "regulatory--maximum-speed-limit-30--g1",
    "limit 50": "regulatory--maximum-speed-limit-50--g1",
    "limit 80": "regulatory--maximum-speed-limit-80--g1",
    "roundabout": "regulatory--roundabout--g1",
    "turn right": "regulatory--turn-right--g1",
    "no overtaking": "regulatory--no-overtaking--g1",
    "keep right": "regulatory--keep-right--g1",
    "children": "warning--children--g2",
    "roadworks": "warning--roadworks--g1",
}
CLASSES = (*FILES, "no sign")
NONE = len(FILES)
SIDE, CUT, PHOTO = 48, 96, 256
SIZE = 0.6  # of the picture's side that a sign takes
PLACES = {
    "train": ("astronaut", "coffee", "rocket", "brick", "camera", "retina", "moon"),
    "test": ("chelsea", "gravel", "motorcycle_left", "grass", "coins", "hubble_deep_field"),
}


@functools.cache
def objects() -> Samples:
    """(12, 96, 96, 4): one cut-out of each sign."""
    folder = HERE.parent / ".data" / "signs" / "bundle"
    if not folder.is_dir():
        raise DataError(
            "the drawings of the signs are not here", place="data.py", hint="python examples/fetch.py signs"
        )
    cut = np.stack([svg.draw(folder / f"{name}.svg", CUT) for name in FILES.values()])
    return Samples(cut, np.arange(NONE), name="signs", classes=CLASSES)


@functools.cache
def places(part: str) -> Samples:
    """Photographs (n, 256, 256, 3) that ship with scikit-image; their file names are all that is used of it."""
    import skimage.data

    folder = Path(skimage.data.__file__).resolve().parent
    found = [next(f for f in sorted(folder.glob(f"{name}.*")) if f.suffix in (".png", ".jpg")) for name in PLACES[part]]
    return Samples(np.stack([_square(Image.open(f).convert("RGB")) for f in found]), name=f"places for {part}")


def _square(photo: Image.Image) -> NumpyArray:
    edge = min(photo.size)
    left, top = (photo.width - edge) // 2, (photo.height - edge) // 2
    return np.asarray(photo.crop((left, top, left + edge, top + edge)).resize((PHOTO, PHOTO), Image.Resampling.BOX))


def stock(part: str) -> Stock:
    """What pictures of ``part`` are composed of."""
    return Stock(Samples(np.zeros((1, SIDE, SIDE, 3), np.uint8)), objects(), places(part))


def composed(part: str, n: int, seed: int) -> Samples:
    """``n`` upright signs, and a ninth as many places without any."""
    rng = np.random.default_rng(seed)
    signs = photographs.upright(stock(part), n, rng, size=SIZE)
    empty = photographs.out_of_scope(stock(part), n // 9, rng)
    assert signs.y is not None
    y = np.concatenate([signs.y, np.full(len(empty.x), NONE)])
    return Samples(np.concatenate([signs.x, empty.x]), y, name=part, classes=CLASSES)


def train() -> Samples:
    """Part of what the network learned from: enough to look for copies and for conditions that the test leaves out."""
    return composed("train", 900, seed=1)


def test() -> Samples:
    """(666, 48, 48, 3): 50 of each sign on places that training has not seen, and 66 places without a sign."""
    return composed("test", 600, seed=2)


def backgrounds() -> Samples:
    return places("test")
