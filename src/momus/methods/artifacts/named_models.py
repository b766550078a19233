"""Models of further frameworks: told apart, searched for what runs code, read in full where that is cheap.

Source: Model.proto of Core ML, framework.proto of PaddlePaddle, ndarray.cc of MXNet, the loader of Darknet (recalled
where no reader of the format was at hand; such files never count as read).
"""

from __future__ import annotations

import struct

from momus.methods.artifacts.protos import NotProtobuf, fields, parts, shape, text
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable

_CORE_ML = frozenset({
    *range(200, 203), *range(300, 305), *range(400, 405), 500, 501, 502, 555, 556, 560, *range(600, 611), 900,
    *range(2000, 2007), 3000,
})  # fmt: skip
_PADDLE_GRAVE = {
    "py_func": "calls Python", "load": "reads a file", "load_combine": "reads a file", "save": "writes a file",
    "save_combine": "writes a file", "listen_and_serv": "listens for connections", "send": "opens a connection",
    "recv": "opens a connection", "run_program": "runs another program of Paddle", "create_py_reader": "calls Python",
    "read_file": "reads a file", "py_layer": "calls Python",
}  # fmt: skip
_MXNET = (0x112).to_bytes(8, "little")
_MXNET_WIDTH = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 12: 2}


def kind_of(region: Region) -> str:
    """executorch, core ml, paddle program, mxnet parameters, darknet weights, or nothing."""
    head = region.take(0, 24)
    if head[4:6] == b"ET" and head[6:8].isdigit():
        return "executorch"
    if head[:8] == _MXNET and head[8:16] == bytes(8):
        return "mxnet parameters"
    if len(head) >= 20 and head[:4] == bytes(4) and head[4:8] in (b"\1\0\0\0", b"\2\0\0\0") and head[9:12] == bytes(3):
        return "darknet weights"
    if head[:1] == b"\x08" and _core_ml(region):
        return "core ml"
    return "paddle program" if head[:1] == b"\x0a" and _paddle(region) else ""


def is_named(region: Region) -> bool:
    return bool(kind_of(region))


def scan_named(job: Job, region: Region, where: str) -> str:
    """Mark what is known to run code; what was not read in full is said."""
    kind = kind_of(region)
    try:
        if kind == "core ml":
            _scan_core_ml(job, region, where)
        elif kind == "paddle program":
            _scan_paddle(job, region, where)
        elif kind == "mxnet parameters" and _mxnet(job, region):
            return kind
    except NotProtobuf:
        job.mark("suspicious", f"the message of a {kind} breaks off inside", None, where)
    words = {
        "executorch": "an ExecuTorch program",
        "core ml": "a Core ML model: its layers are searched only",
        "paddle program": "a PaddlePaddle program: its operators are searched only",
        "mxnet parameters": "parameters of MXNet", "darknet weights": "weights of Darknet",
    }  # fmt: skip
    job.mark("not understood", f"{words.get(kind, kind)}, which is not read here", None, where)
    return kind


def _core_ml(region: Region) -> bool:
    found = shape(region)
    return found is not None and found.get(1) == 0 and found.get(2) == 2 and bool(found.keys() & _CORE_ML)


def _scan_core_ml(job: Job, region: Region, where: str) -> None:
    for number, wire, a, b in fields(region):
        if number in (555, 556) and wire == 2:
            what = (
                "a custom model needs a class of the program that loads it"
                if number == 555
                else "opens another model by path"
            )
            job.mark("suspicious", what, a, where, opcode="customModel" if number == 555 else "linkedModel")
        elif number in (303, 403, 500) and wire == 2:
            for layer in parts(region.part(a, b - a), 1):
                for custom in parts(layer, 500):
                    name = next((text(p) for p in parts(custom, 10)), "")
                    what = f"the custom layer {printable(name, 60)!r} needs a class of the program that loads it"
                    job.mark("suspicious", what, layer.start, where, opcode="custom")


def _paddle(region: Region) -> bool:
    found = shape(region)
    if found is None or not found.keys() <= {1, 4, 5} or found.get(1) != 2 or 4 not in found:
        return False
    block = shape(next(parts(region, 1)))
    return block is not None and block.get(1) == 0 and block.get(2) == 0 and block.keys() <= {1, 2, 3, 4, 5}


def _scan_paddle(job: Job, region: Region, where: str) -> None:
    for block in parts(region, 1):
        for operator in parts(block, 4):
            for kind in parts(operator, 3):
                reason = _PADDLE_GRAVE.get(text(kind))
                if reason:
                    what = f"operator {text(kind)} {reason}"
                    job.mark("dangerous", what, operator.start, where, opcode=text(kind), reason=reason)


def _mxnet(job: Job, region: Region) -> bool:
    """Whether a list of dense arrays and their names makes up the whole file."""
    at = 16
    try:
        (count,) = struct.unpack("<Q", region.take(at, 8))
        at += 8
        for i in range(min(count, 1_000_000)):
            if i % 1024 == 0:
                job.check_time()
            magic, storage, rank = struct.unpack("<IiI", region.take(at, 12))
            if magic not in (0xF993FAC9, 0xF993FACA) or storage != 0 or rank > 32:
                return False
            total = 1
            for n in struct.unpack(f"<{rank}q", region.take(at + 12, 8 * rank)):
                total *= n
            at += 12 + 8 * rank
            kind = struct.unpack("<iii", region.take(at, 12))[2]
            if kind not in _MXNET_WIDTH or total < 0:
                return False
            at += 12 + total * _MXNET_WIDTH[kind]
            if at > len(region):
                return False
        (names,) = struct.unpack("<Q", region.take(at, 8))
        at += 8
        for _ in range(min(names, count)):
            at += 8 + struct.unpack("<Q", region.take(at, 8))[0]
    except struct.error:
        return False
    return at == len(region) and names in (0, count)
