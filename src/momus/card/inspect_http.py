"""What can be said of a served model's section without asking it: secrets in clear, addresses without encryption."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from momus.card.http import HttpCard
from momus.card.schema import SystemCard
from momus.core.errors import CardError

_SECRET = re.compile(
    r"authori[sz]ation|cookie|secret|token|password|credential|(^|[-_])(api|access|auth)?[-_]?key$", re.I
)


def names_secret(name: str) -> bool:
    """Whether what bears this name is likely a secret."""
    return _SECRET.search(name) is not None


def secrets_in_clear(card: SystemCard) -> Iterator[CardError]:
    """Secrets that stand in the card itself: it is stored with every run, and shared."""
    for i, _given in _sections(card):
        raw = _raw(card, i)
        found: list[tuple[str, ...]] = [("token",)] if _clear(raw.get("token")) else []
        headers = raw.get("headers")
        if isinstance(headers, Mapping):
            found += [("headers", str(k)) for k, v in headers.items() if names_secret(str(k)) and _clear(v)]
        query = parse_qsl(urlsplit(str(raw.get("url", ""))).query)
        found += [("url",)] if any(names_secret(name) and _clear(value) for name, value in query) else []
        for keys in found:
            name = "_".join(re.findall(r"[A-Z0-9]+", f"{card.targets[i].name}_{keys[-1]}".upper()))
            yield CardError(
                f"the {'query of the address' if keys == ('url',) else keys[-1]} is a secret written in clear",
                code="card/secret", place=card.place("targets", i, "http", *keys),
                hint=f"Write ${{{name}}} in its place and set that variable: it is then neither stored nor shown",
            )  # fmt: skip


def unencrypted(card: SystemCard) -> Iterator[CardError]:
    """Addresses without TLS that leave this machine."""
    for i, given in _sections(card):
        if urlsplit(given.url).scheme == "http" and not _is_here(given.host):
            what = "rows, answers and the token" if given.token else "rows and answers"
            yield CardError(
                f"{given.host} is asked without encryption: {what} can be read on the way", code="card/unencrypted",
                place=card.place("targets", i, "http", "url"), hint="Write https:// where the server speaks it",
            )  # fmt: skip


def _sections(card: SystemCard) -> Iterator[tuple[int, HttpCard]]:
    for i, target in enumerate(card.targets):
        if target.http is not None:
            yield i, target.http


def _raw(card: SystemCard, i: int) -> Mapping[str, Any]:
    """The section as written, before variables were replaced."""
    found = card.stored()["targets"][i]["http"]
    return found if isinstance(found, Mapping) else {}


def _clear(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "${" not in value


def _is_here(host: str) -> bool:
    """Whether an address never leaves this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
