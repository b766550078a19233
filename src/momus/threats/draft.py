"""Writes a first card from what can be seen in files; what only a person knows becomes a TODO line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from os.path import relpath
from pathlib import Path

from momus.taxonomy.facts import Fact, load_facts
from momus.threats.seen import Seen, look

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ROLES = (("train", "train"), ("valid", "validation"), ("val", "validation"), ("test", "test"))


def draft(paths: Sequence[Path], home: Path) -> str:
    """The text of a card for the given model and data files, with paths relative to ``home``. Loads none of them."""
    files = [look(path) for path in paths]
    models = [f for f in files if f.role == "model"]
    data = [f for f in files if f.role == "data"]
    first = models[0] if models else files[0]
    lines = [
        "# A first card, from what the files show. Every TODO is a fact or a file that only you know.",
        "# Check it: momus check      See what it means: momus threats      All keys: docs/card.md",
        f"system: {_text(_name(first.path))}",
        'description: ""  # TODO what it decides, for whom, and who uses the answers',
        "",
        *_targets(models, home),
        *_sets(data, home),
        *_facts(files),
    ]
    return "\n".join(lines) + "\n"


def _name(path: Path) -> str:
    """The file's name, or its folder's where files are called what everybody calls them."""
    generic = path.stem.lower() in ("model", "weights", "net", "checkpoint", "best", "last", "pytorch_model")
    return (path.resolve().parent.name or path.stem) if generic else path.stem


def _text(value: str) -> str:
    """A string as YAML: plain where that is unambiguous, else quoted, with nothing a YAML reader would refuse."""
    value = value.encode("utf-8", "replace").decode()
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _note(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode())


def _where(path: Path, home: Path) -> str:
    return _text(Path(relpath(path, home)).as_posix())


def _targets(models: Sequence[Seen], home: Path) -> Iterator[str]:
    if not models:
        yield "targets: []  # TODO a model: {name: model, path: model.onnx}"
        yield ""
        return
    yield "targets:"
    names: list[str] = []
    for seen in models:
        name = seen.path.stem if seen.path.stem not in names else f"{seen.path.stem}-{len(names) + 1}"
        names.append(name)
        yield f"  - name: {_text(name)}  # {_note(seen.format)}"
        yield from (f"    # {_note(remark)}" for remark in seen.remarks)
        yield f"    adapter: {seen.adapter or 'files'}"
        if seen.adapter == "files":
            yield f"    files: [{_where(seen.path, home)}]"
            continue
        yield f"    task: {seen.task}"
        yield f"    path: {_where(seen.path, home)}"
        yield from _details(seen)
    yield ""


def _details(seen: Seen) -> Iterator[str]:
    if seen.adapter == "torch" and seen.format != "torch exported program":
        yield "    # TODO factory: model.py:build    # your function that returns the module, without weights"
    if seen.task == "classifier":
        count = f"{seen.classes} names" if seen.classes else "names"
        yield f"    # TODO classes: [first, second]    # {count}, in the order of the model's outputs"
    if seen.shape:
        order = ", channels: first" if len(seen.shape) == 3 and seen.shape[0] in (1, 3, 4) else ""
        order = ", channels: last" if len(seen.shape) == 3 and seen.shape[2] in (1, 3, 4) and not order else order
        yield f"    input: {{shape: [{', '.join(map(str, seen.shape))}]{order}}}"
    if seen.modality == "image" or seen.adapter == "torch":
        yield "    # TODO input: add the range the model expects, [0, 1] or [0, 255], and mean and std if it needs them"
    if seen.adapter in ("torch", "onnx"):
        yield "    # TODO output: logits    # or probabilities, labels, values"
    yield "    # TODO train: train.py:fit    # fits a fresh model on (x, y, seed); membership tests need it"


def _sets(data: Sequence[Seen], home: Path) -> Iterator[str]:
    if not data:
        yield "data: {}  # TODO test: test.csv, train: train.csv, label: the column to predict"
        yield ""
        return
    yield "data:"
    roles: list[str] = []
    for seen in data:
        role = next((r for key, r in _ROLES if key in seen.path.stem.lower()), "test" if not roles else seen.path.stem)
        role = role if role not in roles else f"{role}_{len(roles) + 1}"
        roles.append(role)
        yield f"  {_text(role)}: {_where(seen.path, home)}"
        yield from (f"  # {_note(remark)}" for remark in seen.remarks)
    if all(seen.path.is_dir() for seen in data):
        yield ""
        return
    first = next((seen for seen in data if seen.columns), data[0])
    columns = first.columns
    if columns:
        yield f"  # columns: {_note(', '.join(columns[:40]))}"
    label = first.label
    yield f"  label: {_text(label)}  # TODO is this the column to predict?" if label else "  # TODO label: …"
    yield "  # TODO groups: [sex]    # columns that name groups of people to compare"
    yield ""


def _facts(files: Sequence[Seen]) -> Iterator[str]:
    """Every fact of the vocabulary: what the files show, and unknown with its question for the rest."""
    seen = _visible(files)
    yield "# A fact may carry proof: {value: no, evidence: where it is written}. Unknown never counts as harmless."
    yield "facts:"
    room = ""
    for key, fact in load_facts().items():
        head, name = key.split(".")
        if head != room:
            room = head
            yield f"  {room}:"
        if key in seen:
            yield f"    {name}: {seen[key]}  # seen in the file"
        else:
            yield f"    {name}: unknown  # TODO {_allowed(fact)}: {fact.ask}"


def _visible(files: Sequence[Seen]) -> dict[str, str]:
    found = {}
    kinds = dict.fromkeys(f.modality for f in files if f.modality)
    if kinds:
        found["model.modality"] = f"[{', '.join(kinds)}]"
    trained = {f.gradient_trained for f in files if f.gradient_trained is not None}
    if len(trained) == 1:
        found["model.gradient_trained"] = "yes" if trained.pop() else "no"
    return found


def _allowed(fact: Fact) -> str:
    if fact.kind == "yes_no":
        return "yes | no"
    if fact.kind == "some_of":
        return f"[{', '.join(fact.values)}]"
    return " | ".join(fact.values) if fact.values else "a number"
