"""7z archives: every common way of packing is read, every lie told."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zlib
from typing import Any

import pytest

from momus.methods.artifacts import Limits, scan_bytes
from momus.zoo.supply_chain.corpus import payload

py7zr = pytest.importorskip("py7zr")
GOOD = {"model/a.pkl": pickle.dumps([1, 2]), "notes.txt": b"weights of a small model\n" * 400}


def packed(files: dict[str, bytes], filters: Any = None, **options: Any) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters, **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


def chains() -> dict[str, Any]:
    lzma2 = {"id": py7zr.FILTER_LZMA2, "preset": 3}
    return {
        "LZMA2 with a filter": None,
        "LZMA": [{"id": py7zr.FILTER_LZMA}],
        "LZMA behind a filter": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA}],
        "LZMA2": [lzma2],
        "ARM filter": [{"id": py7zr.FILTER_ARM}, lzma2],
        "Delta": [{"id": py7zr.FILTER_DELTA}, lzma2],
        "BZip2": [{"id": py7zr.FILTER_BZIP2}],
        "Deflate": [{"id": py7zr.FILTER_DEFLATE}],
        "stored": [{"id": py7zr.FILTER_COPY}],
    }


@pytest.mark.parametrize("chain", chains())
def test_members_are_read_through_each_chain_of_coders(chain: str) -> None:
    report = scan_bytes(packed(GOOD, chains()[chain]))
    assert (report.verdict, report.format) == ("nothing found", "7z"), report.marks
    bad = scan_bytes(packed({**GOOD, "evil.bin": payload()}, chains()[chain]))
    assert bad.verdict == "dangerous"
    assert any(m.where.startswith("evil.bin") and m.opcode for m in bad.marks)


@pytest.mark.parametrize("options", [{"password": "x"}, {"password": "x", "header_encryption": True}])
def test_what_is_encrypted_is_not_understood(options: dict[str, Any]) -> None:
    report = scan_bytes(packed(GOOD, **options))
    assert report.verdict == "not understood"
    assert "encryption by AES" in report.marks[0].what


def test_other_coders_are_named() -> None:
    report = scan_bytes(packed(GOOD, [{"id": py7zr.FILTER_ZSTD}]))
    assert report.verdict == "not understood"
    assert "zstd" in report.marks[0].what


def test_a_path_out_of_the_folder_is_dangerous() -> None:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=[{"id": py7zr.FILTER_COPY}]) as archive:
        archive.set_encoded_header_mode(False)
        archive.writestr(b"x" * 50, "aa_aa_outside")
    data = out.getvalue()
    old, new = "aa_aa_outside".encode("utf-16-le"), "../../outside".encode("utf-16-le")
    assert old in data
    body = bytearray(data.replace(old, new))
    offset, size = struct.unpack("<QQ", body[12:28])
    body[28:32] = struct.pack("<I", zlib.crc32(body[32 + offset : 32 + offset + size]))
    body[8:12] = struct.pack("<I", zlib.crc32(body[12:32]))
    assert scan_bytes(bytes(body)).verdict == "dangerous"


def test_a_bomb_is_refused_before_it_is_written_out() -> None:
    data = packed({"zeros": bytes(200 << 20)}, [{"id": py7zr.FILTER_LZMA2, "preset": 0}])
    report = scan_bytes(data)
    assert report.verdict == "suspicious"
    assert any("bomb" in m.what for m in report.marks)
    assert scan_bytes(data, limits=Limits(expanded=1 << 20)).verdict == "suspicious"


def test_bytes_behind_and_cuts_are_never_harmless() -> None:
    data = packed(GOOD)
    assert scan_bytes(data + payload()).verdict == "dangerous"
    assert scan_bytes(data + b"stowaway, 20 bytes..").verdict == "suspicious"
    for cut in (1, 9, len(data) // 2, len(data) - 33, len(data) - 8):
        assert scan_bytes(data[:-cut]).verdict != "nothing found"


def test_a_wrong_checksum_is_told() -> None:
    data = bytearray(packed({"a.csv": b"1,2,3\n" * 40}, [{"id": py7zr.FILTER_COPY}]))
    assert scan_bytes(bytes(data)).verdict == "nothing found"
    data[40] ^= 1
    assert "checksum" in scan_bytes(bytes(data)).marks[0].what


def test_changed_archives_end_in_a_report() -> None:
    data, rng = packed(GOOD), random.Random(0)
    for _ in range(300):
        raw = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(len(raw) - 120, len(raw)) if rng.random() < 0.7 else rng.randrange(len(raw))] = (
                rng.randrange(256)
            )
        assert scan_bytes(bytes(raw), limits=Limits(seconds=10)).verdict
