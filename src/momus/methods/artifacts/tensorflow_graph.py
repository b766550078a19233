"""Nodes and functions of a TensorFlow graph, as far as a judge needs them: names, operators, inputs, calls, texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from momus.methods.artifacts.pickles import also_pickle
from momus.methods.artifacts.protos import fields, known, parts, text
from momus.methods.artifacts.report import Job, Region, TooMuch

_GRAPH = {1: "l", 2: "l", 3: "v", 4: "l", 5: "l"}
_NODE = {1: "l", 2: "l", 3: "l", 4: "l", 5: "l", 6: "l", 7: "l"}
_FUNCTION = {1: "l", 3: "l", 4: "l", 5: "l", 6: "l", 7: "l", 8: "l"}
_VALUE = {1: "l", 2: "l", 3: "v", 4: "4", 5: "v", 6: "v", 7: "l", 8: "l", 9: "l", 10: "l"}
_TENSOR = {1: "v", 2: "l", 3: "v", 4: "l", 5: "l4", 6: "l8", 7: "lv", 8: "l", 9: "l4", 10: "lv", 11: "lv", 12: "l8",
           13: "lv", 14: "l", 15: "l", 16: "lv", 17: "lv", 18: "l"}  # fmt: skip
_MOST = 2_000_000
_TRACED = 1_000  # nodes behind a path
_GIVEN = frozenset({"Placeholder", "PlaceholderWithDefault", "PlaceholderV2", "_Arg"})


@dataclass(slots=True)
class Node:
    """One node: ``calls`` are functions that its attributes name, ``texts`` its attributes that are text."""

    name: str
    operator: str
    at: int
    inputs: list[str] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    constant: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Function:
    """A body: nodes by name. ``arguments`` are the names of values that callers hand in."""

    nodes: dict[str, Node] = field(default_factory=dict)
    arguments: set[str] = field(default_factory=set)


class Graph:
    """A graph with its library. Broken or unknown parts are marked while reading."""

    def __init__(self, job: Job, where: str) -> None:
        self.job, self.where = job, where
        self.main = Function()
        self.functions: dict[str, Function] = {}
        self.saver: list[str] = []
        self.assets: set[str] = set()
        self.count = 0

    def read(self, region: Region) -> None:
        for number, _, a, b in known(self.job, region, _GRAPH, "GraphDef", self.where):
            inner = region.part(a, b - a)
            if number == 1:
                self._add(self.main, inner)
            elif number == 2:
                for function in parts(inner, 1):
                    self._function(function)

    def _function(self, region: Region) -> None:
        made, name = Function(), ""
        for number, _, a, b in known(self.job, region, _FUNCTION, "FunctionDef", self.where):
            inner = region.part(a, b - a)
            if number == 1:
                for n, w, c, d in fields(inner):
                    if w == 2 and n == 1:
                        name = text(inner, c, d)
                    elif w == 2 and n == 2:
                        made.arguments |= {text(p) for p in parts(inner.part(c, d - c), 1)}
            elif number == 3:
                self._add(made, inner)
        if name in self.functions:
            self.job.mark("suspicious", "a function stands twice in the graph", region.start, self.where)
            made.nodes |= {f"{n}!first": x for n, x in self.functions[name].nodes.items()}
        self.functions[name] = made

    def _add(self, function: Function, region: Region) -> None:
        self.count += 1
        if self.count > _MOST:
            raise TooMuch(f"has more than {_MOST:,} nodes")
        if self.count % 1024 == 0:
            self.job.check_time()
        node, names = Node("", "", region.start), 0
        for number, _, a, b in known(self.job, region, _NODE, "NodeDef", self.where):
            if number == 1:
                node.name = text(region, a, b)
            elif number == 2:
                node.operator, names = text(region, a, b), names + 1
            elif number == 3:
                node.inputs.append(text(region, a, b))
            elif number == 5:
                self._attribute(node, region.part(a, b - a))
        if names != 1:
            self.job.mark("suspicious", f"a node names {names} operators", region.start, self.where)
        if node.name in function.nodes:
            self.job.mark("suspicious", "two nodes of a graph have one name", region.start, self.where)
            node.name += f"!{self.count}"
        function.nodes[node.name] = node

    def _attribute(self, node: Node, region: Region) -> None:
        key = ""
        for number, _, a, b in known(self.job, region, {1: "l", 2: "l"}, "attribute", self.where):
            if number == 1:
                key = text(region, a, b)
            else:
                self._value(node, key, region.part(a, b - a), 0)

    def _value(self, node: Node, key: str, region: Region, depth: int) -> None:
        if depth > 20:
            raise TooMuch("has attributes nested more than 20 deep")
        for number, _, a, b in known(self.job, region, _VALUE, "AttrValue", self.where):
            inner = region.part(a, b - a)
            if number == 2:
                node.texts[key] = text(inner)
                self._content(inner)
            elif number == 1:
                for n, w, c, d in fields(inner):
                    if w == 2 and n == 9:
                        self._call(node, inner.part(c, d - c), depth)
                    elif w == 2 and n == 8:
                        self._tensor(node, inner.part(c, d - c))
            elif number == 8:
                self._tensor(node, inner)
            elif number == 10:
                self._call(node, inner, depth)

    def _call(self, node: Node, region: Region, depth: int) -> None:
        for number, wire, a, b in fields(region):
            if wire == 2 and number == 1:
                node.calls.add(text(region, a, b))
            elif wire == 2 and number == 2:
                for value in parts(region.part(a, b - a), 2):
                    self._value(node, "", value, depth + 1)

    def _tensor(self, node: Node, region: Region) -> None:
        for number, wire, a, b in known(self.job, region, _TENSOR, "TensorProto", self.where):
            if number == 8 and wire == 2:
                node.constant.append(text(region, a, b))
                self._content(region.part(a, b - a))
            elif number == 4 and b - a > 2:
                self._content(region.part(a, b - a))

    def _content(self, region: Region) -> None:
        """Text inside a graph could be a pickle for whoever takes it out."""
        if region.take(0, 1) == b"\x80" and region.take(1, 1) in (b"\2", b"\3", b"\4", b"\5"):
            also_pickle(self.job, region, self.where)

    def path_is_given(self, function: Function, node: Node) -> bool:
        """Whether the texts that make up a node's path come from outside, with nothing but short additions."""
        given, stack = False, list(self._path_inputs(node))
        seen: set[str] = set()
        while stack:
            name = stack.pop().lstrip("^").split(":")[0]
            if name in seen:
                continue
            seen.add(name)
            if len(seen) > _TRACED:
                return False
            if name in function.arguments or name in self.assets or (function is self.main and name in self.saver[:1]):
                given = True
                continue
            source = function.nodes.get(name)
            if source is None:
                return False
            if source.operator in _GIVEN:
                given = True
            elif source.operator == "Const":
                if not all(_harmless(t) for t in source.constant):
                    return False
            else:
                stack += source.inputs
        return given

    @staticmethod
    def _path_inputs(node: Node) -> Iterator[str]:
        if node.operator.startswith("InitializeTable"):
            yield from node.inputs[1:2]
        else:
            yield from [i for i in node.inputs if not i.startswith("^")][:1]


def _harmless(path: str) -> bool:
    return not path.startswith(("/", "\\", "~")) and ".." not in path and "://" not in path.replace("s3://", "")
