"""The two systems of this case: Whisper tiny.en writes commands down, and silero-vad says when to listen."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper
from torch import nn

HERE = Path(__file__).resolve().parent / "weights"
FILLING = 25  # positions of silence after the clip, half a second, that a gradient also goes through


class Recogniser:
    """Greedy transcription by Whisper tiny.en, and the gradient by which sound comes to say something else.

    ``seconds`` is the context that is heard: 30 as Whisper was trained, or less, which is much cheaper. Clips are
    filled up with silence.
    """

    rate = whisper.RATE
    rows = 4

    def __init__(self, weights: Path, seconds: float) -> None:
        from tokenizers import Tokenizer

        if not 1 <= seconds <= 30:
            raise ValueError(f"seconds must lie between 1 and 30, not {seconds:g}")
        self.model = whisper.load(weights / "whisper-tiny-en.safetensors")
        self.words = Tokenizer.from_file(str(weights / "tokenizer.json"))
        self.context = math.ceil(seconds * 50) * 320
        told = json.loads((weights / "config.json").read_text("utf-8"))
        self.never, self.never_first = (torch.tensor(told[k]) for k in ("suppress_ids", "suppress_ids_begin"))

    def encode(self, x: Any) -> Any:
        return torch.from_numpy(np.ascontiguousarray(x))

    def generate(self, x: Any, longest: int = 60) -> list[str]:
        """One text a clip; clips are heard one by one, so that no answer depends on another."""
        with torch.no_grad():
            return [self._transcribe(row[None], longest) for row in x]

    def _transcribe(self, x: Any, longest: int) -> str:
        sound = self.model.listen(self._filled(x))
        tokens = torch.tensor([[whisper.START, whisper.NO_TIMES]])
        for k in range(longest):
            z = self.model.logits(tokens, sound)[:, -1]
            z[:, self.never] = -torch.inf
            if k == 0:
                z[:, self.never_first] = -torch.inf
            tokens = torch.cat([tokens, z.argmax(dim=1, keepdim=True)], dim=1)
            if int(tokens[0, -1]) == whisper.END:
                break
        return str(self.words.decode(tokens[0, 2:].tolist(), skip_special_tokens=True)).strip()

    def sequence_gradient(self, x: Any, wanted: list[str]) -> tuple[Any, Any]:
        """Mean over the tokens of minus their log-likelihood when all before them are as wanted, and its gradient."""
        both = [self._pull(row[None], text) for row, text in zip(x, wanted, strict=True)]
        return torch.cat([loss for loss, _ in both]), torch.cat([gradient for _, gradient in both])

    def _pull(self, x: Any, wanted: str) -> tuple[Any, Any]:
        spelt = self.words.encode(" " + wanted.strip(), add_special_tokens=False).ids
        tokens = torch.tensor([[whisper.START, whisper.NO_TIMES, *spelt, whisper.END]])
        leaf = x.detach().clone().requires_grad_(True)
        end = int(torch.nonzero(x[0])[-1]) + 1 if bool(x.any()) else 0
        live = min(-(-end // 320) + FILLING, self.context // 320)
        with torch.enable_grad():
            sound = self.model.listen_to_the_start(self._filled(leaf), live)
            z = self.model.logits(tokens[:, :-1], sound)[:, 1:]
            loss = nn.functional.cross_entropy(z.transpose(1, 2), tokens[:, 2:], reduction="none").mean(dim=1)
            (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), gradient

    def _filled(self, x: Any) -> Any:
        return nn.functional.pad(x[:, : self.context], (0, max(0, self.context - x.shape[1])))


def recogniser(seconds: float = 30.0) -> Recogniser:
    """Whisper tiny.en over contexts of so many seconds."""
    torch.set_num_threads(1)
    return Recogniser(HERE, seconds)


class SpeechDetector(nn.Module):
    """silero-vad for 16 kHz: is there speech in a clip? One logit, positive for speech.

    Frames of 32 ms with 4 ms of what came before go through a spectrum, four convolutions and a recurrent cell. A clip
    counts as speech when its surest ``sure`` frames are, on average, more likely speech than not: a listener that wakes
    up for a quarter of a second and longer.
    """

    FRAME, CONTEXT, PAD = 512, 64, 64

    def __init__(self, sure: int = 8) -> None:
        super().__init__()
        self.sure = sure
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def frame_logits(self, x: Any) -> Any:
        """(n, t) -> (n, frames): log-odds of speech in each frame, the recurrent state carried along."""
        n = len(x)
        x = nn.functional.pad(x, (self.CONTEXT, -x.shape[1] % self.FRAME))
        frames = x.unfold(1, self.FRAME + self.CONTEXT, self.FRAME)
        count = frames.shape[1]
        h = nn.functional.pad(frames.flatten(0, 1), (0, self.PAD), "reflect")[:, None]
        parts = self.stft_conv(h)
        h = (parts[:, :129].square() + parts[:, 129:].square() + 1e-12).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            h = layer(h).relu()
        h = h[..., 0].unflatten(0, (n, count))
        state, out = None, []
        for k in range(count):
            state = self.lstm_cell(h[:, k], state)
            out.append(state[0])
        return self.final_conv(torch.stack(out, dim=2).relu())[:, 0]

    def forward(self, x: Any) -> Any:
        z = self.frame_logits(x)
        return z.topk(min(self.sure, z.shape[1]), dim=1).values.mean(dim=1)


def detector() -> SpeechDetector:
    """The module whose weights the card names."""
    return SpeechDetector()
