"""What the live view is handed, to do what is not its own work."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.runs.follow import News


class Control(NamedTuple):
    """What the live view can do beyond its screen.

    Attributes:
        look: What came since the last look; called in a thread of its own.
        take: Lets it count; called in that thread as well.
        wait_s: Seconds until it is worth looking again.
        verdict: Whether the view is to end, and with what; None is to go on.
        switch: Goes to a newer run.
        save: Writes a chart to a file, and returns its name; called in a thread.
        picture: The latest picture, in so many columns and rows, and what it is; None where there
            is none, or no other than last time. Called in a thread.
    """

    look: Callable[[], News]
    take: Callable[[News], object]
    wait_s: Callable[[], float]
    verdict: Callable[[], int | None]
    switch: Callable[[], None]
    save: Callable[[Panel], str]
    picture: Callable[[int, int], tuple[str, str] | None]
