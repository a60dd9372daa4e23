"""TensorBoard's event files, whoever wrote them.

Source: tensorflow/core/util/event.proto; torch.utils.tensorboard 2.13, tensorboardX 2.6 and Keras 3
for the folders they use.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats._format import Format, Place

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.codecs.tfmessages import Extra
    from trainviz_cli.formats.tensorboard.reader import TensorboardReader
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.model.run import Histogram, Image, Text

_AT_ONCE_BYTES = 16 << 20

Named = TypeVar("Named", "Image", "Text", "Histogram")


class TensorboardFormat(Format):
    """One run from the event files of a folder, and of the sub-folders that belong to it."""

    name = "tensorboard"
    title = "TensorBoard event files (torch, tensorboardX, Keras, Lightning, SB3, ...)"
    recognised_by = (
        "event files (`*tfevents*`) in the folder, or in `train/` or `validation/` in it"
    )
    last_resort = True
    held_back_s = 120.0  # torch's and tensorboardX's `flush_secs`

    def find_log(self, place: Place) -> Path | None:
        """The folder that the event files are in, or the file."""
        from trainviz_cli.formats.tensorboard.folders import has_events, has_splits, is_event_file

        if place.is_file:
            return place.path if is_event_file(place.path.name) else None
        return place.path if has_events(place) or has_splits(place) else None

    def parts(self, place: Place) -> frozenset[str]:
        """The sub-folders whose event files are read as keys with a prefix."""
        from trainviz_cli.formats.tensorboard.folders import parts_of

        return frozenset(part.partition("/")[0] for part in parts_of(place))

    def reader(self, log: Path) -> TensorboardReader:
        """A reader of the run's scalars."""
        from trainviz_cli.formats.tensorboard.reader import TensorboardReader

        return TensorboardReader(log)

    def glance(self, log: Path, window: int) -> Glance:
        """What the last events of its files say."""
        from trainviz_cli.formats.tensorboard.glance import glance

        return glance(log, window)

    def images(self, log: Path) -> tuple[Image, ...]:
        """The logged pictures, where they lie in the event files."""
        from trainviz_cli.model.run import Image

        return _named(log, Image)

    def texts(self, log: Path) -> tuple[Text, ...]:
        """The logged texts, by name and step."""
        from trainviz_cli.model.run import Text

        return _named(log, Text)

    def histograms(self, log: Path) -> tuple[Histogram, ...]:
        """The logged distributions, by name and step."""
        from trainviz_cli.model.run import Histogram

        return _named(log, Histogram)

    def config(self, log: Path) -> dict[str, object]:
        """The hyperparameters that were logged for TensorBoard's HPARAMS."""
        from trainviz_cli.codecs.tfmessages import Hparams

        found = [extra for _, extra in _extras(log) if isinstance(extra, Hparams)]
        return {name: value for hparams in found for name, value in hparams.values.items()}


FORMAT = TensorboardFormat()


def _named(log: Path, kind: type[Named]) -> tuple[Named, ...]:
    """What there is of one kind, each with its file's prefix, by name and step."""
    found = [
        extra._replace(name=f"{prefix}{extra.name}")
        for prefix, extra in _extras(log)
        if isinstance(extra, kind)
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.step)))


def _extras(log: Path) -> list[tuple[str, Extra]]:
    """What the files hold besides scalars; read on from where it was read the last time."""
    with suppress(OSError, NotFoundError, UnreadableError):
        return _followed(log).poll()
    return []


class _Followed:
    """What a run's files hold besides scalars, as far as it has been read."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reader: TensorboardReader | None = None
        self._states: dict[Path, tuple[int, int, int]] = {}

    def poll(self) -> list[tuple[str, Extra]]:
        """All there is by now."""
        from trainviz_cli.formats.tensorboard.folders import event_files
        from trainviz_cli.formats.tensorboard.reader import TensorboardReader

        states = {path: _state(path) for _, path in event_files(self._log)}
        if states != self._states or self._reader is None:
            if self._reader is None or not self._states.keys() <= states.keys():
                self._reader = TensorboardReader(self._log, keep_extras=True)
            self._reader.poll(_AT_ONCE_BYTES)  # its scalars are not kept, however many they are
            while self._reader.is_behind:
                self._reader.poll(_AT_ONCE_BYTES)
            self._states = states
        return self._reader.extras


_followed = lru_cache(maxsize=64)(_Followed)


def _state(path: Path) -> tuple[int, int, int]:
    """What changes when the file does."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
