"""Proof by loading: what a model file does to a locked process that opens it. See docs/design/050."""

from __future__ import annotations

from momus.assess.proof.prove import proof_as_plain, prove
from momus.assess.proof.records import Act, Proof, Try

__all__ = ["Act", "Proof", "Try", "proof_as_plain", "prove"]
