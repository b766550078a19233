"""What may be said of a store's address: all of it but its passwords."""

from __future__ import annotations

import re

# To the last "@": a password may hold any letter, and one that should have been written as %2F splits elsewhere.
_USER = re.compile(r"(://[^/@:]*):.*@", re.DOTALL)
_QUERY = re.compile(r"([?&][^=&#]*(?:pass(?:word|phrase|wd)|pwd|secret|token)[^=&#]*=)[^&#]*", re.IGNORECASE)


def without_password(text: str) -> str:
    """An address, or one word of a command, as it may be printed and kept."""
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _USER.sub(r"\1:***@", text))
