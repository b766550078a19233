"""`momus lock` and `momus verify` on a small system: exit codes, refusals, signatures, bills."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "system"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "a.bin").write_bytes(b"weights of a" * 100)
    (folder / "weights" / "b.bin").write_bytes(b"weights of b" * 100)
    (folder / "test.csv").write_text("x,label\n1,0\n")
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "team.pub").write_bytes(public)
    card(folder)
    monkeypatch.chdir(folder)
    return folder


def card(folder: Path, system: str = "small", **supply: Any) -> None:
    plain = {
        "system": system,
        "targets": [{"name": "m", "adapter": "files", "files": ["weights"]}],
        "data": {"test": "test.csv"},
        "supply": {"keys": {"team": "team.pub"}, **supply},
    }
    (folder / "momus.yaml").write_text(yaml.safe_dump(plain))


def test_lock_then_verify(system: Path, momus_: Any) -> None:
    without = momus_("verify")
    assert (without.code, "as they were" in without.out, "held against nothing" in without.out) == (4, False, True)
    assert {f["verdict"] for f in json.loads(momus_("verify", "--json").out)["files"]} == {"held against nothing"}
    assert "4 files locked" in momus_("lock").out
    first = (system / "momus.lock").read_bytes()
    assert momus_("verify").code == 0
    assert momus_("verify", "--strict").code == 4
    assert momus_("lock", "--check").code == 0
    assert "nothing changed" in momus_("lock").out
    assert (system / "momus.lock").read_bytes() == first
    assert str(system) not in first.decode()


def test_a_change_is_named_and_not_locked_in_silence(system: Path, momus_: Any) -> None:
    momus_("lock")
    before = (system / "momus.lock").read_bytes()
    old = hashlib.sha256((system / "weights" / "a.bin").read_bytes()).hexdigest()[:16]
    (system / "weights" / "a.bin").write_bytes(b"other")
    new = hashlib.sha256(b"other").hexdigest()[:16]
    said = momus_("verify")
    assert said.code == 1
    line = next(x for x in said.out.splitlines() if "a.bin" in x)
    assert line.startswith("changed")
    assert old in line
    assert new in line
    assert "b.bin" not in said.out
    refused = momus_("lock")
    assert (refused.code, old in refused.out, new in refused.out) == (1, True, True)
    assert (system / "momus.lock").read_bytes() == before
    assert momus_("lock", "--check").code == 1
    assert momus_("lock", "--update", "weights/b.bin").code == 0
    assert momus_("verify").code == 1
    assert momus_("lock", "--update", "weights/a.bin").code == 0
    assert momus_("verify").code == 0


def test_missing_and_new(system: Path, momus_: Any) -> None:
    momus_("lock")
    (system / "weights" / "c.bin").write_bytes(b"new")
    said = momus_("verify")
    assert (said.code, "is new" in said.out) == (4, True)
    (system / "weights" / "b.bin").unlink()
    plain = json.loads(momus_("verify", "--json").out)
    assert plain["exit_code"] == 1
    assert plain["counts"] | {"missing": 1, "not_locked": 1} == plain["counts"]
    assert {f["path"]: f["verdict"] for f in plain["files"]}["weights/b.bin"] == "missing"
    assert momus_("lock").code == 1
    assert momus_("lock", "--accept").code == 0
    assert momus_("verify").code == 0


def test_the_lock_of_another_card(system: Path, momus_: Any) -> None:
    momus_("lock")
    card(system, system="another")
    said = momus_("verify")
    assert said.code == 1
    assert "'small'" in said.out


@pytest.mark.parametrize("text", ["", "{}", '{"momus_lock": 1, "momus_lock": 1}', "[[["])
def test_an_unusable_lock_is_one_line(system: Path, momus_: Any, text: str) -> None:
    (system / "momus.lock").write_text(text)
    said = momus_("verify")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "lock/unusable" in said.err
    assert momus_("lock").code == 2
    assert momus_("lock", "--accept").code == 0
    assert momus_("verify").code == 0


def test_signed_and_tampered(system: Path, momus_: Any) -> None:
    key = system.parent / "key.pem"
    assert momus_("lock", "--sign", key).code == 0
    assert (system / "weights.sig").is_file()
    assert momus_("verify", "--signed").code == 0
    text = (system / "momus.lock").read_text()
    (system / "momus.lock").write_text(text.replace('"licence', '"licence'))
    assert momus_("verify", "--signed").code == 0
    path = system / "weights" / "a.bin"
    old, new = hashlib.sha256(path.read_bytes()).hexdigest(), hashlib.sha256(b"other").hexdigest()
    path.write_bytes(b"other")
    (system / "momus.lock").write_text(text.replace(old, new).replace('"size": 1200', '"size": 5', 1))
    said = momus_("verify")  # the lock was made to fit, and its signature does not
    assert said.code == 1
    assert "the lock's signature" in said.out
    assert "is not what was signed" in said.out
    (system / "weights.sig").unlink()
    (system / "momus.lock.sig").unlink()
    assert "had a valid signature" in momus_("verify").out
    assert momus_("verify", "--signed").code == 1


def test_an_unsigned_lock_where_one_is_demanded(system: Path, momus_: Any) -> None:
    momus_("lock")
    assert momus_("verify", "--signed").code == 4


def test_somebody_else_s_signature_is_left_alone(system: Path, momus_: Any) -> None:
    (system / "weights.sig").write_text("theirs")
    said = momus_("lock", "--sign", system.parent / "key.pem")
    assert (system / "weights.sig").read_text() == "theirs"
    assert "not made by this key" in said.err
    assert said.code == 1  # and what lies there is no signature


def test_a_signature_made_for_another_name_is_said(system: Path, momus_: Any) -> None:
    """Two files of one maker in each other's place have valid signatures; the names in them tell."""
    files = [{"path": f"weights/{n}.bin", "source": "own"} for n in "ab"]
    card(system, files=files)
    momus_("lock", "--sign", str(system.parent / "key.pem"))
    assert "was made for" not in momus_("verify").out
    for end in (".bin", ".bin.sig"):
        a, b = system / "weights" / f"a{end}", system / "weights" / f"b{end}"
        a.rename(system / "third")
        b.rename(a)
        (system / "third").rename(b)
    (system / "momus.lock").unlink()
    assert "weights/a.bin.sig was made for 'b.bin', and lies beside 'a.bin'" in momus_("verify").out


