"""Outside a worker: start it, listen to it, and end it when it hangs, grows too large or dies."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

Listener = Callable[[float, str], None]

# What a worker may see of our environment. Secrets reach it only where the card names them.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "XDG_CACHE_HOME",
    "CUDA_VISIBLE_DEVICES",
)
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


def run_confined(request: Mapping[str, Any], bounds: Bounds, listener: Listener | None = None) -> Outcome:
    """Run one request in a fresh, confined process and wait for its outcome. Never raises for what the worker did."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as noise:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "momus.assess.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            cwd=request["base"],
            env=_environment(request, bounds),
            start_new_session=True,
        )
        messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read_lines, args=(process.stdout, messages), daemon=True)
        reader.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                assert process.stdin is not None
                process.stdin.write(json.dumps(request).encode())
                process.stdin.close()
            outcome = _attend(process, messages, bounds, listener, f"target '{request['target'].get('name')}'")
        finally:
            _end(process)
            reader.join(timeout=5)
        seconds = time.perf_counter() - started
        return Outcome(outcome.body, outcome.failure, seconds, _tail(noise), outcome.layers)


def _attend(
    process: subprocess.Popen[bytes],
    messages: queue.SimpleQueue[dict[str, Any] | None],
    bounds: Bounds,
    listener: Listener | None,
    place: str,
) -> Outcome:
    deadline = time.monotonic() + bounds.seconds
    layers: Mapping[str, str] | None = None
    while True:
        try:
            message = messages.get(timeout=_POLL)
        except queue.Empty:
            trouble = _trouble(process, bounds, deadline, place)
            if trouble is not None:
                return Outcome(failure=trouble, layers=layers)
            continue
        if message is None:
            return Outcome(failure=_died(process, place), layers=layers)
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
            trouble = _trouble(process, bounds, deadline, place)  # a chatty worker must not outrun its limits
            if trouble is not None:
                return Outcome(failure=trouble, layers=layers)


def _trouble(process: subprocess.Popen[bytes], bounds: Bounds, deadline: float, place: str) -> dict[str, str] | None:
    if time.monotonic() > deadline:
        return {
            "code": "worker/timeout",
            "message": f"gave no result within {bounds.seconds:.0f} s and was stopped",
            "place": place,
            "hint": "Raise budget.seconds in the card, or see whether the model hangs",
        }
    used = _resident_mb(process.pid)
    if used > bounds.memory_mb:
        return {
            "code": "worker/out-of-memory",
            "message": f"used {used} MB of memory, more than the {bounds.memory_mb} MB it may, and was stopped",
            "place": place,
            "hint": "Raise budget.memory_mb in the card, or use fewer samples",
        }
    return None


def _died(process: subprocess.Popen[bytes], place: str) -> dict[str, str]:
    code = process.wait(timeout=10)
    if code < 0:
        name = signal.Signals(-code).name
        message = f"the worker process was killed by {name}"
        hint = "Often the system ran out of memory" if name == "SIGKILL" else "The model or its library crashed"
        return {"code": "worker/killed", "message": message, "place": place, "hint": hint}
    message = f"the worker process ended by itself with status {code} and no result"
    return {"code": "worker/exited", "message": message, "place": place, "hint": "See what it printed with --debug"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole session: a worker's own children must not outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read_lines(stream: BinaryIO | Any, messages: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    for line in stream:
        try:
            message = json.loads(line)
        except ValueError:
            continue  # not ours: native code can write to any descriptor
        if isinstance(message, dict):
            messages.put(message)
    messages.put(None)


def _resident_mb(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0  # already gone, or a system without /proc: the worker's own limits still hold
    return pages * _PAGE >> 20


def _environment(request: Mapping[str, Any], bounds: Bounds) -> dict[str, str]:
    names = [*_PASSED, *request.get("environment", ())]
    passed = {name: os.environ[name] for name in names if name in os.environ}
    threads = str(bounds.threads)
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), threads)
    return {**passed, **fixed, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def _tail(noise: Any) -> str:
    size = noise.seek(0, os.SEEK_END)
    noise.seek(max(0, size - _TAIL))
    return str(noise.read().decode("utf-8", "replace"))
