"""NumPy's files and Parquet: headers that promise what is not there, members, footers."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, Mutation, havoc, number, put

# ---- npy

_KINDS = (
    "'<f8'", "'>f8'", "'<f4'", "'<f2'", "'<i8'", "'|u1'", "'|b1'", "'<c16'", "'|O'", "'|S0'", "'<U0'", "'<U9999'",
    "'|V8'", "'<M8[s]'",
    "'<f16'", "[('a', '<f8'), ('b', '|O')]", "[('a', '<f8')]", "('<f8', (2,))", "'nonsense'", "''", "None", "[]",
    "{}", "'" + "f" * 3000 + "'",
)  # fmt: skip
_SHAPES = (
    "()", "(0,)", "(1,)", "(-1,)", "(4294967296,)", "(1099511627776,)", "(9223372036854775807, 2)", "(2.5,)",
    "(True,)", "[3]", "3",
    "(" + "1, " * 40 + ")", "(" + "1, " * 33 + ")", "(3, 0)", "(100000, 100000)", "(28, 28, 3)", "(1, 28, 28)",
    "None", "('a',)", "(268435456,)",
)  # fmt: skip


def npy_parts(data: bytes) -> tuple[bytes, str, bytes] | None:
    """Magic and version, the header's text, and the numbers."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        return None
    wide = data[6] > 1
    size = int.from_bytes(data[8 : 12 if wide else 10], "little")
    start = 12 if wide else 10
    return data[:8], data[start : start + size].decode("latin-1"), data[start + size :]


def npy_joined(head: bytes, text: str, body: bytes) -> bytes:
    raw = text.encode("latin-1", "replace")
    wide = len(raw) > 65_000 or head[6:7] > b"\1"
    size = struct.pack("<I" if wide else "<H", len(raw))
    return head[:6] + (bytes((2, 0)) if wide and head[6:7] == b"\1" else head[6:8]) + size + raw + body


def npy_header(data: bytes, rng: Random) -> bytes:
    """Type, shape or order of the array, or a header that is no such dictionary."""
    parts = npy_parts(data)
    if parts is None:
        return data
    head, text, body = parts
    kind = text.split("'descr':")[-1].split(",")[0].strip() if "'descr':" in text else "'<f8'"
    shape = "(" + text.split("(")[-1].split(")")[0] + ")"
    order, what = "False", rng.randrange(5)
    if what == 0:
        kind = rng.choice(_KINDS)
    elif what in (1, 2):
        shape = rng.choice(_SHAPES)
    elif what == 3:
        order = rng.choice(("True", "1", "None", "'x'"))
    made = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if what == 4:
        odd = (
            made[:-1],
            "[" * 3000,
            made + "\0",
            "{'descr': '<f8'}",
            made.replace("'", '"'),
            "1" * 9000,
            " " * 20_000 + made,
            "",
        )
        made = rng.choice(odd)
    return npy_joined(head, made + " " * (-(len(made) + 11) % 64) + "\n", body)


