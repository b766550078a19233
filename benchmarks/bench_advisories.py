"""150 pinned packages against a whole advisory dump: time, memory, and the answers beside pip-audit's.

    python benchmarks/bench_advisories.py

The dump is made up: 200,000 records, most about single harmful packages, 20,000 about versions of 6,000 packages,
zipped as OSV publishes them. With MOMUS_OSV_DUMP set to a real dump (zip or folder), and MOMUS_OSV_DATE to a day soon
after it, one more row audits this environment against it. pip-audit has no dump on disk; it asks a server on this
machine that decides by comparing every version, so its time is its own work plus 150 local questions. Each run is a
process of its own; memory is its peak. The last rows ask a service that answers without any advisories, as a package
mirror does, and a dump without any: what matters is that nobody calls that clean.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from packaging.version import Version

from momus.zoo.dependencies.advisories import KNOWN, TODAY, record

RUN = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
from momus.methods.advisories import audit, read_dump, read_environment, read_lock
path = Path(sys.argv[2])
pins = (read_environment(path) if path.is_dir() else read_lock(path)).pins
read = time.perf_counter()
dump = read_dump(Path(sys.argv[1]), [p.name for p in pins], today=sys.argv[3])
loaded = time.perf_counter()
found = audit(pins, dump, today=sys.argv[3])
done = time.perf_counter()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({
    "s": done - start, "load": loaded - read, "mib": int(peak.split()[1]) / 1024, "records": dump.total,
    "packages": len(found.packages), "affected": [p.name for p in found.having("affected")],
    "unknown": len(found.having("not known")),
}))
"""


def made(folder: Path) -> tuple[Path, Path, dict[str, list[dict[str, Any]]]]:
    """The dump, 150 pins, and the records by package."""
    rng = np.random.default_rng(0)
    names = [*KNOWN, *(f"package-{i}" for i in range(6000))]
    records = [record(f"MAL-2026-{i}", f"harmful-{i}", {"introduced": "0"}, details="x" * 600) for i in range(180_000)]
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for i in range(20_000):
        name = names[int(rng.integers(len(names)))]
        fixed = f"{rng.integers(1, 9)}.{rng.integers(0, 20)}.{rng.integers(0, 9)}"
        versions = [f"{a}.{b}" for a in range(9) for b in range(20)]
        one = record(f"PYSEC-2026-{i}", name, {"introduced": "0"}, {"fixed": fixed}, details="y" * 1500, summary="z")
        records.append({**one, "affected": [{**one["affected"][0], "versions": versions[: int(rng.integers(1, 9))]}]})
        by_name[name].append(records[-1])
    dump, lock = folder / "all.zip", folder / "requirements.txt"
    with zipfile.ZipFile(dump, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in records:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    chosen = rng.choice(len(names), 150, replace=False)
    lock.write_text("".join(f"{names[i]}=={rng.integers(1, 12)}.{rng.integers(0, 20)}.1\n" for i in chosen))
    return dump, lock, by_name


def brute(lock: Path, by_name: Mapping[str, list[dict[str, Any]]]) -> set[str]:
    """Affected names by comparing every version, without anything of Momus."""
    pins = dict(line.split("==") for line in lock.read_text().split())
    return {n for n, v in pins.items() if any(_hit(r, v) for r in by_name.get(n, ()))}


def _hit(told: Mapping[str, Any], version: str) -> bool:
    affected = told["affected"][0]
    fixed = affected["ranges"][0]["events"][1]["fixed"]
    return version in affected["versions"] or Version(version) < Version(fixed)


@contextmanager
def served(by_name: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """The address of an OSV service on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            rows = [r for r in by_name.get(asked["package"]["name"], ()) if _hit(r, asked["version"])]
            body = json.dumps({"vulns": rows} if rows else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def momus(dump: Path, lock: Path, today: str) -> dict[str, Any]:
    """The best of three runs."""
    command = [sys.executable, "-c", RUN, str(dump), str(lock), today]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    return min(runs, key=lambda r: r["s"])  # type: ignore[no-any-return]


def pip_audit(lock: Path, address: str, cache: Path) -> tuple[float, float, set[str], int]:
    """Seconds, peak MiB, affected names and the exit code."""
    code = "import resource, subprocess, sys, time; t = time.perf_counter(); d = subprocess.run(sys.argv[1:], "
    code += "capture_output=True, text=True); print(d.stdout); print(time.perf_counter() - t, "
    code += "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, d.returncode)"
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--no-deps", "--disable-pip", "-s", "osv",
               "--osv-url", address, "-f", "json", "--progress-spinner", "off", "--cache-dir", str(cache)]  # fmt: skip
    out = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True).stdout
    text, _, last = out.strip().rpartition("\n")
    seconds, mib, status = last.split()
    found = {d["name"] for d in json.loads(text)["dependencies"] if d.get("vulns")} if text.strip() else set()
    return float(seconds), float(mib), found, int(status)


def rows() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump, lock, by_name = made(folder)
        truth = brute(lock, by_name)
        out = [_row("150 packages, 200,000 records", momus(dump, lock, TODAY), truth)]
        if importlib.util.find_spec("pip_audit") is None:
            out.append({"work": "150 packages", "tool": "pip-audit", "result": "not installed"})
        else:
            with served(by_name) as address:
                seconds, mib, found, _ = pip_audit(lock, address, folder / "cache")
            same = f"{len(found)} affected, {150 - len(found ^ truth)} of 150 as by brute force"
            out.append({"work": "150 packages, 150 questions to a local service", "tool": "pip-audit", "result": same,
                        "s": seconds, "peak MiB": mib})  # fmt: skip
            with served({}) as address:
                *_, status = pip_audit(lock, address, folder / "other")
            told = f"exit {status}: clean" if status == 0 else f"exit {status}"
            out.append({"work": "a service without advisories", "tool": "pip-audit", "result": told})
        empty = folder / "empty.zip"
        zipfile.ZipFile(empty, "w").close()
        nothing = momus(empty, lock, TODAY)
        out.append({"work": "a dump without advisories", "tool": "momus", "result": f"{nothing['unknown']} not known"})
        real = os.environ.get("MOMUS_OSV_DUMP")
        if real:
            day = os.environ.get("MOMUS_OSV_DATE", TODAY)
            out.append(_row("this environment, a real dump", momus(Path(real), Path(sys.prefix), day), None))
        return out


def _row(work: str, run: Mapping[str, Any], truth: set[str] | None) -> dict[str, Any]:
    found = set(run["affected"])
    told = f"{len(found)} affected, {run['unknown']} not known of {run['packages']}"
    if truth is not None:
        told = f"{len(found)} affected, {run['packages'] - len(found ^ truth)} of {run['packages']} as by brute force"
    return {"work": work, "tool": "momus", "result": told, "s": run["s"], "load s": run["load"], "peak MiB": run["mib"]}


if __name__ == "__main__":
    for row in rows():
        print(" | ".join(f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in row.items()))
