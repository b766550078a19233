"""The guard: names, other sites, forms, bodies, addresses, headers, errors."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import StoreError
from momus.store import Store, open_store
from momus.web import forms
from momus.web.access import Access, Role
from momus.web.app import create_app, routes
from momus.web.errors import Refused
from momus.web.pages import ROLE, inside
from momus.web.security import CSP, HEADERS, Gate

BASE = "http://127.0.0.1:8017"
HERE = {"Origin": BASE}
FORM = {"Content-Type": forms.MEDIA}


@pytest.fixture(scope="module")
def alone(filled: Path, tmp_path_factory: pytest.TempPathFactory, visitor: Any) -> Iterator[Any]:
    """Somebody at their own machine, over a store for this module's tests."""
    from shutil import copy

    with open_store(copy(filled, tmp_path_factory.mktemp("security"))) as store:
        yield visitor(create_app(store, Access(owner="ann")), base_url=BASE)


class _Inline(HTMLParser):
    """Collects what a strict policy would not let run or show."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given) or tag in ("iframe", "object", "embed", "base"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            said = (value or "").strip().lower()
            outside = name in ("src", "href", "action") and re.match(r"javascript:|data:text|//|https?://", said)
            if name == "style" or name.startswith("on") or (outside and tag != "a"):
                self.found.append(f"{tag} {name}={said[:60]}")
        if tag == "form" and given.get("method", "get").lower() not in ("get", "post"):
            self.found.append("form")


def test_every_answer_is_dressed_and_no_page_holds_a_script(alone: Any, systems: dict[str, str]) -> None:
    """All pages of both systems, the hostile one included, and every kind of refusal."""
    runs = {"plain": "20260504-090000-0003", "strange": "20260601-090000-beef"}
    shown = [r.path for r in routes(alone.app) if "GET" in (r.methods or ()) and not r.path.endswith(".json")]
    paths = ["/nothing", "/static/x/y.css", "/%00", "/alive", "/openapi.json"]
    for which, run in runs.items():
        known = {"system": systems[which], "run": run, "mode": "membership"}
        paths += [re.sub(r"\{(\w+)(:\w+)?\}", lambda m, k=known: k.get(m[1], "x"), path) for path in shown]
    pages = 0
    for path in dict.fromkeys(paths):
        answer = alone.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        assert answer.headers["Cache-Control"] == "no-store" or path.startswith("/static"), path
        if answer.headers.get("Content-Disposition", "").startswith("attachment"):
            continue
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            seen = _Inline()
            seen.feed(answer.text)
            assert seen.found == [], path
            assert "alert(1)</script>" not in answer.text and "\u202e" not in answer.text, path
            pages += 1
    assert pages > 5
    assert "unsafe" not in CSP and CSP.startswith("default-src 'none'")


def test_what_pages_load_is_there_and_kept(alone: Any) -> None:
    page = alone.get("/session").text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert {f.rpartition("/")[2] for f in files} >= {"style.css", "pages.css", "htmx.min.js", "mark.svg"}
    for file in files:
        answer = alone.get(file)
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
    assert alone.get(files[0].replace("/static/", "/static/0")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fetc/passwd",
        "/static/%2e%2e/style.css",
        "/static/etc/passwd",
        "/static//etc/passwd",
        "/static/./x",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/static/C:%5Cwindows/x",
        "/systems/..%2f..",
        "/systems/%2e%2e.json",
        "/runs/..%5c..%5cx",
        "/pictures/..%2f..%2fetc%2fpasswd",
        "/.git/config",
        "/session/",
        "/session.json/",
        "/session.json.json",
        "/SESSION",
        "/session%2ejson%20",
        "/session;.json",
        "/%73ession%3f.json",
    ],
)
def test_no_path_of_the_machine_is_reached(alone: Any, path: str) -> None:
    answer = alone.get(path, follow_redirects=False)
    assert answer.status_code in (400, 404) and "root:" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/session%00.json",
        "/session%0d%0aX:%20y",
        "/%1b[31m",
        "/%ff",
        "/%c2%85",
        "/a?q=%00",
        "/a?q=%0d%0aSet-Cookie:%20x",
        "/a?q=%ff",
        "/a?q=%ed%a0%80",
    ],
)
def test_hidden_characters_in_an_address_are_refused(alone: Any, path: str) -> None:
    answer = alone.get(path)
    assert answer.status_code == 400 and answer.headers["Content-Security-Policy"] == CSP


def test_a_long_address_is_refused(alone: Any) -> None:
    assert alone.get("/session?" + "a" * 5000).status_code == 414


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1:8017", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8017", True),
        ("127.8.8.8", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("evil.example#localhost", False),
        ("localhost/", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("[::]", False),
        ("", False),
        ("localhost:x", False),
        ("localhost:99999", False),
        ("[::1", False),
        ("2130706433", False),
        ("localhost.", False),
    ],
)
def test_only_its_own_names(alone: Any, host: str, fine: bool) -> None:
    """A page elsewhere whose name is pointed at loopback (DNS rebinding) is answered nothing."""
    for path in ("/session.json", "/alive", "/nothing"):
        answer = alone.get(path, headers={"Host": host})
        assert (answer.status_code != 421) == fine, host
    assert Gate(anywhere=True).knows("10.0.0.1") and not Gate(anywhere=True).knows("evil.example")
    assert Gate(urls=["https://m.example"], names=["box"]).knows("M.example:443") and Gate(names=["Box"]).knows("box")


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({}, True),
        (HERE, True),
        ({**HERE, "Sec-Fetch-Site": "same-origin"}, True),
        ({**HERE, "Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:9000"}, False),
        ({"Origin": "https://127.0.0.1:8017"}, False),
        ({"Origin": ""}, False),
        ({"Origin": BASE + ".evil.example"}, False),
    ],
)
def test_forms_of_other_sites_are_refused(alone: Any, headers: dict[str, str], fine: bool) -> None:
    """Even with the right token, as if it had leaked."""
    answer = alone.post(
        "/session/name", data={"csrf": alone.csrf, "name": "ann"}, headers=headers, follow_redirects=False
    )
    assert answer.status_code == (303 if fine else 403), headers


@pytest.mark.parametrize(
    ("headers", "fine"),
    [
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, False),
    ],
)
def test_other_sites_cannot_load_what_is_here(alone: Any, headers: dict[str, str], fine: bool) -> None:
    assert (alone.get("/session.json", headers=headers).status_code == 200) == fine


def test_no_form_goes_without_its_token(alone: Any, visitor: Any, systems: dict[str, str]) -> None:
    """Every POST route, found in the app: no token, another session's, another server's, the token twice."""
    other = visitor(alone.app, base_url=BASE)
    posts = [r.path for r in routes(alone.app) if "POST" in (r.methods or ()) and getattr(r.endpoint, ROLE) is not None]
    assert len(posts) >= 2
    for path in posts:
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: {"system": systems["plain"]}.get(m[1], "x"), path)
        for tokens in ([], [""], ["x"], [other.csrf], [alone.csrf, alone.csrf], [alone.csrf + " "]):
            answer = alone.post(path, data={"csrf": tokens, "name": "x"}, headers=HERE, follow_redirects=False)
            assert answer.status_code == 403 and "not from this session" in answer.text, (path, tokens)
        assert alone.get(path, params={"csrf": alone.csrf}).status_code in (404, 405), "nothing is done by a GET"


def test_signing_in_needs_the_form_too(client: Any, team: Any) -> None:
    token = team.tokens[Role.VIEWER]
    answer = client(None).post("/login", data={"token": token}, headers=HERE, follow_redirects=False)
    assert answer.status_code == 403
    one = client(None)
    csrf = re.search(r'name="csrf" value="(\w+)"', one.get("/login").text)
    assert csrf
    wrong = one.post("/login", data={"csrf": csrf[1], "token": "momus_wrong"}, headers=HERE)
    assert wrong.status_code == 401 and "momus_wrong" not in wrong.text


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "evil",
        "",
        "/a\r\nX: y",
        "/\u202e",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_sent_elsewhere(client: Any, team: Any, to: str) -> None:
    assert inside(to) == "/"
    one = client(None)
    csrf = one.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
    data = {"csrf": csrf, "token": team.tokens[Role.VIEWER], "next": to}
    assert one.post("/login", data=data, headers=HERE, follow_redirects=False).headers["Location"] == "/"


def test_signing_in_leads_back(client: Any, team: Any) -> None:
    """Also from a link in a mail, where the first request cannot bring the strict cookie."""
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    stranger = client(None)
    first = stranger.get("/session?a=1&b=%22", headers=linked)
    assert first.status_code == 200 and 'http-equiv="refresh"' in first.text and "Ann" not in first.text
    assert list(stranger.cookies) == ["momus-again"], "a session that stayed behind is not replaced"
    second = stranger.get("/session?a=1&b=%22", headers=linked)
    assert second.status_code == 401 and 'http-equiv="refresh"' not in second.text
    assert 'name="next" value="/session?a=1&amp;b=%22"' in second.text
    one = client(Role.VIEWER)
    held = dict(one.cookies)
    assert one.get("/session", headers=linked).status_code == 200 and held["momus"] == one.cookies["momus"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"name": "x"}', {"Content-Type": "application/json"}, 415),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"name=x", {"Content-Type": "text/plain"}, 415),
        (b"name=x", {}, 415),
        (b"name=x", {"Content-Type": f"{forms.MEDIA}; charset=utf-16"}, 415),
        (b"name=x", {**FORM, "Content-Encoding": "gzip"}, 415),
        (b"name=" + b"x" * forms.MOST_BYTES, FORM, 413),
        (b"&".join([b"a=b"] * (forms.MOST_FIELDS + 1)), FORM, 400),
        (b"name=x", {**FORM, "Content-Length": "9" * 5000}, 413),
        (b"name=%ff", FORM, 400),
        (b"name=\xff", FORM, 400),
        (b"name=%00", FORM, 400),
        (b"name", FORM, 400),
        (b"&&", FORM, 400),
    ],
)
def test_only_small_plain_forms_are_read(alone: Any, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = alone.post("/session/name", content=body, headers={**HERE, **headers})
    assert answer.status_code == status


def test_a_form_of_unsaid_length_is_cut_off(alone: Any) -> None:
    pieces = (b"name=" + b"x" * 1024 for _ in range(forms.MOST_BYTES // 1024 + 1))
    answer = alone.post("/session/name", content=pieces, headers={**HERE, **FORM})
    assert answer.request.headers["Transfer-Encoding"] == "chunked" and answer.status_code == 413


def test_a_form_is_checked_field_by_field(alone: Any) -> None:
    for more, said in (
        ({"name": ["a", "b"]}, "came twice"), ({"name": "a", "role": "approver"}, "role"), ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"), ({}, "name"),
    ):  # fmt: skip
        answer = alone.submit("/session/name", **more)
        assert answer.status_code in (400, 422) and said in answer.text.lower(), more
    assert "x" * 121 not in alone.submit("/session/name", name="x" * 121).text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "POST"])
def test_other_methods_are_refused(alone: Any, method: str) -> None:
    more = {"headers": {**HERE, **FORM, "X-HTTP-Method-Override": "GET"}}
    answer = alone.request(method, "/session.json", **more)
    assert answer.status_code == 405 and answer.headers["Allow"]
    assert alone.get("/session/name").status_code in (404, 405)


def test_a_get_carries_no_body(alone: Any) -> None:
    assert alone.request("GET", "/session.json", content=b"x").status_code == 400


def test_head_and_tags(alone: Any) -> None:
    first = alone.get("/session.json")
    head = alone.head("/session.json")
    assert head.status_code == 200 and head.content == b"" and head.headers["ETag"] == first.headers["ETag"]
    for tag in (first.headers["ETag"], f'W/{first.headers["ETag"]}, "x"'):
        again = alone.get("/session.json", headers={"If-None-Match": tag})
        assert again.status_code == 304 and again.content == b"" and again.headers["Content-Security-Policy"] == CSP
    assert alone.get("/session.json", headers={"If-None-Match": '"x"'}).status_code == 200


def test_errors_are_one_line_and_tell_no_traceback(store: Store, visitor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours, a locked store and an unknown address, as a page and as its twin; paths only at the machine."""
    place, secret = "/srv/secret/runs.sqlite", "boom-7731"
    faults = {
        500: RuntimeError(secret),
        503: StoreError("the store stayed locked for 30 s", code="store/locked", place=place, hint=f"See {place}"),
        418: Refused("no coffee", status=418),
    }
    from momus.web.accounts import Accounts

    accounts = Accounts()
    token = {"Authorization": f"Bearer {accounts.add('ann', Role.APPROVER)}"}
    for access in (Access(), Access(accounts=accounts)):
        one = visitor(create_app(store, access), base_url=BASE, headers=token if not access.local else {})
        for status, error in faults.items():
            monkeypatch.setattr("momus.web.entry.SessionPage", lambda error=error, **_: (_ for _ in ()).throw(error))
            for path in ("/session", "/session.json"):
                answer = one.get(path)
                assert answer.status_code == status
                assert secret not in answer.text and "Traceback" not in answer.text and "momus/web" not in answer.text
                assert (place in answer.text) == (status == 503 and access.local), (status, access)
            assert "\n" not in answer.json()["message"] and answer.json()["status"] == status
            assert answer.headers["Content-Security-Policy"] == CSP


