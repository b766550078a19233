"""The signature file: a sigstore bundle with a DSSE envelope, as OpenSSF model signing writes it.

Read by hand and strictly. What is not one signature over one in-toto statement by a key or certificate is *not
verified*, whatever else it may be.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from momus.methods.provenance import keys, strict
from momus.methods.provenance.strict import Malformed, get

MEDIA = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One signature as it was found. Exactly one of ``hint`` (a key), ``chain`` (certificates), ``keyless``."""

    payload: bytes
    signature: bytes
    hint: str | None = None
    chain: tuple[bytes, ...] = ()
    keyless: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature is worth: ``state`` valid | untrusted | unverified | bad, in words why, and by which key."""

    state: str
    why: str
    key: str = ""
    name: str = ""
    payload: bytes = b""


def pae(payload: bytes, kind: str = PAYLOAD) -> bytes:
    """What is really signed: the type and the payload with their lengths, so that neither can pass for the other."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def parse(text: bytes) -> Bundle:
    """The signature in a file. Malformed says what is wrong with it."""
    whole = strict.parse(text, "the signature file")
    if whole.get("mediaType") != MEDIA:
        raise Malformed(f"the signature file is no sigstore bundle of version 0.3 ({str(whole.get('mediaType'))[:60]})")
    if "messageSignature" in whole:
        raise Malformed("the bundle signs a message and no statement about files")
    envelope = get(whole, "dsseEnvelope", dict, "the bundle")
    kind = get(envelope, "payloadType", str, "the envelope")
    if kind != PAYLOAD:
        raise Malformed(f"the envelope carries '{kind[:60]}' and no in-toto statement")
    signatures = get(envelope, "signatures", list, "the envelope")
    if len(signatures) != 1:
        raise Malformed(f"the envelope has {len(signatures)} signatures, and one is meant")
    payload = strict.unbase64(get(envelope, "payload", str, "the envelope"), "the payload")
    made = strict.unbase64(get(signatures[0], "sig", str, "the signature"), "the signature")
    return Bundle(payload, made, **_maker(get(whole, "verificationMaterial", dict, "the bundle")))


def _maker(material: dict[str, Any]) -> dict[str, Any]:
    """Who is said to have signed. Two answers are none."""
    given = [k for k in ("publicKey", "x509CertificateChain", "certificate") if k in material]
    if len(given) != 1:
        raise Malformed(f"the bundle names {len(given)} makers, and one is meant")
    if given == ["certificate"]:
        return {"keyless": True}
    if given == ["publicKey"]:
        hint = get(material, "publicKey", dict, "the bundle").get("hint", "")
        if not isinstance(hint, str):
            raise Malformed("the bundle's key hint is no text")
        return {"hint": hint}
    chain = get(get(material, "x509CertificateChain", dict, "the bundle"), "certificates", list, "the chain")
    if not 1 <= len(chain) <= 20:
        raise Malformed(f"the bundle has a chain of {len(chain)} certificates")
    return {"chain": tuple(strict.unbase64(get(c, "rawBytes", str, "a certificate"), "a certificate") for c in chain)}


def check(text: bytes, trusted: list[keys.Key], at: Any = None) -> Signed:
    """Whether one of the trusted keys made the signature in ``text``, and its payload if so.

    ``at`` is the time that certificates must be valid at, now by default.
    """
    try:
        bundle = parse(text)
    except Malformed as error:
        return Signed("bad", str(error))
    if bundle.keyless:
        return Signed(
            "unverified", "a keyless signature (Fulcio, Rekor): not verified offline, and it counts for nothing"
        )
    if bundle.chain:
        return _by_certificate(bundle, trusted, at)
    return _by_key(bundle, trusted)


def _by_key(bundle: Bundle, trusted: list[keys.Key]) -> Signed:
    plain = [k for k in trusted if k.anchor is None]
    named = [k for k in plain if k.identity == bundle.hint] if bundle.hint else plain
    message = pae(bundle.payload)
    for key in named:
        if keys.verifies(key.public, bundle.signature, message):
            return Signed("valid", f"signed by {key.name}", key.identity, key.name, bundle.payload)
    if named and bundle.hint:
        return Signed("bad", f"the signature does not fit the key {named[0].name} that it names", named[0].identity)
    return Signed("untrusted", "signed by a key that is not under supply.keys", (bundle.hint or "")[:64])


def _by_certificate(bundle: Bundle, trusted: list[keys.Key], at: Any) -> Signed:
    from momus.methods.provenance import certificates

    state, why, leaf, name = certificates.check(bundle.chain, [k for k in trusted if k.anchor is not None], at)
    identity = keys.identity(leaf) if leaf is not None and keys.supported(leaf) else ""
    if leaf is None:
        return Signed(state, why)
    # First the mathematics: a signature that does not fit is bad, whoever vouches for the certificate.
    if not keys.verifies(leaf, bundle.signature, pae(bundle.payload)):
        return Signed("bad", "the signature does not fit its own certificate", identity)
    return Signed(state, why, identity, name, bundle.payload if state == "valid" else b"")


def make(payload: bytes, private: Any) -> bytes:
    """A signature file over ``payload``: ECDSA over the hash of the key's curve, or Ed25519."""
    material = {"publicKey": {"hint": keys.identity(private.public_key())}, "tlogEntries": []}
    made = {"sig": base64.b64encode(keys.sign(private, pae(payload))).decode(), "keyid": ""}
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [made]}
    whole = {"mediaType": MEDIA, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(whole, separators=(",", ":")).encode()
