"""What MkDocs does beside its own work: folders in the navigation, pages of the examples, directives taken out.

The navigation in mkdocs.yml names a folder (``modes/``); here it becomes the pages that lie in it, so that a new probe
or decision is on the site without an edit. The pages of ``examples/`` lie outside ``docs``; they and their pictures are
read from where they are, and links between both follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
# The guides to working together, below the how-to pages. A guide that nobody names stands last in Explanation.
OPTIONAL = {"Work as a team": ("serve.md", "ci.md", "pytest.md", "store.md")}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation with its folders filled in."""
    docs = Path(config.docs_dir)
    nav = _filled(config.nav or [], docs)
    named = set(re.findall(r"[\w./-]+\.md", str(nav)))
    unnamed = sorted(p.name for p in docs.glob("*.md") if p.name not in named)
    explanation = next(item["Explanation"] for item in nav if "Explanation" in item)
    explanation.extend(unnamed)
    config.nav = nav
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages of ``examples/`` and the pictures that they show."""
    for path in example_files():
        files.append(File(path.relative_to(ROOT).as_posix(), str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Takes out what is meant for the tests, and leads links between ``docs`` and ``examples`` to the page."""
    here = page.file.src_uri
    text = re.sub(r"^[ ]*<!-- (run|file):.*?-->\n", "", markdown, flags=re.M | re.S)
    return re.sub(r"\]\(([^)\s]+)\)", lambda m: f"]({_leads(m[1], here)})", text)


def example_files() -> list[Path]:
    """Every README of the examples, and the pictures beside them."""
    found = [EXAMPLES / "README.md", *sorted(EXAMPLES.glob("*/README.md"))]
    shown = {
        page.parent / target
        for page in found
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", page.read_text("utf-8"))
        if "://" not in target
    }
    return [*found, *sorted(p for p in shown if p.is_file())]


def _leads(target: str, here: str) -> str:
    """A link as the site needs it: examples lie beside the guides, and a folder means its page."""
    if "://" in target or target.startswith(("#", "mailto:")):
        return target
    path, _, anchor = target.partition("#")
    if here.startswith("examples/"):
        up = "../" * here.count("/")
        path = re.sub(r"^(\.\./)+docs/", up, path)
    else:
        path = re.sub(r"^(\.\./)+examples/", "../" * here.count("/") + "examples/", path)
    folder = (Path(here).parent / path).as_posix()
    if here.startswith("examples/") and (ROOT / folder / "README.md").is_file():
        path = f"{path.rstrip('/')}/README.md"
    return f"{path}#{anchor}" if anchor else path


def _filled(nav: Iterable[Any], docs: Path) -> list[Any]:
    """The nav with each ``folder/`` replaced by its pages."""
    out: list[Any] = []
    for item in nav:
        if not isinstance(item, dict):
            out.append(item)
            continue
        ((title, inside),) = item.items()
        if isinstance(inside, list):
            more = [page for page in OPTIONAL.get(title, ()) if (docs / page).is_file()]
            out.append({title: [*_filled(inside, docs), *more]})
        elif inside.endswith("/"):
            out.append({title: FOLDERS[inside](docs)})
        else:
            out.append(item)
    return out


def _modes(docs: Path) -> list[Any]:
    from momus.taxonomy import load

    pages = [{f"{m.id} {m.name}": f"modes/{m.number:02}-{m.slug}.md"} for m in load().modes]
    return ["modes/README.md", *pages, {"Severity": "modes/severity.md"}]


def _probes(docs: Path) -> list[Any]:
    """By mode, each with its name."""
    from momus.taxonomy import load

    nav: list[Any] = ["probes/README.md"]
    for mode in load().modes:
        pages = sorted((docs / "probes").glob(f"{mode.slug}.*.md"))
        nav.append({f"{mode.id} {mode.name}": [{p.stem.split(".")[1]: f"probes/{p.name}"} for p in pages]})
    return nav


def _design(docs: Path) -> list[Any]:
    return [f"design/{p.name}" for p in [docs / "design" / "index.md", *sorted((docs / "design").glob("[0-9]*.md"))]]


def _examples(docs: Path) -> list[Any]:
    return [p.relative_to(ROOT).as_posix() for p in example_files() if p.suffix == ".md"]


FOLDERS = {"modes/": _modes, "probes/": _probes, "design/": _design, "examples/": _examples}
