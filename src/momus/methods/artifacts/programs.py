"""Programs inside torch archives: TorchScript code and the graphs of exported programs."""

from __future__ import annotations

import re

from momus.methods.artifacts.jsons import objects, parse
from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.zips import Entry, member

# Operators of PyTorch that touch files or start things; every other aten operator computes.
_REACHES_OUT = frozenset({"from_file", "save", "load", "_load", "open", "_save", "import_ir_module", "hub", "classes"})
# Parts of torch that are no operators; a script that was exported does not name them.
_MODULES = frozenset({
    "ops", "jit", "distributed", "cuda", "utils", "serialization", "package", "multiprocessing", "rpc", "backends",
})  # fmt: skip
_QUIET = re.compile(
    rb"\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''"
    rb"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*|\\\r?\n",
    re.S,
)
_ROOT = re.compile(rb"\b(torch|ops)\b")
_CLASSES = re.compile(rb"\s*\.\s*classes\b")
_DOTTED = {
    "torch": re.compile(rb"\s*\.\s*(\w+)"),
    "ops": re.compile(rb"\s*\.\s*(\w+)\s*\.\s*(\w+)"),
}
_OPERATORS = frozenset(
    [
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "neg",
        "pos",
        "ge",
        "gt",
        "le",
        "lt",
        "eq",
        "ne",
        "and_",
        "or_",
        "not_",
        "getitem",
        "is_",
        "is_not",
        "matmul",
        "xor",
    ]
)
_TORCH = frozenset(
    [
        "sym_float",
        "sym_int",
        "sym_max",
        "sym_min",
        "sym_not",
        "sym_ite",
        "sym_sum",
        "sym_sqrt",
        "_sym_sqrt",
        "sym_fresh_size",
        "_check",
    ]
)
_MATH = frozenset(["ceil", "floor", "trunc", "sqrt", "pow"])
_EXPRESSION = re.compile(r"[\w\s+\-*/(),<>=&|~%]*\Z")
# How sympy spells a free size out: Symbol('s31', positive=True, integer=True).
_SYMBOL = re.compile(r"\bSymbol\('([suz][a-z]*\d+)'((?:, [a-z]+=(?:True|False))*)\)")
_WORD = re.compile(r"([su]\d+(_\w*)?|zuf\d+|[A-Z][A-Za-z]*|oo|zoo|int_oo|True|False|\d+)\Z")


def scan_script(job: Job, content: Region, where: str) -> None:
    """TorchScript source. The language has no dynamic names, so the operators it can reach are those it spells."""
    if len(content) > job.limits.text:
        raise TooMuch(f"has more than {job.limits.text >> 20} MiB of code")
    code = _QUIET.sub(lambda m: b" " * len(m[0]), content.take(0, len(content)))
    for match in _ROOT.finditer(code):
        if match.start() and code[max(match.start() - 64, 0) : match.start()].rstrip()[-1:] == b".":
            if match[1] == b"torch" and _CLASSES.match(code, match.end()):
                job.mark("suspicious", "uses a native class", match.start(), where, opcode="torch.classes")
            continue  # an attribute or a class of that name
        _operator(job, code, match, where)


def _operator(job: Job, code: bytes, root: re.Match[bytes], where: str) -> None:
    """One use of an operator. What is not spelled out at once could be handed on under another name."""
    first, at = root[1].decode(), root.start()
    spelled = _DOTTED[first].match(code, root.end())
    if spelled is None:
        what = f"TorchScript code hands {first} on under another name"
        job.mark("suspicious", what, at, where, opcode=first, reason="the operators it reaches cannot be told")
        return
    parts = [p.decode() for p in spelled.groups()]
    full = ".".join([first, *parts])
    if set(parts) & _REACHES_OUT:
        what = f"TorchScript code uses {printable(full)}, which reaches files"
        job.mark("dangerous", what, at, where, opcode=printable(full, 60), call=printable(full), reason="reaches files")
    elif first == "ops" and parts[0] not in ("prim", "aten", "quantized", "torchvision", "prims"):
        what = f"TorchScript code uses the custom operator {printable('.'.join(parts))}"
        job.mark("suspicious", what, at, where, opcode=printable(full, 60), reason="native code from elsewhere")
    elif first == "torch" and parts[0] in _MODULES:
        what = f"TorchScript code uses {printable(full)}, which is no tensor operator"
        job.mark("suspicious", what, at, where, opcode=printable(full, 60), reason="not on the allow-list")


def weights(job: Job, region: Region, entries: list[Entry], where: str) -> dict[str, int]:
    """Members of an exported program that are raw tensors, by its own lists; -1 where the size is not given."""
    found: dict[str, int] = {}
    for entry in entries:
        if not entry.name.endswith(("model_weights_config.json", "model_constants_config.json")):
            continue
        place = f"{where}!{entry.name}" if where else entry.name
        content = member(job, region, entry, place)
        value = parse(job, content, place) if content is not None else None
        folder = entry.name.rsplit("/", 1)[0]
        listed = value.get("config") if isinstance(value, dict) else None
        items = [i for i in listed.values() if isinstance(i, dict)] if isinstance(listed, dict) else []
        pickled = {i.get("path_name") for i in items if i.get("use_pickle") is not False}
        for item in items:
            name = item.get("path_name")
            if isinstance(name, str) and name not in pickled:
                found[f"{folder}/{name}"] = -1
    return found


def scan_exported(job: Job, content: Region, where: str) -> None:
    """JSON of an exported program: each node names a function, each symbolic size is an expression to be evaluated."""
    value = parse(job, content, where)
    for item, path in objects(value):
        target = item.get("target")
        if isinstance(target, str) and "inputs" in item and not _allowed_target(target):
            bad = any(p in _REACHES_OUT or p in ("os", "sys", "system", "eval", "exec") for p in target.split("."))
            what = f"a node calls {printable(target)}, which is no tensor operator"
            job.mark("dangerous" if bad else "suspicious", what, None, f"{where}{path}")
        for key in ("expr_str", "as_expr"):
            if isinstance(item.get(key), str):
                _expression(job, item[key], f"{where}{path}")
        ranges = item.get("range_constraints")
        for key in ranges if isinstance(ranges, dict) else ():
            _expression(job, key, f"{where}{path}")


def _allowed_target(target: str) -> bool:
    parts = target.split(".")
    if not all(re.fullmatch(r"[A-Za-z_]\w*", p) for p in parts) or "__" in target.replace("__and__", ""):
        return False
    if parts[:3] == ["torch", "ops", "aten"] or parts[:3] == ["torch", "ops", "prims"]:
        return len(parts) in (4, 5) and not set(parts) & _REACHES_OUT
    if len(parts) != 2:
        return False
    return parts[1] in {"_operator": _OPERATORS, "torch": _TORCH, "math": _MATH}.get(parts[0], frozenset())


def _expression(job: Job, text: str, where: str) -> None:
    """A symbolic size goes through an evaluator: only numbers, symbols and plain arithmetic may stand in it."""
    if len(text) <= 2000:
        text = _SYMBOL.sub(r"\1", text)
    words = re.findall(r"\w+", text)
    if len(text) > 2000 or not _EXPRESSION.match(text) or not all(_WORD.match(w) for w in words):
        job.mark("dangerous", f"a symbolic size is no arithmetic: {printable(text, 80)}", None, where)
