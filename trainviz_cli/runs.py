"""What runs are on the disk, and what they say."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.codecs.lines import refuse_pointer
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats import all_formats, detect
from trainviz_cli.formats._format import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.formats._format import Format
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.model.run import Run

GLANCE_BYTES = 1 << 14

# Folders that no training run is in, and that can be very large.
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


class FoundRun(NamedTuple):
    """A run on the disk, not read yet.

    Attributes:
        name: Shortest trailing part of the path that no other run found with it shares.
        path: The run directory or log file.
        format: The log format it is in.
        log: What its reader follows.
        starts: Where MMEngine's `work_dir` is taken as one run: its starts, oldest first.
    """

    name: str
    path: Path
    format: Format
    log: Path
    starts: tuple[FoundRun, ...] = ()

    def read(self, *, strict: bool = False) -> Run:
        """The run as it is on the disk now.

        Args:
            strict: Let the first damage end it, instead of reading what can be read.

        Raises:
            UnreadableError: It can't be read at all, or `strict` met damage.
        """
        from trainviz_cli.model.batch import assemble
        from trainviz_cli.model.diagnostic import merge
        from trainviz_cli.model.run import Run

        batches, source, remarks = _read_starts(self)
        diagnostics = merge([*remarks, *(note for batch in batches for note in batch.diagnostics)])
        damage = next((note for note in diagnostics if note.skipped), None)
        if strict and damage:
            place = "" if damage.offset is None else f", byte {damage.offset}"
            raise UnreadableError(
                f"{damage.path}{place}: {damage.message}",
                hint="without --strict, what can be read is read",
            )
        return Run(
            name=self.name,
            path=self.path,
            format=self.format.name,
            series=assemble(batches),
            diagnostics=diagnostics,
            list_images=lambda: self.format.images(source),
            load_config=lambda: self.format.config(source),
        )

    def glance(self, window: int = GLANCE_BYTES) -> Glance:
        """What the end of its log says; of the last start's, where there are several.

        Args:
            window: How much of the end to read, in bytes.

        Raises:
            UnreadableError: It can't be read at all, or is gone.
        """
        return self.format.glance(self.log, window)


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
        found += _walk(Place.at(Path(path)), passed_over, join_starts=False)
    return _named(_unique(found) if len(paths) > 1 else found)


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
        found = _named(found[:1])
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
    return _named(_unique(found))


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
    formats = ", ".join(format_.name for format_ in all_formats())
    if place.is_file:
        refuse_pointer(path, place.head())
        raise UnreadableError(f"{path} is no training log", hint=f"formats tried: {formats}")
    if not place.files and not place.folders:
        raise NotFoundError(f"the folder {path} is empty")
    raise NotFoundError(f"no training log in {path}", hint=f"formats tried: {formats}")


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
            continue
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
    inside = place.folders - (run.format.parts if run else frozenset()) - _SKIPPED
    for name in sorted(inside, reverse=True):
        if name[0] != ".":
            try:
                yield Place.at(place.path / name)
            except (NotFoundError, UnreadableError) as error:
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
    return list({_identity(run.path): run for run in found}.values())


def _named(found: list[FoundRun]) -> list[FoundRun]:
    """The runs with the shortest names that tell them apart: `exp1`, or `a/exp1` and `b/exp1`."""
    whole = [_own_parts(run.path) for run in found]
    # A log file is called after its run, unless another file is as well.
    short = [
        (*own[:-1], own[-1].removesuffix(run.path.suffix)) if run.log is run.path else own
        for own, run in zip(whole, found, strict=True)
    ]
    often = Counter(short)
    parts = [own if often[name] > 1 else name for own, name in zip(whole, short, strict=True)]
    deepest = max(map(len, parts), default=0)
    ends = [Counter(own[-length:] for own in parts) for length in range(1, deepest + 1)]
    named = []
    for run, own in zip(found, parts, strict=True):
        lengths = range(1, len(own))
        length = next((n for n in lengths if ends[n - 1][own[-n:]] == 1), len(own))
        named.append(run._replace(name="/".join(own[-length:])))
    return named


def _identity(path: Path) -> tuple[str, ...]:
    """What two paths to the same run share."""
    return _own_parts(path.resolve())


def _own_parts(path: Path) -> tuple[str, ...]:
    """The path without the files and folders that every run has."""
    parts = path.absolute().parts if ".." not in path.parts else path.resolve().parts
    if parts[-1] == "scalars.json":
        parts = parts[:-1]
    return parts[:-1] if parts[-1] == "vis_data" else parts


def _read_starts(found: FoundRun) -> tuple[list[Batch], Path, list[Diagnostic]]:
    """What is in a run's log or logs, where its config and pictures are, and what was left out.

    A start continues the ones that began before its first step, and takes the place of the others:
    of all, where it begins again from the start.
    """
    from dataclasses import replace

    from trainviz_cli.model.diagnostic import Diagnostic

    joined: list[tuple[FoundRun, Batch]] = []
    left_out: list[str] = []
    remarks: list[Diagnostic] = []
    for start in found.starts or (found,):
        batch = start.format.reader(start.log).poll()
        if joined and not len(batch):
            remarks += batch.diagnostics
            continue
        if joined and not len(joined[-1][1]):
            remarks += joined.pop()[1].diagnostics
        while joined and batch.steps[0] <= joined[-1][1].steps[0]:
            left_out.append(joined.pop()[0].name)
        joined.append((start, replace(batch, new_start=bool(joined))))
    if left_out:
        names = ", ".join(sorted(left_out))
        message = f"starts that a later one began over are left out: {names}"
        remarks.append(Diagnostic(str(found.path), None, message))
    return [batch for _, batch in joined], joined[-1][0].log, remarks
