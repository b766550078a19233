"""Sessions: what a browser holds between two pages, signed, and the token that ties a form to it.

A session is a random id, a name and an end, with an HMAC over all of it; the key lives as long as the server, so a
restart ends every session. Nothing is looked up to read one. Ended sessions are remembered until they would have ended
by themselves, so that a copied cookie dies with them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HOURS = 12.0
_MOST_COOKIE = 2048


@dataclass(frozen=True)
class Session:
    """One browser. ``name`` is empty before anybody signed in; ``proof`` ties it to the token that opened it."""

    id: str
    ends: int
    name: str = ""
    proof: str = ""


@dataclass
class Sessions:
    """Makes, reads and ends sessions."""

    hours: float = HOURS
    clock: Callable[[], float] = time.time
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _ended: dict[str, int] = field(default_factory=dict, repr=False)

    def new(self, name: str = "", proof: str = "") -> Session:
        """A session with an id that nobody has seen: one that a stranger planted is never made somebody's."""
        return Session(secrets.token_urlsafe(18), int(self.clock() + self.hours * 3600), name, proof)

    def seal(self, session: Session) -> str:
        """The session as a cookie's value."""
        told = [session.id, session.ends, session.name, session.proof]
        body = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        return f"{body}.{self._mac('session', body)}"

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None for one that is not ours, has ended, or was changed."""
        body, _, mac = cookie.partition(".")
        if len(cookie) > _MOST_COOKIE or not _same(mac, self._mac("session", body)):
            return None
        try:
            id_, ends, name, proof = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (ValueError, binascii.Error):
            return None
        session = Session(id_, ends, name, proof)
        return session if self.clock() < session.ends and session.id not in self._ended else None

    def end(self, session: Session) -> None:
        """Nobody comes in with this session any more."""
        moment = self.clock()
        self._ended = {id_: ends for id_, ends in self._ended.items() if ends > moment}
        self._ended[session.id] = session.ends

    def form_token(self, session: Session, name: str) -> str:
        """What a form of this session must carry, for this person: another site can neither read nor make it."""
        return self._mac("form", f"{session.id}\n{name}")

    def fits(self, token: str, session: Session, name: str) -> bool:
        """Whether a form carries what its session says it must."""
        return _same(token, self.form_token(session, name))

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self.key, f"{purpose}\n{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    """Compared without telling by time where they differ; text that is no ASCII is compared all the same."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
