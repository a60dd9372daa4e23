"""What a chart in a file shows, of which curves, and that no log can break it."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from trainviz_cli.analysis.panels import Curve, Drawing, Limits, Panel
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.errors import UsageError
from trainviz_cli.imaging.window import show_figure
from trainviz_cli.model.series import View
from trainviz_cli.render.figure.curves import figure, save

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

SUFFIXES = (".png", ".svg", ".pdf")
NAN, INF = float("nan"), float("inf")
EMA = Smoothing.parse("ema:0.9")


def make_curve(
    y: Sequence[float] | np.ndarray,
    *,
    x: np.ndarray | None = None,
    label: str = "exp1",
    color: int = 0,
    pieces: tuple[int, ...] = (0,),
    smooth: Smoothing | None = None,
) -> Curve:
    """A curve against its steps 0, 10, 20..., or against `x`."""
    values = np.asarray(y)
    steps = np.arange(len(values)) * 10
    view = View("step", steps if x is None else x, values, steps, pieces)
    smoothed = smooth.apply(values, pieces) if smooth else None
    return Curve("exp1", "loss", label, color, view, smoothed)


def make_panel(*curves: Curve, title: str = "loss", axis: str = "step", **drawing: object) -> Panel:
    """A chart of these curves."""
    return Panel(title, axis, curves, Drawing(**drawing))  # type: ignore[arg-type]


def make_curves(count: int) -> list[Curve]:
    """Curves that differ."""
    rows = np.random.default_rng(0).random((count, 30))
    return [make_curve(row, label=f"exp{i}", color=i) for i, row in enumerate(rows)]


def draw(*panels: Panel) -> Axes:
    """The first chart of a figure that has been drawn once, without a warning."""
    drawn = figure(panels)
    drawn.draw_without_rendering()
    return drawn.axes[0]


def lines(axes: Axes) -> list[Line2D]:
    """The lines of a chart, marks left out."""
    return [line for line in axes.lines if line.get_linestyle() != "None"]


def marks(axes: Axes, shape: str) -> list[Line2D]:
    """What is drawn as marks of this shape, without a line."""
    found = [line for line in axes.lines if line.get_linestyle() == "None"]
    return [line for line in found if line.get_marker() == shape]


def vertices(line: Line2D) -> np.ndarray:
    """(N, 2) the points of a line, gaps included."""
    return np.asarray(line.get_xydata())


def legend_texts(axes: Axes) -> list[str]:
    """The entries of a chart's legend, after its title."""
    legend = axes.get_legend()
    assert legend
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


def written(axes: Axes) -> str:
    """The notes below a chart."""
    return "\n".join(text.get_text() for text in axes.texts)


def pixels(drawn: Figure) -> np.ndarray:
    """(H, W) grey values of the figure."""
    content = BytesIO()
    drawn.savefig(content, format="png")
    return np.asarray(Image.open(content).convert("L"))


def test_pieces_are_not_joined() -> None:
    """Between two pieces the line has a gap."""
    (line,) = lines(draw(make_panel(make_curve([1.0, 2.0, 3.0, 4.0], pieces=(0, 2)))))
    assert vertices(line)[:, 1].tolist() == pytest.approx([1, 2, NAN, 3, 4, NAN], nan_ok=True)


def test_nan_is_a_gap() -> None:
    """The line stops before a NaN and goes on after it."""
    (line,) = lines(draw(make_panel(make_curve([1.0, 2.0, NAN, 4.0, 5.0]))))
    assert vertices(line)[:5, 1].tolist() == pytest.approx([1, 2, NAN, 4, 5], nan_ok=True)


@pytest.mark.parametrize(
    ("y", "pieces", "alone"),
    [
        ([7.0], (0,), [7.0]),
        ([1.0, 2.0, NAN, 3.0, NAN, 4.0, 5.0], (0,), [3.0]),
        ([1.0, 2.0, 3.0, 4.0], (0, 3), [4.0]),
    ],
)
def test_a_sample_without_neighbours_is_a_dot(
    y: list[float], pieces: tuple[int, ...], alone: list[float]
) -> None:
    """What no line reaches is seen all the same."""
    (dots,) = marks(draw(make_panel(make_curve(y, pieces=pieces))), "o")
    assert vertices(dots)[:, 1].tolist() == alone


def test_a_million_points_are_few_vertices_and_the_same_picture() -> None:
    """At most four vertices a pixel, a spike of one sample among them; what is drawn stays."""
    y = np.random.default_rng(0).normal(1, 0.05, 1_000_000)
    y[612_345] = 3.0
    drawn = figure([make_panel(make_curve(y))])
    (line,) = lines(drawn.axes[0])
    assert len(vertices(line)) < 4 * 800
    assert [6_123_450, 3.0] in vertices(line).tolist()
    thinned = pixels(drawn)
    line.set_data(np.arange(len(y)) * 10, y)
    assert (np.abs(thinned.astype(int) - pixels(drawn)) > 40).mean() < 0.002


