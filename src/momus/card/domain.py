"""The `tests` section: the operating domain a system is meant for, and what was tested in it (mode M17)."""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from momus.card.section import Positive, Section, Span, Words


def _bin(value: object) -> object:
    if isinstance(value, list | tuple):
        if len(value) != 2 or not all(isinstance(v, int | float) and math.isfinite(v) for v in value):
            raise PydanticCustomError("card/bin", "a bin is two numbers, [low, high], or one category")
        if value[0] >= value[1]:
            raise PydanticCustomError("card/empty-range", "a bin must go from low to high")
        return (float(value[0]), float(value[1]))
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("card/bin", "a bin is two numbers, [low, high], or one category")
    return value


_BIN = {
    "anyOf": [
        {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        {"type": ["number", "string"]},
    ]
}
Bin = Annotated[Span | int | float | str, PlainValidator(_bin), PlainSerializer(lambda v: v), WithJsonSchema(_BIN)]


class ConditionCard(Section):
    """One operating condition that is no column (night, a fallen sign): tested, or accepted untested by somebody.

    ``data`` names data sets of the card that hold samples under this condition.
    """

    name: str
    tested: bool = False
    data: Words = ()
    evidence: str = ""
    accepted_by: str | None = None
    reason: str = ""

    @property
    def covered(self) -> bool:
        return self.tested or bool(self.data)


class DomainCard(Section):
    """Where the system is meant to work: bins per column that must all be met by test rows, and named conditions.

    A bin is [low, high) or one category; the last range of a column includes its upper end.
    """

    columns: dict[str, tuple[Bin, ...]] = Field(default_factory=dict)
    conditions: tuple[ConditionCard, ...] = ()


class TestsCard(Section):
    """What was tested before: the declared operating domain, the sets that count as tests, the least rows per bin."""

    __test__ = False  # the name starts like a test class

    data: Words = ("test",)
    domain: DomainCard = DomainCard()
    min_rows: Positive = 30
    pass_marks_fixed: date | None = Field(default=None, description="when the pass marks were fixed, before the tests")
