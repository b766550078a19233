"""A store full of runs, made of nothing but numbers: what a page, a load or a move of a store is tried on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from momus.core.evidence import Bars, Evidence, Line, Picture, Pictures, Series, Table
from momus.core.records import Caveat, Failure, Figure, Interval, Measurement, Run
from momus.core.registry import probe_ids
from momus.store import Store
from momus.testing.report_evidence import png

_GROUPS = tuple((f"g{i}", 100 + i, i / 10) for i in range(8))
START = datetime(2026, 1, 1, tzinfo=UTC)


def card_text(system: str, targets: int) -> str:
    """A card of ``targets`` models behind an interface that anybody may ask."""
    models = "".join(f"  - {{name: model-{i}, adapter: sklearn, path: model-{i}.joblib}}\n" for i in range(targets))
    facts = "facts: {model.paradigm: supervised, model.modality: table, api.reach: public, data.persons: yes}\n"
    return f'system: "{system}"\ndescription: A crowd of models that nobody opens.\ntargets:\n{models}{facts}'


def crowd_run(
    store: Store, findings: int, *, system: str = "crowd", number: int = 0, pictures: int = 50, hours: int = 0
) -> Run:
    """One run of so many findings, appended in one go; the same at each call. ``pictures`` differ from each other."""
    probes = probe_ids()
    targets = -(-findings // len(probes))
    text = card_text(system, targets)
    begun = START + timedelta(hours=hours or number)
    gaps = [
        {
            "mode": probe.split(".")[0], "probe": probe, "target": f"model-{i}", "why": "capability",
            "detail": f"needs gradients, and model-{i} gives none", "how_to_close": "Name the model's factory",
        }
        for i in range(min(targets, 10)) for probe in probes[::5]
    ]  # fmt: skip
    run = Run(
        id=f"{begun:%Y%m%d-%H%M%S}-{number:06x}",
        system=system,
        card_digest="c" * 64,
        card_text=text,
        seed=0,
        created=begun,
        settings={"gaps": gaps},
    )
    ended = run.model_copy(update={"ended": begun + timedelta(minutes=10)})
    store.extend(run.id, (run, *results(findings, number=number, pictures=pictures), ended))
    return ended


def results(findings: int, *, number: int = 0, pictures: int = 50) -> Iterator[Measurement | Failure]:
    """So many measurements, with a failure among every hundred, as probes in turn would give them."""
    probes = probe_ids()
    for i in range(findings):
        probe, target = probes[i % len(probes)], f"model-{i // len(probes)}"
        mode, key = probe.split(".")[0], f"{number:06x}-{i:06x}"
        if i % 100 == 99:
            yield Failure(
                probe=probe,
                target=target,
                code="worker/timeout",
                message="no answer within 60 s",
                key=key,
                modes=(mode,),
            )
        else:
            yield _measurement(probe, target, mode, key, (i * 37 + number * 11) % 100 / 100, i, pictures)


def _measurement(probe: str, target: str, mode: str, key: str, value: float, place: int, pictures: int) -> Measurement:
    worse: Literal["lower", "higher"] = "higher" if place % 2 else "lower"
    return Measurement(
        probe=probe,
        target=target,
        metric="share",
        value=value,
        ci=Interval(low=max(0.0, value - 0.03), high=min(1.0, value + 0.03)),
        n=1000,
        worse=worse,
        scope={"epsilon": 0.03, "steps": 40, "norm": "linf"},
        figures=(Figure(name="clean accuracy", value=0.97, ci=Interval(low=0.96, high=0.98), n=1000),),
        evidence=_evidence(place, value, pictures),
        caveats=(Caveat(code="few", message="some groups are small", blocks="none"),) if place % 7 == 0 else (),
        key=key,
        modes=(mode,),
    )


def _evidence(place: int, value: float, pictures: int) -> tuple[Evidence, ...]:
    axis = tuple(i / 20 for i in range(20))
    falling = tuple(round(1 - value * x, 4) for x in axis)
    shown: list[Evidence] = [
        Series(
            title="What is left, by strength", x_label="strength", y_label="share",
            lines=(Line(name="attack", x=axis, y=falling, low=falling, high=falling),),
        ),
        Table(title="By group", columns=("group", "rows", "share"), rows=_GROUPS),
        Bars(title="By class", y_label="share", names=("a", "b", "c"), values=(value, value / 2, value / 3)),
    ]  # fmt: skip
    if pictures and place % 10 == 0:
        grey = png([[(r * c + place % pictures * 5) % 256 for c in range(28)] for r in range(28)])
        shown.append(Pictures(title="Inputs", rows=((Picture(caption="changed", png=grey),),)))
    return tuple(shown)