def test_sparse_samples_survive_beside_dense_ones() -> None:
    """On a logarithmic axis, the few samples of the first decades are all drawn."""
    y = np.random.default_rng(0).random(100_000)
    panel = make_panel(make_curve(y, x=np.arange(1, 100_001)), log_x=True)
    (line,) = lines(draw(panel))
    assert vertices(line)[:100, 1].tolist() == y[:100].tolist()


def test_samples_in_no_order_are_drawn_as_they_come(tmp_path: Path) -> None:
    """Against a key that goes back and forth nothing is left out, however much it is."""
    x = np.random.default_rng(0).random(300_000)
    drawn = figure([make_panel(make_curve(x * x, x=x), axis="lr")], 200, 150)
    (line,) = lines(drawn.axes[0])
    assert len(vertices(line)) == len(x) + 1
    save(drawn, tmp_path / "curves.png")


def test_off_the_scale_is_drawn_and_said() -> None:
    """A line leaves a chart towards a value that is far away, and the chart says how far."""
    axes = draw(make_panel(make_curve([1.0, 1e300, 1.0, -2.0]), ylim=Limits(0, 2)))
    assert "1 above the scale, as far as 1e300 at step 10" in written(axes)
    assert "1 below the scale, as far as -2 at step 30" in written(axes)
    assert axes.get_ylim() == (0, 2)


def test_the_smoothed_line_lies_on_the_pale_raw_one() -> None:
    """The raw values stay visible behind; the legend says how they were smoothed."""
    axes = draw(make_panel(make_curve([1.0, 3.0, NAN, 2.0, 4.0], smooth=EMA), smooth=EMA))
    raw, smoothed = lines(axes)
    assert vertices(raw)[0, 1] == 1.0
    assert vertices(raw)[1, 1] == 3.0
    assert vertices(smoothed)[1, 1] < 3.0
    assert np.isnan(vertices(smoothed)[2, 1])
    assert raw.get_alpha() < 0.5
    assert raw.get_zorder() < smoothed.get_zorder()
    assert legend_texts(axes) == ["EMA 0.9, raw behind", "exp1 (1 not finite, first at step 20)"]


def test_lost_samples_are_marked_and_counted() -> None:
    """NaN and -Inf stand at the bottom, +Inf at the top; the legend counts them."""
    axes = draw(make_panel(make_curve([1.0, NAN, 2.0, INF, 3.0, -INF, 1.0])))
    places = {shape: vertices(marks(axes, shape)[0]).tolist() for shape in "xv^"}
    assert places == {"x": [[10, 0.02]], "v": [[50, 0.02]], "^": [[30, 0.98]]}
    assert legend_texts(axes) == ["", "exp1 (3 not finite, first at step 10)"]


@pytest.mark.parametrize(
    ("overlap", "said"), [("first", "first wins"), ("last", "last wins"), ("all", "all kept")]
)
def test_restarts_are_stated(overlap: str, said: str) -> None:
    """Below the chart, or in its legend where it has one."""
    curve = make_curve([1.0, 2.0, 3.0, 4.0], pieces=(0, 2))
    assert written(draw(make_panel(curve, overlap=overlap))) == f"restarts: {said}"
    axes = draw(make_panel(curve, make_curve([1.0, 2.0], label="exp2"), overlap=overlap))
    assert legend_texts(axes) == [f"restarts: {said}", "exp1", "exp2"]
    assert not written(axes)


def test_one_curve_needs_no_legend() -> None:
    """The title says it all."""
    axes = draw(make_panel(make_curve([1.0, 2.0])))
    assert axes.get_legend() is None
    assert axes.get_title(loc="left") == "loss"


def test_curves_differ_without_their_colors() -> None:
    """Any two of 28 curves differ in two at least of colour, dashes and markers."""
    drawn = figure([make_panel(*make_curves(28))])
    handles = drawn.axes[0].get_legend().get_lines()  # type: ignore[union-attr]
    looks = [(line.get_color(), line._unscaled_dash_pattern, line.get_marker()) for line in handles]
    for i, one in enumerate(looks):
        for other in looks[:i]:
            assert sum(a != b for a, b in zip(one, other, strict=True)) >= 2


