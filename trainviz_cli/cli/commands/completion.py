"""`trainviz completion`: the script that lets a shell complete what is typed."""

from __future__ import annotations

import click

from trainviz_cli.cli._completion import SHELLS, print_script


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """The script that lets a shell complete commands, options, paths and keys of runs.

    \b
      trainviz completion bash >> ~/.bashrc
      trainviz completion zsh >> ~/.zshrc
      trainviz completion fish > ~/.config/fish/completions/trainviz.fish

    For zsh, its completion must be on: autoload -U compinit && compinit.
    """
    print_script(shell, context.find_root().command)
