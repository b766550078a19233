"""The whole corpus in one place."""

from __future__ import annotations

from corpus import (
    benign_nets,
    benign_tables,
    benign_texts,
    hostile_archives,
    hostile_clothes,
    hostile_frameworks,
    hostile_gadgets,
    hostile_graphs,
    hostile_opcodes,
    hostile_texts,
    hostile_torch,
)
from corpus.items import Item, named_apart


def hostile(*, large: bool = True) -> list[Item]:
    """Every hostile file; ``large`` = False leaves out the expansion bombs that take seconds to make."""
    parts = (
        hostile_opcodes,
        hostile_gadgets,
        hostile_clothes,
        hostile_torch,
        hostile_frameworks,
        hostile_texts,
        hostile_graphs,
    )
    return named_apart([*(i for part in parts for i in part.items()), *hostile_archives.items(large=large)])


def benign(seed: int = 0, *, slow: bool = True, real: bool = True) -> list[Item]:
    """Every benign file, drawn from ``seed``; ``real`` adds what installed packages ship."""
    made = [*benign_tables.items(seed), *benign_nets.items(seed, slow=slow), *benign_texts.items(seed)]
    return named_apart([*made, *(benign_texts.real_files() if real else ())])
