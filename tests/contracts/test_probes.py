"""Every probe that has a zoo keeps the probe contract; every probe has a zoo, a limit and a documented source."""

from __future__ import annotations

import importlib.util

import pytest

from momus.core.probe import Probe
from momus.core.records import Limit
from momus.core.registry import get_probe, probe_ids
from momus.judge import default_limits
from momus.testing import ProbeContract
from momus.zoo import Case, cases


@pytest.fixture(scope="class", params=probe_ids())
def probe_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestEveryProbe(ProbeContract):
    @pytest.fixture(scope="class")
    def probe(self, probe_id: str) -> Probe:
        return get_probe(probe_id)

    @pytest.fixture(scope="class")
    def cases(self, probe_id: str) -> tuple[Case, ...]:
        return cases(probe_id, 0)

    @pytest.fixture(scope="class")
    def limit(self, probe_id: str) -> Limit:
        return default_limits()[probe_id]


@pytest.mark.parametrize("identity", probe_ids())
def test_address(identity: str) -> None:
    """The id is the address: probe, limit and zoo all live where the id says."""
    probe = get_probe(identity)
    assert probe.id == identity
    assert identity in default_limits(), "judge/limits.toml has no pass mark"
    assert importlib.util.find_spec(f"momus.zoo.{identity}") is not None, "the probe has no twins"


def test_limits_name_no_ghost() -> None:
    assert set(default_limits()) <= set(probe_ids())
