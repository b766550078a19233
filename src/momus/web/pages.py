"""What a page is: a function from a question to a record, shown by a template, with a twin that is the record as JSON.

``@page`` registers both, ``@action`` registers what a form does, ``@download`` a file. Each names the role it needs;
there is no way to register an address without one, and the app refuses to start with a route that was not made here.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from momus.core.digest import of_bytes
from momus.core.records import Record
from momus.reports import json_
from momus.reports.text import clean
from momus.web import forms
from momus.web.errors import Problem, Refused
from momus.web.roles import Role, Who
from momus.web.sessions import Session

if TYPE_CHECKING:
    from momus.assess.shelf import Shelf
    from momus.store import Store
    from momus.web.site import Site

F = TypeVar("F", bound=Callable[..., Any])
ROLE = "momus_role"  # what an endpoint of ours carries; None stands for everybody
_PROBLEMS: dict[int | str, dict[str, Any]] = {"default": {"model": Problem, "description": "One line on what is wrong"}}
# Where no .json asks for it, what is wrong is said as a page unless JSON was asked for.
_TOLD: dict[int | str, dict[str, Any]] = {"default": {**_PROBLEMS["default"], "content": {"text/html": {}}}}


@dataclass(frozen=True)
class Ask:
    """One request, with all that an answer may be made from."""

    request: Request
    site: Site
    who: Who
    session: Session

    @property
    def store(self) -> Store:
        return self.site.store

    @property
    def shelf(self) -> Shelf:
        return self.site.shelf

    @property
    def today(self) -> date:
        """The day, by which waivers hold."""
        return self.site.today()

    @property
    def address(self) -> str:
        """The path as it came, escapes and all: what links and redirects to the same place need."""
        return address(self.request)

    @property
    def csrf(self) -> str:
        """What forms on this page carry."""
        return self.site.sessions.form_token(self.session, self.who.name)


@dataclass(frozen=True)
class Download:
    """A file to be saved: its bytes and the name it is offered under."""

    content: bytes | str
    name: str
    inline: bool = False  # shown in a page; for pictures only


@dataclass
class Router:
    """The pages of one module, in the order in which they are tried."""

    routes: list[dict[str, Any]] = field(default_factory=list)
    nav: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, endpoint: Callable[..., Any], role: Role | None, **more: Any) -> None:
        setattr(endpoint, ROLE, role)
        self.routes.append({"path": path, "endpoint": endpoint, "response_model": None, **more})

    def mount(self, app: FastAPI) -> None:
        """Register everything with an app."""
        for route in self.routes:
            app.add_api_route(**route)


def page(router: Router, path: str, *, template: str, role: Role = Role.VIEWER, nav: str = "") -> Callable[[F], F]:
    """Register ``handler(ask, ...) -> record`` as the page ``path`` and as ``path``.json.

    The template gets the record as ``page``. ``nav``: a word that puts the page into every page's head.
    """

    def register(handler: F) -> F:
        def html(ask: Ask, value: Record) -> Response:
            text = ask.site.render(template, ask, page=value, twin=twin_of(ask.address))
            return tagged(ask.request, HTMLResponse(text))

        def plain(ask: Ask, value: Record) -> Response:
            return tagged(ask.request, Response(json_.plain(value.model_dump_json()), media_type="application/json"))

        told = {"name": handler.__name__, "summary": _summary(handler), "methods": ["GET"]}
        kind = typing.get_type_hints(handler)["return"]
        # The twin comes first: to a pattern a name may well end in .json.
        router.add(
            twin_of(path), _endpoint(handler, role, plain), role, **told, response_model=kind, responses=_PROBLEMS
        )
        router.add(path, _endpoint(handler, role, html), role, **told, include_in_schema=False)
        if nav:
            router.nav.append((nav, path))
        return handler

    return register


def action(router: Router, path: str, *, role: Role) -> Callable[[F], F]:
    """Register ``handler(ask, form, ...) -> path``: what a form at ``path`` does, and the page to go to after it.

    ``form`` is a record; its fields are the form's. The form must come from a page of the same session, or with a
    bearer token.
    """

    def register(handler: F) -> F:
        kind = typing.get_type_hints(handler)["form"]

        async def act(ask: Ask, values: dict[str, Any]) -> Response:
            filled = forms.fill(kind, await submitted(ask))
            to = await run_in_threadpool(handler, ask, filled, **values)
            return gone_to(to)

        told = {
            "name": handler.__name__,
            "summary": _summary(handler),
            "methods": ["POST"],
            "status_code": 303,
            "response_class": Response,
        }
        endpoint = _endpoint(handler, role, act, leave_out=("form",), awaited=True)
        router.add(path, endpoint, role, **told, responses=_TOLD, openapi_extra={"requestBody": forms.schema(kind)})
        return handler

    return register


def download(router: Router, path: str, *, media: str, role: Role = Role.VIEWER) -> Callable[[F], F]:
    """Register ``handler(ask, ...) -> Download`` as a file of one media type."""

    def register(handler: F) -> F:
        def file(ask: Ask, value: Download) -> Response:
            how = "inline" if value.inline and media in ("image/png", "image/gif") else "attachment"
            name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in value.name).strip(".-")
            headers = {"Content-Disposition": f'{how}; filename="{name[:120] or "momus"}"'}
            return tagged(ask.request, Response(value.content, media_type=media, headers=headers))

        responses = {**_TOLD, 200: {"content": {media: {}}, "description": "The file"}}
        told = {"name": handler.__name__, "summary": _summary(handler), "methods": ["GET"], "response_class": Response}
        router.add(path, _endpoint(handler, role, file), role, **told, responses=responses)
        return handler

    return register


async def submitted(ask: Ask) -> list[tuple[str, str]]:
    """The fields of a form that this session's own page sent, or that a bearer token vouches for."""
    fields = await forms.read(ask.request)
    tokens = [value for name, value in fields if name == forms.TOKEN]
    if ask.who.way != "token" and not (
        len(tokens) == 1 and ask.site.sessions.fits(tokens[0], ask.session, ask.who.name)
    ):
        hint = "Go back, load the page again, and send it once more"
        raise Refused("the form is not from this session", status=403, code="web/stale-form", hint=hint)
    return fields


