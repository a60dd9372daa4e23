"""Which runs and which keys a command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.cli._console import note, note_diagnostics
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.model.keys import brief, is_pattern, main_keys, match_keys
from trainviz_cli.runs import locate_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.model.run import Run
    from trainviz_cli.runs import FoundRun


def read_runs(arguments: Sequence[str], *, strict: bool) -> list[Run]:
    """The runs that hold something to draw; what stands in the way of the others is noted.

    Raises:
        NotFoundError: An argument names nothing, or no run is there.
        UnreadableError: Not one of them can be read, or `strict` met damage.
    """
    problems: list[TrainvizError] = []
    found = locate_runs(arguments, problems)
    runs = []
    for each in found:
        try:
            runs.append(_read(each, strict=strict))
        except UnreadableError as error:
            if strict or len(found) == 1:
                raise
            problems.append(error)
    if not runs:
        raise problems[0]
    for problem in problems:
        note(f"left out: {problem.message}")
    return runs


def _read(found: FoundRun, *, strict: bool) -> Run:
    run = found.read(strict=strict)
    note_diagnostics(run)
    if not len(run):
        raise UnreadableError(
            f"{found.path} holds no record that can be read",
            hint="the log is empty so far, or damaged, or no log",
        )
    return run


def choose_keys(runs: Sequence[Run], queries: Sequence[str]) -> list[str]:
    """The keys that `--key` means on all runs together, or the main metrics.

    Raises:
        NotFoundError: A query fits no key, or several equally well.
        UsageError: A query is no valid pattern.
    """
    every = list(dict.fromkeys(key for run in runs for key in run))
    if not queries:
        return main_keys(every) or every[:1]
    chosen = list(dict.fromkeys(key for query in queries for key in _match(query, every)))
    for key in chosen:
        if lacking := [run.name for run in runs if key not in run]:
            note(f"{brief(key)} is not in {', '.join(lacking)}")
    return chosen


def _match(query: str, keys: Sequence[str]) -> list[str]:
    found = match_keys(query, keys)
    if is_pattern(query):
        return found
    if len(found) > 1:
        raise NotFoundError(
            f"{query!r} fits {len(found)} keys equally well",
            hint=f"one of {', '.join(brief(key) for key in found[:12])}; or all: -k '*{query}*'",
        )
    if found[0] != query:
        note(f"{query} is taken as {brief(found[0])}")
    return found
