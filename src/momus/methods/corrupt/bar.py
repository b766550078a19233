"""The ten corruptions of ImageNet-C-bar, chosen to look like none of ImageNet-C.

Mintun, Kirillov & Xie 2021, arXiv:2102.11273: a model trained on augmentations that resemble ImageNet-C does well
there and may still fall here. Own implementations of the published definitions with their published strengths; they
have the same law, not the same bytes, since chance is drawn in another order. Lengths are shares of the shorter side,
so any size of picture is taken. ``strength`` is the published number of 0 to 10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, ndimage

from momus.core.samples import NumpyArray
from momus.methods.corrupt import planes
from momus.methods.corrupt.noise import Draws, Shape

_RAYS = 200  # of a sparkle, at most; 50 at least
_SPARKLES = 5
_OCTAVES = 5


def _each(rng: np.random.Generator, shape: Shape, one: Callable[[np.random.Generator], Draws]) -> Draws:
    """``one`` per picture, stacked: the first pictures of a longer batch come out the same."""
    made = [one(rng) for _ in range(shape[0])]
    names = made[0] if made else one(np.random.default_rng(0))
    return {name: np.array([m[name] for m in made]) for name in names}


def _spots(x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """(1, h, 1) rows and (1, 1, w) columns, float32."""
    h, w = x.shape[1:3]
    return np.arange(h, dtype=np.float32)[None, :, None], np.arange(w, dtype=np.float32)[None, None]


def _per_picture(a: NumpyArray) -> NumpyArray:
    return np.asarray(a, dtype=np.float32)[:, None, None]


def draw_single_frequency_greyscale(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    def one(rng: np.random.Generator) -> Draws:
        first = rng.uniform(-np.pi, np.pi)
        wave = rng.permutation(np.array([first, rng.uniform(-abs(first), abs(first))]))
        return {"wave": wave, "phase": np.array(rng.uniform(0, 2 * np.pi))}

    return _each(rng, shape, one)


def single_frequency_greyscale(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """One sine wave over the plane: ``wave`` (n, 2) radians a pixel across and down, ``phase`` (n,)."""
    down, across = _spots(x)
    wave = draws["wave"].astype(np.float32)
    field = np.sin(across * _per_picture(wave[:, 0]) + down * _per_picture(wave[:, 1]) + _per_picture(draws["phase"]))
    return planes.grey(x + np.float32(19.6 * strength) * field[..., None])


def draw_cocentric_sine_waves(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _each(rng, shape, lambda r: {"ring": r.random(5)})


def cocentric_sine_waves(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Rings around a point whose rims wave: ``ring`` (n, 5) shares of centre down and across, waves, height, width."""
    h, w = x.shape[1:3]
    tenth = min(h, w) / 10
    scale = np.array([h, w, 10, tenth, tenth])
    top, left, waves, height, width = (_per_picture(column) for column in (draws["ring"] * scale).T)
    down, across = _spots(x)
    dy, dx = down - top, across - left
    rim = np.sqrt(dx * dx + dy * dy) + np.sin(np.arctan2(dx, dy) * waves) * height
    width = np.maximum(width, np.float32(1e-3))
    field = np.mod(rim, width) / width - np.float32(0.5)
    return planes.grey(x + np.float32(12.8 * strength) * field[..., None])


