"""Which runs and which keys a command line means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainviz_cli.cli._console import note, note_diagnostics
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.model.keys import brief, is_pattern, main_keys, match_keys, nearest
from trainviz_cli.runs import locate_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.model.run import Run
    from trainviz_cli.runs import FoundRun

_MOST_LEFT_OUT = 5


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
    note_left_out(problems)
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


def note_left_out(problems: Sequence[TrainvizError]) -> None:
    """What stood in the way of some of the runs, each said once."""
    messages = list(dict.fromkeys(problem.message for problem in problems))
    for message in messages[:_MOST_LEFT_OUT]:
        note(f"left out: {message}")
    if len(messages) > _MOST_LEFT_OUT:
        note(f"left out: {len(messages) - _MOST_LEFT_OUT} more")


def choose_keys(runs: Sequence[tuple[str, Iterable[str]]], queries: Sequence[str]) -> list[str]:
    """The keys that `--key` means on all runs together, or the main metrics.

    Args:
        runs: Name and keys of each.
        queries: What was asked for.

    Raises:
        NotFoundError: A query fits no key, or several equally well.
        UsageError: A query is no valid pattern.
    """
    every = list(dict.fromkeys(key for _, keys in runs for key in keys))
    if not queries:
        return main_keys(every) or every[:1]
    chosen = list(dict.fromkeys(key for query in queries for key in _match(query, every)))
    for key in chosen:
        if lacking := [name for name, keys in runs if key not in keys]:
            note(f"{brief(key)} is not in {', '.join(lacking)}")
    return chosen


def choose_run(name: str, runs: Sequence[Run]) -> int:
    """Which of the runs is meant by its name, its path, or the end of either.

    Raises:
        NotFoundError: None of them, or several.
    """
    wanted = name.rstrip("/")
    ranks: tuple[Callable[[Run], bool], ...] = (
        lambda run: run.name == wanted or str(run.path) == wanted,
        lambda run: run.path.absolute() == Path(wanted).absolute(),
        lambda run: f"/{run.path.as_posix()}".endswith(f"/{wanted}"),
        lambda run: wanted in run.name,
    )
    for fits in ranks:
        found = [index for index, run in enumerate(runs) if fits(run)]
        if len(found) == 1:
            return found[0]
    fitting = [run.name for run in runs if wanted in run.name]
    if not fitting:
        near = nearest(name, [run.name for run in runs], "run")
        raise NotFoundError(f"none of the runs is {name!r}", hint=near)
    more = f" and {len(fitting) - 12} more" if len(fitting) > 12 else ""
    raise NotFoundError(
        f"{name!r} fits several runs", hint=f"one of {', '.join(fitting[:12])}{more}"
    )


def choose_key(query: str, keys: Sequence[str]) -> str:
    """The one key that `query` means.

    Raises:
        NotFoundError: It fits no key, or several.
        UsageError: It is no valid pattern.
    """
    found = match_keys(query, keys)
    if len(found) > 1:
        hint = f"one of {', '.join(map(brief, found[:12]))}"
        raise NotFoundError(f"{query!r} fits {len(found)} keys equally well", hint=hint)
    if found[0] != query:
        note(f"{query} is taken as {brief(found[0])}")
    return found[0]


def _match(query: str, keys: Sequence[str]) -> list[str]:
    found = match_keys(query, keys)
    if is_pattern(query):
        return found
    if len(found) > 1:
        some = ", ".join(brief(key) for key in found[:12])
        raise NotFoundError(
            f"{query!r} fits {len(found)} keys equally well",
            hint=f"one of {some}; or all: -k '*{query}*'",
        )
    if found[0] != query:
        note(f"{query} is taken as {brief(found[0])}")
    return found
