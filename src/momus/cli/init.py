"""`momus init`: a first card from what can be seen in files, without loading any of them."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", default="momus.yaml", show_default=True, type=click.Path(path_type=Path), help="Where to write."
)
def init(files: tuple[Path, ...], output: Path) -> int:
    """Write a first momus.yaml for the given model and data files, or folders of pictures.

    Files are read as bytes: nothing is unpickled and no code runs. What only you know becomes a TODO line. An existing
    card is never overwritten.
    """
    from momus.card.read import card_of_text
    from momus.core.errors import CardError
    from momus.threats.draft import draft

    target = output / "momus.yaml" if output.is_dir() else output
    text = draft(files, target.parent)
    card = card_of_text(text, path=target)
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise CardError(
            "there is a card already, and it is kept",
            code="card/exists",
            place=str(target),
            hint="Write elsewhere with --output FILE, or remove it first",
        ) from None
    except OSError as error:
        raise CardError(
            f"cannot be written: {error.strerror}",
            code="card/unwritable",
            place=str(target),
            hint="Choose another folder",
        ) from None
    todo = text.count("TODO")
    click.echo(f"{target}: {len(card.targets)} target(s), {len(card.data)} data set(s), {todo} TODO lines to answer")
    click.echo(f"Next: momus check {target}")
    return 0