def draw_plasma_noise(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    def one(rng: np.random.Generator) -> Draws:
        law = [rng.uniform(0, 6 * np.pi), float(rng.integers(4, 7)), rng.uniform(0.5, 1.0), rng.uniform(0.075, 0.2)]
        return {"law": np.array(law)}

    return _each(rng, shape, one)


def plasma_noise(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Coloured swirls: the plane is bent by sines of rising frequency, and read out by three more.

    ``law`` (n, 4): time, rounds of bending, sharpness, scale as share of the side.
    """
    c = x.shape[-1]
    weight = np.float32(6.4 * strength)
    out = x * (1 - weight / np.float32(255))
    down, across = _spots(x)
    for made, (time, rounds, sharp, scale) in zip(out, draws["law"], strict=True):
        colours = _swirl(across[0], down[0], float(time), int(rounds), float(sharp), scale * min(x.shape[1:3]))
        shown = colours if c == 3 else [sum(colours) / np.float32(3)]
        for channel, colour in enumerate(shown):
            made[..., channel] += weight * colour
    return planes.grey(out)


def _swirl(
    across: NumpyArray, down: NumpyArray, time: float, rounds: int, sharp: float, scale: float
) -> list[NumpyArray]:
    px, py = np.broadcast_arrays(across / np.float32(scale), down / np.float32(scale))
    frequency, detail, damping, t = 1.0, 1.0, 1.0, np.float32(time)
    for _ in range(rounds):
        bend_x = np.cos(py * np.float32(frequency) + np.float32(time / detail)) / np.float32(damping)
        bend_y = np.sin(px * np.float32(frequency) + np.float32(time / detail)) / np.float32(damping)
        px, py = px + bend_x - np.float32(0.3) * bend_y, py + bend_y + np.float32(0.3) * bend_x
        frequency, detail, damping = frequency * 1.93, detail * 1.15, damping * (2.25 - sharp)
    return [np.sin(px - t), np.sin((px + py + np.sin(t)) * np.float32(0.5)), np.sin(py + t)]


def draw_sparkles(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _each(rng, shape, lambda r: _stars(r, _SPARKLES, 0.0, 1.0))


def draw_inverse_sparkles(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _each(rng, shape, lambda r: _stars(r, 1, 0.25, 0.75))


def _stars(rng: np.random.Generator, count: int, low: float, high: float) -> Draws:
    centre, rays = rng.uniform(low, high, (count, 2)), rng.integers(50, _RAYS, count)
    return {"centre": centre, "rays": rays, "length": rng.standard_normal((count, _RAYS))}


def sparkles(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Five bright stars. ``centre`` (n, 5, 2) shares, ``rays`` (n, 5), ``length`` (n, 5, 200) standard normal."""
    radius = 0.01 * strength * min(x.shape[1:3])
    out = x.astype(np.float32)
    for made, centres, rays, lengths in zip(out, draws["centre"], draws["rays"], draws["length"], strict=True):
        for centre, count, length in zip(centres, rays, lengths, strict=True):
            glow = _glow(x.shape, centre, np.maximum(1, radius * (1 + 0.25 * length[:count])), 1.0)
            made += glow[..., None] * (np.float32(255) - made)
    return planes.grey(out)


def inverse_sparkles(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Everything but a star washed out: the star keeps the picture. Draws as in :func:`sparkles`, one star."""
    radius = 0.25 * min(x.shape[1:3])
    out = x.astype(np.float32) - np.float32(255)
    for made, centres, rays, lengths in zip(out, draws["centre"], draws["rays"], draws["length"], strict=True):
        made *= _glow(x.shape, centres[0], radius * (1 + 0.25 * lengths[0, : rays[0]]), 0.13 * strength)[..., None]
    out += np.float32(255)
    return planes.grey(out)


def _glow(shape: tuple[int, ...], centre: NumpyArray, lengths: NumpyArray, power: float) -> NumpyArray:
    """(h, w) in [0, 1]: how strongly a star shines, falling with distance and between its rays."""
    h, w = shape[1:3]
    dy = np.arange(h, dtype=np.float32)[:, None] - np.float32(centre[0] * h)
    dx = np.arange(w, dtype=np.float32)[None] - np.float32(centre[1] * w)
    count = len(lengths)
    turn = (np.arctan2(dx, dy) + np.float32(np.pi)) * np.float32(count / (2 * np.pi))
    ray = np.minimum(turn.astype(np.intp), count - 1)
    part = turn - ray
    ring = np.append(lengths, lengths[0]).astype(np.float32)
    reach = ring[ray] + part * (ring[ray + 1] - ring[ray])
    bright = (reach * reach / (dx * dx + dy * dy + np.float32(1e-4))) ** np.float32(power)
    glow: NumpyArray = np.clip((1 - (part - np.float32(0.5)) ** 2) * bright, 0, 1)
    return glow


def draw_perlin_noise(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    """Angles of the gradients at the knots of five lattices, each twice as fine as the one before."""
    knots = _knots(shape)

    def one(rng: np.random.Generator) -> Draws:
        return {f"angle{i}": rng.uniform(0, 2 * np.pi, size) for i, size in enumerate(knots)}

    return _each(rng, shape, one)


def _knots(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    cell = _cell(shape)
    sizes = [cell / 2**i for i in range(_OCTAVES)]
    return [(int((shape[1] - 1) / s) + 2, int((shape[2] - 1) / s) + 2) for s in sizes]


def _cell(shape: tuple[int, ...]) -> float:
    return 32 * min(shape[1:3]) / 224


def perlin_noise(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Marble veils: the absolute values of gradient noise (Perlin 1985) over five octaves, mixed in."""
    cell = _cell(x.shape)
    total = np.zeros(x.shape[:3], dtype=np.float32)
    for octave in range(_OCTAVES):
        total += np.abs(_gradient_noise(draws[f"angle{octave}"], x.shape[1:3], cell / 2**octave)) / np.float32(
            2**octave
        )
    veil = np.clip(np.float32(0.5) * total + np.float32(0.5), 0, 1)
    alpha = np.float32(0.05 * strength)
    return planes.grey(x * (1 - alpha) + (255 * alpha * veil)[..., None])


def _gradient_noise(angle: NumpyArray, size: tuple[int, ...], cell: float) -> NumpyArray:
    """(n, h, w) smooth noise of about [-1, 1] from the angles at the knots of a lattice of ``cell`` pixels."""
    at_y, at_x = (np.arange(s, dtype=np.float32) / np.float32(cell) for s in size)
    row, column = at_y.astype(np.intp), at_x.astype(np.intp)
    ry, rx = (at_y - row)[:, None], (at_x - column)[None]
    up, over = np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)
    corner = [
        over[:, row + i][:, :, column + j] * (rx - j) + up[:, row + i][:, :, column + j] * (ry - i)
        for i in (0, 1)
        for j in (0, 1)
    ]
    sy, sx = ry * ry * (3 - 2 * ry), rx * rx * (3 - 2 * rx)
    upper, lower = corner[0] + sx * (corner[1] - corner[0]), corner[2] + sx * (corner[3] - corner[2])
    found: NumpyArray = np.float32(1.5) * (upper + sy * (lower - upper))
    return found


def _phases(rng: np.random.Generator, shape: Shape, fields: int) -> Draws:
    half = shape[1], shape[2] // 2 + 1
    return _each(rng, shape, lambda r: {"phase": r.random((fields, *half), dtype=np.float32)})


def draw_brownish_noise(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _phases(rng, shape, shape[3])


def brownish_noise(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Soft coloured clouds: amplitude 1 / (f f + 1) at f waves a picture. ``phase`` (n, c, h, w // 2 + 1) turns.

    The even shift of a channel counts double in power, since the published noise takes the real part of a spectrum
    that is not symmetric and so loses half the power of all waves, but not of the shift.
    """
    field = _coloured(draws["phase"], x.shape[1:3], lambda f: np.where(f > 0, 1, np.sqrt(2)) / (f * f + 1))
    return planes.grey(x + np.float32(6.4 * strength) * field.transpose(0, 2, 3, 1))


def draw_blue_noise_sample(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _phases(rng, shape, 1)


def blue_noise_sample(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Evenly spread black pixels, where noise that grows with frequency stays under a threshold."""
    field = _coloured(draws["phase"], x.shape[1:3], lambda f: f)[:, 0]
    seen: NumpyArray = (field > np.float32(0.3 * strength - 2.5))[..., None]
    return x * seen.view(np.uint8)


def _coloured(phase: NumpyArray, size: tuple[int, ...], power: Callable[[NumpyArray], NumpyArray]) -> NumpyArray:
    """(n, k, h, w) float32 of unit spread: random phases under an amplitude that depends on waves a picture."""
    h, w = size
    side = min(h, w)
    down, across = np.fft.fftfreq(h) * side, np.fft.rfftfreq(w) * side
    amplitude = power(np.hypot(down[:, None], across)).astype(np.float32)
    turn = phase * np.float32(2 * np.pi)
    spectrum = np.empty(phase.shape, dtype=np.complex64)
    np.multiply(amplitude, np.cos(turn), out=spectrum.real)
    np.multiply(amplitude, np.sin(turn), out=spectrum.imag)
    field = fft.irfft2(spectrum, s=(h, w), overwrite_x=True)
    made: NumpyArray = field / np.maximum(field.std(axis=(2, 3), keepdims=True), np.float32(1e-12))
    return made


def draw_checkerboard_cutout(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    def one(rng: np.random.Generator) -> Draws:
        board = np.array([rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.25)])
        return {"board": board, "cell": rng.random((_reach(shape), _reach(shape)))}

    return _each(rng, shape, one)


def _reach(shape: tuple[int, ...]) -> int:
    """Cells that a board of the narrowest kind needs to cover the picture at any angle, with its middle in the corner.

    Both ways from the corner: twice the diagonal over a tenth of the shorter side.
    """
    return 2 * int(np.ceil(np.hypot(shape[1], shape[2]) / (0.1 * min(shape[1:3])))) + 2


def checkerboard_cutout(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """Grey squares on one colour of a turned checkerboard, each there with a tenth of ``strength`` as its chance.

    ``board`` (n, 2): angle, width of a square as share of the side. ``cell`` (n, k, k) in [0, 1).
    """
    down, across = _spots(x)
    angle = draws["board"][:, 0]
    width = np.maximum(draws["board"][:, 1] * min(x.shape[1:3]), 1.0)
    cosine, sine = _per_picture(np.cos(angle) / width), _per_picture(np.sin(angle) / width)
    first = np.floor(cosine * down + sine * across).astype(np.intp)
    second = np.floor(cosine * across - sine * down).astype(np.intp)
    reach = draws["cell"].shape[1]
    picture = np.arange(len(x))[:, None, None]
    chance = draws["cell"][picture, np.mod(first, reach), np.mod(second, reach)]
    hidden = ((first - second) % 2 == 0) & (chance < strength / 10)
    out = x.copy()
    out[hidden] = 128
    return out


def draw_caustic_refraction(rng: np.random.Generator, shape: Shape, _strength: float) -> Draws:
    return _each(rng, shape, lambda r: {"light": np.array([r.uniform(0.5, 2.0), r.uniform(0.75, 1.25)])})


def caustic_refraction(x: NumpyArray, strength: float, draws: Draws) -> NumpyArray:
    """As through moving water: bright nets of light, and the picture bent under them.

    ``light`` (n, 2): time, and the size of the net as share of the side.
    """
    side = min(x.shape[1:3])
    out: NumpyArray = np.empty(x.shape, dtype=np.float32)
    for i, light in enumerate(draws["light"]):
        picture, made = x[i], out[i]
        time, size = light
        net = ndimage.gaussian_filter(_caustics(picture.shape[:2], float(time), float(size) * side), 1.0)
        ring = np.pad(net, 1)  # no light beyond the border
        slope_down, slope_across = ring[2:, 1:-1] - ring[:-2, 1:-1], ring[1:-1, 2:] - ring[1:-1, :-2]
        length = np.sqrt(slope_down**2 + slope_across**2 + 1)
        # Snell at a ratio of 4: a ray from straight above leaves along (cos b - cos a / 4) n + ..., sin b = sin a / 4.
        level = 1 / length
        bend = np.sqrt(1 - (1 - level**2) / 16) - level / 4
        bend = np.where(level >= 1 - 1e-3, 0, bend) / length * (0.05 * strength * side)
        bright = (slope_down - slope_across) * (0.2 * strength) * 255
        for channel in range(x.shape[-1]):
            moved = _moved(picture[..., channel].astype(np.float32), slope_down * bend, slope_across * bend)
            made[..., channel] = moved + bright
    return planes.grey(out)


def _moved(plane: NumpyArray, down: NumpyArray, across: NumpyArray) -> NumpyArray:
    """(h, w) at the places moved by ``down`` and ``across``, linear interpolation, black outside."""
    h, w = plane.shape
    wide = np.pad(plane, 1)
    y = np.clip(np.arange(h, dtype=np.float32)[:, None] + down + 1, 0, h + 0.999)
    x = np.clip(np.arange(w, dtype=np.float32)[None] + across + 1, 0, w + 0.999)
    top, left = y.astype(np.intp), x.astype(np.intp)
    top, left = np.minimum(top, h), np.minimum(left, w)
    fy, fx = y - top, x - left
    flat, at = wide.ravel(), top * (w + 2) + left
    upper = flat.take(at) * (1 - fx) + flat.take(at + 1) * fx
    lower = flat.take(at + w + 2) * (1 - fx) + flat.take(at + w + 3) * fx
    found: NumpyArray = upper * (1 - fy) + lower * fy
    return found


def _caustics(shape: tuple[int, ...], time: float, size: float) -> NumpyArray:
    """(h, w) in [0, 1]: a net of light, five rounds of folding the plane by its own sines."""
    p0 = (np.arange(shape[0], dtype=np.float32)[:, None] / np.float32(size) % 1) * np.float32(2 * np.pi) - 250
    p1 = (np.arange(shape[1], dtype=np.float32)[None] / np.float32(size) % 1) * np.float32(2 * np.pi) - 250
    p0, p1 = np.broadcast_arrays(p0, p1)
    i0, i1 = p0, p1
    light = np.ones(shape, dtype=np.float32)
    for step in range(5):
        t = np.float32(time * (1 - 3.5 / (step + 1)))
        i0, i1 = (
            p0 + np.cos(t - i0) + np.sin(t + i1),
            p1 + np.sin(t - i1) + np.cos(t + i0),
        )
        wave0, wave1 = np.sin(i0 + t), np.cos(i1 + t)
        # One over 0.005 times the length of (p0 / wave0, p1 / wave1), written without dividing by the waves.
        light += np.abs(wave0 * wave1) / (np.float32(0.005) * np.hypot(p0 * wave1, p1 * wave0) + np.float32(1e-12))
    c = np.float32(1.17) - (light / 5) ** np.float32(1.4)
    net: NumpyArray = np.clip(np.abs(c) ** 8, 0, 1)
    return net
