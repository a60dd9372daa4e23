"""`trainviz plot` as the contract has it: keys, axes, limits, smoothing, scales, figures, JSON."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

NAN, INF = math.nan, math.inf
FRAME = "┤│"
NUMBERS = st.one_of(
    st.floats(),
    st.floats(-10, 10),
    st.integers(-(2**70), 2**70),
    st.sampled_from([NAN, INF, -INF, 0.0, 5e-324, 1.7e308, -1.7e308]),
)
OPTIONS = st.lists(
    st.sampled_from(
        [
            "--log-x",
            "--log-y",
            "--robust",
            "--together",
            "--ascii",
            "--smooth=ema:0.9",
            "--smooth=median:3",
            "--smooth=mean:3",
            "--smooth=gauss:2",
            "--overlap=all",
            "--overlap=first",
            "-xindex",
            "-xb",
            "--xlim=1:",
            "--ylim=:2",
            "--ylim=1e-3:1e3",
        ]
    ),
    unique_by=lambda option: option[:5],
    max_size=4,
)


def titles(ran: Any) -> list[str]:
    """The titles of charts that stand below one another."""
    return [
        line
        for line, below in zip(ran.lines, ran.lines[1:], strict=False)
        if re.match(r" *[-\d.a-zA-Z]*[┤│]", below) and not re.search(r"[┤│]", line)
    ]


def legend(ran: Any) -> list[str]:
    """The names that stand in the legends, in order."""
    return [line.split()[1] for line in ran.lines if re.match(r"[●▲■◆○△□◇] ", line)]


def area(ran: Any) -> list[str]:
    """What is drawn inside the axes of the first chart, row by row."""
    rows = [re.split("[┤│]", line, maxsplit=1)[1] for line in ran.lines if re.search("[┤│]", line)]
    return [row.ljust(max(map(len, rows))) for row in rows]


def series(ran: Any) -> list[dict[str, Any]]:
    """The series of a JSON document that holds no constant JSON doesn't know."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    assert ran.code == 0, ran.err
    document = json.loads(ran.out, parse_constant=refuse)
    assert isinstance(document["series"], list)
    return document["series"]


def restarted(log: Any, folder: Path) -> Path:
    """A run that logged steps 0 to 5, then began again at step 3."""
    rows = [{"loss": 10.0 + i, "step": i} for i in range(6)]
    rows += [{"loss": 20.0 + i, "step": i} for i in range(3, 8)]
    return log(folder / "exp1", rows)


def test_each_key_has_a_chart_of_its_own(trainviz: Any, run: Path) -> None:
    """Two keys are two charts, in the order asked for."""
    assert titles(trainviz("plot", run, "-k", "loss", "-k", "acc")) == ["loss", "acc"]


