"""Signatures of formats that are no models, yet lie beside them: pictures, programs, archives, documents.

Kept apart from ``formats.py`` so that telling a file costs no import of its reader.
"""

from __future__ import annotations

import re

from momus.methods.artifacts.report import Region

# (offset, bytes, kind); the first that fits wins
_AT: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (0, b"RIFF", "riff"),
    (0, b"RIFX", "riff"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"%PDF-", "pdf"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"ID3", "mp3"),
    (4, b"ftyp", "mp4"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"\x7fELF", "elf"),
    (0, b"\0asm", "wasm"),
    (0, b"\x1bLua", "lua bytecode"),
    (0, b"\x1bLJ", "lua bytecode"),
    (0, b"dex\n", "dex"),
    (0, b"\xca\xfe\xba\xbe", "java class or fat macho"),
    (0, b"\xfe\xed\xfa\xce", "macho"),
    (0, b"\xfe\xed\xfa\xcf", "macho"),
    (0, b"\xce\xfa\xed\xfe", "macho"),
    (0, b"\xcf\xfa\xed\xfe", "macho"),
    (0, b"BC\xc0\xde", "llvm bitcode"),
    (0, b"\xac\xed\0\x05", "java serialised"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"MSCF\0\0\0\0", "cab"),
    (0, b"!<arch>\n", "ar"),
    (0, b"070701", "cpio"),
    (0, b"070702", "cpio"),
    (0, b"070707", "cpio"),
    (0, b"\xc7\x71", "cpio"),
    (0x8001, b"CD001", "iso 9660"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"\x89LZO\0\r\n\x1a\n", "lzop"),
    (0, b"\xff\x06\0\0sNaPpY", "snappy"),
    (0, b"LZIP", "lzip"),
    (0, b"xar!", "xar"),
    (0, b"hsqs", "squashfs"),
    (0, b"\x02\x21\x4c\x18", "lz4 of old"),
    (0, b"RDX2\n", "r workspace"),
    (0, b"RDX3\n", "r workspace"),
    (0, b"RDA2\n", "r workspace"),
    (0, b"RDA3\n", "r workspace"),
    (0, b"RDB2\n", "r workspace"),
    (0, b"RDB3\n", "r workspace"),
    (0, b"X\n\0\0\0\x02", "r object"),
    (0, b"X\n\0\0\0\x03", "r object"),
    (0, b"B\n\x02\0\0\0", "r object"),
    (0, b"B\n\x03\0\0\0", "r object"),
    (0, b"A\n2\n", "r object"),
    (0, b"A\n3\n", "r object"),
    (0, b"MATLAB 5.0 MAT-file", "matlab"),
    (124, b"\x00\x01IM", "matlab"),
    (124, b"\x01\x00MI", "matlab"),
    (0, b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1", "torch7"),
    (0, b"\x04\0\0\0\0\0\0\0\x01\0\0\0", "torch7"),
    (0, b"\x03\0\0\0\x01\0\0\0", "torch7"),
    (0, b"\xba\x16\x4f\x2f", "fasttext"),
    (0, b"CBM1", "catboost"),
    (0, b"PAR1", "parquet"),
    (0, b"ARROW1\0\0", "arrow"),
    (0, b"Obj\x01", "avro"),
    (0, b"SQLite format 3\0", "sqlite"),
    (0, b"lmgg", "ggml"),
    (0, b"fmgg", "ggml"),
    (0, b"tjgg", "ggml"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (0, b"{\\rtf", "rtf"),
    (0, b"L\0\0\0\x01\x14\x02\0", "windows shortcut"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"\0\x01\0\0\0", "font"),
    (0, b"OTTO", "font"),
)  # fmt: skip
_PYC_FLAGS = (b"\0\0\0\0", b"\1\0\0\0", b"\3\0\0\0")
ONLY_NAMED = {
    "rar": "a RAR archive",
    "cab": "a cabinet archive",
    "ar": "an ar archive of object files",
    "cpio": "a cpio archive",
    "iso 9660": "an image of a disc",
    "compress": "compressed by Unix compress",
    "lzop": "compressed by lzop",
    "snappy": "compressed by Snappy",
    "lzip": "compressed by lzip",
    "xar": "an xar archive",
    "squashfs": "an image of a file system",
    "lz4 of old": "compressed by LZ4 in its legacy frames",
    "tiff": "a TIFF picture",
    "flac": "FLAC audio",
    "mp3": "MP3 audio",
    "mp4": "a film or picture in MP4 boxes",
    "matroska": "a Matroska film",
    "catboost": "a CatBoost model",
    "parquet": "a Parquet table",
    "arrow": "an Arrow table",
    "avro": "Avro records",
    "sqlite": "a SQLite data base",
    "ggml": "a GGML file from before GGUF",
    "ole": "a Microsoft compound file",
    "rtf": "an RTF document",
    "font": "a font",
}
# what a kind of the table above is read by; kinds in neither mapping are of no known format
READERS: dict[str, str] = {
    "png": "pictures.scan_png",
    "jpeg": "pictures.scan_jpeg",
    "gif": "pictures.scan_gif",
    "riff": "pictures.scan_riff",
    "bmp": "pictures.scan_bmp",
    "ogg": "pictures.scan_ogg",
    "pdf": "pictures.scan_pdf",
    "elf": "executables.scan",
    "windows program": "executables.scan",
    "macho": "executables.scan",
    "wasm": "executables.scan",
    "dex": "executables.scan",
    "lua bytecode": "executables.scan",
    "windows shortcut": "executables.scan",
    "java class": "executables.scan",
    "llvm bitcode": "executables.scan",
    "compiled Python": "executables.scan",
    "script": "executables.scan_script",
    "java serialised": "executables.scan_java_objects",
    "r object": "r_data.scan_rds",
    "r workspace": "r_data.scan_rdata",
    "matlab": "matlab.scan_mat",
    "torch7": "torch7.scan_t7",
    "fasttext": "word_vectors.scan_fasttext",
    "sentencepiece": "word_vectors.scan_sentencepiece",
    "word2vec": "word_vectors.scan_word2vec",
    "msgpack": "msgpack_.scan_msgpack",
    "xml": "xmls.scan_xml",
}
_XML = re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml\b|!--|!DOCTYPE\b|[A-Za-z_][\w.:-]*[\s/>])", re.I)


