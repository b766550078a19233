"""From a card to its Reference: a confined worker reads the rows and asks the model once; kept by digest."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from momus.assess.measuring import request_for
from momus.assess.plan import DEFAULT_MEMORY_MB
from momus.assess.run import Settings
from momus.assess.supervise import Bounds, Listener, run_confined
from momus.card import SystemCard, TargetCard
from momus.card.monitor import MonitorCard
from momus.core import digest
from momus.core.errors import CardError, DataError, MomusError
from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.monitor.reference import Reference

SECONDS = 900.0
_FORMAT = 1  # of what is kept; another number makes it anew
_NO_TASK = {"name": "model", "adapter": "", "task": "", "classes": [], "input": {"size": None, "rate": None}}


@dataclass(frozen=True)
class Built:
    """A reference with what is to be known about it: rows that were drawn, a model that did not open."""

    reference: Reference
    notes: tuple[str, ...] = ()
    unopened: str = ""
    kept: bool = False


def build(
    card: SystemCard,
    folder: Path | None = None,
    *,
    fresh: bool = False,
    allow_unsafe: bool = False,
    listener: Listener | None = None,
) -> Built:
    """The reference of the card's ``monitor`` section, made in a confined worker, or read where ``folder`` holds it.

    Raises CardError where the section, its target or its data set is missing, and DataError where the rows cannot be
    read. A model that does not open is no error: ``unopened`` says why, and detectors that go by inputs alone work.
    """
    wanted = section(card)
    target = target_of(card)
    roles = _roles(card, wanted, target)
    kept = folder or card.base / ".momus" / "monitor" / "references"
    where = kept / f"{_key(card, wanted, target, roles)[:32]}.npz"
    found = None if fresh else _read(where, card, wanted, target)
    if found is not None and not found.unopened:  # what did not open then may open now
        return found
    kept.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=kept, suffix=".part")
    os.close(handle)
    try:
        told = _made(card, target, roles, Path(part), allow_unsafe, listener)
        Path(part).replace(where)
    finally:
        Path(part).unlink(missing_ok=True)
    side = where.with_suffix(".json")
    half = side.with_suffix(f".{os.getpid()}.part")
    half.write_text(json.dumps(told), "utf-8")
    half.replace(side)  # last: without it the arrays count as absent
    made = _read(where, card, wanted, target)
    if made is None:
        raise DataError("the reference could not be kept", code="monitor/reference", place=str(where))
    return Built(made.reference, made.notes, made.unopened)


def section(card: SystemCard) -> MonitorCard:
    """The card's monitor section; CardError where there is none."""
    if card.monitor is None:
        raise CardError(
            "the card does not say what to watch", code="card/no-monitor", place=card.place(),
            hint="Add monitor: {source: requests.jsonl}; see docs/monitor.md",
        )  # fmt: skip
    return card.monitor


def target_of(card: SystemCard) -> TargetCard | None:
    """The target that is watched: the one named, else the first that answers; None where the card has none."""
    wanted = section(card)
    if wanted.target is not None:
        found = next((t for t in card.targets if t.name == wanted.target), None)
        if found is None:
            names = ", ".join(t.name for t in card.targets) or "none"
            raise CardError(
                f"monitor watches '{wanted.target}', which is no target of this card", code="card/unknown-target",
                place=card.place("monitor", "target"), hint=f"Its targets: {names}",
            )  # fmt: skip
        return found
    return next((t for t in card.targets if t.adapter not in ("files", "served") and t.task != "artifact"), None)


def watched(card: SystemCard) -> str:
    """The name under which the target is reported."""
    target = target_of(card)
    return target.name if target is not None else "model"


def _roles(card: SystemCard, wanted: MonitorCard, target: TargetCard | None) -> dict[str, str]:
    """What the worker reads: rows, and the rows of training. A set that is named must exist; ``test`` may lack."""
    own = dict(target.data) if target is not None else {}
    roles: dict[str, str] = {}
    for key, name in (("rows", wanted.reference), ("members", wanted.members or "train")):
        real = own.get(name, name)
        if real in card.data:
            roles[key] = name
        elif ("reference" if key == "rows" else "members") in wanted.model_fields_set:
            named = "reference" if key == "rows" else "members"
            raise CardError(
                f"monitor.{named} is '{name}', which is no data set of this card", code="card/unknown-data",
                place=card.place("monitor", named), hint=f"Its data sets: {', '.join(sorted(card.data)) or 'none'}",
            )  # fmt: skip
    return roles


