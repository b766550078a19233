"""Versions against ranges, as a brute force over all versions would decide them, and no false all-clear."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from momus.methods.advisories import Pin, audit, snapshot
from momus.methods.advisories.cvss import score, severity
from momus.methods.advisories.dump import Dump
from momus.methods.advisories.osv import advisories
from momus.methods.advisories.versions import parsed, read_range

TODAY = "2026-01-10"
VERSIONS = ["0.9", "1.0a1", "1.0", "1.0.post1", "1.1.dev3", "1.1", "1.10", "2!0.1", "2.0rc1", "2.0", "2.0.1"]
ORDERED = sorted(VERSIONS, key=Version)


def record(
    identity: str = "PYSEC-1", events: Any = ({"introduced": "0"}, {"fixed": "2.0"}), **more: Any
) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": "PyPI", "name": "Foo"}, "ranges": ranges, **more.pop("affected", {})}
    return {"id": identity, **more, "affected": [affected]}


def dump(*records: dict[str, Any], **more: Any) -> Dump:
    found = tuple(a for r in records for a in advisories(r))
    return Dump({"foo": found}, **{"as_of": "2026-01-05", "whole": True, **more})


def verdict(source: Dump, version: str = "1.0", **more: Any) -> str:
    return audit([Pin("foo", version, "x")], source, today=TODAY, **more).packages[0].verdict


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["introduced", "fixed", "last_affected", "limit"]),
                          st.sampled_from([*VERSIONS, "0"])), max_size=5), st.booleans())  # fmt: skip
def test_ranges_as_by_brute_force(events: list[tuple[str, str]], begin: bool) -> None:
    if begin:
        events = [("introduced", "0"), *events]
    if (
        len({v for _, v in events}) < len(events)
        or ("limit", "0") in events
        or not any(k == "introduced" for k, _ in events)
    ):
        return
    found = read_range({"type": "ECOSYSTEM", "events": [{k: v} for k, v in events]})
    assert found is not None
    limits = [Version(v) for k, v in events if k == "limit"]
    inside = Version("0") in {Version(v) for k, v in events if k == "introduced"} and ("introduced", "0") in events
    walked: dict[str, bool] = {}
    for version in ORDERED:  # walk the line of all versions and switch at each event, independently of the code
        for kind, at in events:
            if at == version and kind in ("introduced", "fixed"):
                inside = kind == "introduced"
        walked[version] = inside and (not limits or any(Version(version) < limit for limit in limits))
        if ("last_affected", version) in events:
            inside = False
    # events that name no version on the line happen before it
    early = [k for k, v in events if v == "0" and k != "introduced"]
    if not early:
        assert {v: found.has(Version(v)) for v in ORDERED} == walked


def test_a_package_is_affected_clear_or_not_known() -> None:
    assert verdict(dump(record())) == "affected"
    assert verdict(dump(record()), "2.0") == "no known advisory"
    assert verdict(dump(record(withdrawn="2020-01-01"))) == "no known advisory"
    assert verdict(dump(record(events=(), affected={"versions": ["1.0.0"]}))) == "affected"
    assert verdict(dump(record(events=({"introduced": "0"}, {"last_affected": "1.0"}))), "1.0+cu118") == "affected"
    assert verdict(dump(record(affected={"package": {"ecosystem": "npm", "name": "foo"}}))) == "no known advisory"


@pytest.mark.parametrize(
    "more",
    [
        {"why": "broken"}, {"unread": 1}, {"as_of": ""}, {"as_of": "2025-12-01"}, {"whole": False},
        {"damaged": frozenset({"foo"})}, {"unknown": {"foo": "no answer"}},
        {"whole": False, "covers": frozenset({"bar"})},
    ],
)  # fmt: skip
def test_silence_is_not_an_all_clear(more: dict[str, Any]) -> None:
    assert verdict(dump(**more)) == "not known"
    assert verdict(dump(record(), **more)) == "affected", "what is known counts whatever else is not"


def test_packages_that_cannot_be_looked_up() -> None:
    clear = dump()
    assert verdict(clear) == "no known advisory"
    for pin in (
        Pin("foo", why="not pinned", loose=True), Pin("foo", "one.two"), Pin("foo", "1.0", vouched=False),
        Pin("foo", "1.0", index="simple.example"), Pin("foo", "1." + "0" * 500),
    ):  # fmt: skip
        assert audit([pin], clear, today=TODAY).packages[0].verdict == "not known", pin
    mirrored = audit([Pin("foo", "1.0", index="simple.example")], clear, today=TODAY, mirrors=["simple.example"])
    assert mirrored.packages[0].verdict == "no known advisory"
    loose = audit([Pin("foo", why="not pinned", loose=True), Pin("foo", "1.0")], clear, today=TODAY)
    assert [(p.version, p.verdict) for p in loose.packages] == [("1.0", "no known advisory")]


def test_a_record_that_cannot_be_decided_is_a_doubt() -> None:
    for events in ([{"introduced": "what"}], [{"fixed": "1.0"}], "text", [{"introduced": 1}]):
        odd = record()
        odd["affected"][0]["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
        assert verdict(dump(odd)) == "not known", events
    assert verdict(dump(record(events=()))) == "not known"
    git = record(events=(), affected={"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]})
    assert verdict(dump(git)) == "not known"
    git["affected"][0]["versions"] = ["0.9"]
    assert verdict(dump(git)) == "no known advisory"


def test_aliases_are_one_weakness_and_the_remedy_is_free_of_all() -> None:
    first = record("PYSEC-1", aliases=["CVE-1"])
    second = record("GHSA-1", ({"introduced": "0"}, {"fixed": "2.0.1"}), aliases=["CVE-1"])
    third = record("PYSEC-3", ({"introduced": "2.0.1"}, {"fixed": "2.0.2"}))
    found = audit([Pin("foo", "1.0")], dump(first, second, third), today=TODAY).packages[0]
    assert [h.ids for h in found.hits] == [("CVE-1", "GHSA-1", "PYSEC-1")]
    assert found.hits[0].fixed == "2.0.1"
    assert found.remedy == "upgrade to 2.0.2 or later"
    open_ = audit([Pin("foo", "1.0")], dump(record(events=({"introduced": "0"},))), today=TODAY).packages[0]
    assert "no fixed version" in open_.remedy
    assert "harm" in audit([Pin("foo", "1")], dump(record("MAL-1")), today=TODAY).packages[0].remedy


def test_least_leaves_out_the_slight_but_not_the_unrated() -> None:
    low = record(database_specific={"severity": "LOW"})
    assert verdict(dump(low), least="high") == "no known advisory"
    assert verdict(dump(low), least="low") == "affected"
    assert verdict(dump(record()), least="critical") == "affected"


def test_scores_of_published_vectors() -> None:
    """Vectors and scores that FIRST and NVD print beside each other."""
    for vector, points in (
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", 5.5),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2),
    ):
        assert score(vector) == points, vector
    for vector in ("", "CVSS:3.1/AV:N", "CVSS:9.9/AV:N", "x" * 10_000, "CVSS:3.1/AV:?/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"):
        assert score(vector) is None
    assert severity(["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"], ["LOW"]) == "critical"
    assert severity([], ["MODERATE", None]) == "medium"


def test_the_snapshot_finds_old_pins_and_clears_nothing_when_old() -> None:
    held = snapshot.load(today="2026-01-01")
    pins = [Pin("jinja2", "2.10"), Pin("pillow", "8.0.0"), Pin("tensorflow", "2.4.0"), Pin("pyyaml", "5.1")]
    found = audit([*pins, Pin("numpy", "99"), Pin("acme", "1")], held, today="2026-01-01")
    assert {p.name for p in found.having("affected")} == {p.name for p in pins}
    assert {p.name for p in found.having("not known")} == {"numpy", "acme"}
    fresh = audit([Pin("numpy", "99"), Pin("acme", "1")], held, today=held.as_of)
    assert {p.name: p.verdict for p in fresh.packages} == {"numpy": "no known advisory", "acme": "not known"}


def test_versions_are_bounded() -> None:
    assert parsed("1" * 10_000) is None and parsed("x") is None
    assert parsed("1.0+cu118") == Version("1.0")
