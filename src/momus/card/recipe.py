"""The `recipe` section of a target: how a module is trained, so that several can be trained at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from momus.card.section import Positive, Section

Rate = Annotated[FiniteFloat, Field(gt=0)]
Share = Annotated[FiniteFloat, Field(ge=0, lt=1)]
Decay = Annotated[FiniteFloat, Field(ge=0)]


class RecipeCard(Section):
    """How a PyTorch module is trained from scratch: shuffled full batches, and the loss that fits its outputs.

    ``build`` (file.py:function) makes the untrained module; without it the target's ``factory`` does, with its
    ``options``.
    """

    build: str | None = Field(default=None, description="file.py:function that makes the untrained module")
    epochs: Positive
    batch: Positive = 64
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: Rate = 0.1
    momentum: Share = 0.0
    weight_decay: Decay = 0.0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
