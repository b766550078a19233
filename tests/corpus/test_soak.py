"""A few seconds of the long fuzz run, and that it notices what it is there to notice."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus import hostile_archives, hostile_clothes, hostile_graphs, hostile_opcodes, hostile_texts, soak
from corpus.mutate import mutant
from momus.methods.artifacts import FileReport, scan_bytes

PARTS = (hostile_opcodes.items(), hostile_clothes.items(), hostile_graphs.items(), hostile_texts.items(),
         hostile_archives.items(large=False))  # fmt: skip
FILES = [i.data for part in PARTS for i in part if 0 < len(i.data) < 8_000]


def test_mutants_of_the_corpus_are_read_in_a_locked_child_without_a_failure() -> None:
    found = soak.run(FILES, seed=1, inputs=2_000)
    assert [(what, number) for number, what, _ in found.failures] == []
    assert found.inputs == sum(found.verdicts.values()) == 2_000
    assert set(found.verdicts) == set(soak.VERDICTS)
    assert found.peak_mb < 300
    if sys.platform == "linux":
        assert "system calls: on" in found.locked
        assert "file system: on" in found.locked


def test_the_same_seed_gives_the_same_inputs() -> None:
    first = [mutant(FILES, 5, i) for i in range(50)]
    assert first == [mutant(FILES, 5, i) for i in range(50)]
    assert first != [mutant(FILES, 6, i) for i in range(50)]
    assert max(map(len, first)) <= 1 << 17


def _opens(data: bytes, **how: object) -> FileReport:
    if b"x" in data:
        Path("/etc/hostname").read_bytes()
    return scan_bytes(b"N.")


def _connects(data: bytes, **how: object) -> FileReport:
    socket.socket().connect(("127.0.0.1", 9))
    return scan_bytes(b"N.")


def _raises(data: bytes, **how: object) -> FileReport:
    return scan_bytes(b"N.") if len(data) < 40 else scan_bytes(None)  # type: ignore[arg-type]


def _loops(data: bytes, **how: object) -> FileReport:
    while True:
        time.sleep(0.01)


def _eats(data: bytes, **how: object) -> FileReport:
    bytearray(3 << 30)
    return scan_bytes(b"N.")


@pytest.mark.parametrize(
    ("scanner", "said"),
    [(_opens, "raised PermissionError"), (_connects, "raised PermissionError"), (_raises, "raised TypeError"),
     (_loops, "hung"), (_eats, "raised MemoryError")],
)  # fmt: skip
def test_a_bad_scanner_is_noticed_and_its_input_is_kept_small(
    scanner: Callable[..., FileReport], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "LIMIT", 0.1)
    files = [b"abcdefg" * 20 + b"x"]
    monkeypatch.setattr(soak, "scan_bytes", scanner if scanner is _loops else _first_ok(scanner, len(files)))
    found = soak.run(files, seed=0, inputs=2 if scanner is _loops else 30)
    assert any(what.startswith(said) for _, what, _ in found.failures), found.failures
    if scanner is _raises:
        assert len(next(data for _, what, data in found.failures if what.startswith(said))) == 40


def _first_ok(scanner: Callable[..., FileReport], count: int) -> Callable[..., FileReport]:
    """The run reads its own files once before it locks itself; the fault begins after that."""
    calls = iter(range(1 << 30))
    return lambda data, **how: scan_bytes(data) if next(calls) < count else scanner(data, **how)
