"""Looks at a module once and settles what it is: softmax or logits, one logit or many, train mode, random, how big."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray, Samples
from momus.targets import answers
from momus.targets.spaces import Space, space
from momus.targets.torch_fold import folded
from momus.targets.torch_module import (
    Differentiable,
    Hook,
    TorchClassifier,
    TorchClassifierTrains,
    TorchRegressor,
    TorchRegressorTrains,
    TorchScores,
    TorchScoresTrains,
    TorchTarget,
    TorchTargetTrains,
)
from momus.targets.torch_net import Net, Reading
from momus.targets.torch_recipe import Recipe
from momus.targets.torch_text import TorchTexts, torch_texts
from momus.targets.torch_together import ByRecipe, together_of

CACHE = 12 << 20  # bytes of activations that one chunk of rows may hold on the CPU (measured: see docs/targets.md)
DEVICE_CACHE = 1 << 30
LOOK = 16


def torch_target(
    module: Any,
    *,
    name: str = "model",
    classes: Sequence[str] = (),
    output: Reading | None = None,
    task: Literal["classifier", "regressor"] = "classifier",
    train: Any = None,
    recipe: Any = None,
    samples: Samples | None = None,
    rows: int | None = None,
    identity: str | None = None,
    files: Sequence[str] = (),
    own: bool = False,
    **input_: Any,
) -> TorchTarget | TorchTexts:
    """A module as a target. It is copied (unless ``own``), put into evaluation mode and frozen.

    ``input_``: ``shape`` (one sample as the module takes it), ``range``, ``mean``, ``std``, ``channels``, ``size``,
    ``uint8``; see :func:`~momus.targets.spaces.space`. ``output`` says what it returns; without it one batch of at most
    16 rows of ``samples``, or of random inputs, decides. ``train`` is a function (x as read, y, seed) -> module,
    ``recipe`` in its place a :class:`~momus.targets.torch_recipe.Recipe` or its settings, by which several modules can
    be trained at once. ``rows`` bounds a batch; without it the size of the activations decides.

    A module that reads texts takes a list of str. Raises TargetError where the module cannot be copied, fails on that
    batch, or does not fit ``classes``. Costs five forward passes of at most 16 rows.
    """
    where = space(name, samples=samples, **input_)
    if where.modality == "text" and task == "classifier":
        held = module if own else _copied(module, name)
        return torch_texts(held, where, classes, train, samples, identity or parameters_digest(module), files)
    batch = _batch(where, samples)
    wish: Reading | None = "values" if task == "regressor" else output
    net, notes = prepared(module, where, batch, wish, len(classes), own=own, rows=rows)
    k = net.k
    if task == "classifier" and classes and k != len(classes):
        raise TargetError(
            f"the model has {k} outputs, {len(classes)} classes are listed",
            code="target/classes",
            place=f"target '{name}'",
            hint="List all classes in the order of the outputs",
        )
    named = tuple(str(c) for c in classes) or tuple(str(i) for i in range(k))
    form: type[TorchTarget] = TorchTarget
    if net.reading in ("logits", "probabilities"):
        form = TorchScores if net.whole and not _float_agrees(net, batch) else TorchClassifier
        if form is TorchScores:
            notes.append("no gradients: the module needs whole-number pixels")
    elif net.reading == "values" and not net.whole:
        form = TorchRegressor
    hook: Hook | None = None
    if recipe is not None:
        recipe = Recipe.of(recipe)
    if train is not None or recipe is not None:
        hook = _hook(train, net, batch, wish) if recipe is None else _recipe_hook(recipe, net, batch, wish)
        again: dict[type[TorchTarget], Any] = {
            TorchTarget: TorchTargetTrains, TorchScores: TorchScoresTrains, TorchClassifier: TorchClassifierTrains,
            TorchRegressor: TorchRegressorTrains,
        }  # fmt: skip
        form = again[form] if recipe is None else together_of(again[form])
    randomised = batch is not None and _randomised(net, batch)
    if randomised:
        notes.append("equal inputs gave different outputs: the model is randomised")
    elif batch is not None and _batch_matters(net, batch):
        notes.append("an answer depends on the other rows of its batch (batch statistics in use)")
    quick = _quick(net, batch) if issubclass(form, Differentiable) else None
    if quick is not None:
        notes.append("batch normalisations are folded into the layers before them for the questions of attacks")
    settings = [repr(net.where), net.reading, list(named), net.whole]
    settings += [] if recipe is None else [recipe.settings()]
    info = TargetInfo(
        name=name,
        task=task,
        adapter="torch",
        digest=digest.of_value([identity or parameters_digest(module), settings]),
        classes=named if task == "classifier" else (),
        modality=where.modality,
        shape=where.shape,
        low=where.lowest,
        high=where.highest,
        rate=where.rate,
        files=tuple(files),
        output=net.reading,
        notes=tuple(notes),
        randomised=randomised,
    )
    return form(net, info, net.where, hook, quick)


def prepared(
    module: Any,
    where: Space,
    batch: NumpyArray | None,
    reading: Reading | None,
    k: int,
    *,
    own: bool,
    rows: int | None = None,
    fixed: int | None = None,
) -> tuple[Net, list[str]]:
    """A Net around the module with everything that one batch can tell settled, and notes on what was found."""
    if not isinstance(module, torch.nn.Module):
        raise TargetError(
            f"{type(module).__name__} is not a torch.nn.Module",
            place=f"target '{where.name}'",
            hint="Return the module",
        )
    notes: list[str] = []
    training = any(m.training for m in module.modules())
    module = module if own else _copied(module, where.name)
    exported = _is_exported(module)
    if training and not exported:
        notes.append("the module was left in training mode; it is asked in evaluation mode")
        module.eval()
    net = _wired(module, where)
    net = replace(net, fixed=fixed or (_fixed_batch(module) if exported else None))
    if batch is None:
        if k < 1 or reading is None:
            raise TargetError(
                "the model cannot be looked at without an input", place=f"target '{where.name}'",
                hint="Give shape=(c, h, w) or samples=, or both classes= and output=",
            )  # fmt: skip
        return replace(net, reading=reading, k=k, rows=rows or 32), notes
    a = torch.from_numpy(batch).to(net.device)
    with torch.no_grad():
        net, out = _first_answer(net, a, notes)
        if reading in (None, "logits", "probabilities") and not exported and _take_off(net, a, k):
            notes.append("the softmax or sigmoid at the end is taken off, so that gradients do not vanish")
            reading, out = "logits", net.raw(a, whole=net.whole)
    found, count = _read(out, reading, k, where.name, a)
    if found == "probabilities" and reading is None:
        notes.append("outputs are probabilities; logits are their logarithms")
    return replace(net, reading=found, k=count, rows=rows or _rows(net, a)), notes


def parameters_digest(module: Any) -> str:
    """sha256 over the module's text form, and names, types, shapes and values of its state."""
    h = hashlib.sha256(repr(module).encode())
    for key, value in sorted(module.state_dict().items()):
        h.update(key.encode())
        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous()
            h.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
            h.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
        else:
            h.update(repr(value).encode())
    return h.hexdigest()


