"""Which probes a card and a caller ask for. A name that asks for nothing is an error, never silence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch

from momus.card import SystemCard
from momus.core.errors import CardError, NotFound
from momus.core.registry import probe_ids
from momus.taxonomy import load


def selected(card: SystemCard, only: Sequence[str] = ()) -> tuple[str, ...]:
    """Ids of the probes that the card and the caller ask for; ``only`` overrides the card's ``select`` and ``skip``.

    A word is a probe's id, a pattern (``membership.*``), or a mode by slug or id (``M04``). NotFound for a word of
    ``only`` that names no probe, CardError for one of the card's.
    """
    if only:
        return _union(_named(word) for word in only)
    wanted = _union(_of_card(card, "select", i, word) for i, word in enumerate(card.select or ("*",)))
    unwanted = _union(_of_card(card, "skip", i, word) for i, word in enumerate(card.skip))
    return tuple(i for i in wanted if i not in unwanted)


def _union(found: Iterable[Iterable[str]]) -> tuple[str, ...]:
    ids = {i for group in found for i in group}
    return tuple(i for i in probe_ids() if i in ids)


def _of_card(card: SystemCard, key: str, index: int, word: str) -> tuple[str, ...]:
    try:
        return _named(word)
    except NotFound as error:
        raise CardError(
            error.message, code="card/unknown-probe", place=card.place(key, index), hint=error.hint
        ) from None


def _named(word: str) -> tuple[str, ...]:
    """Ids that one word stands for; NotFound with the nearest names where it stands for none."""
    known, text = probe_ids(), word.strip()
    modes = {m.id.lower(): m.slug for m in load().modes}
    slug = modes.get(text.lower(), text.lower())
    ids = tuple(i for i in known if fnmatch(i, text) or i.split("/")[-1].split(".")[0] == slug)
    if ids:
        return ids
    if slug in modes.values():
        raise NotFound(f"no probe tests the mode '{slug}' yet", hint=f"Review it by hand with: momus explain {slug}")
    names = [*known, *(i.split(".")[-1] for i in known), *modes.values()]
    near = []
    for name in difflib.get_close_matches(text.lower(), names, n=3, cutoff=0.5):
        near += [i for i in known if name == i or i.endswith(f".{name}")] or [name]
    told = ", ".join(dict.fromkeys(near))
    raise NotFound(
        f"no probe or mode is called '{word}'", hint=f"Did you mean {told}?" if told else "See: momus list probes"
    )
