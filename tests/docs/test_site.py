"""The site: built without a warning, complete, and loading nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from difflib import unified_diff
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


class Page(HTMLParser):
    """What a page loads, where it leads, what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = dict(attrs)
        if at.get("id"):
            self.ids.add(str(at["id"]))
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed") and at.get("src"):
            self.loads.append(str(at["src"]))
        if tag == "link" and at.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.loads.append(str(at.get("href")))
        if tag == "a" and at.get("href"):
            self.links.append(str(at["href"]))
        if tag == "img" and not (at.get("alt") or "").strip():
            self.bare.append(str(at.get("src")))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make site` builds it; strict turns a warning into an error."""
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
        "-d",
        str(out),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING" not in said
    return out


@pytest.fixture(scope="module")
def read(site: Path) -> dict[str, Page]:
    """Every page of the site by its path."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text("utf-8"))
        found[path.relative_to(site).as_posix()] = page
    return found


def test_every_page_of_the_guide_is_on_the_site(site: Path) -> None:
    for source in DOCS.rglob("*.md"):
        inside = source.relative_to(DOCS).with_suffix("")
        if inside.parts[0] == "site":
            continue
        folder = inside.parent if inside.name in ("index", "README") else inside
        assert (site / folder / "index.html").is_file(), source
    for case in (ROOT / "examples").glob("*/README.md"):
        assert (site / "examples" / case.parent.name / "index.html").is_file(), case


def test_nothing_is_loaded_from_elsewhere(site: Path, read: dict[str, Page]) -> None:
    away = {f"{name}: {what}" for name, page in read.items() for what in page.loads if re.match(r"(https?:)?//", what)}
    assert away == set()
    styles = "\n".join(p.read_text("utf-8") for p in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)]*", styles)
    # The theme's script knows one address, for a kind of diagram that no page has.
    assert not any('class="mermaid"' in p.read_text("utf-8") for p in site.rglob("*.html"))
    assert (site / "search" / "search_index.json").stat().st_size > 100_000


def test_every_link_and_anchor_inside_the_site_leads_somewhere(site: Path, read: dict[str, Page]) -> None:
    broken = []
    for name, page in read.items():
        if name == "404.html":  # its links are from the root of wherever the site is put
            continue
        for link in page.links:
            if re.match(r"[a-z]+:|//", link):
                continue
            path, _, anchor = link.partition("#")
            there = os.path.normpath(f"{name}/../{path.split('?')[0]}") if path else name
            known = read.get(there) or read.get(os.path.normpath(f"{there}/index.html"))
            if known is None:
                if there.startswith("..") or not (site / there).is_file():
                    broken.append(f"{name}: {link}")
            elif anchor and anchor not in known.ids and not anchor.startswith("__"):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_picture_says_what_it_shows(read: dict[str, Page]) -> None:
    bare = [f"{name}: {src}" for name, page in read.items() for src in page.bare if not src.endswith("mark.svg")]
    assert bare == []


def test_no_directive_reaches_the_reader(site: Path) -> None:
    assert [p for p in site.rglob("*.html") if "<!-- run:" in p.read_text("utf-8")] == []


def test_no_page_calls_a_system_more_than_what_was_tried() -> None:
    """The words of a promise stand on a page only where it is refused."""
    allowed = ("not ", "no ", "never", "cannot", "words ")
    promise = re.compile(r"\b(is|are|as) (secure|safe|robust|compliant)\b")
    read = [DOCS / "index.md", DOCS / "tutorial.md", DOCS / "policymakers.md", *(DOCS / "how-to").glob("*.md")]
    found = [
        f"{page.name}: {line}"
        for page in read
        for line in page.read_text("utf-8").splitlines()
        if promise.search(line) and not any(word in line for word in allowed)
    ]
    # "That a system is safe" stands below "What Momus cannot tell".
    assert [f for f in found if "**That a system is safe.**" not in f] == []


def test_the_seventeen_stand_on_the_page_for_policymakers() -> None:
    from momus.taxonomy import load

    text = (DOCS / "policymakers.md").read_text("utf-8")
    tax = load()
    assert [m.id for m in tax.modes if m.summary not in text] == []
    asked = re.findall(r"^- (.*\?) \((M\d\d)\)$", text, re.M)
    assert len(asked) >= 5
    for question, mode in asked:
        assert any(q.startswith(question) for q in tax.mode(mode).legal_questions), question
    assert "```" not in text, "this page needs no code"


def test_the_names_are_spelt_one_way() -> None:
    wrong = re.compile(
        r"\b(Scikit-[Ll]earn|scikit learn|sklearn's|Pytorch|pyTorch|Onnx|XGboost|Xgboost|LightGbm|lightGBM|"
        r"Github|Gitlab|Postgresql|Postgres|Mkdocs|Sqlite|SQlite|Javascript|Cyclonedx)\b"
    )
    found = []
    for page in [*DOCS.glob("*.md"), *(DOCS / "how-to").glob("*.md")]:
        prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.S)
        found += [f"{page.name}: {hit}" for hit in wrong.findall(prose)]
    assert found == []


def test_the_reference_is_current() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "site" / "make_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages = module.pages()
    told = [
        line
        for name, text in pages.items()
        for line in unified_diff((DOCS / "reference" / name).read_text("utf-8").split("\n"), text.split("\n"), n=0)
    ]
    assert told == [], "run: make docs"
