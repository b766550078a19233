"""The pages' templates: the report's environment, with its cleaning and escaping, and the pages' own on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from momus.reports import html
from momus.web import reading
from momus.web.files import Files

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(files: Files) -> Environment:
    """Finds pages first and the report's parts after. Everything it prints is cleaned and escaped."""
    from jinja2 import ChoiceLoader, PackageLoader

    report = html._environment()
    made = report.overlay(
        loader=ChoiceLoader([PackageLoader("momus.web"), PackageLoader("momus.reports")]),
        lstrip_blocks=True,
        cache_size=200,
    )
    # The overlay would share the report's own names; what pages add stays theirs.
    made.globals = {**report.globals, **reading.NAMES, "static": files.address}
    return made
