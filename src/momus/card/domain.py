"""The `tests` section: the operating domain a system is meant for, and what was tested in it (mode M17)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, JsonValue, PlainSerializer, PlainValidator, WithJsonSchema, model_validator
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


class ClaimCard(Section):
    """A number that somebody claims of the system: a metric of all test rows, or of those in which a column or group
    has one value (``where: {site: north}``). ``label`` is the class meant by recall, precision, fpr and fnr.
    """

    metric: Literal["accuracy", "error", "recall", "precision", "fpr", "fnr", "mae"]
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None
    label: str = ""
    where: dict[str, str | int | float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bounded(self) -> ClaimCard:
        if (self.at_least is None) == (self.at_most is None):
            raise PydanticCustomError("card/claim", "a claim needs one of at_least and at_most")
        return self


class RelationCard(Section):
    """A metamorphic relation: how the answer may change when the input is changed in a known way.

    ``change`` is a change that Momus knows by name, or ``file.py:function`` that takes inputs as read (n, ...) and a
    seeded generator and gives changed ones. ``expect``: the answers stay the ``same``, must be ``different``, or must
    not go ``up`` or ``down`` (the value of a regressor, the probability of ``label`` of a classifier).
    """

    name: str = ""
    change: str
    expect: Literal["same", "different", "not_up", "not_down"] = "same"
    label: str = ""
    tolerance: FiniteFloat = 0.0
    options: dict[str, JsonValue] = Field(default_factory=dict)


class ScenarioCard(Section):
    """Realistic cases to be made from the user's own data: by a maker that Momus knows by name, or by a function
    ``file.py:function`` that takes Samples and a seeded generator and gives Samples.

    ``expect`` is what the system should answer: the ``label`` of the row it was made from, a class by name, or
    ``abstain``: no confident answer, as for blank and out-of-scope input.
    """

    name: str
    make: str
    expect: str = "label"
    options: dict[str, JsonValue] = Field(default_factory=dict)


class TestsCard(Section):
    """What was tested before: the declared operating domain, the sets that count as tests, the least rows per bin.

    Dates say when the test data were ``collected``, when the tests last ``ran``, when the ``pass_marks_fixed`` and
    when the system or its world last ``changed``. ``site`` names the group column of places or sources.
    """

    __test__ = False  # the name starts like a test class

    data: Words = ("test",)
    domain: DomainCard = DomainCard()
    min_rows: Positive = 30
    pass_marks_fixed: date | None = Field(default=None, description="when the pass marks were fixed, before the tests")
    collected: date | None = None
    ran: date | None = None
    changed: date | None = None
    max_age_days: Positive = 365
    site: str | None = None
    claims: tuple[ClaimCard, ...] = ()
    relations: tuple[RelationCard, ...] = ()
    scenarios: tuple[ScenarioCard, ...] = ()

    def code(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Place and address of every function that the section names."""
        named = [(("relations", i, "change"), r.change) for i, r in enumerate(self.relations)]
        named += [(("scenarios", i, "make"), s.make) for i, s in enumerate(self.scenarios)]
        yield from ((place, address) for place, address in named if ":" in address)
