"""Every hostile string in every field of every stored record, on every page a visitor can reach and in its .json twin.

Two stores hold the same records, one with hostile and one with harmless strings. Whatever a page of the first has that
no page of the second has was made by a string.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import yaml

from momus.core.decisions import Answer, JobPulse, Pulse, Waived
from momus.core.evidence import Attachment
from momus.core.records import Failure, Gap, Measurement, Run
from momus.store import Store, open_store
from momus.testing import hostile
from momus.testing import hostile_checks as check
from momus.testing.report_sample import sample_view

pytest.importorskip("fastapi")

from momus.web.access import Access
from momus.web.app import create_app

STRINGS = hostile.strings()
NAMES = tuple(STRINGS)
START = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
TURNED = "<text transform='none'>"  # long names under a grid are turned, short ones are not
Choose = Callable[[hostile.Place], str | None]


def turning(turn: int) -> Choose:
    """Another string for each place, in the order in which the places are met."""
    met: dict[hostile.Place, str] = {}

    def choose(place: hostile.Place) -> str:
        return met.setdefault(place, STRINGS[NAMES[(len(met) + turn) % len(NAMES)]])

    return choose


def harmless(place: hostile.Place) -> str:
    return f"a word for {place[1].replace(', ', ' ')}"


def _card(choose: Choose) -> str:
    target = {"name": "model", "adapter": "callable", "factory": "model.py:good", "output": "probabilities"}
    facts = {"api.reach": "public", "model.output": "scores", "data.persons": True}
    card = {"system": choose(("Card", "system")), "description": choose(("Card", "description"))}
    classes = [choose(("Card", "classes")), "yes"]
    return str(yaml.safe_dump({**card, "facts": facts, "targets": [{**target, "classes": classes}]}))


def fill(store: Store, choose: Choose) -> None:
    """Three runs of one system: two with every kind of evidence, one under way; waivers, answers, gaps, a failure."""
    files = [
        Attachment(title="t", note="n", name="film.gif", media="image/gif", data=b"GIF89a\1\0\1\0"),
        Attachment(title="t", note="n", name="clip.wav", media="audio/wav", data=b"RIFF"),
        Attachment(title="t", note="n", name="rows.csv", media="text/csv", data=b"a,b"),
    ]
    found = [f for m in sample_view().modes for f in m.findings]
    text, name = _card(choose), choose(("Card", "system"))
    gap = hostile.poisoned(
        Gap(mode="stealing", probe="stealing.copy", target="t", why="data", detail="d", how_to_close="h"), choose
    )
    system = name or ""
    for n in range(3):
        settings = {"gaps": [gap.model_dump(mode="json")], "budget": {"seconds": 5}}
        run = Run(id=f"2026050{n + 1}-090000-abcd", system="s", card_digest="0" * 64, card_path="p", seed=n,
                  created=START + timedelta(days=n), versions={"momus": "1"}, machine="m", command="c")  # fmt: skip
        made: Run = hostile.poisoned(run, lambda p: None if p == ("Run", "id") else choose(p))
        made = made.model_copy(update={"system": system, "card_text": text, "settings": settings})
        store.append(run.id, made)
        for f in found:
            record: Measurement | Failure | None = f.measurement or f.failure
            assert record is not None
            if isinstance(record, Measurement) and f.mode == "perturbation":
                record = record.model_copy(update={"evidence": (*record.evidence, *files)})
            record = record.model_copy(update={"modes": (f.mode,)})
            poisoned: Measurement | Failure = hostile.poisoned(record, choose)
            own = {} if n == 1 else {"probe": record.probe}  # one run's probes are known, the other's have any name
            store.append(run.id, poisoned.model_copy(update=own))
        if n < 2:
            store.append(run.id, made.model_copy(update={"ended": START + timedelta(days=n, minutes=5)}))
    store.pulse(Pulse(run="20260503-090000-abcd", total=9, jobs=(hostile.poisoned(
        JobPulse(probe="p", target="t", fraction=0.5, note="n"), choose),)))  # fmt: skip
    for k, record in enumerate((
        Waived(id="w0", system="s", mode="membership", reason="r", by="b", until=date(2099, 1, 1)),
        Waived(id="w1", system="s", mode="perturbation", probe="perturbation.pgd", target="scorer", reason="r", by="b",
               until=date(2099, 1, 1)),
        Answer(system="s", fact="data.class", value="v", evidence="e", author="a"),
    )):  # fmt: skip
        poisoned = hostile.poisoned(record, choose)
        own = (
            {"system": system, "probe": ""} if isinstance(record, Waived) else {"system": system, "fact": "data.class"}
        )
        store.append("", poisoned.model_copy(update={**own, **({"id": f"w{k}"} if k < 2 else {})}))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if k in ("href", "src", "action", "hx-get") and v]


def _like(path: str) -> str:
    """What kind of page an address leads to: without the run, the mode, the finding and what is asked for."""
    plain = re.sub(r"\?.*", "?", path)
    plain = re.sub(r"/modes/\w+(/[0-9a-f]{16})?", lambda m: "/modes/M" + ("/KEY" if m[1] else ""), plain)
    plain = re.sub(r"^/taxonomy/\w+", "/taxonomy/M", plain)
    return re.sub(r"\d{8}-\d{6}-\w+", "RUN", re.sub(r"M\d\d|\d+(?=$)|[0-9a-f]{16,}", "M", plain))


def crawl(visitor: Any, most: int = 200) -> dict[str, Any]:
    """A page of every kind that can be reached by following links, the reports and .json twins included."""
    seen: Counter[str] = Counter()
    pages: dict[str, Any] = {}
    waiting = ["/", "/waivers", "/sessions", "/taxonomy", "/glossary", "/probes", "/login", "/nowhere", "/compare"]
    while waiting and len(pages) < most:
        path = waiting.pop(0)
        if path in pages or seen[_like(path)] >= (3 if "/KEY" in _like(path) else 1):
            continue
        seen[_like(path)] += 1
        answer = visitor.get(path, follow_redirects=True)
        pages[path] = answer
        if answer.headers.get("content-type", "").startswith("text/html"):
            links = _Links()
            links.feed(answer.text)
            for link in links.found:
                to = urlsplit(urljoin(str(answer.url), link))
                assert to.scheme in ("http", "data"), link
                if to.netloc == urlsplit(str(answer.url)).netloc and "/static/" not in to.path:
                    waiting.append(to.path + (f"?{to.query}" if to.query else ""))
            waiting.append(f"{urlsplit(path).path.rstrip('/') or '/index'}.json")
    return pages


def _visit(folder: Path, choose: Choose, visitor: type[Any]) -> dict[str, Any]:
    with open_store(folder / "runs.sqlite") as store:
        fill(store, choose)
        return crawl(visitor(create_app(store, Access(owner="ann")), base_url="http://127.0.0.1:8017"))


def _is_page(path: str, answer: Any) -> bool:
    return answer.headers.get("content-type", "").startswith("text/html") and "/report" not in path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, visitor: type[Any]) -> dict[str, Any]:
    """All pages of the harmless store."""
    return _visit(tmp_path_factory.mktemp("plain"), harmless, visitor)


def wrong(pages: dict[str, Any], plain: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the pages of a hostile store, by address."""
    known = [a.text for path, a in plain.items() if _is_page(path, a)] + [TURNED]
    reports = [a.text for path, a in plain.items() if path.endswith("/report.html")] + [TURNED]
    found: dict[str, list[str]] = {}
    for path, answer in pages.items():
        kind = answer.headers.get("content-type", "")
        if answer.status_code >= 500:
            found[path] = [f"{answer.status_code}: {answer.text[:200]}"]
        elif path.endswith("/report.html"):
            found[path] = check.html(answer.text, reports)
        elif _is_page(path, answer):
            found[path] = check.html(answer.text, known, local=True)
        elif path.endswith((".json", ".sarif")):
            found[path] = check.plain_json(answer.text)
        elif path.endswith(".csv") and "/files/" not in path:
            found[path] = check.sheet(answer.text.removeprefix("\ufeff"))
        elif path.endswith(".txt"):
            found[path] = check.terminal(answer.text)
        elif path.endswith(".md"):
            found[path] = check.markdown(answer.text, [a.text for p, a in plain.items() if p.endswith(".md")])
        name = answer.headers.get("content-disposition", "")
        if name and not re.fullmatch(r'(attachment|inline)(; filename="[\w.-]+")?', name):
            found.setdefault(path, []).append(f"a file called {name!r}")
        if "html" not in kind and answer.headers.get("x-content-type-options") != "nosniff":
            found.setdefault(path, []).append("a browser may guess what it is")
    return {path: faults for path, faults in found.items() if faults}


