"""`momus scan` as a verb of the command line. What it does stands in ``scan_files``, which needs no click."""

from __future__ import annotations

import click

from momus.cli import options
from momus.cli.scan_files import Wish, run


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option("--allow", multiple=True, metavar="NAME", help="A name you vouch for: pkg.Class or pkg.*; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Show every finding; without it the three gravest of a file.")
@click.option("--strict", is_flag=True, help="Exit code 1 for suspicious files too.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes. Default: free cores for much work.")
@click.option("--prove", is_flag=True, help="Also load each file in a locked process and tell what it did.")
@options.as_json
def scan(
    paths: tuple[str, ...],
    allow: tuple[str, ...],
    everything: bool,
    strict: bool,
    jobs: int | None,
    prove: bool,
    as_json: bool,
) -> int:
    """Look into files, and into all files of folders, without loading them.

    Nothing is unpickled, imported or run, unless --prove asks for it. Exit code 1: something is dangerous. 2: a path is
    not there. 4: something was not understood. 0: otherwise.
    """
    if prove:
        from momus.cli.scan_prove import prover

        return run(Wish(paths, allow, everything, strict, jobs, as_json, prove=prover()))
    return run(Wish(paths, allow, everything, strict, jobs, as_json))
