"""Inputs, outputs and operators of an ONNX file, read from its protobuf wire format without the onnx package.

Only lengths and the few fields needed are decoded; weights are stepped over. Field numbers are those of onnx.proto3:
ModelProto.graph 7; GraphProto.node 1, initializer 5, input 11, output 12; NodeProto.op_type 4; TensorProto.name 8;
ValueInfoProto.name 1, type 2; TypeProto.tensor_type 1; Tensor.shape 2; TensorShapeProto.dim 1; Dimension.dim_value 1.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Bytes = memoryview
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


@dataclass
class Graph:
    """Declared sizes of every axis (0 where open) by input and output, and the operators in use."""

    inputs: dict[str, list[int]] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)
    operators: set[str] = field(default_factory=set)


def read_graph(path: Path) -> Graph:
    """The main graph of an ONNX file. ValueError when the file is no well-formed protobuf message or has no graph."""
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    # Not closed by hand: an error on the way leaves views of it alive, and the last of them frees it.
    return _graph(memoryview(mapped))


def _graph(view: Bytes) -> Graph:
    found = Graph()
    weights: set[str] = set()
    graphs = [part for number, part in _messages(view) if number == 7]
    if not graphs:
        raise ValueError("no graph in this file")
    for part in graphs:
        for number, inner in _messages(part):
            if number == 1:
                found.operators |= {bytes(p).decode("utf-8", "replace") for n, p in _messages(inner) if n == 4}
            elif number == 5:
                weights |= {bytes(p).decode("utf-8", "replace") for n, p in _messages(inner) if n == 8}
            elif number in (11, 12):
                name, sizes = _value_info(inner)
                (found.inputs if number == 11 else found.outputs)[name] = sizes
    found.inputs = {name: sizes for name, sizes in found.inputs.items() if name not in weights}
    return found


def _value_info(view: Bytes) -> tuple[str, list[int]]:
    name, sizes = "", []
    for number, part in _messages(view):
        if number == 1:
            name = bytes(part).decode("utf-8", "replace")
        elif number == 2:
            sizes = [_size(dim) for dim in _path(part, 1, 2, 1)]
    return name, sizes


def _path(view: Bytes, first: int, *rest: int) -> Iterator[Bytes]:
    """All messages reached by following the field numbers."""
    for number, part in _messages(view):
        if number == first:
            if rest:
                yield from _path(part, *rest)
            else:
                yield part


def _size(dim: Bytes) -> int:
    return next((value for number, value in _numbers(dim) if number == 1), 0)


def _messages(view: Bytes) -> Iterator[tuple[int, Bytes]]:
    """The length-delimited fields of a message, as (field number, bytes)."""
    for number, kind, start, end in _fields(view):
        if kind == _LENGTH:
            yield number, view[start:end]


def _numbers(view: Bytes) -> Iterator[tuple[int, int]]:
    for number, kind, start, _ in _fields(view):
        if kind == _VARINT:
            yield number, _varint(view, start)[0]


def _fields(view: Bytes) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end) of every field."""
    at = 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            end = _varint(view, at)[1]
        elif kind == _LENGTH:
            length, at = _varint(view, at)
            end = at + length
        elif kind in (_EIGHT, _FOUR):
            end = at + (8 if kind == _EIGHT else 4)
        else:
            raise ValueError(f"wire type {kind} at byte {at} is not ONNX")
        if end > len(view) or number == 0:
            raise ValueError(f"a field ends beyond byte {at}")
        yield number, kind, at, end
        at = end


def _varint(view: Bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ValueError("the file ends within a number")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number at byte {at} is too long")
