"""Draw, store, from anywhere in the code: MMEngine's `Visualizer`, without its dependencies.

Source of names and defaults: mmengine 0.10.7, visualization/visualizer.py and utils/manager.py.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Self

from trainviz_cli.errors import UsageError
from trainviz_cli.imaging.drawing import Drawing
from trainviz_cli.writing.distributed import rank
from trainviz_cli.writing.registry import VISUALIZERS, built_backends

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import numpy as np
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from trainviz_cli.writing.backend import BaseVisBackend

_DATA_FOLDER = "vis_data"
_VARIADIC = 0x04  # in a function's flags: it takes any number of positional arguments


@VISUALIZERS.register_module()
class Visualizer(Drawing):
    """Draws on an image, and sends what a training reports to every backend.

    A backend that fails (a full disk, a network that is gone) is reported once, by a warning, and
    stops neither the training nor the other backends. Wrong arguments, `TypeError` and
    `ValueError`, are raised in any case. In a distributed training only rank 0 stores; all draw.

    Args:
        name: Under which `get_instance` finds it.
        image: To draw on; see `set_image`.
        vis_backends: Backends, or dicts with their `type`, constructor arguments and, where two
            share a class, a `name`; or one of either.
        save_dir: Backends get `<save_dir>/vis_data`, except where their dict has a `save_dir`.
        fig_save_cfg: Its `dpi`, which line widths and font sizes go by, is the only part used.
        fig_show_cfg: Taken for MMEngine's sake, and not used.
        strict: Raise what a backend fails with, after all others have been called.

    Attributes:
        manager: matplotlib's window of what `show` shows; None before.

    Raises:
        TypeError: `vis_backends` is nothing of the kind, or `name` no text.
        ValueError: `name` is empty.
        RuntimeError: Two backends have one name.
        NotFoundError: There is no backend of a dict's `type`.
    """

    _instances: ClassVar[dict[str, Any]] = {}  # by name, the latest last; of each class its own

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._instances = {}

    def __init__(
        self,
        name: str = "visualizer",
        image: object = None,
        vis_backends: object = None,
        save_dir: str | os.PathLike[str] | None = None,
        fig_save_cfg: Mapping[str, Any] | None = None,
        fig_show_cfg: Mapping[str, Any] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        del fig_show_cfg
        super().__init__(image, (fig_save_cfg or {}).get("dpi", 100))
        self._instance_name = _checked_name(name)
        self._strict = strict
        self._dataset_meta: dict[str, Any] | None = None
        self.manager: FigureManagerBase | None = None
        self._failures: dict[str, int] = {}
        self._vis_backends: dict[str, BaseVisBackend] = {}
        folder = None if save_dir is None else os.path.join(save_dir, _DATA_FOLDER)  # noqa: PTH118 - a str, as foreign backends expect it
        for key, backend in built_backends(vis_backends, folder):
            if key in self._vis_backends:
                raise RuntimeError(f"vis_backend name {key} already exists")
            self._vis_backends[key] = backend

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """Whatever a subclass wants to know of the data set, such as the names of its classes."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any] | None) -> None:
        self._dataset_meta = dataset_meta

    @property
    def instance_name(self) -> str:
        """The name it was made with."""
        return self._instance_name

    def get_backend(self, name: str) -> BaseVisBackend | None:
        """The backend of this name, which is its class's if it was given none; None without one."""
        return self._vis_backends.get(name)

    def add_config(self, config: object, **kwargs: object) -> None:
        """Stores the configuration; see `LocalVisBackend.add_config`."""
        self._send("add_config", {"config": config}, kwargs)

    def add_graph(self, model: object, data_batch: object = None, **kwargs: object) -> None:
        """Stores the structure of a model; see `LocalVisBackend.add_graph`."""
        self._send("add_graph", {"model": model, "data_batch": data_batch}, kwargs)

    def add_image(self, name: str, image: object, step: int = 0) -> None:
        """Stores a picture; see `LocalVisBackend.add_image`."""
        if self._vis_backends:
            from trainviz_cli.imaging.pixels import to_rgb

            self._send("add_image", {"name": name, "image": to_rgb(image), "step": step}, {})

    def add_featmap(
        self,
        name: str,
        featmap: Any,  # noqa: ANN401 - an array or tensor
        image: object = None,
        step: int = 0,
        **options: Any,  # noqa: ANN401 - draw_featmap's
    ) -> None:
        """Draws a feature map and stores the picture.

        Args:
            name: Of the picture.
            featmap: `(C, H, W)`; of a batch, `(B, C, H, W)`, the first is drawn.
            image: What it is laid over.
            step: The training step it belongs to.
            **options: As `draw_featmap` takes them.
        """
        if self._vis_backends:
            is_batch = getattr(featmap, "ndim", 0) == 4 and len(featmap) > 0
            first = featmap[0] if is_batch else featmap
            self.add_image(name, self.draw_featmap(first, image, **options), step)

    def add_scalar(self, name: str, value: object, step: int = 0, **kwargs: object) -> None:
        """Stores one value; see `LocalVisBackend.add_scalar`."""
        self._send("add_scalar", {"name": name, "value": value, "step": step}, kwargs)

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **kwargs: object,
    ) -> None:
        """Stores several values of one step; see `LocalVisBackend.add_scalars`."""
        named = {"scalar_dict": scalar_dict, "step": step, "file_path": file_path}
        self._send("add_scalars", named, kwargs)

    def add_datasample(
        self,
        name: str,
        image: NDArray[np.uint8],
        data_sample: object = None,
        draw_gt: bool = True,  # noqa: FBT001, FBT002 - MMEngine's signature
        draw_pred: bool = True,  # noqa: FBT001, FBT002 - MMEngine's signature
        show: bool = False,  # noqa: FBT001, FBT002 - MMEngine's signature
        wait_time: float = 0,
        step: int = 0,
    ) -> None:
        """Draws and stores one sample of a task. Does nothing here: subclasses know their task."""

    def show(
        self,
        drawn_img: object = None,
        win_name: str = "image",
        wait_time: float = 0.0,
        continue_key: str = " ",
        backend: str = "matplotlib",
    ) -> Figure | None:
        """Shows a picture in a window; without a display a warning says so, and nothing waits.

        Args:
            drawn_img: What is shown; the image drawn on if left out.
            win_name: The window's title.
            wait_time: How many seconds to wait for the key; 0 waits until it is pressed.
            continue_key: The key.
            backend: "matplotlib", or "cv2" for OpenCV's window, which any key ends.

        Returns:
            The figure to show, in a notebook with inline figures.

        Raises:
            ValueError: There is no such backend.
            MissingPackageError: It is "cv2", and OpenCV is not installed.
        """
        from trainviz_cli.imaging import window
        from trainviz_cli.imaging.pixels import to_rgb

        if backend not in {"matplotlib", "cv2"}:
            raise ValueError(f'backend should be "matplotlib" or "cv2", but got {backend} instead')
        drawn = self.get_image() if drawn_img is None else drawn_img
        if backend == "matplotlib" and window.is_inline():
            return window.inline_figure(to_rgb(drawn))
        try:
            if backend == "cv2":
                window.show_in_opencv(drawn, str(id(self)), win_name, wait_time)
                return None
            image = to_rgb(drawn)
            self.manager = window.show_picture(image, win_name, self.manager)
        except UsageError as error:
            warnings.warn(str(error), stacklevel=2)
            return None
        figure = self.manager.canvas.figure
        window.wait_continue(figure, timeout=wait_time, continue_key=continue_key)
        return None

    def close(self) -> None:
        """Closes every backend; what comes later opens it again."""
        self._send("close", {}, {})
        for name, count in self._failures.items():
            if count > 1:
                self._warn(f"{name} failed {count:,} times")
        self._failures = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @classmethod
    def get_instance(cls, name: str, **kwargs: Any) -> Self:  # noqa: ANN401 - the constructor's
        """The instance of this class with this name; made, with the arguments, if there is none.

        Raises:
            TypeError: `name` is no text.
        """
        instance = cls._instances.get(_checked_name(name))
        if instance is None:
            instance = cls(name=name, **kwargs)
            for kind in cls.__mro__:
                if issubclass(kind, Visualizer):
                    kind._remember(name, instance)  # noqa: SLF001 - of this class or one above
        elif kwargs:
            warnings.warn(
                f"{cls.__name__} {name!r} is there already; these arguments are ignored: "
                f"{', '.join(kwargs)}",
                stacklevel=2,
            )
        return instance

    @classmethod
    def _remember(cls, name: str, instance: Visualizer) -> None:
        cls._instances.pop(name, None)  # the latest comes last
        cls._instances[name] = instance

    @classmethod
    def get_current_instance(cls) -> Self:
        """The instance that `get_instance` made last.

        Raises:
            RuntimeError: It has made none.
        """
        if not cls._instances:
            raise RuntimeError(
                f"Before calling {cls.__name__}.get_current_instance(), you should call "
                "get_instance(name=xxx) at least once."
            )
        latest: Self = next(reversed(cls._instances.values()))
        return latest

    @classmethod
    def check_instance_created(cls, name: str) -> bool:
        """Whether `get_instance` has made one with this name."""
        return name in cls._instances

    def _send(self, method: str, named: Mapping[str, object], kwargs: dict[str, object]) -> None:
        """Calls a method of every backend.

        Raises:
            TypeError: An argument is wrong; likewise `ValueError`.
            Exception: What a backend failed with, if that is asked for.
        """
        raised: Exception | None = None
        for name, backend in self._vis_backends.items():
            if not (getattr(backend, "all_ranks", False) or rank() == 0):
                continue
            try:
                _call(getattr(backend, method), named, kwargs)
            except (TypeError, ValueError) as error:
                raised = raised or error
            except Exception as error:  # noqa: BLE001 - whatever it is, the training goes on
                if self._strict:
                    raised = raised or error
                else:
                    self._report(name, error)
        if raised:
            raise raised

    def _report(self, name: str, error: Exception) -> None:
        """Counts a failure of a backend, and warns of its first."""
        count = self._failures[name] = self._failures.get(name, 0) + 1
        if count == 1:
            said = str(error) or type(error).__name__
            self._warn(f"{name} fails, and the training goes on without it: {said}")

    @staticmethod
    def _warn(message: str) -> None:
        warnings.warn(message, RuntimeWarning, stacklevel=5)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name should be a str, but got {type(name)}")
    if not name:
        raise ValueError("name argument must be an non-empty string.")
    return name


def _call(method: Any, named: Mapping[str, object], kwargs: Mapping[str, object]) -> None:  # noqa: ANN401 - any backend's
    """Calls a method by position, as MMEngine does; by name if it takes nothing by position."""
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    if code and code.co_argcount <= 1 and not code.co_flags & _VARIADIC:
        method(**named, **kwargs)
    else:
        method(*named.values(), **kwargs)
