"""JSON inside artifacts: parsed under bounds, then searched for what its loader would turn into code."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job, Region, Severity, TooMuch
from momus.methods.artifacts.rulings import printable

_LIMIT = 32 << 20
_KERAS_HOMES = re.compile(
    r"(keras|tensorflow\.keras|tf_keras|keras\.src)"
    r"(\.(layers|models|initializers|optimizers|losses|metrics|regularizers|constraints|activations|dtype_policies)"
    r"(\.[a-z_0-9]+)*)?\Z"
)
_TEMPLATE = re.compile(
    r"__\w+__|\b(import|os|sys|subprocess|popen|system|eval|exec|builtins|cycler|joiner|lipsum|mro|getattr|attr)\b\s*[.(|]"
    r"|\|\s*attr\b|\{%-?\s*(import|include|extends|from)\b"
)


class Repeated(dict[str, Any]):
    """A JSON object in which a key stood twice; readers disagree about which one counts."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return Repeated(made) if len(made) != len(pairs) else made


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))


def parse(job: Job, content: Region, where: str, invalid: Severity = "suspicious") -> Any:
    """The parsed value; None after a mark. Repeated keys and nesting beyond Python's bounds are marked."""
    if len(content) > min(_LIMIT, job.limits.text):
        raise TooMuch(f"has more than {_LIMIT >> 20} MiB of JSON")
    try:
        value = json.loads(content.take(0, len(content)), object_pairs_hook=_pairs, parse_constant=_constant)
    except RecursionError:
        job.mark("bad", "JSON nested so deeply that it exhausts the reader", None, where)
        return None
    except (ValueError, UnicodeDecodeError) as error:
        job.mark(invalid, f"is no valid JSON: {printable(str(error), 80)}", None, where)
        return None
    if any(isinstance(d, Repeated) for d, _ in objects(value)):
        job.mark("suspicious", "a JSON key stands twice: readers disagree about which one counts", None, where)
    return value


def objects(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """All JSON objects inside ``value`` with the path to each. Iterative."""
    stack: list[tuple[Any, str]] = [(value, "")]
    while stack:
        item, path = stack.pop()
        if isinstance(item, dict):
            yield item, path
            stack += [(v, f"{path}.{k}"[-160:]) for k, v in item.items() if isinstance(v, dict | list)]
        elif isinstance(item, list):
            stack += [(v, f"{path}[{i}]"[-160:]) for i, v in enumerate(item) if isinstance(v, dict | list)]


def scan_json(job: Job, region: Region, where: str) -> str:
    """A JSON file of its own: XGBoost's models, configurations, schemas. Returns its format."""
    value = parse(job, region, where, "unread")
    if isinstance(value, dict):
        if {"learner", "version"} <= value.keys():
            return "xgboost json"
        if any("__module__" in d or "__loader__" in d for d, _ in objects(value)):
            _schema(job, value, where)
            return "skops schema"
        search(job, value, where)
    elif isinstance(value, list):
        search(job, value, where)
    return "json"


def search(job: Job, value: Any, where: str) -> None:
    """Mark what some loader would turn into code: Lambda layers, foreign classes, templates, serialised objects."""
    for item, path in objects(value):
        name = item.get("class_name")
        if isinstance(name, str) and "config" in item:
            _layer(job, item, name, where)
        for key in ("chat_template", "template", "prompt_template"):
            if isinstance(item.get(key), str):
                template(job, item[key], where)
        auto = item.get("auto_map")
        if isinstance(auto, dict):
            job.mark(
                "suspicious", f"auto_map lets the loader import Python files: {printable(str(auto), 80)}", None, where
            )
        code = item.get(":serialized:")
        if isinstance(code, str):
            serialised(job, code, f"{where}{path}")


def _layer(job: Job, item: dict[str, Any], name: str, where: str) -> None:
    home, registered = item.get("module"), item.get("registered_name")
    if name in ("Lambda", "__lambda__", "TFOpLambda") or registered == "Lambda":
        job.mark("bad", f"a {name} layer carries Python code that runs when the model is built", None, where)
    elif isinstance(home, str) and not _KERAS_HOMES.match(home):
        job.mark("suspicious", f"builds {printable(home)}.{printable(name)}, a class from outside Keras", None, where)
    elif ">" in name or (isinstance(registered, str) and ">" in registered):
        job.mark("suspicious", f"builds the custom class {printable(str(registered or name))}", None, where)


def template(job: Job, text: str, where: str) -> None:
    """A chat template is a program: marked when it reaches beyond formatting."""
    hit = _TEMPLATE.search(text)
    if hit:
        job.mark("bad", f"the chat template reaches for '{printable(hit[0], 40)}'", None, where)


def serialised(job: Job, text: str, where: str) -> None:
    """Base64 of a pickle inside JSON, as Stable-Baselines3 writes it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Python's lenient decoder, which the loader uses, skips characters that are no base64
        try:
            data = base64.b64decode(text)
        except (binascii.Error, ValueError):
            job.mark("suspicious", "a serialised object that is no base64", None, where)
            return
    job.spend_expanded(len(data))
    job.examine(Region(data, 0, len(data)), where)


def scan_policy(job: Job, content: Region, where: str) -> None:
    """The ``data`` member of a Stable-Baselines3 policy: each serialised entry is a pickle."""
    value = parse(job, content, where)
    if not isinstance(value, dict):
        job.mark("suspicious", "the policy's data is no JSON object", None, where)
        return
    search(job, value, where)


def scan_keras(job: Job, content: Region, where: str) -> None:
    """Configuration of a Keras model."""
    value = parse(job, content, where)
    if value is not None:
        search(job, value, where)


def scan_skops(job: Job, content: Region, where: str) -> None:
    """The schema of a skops file: it names the types and functions that are to be made."""
    value = parse(job, content, where)
    if isinstance(value, dict):
        _schema(job, value, where)


def _schema(job: Job, value: Any, where: str) -> None:
    for item, path in objects(value):
        pairs = [("__module__", "__class__"), ("module_path", "function"), ("module", "name")]
        for first, second in pairs:
            module, name = item.get(first), item.get(second)
            if not (isinstance(module, str) and isinstance(name, str)):
                continue
            if (module, name) == ("builtins", "function"):
                continue  # the loader's word for "a function"; which one stands beside it
            job.names.setdefault(printable(f"{module}.{name}", 200))
            rule = rule_for(module, name, job.allow)
            if rule.standing != "allowed":
                severity = "bad" if rule.standing == "bad" else "suspicious"
                text = f"asks for {printable(module)}.{printable(name)}: {rule.reason}"
                job.mark(severity, text, None, f"{where}{path}")  # type: ignore[arg-type]
        if item.get("__loader__") in ("MethodNode", "PartialNode", "OperatorFuncNode", "ReduceNode"):
            job.mark("suspicious", f"uses {item['__loader__']}, which calls what it is given", None, f"{where}{path}")
