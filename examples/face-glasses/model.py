"""A face recogniser: dlib's ResNet in PyTorch, and the people it knows as the mean of five photos each.

The network turns a face into 128 numbers; a photo belongs to the person whose gallery mean is nearest. ``logits`` are
minus the squared distances, sharpened so that a softmax over them is a usable confidence. The weights are those that
face-api ships, eight bits each, read here from their own layout; prepare.py makes the gallery from the ORL photos.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SHARPNESS = 40.0  # squared distances here: 0.07 to the own mean, 0.27 to the nearest other (medians)
MEAN = (122.782, 117.001, 104.298)
STAGES = (("conv32", 3), ("conv64", 3), ("conv128", 2), ("conv256", 2))


def read_weights(folder: Path) -> dict[str, Any]:
    """Tensors by name from face-api's manifest and its one file of numbers, dequantised."""
    manifest = json.loads((folder / "face_recognition_model-weights_manifest.json").read_text())[0]
    content = (folder / "face_recognition_model.bin").read_bytes()
    place, out = 0, {}
    for entry in manifest["weights"]:
        packed = entry.get("quantization")
        kind = np.dtype(packed["dtype"] if packed else entry["dtype"])
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(content, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        if packed:
            values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
        out[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    if place != len(content):
        raise ValueError(f"the manifest describes {place} bytes, the file has {len(content)}")
    return out


class Layer(nn.Module):  # type: ignore[misc]
    """A convolution followed by a scale and a shift for each channel, folded into one convolution."""

    def __init__(self, weights: dict[str, Any], name: str, stride: int) -> None:
        super().__init__()
        kernel = weights[f"{name}/conv/filters"].permute(3, 2, 0, 1)
        scale, shift = weights[f"{name}/scale/weights"], weights[f"{name}/scale/biases"]
        self.stride, self.padding = stride, kernel.shape[-1] // 2 if stride == 1 else 0
        self.register_buffer("kernel", (kernel * scale[:, None, None, None]).contiguous())
        self.register_buffer("bias", weights[f"{name}/conv/bias"] * scale + shift)

    def forward(self, x: Any) -> Any:
        return functional.conv2d(x, self.kernel, self.bias, self.stride, self.padding)


class Block(nn.Module):  # type: ignore[misc]
    """Two convolutions and a way around them; ``down`` halves the picture and may add channels."""

    def __init__(self, weights: dict[str, Any], name: str, *, down: bool) -> None:
        super().__init__()
        self.first, self.second = Layer(weights, f"{name}/conv1", 2 if down else 1), Layer(weights, f"{name}/conv2", 1)
        self.down = down

    def forward(self, x: Any) -> Any:
        y = self.second(functional.relu(self.first(x)))
        if self.down:
            x = functional.avg_pool2d(x, 2, 2)
            side = max(x.shape[2], y.shape[2])
            x, y = _padded(x, side), _padded(y, side)
            if y.shape[1] > x.shape[1]:
                x = torch.cat([x, x.new_zeros(len(x), y.shape[1] - x.shape[1], side, side)], 1)
        return functional.relu(x + y)


def _padded(x: Any, side: int) -> Any:
    return functional.pad(x, (0, side - x.shape[3], 0, side - x.shape[2]))


class FaceNet(nn.Module):  # type: ignore[misc]
    """(n, 3, 150, 150) in 0 to 255 -> (n, 128)."""

    def __init__(self, weights: dict[str, Any]) -> None:
        super().__init__()
        self.stem = Layer(weights, "conv32_down", 2)
        blocks = []
        for name, count in STAGES:
            if name != "conv32":
                blocks.append(Block(weights, f"{name}_down", down=True))
            blocks += [Block(weights, f"{name}_{i + 1}", down=False) for i in range(count)]
        blocks.append(Block(weights, "conv256_down_out", down=True))
        self.blocks = nn.Sequential(*blocks)
        self.register_buffer("last", weights["fc"])
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])

    def forward(self, x: Any) -> Any:
        y = functional.relu(self.stem((x - self.mean) / 256))
        return self.blocks(functional.max_pool2d(y, 3, 2)).mean((2, 3)) @ self.last


class Recogniser(nn.Module):  # type: ignore[misc]
    """Grey photos (n, 1, h, w) in 0 to 255 -> how well each known person fits, (n, people)."""

    def __init__(self, net: Any, gallery: Any) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("gallery", gallery)

    def embed(self, x: Any) -> Any:
        """(n, 128) of the faces, enlarged to what the network was trained on; grey stands for all three colours."""
        face = functional.interpolate(x.expand(-1, 3, -1, -1), size=(150, 150), mode="bilinear", align_corners=False)
        return self.net(face)

    def forward(self, x: Any) -> Any:
        apart = self.embed(x)[:, None] - self.gallery[None]
        return -SHARPNESS * (apart**2).sum(2)


def build() -> Any:
    """The recogniser with the people that ``prepare.py`` enrolled."""
    folder = Path(__file__).resolve().parent / "weights"
    if not (folder / "gallery.npy").exists():
        raise FileNotFoundError("weights/gallery.npy is missing: run python examples/face-glasses/prepare.py")
    gallery = torch.from_numpy(np.load(folder / "gallery.npy"))
    return Recogniser(FaceNet(read_weights(folder)), gallery).eval()
