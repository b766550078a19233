"""The page of a threat-modelling session: answers, what follows, who may do what, and a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.card.read import card_of_text
from momus.core.decisions import Answer
from momus.store import Store, open_store
from momus.taxonomy.facts import load_facts
from momus.web.access import Access, Role
from momus.web.app import create_app
from momus.web.asking import AnswerForm, read


@pytest.fixture
def place(systems: dict[str, str]) -> str:
    return f"/systems/{systems['plain']}/session"


def test_a_session_shows_where_it_stands(client: Callable[..., Any], place: str) -> None:
    page = client(Role.VIEWER).get(place)
    twin = client(Role.VIEWER).get(f"{place}.json").json()
    assert page.status_code == 200 and len(twin["verdicts"]) == 17 and twin["facts"] == len(load_facts())
    assert twin["known"] == 4 and twin["put"]["asked"]["key"] == twin["next"]  # three stated, one seen in the targets
    assert 17 - twin["settled"] == sum(v["verdict"] == "undetermined" for v in twin["verdicts"])
    asked = twin["put"]["asked"]["ask"]
    assert f">{asked}</h2>" in page.text and all(f"<code>{key}</code>" in page.text for key in load_facts())
    assert ' style="' not in page.text and "<script>" not in page.text and "<svg" in page.text


def test_an_assessor_answers_and_what_changes_is_marked(
    client: Callable[..., Any], store: Store, place: str, systems: dict[str, str]
) -> None:
    bo = client(Role.ASSESSOR)
    before = {v["mode"]: v["words"] for v in bo.get(f"{place}.json").json()["verdicts"]}
    answer = bo.submit(f"{place}/answer", fact="import.pretrained", value="no", evidence=" sbom.json, line 3 ")
    assert answer.status_code == 303 and answer.headers["location"] == f"{place}?given=import.pretrained"
    (kept,) = store.answers(systems["plain"])
    assert (kept.author, kept.value, kept.evidence) == ("assessor <b>Ann</b>", False, "sbom.json, line 3")
    page = bo.get(answer.headers["location"])
    twin = bo.get(f"{place}.json?given=import.pretrained").json()
    moved = {c["mode"]: (c["before"], c["after"]) for c in twin["changes"]}
    assert moved["supply_chain"] == (before["supply_chain"], "not applicable")
    assert 'role="status"' in page.text and "import.pretrained is now no, says assessor &lt;b&gt;Ann" in page.text
    assert page.text.count('changed"') == len(moved) and "was undetermined" in page.text
    assert bo.get(f"{place}.json").json()["next"] != "import.pretrained"


def test_what_if_tries_and_records_nothing(client: Callable[..., Any], store: Store, place: str) -> None:
    reader = client(Role.VIEWER)
    answer = reader.submit(f"{place}/try", fact="import.pretrained", value="yes", evidence="ignored")
    page = reader.get(answer.headers["location"])
    assert "Nothing is recorded" in page.text and page.text.count("was undetermined") >= 2
    assert not any(store.answers(s) for s in {place.split("/")[2]})
    several = reader.submit(f"{place}/try", fact="data.sources", value=["web", "crowd"])
    assert (
        reader.get(several.headers["location"].replace("session?", "session.json?")).json()["suppose"] == "crowd, web"
    )


def test_a_viewer_reads_and_does_not_answer(client: Callable[..., Any], store: Store, place: str) -> None:
    reader = client(Role.VIEWER)
    assert "Record as" not in reader.get(place).text
    assert reader.submit(f"{place}/answer", fact="api.auth", value="yes").status_code == 403
    assert reader.submit(f"{place}/withdraw", fact="api.auth").status_code == 403
    assert client(None).get(place).status_code == 401


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fact": "api.auth"}, "Choose an answer"),
        ({"fact": "api.auth", "value": "perhaps"}, "not one of the answers"),
        ({"fact": "api.auth", "value": ["yes", "no"]}, "Give one answer"),
        ({"fact": "data.sources", "value": ["web", "unknown"]}, "cannot stand beside"),
        ({"fact": "env.sites", "value": "two"}, "Write a number"),
        ({"fact": "env.sites", "value": "-1"}, "Write a number"),
        ({"fact": "env.sites", "value": "1e999"}, "Write a number"),
        ({"fact": "env.sites", "value": "2.5"}, "Write a number"),
        ({"fact": "api.auth", "value": "yes", "evidence": "x" * 4001}, "longer than 4,000"),
    ],
    ids=["none", "word", "two", "both", "word-number", "negative", "infinite", "half", "long"],
)
def test_a_mistake_is_told_beside_the_question(
    given: dict[str, Any], told: str, client: Callable[..., Any], store: Store, place: str, systems: dict[str, str]
) -> None:
    bo = client(Role.ASSESSOR)
    answer = bo.submit(f"{place}/answer", **given)
    assert answer.status_code == 303 and store.answers(systems["plain"]) == ()
    page = bo.get(answer.headers["location"]).text
    assert f">{load_facts()[given['fact']].ask}</h2>" in page
    form = page.partition("<form method")[2].partition("</form>")[0]
    assert told in form and 'aria-describedby="problem"' in form and 'id="problem"' in form


def test_questions_and_systems_that_are_none(client: Callable[..., Any], place: str) -> None:
    ann = client(Role.APPROVER)
    assert ann.get(f"{place}?fact=gone.fact").status_code == 404
    assert ann.submit(f"{place}/answer", fact="gone.fact", value="yes").status_code == 404
    assert ann.get("/systems/nobody/session").status_code == 404
    assert ann.get(f"{place}?fact=api.auth&suppose=nonsense").status_code == 200
    assert ann.submit(f"{place}/withdraw", fact="api.auth").status_code == 409


def test_two_views_are_both_shown_and_can_be_taken_back(client: Callable[..., Any], store: Store, place: str) -> None:
    client(Role.ASSESSOR).submit(f"{place}/answer", fact="api.reach", value="none")
    client(Role.APPROVER).submit(f"{place}/answer", fact="api.reach", value="partner", evidence="https://example.org/a")
    page = client(Role.VIEWER).get(f"{place}?fact=api.reach").text
    assert "Two views" in page and "assessor &lt;b&gt;Ann&lt;/b&gt; says none" in page
    assert '<a href="https://example.org/a" rel="noopener noreferrer nofollow">' in page
    client(Role.ASSESSOR).submit(f"{place}/withdraw", fact="api.reach")
    twin = client(Role.VIEWER).get(f"{place}.json?fact=api.reach").json()["put"]["asked"]
    assert twin["said"] == "public" and twin["source"] == "card" and len(twin["history"]) == 3


def test_evidence_with_another_scheme_is_no_link(client: Callable[..., Any], place: str) -> None:
    client(Role.ASSESSOR).submit(f"{place}/answer", fact="api.auth", value="yes", evidence="javascript:alert(1)")
    assert 'href="javascript' not in client(Role.VIEWER).get(f"{place}?fact=api.auth").text


def test_the_card_and_the_document_can_be_taken(client: Callable[..., Any], place: str) -> None:
    ann = client(Role.APPROVER)
    ann.submit(f"{place}/answer", fact="data.hashed", value="yes", evidence="ledger")
    ann.submit(f"{place.removesuffix('/session')}/waive", mode="M14", reason="seasonal", until="2026-11-30")
    file = ann.get(f"{place}/momus.yaml")
    assert file.headers["content-disposition"] == 'attachment; filename="momus.yaml"'
    facts = card_of_text(file.text).facts
    assert facts["data.hashed"] is True and facts.evidence("data.hashed").startswith("ledger (approver <b>Ann</b>, ")
    page = ann.get(f"{place}/card").text
    assert '<span class="added">+ ' in page and "Save momus.yaml" in page
    document = ann.get(f"{place}/threat-model.md")
    assert document.text.startswith("# Threat model of credit scorer") and "ledger" in document.text


def test_hostile_names_stay_text(client: Callable[..., Any], systems: dict[str, str]) -> None:
    ann, place = client(Role.APPROVER), f"/systems/{systems['strange']}/session"
    for path in (place, f"{place}/card", "/sessions", f"{place.removesuffix('session')}waivers"):
        page = ann.get(path)
        assert page.status_code == 200 and "<script>alert" not in page.text and "\u202e" not in page.text
    assert "<script>" not in ann.get(f"{place}/threat-model.md").text


def test_a_card_read_at_start_has_a_session_before_any_run() -> None:
    from starlette.testclient import TestClient

    text = "system: unborn\nfacts: {api.reach: public}\n"
    from momus.core.decisions import system_id

    name = system_id("unborn")
    with open_store(":memory:") as store:
        visitor = TestClient(
            create_app(store, Access(owner="ann"), cards={name: (text, "momus.yaml")}), base_url="http://127.0.0.1"
        )
        assert visitor.get(f"/systems/{name}/session").status_code == 200
        assert "unborn" in visitor.get("/sessions").text and visitor.get(f"/systems/{name}/waivers").status_code == 200


def test_a_card_that_cannot_be_read_is_one_line(
    client: Callable[..., Any], store: Store, systems: dict[str, str]
) -> None:
    head = store.runs(systems["plain"])[0]
    store.append(head.id, head.model_copy(update={"card_text": "system: [\n"}))
    broken = client(Role.VIEWER).get(f"/systems/{systems['plain']}/session")
    assert broken.status_code == 409 and "cannot be read" in broken.text
    assert client(Role.VIEWER).get("/sessions").status_code == 200
    assert client(Role.VIEWER).get(f"/systems/{systems['plain']}/waivers").status_code == 200


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(load_facts())),
    st.lists(st.text(max_size=12) | st.sampled_from(["yes", "1", "web"]), max_size=4),
)
def test_whatever_is_sent_is_a_value_or_a_problem(fact: str, given: list[str]) -> None:
    value, wrong = read(AnswerForm(fact=fact, value=tuple(given)))
    if not wrong:
        assert Answer(system="s", fact=fact, value=value, author="a").value == value
        assert value is None or load_facts()[fact].read(value) == value
    else:
        assert value is None


# -- a real browser ------------------------------------------------------------------------------------------------


@pytest.fixture
def window(browser: Any, served: Any) -> Iterator[Callable[..., Any]]:
    opened = []

    def open_(script: bool = True, **more: Any) -> Any:
        context = browser.new_context(java_script_enabled=script, viewport={"width": 1280, "height": 900}, **more)
        context.set_default_timeout(8000)
        opened.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        return page

    yield open_
    for context in opened:
        context.close()


def test_with_script_an_answer_changes_the_verdicts_in_place(
    window: Callable[..., Any], served: Any, place: str
) -> None:
    page = window()
    page.goto(f"{served.url}{place}?fact=import.pretrained")
    address = page.url
    row = page.locator(".verdicts li", has_text="Supply chain")
    assert "undetermined" in row.inner_text()
    page.get_by_label("yes").check()
    page.get_by_label("Evidence").fill("bill of materials")
    page.get_by_role("button", name="Record as ann").click()
    page.locator("#said:has-text('import.pretrained is now yes')").wait_for()
    row = page.locator(".verdicts li.changed", has_text="Supply chain")
    assert "applies" in row.inner_text() and "was undetermined" in row.inner_text()
    assert page.url == address  # the page was not loaded again
    assert page.evaluate("document.activeElement.id") == "asked"  # the next question has the focus
    assert page.locator("#flow-G, svg g").count() and not page.complaints
    assert page.locator("#said").get_attribute("aria-live") == "polite"


def test_without_script_the_same_happens_by_whole_pages(window: Callable[..., Any], served: Any, place: str) -> None:
    page = window(script=False)
    page.goto(f"{served.url}{place}?fact=rl.agent")
    page.locator("input[value=no]").check()
    page.get_by_role("button", name="Record as ann").click()
    page.wait_for_url(re.compile(r"given=rl.agent"))
    assert "rl.agent is now no" in page.locator("#said").inner_text()
    page.goto(f"{served.url}{place}?fact=env.sites")
    page.locator("#value").fill("many")
    page.get_by_role("button", name="Record as ann").click()
    page.locator("#problem").wait_for()
    assert "Write a number" in page.locator("#problem").inner_text() and "problem=number" in page.url
    page.goto(f"{served.url}{place}?fact=use.safety")
    page.locator("input[value=yes]").check()
    page.get_by_role("button", name="What if?").click()
    page.locator(".what-if").wait_for()
    assert "Nothing is recorded" in page.locator(".what-if").inner_text()


def test_the_session_is_done_by_keyboard_alone_and_fits_a_phone(
    window: Callable[..., Any], served: Any, place: str
) -> None:
    page = window(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.url}{place}?fact=api.auth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("input[value=yes]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("gateway.md")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#said:has-text('api.auth is now yes')").wait_for()
    assert not page.complaints
    system = place.split("/")[2]
    assert any(a.fact == "api.auth" and a.evidence == "gateway.md" for a in served.store.answers(system))


def test_a_waiver_is_made_without_script(window: Callable[..., Any], served: Any, place: str) -> None:
    page = window(script=False)
    page.goto(f"{served.url}{place.removesuffix('/session')}/waivers")
    page.locator("#mode").select_option("membership")
    page.locator("#reason").fill("known")
    page.get_by_role("button", name="Waive as ann").click()
    page.locator("tr.holds").wait_for()
    assert "M04 membership" in page.locator("tr.holds").first.inner_text()
