"""Coverage-guided inputs by atheris (libFuzzer): it takes a process over, so it gets forked ones of its own.

The Python code of the user's folder and of well-known decoders is instrumented inside the forked process, with the
mutations of this house beside libFuzzer's own. What it leaves behind, inputs that took new branches and inputs that
ended it, is all that comes back; whether they fail is decided in the harness.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import resource
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from momus.core.spread import one_thread
from momus.methods.fuzz import family
from momus.methods.fuzz.corpus import Seed
from momus.methods.fuzz.failures import Limits
from momus.methods.fuzz.mutate import mutate

# Decoders in Python that read a format, in the standard library and beyond.
_PICTURES = ("PIL.Image", "PIL.ImageFile", "PIL.ImageOps", "imageio", "skimage.io")
_DECODERS = {
    "png": ("PIL.PngImagePlugin", *_PICTURES), "jpeg": ("PIL.JpegImagePlugin", "PIL.MpoImagePlugin", *_PICTURES),
    "gif": ("PIL.GifImagePlugin", *_PICTURES), "bmp": ("PIL.BmpImagePlugin", *_PICTURES),
    "tiff": ("PIL.TiffImagePlugin", "tifffile", *_PICTURES), "webp": ("PIL.WebPImagePlugin", *_PICTURES),
    "wav": ("wave", "soundfile", "scipy.io.wavfile"), "flac": ("soundfile",), "ogg": ("soundfile",), "csv": ("csv",),
    "json": ("json",), "jsonl": ("json",), "npy": ("numpy.lib._format_impl", "numpy.lib.format"), "xml": ("xml",),
    "npz": ("numpy.lib", "zipfile"),
}  # fmt: skip
_MOST_FUNCTIONS = 800
_LARGEST = 1 << 16
_IDLE = 15.0  # seconds without any processor time after which a run is taken to hang
_LAUNCHES = 4  # a crash ends a run; another one goes on without the input
_KEPT = 400
_STATUS = re.compile(r"#(?P<runs>\d+)\s+\w+\s+cov: (?P<branches>\d+)")


@dataclass(frozen=True, slots=True)
class Grown:
    """Format and bytes of what was kept, how many inputs were run, and the branches that they took."""

    inputs: list[tuple[str, bytes]]
    runs: int
    branches: int


def grown(
    function: Callable[[bytes], Any], start: Sequence[Seed], folder: Path, *, runs: int, seed: int, limits: Limits
) -> Grown | None:
    """Inputs grown from ``start`` in ``runs`` tries; None where no run came to its first report."""
    if not runs or not start:
        return None
    kept: dict[bytes, str] = {}
    done = branches = 0
    formats = tuple(dict.fromkeys(s.format for s in start))
    for at, format_ in enumerate(formats):
        given = [s.data for s in start if s.format == format_ and len(s.data) <= _LARGEST]
        left = runs * (at + 1) // len(formats) - done
        for launch in range(_LAUNCHES):
            if left <= 0 or not given:
                break
            with tempfile.TemporaryDirectory(prefix="momus-grown-", ignore_cleanup_errors=True) as held:
                told = _launch(function, format_, given, folder, Path(held), left, seed + launch, limits)
                found = [(int(m["runs"]), int(m["branches"])) for m in _STATUS.finditer(told)]
                ended = _read(Path(held, "ends"))
                for data in (*ended, *_read(Path(held, "corpus"))):
                    kept.setdefault(data, format_)
            if not found:
                break
            done, left = done + found[-1][0], left - max(1, found[-1][0])
            branches = max(branches, found[-1][1])
            given = [d for d in given if d not in ended]
            if not ended:
                break
    first = {s.data for s in start}
    new = [(kind, data) for data, kind in kept.items() if data not in first][:_KEPT]
    return Grown(new, done, branches) if branches else None


def _launch(
    function: Callable[[bytes], Any], format_: str, given: Sequence[bytes], folder: Path, held: Path, runs: int,
    seed: int,
    limits: Limits,
) -> str:  # fmt: skip
    """One run in a forked process; what it said."""
    for name in ("corpus", "ends"):
        (held / name).mkdir()
    for i, data in enumerate(given):
        (held / "corpus" / f"given-{i:04}").write_bytes(data)
    parent = os.getpid()
    with one_thread():
        pid = os.fork()
        if not pid:
            try:
                family.die_with(parent)
                os.setsid()
                _take_over(function, format_, given, folder, held, runs, seed, limits)
            finally:
                os._exit(70)
    family.STARTED.add(pid)
    if not _ends(pid, time.monotonic() + 20 + min(600.0, 0.05 * runs) + limits.seconds * 2):
        family.kill(pid)
        os.waitpid(pid, 0)
    family.STARTED.discard(pid)
    said = held / "said"
    return said.read_text("utf-8", "replace") if said.exists() else ""


def _ends(pid: int, until: float) -> bool:
    """Whether the process ends by itself in time. One that waits for something that never comes is not waited for."""
    worked, spent = time.monotonic(), -1.0
    while (now := time.monotonic()) < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        state, used = family.state_of(pid)
        if used != spent or state == "R":
            worked, spent = now, used
        elif now - worked > _IDLE:
            return False
        time.sleep(0.01)
    return False


def _take_over(
    function: Callable[[bytes], Any], format_: str, given: Sequence[bytes], folder: Path, held: Path, runs: int,
    seed: int,
    limits: Limits,
) -> None:  # fmt: skip
    """Never returns: libFuzzer ends the process when it is done."""
    out = os.open(held / "said", os.O_WRONLY | os.O_CREAT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for source, stream in ((nowhere, 0), (nowhere, 1), (out, 2)):
        os.dup2(source, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    os.environ["TMPDIR"] = tempfile.tempdir = str(held)
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    for one in _functions(function, folder, _DECODERS.get(format_, ())):
        atheris.instrument_func(one)

    def ask(data: bytes) -> None:
        with contextlib.suppress(BaseException):  # what it is worth is seen in the harness
            function(data)

    own = 0.75 if _DECODERS.get(format_) else 0.4  # of unknown formats libFuzzer learns more by itself

    def change(data: bytes, most: int, number: int) -> bytes:
        draw = Random(number)  # noqa: S311 - nothing secret is drawn
        made = mutate(data, draw, format_, given) if draw.random() < own else atheris.Mutate(data, most)
        return bytes(made[:most])

    options = [
        "momus", f"-runs={runs}", f"-seed={seed % (1 << 31) or 1}", f"-timeout={max(1, round(limits.seconds))}",
        "-max_len=65536",
        f"-artifact_prefix={held / 'ends'}/", f"-rss_limit_mb={_resident_mb() + limits.memory_mb}",
        "-print_final_stats=0",
        "-detect_leaks=0", "-len_control=0", str(held / "corpus"),
    ]  # fmt: skip
    atheris.Setup(options, ask, custom_mutator=change)
    atheris.Fuzz()


def _functions(function: Callable[[bytes], Any], folder: Path, decoders: tuple[str, ...]) -> list[types.FunctionType]:
    """Functions of the user's folder, the asked one first, and of decoders that are loaded."""
    home = str(folder.resolve()) + os.sep
    own, known = [], []
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType):
            file = each.__code__.co_filename
            if file.startswith(home) and "site-packages" not in file:
                own.append(each)
            elif decoders and (each.__module__ or "").startswith(decoders):
                known.append(each)
    first = [function] if isinstance(function, types.FunctionType) else []
    every = {id(f.__code__): f for f in (*first, *own, *sorted(known, key=lambda f: (f.__module__, f.__qualname__)))}
    return list(every.values())[:_MOST_FUNCTIONS]


def _resident_mb() -> int:
    if sys.platform != "linux":
        return 1024
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


def _read(folder: Path) -> list[bytes]:
    """Files by name, so that the same run gives the same order."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("given-"))
    return [p.read_bytes() for p in files[: 2 * _KEPT]]
