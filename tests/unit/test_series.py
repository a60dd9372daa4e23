"""Views of a series: sorted along the run, repeats resolved, cut at restarts."""

import math

import numpy as np
import pytest

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.series import Series, View

# Steps 0 to 4; a restart at 2; another at 5, from a new process that repeats nothing.
RESTARTED = Series(
    "loss",
    np.array([0, 1, 2, 3, 4, 2, 3, 5, 6]),
    np.array([0.0, 1, 2, 3, 4, 12, 13, 25, 26]),
    segments=(0, 5, 7),
)


def of(steps: list[float], segments: tuple[int, ...] = (0,)) -> Series:
    """A series at these steps, whose values are their places: 0, 1, 2, ..."""
    return Series("loss", np.array(steps), np.arange(float(len(steps))), segments=segments)


def drawn(view: View) -> list[list[float]]:
    """The values of each piece."""
    return [view.y[piece].tolist() for piece in view.slices()]


@pytest.mark.parametrize(
    ("overlap", "pieces"),
    [
        ("last", [[0, 1], [12, 13], [25, 26]]),
        ("first", [[0, 1, 2, 3, 4], [25, 26]]),
        ("all", [[0, 1, 2, 3, 4], [12, 13], [25, 26]]),
    ],
)
def test_restart(overlap: str, pieces: list[list[float]]) -> None:
    """`last` replaces what a restart follows, `first` keeps it, `all` keeps both, in pieces."""
    view = RESTARTED.view(overlap=overlap)
    assert drawn(view) == pieces
    assert view.x.tolist() == view.steps.tolist()
    assert len(view) == sum(map(len, pieces))


def test_last_is_the_default() -> None:
    """Without a word, the restart counts."""
    assert drawn(RESTARTED.view()) == drawn(RESTARTED.view("step", "last"))


def test_a_restart_replaces_all_that_comes_after_it() -> None:
    """What was abandoned goes even where the restart has not come as far again."""
    assert drawn(of([0, 10, 20, 30, 5], (0, 4)).view()) == [[0], [4]]


def test_a_restart_goes_back_behind_an_earlier_restart() -> None:
    """A later restart from further back replaces all that lies ahead of it."""
    assert drawn(of([0, 5, 10, 7, 8, 2, 3], (0, 3, 5)).view()) == [[0], [5, 6]]


def test_a_restart_from_the_beginning_leaves_nothing_before_it() -> None:
    """Where everything was repeated, there is one piece, and it begins at 0."""
    view = of([3, 4, 5, 3, 4], (0, 3)).view()
    assert drawn(view) == [[3, 4]]
    assert view.pieces == (0,)


def test_first_keeps_a_restart_out_of_the_gaps() -> None:
    """What was there reaches to its last step; a restart adds only what lies beyond."""
    assert drawn(of([0, 10, 20, 5, 15, 25], (0, 3)).view(overlap="first")) == [[0, 1, 2], [5]]


def test_first_without_anything_new_adds_no_piece() -> None:
    """A restart that was abandoned earlier than what it repeats does not show."""
    assert drawn(of([0, 1, 2, 0, 1], (0, 3)).view(overlap="first")) == [[0, 1, 2]]


@pytest.mark.parametrize(("overlap", "kept"), [("last", [0, 3, 4]), ("first", [0, 1, 4])])
def test_a_step_logged_several_times_in_a_row(overlap: str, kept: list[float]) -> None:
    """The last or the first of them is drawn, without a cut."""
    assert drawn(of([0, 1, 1, 1, 2]).view(overlap=overlap)) == [kept]


def test_all_keeps_repeats_in_a_row() -> None:
    """`all` means all."""
    assert drawn(of([0, 1, 1, 2]).view(overlap="all")) == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("overlap", "kept"), [("last", [[0], [2]]), ("first", [[0, 1]])])
def test_a_restart_at_the_last_step(overlap: str, kept: list[list[float]]) -> None:
    """A step repeated just after a restart is drawn once."""
    assert drawn(of([0, 1, 1], (0, 2)).view(overlap=overlap)) == kept


def test_fractional_steps() -> None:
    """Steps need not be whole."""
    assert drawn(of([0.5, 1.0, 1.5, 1.0], (0, 3)).view()) == [[0], [3]]


@pytest.mark.parametrize("overlap", ["first", "last", "all"])
def test_no_samples(overlap: str) -> None:
    """A series without samples has a view without samples."""
    view = of([]).view(overlap=overlap)
    assert drawn(view) == [[]]
    assert len(view) == 0


