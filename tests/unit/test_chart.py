"""Charts as text: exact pictures of small ones, and what holds for all.

`UPDATE_SNAPSHOTS=1` writes the pictures in tests/snapshots again; look at them before you commit.
"""

import math
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Drawing, Limits, build_panels
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series
from trainviz_cli.render.term.chart import ASCII, Look, cell_of, draw_panel
from trainviz_cli.render.term.style import ColorDepth, line_cells, to_text

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
NAN, INF = math.nan, math.inf
PLAIN = Look(monochrome=True)
WIDTH, HEIGHT = 60, 14
START = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


def run(
    name: str,
    *,
    steps: Sequence[int] | None = None,
    segments: tuple[int, ...] = (0,),
    **keys: Sequence[float],
) -> Run:
    """A run that logged these values every ten steps and every ninety seconds."""
    series = {}
    for key, values in keys.items():
        places = np.arange(len(values)) * 10 if steps is None else np.array(steps)
        series[key] = Series(
            key,
            places,
            np.array(values, np.float64),
            wall_times=START + 90.0 * np.arange(len(values)),
            segments=segments,
            start_time=START,
        )
    return Run(name, Path(name), "local", series)


def decay(scale: float = 1.0, count: int = 60, noise: float = 0.0) -> list[float]:
    """A loss that falls, with a ripple that no chance is in."""
    return [
        scale * (0.1 + math.exp(-i / 12)) + noise * math.sin(i * 2.4) * math.cos(i * 0.7)
        for i in range(count)
    ]


def chart(
    *runs: Run,
    keys: Sequence[str] = ("loss",),
    width: int = WIDTH,
    height: int = HEIGHT,
    look: Look = PLAIN,
    **drawing: object,
) -> list[str]:
    """The lines of the one chart that shows these keys of these runs."""
    (panel,) = build_panels(runs, keys, Drawing(**drawing))  # type: ignore[arg-type]
    lines = draw_panel(panel, width, height, look)
    assert max(map(line_cells, lines)) <= width
    return to_text(lines, ColorDepth.NONE).splitlines()


def one_curve() -> list[str]:
    """One run, one key, as it is most often seen."""
    return chart(run("exp1", loss=decay(2)))


def three_runs() -> list[str]:
    """Three runs in one chart, told apart without colour."""
    falling = {"base": decay(2), "warm": decay(1.2, noise=0.05), "cold": decay(2.6, count=40)}
    return chart(*(run(name, loss=values) for name, values in falling.items()))


def log_y() -> list[str]:
    """Five decades, and values that have no logarithm."""
    values = [10.0 ** (2 - i / 10) for i in range(50)]
    values[20], values[30] = 0.0, -1.0
    return chart(run("exp1", loss=values), log_y=True)


def not_finite() -> list[str]:
    """NaN, both infinities, and a gap of many NaN."""
    values = decay(2)
    values[10], values[20], values[30] = NAN, INF, -INF
    values[45:50] = [NAN] * 5
    return chart(run("exp1", loss=values))


def robust() -> list[str]:
    """Two outliers that the scale leaves out, one on each side."""
    values = decay(2)
    values[15], values[40] = 500.0, -80.0
    return chart(run("exp1", loss=values), robust=True)


def smoothed() -> list[str]:
    """A smoothed curve with its samples behind, where there is no colour to tell them apart."""
    return chart(run("exp1", loss=decay(2, noise=0.4)), smooth=Smoothing.parse("ema:0.8"))


def in_ascii() -> list[str]:
    """Two runs, one with a NaN, in characters that every terminal has."""
    values = decay(1.5)
    values[25] = NAN
    return chart(run("exp1", loss=decay(2)), run("exp2", loss=values), look=ASCII)


def together() -> list[str]:
    """Two keys of two runs in one chart."""
    runs = [
        run(name, loss=decay(scale), acc=[1 - value for value in decay(scale / 2)])
        for name, scale in (("a", 1.0), ("b", 1.4))
    ]
    return chart(*runs, keys=["loss", "acc"], together=True)


