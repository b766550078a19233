"""Small valid files of every format, for paths whose card gives no examples."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.fuzz.mutate_arrays import zipped
from momus.methods.fuzz.mutate_sound import crc8, crc16, flac_joined, ogg_mended
from momus.methods.fuzz.riff import riff_joined

_SIZE = 28
_PILLOW = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "webp": "WEBP"}


def picture() -> NumpyArray:
    """(28, 28, 3) uint8: a ramp with a bright square."""
    y, x = np.mgrid[:_SIZE, :_SIZE]
    made = np.stack([x * 9, y * 9, (x + y) * 4], axis=-1).astype(np.uint8)
    made[8:16, 10:18] = 255
    return made


def _pictures(kind: str) -> list[bytes]:
    from PIL import Image

    rgb = Image.fromarray(picture())
    grey, palette = rgb.convert("L"), rgb.convert("P")
    made = [_saved(i, kind) for i in (rgb, grey)]
    if kind in ("png", "gif", "tiff", "bmp"):
        made += [_saved(palette, kind)]
    if kind in ("png", "webp", "tiff"):
        made.append(_saved(rgb.convert("RGBA"), kind))
    if kind == "png":
        deep = Image.fromarray(picture()[..., 0].astype(np.uint16) * 257)
        made += [_saved(deep, kind), _saved(rgb.convert("1"), kind)]
    if kind in ("gif", "webp", "png"):
        made.append(_saved(rgb, kind, save_all=True, append_images=[rgb.rotate(90), rgb.rotate(180)], duration=50))
    if kind == "jpeg":
        made += [_saved(rgb, kind, progressive=True), _saved(rgb.convert("CMYK"), kind)]
        made.append(_saved(rgb, kind, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"))
    if kind == "webp":
        made.append(_saved(rgb, kind, lossless=True))
    if kind == "tiff":
        made += [_saved(rgb, kind, compression=c) for c in ("tiff_deflate", "tiff_lzw", "packbits")]
    return made


def _saved(image: object, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, _PILLOW[kind], **options)  # type: ignore[attr-defined]
    return out.getvalue()


def sound() -> NumpyArray:
    """Half a second of a tone, int16."""
    tone: NumpyArray = (8000 * np.sin(np.arange(8000) * 0.17)).astype("<i2")
    return tone


def wav(samples: NumpyArray, rate: int = 16_000, channels: int = 1) -> bytes:
    body = samples.astype("<i2").tobytes()
    head = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    return riff_joined(b"WAVE", [(b"fmt ", head), (b"data", body)])


def _info(total: int) -> bytes:
    """What FLAC says of the whole: blocks of 192 samples, 16 kHz, one channel, 16 bits."""
    rest = (16_000 << 44 | 0 << 41 | 15 << 36 | total).to_bytes(8, "big")
    return struct.pack(">HH", 192, 192) + bytes(6) + rest + bytes(16)


def flac_frame(index: int, samples: NumpyArray, constant: bool = False) -> bytes:
    """A frame of 192 samples: as they are, or one value for all."""
    head = bytes((0xFF, 0xF8, 0x15, 0x08, index & 0x7F))
    head += bytes([crc8(head)])
    if constant:
        body = b"\0" + struct.pack(">h", int(samples[0]))
    else:
        body = b"\2" + samples.astype(">i2").tobytes()
    return head + body + struct.pack(">H", crc16(head + body))


def flac() -> bytes:
    samples = sound()[: 192 * 4]
    frames = [flac_frame(i, samples[192 * i : 192 * (i + 1)], constant=i == 3) for i in range(4)]
    comment = struct.pack("<I", 5) + b"momus" + struct.pack("<I", 0)
    return flac_joined([(0, _info(len(samples))), (4, comment)], b"".join(frames))


def ogg() -> bytes:
    """FLAC in Ogg pages: the one coding in Ogg that needs no tables to write."""
    samples = sound()[: 192 * 4]
    first = b"\x7fFLAC\1\0" + struct.pack(">H", 1) + b"fLaC" + bytes((0, 0, 0, 34)) + _info(len(samples))
    comment = struct.pack("<I", 5) + b"momus" + struct.pack("<I", 0)
    packets = [first, bytes((0x84, 0, 0, len(comment))) + comment]
    packets += [flac_frame(i, samples[192 * i : 192 * (i + 1)]) for i in range(4)]
    pages = []
    for i, packet in enumerate(packets):
        flags = 2 if i == 0 else 4 if i == len(packets) - 1 else 0
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        head = b"OggS\0" + bytes([flags]) + struct.pack("<QIII", max(0, i - 1) * 192, 1, i, 0) + bytes([len(lacing)])
        pages.append(ogg_mended(head + lacing + packet))
    return b"".join(pages)


def npy(array: NumpyArray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


_ROWS = [{"id": i, "age": 20 + i, "name": f"n{i}", "score": i / 4, "tags": ["a", "b"]} for i in range(5)]


def _csv() -> list[bytes]:
    rows = "\n".join(f"{r['id']},{r['age']},{r['name']},{r['score']}" for r in _ROWS)
    numbers = "\n".join(",".join(str(i * j / 8) for j in range(1, 9)) for i in range(1, 9))
    return [f"id,age,name,score\n{rows}\n".encode(), f"{numbers}\n".encode(), b'a,b\n"1,5","say ""hi"""\n']


def _json() -> list[bytes]:
    values = (_ROWS[0], _ROWS, [0.5, 1, 2, 3], {"inputs": [[0.1, 0.2], [0.3, 0.4]]}, {"text": "hello"}, 1.5)
    return [json.dumps(v).encode() for v in values]


def _parquet() -> list[bytes]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return []
    made = []
    for compression in ("snappy", "gzip"):
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(_ROWS), out, compression=compression)
        made.append(out.getvalue())
    return made


def _npy() -> list[bytes]:
    arrays = (np.linspace(0, 1, 12).reshape(3, 4), picture(), np.arange(6, dtype=np.float32), np.float64(1.5))
    return [npy(np.asarray(a)) for a in arrays]


def _xml() -> list[bytes]:
    rows = "".join(f'<row id="{r["id"]}"><age>{r["age"]}</age><name>{r["name"]}</name></row>' for r in _ROWS)
    return [f'<?xml version="1.0" encoding="utf-8"?><rows>{rows}</rows>'.encode()]


_MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "wav": lambda: [wav(sound()), wav(sound(), 44_100, 2)],
    "flac": lambda: [flac()],
    "ogg": lambda: [ogg()],
    "csv": _csv,
    "json": _json,
    "jsonl": lambda: [b"\n".join(json.dumps(r).encode() for r in _ROWS) + b"\n"],
    "parquet": _parquet,
    "npy": _npy,
    "npz": lambda: [zipped([("x.npy", npy(picture())), ("y.npy", npy(np.arange(3)))])],
    "text": lambda: ["Grüße aus Köln, 12 Uhr. How are you?\n".encode(), b"hello", "日本語のテキスト".encode()],
    "xml": _xml,
    "other": lambda: [b"hello", bytes(64), bytes(range(256))],
    "pickle": lambda: [b"\x80\x04}."],
}


def examples(kind: str) -> list[bytes]:
    """Valid files of a format, the same every time; none where this machine cannot write any (Parquet)."""
    return _pictures(kind) if kind in _PILLOW else _MAKERS.get(kind, _MAKERS["other"])()
