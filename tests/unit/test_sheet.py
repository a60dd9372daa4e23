"""One run on one screen: what it says about the run, and that it stays within its width."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.model.diagnostic import Diagnostic
from trainviz_cli.model.run import Image, Run
from trainviz_cli.model.series import Series
from trainviz_cli.render.term.chart import ASCII, Look
from trainviz_cli.render.term.sheet import Found, Sheet, draw_sheet
from trainviz_cli.render.term.style import ColorDepth, Line, line_cells, to_text

NAN, INF = math.nan, math.inf
NOW = 1_700_000_000.0
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def series(
    key: str = "loss", values: Sequence[float] = (3, 1, 2), steps: Sequence[float] = (), **more: Any
) -> Series:
    """The samples of a key, at the steps 0, 10, 20… if none are named."""
    places = np.array(steps) if len(steps) else np.arange(len(values)) * 10
    return Series(key, places, np.array(values, np.float64), **more)


def run_of(*every: Series, name: str = "exp1", path: str = "runs/exp1", **more: Any) -> Run:
    """A run of these series."""
    return Run(name, Path(path), "local", {each.key: each for each in every}, **more)


def lines(
    run: Run,
    config: Mapping[str, object] | None = None,
    notes: Sequence[Diagnostic] = (),
    *,
    width: int = 80,
    look: Look | None = None,
    verbose: bool = False,
    now: float = NOW,
) -> list[str]:
    """The sheet's lines as they are read."""
    sheet = Sheet(width, look or Look(), now, verbose)
    drawn = draw_sheet(run, Found({"lr": 1} if config is None else config, (), notes), sheet)
    assert max(map(line_cells, drawn)) <= width
    return to_text(drawn, ColorDepth.NONE).splitlines()


def below(text: Sequence[str], head: str) -> list[str]:
    """The lines of one part, below its head."""
    at = next((i for i, line in enumerate(text) if line.split("  ")[0] == head), len(text))
    rest = [*text[at + 1 :], ""]
    return rest[: rest.index("")]


def test_the_whole_sheet() -> None:
    """Head and facts, then keys, configuration, pictures and notes, a blank line between them."""
    pictures = [Image("pred", step, Path(f"pred_{step}.png")) for step in (5, 10)]
    run = run_of(
        series("train/loss", [4, 2, NAN], wall_times=np.array([NOW - 90, NOW - 60, NOW - 20])),
        series("val/acc", [0.5], [10], epochs=np.array([1.5])),
        list_images=lambda: tuple(pictures),
    )
    notes = [Diagnostic("runs/exp1/scalars.json", 7, "odd", 2, (9,)), Diagnostic("x", None, "hm")]
    assert lines(run, {"lr": 0.1, "model": {"type": "Net"}}, notes) == [
        "exp1  local  runs/exp1",
        "2 keys · steps 0–20 · epoch 1.5 · took 1m10s · last record 20s ago",
        "",
        "key         count  steps  last     best  at step  curve             NaN, Inf",
        "train/loss      3   0–20   nan    2 min       10  ████████▁▁▁▁▁▁▁×         1",
        "val/acc         1     10   0.5  0.5 max       10  ▅",
        "",
        "config",
        "lr          0.1",
        "model.type  Net",
        "",
        "images  count  steps",
        "pred        2  5, 10",
        "",
        "notes",
        "2 × odd (scalars.json, first at byte 7)",
        "hm (x)",
    ]


@pytest.mark.parametrize(
    ("every", "facts"),
    [
        ([], "no record so far"),
        ([series(values=[1], steps=[7])], "1 key · steps 7"),
        ([series(), series("acc", [1], [40])], "2 keys · steps 0–40"),
        ([series(values=[1, 2], steps=[0.5, 1.25])], "1 key · steps 0.5–1.25"),
        ([series(values=[1, 2], steps=[-5, -1])], "1 key · steps -5–-1"),
        ([series(values=[1, 2], steps=[2**62, 2**62 + 1])], f"1 key · steps {2**62}–{2**62 + 1}"),
        ([series(epochs=np.array([1, NAN, 2]))], "1 key · steps 0–20 · epoch 2"),
        ([series(segments=(0, 2))], "1 key · steps 0–20 · 1 restart"),
        ([series(segments=(0, 1, 2)), series("a")], "2 keys · steps 0–20 · 2 restarts"),
    ],
)
def test_facts(every: list[Series], facts: str) -> None:
    """What holds for the whole run stands in one line, and only what the log knows."""
    assert lines(run_of(*every))[1] == facts