def gone_to(path: str) -> Response:
    """A redirect to a page of this server, after something was done."""
    return Response(status_code=303, headers={"Location": inside(path)})


def inside(path: str) -> str:
    """The path if it lies on this server, else the first page: nobody is sent elsewhere."""
    fine = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    # What a page returns is escaped already; escaping leaves an escape as it is.
    return quote(path, safe="/?&=#%:;,+@!~*'()$-._[]") if fine else "/"


def address(request: Request) -> str:
    """The path of a request as it came."""
    return (request.scope.get("raw_path") or b"/").decode("ascii", "replace").partition("?")[0]


def twin_of(path: str) -> str:
    """The address of a page's record: ``/index.json`` for the first page."""
    return "/index.json" if path == "/" else f"{path}.json"


def tagged(request: Request, response: Response) -> Response:
    """The response with the digest of its body as its tag, or 304 for a client that holds it already."""
    tag = f'"{of_bytes(bytes(response.body))[:32]}"'
    if tag in [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response


def _endpoint(
    handler: Callable[..., Any],
    role: Role,
    answer: Callable[..., Any],
    *,
    leave_out: tuple[str, ...] = (),
    awaited: bool = False,
) -> Callable[..., Any]:
    """A function as FastAPI wants it: the handler's own parameters, and the question, which is where the role is asked.

    The role is asked before any parameter is looked at, so that nobody learns by an error what exists.
    """
    hints = typing.get_type_hints(handler, include_extras=True)
    own = [p for n, p in inspect.signature(handler).parameters.items() if n != "ask" and n not in leave_out]
    if awaited:

        async def endpoint(_ask: Ask, **values: Any) -> Response:
            return await answer(_ask, values)  # type: ignore[no-any-return]
    else:

        def endpoint(_ask: Ask, **values: Any) -> Response:  # type: ignore[misc]
            return answer(_ask, handler(_ask, **values))  # type: ignore[no-any-return]

    async def asked(request: Request) -> Ask:
        return request.app.state.site.ask(request, role)  # type: ignore[no-any-return]

    question = inspect.Parameter("_ask", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Ask, Depends(asked)])
    rest = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
    endpoint.__signature__ = inspect.Signature([question, *rest])  # type: ignore[attr-defined]
    endpoint.__doc__ = handler.__doc__
    return endpoint


def _summary(handler: Callable[..., Any]) -> str:
    return clean(inspect.getdoc(handler) or handler.__name__).split(". ")[0]
