"""Opens the targets of a card. Files that could run code on loading are scanned first, and refused unless clean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from momus.card.schema import TargetCard
from momus.core import digest, usercode
from momus.core.cache import Cache
from momus.core.capabilities import to_numpy
from momus.core.errors import DataError, MissingExtra, TargetError, UnsafeArtifact
from momus.core.samples import Samples
from momus.methods.code_leads import digest_of, gather
from momus.targets import boosters
from momus.targets.files import FilesTarget, existing, files_target, packages_of
from momus.targets.http_open import open_http
from momus.targets.mlflow_ import open_registered, whole
from momus.targets.pipeline import open_pipeline

# Formats whose readers build numbers and graphs and call nothing. The scan tells the format by the bytes, not the name.
DATA_ONLY = frozenset({"onnx", "safetensors", "json", "ubjson", "lightgbm text", "npy", "text"})

LOOKED_AT = 32  # rows with labels on which an opened classifier is tried


def open_files(card: TargetCard, base: Path) -> FilesTarget:
    """The card's artifact files and training code as a target that loads nothing: what scans look at first."""
    if card.adapter == "mlflow":
        card = whole(card, base)
    hook = usercode.code_file(card.train, base)
    code = [base / p for p in card.code] + ([hook] if hook is not None and hook.is_file() else [])
    files = [base / p for p in ([card.path] if card.path else []) + list(card.files)]
    return files_target(files, name=card.name, code=code, packages=packages_of(card, base))


def open_target(
    card: TargetCard,
    base: Path,
    *,
    allow_unsafe: bool = False,
    samples: Samples | None = None,
    ledger: Path | None = None,
    cache: Cache | None = None,
    first: bool = True,
    expected: str = "",
) -> Any:
    """The target that a card describes, with the abilities its model has.

    Paths and code are meant from ``base``. ``samples`` (any data set of the card) settle what the card leaves open:
    shape, columns, classes, whether outputs are probabilities; the model is asked about at most 32 of its rows.
    ``ledger`` is the folder in which a run's workers count together what they ask of a served model, ``cache`` keeps
    answers that cost much; ``first`` is False for those who open it again within the run, ``expected`` the digest that
    the first found. ``allow_unsafe`` loads files the scan refused. This runs the user's code and unpickles: only
    workers call it.

    Raises UnsafeArtifact for a refused file, TargetError for anything that does not fit, MissingExtra.
    """
    if card.adapter == "files":
        return open_files(card, base)
    if card.adapter == "mlflow":
        return open_registered(card, base, partial(open_target, base=base, allow_unsafe=allow_unsafe, samples=samples))
    path = None if card.path is None else existing(base / card.path)
    if not allow_unsafe:
        refuse_unsafe(card, base)
    if card.adapter == "served":
        from momus.targets.served import open_served

        return open_served(card, base, allow_unsafe=True)
    openers: dict[str, Callable[..., Any]] = {
        "sklearn": _sklearn, "torch": _torch, "onnx": _onnx, "callable": _callable, "object": _object,
        "policy": partial(_policy, trusted=allow_unsafe), "huggingface": open_pipeline,
        "http": partial(open_http, ledger=ledger, cache=cache, first=first, expected=expected),
    }  # fmt: skip
    opener = openers[card.adapter]
    with _importable(base):
        target = opener(card, base, path, samples)
        if samples is not None and target.info.task == "classifier":
            target._info = replace(target.info, notes=(*target.info.notes, *_guessing(target, samples)))
        return target


def refuse_unsafe(card: TargetCard, base: Path) -> None:
    """UnsafeArtifact for the first of the target's files that must not be loaded."""
    for artifact in inside([existing(base / f) for f in ([card.path] if card.path else []) + list(card.files)]):
        refuse_unless_clean(artifact, DATA_ONLY | _read_as_data(card))
        refuse_unless_approved(artifact, card.digests)


def inside(paths: list[Path]) -> list[Path]:
    """The files themselves: folders are opened into what lies below them."""
    return [f for p in paths for f in (sorted(q for q in p.rglob("*") if q.is_file()) if p.is_dir() else [p])]


def _guessing(target: Any, samples: Samples) -> tuple[str, ...]:
    """A note where the model does no better than guessing on rows with labels: mostly the card is wrong, not the model.

    Classes in another order, pixels in another range and a forgotten normalisation all give sound-looking numbers.
    """
    try:
        some = samples.in_classes(target.info.classes)
    except DataError:
        return ()  # the probe that meets these labels says so
    if some.y is None or len(some) < LOOKED_AT or some.y.dtype.kind not in "iu":
        return ()
    some = some.take(np.linspace(0, len(some) - 1, LOOKED_AT).astype(np.int64))
    assert some.y is not None
    try:
        right = int((to_numpy(target.predict(target.encode(some.x))) == some.y).sum())
    except TargetError:
        return ()  # so does the first probe that asks these rows
    guess = int(np.unique(some.y, return_counts=True)[1].max())
    slack = 2 * float(np.sqrt(guess * (1 - guess / LOOKED_AT)))  # one class in front by chance must not raise it
    if len(np.unique(some.y)) < 2 or right > guess - (slack if len(target.info.classes) == 2 else 0):
        return ()
    asked = "the order of the classes"
    if target.info.modality == "image":
        asked += ", input.range, mean, std and channels"
    return (f"right on {right} of {LOOKED_AT} rows, where always giving one class is right on {guess}: check {asked}",)


