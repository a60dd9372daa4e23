"""Any sequence of drawing calls, with coordinates from anywhere, ends with a picture.

What diverged models predict must stop no training, so what could hang or crash is drawn in a
process of its own, which is ended if it doesn't answer.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from queue import Empty, Queue
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from trainviz_cli import Visualizer

HEIGHT, WIDTH = 24, 32
ANSWER_S = 20  # for what takes milliseconds
STYLES = ["-", "--", "-.", ":"]
COLOURS = ["r", "g", "tab:blue", "none", "#ff00aa80", (255, 0, 0), (1, 2, 3)]
TEXTS = [
    "",
    " ",
    "a",
    "Hxg",
    "two\nlines",
    "a\r\nb",
    "\x00\x85",
    "$x^2$",
    "$5",
    "\u05d0\U0001f600\ud800",
    "long " * 50,
]

Call = tuple[str, tuple[Any, ...], dict[str, Any]]

WORKER = """
import pickle, sys, warnings
import numpy as np
from trainviz_cli import Visualizer

warnings.simplefilter("error")
warnings.filterwarnings("ignore", ".*out of bounds")

def draw(calls, image):
    vis = Visualizer(image=image)
    seen = []
    for name, arguments, options in calls:
        assert getattr(vis, name)(*arguments, **options) is vis
    return vis.get_image()

while True:
    try:
        calls, image = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    try:
        answer = draw(calls, image.copy()), draw(calls, image.copy())
    except BaseException as error:
        answer = repr(error)
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