def test_the_visit_reaches_every_kind_of_page(plain: dict[str, Any]) -> None:
    assert not [p for p, a in plain.items() if a.status_code >= 500]
    shapes = {_like(p) for p in plain}
    for wanted in ("/", "/runs/RUN", "/runs/RUN/report.html", "/runs/RUN/report.csv", "/runs/RUN/live", "/waivers"):
        assert wanted in shapes, wanted
    assert any(p.startswith("/systems/") and p.endswith("/session") for p in plain)
    assert any("/modes/" in p and p.count("/") == 5 for p in plain)
    assert len(plain) > 25


@pytest.mark.parametrize("turn", [29])
def test_every_page_shows_hostile_strings_as_text(
    turn: int, tmp_path: Path, plain: dict[str, Any], visitor: type[Any]
) -> None:
    pages = _visit(tmp_path, turning(turn), visitor)
    assert len(pages) >= 0.8 * len(plain), "a string kept pages from being reached"
    assert not wrong(pages, plain)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(len(NAMES)))
def test_every_string_in_every_place(turn: int, tmp_path: Path, plain: dict[str, Any], visitor: type[Any]) -> None:
    assert not wrong(_visit(tmp_path, turning(turn), visitor), plain)


def test_a_page_that_forgets_is_noticed(tmp_path: Path, plain: dict[str, Any], visitor: type[Any]) -> None:
    class Forgetful:
        def __init__(self, answer: Any) -> None:
            self.status_code, self.headers = answer.status_code, answer.headers
            self.text = answer.text.replace("&lt;", "<").replace("&#34;", '"')

    pages = _visit(tmp_path, turning(0), visitor)
    assert len(wrong({p: Forgetful(a) for p, a in pages.items()}, plain)) > 8


