"""Digests that publishers leave beside their files: ``w.pt.sha256``, ``SHA256SUMS``, the front matter of a readme.

Whoever can change a file can change what stands beside it, so such a digest shows a broken or mixed-up download and
says nothing about who made the file. The card's own ``published`` comes first.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from momus.methods.provenance import digests

_MOST = 1 << 20
_ENDINGS = ("sha512", "sha256", "sha1", "md5")
_LISTS = {
    "SHA512SUMS": "sha512", "SHA256SUMS": "sha256", "SHA1SUMS": "sha1", "MD5SUMS": "md5", "sha256sums.txt": "sha256",
    "sha256sum.txt": "sha256", "checksums.txt": "",
}  # fmt: skip
_READMES = ("readme.md", "README.md")
_DOCUMENT = re.compile(
    r"(readme|licen[cs]e|copying|notice|authors|changelog)(\.(md|txt|rst))?|.*\.(sha512|sha256|sha1|md5|sig|asc)"
    r"|(sha512|sha256|sha1|md5)sums?(\.txt)?|checksums\.txt|model-index\.json|\.gitattributes|\.gitignore",
    re.IGNORECASE,
)
_FRONT = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def is_document(path: str) -> bool:
    """Whether a file in a folder of weights is one that tells about them: nobody publishes digests of those."""
    return _DOCUMENT.fullmatch(path.rpartition("/")[2]) is not None


class Shelf:
    """The small text files of a folder and those around it, each folder listed and each text read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names: dict[str, frozenset[str]] = {}
        self._texts: dict[str, str] = {}

    def names(self, folder: str) -> frozenset[str]:
        """What lies in a folder below the root; nothing for one that is a link or cannot be listed."""
        if folder not in self._names:
            try:
                found = frozenset(os.listdir(self.root / folder))  # noqa: PTH208
            except OSError:
                found = frozenset()
            self._names[folder] = found
        return self._names[folder]

    def text(self, folder: str, name: str) -> str:
        """A small text file's content, or nothing."""
        if name not in self.names(folder):
            return ""
        rel = f"{folder}/{name}" if folder else name
        if rel not in self._texts:
            try:
                with digests.open_inside(self.root, rel) as stream:
                    self._texts[rel] = (stream.read(_MOST) or b"").decode("utf-8", "replace")
            except (digests.Refused, OSError):
                self._texts[rel] = ""
        return self._texts[rel]


def beside(shelf: Shelf, rel: str) -> tuple[str, str]:
    """(digest such as ``sha1:…``, file it stands in) for a file below the root; two blanks where none is stated."""
    folder, _, name = rel.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    for ending in _ENDINGS:
        if digits := _first(shelf.text(folder, f"{name}.{ending}"), ending):
            return f"{ending}:{digits}", f"{rel}.{ending}"
    for sums, algorithm in _LISTS.items():
        if found := _listed(shelf.text(folder, sums), name, algorithm):
            return found, prefix + sums
    for readme in _READMES:
        if found := _front_matter(shelf.text(folder, readme), name):
            return found, prefix + readme
    return "", ""


def front_matter(content: str) -> dict[str, str]:
    """The plain ``key: value`` lines between the first two ``---`` of a readme."""
    match = _FRONT.match(content)
    lines = match[1].splitlines() if match else []
    pairs = (re.match(r"([A-Za-z0-9_-]+):[ \t]*(.*?)[ \t]*$", line) for line in lines)
    return {p[1].lower(): p[2].strip("'\"") for p in pairs if p}


def _first(content: str, algorithm: str) -> str:
    """The digest at the start of a one-line file."""
    word = content.split(maxsplit=1)[0].lower() if content.strip() else ""
    return word if re.fullmatch(f"[0-9a-f]{{{digests.LENGTHS[algorithm]}}}", word) else ""


def _listed(content: str, name: str, algorithm: str) -> str:
    """The entry of a file in a list as sha256sum writes it; two that differ are none."""
    found = set()
    for digits, file in re.findall(r"^([0-9a-fA-F]{32,128})[ \t]+\*?(?:\./)?(\S.*?)[ \t]*$", content, re.MULTILINE):
        kinds = [a for a, length in digests.LENGTHS.items() if length == len(digits)]
        if file == name and kinds and algorithm in ("", kinds[0]):
            found.add(f"{kinds[0]}:{digits.lower()}")
    return found.pop() if len(found) == 1 else ""


def _front_matter(content: str, name: str) -> str:
    """``sha1: …`` as the Caffe Model Zoo wrote it, for the file that the same front matter names, or the only one."""
    said = front_matter(content)
    named = next((said[k] for k in ("caffemodel", "weights", "file") if said.get(k)), "")
    if named and named.rpartition("/")[2] != name:
        return ""
    for algorithm in _ENDINGS:
        digits = said.get(algorithm, "").lower()
        if re.fullmatch(f"[0-9a-f]{{{digests.LENGTHS[algorithm]}}}", digits):
            return f"{algorithm}:{digits}"
    return ""
