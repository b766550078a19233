"""The worst-case ensemble beside the original AutoAttack and torchattacks: same pictures, one process, one thread.

Digits CNNs, 28x28, 500 test images, Linf 0.15; APGD-CE, targeted APGD, targeted FAB and the whole cascade with the
settings of the original: 100 steps, 9 targets, 5,000 queries. Momus runs the code of the probe, through its own PyTorch
target and meter, and re-checks what each attack claims. Tools take turns; times are process (CPU) time. Remaining
accuracy is taken afterwards with the plain model. A small run on EfficientNet-Lite0 and ten photos stands at the end.

The original is not on any package index: check it out and name its folder in AUTOATTACK_DIR.

    AUTOATTACK_DIR=... python benchmarks/bench_cascade.py [std] [adv] [harder] [photos] [APGD-CE] [cascade] ...
"""

from __future__ import annotations

import copy
import importlib.util
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from momus.core.meter import Budget, Meter
from momus.core.probe import Trial
from momus.core.samples import Samples
from momus.probes.perturbation._cascade import Member, members, run
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._members import Members
from momus.targets import Target
from momus.zoo import torch_digits

ATTACKS = ("APGD-CE", "APGD-T", "FAB-T", "cascade")
ORIGINAL = {"APGD-CE": ["apgd-ce"], "APGD-T": ["apgd-t"], "FAB-T": ["fab-t"]}
Attack = Callable[[Any, Any], Any]

NOTES = """
Processor seconds, tools interleaved. `times Momus` is a tool's time over that of Momus for the same attack. `over the
floor` is the attack's time over that of the bare module passes it made, the same numbers of rows in the same batches,
forward or forward and backward, measured straight after on the module that the target asks: what is above 1 is the
attack's own arithmetic. All tools run 100 steps, nine targets and 5,000 queries, but for torchattacks' AutoAttack,
whose Auto-PGD and FAB run 10. On the photos, where a pass costs a hundred times as much, all run the 10 steps, three
targets and 100 queries named there. One row of
the table is one seed: over six seeds of ours and four of the original, Auto-PGD on the cross-entropy alone leaves 13.0
and 13.1 percent on `adv`, 2.7 and 2.5 on `std`.
"""


class Setting:
    """Pictures, the plain model and how strong the attacks are."""

    def __init__(
        self,
        name: str,
        model: Any,
        target: Any,
        samples: Samples,
        epsilon: float,
        steps: int,
        targets: int,
        queries: int,
    ) -> None:
        self.name, self.model, self.target, self.samples = name, model, target, samples
        self.epsilon, self.steps, self.targets, self.queries = epsilon, steps, targets, queries
        self.x, self.y = target.encode(samples.x), torch.as_tensor(np.asarray(samples.y))
        self.classes = len(target.info.classes)

    def left(self, found: Any) -> float:
        """Accuracy of the plain model on what came back, after a check that it lies inside epsilon and [0, 1]."""
        if (
            float((found.detach() - self.x).abs().max()) > self.epsilon + 1e-5
            or float(found.min()) < 0
            or float(found.max()) > 1
        ):
            raise AssertionError("the examples leave epsilon or the data range")
        with torch.no_grad():
            answers = torch.cat([self.model(part).argmax(1) for part in found.split(50)])
        return float((answers == self.y).float().mean())


def digits(kind: Any) -> Setting:
    model = torch_digits.model(kind)
    target = Target.from_torch(
        copy.deepcopy(model), name="digits", classes=torch_digits.CLASSES, shape=(1, 28, 28), range=(0, 1)
    )
    return Setting(kind, model, target, torch_digits.samples(500), 0.15, 100, 9, 5000)


