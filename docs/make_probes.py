"""Writes docs/probes/<mode>.<technique>.md from the probes' docstrings, options and control rates.

python docs/make_probes.py
"""

from __future__ import annotations

from pathlib import Path

from momus.core.capabilities import abilities
from momus.core.probe import Probe
from momus.core.registry import probes
from momus.judge import default_limits, load_controls
from momus.taxonomy import load

HOME = Path(__file__).with_name("probes")


def page(probe: Probe) -> str:
    """The Markdown page of one probe."""
    mode = load().mode(probe.mode)
    limit = default_limits()[probe.id]
    needs = ", ".join(f"`{a}`" for a in abilities(probe.needs) if a not in ("encode", "decode")) or "nothing"
    options = "\n".join(f"| `{k}` | `{v!r}` |" for k, v in probe.options.items())
    rates = load_controls().get(probe.id)
    control = (
        f"On {rates.planted} planted systems it noticed {rates.hits}; on {rates.clean} clean twins it cried wolf on "
        f"{rates.false_alarms} and passed {rates.passed} ({rates.held_out} of all were held out; {rates.date})."
        if rates
        else "Not measured yet."
    )
    return f"""# {probe.id}

{probe.doc}

| | |
| --- | --- |
| mode | [{mode.id} {mode.name}](../modes/{mode.id[1:]}-{mode.slug}.md) |
| measures | `{probe.metric}`, {probe.worse} is worse |
| attacker's knowledge | {probe.knowledge.value} |
| needs | {needs} |
| data | {", ".join(probe.data) or "none"} |
| cost | {probe.cost or "see above"} |
| default limit | {limit.value:g}: {limit.reason} |
| source | {probe.source} |

| option | default |
| --- | --- |
{options}

**Controls.** {control}

```
momus assess momus.yaml --only {probe.id}
```
"""


def main() -> None:
    """Rewrite all pages and their index."""
    HOME.mkdir(exist_ok=True)
    rows = []
    for probe in probes():
        (HOME / f"{probe.id}.md").write_text(page(probe), "utf-8")
        rows.append(f"| [{probe.id}]({probe.id}.md) | {probe.summary} | {probe.knowledge.value} |")
    index = "# Probes\n\n| probe | measures | knowledge |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    (HOME / "README.md").write_text(index, "utf-8")
    print(f"wrote {len(rows)} pages")


if __name__ == "__main__":
    main()