def test_markers_of_two_curves_do_not_coincide() -> None:
    """Equal curves can be told apart by their markers."""
    y = np.arange(1000.0)
    axes = draw(make_panel(make_curve(y), make_curve(y, label="exp2", color=1)))
    (dots,), (squares,) = marks(axes, "o"), marks(axes, "s")
    assert 2 <= len(vertices(dots)) <= 12
    assert not {*vertices(dots)[:, 0]} & {*vertices(squares)[:, 0]}


def test_a_long_legend_ends_with_a_count() -> None:
    """Of forty curves the legend names thirty, beside the chart."""
    axes = draw(make_panel(*make_curves(40)))
    assert legend_texts(axes)[1:] == [*(f"exp{i}" for i in range(30)), "and 10 more"]
    legend = axes.get_legend()
    assert legend
    assert legend.get_window_extent().x0 > axes.get_window_extent().x1


def test_small_multiples_share_a_legend() -> None:
    """Several charts of the same runs have one legend; what holds for one chart stands below it."""
    hurt = make_curve([1.0, NAN, 2.0], label="exp0")
    panels = [make_panel(*make_curves(3), title=f"key{i}") for i in range(5)]
    drawn = figure([make_panel(hurt, *make_curves(3)[1:]), *panels])
    drawn.draw_without_rendering()
    assert len(drawn.axes) == 6
    assert [axes.get_legend() for axes in drawn.axes] == [None] * 6
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["exp0", "exp1", "exp2"]
    assert written(drawn.axes[0]) == "exp0: 1 not finite, first at step 10"


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (7, (3, 3))])
def test_the_grid(count: int, grid: tuple[int, int]) -> None:
    """One column for one chart, two for up to four, three for more."""
    drawn = figure([make_panel(make_curve([1.0, 2.0]))] * count)
    spec = drawn.axes[0].get_subplotspec()
    assert spec
    assert spec.get_gridspec().get_geometry() == grid


def test_the_size_is_in_pixels(tmp_path: Path) -> None:
    """A picture is as large as it was asked to be."""
    save(figure([make_panel(make_curve([1.0, 2.0]))], 640, 360), tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (640, 360)


@pytest.mark.parametrize("size", [(1, 1), (60, 40), (200, 120)])
def test_too_small_for_its_labels(size: tuple[int, int], tmp_path: Path) -> None:
    """A tiny picture is drawn as well as may be, without a warning."""
    panels = [make_panel(*make_curves(20)), make_panel(make_curve([1.0]))]
    save(figure(panels, *size), tmp_path / "curves.png")


def test_too_large_for_a_picture() -> None:
    """A thousand charts are refused before they are drawn."""
    with pytest.raises(UsageError, match="too many"):
        figure([make_panel(make_curve([1.0, 2.0]))] * 1000)


def test_logarithmic_axes() -> None:
    """The axes are matplotlib's; what they can't show is a gap, and is counted."""
    axes = draw(make_panel(make_curve([1.0, 10.0, -1.0, 100.0, 1000.0]), log_x=True, log_y=True))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert np.isnan(vertices(lines(axes)[0])[2, 1])
    assert "1 of 4 not above 0, so not on a logarithmic axis" in written(axes)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["10", "100", "1000"]


def test_steps_have_whole_numbers() -> None:
    """There is no step 0.5, and a million is short."""
    axes = draw(make_panel(make_curve([1.0, 2.0, 3.0], x=np.arange(3))))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]
    axes = draw(make_panel(make_curve([1.0, 2.0], x=np.array([0, 2_000_000]))))
    assert "1.0M" in [label.get_text() for label in axes.get_xticklabels()]


def test_times_are_local_dates() -> None:
    """Unix seconds are hours of a day that the axis names; durations are durations."""
    x = 1_686_000_000.0 + np.arange(0, 7200.0, 60)
    axes = draw(make_panel(make_curve(np.sin(x), x=x), axis="time"))
    assert "local time, 2023-06-0" in axes.get_xlabel()
    assert all(":" in label.get_text() for label in axes.get_xticklabels())
    axes = draw(make_panel(make_curve(np.sin(x), x=x - x[0]), axis="relative"))
    assert "1h30m" in [label.get_text() for label in axes.get_xticklabels()]


def test_ticks_follow_a_zoom() -> None:
    """In a window, a reader who zooms gets numbers for what is in sight."""
    drawn = figure([make_panel(make_curve(np.arange(100.0)))])
    drawn.axes[0].set_ylim(3.0, 3.1)
    drawn.draw_without_rendering()
    labels = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert {"3.02", "3.04"} <= {*labels}


