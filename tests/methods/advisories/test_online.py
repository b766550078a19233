"""Asking online fails closed where the services, or pip-audit's reading of them, would give a clean bill."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import MissingExtra
from momus.methods.advisories import Pin, audit, online

pip_audit = pytest.importorskip("pip_audit._service")
PINS = [Pin("foo", "1.0"), Pin("bar", "2.0+local")]
TODAY = "2026-01-10"


@pytest.fixture
def server() -> Iterator[Any]:
    """A server on this machine that answers each query with what the test put in ``answers``, by package name."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.asked.append((asked["package"]["name"], asked["version"]))
            self._say(served.answers.get(asked["package"]["name"], {}))

        def _say(self, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(told.get("status", 200) if isinstance(told, dict) else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    served: Any = HTTPServer(("127.0.0.1", 0), Handler)
    served.answers, served.asked = {}, []
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()


def asked(server: Any, folder: Path) -> dict[str, str]:
    address = f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    service = online.strict(pip_audit.OsvService(cache_dir=folder, timeout=5, osv_url=address))
    found = audit(PINS, online.ask(PINS, {"api.osv.dev": service}, today=TODAY), today=TODAY)
    return {p.name: p.verdict for p in found.packages}


def test_answers_are_taken_over(server: Any, tmp_path: Path) -> None:
    affected = [{"package": {"name": "foo", "ecosystem": "PyPI"},
                 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}]}]  # fmt: skip
    server.answers["foo"] = {"vulns": [{"id": "PYSEC-1", "affected": affected, "details": "x"}]}
    assert asked(server, tmp_path) == {"foo": "affected", "bar": "no known advisory"}
    assert server.asked == [("bar", "2.0"), ("foo", "1.0")]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500}, {"status": 404}, [], {"vulns": [], "next_page_token": "x"}, {"vulns": [{"id": "A"}]},
        {"vulns": [{"id": "A", "schema_version": "2.0.0", "affected": [1]}]}, {"vulns": [7]},
    ],
)  # fmt: skip
def test_what_would_be_a_clean_bill_is_not_known(server: Any, tmp_path: Path, answer: Any) -> None:
    server.answers["foo"] = answer
    assert asked(server, tmp_path) == {"foo": "not known", "bar": "no known advisory"}


def test_a_service_that_is_gone(tmp_path: Path) -> None:
    service = online.strict(pip_audit.OsvService(cache_dir=tmp_path, timeout=1, osv_url="http://127.0.0.1:1/"))
    pins = [Pin(f"p{i}", "1") for i in range(150)]
    found = audit(pins, online.ask(pins, {"api.osv.dev": service}, today=TODAY), today=TODAY)
    assert len(found.having("not known")) == 150


class Index:
    """An index without the vulnerability interface, as a mirror is one; and one that does not know the package."""

    def __init__(self, skips: bool) -> None:
        self.skips = skips

    def query(self, spec: Any) -> tuple[Any, list[Any]]:
        from pip_audit._service.interface import SkippedDependency

        return (SkippedDependency(name=spec.name, skip_reason="not found on PyPI"), []) if self.skips else (spec, [])


def test_146_of_146_skipped_is_146_not_known() -> None:
    pins = [Pin(f"p{i}", "1") for i in range(146)]
    for skips, verdict in ((True, "not known"), (False, "no known advisory")):
        found = audit(pins, online.ask(pins, {"pypi.org": Index(skips)}, today=TODAY), today=TODAY)
        assert len(found.having(verdict)) == 146  # type: ignore[arg-type]


def test_the_second_look_at_an_index() -> None:
    class Answer:
        status_code, request = 200, type("R", (), {"method": "GET"})

        def __init__(self, told: Any) -> None:
            self.json = lambda: told

    for told in ({}, {"info": {}}, [], {"vulnerabilities": None}):
        with pytest.raises(ValueError):
            online._look(Answer(told))
    online._look(Answer({"vulnerabilities": []}))


def test_only_named_hosts_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert online.services([]) == {} == online.services(["example.org"])
    assert list(online.services(["pypi.org"])) == ["pypi.org"]
    monkeypatch.setitem(__import__("sys").modules, "pip_audit._service", None)
    with pytest.raises(MissingExtra):
        online.services(["api.osv.dev"])
