"""Jupyter notebooks: code cells as Python, magics and shell lines as commands, outputs for script."""

from __future__ import annotations

import re
from typing import Any

from momus.methods.artifacts import python_code, shells
from momus.methods.artifacts.report import Job

_CELLS = 5_000
_SCRIPT = re.compile(r"<script\b|\son\w+\s*=|javascript:|<iframe\b", re.I)
_FOREIGN = re.compile(r"%%(bash|sh|script|perl|ruby|javascript|js|html|cmd|powershell|writefile|R|cython)\b")


def is_notebook(value: Any) -> bool:
    """Whether a JSON value is a notebook."""
    return (
        isinstance(value, dict)
        and "nbformat" in value
        and isinstance(value.get("cells", value.get("worksheets")), list)
    )


def scan(job: Job, value: dict[str, Any], where: str) -> str:
    """Mark what running, or only opening, the notebook would do."""
    sheets = value.get("worksheets")
    cells = value.get("cells") or [c for s in sheets or [] if isinstance(s, dict) for c in s.get("cells") or []]
    code = [c for c in cells if isinstance(c, dict) and c.get("cell_type") == "code"]
    if len(cells) > _CELLS:
        job.mark("not understood", f"a notebook of more than {_CELLS:,} cells", None, where)
    texts = [_text(c.get("source", c.get("input"))) for c in code[:_CELLS]]
    if any(t.strip() for t in texts):
        job.mark("suspicious", f"a notebook: {len(code):,} cells of code run when it is run", 0, where, opcode="cell")
    for i, (cell, text) in enumerate(zip(code, texts, strict=False)):
        job.check_time()
        place = f"{where}!cell {i}" if where else f"cell {i}"
        _cell(job, text, place)
        _outputs(job, cell.get("outputs"), place)
    for i, cell in enumerate(c for c in cells[:_CELLS] if isinstance(c, dict)):
        if cell.get("cell_type") == "markdown" and re.search(
            r"<script\b|javascript:|<\w[^>\n]{0,200}\son\w{3,20}\s?=", _text(cell.get("source")), re.I
        ):
            job.mark("suspicious", "text with a script in it", None, f"{where}!text {i}", opcode="script")
        for name, kinds in _attachments(cell):
            job.mark("note", f"holds the attachment {name[:60]} ({kinds[:60]})", None, where)
    return "notebook"


def _attachments(cell: dict[str, Any]) -> list[tuple[str, str]]:
    held = cell.get("attachments")
    return (
        [(str(k), ", ".join(map(str, v)) if isinstance(v, dict) else "") for k, v in held.items()]
        if isinstance(held, dict)
        else []
    )


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(s for s in source if isinstance(s, str))
    return source if isinstance(source, str) else ""


def _cell(job: Job, text: str, where: str) -> None:
    """One cell: foreign cells and lines with an exclamation mark are commands, the rest is Python."""
    first = text.lstrip().split("\n", 1)
    if _FOREIGN.match(first[0]):
        shells.judge(job, text, where, f"a cell of {first[0][2:20].split()[0]}")
        return
    lines, commands = [], []
    for line in text.split("\n"):
        bare = line.lstrip()
        shell = bare.startswith(("!", "%system", "%sx", "%pip", "%conda")) or re.match(r"\w+\s*=\s*!", bare)
        if shell:
            commands.append(bare)
        lines.append(line[: len(line) - len(bare)] + "pass" if shell or bare.startswith(("%", "?")) else line)
    for command in commands:
        found = shells.judge(job, command, where, "a line")
        if not found and re.search(r"pip3?\s+install\b.*(https?://|git\+|--(extra-)?index-url)", command):
            job.mark(
                "suspicious", "installs from a place of its own", None, where, opcode="command", call=command[:100]
            )
    tree = python_code.parsed("\n".join(lines))
    if tree is None:
        if text.strip():
            shells.judge(job, text, where, "a cell")
            if python_code.goes_on(text):
                job.mark("not understood", "a cell too long to be read", None, where)
            else:
                job.mark("note", "a cell that is no Python", None, where)
        return
    python_code.judge(job, tree, where, "a cell of Python", "note")


def _outputs(job: Job, outputs: Any, where: str) -> None:
    """What a viewer shows without being asked."""
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        for kind, content in data.items() if isinstance(data, dict) else ():
            text = _text(content)
            if "javascript" in str(kind) or (kind in ("text/html", "image/svg+xml") and _SCRIPT.search(text)):
                job.mark(
                    "suspicious", "an output holds a script, which a viewer may run", None, where, opcode=str(kind)[:40]
                )
