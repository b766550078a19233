"""Severity of an advisory: CVSS base scores of versions 2 and 3 by their published formulas, 4 by a kept library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

LEVELS = ("low", "medium", "high", "critical")
_WORDS = {"low": "low", "moderate": "medium", "medium": "medium", "important": "high", "high": "high",
          "critical": "critical"}  # fmt: skip

# Weights of CVSS 3.1 (FIRST, specification document, table 15 ff.) and CVSS 2 (guide, section 3.2.1).
_V3 = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_RIGHTS = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
_V2 = {
    "AV": {"L": 0.395, "A": 0.646, "N": 1.0},
    "AC": {"H": 0.35, "M": 0.61, "L": 0.71},
    "Au": {"M": 0.45, "S": 0.56, "N": 0.704},
    "C": {"N": 0.0, "P": 0.275, "C": 0.66},
    "I": {"N": 0.0, "P": 0.275, "C": 0.66},
    "A": {"N": 0.0, "P": 0.275, "C": 0.66},
}


def score(vector: str) -> float | None:
    """The base score from 0 to 10 of a CVSS vector; None where it is no complete vector or of a version not read."""
    if len(vector) > 400:
        return None
    parts = dict(p.split(":", 1) for p in vector.split("/") if ":" in p)
    version = parts.pop("CVSS", "2.0")
    try:
        if version in ("3.0", "3.1"):
            return _three(parts, version)
        if version == "2.0" and "Au" in parts:
            return _two(parts)
    except KeyError:
        return None
    return _four(vector) if version == "4.0" else None


def _three(parts: Mapping[str, str], version: str) -> float:
    weight = {k: table[parts[k]] for k, table in _V3.items()}
    changed = {"U": False, "C": True}[parts["S"]]
    lost = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    ease = 8.22 * weight["AV"] * weight["AC"] * _RIGHTS[parts["S"]][parts["PR"]] * weight["UI"]
    if impact <= 0:
        return 0.0
    total = min((1.08 if changed else 1.0) * (impact + ease), 10.0)
    if version == "3.0":
        return math.ceil(round(total * 10, 9)) / 10
    whole = round(total * 100_000)  # the specification's own way around binary fractions
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _two(parts: Mapping[str, str]) -> float:
    weight = {k: table[parts[k]] for k, table in _V2.items()}
    impact = 10.41 * (1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"]))
    ease = 20 * weight["AV"] * weight["AC"] * weight["Au"]
    return round((0.6 * impact + 0.4 * ease - 1.5) * (1.176 if impact else 0.0), 1)


def _four(vector: str) -> float | None:
    """Version 4 looks scores up in a table of 270 rows that a library keeps; without it the level comes from words."""
    try:
        import cvss
    except ImportError:
        return None
    try:
        return float(cvss.CVSS4(vector).base_score)
    except (cvss.exceptions.CVSSError, ValueError, KeyError):
        return None


def level(points: float) -> str:
    """The word of CVSS 3 for a score; "" for 0."""
    return (
        "critical" if points >= 9 else "high" if points >= 7 else "medium" if points >= 4 else "low" if points else ""
    )


def severity(vectors: Iterable[str], words: Iterable[Any]) -> str:
    """The gravest level that vectors, or words of a database, give; "" where nothing says."""
    found = [level(points) for v in vectors if (points := score(v)) is not None]
    found += [_WORDS.get(w.strip().lower(), "") for w in words if isinstance(w, str)]
    return max((f for f in found if f), key=LEVELS.index, default="")
