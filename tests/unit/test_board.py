"""Tests of the live view's screen: frames that were looked at, and what changes them."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.staged_runs import (
    NOW_S,
    START,
    Stage,
    batch,
    check,
    falling,
    rising,
    seldom,
    staged,
    text,
)
from trainviz_cli.analysis.panels import Drawing, Limits
from trainviz_cli.analysis.smoothing import Smoothing
from trainviz_cli.render.term.chart import ASCII
from trainviz_cli.render.term.dashboard.actions import ACTIONS
from trainviz_cli.render.term.dashboard.wish import Wish
from trainviz_cli.runs.closeup import Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainviz_cli.render.term.dashboard.board import Board
    from trainviz_cli.runs.live import LiveRun

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
PLAN = {"max_iters": 1000}


def detector(name: str = "retinanet_r50", scale: float = 1.0, **how: object) -> LiveRun:
    """A run as a detector's training logs it."""
    values = {
        "train/loss": falling(2 * scale),
        "train/loss_cls": falling(1.2 * scale),
        "lr": [0.02 * min(1, i / 8) * 0.95**i for i in range(60)],
        "val/loss": seldom(falling(2.4 * scale)),
        "val/mAP": seldom(rising(0.4 / scale)),
        "data_time": [0.01] * 60,
        "memory": [4321.0] * 60,
    }
    return staged(name, values, config=PLAN, **how)  # type: ignore[arg-type]


def runs(count: int) -> list[LiveRun]:
    """Runs that differ a little, one of them ahead."""
    return [detector(f"seed{i}", 1 + 0.15 * i) for i in range(count)]


def frame(
    stage: Stage, width: int, height: int, wish: Wish | None = None, keys: str = ""
) -> list[str]:
    """The lines of a frame, after some actions."""
    board = stage.board(wish)
    lines = board.lines(width, height)
    for name in keys.split():
        board.act(name)
        lines = board.lines(width, height)
    check(lines, width, height)
    return text(lines).splitlines()


def one_run_small() -> list[str]:
    """One run in the smallest terminal that is to be readable."""
    return frame(Stage(detector()), 60, 15)


def one_run() -> list[str]:
    """One run in a terminal as it opens."""
    return frame(Stage(detector()), 80, 24)


def one_run_large() -> list[str]:
    """One run on a good part of a screen."""
    return frame(Stage(detector()), 120, 40)


def three_runs() -> list[str]:
    """Three runs in a terminal as it opens."""
    return frame(Stage(*runs(3)), 80, 24)


def three_runs_large() -> list[str]:
    """Three runs on all of a screen."""
    return frame(Stage(*runs(3)), 200, 50)


def alarm() -> list[str]:
    """Three runs, one of which turned NaN and stands still."""
    one, two, _ = runs(3)
    bad = falling(2.5)
    bad[40:] = [math.nan] * 20
    dead = staged("warmup-off", {"train/loss": bad, "val/mAP": seldom(rising(0.2))}, age_s=400)
    return frame(Stage(one, two, dead), 80, 24)


def alarm_of_one() -> list[str]:
    """One run that turned Inf and stands still."""
    bad = falling(2.5)
    bad[40], bad[41:] = math.inf, [math.nan] * 19
    dead = staged("exp1", {"train/loss": bad, "val/acc": rising()}, age_s=400, config=PLAN)
    return frame(Stage(dead), 80, 24)


def in_ascii() -> list[str]:
    """In characters that every terminal has, the mouse on a chart."""
    board = Stage(*runs(2)).board(look=ASCII._replace(monochrome=True))
    board.lines(80, 24)
    board.pointed = 60, 9
    return text(board.lines(80, 24)).splitlines()


def pointed() -> list[str]:
    """What the mouse points at is read out."""
    board = Stage(detector()).board()
    board.lines(80, 24)
    board.pointed = 20, 9
    return text(board.lines(80, 24)).splitlines()


def alone_and_zoomed() -> list[str]:
    """One chart alone, zoomed in, smoothed."""
    return frame(Stage(*runs(2)), 80, 24, keys="next_chart alone zoom_in zoom_in smooth left")


def no_run() -> list[str]:
    """Nothing there so far."""
    return frame(Stage(), 80, 24)


def no_record() -> list[str]:
    """A run without a record."""
    return frame(Stage(staged("exp1", {})), 80, 24)


