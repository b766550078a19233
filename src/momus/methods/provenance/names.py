"""Names of files: which may be written down, and which could be taken for another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

# Letters of other scripts that look like a Latin one in common typefaces. Not complete: it names what is seen in the
# wild; NFKC takes care of full-width, mathematical and ligature forms.
_ALIKE = str.maketrans(
    {
        "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d",
        "һ": "h", "ӏ": "l", "ѵ": "v", "ԝ": "w", "к": "k", "м": "m", "т": "t", "в": "b", "н": "h", "п": "n", "г": "r",
        "α": "a", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u", "χ": "x", "ω": "w",
        "ı": "i", "ɑ": "a", "ɡ": "g", "ո": "n", "օ": "o", "ս": "u", "հ": "h", "ց": "g", "∕": "/", "⁄": "/", "․": ".",
        "‐": "-", "‑": "-", "–": "-", "−": "-", "0": "o", "1": "l",
    }
)  # fmt: skip


def plain(path: str) -> str:
    """What is wrong with a path as a name inside a folder, or nothing: ``..``, absolute, control characters."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or (len(path) > 1 and path[1] == ":"):
        return "is no path inside the folder"
    if any(p in ("", ".", "..") for p in parts) and path != ".":
        return "leaves its folder or is written in a roundabout way"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in path):
        return "holds characters that cannot be seen or written"
    return ""


def shown(text: str, most: int = 200) -> str:
    """A name fit for a terminal: control, direction and undecodable characters as escapes, and an end."""
    seen = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else f"\\u{ord(c):04x}" for c in text[:most]
    )
    return seen + ("…" if len(text) > most else "")


def skeleton(path: str) -> str:
    """Names that a reader, or a file system that ignores case, takes for one another have one skeleton."""
    unseen = "".join(c for c in unicodedata.normalize("NFKC", path) if unicodedata.category(c) not in ("Cf", "Mn"))
    return unseen.casefold().translate(_ALIKE)


def twins(paths: Iterable[str]) -> dict[str, str]:
    """Each path that could be taken for an earlier one, and that one. Digits only count where the letters differ."""
    first: dict[str, str] = {}
    found = {}
    for path in sorted(paths):
        other = first.setdefault(skeleton(path), path)
        if other != path and not _numbered(path, other):
            found[path] = other
    return found


def _numbered(a: str, b: str) -> bool:
    """``w0.bin`` beside ``wo.bin``, ``layer1`` beside ``layerl``: plain ASCII that differs in more than case."""
    return a.isascii() and b.isascii() and a.casefold() != b.casefold()


def inside(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it, by name."""
    return folder in ("", ".") or PurePosixPath(path).is_relative_to(PurePosixPath(folder))
