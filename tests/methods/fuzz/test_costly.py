"""Generators fill a size with valid, repeatable bytes; costs are told apart; the search finds what is planted."""

from __future__ import annotations

import io
import json
import time
import zipfile
from random import Random
from typing import Any

import numpy as np
import pytest

from momus.methods.fuzz import costly
from momus.methods.fuzz.costly import FAMILIES, Asker, Cost, Found, Search, growth, pumped, rung, slope, unfolded

ALL = [(kind, name) for kind, family in FAMILIES.items() for name in family]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_generators_fill_at_most_the_size_and_repeat_themselves(kind: str, name: str) -> None:
    make = FAMILIES[kind][name]
    for size in (64, 1000, 6000):
        data = make(size)
        assert data == make(size)
        assert len(data) <= size * 1.05 + 64 or (kind in ("png", "jpeg", "npz") and len(data) < 17_000)


def test_pictures_are_what_they_claim() -> None:
    from PIL import Image

    side = Image.open(io.BytesIO(FAMILIES["png"]["black, 1 bit, up to 2048 a side"](2000))).size
    assert side == (2048, 2048)
    large = Image.open(io.BytesIO(FAMILIES["png"]["black, interlaced"](5000)))
    large.load()
    assert large.size[0] > 1000
    scans = Image.open(io.BytesIO(FAMILIES["jpeg"]["scans over and over, 256 a side"](5000)))
    scans.load()
    frames = Image.open(io.BytesIO(FAMILIES["gif"]["frames of one pixel"](2000)))
    assert getattr(frames, "n_frames", 1) > 50
    moving = Image.open(io.BytesIO(FAMILIES["png"]["many frames"](4000)))
    assert getattr(moving, "n_frames", 1) > 10


def test_tables_and_arrays_are_what_they_claim() -> None:
    values = json.loads(FAMILIES["json"]["numbers with one hash"](4000))
    assert len(values) > 100 and len({hash(v) for v in values}) == 1 and len(set(values)) == len(values)
    assert len(set(json.loads(FAMILIES["json"]["different keys"](4000)))) > 200
    with zipfile.ZipFile(io.BytesIO(FAMILIES["npz"]["packed zeros"](4000))) as archive:
        assert archive.testzip() is None
    packed = np.load(io.BytesIO(FAMILIES["npz"]["packed zeros"](4000)))["x"]
    assert packed.size > 10**6 and not packed.any()


def asked(function: Any, **more: Any) -> Asker:
    settings = {"warm": [b"x"], "seconds": 0.5, "memory_mb": 64, "spend": lambda _n: None, **more}
    return Asker(function, **settings)


def test_costs_are_processor_time_and_not_time_by_the_clock() -> None:
    def waits(data: bytes) -> int:
        if data == b"wait":
            time.sleep(0.2)
        if data == b"work":
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
        if data == b"refuse":
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
            raise ValueError
        return 1

    with asked(waits) as asker:
        waited, worked, refused = asker.costs([b"wait", b"work", b"refuse"])
    assert waited.seconds < 0.02
    assert worked.seconds >= 0.05 <= refused.seconds
    assert refused.refused and not worked.refused


def test_what_is_over_the_limit_is_told() -> None:
    def answer(data: bytes) -> int:
        while data == b"hang":
            pass
        return len(bytearray(int(200e6))) if data == b"large" else 0

    spent: list[int] = []
    with asked(answer, seconds=0.2, spend=spent.append) as asker:
        assert [c.over for c in asker.costs([b"hang", b"x", b"large", b"x"])] == ["hung", "", "memory", ""]
    assert spent == [4] and asker.asked == 4


def test_a_cold_start_is_not_the_inputs_cost() -> None:
    state: list[int] = []

    def answer(data: bytes) -> int:
        if not state:
            state.append(1)
            until = time.process_time() + 0.05
            while time.process_time() < until:
                pass
        return 1

    with asked(answer) as asker:
        assert asker.costs([b"y"])[0].seconds < 0.02


