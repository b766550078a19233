"""dependencies.fuzzing: mutated files through the system's own path from bytes to an answer."""

from __future__ import annotations

import importlib.util
from functools import partial

from momus.core.capabilities import Serves
from momus.core.errors import MissingExtra, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Interval, Knowledge, Measurement
from momus.methods.fuzz.beside import beside
from momus.methods.fuzz.failures import Limits
from momus.methods.fuzz.search import search, starting
from momus.probes.dependencies import _fuzzed as fuzzed

_SEARCH_SHARE = 0.75  # of the time; the rest is for trying failures again and making their inputs small


@probe(
    knowledge=Knowledge.BLACK_BOX,
    metric="ways_to_fail",
    worse="higher",
    unit="ways",
    source="arXiv:1711.11008; CWE-400, CWE-409, CWE-20",
    cost="inputs + one query an example, made file and bomb; 1,200 to compare answers",
    version=1,
)
def fuzzing(
    target: Serves, trial: Trial, *, inputs: int = 4_000, coverage: str = "auto", bombs: bool = True
) -> Measurement:
    """Ways in which a file from a caller crashes, hangs or exhausts the path, or gets a broken number as its answer.

    Measures: how many distinct failures mutated files cause: kinds and places. A failure is a process that ends, no
    answer within the card's ``seconds``, more memory than its ``memory_mb``, a NaN or an infinity anywhere in an
    answer, or, where the card names ``decode``, another answer for the same decoded content: something beside what the
    model sees reached its answer. Exceptions count only where the card names those that are an orderly refusal
    (``refuses``); else they are listed. It counts ways and not the share of inputs: one way is enough for an attacker,
    and a share depends on who mutates. The search begins with the card's examples (made files where there are none),
    always tries decompression bombs of each format, and goes on from whatever showed a new outcome. Each failure is
    tried again alone in fresh processes, and its input is made small.

    Why it matters: decoders are native code and old; whoever may send a file reaches them before any model does.

    Options: ``inputs`` mutated inputs. ``coverage``: ``on``, ``off`` or ``auto`` (where atheris is installed) lets
    the branches of the Python code taken guide a first third of the search. ``bombs`` tries decompression bombs.

    Returns: figures ``crashes``, ``hangs``, ``memory_blow_ups``, ``nonfinite_answers``, ``exceptions`` (ways),
    ``answers_for_one_content`` (most answers seen for one decoded content), ``failing_share`` with an exact interval
    (after a clean run its upper end bounds the share of such inputs), ``answered_share``, ``refused_share``,
    ``raised_share``, ``behaviours``, ``covered_branches``. Evidence: a row and a one-line reproducer for each failure,
    the inputs themselves.

    Cost: ``inputs`` requests; a hang costs the card's ``seconds`` a few times over.

    A pass means little when: hardly any input was answered, so that only the door was tested; when the bug hides
    behind a checksum, a size or a format that nobody mutates; or when the service runs other versions than this
    machine.

    Source: Xiao et al., arXiv:1711.11008 (decoders beneath ML frameworks); CWE-400 and CWE-409 (exhaustion, bombs).
    """
    if coverage not in ("auto", "on", "off"):
        raise ProbeError(f"coverage must be auto, on or off, not '{coverage}'", place="option 'coverage'")
    installed = importlib.util.find_spec("atheris") is not None
    if coverage == "on" and not installed:
        raise MissingExtra.of("coverage-guided fuzzing", "fuzz", "atheris")
    serving, meter = target.serving(), trial.meter
    assert meter is not None
    limits = Limits(serving.seconds, serving.memory_mb, serving.refuses)
    start = starting(serving.formats or ("other",), serving.examples)
    found = search(
        serving.answer, start, inputs=inputs, limits=limits, seed=trial.seed, with_bombs=bombs,
        judge_raised=bool(serving.refuses), guided=serving.base if installed and coverage != "off" else None,
        spend=meter.spend, keeping=partial(trial.keeping, 0, _SEARCH_SHARE),
        progress=lambda done: trial.progress(done, "mutated inputs"),
    )  # fmt: skip
    compared = None
    if serving.decode is not None and found.answered and fuzzed.affordable(meter, 3 * len(found.answered)):
        compared = beside(serving.answer, serving.decode, found.answered, limits)
        fuzzed.affordable(meter, compared.asked - 3 * len(found.answered))  # paid for afterwards, if it can be
    ways = len(found.failures) + bool(compared is not None and compared.answers)
    unsure = found.unlooked + sum(f.kind == "crashed" for f in found.chance)
    interval = Interval(low=float(ways), high=float(ways + unsure), level=1.0, method="counted")
    return trial.measurement(
        ways,
        interval,
        found.inputs,
        figures=fuzzed.figures(found, compared),
        evidence=fuzzed.evidence(serving, found, compared),
        caveats=fuzzed.caveats(found, refuses=serving.refuses, wanted_coverage=coverage != "off"),
    )
