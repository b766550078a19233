"""Which licence a file says it is under: in its own metadata, in a card or configuration beside it, in a LICENSE file.

What is found is what somebody wrote there. Nothing here judges whether they were allowed to.
"""

from __future__ import annotations

import re
from typing import Any

from momus.methods.provenance import stated, strict
from momus.methods.provenance.stated import Shelf

_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING", "COPYING.txt")
# The line that a text is known by, checked in this order: a longer licence quotes a shorter one's words.
_TEXTS = (
    ("Apache-2.0", r"apache license\s+version 2\.0"),
    ("AGPL-3.0-only", r"gnu affero general public license\s+version 3"),
    ("LGPL-3.0-only", r"gnu lesser general public license\s+version 3"),
    ("GPL-3.0-only", r"gnu general public license\s+version 3"),
    ("GPL-2.0-only", r"gnu general public license\s+version 2"),
    ("MPL-2.0", r"mozilla public license version 2\.0"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("CC-BY-NC-4.0", r"attribution-noncommercial 4\.0 international"),
    ("CC-BY-SA-4.0", r"attribution-sharealike 4\.0 international"),
    ("CC-BY-4.0", r"attribution 4\.0 international"),
    ("BSL-1.0", r"boost software license - version 1\.0"),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.*neither the name"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("ISC", r"permission to use, copy, modify, and/or distribute this software for any purpose"),
    ("Unlicense", r"this is free and unencumbered software released into the public domain"),
)


def spdx(text: str) -> str:
    """The SPDX identifier or expression that ``text`` is, in its official spelling; otherwise ``LicenseRef-…``."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    plain = " ".join(text.split())[:200]
    if not plain or plain.lower() in ("unknown", "none", "other", "n/a"):
        return ""
    try:
        return str(canonicalize_license_expression(plain))
    except InvalidLicenseExpression:
        return "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-") or "unnamed")


def find(shelf: Shelf, rel: str, head: bytes) -> tuple[str, str]:
    """(SPDX identifier, where it stands) for a file below the root that begins with ``head``; or two blanks."""
    if licence := spdx(_inside(head)):
        return licence, "GGUF metadata" if head[:4] == b"GGUF" else "safetensors metadata"
    folder = rel.rpartition("/")[0]
    while True:
        licence, place = _beside(shelf, folder)
        if licence or not folder:
            return licence, place
        folder = folder.rpartition("/")[0]


def _inside(head: bytes) -> str:
    if head[:4] == b"GGUF":
        return _gguf(head)
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or not 2 <= length <= len(head) - 8:
        return ""
    try:
        said = strict.parse(head[8 : 8 + length], "the header").get("__metadata__")
    except strict.Malformed:
        return ""
    found = [said.get(k) for k in ("license", "licence", "modelspec.license")] if isinstance(said, dict) else []
    return next((f for f in found if isinstance(f, str)), "")


def _gguf(head: bytes) -> str:
    """The text under ``general.license``: a key, the type 8 for text, a length and the text, all little-endian."""
    key = b"general.license"
    at = head.find(len(key).to_bytes(8, "little") + key)
    start = at + 8 + len(key)
    if at < 0 or head[start : start + 4] != b"\x08\0\0\0":
        return ""
    length = int.from_bytes(head[start + 4 : start + 12], "little")
    return head[start + 12 : start + 12 + length].decode("utf-8", "replace") if length <= 200 else ""


def _beside(shelf: Shelf, folder: str) -> tuple[str, str]:
    """What a README, configuration, wheel's METADATA or LICENSE file in one folder says."""
    prefix = f"{folder}/" if folder else ""
    for readme in ("README.md", "readme.md"):
        front = stated.front_matter(shelf.text(folder, readme))
        if said := spdx(front.get("license") or front.get("licence") or ""):
            return said, prefix + readme
    if said := spdx(_config(shelf.text(folder, "config.json"))):
        return said, f"{prefix}config.json"
    for wheel in sorted(n for n in shelf.names(folder) if n.endswith(".dist-info"))[:1]:
        if said := spdx(_metadata(shelf.text(prefix + wheel, "METADATA"))):
            return said, f"{prefix}{wheel}/METADATA"
    for name in _FILES:
        if said := of_text(shelf.text(folder, name)):
            return said, prefix + name
    return "", ""


def of_text(text: str) -> str:
    """The licence whose text this is; nothing where it is none of those known."""
    plain = " ".join(text.split()).lower()
    return next((name for name, pattern in _TEXTS if re.search(pattern, plain)), "")


def _config(text: str) -> str:
    try:
        said: Any = strict.parse(text.encode(), "the configuration").get("license") if text else ""
    except strict.Malformed:
        return ""
    return said if isinstance(said, str) else ""


def _metadata(text: str) -> str:
    header = text.partition("\n\n")[0]
    for key in ("License-Expression", "License"):
        found = re.search(rf"^{key}:[ \t]*(\S.*)$", header, re.MULTILINE)
        if found and len(found[1]) < 80 and found[1].strip().upper() != "UNKNOWN":
            return found[1]
    found = re.search(r"^Classifier: License :: OSI Approved :: (.+)$", header, re.MULTILINE)
    return _CLASSIFIERS.get(found[1].strip(), "") if found else ""


_CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
