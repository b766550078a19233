"""Errors in texts that a recogniser or translator writes, and references that belong to another recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.speech import plain, word_errors

FASTEST = 35.0  # letters a second: faster than anybody reads aloud


def character_errors(said: str, wanted: str) -> float:
    """Insertions, deletions and replacements of letters that turn ``wanted`` into ``said``, over its letters."""
    a, b = (plain(t).replace(" ", "") for t in (said, wanted))
    return word_errors(" ".join(a), " ".join(b)) if b else float(bool(a))


def errors(said: str, wanted: str) -> float:
    """Word error rate; of a script without spaces, and of single words, the character error rate. Not above 1."""
    if not plain(wanted):
        return float(bool(plain(said)))
    spaced = len(plain(wanted).split()) > 1 or plain(wanted).isascii()
    return min(1.0, word_errors(said, wanted) if spaced else character_errors(said, wanted))


def matrix(said: Sequence[str], wanted: Sequence[str]) -> NumpyArray:
    """(n, n) error rates of every answer against every reference; only worth asking for a few hundred."""
    return np.array([[errors(s, w) for w in wanted] for s in said]).reshape(len(said), len(wanted))


def misplaced(said: Sequence[str], wanted: Sequence[str], *, near: float = 0.2, far: float = 0.5) -> NumpyArray:
    """(n,) numbers of the reference that an answer matches in place of its own, -1 where its own is the best guess.

    An answer that is far from its own reference (error rate at least ``far``) and near another one's (at most
    ``near``) was most likely compared with the wrong text: recognisers do not write down another clip by accident.
    """
    out = np.full(len(said), -1)
    for i, text in enumerate(said):
        if errors(text, wanted[i]) < far or not plain(text):
            continue
        rates = [errors(text, w) for w in wanted]
        best = int(np.argmin(rates))
        if rates[best] <= near and plain(wanted[best]) != plain(wanted[i]):
            out[i] = best
    return out


def unspeakable(wanted: Sequence[str], seconds: NumpyArray) -> NumpyArray:
    """(n,) booleans: references that nobody could have read aloud in the time there was, and empty ones."""
    lengths = np.array([len(plain(w)) for w in wanted], dtype=float)
    return np.asarray((lengths == 0) | (lengths > FASTEST * np.maximum(seconds, 1e-9)))
