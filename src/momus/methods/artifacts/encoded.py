"""Pickles that stand in a text as base64 or hexadecimal: whoever writes them so means to have them loaded."""

from __future__ import annotations

import base64
import binascii
import re

from momus.methods.artifacts.report import Job, Region

_MOST = 64
# The first letters that protocols 2 to 5 come out as, and the usual first imports of protocol 0.
_BASE64 = re.compile(
    rb"(?<![A-Za-z0-9+/_-])(gA[I-X]|Y29zC|Y3Bvc2l4|Y2J1aWx0aW5z|Y19fYnVpbHRpbl|Y3N1YnByb2Nlc3|Y250C)"
    rb"(?:[A-Za-z0-9+/_-]|\\?[\r\n]|\\n){9,}={0,2}"
)
_HEX = re.compile(rb"(?<![0-9A-Za-z])80(02|03|04|05)[0-9a-fA-F]{16,}(?![0-9A-Za-z])")


def examine(job: Job, data: bytes, where: str) -> bool:
    """Decode and scan what looks like a pickle; says whether anything did."""
    if b"gA" not in data and b"Y" not in data and b"80" not in data:
        return False
    found = 0
    for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for hit in pattern.finditer(data):
            inner = decode(hit[0])
            if not inner or not _complete(inner):
                continue
            found += 1
            if found > _MOST:
                return True
            job.spend_expanded(len(inner))
            job.mark(
                "suspicious",
                "a text that is a pickle once it is decoded",
                hit.start(),
                where,
                reason="kept to be loaded",
            )
            job.examine(Region(inner, 0, len(inner)), f"{where}!decoded@{hit.start()}")
    return found > 0


def _from_base64(text: bytes) -> bytes:
    bare = re.sub(rb"\\n|[\\\r\n]", b"", text).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return b""


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text[: len(text) // 2 * 2].decode("ascii"))
    except ValueError:
        return b""


def _complete(data: bytes) -> bool:
    """Whether there is a STOP in it: three letters alone prove nothing."""
    return len(data) > 8 and b"." in data[2:]
