"""Tests of the live view's application: keys and mouse, by Textual's own pilot."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Input, Static

from tests.unit.staged_runs import PLAIN, Stage, staged, text
from trainviz_cli.analysis.panels import Limits
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.cli._console import Console
from trainviz_cli.cli._live import _Pictures, _save
from trainviz_cli.codecs.png import encode_png
from trainviz_cli.errors import NotFoundError
from trainviz_cli.render.term.dashboard.actions import ACTIONS, help_lines, hints
from trainviz_cli.render.term.dashboard.app import Dashboard
from trainviz_cli.render.term.dashboard.board import Board, Source
from trainviz_cli.render.term.dashboard.control import Control
from trainviz_cli.render.term.dashboard.driver import on_other_screen
from trainviz_cli.render.term.dashboard.frame import Frame
from trainviz_cli.render.term.dashboard.screens import Help
from trainviz_cli.render.term.dashboard.wish import Wish
from trainviz_cli.render.term.style import ColorDepth, line_cells
from trainviz_cli.runs.follow import Follower, News

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from textual.pilot import Pilot

    from trainviz_cli.analysis.panels import Panel

SIZE = 100, 30
NO_NEWS = News([], [], [], [])


def played(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine, as pytest runs it."""

    @wraps(test)
    def play(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return play


class Calls:
    """What the application asks of those around it.

    Attributes:
        news: What the next look brings, one after the other.
        verdict: What ends the view.
        switched: How often it went to a newer run.
        saved: The charts it saved.
        picture: What there is to see; an error is raised.
        rooms: For how large a picture it asked.
    """

    def __init__(self) -> None:
        self.news: list[News | Exception] = []
        self.verdict: int | None = None
        self.switched = 0
        self.saved: list[Panel] = []
        self.picture: tuple[str, str] | Exception | None = None
        self.rooms: list[tuple[int, int]] = []
        self.failure: Exception | None = None

    def control(self, **changes: Any) -> Control:
        """What a dashboard is given."""
        control = Control(
            look=self._look,
            take=lambda _: None,
            wait_s=lambda: 0.02,
            verdict=lambda: self.verdict,
            switch=self._switch,
            save=self._save,
            picture=self._picture,
        )
        return control._replace(**changes)

    def _look(self) -> News:
        found = self.news.pop(0) if self.news else NO_NEWS
        if isinstance(found, Exception):
            raise found
        return found

    def _switch(self) -> None:
        self.switched += 1

    def _save(self, panel: Panel) -> str:
        if self.failure:
            raise self.failure
        self.saved.append(panel)
        return "exp1_loss.png"

    def _picture(self, columns: int, rows: int) -> tuple[str, str] | None:
        self.rooms.append((columns, rows))
        if isinstance(self.picture, Exception):
            raise self.picture
        return self.picture


class Scene:
    """A dashboard of staged runs, and what it asks of those around it."""

    def __init__(self, stage: Stage | None = None, **changes: Any) -> None:
        self.calls = Calls()
        if stage is None:
            keys = ("train/loss", "val/acc", "val/loss", "lr")
            values = {key: [0.5, 0.3, 0.4, 0.2, 0.25] * 8 for key in keys}
            stage = Stage(staged("exp1", values), staged("exp2", values))
        self.stage = stage
        self.board = stage.board()
        self.app = Dashboard(self.board, self.calls.control(**changes), ColorDepth.MANY)

    def shown(self) -> str:
        """What the frame shows."""
        return text(self.app.query_one(Frame)._lines)


async def until(pilot: Pilot[int], holds: Callable[[], object]) -> None:
    """Waits for what is to come soon."""
    for _ in range(400):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("it didn't come")


def test_every_key_has_one_meaning() -> None:
    """No key is in the table twice, and what it does is known by its name."""
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)


def _wish(**changes: object) -> Callable[[Scene], bool]:
    """Whether the wish became this."""
    return lambda scene: scene.board.wish == Wish()._replace(**changes)  # type: ignore[arg-type]


