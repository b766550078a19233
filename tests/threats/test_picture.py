"""The data-flow picture: well-formed, self-contained, escaped, with each mode on the flow where it enters."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from momus.card import SystemCard
from momus.threats import picture, threats
from momus.threats.picture import HEIGHT, SHOWN, WIDTH

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"q\" 'a' ]]> \x07 \u202e [bold]"


def drawn(facts: dict[str, object], system: str = "s") -> ET.Element:
    card = SystemCard.from_dict({"system": system, "facts": facts})
    return ET.fromstring(picture(card, threats(card)))


def texts(root: ET.Element) -> list[str]:
    return ["".join(t.itertext()) for t in root.iter(f"{NS}text")]


def flow(root: ET.Element, key: str) -> ET.Element:
    return next(g for g in root.iter(f"{NS}g") if g.get("id") == f"flow-{key}")


def chips(group: ET.Element) -> set[str]:
    return {t.split()[-1] for t in texts(group) if t.split()[-1].startswith("M") and len(t.split()) == 2}


def test_all_17_modes_and_ten_flows_are_drawn() -> None:
    root = drawn({})
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    assert {g.get("id") for g in root.iter(f"{NS}g")} == {f"flow-{k}" for k in "ABCDEFGSRH"}
    said = " ".join(texts(root))
    assert all(f"M{i:02}" in said for i in range(1, 18))


def test_modes_stand_on_the_flows_where_they_enter() -> None:
    root = drawn({"env.sensors": True, "env.public_space": True, "rl.agent": True, "data.sources": "web"})
    assert "M07" in chips(flow(root, "S"))
    assert {"M12", "M13"} <= chips(flow(root, "R"))
    assert "M02" in chips(flow(root, "A"))
    assert "M17" in chips(flow(root, "B"))
    assert chips(flow(drawn({"env.sensors": False}), "S")) == set()


@pytest.mark.parametrize("facts", [{}, {"api.reach": "none", "env.sensors": False, "artifact.reach": "edge"}])
def test_every_mode_that_matters_has_a_place(facts: dict[str, object]) -> None:
    card = SystemCard.from_dict({"system": "s", "facts": facts})
    model = threats(card)
    root = ET.fromstring(picture(card, model))
    placed = set().union(*(chips(flow(root, f.id)) for f in model.flows))
    assert {t.id for t in model.modes.values() if t.verdict in SHOWN} == placed


def test_flows_tell_whether_they_exist_in_words() -> None:
    root = drawn({"env.sensors": False, "import.pretrained": True})
    assert any("not here" in t for t in texts(flow(root, "S")))
    assert any(t.endswith("?") for t in texts(flow(root, "C")))
    assert not any("?" in t or "not here" in t for t in texts(flow(root, "G")) if not t.startswith(("?", "▲", "●")))


def test_own_data_lies_within_the_boundary() -> None:
    def boundary(facts: dict[str, object]) -> int:
        polygons = [p for p in drawn(facts).iter(f"{NS}polygon") if p.get("stroke-dasharray")]
        return len(str(polygons[0].get("points")).split())

    assert boundary({"data.sources": "internal"}) == 6
    assert boundary({"data.sources": ["internal", "web"]}) == 4


def test_hostile_names_stay_text_and_nothing_is_loaded() -> None:
    card = SystemCard.from_dict({"system": HOSTILE})
    svg = picture(card, threats(card))
    root = ET.fromstring(svg)
    assert "<script" not in svg
    assert "\x07" not in svg
    assert any("<script>alert(1)" in t for t in texts(root))
    assert {e.tag for e in root.iter()} <= {
        NS + t for t in ("svg", "title", "desc", "rect", "text", "g", "circle", "polyline", "polygon")
    }
    assert not any(name.startswith("on") or name.endswith("href") for e in root.iter() for name in e.attrib)
    assert "url(" not in svg


def test_everything_lies_within_the_frame() -> None:
    root = drawn({"api.reach": "public", "model.output": ["topk", "scores", "logits", "embedding", "explanation"]})
    for rect in root.iter(f"{NS}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert 0 <= x <= x + float(rect.get("width", 0)) <= WIDTH
        assert 0 <= y <= y + float(rect.get("height", 0)) <= HEIGHT
    for text in root.iter(f"{NS}text"):
        assert 0 <= float(text.get("x", 0)) <= WIDTH
        assert 0 <= float(text.get("y", 0)) <= HEIGHT


def test_chips_overlap_no_box() -> None:
    """With every mode on its flow, the chips stand free of the parties and of one another."""
    root = drawn({})
    rects = [
        tuple(float(r.get(k, 0)) for k in ("x", "y", "width", "height")) for r in root.iter(f"{NS}rect") if r.get("rx")
    ]
    small = [r for r in rects if r[2] == 54 and r[1] < 720]
    parties = [r for r in rects if r[2] in (188, 150, 170)]
    assert len(small) > 20
    for i, a in enumerate(small):
        for b in small[i + 1 :] + parties:
            apart = a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
            assert apart, (a, b)
