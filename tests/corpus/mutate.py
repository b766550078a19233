"""Changed and recombined files: bytes, numbers, instructions, archive members, tokens, layers put around."""

# ruff: noqa: E501   tables

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickletools
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence

from corpus.hostile_texts import gguf
from momus.zoo.supply_chain.corpus import Member, named, torch_zip, zipped
from momus.zoo.supply_chain.corpus_bad_formats import _npy, safetensors

LONGEST = 1 << 17
NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
           1 << 40, (1 << 62), (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip
TOKENS = (b"\x80\x04", b".", b"R", b"(", b"t", b"0", b"2", b"\x93", b"\x94", b"\x81", b"\x92", b"b", b"u", b"s", b"e", b"\x85",
          b"cposix\nsystem\n", b"\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"}", b"]", b")", b"PK\x05\x06", b"PK\x03\x04", b"PK\x01\x02",
          b"\x93NUMPY\x01\x00", b"GGUF", b"\x89HDF\r\n\x1a\n", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"x\x9c", b"7z\xbc\xaf\x27\x1c",
          b"<!DOCTYPE a [<!ENTITY b \"c\">]>", b"<", b"/>", b"&b;", b"{", b"[" * 40, b'":{"', b'"', b"\\u0000", b"!!python/object:",
          b"&a [*a]", b"{{", b"{%", b"%}", b"__class__", b"\xff\xfe", b"\0" * 16, b"\xef\xbb\xbf", b"X\n", b"A\n", b"RDX3\n", b"TFL3",
          b"import os\n", b"#!/bin/sh\n", b"1e999999", b"-", b"9" * 30)  # fmt: skip
Change = Callable[[random.Random, bytes, bytes], bytes]


def mutant(corpus: Sequence[bytes], seed: int, number: int) -> bytes:
    """Input ``number`` of a run: always the same bytes for the same corpus and seed."""
    rng = random.Random(seed << 40 | number)
    data = corpus[rng.randrange(len(corpus))]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        other = corpus[rng.randrange(len(corpus))]
        data = rng.choice(CHANGES)(rng, data, other)[:LONGEST]
    return data


def _flip(rng: random.Random, data: bytes, other: bytes) -> bytes:
    out = bytearray(data or b"\0")
    for _ in range(rng.randrange(1, 9)):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _cut(rng: random.Random, data: bytes, other: bytes) -> bytes:
    a, b = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:a] + data[b:] if rng.random() < 0.7 else data[:b]


def _repeat(rng: random.Random, data: bytes, other: bytes) -> bytes:
    a = rng.randrange(len(data) + 1)
    part = data[a : a + rng.randrange(1, 60)]
    return data[:a] + part * rng.choice((2, 3, 50, 400)) + data[a:]


def _splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    a, b = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    return data[:a] + other[b : b + rng.randrange(1, 4000)] + data[a + rng.randrange(0, 60) :]


def _number(rng: random.Random, data: bytes, other: bytes) -> bytes:
    form = rng.choice(("<B", "<H", "<I", "<Q", ">H", ">I", ">Q"))
    size = struct.calcsize(form)
    at = rng.randrange(max(len(data) - size, 0) + 1)
    value = rng.choice(NUMBERS) + rng.choice((0, 0, -1, 1))
    return data[:at] + struct.pack(form, value % (1 << 8 * size)) + data[at + size :]


def _token(rng: random.Random, data: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) * rng.choice((1, 1, 1, 2, 30)) + data[at + rng.choice((0, 0, 1, 8)) :]


