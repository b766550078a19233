"""docs/modes is generated and current."""

from __future__ import annotations

from pathlib import Path

from momus.taxonomy import load
from momus.taxonomy.docs import pages, write

HOME = Path(__file__).parents[2] / "docs" / "modes"


def test_pages_are_current() -> None:
    stale = [n for n, text in pages(load()).items() if not (HOME / n).is_file() or (HOME / n).read_text() != text]
    assert not stale, "run: python -m momus.taxonomy.docs"


def test_no_page_is_left_over() -> None:
    assert {p.name for p in HOME.glob("*.md")} == set(pages(load()))


def test_links_between_pages_resolve(tmp_path) -> None:
    import re

    names = {p.name for p in write(tmp_path)}
    for path in tmp_path.glob("*.md"):
        for target in re.findall(r"\]\(([\w-]+\.md)\)", path.read_text()):
            assert target in names, (path.name, target)
