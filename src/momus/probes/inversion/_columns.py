"""Guessing a sensitive column with the model and without it: the part that attribute and leaves share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from momus.core.errors import ProbeError
from momus.core.evidence import Evidence
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import attribute_worth as report
from momus.methods.attribute import Secret, others, secrets
from momus.methods.attribute_attacks import Attack, Clues, Known, attack
from momus.methods.describe import one_row_per_id
from momus.methods.imputation import FLOOR, Guess, impute, prior
from momus.stats import multiple

HELD = 3000  # most rows of strangers that the attacker learns to guess from
LEAST = 50  # judged training rows below which nothing is said
LEAST_TUNING = 30


@dataclass(frozen=True)
class Asked:
    """``clues`` of the first ``count`` rows, and the same where the answers said less."""

    count: int
    clues: Clues
    likelihoods: tuple[str, ...]
    coarser: Mapping[str, Clues] = field(default_factory=dict)


# Rows, their labels, their true values, and which of them the attacker knows wholly -> what the model says of them.
Ask = Callable[[Secret, NumpyArray, NumpyArray, NumpyArray, NumpyArray], Asked]


@dataclass(frozen=True)
class _Result:
    """One column's outcome."""

    secret: Secret
    worth: report.Worth
    evidence: list[Evidence]
    attack: str
    guess: str
    caveats: list[Caveat]


@dataclass(frozen=True)
class _Rows:
    """Rows to ask about (training rows known and judged, and others), and the strangers an attacker learns from."""

    asked: Samples
    part: NumpyArray  # 0: training rows the attacker knows wholly, 1: training rows judged, 2: rows not trained on
    held: Samples


def measure(trial: Trial, ask: Ask, named: str, rows: int, bins: int, caveats: list[Caveat]) -> Measurement:
    """The whole measurement: for each sensitive column the attack, the guess without the model, and the difference."""
    train, test = trial.samples("train"), trial.samples("test")
    strangers = trial.data.get("pool", test)
    for role, samples in (("train", train), ("test", test), ("pool", strangers)):
        if samples.y is None:
            raise ProbeError(f"the rows in the role '{role}' have no labels", hint=f"Give data.{role} a label column")
    found = secrets(train, named, strangers.x, bins)
    if not found:
        return _nothing(trial, train, named, len(strangers))
    level = multiple.simultaneous_level(0.95, len(found))
    results: list[_Result] = []
    for i, secret in enumerate(found):
        trial.progress(i / len(found), f"guessing {secret.name}")
        rows_ = _rows(train, test, trial.data.get("pool"), secret, rows, trial.rng)
        one = _one(trial, secret, rows_, ask, level)
        if isinstance(one, Caveat):
            caveats = [*caveats, one]
        else:
            results.append(one)
            caveats = [*caveats, *one.caveats]
    guessed = ", ".join(s.name for s in found)
    if not results:
        return trial.measurement(
            0.0, Interval(low=-1.0, high=1.0, level=level), 0, scope={"guessed": guessed}, caveats=caveats
        )
    top = results[report.worst([r.worth for r in results])]
    each = [
        Figure(name=f"advantage[{r.secret.name}]", value=r.worth.value, ci=r.worth.ci, n=r.worth.n) for r in results
    ]
    return trial.measurement(
        top.worth.value,
        top.worth.ci,
        top.worth.n,
        scope={
            "guessed": guessed,
            "worst": top.secret.name if len(found) > 1 else None,
            "attack": top.attack,
            "baseline": top.guess,
            "bins": bins if top.secret.edges is not None else None,
        },
        figures=[*top.worth.figures, *(each if len(each) > 1 else [])],
        evidence=top.evidence,
        caveats=caveats,
    )


def _nothing(trial: Trial, train: Samples, named: str, held: int) -> Measurement:
    if named or any(c.sensitive for c in train.columns):
        message = f"{held} rows are too few to learn from, or the column never varies"
        caveat = Caveat(code="too-few-samples", message=message, blocks="both")
    else:
        message = (
            "no column is marked sensitive, so there is nothing that must not be guessed; "
            "add 'sensitive: true' to a column of the card"
        )
        caveat = Caveat(code="no-sensitive-column", message=message, blocks="both")
    return trial.measurement(0.0, Interval(low=-1.0, high=1.0), 0, caveats=[caveat])


