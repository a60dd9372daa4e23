"""The live view on a terminal, and one frame of it."""

from __future__ import annotations

import gc
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trainviz_cli.cli._following import catch_up
from trainviz_cli.errors import NotFoundError
from trainviz_cli.model.keys import require_keys
from trainviz_cli.render.term.dashboard.board import Board, Source
from trainviz_cli.render.term.style import to_text
from trainviz_cli.runs import locate_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainviz_cli.analysis.panels import Panel
    from trainviz_cli.cli._console import Console
    from trainviz_cli.cli._following import Watch
    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.model.run import Image
    from trainviz_cli.render.term.dashboard.wish import Wish
    from trainviz_cli.runs.follow import Follower
    from trainviz_cli.runs.found import FoundRun

_FIRST_FRAME_S = 0.3
_OTHER_SCREEN, _BACK = "\x1b[?1049h\x1b[?25l\x1b[H", "\x1b[?25h\x1b[?1049l"


def why_nothing(arguments: Sequence[str]) -> TrainvizError:
    """Why there is no run to show."""
    try:
        locate_runs(arguments or ["."], [])
    except NotFoundError as error:
        return error
    return NotFoundError("no run is there")  # one has appeared since


def show_once(follower: Follower, wish: Wish, console: Console) -> None:
    """Prints one frame.

    Raises:
        NotFoundError: `--key` means none of the keys there are.
    """
    catch_up(follower)
    follower.learn()
    require_keys(
        wish.queries, list(dict.fromkeys(key for run in follower.runs for key in run.keys))
    )
    source, size = _source(follower, ()), (console.width, console.height - 1)
    Board(source, console.look, wish).lines(*size)  # tells what is in sight of a long run
    follower.take(follower.look())  # reads that again
    console.show(Board(source, console.look, wish, has_hints=False).lines(*size))


def show_live(
    follower: Follower, watch: Watch, wish: Wish, console: Console, arguments: Sequence[str]
) -> None:
    """Shows the runs until the user leaves, or the watch is over."""
    catch_up(follower, _FIRST_FRAME_S)
    source = _source(follower, arguments)._replace(awaited=watch.remark)
    board = Board(source, console.look, wish)
    try:
        # The first frame is there before the library for the others is.
        sys.stdout.write(_OTHER_SCREEN)
        first = to_text(board.lines(console.width, console.height), console.depth)
        sys.stdout.write(console.shown(first).rstrip("\n"))
        sys.stdout.flush()
        from trainviz_cli.render.term.dashboard.app import Dashboard
        from trainviz_cli.render.term.dashboard.control import Control

        control = Control(
            look=follower.look,
            take=follower.take,
            wait_s=lambda: follower.wait_s,
            verdict=lambda: 0 if watch.is_over() else None,
            switch=follower.switch,
            save=_save,
            picture=_Pictures(follower, console),
        )
        app = Dashboard(board, control, console.depth, shown=console.shown_here())
    except BaseException:
        sys.stdout.write(_BACK)
        raise
    gc.enable()  # a command switches it off, but this may go on for days
    gc.set_threshold(50_000)  # it finds next to nothing, and takes a tenth of the time otherwise
    gc.freeze()  # what is imported by now is never to be looked through again
    app.run()


def _source(follower: Follower, arguments: Sequence[str]) -> Source:
    """What a board shows."""
    where = ", ".join(arguments) or f"a run below {Path.cwd()}"

    def remark() -> str:
        newer = follower.newer
        return f"{newer.path} was written since: n goes to it" if newer else ""

    return Source(lambda: follower.runs, lambda: follower.now_s, where, follower.zoom, remark)


def _save(panel: Panel) -> str:
    """Writes a chart as a PNG to this folder, under a name that isn't taken."""
    from trainviz_cli.render.figure.curves import figure, save

    runs = list(dict.fromkeys(curve.run for curve in panel.curves))
    text = "_".join([*runs[:1], *panel.title.split()[:1]])
    stem = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80] or "chart"
    names = (f"{stem}{number}.png" for number in ("", *(f"-{i}" for i in range(2, 10_000))))
    path = next(path for name in names if not os.path.lexists(path := Path(name)))
    save(figure([panel]), path)
    return str(path)


class _Pictures:
    """The latest picture of the runs, as text."""

    def __init__(self, follower: Follower, console: Console) -> None:
        self._follower = follower
        self._graphics = console.graphics(pixels=False)  # which would not scroll with the rest
        self._shown: object = None

    def __call__(self, columns: int, rows: int) -> tuple[str, str] | None:
        """The picture and what it is; None where it is the one that is shown already.

        Raises:
            UnreadableError: It can't be read.
            NotFoundError: It is gone.
        """
        found = [latest for run in self._follower.runs if (latest := _latest(run.found))]
        if not found:
            return "", "no picture so far"
        name, image = max(found, key=lambda each: _written(each[1]))
        if self._shown == (image, columns, rows):
            return None
        from trainviz_cli.render.term.image import open_and_draw

        self._shown = None  # if it fails, something else is shown
        text = open_and_draw(image, max(columns, 1), max(rows, 1), self._graphics)
        self._shown = image, columns, rows
        return text, f"{name}: {image.name} at step {image.step}"


def _latest(found: FoundRun) -> tuple[str, Image] | None:
    """The run's name and its latest picture."""
    images = found.format.images(found.log)
    return (found.name, max(images, key=lambda image: image.step)) if images else None


def _written(image: Image) -> float:
    """Unix seconds; 0 if it is gone."""
    try:
        return image.path.stat().st_mtime
    except OSError:
        return 0.0
