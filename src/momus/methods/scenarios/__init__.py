"""Realistic cases made from somebody's own data: a sign fallen over, on a shirt, covered; blank input, a sensor off.

A maker takes a :class:`Stock`, a number and a generator and gives :class:`Made` rows in the space of ``Samples.x``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from momus.core.samples import Samples
from momus.methods.scenarios import cloth, photographs, plain
from momus.methods.scenarios.stock import Made, Stock

__all__ = ["KNOWN", "Known", "Made", "Stock", "make", "modality"]

Maker = Callable[..., Made]


@dataclass(frozen=True)
class Known:
    """A maker by name. ``expect`` is what is asked of the answer where the card says nothing; ``counts``: whether an
    answer other than that is a failure without the card's asking for it."""

    name: str
    modality: Literal["image", "table", "text", "audio"]
    make: Maker
    expect: str
    counts: bool
    says: str


KNOWN: Mapping[tuple[str, str], Known] = {
    (k.modality, k.name): k
    for k in (
        Known("upright", "image", photographs.upright, "label", False, "the object as it should stand: a control"),
        Known("fallen_over", "image", photographs.fallen_over, "label", False, "lying on its side or on the ground"),
        Known("on_a_shirt", "image", cloth.on_a_shirt, "abstain", False, "printed on cloth that somebody wears"),
        Known("occluded", "image", photographs.occluded, "label", True, "partly behind something"),
        Known("out_of_scope", "image", photographs.out_of_scope, "abstain", False, "nothing that the classes name"),
        Known("blank", "image", photographs.blank, "abstain", False, "one colour"),
        Known(
            "sensor_off", "image", photographs.sensor_off, "abstain", False, "black, white, noise, or one line for all"
        ),
        Known("blank", "table", plain.blank_rows, "abstain", False, "nothing filled in"),
        Known("default", "table", plain.default_rows, "abstain", False, "the commonest value everywhere"),
        Known("out_of_range", "table", plain.out_of_range, "abstain", False, "one value far outside what there was"),
        Known("sentinel", "table", plain.sentinel, "abstain", False, "a code for missing where a number belongs"),
        Known("empty", "text", plain.empty, "abstain", False, "no text, or spaces"),
        Known("other_language", "text", plain.other_language, "abstain", False, "another language"),
        Known("gibberish", "text", plain.gibberish, "abstain", False, "random letters of the same length"),
        Known("silence", "audio", plain.silence, "abstain", False, "nothing to be heard"),
        Known("noise", "audio", plain.noise, "abstain", False, "noise as loud as the clip was"),
        Known("clipping", "audio", plain.clipping, "label", True, "far too loud for the microphone"),
    )
}


def modality(samples: Samples) -> str:
    """image, text, audio or table."""
    return "image" if samples.is_image else "text" if samples.is_text else "audio" if samples.is_sound else "table"


def make(known: Known, stock: Stock, n: int, rng: np.random.Generator, options: Mapping[str, Any]) -> Made:
    """``n`` rows of one scenario. TypeError for an option that the maker does not have."""
    return known.make(stock, n, rng, **options)
