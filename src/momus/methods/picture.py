"""Arrays to PNG bytes, for evidence a person can look at."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from momus.core.samples import NumpyArray


def png(image: NumpyArray, *, least_side: int = 96) -> bytes:
    """PNG bytes of one image: (h, w), (h, w, c) or (c, h, w); uint8, or float in [0, 1].

    Small images are enlarged by whole factors, nearest neighbour, until their shorter side has ``least_side`` pixels,
    so that single changed pixels stay visible.
    """
    a = np.asarray(image)
    if a.ndim == 3 and a.shape[0] in (1, 3, 4) and a.shape[-1] not in (1, 3, 4):
        a = np.moveaxis(a, 0, -1)
    if a.dtype != np.uint8:
        a = np.round(np.clip(np.nan_to_num(a), 0.0, 1.0) * 255).astype(np.uint8)
    if a.ndim == 3 and a.shape[-1] == 1:
        a = a[..., 0]
    factor = max(1, -(-least_side // min(a.shape[:2])))
    a = a.repeat(factor, axis=0).repeat(factor, axis=1)
    out = io.BytesIO()
    Image.fromarray(a).save(out, format="PNG", optimize=True)
    return out.getvalue()