class Worker:
    """A process that draws, begun again if it had to be ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, calls: list[Call], image: np.ndarray) -> Any:
        """The picture drawn twice, or what the drawing failed with."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        process, answers = self._process, Queue[Any]()
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump((calls, image), process.stdin)
        process.stdin.flush()
        Thread(target=_read, args=(process.stdout, answers), daemon=True).start()
        try:
            return answers.get(timeout=ANSWER_S)
        except Empty:
            self.end()
            return "it hangs"

    def end(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _read(stream: Any, answers: Queue[Any]) -> None:
    try:
        answers.put(pickle.load(stream))  # noqa: S301 - our own process wrote it
    except (EOFError, ValueError):
        answers.put("it crashed")


@pytest.fixture(scope="module")
def worker() -> Any:
    """The process that draws for all examples."""
    worker = Worker()
    yield worker
    worker.end()


class Range(NamedTuple):
    """Where coordinates are from."""

    coordinates: st.SearchStrategy[float]
    radii: st.SearchStrategy[float]


NEAR = Range(st.floats(-2 * WIDTH, 3 * WIDTH, width=32), st.floats(0, 2 * WIDTH))
FAR = st.sampled_from([-1e300, -1e30, -1e12, -1e9, -1e6, 1e6, 1e7, 1e9, 1e15, 1e30, 1e38, 1e300])
ANYWHERE = Range(
    NEAR.coordinates | FAR | st.floats(allow_nan=False, allow_infinity=False),
    NEAR.radii | st.floats(0, 1e300, allow_nan=False, allow_infinity=False),
)


def rows(draw: st.DrawFn, numbers: st.SearchStrategy[float], length: int) -> np.ndarray:
    """(N, length) of up to four rows."""
    count = draw(st.integers(0, 4))
    values = draw(st.lists(numbers, min_size=count * length, max_size=count * length))
    return np.array(values, np.float64).reshape(count, length)


def looks(draw: st.DrawFn) -> dict[str, Any]:
    """Of closed shapes."""
    colours = st.sampled_from(COLOURS) | st.lists(st.sampled_from(COLOURS), min_size=1, max_size=3)
    widths = st.sampled_from([0, 1, 2.5, 100])
    return {
        "edge_colors": draw(colours),
        "face_colors": draw(colours),
        "line_styles": draw(
            st.sampled_from(STYLES) | st.lists(st.sampled_from(STYLES), min_size=1)
        ),
        "line_widths": draw(widths | st.lists(widths, min_size=1, max_size=3)),
        "alpha": draw(st.sampled_from([0, 0.3, 0.8, 1])),
    }


@st.composite
def points(draw: st.DrawFn, where: Range) -> Call:
    """Markers."""
    sizes = draw(st.none() | where.radii.map(lambda size: np.array([size])))
    marker = draw(st.sampled_from([None, "x", "+", "s", "*", ""]))
    colour = draw(st.sampled_from(COLOURS))
    return "draw_points", (rows(draw, where.coordinates, 2), colour, marker, sizes), {}


@st.composite
def texts(draw: st.DrawFn, where: Range) -> Call:
    """Texts, formulas among them."""
    labels = draw(st.lists(st.sampled_from(TEXTS), max_size=3))
    count = 2 * len(labels)
    places = draw(st.lists(where.coordinates, min_size=count, max_size=count))
    box = {"facecolor": "r", "boxstyle": "round", "pad": 1}
    options = {
        "colors": draw(st.sampled_from(COLOURS)),
        "font_sizes": draw(st.sampled_from([None, 1, 7.5, 30])),
        "vertical_alignments": draw(st.sampled_from(["top", "center", "bottom", "baseline"])),
        "horizontal_alignments": draw(st.sampled_from(["left", "center", "right"])),
        "bboxes": draw(st.sampled_from([None, {}, box])),
        "outline_colors": draw(st.sampled_from([None, "auto", "r", (0, 0, 9)])),
    }
    return "draw_texts", (labels, np.array(places, float).reshape(-1, 2)), options


@st.composite
def lines(draw: st.DrawFn, where: Range) -> Call:
    """Lines, which have looks of their own."""
    ends, colour = rows(draw, where.coordinates, 4), draw(st.sampled_from(COLOURS))
    style, width = draw(st.sampled_from(STYLES)), draw(st.sampled_from([0, 1, 3.5, 40]))
    return "draw_lines", (ends[:, :2], ends[:, 2:], colour, style, width), {}


@st.composite
def circles(draw: st.DrawFn, where: Range) -> Call:
    """Circles."""
    centers = rows(draw, where.coordinates, 2)
    radii = draw(st.lists(where.radii, min_size=len(centers), max_size=len(centers)))
    return "draw_circles", (centers, np.array(radii, float)), looks(draw)


@st.composite
def boxes(draw: st.DrawFn, where: Range) -> Call:
    """Upright boxes."""
    ends = rows(draw, where.coordinates, 4).reshape(-1, 2, 2)
    upright = np.hstack((ends.min(axis=1), ends.max(axis=1)))
    return "draw_bboxes", (upright,), looks(draw)


@st.composite
def polygons(draw: st.DrawFn, where: Range) -> Call:
    """Polygons of any number of corners."""
    shapes = [rows(draw, where.coordinates, 2) for _ in range(draw(st.integers(0, 3)))]
    return "draw_polygons", (shapes,), looks(draw)


@st.composite
def masks(draw: st.DrawFn) -> Call:
    """None, one or two masks."""
    seed, share = draw(st.integers(0, 99)), draw(st.sampled_from([0, 0.2, 0.5, 1.0]))
    count, density = draw(st.integers(0, 2)), draw(st.sampled_from([0, 0.01, 0.5, 1]))
    drawn = np.random.default_rng(seed).random((count, HEIGHT, WIDTH)) < density
    return "draw_binary_masks", (drawn, draw(st.sampled_from(COLOURS)), share), {}


def marks(where: Range) -> st.SearchStrategy[Call]:
    """A call of any method but the one for masks."""
    kinds = (points, texts, lines, circles, boxes, polygons)
    return st.one_of([kind(where) for kind in kinds])


def image() -> np.ndarray:
    """What is drawn on."""
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def drawn(calls: list[Call], *, looking: bool = False) -> np.ndarray:
    """The picture after these calls, looked at after each or only at last."""
    vis = Visualizer(image=image())
    for name, arguments, options in calls:
        assert getattr(vis, name)(*arguments, **options) is vis
        if looking:
            vis.get_image()
    return vis.get_image()


@settings(
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would wait for each hang
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=st.lists(marks(ANYWHERE) | masks(), max_size=6))
def test_coordinates_from_anywhere(worker: Worker, calls: list[Call]) -> None:
    """Numbers up to 1e300 neither crash nor hang, warn of nothing else, and draw alike twice."""
    answer = worker.draw(calls, image())
    assert not isinstance(answer, str), answer
    first, second = answer
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(marks(NEAR) | masks(), max_size=6))
def test_looking_at_the_picture_changes_nothing(calls: list[Call]) -> None:
    """A picture asked for after each call ends as one that is asked for once."""
    assert np.array_equal(drawn(calls), drawn(calls, looking=True))


LAYERS = {"draw_lines": 2, "draw_texts": 3}  # above shapes, which are 1


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(marks(NEAR), max_size=6))
def test_marks_are_stacked_by_kind(calls: list[Call]) -> None:
    """Without masks a picture is the same as with its marks drawn kind by kind."""
    by_kind = sorted(calls, key=lambda each: LAYERS.get(each[0], 1))
    assert np.array_equal(drawn(calls), drawn(by_kind))


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(masks(), max_size=4))
def test_masks_only_change_their_pixels(calls: list[Call]) -> None:
    """Where no mask is true the image is as it was."""
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for _, (drawn_masks, *_), _ in calls:
        inside |= drawn_masks.any(axis=0)
    assert np.array_equal(drawn(calls)[~inside], image()[~inside])