def no_key_fits() -> list[str]:
    """A filter that leaves nothing."""
    return frame(Stage(detector()), 80, 24, Wish(pattern="mIoU"))


def invalid_filter() -> list[str]:
    """A pattern that is none."""
    return frame(Stage(detector()), 80, 24, Wish(pattern="re:val("))


def paused() -> list[str]:
    """Paused, while reading goes on."""
    stage = Stage(detector())
    board = stage.board()
    board.lines(80, 24)
    board.act("pause")
    board.lines(80, 24)
    stage.runs[0].add([batch({"train/loss": [9.0] * 5}, first=60)], NOW_S, None)
    return text(board.lines(80, 24)).splitlines()


def separate_runs() -> list[str]:
    """A chart for each run."""
    return frame(Stage(*runs(3)), 80, 24, Wish(separate=True, queries=("train/loss",)))


def fifty_runs() -> list[str]:
    """Fifty runs, of which some stand still."""
    many = [
        detector(f"sweep/lr{i:02}", 1 + 0.02 * i, age_s=500.0 if i in {20, 41} else 3.0)
        for i in range(50)
    ]
    return frame(Stage(*many), 120, 40)


def hostile_names() -> list[str]:
    """Names that would steer a terminal, and wide and combining characters."""
    values = {
        "train/损失": falling(),
        "e\u0301\u0302clair": rising(),
        "\x1b[2J\x07loss": falling(1e300),
    }
    names = "训练\x1b]0;pwned\x07", "a\nb\tc\u202e", "x" * 300
    return frame(Stage(*(staged(name, values) for name in names)), 80, 24)


def against_time() -> list[str]:
    """Against the clock, on a logarithmic axis, without outliers."""
    return frame(Stage(detector()), 80, 24, keys="axis axis log_y robust")


def very_small() -> list[str]:
    """Where no chart fits, numbers."""
    return frame(Stage(detector()), 34, 8)


