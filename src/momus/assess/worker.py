"""One job in one process: read a request, load the target behind its scan, measure, write the result.

``python -m momus.assess.worker`` takes a JSON request on standard input and writes JSON lines: ``progress`` events and
one last ``result`` or ``failure``. What the user's code prints goes to standard error and cannot be taken for ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

Emit = Callable[[dict[str, Any]], None]
# Roles of data whose rows are never asked about: they settle nothing about the target.
NO_INPUTS = frozenset({"candidates"})
# Seconds for what is asked of a served model once the measurement itself is over.
AFTERWARDS = 60.0


def main() -> int:
    """Entry of the worker process; 0 when a result or an orderly failure was written."""
    # Descriptor 0 itself: after a fork sys.stdin is still the nursery's.
    with os.fdopen(0, "r", encoding="utf-8", closefd=False) as stream:
        request = json.load(stream)
    emit = _channel()
    os.chdir(request["base"])
    from momus.assess.confine import confine

    emit({"event": "confined", "layers": confine(request["memory_mb"], request["network"])})
    try:
        action = {"inspect": _inspect, "probe": _probe, "reference": _reference}[request["action"]]
        emit({"event": "result", "body": action(request, emit)})
    except BaseException as error:  # the user's code may raise anything, SystemExit included
        emit({"event": "failure", **describe(error, request)})
    return 0


def _channel() -> Emit:
    """Our private copy of standard output; descriptor 1 itself is turned into standard error."""
    own: TextIO = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def emit(message: dict[str, Any]) -> None:
        own.write(json.dumps(message) + "\n")
        own.flush()

    return emit


def _inspect(request: Mapping[str, Any], _emit: Emit) -> dict[str, Any]:
    """What the target is, which probes it could serve, and what its data sets hold.

    The files are looked at before the target is opened, so that a refused target still shows what it is made of. A
    data set that cannot be read keeps its error; the others, and the target, are looked at all the same.
    """
    from dataclasses import asdict

    from momus.card import TargetCard
    from momus.core import usercode
    from momus.core.registry import get_probe
    from momus.targets import open_files

    card = TargetCard.model_validate(request["target"])
    body: dict[str, Any] = {}
    try:
        hook = usercode.code_file(card.train, Path(request["base"]))
        if card.path or card.files or card.code or card.dependencies or hook:
            body["files"] = asdict(open_files(card, Path(request["base"])).info)
        if card.serve is not None:
            body |= _inspect_served(request)
        sets = {role: _try_to_read(request, role) for role in request["data"]}
        target = _open(request, sets)
    except Exception as error:
        return {**body, "failure": describe(error, request)}
    lacking = {i: list(get_probe(i).missing(target)) for i in request["probes"]}
    data = {role: _summary(found) for role, found in sets.items()}
    if getattr(target, "remembers", False):
        list(_service_caveats([target]))  # what it was answered is kept only if the model is still the same
    return {**body, "info": asdict(target.info), "lacking": lacking, "data": data}


def _inspect_served(request: Mapping[str, Any]) -> dict[str, Any]:
    """The path from bytes to an answer: what it is, or why it could not be opened; the model is looked at anyway."""
    from dataclasses import asdict

    try:
        return {"served": asdict(_open({**request, "face": "served"}, {}).info)}
    except Exception as error:
        return {"unserved": describe(error, request)}


def _summary(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return {"error": found}
    return {
        "n": len(found),
        "digest": found.digest,
        "shape": list(found.x.shape[1:]),
        "groups": sorted(found.groups),
        "sensitive": [c.name for c in found.columns if c.sensitive],
        "labelled": found.y is not None,
        "timed": found.time is not None,
        "contributed": found.contributors is not None,
    }


def _probe(request: Mapping[str, Any], emit: Emit) -> str:
    """Run one probe; the Measurement as JSON text."""
    from momus.core import usercode
    from momus.core.meter import Budget
    from momus.core.probe import Trial
    from momus.core.registry import get_probe
    from momus.core.service import Service

    probe = get_probe(request["probe"])
    # A probe that reads no data still needs one set, to settle what the target's card leaves open.
    inputs = [role for role in request["data"] if role not in NO_INPUTS]
    roles = request["roles"] or (inputs[:1] if request["face"] == "model" else [])
    sets = {role: _try_to_read(request, role) for role in roles}
    if roles and all(not isinstance(s, dict) and not _is_input(role, s) for role, s in sets.items()):
        others = (role for role in inputs if role not in sets)
        sets.update((role, _try_to_read(request, role)) for role in islice(others, 1))
    target = _open(request, sets)
    data = {role: _usable(sets[role]) for role in request["roles"]}
    trial = Trial(
        seed=request["seed"],
        data=data,
        budget=Budget(request["budget"].get("queries"), request["budget"].get("seconds")),
        progress=lambda fraction, note: emit({"event": "progress", "fraction": float(fraction), "note": str(note)}),
        context=request["context"],
        service=Service(**(request["target"].get("service") or {})),
        cache=_cache(request),
        run_seed=request["run_seed"],
        others=_beside(request, sets),
        functions=partial(usercode.load, base=Path(request["base"])),
        slots=_slots(request),
        identity=request["key"],
        mate=request.get("mate"),
    )
    own = None if trial.slots is None else trial.slots.take()  # held, where there is one, until this process ends
    measurement = probe(target, trial, **request["options"])
    if own is not None:
        own.close()
    caveats = (*measurement.caveats, *_service_caveats([target, *trial.others]))
    return measurement.model_copy(update={"key": request["key"], "caveats": caveats}).model_dump_json()


def _service_caveats(targets: Sequence[Any]) -> Iterator[Any]:
    """What happened between us and the served models, and whether they are still those that were opened."""
    from momus.core.records import Caveat

    for target in targets:
        if (until := getattr(target, "until", None)) is not None:
            until(time.monotonic() + AFTERWARDS)  # the measurement's time is over, its last look at the model is not
        yield from getattr(target, "afterwards", tuple)()
        for line in getattr(target, "told", ()):
            yield Caveat(code="service", message=f"{target.info.name}: {line}", blocks="none")


def _reference(request: Mapping[str, Any], emit: Emit) -> Any:
    """Rows that show how inputs look while nothing is wrong, for `momus monitor`, with the model's answers."""
    from momus.assess.reference_rows import answer

    opened: list[Any] = []

    def open_(sets: Mapping[str, Any]) -> Any:
        opened.append(_open(request, sets))
        return opened[-1]

    told = answer(request, lambda role: _read(request, role), open_, emit)
    told["notes"] = [*told["notes"], *(c.message for c in _service_caveats(opened))]
    return told