def _copied(module: Any, name: str) -> Any:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise TargetError(
            f"the module cannot be copied ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
            place=f"target '{name}'",
            hint="Open it from a factory and a state dict, so that Momus gets a module of its own",
        ) from error


def _wired(module: Any, where: Space) -> Net:
    tensors = [*module.parameters(), *module.buffers()]
    trained = tuple(name for name, p in module.named_parameters() if p.requires_grad)
    for p in tensors:
        p.requires_grad_(False)
    device = tensors[0].device if tensors else torch.device("cpu")
    if (
        device.type == "cpu"
        and not _is_exported(module)
        and any(isinstance(m, torch.nn.Conv2d) for m in module.modules())
    ):
        module.to(memory_format=torch.channels_last)  # pooling and convolution are vectorised along channels only
    dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
    affine = where.affine if where.modality == "image" else None
    pair = None
    if affine is not None:
        scale, offset = (torch.as_tensor(v, dtype=dtype, device=device) for v in affine)
        pair = (scale, offset)
    return Net(where.name, module, where, device, dtype, whole=where.uint8, affine=pair, trained=trained)


def _batch(where: Space, samples: Samples | None) -> NumpyArray | None:
    if samples is not None and len(samples):
        return where.encode(samples.x[:LOOK])
    return where.example(LOOK, np.random.default_rng(0))


