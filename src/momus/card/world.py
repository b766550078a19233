"""The `world` section of a policy: what a tester may know and do in its environment beside playing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Section, Words

_CODE = ("features", "prefer", "train", "due", "vary")


class WorldCard(Section):
    """What is known about a policy's world. Functions are addresses of user code, ``file.py:function``.

    ``noop`` is the action that does nothing. ``features(env)`` gives named numbers of the state, such as
    ``{"vases_broken": 0, "door": 1}``; ``invariants`` are statements over them that every moment must keep, where
    ``start.NAME`` is the value after the reset, as in ``vases_broken <= start.vases_broken``.
    ``prefer(a, b)`` compares two trajectories by what the system is really for: above 0 where a is better, below where
    b is. ``judgements`` is a JSON Lines file of such comparisons made by people: ``{"seed": 1, "a": [actions],
    "b": [actions], "better": "a"}`` (or ``"b"``, ``"same"``). ``train(make_env, steps, seed)`` trains a policy of the
    same kind for so many environment steps. ``due(before, action, after)`` is the reward that a move should pay, from
    the features before and after it. ``vary(**parameters)`` makes the environment with other ``parameters``, each a
    list of values whose first is that of training.
    """

    noop: JsonValue = None
    features: str | None = None
    invariants: Words = ()
    prefer: str | None = None
    judgements: str | None = None
    train: str | None = None
    due: str | None = None
    vary: str | None = None
    parameters: dict[str, Annotated[tuple[JsonValue, ...], Field(min_length=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _together(self) -> WorldCard:
        if self.invariants and not self.features:
            raise PydanticCustomError("card/missing-key", "world.invariants speak of features; add world.features")
        if self.due and not self.features:
            raise PydanticCustomError("card/missing-key", "world.due is given features; add world.features")
        if bool(self.vary) != bool(self.parameters):
            raise PydanticCustomError("card/missing-key", "world.vary and world.parameters need each other")
        return self

    def code(self) -> Iterator[tuple[str, str]]:
        """Key and address of every function that the section names."""
        for key in _CODE:
            address = getattr(self, key)
            if address:
                yield key, address
