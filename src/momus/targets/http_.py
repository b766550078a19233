"""A model that answers over HTTP as a target, with the abilities of a function that gives the same answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from momus.card.http import HttpCard
from momus.core import digest
from momus.core.cache import Cache
from momus.core.capabilities import Array, TargetInfo
from momus.core.errors import BudgetSpent, TargetError
from momus.core.records import Caveat
from momus.core.samples import Column, NumpyArray, Samples
from momus.targets import answers
from momus.targets import callable_ as functions
from momus.targets.described import Spaced
from momus.targets.http_answers import Answers
from momus.targets.http_asker import Asker
from momus.targets.http_canaries import ROWS, TEXTS, Canaries, drawn, recognise
from momus.targets.http_protocols import Protocol, address_of, protocol_of
from momus.targets.http_rows import Sheet
from momus.targets.http_send import Sender
from momus.targets.object_ import texts
from momus.targets.spaces import Space, raw_values, space

BODY = 16 << 20  # bytes of one request, about: a picture as JSON is large
NUMBER = 12  # bytes of one number in JSON, about
WAVES = 4  # calls to the sender carry so many times what may be under way


class Remote:
    """What every target over HTTP can besides answering: say what happened on the way, and who answers in the end."""

    function: Any  # an Asker
    space: Space
    canaries: Canaries
    expected: str = ""
    _info: TargetInfo
    _fed: Callable[[NumpyArray], NumpyArray]

    @property
    def _what(self) -> str:
        card = self.function.protocol.card
        return f"{card.protocol} at {card.host}" + (f", model {card.model}" if card.model else "")

    @property
    def told(self) -> tuple[str, ...]:
        """What happened between us and the server, in sentences."""
        return tuple(self.function.sender.told)

    @property
    def remembers(self) -> bool:
        """Whether answers were kept or taken from those kept, so that a look whether they still hold is due."""
        return bool(self.function.remembers)

    def until(self, deadline: float) -> None:
        """Nothing is waited for beyond this moment, by ``time.monotonic``."""
        self.function.deadline = deadline

    def afterwards(self) -> tuple[Caveat, ...]:
        """Whether the model is still the one that was opened: its canaries are asked again."""
        if self.expected and self.canaries.steady and self.expected != self._info.digest:
            if self.function.kept is not None:
                self.function.kept.of(self.expected).forget()
            return (_changed(self._info.name, "another model answered than when the run began"),)
        if not len(self.canaries.rows) or not self.canaries.steady:
            return ()
        try:
            now = answers.array(self._info.name, self.canaries.rows, self.function.fresh(self._fed(self.canaries.rows)))
            held = self.function.still_holds()
        except (TargetError, BudgetSpent) as error:
            why = error.message if isinstance(error, TargetError) else "time or queries were spent"
            said = f"{self._info.name}: whether the model changed while it was measured is not known: {why}"
            return (Caveat(code="service", message=said, blocks="none"),)
        if self.canaries.same(now) and held:
            if self.function.kept is not None:
                self.function.kept.confirm()
            return ()
        if self.function.kept is not None:
            self.function.kept.forget()  # which of them were another model's nobody knows
        what = "at the end than before" if held else "now than when their answers were kept"
        return (_changed(self._info.name, f"the model answered the same rows differently {what}"),)

    def close(self) -> None:
        """Let go of the connections."""
        self.function.sender.close()


def _changed(name: str, what: str) -> Caveat:
    said = f"{name}: {what}. It changed while it was measured, and the number is no one model's: run again with --fresh"
    return Caveat(code="model-changed", message=said, blocks="both")


class HttpTarget(Remote, functions.CallableTarget):
    """A served model that answers with labels."""


class HttpValues(Remote, functions.CallableValues):
    """A served regressor."""


class HttpScores(Remote, functions.CallableScores):
    """A served model that answers with probabilities or logits."""


class HttpTargetTrains(functions.CallableTargetTrains, HttpTarget):
    """HttpTarget whose like the user's own function trains here."""

    _form_again = functions.CallableTargetTrains


class HttpValuesTrains(functions.CallableValuesTrains, HttpValues):
    """HttpValues whose like the user's own function trains here."""

    _form_again = functions.CallableValuesTrains


class HttpScoresTrains(functions.CallableScoresTrains, HttpScores):
    """HttpScores whose like the user's own function trains here."""

    _form_again = functions.CallableScoresTrains


