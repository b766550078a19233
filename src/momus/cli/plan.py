"""`momus plan`: what would be measured, and what would not."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from momus.cli import options


@click.command()
@options.card
@options.only
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses.")
@options.minutes
@options.store
@options.as_json
def plan(
    card: str, only: tuple[str, ...], allow_unsafe: bool, minutes: float | None, store: str | None, as_json: bool
) -> int:
    """Open the targets in confined workers and say which probes would run, which would not, and how to close the gaps.

    Says what each would cost in seconds, queries and money, by earlier runs or a shipped table, and how sure that is;
    what the store holds already costs nothing. Warns where a probe cannot pass with the samples there are. With
    --minutes it shows which probes would be chosen for that time and what each would tell. Exit code 5 when nothing
    would run.
    """
    from momus.assess import Settings, plan_system
    from momus.assess.planned_cost import forecast
    from momus.assess.run import stored
    from momus.card import load_card
    from momus.cli.plan_view import show

    system = load_card(card)
    settings = Settings(only=only, allow_unsafe=allow_unsafe, minutes=minutes)
    kept = stored(system, store)
    made, inspections = plan_system(system, settings, kept)
    cost = forecast(made, inspections, system, kept, settings)
    if as_json:
        jobs = [asdict(j) for j in made.jobs]
        gaps = [g.model_dump(mode="json") for g in made.gaps]
        choice = {} if made.choice is None else {"choice": made.choice.as_dict()}
        whole = {"system": system.system, "jobs": jobs, "gaps": gaps, "warnings": made.warnings, **choice}
        whole["cost"] = cost.as_dict()
        click.echo(json.dumps(whole, indent=2, default=str))
    else:
        with options.printing():
            show(made, inspections.values(), cost)
    return 0 if made.jobs else 5
