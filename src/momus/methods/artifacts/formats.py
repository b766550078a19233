"""Which reader a file goes to: by content, never by name."""

from __future__ import annotations

from collections.abc import Callable

from momus.methods.artifacts import archives, jsons, protobufs, tars, tensors, texts
from momus.methods.artifacts.expand import compression, expand
from momus.methods.artifacts.pickles import also_pickle, looks_like_pickle, scan_pickles
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.zips import is_zip

Reader = Callable[[Job, Region, str], str]


def _safetensors(region: Region) -> bool:
    length = int.from_bytes(region.take(0, 8), "little")
    return region.take(8, 1) == b"{" and length >= 2 and (length <= 1 << 40) and region.take(6, 2) == b"\0\0"


def _json(region: Region) -> bool:
    return region.take(0, 256).lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"[") and texts.is_plain_text(region)


def sniff_region(region: Region) -> str:
    """The kind of file, from its bytes."""
    if len(region) == 0:
        return "empty"
    head = region.take(0, 8)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if is_zip(region) and _ends_as_zip(region):
        return "zip"
    if head[:2] == b"\x80" + head[1:2] and looks_like_pickle(region):
        return "pickle"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    kind = compression(region)
    if kind:
        return kind
    if texts.hdf5_start(region) >= 0:
        return "hdf5"
    if tars.is_tar(region):
        return "tar"
    for kind, test in _TESTS:
        if test(region):
            return kind
    if is_zip(region):
        return "zip"
    return "text" if texts.is_plain_text(region) else "unknown"


def _ends_as_zip(region: Region) -> bool:
    """An end record whose comment runs exactly to the end of the file."""
    tail = region.take(max(len(region) - 65_557, 0), 65_557)
    at = tail.rfind(b"PK\x05\x06")
    return at >= 0 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


_MAGIC = {
    b"\x93NUMPY": "npy",
    b"GGUF": "gguf",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"tree\n": "lightgbm text",
}
_TESTS: tuple[tuple[str, Callable[[Region], bool]], ...] = (
    ("safetensors", _safetensors),
    ("ubjson", texts.is_ubjson),
    ("json", _json),
    ("pickle", looks_like_pickle),
    ("tensorflow saved model", protobufs.is_saved_model),
    ("onnx", protobufs.is_onnx),
    ("program", lambda region: bool(texts.program(region))),
)
_READERS: dict[str, Reader] = {
    "zip": archives.scan_zip,
    "pickle": scan_pickles,
    "npy": tensors.scan_npy,
    "gguf": tensors.scan_gguf,
    "lightgbm text": texts.scan_lightgbm,
    "hdf5": texts.scan_hdf5,
    "tar": tars.scan_tar,
    "safetensors": tensors.scan_safetensors,
    "ubjson": texts.scan_ubjson,
    "json": jsons.scan_json,
    "tensorflow saved model": protobufs.scan_saved_model,
    "onnx": protobufs.scan_onnx,
}
_COMPRESSED = frozenset({"gzip", "bz2", "xz", "lzma", "zlib", "lz4", "zstd", "joblib before 0.10"})


def look(job: Job, region: Region, where: str) -> str:
    """Scan a region as whatever it is; returns its format."""
    kind = sniff_region(region)
    if kind in _COMPRESSED:
        inner = expand(job, region, kind, where)
        if inner is None:
            return kind
        return f"{kind}: {job.examine(inner, f'{where}!expanded' if where else '')}"
    reader = _READERS.get(kind)
    if reader is not None:
        if kind != "pickle":
            also_pickle(job, region, where)
        return reader(job, region, where)
    if kind == "program":
        job.mark("suspicious", f"is {texts.program(region)}, no model", 0, where)
    elif kind in ("7z", "rar"):
        job.mark("unread", f"a {kind} archive, which is not read here", None, where)
    elif kind == "text":
        job.mark("unread", "plain text of no known model format", None, where)
    else:
        job.mark("unread", "empty" if kind == "empty" else "of no known format", None, where)
    return kind
