"""TensorFlow files: every operator is on a list or marked; paths may only come from the loader; extents are claimed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momus.methods.artifacts import FileReport, Limits, scan, scan_bytes
from momus.methods.artifacts.tensor_bundle import crc32c, masked

DATA = Path(__file__).parent / "data"
EASY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
FINE = {
    "module/saved_model.pb": "tensorflow saved model",
    "old/saved_model.pb": "tensorflow saved model",
    "words.pb": "tensorflow saved model",
    "checkpoint/model.meta": "tensorflow meta graph",
    "frozen.pb": "tensorflow graph",
    "fingerprint.pb": "tensorflow fingerprint",
    "keras2_metadata.pb": "keras metadata",
    "module/variables/variables.index": "tensorflow checkpoint index",
    "module/variables/variables.data-00000-of-00001": "tensorflow checkpoint data",
    "old/variables/variables.data-00000-of-00001": "tensorflow checkpoint data",
    "checkpoint/model.data-00000-of-00001": "tensorflow checkpoint data",
    "checkpoint/checkpoint": "tensorflow checkpoint list",
    "plain.tflite": "tflite",
    "quantised.tflite": "tflite",
    "flex.tflite": "tflite",
}
WHOLE = [n for n in FINE if "data-" not in n and not n.endswith(("checkpoint", "fingerprint.pb"))]


def number(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(place: int, value: int | str | bytes) -> bytes:
    """One field: a number, or a text or message with its length."""
    if isinstance(value, int):
        return number(place << 3) + number(value)
    raw = value.encode() if isinstance(value, str) else value
    return number(place << 3 | 2) + number(len(raw)) + raw


def message(*pairs: tuple[int, int | str | bytes]) -> bytes:
    return b"".join(field(place, value) for place, value in pairs)


@pytest.mark.parametrize("name", FINE)
def test_real_files_are_read_to_the_end(name: str) -> None:
    report = scan(DATA / name)
    assert (report.verdict, report.format) == ("nothing found", FINE[name]), report.marks


@pytest.mark.parametrize(
    ("name", "operator"),
    [("writes.pb", "WriteFile"), ("calls.pb", "EagerPyFunc"), ("prints.pb", "PrintV2"), ("restores.pb", "RestoreV2"),
     ("keras2_lambda_metadata.pb", "Lambda")],
)  # fmt: skip
def test_real_files_that_reach_out(name: str, operator: str) -> None:
    report = scan(DATA / name)
    assert report.verdict == "dangerous"
    assert operator in {m.opcode for m in report.marks if m.severity == "dangerous"}


def node(name: str, operator: str, *inputs: str, **attributes: bytes) -> bytes:
    pairs = [(5, message((1, k), (2, v))) for k, v in attributes.items()]
    return field(1, message((1, name), (2, operator), *((3, i) for i in inputs), *pairs))


def constant(name: str, text: str) -> bytes:
    return node(name, "Const", value=field(8, message((1, 7), (8, text))))


GRAPHS = {
    "pure": (node("a", "Placeholder") + node("b", "Relu", "a"), "nothing found"),
    "unknown": (node("a", "Placeholder") + node("b", "MyOwnOp", "a"), "suspicious"),
    "reads": (node("a", "Placeholder") + node("b", "ReadFile", "a"), "dangerous"),
    "two operators": (node("a", "Placeholder") + field(1, message((1, "b"), (2, "Relu"), (2, "Relu"))), "suspicious"),
    "two nodes of a name": (node("a", "Placeholder") + node("a", "Relu"), "suspicious"),
    "restores from a constant": (constant("p", "/etc/x") + node("r", "RestoreV2", "p"), "dangerous"),
    "saves without a saver": (node("p", "Placeholder") + node("r", "SaveV2", "p"), "dangerous"),
    "prints to the screen": (node("p", "PrintV2", output_stream=field(2, "stderr")), "nothing found"),
    "prints to a file": (node("p", "PrintV2", output_stream=field(2, "file:///x")), "dangerous"),
    "descriptors from a file": (node("p", "DecodeProtoV2", descriptor_source=field(2, "/x")), "dangerous"),
    "descriptors at hand": (node("p", "DecodeProtoV2", descriptor_source=field(2, "local://")), "nothing found"),
    "words by an absolute path": (
        constant("f", "/etc/passwd") + node("t", "HashTableV2") + node("i", "InitializeTableFromTextFileV2", "t", "f"),
        "dangerous",
    ),
    "unknown field of a node": (field(1, message((1, "a"), (2, "Relu"), (9, "x"))), "suspicious"),
    "unknown field of a graph": (node("a", "Relu") + field(17, "x"), "not understood"),
}  # fmt: skip


@pytest.mark.parametrize("kind", GRAPHS)
def test_graphs_by_hand(kind: str) -> None:
    raw, verdict = GRAPHS[kind]
    found = scan_bytes(raw)
    if kind.startswith("unknown field"):
        assert not found.loadable
    else:
        assert (found.verdict, found.format) == (verdict, "tensorflow graph"), found.marks


@pytest.mark.parametrize(
    ("start", "verdict"), [("part-", "nothing found"), ("/etc/", "dangerous"), ("../", "dangerous")]
)
def test_what_is_put_in_front_of_a_given_path(start: str, verdict: str) -> None:
    path = node("p", "Placeholder") + constant("c", start) + node("j", "StringJoin", "c", "p")
    table = node("t", "HashTableV2") + node("i", "InitializeTableFromTextFileV2", "t", "j")
    assert scan_bytes(path + table).verdict == verdict


def test_functions_are_read_and_calls_followed() -> None:
    inner = message((1, message((1, "f"))), (3, message((1, "x"), (2, "WriteFile"))))
    assert scan_bytes(node("a", "Relu") + field(2, field(1, inner))).verdict == "dangerous"
    saver = message(
        (1, message((1, "f"), (2, message((1, "path"))))), (3, message((1, "x"), (2, "SaveV2"), (3, "path")))
    )
    call = node("c", "PartitionedCall", f=field(10, message((1, "f"))))
    library = field(2, field(1, saver))
    assert scan_bytes(node("a", "Relu") + library).loadable  # a saver that nobody calls
    assert scan_bytes(node("a", "Relu") + call + library).verdict == "dangerous"


def test_graphs_as_text() -> None:
    plain = b'node {\n  name: "a"\n  op: "Relu"\n}\nversions { producer: 1 }\n'
    assert scan_bytes(plain).loadable
    assert scan_bytes(plain).format == "tensorflow text graph"
    for changed in (b'"ReadFile"', b"'Read' 'File'", b'"Read\\106ile"', b'"Read" # x\n "File"'):
        assert scan_bytes(plain.replace(b'"Relu"', changed)).verdict == "dangerous"
    assert not scan_bytes(plain[:-3]).loadable


def test_a_list_of_checkpoints_elsewhere() -> None:
    assert not scan_bytes(b'model_checkpoint_path: "/tmp/other"\n').loadable


def test_data_is_fine_beside_its_index_only(tmp_path: Path) -> None:
    source = DATA / "module" / "variables"
    name = "variables.data-00000-of-00001"
    shutil.copy(source / name, tmp_path / name)
    assert scan(tmp_path / name).verdict == "not understood"
    shutil.copy(source / "variables.index", tmp_path)
    assert scan(tmp_path / name).loadable
    raw = (source / name).read_bytes()
    for changed in (raw + b"stowaway" * 9, raw[:-1]):
        (tmp_path / name).write_bytes(changed)
        assert scan(tmp_path / name).verdict == "suspicious"
    (tmp_path / name).write_bytes(b"\x80\x04cposix\nsystem\n(S'touch momus-marker'\ntR." + raw[40:])
    assert scan(tmp_path / name).verdict == "dangerous"


def test_an_index_holds_its_checksums_and_every_byte() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of the polynomial
    assert masked(0) == 0xA282EAD8
    raw = (DATA / "module/variables/variables.index").read_bytes()
    for at in range(0, len(raw), 3):
        changed = raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :]
        assert not scan_bytes(changed).loadable, at
    assert not scan_bytes(raw[:20] + b"\0" + raw[20:]).loadable


def test_custom_and_full_operators_of_lite() -> None:
    raw = (DATA / "flex.tflite").read_bytes()
    assert scan_bytes(raw.replace(b"FlexCholesky", b"FlexReadFile")).verdict == "dangerous"
    assert scan_bytes(raw.replace(b"\x08Cholesky", b"\x08ReadFile")).verdict == "dangerous"  # the node behind the name
    assert scan_bytes(raw.replace(b"FlexCholesky", b"MineCholesky")).verdict == "suspicious"
    plain = (DATA / "plain.tflite").read_bytes()
    assert scan_bytes(plain + b"stowaway" * 20).verdict == "suspicious"
    assert not scan_bytes(plain[:-40]).loadable


@EASY
@given(st.sampled_from(WHOLE), st.binary(min_size=9, max_size=60))
def test_bytes_behind_a_file_are_never_fine(name: str, tail: bytes) -> None:
    raw = (DATA / name).read_bytes()
    if name.endswith((".pb", ".meta")):
        tail = b"\x07" + tail  # a field of an unknown wire type; fields that fit belong to the message
    elif not tail.strip(b"\0"):
        tail += b"x"
    assert not checked(raw + tail).loadable


def checked(data: bytes) -> FileReport:
    report = scan_bytes(data, limits=Limits(seconds=20))
    assert not any("reader failed" in m.what for m in report.marks), report.marks
    return report


@EASY
@given(st.sampled_from(WHOLE), st.data())
def test_changed_files_never_raise(name: str, data: st.DataObject) -> None:
    raw = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        how = data.draw(st.integers(0, 2))
        if how == 0:
            raw[at] = data.draw(st.integers(0, 255))
        elif how == 1:
            del raw[at : at + data.draw(st.integers(1, 20))]
        else:
            raw[at:at] = data.draw(st.binary(max_size=20))
        raw = raw or bytearray(b"x")
    checked(bytes(raw))


@EASY
@given(st.data())
def test_a_changed_letter_of_an_operator_is_another_operator(data: st.DataObject) -> None:
    raw = (DATA / "frozen.pb").read_bytes()
    at = raw.index(b"Softmax") + data.draw(st.integers(0, 6))
    letter = data.draw(st.sampled_from([c for c in b"abcxyzQ_7" if c != raw[at]]))
    assert not checked(raw[:at] + bytes([letter]) + raw[at + 1 :]).loadable
