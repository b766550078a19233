"""Tables, JSON, texts and arrays written in other ways, and files that leave open which of two things they say."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.fuzz.decoders import Trick

Maker = Callable[[Sequence[bytes], np.random.Generator], Sequence[Trick]]
_LONGEST = 1 << 20  # bytes of an example that is used; the rest of a table is left away, other formats are passed over
_ROWS = 200


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig") if len(data) <= _LONGEST else None
    except UnicodeDecodeError:
        return None


# -- tables ----------------------------------------------------------------------------------------------------------
def _rows(data: bytes) -> list[list[str]] | None:
    text = _text(data[: data.rfind(b"\n", 0, _LONGEST) + 1] if len(data) > _LONGEST else data)
    if text is None:
        return None
    try:
        rows = [row for row in islice(csv.reader(io.StringIO(text)), _ROWS) if row]
    except csv.Error:
        return None
    return rows if len(rows) >= 2 and all(len(row) == len(rows[0]) for row in rows) else None


def _written(rows: Sequence[Sequence[str]], **options: Any) -> str:
    out = io.StringIO()
    csv.writer(out, **{"lineterminator": "\n", **options}).writerows(rows)
    return out.getvalue()


def _moved(cell: str) -> str:
    """Another value of the same kind."""
    try:
        return repr(float(cell) * 2 + 1)
    except ValueError:
        return cell[::-1] + "x"


def _csv(examples: Sequence[bytes], _rng: np.random.Generator) -> list[Trick]:
    rows = next((r for r in map(_rows, examples) if r), None)
    if rows is None:
        return []
    head, body = rows[0], rows[1:]
    changed = [head, *([_moved(c) for c in row] for row in body)]
    plain, other = _written(rows).encode(), _written(changed).encode()
    turned = [[*row[::-1]] for row in rows]
    ways = {
        "byte-order mark": (b"\xef\xbb\xbf" + plain, "the first column's name begins with an invisible character"),
        "carriage returns": (
            _written(rows, lineterminator="\r\n").encode(),
            "the last cell of a row keeps a character",
        ),
        "every cell quoted": (_written(rows, quoting=csv.QUOTE_ALL).encode(), "quotes are taken for part of the value"),
        "UTF-16": (b"\xff\xfe" + _written(rows).encode("utf-16-le"), "two bytes a character are taken for one"),
        "columns in another order": (_written(turned).encode(), "columns go by their place and not by their name"),
        "empty last line": (plain + b"\n", "an empty line becomes a row"),
    }
    made = [Trick(f"csv: {name}", data, plain, other, hides) for name, (data, hides) in ways.items()]
    twice = [[*head, head[-1]], *([*row, _moved(row[-1])] for row in body)]
    alone = [head, *([*row[:-1], _moved(row[-1])] for row in body)]
    hides = "two columns of one name: which of them counts is left open"
    return [*made, Trick("csv: a name twice", _written(twice).encode(), plain, _written(alone).encode(), hides, False)]


# -- JSON ------------------------------------------------------------------------------------------------------------
def _json(examples: Sequence[bytes], _rng: np.random.Generator) -> list[Trick]:
    found: Any = None
    for text in filter(None, map(_text, examples)):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict | list) and found:
            break
    if not isinstance(found, dict | list) or not found:
        return []
    try:
        return _written_anew(found)
    except RecursionError:
        return []


def _written_anew(found: Any) -> list[Trick]:
    plain, other = json.dumps(found).encode(), json.dumps(_shifted(found)).encode()
    ways = {
        "escapes": (
            _escaped(json.dumps(found, ensure_ascii=False)).encode(),
            "escaped letters are taken as they stand",
        ),
        "spaces": (json.dumps(found, indent=3).encode(), "spaces between are taken for content"),
        "another order": (json.dumps(_reversed(found)).encode(), "names go by their place"),
        "exponents": (_exponents(found).encode(), "1.5e0 is taken for another number than 1.5"),
        "byte-order mark": (b"\xef\xbb\xbf" + plain, "the first name begins with an invisible character"),
    }
    made = [Trick(f"json: {name}", data, plain, other, hides) for name, (data, hides) in ways.items()]
    if isinstance(found, dict):
        name, value = next(iter(found.items()))
        changed = {**found, name: _shifted(value)}
        twice = f"{json.dumps(found)[:-1]}, {json.dumps(name)}: {json.dumps(changed[name])}}}".encode()
        hides = "a name that stands twice: whether the first or the last counts is left open"
        made.append(Trick("json: a name twice", twice, plain, json.dumps(changed).encode(), hides, False))
    return made


def _shifted(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value * 2 + 1
    if isinstance(value, str):
        return _moved(value)
    if isinstance(value, dict):
        return {k: _shifted(v) for k, v in value.items()}
    return [_shifted(v) for v in value]


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _reversed(v) for k, v in reversed(value.items())}
    return [_reversed(v) for v in value] if isinstance(value, list) else value


def _escaped(text: str) -> str:
    """Every letter inside quotes as \\uXXXX, or as two of them."""
    out, inside, skip = [], False, False
    for c in text:
        if c == '"' and not skip:
            inside = not inside
        letter = inside and c.isalpha() and not skip
        out.append(f"\\u{ord(c):04x}" if letter and ord(c) < 128 else json.dumps(c)[1:-1] if ord(c) > 127 else c)
        skip = inside and c == "\\" and not skip
    return "".join(out)


def _exponents(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_exponents(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_exponents, value)) + "]"
    return f"{value!r}e0" if isinstance(value, float) and "e" not in repr(value) else json.dumps(value)


# -- texts and arrays --------------------------------------------------------------------------------------------------
def _plain_text(examples: Sequence[bytes], _rng: np.random.Generator) -> list[Trick]:
    texts = [t for t in map(_text, examples) if t]
    first = texts[0] if texts else "A caf\u00e9 with a na\u00efve menu.\nThe waiter was kind.\n"
    second = texts[1] if len(texts) > 1 else "Never again.\nThe soup was cold.\n"
    lines = first.replace("\r\n", "\n")
    plain, other = lines.encode(), second.encode()
    ways = {
        "byte-order mark": (b"\xef\xbb\xbf" + plain, "the text begins with an invisible character"),
        "carriage returns": (lines.replace("\n", "\r\n").encode(), "lines end in another way"),
        "UTF-16": (b"\xff\xfe" + lines.encode("utf-16-le"), "two bytes a character are taken for one"),
        "decomposed letters": (
            unicodedata.normalize("NFD", lines).encode(),
            "accents stand as characters of their own",
        ),
    }
    return [Trick(f"text: {n}", d, plain, other, hides) for n, (d, hides) in ways.items() if d != plain]


def _array(data: bytes) -> NumpyArray | None:
    try:
        found = None if len(data) > _LONGEST else np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, MemoryError, OverflowError, RecursionError):
        return None
    usable = isinstance(found, np.ndarray) and found.dtype.kind in "iuf" and found.size > 0
    return np.asarray(found) if usable else None


def _npy(examples: Sequence[bytes], rng: np.random.Generator) -> list[Trick]:
    found = next((a for a in map(_array, examples) if a is not None), None)
    a = rng.normal(size=(8, 6)) if found is None else found
    other = _saved(np.roll(a, 1).astype(a.dtype) * 2)
    ways = {
        "columns first": (_saved(np.asfortranarray(a)), "numbers are read along the wrong axis"),
        "high byte first": (_saved(a.astype(a.dtype.newbyteorder(">"))), "bytes are read in the wrong order"),
        "version 2": (_saved(a, (2, 0)), "the longer header is taken for data"),
    }
    return [Trick(f"npy: {n}", d, _saved(a), other, hides) for n, (d, hides) in ways.items() if d != _saved(a)]


def _saved(a: NumpyArray, version: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, a, version=version, allow_pickle=False)
    return out.getvalue()


MAKERS: Mapping[str, Maker] = {"csv": _csv, "json": _json, "text": _plain_text, "npy": _npy}