def _key(card: SystemCard, wanted: MonitorCard, target: TargetCard | None, roles: Mapping[str, str]) -> str:
    """All that decides the reference: the target's section, the data's, and the content of every file they name."""
    raw = card.stored()  # names of environment variables, never their values
    sections = [t for t in raw.get("targets", ()) if target is not None and t.get("name", "model") == target.name]
    files = sorted((e.text, _content(e.path)) for e in card.paths() if e.keys[0] in ("targets", "data"))
    return digest.of_value([_FORMAT, card.system, sections, raw.get("data"), dict(roles), list(wanted.versions), files])


def _content(path: Path) -> str:
    """sha256 of a file, or of all in a folder; empty where there is nothing."""
    if path.is_file():
        return digest.of_file(path)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        return digest.of_value([(p.relative_to(path).as_posix(), digest.of_file(p)) for p in inside])
    return ""


def _made(
    card: SystemCard,
    target: TargetCard | None,
    roles: Mapping[str, str],
    out: Path,
    allow_unsafe: bool,
    listener: Listener | None,
) -> dict[str, Any]:
    """Have a worker write the arrays; what it says about them."""
    more = {
        "action": "reference", "out": str(out.resolve()),
        "reference": {"rows": roles.get("rows"), "members": roles.get("members")},
    }  # fmt: skip
    settings = Settings(allow_unsafe=allow_unsafe)
    if target is not None:
        request = request_for(card, target.name, settings, **more)
    else:
        request = {
            "base": str(card.base.resolve()), "target": _NO_TASK, "allow_unsafe": False, "network": [],
            "data": {name: data.model_dump(mode="json") for name, data in card.data.items()},
            "memory_mb": card.budget.memory_mb or DEFAULT_MEMORY_MB, "face": "model", **more,
        }  # fmt: skip
    outcome = run_confined(request, Bounds(SECONDS, request["memory_mb"]), listener)
    if outcome.failure is not None:
        f = outcome.failure
        raise DataError(f["message"], code=f["code"], place=f.get("place", ""), hint=f.get("hint", ""))
    return {"format": _FORMAT, **outcome.body}


def _read(where: Path, card: SystemCard, wanted: MonitorCard, target: TargetCard | None) -> Built | None:
    """What is kept under a digest; None where there is nothing, or nothing that can be read."""
    try:
        told = json.loads(where.with_suffix(".json").read_text("utf-8"))
        with np.load(where, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        made = _reference(told, arrays, card, wanted, target)
        notes, failed = tuple(map(str, told["notes"])), told["unopened"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None  # damaged: it is made again
    return Built(made, notes, _said(failed) if failed else "", kept=True)


def _reference(
    told: Mapping[str, Any],
    arrays: Mapping[str, NumpyArray],
    card: SystemCard,
    wanted: MonitorCard,
    target: TargetCard | None,
) -> Reference:
    columns = tuple(
        Column(**{**c, "kind": ColumnKind(c["kind"]), "categories": tuple(c["categories"])}) for c in told["columns"]
    )
    x = arrays.get("x", np.zeros((0, len(columns))))
    n, d = x.shape
    task = target.task if target is not None else "classifier"
    return Reference(
        target=target.name if target is not None else "model",
        system=card.system,
        task=task,
        x=x,
        columns=columns,
        encoder=str(told["encoder"]),
        outputs=arrays.get("outputs", np.zeros((n, 0))),
        said=arrays.get("said", np.full(n, -1, np.int64)),
        label=arrays.get("label", np.full(n, np.nan)),
        members=arrays.get("members", np.zeros((0, d))),
        classes=tuple(map(str, told["classes"])),
        versions=tuple(wanted.versions),
        more={name.removeprefix("more_"): a for name, a in arrays.items() if name.startswith("more_")},
    )


def _said(failed: Mapping[str, str]) -> str:
    error = MomusError(failed["message"], code=failed["code"], place=failed["place"], hint=failed["hint"])
    return str(error)
