"""TensorFlow graphs in the text form of protobuf: saved_model.pbtxt, graph.pbtxt. Operators by the same allow-list."""

from __future__ import annotations

import re

from momus.methods.artifacts.protos_text import NotText, entries
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.tensorflow import file_operators, judge_operator

_START = re.compile(
    rb"\s*(#[^\n]*\n\s*)*(saved_model_schema_version\s*:|meta_graphs\s*[{<]|node\s*[{<]|library\s*[{<]|versions\s*[{<]"
    rb"|meta_info_def\s*[{<]|graph_def\s*[{<])"
)
_CHECKPOINT = re.compile(rb"\s*model_checkpoint_path\s*:\s*\"")


def is_text_graph(region: Region) -> bool:
    return bool(_START.match(region.take(0, 4096)))


def scan_text_graph(job: Job, region: Region, where: str) -> str:
    """Every ``op`` of a node is judged. Paths are not followed: operators on files are suspicious in this form."""
    try:
        for path, key, value, at in entries(job, region):
            if key != "op" or value is None or not path or path[-1] not in ("node", "node_def"):
                continue
            if value in file_operators() or value in ("PrintV2", "DecodeProtoV2", "EncodeProto"):
                what = f"operator {value} works on a path that is not followed here"
                job.mark("suspicious", what, at, where, opcode=value, reason="keep the graph in its binary form")
            else:
                judge_operator(job, value, where, at)
    except NotText as error:
        job.mark("suspicious", f"a graph as text that stops making sense {error}", None, where)
    return "tensorflow text graph"


def is_checkpoint_list(region: Region) -> bool:
    return bool(_CHECKPOINT.match(region.take(0, 4096)))


def scan_checkpoint_list(job: Job, region: Region, where: str) -> str:
    """The file ``checkpoint``: which checkpoints there are. Paths elsewhere are opened all the same."""
    try:
        for _, key, value, at in entries(job, region):
            if key in ("model_checkpoint_path", "all_model_checkpoint_paths") and value is not None:
                if value.startswith(("/", "\\", "~")) or ".." in value or "://" in value:
                    what = "names a checkpoint outside its folder"
                    job.mark(
                        "suspicious", what, at, where, opcode=key, reason="it is opened instead of the one beside it"
                    )
            elif key not in ("all_model_checkpoint_timestamps", "last_preserved_timestamp"):
                job.mark("suspicious", "an unknown entry in a list of checkpoints", at, where)
    except NotText as error:
        job.mark("suspicious", f"a list of checkpoints that stops making sense {error}", None, where)
    return "tensorflow checkpoint list"
