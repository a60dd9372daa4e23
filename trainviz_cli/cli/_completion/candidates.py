"""What may stand at the cursor: paths, and names out of the runs already typed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click
    from click.shell_completion import CompletionItem

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


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
        from trainviz_cli.cli._completion.nearby import found, keys

        del parameter
        return _items([*words, *keys(found(context))], incomplete)

    return complete


def complete_run_name(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the names of the runs typed so far."""
    from trainviz_cli.cli._completion.nearby import MOST_NAMES, found

    del parameter
    return _items([run.name for run in found(context, MOST_NAMES)], incomplete)


def complete_image(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the names of the logged pictures of the runs typed so far, then their steps."""
    from trainviz_cli.cli._completion.nearby import found, soon

    del parameter
    images = (image for run in soon(found(context)) for image in run.format.images(run.log))
    if "@" in incomplete:
        return _items((f"{image.name}@{image.step}" for image in images), incomplete)
    return _items((image.name for image in images), incomplete)


def _items(values: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin with what was typed, else those that contain it."""
    from click.shell_completion import CompletionItem

    shown = [value for value in dict.fromkeys(values) if value and _can_show(value)]
    typed = incomplete.lower()
    fitting = [value for value in shown if value.lower().startswith(typed)] or [
        value for value in shown if typed in value.lower()
    ]
    return [CompletionItem(value) for value in fitting]


def _can_show(value: str) -> bool:
    """Whether nothing in it could steer a terminal, in the encoding that the terminal has."""
    try:
        value.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return value.isprintable()
