"""PowerShell: the script is click's, and quotes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from trainviz_cli.cli._completion import INSTRUCTION
from trainviz_cli.cli._completion.ask import ask, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from click.shell_completion import ShellComplete

_PLAIN_IN_POWERSHELL = r"(?a)[\w:./=+-]+"


def script() -> str:
    """What PowerShell must run once.

    Raises:
        MissingPackageError: The click that is installed knows nothing of it.
    """
    return _shell(click.Group()).source()


def _shell(group: click.Group) -> ShellComplete:
    from click.shell_completion import get_completion_class

    from trainviz_cli.errors import MissingPackageError

    known = get_completion_class("powershell")
    if known is None:
        hint = "pip install 'click>=8.5'"
        raise MissingPackageError("completion in powershell needs click 8.5", hint=hint)
    return known(group, {}, "trainviz", INSTRUCTION)


def candidates(group: click.Group, arguments: Sequence[str]) -> Iterator[str]:
    """The candidates for PowerShell, those that need no quotes."""
    del arguments
    kept, items = ask(group, *_shell(group).get_completion_args())
    for item in items:
        if item.type != "plain" or re.fullmatch(_PLAIN_IN_POWERSHELL, item.value):
            yield f"{item.type}\n{kept}{item.value}\n{in_one_line(item.help or '_')}"
