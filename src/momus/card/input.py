"""What goes into a target and what callers get out of it, before any adapter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from momus.card.section import Positive, Section, Span
from momus.card.shorthand import corruptions_


class InputCard(Section):
    """What the model itself expects for one sample, before any adapter.

    ``shape`` is without the batch, ``range`` the values the model was trained on ([0, 1] or [0, 255]), ``mean`` and
    ``std`` are per channel in the units of ``range``, ``channels`` says where the colour axis stands, ``size`` is the
    (height, width) pictures are resized to. ``modality`` need only be said where data do not show it; ``rate`` is the
    sampling rate of sound in Hz. ``missing`` says that the service answers rows in which values are missing: such
    rows of its data are then read as they are, and attacks may ask about them. ``corruptions`` are those that the real
    pipeline produces, each with the greatest severity, 1 to 5, at which it occurs; a mere list means up to 5.
    """

    shape: tuple[Positive, ...] | None = None
    range: Span | None = None
    mean: tuple[FiniteFloat, ...] = ()
    std: tuple[Annotated[FiniteFloat, Field(gt=0)], ...] = ()
    channels: Literal["first", "last"] | None = None
    size: tuple[Positive, Positive] | None = None
    modality: Literal["image", "table", "text", "audio"] | None = None
    rate: Positive | None = None
    missing: bool = False
    corruptions: Annotated[dict[str, Annotated[int, Field(ge=1, le=5)]], BeforeValidator(corruptions_)] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _ordered(self) -> InputCard:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise PydanticCustomError("card/empty-range", "range must go from low to high, as in [0, 1]")
        return self


class ServiceCard(Section):
    """What a caller of the served model sees and pays: prices and answers as an outsider would meet them.

    ``price`` is for 1,000 queries in ``currency``; ``decimals`` that probabilities are rounded to; ``top`` how many
    classes an answer names; ``per_minute`` the queries that one caller may make.
    """

    price: Annotated[FiniteFloat, Field(ge=0)] | None = None
    currency: str = ""
    decimals: Annotated[int, Field(ge=0, le=17)] | None = None
    top: Positive | None = None
    per_minute: Annotated[FiniteFloat, Field(gt=0)] | None = None
