"""Errors in texts that a recogniser or translator writes, and references that belong to another recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.speech import plain, word_errors

FASTEST = 35.0  # letters a second: faster than anybody reads aloud
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SHORT = {"mr": "mister", "mrs": "missus", "dr": "doctor"}


def spoken(text: str) -> str:
    """A text as it would be read aloud in English: numbers up to 99 and a few titles in words, no case, no punctuation.

    A recogniser that writes 5 for five has heard what was said.
    """
    return " ".join(_word(w) for w in plain(text).split())


def _word(word: str) -> str:
    if word.isascii() and word.isdigit() and int(word) < 100 and str(int(word)) == word:
        n = int(word)
        return _ONES[n] if n < 20 else " ".join([_TENS[n // 10 - 2], *([_ONES[n % 10]] if n % 10 else [])])
    return _SHORT.get(word, word)


def character_errors(said: str, wanted: str) -> float:
    """Insertions, deletions and replacements of letters that turn ``wanted`` into ``said``, over its letters."""
    a, b = (spoken(t).replace(" ", "") for t in (said, wanted))
    return word_errors(" ".join(a), " ".join(b)) if b else float(bool(a))


def errors(said: str, wanted: str) -> float:
    """Word error rate; of a script without spaces, and of single words, the character error rate. Not above 1."""
    if not plain(wanted):
        return float(bool(plain(said)))
    spaced = len(plain(wanted).split()) > 1 or plain(wanted).isascii()
    return min(1.0, word_errors(spoken(said), spoken(wanted)) if spaced else character_errors(said, wanted))


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
