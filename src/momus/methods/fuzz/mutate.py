"""Formats by name: their mutations, valid small files where nobody gives any, and what a file seems to be."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from momus.methods.fuzz.mutate_arrays import NPY, NPZ, PARQUET
from momus.methods.fuzz.mutate_bytes import LARGEST, Mutation, havoc, splice, tried
from momus.methods.fuzz.mutate_jpeg import JPEG
from momus.methods.fuzz.mutate_pictures import BMP, GIF, TIFF, WEBP
from momus.methods.fuzz.mutate_png import PNG
from momus.methods.fuzz.mutate_sound import FLAC, OGG, WAV
from momus.methods.fuzz.mutate_tables import CSV, JSON, JSONL
from momus.methods.fuzz.mutate_text import TEXT, XML
from momus.methods.fuzz.riff import riff_lies, riff_order

MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "png": PNG, "jpeg": JPEG, "gif": GIF, "bmp": BMP, "tiff": TIFF, "webp": (*WEBP, riff_order, riff_lies), "wav": WAV,
    "flac": FLAC, "ogg": OGG, "csv": CSV, "json": JSON, "jsonl": JSONL, "parquet": PARQUET, "npy": NPY, "npz": NPZ,
    "text": TEXT, "xml": XML, "other": (havoc,), "pickle": (havoc,),
}  # fmt: skip
_BLIND, _SPLICED = 0.2, 0.1
_CHECKED = frozenset(("png", "flac", "ogg", "npz"))  # a blind change hardly ever gets behind the checksums
_ENDINGS = {
    "jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "oga": "ogg", "txt": "text", "tsv": "csv", "ndjson": "jsonl",
    "wave": "wav",
    "pq": "parquet", "pkl": "pickle", "svg": "xml",
}  # fmt: skip
_MAGIC = (
    (b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"BM", "bmp"), (b"II*\0", "tiff"), (b"MM\0*",
    "tiff"),
    (b"fLaC", "flac"), (b"OggS", "ogg"), (b"PAR1", "parquet"), (b"\x93NUMPY", "npy"), (b"PK\3\4", "npz"), (b"<?xml",
    "xml"),
)  # fmt: skip


def format_of(name: str, data: bytes, allowed: Sequence[str] = ()) -> str:
    """The format of an example: by its first bytes, else by its file's ending, else the first that is allowed."""
    if data[:4] == b"RIFF" and data[8:12] in (b"WAVE", b"WEBP"):
        return "wav" if data[8:12] == b"WAVE" else "webp"
    seen = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")
    if seen and (not allowed or seen in allowed):
        return seen
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    ending = _ENDINGS.get(ending, ending)
    if ending in MUTATIONS and (not allowed or ending in allowed):
        return ending
    return next((a for a in allowed if a in MUTATIONS), "other")


def mutate(data: bytes, rng: Random, kind: str, others: Sequence[bytes] = ()) -> bytes:
    """``data`` changed once to four times: by what is known of its format most often, sometimes blindly or spliced."""
    mutations = MUTATIONS.get(kind, MUTATIONS["other"])
    spliced, blind = (_SPLICED / 5, _BLIND / 5) if kind in _CHECKED else (_SPLICED, _BLIND)
    for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 4))):
        draw = rng.random()
        if draw < spliced and others:
            data = splice(data, rng.choice(others), rng)
        elif draw < spliced + blind:
            data = havoc(data, rng)
        else:
            data = tried(mutations, data, rng)
    return data[:LARGEST]
