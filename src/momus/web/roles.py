"""Roles, and the people who hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import total_ordering
from typing import Literal

MOST_NAME = 120


@total_ordering
class Role(Enum):
    """What somebody may do. Each role may do all that the ones before it may."""

    VIEWER = "viewer"
    ASSESSOR = "assessor"
    APPROVER = "approver"

    def __lt__(self, other: object) -> bool:
        ranks = list(Role)
        return ranks.index(self) < ranks.index(other) if isinstance(other, Role) else NotImplemented


@dataclass(frozen=True)
class Who:
    """Somebody who asked, as every record that they write names them."""

    name: str
    role: Role
    way: Literal["local", "token", "session", "proxy"] = "local"

    def may(self, role: Role) -> bool:
        """Whether they hold at least this role."""
        return self.role >= role


@dataclass(frozen=True)
class Account:
    """A name, its role, and the digest of its token: the token itself is kept nowhere."""

    name: str
    role: Role
    sha256: str