@pytest.mark.parametrize(
    ("times", "took", "ago"),
    [
        ([0, 0, 0], "took 0s", "last record now"),
        ([-10, -5, -1], "took 9s", "last record 1s ago"),
        ([-3700, -100, -60], "took 1h", "last record 1m ago"),
        ([-86400 * 3, -86400, -7200], "took 2d22h", "last record 2h ago"),
        ([-50, NAN, NAN], "took 0s", "last record 50s ago"),
        ([0, 60, 500], "took 8m20s", "last record now"),
    ],
)
def test_clock(times: list[float], took: str, ago: str) -> None:
    """How long it took, and how long ago its last record is; never a time to come."""
    run = run_of(series(wall_times=NOW + np.array(times)))
    assert lines(run)[1].split(" · ")[2:] == [took, ago]


def test_clock_of_the_whole_run() -> None:
    """The first and the last record count, whichever key they are of."""
    early = series("a", wall_times=np.array([NOW - 100, NOW - 90, NOW - 80]))
    late = series("b", wall_times=np.array([NOW - 60, NOW - 50, NOW - 40]))
    for every in ((early, late), (late, early)):
        assert lines(run_of(*every, series("c")))[1].endswith("took 1m · last record 40s ago")


def test_facts_break_between_each_other() -> None:
    """Where one line has no room for all, none is cut, and none is lost."""
    run = run_of(series(epochs=np.arange(3.0), wall_times=np.full(3, NOW - 40), segments=(0, 1)))
    whole = lines(run)[1]
    for width in range(24, 80):
        text = lines(run, width=width)
        assert " · ".join(text[1 : text.index("")]) == whole


@pytest.mark.parametrize("steps", [[-(2**62), 2**62], [0.5, 1e308], [-1e308, 1e308]])
@pytest.mark.parametrize("width", [24, 40, 80])
def test_steps_of_any_size(steps: list[float], width: int) -> None:
    """A fact that is longer than a line is shortened, and those after it still show."""
    run = run_of(series(values=[1, 2], steps=steps, epochs=np.array([1.0, 2.0])))
    text = lines(run, width=width)
    assert text[text.index("") - 1].endswith("epoch 2")
    assert all(text[: text.index("")])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("exp1", "a" * 500),
        ("x" * 500, "x" * 500),
        ("训练损失" * 40, "runs/" + "训练损失" * 40),
        ("训练" * 9, "a/训练" * 30),
        ("\x1b[31m", "\u202e" * 90),
        ("\x1b" * 300, "\x1b" * 300),
        ("e\u0301" * 200, "e\u0301" * 200),
    ],
)
def test_head_has_room_for_both(name: str, path: str) -> None:
    """A long name and a long path share the line at any width; both are seen."""
    run = run_of(series(), name=name, path=path)
    for width in (*range(24, 120), 200, 300):
        head = lines(run, width=width)[0]
        shown, format_, where = head.rsplit("  ", 2)
        assert shown
        assert format_ == "local"
        assert where


@pytest.mark.parametrize("config", [{}, {"lr": 1}])
def test_parts_that_have_nothing_to_say_are_left_out(config: dict[str, object]) -> None:
    """No head stands without lines below it."""
    text = lines(run_of(series()), config)
    assert text.count("") == 1 + bool(config)
    assert below(text, "config") == [f"{name}      {value}" for name, value in config.items()]
    assert not any(line.startswith(("images", "notes")) for line in text)


def test_empty_run_still_says_what_it_is() -> None:
    """A run of nothing is its head alone."""
    assert lines(run_of(), {}) == ["exp1  local  runs/exp1", "no record so far"]


def test_best_follows_from_the_name() -> None:
    """The lowest loss, the highest accuracy, and the step of each."""
    every = [series(key, [3, 1, 5, 1, 5]) for key in ("loss", "val/acc", "error", "F1")]
    rows = [line.split() for line in below(lines(run_of(*every)), "key")]
    assert [row[5:8] for row in rows] == [
        ["1", "min", "10"],
        ["5", "max", "20"],
        ["1", "min", "10"],
        ["5", "max", "20"],
    ]


