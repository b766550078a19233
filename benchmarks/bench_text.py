"""Queries and success of the text search beside plainer ways to mistype.

Three searches on the same messages and models, with the same edits: ours (``perturbation.characters``), edits at random
places until the rows are spent, and the usual greedy walk written out straight (leave each word out once, then in that
order try edits of each word one text at a time, keep what helps). No framework for text attacks can be installed beside
Momus without a hundred packages, so no peer stands in this table. Mails are attacked too where
``python examples/fetch.py mail`` has put the corpus into examples/.data/mail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.samples import Samples
from momus.methods.text_edits import edits_of, letters, pieces
from momus.probes.perturbation.characters import characters
from momus.targets import Target
from momus.zoo.perturbation import _texts as zoo

LETTERS = letters("any")
MAIL = Path(__file__).parents[1] / "examples" / ".data" / "mail"
NOTES = """
`Momus` is `perturbation.characters`, with gradients on the character net; `greedy, one by one` leaves each word out
once and then tries edits one text at a time; `at random` makes all edits at once until the rows are spent. No framework
for text attacks could be installed beside Momus, so no peer stands here.
"""


def at_random(ask: Callable[[str], float], text: str, edits: int, queries: int, rng: Any) -> tuple[bool, int]:
    """All edits at once, at random places, again and again."""
    for used in range(1, queries + 1):
        changed = text
        for _ in range(edits):
            parts = pieces(changed)
            j = int(rng.integers(len(parts.words)))
            forms = edits_of(parts.words[j], 1, rng, LETTERS)
            changed = parts.replaced(j, forms[0]).text if forms else changed
        if ask(changed) < 0:
            return True, used
    return False, queries


def greedy(ask: Callable[[str], float], text: str, edits: int, queries: int, rng: Any) -> tuple[bool, int]:
    """Words in the order of their leave-one-out losses; of each, the best of ten edits, where it helps."""
    parts, used = pieces(text), 0
    start = ask(text)
    losses = []
    for j in range(len(parts.words)):
        if used + 2 >= queries:
            break
        losses.append(start - ask(parts.without(j, j + 1)))
        used += 1
    best, spent = start, 0
    for j in np.argsort(-np.array(losses), kind="stable"):
        if spent >= edits:
            break
        tried: list[tuple[float, str]] = []
        for form in edits_of(parts.words[j], 10, rng, LETTERS):
            if used >= queries:
                return False, used
            tried.append((ask(parts.replaced(int(j), form).text), form))
            used += 1
            if tried[-1][0] < 0:
                return True, used
        if tried and min(tried)[0] < best:
            best, form = min(tried)
            parts, spent = parts.replaced(int(j), form), spent + 1
    return False, used


def measured(name: str, target: Any, test: Samples, edits: int, queries: int, n: int) -> list[dict[str, Any]]:
    """One row a search: share turned, rows asked in all, seconds."""
    test = test.sample(n, np.random.default_rng(0))
    began = time.process_time()
    ours = characters(target, test=test, edits=edits, queries=queries, n=n)
    spent = time.process_time() - began
    out = [_row(name, edits, "Momus", ours.value, ours.cost.queries / max(1, ours.n), spent)]
    scores = target.scores(target.encode(test.x))
    labels = np.asarray(test.y)
    right = np.flatnonzero(scores.argmax(axis=1) == labels)
    right = np.array([i for i in right if pieces(str(test.x[i])).words])
    for label, search in (("greedy, one by one", greedy), ("at random", at_random)):
        rng = np.random.default_rng(0)
        began, won, rows = time.process_time(), 0, 0
        for i in right:
            own = int(labels[i])

            def ask(text: str, own: int = own) -> float:
                z = target.scores(np.array([text], dtype=object))[0]
                return float(z[own] - np.delete(z, own).max())

            hit, used = search(ask, str(test.x[i]), edits, queries, rng)
            won, rows = won + hit, rows + used
        out.append(_row(name, edits, label, won / len(right), rows / len(right), time.process_time() - began))
    return out


def _row(name: str, edits: int, search: str, share: float, rows: float, seconds: float) -> dict[str, Any]:
    return {
        "texts": name,
        "edits": edits,
        "search": search,
        "turned": round(share, 2),
        "rows a text": round(rows),
        "cpu_seconds": round(seconds, 1),
    }


def mails(folder: Path) -> tuple[Any, Samples]:
    """A spam filter (TF-IDF and logistic regression) fitted on 900 mail bodies, and 300 others."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, y = [], []
    for label, kind in enumerate(("easy-ham", "spam")):
        for path in sorted(folder.glob(f"{kind}-*/*.txt"))[:600]:
            texts.append(path.read_text("utf-8", "replace").split("\n\n", 1)[-1][:3000])
            y.append(label)
    order = np.random.default_rng(0).permutation(len(texts))
    whole = Samples(np.array(texts, dtype=object)[order], np.array(y)[order], classes=("ham", "spam"))
    train, test = whole.take(slice(0, 900)), whole.take(slice(900, None))
    model = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(C=10)).fit(train.x, train.y)
    return Target.from_sklearn(model, name="mails", classes=whole.classes, samples=train), test


def rows() -> list[dict[str, Any]]:
    """One row a kind of text and search."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    data = zoo.parts(zoo.messages(1, keys=2, others=8))
    words = zoo.fitted(make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0)), data, "words")
    out = measured("messages", words, data["test"], 2, 200, 40)
    net = zoo.reading(zoo.trained_reader(1, data["train"]), "char-net", data["test"])
    out += measured("character net", net, data["test"], 2, 200, 40)
    if MAIL.is_dir():
        target, test = mails(MAIL)
        out += measured("mails", target, test, 10, 500, 24)
    return out
