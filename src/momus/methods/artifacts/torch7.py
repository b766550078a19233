"""Torch7's .t7 files in binary: objects walked one by one. A function is Lua bytecode, handed to the VM."""

from __future__ import annotations

from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable

_VALUES = 5_000_000
_STORAGE = {"Byte": 1, "Char": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8, "Half": 2, "CudaHalf": 2,
            "Cuda": 4, "CudaDouble": 8, "CudaLong": 8, "CudaInt": 4, "CudaByte": 1}  # fmt: skip


class _Walker:
    def __init__(self, job: Job, region: Region, where: str) -> None:
        self.job, self.region, self.where, self.at = job, region, where, 0
        self.left = [1]
        self.seen: set[int] = set()

    def number(self, width: int = 4) -> int:
        raw = self.region.take(self.at, width)
        if len(raw) < width:
            raise ValueError("it ends too early")
        self.at += width
        return int.from_bytes(raw, "little", signed=True)

    def skip(self, count: int) -> int:
        if count < 0 or count > len(self.region) - self.at:
            raise ValueError("it claims more bytes than there are")
        self.at += count
        return self.at - count

    def text(self) -> str:
        size = self.number()
        return self.region.take(self.skip(size), min(size, 200)).decode("latin-1")

    def run(self) -> None:
        total = 0
        while self.left:
            if self.left[-1] == 0:
                self.left.pop()
                continue
            self.left[-1] -= 1
            total += 1
            if total > _VALUES or len(self.left) > 1000:
                raise TooMuch(f"holds more than {_VALUES:,} values, or nests too deeply")
            if total % 4096 == 0:
                self.job.check_time()
            self.value(self.number())

    def value(self, kind: int) -> None:
        if kind == 0:
            return
        if kind == 1:
            self.skip(8)
        elif kind == 2:
            self.text()
        elif kind == 5:
            self.skip(4)
        elif kind == 3:
            if self.fresh():
                size = self.number()
                if size < 0 or size * 8 > len(self.region) - self.at:
                    raise ValueError("a table of impossible size")
                self.left.append(2 * size)
        elif kind == 4:
            if self.fresh():
                self.object()
        elif kind in (6, 7, 8):
            if self.fresh():
                self.function(kind)
        else:
            raise ValueError(f"a value of unknown type {kind}")

    def fresh(self) -> bool:
        index = self.number()
        known = index in self.seen
        self.seen.add(index)
        return not known

    def function(self, kind: int) -> None:
        at = self.at
        size = self.number()
        self.skip(size)
        self.job.mark("suspicious", "a function: Lua bytecode that the loader hands to its machine", at, self.where,
                      opcode=f"type {kind}", reason="bytecode is not checked, it does anything")  # fmt: skip
        self.left.append(1)  # the values it closes over

    def object(self) -> None:
        name = self.text()
        if name.startswith("V "):
            name = self.text()
        stem = name.removeprefix("torch.")
        if stem.endswith("Storage") and stem.removesuffix("Storage") in _STORAGE:
            self.skip(self.number(8) * _STORAGE[stem.removesuffix("Storage")])
        elif stem.endswith("Tensor") and stem.removesuffix("Tensor") in _STORAGE:
            dims = self.number()
            if not 0 <= dims < 64:
                raise ValueError(f"a tensor of {dims} dimensions")
            self.skip(16 * dims + 8)
            self.left.append(1)
        elif name.startswith(("nn.", "cudnn.", "nngraph.", "inn.")) or name in ("tds.Hash", "tds.Vec"):
            self.left.append(1)
        else:
            self.job.mark(
                "suspicious", f"builds the class {printable(name, 60)}", self.at, self.where, opcode="torch object"
            )
            self.left.append(1)


def scan_t7(job: Job, region: Region, where: str) -> str:
    """Every byte belongs to one object."""
    walker = _Walker(job, region, where)
    try:
        walker.run()
    except ValueError as error:
        severe = region.take(12, 3) == b"V 1" or region.take(16, 3) == b"V 1"
        job.mark("suspicious" if severe else "not understood", f"no Torch7 file that holds: {error}", walker.at, where)
        return "torch7"
    if walker.at != len(region):
        job.mark("suspicious", f"{len(region) - walker.at:,} bytes follow the data", walker.at, where)
        if len(region) - walker.at > 8:
            job.examine(region.part(walker.at, len(region)), f"{where}!bytes@{walker.at}")
    return "torch7"
