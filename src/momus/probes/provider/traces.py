"""provider.traces: does a model that was received carry traces of data hidden in its parameters?"""

from __future__ import annotations

from collections.abc import Mapping

from momus.core.capabilities import Parameters
from momus.core.errors import ProbeError
from momus.core.evidence import Bars, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods import trace_bits
from momus.methods import traces as methods
from momus.probes.provider import _traces as parts

_ROUNDED = 10  # bits of mantissa that a 16-bit float has
_FEW = 6


@probe(
    knowledge=Knowledge.WHITE_BOX,
    optional_data=("train",),
    metric="traces",
    worse="higher",
    source="arXiv:1709.07886",
    cost="rows for each array of parameters; `copies` trainings where the target can be trained again",
    version=1,
)
def traces(
    target: Parameters, trial: Trial, *, copies: int = 12, level: float = 0.01, rows: int = 32, records: int = 100
) -> Measurement:
    """Hold a received model's parameters against clean models of its kind: bits, signs, order, likeness to the data.

    Measures
        How many of eight kinds of traces are there: low bits that spell a file (squeezed data with a checksum, text);
        numbers that are not rounded among rounded ones; arrays that no answer depends on; and, against clean models,
        low bits, signs, the order of numbers, their distribution, and likeness of some stretch of numbers to training
        records. Clean models are copies trained by the target's own hook on the same rows; without one, models of
        other recipes are shown beside it, and only the first three kinds are counted.
    Why it matters
        Song et al. hide training data in low bits, signs and values at no cost in accuracy; whoever is given the
        model is given the data.
    Options
        copies: clean copies to train (6 and up; more notice smaller differences). level: chance that a clean model
        shows a trace, over all statistics together. rows: inputs asked for each array. records: training records
        looked for among the numbers.
    Returns
        traces, with those kinds that could not be tried as the interval's upper end; figures false_alarm_rate
        (each clean copy held against the others), low_bit_bytes and
        sign_bytes (what an encrypted payload could fill unseen), precision_bits, numbers, largest_deviation.
    Raises
        ProbeError for fewer than 2 copies or a level outside (0, 0.5).
    Cost
        ``rows`` queries for each array of 32 numbers or more; the trainings are the tester's own.
    A pass means little when
        The payload is encrypted and lies in the low bits or signs: it looks like noise, as those bits do anyway. So a
        model of full precision does not pass: round it to 16 bits, which destroys what lay below, and measure again.
        Where the training hook is the provider's own code, the copies carry the same plant: use a recipe of your own.
    Source
        Song et al. 2017 (arXiv:1709.07886); the tests and their calibration are ours.
    """
    if copies < 2 or not 0 < level < 0.5:
        raise ProbeError("copies must be 2 or more and level between 0 and 0.5", hint="copies: 12, level: 0.01")
    values = target.parameters()
    looked = parts.records_of(trial, records)
    found = parts.statistics(values, looked)
    clean = parts.clean_of(target, trial, copies, looked)
    stand = methods.standing(found, clean.models)
    # Other recipes and sizes differ for honest reasons: beside them a deviation is shown and not counted.
    beyond = stand.beyond(level) if clean.retrained else []
    idle = parts.unused(target, values, trial.data.get("train"), rows)
    spelled = trace_bits.payloads(values)
    mixed = parts.mixed(values)
    signs = {
        "low bits spell a file": spelled,
        "rounded and unrounded numbers mixed": mixed,
        "numbers without use": idle or [],
        **{f: [k for k in beyond if methods.family(k) == f] for f in ("low bits", "signs", "order", "distribution")},
        "likeness to the data": [k for k in beyond if methods.family(k) == "likeness to the data"],
    }
    count = sum(bool(v) for v in signs.values())
    low, sign, usual = parts.room(values)
    size = int(sum(v.size for v in methods.floats(values).values()))
    figures = [
        parts.rates(clean, level),
        Figure(name="low_bit_bytes", value=low, n=size, note="what an encrypted payload could fill unseen"),
        Figure(name="sign_bytes", value=sign, n=size, note="one bit a number, if accuracy allows"),
        Figure(name="precision_bits", value=float(usual), n=size, note="of the mantissa, used by most numbers"),
        Figure(name="numbers", value=float(size)),
        Figure(name="largest_deviation", value=max((abs(z) for z in stand.z.values()), default=0.0)),
    ]
    caveats = [*_calibration(clean, stand, copies), *_room(size, low, sign, usual)]
    if idle is None:
        message = "it was not tried which numbers the answers depend on: no rows, or no queries were left"
        caveats.append(Caveat(code="unused-untried", message=message, blocks="pass"))
    if not len(looked):
        message = "no training rows are given, so the numbers were not held against the data"
        caveats.append(Caveat(code="no-data", message=message, blocks="pass"))
    kinds = _signs(signs, stand, idle is None, clean.retrained)
    untried = sum(row[1] == "not tried" for row in kinds.rows)
    evidence: list[Table | Bars] = [
        kinds,
        parts.table(found, clean, stand),
        *parts.bars(stand),
    ]
    scope = {"copies": len(clean.models) if clean.retrained else 0}
    reach = Interval(low=float(count), high=float(count + untried), level=1.0, method="exact")
    return trial.measurement(count, reach, size, scope=scope, figures=figures, evidence=evidence, caveats=caveats)


def _calibration(clean: parts.Clean, stand: methods.Standing, copies: int) -> list[Caveat]:
    n = len(clean.models)
    found = []
    if not clean.retrained:
        message = (
            f"{clean.why}: {n} clean models of other recipes stand beside it, and how it differs from them is shown "
            "and not counted"
        )
        found.append(Caveat(code="other-recipes", message=message, blocks="pass"))
    elif n < _FEW:
        message = f"only {n} clean copies were trained{', since the time was spent' if clean.spent else ''}"
        found.append(Caveat(code="few-copies", message=message, blocks="pass"))
    elif n < copies:
        found.append(Caveat(code="few-copies", message=f"{n} of {copies} clean copies were trained", blocks="none"))
    if not stand.z:
        message = "too few numbers, or too few clean models, to compare anything"
        found.append(Caveat(code="too-few-samples", message=message, blocks="pass"))
    return found


def _room(size: int, low: float, sign: float, usual: int) -> list[Caveat]:
    """What no test of this kind can exclude, in bytes."""
    hidden = f"{low / 1000:,.1f} kB in the low bits and {sign / 1000:,.1f} kB in the signs of {size:,} numbers"
    message = f"an encrypted payload looks like noise: up to {hidden} cannot be excluded"
    found = [Caveat(code="not-detectable", message=message, blocks="none")]
    if usual > _ROUNDED:
        message = (
            f"the low bits are noise in {usual} bits a number, as in any model of this precision, and an encrypted "
            "payload is noise too: round the numbers to 16 bits and measure again"
        )
        found.append(Caveat(code="room", message=message, blocks="pass"))
    return found


def _signs(signs: Mapping[str, list[str]], stand: methods.Standing, untried: bool, counted: bool) -> Table:
    """One row for each kind of trace: found or not, and where."""
    rows = []
    for name, where in signs.items():
        tried = not (untried and name == "numbers without use") and (
            name in ("low bits spell a file", "rounded and unrounded numbers mixed", "numbers without use")
            or (counted and any(methods.family(k) == name for k in stand.z))
        )
        said = "found" if where else "not found" if tried else "not tried"
        rows.append((name, said, "; ".join(where[:3])))
    return Table(title="Kinds of traces", columns=("trace", "state", "where"), rows=tuple(rows))
