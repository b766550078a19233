"""Momus beside imagecorruptions-imaug 1.1.5 on the 15 corruptions and the 4 extra ones: seconds, ratio, pixel distance.

    python benchmarks/bench_corruption.py [N=200]

Further down ImageNet-C-bar and the films, for which no package was found: the films beside the plainest way to write
them, Pillow or SciPy picture by picture and frame by frame.

Both run in this process on one thread, corruption after corruption in alternating slices, so that a busy machine slows
both alike. Pixels are compared on the same random draws: the peer's are reproduced from its seed and put into ours.
The peer's just-in-time compilation is done before the clock starts.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods.corrupt import image, planes, sequences, severities

NumpyArray = np.ndarray[Any, Any]
SLICES = 5

NOTES = """
The peer's compilation is left out of its time. Pixels are compared on the peer's own random draws; frost uses the
peer's textures here, while the product draws its own. JPEG is Pillow's encoder on both sides: no gain. Pixelate,
defocus and fog gain less than twice; spatter is slower than the peer's, which has OpenCV's compiled edge finder and
distances where ours are NumPy. The total is over the fifteen. ImageNet-C-bar has no packaged peer (none is given). The
films (20 pictures) stand beside a loop over pictures and frames with Pillow (tilt, rotate, scale), SciPy (translate) or
the peer's own function (motion blur), as many frames on both sides.
"""


def pictures(n: int, size: int = 224) -> NumpyArray:
    """(n, size, size, 3) uint8: coloured blocks with fine noise, the input of the published timing."""
    rng = np.random.default_rng(0)
    block = size // 14
    base = rng.random((n, 14, 14, 3)).repeat(block, axis=1).repeat(block, axis=2)
    made: NumpyArray = (base * 200 + rng.random((n, 14 * block, 14 * block, 3)) * 55).astype(np.uint8)
    return made


def smooth_pictures(n: int, height: int = 224, width: int = 224) -> NumpyArray:
    """(n, height, width, 3) uint8: soft shapes with flat dark and saturated areas, closer to photographs."""
    from scipy import ndimage

    rng = np.random.default_rng(1)
    soft = ndimage.gaussian_filter(rng.standard_normal((n, height, width, 3)), (0, 12, 12, 0))
    fine = ndimage.gaussian_filter(rng.standard_normal((n, height, width, 3)), (0, 1, 1, 0))
    made: NumpyArray = np.clip(128 + 90 * soft / soft.std() + 12 * fine / fine.std(), 0, 255).astype(np.uint8)
    return made


def peer_corrupt(x: NumpyArray, name: str, severity: int, seed: int) -> NumpyArray:
    """The peer's output for one picture (h, w, 3) with its chance fixed by ``seed``."""
    from imagecorruptions import corrupt

    np.random.seed(seed)  # noqa: NPY002 - the peer reads the global generator
    takes_seed = {"seed": seed} if name in ("impulse_noise", "glass_blur") else {}
    made: NumpyArray = corrupt(x, corruption_name=name, severity=severity, **takes_seed)
    return made


def peer_draws(x: NumpyArray, name: str, severity: int, seed: int) -> dict[str, NumpyArray]:
    """The draws the peer makes for picture (h, w, 3) and ``seed``, in the form :func:`momus...image.apply` takes."""
    old = np.random.RandomState(seed)
    h, w, _ = x.shape
    setting = severities.parameters(name, severity, small=False)
    if name in ("gaussian_noise", "speckle_noise"):
        return {"normal": old.standard_normal(x.shape)[None].astype(np.float32)}
    if name == "spatter":
        return {"normal": old.standard_normal(x.shape[:2])[None]}
    if name == "shot_noise":
        return {"counts": old.poisson(x / 255.0 * setting)[None]}
    if name == "impulse_noise":
        new = np.random.default_rng(seed)
        return {"hit": (new.random(x.shape) <= setting)[None], "salt": (new.random(x.shape) <= 0.5)[None]}
    if name == "glass_blur":
        return {"steps": _numba_steps(h, w, setting[1], setting[2], seed)[None]}
    if name == "motion_blur":
        return {"angle": old.uniform(-45, 45, 1)}
    if name == "snow":
        field = old.standard_normal((h, w)).astype(np.float32)
        (top, tall, _), (left, wide, _) = planes.zoom(h, setting[2]), planes.zoom(w, setting[2])
        return {"normal": field[None, top : top + tall, left : left + wide], "angle": old.uniform(-135, -45, 1)}
    if name == "frost":
        which = old.randint(6)
        tall, wide = peer_textures(h, w)[which].shape[:2]
        top, left = old.randint(0, tall - h), old.randint(0, wide - w)
        return {"place": np.array([[(which + 0.5) / 6, (top + 0.5) / (tall - h), (left + 0.5) / (wide - w)]])}
    if name == "fog":
        side = 1 << (max(h, w) - 1).bit_length()
        return {"uniform": (old.random_sample((1, side * side - 1)) * 2 - 1).astype(np.float32)}
    if name == "elastic_transform":
        return {"uniform": (old.random_sample((1, 2, h, w)) * 2 - 1).astype(np.float32)}
    return {}


