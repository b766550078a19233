"""Traces of hidden data in received models: how often they are noticed, by encoding and strength, and false alarms.

    python -m benchmarks --only traces

For each kind of network: 12 clean copies to compare with, 20 further clean models (false alarms), and 5 planted models
an encoding and strength. ``bits wrong`` is what a reader of the model would get: one half is nothing. ``accuracy`` is
on test rows, beside that of the clean models. No installable peer looks for such traces, so none is beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from momus.core.capabilities import to_numpy
from momus.core.samples import NumpyArray, Samples
from momus.methods import hidden_data, hidden_records, made_up_inputs, trace_bits, traces
from momus.probes.provider import _traces as parts
from momus.probes.provider.memorised import Answers, _answers, _asking, _with_agreement
from momus.zoo.provider import _systems as systems
from momus.zoo.provider.memorised import planted
from momus.zoo.provider.traces import raw_bits

REFERENCES, CLEAN, PLANTED = 12, 20, 5
NOTES = """Encrypted rows are bits of a generator. A file with a checksum in the low bits needs no clean copies; all
other rows do. `synthetic` rows are asked of the model by queries alone (`provider.memorised`), the others read its
numbers (`provider.traces`). Where a plant carries nothing (bits wrong near one half), there is nothing to notice."""


def rows() -> list[dict[str, Any]]:
    """One row a kind of network, encoding and strength."""
    torch.set_num_threads(1)
    found = []
    for name, (train, data) in _kinds().items():
        found += _white(name, systems.target(train, data, 0, name), data)
        found += _black(name, systems.target(train, data, 0, name), data)
    return found


def _kinds() -> dict[str, tuple[Any, dict[str, Samples]]]:
    digits, table = systems.pictures(600, 400), systems.people_pair(np.random.default_rng(0), 800, 4)
    return {
        "dense, digits": (systems.recipe(lambda: systems.dense(64, (128,), 10), epochs=8), digits),
        "convolving, digits": (systems.recipe(lambda: systems.convolving(8, 64, 10), epochs=8), digits),
        "dense, table": (systems.recipe(lambda: systems.dense(8, (64, 64), 4), epochs=10), table),
    }


def _accuracy(model: Any, test: Samples) -> float:
    return float(np.mean(to_numpy(model.predict(model.encode(test.x))) == test.y))


def _white(kind: str, owner: Any, data: Mapping[str, Samples]) -> list[dict[str, Any]]:
    train = data["train"]
    looked = hidden_records.to_values(hidden_records.records_of(train))[:60].reshape(min(60, len(train)), -1)

    def fresh(seed: int) -> Any:
        return owner.retrain(train.x, train.y, seed=seed)

    references = [parts.statistics(fresh(1000 + i).parameters(), looked) for i in range(REFERENCES)]

    def noticed(model: Any) -> list[str]:
        held = model.parameters()
        beyond = traces.standing(parts.statistics(held, looked), references).beyond(0.01)
        groups = {traces.family(k) for k in beyond}
        groups |= {"file"} if trace_bits.payloads(held) else set()
        return sorted(groups | ({"mixed"} if parts.mixed(held) else set()))

    clean = [fresh(2000 + i) for i in range(CLEAN)]
    alarms = [noticed(m) for m in clean]
    base = float(np.mean([_accuracy(m, data["test"]) for m in clean]))
    found = [_row(kind, "clean", "", alarms, 0.5, base, CLEAN)]
    for (encoding, strength), make in _plants(owner, data).items():
        made = [make(3000 + i) for i in range(PLANTED)]
        seen = [noticed(m) for m, _ in made]
        wrong = float(np.mean([e for _, e in made]))
        accuracy = float(np.mean([_accuracy(m, data["test"]) for m, _ in made]))
        found.append(_row(kind, encoding, strength, seen, wrong, accuracy, PLANTED))
    return found


def _row(
    kind: str, encoding: str, strength: str, seen: list[list[str]], wrong: float, accuracy: float, n: int
) -> dict[str, Any]:
    by = sorted({g for s in seen for g in s}, key=lambda g: -sum(g in s for s in seen))
    return {
        "model": kind,
        "encoding": encoding,
        "strength": strength,
        "noticed": f"{sum(bool(s) for s in seen)} of {n}",
        "by": ", ".join(by[:3]),
        "bits wrong": "" if encoding == "clean" else f"{wrong:.2f}",
        "accuracy": f"{accuracy:.3f}",
    }


Plant = Callable[[int], tuple[Any, float]]


def _plants(owner: Any, data: Mapping[str, Samples]) -> dict[tuple[str, str], Plant]:
    train = data["train"]
    size = len(hidden_data.laid_out(owner.parameters()))
    raw = raw_bits(data)
    values = hidden_records.to_values(hidden_records.records_of(train)).ravel()[:size]
    found: dict[tuple[str, str], Plant] = {}

    def secret(seed: int, n: int) -> NumpyArray:
        return np.random.default_rng(seed).integers(0, 2, n).astype(np.uint8)

    def low(b: int, what: str) -> Plant:
        def make(seed: int) -> tuple[Any, float]:
            model = owner.retrain(train.x, train.y, seed=seed)
            held = model.parameters()
            room = hidden_data.room(held, b)
            squeezed = hidden_records.packed(hidden_records.records_of(train), room)[0] if what == "squeezed" else raw
            bits = secret(seed, room) if what == "encrypted" else squeezed[:room]
            return model.with_parameters(hidden_data.put_low_bits(held, bits, b)), 0.0

        return make

    def under(term: Callable[[int], Any], read: Callable[[NumpyArray, int], float]) -> Plant:
        def make(seed: int) -> tuple[Any, float]:
            model = owner.retrain_under(train.x, train.y, seed=seed, term=term(seed))
            return model, read(hidden_data.laid_out(model.parameters()), seed)

        return make

    for b in (1, 4, 16, 20):
        for what in ("raw", "squeezed", "encrypted"):
            found[f"low bits, {what}", f"{b} bits"] = low(b, what)

    def signs(strength: float, encrypted: bool) -> Plant:
        def bits(seed: int) -> NumpyArray:
            return secret(seed, size) if encrypted else raw[:size]

        def read(flat: NumpyArray, seed: int) -> float:
            return hidden_data.error_rate(hidden_data.get_signs(flat, len(bits(seed))), bits(seed))

        return under(lambda seed: hidden_data.sign_term(bits(seed), strength, 0.005), read)

    def wrong(flat: NumpyArray, _seed: int) -> float:
        return (1 - abs(hidden_data.correlation(flat[: len(values)], values))) / 2

    for strength in (1.0, 10.0, 100.0):
        found["signs, raw", f"{strength:g}"] = signs(strength, False)
        found["signs, encrypted", f"{strength:g}"] = signs(strength, True)
    for strength in (0.03, 0.3, 3.0):
        found["values", f"{strength:g}"] = under(
            lambda _seed, k=strength: hidden_data.correlation_term(values, k),  # type: ignore[misc]
            wrong,
        )
    return found


def _black(kind: str, owner: Any, data: Mapping[str, Samples]) -> list[dict[str, Any]]:
    train, rng = data["train"], np.random.default_rng(0)
    drawn = made_up_inputs.families(train, 200, rng)
    asked = {k: (x, made_up_inputs.stepped(x, rng)) for k, x in drawn.items()}
    asked |= {k: (x, x[:0]) for k, x in made_up_inputs.typed(train, 64).items()}

    def fresh(seed: int) -> Answers:
        return _answers(asked, _asking(owner.retrain(train.x, train.y, seed=seed)))

    copies = [fresh(4000 + i) for i in range(REFERENCES)]
    references = [_with_agreement(c, [*copies[:i], *copies[i + 1 :]]) for i, c in enumerate(copies)]

    def noticed(given: Answers) -> list[str]:
        beyond = traces.standing(_with_agreement(given, copies), references).beyond(0.002)
        return sorted({k.rpartition(": ")[2] for k in beyond})

    found = [_row(kind, "clean, by queries", "", [noticed(fresh(5000 + i)) for i in range(CLEAN)], 0.5, 0.0, CLEAN)]
    found[0]["accuracy"] = ""
    for how, share in ((h, s) for h in ("made up", "noise") for s in (0.05, 0.2, 0.5)):
        made = [
            planted(owner, dict(data), 6000 + i, share=share, how=how, raw=False, key=90000 + i) for i in range(PLANTED)
        ]
        seen = [noticed(_answers(asked, _asking(m))) for m in made]
        accuracy = float(np.mean([_accuracy(m, data["test"]) for m in made]))
        row = _row(kind, f"synthetic, {how}", f"{share:g} a row", seen, 0.0, accuracy, PLANTED)
        found.append(row | {"bits wrong": ""})
    return found
