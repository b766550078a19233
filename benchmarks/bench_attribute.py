"""Guessing a sensitive column: Momus beside ART's attribute inference, on the same models and the same people.

A scikit-learn tree grown out, and a forest, on drawn survey answers; where the affairs survey is installed, the tree of
examples/survey-tree. Everybody learns from the same strangers and the same third of the training rows, and is judged on
the same other training rows. One thread.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples
from momus.methods import attribute_attacks as attacks
from momus.methods import leaf_counts
from momus.methods.attribute import Secret, others, secrets
from momus.methods.imputation import impute, pick, prior
from momus.targets import Target
from momus.zoo.inversion.attribute import survey

EXAMPLE = Path(__file__).parent.parent / "examples" / "survey-tree"
JUDGED = 2000

NOTES = """
*right* is the share of the sensitive values guessed right, *even* the mean of that over the values (by an even-handed
rule where a tool has one), *over guessing* what *even* adds to Momus's guess without the model. ART's black box and
decision tree are given the model's answer to the person's true record, which nobody else here has; its lifestyle tree
is Fredrikson's estimator without the label, its decision tree adds that answer. ART's attack model is its random
forest. CPU seconds are for all 2,000 people; Momus's hold the guess without the model.
"""


def rows() -> list[dict[str, Any]]:
    """One row a model and tool."""
    warnings.filterwarnings("ignore")
    return [row for name, model, train, test in systems() for row in compared(name, model, train, test)]


def systems() -> list[tuple[str, Any, Samples, Samples]]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    train, test = (fronted(survey(3000, rng, noise=2.0)) for _ in "ab")
    found: list[tuple[str, Any, Samples, Samples]] = [
        ("tree, drawn answers", DecisionTreeClassifier(random_state=0).fit(train.x, train.y), train, test),
        ("forest, drawn answers", RandomForestClassifier(60, random_state=0).fit(train.x, train.y), train, test),
    ]
    sys.path.insert(0, str(EXAMPLE))
    try:
        import data  # type: ignore[import-not-found]

        train, test = fronted(data.train()), fronted(data.test())
        tree = DecisionTreeClassifier(random_state=0).fit(train.x, train.y)
        found.append(("tree, affairs survey", tree, train, test))
    except DataError:
        pass
    finally:
        sys.path.remove(str(EXAMPLE))
        sys.modules.pop("data", None)
    return found


def fronted(samples: Samples) -> Samples:
    """The sensitive column in front: ART refuses to attack the last one."""
    order = [len(samples.columns) - 1, *range(len(samples.columns) - 1)]
    return replace(samples, x=samples.x[:, order], columns=tuple(samples.columns[j] for j in order))


def compared(name: str, model: Any, train: Samples, test: Samples) -> list[dict[str, Any]]:
    target = Target.from_sklearn(model, classes=train.classes)
    order = np.random.default_rng(1).permutation(len(train))
    known, judged = train.take(order[:1000]), train.take(order[1000:][:JUDGED])
    held = test.take(slice(0, 1500))
    (secret,) = secrets(train, "", held.x, 4)
    codes = secret.codes(judged.x)
    learn = Samples(x=np.concatenate([held.x, known.x]), y=np.concatenate([held.y, known.y]), columns=train.columns)

    def guess(only: str = "") -> tuple[Any, Any]:
        rng, found = np.random.default_rng(2), []
        for label in (True, False):
            mine, coded = others(learn, secret)
            theirs, _ = others(judged, secret)
            if label:
                mine, theirs = np.column_stack([mine, learn.y]), np.column_stack([theirs, judged.y])
                coded = np.append(coded, True)
            found.append(impute(mine, secret.codes(learn.x), theirs, coded, secret.k, rng, only=only))
        return found[0], found[1]

    base = prior(secret.codes(learn.x), secret.k)
    (labelled, plain), spent = timed(guess)
    floor = even(pick(np.log(labelled.asked), base), codes)
    out = [row(name, f"Momus, no model ({labelled.name})", np.log(labelled.asked), base, codes, spent, 0, floor)]
    for tool, clues, rows_ in ours(target, secret):

        def attacked(clues: Any = clues) -> Any:
            mine, theirs = clues(known), clues(judged)
            own = slice(len(held), None)
            state = attacks.Known(mine, secret.codes(known.x), labelled.own[own], plain.own[own])
            likely = [c for c in ("confidence", "counts", "leaf", "confusion") if c in theirs]
            return attacks.attack(
                state, theirs, labelled.asked, plain.asked, base, np.random.default_rng(3), likelihoods=likely
            )

        found, took = timed(attacked)
        out.append(row(name, f"{tool} ({found.name})", found.scores, base, codes, spent + took, rows_, floor))
    return out + list(peers(name, model, secret, learn, judged, codes, floor))


def ours(target: Any, secret: Secret) -> list[tuple[str, Callable[[Samples], Any], int]]:
    classes = len(target.info.classes)

    def asked(s: Samples) -> Any:
        p = target.probabilities(secret.asked(s.x)).reshape(len(s), secret.k, classes)
        return attacks.answer_clues(p, s.y, np.full((classes, classes), 1 / classes))

    def read(s: Samples) -> Any:
        return leaf_counts.clues(target.trees(), secret, s.x, s.y, np.full((classes, classes), 1 / classes))

    return [("Momus inversion.attribute", asked, secret.k), ("Momus inversion.leaves", read, 0)]


def peers(
    name: str, model: Any, secret: Secret, learn: Samples, judged: Samples, codes: np.ndarray, floor: float
) -> Any:
    try:
        from art.attacks.inference import attribute_inference as art
        from art.estimators.classification.scikitlearn import SklearnClassifier
    except ImportError:
        return
    (at,) = secret.at
    wrapped = SklearnClassifier(model)
    values = [float(v) for v in secret.settings[:, 0]]
    prior_ = list(prior(secret.codes(learn.x), secret.k))
    known, asked = learn.x.astype(np.float32), np.delete(judged.x, at, axis=1).astype(np.float32)

    def baseline() -> Any:
        attack = art.AttributeInferenceBaseline(attack_model_type="rf", attack_feature=at)
        attack.fit(known)
        return attack.infer(asked, values=values)

    def black_box() -> Any:
        attack = art.AttributeInferenceBlackBox(wrapped, attack_model_type="rf", attack_feature=at)
        attack.fit(known, np.asarray(learn.y))
        said = wrapped.predict(judged.x.astype(np.float32)).argmax(1).reshape(-1, 1)
        return attack.infer(asked, np.asarray(judged.y), pred=said, values=values)

    def lifestyle() -> Any:
        attack = art.AttributeInferenceWhiteBoxLifestyleDecisionTree(wrapped, attack_feature=at)
        return attack.infer(asked, values=values, priors=prior_)

    def white_box() -> Any:
        attack = art.AttributeInferenceWhiteBoxDecisionTree(wrapped, attack_feature=at)
        said = wrapped.predict(judged.x.astype(np.float32)).argmax(1)
        return attack.infer(asked, said, values=values, priors=prior_)

    tools = {"baseline, no model": (baseline, 0), "black box": (black_box, 1), "lifestyle tree": (lifestyle, secret.k)}
    if type(model).__name__ == "DecisionTreeClassifier":
        tools["decision tree"] = (white_box, secret.k)
    for tool, (attack, asks) in tools.items():
        try:
            found, took = timed(attack)
        except Exception as error:  # a peer's own failure is a result to print
            yield {"model": name, "tool": f"ART {tool}", "right": f"{type(error).__name__}: {str(error)[:60]}"}
            continue
        told = np.abs(np.asarray(found, dtype=float).reshape(-1, 1) - np.array(values)).argmin(1)
        yield {
            "model": name,
            "tool": f"ART {tool}",
            "right": float((told == codes).mean()),
            "even": even(told, codes),
            "over guessing": even(told, codes) - floor,
            "CPU s": took,
            "rows a person": asks,
        }


def row(
    name: str, tool: str, scores: np.ndarray, base: np.ndarray, codes: np.ndarray, took: float, asks: int, floor: float
) -> dict[str, Any]:
    fair = even(pick(scores, base), codes)
    right = float((pick(scores) == codes).mean())
    return {"model": name, "tool": tool, "right": right, "even": fair, "over guessing": fair - floor, "CPU s": took,
            "rows a person": asks}  # fmt: skip


def even(told: np.ndarray, codes: np.ndarray) -> float:
    return float(np.mean([(told[codes == v] == v).mean() for v in np.unique(codes)]))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start
