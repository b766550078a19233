"""HDF5: what h5py, PyTables, pandas and Keras write is read to the last byte; what reaches out is marked."""

from __future__ import annotations

import gzip
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momus.methods.artifacts import FileReport, Limits, scan_bytes
from momus.methods.artifacts.hdf5 import lookup3

h5py = pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data"
EASY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LAMBDA = {
    "class_name": "Lambda",
    "config": {"name": "x", "function": ["4wAAAA==", None, None], "function_type": "lambda"},
}
DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 2}}


def made(fill: Callable[[object], object], **options: object) -> bytes:
    """An HDF5 file in memory."""
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as file:
        fill(file)
    return out.getvalue()


def model(*layers: dict[str, object]) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}})


def many(file: h5py.File) -> None:
    group = file.create_group("g")
    for i in range(60):
        group.create_dataset(f"x{i}", data=np.arange(i + 1))
        group.attrs[f"a{i}"] = "text" * i
    file.create_dataset("chunked", data=np.random.default_rng(0).random((50, 50)), chunks=(10, 10), compression="gzip")
    file.create_dataset("texts", data=["a", "bb"] * 20, dtype=h5py.string_dtype())
    file.create_dataset(
        "packed texts", data=["a", "bb"] * 20, dtype=h5py.string_dtype(), chunks=(10,), compression="gzip"
    )
    file.create_dataset("one chunk", data=np.ones((20, 20)), chunks=(20, 20), compression="gzip", shuffle=True)
    file.create_dataset("grows", data=np.ones((20, 20)), chunks=(5, 5), maxshape=(None, None), fletcher32=True)
    file.create_dataset("never written", shape=(3,), dtype="f4")
    file["records"] = np.zeros(3, dtype=[("a", "f4"), ("b", "S5"), ("c", "i8", (2,))])
    file["soft"] = h5py.SoftLink("/g/x1")
    file["flags"] = np.zeros(3, dtype=bool)
    file["reference"] = np.array([group.ref], dtype=h5py.ref_dtype)
    file["type"] = np.dtype("f8")
    file.create_dataset("by type", data=np.zeros(3), dtype=file["type"])


PLAIN = {
    "old": made(many),
    "old behind a user block": made(many, userblock_size=512),
    "new": made(many, libver="latest"),
    "new in order": made(many, libver="latest", track_order=True),
    "one array": made(lambda f: f.create_dataset("x", data=np.arange(4000.0))),
    "keras": made(lambda f: f.attrs.__setitem__("model_config", model(DENSE))),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_what_h5py_writes_is_read_to_the_end(kind: str) -> None:
    report = scan_bytes(PLAIN[kind])
    assert (report.verdict, report.format) == ("nothing found", "hdf5"), report.marks


@pytest.mark.parametrize("kind", PLAIN)
def test_bytes_behind_and_missing_bytes_are_told(kind: str) -> None:
    assert scan_bytes(PLAIN[kind] + b"stowaway" * 9).verdict in ("suspicious", "dangerous")
    for cut in (1, 7, 100, len(PLAIN[kind]) // 2):
        assert not scan_bytes(PLAIN[kind][:-cut]).loadable


def test_a_pickle_behind_the_file_or_in_a_gap_is_read() -> None:
    bad = b"\x80\x04cposix\nsystem\n(S'touch momus-marker'\ntR."
    assert scan_bytes(PLAIN["old"] + bad).verdict == "dangerous"

    def gap(file: h5py.File) -> None:
        file.create_dataset("x", data=np.frombuffer(bad * 40, dtype="u1"))
        file["y"] = np.zeros(4)
        del file["x"]

    assert scan_bytes(made(gap)).verdict == "dangerous"


def test_what_was_deleted_and_is_still_there_is_not_understood() -> None:
    def gap(file: h5py.File) -> None:
        file.create_dataset("x", data=np.random.default_rng(1).integers(1, 100, 500))
        file["y"] = np.zeros(4)
        del file["x"]

    assert scan_bytes(made(gap)).verdict == "not understood"


def test_numbers_that_are_a_pickle_are_told() -> None:
    bad = np.frombuffer(b"\x80\x04cposix\nsystem\n(S'touch momus-marker'\ntR.", dtype="u1")
    assert scan_bytes(made(lambda f: f.create_dataset("x", data=bad))).verdict == "dangerous"
    assert scan_bytes(made(lambda f: f.create_dataset("x", data=bad, compression="gzip"))).verdict == "dangerous"
    assert scan_bytes(made(lambda f: f.create_dataset("x", data=np.full(40, 128, "u1")))).loadable


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(10,), dtype="i4")
    layout[:] = h5py.VirtualSource("a.h5", "x", shape=(10,))
    file.create_virtual_dataset("v", layout)


REACHES = {
    "external link out of the folder": (
        lambda f: f.__setitem__("e", h5py.ExternalLink("/etc/passwd", "/x")),
        "dangerous",
    ),
    "external link up": (lambda f: f.__setitem__("e", h5py.ExternalLink("../x.h5", "/x")), "dangerous"),
    "external link beside": (lambda f: f.__setitem__("e", h5py.ExternalLink("x.h5", "/x")), "suspicious"),
    "external values": (lambda f: f.create_dataset("x", (9,), "u1", external=[("/etc/passwd", 0, 9)]), "dangerous"),
    "virtual": (virtual, "suspicious"),
    "memory": (lambda f: f.create_dataset("x", (1 << 30, 1 << 12), "f8", chunks=(1024, 1024)), "dangerous"),
    "lambda": (lambda f: f.attrs.__setitem__("model_config", model(DENSE, LAMBDA)), "dangerous"),
    "custom layer": (
        lambda f: f.attrs.__setitem__("model_config", model({"class_name": "Mine", "config": {}})),
        "suspicious",
    ),
    "configuration that is none": (lambda f: f.attrs.__setitem__("model_config", "{'class_name'"), "suspicious"),
}


@pytest.mark.parametrize("kind", REACHES)
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_what_reaches_out_of_the_file(kind: str, version: str) -> None:
    fill, verdict = REACHES[kind]
    assert scan_bytes(made(fill, libver=version)).verdict == verdict


def test_filters_that_load_plugins() -> None:
    packed = made(lambda f: f.create_dataset("x", data=np.arange(100), chunks=(10,), compression="gzip"))
    assert scan_bytes(packed).loadable
    # the filter's number stands before the length of its name (8: deflate and its end, padded)
    at = packed.index(b"\x01\x00\x08\x00\x01\x00\x01\x00deflate")
    for number, verdict in ((32001, "not understood"), (300, "suspicious")):
        assert scan_bytes(packed[:at] + number.to_bytes(2, "little") + packed[at + 2 :]).verdict == verdict


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("tables_attribute.h5", "nothing found"), ("tables_attribute_bad.h5", "dangerous"),
        ("tables_array_bad.h5.gz", "dangerous"), ("pandas_fixed.h5.gz", "nothing found"),
        ("pandas_table.h5.gz", "nothing found"), ("pandas_blosc.h5", "not understood"), ("netcdf.nc", "nothing found"),
        ("keras2.h5", "nothing found"), ("keras2_functions.h5", "nothing found"), ("keras2_lambda.h5", "dangerous"),
    ],
)  # fmt: skip
def test_files_of_other_libraries(name: str, verdict: str) -> None:
    raw = (DATA / name).read_bytes()
    report = scan_bytes(gzip.decompress(raw) if name.endswith(".gz") else raw)
    assert report.verdict == verdict, report.marks
    if "bad" in name:
        assert "posix.system" in report.names


