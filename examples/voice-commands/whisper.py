"""Whisper tiny.en as a small PyTorch module: sound in, log-probabilities of tokens out, gradients all the way.

The architecture is the published one (arXiv:2212.04356): log-mel features, two convolutions, four encoder and four
decoder blocks of width 384 with six heads, tied embeddings. The context may be shorter than 30 seconds, which costs
that much less: position encodings are cut to the clip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from momus.targets.torch_load import read_safetensors

RATE, WINDOW, HOP, MELS = 16_000, 400, 160, 80
WIDTH, HEADS, LAYERS, TOKENS = 384, 6, 4, 51_864
START, NO_TIMES, END = 50_257, 50_362, 50_256
Tensor = Any


def mel_filters() -> Tensor:
    """(80, 201) triangles of equal area on Slaney's mel scale: linear below 1,000 Hz, logarithmic above."""
    step = 200 / 3

    def hertz(mel: Any) -> Any:
        return np.where(mel < 15, mel * step, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    highest = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    edges = hertz(np.linspace(0, highest, MELS + 2))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.tensor(triangles, dtype=torch.float32)


class Attention(nn.Module):
    """Attention with six heads; keys have no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH, bias=False)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, other: Tensor | None = None, *, causal: bool = False) -> Tensor:
        return self.over(x, *self.keys_and_values(x if other is None else other), causal=causal)

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._split(self.key(x)), self._split(self.value(x))

    def over(self, x: Tensor, keys: Tensor, values: Tensor, *, causal: bool = False) -> Tensor:
        """What ``x`` makes of keys and values."""
        mixed = nn.functional.scaled_dot_product_attention(self._split(self.query(x)), keys, values, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, a: Tensor) -> Tensor:
        return a.unflatten(2, (HEADS, -1)).transpose(1, 2)


class Block(nn.Module):
    """Self-attention, attention over the sound in the decoder, and two dense layers; each on a normalised residual."""

    def __init__(self, decodes: bool) -> None:
        super().__init__()
        self.own, self.own_norm = Attention(), nn.LayerNorm(WIDTH)
        self.cross, self.cross_norm = (Attention(), nn.LayerNorm(WIDTH)) if decodes else (None, None)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, sound: Tensor | None = None) -> Tensor:
        x = x + self.own(self.own_norm(x), causal=self.cross is not None)
        if self.cross is not None:
            x = x + self.cross(self.cross_norm(x), sound)
        return self._dense(x)

    def _dense(self, x: Tensor) -> Tensor:
        return x + self.narrow(nn.functional.gelu(self.wide(self.norm(x))))

    def apart(self, x: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """The block over two stretches of one sequence, the second without gradients."""
        near = self.own_norm(x)
        with torch.no_grad():
            far = self.own_norm(rest)
            keys, values = self.own.keys_and_values(far)
        k, v = self.own.keys_and_values(near)
        k, v = torch.cat([k, keys], dim=2), torch.cat([v, values], dim=2)
        x = self._dense(x + self.own.over(near, k, v))
        with torch.no_grad():
            rest = self._dense(rest + self.own.over(far, k.detach(), v.detach()))
        return x, rest


class Whisper(nn.Module):
    """``listen`` turns clips into encoder states, ``logits`` continues prompts."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.encoder = nn.ModuleList([Block(False) for _ in range(LAYERS)])
        self.decoder = nn.ModuleList([Block(True) for _ in range(LAYERS)])
        self.heard, self.said = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.words = nn.Embedding(TOKENS, WIDTH)
        self.register_buffer("moments", torch.zeros(1500, WIDTH))
        self.register_buffer("places", torch.zeros(448, WIDTH))
        self.register_buffer("mels", mel_filters(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def features(self, x: Tensor) -> Tensor:
        """(n, t) samples -> (n, 80, t / 160) log-mel energies, at most 80 dB below each clip's loudest."""
        power = torch.stft(x, WINDOW, HOP, window=self.window, return_complex=True)[..., :-1].abs().square()
        decades = (self.mels @ power).clamp_min(1e-10).log10()
        return (torch.maximum(decades, decades.amax(dim=(1, 2), keepdim=True) - 8) + 4) / 4

    def listen(self, x: Tensor) -> Tensor:
        """(n, t) clips, t a multiple of 320 -> (n, t / 320, 384)."""
        h = self._positions(self.features(x))
        for block in self.encoder:
            h = block(h)
        return self.heard(h)

    def _positions(self, mels: Tensor) -> Tensor:
        h = nn.functional.gelu(self.second(nn.functional.gelu(self.first(mels)))).transpose(1, 2)
        return h + self.moments[: h.shape[1]]

    def listen_to_the_start(self, x: Tensor, live: int) -> Tensor:
        """As ``listen``, with gradients through the first ``live`` positions only: the rest is silence after a clip.

        What is heard is the same. The silence is computed without a graph, which halves the cost of a gradient in the
        context of 30 seconds; what it loses is how the clip acts on itself by way of the silence.
        """
        mels = self.features(x)
        h = self._positions(mels[:, :, : 2 * live + 4])[:, :live]
        with torch.no_grad():
            rest = self._positions(mels)[:, live:]
        for block in self.encoder:
            h, rest = block.apart(h, rest)
        return torch.cat([self.heard(h), self.heard(rest)], dim=1)

    def logits(self, tokens: Tensor, sound: Tensor) -> Tensor:
        """(n, m) tokens -> (n, m, vocabulary): what comes after each of them."""
        h = self.words(tokens) + self.places[: tokens.shape[1]]
        for block in self.decoder:
            h = block(h, sound)
        return self.said(h) @ self.words.weight.T


def load(path: Path) -> Whisper:
    """The module with the weights of a safetensors file; every tensor of the module is set, or KeyError."""
    held = {name: v.float() for name, v in read_safetensors(path).items()}
    model = Whisper()
    state: dict[str, Tensor] = {}

    def put(to: str, name: str, part: int = 0, of: int = 1, *, bias: bool = True) -> None:
        for kind in ("weight", "bias")[: 2 if bias else 1]:
            state[f"{to}.{kind}"] = held[f"{name}/{kind}"].chunk(of)[part].clone()

    def norm(to: str, name: str) -> None:
        state[to + ".weight"], state[to + ".bias"] = (held[f"{name}/{k}"] for k in ("gamma", "beta"))

    for side in ("encoder", "decoder"):
        for i in range(LAYERS):
            there, here = f"{side}/layer_{i}", f"{side}.{i}"
            for j, role in enumerate(("query", "key", "value")):
                put(f"{here}.own.{role}", f"{there}/self_attention/linear_0", j, 3, bias=role != "key")
            put(f"{here}.own.out", f"{there}/self_attention/linear_1")
            norm(f"{here}.own_norm", f"{there}/self_attention/layer_norm")
            put(f"{here}.wide", f"{there}/ffn/linear_0")
            put(f"{here}.narrow", f"{there}/ffn/linear_1")
            norm(f"{here}.norm", f"{there}/ffn/layer_norm")
            if side == "decoder":
                put(f"{here}.cross.query", f"{there}/attention/linear_0")
                put(f"{here}.cross.key", f"{there}/attention/linear_1", 0, 2, bias=False)
                put(f"{here}.cross.value", f"{there}/attention/linear_1", 1, 2)
                put(f"{here}.cross.out", f"{there}/attention/linear_2")
                norm(f"{here}.cross_norm", f"{there}/attention/layer_norm")
    put("first", "encoder/conv1")
    put("second", "encoder/conv2")
    norm("heard", "encoder/layer_norm")
    norm("said", "decoder/layer_norm")
    state["words.weight"] = held["decoder/embeddings/weight"]
    state["moments"] = held["encoder/position_encodings/encodings"]
    state["places"] = held["decoder/position_encodings/encodings"]
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)
