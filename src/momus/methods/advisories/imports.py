"""Imports of a program by its syntax trees: its own files are followed, everything else is a module of somebody's."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FILES, _SOURCE, _DOTS = 5000, 4 << 20, 20_000
_LOADERS = frozenset({"import_module", "__import__", "find_spec", "load_module"})
_SKIPPED = frozenset({"site-packages", "node_modules", "__pycache__"})


@dataclass
class Imports:
    """``modules``: top-level module -> place of its first import; ``used``: dotted name -> place of its first use."""

    modules: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    dynamic: str = ""


def read_imports(code: Iterable[Path]) -> Imports:
    """Everything that the files, and those of their own that they import, import. Nothing is executed."""
    seen = Imports()
    given = list(code)
    roots = _roots(given)
    queue = [f for p in given for f in _sources(p)]
    seen.unread += [p.name for p in given if not p.exists()]
    done: set[Path] = set()
    while queue:
        path = queue.pop(0).resolve()
        if path in done:
            continue
        if len(done) >= _FILES:
            seen.unread.append("a file beyond the first 5000")
            break
        done.add(path)
        seen.files.append(path)
        queue += _read(path, roots, seen)
    return seen


def _sources(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.suffix == ".py" else []
    return [
        p
        for p in sorted(path.rglob("*.py"))[: _FILES + 1]
        if not any(part.startswith(".") or part in _SKIPPED for part in p.relative_to(path).parts)
    ]


def _roots(given: list[Path]) -> tuple[Path, ...]:
    """Folders that the program's own absolute imports may start from."""
    found: dict[Path, None] = {}
    for path in given:
        folder = path.resolve() if path.is_dir() else path.resolve().parent
        while (folder / "__init__.py").is_file() and folder != folder.parent:
            folder = folder.parent
        found.update({folder: None, folder / "src": None})
    return tuple(found)


def _read(path: Path, roots: tuple[Path, ...], seen: Imports) -> list[Path]:
    """Note what one file imports and uses; return the files of its own that it leads to."""
    try:
        with path.open("rb") as file:
            source = file.read(_SOURCE + 1)
        if len(source) > _SOURCE:
            raise ValueError("too long")
        nodes = list(ast.walk(ast.parse(source)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        seen.unread.append(path.name)
        return []
    own: list[Path] = []
    aliases: dict[str, str] = {}
    for name, bound, line in _imported(nodes, path, seen):
        top = name.lstrip(".").partition(".")[0]
        found = _file_of(name, path, roots)
        own += found
        if not found and not name.startswith("."):
            seen.modules.setdefault(top, f"{path.name}:{line}")
            aliases.update(bound)
            _use(seen, name, f"{path.name}:{line}")
    _uses(nodes, aliases, path, seen)
    return own


def _imported(nodes: list[ast.AST], path: Path, seen: Imports) -> Iterator[tuple[str, dict[str, str], int]]:
    """Dotted module (with leading dots where relative), what names it binds, and the line."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for a in node.names:
                bound = a.name if a.asname else a.name.partition(".")[0]
                yield a.name, {a.asname or bound: bound}, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for a in node.names:
                dotted = f"{base}.{a.name}" if node.module else f"{base}{a.name}"
                whole = base if a.name == "*" else dotted
                yield whole, {a.asname or a.name: whole}, node.lineno
        elif isinstance(node, ast.Call) and _name(node.func) in _LOADERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, {}, node.lineno
            else:
                seen.dynamic = seen.dynamic or f"{path.name}:{node.lineno}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("exec", "eval"):
            seen.dynamic = seen.dynamic or f"{path.name}:{node.lineno}"


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _file_of(name: str, path: Path, roots: tuple[Path, ...]) -> list[Path]:
    """Files of the program's own behind a dotted name: the module, the packages above it, or what holds the name."""
    level = len(name) - len(name.lstrip("."))
    parts = [p for p in name.lstrip(".").split(".") if p]
    if level:
        base = path.parent
        for _ in range(level - 1):
            base = base.parent
        bases: tuple[Path, ...] = (base,)
    else:
        bases = (path.parent, *roots)
    for base in bases:
        found: list[Path] = []
        for i in range(1, len(parts) + 1):
            stem = base.joinpath(*parts[:i])
            found += [f for f in (stem.with_name(stem.name + ".py"), stem / "__init__.py") if f.is_file()]
            if not found and not stem.is_dir():
                break
        if found or (level and not parts):
            return found
    return []


def _uses(nodes: list[ast.AST], aliases: dict[str, str], path: Path, seen: Imports) -> None:
    for node in nodes:
        if isinstance(node, ast.Attribute):
            parts: list[str] = []
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute) and len(parts) < 12:
                parts.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in aliases:
                _use(seen, ".".join([aliases[inner.id], *reversed(parts)]), f"{path.name}:{node.lineno}")


def _use(seen: Imports, dotted: str, place: str) -> None:
    if len(seen.used) < _DOTS:
        seen.used.setdefault(dotted, place)
