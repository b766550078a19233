"""A long fuzz run of the scanner over changed and recombined files of the whole corpus.

    python tests/corpus/soak.py [--seconds 1200 | --inputs N] [--seed N] [--out FOLDER]
    python tests/corpus/soak.py --guided --seconds 600        # by coverage, where atheris is installed

Every input is read in a child that the kernel has locked (no file, no network, no program) and whose audit hook notes
each attempt. It fails where the scan raises, takes longer than its limit, takes too much memory, gives no verdict,
opens, imports, writes, connects or starts anything, or calls a file clean with an unread mark. Failing inputs are
minimised and written to ``--out``. The same corpus and seed give the same inputs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import mmap
import os
import pkgutil
import resource
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from encodings import utf_16, utf_16_be, utf_16_le, utf_32, utf_32_be, utf_32_le  # noqa: F401  json looks them up
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import momus.core
from corpus.mutate import mutant
from momus.core.lockdown import lock_down
from momus.methods import artifacts
from momus.methods.artifacts import FileReport, Limits, scan_bytes

MOST = 30  # kinds of failure, then a run ends
LIMIT = 10.0  # seconds a scan may set itself; twice that is a hang
MEMORY_MB = 1024
CHUNK = 100_000  # inputs a child reads before another one takes over
CORE = Path(momus.core.__file__).parent  # where the lock keeps its own table of system calls
VERDICTS = ("nothing found", "not understood", "suspicious", "dangerous")
FORBIDDEN = ("open", "import", "exec", "marshal.loads", "pickle.find_class", "os.", "subprocess.", "socket.", "ctypes.",
             "shutil.", "tempfile.", "urllib.", "sqlite3.", "webbrowser.", "pty.")  # fmt: skip


@dataclass
class Outcome:
    """What a run found."""

    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak_mb: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str, bytes]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    locked: str = ""


# CPython looks for the line of a syntax error in a file of the first name; what expands far goes to a file without a
# name in the folder for temporary files. Neither name comes from the scanned file.
OWN = ("'<unknown>'", repr(tempfile.gettempdir())[:-1])


class _Watch:
    """Notes what the scanner asks the system for; asleep outside a scan."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.awake = False
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.awake and event.startswith(FORBIDDEN):
            asked = repr(arguments[0] if arguments else "")[:120]
            if not asked.startswith(OWN):
                self.seen.append(f"{event} {asked}")


def wrong(data: bytes, watch: _Watch | None = None) -> tuple[str, FileReport | None, float]:
    """(what is wrong, the report, processor seconds) of one scan; empty where all is well."""
    began = time.process_time()
    report: FileReport | None = None
    said = ""
    if watch:
        watch.seen.clear()
        watch.awake = True
    try:
        report = scan_bytes(data, limits=Limits(seconds=LIMIT))
    except BaseException as error:
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
        said = f"raised {type(error).__name__} at {place}"
    finally:
        if watch:
            watch.awake = False
    spent = time.process_time() - began
    if watch and watch.seen and not said:
        said = f"asked the system: {watch.seen[0]}"
    return said or _inconsistent(report, spent), report, spent


def _inconsistent(report: FileReport | None, spent: float) -> str:
    if report is None or report.verdict not in VERDICTS:
        return "gave no verdict"
    if spent > 2 * LIMIT:
        return f"took {spent:.0f} s"
    if report.verdict != "nothing found" and not report.marks:
        return "a verdict without a reason"
    if report.verdict == "nothing found" and any(m.severity != "note" for m in report.marks):
        return "nothing found, with a mark"
    if any("\n" in m.what or not m.what.isprintable() for m in report.marks):
        return "a mark that could forge lines on a terminal"
    return ""


