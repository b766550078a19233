"""Backends by name and by address, and what becomes of jobs whose nodes are lost, played on nodes in this process."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from momus.assess import Settings, assess, dispatch, node
from momus.assess import board as board_module
from momus.assess.backends import Place, join, place_of
from momus.assess.board import Board
from momus.assess.cluster import TRIES, Cluster, Ended
from momus.card import SystemCard
from momus.cli.main import main
from momus.core.errors import MomusError


@pytest.mark.parametrize(
    ("backend", "address", "place"),
    [
        ("ray://10.0.0.7:6379", "", Place("ray", "10.0.0.7:6379")),
        ("dask://h:8786", "", Place("dask", "h:8786")),
        ("tcp://h:8786", "", Place("dask", "h:8786")),
        ("tls://h:8786", "", Place("dask", "tls://h:8786")),
        ("ray", "auto", Place("ray", "auto")),
        ("ray", "[::1]:6379", Place("ray", "[::1]:6379")),
        ("threading", "", Place("threading")),
    ],
)
def test_a_backend_is_a_name_or_an_address(backend, address, place):
    assert place_of(backend, address) == place
    assert place.remote == (place.name in ("ray", "dask"))


@pytest.mark.parametrize(
    ("backend", "address", "said"),
    [
        ("spark", "", "no backend 'spark'"),
        ("http://h:1", "", "no backend 'http://h:1'"),
        ("ray://h", "", "'h' is no address"),
        ("dask://h:99999", "", "is no address"),
        ("ray://h:1", "h:2", "two addresses"),
        ("loky", "h:1", "is on this machine"),
    ],
)
def test_what_is_no_backend_is_refused_in_one_line(backend, address, said):
    with pytest.raises(MomusError, match=said) as caught:
        place_of(backend, address)
    assert "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("name", ["ray", "dask"])
def test_a_cluster_that_does_not_answer_is_one_line(name):
    pytest.importorskip("distributed" if name == "dask" else name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(MomusError, match=f"no {name.capitalize()} cluster answers at {address}"):
            join(Place(name, address), None)


def test_joining_ray_from_outside_names_what_it_needs(monkeypatch):
    pytest.importorskip("ray")
    from momus.assess import backends_ray

    monkeypatch.setattr(backends_ray, "_is_cluster", lambda address: False)
    monkeypatch.setattr(backends_ray.importlib.util, "find_spec", lambda name: None)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with pytest.raises(MomusError, match="'grpc'") as caught:
            backends_ray._join(f"127.0.0.1:{server.getsockname()[1]}", {})
    assert "pip install 'ray[client]'" in caught.value.hint


def test_ray_without_an_address_is_a_cluster_of_its_own(monkeypatch):
    ray = pytest.importorskip("ray")
    asked: dict[str, Any] = {}
    monkeypatch.setattr(ray, "init", lambda **how: asked.update(how))
    join(Place("ray"), 3)
    assert asked["address"] == "local" and asked["num_cpus"] == 3, "another that runs on this machine is left alone"


@pytest.mark.parametrize("name", ["ray", "dask"])
def test_the_command_says_what_is_wrong_with_a_backend(name, tmp_path, capsys):
    (tmp_path / "momus.yaml").write_text(
        "system: s\ntargets: [{name: t, adapter: http, http: {url: 'http://127.0.0.1:9', model: m},"
        " task: classifier, classes: [a, b]}]\n"
    )
    with pytest.raises(SystemExit) as done:
        main(["assess", str(tmp_path / "momus.yaml"), "--backend", f"{name}://127.0.0.1:9"])
    said = capsys.readouterr().err
    assert done.value.code == 2 and "limits are counted on one machine" in said and said.count("\n") == 1, said


@dataclass
class Job:
    key: str
    probe: str = "a.probe"


@dataclass
class Here:
    """Nodes that do a job when they are asked what has ended. ``fates``: how the next jobs end instead, lost or as the
    fields say."""

    cores: int = 2
    fates: deque[str | dict[str, Any]] = field(default_factory=deque)
    others: dict[str, Any] = field(default_factory=dict)
    begun: list[tuple[str, int]] = field(default_factory=list)
    under_way: dict[int, Any] = field(default_factory=dict)
    cancelled: list[int] = field(default_factory=list)

    def size(self) -> int:
        return self.cores

    def everywhere(self, work: Callable[..., Any], *args: Any) -> dict[str, Any]:
        return {"here": work(*args), **self.others}

    def submit(self, work: Callable[..., Any], *args: Any) -> int:
        job, request = args[1]
        self.begun.append((job.key, request.get("mate", 0)))
        self.under_way[len(self.begun)] = work, args
        return len(self.begun)

    def ended(self, seconds: float) -> list[Ended]:
        if not self.under_way:
            return []
        handle = min(self.under_way)
        work, args = self.under_way.pop(handle)
        fate = self.fates.popleft() if self.fates else ""
        if isinstance(fate, dict):
            return [Ended(handle, **fate)]
        return [Ended(handle, lost=fate) if fate else Ended(handle, value=work(*args))]

    def cancel(self, handle: int) -> None:
        self.cancelled.append(handle)
        del self.under_way[handle]

    def close(self) -> None: ...


def work(item: tuple[Job, Any], **_how: Any) -> str:
    return f"{item[0].key} done"


def cluster(nodes: Here, folder: Path, said: list[str], **more: Any) -> Cluster:
    (folder / "momus.yaml").write_text("system: s")
    board = Board.beside(folder, "0" * 32)
    how = {"helped": lambda job: False, "good": lambda value: True, **more}
    return Cluster(
        nodes, board, folder / "momus.yaml", lambda item, why: f"{item[0].key} lost: {why}", lambda *_: None,
        warn=said.append, **how,
    )  # fmt: skip


def test_lost_jobs_are_done_again_and_not_for_ever(tmp_path):
    said: list[str] = []
    nodes = Here(1, deque(["node down", *["killed"] * TRIES]))
    found = list(cluster(nodes, tmp_path, said).run(work, [(Job("a"), {}), (Job("b"), {})]))
    # a is lost, b is tried and lost, and so on by turns, until both have had their tries.
    assert len(found) == 2 and len({f.split()[0] for f in found}) == 2
    assert [k for k, _ in nodes.begun] == ["a", "b", "a", "b", "a", "b"]
    assert found == ["a done", "b done"] and len(said) == 4
    again = Here(1, deque(["killed"] * TRIES))
    assert list(cluster(again, tmp_path, said).run(work, [(Job("c"), {})])) == [
        f"c lost: killed ({TRIES} of {TRIES} tries)"
    ]


def test_idle_nodes_help_a_job_that_divides_and_one_result_counts(tmp_path):
    nodes = Here(3)
    made = cluster(nodes, tmp_path, [], helped=lambda job: job.key == "long")
    assert list(made.run(work, [(Job("short"), {}), (Job("long"), {})])) == ["short done", "long done"]
    assert nodes.begun[:3] == [("short", 0), ("long", 0), ("long", 1)]
    assert len(nodes.cancelled) == len(nodes.begun) - 2 and not nodes.under_way
    # Whoever works at a job is lost: the other goes on, and nothing is begun again.
    nodes = Here(2, deque(["down"]))
    made = cluster(nodes, tmp_path, [], helped=lambda job: True)
    assert list(made.run(work, [(Job("long"), {})])) == ["long done"]
    assert {mate for _, mate in nodes.begun} == {0, 1}


def test_a_cluster_that_gave_up_by_itself_is_believed(tmp_path):
    said: list[str] = []
    nodes = Here(1, deque([{"lost": "4 workers were lost", "final": True}]))
    assert list(cluster(nodes, tmp_path, said).run(work, [(Job("a"), {})])) == ["a lost: 4 workers were lost"]
    assert len(nodes.begun) == 1 and not said


def test_a_failure_settles_nothing_while_others_work_at_the_job(tmp_path):
    how = {"helped": lambda job: True, "good": lambda value: value != "bad"}
    nodes = Here(2, deque([{"value": "bad"}]))
    assert list(cluster(nodes, tmp_path, [], **how).run(work, [(Job("long"), {})])) == ["long done"]
    nodes = Here(1, deque([{"value": "bad"}]))
    made = cluster(nodes, tmp_path, [], **how)
    assert list(made.run(work, [(Job("long"), {})])) == ["bad"], "nobody else is left to do better"
    assert (made.board.folder / "long.over").exists(), "whoever works at it still is told to stop"


def test_a_result_that_comes_twice_counts_once(tmp_path):
    class Twice(Here):
        def ended(self, seconds: float) -> list[Ended]:
            return super().ended(seconds) * 2

    items = [(Job("a"), {}), (Job("b"), {})]
    assert list(cluster(Twice(1), tmp_path, []).run(work, items)) == ["a done", "b done"]


def test_no_more_jobs_are_under_way_than_workers_were_asked_for(tmp_path):
    most = []

    class Counts(Here):
        def ended(self, seconds: float) -> list[Ended]:
            most.append(len(self.under_way))
            return super().ended(seconds)

    items = [(Job(key), {}) for key in "abc"]
    made = cluster(Counts(4), tmp_path, [], workers=2, helped=lambda job: True)
    assert len(list(made.run(work, items))) == 3 and max(most) == 2


@pytest.mark.parametrize(
    ("fate", "error", "said"),
    [
        ({"error": ValueError("a fault of ours")}, ValueError, "a fault of ours"),
        ({"value": node.Unfit("far", "numpy is 0.1 there")}, MomusError, "node far cannot do the jobs: numpy"),
    ],
    ids=["fault", "unfit"],
)
def test_what_is_wrong_with_a_run_ends_it(tmp_path, fate, error, said):
    with pytest.raises(error, match=said):
        list(cluster(Here(1, deque([fate])), tmp_path, []).run(work, [(Job("a"), {})]))


def test_a_node_that_came_later_does_nothing_before_it_is_looked_at(tmp_path):
    board, card = Board.beside(tmp_path, "4" * 32), tmp_path / "momus.yaml"
    wanted = replace(node.look(board, card), momus="other")
    done: list[object] = []
    found = node.on_node(lambda *item, **how: done.append(item), (Job("a"), {}), board, card, wanted)
    assert isinstance(found, node.Unfit) and "its Momus differs" in found.why and not done


def test_nodes_that_would_change_numbers_are_refused(tmp_path):
    mine = node.look(Board.beside(tmp_path, "0" * 32), tmp_path / "momus.yaml")
    for other, why in (
        (replace(mine, card=""), "does not see the card's folder"),
        (replace(mine, card="another"), "holds another card"),
        (replace(mine, versions={**mine.versions, "numpy": "0.1"}), "numpy is 0.1 there and"),
        (replace(mine, momus="other"), "its Momus differs"),
        (ModuleNotFoundError("No module named 'momus'"), "cannot run Momus: No module named 'momus'"),
    ):
        nodes = Here(1, others={"far": _with_card(other, tmp_path)})
        with pytest.raises(MomusError, match=f"node far cannot do the jobs: .*{why}") as caught:
            list(cluster(nodes, tmp_path, []).run(work, [(Job("a"), {})]))
        assert "\n" not in str(caught.value) and not nodes.begun


def _with_card(other: Any, folder: Path) -> Any:
    """As seen once the card is there, where what differs is not the card."""
    (folder / "momus.yaml").write_text("system: s")
    if isinstance(other, BaseException) or other.card in ("", "another"):
        return other
    return replace(other, card=node.look(Board.beside(folder, "0" * 32), folder / "momus.yaml").card)


def test_a_job_stops_when_it_is_over_or_its_run_is_gone(tmp_path):
    board = Board.beside(tmp_path, "1" * 32)
    with board.living():
        over, still = board.watch("a"), board.watch("b")
        board.note("a", 0.5, "half")
        assert board.noted("a") == (0.5, "half") and board.noted("b") is None
        assert not over()
        board.end("a")
        over._asked = still._asked = -1.0
        assert over() and not still()
    still._asked = -1.0
    assert still(), "the folder is gone, and the run with it"
    assert not board.folder.exists()


def test_a_job_stops_where_its_run_has_fallen_silent(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(board_module, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    board = Board.beside(tmp_path, "5" * 32)
    watch = board.watch("a")
    assert not watch()
    for _ in range(3):  # a sign each time, long after the first
        now[0] += board_module.SILENT - 1
        board.sign()
        assert not watch()
    now[0] += board_module.SILENT + 1
    assert watch()


def test_a_run_that_lives_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(board_module, "SILENT", 0.01)
    board = Board.beside(tmp_path, "6" * 32)
    with board.living():
        first = (board.folder / "alive").read_text()
        assert any(_differs(board, first) for _ in range(10_000)), "no sign of life in a hundred seconds"


def _differs(board: Board, first: str) -> bool:
    time.sleep(0.01)
    said = (board.folder / "alive").read_text()
    return said not in ("", first)


def test_a_run_that_makes_all_anew_reads_no_part_of_an_earlier_one(tmp_path):
    card = SystemCard.from_dict({"system": "s"}, base=tmp_path)
    board = Board.beside(tmp_path, "7" * 32)
    anew, usual = (Path(dispatch._cache(card, board, Settings(fresh=fresh))["folder"]) for fresh in (True, False))
    assert anew.is_relative_to(board.folder) and not usual.is_relative_to(board.folder)
    assert not dispatch._good((Job("a"), None)), "a job that gave nothing settles nothing"  # type: ignore[arg-type]


def test_a_run_that_was_killed_leaves_a_board_that_the_next_removes(tmp_path, monkeypatch):
    old = Board.beside(tmp_path, "2" * 32)
    monkeypatch.setattr("momus.assess.board.STALE", -1.0)
    new = Board.beside(tmp_path, "3" * 32)
    assert not old.folder.exists() and new.folder.exists()


def test_a_setting_that_names_no_backend_ends_before_anything_is_opened(tmp_path):
    with pytest.raises(MomusError, match="no backend 'abacus'"):
        assess({"system": "s"}, backend="abacus", store=tmp_path / "s.sqlite")
