"""YAML by its events: tags that build objects, anchors that multiply, and the plain value for what else is known.

Nothing is constructed: the parser of PyYAML only reports what stands in the text.
"""

from __future__ import annotations

import re
from typing import Any

from momus.methods.artifacts import configs
from momus.methods.artifacts.policy import rule_for
from momus.methods.artifacts.report import Job, TooMuch
from momus.methods.artifacts.rulings import printable

_LARGEST = 8 << 20
_STARTS = re.compile(r"(---|%YAML|- |[\w.\-/'\"$\\ ]{1,80}:(\s|$)|[{\[!&])")
_TAGGED = re.compile(r"(^|[\s:\-\[{,])!{1,2}(<tag:)?[A-Za-z]", re.M)
_CORE = "tag:yaml.org,2002:"
_PLAIN = frozenset("bool int float str null binary timestamp map seq set omap pairs merge value".split())  # noqa: SIM905
_PYTHON_PLAIN = frozenset("none bool str unicode bytes int long float complex list tuple dict".split())  # noqa: SIM905
_HARMLESS = frozenset(["collections.OrderedDict", "collections.defaultdict", "argparse.Namespace", "easydict.EasyDict",
                       "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path", "types.SimpleNamespace",
                       "omegaconf.dictconfig.DictConfig", "yacs.config.CfgNode"])  # fmt: skip


class _Node:
    """A mapping or list under construction."""

    __slots__ = ("anchor", "key", "value", "weight")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value, self.anchor, self.key, self.weight = value, anchor, _NONE, 1


_NONE: Any = object()


def might_be(text: str) -> bool:
    """Whether a text is worth the parser: its first line of content looks like YAML, or a tag stands in it."""
    first = next((line for line in text.split("\n", 400) if line.strip() and not line.lstrip().startswith("#")), "")
    return bool(_STARTS.match(first.lstrip())) or "!!" in text or bool(_TAGGED.search(text[: 1 << 18]))


def scan(job: Job, text: str, where: str) -> bool:
    """Read a text as YAML; False where it is none. Marks what a loader would build."""
    if len(text) > _LARGEST:
        job.mark("not understood", f"more than {_LARGEST >> 20} MiB of what may be YAML", None, where)
        return True
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader, waiting = _Reader(job, where), Job(job.limits, job.allow, deadline=job.deadline)
    reader.job = waiting
    try:
        for event in yaml.parse(text, Loader=loader):
            reader.take(type(event).__name__, event)
    except yaml.YAMLError as error:
        if reader.grave:
            _hand_over(waiting, job)
            job.mark("suspicious", f"YAML that breaks off: {printable(str(error), 60)}", None, where)
        return reader.grave
    except TooMuch:
        _hand_over(waiting, job)
        raise
    except (RecursionError, ValueError) as error:
        _hand_over(waiting, job)
        job.mark("suspicious", f"YAML nested beyond what is read: {type(error).__name__}", None, where)
        return True
    if not any(isinstance(d, dict | list) for d in reader.documents) and not waiting.marks:
        return False
    _hand_over(waiting, job)
    for document in reader.documents:
        configs.hooks(job, document, where)
    return True


def _hand_over(waiting: Job, job: Job) -> None:
    for m in waiting.marks:
        job.mark(m.severity, m.what, m.offset, m.where, opcode=m.opcode, call=m.call, reason=m.reason)
    for name in waiting.names:
        job.names.setdefault(name)


