"""The service's own path: an uploaded photo becomes pixels, and pixels become a name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from model import build
from PIL import Image

HERE = Path(__file__).parent
LARGEST = 50_000_000  # pixels


def decode(upload: bytes) -> np.ndarray:
    """(3, 224, 224) in [-1, 1], as the network was trained: shorter side to 256, the middle cut out."""
    with Image.open(io.BytesIO(upload), formats=("JPEG", "PNG")) as opened:
        if opened.width * opened.height > LARGEST:
            raise ValueError("more than 50 million pixels")
        photo = opened.convert("RGB")
    scale = 256 / min(photo.size)
    photo = photo.resize((max(224, round(photo.width * scale)), max(224, round(photo.height * scale))), Image.BICUBIC)
    left, top = (photo.width - 224) // 2, (photo.height - 224) // 2
    pixels = np.asarray(photo.crop((left, top, left + 224, top + 224)), np.float32)
    return (pixels.transpose(2, 0, 1) - 127) / 128


def answer() -> Callable[[bytes], dict[str, object]]:
    """Loads the network once, and gives the function that names a photo."""
    network = build()
    state = torch.load(HERE / "weights" / "efficientnet-lite0-57934424.pth", weights_only=True)
    network.load_state_dict(state)
    network.eval()

    def named(upload: bytes) -> dict[str, object]:
        with torch.no_grad():
            scores = network(torch.from_numpy(decode(upload))[None]).softmax(dim=1)[0]
        best = int(scores.argmax())
        return {"class": best, "score": float(scores[best])}

    return named
