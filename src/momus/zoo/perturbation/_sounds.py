"""Small recognisers and detectors of sound: letters written in tones, and voices against noise."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from momus.core.samples import NumpyArray, Samples
from momus.targets import Target
from momus.targets.object_ import object_target

RATE = 8000
FRAME = 80  # samples a letter lasts
LETTERS = " abcdefghijklmnopqrstuvwxyz"
BLANK = len(LETTERS)
FRAMES = 40
TEXTS = (
    "turn on the lamp", "play some music", "what time is it", "call my brother", "set an alarm", "is it raining",
    "read the news", "stop the timer", "add some milk", "lower the blinds", "find my keys", "good night",
    "warm the kitchen", "next song please", "tell me a joke", "start the oven",
)  # fmt: skip
Kind = Literal["linear", "hidden", "recurrent", "energy", "stepped"]


def alphabet(seed: int = 0) -> NumpyArray:
    """(27, 80) patterns at right angles to each other and to the voice, largest sample 1."""
    rng = np.random.default_rng(seed)
    voice = carrier()
    random = rng.standard_normal((FRAME, FRAME))
    random[:, 0] = voice
    basis = np.linalg.qr(random)[0].T[1 : len(LETTERS) + 1]
    return np.asarray(basis / np.abs(basis).max(axis=1, keepdims=True))


def carrier() -> NumpyArray:
    """(80,) one frame of the voice that all letters share: three harmonics of 100 Hz."""
    t = np.arange(FRAME) / RATE
    wave = sum(a * np.sin(2 * np.pi * 100 * k * t) for k, a in ((1, 1.0), (2, 0.6), (3, 0.3)))
    return np.asarray(wave / np.abs(wave).max())


def spoken(text: str, rng: np.random.Generator) -> NumpyArray:
    """(40,) which letter each frame carries; blanks between letters, and letters that last one or two frames."""
    if 2 * len(text) > FRAMES:
        raise ValueError(f"'{text}' is longer than {FRAMES // 2} letters")
    spare = FRAMES - 2 * len(text)
    long = rng.permutation(len(text)) < min(spare // 2, len(text))
    row: list[int] = []
    for letter, twice in zip(text, long, strict=True):
        row += [LETTERS.index(letter)] * (2 if twice else 1) + [BLANK]
    return np.array((row + [BLANK] * FRAMES)[:FRAMES])


def recordings(seed: int, level: float, voice: float = 0.3, n: int = 16) -> Samples:
    """Clips (n, 3200) with their texts: a voice of height ``voice`` and letters of height ``level`` on top of it."""
    rng = np.random.default_rng(seed)
    patterns = np.vstack([alphabet(), np.zeros(FRAME)])
    texts = [TEXTS[i % len(TEXTS)] for i in rng.permutation(n)]
    frames = np.array([spoken(t, rng) for t in texts])
    x = voice * carrier()[None, None, :] + level * patterns[frames]
    x = x + 0.02 * level * rng.standard_normal(x.shape)
    y = np.empty(n, dtype=object)
    y[:] = texts
    return Samples(x=x.reshape(n, -1).astype(np.float32), y=y, name="spoken letters", rate=RATE)


class Front(nn.Module):  # type: ignore[misc]
    """Frames of a clip to logits over the letters and the blank, by one of several architectures."""

    def __init__(self, kind: Kind, level: float) -> None:
        super().__init__()
        self.kind, self.level = kind, level
        self.register_buffer("voice", torch.tensor(0.3 * carrier(), dtype=torch.float32))
        patterns = torch.tensor(alphabet(), dtype=torch.float32)
        self.register_buffer("filters", patterns / (level * patterns.square().sum(dim=1, keepdim=True)))
        if kind == "hidden":
            self.body: Any = nn.Sequential(nn.Linear(FRAME, 96), nn.GELU(), nn.Linear(96, BLANK + 1))
        if kind == "recurrent":
            self.body = nn.GRU(FRAME, 64, batch_first=True)
            self.end = nn.Linear(64, BLANK + 1)

    def forward(self, x: Any) -> Any:
        """(n, t) -> (n, frames, 28)."""
        frames = x.unflatten(1, (-1, FRAME))
        if self.kind == "hidden":
            return self.body((frames - self.voice) / self.level)
        if self.kind == "recurrent":
            return self.end(self.body((frames - self.voice) / self.level)[0])
        if self.kind == "stepped":  # a converter of few bits: it does not hear small changes, and has no gradient
            frames = torch.round(frames * 12) / 12
        match = frames @ self.filters.T
        match = match.abs() if self.kind == "energy" else match
        return 12 * torch.cat([match, torch.full_like(match[..., :1], 0.5)], dim=-1)


class Recogniser:
    """Sound to text the connectionist temporal way: the best letter of each frame, repeats and blanks taken out."""

    rate = RATE

    def __init__(self, front: Front) -> None:
        self.front = front.eval().requires_grad_(False)

    def encode(self, x: NumpyArray) -> Any:
        return torch.from_numpy(x)

    def generate(self, x: Any) -> list[str]:
        with torch.no_grad():
            best = self.front(x).argmax(dim=2).tolist()
        return [
            "".join(LETTERS[b] for b, before in zip(row, [BLANK, *row], strict=False) if b not in (BLANK, before))
            for row in best
        ]

    def sequence_gradient(self, x: Any, wanted: list[str]) -> tuple[Any, Any]:
        leaf = x.clone().requires_grad_(True)
        loss = self._loss(self.front(leaf), wanted)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), gradient

    def _loss(self, logits: Any, wanted: list[str]) -> Any:
        """Minus the log-likelihood over all alignments, a letter."""
        spelt = [[LETTERS.index(c) for c in text] for text in wanted]
        sizes = torch.tensor([len(s) for s in spelt])
        flat = torch.tensor([c for s in spelt for c in s])
        steps = torch.full((len(logits),), logits.shape[1])
        p = logits.log_softmax(dim=2).transpose(0, 1)
        return nn.functional.ctc_loss(p, flat, steps, sizes, blank=BLANK, reduction="none") / (sizes + 1)


def trained(kind: Kind, level: float, seed: int) -> Front:
    """A front whose weights are learnt from frames of recordings like those it is tested on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        front = Front(kind, level)
        rng = np.random.default_rng(seed)
        patterns = np.vstack([alphabet(), np.zeros(FRAME)])
        optimizer = torch.optim.Adam(front.parameters(), 0.01)
        for _ in range(80):
            frames = np.array([spoken(TEXTS[i], rng) for i in rng.integers(0, len(TEXTS), 16)])
            # Letters in any order: otherwise a recurrent front learns the sixteen sentences by heart.
            frames = np.where(frames < BLANK, rng.permutation(BLANK)[np.minimum(frames, BLANK - 1)], BLANK)
            x = 0.3 * carrier() + level * patterns[frames] + 0.05 * level * rng.standard_normal((*frames.shape, FRAME))
            z = front(torch.tensor(x.reshape(len(x), -1), dtype=torch.float32))
            optimizer.zero_grad()
            nn.functional.cross_entropy(z.transpose(1, 2), torch.tensor(frames)).backward()
            optimizer.step()
    return front