def _digits(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A number written in text becomes another one."""
    places = [i for i, c in enumerate(data[:20_000]) if 48 <= c < 58]
    if not places:
        return _token(rng, data, other)
    at = rng.choice(places)
    return data[:at] + str(rng.choice(NUMBERS)).encode() + data[at + 1 :]


def _instructions(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Whole pickle instructions of one file put between those of another."""
    mine, theirs = _places(data), _places(other)
    if len(mine) < 2 or len(theirs) < 2:
        return _splice(rng, data, other)
    a = rng.randrange(len(theirs) - 1)
    b = min(a + rng.randrange(1, 12), len(theirs) - 1)
    at = rng.choice(mine)
    return data[:at] + other[theirs[a] : theirs[b]] * rng.choice((1, 1, 2, 40)) + data[at:]


def _places(data: bytes) -> list[int]:
    out: list[int] = []
    try:
        for _, _, place in pickletools.genops(data[:8192]):
            out.append(place or 0)
            if len(out) > 400:
                break
    except Exception:  # whatever pickletools says of a broken pickle, its instructions so far are what is wanted
        return out
    return out


def _members(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A zip whose members are exchanged, renamed, doubled, or lie about themselves."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            kept = [(i.filename, archive.read(i)) for i in archive.infolist()[:30] if i.file_size < LONGEST]
    except Exception:  # no zip, or a broken one: it is put into a new one instead
        kept = [("m/data.pkl", data)]
    if not kept:
        return zipped([Member("a", other)])
    at = rng.randrange(len(kept))
    name, body = kept[at]
    lie = rng.choice(({}, {}, {"crc": 1}, {"flags": 1 << rng.randrange(16)}, {"size": rng.choice(NUMBERS) % (1 << 32)},
                      {"local_name": "x"}, {"deflate": True}))  # fmt: skip
    names = (
        name,
        name,
        "m/data.pkl",
        "schema.json",
        "config.json",
        "data",
        "../x",
        "a.npy",
        name + "\0.txt",
        "model.weights.h5",
    )
    new = Member(rng.choice(names), rng.choice((other, body, _flip(rng, body, other))), **lie)  # type: ignore[arg-type]
    members = [Member(n, d) for n, d in kept]
    members[at : at + rng.randrange(2)] = [new]
    return zipped(
        members, prefix=other[:40] if rng.random() < 0.1 else b"", suffix=other[:40] if rng.random() < 0.1 else b""
    )


def _around(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One more layer around the file."""
    wrap = rng.choice((gzip.compress, zlib.compress, bz2.compress, lzma.compress, _in_tar, _in_npy, _in_gguf, _in_json, torch_zip,
                       _in_call, _in_tensors))  # fmt: skip
    return wrap(data[: LONGEST // 2])


def _in_tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("m/data.pkl")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _in_npy(data: bytes) -> bytes:
    return _npy("'|O'", "(1,)", data)


def _in_gguf(data: bytes) -> bytes:
    return gguf([(b"tokenizer.chat_template", data)])


def _in_json(data: bytes) -> bytes:
    entry = json.dumps({"policy_class": {":serialized:": base64.b64encode(data).decode()}}).encode()
    return zipped([Member("data", entry), Member("_stable_baselines3_version", b"2.9.2")])


def _in_call(data: bytes) -> bytes:
    return b"\x80\x04" + named("_pickle", "loads") + b"(B" + struct.pack("<I", len(data)) + data + b"tR."


def _in_tensors(data: bytes) -> bytes:
    return safetensors(f'{{"a":{{"dtype":"U8","shape":[{len(data)}],"data_offsets":[0,{len(data)}]}}}}', data)


def _inflated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """What a compressed file holds is changed, and compressed again."""
    for head, unpack, pack in ((b"\x1f\x8b", gzip.decompress, gzip.compress), (b"x", zlib.decompress, zlib.compress),
                               (b"BZh", bz2.decompress, bz2.compress), (b"\xfd7z", lzma.decompress, lzma.compress)):  # fmt: skip
        if data.startswith(head):
            try:
                inner = unpack(data[: LONGEST // 4])[:LONGEST]
            except Exception:  # broken already
                break
            return pack(rng.choice(PLAIN)(rng, inner, other))
    return _around(rng, data, other)


PLAIN: tuple[Change, ...] = (_flip, _cut, _repeat, _splice, _number, _token, _digits, _instructions)
CHANGES: tuple[Change, ...] = (*PLAIN, *PLAIN, _members, _around, _inflated)
