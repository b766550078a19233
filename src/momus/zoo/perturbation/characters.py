"""Cases for perturbation.characters."""

from __future__ import annotations

import numpy as np

from momus.core.samples import Samples
from momus.zoo import Case
from momus.zoo.perturbation import _texts as texts


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Readers that hang on one word as it is spelt; readers of many words, of spelling, or of something else."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    one = texts.parts(texts.messages(seed, keys=1, others=5))
    few = texts.parts(texts.messages(seed + 50, keys=2, others=6))
    many = texts.parts(texts.messages(seed + 100, keys=12, others=4))
    long = _lengths(seed)
    words = texts.fitted(make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0)), one, "one-word")
    grams = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(3, 4)), MultinomialNB(alpha=0.05))
    safe = make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0))
    two = {"edits": 2, "queries": 100, "n": 24}
    net = texts.trained_reader(seed, few["train"])
    return (
        Case("one-word", True, words, one, two),
        Case("char-net", True, texts.reading(net, "char-net", few["test"]), few, two),
        Case("many-words", False, texts.fitted(safe, many, "many-words"), many, two),
        Case("spelling", False, texts.reading(texts.Spelling(), "spelling", one["test"]), one, {**two, "edits": 1}),
        Case("char-grams", True, texts.fitted(grams, one, "char-grams"), one, {**two, "edits": 4}, held_out=True),
        Case("lengths", False, texts.reading(texts.Lengths(15), "lengths", long["test"]), long, two, held_out=True),
        Case(
            "spelling-of-many",
            False,
            texts.reading(texts.Spelling(), "spelling-of-many", many["test"]),
            many,
            {**two, "edits": 4},
            held_out=True,
        ),
    )


def _lengths(seed: int) -> dict[str, Samples]:
    """Short messages (6 words) of one class, long ones (24) of the other."""
    short, long = texts.messages(seed, 1, 5, 120), texts.messages(seed, 8, 16, 120)
    x = [t for pair in zip(short.x, long.x, strict=True) for t in pair]
    return texts.parts(Samples(np.array(x, dtype=object), np.arange(240) % 2, classes=("short", "long")))