def lone_point() -> list[str]:
    """One sample, and one that NaN surrounds."""
    return chart(run("one", loss=[0.5]), run("two", loss=[0.6, NAN, 0.2, NAN, 0.4]))


def on_the_clock() -> list[str]:
    """Wall time under a chart, over midnight."""
    return chart(run("exp1", loss=decay(2, count=120)), x="time")


def relative_time() -> list[str]:
    """Time since the run began."""
    return chart(run("exp1", loss=decay(2, count=120)), x="relative")


def restarted() -> list[str]:
    """A run that went back from step 390 to step 300, both ways shown."""
    steps = [10 * i for i in range(40)] + [300 + 10 * i for i in range(30)]
    values = decay(2, count=40) + [0.5 + value for value in decay(1, count=30)]
    again = run("exp1", loss=values, steps=steps, segments=(0, 40))
    return chart(again, overlap="all")


def narrow() -> list[str]:
    """As narrow and as low as a chart gets."""
    return chart(run("a-run-of-a-long-name", loss=decay(2)), width=24, height=6)


DRAWN: list[Callable[[], list[str]]] = [
    one_curve,
    three_runs,
    log_y,
    not_finite,
    robust,
    smoothed,
    in_ascii,
    together,
    lone_point,
    on_the_clock,
    relative_time,
    restarted,
    narrow,
]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks show UTC."""
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_snapshot(draw: Callable[[], list[str]]) -> None:
    """The chart is, character by character, the one that was looked at and found right."""
    file = SNAPSHOTS / f"{draw.__name__}.txt"
    text = "".join(line + "\n" for line in draw())
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_no_snapshot_is_left_over() -> None:
    """Every picture is of a chart that is drawn here."""
    charts = {
        file.stem for file in SNAPSHOTS.iterdir() if not file.stem.startswith(("compare_", "tail_"))
    }
    assert charts == {draw.__name__ for draw in DRAWN}


def area(lines: Sequence[str]) -> list[str]:
    """What is drawn inside the axes, row by row."""
    found = [re.split("[┤│]", line, maxsplit=1)[1] for line in lines if re.search("[┤│]", line)]
    return [row.ljust(max(map(len, found))) for row in found]


@pytest.mark.parametrize("look", [PLAIN, ASCII, Look()])
@pytest.mark.parametrize(("width", "height"), [(24, 6), (40, 9), (80, 20), (200, 50)])
def test_size(width: int, height: int, look: Look) -> None:
    """A chart has its width and its rows; the legend stands below."""
    lines = chart(run("exp1", loss=decay()), width=width, height=height, look=look)
    assert len(lines) == height + 1
    assert max(map(len, lines)) == width
    assert lines[height].startswith(f"{look.marks[0]} exp1")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (-5, 3)])
def test_size_is_never_too_small(width: int, height: int) -> None:
    """Below the smallest size there is the smallest chart."""
    (panel,) = build_panels([run("exp1", loss=decay())], ["loss"], Drawing())
    lines = draw_panel(panel, width, height, PLAIN)
    assert (len(lines), max(map(line_cells, lines))) == (7, 24)


@settings(deadline=None, max_examples=200)
@given(
    low=st.floats(-1e6, 1e6),
    span=st.floats(1e-3, 1e6),
    width=st.integers(24, 200),
    height=st.integers(6, 40),
)
def test_labels_stand_where_their_values_are(
    low: float, span: float, width: int, height: int
) -> None:
    """A row labelled with a number is the row where it is drawn; two rows at least are labelled."""
    limits = Limits(low, low + span)
    values = [low, low + span]
    lines = chart(run("exp1", loss=values), width=width, height=height, ylim=limits)
    rows = [line for line in lines if re.search("[┤│]", line)]
    assert height < 8 or sum("┤" in row for row in rows) >= 2
    for number, row in enumerate(rows):
        label = row.split("┤")[0].strip() if "┤" in row else ""
        match = re.fullmatch(r"(-?[\d.]+)([kMGT]?)", label)
        if not match:
            continue
        value = float(match[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[match[2]]
        place = (1 - (value - low) / span) * (len(rows) - 1)
        assert abs(place - number) < 1


@settings(deadline=None, max_examples=200)
@example(first=20, stride=64, width=24)
@given(
    first=st.integers(0, 10**6),
    stride=st.integers(1, 10**5),
    width=st.integers(24, 200),
)
def test_x_labels_stand_below_their_ticks(first: int, stride: int, width: int) -> None:
    """The labels of the x axis are in order, apart, and each under a tick of its value."""
    steps = [first + stride * i for i in range(10)]
    lines = chart(run("exp1", loss=decay(count=10), steps=steps), width=width)
    axis, labels = next((line, below) for line, below in pairwise(lines) if "└" in line)
    origin = axis.index("└") + 1
    units = {"": 1, "k": 1e3, "M": 1e6}
    found = list(re.finditer(r"(\d[\d.]*)([kM]?)(?= |$)", labels.removesuffix("step")))
    assert len(found) >= 1
    for match in found:
        value = float(match[1]) * units[match[2]]
        place = (value - steps[0]) / (steps[-1] - steps[0]) * (width - origin - 1) + origin
        ticks = [i for i, sign in enumerate(axis) if sign == "┬" and abs(i - place) < 1]
        assert ticks
        assert match.start() <= ticks[0] <= match.end() or match.start() == 0


@pytest.mark.parametrize("height", [7, 10, 13, 20, 33])
@pytest.mark.parametrize("look", [PLAIN, ASCII])
def test_flat_curve_lies_in_the_row_of_its_label(height: int, look: Look) -> None:
    """A curve at a value that the axis names is drawn beside that name, not a row off."""
    for high in (0.97, 1.0, 1.1, 1.37):
        limits = Limits(0.0, high)
        blank = chart(run("a", loss=[-9, -9]), height=height, look=look, ylim=limits)
        labels = {
            number: float(line.split(look.frame[1])[0])
            for number, line in enumerate(blank)
            if look.frame[1] in line and look.frame[2] not in line
        }
        assert labels
        for number, value in labels.items():
            lines = chart(run("a", loss=[value] * 5), height=height, look=look, ylim=limits)
            drawn = [i for i, line in enumerate(lines[: height - 2]) if len(line) > WIDTH / 2]
            assert drawn == [number]


@pytest.mark.parametrize("width", [24, 30, 40])
def test_narrow_axis_can_be_read(width: int) -> None:
    """However narrow a chart is, two numbers stand under it, so that its steps can be told."""
    lines = chart(run("a", loss=decay()), width=width)
    labels = next(below for line, below in pairwise(lines) if "└" in line)
    assert len(re.findall(r"\d+", labels)) >= 2


def test_clock_over_midnight_names_both_days() -> None:
    """A time is never shown with the date of another day alone."""
    lines = on_the_clock()
    labels = next(below for line, below in pairwise(lines) if "└" in line)
    assert "23:00" in labels
    assert "11-14" in labels
    assert "11-15" in labels


@pytest.mark.parametrize("look", [Look(), ASCII])
def test_every_sign_means_one_thing(look: Look) -> None:
    """A curve's mark is no infinity, and an infinity is no value off the scale."""
    signs = [*look.marks, look.nan, look.up, look.down, look.above, look.below]
    assert len(set(signs)) == len(signs)