def refuse_unless_approved(path: Path, digests: Mapping[str, str]) -> None:
    """UnsafeArtifact where the card records another sha256 for this file than it has."""
    approved = digest.recorded(path, digests)
    found = "" if approved is None else digest.of_file(path)
    if approved is not None and found != approved:
        raise UnsafeArtifact(
            f"its sha256 is {found[:16]}…, the card approves {approved[:16]}…",
            place=str(path),
            hint="Find out who changed it; approve it under targets[].digests, or run again with --allow-unsafe",
        )


def refuse_unless_clean(path: Path, data_only: frozenset[str] = DATA_ONLY) -> None:
    """UnsafeArtifact where the scan does not vouch for the file. What cannot run code only fails as *dangerous*."""
    from momus.methods.artifacts import scan

    report = scan(path)
    if report.loadable or (report.verdict != "dangerous" and report.format in data_only):
        return
    found = "; ".join(str(m.what) for m in report.marks[:3]) or "it could not be read in full"
    raise UnsafeArtifact(
        f"the scan calls it {report.verdict}: {found}",
        place=str(path),
        hint="If you trust who made it, run again with --allow-unsafe",
    )


def class_names(card: TargetCard, samples: Samples | None) -> tuple[str, ...]:
    """The card's classes, else those of the data. Bare indices 0, 1, 2 ... are no names: the model's count decides."""
    if card.classes:
        return card.classes
    found = () if samples is None else samples.classes
    return () if found == tuple(str(i) for i in range(len(found))) else found


def input_of(card: TargetCard) -> dict[str, Any]:
    """The card's input section as keyword arguments, without what it leaves open."""
    given = {
        "shape": card.input.shape, "range": card.input.range, "mean": card.input.mean or None,
        "std": card.input.std or None, "channels": card.input.channels, "size": card.input.size,
        "modality": card.input.modality, "rate": card.input.rate,
        "missing": card.input.missing or None,
    }  # fmt: skip
    return {k: v for k, v in given.items() if v is not None}


def _read_as_data(card: TargetCard) -> frozenset[str]:
    """Formats that this target's own reader opens without the parts that could run code, unlike their usual loader.

    The pickles in a policy's zip are never decoded, and every honest one holds names that no rule allows.
    """
    return frozenset({"stable-baselines3 policy"} if card.adapter == "policy" and card.factory is None else ())


def _code_digest(card: TargetCard, base: Path, path: Path | None) -> str:
    """One digest over the artifact and the code that builds and trains it, with what that imports from beside it."""
    build = None if card.recipe is None else card.recipe.build
    world = [] if card.world is None else [address for _, address in card.world.code()]
    addresses = (card.factory, card.train, card.goal, card.judge, build, *world, *card.env.values())
    files = [f for a in addresses if (f := usercode.code_file(a, base)) and f.is_file()]
    parts = ([path] if path else []) + [existing(base / f) for f in card.files]
    artifacts = digest.of_files(p for p in inside(parts) if p.is_file())
    code = digest_of(gather(files, beside=[base.resolve()]))
    return digest.of_value([artifacts, code, addresses, dict(card.options)])


def with_hook(target: Any, card: TargetCard, base: Path) -> Any:
    """The target of a file, told apart by its training function too: kept copies must not outlive what made them."""
    if card.train is not None:
        changed = digest.of_value([target.info.digest, _code_digest(card, base, None)])
        target._info = replace(target.info, digest=changed)
    return target


def train_of(card: TargetCard, base: Path) -> Any:
    if card.train is None:
        return None
    function = usercode.load(card.train, base)
    return lambda x, y, seed: function(x, y, seed)


def _recipe(card: TargetCard, base: Path) -> Any:
    """The card's recipe as keyword arguments, with the function that builds an untrained module."""
    if card.recipe is None:
        return None
    address, options = card.recipe.build, {}
    if address is None:
        address, options = str(card.factory), dict(card.options)
    settings = card.recipe.model_dump(exclude={"build"})
    build = usercode.load(address, base)
    return {"build": lambda: build(**options), **settings}


def _task(card: TargetCard) -> Any:
    return card.task if card.task in ("classifier", "regressor") else "classifier"


