"""Tests of what the user wants to see."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainviz_cli.analysis.panels import Drawing, Limits
from trainviz_cli.analysis.scales import Scale
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.errors import UsageError
from trainviz_cli.render.term.dashboard.wish import Wish

KEYS = ["epoch", "lr", "train/loss", "val/mAP", "memory", "val/loss"]
DATA = Scale(0.0, 1000.0)


def test_main_keys_come_first() -> None:
    """All keys can be reached; what says most is on the first page."""
    wish = Wish()
    assert wish.keys(KEYS) == ["train/loss", "val/loss", "val/mAP", "lr", "epoch", "memory"]
    assert wish.main(KEYS) == 4
    assert wish.main(["time", "memory"]) == 2  # where nothing says much, all says as much


def test_asked_for() -> None:
    """What was asked for is all there is, in that order; a filter takes from it."""
    wish = Wish(queries=("mAP", "val/*", "none-so-far"))
    assert wish.keys(KEYS) == ["val/mAP", "val/loss"]
    assert wish.main(KEYS) == 2
    assert wish._replace(pattern="loss").keys(KEYS) == ["val/loss"]
    assert Wish(pattern="VAL ss").keys(KEYS) == ["val/loss"]
    assert Wish(pattern="re:m.*y").keys(KEYS) == ["memory"]
    with pytest.raises(UsageError):
        Wish(pattern="re:(").keys(KEYS)


def test_axes() -> None:
    """One after the other, each whole; from one that isn't among them, to the first."""
    wish = Wish(drawing=Drawing(xlim=Limits(1, 2)))
    axes = []
    for _ in range(4):
        wish = wish.next_axis()
        axes.append(wish.drawing.x)
        assert wish.drawing.xlim == Limits()
    assert axes == ["epoch", "time", "relative", "step"]
    assert Wish(drawing=Drawing(x="train/loss")).next_axis().drawing.x == "step"


def test_smoothings() -> None:
    """More and more, then none; from one that was asked for, to none."""
    wish, amounts = Wish(), []
    for _ in range(4):
        wish = wish.next_smoothing()
        amounts.append(wish.drawing.smooth and wish.drawing.smooth.amount)
    assert amounts == [0.6, 0.9, 0.99, None]
    other = Wish(drawing=Drawing(smooth=Smoothing.parse("median:20")))
    assert other.next_smoothing().drawing.smooth is None


def test_chips() -> None:
    """Whatever isn't as at first, is said."""
    assert Wish().chips() == []
    drawing = Drawing("time", Smoothing("ema", 0.9), log_y=True, xlim=Limits(1), robust=True)
    said = Wish(pattern="loss", drawing=drawing, separate=True, paused=True).chips()
    assert said[:4] == ["PAUSED", "keys with loss", "against time", "zoomed"]
    assert said[5:] == ["log y", "robust", "runs apart"]


def test_zoom_keeps_a_place() -> None:
    """What the mouse points at stays under it."""
    wish = Wish().zoomed(DATA, DATA, 0.5, 0.2)
    assert wish.drawing.xlim == pytest.approx(Limits(100, 600))
    wish = wish.zoomed(Scale(100, 600), DATA, 2.0, 0.2)
    assert wish.drawing.xlim == Limits()


def test_end_at_the_data_goes_along() -> None:
    """Zoomed in at the right, new samples still come into sight."""
    assert Wish().zoomed(DATA, DATA, 0.25, 1.0).drawing.xlim == Limits(750, None)
    assert Wish().zoomed(DATA, DATA, 0.25, 0.0).drawing.xlim == Limits(None, 250)


def test_moving_stops_at_the_data() -> None:
    """Nobody gets lost where there is nothing."""
    near = Scale(400, 600)
    assert Wish().moved(near, DATA, 0.25).drawing.xlim == Limits(450, 650)
    assert Wish().moved(near, DATA, 9).drawing.xlim == Limits(800, None)
    assert Wish().moved(near, DATA, -9).drawing.xlim == Limits(None, 200)
    assert Wish().moved(DATA, DATA, 0.25).drawing.xlim == Limits()


@given(
    low=st.floats(-1e300, 1e300),
    span=st.floats(1e-3, 1e300),
    moves=st.lists(st.tuples(st.booleans(), st.floats(0.1, 4), st.floats(0, 1)), max_size=30),
    is_log=st.booleans(),
)
def test_any_moves(
    low: float, span: float, moves: list[tuple[bool, float, float]], *, is_log: bool
) -> None:
    """However it is zoomed and moved, an axis has a beginning before its end, in the data."""
    low = abs(low) + 1e-9 if is_log else low
    data = Scale(low, max(low + span, math.nextafter(low, math.inf)), log=is_log)
    wish = Wish()
    for is_zoom, factor, at in moves:
        ends = wish.drawing.xlim
        x = data._replace(
            low=data.low if ends.low is None else ends.low,
            high=data.high if ends.high is None else ends.high,
        )
        assert data.low <= x.low < x.high <= data.high
        wish = (
            wish.zoomed(x, data, factor, at)
            if is_zoom
            else wish.moved(x, data, factor * (at - 0.5))
        )