def run(corpus: Sequence[bytes], seed: int, *, inputs: int = 0, seconds: float = 0.0,
        tell: Callable[[str], None] = lambda text: None) -> Outcome:  # fmt: skip
    """Scan mutants 0, 1, 2, … in locked children until ``inputs`` or ``seconds`` are used up."""
    out = Outcome()
    shared = mmap.mmap(-1, 1 << 16)
    began = time.monotonic()
    end = began + seconds if seconds else float("inf")
    start = 0
    while (not inputs or start < inputs) and time.monotonic() < end and len(out.failures) < MOST:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _work(corpus, seed, start, inputs, end, shared, writer)
        os.close(writer)
        start = _follow(child, reader, shared, corpus, seed, out)
        told = f"{start:,} inputs, {start / (time.monotonic() - began):,.0f} a second, {len(out.failures)} failures"
        tell(f"{told}, slowest {out.slowest:.2f} s, most memory {out.peak_mb:.0f} MB")
    out.inputs, out.seconds = start, time.monotonic() - began
    return out


def _work(
    corpus: Sequence[bytes], seed: int, start: int, inputs: int, end: float, shared: mmap.mmap, writer: int
) -> None:
    """In the child: never returns. One line of JSON a failure, and one at the end."""
    shared[:16] = struct.pack("<Qd", start, time.monotonic())
    try:
        for reader in pkgutil.iter_modules(artifacts.__path__):
            importlib.import_module(f"{artifacts.__name__}.{reader.name}")
        for data in corpus:
            said = wrong(data)[0]  # the readers' modules are imported now
            if said.startswith("raised") and "Import" in said:
                raise RuntimeError(f"the scanner is not whole: {said}")
        watch = _Watch()
        before = set(sys.modules)
        base = _memory()
        layers = lock_down(readable=[CORE], writable=(), memory_mb=MEMORY_MB)
        number, slowest, verdicts, kinds = start, 0.0, Counter[str](), Counter[str]()
        stop = min(start + CHUNK, inputs or 1 << 60)
        while number < stop and time.monotonic() < end:
            shared[:16] = struct.pack("<Qd", number, time.monotonic())
            data = mutant(corpus, seed, number)
            said, report, spent = wrong(data, watch)
            slowest = max(slowest, spent)
            verdicts[report.verdict if report else "none"] += 1
            if not said and set(sys.modules) != before:
                said = f"imported {sorted(set(sys.modules) - before)[:3]}"
                before = set(sys.modules)
            if said:
                kinds[said] += 1
                if kinds[said] == 1:
                    _send(writer, {"number": number, "what": said, "data": minimised(data, said, watch).hex()})
                stop = number if len(kinds) > MOST else stop
            number += 1
        held = "; ".join(f"{k}: {v}" for k, v in layers.items())
        _send(
            writer,
            {
                "next": number,
                "slowest": slowest,
                "peak": _memory() - base,
                "verdicts": verdicts,
                "kinds": kinds,
                "locked": held,
            },
        )
    except BaseException as error:
        _send(writer, {"number": struct.unpack("<Qd", shared[:16])[0], "what": f"the run broke: {error!r}", "data": ""})
    finally:
        os._exit(0)


def _send(writer: int, told: dict[str, Any]) -> None:
    line = json.dumps(told).encode() + b"\n"
    while line:
        line = line[os.write(writer, line) :]


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _follow(child: int, reader: int, shared: mmap.mmap, corpus: Sequence[bytes], seed: int, out: Outcome) -> int:
    """Collect what the child says; a child that hangs is ended and one that dies is noted. The next input's number."""
    os.set_blocking(reader, False)
    raw, done, hung = b"", False, False
    while not done:
        time.sleep(0.05)
        done = os.waitpid(child, os.WNOHANG)[0] != 0
        raw += _drain(reader)
        _, since = struct.unpack("<Qd", shared[:16])
        if not done and since and time.monotonic() - since > 12 * LIMIT:
            os.kill(child, signal.SIGKILL)
            hung = True
    raw += _drain(reader)
    os.close(reader)
    number, _ = struct.unpack("<Qd", shared[:16])
    following = None
    for line in raw.splitlines():
        told = json.loads(line)
        if "next" in told:
            following = int(told["next"])
            out.slowest, out.peak_mb = max(out.slowest, told["slowest"]), max(out.peak_mb, told["peak"])
            out.verdicts.update(told["verdicts"])
            out.locked = told["locked"]
            out.kinds.update(told["kinds"])
        elif told["what"] not in {what for _, what, _ in out.failures}:
            out.failures.append((told["number"], told["what"], bytes.fromhex(told["data"])))
    shared[:16] = bytes(16)
    if following is None:
        out.kinds["hung" if hung else "the child died"] += 1
        out.failures.append((number, "hung" if hung else "the child died", mutant(corpus, seed, number)))
        return int(number) + 1
    return following


