"""Alerts by webhook: signed JSON to the addresses on the card, at least once, whatever the receiver is like.

A message is on the disk before it is noted that its window was told. One thread sends: a dead receiver never delays
the watch, nor the other receivers. An address that answers with a redirect is not followed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from momus.card.monitor import AlertCard
from momus.core.errors import MissingExtra
from momus.core.seeds import rng
from momus.monitor.outbox import Letter, Outbox, receiver_of

if TYPE_CHECKING:
    from momus.monitor.messages import Message
    from momus.monitor.sinks import Closed

FIRST, MOST = 1.0, 300.0  # seconds until a message is sent again: doubled each time, up to the second
TIMEOUT = 10.0
LAST = 5.0  # what is still waiting when the watch ends is tried for so long


def signature(secret: str, moment: int, body: bytes) -> str:
    """``v1=`` and HMAC-SHA256 over ``moment.body``: a receiver checks it, and refuses moments long past."""
    return "v1=" + hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


class Webhooks:
    """Sends messages to the receivers on the card. ``told`` names those that do not take theirs, without addresses."""

    def __init__(
        self,
        alerts: Iterable[AlertCard],
        folder: Path,
        *,
        client: Any = None,
        clock: Callable[[], float] = time.monotonic,
        first: float = FIRST,
    ) -> None:
        self._alerts = {receiver_of(a.url): a for a in alerts}
        self._box, self._clock, self._first = Outbox(folder), clock, first
        self._client = client or _client()
        self._due: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._trouble: dict[str, str] = {}
        self._order = time.time_ns() // 1_000_000
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="momus-alerts", daemon=True)
        self._thread.start()

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(self._trouble.values())

    def alert(self, message: Message) -> None:
        """Keep a message for every receiver, durably; it is sent as soon as may be."""
        body = json.dumps(message, separators=(",", ":"), sort_keys=True).encode()
        self._order = max(self._order + 1, time.time_ns() // 1_000_000)
        for receiver in self._alerts:
            if not self._box.put(receiver, str(message["id"]), self._order, body):
                self._trouble[receiver] = (
                    f"{self._name(receiver)}: a message could not be kept; the disk or the box is full"
                )
        self._wake.set()

    def window(self, closed: Closed) -> None:
        """Windows are none of its business; alarms come by :meth:`alert`."""

    @property
    def waiting(self) -> int:
        """Messages that no receiver has confirmed yet."""
        return len(self._box)

    def close(self) -> None:
        """Try what waits once more, for a moment; the rest stays for the next start."""
        self._due.clear()
        self._over.set()
        self._wake.set()
        self._thread.join(timeout=LAST)

    def _work(self) -> None:
        while True:
            last = self._over.is_set()
            self._wake.clear()
            self._deliver()
            if last:
                self._client.close()
                return
            waits = [due - self._clock() for due in self._due.values()]
            self._wake.wait(max(0.01, min(waits)) if waits else None)

    def _deliver(self) -> None:
        """Send what is due, each receiver's own in their order: one that fails holds up its own alone."""
        held: set[str] = set()
        for letter in self._box.letters():
            alert = self._alerts.get(letter.receiver)
            if alert is None:  # taken off the card: nobody is to be told any more
                self._box.done(letter)
                continue
            if letter.receiver in held or self._due.get(letter.receiver, 0.0) > self._clock():
                continue
            wrong, patience = self._send(alert, letter)
            if wrong:
                held.add(letter.receiver)
                self._later(letter.receiver, wrong, patience)
            else:
                self._box.done(letter)
                for kept in (self._due, self._tries, self._trouble):
                    kept.pop(letter.receiver, None)

    def _send(self, alert: AlertCard, letter: Letter) -> tuple[str, float]:
        """What went wrong, empty where nothing did, and how long the receiver asks to be left alone."""
        import httpx

        try:
            reply = self._client.post(alert.url, content=letter.body, headers=self._headers(alert, letter))
        except httpx.HTTPError as error:
            return f"does not answer ({type(error).__name__})", 0.0
        except (ValueError, OSError) as error:  # an address or header that cannot be sent
            return f"cannot be spoken to ({type(error).__name__})", MOST
        if reply.status_code // 100 == 2:
            return "", 0.0
        if reply.status_code // 100 == 3:
            return f"answers {reply.status_code}, a redirect, which is not followed", MOST
        asked = reply.headers.get("retry-after", "")
        return f"answers {reply.status_code}", float(min(3600, int(asked))) if asked.isdigit() else 0.0

    def _headers(self, alert: AlertCard, letter: Letter) -> Mapping[str, str]:
        moment = int(time.time())
        signed = {"Momus-Signature": signature(alert.secret, moment, letter.body)} if alert.secret else {}
        return {
            **alert.headers, "Content-Type": "application/json", "User-Agent": "momus-monitor",
            "Idempotency-Key": letter.key, "Momus-Timestamp": str(moment), **signed,
        }  # fmt: skip

    def _later(self, receiver: str, wrong: str, patience: float) -> None:
        tries = self._tries[receiver] = self._tries.get(receiver, 0) + 1
        jitter = float(rng("alert", receiver, tries).uniform(0.8, 1.2))  # receivers that came back are not stormed
        wait = max(patience, min(MOST, self._first * 2 ** min(tries - 1, 20)) * jitter)
        self._due[receiver] = self._clock() + wait
        mine = sum(letter.receiver == receiver for letter in self._box.letters())
        self._trouble[receiver] = f"{self._name(receiver)} {wrong}; {mine} waiting, tried {tries} times"

    def _name(self, receiver: str) -> str:
        """The host alone: the rest of an address may be a secret."""
        return f"the webhook at {urlsplit(self._alerts[receiver].url).hostname}"


def _client() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra.of("alerts by webhook", "monitor", "httpx") from error
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, verify=True, trust_env=False)
