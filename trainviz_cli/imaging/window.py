"""Figures and pictures in a window: the one place where matplotlib chooses a GUI toolkit."""

from __future__ import annotations

import os
import sys
import warnings
from math import ceil, inf
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from trainviz_cli.errors import MissingPackageError, UsageError

if TYPE_CHECKING:
    from matplotlib.backend_bases import Event, FigureManagerBase
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_COLOURED = {(3,), (4,)}  # the shapes of one pixel, without and with transparency
_CLOSED = "_trainviz_closed"  # an attribute of windows
_NUMBER = 0  # of windows that pyplot doesn't know; its own begin with 1
_SHOW = "--show", "-o curves.png writes a file instead"
_WINDOW = "a window", "store the picture with add_image instead"


def show_figure(figure: Figure) -> None:
    """Shows the figure in a window until the user closes it.

    Raises:
        UsageError: There is no display, or no GUI toolkit for it.
    """
    if not _has_display():
        raise _no_display(*_SHOW)
    try:
        import matplotlib as mpl
        import matplotlib.pyplot as plt

        # pyplot opens windows only for figures that it makes; this one "makes" ours.
        plt.figure(FigureClass=lambda **_: figure)  # type: ignore[arg-type]
    except ImportError as error:
        raise _no_display(*_SHOW) from error
    try:
        # Without a display or a toolkit matplotlib falls back to drawing into memory.
        if figure.canvas.required_interactive_framework is None:
            raise _no_display(*_SHOW)
        with mpl.rc_context({"agg.path.chunksize": 10_000}), warnings.catch_warnings():
            # A window may be made too small for its labels.
            warnings.filterwarnings("ignore", message="constrained_layout not applied")
            plt.show(block=True)
    finally:
        plt.close(figure)


def show_picture(
    image: NDArray[np.uint8], title: str, manager: FigureManagerBase | None = None
) -> FigureManagerBase:
    """Draws a picture in a window; `wait_continue` shows it.

    Args:
        image: (H, W, 3) uint8, RGB.
        title: Of the window.
        manager: The window of an earlier picture, whose place this one takes.

    Returns:
        The window, which may be one that nobody sees: matplotlib's without a display.

    Raises:
        UsageError: The toolkit that was asked for can't be used here.
    """
    import matplotlib.pyplot as plt

    if manager is not None and not _is_closed(manager):
        manager.canvas.flush_events()  # which may be that it was closed
    if manager is None or _is_closed(manager):
        try:
            # Not `figure`: the user's current figure stays the one that pyplot draws on.
            manager = plt.new_figure_manager(_NUMBER, frameon=False)  # type: ignore[no-untyped-call]
        except ImportError as error:
            raise _no_display(*_WINDOW) from error
        manager.canvas.mpl_connect("close_event", lambda _: setattr(manager, _CLOSED, True))
    _fill(manager.canvas.figure, image)
    manager.set_window_title(title)
    manager.canvas.draw()
    return manager


def _is_closed(manager: FigureManagerBase) -> bool:
    return getattr(manager, _CLOSED, False)


def wait_continue(figure: Figure, timeout: float = 0, continue_key: str = " ") -> int:
    """Shows the window and waits until a key is pressed, time is up or the window is closed.

    Args:
        figure: In its window; without a display a warning says so, and nothing waits.
        timeout: In seconds; 0 is no limit.
        continue_key: matplotlib's name of the key; others are ignored.

    Returns:
        0 if it was the key or the time, 1 if the window was closed.
    """
    if figure.canvas.required_interactive_framework is None:
        warnings.warn(str(_no_display(*_WINDOW)), stacklevel=3)
        return 0
    closed = False
    until = monotonic() + timeout if timeout > 0 else inf

    def seen(event: Event) -> None:
        nonlocal closed, until
        closed = closed or event.name == "close_event"
        if closed or getattr(event, "key", None) == continue_key:
            until = -inf
            figure.canvas.stop_event_loop()

    connect = figure.canvas.mpl_connect
    connections = [connect("key_press_event", seen), connect("close_event", seen)]
    if figure.canvas.manager:
        figure.canvas.manager.show()
    try:
        while (left := until - monotonic()) > 0:
            figure.canvas.start_event_loop(0 if left == inf else left)
    finally:
        for connection in connections:
            figure.canvas.mpl_disconnect(connection)
    return int(closed)


def is_inline() -> bool:
    """Whether figures appear in a notebook."""
    import matplotlib as mpl

    return "inline" in mpl.get_backend().lower()


def inline_figure(image: NDArray[np.uint8]) -> Figure:
    """A figure that a notebook shows: a picture, (H, W, 3) uint8, dot by dot."""
    from matplotlib.figure import Figure

    height, width = image.shape[:2]
    dpi = 100
    return _fill(Figure((width / dpi, height / dpi), dpi, frameon=False), image)


def show_in_opencv(image: object, window: str, title: str, wait_s: float) -> None:
    """Shows a picture in OpenCV's window of this name.

    Args:
        image: An array, of whatever type and channels OpenCV shows, in the order of RGB; or what
            `to_rgb` takes.
        window: Its name.
        title: What it says.
        wait_s: How long to wait for a key, in seconds; 0 is no limit.

    Raises:
        MissingPackageError: OpenCV is not installed.
        UsageError: There is no display.
    """
    from trainviz_cli.imaging.pixels import to_rgb

    try:
        import cv2
    except ImportError:
        hint = "pip install opencv-python"
        raise MissingPackageError("OpenCV is not installed", hint=hint) from None
    if not _has_display():  # Qt would end the process
        raise _no_display(*_WINDOW)
    cv2.namedWindow(winname=window)
    cv2.setWindowTitle(window, title)
    shown = image if isinstance(image, np.ndarray) else to_rgb(image)
    if shown.shape[2:] in _COLOURED:
        shown = shown[..., [2, 1, 0, 3][: shown.shape[2]]]
    cv2.imshow(window, shown)
    cv2.waitKey(ceil(wait_s * 1000))


def _fill(figure: Figure, image: NDArray[np.uint8]) -> Figure:
    """The figure, filled by a picture, (H, W, 3) uint8, and nothing else."""
    figure.clear()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(image)
    return figure


def _has_display() -> bool:
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))


def _no_display(what: str, instead: str) -> UsageError:
    return UsageError(f"{what} needs a display, and there is none here", hint=instead)
