"""Archives within archives and archives that leave their folder; files that exhaust whoever opens them."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace

from corpus.items import Item, asks, blob, call, code, glob, payload, stream, table, value
from momus.zoo.supply_chain.corpus import Member, torch_zip, zipped
from momus.zoo.supply_chain.corpus_bad_formats import _npy

Entry = Callable[[tarfile.TarInfo], None]


def items(*, large: bool = True) -> list[Item]:
    """All of them; ``large`` = False leaves out those that take seconds to make."""
    bombs = [*_pickle_bombs(), *_text_bombs(), *(_large() if large else ())]
    return [*_tars(), *_zips(), *_sevens(), *(replace(i, kind="bomb") for i in bombs)]


def _tar(*entries: tuple[str, bytes, Entry | None], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data, change in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            if change:
                change(entry)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _kind(kind: bytes, link: str = "") -> Entry:
    def change(entry: tarfile.TarInfo) -> None:
        entry.type, entry.linkname = kind, link

    return change


def _tars() -> list[Item]:
    evil = payload()
    config = b"model:\n  _target_: os.system\n  command: touch momus-marker\n"
    bad = bytearray(_tar(("m.pkl", evil, None)))
    bad[150] ^= 1
    return table("tar", [
        ("tar: pickle inside", "nested", "a.tar", _tar(("model/weights.pkl", evil, None)), ""),
        ("tar in gzip", "nested", "b.tar.gz", _tar(("m/data.pkl", evil, None), mode="w:gz"), ""),
        ("tar in xz", "nested", "c.tar.xz", _tar(("m/data.pkl", evil, None), mode="w:xz"), ""),
        ("tar in bz2", "nested", "d.tar.bz2", _tar(("m/data.pkl", evil, None), mode="w:bz2"), ""),
        ("tar leaves its folder", "path", "e.tar", _tar(("../../.bashrc", b"touch x", None)), ""),
        ("tar at an absolute path", "path", "f.tar", _tar(("/etc/cron.d/x", b"* * * * * x", None)), ""),
        ("tar link out of the folder", "link", "g.tar", _tar(("l", b"", _kind(tarfile.SYMTYPE, "/etc")), ("l/x", evil, None)), ""),
        ("tar hard link", "link", "h.tar", _tar(("l", b"", _kind(tarfile.LNKTYPE, "../../x"))), ""),
        ("tar device", "device", "i.tar", _tar(("dev", b"", _kind(tarfile.CHRTYPE))), ""),
        ("tar named pipe", "device", "j.tar", _tar(("pipe", b"", _kind(tarfile.FIFOTYPE))), ""),
        ("tar with a wrong checksum", "checksum", "k.tar", bytes(bad), ""),
        ("tar with bytes behind", "trailing", "l.tar", _tar(("a.txt", b"x", None)) + evil, ""),
        ("tar with one name twice", "repeated name", "m.tar", _tar(("a", stream(b"}"), None), ("a", evil, None)), ""),
        ("NeMo archive with a target", "code hook", "n.nemo", _tar(("model_config.yaml", config, None)), ""),
        ("tar with a long pax name", "path", "o.tar", _tar(("a/" * 120 + "../" * 130 + "x.pkl", evil, None)), ""),
        ("tar of a huge size", "length", "p.tar", _huge_tar(), ""),
        ("tar with a sparse member of 8 EB", "sparse", "q.tar", _sparse_tar(), ""),
    ])  # fmt: skip


def _signed(header: bytearray) -> bytes:
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _huge_tar() -> bytes:
    header = bytearray(_tar(("a.bin", b"", None))[:512])
    header[124:136] = b"\x80" + (1 << 62).to_bytes(11, "big")
    return _signed(header) + bytes(1024)


def _sparse_tar() -> bytes:
    header = bytearray(_tar(("a.bin", b"", None))[:512])
    header[156:157] = b"S"
    header[257:265] = b"ustar  \0"
    header[386:398], header[398:410] = b"00000000000\0", b"00000000000\0"
    header[483:495] = b"\x80" + (1 << 62).to_bytes(11, "big")
    return _signed(header) + bytes(1024)


def _zips() -> list[Item]:
    evil = payload()
    deep = torch_zip(evil)
    for i in range(9):
        deep = zipped([Member(f"{i}.zip", deep, deflate=True)])
    office = zipped(
        [Member("[Content_Types].xml", b"<Types/>"), Member("word/vbaProject.bin", b"\xd0\xcf\x11\xe0" + bytes(64))]
    )
    return table("zip", [
        ("zip: pickle inside", "nested", "a.zip", zipped([Member("w/model.pkl", evil, deflate=True)]), ""),
        ("zip in a zip in a tar", "nested", "b.tar", _tar(("x.zip", zipped([Member("y.zip", torch_zip(evil))]), None)), ""),
        ("zip ten deep", "nested", "c.zip", deep, ""),
        ("zip leaves its folder", "path", "d.zip", zipped([Member("../../x.py", b"import os")]), ""),
        ("zip at an absolute path", "path", "e.zip", zipped([Member("/etc/x", b"x")]), ""),
        ("zip with backslashes", "path", "f.zip", zipped([Member("..\\..\\x.pkl", evil)]), ""),
        ("zip with a drive letter", "path", "g.zip", zipped([Member("C:x.pkl", evil)]), ""),
        ("zip with one name twice", "repeated name", "h.zip", zipped([Member("a.npy", _npy("'<f8'", "(0,)", b"")), Member("a.npy", evil)]), ""),
        ("zip with a script", "script", "i.zip", zipped([Member("setup.py", b"import os; os.system('x')")]), ""),
        ("zip with a macro", "native code", "j.docx", office, ""),
        ("zip whose directory is elsewhere", "offset", "k.zip", zipped([Member("a", evil)]).replace(b"PK\x05\x06", b"PK\x05\x07"), ""),
        ("zip without its end", "cut", "l.zip", torch_zip(evil)[:-30], ""),
        ("gzip of a zip of a pickle", "nested", "m.gz", gzip.compress(zipped([Member("a.pkl", evil)]), mtime=0), ""),
        ("cab archive", "unknown", "n.cab", b"MSCF" + bytes(60) + evil, ""),
        ("rar archive", "unknown", "o.rar", b"Rar!\x1a\x07\x01\0" + bytes(60) + evil, ""),
        ("cpio archive", "unknown", "p.cpio", b"070701" + b"0" * 104 + evil, ""),
        ("ar archive", "unknown", "q.a", b"!<arch>\n" + b"x.o/".ljust(58) + b"`\n" + evil, ""),
    ])  # fmt: skip


def _sevens() -> list[Item]:
    try:
        import py7zr
    except ImportError:
        return []
    rows = []
    for name, filters in (
        ("lzma2", None),
        ("copy", [{"id": py7zr.FILTER_COPY}]),
        ("bzip2", [{"id": py7zr.FILTER_BZIP2}]),
    ):
        out = io.BytesIO()
        with py7zr.SevenZipFile(out, "w", filters=filters) as archive:
            archive.writestr(payload(), "model/data.pkl")
        rows.append((f"7z by {name}", "nested", f"{name}.7z", out.getvalue(), ""))
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", password="x") as archive:
        archive.writestr(payload(), "model/data.pkl")
    rows.append(("7z with a password", "encrypted", "secret.7z", out.getvalue(), ""))
    return table("7z", rows)


def _pickle_bombs() -> list[Item]:
    hashed = b")\x94" + b"".join(b"0h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(50))
    frozen = b"(\x91\x94" + b"".join(b"0(h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x91\x94" for i in range(40))
    keys = [hash(2**61 - 1) + (2**61 - 1) * i for i in range(30_000)]
    huge = asks("numpy._core.multiarray", "_reconstruct", code(glob("numpy", "ndarray")), (1 << 45,), "b")
    loads = payload()
    for _ in range(60):
        loads = stream(asks("_pickle", "loads", loads))
    repeat = call(glob("builtins", "list"), call(glob("itertools", "repeat"), b"N"))
    rows = [
        ("hash of 2^50 tuples", stream(hashed + b"0}h\x32Ns")),
        ("doubling in protocol 0", b"(lp0\n" + b"".join(b"0(g%d\ng%d\nlp%d\n" % (i, i, i + 1) for i in range(60)) + b"."),
        ("frozen sets doubled", stream(frozen)),
        ("colliding keys", stream(value(dict.fromkeys(keys)))),
        ("bytes of 2^60", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x."),
        ("text of 2^62", b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x."),
        ("negative length", b"\x80\x02\x8b\xff\xff\xff\xffx."),
        ("number of a million digits", b"I" + b"9" * 1_000_000 + b"\n."),
        ("bytearray of 2^45", stream(asks("builtins", "bytearray", 1 << 45))),
        ("list of a range of 2^40", stream(call(glob("builtins", "list"), asks("builtins", "range", 1 << 40)))),
        ("text multiplied", stream(asks("operator", "mul", "x", 1 << 45))),
        ("power", stream(asks("builtins", "pow", 9, 1 << 40))),
        ("shift", stream(asks("operator", "lshift", 1, 1 << 45))),
        ("endless repeat", stream(repeat)),
        ("array of 2^45", stream(huge)),
        ("zeros of 2^45", stream(asks("numpy", "zeros", 1 << 45))),
        ("pickles 60 deep", loads),
        ("marks 300,000 deep", b"\x80\x04" + b"(" * 300_000 + b"t" * 300_000 + b"."),
        ("dictionaries 100,000 deep", stream(b"N" * 100_000 + b"}" + b"0" + b"\x86" * 99_999)),
        ("memo at 2^32 - 1", stream(b"Nr\xff\xff\xff\xff")),
        ("memo in text at 10^18", b"\x80\x04Np1000000000000000000\n."),
        ("sleep", stream(asks("time", "sleep", 1 << 30))),
        ("wait for input", stream(asks("sys", "stdin.read"))),
        ("regular expression", stream(asks("re", "match", "(a+)+$", "a" * 40 + "b"))),
        ("inflated inside", stream(call(glob("zlib", "decompress"), blob(zlib.compress(bytes(8 << 20)) ))) ),
    ]  # fmt: skip
    return table("pickle bomb", [(f"bomb: {n}", "bomb", f"b{i:02d}.pkl", d, "") for i, (n, d) in enumerate(rows)])


def _text_bombs() -> list[Item]:
    aliases = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    merge = "m0: &m0 {a: 1}\n" + "".join(
        f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}, *m{i - 1}], k{i}: 1}}\n" for i in range(1, 30)
    )
    dictionary = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\x02\0!\x01\x28\0\0\0" + bytes(64)
    alone = b"]" + struct.pack("<I", 0xFFFFFFFF) + b"\xff" * 8 + bytes(32)
    npz = zipped([Member("w.npy", _npy("'<f8'", f"({1 << 42},)", b""))])
    template = "{% for i in range(999999999) %}{% for j in range(999999999) %}x{% endfor %}{% endfor %}"
    rows = [
        ("YAML aliases", "a.yaml", aliases.encode()),
        ("YAML merges", "m.yaml", merge.encode()),
        ("YAML nested 50,000 deep", "n.yaml", b"[" * 50_000 + b"]" * 50_000),
        ("JSON nested 200,000 deep", "n.json", b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
        ("JSON lists 500,000 deep", "l.json", b"[" * 500_000),
        ("JSON number of a million digits", "d.json", b'{"n": ' + b"9" * 1_000_000 + b"}"),
        ("xz dictionary of 1.5 GiB", "dict.xz", dictionary),
        ("lzma dictionary of 4 GiB", "dict.lzma", alone),
        ("npz that claims 32 TiB", "claim.npz", npz),
        ("npy header of 2 GiB", "h.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 0x7FFFFFFF) + b"{"),
        ("npy header nested", "deep.npy", _npy("[('a', " * 3_000 + "'<f8'" + ")]" * 3_000, "(1,)", bytes(8))[:60_000]),
        ("template that never ends", "tokenizer_config.json", json.dumps({"chat_template": template}).encode()),
        ("zip with 60,000 members", "many.zip", zipped([Member(f"{i}", b"") for i in range(60_000)])),
    ]  # fmt: skip
    return table("bomb", [(f"bomb: {n}", "bomb", f, d, "") for n, f, d in rows])


def _large() -> list[Item]:
    zeros = bytes(200 << 20)
    packed = gzip.compress(zeros, 9, mtime=0)
    member = zipped([Member("w.npy", _npy("'u1'", f"({len(zeros)},)", zeros), deflate=True)])
    lap = lzma.compress(zeros[: 100 << 20], preset=1)
    rows = [
        ("gzip of 200 MiB of zeros", "z.gz", packed),
        ("gzip of a gzip of zeros", "zz.gz", gzip.compress(packed, 9, mtime=0)),
        ("bz2 of 200 MiB of zeros", "z.bz2", bz2.compress(zeros)),
        ("xz of zeros", "z.xz", lap),
        ("npz of 200 MiB of zeros", "z.npz", member),
        (
            "zlib of a pickle of zeros",
            "z.pkl.z",
            zlib.compress(b"\x80\x04\x8e" + struct.pack("<Q", len(zeros)) + zeros + b"."),
        ),
    ]
    return table("bomb", [(f"bomb: {n}", "bomb", f, d, "") for n, f, d in rows])