def test_what_a_restart_replaced_is_not_the_best() -> None:
    """All samples are counted, but first, last and best are of what the chart shows."""
    lost = series(values=[9, 0, 5, 4], steps=[0, 10, 10, 20], segments=(0, 2))
    (row,) = below(lines(run_of(lost)), "key")
    assert row.split()[:8] == ["loss", "4", "0–20", "9", "4", "4", "min", "20"]


def test_columns_of_less_worth_go_first() -> None:
    """The narrower, the fewer columns; key and last value always show."""
    run = run_of(series("val/accuracy", [0.123456, NAN, 0.234567], [1000, 2000, 3000]))
    heads = ["key", "count", "steps", "first", "last", "best", "at step", "curve", "NaN, Inf"]
    known = len(heads)
    for width in range(120, 23, -1):
        head = next(line for line in lines(run, width=width) if line.startswith("key"))
        shown = [name for name in heads if f" {name} " in f" {head} "]
        assert {"key", "last"} <= set(shown)
        assert len(shown) <= known
        known = len(shown)
    assert known < 4
    assert [name for name in heads if f" {name} " in f" {lines(run, width=120)[3]} "] == heads


def test_figures_are_never_shortened() -> None:
    """Where there is no room for a figure, its column is left out; a cut number would be a lie."""
    run = run_of(series("train/loss", [2.283, 0.003343, 0.02859], [1, 583, 600]))
    for width in range(24, 120):
        assert "…" not in "".join(below(lines(run, width=width), "key"))


def test_curve_is_as_wide_as_there_is_room() -> None:
    """A curve takes a fifth of the width, no less than twelve cells and no more than forty."""
    run = run_of(series("loss", list(range(100))))
    for width, wide in ((60, 12), (80, 16), (120, 24), (200, 40), (300, 40)):
        (row,) = below(lines(run, width=width), "key")
        assert len(row.split()[-1]) == wide


@pytest.mark.parametrize("look", [Look(), ASCII])
@pytest.mark.parametrize("verbose", [False, True])
def test_every_width(look: Look, *, verbose: bool) -> None:
    """From 24 cells to 300, no line is wider, whatever there is to show."""
    run = run_of(
        series("train/a-long-name/of-a-loss", [1e-9, NAN, -123456.789], [10**6, 10**7, 10**8]),
        series("训练/损失", [-INF, 2, 3], epochs=np.arange(3.0), wall_times=NOW - np.arange(3.0)),
        series("k" * 400),
        series("", [-1.234e-300] * 3),
        list_images=lambda: tuple(
            Image(f"val/预测/{'p' * (step % 50)}", step, Path("p.png")) for step in range(90)
        ),
    )
    config = {
        f"a{i}": {"b" * i: ["x" * i, {"训": i}], "\x1b": "训练" * i, "c": 1.5} for i in range(30)
    }
    notes = [
        Diagnostic(f"{'d' * 50}/训练{i}.json", 10**i, f"what is odd {'x' * 9 * i}", i, (1, 10**15))
        for i in range(8)
    ]
    for width in range(24, 301):
        lines(run, config, notes, width=width, look=look, verbose=verbose)


def test_values_are_counted_beyond_two_dozen() -> None:
    """The first 24 values show and the rest is a number, unless all are asked for."""
    for count, more in ((24, []), (25, ["and 1 more values (--verbose)"])):
        config = {f"a{i:02}": i for i in range(count)}
        text = below(lines(run_of(series()), config), "config")
        assert len(text) == 24 + len(more)
        assert text[24:] == more
        text = below(lines(run_of(series()), config, verbose=True), "config")
        assert [line.split() for line in text] == [[name, str(i)] for name, i in config.items()]


def test_values_of_a_config() -> None:
    """Text has no quotes unless they say something; nested names are dotted."""
    config = {"a": "text", "b": "", "c": " x", "d": None, "e": {"f": [1, {"g": b"\0"}]}, "h": {}}
    config["i"] = [[1, 2], (), [3]]
    text = below(lines(run_of(series()), config), "config")
    assert [line.split(maxsplit=1) for line in text] == [
        ["a", "text"],
        ["b", "''"],
        ["c", "' x'"],
        ["d", "None"],
        ["e.f.0", "1"],
        ["e.f.1.g", r"b'\x00'"],
        ["h", "{}"],
        ["i.0", "[1, 2]"],
        ["i.1", "()"],
        ["i.2", "[3]"],
    ]