def test_small_multiples_stand_side_by_side(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is room for two charts, they share their lines."""
    monkeypatch.setenv("COLUMNS", "130")
    ran = trainviz("plot", run, "-k", "loss", "-k", "acc")
    assert ran.lines[0].split() == ["loss", "acc"]
    assert len([line for line in ran.lines if line.count("●") == 2]) == 1


def test_together_is_one_chart(trainviz: Any, run: Path) -> None:
    """All keys share one chart, each by its own name in the legend."""
    ran = trainviz("plot", run, "-k", "loss", "-k", "acc", "--together")
    assert titles(ran) == ["loss, acc"]
    assert legend(ran) == ["loss", "acc"]


def test_without_key_the_main_metrics_show(trainviz: Any, samples: Path) -> None:
    """Losses, then evaluation metrics, then the rest; never epoch or time."""
    ran = trainviz("plot", samples / "sgd_seed0")
    assert titles(ran) == ["train/loss", "val/loss", "val/acc", "val/mAP", "train/acc", "lr"]
    assert ran.err == ""


def test_part_of_a_key_is_taken_and_said(trainviz: Any, samples: Path) -> None:
    """One match is used, and stderr says which."""
    ran = trainviz("plot", samples / "sgd_seed0", "-k", "mAP")
    assert titles(ran) == ["val/mAP"]
    assert ran.err == "trainviz: note: mAP is taken as val/mAP\n"


def test_exact_key_needs_no_word(trainviz: Any, samples: Path) -> None:
    """Who names a key exactly is told nothing."""
    assert trainviz("plot", samples / "sgd_seed0", "-k", "val/mAP").err == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("val/*", ["val/loss", "val/acc", "val/mAP"]),
        ("re:acc$", ["train/acc", "val/acc"]),
        ("MAP", ["val/mAP"]),
    ],
)
def test_key_may_be_a_pattern(trainviz: Any, samples: Path, query: str, found: list[str]) -> None:
    """A glob and a regular expression may mean several keys, and case may differ."""
    assert titles(trainviz("plot", samples / "sgd_seed0", "--key", query)) == found


def test_key_is_resolved_on_all_runs_together(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A name that is clear in each run by itself is ambiguous where they differ."""
    a = log(tmp_path / "a", [{"train/acc": 1, "step": 0}])
    b = log(tmp_path / "b", [{"val/acc": 1, "step": 0}])
    assert trainviz("plot", a, "-k", "acc").code == 0
    ran = trainviz("plot", a, b, "-k", "acc")
    assert (ran.code, ran.out) == (3, "")
    assert "train/acc" in ran.err
    assert "val/acc" in ran.err


def test_run_that_lacks_the_key_is_named(trainviz: Any, log: Any, run: Path) -> None:
    """The runs that have the key are drawn; stderr names the one that hasn't."""
    other = log(run.parent / "exp2", [{"other": 1, "step": 0}])
    ran = trainviz("plot", run, other, "-k", "loss")
    assert legend(ran) == ["exp1"]
    assert ran.err == "trainviz: note: loss is not in exp2\n"


@pytest.mark.parametrize("form", ["exp1", "exp1/scalars.json", ".", "exp*", "*/scalars.json"])
def test_run_may_be_named_in_five_ways(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A directory, a log file, a folder of runs, and globs of either lead to the run."""
    monkeypatch.chdir(run.parent)
    assert legend(trainviz("plot", form, "-k", "loss")) == ["exp1"]


def test_run_named_twice_is_drawn_once(trainviz: Any, run: Path) -> None:
    """The run and the folder it is in are one run."""
    assert legend(trainviz("plot", run, run.parent, "-k", "loss")) == ["exp1"]


def test_runs_of_one_name_are_told_apart(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Names grow until they differ."""
    for folder in ("a", "b"):
        log(tmp_path / folder / "exp", [{"loss": 1, "step": 0}])
    assert legend(trainviz("plot", tmp_path)) == ["a/exp", "b/exp"]


def test_six_real_runs_share_a_chart(trainviz: Any, samples: Path) -> None:
    """Each run has a mark in the legend that also stands on the chart."""
    ran = trainviz("plot", samples, "-k", "mAP")
    marks = [line[0] for line in ran.lines if re.match(r"[●▲■◆○△□◇] ", line)]
    assert len(set(marks)) == 6
    drawn = "".join(area(ran))
    assert all(mark in drawn for mark in marks)


@pytest.mark.parametrize(
    ("axis", "x"),
    [
        ("step", [2, 4, 6]),
        ("index", [0, 1, 2]),
        ("epoch", [1.0, 2.0, 3.0]),
        ("time", [1000.0, 1010.0, 1040.0]),
        ("relative", [0.0, 10.0, 40.0]),
        ("seen", [16.0, 32.0, 48.0]),
    ],
)
def test_x_axis(trainviz: Any, log: Any, tmp_path: Path, axis: str, x: list[float]) -> None:
    """Every axis puts the samples where the log says, and the chart names it."""
    rows = [{"loss": 1, "seen": 8 * step, "epoch": step // 2, "step": step} for step in (2, 4, 6)]
    run = log(tmp_path / "exp", rows)
    ends = [len(line) for line in (run / "scalars.json").read_bytes().splitlines(keepends=True)]
    stamps = zip(ends, (1000, 1010, 1040), strict=True)
    offsets = [{"offset": sum(ends[: i + 1]), "time": t} for i, (_, t) in enumerate(stamps)]
    (run / "scalars.times").write_text("".join(json.dumps(row) + "\n" for row in offsets))
    (found,) = series(trainviz("plot", run, "-k", "loss", "-x", axis, "--json"))
    assert (found["axis"], found["x"]) == (axis, x)
    shown = trainviz("plot", run, "-k", "loss", "-x", axis)
    name = next(
        line for line, above in zip(shown.lines[1:], shown.lines, strict=False) if "└" in above
    )
    assert axis in name


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("ema:0.9", "EMA 0.9"),
        ("median:3", "median of the last 3"),
        ("mean:4", "mean of the last 4"),
        ("gauss:2", "Gaussian, σ 2 samples"),
    ],
)
def test_smoothing_is_stated_and_raw_stays(
    trainviz: Any, run: Path, amount: str, said: str
) -> None:
    """The legend says how it was smoothed; `y` stays what was logged, beside `smooth`."""
    ran = trainviz("plot", run, "-k", "loss", "--smooth", amount)
    assert f"smoothed: {said}; the samples themselves behind" in ran.lines
    (raw,) = series(trainviz("plot", run, "-k", "loss", "--json"))
    (found,) = series(trainviz("plot", run, "-k", "loss", "--smooth", amount, "--json"))
    assert found["y"] == raw["y"]
    assert len(found["smooth"]) == len(raw["y"])
    assert found["smooth"] != raw["y"]
    assert "smooth" not in raw


def test_raw_samples_stay_visible_behind_the_smoothed(trainviz: Any, log: Any, run: Path) -> None:
    """A spike that smoothing flattens is still on the chart."""
    rows = [{"loss": 100.0 if i == 50 else 1.0, "step": i} for i in range(100)]
    spiky = log(run.parent / "spiky", rows)
    ran = trainviz("plot", spiky, "--smooth", "median:20")
    assert area(ran)[0].strip()


def test_limits_are_the_ends_of_the_axes(trainviz: Any, run: Path) -> None:
    """`--xlim` and `--ylim` say what is in sight, and the chart says what is not."""
    ran = trainviz("plot", run, "-k", "loss", "--xlim", "2:12", "--ylim", "0:0.6")
    labels = [line.split("┤")[0] for line in ran.lines if "┤" in line]
    assert labels[0] == "0.6"
    assert float(labels[-1]) == 0
    numbers = next(line for line in ran.lines if line.endswith(" step")).split()[:-1]
    assert numbers[0] == "2"
    assert all(2 <= int(number) <= 12 for number in numbers)
    assert "1 above the scale, as far as 0.6667 at step 2" in ran.lines


@pytest.mark.parametrize(("limit", "ends"), [(":1", (None, 1.0)), ("0.5:", (0.5, None))])
def test_either_limit_may_be_left_out(
    trainviz: Any, run: Path, limit: str, ends: tuple[float | None, float | None]
) -> None:
    """An end that is left out goes as far as the data."""
    ran = trainviz("plot", run, "-k", "loss", "--ylim", limit)
    above = any("above the scale" in line for line in ran.lines)
    below = any("below the scale" in line for line in ran.lines)
    assert (below, above) == tuple(end is not None for end in ends)


def test_log_y_has_decades_and_says_what_it_cannot_show(trainviz: Any, log: Any, run: Path) -> None:
    """Powers of ten are the labels; values that have no logarithm are counted."""
    rows = [{"loss": v, "step": i} for i, v in enumerate([1000, 100, 0, 10, -5, 1])]
    ran = trainviz("plot", log(run.parent / "log", rows), "--log-y")
    labels = [line.split("┤")[0].strip() for line in ran.lines if "┤" in line]
    assert labels == ["1000", "100", "10", "1"]
    assert "2 of 6 not above 0, so not on a logarithmic axis" in ran.lines


def test_log_x_has_decades(trainviz: Any, log: Any, run: Path) -> None:
    """Powers of ten stand under the x axis."""
    rows = [{"loss": 1 / (1 + i), "step": 10**i} for i in range(5)]
    ran = trainviz("plot", log(run.parent / "log", rows), "--log-x")
    numbers = next(line for line in ran.lines if line.endswith(" step")).split()[:-1]
    assert numbers[:4] == ["1", "10", "100", "1000"]


@pytest.mark.parametrize(
    ("overlap", "steps", "values"),
    [
        ("last", [*range(8)], [10, 11, 12, 23, 24, 25, 26, 27]),
        ("first", [*range(8)], [10, 11, 12, 13, 14, 15, 26, 27]),
        ("all", [*range(6), *range(3, 8)], [*range(10, 16), *range(23, 28)]),
    ],
)
def test_overlap(
    trainviz: Any, log: Any, tmp_path: Path, overlap: str, steps: list[int], values: list[int]
) -> None:
    """A step that was logged again shows what was asked for, and the chart says so."""
    run = restarted(log, tmp_path)
    (found,) = series(trainviz("plot", run, "--overlap", overlap, "--json"))
    assert (found["x"], found["y"]) == (steps, values)
    shown = trainviz("plot", run, "--overlap", overlap)
    assert any(line.startswith("restarted: where steps were logged again") for line in shown.lines)


def test_overlap_last_is_the_default(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Without the option, what was logged later shows."""
    run = restarted(log, tmp_path)
    assert trainviz("plot", run).out == trainviz("plot", run, "--overlap", "last").out


def outlier(log: Any, folder: Path) -> Path:
    """A run of hundred quiet losses and one that is far off, at step 40."""
    rows = [{"loss": 1e6 if i == 40 else 2 - i / 100, "step": i} for i in range(100)]
    return log(folder / "exp1", rows)


def test_robust_states_what_is_off_the_scale(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """The chart keeps the outlier off its scale, marks where it is, and says how far it goes."""
    ran = trainviz("plot", outlier(log, tmp_path), "--robust")
    assert "1 above the scale, as far as 1M at step 40" in ran.lines
    assert "↑" in area(ran)[0]
    assert ran.err == ""


def test_full_shows_everything_and_mentions_robust(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Without `--robust` the outlier is on the scale, and stderr knows the cure."""
    ran = trainviz("plot", outlier(log, tmp_path))
    assert "1.0M┤" in ran.out
    assert "the scale" not in ran.out
    assert "--robust" in ran.err
    assert trainviz("plot", outlier(log, tmp_path), "--full").out == ran.out


def test_title(trainviz: Any, run: Path) -> None:
    """The title stands in place of the key."""
    assert trainviz("plot", run, "-k", "loss", "--title", "My run").lines[0] == "My run"


@pytest.mark.parametrize("height", [6, 12, 40])
def test_height_is_the_rows_of_a_chart(trainviz: Any, run: Path, height: int) -> None:
    """Title, curve and axes take so many rows; the legend stands below."""
    ran = trainviz("plot", run, "-k", "loss", "--height", height)
    assert [i for i, line in enumerate(ran.lines) if line.startswith("● ")] == [height]


def test_every_sample_is_drawn(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """One sample of many thousand, alone in its direction, is seen at the top and at the bottom."""
    rows = [{"loss": {7000: 5.0, 13001: -5.0}.get(i, 0.0), "step": i} for i in range(20_000)]
    rows_drawn = area(trainviz("plot", log(tmp_path / "exp", rows)))
    assert rows_drawn[0].strip()
    assert rows_drawn[-1].strip()
    top, bottom = (row.index(row.strip()) / len(row) for row in (rows_drawn[0], rows_drawn[-1]))
    assert top == pytest.approx(0.35, abs=0.03)
    assert bottom == pytest.approx(0.65, abs=0.03)


def test_lone_point_is_visible(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A run of one sample is a chart with a dot, and the legend says its value."""
    ran = trainviz("plot", log(tmp_path / "exp", [{"loss": 0.25, "step": 3}]))
    assert "".join(area(ran)).strip()
    assert "last 0.25" in ran.lines[-1]


def test_nonfinite_values_are_marked(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """NaN is a cross on the axis below it, infinities are arrows at their end of the scale."""
    values = [1.0, NAN, 1.5, INF, 1.2, -INF, 1.0]
    rows = [{"loss": value, "step": i} for i, value in enumerate(values)]
    ran = trainviz("plot", log(tmp_path / "exp", rows), "--width", 60)
    drawn = area(ran)
    axis = next(line for line in ran.lines if "└" in line).split("└")[1]
    width = len(axis)
    assert [i / (width - 1) for i, sign in enumerate(axis) if sign == "×"] == [
        pytest.approx(1 / 6, abs=0.02)
    ]
    assert drawn[0].index("⇑") / (width - 1) == pytest.approx(3 / 6, abs=0.02)
    assert drawn[-1].index("⇓") / (width - 1) == pytest.approx(5 / 6, abs=0.02)
    assert "3 not finite, first at 1" in ran.lines[-1]


def test_values_that_are_all_nan_still_make_a_chart(
    trainviz: Any, log: Any, tmp_path: Path
) -> None:
    """A run that diverged at once shows that it did."""
    ran = trainviz("plot", log(tmp_path / "exp", [{"loss": NAN, "step": i} for i in range(9)]))
    assert ran.code == 0
    assert "9 not finite, first at 0" in ran.lines[-1]


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_output_writes_a_figure(
    trainviz: Any, run: Path, tmp_path: Path, suffix: str, magic: bytes
) -> None:
    """The file is of the kind its name says, and stdout is its path."""
    file = tmp_path / f"chart{suffix}"
    ran = trainviz("plot", run, "-o", file)
    assert (ran.code, ran.out, ran.err) == (0, f"{file}\n", "")
    assert file.read_bytes().startswith(magic)


def test_output_and_json_go_together(trainviz: Any, run: Path, tmp_path: Path) -> None:
    """The figure is written, and stdout is the document alone."""
    file = tmp_path / "chart.svg"
    assert len(series(trainviz("plot", run, "-o", file, "--json"))) == 2
    assert file.exists()


def test_show_opens_a_window_instead(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--show` hands the figure to a window, and prints nothing."""
    shown: list[object] = []
    monkeypatch.setattr("trainviz_cli.imaging.window.show_figure", shown.append)
    ran = trainviz("plot", run, "--show")
    assert (ran.code, ran.out, len(shown)) == (0, "", 1)


def test_json_has_the_fields_of_the_contract(trainviz: Any, samples: Path) -> None:
    """Each series says its run, key, axis, places, values, and where they aren't finite."""
    found = series(trainviz("plot", samples, "-k", "mAP", "--json"))
    assert [row["run"] for row in found] == sorted(
        path.name for path in samples.iterdir() if path.is_dir()
    )
    assert {tuple(row) for row in found} == {("run", "key", "axis", "x", "y", "nonfinite")}
    assert {(row["key"], row["axis"], len(row["x"]), len(row["y"])) for row in found} == {
        ("val/mAP", "step", 30, 30)
    }


def test_json_is_one_line(trainviz: Any, run: Path) -> None:
    """One document, ended by a newline."""
    ran = trainviz("plot", run, "--json")
    assert ran.out.count("\n") == 1
    assert ran.out.endswith("}\n")


def test_json_values_are_exact(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """No digit of a value or of a step is lost, and what was an integer stays one."""
    values = [0.1 + 0.2, 1e-300, 123456789.123456789, -0.0]
    rows = [{"loss": v, "step": 2**53 + 1 + i} for i, v in enumerate(values)]
    (found,) = series(trainviz("plot", log(tmp_path / "a", rows), "--json"))
    assert [repr(value) for value in found["y"]] == [repr(value) for value in values]
    assert [repr(step) for step in found["x"]] == [repr(2**53 + 1 + i) for i in range(4)]
    rows = [{"tokens": 2**60 + i, "step": i} for i in range(3)]
    (found,) = series(trainviz("plot", log(tmp_path / "b", rows), "--json"))
    assert [repr(value) for value in found["y"]] == [repr(2**60 + i) for i in range(3)]


def test_json_nonfinite_is_null_and_listed(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """What JSON can't hold is null, and its steps are under `nonfinite`."""
    rows = [{"loss": v, "step": 10 * i} for i, v in enumerate([1.0, NAN, INF, -INF, 2.0])]
    (found,) = series(trainviz("plot", log(tmp_path / "exp", rows), "--json"))
    assert found["y"] == [1.0, None, None, None, 2.0]
    assert found["nonfinite"] == [10, 20, 30]


def test_json_smooth_is_null_where_there_is_none(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A smoothed value of a NaN is no number either."""
    rows = [{"loss": v, "step": i} for i, v in enumerate([1.0, NAN, 3.0])]
    ran = trainviz("plot", log(tmp_path / "exp", rows), "--smooth", "mean:2", "--json")
    assert series(ran)[0]["smooth"] == [1.0, None, 2.0]


def test_samples_of_one_step_are_drawn_in_order(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Where every sample has the same step, the order is the axis, and the chart says so."""
    run = log(tmp_path / "exp", [{"loss": i, "step": 0} for i in range(5)])
    (found,) = series(trainviz("plot", run, "--json"))
    assert (found["axis"], found["x"]) == ("index", [0, 1, 2, 3, 4])
    assert "all samples have step 0" in trainviz("plot", run).lines[-1]


def test_damage_is_noted_and_the_rest_drawn(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """What can be read is drawn; stderr counts what can't, says why, and where it begins."""
    rows = [{"loss": 1.0, "step": 0}, "garbage", '{"loss": 2', {"loss": 3.0, "step": 1}]
    ran = trainviz("plot", log(tmp_path / "exp", rows))
    assert ran.code == 0
    assert "last 3" in ran.lines[-1]
    first, second = ran.err.splitlines()
    assert first == "trainviz: note: exp: skipped 2 lines or values"
    assert second == "  line is no JSON object: 2 (scalars.json, first at byte 25)"


def test_unreadable_run_among_several_is_left_out(trainviz: Any, log: Any, run: Path) -> None:
    """One empty log doesn't keep the others from being drawn, and is named."""
    empty = log(run.parent / "exp2", [])
    ran = trainviz("plot", run, empty, "-k", "loss")
    assert (ran.code, legend(ran)) == (0, ["exp1"])
    assert re.match(r"trainviz: note: left out: .*exp2", ran.err)


def test_twice_the_same_is_twice_the_same(trainviz: Any, samples: Path) -> None:
    """Nothing of a chart depends on chance."""
    assert trainviz("plot", samples).out == trainviz("plot", samples).out


@settings(deadline=None, max_examples=150)
@given(
    samples=st.lists(
        st.tuples(st.integers(-(2**62), 2**62) | st.integers(0, 9), NUMBERS), min_size=1
    ),
    options=OPTIONS,
)
def test_no_numbers_break_a_chart(
    trainviz: Any, log: Any, scratch: Path, samples: list[tuple[int, float]], options: list[str]
) -> None:
    """Whatever was logged and however it is drawn: a chart 80 cells wide, or one line of error."""
    rows = [{"loss": value, "b": value, "step": step} for step, value in samples]
    run = log(scratch / "exp", rows)
    ran = trainviz("plot", run, *options, "-k", "loss")
    if ran.code:
        assert (ran.code in {2, 3}, ran.out) == (True, "")
    else:
        assert max(map(len, ran.lines)) <= 80
    assert all(line.startswith(("trainviz: ", "  hint: ")) for line in ran.err.splitlines())
    exact = trainviz("plot", run, *options, "-k", "loss", "--json")
    if not exact.code:
        (found,) = series(exact)
        assert len(found["x"]) == len(found["y"])
        assert found["y"].count(None) == len(found["nonfinite"])


def test_what_a_restart_replaced_is_said(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A training begun anew in its folder hides what it has not reached yet, and says so."""
    steps = [*range(1, 11), *range(1, 5)]
    ran = trainviz(
        "plot", log(tmp_path / "a", [{"loss": 1 / step, "step": step} for step in steps])
    )
    assert "10 samples of replaced starts are not shown (--overlap all)" in ran.lines
    assert "replaced" not in trainviz("plot", log(tmp_path / "b", [{"loss": 1, "step": 1}])).out


def test_a_run_without_the_axis_is_named_and_the_others_drawn(
    trainviz: Any, tmp_path: Path
) -> None:
    """Only where no run has the axis is it an error, and that says which run it is about."""
    for name, more in (("with", {"epoch": 0.5}), ("without", {})):
        (tmp_path / name).mkdir()
        record = {"loss": 1, **more, "step": 1}
        (tmp_path / name / "scalars.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    ran = trainviz("plot", tmp_path / "with", tmp_path / "without", "-k", "loss", "-x", "epoch")
    assert ran.code == 0
    assert "without: loss has no epoch axis" in ran.out
    alone = trainviz("plot", tmp_path / "without", "-k", "loss", "-x", "epoch")
    assert (alone.code, alone.out) == (3, "")
    assert alone.err.startswith("trainviz: without: loss has no epoch axis")


def test_an_empty_window_says_that_it_is(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Limits with no sample between them give an empty chart, not a silent one."""
    ran = trainviz(
        "plot",
        log(tmp_path / "a", [{"loss": 1, "step": 1}, {"loss": 2, "step": 9}]),
        "--xlim",
        "50:60",
    )
    assert "no sample lies between the ends of the x axis" in ran.out


def test_samples_of_one_instant_have_a_time_axis_in_seconds(
    trainviz: Any, log: Any, tmp_path: Path
) -> None:
    """A first try that logs within a millisecond is not drawn over decades."""
    run = log(tmp_path / "a", [{"loss": step, "step": step} for step in range(3)])
    times = Path(run) / "scalars.times"
    times.write_text('{"offset": 1, "time": 1700000000}\n', encoding="utf-8")
    assert re.search(r"\d\d:\d\d:\d\d", trainviz("plot", run, "-x", "time").out)
