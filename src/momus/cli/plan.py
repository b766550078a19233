"""`momus plan`: what would be measured, and what would not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.assess.plan import Inspection, Plan
    from momus.core.records import Gap


@click.command()
@options.card
@options.only
@click.option("--allow-unsafe", is_flag=True, help="Load files that the artifact scan refuses.")
@options.as_json
def plan(card: str, only: tuple[str, ...], allow_unsafe: bool, as_json: bool) -> int:
    """Open the targets in confined workers and say which probes would run, which would not, and how to close the gaps.

    Warns where a probe cannot pass with the samples there are. Exit code 5 when nothing would run.
    """
    from momus.assess import Settings, plan_system
    from momus.card import load_card

    system = load_card(card)
    made, inspections = plan_system(system, Settings(only=only, allow_unsafe=allow_unsafe))
    if as_json:
        jobs = [asdict(j) for j in made.jobs]
        gaps = [g.model_dump(mode="json") for g in made.gaps]
        whole = {"system": system.system, "jobs": jobs, "gaps": gaps, "warnings": made.warnings}
        click.echo(json.dumps(whole, indent=2, default=str))
    else:
        with options.printing():
            _show(made, inspections.values())
    return 0 if made.jobs else 5


def _show(made: Plan, inspections: Iterable[Inspection]) -> None:
    from momus.cli.screen import table, tell
    from momus.reports.wording import count

    for seen in inspections:
        click.echo(_target(seen))
    click.secho(f"\n{count(len(made.jobs), 'measurement')}", bold=True)
    if made.jobs:
        rows = [
            {
                "probe": job.probe,
                "target": job.target,
                "data": " ".join(job.roles),
                "options": " ".join(f"{k}={v}" for k, v in job.options.items()),
            }
            for job in made.jobs
        ]
        table(rows, whole=("probe",))
    for line in made.warnings:
        click.secho(f"warning: {line}", fg="yellow")
    if made.gaps:
        click.secho(f"\n{count(len(made.gaps), 'gap')}: not tested, and how to close it", bold=True)
    for who, text in _gathered(made.gaps).items():
        tell(who, text)


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
