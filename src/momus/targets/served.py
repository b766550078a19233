"""The user's own path from received bytes to an answer, as a target. Opening it runs user code: only workers do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from momus.card.schema import TargetCard
from momus.core import digest, usercode
from momus.core.capabilities import Serving, TargetInfo
from momus.core.errors import TargetError
from momus.methods.code_leads import digest_of, gather
from momus.targets.described import Described
from momus.targets.files import existing

MOST_EXAMPLES = 1_000
LARGEST_EXAMPLE = 64 << 20
_FORMATS = {
    "jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "wave": "wav", "oga": "ogg", "ndjson": "jsonl", "pq": "parquet",
    "txt": "text", "md": "text",
}  # fmt: skip
_KNOWN = frozenset(
    ("png", "jpeg", "gif", "webp", "bmp", "tiff", "wav", "flac", "ogg", "csv", "json", "jsonl", "parquet", "npy", "npz",
     "text", "xml")
)  # fmt: skip


class ServedTarget(Described):
    """Takes bytes as a caller sends them."""

    def __init__(self, serving: Serving, info: TargetInfo) -> None:
        self._serving = serving
        self._info = info

    def serving(self) -> Serving:
        return self._serving

    @property
    def _what(self) -> str:
        return f"{self._serving.address or 'a function'} over {', '.join(self._serving.formats) or 'bytes'}"


def served_target(answer: Callable[[bytes], Any], *, name: str = "service", **settings: Any) -> ServedTarget:
    """A function from bytes to an answer as a target; ``settings`` are further fields of :class:`Serving`.

    Raises TargetError for something that cannot be called.
    """
    if not callable(answer):
        raise TargetError(f"a {type(answer).__name__} cannot answer", place=f"target '{name}'", hint="Give a function")
    serving = Serving(answer=answer, **settings)
    given = [(n, digest.of_bytes(b)) for n, b in serving.examples]
    shown = [serving.formats, given, serving.seconds, serving.memory_mb]
    code = getattr(getattr(answer, "__code__", None), "co_code", b"")
    return ServedTarget(serving, _info(name, digest.of_value([serving.address, code.hex(), *shown])))


def _info(name: str, digested: str) -> TargetInfo:
    return TargetInfo(name, "artifact", "served", digested, modality="file", output="none")


def open_served(card: TargetCard, base: Path, *, allow_unsafe: bool = False) -> ServedTarget:
    """The path that a card's ``serve`` section names. The model's files are scanned before any of its code runs.

    Raises UnsafeArtifact for a refused file, TargetError for code or examples that are missing or too large.
    """
    from momus.targets.open import inside, refuse_unsafe

    assert card.serve is not None
    given = card.serve
    if not allow_unsafe:
        refuse_unsafe(card, base)
    folder = str(base.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # stays: the user's code may import its neighbours only when it is asked
    examples = _examples([existing(base / p) for p in given.examples])
    serving = Serving(
        answer=_function(given.answer, base),
        decode=None if given.decode is None else _function(given.decode, base),
        also={name: _function(address, base) for name, address in given.also.items()},
        formats=tuple(given.formats) or _formats(examples),
        examples=examples,
        seconds=given.seconds,
        memory_mb=given.memory_mb,
        refuses=given.refuses,
        address=given.answer,
        base=base,
    )
    code = [f for _, a in given.code() if (f := usercode.code_file(a, base)) is not None]
    artifacts = inside([existing(base / p) for p in ([card.path] if card.path else []) + list(card.files)])
    identity = [
        digest_of(gather(code, beside=[base.resolve()])), digest.of_files(artifacts), given.model_dump(mode="json"),
        [(name, digest.of_bytes(content)) for name, content in examples],
    ]  # fmt: skip
    return ServedTarget(serving, _info(card.name, digest.of_value(identity)))


def _function(address: str, base: Path) -> Callable[[bytes], Any]:
    """The function itself; one that takes no arguments makes it."""
    found = usercode.load(address, base)
    if isinstance(found, type) or usercode.takes(found) == 0:
        found = usercode.made(address, base, {})
    if not callable(found):
        raise TargetError(
            f"'{address}' made a {type(found).__name__}, which takes no bytes", code="target/serve", place=address,
            hint="Name a function from bytes to an answer, or one without arguments that returns such a function",
        )  # fmt: skip
    return found


def _examples(paths: Sequence[Path]) -> tuple[tuple[str, bytes], ...]:
    found: list[tuple[str, bytes]] = []
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.stat().st_size > LARGEST_EXAMPLE:
                raise TargetError(
                    f"an example of more than {LARGEST_EXAMPLE >> 20} MB", code="target/example", place=str(file),
                    hint="Name smaller examples under targets[].serve.examples",
                )  # fmt: skip
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            found.append((name, file.read_bytes()))
            if len(found) > MOST_EXAMPLES:
                raise TargetError(
                    f"more than {MOST_EXAMPLES} examples", code="target/example", place=str(path),
                    hint="Name a smaller folder under targets[].serve.examples",
                )  # fmt: skip
    return tuple(found)


def _formats(examples: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
    """Formats by the endings of the examples' names, in order of appearance."""
    endings = [name.rpartition(".")[2].lower() for name, _ in examples if "." in name]
    named = [_FORMATS.get(e, e) for e in endings]
    return tuple(dict.fromkeys(f if f in _KNOWN else "other" for f in named))
