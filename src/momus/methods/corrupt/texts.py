"""Corruptions of texts at five severities: fingers, scanners, encodings and microphones, when nobody attacks.

The severity contract
---------------------
A severity is a share of the words (:data:`SETTINGS`); one word takes one slip of the kind. Equal seed and rows give
equal texts; chance belongs to a text's number and the word's place in it, not to a batch. A word that is damaged at one
severity is damaged in the same way at the next. Characters are clusters: no slip leaves half an emoji behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from momus.core import seeds
from momus.core.errors import DataError
from momus.core.samples import NumpyArray
from momus.methods.corrupt import chance, texts_signs, texts_typing, texts_voice
from momus.methods.corrupt.texts_typing import Slip
from momus.methods.text_edits import Pieces, pieces

__all__ = ["FAMILIES", "NAMES", "SETTINGS", "corrupt"]

_WORDS = (0.05, 0.10, 0.20, 0.40, 0.80)
FAMILIES: dict[str, tuple[str, ...]] = {
    "typing": ("keyboard", "omission", "doubling", "transposition", "layout"),
    "scan": ("ocr",),
    "case": ("upper", "lower", "random_case"),
    "encoding": ("mojibake", "replacement", "smart_quotes", "html_entities"),
    "speech": ("homophones", "no_punctuation", "fillers", "merged_words"),
    "spacing": ("whitespace", "split_words"),
}
NAMES: tuple[str, ...] = tuple(name for members in FAMILIES.values() for name in members)
# Name -> (what the number of each severity means, the five numbers).
SETTINGS: dict[str, tuple[str, tuple[float, ...]]] = {
    **dict.fromkeys(NAMES, ("share of the words, one slip each", _WORDS)),
    **dict.fromkeys(FAMILIES["case"], ("share of the words", (0.1, 0.25, 0.5, 0.75, 1.0))),
    "layout": ("share of the words, typed with another layout active", (0.02, 0.05, 0.10, 0.20, 0.40)),
    "homophones": ("share of the words that have one", (0.1, 0.25, 0.5, 0.75, 1.0)),
    "no_punctuation": ("share of the marks between words, and of capitals after them", (0.1, 0.25, 0.5, 0.75, 1.0)),
    "fillers": ("share of the gaps between words", (0.02, 0.05, 0.10, 0.20, 0.40)),
    "merged_words": ("share of the gaps between words", _WORDS),
    "whitespace": ("share of the gaps between words", _WORDS),
    "smart_quotes": ("share of the words that have quotes, apostrophes, hyphens or dots", (0.1, 0.25, 0.5, 0.75, 1.0)),
    "html_entities": ("share of the words that have a sign to escape", (0.1, 0.25, 0.5, 0.75, 1.0)),
}
_WAYS: dict[str, Slip] = {**texts_typing.SLIPS, **texts_signs.SLIPS, **texts_voice.SLIPS}


def corrupt(
    x: Sequence[str] | NumpyArray, name: str, severity: int, seed: int, *, rows: NumpyArray | None = None
) -> NumpyArray:
    """Corrupt texts.

    Parameters
    ----------
    x : (n,) texts.
    name : one of :data:`NAMES`.
    severity : 1 (least) to 5, see :data:`SETTINGS`.
    seed : equal seeds give equal texts for equal rows.
    rows : (n,) numbers of the texts, 0 to n - 1 where left out: whose chance each text gets.

    Returns
    -------
    (n,) object array of str. A text that holds nothing of what the corruption damages comes back as it is.

    Raises
    ------
    DataError for an unknown name or severity.

    Cost
    ----
    Chance for all words at once; then some microseconds a damaged word.
    """
    if name not in SETTINGS:
        raise DataError(f"no corruption '{name}' of texts", hint=f"One of: {', '.join(NAMES)}")
    if severity not in (1, 2, 3, 4, 5):
        raise DataError(f"severity {severity!r} is not one of 1, 2, 3, 4, 5")
    index = np.arange(len(x)) if rows is None else np.asarray(rows, dtype=np.int64)
    parts = [_taken(str(t)) for t in x]
    counts = np.array([len(p.words) for p in parts], dtype=np.int64)
    owner = np.repeat(np.arange(len(parts)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    own = seeds.derive(seed, "text", name)
    rate, slip = SETTINGS[name][1][severity - 1], _WAYS[name]
    hit = np.flatnonzero(chance.uniform(own, "word", index[owner], place) < rate)
    which, where = (chance.uniform(own, s, index[owner[hit]], place[hit]).tolist() for s in ("which", "where"))
    words: dict[int, list[str]] = {}
    gaps: dict[int, list[str]] = {}
    for text, at, u, v in zip(owner[hit].tolist(), place[hit].tolist(), which, where, strict=True):
        if text not in words:
            words[text], gaps[text] = list(parts[text].words), list(parts[text].gaps)
        slip(words[text], gaps[text], at, u, v)
    out = np.empty(len(parts), dtype=object)
    for k in range(len(parts)):
        out[k] = Pieces(tuple(words[k]), tuple(gaps[k])).text if k in words else str(x[k])
    return out


@lru_cache(maxsize=4096)
def _taken(text: str) -> Pieces:
    """The same texts come with every corruption and severity."""
    return pieces(text)
