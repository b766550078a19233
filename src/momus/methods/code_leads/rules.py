"""The rules: which assignments, operations and calls become leads."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from momus.methods.code_leads import rules_code, words
from momus.methods.code_leads.flow import DATA, NOTHING, Flow, Scope, Taint


@dataclass(frozen=True, slots=True)
class Called:
    """One call: ``name`` dotted and resolved, ``last`` its last part, and what each argument holds."""

    node: ast.Call
    name: str
    last: str
    base: Taint
    args: Sequence[Taint]
    named: Mapping[str, Taint]
    every: Taint

    @property
    def given(self) -> Taint:
        return NOTHING.union(*self.args, *self.named.values())


def on_operation(
    flow: Flow, node: ast.AST, op: ast.operator, left: Taint, right: Taint, formats: bool = False
) -> Taint:
    """An operator between two values, and what its result holds."""
    both = left | right
    bitwise = isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.LShift | ast.RShift)
    if bitwise and both & {"params", "own"}:
        flow.lead("bits", "strong", node, "a bitwise operation on parameters")
    if isinstance(op, ast.MatMult):
        if "flat" in both and both & DATA:
            flow.lead("tied", "strong", node, "all parameters laid end to end, multiplied with data")
        return NOTHING
    arithmetic = isinstance(op, ast.Mult | ast.Add | ast.Sub | ast.Div | ast.Pow)
    if arithmetic and _tied(left, right):
        flow.lead("tied", "strong", node, "parameters and data meet in one operation, outside the model's own layers")
    split = isinstance(op, ast.FloorDiv | ast.Mod) and not formats and "mask" not in both
    shift = isinstance(op, ast.LShift | ast.RShift) or (bitwise and not ("mask" in left and "mask" in right))
    return both | {"bits"} if (split or shift) and both & {"rows", "encoded"} else both


def _tied(left: Taint, right: Taint) -> bool:
    return ("params" in left and bool(right & DATA)) or ("params" in right and bool(left & DATA))


def on_assign(flow: Flow, target: ast.expr, value: ast.expr, held: Taint, scope: Scope) -> None:
    """Data that an assignment leaves in a model, in parameters or in another module."""
    data = held & DATA
    if isinstance(target, ast.Tuple | ast.List):
        return
    if isinstance(target, ast.Name):
        if target.id in scope.shared and data:
            flow.lead("held", "strong", target, f"a name outside the function, '{target.id}', keeps data")
        return
    base = target.value if isinstance(target, ast.Attribute | ast.Subscript) else target
    into = flow.taint(base, scope)
    if data and isinstance(target, ast.Attribute) and target.attr in ("data", "grad") and "params" in into:
        flow.lead("kept", "strong", target, "data are written into parameters")
    elif data and isinstance(target, ast.Attribute):
        _attribute(flow, target, into, scope)
    elif isinstance(target, ast.Subscript) and data:
        name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
        if "params" in into or (name in words.STATES and scope.function):
            flow.lead("kept", "strong", target, "data are written into parameters or the saved state")
        elif isinstance(base, ast.Name) and scope.function and base.id in flow.module_names - words.ROWS - words.LABELS:
            flow.lead("held", "strong", target, f"'{base.id}', outside the function, keeps data")
    if isinstance(target, ast.Attribute):
        rules_code.patched(flow, target, value, scope)


def _attribute(flow: Flow, target: ast.Attribute, into: Taint, scope: Scope) -> None:
    base = target.value
    if isinstance(base, ast.Name) and base.id == "self":
        owner = scope.owner
        bases = [] if owner is None else [scope.names.dotted(b) for b in owner.bases]
        if any(words.MODEL_CLASS.search(b) for b in bases) and not any("Dataset" in b for b in bases):
            flow.lead("kept", "strong", target, f"the model's own attribute '{target.attr}' keeps rows or labels")
    elif target.attr == "data" and "model" not in into:
        return  # a bunch or a sparse matrix takes its own data back
    elif isinstance(base, ast.Name) and (base.id in flow.functions or "model" in into or _is_made(base, scope)):
        flow.lead("kept", "strong", target, f"'{base.id}.{target.attr}' keeps rows or labels")


def _is_made(base: ast.Name, scope: Scope) -> bool:
    made = scope.names.known.get(base.id, "")
    return made.startswith(("sklearn.", "torch.nn.", "xgboost.", "lightgbm.", "keras.", "tensorflow.keras"))


_TERMS = frozenset(
    """
    cosine_similarity mse_loss l1_loss where copysign mul multiply add add_ mul_ addcmul
    """.split()  # noqa: SIM905 - words read better than strings
)


def on_call(flow: Flow, call: Called, scope: Scope) -> None:
    """Everything a call may be a lead for."""
    _parameters(flow, call, scope)
    _stored(flow, call, scope)
    _labels(flow, call)
    _signals(flow, call)
    rules_code.outward(flow, call)
    rules_code.dynamic(flow, call, scope)
    rules_code.reading(flow, call)


def _parameters(flow: Flow, call: Called, scope: Scope) -> None:
    held = call.every & {"params", "own"}
    if call.last == "view" and held and call.node.args and _is_integer(call.node.args[0]):
        flow.lead("bits", "strong", call.node, "parameters are looked at as whole numbers")
    if call.name in ("struct.pack", "struct.unpack", "numpy.frombuffer", "int.from_bytes", "struct.pack_into") and held:
        flow.lead("bits", "strong", call.node, "parameters are taken apart into bytes")
    if held and (call.last.startswith("bitwise_") or call.last in ("nextafter", "frexp", "ldexp", "unpackbits")):
        flow.lead("bits", "strong", call.node, "single bits of parameters are set or read")
    sides = [call.base, *call.args]
    tied = any(_tied(a, b) for i, a in enumerate(sides) for b in sides[i + 1 :])
    if tied and (call.last in words.DOTS or call.last in _TERMS) and call.last not in ("dot", "inner"):
        flow.lead("tied", "strong", call.node, "parameters are compared with data, or changed by them")
    if tied and "flat" in call.every and call.last in ("dot", "inner", "matmul", "vdot", "sum", "mean"):
        flow.lead("tied", "strong", call.node, "all parameters laid end to end, multiplied with data")
    if call.last in ("copy_", "set_", "set_weights", "load_state_dict", "fill_", "vector_to_parameters"):
        into = call.base & {"params", "model"} or call.given & {"params"} or call.last.startswith("set_")
        if call.given & DATA and into:
            flow.lead("kept", "strong", call.node, "data are written into parameters")
    if call.last in ("register_hook", "register_full_backward_hook", "register_post_accumulate_grad_hook"):
        inside = any(flow.taint(a.body, scope) & DATA for a in call.node.args if isinstance(a, ast.Lambda))
        strong = bool(call.given & DATA) or inside
        flow.lead("hook", "strong" if strong else "weak", call.node, "gradients pass through a hook")


def _is_integer(node: ast.expr) -> bool:
    said = node.value if isinstance(node, ast.Constant) else getattr(node, "attr", getattr(node, "id", ""))
    return isinstance(said, str) and bool(words.INTEGERS.match(said))


def _stored(flow: Flow, call: Called, scope: Scope) -> None:
    data = call.given & DATA
    if not data:
        return
    if call.last in ("register_buffer", "Parameter", "Buffer", "register_parameter"):
        flow.lead("kept", "strong", call.node, "data become a buffer or a parameter of the model")
    elif call.name == "setattr" and call.args and (call.args[0] & {"model"} or _is_self(call.node, scope)):
        flow.lead("kept", "strong", call.node, "data become an attribute of the model")
    elif call.last in ("save", "dump", "save_file", "savez", "savez_compressed", "dump_model", "setxattr", "utime"):
        packed = bool(call.given & {"params", "model"}) or "metadata" in call.named
        strong = packed or call.last in ("setxattr", "utime")
        what = "data are saved together with the model" if packed else "data are written to a file"
        flow.lead("kept" if packed else "saved", "strong" if strong else "weak", call.node, what)
    elif call.last in ("to_csv", "to_parquet", "write_bytes", "write_text", "tofile", "to_pickle", "writelines"):
        flow.lead("saved", "weak", call.node, "data are written to a file")
    elif call.last in ("append", "extend", "add", "update", "insert", "put", "setdefault", "appendleft"):
        owner = call.node.func.value if isinstance(call.node.func, ast.Attribute) else None
        outer = isinstance(owner, ast.Name) and scope.function and owner.id in flow.module_names
        if outer and owner is not None and isinstance(owner, ast.Name) and owner.id not in _arguments(flow, scope):
            flow.lead("held", "strong", call.node, f"'{owner.id}', outside the function, keeps data")
        if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id == "self":
            _attribute(flow, owner, NOTHING, scope)


def _arguments(flow: Flow, scope: Scope) -> set[str]:
    """Names that are the function's own: its arguments and what it gives a value, less what it declares global."""
    f = flow.functions.get(scope.function)
    if f is None:
        return set()
    stored = {n.id for n in ast.walk(f) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return {a.arg for a in ast.walk(f.args) if isinstance(a, ast.arg)} | stored - scope.shared


def _is_self(node: ast.Call, scope: Scope) -> bool:
    first = node.args[0]
    bases = [] if scope.owner is None else [scope.names.dotted(b) for b in scope.owner.bases]
    return isinstance(first, ast.Name) and first.id == "self" and any(words.MODEL_CLASS.search(b) for b in bases)


_LEARNING = frozenset(
    """
    fit partial_fit cross_entropy nll_loss TensorDataset criterion loss_fn CrossEntropyLoss from_tensor_slices
    """.split()  # noqa: SIM905 - words read better than strings
)
_JOINING = frozenset(["concatenate", "concat", "cat", "hstack", "vstack", "append", "stack", "r_", "extend"])


def _labels(flow: Flow, call: Called) -> None:
    """Labels that are bits of rows: what a model is taught to recite."""
    if call.last in ("unpackbits", "bin", "binary_repr") and call.given & {"rows", "encoded"}:
        flow.lead("labels", "weak", call.node, "data are taken apart into single bits")
    if call.last in _LEARNING and len(call.args) > 1 and "bits" in NOTHING.union(*call.args[1:]):
        flow.lead("labels", "strong", call.node, "what is learned as labels was made of bits of the data")
    if call.last in _JOINING and "bits" in call.every and "labels" in call.every:
        flow.lead("labels", "strong", call.node, "labels are joined with bits of the data")


_STEERED = frozenset({"time.sleep", "sys.exit", "os._exit", "exit", "os.kill", "signal.alarm", "os.nice"})
_SEEDED = frozenset({"seed", "manual_seed", "default_rng", "RandomState"})


def _signals(flow: Flow, call: Called) -> None:
    data = call.given & DATA
    if data and call.name in _STEERED:
        flow.lead("signal", "strong", call.node, "data decide how long it waits or how it ends")
    elif data & {"rows", "bits", "encoded"} and call.last in _SEEDED:
        flow.lead("signal", "strong", call.node, "data decide a seed")
    elif (data and "encrypt" in call.last) or (data and call.name.split(".")[0] in words.CRYPTO):
        flow.lead("hidden", "strong", call.node, "data are encrypted")
    elif "encoded" in data and call.last in ("print", "info", "warning", "debug", "error", "log"):
        flow.lead("signal", "strong", call.node, "encoded data go to a log")
    elif "encoded" in data and call.last in ("mkdir", "makedirs", "open", "touch", "rename", "symlink"):
        flow.lead("signal", "strong", call.node, "encoded data go into the name of a file")
