"""`Visualizer.show`: with a window, in a notebook, in OpenCV's window, and without a display."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent, FigureManagerBase, KeyEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainviz_cli import Visualizer
from trainviz_cli.errors import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEIGHT, WIDTH = 6, 8
NO_DISPLAY = "display"


def noise(*shape: int) -> np.ndarray:
    """Random bytes."""
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


@pytest.fixture
def vis() -> Visualizer:
    """A Visualizer of an image."""
    return Visualizer(image=noise(HEIGHT, WIDTH, 3))


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither a display nor a toolkit, and pyplot as it was afterwards."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


# without a display


@pytest.mark.parametrize("wait_time", [0, 1000.0])
def test_without_a_display(vis: Visualizer, wait_time: float) -> None:
    """A warning of the caller's line says that there is no display, and nothing waits."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert vis.show(wait_time=wait_time) is None
        assert vis.show(noise(3, 4, 3), wait_time=wait_time) is None
    assert len(seen) == 2
    for each in seen:
        assert each.category is UserWarning
        assert NO_DISPLAY in str(each.message)
        assert "add_image" in str(each.message)
        assert each.filename == __file__


def test_pyplot_stays_the_users(vis: Visualizer) -> None:
    """What the user draws with pyplot goes to the user's figure, before and after `show`."""
    with pytest.warns(UserWarning, match=NO_DISPLAY):
        vis.show()
    assert plt.get_fignums() == []
    mine = plt.figure()
    with pytest.warns(UserWarning, match=NO_DISPLAY):
        vis.show()
    assert plt.gcf() is mine
    assert plt.get_fignums() == [mine.number]


@pytest.mark.parametrize("backend", ["agg", "gtk4agg", "tkagg"])
def test_in_a_process_without_a_display(backend: str) -> None:
    """With a GUI toolkit asked for that can't start here, the process goes on too."""
    script = (
        "import numpy as np; from trainviz_cli import Visualizer\n"
        "print(Visualizer(image=np.zeros((9, 9, 3), np.uint8)).show())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        env=os.environ | {"MPLBACKEND": backend},
        text=True,
        timeout=60,
    )
    assert done.stdout == "None\n", done.stderr
    assert "UserWarning" in done.stderr
    assert NO_DISPLAY in done.stderr


@pytest.mark.parametrize("backend", ["unknown", "", "Matplotlib", "CV2", None, 7])
def test_unknown_backends(vis: Visualizer, backend: Any) -> None:
    """A backend that there isn't is a ValueError that names it and those there are."""
    with pytest.raises(ValueError, match=f'"matplotlib" or "cv2", but got {backend}'):
        vis.show(backend=backend)


@pytest.mark.parametrize("backend", ["matplotlib", "cv2"])
def test_without_an_image(backend: str, opencv: list[tuple[Any, ...]]) -> None:
    """Without anything to show the error says what to do."""
    with pytest.raises(RuntimeError, match="set_image"):
        Visualizer().show(backend=backend)
    assert not opencv


def test_what_is_no_picture(vis: Visualizer) -> None:
    """What can't be shown is refused as `set_image` would."""
    with pytest.raises((TypeError, ValueError)):
        vis.show("cat.png")


# OpenCV's window


