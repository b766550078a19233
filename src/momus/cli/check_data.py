"""The data sets of a card as `momus check --data` reads them: each in a locked process of its own."""

from __future__ import annotations

import re
from typing import Any


def read_sets(card: Any) -> dict[str, Any]:
    """By role what the data file was taken for (a Table), or its error in one line. A loader's code is not run."""
    from functools import partial

    from momus.assess.apart import apart
    from momus.core.errors import MomusError
    from momus.core.evidence import Table

    found: dict[str, Any] = {}
    for role, section in card.data.items():
        if section.loader:
            continue
        try:
            text = apart(partial(_described, card, role), place=f"data.{role}")
            found[role] = Table.model_validate_json(text)
        except MomusError as error:
            found[role] = str(_placed(error, card, role))
    return found


def _described(card: Any, role: str) -> str:
    """In a process of its own, for the decoders of pictures, sounds and tables are native code."""
    from momus.data import describe, read_data

    first = card.targets[0] if card.targets else None
    samples = read_data(
        card.data[role],
        card.base,
        classes=first.classes if first else (),
        task=first.task if first and first.task in ("classifier", "regressor", "generator") else None,
        size=first.input.size if first else None,
        rate=first.input.rate if first else None,
        missing=first.input.missing if first else False,
        siblings=[s for name, s in card.data.items() if name != role and not s.loader],
        name=role,
    )
    return describe(samples).model_dump_json()


def _placed(error: Any, card: Any, role: str) -> Any:
    """The error with file, line and column of the rule it speaks of; any other error as it is."""
    from momus.core.errors import DataError

    at = re.fullmatch(rf"data\.{re.escape(role)}\.rules\[(\d+)\]", error.place)
    if at is None:
        return error
    section = card.stored()["data"].get(role)
    own = ("data", role) if isinstance(section, dict) and "rules" in section else ("data",)
    return DataError(error.message, code=error.code, place=card.place(*own, "rules", int(at[1])), hint=error.hint)
