"""The generated pages say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from momus.core.registry import get_probe, probe_ids

DOCS = Path(__file__).resolve().parents[1] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("make_probes", DOCS / "make_probes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("identity", probe_ids())
def test_a_probes_page_is_current(identity: str) -> None:
    page = (DOCS / "probes" / f"{identity}.md").read_text("utf-8")
    assert page == generator().page(get_probe(identity)), "run: make docs"


def test_links_between_pages_lead_somewhere() -> None:
    root = DOCS.parent
    pages = [*root.glob("*.md"), *DOCS.rglob("*.md"), *(root / "examples").glob("**/README.md")]
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
