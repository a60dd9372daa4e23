"""Completion in the shell: commands, options, paths, and keys of the runs already typed.

Each shell runs `trainviz` with an environment variable that says so, and gives what was typed as
arguments: zsh and fish the words, the one at the cursor last, bash the line up to the cursor. What
it gets back is a kind and a candidate on each line. A name out of a log is offered only where all
of it can be printed; zsh and fish quote what they insert, for bash it is quoted here.

The scripts ask the program that was typed by its path, else the one on the path, and never another,
which may not know that it is only asked. They take the answer line by line: nothing in it is split
or expanded.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

SHELLS = ("bash", "zsh", "fish", "powershell")
INSTRUCTION = "_TRAINVIZ_COMPLETE"


def print_script(shell: str) -> None:
    """Prints what the shell must run once to complete `trainviz`.

    Raises:
        MissingPackageError: The click that is installed knows nothing of that shell.
    """
    import click

    # As bytes: no shell takes the line ends of Windows.
    click.echo(import_module(f"{__name__}.{shell}").script().encode(), nl=False)


def answer(group: click.Group, instruction: str) -> int:
    """Prints what the shell asked for; returns the exit code.

    Whatever goes wrong, nothing is said: the user is in the middle of a line.
    """
    shell = instruction.removesuffix("_complete")
    if shell not in SHELLS:
        return 1
    try:
        module = import_module(f"{__name__}.{shell}")
        text = "".join(f"{line}\n" for line in module.candidates(group, sys.argv[1:]))
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding))
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - as the docstring says
        return 1
    return 0
