"""One request and what came of it: an answer, or trouble with a name. Nothing is repeated here and nothing is raised.

It goes below httpx's client, to its transport: no redirect is followed unseen, no cookie is kept, no proxy and no
certificate comes from the environment, no address with a key in its query string is logged.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import socket
import ssl
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from momus.card.http import HttpCard
from momus.core.errors import MissingExtra, TargetError
from momus.core.text import clean

LARGEST = 64 << 20  # bytes of one answer, unpacked
SHOWN = 240  # characters of an answer that an error quotes
REDIRECTS = 3
REPEATED = frozenset({429, 502, 503, 504})
_QUOTED = 1 << 16  # bytes that are read of an answer that is none
_COPIED = 8 * LARGEST  # bytes that unpacking one answer may move
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status of 2xx; ``headers`` have lower-case names. ``redirects`` were followed on the way."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer. ``kind`` is the one word by which it is counted, ``again`` whether the same request may succeed later.

    ``wait`` is what the server asked to wait, in seconds; ``left`` is False where no connection came about.
    """

    kind: str
    code: str
    what: str
    hint: str = ""
    again: bool = False
    left: bool = True
    wait: float | None = None
    status: int | None = None
    received: int = 0


def _words(text: str) -> str:
    """What an error in JSON says, without its wrapping."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # the latter for brackets within brackets within brackets
        return text
    said = [
        found[k] for k in ("message", "error", "detail") if isinstance(found, dict) and isinstance(found.get(k), str)
    ]
    return said[0] if said else text


class Door:
    """Connections to the one server that the card names. Bound to the event loop in which it is first used."""

    def __init__(self, card: HttpCard, base: Path, name: str) -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtra.of("models that answer over HTTP", "http", "httpx") from error
        self._httpx = httpx
        self._name = name
        self._home = urlsplit(card.url)
        self._headers = _headers(card, name)
        self._secrets = sorted(_secrets(card), key=len, reverse=True)
        limits = httpx.Limits(max_connections=card.at_once, max_keepalive_connections=card.at_once, keepalive_expiry=30)
        context = _context(card, base, name)
        self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, http2=False, limits=limits)

    def url(self, path: str) -> str:
        """The address of a path below the card's; the card's own where it is empty. Its query string goes along."""
        if not path:
            return self._home.geturl()
        return self._home._replace(path=self._home.path.rstrip("/") + "/" + path.lstrip("/"), fragment="").geturl()

    def excerpt(self, body: bytes) -> str:
        """An answer's own words as one harmless line: no control characters, none of the card's secrets.

        Of a long one the beginning and the end: servers repeat what was sent before they say what is wrong with it.
        """
        text = _words(body[:_QUOTED].decode("utf-8", "replace"))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        line = clean(" ".join(text.split()))
        return line if len(line) <= SHOWN else f"{line[: SHOWN // 3].rstrip()} … {line[-SHOWN // 3 * 2 :].lstrip()}"

    async def ask(self, method: str, url: str, body: bytes, content_type: str, seconds: float) -> Reply | Trouble:
        """What came of one request; connecting, sending and the whole answer together take ``seconds`` at most."""
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(method, url, body, content_type)
        except TimeoutError:
            what = f"no whole answer within {seconds:.3g} s"
            hint = "Raise targets[].http.seconds, or lower rows"
            return Trouble("late", "target/http-timeout", what, hint, again=True)
        except self._httpx.ConnectError as error:
            return _no_connection(error)
        except self._httpx.LocalProtocolError:
            # The library's own words would quote the header, and with it perhaps the token.
            what = "a header of the card cannot be sent: it holds a line break or another character that headers lack"
            return Trouble("unsent", "target/http-header", what, "Check headers and token", left=False)
        except self._httpx.RemoteProtocolError as error:
            if "disconnected" in str(error) or "incomplete" in str(error) or "closed" in str(error):
                return _closed("the connection was closed before the answer was whole")
            return _closed("the answer is no HTTP", "broken")
        except self._httpx.InvalidURL:
            return Trouble(
                "unsent", "target/http-redirect", "the address is none", "Check targets[].http.url", left=False
            )
        except ssl.SSLError as error:  # a server that wants a certificate says so only when it is spoken to
            return _no_connection(error)
        except (self._httpx.TransportError, OSError):
            return _closed("the connection broke")

    async def close(self) -> None:
        """Let go of all connections."""
        await self._transport.aclose()

    async def _follow(self, method: str, url: str, body: bytes, content_type: str) -> Reply | Trouble:
        for followed in range(REDIRECTS + 1):
            answer = await self._once(method, url, body, content_type, followed)
            if not isinstance(answer, str):
                return answer
            refused = self._refused(method, url, answer)
            if refused:
                return refused
            url = answer
        return Trouble("redirected", "target/http-redirect", f"redirected more than {REDIRECTS} times", _HOME)

    async def _once(
        self, method: str, url: str, body: bytes, content_type: str, followed: int
    ) -> Reply | Trouble | str:
        """An answer, trouble, or the address to which the server sends us on."""
        headers = {**self._headers, **({"content-type": content_type} if method == "POST" else {})}
        request = self._httpx.Request(method, url, headers=headers, content=body or None)
        response = await self._transport.handle_async_request(request)
        try:
            status = int(response.status_code)
            told = {str(k).lower(): str(v) for k, v in response.headers.items()}
            if 300 <= status < 400 and "location" in told:
                return _joined(url, told["location"])
            most = LARGEST if 200 <= status < 300 else _QUOTED
            raw = await _read(response, most)
        finally:
            await response.aclose()
        if not 200 <= status < 300:
            return self._status(status, _unpacked(raw[:most], told, most)[0][:most], told)
        unpacked, known = _unpacked(raw, told, LARGEST)
        if not known:
            what = f"the answer is packed as '{clean(told['content-encoding'], 40)}', which was not asked for"
            return Trouble("packed", "target/http-answer", what, "Let the server answer plain or in gzip")
        if len(raw) > LARGEST or len(unpacked) > LARGEST:
            what = f"the answer is larger than {LARGEST >> 20} MB"
            return Trouble("huge", "target/http-too-large", what, "Lower targets[].http.rows", received=len(raw))
        return Reply(status, unpacked, told, followed)

    def _status(self, status: int, body: bytes, headers: Mapping[str, str]) -> Trouble:
        quoted = self.excerpt(body)
        what = f"status {status}" + (f", '{quoted}'" if quoted else "")
        again = status in REPEATED
        wait = _retry_after(headers) if again else None
        return Trouble(
            str(status), "target/http-status", what, _hint(status), again, wait=wait, status=status, received=len(body)
        )

    def _refused(self, method: str, url: str, to: str) -> Trouble | None:
        """Why a redirect is not followed. Rows, token and headers go nowhere but where the card says."""
        try:
            here, there = urlsplit(url), urlsplit(to)
            port = there.port or _PORTS.get(there.scheme)
        except ValueError:
            what = "the server sends us to an address that is none"
            return Trouble("redirected", "target/http-redirect", what, "See the server's own log")
        at = f"{there.hostname or ''}:{there.port}" if there.port else there.hostname or ""
        where = clean(f"{there.scheme}://{at}{there.path}", 120)
        why = ""
        if (there.hostname or "") != (self._home.hostname or ""):
            why = f"the server sends us to another host, {where}"
        elif there.scheme != "https" and (there.scheme != "http" or here.scheme == "https"):
            why = f"the server sends us from {here.scheme} to {clean(there.scheme, 20)}"
        elif here.scheme == there.scheme and (here.port or _PORTS.get(here.scheme)) != port:
            why = f"the server sends us to another port, {port}"
        elif method != "GET":
            why = f"the server sends the request on to {where}"
        return Trouble("redirected", "target/http-redirect", why, _HOME) if why else None


_HOME = "If that is where the model is, name it as targets[].http.url"


def _joined(url: str, to: str) -> str:
    """Where a redirect leads; an address that is none stays as it is, and is refused as such."""
    try:
        return urljoin(url, to)
    except ValueError:
        return to


def _closed(what: str, kind: str = "closed") -> Trouble:
    return Trouble(kind, "target/http-closed", what, "See the server's own log", again=True)


def _no_connection(error: Exception) -> Trouble:
    """Why no connection came about; whether it may later."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "Name the certificate that signed it as targets[].http.ca; verification is never switched off"
            return Trouble(
                "tls", "target/http-tls", f"the certificate was refused: {cause.verify_message}", hint, left=False
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            reason = (cause.reason or "handshake failed").replace("_", " ").lower()
            what = f"no TLS connection: {clean(reason, 80)}"
            hint = "Check that the address speaks https"
            if "certificate" in what:
                hint = "Name the client's files as targets[].http.certificate and key"
            return Trouble("tls", "target/http-tls", what, hint, left=False)
        if isinstance(cause, PermissionError):
            return Trouble("network", "target/http-network", clean(cause, 200), "Name it under network", left=False)
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return Trouble(
                "unknown", "target/http-unknown-host", "its name is unknown", "Check targets[].http.url", left=False
            )
    if any(isinstance(c, ConnectionRefusedError) for c in causes):
        hint = "See whether the server runs and listens at that port"
        return Trouble("refused", "target/http-closed", "the connection was refused", hint, again=True, left=False)
    return Trouble(
        "unreachable", "target/http-closed", "no connection", "See whether the server runs", True, left=False
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


async def _read(response: Any, most: int) -> bytes:
    """The body as sent; it is not read on when it has become longer than ``most``."""
    held = bytearray()
    async for chunk in response.stream:
        held += chunk
        if len(held) > most:
            break
    return bytes(held)


def _unpacked(raw: bytes, headers: Mapping[str, str], most: int) -> tuple[bytes, bool]:
    """The body unpacked, no more than a little over ``most``, and whether the packing is one that we know."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return raw, True
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return b"", False
    held, rest, copied = bytearray(), raw, 0
    try:
        while rest and len(held) <= most:  # a gzip file may have several members
            copied += len(rest)
            if copied > _COPIED:  # millions of empty members: each costs a copy of all that follow
                return bytes(most + 1), True
            part = zlib.decompressobj(wbits=47)
            held += part.decompress(rest, most + 1 - len(held))
            rest = part.unused_data
    except zlib.error:
        pass  # what is no JSON then will be told by whoever reads it
    return bytes(held), True


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: a number, or a date by the server's own clock."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
        now = email.utils.parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _hint(status: int) -> str:
    if status in (401, 403):
        return "Check targets[].http.token and headers"
    return {
        404: "Check targets[].http.url, model and version",
        413: "Lower targets[].http.rows",
        429: "Lower targets[].http.per_second or at_once",
    }.get(status, "See the server's own log" if status >= 500 else "Check that the card's protocol is the server's")


def _headers(card: HttpCard, name: str) -> dict[str, str]:
    given = {k.lower(): v for k, v in card.headers.items()}
    if card.token:
        given["authorization"] = f"Bearer {card.token}"
    for key, value in given.items():
        if not (key.isascii() and key.isprintable() and value.isascii() and value.isprintable()):
            raise TargetError(
                f"the header '{clean(key, 60)}' holds a line break or a character that headers lack",
                code="target/http-header", place=f"target '{name}'", hint="Check targets[].http.headers and token",
            )  # fmt: skip
    from momus import __version__

    return {"accept": "application/json", "accept-encoding": "identity", "user-agent": f"momus/{__version__}", **given}


def _secrets(card: HttpCard) -> set[str]:
    """What must never be shown again, not even where the server repeats it."""
    held = {v for v in card.headers.values() if len(v) > 3} | ({card.token} if card.token else set())
    return (
        held
        | {part for v in held for part in v.split() if len(part) > 7}
        | {q for q in [urlsplit(card.url).query] if q}
    )


def _context(card: HttpCard, base: Path, name: str) -> ssl.SSLContext | bool:
    """Verified always. The card adds a file of certificates to trust, and its own."""
    import httpx

    if urlsplit(card.url).scheme != "https":
        return True
    context: ssl.SSLContext = httpx.create_ssl_context(verify=True, trust_env=False)
    try:
        if card.ca:
            context.load_verify_locations(cafile=str(base / card.ca))
        if card.certificate:
            context.load_cert_chain(str(base / card.certificate), str(base / card.key) if card.key else None)
    except (OSError, ssl.SSLError) as error:
        what = error.strerror if type(error) is FileNotFoundError else "no certificate, or not the key that fits it"
        files = ", ".join(f for f in (card.ca, card.certificate, card.key) if f)
        raise TargetError(
            f"{what}", code="target/http-tls", place=f"target '{name}': {files}",
            hint="Check targets[].http.ca, certificate and key: PEM files beside the card",
        ) from error  # fmt: skip
    return context
