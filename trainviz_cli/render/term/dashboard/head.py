"""What stands above the charts: how far each run is, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.model.keys import is_loss
from trainviz_cli.model.numbers import age, duration, plain, short
from trainviz_cli.render.term.legend import mark_of
from trainviz_cli.render.term.style import BOLD, DIM, PLAIN, Line, Span, Style
from trainviz_cli.render.term.table import Column, table
from trainviz_cli.render.term.text import cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainviz_cli.render.term.chart import Look
    from trainviz_cli.runs.live import LiveRun

ALARM = Style(7, bold=True)
_GOOD = Style(2)
_MOST_ALARMS = 3


def head(runs: Sequence[LiveRun], now_s: float, width: int, rows: int, look: Look) -> list[Line]:
    """How far the runs are, in so many lines at most, and an alarm where values turned bad."""
    told = _one(runs[0], now_s, width) if len(runs) == 1 else _many(runs, now_s, width, rows, look)
    return [*told, *_alarm(runs, width)]


def _one(run: LiveRun, now_s: float, width: int) -> list[Line]:
    """One run in one line: what there is no room for is left out, from the end."""
    state, style = _state(run, now_s)
    state = fit(state, width // 2)
    facts = [each for each in (_step(run), *_times(run, now_s), _epoch(run)) if each]
    room = width - (cells(state) + 2 if state else 0)
    name = fit(run.name, max(room // 3, room - cells("  ".join(facts)) - 2))
    line, used = [Span(name, BOLD)], cells(name)
    for fact in facts:
        brief = fact.partition(" of ")[0]  # the step without how many there are to be
        said = fact if used + 2 + cells(fact) <= room else brief
        used += 2 + cells(said)
        if used > room:
            break
        line.append(Span(f"  {said}"))
    return [[*line, Span(f"  {state}", style)] if state else line]


def _step(run: LiveRun) -> str:
    if run.step is None:
        return "no record so far"
    planned = run.plan.steps
    if not planned:
        return f"step {plain(run.step)}"
    return f"step {plain(run.step)} of {plain(planned)} ({_share(run.step / planned)})"


def _epoch(run: LiveRun) -> str:
    if run.epoch is None:
        return ""
    planned = run.plan.epochs
    return f"epoch {short(run.epoch)}" + (f" of {plain(planned)}" if planned else "")


def _share(part: float) -> str:
    return f"{min(part, 9.99):.0%}"


def _times(run: LiveRun, now_s: float) -> Iterator[str]:
    if not run.records:
        return
    if left := _left(run, now_s):
        yield f"{left} left"
    yield f"last record {_ago(run, now_s)}"
    if pace := _pace(run):
        yield f"{pace} steps/s"


def _ago(run: LiveRun, now_s: float) -> str:
    passed = age(run.silent_s(now_s)) if run.records else ""
    return passed if passed in {"", "now"} else f"{passed} ago"


def _pace(run: LiveRun) -> str:
    """Steps per second in three digits; empty while unknown."""
    return "" if run.steps_per_s is None else short(float(f"{run.steps_per_s:.3g}"))


def _state(run: LiveRun, now_s: float) -> tuple[str, Style]:
    """What is the matter with a run, if anything."""
    if run.problem:
        return run.problem, ALARM
    if run.is_finished:
        return "finished", _GOOD
    if run.has_stalled(now_s):
        return "STALLED", ALARM
    return "", PLAIN


def _many(runs: Sequence[LiveRun], now_s: float, width: int, rows: int, look: Look) -> list[Line]:
    """A row for each run; those that something is the matter with are never left out."""
    states = {id(run): _state(run, now_s) for run in runs}
    shown = list(enumerate(runs))
    most = max(rows - 1, 1)  # one for the heads
    if len(shown) > most:
        most = max(most - 1, 1)  # and one that says how many more
        worst = sorted(shown, key=lambda each: states[id(each[1])][1] != ALARM)[:most]
        shown = sorted(worst, key=lambda each: each[0])
    listed = [run for _, run in shown]
    styles = [Style(place) for place, _ in shown]
    columns = [
        Column("", [mark_of(place, look.marks) for place, _ in shown], styles=styles),
        Column("run", [run.name for run in listed], least=12, styles=styles),
        Column("step", ["" if run.step is None else plain(run.step) for run in listed], right=True),
        Column("done", [_done(run) for run in listed], right=True, worth=2),
        Column("epoch", [_short(run.epoch) for run in listed], right=True, worth=1),
        Column("steps/s", [_pace(run) for run in listed], right=True, worth=3),
        Column("left", [_left(run, now_s) for run in listed], right=True, worth=5),
        Column("last record", [_ago(run, now_s) for run in listed], right=True, worth=4),
        Column(
            "",
            [states[id(run)][0] for run in listed],
            least=7,
            styles=[states[id(run)][1] for run in listed],
        ),
    ]
    lines = table([column for column in columns if any(column.texts)], width)
    if rest := len(runs) - len(listed):
        lines.append([Span(fit(f"and {rest} more", width), DIM)])
    return lines


def _done(run: LiveRun) -> str:
    if run.step is not None and run.plan.steps:
        return _share(run.step / run.plan.steps)
    if run.epoch is not None and run.plan.epochs:
        return _share(run.epoch / run.plan.epochs)
    return ""


def _left(run: LiveRun, now_s: float) -> str:
    """How long it takes, unless it has ended, or stands still."""
    goes_on = not (run.is_finished or run.has_stalled(now_s))
    return duration(run.left_s) if run.left_s and goes_on else ""


def _short(value: float | None) -> str:
    return "" if value is None else short(value)


def _alarm(runs: Sequence[LiveRun], width: int) -> list[Line]:
    """Which values turned NaN or infinite, and from which step on; losses first."""
    found = [(run, key, step) for run in runs for key, step in run.alarms()]
    if not found:
        return []
    found.sort(key=lambda each: not is_loss(each[1]))
    several = len(runs) > 1
    said = [
        f"{fit(key, 40)} since step {plain(step)}" + (f" ({fit(run.name, 30)})" if several else "")
        for run, key, step in found[:_MOST_ALARMS]
    ]
    more = f" and {len(found) - _MOST_ALARMS} more" if len(found) > _MOST_ALARMS else ""
    return [[Span(fit(f"NaN or Inf: {', '.join(said)}{more}", width), ALARM)]]
