"""Makes a string that somebody else wrote harmless in one line of text, whatever it is shown on.

A terminal obeys escape sequences, a build log obeys lines that begin with its words, and every screen obeys Unicode's
direction overrides (the 'Trojan Source' trick, arXiv:2111.00169). What a served model answers, what a file names its
columns, may hold all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Whole escape sequences go, not only their first byte: OSC (title, clipboard, links), DCS and its kin up to their
# terminator, CSI (colours, cursor), then two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Cc control, Cf format (direction marks, zero-width, soft hyphen), Cs lone surrogates, Co private, Cn unassigned, Zl
# and Zp breaks of lines and paragraphs.
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# A build log obeys a line that starts with such a word, and some obey it anywhere in a line.
_ORDERS = re.compile(r"((?<!\S):|#)(:(?=[\w-])|#(?=\[|vso\[|teamcity\[))")
_FIRST = re.compile(r"((?:^[ \t]*(?:\x1b\[[0-9;]*m)*):|#)(:(?=[\w-])|#(?=\[|vso\[|teamcity\[))", re.M)


def clean(text: object, most: int = 0) -> str:
    """One line without escape sequences, control or direction characters; shortened to ``most`` characters if > 0."""
    s = str(text)
    if not s.isprintable():  # nearly every string is: nothing hidden, no break, no escape
        s = _BREAKS.sub(" ", _ESCAPES.sub("", s))
        s = "".join(c for c in s if unicodedata.category(c) not in HIDDEN)
    if "::" in s or "##" in s:
        s = _ORDERS.sub(_apart, s)
    return shorten(s, most) if most else s


def orderless(text: str) -> str:
    """Several lines of which a build log obeys none, also where a long word was broken just before its order."""
    return _FIRST.sub(_apart, text) if "::" in text or "##" in text else text


def _apart(order: re.Match[str]) -> str:
    return f"{order[1]} {order[2]}"


def shorten(text: str, most: int) -> str:
    """At most ``most`` characters; what was cut is marked by an ellipsis."""
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip() + "…"


def counts(kinds: Mapping[str, int]) -> str:
    """``503 x 3, late x 1``: the most frequent first."""
    return ", ".join(f"{kind} x {n}" for kind, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0])))
