"""Folders of files for ``supply_chain.formats``: pickles of what data formats hold as well, and the same as data."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np

from momus.methods.conversion.safetensors_file import Tensor
from momus.zoo import Case
from momus.zoo.supply_chain.artifacts import Folder
from momus.zoo.supply_chain.corpus import Artifact, Member, blob, call, named, stream, text, torch_zip


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Faulty: at least one file can run code although data would do. Clean: data, or code that nothing replaces."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    data = [_tensors(rng, f"w{i}.safetensors") for i in range(count)] + [_array(rng)]
    notes = Artifact("notes", "", "README.md", f"# A model\n\n{count} layers.\n".encode())
    made = [
        Case("tensors as data", False, Folder("data", [*data, notes])),
        Case("numbers and words", False, Folder("plain", [_json(rng), _array(rng), notes])),
        Case("arrays and metadata, held out", False, Folder("npz", [_npz(rng), _json(rng)]), held_out=True),
        Case("checkpoint", True, Folder("checkpoint", [_checkpoint(rng), *data])),
        Case("pickled arrays", True, Folder("arrays", [_pickled(rng, int(rng.integers(2, 6))), notes])),
        Case("plain values as a pickle", True, Folder("values", [_plain(rng), *data[:1]])),
        Case("booster in a pickle, held out", True, Folder("booster", [_booster(), notes]), held_out=True),
        Case("protocol 0, held out", True, Folder("old", [_pickled(rng, 0), *data[:2]]), held_out=True),
    ]
    return tuple(made)


def _tensors(rng: np.random.Generator, name: str) -> Artifact:
    held = Tensor("F32", (3, 4), rng.normal(size=(3, 4)).astype("<f4").tobytes())
    header = json.dumps({"w": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}}).encode()
    header += b" " * (-len(header) % 8)
    return Artifact("tensors", "", name, len(header).to_bytes(8, "little") + header + bytes(held.data))


def _array(rng: np.random.Generator) -> Artifact:
    out = io.BytesIO()
    np.save(out, rng.normal(size=int(rng.integers(3, 30))))
    return Artifact("array", "", "bias.npy", out.getvalue())


def _npz(rng: np.random.Generator) -> Artifact:
    out = io.BytesIO()
    np.savez(out, a=rng.normal(size=5), b=np.arange(int(rng.integers(2, 9))))
    return Artifact("arrays", "", "weights.npz", out.getvalue())


def _json(rng: np.random.Generator) -> Artifact:
    return Artifact("settings", "", "config.json", json.dumps({"rate": float(rng.random()), "layers": 3}).encode())


def _pickled(rng: np.random.Generator, protocol: int) -> Artifact:
    return Artifact("pickled", "", "weights.pkl", pickle.dumps({"w": rng.normal(size=(4, 2))}, protocol))


def _plain(rng: np.random.Generator) -> Artifact:
    return Artifact("values", "", "vocabulary.pkl", pickle.dumps({f"w{i}": i for i in range(int(rng.integers(5, 50)))}))


def _checkpoint(rng: np.random.Generator) -> Artifact:
    """A state dict of one tensor, put together by hand: PyTorch need not be installed."""
    n = int(rng.integers(2, 9))
    storage = (
        b"(" + text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu") + b"K" + bytes([n]) + b"tQ"
    )
    size = b"K" + bytes([n]) + b"\x85"
    hooks = call(named("collections", "OrderedDict"))
    tensor = call(named("torch._utils", "_rebuild_tensor_v2"), storage, b"K\x00", size, b"K\x01\x85", b"\x89", hooks)
    pickled = b"\x80\x02}" + text("w") + tensor + b"s."
    numbers = Member("model/data/0", rng.normal(size=n).astype("<f4").tobytes())
    return Artifact("checkpoint", "", "model.pt", torch_zip(pickled, [numbers]))


def _booster() -> Artifact:
    """As XGBoost writes itself into a pickle: the model's own bytes as the state of an instance."""
    booster = named("xgboost.core", "Booster") + b")\x81}" + text("handle")
    booster += call(named("builtins", "bytearray"), blob(b"{L\x00\x00")) + b"sb"
    model = named("xgboost.sklearn", "XGBClassifier") + b")\x81}" + text("_Booster") + booster + b"sb"
    return Artifact("booster", "", "model.pkl", stream(model))
