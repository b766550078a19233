"""Symbolic values on the stack of the pickle interpreter: what an object would be, without making it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CAP = 1 << 62
KEPT = 64  # items remembered per container: enough for arguments, array shapes and the state of array wrappers


class Opaque:
    """A value whose content does not matter here: a float, None, long text."""

    __slots__ = ()


DATA = Opaque()


class Blob:
    """Bytes that lie in the scanned buffer at [start, end); ``text`` where they are long text in UTF-8."""

    __slots__ = ("end", "start", "text")

    def __init__(self, start: int, end: int, text: bool = False) -> None:
        self.start, self.end, self.text = start, end, text


class Name:
    """An importable name that a pickle asks for. ``known`` is False where it could not be worked out.

    ``guarded``: it is harmless only in a checked call, and may never be kept as a value.
    """

    __slots__ = ("guarded", "known", "module", "name")

    def __init__(self, module: str, name: str, known: bool = True) -> None:
        self.module, self.name, self.known, self.guarded = module, name, known, False

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Node:
    """A container or object. ``weight`` counts the values a full walk would meet, ``depth`` its nesting."""

    __slots__ = ("children", "depth", "items", "kind", "maker", "parented", "size", "state", "weight")

    def __init__(self, kind: str, maker: Name | None = None) -> None:
        self.kind = kind
        self.maker = maker
        self.items: list[Any] | tuple[Any, ...] = ()
        self.children: list[Node] | tuple[Node, ...] = ()
        self.state: Any = None
        self.size = 0
        self.weight = 1
        self.depth = 1
        self.parented = False

    def add(self, values: list[Any]) -> bool:
        """Put values in; True when this happened after something else already held this container."""
        if not self.items:
            self.items = values[:KEPT]
        elif len(self.items) < KEPT:
            self.items = [*self.items, *values[: KEPT - len(self.items)]]
        nodes = [v for v in values if type(v) is Node]
        self.size += len(values)
        weight = self.weight + len(values) - len(nodes)
        if nodes:
            if self.children:
                self.children += nodes  # type: ignore[operator]
            else:
                self.children = nodes
            depth = self.depth - 1
            for node in nodes:
                node.parented = True
                weight += node.weight
                if node.depth > depth:
                    depth = node.depth
            self.depth = depth + 1
        self.weight = weight if weight < CAP else CAP
        return self.parented

    @property
    def cls(self) -> str:
        """The class that an object was made of, whichever of the ways to write an instance was taken."""
        maker = str(self.maker)
        if maker in ("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"):
            return str(self.items[0]) if self.items else ""
        return maker

    def entry(self, key: str) -> Any:
        """Value under a text key of a dict (first KEPT items); None when absent."""
        pairs = self.items
        for i in range(0, len(pairs) - 1, 2):
            if pairs[i] == key and type(pairs[i]) is str:
                return pairs[i + 1]
        return None


def brings_source(pid: Any) -> bool:
    """A class with its source, as torch kept it before 1.6: readers compare the source and return the class."""
    return type(pid) is Node and pid.kind == "tuple" and len(pid.items) == 4 and pid.items[0] == "module"


def walk(roots: list[Node]) -> tuple[int, int]:
    """(weight, depth) of the heaviest and deepest root, after all edits; cycles count once. Iterative and linear."""
    weight: dict[int, int] = {}
    depth: dict[int, int] = {}
    for root in roots:
        if id(root) in weight:
            continue
        stack: list[tuple[Node, int]] = [(root, 0)]
        open_: set[int] = {id(root)}
        while stack:
            node, i = stack[-1]
            if i < len(node.children):
                stack[-1] = (node, i + 1)
                child = node.children[i]
                if id(child) not in weight and id(child) not in open_:
                    open_.add(id(child))
                    stack.append((child, 0))
                continue
            stack.pop()
            open_.discard(id(node))
            total, deepest = 1 + node.size - min(node.size, len(node.children)), 0
            for child in node.children:
                total += weight.get(id(child), 0)
                deepest = max(deepest, depth.get(id(child), 0))
            weight[id(node)] = min(total, CAP)
            depth[id(node)] = deepest + 1
    return max(weight.values(), default=0), max(depth.values(), default=0)
