"""Provenance: where a system's files come from, whether they are what was locked, and who signed them.

``look`` reads every file once; ``audit`` holds what was seen against the lock and the card; ``locking`` makes the next
lock. Signatures are those of OpenSSF model signing, checked offline with the keys that the card names.
"""

from momus.methods.provenance.auditing import Audit, Problem, Row, audit
from momus.methods.provenance.inventory import Item, of_card, of_plain
from momus.methods.provenance.lockfile import Lock, Locked
from momus.methods.provenance.looking import View, look

__all__ = ["Audit", "Item", "Lock", "Locked", "Problem", "Row", "View", "audit", "look", "of_card", "of_plain"]
