"""Which files belong to training code: those named, those in named folders, and what they import from beside."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from momus.core import digest
from momus.methods.code_leads import source

MOST_FILES = 2000
# Besides Python these run too, so a folder that holds them is not read in full. Tables and texts are no code.
_RUNS = frozenset(
    """
    .py .pyw .ipynb .so .pyd .dll .dylib .pyc .pyo .pyx .pxd .sh .bash .zsh .ps1 .bat .c .cc .cpp .cu .js .pl
    .rb .jl .r .whl .egg .zip .pth .lua .exe .jar
    """.split()  # noqa: SIM905 - words read better than strings
)


def gather(named: Sequence[Path], beside: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Files to be read, in order and at most 2,000: a list that goes on in any case shows that it was cut.

    Links are listed and not followed. Only imports that a file beside can answer are followed, or one in the folders
    ``beside``, which are not read by themselves.
    """
    found: dict[Path, None] = {}
    queue = [f for path in named for f in (_within(path) if path.is_dir() else [path])]
    roots = {p if p.is_dir() else p.parent for p in named} | set(beside)
    while queue and len(found) <= MOST_FILES:
        path = queue.pop(0)
        if path in found:
            continue
        found[path] = None
        queue += [p for p in _beside(path, roots) if p not in found]
    return tuple(found)


def digest_of(paths: Iterable[Path]) -> str:
    """One digest over names and contents; what is too large or no plain file counts with its size."""
    parts = []
    for path in paths:
        plain = path.is_file() and not path.is_symlink() and path.stat().st_size <= source.MOST_BYTES
        known = (
            digest.of_file(path) if plain else str(path.lstat().st_size if path.is_symlink() or path.exists() else 0)
        )
        parts.append([path.name, known])
    return digest.of_value(parts)


def _within(folder: Path) -> list[Path]:
    found = []
    for path in folder.rglob("*"):
        if (path.is_symlink() or path.is_file()) and path.suffix.lower() in _RUNS:
            found.append(path)
        if len(found) > MOST_FILES:
            break
    return sorted(found)


def _beside(path: Path, roots: set[Path]) -> list[Path]:
    read = source.read(path)
    if read.tree is None:
        return []
    return [p for name in imports(read.tree) for p in _answers(name, path, roots)]


def imports(tree: ast.Module) -> list[str]:
    """Modules that a file names, relative ones with their dots, sorted."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            joint = "" if base.endswith(".") or not base else "."
            found |= {base} if node.module else set()
            found |= {f"{base}{joint}{a.name}" for a in node.names}
    return sorted(found)


def _answers(name: str, path: Path, roots: set[Path]) -> list[Path]:
    """The files that a module's name stands for, looked for beside the file and in the named folders."""
    dots = len(name) - len(name.lstrip("."))
    parts = name.lstrip(".").split(".")
    if dots:
        places = [path.parents[dots - 1]] if dots <= len(path.parents) else []
    else:
        places = [path.parent, *sorted(roots)]
    found = []
    for place in places:
        for stem in (place.joinpath(*parts), place.joinpath(*parts, "__init__")):
            file = stem.with_name(stem.name + ".py")
            if file.is_file() and any(file.is_relative_to(r) for r in roots):
                found.append(file)
        if found:
            break
    return found
