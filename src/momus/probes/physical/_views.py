"""Views of an object from all around: where the camera stands, what light there is, what stands behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods.viewing.eot import Scene, native
from momus.methods.viewing.mesh import NEAREST, Mesh, Pose, view
from momus.methods.viewing.model import ViewingModel

Range = tuple[float, float]
_ROWS = 32  # pictures asked about together


@dataclass(frozen=True)
class Around:
    """Between which bounds the views lie: distance in object radii, angles in degrees; ``light`` from 0 to 1.

    ``light`` 0 leaves paper, light and camera as they are; 1 takes them from the whole of the viewing model.
    """

    distance: Range = (2.6, 3.4)
    elevation: Range = (-90.0, 90.0)
    roll: float = 10.0
    light: float = 1.0

    def __post_init__(self) -> None:
        near, far = self.distance
        low, high = self.elevation
        if not NEAREST <= near <= far <= 100:
            raise ProbeError(f"views from {near:g} to {far:g} object radii: give {NEAREST:g} to 100, near before far")
        if not -90 <= low <= high <= 90:
            raise ProbeError(f"elevations from {low:g} to {high:g} degrees: give -90 to 90, lowest before highest")
        if not 0 <= self.light <= 1 or not 0 <= self.roll <= 180:
            raise ProbeError("light lies between 0 and 1 and roll between 0 and 180 degrees")

    def words(self) -> str:
        """What was declared, for the scope of a measurement."""
        low, high = self.elevation
        sides = "all sides" if (low, high) == (-90, 90) else f"all around, {low:g} to {high:g} degrees above"
        light = f", light {self.light:g} of the model" if self.light < 1 else ""
        return f"{sides}, {self.distance[0]:g} to {self.distance[1]:g} radii away{light}"


@dataclass(frozen=True)
class Cells:
    """Sectors of azimuth times bands of elevation, all of one area on the sphere."""

    bands: int
    sectors: int

    @classmethod
    def for_views(cls, n: int) -> Cells:
        """As many as ``n`` views fill with two or more each, at most 4 x 8."""
        bands = int(np.clip(math.isqrt(max(n, 1) // 4), 1, 4))
        return cls(bands, 2 * bands)

    def of(self, i: int) -> tuple[int, int]:
        """Band and sector of the view ``i``: drawn in turns, so that each cell gets its share."""
        return divmod(i % (self.bands * self.sectors), self.sectors)


@dataclass(frozen=True, eq=False)
class View:
    """One scene and where its camera stands; ``band`` and ``sector`` name its cell."""

    scene: Scene
    pose: Pose
    band: int
    sector: int


def views(
    mesh: Mesh,
    around: Around,
    n: int,
    *,
    shape: tuple[int, int, int],
    texels: int,
    label: int,
    behind: NumpyArray | None,
    rng: np.random.Generator,
) -> list[View]:
    """``n`` views spread over the declared part of the sphere, one drawn in each cell in turn.

    ``shape`` (c, h, w) of the pictures; ``behind`` (m, h, w, c) are backgrounds, plain random colours without any.
    """
    return list(Stream(mesh, around, n, shape, texels, label, behind, int(rng.integers(2**63))))


@dataclass(frozen=True, eq=False)
class Stream(Sequence[View]):
    """The views of :func:`views`, each made when it is asked for: thousands need no memory."""

    mesh: Mesh
    around: Around
    n: int
    shape: tuple[int, int, int]
    texels: int
    label: int
    behind: NumpyArray | None
    seed: int

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, i: int) -> View: ...
    @overload
    def __getitem__(self, i: slice) -> list[View]: ...
    def __getitem__(self, i: int | slice) -> View | list[View]:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(self.n))]
        if not 0 <= i < self.n:
            raise IndexError(i)
        return self._made(i)

    def _made(self, i: int) -> View:
        rng = seeds.rng(self.seed, i)
        channels, h, w = self.shape
        cells = Cells.for_views(self.n)
        band, sector = cells.of(i)
        low, high = (math.sin(math.radians(e)) for e in self.around.elevation)
        up = low + (high - low) * (band + rng.random()) / cells.bands
        pose = Pose(
            azimuth=360 * (sector + rng.random()) / cells.sectors,
            elevation=math.degrees(math.asin(np.clip(up, -1, 1))),
            distance=float(rng.uniform(*self.around.distance)),
            roll=float(rng.uniform(-self.around.roll, self.around.roll)),
            lamp=(float(rng.uniform(0, 360)), float(rng.uniform(30, 80))),
            ambient=float(rng.uniform(0.5, 0.7)),
        )
        light = _model(self.around.light).draw(1, rng)[0].light((h, w))
        ground = np.broadcast_to(rng.uniform(0.1, 1.0, channels).astype(np.float32), (h, w, channels))
        if self.behind is not None and len(self.behind):
            ground = self.behind[int(rng.integers(len(self.behind)))]
        projection = view(self.mesh, pose, (h, w), (self.texels, self.texels))
        return View(Scene(projection, light, ground, self.label), pose, band, sector)


@dataclass(frozen=True, eq=False)
class Scenes(Sequence[Scene]):
    """The scenes of a stream of views."""

    views: Stream

    def __len__(self) -> int:
        return len(self.views)

    @overload
    def __getitem__(self, i: int) -> Scene: ...
    @overload
    def __getitem__(self, i: slice) -> list[Scene]: ...
    def __getitem__(self, i: int | slice) -> Scene | list[Scene]:
        return [v.scene for v in self.views[i]] if isinstance(i, slice) else self.views[i].scene


def _model(light: float) -> ViewingModel:
    """The viewing model's light, paper and camera, weakened towards none. Noise is a good camera's: a fifth."""
    own, none = ViewingModel(noise=(0.0, 0.02)), {"contrast": 1.0, "gamma": 1.0}
    kept = ("brightness", "contrast", "gamma", "cast", "blur", "noise", "loss")

    def weak(name: str) -> Range:
        still = none.get(name, 0.0)
        low, high = getattr(own, name)
        return still + light * (low - still), still + light * (high - still)

    return ViewingModel(**{name: weak(name) for name in kept})


def picture_shape(target: Predicts) -> tuple[int, int, int]:
    """(c, h, w) of the pictures that the target takes."""
    shape = target.info.shape
    if target.info.modality != "image" or shape is None or len(shape) != 3:
        raise ProbeError(
            "views of an object need to know the size of the model's pictures",
            place=f"target '{target.info.name}'",
            hint="Say input.shape on the card",
        )
    return int(shape[0]), int(shape[1]), int(shape[2])


def backgrounds(target: Predicts, trial: Trial, shape: tuple[int, int, int]) -> NumpyArray | None:
    """The photographs that objects stand in front of, (m, h, w, c) in [0, 1]; at most 64."""
    given: Samples | None = trial.data.get("backgrounds")
    if given is None or not len(given):
        return None
    if not given.is_image:
        raise ProbeError("backgrounds are pictures", place=given.name)
    few = given.sample(64, trial.rng)
    chw = to_numpy(target.encode(few.x))
    if chw.shape[1:] != shape:
        raise ProbeError(f"backgrounds of shape {chw.shape[1:]}, the model takes {shape}", place=given.name)
    return np.ascontiguousarray(np.moveaxis(chw, 1, -1), dtype=np.float32)


def class_index(target: Predicts, given: str | int | None, option: str) -> int | None:
    """A class named by its name or its number; ProbeError for one that the model does not have."""
    if given is None or given == "":
        return None
    classes = target.info.classes
    text = str(given)
    if text in classes:
        return classes.index(text)
    if text.isdigit() and int(text) < len(classes):
        return int(text)
    raise ProbeError(
        f"the model has no class '{text}'",
        place=f"option '{option}'",
        hint=f"One of {', '.join(classes[:8])}{' ...' if len(classes) > 8 else ''}, or a number from 0",
    )


def class_name(target: Predicts, index: int) -> str:
    classes = target.info.classes
    return classes[index] if 0 <= index < len(classes) else f"class {index}"


def answers(ask: Callable[[Array], Array], scenes: Sequence[View], texture: NumpyArray, like: Array) -> NumpyArray:
    """What the model says to the texture in these views, (k,): fewer than there are views where the budget ends."""
    found: list[NumpyArray] = []
    try:
        for i in range(0, len(scenes), _ROWS):
            part = np.stack([v.scene.render(texture) for v in scenes[i : i + _ROWS]])
            found.append(to_numpy(ask(native(part, like))).astype(np.int64))
    except BudgetSpent:
        pass  # what was answered so far is the answer; callers see by its length that the budget ended
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def plain_texture(trial: Trial, colour: str, texels: int, channels: int) -> NumpyArray:
    """What the object looks like before anybody touches it: the picture in the role ``texture``, or one colour."""
    given = trial.data.get("texture")
    if given is not None and len(given):
        if not given.is_image:
            raise ProbeError("a texture is a picture", place=given.name)
        return _scaled(given.x[0], texels, channels)
    text = colour.removeprefix("#")
    try:
        values = [int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    except ValueError:
        values = []
    if len(text) != 6 or len(values) != 3:
        raise ProbeError(f"'{colour}' is no colour", place="option 'colour'", hint="As in #b4b4b4")
    tint = np.array(values if channels == 3 else [np.mean(values)] * channels, dtype=np.float32)
    return np.tile(tint, (texels, texels, 1))


def _scaled(picture: NumpyArray, texels: int, channels: int) -> NumpyArray:
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image = image.convert("L" if channels == 1 else "RGB").resize((texels, texels), Image.Resampling.BICUBIC)
    return (np.asarray(image, dtype=np.float32) / 255).reshape(texels, texels, -1)


def random_texture(texels: int, channels: int, rng: np.random.Generator, patches: int = 32) -> NumpyArray:
    """Random colours in ``patches`` x ``patches`` squares: what paint without an attack does."""
    small = rng.random((patches, patches, channels), dtype=np.float32)
    at = np.arange(texels) * patches // texels
    return np.asarray(small[at][:, at])
