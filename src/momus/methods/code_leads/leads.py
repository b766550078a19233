"""What a lead is, the kinds there are, why each matters and what to ask whoever wrote the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Strength = Literal["strong", "weak"]


class Kind(NamedTuple):
    """``title`` names it, ``why`` says what it could be for, ``ask`` is the question to the provider."""

    title: str
    why: str
    ask: str


@dataclass(frozen=True, slots=True)
class Lead:
    """One place in the code that deserves a question. It is no proof: honest code may do the same."""

    kind: str
    strength: Strength
    line: int
    code: str
    what: str


KINDS: dict[str, Kind] = {
    "egress": Kind(
        "sends over the network", "data could leave during training", "What is sent, to whom, and why in training?"
    ),
    "network": Kind("uses the network", "training reaches beyond its inputs", "Can it run without a network?"),
    "program": Kind("runs another program", "what that program does is not in sight", "What does it run, and why?"),
    "logger": Kind("reports to a service", "rows could travel with the metrics", "Which values are logged, and where?"),
    "kept": Kind(
        "keeps data in the model",
        "whoever gets the model gets these rows",
        "Which training rows does the finished model hold, and why?",
    ),
    "held": Kind("keeps data beyond the call", "rows stay within reach of later code", "Who reads what is kept here?"),
    "saved": Kind("writes data to a file", "rows could leave with the results", "Where does this file go?"),
    "bits": Kind(
        "works on the bits of parameters",
        "data can be written into low bits without costing accuracy",
        "Why does training touch single bits of the weights?",
    ),
    "tied": Kind(
        "ties parameters to data",
        "a term of this form copies data into signs or values of the weights",
        "What is this term for, and what does accuracy lose without it?",
    ),
    "labels": Kind(
        "makes labels out of data",
        "labels that spell out data teach a model to recite them",
        "Why are these labels made of the bits of rows?",
    ),
    "hook": Kind("changes gradients by a hook", "data can steer every update", "What does the hook add, and why?"),
    "signal": Kind(
        "lets data steer what outsiders see", "delays, names and seeds can carry data", "Why does data decide this?"
    ),
    "dynamic": Kind("builds code at run time", "what runs is not what can be read", "Can it be written as code?"),
    "hidden": Kind(
        "hides what it does", "readers see something else than what runs", "Why is this encoded or obscured?"
    ),
    "patched": Kind("changes another module", "other code no longer does what it says", "Why is a library changed?"),
    "native": Kind("calls native code", "native code cannot be read here", "Which library is it, from whom?"),
    "caller": Kind("looks into its callers", "data that were never handed over are in reach", "What is it after?"),
    "reads": Kind(
        "reads what it was not given", "training reaches beyond its declared inputs", "Why is this read in training?"
    ),
}
