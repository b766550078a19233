"""Twins for provider.signs: networks with a sign to spare for every bit, and models that keep none in its place."""

from __future__ import annotations

import numpy as np

from momus.zoo import Case
from momus.zoo.provider import _systems as systems


def cases(seed: int) -> tuple[Case, ...]:
    """Networks under several optimisers; tiny ones, and ones whose owner sorts the units before they leave."""
    rng = np.random.default_rng(seed)
    digits, table, many = systems.pictures(900, 500), systems.people_pair(rng), systems.people_pair(rng, classes=4)
    adam = systems.recipe(lambda: systems.dense(64, (160,), 10), epochs=8)
    sgd = systems.recipe(lambda: systems.dense(8, (64, 32), 2), epochs=6, kind="sgd", rate=0.05)
    few = systems.recipe(lambda: systems.dense(8, (4,), 2), epochs=12, rate=0.01)
    sort = systems.recipe(lambda: systems.dense(64, (64,), 10), after=systems.sorted_units, epochs=6)
    mixed = systems.recipe(lambda: systems.convolving(8, 64, 10), epochs=8, kind="adamw")
    deep = systems.recipe(lambda: systems.dense(8, (64, 64), 4), epochs=8)
    line = systems.recipe(lambda: systems.dense(8, (), 4), epochs=12, kind="sgd", rate=0.05)
    deep_sort = systems.recipe(lambda: systems.dense(64, (40, 40), 10), after=systems.sorted_units, epochs=8)
    return (
        Case("dense network, Adam", True, systems.target(adam, digits, seed, "adam"), digits),
        Case("two layers on a table, SGD", True, systems.target(sgd, table, seed, "sgd"), table),
        Case("forty-six numbers", False, systems.target(few, table, seed, "few"), table),
        Case("units sorted before release", False, systems.target(sort, digits, seed, "sorted"), digits),
        Case("convolving network, AdamW", True, systems.target(mixed, digits, seed, "mixed"), digits, held_out=True),
        Case("deeper on a table", True, systems.target(deep, many, seed, "deep"), many, held_out=True),
        Case("a line", False, systems.target(line, many, seed, "line"), many, held_out=True),
        Case("deeper and sorted", False, systems.target(deep_sort, digits, seed, "both"), digits, held_out=True),
    )
