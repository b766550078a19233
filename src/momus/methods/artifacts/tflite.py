"""TensorFlow Lite models: operators by allow-list, tensors by their buffers, every byte accounted for.

Source: tensorflow/lite/schema/schema.fbs (schema version 3) and the metadata page of TensorFlow Lite.
"""

from __future__ import annotations

import struct

from momus.methods.artifacts.flatbuffers import Broken, Buffer, Table, flex_texts
from momus.methods.artifacts.pickles import also_pickle
from momus.methods.artifacts.protos import NotProtobuf, fields, text
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.tensorflow import judge_operator
from momus.methods.artifacts.texts import program

_LAST_BUILTIN = 210  # operators added to the schema later are not known here
_CUSTOM, _DELEGATE, _CALL = 32, 51, 31
_STATEFUL = {129: "calls another graph once", 142: "keeps a variable"}
# Custom operators that the runtime itself brings along.
_OWN_CUSTOM = frozenset({
    "TFLite_Detection_PostProcess", "Convolution2DTransposeBias", "AudioSpectrogram", "Mfcc", "NumericVerify",
    "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Mean", "Conv3DTranspose", "AtrousConv", "TFLite_AudioSpectrogram",
})  # fmt: skip
_WIDTH = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}
_SLACK = 64


def is_tflite(region: Region) -> bool:
    return region.take(4, 4) == b"TFL3"


def scan_tflite(job: Job, region: Region, where: str) -> str:
    """The model, and behind it a zip of metadata where there is one."""
    end = _zip_start(region)
    model = region.part(0, end) if end > 0 else region
    try:
        _Model(job, model, where).read()
    except (Broken, struct.error) as error:
        job.mark("suspicious", f"the TensorFlow Lite structure does not hold: {error}", None, where)
    if end > 0:
        job.examine(region.part(end, len(region) - end), f"{where}!metadata")
    return "tflite"


def _zip_start(region: Region) -> int:
    """Where the zip of label files begins that may stand behind a model; -1 without one."""
    tail = region.take(max(len(region) - 22, 0), 22)
    if tail[:4] != b"PK\x05\x06":
        return -1
    size, offset = struct.unpack("<II", tail[12:20])
    directory = len(region) - 22 - size
    first = region.take(directory, 46)
    if first[:4] != b"PK\x01\x02":
        return -1
    # offsets count from the start of the zip, or of the whole file
    header = int.from_bytes(first[42:46], "little")
    for start in (directory - offset + header, header):
        if 0 < start < directory and region.take(start, 4) == b"PK\x03\x04":
            return start
    return -1


