"""Which corruptions and severities the options of a probe mean, and which of them the verdict counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from momus.core.errors import ProbeError
from momus.methods.corrupt.image import ALL_FAMILIES, ALL_NAMES, NAMES

_ALL = {"all": NAMES, "everything": ALL_NAMES}


def names(corruptions: str | Sequence[str]) -> list[str]:
    """Names, families, all (the fifteen) or everything, listed or comma-separated -> names of image corruptions."""
    words = corruptions.split(",") if isinstance(corruptions, str) else corruptions
    found: set[str] = set()
    for word in (str(w).strip() for w in words):
        if word not in _ALL and word not in ALL_FAMILIES and word not in ALL_NAMES:
            hint = f"all, everything, {', '.join(ALL_FAMILIES)}, {', '.join(ALL_NAMES)}"
            raise ProbeError(f"no corruption '{word}'", hint=hint)
        found.update(_ALL.get(word) or ALL_FAMILIES.get(word) or (word,))
    return [name for name in ALL_NAMES if name in found]


def declared(context: Mapping[str, object]) -> tuple[dict[str, int], list[str]]:
    """What the card says the real pipeline produces: image corruptions with their greatest severity, and the words
    that mean none."""
    given = context.get("corruptions")
    words = {str(k): int(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    wide = {**_ALL, **ALL_FAMILIES}
    found = {n: level for word, level in words.items() for n in wide.get(word, ())}
    found |= {word: level for word, level in words.items() if word in ALL_NAMES}
    return found, [word for word in words if word not in wide and word not in ALL_NAMES]


def levels(severities: str | int | Sequence[int]) -> tuple[int, ...]:
    """Severities, listed, comma-separated or a single one -> sorted."""
    words: Sequence[object] = str(severities).split(",") if isinstance(severities, str | int) else severities
    found = {str(word).strip() for word in words}
    if not found or not found <= set("12345"):
        raise ProbeError(f"severities {severities!r} are not among 1, 2, 3, 4, 5")
    return tuple(sorted(int(word) for word in found))


def worded(chosen: Sequence[str]) -> str:
    """For the scope of a measurement."""
    if set(chosen) == set(NAMES):
        return "all"
    return "everything" if len(chosen) == len(ALL_NAMES) else ",".join(name for name in ALL_NAMES if name in chosen)
