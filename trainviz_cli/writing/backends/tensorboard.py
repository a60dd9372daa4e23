"""The writer of TensorBoard event files, with MMEngine's method names.

Source: mmengine 0.10.7, visualization/vis_backend.py.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

from trainviz_cli.writing.backend import BaseVisBackend
from trainviz_cli.writing.summary import (
    SummaryWriter,
    histogram_record,
    image_record,
    scalar_records,
)

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike


class TensorboardVisBackend(BaseVisBackend):
    """Writes a run as a TensorBoard event file, one `write(2)` per call before it returns.

    So a running TensorBoard sees a value at its next reload, and nothing is lost when the process
    dies. Nothing is created before the first call. A forked child writes a file of its own. In a
    distributed training only rank 0 writes.

    Args:
        save_dir: The folder; made, with its parents, at the first write, which fails without one.
        all_ranks: Write in every process of a distributed training.
    """

    def __init__(self, save_dir: str | os.PathLike[str] | None, *, all_ranks: bool = False) -> None:
        super().__init__(save_dir)
        self.all_ranks = all_ranks
        self._tensorboard = SummaryWriter(save_dir, self._writes)

    @property
    def experiment(self) -> SummaryWriter:
        """The event file, begun if it wasn't; with methods for texts and histograms too."""
        self._init_env()
        return self._tensorboard

    def add_scalar(self, name: str, value: object, step: int = 0, **_: object) -> None:
        """Writes one value, as float32.

        Args:
            name: The tag.
            value: A number, or a NumPy, torch or JAX scalar; as in MMEngine, anything else is
                skipped with a warning.
            step: The training step it belongs to.

        Raises:
            TypeError: It is an array of several, or the name no text.
            ValueError: An event can't hold the step.
            WriteError: The disk is full or the folder can't be written.
        """
        self._tensorboard.append(scalar_records({name: value}, step))

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **_: object,
    ) -> None:
        """Writes all values of a mapping at once.

        Args:
            scalar_dict: Tag → a value as `add_scalar` takes it; no `step` may be among them.
            step: The training step they belong to.
            file_path: Ignored, as in MMEngine.

        Raises:
            TypeError: It is no mapping, or a value is an array of several.
            ValueError: `step` is among them, or an event can't hold the step.
            WriteError: The disk is full or the folder can't be written.
        """
        del file_path
        if not isinstance(scalar_dict, Mapping):
            raise TypeError(f"add_scalars takes a mapping, not {type(scalar_dict).__name__}")
        if "step" in scalar_dict:
            raise ValueError("the step is an argument of its own, not one of the scalars")
        self._tensorboard.append(scalar_records(scalar_dict, step))

    def add_image(self, name: str, image: object, step: int = 0, **_: object) -> None:
        """Writes a picture.

        Args:
            name: The tag.
            image: `(H, W)` or `(H, W, 1|3|4)` uint8, or float in 0..1, RGB; a torch tensor in CHW;
                a PIL image.
            step: The training step it belongs to.

        Raises:
            TypeError: It is no picture, or the name no text.
            ValueError: A shape or range no picture has.
            WriteError: The disk is full or the folder can't be written.
        """
        self._tensorboard.append(image_record(name, image, step))

    def add_config(self, config: object, **_: object) -> None:
        """Writes the configuration as text, and as hyperparameters.

        Args:
            config: As `LocalVisBackend.add_config` takes it.

        Raises:
            TypeError: It is nothing of the kind.
            ValueError: It refers to itself, or the file can't be parsed.
            OSError: The file can't be read.
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.codecs.literals import load_config
        from trainviz_cli.writing.config import config_bytes
        from trainviz_cli.writing.config_events import config_events

        values = load_config(config_bytes(config).decode())
        self._tensorboard.append(config_events(values, time.time()))

    def add_histogram(
        self, name: str, histogram: tuple[ArrayLike, ArrayLike], step: int = 0
    ) -> None:
        """Writes a distribution that is counted already.

        Args:
            name: The tag.
            histogram: (N,) counts and (N + 1,) edges of its buckets.
            step: The training step it belongs to.

        Raises:
            WriteError: The disk is full or the folder can't be written.
        """
        self._tensorboard.append(histogram_record(name, *histogram, step))

    def add_graph(self, model: object, data_batch: object = None, **_: object) -> None:
        """Writes a model's tree of modules as text, and the graph that TensorBoard draws.

        Args:
            model: A `torch.nn.Module`, or anything that prints what it is made of.
            data_batch: What its `forward` takes, a tensor, an array or a tuple of these: the model
                runs once with it, in evaluation mode. Without it there is the text alone; with a
                model that can't be traced too, and a warning.

        Raises:
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.codecs import tfbuild
        from trainviz_cli.model.run import Text
        from trainviz_cli.writing.graph import graph_records, module_tree

        if not self._writes():
            return
        tree = f"```\n{module_tree(model)}```\n"
        records = tfbuild.text(Text("graph", 0, tree), time.time())
        if data_batch is not None:
            try:
                records += graph_records(model, data_batch)
            except Exception as error:  # noqa: BLE001 - models are anybody's code
                reason = str(error).partition("\n")[0]
                warnings.warn(f"the model can't be traced: {reason}", stacklevel=2)
        self._tensorboard.append(records)

    def close(self) -> None:
        """Waits until the disk has every record; the next call begins a new file."""
        self._tensorboard.close()

    def __getstate__(self) -> dict[str, object]:
        """A copy, or what is sent to another process, begins its own file."""
        return self.__dict__ | {"_tensorboard": copy(self._tensorboard)}

    def _init_env(self) -> None:
        """Begins the file; the name is MMEngine's."""
        if self._writes():
            self._tensorboard.begin()
