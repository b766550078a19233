"""Where data and parameters go within one file: arguments and what is read are followed to what is done with them.

It follows values through assignments, loops, containers, local functions and attributes of ``self``, and forgets them
where something new is computed of them (a sum, a loss, a model's answer). Branches are not told apart. It is a reader's
first look, no proof: a call through another file or a table of functions is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from momus.methods.code_leads import words
from momus.methods.code_leads.leads import Lead, Strength
from momus.methods.code_leads.names import Names

Taint = frozenset[str]
NOTHING: Taint = frozenset()
DATA: Taint = frozenset({"rows", "labels", "bits", "encoded"})
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_NAMED = ast.Dict | ast.DictComp | ast.Set | ast.SetComp


@dataclass
class Scope:
    """What the names of one block hold, and where the block stands."""

    names: Names
    env: dict[str, Taint] = field(default_factory=dict)
    function: str = ""
    owner: ast.ClassDef | None = None
    shared: set[str] = field(default_factory=set)


class Flow:
    """One file being followed. ``leads`` holds what the rules found, one for each line and kind."""

    def __init__(self, tree: ast.Module, text: str) -> None:
        self.tree, self.lines = tree, text.splitlines()
        self.names = Names.of(tree)
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.owners: dict[int, ast.ClassDef] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.owners.update((id(b), node) for b in node.body if isinstance(b, _FUNCTION))
            elif isinstance(node, _FUNCTION):
                self.functions[node.name] = node
        self.module_names = _stored_names(tree)
        self.returns: dict[str, Taint] = {}
        self.given: dict[tuple[str, str], Taint] = {}
        self.kept: dict[tuple[str, str], Taint] = {}
        self.leads: dict[tuple[int, str], Lead] = {}

    def run(self) -> list[Lead]:
        """Follow everything; a few rounds, so that what a function returns is known where it is called before."""
        for _ in range(4):
            before = (dict(self.returns), dict(self.given), dict(self.kept))
            self.leads.clear()
            top = Scope(self.names.child())
            self.block(self.tree.body, top)
            for function in self.functions.values():
                self._function(function, top)
            if before == (self.returns, self.given, self.kept):
                break
        return sorted(self.leads.values(), key=lambda lead: (lead.line, lead.kind))

    def lead(self, kind: str, strength: Strength, node: ast.AST, what: str) -> None:
        """Note a lead; of two at one line and of one kind the stronger stays."""
        line = int(getattr(node, "lineno", 0))
        code = self.lines[line - 1].strip()[:200] if 0 < line <= len(self.lines) else ""
        held = self.leads.get((line, kind))
        if held is None or (held.strength == "weak" and strength == "strong"):
            self.leads[line, kind] = Lead(kind, strength, line, code, what)

    def _function(self, f: ast.FunctionDef | ast.AsyncFunctionDef, top: Scope) -> None:
        a = f.args
        arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x)]
        scope = Scope(top.names.child(), function=f.name, owner=self.owners.get(id(f)))
        # What the file's top level holds is in sight of every function, unless the function has a name of its own.
        scope.env = {k: v for k, v in top.env.items() if k in self.module_names}
        for argument in arguments:
            scope.names.known.pop(argument.arg, None)
            numbers = frozenset({"params"}) if argument.arg in words.NUMBERS else NOTHING
            scope.env[argument.arg] = numbers | _source(argument.arg) | self.given.get((f.name, argument.arg), NOTHING)
        scope.shared = {n for s in ast.walk(f) if isinstance(s, ast.Global | ast.Nonlocal) for n in s.names}
        self.block(f.body, scope)
        self.block(f.body, scope)  # what a loop carries over is known the second time

    def block(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        """Statements in their order; functions and classes inside are visited by themselves."""
        for statement in body:
            self._statement(statement, scope)

    def _statement(self, s: ast.stmt, scope: Scope) -> None:
        if isinstance(s, _FUNCTION):
            return
        if isinstance(s, ast.ClassDef):
            self.block([b for b in s.body if not isinstance(b, _FUNCTION)], Scope(scope.names, scope.env, owner=s))
        elif isinstance(s, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self._assign(s, scope)
        elif isinstance(s, ast.For | ast.AsyncFor):
            self._loop(s.target, s.iter, scope)
            self.block([*s.body, *s.orelse], scope)
        elif isinstance(s, ast.Return):
            found = self.taint(s.value, scope) if s.value else NOTHING
            self.returns[scope.function] = self.returns.get(scope.function, NOTHING) | found
        elif isinstance(s, ast.With | ast.AsyncWith):
            for item in s.items:
                held = self.taint(item.context_expr, scope)
                if item.optional_vars is not None:
                    self.bind(item.optional_vars, item.context_expr, held, scope)
            self.block(s.body, scope)
        else:
            for child in ast.iter_child_nodes(s):
                if isinstance(child, ast.expr):
                    self.taint(child, scope)
            for name in ("body", "handlers", "orelse", "finalbody", "cases"):
                for part in getattr(s, name, []):
                    self.block(part.body if isinstance(part, ast.ExceptHandler | ast.match_case) else [part], scope)

    def _assign(self, s: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope) -> None:
        from momus.methods.code_leads import rules

        if s.value is None:
            return
        value = self.taint(s.value, scope)
        targets = s.targets if isinstance(s, ast.Assign) else [s.target]
        for target in targets:
            if isinstance(s, ast.AugAssign):
                before = self.taint(target, scope)
                if not isinstance(s.value, _NAMED):
                    rules.on_operation(self, s, s.op, before, value)
                value = value | before if not isinstance(s.op, ast.MatMult) else NOTHING
            rules.on_assign(self, target, s.value, value, scope)
            self.bind(target, s.value, value, scope)

    def _loop(self, target: ast.expr, over: ast.expr, scope: Scope) -> None:
        held = self.taint(over, scope)
        inner = over.args[0] if isinstance(over, ast.Call) and over.args else over
        if not held & DATA and words.LOADERS.search(scope.names.dotted(inner).rsplit(".", 1)[-1]):
            held |= {"rows"}
        counted = isinstance(over, ast.Call) and scope.names.dotted(over.func) == "enumerate"
        if counted and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            target = target.elts[1]
        self.bind(target, over, held, scope)

    def bind(self, target: ast.expr, value: ast.expr, held: Taint, scope: Scope, paired: bool = False) -> None:
        """Give what stands on the left what stands on the right. ``paired``: it is one of several names on the left."""
        if isinstance(target, ast.Tuple | ast.List):
            pairs = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else None
            for i, part in enumerate(target.elts):
                one = held if pairs is None else self.taint(pairs[i], scope)
                self.bind(part, value if pairs is None else pairs[i], one, scope, True)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value, held, scope)
        elif isinstance(target, ast.Name):
            if paired and "rows" in held and target.id in words.LABELS:
                held = (held - {"rows"}) | {"labels"}
            if not held and isinstance(value, ast.Call) and (len(target.id) > 1 or target.id.isupper()):
                held = _source(target.id) if target.id not in ("input", "targets", "target", "image") else held
            scope.env[target.id] = held
            scope.names.learn(target.id, value)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            key = (scope.owner.name if scope.owner else "", target.attr)
            self.kept[key] = self.kept.get(key, NOTHING) | held
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            scope.env[target.value.id] = scope.env.get(target.value.id, NOTHING) | held

    def taint(self, node: ast.expr, scope: Scope) -> Taint:
        """What an expression holds: rows, labels, bits or encoded data, parameters, a model; nothing otherwise."""
        from momus.methods.code_leads import rules

        if isinstance(node, ast.Name):
            model = {"model"} if node.id in words.MODELS else set()
            return scope.env.get(node.id, NOTHING) | frozenset(model)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope)
        if isinstance(node, ast.Call):
            return self._call(node, scope)
        if isinstance(node, ast.BinOp):
            left, right = self.taint(node.left, scope), self.taint(node.right, scope)
            if isinstance(node.left, _NAMED) or isinstance(node.right, _NAMED):
                return left | right  # two mappings or sets joined
            return rules.on_operation(self, node, node.op, left, right, isinstance(node.left, ast.Constant))
        if isinstance(node, ast.Subscript):
            self.taint(node.slice, scope)
            return self.taint(node.value, scope)
        if isinstance(node, ast.Compare):
            held = frozenset().union(*(self.taint(n, scope) for n in (node.left, *node.comparators)))
            ordered = any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops)
            return (held & {"rows", "encoded"}) | {"mask"} if ordered and held & {"rows", "encoded"} else NOTHING
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            for g in node.generators:
                self._loop(g.target, g.iter, scope)
                for test in g.ifs:
                    self.taint(test, scope)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            return frozenset().union(*(self.taint(p, scope) for p in parts))
        if isinstance(node, ast.IfExp):
            self.taint(node.test, scope)
            return self.taint(node.body, scope) | self.taint(node.orelse, scope)
        if isinstance(node, ast.NamedExpr):
            held = self.taint(node.value, scope)
            self.bind(node.target, node.value, held, scope)
            return held
        if isinstance(node, ast.UnaryOp):
            held = self.taint(node.operand, scope)
            if isinstance(node.op, ast.Invert):
                rules.on_operation(self, node, ast.BitXor(), held, NOTHING)
            return NOTHING if isinstance(node.op, ast.Not) else held
        if isinstance(node, ast.Constant):
            return NOTHING
        children = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        return frozenset().union(*(self.taint(c, scope) for c in children)) if children else NOTHING

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Taint:
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        base = self.taint(node.value, scope)
        if own:
            key = (scope.owner.name if scope.owner else "", node.attr)
            named = _source(node.attr) if len(node.attr) > 1 else NOTHING
            model = {"model"} if node.attr in words.MODELS else set()
            weights = {"own"} if node.attr in words.WEIGHTS else set()
            return self.kept.get(key, NOTHING) | named | model | weights
        if node.attr in words.WEIGHTS and not self.names.is_import(node):
            return frozenset({"params"})
        return base - {"model"} if node.attr in ("data", "T", "values", "flat", "at", "loc", "iloc") else NOTHING

    def _call(self, node: ast.Call, scope: Scope) -> Taint:
        from momus.methods.code_leads import rules

        handed = [self.taint(a, scope) for a in node.args]
        named = {k.arg or "**": self.taint(k.value, scope) for k in node.keywords}
        base = self.taint(node.func.value, scope) if isinstance(node.func, ast.Attribute) else NOTHING
        if isinstance(node.func, ast.Call | ast.Lambda):
            self.taint(node.func, scope)
        name = scope.names.dotted(node.func)
        last = name.rsplit(".", 1)[-1] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
        every = frozenset().union(base, *handed, *named.values())
        call = rules.Called(node, name, last, base, handed, named, every)
        rules.on_call(self, call, scope)
        if last in self.functions and (isinstance(node.func, ast.Name) or name.startswith("self.")):
            return self._local(self.functions[last], call)
        if last in words.PARAMETERS:
            return frozenset({"params"})
        if last == "parameters_to_vector":
            return frozenset({"params", "flat"})
        root = name.split(".", 1)[0]
        if last == "DataLoader" or name.startswith(("pandas.read_", "sklearn.datasets.", "datasets.load")):
            return frozenset({"rows"})
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and last in _GROWING:
            held = scope.env.get(node.func.value.id, NOTHING) | (every & (DATA | {"params", "flat"}))
            scope.env[node.func.value.id] = held
        foreign = root in {v.split(".")[0] for v in self.names.known.values()} and root not in words.FAMILIES
        if last not in words.KEEPING and not foreign:
            return NOTHING
        more = set()
        if every & DATA:
            more |= {"encoded"} if last in words.ENCODING else set()
            more |= {"bits"} if last in words.BITTING and "rows" in every | base else set()
        if "params" in every and last in words.FLATTENING:
            more.add("flat")
        return every | frozenset(more)

    def _local(self, f: ast.FunctionDef | ast.AsyncFunctionDef, call: object) -> Taint:
        from momus.methods.code_leads.rules import Called

        assert isinstance(call, Called)
        names = [a.arg for a in (*f.args.posonlyargs, *f.args.args)]
        names = names[1:] if names[:1] == ["self"] else names
        for argument, held in [*zip(names, call.args, strict=False), *call.named.items()]:
            key = (f.name, argument)
            self.given[key] = self.given.get(key, NOTHING) | held
        return self.returns.get(f.name, NOTHING)


_GROWING = frozenset({"append", "extend", "add", "update", "insert", "write", "setdefault", "appendleft"})


def _source(name: str) -> Taint:
    if name in words.LABELS:
        return frozenset({"labels"})
    return frozenset({"rows"}) if name in words.ROWS else NOTHING


def _stored_names(tree: ast.Module) -> set[str]:
    """Names that the file's top level gives a value."""
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    outer = [n for s in tree.body if not isinstance(s, inner) for n in ast.walk(s)]
    return {n.id for n in outer if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
