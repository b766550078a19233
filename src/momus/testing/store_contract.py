"""What every store keeps: what was appended comes back whole, in order, and is found by its key."""

from __future__ import annotations

import hashlib

import pytest

from momus.core.errors import NotFound
from momus.core.evidence import Picture, Pictures
from momus.core.records import Failure, Interval, Measurement, Run
from momus.store import Store


def measurement(key: str = "k", value: float = 0.5, picture: bytes = b"") -> Measurement:
    """A small measurement, with one picture where bytes are given."""
    shown = Pictures(title="t", rows=((Picture(caption="c", png=picture),),))
    return Measurement(
        probe="shift.groups",
        target="model",
        metric="gap",
        value=value,
        ci=Interval(low=value, high=value),
        n=10,
        worse="higher",
        key=key,
        evidence=(shown,) if picture else (),
    )


class StoreContract:
    """Override the fixture ``store`` with an open, empty store."""

    @pytest.fixture
    def store(self) -> Store:
        raise pytest.UsageError("a StoreContract must override the fixture 'store'")

    def test_records_come_back_in_order(self, store: Store) -> None:
        written: list[Measurement | Failure] = [
            measurement("a", 0.1),
            Failure(probe="p.q", target="t", code="x/y", message="boom"),
            measurement("b", 0.2),
        ]
        for record in written:
            store.append("r1", record)
        store.append("r2", measurement("c"))
        assert list(store.records("r1")) == written

    def test_found_by_key_across_runs(self, store: Store) -> None:
        store.append("r1", measurement("a", 0.1))
        store.append("r2", measurement("b", 0.2))
        found = store.find(["a", "b", "missing", ""])
        assert {k: m.value for k, m in found.items()} == {"a": 0.1, "b": 0.2}

    def test_pictures_survive_and_are_kept_once(self, store: Store) -> None:
        png = bytes(range(256)) * 40
        for key in "ab":
            store.append("r", measurement(key, picture=png))
        assert store.blob(hashlib.sha256(png).hexdigest()) == png
        (first, second) = store.records("r")
        assert isinstance(first, Measurement) and isinstance(second, Measurement)
        assert first.evidence == second.evidence == measurement("a", picture=png).evidence

    def test_runs_newest_first_and_by_prefix(self, store: Store) -> None:
        for identity in ("20260101-a", "20260102-b"):
            store.append(identity, Run(id=identity, system="s", card_digest="d", seed=0))
        assert [r.id for r in store.runs()] == ["20260102-b", "20260101-a"]
        assert store.run("20260101").id == "20260101-a"
        assert store.run().id == "20260102-b"
        with pytest.raises(NotFound, match="2 runs"):
            store.run("2026")
        with pytest.raises(NotFound, match="no run"):
            store.run("1999")

    def test_last_state_of_a_run_wins(self, store: Store) -> None:
        run = Run(id="r", system="s", card_digest="d", seed=0)
        store.append("r", run)
        ended = run.model_copy(update={"ended": run.created})
        store.append("r", ended)
        assert store.runs() == (ended,)

    def test_empty_store(self, store: Store) -> None:
        assert store.runs() == () and store.records("r") == () and store.find([]) == {}
        with pytest.raises(NotFound, match="holds no run"):
            store.run()
        with pytest.raises(NotFound):
            store.blob("0" * 64)