def recogniser(kind: Kind, level: float, name: str, seed: int = 0) -> Any:
    """A recogniser of letters that stand ``level`` high, as a target."""
    front = trained(kind, level, seed) if kind in ("hidden", "recurrent") else Front(kind, level)
    return object_target(
        Recogniser(front),
        name=name,
        modality="audio",
        shape=(FRAMES * FRAME,),
        identity=f"{name} {kind} {level} {seed}",
    )


def voices(seed: int, n: int = 80, samples: int = 800) -> Samples:
    """Tenths of a second of a voice with the faint hiss of a microphone, or of a quiet rumble without either."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    t = np.arange(samples) / RATE
    pitch = rng.uniform(90, 220, (n, 1))
    phase = rng.uniform(0, 2 * np.pi, (3, n, 1))
    voice = sum(a * np.sin(2 * np.pi * (k + 1) * pitch * t + phase[k]) for k, a in enumerate((0.16, 0.09, 0.05)))
    hiss = 0.003 * rng.standard_normal((n, samples))
    rumble = sum(0.01 * np.sin(2 * np.pi * f * t + p) for f, p in zip((31, 57, 83), phase, strict=True))
    x = rumble + np.where(y[:, None] == 1, voice + hiss, 0.0)
    return Samples(x=x.astype(np.float32), y=y, name="voices", classes=("no speech", "speech"), rate=RATE)


class Loudness(nn.Module):  # type: ignore[misc]
    """Speech is what is loud enough: energy against a threshold between rumble and voice."""

    def forward(self, x: Any) -> Any:
        energy = (x.square().mean(dim=1) + 1e-9).sqrt()
        return torch.stack([0.06 - energy, energy - 0.06], dim=1) * 40


class Hiss(nn.Module):  # type: ignore[misc]
    """Learnt the wrong thing: speech is what hisses like the microphone that all speech was recorded with."""

    def __init__(self, order: int) -> None:
        super().__init__()
        kernel = np.poly(np.ones(order))  # differences of that order: low voices vanish, hiss grows
        self.register_buffer("kernel", torch.tensor(kernel, dtype=torch.float32)[None, None])
        self.scale = 0.003 * float(np.linalg.norm(kernel))

    def forward(self, x: Any) -> Any:
        high = nn.functional.conv1d(x[:, None], self.kernel)[:, 0]
        energy = (high.square().mean(dim=1) + 1e-12).sqrt() / self.scale - 0.5
        return torch.stack([-energy, energy], dim=1) * 5


def voice_detector(model: Any, name: str) -> Any:
    """A two-class detector of speech in 800 samples, as a target."""
    return Target.from_torch(
        model, name=name, classes=("no speech", "speech"), shape=(800,), modality="audio", rate=RATE, output="logits"
    )
