"""What a person can look at: the views, the texture, success against conditions, and the sheet to print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Scores, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Attachment, Evidence, Grid, Line, Picture, Pictures, Series
from momus.core.samples import NumpyArray
from momus.methods.picture import png
from momus.methods.viewing.eot import native
from momus.methods.viewing.light import Light
from momus.methods.viewing.model import UNITS, Condition, ViewingModel
from momus.methods.viewing.sheet import sheet
from momus.probes.physical._flat import Photos, Scenes
from momus.probes.physical._flat_outcome import LEVELS, Job, Point, Tried, rate
from momus.probes.physical._views import class_name
from momus.stats.intervals import clustered

SHOWN = 4
CHARTED = ("rotation", "scale", "tilt", "brightness", "blur")


def views(
    target: Scores, taken: Photos, jobs: Sequence[Job], model: ViewingModel, rng: np.random.Generator
) -> list[Evidence]:
    """A few held-out photos: untouched, with the plain thing, and with the printed one in two views."""
    rows = []
    picked = [(job, i) for job in jobs for i in _spread(job, taken)][: SHOWN * max(1, len(jobs))]
    for job, photo in picked[:: max(1, len(picked) // SHOWN)][:SHOWN]:
        conditions = model.draw(2, rng)
        pair = np.array([photo, photo])
        scenes = Scenes(taken, job.thing, pair, conditions, taken.labels[pair])
        pictures = [
            taken.pictures[photo],
            scenes[0].render(np.full_like(job.made.texture, 0.5)),
            scenes[0].render(job.made.texture),
            scenes[1].render(job.made.texture),
        ]
        said = _said(target, taken, pictures)
        kinds = ("untouched", "plain", "printed", "printed, another view")
        rows.append(
            tuple(
                Picture(caption=f"{kind}: {answer}", png=png(picture))
                for kind, answer, picture in zip(kinds, said, pictures, strict=True)
            )
        )
    if not rows:
        return []
    return [
        Pictures(
            title="Held-out photos in held-out views", note="what the camera sees, and the answer", rows=tuple(rows)
        )
    ]


def _spread(job: Job, taken: Photos) -> list[int]:
    """Photos of this job, the first of each class before the second of any."""
    _, first = np.unique(taken.labels[job.index], return_index=True)
    order = [*np.sort(first), *np.setdiff1d(np.arange(len(job.index)), first)]
    return [int(job.index[i]) for i in order[:SHOWN]]


def _said(target: Scores, taken: Photos, pictures: Sequence[NumpyArray]) -> list[str]:
    """The winning class of each picture with its softmax; a dash where the budget is spent."""
    try:
        z = to_numpy(target.scores(native(np.stack(pictures), taken.like))).astype(float)
    except BudgetSpent:
        return ["-"] * len(pictures)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    sure = e.max(axis=1) / e.sum(axis=1)
    return [f"{class_name(target, int(k))}, {p:.0%}" for k, p in zip(z.argmax(axis=1), sure, strict=True)]


def textures(jobs: Sequence[Job], names: Sequence[str]) -> list[Evidence]:
    """The textures as they are in the file and as a full print-and-scan loss would leave them."""
    rows = []
    for job, name in list(zip(jobs, names, strict=True))[:SHOWN]:
        file = job.made.texture
        printed = np.clip(Light(loss=1.0).ink(file), 0, 1)
        rows.append(
            (
                Picture(caption=f"{name}: in the file", png=png(_cut(job, file))),
                Picture(caption="as a dull printer and a camera would show it", png=png(_cut(job, printed))),
            )
        )
    return [Pictures(title="The texture", rows=tuple(rows))] if rows else []


def _cut(job: Job, texture: NumpyArray) -> NumpyArray:
    """White where the thing is cut away."""
    alpha = job.thing.alpha
    return texture if alpha is None else np.where(alpha[..., None] >= 0.5, texture, np.float32(1.0))


def conditions(model: ViewingModel, swept: dict[str, list[Point]], what: str) -> list[Evidence]:
    """Success against viewing conditions: one heat grid over the declared ranges, and curves with what lies beyond."""
    if not swept:
        return []
    names = [n for n, points in swept.items() if len(_inside(points)) == LEVELS]
    columns = ("lowest", "1/4", "middle", "3/4", "highest")
    out: list[Evidence] = []
    if names:
        rows = tuple(f"{n} {_range(model, n)}" for n in names)
        cells = tuple(tuple(rate(p.hits, p.of) for p in _inside(swept[n])) for n in names)
        out.append(
            Grid(
                title="Success against viewing conditions",
                note="one condition held at a value, the others drawn from the viewing model",
                rows=rows,
                columns=columns,
                values=cells,
                value_label=what,
            )
        )
    return [*out, *(_curve(n, swept[n], what) for n in CHARTED if n in swept)]


def _inside(points: Sequence[Point]) -> list[Point]:
    return [p for p in points if 0 <= p.level <= 1]


def _range(model: ViewingModel, name: str) -> str:
    low, high = getattr(model, name)
    return f"{low:g} to {high:g}"


def _curve(name: str, points: Sequence[Point], what: str) -> Series:
    bands = [clustered(p.hits, p.of) for p in points]
    x = tuple(p.value for p in points)
    printed = Line(
        name="printed",
        x=x,
        y=tuple(rate(p.hits, p.of) for p in points),
        low=tuple(b.low for b in bands),
        high=tuple(b.high for b in bands),
    )
    plain = Line(name="lost to a plain grey thing", x=x, y=tuple(rate(p.lost, p.views) for p in points), dashed=True)
    ends = _inside(points)
    return Series(
        title=f"Success against {name}",
        note=f"declared: {ends[0].value:g} to {ends[-1].value:g}; what lies outside was looked at too",
        x_label=f"{name} ({UNITS[name]})",
        y_label=what,
        lines=(printed, plain),
    )


def files(
    jobs: Sequence[Job], names: Sequence[str], stem: str, width_mm: float, paper: str, lines: Sequence[str]
) -> list[Evidence]:
    """For each thing (at most four) the sheet to print at true size and its texels as a picture."""
    out: list[Evidence] = []
    for i, (job, name) in enumerate(list(zip(jobs, names, strict=True))[:SHOWN]):
        number = f"-{i + 1}" if len(jobs) > 1 else ""
        made = sheet(
            job.made.texture, width_mm=width_mm, title=f"Momus, {name}", lines=lines, paper=paper, alpha=job.thing.alpha
        )
        th, tw = job.made.texture.shape[:2]
        note = f"print at 100 %: {width_mm:g} x {width_mm * th / tw:.1f} mm; its ruler tells whether it came out true"
        out.append(
            Attachment(
                title=f"To print: {name}", note=note, name=f"{stem}{number}.pdf", media="application/pdf", data=made
            )
        )
        texels = png(job.made.texture, least_side=1)
        out.append(
            Attachment(
                title=f"Texels: {name}", note=f"{tw} x {th}", name=f"{stem}{number}.png", media="image/png", data=texels
            )
        )
    return out


def numbers(tried: Tried) -> tuple[NumpyArray, NumpyArray]:
    """(hits, tries) of each cluster: the success that is reported."""
    return tried.by_cluster(tried.won(tried.printed))


def draw(model: ViewingModel, jobs: Sequence[Job], views_: int, rng: np.random.Generator) -> list[Sequence[Condition]]:
    """``views_`` conditions for each photo of each job: none of them was used to make a texture."""
    return [model.draw(views_ * len(j.index), rng) for j in jobs]
