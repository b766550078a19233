"""What a target can do, one small Protocol per ability. Probes and targets meet here and nowhere else.

Spaces
------
``Samples.x`` holds data as read (images (n, h, w, c) uint8, tables (n, d) float64, texts (n,) str, sound (n, t)).
``encode`` turns it into the target's *canonical* arrays: images become float32 in [0, 1] and (n, c, h, w), sound
becomes float32 in [-1, 1] and (n, t), tables and texts stay as they are; native arrays (a torch tensor on the model's
device) where the target has gradients, NumPy otherwise. Every method below takes and returns canonical arrays; scaling
to 0-255, normalisation, channel order, softmax or logits, dtype and evaluation mode are the adapter's business and
happen behind these methods. Attacks therefore work in [0, 1] and their epsilon is in those units, and ``decode`` brings
a canonical array back to the space of ``Samples.x``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from momus.core.capabilities_policy import (
    Acts as Acts,
)
from momus.core.capabilities_policy import (
    ActsTogether as ActsTogether,
)
from momus.core.capabilities_policy import (
    HasDue as HasDue,
)
from momus.core.capabilities_policy import (
    HasEnv as HasEnv,
)
from momus.core.capabilities_policy import (
    HasFeatures as HasFeatures,
)
from momus.core.capabilities_policy import (
    HasGoal as HasGoal,
)
from momus.core.capabilities_policy import (
    HasInaction as HasInaction,
)
from momus.core.capabilities_policy import (
    HasInvariants as HasInvariants,
)
from momus.core.capabilities_policy import (
    HasJudgements as HasJudgements,
)
from momus.core.capabilities_policy import (
    Improves as Improves,
)
from momus.core.capabilities_policy import (
    Prefers as Prefers,
)
from momus.core.capabilities_policy import (
    Varies as Varies,
)
from momus.core.capabilities_serving import HasPackages as HasPackages
from momus.core.capabilities_serving import Packages as Packages
from momus.core.capabilities_serving import Serves as Serves
from momus.core.capabilities_serving import Serving as Serving
from momus.core.capabilities_target import Array as Array
from momus.core.capabilities_target import Encodes as Encodes
from momus.core.capabilities_target import Predicts as Predicts
from momus.core.capabilities_target import Slope as Slope
from momus.core.capabilities_target import Target as Target
from momus.core.capabilities_target import TargetInfo as TargetInfo
from momus.core.capabilities_target import Term as Term
from momus.core.samples import NumpyArray
from momus.core.trees import TreeEnsemble


@runtime_checkable
class Probabilities(Predicts, Protocol):
    """(n, ...) -> (n, k) probabilities; rows sum to 1."""

    def probabilities(self, x: Array, /) -> Array: ...


@runtime_checkable
class Scores(Predicts, Protocol):
    """(n, ...) -> (n, k) scores ordered by the model's confidence: logits where there are any, else log-probabilities.

    What a score-based black-box attacker can compute from the outputs. Unbounded, differences are meaningful. A
    regressor, or a detector with one output, gives its value as (n, 1).
    """

    def scores(self, x: Array, /) -> Array: ...


@runtime_checkable
class Gradients(Scores, Protocol):
    """White-box access. Both methods keep native arrays on the target's device."""

    def logits(self, x: Array, /) -> Array:
        """Outputs (n, k) that have gradients: logits, or (n, 1) values of a regressor."""
        ...

    def pullback(self, x: Array, slope: Slope, /) -> tuple[Array, Array]:
        """Outputs (n, k) at x and the gradient by x of the sum of outputs times ``slope(outputs, rows)``.

        One forward and one backward pass. ``slope`` is called once a chunk with that chunk's outputs, detached, and
        with the slice of rows they belong to; it returns weights of the same shape. With the derivative of a loss by
        the outputs as the weights, the result is the gradient of the summed loss: see :mod:`momus.methods.losses`.
        """
        ...


@runtime_checkable
class Generates(Encodes, Protocol):
    """Answers with texts: a translator, a speech recogniser, a chat model."""

    def generate(self, x: Array, /) -> NumpyArray:
        """(n, ...) -> (n,) object array of str."""
        ...


@runtime_checkable
class SequenceGradients(Generates, Protocol):
    """White-box access to a model that answers sound with texts."""

    def sequence_gradient(self, x: Array, wanted: Sequence[str], /) -> tuple[Array, Array]:
        """(losses (n,), gradient of their sum by x): minus the log-likelihood in nats that x is answered by ``wanted``.

        The loss of one row is the mean over the tokens of its wanted text, the end of text included.
        """
        ...


@runtime_checkable
class SymbolGradients(Encodes, Protocol):
    """White-box access to a model that reads texts symbol by symbol (characters, bytes or words).

    ``wanted`` holds class indices for a classifier and texts for a generator.
    """

    def alphabet(self) -> Sequence[str]:
        """Every symbol that the model knows."""
        ...

    def symbols(self, x: Array, /) -> Sequence[Sequence[str]]:
        """Texts as the symbols that the model reads; joined again they give the text."""
        ...

    def symbol_gradient(self, x: Array, wanted: Sequence[Any], /) -> tuple[NumpyArray, Sequence[NumpyArray]]:
        """(losses (n,), one (symbols, alphabet) array a text): first-order change of the loss for each replacement.

        The loss is minus the log-likelihood of ``wanted`` in nats, the mean over its tokens where it is a text.
        """
        ...


@runtime_checkable
class HasTrees(Predicts, Protocol):
    """A decision tree or an ensemble of trees whose splits can be read."""

    def trees(self) -> TreeEnsemble: ...


