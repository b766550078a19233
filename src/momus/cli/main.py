"""The `momus` command: a lazy group, one error format, and the exit codes.

0 within the bar · 1 a rating reaches --bar · 2 usage or card · 3 a crash · 4 untested or inconclusive under --strict ·
5 nothing ran · 130 interrupted, by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
    "scan": "Look into files without loading them",
    "convert": "Turn a file that may run code into one that cannot, with proof",
    "lock": "Record what every file of a system is: digest, source, licence, signature",
    "verify": "Hold a system's files against its lock, published digests and signatures",
    "monitor": "Watch a served model while real callers use it; alarms, metrics, alerts",
    "serve": "The runs of a team as web pages: trends, evidence, waivers, threat-modelling sessions",
    "explain": "Explain a mode, a probe or a rule",
    "lookup": "Find the mode behind an unfamiliar word",
    "list": "List modes, probes, runs",
}


# What the runners of GitHub, GitLab, Azure, Jenkins and TeamCity set: there a printed line can be a command.
RUNNERS = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID", "TEAMCITY_VERSION")


def __getattr__(name: str) -> Any:
    """``cli``, the click group: made when it is asked for, since `momus scan` needs none."""
    if name != "cli":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from momus.cli.group import cli

    return cli


# Verbs that measure: stopped half-way they have something to go on from.
_MEASURING = ("assess", "demo", "reproduce")


def main(argv: list[str] | None = None) -> None:
    """Entry point: runs the group and turns every error into one line and an exit code. Always raises SystemExit."""
    if any(os.environ.get(name) for name in RUNNERS):
        from momus.cli.log_lines import guarded

        with guarded():
            _main(argv)
    _main(argv)


def _main(argv: list[str] | None) -> None:
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if debug:
        # Accepted anywhere on the line: people add it at the end of the command that just failed.
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter gets a question mark, not a crash
            stream.reconfigure(errors="replace")
    if arguments[:1] == ["scan"]:
        from momus.cli.scan_files import quick

        status = _guarded(lambda: quick(arguments[1:]), arguments, debug)
        if status is not None:
            sys.exit(status)
    sys.exit(_terminable(lambda: _guarded(lambda: _run(arguments), arguments, debug) or 0))


def _run(arguments: list[str]) -> int:
    """The exit code of one command line. Click's own ``main`` would answer a closed pipe with 1, our code for fails."""
    import click

    from momus.cli.group import cli

    if "_MOMUS_COMPLETE" in os.environ:
        cli.main(args=arguments, prog_name="momus")
    try:
        with cli.make_context("momus", list(arguments), obj={"argv": arguments}) as context:
            status = cli.invoke(context)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None


def _guarded(work: Callable[[], int | None], arguments: list[str], debug: bool) -> int | None:
    """What ``work`` returns; interruptions, closed pipes and errors as one line and their exit code."""
    try:
        status = work()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        kept = any(a in _MEASURING for a in arguments)
        more = "; what was measured is stored, run the same command again to go on" if kept else ""
        print(f"interrupted{more}", file=sys.stderr)
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


def _terminable(work: Callable[[], int]) -> int:
    """SIGTERM ends a run like Ctrl-C: in order, with workers stopped and what was measured kept."""
    import signal
    import threading

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return work()
    before = signal.signal(signal.SIGTERM, stop)
    try:
        return work()
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain(error: Exception, debug: bool) -> int:
    from momus.core.errors import MomusError

    if debug:
        import traceback

        traceback.print_exc()
    if isinstance(error, MomusError):
        if not debug:
            print(lines_of(error), file=sys.stderr)
        return 2
    if not debug:
        said = f"momus/bug: {type(error).__name__}: {error}. This is a fault of Momus; --debug shows where"
        print(said, file=sys.stderr)
    return 3


def lines_of(error: Any) -> str:
    """All problems of a card, one a line; other errors are one line by nature."""
    problems = getattr(error, "problems", None)
    return "\n".join(str(p) for p in problems) if problems else str(error)
