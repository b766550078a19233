"""ONNX models: operators by allow-list, tensors by their sizes, files that they reach for; never the numbers.

Source: onnx.proto3 (IR version 12); the allow-list of operators was read from the schemas of onnx and ONNX Runtime.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from momus.methods.artifacts.pickles import also_pickle
from momus.methods.artifacts.protos import NotProtobuf, fields, known, shape, text, varint
from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.zips import leaves

_PYTHON_OPS = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp"})
_NATIVE_OPS = frozenset({"EPContext", "TRTEngineOp", "OpaqueOp", "Snpe"})  # carry or load compiled code
_MODEL = {1: "v", 2: "l", 3: "l", 4: "l", 5: "v", 6: "l", 7: "l", 8: "l", 14: "l", 20: "l", 25: "l", 26: "l"}
_GRAPH = {1: "l", 2: "l", 5: "l", 10: "l", 11: "l", 12: "l", 13: "l", 14: "l", 15: "l", 16: "l"}
_NODE = {1: "l", 2: "l", 3: "l", 4: "l", 5: "l", 6: "l", 7: "l", 8: "l", 9: "l", 10: "l"}
_ATTRIBUTE = {1: "l", 2: "4", 3: "v", 4: "l", 5: "l", 6: "l", 7: "l4", 8: "lv", 9: "l", 10: "l", 11: "l", 13: "l",
              14: "l", 15: "l", 20: "v", 21: "l", 22: "l", 23: "l"}  # fmt: skip
_TENSOR = {1: "lv", 2: "v", 3: "l", 4: "l4", 5: "lv", 6: "l", 7: "lv", 8: "l", 9: "l", 10: "l8", 11: "lv", 12: "l",
           13: "l", 14: "v", 16: "l"}  # fmt: skip
_FUNCTION = {1: "l", 4: "l", 5: "l", 6: "l", 7: "l", 8: "l", 9: "l", 10: "l", 11: "l", 12: "l", 13: "l", 14: "l"}
# bits of one number, by ONNX's type numbers
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
         17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}  # fmt: skip
_CODE = re.compile(
    rb"__import__|\b(eval|exec|compile)\s*\(|\bos\s*\.\s*(system|popen)|\bsubprocess\b|\bpickle\.loads?\b"
)
_WHOLE = ("!", "graph")  # the graph itself, among the functions
_EXPANDED = 50_000_000  # nodes after all functions are written out


@cache
def operators() -> dict[str, frozenset[str]]:
    """The allow-list: domain -> operators."""
    content = files(__package__).joinpath("onnx_ops.toml").read_text(encoding="utf-8")
    return {domain: frozenset(names) for domain, names in tomllib.loads(content).items()}


def is_onnx(region: Region) -> bool:
    """Whether the first level reads as an ONNX model: a version, and a graph."""
    if region.take(0, 1) not in (b"\x08", b"\x12", b"\x3a", b"\x42", b"\x1a", b"\x22"):
        return False
    found = shape(region)
    if found is None or found.get(1) != 0 or found.get(7) != 2:
        return False
    return all("v8l..4"[wire] in _MODEL.get(number, "l") for number, wire in found.items() if number < 64)


def scan_onnx(job: Job, region: Region, where: str) -> str:
    try:
        Onnx(job, where).model(region)
    except NotProtobuf:
        job.mark("suspicious", "the ONNX message breaks off inside", None, where)
    return "onnx"


class Onnx:
    """Walks one ONNX model: operators with their domains, functions, tensors kept in other files."""

    def __init__(self, job: Job, where: str) -> None:
        self.job, self.where = job, where
        self.used: dict[tuple[str, str], int] = {}
        self.own: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self.visited = 0

    def model(self, region: Region) -> None:
        graphs = sets = 0
        for number, wire, a, b in known(self.job, region, _MODEL, "ModelProto", self.where):
            part = region.part(a, b - a) if wire == 2 else region.part(0, 0)
            if number == 7:
                graphs += 1
                self.graph(part, 0)
            elif number == 20:
                self._training(part)
            elif number == 25:
                self.function(part)
            elif number == 14:
                self._metadata(part)
            elif number == 8:
                sets += 1
        if not sets:
            self.job.mark("suspicious", "the model names no set of operators: it may be cut short", None, self.where)
        if graphs > 1:
            self.job.mark(
                "suspicious", f"the model holds {graphs} graphs, which readers join or drop", None, self.where
            )
        for (domain, operator), at in self.used.items():
            self._judge(domain, operator, at)
        for domain, name in self.own:
            if domain in ("", "ai.onnx", "ai.onnx.ml", "com.microsoft"):
                what = f"a function takes the name of the standard operator {printable(name, 60)}"
                self.job.mark("suspicious", what, None, self.where, opcode=printable(name, 60))
        self._expansion()

    def _judge(self, domain: str, operator: str, at: int) -> None:
        if operator in _PYTHON_OPS:
            self.job.mark("dangerous", f"operator {operator} runs Python", at, self.where, opcode=operator,
                          reason="calls a Python function of the process that loads it")  # fmt: skip
        elif operator in _NATIVE_OPS:
            self.job.mark("suspicious", f"operator {operator} loads compiled code", at, self.where, opcode=operator)
        elif (domain, operator) not in self.own and operator not in operators().get(domain or "ai.onnx", ()):
            what = f"operator {printable(operator, 60)} of the domain {printable(domain, 60)!r} needs native code"
            self.job.mark(
                "suspicious", what, at, self.where, opcode=printable(operator, 60), reason="not on the allow-list"
            )

    def _training(self, region: Region) -> None:
        for n, w, c, d in known(self.job, region, {1: "l", 2: "l", 3: "l", 4: "l"}, "TrainingInfoProto", self.where):
            if w == 2 and n in (1, 2):
                self.graph(region.part(c, d - c), 0)

    def _metadata(self, region: Region) -> None:
        """Free text that tools around the model read, some with eval."""
        if len(region) <= self.job.limits.text and _CODE.search(region.take(0, len(region))):
            what = "metadata that holds Python code"
            self.job.mark("suspicious", what, region.start, self.where, opcode="metadata_props",
                          reason="some tools evaluate metadata")  # fmt: skip
        for n, w, a, b in fields(region):
            if n == 2 and w == 2:
                self._content(region.part(a, b - a))

    def _count(self) -> None:
        self.visited += 1
        if self.visited % 4096 == 0:
            self.job.check_time()

    def graph(self, region: Region, depth: int, calls: dict[tuple[str, str], int] | None = None) -> None:
        if depth > 50:
            raise TooMuch("has graphs nested more than 50 deep")
        calls = {} if calls is None else calls
        for number, _, a, b in known(self.job, region, _GRAPH, "GraphProto", self.where):
            part = region.part(a, b - a)
            if number == 1:
                self.node(part, depth, calls)
            elif number == 5:
                self.tensor(part)
            elif number == 15:
                self._sparse(part)
            elif number == 16:
                self._metadata(part)
        if depth == 0 and calls is not None:
            self.own.setdefault(_WHOLE, {})
            for key, count in calls.items():
                held = self.own[_WHOLE]
                held[key] = held.get(key, 0) + count

    def function(self, region: Region) -> None:
        name = domain = ""
        calls: dict[tuple[str, str], int] = {}
        for number, _, a, b in known(self.job, region, _FUNCTION, "FunctionProto", self.where):
            part = region.part(a, b - a)
            if number == 1:
                name = text(part)
            elif number == 10:
                domain = text(part)
            elif number == 7:
                self.node(part, 0, calls)
            elif number == 11:
                self.attribute(part, 0, calls)
        self.own[(domain, name)] = calls

    def node(self, region: Region, depth: int, calls: dict[tuple[str, str], int]) -> None:
        self._count()
        operator, domain, names = "", "", 0
        for number, _, a, b in known(self.job, region, _NODE, "NodeProto", self.where):
            if number == 4:
                operator, names = text(region, a, b), names + 1
            elif number == 7:
                domain = text(region, a, b)
            elif number == 5:
                self.attribute(region.part(a, b - a), depth, calls)
            elif number == 9:
                self._metadata(region.part(a, b - a))
        if names != 1:
            self.job.mark("suspicious", f"a node names {names} operators", region.start, self.where)
        self.used.setdefault((domain, operator), region.start)
        calls[(domain, operator)] = calls.get((domain, operator), 0) + 1

    def attribute(self, region: Region, depth: int, calls: dict[tuple[str, str], int]) -> None:
        for number, _, a, b in known(self.job, region, _ATTRIBUTE, "AttributeProto", self.where):
            part = region.part(a, b - a)
            if number in (5, 10):
                self.tensor(part)
            elif number in (6, 11):
                self.graph(part, depth + 1, calls)
            elif number in (22, 23):
                self._sparse(part)
            elif number in (4, 9):
                self._content(part)

    def _sparse(self, region: Region) -> None:
        for n, w, c, d in known(self.job, region, {1: "l", 2: "l", 3: "lv"}, "SparseTensorProto", self.where):
            if w == 2 and n in (1, 2):
                self.tensor(region.part(c, d - c))

    def tensor(self, region: Region) -> None:
        """A tensor: its raw bytes must fit its shape, or lie in a file beside the model."""
        self._count()
        dims: list[int] = []
        kind, raw, outside = 0, -1, 0
        elsewhere = listed = False
        for number, wire, a, b in known(self.job, region, _TENSOR, "TensorProto", self.where):
            if number == 1:
                dims += [a] if wire == 0 else _packed(region.part(a, b - a))
            elif number == 2:
                kind = a
            elif number == 3:
                self.job.mark(
                    "not understood", "a tensor kept in segments, which is not read here", region.start, self.where
                )
            elif number == 6:
                self._content(region.part(a, b - a))
                listed = True
            elif number == 9:
                raw = b - a
                self._content(region.part(a, b - a))
            elif number == 13:
                self._external(region.part(a, b - a), region.start)
                elsewhere = True
            elif number == 14:
                outside = a
            elif number in (4, 5, 7, 10, 11):
                listed = True
        self._fits(dims, kind, raw, region.start, held=listed or elsewhere, outside=elsewhere)
        if outside > 1:
            self.job.mark(
                "suspicious", "a tensor at an unknown location", region.start, self.where, opcode="TensorProto"
            )

    def _fits(self, dims: list[int], kind: int, raw: int, at: int, *, held: bool, outside: bool) -> None:
        """Hold the bytes of a tensor against its shape."""
        bits, total, what = _BITS.get(kind), math.prod(dims), ""
        if bits is None and kind != 8:
            what = f"a tensor of unknown type {kind}"
        elif raw >= 0 and bits is not None and not outside and -(-total * bits // 8) != raw:
            what = f"a tensor of {raw:,} bytes whose shape asks for {-(-total * bits // 8):,}"
        elif raw < 0 and not held and total:
            what = f"a tensor of {total:,} numbers that are not in the file"
        if what:
            self.job.mark("suspicious", what, at, self.where, opcode="TensorProto", reason="readers disagree about it")

    def _content(self, region: Region) -> None:
        head = region.take(0, 4)
        if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
            also_pickle(self.job, region, self.where)
        elif head == b"\x7fELF":
            self.job.mark("suspicious", "a tensor or text holds a native program", region.start, self.where)

    def _external(self, entry: Region, offset: int) -> None:
        pair = {n: text(entry, c, d) for n, w, c, d in fields(entry) if w == 2}
        if pair.get(1) == "location":
            self.location(pair.get(2, ""), offset)

    def location(self, path: str, offset: int) -> None:
        if leaves(path) or not path or "://" in path or path.startswith("*"):  # ORT: */_ORT_MEM_ADDR_/* is memory
            what = f"reads weights from {printable(path, 80)!r}, outside its folder"
            self.job.mark(
                "dangerous",
                what,
                offset,
                self.where,
                opcode="external_data",
                reason="a file of the machine that loads it",
            )
        else:
            what = f"its weights lie in {printable(path, 80)!r}, a file of its own"
            self.job.mark("note", what, None, self.where, opcode="external_data")

    def _expansion(self) -> None:
        """How many nodes there are once every function is written out, as runtimes do before they start."""
        sizes: dict[tuple[str, str], int] = {}
        for start in self.own:
            stack: list[tuple[tuple[str, str], bool]] = [(start, False)]
            opened: set[tuple[str, str]] = set()
            while stack:
                key, done = stack.pop()
                if done:
                    opened.discard(key)
                    sizes[key] = sum(n * (sizes.get(k, 1) if k in self.own else 1) for k, n in self.own[key].items())
                elif key in opened:
                    self._bomb("functions that call themselves")
                    return
                elif key not in sizes:
                    opened.add(key)
                    stack.append((key, True))
                    stack += [(k, False) for k in self.own[key] if k in self.own]
        if max(sizes.values(), default=0) > _EXPANDED:
            self._bomb(f"functions that expand to {max(sizes.values()):.1e} nodes")

    def _bomb(self, what: str) -> None:
        self.job.mark(
            "dangerous", what, None, self.where, opcode="FunctionProto", reason="loading exhausts the machine"
        )


def _packed(region: Region) -> list[int]:
    return list(_numbers(region))


def _numbers(region: Region) -> Iterator[int]:
    at, count = region.start, 0
    while at < region.end:
        value, at = varint(region.buf, at, region.end)
        count += 1
        if count > 64:
            raise NotProtobuf
        yield value
