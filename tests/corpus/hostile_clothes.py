"""Pickles in joblib, NumPy, dill and cloudpickle files, compressed in every way, renamed."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zlib
from typing import Any

import numpy as np

from corpus.items import COMMAND, MARKER, SOURCE, Item, asks, code, glob, named, payload, stream, table, text, value
from momus.zoo.supply_chain.corpus import Member, zipped
from momus.zoo.supply_chain.corpus_bad_formats import _npy


class Fires:
    """Touches the marker when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (COMMAND,)


def items() -> list[Item]:
    """All of them."""
    return [*_joblib(), *_old_joblib(), *_arrays(), *_functions(), *_renamed()]


def dumped(thing: Any, compress: Any = 0, protocol: int | None = None) -> bytes:
    """What joblib.dump writes."""
    import joblib

    out = io.BytesIO()
    joblib.dump(thing, out, compress=compress, protocol=protocol)
    return out.getvalue()


def _joblib() -> list[Item]:
    model = {"w": np.arange(12.0).reshape(3, 4), "bias": [0.5], "extra": Fires()}
    rows: list[tuple[str, str, str, bytes, str]] = []
    for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
        try:
            data = dumped(model, (method, 3))
        except ValueError:
            continue  # lz4 is not installed
        rows.append((f"joblib in {method}", method, f"model.joblib.{method}", data, "joblib"))
    objects = np.array([1, None, Fires()], dtype=object)
    several = gzip.compress(dumped(model)[:40], mtime=0) + gzip.compress(dumped(model)[40:], mtime=0)
    rows += [
        ("joblib, plain", "raw", "model.joblib", dumped(model), "joblib"),
        ("joblib, protocol 2", "raw", "model2.joblib", dumped(model, protocol=2), "joblib"),
        ("joblib array of objects", "object array", "objects.joblib", dumped({"a": objects, "b": np.ones(3)}), "joblib"),
        ("joblib array of objects in zlib", "object array", "objects.joblib.z", dumped(objects, 3), "joblib"),
        ("joblib in two gzip members", "members", "two.joblib.gz", several, ""),
        ("joblib in gzip with a file name", "header", "named.gz", _gzip_with_name(dumped(model)), "joblib"),
        ("joblib in gzip with a wrong checksum", "checksum", "crc.gz", _flip(gzip.compress(payload(), mtime=0), -8), ""),
        ("joblib in gzip, cut short", "cut", "cut.gz", gzip.compress(payload(), mtime=0)[:-6], "joblib"),
        ("joblib in gzip with junk behind", "trailing", "junk.gz", gzip.compress(payload(), mtime=0) + b"junk" * 9, ""),
        ("joblib in zlib with junk behind", "trailing", "junk.z", zlib.compress(payload()) + payload(), ""),
        ("joblib in zlib, level 0", "zlib", "level0.z", zlib.compress(payload(), 0), "joblib"),
        ("joblib in bz2, two streams", "members", "two.bz2", bz2.compress(payload()[:9]) + bz2.compress(payload()[9:]), "joblib"),
        ("joblib in xz without a check", "check", "none.xz", lzma.compress(payload(), check=lzma.CHECK_NONE), "joblib"),
        ("joblib in xz with two filters", "filters", "delta.xz", lzma.compress(payload(), filters=[
            {"id": lzma.FILTER_DELTA, "dist": 2}, {"id": lzma.FILTER_LZMA2, "preset": 1}]), "joblib"),
    ]  # fmt: skip
    return [*table("joblib", rows), *_zstd()]


def _zstd() -> list[Item]:
    try:
        import zstandard
    except ImportError:
        return []
    inner = zstandard.ZstdCompressor().compress(payload())
    skip = b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip"
    return table("compressed", [("zstd", "zstd", "model.zst", inner, ""),
                                ("zstd behind a skipped frame", "zstd", "skip.zst", skip + inner, "")])  # fmt: skip


def _gzip_with_name(data: bytes) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile("readme.txt", "wb", fileobj=out, mtime=0) as stream_:
        stream_.write(data)
    return out.getvalue()


def _flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


def _old_joblib() -> list[Item]:
    """Files of joblib before 0.10, which it still opens: ``ZF``, the length in hexadecimal, zlib."""
    inner = payload()
    old = b"ZF" + hex(len(inner)).encode().ljust(19) + zlib.compress(inner)
    wrapper = named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + b"}("
    wrapper += text("subclass") + named("numpy", "ndarray") + text("shape") + b"K\x01\x85" + text("order") + text("C")
    wrapper += text("dtype") + value(None) + text("allow_mmap") + b"\x89ub"
    dtype = call_dtype(b"O8")
    wrapper = wrapper.replace(text("dtype") + value(None), text("dtype") + dtype)
    return table("joblib", [
        ("joblib before 0.10", "ZF", "old.joblib", old, "joblib"),
        ("joblib wrapper written by hand", "wrapper", "hand.joblib", stream(b"}" + text("w") + wrapper)[:-1] + payload()
         + b"s.", "joblib"),
    ])  # fmt: skip


def call_dtype(kind: bytes) -> bytes:
    """A NumPy dtype as pickles write it."""
    return asks("numpy", "dtype", kind.decode(), False, True)


