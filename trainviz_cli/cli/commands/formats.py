"""`trainviz formats`: the log formats there are."""

from __future__ import annotations

import click

from trainviz_cli.cli._options import json_option


@click.command("formats")
@json_option
def command(*, as_json: bool) -> None:
    r"""The log formats known, and how each is recognised.

    \b
      trainviz formats
    """
    from trainviz_cli.formats import all_formats

    if as_json:
        from trainviz_cli.cli._console import print_json

        fields = ("name", "title", "recognised_by")
        rows = [{field: getattr(known, field) for field in fields} for known in all_formats()]
        print_json({"formats": rows})
        return
    for known in all_formats():
        click.echo(f"{known.name}\n  {known.title}\n  recognised by {known.recognised_by}")
