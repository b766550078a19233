"""Nothing is reachable without the right role: every route there is, by every way in."""

from __future__ import annotations

import ipaddress
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import MomusError
from momus.store import Store, open_store
from momus.web import app as application
from momus.web.access import Access, Claims, Proxy, Role, Who
from momus.web.accounts import Accounts, AccountsError, digest, proof, read_roles
from momus.web.app import create_app, routes
from momus.web.doors import doors, loopback
from momus.web.pages import ROLE, Router
from momus.web.sessions import Sessions

BASE = "http://127.0.0.1:8017"
HERE = {"Origin": BASE}
PROXY = Proxy(
    addresses=(ipaddress.ip_network("10.0.0.7/32"), ipaddress.ip_network("fd00::/64")),
    user_header="x-user",
    users={r.value: r for r in Role},
    groups={"security": Role.APPROVER},
    groups_header="x-groups",
)
WAYS = ("token", "session", "proxy")


@pytest.fixture(scope="module")
def everywhere(filled: Path, tmp_path_factory: pytest.TempPathFactory, team: Any) -> Iterator[Any]:
    """An app that can be entered by token and through a proxy."""
    from shutil import copy

    with open_store(copy(filled, tmp_path_factory.mktemp("access"))) as store:
        yield create_app(store, Access(accounts=team.access.accounts, proxy=PROXY))


@pytest.fixture(scope="module")
def visit(everywhere: Any, team: Any, visitor: Any) -> Any:
    """``visit(way, role)``: somebody who comes in that way, or a stranger for role None."""
    made: dict[Any, Any] = {}

    def come(way: str, role: Role | None) -> Any:
        if (way, role) not in made:
            one = visitor(everywhere, base_url=BASE, client=("10.0.0.7" if way == "proxy" else "10.0.0.8", 999))
            if role is not None and way == "session":
                one.sign_in(team.tokens[role])
            elif role is not None:
                sent = {"token": ("Authorization", f"Bearer {team.tokens[role]}"), "proxy": ("X-User", role.value)}
                one.headers[sent[way][0]] = sent[way][1]
            made[way, role] = one
        return made[way, role]

    return come


def filled_in(path: str, systems: dict[str, str]) -> str:
    """A route's path with values that exist where we know some."""
    known = {"system": systems["plain"], "run": "20260503-090000-0002", "mode": "membership"}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: known.get(m[1], "x"), path)


def test_every_route_wants_its_role(everywhere: Any, visit: Any, systems: dict[str, str]) -> None:
    """All routes are taken from the app itself, so that one that is added later is in."""
    asked = 0
    for route in routes(everywhere):
        needed, path = getattr(route.endpoint, ROLE), filled_in(route.path, systems)
        for method in sorted(set(route.methods or ()) - {"HEAD"}):
            if needed is None or path == "/logout":
                continue
            for way in WAYS:
                for role in (None, *Role):
                    if role is not None and role >= needed and (role, way) != (needed, WAYS[asked % 3]):
                        asked += 1
                        continue  # pages are made once; that a role covers those before it is asked below
                    one = visit(way, role)
                    form = {"data": {"csrf": "x"}, "headers": HERE} if method == "POST" else {}
                    answer = one.request(method, path, follow_redirects=False, **form)
                    if role is None:
                        assert answer.status_code == 401, (way, method, path)
                        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                    elif role < needed:
                        assert answer.status_code == 403 and "this needs the role" in answer.text.lower(), (way, path)
                    else:
                        stale = method == "POST" and way != "token"
                        wanted = answer.status_code == 403 and "not from this session" in answer.text
                        assert wanted if stale else answer.status_code not in (401, 403), (way, role, method, path)
                    asked += 1
    assert asked > 40


@pytest.mark.parametrize("way", WAYS)
def test_a_role_covers_those_before_it(visit: Any, way: str) -> None:
    for role in Role:
        told = visit(way, role).get("/session.json").json()
        assert (told["role"], told["way"]) == (role.value, way)


def test_only_these_are_open_to_everybody(everywhere: Any) -> None:
    free = {(r.path, m) for r in routes(everywhere) if getattr(r.endpoint, ROLE) is None for m in r.methods or ()}
    assert {path for path, _ in free} == {"/static/{digest}/{name}", "/login", "/alive"}


def test_whatever_changes_something_needs_more_than_reading(everywhere: Any) -> None:
    own = {"/session/name", "/logout", "/systems/{system}/session/try"}  # the last shows what would follow
    posts = [r for r in routes(everywhere) if "POST" in (r.methods or ()) and getattr(r.endpoint, ROLE) is not None]
    assert {r.path for r in posts if getattr(r.endpoint, ROLE) is Role.VIEWER} <= own


