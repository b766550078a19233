"""The statement that is signed: which files a model is made of, each with its digest. Read, held against disk, made."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from momus.methods.provenance import digests, names, strict
from momus.methods.provenance.strict import Malformed, get

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
_MOST = 2_000_000
_HASHES = {"sha256": 64, "blake2b": 128}
_SHARD = re.compile(r"(.+):(0|[1-9][0-9]{0,18}):([1-9][0-9]{0,18})", re.DOTALL)

Spans = tuple[tuple[int, int, str], ...]
Outcome = tuple[digests.Read, Spans] | digests.Refused


class Unsupported(Exception):
    """A statement of a kind that is not verified here; the message says which."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Digests by file, or by file and span for ``shards``. ``ignored`` are paths that the signature leaves out."""

    name: str
    method: str
    algorithm: str
    files: dict[str, Spans]
    ignored: tuple[str, ...] = ()
    links: bool = False

    @property
    def single(self) -> bool:
        """A signature over one file, which the format calls ``.``."""
        return set(self.files) == {"."}


@dataclass
class Compared:
    """A folder held against a statement. All names are relative to the signed file or folder."""

    good: dict[str, digests.Read] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not (self.changed or self.missing or self.added or self.refused)


def parse(payload: bytes) -> Statement:
    """The statement in a verified payload. Malformed or Unsupported says why it speaks of no files."""
    whole = strict.parse(payload, "the statement")
    if whole.get("_type") != TYPE:
        raise Malformed("the payload is no in-toto statement of version 1")
    kind = get(whole, "predicateType", str, "the statement")
    if kind != PREDICATE:
        raise Unsupported(f"the statement is of type '{names.shown(kind, 80)}', not a model signature of version 1.0")
    subjects = get(whole, "subject", list, "the statement")
    if len(subjects) != 1:
        raise Malformed(f"the statement has {len(subjects)} subjects, and one is meant")
    said = get(get(subjects[0], "digest", dict, "the subject"), "sha256", str, "the subject")
    predicate = get(whole, "predicate", dict, "the statement")
    how = get(predicate, "serialization", dict, "the predicate")
    resources = get(predicate, "resources", list, "the predicate")
    if not 0 < len(resources) <= _MOST:
        raise Malformed(f"the signature covers {len(resources):,} files")
    method, algorithm, label = _way(how)
    root = hashlib.sha256()
    files: dict[str, list[tuple[int, int, str]]] = {}
    for resource in resources:
        path, start, end, digest = _resource(resource, method, algorithm, label)
        root.update(bytes.fromhex(digest))
        files.setdefault(path, []).append((start, end, digest))
    if root.hexdigest() != said.lower():
        raise Malformed("the statement's own digest does not fit its files")
    _sound(files, method)
    ignored = how.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(p, str) for p in ignored):
        raise Malformed("the list of ignored paths is no list of paths")
    spans = {p: tuple(sorted(s)) for p, s in files.items()}
    links = how.get("allow_symlinks") is True
    name = get(subjects[0], "name", str, "the subject")
    return Statement(name, method, algorithm, spans, tuple(sorted(ignored)), links)


def _way(how: dict[str, Any]) -> tuple[str, str, str]:
    """(files | shards, hash, what each resource must say its algorithm is)."""
    method, algorithm = get(how, "method", str, "the serialization"), get(how, "hash_type", str, "the serialization")
    if method not in ("files", "shards"):
        raise Unsupported(f"files were put together by '{names.shown(method, 40)}', which is not verified here")
    if algorithm not in _HASHES:
        raise Unsupported(f"digests are {names.shown(algorithm, 40)}, which is not verified here")
    if method == "files":
        return method, algorithm, algorithm
    size = how.get("shard_size")
    if not isinstance(size, int | float) or isinstance(size, bool) or size != size // 1 or not 1 <= size < 1 << 62:
        raise Malformed("the size of the shards is no whole number")
    return method, algorithm, f"{algorithm}-sharded-{int(size)}"


def _resource(value: Any, method: str, algorithm: str, label: str) -> tuple[str, int, int, str]:
    name = get(value, "name", str, "a file of the statement")
    digest = get(value, "digest", str, "a file of the statement")
    if get(value, "algorithm", str, "a file of the statement") != label:
        raise Malformed(f"'{names.shown(name, 80)}' is digested by another algorithm than the statement says")
    if len(digest) != _HASHES[algorithm] or digest.strip("0123456789abcdef"):
        raise Malformed(f"'{names.shown(name, 80)}' has no usable digest")
    start, end = 0, -1
    if method == "shards":
        match = _SHARD.fullmatch(name)
        if match is None:
            raise Malformed(f"'{names.shown(name, 80)}' names no part of a file")
        name, start, end = match[1], int(match[2]), int(match[3])
    if fault := names.plain(name):
        raise Malformed(f"'{names.shown(name, 80)}' {fault}")
    return name, start, end, digest


