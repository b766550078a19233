"""Binary formats of other tools: MATLAB, Torch7, MessagePack, fastText, word2vec, SentencePiece."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from momus.methods.artifacts import scan, scan_bytes


def mat(**values: object) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, values, do_compression=bool(values.pop("_packed", False)))
    return out.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_data(packed: bool) -> None:
    data = mat(w=np.eye(3), s={"a": 1, "b": "text"}, c=np.array([1, "x"], dtype=object), _packed=packed)
    report = scan_bytes(data)
    assert (report.verdict, report.format) == ("nothing found", "matlab"), report.marks
    assert scan_bytes(data[:-7]).verdict == "suspicious"
    assert scan_bytes(data + b"stowaway").verdict == "suspicious"


def test_matlab_functions_and_objects() -> None:
    folder = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
    found = {p.name: scan(p).verdict for p in folder.glob("*.mat")}
    if not found:
        pytest.skip("this release comes without its files")
    code = (
        "func",
        "object",
        "sqr",
        "parabola",
        "malformed",
        "bad_miutf8",
        "corrupt",
        "debigged",
        "broken",
        "miuint32",
        "one_by_zero",
    )
    for name, verdict in found.items():
        assert verdict != "dangerous", name
        assert verdict in ("nothing found", "not understood") or any(c in name for c in code), name
        assert verdict == "suspicious" or not name.startswith(("some_functions", "testobject", "parabola", "sqr.")), (
            name
        )


def t7(kind: int, body: bytes) -> bytes:
    return struct.pack("<i", kind) + body


def lua(text: bytes) -> bytes:
    return struct.pack("<i", len(text)) + text


def lua_class(index: int, name: bytes, body: bytes) -> bytes:
    return t7(4, struct.pack("<i", index) + lua(b"V 1") + lua(name) + body)


STORAGE = lua_class(3, b"torch.FloatStorage", struct.pack("<q", 2) + bytes(8))
TENSOR = lua_class(2, b"torch.FloatTensor", struct.pack("<iqqq", 1, 2, 1, 1) + STORAGE)
NET = lua_class(1, b"nn.Linear", t7(3, struct.pack("<ii", 5, 1) + t7(2, lua(b"weight")) + TENSOR))
FUNCTION = t7(8, struct.pack("<i", 9) + lua(b"\x1bLua....") + t7(0, b""))


def test_torch7() -> None:
    report = scan_bytes(NET)
    assert (report.verdict, report.format) == ("nothing found", "torch7"), report.marks
    code = lua_class(1, b"nn.Linear", t7(3, struct.pack("<ii", 5, 1) + t7(2, lua(b"f")) + FUNCTION))
    assert scan_bytes(code).verdict == "suspicious"
    assert scan_bytes(lua_class(1, b"my.Net", t7(0, b""))).verdict == "suspicious"
    assert scan_bytes(NET + b"stowaway").verdict == "suspicious"
    assert scan_bytes(NET[:-3]).verdict == "suspicious"


def test_messagepack() -> None:
    msgpack = pytest.importorskip("msgpack")
    array = msgpack.ExtType(1, msgpack.packb(((2, 2), "float32", bytes(16))))
    good = msgpack.packb({"params": {"kernel": array, "bias": [1, 2.5, None, True, b"x" * 300]}})
    assert (scan_bytes(good).verdict, scan_bytes(good).format) == ("nothing found", "msgpack")
    assert scan_bytes(msgpack.packb({"params": msgpack.ExtType(7, b"code")})).verdict == "suspicious"
    assert scan_bytes(good + b"stowaway, 20 bytes..").verdict == "suspicious"
    assert scan_bytes(good[:-3]).verdict == "not understood"


def fasttext(words: int = 2, columns: int = 3) -> bytes:
    head = struct.pack("<ii", 793712314, 12) + bytes(12 * 4 + 8)
    counts = struct.pack("<iiiqq", words, words, 0, 10, -1)
    entries = b"".join(f"word{i}".encode() + b"\0" + struct.pack("<qb", 5, 0) for i in range(words))
    matrix = struct.pack("<qq", words, columns) + bytes(4 * words * columns)
    return head + counts + entries + b"\0" + matrix + b"\0" + matrix


def piece(text: bytes) -> bytes:
    body = b"\x0a" + bytes([len(text)]) + text + b"\x15" + bytes(4)
    return b"\x0a" + bytes([len(body)]) + body


WORDS = {
    "fasttext": fasttext(),
    "word2vec": b"2 3\n" + b"".join(w + b" " + np.ones(3, "<f4").tobytes() + b"\n" for w in (b"one", b"two")),
    "sentencepiece": b"".join(piece(t) for t in (b"<unk>", b"abc", b"de")) + b"\x12\x02\x08\x01\x1a\x02\x0a\x00",
}


@pytest.mark.parametrize("kind", WORDS)
def test_words_and_vectors(kind: str) -> None:
    report = scan_bytes(WORDS[kind])
    assert (report.verdict, report.format) == ("nothing found", kind), report.marks
    assert scan_bytes(WORDS[kind] + b"stowaway, 20 bytes..").verdict != "nothing found"
    assert scan_bytes(WORDS[kind][:-2]).verdict != "nothing found"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"Rar!\x1a\x07\x01\0" + bytes(40), "rar"), (b"MSCF\0\0\0\0" + bytes(40), "cab"), (b"!<arch>\n" + bytes(60), "ar"),
     (b"070701" + b"0" * 104, "cpio"), (b"CBM1" + bytes(40), "catboost"), (b"PAR1" + bytes(40), "parquet"),
     (b"lmgg" + bytes(40), "ggml"), (b"LZIP\x01" + bytes(40), "lzip"), (b"\x1f\x9d\x90" + bytes(40), "compress")],
)  # fmt: skip
def test_what_is_only_recognised_is_not_understood(data: bytes, kind: str) -> None:
    report = scan_bytes(data)
    assert (report.verdict, report.format) == ("not understood", kind)
    assert "not read here" in report.marks[0].what


def test_serialised_java_objects() -> None:
    assert scan_bytes(b"\xac\xed\0\x05sr\0\x11java.util.HashMap" + bytes(20)).verdict == "suspicious"
    assert (
        scan_bytes(b"\xac\xed\0\x05sr org.apache.commons.collections.functors.InvokerTransformer").verdict
        == "dangerous"
    )
