"""What a likeness looks like: beside a photograph of the person, against effort, beside its controls, name by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from momus.core.evidence import Bars, Line, Picture, Pictures, Series, Table
from momus.core.samples import NumpyArray
from momus.methods.class_inversion import Likeness
from momus.methods.picture import png
from momus.probes.inversion._people import People

if TYPE_CHECKING:
    from momus.probes.inversion._lineups import Share

SHOWN = 6  # people whose likeness is shown
LISTED = 60  # rows of the table


def pictures(people: People, z: NumpyArray, share: NumpyArray, confidence: NumpyArray | None) -> list[Pictures]:
    """Reconstructions beside a held-out photograph: evenly from the most to the least recognised, so no best of."""
    if not people.is_image:
        return []
    order = np.argsort(-np.nan_to_num(share), kind="stable")
    index = order[np.unique(np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int))]
    photos = people.panel.photos[people.panel.parade(index, 0)]
    rows = []
    for i, made, photo in zip(index, people.read(z[index]), photos, strict=True):
        sure = "" if confidence is None else f", answered with {confidence[i]:.0%}"
        caption = f"recovered for {people.names[i]}: picked in {share[i]:.0%} of line-ups{sure}"
        rows.append(
            (
                Picture(caption=caption, png=png(made)),
                Picture(caption=f"{people.names[i]}, a photograph kept from the search", png=png(photo)),
            )
        )
    start = Picture(caption="where every search started", png=png(people.read(np.zeros((1, z.shape[1])))[0]))
    note = "from the best recognised person to the least; the photographs were seen by the recogniser alone"
    return [Pictures(title="What the model gave away", note=note, rows=(*rows, (start,)))]


def bars(own: Share, real: Share, against: Mapping[str, Share], chance: float) -> Bars:
    """The right person picked: by the reconstruction, by a real photograph, by each control."""
    named = {"reconstruction": own, "real photograph": real}
    named |= {name.replace("_", " "): share for name, share in against.items()}
    return Bars(
        title="How often the right person is picked",
        note="the dashed line is what guessing gives",
        y_label="share of line-ups",
        names=tuple(named),
        values=tuple(s.value for s in named.values()),
        low=tuple(s.ci.low for s in named.values()),
        high=tuple(s.ci.high for s in named.values()),
        reference=chance,
    )


def course(trail: Sequence[tuple[int, Share]], chance: float, unit: str) -> list[Series]:
    """Identification against what was asked."""
    if len(trail) < 2:
        return []
    x = tuple(float(asked) for asked, _ in trail)
    line = Line(
        name="picked out of line-ups",
        x=x,
        y=tuple(s.value for _, s in trail),
        low=tuple(s.ci.low for _, s in trail),
        high=tuple(s.ci.high for _, s in trail),
    )
    guess = Line(name="by chance", x=x, y=(chance,) * len(x), dashed=True)
    return [
        Series(
            title="As the search went on", x_label=unit, y_label="share of line-ups", lines=(line, guess), log_x=True
        )
    ]


def table(people: People, likeness: Likeness, share: NumpyArray, confidence: NumpyArray | None) -> Table:
    """One line a person, the most recognised first."""
    order = np.argsort(-np.nan_to_num(share), kind="stable")
    rows = tuple(
        (
            people.names[i],
            None if np.isnan(share[i]) else round(float(share[i]), 3),
            None if confidence is None else round(float(confidence[i]), 3),
            int(likeness.steps[i]),
        )
        for i in order[:LISTED]
    )
    more = f"the first {LISTED} of {len(order)}" if len(order) > LISTED else ""
    columns = ("class", "picked in line-ups", "confidence reached", "steps")
    return Table(title="Name by name", note=more, columns=columns, rows=rows)
