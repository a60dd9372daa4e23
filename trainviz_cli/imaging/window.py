"""Figures in a window: the one place where matplotlib chooses a GUI toolkit."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

from trainviz_cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_figure(figure: Figure) -> None:
    """Shows the figure in a window until the user closes it.

    Raises:
        UsageError: There is no display, or no GUI toolkit for it.
    """
    if sys.platform == "linux" and not ({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)):
        raise _no_display()
    try:
        import matplotlib as mpl
        import matplotlib.pyplot as plt

        # pyplot opens windows only for figures that it makes; this one "makes" ours.
        plt.figure(FigureClass=lambda **_: figure)  # type: ignore[arg-type]
    except ImportError as error:
        raise _no_display() from error
    try:
        # Without a display or a toolkit matplotlib falls back to drawing into memory.
        if figure.canvas.required_interactive_framework is None:
            raise _no_display()
        with mpl.rc_context({"agg.path.chunksize": 10_000}), warnings.catch_warnings():
            # A window may be made too small for its labels.
            warnings.filterwarnings("ignore", message="constrained_layout not applied")
            plt.show(block=True)
    finally:
        plt.close(figure)


def _no_display() -> UsageError:
    return UsageError(
        "--show needs a display, and there is none here",
        hint="-o curves.png writes a file instead",
    )
