"""What a painted object looks like from its sides, where around it the paint works, and the files to print it from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.evidence import Attachment, Bars, Evidence, Grid, Picture, Pictures
from momus.core.samples import NumpyArray
from momus.methods.picture import png
from momus.methods.viewing.mesh import Mesh
from momus.methods.viewing.mesh_unwrap import printed, stretch
from momus.methods.viewing.sheet import sheet
from momus.probes.physical._views import Cells, View, class_name
from momus.stats.intervals import wilson

SHOWN = 4


def sides(
    target: Predicts | None,
    held_out: Sequence[View],
    clean: NumpyArray,
    read: NumpyArray | None,
    textures: Sequence[NumpyArray],
) -> list[Evidence]:
    """A few held-out views from different sides, the object plain above and painted below, with what was read."""
    if not held_out:
        return []
    order = np.argsort([v.pose.azimuth for v in held_out], kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).astype(int)]
    rows = []
    for texture, found in zip(textures, (clean, read), strict=False):
        row = []
        for i in chosen.tolist():
            said = found is not None and i < len(found)
            name = class_name(target, int(found[i])) if said and target is not None and found is not None else ""
            where = f"{held_out[i].pose.azimuth:.0f}°, {held_out[i].pose.elevation:+.0f}°"
            row.append(Picture(caption=f"{name or 'seen'} ({where})", png=png(held_out[i].scene.render(texture))))
        rows.append(tuple(row))
    note = "azimuth and elevation of the camera; each picture as the model gets it, light and print included"
    return [Pictures(title="The object from several sides", note=note, rows=tuple(rows))]


def charts(
    held_out: Sequence[View], recognised: NumpyArray, turned: NumpyArray, names: tuple[str, str]
) -> list[Evidence]:
    """Success by azimuth and elevation over all views, and by distance, roll and light where it was recognised."""
    views = held_out[: len(turned)]
    if not len(views):
        return []
    cells = Cells.for_views(len(held_out))
    band, sector = np.array([v.band for v in views]), np.array([v.sector for v in views])
    known = recognised[: len(turned)]
    rows = tuple(_elevations(views, band, b) for b in range(cells.bands))[::-1]
    columns = tuple(f"{360 * s // cells.sectors}°" for s in range(cells.sectors))
    wanted = f"read as {names[1]}" if names[1] else f"not read as {names[0]}"
    out: list[Evidence] = []
    for title, hit in (
        (f"Painted: {wanted}", turned),
        (f"Plain: read as {names[0]}", known),
    ):
        values = [[_mean(hit[(band == b) & (sector == s)]) for s in range(cells.sectors)] for b in range(cells.bands)]
        out.append(
            Grid(
                title=title,
                note="share of all held-out views of that part of the sphere; columns start at that azimuth",
                rows=rows,
                columns=columns,
                values=tuple(map(tuple, values[::-1])),
                value_label="share of views",
            )
        )
    by = _by_condition(views, known, turned)
    return [*out, by] if by else out


def _elevations(views: Sequence[View], band: NumpyArray, b: int) -> str:
    seen = [v.pose.elevation for v, k in zip(views, band, strict=True) if k == b]
    return f"{min(seen):+.0f}° to {max(seen):+.0f}°" if seen else f"band {b + 1}"


def _mean(hit: NumpyArray) -> float:
    return float(hit.mean()) if len(hit) else 0.0


def _by_condition(views: Sequence[View], known: NumpyArray, won: NumpyArray) -> Bars | None:
    """Success in the lower and the upper half of each condition, over the views recognised when plain."""
    index: list[int] = np.flatnonzero(known).tolist()
    if len(index) < 8:
        return None
    lights = [views[i].scene.light for i in index]
    conditions = {
        "near|far": [views[i].pose.distance for i in index],
        "upright|turned": [abs(views[i].pose.roll) for i in index],
        "from below|from above": [views[i].pose.elevation for i in index],
        "dark|bright": [0.5 * light.gain + light.offset for light in lights],
        "sharp|blurred": [light.blur for light in lights],
        "true colours|faded print": [light.loss for light in lights],
    }
    names, values, low, high = [], [], [], []
    for label, seen in conditions.items():
        given = np.array(seen)
        if np.ptp(given) < 1e-9:
            continue
        upper = given > np.median(given)
        for name, half in zip(label.split("|"), (~upper, upper), strict=True):
            ci = wilson(int(won[index][half].sum()), int(half.sum()))
            names.append(name)
            values.append(_mean(won[index][half]))
            low.append(ci.low)
            high.append(ci.high)
    return Bars(
        title="Success against viewing conditions",
        note="halves of the views that are recognised when plain, split at the middle of each condition",
        y_label="share of views turned",
        names=tuple(names),
        values=tuple(values),
        low=tuple(low),
        high=tuple(high),
    )


def files(mesh: Mesh, texture: NumpyArray, *, size_mm: float, names: tuple[str, str]) -> list[Evidence]:
    """The surface: to look at, as a PNG for a renderer, and as a PDF at true size to cut out and glue on."""
    xyz = mesh.triangles[..., :3].reshape(-1, 3)
    unit = size_mm / float(np.ptp(xyz, axis=0).max())
    side, low, high = (unit * s for s in stretch(mesh.triangles))
    even = high / low < 1.05
    pulled = f"The pattern is stretched {low / side:.2f} to {high / side:.2f}."
    fits = "Every piece keeps its shape." if even else pulled
    mask = printed(mesh.triangles, texture.shape[:2])
    words = [
        f"For an object {size_mm:g} mm in its greatest extent. {fits}",
        "Cut out along the edges, glue on, photograph from all sides, then assess the photographs: docs/physical.md",
    ]
    wanted = f", to be read as {names[1]}" if names[1] else ", to be misread"
    cut = np.where(mask[..., None], texture, 1.0)
    surface = png(cut, least_side=1)
    out: list[Evidence] = [
        Pictures(title="The surface, unfolded", rows=((Picture(caption=f"{side:.0f} mm wide", png=surface),),)),
        Attachment(
            title="Surface as a picture",
            note="texture for a renderer; v points upwards",
            name="surface.png",
            media="image/png",
            data=png(texture, least_side=1),
        ),
    ]
    if 0 < side <= 2000:
        pdf = sheet(texture, width_mm=side, title=f"{names[0]}{wanted}", lines=words, alpha=mask.astype(np.float32))
        note = f"{side:.0f} x {side:.0f} mm over as many pages as it takes"
        made = Attachment(
            title="Surface to print at true size", note=note, name="surface.pdf", media="application/pdf", data=pdf
        )
        out.append(made)
    return out