@pytest.fixture(scope="module")
def lured(tmp_path_factory: pytest.TempPathFactory, serve: Any) -> Iterator[str]:
    """A real server over a store in which every place holds markup."""
    markup = [text for text in STRINGS.values() if "<" in text or '"' in text or "javascript" in text]
    met: dict[hostile.Place, str] = {}

    def choose(place: hostile.Place) -> str:
        return met.setdefault(place, markup[len(met) % len(markup)])

    with open_store(tmp_path_factory.mktemp("lured") / "runs.sqlite") as store:
        fill(store, choose)
        with serve(create_app(store, Access(owner="ann"))) as url:
            yield url


def test_nothing_runs_and_nothing_is_asked_of_others_in_a_browser(lured: str, browser: Any) -> None:
    run, context = "20260501-090000-abcd", browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("dialog", lambda d: (said.append(f"dialog {d.message}"), d.dismiss()))
    page.on("console", lambda m: said.append(f"{m.type} {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda e: said.append(f"script {e}"))
    page.goto(f"{lured}/")
    system = next(a for a in page.eval_on_selector_all("a", "x => x.map(a => a.href)") if "/systems/" in a)
    paths = ["/", f"/runs/{run}", f"/runs/{run}/modes/perturbation", "/waivers", "/sessions"]
    for address in [*(lured + p for p in paths), system, f"{system}/session", f"{system}/waivers"]:
        answer = page.goto(address)
        assert answer is not None and answer.status < 500, address
        page.wait_for_load_state("networkidle")
        assert page.evaluate("[window.hit, document.querySelectorAll('base, iframe, object, embed').length]") in (
            [None, 0], [0, 0],
        ), address  # fmt: skip
        assert (
            page.evaluate("[...document.querySelectorAll('*')].filter(e => e.onclick || e.onerror || e.onload).length")
            == 0
        )
    page.goto("about:blank")
    page.set_content(page.request.get(f"{lured}/runs/{run}/report.html").text())
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hit") is None
    context.close()
    assert not said
    assert not [u for u in asked if not u.startswith((lured, "data:"))]