@runtime_checkable
class Trains(Predicts, Protocol):
    """Can be trained again, from scratch, on other rows: what shadow-model attacks need."""

    def retrain(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> Predicts:
        """A fresh target of the same kind, fitted on ``x`` (as read) and ``y`` (class indices or values)."""
        ...


@runtime_checkable
class TrainsTogether(Trains, Protocol):
    """Can train many models at once, cheaper than one after another."""

    def retrain_together(
        self, x: NumpyArray, y: NumpyArray, inside: NumpyArray, /, *, seeds: Sequence[int]
    ) -> Sequence[Predicts]:
        """One fresh target for each row of ``inside`` (m, n) bool: model i is fitted on ``x[inside[i]]``.

        Every model is what ``retrain`` makes of the same rows and seed, in the statistics of its outputs if not in
        every digit. ``seeds`` has m entries.
        """
        ...


@runtime_checkable
class TrainsUnder(Trains, Protocol):
    """Can be trained by its own recipe while somebody else's code adds a term to the loss: a hostile provider."""

    def retrain_under(self, x: NumpyArray, y: NumpyArray, /, *, seed: int, term: Term) -> Predicts:
        """As ``retrain``, with the gradient ``term(flat)`` added at every step.

        ``flat`` (p,) holds the trained parameters in the order of ``parameters()`` laid end to end, as a native array.
        """
        ...


@runtime_checkable
class Parameters(Target, Protocol):
    """White-box access to the numbers a model has learned, without asking it anything."""

    def parameters(self) -> Mapping[str, NumpyArray]:
        """Learned numbers by name, in a fixed order, in the type they are stored in; copies."""
        ...

    def with_parameters(self, values: Mapping[str, NumpyArray], /) -> Any:
        """The same target with other numbers of the same names and shapes in place; the original stays as it is."""
        ...


@runtime_checkable
class Updates(Predicts, Protocol):
    """What a client of federated learning would send for a batch of its own rows, and how that depends on the rows."""

    def update(self, x: Array, y: Array, /) -> Mapping[str, Array]:
        """Gradient of the mean cross-entropy (mean squared error of a regressor) on x by each trained parameter."""
        ...

    def update_match(
        self, x: Array, y: Array, seen: Mapping[str, Array], distance: Literal["cosine", "squared"], /
    ) -> tuple[float, Array]:
        """How far the update of (x, y) is from ``seen``, and the gradient of that distance by x.

        cosine: 1 minus the cosine of all parameters laid end to end (arXiv:2003.14053). squared: the sum of squared
        differences (arXiv:1906.08935).
        """
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer whose outputs can be read: ``units`` of them, each a number or (``spatial``) a picture of numbers."""

    name: str
    units: int
    spatial: bool = False


@runtime_checkable
class Represents(Predicts, Protocol):
    """White-box access to what the layers of a network make of an input."""

    def layers(self) -> Sequence[Layer]:
        """Layers in the order of the forward pass; empty where none can be read.

        The last is ``penultimate``: what the last linear layer reads, one flat row an input.
        """
        ...

    def activations(self, x: Array, layer: str = "penultimate", /) -> Array:
        """(n, units) or (n, units, h, w) outputs of a layer, without gradients."""
        ...

    def activation_pullback(self, x: Array, layer: str, slope: Slope, /) -> tuple[Array, Array]:
        """Outputs of a layer at x and the gradient by x of outputs times ``slope``, as :meth:`Gradients.pullback`."""
        ...

    def without_units(self, layer: str, units: Sequence[int], /) -> Any:
        """The same target with these units of a layer answering 0 (pruned); the original stays as it is."""
        ...


@runtime_checkable
class Tunes(Predicts, Protocol):
    """Can be trained further from where it stands: fine-tuning, transfer to another task, unlearning."""

    def tune(
        self,
        x: NumpyArray,
        y: NumpyArray,
        /,
        *,
        seed: int,
        epochs: float = 3.0,
        rate: float = 1.0,
        classes: Sequence[str] = (),
        only: str = "",
    ) -> Any:
        """A fresh target, trained on from the present weights on rows as read; the original stays as it is.

        ``rate`` is a share of the usual learning rate. ``classes`` gives it a fresh last layer for another task, whose
        indices ``y`` then holds. ``only="head"`` changes nothing but the last layer.
        """
        ...


@runtime_checkable
class Learns(Encodes, Protocol):
    """An online learner: takes in further rows as they come, as it does in service."""

    def learn(self, x: NumpyArray, y: NumpyArray, /, *, seed: int) -> Any:
        """A fresh target that has learned these rows too; the original stays as it is.

        ``x`` and ``y`` are as read: class indices, values, or the texts that were answered.
        """
        ...


@runtime_checkable
class HasCode(Target, Protocol):
    """Comes with the code that trained it, to be read and never run."""

    def code(self) -> Sequence[Path]: ...


@runtime_checkable
class HasFiles(Target, Protocol):
    """Has artifact files that somebody downloads, ships or loads."""

    def files(self) -> Sequence[Path]: ...


def abilities(needs: type) -> tuple[str, ...]:
    """Names of the members a Protocol asks for, sorted."""
    found: set[str] = set()
    for base in needs.__mro__:
        if base in (object, Protocol) or base.__name__ == "Generic":
            continue
        found |= {n for n in vars(base) if not n.startswith("_") and callable(getattr(base, n, None))}
    return tuple(sorted(found))


def missing(target: object, needs: type) -> tuple[str, ...]:
    """Which of the members that ``needs`` asks for the bare target lacks. Empty means the probe can run."""
    return tuple(n for n in abilities(needs) if not callable(getattr(type(target), n, None)))


def to_numpy(a: Array) -> NumpyArray:
    """A NumPy copy of any array, detached and on the CPU."""
    if hasattr(a, "detach"):
        a = a.detach().cpu().numpy()
    return np.asarray(a)
