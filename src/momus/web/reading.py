"""The pages that are read: systems, runs, evidence, comparisons and what runs now. (:mod:`reading_lookup` has the
knowledge behind them: taxonomy, glossary, probes.)"""

from __future__ import annotations

from momus.web import reading_compare, reading_files, reading_live, reading_runs
from momus.web.pages import Router
from momus.web.paths import at, with_query
from momus.web.sparks import spark

router = Router()
for part in (reading_runs, reading_live, reading_compare, reading_files):
    router.routes += part.router.routes
    router.nav += part.router.nav

# What templates of these pages call besides the report's own names; some take the place of the report's.
NAMES = {
    "at": at,
    "with_query": with_query,
    "spark": spark,
    "room": reading_files.ROOM,
    "picture_figure": reading_files.picture_figure,
    "pictures_told": reading_files.pictures_told,
    "saved": reading_files.saved,
    "reports": {suffix: reading_files.name_of(suffix) for suffix in reading_files.REPORTS},
}