HOSTILE = [
    "$\\frac{",
    "_hidden",
    "\\alpha $x$",
    "\x00\x1b[31m\n\t",
    "\ud800",
    "损失/😀",
    "\u202egpj.exe\u2028",
    "x" * 10_240,
    "",
]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hostile_names_are_drawn(suffix: str, tmp_path: Path) -> None:
    """No name in a log raises, warns, or is taken for a formula."""
    curves = [make_curve([1.0, i], label=name, color=i) for i, name in enumerate(HOSTILE)]
    panels = [make_panel(*curves, title=name, axis=name) for name in HOSTILE]
    noted = [panel._replace(notes=tuple(HOSTILE)) for panel in panels]
    save(figure(noted[:1]), tmp_path / f"one{suffix}")
    save(figure(noted), tmp_path / f"all{suffix}")


def test_names_are_shown_as_they_are() -> None:
    """Dollars and underscores are letters; what can't be seen is replaced; length is cut."""
    curves = [make_curve([1.0, 2.0], label=name, color=i) for i, name in enumerate(HOSTILE)]
    shown = legend_texts(draw(make_panel(*curves)))[1:]
    assert shown[:3] == HOSTILE[:3]
    assert not any(char in "".join(shown) for char in "\x00\x1b\n\t\ud800\u202e\u2028")
    assert len(shown[7]) == 60
    assert "…" in shown[7]


EXTREMES = [
    [NAN, NAN, NAN],
    [INF, -INF],
    [5.0],
    [0.0],
    [0.5] * 9,
    [1e300, -1e300, 1e300],
    [1.7e308, -1.7e308],
    [1e-320, 2e-320, 1e-320],
    [0.0, 1e-322],
    [1e15, 1e15 + 1],
    [1.0, 1.0 + 1e-15],
    [1e-320, 1e300],
]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("y", EXTREMES, ids=str)
def test_extreme_values(y: list[float], *, log: bool, tmp_path: Path) -> None:
    """Whatever floats hold is drawn without a warning, and what is finite is in sight."""
    drawn = figure([make_panel(make_curve(y), log_y=log)])
    for suffix in SUFFIXES:
        save(drawn, tmp_path / f"curves{suffix}")
    axes = drawn.axes[0]
    low, high = axes.get_ylim()
    heights = np.concatenate([vertices(line)[:, 1] for line in lines(axes)])
    known = heights[np.isfinite(heights)]
    assert len(known) == sum(np.isfinite(v) and (v > 0 or not log) for v in y)
    slack = 1e-9 * (high - low)
    assert ((known >= low - slack) & (known <= high + slack)).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_curves_make_the_same_file(suffix: str, tmp_path: Path) -> None:
    """No date, no random name: the bytes are the same."""
    for name in "ab":
        save(figure([make_panel(*make_curves(3))]), tmp_path / f"{name}{suffix}")
    content = (tmp_path / f"a{suffix}").read_bytes()
    assert content == (tmp_path / f"b{suffix}").read_bytes()
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert content.startswith(starts[suffix])


def test_save_makes_folders(tmp_path: Path) -> None:
    """A suffix may be in capitals, and the folder need not be there."""
    save(figure([make_panel(make_curve([1.0, 2.0]))]), tmp_path / "a" / "b" / "curves.PNG")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["curves.PNG"]


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "curves.svg.gz"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    """The error names what would do."""
    with pytest.raises(UsageError, match="can't write") as error:
        save(figure([make_panel(make_curve([1.0]))]), tmp_path / name)
    assert error.value.hint == ".png, .svg or .pdf"
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A folder in the place of the file is an error of ours, and no draft stays."""
    (tmp_path / "curves.png").mkdir()
    with pytest.raises(UsageError):
        save(figure([make_panel(make_curve([1.0]))]), tmp_path / "curves.png")
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_no_window_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux, no display is known before any toolkit is tried."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match="needs a display") as error:
        show_figure(Figure())
    assert error.value.hint == "-o curves.png writes a file instead"


@pytest.mark.parametrize("backend", ["agg", "tkagg"])
def test_no_window_without_a_toolkit(backend: str) -> None:
    """A display that can't be reached, or a backend that opens no windows, is the same error."""
    code = """
from matplotlib.figure import Figure
from trainviz_cli.errors import UsageError
from trainviz_cli.imaging.window import show_figure
try:
    show_figure(Figure())
except UsageError as error:
    print(error.message)
"""
    environment = {**os.environ, "DISPLAY": ":971", "MPLBACKEND": backend}
    environment.pop("WAYLAND_DISPLAY", None)
    command = [sys.executable, "-W", "error", "-c", code]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "--show needs a display, and there is none here\n"


def test_charts_leave_pyplot_alone() -> None:
    """Drawing a file imports no pyplot: no toolkit is chosen, no setting is changed."""
    code = """
import sys, pathlib
import trainviz_cli.render.figure.curves, trainviz_cli.imaging.window
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
