"""Who is asking, and what they may do: the ways into a server.

Without accounts everybody who reaches the server is the person at the machine: that is only offered on loopback. With
accounts a request carries a token, a session that was opened with one, or the header of a proxy that is trusted by its
address. Nothing else says who somebody is: no form field, no ``X-Forwarded-For``.
"""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from momus.reports.text import clean
from momus.web.accounts import Accounts
from momus.web.roles import MOST_NAME, Role, Who
from momus.web.sessions import Session

__all__ = ["Access", "Claims", "Proxy", "Role", "Who"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Claims:
    """What one request says about its sender, taken apart: the peer's address is the connection's own."""

    peer: str = ""
    headers: Sequence[tuple[str, str]] = ()
    old: bool = False  # HTTP/1.0, which no browser speaks and proxies do

    def all(self, name: str) -> list[str]:
        """Every value of a header; more than one is for the caller to refuse."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def forwarded(self) -> bool:
        """True when a request seems to have come through a proxy, even one that says nothing of itself."""
        names = {key for key, _ in self.headers}
        return self.old or any(n in ("forwarded", "via", "x-real-ip") or n.startswith("x-forwarded-") for n in names)

    @property
    def bearer(self) -> str:
        """The bearer token, or an empty string."""
        values = self.all("authorization")
        scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Proxy:
    """A proxy that has signed people in already: where it stands, and in which headers it says who they are."""

    addresses: tuple[Network, ...]
    user_header: str
    users: Mapping[str, Role] = field(default_factory=dict)
    groups: Mapping[str, Role] = field(default_factory=dict)
    groups_header: str = ""
    default: Role | None = None

    def trusts(self, peer: str) -> bool:
        """Whether a connection comes from the proxy itself. What headers say of addresses is not asked."""
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self.addresses)

    def who(self, claims: Claims) -> Who | None:
        """The person the proxy names; None for another peer, no name, two names or a name without a role."""
        names = claims.all(self.user_header)
        if not self.trusts(claims.peer) or len(names) != 1:
            return None
        name = names[0].strip()
        if not name or name != clean(name) or len(name) > MOST_NAME:
            return None
        given = [self.users[name]] if name in self.users else []
        listed = claims.all(self.groups_header) if self.groups_header else []
        if len(listed) == 1:
            mine = {group.strip() for group in listed[0].split(",")}
            given += [role for group, role in self.groups.items() if group in mine]
        role = max(given) if given else self.default
        return Who(name, role, "proxy") if role is not None else None


def login_name() -> str:
    """The name of the account that runs the server."""
    try:
        return clean(getpass.getuser(), MOST_NAME) or "local"
    except (OSError, KeyError):
        return "local"


@dataclass(frozen=True)
class Access:
    """The ways into one server. With neither accounts nor a proxy it is the server of one person."""

    accounts: Accounts | None = None
    proxy: Proxy | None = None
    owner: str = field(default_factory=login_name)

    @property
    def local(self) -> bool:
        """True when there are no accounts: then the server listens on loopback only."""
        return self.accounts is None and self.proxy is None

    def __str__(self) -> str:
        if self.local:
            return f"{self.owner} at this machine, without a password"
        n = len(self.accounts.all()) if self.accounts is not None else 0
        told = [f"{n} account{'' if n == 1 else 's'}"] if self.accounts is not None else []
        return " and ".join([*told, *(["whoever the proxy signs in"] if self.proxy is not None else [])])

    def who(self, claims: Claims, session: Session | None = None) -> Who | None:
        """The person behind a request, or None when nothing in it says so convincingly."""
        if self.local:
            # A proxy in front of a server without accounts would make everybody the person at the machine.
            return None if claims.forwarded else Who((session and session.name) or self.owner, Role.APPROVER)
        if self.accounts is not None:
            if claims.all("authorization"):
                found = self.accounts.by_token(claims.bearer)
                return Who(found.name, found.role, "token") if found else None
            account = self.accounts.by_session(session) if session is not None else None
            if account is not None:
                return Who(account.name, account.role, "session")
        return self.proxy.who(claims) if self.proxy is not None else None
