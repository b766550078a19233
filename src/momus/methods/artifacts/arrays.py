"""Array bytes that joblib writes between the instructions of a pickle: how many there are, and what may hide in them.

joblib puts an array's raw bytes right behind the instruction that finishes its wrapper object. Their number follows
from the wrapper's shape and dtype, which the interpreter knows as symbols. Whatever cannot be worked out is refused.
"""

from __future__ import annotations

import re
from typing import Any

from momus.methods.artifacts.opcodes import Machine
from momus.methods.artifacts.values import KEPT, Name, Node

_CODE = re.compile(r"[<>|=]?([?bBhHiIlLqQefdgFDGSUVOmMcpPu])(\d*)(\[[\w ]+\])?\Z")
_WIDTH = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "e": 2, "f": 4, "d": 8}


def plain_dict(node: Any) -> dict[str, Any] | None:
    """A small dict with distinct text keys as a Python dict; None for anything else."""
    if type(node) is not Node or node.kind != "dict" or node.size > KEPT or node.size % 2:
        return None
    keys = node.items[::2]
    if any(type(k) is not str for k in keys) or len(set(keys)) != len(keys):
        return None
    return dict(zip(keys, node.items[1::2], strict=True))


def element(dtype: Any, depth: int = 0) -> tuple[int, bool] | None:
    """(bytes per element, whether elements are Python objects) of a symbolic dtype; None when it cannot be told."""
    if type(dtype) is not Node or str(dtype.maker) != "numpy.dtype" or not dtype.items or depth > 8:
        return None
    match = _CODE.match(dtype.items[0]) if type(dtype.items[0]) is str else None
    if match is None:
        return None
    code, digits = match[1], match[2]
    state = list(dtype.state.items) if type(dtype.state) is Node and dtype.state.kind == "tuple" else []
    if code == "O":
        return 8, True
    if not digits and code not in _WIDTH:
        return None
    size = int(digits) * (4 if code == "U" else 1) if digits else _WIDTH[code]
    if code in "SUV" and len(state) > 5 and state[5] != size:
        return None
    if code != "V":
        return size, False
    return _structured(size, state, depth)


def _structured(size: int, state: list[Any], depth: int) -> tuple[int, bool] | None:
    """A record type: holds objects when its flags say so, and then one of its parts must."""
    parts: list[Any] = []
    if len(state) > 4 and type(state[4]) is Node:
        fields = plain_dict(state[4])
        if fields is None:
            return None
        parts += [f.items[0] if type(f) is Node and f.items else None for f in fields.values()]
    if len(state) > 2 and type(state[2]) is Node:
        parts += state[2].items[:1]
    known = [element(p, depth + 1) for p in parts]
    if any(k is None for k in known):
        return None
    objects = any(k[1] for k in known if k)
    flags = state[7] if len(state) > 7 else 0
    if type(flags) is not int or bool(flags & 1) != objects:
        return None
    return size, objects


class JoblibArrays:
    """Follows joblib's arrays through one file. ``count`` tells whether there were any."""

    def __init__(self) -> None:
        self.count = 0
        self.skipped = 0

    def __call__(self, machine: Machine, node: Node) -> None:
        maker = node.maker
        if type(maker) is not Name or (maker.module, maker.name) != ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return
        self.count += 1
        state = plain_dict(node.state)
        size = self._size(state)
        if state is None or size is None:
            machine.rulings.mark("suspicious", "an array wrapper whose size cannot be worked out", machine.at)
            machine.fail("the length of an array is unknown")
        if size < 0:
            inner = Machine(machine.job, machine.buf, machine.pos, machine.end, rulings=machine.rulings)
            stream = inner.run()
            machine.pos = stream.end
            if not stream.stopped:
                machine.fail(f"an array of objects breaks off: {stream.broke}")
            return
        a = machine.pos
        if state.get("numpy_array_alignment_bytes") is not None:
            a += 1 + (machine.buf[a] if a < machine.end else 0)
        if size > machine.end - a:
            if size > 1 << 32:
                machine.rulings.mark("bad", f"length bomb: an array claims {size:,} bytes", machine.at)
            machine.fail(f"an array claims {size:,} bytes where {max(machine.end - a, 0):,} are left")
        machine.pos = a + size
        self.skipped += size

    @staticmethod
    def _size(state: dict[str, Any] | None) -> int | None:
        """Bytes of the array; -1 for an array of objects (a pickle of its own); None when it cannot be told."""
        if state is None or not {"shape", "dtype", "order", "subclass"} <= set(state):
            return None
        kind, shape = element(state["dtype"]), state["shape"]
        if kind is None or type(shape) is not Node or shape.kind != "tuple" or shape.size > KEPT:
            return None
        total = 1
        for n in shape.items:
            n = _number(n)
            if n is None:
                return None
            total *= n
        if total * max(kind[0], 1) >= 1 << 63:
            return None
        return -1 if kind[1] else total * kind[0]


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 63 else None
