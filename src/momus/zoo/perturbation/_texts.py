"""The text systems behind the cases: messages about payments or travel, and classifiers that read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from momus.core.samples import NumpyArray, Samples
from momus.methods.text_edits import clusters, distance
from momus.targets import Target

CLASSES = ("payments", "travel")
# No two of these words are less than three edits apart, so that a single typing error leaves no doubt which was meant.
KEYS = (
    ("invoice", "refund", "balance", "credit", "deposit", "mortgage", "overdraft", "salary", "discount", "receipt",
     "currency", "payment"),
    ("airport", "luggage", "boarding", "hotel", "passport", "journey", "platform", "railway", "suitcase", "departure",
     "itinerary", "tourist"),
)  # fmt: skip
OTHERS = (
    "please", "about", "question", "yesterday", "together", "morning", "because", "answer", "number", "wonder",
    "someone", "between", "without", "another",
)  # fmt: skip


# Words that say the same and that none of the messages uses.
ALTERNATIVES = {
    "invoice": ("bill", "statement"), "refund": ("repayment", "rebate"), "balance": ("remainder", "funds"),
    "credit": ("loan", "advance"), "deposit": ("downpayment", "stake"), "mortgage": ("homeloan", "lien"),
    "overdraft": ("shortfall", "deficit"), "salary": ("wages", "pay"), "discount": ("reduction", "markdown"),
    "receipt": ("voucher", "slip"), "currency": ("money", "cash"), "payment": ("transfer", "remittance"),
    "airport": ("airfield", "aerodrome"), "luggage": ("baggage", "bags"), "boarding": ("embarking", "entering"),
    "hotel": ("inn", "lodging"), "passport": ("papers", "visa"), "journey": ("trip", "voyage"),
    "platform": ("track", "quay"), "railway": ("train", "rails"), "suitcase": ("trunk", "valise"),
    "departure": ("leaving", "exit"), "itinerary": ("route", "schedule"), "tourist": ("visitor", "traveller"),
    "please": ("kindly",), "question": ("query",), "answer": ("reply",), "someone": ("anybody",),
}  # fmt: skip
SYNONYMS = Samples(np.array([[w, a] for w, more in ALTERNATIVES.items() for a in more], dtype=object), name="synonyms")


def messages(seed: int, keys: int, others: int, n: int = 240) -> Samples:
    """Messages of ``keys`` words that tell the subject among ``others`` that do not, in random order."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    texts = []
    for label in y:
        words = [*rng.choice(KEYS[label], keys, replace=keys > 12), *rng.choice(OTHERS, others)]
        texts.append(" ".join(str(w) for w in rng.permutation(words)) + ".")
    return Samples(np.array(texts, dtype=object), y, name="messages", classes=CLASSES)


def parts(samples: Samples) -> dict[str, Samples]:
    """Three quarters to learn from, a quarter to attack."""
    cut = 3 * len(samples) // 4
    return {"train": samples.take(slice(0, cut)), "test": samples.take(slice(cut, None))}


def fitted(pipeline: Any, data: dict[str, Samples], name: str) -> Any:
    """A scikit-learn pipeline on texts as a target."""
    train = data["train"]
    pipeline.fit(train.x, train.y)
    return Target.from_sklearn(pipeline, name=name, classes=CLASSES, samples=train)


class Spelling:
    """Reads each word as the known word at most one edit away; the subject with more words wins by their number."""

    classes = CLASSES

    def __init__(self, reach: int = 1) -> None:
        self.reach = reach
        self.known = {w: k for k, words in enumerate(KEYS) for w in words}
        self.cache: dict[str, int] = {}

    def subject(self, word: str) -> int:
        """The class a word speaks for, -1 for neither."""
        if word not in self.cache:
            near = [distance(clusters(word), clusters(w), self.reach) for w in self.known]
            best = int(np.argmin(near))
            self.cache[word] = list(self.known.values())[best] if near[best] <= self.reach else -1
        return self.cache[word]

    def scores(self, x: NumpyArray) -> NumpyArray:
        found = [[self.subject(w) for w in t.lower().rstrip(".").split()] for t in x]
        return np.array([[float(f.count(0)), float(f.count(1))] for f in found])