def _quick(net: Net, batch: NumpyArray | None) -> Net | None:
    """The net around a folded copy of its module, None where there is nothing to fold."""
    if batch is None or _is_exported(net.module) or net.fixed is not None:
        return None
    fed = net.feed(torch.from_numpy(batch).to(net.device), whole=net.whole)
    module = folded(net.module, fed)
    return None if module is None else replace(net, module=module)


def _is_exported(module: Any) -> bool:
    """True for the module of an exported program: a graph whose inputs carry the shapes it was traced with."""
    return isinstance(module, torch.fx.GraphModule) and any(
        n.op == "placeholder" and "val" in n.meta for n in module.graph.nodes
    )


def _fixed_batch(module: Any) -> int | None:
    """The batch size an exported program was specialised to, None where it is free."""
    for node in module.graph.nodes:
        value = node.meta.get("val") if node.op == "placeholder" else None
        if isinstance(value, torch.Tensor) and value.ndim:
            return value.shape[0] if isinstance(value.shape[0], int) else None
    return None


def _first_answer(net: Net, a: Any, notes: list[str]) -> tuple[Net, Any]:
    """One answer as float pixels; where the module refuses floats, as uint8 in 0 to 255."""
    try:
        part = a if net.fixed is None else a[: net.fixed]
        return net, net.raw(part, whole=net.whole)
    except TargetError as refused:
        if net.where.modality != "image" or net.whole or refused.code != "target/raised":
            raise
        where = replace(net.where, low=0.0, high=255.0, mean=(0.0,), std=(1.0,), uint8=True)
        other = replace(_wired(net.module, where), fixed=net.fixed)
        try:
            out = other.raw(a if net.fixed is None else a[: net.fixed], whole=True)
        except TargetError:
            raise refused from None
        notes.append("the module takes uint8 pixels, 0 to 255")
        return other, out


def _input_of(_module: Any, inputs: tuple[Any, ...], _out: Any) -> Any:
    """A forward hook that hands on what came in."""
    return inputs[0]


def _take_off(net: Net, a: Any, k: int) -> bool:
    """Bypass a softmax, log-softmax or sigmoid module that makes the final output; False where there is none."""
    kinds = (torch.nn.Softmax, torch.nn.LogSoftmax, torch.nn.Sigmoid)
    calls: list[tuple[Any, Any, Any]] = []
    last = [m for m in net.module.modules() if isinstance(m, kinds)]
    handles = [m.register_forward_hook(lambda m, i, o: calls.append((m, i[0], o))) for m in last]
    try:
        out = net.module(net.feed(a, whole=net.whole))
    finally:
        for handle in handles:
            handle.remove()
    ends = [(m, came) for m, came, gone in calls if gone is out]
    if len(ends) != 1 or sum(m is ends[0][0] for m, _, _ in calls) != 1:
        return False
    module, came = ends[0]
    single = came.ndim == 1 or (came.ndim == 2 and came.shape[1] == 1)
    if isinstance(module, torch.nn.Sigmoid) != single or (not single and (came.ndim != 2 or module.dim == 0)):
        return False  # sigmoids over several columns are several labels; a softmax over the batch is a mistake to show
    module.register_forward_hook(_input_of)
    return True


def _read(out: Any, wish: Reading | None, k: int, name: str, a: Any) -> tuple[Reading, int]:
    """What the output means and how many classes it has."""
    single = out.ndim == 1 or (out.ndim == 2 and out.shape[1] == 1)
    if wish == "values":
        return "values", 0
    if wish == "labels" or (wish is None and single and not out.is_floating_point()):
        if not k:
            raise TargetError("a model that returns labels needs its classes listed", place=f"target '{name}'")
        return "labels", k
    if out.ndim > 2:
        raise answers.bad_answer(name, a, f"the model returned shape {tuple(out.shape)}, expected (n, classes)")
    values = out.detach().double().cpu().numpy()
    if not np.isfinite(values).all():
        answers.numbers(name, a, values)
    if wish is not None:
        return wish, 2 if single else out.shape[1]
    if single:
        return ("probabilities" if values.min() >= 0 and values.max() <= 1 else "logits"), 2
    return ("probabilities" if answers.rows_are_probabilities(values) else "logits"), out.shape[1]


