"""Registry: built-in probes are found by their path, without importing them; others by entry point."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from momus.core.errors import NotFound

if TYPE_CHECKING:
    from momus.core.probe import Probe

GROUP = "momus.probes"
_HOME = Path(__file__).resolve().parent.parent / "probes"


@cache
def _addresses() -> dict[str, str]:
    """Probe id -> module that defines it."""
    found = {
        f"{path.parent.name}.{path.stem}": f"momus.probes.{path.parent.name}.{path.stem}"
        for path in sorted(_HOME.glob("*/[a-z]*.py"))
    }
    for entry in importlib.metadata.entry_points(group=GROUP):
        identity = f"{entry.module.split('.')[0]}/{entry.name}"
        if identity in found:
            raise NotFound(f"two packages offer the probe '{identity}'", hint="Uninstall one of them")
        found[identity] = entry.module
    return found


def probe_ids() -> tuple[str, ...]:
    """Ids of all probes, sorted; imports none of them."""
    return tuple(sorted(_addresses()))


@cache
def detector_ids() -> tuple[str, ...]:
    """Names of the detectors of `momus monitor`, found by their files: ``monitor/shift.harm``. Imports none of them."""
    modes = sorted((p.name for p in _HOME.iterdir() if p.is_dir()), key=len, reverse=True)
    stems = (path.stem for path in (_HOME.parent / "monitor" / "detect").glob("[a-z]*.py"))
    found = ((stem, next((m for m in modes if stem.startswith(m + "_")), "")) for stem in stems)
    return tuple(sorted(f"monitor/{mode}.{stem[len(mode) + 1 :]}" for stem, mode in found if mode))


def get_probe(identity: str) -> Probe:
    """The probe with that id; NotFound names the nearest ones."""
    addresses = _addresses()
    if identity not in addresses:
        near = difflib.get_close_matches(identity, addresses, n=3, cutoff=0.4)
        raise NotFound(
            f"no probe '{identity}'", hint=f"Did you mean {', '.join(near)}?" if near else "See: momus list probes"
        )
    module = importlib.import_module(addresses[identity])
    return getattr(module, identity.split(".")[-1])  # type: ignore[no-any-return]


def probes() -> tuple[Probe, ...]:
    """All probes, imported, in the order of their ids."""
    return tuple(get_probe(i) for i in probe_ids())