def test_an_error_while_an_error_is_shown(store: Store, visitor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(store, Access())
    monkeypatch.setattr(app.state.site.environment, "get_template", lambda name: 1 / 0)
    answer = visitor(app, base_url=BASE).get("/session")
    assert (
        answer.status_code == 500 and answer.text.count("\n") == 1 and answer.headers["Content-Security-Policy"] == CSP
    )


def test_a_store_that_breaks_under_the_server(tmp_path: Path, visitor: Any) -> None:
    path = tmp_path / "runs.sqlite"
    with open_store(path) as store:
        one = visitor(create_app(store, Access()), base_url=BASE)
        assert one.get("/index.json").status_code == 200
        with sqlite3.connect(path) as raw:
            raw.execute("DROP TABLE momus_records")
        answer = one.get("/index.json")
    assert answer.status_code == 503 and answer.json()["code"].startswith("store/")


def test_what_is_done_is_written_down(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    one = client(Role.VIEWER)
    with caplog.at_level("INFO", "momus.web"):
        one.submit("/session/name", name="x")
        client(None).get("/session.json")
    said = [r.getMessage() for r in caplog.records if r.name == "momus.web"]
    assert any(s.startswith("viewer <b>Ann</b> (viewer) testclient POST /session/name 403") for s in said)
    assert any(s.startswith("nobody testclient GET /session.json 401") for s in said)
