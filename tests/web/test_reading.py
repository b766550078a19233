"""The pages that are read say what was measured, narrow and page it, and hand files out as files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from momus.core.decisions import RowSummary, Waived
from momus.core.evidence import Attachment, Picture, Pictures
from momus.core.records import Interval, Measurement, Run
from momus.reports.write import FORMATS
from momus.store import Store
from momus.store.rows import INLINE_BYTES
from momus.testing.report_sample import HOSTILE
from momus.web.access import Role
from momus.web.paths import at
from momus.web.reading_runs import moved
from momus.web.sparks import describe, spark

NEWEST = "20260504-090000-0003"  # of the plain system; it has not ended
WORST = "20260503-090000-0002"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (200).to_bytes(4, "big") * 2 + bytes(INLINE_BYTES)


@pytest.fixture
def viewer(client: Callable[..., Any]) -> Any:
    return client(Role.VIEWER)


def measured(probe: str, value: float, target: str = "model", **more: Any) -> Measurement:
    return Measurement(
        probe=probe, target=target, metric="tpr_at_low_fpr", value=value, ci=Interval(low=value, high=value), n=50,
        worse="higher", modes=(probe.partition(".")[0],), **more,
    )  # fmt: skip


def words(html: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_every_page_has_its_twin(viewer: Any, systems: dict[str, str]) -> None:
    finding = viewer.get(f"/runs/{WORST}.json").json()["findings"][0]
    for path in (
        "/", f"/systems/{systems['plain']}", f"/systems/{systems['strange']}", f"/runs/{WORST}", f"/runs/{NEWEST}/live",
        f"/runs/{WORST}/modes/M04", f"/runs/{WORST}/modes/{finding['mode']}/{finding['key']}", "/compare", "/taxonomy",
        "/taxonomy/M14", "/glossary",
    ):  # fmt: skip
        page = viewer.get(path)
        assert page.status_code == 200 and "<h1" in page.text, path
        twin = re.search(r'rel="alternate" type="application/json" href="([^"]+)"', page.text)
        assert twin is not None
        answer = viewer.get(twin[1])
        assert answer.status_code == 200 and isinstance(answer.json(), dict), path


def test_systems_stand_by_the_latest_run_that_ended(viewer: Any, systems: dict[str, str]) -> None:
    listed = viewer.get("/index.json").json()["systems"]
    plain = next(s for s in listed if s["id"] == systems["plain"])
    assert plain["runs"] == 4 and len(plain["tiles"]) == 17 and plain["latest"]["id"] == WORST
    leak = next(t for t in plain["tiles"] if t["mode"] == "membership")
    assert leak["status"] == "fail" and leak["severity"]
    assert "<script>alert(1)" not in viewer.get("/").text


def test_a_system_shows_its_rows_over_its_runs(viewer: Any, systems: dict[str, str]) -> None:
    answer = viewer.get(f"/systems/{systems['plain']}.json").json()
    leak = next(m for m in answer["trend"]["modes"] if m["mode"] == "membership")
    assert [p["value"] for p in leak["points"]] == [0.02, 0.09, 0.31]
    page = viewer.get(f"/systems/{systems['plain']}").text
    assert page.count('<svg class="spark"') >= 16
    rows = re.findall(r'<td>(M\d\d)</td><td><a href="/runs/[^"]+/modes/(\w+)"', page)
    assert len(rows) == 17 and rows[0][1] in ("membership", "perturbation"), "what fails stands first"
    assert f"/systems/{systems['plain']}/session" in page
    assert "clearly worse" in page


def test_findings_are_narrowed_by_address(viewer: Any) -> None:
    everything = viewer.get(f"/runs/{WORST}.json").json()
    assert everything["paging"]["total"] == 4 and everything["findings"][0]["status"] == "fail"
    assert everything["statuses"]["error"] == 1 and next(iter(everything["statuses"])) == "fail"
    failing = viewer.get(f"/runs/{WORST}.json?status=fail,nonsense").json()
    assert {f["status"] for f in failing["findings"]} == {"fail"}
    both = viewer.get(f"/runs/{WORST}.json?status=fail&status=error").json()
    assert {f["status"] for f in both["findings"]} == {"fail", "error"}
    level = everything["findings"][0]["severity"]
    assert all(f["severity"] == level for f in viewer.get(f"/runs/{WORST}.json?severity={level}").json()["findings"])
    found = viewer.get(f"/runs/{WORST}.json?q=LOSS").json()
    assert [f["probe"] for f in found["findings"]] == ["membership.loss"] and found["paging"]["total"] == 1
    page = viewer.get(f"/runs/{WORST}?status=error&q=nothing+like+it").text
    assert "No finding is like that" in page
    assert re.search(r'name="status" value="error" checked', page) and 'value="nothing like it"' in page


def test_lists_are_paged_and_the_filter_goes_along(viewer: Any, store: Store) -> None:
    for i in range(60):
        store.append(NEWEST, measured("membership.loss", 0.5, target=f"t{i:02d}"))
    first = viewer.get(f"/runs/{NEWEST}?status=fail")
    assert first.text.count('class="rows found"') == 1
    after = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert after is not None and "status=fail" in after[1] and "page=2" in after[1]
    second = viewer.get(after[1].replace("&amp;", "&"))
    assert second.status_code == 200 and 'rel="prev"' in second.text and 'rel="next"' not in second.text
    shown = [viewer.get(f"/runs/{NEWEST}.json?status=fail&page={n}").json()["findings"] for n in (1, 2)]
    keys = [(f["mode"], f["key"]) for f in (*shown[0], *shown[1])]
    assert len(shown[0]) == 50 and len(keys) == len(set(keys)) >= 60
    assert viewer.get(f"/runs/{NEWEST}.json?page=99").json()["paging"]["page"] == 2
    assert viewer.get(f"/runs/{NEWEST}?page=0").status_code == 422


def test_a_row_is_written_for_three_readers(viewer: Any) -> None:
    pages = {r: viewer.get(f"/runs/{WORST}/modes/M04?reader={r}").text for r in ("engineer", "responder", "policy")}
    assert "Measure this again" in pages["engineer"] and "Measure this again" not in pages["policy"]
    assert "Bug bar" in pages["responder"] and "Was access violated" in pages["policy"]
    assert words(viewer.get(f"/runs/{WORST}/modes/membership").text) == words(pages["engineer"])
    for reader, page in pages.items():
        assert re.search(rf'reader={reader}" aria-current="true"', page)
    assert viewer.get(f"/runs/{WORST}/modes/M04?reader=nobody").status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/runs/none", "/systems/none", f"/runs/{WORST}/modes/M18", f"/runs/{WORST}/modes/M04/0000", "/pictures/x.png",
     f"/pictures/{'0' * 64}.png", "/taxonomy/M18", "/runs/none/report.html", "/compare?before=none", "/runs/none/live",
     f"/runs/{WORST}/modes/M04/0000/files/0"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(viewer: Any, path: str) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 404, answer.text[:300]
    assert "Traceback" not in answer.text


def test_a_finding_shows_its_pictures_and_hands_out_its_files(viewer: Any, store: Store) -> None:
    shown = Pictures(title="Pairs", rows=((Picture(caption=HOSTILE, png=PNG), Picture(caption="small", png=PNG[:60])),))
    files = (
        Attachment(title="A page", name="x.html", media="text/plain", data=b"<script>alert(1)</script>"),
        Attachment(title="Rows", name="rows.csv", media="text/csv", data=b"a,b\n" * 300),
    )
    store.append(NEWEST, measured("membership.loss", 0.9, target="with files", evidence=(shown, *files)))
    found = viewer.get(f"/runs/{NEWEST}.json?q=with+files").json()["findings"][0]
    where = at("runs", NEWEST, "modes", found["mode"], found["key"])
    page = viewer.get(where).text
    sha = hashlib.sha256(PNG).hexdigest()
    assert f'src="/pictures/{sha}.png"' in page and page.count("data:image/png") == 1
    assert "<script" not in page.split("<main")[1] and "\u202e" not in page, "captions are text"
    picture = viewer.get(f"/pictures/{sha}.png")
    assert picture.content == PNG and picture.headers["content-type"] == "image/png"
    for number, file in ((1, files[0]), (2, files[1])):
        link = f"{where}/files/{number}"
        assert f'href="{link}"' in page
        saved = viewer.get(link)
        assert saved.content == file.data and saved.headers["content-type"] == "application/octet-stream"
        assert saved.headers["content-disposition"] == f'attachment; filename="{file.name}"'
        assert saved.headers["x-content-type-options"] == "nosniff"
    assert viewer.get(f"{where}/files/0").status_code == 404, "a picture is no file"
    assert viewer.get(f"{where}/files/-1").status_code in (404, 422)
    # The same evidence stands on the row's page, where it is the headline; its files are found from there, too.
    assert f'href="{where}/files/1"' in viewer.get(f"/runs/{NEWEST}/modes/{found['mode']}").text


def test_only_pictures_come_by_digest(viewer: Any, store: Store) -> None:
    text = "system: a secret of a card\n" + "#" * 600
    run = Run(id="other", system="other", card_digest="d", card_text=text, seed=0)
    store.append(run.id, run)
    assert store.blob(hashlib.sha256(text.encode()).hexdigest())
    assert viewer.get(f"/pictures/{hashlib.sha256(text.encode()).hexdigest()}.png").status_code == 404


def test_reports_are_saved_as_the_renderers_make_them(viewer: Any) -> None:
    page = viewer.get(f"/runs/{WORST}").text
    for suffix in {".html", ".json", ".md", ".txt"} & set(FORMATS):
        link = f"/runs/{WORST}/report{suffix}"
        assert f'href="{link}"' in page
        saved = viewer.get(link)
        assert saved.status_code == 200 and saved.headers["content-disposition"].startswith("attachment;")
    assert viewer.get(f"/runs/{WORST}/report.json").json()["kind"] == "report"
    assert viewer.get(f"/runs/{WORST}/report.html").text.startswith("<!doctype html>")


def test_two_runs_are_compared_by_choice(viewer: Any, systems: dict[str, str]) -> None:
    first = "20260501-090000-0000"
    answer = viewer.get(f"/compare.json?before={first}&after={WORST}").json()
    assert {m["slug"] for m in answer["change"]["modes"] if m["direction"] == "worse"} == {"membership"}
    page = viewer.get(f"/compare?before={first}&after={WORST}").text
    assert f'<option value="{first}" selected>' in page and "1 of 17 modes got worse" in words(page)
    guessed = viewer.get(f"/compare.json?system={systems['plain']}").json()
    assert (guessed["before"], guessed["after"]) == ("20260502-090000-0001", WORST)
    assert "Choose two different runs" in viewer.get(f"/compare?before={first}&after={first}").text
    alone = viewer.get("/compare?after=20260601-090000-beef").text
    assert "first run of its system" in alone


def test_a_run_being_written_shows_what_is_there(viewer: Any, store: Store) -> None:
    before = words(viewer.get(f"/runs/{NEWEST}").text)
    assert "has not ended and is silent" in before
    store.append(NEWEST, measured("stealing.copy", 0.99))
    page = viewer.get(f"/runs/{NEWEST}.json").json()
    assert any(f["probe"] == "stealing.copy" for f in page["findings"])
    head = store.run(NEWEST)
    store.append(NEWEST, head.model_copy(update={"ended": datetime.now(UTC)}))
    assert "has not ended" not in words(viewer.get(f"/runs/{NEWEST}").text)


def test_what_was_waived_is_shown_as_waived(viewer: Any, store: Store, systems: dict[str, str]) -> None:
    until = date.today() + timedelta(days=30)
    waiver = Waived(
        id="w", system=systems["plain"], mode="membership", reason=f"known {HOSTILE}", by="Ada", until=until
    )
    store.append("", waiver)
    finding = next(f for f in viewer.get(f"/runs/{WORST}.json").json()["findings"] if f["mode"] == "membership")
    assert finding["accepted"] and finding["status"] == "fail"
    for path in (f"/runs/{WORST}/modes/M04", f"/runs/{WORST}/modes/membership/{finding['key']}"):
        page = viewer.get(path).text
        assert f"Accepted until {until}" in words(page) and "Ada" in page and "<script" not in page.split("<main")[1]
    assert ">, accepted<" in viewer.get(f"/runs/{WORST}").text
    system = viewer.get(f"/systems/{systems['plain']}.json").json()["system"]
    assert next(t for t in system["tiles"] if t["mode"] == "membership")["accepted"]


def test_words_and_probes_are_looked_up(viewer: Any) -> None:
    hit = viewer.get("/glossary.json?q=shadow+model").json()["terms"][0]
    assert hit["modes"] == ["M04"]
    assert "nothing comes near" in words(viewer.get("/glossary?q=zzzzqqqq").text)
    assert len(viewer.get("/glossary.json").json()["terms"]) > 300
    mode = viewer.get("/taxonomy/M04.json").json()
    assert len({x["framework"] for x in mode["crosswalk"]}) >= 10 and mode["bar"] and mode["questions"]
    assert mode["facts"]["mitigations"] and viewer.get("/taxonomy/M14.json").json()["tiers"]


def test_an_empty_store_says_how_to_begin(app: Any, viewer: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "runs", lambda system=None: ())
    page = words(viewer.get("/").text)
    assert "No run has been stored here yet" in page and "momus assess momus.yaml --store" in page
    assert "Two are needed" in words(viewer.get("/compare").text)


def test_a_spark_joins_only_what_can_be_compared() -> None:
    def point(value: float | None, probe: str = "p", status: str = "pass") -> RowSummary:
        ends = {"low": value - 0.1, "high": value + 0.1} if value is not None else {}
        return RowSummary(mode="m", status=status, probe=probe, target="t", metric="x", value=value, limit=0.5, **ends)

    drawn = spark([point(0.2), point(0.9, "other", "fail"), point(0.3), point(None, status="not_tested"), point(0.7)])
    line = re.search(r'<polyline class="line" points="([^"]+)"', drawn)
    assert line is not None and len(line[1].split()) == 3
    assert drawn.count("<circle") == 3 and drawn.count('width="4"') == 2
    assert (
        'aria-label="5 runs, oldest first: pass 0.20, fail 0.90, pass 0.30, not tested, pass 0.70; limit 0.5"' in drawn
    )
    assert "style=" not in drawn and spark([]) == ""
    assert spark([point(0.2)]).count("<circle") == 1 and "<polyline" not in spark([point(0.2)])
    assert "the last 8 of 12 runs" in describe([point(0.1)] * 12)


def test_only_what_lies_apart_has_moved() -> None:
    def point(value: float, status: str = "pass", half: float = 0.01) -> RowSummary:
        return RowSummary(
            mode="m", status=status, probe="p", target="t", metric="x", value=value, low=value - half, high=value + half
        )

    assert moved([point(0.1)]) is None and moved([point(0.1), point(0.11)]) is None
    assert moved([point(0.1), point(0.2)]) == ("worse", "clearly worse")
    assert moved([point(0.2), point(0.1)]) == ("better", "clearly better")
    assert moved([point(0.1), point(0.1, "fail")]) == ("worse", "fails now")
    assert moved([point(0.1, "fail"), point(0.1)]) == ("better", "passes now")
    assert moved([point(0.1), point(0.2, half=0.2)]) is None


def test_a_name_never_becomes_a_part_of_the_way() -> None:
    assert at("runs", "../a b/?#", q="1&2=3", page="") == "/runs/..%2Fa%20b%2F%3F%23?q=1%262%3D3"