def _sound(files: dict[str, list[tuple[int, int, str]]], method: str) -> None:
    """No file twice, no gap or overlap between shards, and ``.`` only alone."""
    if "." in files and len(files) > 1:
        raise Malformed("the statement speaks of one file and of a folder at once")
    for path, spans in files.items():
        if method == "files" and len(spans) > 1:
            raise Malformed(f"'{names.shown(path, 80)}' stands twice in the statement")
        at = 0
        for start, end, _ in sorted(spans) if method == "shards" else ():
            if start != at or end <= start:
                raise Malformed(f"the parts of '{names.shown(path, 80)}' overlap or leave gaps")
            at = end


def compare(statement: Statement, root: Path, rel: str, known: dict[str, digests.Read] | None = None) -> Compared:
    """What lies at ``rel`` below ``root``, held against the statement. Ignored paths are listed, not read.

    ``known`` are readings of this same check by path below ``root``, so that no file is read twice.
    """
    found = Compared()
    if statement.single:
        paths = ["."]
    else:
        prefix = "" if rel == "." else rel + "/"
        paths = [p.removeprefix(prefix) for p in digests.below(root, rel)]
        if (root / rel).is_file() or paths == [rel]:
            found.missing = sorted(statement.files)
            return found
    ignored = [p for p in paths if any(names.inside(p, i) for i in statement.ignored)]
    found.left_out = [p for p in ignored if p not in statement.files]
    wanted = [p for p in paths if p not in found.left_out]
    for path, outcome in zip(
        wanted, digests.side_by_side(_one(statement, root, rel, known or {}), wanted), strict=True
    ):
        _file(found, statement, path, outcome)
    found.missing = sorted(set(statement.files) - set(wanted))
    return found


def _one(statement: Statement, root: Path, rel: str, known: dict[str, digests.Read]) -> Callable[[str], Outcome]:
    def work(path: str) -> Outcome:
        place = rel if path == "." else (path if rel == "." else f"{rel}/{path}")
        if path not in statement.files:
            try:
                with digests.open_inside(root, place) as stream:
                    return digests.Read(os.fstat(stream.fileno()).st_size), ()
            except digests.Refused as error:
                return error
        try:
            if statement.method == "shards":
                return _spans(statement, root, place, path)
            seen = known.get(place)
            if seen is None or statement.algorithm not in seen.digests:
                seen = digests.read(root, place, (statement.algorithm,))
            return seen, ((0, -1, seen.digests[statement.algorithm]),)
        except digests.Refused as error:
            return error

    return work


def _spans(statement: Statement, root: Path, place: str, path: str) -> Outcome:
    """Digests of the parts of a file, each hashed on its own, all from one opened file."""
    with digests.open_inside(root, place) as stream:
        size = os.fstat(stream.fileno()).st_size
        made = []
        for start, end, _ in statement.files[path]:
            hasher = hashlib.new(statement.algorithm)
            left = min(end, size) - start
            stream.seek(start)
            while left > 0 and (block := stream.read(min(left, 1 << 20))):
                hasher.update(block)
                left -= len(block)
            made.append((start, min(end, size), hasher.hexdigest()))
        if size > statement.files[path][-1][1]:
            made.append((statement.files[path][-1][1], size, ""))
    return digests.Read(size), tuple(made)


def _file(found: Compared, statement: Statement, path: str, outcome: Outcome) -> None:
    if isinstance(outcome, digests.Refused):
        if outcome.missing and path in statement.files:
            found.missing.append(path)
        else:
            found.refused[path] = str(outcome)
        return
    seen, spans = outcome
    if path not in statement.files:
        # Files without content are no part of a signature by shards, so nothing can be said against one.
        (found.left_out if statement.method == "shards" and seen.size == 0 else found.added).append(path)
    elif spans == statement.files[path]:
        found.good[path] = seen
    else:
        found.changed[path] = spans[0][2]


def make(name: str, files: dict[str, str], ignored: Sequence[str] = ()) -> bytes:
    """A statement over sha256 digests by path (``.`` for a single file), as OpenSSF model signing 1.0 writes it."""
    resources = [{"algorithm": "sha256", "digest": files[p], "name": p} for p in sorted(files, key=_order)]
    root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    how: dict[str, Any] = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    if ignored:
        how["ignore_paths"] = sorted(ignored)
    whole = {
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": how, "resources": resources},
    }
    return json.dumps(whole, indent=2, ensure_ascii=True).encode()


def _order(path: str) -> tuple[str, ...]:
    """By parts, as paths are ordered: ``a/b`` before ``a.b``."""
    return tuple(path.split("/"))
