"""What every backend is: the receiver of all that a training run reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from trainviz_cli.writing.distributed import rank

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from types import TracebackType


class BaseVisBackend:
    """A place where a run is stored. Subclass it, and override what the place can hold.

    What is not overridden is ignored. A subclass makes files or connections at its first record,
    not in its constructor, which other processes of the same training call too.

    Args:
        save_dir: The folder for its files, if it needs one.

    Attributes:
        all_ranks: Whether a `Visualizer` sends records to it in every process of a distributed
            training, or in rank 0 alone.
    """

    all_ranks = False

    def __init__(self, save_dir: str | PathLike[str] | None = None) -> None:
        self._save_dir = save_dir

    @property
    def experiment(self) -> object:
        """The object behind the backend, for what these methods don't offer; else the backend."""
        return self

    def add_config(self, config: object, **_: object) -> None:
        """Stores the configuration."""

    def add_graph(self, model: object, data_batch: object = None, **_: object) -> None:
        """Stores the structure of a model."""

    def add_image(self, name: str, image: object, step: int = 0, **_: object) -> None:
        """Stores a picture; see `trainviz_cli.imaging.pixels.to_rgb` for what may come."""

    def add_scalar(self, name: str, value: object, step: int = 0, **_: object) -> None:
        """Stores one value."""

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **_: object,
    ) -> None:
        """Stores several values of one step."""

    def close(self) -> None:
        """Stores what is not yet stored; a later call may begin anew."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _folder(self) -> Path:
        """The folder for its files.

        Raises:
            ValueError: The constructor was given none.
        """
        if self._save_dir is None:
            raise ValueError(f"{type(self).__name__} needs a save_dir")
        return Path(self._save_dir)

    def _writes(self) -> bool:
        """Whether this process stores anything: one of a distributed training does."""
        return self.all_ranks or rank() == 0