def _arrays() -> list[Item]:
    evil = _npy("'|O'", "(1,)", payload())
    nested = _npy("[('a', [('b', '|O', (2,))])]", "(1,)", payload())
    member = zipped([Member("a.npy", _npy("'<f8'", "(1,)", bytes(8))), Member("z.npy", evil, deflate=True)])
    long = (
        b"\x93NUMPY\x02\x00"
        + struct.pack("<I", 400)
        + b"{'descr': '|O', 'fortran_order': True, 'shape': (), }".ljust(399)
        + b"\n"
    )
    python2 = (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 118)
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1L,), }".ljust(117)
        + b"\n"
    )
    state = stream(asks("numpy._core.multiarray", "_reconstruct", code(glob("numpy", "ndarray")), (0,), "b"), 4)[:-1]
    inside = (
        b"(K\x01K\x01\x85"
        + asks("numpy", "dtype", "O8", False, True)
        + b"\x89]"
        + asks("posix", "system", COMMAND)
        + b"atb."
    )
    scalar = stream(
        asks("numpy._core.multiarray", "scalar", code(call_dtype(b"O8")), code(asks("posix", "system", COMMAND)))
    )
    return table("numpy", [
        ("npy of objects, Fortran order", "object array", "f.npy", long + payload(), "numpy"),
        ("npy of nested records", "object array", "n.npy", nested, "numpy"),
        ("npy of Python 2", "header", "p2.npy", python2 + payload(), "numpy"),
        ("npy version 3", "header", "v3.npy", b"\x93NUMPY\x03\x00" + long[8:] + payload(), "numpy"),
        ("npz, second member deflated", "npz", "m.npz", member, "numpy"),
        ("npz member with a wrong checksum", "npz", "c.npz", zipped([Member("z.npy", evil, crc=7)]), ""),
        ("npz member without .npy", "npz", "raw.npz", zipped([Member("weights", payload())]), ""),
        ("npz with a nested npz", "npz", "nest.npz", zipped([Member("in.npz", zipped([Member("z.npy", evil)]))]), ""),
        ("npy that is a pickle", "wrong extension", "weights.npy", payload(), "numpy"),
        ("pickled object array", "object array", "objects.pkl", pickle.dumps(np.array([Fires()], dtype=object)), "pickle"),
        ("array state with a call", "object array", "state.pkl", state + inside, "pickle"),
        ("scalar of objects", "object array", "scalar.pkl", scalar, "pickle"),
        ("npy with a pickle behind its numbers", "trailing", "behind.npy", _npy("'<f8'", "(1,)", bytes(8)) + payload(), ""),
        ("npy header that is no literal", "header", "call.npy", _npy(SOURCE, "(1,)", bytes(8)), ""),
    ])  # fmt: skip


def _functions() -> list[Item]:
    """Functions kept by value; loaded and called, as a model with a custom function is."""
    room: dict[str, Any] = {"__name__": "__main__"}
    exec(f"def predict(x):\n    import os\n    return os.system({COMMAND!r})\n", room)
    exec(f"class Net:\n    def __reduce__(self):\n        return (eval, ({SOURCE!r},))\n", room)
    rows: list[tuple[str, str, str, bytes, str]] = []
    try:
        import dill
    except ImportError:
        pass
    else:
        rows.append(("dill function", "by value", "predict.dill", dill.dumps(room["predict"], recurse=True), "dill"))
        rows.append(
            ("dill lambda", "by value", "lambda.dill", dill.dumps(lambda x: __import__("os").system(COMMAND)), "")
        )
        rows.append(("dill instance", "reduce", "net.dill", dill.dumps(room["Net"](), recurse=True), "dill"))
    try:
        import cloudpickle
    except ImportError:
        return table("by value", rows)
    rows.append(("cloudpickle function", "by value", "predict.cpkl", cloudpickle.dumps(room["predict"]), "dill"))
    rows.append(("cloudpickle instance", "reduce", "net.cpkl", cloudpickle.dumps(room["Net"]()), "pickle"))
    rows.append(("cloudpickle class", "by value", "class.cpkl", cloudpickle.dumps(room["Net"]), ""))
    return table("by value", rows)


def _renamed() -> list[Item]:
    evil = payload()
    names = ("model.png", "model.h5", "model.onnx", "model.tflite", "README.md", "config.json", "model.gguf", "noname",
             "weights.bin", "model.keras", "model.csv", "model.safetensors.index")  # fmt: skip
    rows = [(f"pickle called {n}", "wrong extension", n, evil, "pickle") for n in names]
    folder = evil + bytes(4096)
    rows.append(("pickle with a page of zeros behind", "trailing", "zeros.pkl", folder, "pickle"))
    rows.append(
        ("pickle with a picture behind", "trailing", "pic.pkl", evil + b"\x89PNG\r\n\x1a\n" + bytes(99), "pickle")
    )
    rows.append(("pandas pickle in xz", "wrong extension", "table.pkl.xz", lzma.compress(evil), "pandas"))
    rows.append(("pandas pickle in a zip", "zip", "table.zip", zipped([Member("table.pkl", evil)]), "pandas"))
    rows.append(("base64 of a pickle", "encoded", f"{MARKER}.b64", __import__("base64").b64encode(evil), ""))
    return table("renamed", rows)
