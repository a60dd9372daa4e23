"""The event file that an earlier export left: kept and continued where it can be.

A running TensorBoard keeps files open. It sees what is appended to one, and sees a file of another
name; but not that a file of the same name is another.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.codecs.tfevents import EventFile
from trainviz_cli.errors import RefusedError, UnreadableError
from trainviz_cli.model.run import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.codecs.tfevents import Events
    from trainviz_cli.model.batch import Batch

_MARK, _SUFFIX = "tfevents", ".trainviz"


class Older(NamedTuple):
    """An event file of an earlier export.

    Attributes:
        path: The file.
        events: What is in it.
    """

    path: Path
    events: Events

    @property
    def pictures(self) -> set[tuple[str, int]]:
        """Name and step of the pictures in it."""
        images = [extra for extra in self.events.extras if isinstance(extra, Image)]
        return {(image.name, image.step) for image in images}

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
            steps = np.rint(batch.steps[batch.rows[here]])
            if not (
                np.array_equal(codes[batch.codes[here]], mine.codes[begin:end])
                and np.array_equal(steps, mine.steps[mine.rows[begin:end]])
                and np.array_equal(
                    batch.values[here].astype(np.float32), mine.values[begin:end], equal_nan=True
                )
            ):
                return False
            begin = end
        return begin == count


def refuse_foreign(folder: Path) -> None:
    """Lets a folder pass unless it holds event files that others wrote.

    Raises:
        RefusedError: It does.
    """
    foreign = [name for name in _event_files(folder) if not name.endswith(_SUFFIX)]
    if foreign:
        raise RefusedError(
            f"{folder} holds event files of others: {foreign[0]}",
            hint="another -o DIR, or --force to write beside them",
        )


def find_older(folder: Path, time: int) -> Older | None:
    """The file of an earlier export of a run that began at this time."""
    mine = [name for name in _event_files(folder) if re.fullmatch(_pattern(time), name)]
    if len(mine) != 1:
        return None
    path = folder / mine[0]
    try:
        return Older(path, EventFile(path).poll())
    except UnreadableError:
        return None


def new_name(folder: Path, time: int) -> str:
    """A name for the run that no file there has, so that a running TensorBoard takes it."""
    taken = set(_event_files(folder))
    names = (
        f"events.out.{_MARK}.{time}{n}{_SUFFIX}"
        for n in ("", *(f".{n}" for n in range(1, len(taken) + 2)))
    )
    return next(name for name in names if name not in taken)


def remove_others(path: Path) -> None:
    """Removes what earlier exports left beside the file."""
    for name in _event_files(path.parent):
        if name.endswith(_SUFFIX) and name != path.name:
            with suppress(OSError):
                path.with_name(name).unlink()


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


def _pattern(time: int) -> str:
    return rf"events\.out\.{_MARK}\.{time}(\.\d+)?{re.escape(_SUFFIX)}"


def _event_files(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(name for name in os.listdir(folder) if _MARK in name)  # noqa: PTH208 - names
    return []
