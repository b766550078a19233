"""From a card to a reference: read and asked in a worker, kept by digest, honest about what could not be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from momus.card import load_card
from momus.core.errors import CardError, DataError
from momus.monitor.build import build

Watched = Callable[..., Path]


def _change(card: Path, **sections: object) -> Path:
    card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), **sections}, sort_keys=False))
    return card


def test_reference_is_made_once_and_anew_when_anything_behind_it_changes(watched: Watched) -> None:
    path = watched()
    first = build(load_card(path))
    r = first.reference
    assert (r.x.shape, r.outputs.shape, r.members.shape, r.encoder) == ((1500, 2), (1500, 2), (1500, 2), "table")
    assert [c.name for c in r.columns] == ["a", "b"] and r.classes == ("no", "yes")
    assert np.array_equal(r.said, r.outputs.argmax(1)) and (r.said == r.label).mean() > 0.9
    again = build(load_card(path))
    assert (first.kept, again.kept) == (False, True) and again.reference.digest == r.digest
    kept = next((path.parent / ".momus" / "monitor" / "references").glob("*.npz"))
    kept.write_bytes(kept.read_bytes()[:500])  # damaged: made again, and no error
    assert build(load_card(path)).reference.digest == r.digest
    code = path.parent / "model.py"
    code.write_text(code.read_text().replace("-3 *", "-1 *"))
    changed = build(load_card(path))
    assert not changed.kept and changed.reference.digest != r.digest


def test_a_model_that_does_not_open_leaves_its_inputs_to_compare(watched: Watched) -> None:
    card = load_card(watched("broken"))
    built = build(card)
    assert "no weights" in built.unopened
    assert built.reference.x.shape == (1500, 2) and built.reference.outputs.shape == (1500, 0)
    assert set(built.reference.said) == {-1}
    assert not build(card).kept, "what did not open then may open now"


def test_a_card_without_a_target_or_without_data_still_has_a_reference(watched: Watched) -> None:
    path = watched()
    alone = build(load_card(_change(path, targets=[]))).reference
    assert alone.target == "model" and alone.x.shape == (1500, 2) and alone.outputs.shape == (1500, 0)
    nothing = build(load_card(_change(path, data={}))).reference
    assert len(nothing) == 0 and nothing.encoder == "vector"


def test_what_the_card_names_must_exist(watched: Watched) -> None:
    with pytest.raises(CardError, match=r"monitor\.reference is 'tset', which is no data set.*test, train"):
        build(load_card(watched(reference="tset")))
    with pytest.raises(CardError, match="watches 'other', which is no target"):
        build(load_card(watched(target="other")))
    with pytest.raises(DataError, match=r"rows\.csv"):
        build(load_card(_change(watched(), data={"test": {"path": "rows.csv", "label": "label"}})))
    path = watched()
    with pytest.raises(CardError, match="does not say what to watch"):
        build(load_card(_change(path, monitor=None)))
