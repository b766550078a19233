"""The files of bench_scan: both corpora on disk, large checkpoints, a folder of small pickles."""

# ruff: noqa: E501   the table of groups

from __future__ import annotations

import importlib.util
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from momus.zoo.supply_chain.corpus import corpus

GROUPS = {
    "pickle": "opcode tricks", "pickle gadget": "gadget calls", "pickle bomb": "bombs", "bomb": "bombs", "joblib": "joblib, NumPy",
    "numpy": "joblib, NumPy", "compressed": "joblib, NumPy", "by value": "dill, cloudpickle", "renamed": "renamed",
    "keras": "Keras, HDF5", "hdf5": "Keras, HDF5", "skops": "skops, policies", "policy": "skops, policies",
    "onnx": "graphs", "tensorflow": "graphs", "tflite": "graphs", "safetensors": "safetensors, GGUF", "gguf": "safetensors, GGUF",
    "template": "templates", "yaml": "configuration", "json": "configuration", "script": "scripts, notebooks", "native": "native code",
    "pmml": "PMML, R", "r": "PMML, R", "tar": "archives", "zip": "archives", "7z": "archives",
}  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """One file on disk and what is known of it."""

    name: str
    path: Path
    group: str
    fires: bool
    held_out: bool
    benign: bool


def corpora(folder: Path) -> list[Placed]:
    """tests/corpus and the zoo's own, a folder a file."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from corpus.build import write
    from corpus.everything import benign, hostile

    out = []
    for kind, items in (("hostile", hostile()), ("benign", benign())):
        for item, entry in zip(items, write(items, folder / kind), strict=True):
            group = "torch" if item.carrier.startswith("torch") else GROUPS.get(item.carrier, "other")
            path = folder / str(entry["path"])
            out.append(Placed(item.name, path, group, bool(item.loader), item.held_out, item.kind == "benign"))
    for number, artifact in enumerate([a for half in corpus(0) for a in half]):
        path = folder / "zoo" / str(number) / artifact.file
        path.parent.mkdir(parents=True)
        path.write_bytes(artifact.data)
        out.append(Placed(f"zoo: {artifact.group}: {artifact.name}", path, "the zoo's own", bool(artifact.loader),
                          artifact.held_out, artifact.group == "benign"))  # fmt: skip
    return out


def large_files(folder: Path) -> dict[str, Path]:
    """200 MB of checkpoint, safetensors and pickled array; a pickle of two million instructions."""
    made = {"200 MB pickled array": folder / "array.pkl", "2 M pickle instructions": folder / "list.pkl"}
    with made["200 MB pickled array"].open("wb") as out:
        pickle.dump(np.random.default_rng(0).normal(size=25_000_000), out)
    with made["2 M pickle instructions"].open("wb") as out:
        pickle.dump([float(i) for i in range(2_000_000)], out)
    if importlib.util.find_spec("torch") is None:
        return made
    import torch

    generator = torch.Generator().manual_seed(0)
    layers = {f"layer{i}.w": torch.randn(1000, 1000, generator=generator) for i in range(50)}
    torch.save(layers, folder / "checkpoint.pt")
    made = {"200 MB torch checkpoint": folder / "checkpoint.pt", **made}
    if importlib.util.find_spec("safetensors") is not None:
        from safetensors.torch import save_file

        save_file(layers, str(folder / "model.safetensors"))
        made["200 MB safetensors"] = folder / "model.safetensors"
    return made


def small_folder(folder: Path) -> Path:
    """200 small honest pickles: models and dictionaries of arrays."""
    from sklearn.linear_model import LogisticRegression

    place = folder / "small"
    place.mkdir()
    for i in range(200):
        rng = np.random.default_rng(i)
        thing: object = {"w": rng.normal(size=(20, 20)), "meta": {"i": i, "names": [f"f{k}" for k in range(20)]}}
        if i % 2:
            thing = LogisticRegression().fit(rng.normal(size=(60, 5)), np.arange(60) % 2)
        (place / f"m{i:03d}.pkl").write_bytes(pickle.dumps(thing))
    return place
