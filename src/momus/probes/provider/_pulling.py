"""The search that signs and correlation share: how hard, for how many records, a training may be pulled unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from momus.core.errors import ProbeError
from momus.core.records import Caveat, Figure, Measurement
from momus.methods import hidden_audit
from momus.methods.hidden_audit import Attempt
from momus.methods.hidden_records import Records
from momus.probes.provider import _audit

MARGIN = 0.003  # how far from zero a sign is held, so that the last steps of the training do not turn it
FACTOR = 6.0
READ = 0.9  # the share of the records sent that must come back before a pull counts as strong enough


def check(trainings: int, strength: float, repeat: int) -> None:
    if trainings < 1 or strength <= 0 or repeat < 1:
        raise ProbeError("an option is out of its range", hint="trainings, repeat: 1 and up; strength: above 0")


def no_time() -> Caveat:
    return Caveat(code="budget", message="the budget ended before a clean model was trained", blocks="both")


def measured(
    setting: _audit.Setting,
    attempt: Callable[[float, float], Attempt],
    read: Callable[[Any, Records], Records],
    start: float,
    trainings: int,
    room: int,
) -> Measurement:
    """Pull until the records can be read, whatever that costs; then, to be unnoticed, send fewer and pull less."""
    done = 0

    def tried(share: float) -> Callable[[float], Attempt]:
        def one(pull: float) -> Attempt:
            nonlocal done
            setting.trial.progress(done / (trainings + 1), f"training under a pull of {pull:.3g}")
            done += 1
            return attempt(pull, share)

        return one

    def readable(a: Attempt) -> int:
        return 0 if a.back.count >= READ * len(a.sent) or a.cost > max(0.1, 5 * setting.tolerated) else 1

    def cheap(a: Attempt) -> int:
        return -1 if a.cost > setting.tolerated else 1

    attempts, spent = hidden_audit.climb(tried(1.0), start, FACTOR, max(1, trainings // 2), readable)
    best = hidden_audit.unnoticed(attempts, setting.tolerated)
    loud = max(attempts, key=lambda a: a.back.count, default=None)
    for share in (0.6, 0.36, 0.2, 0.1):
        if spent or loud is None or done >= trainings or share * loud.back.count <= _count(best):
            break
        more, spent = hidden_audit.climb(tried(share), loud.strength, FACTOR, 1, readable)
        attempts += more
        best = hidden_audit.unnoticed(attempts, setting.tolerated)
    if not spent and loud is not None and done < trainings and _count(best) < READ * loud.back.count:
        start = loud.strength / FACTOR**0.5
        more, spent = hidden_audit.climb(tried(1.0), start, FACTOR**0.5, trainings - done, cheap, loud.strength)
        attempts += more
        best = hidden_audit.unnoticed(attempts, setting.tolerated)
    weak = _too_weak(setting, attempts, best)
    scrub = _audit.scrubbed(setting, best, lambda model: read(model, best.sent)) if best is not None else []
    figures = [Figure(name="parameters", value=room)]
    return _audit.report(
        setting, attempts, best, strength="strength of the pull", figures=figures, scrub=scrub, spent=spent, more=weak
    )


def _count(a: Attempt | None) -> int:
    return 0 if a is None else a.back.count


def _too_weak(setting: _audit.Setting, attempts: list[Attempt], best: Attempt | None) -> list[Caveat]:
    """A pull that neither cost anything nor brought anything was no attack."""
    if best is None or not len(best.sent) or best.back.count > 0.5 * len(best.sent):
        return []
    strongest = max(attempts, key=lambda a: a.strength)
    if strongest.cost > setting.tolerated:
        return []
    message = f"the strongest pull tried ({strongest.strength:.3g}) cost nothing: stronger ones may bring more records"
    return [Caveat(code="pull-too-weak", message=message, blocks="pass")]
