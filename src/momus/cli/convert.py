"""`momus convert`: a checkpoint, estimator or array into a format that runs nothing, with proof that it is the same."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from momus.cli import options

if TYPE_CHECKING:
    from momus.targets.converting import Conversion


@click.command("convert")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: beside PATH.")
@click.option("--to", type=click.Choice(["safetensors", "skops", "npz", "onnx"]), help="Default: what fits the file.")
@click.option("--allow", multiple=True, metavar="NAME", help="A name you vouch for: pkg.Class or pkg.*; repeatable.")
@options.as_json
def convert(path: Path, output: Path | None, to: str | None, allow: tuple[str, ...], as_json: bool) -> int:
    """Turn a file that may run code into one that cannot, and prove that both give the same.

    The file is scanned first and refused unless nothing was found. Checkpoints are read without unpickling; estimators
    are loaded in a locked process. Nothing is written unless every comparison is equal; FILE.proof.json says what was
    compared. Exit code 0: written and equal. 2: refused.
    """
    from momus.targets.converting import convert as run

    made = run(path, output, to or "", allow)
    click.echo(json.dumps(asdict(made), indent=1) if as_json else _told(made))
    return 0


def _told(made: Conversion) -> str:
    lines = [f"{made.source['path']} ({made.source['format']}) -> {made.output['path']} ({made.output['format']})"]
    for proof in made.proofs:
        apart = proof["greatest_difference"]
        difference = "" if apart is None else f", greatest difference {apart:g}"
        lines.append(f"  equal: {proof['compared']:,} compared{difference}: {proof['what']}")
    lines += [f"  {note}" for note in made.notes]
    size = f"{made.source['size']:,} bytes before, {made.output['size']:,} after"
    lines.append(f"  {size}; the proof: {made.output['path']}.proof.json")
    return "\n".join(lines)