def _drawing(**changes: object) -> Callable[[Scene], bool]:
    """Whether the drawing became this."""
    return lambda scene: scene.board.wish == Wish().drawn(**changes)


def _is_filtering(scene: Scene) -> bool:
    field = scene.app.query_one("#filter", Input)
    return field.display and field.has_focus


# Action → keys to press before, and what holds when each of its keys was pressed after them.
DOES: dict[str, tuple[tuple[str, ...], Callable[[Scene], bool]]] = {
    "help": ((), lambda scene: isinstance(scene.app.screen, Help)),
    "quit": ((), lambda scene: scene.app._exit),
    "filter": ((), _is_filtering),
    "alone": (("tab",), _wish(alone=True, focus=1)),
    "smooth": ((), _drawing(smooth=Smoothing("ema", 0.6))),
    "log_y": ((), _drawing(log_y=True)),
    "axis": ((), _drawing(x="epoch")),
    "robust": ((), _drawing(robust=True)),
    "pause": ((), _wish(paused=True)),
    "zoom_in": ((), _drawing(xlim=Limits(97.5, 292.5))),
    "zoom_out": (("+", "+"), _drawing(xlim=Limits(97.5, 292.5))),
    "zoom_reset": (("+",), _wish()),
    "left": (("+",), _drawing(xlim=Limits(48.75, 243.75))),
    "right": (("+",), _drawing(xlim=Limits(146.25, 341.25))),
    "next_chart": ((), _wish(focus=1)),
    "previous_chart": (("tab", "tab"), _wish(focus=1)),
    "next_page": (("o",), _wish(separate=True, focus=4)),
    "previous_page": (("o", "pagedown"), _wish(separate=True, focus=0)),
    "separate": ((), _wish(separate=True)),
    "picture": ((), lambda scene: scene.app.query_one("#picture").display),
    "save": ((), lambda scene: [each.title for each in scene.calls.saved] == ["train/loss"]),
    "switch": ((), lambda scene: scene.calls.switched == 1),
    "reset": (("enter",), _wish()),
}


@pytest.mark.parametrize("name", [action.name for action in ACTIONS])
@played
async def test_key(name: str) -> None:
    """Each key of an action does what the table says of it."""
    before, holds = DOES[name]
    (action,) = (each for each in ACTIONS if each.name == name)
    for key in action.keys.split(","):
        scene = Scene()
        async with scene.app.run_test(size=SIZE) as pilot:
            await pilot.press(*before, key)
            await until(pilot, lambda holds=holds, scene=scene: holds(scene))  # type: ignore[misc]


def test_no_test_of_a_key_is_left_over() -> None:
    """What is tested is in the table."""
    assert set(DOES) == {action.name for action in ACTIONS}


