"""Texts, tables and arrays that cost a parser much for their bytes: each generator fills at most a given size."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from functools import partial

from momus.methods.fuzz.bombs import deflated_zeros
from momus.methods.fuzz.mutate_arrays import zipped

Make = Callable[[int], bytes]
_MERSENNE = (1 << 61) - 1  # CPython hashes an integer by its remainder of this


def _filled(piece: bytes, size: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    return before + piece * max(1, (size - len(before) - len(after)) // len(piece)) + after


def fill(piece: str, before: str = "", after: str = "") -> Make:
    """A generator that repeats a piece between two others."""
    return partial(_filled, piece.encode(), before=before.encode(), after=after.encode())


def _numbered(form: str, between: str, before: str, after: str, step: int, size: int) -> bytes:
    """Different values in a row, as many as fit."""
    room, parts, i = size - len(before) - len(after), list[str](), 0
    while True:
        part = form.format(i * step)
        room -= len(part) + len(between)
        if room < 0 and parts:
            break
        parts.append(part)
        i += 1
        if room < 0:
            break
    return (before + between.join(parts) + after).encode()


def _nested(opens: str, inner: str, closes: str, size: int) -> bytes:
    depth = max(1, (size - len(inner)) // (len(opens) + len(closes)))
    return (opens * depth + inner + closes * depth).encode()


def _marks(size: int) -> bytes:
    """Marks on one letter in the order that sorting them by class takes longest."""
    low, high = "\u0315".encode(), "\u0300\u0323".encode()
    count = max(1, (size - 1) // (len(low) + len(high)))
    return b"a" + low * count + high * count


def _entities(size: int) -> bytes:
    """One long entity named as often as it is long: the text grows with the square."""
    half = max(1, (size - 60) // 2)
    return b'<!DOCTYPE x [<!ENTITY a "' + b"a" * half + b'">]><x>' + b"&a;" * max(1, half // 3) + b"</x>"


def _laughs(size: int) -> bytes:
    rows = ['<!ENTITY a0 "aaaaaaaaaa">']
    while sum(map(len, rows)) + 120 < size and len(rows) < 30:
        rows.append(f'<!ENTITY a{len(rows)} "{f"&a{len(rows) - 1};" * 10}">')
    return f"<!DOCTYPE x [{''.join(rows)}]><x>&a{len(rows) - 1};</x>".encode()


def _npy(shape: str, size: int) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + bytes(max(0, size - len(text) - 10))


def _npy_header(size: int) -> bytes:
    """A header that is one long literal: it is read by Python's own parser."""
    inner = b"(" * min(90, size) + b"1," * max(0, min(size, 60_000) // 2 - 120)
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + inner
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(text)) + text


def _npz(size: int) -> bytes:
    """An array of zeros, packed to a thousandth."""
    count = max(1, min((size - 300) * 950, 1 << 30))
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count},), }}".ljust(117) + "\n"
    head = b"\x93NUMPY\x01\0" + struct.pack("<H", 118) + text.encode()
    packed = _stored_block(head) + deflated_zeros(count)
    crc = _crc_zeros(head, count)
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(packed), len(head) + count, 5, 0)
    local = b"PK\3\4" + fields + b"x.npy" + packed
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + bytes(14) + b"x.npy"
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def _stored_block(data: bytes) -> bytes:
    return b"\0" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data


def _crc_zeros(head: bytes, count: int) -> int:
    import zlib

    crc, block = zlib.crc32(head), bytes(1 << 20)
    for _ in range(count >> 20):
        crc = zlib.crc32(block, crc)
    return zlib.crc32(bytes(count & 0xFFFFF), crc)


