"""Panels: which curves a chart has, what stands on its axes, and what its reader must know."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Drawing, build_panels, nonfinite_steps
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.errors import NotFoundError
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series


def series(key: str, steps: list[int], values: list[float], segments: tuple[int, ...]) -> Series:
    """Samples of a key, with a clock that ticks once per sample."""
    times = 1.7e9 + np.arange(len(steps))
    return Series(
        key,
        np.array(steps),
        np.array(values, np.float64),
        wall_times=times,
        segments=segments,
        start_time=1.7e9,
    )


def run(name: str, segments: tuple[int, ...] = (0,), **keys: dict[int, float]) -> Run:
    """A run with these keys, each given as step → value; `__` in a name is `/`."""
    found = {}
    for key, samples in keys.items():
        name_logged = key.replace("__", "/")
        found[name_logged] = series(name_logged, list(samples), list(samples.values()), segments)
    return Run(name, Path(name), "local", found)


def written(name: str, segments: tuple[int, ...], steps: list[int], **keys: list[float]) -> Run:
    """A run that logged these keys together, at these steps."""
    found = {key: series(key, steps, values, segments) for key, values in keys.items()}
    return Run(name, Path(name), "local", found)


ONE = run("exp", loss={0: 3.0, 1: 2.0, 2: 1.0}, acc={0: 0.1, 2: 0.9})
TWO = run("other", loss={0: 4.0, 5: 3.0})


def test_a_chart_per_key() -> None:
    """Each key has its chart, in the order asked for, with its own values."""
    charts = build_panels([ONE], ["acc", "loss"], Drawing())
    assert [chart.title for chart in charts] == ["acc", "loss"]
    assert [chart.axis for chart in charts] == ["step", "step"]
    assert charts[0].curves[0].view.y.tolist() == [0.1, 0.9]
    assert charts[0].curves[0].view.x.tolist() == [0, 2]
    assert charts[1].curves[0].main.tolist() == [3, 2, 1]


def test_all_keys_in_one_chart() -> None:
    """`--together` draws one chart with a curve for each key."""
    (chart,) = build_panels([ONE], ["loss", "acc"], Drawing(together=True))
    assert chart.title == "loss, acc"
    assert [curve.key for curve in chart.curves] == ["loss", "acc"]


def test_no_keys_make_no_chart() -> None:
    """Nothing asked for is nothing drawn."""
    assert build_panels([ONE], [], Drawing()) == []


def test_the_title_is_the_one_given() -> None:
    """`--title` replaces the key."""
    charts = build_panels([ONE], ["loss"], Drawing(title="Ablation"))
    assert charts[0].title == "Ablation"


@pytest.mark.parametrize(
    ("runs", "keys", "labels"),
    [
        ([ONE], ["loss"], ["exp"]),
        ([ONE, TWO], ["loss"], ["exp", "other"]),
        ([ONE], ["loss", "acc"], ["loss", "acc"]),
        ([ONE, TWO], ["loss", "acc"], ["exp loss", "exp acc", "other loss"]),
    ],
)
def test_the_legend_tells_curves_apart(runs: list[Run], keys: list[str], labels: list[str]) -> None:
    """A curve is called by its run, its key, or both, whichever differ; none is invented."""
    (chart,) = build_panels(runs, keys, Drawing(together=True))
    assert [curve.label for curve in chart.curves] == labels
    assert len({curve.color for curve in chart.curves}) == len(labels)


def test_a_run_keeps_its_colour() -> None:
    """Where one run lacks a key, the other's curve has the colour it has elsewhere."""
    loss, acc = build_panels([TWO, ONE], ["loss", "acc"], Drawing())
    assert [curve.run for curve in acc.curves] == ["exp"]
    assert acc.curves[0].color == loss.curves[1].color


def test_runs_of_one_name_keep_their_own_values() -> None:
    """Two runs that are called the same are still two runs."""
    twins = [run("exp", loss={0: 1.0, 1: 2.0}), run("exp", loss={0: 7.0, 1: 8.0})]
    (chart,) = build_panels(twins, ["loss"], Drawing())
    assert [curve.view.y.tolist() for curve in chart.curves] == [[1, 2], [7, 8]]


def test_a_key_of_no_run_is_not_found() -> None:
    """A chart without a curve is an error that names the key."""
    with pytest.raises(NotFoundError, match="nope"):
        build_panels([ONE, TWO], ["nope"], Drawing())


def test_smoothing_is_by_piece_and_the_raw_curve_stays() -> None:
    """The smoothed curve is beside the raw one, and does not mix what a restart separates."""
    source = written("exp", (0, 2), [0, 1, 2, 3], loss=[1.0, 1.0, 9.0, 9.0])
    (chart,) = build_panels([source], ["loss"], Drawing(smooth=Smoothing("mean", 3)))
    curve = chart.curves[0]
    assert curve.view.y.tolist() == [1, 1, 9, 9]
    assert curve.smooth is not None
    assert curve.smooth.tolist() == [1, 1, 9, 9]
    assert curve.main is curve.smooth


def test_overlap_is_handed_on() -> None:
    """`--overlap` decides which of the repeated steps are drawn."""
    source = written("exp", (0, 3), [0, 1, 2, 1, 2], loss=[1, 2, 3, 8, 9])
    drawn = {
        overlap: build_panels([source], ["loss"], Drawing(overlap=overlap))[0].curves[0].view.y
        for overlap in ("first", "last", "all")
    }
    assert {overlap: y.tolist() for overlap, y in drawn.items()} == {
        "first": [1, 2, 3],
        "last": [1, 8, 9],
        "all": [1, 2, 3, 8, 9],
    }


