"""What every section of a card is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from momus.card.shorthand import one_or_many

Words = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
Positive = Annotated[int, Field(gt=0)]
Span = tuple[FiniteFloat, FiniteFloat]


class Section(BaseModel):
    """Base of every section: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
