"""A run and a series as notebooks show them: sound HTML, harmless text, and a chart in SVG."""

import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series
from trainviz_cli.runs import open_run

NAN, INF = math.nan, math.inf
SAMPLES = Path(__file__).parents[2] / "sample_runs"
SIZES = {"series": (420, 110), "run": (140, 24)}
TAGS = {"div", "b", "br", "code", "table", "thead", "tbody", "tr", "th", "td", "svg", "path"}
NASTY = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'single' & \"double\" &amp; &lt;b&gt;",
    "</td></tr></table><h1>",
    "</svg><style>*{display:none}</style>",
    "<!-- comment",
    "\x1b[31m\x00\n",
    "训练/损失 \u202e",
]


class Element(NamedTuple):
    """One element: its tag and attributes, and all the text in it."""

    tag: str
    attributes: dict[str, str | None]
    texts: list[str]


class Reader(HTMLParser):
    """Reads HTML that must be sound: every tag closed, in order, nothing else than elements."""

    def __init__(self, text: str) -> None:
        """Reads all of it."""
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens an element, unless it is one that has no end."""
        assert tag in TAGS
        assert len(dict(attrs)) == len(attrs)
        element = Element(tag, dict(attrs), [])
        self.elements.append(element)
        if tag != "br":
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the element that was opened last."""
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        """Text belongs to all elements around it."""
        assert self._open
        for element in self._open:
            element.texts.append(data)

    def handle_comment(self, data: str) -> None:
        """There is none."""
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    def texts(self, tag: str) -> list[str]:
        """What stands in each element of this tag."""
        return ["".join(element.texts) for element in self.elements if element.tag == tag]

    def paths(self) -> list[str]:
        """What each chart draws."""
        return [each.attributes["d"] or "" for each in self.elements if each.tag == "path"]


def series(
    values: Sequence[float],
    steps: Sequence[float] | None = None,
    segments: tuple[int, ...] = (0,),
    key: str = "loss",
) -> Series:
    """The samples of a key, at the steps 0, 1, 2… if none are named."""
    places = np.arange(len(values)) if steps is None else np.array(steps)
    return Series(key, places, np.array(values, np.float64), segments=segments)


def run_of(*every: Series, name: str = "exp1", path: str = "runs/exp1") -> Run:
    """A run of these series."""
    return Run(name, Path(path), "local", {each.key: each for each in every})


def html(shown: Any) -> Reader:
    """The HTML of a run or a series, read."""
    return Reader(shown._repr_html_())


def pieces(path: str) -> list[list[tuple[float, float]]]:
    """The points of each line that a path draws, after checking that it is one SVG knows."""
    number = r"-?\d+(?:\.\d+)?"
    point = rf"{number},{number}"
    assert re.fullmatch(rf"(?:M{point}(?: h0|(?: L{point})+)(?: (?=M)|$))*", path), path
    found = [re.findall(rf"({number}),({number})", piece) for piece in path.split("M")[1:]]
    return [[(float(x), float(y)) for x, y in piece] for piece in found]


def drawn(of: Series) -> list[list[tuple[float, float]]]:
    """The lines of the chart of a series."""
    (path,) = html(of).paths()
    return pieces(path)


@pytest.mark.parametrize("name", ["adamw_seed0", "sgd_seed2"])
def test_real_run(name: str) -> None:
    """A row for each key of a real run, with its count, steps, last and best."""
    run = open_run(SAMPLES / name)
    reader = html(run)
    assert reader.texts("b") == [name]
    assert reader.texts("code") == [str(SAMPLES / name)]
    assert reader.texts("th") == ["key", "count", "steps", "last", "best", ""]
    cells = reader.texts("td")
    assert cells[::6] == list(run)
    loss = cells[: cells.index("train/loss") + 6]
    assert loss[1:3] == ["600", "1–600"]
    assert float(loss[3]) == pytest.approx(run["train/loss"].values[-1], rel=1e-3)
    best = int(run["train/loss"].values.argmin())
    assert loss[4].startswith("min ")
    assert loss[4].endswith(f" at {run['train/loss'].steps[best]}")
    assert len(reader.paths()) == len(run)
    assert all(pieces(path) for path in reader.paths())


def test_series() -> None:
    """The key, a chart, and the figures below."""
    reader = html(series([3, 1, 2], [0, 10, 20]))
    assert reader.texts("b") == ["loss"]
    assert reader.texts("div") == ["loss3 samples, steps 0–20, last 2, min 1 at 10"]
    assert [element.tag for element in reader.elements] == ["div", "b", "br", "svg", "path", "br"]


