"""Which reader a file goes to: by content, never by name.

Tests and readers are named as ``module.function`` of this package and imported when the first file needs them: most
files are pickles, and a scan of two hundred small ones must not wait for the readers of everything else. Nothing here
may import one of them, nor ``re`` or ``typing``, when this module is imported.
"""

from __future__ import annotations

import importlib

from momus.methods.artifacts.report import Job, Region

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reader = Callable[[Job, Region, str], str]
    Test = Callable[[Region], bool]

_JSON = rb"\xef?\xbb?\xbf?\s*(\{\s*[\"}]|\{\s*\Z|\[[\s\[]*([\"{\]\d-]|true\b|false\b|null\b|NaN\b|\Z))"


def later(name: str) -> Any:
    """The function that ``module.function`` names, imported now."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(f"momus.methods.artifacts.{module}"), function)


def _safetensors(region: Region) -> bool:
    length = int.from_bytes(region.take(0, 8), "little")
    return region.take(8, 1) == b"{" and length >= 2 and (length <= 1 << 40) and region.take(6, 2) == b"\0\0"


def _json(region: Region) -> bool:
    import re

    return bool(re.match(_JSON, region.take(0, 256))) and bool(later("texts.is_plain_text")(region))


def sniff_region(region: Region) -> str:
    """The kind of file, from its bytes."""
    if len(region) == 0:
        return "empty"
    head = region.take(0, 8)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    end = _zip_end(region)
    if end and _ends_as_zip(region):
        return "zip"
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return "pickle"
    return _by_magic(region, head) or _by_test(region) or _by_default(region, end)


def _by_magic(region: Region, head: bytes) -> str:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    kind = str(later("expand.compression")(region))
    if kind:
        return kind
    if later("texts.hdf5_start")(region) >= 0:
        return "hdf5"
    return "tar" if later("magics.is_tar")(region) else str(later("magics.named")(region))


def _by_test(region: Region) -> str:
    for kind, test in _TESTS:
        if (later(test) if isinstance(test, str) else test)(region):
            return kind
    return ""


def _by_default(region: Region, end: bool) -> str:
    if end and later("zips.is_zip")(region):
        return "zip"
    return "text" if later("texts.is_plain_text")(region) else "unknown"


def _zip_end(region: Region) -> bool:
    """Whether a zip reader could find an end record: cheap, and asked of every file."""
    return region.find(b"PK\x05\x06", max(len(region) - 65_557, 0)) >= 0


def _ends_as_zip(region: Region) -> bool:
    """An end record whose comment runs exactly to the end of the file."""
    tail = region.take(max(len(region) - 65_557, 0), 65_557)
    at = tail.rfind(b"PK\x05\x06")
    return at >= 0 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


# What a file must start with: the longer signature first. magics.py holds those of formats that are only named.
_MAGIC = {
    b"\x93NUMPY": "npy",
    b"GGUF": "gguf",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"tree\n": "lightgbm text",
}
# Tests are asked in this order; a text stands for "module.function", which is imported when a file comes that far.
_TESTS: tuple[tuple[str, str | Test], ...] = (
    ("safetensors", _safetensors),
    ("ubjson", "texts.is_ubjson"),
    ("json", _json),
    ("tflite", "tflite.is_tflite"),
    ("pickle", "pickles.looks_like_pickle"),
    ("tensorflow saved model", "tensorflow.is_saved_model"),
    ("onnx", "protobufs.is_onnx"),
    ("tensorflow meta graph", "tensorflow.is_meta_graph"),
    ("tensorflow graph", "tensorflow.is_graph"),
    ("tensorflow fingerprint", "tensorflow.is_fingerprint"),
    ("keras metadata", "tensorflow.is_keras_metadata"),
    ("tensorflow checkpoint index", "tensor_bundle.is_index"),
    ("tensorflow text graph", "tensorflow_text.is_text_graph"),
    ("tensorflow checkpoint list", "tensorflow_text.is_checkpoint_list"),
    ("ctranslate2", "ctranslate.is_ctranslate"),
    ("caffe model", "caffe.is_caffemodel"),
    ("caffe prototxt", "caffe.is_prototxt"),
    ("model of another framework", "named_models.is_named"),
)
_READERS: dict[str, str] = {
    "zip": "archives.scan_zip",
    "pickle": "pickles.scan_pickles",
    "npy": "tensors.scan_npy",
    "gguf": "tensors.scan_gguf",
    "lightgbm text": "texts.scan_lightgbm",
    "hdf5": "hdf5_scan.scan_hdf5",
    "tar": "tars.scan_tar",
    "safetensors": "tensors.scan_safetensors",
    "ubjson": "texts.scan_ubjson",
    "json": "documents.scan_json",
    "tflite": "tflite.scan_tflite",
    "tensorflow saved model": "tensorflow.scan_saved_model",
    "onnx": "protobufs.scan_onnx",
    "tensorflow meta graph": "tensorflow.scan_meta_graph",
    "tensorflow graph": "tensorflow.scan_graph",
    "tensorflow fingerprint": "tensorflow.scan_fingerprint",
    "keras metadata": "tensorflow.scan_keras_metadata",
    "tensorflow checkpoint index": "tensor_bundle.scan_index",
    "tensorflow checkpoint data": "tensor_bundle.scan_beside",
    "tensorflow text graph": "tensorflow_text.scan_text_graph",
    "tensorflow checkpoint list": "tensorflow_text.scan_checkpoint_list",
    "ctranslate2": "ctranslate.scan_ctranslate",
    "caffe model": "caffe.scan_caffemodel",
    "caffe prototxt": "caffe.scan_prototxt",
    "model of another framework": "named_models.scan_named",
    "7z": "sevenzip.scan_7z",
    "text": "documents.scan_text",
}
_COMPRESSED = frozenset({"gzip", "bz2", "xz", "lzma", "zlib", "lz4", "zstd", "joblib before 0.10"})


def look(job: Job, region: Region, where: str) -> str:
    """Scan a region as whatever it is; returns its format."""
    kind = sniff_region(region)
    if not where and ".data-" in getattr(job, "path", "") and later("tensor_bundle.beside")(job.path):
        kind = "tensorflow checkpoint data"  # numbers without any mark of their own: the index beside them tells
    if kind in _COMPRESSED:
        inner = later("expand.expand")(job, region, kind, where)
        if inner is None:
            return kind
        return f"{kind}: {job.examine(inner, f'{where}!expanded' if where else '')}"
    if kind not in ("pickle", "empty"):
        later("pickles.also_pickle")(job, region, where)
    name = _READERS.get(kind) or later("magics.READERS").get(kind)
    if name is not None:
        return str(later(name)(job, region, where))
    known = later("magics.ONLY_NAMED").get(kind)
    if known:
        job.mark("not understood", f"{known}, which is not read here", 0, where)
    elif kind == "empty" and where:
        job.mark("note", "empty", None, where)  # an empty member is all there is of it
    else:
        job.mark("not understood", "empty" if kind == "empty" else "of no known format", None, where)
    return kind
