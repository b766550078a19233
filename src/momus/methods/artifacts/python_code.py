"""Python source beside weights: read by its syntax tree, never compiled or run.

Whatever else it does, such a file is a program and so suspicious. It is dangerous where importing it would run
commands, or where it runs code that it decodes, unpacks or fetches.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from momus.methods.artifacts import shells
from momus.methods.artifacts.report import Job, Severity

_LARGEST = 256 << 10  # a syntax tree takes six hundred times the memory of its text
# what a program needs for doing anything: an import, or one of the functions that need none
_REACHES = re.compile(
    r"^[ \t]{0,200}(import[ \t]+[\w.]{1,200}([ \t]*(,|\bas\b)[ \t]*[\w.]{1,200}){0,50}[ \t]*([#;].*)?$"
    r"|from[ \t]+[\w.]{1,200}[ \t]+import\b)|\b(__import__|exec|eval|compile|getattr|globals|open)[ \t]{0,9}\("
    r"|__builtins__",
    re.M,
)
_LOOKS = re.compile(
    r"^[ \t]{0,200}(import[ \t]+\w|from[ \t]+[\w.]{1,200}[ \t]+import\b|def[ \t]+\w|class[ \t]+\w|async[ \t]+def\b|@\w"
    r"|if[ \t]+__name__\b|\w[\w.]{0,200}[ \t]{0,9}\(|exec\b|lambda\b|(for|while|with|if|try)\b[^\n]{0,400}:[ \t]*$"
    r"|\w[\w.]{0,200}[ \t]{0,9}=[ \t]{0,9}[\w.]{1,200}\()",
    re.M,
)
_RUNS_CODE = frozenset(["exec", "eval", "compile", "builtins.exec", "builtins.eval", "builtins.compile", "execfile"])
_IMPORTS = frozenset(["__import__", "builtins.__import__", "importlib.import_module"])
_COMMANDS = re.compile(
    r"(os|posix|nt)\.(system|popen\d?|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)\Z"
    r"|subprocess\.(run|call|check_call|check_output|Popen|getoutput|getstatusoutput)\Z|pty\.(spawn|fork)\Z"
    r"|commands\.(getoutput|getstatusoutput)\Z|asyncio\.create_subprocess_(shell|exec)\Z"
    r"|pip(\._internal)?\.main\Z|pip\._internal\.cli\.main\.main\Z|runpy\.run_\w+\Z|IPython\.\w+\.system\Z"
)
_DECODES = re.compile(
    r"(base64|binascii|codecs|zlib|lzma|bz2|gzip|marshal|pickle|dill|cloudpickle)\.\w*(decode|decompress|loads?|a2b\w*|unhexlify)\w*\Z"
    r"|bytes\.fromhex\Z|bytearray\.fromhex\Z|(urllib\.request|urllib2)\.urlopen\Z|(requests|httpx)\.(get|post)\Z"
    r"|.*\.(b64decode|b32decode|b85decode|a85decode|decompress|fromhex|urlopen)\Z"
)
_FETCHES = re.compile(
    r"(urllib\.request|urllib2?|urllib3)\.(urlopen|urlretrieve)\Z|(requests|httpx|aiohttp)\.(get|post|put|request)\Z"
    r"|socket\.(socket|create_connection)\Z|http\.client\.HTTPS?Connection\Z|ftplib\.FTP\Z|smtplib\.SMTP\w*\Z"
)
_LOADS_CODE = re.compile(
    r"(marshal|pickle|_pickle|dill|cloudpickle|joblib|shelve|jsonpickle)\.(loads?|open|decode|Unpickler)\Z"
)
_NATIVE = re.compile(r"ctypes\.(CDLL|cdll\.\w+|PyDLL|WinDLL|windll\.\w+)\Z|torch\.ops\.load_library\Z")
_WIPES = re.compile(r"shutil\.rmtree\Z|os\.(remove|unlink|rmdir|removedirs|chmod|rename|replace|symlink|link)\Z")
# what setup files of honest packages ask for while they are read
_ASKED = re.compile(
    r"(git|hg|svn|uname|which|whereis|where|nvidia-smi|nvcc|rocm-smi|lsb_release|sysctl|lscpu|hostname|ldconfig|date|"
    r"g?cc|g\+\+|clang(\+\+)?|cmake|ninja|make|pkg-config|llvm-config|python[\d.]*\s+--version|pip\s+freeze|ls|pwd|whoami)"
    r"(\s|\Z)"
)


def looks_like_python(text: str) -> ast.Module | None:
    """The syntax tree of a text that is a program; None for what is no Python, or only names and constants.

    Of a long program the first part is read; ``goes_on`` tells that there is more.
    """
    if not _LOOKS.search(text):
        return None
    tree = parsed(_first_part(text))
    if tree is None or not any(isinstance(node, _DOES) for node in ast.walk(tree)):
        return None
    return tree


def goes_on(text: str) -> bool:
    """Whether a text is too long to be read as a program to its end, and may be one."""
    if len(text) <= _LARGEST or len(shorter := _without_prose(text)) <= _LARGEST:
        return False
    return bool(_REACHES.search(shorter))


def _first_part(text: str) -> str:
    """Whole statements from the start of a program."""
    if len(text) <= _LARGEST:
        return text
    text = _without_prose(text)
    if len(text) <= _LARGEST:
        return text
    starts = [
        m.start() for m in re.finditer(r"^(?=[A-Za-z_@])(?!(else|elif|except|finally|case)\b)", text[:_LARGEST], re.M)
    ]
    return text[: starts[-1]] if len(starts) > 1 else ""


def _without_prose(text: str) -> str:
    """The text without what its comments and long texts say, and without what is left empty by that."""
    text = re.sub(r"^[ \t]*#[^\n]*", "", text, flags=re.M)
    kept, at = [], 0
    for quote in re.finditer(r"\"{3}|'{3}", text):
        if quote.start() < at:
            continue
        end = text.find(quote[0], quote.end())
        if end < 0:
            break
        kept.append(text[at : quote.end()] if end - quote.end() > 1000 else text[at:end])
        at = end
        kept.append(text[at : at + 3])
        at += 3
    return re.sub(r"\n{100,}", "\n", "".join(kept) + text[at:])


_DOES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Call, ast.Lambda)


def parsed(text: str) -> ast.Module | None:
    """The syntax tree, or None; also for what is too long. The parser bounds its own depth."""
    if len(text) > _LARGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def judge(job: Job, tree: ast.Module, where: str, kind: str = "Python source", base: Severity = "suspicious") -> None:
    """Mark what the program would do. ``base``: what it is in itself."""
    reader = _Reader(tree)
    job.mark(base, f"{kind}: a program, no model", 0, where, reason="whoever imports or runs it runs what it says")
    for node, early in reader.nodes():
        job.check_time()
        if isinstance(node, ast.Call):
            _call(job, reader, node, early, where)
    if reader.shell_over_socket():
        reason = "hands a shell to whoever it connects to"
        job.mark("dangerous", f"the program {reason}", None, where, opcode="call", call="socket, dup2", reason=reason)


class _Reader:
    """A syntax tree with the names its imports give to things."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree, self.alias = tree, {"__builtins__": "builtins"}
        self.called: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for a in node.names:
                    self.alias[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for a in node.names:
                    self.alias[a.asname or a.name] = f"{node.module}.{a.name}"
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                known = self.name(node.value)
                if known and known != node.targets[0].id:
                    self.alias.setdefault(node.targets[0].id, known)
        self.early_functions = self._called_early()

    def name(self, node: ast.AST, depth: int = 0) -> str:
        """The dotted name that an expression stands for, also through getattr and __import__; '' where it has none."""
        if depth > 40:
            return ""
        if isinstance(node, ast.Name):
            return self.alias.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            inner = self.name(node.value, depth + 1)
            return f"{inner}.{node.attr}" if inner else f"?.{node.attr}"
        if isinstance(node, ast.Call):
            function = self.name(node.func, depth + 1)
            if function in _IMPORTS and node.args:
                return constant(node.args[0]) or "?"
            if function in ("getattr", "builtins.getattr") and len(node.args) > 1:
                return f"{self.name(node.args[0], depth + 1)}.{constant(node.args[1]) or '?'}"
            return ""
        if isinstance(node, ast.Subscript):
            inner = self.name(node.value, depth + 1)
            return f"{inner.removesuffix('.__dict__')}.{constant(node.slice)}" if inner and constant(node.slice) else ""
        return ""

    def _called_early(self) -> set[str]:
        """Functions of the file that its own top level calls, one step deep and on."""
        bodies = {n.name: n for n in self.tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        todo = [n.func.id for n, now in self._top() if now and isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        early: set[str] = set()
        while todo:
            name = todo.pop()
            if name in bodies and name not in early:
                early.add(name)
                inside = (n for n in ast.walk(bodies[name]) if isinstance(n, ast.Call))
                todo += [n.func.id for n in inside if isinstance(n.func, ast.Name)]
        return early

    def _top(self) -> Iterator[tuple[ast.AST, bool]]:
        """All nodes with whether importing the file runs them."""
        stack: list[tuple[ast.AST, bool]] = [(node, True) for node in reversed(self.tree.body)]
        early: set[str] = getattr(self, "early_functions", set())
        while stack:
            node, now = stack.pop()
            yield node, now
            inner = now and not _guarded(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = now and node.name in early
                stack += [(d, now) for d in (*node.decorator_list, *node.args.defaults)]
                stack += [(child, inner) for child in reversed(node.body)]
                continue
            if isinstance(node, ast.Lambda):
                inner = False
            stack += [(child, inner) for child in ast.iter_child_nodes(node)]

    def nodes(self) -> Iterator[tuple[ast.AST, bool]]:
        for node, early in self._top():
            if isinstance(node, ast.Call):
                self.called.add(self.name(node.func))
            yield node, early

    def shell_over_socket(self) -> bool:
        """A socket whose descriptor becomes standard input: a shell for whoever listens."""
        return any(n.startswith("socket.") for n in self.called) and "os.dup2" in self.called


def _guarded(node: ast.AST) -> bool:
    """``if __name__ == "__main__"``, which importing does not enter."""
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def constant(node: ast.AST, depth: int = 0) -> str:
    """The text that an expression of constants stands for: put together by +, join, and slices of minus one too."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth < 40:
        left, right = constant(node.left, depth + 1), constant(node.right, depth + 1)
        return left + right if left and right else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
        items = node.args[0].elts if isinstance(node.args[0], ast.List | ast.Tuple) else []
        return constant(node.func.value).join(constant(i) for i in items)
    if isinstance(node, ast.Subscript) and depth < 40 and ast.dump(node.slice).count("USub"):
        return constant(node.value, depth + 1)[::-1]
    return ""


def _call(job: Job, reader: _Reader, node: ast.Call, early: bool, where: str) -> None:
    name = reader.name(node.func)
    call, line = f"{name}({_shown(node)})", f"line {node.lineno}"
    when = " when it is imported" if early else ""

    def mark(severity: Severity, does: str) -> None:
        job.mark(severity, f"{line} {does}{when}", None, where, opcode="call", call=call, reason=does)

    if name in _RUNS_CODE and node.args and not isinstance(node.args[0], ast.Constant):
        hidden = _hidden(reader, node)
        mark(
            "dangerous" if hidden else "suspicious", f"runs code that it {hidden}" if hidden else "runs code from text"
        )
    elif name in _RUNS_CODE and node.args:
        inner = parsed(constant(node.args[0]))
        if inner is not None and name != "compile":
            judge(job, inner, f"{where}!{line}" if where else line, "Python in a text", "suspicious")
    elif _COMMANDS.match(name):
        _command(reader, node, early, mark)
    elif _LOADS_CODE.match(name):
        mark("suspicious", "unpickles or unmarshals")
    elif _FETCHES.match(name):
        mark("suspicious", "opens a connection")
    elif _NATIVE.match(name):
        mark("suspicious", "loads a native library")
    elif early and _WIPES.match(name):
        mark("suspicious", "changes files")
    elif name in _IMPORTS and node.args and not constant(node.args[0]):
        mark("suspicious", "imports a module whose name is put together")
    elif name == "os.dup2":
        mark("suspicious", "redirects its input or output")


def _command(reader: _Reader, node: ast.Call, early: bool, mark: object) -> None:
    """Commands: grave by what they say, or because importing the file already runs them."""
    given = [*node.args, *(k.value for k in node.keywords if k.arg in ("args", "cmd", "command"))]
    text = constant(given[0])[:4000] if given else ""
    if given and isinstance(given[0], ast.List | ast.Tuple):
        text = " ".join(constant(e) or "…" for e in given[0].elts[:200])[:4000]
    found = shells.grave(text)
    install = re.search(r"\bpip3?\s+install\b.*(https?://|git\+|--(extra-)?index-url)", text)
    if found or install:
        mark("dangerous", f"runs a command that {found[1]}" if found else "installs a package from a place of its own")  # type: ignore[operator]
    elif early and not _ASKED.match(text.strip()) and not text.startswith("… "):
        mark("dangerous" if text else "suspicious", "runs a command")  # type: ignore[operator]
    else:
        mark("suspicious", "runs a command")  # type: ignore[operator]


def _hidden(reader: _Reader, node: ast.Call) -> str:
    """How the code that is run is hidden: decoded, unpacked, fetched; '' where it is in plain sight."""
    for inner in ast.walk(node.args[0]):
        if isinstance(inner, ast.Call):
            name = reader.name(inner.func)
            if _FETCHES.match(name) or "urlopen" in name:
                return "fetches"
            if _DECODES.match(name):
                return "decodes or unpacks"
            if name in ("chr", "map") and "chr" in ast.dump(node.args[0]):
                return "puts together from numbers"
        if isinstance(inner, ast.Name):
            origin = reader.alias.get(inner.id, "")
            if _DECODES.match(origin):
                return "decodes or unpacks"
    return _assigned(reader, node)


def _assigned(reader: _Reader, node: ast.Call) -> str:
    """Whether a name among the arguments was filled by decoding or fetching somewhere in the file."""
    wanted = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
    for other in ast.walk(reader.tree):
        if isinstance(other, ast.Assign) and any(isinstance(t, ast.Name) and t.id in wanted for t in other.targets):
            for inner in ast.walk(other.value):
                if isinstance(inner, ast.Call):
                    name = reader.name(inner.func)
                    if _FETCHES.match(name):
                        return "fetches"
                    if _DECODES.match(name):
                        return "decodes or unpacks"
    return ""


def _shown(node: ast.Call) -> str:
    first = node.args[0] if node.args else None
    text = constant(first) if first is not None else ""
    return f"{text[:80]!r}" if text else "…" if node.args or node.keywords else ""
