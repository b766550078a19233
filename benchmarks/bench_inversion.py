"""Momus beside ART's MIFace: faces recovered from recognisers of the ORL photos, judged by the same line-ups.

Both tools attack the same modules for all forty people; one program, which learned on other people's photos and never
saw a model, then picks from line-ups of five held-out photos. Needs the photos (examples/cases.txt).

    python benchmarks/bench_inversion.py
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from momus.core.capabilities import to_numpy
from momus.methods.class_inversion import climb, listen, log_odds, odds_slope, seen
from momus.methods.inversion_space import Waves
from momus.methods.lineup import Panel, panel
from momus.stats.intervals import clustered
from momus.targets import Target

PEOPLE, SHAPE = 40, (1, 112, 92)
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "face-inversion" / "data.py"
NOTES = """
Right person picked from line-ups of five, exact over all line-ups; guessing gives 0.20. Rows are inputs the module was
given, of all forty people together; seconds are processor seconds of one thread. Two judges look at every picture: the
one that knows real photos best (outlines), and one that compares blurred pixels and has learned nothing. ART starts
from black, its default; its stopping rule never holds on these models, so that it runs all iterations it is given.
"""


class Counted(nn.Module):  # type: ignore[misc]
    """A module that counts the rows it is asked."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.rows = inner, 0

    def forward(self, x: Any) -> Any:
        self.rows += len(x)
        return self.inner(x)


def photos() -> Any:
    """The example's reader of the photos."""
    spec = importlib.util.spec_from_file_location("orl_photos", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fitted(net: Any, samples: Any, steps: int) -> Any:
    x = torch.from_numpy(np.moveaxis(samples.x, -1, 1).astype(np.float32) / 255)
    y = torch.from_numpy(samples.y)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net.eval()


def art(net: Counted, iterations: int) -> Any:
    """(40, 1, 112, 92) in [0, 1] by ART's MIFace, all people in one batch."""
    from art.attacks.inference.model_inversion import MIFace  # type: ignore[import-untyped]
    from art.estimators.classification import PyTorchClassifier  # type: ignore[import-untyped]

    module = nn.Sequential(net, nn.Softmax(dim=1))
    classifier = PyTorchClassifier(
        module, loss=nn.CrossEntropyLoss(), input_shape=SHAPE, nb_classes=PEOPLE, clip_values=(0.0, 1.0),
        device_type="cpu",
    )  # fmt: skip
    attack = MIFace(classifier, max_iter=iterations, batch_size=PEOPLE, verbose=False)
    return attack.infer(None, np.arange(PEOPLE))


def opened(net: Any) -> Any:
    return Target.from_torch(net, name="orl", shape=SHAPE, range=(0, 1), output="logits")


def white(net: Counted) -> Any:
    """Momus with gradients, as inversion.gradient searches."""
    target, space = opened(net), Waves(np.full(SHAPE, 0.5, np.float32), 32)

    def rising(z: Any, wanted: Any) -> tuple[Any, Any]:
        scores, back = target.pullback(torch.from_numpy(space.lift(z)), lambda out, rows: odds_slope(out, wanted[rows]))
        return log_odds(to_numpy(scores), wanted), space.pull(to_numpy(back))

    found = climb(rising, space, np.arange(PEOPLE), steps=60, radius=0.3)
    return space.lift(found.z), int(found.steps.sum())


def black(net: Counted, decimals: int | None) -> Any:
    """Momus with confidences, as inversion.confidence searches."""
    target, space = opened(net), Waves(np.full(SHAPE, 0.5, np.float32), 16)

    def answers(z: Any) -> Any:
        return seen(to_numpy(target.probabilities(torch.from_numpy(space.lift(z)))), decimals, None)

    rng = np.random.default_rng(0)
    found = listen(answers, space, np.arange(PEOPLE), queries=250 * PEOPLE, rounds=6, radius=0.3, rng=rng)
    return space.lift(found.z), found.trail[-1][0]


def share(judge: Panel, x: Any) -> str:
    each = judge.judge(np.round(np.moveaxis(x, 1, -1) * 255).astype(np.uint8), np.arange(PEOPLE), 3)
    ci = clustered(np.nansum(each, axis=1), np.isfinite(each).sum(axis=1))
    return f"{np.nanmean(each):.2f} [{ci.low:.2f}, {ci.high:.2f}]"


def judges(test: Any) -> tuple[Panel, Panel]:
    """The one that knows real photos best, and one that compares blurred pixels."""
    from dataclasses import replace

    from momus.methods.recogniser import plain, scales

    best = panel(test.x, test.y, 5, np.random.default_rng(0))
    f = scales(test.x)
    taught = [plain(f[best.half[test.y] != h]) for h in (0, 1)]
    return best, replace(best, features=f, look="scales", how="plain", judges=taught)


def rows() -> list[dict[str, Any]]:
    """One row a model and a tool."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    data = photos()
    learned, kept = data.learned(), data.kept()
    d = int(np.prod(SHAPE))
    models = {
        "softmax regression": fitted(nn.Sequential(nn.Flatten(), nn.Linear(d, PEOPLE)), learned, 300),
        "500 sigmoids": fitted(
            nn.Sequential(nn.Flatten(), nn.Linear(d, 500), nn.Sigmoid(), nn.Linear(500, PEOPLE)), learned, 60
        ),
    }
    panels = judges(kept)
    tools: dict[str, Callable[[Counted], Any]] = {
        "Momus, gradient": white,
        "ART MIFace, 60 iterations": lambda net: (art(net, 60), None),
        "ART MIFace, 200 iterations": lambda net: (art(net, 200), None),
        "Momus, confidences": lambda net: black(net, None),
        "Momus, two decimals": lambda net: black(net, 2),
    }
    made: list[dict[str, Any]] = []
    for name, net in models.items():
        for tool, run in tools.items():
            if "200" in tool and name != "softmax regression":
                continue  # minutes for each further hundred iterations
            counted = Counted(net)
            started = time.process_time()
            try:
                x, asked = run(counted)
            except ModuleNotFoundError as error:
                made.append({"model": name, "tool": f"{tool}: {error}"})
                continue
            seconds = time.process_time() - started
            made.append(
                {
                    "model": name,
                    "tool": tool,
                    "picked out": share(panels[0], x),
                    "by blurred pixels": share(panels[1], x),
                    "rows": asked or counted.rows,
                    "seconds": round(seconds, 1),
                }
            )
    return made


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
