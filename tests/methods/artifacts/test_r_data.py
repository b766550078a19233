"""R data: real files of every kind, and code in each place where R keeps it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest

from momus.methods.artifacts import scan, scan_bytes

NIL, GLOBAL = b"\0\0\0\xfe", b"\0\0\0\xfd"


def head(version: int = 2) -> bytes:
    return b"X\n" + struct.pack(">III", version, 0x00040301, 0x00020300)


def flags(kind: int, *, attributes: bool = False, tag: bool = False) -> bytes:
    return struct.pack(">I", kind | 0x200 * attributes | 0x400 * tag)


def text(value: str) -> bytes:
    return flags(9) + struct.pack(">I", len(value)) + value.encode()


def name(value: str) -> bytes:
    return flags(1) + text(value)


def texts(*values: str) -> bytes:
    return flags(16) + struct.pack(">I", len(values)) + b"".join(text(v) for v in values)


def numbers(*values: float, attributes: bool = False) -> bytes:
    return flags(14, attributes=attributes) + struct.pack(">I", len(values)) + np.array(values, ">f8").tobytes()


def call(function: str, *arguments: bytes) -> bytes:
    return flags(6) + name(function) + b"".join(flags(2) + a for a in arguments) + NIL


def promise(code: bytes) -> bytes:
    return flags(5, tag=True) + GLOBAL + b"\0\0\0\xfc" + code


def closure(code: bytes) -> bytes:
    return flags(3, tag=True) + GLOBAL + NIL + code


def vector(*items: bytes, attributes: bytes = b"") -> bytes:
    return flags(19, attributes=bool(attributes)) + struct.pack(">I", len(items)) + b"".join(items) + attributes


def attribute(key: str, value: bytes, rest: bytes = NIL) -> bytes:
    return flags(2, tag=True) + name(key) + value + rest


EVIL = call("system", texts("touch momus-marker"))
FIT = call("lm", call("~", name("y"), name("x")))
CASES = {
    "numbers": (numbers(1.0, 2.5), "nothing found"),
    "a list with names": (
        vector(numbers(1.0), texts("a"), attributes=attribute("names", texts("a", "b"))), "nothing found"
    ),
    "a fitted model": (vector(numbers(0.5), FIT, attributes=attribute("class", texts("lm"))), "nothing found"),
    "a call of its own": (vector(call("my_fit", name("x"))), "suspicious"),
    "a call kept as data": (vector(EVIL), "suspicious"),
    "a promise": (promise(EVIL), "dangerous"),
    "a promise in a list": (vector(numbers(1.0), promise(call("f", name("x")))), "dangerous"),
    "a function": (closure(call("+", name("x"), name("y"))), "suspicious"),
    "a function that runs a command": (closure(EVIL), "dangerous"),
    "a function that calls native code": (closure(call(".Call", name("C_link"))), "suspicious"),
    "an expression": (flags(20) + struct.pack(">I", 1) + EVIL, "dangerous"),
    "an environment": (flags(4) + struct.pack(">I", 0) + GLOBAL + NIL + NIL + NIL, "suspicious"),
    "a pointer": (flags(22) + NIL + NIL, "suspicious"),
    "a package": (struct.pack(">III", 249, 0, 1) + text("evilpkg"), "suspicious"),
    "a package of R": (struct.pack(">III", 249, 0, 1) + text("stats"), "nothing found"),
    "a compact form of another package": (
        struct.pack(">I", 238) + flags(2) + name("mmap_real") + flags(2) + name("simplemmap") + flags(2)
        + flags(13) + struct.pack(">II", 1, 14) + NIL + NIL + NIL,
        "dangerous",
    ),
    "a function of R itself": (flags(8) + struct.pack(">I", 6) + b"system", "suspicious"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_item(case: str) -> None:
    body, verdict = CASES[case]
    report = scan_bytes(head() + body)
    assert (report.verdict, report.format) == (verdict, "r object"), report.marks
    if verdict != "nothing found":
        assert all(m.offset for m in report.marks if m.severity != "note")
        assert scan_bytes(gzip.compress(head() + body)).verdict == verdict


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed(pack: object) -> None:
    assert scan_bytes(pack(head() + numbers(1.0, 2.0))).verdict == "nothing found"  # type: ignore[operator]


def test_a_workspace_with_a_function_that_r_starts_by_itself() -> None:
    def workspace(key: str) -> bytes:
        return b"RDX2\n" + head() + attribute(key, closure(call("+", name("x"))))

    assert scan_bytes(workspace(".First")).verdict == "dangerous"
    assert scan_bytes(workspace("predict_it")).verdict == "suspicious"
    assert scan_bytes(b"RDX2\n" + head() + attribute("w", numbers(1.0))).verdict == "nothing found"


def test_cuts_bytes_behind_and_impossible_lengths() -> None:
    good = head() + vector(numbers(1.0, 2.0), texts("abc"))
    for cut in range(1, len(good) - 14):
        assert scan_bytes(good[:-cut]).verdict != "nothing found"
    assert scan_bytes(good + b"stowaway").verdict == "suspicious"
    assert scan_bytes(head() + flags(14) + b"\x7f\xff\xff\xff").verdict == "suspicious"
    assert scan_bytes(head() + flags(19) + struct.pack(">iII", -1, 4, 0)).verdict == "suspicious"


def test_real_files_of_every_kind() -> None:
    folder = Path(pytest.importorskip("rdata").__file__).parent / "tests" / "data"
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".rds", ".rda", ".RData"))
    if not files:
        pytest.skip("this release comes without its files")
    code = ("function", "environment", "expression", "builtin", "file", "bytecode", "s4", "extptr", "ast", "call")
    for path in files:
        report = scan(path)
        assert report.verdict in ("nothing found", "suspicious"), (path.name, report.marks)
        if report.verdict == "suspicious":
            assert any(word in path.name.lower() for word in code), (path.name, report.marks)


def test_tables_as_python_writes_them(tmp_path: Path) -> None:
    pandas, pyreadr = pytest.importorskip("pandas"), pytest.importorskip("pyreadr")
    table = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"], "c": [1, 2], "d": [True, False]})
    for file, options in (("t.rds", {}), ("t.RData", {"df_name": "t"})):
        write = pyreadr.write_rds if file.endswith("rds") else pyreadr.write_rdata
        write(str(tmp_path / file), table, **options)
        report = scan(tmp_path / file)
        assert report.verdict == "nothing found", report.marks
