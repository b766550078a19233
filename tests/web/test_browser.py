"""The pages in a real browser: nothing is refused or complained of, everybody can read them and reach everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from momus.core.decisions import JobPulse, Pulse
from momus.core.records import Run

pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.base")

PLAIN, WORST, NEWEST, STRANGE = "", "20260503-090000-0002", "20260504-090000-0003", "20260601-090000-beef"
DARK = ("systems", "run", "every kind of evidence", "comparison", "live")  # every colour there is
AXE = Path(axe.__file__).parent / "axe.min.js"
SERIOUS = ("serious", "critical")
# All rules once; those for colours again in the dark.
CHECK = """(only) => axe.run(document, {resultTypes: ['violations'], ...(only ? {runOnly: only} : {})}).then(r => r
  .violations.filter(v => only || /serious|critical/.test(v.impact) || /heading-order|region/.test(v.id))
  .map(v => `${v.id}: ` + v.nodes.slice(0, 3).map(n => `${n.target} ${(n.any[0] || {}).message}`).join('; ')))"""
WIDE = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
  [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.tagName + '.' + e.className).slice(0, 5)"""
STUCK = """() => [...document.querySelectorAll('body *')].filter(e => e.scrollWidth > e.clientWidth + 1
  && /auto|scroll/.test(getComputedStyle(e).overflowX) && e.tabIndex < 0 && !e.querySelector('a[href], button, input'))
  .map(e => e.outerHTML.slice(0, 80))"""
# What can be reached, and what was: a page's own order is recorded while keys are pressed.
REACHABLE = """() => { const all = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility()); window.reached = new Set();
  document.addEventListener('focusin', e => window.reached.add(e.target)); window.reachable = all;
  return all.length; }"""
MISSED = """() => window.reachable.filter(e => !window.reached.has(e)).map(e => e.outerHTML.slice(0, 120))"""