def npy_numbers(data: bytes, rng: Random) -> bytes:
    """Numbers that are none, infinite, too large or too small; too few or too many of them."""
    parts = npy_parts(data)
    if parts is None:
        return data
    head, text, body = parts
    code = "f" if "f4" in text else "d"
    odd = (float("nan"), float("inf"), -float("inf"), 3e38 if code == "f" else 1.7e308, 5e-324, -0.0, 1e30)
    if rng.random() < 0.7:
        width = struct.calcsize(code)
        for _ in range(rng.choice((1, 1, 5))):
            at = rng.randrange(max(1, len(body) // width)) * width
            body = put(body, at, struct.pack("<" + code, rng.choice(odd)))
    else:
        body = rng.choice(BLIND)(body, rng)
    return npy_joined(head, text, body)


def npy_remade(data: bytes, rng: Random) -> bytes:
    """A valid array of another shape or type: all alike, or of noise."""
    kind, code = rng.choice((("<f8", "d"), ("<f4", "f"), ("|u1", "B"), ("<i8", "q"), ("|b1", "?")))
    shape = rng.choice(
        ((), (0,), (1,), (3,), (4,), (12,), (784,), (28, 28), (1, 28, 28), (28, 28, 3), (3, 4), (1, 4), (0, 4), (5000,))
    )
    count = math.prod(shape)
    value = rng.choice((0, 1, 127) if code in "B?q" else (0.0, 1.0, -1.0, 1e30, 1e-30))
    values = [value] * count if rng.random() < 0.6 else [rng.choice((0, 1)) for _ in range(count)]
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    return npy_joined(
        b"\x93NUMPY\1\0", text + " " * (-(len(text) + 11) % 64) + "\n", struct.pack(f"<{count}{code}", *values)
    )


def npy_version(data: bytes, rng: Random) -> bytes:
    """Version and length of the header that do not fit."""
    return put(data, rng.choice((6, 7, 8, 9)), bytes([number(rng, 1)]))


NPY: tuple[Mutation, ...] = (npy_header, npy_header, npy_header, npy_numbers, npy_numbers, npy_remade, npy_version)

# ---- npz


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive's members, the small ones."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(i.filename, archive.read(i)) for i in archive.infolist()[:50] if i.file_size < 1 << 20]
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        EOFError,
        RuntimeError,
        zlib.error,
        struct.error,
    ):
        return []


def zipped(parts: list[tuple[str, bytes]], level: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", level) as archive:
        for name, body in parts:
            member = zipfile.ZipInfo(name or "x")  # a fixed date: the same bytes every time
            member.compress_type = level
            archive.writestr(member, body)
    return out.getvalue()


def npz_member(data: bytes, rng: Random) -> bytes:
    """An array in the archive changed as a file of its own."""
    parts = members(data)
    if not parts:
        return data
    at = rng.randrange(len(parts))
    parts[at] = (parts[at][0], rng.choice(NPY)(parts[at][1], rng))
    return zipped(parts, rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))


def npz_names(data: bytes, rng: Random) -> bytes:
    """Members missing, with other names or of another kind."""
    parts = members(data)
    if not parts:
        return data
    at = rng.randrange(len(parts))
    if rng.random() < 0.3:
        del parts[at]
    else:
        name = rng.choice(("x", ".npy", "../x.npy", "/x.npy", "x.npz", "x\\y.npy", "é.npy", "a" * 60_000, "x.npy/"))
        parts[at] = (name, rng.choice((parts[at][1], b"", b"\x80\x04N.", b"\x93NUMPY")))
    return zipped(parts)


def npz_directory(data: bytes, rng: Random) -> bytes:
    """Fields of the local headers and of the directory at the end."""
    marks = [i for m in (b"PK\3\4", b"PK\1\2", b"PK\5\6") for i in _found(data, m)]
    if not marks:
        return data
    at = rng.choice(marks) + rng.choice((4, 6, 8, 10, 14, 16, 18, 20, 22, 24, 26, 28, 42))
    return put(data, at, struct.pack("<I", number(rng, 4))[: rng.choice((2, 4))])


def _found(data: bytes, mark: bytes) -> list[int]:
    places: list[int] = []
    at = data.find(mark)
    while at >= 0 and len(places) < 50:
        places.append(at)
        at = data.find(mark, at + 1)
    return places


NPZ: tuple[Mutation, ...] = (npz_member, npz_member, npz_names, npz_directory, npz_directory)

# ---- Parquet


def _footer(data: bytes) -> tuple[int, int] | None:
    """Where the description at the end lies: from, to."""
    if data[-4:] != b"PAR1" or len(data) < 12:
        return None
    (size,) = struct.unpack_from("<I", data, len(data) - 8)
    start = len(data) - 8 - size
    return (start, len(data) - 8) if start >= 4 else None


def parquet_footer(data: bytes, rng: Random) -> bytes:
    """The description of columns and pages changed, its length mended."""
    where = _footer(data)
    if where is None:
        return data
    text = data[where[0] : where[1]]
    if rng.random() < 0.6 and text:
        at = rng.randrange(len(text))
        edge = rng.choice(
            (
                b"\0",
                b"\1",
                b"\x7f",
                b"\xff\xff\xff\xff\x0f",
                b"\x80",
                b"\x15",
                b"\x16",
                b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1",
            )
        )
        text = text[:at] + edge + text[at + rng.choice((1, 1, len(edge))) :]
    else:
        text = rng.choice(BLIND)(text, rng)
    return data[: where[0]] + text + struct.pack("<I", len(text)) + b"PAR1"


def parquet_pages(data: bytes, rng: Random) -> bytes:
    """Headers and contents of pages, in place."""
    where = _footer(data)
    if where is None or where[0] <= 4:
        return data
    at = 4 + (rng.randrange(min(40, where[0] - 4)) if rng.random() < 0.6 else rng.randrange(where[0] - 4))
    return put(data[: where[0]], at, bytes([number(rng, 1)]) * rng.choice((1, 1, 4))) + data[where[0] :]


def parquet_ends(data: bytes, rng: Random) -> bytes:
    """The length at the end, the marks at both ends, the middle gone."""
    what = rng.randrange(4)
    if what == 0:
        return put(data, max(0, len(data) - 8), struct.pack("<I", number(rng, 4)))
    if what == 1:
        return put(data, max(0, len(data) - 4), rng.choice((b"PARE", b"PAR2", b"    ")))
    where = _footer(data)
    return data[:4] + data[where[0] :] if what == 2 and where else havoc(data, rng)


PARQUET: tuple[Mutation, ...] = (parquet_footer, parquet_footer, parquet_footer, parquet_pages, parquet_ends)
