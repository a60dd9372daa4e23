"""What runs are on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trainviz_cli.codecs.growing import refuse_pointer
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats import all_formats, detect
from trainviz_cli.formats._format import Place
from trainviz_cli.runs.found import FoundRun
from trainviz_cli.runs.names import identity, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.formats._format import Format
    from trainviz_cli.model.run import Run

# Folders that no training run is in, and that can be very large.
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def find_runs(path: str | os.PathLike[str] = ".") -> list[FoundRun]:
    """The runs at or below `path`, each start of a training by itself, in order of their paths.

    A link to a run is a run; other links to folders are not followed.

    Raises:
        NotFoundError: There is no such path.
        UnreadableError: The path itself may not be read.
    """
    return find_all_runs([path])


def find_all_runs(
    paths: Sequence[str | os.PathLike[str]], passed_over: list[TrainvizError] | None = None
) -> list[FoundRun]:
    """The runs at or below several paths, named together; see `find_runs`.

    Args:
        paths: Folders, run directories, log files.
        passed_over: Takes the folders that may not be read.
    """
    found: list[FoundRun] = []
    for path in paths:
        place = Place.at(Path(path))
        here = list(_walk(place, passed_over, join_starts=False))
        if place.is_file and not here:
            raise _no_log(place)
        found += here
    return named(_unique(found) if len(paths) > 1 else found)


def open_run(path: str | os.PathLike[str], *, strict: bool = False) -> Run:
    """The run at `path`, read.

    Args:
        path: A run directory, a log file, MMEngine's `work_dir` as a whole, or a folder that holds
            just one run.
        strict: Let the first damage end it, instead of reading what can be read.

    Raises:
        NotFoundError: Nothing is there, or several runs.
        UnreadableError: It can't be read, or `strict` met damage.
    """
    found = locate_runs([os.fspath(path)])
    if len(found) > 1 and found[0].path == Path(path):  # others lie inside it
        found = named(found[:1])
    if len(found) > 1:
        names = ", ".join(run.name for run in found[:5]) + (", …" if len(found) > 5 else "")
        raise NotFoundError(f"{path} holds {len(found)} runs", hint=f"name one: {names}")
    return found[0].read(strict=strict)


def locate_runs(
    arguments: Sequence[str], passed_over: list[TrainvizError] | None = None
) -> list[FoundRun]:
    """The runs that a command's arguments name: runs, log files, folders of runs, globs.

    Args:
        arguments: What the user typed, or the shell made of it.
        passed_over: Takes what is there but no run, so that it doesn't stop the others.

    Raises:
        NotFoundError: An argument names nothing, or no run is there.
        UnreadableError: A file is no log of a known format, or may not be read.
    """
    found: list[FoundRun] = []
    problems: list[TrainvizError] = []
    for path in [path for argument in arguments for path in _expand(argument)]:
        place = Place.at(path)
        try:
            found += _locate(place, passed_over)
        except (NotFoundError, UnreadableError) as error:
            problems.append(error)
    if problems and (passed_over is None or not found):
        raise problems[0]
    if passed_over is not None:
        passed_over += problems
    return named(_unique(found))


def _expand(argument: str) -> list[Path]:
    if not any(sign in argument for sign in "*?[") or os.path.exists(argument):  # noqa: PTH110 - Path.exists raises where access is denied
        return [Path(argument)]
    import glob

    paths = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not paths:
        raise NotFoundError(f"nothing matches {argument}")
    return [Path(path) for path in paths]


def _locate(place: Place, passed_over: list[TrainvizError] | None) -> list[FoundRun]:
    path = place.path
    found = list(_walk(place, passed_over, join_starts=True))
    if found:
        return found
    if place.is_file:
        raise _no_log(place)
    if not place.files and not place.folders:
        raise NotFoundError(f"the folder {path} is empty")
    raise NotFoundError(f"no training log in {path}", hint=_tried())


def _no_log(file: Place) -> UnreadableError:
    """Why a file is no run."""
    refuse_pointer(file.path, file.head())
    return UnreadableError(f"{file.path} is no training log", hint=_tried())


def _tried() -> str:
    return f"formats tried: {', '.join(format_.name for format_ in all_formats())}"


def _walk(
    place: Place, passed_over: list[TrainvizError] | None, *, join_starts: bool
) -> Iterator[FoundRun]:
    """The runs at a place and below it; what may not be read below it is passed over."""
    waiting = [place]
    linked: list[Place] = []
    while waiting:
        here = waiting.pop()
        try:
            run = _run_at(here, join_starts=join_starts)
        except (NotFoundError, UnreadableError) as error:
            if here is place:
                raise
            _pass_over(error, passed_over)
            run = None
        if run:
            yield run
        if not run or not run.starts:
            for below in _places_below(here, run, passed_over):
                (linked if below.path.name in here.links else waiting).append(below)
    yield from _linked_runs(place, linked, join_starts=join_starts)


def _places_below(
    place: Place, run: FoundRun | None, passed_over: list[TrainvizError] | None
) -> Iterator[Place]:
    """The sub-folders where more runs may be, the last one first."""
    inside = place.folders - (run.format.parts(place) if run else frozenset()) - _SKIPPED
    for name in sorted(inside, reverse=True):
        if name[0] != ".":
            try:
                yield Place.at(place.path / name)
            except (NotFoundError, UnreadableError) as error:
                if name not in place.links:  # nobody looks behind a link for more than a run
                    _pass_over(error, passed_over)


def _pass_over(error: TrainvizError, passed_over: list[TrainvizError] | None) -> None:
    """Keeps what may not be read; what vanished meanwhile is nobody's business."""
    if passed_over is not None and isinstance(error, UnreadableError):
        passed_over.append(error)


def _linked_runs(root: Place, linked: list[Place], *, join_starts: bool) -> Iterator[FoundRun]:
    """The runs that links lead to, out of the folder that was walked; nothing is walked there."""
    seen = {root.path.resolve()} if linked else set()
    for place in reversed(linked):
        target = place.path.resolve()
        if not seen.isdisjoint([target, *target.parents]):
            continue
        with suppress(NotFoundError, UnreadableError):
            if run := _run_at(place, join_starts=join_starts):
                seen.add(target)
                yield run


def _run_at(place: Place, *, join_starts: bool) -> FoundRun | None:
    """The run that this very place is, or, joined, the starts in it."""
    if detected := detect(place):
        return FoundRun("", place.path, *detected)
    for candidate in all_formats() if join_starts else ():
        if starts := _starts(candidate, place):
            return FoundRun("", place.path, candidate, starts[-1].log, starts)
    return None


def _starts(candidate: Format, place: Place) -> tuple[FoundRun, ...]:
    """The sub-folders that are starts of one training; those without a log are left out."""
    found = []
    for name in candidate.starts(place):
        with suppress(NotFoundError, UnreadableError):
            start = Place.at(place.path / name)
            if log := candidate.find_log(start):
                found.append(FoundRun(name, start.path, candidate, log))
    return tuple(found)


def _unique(found: list[FoundRun]) -> list[FoundRun]:
    return list({identity(run.path): run for run in found}.values())