@cache
def peer_textures(height: int, width: int) -> tuple[NumpyArray, ...]:
    """The peer's six frost photographs at the scale at which it cuts from them, RGB."""
    import cv2

    home = Path(str(importlib.util.find_spec("imagecorruptions").submodule_search_locations[0])) / "frost"  # type: ignore[union-attr,index]
    made = []
    for name in ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg"):
        a = cv2.imread(str(home / name))
        factor = 1.1 * max(1.0, height / a.shape[0], width / a.shape[1])
        new = int(np.ceil(a.shape[1] * factor)), int(np.ceil(a.shape[0] * factor))
        made.append(cv2.resize(a, dsize=new, interpolation=cv2.INTER_CUBIC)[..., ::-1].copy())
    return tuple(made)


@cache
def _numba_drawer() -> Callable[[int, int, NumpyArray], None]:
    from numba import njit

    @njit  # type: ignore[misc]
    def fill(seed: int, reach: int, out: NumpyArray) -> None:
        np.random.seed(seed)  # noqa: NPY002
        for turn in range(out.shape[0]):
            for row in range(out.shape[2] - 1, -1, -1):
                for column in range(out.shape[3] - 1, -1, -1):
                    across, down = np.random.randint(-reach, reach, size=(2,))  # noqa: NPY002
                    out[turn, 0, row, column], out[turn, 1, row, column] = across, down

    return fill  # type: ignore[no-any-return]


def _numba_steps(h: int, w: int, reach: int, rounds: int, seed: int) -> NumpyArray:
    out = np.zeros((rounds, 2, h - 2 * reach, w - 2 * reach), dtype=np.int8)
    _numba_drawer()(seed, reach, out)
    return out


def difference(x: NumpyArray, name: str) -> dict[str, float]:
    """Largest and mean distance in grey levels, and share of equal values, over pictures and severities."""
    most, total, equal, count = 0, 0.0, 0, 0
    for i, picture in enumerate(x):
        for severity in range(1, 6):
            seed = 100 * i + severity
            theirs = peer_corrupt(picture, name, severity, seed).astype(int)
            textures = peer_textures(*picture.shape[:2]) if name == "frost" else None
            draws = peer_draws(picture, name, severity, seed)
            ours = image.apply(picture[None], name, severity, draws, scale="photo", textures=textures)[0].astype(int)
            gap = np.abs(theirs - ours)
            most, total, equal, count = (
                max(most, int(gap.max())),
                total + gap.sum(),
                equal + (gap == 0).sum(),
                count + gap.size,
            )
    return {"max_levels": most, "mean_levels": total / count, "equal_share": equal / count}


def seconds(x: NumpyArray, name: str) -> tuple[float, float]:
    """(ours, theirs): processor seconds for all pictures, severities 1 to 5 in equal parts, in alternating slices."""
    import cv2
    from imagecorruptions import corrupt

    cv2.setNumThreads(1)
    rng, ours, theirs = np.random.default_rng(0), 0.0, 0.0
    for severity in range(1, 6):  # textures grown, tables built, loops compiled
        image.corrupt(x[:1], name, severity, rng)
        corrupt(x[0], corruption_name=name, severity=severity)
    for part in np.array_split(np.arange(len(x)), SLICES):
        for severity in range(1, 6):
            mine = x[part[part % 5 == severity - 1]]
            begun = time.process_time()
            image.corrupt(mine, name, severity, rng)
            between = time.process_time()
            for picture in mine:
                corrupt(picture, corruption_name=name, severity=severity)
            theirs += time.process_time() - between
            ours += between - begun
    return ours, theirs


