"""Pictures, sounds and documents: containers walked to their end. What follows the end is a file of its own.

Samples and pixels are numbers and are not decoded. A container that cannot be walked to its end is not understood.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal

from momus.methods.artifacts.report import Job, Region

_TEXT_CHUNKS = frozenset([b"tEXt", b"zTXt", b"iTXt"])
_PNG_KNOWN = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB bKGD hIST pHYs sPLT tIME tEXt zTXt iTXt eXIf oFFs pCAL sCAL "
    b"sTER acTL fcTL fdAT cICP mDCV cLLI vpAg caNv iDOT gIFg gIFx mkBF mkBS mkBT mkTS prVW dSIG".split(b" ")
)
_ACTIVE = re.compile(rb"<script\b|<\?php|javascript:|\x7fELF|PK\x03\x04|#!/(bin|usr)", re.I)


def scan_png(job: Job, region: Region, where: str) -> str:
    """PNG: chunks with their checksums, up to IEND."""
    at, names = 8, 0
    while True:
        head = region.take(at, 8)
        size = int.from_bytes(head[:4], "big")
        if len(head) < 8 or at + 12 + size > len(region):
            return _short(job, len(region), where, "png")
        name, body = head[4:], region.part(at + 8, size)
        names += 1
        if names % 1024 == 0:
            job.check_time()
        crc = zlib.crc32(memoryview(region.buf)[region.start + at + 4 : region.start + at + 8 + size])
        if crc != int.from_bytes(region.take(at + 8 + size, 4), "big"):
            job.mark("suspicious", f"a chunk {name!r} with a wrong checksum", at, where, opcode=repr(name))
        if names == 1 and name != b"IHDR":
            job.mark("suspicious", "a picture without a header", at, where)
        if name not in _PNG_KNOWN:
            job.mark("note", f"a chunk of the writer's own, {name!r}", at, where, opcode=repr(name))
            if size > 64:
                _inside(job, body, at + 8, where)
        elif name in _TEXT_CHUNKS:
            _words(job, body, at + 8, where)
        at += 12 + size
        if name == b"IEND":
            return _behind(job, region, at, where, "png")


def scan_jpeg(job: Job, region: Region, where: str) -> str:
    """JPEG: segments up to the end of the picture; several scans follow one another in progressive ones."""
    at = 2
    while True:
        marker = region.take(at, 2)
        if len(marker) < 2:
            return _short(job, len(region), where, "jpeg")
        if marker[0] != 0xFF:
            job.mark("suspicious", "a segment of a picture that does not start where it should", at, where)
            return "jpeg"
        kind = marker[1]
        if kind == 0xFF:
            at += 1
        elif kind == 0xD9:
            return _behind(job, region, at + 2, where, "jpeg")
        elif kind == 0x01 or 0xD0 <= kind <= 0xD7:
            at += 2
        else:
            size = int.from_bytes(region.take(at + 2, 2), "big")
            if size < 2 or at + 2 + size > len(region):
                return _short(job, at, where, "jpeg")
            if kind == 0xFE or 0xE0 <= kind <= 0xEF:
                _words(job, region.part(at + 4, size - 2), at + 4, where)
            at += 2 + size
            if kind == 0xDA:
                at = _entropy(region, at)
                if at < 0:
                    return _short(job, len(region), where, "jpeg")


def _entropy(region: Region, at: int) -> int:
    """The next marker behind coded pixels: an 0xFF that no 0x00 and no restart follows; -1 at the end."""
    while True:
        at = region.find(b"\xff", at)
        if at < 0:
            return -1
        follows = region.take(at + 1, 1)
        if not follows:
            return -1
        if follows[0] == 0 or 0xD0 <= follows[0] <= 0xD7:
            at += 2
        elif follows[0] == 0xFF:
            at += 1
        else:
            return at


def scan_gif(job: Job, region: Region, where: str) -> str:
    """GIF: blocks and their sub-blocks up to the trailer."""
    flags = region.take(10, 1)
    at = 13 + (3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0)
    while True:
        kind = region.take(at, 1)
        if kind == b"\x3b":
            return _behind(job, region, at + 1, where, "gif")
        if kind == b"\x21":
            label = region.take(at + 1, 1)
            at = _sub_blocks(job, region, at + 2, where, words=label in (b"\xfe", b"\xff"))
        elif kind == b"\x2c":
            local = region.take(at + 9, 1)
            at += 10 + (3 << (local[0] & 7) + 1 if local and local[0] & 0x80 else 0) + 1
            at = _sub_blocks(job, region, at, where)
        elif kind:
            job.mark("suspicious", "a block of a picture that does not start where it should", at, where)
            return "gif"
        else:
            at = -1
        if at < 0:
            return _short(job, len(region), where, "gif")


def _sub_blocks(job: Job, region: Region, at: int, where: str, *, words: bool = False) -> int:
    start, count = at, 0
    while True:
        size = region.take(at, 1)
        if not size:
            return -1
        count += 1
        if count % 4096 == 0:
            job.check_time()
        at += 1 + size[0]
        if at > len(region):
            return -1
        if size[0] == 0:
            if words:
                _words(job, region.part(start, at - start), start, where)
            return at


_WAVE = frozenset(
    b"fmt |data|fact|LIST|PEAK|cue |smpl|inst|bext|iXML|id3 |ID3 |JUNK|junk|FLLR|PAD |ds64|note|labl|plst|acid|_PMX|"
    b"cart|afsp|minf|elm1|regn|umid|DGDA|strc|wavl|slnt".split(b"|")
)
_WEBP = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "])


def scan_riff(job: Job, region: Region, where: str) -> str:
    """WebP, WAV, AVI: chunks that fill exactly the length in front."""
    form = region.take(8, 4)
    kind, known = {b"WEBP": ("webp", _WEBP), b"WAVE": ("wav", _WAVE)}.get(form, ("riff", frozenset()))
    order: Literal["little", "big"] = "big" if region.take(0, 4) == b"RIFX" else "little"
    end = 8 + int.from_bytes(region.take(4, 4), order)
    if end > len(region) or end < 12:
        return _short(job, len(region), where, kind)
    at, count = 12, 0
    while at + 8 <= end:
        name, size = region.take(at, 4), int.from_bytes(region.take(at + 4, 4), order)
        count += 1
        if count % 1024 == 0:
            job.check_time()
        if at + 8 + size > end:
            return _short(job, at, where, kind)
        if known and name not in known:
            job.mark("suspicious", f"a chunk {name!r} of no known kind", at, where, opcode=repr(name))
            _inside(job, region.part(at + 8, size), at + 8, where)
        elif name in (b"XMP ", b"EXIF", b"LIST", b"iXML"):
            _words(job, region.part(at + 8, size), at + 8, where)
        at += 8 + size + size % 2
    if kind == "riff":
        job.mark("not understood", f"a RIFF file of the form {form!r}, which is not read here", 8, where)
    return _behind(job, region, max(at, end), where, kind)


def scan_bmp(job: Job, region: Region, where: str) -> str:
    """BMP: a header that says where the pixels are and how many."""
    head = region.take(0, 54)
    size, pixels = int.from_bytes(head[2:6], "little"), int.from_bytes(head[10:14], "little")
    width, height = (int.from_bytes(head[i : i + 4], "little", signed=True) for i in (18, 22))
    bits, packing = int.from_bytes(head[28:30], "little"), int.from_bytes(head[30:34], "little")
    needed = pixels + (width * bits + 31) // 32 * 4 * abs(height)
    if (
        len(head) < 54
        or packing not in (0, 3)
        or not width > 0
        or abs(needed - size) > 3
        or not 54 <= pixels <= 54 + 1204
    ):
        job.mark("not understood", "a BMP picture whose extent is not clear", 0, where)
    return _behind(job, region, max(size, 54), where, "bmp")


def scan_ogg(job: Job, region: Region, where: str) -> str:
    """Ogg: pages that follow one another without a gap."""
    at, pages, last = 0, 0, 0
    while region.take(at, 4) == b"OggS":
        head = region.take(at, 27)
        table = region.take(at + 27, head[26]) if len(head) == 27 else b""
        if len(head) < 27 or len(table) < head[26] or at + 27 + len(table) + sum(table) > len(region):
            return _short(job, at, where, "ogg")
        pages, last = pages + 1, head[5]
        if pages % 1024 == 0:
            job.check_time()
        at += 27 + len(table) + sum(table)
    if not last & 4:
        return _short(job, at, where, "ogg")
    return _behind(job, region, at, where, "ogg")


_PDF_ACTIVE = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFile|RichMedia|OpenAction|AA|SubmitForm|ImportData|GoToE|XFA)\b"
)


def scan_pdf(job: Job, region: Region, where: str) -> str:
    """PDF: searched for what acts by itself. Its objects may be packed, so it is not understood at best."""
    data = region.take(0, min(len(region), job.limits.text))
    plain = re.sub(rb"#([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), data)
    for hit in {m[1] for m in _PDF_ACTIVE.finditer(plain)}:
        grave = hit in (b"JavaScript", b"JS", b"Launch")
        name = hit.decode("ascii")
        if grave or hit in (b"EmbeddedFile", b"RichMedia", b"XFA", b"GoToE", b"ImportData"):
            job.mark("suspicious", f"a document that acts by itself: /{name}", None, where, opcode=f"/{name}")
    end = data.rfind(b"%%EOF")
    if end < 0:
        job.mark("suspicious", "a document that breaks off", len(region), where)
    elif data[end + 5 :].strip(b"\r\n \0\x1a"):
        _behind(job, region, end + 5, where, "pdf")
    job.mark("not understood", "a PDF document, whose packed objects are not read here", 0, where)
    return "pdf"


def _short(job: Job, at: int, where: str, kind: str) -> str:
    job.mark("suspicious", f"the {kind} file breaks off", at, where)
    return kind


def _words(job: Job, body: Region, at: int, where: str) -> None:
    """Text inside a picture: some viewers and servers run what stands in it."""
    hit = _ACTIVE.search(body.take(0, 1 << 20))
    if hit:
        job.mark("suspicious", f"a picture that holds {hit[0][:20]!r}", at + hit.start(), where, opcode="text")


def _inside(job: Job, body: Region, at: int, where: str) -> None:
    """A chunk nobody knows: it may be a file of its own."""
    if len(body) > 8:
        job.examine(body, f"{where}!bytes@{at}")


def _behind(job: Job, region: Region, at: int, where: str, kind: str) -> str:
    """Bytes behind the end: padding is fine, anything else is a file of its own."""
    rest = region.part(at, len(region))
    if len(rest) and (len(rest) > 4096 or rest.take(0, len(rest)).strip(b"\0\r\n ")):
        job.mark("suspicious", f"{len(rest):,} bytes follow the end of the {kind} file", at, where)
        if len(rest) > 4:
            job.examine(rest, f"{where}!bytes@{at}")
    return kind
