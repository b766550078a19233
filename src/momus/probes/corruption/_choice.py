"""Which corruptions and severities the options of a probe mean."""

from __future__ import annotations

from collections.abc import Sequence

from momus.core.errors import ProbeError
from momus.methods.corrupt.image import FAMILIES, NAMES

# One from each family in turn: when the budget ends early, what was measured is spread over all kinds of damage.
_ORDER = sorted(NAMES, key=lambda name: next(m.index(name) for m in FAMILIES.values() if name in m))


def names(corruptions: str | Sequence[str]) -> list[str]:
    """Names, families or all, listed or comma-separated -> names in the order in which they are run."""
    words = corruptions.split(",") if isinstance(corruptions, str) else corruptions
    found: set[str] = set()
    for word in (str(w).strip() for w in words):
        if word == "all":
            found.update(NAMES)
        elif word in FAMILIES:
            found.update(FAMILIES[word])
        elif word in NAMES:
            found.add(word)
        else:
            raise ProbeError(f"no corruption '{word}'", hint=f"all, {', '.join(FAMILIES)}, {', '.join(NAMES)}")
    return [name for name in _ORDER if name in found]


def levels(severities: str | int | Sequence[int]) -> tuple[int, ...]:
    """Severities, listed, comma-separated or a single one -> sorted."""
    words: Sequence[object] = str(severities).split(",") if isinstance(severities, str | int) else severities
    found = {str(word).strip() for word in words}
    if not found or not found <= set("12345"):
        raise ProbeError(f"severities {severities!r} are not among 1, 2, 3, 4, 5")
    return tuple(sorted(int(word) for word in found))


def worded(chosen: Sequence[str]) -> str:
    """For the scope of a measurement."""
    return "all" if len(chosen) == len(NAMES) else ",".join(name for name in NAMES if name in chosen)
