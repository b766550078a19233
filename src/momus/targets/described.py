"""What every adapter says of itself, and how most of them bring data into the model's space."""

from __future__ import annotations

from momus.core.capabilities import Array, TargetInfo
from momus.core.samples import NumpyArray
from momus.targets.spaces import Space


class Described:
    """A target with its info; it shows itself in a terminal, and ``_what`` says what is behind it in its repr."""

    _info: TargetInfo

    @property
    def info(self) -> TargetInfo:
        return self._info

    @property
    def _what(self) -> str:
        return self._info.adapter

    def __rich__(self) -> str:
        return self._info.__rich__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._info.name}: {self._what}>"


class Spaced(Described):
    """A described target whose canonical arrays are NumPy arrays in one :class:`~momus.targets.spaces.Space`."""

    space: Space

    def encode(self, x: NumpyArray, /) -> Array:
        return self.space.encode(x)

    def decode(self, a: Array, /) -> NumpyArray:
        return self.space.decode(a)
