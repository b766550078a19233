"""Which thing a name stands for: imports and their aliases, chains of attributes, what a variable was made by."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass
class Names:
    """``known`` maps a name to the dotted thing it stands for (``nn`` -> ``torch.nn``)."""

    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: ast.AST) -> Names:
        """Every import of a file, wherever it stands."""
        known: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for a in node.names:
                    known[a.asname or a.name.split(".")[0]] = a.name if a.asname else a.name.split(".")[0]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for a in node.names:
                    known[a.asname or a.name] = f"{node.module}.{a.name}"
        return cls(known)

    def child(self) -> Names:
        """Names of an inner block: it sees these and keeps its own to itself."""
        return Names(dict(self.known))

    def dotted(self, node: ast.AST) -> str:
        """``requests.Session().post`` -> ``requests.Session.post``; empty where it starts with no name."""
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                made = self._imported(node)
                if made:
                    return ".".join([made, *reversed(parts)])
                node = node.func
            elif isinstance(node, ast.Subscript):
                node = node.value
            elif isinstance(node, ast.Name):
                return ".".join([self.known.get(node.id, node.id), *reversed(parts)])
            else:
                return ""

    def _imported(self, call: ast.Call) -> str:
        """The module behind ``__import__("os")`` or ``import_module("os")``."""
        named = isinstance(call.func, ast.Name | ast.Attribute) and self.dotted(call.func)
        if named in ("__import__", "importlib.import_module", "builtins.__import__") and call.args:
            return folded(call.args[0])
        return ""

    def is_import(self, node: ast.AST) -> bool:
        """True where the chain begins with something imported."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.known

    def learn(self, name: str, value: ast.AST) -> None:
        """An assignment: another name for an imported thing, or a variable made by calling one."""
        if isinstance(value, ast.Call | ast.Attribute | ast.Name):
            root: ast.AST = value
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name) and (root.id in self.known or root.id == "__import__"):
                self.known[name] = self.dotted(value)
                return
        if self.known.get(name, "").split(".")[0] != name:
            self.known.pop(name, None)


def folded(node: ast.AST) -> str:
    """A string that is put together out of constants, as text; empty where it is not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = folded(node.left), folded(node.right)
        return left + right if left and right else ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        step = node.slice.step
        whole = node.slice.lower is None and node.slice.upper is None
        back = isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub)
        return folded(node.value)[::-1] if whole and back else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
        parts = node.args[0].elts if isinstance(node.args[0], ast.List | ast.Tuple) else []
        return folded(node.func.value).join(folded(p) for p in parts)
    return ""