def test_one_sample() -> None:
    """A single sample stands at its step, without a remark."""
    view = of([7]).view()
    assert (view.axis, view.x.tolist(), view.note) == ("step", [7], None)


@pytest.mark.parametrize("axis", ["step", "epoch"])
@pytest.mark.parametrize("overlap", ["first", "last", "all"])
def test_one_step_for_all_samples(axis: str, overlap: str) -> None:
    """Where every sample has the same step, their order is the axis, and a note says so."""
    series = Series("loss", np.full(3, 12), np.arange(3.0), epochs=np.ones(3))
    view = series.view(axis, overlap)
    assert view.axis == "index"
    assert view.x.tolist() == [0, 1, 2]
    assert view.y.tolist() == [0, 1, 2]
    assert view.steps.tolist() == [12, 12, 12]
    assert view.note == "loss: all samples have step 12; their order is the axis"


def test_one_step_for_all_samples_has_its_times() -> None:
    """The clock tells such samples apart, so nothing needs to be said."""
    times = np.array([5.0, 6.0, 8.0])
    view = Series("loss", np.zeros(3, int), np.arange(3.0), wall_times=times).view("time")
    assert (view.axis, view.x.tolist(), view.note) == ("time", [5, 6, 8], None)


def test_one_step_over_a_restart_is_cut_there() -> None:
    """A line never joins what a restart separates, also where no step tells it apart."""
    assert drawn(of([0, 0, 0, 0], (0, 2)).view()) == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("axis", "x"),
    [
        ("step", [0, 10, 10]),
        ("epoch", [0.0, 1.0, 1.5]),
        ("time", [100.0, 101.0, 109.0]),
        ("relative", [10.0, 11.0, 19.0]),
        ("index", [0, 1, 2]),
    ],
)
def test_axes(axis: str, x: list[float]) -> None:
    """Each axis has its own column, for the samples that are drawn."""
    series = Series(
        "loss",
        np.array([0, 10, 10]),
        np.array([3.0, 2.0, 1.0]),
        epochs=np.array([0.0, 1.0, 1.5]),
        wall_times=np.array([100.0, 101.0, 109.0]),
        start_time=90.0,
    )
    view = series.view(axis, "all")
    assert (view.axis, view.x.tolist()) == (axis, x)
    drawn_last = series.view(axis, "last")
    assert drawn_last.x.tolist() == [x[0], x[2]]
    assert drawn_last.steps.tolist() == [0, 10]


@pytest.mark.parametrize(
    ("axis", "reason"), [("epoch", "epochs"), ("time", "clock"), ("relative", "clock")]
)
def test_an_axis_that_the_log_lacks(axis: str, reason: str) -> None:
    """The error names the key and the axis, the hint says what is missing."""
    with pytest.raises(NotFoundError, match=f"loss has no {axis} axis") as raised:
        of([0, 1]).view(axis)
    assert raised.value.hint is not None
    assert reason in raised.value.hint


@pytest.mark.parametrize("axis", ["", "Step", "lr", "wall_time"])
def test_an_unknown_axis(axis: str) -> None:
    """What is no axis is refused, and the hint names those there are."""
    with pytest.raises(UsageError) as raised:
        of([0, 1]).view(axis)
    assert raised.value.hint == "one of step, epoch, time, relative, index"


def test_an_unknown_overlap() -> None:
    """What is no way to resolve repeats is refused, and the hint names those there are."""
    with pytest.raises(UsageError) as raised:
        of([0, 1]).view(overlap="newest")  # type: ignore[arg-type] - that is the point
    assert raised.value.hint == "first, last or all"


def test_nothing_is_rounded_or_left_out() -> None:
    """NaN, infinities and integers beyond 2^53 are drawn as they were written."""
    large = 2**53 + 1
    exact = Series("n", np.array([large, large + 1]), np.array([large, large + 2]))
    assert exact.view().y.tolist() == [large, large + 2]
    assert exact.view().x.tolist() == [large, large + 1]
    odd = Series("n", np.arange(3), np.array([math.nan, math.inf, -math.inf])).view()
    np.testing.assert_array_equal(odd.y, [math.nan, math.inf, -math.inf])


def test_slices_cover_the_view() -> None:
    """The pieces follow one another without a gap."""
    slices = list(RESTARTED.view().slices())
    assert slices == [slice(0, 2), slice(2, 4), slice(4, 6)]