@played
async def test_escape_goes_back_one_level_at_a_time() -> None:
    """First out of the typing and its filter, then out of one chart, then of the zoom."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("+", "enter", "slash", "a", "c", "c")
        await until(pilot, lambda: scene.board.wish.pattern == "acc")
        await pilot.press("escape")
        assert not scene.app.query_one("#filter").display
        assert scene.board.wish.pattern == ""
        assert scene.board.wish.alone
        await pilot.press("escape")
        assert not scene.board.wish.alone
        assert scene.board.wish.drawing.xlim != Limits()
        await pilot.press("escape")
        assert scene.board.wish == Wish()
        await pilot.press("slash", "a", "c", "c", "enter", "escape")
        assert scene.board.wish.pattern == ""


@played
async def test_typing_a_filter() -> None:
    """The charts follow every letter; letters that are keys elsewhere are text here."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("tab", "slash")
        assert scene.board.wish.focus == 1  # as long as nothing is typed
        await pilot.press(*"loss")
        await until(pilot, lambda: "val/acc" not in scene.shown())
        assert "train/loss" in scene.shown()
        assert "val/loss" in scene.shown()
        await pilot.press("enter")
        assert scene.board.wish.pattern == "loss"
        assert not scene.app.query_one("#filter").display
        await pilot.press("s")
        assert scene.board.wish.drawing.smooth
        await pilot.press("slash")
        assert scene.app.query_one("#filter", Input).value == "loss"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("re:(", "no valid"),
        ("[", ""),
        ("nothing-like-it", "no key fits nothing-like-it"),
        ("训练", "no key fits 训练"),
        ("*", "train/loss"),
    ],
)
@played
async def test_filter_that_fits_nothing(typed: str, said: str) -> None:
    """It is said in place of the charts, and typing goes on."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("slash")
        scene.app.query_one("#filter", Input).value = typed
        await until(pilot, lambda: said in scene.shown())
        for key in ("pageup", "down", "enter", "enter", "plus", "left", "w", "0", "pagedown"):
            await pilot.press(key)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "train/loss" in scene.shown())


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("before", [["slash", "a"], ["question_mark"], ["i"]])
@played
async def test_control_keys_end_it_from_everywhere(key: str, before: list[str]) -> None:
    """Also while a filter is typed, and while the help is read."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press(*before, key)
        assert scene.app._exit
    assert scene.app.return_value is None


@played
async def test_help_closes_with_any_key_and_scrolls_with_some() -> None:
    """Keys pressed faster than it opens and closes change nothing behind it for long."""
    scene = Scene()
    async with scene.app.run_test(size=(60, 15)) as pilot:
        for _ in range(5):
            await pilot.press("question_mark", "pagedown", "down", "end")
            assert isinstance(scene.app.screen, Help)
            await pilot.press("x")
            assert not isinstance(scene.app.screen, Help)
        assert scene.board.wish == Wish()
        for key in ["question_mark", "question_mark", "escape", "f1", "f1", "x"] * 5:
            scene.app.post_message(events.Key(key, None))  # before anything came of the one before
        await pilot.pause()
        await pilot.press("escape", "escape")
        assert not isinstance(scene.app.screen, Help)
        assert not scene.app._exit


@pytest.mark.parametrize("width", [1, 20, 40, 60, 76, 200])
def test_help_and_hints_fit(width: int) -> None:
    """No line of them is wider than there is room for, and none ends in half a word."""
    assert line_cells(hints(width)) <= width
    assert not hints(width) or not hints(width)[-1].text.endswith(" ")
    widest = max(len(action.shown) for action in ACTIONS)
    assert max(map(line_cells, help_lines(width))) <= max(width, widest + 2)


@played
async def test_mouse() -> None:
    """It reads out where it points, focuses with a click, and shows one alone with two."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.hover(Frame, offset=(70, 10))
        await until(pilot, lambda: "┊" in scene.shown())
        (title,) = (line for line in scene.shown().splitlines() if "val/loss" in line)
        assert re.search(r"val/loss  step \d+: ● 0\.\d+ ▲ 0\.\d+$", title)
        scene.app.post_message(events.Leave(scene.app.query_one(Frame)))
        scene.app.query_one(Frame).on_leave()
        await until(pilot, lambda: "┊" not in scene.shown())
        await pilot.click(Frame, offset=(70, 10))
        assert scene.board.wish == Wish(focus=scene.board.wish.focus)
        assert scene.board.wish.focus != 0
        await pilot.click(Frame, offset=(70, 10), times=2)
        assert scene.board.wish.alone
        await pilot.click(Frame, offset=(70, 10), times=2)
        assert not scene.board.wish.alone
        await pilot.click(Frame, offset=(0, 0))  # on no chart
        await pilot.click(Frame, offset=(99, 29))


@played
async def test_wheel() -> None:
    """It zooms in around what the mouse points at, and out again."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.hover(Frame, offset=(20, 10))
        frame = scene.app.query_one(Frame)
        await until(pilot, lambda: re.search(r"step \d+:", scene.shown()))
        read = re.findall(r"step \d+:", scene.shown())
        frame.on_mouse_scroll_up()
        await until(pilot, lambda: scene.board.wish.drawing.xlim != Limits())
        await pilot.hover(Frame, offset=(20, 11))
        await until(pilot, lambda: "zoomed" in scene.shown())
        assert re.findall(r"step \d+:", scene.shown()) == read
        for _ in range(5):
            frame.on_mouse_scroll_down()
        await until(pilot, lambda: scene.board.wish.drawing.xlim == Limits())


