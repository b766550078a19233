"""Bills of materials from a lock: CycloneDX 1.6 with machine-learning components, or SPDX 2.3, both JSON.

The same lock gives the same bytes, time and serial number included: both follow from what is listed. Paths are those of
the lock, relative to the card.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from momus.methods.provenance import bom_cyclonedx, bom_spdx
from momus.methods.provenance.lockfile import Lock, Locked


@dataclass(frozen=True, slots=True)
class Model:
    """What the card knows of the model behind a target: its files' names start with ``named``."""

    name: str
    task: str
    inputs: str = ""
    outputs: str = ""
    classes: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that goes into a bill. ``libraries`` are (name, version) pins."""

    system: str
    description: str
    files: tuple[Locked, ...]
    models: tuple[Model, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    made: str = "1970-01-01"
    version: str = ""

    @property
    def serial(self) -> uuid.UUID:
        """The same for the same contents."""
        digests = "\n".join(f"{f.path} {f.sha256}" for f in self.files)
        pins = "\n".join(f"{n}=={v}" for n, v in self.libraries)
        return uuid.uuid5(uuid.NAMESPACE_URL, f"momus:{self.system}\n{digests}\n{pins}")


def contents(
    lock: Lock, description: str = "", models: Sequence[Model] = (), libraries: Sequence[tuple[str, str]] = (),
    version: str = "",
) -> Contents:  # fmt: skip
    """The contents of a bill over a lock; its date is that of the newest entry."""
    made = max((f.locked for f in lock.files), default="") or "1970-01-01"
    pins = tuple(sorted(set(libraries)))
    return Contents(
        lock.system, description, tuple(_at_home(f) for f in lock.files), tuple(models), pins, made, version
    )


def _at_home(entry: Locked) -> Locked:
    """An entry without places of this machine: a file outside the card's folder keeps its name only."""
    local = entry.source.startswith(("/", "~", ".", "file:")) or entry.source[1:3] in (":\\", ":/")
    path = entry.path
    if path.startswith(("/", "..")):
        path = f"outside/{entry.sha256[:8]}/{path.rpartition('/')[2]}"
    return replace(entry, path=path, source="" if local else entry.source)


def write(kind: str, of: Contents) -> str:
    """The bill as JSON text."""
    made: dict[str, Any] = bom_cyclonedx.bill(of) if kind == "cyclonedx" else bom_spdx.bill(of)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
