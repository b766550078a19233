"""The accounts file and the roles file: TOML, read again when it changes, tokens as digests only.

A token is 32 random bytes, so its SHA-256 gives nothing away and needs no slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import stat
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from momus.core.errors import MomusError
from momus.reports.text import clean
from momus.web.roles import MOST_NAME, Account, Role
from momus.web.sessions import Session

log = logging.getLogger("momus.web")
# Scanners for leaked secrets know a token by its beginning.
PREFIX = "momus_"


class AccountsError(MomusError):
    """The file that says who may come in is not usable."""

    code = "web/accounts"


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Accounts:
    """Accounts by token. ``path`` None holds what was given; a file is read again whenever it has changed."""

    path: Path | None = None
    listed: tuple[Account, ...] = ()
    _stamp: tuple[int, int, int] | None = field(default=None, repr=False)
    _said: str = field(default="", repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, path: Path) -> Accounts:
        """The accounts of a file. Raises AccountsError for a missing, unreadable or open-to-all file."""
        made = cls(path)
        made._refresh()
        return made

    def all(self) -> tuple[Account, ...]:
        """Everybody who has an account now. A file that has become unreadable lets nobody in."""
        if self.path is not None:
            with self._lock:
                try:
                    self._refresh()
                    self._said = ""
                except AccountsError as error:
                    self.listed, self._stamp = (), None
                    if str(error) != self._said:  # once, not with each request
                        log.error("%s", error)
                    self._said = str(error)
        return self.listed

    def by_token(self, token: str) -> Account | None:
        """Whose token it is. Every account is compared, each in the same time, whichever fits."""
        given, found = digest(token), None
        for account in self.all():
            if hmac.compare_digest(given, account.sha256):
                found = account
        return found if token else None

    def by_session(self, session: Session) -> Account | None:
        """Whose session it is, as long as the token that opened it is still theirs."""
        for account in self.all():
            if account.name == session.name and hmac.compare_digest(proof(account), session.proof):
                return account
        return None

    def add(self, name: str, role: Role) -> str:
        """A new token for a name, in place of an older one. It is returned once and kept nowhere."""
        name = _name(name, str(self.path or "accounts"))
        token = PREFIX + secrets.token_urlsafe(32)
        there = self.path is None or self.path.exists()
        kept = [a for a in self.all() if a.name != name] if there else []
        self._write([*kept, Account(name, role, digest(token))])
        return token

    def drop(self, name: str) -> None:
        """Take a name's token away. Its sessions end with it."""
        kept = [a for a in self.all() if a.name != name]
        if len(kept) == len(self.listed):
            raise AccountsError(f"nobody is called '{clean(name, 60)}'", place=str(self.path or "accounts"))
        self._write(kept)

    def _refresh(self) -> None:
        assert self.path is not None
        try:
            seen = self.path.stat()
        except OSError as error:
            raise AccountsError(
                f"the accounts file cannot be read: {error.strerror}",
                place=str(self.path),
                hint="Make one: momus serve --new-token NAME --role approver --accounts FILE",
            ) from None
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if stamp == self._stamp:
            return
        if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise AccountsError(
                "others may write to the accounts file", place=str(self.path), hint=f"Run: chmod 600 {self.path}"
            )
        self.listed, self._stamp = _accounts(read_toml(self.path), str(self.path)), stamp

    def _write(self, accounts: list[Account]) -> None:
        if self.path is not None:
            lines = ["# Accounts of momus serve. Tokens are kept as digests; a lost one is replaced, not read back."]
            for a in accounts:
                lines += ["", f"[accounts.{_quoted(a.name)}]", f'role = "{a.role.value}"', f'sha256 = "{a.sha256}"']
            _replace(self.path, "\n".join(lines) + "\n")
        self.listed, self._stamp = tuple(accounts), None


def proof(account: Account) -> str:
    """What a session keeps of the token that opened it."""
    return digest(f"{account.name}\n{account.sha256}")[:32]


def read_roles(path: Path) -> tuple[dict[str, Role], dict[str, Role], Role | None]:
    """The roles file of a proxy: roles by user, roles by group, and what everybody else may do, if anything."""
    raw, place = read_toml(path), str(path)
    for key in raw:
        if key not in ("users", "groups", "default"):
            raise AccountsError(
                f"unknown key '{clean(key, 40)}'", place=place, hint="It may hold users, groups and default"
            )
    default = _role(raw["default"], place, "default") if "default" in raw else None
    tables = [raw.get("users", {}), raw.get("groups", {})]
    if not all(isinstance(t, Mapping) for t in tables):
        raise AccountsError(
            "users and groups are tables", place=place, hint='As in: [users] "ann@example.org" = "viewer"'
        )
    users, groups = ({str(k): _role(v, place, str(k)) for k, v in table.items()} for table in tables)
    return users, groups, default


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a small TOML file; AccountsError in one line for what can be wrong with it."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise AccountsError(f"the file cannot be read: {error.strerror}", place=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AccountsError(f"the file is no TOML: {clean(error, 120)}", place=str(path)) from None


def _accounts(raw: Mapping[str, Any], place: str) -> tuple[Account, ...]:
    table = raw.get("accounts", {})
    if set(raw) - {"accounts"} or not isinstance(table, Mapping):
        raise AccountsError("the file holds tables [accounts.NAME] and nothing else", place=place)
    made = []
    for name, entry in table.items():
        sha = entry.get("sha256") if isinstance(entry, Mapping) else None
        if not isinstance(sha, str) or len(sha) != 64 or not set(sha) <= set("0123456789abcdef"):
            raise AccountsError(
                f"account '{clean(name, 40)}' has no sha256 of a token",
                place=place,
                hint="Let momus serve --new-token NAME write it",
            )
        made.append(Account(_name(name, place), _role(entry.get("role"), place, name), sha))
    return tuple(made)


def _role(value: object, place: str, name: str) -> Role:
    try:
        return Role(value)
    except ValueError:
        known = ", ".join(r.value for r in Role)
        raise AccountsError(
            f"'{clean(name, 60)}' has no role that exists", place=place, hint=f"There are: {known}"
        ) from None


def _name(name: str, place: str) -> str:
    if not name.strip() or clean(name).strip() != name or len(name) > MOST_NAME:
        raise AccountsError(
            "a name is one line of visible characters", place=place, hint=f"At most {MOST_NAME}, no spaces around it"
        )
    return name


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _replace(path: Path, text: str) -> None:
    """Written beside and moved into place, readable by its owner only."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise AccountsError(f"the accounts file cannot be written: {error.strerror}", place=str(path)) from None
