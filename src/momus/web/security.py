"""The guard in front of every page: under which name a request may come, what it may carry, how answers leave.

It knows no page. It refuses, before anything else is looked at: a host name that is not this server's (a page elsewhere
that points its own name at loopback), a request that another site's page sends, a method or body that no page takes, an
address with hidden characters. Every answer leaves with the same headers, errors included.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from momus.reports.text import clean
from momus.web import forms
from momus.web.errors import WORDS, Refused

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers hide where a form of our own comes from
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MOST_ADDRESS = 4096
MOST_HEAD = 16 * 1024
_AGAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>Momus</title></head>
<body><p><a href="">Go on to this page</a></p></body></html>
"""
log = logging.getLogger("momus.web")


@dataclass(frozen=True)
class Gate:
    """By which names and from which sites this server is used.

    ``urls`` are the addresses that people use. ``anywhere``: bound to more than loopback, so that any bare address is a
    fine host; an attacker's name that points here never is one.
    """

    urls: Sequence[str] = ()
    anywhere: bool = False
    names: Sequence[str] = ()

    def knows(self, host: str) -> bool:
        """Whether a Host header means this server."""
        name = _name(host)
        if name is None:
            return False
        if name in ("localhost", *(n.lower() for n in self.names), *(urlsplit(u).hostname for u in self.urls)):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback or self.anywhere
        except ValueError:
            return False

    def same_site(self, method: str, headers: Headers, host: str, scheme: str) -> bool:
        """Whether a page of this server, or no page at all, sent the request.

        Following a link from elsewhere is fine: it shows a page and changes nothing.
        """
        site = headers.get("sec-fetch-site", "")
        if method in ("GET", "HEAD"):
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            return site in ("", "none", "same-origin") or followed
        origin = headers.get("origin")
        if origin is not None and origin not in {f"{scheme}://{host}", *(u.rstrip("/") for u in self.urls)}:
            return False
        return site in ("", "same-origin")


class Guard:
    """ASGI middleware. ``explain`` turns an error into an answer."""

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        explain: Callable[[Request, Exception], Response],
        seal: Callable[..., str],
        cookie: str,
        secure: bool,
    ) -> None:
        self._app, self._gate, self._explain, self._seal = app, gate, explain, seal
        self._cookie, self._secure = cookie, secure
        self._headers = {**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A HEAD is a GET whose body stays here: every page answers both.
        head = scope["method"] == "HEAD"
        scope = {**scope, "state": dict(scope.get("state", {})), **({"method": "GET"} if head else {})}
        request = Request(scope, receive)
        began, out = time.monotonic(), _Outgoing(self, request, send, head)
        try:
            self._check(request)
            await (self._again(request) or self._app)(scope, receive, out)
        except Exception as error:
            if out.started:
                raise
            if not isinstance(error, Refused):
                log.exception("%s %s", scope["method"], clean(scope["path"], 200))
            await self._say(request, error)(scope, receive, out)
        finally:
            _record(request, out.status, time.monotonic() - began)

    def _again(self, request: Request) -> Response | None:
        """For a link followed from another site: a page that asks for the same address once more, from here.

        Strict cookies stay behind on such a request; on the second one they come. A mark keeps it from a third.
        """
        mark = f"{self._cookie}-again"
        if request.headers.get("sec-fetch-site") != "cross-site" or any(
            c.startswith(self._cookie) for c in request.cookies
        ):
            return None
        answer = HTMLResponse(_AGAIN)
        answer.set_cookie(mark, "1", max_age=5, httponly=True, samesite="lax", secure=self._secure)
        return answer

    def _say(self, request: Request, error: Exception) -> Response:
        """The answer to an error; of a few plain words where even that goes wrong."""
        try:
            return self._explain(request, error)
        except Exception:
            log.exception("the page of an error could not be made")
            return Response(f"{WORDS[500]}\n", 500, media_type="text/plain")

    def dress(self, request: Request, headers: MutableHeaders) -> None:
        """The headers of every answer, and the cookie of a browser that has none yet."""
        for name, value in self._headers.items():
            headers[name] = value
        headers.setdefault("Cache-Control", "no-store")
        fresh = getattr(request.state, "fresh", None)
        if fresh is not None and "set-cookie" not in headers and headers["Cache-Control"] == "no-store":
            headers.append("Set-Cookie", self._seal(fresh))

    def _check(self, request: Request) -> None:
        headers, method = request.headers, request.method
        if sum(len(k) + len(v) + 4 for k, v in headers.raw) > MOST_HEAD:
            raise Refused("the head of the request is too long", status=431, code="web/too-long")
        if request.scope.get("http_version", "1.1") not in ("1.0", "1.1", "2", "3"):
            raise Refused("that is no version of HTTP", status=400, code="web/malformed")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._gate.knows(hosts[0]):
            hint = "Use the address that it printed, or start it with --url and the address that people use"
            raise Refused(WORDS[421], status=421, code="web/host", hint=hint)
        if method not in ("GET", "POST"):
            raise Refused(WORDS[405], status=405, code="web/method")
        if not self._gate.same_site(method, headers, hosts[0], request.scope["scheme"]):
            hint = "Open the page here and send it from there; behind TLS, start with --url https://..."
            raise Refused("the request comes from another site", status=403, code="web/other-site", hint=hint)
        _address(request)
        _body(method, headers)


class _Outgoing:
    """What leaves: dressed headers, and no body for HEAD."""

    def __init__(self, guard: Guard, request: Request, send: Send, head: bool) -> None:
        self._guard, self._request, self._send, self._head = guard, request, send, head
        self.started = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            self._guard.dress(self._request, MutableHeaders(scope=message))
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)


