"""The JSON Schema of a card, for editors that complete and check YAML while it is written."""

from __future__ import annotations

from typing import Any

from momus.card.schema import SystemCard
from momus.card.shorthand import SHARED

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def card_schema() -> dict[str, Any]:
    """The schema with the short forms that a card may use: a path for a data set, keys shared by all sets."""
    schema = SystemCard.model_json_schema()
    parts = schema["$defs"]
    whole = {"$ref": "#/$defs/DataCard"}
    shared = {key: parts["DataCard"]["properties"][key] for key in sorted(SHARED)}
    schema["properties"]["data"] |= {
        "properties": shared,
        "additionalProperties": {"anyOf": [{"type": "string", "description": "path of the file"}, whole]},
    }
    # The adapter follows from the file's ending where it is left out, so a card need not name it.
    parts["TargetCard"]["required"] = []
    return {"$schema": DIALECT, "title": "momus.yaml", **{k: v for k, v in schema.items() if k != "title"}}