def _drain(reader: int) -> bytes:
    out = b""
    while True:
        try:
            part = os.read(reader, 1 << 16)
        except BlockingIOError:
            return out
        if not part:
            return out
        out += part


def minimised(data: bytes, said: str, watch: _Watch | None, tries: int = 400) -> bytes:
    """A shorter input that fails in the same words, by leaving parts out."""
    size = max(len(data) // 2, 1)
    while size and tries > 0:
        at = 0
        while at < len(data) and tries > 0:
            shorter = data[:at] + data[at + size :]
            tries -= 1
            if wrong(shorter, watch)[0] == said:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def guided(corpus: Sequence[bytes], seconds: int, out: Path) -> None:
    """libFuzzer through atheris: inputs that reach new lines of the scanner are kept and changed further."""
    import atheris

    with atheris.instrument_imports(include=["momus.methods.artifacts"]):
        for name in [n for n in sys.modules if n.startswith("momus.methods.artifacts")]:
            del sys.modules[name]
        import momus.methods.artifacts as fresh
    globals()["scan_bytes"] = fresh.scan_bytes
    globals()["Limits"] = fresh.Limits
    seeds = out / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(corpus):
        (seeds / f"{i:04d}").write_bytes(data)

    def one(data: bytes) -> None:
        said, _, _ = wrong(data)
        if said:
            raise AssertionError(said)

    flags = [f"-max_total_time={seconds}", "-max_len=20000", "-rss_limit_mb=2048", f"-timeout={int(3 * LIMIT)}"]
    atheris.Setup([sys.argv[0], str(seeds), f"-artifact_prefix={out}/", "-print_final_stats=1", *flags], one)
    atheris.Fuzz()


def files(longest: int = 1 << 16) -> list[bytes]:
    """The corpus of the run: every file that is not long, hostile and benign, in a fixed order."""
    from corpus.everything import benign, hostile

    made = [*hostile(large=False), *benign(0, slow=False, real=False)]
    return [i.data for i in made if 0 < len(i.data) <= longest]


def main() -> int:
    """Run, print, write failing inputs; 1 where there was one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--inputs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("soak-failures"))
    given = parser.parse_args()
    if not given.seconds and not given.inputs:
        given.seconds = 1200.0
    corpus = files()
    print(f"{len(corpus)} files to start from", flush=True)
    if given.guided:
        guided(corpus, int(given.seconds), given.out)
        return 0
    found = run(
        corpus, given.seed, inputs=given.inputs, seconds=given.seconds, tell=lambda text: print(text, flush=True)
    )
    print(f"{found.inputs:,} inputs in {found.seconds:,.0f} s: {found.inputs / found.seconds:,.0f} a second")
    print(f"verdicts: {dict(found.verdicts)}\nlocked: {found.locked}")
    for number, what, data in found.failures:
        given.out.mkdir(parents=True, exist_ok=True)
        path = given.out / f"{given.seed}-{number}.bin"
        path.write_bytes(data)
        print(f"FAILED input {number}, {found.kinds[what]:,} times: {what}; {len(data)} bytes in {path}")
    print(f"{sum(found.kinds.values()):,} failures of {len(found.failures)} kinds")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
