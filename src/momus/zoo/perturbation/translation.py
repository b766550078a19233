"""Cases for perturbation.translation."""

from __future__ import annotations

from typing import Any

from momus.targets import Target
from momus.zoo import Case
from momus.zoo.perturbation import _texts as texts


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Translators that lose a word with one mistyped letter, and translators that read it all the same."""
    few = {"test": texts.sentences(seed, 3, 16)}
    many = {"test": texts.sentences(seed + 50, 6, 16)}
    two = {"edits": 1, "queries": 60, "n": 16}
    push = {**two, "goal": "push"}

    def reads(model: Any, name: str) -> Any:
        return Target.from_object(model, name=name)

    return (
        Case("literal", True, reads(texts.Dictionary(0), "literal"), few, two),
        Case("forgiving", False, reads(texts.Dictionary(1), "forgiving"), few, two),
        Case("letter-sums", True, reads(texts.LetterSums(seed), "letter-sums"), few, {**push, "edits": 2}),
        Case("guessing", True, reads(texts.Twice(0), "guessing"), many, {**two, "edits": 2}, held_out=True),
        Case("forgiving-order", False, reads(texts.Twice(1), "forgiving-order"), many, two, held_out=True),
        Case(
            "forgiving-push",
            False,
            reads(texts.Dictionary(1), "forgiving-push"),
            many,
            push,
            held_out=True,
        ),
    )