class _Reader:
    """Follows events with a stack. ``grave``: a tag was met that no plain text has by chance."""

    def __init__(self, job: Job, where: str) -> None:
        self.job, self.where, self.grave = job, where, False
        self.stack: list[_Node] = []
        self.documents: list[Any] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.events = 0

    def take(self, kind: str, event: Any) -> None:
        self.events += 1
        if self.events % 4096 == 0:
            self.job.check_time()
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            self.tag(event)
            if len(self.stack) > min(1000, self.job.limits.depth):
                raise ValueError("depth")
            self.stack.append(_Node({} if kind[0] == "M" else [], event.anchor))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            node = self.stack.pop()
            if node.anchor:
                self.anchors[node.anchor] = (node.value, node.weight)
            self.add(node.value, node.weight)
        elif kind == "ScalarEvent":
            self.tag(event)
            value: Any = event.value
            if event.plain_implicit if hasattr(event, "plain_implicit") else event.implicit[0]:
                value = _scalar(value)
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self.add(value, 1)
        elif kind == "AliasEvent":
            value, weight = self.anchors.get(event.anchor, (None, 1))
            self.add(value, weight)

    def add(self, value: Any, weight: int) -> None:
        if not self.stack:
            self.documents.append(value)
            return
        top = self.stack[-1]
        top.weight += weight
        if top.weight > self.job.limits.expansion:
            reason = "exhausts the machine when it is walked"
            self.job.mark("dangerous", f"anchors multiply into more than {self.job.limits.expansion:,} values", None,
                          self.where, opcode="alias", reason=reason)  # fmt: skip
            self.grave = True
            raise TooMuch(f"stands for more than {self.job.limits.expansion:,} values")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is _NONE:
            top.key = value
        else:
            if isinstance(top.key, str | int | float | bool | None):
                top.value[top.key] = value
            top.key = _NONE

    def tag(self, event: Any) -> None:
        tag = event.tag
        if not tag or tag == "!":
            return
        offset = event.start_mark.index
        name = tag.removeprefix(_CORE)
        if name != tag:
            if name in _PLAIN:
                return
            self.core(name, getattr(event, "value", ""), offset)
            return
        self.local(tag, offset)

    def core(self, name: str, value: Any, offset: int) -> None:
        """Tags of the double exclamation mark: Python's, Ruby's, JavaScript's, Java's."""
        kind, _, rest = name.partition(":")
        if kind.startswith("python/") and kind.removeprefix("python/") in _PYTHON_PLAIN:
            return
        self.grave = True
        if kind.startswith("python/"):
            self.python(kind, rest, offset)
        elif kind.startswith(("java", "org.", "com.", "sun.")) or "ScriptEngineManager" in name:
            grave = bool(re.search(r"ScriptEngine|URLClassLoader|Jndi|Rowset|ProcessBuilder|Runtime", name, re.I))
            self.mark(grave, name, "builds a Java class by name", offset)
        elif kind.startswith("ruby"):
            self.mark("Gem::" in name or "ERB" in name, name, "builds a Ruby object", offset)
        elif kind.startswith("js/"):
            self.mark(kind == "js/function", name, "makes a JavaScript value", offset)
        else:
            self.mark(False, name, "is a tag of no known schema", offset)

    def python(self, kind: str, rest: str, offset: int) -> None:
        rest = rest[:500]
        module, _, leaf = rest.rpartition(".")
        if kind == "python/module":
            self.mark(True, f"{kind}:{rest}", "imports a module", offset)
            return
        self.job.names.setdefault(printable(rest, 200))
        rule = rule_for(module or "builtins", leaf, self.job.allow)
        if rule.standing == "dangerous" and rest not in _HARMLESS:
            self.mark(True, f"{kind}:{rest}", rule.reason, offset)
        elif kind != "python/name" or rule.standing != "allowed":
            self.mark(False, f"{kind}:{rest}", "builds a Python object by name", offset)

    def local(self, tag: str, offset: int) -> None:
        """Tags of one exclamation mark: whatever the program gives them. HyperPyYAML's call what they name."""
        called = re.match(r"!(new|apply|name|module|singleton):([\w.]+)", tag)
        if called:
            self.grave = True
            configs.named(self.job, called[2], self.where, tag[:60], "has the loader call")
        elif tag.startswith("!ruby/"):
            self.core(tag[1:], "", offset)
        elif tag.startswith(("!include", "!ENV", "!env", "!exec", "!command", "!shell", "!python", "!eval")):
            self.mark(
                tag.startswith(("!exec", "!command", "!shell", "!python", "!eval")),
                tag,
                "reads or runs what it names",
                offset,
            )
        elif not tag.startswith(("!ref", "!copy", "!tuple", "!PLACEHOLDER", "!Ref", "!Sub", "!GetAtt")):
            self.mark(False, tag, "is a tag of the program's own", offset)

    def mark(self, grave: bool, tag: str, reason: str, offset: int) -> None:
        what = f"the YAML tag {printable(tag, 80)} {reason}"
        self.job.mark("dangerous" if grave else "suspicious", what, offset, self.where,
                      opcode=printable(tag, 80), call=printable(tag.partition(":")[2], 80), reason=reason)  # fmt: skip


def _scalar(text: str) -> Any:
    low = text.lower()
    if low in ("true", "yes", "on"):
        return True
    if low in ("false", "no", "off"):
        return False
    return None if low in ("", "~", "null") else text
