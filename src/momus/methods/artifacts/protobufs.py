"""ONNX and TensorFlow graphs through a small protobuf walker: names, operators, references; never the numbers.

Source: the protobuf wire format; field numbers of onnx.proto3 and of TensorFlow's graph.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.zips import leaves

_DOMAINS = frozenset({
    "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training", "com.microsoft",
    "com.microsoft.nchwc", "com.ms.internal.nhwc", "pkg.onnxscript.torch_lib", "pkg.onnxscript.torch_lib.common",
})  # fmt: skip
_PYTHON_OPS = frozenset({"PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp"})
_NATIVE_OPS = frozenset({"EPContext", "TRTEngineOp", "OpaqueOp"})  # carry or load compiled code
_TF_BAD = frozenset({
    "ReadFile", "WriteFile", "PyFunc", "PyFuncStateless", "EagerPyFunc", "MatchingFiles", "LoadAndRemapMatrix",
    "LoadDataset", "SaveDataset", "DebugIdentity", "RemoteCall", "ImmutableConst",
})  # fmt: skip


class NotProtobuf(Exception):
    """The bytes are no protobuf message."""


Field = tuple[int, int, int, int]  # field number, wire type, start and end (or the value and 0), relative


def _varint(region: Region, at: int) -> tuple[int, int]:
    value = shift = 0
    for b in region.take(at, 10):
        at += 1
        value |= (b & 127) << shift
        if b < 128:
            return value, at
        shift += 7
    raise NotProtobuf


def fields(region: Region) -> Iterator[Field]:
    """Fields of one message, in order. NotProtobuf where the bytes do not hold."""
    at, size = 0, len(region)
    while at < size:
        tag, at = _varint(region, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise NotProtobuf
        if wire == 0:
            value, at = _varint(region, at)
            yield number, 0, value, 0
        elif wire == 2:
            length, at = _varint(region, at)
            if length > size - at:
                raise NotProtobuf
            yield number, 2, at, at + length
            at += length
        elif wire in (1, 5):
            width = 8 if wire == 1 else 4
            if width > size - at:
                raise NotProtobuf
            yield number, wire, at, at + width
            at += width
        else:
            raise NotProtobuf


def _shape(region: Region) -> dict[int, int] | None:
    """Field number -> wire type of a message's first level; None where it is no message."""
    try:
        return {n: w for n, w, _, _ in _few(fields(region))}
    except NotProtobuf:
        return None


def _few(found: Iterator[Field]) -> Iterator[Field]:
    for i, field in enumerate(found):
        if i > 100_000:
            raise NotProtobuf
        yield field


def is_onnx(region: Region) -> bool:
    """Whether the first level reads as an ONNX model: a version, and a graph or operator sets."""
    if region.take(0, 1) not in (b"\x08", b"\x12", b"\x3a", b"\x42"):
        return False
    shape = _shape(region)
    return shape is not None and shape.get(1) == 0 and shape.get(7) == 2 and set(shape) <= set(range(1, 64))


def is_saved_model(region: Region) -> bool:
    """Whether it reads as TensorFlow's saved_model.pb: a schema version and at least one graph."""
    if region.take(0, 2) not in (b"\x08\x01", b"\x08\x02"):
        return False
    return _shape(region) == {1: 0, 2: 2}


def _text(region: Region, start: int, end: int) -> str:
    return region.take(start, min(end - start, 4096)).decode("utf-8", "replace")


