"""The interface that /openapi.json describes, asked what nobody would ask: never a 5xx, always what was described."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from momus.store import open_store
from momus.web.access import Role
from momus.web.app import create_app, routes
from momus.web.security import CSP

schemathesis = pytest.importorskip("schemathesis")
BASE = "http://127.0.0.1:8017"
# What exists in the filled store, so that not every question is about something that does not.
KNOWN = {
    "run": ("20260503-090000-0002", "20260504-090000-0003", "20260601-090000-beef", "latest"),
    "mode": ("membership", "M04", "corruption", "stealing"),
    "reader": ("engineer", "policy"),
    "number": (0, 1),
}


@pytest.fixture(scope="module")
def asked(filled: Path, tmp_path_factory: pytest.TempPathFactory, team: Any) -> Iterator[tuple[Any, Any]]:
    """The app over a copy of the filled store, and its description as schemathesis reads it."""
    with open_store(copy(filled, tmp_path_factory.mktemp("api"))) as store:
        app = create_app(store, team.access)
        yield app, schemathesis.openapi.from_dict(json.loads(json.dumps(app.openapi())))


def fuzz(app: Any, schema: Any, token: str, systems: dict[str, str], examples: int) -> Counter[int]:
    """Ask every operation ``examples`` times in each way: as described, and not as described."""
    from schemathesis import checks
    from starlette.testclient import TestClient

    wanted = [checks.not_a_server_error, *(c for c in checks.CHECKS.get_all() if c.__name__ in CONFORM)]
    client = TestClient(app, base_url=BASE, raise_server_exceptions=True, follow_redirects=False)
    client.headers["Authorization"] = f"Bearer {token}"
    known = {**KNOWN, "system": tuple(systems.values())}
    seen: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.query or operation.body:  # a path alone has no wrong kind: it is always text
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:

            @settings(
                max_examples=examples,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
            def ask(case: Any, data: st.DataObject) -> None:
                for name in case.path_parameters or {}:
                    if name in known and data.draw(st.integers(0, 3)):
                        case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
                sent = case.as_transport_kwargs(base_url=BASE)
                headers = {k: v for k, v in sent.get("headers", {}).items() if k.lower() != "authorization"}
                try:
                    request = client.build_request(
                        sent["method"], sent["url"], params=sent.get("params"), headers=headers, **_body(sent)
                    )
                except (ValueError, UnicodeError):
                    return  # no client could send it
                answer = client.send(request)
                seen[answer.status_code] += 1
                assert answer.headers["Content-Security-Policy"] == CSP
                case.validate_response(schemathesis.Response.from_httpx(answer, verify=False), checks=wanted)

            ask()
    return seen


CONFORM = ("response_schema_conformance", "content_type_conformance", "status_code_conformance")


def _body(sent: dict[str, Any]) -> dict[str, Any]:
    data = sent.get("data")
    return {"json": sent["json"]} if "json" in sent else {"content" if isinstance(data, str | bytes) else "data": data}


def test_the_interface_keeps_its_word(asked: Any, team: Any, systems: dict[str, str]) -> None:
    app, schema = asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = fuzz(app, schema, team.tokens[Role.APPROVER], systems, examples=3)
    assert seen[200] > 30 and seen[404] > 5 and seen[422] > 5, seen


@pytest.mark.soak
def test_the_interface_keeps_its_word_for_long(asked: Any, team: Any, systems: dict[str, str]) -> None:
    app, schema = asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = fuzz(app, schema, team.tokens[Role.APPROVER], systems, examples=400)
    assert seen[200] > 1000, seen


def test_the_description_is_whole(asked: Any) -> None:
    """Every JSON address is described, with a record of named fields, an id of its own and a line of words."""
    app, _ = asked
    described = app.openapi()
    told = {(p, m.upper()) for p, methods in described["paths"].items() for m in methods}
    for route in routes(app):
        if route.path.endswith(".json") and route.path != "/openapi.json":
            assert (route.path, "GET") in told
        if "POST" in (route.methods or ()) and route.path != "/login":
            assert (route.path, "POST") in told
    ids = [o["operationId"] for methods in described["paths"].values() for o in methods.values()]
    assert len(ids) == len(set(ids))
    assert all(o["summary"] for methods in described["paths"].values() for o in methods.values())
    for path, methods in described["paths"].items():
        if "post" in methods:
            forms = methods["post"]["requestBody"]["content"]
            assert list(forms) == ["application/x-www-form-urlencoded"], path
            assert "multipart" not in json.dumps(methods) and "binary" not in json.dumps(methods), path
