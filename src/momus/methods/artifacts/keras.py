"""Keras configurations: which classes and functions a model is to be built from. Allow-list, for Keras 1 to 3.

Source: keras/src/saving/serialization_lib.py and the legacy saving code of Keras 2, read for what they look up by name.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from momus.methods.artifacts.jsons import Repeated, objects, parse
from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable

_HOME = re.compile(
    r"(keras|tensorflow\.keras|tensorflow\.python\.keras|tf_keras|tf_keras\.src|keras\.src|keras\.api)"
    r"(\.(api|v2|layers|models|engine|initializers|optimizers|losses|metrics|regularizers|constraints|activations"
    r"|dtype_policies|mixed_precision|random|ops|quantizers|backend\.[a-z]+\.optimizers)(\.[a-z_0-9]+)*)?\Z"
)
_REACH = re.compile(
    r"(keras|tf_keras|tensorflow\.keras)(\.src|\.api)?\.(utils|saving|config|callbacks|export|datasets)\b"
)
# Layers that run or load code; the words go into the mark.
_CODE = {
    "TFSMLayer": "loads and runs a SavedModel from a path",
    "TorchModuleWrapper": "unpickles a torch module",
}
_FOREIGN = {"JaxLayer": "calls a function of JAX", "FlaxLayer": "calls a Flax module", "Layer": "is a bare base class"}
_SYMBOL = re.compile(
    r"(math|nn|linalg|image|signal|strings|sparse|ragged|bitwise|dtypes|sets|random|compat\.v1\.(math|nn))"
    r"\.\w+(\.\w+)?\Z"
    r"|__operators__\.\w+\Z|keras\.(backend|activations|ops)\.\w+\Z"
)
_VOCABULARY = 64 << 20
_FILE_KEYS = ("vocabulary", "idf_weights")


@cache
def allowed() -> dict[str, frozenset[str]]:
    """The allow-list: group -> names."""
    text = files(__package__).joinpath("keras_allow.toml").read_text(encoding="utf-8")
    return {group: frozenset(names) for group, names in tomllib.loads(text).items()}


@cache
def _every() -> frozenset[str]:
    return frozenset().union(*(names for group, names in allowed().items() if group != "symbols"))


def scan_config(job: Job, content: Region, where: str) -> None:
    """A configuration as a file or attribute of its own. What is no JSON is marked."""
    value = parse(job, content, where)
    if isinstance(value, Repeated):
        return  # marked by the parser
    if isinstance(value, dict | list):
        judge(job, value, where)
    elif value is not None:
        job.mark("suspicious", "a Keras configuration that is no JSON object", None, where)


def is_vocabulary(name: str, content: Region) -> bool:
    """Whether an asset is a list of words, one a line, as lookup layers keep it; no word list is called ``x.py``."""
    if len(content) > _VOCABULARY or name.endswith((".py", ".pth", ".sh", ".bat", ".ps1", ".js", ".lua", ".r")):
        return False
    try:
        return "\0" not in content.take(0, len(content)).decode("utf-8")
    except UnicodeDecodeError:
        return False


def judge(job: Job, value: Any, where: str) -> None:
    """Mark every class and function that is not known to compute only."""
    for item, path in objects(value):
        if item.get("class_name") is not None:
            judge_item(job, item, f"{where}{path}")


def judge_item(job: Job, item: dict[str, Any], where: str) -> None:
    """One object of a configuration that names a class."""
    name = item["class_name"]
    if not isinstance(name, str):
        job.mark("suspicious", "a class whose name is no text", None, where)
    elif name == "function":
        _function(job, item, where)
    else:
        _class(job, item, name, where)


def _class(job: Job, item: dict[str, Any], name: str, where: str) -> None:
    config = item.get("config")
    home, registered = item.get("module"), item.get("registered_name")
    plain = config if isinstance(config, dict) else {}
    if name in ("Lambda", "__lambda__") or registered == "Lambda":
        _code(job, name, plain, where)
    elif name in _CODE or registered in _CODE:
        what = f"a {printable(name)} layer {_CODE.get(name) or _CODE[str(registered)]} when the model is built"
        job.mark(
            "dangerous", what, None, where, opcode=name, reason="runs or loads code from outside the configuration"
        )
    elif name in _FOREIGN:
        job.mark("suspicious", f"a {name} layer {_FOREIGN[name]}", None, where, opcode=name)
    elif name in ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"):
        _operation(job, name, plain, where)
    elif name == "TensorFlowOpLayer":
        _node(job, plain, where)
    elif name == "TypeSpec":
        if not re.fullmatch(r"(tf\.)?(Ragged|Sparse)?TensorSpec|NoneTensorSpec", str(item.get("type_spec"))):
            job.mark(
                "suspicious",
                f"a value of the type {printable(str(item.get('type_spec')), 60)}",
                None,
                where,
                opcode=name,
            )
    elif _reaches(job, home, name, where):
        return
    elif not _known(name, home, registered):
        full = registered if isinstance(registered, str) and registered else name
        at = f"{home}.{name}" if isinstance(home, str) and home else full
        what = f"builds {printable(str(at))}, a class that Keras does not bring along"
        job.mark("suspicious", what, None, where, opcode=printable(name, 60), reason="no class of the allow-list")
    _paths(job, plain, where)


def _known(name: str, home: object, registered: object) -> bool:
    """Whether a class stands on the allow-list and calls itself by no other name."""
    if home is not None and not (isinstance(home, str) and (_HOME.match(home) or home == "builtins")):
        return False
    short = name.removeprefix("Keras>").removeprefix("Custom>")
    if short != name and short not in allowed()["optimizers"]:
        return False  # optimizers of Keras 2.11 to 2.15 are written this way
    if short not in _every():
        return False
    return registered in (None, "", name, short, f"keras>{short}", f"Keras>{short}")


def _reaches(job: Job, home: object, name: str, where: str) -> bool:
    if not isinstance(home, str):
        return False
    rule = rule_for(home, name, job.allow)
    if rule.standing == "dangerous":
        what = f"asks for {printable(home)}.{printable(name)}: {rule.reason}"
        job.mark("dangerous", what, None, where, opcode=printable(name, 60), reason=rule.reason)
        return True
    if not _REACH.match(home):
        return False
    what = f"asks for {printable(home)}.{printable(name)}, which reaches files or changes how models are loaded"
    job.mark(
        "dangerous", what, None, where, opcode=printable(name, 60), reason="a tool of Keras, not a part of a model"
    )
    return True


def _code(job: Job, name: str, config: dict[str, Any], where: str) -> None:
    """A Lambda: code kept in the file is dangerous, a function by name is looked up where it is loaded."""
    function, home = config.get("function"), config.get("module")
    by_name = isinstance(function, str) and config.get("function_type") in (None, "function")
    by_name = by_name or (isinstance(function, dict) and function.get("class_name") == "function")
    outside = isinstance(home, str) and home not in ("__main__", "builtins") and not _HOME.match(home)
    if name == "Lambda" and by_name and not outside:
        what = "a Lambda layer calls a function by name, which is not in the file"
        job.mark("suspicious", what, None, where, opcode=name, reason="what it computes is decided where it is loaded")
        return
    what = f"a {name} layer carries Python code that runs when the model is built"
    job.mark("dangerous", what, None, where, opcode=name, reason="marshalled code or a function of any loaded module")


def _function(job: Job, item: dict[str, Any], where: str) -> None:
    name, home, registered = item.get("config"), item.get("module"), item.get("registered_name")
    if isinstance(name, dict):
        name = name.get("name")
    if not isinstance(name, str):
        job.mark("suspicious", "a function whose name is no text", None, where, opcode="function")
        return
    if _reaches(job, home, name, where):
        return
    if not _known(name, home, registered):
        full = f"{home}.{name}" if isinstance(home, str) and home else name
        what = f"uses the function {printable(full)}, which Keras does not bring along"
        job.mark(
            "suspicious", what, None, where, opcode="function", call=printable(full), reason="not on the allow-list"
        )


def _operation(job: Job, name: str, config: dict[str, Any], where: str) -> None:
    """Layers that TensorFlow's own functions become when they are used on a symbolic tensor."""
    if name == "InstanceProperty":
        symbol = config.get("attr_name")
        fine = isinstance(symbol, str) and symbol.isidentifier() and not symbol.startswith("_")
    else:
        symbol = config.get("function", config.get("method_name", config.get("attr_name")))
        fine = isinstance(symbol, str) and name.endswith("OpLambda") and symbol_allowed(symbol)
    if fine:
        return
    said = printable(str(symbol))
    reaches = isinstance(symbol, str) and re.match(
        r"(io|raw_ops|py_func|numpy_func|saved_model|data|compat|load_)", symbol
    )
    what = f"a {name} layer calls TensorFlow's {said}"
    why = "it reaches files or runs code" if reaches else "not on the list of operations that only compute"
    job.mark("dangerous" if reaches else "suspicious", what, None, where, opcode=name, call=said, reason=why)