@played
async def test_many_sizes() -> None:
    """Whatever the terminal grows or shrinks to, what is shown then has its size."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        sizes = [(20 + 7 * i % 280, 5 + 3 * i % 75) for i in range(40)]
        for size in [*sizes, (1, 1), (3, 2), (300, 80), (60, 15)]:
            await pilot.resize_terminal(*size)
        await until(pilot, lambda: len(scene.shown().splitlines()) == 15)
        assert max(map(len, scene.shown().splitlines())) <= 60
        assert "train/loss" in scene.shown()
        await pilot.press("i")  # which takes room from the charts
        await until(pilot, lambda: max(map(len, scene.shown().splitlines())) <= 36)
        await pilot.press("i", "slash")
        await until(pilot, lambda: len(scene.shown().splitlines()) == 14)
        await pilot.press("escape")
        await until(pilot, lambda: len(scene.shown().splitlines()) == 15)


@played
async def test_verdict_ends_it_with_its_code() -> None:
    """What was waited for is there: the view ends, and says with what."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        scene.calls.verdict = 0
        scene.app.draw()
        await until(pilot, lambda: scene.app._exit)
    assert scene.app.return_value == 0


def _raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "changes",
    [
        {"look": _raising(ValueError("a bug"))},
        {"wait_s": _raising(ValueError("a bug"))},
        {"verdict": _raising(ValueError("a bug"))},
    ],
    ids=lambda changes: next(iter(changes)),
)
@played
async def test_error_ends_it(changes: dict[str, Any]) -> None:
    """An error in the thread that follows, or while drawing, leaves nothing standing still."""
    scene = Scene(**changes)
    with pytest.raises(ValueError, match="a bug"):
        async with scene.app.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: scene.app._exception)
    assert not scene.app._exit_renderables  # nothing that Textual would print


@pytest.mark.parametrize("error", [NotFoundError("--until: 'loss' fits 2 keys"), ValueError("bug")])
def test_error_reaches_the_command(error: Exception) -> None:
    """So that it is shown there as every other, with its exit code."""
    scene = Scene(verdict=_raising(error))
    with pytest.raises(type(error), match=str(error)):
        scene.app.run(headless=True, size=SIZE)


def test_keyboard_that_is_gone_ends_it() -> None:
    """Textual would print a traceback to a terminal that may be gone as well."""
    scene = Scene()

    async def lose(pilot: Pilot[int]) -> None:
        pilot.app.call_later(pilot.app.panic, "a traceback")

    assert scene.app.run(headless=True, size=SIZE, auto_pilot=lose) is None
    assert not scene.app._exit_renderables


class Signalled(Dashboard):
    """A dashboard that gets a signal: before it stands, or later."""

    number, is_early = 0, False

    def on_load(self) -> None:
        """Gets it."""
        if self.is_early:
            os.kill(os.getpid(), self.number)

    def on_ready(self) -> None:
        """Gets it."""
        if not self.is_early:
            os.kill(os.getpid(), self.number)
        self.set_timer(20, lambda: self.exit(99))


@pytest.mark.parametrize("is_early", [True, False])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_end_it_as_a_user_does(name: str, *, is_early: bool) -> None:
    """Without an error, and with all as it was before; one that comes too early is remembered."""
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"no {name} on this system")
    scene = Scene()
    app = Signalled(scene.board, scene.calls.control(), ColorDepth.MANY)
    app.number, app.is_early = number, is_early
    before = signal.getsignal(number)
    assert app.run(headless=True, size=SIZE) is None
    assert signal.getsignal(number) == before