def _sklearn(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    from momus.targets import fitting
    from momus.targets.sklearn_ import sklearn_target

    common: dict[str, Any] = {"name": card.name, "columns": () if samples is None else samples.columns}
    if path is not None and path.suffix.lower() in boosters.SUFFIXES:
        boosted = boosters.booster_target(
            path, classes=class_names(card, samples), samples=samples, train=train_of(card, base), **common
        )
        return with_hook(boosted, card, base)
    if path is not None and card.factory is not None:
        raise TargetError(
            "give a model file or a factory, not both", place=f"target '{card.name}'", hint="Remove path or factory"
        )
    model = fitting.load(path) if path is not None else usercode.made(str(card.factory), base, card.options)
    return sklearn_target(
        model,
        classes=class_names(card, samples),
        task=_task(card) if card.task == "regressor" else None,
        samples=samples,
        train=train_of(card, base),
        identity=_code_digest(card, base, path),
        files=tuple(str(p) for p in [path] if p),
        **common,
        **input_of(card),
    )


def _torch(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    try:
        from momus.targets import torch_load
        from momus.targets.torch_open import torch_target
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtra.of("PyTorch targets", "torch", "torch") from error
    if card.factory is not None:
        module = usercode.made(card.factory, base, card.options)
        if path is not None:
            module = torch_load.load_weights(module, path)
    elif path is not None and path.suffix.lower() == ".pt2":
        module = torch_load.load_exported(path)
    else:
        raise TargetError(
            "weights need the code that builds the module", place=f"target '{card.name}'",
            hint="Add factory: model.py:build, or save an exported program (.pt2)",
        )  # fmt: skip
    return torch_target(
        module,
        name=card.name,
        classes=class_names(card, samples),
        output=card.output,
        task=_task(card),
        train=train_of(card, base),
        recipe=_recipe(card, base),
        samples=samples,
        identity=_code_digest(card, base, path),
        files=tuple(str(p) for p in [path] if p),
        own=True,
        **input_of(card),
    )


def _onnx(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    try:
        import onnxruntime  # noqa: F401 - asked for here so that the error names the extra

        from momus.targets.onnx_ import onnx_target
    except ModuleNotFoundError as error:
        raise MissingExtra.of("ONNX targets", "onnx", str(error.name)) from error
    assert path is not None
    target = onnx_target(
        path,
        name=card.name,
        classes=class_names(card, samples),
        output=card.output,
        task=_task(card),
        columns=() if samples is None else samples.columns,
        samples=samples,
        train=train_of(card, base),
        **input_of(card),
    )
    return with_hook(target, card, base)


def _callable(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    from momus.targets.callable_ import callable_target

    address = str(card.factory)
    function = usercode.load(address, base)
    if isinstance(function, type) or card.options or usercode.takes(function) == 0:
        function = usercode.made(address, base, card.options)
    return callable_target(
        function,
        name=card.name,
        classes=class_names(card, samples),
        output=card.output,
        task=_task(card),
        columns=() if samples is None else samples.columns,
        samples=samples,
        train=train_of(card, base),
        identity=_code_digest(card, base, path),
        files=tuple(str(p) for p in [path] if p),
        **input_of(card),
    )


def _object(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    from momus.targets.object_ import object_target

    address = str(card.factory)
    given: dict[str, Any] = {} if path is None else {"path": str(path)}
    if card.files:
        given["files"] = [str(existing(base / f)) for f in card.files]
    wanted = usercode.keywords(usercode.load(address, base))
    options = {k: v for k, v in given.items() if wanted is None or k in wanted} | dict(card.options)
    return object_target(
        usercode.made(address, base, options),
        name=card.name,
        task=card.task if card.task in ("regressor", "generator") else "classifier",
        classes=class_names(card, samples),
        samples=samples,
        identity=_code_digest(card, base, path),
        files=tuple(str(p) for p in [path] if p),
        **input_of(card),
    )


def _policy(card: TargetCard, base: Path, path: Path | None, _samples: Samples | None, *, trusted: bool = False) -> Any:
    from momus.targets.policy import policy_target

    act: Any = card.factory if card.factory is not None else path
    if card.factory is not None and (card.options or path is not None):
        options = dict(card.options) | ({"path": str(path)} if path is not None else {})
        act = usercode.made(card.factory, base, options)
    return policy_target(
        act,
        card.env,
        goal=None if card.goal is None else usercode.load(card.goal, base),
        world=_world(card, base),
        name=card.name,
        base=base,
        identity=_code_digest(card, base, path),
        files=tuple(str(p) for p in [path] if p),
        options=None if card.factory is not None else dict(card.options),
        trusted=trusted,
    )


def _world(card: TargetCard, base: Path) -> Any:
    """The card's world section with its functions loaded."""
    from momus.targets.policy_world import World

    if card.world is None:
        return None
    given = card.world
    return World(
        noop=given.noop,
        invariants=given.invariants,
        parameters=given.parameters,
        judgements=None if given.judgements is None else existing(base / given.judgements),
        **{key: usercode.load(address, base) for key, address in given.code()},
    )


@contextmanager
def _importable(base: Path) -> Iterator[None]:
    """The card's folder on the import path, for models whose classes live in a file beside the card."""
    folder = str(base.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
