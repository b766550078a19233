"""Array bytes that joblib writes between the instructions of a pickle: how many there are, and what may hide in them.

joblib puts an array's raw bytes right behind the instruction that finishes its wrapper object. Their number follows
from the wrapper's shape and dtype, which the interpreter knows as symbols. Whatever cannot be worked out is refused.
"""

from __future__ import annotations

from momus.methods.artifacts.dtypes import element, plain_dict
from momus.methods.artifacts.opcodes import Machine
from momus.methods.artifacts.values import DATA, KEPT, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class JoblibArrays:
    """Follows joblib's arrays through one file. ``count`` tells whether there were any."""

    def __init__(self) -> None:
        self.count = 0
        self.skipped = 0

    def __call__(self, machine: Machine, node: Node) -> None:
        if node.cls != "joblib.numpy_pickle.NumpyArrayWrapper":
            return
        self.count += 1
        machine.stack[-1] = Node("object", node.maker)  # as joblib does: the array takes the place of its wrapper
        machine.stack[-1].items = [DATA]
        if machine.pos < machine.frame:
            what = "an array inside a frame: joblib takes its bytes from behind the frame"
            machine.rulings.mark(
                "dangerous", what, machine.at, reason="made to show one reader something else than the other"
            )
            machine.fail("array bytes and instructions are mixed up")
        state = plain_dict(node.state)
        size = self._size(state)
        if state is None or size is None:
            what = "an array wrapper whose size cannot be worked out"
            machine.rulings.mark("suspicious", what, machine.at, reason="where the pickle goes on cannot be told")
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
                what = f"length bomb: an array claims {size:,} bytes"
                machine.rulings.mark("dangerous", what, machine.at, reason="would exhaust the machine that loads it")
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
