"""The natural loaders of model files, by name: what a user would call, with what has to be imported before.

Frameworks are named as text and imported in the locked child only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Loader:
    load: Callable[[str], Any]
    imports: tuple[str, ...] = ()
    suffix: str = ""  # the loader goes by the name; the file gets one that fits
    temporary: bool = False  # the loader itself writes temporary files


def _call(module: str, function: str, **settings: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        found: Any = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
        return found(path, **settings)

    return load


def _stream(module: str, function: str, **settings: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        with open(path, "rb") as stream:
            return getattr(importlib.import_module(module), function)(stream, **settings)

    return load


def _every_pickle(path: str) -> list[Any]:
    """All that stand one behind the other: programs that wrote several read several."""
    import pickle

    found: list[Any] = []
    with open(path, "rb") as stream:
        while not found or stream.peek(1):
            found.append(pickle.load(stream))  # noqa: S301 (what this child is locked for)
    return found


def _numpy(path: str) -> Any:
    import numpy as np

    found = np.load(path, allow_pickle=True)
    return [found[key] for key in getattr(found, "files", ())] or found


def _yaml(path: str) -> Any:
    import yaml

    with open(path, "rb") as stream:
        return list(yaml.unsafe_load_all(stream))


def _skops(path: str) -> Any:
    io: Any = importlib.import_module("skops.io")
    return io.load(path, trusted=io.get_untrusted_types(file=path))


def _onnx(path: str) -> Any:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


LOADERS: dict[str, Loader] = {
    "pickle": Loader(_every_pickle, ("pickle",)),
    "joblib": Loader(_call("joblib", "load"), ("joblib",)),
    "dill": Loader(_stream("dill", "load"), ("dill",)),
    "pandas": Loader(_call("pandas", "read_pickle"), ("pandas",)),
    "numpy": Loader(_numpy, ("numpy",)),
    "torch": Loader(_call("torch", "load", weights_only=False, map_location="cpu"), ("torch",)),
    "torch weights only": Loader(_call("torch", "load", weights_only=True, map_location="cpu"), ("torch",)),
    "torchscript": Loader(_call("torch", "jit.load", map_location="cpu"), ("torch",)),
    "torch export": Loader(_call("torch", "export.load"), ("torch", "torch.export"), ".pt2", temporary=True),
    "keras": Loader(
        _call("keras", "saving.load_model", safe_mode=False, compile=False), ("keras",), ".keras", temporary=True
    ),
    "keras h5": Loader(
        _call("keras", "saving.load_model", safe_mode=False, compile=False), ("keras", "h5py"), ".h5", temporary=True
    ),
    "skops": Loader(_skops, ("skops.io",)),
    "stable-baselines3": Loader(
        _call("stable_baselines3.common.save_util", "load_from_zip_file", device="cpu"),
        ("stable_baselines3.common.save_util",),
        ".zip",
    ),
    "onnxruntime": Loader(_onnx, ("onnxruntime",)),
    "safetensors": Loader(_call("safetensors.numpy", "load_file"), ("safetensors.numpy",)),
    "yaml": Loader(_yaml, ("yaml",)),
}

# A format of the scan, or a word in it, and what opens such a file: the first that fits. Pickles, and what nobody
# knows, are tried in the ways that people try; any other format is opened by what its name asks for, if anything.
_BY_FORMAT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("stable-baselines3", ("stable-baselines3",)),
    ("torch exported", ("torch export",)),
    ("TorchScript", ("torchscript", "torch", "torch weights only")),
    ("torch", ("torch", "torch weights only")),
    ("tar", ("torch", "torch weights only")),
    ("skops", ("skops",)),
    ("keras", ("keras",)),
    ("hdf5", ("keras h5",)),
    ("onnx", ("onnxruntime",)),
    ("safetensors", ("safetensors",)),
    ("npz", ("numpy",)),
    ("npy", ("numpy", "pickle")),
    ("yaml", ("yaml",)),
    ("zip", ("torch", "torch weights only", "numpy", "keras", "stable-baselines3", "skops")),
)
_COMPRESSED = ("gzip", "bz2", "xz", "lzma", "zlib", "lz4", "zstd", "joblib")
_NO_CODE = ("gguf", "lightgbm", "ubjson", "xgboost", "json", "empty", "text")
_PICKLED = ("pickle", "joblib", "dill", "unknown")
_PANDAS_EXPANDS = (".gz", ".bz2", ".xz", ".zst")
_PLAIN_PICKLES = (".pkl", ".pickle", ".joblib")
_BY_SUFFIX = {
    ".joblib": ("joblib", "pickle"),
    ".pt": ("torch", "torch weights only", "pickle"),
    ".pth": ("torch", "torch weights only", "pickle"),
    ".ckpt": ("torch", "torch weights only", "pickle"),
    ".bin": ("torch", "torch weights only", "pickle"),
    ".dill": ("dill", "pickle"),
    ".npy": ("numpy", "pickle"),
    ".npz": ("numpy",),
    ".yaml": ("yaml",),
    ".yml": ("yaml",),
    ".keras": ("keras",),
    ".h5": ("keras h5",),
    ".hdf5": ("keras h5",),
}


# Imported before a file that names them is opened; no other package is imported at a file's word outside the lock.
WELL_KNOWN = frozenset({"numpy", "scipy", "pandas", "sklearn", "torch", "xgboost", "lightgbm", "joblib"})


def natural(form: str, suffix: str) -> tuple[str, ...]:
    """The loaders that a file of this format and name would meet; none where no loader runs code from it."""
    by_name = _BY_SUFFIX.get(suffix.lower(), ())
    first = form.split(":", 1)[0].strip()
    if first in _COMPRESSED:
        found: tuple[str, ...] = ("joblib", "pandas") if suffix.lower() in _PANDAS_EXPANDS else ("joblib",)
    elif form.startswith(_NO_CODE):
        found = by_name if suffix.lower() in (".yaml", ".yml") else ()
        by_name = found
    else:
        found = next((loaders for word, loaders in _BY_FORMAT if word in form), ())
        if not found and any(word in form for word in _PICKLED):
            found = (
                ("pickle", "joblib")
                if suffix.lower() in (".pkl", ".pickle", ".joblib")
                else ("pickle", "joblib", "torch")
            )
    return tuple(dict.fromkeys((*by_name, *found)))