def quadratic(data: bytes) -> int:
    """Long where one letter fills the input, quick on anything that is mixed."""
    n = max(len(run) for run in data.split(b"Z")) if data else 0
    return sum(1 for i in range(n // 2) for _ in range(i % 97, n // 2)) if data.count(b"#") > n // 2 else n


def test_the_search_finds_what_no_generator_has_and_growth_tells_the_power() -> None:
    with asked(quadratic, seconds=2.0) as asker:
        search = Search(asker, 2000, Random(1))
        found = search.run(["text"], {"text": [b"words # and Z more words " * 8]}, 400)
    assert found is not None and found.weight > 5, "pumping the rare letter is costly"
    assert found.data.count(b"#") > 500
    planted = Found(b"", "planted", (Cost(0.1, 0.0),), lambda size: b"#" * size)
    with asked(quadratic, seconds=2.0) as asker:
        curve = growth(asker, planted, 4000)
    assert curve.slope is not None and 1.6 < curve.slope < 2.4, curve


def test_a_hang_is_believed_only_twice() -> None:
    answers = iter([[Cost(0.5, 0, "hung")], [Cost(0.001, 0)]])

    class Once:
        asked = 0

        def costs(self, inputs: list[bytes]) -> list[Cost]:
            return next(answers)

        repeated = Asker.repeated

    search = Search(Once(), 100, Random(0))  # type: ignore[arg-type]
    found = Found(b"x", "x", (Cost(0.5, 0, "hung"),))
    assert search._note(found) is None
    assert not search.best[0].over


def test_one_hang_among_answers_is_the_machines() -> None:
    mixed = Found(b"x", "x", (Cost(0.5, 0, "hung"), Cost(0.02, 0)))
    assert mixed.over == "" and mixed.weight == pytest.approx(20)
    assert Found(b"x", "x", (Cost(0.5, 0, "hung"), Cost(0.5, 0, "hung"))).over == "hung"


def test_the_search_ends_where_it_has_enough() -> None:
    with asked(quadratic, seconds=2.0) as asker:
        search = Search(asker, 3000, Random(1), enough=5.0)
        search.run(["text"], {"text": [b"words # and Z more words " * 8]}, 4000)
        assert asker.asked < 2000
    assert search.best[0].weight >= 5.0


def test_slopes_by_formula() -> None:
    exact = slope([(n, 3e-6 * n**1.5) for n in (100, 200, 400, 800)])
    assert exact[0] == pytest.approx(1.5) and exact[1] == pytest.approx(1.5) and exact[2] == pytest.approx(1.5)
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        low, high = slope([(n, n**2 * float(np.exp(rng.normal(0, 0.1)))) for n in (100, 200, 400, 800, 1600)])[1:]
        covered += low <= 2 <= high  # type: ignore[operator]
    assert covered / 300 > 0.9
    assert slope([(1, 1.0), (2, 2.0)]) == (None, None, None)


def test_rungs_round_down_and_up() -> None:
    assert [rung(v) for v in (0.1, 1, 1.7, 1.8, 9.99, 10, 31, 32, 1e6)] == [1, 1, 1, 1.8, 5.6, 10, 18, 32, 1e6]
    assert [rung(v, up=True) for v in (0.1, 1, 1.1, 10, 11)] == [1, 1, 1.8, 10, 18]


def test_noise_below_the_floor_is_nothing() -> None:
    assert Cost(0.0009, 3.0).weight == 1.0
    assert Cost(0.01, 3.0).weight == 10.0
    assert Found(b"", "x", (Cost(0.05, 0), Cost(0.002, 0), Cost(0.5, 0))).weight == pytest.approx(2.0)


def test_pumping_and_unfolding() -> None:
    rng = Random(3)
    for _ in range(200):
        assert len(pumped(b"abc,def;ghi", rng, 500)) <= 500
    assert unfolded([np.zeros((2, 3)), "abc", {"a": [b"12", 1]}, None]) == [48, 3, 10, 8]
    assert costly.FLOOR_S > 0
