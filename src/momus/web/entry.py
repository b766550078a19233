"""Coming in and going out: signing in with a token, one's own name, and what the server says of itself."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator

from momus.core.records import Record
from momus.reports.text import clean
from momus.web import forms
from momus.web.accounts import proof
from momus.web.errors import Refused
from momus.web.pages import ROLE, Ask, Router, action, gone_to, inside, page, tagged
from momus.web.roles import MOST_NAME, Role
from momus.web.site import Site, claims

router = Router()


def _one_line(text: str) -> str:
    kept = clean(text).strip()
    if not 0 < len(kept) <= MOST_NAME:
        raise ValueError(f"a name has 1 to {MOST_NAME} characters")
    return kept


class SessionPage(Record):
    """Who is asking, as the server sees it."""

    name: str
    role: Literal["viewer", "assessor", "approver"]
    way: Literal["local", "token", "session", "proxy"]
    csrf: str


class NameForm(Record):
    """The name under which the person at the machine wants to appear."""

    name: Annotated[str, AfterValidator(_one_line)]


class Nothing(Record):
    """A form without fields."""


@page(router, "/session", template="session.html.j2")
def session(ask: Ask) -> SessionPage:
    """Who you are here. The token in `csrf` goes with every form of this session."""
    return SessionPage(name=ask.who.name, role=ask.who.role.value, way=ask.who.way, csrf=ask.csrf)


@action(router, "/session/name", role=Role.VIEWER)
def name(ask: Ask, form: NameForm) -> str:
    """Give yourself a name. Only on a server without accounts: elsewhere a name comes from how you signed in."""
    if ask.who.way != "local":
        raise Refused("a name comes from the account here", status=403, code="web/name")
    ask.request.state.fresh = ask.site.sessions.new(form.name)
    return "/session"


@action(router, "/logout", role=Role.VIEWER)
def logout(ask: Ask, form: Nothing) -> str:
    """End this session."""
    ask.site.sessions.end(ask.session)
    ask.request.state.fresh = ask.site.sessions.new()
    return "/"


async def login_page(request: Request) -> Response:
    """The form that turns a token into a session."""
    site: Site = request.app.state.site
    if site.access.accounts is None:
        raise Refused("there is nothing to sign in to with a token", status=404, code="web/no-login", hint=site.way_in)
    token = site.sessions.form_token(site.session(request), "")
    return HTMLResponse(site.render("login.html.j2", csrf=token, next="/"))


async def login(request: Request) -> Response:
    """Signs in. The session is a new one, whatever the browser brought; the old one ends."""
    site: Site = request.app.state.site
    if site.access.accounts is None:
        raise Refused("there is nothing to sign in to with a token", status=404, code="web/no-login", hint=site.way_in)
    fields = dict(await forms.read(request))
    before = site.session(request)
    if not site.sessions.fits(fields.get(forms.TOKEN, ""), before, ""):
        raise Refused("the form is not from this session", status=403, code="web/stale-form", hint="Load /login again")
    account = site.access.accounts.by_token(fields.get("token", "").strip())
    if account is None:
        request.state.next = inside(fields.get("next", "/"))
        raise Refused("that is no token of this server", status=401, code="web/sign-in", hint="Ask whoever runs it")
    site.sessions.end(before)
    request.state.fresh = site.sessions.new(account.name, proof(account))
    who = site.access.who(claims(request), request.state.fresh)
    request.state.who = who
    return gone_to(inside(fields.get("next", "/")))


async def alive(request: Request) -> Response:
    """Says that the server runs, and nothing else."""
    return Response("alive\n", media_type="text/plain")


def openapi(request: Request) -> Response:
    """The description of everything that is JSON here. The first one takes a while, so others are not kept waiting."""
    request.app.state.site.ask(request, Role.VIEWER)
    return tagged(request, Response(json.dumps(request.app.openapi()), media_type="application/json"))


for path, endpoint, method, role in (
    ("/login", login_page, "GET", None),
    ("/login", login, "POST", None),
    ("/alive", alive, "GET", None),
    ("/openapi.json", openapi, "GET", Role.VIEWER),
):
    setattr(endpoint, ROLE, role)
    router.add(path, endpoint, role, methods=[method], include_in_schema=False)
