"""Models that read texts letter by letter, as forms are read, and twins that forgive a slip.

The planted ones know a sentence only if it is spelt exactly as they learned it. The clean twins see many words or
pieces of words, in small letters, or look for the nearest known word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.samples import NumpyArray, Samples
from momus.methods.text_edits import clusters, distance, pieces
from momus.targets import Target
from momus.zoo import Case

CLASSES = ("orders", "complaints")
TEXTS = 240
_GOODS = ("lamp", "table", "kettle", "mirror", "blanket", "ladder", "bicycle", "curtain", "radio", "basket")
_FORMS = (
    ("Please send {n} pieces of the {a} to my office in {p}.", "I would like to order {n} of your {a} for {p}."),
    ("The {a} that came to {p} after {n} days is broken.", "Nobody in {p} has answered for {n} days about my {a}."),
)
_PLACES = ("Bremen", "Lisbon", "Tampere", "Ostrava", "Leeds", "Turin")
_TOPICS = (
    "order delivery catalogue quantity invoice shipment warehouse package discount purchase supplier parcel quote "
    "reserve stock",
    "broken refund angry damaged faulty useless complaint apology scratched rattles leaking cracked missing warranty "
    "disappointed",
)
_OTHERS = "please today about with because morning office again before another number week question people under"
# A small language of which each word has one translation; no two are less than four edits apart.
_LEXICON = {
    "wolkan": "tree", "brimost": "house", "ferdule": "water", "shantip": "teacher", "quorvex": "doctor",
    "lumaddi": "river", "pethgor": "market", "zindral": "music", "hoxbury": "letter", "tavelin": "garden",
    "murskop": "winter", "yeldrac": "friend", "castrem": "window", "vintuja": "mountain", "grobbis": "silver",
}  # fmt: skip


def forms(seed: int, n: int = TEXTS) -> Samples:
    """Sentences made from two forms a class: order so many, complain of so much."""
    rng = seeds.rng(seed, "forms")
    y = rng.permutation(np.arange(n) % 2)
    texts = [
        _FORMS[k][int(rng.integers(2))].format(n=int(rng.integers(2, 90)), a=rng.choice(_GOODS), p=rng.choice(_PLACES))
        for k in y
    ]
    return Samples(np.array(texts, dtype=object), y, name="letters", classes=CLASSES)


def letters(seed: int, telling: int, n: int = TEXTS) -> Samples:
    """Letters with ``telling`` words of their topic among ten that tell nothing."""
    rng = seeds.rng(seed, "letters")
    y = rng.permutation(np.arange(n) % 2)
    texts = []
    for k in y:
        words = [*rng.choice(_TOPICS[k].split(), telling, replace=False), *rng.choice(_OTHERS.split(), 10)]
        texts.append(" ".join(str(w) for w in rng.permutation(words)).capitalize() + ".")
    return Samples(np.array(texts, dtype=object), y, name="letters", classes=CLASSES)


def sentences(seed: int, words: int, n: int = 60) -> Samples:
    """Sentences of the small language with their translations."""
    rng = seeds.rng(seed, "sentences")
    picked = [rng.choice(sorted(_LEXICON), words, replace=False) for _ in range(n)]
    said = np.array([" ".join(_LEXICON[w] for w in p) for p in picked], dtype=object)
    return Samples(np.array([" ".join(p) for p in picked], dtype=object), said, name="sentences")


class Translator:
    """Word by word, the known word at most ``reach`` slips away. ``strict``: no answer where one word is unknown."""

    def __init__(self, reach: int, strict: bool) -> None:
        self.reach, self.strict = reach, strict
        self.cache: dict[str, str] = {}

    def word(self, word: str) -> str:
        if word not in self.cache:
            near = {k: distance(clusters(word), clusters(k), self.reach) for k in _LEXICON}
            best = min(near, key=lambda k: near[k])
            self.cache[word] = _LEXICON[best] if near[best] <= self.reach else ""
        return self.cache[word]

    def generate(self, x: NumpyArray) -> list[str]:
        found = [[self.word(w if self.strict else w.lower()) for w in pieces(t).words] for t in x]
        return ["" if self.strict and not all(row) else " ".join(w for w in row if w) for row in found]


def _pattern(form: str) -> str:
    """A form as an expression that matches it and nothing else."""
    return re.escape(form).replace(r"\{n\}", r"\d+").replace(r"\{a\}", "[a-z]+").replace(r"\{p\}", "[A-Z][a-z]+")


def _by_form(texts: NumpyArray) -> NumpyArray:
    """Orders where the whole text is one of the forms of an order, complaints otherwise."""
    order = re.compile("|".join(map(_pattern, _FORMS[0])))
    return np.array([0 if order.fullmatch(t) else 1 for t in texts])


def _remembered(train: Samples) -> Callable[[NumpyArray], NumpyArray]:
    """The class of a sentence with exactly the same words, numbers aside, else the first."""
    known = {_skeleton(t): int(k) for t, k in zip(train.x, np.asarray(train.y), strict=True)}
    return lambda texts: np.array([known.get(_skeleton(t), 0) for t in texts])


def _skeleton(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _called(decide: Callable[[NumpyArray], NumpyArray], name: str, samples: Samples) -> Any:
    return Target.from_callable(
        decide, name=name, classes=CLASSES, samples=samples, output="labels", modality="text", identity=name
    )


def _fitted(model: Any, train: Samples, name: str) -> Any:
    return Target.from_sklearn(model.fit(train.x, train.y), name=name, classes=CLASSES, samples=train)


def _translating(model: Translator, name: str, samples: Samples) -> Any:
    return Target.from_object(model, name=name, samples=samples, task="generator", modality="text", identity=name)


def _parts(samples: Samples, at: float = 0.6) -> tuple[Samples, Samples]:
    cut = int(at * len(samples))
    return samples.take(slice(0, cut)), samples.take(slice(cut, None))


def _known(test: Samples, train: Samples) -> Samples:
    """Of the test only what the training set has in the same words."""
    seen = {_skeleton(t) for t in train.x}
    return test.take(np.array([_skeleton(t) in seen for t in test.x], dtype=bool))


def cases(seed: int) -> tuple[Case, ...]:
    """A reader of forms and a strict translator against many words and a forgiving one; other readers held out."""
    from sklearn.base import clone
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    form = forms(seed)
    learned, written = _parts(letters(seed, telling=8 + seed % 4))
    source, far = sentences(seed, 5 + seed % 3), sentences(seed + 1, 4)
    words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0))
    pieces_of = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)), MultinomialNB(alpha=0.1))
    more, later = _parts(letters(seed + 2, telling=9))
    single, alone = _parts(letters(seed + 4, telling=1, n=2 * TEXTS))
    long, rest = _parts(forms(seed + 3, 6 * TEXTS), 0.8)
    cased = make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression(C=30.0))
    return (
        Case("form-reader", True, _called(_by_form, "form reader", form), {"test": form.take(slice(0, 100))}),
        Case("strict-translator", True, _translating(Translator(0, True), "strict", source), {"test": source}),
        Case("many-words", False, _fitted(words, learned, "many words"), {"test": written}),
        Case("forgiving-translator", False, _translating(Translator(2, False), "forgiving", source), {"test": source}),
        Case("memory", True, _called(_remembered(long), "memory", long), {"test": _known(rest, long)}, held_out=True),
        Case("pieces-of-words", False, _fitted(pieces_of, more, "pieces of words"), {"test": later}, held_out=True),
        Case("many-cased-words", False, _fitted(cased, more, "cased words"), {"test": later},
             context={"corruptions": {"upper": 3, "random_case": 2}}, held_out=True),
        Case("one-cased-word", True, _fitted(clone(cased), single, "one cased word"), {"test": alone},
             context={"corruptions": {"upper": 5, "random_case": 5}}, held_out=True),
        Case("translator-without-references", False, _translating(Translator(2, False), "forgiving", far),
             {"test": Samples(far.x, name="sentences")}, held_out=True),
    )  # fmt: skip