class HttpTexts(Remote, Spaced):
    """A served model that answers with texts."""

    def __init__(self, function: Asker, info: TargetInfo, where: Space, rows: int) -> None:
        self.function, self.space, self.rows = function, where, rows
        self._info = info

    def encode(self, x: NumpyArray, /) -> Array:
        a = self.space.encode(np.asarray(x))
        return np.array([str(t) for t in a], dtype=object) if self.space.modality == "text" else a

    def _fed(self, a: NumpyArray) -> NumpyArray:
        return np.asarray(self.space.feed(a))

    def generate(self, x: Array, /) -> NumpyArray:
        """(n,) object array of str."""
        x = np.asarray(x)
        self.space.check(x)

        def once(a: NumpyArray) -> NumpyArray:
            return texts(self._info.name, a, list(self.function(self._fed(a))))

        return answers.in_batches(x, self.rows, once) if len(x) else np.zeros(0, dtype=object)


_FORMS: dict[type, type] = {
    functions.CallableTarget: HttpTarget, functions.CallableValues: HttpValues,
    functions.CallableScores: HttpScores, functions.CallableTargetTrains: HttpTargetTrains,
    functions.CallableValuesTrains: HttpValuesTrains, functions.CallableScoresTrains: HttpScoresTrains,
}  # fmt: skip


def http_target(
    card: HttpCard,
    *,
    name: str = "model",
    classes: Sequence[str] = (),
    output: functions.Output | None = None,
    task: Literal["classifier", "regressor", "generator"] = "classifier",
    columns: Sequence[Column] = (),
    samples: Samples | None = None,
    train: functions.Train | None = None,
    base: Path | None = None,
    ledger: Path | None = None,
    cache: Cache | None = None,
    first: bool = True,
    expected: str = "",
    per_minute: float | None = None,
    **input_: Any,
) -> Any:
    """A served model as a target.

    The server is asked what it knows of the model, then at most 16 rows of ``samples``: they settle what the card
    leaves open and are part of the identity. ``cache`` lends its folder for answers and canaries; without one they are
    kept in memory. ``first`` is True for whoever opens the model at the beginning of a run, who asks the canaries
    twice, and forgets kept answers where ``cache`` does not read. ``expected`` is the digest that the run found then.

    Raises TargetError for a server that cannot be asked or does not follow its protocol, MissingExtra without httpx.
    """
    protocol = protocol_of(card, name)
    asker = Asker(name, protocol, None)

    def sender(to: HttpCard) -> Sender:
        home = Path() if base is None else base
        return Sender(to, name=name, base=home, ledger=ledger, until=lambda: asker.deadline, per_minute=per_minute)

    asker.sender = sender(card)
    told = _learned(protocol, card, asker.sender, sender)
    where = _space(name, protocol, samples, input_)
    wish: functions.Output | None = "values" if task == "regressor" else output
    named = tuple(str(c) for c in classes) or (samples.classes if samples is not None else ())
    protocol.settle(Sheet(where.modality, tuple(columns), where.rate), () if task == "regressor" else named)
    protocol.rows = _bounded(protocol.rows, where)
    blank = TargetInfo(name, task, "http", "", classes=named, modality=where.modality, shape=where.shape)
    rows = max(protocol.rows * card.at_once * WAVES, _bounded(1024, where))
    if task == "generator":
        draft: Any = HttpTexts(asker, blank, where, rows)
    else:
        draft = HttpTarget(asker, blank, where, tuple(columns), rows, None)
    identity = {"address": address_of(card), "space": repr(where), "task": task}
    folder = None if cache is None else cache.folder
    seen = _canaries(draft, samples, identity, folder=folder, first=first)
    made = _formed(draft, seen, wish, named, train, tuple(columns), {**identity, "told": told})
    made.canaries, made.expected = seen, expected if seen.shared else ""
    if card.cache and seen.steady:
        asker.kept = Answers(None if folder is None else folder.parent / "answers", made.info.digest)
        asker.kept.spots = len(seen.rows)
        if first and cache is not None and not cache.reads:
            asker.kept.forget()
    return made


