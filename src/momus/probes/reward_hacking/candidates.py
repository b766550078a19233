"""What is lost of the goal when the candidate with the best stand-in metric is chosen?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Target
from momus.core.errors import ProbeError
from momus.core.evidence import Evidence, Line, Series, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import candidates as method
from momus.methods import goodhart

LEAST = 20


@probe(
    knowledge=Knowledge.NONE,
    data=("candidates",),
    metric="goal_forgone",
    worse="higher",
    source="arXiv:1803.04585; arXiv:2210.10760",
    cost="none: a table is read",
    tasks=("classifier", "regressor", "generator", "artifact"),
)
def candidates(
    target: Target,
    trial: Trial,
    *,
    proxy: str = "proxy",
    goal: str = "goal",
    lower_proxy: bool = False,
    lower_goal: bool = False,
    choose_from: int = 0,
) -> Measurement:
    """Share of the attainable goal that is lost by choosing whatever has the best stand-in metric.

    Measures
        A table of candidates (models, rankings, adverts, arms of a bandit, settings) with the metric they are chosen by
        and, measured apart, what they are for. The value is (best - chosen) / (best - random): the mean goal of the
        best of n by the goal, of the best of n by the proxy, and of all. 0 where the proxy finds the best, 1 where a
        blind draw does as well, more where it does better. Means are over all subsets of n, so that one lucky winner
        decides nothing.
    Why it matters
        Reward hacking needs no agent: clicks, one offline score or a leaderboard do. The harder one chooses, the more
        of what one chooses by is error.
    Options
        proxy, goal: names of the columns. lower_proxy, lower_goal: lower is better there. choose_from: n; 0 is a
        quarter of the candidates.
    Returns
        goal_forgone with a bootstrap interval over candidates; figures rank_correlation, rank_correlation_top (of the
        best fifth by the proxy), goal_chosen, goal_best, goal_random, overstatement (how many standard deviations the
        winner stands higher by the proxy than by the goal); where an id column has candidates measured several times
        also proxy_noise, winners_curse and proxy_reliability.
    Raises
        ProbeError for a column that the table lacks.
    Cost
        No query; seconds for ten thousand candidates.
    A pass means little when
        The candidates at hand are all alike, or the next ones come from a stronger search: look at the curve. A noisy
        goal makes the best look better, and the loss larger, than it is.
    Source
        Manheim, Garrabrant 2018 (arXiv:1803.04585); Gao, Schulman, Hilton 2022 (arXiv:2210.10760).
    """
    table = trial.samples("candidates")
    rng = trial.rng
    stand_in, true, owner = _columns(table, proxy, goal)
    stand_in, true = (-stand_in if lower_proxy else stand_in), (-true if lower_goal else true)
    cursed = None if owner is None else method.curse(stand_in, owner, rng)
    if owner is not None:
        stand_in, true = _means(stand_in, owner), _means(true, owner)
    n = len(stand_in)
    if n < LEAST:
        message = f"{n} candidates are too few to tell what choosing among them costs; {LEAST} are the least"
        return trial.measurement(
            0.0, Interval(low=0.0, high=1.0, method="none"), n,
            caveats=[Caveat(code="too-few-samples", message=message, blocks="both")],
            evidence=[Table(title="Candidates", columns=("candidates",), rows=((n,),))],
        )  # fmt: skip
    size = min(n, choose_from) if choose_from > 0 else max(2, n // 4)
    found = method.loss(stand_in, true, size, rng)
    correlation = method.rank_correlation(stand_in, true)
    top, among = method.at_the_top(stand_in, true)
    sign = -1.0 if lower_goal else 1.0
    figures = [
        Figure(name="rank_correlation", value=correlation, n=n),
        Figure(name="rank_correlation_top", value=top, n=among, note="among the best fifth by the proxy"),
        Figure(name="goal_chosen", value=sign * found.chosen, note=f"the best of {size} by the proxy"),
        Figure(name="goal_best", value=sign * found.best, note=f"the best of {size} by the goal"),
        Figure(name="goal_random", value=sign * found.random),
        Figure(name="overstatement", value=method.overstatement(stand_in, true), note="standard deviations"),
    ]
    if cursed is not None:
        figures += [
            Figure(name="proxy_noise", value=cursed.noise, note="standard deviation of one measurement"),
            Figure(name="winners_curse", value=cursed.expected, note="by which the winner's mean overstates its proxy"),
            Figure(name="proxy_reliability", value=cursed.reliability, note="share of the spread that is no noise"),
        ]
    directions = (-1.0 if lower_proxy else 1.0, sign)
    return trial.measurement(
        found.value, found.ci, n, scope={"choose_from": size}, figures=figures,
        evidence=_evidence(stand_in, true, owner, directions, (proxy, goal)), caveats=_doubts(stand_in, true, size, n),
    )  # fmt: skip


def _columns(table: Samples, proxy: str, goal: str) -> tuple[NumpyArray, NumpyArray, NumpyArray | None]:
    """The two columns, wherever the card put them, and whose measurement each row is where candidates come up twice."""
    held = {c.name: table.x[:, j] for j, c in enumerate(table.columns)} if table.x.ndim == 2 else {}
    for name in (proxy, goal):
        if name not in held:
            known = ", ".join(held) or "no columns"
            hint = f"Name the columns by the options proxy and goal; the table has {known}. Give it no label"
            raise ProbeError(f"the candidates have no column '{name}'", place="data.candidates", hint=hint)
    whole = np.isfinite(held[proxy]) & np.isfinite(held[goal])
    owner = None if table.ids is None else np.asarray(table.ids)[whole]
    if owner is not None and len(np.unique(owner.astype(str))) == len(owner):
        owner = None
    return held[proxy][whole], held[goal][whole], owner


def _means(values: NumpyArray, owner: NumpyArray) -> NumpyArray:
    _, index = np.unique(owner.astype(str), return_inverse=True)
    return np.asarray(np.bincount(index, values) / np.bincount(index))


def _doubts(proxy: NumpyArray, goal: NumpyArray, size: int, n: int) -> list[Caveat]:
    found = []
    for name, values in (("stand-in metric", proxy), ("goal", goal)):
        if np.ptp(values) == 0:
            message = f"the {name} is the same for every candidate, so there is nothing to choose"
            found.append(Caveat(code=f"constant-{name.split()[0]}", message=message, blocks="both"))
    if size > n // 2:
        message = f"the best of {size} out of {n} candidates hangs on a few of them: the interval is too narrow"
        found.append(Caveat(code="few-subsets", message=message, blocks="both"))
    return found


def _evidence(
    proxy: NumpyArray, goal: NumpyArray, owner: NumpyArray | None, signs: tuple[float, float], names: Sequence[str]
) -> list[Evidence]:
    sign = signs[1]
    ns = goodhart.doublings(max(1, len(proxy) // 2))
    x = tuple(float(n) for n in ns)
    chosen = tuple(sign * goodhart.best_of_n(proxy, goal, n)[1] for n in ns)
    best = tuple(sign * goodhart.best_of_n(goal, goal, n)[1] for n in ns)
    blind = tuple(sign * float(goal.mean()) for _ in ns)
    curve = Series(
        title="The goal of the chosen one, the more there are to choose from", x_label="candidates to choose from",
        y_label=names[1], log_x=True,
        lines=(
            Line(name=f"chosen by {names[0]}", x=x, y=chosen), Line(name="best possible", x=x, y=best, dashed=True),
            Line(name="drawn blindly", x=x, y=blind, dashed=True),
        ),
    )  # fmt: skip
    whose = [str(i + 1) for i in range(len(proxy))] if owner is None else [str(o) for o in np.unique(owner.astype(str))]
    ranks = (-goal).argsort(kind="stable").argsort(kind="stable") + 1
    rows = tuple(
        (whose[i], float(signs[0] * proxy[i]), float(sign * goal[i]), int(ranks[i]))
        for i in np.argsort(-proxy, kind="stable")[:10]
    )
    columns = ("candidate", names[0], names[1], "rank by the goal")
    return [curve, Table(title=f"The ten best by {names[0]}", columns=columns, rows=rows)]
