"""XML and pictures: walked to the end, with everything that acts by itself marked."""

from __future__ import annotations

import io
import random
import struct
import wave
import zlib

import numpy as np
import pytest
from PIL import Image

from momus.methods.artifacts import scan_bytes
from momus.zoo.supply_chain.corpus import payload

PMML = (
    '<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4">'
    '<Header><Application name="x"/></Header>'
    '<DataDictionary><DataField name="x" optype="continuous" dataType="double"/></DataDictionary>'
    '<RegressionModel functionName="regression"><MiningSchema><MiningField name="x"/></MiningSchema>'
    '<RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>'
    "%s</PMML>"
)
XML = [
    (PMML % "", "nothing found"),
    (PMML % "<Evil/>", "suspicious"),
    (PMML % '<Extension name="note" value="made today"/>', "nothing found"),
    (PMML % '<Extension name="script" value="Runtime.exec"/>', "suspicious"),
    (PMML % "<Extension><code>os.system('id')</code></Extension>", "suspicious"),
    (PMML % '<Apply function="java.lang.Runtime.exec"><Constant>id</Constant></Apply>', "dangerous"),
    (PMML % '<Apply function="+"><Constant>1</Constant></Apply>', "nothing found"),
    ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "dangerous"),
    ('<!DOCTYPE x [<!ENTITY % p SYSTEM "http://x/y"> %p;]><x/>', "dangerous"),
    ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>', "dangerous"),
    ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x/>', "dangerous"),
    ('<!DOCTYPE x SYSTEM "http://x/y.dtd"><x/>', "suspicious"),
    ('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "nothing found"),
    ("<svg><script>alert(1)</script></svg>", "suspicious"),
    ('<svg onload="alert(1)"/>', "suspicious"),
    ('<svg><a href="javascript:alert(1)"/></svg>', "suspicious"),
    ('<svg><image href="http://x/y.png"/></svg>', "suspicious"),
    ('<java><object class="java.lang.ProcessBuilder"/></java>', "dangerous"),
    ("<a><b></a>", "suspicious"),
    ("<svg/>" + "stowaway", "suspicious"),
    (PMML % "<Evil/>" + "<!doctype html>", "suspicious"),
    ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>{% if %}{{ a }}&a;</x>', "dangerous"),
    ("<html>words\0\x01\x02binary behind</html>", "suspicious"),
    ("<html><body><p>hello</p></body></html>", "nothing found"),
    ("<html><script src='x.js'></script></html>", "suspicious"),
    ('<div align="center">\n<img src="x.png">\n\n# A title & more\n\n</div>\nWords < than > others\n', "nothing found"),
]


@pytest.mark.parametrize(("text", "verdict"), XML, ids=str)
def test_xml(text: str, verdict: str) -> None:
    report = scan_bytes(text.encode())
    assert report.verdict == verdict, report.marks


def test_deep_and_broken_xml_ends() -> None:
    assert scan_bytes(b"<a>" * 5000).verdict == "suspicious"
    assert scan_bytes(b'<?xml version="1.0" encoding="nonsense"?><a/>').verdict == "suspicious"
    assert scan_bytes((PMML % "").encode()[:-9]).verdict == "suspicious"


def picture(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (24, 31, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(range(200)) * 4)
    return out.getvalue()


FILES = {
    "png": picture("PNG"), "jpeg": picture("JPEG"), "progressive jpeg": picture("JPEG", progressive=True),
    "gif": picture("GIF"), "webp": picture("WEBP"), "lossless webp": picture("WEBP", lossless=True),
    "bmp": picture("BMP"), "wav": sound(),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_pictures_and_sounds_are_walked_to_their_end(kind: str) -> None:
    data = FILES[kind]
    report = scan_bytes(data)
    assert (report.verdict, report.format) == ("nothing found", kind.split()[-1]), report.marks
    assert scan_bytes(data + payload()).verdict == "dangerous"
    assert scan_bytes(data + b"stowaway, 20 bytes..").verdict == "suspicious"
    for cut in (1, 2, 7, len(data) // 2):
        assert scan_bytes(data[:-cut]).verdict != "nothing found", cut


def test_words_in_a_picture_that_a_server_would_run() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    data = FILES["png"]
    assert scan_bytes(data[:33] + chunk(b"tEXt", b"Title\0harmless") + data[33:]).verdict == "nothing found"
    assert scan_bytes(data[:33] + chunk(b"tEXt", b"x\0<?php system(1)") + data[33:]).verdict == "suspicious"
    assert scan_bytes(data[:33] + chunk(b"evIl", payload() + bytes(64)) + data[33:]).verdict == "dangerous"
    assert scan_bytes(data[:40] + b"\xff" + data[41:]).verdict == "suspicious"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"/Type /Catalog", "not understood"),
        (b"/OpenAction << /S /JavaScript >>", "suspicious"),
        (b"/J#61vaScript", "suspicious"),
        (b"/S /Launch", "suspicious"),
    ],
)
def test_documents(body: bytes, verdict: str) -> None:
    assert scan_bytes(b"%PDF-1.7\n1 0 obj <<" + body + b">> endobj\n%%EOF\n").verdict == verdict


def test_changed_pictures_end_in_a_report() -> None:
    rng = random.Random(0)
    for data in FILES.values():
        for _ in range(40):
            raw = bytearray(data)
            for _ in range(3):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
            assert scan_bytes(bytes(raw)).verdict
