"""The event file that an earlier export left: kept and continued where it can be.

A running TensorBoard keeps files open. It sees what is appended to one, and sees a file whose name
sorts behind it; but not that a file of the same name is another.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.codecs.tfevents import EventFile
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.model.run import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.codecs.tfevents import Events
    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.series import IntArray, NumberArray
    from trainviz_cli.runs import FoundRun

_EMPTY_S = 3600.0
_MARK, _SUFFIX = "tfevents", ".trainviz"
_MINE = re.compile(
    rf"events\.out\.{_MARK}\.(?P<time>-?\d+){re.escape(_SUFFIX)}(\.(?P<number>\d+))?"
)


class Older(NamedTuple):
    """An event file of an earlier export.

    Attributes:
        path: The file.
        events: What is in it.
    """

    path: Path
    events: Events

    @property
    def begin(self) -> int:
        """When the run in it began, in whole unix seconds."""
        return int(_MINE.fullmatch(self.path.name)["time"])  # type: ignore[index]

    @property
    def images(self) -> list[Image]:
        """The pictures in it."""
        return [extra for extra in self.events.extras if isinstance(extra, Image)]

    @property
    def pictures(self) -> Counter[tuple[str, int]]:
        """How many pictures in it have a name and step."""
        return Counter((image.name, image.step) for image in self.images)

    def is_continued_by(self, head: bytes, batches: Sequence[Batch]) -> bool:
        """Whether it begins like this, and holds the first of the run's values, in their order.

        Args:
            head: What the file would begin with now.
            batches: All of the run.
        """
        with self.path.open("rb") as file:
            if file.read(len(head)) != head or self.events.diagnostics:
                return False
        mine, count = self.events, len(self.events.values)
        code_of = {tag: code for code, tag in enumerate(mine.tags)}
        begin = 0
        for batch in batches:
            end = min(begin + len(batch.values), count)
            here = slice(0, end - begin)
            codes = np.array([code_of.get(key, -1) for key in batch.keys], np.int32)
            with np.errstate(over="ignore"):  # what is too large for it is infinite there too
                singles = batch.values[here].astype(np.float32)
            if not (
                np.array_equal(codes[batch.codes[here]], mine.codes[begin:end])
                and np.array_equal(
                    whole(batch.steps)[batch.rows[here]], mine.steps[mine.rows[begin:end]]
                )
                and np.array_equal(singles, mine.values[begin:end], equal_nan=True)
            ):
                return False
            begin = end
        return begin == count

    def shows(self, images: Sequence[Image]) -> bool:
        """Whether its pictures are the first of the run's of their names and steps, as they are."""
        now = defaultdict(list)
        for image in images:
            now[image.name, image.step].append(image)
        for mine in self.images:
            same = now[mine.name, mine.step]
            try:
                if not same or _bytes(mine) != _bytes(same.pop(0)):
                    return False
            except (NotFoundError, UnreadableError):
                return False
        return True


def whole(steps: NumberArray) -> IntArray:
    """The steps as TensorBoard has them, whole and of 64 bits."""
    if steps.dtype.kind == "i":
        return steps.astype(np.int64)
    return np.rint(np.clip(steps, -(2.0**63), np.nextafter(2.0**63, 0))).astype(np.int64)


def refuse_foreign(folder: Path) -> None:
    """Lets a folder pass unless it holds event files that others wrote.

    Raises:
        RefusedError: It does.
    """
    if foreign := foreign_in(folder):
        raise RefusedError(
            f"{folder} holds event files of others: {foreign[0]}",
            hint="another -o DIR, or --force to write beside them",
        )


def foreign_in(folder: Path) -> list[str]:
    """The event files there that no export wrote."""
    return [name for name in _event_files(folder) if not _MINE.fullmatch(name)]


def refuse_own(found: FoundRun, folder: Path) -> None:
    """Lets a run pass unless it is event files that lie in the very folder.

    Raises:
        RefusedError: They do: every value would be there twice.
    """
    inside = found.log if found.log.is_dir() else found.log.parent
    if found.format.name == "tensorboard" and inside.resolve() == folder.resolve():
        raise RefusedError(f"{folder} is the run itself", hint="another -o DIR")


def is_export(found: FoundRun) -> bool:
    """Whether an export wrote the run."""
    names = _event_files(found.log)
    return bool(names) and all(map(_MINE.fullmatch, names))


def find_older(folder: Path, begin: int | None) -> Older | None:
    """The file of an earlier export of a run that began at this time; None is at any time."""
    mine = [
        folder / name
        for name in _event_files(folder)
        if (found := _MINE.fullmatch(name)) and (begin is None or int(found["time"]) == begin)
    ]
    with suppress(UnreadableError, OSError):
        mine = [path for path in mine if path.stat().st_size]
        if len(mine) != 1:
            return None
        path = mine[0]
        file = EventFile(path)
        events = file.poll()
        if file.offset == path.stat().st_size:  # else nothing behind it could be found
            return Older(path, events)
    return None


def new_name(folder: Path, begin: int) -> str:
    """A name for the run that sorts behind all of its that are there, as TensorBoard reads them."""
    found = [match for name in _event_files(folder) if (match := _MINE.fullmatch(name))]
    numbers = [int(match["number"] or 0) for match in found if int(match["time"]) == begin]
    number = f".{max(numbers) + 1:06}" if numbers else ""
    return f"events.out.{_MARK}.{begin}{_SUFFIX}{number}"


def remove_others(path: Path) -> None:
    """Empties what earlier exports left beside the file, and removes what has long been empty.

    A running TensorBoard without its data server never reads on in a folder from which the file
    was removed that it is in.
    """
    for name in _event_files(path.parent):
        if _MINE.fullmatch(name) and name != path.name:
            older = path.with_name(name)
            with suppress(OSError):
                status = older.stat()
                if status.st_size:
                    os.truncate(older, 0)
                elif time.time() - status.st_mtime > _EMPTY_S:
                    older.unlink()


def after(batches: Sequence[Batch], count: int) -> list[Batch]:
    """The batches without so many values at their beginning."""
    rest = []
    for batch in batches:
        skipped = min(count, len(batch.values))
        count -= skipped
        rest.append(
            replace(
                batch,
                codes=batch.codes[skipped:],
                rows=batch.rows[skipped:],
                values=batch.values[skipped:],
                exact={},
            )
        )
    return rest


def starts_in(batches: Sequence[Batch], count: int) -> set[int]:
    """The starts that so many values at the beginning come from."""
    found: set[int] = set()
    for batch in batches:
        rows = batch.rows[:count]
        count -= len(rows)
        if len(rows):
            found |= {0} if batch.starts is None else set(np.unique(batch.starts[rows]).tolist())
    return found


def _bytes(image: Image) -> bytes:
    return picture_bytes(image.path, image.offset, image.length)


def _event_files(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(name for name in os.listdir(folder) if _MARK in name)  # noqa: PTH208 - names
    return []
