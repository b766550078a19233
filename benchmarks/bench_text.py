"""Queries and success of the text search beside plainer ways to mistype: python benchmarks/bench_text.py [folder]

Three searches on the same messages and models, with the same edits: ours (``perturbation.characters``), edits at random
places until the rows are spent, and the usual greedy walk written out straight (leave each word out once, then in that
order try edits of each word one text at a time, keep what helps). No framework for text attacks can be installed beside
Momus without a hundred packages, so no peer stands in this table. With the folder of the mail corpus
(``python examples/fetch.py mail`` puts it into examples/.data/mail) mails are attacked too.
"""

from __future__ import annotations

import sys
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


def measured(name: str, target: Any, test: Samples, edits: int, queries: int, n: int) -> None:
    """One row a search: share turned, rows asked in all, seconds."""
    test = test.sample(n, np.random.default_rng(0))
    began = time.process_time()
    ours = characters(target, test=test, edits=edits, queries=queries, n=n)
    shown(name, edits, "momus", ours.value, ours.cost.queries / max(1, ours.n), time.process_time() - began)
    scores = target.scores(target.encode(test.x))
    right = np.flatnonzero(scores.argmax(axis=1) == test.y)
    right = np.array([i for i in right if pieces(str(test.x[i])).words])
    for label, search in (("greedy, one by one", greedy), ("at random", at_random)):
        rng = np.random.default_rng(0)
        began, won, rows = time.process_time(), 0, 0
        for i in right:
            own = int(test.y[i])

            def ask(text: str, own: int = own) -> float:
                z = target.scores(np.array([text], dtype=object))[0]
                return float(z[own] - np.delete(z, own).max())

            hit, used = search(ask, str(test.x[i]), edits, queries, rng)
            won, rows = won + hit, rows + used
        shown(name, edits, label, won / len(right), rows / len(right), time.process_time() - began)


def shown(name: str, edits: int, search: str, share: float, rows: float, seconds: float) -> None:
    print(f"{name:14} {edits:5} {search:20} {share:8.2f} {rows:10.0f} {seconds:9.1f}", flush=True)


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


def main() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    print(f"{'texts':14} {'edits':>5} {'search':20} {'turned':>8} {'rows/text':>10} {'cpu s':>9}")
    data = zoo.parts(zoo.messages(1, keys=2, others=8))
    words = zoo.fitted(make_pipeline(TfidfVectorizer(), LogisticRegression(C=30.0)), data, "words")
    measured("messages", words, data["test"], 2, 200, 40)
    net = zoo.reading(zoo.trained_reader(1, data["train"]), "char-net", data["test"])
    measured("char-net", net, data["test"], 2, 200, 40)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/.data/mail")
    if folder.is_dir():
        target, test = mails(folder)
        measured("mails", target, test, 10, 500, 24)
        measured("mails", target, test, 30, 500, 24)


if __name__ == "__main__":
    main()
