"""JSON inside artifacts: parsed under bounds, then searched for what its loader would turn into code."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job, Region, Severity, TooMuch
from momus.methods.artifacts.rulings import printable

_LIMIT = 32 << 20


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
        job.mark("dangerous", "JSON nested so deeply that it exhausts the reader", None, where)
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
    value = parse(job, region, where, "not understood")
    if isinstance(value, dict):
        if {"learner", "version"} <= value.keys():
            _xgboost(job, value["learner"], where)
            return "xgboost json"
        if any("__module__" in d or "__loader__" in d for d, _ in objects(value)):
            _schema(job, value, where)
            return "skops schema"
        search(job, value, where)
    elif isinstance(value, list):
        search(job, value, where)
    return "json"


def _xgboost(job: Job, learner: Any, where: str) -> None:
    booster = learner.get("gradient_booster") if isinstance(learner, dict) else None
    name = booster.get("name") if isinstance(booster, dict) else None
    if name is not None and name not in ("gbtree", "gblinear", "dart"):
        job.mark("suspicious", f"a booster that XGBoost does not have: {printable(str(name), 60)}", None, where)


def search(job: Job, value: Any, where: str) -> None:
    """Mark what some loader would turn into code: Lambda layers, foreign classes, templates, serialised objects."""
    for item, path in objects(value):
        name = item.get("class_name")
        if isinstance(name, str) and isinstance(item.get("config"), dict | str | list):
            from momus.methods.artifacts.keras import judge_item

            judge_item(job, item, f"{where}{path}")
        if isinstance(item.get("nodes"), list) and "arg_nodes" in item:
            _mxnet(job, item["nodes"], where)
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


def _mxnet(job: Job, nodes: list[Any], where: str) -> None:
    """A network of MXNet: some operators call back into Python, or to an address that the file gives."""
    for node in nodes:
        operator = node.get("op") if isinstance(node, dict) else None
        if operator in ("_Native", "_NDArray"):
            what = f"operator {operator} calls a function at an address that the file gives"
            why = "memory of the process that loads it is used as code"
            job.mark("dangerous", what, None, where, opcode=operator, reason=why)
        elif operator == "Custom":
            what = "operator Custom runs a Python class of the process that loads it"
            job.mark("suspicious", what, None, where, opcode="Custom")


def template(job: Job, text: str, where: str) -> None:
    """A chat template is a program: marked when it reaches beyond formatting."""
    from momus.methods.artifacts.templates import judge

    judge(job, text, where)


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


_SKOPS = (
    "BytearrayNode BytesNode CachedNode ConstructorFromReduceNode DTypeNode DefaultDictNode DictNode FunctionNode "
    "JsonNode ListNode LossNode MaskedArrayNode MethodNode NdArrayNode ObjectNode OperatorFuncNode PartialNode "
    "QuantileForestNode RandomGeneratorNode RandomStateNode ReduceNode SGDNode SetNode SliceNode SparseMatrixNode "
    "TreeNode TupleNode TypeNode _DictWithDeprecatedKeysNode"
)
_NODES = frozenset(_SKOPS.split())


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
                severity = "dangerous" if rule.standing == "dangerous" else "suspicious"
                text = f"asks for {printable(module)}.{printable(name)}: {rule.reason}"
                job.mark(severity, text, None, f"{where}{path}")  # type: ignore[arg-type]
        loader = item.get("__loader__")
        if loader is not None and loader not in _NODES:
            what = f"a node that skops does not have: {printable(str(loader), 60)}"
            job.mark("suspicious", what, None, f"{where}{path}", opcode="__loader__")
        if loader in ("MethodNode", "PartialNode", "OperatorFuncNode", "ReduceNode"):
            job.mark("suspicious", f"uses {loader}, which calls what it is given", None, f"{where}{path}")
