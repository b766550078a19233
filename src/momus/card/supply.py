"""The `supply` section of a card: where files come from, who published them, and which keys and places are trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Section, Words

Published = Annotated[
    str, Field(pattern=r"^(md5:[0-9a-fA-F]{32}|sha1:[0-9a-fA-F]{40}|sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128})$")
]


class SuppliedCard(Section):
    """One file or folder that came from elsewhere.

    ``source`` is where it was taken from (an address, a package and version), ``publisher`` who made it, ``licence`` an
    SPDX identifier, ``published`` the digest that its authors state (``sha1:…``, ``sha256:…``), ``signature`` a
    signature file beside it and ``key`` the name of the key under ``supply.keys`` that must have made it.
    """

    path: str
    kind: Literal["model", "data", "tokenizer", "extractor", "code"] = "model"
    source: str | None = None
    publisher: str | None = None
    licence: str | None = None
    published: Published | None = None
    signature: str | None = None
    key: str | None = None


class SupplyCard(Section):
    """Provenance: the lock file, the publishers' public keys, the places that are trusted, and the files themselves.

    ``lock`` is the file that ``momus lock`` writes, by default ``momus.lock`` beside the card. ``trusted`` are patterns
    of sources that somebody verified, as in ``zoo.example/acme/*``.
    """

    lock: str = "momus.lock"
    keys: dict[str, str] = Field(default_factory=dict)
    trusted: Words = ()
    files: tuple[SuppliedCard, ...] = ()

    @model_validator(mode="after")
    def _known_keys(self) -> SupplyCard:
        for supplied in self.files:
            if supplied.key is not None and supplied.key not in self.keys:
                raise PydanticCustomError(
                    "card/unknown-key-name", "'{path}' is to be signed by '{key}', which is not under supply.keys",
                    {"path": supplied.path, "key": supplied.key},
                )  # fmt: skip
        return self

    def paths(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Key and path of every file that the section names, the lock aside: it may not be written yet."""
        yield from ((("keys", name), text) for name, text in self.keys.items())
        for i, supplied in enumerate(self.files):
            yield ("files", i, "path"), supplied.path
            if supplied.signature:
                yield ("files", i, "signature"), supplied.signature
