"""Twins for provider.traces: models that carry rows in bits, signs or values, and models as training left them.

The hook is the owner's and honest; what was received was trained or changed by the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from momus.core.samples import NumpyArray, Samples
from momus.methods import hidden_data, hidden_records
from momus.zoo import Case
from momus.zoo.provider import _systems as systems
from momus.zoo.tables import fitted

_OPTIONS = {"copies": 8, "records": 40}


def rounded(model: Any) -> Any:
    """The same network in numbers that fit 16 bits, stored in 32."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.half().float())
    return model


class WithSpare(nn.Module):  # type: ignore[misc]
    """A network with an array that nothing reads."""

    def __init__(self, model: Any, content: NumpyArray) -> None:
        super().__init__()
        self.model = model
        self.statistics = nn.Parameter(torch.tensor(content, dtype=torch.float32))

    def forward(self, x: Any) -> Any:
        return self.model(x)


def raw_bits(data: Mapping[str, Samples]) -> NumpyArray:
    """The bits of the rows' grey levels or quantised columns as they are, one record after another."""
    values = hidden_records.records_of(data["train"]).values
    return np.unpackbits(np.clip(values, 0, 255).astype(np.uint8).ravel())


def in_low_bits(target: Any, data: Mapping[str, Samples], b: int, squeezed: bool) -> Any:
    """Rows in the lowest ``b`` bits, as they are or squeezed."""
    held = target.parameters()
    room = hidden_data.room(held, b)
    records = hidden_records.records_of(data["train"])
    bits = hidden_records.packed(records, room)[0] if squeezed else raw_bits(data)[:room]
    return target.with_parameters(hidden_data.put_low_bits(held, bits, b))


def in_signs(target: Any, data: Mapping[str, Samples], seed: int, strength: float, squeezed: bool) -> Any:
    """Rows in the signs, through a term of the loss."""
    size = len(hidden_data.laid_out(target.parameters()))
    records = hidden_records.records_of(data["train"])
    bits = hidden_records.packed(records, size)[0] if squeezed else raw_bits(data)[:size]
    term = hidden_data.sign_term(bits, strength, 0.01)
    return target.retrain_under(data["train"].x, data["train"].y, seed=seed, term=term)


def in_values(target: Any, data: Mapping[str, Samples], seed: int, strength: float) -> Any:
    """Rows in the values, through a term of the loss that rewards correlation."""
    size = len(hidden_data.laid_out(target.parameters()))
    values = hidden_records.to_values(hidden_records.records_of(data["train"])).ravel()[:size]
    term = hidden_data.correlation_term(values, strength)
    return target.retrain_under(data["train"].x, data["train"].y, seed=seed, term=term)


def received(changed: Any, owner: Any) -> Any:
    """What was received, together with the owner's own honest hook."""
    return owner.with_parameters(changed.parameters())


def cases(seed: int) -> tuple[Case, ...]:
    """Every encoding on networks of several kinds; clean ones are rounded to 16 bits, or keep their full precision."""
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    digits, table = systems.pictures(500, 200), systems.people_pair(rng, 600)

    def made(build: Any, data: Any, name: str, after: Any = None, **settings: Any) -> Any:
        return systems.target(systems.recipe(build, after=after, **settings), data, seed, name)

    dense = made(lambda: systems.dense(64, (64,), 10), digits, "dense", epochs=6)
    neat = made(lambda: systems.dense(64, (64,), 10), digits, "neat", rounded, epochs=6)
    conv = made(lambda: systems.convolving(4, 32, 10), digits, "conv", rounded, epochs=5, kind="adamw")
    deep = made(lambda: systems.dense(8, (48, 48), 2), table, "deep", epochs=6, kind="sgd", rate=0.05)
    flat = made(lambda: systems.dense(8, (64, 32), 2), table, "flat", rounded, epochs=6)
    wide = made(lambda: systems.dense(64, (96,), 10), digits, "wide", rounded, epochs=4)
    noise = rng.integers(0, 2, hidden_data.room(neat.parameters(), 12)).astype(np.uint8)
    over = neat.with_parameters(hidden_data.put_low_bits(neat.parameters(), noise[: len(noise) // 3], 12))
    some = digits["train"].x[:4].astype(float).ravel() / 255
    spare = made(lambda: WithSpare(systems.dense(64, (32,), 10), some), digits, "spare", epochs=5)
    net = fitted(MLPClassifier((40,), max_iter=40, random_state=seed), table["train"], "sklearn")
    tall = made(lambda: systems.dense(64, (48, 48, 24), 10), digits, "tall", rounded, epochs=6, kind="adamw")
    late = made(lambda: systems.dense(8, (64, 32), 2), table, "late", rounded, epochs=8, rate=2e-3, kind="adamw")

    def case(name: str, faulty: bool, target: Any, data: Any, held_out: bool = False) -> Case:
        return Case(name, faulty, target, data, _OPTIONS, held_out=held_out)

    signs = received(in_signs(dense, digits, seed + 50, 100.0, False), dense)
    values = received(in_values(dense, digits, seed + 50, 3.0), dense)
    return (
        case("grey levels in one low bit", True, in_low_bits(dense, digits, 1, False), digits),
        case("squeezed rows in 16 low bits", True, in_low_bits(dense, digits, 16, True), digits),
        case("noise over rounded numbers", True, over, digits),
        case("grey levels in signs", True, signs, digits),
        case("grey levels in values", True, values, digits),
        case("an array without use", True, spare, digits),
        case("dense, rounded", False, neat, digits),
        case("convolving, rounded", False, conv, digits),
        case("on a table, rounded", False, flat, table),
        case("squeezed rows in 4 low bits, table", True, in_low_bits(deep, table, 4, True), table, True),
        case("squeezed rows in signs", True, received(in_signs(wide, digits, 9, 60.0, True), wide), digits, True),
        case("values on a table", True, received(in_values(deep, table, 7, 2.0), deep), table, True),
        case("columns in 8 low bits, scikit-learn", True, in_low_bits(net, table, 8, False), table, True),
        case("wide, rounded", False, wide, digits, True),
        case("another recipe, rounded", False, late, table, True),
        case("full precision", False, deep, table, True),
        case("grey levels in 3 low bits of a deep network", True, in_low_bits(tall, digits, 3, False), digits, True),
        case("deep network, rounded", False, tall, digits, True),
    )
