"""From the options of `momus serve` to who may come in, and by which name. Refuses what would let anybody in."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from momus.core.errors import MomusError
from momus.reports.text import clean
from momus.web.access import Access, Network, Proxy
from momus.web.accounts import Accounts, read_roles
from momus.web.security import Gate

_OPEN = (
    "Give --accounts FILE (momus serve --new-token NAME --role approver --accounts FILE makes one) or --trust-proxy, "
    "or stay on loopback"
)
# A wider range than this is no proxy, it is a part of the Internet.
_WIDEST = {4: 8, 6: 32}


class DoorError(MomusError):
    """What was asked for would not be safe, or cannot be."""

    code = "web/access"


def doors(
    host: str,
    urls: Sequence[str] = (),
    *,
    accounts: Path | None = None,
    proxies: Sequence[str] = (),
    user_header: str = "",
    groups_header: str = "",
    roles: Path | None = None,
) -> tuple[Access, Gate]:
    """Who may come in, and by which names. Raises MomusError, in one line with the remedy, before anything listens."""
    elsewhere = not loopback(host)
    known = [_url(u) for u in urls]
    outside = [u for u in known if not loopback(urlsplit(u).hostname or "")]
    access = Access(
        accounts=_accounts(accounts) if accounts is not None else None,
        proxy=_proxy(proxies, user_header, groups_header, roles),
    )
    if access.local and (elsewhere or outside):
        what = f"the address {clean(outside[0], 80)}" if outside else f"host '{clean(host, 80)}'"
        raise DoorError(f"{what} is reached from other machines, and there are no accounts", hint=_OPEN)
    return access, Gate(urls=known, anywhere=elsewhere, names=[host] if elsewhere and not _bare(host) else [])


def loopback(host: str) -> bool:
    """Whether only this machine reaches a host. A name counts by what it stands for here, all of it."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(a[4][0]).partition("%")[0]).is_loopback for a in found)


def _bare(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _accounts(path: Path) -> Accounts:
    made = Accounts.open(path)
    if not made.listed:
        hint = f"Make one: momus serve --new-token NAME --role approver --accounts {path}"
        raise DoorError("nobody has an account in it", place=str(path), hint=hint)
    return made


def _proxy(addresses: Sequence[str], user_header: str, groups_header: str, roles: Path | None) -> Proxy | None:
    if not addresses:
        if user_header or groups_header or roles is not None:
            raise DoorError(
                "a header says who somebody is only where a proxy is trusted",
                hint="Add --trust-proxy and the address from which the proxy connects",
            )
        return None
    if not user_header or roles is None:
        raise DoorError(
            "a trusted proxy needs --user-header and --roles",
            hint="As in: --user-header X-Forwarded-Email --roles roles.toml",
        )
    for name in (user_header, groups_header):
        if name and not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name):
            raise DoorError(f"'{clean(name, 60)}' is no header name", hint="Letters, digits and hyphens")
    users, groups, default = read_roles(roles)
    if not users and not groups and default is None:
        raise DoorError(
            "nobody has a role in it", place=str(roles), hint='As in: [users] "ann@example.org" = "approver"'
        )
    if groups and not groups_header:
        raise DoorError(
            "it gives roles to groups", place=str(roles), hint="Name the header of the groups: --groups-header"
        )
    networks = tuple(_network(a) for a in addresses)
    return Proxy(networks, user_header.lower(), users, groups, groups_header.lower(), default)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise DoorError(f"'{clean(text, 60)}' is no address", hint="As in: --trust-proxy 10.0.0.7") from None
    if network.prefixlen < _WIDEST[network.version]:
        raise DoorError(f"{network} is too wide to be a proxy", hint="Name the address from which the proxy connects")
    return network


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and not (parts.query or parts.fragment or parts.username)
        )
        fine = fine and parts.path in ("", "/") and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise DoorError(f"'{clean(text, 80)}' is no address of a server", hint="As in: --url https://momus.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"
