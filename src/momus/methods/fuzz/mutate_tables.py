"""CSV, JSON and lines of JSON: cells, values and structure that readers take for something else."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from momus.methods.fuzz.mutate_bytes import LARGEST, Mutation
from momus.methods.fuzz.mutate_text import encodings, written

CELLS = (
    "", " ", "nan", "NaN", "inf", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "00", "0x10", "1_000", "1,5", "1.5.2",
    "١٢", "½", "true", "None", "null", "NA", "=1+1", '=HYPERLINK("x")', "9" * 400, "1" + "0" * 5000, "'", '"', '""',
    "\0",
    "\ufeff1", "-", "+", ".", "e", "1e", "1e+", "2024-13-45", "99999999999999999999", "\u200b1", "1\u00a0000", "#REF!",
    "a" * 140_000, "\r", "\n", "\t", "\ud800", "😀",
)  # fmt: skip


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\n")


def csv_cell(data: bytes, rng: Random) -> bytes:
    """A cell replaced by one that means something else to somebody."""
    lines = _lines(data)
    row = rng.randrange(len(lines)) if rng.random() < 0.3 else min(1, len(lines) - 1)
    cells = lines[row].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS)
    lines[row] = ",".join(cells)
    return written("\n".join(lines))


def csv_shape(data: bytes, rng: Random) -> bytes:
    """Cells too many or too few, columns and rows doubled, emptied, without a header or without an end."""
    lines = _lines(data)
    row = rng.randrange(len(lines))
    what = rng.randrange(9)
    if what == 0:
        lines[row] += "," * rng.choice((1, 2, 1000))
    elif what == 1:
        lines[row] = lines[row].rpartition(",")[0]
    elif what == 2:
        lines[row:row] = [lines[row]] * rng.choice((1, 50))
    elif what == 3:
        del lines[0]
    elif what == 4:
        lines = lines[:1]
    elif what == 5:
        lines[0] = ",".join([lines[0].split(",")[0]] * len(lines[0].split(",")))
    elif what == 6:
        lines[row] = ",".join(reversed(lines[row].split(",")))
    elif what == 7:
        lines = [line for pair in zip(lines, [""] * len(lines), strict=True) for line in pair]
    else:
        lines = [",".join([c] * 200) for c in lines][:200]
    return written("\n".join(lines))


def csv_marks(data: bytes, rng: Random) -> bytes:
    """Other separators, line ends and quotes, some of them never closed."""
    text = data.decode("utf-8", "surrogateescape")
    old, new = rng.choice(
        ((",", ";"), (",", "\t"), (",", "|"), (",", ',"'), (",", '","'), ("\n", "\r"), ("\n", "\r\n"), ("\n", "\n\n"),
         (".", ","), ("\n", '"\n'), (",", ", "), ("\n", "\x0b"), ("\n", "\u2028"), (",", ",\0"), ("1", '"1'))
    )  # fmt: skip
    return written(text.replace(old, new, rng.choice((1, 3, -1))))


CSV: tuple[Mutation, ...] = (csv_cell, csv_cell, csv_cell, csv_shape, csv_marks, encodings)

# ---- JSON

RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-0", "0e1", "1E400", "9" * 300, "9" * 5000, "1e-400", '"\\ud800"',
    '"\\u0000"',
    "null", "true", "[]", "{}", '""', '"a"', "0", "-1", "1.5", "[" * 500 + "]" * 500, "[" * 60_000,
    '{"a":' * 300 + "1" + "}" * 300,
    '"' + "a" * 70_000 + '"', "[[1],[2,3]]", "[1,[2]]", '{"":0}', '["1"]', "01", "+1", ".5", "1.", "'a'", "undefined",
    "/**/1",
    "[" + "0," * 9_999 + "0]", "340282366920938463463374607431768211456", "2147483648", "9007199254740993", '"1"',
    '"nan"',
)  # fmt: skip
_HOLE = "\ue000hole\ue000"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key in list(value)[:50]:
            found += _places(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(min(len(value), 50)):
            found += _places(value[i], (*path, i))
    return found[:2000]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return _HOLE


def json_value(data: bytes, rng: Random) -> bytes:
    """A value anywhere replaced by one of another kind, size or depth."""
    value = _parsed(data)
    if value == _HOLE:
        return data
    path = rng.choice(_places(value))
    return _dumped(_replaced(value, path, _HOLE)).replace(json.dumps(_HOLE), rng.choice(RAW)).encode("utf-8")


def json_shape(data: bytes, rng: Random) -> bytes:
    """A key or item missing, doubled, empty, extra; a list for a value and the first item for a list."""
    value = _parsed(data)
    if value == _HOLE:
        return data
    inner = [p for p in _places(value) if isinstance(_at(value, p), dict | list) and _at(value, p)]
    if not inner:
        return _dumped([value]).encode()
    path = rng.choice(inner)
    node, what = _at(value, path), rng.randrange(5)
    if isinstance(node, dict):
        key = rng.choice(sorted(node))
        if what == 0:  # the same key twice, with different values
            twice = _dumped(node)[:-1] + f",{json.dumps(key)}:{rng.choice(RAW)}}}"
            return _dumped(_replaced(value, path, _HOLE)).replace(json.dumps(_HOLE), twice).encode("utf-8")
        pairs = [(k, v) for k, v in node.items() if k != key]
        made: Any = dict(
            ((), ((key.upper(), node[key]),), (("", 1),), (("__proto__", {}), (key, node[key])), ((key, [node[key]]),))[
                what
            ]
        )
        new: Any = {**dict(pairs), **made}
    else:
        at = rng.randrange(len(node))
        new = (node[:at] + node[at + 1 :], node[:at], node[:1], [node], node * rng.choice((2, 50)))[what][:5000]
    return _dumped(_replaced(value, path, new)).encode("utf-8")


def json_marks(data: bytes, rng: Random) -> bytes:
    """Text around or inside that strict readers refuse and others do not."""
    text = data.decode("utf-8", "surrogateescape")
    at = rng.randint(0, len(text))
    made = rng.choice(
        (text + text, text[:at], "[" + text + ",]", text.replace('"', "'"), "\ufeff" + text, text + "\0",
        "//x\n" + text,
         text.replace(",", ",,", 1), text.replace(":", "=", 1), text[:at] + "\\" + text[at:], "[" * 2000 + text,
         '{"a":' * 900 + text + "}" * 900, "callback(" + text + ")", text.replace("0", "0" * 400, 1))
    )  # fmt: skip
    return written(made)


def _dumped(value: Any) -> str:
    return json.dumps(value)


JSON: tuple[Mutation, ...] = (json_value, json_value, json_value, json_shape, json_shape, json_marks, encodings)


def line(data: bytes, rng: Random) -> bytes:
    """One line changed as JSON."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(JSON[:6])(lines[at] or b"{}", rng)
    return b"\n".join(lines)[:LARGEST]


def line_ends(data: bytes, rng: Random) -> bytes:
    """Lines empty, joined, doubled, broken inside."""
    old, new = rng.choice(
        ((b"\n", b"\n\n"), (b"\n", b""), (b"\n", b"\r"), (b"\n", b" "), (b",", b",\n"), (b"}", b"}{}"))
    )
    return data.replace(old, new, rng.choice((1, -1)))


JSONL: tuple[Mutation, ...] = (line, line, line, line_ends, encodings)
