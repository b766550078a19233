"""Symbolic sizes of exported programs: what torch writes is arithmetic, anything else is not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from momus.methods.artifacts import scan

PLAIN = "Symbol('s31', positive=True, integer=True)"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (PLAIN, True),
        (f"2*{PLAIN} + 1", True),
        ("s31", True),
        ("Symbol('s31', positive=print(1))", False),
        ("Symbol('__import__', positive=True)", False),
        (f"{PLAIN}.func", False),
        ("Symbol('s1', real=True)('os')", False),
    ],
)
def test_symbolic_sizes(tmp_path: Path, text: str, clean: bool) -> None:
    torch = pytest.importorskip("torch")
    first, path = tmp_path / "a.pt2", tmp_path / "b.pt2"
    net = torch.nn.Linear(4, 2).eval()
    free = ({0: torch.export.Dim("n", min=1, max=64)},)
    torch.export.save(torch.export.export(net, (torch.zeros(3, 4),), dynamic_shapes=free), first)
    assert scan(first).verdict == "nothing found"
    with zipfile.ZipFile(first) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for item in old.namelist():
            content = old.read(item)
            if b'"expr_str"' in content:
                content = json.dumps(changed(json.loads(content), text)).encode()
            new.writestr(item, content)
    assert (scan(path).verdict == "nothing found") == clean


def changed(value: object, text: str) -> object:
    if isinstance(value, dict):
        return {k: text if k == "expr_str" else changed(v, text) for k, v in value.items()}
    return [changed(v, text) for v in value] if isinstance(value, list) else value