def _name(host: str) -> str | None:
    """The name in a Host header, lower case; None for what is no host and port."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return None
    plain = parts.netloc == host and "@" not in host and not (parts.path or parts.query or parts.fragment)
    return parts.hostname if plain else None


def _address(request: Request) -> None:
    """Refuses an address that is too long, no UTF-8, or holds hidden characters, escaped or not."""
    raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    query = request.scope["query_string"]
    if not raw.startswith(b"/"):
        raise Refused(WORDS[400], status=400, code="web/malformed")
    if len(raw) + len(query) > MOST_ADDRESS:
        raise Refused(WORDS[414], status=414, code="web/too-long")
    for part in (raw, query):
        try:
            text = unquote_to_bytes(part).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("the address is not UTF-8", status=400, code="web/malformed") from None
        if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
            raise Refused("the address holds control characters", status=400, code="web/malformed")


def _body(method: str, headers: Headers) -> None:
    """Refuses every body but a small URL-encoded form."""
    length = headers.get("content-length", "0")
    chunked = "transfer-encoding" in headers
    if method != "POST":
        if chunked or length != "0":
            raise Refused("only forms carry a body", status=400, code="web/body")
        return
    media, _, rest = headers.get("content-type", "").partition(";")
    charset = rest.strip().lower().replace('"', "")
    if media.strip().lower() != forms.MEDIA or charset not in ("", "charset=utf-8") or "content-encoding" in headers:
        raise Refused(WORDS[415], status=415, code="web/media")
    if not length.isascii() or not length.isdigit() or len(length) > 12 or int(length) > forms.MOST_BYTES:
        raise Refused(WORDS[413], status=413, code="web/too-long")


def _record(request: Request, status: int, seconds: float) -> None:
    """One line of the log for whatever was done or refused; pages that were only read leave none."""
    if request.method == "POST" or status in (401, 403, 421) or status >= 500:
        who = getattr(request.state, "who", None)
        name = f"{who.name} ({who.role.value})" if who is not None else "nobody"
        peer = request.client.host if request.client else "-"
        line = f"{name} {peer} {request.method} {request.scope['path']} {status} {seconds * 1000:.0f} ms"
        log.info("%s", clean(line, 400))
