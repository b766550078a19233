"""Every probe that has a zoo keeps the probe contract; every probe has a zoo, a limit and a documented source."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from momus.core.probe import Probe
from momus.core.records import Limit, Measurement, Status
from momus.core.registry import get_probe, probe_ids
from momus.judge import decide, default_limits
from momus.monitor.detector import fits
from momus.testing import ProbeContract
from momus.zoo import Case, cases

# What some probes keep beyond the contract, on the same measurements: the right verdict on every faulty system, on
# every system, tuned for or not, and not a word of caution on any (canaries only bound from below).
FIND_ALL = {"membership.shadow", "natural.mined"}
DECIDE_ALL = {
    "corruption.image", "corruption.sequences", "incomplete_testing.claims", "incomplete_testing.coverage",
    "incomplete_testing.independence", "incomplete_testing.metamorphic", "incomplete_testing.scenarios",
    "inversion.attribute", "inversion.leaves", "membership.canaries", "membership.lira", "membership.loss",
    "membership.rmia", "natural.disagreement", "natural.generated", "shift.groups", "shift.two_sample",
}  # fmt: skip
PLAIN = {
    "incomplete_testing.coverage", "inversion.attribute", "inversion.leaves", "inversion.update", "membership.canaries",
    "membership.lira", "membership.loss", "membership.rmia", "membership.shadow", "shift.groups", "shift.two_sample",
}  # fmt: skip
# Each system costs them seconds: the suite asks them about one planted and one clean twin, and `make soak` and
# `make controls` about all, those that were held out included.
DEAR = {
    "backdoor.repair", "backdoor.rows", "backdoor.survival", "backdoor.trojaning", "backdoor.verdict",
    "corruption.sound", "dependencies.availability", "dependencies.decoders", "dependencies.fuzzing",
    "incomplete_testing.scenarios", "inversion.attribute", "inversion.gradient", "inversion.leaves",
    "membership.label_only", "natural.mined", "perturbation.trees", "physical.glasses", "physical.object",
    "physical.patch", "poisoning.clean_label", "provider.correlation", "provider.synthetic", "reprogramming.gradient",
    "reprogramming.zeroth_order", "reward_hacking.goodhart", "shift.cause", "shift.harm",
    "side_effects.attainable_utility", "stealing.active", "stealing.jacobian", "stealing.knockoff", "stealing.tree",
}  # fmt: skip
# Each system costs them little, but there are many: the suite asks about the first planted and the first clean one of
# those that were tuned for and of those that were held out, and the others are asked with those of the dear ones.
MANY = {
    "backdoor.activations", "backdoor.common_triggers", "backdoor.trigger_search", "inversion.confidence",
    "inversion.update", "membership.rmia", "membership.shadow", "natural.disagreement", "perturbation.apgd",
    "perturbation.characters", "provider.memorised", "provider.signs", "provider.traces", "reward_hacking.exploit",
    "shift.left_out", "side_effects.irreversible", "side_effects.reachability",
}  # fmt: skip


@pytest.fixture(scope="class", params=probe_ids())
def probe_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestEveryProbe(ProbeContract):
    @pytest.fixture(scope="class")
    def probe(self, probe_id: str) -> Probe:
        return get_probe(probe_id)

    @pytest.fixture(scope="class")
    def cases(self, probe_id: str) -> tuple[Case, ...]:
        found = cases(probe_id, 0)
        if probe_id in DEAR:
            return tuple({c.faulty: c for c in reversed(found) if not c.held_out}.values())
        if probe_id in MANY:
            return tuple({(c.faulty, c.held_out): c for c in reversed(found)}.values())
        return found

    @pytest.fixture(scope="class")
    def limit(self, probe_id: str) -> Limit:
        return default_limits()[probe_id]

    def test_more_than_the_contract(
        self, probe_id: str, cases: tuple[Case, ...], results: dict[str, Measurement], limit: Limit
    ) -> None:
        for case in cases:
            m = results[case.name]
            if probe_id in DECIDE_ALL or (probe_id in FIND_ALL and case.faulty):
                finding = decide(m, limit)
                assert finding.status is (Status.FAIL if case.faulty else Status.PASS), f"{case.name}: {finding.reason}"
            if probe_id in PLAIN:
                assert {c.code for c in m.caveats} <= {"lower-bound"}, case.name


@pytest.mark.soak
@pytest.mark.parametrize("identity", sorted(DEAR | MANY))
def test_every_system_of_the_dear_ones_and_of_those_with_many(identity: str) -> None:
    probe, limit = get_probe(identity), default_limits()[identity]
    for case in cases(identity, 0):
        found: dict[str, Any] = {**case.data, **case.options}
        m = probe(case.target, seed=0, context=case.context, others=case.others, **found)
        finding = decide(m, limit)
        wrong = Status.PASS if case.faulty else Status.FAIL
        assert finding.status is not wrong, f"{case.name}: {finding.reason}"
        if identity in DECIDE_ALL or (identity in FIND_ALL and case.faulty) or not case.held_out:
            assert finding.status is (Status.FAIL if case.faulty else Status.PASS), f"{case.name}: {finding.reason}"
        if identity in PLAIN:
            assert {c.code for c in m.caveats} <= {"lower-bound"}, case.name


@pytest.mark.parametrize("identity", probe_ids())
def test_address(identity: str) -> None:
    """The id is the address: probe, limit and zoo all live where the id says."""
    probe = get_probe(identity)
    assert probe.id == identity
    assert identity in default_limits(), "judge/limits.toml has no pass mark"
    assert importlib.util.find_spec(f"momus.zoo.{identity}") is not None, "the probe has no twins"


def test_limits_name_no_ghost() -> None:
    assert set(default_limits()) <= {*probe_ids(), *(f"monitor/{name}" for name in fits())}
