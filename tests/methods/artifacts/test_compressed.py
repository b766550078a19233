"""lz4, zstd and what joblib writes: expanded under bounds and read; broken data is told."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import zlib

import joblib
import numpy as np
import pytest

from momus.methods.artifacts import Limits, scan_bytes
from momus.methods.artifacts.lz4_ import block, xxh32
from momus.zoo.supply_chain.corpus import payload

lz4_frame = pytest.importorskip("lz4.frame")
zstandard = pytest.importorskip("zstandard")
GOOD, BAD = pickle.dumps({"w": list(range(5000))}), payload()


@pytest.mark.parametrize(("data", "digest"), [(b"", 0x02CC5D05), (b"abc", 0x32D153FF), (b"a" * 100, None)])
def test_xxhash(data: bytes, digest: int | None) -> None:
    if digest is None:
        framed = lz4_frame.compress(data, content_checksum=True)
        digest = int.from_bytes(framed[-4:], "little")
    assert xxh32(data) == digest


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"block_linked": False, "block_size": 4},
        {"content_checksum": True, "block_checksum": True},
        {"compression_level": 9},
    ],
)
def test_lz4_frames(options: dict[str, object]) -> None:
    good, bad = lz4_frame.compress(GOOD, **options), lz4_frame.compress(BAD, **options)
    assert scan_bytes(good).verdict == "nothing found"
    assert scan_bytes(bad).verdict == "dangerous"
    assert scan_bytes(good + good[:3]).verdict == "suspicious"
    for cut in (1, 5, 30):
        assert scan_bytes(good[:-cut]).verdict == "suspicious"


def test_a_header_of_lz4_with_a_wrong_checksum() -> None:
    data = bytearray(lz4_frame.compress(GOOD, store_size=False))
    data[6] ^= 1
    report = scan_bytes(bytes(data))
    assert report.verdict == "suspicious"
    assert "header with a wrong checksum" in report.marks[0].what


def test_lz4_of_random_data_comes_out_as_it_went_in() -> None:
    rng = random.Random(0)
    for _ in range(60):
        data = bytes(rng.choices(b"abcd", k=rng.randint(1, 3000)))
        assert block(pytest.importorskip("lz4.block").compress(data, store_size=False), 1 << 16) == data


@pytest.mark.parametrize("bad", [b"\xf0", b"\x10a\x00\x00", b"\x14a\x09\x00", b"\x0f\x01\x00" + b"\xff" * 400])
def test_lz4_blocks_that_reach_outside_are_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"a (match|block|length)|literals"):
        block(bad, 1 << 16)


def test_zstd_frames() -> None:
    good = zstandard.compress(GOOD)
    assert scan_bytes(good).verdict == "nothing found"
    assert scan_bytes(good + good).format.startswith("zstd")
    assert scan_bytes(zstandard.compress(BAD)).verdict == "dangerous"
    for data in (good[:-3], good + b"stowaway", good[:20]):
        assert scan_bytes(data).verdict == "suspicious"


def test_a_zstd_bomb_stops_at_the_limit() -> None:
    report = scan_bytes(zstandard.compress(bytes(300 << 20)))
    assert report.verdict == "suspicious"
    assert any("bomb" in m.what for m in report.marks)


def test_without_the_module_zstd_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = scan_bytes(zstandard.compress(GOOD))
    assert report.verdict == "not understood"
    assert "zstandard" in report.marks[0].what


@pytest.mark.parametrize("how", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_joblib_with_every_compressor(how: str) -> None:
    out = io.BytesIO()
    joblib.dump({"a": np.arange(600.0).reshape(20, 30)}, out, compress=(how, 3))
    assert scan_bytes(out.getvalue()).verdict == "nothing found"


def test_joblib_before_release_0_10() -> None:
    def old(data: bytes, size: int) -> bytes:
        return b"ZF" + hex(size).encode().ljust(19) + zlib.compress(data)

    assert scan_bytes(old(GOOD, len(GOOD))).verdict == "nothing found"
    assert scan_bytes(old(GOOD, len(GOOD) + 1)).verdict == "suspicious"
    assert scan_bytes(old(BAD, len(BAD))).verdict == "dangerous"


def test_what_stands_behind_gzip_is_a_file_of_its_own() -> None:
    import gzip

    assert scan_bytes(gzip.compress(GOOD) + BAD).verdict == "dangerous"


def test_expanded_bytes_are_counted() -> None:
    data = lz4_frame.compress(random.Random(0).randbytes(40_000))
    report = scan_bytes(data, limits=Limits(expanded=10_000))
    assert "expands beyond" in report.marks[0].what


def test_many_tiny_members_cost_no_more_than_their_bytes() -> None:
    """A machine hands back what it did not need; with large bites that is copied once a member."""
    data = gzip.compress(b"") * 100_000 + gzip.compress(pickle.dumps([1]))
    assert scan_bytes(data, limits=Limits(seconds=15)).verdict == "nothing found"
