"""Zip and tar files made to show one thing to the scanner and another to the loader."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
import zlib

import pytest

from momus.methods.artifacts import scan_bytes
from momus.zoo.supply_chain.corpus import Member, payload, zipped

GOOD = pickle.dumps([1])


def zip_with_extra(name: bytes, extra: bytes) -> bytes:
    fields = struct.pack("<HHHHHIII", 20, 0, 0, 0, 33, zlib.crc32(GOOD), len(GOOD), len(GOOD))
    local = b"PK\x03\x04" + fields + struct.pack("<HH", len(name), 0) + name + GOOD
    entry = b"PK\x01\x02\x14\0" + fields + struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, 0) + name + extra
    return local + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def unicode_path(name: bytes, other: bytes) -> bytes:
    body = b"\x01" + struct.pack("<I", zlib.crc32(name)) + other
    return struct.pack("<HH", 0x7075, len(body)) + body


def test_a_second_name_in_the_extra_field() -> None:
    assert scan_bytes(zip_with_extra(b"a.pkl", unicode_path(b"a.pkl", b"a.pkl"))).verdict == "nothing found"
    assert scan_bytes(zip_with_extra(b"a.pkl", unicode_path(b"a.pkl", b"b.pkl"))).verdict == "suspicious"
    assert scan_bytes(zip_with_extra(b"a.pkl", unicode_path(b"a.pkl", b"../b.pkl"))).verdict == "dangerous"


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("a\0.txt", "dangerous"), ("a\\b.pkl", "suspicious"), ("..\\b.pkl", "dangerous"), ("C:x", "dangerous")],
)
def test_names_that_systems_read_differently(name: str, verdict: str) -> None:
    assert scan_bytes(zipped([Member(name, GOOD)])).verdict == verdict


@pytest.mark.parametrize(
    ("target", "verdict"), [(b"a.pkl", "suspicious"), (b"../../etc/passwd", "dangerous"), (b"/etc/passwd", "dangerous")]
)
def test_links_in_a_zip(target: bytes, verdict: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.pkl", GOOD)
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
    assert scan_bytes(out.getvalue()).verdict == verdict


def test_comments_discs_and_a_second_end() -> None:
    data = zipped([Member("a.pkl", GOOD)])
    end = bytearray(data)
    end[-2:] = struct.pack("<H", 10)
    assert scan_bytes(bytes(end) + b"made today").verdict == "nothing found"
    end[-2:] = struct.pack("<H", len(payload()))
    assert scan_bytes(bytes(end) + payload()).verdict == "dangerous"
    disc = bytearray(data)
    disc[-18:-16] = b"\x01\x00"
    assert scan_bytes(bytes(disc)).verdict == "suspicious"
    nested = bytearray(data)
    nested[-2:] = struct.pack("<H", 22)
    assert scan_bytes(bytes(nested) + data[-22:]).verdict == "suspicious"
    assert scan_bytes(data + payload()).verdict == "dangerous"


def test_large_members_keep_their_sizes_in_64_bits() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a.pkl", "w", force_zip64=True) as member:
        member.write(GOOD)
    assert scan_bytes(out.getvalue()).verdict == "nothing found"


def test_members_with_a_data_descriptor() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("a.pkl", GOOD)
        archive.writestr("b.pkl", GOOD)
    assert scan_bytes(pipe.data).verdict == "nothing found"


def tar(*members: tuple[tarfile.TarInfo, bytes], fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, mode
    return made


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_in_each_flavour(fmt: int) -> None:
    long = "folder/" * 12 + "a.pkl"
    assert scan_bytes(tar((info(long), GOOD), fmt=fmt)).verdict == "nothing found"
    assert scan_bytes(tar((info(long), payload()), fmt=fmt)).verdict == "dangerous"


@pytest.mark.parametrize(
    ("member", "verdict"),
    [
        (info("../a"), "dangerous"),
        (info("/a"), "dangerous"),
        (info("a", tarfile.SYMTYPE, "b"), "suspicious"),
        (info("a", tarfile.SYMTYPE, "../../b"), "dangerous"),
        (info("a", tarfile.LNKTYPE, "/etc/passwd"), "dangerous"),
        (info("a", tarfile.CHRTYPE), "dangerous"),
        (info("a", tarfile.FIFOTYPE), "dangerous"),
        (info("a.pkl", mode=0o4755), "suspicious"),
    ],
    # A name and a type: the object itself would print its address, and no two processes would name a test alike.
    ids=lambda v: v if isinstance(v, str) else f"{v.name} {v.type.decode()}",
)
def test_odd_members_of_a_tar(member: tarfile.TarInfo, verdict: str) -> None:
    data = GOOD if member.isreg() else b""
    assert scan_bytes(tar((member, data))).verdict == verdict


def test_a_name_twice_bytes_behind_and_a_missing_end() -> None:
    whole = tar((info("a.pkl"), GOOD))
    assert scan_bytes(tar((info("a.pkl"), GOOD), (info("a.pkl"), GOOD))).verdict == "suspicious"
    assert scan_bytes(whole + payload()).verdict == "dangerous"
    assert scan_bytes(whole[:1024]).verdict == "suspicious"
    assert scan_bytes(whole[: 512 + 3]).verdict == "suspicious"
