"""Completion in the shell: commands, options, paths, and keys of the runs already typed."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import click
    from click.shell_completion import CompletionItem

    from trainviz_cli.runs import FoundRun

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

SHELLS = ("bash", "zsh", "fish", "powershell")
INSTRUCTION = "_TRAINVIZ_COMPLETE"
_MOST_RUNS = 64
_ALL_BYTES = 16 << 20  # of logs, to look for keys in
_MOST_BYTES = 4 << 20  # of one log
# Nothing a shell could take for anything but text, even where a script forgets to quote.
_SAFE = re.compile(r"[\w@%+:,./ ()\[\]=-]+")


def print_script(shell: str, group: click.Command) -> None:
    """Prints what the shell must run once to complete `trainviz`."""
    from click.shell_completion import shell_complete

    shell_complete(group, {}, "trainviz", INSTRUCTION, f"{shell}_source")


def answer(group: click.Group, instruction: str) -> int:
    """Prints what the shell asked for; returns the exit code."""
    from click.shell_completion import BashComplete, add_completion_class, shell_complete

    class Bash(BashComplete):
        """Quotes what it inserts, and takes `--key=part` as bash splits it."""

        def get_completion_args(self) -> tuple[list[str], str]:
            args, incomplete = super().get_completion_args()
            words = ["", *args, incomplete]
            kept = [word for before, word in pairwise(words) if not _is_equals(before, word)]
            if incomplete == "=" and _is_equals(words[-2], "="):
                kept.append("")
            return kept[:-1], kept[-1]

        def format_completion(self, item: CompletionItem) -> str:
            import shlex

            return f"{item.type},{shlex.quote(item.value) if item.value else ''}"

    add_completion_class(Bash, "bash")
    return shell_complete(group, {}, "trainviz", INSTRUCTION, instruction)


def _is_equals(before: str, word: str) -> bool:
    return word == "=" and before.startswith("--")


def complete_path(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Leaves paths to the shell, which knows its quotes, its home folder and its colours."""
    from click.shell_completion import CompletionItem

    del context, parameter
    return [CompletionItem(incomplete, type="file")]


def complete_key(*words: str) -> Complete:
    """Completes keys of the runs typed so far, after these words."""

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del parameter
        return _items([*words, *_keys(_found(context))], incomplete)

    return complete


def complete_run_name(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the names of the runs typed so far."""
    del parameter
    return _items([run.name for run in _found(context)], incomplete)


def complete_image(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the names of the logged pictures of the runs typed so far."""
    del parameter
    every = (image.name for run in _found(context) for image in run.format.images(run.log))
    return _items(dict.fromkeys(every), incomplete)


def _found(context: click.Context) -> list[FoundRun]:
    """The runs that the paths before the cursor name, as many as a moment allows."""
    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.runs import locate_runs

    try:
        return locate_runs(_typed(context), [])[:_MOST_RUNS]
    except TrainvizError:
        return []


def _typed(context: click.Context) -> list[str]:
    """The paths before the cursor."""
    given: list[str] = []
    for name in ("runs", "path", "folders"):
        value = context.params.get(name) or ()
        given += [value] if isinstance(value, str) else value
    # While an option lacks its value, click leaves them aside.
    paths = given or [word for word in context.args if not word.startswith("-")]
    if not paths and "folders" in context.params:
        paths = ["."]
    return [os.path.expanduser(path) for path in paths]  # noqa: PTH111 - the text is passed on


def _keys(runs: Sequence[FoundRun]) -> Iterable[str]:
    """The keys of these runs, as far as the ends of their logs tell."""
    from trainviz_cli.errors import TrainvizError

    keys: dict[str, None] = {}
    for run in runs:
        with suppress(TrainvizError):
            keys |= dict.fromkeys(run.glance(min(_MOST_BYTES, _ALL_BYTES // len(runs))).last)
    return keys


def _items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin with what was typed, else those that contain it."""
    from click.shell_completion import CompletionItem

    safe = [value for value in values if _SAFE.fullmatch(value)]
    typed = incomplete.lower()
    found = [value for value in safe if value.lower().startswith(typed)] or [
        value for value in safe if typed in value.lower()
    ]
    return [CompletionItem(value) for value in found]
