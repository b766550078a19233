"""Outside a worker: start it, listen to it, and end it when it hangs, grows too large or dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from momus.assess.confine import children_of
from momus.assess.nursery import Child, nursery

Listener = Callable[[float, str], None]

_POLL = 0.05
_TAIL = 4000
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Bounds:
    """Hard limits of one worker. ``seconds`` is wall-clock from its start, loading included."""

    seconds: float
    memory_mb: int
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of one worker: a body, or a failure as a mapping with code, message, place and hint."""

    body: Any = None
    failure: Mapping[str, str] | None = None
    seconds: float = 0.0
    printed: str = ""
    layers: Mapping[str, str] | None = None


def run_confined(
    request: Mapping[str, Any],
    bounds: Bounds,
    listener: Listener | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Outcome:
    """Run one request in a fresh, confined process and wait for its outcome. Never raises for what the worker did.

    ``stopped`` is asked now and then whether anybody still wants the outcome; the process ends where nobody does.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as noise:
        try:
            child = nursery(_preloaded(request), bounds.threads).spawn(noise.fileno())
        except OSError as error:
            return Outcome(failure=_not_started(error), seconds=time.perf_counter() - started, printed=_tail(noise))
        messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read_lines, args=(child.stdout, messages), daemon=True)
        reader.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(request).encode())
                child.stdin.close()
            place = f"target '{request['target'].get('name')}'"
            outcome = _attend(child, messages, bounds, listener, place, stopped or _wanted)
        finally:
            child.kill()
            reader.join(timeout=5)
            child.close()
        seconds = time.perf_counter() - started
        return Outcome(outcome.body, outcome.failure, seconds, _tail(noise), outcome.layers)


def _not_started(error: OSError) -> dict[str, str]:
    return {
        "code": "worker/not-started",
        "message": f"no worker process could be started: {error.strerror or error}",
        "place": "this machine",
        "hint": "Too many processes or too little memory; close something or use --workers 1, then run again",
    }


# Imported once in the nursery instead of in every worker. Only what nearly every job of such a target imports anyway.
_ALWAYS = (
    "scipy.stats",
    "scipy.ndimage",
    "momus.card",
    "momus.data.read",
    "momus.targets.open",
    "momus.core.meter",
    "momus.probes.preload",
)
_FOR = {
    "sklearn": ("sklearn.ensemble", "momus.targets.sklearn_"),
    "torch": ("torch", "momus.targets.torch_module"),
    "onnx": ("onnxruntime", "momus.targets.onnx_"),
    "callable": ("momus.targets.callable_",),
    "policy": ("gymnasium", "momus.targets.policy"),
    "files": ("momus.targets.files",),
    "http": ("httpx", "orjson", "momus.targets.http_"),
}


def _preloaded(request: Mapping[str, Any]) -> tuple[str, ...]:
    return (*_ALWAYS, *_FOR.get(request["target"].get("adapter", ""), ()))


def _attend(
    child: Child,
    messages: queue.SimpleQueue[dict[str, Any] | None],
    bounds: Bounds,
    listener: Listener | None,
    place: str,
    stopped: Callable[[], bool],
) -> Outcome:
    deadline = time.monotonic() + bounds.seconds
    layers: Mapping[str, str] | None = None
    while True:
        try:
            message = messages.get(timeout=_POLL)
        except queue.Empty:
            trouble = _STOPPED if stopped() else _trouble(child, bounds, deadline, place)
            if trouble is not None:
                return Outcome(failure=trouble, layers=layers)
            continue
        if message is None:
            return Outcome(failure=_died(child, place), layers=layers)
        event = message.pop("event", "")
        if event == "confined":
            layers = message["layers"]
        elif event == "result":
            return Outcome(body=message["body"], layers=layers)
        elif event == "failure":
            return Outcome(failure=message, layers=layers)
        elif event == "progress":
            if listener is not None:
                listener(message["fraction"], message["note"])
            trouble = _trouble(child, bounds, deadline, place)  # a chatty worker must not outrun its limits
            if trouble is not None:
                return Outcome(failure=trouble, layers=layers)


_STOPPED = {"code": "worker/stopped", "message": "stopped, since nobody wants its result any more"}


def _wanted() -> bool:
    return False


def _trouble(child: Child, bounds: Bounds, deadline: float, place: str) -> dict[str, str] | None:
    if time.monotonic() > deadline:
        return {
            "code": "worker/timeout",
            "message": f"gave no result within {bounds.seconds:.0f} s and was stopped",
            "place": place,
            "hint": "Raise budget.seconds in the card, or see whether the model hangs",
        }
    used = _used_mb(child.pid, bounds.memory_mb)
    if used > bounds.memory_mb:
        return {
            "code": "worker/out-of-memory",
            "message": f"used {used} MB of memory, more than the {bounds.memory_mb} MB it may, and was stopped",
            "place": place,
            "hint": "Raise budget.memory_mb in the card, or use fewer samples",
        }
    return None


def _died(child: Child, place: str) -> dict[str, str]:
    code = child.exit_status(10.0)
    if code is None or code >= 0:
        message = f"the worker process ended by itself with status {code} and no result"
        return {"code": "worker/exited", "message": message, "place": place, "hint": "See what it printed with --debug"}
    name = signal.Signals(-code).name
    hint = "Often the system ran out of memory" if name == "SIGKILL" else "The model or its library crashed"
    return {
        "code": "worker/killed",
        "message": f"the worker process was killed by {name}",
        "place": place,
        "hint": hint,
    }


def _read_lines(stream: BinaryIO | Any, messages: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            continue  # not ours: native code can write to any descriptor
        if isinstance(message, dict):
            messages.put(message)
    messages.put(None)


def _used_mb(pid: int, bound: int) -> int:
    """Memory of a worker and of all that it started. Only near the bound is the dearer question asked: forks share
    pages with their parent, and counting those twice would stop an honest ``n_jobs=2``."""
    own = _resident_mb(pid)
    family = _descendants(pid)
    if own > bound or not family or own + sum(map(_resident_mb, family)) <= bound:
        return own
    return max(own, sum(map(_share_mb, (pid, *family))))


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    todo = [pid]
    while todo:
        children = children_of(todo.pop())
        found += children
        todo += children
    return found


def _share_mb(pid: int) -> int:
    """Proportional set size: a page that k processes share counts for one k-th."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("Pss:")), 0)


def _resident_mb(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0  # already gone, or a system without /proc: the worker's own limits still hold
    return pages * _PAGE >> 20


def _tail(noise: Any) -> str:
    size = noise.seek(0, os.SEEK_END)
    noise.seek(max(0, size - _TAIL))
    return str(noise.read().decode("utf-8", "replace"))