class Onnx:
    """Walks one ONNX model: operators with their domains, tensors kept in other files."""

    def __init__(self, job: Job, where: str) -> None:
        self.job, self.where = job, where
        self.domains: dict[str, str] = {}
        self.own: set[str] = set()
        self.visited = 0

    def model(self, region: Region) -> None:
        for number, wire, a, b in fields(region):
            if wire != 2:
                continue
            if number == 7:
                self.graph(region.part(a, b - a), 0)
            elif number == 20:  # training information: two graphs
                for n, w, c, d in fields(region.part(a, b - a)):
                    if w == 2 and n in (1, 2):
                        self.graph(region.part(a + c, d - c), 0)
            elif number == 25:
                self.function(region.part(a, b - a))
            elif number not in (2, 3, 4, 6, 8, 14, 26):
                self.job.mark("suspicious", f"an unknown field {number} of {b - a:,} bytes", a, self.where)
        for domain, operator in self.domains.items():
            if domain not in _DOMAINS and domain not in self.own:
                what = f"operator {printable(operator, 60)} of the domain {printable(domain, 60)!r} needs native code"
                self.job.mark("suspicious", what, None, self.where)

    def _count(self) -> None:
        self.visited += 1
        if self.visited % 4096 == 0:
            self.job.check_time()

    def graph(self, region: Region, depth: int) -> None:
        if depth > 50:
            raise TooMuch("has graphs nested more than 50 deep")
        for number, wire, a, b in fields(region):
            if wire == 2 and number == 1:
                self.node(region.part(a, b - a), depth)
            elif wire == 2 and number == 5:
                self.tensor(region.part(a, b - a))
            elif wire == 2 and number == 15:
                for n, w, c, d in fields(region.part(a, b - a)):
                    if w == 2 and n in (1, 2):
                        self.tensor(region.part(a + c, d - c))

    def function(self, region: Region) -> None:
        for number, wire, a, b in fields(region):
            if wire == 2 and number == 10:
                self.own.add(_text(region, a, b))
            elif wire == 2 and number == 7:
                self.node(region.part(a, b - a), 0)

    def node(self, region: Region, depth: int) -> None:
        self._count()
        operator, domain = "", ""
        for number, wire, a, b in fields(region):
            if wire != 2:
                continue
            if number == 4:
                operator = _text(region, a, b)
            elif number == 7:
                domain = _text(region, a, b)
            elif number == 5:
                self.attribute(region.part(a, b - a), depth)
        self.domains.setdefault(domain, operator)
        if operator in _PYTHON_OPS:
            self.job.mark("bad", f"operator {operator} runs Python", region.start, self.where)
        elif operator in _NATIVE_OPS:
            self.job.mark("suspicious", f"operator {operator} loads compiled code", region.start, self.where)

    def attribute(self, region: Region, depth: int) -> None:
        for number, wire, a, b in fields(region):
            if wire == 2 and number in (5, 10):
                self.tensor(region.part(a, b - a))
            elif wire == 2 and number in (6, 11):
                self.graph(region.part(a, b - a), depth + 1)

    def tensor(self, region: Region) -> None:
        self._count()
        for number, wire, a, b in fields(region):
            if wire == 2 and number == 13:
                entry = region.part(a, b - a)
                pair = {n: _text(entry, c, d) for n, w, c, d in fields(entry) if w == 2}
                if pair.get(1) == "location":
                    self.location(pair.get(2, ""), region.start)

    def location(self, path: str, offset: int) -> None:
        if leaves(path) or not path:
            self.job.mark("bad", f"reads weights from {printable(path, 80)!r}, outside its folder", offset, self.where)
        else:
            self.job.mark("note", f"its weights lie in {printable(path, 80)!r}, a file of its own", None, self.where)


def scan_onnx(job: Job, region: Region, where: str) -> str:
    try:
        Onnx(job, where).model(region)
    except NotProtobuf:
        job.mark("suspicious", "the ONNX message breaks off inside", None, where)
    return "onnx"


def scan_saved_model(job: Job, region: Region, where: str) -> str:
    """TensorFlow's saved_model.pb: operators that reach files or run Python are marked; the rest is not vouched for."""
    job.mark("unread", "TensorFlow operators are searched for known dangers only", None, where)
    try:
        for number, wire, a, b in fields(region):
            if wire == 2 and number == 2:
                _meta_graph(job, region.part(a, b - a), where)
    except NotProtobuf:
        job.mark("suspicious", "the SavedModel message breaks off inside", None, where)
    return "tensorflow saved model"


def _parts(region: Region, wanted: int) -> Iterator[Region]:
    for number, wire, a, b in fields(region):
        if wire == 2 and number == wanted:
            yield region.part(a, b - a)


def _meta_graph(job: Job, region: Region, where: str) -> None:
    for graph in _parts(region, 2):
        nodes = list(_parts(graph, 1))
        for library in _parts(graph, 2):
            for function in _parts(library, 1):
                nodes += _parts(function, 3)
        for node in nodes:
            for operator in _parts(node, 2):
                name = _text(operator, 0, len(operator))
                if name in _TF_BAD:
                    job.mark("bad", f"operator {name} reaches files or runs Python", operator.start, where)
