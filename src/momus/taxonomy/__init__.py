"""The 17 failure modes, both bug bars, the questions, premise rules, crosswalk and glossary: facts as data."""

from __future__ import annotations

from momus.taxonomy.load import Taxonomy, load

__all__ = ["Taxonomy", "load"]