@pytest.mark.parametrize(
    ("note", "said", "places"),
    [
        (Diagnostic("a/log.json", None, "remark"), "remark (log.json)", []),
        (Diagnostic("a/log.json", 5, "odd", 1), "odd (log.json, at byte 5)", []),
        (Diagnostic("log.json", 0, "odd", 3), "3 × odd (log.json, first at byte 0)", []),
        (
            Diagnostic("log.json", 5, "odd", 3, (7, 9)),
            "3 × odd (log.json, first at byte 5)",
            ["  again at byte 7", "  again at byte 9"],
        ),
        (
            Diagnostic("log.json", 5, "odd", 40, (7,)),
            "40 × odd (log.json, first at byte 5)",
            ["  again at byte 7", "  and 38 more"],
        ),
        (Diagnostic("a/run", None, "\x1b[31m\n"), "␛[31m␊ (run)", []),
    ],
)
def test_notes(note: Diagnostic, said: str, places: list[str]) -> None:
    """What, how often, in which file and where; `verbose` lists the other places."""
    run = run_of(series())
    assert below(lines(run, notes=[note]), "notes") == [said]
    assert below(lines(run, notes=[note], verbose=True), "notes") == [said, *places]


def test_notes_are_counted_beyond_five() -> None:
    """Five notes show and the rest is a number, unless all are asked for."""
    run = run_of(series())
    for count, more in ((5, []), (7, ["and 2 more notes (--verbose)"])):
        notes = [Diagnostic("log", i, f"odd {i}", 1) for i in range(count)]
        text = below(lines(run, notes=notes), "notes")
        assert text == [f"odd {i} (log, at byte {i})" for i in range(5)] + more
        assert len(below(lines(run, notes=notes, verbose=True), "notes")) == count


def test_pictures() -> None:
    """A line for each name, with how many there are and their steps as listed."""
    pictures = [Image("a", 1, Path("a")), Image("a", 20, Path("a")), Image("b/c", -3, Path("b"))]
    text = lines(run_of(list_images=lambda: tuple(pictures)), {})
    assert [line.split(maxsplit=2) for line in below(text, "images")] == [
        ["a", "2", "1, 20"],
        ["b/c", "1", "-3"],
    ]


def test_what_stands_out() -> None:
    """The name is bold, what explains is dim, and the figures are neither."""
    drawn = draw_sheet(run_of(series()), Found({"lr": 1}, (), []), Sheet(80, Look(), NOW))
    looks = {span.text.strip(): span.style for line in drawn for span in line}
    assert looks["exp1"].bold
    assert looks["key"].dim
    assert looks["config"].dim
    assert not any(looks["loss"])
    assert not looks["loss"].dim


def steering(drawn: Sequence[Line]) -> set[str]:
    """The characters that could steer a terminal."""
    text = "".join(span.text for line in drawn for span in line)
    return {char for char in text if unicodedata.category(char) in STEERING}


@settings(deadline=None, max_examples=150)
@given(
    names=st.lists(st.text(max_size=40), min_size=4, max_size=4),
    values=st.lists(st.floats(), min_size=1, max_size=6),
    config=st.dictionaries(
        st.text(max_size=30), st.text() | st.integers() | st.lists(st.text(max_size=5)), max_size=3
    ),
    width=st.integers(24, 300),
    verbose=st.booleans(),
)
@example(names=["\x9b"] * 4, values=[1.0], config={"\ud800": "\x00"}, width=24, verbose=True)
@example(names=["训" * 40] * 4, values=[-1.2345e-300], config={}, width=24, verbose=False)
def test_any_text_from_outside(
    names: list[str], values: list[float], config: dict[str, object], width: int, *, verbose: bool
) -> None:
    """Whatever a run and what is in it are called, nothing steers and nothing is too wide."""
    name, key, picture, note = names
    run = run_of(
        series(key, values),
        name=name,
        path=name.replace("\0", "") or ".",
        list_images=lambda: (Image(picture, 3, Path("p")),),
    )
    notes = [Diagnostic(note, 3, note, 2, (4,))]
    drawn = draw_sheet(run, Found(config, (), notes), Sheet(width, Look(), NOW, verbose))
    assert max(map(line_cells, drawn)) <= width
    assert steering(drawn) == set()
