"""The few files that pages load: read once, addressed by their digest, so that browsers keep them for good.

An address is looked up in a table that was filled at the start. No path is ever made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from momus.core.digest import of_bytes
from momus.web.errors import Refused

_MEDIA = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}


@dataclass(frozen=True)
class Files:
    """Files by address."""

    table: dict[str, tuple[bytes, str]]
    addresses: dict[str, str]

    @classmethod
    def load(cls) -> Files:
        """The package's own files and the report's style sheet, which pages share."""
        found = {"style.css": resources.files("momus.reports").joinpath("templates", "style.css").read_bytes()}
        for file in resources.files("momus.web").joinpath("static").iterdir():
            if file.is_file() and file.name.rpartition(".")[2] in _MEDIA:
                found[file.name] = file.read_bytes()
        addresses = {name: f"/static/{of_bytes(content)[:16]}/{name}" for name, content in found.items()}
        return cls({addresses[n]: (c, _MEDIA[n.rpartition(".")[2]]) for n, c in found.items()}, addresses)

    def address(self, name: str) -> str:
        """Where a page finds a file. KeyError for a file that is not there: a template's mistake."""
        return self.addresses[name]

    async def serve(self, request: Request) -> Response:
        """One file, to be kept for a year: another content has another address."""
        found = self.table.get(request.url.path)
        if found is None:
            raise Refused("there is no such file", status=404, code="web/no-file")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(found[0], media_type=found[1], headers=headers)
