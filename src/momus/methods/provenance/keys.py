"""Public keys and raw signatures. The key alone decides algorithm and hash; nothing in a signature file has a say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from momus.core.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}


@dataclass(frozen=True)
class Key:
    """A public key that the card trusts, under the name it has there; ``anchor`` is a certificate instead of a key."""

    name: str
    public: Any
    anchor: Any = None

    @property
    def identity(self) -> str:
        """sha256 over the key in PEM: the hint that signature files carry."""
        return identity(self.public)


def need() -> None:
    """MissingExtra where the library that signatures need is not installed."""
    try:
        import cryptography  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra.of("signatures", "sign", "cryptography") from error


def load(name: str, pem: str) -> Key:
    """A key from PEM text: a public key, or a certificate to trust as an anchor. DataError for anything else."""
    need()
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        if "-----BEGIN CERTIFICATE-----" in pem:
            anchor = x509.load_pem_x509_certificate(pem.encode())
            return Key(name, anchor.public_key(), anchor)
        public = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(name, f"is no public key in PEM form ({str(error)[:80]})") from None
    if not supported(public):
        raise _unusable(name, "is neither an elliptic curve key (P-256, P-384, P-521) nor Ed25519")
    return Key(name, public)


def _unusable(name: str, why: str) -> DataError:
    return DataError(
        f"the key '{name}' {why}", code="lock/key", place=f"supply.keys.{name}",
        hint="Make one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem; openssl ec -in key.pem -pubout",
    )  # fmt: skip


def load_private(pem: bytes, place: str, password: str | None = None) -> Any:
    """The private key to sign with. DataError where it is none that model signatures are made with."""
    need()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem, password.encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DataError(
            f"no private key could be read: {str(error)[:100]}", code="lock/key", place=place,
            hint="Give a PEM file with an elliptic curve or Ed25519 key; its password in MOMUS_KEY_PASSWORD",
        ) from None  # fmt: skip
    if not hasattr(private, "public_key") or not supported(private.public_key()):
        raise DataError(
            "is neither an elliptic curve key (P-256, P-384, P-521) nor Ed25519", code="lock/key", place=place
        )
    return private


def supported(public: Any) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.curve.name in _CURVES
    return isinstance(public, ed25519.Ed25519PublicKey)


def pem_of(public: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def identity(public: Any) -> str:
    return hashlib.sha256(pem_of(public)).hexdigest()


def verifies(public: Any, signature: bytes, message: bytes) -> bool:
    """Whether the key made the signature. The hash is the one of the key's curve."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
            return True
        if isinstance(public, ec.EllipticCurvePublicKey) and supported(public):
            public.verify(signature, message, ec.ECDSA(getattr(hashes, _CURVES[public.curve.name])()))
            return True
    except (InvalidSignature, ValueError):
        return False
    return False


def sign(private: Any, message: bytes) -> bytes:
    """The signature over ``message``, the algorithm following from the key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    made: bytes = private.sign(message, ec.ECDSA(getattr(hashes, _CURVES[private.curve.name])()))
    return made
