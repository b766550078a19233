"""Paper, light and camera: what happens to colours, with the derivative at the point.

Two stages. ``ink`` turns the colours of the file into those of the print as a camera sees them: it applies to the
printed texture alone, because what stands behind it was photographed and not printed. ``forward`` is the scene's light
and the camera, over the whole picture: gamma, blur, gain and offset, noise, and the sensor's range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from momus.core.samples import NumpyArray

GREY = (0.299, 0.587, 0.114)  # how much each primary counts for brightness (ITU-R BT.601)
# A full print-and-scan loss, our choice for office laser printing on plain paper: a third of the saturation gone, black
# no darker than 0.10, white no brighter than 0.92.
DULL, BLACK, WHITE = 0.35, 0.10, 0.92


@dataclass(frozen=True)
class Light:
    """One state of print, light and camera. The defaults change nothing.

    ``gain``, ``offset``: picture times gain plus offset. ``gamma``: exponent on the light that arrives. ``balance``:
    a factor for each channel of the print (white balance; one number serves all). ``loss`` in [0, 1]: how much of the
    print-and-scan colour loss applies. ``blur``: standard deviation in pixels. ``noise``: standard deviation, drawn
    from ``seed`` so that the same light gives the same picture.
    """

    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0
    balance: tuple[float, ...] = (1.0,)
    loss: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def colours(self, channels: int) -> tuple[NumpyArray, float]:
        """The print's colour matrix (channels, channels) and what is added to each channel."""
        dull = self.loss * DULL
        grey = np.tile(GREY, (3, 1)) if channels == 3 else np.full((channels, channels), 1.0 / channels)
        mix = (1 - dull) * np.eye(channels) + dull * grey
        black, white = self.loss * BLACK, 1 - self.loss * (1 - WHITE)
        given = self.balance if len(self.balance) == channels else self.balance[:1]
        balance = np.broadcast_to(np.asarray(given, dtype=float), (channels,))
        return (balance[:, None] * mix * (white - black)).astype(np.float32), black

    def ink(self, texture: NumpyArray) -> NumpyArray:
        """(..., c) colours of the file -> colours of the print."""
        matrix, black = self.colours(texture.shape[-1])
        printed: NumpyArray = texture @ matrix.T + np.float32(black)
        return printed

    def ink_back(self, gradient: NumpyArray) -> NumpyArray:
        """Adjoint of the linear part of :meth:`ink`: gradient by the print -> gradient by the file."""
        matrix, _ = self.colours(gradient.shape[-1])
        back: NumpyArray = gradient @ matrix
        return back

    def forward(self, picture: NumpyArray) -> NumpyArray:
        """(h, w, c) light that arrives -> the camera's picture in [0, 1]."""
        return np.clip(self._exposed(picture), 0.0, 1.0)

    def backward(self, picture: NumpyArray, gradient: NumpyArray) -> NumpyArray:
        """Gradient by the camera's picture -> gradient by the light that arrives, at ``picture``. Exact.

        Where the sensor is at the end of its range nothing comes back.
        """
        exposed = self._exposed(picture)
        back = np.where((exposed >= 0) & (exposed <= 1), gradient, np.float32(0)) * np.float32(self.gain)
        back = self._blurred(back)
        if self.gamma != 1.0:
            base = np.maximum(picture, 1e-4)
            back = back * np.where(picture > 1e-4, self.gamma * base ** (self.gamma - 1), 0.0)
        return back.astype(np.float32, copy=False)

    def silent(self) -> Light:
        """The same light without noise."""
        return replace(self, noise=0.0)

    def _exposed(self, picture: NumpyArray) -> NumpyArray:
        light = picture if self.gamma == 1.0 else np.maximum(picture, 1e-4) ** self.gamma
        out = self._blurred(light) * np.float32(self.gain) + np.float32(self.offset)
        if self.noise:
            draw = np.random.default_rng(self.seed).standard_normal(out.shape, dtype=np.float32)
            out = out + np.float32(self.noise) * draw
        return out.astype(np.float32, copy=False)

    def _blurred(self, picture: NumpyArray) -> NumpyArray:
        """Gaussian blur with mirrored edges: a symmetric map, so its own adjoint."""
        if self.blur <= 0:
            return picture
        done: NumpyArray = ndimage.gaussian_filter(picture, (self.blur, self.blur, 0), mode="reflect", truncate=4.0)
        return done
