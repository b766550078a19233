"""Whatever is done to a file of these formats, the scan ends with a report of its own readers, within its bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import time
import zipfile
import zlib

import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momus.methods.artifacts import Limits, scan_bytes

from .test_binary_data import NET, WORDS
from .test_r_data import CASES, head
from .test_templates import HONEST
from .test_xml_and_pictures import FILES, PMML

EASY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def archives() -> dict[str, bytes]:
    made, inner = {}, pickle.dumps({"w": [1.5] * 40})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/config.json", '{"_target_": "torch.nn.Linear"}')
        archive.writestr("b.pkl", inner)
    made["zip"] = out.getvalue()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("ä" * 60)
        member.size = len(inner)
        archive.addfile(member, io.BytesIO(inner))
    made["tar"] = out.getvalue()
    for kind, pack in (("gzip", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zlib", zlib.compress)):
        made[kind] = pack(inner)
    out = io.BytesIO()
    scipy.io.savemat(out, {"s": {"a": [1.0, 2.0], "b": "text"}})  # one variable: nothing says how many there are
    made["matlab"] = out.getvalue()
    return made


WHOLE = {
    **archives(), **FILES, **WORDS, "torch7": NET, "pmml": (PMML % "").encode(),
    "r": head() + CASES["a fitted model"][0], "notebook": json.dumps({"cells": [], "nbformat": 4}).encode(),
}  # fmt: skip
TEXTS = [
    *(t.encode() for t in HONEST.values()),
    b"import os\n\n\ndef f(x):\n    return os.path.join(x, 'y')\n",
    b"model:\n  _target_: torch.nn.Linear\n  size: &s [1, 2]\n  again: *s\n",
    b"[project]\nname = 'x'\ndependencies = ['torch']\n",
    b"FROM python\nRUN pip install x\n",
    (PMML % "<Extension/>").encode(),
]
SEEDS = [*WHOLE.values(), *(head() + body for body, _ in CASES.values()), *TEXTS]


def check(data: bytes) -> str:
    start = time.process_time()
    report = scan_bytes(data, limits=Limits(seconds=10, expanded=64 << 20))
    assert time.process_time() - start < 15
    assert not any("the reader failed" in m.what or "in the reader" in m.what for m in report.marks), report.marks
    assert len(report.marks) <= 100
    return report.verdict


def test_the_seeds_are_understood() -> None:
    for kind, data in WHOLE.items():
        assert check(data) == "nothing found", kind


@EASY
@given(st.data())
def test_changed_files_end_in_a_report(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        how = data.draw(st.integers(0, 3))
        if how == 0 and raw:
            raw[at] = data.draw(st.integers(0, 255))
        elif how == 1:
            del raw[at : at + data.draw(st.integers(1, 30))]
        elif how == 2:
            raw[at:at] = data.draw(st.binary(max_size=12))
        else:
            raw[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\x80"]))
    check(bytes(raw))


@EASY
@given(
    st.text(max_size=300),
    st.sampled_from(["", "{% if x %}", "import x\n", "a: !!", "<a>", "[a]\n", "#!/bin/sh\n", "{"]),
)
def test_any_text_ends_in_a_report(text: str, lead: str) -> None:
    check((lead + text).encode("utf-8", "replace"))


@EASY
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_cut_file_is_never_harmless(kind: str, data: st.DataObject) -> None:
    whole = WHOLE[kind]
    cut = data.draw(st.integers(2, len(whole) - 1))
    left = whole[:-cut]
    if kind == "tar" and len(left) >= 2048 and not whole[len(left) :].strip(b"\0"):
        return  # writers fill up a tar with as many empty blocks as they like
    if len(left) < 24:
        return  # a word or two are a text
    assert check(left) != "nothing found"


@EASY
@given(st.sampled_from(sorted(WHOLE)), st.binary(min_size=9, max_size=60).filter(lambda b: b.strip(b"\0\r\n ") != b""))
def test_bytes_behind_a_file_are_never_harmless(kind: str, tail: bytes) -> None:
    assert check(WHOLE[kind] + b"\x07" + tail) != "nothing found"


@pytest.mark.parametrize(
    "lead",
    ["a ", "var ", "rm -a ", "curl ", "{{", "a=", "<b>", "- ", "[", "int f( ", "\n", "'", "${", "8002", "url = "],
)
def test_repeats_are_judged_in_linear_time(lead: str) -> None:
    start = time.process_time()
    for front in ("", "#!/bin/sh\n", "{% if x %}", "<html>"):
        check((front + lead * (200_000 // len(lead))).encode())
    assert time.process_time() - start < 30
