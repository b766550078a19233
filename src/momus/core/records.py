"""Frozen records: what one step hands to the next, and what the store keeps.

Every record forbids unknown keys and non-finite numbers, so that a stored run can be read back, compared and
re-judged without the model. ``schema_version`` says which shape was written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from momus.core.evidence import Evidence

SCHEMA_VERSION = 1


class Record(BaseModel):
    """Base of everything that is stored: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )


class Knowledge(StrEnum):
    """What the attacker (or tester) must know. NIST AI 100-2 E2025, section 2.1.3; Microsoft merges grey into white."""

    BLACK_BOX = "black box"
    GREY_BOX = "grey box"
    WHITE_BOX = "white box"
    NONE = "not an attack"


class Status(StrEnum):
    """The verdict on one measurement. Only :mod:`momus.judge` gives one."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Severity(StrEnum):
    """Levels of the bug bar, worst first."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    MODERATE = "moderate"
    LOW = "low"
    NONE = "none"

    @property
    def rank(self) -> int:
        """0 for none up to 4 for critical."""
        return 4 - list(Severity).index(self)


class Interval(Record):
    """A two-sided confidence interval. ``exact`` marks exhaustive counts, whose width is zero by nature."""

    low: FiniteFloat
    high: FiniteFloat
    level: FiniteFloat = 0.95
    method: str = "wilson"

    @model_validator(mode="after")
    def _ordered(self) -> Interval:
        if self.low > self.high:
            raise ValueError(f"interval is upside down: {self.low} > {self.high}")
        return self

    @classmethod
    def exact(cls, value: float) -> Interval:
        return cls(low=value, high=value, level=1.0, method="exact")


class Cost(Record):
    """What a measurement took: model rows asked, calls made, wall-clock seconds."""

    queries: int = 0
    calls: int = 0
    gradients: int = 0
    seconds: FiniteFloat = 0.0


class Caveat(Record):
    """A reason to distrust a reading. ``blocks`` says which verdicts it turns into *inconclusive*."""

    code: str
    message: str
    blocks: Literal["pass", "fail", "both", "none"] = "pass"


class Figure(Record):
    """A further number of the same measurement (AUC beside TPR, clean accuracy beside robust accuracy)."""

    name: str
    value: FiniteFloat
    ci: Interval | None = None
    n: int | None = None
    note: str = ""


Scalar = bool | int | float | str


def _plain(text: str) -> str:
    """Text as rich markup that means itself: an interval's brackets are no style."""
    return text.replace("[", "\\[")


class Measurement(Record):
    """One number that a probe measured, with its interval, evidence, cost and caveats. It carries no verdict.

    ``worse`` gives the direction of harm: ``"lower"`` for an accuracy, ``"higher"`` for a leak.
    ``scope`` holds the effective settings (norm, epsilon, steps, n): the words a pass must be read with.
    ``key`` is the job key, the digest of everything that decides the number.
    """

    kind: Literal["measurement"] = "measurement"
    schema_version: int = SCHEMA_VERSION
    probe: str
    target: str
    metric: str
    value: FiniteFloat
    ci: Interval
    n: int = Field(ge=0)
    worse: Literal["lower", "higher"]
    unit: str = ""
    scope: dict[str, Scalar] = Field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    cost: Cost = Cost()
    seed: int = 0
    data: dict[str, str] = Field(default_factory=dict, description="role of the data set -> its sha256")
    key: str = ""
    modes: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure:
        """The secondary figure called ``name``; KeyError when the probe did not report it."""
        for f in self.figures:
            if f.name == name:
                return f
        raise KeyError(name)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.probe} on {self.target}: {self.metric} {self.value:.4g}{unit} "
            f"[{self.ci.low:.4g}, {self.ci.high:.4g}]  n={self.n}  {self.cost.queries} queries"
        )

    def __repr__(self) -> str:
        return f"<Measurement {self}>"

    def __rich__(self) -> str:
        """As on a terminal: the caveats below the number, because a number is not to be read without them."""
        lines = [
            f"[bold]{_plain(str(self))}[/bold]",
            *(f"  [yellow]{_plain(c.message)}[/yellow]" for c in self.caveats),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """As a small table for a notebook: the number, the secondary figures, the caveats."""
        rows = [(self.metric, self.value, self.ci), *((f.name, f.value, f.ci) for f in self.figures)]
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td>{value:.4g}</td>"
            f"<td>{'' if ci is None else f'{ci.low:.4g} to {ci.high:.4g}'}</td></tr>"
            for name, value, ci in rows
        )
        notes = "".join(f"<li>{escape(c.message)}</li>" for c in self.caveats)
        return f"<b>{escape(str(self))}</b><table>{cells}</table>" + (f"<ul>{notes}</ul>" if notes else "")


class Failure(Record):
    """A job that ended without a number: it crashed, hung, ran out of memory, or its input was unusable."""

    kind: Literal["failure"] = "failure"
    schema_version: int = SCHEMA_VERSION
    probe: str
    target: str
    code: str
    message: str
    place: str = ""
    hint: str = ""
    key: str = ""
    modes: tuple[str, ...] = ()
    cost: Cost = Cost()


class Limit(Record):
    """The pass mark of one probe, fixed before the run. ``source`` says who set it."""

    probe: str
    value: FiniteFloat
    source: str = "default"
    reason: str = ""


class Finding(Record):
    """A measurement held against its limit."""

    kind: Literal["finding"] = "finding"
    schema_version: int = SCHEMA_VERSION
    mode: str
    probe: str
    target: str
    status: Status
    reason: str
    measurement: Measurement | None = None
    failure: Failure | None = None
    limit: Limit | None = None
    fingerprint: str = ""

    def __str__(self) -> str:
        return f"{self.status.value.upper()} {self.probe} on {self.target}: {self.reason}"

    def __repr__(self) -> str:
        return f"<Finding {self}>"

    def __rich__(self) -> str:
        style = {"fail": "bold red", "pass": "green", "inconclusive": "yellow"}.get(self.status.value, "magenta")
        return (
            f"[{style}]{self.status.value.upper()}[/{style}] {_plain(f'{self.probe} on {self.target}: {self.reason}')}"
        )

    def _repr_html_(self) -> str:
        return f"<b>{self.status.value.upper()}</b> {escape(f'{self.probe} on {self.target}: {self.reason}')}"


class Rating(Record):
    """The severity of a finding, with the bug bar row that fired and where that row comes from.

    Ratings kept before ``target`` was have none: they speak for every target of their probe.
    """

    kind: Literal["rating"] = "rating"
    mode: str
    probe: str
    target: str = ""
    severity: Severity
    row: str
    source: str
    reasons: tuple[str, ...] = ()

    def of(self, finding: Finding) -> bool:
        """Whether it is the rating of that finding."""
        mine = (self.mode, self.probe) == (finding.mode, finding.probe)
        return mine and self.target in ("", finding.target)


class Gap(Record):
    """Something that was not tested, why, and how to close the hole."""

    kind: Literal["gap"] = "gap"
    mode: str
    probe: str
    target: str
    why: Literal[
        "capability", "data", "extra", "waived", "budget", "no-probe", "unopened", "unsafe", "not-selected", "power"
    ]
    detail: str
    how_to_close: str


class Run(Record):
    """The head of one assessment: what it takes to repeat it."""

    kind: Literal["run"] = "run"
    schema_version: int = SCHEMA_VERSION
    id: str
    system: str
    card_digest: str
    card_path: str = ""
    card_text: str = ""
    seed: int
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    machine: str = ""
    command: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