@pytest.mark.parametrize(
    ("of", "figures"),
    [
        (series([NAN, NAN]), "2 samples, steps 0–1, last nan"),
        (series([1, INF], key="acc"), "2 samples, steps 0–1, last inf, max 1 at 0"),
        (series([9, 0, 5], [0, 5, 5], (0, 2)), "3 samples, steps 0–5, last 5, min 5 at 5"),
    ],
)
def test_figures(of: Series, figures: str) -> None:
    """What is not finite is no best, and what a restart replaced is counted alone."""
    (text,) = html(of).texts("div")
    assert text == of.key + figures


@pytest.mark.parametrize("text", NASTY)
def test_everything_from_outside_is_text(text: str) -> None:
    """Names, keys, paths and formats are shown as they are, whatever HTML they hold."""
    of = series([1, 2], key=text)
    run = Run(text, Path(text.replace("\0", "0")), text, {text: of, "b": series([1], key="b")})
    for reader in (html(run), html(of)):
        assert {element.tag for element in reader.elements} <= TAGS
        names = {name for each in reader.elements for name in each.attributes}
        assert not {name for name in names if name.startswith("on") or name in {"src", "href"}}
    shown = text.replace("\0", "\ufffd")
    reader = html(run)
    assert reader.texts("b")[0].replace("\0", "\ufffd") == shown
    assert reader.texts("td")[0].replace("\0", "\ufffd") == shown
    assert reader.texts("code") == [text.replace("\0", "0")]
    assert html(of).texts("b")[0].replace("\0", "\ufffd") == shown


def test_quotes_are_escaped() -> None:
    """Text could stand in an attribute as well: no quote of it is raw."""
    text = run_of(series([1], key="'key\""), name="'name\"")._repr_html_()
    assert "'" not in text
    assert '"key' not in text
    assert 'key"' not in text


def test_many_keys() -> None:
    """The first fifty have a row and a chart, and the rest is a number."""
    for count, more in ((50, ""), (51, "and 1 more keys"), (500, "and 450 more keys")):
        every = [series([1, 2], key=f"key{i}") for i in range(count)]
        reader = html(run_of(*every))
        assert reader.texts("td")[::6] == [f"key{i}" for i in range(50)]
        assert len(reader.paths()) == 50
        assert reader.texts("div")[0].endswith(more)
        assert ("more" in reader.texts("div")[0]) == bool(more)


def test_run_without_keys() -> None:
    """An empty run is its head."""
    reader = html(run_of())
    assert reader.texts("td") == []
    assert reader.texts("b") == ["exp1"]


def test_line_is_where_the_values_are() -> None:
    """Steps go from left to right, values from bottom to top, and the ends are inside."""
    ((first, second, third),) = drawn(series([0, 10, 5], [0, 25, 100]))
    assert first[0] < second[0] < third[0]
    assert (second[0] - first[0]) / (third[0] - first[0]) == pytest.approx(0.25, abs=1e-3)
    assert second[1] < third[1] < first[1]
    assert (first[1] - third[1]) / (first[1] - second[1]) == pytest.approx(0.5, abs=1e-2)
    assert first[0] == second[1] == 2
    assert (third[0], first[1]) == (418, 108)


@pytest.mark.parametrize(
    ("values", "lengths"),
    [
        ([1, 2, 3, 4], [4]),
        ([1, 2, NAN, 3, 4, 5], [2, 3]),
        ([NAN, 1, 2, NAN, NAN, 3, 4], [2, 2]),
        ([1, 2, INF, 3, 4, -INF, 5, 6], [2, 2, 2]),
        ([1, 2, NAN], [2]),
        ([NAN, 1, NAN, 2, NAN], [1, 1]),
        ([1], [1]),
        ([1, NAN, 2, 3], [1, 2]),
        ([NAN], []),
        ([NAN, INF, -INF], []),
    ],
)
def test_line_breaks_where_a_value_is_missing(values: list[float], lengths: list[int]) -> None:
    """NaN and infinities break the line; a point between two breaks is drawn as one."""
    found = drawn(series(values))
    assert [len(piece) for piece in found] == lengths
    known = [i for i, value in enumerate(values) if math.isfinite(value)]
    places = [x for piece in found for x, _ in piece]
    if len(values) > 1:
        assert places == pytest.approx([2 + 416 * i / (len(values) - 1) for i in known], abs=0.06)


def test_lone_point_is_drawn() -> None:
    """A line of no length has round ends, so that it is a dot."""
    text = series([5])._repr_html_()
    assert 'd="M210.0,55.0 h0"' in text
    assert 'stroke-linecap="round"' in text


def test_line_breaks_at_a_restart() -> None:
    """Nothing joins what was logged before a restart to what was logged after it."""
    found = drawn(series([1, 2, 3, 9, 9], [0, 1, 2, 2, 3], (0, 3)))
    assert [len(piece) for piece in found] == [2, 2]
    lost = drawn(series([1, 2, 3, 9], [5, 6, 7, 0], (0, 3)))
    assert [len(piece) for piece in lost] == [1]


