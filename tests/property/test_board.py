"""Whatever is logged, pressed and pointed at, the live view's screen is whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.staged_runs import NOW_S, PLAIN, Stage, batch, check, staged, text
from trainviz_cli.render.term.chart import ASCII, Look
from trainviz_cli.render.term.dashboard.actions import ACTIONS
from trainviz_cli.render.term.dashboard.wish import Wish

if TYPE_CHECKING:
    from trainviz_cli.render.term.dashboard.board import Board
    from trainviz_cli.runs.live import LiveRun

ELSEWHERE = {"help", "quit", "filter", "save", "switch", "picture"}  # what the application does
NAMES = sorted({action.name for action in ACTIONS} - ELSEWHERE)
NAN, INF = math.nan, math.inf

widths, heights = st.integers(20, 320), st.integers(5, 90)
keys = st.sampled_from(
    [
        "train/loss",
        "val/mAP",
        "训练/损失",
        "e\u0301" * 9,
        "\x1b[2J\x07",
        "a\nb",
        "time",
        "k" * 300,
        "",
    ]
) | st.text(max_size=20)
values = st.sampled_from([0.5, 0.25, 1e300, -1e300, 5e-324, NAN, INF, -INF]) | st.floats()
columns = st.dictionaries(keys, st.lists(st.none() | values, max_size=12), max_size=8)
names = st.sampled_from(["exp1", "训练\x1b]0;x\x07", "x" * 200, "a\u202eb"]) | st.text(max_size=8)
patterns = st.sampled_from(["loss", "re:(", "re:.", "*", "[", " ", "损"]) | st.text(max_size=8)
places = st.tuples(st.integers(-3, 330), st.integers(-3, 95))


@st.composite
def stages(draw: st.DrawFn, most: int = 12) -> Stage:
    """Any runs, one or two of them with many more keys than there is room for."""
    runs: list[LiveRun] = []
    for name in draw(st.lists(names, max_size=most, unique=True)):
        logged = dict(draw(columns))
        if draw(st.integers(0, 9)) == 0:
            logged |= {f"k{i}": [float(i), 1.0] for i in range(500)}
        age_s = draw(st.sampled_from([0.0, 3.0, 1e6]))
        config = draw(st.sampled_from([{}, {"max_iters": 1000}, {"max_epochs": 2}]))
        runs.append(staged(name, logged, age_s=age_s, config=config))
    return Stage(*runs)


steps = st.one_of(
    st.tuples(st.just("act"), st.sampled_from(NAMES)),
    st.tuples(st.just("filter"), patterns),
    st.tuples(st.just("click"), st.tuples(places, st.booleans())),
    st.tuples(st.just("point"), st.none() | places),
    st.tuples(st.just("zoom"), st.sampled_from([0.8, 1.25, 0.1, 10.0])),
    st.tuples(st.just("resize"), st.tuples(widths, heights)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 3600.0])),
    st.tuples(st.just("come"), columns),
)


def do(stage: Stage, board: Board, what: str, how: Any) -> None:
    """Does something to a board, or behind its back."""
    if what == "act":
        board.act(how)
    elif what == "filter":
        board.filter(how)
    elif what == "click":
        board.click(*how[0], twice=how[1])
    elif what == "point":
        board.pointed = how
    elif what == "zoom":
        board.zoom(how)
    elif what == "wait":
        stage.now_s += how
    elif stage.runs and any(how.values()):
        stage.runs[-1].add([batch(how, first=stage.runs[-1].records + 60)], NOW_S, None)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    stage=stages(),
    size=st.tuples(widths, heights),
    done=st.lists(steps, max_size=12),
    look=st.sampled_from([PLAIN, Look(), ASCII]),
)
def test_screen_is_whole(
    stage: Stage, size: tuple[int, int], done: list[tuple[str, object]], look: Look
) -> None:
    """It has its size, nothing in it steers a terminal, and no memory of it shows."""
    board = stage.board(look=look)
    check(board.lines(*size), *size)
    for what, how in done:
        if what == "resize":
            size = how  # type: ignore[assignment]
        else:
            do(stage, board, what, how)
        lines = board.lines(*size)
        check(lines, *size)
        if not board.is_stale and not board.wish.paused:
            fresh = stage.board(board.wish, look)
            fresh.pointed = board.pointed
            assert text(fresh.lines(*size)) == text(lines)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    stage=stages(most=3),
    size=st.tuples(st.integers(40, 200), st.integers(12, 60)),
    axis=st.sampled_from(["step", "epoch", "time", "relative", "index"]),
    moves=st.lists(st.sampled_from(["zoom_in", "zoom_out", "left", "right"]), max_size=12),
    back=st.sampled_from(["zoom_reset", "reset"]),
)
def test_zoom_and_back(
    stage: Stage, size: tuple[int, int], axis: str, moves: list[str], back: str
) -> None:
    """However far one went, everything is there again as it was."""
    board = stage.board(Wish().drawn(x=axis))
    before = text(board.lines(*size))
    for name in moves:
        board.act(name)
        board.lines(*size)
    board.act(back)
    assert text(board.lines(*size)) == before
