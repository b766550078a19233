"""YAML from strangers: scalars stay text, aliases and deep nesting are refused before a parser sees them."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

_DEPTH = 100
_ALIAS = re.compile(r"(?:^|[\s\[{,])[&*][A-Za-z0-9_]", re.MULTILINE)
_DEEP = re.compile(r"^[ \t]{400}|(?:[-?:] ){50}", re.MULTILINE)


def plain_yaml(text: str, *, most: int = 8 << 20) -> Any:
    """The document with every scalar as text; ValueError for anything that a plain record does not need."""
    import yaml

    if len(text) > most:
        raise ValueError("the YAML is too long")
    depths = accumulate((c in "[{") - (c in "]}") for c in text if c in "[]{}")
    if _DEEP.search(text) or max(depths, default=0) > _DEPTH:
        raise ValueError("the YAML is nested too deeply")
    # An ampersand or asterisk in a sentence looks the same; the slow loader tells, and refuses real aliases.
    loader = _Plain() if _ALIAS.search(text) else getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a base loader builds text, lists and mappings only
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        raise ValueError(f"not YAML ({type(error).__name__})") from error


def _Plain() -> Any:  # noqa: N802 - it gives a class
    import yaml

    class NoAlias(yaml.BaseLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.YAMLError("an alias")
            return super().compose_node(parent, index)

    return NoAlias
