"""Probes whose work can be cut into parts that several processes, or nodes, share without any number changing.

A part is a training of the user's own, or the answers to a block of rows under one kind of damage. What it gives is
kept in the cache under the digest of all it depends on, so whoever comes first does it and the others read it.
"""

from __future__ import annotations

# The answers of undamaged and damaged rows, one corruption a part.
ROWS = frozenset({
    "corruption.image", "corruption.sequences", "corruption.sound", "corruption.table", "corruption.text",
})  # fmt: skip
# The user's own training, one model or a few alike a part.
TRAININGS = frozenset({
    "backdoor.badnets", "backdoor.survival", "membership.lira", "membership.rmia", "membership.shadow",
    "poisoning.clean_label", "poisoning.contributors", "poisoning.floods", "poisoning.label_flips",
    "poisoning.mislabelled", "poisoning.regression",
})  # fmt: skip
DIVIDES = ROWS | TRAININGS
