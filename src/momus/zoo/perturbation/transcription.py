"""Cases for perturbation.transcription."""

from __future__ import annotations

from momus.zoo import Case
from momus.zoo.perturbation import _sounds as sounds

WANTED = "open the door"
FAINT, LOUD = 0.01, 0.3


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Recognisers that hear letters 30 dB below the voice obey anybody; those that want loud ones do not at -20 dB."""
    faint = {"test": sounds.recordings(seed, FAINT)}
    loud = {"test": sounds.recordings(seed, LOUD)}
    options = {"wanted": WANTED, "steps": 60, "n": 16}
    make = sounds.recogniser
    return (
        Case("faint-letters", True, make("linear", FAINT, "faint-letters"), faint, options),
        Case("loud-letters", False, make("linear", LOUD, "loud-letters"), loud, options),
        Case("faint-hidden", True, make("hidden", FAINT, "faint-hidden", seed), faint, options, held_out=True),
        Case("faint-recurrent", True, make("recurrent", FAINT, "faint-recurrent", seed), faint, options, held_out=True),
        Case("loud-energy", False, make("energy", LOUD, "loud-energy"), loud, options, held_out=True),
        Case("few-bits", False, make("stepped", LOUD, "few-bits"), loud, options, held_out=True),
    )