class Thesaurus(Spelling):
    """Reads each word as the one it stands for, then counts subjects."""

    def subject(self, word: str) -> int:
        meant = {a: w for w, more in ALTERNATIVES.items() for a in more}
        return self.known.get(meant.get(word, word), -1)


class Lengths:
    """Tells long messages from short ones by the number of their words, from the middle between the two."""

    def __init__(self, middle: float) -> None:
        self.middle = middle

    def scores(self, x: NumpyArray) -> NumpyArray:
        over = np.array([len(t.split()) - self.middle for t in x])
        return np.stack([-over, over], axis=1)


LETTERS = "abcdefghijklmnopqrstuvwxyz ."


class CharNet(nn.Module):  # type: ignore[misc]
    """A small convolutional network over characters; row 0 of the embedding is for all that it does not know."""

    def __init__(self, outputs: int, width: int = 24, reach: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(LETTERS) + 1, 12)
        self.conv = nn.Conv1d(12, width, reach, padding=reach // 2)
        self.out = nn.Linear(width, outputs)

    def forward(self, embedded: Any) -> Any:
        return self.out(torch.relu(self.conv(embedded.transpose(1, 2))).amax(dim=2))


def indices(x: NumpyArray) -> Any:
    """Texts as numbers of their letters, filled up with spaces."""
    length = max(5, max((len(t) for t in x), default=0))
    return torch.tensor([[LETTERS.find(c) + 1 for c in t.ljust(length)] for t in x])


class CharReader:
    """A trained :class:`CharNet` with its gradients by symbols."""

    classes = CLASSES

    def __init__(self, net: CharNet) -> None:
        self.net = net.eval()

    def alphabet(self) -> list[str]:
        return list(LETTERS)

    def symbols(self, x: NumpyArray) -> list[list[str]]:
        return [list(t) for t in x]

    def scores(self, x: NumpyArray) -> NumpyArray:
        with torch.no_grad():
            return np.asarray(self.net(self.net.embedding(indices(x))).double())

    def symbol_gradient(self, x: NumpyArray, wanted: Any) -> Any:
        embedded = self.net.embedding(indices(x)).detach().requires_grad_(True)
        losses = nn.functional.cross_entropy(self.net(embedded), torch.as_tensor(wanted), reduction="none")
        (slope,) = torch.autograd.grad(losses.sum(), embedded)
        table = self.net.embedding.weight[1:]
        change = slope @ table.T - (slope * embedded).sum(dim=2, keepdim=True)
        return losses.detach().numpy(), [c[: len(t)].detach().numpy() for c, t in zip(change, x, strict=True)]


def trained_reader(seed: int, train: Samples, epochs: int = 12, noise: float = 0.0) -> CharReader:
    """A character network trained on messages; ``noise`` is the share of letters replaced at random in training."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = CharNet(2)
        ids, y = indices(train.x), torch.as_tensor(np.asarray(train.y))
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(epochs):
            seen = ids.clone()
            wrong = torch.as_tensor(rng.random(ids.shape) < noise)
            seen[wrong] = torch.as_tensor(rng.integers(1, 27, int(wrong.sum())))
            for i in range(0, len(ids), 32):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(net(net.embedding(seen[i : i + 32])), y[i : i + 32])
                loss.backward()
                optimizer.step()
    return CharReader(net)


def reading(model: Any, name: str, samples: Samples, make: Callable[..., Any] = Target.from_object) -> Any:
    """An object that reads texts, as a target."""
    return make(model, name=name, classes=samples.classes, samples=samples)


# A small language: each word has one translation. No two source words are less than four edits apart.
LEXICON = {
    "wolkan": "tree", "brimost": "house", "ferdule": "water", "shantip": "teacher", "quorvex": "doctor",
    "lumaddi": "river", "pethgor": "market", "zindral": "music", "hoxbury": "letter", "tavelin": "garden",
    "murskop": "winter", "yeldrac": "friend", "castrem": "window", "dolphen": "bread", "vintuja": "mountain",
    "grobbis": "silver",
}  # fmt: skip


def sentences(seed: int, words: int, n: int = 40) -> Samples:
    """Sentences of the small language, without their translations."""
    rng = np.random.default_rng(seed)
    known = sorted(LEXICON)
    return Samples(
        np.array([" ".join(rng.choice(known, words, replace=False)) for _ in range(n)], dtype=object), name="sentences"
    )


class Dictionary:
    """Translates word by word: the known word at most ``reach`` edits away, and nothing for the others."""

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self.cache: dict[str, str] = {}

    def word(self, word: str) -> str:
        if word not in self.cache:
            near = {k: distance(clusters(word), clusters(k), self.reach) for k in LEXICON}
            best = min(near, key=lambda k: near[k])
            self.cache[word] = LEXICON[best] if near[best] <= self.reach else ""
        return self.cache[word]

    def generate(self, x: NumpyArray) -> list[str]:
        return [" ".join(w for w in (self.word(v) for v in t.split()) if w) for t in x]


class Twice(Dictionary):
    """Says each sentence's words in the order of the alphabet, and those it does not know as the commonest word."""

    def generate(self, x: NumpyArray) -> list[str]:
        return [" ".join(sorted(self.word(v) or "tree" for v in t.split())) for t in x]


class LetterSums:
    """Translates each word to the one whose letters, as vectors with their places, point most nearly the same way.

    All of it is differentiable, so that it has gradients by its symbols. ``sharp`` is the inverse temperature.
    """

    def __init__(self, seed: int, sharp: float = 3.0) -> None:
        rng = np.random.default_rng(seed)
        self.letters = torch.as_tensor(rng.normal(size=(len(LETTERS), 16)))
        self.places = torch.as_tensor(rng.normal(size=(12, 16)))
        self.source, self.said = list(LEXICON), list(LEXICON.values())
        self.sharp = sharp
        self.keys = torch.stack([self._vector(self._letters(w)) for w in self.source])

    def _letters(self, word: str) -> Any:
        return self.letters[[max(0, LETTERS.find(c)) for c in word]]

    def _vector(self, letters: Any) -> Any:
        total = (letters * self.places[: len(letters)]).sum(dim=0) if len(letters) else self.places.sum(dim=0)
        return total / total.norm()

    def generate(self, x: NumpyArray) -> list[str]:
        found = [[int((self.keys @ self._vector(self._letters(w[:12]))).argmax()) for w in t.split()] for t in x]
        return [" ".join(self.said[i] for i in row) for row in found]

    def alphabet(self) -> list[str]:
        return list(LETTERS)

    def symbols(self, x: NumpyArray) -> list[list[str]]:
        return [list(t) for t in x]

    def symbol_gradient(self, x: NumpyArray, wanted: Any) -> Any:
        losses, slopes = [], []
        for text, want in zip(x, wanted, strict=True):
            slope, loss, start = np.zeros((len(text), len(LETTERS))), 0.0, 0
            words, said = text.split(), str(want).split()
            for k, word in enumerate(words):
                start = text.index(word, start)
                letters = self._letters(word[:12]).clone().requires_grad_(True)
                logits = self.sharp * (self.keys @ self._vector(letters))
                if k < len(said) and said[k] in self.said:
                    part = nn.functional.cross_entropy(logits[None], torch.tensor([self.said.index(said[k])]))
                    (g,) = torch.autograd.grad(part / len(words), letters)
                    change = g @ self.letters.T - (g * letters.detach()).sum(dim=1, keepdim=True)
                    slope[start : start + len(letters)] = change.numpy()
                    loss += float(part.detach()) / len(words)
                start += len(word)
            losses.append(loss)
            slopes.append(slope)
        return np.array(losses), slopes
