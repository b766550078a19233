"""Cases for perturbation.words."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.perturbation import _texts as texts


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Readers that hang on the very words they learned; readers that know what else these may be called."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    known = {"synonyms": texts.SYNONYMS}
    one = texts.parts(texts.messages(seed, keys=1, others=5)) | known
    few = texts.parts(texts.messages(seed + 50, keys=2, others=6)) | known
    many = texts.parts(texts.messages(seed + 100, keys=12, others=4)) | known
    words = texts.fitted(make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0)), one, "one-word")
    grams = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(3, 4)), MultinomialNB(alpha=0.05))
    safe = make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0))
    net = texts.trained_reader(seed, few["train"])
    some = {"share": 0.2, "queries": 100, "n": 40}
    wide = {**some, "share": 0.3}
    return (
        Case("one-word", True, words, one, some),
        Case("many-words", False, texts.fitted(safe, many, "many-words"), many, {**some, "n": 24}),
        Case("thesaurus", False, texts.reading(texts.Thesaurus(), "thesaurus", one["test"]), one, some),
        Case("char-net", True, texts.reading(net, "char-net", few["test"]), few, wide, held_out=True),
        Case("char-grams", True, texts.fitted(grams, one, "char-grams"), one, wide, held_out=True),
        Case(
            "thesaurus-of-few",
            False,
            texts.reading(texts.Thesaurus(), "thesaurus-of-few", few["test"]),
            few,
            {**some, "share": 0.5},
            held_out=True,
        ),
    )
