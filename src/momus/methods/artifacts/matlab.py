"""MATLAB's .mat files, version 5 to 7: elements walked by their sizes; functions and objects are marked.

Source: MAT-File Format, MathWorks. Version 7.3 is HDF5.
"""

from __future__ import annotations

import struct

from momus.methods.artifacts.expand import expand
from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable

_MATRIX, _PACKED = 14, 15
_WIDTH = frozenset([1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18])
_CLASSES = {
    1: "cells",
    2: "a structure",
    3: "an object",
    16: "a function handle",
    17: "an opaque object",
    18: "an object",
}
_DEPTH = 100
_ELEMENTS = 2_000_000


def scan_mat(job: Job, region: Region, where: str) -> str:
    """All variables; a note on where the subsystem's data, which holds functions, would be."""
    walker = _Walker(job, where, "<" if region.take(126, 2) == b"IM" else ">")
    try:
        if len(region) <= 128:
            raise ValueError("it ends before its first variable")
        walker.elements(region, 128, 0)
    except ValueError as error:
        job.mark("suspicious", f"a MATLAB file that does not hold: {error}", walker.at, where)
    return "matlab"


class _Walker:
    def __init__(self, job: Job, where: str, order: str) -> None:
        self.job, self.where, self.order, self.at, self.count = job, where, order, 0, 0

    def tag(self, region: Region, at: int) -> tuple[int, int, int, int]:
        """(type, size, start of the data, start of the next element)."""
        raw = region.take(at, 8)
        if len(raw) < 8:
            raise ValueError("it ends too early")
        kind, size = struct.unpack(self.order + "II", raw)
        if kind >> 16:
            small = kind >> 16
            return kind & 0xFFFF, small, at + 4, at + 8
        end = at + 8 + size + (0 if kind == _PACKED else -size % 8)
        if at + 8 + size > len(region):
            raise ValueError("an element reaches beyond the end")
        return kind, size, at + 8, min(end, len(region))

    def elements(self, region: Region, at: int, depth: int) -> None:
        while at < len(region):
            self.count += 1
            if self.count > _ELEMENTS:
                raise TooMuch(f"holds more than {_ELEMENTS:,} elements")
            if self.count % 1024 == 0:
                self.job.check_time()
            self.at = at
            kind, size, start, following = self.tag(region, at)
            body = region.part(start, size)
            if kind == _MATRIX:
                self.matrix(body, depth + 1)
            elif kind == _PACKED and depth == 0:
                inner = expand(self.job, body, "zlib", self.where)
                if inner is None:
                    raise ValueError("a packed element that cannot be unpacked")
                self.elements(inner, 0, 1)
            elif kind not in _WIDTH:
                raise ValueError(f"an element of unknown type {kind}")
            at = following

    def matrix(self, body: Region, depth: int) -> None:
        if depth > _DEPTH:
            raise TooMuch(f"nests deeper than {_DEPTH}")
        if len(body) == 0:
            return
        kind, size, start, at = self.tag(body, 0)
        if kind != 6 or size < 8:
            raise ValueError("a variable without flags")
        family = struct.unpack(self.order + "I", body.take(start, 4))[0] & 255
        if family in (3, 16, 17, 18):
            what = _CLASSES[family]
            self.job.mark("suspicious", f"{what}: MATLAB runs code of its class when it is loaded", self.at, self.where,
                          opcode=what, reason="loading calls a function by name")  # fmt: skip
            return
        if not 1 <= family <= 15:
            raise ValueError(f"a variable of unknown class {family}")
        _, _, _, at = self.tag(body, at)  # dimensions
        _, size, start, at = self.tag(body, at)  # name
        name = body.take(start, min(size, 64)).decode("latin-1")
        if "function_workspace" in name:
            self.job.mark("suspicious", f"the variable {printable(name)} holds functions", self.at, self.where)
        if family == 2:
            _, _, _, at = self.tag(body, at)
            _, _, _, at = self.tag(body, at)
        self.elements(body.part(at, len(body)), 0, depth)
