"""Films and storyboards of episodes: frames to an animated GIF of bounded size, and to rows of pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from momus.core.evidence import Picture
from momus.core.samples import NumpyArray
from momus.methods.picture import png

LARGEST = 1_500_000  # bytes of one film
_INK, _FADED, _PAPER = (32, 34, 38), (110, 114, 122), (255, 255, 255)


@dataclass(frozen=True)
class Shot:
    """One frame (h, w, 3) uint8 and what is written below it: lines of label and value."""

    image: NumpyArray
    captions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reel:
    """The shots of one episode under one title. Reels that are shown side by side keep step; a shorter one waits."""

    title: str
    shots: tuple[Shot, ...]


def rendered(env: Any) -> NumpyArray | None:
    """The environment's own picture of this moment, (h, w, 3) uint8; None where it draws none."""
    render = getattr(env, "render", None)
    if not callable(render):
        return None
    try:
        frame = render()
    except (NotImplementedError, TypeError, AssertionError, AttributeError, ValueError):
        return None
    frame = frame[-1] if isinstance(frame, list) and frame else frame
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[-1] not in (3, 4) or not frame.size:
        return None
    if frame.dtype != np.uint8:
        frame = np.clip(frame * (255 if frame.max() <= 1 else 1), 0, 255).astype(np.uint8)
    return np.array(frame[..., :3])


def drawing_env(env: Any) -> Any:
    """The same environment, drawing arrays where it can and was not asked to: opened again if that is possible."""
    modes = (getattr(env, "metadata", None) or {}).get("render_modes", ())
    spec = getattr(env, "spec", None)
    if getattr(env, "render_mode", "rgb_array") is not None or "rgb_array" not in modes or spec is None:
        return env
    try:
        made = spec.make(render_mode="rgb_array")
    except (ValueError, TypeError, AttributeError):
        # A wrapper of the user's own cannot be made again from its name: the world below is told to draw instead.
        if getattr(env.unwrapped, "render_mode", "unknown") is None:
            env.unwrapped.render_mode = "rgb_array"
        return env
    if callable(getattr(env, "close", None)):
        env.close()
    return made


def film(reels: Sequence[Reel], *, seconds_a_frame: float = 0.25, side: int = 260, most: int = LARGEST) -> bytes | None:
    """An animated GIF of the reels side by side, each with its title above and its captions below.

    None for reels without shots. ``side`` is the longer side of a picture in pixels. Above ``most`` bytes some are left
    out, evenly, and the rest is shown longer.
    """
    if not reels or not all(r.shots for r in reels):
        return None
    length = max(len(r.shots) for r in reels)
    keep = length
    while True:
        chosen = np.unique(np.linspace(0, length - 1, keep).round().astype(int))
        data = _gif([_sheet(reels, int(i), side) for i in chosen], seconds_a_frame * length / len(chosen))
        if len(data) <= most or keep <= 8:
            return data
        keep = max(8, min(keep - 1, int(keep * most / len(data) * 0.95)))


def storyboard(reel: Reel, count: int = 8, *, least_side: int = 120) -> tuple[Picture, ...]:
    """``count`` shots of a reel as pictures with captions: the first moves one by one, then the middle and the last."""
    last = len(reel.shots) - 1
    chosen = sorted({min(i, last) for i in [*range(count - 2), (count - 3 + last) // 2, last]})
    return tuple(
        Picture(
            caption=", ".join(f"{k} {v}".strip() for k, v in reel.shots[i].captions) or f"{reel.title}, {i}",
            png=png(_fitted(reel.shots[i].image, 320), least_side=least_side),
        )
        for i in chosen
    )


def _gif(sheets: list[Image.Image], seconds: float) -> bytes:
    """One palette for all sheets, so that colours do not flicker; the last sheet stays for a while."""
    palette = _palette(sheets)
    frames = [s.quantize(palette=palette, dither=Image.Dither.NONE) for s in sheets]
    pause = max(20, round(seconds * 1000))
    out = io.BytesIO()
    durations = [pause] * (len(frames) - 1) + [max(1500, pause)]
    frames[0].save(
        out, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False
    )
    return out.getvalue()


def _palette(sheets: list[Image.Image]) -> Image.Image:
    some = [sheets[i] for i in np.unique(np.linspace(0, len(sheets) - 1, 6).round().astype(int))]
    strip = Image.new("RGB", (some[0].width, sum(s.height for s in some)))
    for i, sheet in enumerate(some):
        strip.paste(sheet, (0, i * sheet.height))
    return strip.quantize(colors=128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _sheet(reels: Sequence[Reel], index: int, side: int) -> Image.Image:
    panels = [_panel(r, min(index, len(r.shots) - 1), side) for r in reels]
    gap = 18
    width = sum(p.width for p in panels) + gap * (len(panels) + 1)
    sheet = Image.new("RGB", (width, max(p.height for p in panels) + 2 * gap), _PAPER)
    x = gap
    for panel in panels:
        sheet.paste(panel, (x, gap))
        x += panel.width + gap
    return sheet


def _panel(reel: Reel, index: int, side: int) -> Image.Image:
    """Title, picture, and one line a caption: the label on the left, its value on the right."""
    shot = reel.shots[index]
    picture = Image.fromarray(_fitted(shot.image, side))
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    width = max(picture.width, 200)
    title, text = ImageFont.load_default(15), ImageFont.load_default(13)
    lines = max(len(s.captions) for s in reel.shots)
    panel = Image.new("RGB", (width, 28 + picture.height + 8 + 20 * lines), _PAPER)
    draw = ImageDraw.Draw(panel)
    draw.text((width / 2, 2), reel.title, fill=_INK, font=title, anchor="ma")
    panel.paste(picture, ((width - picture.width) // 2, 28))
    for i, (label, value) in enumerate(shot.captions):
        y = 28 + picture.height + 8 + 20 * i
        draw.text((4, y), label, fill=_FADED, font=text)
        draw.text((width - 4, y), value, fill=_INK, font=text, anchor="ra")
    return panel


def _fitted(image: NumpyArray, side: int) -> NumpyArray:
    """Small pictures enlarged by whole factors up to ``side``, so that their tiles stay sharp."""
    factor = max(1, side // max(image.shape[:2]))
    return np.asarray(image).repeat(factor, axis=0).repeat(factor, axis=1)