def test_one_step_for_all() -> None:
    """Where all samples have one step, their order is the axis, as in a chart."""
    ((first, second, third),) = drawn(series([1, 2, 3], [7, 7, 7]))
    assert (first[0], second[0], third[0]) == (2, 210, 418)


@pytest.mark.parametrize(
    ("kind", "width", "height"), [(kind, *size) for kind, size in SIZES.items()]
)
def test_long_series_has_a_short_path(kind: str, width: int, height: int) -> None:
    """Of ten thousand samples four a pixel are drawn, every peak and the ends among them."""
    values = np.sin(np.arange(10_000) / 300)
    values[[1234, 8765]] = [50, -50]
    of = series(values.tolist())
    (path,) = html(of if kind == "series" else run_of(of)).paths()
    ((*points,),) = pieces(path)
    assert width < len(points) <= 4 * width
    assert len(path) < 60 * width
    assert {y for _, y in points} >= {2, height - 2}
    assert (points[0][0], points[-1][0]) == (2, width - 2)
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_long_series_of_many_starts_has_a_short_path() -> None:
    """However often a run was restarted, its path doesn't grow with it."""
    values = np.sin(np.arange(10_000) / 300).tolist()
    (path,) = html(run_of(series(values, segments=tuple(range(0, 10_000, 100))))).paths()
    found = pieces(path)
    assert len(found) == 100
    assert sum(map(len, found)) <= 8 * 140


def test_gap_in_a_long_series_stays_a_gap() -> None:
    """A stretch of NaN that can be seen breaks the line of a long series, too."""
    values = np.sin(np.arange(10_000) / 300)
    values[4000:4500] = NAN
    before, after = drawn(series(values.tolist()))
    assert before[-1][0] == pytest.approx(2 + 416 * 0.4, abs=1)
    assert after[0][0] == pytest.approx(2 + 416 * 0.45, abs=1)


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_peaks_beside_what_is_not_finite(odd: float) -> None:
    """The highest and the lowest finite value are drawn, whatever was logged beside them."""
    values = np.zeros(10_000)
    values[5010:5014] = [100, odd, -100, odd]
    heights = {y for piece in drawn(series(values.tolist())) for _, y in piece}
    assert {2, 108} <= heights


@pytest.mark.parametrize(
    "values",
    [
        [1.7e308, -1.7e308, 0],
        [0, 5e-324],
        [5, 5, 5],
        [1e308] * 3,
        [1, 1 + 2**-52],
        [NAN, 1e308, INF, -1e308],
    ],
)
def test_extreme_values_stay_inside(values: list[float]) -> None:
    """No range of floats overflows the chart."""
    for of, (width, height) in zip(
        (series(values), run_of(series(values))), SIZES.values(), strict=True
    ):
        for path in html(of).paths():
            for x, y in (point for piece in pieces(path) for point in piece):
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_the_chart_says_how_large_it_is() -> None:
    """Width, height and view box agree, so that one unit is one pixel."""
    for shown, (width, height) in zip(
        (series([1, 2]), run_of(series([1, 2]))), SIZES.values(), strict=True
    ):
        (svg,) = (each for each in html(shown).elements if each.tag == "svg")
        assert svg.attributes["width"] == str(width)
        assert svg.attributes["height"] == str(height)
        assert svg.attributes["viewbox"] == f"0 0 {width} {height}"
    (path,) = (each for each in html(series([1, 2])).elements if each.tag == "path")
    assert path.attributes["fill"] == "none"


@settings(deadline=None, max_examples=150)
@given(
    name=st.text(max_size=20),
    key=st.text(max_size=20) | st.sampled_from(NASTY),
    values=st.lists(st.floats(), min_size=1, max_size=30),
    steps=st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 5), min_size=30, max_size=30),
)
@example(name="\ud800", key="\ud800", values=[NAN, 1.0], steps=[7] * 30)
@example(name="]]>", key="<![CDATA[", values=[1.7e308, -1.7e308], steps=[*range(30)])
def test_any_run_is_sound(name: str, key: str, values: list[float], steps: list[int]) -> None:
    """Any names and samples are sound HTML, whose chart has each finite value that is shown."""
    places = sorted(steps[: len(values)])
    of = series(values, places, key=key)
    view = of.view()
    (path,) = html(of).paths()
    count = sum(math.isfinite(value) for value in view.y.tolist())
    assert sum(map(len, pieces(path))) == count
    reader = html(run_of(of, name=name, path="runs"))
    assert reader.paths()
    assert len(reader.texts("td")) == 6