def photos() -> Setting:
    """EfficientNet-Lite0 on ten photos; epsilon is small, so that something is left after the first attack."""
    folder = Path(__file__).parents[1] / "examples" / "photo-classifier"

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"photo_{name}", folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    inner = load("model").build()
    inner.load_state_dict(torch.load(next((folder / "weights").glob("*.pth")), weights_only=True))
    data = load("data")
    target = Target.from_torch(
        copy.deepcopy(inner), name="photos", classes=data.CLASSES, shape=(3, 224, 224), range=(0, 255), mean=(127,),
        std=(128,), output="logits",
    )  # fmt: skip

    class Scaled(torch.nn.Module):  # type: ignore[misc]
        """What the peers attack: the same network with its scaling inside."""

        def forward(self, x: Any) -> Any:
            return inner((x * 255 - 127) / 128)

    return Setting("photos", Scaled().eval(), target, data.load().take(slice(0, 10)), 0.25 / 255, 10, 3, 100)


class Counting:
    """A target that remembers how many rows it was asked at a time, and whether for a gradient."""

    def __init__(self, target: Any) -> None:
        self.inner, self.asked = target, Counter[tuple[int, bool]]()
        self.info = target.info

    def encode(self, x: Any) -> Any:
        return self.inner.encode(x)

    def decode(self, a: Any) -> Any:
        return self.inner.decode(a)

    def predict(self, x: Any) -> Any:
        self.asked[len(x), False] += 1
        return self.inner.predict(x)

    def scores(self, x: Any) -> Any:
        self.asked[len(x), False] += 1
        return self.inner.scores(x)

    def logits(self, x: Any) -> Any:
        return self.scores(x)

    def pullback(self, x: Any, slope: Any) -> Any:
        self.asked[len(x), True] += 1
        return self.inner.pullback(x, slope)

    def floor(self, x: Any) -> float:
        """CPU seconds of the bare module for the same passes, at most ten of each size measured."""
        net = getattr(self.inner, "quick", None) or self.inner.net
        total = 0.0
        for (rows, gradient), times in self.asked.items():
            part = net.feed(x.repeat(-(-rows // len(x)), 1, 1, 1)[:rows], whole=False).detach()
            tries = min(10, times)
            start = time.process_time()
            for _ in range(tries):
                for piece in part.split(net.rows):
                    if gradient:
                        leaf = piece.requires_grad_(True)
                        with torch.enable_grad():
                            out = net.module(leaf)
                        torch.autograd.grad(out, leaf, torch.ones_like(out))
                    else:
                        with torch.no_grad():
                            net.module(piece)
            total += (time.process_time() - start) / tries * times
        return total


def own(setting: Setting, attack: str, seed: int) -> tuple[Any, float, float]:
    """Examples, CPU seconds, and those of the bare passes."""
    counting = Counting(setting.target)
    start = time.process_time()
    meter = Meter(counting, Budget())
    trial = Trial(seed, {"test": setting.samples}, meter=meter)
    inputs = prepare(meter, trial, n=len(setting.samples), epsilon=setting.epsilon, norm="linf", options={})  # type: ignore[arg-type]
    turns: list[Member] = members(
        Members(meter, trial, inputs),  # type: ignore[arg-type]
        trial.rng,
        steps=setting.steps,
        targets=setting.targets,
        queries=setting.queries,
    )
    ran = run(meter, trial, inputs, [t for t in turns if attack in (t[0], "cascade")])  # type: ignore[arg-type]
    seconds = time.process_time() - start
    found = setting.x.clone()
    won = ran.found.fooled
    found[torch.as_tensor(inputs.chosen)[won]] = ran.found.x[won]
    return found, seconds, counting.floor(setting.x)


def original(setting: Setting, attack: str, seed: int) -> Any:
    from autoattack import AutoAttack

    chosen = ORIGINAL.get(attack, ["apgd-ce", "apgd-t", "fab-t", "square"])
    tool = AutoAttack(
        setting.model, norm="Linf", eps=setting.epsilon, version="custom", attacks_to_run=chosen, device="cpu",
        verbose=False, seed=seed,
    )  # fmt: skip
    for part in (tool.apgd, tool.apgd_targeted, tool.fab):
        part.n_restarts = 1
        part.n_iter = setting.steps
    tool.apgd_targeted.n_target_classes = tool.fab.n_target_classes = setting.targets
    tool.square.n_queries = setting.queries
    # The checkpoints are worked out when the attack is made, for 100 steps: make them those of the steps used.
    for part in (tool.apgd, tool.apgd_targeted):
        part.n_iter_2, part.n_iter_min = max(int(0.22 * setting.steps), 1), max(int(0.06 * setting.steps), 1)
        part.size_decr = max(int(0.03 * setting.steps), 1)
    return tool.run_standard_evaluation(setting.x, setting.y, bs=len(setting.x))


def torchattacks_(setting: Setting, attack: str, seed: int) -> Any:
    import torchattacks

    given = {"norm": "Linf", "eps": setting.epsilon, "seed": seed}
    if attack == "APGD-CE":
        tool = torchattacks.APGD(setting.model, steps=setting.steps, loss="ce", **given)
    elif attack == "APGD-T":
        tool = torchattacks.APGDT(setting.model, steps=setting.steps, n_classes=setting.classes, **given)
    elif attack == "FAB-T":
        tool = torchattacks.FAB(
            setting.model, steps=setting.steps, multi_targeted=True, n_classes=setting.classes, **given
        )
    else:
        tool = torchattacks.AutoAttack(setting.model, version="standard", n_classes=setting.classes, **given)
    return tool(setting.x, setting.y)


@contextmanager
def original_on_path() -> Iterator[bool]:
    """Whether the original can be imported: installed, or in the folder that AUTOATTACK_DIR names."""
    folder = os.environ.get("AUTOATTACK_DIR")
    before = list(sys.path)
    if folder:
        sys.path.insert(0, folder)
    try:
        yield importlib.util.find_spec("autoattack") is not None
    finally:
        sys.path[:] = before


def rows(
    models: tuple[str, ...] = ("std", "adv", "harder", "photos"),
    attacks: tuple[str, ...] = ATTACKS,
    repetitions: int = 1,
) -> list[dict[str, Any]]:
    """One row a model, attack and tool: CPU seconds (median), ratio to Momus, accuracy left (mean, %)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out: list[dict[str, Any]] = []
    try:
        with original_on_path() as there:
            for kind in models:
                setting = photos() if kind == "photos" else digits(kind)
                for attack in ("cascade",) if kind == "photos" else attacks:
                    print(f"{kind}, {attack} ...", file=sys.stderr, flush=True)
                    out += _one(setting, attack, repetitions, there)
    finally:
        torch.set_num_threads(threads)
    return out


def _one(setting: Setting, attack: str, repetitions: int, there: bool) -> list[dict[str, Any]]:
    peers: dict[str, Any] = {"fra31/auto-attack": original if there else None}
    if importlib.util.find_spec("torchattacks") and setting.name != "photos":  # its steps cannot be shortened there
        peers["torchattacks 3.5.1"] = torchattacks_
    seconds: dict[str, list[float]] = {"Momus": [], **{name: [] for name in peers}}
    accuracy: dict[str, list[float]] = {name: [] for name in seconds}
    floors: list[float] = []
    for seed in range(repetitions):
        found, spent, floor = own(setting, attack, seed)
        floors.append(spent / floor)
        seconds["Momus"].append(spent)
        accuracy["Momus"].append(setting.left(found))
        for name, tool in peers.items():
            if tool is not None:
                start = time.process_time()
                found = tool(setting, attack, seed)
                seconds[name].append(time.process_time() - start)
                accuracy[name].append(setting.left(found))
    mine = statistics.median(seconds["Momus"])
    out = []
    for name, times in seconds.items():
        row = {"model": setting.name, "attack": attack, "tool": name}
        if not times:
            out.append({**row, "accuracy left %": "not found: set AUTOATTACK_DIR"})
            continue
        spent = statistics.median(times)
        out.append(
            {
                **row,
                "accuracy left %": round(100 * statistics.mean(accuracy[name]), 1),
                "CPU s": round(spent, 1),
                "times Momus": round(spent / mine, 2),
                "over the floor": round(statistics.median(floors), 2) if name == "Momus" else "",
            }
        )
    return out


if __name__ == "__main__":
    from benchmarks.__main__ import table

    chosen = tuple(a for a in sys.argv[1:] if a in ATTACKS) or ATTACKS
    print(table(rows(tuple(a for a in sys.argv[1:] if a not in ATTACKS) or ("std", "adv", "harder", "photos"), chosen)))