@pytest.mark.parametrize(
    ("axis", "x"),
    [
        ("step", [0, 1, 2]),
        ("index", [0, 1, 2]),
        ("time", [1.7e9, 1.7e9 + 1, 1.7e9 + 2]),
        ("relative", [0, 1, 2]),
    ],
)
def test_the_axis_is_the_one_asked_for(axis: str, x: list[float]) -> None:
    """`-x` decides what the samples stand over."""
    (chart,) = build_panels([ONE], ["loss"], Drawing(x=axis))
    assert chart.axis == axis
    assert chart.curves[0].view.x.tolist() == x


def test_an_axis_that_the_log_lacks_is_not_found() -> None:
    """A log without epochs has no epoch axis."""
    with pytest.raises(NotFoundError, match="epoch"):
        build_panels([ONE], ["loss"], Drawing(x="epoch"))


def test_an_axis_that_is_no_key_is_not_found() -> None:
    """What is neither an axis nor a key is not found."""
    with pytest.raises(NotFoundError):
        build_panels([ONE], ["loss"], Drawing(x="nope"))


def test_against_a_key() -> None:
    """Each sample stands over the latest value of the other key at or before its step."""
    source = run("exp", loss={0: 9.0, 1: 8.0, 5: 7.0, 9: 6.0}, lr={1: 0.1, 5: 0.2, 6: 0.3})
    (chart,) = build_panels([source], ["loss"], Drawing(x="lr"))
    view = chart.curves[0].view
    assert chart.axis == view.axis == "lr"
    np.testing.assert_array_equal(view.x, [math.nan, 0.1, 0.2, 0.3])
    assert view.y.tolist() == [9, 8, 7, 6]
    assert view.steps.tolist() == [0, 1, 5, 9]


def test_against_part_of_a_name() -> None:
    """The other key is found as `--key` finds one."""
    source = run("exp", loss={0: 9.0, 1: 8.0}, train__lr={0: 0.1, 1: 0.2})
    (chart,) = build_panels([source], ["loss"], Drawing(x="lr"))
    assert chart.curves[0].view.x.tolist() == [0.1, 0.2]


def test_against_a_key_that_comes_too_late() -> None:
    """Where the other key has no value in time, the error says so and names the cure."""
    source = run("exp", loss={0: 9.0, 1: 8.0}, lr={5: 0.1})
    with pytest.raises(NotFoundError, match="lr") as raised:
        build_panels([source], ["loss"], Drawing(x="lr"))
    assert raised.value.hint == "use -x step"


SAMPLES = st.dictionaries(st.integers(0, 15), st.floats(-9, 9), min_size=1, max_size=12).map(
    lambda samples: dict(sorted(samples.items()))
)


@settings(deadline=None)
@given(loss=SAMPLES, lr=SAMPLES)
def test_against_any_key(loss: dict[int, float], lr: dict[int, float]) -> None:
    """Whatever steps the two keys were logged at, the latest value is the one."""
    wanted = [
        next((lr[before] for before in range(step, -1, -1) if before in lr), math.nan)
        for step in loss
    ]
    source = run("exp", loss=loss, lr=lr)
    if all(map(math.isnan, wanted)):
        with pytest.raises(NotFoundError):
            build_panels([source], ["loss"], Drawing(x="lr"))
    else:
        (chart,) = build_panels([source], ["loss"], Drawing(x="lr"))
        np.testing.assert_array_equal(chart.curves[0].view.x, wanted)


@pytest.mark.parametrize("overlap", ["first", "last", "all"])
def test_against_a_key_over_a_restart(overlap: str) -> None:
    """Values logged together stay together, also where steps were logged twice."""
    steps, rates = [0, 1, 2, 3, 1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    source = written("exp", (0, 4), steps, lr=rates, loss=[10 * rate for rate in rates])
    (chart,) = build_panels([source], ["loss"], Drawing(x="lr", overlap=overlap))
    view = chart.curves[0].view
    np.testing.assert_allclose(view.x * 10, view.y)


def test_a_remark_is_made_once() -> None:
    """What the reader of a chart must know stands there once per curve it is about."""
    source = written("exp", (0,), [7, 7, 7], loss=[3, 2, 1])
    (chart,) = build_panels([source, source], ["loss"], Drawing())
    assert chart.axis == "index"
    assert len(chart.notes) == 1
    assert "step 7" in chart.notes[0]


def test_no_remark_on_an_axis_that_is_not_used() -> None:
    """Over another key the order is not the axis, so no note says that it is."""
    source = written("exp", (0,), [7, 7, 7], loss=[3, 2, 1], lr=[0.1, 0.2, 0.3])
    (chart,) = build_panels([source], ["loss"], Drawing(x="lr"))
    assert chart.axis == "lr"
    assert chart.notes == ()


def test_nonfinite_steps() -> None:
    """The steps of NaN and of both infinities, in order."""
    source = run("exp", loss={1: math.nan, 2: 1.0, 5: math.inf, 9: -math.inf})
    (chart,) = build_panels([source], ["loss"], Drawing())
    assert nonfinite_steps(chart.curves[0].view) == [1, 5, 9]
