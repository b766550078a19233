"""perturbation.trees: for models made of decision trees, the exact answer in place of an attack's."""

from __future__ import annotations

from momus.core.capabilities import HasTrees, to_numpy
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods.ascent import Found
from momus.methods.table_attack import Settings
from momus.probes.perturbation._inputs import prepare
from momus.probes.perturbation._outcome import conclude
from momus.probes.perturbation._tables import changed, column_figures, graded, search, signs
from momus.probes.perturbation._trees import Exact, settled


@probe(
    knowledge=Knowledge.WHITE_BOX,
    data=("test",),
    optional_data=("train",),
    metric="attack_success_rate",
    worse="higher",
    source="arXiv:1509.07892",
    cost="at most n queries rows for the attack beside it; the splits are read, not asked",
    tasks=("classifier", "regressor"),
    modalities=("table",),
)
def trees(
    target: HasTrees,
    trial: Trial,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    n: int = 100,
    switches: int = 1,
    seconds: float = 2.0,
    queries: int = 600,
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Measurement:
    """Share of rows that some permitted change inside epsilon turns, proven for decision trees and their ensembles.

    Measures: for every row that the model gets right, whether anything inside epsilon turns it: *certified vulnerable*
    (an example, asked of the untouched model), *certified robust* (a proof that no permitted change does), or *open*
    (time ran out). Then the smallest change at all, exactly or as a proven lower bound, beside what
    ``perturbation.table``'s search found.

    Why it matters: an attack that finds nothing proves nothing. Trees can be settled: what remains uncertain is which
    rows were drawn, and how far the black-box number of the same system falls short of the truth.

    Options: ``epsilon`` in units of each column's scale (default 0.1). ``norm`` linf or l2. ``n`` inputs at most.
    ``switches`` categories that may change at once. ``seconds`` of work on one input; what is open afterwards counts
    against both verdicts. ``queries`` rows an input for the attack beside it, which also shortens the proof.
    ``tolerance``, ``threshold`` as in perturbation.table.

    Returns: figures ``certified_vulnerable``, ``certified_robust``, ``open``, ``share_proven`` (distance known to a
    millionth), ``median_certified_distance`` (lower bounds), ``median_attack_distance``, ``attack_over_exact`` (median
    ratio over the proven); certified and attacked accuracy against epsilon; columns of a few turned rows. The interval
    comes from drawing the rows and from the open ones.

    Raises: ProbeError for options out of range; TargetError for trees with categorical splits.

    Cost: at most n queries rows, 9 n rows of checks; up to ``seconds`` for each input, most of it for forests of deep
    trees. Small ensembles and boosted trees up to a hundred take under a second.

    A pass means little when: the columns that an attacker can choose are declared immutable, or the ranges are those of
    the data and an attacker may leave them. The certificate holds for the declared domain and nothing else.

    Source: Kantchelian et al. 2016, arXiv 1509.07892 (the program); Chen et al. 2019, arXiv 1906.03849 (the bound).
    """
    if not seconds > 0:
        raise ProbeError(f"seconds must be more than 0, not {seconds:g}", place="option 'seconds'")
    inputs = prepare(
        target,
        trial,
        n=n,
        epsilon=epsilon,
        norm=norm,
        switches=switches,
        options={"n": n, "queries": queries},
        tolerance=tolerance,
        threshold=threshold,
    )
    # With the whole range to move in something is turned soon; most of the rows bring it near.
    first = max(1, queries // 4)
    settings = Settings(1e9, first, queries - first, inputs.norm, graded(inputs))
    trial.progress(0.05, "the attack beside the proof")
    attack = search(target, trial, inputs, inputs.chosen, trial.rng, settings)
    exact: Exact = settled(target, trial, inputs, attack, seconds)
    near = exact.turned
    x = inputs.at(inputs.chosen)[0]
    found = Found(exact.examples(x), near, to_numpy(attack.margin), attack.queries, attack.complete and exact.complete)
    figures, bars = column_figures(inputs, changed(inputs, found.x, near))
    measured = conclude(
        target,
        trial,
        inputs,
        found,
        scope={"norm": norm, "rules": len(inputs.domain.rules), "certificate": exact.certificate(inputs)},
        figures=(*exact.figures(), *figures),
        caveats=(*signs(target, inputs, max(queries, 50)), *exact.caveats()),
    )
    counted = round(measured.value * measured.n)
    ci = exact.interval(counted, measured.n)
    evidence = (*measured.evidence, *exact.evidence(inputs), *bars)
    return measured.model_copy(update={"ci": ci, "evidence": evidence})
