"""Signatures: what OpenSSF model signing made verifies here, ours there; every confusion is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.methods.provenance import Item, bundle, certificates, keys, look, sealing, statement
from momus.methods.provenance.strict import Malformed

HERE = Path(__file__).parent / "signed"
P256, P384, ROOT = ((HERE / f).read_text() for f in ("p256.pub", "p384.pub", "root.pem"))


def write_model(base: Path) -> Path:
    """The files that the stored signatures were made over."""
    (base / "model" / "sub").mkdir(parents=True)
    (base / "model" / "a.bin").write_bytes(bytes(range(256)) * 40)
    (base / "model" / "sub" / "b.bin").write_bytes(b"second file\n" * 30)
    return base / "model"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    write_model(tmp_path)
    for signature in HERE.glob("*.sig"):
        shutil.copy(signature, tmp_path)
    return tmp_path


def seals(base: Path, signature: str, held: dict[str, str], path: str = "model", key: str = "") -> dict[str, Any]:
    view = look(base, [Item(path, signature=signature, key=key)], held)
    return {s.path: s.seal for s in view.files} | dict.fromkeys(view.gone, "gone")


def states(base: Path, signature: str, held: dict[str, str], path: str = "model") -> dict[str, str]:
    return {p: s if isinstance(s, str) else s.state for p, s in seals(base, signature, held, path).items()}


BOTH = {"model/a.bin": "valid", "model/sub/b.bin": "valid"}


@pytest.mark.parametrize(
    ("signature", "pem"), [("p256.sig", P256), ("p384-shards.sig", P384), ("certificate.sig", ROOT)]
)
def test_what_model_signing_made_verifies(system: Path, signature: str, pem: str) -> None:
    assert states(system, signature, {"acme": pem}) == BOTH
    assert states(system, signature, {"other": P384 if pem == P256 else P256}) == dict.fromkeys(BOTH, "untrusted")
    assert states(system, signature, {}) == dict.fromkeys(BOTH, "untrusted")


def test_a_single_file_and_a_part_of_a_folder(system: Path) -> None:
    assert states(system, "p384-file.sig", {"acme": P384}, "model/a.bin") == {"model/a.bin": "valid"}
    assert states(system, "p384-file.sig", {"acme": P384}, "model/sub/b.bin") == {"model/sub/b.bin": "bad"}
    assert states(system, "p384-file.sig", {"acme": P384}) == dict.fromkeys(BOTH, "bad")
    found = seals(system, "blake2-partial.sig", {"acme": P256})
    assert (found["model/a.bin"].state, found["model/sub/b.bin"].state) == ("valid", "absent")
    assert found["model/sub/b.bin"].ignored
    notes = look(system, [Item("model", signature="blake2-partial.sig")], {"acme": P256}).notes
    assert "sub" in notes[0]


def test_digests_that_cannot_be_computed_are_not_verified(system: Path) -> None:
    found = seals(system, "blake3.sig", {"acme": P256})["model/a.bin"]
    assert (found.state, "blake3" in found.why) == ("unverified", True)


@pytest.mark.parametrize("signature", ["p256.sig", "p384-shards.sig", "certificate.sig"])
def test_every_change_is_seen(system: Path, signature: str) -> None:
    held = {"a": P256, "b": P384, "c": ROOT}
    path = system / "model" / "a.bin"
    original = path.read_bytes()
    for changed in (
        original[:-1],
        original + b"\0",
        b"\1" + original[1:],
        original[:5000] + b"!" + original[5001:],
        b"",
    ):
        path.write_bytes(changed)
        assert states(system, signature, held)["model/a.bin"] == "bad"
    path.write_bytes(original)
    (system / "model" / "late.py").write_text("print(1)\n")
    assert states(system, signature, held)["model/late.py"] == "bad"
    assert "added" in seals(system, signature, held)["model/late.py"].why
    (system / "model" / "late.py").unlink()
    (system / "model" / "sub" / "b.bin").unlink()
    assert states(system, signature, held)["model/sub/b.bin"] == "gone"


def test_a_link_inside_a_signed_folder_is_refused(system: Path) -> None:
    path = system / "model" / "a.bin"
    (system / "outside.bin").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(system / "outside.bin")
    assert states(system, "p256.sig", {"acme": P256})["model/a.bin"] == "bad"


def edited(text: bytes, **changes: Any) -> bytes:
    """A bundle with parts of it replaced: ``a__b=value``."""
    whole = json.loads(text)
    for address, value in changes.items():
        *steps, last = [int(s) if s.isdigit() else s for s in address.split("__")]
        place = whole
        for step in steps:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return json.dumps(whole).encode()


STORED = (HERE / "p256.sig").read_bytes()
ENVELOPE = json.loads(STORED)["dsseEnvelope"]
TWO = ENVELOPE["signatures"] * 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"a":' * 100_000,
        STORED[:-1],
        STORED + b"x",
        b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",' + STORED[1:],
        edited(STORED, mediaType="application/vnd.dev.sigstore.bundle.v0.1+json"),
        edited(STORED, dsseEnvelope__payloadType="text/plain"),
        edited(STORED, dsseEnvelope__payloadType="application/vnd.in-toto+json "),
        edited(STORED, dsseEnvelope__signatures=TWO),
        edited(STORED, dsseEnvelope__signatures=[]),
        edited(STORED, dsseEnvelope__signatures=[1]),
        edited(STORED, dsseEnvelope__payload=ENVELOPE["payload"] + "\n"),
        edited(STORED, dsseEnvelope__payload=ENVELOPE["payload"][:-4]),
        edited(STORED, dsseEnvelope__payload=7),
        edited(STORED, messageSignature={}),
        edited(STORED, verificationMaterial={}),
        edited(STORED, verificationMaterial__certificate={"rawBytes": "AAAA"}),
        edited(STORED, verificationMaterial={"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}),
        edited(STORED, verificationMaterial={"x509CertificateChain": {"certificates": []}}),
        edited(STORED, dsseEnvelope__signatures__0__sig=base64.b64encode(b"0" * 70).decode()),
        b'{"mediaType": NaN}',
        b"\xff\xfe",
    ],
)
def test_a_broken_or_confused_bundle_is_bad(text: bytes) -> None:
    found = bundle.check(text, [keys.load("acme", P256), keys.load("root", ROOT)])
    assert found.state == "bad", found
    assert not found.payload


@given(st.integers(0, len(STORED) - 1), st.binary(min_size=1, max_size=3))
def test_no_bytes_make_a_valid_signature_of_another_payload(at: int, put: bytes) -> None:
    """Whatever is written over a signature: it is refused, or its payload is the very one that was signed."""
    text = STORED[:at] + put + STORED[at + len(put) :]
    found = bundle.check(text, [keys.load("acme", P256)])
    assert found.state != "valid" or found.payload == base64.b64decode(ENVELOPE["payload"])


@given(st.binary(max_size=300))
def test_any_bytes_are_no_statement_and_no_crash(payload: bytes) -> None:
    with pytest.raises((Malformed, statement.Unsupported)):
        statement.parse(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = ["subject", "predicate", "predicateType", "_type", "predicate__serialization", "predicate__resources",
          "predicate__resources__0", "predicate__resources__0__name", "predicate__serialization__method",
          "predicate__serialization__ignore_paths"]  # fmt: skip


@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_any_place_is_refused_or_meant(place: str, value: Any) -> None:
    try:
        found = statement.parse(made(**{place: value}))
    except (Malformed, statement.Unsupported):
        return
    assert "ignore_paths" in place or place == "predicate__serialization__method"
    assert set(found.files) == {"a.bin", "sub/b.bin"}


def test_payload_and_type_are_both_signed() -> None:
    trusted = [keys.load("acme", P256)]
    payload = json.loads(base64.b64decode(ENVELOPE["payload"]))
    payload["predicate"]["resources"][0]["digest"] = "0" * 64
    forged = base64.b64encode(json.dumps(payload).encode()).decode()
    assert bundle.check(STORED, trusted).state == "valid"
    assert bundle.check(edited(STORED, dsseEnvelope__payload=forged), trusted).state == "bad"
    assert bundle.pae(b"ab", "t") != bundle.pae(b"b", "ta")


def test_the_hint_chooses_no_key_and_no_hint_tries_all() -> None:
    trusted = [keys.load("one", P384), keys.load("two", P256)]
    assert bundle.check(edited(STORED, verificationMaterial__publicKey={}), trusted).name == "two"
    other = {"hint": trusted[0].identity}
    assert bundle.check(edited(STORED, verificationMaterial__publicKey=other), trusted).state == "bad"
    unknown = {"hint": "0" * 64}
    assert bundle.check(edited(STORED, verificationMaterial__publicKey=unknown), trusted).state == "untrusted"


def test_keyless_counts_for_nothing() -> None:
    text = edited(STORED, verificationMaterial={"certificate": {"rawBytes": "AAAA"}, "tlogEntries": [{}]})
    found = bundle.check(text, [keys.load("acme", P256)])
    assert (found.state, "not verified offline" in found.why) == ("unverified", True)


def pem(private: Any) -> str:
    return keys.pem_of(private.public_key()).decode()


@pytest.mark.parametrize(
    "private",
    [
        *(ec.generate_private_key(c()) for c in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["P-256", "P-384", "P-521", "Ed25519"],
)  # fmt: skip
def test_what_is_signed_here_verifies_here_and_only_with_its_key(tmp_path: Path, private: Any) -> None:
    write_model(tmp_path)
    assert sealing.sign(tmp_path, Item("model"), "model.sig", private) == 2
    assert states(tmp_path, "model.sig", {"mine": pem(private)}) == BOTH
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    assert set(states(tmp_path, "model.sig", {"other": other}).values()) == {"untrusted"}
    text = (tmp_path / "model.sig").read_bytes()
    stripped = edited(text, verificationMaterial__publicKey={})
    assert bundle.check(stripped, [keys.load("other", other)]).state == "untrusted"


def test_the_card_s_key_name_binds(tmp_path: Path) -> None:
    write_model(tmp_path)
    private = ec.generate_private_key(ec.SECP256R1())
    sealing.sign(tmp_path, Item("model"), "model.sig", private)
    held = {"mine": pem(private), "acme": P256}
    assert seals(tmp_path, "model.sig", held, key="mine")["model/a.bin"].state == "valid"
    assert seals(tmp_path, "model.sig", held, key="acme")["model/a.bin"].state == "untrusted"


def test_other_keys_are_refused() -> None:
    weak = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(DataError, match="neither an elliptic curve key"):
        keys.load("odd", pem(weak))
    with pytest.raises(DataError, match="neither an elliptic curve key"):
        keys.load("rsa", pem(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(DataError, match="no public key"):
        keys.load("none", "hello")
    with pytest.raises(DataError, match="no private key"):
        keys.load_private(P256.encode(), "p256.pub")


def made(**changes: Any) -> bytes:
    payload = json.loads(statement.make("model", {"a.bin": "a" * 64, "sub/b.bin": "b" * 64}))
    for address, value in changes.items():
        *steps, last = address.split("__")
        place: Any = payload
        for step in steps:
            place = place[int(step)] if step.isdigit() else place[step]
        place[int(last) if last.isdigit() else last] = value
    return json.dumps(payload).encode()


def resources(*names: str, algorithm: str = "sha256") -> bytes:
    """A statement over these names whose own digest fits, so that nothing else is wrong with it."""
    entries = [{"name": n, "algorithm": algorithm, "digest": "a" * 64} for n in names]
    root = hashlib.sha256(bytes.fromhex("a" * 64) * len(names)).hexdigest()
    subject = [{"name": "model", "digest": {"sha256": root}}]
    return made(predicate__resources=entries, subject=subject)


@pytest.mark.parametrize(
    "payload",
    [
        made(_type="https://in-toto.io/Statement/v0.1"),
        made(subject=[]),
        made(predicate__resources=[]),
        made(predicate__resources__0__digest="c" * 64),
        made(predicate__resources__0__digest="A" * 64),
        made(predicate__resources__0__algorithm="sha1"),
        made(predicate__serialization__ignore_paths="sub"),
        resources("a", "a"),
        resources(".", "a"),
        resources("../a"),
        resources("/etc/passwd"),
        resources("a/./b"),
        resources("a//b"),
        resources("a\\b"),
        resources("a\nb"),
        resources("a\u202eb"),
        resources("", "a"),
        resources("a", algorithm="md5"),
    ],
)
def test_a_statement_that_could_be_read_in_two_ways_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        statement.parse(payload)


def test_a_statement_of_another_kind_is_not_verified() -> None:
    for payload in (
        made(predicateType="https://slsa.dev/provenance/v1"),
        made(predicateType="https://model_signing/Digests/v0.1"),
        made(predicate__serialization__method="tensors"),
        made(predicate__serialization__hash_type="sha1"),
    ):
        with pytest.raises(statement.Unsupported):
            statement.parse(payload)


@pytest.mark.parametrize("names", [("a:0:4", "a:5:8"), ("a:0:4", "a:2:8"), ("a:4:0",), ("a",), ("a:00:4",), ("a:1:4",)])
def test_shards_leave_no_gap(names: tuple[str, ...]) -> None:
    payload = json.loads(resources(*names, algorithm="sha256-sharded-4"))
    payload["predicate"]["serialization"] |= {"method": "shards", "shard_size": 4}
    with pytest.raises(Malformed):
        statement.parse(json.dumps(payload).encode())


def test_an_expired_or_wrong_certificate_is_not_taken() -> None:
    chain = bundle.parse((HERE / "certificate.sig").read_bytes()).chain
    anchor = [keys.load("root", ROOT)]
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert certificates.check(chain, anchor, now)[0] == "valid"
    assert certificates.check(chain, anchor, now + timedelta(days=365 * 30))[0] == "unverified"
    assert certificates.check(chain, anchor, now - timedelta(days=365))[0] == "unverified"
    assert certificates.check(chain, [], now)[0] == "untrusted"
    assert certificates.check((chain[1],), anchor, now)[0] == "bad"  # the root itself may not sign models
    assert certificates.check(chain[::-1], anchor, now)[0] != "valid"


def test_a_private_key_never_leaves(tmp_path: Path) -> None:
    write_model(tmp_path)
    private = ec.generate_private_key(ec.SECP256R1())
    sealing.sign(tmp_path, Item("model"), "model.sig", private)
    secret = private.private_numbers().private_value
    text = (tmp_path / "model.sig").read_text()
    assert str(secret) not in text
    assert f"{secret:x}" not in text
    assert str(tmp_path) not in base64.b64decode(json.loads(text)["dsseEnvelope"]["payload"]).decode()


@pytest.mark.skipif("MODEL_SIGNING" not in os.environ, reason="MODEL_SIGNING names no model_signing executable")
@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1])
def test_model_signing_verifies_what_is_signed_here(tmp_path: Path, curve: Any) -> None:
    write_model(tmp_path)
    private = ec.generate_private_key(curve())
    (tmp_path / "key.pub").write_text(pem(private))
    (tmp_path / "key.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    sealing.sign(tmp_path, Item("model"), "model.sig", private)
    sealing.sign(tmp_path, Item("model/a.bin"), "a.sig", private)
    tool = os.environ["MODEL_SIGNING"]
    for path, signature in (("model", "model.sig"), ("model/a.bin", "a.sig")):
        line = [tool, "verify", "key", path, "--public_key", "key.pub", "--signature", signature]
        assert subprocess.run(line, cwd=tmp_path, check=False).returncode == 0
    line = [tool, "sign", "key", "model", "--private_key", "key.pem", "--signature", "theirs.sig"]
    assert subprocess.run(line, cwd=tmp_path, check=False).returncode == 0
    assert states(tmp_path, "theirs.sig", {"mine": pem(private)}) == BOTH
