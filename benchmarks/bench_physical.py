"""A printed patch beside ART's: made on the same photos with as many model rows, tested in the same held-out views.

Digits CNN, 28 x 28 grey, 100 training digits to learn from, 100 test digits in 5 views each. The patch covers a fifth
of the picture at scale 1; ART makes round ones, so its circle gets the same area. Both are tested by the viewing model
of physical.patch, which ART was not made for except in rotation and scale, and by rotation and scale alone.

    python benchmarks/bench_physical.py
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from momus.core.meter import Budget, Meter
from momus.methods.objectives import Reached
from momus.methods.viewing.eot import Paper, Scene, optimise, printable, stack
from momus.methods.viewing.model import Condition, ViewingModel
from momus.targets import Target
from momus.zoo import torch_digits

SIDE, AREA, LEARN, HELD, VIEWS, ROWS, TO = 28, 0.2, 100, 100, 5, 5000, 8
SQUARE = float(np.sqrt(AREA * SIDE * SIDE))
ROUND = float(SQUARE * np.sqrt(4 / np.pi))  # diameter of a circle of the same area
FULL = ViewingModel()
PLAIN = ViewingModel(
    tilt=(0, 0), brightness=(0, 0), contrast=(1, 1), gamma=(1, 1), cast=(0, 0), blur=(0, 0), noise=(0, 0), loss=(0, 0)
)

NOTES = """
Success: share of held-out views (100 test digits, 5 views each) taken for class 8, of those that a grey patch of the
same shape does not turn already; mean of three seeds. All tools spend 5,000 rows with gradients. ART's learning rate is
5 by default; 1 and 0.2 are tried as well; its constructor fails on the NumPy scalars it makes of its clip values, so it
was given plain numbers. `AdversarialPatchPyTorch` needs torchvision; torchattacks' EOTPGD changes
every pixel of one picture and is no patch. Processor seconds of one run.
"""


@dataclass(frozen=True)
class Patch:
    """What a tool made: texels in [0, 1], its shape, and how wide it is put on a picture."""

    texture: np.ndarray
    alpha: np.ndarray | None
    width: float


def scenes(x: np.ndarray, conditions: tuple[Condition, ...], patch: Patch) -> list[Scene]:
    th, tw = patch.texture.shape[:2]
    shape = (SIDE, SIDE)
    return [
        Scene(c.place(shape, (th, tw), width=patch.width, alpha=patch.alpha), c.light(shape), x[i % len(x)], TO)
        for i, c in enumerate(conditions)
    ]


def success(target: Any, x: np.ndarray, like: Any, patch: Patch, model: ViewingModel, seed: int) -> float:
    views = scenes(x, model.draw(VIEWS * len(x), np.random.default_rng(seed + 1000)), patch)
    before = np.asarray(target.predict(stack(views, np.full_like(patch.texture, 0.5), like)))
    after = np.asarray(target.predict(stack(views, patch.texture, like)))
    return float((after[before != TO] == TO).mean())


def ours(target: Any, x: np.ndarray, like: Any, seed: int, paper: Paper | None) -> Patch:
    meter, rng = Meter(target, Budget()), np.random.default_rng(seed)
    blank = Patch(rng.random((18, 18, 1)).astype(np.float32), None, SQUARE)
    pool = scenes(x, FULL.draw(1024, rng), blank)
    steps, batch = (ROWS - 8 * 48) // 16, 16
    check = scenes(x, FULL.draw(48, rng), blank)
    made = optimise(
        meter.pullback, meter.scores, pool, blank.texture, objective=Reached(), like=like, rng=rng, validation=check,
        steps=steps, batch=batch, paper=paper,
    )  # fmt: skip
    return replace(blank, texture=made.texture)


def art(module: Any, x: np.ndarray, seed: int, rate: float) -> Patch:
    from art.attacks.evasion.adversarial_patch.adversarial_patch_numpy import AdversarialPatchNumpy
    from art.estimators.classification import PyTorchClassifier

    np.random.seed(seed)  # noqa: NPY002 - ART draws from the global generator
    classifier = PyTorchClassifier(
        module, torch.nn.CrossEntropyLoss(), (1, SIDE, SIDE), 10, clip_values=(0.0, 1.0), channels_first=True
    )
    classifier._clip_values = (0.0, 1.0)  # as NumPy scalars, which they became, its constructor fails on them
    scale = ROUND / SIDE
    attack = AdversarialPatchNumpy(
        classifier, target=TO, rotation_max=22.5, scale_min=0.9 * scale, scale_max=min(1.0, 1.4 * scale),
        learning_rate=rate, max_iter=ROWS // len(x), batch_size=16, verbose=False,
    )  # fmt: skip
    chw = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    texture, mask = attack.generate(chw, np.eye(10)[np.full(len(x), TO)])
    alpha = np.asarray(mask, dtype=np.float32).reshape(-1, SIDE, SIDE)[0]
    return Patch(np.moveaxis(np.asarray(texture, dtype=np.float32), 0, -1).clip(0, 1), alpha, ROUND)


def rows() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    module = torch_digits.model("std")
    target = Target.from_torch(module, name="d", classes=torch_digits.CLASSES, shape=(1, SIDE, SIDE), range=(0, 1))
    train, test = torch_digits.samples(LEARN, SIDE, train=True), torch_digits.samples(HELD, SIDE)
    like = target.encode(test.x[:1])
    x, held = train.x / np.float32(255), (test.x / np.float32(255))[np.asarray(test.y) != TO]
    tools: dict[str, Callable[[int], Patch]] = {
        "Momus": lambda seed: ours(target, x, like, seed, None),
        "Momus, printable and smooth (as the probe)": lambda s: ours(target, x, like, s, Paper(printable(1))),
    }
    for rate in (5.0, 1.0, 0.2):
        tools[f"ART AdversarialPatchNumpy, rate {rate:g}"] = lambda seed, rate=rate: art(module, x, seed, rate)
    out = [_row(name, tool, target, held, like) for name, tool in tools.items()]
    noise = Patch(np.random.default_rng(0).random((18, 18, 1)).astype(np.float32), None, SQUARE)
    out.append(_row("random texels", lambda seed: noise, target, held, like))
    return [*out, {"tool": "ART AdversarialPatchPyTorch", "note": _why_not()}]


def _row(name: str, tool: Callable[[int], Patch], target: Any, x: np.ndarray, like: Any) -> dict[str, Any]:
    spent, full, plain = [], [], []
    try:
        for seed in range(3):
            start = time.process_time()
            patch = tool(seed)
            spent.append(time.process_time() - start)
            full.append(success(target, x, like, patch, FULL, seed))
            plain.append(success(target, x, like, patch, PLAIN, seed))
    except Exception as error:  # a peer that cannot run is reported as such, not hidden
        return {"tool": name, "note": f"{type(error).__name__}: {error}"[:120]}
    return {
        "tool": name,
        "success, full viewing model": f"{statistics.mean(full):.1%}",
        "success, rotation and scale alone": f"{statistics.mean(plain):.1%}",
        "CPU s": round(statistics.median(spent), 1),
    }


def _why_not() -> str:
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return "not run: needs torchvision"
    return "not run here"


if __name__ == "__main__":
    for line in rows():
        print(line)