def _learned(protocol: Protocol, card: HttpCard, own: Sender, sender: Callable[[HttpCard], Sender]) -> dict[str, Any]:
    if protocol.home == card.url:
        return dict(protocol.learn(own))
    beside = sender(card.model_copy(update={"url": protocol.home, "retries": min(card.retries, 1)}))
    try:
        return dict(protocol.learn(beside))
    finally:
        beside.close()


def _space(name: str, protocol: Protocol, samples: Samples | None, input_: dict[str, Any]) -> Space:
    """Where inputs live: as the card says, else as the server does, else as the data are."""
    settings = dict(input_)
    plain = not settings.keys() & {"shape", "range", "mean", "std", "channels"}
    kind = settings.get("modality") or (None if samples is None else space(name, samples=samples).modality)
    told = protocol.shape
    if told is not None and "shape" not in settings and "size" not in settings:
        if kind in (None, "image") and len(told) == 3:
            settings["shape"], plain = told, False
            if "channels" not in settings and told[0] not in (1, 3, 4) and told[-1] in (1, 3, 4):
                settings["channels"] = "last"
        elif kind in (None, "table") and len(told) == 1 and samples is None:
            settings["shape"] = told
    if protocol.whole_pixels and not plain:
        settings.setdefault("uint8", True)
    if samples is None and "shape" not in settings and "modality" not in settings:
        settings["modality"] = "table"
    return replace(space(name, samples=samples, **settings), plain=plain)


def _bounded(rows: int, where: Space) -> int:
    """Rows a request, so that its body stays of a size that servers take."""
    values = int(np.prod(where.shape)) if where.shape else 1
    return max(1, min(rows, BODY // (NUMBER * max(1, values))))


def _canaries(
    draft: Any, samples: Samples | None, identity: dict[str, Any], *, folder: Path | None, first: bool
) -> Canaries:
    generates = isinstance(draft, HttpTexts)
    blank = draft.space.example(ROWS, np.random.default_rng(0))
    rows = drawn(samples, draft.encode, blank, TEXTS if generates else ROWS)

    def ask(a: NumpyArray) -> NumpyArray:
        draft.space.check(a)
        with answers.asking(draft.info.name, a):
            return draft.function.fresh(draft._fed(a))  # type: ignore[no-any-return]

    return recognise(identity, rows, ask, folder=folder, first=first)


def _formed(
    draft: Any,
    seen: Canaries,
    wish: functions.Output | None,
    named: tuple[str, ...],
    train: functions.Train | None,
    columns: tuple[Column, ...],
    identity: dict[str, Any],
) -> Any:
    """The target with exactly the abilities that its answers give it."""
    asker, where, blank = draft.function, draft.space, draft.info
    notes = asker.protocol.notes()
    if not seen.steady:
        notes = (*notes, "equal inputs gave different outputs: the model is randomised")
    output: Any = "texts"
    if blank.task != "generator":
        output, named = _looked(draft, seen, wish, named)
        if not asker.protocol.speaks_columns:
            coded = zip(columns, raw_values(columns), strict=True)
            notes = (*notes, *(functions.coded(c) for c, m in coded if functions.is_text(m)))
    info = replace(
        blank,
        digest=digest.of_value([identity, seen.digest, output, list(named)]),
        classes=() if output in ("values", "texts") else named,
        low=where.lowest,
        high=where.highest,
        rate=where.rate,
        missing=where.missing,
        output=output,
        notes=notes,
        randomised=not seen.steady,
    )
    if blank.task == "generator":
        return HttpTexts(asker, info, where, draft.rows)
    form = _FORMS[functions.form_of(output, train is not None)]
    return form(asker, info, where, columns, draft.rows, train)


def _looked(
    draft: Any, seen: Canaries, wish: functions.Output | None, named: tuple[str, ...]
) -> tuple[functions.Output, tuple[str, ...]]:
    """Output kind and classes, from what the canaries were answered."""
    if len(seen.rows):
        replay: functions.Function = lambda _: seen.answers  # noqa: E731
        again = functions.CallableTarget(replay, draft.info, draft.space, draft._columns, len(seen.rows), None)
        wish, named, _, _ = functions.look(again, seen.rows, wish, named)
    if wish is None or (wish != "values" and not named):
        raise TargetError(
            "what the model answers is not known", place=f"target '{draft.info.name}'",
            hint="Give output and classes on the card, or data so that it can be tried",
        )  # fmt: skip
    return wish, named
