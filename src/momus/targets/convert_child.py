"""The confined child of `momus convert`: loads what the scan found nothing in, writes it anew, compares the two.

It imports the libraries, forks once (a lock binds one thread), locks what lives on, and only then opens the file. What
it prints is a plain JSON object for the parent, which reads it as a stranger's word and checks the files itself.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from momus.core.lockdown import lacking, lock_down, python_places

_MODULES = {"torch": ("numpy", "torch"), "pickle": ("numpy", "scipy.sparse", "joblib", "sklearn", "skops.io")}


def main() -> None:
    """Entry: the request as JSON on standard input, the answer as one line of JSON on standard output."""
    request = json.loads(sys.stdin.buffer.read())
    for module in (*_MODULES[request["kind"]], *request["modules"]):
        try:
            importlib.import_module(module)
        except ImportError:
            _answer({"missing": module})
    tempfile.gettempdir()
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    room, source = Path(request["room"]), Path(request["source"])
    layers = lock_down(
        readable=[*python_places(), source, room], writable=[room], memory_mb=request["memory_mb"],
        seconds=request["seconds"],
    )  # fmt: skip
    short = lacking(layers)
    if short and not request["unconfined"]:
        _answer({"unlocked": "; ".join(short)})
    try:
        made = _torch(source, room) if request["kind"] == "torch" else _pickle(source, room, request)
    except Exception as error:  # the library may raise anything about a file
        made = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    _answer({"layers": layers, **made})


def _answer(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


# -- tensors: PyTorch's own reading of both files --------------------------------------------------------------------
def _torch(source: Path, room: Path) -> dict[str, Any]:
    import torch

    from momus.methods.conversion.safetensors_file import read_safetensors
    from momus.targets.torch_load import read_safetensors as as_torch

    before = dict(_flat(torch.load(source, map_location="cpu", weights_only=True), ""))
    written = room / "out"
    after = as_torch(written)
    shared = json.loads(read_safetensors(written)[1].get("shared", "[]"))
    differing = sorted(set(before) ^ set(after))
    for name in sorted(set(before) & set(after)):
        a, b = before[name].detach().contiguous(), after[name].contiguous()
        same = a.dtype == b.dtype and a.shape == b.shape
        if not same or not torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8)):
            differing.append(name)
    places: dict[Any, list[str]] = {}
    for name, t in before.items():
        places.setdefault((t.untyped_storage().data_ptr(), t.storage_offset(), t.shape, t.stride()), []).append(name)
    alike = sorted(sorted(n) for n in places.values() if len(n) > 1 and before[n[0]].numel())
    if alike != sorted(sorted(n) for n in shared if before[n[0]].numel()):
        differing.append("which tensors share their numbers")
    proof = {
        "what": "tensors as torch.load(weights_only=True) gives them: names, types, shapes, bits, sharing",
        "compared": len(before), "equal": not differing, "greatest_difference": None if differing else 0.0,
        "differing": differing[:10],
    }  # fmt: skip
    return {"proofs": [proof], "versions": {"torch": torch.__version__}}


def _flat(value: Any, name: str) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{i}")


# -- estimators and arrays -------------------------------------------------------------------------------------------
def _pickle(source: Path, room: Path, request: dict[str, Any]) -> dict[str, Any]:
    import joblib
    import numpy as np

    found = joblib.load(source)
    arrays = _arrays(found)
    if request["to"] == "npz" or (not request["to"] and arrays is not None):
        if arrays is None:
            return {"failed": f"it holds a {type(found).__name__}, no arrays"}
        from momus.methods.conversion.plain_arrays import read_arrays, write_npz
        from momus.targets.convert_compare import same_parts

        write_npz(room / "out", arrays)
        return {"to": "npz", "proofs": [same_parts(arrays, read_arrays(room / "out"), "arrays bit for bit")],
                "versions": {"numpy": np.__version__}}  # fmt: skip
    if not hasattr(found, "get_params"):
        return {"failed": f"it holds a {type(found).__module__}.{type(found).__name__}, no scikit-learn estimator"}
    return _skops(found, room, request)


def _arrays(found: Any) -> dict[str, Any] | None:
    """An array, or a dictionary of arrays under text keys; None for anything else."""
    import numpy as np

    if isinstance(found, np.ndarray):
        found = {"array": found}
    if not isinstance(found, dict) or not found:
        return None
    plain = all(isinstance(k, str) and isinstance(v, np.ndarray) and not v.dtype.hasobject for k, v in found.items())
    return found if plain else None


def _skops(estimator: Any, room: Path, request: dict[str, Any]) -> dict[str, Any]:
    import sklearn

    from momus.targets.convert_compare import same_outputs, same_parts

    skops, written = importlib.import_module("skops.io"), room / "out"
    skops.dump(estimator, written)
    asks = skops.get_untrusted_types(file=written)
    foreign = [t for t in asks if t.split(".")[0] not in ("sklearn", "numpy", "scipy", "xgboost", "lightgbm")]
    if foreign:
        return {"failed": f"skops would have to trust {', '.join(foreign[:5])}"}
    again = skops.load(written, trusted=asks)
    proofs = [
        same_parts(estimator, again, "learned parameters bit for bit"),
        same_outputs(estimator, again, request["seed"]),
    ]
    versions = {"scikit-learn": sklearn.__version__, "skops": version("skops")}
    return {"to": "skops", "proofs": proofs, "versions": versions, "trusted": list(asks)}


if __name__ == "__main__":
    main()
