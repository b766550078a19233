"""A server judges what most will ask for before they ask, and starts although it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from momus.core.errors import StoreError

pytest.importorskip("fastapi")

from momus.assess import assessment as assessing
from momus.assess import shelf as shelf_module
from momus.store import Store
from momus.web import warming
from momus.web.access import Access
from momus.web.app import create_app


def test_the_newest_run_of_each_system_is_judged_before_a_page_asks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    recall = assessing.recall

    def counted(store: Store, run: str, **more: Any) -> Any:
        judged.append(run)
        return recall(store, run, **more)

    monkeypatch.setattr(shelf_module, "recall", counted)
    described: list[bool] = []
    monkeypatch.setattr(warming, "probes", lambda: described.append(True))  # loading them takes a second
    site = create_app(store, Access(owner="ann")).state.site
    thread = warming.begin(site)
    thread.join(60)
    newest = [line.latest.id for line in site.shelf.systems()]
    assert not thread.is_alive() and set(newest) <= set(judged) and described
    before = len(judged)
    assert all(site.shelf.findings(run) is site.shelf.findings(run) for run in newest) and len(judged) == before


def test_a_store_that_fails_meanwhile_ends_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    site = create_app(store, Access(owner="ann")).state.site

    def fails(*_: Any) -> Any:
        raise StoreError("the database server does not answer", place="there")

    monkeypatch.setattr(site.shelf, "systems", fails)
    monkeypatch.setattr(warming, "probes", lambda: None)
    warming.warm(site)
