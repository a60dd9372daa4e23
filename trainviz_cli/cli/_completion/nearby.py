"""The runs that were typed, and their keys, as far as they are found in a moment."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Iterator, Sequence

    import click

    from trainviz_cli.runs import FoundRun

T = TypeVar("T")

MOST_RUNS = 64  # to look for keys in
MOST_NAMES = 1000
_MOMENT_S = 0.04
_ALL_BYTES = 8 << 20  # of logs, to look for keys in
_MOST_BYTES = 4 << 20  # of one log


def found(context: click.Context, most: int = MOST_RUNS) -> list[FoundRun]:
    """The runs that the paths before the cursor name, as many as a moment allows."""
    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.runs import locate_runs

    paths = [path for word in _typed(context) for path in _expanded(word)]
    near, is_all = _look_around(paths, most)
    try:
        return locate_runs(paths, []) if is_all else near
    except TrainvizError:  # one of the paths leads nowhere
        return near


def _typed(context: click.Context) -> list[str]:
    """The paths before the cursor."""
    given: list[str] = []
    for name in ("runs", "path", "folders"):
        value = context.params.get(name) or ()
        given += [value] if isinstance(value, str) else value
    # While an option lacks its value, click leaves them aside.
    paths = given or [word for word in context.args if not word.startswith("-")]
    if not paths and not any(parameter.required for parameter in context.command.params):
        paths = ["."]
    return [os.path.expandvars(os.path.expanduser(path)) for path in paths]  # noqa: PTH111 - the text is passed on


def _expanded(word: str) -> list[str]:
    """The paths that a word means, as many as a moment allows."""
    if not any(sign in word for sign in "*?[") or os.path.exists(word):  # noqa: PTH110 - as above
        return [word]
    import glob

    above, everywhere, _ = word.partition("**")
    if everywhere:  # which may take any time: whatever is there will do
        return _expanded(os.path.dirname(above) or ".")  # noqa: PTH120 - as above
    return sorted(soon(glob.iglob(word)))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _look_around(paths: Sequence[str], most: int) -> tuple[list[FoundRun], bool]:
    """Runs at and below these paths, called after their paths; and whether there are no more.

    `locate_runs` would take its time where thousands of runs are; it is asked when there are few.
    """
    from collections import deque
    from pathlib import Path

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.formats import detect
    from trainviz_cli.formats._format import Place
    from trainviz_cli.runs import FoundRun

    near: list[FoundRun] = []
    given = frozenset(paths)
    wide, deep = deque(paths), deque[str]()
    for text, below in soon(_by_turns(wide, deep)):
        path = Path(text)
        with suppress(TrainvizError):
            place = Place.at(path)
            run = detect(place)
            if run:
                near.append(FoundRun(text, path, *run))
            if text in given or not path.is_symlink():
                inside = place.folders - (run[0].parts(place) if run else frozenset())
                below.extend(f"{text}/{name}" for name in sorted(inside) if name[0] != ".")
        if len(near) == most:
            break
    return near, not (wide or deep)


def _by_turns(wide: deque[str], deep: deque[str]) -> Iterator[tuple[str, deque[str]]]:
    """Takes a near path, then a deep one: runs may be next to very many folders, or far below.

    Args:
        wide: The paths; gets the sub-folders of those it gave.
        deep: None yet; takes one from the end of the others, then goes down from there.

    Yields:
        A path, and where its sub-folders go.
    """
    while wide or deep:
        if wide:
            yield wide.popleft(), wide
        if wide and not deep:
            deep.append(wide.pop())
        if deep:
            yield deep.pop(), deep


def soon(items: Iterable[T]) -> Iterator[T]:
    """The items that come within a moment; the first one in any case."""
    from time import perf_counter

    end = perf_counter() + _MOMENT_S
    for item in items:
        yield item
        if perf_counter() > end:
            return


def keys(runs: Sequence[FoundRun]) -> Iterable[str]:
    """The keys of these runs, as far as the ends of their logs tell."""
    from trainviz_cli.errors import TrainvizError

    every: dict[str, None] = {}
    for run in soon(runs):
        with suppress(TrainvizError):
            every |= dict.fromkeys(run.glance(min(_MOST_BYTES, _ALL_BYTES // len(runs))).last)
    return every