@pytest.fixture
def opencv(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The calls of a module that takes OpenCV's place, with a display."""
    calls: list[tuple[Any, ...]] = []
    module: Any = ModuleType("cv2")

    def record(name: str) -> Callable[..., int]:
        return lambda *args, **kwargs: calls.append((name, *args, *kwargs.values())) or -1

    for name in ("namedWindow", "setWindowTitle", "imshow", "waitKey"):
        setattr(module, name, record(name))
    monkeypatch.setitem(sys.modules, "cv2", module)
    monkeypatch.setenv("DISPLAY", ":0")
    return calls


def test_opencv_is_not_installed(vis: Visualizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenCV the error says what to install."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackageError, match=r"(?i)opencv") as caught:
        vis.show(backend="cv2")
    assert "pip install" in str(caught.value.hint)


def test_opencv_without_a_display(
    vis: Visualizer, opencv: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV's window would end the process without a display: a warning, and nothing is called."""
    monkeypatch.delenv("DISPLAY")
    with pytest.warns(UserWarning, match=NO_DISPLAY) as seen:
        assert vis.show(backend="cv2") is None
    assert seen[0].filename == __file__
    assert not opencv


def test_opencv_gets_blue_first(vis: Visualizer, opencv: list[tuple[Any, ...]]) -> None:
    """One window, the title, and the picture in OpenCV's order of colours."""
    assert vis.show(win_name="hello", backend="cv2") is None
    assert [call[0] for call in opencv] == ["namedWindow", "setWindowTitle", "imshow", "waitKey"]
    window = opencv[0][1]
    assert opencv[1][1:] == (window, "hello")
    assert opencv[2][1] == window
    assert np.array_equal(opencv[2][2], vis.get_image()[..., ::-1])
    vis.show(backend="cv2")
    assert opencv[4][1] == window
    Visualizer(image=noise(2, 2, 3)).show(backend="cv2")
    assert opencv[8][1] != window


def test_opencv_gets_what_it_can_show(vis: Visualizer, opencv: list[tuple[Any, ...]]) -> None:
    """Grey stays grey, transparency stays, and red is red in each of them."""
    rgba = noise(3, 4, 4)
    for given, expected in [
        (rgba[..., :3], rgba[..., 2::-1]),
        (rgba, rgba[..., [2, 1, 0, 3]]),
        (rgba[..., 0], rgba[..., 0]),
        (rgba[..., :3].tolist(), rgba[..., 2::-1]),
    ]:
        opencv.clear()
        kept = np.array(given)
        vis.show(given, backend="cv2")
        assert np.array_equal(np.squeeze(opencv[2][2]), expected)
        assert np.array_equal(given, kept)


@pytest.mark.parametrize(
    ("wait_time", "wait_ms"), [(0, 0), (1, 1000), (1.5, 1500), (0.0001, 1), (0.25, 250)]
)
def test_opencv_waits_in_milliseconds(
    vis: Visualizer, opencv: list[tuple[Any, ...]], wait_time: float, wait_ms: int
) -> None:
    """Seconds become milliseconds, rounded up: a short time isn't 0, which is for ever."""
    vis.show(wait_time=wait_time, backend="cv2")
    assert opencv[-1] == ("waitKey", wait_ms)


# notebooks


@pytest.mark.parametrize("name", ["module://matplotlib_inline.backend_inline", "inline"])
@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (300, 400), (1, 1), (1, 50)])
def test_inline_figures(monkeypatch: pytest.MonkeyPatch, name: str, shape: tuple[int, int]) -> None:
    """In a notebook the figure is returned, which is the picture dot by dot and nothing else."""
    monkeypatch.setattr(mpl, "get_backend", lambda *_, **__: name)
    vis = Visualizer(image=noise(*shape, 3))
    figure = vis.show(wait_time=1000)
    assert isinstance(figure, Figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert np.array_equal(np.asarray(canvas.buffer_rgba())[..., :3], vis.get_image())
    assert plt.get_fignums() == []


def test_inline_figures_of_other_pictures(vis: Visualizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook whatever `set_image` takes can be shown, each in a figure of its own."""
    monkeypatch.setattr(mpl, "get_backend", lambda *_, **__: "inline")
    first, second = vis.show(noise(5, 5)), vis.show(noise(7, 3, 4))
    assert first is not None
    assert second is not None
    assert first is not second
    assert second.get_size_inches().tolist() == pytest.approx([0.03, 0.07])


# windows


class Script:
    """What a user does while a window waits, action by action, and what the window shows."""

    def __init__(self) -> None:
        self.actions: list[str] = []
        self.managers: list[FigureManagerBase] = []
        self.shown = 0
        self.limits: list[float] = []  # in seconds, of each wait

    def do(self, canvas: FigureCanvasAgg, action: str) -> None:
        """Presses a key, or closes the window."""
        if action == "close":
            CloseEvent("close_event", canvas)._process()
            plt.close(canvas.figure)
        else:
            KeyEvent("key_press_event", canvas, action)._process()


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A toolkit without a screen, whose user acts by a script."""
    script = Script()

    class Canvas(FigureCanvasAgg):
        required_interactive_framework = "scripted"
        is_running = False

        def start_event_loop(self, timeout: float = 0) -> None:
            self.is_running = True
            script.limits.append(timeout)
            while self.is_running and script.actions:
                script.do(self, script.actions.pop(0))
            if self.is_running:
                assert timeout > 0, "this would wait for ever"
                time.sleep(timeout)
            self.is_running = False

        def stop_event_loop(self) -> None:
            self.is_running = False

        def flush_events(self) -> None:
            while script.actions[:1] == ["close"]:
                script.do(self, script.actions.pop(0))

    class Manager(FigureManagerBase):
        def __init__(self, canvas: Canvas, num: int) -> None:
            super().__init__(canvas, num)
            script.managers.append(self)
            self.title = ""

        def show(self) -> None:
            script.shown += 1

        def set_window_title(self, title: str) -> None:
            self.title = title

    Canvas.manager_class = Manager
    module: Any = ModuleType("scripted_toolkit")
    module.FigureCanvas = Canvas
    monkeypatch.setitem(sys.modules, "scripted_toolkit", module)
    monkeypatch.setattr("matplotlib.cbook._get_running_interactive_framework", lambda: None)
    monkeypatch.setenv("DISPLAY", ":0")
    plt.switch_backend("module://scripted_toolkit")
    yield script
    plt.close("all")


def shown(manager: FigureManagerBase) -> np.ndarray:
    """The picture in a window."""
    picture: np.ndarray = manager.canvas.figure.axes[0].images[0].get_array()
    return picture


def test_the_key_ends_waiting(vis: Visualizer, user: Script) -> None:
    """Other keys are ignored, and the space key ends waiting without a limit."""
    user.actions = ["a", "enter", " ", "b"]
    assert vis.show(win_name="hello") is None
    assert user.actions == ["b"]
    assert user.managers[0].title == "hello"
    assert user.shown == 1
    assert np.array_equal(shown(user.managers[0]), vis.get_image())


def test_another_key(vis: Visualizer, user: Script) -> None:
    """The key that goes on may be another one."""
    user.actions = [" ", "n", "x"]
    vis.show(continue_key="n")
    assert user.actions == ["x"]


def test_time_ends_waiting(vis: Visualizer, user: Script) -> None:
    """A limit ends waiting without a key; other keys don't end it early."""
    user.actions = ["a"]
    vis.show(wait_time=0.05)
    assert not user.actions
    assert user.limits[0] == pytest.approx(0.05, rel=0.5)
    assert all(0 < limit <= 0.05 for limit in user.limits)


def test_closing_ends_waiting(vis: Visualizer, user: Script) -> None:
    """Closing the window ends waiting, and the next picture gets a new one."""
    user.actions = ["close"]
    vis.show()
    user.actions = [" "]
    vis.show(noise(3, 4, 3))
    assert len(user.managers) == 2
    assert shown(user.managers[1]).shape == (3, 4, 3)


def test_a_window_that_was_closed_meanwhile(vis: Visualizer, user: Script) -> None:
    """A window closed while the training went on is opened again, and waits again."""
    user.actions = [" "]
    vis.show()
    user.actions = ["close", " ", "left over"]
    vis.show()
    assert len(user.managers) == 2
    assert user.actions == ["left over"]


def test_one_window_for_all_pictures(vis: Visualizer, user: Script) -> None:
    """The window is used again for the next picture; each Visualizer has its own."""
    for size in (3, 4, 5):
        user.actions = [" "]
        vis.show(noise(size, size, 3), win_name=f"{size}")
    assert len(user.managers) == 1
    assert user.managers[0].title == "5"
    assert shown(user.managers[0]).shape == (5, 5, 3)
    assert len(user.managers[0].canvas.figure.axes) == 1
    user.actions = [" "]
    Visualizer(image=noise(2, 2, 3)).show()
    assert len(user.managers) == 2


def test_windows_are_none_of_pyplots(vis: Visualizer, user: Script) -> None:
    """A window that stays open isn't what the user's next plot is drawn into, or closes."""
    mine = plt.figure()
    user.actions = [" "]
    vis.show()
    plt.plot([1, 2])
    assert plt.gcf() is mine
    assert len(mine.axes) == 1
    plt.close("all")
    user.actions = [" "]
    vis.show()
    assert not user.actions
