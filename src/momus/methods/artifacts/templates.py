"""Chat templates and other Jinja: parsed by Jinja's own parser and judged by the tree. Nothing is rendered.

A template runs in every program that formats a prompt with it, in some of them without a sandbox. Honest ones loop over
messages and cut texts; the ways out of the sandbox all need names with two underscores, a few filters, or globals that
no chat template is given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from momus.methods.artifacts.report import Job
from momus.methods.artifacts.rulings import printable

_LARGEST = 256 << 10  # the largest that models come with have a tenth of it
_RANGE = 100_000
_GLOBALS = frozenset(
    re.split(
        " ",
        "range dict namespace raise_exception strftime_now messages tools documents bos_token eos_token loop "
        "add_generation_prompt caller super self varargs kwargs true false none True False None",
    )
)
_GRAVE_GLOBALS = frozenset(
    re.split(
        " ",
        "open eval exec compile __import__ import os sys subprocess builtins getattr setattr globals locals vars",
    )
)
# what web frameworks and Jinja itself hand to templates; harmless alone, and the usual first step of a way out
_ODD_GLOBALS = frozenset(
    ["get_flashed_messages", "url_for", "request", "lipsum", "cycler", "joiner", "config", "session", "application"]
)
_SHOWN_NAMES = frozenset(["__repr__", "__str__", "__name__", "__doc__", "__len__", "__version__"])
_REACHES = frozenset(
    re.split(
        " ",
        "mro gi_frame gi_code gi_yieldfrom f_globals f_locals f_builtins f_code func_globals func_code co_code "
        "cr_frame ag_frame tb_frame tb_next popen system subprocess im_func im_class environment undefined",
    )
)
_STATEMENT = re.compile(r"\{%-?\s*(if|for|set|macro|import|include|extends|from|call|filter|raw|block|generation)\b")

_REACHING = re.compile(r"\{\{[^}\n]{0,80}(\.|\[['\"]|\|\s*attr)\s*\(?['\"]?__\w+__")


def is_template(text: str) -> bool:
    """Whether a text is a Jinja template: it has a statement of one, starts with an expression, or reaches in one."""
    head = text[: 1 << 16]
    return bool(_STATEMENT.search(head) or head.lstrip().startswith("{{") or _REACHING.search(head))


def judge(job: Job, text: str, where: str) -> None:
    """Mark whatever in a chat template goes beyond formatting."""
    what = "the chat template"
    if "{" not in text:
        return
    if len(text) > _LARGEST:
        job.mark("suspicious", f"{what} has more than {_LARGEST >> 10} KiB", 0, where, opcode="template")
        return
    job.check_time()
    tree = _tree(text)
    if isinstance(tree, str):
        job.mark("suspicious", f"{what} cannot be parsed: {tree}", 0, where, opcode="template")
        _words(job, text, where, what)
        return
    _walk(job, tree, where, what)


def judge_page(job: Job, text: str, where: str) -> bool:
    """A template of another kind, whose program hands it functions of its own; False for a text that is none."""
    tree = _tree(text) if len(text) <= _LARGEST else "too long"
    if isinstance(tree, str):
        _words(job, text, where, "the text")
        return False
    chat = "messages" in text or "bos_token" in text
    _walk(job, tree, where, "the chat template" if chat else "the template")
    return True


def _tree(text: str) -> Any:
    """The syntax tree, or a few words on why there is none."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        """The tag that training frameworks put around what the assistant says."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    try:
        env = jinja2.Environment(  # noqa: S701
            extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", "jinja2.ext.i18n", Generation],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        return jinja2.parser.Parser(env, text).parse()  # Environment.parse runs a stub of code where it fails
    except jinja2.TemplateError as error:
        return printable(str(error), 80)
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        return type(error).__name__


def _walk(job: Job, tree: Any, where: str, what: str) -> None:
    from jinja2 import nodes

    own = {n.name for n in tree.find_all(nodes.Name) if n.ctx in ("store", "param")}
    own |= {n.name for n in tree.find_all(nodes.Macro)}
    stack, loops = [(tree, 0)], 0
    while stack:
        node, loops = stack.pop()
        _node(job, node, nodes, own, where, what)
        if isinstance(node, nodes.For):
            loops += _endless(node.iter, nodes)
            if loops >= 2:
                job.mark("dangerous", f"{what} loops without an end in sight", None, where, opcode="for",
                         reason="nested loops over large ranges exhaust the machine")  # fmt: skip
        stack += [(child, loops) for child in node.iter_child_nodes()]


def _endless(node: Any, nodes: Any) -> int:
    """1 for a loop over a large range: two of them inside one another never end."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range":
        return int(any(_number(a, nodes) > 1000 for a in node.args))
    return 0


def _number(node: Any, nodes: Any) -> float:
    """An upper estimate of a numeric expression of constants."""
    if isinstance(node, nodes.Const) and isinstance(node.value, int | float):
        return float(min(abs(node.value), 1e300))
    if isinstance(node, nodes.Pow):
        base, power = _number(node.left, nodes), _number(node.right, nodes)
        return 1e300 if base > 1 and power * math.log10(base) > 300 else float(base ** min(power, 1e3))
    if isinstance(node, nodes.Mul):
        return float(min(_number(node.left, nodes) * _number(node.right, nodes), 1e300))
    if isinstance(node, nodes.Add):
        return _number(node.left, nodes) + _number(node.right, nodes)
    return 0.0


def _node(job: Job, node: Any, nodes: Any, own: set[str], where: str, what: str) -> None:
    line = getattr(node, "lineno", None)

    def mark(severity: Any, does: str, call: str = "") -> None:
        job.mark(
            severity, f"{what}, line {line}: {does}", None, where, opcode=type(node).__name__, call=call, reason=does
        )

    if isinstance(node, nodes.Getattr):
        _attribute(mark, node.attr)
    elif isinstance(node, nodes.Keyword) and node.key.startswith("__"):
        mark("dangerous", f"spells {printable(node.key, 40)}")
    elif isinstance(node, nodes.Getitem):
        for text in _texts(node.arg, nodes):
            _attribute(mark, text)
    elif isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
        mark("suspicious", "reads another file")
    elif isinstance(node, nodes.Filter):
        if node.name in ("attr", "map") and _hidden_attribute(node, nodes):
            mark(
                "dangerous" if _grave_text(node, nodes) else "suspicious",
                f"the filter {node.name} reaches an attribute by name",
            )
        elif node.name in ("center", "indent", "wordwrap", "batch", "format") and any(
            _number(a, nodes) > _RANGE for a in node.args
        ):
            mark("dangerous", f"the filter {node.name} writes without bounds")
    elif isinstance(node, nodes.Call):
        _call(mark, node, nodes, own, "suspicious" if what == "the chat template" else "note")
    elif isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _GRAVE_GLOBALS and node.name not in own:
        mark("dangerous", f"reaches for {node.name}")
    elif isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _ODD_GLOBALS and node.name not in own:
        mark("suspicious" if what == "the chat template" else "note", f"uses {node.name}")
    elif isinstance(node, nodes.Pow | nodes.Mul) and _big(node, nodes):
        mark("dangerous", "computes a value that exhausts the machine")
    elif (
        isinstance(node, nodes.Const)
        and isinstance(node.value, str)
        and re.search(r"__(class|globals|builtins|import|subclasses|mro|init|base)", node.value)
    ):
        mark("dangerous", f"spells {printable(node.value, 40)}")


def _attribute(mark: Any, name: str) -> None:
    if name in _SHOWN_NAMES:
        mark("suspicious", f"reaches for the attribute {name}", name)
    elif (name.startswith("__") and name.endswith("__")) or name in _REACHES:
        mark("dangerous", f"reaches for the attribute {printable(name, 40)}", printable(name, 80))
    elif name.startswith("_") and len(name) > 1:
        mark("suspicious", f"reaches for the private attribute {printable(name, 40)}", printable(name, 80))


def _texts(node: Any, nodes: Any) -> list[str]:
    """Texts that an expression of constants may stand for."""
    if isinstance(node, nodes.Const):
        return [str(node.value)]
    if isinstance(node, nodes.Add | nodes.Concat):
        parts = node.nodes if isinstance(node, nodes.Concat) else [node.left, node.right]
        return ["".join("".join(_texts(p, nodes)) for p in parts)]
    return []


def _hidden_attribute(node: Any, nodes: Any) -> bool:
    if node.name == "attr":
        return True
    named = [k for k in node.kwargs if k.key == "attribute"]
    return any(not isinstance(k.value, nodes.Const) or _private(str(k.value.value)) for k in named) or (
        bool(node.args) and isinstance(node.args[0], nodes.Const) and node.args[0].value == "attr"
    )


def _private(path: str) -> bool:
    return any(p.startswith("_") or p in _REACHES for p in path.split("."))


def _grave_text(node: Any, nodes: Any) -> bool:
    """Whether a constant below spells a private name, or the name is put together at run time."""
    inside = [*node.args, *(k.value for k in node.kwargs)]
    texts = [t for a in inside for t in _texts(a, nodes)]
    return any("_" in t[:1] or _private(t) for t in texts) or len(texts) < len(inside)


def _call(mark: Any, node: Any, nodes: Any, own: set[str], foreign: str) -> None:
    called = node.node
    if isinstance(called, nodes.Name):
        if called.name in _GRAVE_GLOBALS | _ODD_GLOBALS and called.name not in own:
            return  # the name itself is marked
        if called.name not in _GLOBALS and called.name not in own:
            mark(
                foreign,
                f"calls {printable(called.name, 40)}, which no chat template is given",
                printable(called.name),
            )
        if called.name == "range" and any(_number(a, nodes) > _RANGE for a in node.args):
            mark("dangerous", "counts beyond all bounds")
    elif isinstance(called, nodes.Getattr) and called.attr in ("format", "format_map") and _braces(called.node, nodes):
        mark("dangerous", f"reaches an attribute through {called.attr}")


def _braces(node: Any, nodes: Any) -> bool:
    """Whether a format text reaches for attributes: {0.__class__}."""
    return any("._" in t or "[_" in t or ".__" in t for t in _texts(node, nodes))


def _big(node: Any, nodes: Any) -> bool:
    if isinstance(node, nodes.Mul):
        text = any(
            (isinstance(s, nodes.Const) and isinstance(s.value, str)) or isinstance(s, nodes.List)
            for s in (node.left, node.right)
        )
        return text and max(_number(node.left, nodes), _number(node.right, nodes)) > 10_000_000
    return _number(node.right, nodes) > 1_000_000 or _number(node, nodes) >= 1e300


_WORDS = re.compile(
    r"__\w+__|\b(popen|system|subprocess|eval|exec|os\.|builtins|lipsum|cycler|joiner)\b\s*[.(|\[]?|\|\s*attr\b"
)


def _words(job: Job, text: str, where: str, what: str) -> None:
    """What a template that no parser takes still spells, inside its braces."""
    for start, inside in _braced(text[:_LARGEST]):
        word = _WORDS.search(inside)
        if word and ("__" in word[0] or "attr" in word[0] or word[0].rstrip("(.|[ ") in _GRAVE_GLOBALS | _REACHES):
            job.mark("dangerous", f"{what} reaches for '{printable(word[0], 40)}'", start, where, opcode="template",
                     reason="spells a way out of the sandbox")  # fmt: skip
            return


def _braced(text: str) -> Iterator[tuple[int, str]]:
    """What stands between the braces of a template, each with its place."""
    at = 0
    while True:
        starts = [i for i in (text.find("{{", at), text.find("{%", at)) if i >= 0]
        if not starts:
            return
        start = min(starts)
        end = text.find("}}" if text[start + 1] == "{" else "%}", start + 2)
        if end < 0:
            return
        yield start, text[start:end]
        at = end + 2
