"""What lies around a model: the user's own path from received bytes to an answer, and the software beneath it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from momus.core.capabilities_target import Target


@dataclass(frozen=True, slots=True)
class Serving:
    """The path that a caller's bytes take, from what is received to what is answered.

    ``answer`` turns bytes into a label, number, text, array, or a mapping of those. ``decode`` is its first half: bytes
    into what the model sees (an array, a table, a text). ``also`` are other readers of the same file, by name: a
    viewer, the loader of the training data. ``formats`` are those that callers may send: png, jpeg, gif, webp, bmp,
    tiff, wav, flac, ogg, csv, json, jsonl, parquet, npy, npz, text, xml, other. ``examples`` are honest inputs by
    file name. ``seconds`` is what one request may take, ``memory_mb`` what it may take beyond what the process holds
    anyway. ``refuses`` names the exceptions (or parents of them) that the service turns into an orderly refusal.
    ``address`` is the file.py:function of ``answer``, meant from ``base``, for reproducers of one line.
    """

    answer: Callable[[bytes], Any]
    decode: Callable[[bytes], Any] | None = None
    also: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    examples: tuple[tuple[str, bytes], ...] = ()
    seconds: float = 2.0
    memory_mb: int = 512
    refuses: tuple[str, ...] = ()
    address: str = ""
    base: Path = Path()


@runtime_checkable
class Serves(Target, Protocol):
    """Takes bytes as they come from a caller, decodes them and answers."""

    def serving(self) -> Serving: ...


@dataclass(frozen=True, slots=True)
class Packages:
    """What is known of the software beneath: paths only, nothing is opened and nothing of it is run.

    ``locks`` are lock files and lists of requirements, ``sboms`` bills of materials (CycloneDX, SPDX), ``environment``
    the folder of a virtual environment, ``code`` the serving code, ``advisories`` an OSV dump on disk (zip, folder or
    one file).
    """

    locks: tuple[Path, ...] = ()
    sboms: tuple[Path, ...] = ()
    environment: Path | None = None
    code: tuple[Path, ...] = ()
    advisories: Path | None = None

    @property
    def named(self) -> tuple[Path, ...]:
        """Every place where packages are listed; empty where nothing is known of them."""
        return (*self.locks, *self.sboms, *([self.environment] if self.environment else ()))


@runtime_checkable
class HasPackages(Target, Protocol):
    """Stands on software whose parts and versions are written down."""

    def packages(self) -> Packages: ...