def symbol_allowed(symbol: str) -> bool:
    """Whether a name of TensorFlow's interface computes and nothing else."""
    return symbol in allowed()["symbols"] or bool(_SYMBOL.match(symbol))


def _node(job: Job, config: dict[str, Any], where: str) -> None:
    """A TensorFlowOpLayer holds one graph node."""
    from momus.methods.artifacts.tensorflow import judge_operator

    node = config.get("node_def")
    operator = node.get("op") if isinstance(node, dict) else None
    if operator is None and isinstance(node, str):
        found = re.findall(r'"?op"?\s*:\s*"(\w+)"', node)
        operator = found[0] if len(found) == 1 else None
    if not isinstance(operator, str):
        job.mark(
            "suspicious", "a TensorFlowOpLayer whose operator cannot be told", None, where, opcode="TensorFlowOpLayer"
        )
    else:
        judge_operator(job, operator, where, None)


def _paths(job: Job, config: dict[str, Any], where: str) -> None:
    """Vocabularies that are a path: the layer opens it when the model is built."""
    for key in _FILE_KEYS:
        path = config.get(key)
        if isinstance(path, str) and path:
            outside = path.startswith(("/", "\\", "~")) or "://" in path or ".." in path or path[1:2] == ":"
            what = f"reads its {key} from {printable(path, 80)!r} when the model is built"
            why = "a path outside the model's folder" if outside else "a file that is not part of the model"
            job.mark("dangerous" if outside else "suspicious", what, None, where, opcode=key, reason=why)