DRAWN: list[Callable[[], list[str]]] = [
    one_run_small,
    one_run,
    one_run_large,
    three_runs,
    three_runs_large,
    alarm,
    alarm_of_one,
    in_ascii,
    pointed,
    alone_and_zoomed,
    no_run,
    no_record,
    no_key_fits,
    invalid_filter,
    paused,
    separate_runs,
    fifty_runs,
    hostile_names,
    against_time,
    very_small,
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
    """The frame is, character by character, the one that was looked at and found right."""
    file = SNAPSHOTS / f"tail_{draw.__name__}.txt"
    said = "".join(line + "\n" for line in draw())
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        file.write_text(said, "utf-8")
    assert said == file.read_text("utf-8")


def test_no_snapshot_is_left_over() -> None:
    """Every picture is of a frame that is drawn here."""
    frames = {file.stem for file in SNAPSHOTS.glob("tail_*.txt")}
    assert frames == {f"tail_{draw.__name__}" for draw in DRAWN}


def shown(board: Board, width: int = 80, height: int = 24) -> str:
    """What it shows."""
    lines = board.lines(width, height)
    check(lines, width, height)
    return text(lines)


ELSEWHERE = {"help", "quit", "filter", "save", "switch", "picture"}  # what the application does


@pytest.mark.parametrize(
    "name", [action.name for action in ACTIONS if action.name not in ELSEWHERE]
)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_actions_before_anything_was_drawn(name: str, count: int) -> None:
    """Keys come whenever they come."""
    board = Stage(*runs(count)).board()
    board.act(name)
    shown(board)
    board.act(name)
    shown(board)


def test_unknown_action() -> None:
    """A name that is none of the table's is a mistake in the code."""
    with pytest.raises(ValueError, match="no action 'dance'"):
        Stage().board().act("dance")


def test_curves_that_grow() -> None:
    """Figures show at once, and curves when it is time, without which it is stale."""
    stage = Stage(detector())
    board = stage.board()
    shown(board)
    assert not board.is_stale
    stage.runs[0].add([batch({"train/loss": [50.0]}, first=60)], NOW_S, None)
    assert "last 50" in shown(board)
    assert board.is_stale
    stage.now_s += 3600
    assert "50┤" in shown(board)
    assert not board.is_stale


def test_pause_holds_everything_but_the_head() -> None:
    """Neither new samples nor new keys show until it is over; any page can be looked at."""
    stage = Stage(detector())
    board = stage.board()
    board.act("pause")
    before = shown(board)
    late = {"train/loss": [50.0] * 5, "a_loss": [7.0] * 5}
    stage.runs[0].add([batch(late, first=60)], NOW_S, None)
    stage.now_s += 100
    after = shown(board).splitlines()
    assert "step 640" in after[0]
    assert after[2:] == before.splitlines()[2:]
    for name in ("next_page", "alone", "next_chart", "zoom_in", "separate", "axis", "zoom_reset"):
        board.act(name)
        assert "a_loss" not in shown(board)
        assert "last 50" not in shown(board)
    assert "last " in shown(board)  # a chart that wasn't in sight then has its figures too
    board.act("pause")
    board.filter("a_loss")
    assert "last 7" in shown(board)


def test_other_run_while_paused() -> None:
    """Who goes to another run sees that one."""
    stage = Stage(staged("old", {"loss": [1.0, 2.0]}))
    board = stage.board(Wish(paused=True))
    assert "last 2" in shown(board)
    stage.runs = [staged("new", {"loss": [1.0, 3.0], "acc": [0.5]})]
    assert "last 3" in shown(board)


@pytest.mark.parametrize("separate", [False, True])
def test_focus_stays_with_its_chart(*, separate: bool) -> None:
    """Where keys appear before it, and where runs join, the chart in focus stays in focus."""
    stage = Stage(detector(), staged("other", {"lr": [1.0, 2.0]}))
    board = stage.board(Wish(separate=separate, alone=True))
    shown(board)
    while not (board.focused and board.focused.subject.key == "lr"):
        board.act("next_chart")
        shown(board)
    if separate:
        board.act("next_chart")
        shown(board)
    subject = board.focused.subject
    stage.runs[0].add([batch({"a_loss": [1.0], "lr": [0.5]}, first=60)], NOW_S, None)
    stage.runs.append(staged("third", {"b_loss": [1.0], "lr": [1.0]}))
    shown(board)
    assert board.focused
    assert board.focused.subject.key == "lr"
    assert board.focused.subject.which == ((1,) if separate else (0, 1, 2))
    assert subject.which == ((1,) if separate else (0, 1))


def test_pages() -> None:
    """Every chart is on one page; behind the last is the first, from wherever one goes there."""
    keys = {f"loss{i}": [1.0, 2.0] for i in range(11)}
    board = Stage(staged("exp1", keys)).board()
    seen = []
    shown(board)
    for _ in range(3):
        board.act("next_chart")
        assert "page 1 of 3" in shown(board)
    for page in (2, 3, 1):
        board.act("next_page")
        assert f"page {page} of 3" in shown(board)
        seen += [cell.subject.key for cell in board._charts.cells]
    assert sorted(seen) == sorted(keys)
    board.act("previous_page")
    assert "page 3 of 3" in shown(board)
    assert len(board._charts.cells) == 3


def test_filter_that_fits_nothing_is_forgotten() -> None:
    """Afterwards, all is as before; meanwhile there is nothing to act on."""
    board = Stage(detector()).board()
    before = shown(board)
    board.filter("re:(")
    assert "no valid pattern" in shown(board)
    assert "page" not in shown(board)
    assert board.focused is None
    board.click(10, 10, twice=True)
    board.zoom(0.5)
    board.act("reset")
    assert shown(board) == before


def test_limit_that_a_logarithmic_axis_cannot_have() -> None:
    """It is said in the chart, which can be left again."""
    board = Stage(detector()).board(Wish(drawing=Drawing(ylim=Limits(-1, 1))))
    before = shown(board)
    board.act("log_y")
    assert "--ylim must lie above 0" in shown(board)
    board.pointed = 10, 10
    shown(board)
    board.zoom(0.5)
    board.act("zoom_in")
    board.pointed = None
    board.act("log_y")
    assert shown(board) == before


@pytest.mark.parametrize("axis", ["step", "epoch", "time", "relative"])
def test_zoom_asks_for_what_is_in_sight(axis: str) -> None:
    """On any axis, the steps in sight are those that are to be read again; all is none."""
    stage = Stage(detector())
    board = stage.board(Wish(drawing=Drawing(x=axis)))
    shown(board)
    assert stage.sought == {}
    board.act("zoom_in")
    shown(board)
    (stretch,) = stage.sought.values()
    assert 130 <= stretch.low <= 150
    assert 440 <= stretch.high <= 460
    for _ in range(5):
        board.act("right")
        shown(board)
    (stretch,) = stage.sought.values()
    assert stretch.high == math.inf
    board.act("zoom_reset")
    shown(board)
    assert stage.sought == {}


def test_closeup_is_no_end_of_the_world() -> None:
    """Where a stretch was read again, one still moves and zooms out beyond it."""
    run = staged("long", {"loss": falling(count=1000), "rare": [5.0, 6.0]}, room=64)
    stage = Stage(run)
    board = stage.board()
    shown(board)
    board.act("zoom_in")
    board.act("zoom_in")
    shown(board)
    assert stage.sought == {run: Stretch(3746.25, 6243.75)}
    run.closeup = staged("long", {}, room=8192)
    run.closeup.add([batch({"loss": falling(count=250)}, first=375)], NOW_S, None)
    assert "rare" in shown(board)  # of which the stretch has nothing
    board.act("left")
    shown(board)
    assert stage.sought == {run: Stretch(3121.875, 5619.375)}
    board.act("zoom_out")
    shown(board)
    assert stage.sought == {run: Stretch(1873.125, 6868.125)}
    board.act("pause")
    run.closeup = staged("long", {"loss": [77.0] * 900}, room=8192)
    shown(board)


def test_reading_out() -> None:
    """The sample nearest to the mouse, of each curve that goes on there; a NaN is one too."""
    short = staged("short", {"loss": [4.0, 3.0]})
    long = staged("long", {"loss": [1.0, 2.0, math.nan, 0.25, 0.5]})
    board = Stage(short, long).board()
    shown(board)
    read = {}
    for column in range(80):
        board.pointed = column, 12
        title = shown(board).splitlines()[5]
        read[title.split("loss", 1)[1].strip()] = column
    assert list(read) == [
        "",
        "step 0: ● 4 ▲ 1",
        "step 10: ● 3 ▲ 2",
        "step 10: ▲ 2",
        "step 20: ▲ nan",
        "step 30: ▲ 0.25",
        "step 40: ▲ 0.5",
    ]
    board.pointed = 500, 500
    shown(board)


def test_more_runs_than_rows_of_a_legend() -> None:
    """The last value of each is there by its mark; of more runs than marks, the best by name."""
    few = shown(Stage(*runs(3)).board())
    assert "last ● 0.2248 ▲ 0.257 ■ 0.2892" in few
    many = shown(Stage(*reversed(runs(9))).board())
    assert "◇ seed1  last 0.3064" in many
    assert "last △" not in many


def test_remark_and_message() -> None:
    """What there is to tell takes the place of the keys."""
    stage = Stage(detector())
    board = stage.board()
    stage.remark = "b\x1b[2J was written since: n goes to it"
    assert shown(board).splitlines()[-1] == "b␛[2J was written since: n goes to it"
    board.message = "saved a.png"
    assert shown(board).splitlines()[-1] == "saved a.png"


def test_without_hints() -> None:
    """A frame that is printed has no keys to press."""
    board = Stage(detector()).board(has_hints=False)
    lines = board.lines(80, 23)
    assert len(lines) <= 23
    assert "quit" not in text(lines)


@pytest.mark.parametrize("how", [Wish(), Wish(separate=True), Wish(alone=True)])
def test_late_key(how: Wish) -> None:
    """A key that appears late has its chart, with figures, from then on."""
    stage = Stage(staged("a", {"loss": [1.0] * 9}), staged("b", {"loss": [1.0] * 9}))
    board = stage.board(how)
    assert "acc" not in shown(board)
    stage.runs[1].add([batch({"acc": [0.25]}, first=9)], NOW_S, None)
    board.filter("acc")
    assert "0.25" in shown(board)


def test_smoothed() -> None:
    """How it is smoothed stands above all charts, not below each."""
    board = Stage(detector()).board(Wish(drawing=Drawing(smooth=Smoothing("ema", 0.9))))
    assert shown(board).count("EMA") == 1


def test_start_is_known() -> None:
    """The staged clock is the one the axis shows."""
    assert START % 60 == 20
