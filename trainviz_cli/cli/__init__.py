"""The command `trainviz`."""

from __future__ import annotations

from typing import NoReturn

import click

from trainviz_cli.cli._group import CommandFolder, run

__all__ = ["run_trainviz", "trainviz"]


@click.group(
    cls=CommandFolder,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(
    None, "--version", package_name="trainviz-cli", message="trainviz %(version)s"
)
@click.pass_context
def trainviz(context: click.Context) -> None:
    """Training curves, in the terminal you are in.

    \b
      trainviz plot runs/exp1 --key mAP

    A RUN is a run directory, a log file, a folder of runs, or a glob.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run_trainviz() -> NoReturn:
    """Runs the command line, and ends the process with the documented exit code."""
    run(trainviz)
