"""Which packages a system stands on, which published advisories match them, and whether the serving code reaches them.

Nothing is installed, imported or executed: lock files, bills of materials and metadata are read as text. Whatever could
not be looked up is *not known* and is never counted as fine.
"""

from __future__ import annotations

from momus.methods.advisories.audit import Audit, Package, Verdict, audit
from momus.methods.advisories.dump import Dump, read_dump
from momus.methods.advisories.listing import Listing, Pin, normal
from momus.methods.advisories.locks import is_requirements, read_lock
from momus.methods.advisories.osv import Advisory
from momus.methods.advisories.reach import Reach, reach
from momus.methods.advisories.requirements import whole
from momus.methods.advisories.sboms import read_sbom
from momus.methods.advisories.site_packages import read_environment

__all__ = [
    "Advisory", "Audit", "Dump", "Listing", "Package", "Pin", "Reach", "Verdict", "audit", "is_requirements",
    "normal", "reach", "read_dump", "read_environment", "read_lock", "read_sbom", "whole",
]  # fmt: skip
