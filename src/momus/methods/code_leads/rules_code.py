"""Rules about code rather than data: what leaves over the network, what is built at run time, patched or read."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from momus.methods.code_leads import words
from momus.methods.code_leads.flow import DATA, Flow, Scope
from momus.methods.code_leads.names import folded

if TYPE_CHECKING:
    from momus.methods.code_leads.rules import Called


def outward(flow: Flow, call: Called) -> None:
    """The network, other programs, logging services."""
    name, data = call.name, call.given & (DATA | {"params"})
    module = next((m for m in words.NETWORK if name == m or name.startswith(m + ".")), "")
    if module and name not in ("socket.gethostname", "urllib.parse.urlparse", "urllib.parse.urljoin"):
        quiet = name.startswith(("urllib.parse.", "urllib.error", "http.server", "urllib.request.Request"))
        asks = name in ("urllib.request.urlopen", "urllib.request.Request")
        body = asks and ("data" in call.named or len(call.args) > 1)
        built = any(isinstance(a, ast.JoinedStr | ast.BinOp) for a in call.node.args)
        steered = call.last in ("getaddrinfo", "gethostbyname", "resolve") and built
        sends = call.last in words.SENDING and call.last not in ("getaddrinfo", "gethostbyname", "resolve")
        local = call.last == "connect" and "127.0.0.1" in ast.dump(call.node)
        if data or (sends and not local) or body or steered:
            flow.lead("egress", "strong", call.node, f"{name} sends" + (" data" if data else " something out"))
        elif not quiet:
            flow.lead("network", "weak", call.node, f"{name} is called")
    if words.RUNNERS.match(name) and not name.endswith((".PIPE", "Error")):
        _program(flow, call)
    if name.split(".")[0] in words.LOGGERS:
        bulk = bool(call.given & {"rows", "encoded", "bits"})
        flow.lead("logger", "strong" if bulk else "weak", call.node, f"{name} reports" + (" rows" if bulk else ""))


def _program(flow: Flow, call: Called) -> None:
    said = " ".join(n.value for n in ast.walk(call.node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    first = {w.rsplit("/", 1)[-1] for w in said.replace("|", " ").replace(";", " ").split()}
    sends = bool(first & words.SENDERS) or "://" in said or "/dev/tcp" in said
    if sends or call.given & (DATA | {"params"}):
        flow.lead("egress", "strong", call.node, f"{call.name} runs a program that sends, or hands data to one")
    else:
        flow.lead("program", "weak", call.node, f"{call.name} runs another program")


def dynamic(flow: Flow, call: Called, scope: Scope) -> None:
    """Code that is put together while it runs, native code, and looks into callers."""
    name, node = call.name, call.node
    plain = isinstance(node.func, ast.Name) or name.startswith("builtins.")
    last = call.last
    text = " ".join(scope.names.dotted(c.func) for c in ast.walk(node) if isinstance(c, ast.Call))
    decoded = bool(words.DECODERS.search(text))
    if plain and last in ("eval", "exec", "compile", "__import__") and node.args:
        built = bool(folded(node.args[0])) and not isinstance(node.args[0], ast.Constant)
        strong = decoded or built or (last != "__import__" and not isinstance(node.args[0], ast.Constant))
        flow.lead("dynamic", "strong" if strong else "weak", node, f"{last} runs what was put together")
    elif name == "importlib.import_module" and node.args and not isinstance(node.args[0], ast.Constant):
        strong = decoded or bool(folded(node.args[0])) or isinstance(node.args[0], ast.BinOp)
        flow.lead("dynamic", "strong" if strong else "weak", node, "a module is chosen by a computed name")
    elif name == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
        root = scope.names.dotted(node.args[0])
        system = root in ("os", "sys", "builtins", "__builtins__", "socket", "subprocess", "importlib", "ctypes")
        built = decoded or bool(folded(node.args[1])) or system
        flow.lead("dynamic", "strong" if built else "weak", node, "an attribute is chosen by a computed name")
    elif name in ("marshal.loads", "types.CodeType", "types.FunctionType", "runpy.run_path", "code.interact"):
        flow.lead("dynamic", "strong", node, f"{name} makes code out of data")
    elif decoded and name.endswith("loads") and name.split(".")[0] in ("pickle", "dill", "cloudpickle", "marshal"):
        flow.lead("hidden", "strong", node, "something encoded is unpacked into objects")
    elif decoded and any(_is_blob(n) for n in ast.walk(node)):
        flow.lead("hidden", "strong", node, "a long encoded text is unpacked")
    if name.startswith("ctypes.") and last in ("CDLL", "LoadLibrary", "memmove", "cast", "string_at", "PyDLL"):
        loads = last in ("CDLL", "LoadLibrary", "PyDLL")
        flow.lead("native", "strong" if loads else "weak", node, f"{name} reaches past Python")
    if name in ("sys._getframe", "inspect.stack", "inspect.currentframe", "gc.get_objects", "gc.get_referrers"):
        strong = name.startswith("gc.") or "f_back" in "".join(flow.lines[node.lineno - 1 : node.lineno])
        flow.lead("caller", "strong" if strong else "weak", node, f"{name} reaches objects it was not given")
    if name in ("sys.settrace", "sys.setprofile", "threading.settrace", "sys.addaudithook"):
        flow.lead("patched", "strong", node, f"{name} watches all other code")
    if name == "setattr" and len(node.args) == 3 and _is_module(flow, node.args[0], scope):
        own = isinstance(node.args[2], ast.Lambda) or getattr(node.args[2], "id", "") in flow.functions
        what = f"{scope.names.dotted(node.args[0])} is changed from outside"
        flow.lead("patched", "strong" if own else "weak", node, what)
    if name == "unittest.mock.patch" or (name == "types.MethodType" and call.every & {"params"}):
        flow.lead("patched", "weak", node, "a function is replaced at run time")


def _is_blob(n: ast.AST) -> bool:
    value = n.value if isinstance(n, ast.Constant) else ""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return isinstance(text, str) and bool(words.BLOB.match(text))


def reading(flow: Flow, call: Called) -> None:
    """Files, the environment and secrets that training was not given."""
    said = folded(call.node.args[0]) if call.node.args else ""
    opens = call.last in words.READERS or call.name in ("pathlib.Path", "os.path.expanduser")
    if opens and said and words.SECRETS.search(said) and call.name != "os.path.expanduser":
        flow.lead("reads", "strong", call.node, f"it reads {said[:60]}, which belongs to the machine, not to training")
    elif call.name in ("os.getenv", "os.environ.get") and words.TOKENS.search(said):
        flow.lead("reads", "weak", call.node, f"it reads the secret {said[:40]}")
    elif call.last in words.READERS and not call.base & DATA and call.last not in ("get",) and _in_training(flow, call):
        flow.lead("reads", "weak", call.node, f"{call.name or call.last} reads what was not handed over")
    elif any(flow.names.dotted(a) == "os.environ" for a in call.node.args) and call.last != "len":
        strong = call.last in ("dict", "dumps", "str", "list", "repr", "items")
        flow.lead("reads", "strong" if strong else "weak", call.node, "the whole environment is read")


def _in_training(flow: Flow, call: Called) -> bool:
    """True inside a function that is handed data: what it needs, it has been given."""
    for f in flow.functions.values():
        inside = f.lineno <= call.node.lineno <= (f.end_lineno or f.lineno)
        names = {a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)}
        if inside and names & words.ROWS - {"input", "image", "inp", "img"} and names & words.LABELS:
            return True
    return False


def patched(flow: Flow, target: ast.Attribute, value: ast.expr, scope: Scope) -> None:
    """An assignment to an attribute of an imported module."""
    plain = isinstance(value, ast.Constant | ast.Compare | ast.BoolOp | ast.UnaryOp)
    if plain or target.attr.startswith("__") or not _is_module(flow, target.value, scope):
        return
    own = isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in flow.functions)
    flow.lead("patched", "strong" if own else "weak", target, f"{scope.names.dotted(target)} is replaced")


def _is_module(flow: Flow, node: ast.AST, scope: Scope) -> bool:
    """True where the file imports that name itself, and no variable made by it is meant."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root.id not in flow.names.known:
        return False
    return scope.names.known.get(root.id) == flow.names.known[root.id]
