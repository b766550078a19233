"""Caffe networks, binary and text: layers by allow-list; Python layers run Python, data layers open files.

Source: caffe.proto of BVLC Caffe 1.0 (NetParameter, LayerParameter, V1LayerParameter) and its layer factory.
"""

from __future__ import annotations

import re

from momus.methods.artifacts.protos import NotProtobuf, fields, known, parts, shape, text
from momus.methods.artifacts.protos_text import NotText, entries
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable

_NET = {1: "l", 2: "l", 3: "l", 4: "lv", 5: "v", 6: "l", 7: "v", 8: "l", 100: "l"}
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 8, 100}
_LAYERS = frozenset({
    "AbsVal", "Accuracy", "ArgMax", "BatchNorm", "BatchReindex", "Bias", "BNLL", "Concat", "ContrastiveLoss",
    "Convolution", "Crop", "CuDNNConvolution", "Deconvolution", "Dropout", "DummyData", "Eltwise", "ELU", "Embed",
    "EuclideanLoss", "Exp", "Filter", "Flatten", "HingeLoss", "Im2col", "InfogainLoss", "InnerProduct", "Input",
    "Log", "LRN", "LSTM", "LSTMUnit", "MemoryData", "MultinomialLogisticLoss", "MVN", "Parameter", "Pooling",
    "Power", "PReLU", "Recurrent", "Reduction", "ReLU", "Reshape", "RNN", "Scale", "Sigmoid",
    "SigmoidCrossEntropyLoss", "Silence", "Slice", "Softmax", "SoftmaxWithLoss", "Split", "SPP", "Swish", "TanH",
    "Threshold", "Tile", "ROIPooling", "Permute", "PriorBox", "DetectionOutput", "Normalize", "MultiBoxLoss",
    "Interp", "Upsample", "ReLU6", "ShuffleChannel", "Axpy",
})  # fmt: skip
_PYTHON = "a Python layer runs a module of the machine that loads it"
_FILES = frozenset({"Data", "ImageData", "HDF5Data", "HDF5Output", "WindowData", "AnnotatedData", "VideoData"})
_OLD_FILES = {5: "DATA", 9: "HDF5_DATA", 10: "HDF5_OUTPUT", 12: "IMAGE_DATA", 24: "WINDOW_DATA"}
_TEXT = re.compile(rb"\s*(#[^\n]*\n\s*)*(name|layers?|input|input_dim|input_shape|net|train_net|force_backward)\s*[:{]")
_LAYER = re.compile(rb"(^|\n)\s*layers?\s*\{|\btrain_net\s*:|\bnet\s*:\s*\"")


def is_caffemodel(region: Region) -> bool:
    """Whether it reads as a binary NetParameter: a name first, then layers that have names and types."""
    if region.take(0, 1) not in (b"\x0a", b"\x12"):
        return False
    found = shape(region)
    if found is None or not found.keys() <= _NUMBERS or not found.keys() & {2, 100}:
        return False
    try:
        number = 100 if 100 in found else 2
        inner = shape(next(parts(region, number))) or {}
    except (NotProtobuf, StopIteration):
        return False
    return inner.get(1 if number == 100 else 4) == 2 and inner.get(2 if number == 100 else 5) in (0, 2)


def scan_caffemodel(job: Job, region: Region, where: str) -> str:
    try:
        for number, wire, a, b in known(job, region, _NET, "NetParameter", where):
            if number == 100:
                _layer(job, region.part(a, b - a), where)
            elif number == 2 and wire == 2:
                _old_layer(job, region.part(a, b - a), where)
    except NotProtobuf:
        job.mark("suspicious", "the Caffe message breaks off inside", None, where)
    return "caffe model"


def _layer(job: Job, region: Region, where: str) -> None:
    kinds = [text(region, a, b) for n, w, a, b in fields(region) if n == 2 and w == 2]
    for kind in kinds or [""]:
        judge(job, kind, where, region.start)
    if any(n == 130 for n, _, _, _ in fields(region)) and "Python" not in kinds:
        job.mark("suspicious", "settings of a Python layer in a layer of another kind", region.start, where)


def _old_layer(job: Job, region: Region, where: str) -> None:
    for number, wire, value, _ in fields(region):
        if number == 5 and wire == 0:
            if value in _OLD_FILES:
                _file(job, _OLD_FILES[value], where, region.start)
            elif value > 39:
                job.mark("suspicious", f"a layer of the unknown type {value}", region.start, where)


def judge(job: Job, kind: str, where: str, offset: int) -> None:
    """Mark one layer that does more than compute."""
    if kind == "Python":
        job.mark("dangerous", _PYTHON, offset, where, opcode="Python", reason="python_param names a module and a class")
    elif kind in _FILES:
        _file(job, kind, where, offset)
    elif kind not in _LAYERS:
        what = f"a layer of the kind {printable(kind, 60)!r} needs native code from elsewhere"
        job.mark("suspicious", what, offset, where, opcode=printable(kind, 60), reason="not on the allow-list")


def _file(job: Job, kind: str, where: str, offset: int) -> None:
    job.mark("suspicious", f"a {kind} layer opens files when the network is set up", offset, where, opcode=kind,
             reason="its source is a path of the machine that loads it")  # fmt: skip


def is_prototxt(region: Region) -> bool:
    head = region.take(0, 1 << 16)
    return bool(_TEXT.match(head)) and bool(_LAYER.search(head))


def scan_prototxt(job: Job, region: Region, where: str) -> str:
    """A network or solver as text."""
    try:
        for path, key, value, at in entries(job, region):
            if key == "type" and value is not None and path and path[-1] in ("layer", "layers"):
                if path[-1] == "layer":
                    judge(job, value, where, at)
                elif value in _OLD_FILES.values():
                    _file(job, value, where, at)
            elif key == "python_param":
                job.mark(
                    "dangerous", "a Python layer runs a module of the machine that loads it", at, where, opcode=key
                )
            elif key in ("source", "mean_file", "weights") and value is not None and value.startswith(("/", "~", "..")):
                what = f"names the file {printable(value, 80)!r}"
                job.mark("suspicious", what, at, where, opcode=key, reason="a path outside the model's folder")
    except NotText as error:
        job.mark("not understood", f"text of a Caffe network that stops making sense {error}", None, where)
    return "caffe prototxt"
