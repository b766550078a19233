"""Runs every benchmark and writes one page: ``python -m benchmarks [--only NAME ...] [--write docs/benchmarks.md]``."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

TITLES = {
    "startup": "Start-up",
    "perturbation": "Perturbation: the digits CNN, 500 images, one thread",
    "cascade": "Perturbation: the worst case over four attacks, beside the original ensemble, one thread",
    "table": "Perturbation of tables: beside ART and the exact distances, one thread",
    "decision": "Labels alone: HopSkipJump on the digits models, 20 images, one thread",
    "text": "Text: one budget of edits, several searches",
    "reprogramming": "Reprogramming: counting squares on models that were never meant to",
    "inversion": "Faces recovered from recognisers: forty people, one thread",
    "corruption": "Common corruptions: 200 images of 224 x 224, one thread",
    "corruption_kinds": "Texts, sound and tables damaged: beside nlpaug, audiomentations and tab_err, one thread",
    "physical": "A printed patch beside ART's, one thread",
    "copies": "Model stealing: learned copies of the digits CNN and of tables, beside ART, one thread",
    "traces": "Traces of hidden data in received models, by encoding and strength, one thread",
    "shadows": "Sixteen shadow models trained together, one thread",
    "shadow_trees": "Sixteen shadow models of boosted trees, one thread",
    "extraction": "Model stealing, exactly: trees beside the algorithms of Tramèr et al., linear models",
    "shift": "Shift: beside scipy, evidently and alibi-detect on the same columns, one thread",
    "streams": "Shift: power and false alarms on simulated streams, and the accuracy estimated without labels",
    "slices": "Worst slices: beside sliceline on the same rows, one thread",
    "label_audit": "Wrong labels in real data: beside cleanlab on the same rows, one thread",
    "mining": "Hard examples mined from a million cached scores, beside cleanlab; hard batches against even ones",
    "regression_poisoning": "Poisoned regressions: beside the published attack at equal rates, after defences too",
    "attribute": "Guessing a sensitive column: beside ART on the same models and people, one thread",
    "membership": "Membership: the same models and records, beside peers",
    "provider": "What a hostile provider takes: four encodings, one thread",
    "trigger_search": "Triggers searched in received models: beside Neural Cleanse as published, one thread",
    "rollouts": "Policies in grid worlds: moves a second, many games at once, one thread",
    "backdoor_models": "Received models with and without a backdoor: every detector and the verdict of all, one thread",
    "backdoor_rows": "Training rows that carry a trigger: beside ART on the same networks, one thread",
    "scan": "Artifact scan: beside four scanners on the same files, with sha256 over the same bytes",
    "lock": "Provenance: locking and verifying, beside sha256sum and OpenSSF model signing",
    "advisories": "Advisories: 150 packages against 200,000 records, beside pip-audit on the same ones",
    "fuzz": "Fuzzing: inputs a second beside a bare loop and atheris, failures found",
    "budget": "Budgeted runs: what a part of the time finds, replayed from full runs",
    "store": "The store: SQLite and PostgreSQL, eight writers",
    "web": "Pages at 10,000 findings",
    "load": "A hundred readers while a run writes",
    "served": "Served models: rows a second over HTTP, beside a bare httpx loop",
    "monitor": "Monitoring: events a second on one core, JSON lines in, every cheap detector on",
    "watching": "Monitoring: attacks replayed in clean traffic, delay and false alarms, beside peers",
    "costs": "Foretold costs of systems that were left out, beside what they took",
    "scale": "One job over two cores and over two Ray nodes, beside one core",
}
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "adversarial-robustness-toolbox",
    "foolbox",
    "torchattacks",
    "imagecorruptions-imaug",
)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table; the columns are the keys in the order they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(c, "")) for c in columns) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def machine() -> str:
    """The machine in words: processor, cores, system, Python and the packages that matter."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        model = next(
            (x.split(":", 1)[1].strip() for x in info.read_text().splitlines() if x.startswith("model name")), model
        )
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}; {', '.join(found)}"


def main() -> None:
    """Run the chosen benchmarks in one process, in a fixed order, and print or write their tables.

    With ``--only`` a page that is there keeps its other sections; each section says when it was measured.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", nargs="*", choices=TITLES, default=list(TITLES))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    sections = _sections(given.write) if given.write and given.write.exists() else {}
    for name in given.only:
        started = time.perf_counter()
        module = importlib.import_module(f"benchmarks.bench_{name}")
        rows = module.rows()
        notes = getattr(module, "NOTES", "")
        command = f"Measured by `python -m benchmarks --only {name}` on {datetime.now(UTC):%Y-%m-%d}."
        sections[TITLES[name]] = f"{command}\n\n{table(rows)}\n" + (f"\n{notes.strip()}\n" if notes else "")
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if given.write:
            given.write.write_text(_page(sections), "utf-8")
    if not given.write:
        print(_page(sections))


def _page(sections: Mapping[str, str]) -> str:
    head = [
        "# Benchmarks\n",
        f"Machine: {machine()}.\n",
        "Peers ran in one process order on the same data. Compare times inside a table, not across machines.\n",
    ]
    ordered = [t for t in TITLES.values() if t in sections]
    return "\n".join([*head, *(f"## {title}\n\n{sections[title]}" for title in ordered)])


def _sections(path: Path) -> dict[str, str]:
    """The sections of a page that was written before, by title."""
    parts = path.read_text("utf-8").split("\n## ")[1:]
    return {title: body.strip("\n") + "\n" for title, _, body in (p.partition("\n") for p in parts)}


if __name__ == "__main__":
    main()