def test_marks_stand_on_their_curves() -> None:
    """Where there are several curves, a mark takes the place of a dot; one curve has none."""
    low, high = [0.0] * 50, [1.0] * 50
    rows = area(chart(run("a", loss=low), run("b", loss=high)))
    assert "●" in rows[-1]
    assert "▲" in rows[0]
    assert "●" not in "".join(rows[:-1])
    assert "▲" not in "".join(rows[1:])
    assert "●" not in "".join(area(chart(run("a", loss=decay()))))


def test_raw_samples_are_thinned_without_colour() -> None:
    """Behind a smoothed curve, raw dots are fewer where nothing else sets them apart."""
    noisy = run("a", loss=decay(noise=1))
    smooth = Smoothing.parse("mean:20")
    drawn = {
        look.monochrome: "".join(area(chart(noisy, smooth=smooth, look=look)))
        for look in (PLAIN, Look())
    }
    dots = {
        mono: sum((ord(char) - 0x2800).bit_count() for char in text if "\u2800" <= char <= "\u28ff")
        for mono, text in drawn.items()
    }
    assert 0.5 * dots[False] < dots[True] < 0.9 * dots[False]


def test_smoothed_curve_lies_over_its_samples() -> None:
    """In a cell that both cross, the smoothed one is seen, in its full colour."""
    (panel,) = build_panels(
        [run("a", loss=decay())], ["loss"], Drawing(smooth=Smoothing.parse("mean:1"))
    )
    spans = [span for line in draw_panel(panel, 60, 14, Look()) for span in line]
    dots = [span for span in spans if re.search("[\u2801-\u28ff]", span.text)]
    assert dots
    assert not any(span.style.dim for span in dots)


