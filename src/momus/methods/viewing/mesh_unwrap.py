"""Unfolding a mesh into flat pieces that keep the shape of every triangle, as a paper model is cut out of a sheet.

A piece starts at the largest triangle left and takes in neighbours, each laid flat over the edge it shares, as long as
nothing overlaps. The pieces are then packed into a square. One length on the square is one length on the object, so
that the sheet can be printed at true size, cut out and glued on.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from momus.core.samples import NumpyArray

_MOST = 160  # triangles of a piece: larger ones are awkward to cut out and slow to check for overlaps
GAP = 0.006  # of the square's side, left free around each piece so that no colour bleeds over


def centred(xyz: NumpyArray) -> NumpyArray:
    """Triangles (n, 3, 3) with the middle of their box at the origin and the farthest point at distance 1."""
    flat = xyz.reshape(-1, 3)
    moved = xyz - (flat.min(axis=0) + flat.max(axis=0)) / 2
    return np.asarray(moved / np.linalg.norm(moved, axis=2).max())


def unwrapped(xyz: NumpyArray) -> NumpyArray:
    """Texture coordinates (n, 3, 2) in [0, 1] for triangles (n, 3, 3) of positive area, all at one scale."""
    flat = _flat(xyz)
    pieces: list[tuple[NumpyArray, NumpyArray]] = []
    left = np.ones(len(xyz), dtype=bool)
    beside = _neighbours(xyz)
    for seed in np.argsort(-_areas(flat), kind="stable"):
        if left[seed]:
            pieces.append(_piece(int(seed), flat, beside, left))  # noqa: PERF401 - each piece takes from what is left
    return _packed(len(xyz), pieces)


def stretch(triangles: NumpyArray) -> tuple[float, float, float]:
    """Square roots of surface over texture area of triangles (n, 3, 5): whole, and the 5th and 95th percentile.

    The first is the side of the square [0, 1] in the units of the mesh at which printed area equals the object's; the
    other two are equal to it where no triangle is stretched. Triangles without texture area do not count.
    """
    edges = triangles[:, 1:] - triangles[:, :1]
    surface = np.linalg.norm(np.cross(edges[:, 0, :3], edges[:, 1, :3]), axis=1)
    printed = np.abs(edges[:, 0, 3] * edges[:, 1, 4] - edges[:, 0, 4] * edges[:, 1, 3])
    counts = printed > 1e-12
    if not counts.any():
        return 1.0, 1.0, 1.0
    each = np.sqrt(surface[counts] / printed[counts])
    order = np.argsort(each)
    share = np.cumsum(surface[counts][order]) / surface[counts].sum()
    low, high = (each[order][min(int(np.searchsorted(share, q)), len(order) - 1)] for q in (0.05, 0.95))
    return float(np.sqrt(surface[counts].sum() / printed[counts].sum())), float(low), float(high)


def _flat(xyz: NumpyArray) -> NumpyArray:
    """Each triangle in the plane (n, 3, 2): first corner at the origin, second on the x axis, third above it."""
    first, second = xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0]
    length = np.maximum(np.linalg.norm(first, axis=1), 1e-300)
    along = (first * second).sum(axis=1) / length
    above = np.linalg.norm(np.cross(first, second), axis=1) / length
    out = np.zeros((len(xyz), 3, 2))
    out[:, 1, 0], out[:, 2, 0], out[:, 2, 1] = length, along, above
    return out


def _areas(flat: NumpyArray) -> NumpyArray:
    return np.asarray(flat[:, 1, 0] * flat[:, 2, 1] / 2)


def _neighbours(xyz: NumpyArray) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
    """(triangle, edge) -> (triangle, its corner at our edge's start, its corner at our edge's end) across that edge."""
    rounded = np.round(xyz.reshape(-1, 3), 7) + 0.0
    names = np.unique(rounded, axis=0, return_inverse=True)[1].reshape(len(xyz), 3).tolist()
    by_edge: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for t, corner in enumerate(names):
        for e in range(3):
            a, b = corner[e], corner[(e + 1) % 3]
            by_edge.setdefault((min(a, b), max(a, b)), []).append((t, e))
    out: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for (a, b), ends in by_edge.items():
        for t, e in ends:
            start, end = (a, b) if names[t][e] == a else (b, a)
            out[t, e] = [(o, names[o].index(start), names[o].index(end)) for o, _ in ends if o != t and a != b]
    return out


def _piece(
    seed: int, flat: NumpyArray, beside: dict[tuple[int, int], list[tuple[int, int, int]]], left: NumpyArray
) -> tuple[NumpyArray, NumpyArray]:
    """One unfolded piece: triangle numbers (k,) and their corners (k, 3, 2). Takes them out of ``left``."""
    members, laid = [seed], np.empty((_MOST, 3, 2))
    laid[0] = flat[seed]
    left[seed] = False
    queue = deque([0])
    while queue and len(members) < _MOST:
        at = queue.popleft()
        for e in range(3):
            for other, start, end in beside.get((members[at], e), ()):
                if not left[other] or len(members) >= _MOST:
                    continue
                placed = _across(laid[at, e], laid[at, (e + 1) % 3], laid[at, (e + 2) % 3], flat[other], start, end)
                if not _overlaps(placed, laid[: len(members)]):
                    laid[len(members)] = placed
                    queue.append(len(members))
                    members.append(other)
                    left[other] = False
    return np.array(members), _upright(laid[: len(members)].copy())


def _across(a: NumpyArray, b: NumpyArray, inner: NumpyArray, shape: NumpyArray, start: int, end: int) -> NumpyArray:
    """``shape`` moved so that its corners ``start`` and ``end`` lie on a and b, its third away from ``inner``."""
    third = 3 - start - end
    axis = b - a
    length = max(float(np.hypot(*axis)), 1e-300)
    axis = axis / length
    away = np.array([-axis[1], axis[0]])
    if (inner - a) @ away > 0:
        away = -away
    own = shape[end] - shape[start]
    unit = own / max(float(np.hypot(*own)), 1e-300)
    rest = shape[third] - shape[start]
    along, above = rest @ unit, abs(unit[0] * rest[1] - unit[1] * rest[0])
    out = np.empty((3, 2))
    out[start], out[end], out[third] = a, b, a + along * axis + above * away
    return out


def _overlaps(one: NumpyArray, many: NumpyArray) -> bool:
    """True where triangle (3, 2) shares more than an edge with one of (k, 3, 2): no axis keeps them apart."""
    size = float(np.ptp(one, axis=0).max())
    apart = np.zeros(len(many), dtype=bool)
    normals = np.roll(one, -1, axis=0) - one
    normals = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    ours, theirs = normals @ one.T, np.einsum("ac,kvc->kav", normals, many)
    slack = 1e-6 * size
    apart |= _separate(ours[None].min(axis=2), ours[None].max(axis=2), theirs, slack)
    sides = np.roll(many, -1, axis=1) - many
    across = np.stack([-sides[..., 1], sides[..., 0]], axis=2)
    across /= np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-300)
    mine = np.einsum("kac,vc->kav", across, one)
    apart |= _separate(mine.min(axis=2), mine.max(axis=2), np.einsum("kac,kvc->kav", across, many), slack)
    return not bool(apart.all())


def _separate(low: NumpyArray, high: NumpyArray, other: NumpyArray, slack: float) -> NumpyArray:
    found: NumpyArray = ((low >= other.max(axis=2) - slack) | (high <= other.min(axis=2) + slack)).any(axis=1)
    return found


def _upright(laid: NumpyArray) -> NumpyArray:
    """The piece turned so that its box is small and lies on its longer side, its corner at the origin."""
    points = laid.reshape(-1, 2)
    best, area = laid, np.inf
    for angle in np.arange(0, np.pi / 2, np.pi / 24):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        box = np.ptp(points @ turn.T, axis=0)
        if box.prod() < area * (1 - 1e-9):
            best, area = laid @ turn.T, float(box.prod())
    low, size = best.reshape(-1, 2).min(axis=0), np.ptp(best.reshape(-1, 2), axis=0)
    best = best - low
    if size[1] > size[0]:  # turned, not mirrored
        best = np.stack([best[..., 1], size[0] - best[..., 0]], axis=-1)
    return np.asarray(best)


def _packed(n: int, pieces: list[tuple[NumpyArray, NumpyArray]]) -> NumpyArray:
    """Pieces in shelves, tallest first, in the smallest square that holds them, scaled to [0, 1]."""
    sizes = np.array([laid.reshape(-1, 2).max(axis=0) for _, laid in pieces])
    side = float(np.sqrt(sizes.prod(axis=1).sum()))
    low, high = 0.0, 0.0
    while not high or high - low > 0.01 * high:
        trial = (high and (low + high) / 2) or side
        if _shelves(sizes, trial) is not None:
            high = trial
        else:
            low, side = trial, side * 1.3
    corners = _shelves(sizes, high)
    assert corners is not None
    uv = np.empty((n, 3, 2))
    for (members, laid), corner in zip(pieces, corners, strict=True):
        uv[members] = (laid + corner) / high
    return np.clip(uv, 0.0, 1.0)


def _shelves(sizes: NumpyArray, side: float) -> NumpyArray | None:
    """Lower left corners (k, 2) of boxes in rows within a square, None where they do not fit."""
    gap = GAP * side
    out = np.empty_like(sizes)
    x, y, height = gap, gap, 0.0
    for i in np.argsort(-sizes[:, 1], kind="stable"):
        w, h = sizes[i]
        if x + w + gap > side:
            x, y, height = gap, y + height + gap, 0.0
        if x + w + gap > side or y + h + gap > side:
            return None
        out[i] = x, y
        x, height = x + w + gap, max(height, h)
    return out


def printed(triangles: NumpyArray, texture: tuple[int, int]) -> NumpyArray:
    """(th, tw) booleans: the texels that lie on the surface of triangles (n, 3, 5); the rest of a sheet is cut off."""
    from PIL import Image, ImageDraw

    th, tw = texture
    mask = Image.new("1", (tw, th))
    draw = ImageDraw.Draw(mask)
    uv = triangles[..., 3:] - np.floor(triangles[..., 3:].min(axis=1, keepdims=True) + 1e-9)
    for corners in np.stack([uv[..., 0] * tw - 0.5, (1 - uv[..., 1]) * th - 0.5], axis=-1).reshape(-1, 6).tolist():
        draw.polygon(corners, fill=1, outline=1)
    return np.asarray(mask, dtype=bool)