def test_functions_of_tensorflow_as_layers() -> None:
    raw = (DATA / "keras2_functions.h5").read_bytes()
    assert b"math.exp" in raw
    assert scan_bytes(raw.replace(b"math.exp", b"io.fetch")).verdict == "dangerous"
    assert scan_bytes(raw.replace(b"math.exp", b"mine.exp")).verdict == "suspicious"


def test_an_attribute_that_ends_in_a_full_stop_is_no_pickle() -> None:
    assert scan_bytes(made(lambda f: f.attrs.__setitem__("title", np.bytes_(b"A good model.")))).loadable
    harmless = np.void(pickle.dumps({"a": 1}))
    assert scan_bytes(made(lambda f: f.attrs.__setitem__("x", harmless))).loadable


def test_checksums_of_new_structures_are_held() -> None:
    assert lookup3(b"") == 0xDEADBEEF  # the reference's own example
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    raw = PLAIN["new"]
    for signature in (b"OHDR", b"FRHP", b"BTHD", b"BTLF"):
        at = raw.index(signature) + 6
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert scan_bytes(changed).verdict in ("suspicious", "not understood", "dangerous")


def test_large_arrays_cost_their_headers() -> None:
    raw = made(lambda f: f.create_dataset("x", data=np.zeros(4_000_000)))
    assert scan_bytes(raw, limits=Limits(text=1 << 16, expanded=1 << 16)).loadable


def test_a_filter_with_a_huge_width_ends() -> None:
    raw = made(lambda f: f.create_dataset("x", data=np.arange(100, dtype="u1"), chunks=(10,), shuffle=True))
    at = raw.index(b"shuffle\x00") + 8
    assert raw[at : at + 4] == b"\1\0\0\0"
    assert checked(raw[:at] + b"\xff" * 4 + raw[at + 4 :]).verdict


def checked(data: bytes) -> FileReport:
    report = scan_bytes(data, limits=Limits(seconds=20))
    assert not any("reader failed" in m.what for m in report.marks), report.marks
    return report


@EASY
@given(st.sampled_from([PLAIN["old"], PLAIN["new"], PLAIN["keras"]]), st.data())
def test_changed_files_never_raise(raw: bytes, data: st.DataObject) -> None:
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        size = data.draw(st.integers(1, 8))
        changed[at : at + size] = data.draw(st.binary(min_size=size, max_size=size))
    checked(bytes(changed))


@EASY
@given(st.data())
def test_one_changed_byte_of_a_configuration_is_never_another_class(data: st.DataObject) -> None:
    """Whatever letter of a layer's name is changed, the name is no longer on the list."""
    raw = PLAIN["keras"]
    at = raw.index(b'"Dense"') + data.draw(st.integers(1, 5))
    letter = data.draw(st.sampled_from([c for c in b"abcdefgxyzABC_0" if c != raw[at]]))
    assert not checked(raw[:at] + bytes([letter]) + raw[at + 1 :]).loadable


@EASY
@given(st.sampled_from(sorted(PLAIN)), st.data())
def test_cut_files_are_never_fine(kind: str, data: st.DataObject) -> None:
    raw = PLAIN[kind]
    assert not checked(raw[: data.draw(st.integers(9, len(raw) - 1))]).loadable


@pytest.mark.parametrize("target", ["/group/own", "own", "/group/own/below"])
def test_a_link_that_leads_to_itself(tmp_path: Path, target: str) -> None:
    path = tmp_path / "loop.h5"
    with h5py.File(path, "w") as file:
        file.create_group("group")["own"] = h5py.SoftLink(target)
        file["group"]["fine"] = h5py.SoftLink("/group")
    report = scan_bytes(path.read_bytes())
    assert report.verdict == "suspicious"
    assert [m.what for m in report.marks if "itself" in m.what] == ["the link 'own' leads to itself"]