def test_each_curve_keeps_its_colour() -> None:
    """Where two curves don't meet, each is in the colour that its entry in the legend has."""
    runs = [run(name, loss=[level] * 50) for name, level in (("a", 0.0), ("b", 1.0))]
    (panel,) = build_panels(runs, ["loss"], Drawing())
    lines = draw_panel(panel, 60, 14, Look())
    colors = [
        {span.style.color for span in line if re.search("[\u2801-\u28ff]", span.text)}
        for line in lines
    ]
    assert [color for color in colors if color] == [{1}, {0}]
    assert [line[0].style.color for line in lines[14:]] == [0, 1]


@pytest.mark.parametrize(
    ("values", "sign", "row"),
    [([1, 1, INF, 1], "⇑", 0), ([1, 1, -INF, 1], "⇓", -1)],
)
def test_infinity_is_an_arrow_at_the_end(values: list[float], sign: str, row: int) -> None:
    """It stands in the column of its step, at the end of the scale that it is beyond."""
    rows = area(chart(run("a", loss=values)))
    width = len(rows[0])
    assert rows[row].index(sign) == cell_of(np.array([2 / 3]), width, 2)[0]
    assert "".join(rows).count(sign) == 1


def test_values_beyond_a_limit_are_arrows() -> None:
    """What `--ylim` leaves out is marked where it is, above and below, and counted."""
    lines = chart(run("a", loss=[0, 1.2, 0, -1.2, 0]), ylim=Limits(-1, 1))
    rows = area(lines)
    assert rows[0].index("↑") == cell_of(np.array([1 / 4]), len(rows[0]), 2)[0]
    assert rows[-1].index("↓") == cell_of(np.array([3 / 4]), len(rows[0]), 2)[0]
    assert "1 above the scale, as far as 1.2 at step 10" in lines
    assert "1 below the scale, as far as -1.2 at step 30" in lines


def test_what_an_x_limit_leaves_out_is_not_marked() -> None:
    """A NaN out of sight leaves no sign on the axis."""
    lines = chart(run("a", loss=[1, NAN, 1, 1, 1, 1]), xlim=Limits(20, 50))
    axis = next(line for line in lines if "└" in line)
    assert "×" not in axis


def test_legend_names_hostile_runs_harmlessly() -> None:
    """Names are shown, not obeyed, and stay in line."""
    lines = chart(run("\x1b[2J" + "训" * 50, loss=[1, 2]), run("b", loss=[1, 2]))
    assert any("␛[2J训" in line and "…" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize(
    ("places", "width", "columns"),
    [([0, 1], 10, [0, 9]), ([0.5], 11, [5]), ([-3, 7], 10, [0, 9]), ([0.049, 0.051], 11, [0, 1])],
)
def test_cell_of(places: list[float], width: int, columns: list[int]) -> None:
    """Places are rounded to the nearest column, and kept inside."""
    assert cell_of(np.array(places), width, 1).tolist() == columns
