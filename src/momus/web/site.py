"""One server's belongings: store, shelf, access, sessions, templates. Built once; asked by every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from momus.assess.shelf import Shelf
from momus.store import Store
from momus.web.access import Access, Claims
from momus.web.errors import WORDS, Refused
from momus.web.files import Files
from momus.web.pages import Ask, address
from momus.web.roles import Role, Who
from momus.web.sessions import Session, Sessions

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass
class Site:
    """What pages need. ``urls``: the addresses people use; https among them makes cookies secure."""

    store: Store
    access: Access
    shelf: Shelf
    sessions: Sessions
    files: Files
    environment: Environment
    today: Callable[[], date]
    urls: Sequence[str] = ()
    cookie: str = "momus"
    nav: list[tuple[str, str]] = field(default_factory=list)
    cards: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # system -> text and path, read at start

    @property
    def secure(self) -> bool:
        """True when people come by TLS."""
        return any(u.startswith("https://") for u in self.urls)

    @property
    def cookie_name(self) -> str:
        """With TLS a name that no other host or path can set."""
        return f"__Host-{self.cookie}" if self.secure else self.cookie

    @property
    def form_cookie(self) -> str:
        """What ties a form to a browser in which nobody has signed in."""
        return f"{self.cookie_name}-form"

    def ask(self, request: Request, role: Role) -> Ask:
        """The question behind a request. Refused without a name, or without the role."""
        session = self.session(request)
        who = self.access.who(claims(request), session)
        if who is None:
            raise Refused(WORDS[401], status=401, code="web/sign-in", hint=self.way_in)
        if not who.may(role):
            hint = f"{who.name} is a {who.role.value}"
            raise Refused(f"this needs the role {role.value}", status=403, code="web/role", hint=hint)
        request.state.who = who
        if who.way == "token":
            request.state.fresh = None  # whoever sends a token with each request needs no cookie
        return Ask(request, self, who, session)

    @property
    def way_in(self) -> str:
        """How to sign in here, in one sentence."""
        if self.access.local:
            return "A request through a proxy needs accounts: start with --trust-proxy or --accounts"
        if self.access.accounts is not None:
            return "Use a token, as programs do with Authorization: Bearer"
        return "Come through the proxy that signs people in; it must send the user's name"

    def session(self, request: Request) -> Session:
        """The session of a request; a new one, of nobody, where it has none. The answer then carries its cookie."""
        known = getattr(request.state, "session", None)
        if known is None:
            held = (request.cookies.get(name, "") for name in (self.cookie_name, self.form_cookie))
            known = next((s for s in map(self.sessions.read, held) if s is not None), None)
            if known is None:
                known = self.sessions.new()
                request.state.fresh = known
            request.state.session = known
        return known

    def seal(self, session: Session) -> str:
        """The Set-Cookie line of a session. Nobody's session never takes the place of somebody's."""
        name = self.cookie_name if session.name else self.form_cookie
        flags = f"Max-Age={max(0, int(self.sessions.hours * 3600))}; Path=/; HttpOnly; SameSite=Strict"
        return f"{name}={self.sessions.seal(session)}; {flags}{'; Secure' if self.secure else ''}"

    def render(self, template: str, ask: Ask | None = None, **values: Any) -> str:
        """A template with what every page shows: who is there, where one can go, what forms carry."""
        who: Who | None = ask.who if ask is not None else None
        told = {"page": None, "who": who, "csrf": ask.csrf if ask else "", "ask": ask, "twin": "", "site": self}
        here = address(ask.request) if ask is not None else ""
        return self.environment.get_template(template).render(**{**told, "here": here, **values})


def claims(request: Request) -> Claims:
    """What a request says of its sender."""
    peer = request.client.host if request.client else ""
    old = request.scope.get("http_version", "1.1") in ("0.9", "1.0")
    return Claims(peer, [(k.decode("latin-1").lower(), _text(v)) for k, v in request.scope["headers"]], old)


def _text(value: bytes) -> str:
    """A header's value: proxies send names in UTF-8, whatever the standard says of Latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
