"""TensorFlow graphs: SavedModel, MetaGraph and frozen GraphDef. Every operator is held against an allow-list.

Source: tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto and core/framework/*.proto; what
operators do was read from their registry in TensorFlow 2.21.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from momus.methods.artifacts.protos import Field, NotProtobuf, fields, known, parts, shape, text
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.tensorflow_graph import Function, Graph, Node
from momus.methods.artifacts.zips import leaves

_OPERATOR = re.compile(r"[A-Za-z_][A-Za-z0-9_>.]{0,120}\Z")
_META = {1: "l", 2: "l", 3: "l", 4: "l", 5: "l", 6: "l", 7: "l"}
_OBJECT = {1: "l", 3: "l", 4: "l", 5: "l", 6: "l", 7: "l", 8: "l", 9: "l", 10: "l", 11: "l", 12: "l", 13: "l", 14: "l",
           15: "l", 16: "l"}  # fmt: skip
_KERAS_NODE = {1: "l", 2: "v", 3: "l", 4: "l", 5: "l", 6: "l"}
_NODES = 2_000_000
# Kinds of objects that TensorFlow and Keras restore by themselves.
_OBJECTS = re.compile(
    r"(_generic_user_object|signature_map|trackable_(dict|list|tuple|set)_wrapper|(experimental)?[oO]ptimizer"
    r"|_tf_keras_\w+|_keras_\w+|tf_module|ListWrapper|_DictWrapper|DictWrapper|_TupleWrapper)?\Z"
)
_REGISTERED = re.compile(r"tf\.[A-Za-z]\w*\Z")  # TensorFlow's own classes


@cache
def operators() -> dict[str, Any]:
    """The lists of operators: pure, saver, asset, dangerous (name -> reason)."""
    return tomllib.loads(files(__package__).joinpath("tensorflow_ops.toml").read_text(encoding="utf-8"))


@cache
def _pure() -> frozenset[str]:
    return frozenset(operators()["pure"])


@cache
def file_operators() -> frozenset[str]:
    return frozenset([*operators()["saver"], *operators()["asset"]])


def is_saved_model(region: Region) -> bool:
    """Whether it reads as saved_model.pb: a schema version and at least one graph."""
    return region.take(0, 2) in (b"\x08\x01", b"\x08\x02") and (shape(region) or {}).items() >= {1: 0, 2: 2}.items()


def _first_node(graph: Region) -> bool:
    """Whether the first message of field 1 reads as a node: a name and an operator."""
    node = next(parts(graph, 1), None)
    if node is None or len(node) > 1 << 30:
        return False
    found = shape(node, 10_000)
    if found is None or not found.keys() <= {1, 2, 3, 4, 5, 6, 7} or found.get(1) != 2 or found.get(2) != 2:
        return False
    operator = next(parts(node, 2))
    return len(operator) < 200 and bool(_OPERATOR.match(text(operator)))


def is_graph(region: Region) -> bool:
    """Whether it reads as a GraphDef: nodes first, then a library and versions."""
    if region.take(0, 1) != b"\x0a":
        return False
    found = shape(region, _NODES)
    try:
        return found is not None and found.keys() <= {1, 2, 3, 4, 5} and found.get(2, 2) == 2 and _first_node(region)
    except NotProtobuf:
        return False


def is_meta_graph(region: Region) -> bool:
    """Whether it reads as a MetaGraphDef: what TensorFlow 1 kept beside a checkpoint."""
    if region.take(0, 1) != b"\x0a":
        return False
    found = shape(region)
    if found is None or not found.keys() <= set(_META) or set(found.values()) != {2} or 2 not in found:
        return False
    try:
        graph = next(parts(region, 2))
        return _first_node(graph)
    except NotProtobuf:
        return False


def scan_saved_model(job: Job, region: Region, where: str) -> str:
    try:
        for _, wire, a, b in known(job, region, {1: "v", 2: "l"}, "SavedModel", where):
            if wire == 2:
                meta_graph(job, region.part(a, b - a), where)
    except NotProtobuf:
        _broken(job, "SavedModel", where)
    return "tensorflow saved model"


def scan_meta_graph(job: Job, region: Region, where: str) -> str:
    try:
        meta_graph(job, region, where)
    except NotProtobuf:
        _broken(job, "MetaGraph", where)
    return "tensorflow meta graph"


def scan_graph(job: Job, region: Region, where: str) -> str:
    try:
        graph = Graph(job, where)
        graph.read(region)
        judge(job, graph, where)
    except NotProtobuf:
        _broken(job, "GraphDef", where)
    return "tensorflow graph"


def _broken(job: Job, what: str, where: str) -> None:
    job.mark("suspicious", f"the {what} message breaks off inside", None, where)


def meta_graph(job: Job, region: Region, where: str) -> None:
    """One MetaGraphDef: its graph, who may save and restore, its objects."""
    graph = Graph(job, where)
    for number, _, a, b in known(job, region, _META, "MetaGraphDef", where):
        inner = region.part(a, b - a)
        if number == 2:
            graph.read(inner)
        elif number == 3:
            graph.saver += [
                text(inner, c, d).split(":")[0].lstrip("^") for n, w, c, d in _texts(inner) if n in (1, 2, 3)
            ]
        elif number == 6:
            graph.assets |= {text(p).split(":")[0] for i in parts(inner, 1) for p in parts(i, 1)}
            _asset(job, inner, where)
        elif number == 7:
            _objects(job, inner, where)
    judge(job, graph, where)


def _texts(region: Region) -> list[Field]:
    return [f for f in fields(region) if f[1] == 2]


def _asset(job: Job, region: Region, where: str) -> None:
    for name in parts(region, 2):
        path = text(name)
        if leaves(path):
            what = f"an asset lies at {printable(path, 80)!r}, outside the model's folder"
            why = "a file of the machine that loads it is read"
            job.mark("dangerous", what, name.start, where, opcode="AssetFileDef", reason=why)


def _objects(job: Job, region: Region, where: str) -> None:
    """Objects that are rebuilt around the graph. Custom ones need code from elsewhere, Keras layers a configuration."""
    for node in parts(region, 1):
        for number, _, a, b in known(job, node, _OBJECT, "SavedObject", where):
            inner = node.part(a, b - a)
            if number == 4:
                _user_object(job, inner, where)
            elif number in (13, 16) and b > a and not _REGISTERED.match(text(inner)):
                what = f"an object is rebuilt by the registered class {printable(text(inner), 60)}"
                job.mark(
                    "suspicious", what, inner.start, where, opcode="SavedObject", reason="its code is not in the file"
                )


def _user_object(job: Job, region: Region, where: str) -> None:
    identifier = next((text(p) for p in parts(region, 1)), "")
    if not _OBJECTS.match(identifier):
        what = f"an object of the kind {printable(identifier, 60)}"
        job.mark(
            "suspicious", what, region.start, where, opcode="SavedUserObject", reason="nothing that TensorFlow restores"
        )
    for metadata in parts(region, 3):
        keras_metadata(job, metadata, where)


def keras_metadata(job: Job, region: Region, where: str) -> None:
    """JSON about a Keras object, as SavedModel keeps it."""
    from momus.methods.artifacts.keras import scan_config

    if region.take(0, 1) == b"{":
        scan_config(job, region, where)


def is_fingerprint(region: Region) -> bool:
    """fingerprint.pb: checksums of a SavedModel and nothing else."""
    found = shape(region) if len(region) < 4096 else None
    wires = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 2, 7: 2}
    return found is not None and len(found) >= 3 and found.items() <= wires.items() and {1, 2} <= found.keys()


def scan_fingerprint(job: Job, region: Region, where: str) -> str:
    return "tensorflow fingerprint"


def is_keras_metadata(region: Region) -> bool:
    """keras_metadata.pb: what Keras 2 keeps beside saved_model.pb."""
    if region.take(0, 1) != b"\x0a" or shape(region) != {1: 2}:
        return False
    try:
        node = next(parts(region, 1))
        found = shape(node) or {}
        return (
            found.keys() <= set(_KERAS_NODE)
            and {3, 4, 5} <= found.keys()
            and next(parts(node, 5)).take(0, 1) in (b"{", b"")
        )
    except (NotProtobuf, StopIteration):
        return False


def scan_keras_metadata(job: Job, region: Region, where: str) -> str:
    try:
        for node in parts(region, 1):
            for number, _, a, b in known(job, node, _KERAS_NODE, "SavedObject", where):
                if number == 5:
                    keras_metadata(job, node.part(a, b - a), where)
                elif number == 4 and not _OBJECTS.match(text(node, a, b)):
                    job.mark(
                        "suspicious", f"an object of the kind {printable(text(node, a, b), 60)}", node.start, where
                    )
    except NotProtobuf:
        _broken(job, "metadata", where)
    return "keras metadata"


def judge_operator(job: Job, name: str, where: str, offset: int | None) -> None:
    """Mark one operator that is not known to compute only."""
    reason = operators()["dangerous"].get(name)
    if reason is not None:
        job.mark("dangerous", f"operator {printable(name, 60)} {reason}", offset, where, opcode=name, reason=reason)
    elif name not in _pure():
        what = f"operator {printable(name, 60)} is none that is known to compute only"
        job.mark("suspicious", what, offset, where, opcode=printable(name, 60), reason="not on the allow-list")


def judge(job: Job, graph: Graph, where: str) -> None:
    """All nodes of a graph and of its functions."""
    touching = _touching(graph)
    for function in (graph.main, *graph.functions.values()):
        for node in function.nodes.values():
            if node.operator in file_operators():
                _file(job, graph, function, node, where)
            elif node.operator == "PrintV2":
                _print(job, node, where)
            elif node.operator == "DecodeProtoV2" or node.operator == "EncodeProto":
                _descriptor(job, node, where)
            else:
                judge_operator(job, node.operator, where, node.at)
            if node.calls & touching and not _saves(graph, function, node):
                what = f"node {printable(node.name, 60)} calls a function that reads or writes files"
                job.mark(
                    "dangerous", what, node.at, where, opcode=node.operator, reason="only a model's saver may do that"
                )


def _touching(graph: Graph) -> set[str]:
    """Functions that touch checkpoint files, themselves or through what they call."""
    saver = frozenset(operators()["saver"])
    found = {n for n, f in graph.functions.items() if any(x.operator in saver for x in f.nodes.values())}
    callers: dict[str, set[str]] = {}
    for name, function in graph.functions.items():
        for node in function.nodes.values():
            for called in node.calls:
                callers.setdefault(called, set()).add(name)
    stack = list(found)
    while stack:
        for caller in callers.get(stack.pop(), ()):
            if caller not in found:
                found.add(caller)
                stack.append(caller)
    return found


def _saves(graph: Graph, function: Function, node: Node) -> bool:
    """Whether a call belongs to the saver: named by it, or inside one of its functions, with a path from outside."""
    if function is not graph.main:
        return True  # whoever calls this function in turn is judged
    return node.name in graph.saver and graph.path_is_given(function, node)


def _file(job: Job, graph: Graph, function: Function, node: Node, where: str) -> None:
    """An operator on files: its path must come from whoever runs the graph, or be an asset of the model."""
    fine = graph.path_is_given(function, node)
    if fine and function is graph.main and node.operator in operators()["saver"]:
        fine = bool(graph.saver)
    if fine:
        return
    what = f"operator {node.operator} works on a file that the graph itself names"
    job.mark(
        "dangerous", what, node.at, where, opcode=node.operator, reason="a path that neither saver nor assets give"
    )


def _print(job: Job, node: Node, where: str) -> None:
    stream = node.texts.get("output_stream", "stderr")
    if stream not in ("stderr", "stdout", "log(info)", "log(warning)", "log(error)"):
        what = f"operator PrintV2 writes to {printable(stream, 80)!r}"
        job.mark("dangerous", what, node.at, where, opcode="PrintV2", reason="writes a file")


def _descriptor(job: Job, node: Node, where: str) -> None:
    source = node.texts.get("descriptor_source", "local://")
    if source not in ("", "local://") and not source.startswith("bytes://"):
        what = f"operator {node.operator} reads message descriptions from {printable(source, 80)!r}"
        job.mark("dangerous", what, node.at, where, opcode=node.operator, reason="reads a file")
