"""How a plan is shown on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from momus.assess.budgeting import Choice
    from momus.assess.plan import Inspection, Plan
    from momus.assess.planned_cost import Forecast
    from momus.core.records import Gap


def show(made: Plan, inspections: Iterable[Inspection], cost: Forecast) -> None:
    """Print a plan: the targets as they were found, the measurements and what they cost, the gaps."""
    from momus.cli.screen import tell
    from momus.reports.wording import count

    for seen in inspections:
        click.echo(_target(seen))
    click.secho(f"\n{count(len(made.jobs), 'measurement')}", bold=True)
    if made.choice is not None:
        _chosen(made.choice)
    elif made.jobs:
        _planned(made, cost)
    if made.jobs:
        _sums(cost)
    for line in made.warnings:
        click.secho(f"warning: {line}", fg="yellow")
    shown = [g for g in made.gaps if made.choice is None or g.why != "budget"]
    if shown:
        click.secho(f"\n{count(len(shown), 'gap')}: not tested, and how to close it", bold=True)
    for who, text in _gathered(shown).items():
        tell(who, text)


def _planned(made: Plan, cost: Forecast) -> None:
    """All jobs, each with its cost."""
    from momus.assess.planned_cost import clock, count
    from momus.cli.screen import table

    priced = {c.key: c for c in cost.jobs}
    rows = []
    for job in made.jobs:
        c = priced[job.key]
        row = {
            "probe": job.probe,
            "target": job.target,
            "data": " ".join(job.roles),
            "options": " ".join(f"{k}={v}" for k, v in job.options.items()),
            "time": "in store" if c.known else clock(c.seconds.value),
            "four in five": "" if c.known else f"{clock(c.seconds.low)} to {clock(c.seconds.high)}",
            "queries": "" if c.known else count(c.queries.value),
        }
        if cost.money:
            row["price"] = "" if c.money is None else f"{c.money:.2f}"
        rows.append(row)
    table(rows, whole=("probe", "time", "four in five", "queries", "price"))


def _sums(cost: Forecast) -> None:
    """What all of it costs, and how sure that is."""
    from momus.assess.planned_cost import clock, count, span
    from momus.cli.screen import tell
    from momus.reports.wording import count as of

    known = sum(c.known for c in cost.jobs)
    click.echo("")
    if known:
        click.echo(f"{of(known, 'measurement')} already in the store, at no cost")
    if known == len(cost.jobs):
        return
    tell("work", f"{span(cost.seconds, clock)}; {cost.workers} at a time it ends after {span(cost.wall, clock)}")
    tell("queries", span(cost.queries, count))
    for currency, money in cost.money.items():
        tell("price", f"{span(money, count)} {currency}".rstrip())
    for target, seconds in cost.limited.items():
        tell("rate limit", f"the queries of {target} take at least {clock(seconds)}")
    for target, (currency, price, seconds) in cost.would.items():
        told = [f"cost {count(price)} {currency}".rstrip()] if price else []
        told += [f"take {clock(seconds)} at its rate limit"] if seconds else []
        tell("a caller", f"asked of the served {target}, those queries would {' and '.join(told)}")
    rests = ", ".join(f"{basis} ({n})" for basis, n in cost.rests_on.items())
    if cost.off is None:
        far = "nothing of it was checked by a run of this system yet"
    else:
        far = f"in earlier runs a job was off by {cost.off:.1f} times at the median of {cost.checked}"
    tell("foretold by", f"{rests}; {far}. Numbers in brackets hold four in five")


def _chosen(choice: Choice) -> None:
    """The jobs that were chosen for the minutes, and those left out, with what each costs and tells."""
    from momus.cli.screen import table
    from momus.reports.wording import count

    if choice.kept:
        click.echo(f"{count(choice.kept, 'measurement')} already in the store: they cost nothing")
    for title, offers in (("chosen", choice.chosen), ("left out", [o for o in choice.offers if not o.chosen])):
        if not offers:
            continue
        seconds, worth = sum(o.seconds for o in offers), sum(o.worth for o in offers)
        sums = f"{seconds:.0f} s of work" + (f", {worth:.1f} weighted bits" if title == "chosen" else "")
        click.secho(f"\n{title}: {count(len(offers), 'measurement')}, {sums}", bold=True)
        rows = [
            {
                "probe": o.probe,
                "target": o.target,
                "seconds": f"{o.seconds:.1f}",
                "bits": f"{o.bits:.2f}",
                "weighted": f"{o.worth:.2f}",
                "a minute": f"{60 * o.worth / o.seconds:.1f}",
                "seconds from": o.rests_on,
            }
            for o in offers
        ]
        table(rows, whole=("probe", "seconds", "bits", "weighted", "a minute"))
    jobs = f"{choice.seconds:.0f} s are left for them" if choice.seconds > 0 else "nothing is left for them"
    click.echo(
        f"\nOf {choice.minutes:g} min {jobs} after opening the targets, {choice.workers} at a time; the last is "
        f"expected to end after {choice.predicted:.0f} s. They would tell {choice.share:.0%} of what all would."
    )


def _target(seen: Inspection) -> str:
    from momus.reports.text import clean

    if seen.failure is not None:
        hint = f". {seen.failure['hint']}" if seen.failure.get("hint") else ""
        return f"{clean(seen.target, 80)}: could not be opened: {clean(seen.failure['message'], 300)}{clean(hint, 200)}"
    info = seen.info
    sets = ", ".join(f"{clean(role, 40)} {data['n']:,} rows" for role, data in seen.data.items() if "n" in data)
    kind = f"{info['task']} via {info['adapter']}, {info['modality']} data"
    return f"{click.style(clean(info['name'], 80), bold=True)}  {kind}" + (f"; {sets}" if sets else "")


def _gathered(gaps: Iterable[Gap]) -> Mapping[str, str]:
    """Gaps with one reason and one remedy told once: who they concern -> the text."""
    from momus.taxonomy import load

    concerned: dict[str, list[str]] = {}
    for gap in gaps:
        remedy = gap.how_to_close
        if gap.why == "no-probe":
            remedy = "Review it by hand with: momus explain MODE"
        elif gap.why == "not-selected":
            remedy = "momus assess --only PROBE"
        who = gap.probe or load().mode(gap.mode).id
        concerned.setdefault(f"{gap.detail}. {remedy}", []).append(who)
    return {", ".join(dict.fromkeys(who)): text for text, who in concerned.items()}
