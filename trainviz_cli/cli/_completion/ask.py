"""What fits at the cursor, whatever the shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

# What quotes and backslashes make of what stands in them; the last one may still be open.
# Compiled where it is used: most commands complete nothing.
QUOTED = (
    r"""(?s)\\(?P<escaped>.?)|"""
    r"""(?:'(?P<single>[^']*)|"(?P<double>(?:[^"\\]|\\.)*\\?))(?P<end>['"]?)"""
)


def ask(
    group: click.Group, words: Sequence[str], word: str
) -> tuple[str, Sequence[CompletionItem]]:
    """What fits at the cursor; before that, what stays of the word: of `--key=lo`, `--key=`.

    Args:
        group: `trainviz`.
        words: What was typed after it.
        word: What was typed of the word at the cursor.
    """
    from click.shell_completion import ShellComplete

    command = next((each for each in words if not each.startswith("-")), None)
    if command and command not in group.list_commands(click.Context(group)):
        return "", ()
    option = None if "--" in words else re.match(r"--[^=]+=", word)
    shell = ShellComplete(group, {}, "trainviz", "")
    return option[0] if option else "", shell.get_completions([*words], word)


def in_one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def unquoted(raw: str) -> str:
    """The text that the shell makes of what was typed."""

    def text(found: re.Match[str]) -> str:
        if found["double"] is None:
            return found["single"] or found["escaped"] or ""
        return re.sub(r'\\([\\"$`])', r"\1", found["double"])

    return re.sub(QUOTED, text, raw)
