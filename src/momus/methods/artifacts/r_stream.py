"""The three ways in which R writes numbers and texts: XDR, the machine's own order, and ASCII."""

from __future__ import annotations

from momus.methods.artifacts.report import Region


class Source:
    """Numbers and texts in big-endian order (XDR)."""

    order: str = "big"

    def __init__(self, region: Region, at: int) -> None:
        self.region, self.at = region, at

    def integer(self) -> int:
        raw = self.region.take(self.at, 4)
        if len(raw) < 4:
            raise ValueError("it ends too early")
        self.at += 4
        return int.from_bytes(raw, "big" if self.order == "big" else "little", signed=True)

    def length(self) -> int:
        """How many elements; two numbers more where there are over two thousand million."""
        count = self.integer()
        if count == -1:
            count = (self.integer() << 32) + (self.integer() & 0xFFFFFFFF)
        if count < 0:
            raise ValueError("a vector of impossible length")
        return count

    def room(self, count: int) -> None:
        """Refuse what cannot fit into the rest of the file."""
        if count > len(self.region) - self.at:
            raise ValueError("it claims more than there is")

    def skip(self, width: int, count: int, kind: int) -> None:
        self.room(width * count)
        self.at += width * count

    def text(self) -> str:
        size = self.integer()
        if size == -1:
            return "NA"
        return self._bytes(size)

    def raw_text(self) -> str:
        """The name of a function of R itself: a length and bytes."""
        return self._bytes(self.integer())

    def _bytes(self, size: int) -> str:
        if size < 0:
            raise ValueError("a text of impossible length")
        self.room(size)
        self.at += size
        return self.region.take(self.at - size, min(size, 200)).decode("utf-8", "replace")


class Native(Source):
    """The order of most machines."""

    order = "little"


class Ascii(Source):
    """One number or text a line."""

    def line(self) -> bytes:
        end = self.region.find(b"\n", self.at)
        if end < 0 or end - self.at > 1 << 24:
            raise ValueError("it ends too early")
        line = self.region.take(self.at, end - self.at)
        self.at = end + 1
        return line.strip()

    def integer(self) -> int:
        line = self.line()
        if line == b"NA":
            return -(1 << 31)
        if len(line) > 12:
            raise ValueError("a number that is none")
        return int(line)

    def room(self, count: int) -> None:
        if count // 4 > len(self.region) - self.at:
            raise ValueError("it claims more than there is")

    def skip(self, width: int, count: int, kind: int) -> None:
        self.room(4 * count)
        for _ in range(count * (2 if kind == 15 else 1)):
            line = self.line()
            if kind == 24:
                int(line, 16)
            elif line not in (b"NA", b"Inf", b"-Inf", b"NaN"):
                float(line)

    def _bytes(self, size: int) -> str:
        if size < 0:
            raise ValueError("a text of impossible length")
        return self.line()[:200].decode("latin-1")


def open_source(region: Region, start: int) -> Source:
    """The source behind the header of format, versions and, from version 3 on, the encoding."""
    head = region.take(start, 2)
    kinds: dict[bytes, type[Source]] = {b"X\n": Source, b"B\n": Native, b"A\n": Ascii}
    if head not in kinds:
        raise ValueError("a way of writing that is none of R's")
    source = kinds[head](region, start + 2)
    version = source.integer()
    source.integer()
    source.integer()
    if version not in (2, 3):
        raise ValueError(f"the version {version}")
    if version == 3:
        source.raw_text()
    return source
