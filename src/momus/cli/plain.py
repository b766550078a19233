"""Taxonomy objects and probes as plain values for ``--json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


def plain(kind: str, thing: Any) -> dict[str, Any]:
    """A JSON-able dictionary of what `momus explain` found."""
    if kind == "probe":
        return _probe(thing)
    if kind == "outside":
        return {"items": values(thing)}
    found: dict[str, Any] = values(thing)
    if kind == "mode":
        from momus.core.registry import probe_ids
        from momus.taxonomy import load

        tax = load()
        found["probes"] = [i for i in probe_ids() if i.startswith(f"{thing.slug}.")]
        found["bugbar"] = values(tax.bugbar.of(thing.id))
        found["crosswalk"] = [values(x) for x in tax.crosswalk if x.mode_id == thing.id]
        found["questions"] = [q.id for q in tax.questions if thing.id in q.modes]
    return found


def values(thing: Any) -> Any:
    """Dataclasses, mappings and tuples all the way down as dictionaries and lists."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: values(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    if isinstance(thing, Mapping):
        return {str(k): values(v) for k, v in thing.items()}
    if isinstance(thing, tuple | list):
        return [values(v) for v in thing]
    return thing if isinstance(thing, str | int | float | bool | None) else str(thing)


def _probe(probe: Any) -> dict[str, Any]:
    from momus.core.capabilities import abilities

    return {
        "id": probe.id,
        "mode": probe.mode,
        "also": list(probe.also),
        "summary": probe.summary,
        "doc": probe.doc,
        "knowledge": probe.knowledge.value,
        "needs": list(abilities(probe.needs)),
        "data": list(probe.data),
        "optional_data": list(probe.optional_data),
        "metric": probe.metric,
        "worse": probe.worse,
        "unit": probe.unit,
        "options": {k: values(v) for k, v in probe.options.items()},
        "cost": probe.cost,
        "source": probe.source,
        "extra": probe.extra,
        "tasks": list(probe.tasks),
        "modalities": list(probe.modalities),
        "version": probe.version,
    }