def _rows(net: Net, a: Any) -> int:
    """Rows whose activations fit the cache: what leaves a layer is still there when the next one reads it."""
    sizes = [0]

    def note(_m: Any, _i: Any, out: Any) -> None:
        if isinstance(out, torch.Tensor):
            sizes.append(out.numel() * out.element_size())

    leaves = [m for m in net.module.modules() if not list(m.children())]
    handles = [m.register_forward_hook(note) for m in leaves]
    try:
        with torch.no_grad():
            net.raw(a if net.fixed is None else a[: net.fixed], whole=net.whole)
    finally:
        for handle in handles:
            handle.remove()
    n = len(a) if net.fixed is None else net.fixed
    each = max((sum(sizes) + a.numel() * a.element_size()) // max(n, 1), 1)
    budget = CACHE if net.device.type == "cpu" else DEVICE_CACHE
    return int(min(max(2 ** int(np.log2(max(budget / each, 1))), 8), 4096))


def _randomised(net: Net, batch: NumpyArray) -> bool:
    a = torch.from_numpy(batch).to(net.device)
    with torch.no_grad(), torch.random.fork_rng():
        first, second = net.raw(_some(net, a), whole=net.whole), net.raw(_some(net, a), whole=net.whole)
    return not torch.allclose(first.double(), second.double(), rtol=1e-4, atol=1e-5)


def _batch_matters(net: Net, batch: NumpyArray) -> bool:
    if net.fixed is not None or len(batch) < 2:
        return False
    a = torch.from_numpy(batch).to(net.device)
    with torch.no_grad():
        both, alone = net.raw(a, whole=net.whole)[:1], net.raw(a[:1], whole=net.whole)
    return both.shape != alone.shape or not torch.allclose(both.double(), alone.double(), rtol=1e-2, atol=1e-3)


def _float_agrees(net: Net, batch: NumpyArray | None) -> bool:
    """True where float pixels at whole numbers give what uint8 pixels give: then gradients mean something."""
    if batch is None:
        return False
    a = (torch.from_numpy(batch).to(net.device) * 255).round() / 255
    try:
        with torch.no_grad():
            z, whole = net.forward(_some(net, a), whole=False), net.forward(_some(net, a), whole=True)
    except TargetError:
        return False
    return bool(torch.allclose(z, whole, rtol=1e-3, atol=1e-4))


def _some(net: Net, a: Any) -> Any:
    return a if net.fixed is None else a[: net.fixed]


def _hook(train: Any, net: Net, batch: NumpyArray | None, wish: Reading | None) -> Hook:
    def again(x: NumpyArray, y: NumpyArray, seed: int) -> Net:
        with answers.asking(net.name, x, "was trained again"), torch.enable_grad():
            module = train(x, y, seed)
        made, _ = prepared(module, net.where, batch, wish, net.k, own=True, rows=net.rows)
        return made

    return again


def _recipe_hook(recipe: Recipe, net: Net, batch: NumpyArray | None, wish: Reading | None) -> Hook:
    def again(module: Any) -> Net:
        return prepared(module, net.where, batch, wish, net.k, own=True, rows=net.rows)[0]

    def reading(module: Any) -> Reading:
        """Of a fresh module: the target's own softmax may have been taken off, so it says nothing of this one."""
        if batch is None:
            return net.reading
        a = torch.from_numpy(batch).to(net.device)
        with torch.no_grad():
            out = copy.deepcopy(module).eval()(net.feed(a, whole=net.whole))
        return _read(out, wish, net.k, net.name, a)[0]

    return ByRecipe(recipe, net, again, reading)
