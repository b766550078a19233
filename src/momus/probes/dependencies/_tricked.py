"""How each reader of a path took each trick, for dependencies.decoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from momus.core.capabilities import Serving
from momus.core.meter import Meter
from momus.methods.fuzz import decoders_scaling as scaling
from momus.methods.fuzz.decoders import Reading, Trick, distance, firm, nearly, picture_in, reading
from momus.methods.fuzz.decoders_images import pictures
from momus.methods.fuzz.harness import Harness, Outcome

TOLD, UNREAD = ("as seen", "otherwise"), ("failed", "unread")
_AGAIN = 4  # times that a misread file and its plain files are read again


@dataclass(frozen=True, slots=True)
class Read:
    """One trick as every reader took it; ``path`` is the first, ``changed`` whether the answer went with it.

    ``alike`` is False where another answer came of what was decoded alike, value for value: somebody reads the file
    once more. ``shaky``: a reader took it in one way and in another.
    """

    trick: Trick
    format: str
    by: Mapping[str, Reading]
    changed: bool | None
    decoded: Any = None
    alike: bool = True
    shaky: bool = False

    @property
    def path(self) -> Reading:
        return next(iter(self.by.values()))

    @property
    def silent(self) -> bool | None:
        """Whether somebody is shown another thing than the path reads, and nobody is told; None where it is open."""
        told = [r for r in self.by.values() if r in TOLD]
        apart = len(set(told)) > 1 and self.path in told
        if apart or (self.trick.truth and (self.path == "otherwise" or not self.alike)):
            return True
        if self.path == "refused" or (self.trick.truth and self.path == "as seen"):
            return False
        return None if self.trick.truth else (False if len(told) > 1 else None)


def readers(serving: Serving) -> dict[str, Callable[[bytes], Any]]:
    """Every reader by name, the path itself first: its decoder where there is one, else what it answers."""
    first = ("decode", serving.decode) if serving.decode is not None else ("answer", serving.answer)
    return dict([first, *serving.also.items()])


def asked(serving: Serving, meter: Meter, function: Callable[[bytes], Any], inputs: Sequence[bytes]) -> list[Outcome]:
    """What one reader makes of files, in a process that may die of them. Each file counts as a query."""
    meter.spend(len(inputs))
    with _harness(serving, function) as opened:
        return opened.run(inputs)


def _harness(serving: Serving, function: Callable[[bytes], Any]) -> Harness:
    return Harness(function, seconds=serving.seconds, memory_mb=serving.memory_mb, refuses=serving.refuses, keep=True)


def read_all(serving: Serving, meter: Meter, format_: str, made: Sequence[Trick], rng: Any) -> list[Read]:
    """Each trick of a format as every reader takes it. Three files a trick and reader, twelve more for one misread.

    Trick by trick: what a reader makes of a file may be a thousand times as large, and only three are held at once.
    """
    functions = {**readers(serving), "answer": serving.answer}
    names = list(readers(serving))
    found = []
    with ExitStack() as held:
        opened = {name: held.enter_context(_harness(serving, f)) for name, f in functions.items()}
        for trick in made:
            meter.spend(3 * len(opened))
            took = {name: one.run([trick.data, trick.seen, trick.other]) for name, one in opened.items()}
            found.append(_read(serving, meter, format_, trick, took, names, rng))
    return found


def _read(
    serving: Serving, meter: Meter, format_: str, trick: Trick, took: Mapping[str, list[Outcome]],
    names: Sequence[str], rng: Any,
) -> Read:  # fmt: skip
    """One trick, from what each reader made of it and of its two plain files."""
    functions = readers(serving)
    part: dict[str, Reading] = {name: reading(*took[name]) for name in names}
    doubted = [name for name, word in part.items() if word == "otherwise"]
    shaky = [name for name in doubted if not _holds(serving, meter, functions[name], trick, took[name], rng)]
    part |= dict.fromkeys(shaky, "cannot tell")
    first, plain, _ = took[names[0]]
    same = serving.decode is not None and _same(first, plain) and reading(*took["answer"]) == "otherwise"
    alike = not (same and _holds(serving, meter, serving.answer, trick, took["answer"], rng))
    made = Read(trick, format_, part, _changed(*took["answer"][:2]), None, alike, bool(shaky))
    return replace(made, decoded=first.answer) if made.silent else made


def _same(first: Outcome, plain: Outcome) -> bool:
    return first.kind == plain.kind == "answered" and distance(first.answer, plain.answer) == 0


def _holds(
    serving: Serving, meter: Meter, function: Callable[[bytes], Any], trick: Trick, first: Sequence[Outcome], rng: Any
) -> bool:
    """Whether a misreading comes back each time, and no plain file of what is seen is misread too."""
    format_ = trick.name.partition(":")[0]
    plain = [trick.seen, *(nearly(format_, trick.seen, rng) for _ in range(_AGAIN)), *[trick.seen] * (_AGAIN - 1)]
    again = asked(serving, meter, function, [*plain, *[trick.data] * _AGAIN])
    return firm([first[0], *again[len(plain) :]], [first[1], *again[: len(plain)]])


def _changed(trick: Outcome, seen: Outcome) -> bool | None:
    """Whether the answer is another one; probabilities and scores by their greatest."""
    if trick.kind != "answered" or seen.kind != "answered":
        return None
    a, b = _decided(trick.answer), _decided(seen.answer)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) > 0.01 * max(abs(a), abs(b))
    return distance(a, b) > 0


def _decided(answer: Any) -> Any:
    if isinstance(answer, Mapping):
        # A label beside scores is the decision; scores alone move a little with every way of writing.
        named = {k: v for k, v in answer.items() if isinstance(v, str | bool | int)}
        return named or answer
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiu" or answer.size < 2:
        return answer
    return int(answer.ravel().argmax())


def scaled(
    serving: Serving, meter: Meter, format_: str, examples: Sequence[bytes], rng: Any
) -> tuple[list[Trick], str]:
    """A picture that scales to another one on this very path, if there is one; or why that is not known."""
    assert serving.decode is not None
    decode = serving.decode

    def read(files: Sequence[bytes]) -> list[Any]:
        kept = asked(serving, meter, decode, files)
        return [picture_in(o.answer) if o.kind == "answered" else None for o in kept]

    weights = scaling.measure(read, format_, rng)
    if isinstance(weights, str):
        return [], weights
    made = scaling.craft(weights, *pictures(examples, rng))
    if not made.works:
        return [], ""
    data, seen, other = (scaling.written(a, format_) for a in (made.image, made.cover, made.hidden))
    hides = f"scaling looks at few pixels: {100 * made.changed:.0f} % of them, changed, make another picture"
    return [Trick(f"{format_}: scaled down", data, seen, other, hides)], ""
