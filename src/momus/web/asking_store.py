"""Where the card of a session comes from: read at start, or stored with the newest run of its system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from momus.assess.session import Session, session_of_text
from momus.core.decisions import Answer, Waived, system_id
from momus.core.errors import CardError, NotFound
from momus.core.records import Run
from momus.reports.text import clean
from momus.web.errors import Refused

if TYPE_CHECKING:
    from momus.web.site import Site


def opened(site: Site, system: str) -> Session:
    """The session of a system. NotFound for a system that is not there, Refused for one without a readable card."""
    card = site.cards.get(system)
    try:
        answers, waivers = site.store.answers(system), site.store.waivers(system)
        if card is not None:
            return _session(card[0], card[1], "", "", answers, waivers)
        run = _newest(site, system)
        return _session(run.card_text, run.card_path, run.id, run.system, answers, waivers)
    except CardError as error:
        hint = f"{clean(error.message, 160)}. Start the server with the card: momus serve momus.yaml"
        raise Refused("the stored card of this system cannot be read", status=409, code="web/card", hint=hint) from None


def listed(site: Site) -> Iterator[tuple[tuple[str, str], Session | None, str]]:
    """Every system that there is a card of: its address and name, its session, or why there is none."""
    names = {system_id(run.system): run.system for run in site.store.runs()}
    for system in dict.fromkeys([*site.cards, *names]):
        try:
            yield (system, names.get(system, "")), opened(site, system), ""
        except (Refused, NotFound) as error:
            yield (system, names.get(system, system)), None, error.message


@lru_cache(maxsize=256)
def _session(
    text: str, path: str, run: str, of: str, answers: tuple[Answer, ...], waivers: tuple[Waived, ...]
) -> Session:
    """A session is made of nothing else than these, so one that was asked for before is the same."""
    return replace(session_of_text(text, answers, waivers, path=path, of=of), run=run)


def _newest(site: Site, system: str) -> Run:
    runs = site.store.runs(system)
    if not runs:
        raise NotFound("there is no such system", hint="The first page lists all of them")
    return next((run for run in runs if run.card_text), runs[0])
