"""Saved Hugging Face models as text targets: a folder with config.json, weights and a tokenizer, never the hub.

Nothing is fetched and no code of the folder is run. What would need either is refused with a line that says so.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from momus.card.schema import TargetCard
from momus.core import digest
from momus.core.errors import MissingExtra, TargetError
from momus.core.samples import NumpyArray, Samples
from momus.targets.files import existing

# What becomes of the last words of an architecture's name: the class that opens it, and the task.
_KINDS = {
    "ForSequenceClassification": ("AutoModelForSequenceClassification", "classifier"),
    "ForCausalLM": ("AutoModelForCausalLM", "generator"),
    "LMHeadModel": ("AutoModelForCausalLM", "generator"),
    "ForConditionalGeneration": ("AutoModelForSeq2SeqLM", "generator"),
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DISABLE_SAFETENSORS_CONVERSION": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip
_OPTIONS = ("rows", "longest", "max_new_tokens")
LONGEST = 512  # tokens of a text, where neither the model nor the tokenizer says how many it reads
UNSAID = 100_000  # a tokenizer that knows no length says 10^30


def pipeline_target(
    folder: str | Path,
    *,
    name: str | None = None,
    task: str | None = None,
    classes: Sequence[str] = (),
    samples: Samples | None = None,
    train: Callable[[NumpyArray, NumpyArray, int], Any] | None = None,
    identity: str | None = None,
    rows: int = 32,
    longest: int | None = None,
    max_new_tokens: int = 32,
) -> Any:
    """A model that ``save_pretrained`` wrote, with its tokenizer, as a target that reads texts.

    A text classifier gives labels, logits, probabilities and its parameters; a language model or translator generates,
    always its likeliest words (greedy), at most ``max_new_tokens``. ``rows`` texts are read at a time, of each at most
    ``longest`` tokens. ``train(x, y, seed)`` returns a module from texts to logits. Weights are read from safetensors;
    from a pickle only where there is no other, and then without the parts that could run code.

    Raises TargetError for a folder that is no such model, for one that needs code of its own, and for one whose
    weights are incomplete; MissingExtra without transformers or torch.
    """
    path = existing(Path(folder))
    said = name or path.name
    config = _config(path, said)
    opener, kind = _kind(config, said)
    if task is not None and task != kind:
        raise TargetError(
            f"it is a {kind} by its config.json, the card says {task}", place=f"target '{said}'",
            hint=f"Write task: {kind}",
        )  # fmt: skip
    model, tokenizer = _opened(path, opener, said)
    most = longest or _longest(config, tokenizer)
    settings = [most, max_new_tokens if kind == "generator" else None]
    made = digest.of_value([identity or digest.of_files(sorted(p for p in path.rglob("*") if p.is_file())), settings])
    if kind == "generator":
        target = _generator(model, tokenizer, said, samples, made, rows, most, max_new_tokens)
    else:
        target = _classifier(model, tokenizer, said, tuple(classes), samples, train, made, rows, most)
    notes = (*target.info.notes, *_cut(tokenizer, samples, most))
    target._info = replace(target.info, adapter="huggingface", notes=notes, files=(str(path),))
    return target


def open_pipeline(card: TargetCard, base: Path, path: Path | None, samples: Samples | None) -> Any:
    """The saved model that a card names; its ``options`` are those of :func:`pipeline_target`."""
    from momus.targets.open import train_of, with_hook

    assert path is not None
    unknown = sorted(set(card.options) - set(_OPTIONS))
    wrong = [k for k in _OPTIONS if k in card.options and not _count(card.options[k])]
    if unknown or wrong:
        what = f"the option '{unknown[0]}' is unknown" if unknown else f"{wrong[0]} is no whole number from 1 up"
        raise TargetError(what, place=f"target '{card.name}'", hint=f"There are {', '.join(_OPTIONS)}")
    task = card.task if "task" in card.model_fields_set else None
    given: dict[str, Any] = dict(card.options)
    target = pipeline_target(
        path, name=card.name, task=task, classes=card.classes, samples=samples, train=train_of(card, base), **given
    )
    return with_hook(target, card, base)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _config(path: Path, name: str) -> Mapping[str, Any]:
    """config.json, after everything that would reach beyond the folder or run code of it was looked for."""
    place = f"target '{name}'"
    try:
        found = json.loads((path / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        also = " It holds an MLflow model: write adapter: mlflow" if (path / "MLmodel").is_file() else ""
        raise TargetError(
            "there is no config.json in the folder", code="target/huggingface", place=str(path),
            hint=f"Name a folder that model.save_pretrained and tokenizer.save_pretrained wrote.{also}",
        ) from None  # fmt: skip
    except (OSError, ValueError) as error:
        raise TargetError(f"config.json cannot be read: {error}", code="target/huggingface", place=str(path)) from None
    if not isinstance(found, Mapping):
        raise TargetError("config.json is no mapping", code="target/huggingface", place=str(path))
    if "auto_map" in found:
        raise TargetError(
            "the model needs code of its own (auto_map in config.json), which is never run",
            code="target/huggingface-code", place=place,
            hint="Open it in a function of yours: adapter: object with factory: model.py:build",
        )  # fmt: skip
    if (path / "adapter_config.json").exists():
        raise TargetError(
            "the folder holds an adapter for another model, which would have to be fetched",
            code="target/huggingface", place=place, hint="Merge it into its model first and save that",
        )  # fmt: skip
    return found


def _kind(config: Mapping[str, Any], name: str) -> tuple[str, str]:
    named = config.get("architectures")
    shape = str(named[0]) if isinstance(named, list) and named else "none"
    found = next((v for end, v in _KINDS.items() if shape.endswith(end)), None)
    if found is None:
        raise TargetError(
            f"config.json names the architecture {shape[:80]}, which is no classifier of texts and generates none",
            code="target/huggingface", place=f"target '{name}'",
            hint=f"Architectures that end in {', '.join(_KINDS)} are opened",
        )  # fmt: skip
    if config.get("problem_type") == "multi_label_classification":
        raise TargetError(
            "a text may have several classes here (multi_label_classification)", code="target/huggingface",
            place=f"target '{name}'", hint="Wrap one of its labels: adapter: object with factory: model.py:build",
        )  # fmt: skip
    return found


def _opened(path: Path, opener: str, name: str) -> tuple[Any, Any]:
    """Model and tokenizer, from these files and nowhere else."""
    safe = any(path.glob("*.safetensors"))
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _offline():
        try:
            import torch
            import transformers
        except ModuleNotFoundError as error:
            if error.name not in ("torch", "transformers"):
                raise
            extra = "torch" if error.name == "torch" else "hf"
            raise MissingExtra.of("Hugging Face models", extra, str(error.name)) from error
        with _quiet():
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(str(path), **local)
                model, told = getattr(transformers, opener).from_pretrained(
                    str(path), use_safetensors=safe, dtype=torch.float32, output_loading_info=True, **local
                )
            except Exception as error:
                raise TargetError(
                    f"the model cannot be opened ({type(error).__name__}: {' '.join(str(error).split())[:250]})",
                    code="target/huggingface", place=f"target '{name}'",
                    hint="Save it again with save_pretrained, model and tokenizer, under the installed transformers",
                ) from error  # fmt: skip
    absent = sorted(told.get("missing_keys") or ()) + sorted(str(k) for k in told.get("mismatched_keys") or ())
    if absent:  # transformers would fill them with random numbers and only warn
        raise TargetError(
            f"the file lacks {len(absent)} of the model's weights ({', '.join(absent[:3])}): they would be random",
            code="target/huggingface", place=f"target '{name}'", hint="Save it after it was trained for its task",
        )  # fmt: skip
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if getattr(model.config, "pad_token_id", None) is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return model.eval(), tokenizer


def _longest(config: Mapping[str, Any], tokenizer: Any) -> int:
    sides = [config.get(k) for k in ("max_position_embeddings", "n_positions")] + [tokenizer.model_max_length]
    return min((int(s) for s in sides if isinstance(s, int) and 0 < s < UNSAID), default=LONGEST)


def _cut(tokenizer: Any, samples: Samples | None, longest: int) -> tuple[str, ...]:
    """A note where texts are longer than what the model reads: their ends tell nothing."""
    if samples is None or not len(samples):
        return ()
    texts = [str(t) for t in samples.x[:200]]
    with _quiet():
        long = sum(len(ids) > longest for ids in tokenizer(texts)["input_ids"])
    return (f"{long} of {len(texts)} texts are read only as far as their first {longest} tokens",) if long else ()


def _classifier(
    model: Any,
    tokenizer: Any,
    name: str,
    classes: tuple[str, ...],
    samples: Samples | None,
    train: Any,
    identity: str,
    rows: int,
    longest: int,
) -> Any:
    from momus.targets.pipeline_net import Sorter
    from momus.targets.spaces import Space
    from momus.targets.torch_text import torch_texts

    own = tuple(str(model.config.id2label[i]) for i in range(model.config.num_labels))
    named = classes or (() if samples is None or _bare(samples.classes) else samples.classes)
    if not named:
        named = tuple(str(i) for i in range(len(own))) if all(n.startswith("LABEL_") for n in own) else own
    if len(own) < 2 or len(named) != len(own):
        raise TargetError(
            f"the model has {len(own)} outputs ({', '.join(own[:4])}), and {len(named)} classes are named",
            code="target/classes", place=f"target '{name}'", hint="List the model's classes on the card, in its order",
        )  # fmt: skip
    # The same names in another order: the columns follow the card. Other names: the card's stand for them in order.
    order = [own.index(c) for c in named] if set(own) == set(named) else None
    net = Sorter(model, tokenizer, longest, order)
    target = torch_texts(net, Space(name=name, modality="text"), named, train, samples, identity)
    target.net = replace(target.net, rows=rows)
    return target


def _bare(classes: Sequence[str]) -> bool:
    return tuple(classes) == tuple(str(i) for i in range(len(classes)))


def _generator(
    model: Any, tokenizer: Any, name: str, samples: Samples | None, identity: str, rows: int, longest: int, more: int
) -> Any:
    from momus.targets.object_ import object_target
    from momus.targets.pipeline_net import Writer

    writer = Writer(model, tokenizer, longest, more)
    return object_target(
        writer, name=name, task="generator", samples=samples, rows=rows, identity=identity, modality="text"
    )


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """The libraries are told in every way there is that nothing may be fetched, and print no bars."""
    before = {k: os.environ.get(k) for k in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    import transformers.utils.logging as told

    log = logging.getLogger("transformers")
    level, bars = log.level, told.is_progress_bar_enabled()
    log.setLevel(logging.ERROR)
    told.disable_progress_bar()
    try:
        yield
    finally:
        log.setLevel(level)
        if bars:
            told.enable_progress_bar()
