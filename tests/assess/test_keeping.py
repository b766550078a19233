"""A run whose store fails under it: waited for, kept elsewhere, brought home; nothing measured is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import momus
from momus.assess.keeping import Keeper
from momus.core.decisions import Waived, system_id
from momus.core.errors import StoreError
from momus.core.records import Run
from momus.store import Store, open_store
from momus.testing.store_contract import measurement

HEAD = Run(id="20260101-090000-aaaaaa", system="s", card_digest="d", seed=0)
ENDED = HEAD.model_copy(update={"ended": datetime(2026, 1, 1, 10, tzinfo=UTC)})


class Switch:
    """Makes a store refuse from now on, and lets it answer again."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = False
        real = store.transact

        def transact(work: Callable[..., Any], patience: float) -> Any:
            if self.off:
                raise StoreError(
                    "the database server does not answer", code="store/unreachable", place="team", hint="x"
                )
            return real(work, patience)

        monkeypatch.setattr(store, "transact", transact)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "team.sqlite")


@pytest.fixture
def switch(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Switch:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Switch(store, monkeypatch)


def _keys(store: Store) -> list[str]:
    return [r.key for r in store.records(HEAD.id)]


def test_a_store_that_comes_back_holds_the_whole_run_in_order(store: Store, switch: Switch) -> None:
    kept = Keeper(store, HEAD)
    kept.keep(measurement("a"))
    switch.off = True
    kept.keep(measurement("b"))
    switch.off = False
    kept.keep(measurement("c"))
    assert _keys(store) == ["a"] and _keys(kept.store) == ["a", "b", "c"]
    assert "the run goes on in" in kept.warnings[0] and kept.store.name in kept.warnings[0]
    kept.keep(ENDED)
    kept.go_home()
    assert _keys(store) == ["a", "b", "c"] and store.run().ended is not None
    assert kept.store is store and "holds the whole run" in kept.warnings[1]


def test_a_store_that_stays_away_leaves_the_spare_one(store: Store, switch: Switch) -> None:
    kept = Keeper(store, HEAD)
    switch.off = True
    for record in (measurement("a"), measurement("b"), ENDED):
        kept.keep(record)
    kept.go_home()
    assert len(kept.warnings) == 1 and kept.store is not store
    assert _keys(kept.store) == ["a", "b"] and kept.store.run() == ENDED
    switch.off = False
    assert _keys(store) == []


def test_without_room_for_a_spare_store_the_results_are_kept(
    store: Store, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Keeper(store, HEAD)
    switch.off = True

    def full(**_: Any) -> str:
        raise OSError("no room")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    kept.keep(measurement("a"))
    assert "kept in memory" in kept.warnings[0] and [r.key for r in kept.results] == ["a"]
    switch.off = False
    kept.keep(measurement("b"))
    kept.keep(ENDED)
    kept.go_home()
    assert sorted(_keys(store)) == ["a", "b"] and store.run() == ENDED


def test_waivers_of_the_beginning_hold_where_the_store_is_gone(store: Store, switch: Switch) -> None:
    waived = Waived(id="w", system=system_id("s"), mode="shift", reason="r", by="b", until=date(2027, 1, 1))
    store.append("", waived)
    kept = Keeper(store, HEAD)
    switch.off = True
    kept.keep(measurement("a"))
    assert kept.waivers() == (waived,) and "waivers are those known" in kept.warnings[-1]


def test_a_run_ends_with_a_report_though_its_store_fails_for_good(
    system: Callable[..., Path], store: Store, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.append

    def append(run: str, record: Any) -> None:
        switch.off = switch.off or record.kind == "measurement"
        real(run, record)

    monkeypatch.setattr(store, "append", append)
    done = momus.assess(system(), store=store)
    assert done.measurements and any("the run goes on in" in w for w in done.warnings)
