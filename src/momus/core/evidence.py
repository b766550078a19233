"""What proof may look like: data, never pixels of our own making and never HTML. Renderers decide how it is shown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )


class _Evidence(_Frozen):
    title: str
    note: str = ""


Cell = str | int | FiniteFloat | bool | None


class Table(_Evidence):
    """Rows of plain cells under named columns."""

    kind: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Line(_Frozen):
    """One line of a series, with an optional band (same length as ``y``)."""

    name: str
    x: tuple[FiniteFloat, ...]
    y: tuple[FiniteFloat, ...]
    low: tuple[FiniteFloat, ...] = ()
    high: tuple[FiniteFloat, ...] = ()
    dashed: bool = False


class Series(_Evidence):
    """Lines over a common axis: accuracy against severity, TPR against FPR, loss against step."""

    kind: Literal["series"] = "series"
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


class Bars(_Evidence):
    """Named values with optional interval ends: one bar a group, a slice or a corruption."""

    kind: Literal["bars"] = "bars"
    y_label: str
    names: tuple[str, ...]
    values: tuple[FiniteFloat, ...]
    low: tuple[FiniteFloat, ...] = ()
    high: tuple[FiniteFloat, ...] = ()
    reference: FiniteFloat | None = None


class Grid(_Evidence):
    """A heat grid: corruption against severity, column against window."""

    kind: Literal["grid"] = "grid"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[FiniteFloat, ...], ...]
    value_label: str


class Picture(_Frozen):
    """One image as PNG bytes with a caption. Make it with :func:`momus.methods.picture.png`."""

    caption: str
    png: bytes


class Pictures(_Evidence):
    """Rows of pictures that belong side by side: original, changed, difference."""

    kind: Literal["pictures"] = "pictures"
    rows: tuple[tuple[Picture, ...], ...]


class Excerpt(_Evidence):
    """A piece of text as found: a log, an opcode listing, a trajectory drawn in characters."""

    kind: Literal["excerpt"] = "excerpt"
    text: str


_OLD_SEVERITIES = {"bad": "dangerous", "unread": "not understood"}  # words that runs stored before used


class FileMark(_Evidence):
    """A place in a file: which file, which digest, at which byte, what stands there."""

    kind: Literal["file_mark"] = "file_mark"
    path: str
    sha256: str = ""
    offset: int | None = None
    what: str
    severity: Literal["dangerous", "suspicious", "not understood", "note"] = "note"

    @field_validator("severity", mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        """Stored runs keep the words of their day; they are read as what they are called now."""
        return _OLD_SEVERITIES.get(value, value) if isinstance(value, str) else value


class Attachment(_Evidence):
    """A file that belongs to the result: a print-ready PDF, a clip of sound, a film, a hard set. Shown, never run."""

    kind: Literal["attachment"] = "attachment"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    media: Literal[
        "application/octet-stream", "application/pdf", "application/zip", "application/jsonl", "audio/wav", "image/gif",
        "image/png", "text/csv", "text/plain",
    ]  # fmt: skip
    data: bytes


Evidence = Annotated[
    Table | Series | Bars | Grid | Pictures | Excerpt | FileMark | Attachment, Field(discriminator="kind")
]