def test_every_page_has_its_twin(everywhere: Any) -> None:
    described = everywhere.openapi()["paths"]
    pages = {r.path for r in routes(everywhere) if "GET" in (r.methods or ())}
    alone = {"/static/{digest}/{name}", "/login", "/alive", "/openapi.json"}
    for path in pages - alone:
        if path.endswith(".json"):
            told = described[path]["get"]["responses"]["200"]
            shape = told["content"]["application/json"].get("schema", {})
            assert "$ref" in shape or told["description"] == "The file", path
        elif path not in described:  # downloads are described themselves
            assert ("/index.json" if path == "/" else f"{path}.json") in pages, path


def test_a_route_without_a_role_stops_the_server(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Router):
        def mount(self, app: Any) -> None:
            app.add_api_route("/secret", lambda: "everything")

    module = types.ModuleType("momus.web.careless")
    module.router, module.__spec__ = Careless(), object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(application, "ROUTERS", (*application.ROUTERS, module.__name__))
    with pytest.raises(RuntimeError, match="no role is named"):
        create_app(store, Access())


def test_alone_at_the_machine(store: Store, visitor: Any) -> None:
    """Without accounts whoever is here may do everything, under a name of their own; proxies are refused."""
    one = visitor(create_app(store, Access(owner="ann")), base_url=BASE)
    assert one.get("/session.json").json() == {"name": "ann", "role": "approver", "way": "local", "csrf": one.csrf}
    assert one.submit("/session/name", name="  Ann\u202e of Sales ").status_code == 303
    assert one.get("/session.json").json()["name"] == "Ann of Sales"
    assert visitor(one.app, base_url=BASE).get("/session.json").json()["name"] == "ann"
    for header in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP"):
        assert one.get("/session.json", headers={header: "127.0.0.1"}).status_code == 401
    assert Access(owner="ann").who(Claims("127.0.0.1", (), old=True)) is None
    assert one.get("/login").status_code == 404


def test_a_name_is_never_a_form_field(visit: Any) -> None:
    answer = visit("session", Role.VIEWER).submit("/session/name", name="somebody else")
    assert answer.status_code == 403 and "account" in answer.text


@pytest.mark.parametrize(
    ("peer", "headers", "who"),
    [
        ("10.0.0.7", [("x-user", "viewer")], Who("viewer", Role.VIEWER, "proxy")),
        ("::ffff:10.0.0.7", [("x-user", "viewer")], Who("viewer", Role.VIEWER, "proxy")),
        ("fd00::1%eth0", [("x-user", "viewer")], Who("viewer", Role.VIEWER, "proxy")),
        ("10.0.0.7", [("x-user", "viewer"), ("x-groups", "a, security")], Who("viewer", Role.APPROVER, "proxy")),
        ("10.0.0.7", [("x-user", "eve"), ("x-groups", "security")], Who("eve", Role.APPROVER, "proxy")),
        ("10.0.0.7", [("x-user", "eve"), ("x-groups", "security"), ("x-groups", "b")], None),
        ("10.0.0.7", [("x-user", "eve"), ("x-groups", "insecurity")], None),
        ("10.0.0.7", [("x-user", "eve")], None),
        ("10.0.0.7", [("x-user", "")], None),
        ("10.0.0.7", [], None),
        ("10.0.0.7", [("x-user", "viewer"), ("x-user", "approver")], None),
        ("10.0.0.7", [("x_user", "approver")], None),
        ("10.0.0.7", [("x-user", "view\u202eer")], None),
        ("10.0.0.7", [("x-user", "viewer"), ("x-groups", "")], Who("viewer", Role.VIEWER, "proxy")),
        ("10.0.0.8", [("x-user", "approver")], None),
        ("10.0.0.8", [("x-user", "approver"), ("x-forwarded-for", "10.0.0.7")], None),
        ("unix", [("x-user", "approver")], None),
        ("", [("x-user", "approver")], None),
    ],
)
def test_a_proxy_is_believed_by_its_address_alone(peer: str, headers: list[Any], who: Who | None) -> None:
    assert Access(proxy=PROXY).who(Claims(peer, headers)) == who


def test_a_proxy_may_send_a_name_in_utf_8(store: Store, visitor: Any) -> None:
    proxy = Proxy(PROXY.addresses, "x-user", {"Zoë": Role.ASSESSOR})
    one = visitor(create_app(store, Access(proxy=proxy)), base_url=BASE, client=("10.0.0.7", 9))
    for sent in ("Zoë".encode(), "Zoë".encode("latin-1")):
        assert one.get("/session.json", headers=[(b"x-user", sent)]).json()["name"] == "Zoë"


def test_a_proxy_may_let_everybody_read() -> None:
    one = Proxy(PROXY.addresses, "x-user", {"ann": Role.APPROVER}, default=Role.VIEWER)
    roles = {n: one.who(Claims("10.0.0.7", [("x-user", n)])) for n in ("ann", "ben")}
    assert {n: w.role for n, w in roles.items() if w} == {"ann": Role.APPROVER, "ben": Role.VIEWER}


