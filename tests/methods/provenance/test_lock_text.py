"""The lock's text: the same bytes for the same findings, and nothing read that could mean two things."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.methods.provenance import Lock, Locked, lockfile, names, strict

ENTRY = Locked(
    "w/a.bin", "model", "a" * 64, 3, format="npy", scan="nothing found", named=("targets.m.path",), locked="2026-01-02"
)
LOCK = Lock.of("system", [replace(ENTRY, path="b"), ENTRY])


def test_written_and_read_again() -> None:
    text = lockfile.write(LOCK)
    assert lockfile.read(text.encode()) == LOCK
    assert lockfile.write(lockfile.read(text.encode())) == text
    assert [f.path for f in LOCK.files] == ["b", "w/a.bin"]
    assert '""' not in text
    assert text.isascii()
    assert text.endswith("}\n")


@given(st.text(min_size=1, max_size=20), st.text(max_size=30), st.integers(0, 2**70))
def test_any_text_survives(path: str, source: str, size: int) -> None:
    lock = Lock.of(path, [replace(ENTRY, path=path, source=source, size=size)])
    assert lockfile.read(lockfile.write(lock).encode()) == lock


def broken(change: str) -> bytes:
    plain = json.loads(lockfile.write(LOCK))
    first = plain["files"][0]
    if change == "twice":
        plain["files"].append(first)
    elif change == "version":
        plain["momus_lock"] = 2
    elif change == "true version":
        plain["momus_lock"] = True
    elif change == "unknown":
        plain["extra"] = 1
    elif change == "unknown in a file":
        first["sha512"] = "0"
    elif change == "no digest":
        del first["sha256"]
    elif change == "short digest":
        first["sha256"] = "ab"
    elif change == "upper digest":
        first["sha256"] = "A" * 64
    elif change == "negative size":
        first["size"] = -1
    elif change == "size as text":
        first["size"] = "3"
    elif change == "path as number":
        first["path"] = 3
    elif change == "named as text":
        first["named"] = "targets"
    elif change == "named as numbers":
        first["named"] = [1]
    elif change == "published":
        first["published"] = "crc32:00000000"
    elif change == "no system":
        del plain["system"]
    elif change == "files as mapping":
        plain["files"] = {}
    elif change == "file as text":
        plain["files"] = ["w/a.bin"]
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    "change",
    ["twice", "version", "true version", "unknown", "unknown in a file", "no digest", "short digest", "upper digest",
     "negative size", "size as text", "path as number", "named as text", "named as numbers", "published", "no system",
     "files as mapping", "file as text"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(change: str) -> None:
    with pytest.raises(DataError) as error:
        lockfile.read(broken(change), "here/momus.lock")
    assert error.value.code == "lock/unusable"
    assert "here/momus.lock" in str(error.value)


@pytest.mark.parametrize(
    "text", [b"", b" \n", b"[]", b"null", b"{", b"\xff", b'{"momus_lock":1,"momus_lock":1}', b"[" * 99999]
)
def test_no_lock_at_all(text: bytes) -> None:
    with pytest.raises(DataError):
        lockfile.read(text)


def test_a_key_that_stands_twice_is_refused_at_any_depth() -> None:
    text = lockfile.write(LOCK).replace('"size": 3,', '"size": 3, "size": 4,', 1)
    with pytest.raises(DataError, match="stands twice"):
        lockfile.read(text.encode())


def test_base64_has_one_spelling() -> None:
    assert strict.unbase64("QUI=", "it") == b"AB"
    for text in ("QUI", "QUJ=", "QUI=\n", "Q UI=", "QU-_"):
        with pytest.raises(strict.Malformed):
            strict.unbase64(text, "it")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("model.pt", "mоdel.pt", True),
        ("model.pt", "Model.pt", True),
        ("model.pt", "ｍodel.pt", True),
        ("é.pt", "e\u0301.pt", True),
        ("model.pt", "mod\u200bel.pt", True),
        ("layer1.bin", "layerl.bin", False),
        ("w0.bin", "wo.bin", False),
        ("a.bin", "b.bin", False),
        ("a/x.bin", "b/x.bin", False),
    ],
)
def test_names_that_are_taken_for_one_another(a: str, b: str, same: bool) -> None:
    assert bool(names.twins([a, b])) is same


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a//b", "./a", "a/.", "a\\b", "C:x", "a\0b", "a\u202eb", "a\udc80"]
)
def test_names_that_are_no_names(path: str) -> None:
    assert names.plain(path)


def test_a_name_never_reaches_the_terminal_raw() -> None:
    seen = names.shown("a\x1b[31m\u202eb\n" + "x" * 500)
    assert seen.isprintable()
    assert len(seen) < 260
