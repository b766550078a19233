"""create_app: a store and its ways in become a web application."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from momus.core.errors import MissingExtra, MomusError
from momus.store import Store

try:
    from fastapi import FastAPI, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import HTMLResponse
except ModuleNotFoundError as missing:
    raise MissingExtra.of("the web page", "web", str(missing.name)) from missing

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from momus.assess.shelf import Shelf
from momus.web import forms, rendering
from momus.web.access import Access
from momus.web.errors import WORDS, Problem, Refused, problem
from momus.web.files import Files
from momus.web.pages import ROLE, Router, address
from momus.web.roles import Who
from momus.web.security import Gate, Guard
from momus.web.sessions import Sessions
from momus.web.site import Site, claims

# In the order in which addresses are tried and pages are named in the head. Each holds a `router`.
ROUTERS = tuple(f"momus.web.{name}" for name in ("reading", "deciding", "asking", "reading_lookup", "entry"))


def create_app(
    store: Store,
    access: Access,
    *,
    gate: Gate | None = None,
    today: Callable[[], date] | None = None,
    sessions: Sessions | None = None,
    cookie: str = "momus",
    cards: Mapping[str, tuple[str, str]] | None = None,
) -> FastAPI:
    """The pages of one store.

    ``access``: who may come in, see :class:`~momus.web.access.Access`; ``Access()`` is for one person on loopback.
    ``gate``: the names and addresses of the server; by default loopback only. ``cards``: texts and paths of cards by
    the address of their system, for sessions about systems that were never measured.
    """
    doors = gate or Gate()
    files = Files.load()
    site = Site(
        store=store,
        access=access,
        shelf=Shelf(store, today=today),
        sessions=sessions or Sessions(hours=24 * 30 if access.local else 12),
        files=files,
        environment=rendering.environment(files),
        urls=doors.urls,
        cookie=cookie,
        cards=cards or {},
        today=today or _today,
    )
    app = FastAPI(
        title="Momus",
        description="Runs of a team: every page is here as JSON.",
        openapi_url=None,
        redirect_slashes=False,
    )
    app.router.routes.clear()
    app.state.site = site
    app.add_route("/static/{digest}/{name}", _open(files.serve), methods=["GET"], include_in_schema=False)
    for name in ROUTERS:
        if importlib.util.find_spec(name) is None:
            continue
        router: Router = importlib.import_module(name).router
        router.mount(app)
        site.nav += router.nav
    handlers: dict[Any, Any] = dict.fromkeys((MomusError, HTTPException, RequestValidationError), _explain)
    app.exception_handlers.update(handlers)
    app.add_middleware(Guard, gate=doors, explain=_explain, seal=site.seal, cookie=site.cookie_name, secure=site.secure)
    strangers = [route for route in app.routes if not owned(route)]
    if strangers:
        raise RuntimeError(f"no role is named for {strangers}")
    return app


def _today() -> date:
    return datetime.now(UTC).date()


def owned(route: BaseRoute) -> bool:
    """Whether a route says which role it needs."""
    return isinstance(route, Route) and hasattr(route.endpoint, ROLE)


def _open(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint for everybody."""

    async def served(request: Request) -> Response:
        return await endpoint(request)  # type: ignore[no-any-return]

    setattr(served, ROLE, None)
    return served


def _explain(request: Request, error: Exception) -> Response:
    """The answer to what went wrong: a page of one line, or its twin."""
    site: Site = request.app.state.site
    told = _told(error, site)
    plain = address(request).endswith(".json") or "json" in request.headers.get("accept", "").partition(",")[0]
    if plain:
        response = Response(told.model_dump_json(), told.status, media_type="application/json")
    else:
        text = site.render("error.html.j2", page=told, who=_who(request, site), **_signing_in(request, site, told))
        response = HTMLResponse(text, told.status)
    if told.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="momus"'
    if told.status == 405:
        response.headers["Allow"] = (getattr(error, "headers", None) or {}).get("Allow", "GET, HEAD, POST")
    return response


def _who(request: Request, site: Site) -> Who | None:
    """Whoever asked, so that the page of an error still says where one can go; nobody where that is in doubt."""
    known: Who | None = getattr(request.state, "who", None)
    if known is not None or site.access.local:
        return known
    session = site.sessions.read(request.cookies.get(site.cookie_name, ""))
    return site.access.who(claims(request), session) if session is not None else None


def _told(error: Exception, site: Site) -> Problem:
    if isinstance(error, RequestValidationError):
        error = Refused(forms.problems(error.errors()), code="web/invalid")
    elif isinstance(error, HTTPException):
        error = Refused(
            WORDS.get(error.status_code, "this cannot be answered"), status=error.status_code, code="web/address"
        )
    return problem(error, places=site.access.local)


def _signing_in(request: Request, site: Site, told: Problem) -> dict[str, Any]:
    """On a page that asks to sign in: the form, and where to go then."""
    if told.status != 401 or site.access.accounts is None:
        return {"login": False}
    session = site.session(request)
    here = address(request) + (f"?{request.url.query}" if request.url.query else "")
    return {
        "login": True,
        "next": here if request.method == "GET" else getattr(request.state, "next", "/"),
        "csrf": site.sessions.form_token(session, ""),
    }


def routes(app: FastAPI) -> Sequence[Route]:
    """Every route of an app, for those who check them all."""
    return [route for route in app.routes if isinstance(route, Route)]
