"""Words and their synonyms out of the folder of a WordNet database (data.noun, index.noun, data.verb ...)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples

PARTS = ("noun", "verb", "adj", "adv")


def is_wordnet(folder: Path) -> bool:
    """True for a folder with a WordNet database."""
    return folder.is_dir() and (folder / "data.noun").is_file()


def synonyms(folder: str | Path, senses: int = 2) -> Samples:
    """Rows (word, alternative): single words and those that share one of their ``senses`` commonest meanings.

    The commonest come first in the database's index files, part of speech by part of speech; without those files every
    meaning counts. Forms are those of the dictionary: no plurals, no past tenses. DataError for a line that is not in
    the database's format.
    """
    folder = Path(folder)
    pairs: dict[tuple[str, str], None] = {}
    for part in (p for p in PARTS if (folder / f"data.{p}").is_file()):
        sets = {fields[0]: words for fields, words in _sets(folder / f"data.{part}")}
        index = folder / f"index.{part}"
        if index.is_file():
            chosen = [(lemma, o) for lemma, found in _meanings(index) for o in found[:senses]]
        else:
            chosen = [(w, o) for o, words in sets.items() for w in words]
        for word, offset in chosen:
            for other in sets.get(offset, ()):
                if other != word and word in sets[offset]:
                    pairs.setdefault((word, other))
    x = np.array([list(p) for p in pairs], dtype=object).reshape(-1, 2)
    return Samples(x, name="synonyms", source=str(folder))


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    with open(path, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if not line.startswith("  "):  # the licence is indented
                yield f"{path}:{number}", line.split()


def _sets(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The fields of each set of synonyms, and its single words in lower case."""
    for place, fields in _lines(path):
        try:
            words = [fields[4 + 2 * i].split("(")[0].lower() for i in range(int(fields[3], 16))]
        except (IndexError, ValueError) as error:
            raise _bad(place) from error
        yield fields, [w for w in words if w.replace("'", "").isalpha()]


def _meanings(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each word of an index file and its sets, commonest first."""
    for place, fields in _lines(path):
        try:
            count = int(fields[2])
        except (IndexError, ValueError) as error:
            raise _bad(place) from error
        yield fields[0], fields[-count:]


def _bad(place: str) -> DataError:
    return DataError("not a line of a WordNet database", code="data/wordnet", place=place)
