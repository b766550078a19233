"""The click group behind the `momus` command: verbs are imported when they are called."""

from __future__ import annotations

import importlib

import click

from momus.cli.main import VERBS


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
