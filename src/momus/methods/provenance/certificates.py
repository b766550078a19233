"""Chains of certificates, checked offline: signatures, dates, rights. Revocation and timestamps need a network.

OpenSSF model signing takes the time a certificate *began* for the time of signing, which makes an expired one good for
ever. Here it must be valid now; an expired one is *not verified*, since nothing offline proves when it signed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from momus.methods.provenance.keys import Key

if TYPE_CHECKING:
    from cryptography import x509


def check(chain: tuple[bytes, ...], anchors: list[Key], at: datetime | None = None) -> tuple[str, str, Any, str]:
    """(state, why, the signer's public key or None, name of the anchor) for a chain in DER, signer first."""
    from cryptography import x509

    when = at or datetime.now(UTC)
    try:
        found = [x509.load_der_x509_certificate(c) for c in chain]
        leaf = found[0].public_key()
        trusted = _anchored(found, anchors)
        if trusted is None:
            return "untrusted", "its certificates lead to none of supply.keys", leaf, ""
        path, name = trusted
        fault = _fault(path, when)
    except (ValueError, TypeError) as error:
        return "bad", f"its certificates cannot be read: {str(error)[:80]}", None, ""
    if fault:
        return ("unverified" if "valid" in fault else "bad"), fault, leaf, ""
    return "valid", f"signed by {name_of(found[0])}, certified by {name}", leaf, name


def name_of(certificate: x509.Certificate) -> str:
    from momus.methods.provenance.names import shown

    return shown(certificate.subject.rfc4514_string(), 80) or "a certificate without a name"


def _anchored(found: list[x509.Certificate], anchors: list[Key]) -> tuple[list[x509.Certificate], str] | None:
    """The chain up to the first certificate that an anchor is, or has issued; each must have issued the one before."""
    path: list[x509.Certificate] = []
    for i, certificate in enumerate(found):
        if i and not _issued(path[-1], certificate):
            return None
        path.append(certificate)
        for anchor in anchors:
            if anchor.anchor == certificate:
                return path, anchor.name
            if _issued(certificate, anchor.anchor):
                return [*path, anchor.anchor], anchor.name
    return None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _fault(path: list[x509.Certificate], when: datetime) -> str:
    """What forbids this path: dates, what the signer may sign, who may issue. The last one is the anchor."""
    from cryptography import x509

    for certificate in path:
        if not certificate.not_valid_before_utc <= when <= certificate.not_valid_after_utc:
            return (
                f"the certificate of {name_of(certificate)} is not valid today, and offline nobody knows when it signed"
            )
        for extension in certificate.extensions:
            if extension.critical and not isinstance(extension.value, _known()):
                return f"the certificate of {name_of(certificate)} has a critical extension that is not understood"
    usage = _value(path[0], x509.KeyUsage)
    extended = _value(path[0], x509.ExtendedKeyUsage)
    signs = usage.digital_signature if usage is not None else False
    codes = extended is not None and x509.oid.ExtendedKeyUsageOID.CODE_SIGNING in extended
    if not (signs or (usage is None and codes)):
        return "the certificate is not meant for signing"
    if extended is not None and not codes and x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in extended:
        return "the certificate is meant for something else than signing code"
    for depth, issuer in enumerate(path[1:]):
        rights = _value(issuer, x509.BasicConstraints)
        if rights is None or not rights.ca:
            return f"{name_of(issuer)} may not issue certificates"
        if rights.path_length is not None and depth > rights.path_length:
            return f"{name_of(issuer)} may not issue through so many others"
        usage = _value(issuer, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            return f"{name_of(issuer)} may not sign certificates"
    return ""


def _known() -> tuple[type, ...]:
    from cryptography import x509

    return x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints, x509.SubjectAlternativeName


def _value(certificate: x509.Certificate, kind: type) -> Any:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
