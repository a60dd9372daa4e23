"""An event file for TensorBoard to write to, with the names of torch's `SummaryWriter`.

Source: torch 2.13, torch/utils/tensorboard/writer.py.
"""

from __future__ import annotations

import operator
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import WriteError
from trainviz_cli.writing.numbers import as_number, check_name
from trainviz_cli.writing.record_file import RecordFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

_STEPS = 1 << 63


class SummaryWriter:
    """Writes event files, one `write(2)` per call before it returns.

    Nothing is created before the first record. A forked child, or a copy, writes a file of its own.

    Args:
        log_dir: The folder; made, with its parents. Without one the first record fails.
        writes: Whether this process writes at all, asked at every record.
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None, writes: Callable[[], bool] = lambda: True
    ) -> None:
        self.log_dir = log_dir
        self._writes = writes
        self._files: dict[int, RecordFile] = {}  # by process: a forked child begins its own

    def add_scalar(self, tag: str, scalar_value: object, global_step: int | None = None) -> None:
        """Writes one value; see `TensorboardVisBackend.add_scalar`."""
        self.append(scalar_records({tag: scalar_value}, global_step or 0))

    def add_image(self, tag: str, img_tensor: object, global_step: int | None = None) -> None:
        """Writes a picture; see `TensorboardVisBackend.add_image`."""
        self.append(image_record(tag, img_tensor, global_step or 0))

    def add_text(self, tag: str, text_string: str, global_step: int | None = None) -> None:
        """Writes a text, which TensorBoard reads as Markdown.

        Raises:
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.codecs import tfbuild
        from trainviz_cli.model.run import Text

        self.append(tfbuild.text(Text(tag, global_step or 0, text_string), time.time()))

    def add_histogram(
        self, tag: str, values: object, global_step: int | None = None, bins: int = 30
    ) -> None:
        """Writes a distribution.

        Args:
            tag: Its name.
            values: An array or tensor; NaN and infinities are left out.
            global_step: The training step it belongs to.
            bins: How many buckets it is counted in.

        Raises:
            TypeError: `values` is no array.
            WriteError: The disk is full or the folder can't be written.
        """
        import numpy as np

        from trainviz_cli.imaging.tensors import as_array

        numbers = as_array("values", values).astype(np.float64).ravel()
        counts, edges = np.histogram(numbers[np.isfinite(numbers)], bins)
        self.append(histogram_record(tag, counts, edges, global_step or 0))

    def append(self, records: bytes) -> None:
        """Writes whole records.

        Raises:
            WriteError: The disk is full or the folder can't be written.
        """
        if records and self._writes():
            self.begin().append(records)

    def flush(self) -> None:
        """Does nothing: every record was written when its call returned."""

    def close(self) -> None:
        """Waits until the disk has every record; the next call begins a new file."""
        if file := self._files.pop(os.getpid(), None):
            file.close()

    def __getstate__(self) -> dict[str, object]:
        """A copy, or what is sent to another process, begins its own file."""
        return self.__dict__ | {"_files": {}}

    def begin(self) -> RecordFile:
        """This process's file, which begins with its version or isn't there at all.

        Raises:
            ValueError: No folder was given.
            WriteError: It can't be made.
        """
        if file := self._files.get(os.getpid()):
            return file
        from trainviz_cli.codecs import tfbuild

        if self.log_dir is None:
            raise ValueError("event files need a folder: give a save_dir")
        opened = RecordFile(Path(self.log_dir))
        try:
            opened.append(tfbuild.file_version(time.time()))
        except WriteError:
            opened.remove()
            raise
        # Two threads may come here at once: the dictionary decides, without a lock that a fork
        # could copy while it is held.
        file = self._files.setdefault(os.getpid(), opened)
        if file is not opened:
            opened.remove()
        return file


def histogram_record(tag: str, counts: ArrayLike, edges: ArrayLike, step: int) -> bytes:
    """A distribution's record: (N,) counts of its buckets, and their (N + 1,) edges."""
    import numpy as np

    from trainviz_cli.codecs import tfbuild
    from trainviz_cli.model.run import Histogram

    check_name(tag)
    columns = np.asarray(edges, np.float64), np.asarray(counts, np.float64)
    return tfbuild.histogram(Histogram(tag, operator.index(step), *columns), time.time())


def image_record(tag: str, image: object, step: int) -> bytes:
    """A picture's record.

    Args:
        tag: Its name.
        image: What `to_rgb` takes.
        step: Its step.

    Raises:
        TypeError: It is no picture, or the tag no text.
        ValueError: A shape or range no picture has.
    """
    from trainviz_cli.codecs import tfbuild
    from trainviz_cli.codecs.png import encode_png
    from trainviz_cli.imaging.pixels import to_rgb

    check_name(tag)
    data = encode_png(to_rgb(image))
    return tfbuild.image(tag, operator.index(step), time.time(), data)


def scalar_records(scalars: Mapping[str, object], step: int) -> bytes:
    """Records of values, as float32; what is no number is left out with a warning.

    Args:
        scalars: Tag → a number, or a NumPy, torch or JAX scalar.
        step: The step of all of them.

    Raises:
        TypeError: A value is an array of several, or a tag no text.
        ValueError: An event can't hold the step.
    """
    now, at = time.time(), operator.index(step)
    if not -_STEPS <= at < _STEPS:
        raise ValueError(f"an event can't hold the step {at:.3g}")
    records = []
    for name, value in scalars.items():
        check_name(name)
        number = as_number(name, value)
        if number is not None:
            records.append(encode_one(name, now, at, number))
    return b"".join(records)
