"""The pytest plugin: `pytest --momus momus.yaml` and the fixture `momus`. Loads nothing of Momus until it is asked for.

Every pytest run of everybody who has Momus installed imports this module: it imports pytest, which is there, and
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from momus.pytest_plugin.fixture import Momus

BARS = ("critical", "important", "moderate", "low")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--momus` and what belongs to it, each also as an ini option of the same name with underscores."""
    group = parser.getgroup("momus", "Momus: machine-learning systems held against the 17 failure modes")
    listed = {"action": "append", "default": None}
    group.addoption("--momus", metavar="CARD", help="Test the system of this momus.yaml; repeatable.", **listed)
    group.addoption("--momus-only", metavar="PROBE", help="Only these probes or modes; repeatable.", **listed)
    group.addoption("--momus-bar", choices=BARS, help="Severity from which a fail fails the test. Default: important.")
    group.addoption(
        "--momus-strict", action="store_true", default=None,
        help="Inconclusive measurements fail, and so do modes that were not tested.",
    )  # fmt: skip
    group.addoption("--momus-seed", type=int, metavar="N", help="Run seed; every number follows from it. Default: 0.")
    group.addoption("--momus-store", metavar="URL", help="Run store. Default: .momus/runs.sqlite beside the card.")
    group.addoption("--momus-minutes", type=float, metavar="N", help="Choose the probes that tell most in N minutes.")
    group.addoption("--momus-report", metavar="FILE", help="Write a report (.html, .json, ...); repeatable.", **listed)
    parser.addini("momus", "cards to test, as --momus", type="linelist", default=[])
    parser.addini("momus_only", "as --momus-only", type="linelist", default=[])
    parser.addini("momus_bar", "as --momus-bar", default="important")
    parser.addini("momus_strict", "as --momus-strict", type="bool", default=False)
    parser.addini("momus_seed", "as --momus-seed", default="0")
    parser.addini("momus_store", "as --momus-store", default="")
    parser.addini("momus_minutes", "as --momus-minutes", default="")
    parser.addini("momus_report", "as --momus-report", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Wake the rest up where a card is named."""
    config.addinivalue_line("markers", "momus: measures a machine-learning system with Momus")
    if config.getoption("momus") or config.getini("momus"):
        from momus.pytest_plugin.running import Running

        config.pluginmanager.register(Running(config), "momus-running")


@pytest.fixture(scope="session")
def momus(pytestconfig: pytest.Config) -> Momus:
    """Assertions about models inside ordinary tests: ``momus.measure``, ``momus.assess``, ``momus.target``."""
    from momus.pytest_plugin.fixture import Momus

    return Momus(seed=pytestconfig.getoption("momus_seed") or 0)
