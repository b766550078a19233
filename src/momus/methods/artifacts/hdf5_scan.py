"""HDF5 files judged: what they make a reader open, unpickle or run; every byte has an owner or is looked at.

What h5py and PyTables do with links, filters and attributes decides what is marked; see docs/design/047.
"""

from __future__ import annotations

import re

from momus.methods.artifacts.hdf5 import Broken, Hdf5
from momus.methods.artifacts.hdf5_links import Link
from momus.methods.artifacts.hdf5_tree import Unsupported
from momus.methods.artifacts.hdf5_types import Datatype
from momus.methods.artifacts.hdf5_walk import Object, Value, Walk
from momus.methods.artifacts.keras import scan_config
from momus.methods.artifacts.pickles import also_pickle, looks_like_pickle, scan_pickles
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.texts import hdf5_start, program
from momus.methods.artifacts.zips import leaves

_CONFIGS = frozenset({b"model_config", b"training_config", b"optimizer_config", b"layer_config"})
# Filters of the library itself and of h5py; others come as native plugins, some of them well known.
_OWN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
_PLUGINS = {
    305: "LZO", 307: "bzip2", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard",
    32017: "SZ", 32018: "FCIDECOMP", 32022: "JPEG", 32024: "SZ3", 32026: "Blosc2",
}  # fmt: skip
_VALUES = 16 << 20
_BOMB = 1 << 32
_KNOWN = (
    (re.compile(rb'"class_name"\s*:\s*"(Lambda|__lambda__)"'), "a Lambda layer carries Python code"),
    (re.compile(rb'"(function_type|output_shape_type)"\s*:\s*"lambda"'), "a Lambda layer carries Python code"),
    (re.compile(rb'"module"\s*:\s*"(os|sys|subprocess|posix|runpy|shutil)"'), "names a module that runs code"),
    (re.compile(rb"\x80[\x02-\x05]c?(posix|os|nt|subprocess|builtins)\b"), "holds a pickle that runs code"),
)  # fmt: skip


def scan_hdf5(job: Job, region: Region, where: str) -> str:
    """HDF5: Keras models and weights, netCDF-4, PyTables and pandas stores, MATLAB 7.3."""
    start = max(hdf5_start(region), 0)
    file = Hdf5(job, region.part(start, len(region)), where, start)
    if start:
        _user_block(job, region.part(0, start), where)
    try:
        file.open()
        Judge(file).run()
    except Broken as error:
        job.mark("suspicious", f"the HDF5 structure does not hold: {error}", None, where)
        search(job, region, where)
    except Unsupported as error:
        job.mark("not understood", f"HDF5 with {error}, which is not read here", None, where)
        search(job, region, where)
    return "hdf5"


def search(job: Job, region: Region, where: str) -> None:
    """Look for known dangers in bytes whose structure was not read to the end."""
    for pattern, what in _KNOWN:
        hit = pattern.search(region.buf, region.start, min(region.end, region.start + job.limits.text * 4))
        if hit:
            job.mark("dangerous", what, hit.start() - region.start, where)


def _user_block(job: Job, region: Region, where: str) -> None:
    """Bytes in front of the superblock, which HDF5 skips and other readers may not."""
    raw = region.take(0, 1 << 20)
    if program(region) or raw.startswith((b"PK", b"\x80", b"\x1f\x8b", b"GGUF", b"\x93NUMPY")):
        job.mark("suspicious", f"{len(region):,} bytes in front of the HDF5 file are a file of their own", 0, where)
        job.examine(region, f"{where}!bytes@0")
    elif not all(b in b"\0\1\2\t\r\n" or 32 <= b < 127 for b in raw):
        job.mark("not understood", f"{len(region):,} bytes in front of the HDF5 file", 0, where)


