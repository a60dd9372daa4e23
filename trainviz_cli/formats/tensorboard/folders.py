"""Which event files are one run's, and what their folders put before their tags.

Source: torch/utils/tensorboard/writer.py and tensorboardX/writer.py (`add_scalars`, `add_hparams`);
keras/callbacks/tensorboard.py; tensorflow_estimator (the `eval` folder).
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats._format import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MARK = "tfevents"
# What one training calls the parts of its data.
_SPLITS = frozenset("train training learn val valid validation eval evaluation test".split())
_HPARAMS = r"\d{9,}\.\d+"  # a time, which torch's add_hparams calls its folder
_DEEPEST = 3  # folders that a tag of tensorboardX makes
_HEAD_BYTES = 1 << 16


def is_event_file(name: str) -> bool:
    """Whether TensorBoard would take a file of this name."""
    return _MARK in name


def has_events(place: Place) -> bool:
    """Whether event files are in the very folder."""
    return any(map(is_event_file, place.files))


def has_splits(place: Place) -> bool:
    """Whether it has sub-folders for parts of the data, with event files in them.

    One alone may be a run that is called `train`, unless only a part of a run is made like that.
    """
    names = sorted(_SPLITS & place.folders - place.links)
    parts = [(name, files) for name in names if (files := _events_in(place, name))]
    return len(parts) > 1 or any(_is_surely_a_part(*part) for part in parts)


def _is_surely_a_part(name: str, files: list[str]) -> bool:
    """Whether CatBoost made the folder, or Keras, with TF2's writer."""
    return name == "learn" or any(file.endswith((".v2", ".profile-empty")) for file in files)


def event_files(log: Path) -> list[tuple[str, Path]]:
    """The event files of a run, folder by folder, oldest first, with what comes before their tags.

    Raises:
        NotFoundError: The folder is gone.
        UnreadableError: It may not be read.
    """
    place = Place.at(log)
    if place.is_file:
        return [("", log)]
    files = [("", log / name) for name in _by_time(place)]
    for part, prefix in sorted(parts_of(place).items()):
        with suppress(NotFoundError, UnreadableError):
            folder = Place.at(log / part)
            files += [(prefix, folder.path / name) for name in _by_time(folder)]
    return files


def parts_of(place: Place) -> dict[str, str]:
    """Sub-folder, perhaps of a sub-folder → what comes before the tags of its event files."""
    names = place.folders - place.links
    parts = {name: f"{name}/" for name in names & _SPLITS if _events_in(place, name)}
    if not has_events(place):
        return parts
    for relative, folder in _folders_with_events(place, sorted(names - parts.keys())):
        if re.fullmatch(_HPARAMS, relative):
            parts[relative] = ""
        elif _is_of_one_tag(relative, folder):
            parts[relative] = f"{relative}/"
    return parts


def _folders_with_events(place: Place, names: list[str]) -> Iterator[tuple[str, Place]]:
    """The nearest folders below that hold event files, by their relative path."""
    for name in names:
        if name.startswith("."):
            continue
        with suppress(NotFoundError, UnreadableError):
            folder = Place.at(place.path / name)
            if has_events(folder):
                yield name, folder
            elif len(folder.folders) <= 64:
                yield from _nested(name, folder)


def _nested(relative: str, place: Place) -> Iterator[tuple[str, Place]]:
    if len(PurePosixPath(relative).parts) < _DEEPEST:
        inside = sorted(place.folders - place.links)
        for name, folder in _folders_with_events(place, inside):
            yield f"{relative}/{name}", folder


def _is_of_one_tag(relative: str, folder: Place) -> bool:
    """Whether `add_scalars` made it, which calls a folder after the tag it holds."""
    tag = _first_tag(folder.path / _by_time(folder)[0])
    return tag is not None and relative.startswith((tag.replace("/", "_") + "_", f"{tag}/"))


def _first_tag(path: Path) -> str | None:
    """The first scalar's tag; None where there is none at the file's beginning."""
    try:
        status = path.stat()
        return _tag_in_head(path, status.st_ino, min(status.st_size, _HEAD_BYTES))
    except OSError:
        return None


@lru_cache(maxsize=1 << 12)
def _tag_in_head(path: Path, inode: int, size: int) -> str | None:
    """The first scalar's tag in so many bytes of this very file; asked at every poll."""
    from trainviz_cli.codecs.tfevents import EventFile
    from trainviz_cli.codecs.tfrecord import find_records

    del inode
    with path.open("rb") as file:
        head = file.read(size)
    reader = EventFile(path)
    reader.read_events(0, find_records(head).records)
    return next((tag.decode("utf-8", "replace") for tag in reader.tags), None)


def _events_in(place: Place, name: str) -> list[str]:
    """The event files in a sub-folder; none if it is gone, or may not be read."""
    try:
        return _by_time(Place.at(place.path / name))
    except (NotFoundError, UnreadableError):
        return []


def _by_time(place: Place) -> list[str]:
    """The event files, by the time in their names."""
    names = [name for name in place.files if is_event_file(name)]
    return sorted(names, key=lambda name: (_time_in(name), name))


def _time_in(name: str) -> int:
    found = re.search(rf"{_MARK}\.(\d+)", name)
    return int(found[1]) if found else 0
