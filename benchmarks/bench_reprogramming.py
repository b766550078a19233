"""Reprogramming: stolen accuracy against queries and processor time, white box, black box, linear model and chance.

No peer reprograms a model, so the attack is held against what a thief has without it.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from momus.core.registry import get_probe
from momus.zoo import torch_digits
from momus.zoo.reprogramming import _systems as systems
from momus.zoo.reprogramming._systems import Counter

NOTES = """
Task: light and dark squares on grey are counted (1 to as many as the model has outputs), 1,500 examples, 500 held-out
pictures. `spots` is a small network trained to count blurred spots, `untrained` the same with the weights it was born
with, `digits` the digits CNN. `gain` is the share of what the better of linear model and chance gets wrong that the
stolen model sets right. Rows are model rows asked until the program was found.
"""
BUDGETS = {"gradient": (50, 250), "zeroth_order": (100, 400)}


def _systems() -> dict[str, Any]:
    recipe = Counter(0)
    names = systems.counts(recipe)
    return {
        "spots": systems.target(systems.counter(recipe), "spots", recipe.side, names),
        "untrained": systems.target(systems.untrained(recipe), "untrained", recipe.side, names),
        "digits": systems.target(torch_digits.model(torch_digits.STD), "digits", 28, torch_digits.CLASSES),
    }


def rows() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    out: list[dict[str, Any]] = []
    for name, target in _systems().items():
        for technique, budgets in BUDGETS.items():
            for steps in budgets:
                started = time.process_time()
                m = get_probe(f"reprogramming.{technique}")(target, seed=0, steps=steps, examples=1500)
                out.append(
                    {
                        "model": name,
                        "attack": technique,
                        "steps": steps,
                        "rows": int(m.figure("queries_to_learn").value),
                        "stolen": round(m.figure("stolen_accuracy").value, 3),
                        "linear": round(m.figure("linear_accuracy").value, 3),
                        "chance": round(m.figure("chance").value, 3),
                        "gain": f"{m.value:.2f} [{m.ci.low:.2f}, {m.ci.high:.2f}]",
                        "CPU s": round(time.process_time() - started, 1),
                    }
                )
    return out