def _rows(
    train: Samples, test: Samples, pool: Samples | None, secret: Secret, most: int, rng: np.random.Generator
) -> _Rows:
    """One row a person; nobody who stands in train among the strangers; rows whose value is asked for."""
    members = rng.permutation(_usable(train, secret, rng))[:most]
    apart = [_strangers(s, train, secret, rng) for s in (test, pool) if s is not None]
    fresh, held = (apart[0], apart[1]) if pool is not None else np.array_split(apart[0], 2)
    fresh, held = fresh[: max(1, most // 2)], held[:HELD]
    known = len(members) // 3
    part = np.repeat([0, 1, 2], [known, len(members) - known, len(fresh)])
    one, two = train.take(members), test.take(fresh)
    assert one.y is not None and two.y is not None
    both = Samples(x=np.concatenate([one.x, two.x]), y=np.concatenate([one.y, two.y]), columns=train.columns)
    order = rng.permutation(len(both))  # a spent budget leaves some of each
    return _Rows(both.take(order), part[order], (pool or test).take(held))


def _usable(samples: Samples, secret: Secret, rng: np.random.Generator) -> NumpyArray:
    rows = one_row_per_id(samples, rng)
    return rows[secret.codes(samples.x[rows]) >= 0]


def _strangers(samples: Samples, train: Samples, secret: Secret, rng: np.random.Generator) -> NumpyArray:
    rows = _usable(samples, secret, rng)
    if samples.ids is not None and train.ids is not None:
        known = np.unique(np.asarray(train.ids).astype(str))
        rows = rows[~np.isin(np.asarray(samples.ids)[rows].astype(str), known)]
    return rng.permutation(rows)


def _one(trial: Trial, secret: Secret, rows: _Rows, ask: Ask, level: float) -> _Result | Caveat:
    """One column: ask, guess, attack, judge. A Caveat where there was too little to say anything."""
    asked, held = rows.asked, rows.held
    codes = secret.codes(asked.x)
    judged = int((rows.part == 1).sum())
    if judged < LEAST or (rows.part == 0).sum() < LEAST_TUNING or len(held) < LEAST:
        message = f"{secret.name}: only {judged} training rows and {len(held)} rows of strangers could be compared"
        return Caveat(code="too-few-samples", message=message, blocks="both")
    told = ask(secret, asked.x, np.asarray(asked.y), codes, rows.part == 0)
    part, codes = rows.part[: told.count], codes[: told.count]
    if (part == 1).sum() < LEAST or (part == 0).sum() < LEAST_TUNING:
        return Caveat(code="budget-spent", message=f"the budget ended after {told.count} rows", blocks="both")
    guess, plain = _guesses(secret, asked.take(slice(told.count)), codes, part == 0, held, trial.rng)
    own, member = np.flatnonzero(part == 0), part == 1
    base = prior(np.concatenate([secret.codes(held.x), codes[own]]), secret.k)

    def attacked(clues: Clues) -> Attack:
        known = Known({n: c[own] for n, c in clues.items()}, codes[own], guess.asked[own], plain.asked[own])
        names = [n for n in told.likelihoods if n in clues]
        return attack(known, clues, guess.asked, plain.asked, base, trial.rng, likelihoods=names)

    def side(attack: Attack, of: NumpyArray) -> report.Judged:
        return report.Judged(attack.scores[of], np.log(guess.asked[of] + FLOOR), codes[of])

    chosen = attacked(told.clues)
    members = side(chosen, member)
    worth = report.worth(secret, members, side(chosen, part == 2), base, level)
    left = {n: report.advantage(side(attacked(c), member), base, level) for n, c in told.coarser.items()}
    if left:
        left = {"as they are": (worth.value, worth.ci), **left}
    shown = {n: s[member] for n, s in chosen.all.items()}
    evidence: list[Evidence] = [
        report.by_attack(secret, shown, members, base, chosen.name, guess.name),
        report.by_value(secret, members, base),
        *report.coarser(secret, left),
    ]
    message = f"{secret.name}: the budget ended after {told.count} of {len(asked)} rows"
    spent = [Caveat(code="budget-spent", message=message, blocks="pass")] if told.count < len(asked) else []
    return _Result(secret, worth, evidence, chosen.name, guess.name, spent)


def _guesses(
    secret: Secret, asked: Samples, codes: NumpyArray, known: NumpyArray, held: Samples, rng: np.random.Generator
) -> tuple[Guess, Guess]:
    """What can be guessed of every row asked about without the model: from columns and label, and from columns alone.

    Learned from the strangers and the known training rows: all that the attack has, too. Known rows are guessed by
    models that have not seen them.
    """
    (mine, coded), (theirs, _) = others(held, secret), others(asked, secret)
    assert held.y is not None and asked.y is not None
    values = np.concatenate([secret.codes(held.x), codes[known]])
    found: list[Guess] = []
    for label in (True, False):
        left, right, marks = mine, theirs, coded
        if label:
            left, right = np.column_stack([mine, held.y]), np.column_stack([theirs, asked.y])
            marks = np.append(coded, asked.y.dtype.kind in "iu")
        if not left.shape[1]:  # the sensitive column was the only one
            left, right, marks = np.zeros((len(mine), 1)), np.zeros((len(theirs), 1)), np.zeros(1, dtype=bool)
        learn = np.concatenate([left, right[known]])
        only = found[0].name if found else ""
        made = impute(learn, values, right[~known], marks, secret.k, rng, only=only)
        out = np.empty((len(asked), secret.k))
        out[known], out[~known] = made.own[len(mine) :], made.asked
        found.append(Guess(made.name, made.own, out))
    return found[0], found[1]