class _Model:
    def __init__(self, job: Job, region: Region, where: str) -> None:
        self.job, self.where, self.region = job, where, region
        self.buffer = Buffer(job, region)
        self.sizes: list[int] = []
        self.unread = 0

    def read(self) -> None:
        model = self.buffer.root()
        if len(model.spots) > 8:
            self.job.mark(
                "not understood", "a newer schema: fields of the model that are not known here", None, self.where
            )
        codes = [self._operator(code) for code in model.tables(1)]
        for item in model.tables(4):
            self._buffer(item)
        for graph in model.tables(2):
            self._graph(graph, codes)
        model.text(3)
        self._vector(model, 5, 4)
        for item in model.tables(6):
            item.text(0)
        for item in model.tables(7):
            self._signature(item)
        self._gaps()

    def _vector(self, table: Table, number: int, width: int) -> int:
        return table.vector(number, width)[1]

    def _operator(self, code: Table) -> str:
        old, new = code.number(0, 1, signed=True), code.number(3, 4, signed=True)
        number, custom = max(old, new), code.text(1)
        if custom or number in (_CUSTOM, _DELEGATE):
            self._custom(custom, number)
        elif not 0 <= number <= _LAST_BUILTIN:
            what = f"operator number {number}, which is not known here"
            self.job.mark("suspicious", what, code.at, self.where, opcode=str(number), reason="not on the allow-list")
        return custom or str(number)

    def _custom(self, name: str, number: int) -> None:
        if name.startswith("Flex"):
            self.job.mark("note", "runs operators of the full TensorFlow", None, self.where)
            judge_operator(self.job, name[4:], self.where, None)
        elif name not in _OWN_CUSTOM:
            what = f"the custom operator {printable(name, 60)!r}" if name else f"operator number {number}"
            why = "the runtime does not bring it along"
            self.job.mark("suspicious", f"{what} needs native code from elsewhere", None, self.where,
                          opcode=printable(name, 60), reason=why)  # fmt: skip

    def _buffer(self, item: Table) -> None:
        """Numbers of a tensor: in the file's structure, or (large models) behind it at an offset."""
        start, count = item.vector(0, 1)
        offset, size = item.number(1, 8), item.number(2, 8)
        if offset > 1:
            self.buffer.claim(offset, size)
            start, count = offset, size
        self.sizes.append(count)
        if count:
            self._look(self.region.part(start, count))

    def _look(self, region: Region) -> None:
        head = region.take(0, 2)
        if head[:1] == b"\x80" and head[1:] in (b"\2", b"\3", b"\4", b"\5"):
            also_pickle(self.job, region, self.where)
        elif region.take(0, 4) == b"\x7fELF" or region.take(0, 4) == b"PK\3\4":
            what = f"a buffer holds {program(region) or 'a zip file'}"
            self.job.mark("suspicious", what, region.start - self.region.start, self.where, opcode="Buffer")
            self.job.examine(region, f"{self.where}!bytes@{region.start - self.region.start}")

    def _graph(self, graph: Table, codes: list[str]) -> None:
        for tensor in graph.tables(0):
            self._tensor(tensor)
        self._vector(graph, 1, 4)
        self._vector(graph, 2, 4)
        for node in graph.tables(3):
            if node.number(0) >= len(codes):
                raise Broken("an operator that the model does not list")
            if codes[node.number(0)].startswith("Flex"):
                self._flex(node, codes[node.number(0)][4:])
            for number, width in ((1, 4), (2, 4), (5, 1), (7, 1), (8, 4)):
                self._vector(node, number, width)
            offset, size = node.number(9, 8), node.number(10, 8)
            if offset > 1:
                self.buffer.claim(offset, size)
            for number in (4, 12):
                options = node.table(number)
                if options is not None:
                    self._options(options)
        graph.text(4)

    def _flex(self, node: Table, operator: str) -> None:
        """What the delegate runs is the graph node in the options, whatever the operator is called."""
        start, count = node.vector(5, 1)
        raw = self.region.take(start, count)
        try:
            found = flex_texts(raw)
            if len(found) != 2:
                raise Broken(f"{len(found)} texts instead of a name and a node")
            inner = Region(found[1], 0, len(found[1]))
            names = [text(inner, a, b) for n, w, a, b in fields(inner) if n == 2 and w == 2]
        except (Broken, NotProtobuf) as error:
            what = f"the node behind Flex{printable(operator, 60)} cannot be read: {error}"
            self.job.mark("suspicious", what, node.at, self.where, opcode="Flex")
            return
        if names != [operator] or found[0] != operator.encode():
            what = f"Flex{printable(operator, 60)} runs {printable(', '.join(names), 60)}"
            self.job.mark("suspicious", what, node.at, self.where, opcode="Flex", reason="name and node disagree")
        for name in names:
            judge_operator(self.job, name, self.where, node.at)

    def _options(self, table: Table) -> None:
        """Settings of an operator: numbers, and vectors of them, which are claimed where they read as vectors."""
        for number in range(min(len(table.spots), 32)):
            at = table.spot(number)
            if at < 0 or at % 4 or at + 4 > len(self.region):
                continue
            target = at + self.buffer.number(at)
            if not 0 < target - at < 1 << 16 or target + 4 > len(self.region):
                continue
            count = self.buffer.number(target)
            if count <= 64 and target + 4 + 4 * count <= len(self.region):
                self.buffer.claim(target, 4 + 4 * count)

    def _tensor(self, tensor: Table) -> None:
        start, rank = tensor.vector(0, 4)
        dims = [self.buffer.number(start + 4 * i, 4, signed=True) for i in range(rank)]
        kind, number = tensor.number(1, 1, signed=True), tensor.number(2)
        tensor.text(3)
        self._vector(tensor, 7, 4)
        if number >= len(self.sizes):
            raise Broken("a tensor whose numbers are not in the file")
        total, sparse = 1, tensor.table(6)
        for n in dims:
            total *= n
        width = _WIDTH.get(kind)
        held = self.sizes[number]
        if held and width and sparse is None and total * width != held:
            what = f"a tensor of {total * width:,} bytes in a buffer of {held:,}"
            self.job.mark("suspicious", what, tensor.at, self.where, opcode="Tensor", reason="its shape does not fit")
        if sparse is not None:
            self.unread += 1 << 20
        quantised = tensor.table(4)
        if quantised is not None:
            for i, size in ((0, 4), (1, 4), (2, 4), (3, 8)):
                self._vector(quantised, i, size)
            if quantised.number(4, 1):
                self.unread += 1 << 20  # details of a kind of their own
        for variant in tensor.tables(9):
            self._vector(variant, 0, 4)

    def _signature(self, item: Table) -> None:
        for number in (0, 1):
            for entry in item.tables(number):
                entry.text(0)
        item.text(2)

    def _gaps(self) -> None:
        left = 0
        for start, end in self.buffer.gaps(_SLACK):
            gap = self.region.part(start, end - start)
            raw = gap.take(0, end - start)
            if end == len(self.region) and (len(raw) > _SLACK or raw.strip(b"\0")):
                self.job.mark("suspicious", f"{end - start:,} bytes follow the model", start, self.where)
                self.job.examine(gap, f"{self.where}!bytes@{start}")
            elif raw.strip(b"\0"):
                self._look(self.region.part(start + len(raw) - len(raw.lstrip(b"\0")), end - start))
                left += end - start
        if left or self.unread:
            self.job.mark("not understood", f"{left:,} bytes inside the model belong to nothing", None, self.where)
