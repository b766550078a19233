"""Chains of certificates made here: only an unbroken one, of those who may, up to a trusted anchor, is taken."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from momus.methods.provenance import bundle, certificates, keys, statement

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Made:
    """A certificate and the key in it."""

    private: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def usage(**rights: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{n: rights.get(n, False) for n in names})


def make(
    name: str, issuer: Made | None = None, *, ca: bool = False, length: int | None = None, signs: bool | None = True,
    purposes: tuple[Any, ...] = (), issues: bool = True, odd: bool = False, issuer_name: str = "", until: int = 2040,
) -> Made:  # fmt: skip
    private = ec.generate_private_key(ec.SECP256R1())
    by = issuer.certificate.subject if issuer else called(issuer_name or name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(by)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca, length), critical=True)
    )
    if signs is not None or ca:
        rights = usage(key_cert_sign=issues) if ca else usage(digital_signature=bool(signs))
        builder = builder.add_extension(rights, critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if odd:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=True
        )
    return Made(private, builder.sign((issuer.private if issuer else private), hashes.SHA256()))


def called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


ROOT = make("root", ca=True)
TRUSTED = [keys.load("root", ROOT.pem)]


def state(*chain: Made, anchors: list[keys.Key] = TRUSTED) -> str:
    return certificates.check(tuple(c.der for c in chain), anchors, NOW)[0]


def test_true_chains() -> None:
    leaf = make("leaf", ROOT)
    assert state(leaf) == "valid"
    assert state(leaf, ROOT) == "valid"
    middle = make("middle", ROOT, ca=True, length=0)
    assert state(make("leaf", middle), middle) == "valid"
    assert state(make("leaf", middle), middle, ROOT) == "valid"
    assert state(make("leaf", ROOT, purposes=(ExtendedKeyUsageOID.CODE_SIGNING,))) == "valid"
    assert state(make("leaf", ROOT, signs=None, purposes=(ExtendedKeyUsageOID.CODE_SIGNING,))) == "valid"
    assert state(leaf, anchors=[keys.load("leaf", leaf.pem)]) == "valid"  # the signer's own certificate is trusted


def test_a_certificate_that_only_stands_beside_the_root() -> None:
    stranger = make("stranger", issuer_name="root")
    assert state(stranger, ROOT) == "untrusted"
    assert state(stranger) == "untrusted"
    middle = make("middle", ROOT, ca=True)
    assert state(stranger, middle, ROOT) == "untrusted"
    assert state(make("leaf", ROOT), anchors=[keys.load("other", make("root", ca=True).pem)]) == "untrusted"
    assert state(make("leaf", ROOT), anchors=[]) == "untrusted"


def test_who_may_not() -> None:
    leaf = make("leaf", ROOT)
    assert state(make("below a leaf", leaf), leaf, ROOT) == "bad"
    silent = make("no word of its rights to issue", ROOT, signs=None)
    assert state(make("below it", silent), silent, ROOT) == "bad"
    short = make("short", ROOT, ca=True, length=0)
    middle = make("middle", short, ca=True)
    assert state(make("leaf", middle), middle, short) == "bad"
    mute = make("mute", ROOT, ca=True, issues=False)
    assert state(make("leaf", mute), mute) == "bad"
    assert state(make("leaf", ROOT, signs=False)) == "bad"
    assert state(make("leaf", ROOT, signs=None)) == "bad"
    assert state(make("leaf", ROOT, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))) == "bad"
    assert state(make("leaf", ROOT, odd=True)) == "bad"


def test_expired() -> None:
    leaf = make("leaf", ROOT, until=2030)
    late = datetime(2031, 1, 1, tzinfo=UTC)
    assert certificates.check((leaf.der,), TRUSTED, late)[0] == "unverified"
    assert certificates.check((leaf.der,), TRUSTED, NOW)[0] == "valid"


@pytest.mark.parametrize("chain", [(b"",), (b"junk",), (b"\x30\x80",)])
def test_no_certificates(chain: tuple[bytes, ...]) -> None:
    assert certificates.check(chain, TRUSTED, NOW)[0] == "bad"


def signed(by: Any, *chain: Made) -> bytes:
    """A bundle that ``by`` signed and that shows ``chain``."""
    whole = json.loads(bundle.make(statement.make("m", {"a": "a" * 64}), by))
    shown = [{"rawBytes": base64.b64encode(c.der).decode()} for c in chain]
    whole["verificationMaterial"] = {"x509CertificateChain": {"certificates": shown}, "tlogEntries": []}
    return json.dumps(whole).encode()


def test_the_certificate_must_be_that_of_the_signer() -> None:
    leaf = make("leaf", ROOT)
    other = ec.generate_private_key(ec.SECP256R1())
    assert bundle.check(signed(leaf.private, leaf, ROOT), TRUSTED, NOW).state == "valid"
    assert bundle.check(signed(other, leaf, ROOT), TRUSTED, NOW).state == "bad"
    found = bundle.check(signed(other, make("stranger", issuer_name="root"), ROOT), TRUSTED, NOW)
    assert found.state == "bad"
    assert not found.payload
    stranger = make("stranger", issuer_name="root")
    found = bundle.check(signed(stranger.private, stranger, ROOT), TRUSTED, NOW)
    assert (found.state, found.payload) == ("untrusted", b"")


def test_a_certificate_vouches_for_no_bare_key() -> None:
    leaf = make("leaf", ROOT)
    text = bundle.make(statement.make("m", {"a": "a" * 64}), leaf.private)
    assert bundle.check(text, [keys.load("leaf", leaf.pem)]).state == "untrusted"
