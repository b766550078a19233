"""The `momus` command: a lazy group, one error format, and the exit codes.

0 within the bar · 1 a rating reaches --bar · 2 usage or card · 3 a crash · 4 untested or inconclusive under --strict ·
5 nothing ran · 130 interrupted, by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

# In the order of use.
VERBS = {
    "demo": "See a whole assessment of a small built-in system, offline",
    "init": "Write a first momus.yaml from what can be seen in a model file",
    "check": "Validate a card; loads nothing dangerous",
    "threats": "Which of the 17 modes apply to this system, and why",
    "plan": "What would be measured, what would not, and how to close the gaps",
    "assess": "Measure, judge and report",
    "report": "Render or re-judge a stored run; the model is not touched",
    "compare": "What changed between two runs",
    "reproduce": "Check an example against its published or recorded numbers",
    "scan": "Look into model files without loading them",
    "explain": "Explain a mode, a probe or a rule",
    "lookup": "Find the mode behind an unfamiliar word",
    "list": "List modes, probes, runs",
}


class LazyGroup(click.Group):
    """A group that imports a verb only when it is called or its own help is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"momus.cli.{cmd_name}")
        return getattr(module, f"{cmd_name}_" if cmd_name == "list" else cmd_name)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs, in the order of use"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"no verb '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else " See: momus --help"))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="momus", message="momus %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Tests a machine-learning system against the 17 failure modes: does it apply, how badly does it fail, how sure
    are we, how severe is that, what now."""
    ctx.obj = {"debug": debug, **(ctx.obj or {})}


# Verbs that measure: stopped half-way they have something to go on from.
_MEASURING = ("assess", "demo", "reproduce")


def main(argv: list[str] | None = None) -> None:
    """Entry point: runs the group and turns every error into one line and an exit code. Always raises SystemExit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if debug:
        # Accepted anywhere on the line: people add it at the end of the command that just failed.
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter gets a question mark, not a crash
            stream.reconfigure(errors="replace")
    with _termination():
        sys.exit(_run(arguments, debug))


def _run(arguments: list[str], debug: bool) -> int:
    """The exit code of one command line. Click's own ``main`` would answer a closed pipe with 1, our code for fails."""
    if "_MOMUS_COMPLETE" in os.environ:
        cli.main(args=arguments, prog_name="momus")
    try:
        with cli.make_context("momus", list(arguments), obj={"argv": arguments}) as context:
            status = cli.invoke(context)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        kept = any(a in _MEASURING for a in arguments)
        more = "; what was measured is stored, run the same command again to go on" if kept else ""
        click.echo(f"interrupted{more}", err=True)
        return 130
    except (BrokenPipeError, SystemExit) as stop:
        # `momus list | head` closes our output early; that is not an error. rich says it with SystemExit(1).
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            raise
        from momus.cli.options import forget_output

        forget_output()
        return 0
    except Exception as error:
        return _explain(error, debug)


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM ends a run like Ctrl-C: in order, with workers stopped and what was measured kept."""

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain(error: Exception, debug: bool) -> int:
    from momus.core.errors import MomusError

    if debug:
        import traceback

        traceback.print_exc()
    if isinstance(error, MomusError):
        if not debug:
            click.echo(_lines(error), err=True)
        return 2
    if not debug:
        click.echo(
            f"momus/bug: {type(error).__name__}: {error}. This is a fault of Momus; --debug shows where", err=True
        )
    return 3


def _lines(error: Any) -> str:
    """All problems of a card, one a line; other errors are one line by nature."""
    problems = getattr(error, "problems", None)
    return "\n".join(str(p) for p in problems) if problems else str(error)
