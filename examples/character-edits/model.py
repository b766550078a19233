"""cn2en: Chinese characters -> English words, two recurrent networks (GRU, 256 units each), rebuilt from its weights.

The encoder reads one character after the other; its last state starts the decoder, which writes the likeliest word
until the end of the sentence. There is no attention. ``symbol_gradient`` is the way back through both networks to the
embeddings of the characters.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

START, END = 0, 1
LONGEST = 40  # words written at most


class Translator(nn.Module):  # type: ignore[misc]
    """The two networks with their word lists; the target's abilities are its methods."""

    rows = 128

    def __init__(self, path: str, source: list[str], words: list[str]) -> None:
        super().__init__()
        held = torch.load(path, map_location="cpu", weights_only=True)
        one, two = held["encoder"], held["decoder"]
        self.read = nn.Embedding.from_pretrained(one["embedding.weight"])
        self.write = nn.Embedding.from_pretrained(two["embedding.weight"])
        self.encoder, self.decoder = recurrent(one), recurrent(two)
        self.out = nn.Linear(*reversed(two["out.weight"].shape))
        self.out.load_state_dict({k[4:]: v for k, v in two.items() if k.startswith("out.")})
        self.source, self.words = source, words
        self.known = {c: i for i, c in enumerate(source) if c}
        self.spoken = {w: i for i, w in enumerate(words) if w}
        self.requires_grad_(False).eval()

    # What a text is to the model: each character by itself, Latin letters in whole words, unknown ones not at all.
    def symbols(self, x: Any) -> list[list[str]]:
        return [list(t) for t in x]

    def alphabet(self) -> list[str]:
        return [c for c in self.source if len(c) == 1 and not c.isspace()]

    def _tokens(self, text: str) -> list[tuple[int, int]]:
        """(index of the embedding, place in the text) of everything that the model reads, without the end mark."""
        parts: list[tuple[str, int]] = []
        joined = False
        for place, c in enumerate(text.lower()):
            inside = c in "abcdefghijklmnopqrstuvwxyz'\""
            if inside and joined:
                parts[-1] = (parts[-1][0] + c, parts[-1][1])
            elif c != " ":
                parts.append((c, place))
            joined = inside
        return [(self.known[p], place) for p, place in parts if p in self.known]

    def _encoded(self, texts: list[str]) -> tuple[Any, Any, list[list[tuple[int, int]]]]:
        """Embeddings (n, length, 256) with the end mark, lengths, and the tokens of each text."""
        tokens = [self._tokens(t) for t in texts]
        lengths = torch.tensor([len(t) + 1 for t in tokens])
        ids = torch.full((len(texts), int(lengths.max())), END)
        for row, found in enumerate(tokens):
            ids[row, : len(found)] = torch.tensor([i for i, _ in found], dtype=torch.long)
        return self.read(ids), lengths, tokens

    def _state(self, embedded: Any, lengths: Any) -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(packed)[1]

    def generate(self, x: Any) -> list[str]:
        with torch.no_grad():
            embedded, lengths, _ = self._encoded(list(x))
            state = self._state(embedded, lengths)
            now = torch.full((len(x),), START)
            said: list[list[int]] = [[] for _ in x]
            open_ = torch.ones(len(x), dtype=torch.bool)
            for _ in range(LONGEST):
                output, state = self.decoder(torch.relu(self.write(now))[:, None], state)
                now = self.out(output[:, 0]).argmax(dim=1)
                open_ &= now != END
                if not bool(open_.any()):
                    break
                for row in torch.nonzero(open_)[:, 0].tolist():
                    said[row].append(int(now[row]))
        return [" ".join(self.words[i] for i in row).strip() for row in said]

    def symbol_gradient(self, x: Any, wanted: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        embedded, lengths, tokens = self._encoded(list(x))
        embedded = embedded.detach().requires_grad_(True)
        losses = self._losses(self._state(embedded, lengths), [str(w) for w in wanted])
        (slope,) = torch.autograd.grad(losses.sum(), embedded)
        table = self.read.weight[[self.known[c] for c in self.alphabet()]]
        change = (slope @ table.T - (slope * embedded.detach()).sum(dim=2, keepdim=True)).numpy()
        out = []
        for row, (text, found) in enumerate(zip(x, tokens, strict=True)):
            rows = np.zeros((len(text), len(table)), dtype=np.float32)
            for k, (_, place) in enumerate(found):
                rows[place] = change[row, k]
            out.append(rows)
        return losses.detach().numpy(), out

    def _losses(self, state: Any, wanted: list[str]) -> Any:
        """Minus log-likelihood of each wanted translation, the mean over its words and the end; teacher-forced."""
        ids = [[self.spoken[w] for w in text.split() if w in self.spoken] + [END] for text in wanted]
        longest = max(map(len, ids))
        target = torch.full((len(ids), longest), -100)
        for row, found in enumerate(ids):
            target[row, : len(found)] = torch.tensor(found)
        given = torch.cat([torch.full((len(ids), 1), START), target[:, :-1].clamp(min=0)], dim=1)
        output, _ = self.decoder(torch.relu(self.write(given)), state)
        each = nn.functional.cross_entropy(
            self.out(output).transpose(1, 2), target, ignore_index=-100, reduction="none"
        )
        return each.sum(dim=1) / (target >= 0).sum(dim=1)


def recurrent(weights: dict[str, Any]) -> Any:
    """A GRU from the part of a state dict that is called gru."""
    inner = {k[4:]: v for k, v in weights.items() if k.startswith("gru.")}
    gru = nn.GRU(inner["weight_ih_l0"].shape[1], inner["weight_hh_l0"].shape[1], batch_first=True)
    gru.load_state_dict(inner)
    return gru


def build(path: str) -> Translator:
    """The translator from the weights on the card and the word lists beside them (python prepare.py writes both)."""
    torch.set_num_threads(1)
    lists = json.loads(Path(path).with_name("words.json").read_text("utf-8"))
    return Translator(path, lists["source"], lists["words"])
