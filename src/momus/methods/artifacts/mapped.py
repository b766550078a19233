"""A large file as a buffer that costs no memory: pages that were looked at are given back."""

from __future__ import annotations

import mmap

_TAKES = 16  # a kernel may map megabytes around each byte that is touched


class Mapped(mmap.mmap):
    """A file mapped for reading. ``touched`` is told of each piece that was copied out of it."""

    taken = 0

    def touched(self) -> None:
        self.taken += 1
        if self.taken % _TAKES == 0:
            self.release(0, len(self))

    def release(self, start: int, length: int) -> None:
        """Give back the pages of [start, start + length); they are read again where they are needed again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.madvise(mmap.MADV_DONTNEED, start, length)
