"""Opens files by their natural loaders in a locked child and says which of them fired.

    python -I fire.py PLAN.json         # a list of [loader, folder, file]

Each file is opened in its own folder. It fired when ``momus-marker`` is there afterwards. Sockets are refused, files
are small, time and processor are bounded.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARKER = "momus-marker"


def load_pickle(path: str) -> None:
    import pickle

    with open(path, "rb") as stream:
        pickle.load(stream)


def load_twice(path: str) -> None:
    import pickle

    with open(path, "rb") as stream:
        while True:
            pickle.load(stream)


def load_joblib(path: str) -> None:
    import joblib

    joblib.load(path)


def load_dill(path: str) -> None:
    import dill

    with open(path, "rb") as stream:
        found = dill.load(stream)
    if callable(found):
        found(0)


def load_numpy(path: str) -> None:
    import numpy

    found = numpy.load(path, allow_pickle=True)
    for key in getattr(found, "files", ()):
        found[key]


def load_torch(path: str) -> None:
    import torch

    torch.load(path, weights_only=False)


def load_script(path: str) -> None:
    import torch

    torch.jit.load(path)(torch.zeros(2))


def load_package(path: str) -> None:
    import torch.package

    torch.package.PackageImporter(path).load_pickle("model", "model.pkl")


def load_exported(path: str) -> None:
    import torch

    torch.export.load(path)


def load_skops(path: str) -> None:
    from skops import io

    found = io.load(path, trusted=io.get_untrusted_types(file=path))
    if hasattr(found, "transform"):
        found.transform([[0]])


def load_keras(path: str) -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import numpy

    model = keras.saving.load_model(path, safe_mode=False, compile=False)
    model(numpy.zeros((1, 2), "float32"))


def load_policy(path: str) -> None:
    from stable_baselines3.common.save_util import load_from_zip_file

    load_from_zip_file(path)


def load_yaml(path: str) -> None:
    import yaml

    with open(path, "rb") as stream:
        for _ in yaml.unsafe_load_all(stream):
            pass


def load_template(path: str) -> None:
    """What a tokenizer does with its chat template, without the sandbox."""
    import jinja2

    data = Path(path).read_bytes()
    if data[:4] == b"GGUF":
        at = data.index(b"tokenizer.chat_template") + 23
        at += data[at:].index(b"\x08\0\0\0") + 4
        found = data[at + 8 : at + 8 + int.from_bytes(data[at : at + 8], "little")].decode()
    elif path.endswith(".jinja"):
        found = data.decode()
    else:
        found = json.loads(data)["chat_template"]
    for one in [found] if isinstance(found, str) else [f["template"] for f in found]:
        jinja2.Environment(extensions=["jinja2.ext.loopcontrols"]).from_string(one).render(messages=[], x=0)


def load_run(path: str) -> None:
    import runpy

    sys.argv = ["setup.py", "--version"]
    runpy.run_path(path, run_name="__main__")


def load_site(path: str) -> None:
    import site

    site.addpackage(".", path, set())


def load_import(path: str) -> None:
    """The import of a folder of code that lies beside the weights."""
    sys.path.insert(0, ".")
    try:
        name = path.split(".", 1)[0].split("/")[0]
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        importlib.import_module(name)
    finally:
        sys.path.pop(0)


def load_notebook(path: str) -> None:
    """A kernel that runs all cells."""
    room: dict[str, Any] = {"get_ipython": lambda: types.SimpleNamespace(system=os.system)}
    for cell in json.loads(Path(path).read_text())["cells"]:
        if cell["cell_type"] == "code":
            lines = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            if lines.startswith("!"):
                lines = f"get_ipython().system({lines[1:]!r})"
            exec(compile(lines, path, "exec"), room)


def load_native(path: str) -> None:
    import ctypes

    ctypes.CDLL(str(Path(path).resolve()))


def load_pandas(path: str) -> None:
    import pandas

    pandas.read_pickle(path)


def load_make(path: str) -> None:
    import subprocess

    subprocess.run(["/bin/sh", path], check=False)


LOADERS: dict[str, Callable[[str], None]] = {
    n.removeprefix("load_"): f for n, f in list(globals().items()) if n.startswith("load_")
}


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        raise RuntimeError(event)


def _open(loader: str, folder: str, file: str) -> None:
    """In a child of its own: one file's payload leaves nothing behind for the next."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, 1 << 22))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(60)
    os.chdir(folder)
    sys.addaudithook(_refuse)
    error = ""
    try:
        LOADERS[loader](file)
    except BaseException as failure:
        error = f"{type(failure).__name__}: {failure}"[:300]
    if not os.path.lexists(MARKER):
        Path(folder, "why-not").write_text(error)


def _ready(loaders: set[str]) -> None:
    """What the children share is imported once."""
    needed = {"pickle": ("numpy", "joblib", "torch", "pandas", "sklearn.ensemble", "sympy", "h5py", "dill"),
              "torch": ("torch",),
              "joblib": ("joblib",), "keras": ("keras",), "policy": ("stable_baselines3.common.save_util",),
              "skops": ("skops.io",), "script": ("torch",), "template": ("jinja2",)}  # fmt: skip
    os.environ["KERAS_BACKEND"] = "torch"
    for name in [n for loader in sorted(loaders) for n in needed.get(loader, ())]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def main() -> None:
    """Open every file of the plan; whatever one of them does, the others are opened all the same."""
    warnings.simplefilter("ignore")
    plan = json.loads(Path(sys.argv[1]).read_text())
    _ready({loader for loader, _, _ in plan})
    for loader, folder, file in plan:
        child = os.fork()
        if child == 0:
            try:
                _open(loader, folder, file)
            finally:
                os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
