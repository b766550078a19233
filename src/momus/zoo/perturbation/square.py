"""Cases for perturbation.square."""

from __future__ import annotations

from typing import Any

from momus.core.samples import Samples
from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _sounds as sounds
from momus.zoo.perturbation import _systems as systems


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Pictures as for PGD; tables that a mutable column decides, and tables that only an immutable one does."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    test = {"test": torch_digits.samples(200, systems.SIDE)}

    def table(decides: str, estimator: Any, name: str) -> tuple[Any, dict[str, Samples]]:
        return systems.fitted(estimator, systems.applicants(seed, decides), name)

    income, by_income = table("income", make_pipeline(StandardScaler(), LogisticRegression()), "scorecard")
    age, by_age = table("age", DecisionTreeClassifier(max_depth=3, random_state=seed), "age-tree")
    forest, forest_data = table("income", RandomForestClassifier(20, max_depth=6, random_state=seed), "forest")
    region, by_region = table("region", make_pipeline(StandardScaler(), LogisticRegression()), "region-scorecard")
    channel, by_channel = table("channel", DecisionTreeClassifier(max_depth=3, random_state=seed), "channel-tree")
    mlp = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=300, random_state=seed, tol=1e-3))
    network, network_data = table("age", mlp, "age-network")
    few = {"queries": 300}
    heard = {"test": sounds.voices(seed)}
    hiss, loudness = sounds.voice_detector(sounds.Hiss(6), "hiss"), sounds.voice_detector(sounds.Loudness(), "loudness")
    return (
        Case("plain-cnn", True, systems.digits(systems.PLAIN, "plain-cnn", seed), test, {"epsilon": 0.15, **few}),
        Case("table-by-income", True, income, by_income, {"epsilon": 0.5, **few}),
        Case("wide-margin", False, systems.halves_target(), {"test": systems.halves(seed)}, {"epsilon": 0.15, **few}),
        Case("table-by-age", False, age, by_age, {"epsilon": 0.5, **few}),
        Case("forest-by-income", True, forest, forest_data, {"epsilon": 0.5, **few}, held_out=True),
        Case("one-hot-decides", True, region, by_region, {"epsilon": 0.1, **few}, held_out=True),
        Case("category-decides", True, channel, by_channel, {"epsilon": 0.1, **few}, held_out=True),
        Case(
            "plain-mlp",
            True,
            systems.digits(systems.PLAIN_MLP, "plain-mlp", seed),
            test,
            {"epsilon": 0.15, **few},
            held_out=True,
        ),
        Case(
            "hardened-mlp",
            False,
            systems.digits(systems.HARD_MLP, "hardened-mlp", seed),
            test,
            {"epsilon": 0.03, **few},
            held_out=True,
        ),
        Case("speech-by-hiss", True, hiss, heard, {"epsilon": 0.01, **few}, held_out=True),
        Case("speech-by-loudness", False, loudness, heard, {"epsilon": 0.01, **few}, held_out=True),
        Case("network-by-age", False, network, network_data, {"epsilon": 0.1, "switches": 0, **few}, held_out=True),
    )