@pytest.mark.parametrize("sent", ["Bearer ", "Bearer x", "Basic YTpi", "bearer", "", "Bearer {}, Bearer {}", "{}"])
def test_a_wrong_token_is_nobody_even_with_a_session(visit: Any, team: Any, sent: str) -> None:
    headers = {"Authorization": sent.format(*[team.tokens[Role.APPROVER]] * 2)}
    assert visit("session", Role.APPROVER).get("/session.json", headers=headers).status_code == 401


def test_two_tokens_are_none(visit: Any, team: Any) -> None:
    two = [("Authorization", f"Bearer {team.tokens[r]}") for r in (Role.VIEWER, Role.APPROVER)]
    assert visit("session", None).get("/session.json", headers=two).status_code == 401


def test_a_session_is_new_after_signing_in_and_gone_after_signing_out(everywhere: Any, team: Any, visitor: Any) -> None:
    """A planted session is not made somebody's, and a copied cookie dies when its owner leaves."""
    one = visitor(everywhere, base_url=BASE)
    one.get("/login")
    planted = one.cookies["momus-form"]
    one.sign_in(team.tokens[Role.VIEWER])
    mine = one.cookies["momus"]
    assert mine != planted and everywhere.state.site.sessions.read(planted) is None
    thief = visitor(everywhere, base_url=BASE, cookies={"momus": planted, "momus-form": planted})
    assert thief.get("/session.json").status_code == 401
    copied = visitor(everywhere, base_url=BASE, cookies={"momus": mine})
    assert copied.get("/session.json").status_code == 200
    assert one.submit("/logout").status_code == 303
    assert copied.get("/session.json").status_code == one.get("/session.json").status_code == 401


def test_a_session_cannot_be_made_or_kept() -> None:
    moment = [1000.0]
    sessions = Sessions(hours=1, clock=lambda: moment[0])
    mine = sessions.new("ann", "p")
    cookie = sessions.seal(mine)
    assert sessions.read(cookie) == mine
    body, _, mac = cookie.partition(".")
    wrong = [
        body,
        f"{body}.",
        f".{mac}",
        f"{body}A.{mac}",
        f"{body}.{mac[:-1]}",
        f"{body}.ü{mac}",
        "",
        "." * 5000,
        "\x00.\x00",
    ]
    assert [sessions.read(w) for w in wrong] == [None] * len(wrong)
    assert Sessions(clock=lambda: moment[0]).read(cookie) is None, "another server's key"
    assert not sessions.fits(sessions.form_token(mine, "ann"), mine, "ben")
    assert not sessions.fits(cookie.partition(".")[2], mine, "ann"), "a session's signature is no form token"
    moment[0] += 3599
    assert sessions.read(cookie) == mine
    moment[0] += 1
    assert sessions.read(cookie) is None


def test_cookies_are_out_of_reach(everywhere: Any, store: Store, team: Any, visitor: Any) -> None:
    from momus.web.security import Gate

    flags = visitor(everywhere, base_url=BASE).get("/login").headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {f.strip() for f in flags.split(";")} and "Secure" not in flags
    app = create_app(store, team.access, gate=Gate(urls=["https://momus.example.org"]))
    answer = visitor(app, base_url="https://momus.example.org").get("/login")
    assert answer.headers["Set-Cookie"].startswith("__Host-momus-form=") and "; Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]


