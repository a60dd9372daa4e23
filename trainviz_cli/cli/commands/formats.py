"""`trainviz formats`: the log formats there are."""

from __future__ import annotations

import click

from trainviz_cli.cli._console import Console, print_json
from trainviz_cli.cli._options import json_option


@click.command("formats")
@json_option
def command(*, as_json: bool) -> None:
    """The log formats known, and how each is recognised.

    \b
      trainviz formats
    """
    from trainviz_cli.formats import all_formats

    if as_json:
        fields = ("name", "title", "recognised_by")
        rows = [{field: getattr(known, field) for field in fields} for known in all_formats()]
        print_json({"formats": rows})
        return
    width = Console().width
    for known in all_formats():
        click.echo(known.name)
        for line in (known.title, f"recognised by {known.recognised_by}"):
            click.echo(click.wrap_text(line, width, initial_indent="  ", subsequent_indent="    "))
