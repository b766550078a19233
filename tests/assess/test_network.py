"""Whom a worker may speak to: hosts that the card names, and the addresses that their names were resolved to."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import pytest

from momus.assess.confine import _Allowed, _network_hook, _plain

# Runs the guard in a process of its own: an audit hook cannot be taken off again.
SCRIPT = """
import json, socket, sys
from momus.assess import confine

named, tries, table = json.load(sys.stdin)
true = socket.getaddrinfo
def answer(host, port, *more, **kw):
    sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)
    found = table.get(host)
    if found is None:
        return true(host, port, *more, **kw)
    address = found.pop(0) if len(found) > 1 else found[0]
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))]
socket.getaddrinfo = answer
confine._guard_network(named)
def told(act):
    try:
        act()
    except PermissionError as error:
        return str(error)
    except OSError as error:
        return "passed"
    return "passed"
def connect(host, port, resolve):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(0.2)
    if resolve:
        host = socket.getaddrinfo(host, port)[0][4][0]
    s.connect((host, port))
out = [told(lambda: connect(*t)) for t in tries]
def udp():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("192.0.2.9", 9))
out.append(told(udp))
print(json.dumps(out))
"""


def tried(named: list[str], tries: list[tuple[str, int, bool]], table: dict[str, list[str]] | None = None) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps([named, tries, table or {}]), capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_named_host_is_reached_by_the_address_of_its_name() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with listener:
        found = tried(["models.test"], [("models.test", port, True), ("127.0.0.1", port, False)],
                      {"models.test": ["127.0.0.1"]})  # fmt: skip
    assert found[:2] == ["passed", "passed"]


def test_addresses_that_no_name_was_resolved_to_stay_shut() -> None:
    found = tried(["models.test"], [("127.0.0.1", 9, False), ("other.test", 9, True)],
                  {"models.test": ["127.0.0.2"], "other.test": ["127.0.0.1"]})  # fmt: skip
    assert "may not reach '127.0.0.1'" in found[0]
    assert "may not reach 'other.test'" in found[1]
    assert "may not reach '192.0.2.9'" in found[2]


def test_a_name_whose_answers_take_turns_is_reached_at_each() -> None:
    """Round robin: two questions give two answers, and the connection goes to the one that was given last."""
    turns = {"models.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]}
    found = tried(["models.test"], [("models.test", 9, True)] * 3, turns)
    assert found[:3] == ["passed"] * 3


def test_an_address_on_the_card_is_reached_as_before() -> None:
    found = tried(["127.0.0.1"], [("127.0.0.1", 9, False), ("127.0.0.2", 9, False)])
    assert found[0] == "passed"
    assert "127.0.0.2" in found[1]


def test_without_names_nothing_is_resolved() -> None:
    found = tried([], [("localhost", 9, True)])
    assert "may not reach 'localhost'" in found[0]


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("Models.Example.ORG.", "models.example.org"), (b"h.test", "h.test"), ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"), ("bücher.test", "xn--bcher-kva.test"),
    ],
    ids=["case", "bytes", "brackets", "zone", "letters"],
)  # fmt: skip
def test_hosts_are_compared_as_dns_writes_them(host: Any, plain: str) -> None:
    assert _plain(host) == plain


def test_a_caller_with_the_systems_own_resolver_is_served_too() -> None:
    """Who kept ``getaddrinfo`` from before is audited, and the addresses are learned from the audit."""
    allowed: Any = _Allowed(["models.test"])
    allowed._resolve = lambda host, port: [(2, 1, 6, "", ("192.0.2.7", 0))]
    hook = _network_hook(allowed)
    with pytest.raises(PermissionError):
        hook("socket.connect", (None, ("192.0.2.7", 443)))
    hook("socket.getaddrinfo", ("models.test", 443, 0, 0, 0))
    hook("socket.connect", (None, ("192.0.2.7", 443)))
    hook("socket.connect", (None, "/run/some.socket"))
    hook("open", ("anything", "r", 0))


def test_a_served_models_host_is_named_for_its_own_workers_only(tmp_path: Any) -> None:
    from momus.assess.measuring import request_for
    from momus.assess.run import Settings
    from momus.card import SystemCard

    card = SystemCard.from_dict(
        {
            "system": "two",
            "network": ["feed.test"],
            "targets": [
                {"name": "served", "http": {"url": "https://Models.test:8443/x", "model": "m"}, "path": "weights.npy"},
                {"name": "here", "adapter": "callable", "factory": "m.py:ask"},
            ],
        },
        tmp_path,
    )
    assert request_for(card, "served", Settings(), action="probe")["network"] == ["feed.test", "models.test"]
    assert request_for(card, "here", Settings(), action="probe")["network"] == ["feed.test"]
    assert request_for(card, "served", Settings(), action="probe", face="files")["network"] == ["feed.test"]
    beside = [card.targets[0].model_dump(mode="json")]
    assert request_for(card, "here", Settings(), beside=beside)["network"] == ["feed.test", "models.test"]
