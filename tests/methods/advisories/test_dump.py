"""Dumps in all forms give the same answers; damaged, hostile and partial ones clear nobody."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from momus.methods.advisories import Dump, Pin, audit, read_dump, snapshot
from momus.methods.advisories.dump import Extract, extract
from momus.zoo.dependencies.advisories import TODAY, record, whole, write_dump

SIX = record("A-1", "six", {"introduced": "0"})
HIT = record("PYSEC-2026-1", "Foo.Bar", {"introduced": "0"}, {"fixed": "2.0"})


def verdict(source: Dump, name: str = "foo-bar", version: str = "1.0") -> str:
    return audit([Pin(name, version)], source, today=TODAY).packages[0].verdict


def read(path: Path, *names: str) -> Dump:
    return read_dump(path, names or ("foo_bar", "six"), today=TODAY)


@pytest.mark.parametrize("form", ["zip", "lines", "folder"])
def test_forms(tmp_path: Path, form: str) -> None:
    found = read(write_dump(tmp_path, whole([HIT]), form))
    assert (found.as_of, found.whole, found.unread, found.total) == ("2026-10-31", True, 0, 316)
    assert verdict(found) == "affected"
    assert verdict(found, "six") == "no known advisory"


def test_one_document_and_yaml(tmp_path: Path) -> None:
    for content in (HIT, [HIT], {"vulns": [HIT]}):
        (tmp_path / "x.json").write_text(json.dumps(content, indent=1))
        assert verdict(read(tmp_path / "x.json")) == "affected"
    (tmp_path / "x.yaml").write_text(
        "id: PYSEC-1\nmodified: 2026-10-30T00:00:00Z\ndetails: a &b *c\naffected:\n"
        "- package: {name: foo-bar, ecosystem: PyPI}\n"
        "  ranges:\n  - type: ECOSYSTEM\n    events: [{introduced: '0'}, {fixed: 1.10}]\n"
    )
    found = read(tmp_path / "x.yaml")
    assert (verdict(found, version="1.2"), found.as_of) == ("affected", "2026-10-30"), "1.10 is text, not a number"


def test_safety_db(tmp_path: Path) -> None:
    rows: dict[str, Any] = {"$meta": {"timestamp": 1793400000}, "Foo-Bar": [
        {"id": "pyup.io-1", "cve": "CVE-1", "specs": ["<2.0", ">=3,<3.1"], "v": "", "advisory": ""}]}  # fmt: skip
    (tmp_path / "insecure_full.json").write_text(json.dumps(rows))
    found = read(tmp_path / "insecure_full.json")
    assert found.as_of == "2026-10-30"
    assert [verdict(found, version=v) for v in ("1.0", "2.5", "3.0")] == ["affected", "not known", "affected"]
    assert [found.advisories["foo-bar"][0].fix(Version(v)) for v in ("1.0", "3.0.2")] == ["2.0", "3.1"]


def test_a_part_of_a_database_clears_nobody(tmp_path: Path) -> None:
    found = read(write_dump(tmp_path, [HIT], "zip"))
    assert not found.whole
    assert (verdict(found), verdict(found, "six"), verdict(found, version="3")) == (
        "affected",
        "not known",
        "not known",
    )
    (tmp_path / "b").mkdir()
    strangers = [record(f"MAL-{i}", f"x{i}", {"introduced": "0"}) for i in range(400)]
    assert not read(write_dump(tmp_path / "b", strangers, "zip")).whole, "malicious packages only"


def test_dates_in_the_future_do_not_keep_it_fresh(tmp_path: Path) -> None:
    old = [{**r, "modified": "2025-01-01T00:00:00Z"} for r in whole([HIT])]
    old[5] = {**old[5], "modified": "2999-01-01T00:00:00Z"}
    found = read(write_dump(tmp_path, old, "lines"))
    assert found.as_of == "2025-01-01"
    assert verdict(found, "six") == "not known"


def _damaged(tmp_path: Path, *items: tuple[str, bytes]) -> Dump:
    path = write_dump(tmp_path, whole([HIT]), "zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in items:
            archive.writestr(name, data)
    return read(path)


@pytest.mark.parametrize(
    "data",
    [
        b'{"id": "A-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "six"}',
        b'{"id": "A-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "six"}, "ranges": 7}]}',
        b'{"id": 5, "affected": [{"package": {"ecosystem": "PyPI", "name": "six"}}]}',
        b'{"id": "A-1", "modified": "2026-01-01", "affected": [{"package": {"ecosystem": "PyPI", "name": "b"}},'
        b' {"package": {"ecosystem": "PyPI", "name": "six", "x": {}}}]}',
        b'[["six"]]', b'"six"', b"[" * 100_000 + b"six",
        b'{"id": "A-1", "n": ' + b"1" * 10_000 + b', "affected": [{"package": {"name": "six", "ecosystem": "PyPI"}}]}',
        b'{"id": "A-1", "modified": "2026-01-01", "affected": [{"package": {"ecosystem": "PyPI", "name": "s\\u0069x"},'
        b' "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "not one"}]}]}]}',
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_casts_doubt_on_the_packages_it_names(tmp_path: Path, data: bytes) -> None:
    found = _damaged(tmp_path, ("A-1.json", data))
    assert verdict(found, "six") == "not known"
    assert verdict(found) == "affected"
    assert verdict(found, version="9") == "no known advisory", "other packages are not touched"


def test_a_member_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    path = write_dump(tmp_path, whole([]), "zip")
    line = json.dumps(record("PYSEC-2026-5", "six", {"introduced": "0"}, {"fixed": "7.7.7"})).encode()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("five.json", line)
    assert verdict(read(path), "six") == "affected"
    path.write_bytes(path.read_bytes().replace(b"7.7.7", b"0.0.1"))
    assert verdict(read(path), "six") == "not known"


def test_members_that_cannot_be_read_clear_nobody(tmp_path: Path) -> None:
    found = _damaged(tmp_path, ("bomb.json", b" " * (17 << 20)))
    assert (found.unread, verdict(found, "six"), verdict(found)) == (1, "not known", "affected")
    path = write_dump(tmp_path, whole([HIT]), "zip")
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF  # inside the first member
    path.write_bytes(data)
    assert verdict(read(path), "six") == "not known"


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("E.JSON", json.dumps(SIX).encode(), "affected"),
        ("more.zip", b"PK", "not known"),
        ("more.jsonl", b"{}", "not known"),
        ("a.json", json.dumps(SIX).encode()[:-1] + b', "affected": []}', "not known"),
        ("a.json", json.dumps(SIX).encode("utf-16")[:-9], "not known"),
        ("a.json", json.dumps({**SIX, "withdrawn": "2999-01-01"}).encode(), "affected"),
        ("a.json", json.dumps({**SIX, "withdrawn": "2026-01-01"}).encode(),
         "no known advisory"),
    ],
)  # fmt: skip
def test_no_way_of_packing_or_writing_hides_a_record(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    assert verdict(_damaged(tmp_path, (name, data)), "six") == word


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{", b"[]", b"{}", b"null", b"\x00" * 100, b"[" * 10**6])
def test_what_is_no_dump_clears_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert verdict(read(tmp_path / "x.json")) == "not known"
    assert verdict(read(tmp_path / "none.zip")) == "not known"
    (tmp_path / "y").mkdir()
    assert verdict(read(tmp_path / "y")) == "not known"


def test_a_truncated_download_clears_nobody(tmp_path: Path) -> None:
    path = write_dump(tmp_path, whole([HIT]), "zip")
    path.write_bytes(path.read_bytes()[:-100])
    assert verdict(read(path), "six") == "not known"
    path = write_dump(tmp_path, whole([HIT]), "lines")
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    assert verdict(read(path), "six") == "not known"


def test_more_than_any_package_has_is_a_doubt(tmp_path: Path) -> None:
    """Bounded in all directions: records, aliases, ranges, versions."""
    many = [record(f"A-{i}", "six", {"introduced": "5"}, aliases=[f"B-{i}", f"B-{i + 1}"]) for i in range(6000)]
    found = read(write_dump(tmp_path, whole([HIT, *many]), "lines"))
    assert (verdict(found, "six"), verdict(found)) == ("not known", "affected")
    hits = audit([Pin("six", "6")], found, today=TODAY).packages[0].hits
    assert len(hits) == 1 and len(hits[0].ids) == 10_001, "a chain of aliases is one weakness"
    (tmp_path / "b").mkdir()
    long = record("A-1", "six", versions=[f"1.{i}" for i in range(30_000)])
    long["affected"][0]["ranges"] = [{"type": "ECOSYSTEM", "events": [{"introduced": "9"}]}] * 5000
    assert verdict(read(write_dump(tmp_path / "b", whole([long]), "lines")), "six", "2.0") == "not known"


def test_late_is_not_known(tmp_path: Path) -> None:
    path = write_dump(tmp_path, whole([HIT]), "lines")
    assert verdict(read_dump(path, ["six"], today=TODAY, seconds=-1.0), "six") == "not known"


def test_what_was_taken_can_be_kept(tmp_path: Path) -> None:
    taken = extract(write_dump(tmp_path, whole([HIT]), "zip"), {"foo-bar"})
    assert Extract.of(taken.text()) == taken
    assert len(taken.records) == 1


def test_a_snapshot_is_the_same_for_the_same_dump(tmp_path: Path) -> None:
    more = record("PYSEC-2026-2", "Pillow", {"introduced": "0"}, {"fixed": "9"}, details="a sentence", versions=["1"])
    path = write_dump(tmp_path, [HIT, more], "lines")
    made = snapshot.make(path)
    assert made == snapshot.make(path)
    text = gzip.decompress(made).decode()
    assert "sentence" not in text and "PYSEC-2026-2" in text and "PYSEC-2026-1" not in text


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["json", "yaml", "zip", "jsonl"]))
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, data: bytes, ending: str) -> None:
    path = tmp_path_factory.mktemp("x") / f"x.{ending}"
    path.write_bytes(data)
    assert verdict(read(path), "six") == "not known"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["PyPI", "six", "ECOSYSTEM"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "affected", "package", "name", "ecosystem", "ranges", "type", "events", "introduced",
                         "fixed", "versions", "severity", "aliases", "database_specific", "imports", "modules", "$meta",
                         "specs"]), inner, max_size=4), max_leaves=15)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_JSON, st.booleans())
def test_no_record_breaks_it(tmp_path_factory: pytest.TempPathFactory, content: Any, shaped: bool) -> None:
    if shaped:
        content = {"id": "A-1", "affected": [{"package": {"name": "six", "ecosystem": "PyPI"}, "ranges": content}],
                   "severity": content, "database_specific": content, "aliases": content}  # fmt: skip
    path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_text(json.dumps(content))
    assert verdict(read(path), "six") in ("not known", "affected")
