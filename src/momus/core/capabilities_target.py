"""What every target is and tells, and the arrays that abilities speak of. See :mod:`momus.core.capabilities`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from momus.core.samples import NumpyArray

# An array of any library that follows the Python array API standard: numpy.ndarray, torch.Tensor.
Array = Any
# The trained parameters as one flat array -> the gradient of an added loss by them, of the same shape.
Term = Callable[[Array], Array]
# Outputs of some rows of a batch, and which rows they are -> what each output weighs: the slope of a loss.
Slope = Callable[[Array, slice], Array]


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What is known about a target without asking it anything.

    ``task``: classifier, regressor, generator (gives texts), policy or artifact. ``digest`` is the sha256 over its
    files and settings. ``shape`` is one sample's canonical shape where known. ``low``/``high`` is the canonical range
    for images ([0, 1]) and sound ([-1, 1]); None for tables, whose columns carry their own. ``rate`` is the sampling
    rate of sound in Hz. ``files`` are the artifact files behind it, ``code`` the files of its training code where it is
    seen as mere files. ``randomised`` is True where equal inputs gave different outputs when the adapter was opened.
    ``missing`` is True where the card says that rows with missing values (NaN) are answered. ``packages`` are the
    places where the software beneath it is written down.
    """

    name: str
    task: Literal["classifier", "regressor", "generator", "policy", "artifact"]
    adapter: str
    digest: str
    classes: tuple[str, ...] = ()
    modality: Literal["image", "table", "text", "audio", "state", "file"] = "table"
    shape: tuple[int, ...] | None = None
    low: float | None = None
    high: float | None = None
    files: tuple[str, ...] = ()
    output: Literal["labels", "probabilities", "logits", "values", "texts", "actions", "none"] = "labels"
    notes: tuple[str, ...] = ()
    randomised: bool = False
    rate: int | None = None
    code: tuple[str, ...] = ()
    missing: bool = False
    packages: tuple[str, ...] = ()

    def __rich__(self) -> str:
        return (
            f"[bold]{self.name}[/bold]  {self.task} via {self.adapter}, {self.modality}"
            f"{'' if self.shape is None else ' ' + 'x'.join(map(str, self.shape))}, output {self.output}"
            f"{'' if not self.classes else f', {len(self.classes)} classes'}  sha256 {self.digest[:12]}"
        )


@runtime_checkable
class Target(Protocol):
    """Every target tells what it is."""

    @property
    def info(self) -> TargetInfo: ...


@runtime_checkable
class Encodes(Target, Protocol):
    """Translates between data as read and the arrays the target's other methods take."""

    def encode(self, x: NumpyArray, /) -> Array: ...

    def decode(self, a: Array, /) -> NumpyArray: ...


@runtime_checkable
class Predicts(Encodes, Protocol):
    """(n, ...) -> (n,) class indices (classifier) or float values (regressor)."""

    def predict(self, x: Array, /) -> Array: ...