@played
async def test_save() -> None:
    """The last line says where the chart is, and for a while only."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("tab", "w")
        await until(pilot, lambda: "saved exp1_loss.png" in scene.shown())
        assert [panel.title for panel in scene.calls.saved] == ["val/loss"]
        await pilot.press("w")
        await until(pilot, lambda: len(scene.calls.saved) == 2)
        scene.app._clear_message()
        assert "saved" not in scene.shown()


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "a.png"), NotFoundError("no such font")]
)
@played
async def test_save_that_fails(error: Exception) -> None:
    """A message, no crash."""
    scene = Scene()
    scene.calls.failure = error
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "not saved: " in scene.shown())
        assert str(error) in scene.shown()


@played
async def test_save_where_there_is_no_chart() -> None:
    """Nothing happens."""
    scene = Scene(Stage())
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("w", "enter", "plus", "tab", "pagedown", "i", "i")
        assert "waiting for" in scene.shown()
    assert not scene.calls.saved


def test_save_to_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG under the run's name and the key's, which takes the place of no other file."""
    monkeypatch.chdir(tmp_path)
    stage = Stage(staged("exp/1\x1b[2J", {"train/loss": [1.0, 0.5, 0.2]}))
    board = stage.board()
    board.lines(80, 24)
    assert board.focused
    assert board.focused.drawn
    panel = board.focused.drawn.panel
    names = [_save(panel), _save(panel)]
    assert names == ["exp-1-2J_train-loss.png", "exp-1-2J_train-loss-2.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)


def _follow(tmp_path: Path, *names: str) -> tuple[Follower, Dashboard, Board]:
    """A dashboard of runs on the disk."""
    follower = Follower([str(tmp_path / name) for name in names])
    source = Source(
        lambda: follower.runs, lambda: follower.now_s, "runs", follower.zoom, lambda: ""
    )
    board = Board(source, PLAIN, Wish())
    control = Control(
        look=follower.look,
        take=follower.take,
        wait_s=lambda: min(follower.wait_s, 0.05),
        verdict=lambda: None,
        switch=follower.switch,
        save=_save,
        picture=_Pictures(follower, Console("never")),
    )
    return follower, Dashboard(board, control, ColorDepth.NONE), board


def _write(folder: Path, first: int, count: int, **values: float) -> None:
    """Appends records to a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "scalars.json").open("a") as file:
        for step in range(first, first + count):
            file.write(json.dumps({**values, "step": step}) + "\n")


@played
async def test_records_that_come(tmp_path: Path) -> None:
    """Records, a key that appears late, a NaN and another run show while it runs."""
    _write(tmp_path / "a", 0, 5, loss=0.5)
    _, app, _ = _follow(tmp_path, "a", "b")
    async with app.run_test(size=SIZE) as pilot:

        def shows(what: str) -> Callable[[], bool]:
            return lambda: what in text(app.query_one(Frame)._lines)

        await until(pilot, shows("step 4"))
        _write(tmp_path / "a", 5, 5, loss=0.25)
        await until(pilot, shows("last 0.25"))
        await pilot.press("enter")  # the only chart alone
        _write(tmp_path / "a", 10, 1, loss=0.2, a_loss=7.0)
        await until(pilot, lambda: app._board._charts.count == 2)
        await pilot.pause()
        assert shows("loss")()
        assert app._board.focused
        assert app._board.focused.subject.key == "loss"
        await pilot.press("escape")
        await until(pilot, shows("a_loss"))
        _write(tmp_path / "a", 11, 1, loss=float("nan"))
        await until(pilot, shows("NaN or Inf: loss since step 11"))
        _write(tmp_path / "b", 0, 3, loss=0.125)
        await until(pilot, shows("last 0.125"))


@played
async def test_first_run_that_appears(tmp_path: Path) -> None:
    """Where there was none, it shows as soon as it is found."""
    (tmp_path / "runs").mkdir()
    _, app, _ = _follow(tmp_path, "runs/*")
    async with app.run_test(size=SIZE) as pilot:
        assert "waiting for runs" in text(app.query_one(Frame)._lines)
        _write(tmp_path / "runs" / "a", 0, 3, loss=0.5)
        await until(pilot, lambda: "last 0.5" in text(app.query_one(Frame)._lines))


def _caption(app: Dashboard) -> str:
    """What the picture pane says."""
    console = app.console
    pane = app.query_one("#picture", Static)
    lines = console.render_lines(pane.content, console.options.update_width(200), pad=False)  # type: ignore[arg-type]
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


@played
async def test_picture_pane(tmp_path: Path) -> None:
    """No picture, then one, then a newer one that is broken: each is said, none is a crash."""
    import numpy as np

    _write(tmp_path / "a", 0, 5, loss=0.5)
    _, app, _ = _follow(tmp_path, "a")
    folder = tmp_path / "a" / "vis_image"
    folder.mkdir()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "no picture so far" in _caption(app))
        (folder / "pred_5.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
        app._picture_due_s = 0.0
        await until(pilot, lambda: "pred at step 5" in _caption(app))
        (folder / "pred_6.png").write_bytes(b"no picture")
        app._picture_due_s = 0.0
        await until(pilot, lambda: "pred_6.png" in _caption(app))
        await pilot.press("i")
        assert app._room_for_picture is None


@pytest.mark.parametrize(
    "error", [NotFoundError("x" * 500), FileNotFoundError(2, "No such file", "a.png")]
)
@played
async def test_picture_that_fails(error: Exception) -> None:
    """A message in the pane."""
    scene = Scene()
    scene.calls.picture = error
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: str(error)[:20] in _caption(scene.app))
    assert scene.calls.rooms[0] == (39, 27)  # as much as the pane has, less a caption


@played
async def test_picture_follows_the_size_of_the_terminal() -> None:
    """It is asked for anew in the room there is now."""
    scene = Scene()
    scene.calls.picture = "▀▀\n", "exp1: \x1b[2Jpred at step 5"
    async with scene.app.run_test(size=SIZE) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "pred at step 5" in _caption(scene.app))
        assert "\x1b" not in _caption(scene.app)
        await pilot.resize_terminal(60, 15)
        await until(pilot, lambda: scene.calls.rooms[-1] == (23, 12))


@played
async def test_driver_goes_to_the_other_screen_only_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first frame is there already; but after it was suspended, it isn't any more."""
    written: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda _, data: written.append(data))
    driver = on_other_screen(HeadlessDriver)(Scene().app, size=SIZE)
    for data in ("\x1b[?1049h", "a", "\x1b[?1049l", "\x1b[?1049h"):
        driver.write(data)
    driver.start_application_mode()
    assert written[:3] == ["a", "\x1b[?1049l", "\x1b[?1049h"]
    assert driver._file is sys.__stdout__  # type: ignore[attr-defined]


@played
async def test_keys_that_come_all_at_once() -> None:
    """What follows the slash is for the filter, also where a slow line hands on many together."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        for key in ("slash", *"train", "slash", *"lq"):
            character = "/" if key == "slash" else key
            scene.app.post_message(events.Key(key, character))
        field = scene.app.query_one("#filter", Input)
        await until(pilot, lambda: field.value == "train/lq")
        assert scene.app.is_running
        assert scene.board.wish.drawing == Wish().drawing


@played
async def test_escape_closes_the_picture_last() -> None:
    """When nothing else is narrowed."""
    scene = Scene()
    async with scene.app.run_test(size=SIZE) as pilot:
        pane = scene.app.query_one("#picture")
        await pilot.press("i", "enter", "escape")
        assert pane.display
        assert not scene.board.wish.alone
        await pilot.press("escape")
        assert not pane.display
