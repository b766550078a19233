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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import TreeEnsemble

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
    ``missing`` is True where the card says that rows with missing values (NaN) are answered.
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


@runtime_checkable
class HasCode(Target, Protocol):
    """Comes with the code that trained it, to be read and never run."""

    def code(self) -> Sequence[Path]: ...


@runtime_checkable
class HasFiles(Target, Protocol):
    """Has artifact files that somebody downloads, ships or loads."""

    def files(self) -> Sequence[Path]: ...


@runtime_checkable
class HasEnv(Target, Protocol):
    """Lives in an environment with the Gymnasium API (reset, step)."""

    def make_env(self, name: str = "test", /) -> Any:
        """A fresh Gymnasium environment: ``train`` or ``test``, as the card names them."""
        ...


@runtime_checkable
class Acts(HasEnv, Protocol):
    """A policy: chooses an action for an observation."""

    def act(self, observation: Any, /) -> Any: ...


@runtime_checkable
class HasGoal(Acts, Protocol):
    """A policy whose system also states what it is really for, apart from the reward it was trained on."""

    def goal(self, trajectory: Sequence[Any], env: Any, /) -> float:
        """The true performance of one finished episode (hidden reward), in the card's units."""
        ...


@runtime_checkable
class ActsTogether(Acts, Protocol):
    """Chooses for many observations at once, cheaper than one after another."""

    def act_together(self, observations: NumpyArray, /) -> NumpyArray:
        """(n, ...) observations -> n actions, each what ``act`` chooses for that row."""
        ...


@runtime_checkable
class HasInaction(HasEnv, Protocol):
    """Its environment has an action that does nothing."""

    def noop(self) -> Any: ...


@runtime_checkable
class HasFeatures(HasEnv, Protocol):
    """The state of its environment can be read as named numbers."""

    def features(self, env: Any, /) -> Mapping[str, float]: ...


@runtime_checkable
class HasInvariants(HasFeatures, Protocol):
    """Somebody stated what must hold at every moment, over the features (``start.NAME``: after the reset)."""

    def invariants(self) -> Sequence[str]: ...


@runtime_checkable
class HasDue(HasFeatures, Protocol):
    """The reward that a move should pay can be told from the features before and after it."""

    def due(self, before: Mapping[str, float], action: Any, after: Mapping[str, float], /) -> float: ...


@runtime_checkable
class Varies(HasEnv, Protocol):
    """Its environment can be made with other parameters."""

    def variations(self) -> Mapping[str, Sequence[Any]]:
        """Values of each parameter; the first is that of training."""
        ...

    def make_varied(self, name: str, value: Any, /) -> Any:
        """A fresh environment in which that one parameter has another value than in training."""
        ...


@runtime_checkable
class Prefers(HasEnv, Protocol):
    """Somebody can say which of two trajectories serves the true purpose better."""

    def prefer(self, a: Sequence[Any], b: Sequence[Any], /) -> float:
        """Above 0 where ``a`` is better, below 0 where ``b`` is, 0 where they are alike."""
        ...


@runtime_checkable
class HasJudgements(HasEnv, Protocol):
    """People have compared trajectories: mappings with seed, a, b (lists of actions) and better (a, b or same)."""

    def judgements(self) -> Sequence[Mapping[str, Any]]: ...


@runtime_checkable
class Improves(HasEnv, Protocol):
    """Can be trained further, or anew, on the stated reward."""

    def improve(self, steps: int, /, *, seed: int) -> Callable[[Any], Any]:
        """A policy of the same kind, trained for so many environment steps: observation -> action."""
        ...


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
