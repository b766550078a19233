"""Formats one by one: what is vouched for, what is not, and what a limit does."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from momus.methods.artifacts import Limits, scan, scan_bytes, sniff
from momus.zoo.supply_chain.corpus import Member, payload, stream, torch_zip, zipped
from momus.zoo.supply_chain.corpus_bad_formats import onnx, safetensors

ONE = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'


def npy(array: object, *, allow_pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(array), allow_pickle=allow_pickle)
    return out.getvalue()


def tar(name: str = "model/x.npy", fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt) as archive:
        data = npy([1.0])
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def gguf(template: bytes, tail: bytes = b"") -> bytes:
    key = b"tokenizer.chat_template"
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(key)) + key
    data = head + struct.pack("<IQ", 8, len(template)) + template
    return data + b"\0" * (-len(data) % 32) + tail


CLEAN = {
    "pickle": pickle.dumps([1, 2]),
    "npy": npy([[1.0, 2.0]]),
    "npy of text": npy(["ab", "c"]),
    "npy of records": npy(np.zeros(2, dtype=[("a", "f8"), ("b", "i4", (2,))])),
    "npy of objects": npy(np.array([1, None], dtype=object), allow_pickle=True),
    "safetensors": safetensors(ONE, bytes(8)),
    "onnx": onnx(),
    "gguf": gguf(b"{% for m in messages %}{{ m['role'] }}: {{ m.content | trim }}{% endfor %}"),
    "tar": tar(),
    "gzip": gzip.compress(pickle.dumps([1])),
    "bz2 in two parts": bz2.compress(pickle.dumps([1])[:5]) + bz2.compress(pickle.dumps([1])[5:]),
    "zip": zipped([Member("a.npy", npy([1.0])), Member("b.pkl", pickle.dumps(3), deflate=True)]),
    "xgboost json": json.dumps({"learner": {"x": [1.5]}, "version": [2, 0, 0]}).encode(),
}


@pytest.mark.parametrize("kind", CLEAN)
def test_clean_files(kind: str) -> None:
    report = scan_bytes(CLEAN[kind])
    assert report.loadable, report.marks
    assert report.format.startswith(kind.split(" ")[0])


@pytest.mark.parametrize("kind", [k for k in CLEAN if not k.startswith(("tar", "onnx", "xgboost"))])
def test_bytes_behind_the_end_are_never_clean(kind: str) -> None:
    assert not scan_bytes(CLEAN[kind] + b"\x07stowaway, 64 bytes long, " * 4).loadable


@pytest.mark.parametrize("kind", ["npy", "safetensors", "zip", "gzip", "pickle", "npy of objects"])
def test_a_file_cut_short_is_never_clean(kind: str) -> None:
    assert not scan_bytes(CLEAN[kind][:-3]).loadable


UNREAD = {
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(40),
    "unknown": bytes(range(100, 256)),
    "empty": b"",
}


@pytest.mark.parametrize("kind", UNREAD)
def test_what_is_not_read_is_never_clean(kind: str) -> None:
    report = scan_bytes(UNREAD[kind])
    assert report.verdict == "not understood"
    assert report.format == kind
    assert report.remedy


def test_what_is_no_regular_file_is_unread_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", tmp_path / "nul\0name"):
        report = scan(path)
        assert report.verdict == "not understood"
        assert report.marks


def test_a_large_file_is_mapped_and_its_array_accounted_for(tmp_path: Path) -> None:
    path = tmp_path / "big.pkl"
    path.write_bytes(pickle.dumps(np.zeros(400_000), 5))
    assert scan(path).loadable
    assert sniff(path) == "pickle"
    with path.open("ab") as stream_:
        stream_.write(payload())
    assert scan(path).verdict == "dangerous"


@pytest.mark.parametrize(
    "lie",
    [{"crc": 1}, {"flags": 1}, {"local_name": "model/other"}, {"size": 3}],
    ids=["checksum", "encrypted", "name", "size"],
)
def test_lies_in_a_torch_zip_are_refused(lie: dict[str, object]) -> None:
    assert scan_bytes(torch_zip(stream(b"}"))).loadable
    assert not scan_bytes(torch_zip(stream(b"}"), **lie)).loadable


def test_tensors_of_a_torch_zip_must_be_claimed_with_their_size() -> None:
    claim = b"(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x02tQ"
    assert scan_bytes(torch_zip(stream(claim), [Member("model/data/0", bytes(8))])).loadable
    assert not scan_bytes(torch_zip(stream(claim), [Member("model/data/0", bytes(12))])).loadable
    assert not scan_bytes(torch_zip(stream(claim))).loadable
    assert not scan_bytes(torch_zip(stream(claim), [Member("model/data/1", bytes(8))])).loadable


def test_python_and_the_scan_list_the_same_members(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy([1.0, 2.0]))
        archive.writestr("folder/b.npy", npy([3.0]))
    assert scan(path).loadable
    raw = bytearray(path.read_bytes())
    raw[30] ^= 1  # first letter of the local name
    assert not scan_bytes(bytes(raw)).loadable


def test_a_tar_that_is_a_pickle_as_well() -> None:
    report = scan_bytes(tar("cposix\nsystem\n(S'touch momus-marker'\ntR.", tarfile.USTAR_FORMAT))
    assert report.verdict == "dangerous"


LIMITED = {
    "opcodes": (Limits(opcodes=1000), pickle.dumps([float(i) for i in range(20_000)])),
    "layers": (Limits(layers=2), gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x"))))),
    "members": (Limits(members=3), zipped([Member(f"{i}.npy", npy([1])) for i in range(5)])),
    "expanded": (Limits(expanded=10_000), gzip.compress(np.random.default_rng(0).bytes(20_000))),
    "ratio": (Limits(ratio=10, ratio_from=1000), gzip.compress(bytes(100_000))),
    "depth": (Limits(depth=50), stream(b"]" * 60 + b"a" * 59)),
    "seconds": (Limits(seconds=0.0), pickle.dumps([float(i) for i in range(20_000)])),
    "text": (Limits(text=100), json.dumps({"learner": {"x": "y" * 200}, "version": [1]}).encode()),
}


@pytest.mark.parametrize("limit", LIMITED)
def test_each_limit_refuses(limit: str) -> None:
    limits, data = LIMITED[limit]
    report = scan_bytes(data, limits=limits)
    assert report.verdict == "suspicious"
    assert limit == "depth" or scan_bytes(data).verdict != "suspicious"


def test_a_structure_that_refers_to_itself_is_fine() -> None:
    knot: list[object] = [1]
    knot.append({"me": knot, "also": (knot, knot)})
    assert scan_bytes(pickle.dumps(knot)).loadable


def test_shared_values_are_fine_and_doubling_is_not() -> None:
    shared = list(range(50))
    assert scan_bytes(pickle.dumps([shared] * 5000)).loadable
    value: object = []
    for _ in range(40):
        value = (value, value)
    assert scan_bytes(pickle.dumps(value)).verdict == "dangerous"


def test_compressed_numbers_that_read_as_a_few_instructions_make_no_second_file(tmp_path: Path) -> None:
    """Of sixty small tables of random numbers two happen to; before, they were called suspicious or dangerous."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        keys = np.array([rng.bytes(12).hex() for _ in range(int(rng.integers(1, 400)))])
        np.savez_compressed(tmp_path / "q.npz", keys=keys, q=rng.normal(size=(len(keys), 4)))
        report = scan(tmp_path / "q.npz")
        assert report.verdict == "nothing found", (seed, report.marks)


@pytest.mark.parametrize("deep", [False, True])
def test_a_zip_that_was_written_to_be_a_pickle_too_is_found(deep: bool) -> None:
    program = "a\ncposix\nsystem\n(S'id'\ntR."
    both = zipped([Member(program, npy([1.0]))])
    whole = zipped([Member("inner.npz", both)]) if deep else both
    report = scan_bytes(whole)
    assert report.verdict == "dangerous"
    assert any(m.what == "reads as a pickle as well" for m in report.marks)
    assert "posix.system" in report.names


def test_a_zip_whose_instructions_run_very_long_is_still_marked() -> None:
    report = scan_bytes(zipped([Member("a\n", b"N" * 9_000 + b"\x82\x05.")]))
    assert any(m.what == "reads as a pickle as well" for m in report.marks)
