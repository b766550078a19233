"""The system as a data-flow picture: who sends what to whom, where trust ends, and which modes enter on which flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from momus.card.schema import SystemCard
from momus.threats.model import FlowState, ModeThreat, ThreatModel, Verdict
from momus.threats.show import SIGNS, severity_words
from momus.threats.svg import Point, box, disc, frame, line, outline, words

WIDTH, HEIGHT = 1280, 968
INK, SOFT, FAINT = "#1f2430", "#5b6472", "#b4bbc6"
BOUNDARY = "#3b6ea8"
# Fill, rim and letters. Each differs in lightness too, and each carries its sign, so the picture reads in grey.
CHIPS: dict[Verdict, tuple[str, str, str]] = {
    "raised": ("#a61b2b", "#a61b2b", "#ffffff"),
    "applies": ("#ffd27a", "#b97a00", "#1f2430"),
    "undetermined": ("#ffffff", "#3b6ea8", "#26507f"),
    "unlikely": ("#f3f4f6", "#b4bbc6", "#5b6472"),
    "not_applicable": ("#ffffff", "#d4d8de", "#7b8492"),
}
SHOWN: tuple[Verdict, ...] = ("raised", "applies", "undetermined")
CHIP: Point = (54, 20)


@dataclass(frozen=True, slots=True)
class _Party:
    """A box of the picture: title, where it stands, and the fact that is written under its name."""

    title: str
    at: Point
    size: Point
    fact: str
    prefix: str
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Route:
    """How a flow runs, where its letter sits and whether its chips stand below (or beside) the letter."""

    points: tuple[Point, ...]
    letter: Point
    beside: bool = False
    both: bool = False


PARTIES = (
    _Party("Open code and data", (40, 112), (188, 58), "deps.scanned", "advisories read", ("F",)),
    _Party("External platform", (40, 246), (188, 58), "train.where", "trained", ("E",)),
    _Party("Model publisher", (40, 380), (188, 58), "import.verified", "files verified", ("G",)),
    _Party("Data holder", (40, 540), (188, 140), "data.class", "data", ("A", "D")),
    _Party("Objective", (520, 112), (150, 58), "rl.proxy_reward", "a proxy", ("R",)),
    _Party("Developer", (455, 246), (150, 234), "data.provenance", "traced", ("A",)),
    _Party("Production", (694, 300), (150, 120), "model.output", "gives", ("B",)),
    _Party("Operator", (694, 540), (150, 140), "api.log_per_caller", "logged", ("C", "B")),
    _Party("Outside holders", (1070, 112), (170, 58), "artifact.reach", "model file on", ("H",)),
    _Party("Physical world", (1070, 331), (170, 58), "env.public_space", "strangers", ("S",)),
    _Party("Users", (1070, 540), (170, 140), "api.reach", "reach", ("C",)),
)
ROUTES: Mapping[str, _Route] = {
    "A": _Route(((228, 566), (530, 566), (530, 480)), (325, 566)),
    "B": _Route(((605, 360), (694, 360)), (649, 360)),
    "C": _Route(((1070, 580), (844, 580)), (972, 580), both=True),
    "D": _Route(((694, 653), (228, 653)), (325, 653)),
    "E": _Route(((455, 275), (228, 275)), (325, 275), both=True),
    "F": _Route(((228, 141), (487, 141), (487, 246)), (325, 141)),
    "G": _Route(((228, 409), (455, 409)), (325, 409)),
    "S": _Route(((1070, 360), (844, 360)), (972, 360)),
    "R": _Route(((572, 170), (572, 246)), (572, 206), beside=True),
    "H": _Route(((769, 300), (769, 141), (1070, 141)), (972, 141)),
}


def picture(card: SystemCard, model: ThreatModel) -> str:
    """The picture as one SVG text: self-contained, no script, scales, prints, and escapes what the card says."""
    states = {flow.id: flow for flow in model.flows}
    ours = _own_data(card)
    parts = [*_title(model), *_zones(ours), _wire()]
    parts += [_flow(states[key], route, model) for key, route in ROUTES.items() if key in states]
    parts += [_party(party, card, states) for party in PARTIES]
    parts += _key(model)
    return frame((WIDTH, HEIGHT), f"Data flows and failure modes of {model.system}", _told(model), parts)


def _own_data(card: SystemCard) -> bool:
    """True where all training data comes from inside: then the data holder stands within the boundary."""
    return bool(card.facts.get("data.sources") == ("internal",))


def _told(model: ThreatModel) -> str:
    """The picture in words, for those who cannot see it."""
    entries = []
    for key, flow in ((f.id, f) for f in model.flows):
        ids = ", ".join(t.id for t in _entering(key, model))
        state = {"yes": "", "no": " (not here)", "unknown": " (not known)"}[flow.present]
        entries.append(f"{key} {flow.name}{state}: {flow.start} to {flow.end}{f'; enters: {ids}' if ids else ''}")
    return ". ".join(entries)


def _title(model: ThreatModel) -> Iterator[str]:
    yield words((40, 42), model.system, size=24, weight=700, limit=70)
    here = sum(t.here for t in model.modes.values())
    open_ = model.count("undetermined")
    said = f"{here} of 17 failure modes apply" + (f", {open_} not yet decided" if open_ else "")
    text = f"Data flows, trust boundaries and where the failure modes enter. {said}."
    yield words((40, 66), text, size=13, fill=SOFT)


def _zones(own_data: bool) -> Iterator[str]:
    """Two outer zones and the organisation in the middle, whose dashed rim is the trust boundary."""
    yield box((20, 84), (381, 422 if own_data else 622), fill="#f6f7f9", stroke="none", radius=12)
    yield box((888, 84), (372, 622), fill="#f6f7f9", stroke="none", radius=12)
    low = [(417, 522), (20, 522), (20, 706)] if own_data else [(417, 706)]
    yield outline([(417, 84), (872, 84), (872, 706), *reversed(low)], fill="#eef4fb", stroke=BOUNDARY, dash="7 4")
    yield words((32, 103), "SUPPLIERS", size=10.5, weight=700, fill=SOFT)
    yield words((429, 103), "YOUR ORGANISATION", size=10.5, weight=700, fill=BOUNDARY)
    yield words((862, 699), "dashed rim: trust boundary", size=10.5, fill=BOUNDARY, anchor="end", italic=True)
    yield words((1248, 103), "USE", size=10.5, weight=700, fill=SOFT, anchor="end")


def _wire() -> str:
    """Production and operation belong together; this line is no flow of its own."""
    return line(((769, 540), (769, 420)), stroke=SOFT, width=1.2, both=True)


def _flow(state: FlowState, route: _Route, model: ThreatModel) -> str:
    stroke, width, dash = {"yes": (INK, 2.0, ""), "unknown": (BOUNDARY, 1.8, "6 4"), "no": (FAINT, 1.2, "2 4")}[
        state.present
    ]
    x, y = route.letter
    name = {"yes": "", "unknown": " ?", "no": ", not here"}[state.present]
    chips = _entering(state.id, model)
    parts = [line(route.points, stroke=stroke, width=width, dash=dash, both=route.both)]
    parts.append(disc((x, y), state.id, fill="#fff", stroke=stroke if state.present != "no" else FAINT))
    colour = SOFT if state.present == "no" else INK
    if route.beside:
        parts.append(words((x + 20, y - 6), f"{state.name}{name}", size=12, weight=600, fill=colour))
        parts += [_chip((x + 20 + i * (CHIP[0] + 4), y + 2), t) for i, t in enumerate(chips)]
    else:
        parts.append(
            words((x, y - 19), f"{state.name}{name}", size=12, weight=600, fill=colour, anchor="middle", halo=True)
        )
        parts += list(_chips((x, y + 17), chips))
    return f'<g id="flow-{state.id}">{"".join(parts)}</g>'


def _entering(flow: str, model: ThreatModel) -> list[ModeThreat]:
    """The modes that enter on a flow: those whose primary flow it is, or whose primary flows this system lacks."""
    found = []
    for threat in model.modes.values():
        primary = [f.id for f in threat.flows if f.primary]
        ways = primary or [f.id for f in threat.flows][:1]
        if threat.verdict in SHOWN and flow in ways:
            found.append(threat)
    return found


def _chips(top: Point, threats: list[ModeThreat]) -> Iterator[str]:
    """Chips in centred rows of at most three."""
    for start in range(0, len(threats), 3):
        row = threats[start : start + 3]
        left = top[0] - (len(row) * (CHIP[0] + 4) - 4) / 2
        for i, threat in enumerate(row):
            yield _chip((left + i * (CHIP[0] + 4), top[1] + start // 3 * (CHIP[1] + 4)), threat)


def _chip(at: Point, threat: ModeThreat) -> str:
    fill, rim, ink = CHIPS[threat.verdict]
    dash = "3 2" if threat.verdict == "undetermined" else ""
    label = words(
        (at[0] + CHIP[0] / 2, at[1] + 14.2), f"{SIGNS[threat.verdict]} {threat.id}", size=11.5, weight=700, fill=ink,
        anchor="middle",
    )  # fmt: skip
    return box(at, CHIP, fill=fill, stroke=rim, width=1.2, dash=dash, radius=5) + label


def _party(party: _Party, card: SystemCard, states: Mapping[str, FlowState]) -> str:
    """A box; grey where none of its flows exists, with what the card says of it, or that nobody has said it."""
    present = [states[key].present for key in party.flows if key in states]
    absent = bool(present) and all(p == "no" for p in present)
    x, y = party.at
    middle, centre = x + party.size[0] / 2, y + party.size[1] / 2
    fact = card.facts.get(party.fact)
    plain = {True: "yes", False: "no", None: "not known"}
    shown = ", ".join(fact) if isinstance(fact, tuple) else plain.get(fact, fact)
    detail = "not here" if absent else f"{party.prefix}: {str(shown).replace('_', ' ')}"
    return (
        box(party.at, party.size, fill="#fafbfc" if absent else "#fff", stroke=FAINT if absent else INK)
        + words((middle, centre - 3), party.title, size=14, weight=700, anchor="middle", fill=SOFT if absent else INK)
        + words((middle, centre + 15), detail, size=11, fill=SOFT, anchor="middle", limit=int(party.size[0] / 6))
    )


def _key(model: ThreatModel) -> Iterator[str]:
    """All 17 modes under the picture, then what the lines mean."""
    top, rows, column = 736, 6, 412
    yield words((40, top + 4), "The 17 failure modes here", size=14, weight=700)
    for i, threat in enumerate(model.modes.values()):
        x, y = 40 + i // rows * column, top + 18 + i % rows * 27
        yield _chip((x, y), threat)
        quiet = SOFT if threat.verdict not in SHOWN else INK
        yield words((x + 64, y + 14), _short(threat), size=12.5, weight=600 if threat.here else 400, fill=quiet)
        severity = f", {severity_words(threat)}" if threat.severity is not None else ""
        yield words((x + 382, y + 14), f"{threat.words}{severity}", size=11.5, fill=quiet, anchor="end", limit=44)
    yield from _legend((40, top + 18 + rows * 27 + 18))


def _short(threat: ModeThreat) -> str:
    """The slug as words: the name every command and report uses, short enough for a picture."""
    return threat.mode.replace("_", " ").capitalize()


def _legend(at: Point) -> Iterator[str]:
    x, y = at
    for dash, stroke, width, said in (
        ("", INK, 2.0, "flow of this system"), ("6 4", BOUNDARY, 1.8, "not known whether it exists"),
        ("2 4", FAINT, 1.2, "not here"),
    ):  # fmt: skip
        yield line(((x, y), (x + 44, y)), stroke=stroke, width=width, dash=dash)
        yield words((x + 52, y + 4), said, size=11.5, fill=SOFT)
        x += 80 + len(said) * 6.2
    signs = "▲ raised · ● applies · ? undetermined · ○ unlikely · – not applicable · ≤ at most, while undecided"
    yield words((1240, y + 4), signs, size=11.5, fill=SOFT, anchor="end")
