"""Cases for perturbation.pgd."""

from __future__ import annotations

from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _sounds as sounds
from momus.zoo.perturbation import _systems as systems


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Plain models break at 0.15; hardened ones hold at 0.03, a wide margin holds at 0.15."""
    test = {"test": torch_digits.samples(200, systems.SIDE)}
    wide = {"test": systems.halves(seed)}
    decided, by_income = systems.table_network(seed, systems.applicants(seed, "income"))
    fixed, by_age = systems.table_network(seed, systems.applicants(seed, "age"))
    heard = {"test": sounds.voices(seed)}
    hiss, loudness = sounds.voice_detector(sounds.Hiss(4), "hiss"), sounds.voice_detector(sounds.Loudness(), "loudness")
    return (
        Case("speech-by-hiss", True, hiss, heard, {"epsilon": 0.01}, held_out=True),
        Case("speech-by-loudness", False, loudness, heard, {"epsilon": 0.01}, held_out=True),
        Case("plain-cnn", True, systems.digits(systems.PLAIN, "plain-cnn", seed), test, {"epsilon": 0.15}),
        Case("wide-margin", False, systems.halves_target(), wide, {"epsilon": 0.15}),
        Case("hardened-mlp", False, systems.digits(systems.HARD_MLP, "hardened-mlp", seed), test, {"epsilon": 0.03}),
        Case(
            "plain-mlp",
            True,
            systems.digits(systems.PLAIN_MLP, "plain-mlp", seed),
            test,
            {"epsilon": 0.15},
            held_out=True,
        ),
        Case(
            "saturated-cnn",
            True,
            systems.digits(systems.PLAIN, "saturated-cnn", seed + 1, saturated=True),
            test,
            {"epsilon": 0.15},
            held_out=True,
        ),
        Case("table-by-income", True, decided, by_income, {"epsilon": 0.5}, held_out=True),
        Case(
            "hardened-cnn",
            False,
            systems.digits(systems.HARD_CNN, "hardened-cnn", seed),
            test,
            {"epsilon": 0.03},
            held_out=True,
        ),
        Case("table-by-age", False, fixed, by_age, {"epsilon": 0.5, "switches": 0}, held_out=True),
    )