def _slots(request: Mapping[str, Any]) -> Any:
    """Where helpers of this worker find free cores; worker and helpers share its memory."""
    from momus.core.spread import Slots

    given = request.get("slots")
    return Slots(Path(given["folder"]), given["count"], request["memory_mb"]) if given else None


def _open(request: Mapping[str, Any], sets: Mapping[str, Any]) -> Any:
    """The target. A data set that could be read settles what its card leaves open: shape, categories, classes."""
    from momus.card import TargetCard
    from momus.targets import open_files, open_served, open_target

    card, base = TargetCard.model_validate(request["target"]), Path(request["base"])
    if request["face"] == "files":
        return open_files(card, base)
    if request["face"] == "served":
        return open_served(card, base, allow_unsafe=request["allow_unsafe"])
    samples = next((found for role, found in sets.items() if _is_input(role, found)), None)
    ledger = Path(request["ledger"]) if request.get("ledger") else None
    return open_target(
        card, base, allow_unsafe=request["allow_unsafe"], samples=samples, ledger=ledger, cache=_cache(request),
        first=request["action"] == "inspect", expected=request.get("digests", {}).get(card.name, ""),
    )  # fmt: skip


def _cache(request: Mapping[str, Any]) -> Any:
    from momus.core.cache import Cache

    given = request.get("cache")
    return Cache(Path(given["folder"]), given["reads"]) if given else None


def _is_input(role: str, found: Any) -> bool:
    """Whether a data set that was read holds inputs of the target: a mesh and a table of candidates do not."""
    return not isinstance(found, dict) and not found.is_mesh and role not in NO_INPUTS


def _beside(request: Mapping[str, Any], sets: Mapping[str, Any]) -> tuple[Any, ...]:
    """The targets that stand beside this one for comparison, opened as it was."""
    return tuple(_open({**request, "target": card}, sets) for card in request.get("beside", ()))


def _try_to_read(request: Mapping[str, Any], role: str) -> Any:
    """The Samples in a role, or its error as a mapping."""
    try:
        return _read(request, role)
    except Exception as error:
        return describe(error, request)


def _usable(found: Any) -> Any:
    from momus.core.errors import DataError

    if isinstance(found, dict):
        raise DataError(found["message"], code=found["code"], place=found["place"], hint=found["hint"])
    return found


def _read(request: Mapping[str, Any], role: str) -> Any:
    from momus.card import DataCard
    from momus.core.probe import OTHER_TASKS
    from momus.data import read_data

    target = request["target"]
    cards = {name: DataCard.model_validate(card) for name, card in request["data"].items()}
    task = target["task"] if target["task"] in ("classifier", "regressor", "generator") else None
    return read_data(
        cards[role],
        Path(request["base"]),
        classes=() if role in OTHER_TASKS else tuple(target["classes"]),
        task=task,
        size=target["input"]["size"],
        rate=target["input"]["rate"],
        missing=target["input"].get("missing", False),
        siblings=[card for name, card in cards.items() if name != role],
        name=role,
    )


def describe(error: BaseException, request: Mapping[str, Any]) -> dict[str, str]:
    """An exception as one line with code, place and remedy."""
    from momus.core.errors import BudgetSpent, MomusError

    where = f"target '{request['target'].get('name', '?')}'"
    if isinstance(error, MomusError):
        return {"code": error.code, "message": error.message, "place": error.place or where, "hint": error.hint}
    if isinstance(error, BudgetSpent):
        message = "its queries or seconds were spent before anything could be measured"
        return {"code": "probe/budget", "message": message, "place": where, "hint": "Raise the card's budget"}
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        hint = "Raise budget.memory_mb in the card, or use fewer samples"
        message = f"ran out of the {request['memory_mb']} MB it may use"
        return {"code": "worker/out-of-memory", "message": message, "place": where, "hint": hint}
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f"{Path(last.filename).name}:{last.lineno}" if last else where
    text = str(error).strip().splitlines()
    traceback.print_exception(error)
    return {
        "code": "worker/crashed",
        "message": f"{type(error).__name__}: {text[0] if text else 'no message'}"[:500],
        "place": place,
        "hint": "Run with --debug to see the traceback",
    }


if __name__ == "__main__":
    sys.exit(main())
