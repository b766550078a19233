"""Waivers: who may make them, what they say, when they end; and that no verdict turns into another."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from momus.assess import recall
from momus.cli.options import exit_code
from momus.core.decisions import Waived, now
from momus.core.records import Severity, Status
from momus.reports import html, markdown, terminal
from momus.store import Store
from momus.web.access import Role

WHY = "known since May; mended in June <b>really</b>"


def waived(system: str, mode: str = "membership", **more: Any) -> Waived:
    until = more.pop("until", date(2026, 6, 30))
    return Waived(id=more.pop("id", "w1"), system=system, mode=mode, reason=WHY, by="Ann", until=until, **more)


@pytest.fixture
def run(store: Store, systems: dict[str, str]) -> str:
    """A run in which one finding fails: membership.loss, critical."""
    return next(r.id for r in store.runs(systems["plain"]) if r.id.endswith("0002"))


def judged(store: Store, run: str, day: date = date(2026, 6, 1)) -> Any:
    return recall(store, run, today=day)


def test_a_waived_finding_stays_fail_and_no_longer_counts(store: Store, systems: dict[str, str], run: str) -> None:
    before = judged(store, run)
    assert exit_code(before, "important", strict=False) == 1 and before.view().worst is Severity.CRITICAL
    store.append("", waived(systems["plain"]))
    after = judged(store, run)
    assert [r.status for r in after.rows] == [r.status for r in before.rows]
    row = after.view().mode("membership")
    assert row.status == "fail" and row.accepted and row.counted is None and row.severity is Severity.CRITICAL
    assert after.view().waiver(row.headline) == after.waivers[0]
    assert exit_code(after, "important", strict=False) == exit_code(after, "low", strict=False) == 3  # a probe broke
    assert after.severity is Severity.NONE and after.view().worst is None


def test_a_waiver_ends_the_day_after_its_last(store: Store, systems: dict[str, str], run: str) -> None:
    store.append("", waived(systems["plain"]))
    assert judged(store, run, date(2026, 6, 30)).view().mode("membership").accepted
    assert not judged(store, run, date(2026, 7, 1)).view().mode("membership").accepted


@pytest.mark.parametrize(
    ("more", "covered"),
    [
        ({}, True),
        ({"probe": "membership.loss"}, True),
        ({"probe": "membership.loss", "target": "model"}, True),
        ({"probe": "membership.loss", "target": "other"}, False),
        ({"probe": "membership.shadow"}, False),
        ({"mode": "shift"}, False),
        ({"system": "another-system"}, False),
        ({"revoked": True}, False),
    ],
    ids=["mode", "probe", "target", "other-target", "other-probe", "other-mode", "other-system", "revoked"],
)  # fmt: skip
def test_what_a_waiver_covers(
    more: dict[str, Any], covered: bool, store: Store, systems: dict[str, str], run: str
) -> None:
    store.append("", waived(more.pop("system", systems["plain"]), **more))
    made = judged(store, run)
    assert (made.severity is Severity.NONE) == covered
    assert made.view().mode("membership").accepted == covered


def test_a_row_with_another_failure_still_counts_by_it(store: Store, systems: dict[str, str], run: str) -> None:
    one = judged(store, run).measurements[0]
    other = one.model_copy(update={"probe": "membership.shadow", "target": "other"})
    store.append(run, other)
    store.append("", waived(systems["plain"], probe="membership.loss"))
    row = judged(store, run).view().mode("membership")
    assert not row.accepted and [f.probe for f in row.unwaived] == ["membership.shadow"]
    assert row.counted is Severity.CRITICAL


def test_the_same_probe_on_another_target_still_counts(store: Store, systems: dict[str, str], run: str) -> None:
    one = judged(store, run).measurements[0]
    store.append(run, one.model_copy(update={"target": "other"}))
    store.append("", waived(systems["plain"], probe="membership.loss", target="model"))
    made = judged(store, run)
    assert made.severity is Severity.CRITICAL and made.view().worst is Severity.CRITICAL


def test_the_card_s_own_waivers_cover_what_was_measured_before(store: Store, run: str) -> None:
    card = recall(store, run).card
    entry = {"mode": "M04", "by": "Bo", "until": "2026-06-30", "reason": "as agreed"}
    changed = type(card).from_dict({**card.stored(), "waivers": [entry]})
    made = recall(store, run, card=changed, today=date(2026, 6, 1))
    assert made.view().mode("membership").accepted and made.waivers[0].by == "Bo"


def test_every_report_says_who_accepted_it_and_until_when(store: Store, systems: dict[str, str], run: str) -> None:
    store.append("", waived(systems["plain"]))
    view = judged(store, run).view()
    for render in (terminal.render, html.render, markdown.render):
        out = io.StringIO()
        render(view, out)
        text = out.getvalue()
        assert "Ann" in text and "2026-06-30" in text and "known since May" in text and "FAIL" in text
        assert "<b>really</b>" not in text or render is terminal.render
    assert "accepted" in terminal_line(view) and "of which 1 is accepted" in plain(view)


def plain(view: Any) -> str:
    out = io.StringIO()
    terminal.render(view, out)
    return " ".join(out.getvalue().split())


def terminal_line(view: Any) -> str:
    return str(terminal.row(view.mode("membership"), 120))


# -- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(systems: dict[str, str]) -> str:
    return f"/systems/{systems['plain']}"


def soon(days: int = 30) -> str:
    return (now().date() + timedelta(days=days)).isoformat()


def test_an_approver_waives_and_takes_back(client: Callable[..., Any], store: Store, place: str) -> None:
    ann = client(Role.APPROVER)
    given = {"mode": "membership", "probe": "membership.loss", "target": "model", "reason": WHY, "until": soon()}
    answer = ann.submit(f"{place}/waive", **given)
    assert answer.status_code == 303 and answer.headers["location"].startswith(f"{place}/waivers?done=")
    (kept,) = store.waivers()
    assert (kept.by, kept.reason, kept.mode, kept.until.isoformat()) == (
        "approver <b>Ann</b>",
        WHY,
        "membership",
        soon(),
    )
    page = ann.get(answer.headers["location"])
    assert 'id="done" role="status" tabindex="-1" autofocus>Recorded: the waiver of M04 membership' in page.text
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page.text and "<b>really</b>" not in page.text
    twin = ann.get(f"{place}/waivers.json").json()
    assert twin["waivers"][0]["state"] == "holds" and twin["failing"][0]["waiver"] == kept.id
    taken = ann.submit(f"{place}/waivers/{kept.id}/revoke")
    assert taken.status_code == 303 and "autofocus>Taken back:" in ann.get(taken.headers["location"]).text
    assert ann.get(f"{place}/waivers.json").json()["waivers"][0]["state"] == "revoked"
    assert ann.submit(f"{place}/waivers/{kept.id}/revoke").status_code == 409
    assert ann.submit(f"{place}/waivers/none/revoke").status_code == 404
    assert ann.get("/waivers.json").json()["waivers"][0]["revoked_by"] == "approver <b>Ann</b>"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ASSESSOR], ids=["viewer", "assessor"])
def test_others_read_and_do_not_waive(role: Role, client: Callable[..., Any], store: Store, place: str) -> None:
    visitor = client(role)
    page = visitor.get(f"{place}/waivers")
    assert page.status_code == 200 and "Waive as" not in page.text
    assert visitor.submit(f"{place}/waive", mode="M04", reason=WHY, until=soon()).status_code == 403
    assert visitor.submit(f"{place}/waivers/x/revoke").status_code == 403
    assert store.waivers() == ()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"mode": "M99"}, "mode"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"until": "tomorrow"}, "until"),
        ({"until": ""}, "until"),
        ({"until": soon(-1)}, "until"),
        ({"until": soon(367)}, "until"),
        ({"probe": "nonsense"}, "probe"),
    ],
    ids=["mode", "no-reason", "long", "no-date", "empty-date", "past", "far", "probe"],
)
def test_a_mistake_is_told_beside_its_field(
    changed: dict[str, str], field: str, client: Callable[..., Any], store: Store, place: str
) -> None:
    ann = client(Role.APPROVER)
    given = {"mode": "M04", "reason": WHY, "until": soon()} | changed
    answer = ann.submit(f"{place}/waive", **given)
    assert answer.status_code == 303 and store.waivers() == ()
    page = ann.get(answer.headers["location"])
    assert f'id="{field}"' in page.text and 'aria-invalid="true" aria-describedby="problem"' in page.text
    before, _, after = page.text.partition('id="problem"')
    assert f'for="{field}"' in before.rpartition("<label")[2] and after
    assert ann.get(answer.headers["location"].replace("/waivers?", "/waivers.json?")).json()["field"] == field


def test_today_and_a_year_from_today_are_days_to_choose(client: Callable[..., Any], store: Store, place: str) -> None:
    ann = client(Role.APPROVER)
    for days in (0, 366):
        ann.submit(f"{place}/waive", mode="M04", reason=WHY, until=soon(days))
    assert [w.until.isoformat() for w in store.waivers()] == [soon(0), soon(366)]


def test_ended_waivers_are_shown_as_ended_and_near_ends_are_marked(
    client: Callable[..., Any], store: Store, systems: dict[str, str], place: str
) -> None:
    today = now().date()
    for name, days in (("gone", -1), ("near", 3), ("far", 200), ("last", 0)):
        store.append("", waived(systems["plain"], id=name, until=today + timedelta(days=days)))
    lines = client(Role.VIEWER).get(f"{place}/waivers.json").json()["waivers"]
    assert [(x["id"], x["state"]) for x in lines] == [
        ("last", "soon"), ("near", "soon"), ("far", "holds"), ("gone", "expired"),
    ]  # fmt: skip
    page = client(Role.VIEWER).get(f"{place}/waivers").text
    assert "today is its last day" in page and "in 3 days" in page and f"expired {today - timedelta(days=1)}" in page


def test_a_hostile_target_is_waived_by_its_own_name(
    client: Callable[..., Any], store: Store, systems: dict[str, str]
) -> None:
    ann, place = client(Role.APPROVER), f"/systems/{systems['strange']}"
    failing = ann.get(f"{place}/waivers.json").json()["failing"][0]
    page = ann.get(f"{place}/waivers", params={"mode": failing["mode"], "probe": failing["probe"]}).text
    assert "<script>alert" not in page
    from momus.reports.text import clean

    shown = clean(failing["target"])
    assert shown != failing["target"]
    ann.submit(f"{place}/waive", mode="M04", probe=failing["probe"], target=shown, reason=WHY, until=soon())
    view = recall(store, store.runs(systems["strange"])[0].id).view()
    assert all(view.waiver(f) is not None for f in view.mode("membership").findings if f.status is Status.FAIL)