class Screen:
    """One browser page, with everything that it complained of since it was last asked."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url, self.complaints = page, url, []  # type: ignore[var-annotated]
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("dialog", lambda d: (self.complaints.append(f"dialog {d.message}"), d.dismiss()))
        page.on("requestfailed", self._failed)
        page.add_init_script("addEventListener('securitypolicyviolation', e => console.error('csp', e.blockedURI))")

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the icon of a page that was left before it came
            self.complaints.append(f"failed {request.url} {request.failure}")

    def open(self, path: str, status: int = 200) -> Any:
        answer = self.page.goto(self.url + path)
        assert answer.status == status, path
        return self.page

    def violations(self, *only: str) -> list[str]:
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found: list[str] = self.page.evaluate(CHECK, list(only) or None)
        return found


@pytest.fixture(scope="module")
def screen(browser: Any, served: Any) -> Iterator[Screen]:
    served.store.append("going", Run(id="going", system="credit scorer", card_digest="d", card_text="", seed=9))
    jobs = (JobPulse(probe="shift.groups", target="model", fraction=0.4, note="third group"),)
    served.store.pulse(Pulse(run="going", done=3, total=9, failing=1, jobs=jobs, seconds_left=75))
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield Screen(context.new_page(), served.url)
    context.close()


@pytest.fixture(scope="module")
def paths(served: Any, systems: dict[str, str]) -> dict[str, str]:
    shelf = served.app.state.site.shelf
    shown = next(i for i in shelf.findings(NEWEST) if i.finding.measurement and len(i.finding.measurement.evidence) > 5)
    nasty = shelf.findings(STRANGE)[0]
    return {
        "systems": "/",
        "system": f"/systems/{systems['plain']}",
        "strange system": f"/systems/{systems['strange']}",
        "run": f"/runs/{WORST}?status=fail,error&q=o",
        "run not ended": f"/runs/{NEWEST}",
        "row for the engineer": f"/runs/{NEWEST}/modes/{shown.mode.slug}",
        "row for the responder": f"/runs/{WORST}/modes/M04?reader=responder",
        "row for policy": f"/runs/{WORST}/modes/M04?reader=policy",
        "every kind of evidence": f"/runs/{NEWEST}/modes/{shown.mode.slug}/{shown.key}",
        "hostile evidence": f"/runs/{STRANGE}/modes/{nasty.mode.slug}/{nasty.key}",
        "comparison": f"/compare?before=20260501-090000-0000&after={WORST}",
        "live": "/runs/going/live",
        "taxonomy": "/taxonomy",
        "mode": "/taxonomy/M04",
        "rated by us": "/taxonomy/M14",
        "glossary": "/glossary?q=trojan",
        "probes": "/probes?q=loss",
    }


def test_pages_are_clean_fit_and_can_be_read_by_everybody(screen: Screen, paths: dict[str, str]) -> None:
    """No complaint, no refused resource, nothing wider than the window, no serious finding of axe, light and dark."""
    wrong: dict[str, Any] = {}
    for name, path in paths.items():
        page = screen.open(path)
        seen = {"axe": screen.violations(), "1280 px": page.evaluate(WIDE)}
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 900})
        seen["dark"] = screen.violations("color-contrast") if name in DARK else []
        seen |= {"390 px": page.evaluate(WIDE), "cannot be scrolled by keyboard": page.evaluate(STUCK)}
        seen["complaints"] = list(screen.complaints)
        screen.complaints.clear()
        wrong |= {f"{name}, {what}": found for what, found in seen.items() if found}
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
    assert wrong == {}


def test_the_pictures_of_a_finding_are_all_there(screen: Screen, paths: dict[str, str]) -> None:
    page = screen.open(paths["every kind of evidence"])
    page.evaluate("() => document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.wait_for_function("() => [...document.images].every(i => i.complete)")
    empty = page.evaluate("() => [...document.images].filter(i => !i.naturalWidth).map(i => i.alt)")
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('figure.plot svg')].filter(s => s.getBBox().width > 99).length"
    )
    assert empty == [] and drawn >= 3
    # What the strict policy would take away: a plot's own colours. All black would be a plot without its style.
    inks = page.evaluate(
        "() => new Set([...document.querySelectorAll('figure.plot svg *')].map(e => getComputedStyle(e).stroke)).size"
    )
    assert inks >= 3 and screen.complaints == []


@pytest.mark.parametrize("name", ["run", "comparison", "live", "row for the engineer"])
def test_the_keyboard_alone_reaches_everything(screen: Screen, paths: dict[str, str], name: str) -> None:
    page = screen.open(paths[name])
    there = page.evaluate(REACHABLE)
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    assert page.evaluate("() => document.activeElement.getBoundingClientRect().left") >= 0, "the skip link is shown"
    seen = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    for _ in range(there + 3):
        page.keyboard.press("Tab")
    assert there > 10 and page.evaluate(MISSED) == [] and seen
    assert screen.complaints == []


def test_the_skip_link_leads_to_the_page(screen: Screen, paths: dict[str, str]) -> None:
    page = screen.open(paths["systems"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
    assert outline not in ("", "0px"), "the focus can be seen"


def test_findings_are_narrowed_with_the_keyboard(screen: Screen) -> None:
    page = screen.open(f"/runs/{WORST}")
    page.get_by_label("Probe, target or mode").fill("loss")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=loss**")
    assert page.locator("table.found tbody tr").count() == 1
    page.get_by_role("checkbox", name="pass").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**status=pass**")
    assert page.get_by_text("No finding is like that").count() == 1
    assert page.locator("[role=status]").inner_text().startswith("0 findings")


def test_what_people_named_is_text(screen: Screen, paths: dict[str, str]) -> None:
    page = screen.open(paths["hostile evidence"])
    assert page.evaluate("() => document.scripts.length") == 1, "only our own"
    assert page.locator("main script, main iframe, main [onerror], main [onload]").count() == 0
    assert screen.complaints == []


def test_probes_say_how_far_to_trust_them(screen: Screen) -> None:
    page = screen.open("/probes?mode=M04&q=membership.loss")
    row = page.locator("table.probes tbody tr")
    assert row.count() == 1 and row.locator("code").inner_text() == "membership.loss"
    assert " of " in row.locator("td").nth(5).inner_text() and "≤ 0.05" in row.inner_text()
    page.get_by_role("link", name="This page as JSON").click()
    assert '"q":"membership.loss"' in page.inner_text("body"), "the twin of what is shown, not of everything"


def test_a_page_that_is_not_there_is_a_page(screen: Screen) -> None:
    page = screen.open("/runs/nobody", status=404)
    assert page.locator("h1").count() == 1 and screen.violations() == []
    screen.complaints.clear()  # the browser itself logs the 404
