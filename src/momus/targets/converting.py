"""A file that may run code into one that cannot, with the proof beside it: scan, read or load confined, compare."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from momus.core.errors import MissingExtra, MomusError, UnsafeArtifact
from momus.methods.artifacts import FileReport, scan

_ENDINGS = {"safetensors": ".safetensors", "skops": ".skops", "npz": ".npz"}
_MEMORY_MB, _SECONDS = 8192, 300
_SEED = 20
_BOOT = "import sys; sys.path[:] = {path!r}; from momus.targets import convert_child; convert_child.main()"
_LIMITS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}


@dataclass
class Conversion:
    """What was made of what, and every comparison that says they are the same."""

    source: dict[str, Any]
    output: dict[str, Any] = field(default_factory=dict)
    proofs: list[dict[str, Any]] = field(default_factory=list)
    equal: bool = False
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    confinement: dict[str, str] = field(default_factory=dict)


def convert(path: Path, out: Path | None = None, to: str = "", allow: tuple[str, ...] = ()) -> Conversion:
    """Convert one file; MomusError where it is refused, cannot be converted, or the outputs differ.

    The output and its ``.proof.json`` appear only when every comparison was equal.
    """
    report = scan(path, allow=allow)
    _refuse_unless_clean(report)
    made = Conversion({"path": str(path), "sha256": report.sha256, "size": report.size, "format": report.format,
                       "verdict": report.verdict})  # fmt: skip
    kind, to = _kind(report, to)
    with tempfile.TemporaryDirectory(prefix="momus-convert-") as folder:
        room = Path(folder)
        if kind == "torch":
            _tensors(path, room, made)
        elif kind == "arrays":
            _plain(path, room, to, made)
        else:
            to = _loaded(path, room, to, made)
        made.equal = bool(made.proofs) and all(p["equal"] for p in made.proofs)
        if not made.equal:
            wrong = next((p for p in made.proofs if not p["equal"]), {"what": "nothing", "differing": []})
            told = ", ".join(wrong["differing"][:3])
            why = f"the outputs differ, nothing was written: {wrong['what']}: {told}"
            if not told:
                why = f"the outputs could not be compared, nothing was written: {wrong['what']}"
            raise MomusError(
                why, code="convert/differs" if told else "convert/not-compared", place=str(path),
                hint="Keep the original, confined and with its sha256 recorded",
            )  # fmt: skip
        if scan(path, allow=allow).sha256 != report.sha256:
            raise MomusError("it changed while it was being converted", code="convert/changed", place=str(path))
        _place(room / "out", out or path.with_suffix(_ENDINGS[to]), to, made)
    return made


def _refuse_unless_clean(report: FileReport) -> None:
    if report.format == "none":
        said = report.worst.what if report.worst else "cannot be opened"
        raise MomusError(said, code="convert/unreadable", place=report.name, hint="Name a regular file")
    if not report.loadable:
        said = "; ".join(m.what for m in report.marks[:3])
        raise UnsafeArtifact(
            f"the scan calls it {report.verdict}: {said}", place=report.name, hint="A file like this is not converted"
        )


def _kind(report: FileReport, to: str) -> tuple[str, str]:
    """(how it is read, which format comes out)."""
    kind, how = report.format.split(",")[0], ""
    possible: tuple[str, ...] = ("",)
    if kind.startswith("torch") and "script" not in kind:
        possible, how = ("safetensors",), "torch"
    elif kind in ("npy", "npz"):
        possible, how = ("npz", "safetensors"), "arrays"
        to = to or ("npz" if kind == "npy" else "safetensors")
    elif kind == "pickle" or "joblib" in kind or kind.endswith(("pickle", "joblib")):
        possible, how = ("skops", "npz", ""), "pickle"
    if to == "onnx":
        raise MomusError(
            "there is no conversion to ONNX that gives equal outputs to the last bit", code="convert/unsupported",
            place=report.name, hint="Convert to safetensors or skops; export to ONNX with your framework's own tool",
        )  # fmt: skip
    if not how or (to or possible[0]) not in possible:
        raise MomusError(
            f"a {kind} file is not converted{f' to {to}' if to else ''}", code="convert/unsupported", place=report.name,
            hint="What is converted: torch checkpoints to safetensors, estimators to skops, arrays to npz, safetensors",
        )  # fmt: skip
    return how, to or possible[0] if how != "pickle" else to


# -- the three ways --------------------------------------------------------------------------------------------------
def _tensors(path: Path, room: Path, made: Conversion) -> None:
    from momus.methods.conversion import compare_tensors, read_checkpoint, read_safetensors, write_safetensors

    held = read_checkpoint(path)
    write_safetensors(room / "out", held.tensors, held.metadata)
    again, _ = read_safetensors(room / "out")
    made.proofs.append(compare_tensors(held.tensors, again))
    if held.shared:
        made.notes.append(f"{len(held.shared)} groups of names share their numbers; each is written, the header tells")
    if held.aside:
        made.notes.append(f"{len(held.aside)} plain values that are no tensors are kept in the header under 'aside'")
    said = _ask(path, room, {"kind": "torch"})
    if "missing" in said:
        made.notes.append("PyTorch is not installed: its own reading of the file was not compared")
    elif "failed" in said:
        made.notes.append(f"PyTorch's own safe reading was not compared: {said['failed']}")
    else:
        _take(said, made)


def _plain(path: Path, room: Path, to: str, made: Conversion) -> None:
    from momus.methods.conversion import compare_tensors, read_arrays, read_safetensors, write_npz, write_safetensors
    from momus.methods.conversion.plain_arrays import as_tensors
    from momus.targets.convert_compare import same_parts

    arrays = read_arrays(path)
    if to == "npz":
        write_npz(room / "out", arrays)
        made.proofs.append(same_parts(arrays, read_arrays(room / "out"), "arrays bit for bit"))
    else:
        write_safetensors(room / "out", as_tensors(arrays), {"format": "np"})
        made.proofs.append(compare_tensors(as_tensors(arrays), read_safetensors(room / "out")[0]))


def _loaded(path: Path, room: Path, to: str, made: Conversion) -> str:
    said = _ask(path, room, {"kind": "pickle", "to": to})
    if said.get("missing", "").startswith(("skops", "joblib", "sklearn")):
        raise MissingExtra.of("converting estimators", "convert", said["missing"].split(".")[0])
    if "missing" in said:
        raise MissingExtra.of("converting estimators", "sklearn", said["missing"])
    if "failed" in said:
        raise MomusError(said["failed"], code="convert/unsupported", place=str(path), hint="Keep it confined")
    _take(said, made)
    return str(said["to"])


def _take(said: dict[str, Any], made: Conversion) -> None:
    made.proofs += said["proofs"]
    made.versions.update(said["versions"])
    made.confinement = said["layers"]
    if said.get("trusted"):
        made.notes.append(f"skops asks to be told that these are trusted: {', '.join(said['trusted'])}")


def _ask(path: Path, room: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """The confined child's answer. A child that dies, hangs or talks nonsense has not answered."""
    request = {
        "source": str(path.resolve()), "room": str(room), "memory_mb": _MEMORY_MB, "seconds": _SECONDS, "to": "",
        "seed": _SEED, "modules": [], "unconfined": sys.platform != "linux", **wanted,
    }  # fmt: skip
    here = str(Path.cwd())
    paths = [p for p in sys.path if p and (p != here or Path(p, "momus").is_dir())]
    command = [sys.executable, "-I", "-B", "-c", _BOOT.format(path=paths)]
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")}
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), capture_output=True, check=False, timeout=_SECONDS + 60,
            env={**keep, **_LIMITS, "HOME": str(room), "TMPDIR": str(room)}, cwd=room,
        )  # fmt: skip
        said = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise MomusError(
            f"the confined process gave no answer ({type(error).__name__})", code="convert/died", place=str(path)
        ) from error
    if not isinstance(said, dict) or not said:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise MomusError(f"the confined process died: {last[0][:200]}", code="convert/died", place=str(path))
    if "unlocked" in said:
        raise MomusError(
            f"this machine gives no lock to load it in: {said['unlocked']}", code="convert/unlocked", place=str(path)
        )
    return said


# -- what is left behind ---------------------------------------------------------------------------------------------
def _place(written: Path, out: Path, to: str, made: Conversion) -> None:
    """Scan what was written, then put it and its proof in place; nothing that exists is overwritten."""
    report = scan(written)
    if report.verdict in ("dangerous", "not understood"):
        raise MomusError(f"the scan calls the output {report.verdict}", code="convert/differs", place=str(out))
    proof = out.with_name(out.name + ".proof.json")
    for path in (out, proof):
        if os.path.lexists(path):
            raise MomusError(
                "this file is there already", code="convert/exists", place=str(path), hint="Name another: -o"
            )
    try:
        with out.open("xb") as target, written.open("rb") as source:
            shutil.copyfileobj(source, target)
        made.output = {"path": str(out), "sha256": report.sha256, "size": report.size, "format": to,
                       "verdict": report.verdict}  # fmt: skip
        proof.write_text(json.dumps(asdict(made), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise MomusError(
            f"cannot be written: {error.strerror or error}", code="convert/unwritable", place=str(out)
        ) from error