def _members(size: int) -> bytes:
    """As many empty arrays as fit."""
    one = _npy("(0,)", 0)
    count = max(1, (size - 22) // (len(one) + 110))
    return zipped([(f"{i}.npy", one) for i in range(count)], zipfile.ZIP_STORED)


def _parquet(size: int) -> bytes:
    """The longest column of one value that fits: it is kept as one run."""
    try:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return b""
    best = b""
    for power in range(10, 25):
        out = io.BytesIO()
        pq.write_table(pa.table({"a": np.zeros(1 << power, np.int8)}), out, compression="zstd")
        if out.tell() > size:
            break
        best = out.getvalue()
    return best


TEXT: dict[str, Make] = {
    "one letter and a stop": fill("a", after="!"),
    "one digit and a stop": fill("1", after="x"),
    "blanks before a letter": fill(" ", after="x"),
    "blanks behind a letter": fill(" ", before="x", after="\0"),
    "line ends": fill("\n"),
    "letters and blanks": fill("a ", after="!"),
    "names with dots": fill("a.", after="@"),
    "half an address": fill("a", before="a@", after="!"),
    "dashes": fill("a-", after="_"),
    "opened brackets": fill("("),
    "opened tags": fill("<a"),
    "slashes": fill("/", before="http:", after="\n"),
    "quotation marks": fill('"'),
    "commas": fill("a,", after="\n!"),
    "signs that grow when folded": fill("\ufdfa"),
    "marks on one letter": _marks,
    "different words": partial(_numbered, "w{}", " ", "", "", 1),
    "one long line of hex": fill("%61"),
    "international names": fill("\u00fc", before="xn--"),
}
CSV: dict[str, Make] = {
    "columns": fill(",", before="a"),
    "columns and a second row": lambda size: _filled(b",", size // 2) + b"\n" + _filled(b"1,", size // 2 - 1),
    "empty rows": fill("\n", before="a,b"),
    "short rows": fill("1,2\n", before="a,b\n"),
    "an open quotation mark": fill("a,b\n", before='a,"'),
    "open quotation marks on each row": fill('"\n'),
    "doubled quotation marks": fill('""', before='"', after='"'),
    "quotation marks in between": fill('a"', after="\n"),
    "rows of different length": partial(_numbered, "{0}", "\n,", "a\n", "", 1),
    "one long number": fill("1", before="a\n", after="\n"),
    "different names of columns": partial(_numbered, "c{}", ",", "", "\n", 1),
    "numbers in all notations": fill("1e-300,", before="a\n"),
}
JSON: dict[str, Make] = {
    "lists inside each other": partial(_nested, "[", "", "]"),
    "objects inside each other": partial(_nested, '{"a":', "1", "}"),
    "opened lists": fill("["),
    "zeros": fill("0,", before="[", after="0]"),
    "different numbers": partial(_numbered, "{}", ",", "[", "]", 1),
    "numbers with one hash": partial(_numbered, "{}", ",", "[", "]", _MERSENNE),
    "different texts": partial(_numbered, '"{}"', ",", "[", "]", 1),
    "different keys": partial(_numbered, '"{0}":0', ",", "{", "}", 1),
    "one key over and over": fill('"a":0,', before="{", after='"a":0}'),
    "empty objects": fill("{},", before="[", after="{}]"),
    "small lists": fill("[0],", before="[", after="[0]]"),
    "long numbers": lambda size: _filled(b"9" * min(4000, size // 2) + b",", size, before=b"[", after=b"9]"),
    "one long number": fill("9"),
    "long fractions": lambda size: _filled(b"0." + b"1" * min(700, size // 2) + b",", size, before=b"[", after=b"0]"),
    "large exponents": fill("1e999999,", before="[", after="0]"),
    "escaped signs": fill("\\u0061", before='"', after='"'),
    "one long text": fill("a", before='"', after='!"'),
    "a text with blanks": fill(" ", before='"', after='x"'),
    "marks on one letter": lambda size: b'"' + _marks(size - 2) + b'"',
    "blanks": fill(" ", after="0"),
}
JSONL: dict[str, Make] = {"empty objects": fill("{}\n"), "empty lists": fill("[]\n"), "numbers": fill("0\n"), **JSON}
XML: dict[str, Make] = {
    "entities of entities": _laughs,
    "a long entity, often": _entities,
    "elements inside each other": partial(_nested, "<a>", "", "</a>"),
    "opened elements": fill("<a>"),
    "attributes": partial(_numbered, 'a{0}="1"', " ", "<x ", "/>", 1),
    "empty elements": fill("<a/>", before="<x>", after="</x>"),
    "name spaces": partial(_numbered, 'xmlns:a{0}="u"', " ", "<x ", "/>", 1),
}
NPY: dict[str, Make] = {
    "a long header": _npy_header,
    "a shape that is not there": partial(_npy, "(1000000000,)"),
    "many axes": partial(_npy, "(" + "1," * 32 + ")"),
}
NPZ: dict[str, Make] = {"packed zeros": _npz, "empty arrays": _members}
PARQUET: dict[str, Make] = {"one value": _parquet}
OTHER: dict[str, Make] = {"zeros": fill("\0"), "ones": lambda size: b"\xff" * size}
