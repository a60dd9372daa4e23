"""`trainviz completion`: the script that lets a shell complete what is typed."""

from __future__ import annotations

import click

from trainviz_cli.cli._completion import SHELLS, print_script


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(*, shell: str) -> None:
    """The script that lets a shell complete commands, options, paths and keys of runs.

    \b
      trainviz completion bash >> ~/.bashrc
      trainviz completion zsh >> ~/.zshrc
      trainviz completion fish > ~/.config/fish/completions/trainviz.fish

    Shells opened from then on complete. In zsh, this turns completion on where nothing else does.
    """
    print_script(shell)