def test_an_account_is_what_its_file_says_now(
    tmp_path: Path, store: Store, visitor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "deep" / "accounts.toml"
    accounts = Accounts(path)
    token = accounts.add('ann "the" \\ boss', Role.VIEWER)
    other = accounts.add("ben", Role.APPROVER)
    assert path.stat().st_mode & 0o777 == 0o600 and token not in path.read_text() and token.startswith("momus_")
    one = visitor(create_app(store, Access(accounts=Accounts.open(path))), base_url=BASE).sign_in(token)
    assert one.get("/session.json").json()["role"] == "viewer"
    path.write_text(path.read_text().replace('"viewer"', '"assessor"'))
    assert one.get("/session.json").json()["role"] == "assessor"
    Accounts.open(path).add('ann "the" \\ boss', Role.VIEWER)
    assert one.get("/session.json").status_code == 401, "a new token ends the sessions of the old one"
    bearer = {"Authorization": f"Bearer {other}"}
    assert one.get("/session.json", headers=bearer).status_code == 200
    path.write_text("[accounts.")
    with caplog.at_level("ERROR", "momus.web"):
        for _ in range(3):
            assert one.get("/session.json", headers=bearer).status_code == 401, "a broken file lets nobody in"
    errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert [e.count("no TOML") for e in errors] == [1], "and is said once"
    path.unlink()
    assert one.get("/session.json", headers=bearer).status_code == 401


def test_every_account_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever token fits, the work is the same, so that time tells nothing of where it stands or how it begins."""
    import hmac

    accounts = Accounts()
    tokens = [accounts.add(f"n{i}", Role.VIEWER) for i in range(4)]
    seen: list[int] = []
    real = hmac.compare_digest
    monkeypatch.setattr("momus.web.accounts.hmac.compare_digest", lambda a, b: seen.append(1) or real(a, b))
    for token in (*tokens, "wrong", ""):
        seen.clear()
        found = accounts.by_token(token)
        assert len(seen) == 4 and (found is not None) == (token in tokens)
    assert accounts.by_token(digest(tokens[0])) is None and len(proof(accounts.all()[0])) == 32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[accounts.ann]\nrole = 'viewer'", "no sha256"),
        ("[accounts.ann]\nrole = 'owner'\nsha256 = '" + "0" * 64 + "'", "no role that exists"),
        ("[accounts.ann]\nrole = 'viewer'\nsha256 = '" + "G" * 64 + "'", "no sha256"),
        ("[accounts.'an\\u202en']\n", "no sha256"),
        ("[people.ann]\n", "nothing else"),
        ("accounts = 3", "nothing else"),
        ("x =", "no TOML"),
        ("\xff", "nothing else|no TOML"),
    ],
)
def test_a_bad_accounts_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, "latin-1")
    path.chmod(0o600)
    with pytest.raises(AccountsError, match=said) as caught:
        Accounts.open(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    Accounts(path).add("ann", Role.VIEWER)
    path.chmod(0o620)
    with pytest.raises(AccountsError, match="chmod 600"):
        Accounts.open(path)


@pytest.mark.parametrize(
    ("host", "urls", "more", "said"),
    [
        ("0.0.0.0", (), {}, "no accounts"),
        ("::", (), {}, "no accounts"),
        ("", (), {}, "no accounts"),
        ("10.1.2.3", (), {}, "no accounts"),
        ("127.0.0.1", ("https://momus.example.org",), {}, "no accounts"),
        ("127.0.0.1", ("momus.example.org",), {}, "no address of a server"),
        ("127.0.0.1", ("https://a@b/",), {}, "no address of a server"),
        ("127.0.0.1", ("https://b:99999",), {}, "no address of a server"),
        ("127.0.0.1", (), {"user_header": "X-User"}, "only where a proxy is trusted"),
        ("127.0.0.1", (), {"proxies": ["10.0.0.7"]}, "needs --user-header and --roles"),
        ("127.0.0.1", (), {"proxies": ["0.0.0.0/0"], "user_header": "X-User"}, "too wide"),
        ("127.0.0.1", (), {"proxies": ["proxy"], "user_header": "X-User"}, "no address"),
        ("127.0.0.1", (), {"proxies": ["::1"], "user_header": "X User"}, "no header name"),
        ("127.0.0.1", (), {"accounts": Path("nowhere.toml")}, "cannot be read"),
    ],
)
def test_what_would_let_anybody_in_is_refused(
    tmp_path: Path, host: str, urls: tuple[str, ...], more: dict[str, Any], said: str
) -> None:
    roles = tmp_path / "roles.toml"
    roles.write_text("[users]\nann = 'viewer'")
    if "needs" not in said and "proxies" in more:
        more = {**more, "roles": roles}
    with pytest.raises(MomusError, match=said) as caught:
        doors(host, urls, **more)
    assert "\n" not in str(caught.value)


def test_doors_that_are_fine(tmp_path: Path) -> None:
    assert loopback("localhost") and loopback("::1") and loopback("127.9.9.9") and not loopback("nowhere.invalid")
    access, gate = doors("127.0.0.1", ["http://localhost:9000"])
    assert access.local and gate.knows("localhost:9000") and not gate.knows("10.0.0.1")
    path, roles = tmp_path / "a.toml", tmp_path / "roles.toml"
    Accounts(path).add("ann", Role.VIEWER)
    roles.write_text("default = 'viewer'\n[users]\n'ann@example.org' = 'approver'\n[groups]\nteam = 'assessor'")
    assert read_roles(roles) == ({"ann@example.org": Role.APPROVER}, {"team": Role.ASSESSOR}, Role.VIEWER)
    headers = {"user_header": "X-User", "groups_header": "X-Groups"}
    access, gate = doors(
        "0.0.0.0", ["https://M.example.org/"], accounts=path, proxies=["10.0.0.7"], roles=roles, **headers
    )
    assert not access.local and access.proxy is not None and access.proxy.trusts("10.0.0.7")
    assert gate.urls == ["https://m.example.org"] and gate.knows("M.example.org") and gate.knows("10.9.9.9:80")
    assert not gate.knows("evil.example.org")
