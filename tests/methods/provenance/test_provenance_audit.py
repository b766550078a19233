"""From files on disk to rows: what changed, what is missing, and every way to make the audit look elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from momus.methods.provenance import Item, Lock, audit, digests, inventory, licences, locking, look, stated

OWN = {"source": "own"}
ZOO = {"source": "https://zoo.example/acme/w.bin"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "system"
    (folder / "w" / "deep").mkdir(parents=True)
    (folder / "w" / "a.bin").write_bytes(b"weights a" * 900)
    (folder / "w" / "deep" / "b.bin").write_bytes(b"weights b" * 700)
    return folder


def locked(base: Path, items: list[Item], keys: dict[str, str] | None = None) -> Lock:
    return locking.step(look(base, items, keys, scan=True), None, "s", "2026-01-02").lock


def codes(base: Path, items: list[Item], lock: Lock | None, **given: Any) -> dict[str, set[str]]:
    sizes = {f.path: f.size for f in lock.files} if lock else {}
    found = audit(look(base, items, given.pop("keys", None), sizes=sizes), lock, items, **given)
    return {r.path: {p.code for p in r.problems if p.level != "note"} for r in found.rows}


ITEMS = [Item("w", **OWN)]
FINE = {"w/a.bin": set(), "w/deep/b.bin": set()}


def test_unchanged_is_fine_and_each_change_is_named(base: Path) -> None:
    lock = locked(base, ITEMS)
    assert codes(base, ITEMS, lock, system="s") == FINE
    path = base / "w" / "a.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    (base / "w" / "deep" / "b.bin").unlink()
    (base / "w" / "new.bin").write_bytes(b"x")
    found = codes(base, ITEMS, lock)
    assert found == {"w/a.bin": {"changed"}, "w/deep/b.bin": {"missing"}, "w/new.bin": {"not_locked"}}


def test_a_lock_of_another_system_or_an_empty_one(base: Path) -> None:
    lock = locked(base, ITEMS)
    view = look(base, ITEMS)
    assert audit(view, lock, ITEMS, system="other").exit_code() == 1
    assert audit(view, lock, ITEMS, system="s").exit_code() == 0
    assert audit(view, Lock.of("s", []), ITEMS, system="s").exit_code() == 4
    assert audit(view, None, ITEMS).exit_code() == 4
    assert audit(look(base, []), Lock.of("s", []), []).exit_code() == 4


def test_swapped_files_are_both_changed(base: Path) -> None:
    lock = locked(base, ITEMS)
    a, b = base / "w" / "a.bin", base / "w" / "deep" / "b.bin"
    one, other = a.read_bytes(), b.read_bytes()
    a.write_bytes(other)
    b.write_bytes(one)
    assert codes(base, ITEMS, lock) == {"w/a.bin": {"changed"}, "w/deep/b.bin": {"changed"}}


@pytest.mark.parametrize("how", ["file", "folder", "dangling", "out"])
def test_links_are_not_followed(base: Path, how: str, tmp_path: Path) -> None:
    lock = locked(base, ITEMS)
    a = base / "w" / "a.bin"
    if how == "folder":
        (base / "w" / "deep").rename(tmp_path / "elsewhere")
        (base / "w" / "deep").symlink_to(tmp_path / "elsewhere")
        found = codes(base, ITEMS, lock)
        assert found["w/deep/b.bin"] == {"missing"}
        assert found["w/deep"] >= {"unread"}
        return
    content = a.read_bytes()
    a.unlink()
    (tmp_path / "out.bin").write_bytes(content)  # the very same bytes: a link is no file all the same
    a.symlink_to({"file": "deep/b.bin", "dangling": "nowhere", "out": tmp_path / "out.bin"}[how])
    assert codes(base, ITEMS, lock)["w/a.bin"] == {"changed"}


def test_a_link_above_a_named_file(base: Path, tmp_path: Path) -> None:
    items = [Item("w/deep/b.bin", **OWN)]
    lock = locked(base, items)
    (base / "w" / "deep").rename(tmp_path / "elsewhere")
    (base / "w" / "deep").symlink_to(tmp_path / "elsewhere")
    assert codes(base, items, lock)["w/deep/b.bin"] == {"changed"}


def test_pipes_and_devices_are_not_opened(base: Path) -> None:
    os.mkfifo(base / "w" / "pipe")
    with pytest.raises(digests.Refused, match="no regular file"):
        digests.read(base, "w/pipe")
    with pytest.raises(digests.Refused, match="no regular file"):
        digests.read(Path("/dev"), "null")
    assert codes(base, ITEMS, locked(base, ITEMS))["w/pipe"] == {"unread"}


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "w/../../x", "w//a.bin", "w/\0", "w/a.bin/x", "w", ""])
def test_no_path_leads_out(base: Path, path: str) -> None:
    (base.parent / "x").write_bytes(b"secret")
    with pytest.raises(digests.Refused):
        digests.read(base, path)


def test_a_hostile_lock_sends_nobody_anywhere(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    lock = locked(base, ITEMS)
    bad = [replace(lock.files[0], path=p) for p in ("../../etc/passwd", "/etc/shadow", "w/\u202etxt")]
    opened: list[str] = []
    real = digests.open_inside
    monkeypatch.setattr(digests, "open_inside", lambda b, p: opened.append(p) or real(b, p))
    found = audit(look(base, ITEMS), Lock.of("s", [*lock.files, *bad]), ITEMS)
    assert {r.path for r in found.rows if r.has("not_named") or r.has("missing")} == {b.path for b in bad}
    assert not [p for p in opened if "etc" in p]


def test_a_file_that_changes_while_it_is_read_is_no_answer(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = base / "w" / "a.bin"
    real = os.fstat
    seen = []

    def touched(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        seen.append(found)
        if len(seen) == 2:  # after the kind was looked at and before the first block
            path.write_bytes(b"weights a" * 899 + b"evil eyes")
        return found

    monkeypatch.setattr(digests.os, "fstat", touched)
    with pytest.raises(digests.Refused, match="changed while"):
        digests.read(base, "w/a.bin")


def test_the_verdict_is_of_the_bytes_that_were_digested(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from momus.methods.provenance import looking

    real = digests.digest_of
    done = []

    def swap(stream: Any, *rest: Any, **more: Any) -> digests.Read:
        read = real(stream, *rest, **more)
        if not done:
            done.append(1)
            (base / "w" / "a.bin").write_bytes(b"another file, put there between digest and scan")
        return read

    monkeypatch.setattr(digests, "digest_of", swap)
    view = look(base, [Item("w/a.bin", **OWN)], scan=True)
    assert view.files[0].read is None
    assert "changed while" in view.files[0].refused
    assert looking.scanned(view.files[0]) == view.files[0]


def test_a_file_that_grew_out_of_all_proportion_is_not_read(base: Path) -> None:
    lock = locked(base, ITEMS)
    with (base / "w" / "a.bin").open("r+b") as stream:
        stream.truncate(1 << 41)  # two terabytes of nothing
    assert codes(base, ITEMS, lock)["w/a.bin"] == {"changed"}


def test_there_is_no_folder_to_hide_in(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = locked(base, ITEMS)
    for hidden in (".momus", ".git", "__pycache__"):
        (base / "w" / hidden).mkdir()
        (base / "w" / hidden / "evil.py").write_text("print(1)\n")
    found = codes(base, ITEMS, lock)
    assert sum("not_locked" in c for c in found.values()) == 3
    real = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = codes(base, ITEMS, lock)
    assert found["w/deep/b.bin"] == {"missing"}
    assert found["w/deep"] >= {"unread"}


def test_names_that_could_be_taken_for_another(base: Path) -> None:
    (base / "w" / "А.bin").write_bytes(b"x")
    (base / "w" / "A.bin").write_bytes(b"x")
    found = codes(base, ITEMS, locked(base, ITEMS))
    assert sum("look_alike" in c for c in found.values()) == 2


def sha(algorithm: str, path: Path) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_published_digests_in_their_own_algorithm(base: Path, algorithm: str) -> None:
    path = base / "w" / "a.bin"
    items = [Item("w/a.bin", published=sha(algorithm, path).upper().replace(algorithm.upper(), algorithm), **ZOO)]
    found = audit(look(base, items), None, items, trusted=["zoo.example/*"])
    assert found.count("mismatch_published") == 0
    assert found.count("weak_digest_only") == (algorithm in ("md5", "sha1"))
    path.write_bytes(path.read_bytes() + b"!")
    assert audit(look(base, items), None, items).count("mismatch_published") == 1


def test_from_elsewhere_without_a_digest(base: Path) -> None:
    items = [Item("w/a.bin", **ZOO)]
    lock = locked(base, items)
    assert codes(base, items, lock, trusted=["zoo.example/acme/*"]) == {"w/a.bin": {"without_digest"}}
    assert codes(base, items, lock) == {"w/a.bin": {"without_digest", "unverified_source"}}


@pytest.mark.parametrize(
    ("source", "fine"),
    [
        ("https://zoo.example/acme/w.bin", True),
        ("zoo.example/acme/w.bin", True),
        ("own", True),
        ("http://zoo.example/acme/w.bin", False),
        ("ftp://zoo.example/acme/w.bin", False),
        ("https://zoo.example/acme/../evil/w.bin", False),
        ("https://zoo.example/acme/%2e%2e/evil", False),
        ("https://zoo.example/acme/..%5cevil", False),
        ("https://zoo.example@evil.example/acme/w", False),
        ("https://evil.example/zoo.example/acme/w", False),
        ("https://zоo.example/acme/w", False),
        ("https://zoo.example.evil/acme/w", False),
        ("https://zoo.example/acme/ w", False),
        ("javascript:alert(1)", False),
    ],
)
def test_places(source: str, fine: bool) -> None:
    assert (inventory.origin(Item("x", source=source), ["zoo.example/acme/*"]) == "") is fine


def test_a_wide_pattern_is_not_met_by_a_name_before_another_host() -> None:
    for source in ("https://zoo.example:x@evil.example/acme", "https://zoo.example@evil.example/acme"):
        assert "before its host" in inventory.origin(Item("x", source=source), ["zoo.example*"])


def test_a_file_that_became_a_program_is_said(base: Path) -> None:
    import numpy as np

    from momus.zoo.supply_chain.corpus import payload

    path = base / "w" / "a.bin"
    with path.open("wb") as stream:
        np.save(stream, np.arange(3.0))
    lock = locked(base, ITEMS)
    assert lock.by_path["w/a.bin"].format == "npy"
    path.write_bytes(payload())
    found = audit(look(base, ITEMS), lock, ITEMS)
    row = next(r for r in found.rows if r.path == "w/a.bin")
    assert row.has("runs_code")
    assert "dangerous" in next(p.text for p in row.problems if p.code == "runs_code")


def test_licence_found_changed_and_lost(base: Path) -> None:
    readme = base / "w" / "README.md"
    readme.write_text("---\nlicense: apache-2.0\n---\n# a model\n")
    lock = locked(base, ITEMS)
    entry = lock.by_path["w/a.bin"]
    assert (entry.licence, entry.licence_from) == ("Apache-2.0", "w/README.md")
    readme.write_text("---\nlicense: cc-by-nc-4.0\n---\n# a model\n")
    assert "licence_changed" in codes(base, ITEMS, lock)["w/a.bin"]
    readme.unlink()
    assert "licence_changed" in codes(base, ITEMS, lock)["w/deep/b.bin"]


@pytest.mark.parametrize(
    ("name", "content", "licence"),
    [
        ("README.md", "---\nlicense: mit\ntags: [x]\n---\n", "MIT"),
        ("README.md", "license: mit\n", ""),
        ("README.md", "---\nlicense: other\n---\n", ""),
        ("README.md", "---\nlicense: openrail\n---\n", "LicenseRef-openrail"),
        ("config.json", '{"license": "bsd-3-clause"}', "BSD-3-Clause"),
        ("config.json", '{"license": ["mit"]}', ""),
        ("LICENSE", "Apache License\n Version 2.0, January 2004\n", "Apache-2.0"),
        ("COPYING", "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", "GPL-3.0-only"),
        ("LICENSE", "All rights reserved.", ""),
        ("x-1.0.dist-info/METADATA", "Name: x\nLicense-Expression: MIT OR Apache-2.0\n\nbody", "MIT OR Apache-2.0"),
        ("x-1.0.dist-info/METADATA", "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n\n", "MIT"),
    ],
)  # fmt: skip
def test_licences_beside(tmp_path: Path, name: str, content: str, licence: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    assert licences.find(stated.Shelf(tmp_path), "w.bin", b"")[0] == licence


def test_licences_inside() -> None:
    header = b'{"__metadata__":{"license":"mit"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    head = len(header).to_bytes(8, "little") + header
    assert licences.find(stated.Shelf(Path("/nowhere")), "w", head) == ("MIT", "safetensors metadata")
    key, value = b"general.license", b"apache-2.0"
    gguf = b"GGUF" + bytes(20) + len(key).to_bytes(8, "little") + key + b"\x08\0\0\0"
    gguf += len(value).to_bytes(8, "little") + value
    assert licences.find(stated.Shelf(Path("/nowhere")), "w", gguf) == ("Apache-2.0", "GGUF metadata")
    assert licences.find(stated.Shelf(Path("/nowhere")), "w", gguf[:40]) == ("", "")


def test_digests_beside_a_file(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"x")
    right = sha("sha256", tmp_path / "w.bin")[7:]
    assert stated.beside(stated.Shelf(tmp_path), "w.bin") == ("", "")
    (tmp_path / "readme.md").write_text(f"---\ncaffemodel: w.bin\nsha1: {'a' * 40}\n---\n")
    assert stated.beside(stated.Shelf(tmp_path), "w.bin") == ("sha1:" + "a" * 40, "readme.md")
    assert stated.beside(stated.Shelf(tmp_path), "other.bin") == ("", "")
    (tmp_path / "SHA256SUMS").write_text(f"{'b' * 64}  other.bin\n{right} *w.bin\n")
    assert stated.beside(stated.Shelf(tmp_path), "w.bin") == (f"sha256:{right}", "SHA256SUMS")
    (tmp_path / "SHA256SUMS").write_text(f"{'b' * 64}  w.bin\n{right}  w.bin\n")
    assert stated.beside(stated.Shelf(tmp_path), "w.bin")[1] == "readme.md"
    (tmp_path / "w.bin.sha512").write_text("c" * 128 + "  w.bin\n")
    assert stated.beside(stated.Shelf(tmp_path), "w.bin") == ("sha512:" + "c" * 128, "w.bin.sha512")


def test_a_digest_beside_vouches_for_no_maker(base: Path) -> None:
    (base / "w" / "a.bin.sha256").write_text(sha("sha256", base / "w" / "a.bin")[7:])
    view = look(base, [Item("w/a.bin", **ZOO)])
    assert view.files[0].agrees is True
    assert not view.files[0].vouched


def test_what_several_keys_of_the_card_say_is_joined(base: Path) -> None:
    items = [
        Item("w", "model", named="targets.m.files.0"),
        Item("w", "tokenizer", source="https://zoo.example/w", licence="mit", named="supply.files.0"),
        Item("w/deep/b.bin", "data", source="own", named="supply.files.1"),
    ]
    found = {s.path: s for s in inventory.subjects(base, items)}
    assert (found["w/a.bin"].said.kind, found["w/a.bin"].said.source) == ("tokenizer", "https://zoo.example/w")
    assert (found["w/deep/b.bin"].said.kind, found["w/deep/b.bin"].said.source) == ("data", "own")
    assert set(found["w/a.bin"].named) == {"targets.m.files.0", "supply.files.0"}


def test_locking_again_says_what_it_would_take_over(base: Path) -> None:
    lock = locked(base, ITEMS)
    again = locking.step(look(base, ITEMS, scan=True), lock, "s", "2027-07-07")
    assert again.same
    assert again.lock == lock  # the date of what did not change stays
    (base / "w" / "a.bin").write_bytes(b"!")
    (base / "w" / "deep" / "b.bin").unlink()
    (base / "w" / "c.bin").write_bytes(b"c")
    step = locking.step(look(base, ITEMS, scan=True), lock, "s", "2027-07-07")
    assert [(a.path, b.locked) for a, b in step.changed] == [("w/a.bin", "2027-07-07")]
    assert [f.path for f in step.added] == ["w/c.bin"]
    assert [f.path for f in step.removed] == ["w/deep/b.bin"]
    assert "sha256" in locking.told(*step.changed[0])[0]
    only = locking.step(look(base, ITEMS, scan=True), lock, "s", "2027-07-07", ["w/c.bin"])
    assert not only.changed
    assert set(only.lock.by_path) == {"w/a.bin", "w/deep/b.bin", "w/c.bin"}
