"""Wavefront OBJ meshes: vertices, texture coordinates and faces as triangles; materials are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import NumpyArray, Samples
from momus.methods.viewing.mesh_unwrap import centred, unwrapped

MAX_TRIANGLES = 200_000
_Corner = tuple[int, int]  # vertex and texture coordinate, from 0; -1 is none


def read_mesh(path: Path) -> Samples:
    """Triangles (n, 3, 5) float64: x, y, z within the unit sphere around the origin, and u, v in [0, 1] as a rule.

    Polygons are split into fans around their first corner. Faces without area are left out. Where a face has no
    texture coordinates the whole surface is unfolded anew, so that every triangle has a place of its own and keeps its
    shape. DataError with ``file:line`` for what is no number, not finite, or points at a vertex that is not there.
    """
    vertices: list[list[float]] = []
    places: list[list[float]] = []
    corners: list[tuple[_Corner, _Corner, _Corner]] = []
    for number, words in _lines(path):
        if words[0] == "v":
            vertices.append(_numbers(path, number, words, 3))
        elif words[0] == "vt":
            places.append([*_numbers(path, number, words, 1)[:2], 0.0][:2])
        elif words[0] == "f":
            corners += _fan(path, number, words, len(vertices), len(places))
            if len(corners) > MAX_TRIANGLES:
                raise _error(path, number, f"more than {MAX_TRIANGLES:,} triangles", "Simplify the mesh")
    if not corners:
        raise DataError("a mesh without faces", code="data/mesh", place=str(path), hint="It needs lines f 1 2 3")
    index = np.array(corners)
    xyz = np.array(vertices, dtype=np.float64)[index[..., 0]]
    solid = _area(xyz) > 1e-12 * max(float(np.ptp(xyz.reshape(-1, 3), axis=0).max()) ** 2, 1e-300)
    if not solid.any():
        raise DataError("no face of the mesh has an area", code="data/mesh", place=str(path))
    index, xyz = index[solid], centred(xyz[solid])
    if (index[..., 1] < 0).any():
        uv = unwrapped(xyz)
    else:
        uv = np.array(places, dtype=np.float64)[index[..., 1]]
    return Samples(np.concatenate([xyz, uv], axis=2))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Numbered lines as words, comments taken away, lines that end in a backslash joined."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"not a readable file: {error}", code="data/mesh", place=str(path)) from error
    out: list[tuple[int, list[str]]] = []
    held: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#", 1)[0].rstrip()
        held += bare.removesuffix("\\").split()
        if held and not bare.endswith("\\"):
            out.append((number, held))
            held = []
    return out


def _numbers(path: Path, number: int, words: list[str], least: int) -> list[float]:
    try:
        values = [float(w) for w in words[1:]]
    except ValueError as error:
        raise _error(path, number, f"'{' '.join(words)[:60]}' holds what is no number") from error
    if len(values) < least:
        raise _error(path, number, f"'{words[0]}' needs at least {least} numbers, {len(values)} are there")
    if not np.isfinite(values).all():
        raise _error(path, number, f"'{' '.join(words)[:60]}' is not finite")
    return values[:3]


def _fan(
    path: Path, number: int, words: list[str], vertices: int, places: int
) -> list[tuple[_Corner, _Corner, _Corner]]:
    if len(words) < 4:
        raise _error(path, number, f"a face needs at least 3 corners, {len(words) - 1} are there")
    found = [_corner(path, number, word, vertices, places) for word in words[1:]]
    return [(found[0], found[i], found[i + 1]) for i in range(1, len(found) - 1)]


def _corner(path: Path, number: int, word: str, vertices: int, places: int) -> _Corner:
    """``7``, ``7/2``, ``7/2/3`` or ``7//3``; negative numbers count back from the last one read."""
    parts = word.split("/")
    try:
        own = [int(p) if p else None for p in parts[:2]]
    except ValueError as error:
        raise _error(path, number, f"'{word}' is no corner of a face") from error
    if own[0] is None or len(parts) > 3:
        raise _error(path, number, f"'{word}' is no corner of a face")
    uv = own[1] if len(own) > 1 else None
    vertex = _resolved(path, number, own[0], vertices, "vertex")
    return vertex, -1 if uv is None else _resolved(path, number, uv, places, "texture coordinate")


def _resolved(path: Path, number: int, given: int, count: int, what: str) -> int:
    index = given - 1 if given > 0 else count + given
    if given == 0 or not 0 <= index < count:
        raise _error(path, number, f"{what} {given} is not there: {count} were read before this line")
    return index


def _area(xyz: NumpyArray) -> NumpyArray:
    normal = np.cross(xyz[:, 1] - xyz[:, 0], xyz[:, 2] - xyz[:, 0])
    return np.asarray(np.linalg.norm(normal, axis=1) / 2)


def _error(path: Path, number: int, message: str, hint: str = "") -> DataError:
    return DataError(message, code="data/mesh", place=f"{path}:{number}", hint=hint)
