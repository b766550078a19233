"""Numbers, charts and pictures of films: flips, places changed, and the film that flickers most."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from momus.core.evidence import Attachment, Bars, Evidence, Line, Picture, Pictures, Series, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.corrupt import sequences as films
from momus.methods.curve_shape import shape
from momus.methods.picture import png
from momus.stats import intervals

Again = Callable[[str, int], NumpyArray]  # film, picture -> (frames, h, w, c)
_ORDERED = ("tilt", "rotate", "translate", "scale", "brightness")
_SHOWN = 8  # frames printed
_SIDE = 112  # of the moving picture, at most: noise does not compress, and a film of it is half a megabyte at 128
_LOOKED_AT = 32  # pictures among which the shown one is picked


def numbers(
    answers: Mapping[str, NumpyArray], distances: Mapping[str, NumpyArray], clean: NumpyArray, y: NumpyArray | None
) -> tuple[float, Interval, list[Figure]]:
    """Flip rate, its interval (pictures are the clusters), and the secondary figures."""
    flips = {name: films.flips(a, to_first=name in films.NOISE) for name, a in answers.items()}
    tries = {name: a.shape[1] - 1 for name, a in answers.items()}
    each = np.mean(list(flips.values()), axis=0)  # (n,): every film counts alike
    n = len(each)
    value, ci = float(each.mean()), _clustered(each, sum(tries.values()))
    figures = []
    if y is not None:
        hits = int((clean == y).sum())
        figures.append(Figure(name="clean_accuracy", value=hits / n, ci=intervals.wilson(hits, n), n=n))
    for name, own in flips.items():
        note = "against the clean frame" if name in films.NOISE else ""
        figures.append(
            Figure(name=f"flips.{name}", value=float(own.mean()), ci=_clustered(own, tries[name]), n=n, note=note)
        )
    if distances:
        note = "of 15; the five best classes, unnormalised"
        mean = np.mean(list(distances.values()), axis=0)
        figures.append(Figure(name="top5_distance", value=float(mean.mean()), ci=intervals.mean(mean), n=n, note=note))
        figures += [Figure(name=f"top5.{c}", value=float(d.mean()), n=n) for c, d in distances.items()]
    return value, ci, figures


def _clustered(shares: NumpyArray, tries: int) -> Interval:
    return intervals.clustered(shares * tries, np.full(len(shares), float(tries)))


def charts(answers: Mapping[str, NumpyArray], clean: NumpyArray, y: NumpyArray | None) -> list[Evidence]:
    """Flip rate per film; what stays right (or as it was) along each film; and whether that falls smoothly."""
    flips = {name: films.flips(a, to_first=name in films.NOISE) for name, a in answers.items()}
    bounds = {name: _clustered(own, answers[name].shape[1] - 1) for name, own in flips.items()}
    made: list[Evidence] = [
        Bars(
            title="Answers that flip, by film",
            y_label="flip rate",
            names=tuple(flips),
            values=tuple(float(own.mean()) for own in flips.values()),
            low=tuple(b.low for b in bounds.values()),
            high=tuple(b.high for b in bounds.values()),
        )
    ]
    wanted = clean if y is None else y
    lines, rows = [], []
    for name, a in answers.items():
        held = (a == wanted[:, None]).mean(axis=0)
        position = np.linspace(0, 1, a.shape[1])
        lines.append(Line(name=name, x=tuple(map(float, position)), y=tuple(map(float, held))))
        if name in _ORDERED:
            rows += _sides(name, held, len(a))
    label = "same answer as to the picture itself" if y is None else "accuracy"
    made.append(Series(title="Along each film", x_label="share of the film", y_label=label, lines=tuple(lines)))
    if rows:
        columns = ("film", "side", "shape", "steepest between", "whole fall", "largest drop")
        note = "from the picture itself outwards; degrees, pixels at a side of 224, scale, brightness"
        made.append(
            Table(title="Smooth or cliff, on either side of the picture", columns=columns, rows=tuple(rows), note=note)
        )
    return made


def _sides(name: str, held: NumpyArray, n: int) -> list[tuple[str | float, ...]]:
    """A film runs through the picture itself: the curve outwards from it, on either side, every third frame."""
    middle = films.CLEAN[name]
    found: list[tuple[str | float, ...]] = []
    for side, frames in (("less", np.arange(middle, -1, -3)), ("more", np.arange(middle, len(held), 3))):
        if len(frames) < 3:
            continue
        at = np.array([films.strength(name, int(f)) for f in frames])
        curve = shape(np.abs(at - at[0]), held[frames], n)
        between = [at[0] + (step if side == "more" else -step) for step in curve.at]
        words = f"{between[0]:.3g} to {between[1]:.3g}"
        found.append((name, side, curve.kind, words, round(curve.fall, 3), round(curve.drop, 3)))
    return found


def flicker(
    answers: Mapping[str, NumpyArray], y: NumpyArray | None, classes: Sequence[str], again: Again
) -> list[Evidence]:
    """The film that flickers most: eight of its frames around the flips, and all of it, moving."""
    flips = {name: films.flips(a[:_LOOKED_AT], to_first=name in films.NOISE) for name, a in answers.items()}
    name = max(flips, key=lambda c: float(flips[c].max()))
    chosen = int(np.argmax(flips[name]))
    said = answers[name][chosen]
    if float(flips[name][chosen]) == 0:
        return []
    frames = again(name, chosen)
    changes = np.flatnonzero(np.diff(said)) + 1
    keep = sorted({0, len(said) - 1, *(int(i) for c in changes for i in (c - 1, c))})[:_SHOWN]
    row = tuple(Picture(caption=f"frame {i + 1}: {_word(classes, said[i])}", png=png(frames[i])) for i in keep)
    label = "" if y is None else f" ({_word(classes, y[chosen])})"
    title = f"Flickers most: {name}{label}, {len(changes)} changes in {len(said)} frames"
    film = Attachment(title=f"Film: {title}", name="flicker.gif", media="image/gif", data=_gif(frames))
    return [Pictures(title=title, rows=(row,)), film]


def _word(classes: Sequence[str], index: int) -> str:
    return classes[int(index)] if int(index) < len(classes) else str(int(index))


def _gif(frames: NumpyArray) -> bytes:
    """All frames at a tenth of a second, 112 pixels at most on the longer side and 64 at least."""
    longest = max(frames.shape[1:3])
    factor = min(1.0, _SIDE / longest) if longest >= 64 else -(-64 // longest)
    size = max(1, round(frames.shape[2] * factor)), max(1, round(frames.shape[1] * factor))
    pictures = [
        Image.fromarray(f[..., 0] if f.shape[-1] == 1 else f[..., :3]).convert("RGB").resize(size) for f in frames
    ]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=100, loop=0, optimize=True)
    return out.getvalue()