def test_nothing_is_signed_that_was_refused(system: Path, momus_: Any) -> None:
    momus_("lock")
    (system / "weights" / "a.bin").write_bytes(b"other")
    assert momus_("lock", "--sign", system.parent / "key.pem").code == 1
    assert not (system / "weights.sig").exists()


def test_a_signature_that_the_card_demands(system: Path, momus_: Any) -> None:
    card(system, files=[{"path": "weights", "source": "own", "signature": "gone.sig", "key": "team"}])
    momus_("lock")
    said = momus_("verify")
    assert (said.code, "gone.sig is not there" in said.out) == (4, True)


def test_a_published_digest_that_does_not_fit(system: Path, momus_: Any) -> None:
    digest = "md5:" + "0" * 32
    card(system, files=[{"path": "weights/a.bin", "source": "https://zoo.example/a", "published": digest}],
         trusted=["zoo.example/*"])  # fmt: skip
    said = momus_("lock")
    assert said.code == 1
    assert "does not have the digest" in said.err
    assert "mismatch published" in momus_("verify").out


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_a_bill(system: Path, momus_: Any, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (system / "requirements.txt").write_text("requests==2.31.0\n")
    assert momus_("lock", "--bom", kind, "-o", "bom.json").code == 0
    text = (system / "bom.json").read_text()
    assert "2023-11-14" in text
    assert str(system) not in text
    assert not (system / "momus.lock").exists()
    assert momus_("lock", "--bom", kind).code == 2


def test_a_card_without_files(system: Path, momus_: Any) -> None:
    (system / "momus.yaml").write_text("system: nothing\n")
    for verb in ("lock", "verify"):
        said = momus_(verb)
        assert said.code == 2
        assert "names no file" in said.err


def test_names_of_files_do_not_reach_the_terminal_raw(system: Path, momus_: Any) -> None:
    momus_("lock")
    (system / "weights" / "\x1b[31mred").write_bytes(b"x")
    assert "\x1b[31m" not in momus_("verify").out
