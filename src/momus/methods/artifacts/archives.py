"""Zip files by what they are for: torch, TorchScript, exported programs, NPZ, Keras, policies, skops, plain."""

from __future__ import annotations

from typing import Any

from momus.methods.artifacts import jsons, keras, programs
from momus.methods.artifacts.pickles import scan_pickles
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.torch_storages import claimed
from momus.methods.artifacts.zips import Entry, member, read_directory

_TEXT_NAMES = frozenset(
    [
        "version",
        "byteorder",
        ".format_version",
        ".storage_alignment",
        "serialization_id",
        "archive_format",
        "archive_version",
        "_stable_baselines3_version",
        "system_info.txt",
        "requirements.txt",
        "README.md",
        "LICENSE",
    ]
)


# Pickles whose tensors lie in a folder of their name; the third holds what a traced model was called with.
_PICKLES = frozenset({"data.pkl", "constants.pkl", "traced_inputs.pkl"})


def kind_of(names: set[str]) -> str:
    """What an archive with members of these names is for."""
    leaf = {n.rsplit("/", 1)[-1] for n in names}
    if "archive_format" in leaf and any("/models/" in f"/{n}" for n in names):
        return "torch exported program"
    if "data.pkl" in leaf:
        return "TorchScript" if "constants.pkl" in leaf or any("/code/" in f"/{n}" for n in names) else "torch zip"
    if "schema.json" in leaf:
        return "skops"
    if {"config.json", "metadata.json"} <= names:
        return "keras"
    if "data" in names and any(n.endswith((".pth", "_stable_baselines3_version")) for n in names):
        return "stable-baselines3 policy"
    files = [n for n in names if not n.endswith("/")]
    return "npz" if files and all(n.endswith(".npy") for n in files) else "zip"


def scan_zip(job: Job, region: Region, where: str) -> str:
    """Scan all members of a zip file; returns what kind of archive it is."""
    entries = read_directory(job, region, where)
    if not entries:
        job.mark("not understood", "a zip file with nothing in it", None, where)
        return "zip"
    kind = kind_of({e.name for e in entries})
    raw: dict[str, int] = {}
    if kind in ("torch zip", "TorchScript"):
        raw = _claims(job, region, entries, where)
    elif kind == "torch exported program":
        raw = programs.weights(job, region, entries, where)
    for entry in entries:
        job.check_time()
        if not entry.name.endswith("/") or entry.size:
            place = f"{where}!{entry.name}" if where else entry.name
            _member(job, region, entry, kind, raw, place)
    return kind


def _claims(job: Job, region: Region, entries: list[Entry], where: str) -> dict[str, int]:
    """Names of the members that hold tensors -> bytes, as the archive's pickles lay claim to them."""
    found: dict[str, int] = {}
    roots = {e.name.rsplit("/", 1)[0] if "/" in e.name else "" for e in entries if _leaf(e) == "data.pkl"}
    if len(roots) > 1:
        job.mark("suspicious", "more than one data.pkl: which one is loaded depends on the reader", None, where)
    for entry in entries:
        if _leaf(entry) not in _PICKLES:
            continue
        place = f"{where}!{entry.name}" if where else entry.name
        content = member(job, region, entry, place)
        if content is None:
            continue
        persistent: list[Any] = []
        scan_pickles(job, content, place, persistent)
        stem = entry.name[: -len(_leaf(entry))]
        folder = _leaf(entry)[:-4]
        for key, size in (claimed(job, persistent, place) or {}).items():
            found[f"{stem}{folder}/{key}"] = size
    present = {e.name for e in entries}
    for name in found:
        if name not in present:
            job.mark("suspicious", f"tensor {name[:80]!r} is missing", None, where)
    return found


def _leaf(entry: Entry) -> str:
    return entry.name.rsplit("/", 1)[-1]


def _member(job: Job, region: Region, entry: Entry, kind: str, raw: dict[str, int], where: str) -> None:
    """One member, by its role in this kind of archive; without a role it is looked at as a file of its own."""
    leaf = _leaf(entry)
    if kind in ("torch zip", "TorchScript") and leaf in _PICKLES:
        return  # read before
    if entry.size == 0 and f"/{entry.name}".rsplit("/", 2)[1] == "traced_inputs":
        return  # torch keeps what a model was traced with by shape only
    if entry.name in raw:
        if entry.size != raw[entry.name] and raw[entry.name] >= 0:
            what = f"holds {entry.size:,} bytes where its tensor needs {raw[entry.name]:,}"
            job.mark("suspicious", what, entry.header, where)
        if entry.method == 0:
            return  # numbers: their bytes are accounted for and never acted upon
        member(job, region, entry, where)
        return
    content = member(job, region, entry, where)
    if content is None:
        return
    if leaf in _TEXT_NAMES and _is_text(content):
        return
    if kind == "TorchScript" and "/code/" in f"/{entry.name}" and leaf.endswith(".py"):
        programs.scan_script(job, content, where)
    elif kind == "torch exported program" and leaf.endswith(".json"):
        programs.scan_exported(job, content, where)
    elif kind == "stable-baselines3 policy" and entry.name == "data":
        jsons.scan_policy(job, content, where)
    elif kind == "keras" and leaf == "config.json":
        keras.scan_config(job, content, where)
    elif kind == "keras" and entry.name.startswith("assets/") and keras.is_vocabulary(leaf, content):
        return
    elif kind == "skops" and leaf == "schema.json":
        jsons.scan_skops(job, content, where)
    else:
        job.examine(content, where)


def _is_text(content: Region) -> bool:
    """Whether a member is a few lines of plain text."""
    data = content.take(0, 16_385)
    return len(data) <= 16_384 and all(32 <= b < 127 or b in b"\r\n\t" for b in data)
