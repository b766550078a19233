"""A file of code -> its text and its tree, or why it could not be understood. Hostile files only cost a little time."""

from __future__ import annotations

import ast
import codecs
import hashlib
import io
import json
import os
import stat
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 2_000_000
MOST_NESTED = 150
MOST_NODES = 400_000
_ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "iso8859-1", "cp1252", "iso8859-15"})


@dataclass(frozen=True, slots=True)
class Source:
    """``tree`` is None where the file was not understood, and ``why`` says why."""

    sha256: str
    size: int
    text: str = ""
    tree: ast.Module | None = None
    why: str = ""


def read(path: Path) -> Source:
    """The file's text and tree. Never raises for what a file holds: a bomb, a null byte, a device, another language."""
    try:
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode):
            return Source("", 0, why="it is a link, which is not followed" if stat.S_ISLNK(mode) else "it is no file")
        size = path.stat().st_size
        if size > MOST_BYTES:
            return Source("", size, why=f"it has {size:,} bytes, more than the {MOST_BYTES:,} that are read")
        raw = path.read_bytes()
    except OSError as error:
        return Source("", 0, why=f"it cannot be read: {error.strerror}")
    digest = hashlib.sha256(raw).hexdigest()
    if path.suffix.lower() not in (".py", ".pyw", ".ipynb"):
        return Source(digest, size, why=f"it is not Python source ({path.suffix or 'no suffix'})")
    if b"\0" in raw:
        return Source(digest, size, why="it holds null bytes")
    text, why = _decoded(raw, path.suffix)
    if why:
        return Source(digest, size, why=why)
    tree, why = _parsed(text)
    return Source(digest, size, text, tree, why)


def _decoded(raw: bytes, suffix: str) -> tuple[str, str]:
    if suffix == ".ipynb":
        return _notebook(raw)
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        encoding = "utf-8-sig" if encoding == "utf-8-sig" else codecs.lookup(encoding).name
        if encoding not in _ENCODINGS:
            return "", f"it declares the encoding {encoding[:40]}, which may stand for other code than it shows"
        return raw.decode(encoding), ""
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return "", f"its encoding cannot be read: {str(error)[:80]}"


def _notebook(raw: bytes) -> tuple[str, str]:
    """Code cells of a notebook, one after another; lines for the shell become comments that the rules still see."""
    try:
        cells = json.loads(raw)["cells"]
        code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", "it is not a notebook that can be read"
    if any(line.lstrip().startswith(("!", "%%")) for cell in code for line in cell.splitlines()):
        return "", "it is a notebook that runs shell commands or cell magic"
    return "\n".join("\n".join("" if x.lstrip().startswith("%") else x for x in c.splitlines()) for c in code), ""


def _parsed(text: str) -> tuple[ast.Module | None, str]:
    if _nested(text) > MOST_NESTED:
        return None, f"it is nested more than {MOST_NESTED} deep"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return None, f"it is not Python 3: {str(error)[:100]}"
    except (RecursionError, MemoryError):
        return None, "it is too deep to be parsed"
    return (tree, "") if _is_shallow(tree) else (None, f"its tree is more than {MOST_NESTED} deep or too large")


def _nested(text: str) -> int:
    """An upper bound of how deep brackets, signs and dots are nested, without parsing. Strings count as code."""
    deepest = depth = run = longest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}":
            depth = max(0, depth - 1)
        run = run + 1 if c in "-+~" else (run if c in " \t\\" else 0)
        longest = max(longest, run)
    # A row of 200 signs is a comment's rule; only thousands of them are a threat to a parser.
    return max(deepest, 0 if longest < 1000 else longest)


def _is_shallow(tree: ast.AST) -> bool:
    stack, seen = [(tree, 0)], 0
    while stack:
        node, depth = stack.pop()
        seen += 1
        if depth > MOST_NESTED or seen > MOST_NODES:
            return False
        stack += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return True
