"""candidates: what choosing by a stand-in loses, from a table alone, and from a card."""

from __future__ import annotations

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.registry import get_probe
from momus.core.samples import Column, Samples
from momus.zoo.reward_hacking.candidates import Shelf

probe = get_probe("reward_hacking.candidates")


def table(proxy, goal, names=("proxy", "goal"), ids=None) -> Samples:
    return Samples(np.stack([proxy, goal], axis=1), columns=tuple(map(Column, names)), ids=ids, name="candidates")


def test_figures_of_a_known_table() -> None:
    goal = np.arange(40.0)
    m = probe(Shelf("s"), candidates=table(2 * goal + 1, goal))
    assert m.value == 0 and m.figure("rank_correlation").value == pytest.approx(1)
    assert m.figure("goal_random").value == 19.5
    assert m.figure("goal_best").value == m.figure("goal_chosen").value > 30
    worst = probe(Shelf("s"), candidates=table(-goal, goal))
    assert worst.value == pytest.approx(2.0, abs=0.1)


def test_lower_is_better_where_said() -> None:
    goal = np.random.default_rng(0).normal(size=100)
    up = probe(Shelf("s"), candidates=table(goal, goal))
    down = probe(
        Shelf("s"), candidates=table(-goal, -goal, ("loss", "harm")), proxy="loss", goal="harm", lower_proxy=True,
        lower_goal=True,
    )  # fmt: skip
    assert up.value == down.value and down.figure("goal_best").value == pytest.approx(-up.figure("goal_best").value)
    assert probe(Shelf("s"), candidates=table(goal, goal), lower_goal=True).value > 1


def test_a_missing_column_is_named_with_those_there_are() -> None:
    with pytest.raises(ProbeError, match="no column 'clicks'") as error:
        probe(Shelf("s"), candidates=table(np.ones(30), np.ones(30)), proxy="clicks")
    assert "proxy, goal" in error.value.hint


@pytest.mark.parametrize("column", [0, 1])
def test_a_constant_column_decides_nothing(column) -> None:
    both = [np.arange(50.0), np.arange(50.0)]
    both[column] = np.ones(50)
    m = probe(Shelf("s"), candidates=table(*both))
    assert any(c.code.startswith("constant-") and c.blocks == "both" for c in m.caveats)


def test_choosing_from_nearly_all_is_no_sample() -> None:
    m = probe(Shelf("s"), candidates=table(np.arange(50.0), np.arange(50.0)), choose_from=45)
    assert "few-subsets" in {c.code for c in m.caveats}
    assert m.scope["choose_from"] == 45


def test_repeated_measurements_show_the_winners_curse() -> None:
    rng = np.random.default_rng(1)
    true, owner = rng.normal(size=60), np.repeat(np.arange(60), 4)
    m = probe(Shelf("s"), candidates=table(true[owner] + rng.normal(scale=2, size=240), true[owner], ids=owner))
    assert m.n == 60 and m.figure("proxy_noise").value == pytest.approx(2, rel=0.2)
    assert m.figure("winners_curse").value > 0.5


def test_from_a_card_without_labels(tmp_path) -> None:
    """A table of candidates needs no label, and names beside the numbers may be the id."""
    from momus.card import SystemCard
    from momus.data import read_data

    rows = "\n".join(f"ad{i},{i},{i * 2}" for i in range(40))
    (tmp_path / "ads.csv").write_text(f"name,clicks,sales\n{rows}\n")
    card = SystemCard.from_dict(
        {"system": "ads", "data": {"candidates": {"path": "ads.csv", "id": "name"}, "label": "bought"}}, tmp_path
    )
    data = card.data["candidates"]
    read = read_data(data.model_copy(update={"label": None}), tmp_path, name="candidates")
    m = probe(Shelf("s"), candidates=read, proxy="clicks", goal="sales")
    assert m.value == 0 and m.n == 40
