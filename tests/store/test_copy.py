"""A store moves to another whole: to a server, in parts, again after an interruption."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from momus.core.decisions import Answer, Pulse, Summary, Waived, system_id
from momus.core.errors import StoreError
from momus.store import Store, copy_store, open_store
from momus.testing.crowd import START, crowd_run


@pytest.fixture
def source(tmp_path: Path) -> Store:
    """Two systems with three runs each, with pictures, decisions and a summary."""
    store = open_store(tmp_path / "source.sqlite")
    for i in range(6):
        run = crowd_run(store, 120, system="one" if i % 2 else "two", number=i, hours=24 * i + 1)
        store.append(run.id, Summary(run=run.id, system=system_id(run.system), judged_by="j", rows=()))
    for name in ("one", "two"):
        until = date(2027, 1, 1)
        store.append("", Waived(id=name, system=system_id(name), mode="shift", reason="r", by="b", until=until))
        store.append("", Answer(system=system_id(name), fact="data.persons", value=True, author="a"))
    return store


def _same(one: Store, other: Store, system: str | None = None) -> None:
    assert one.runs(system) == other.runs(system)
    for run in one.runs(system):
        assert one.records(run.id) == other.records(run.id) and one.run(run.id) == other.run(run.id)
    assert one.waivers(system) == other.waivers(system) and one.summaries(system) == other.summaries(system)
    for name in ("one", "two") if system is None else (system,):
        assert one.answers(system_id(name)) == other.answers(system_id(name))


def test_everything_arrives_on_a_server_and_comes_back(source: Store, postgres: str, tmp_path: Path) -> None:
    source.pulse(Pulse(run="r"))
    with open_store(postgres) as server:
        heard: list[int] = []
        copied = copy_store(source, server, heard=heard.append)
        assert copied == heard[-1] == 6 * (120 + 3) + 4
        _same(source, server)
        assert server.pulses() == {}
        assert copy_store(source, server) == 0
        with open_store(tmp_path / "back.sqlite") as back:
            assert copy_store(server, back) == copied
            _same(source, back)


def test_one_system_or_what_is_recent(source: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "one.sqlite") as one:
        copy_store(source, one, system="one")
        _same(source, one, "one")
        assert len(one.runs()) == 3 and one.waivers() == source.waivers("one")
    with open_store(tmp_path / "day.sqlite") as exact:  # a run that began at that very moment is among them
        copy_store(source, exact, since=source.runs()[1].created)
        assert exact.runs() == source.runs()[:2]
    with open_store(tmp_path / "recent.sqlite") as recent:
        copy_store(source, recent, since=START + timedelta(days=3))
        assert recent.runs() == source.runs()[:3]
        assert recent.waivers() == source.waivers()  # a decision holds however old it is


def test_an_interrupted_copy_goes_on_where_it_stopped(source: Store, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(gone: int) -> None:
        raise Stop

    with open_store(tmp_path / "target.sqlite") as target:
        with pytest.raises(Stop):
            copy_store(source, target, heard=stop)
        source.append("", Answer(system=system_id("one"), fact="data.class", value="public", author="a"))
        assert 0 < copy_store(source, target) < 6 * 123
        _same(source, target)


def test_damage_is_not_copied(source: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "source.sqlite") as connection:
        connection.execute("UPDATE momus_blobs SET content=substr(content, 1, 90)")
    with open_store(tmp_path / "target.sqlite") as target, pytest.raises(StoreError, match=r"store/damaged.*backup"):
        copy_store(source, target)


def test_a_store_is_not_copied_into_itself(source: Store) -> None:
    with pytest.raises(StoreError, match="store/same"):
        copy_store(source, source)


def test_from_a_command_line(source: Store, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "momus.store", source.name, str(tmp_path / "to.sqlite")]
    day = datetime(2026, 1, 4, tzinfo=UTC).date().isoformat()
    done = subprocess.run([*command, "--system", "one", "--since", day], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith(f"{2 * 123 + 2} records copied"), done
    (tmp_path / "words.txt").write_text("no store " * 200)
    command[3] = str(tmp_path / "words.txt")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "store/corrupt" in done.stderr and "Traceback" not in done.stderr