class Judge:
    """Walks one file and marks what a reader would act upon."""

    def __init__(self, file: Hdf5) -> None:
        self.file, self.job, self.where = file, file.job, file.where
        self.walk = Walk(file)
        self.pytables = False
        self.looked = 0

    def run(self) -> None:
        for found in self.walk.objects():
            place = f"{self.where}{found.path}" if found.path else self.where
            self.job.check_time()
            self._object(found, place)
        self._rest()

    def _object(self, found: Object, where: str) -> None:
        for odd in found.odd:
            self.job.mark("not understood", f"HDF5 with {odd}, which is not read here", None, where)
        for link in found.links:
            self._link(link, where)
            if link.kind == 1:
                self._within(link, found.path, where)
        for value in found.attributes:
            self._attribute(value, where)
        for path in found.external:
            self._outside(path, "keeps values in", where)
        if found.layout is not None and found.layout.kind == "virtual":
            self.job.mark(
                "suspicious", "a virtual dataset: its values are read from other files", None, where, opcode="virtual"
            )
            return
        if found.data is not None:
            self._filters(found, where)
            self._data(found, found.data, where)

    def _link(self, link: Link, where: str) -> None:
        name = printable(link.name.decode("utf-8", "replace"), 60)
        if link.kind == 64:
            self._outside(link.target[1:].split(b"\0", 1)[0], f"the link {name!r} opens", where)
        elif link.kind > 1:
            what = f"the link {name!r} is of a type of its own ({link.kind})"
            self.job.mark(
                "suspicious", what, None, where, opcode="link", reason="it is followed by native code from elsewhere"
            )

    def _within(self, link: Link, path: str, where: str) -> None:
        """A path within the file that is the link itself, or lies below it: whoever follows it never arrives."""
        target, name = (text.decode("utf-8", "replace").rstrip("\0") for text in (link.target, link.name))
        own = f"{path}/{name}"
        full = target if target.startswith("/") else f"{path}/{target}"
        if full == own or full.startswith(own + "/"):
            what = f"the link {printable(name, 60)!r} leads to itself"
            self.job.mark("suspicious", what, None, where, opcode="link", reason="following it has no end")

    def _outside(self, path: bytes, what: str, where: str) -> None:
        text = path.decode("utf-8", "replace")
        outside = leaves(text) or "://" in text
        why = "a file outside its folder is read" if outside else "a second file is read, which was not scanned with it"
        said = f"{what} {printable(text, 80)!r}, another file"
        self.job.mark("dangerous" if outside else "suspicious", said, None, where, opcode="external", reason=why)

    def _filters(self, found: Object, where: str) -> None:
        for number, _ in found.filters:
            if number in _OWN_FILTERS:
                continue
            known = _PLUGINS.get(number)
            what = f"values pass the filter {known or number}, which a native plugin undoes"
            why = "plugins are libraries that reading loads"
            self.job.mark("not understood" if known else "suspicious", what, None, where, opcode="filter", reason=why)

    def _attribute(self, value: Value, where: str) -> None:
        kind = value.type
        if value.name == b"PYTABLES_FORMAT_VERSION":
            self.pytables = True
        if kind.any(7) and not kind.any(9) and kind.size not in (8, 16):
            self.job.mark("not understood", "references to regions, which are not read here", None, where)
        place = f"{where}@{printable(value.name.decode('utf-8', 'replace'), 60)}"
        if value.size == 0:
            return
        if kind.any(9):
            raw = self.file.region.take(value.place, min(value.size, _VALUES))
            if value.size > _VALUES:
                raise Unsupported("an attribute of more than 16 MiB")
            for at, size, inner in self.walk.free_values(kind, raw, value.size // max(kind.size, 1)):
                self._text(self.file.region.part(at, size), value.name, inner, place)
        elif kind.kind in (3, 5) or (kind.kind == 0 and kind.size == 1):
            self._text(self.file.region.part(value.place, value.size), value.name, kind, place)

    def _text(self, region: Region, name: bytes, kind: Datatype, where: str) -> None:
        """Text in an attribute: a configuration, or a pickle that PyTables would open."""
        if kind.kind == 9 and kind.inner and kind.inner[0][1].kind == 9:
            raise Unsupported("values of free length inside others")
        size = len(region)
        while size and region.take(size - 1, 1) == b"\0":
            size -= 1
        region = region.part(0, size)
        listed = region.take(0, 1) in (b"{", b"[") and b'"class_name"' in region.take(0, 1 << 20)
        if name in _CONFIGS or listed:
            scan_config(self.job, region, where)
            return
        ends = region.take(0, 1) == b"\x80" or (region.take(size - 1, 1) == b"." and size > 2)
        if ends and looks_like_pickle(region):
            self._pickled(region, where)

    def _pickled(self, region: Region, where: str) -> None:
        self.job.mark("note", "an attribute is a pickle, which PyTables opens when it is read", None, where)
        scan_pickles(self.job, region, where)

    def _data(self, found: Object, value: Value, where: str) -> None:
        kind, stored = value.type, 0
        pseudo = any(a.name == b"PSEUDOATOM" and self._short(a) == b"object" for a in found.attributes)
        free = kind.any(9)
        if kind.any(7) and kind.size not in (8, 16):
            self.job.mark("not understood", "references to regions, which are not read here", None, where)
        for i, (at, size) in enumerate(self.walk.pieces(found)):
            stored += size
            if free:
                self._free(found, kind, at, size, where, pseudo)
            elif i == 0 and (kind.kind in (3, 5) or kind.size == 1):
                self._sample(found, at, size, where)
        self._bomb(value, stored, bool(found.filters), where)

    def _bomb(self, value: Value, stored: int, packed: bool, where: str) -> None:
        """A shape that makes a reader set aside far more memory than the file backs."""
        needed = value.bytes_needed
        if needed <= max(_BOMB, stored * (self.job.limits.ratio * 5 if packed else 2)):
            return
        what = f"a dataset of {needed:,} bytes, of which the file holds {stored:,}"
        grave = needed > 1 << 40
        self.job.mark(
            "dangerous" if grave else "suspicious",
            what,
            None,
            where,
            opcode="dataspace",
            reason="reading it fills the memory",
        )

    def _short(self, value: Value) -> bytes:
        if value.type.kind == 9:
            raw = self.file.region.take(value.place, value.size)
            for at, size, _ in self.walk.free_values(value.type, raw, 1):
                return self.file.region.take(at, min(size, 64)).rstrip(b"\0")
        return self.file.region.take(value.place, min(value.size, 64)).rstrip(b"\0")

    def _free(self, found: Object, kind: Datatype, at: int, size: int, where: str, pseudo: bool) -> None:
        self.looked += size
        if self.looked > _VALUES or size > _VALUES:
            raise Unsupported("more than 16 MiB of references to values of free length")
        raw = self.walk.content(found, at, size)
        if raw is None:
            raise Unsupported("values of free length behind a filter")
        for place, length, inner in self.walk.free_values(kind, raw, len(raw) // max(kind.size, 1)):
            region = self.file.region.part(place, length)
            if inner.inner[0][1].kind == 9:
                raise Unsupported("values of free length inside others")
            if pseudo and length:
                self.job.mark("note", "objects kept as pickles, which PyTables opens when they are read", None, where)
                scan_pickles(self.job, region, where)
            elif inner.text or inner.inner[0][1].size == 1:
                self._bytes(region, where)

    def _sample(self, found: Object, at: int, size: int, where: str) -> None:
        """Numbers of one byte, text and opaque values could be a file: their start is looked at."""
        if found.filters:
            raw = self.walk.content(found, at, min(size, _VALUES))
            if raw is None:
                return
            self._bytes(Region(raw, 0, len(raw)), where)
        else:
            self._bytes(self.file.region.part(at, size), where)

    def _bytes(self, region: Region, where: str) -> None:
        head = region.take(0, 4)
        if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5") and looks_like_pickle(region):
            also_pickle(self.job, region, where)
        elif head.startswith((b"\x7fELF", b"MZ\x90", b"\xcf\xfa\xed\xfe")):
            self.job.mark("suspicious", f"values are {program(region)}", None, where)

    def _rest(self) -> None:
        """Bytes that nobody owns: HDF5 leaves blocks behind that it gave up; others are not understood."""
        file, job, left = self.file, self.job, 0
        for at, size in self.walk.values.unasked():
            self._bytes(file.region.part(at, size), self.where)
        for start, end in file.gaps():
            region = file.region.part(start, end - start)
            where = f"{self.where}!bytes@{start}"
            if start >= file.end > 0:
                job.mark("suspicious", f"{end - start:,} bytes follow the HDF5 file", start, self.where)
                job.examine(region, where)
                return
            left += self._gap(region, where)
        if file.end > len(file.region):
            job.mark(
                "suspicious", f"{file.end - len(file.region):,} bytes of the HDF5 file are missing", None, self.where
            )
        elif left:
            job.mark("not understood", f"{left:,} bytes inside the HDF5 file belong to nothing", None, self.where)

    def _gap(self, region: Region, where: str) -> int:
        """Number of bytes of a gap that are not empty. A file of its own inside it is suspicious."""
        raw = region.take(0, len(region))
        bare = raw.lstrip(b"\0")
        if not bare:
            return 0
        inner = region.part(len(raw) - len(bare), len(bare))
        self._bytes(inner, where)
        if bare.startswith((b"PK\3\4", b"\x1f\x8b\x08", b"GGUF", b"\x93NUMPY")):
            self.job.mark(
                "suspicious", f"{len(bare):,} bytes between the blocks of HDF5 are a file of their own", None, where
            )
            self.job.examine(inner, where)
        return len(bare)
