"""The `serve` and `dependencies` sections of a target: what receives a caller's bytes, and the software beneath."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Positive, Section, Words

Format = Literal[
    "png", "jpeg", "gif", "webp", "bmp", "tiff", "wav", "flac", "ogg", "csv", "json", "jsonl", "parquet", "npy", "npz",
    "text", "xml", "other",
]  # fmt: skip


class ServeCard(Section):
    """The system's own path from received bytes to an answer. Functions are addresses, ``file.py:function``.

    ``answer`` takes bytes and gives a label, a number, a text, an array or a mapping of those. ``decode`` is its first
    half, bytes into what the model sees. ``also`` are other readers of the same files, by name: a viewer, the loader of
    the training data. A function without arguments makes the one that is meant. ``examples`` are honest inputs, files
    or folders. ``seconds`` and ``memory_mb`` are what one request may take. ``refuses`` names the exceptions that the
    service turns into an orderly refusal.
    """

    answer: str
    decode: str | None = None
    also: dict[str, str] = Field(default_factory=dict)
    formats: Annotated[tuple[Format, ...], Field()] = ()
    examples: Words = ()
    seconds: Annotated[FiniteFloat, Field(gt=0)] = 2.0
    memory_mb: Positive = 512
    refuses: Words = ()

    def code(self) -> Iterator[tuple[str, str]]:
        """Key and address of every function that the section names."""
        yield "answer", self.answer
        if self.decode:
            yield "decode", self.decode
        yield from ((f"also.{name}", address) for name, address in self.also.items())


class DependenciesCard(Section):
    """The software beneath: lock files, bills of materials, an installed environment, the serving code.

    ``environment`` is the folder of a virtual environment, or ``this`` for the one that Momus runs in. ``advisories``
    is an OSV dump on disk: a zip, a folder or one file. ``code`` is read, never run.
    """

    locks: Words = ()
    sbom: Words = ()
    environment: str | None = None
    code: Words = ()
    advisories: str | None = None

    @model_validator(mode="after")
    def _named(self) -> DependenciesCard:
        if not (self.locks or self.sbom or self.environment):
            raise PydanticCustomError(
                "card/missing-key", "dependencies need a list of packages. For example locks: [requirements.txt]"
            )
        return self

    def paths(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Key and path of every file or folder that the section names."""
        for key in ("locks", "sbom", "code"):
            yield from (((key, i), text) for i, text in enumerate(getattr(self, key)))
        if self.environment and self.environment != "this":
            yield ("environment",), self.environment
        if self.advisories:
            yield ("advisories",), self.advisories
