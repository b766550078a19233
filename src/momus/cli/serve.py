"""`momus serve`: the runs of a store as web pages."""

from __future__ import annotations

from pathlib import Path

import click

from momus.cli import options

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("cards", nargs=-1, type=click.Path(path_type=Path))
@options.stored
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need accounts.")
@click.option("--port", default=8017, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--url", "urls", multiple=True, help="Address people use, as https://momus.example.org; repeatable.")
@click.option("--accounts", type=_FILE, help="Accounts file: who may come in, with digests of their tokens.")
@click.option("--new-token", metavar="NAME", help="Make a token for NAME, print it once, keep its digest, and end.")
@click.option("--role", type=click.Choice(["viewer", "assessor", "approver"]), help="What NAME may do.")
@click.option("--drop-token", metavar="NAME", help="Take NAME's token away, with the sessions it opened, and end.")
@click.option("--trust-proxy", "proxies", multiple=True, metavar="ADDR", help="A proxy that signs in; repeatable.")
@click.option("--user-header", default="", metavar="NAME", help="Its header that says who somebody is.")
@click.option("--groups-header", default="", metavar="NAME", help="Its header of their groups, divided by commas.")
@click.option("--roles", type=_FILE, help="Roles of the proxy's users and groups (TOML).")
@click.option("--open", "show", is_flag=True, help="Open the first page in a browser.")
def serve(
    cards: tuple[Path, ...],
    store: str | None,
    host: str,
    port: int,
    urls: tuple[str, ...],
    accounts: Path | None,
    new_token: str | None,
    role: str | None,
    drop_token: str | None,
    proxies: tuple[str, ...],
    user_header: str,
    groups_header: str,
    roles: Path | None,
    show: bool,
) -> int:
    """Show the runs of a store as web pages: systems, the 17 rows and their trends, evidence, waivers, sessions.

    Without accounts only this machine is served, and whoever sits at it may do everything. A team gets a token each
    (--accounts), or comes through a proxy that signs people in (--trust-proxy). A viewer reads, an assessor answers the
    card's questions, an approver waives findings. CARDS are read once, for sessions about systems that were never
    measured. No model is loaded and nothing is uploaded. See docs/serve.md.

    \b
      momus serve --open
      momus serve --new-token ann --role approver --accounts accounts.toml
      momus serve --host 0.0.0.0 --url https://momus.example.org --accounts accounts.toml
    """
    if new_token is not None or drop_token is not None:
        return _tokens(accounts, new_token, role, drop_token)
    from momus.cli.serve_cards import read, store_for
    from momus.web.app import create_app
    from momus.web.doors import doors
    from momus.web.serving import address, listen, logged, server
    from momus.web.warming import begin

    headers = {"user_header": user_header, "groups_header": groups_header}
    access, gate = doors(host, urls, accounts=accounts, proxies=proxies, roles=roles, **headers)
    known = read(cards)
    with store_for(store, cards) as opened, listen(host, port) as socket:
        app = create_app(opened, access, gate=gate, cookie=f"momus-{socket.getsockname()[1]}", cards=known)
        here = address(socket)
        click.echo(f"{here}  shows {opened.name} to {access}. Ctrl-C ends it")
        begin(app.state.site)
        if show:
            click.launch(here)
        with logged():
            try:
                server(app).run(sockets=[socket])
            except KeyboardInterrupt:  # Ctrl-C and SIGTERM are how a server ends, not how it fails
                click.echo("stopped", err=True)
    return 0


def _tokens(path: Path | None, new: str | None, role: str | None, drop: str | None) -> int:
    """Make or take away a token; nothing is served."""
    from momus.web.accounts import Accounts
    from momus.web.roles import Role

    if path is None:
        raise click.UsageError("name the accounts file with --accounts FILE; it is made where there is none")
    known = Accounts.open(path) if path.exists() or new is None else Accounts(path)
    if drop is not None:
        known.drop(drop)
        click.echo(f"{drop} can no longer come in", err=True)
    if new is not None:
        if role is None:
            raise click.UsageError("say what they may do: --role viewer, assessor or approver")
        click.echo(known.add(new, Role(role)))
        click.echo(f"This is the token of {new} ({role}). It is shown this once; {path} keeps its digest.", err=True)
    return 0