def named(region: Region) -> str:
    """The kind a signature gives away, or nothing."""
    head = region.take(0, 64)
    for at, magic, kind in _AT:
        if (head[at : at + len(magic)] if at + len(magic) <= 64 else region.take(at, len(magic))) == magic:
            return _fat(head) if kind == "java class or fat macho" else kind
    if head[:2] == b"MZ" and len(region) >= 64:
        return "windows program"
    if head[:2] == b"#!" and head[2:3] in (b"/", b" "):
        return "script"
    if head[:2] == b"BM" and int.from_bytes(head[2:6], "little") <= len(region) and head[6:10] == bytes(4):
        return "bmp"
    if len(head) >= 16 and head[2:4] == b"\r\n" and head[4:8] in _PYC_FLAGS:
        return "compiled Python"
    return _further(region, head)


def _fat(head: bytes) -> str:
    """Java classes and macOS programs for several machines share a signature; the second counts its machines."""
    return "macho" if 0 < int.from_bytes(head[4:8], "big") < 40 else "java class"


_WORD2VEC = re.compile(rb"(\d{1,9}) (\d{1,5})\r?\n\S")


def _further(region: Region, head: bytes) -> str:
    if _XML.match(region.take(0, 512)):
        return "xml"
    if head[:1] == b"\x0a" and head[1:2] and _piece(region):
        return "sentencepiece"
    found = _WORD2VEC.match(head)
    if found and 4 * int(found[1]) * int(found[2]) < len(region) and b"\0" in region.take(0, 4096):
        return "word2vec"
    if head[:1] and (0x81 <= head[0] <= 0x8F or head[0] in (0xDE, 0xDF)) and _msgpack_key(head):
        return "msgpack"
    return ""


def _piece(region: Region) -> bool:
    """Whether a protobuf starts as SentencePiece models do: a piece with a text, a score and perhaps a type."""
    from momus.methods.artifacts.word_vectors import looks_like_sentencepiece

    return looks_like_sentencepiece(region)


def _msgpack_key(head: bytes) -> bool:
    """Whether the first key of a MessagePack map is a short text."""
    at = {0xDE: 3, 0xDF: 5}.get(head[0], 1)
    size = head[at] - 0xA0 if at < len(head) else 0
    key = head[at + 1 : at + 1 + max(size, 0)]
    return 0 < size < 32 and len(key) == size and all(32 < c < 127 for c in key)


def is_tar(region: Region) -> bool:
    """A tar header with a checksum that holds, of signed or unsigned bytes."""
    block = region.take(0, 512)
    if len(block) < 512 or not block.strip(b"\0"):
        return False
    try:
        given = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    rest = block[:148] + block[156:]
    return given in (sum(rest) + 256, sum(b - 256 if b > 127 else b for b in rest) + 256)