def rows(n: int = 200, *, compared: int = 2) -> list[dict[str, Any]]:
    """One row a corruption and a total over the fifteen: seconds, ratio, and the distance on ``compared`` pictures of
    each kind; then the extra four, ImageNet-C-bar, and the films (per 31 frames of ``n // 10`` pictures)."""
    x, probe = pictures(n), np.concatenate([pictures(compared), smooth_pictures(compared)])
    made: list[dict[str, Any]] = [_row(x, probe, name) for name in image.NAMES]
    ours, theirs = sum(r["momus_s"] for r in made), sum(r["peer_s"] for r in made)
    made.append({"corruption": "total of the fifteen", "momus_s": ours, "peer_s": theirs, "ratio": theirs / ours})
    made += [_row(x, probe, name) for name in severities.EXTRA]
    made += [{"corruption": f"bar: {name}", "momus_s": alone(x, name)} for name in severities.BAR]
    return made + film_rows(pictures(max(n // 10, 1)))


def _row(x: NumpyArray, probe: NumpyArray, name: str) -> dict[str, Any]:
    ours, theirs = seconds(x, name)
    return {"corruption": name, "momus_s": ours, "peer_s": theirs, "ratio": theirs / ours, **difference(probe, name)}


def alone(x: NumpyArray, name: str) -> float:
    """Processor seconds for all pictures, severities 1 to 5 in equal parts."""
    rng = np.random.default_rng(0)
    image.corrupt(x[:1], name, 1, rng)
    begun = time.process_time()
    for severity in range(1, 6):
        image.corrupt(x[severity - 1 :: 5], name, severity, rng)
    return time.process_time() - begun


def film_rows(x: NumpyArray) -> list[dict[str, Any]]:
    """Each film of all pictures beside the plain loop over pictures and frames, where there is one."""
    made = []
    for name, count in sequences.FRAMES.items():
        chance = [np.random.default_rng(f) for f in range(count)]
        begun = time.process_time()
        for _frame in sequences.film(x, name, chance):
            pass
        between = time.process_time()
        row: dict[str, Any] = {"corruption": f"film: {name}", "momus_s": between - begun}
        loop = _plain(name, x.shape[1])
        if loop is not None:
            for frame in range(count):
                for picture in x:
                    loop(picture, frame)
            theirs = time.process_time() - between
            row |= {"peer_s": theirs, "ratio": theirs / row["momus_s"]}
        made.append(row)
    return made


def _plain(name: str, side: int) -> Callable[[NumpyArray, int], NumpyArray] | None:
    """One frame of one picture, as one would write it first."""
    from imagecorruptions.corruptions import _motion_blur
    from PIL import Image
    from scipy import ndimage

    bilinear = Image.Resampling.BILINEAR
    middle = side / 2

    def rotate(a: NumpyArray, frame: int) -> NumpyArray:
        return np.asarray(Image.fromarray(a).rotate(frame - 15, resample=bilinear))

    def scale(a: NumpyArray, frame: int) -> NumpyArray:
        f = 1 / sequences.strength("scale", frame)
        corner = middle - middle * f
        matrix = (f, 0, corner, 0, f, corner)
        return np.asarray(Image.fromarray(a).transform((side, side), Image.Transform.AFFINE, matrix, bilinear))

    def tilt(a: NumpyArray, frame: int) -> NumpyArray:
        t = np.deg2rad(frame - 15) / side
        matrix = (1, 0.01, 0, 0.01, 1, 0, t, t)
        return np.asarray(Image.fromarray(a).transform((side, side), Image.Transform.PERSPECTIVE, matrix, bilinear))

    def translate(a: NumpyArray, frame: int) -> NumpyArray:
        return ndimage.shift(a, (0, frame - 20, 0), order=1, mode="reflect")  # type: ignore[no-any-return]

    def motion(a: NumpyArray, frame: int) -> NumpyArray:
        return _motion_blur(a, radius=10, sigma=3, angle=(frame - 30) * 4)  # type: ignore[no-any-return]

    loops = {"rotate": rotate, "scale": scale, "tilt": tilt, "translate": translate, "motion_blur": motion}
    return loops.get(name)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{n} pictures of 224 x 224 x 3, processor seconds on one thread; pixel distance in grey levels")
    print(f"{'corruption':34}{'momus s':>9}{'peer s':>9}{'ratio':>8}{'max':>6}{'mean':>9}{'equal':>9}")
    for r in rows(n):
        gap = f"{r['max_levels']:6d}{r['mean_levels']:9.4f}{r['equal_share']:9.4%}" if "max_levels" in r else ""
        peer = f"{r['peer_s']:9.3f}{r['ratio']:7.1f}x" if "peer_s" in r else ""
        print(f"{r['corruption']:34}{r['momus_s']:9.3f}{peer}{gap}", flush=True)


if __name__ == "__main__":
    main()
