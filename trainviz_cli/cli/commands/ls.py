"""`trainviz ls`: the runs below a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trainviz_cli.cli._completion.candidates import complete_key, complete_path
from trainviz_cli.cli._options import console_options, json_option, key_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from trainviz_cli.cli._console import Console
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.runs import FoundRun

    Listed = tuple[FoundRun, Glance]

_LIVE_S = 60
_ALL_WINDOWS = 4 << 20  # bytes to read in all: the more runs, the less of each
_WINDOWS = 4 << 10, 1 << 20
_KEY_CELLS = 12  # at least, of the width for each key shown
_NARROWEST_RUN = 32
_GREEN = 2


_COLUMNS: dict[str, Callable[[Listed], Any]] = {
    "age": lambda each: each[1].modified,
    "name": lambda each: each[0].name,
    "records": lambda each: each[1].records,
    "step": lambda each: -1 if each[1].last_step is None else each[1].last_step,
}


@click.command("ls")
@click.argument("folders", nargs=-1, metavar="[DIR]...", shell_complete=complete_path)
@key_option
@click.option(
    "--sort",
    default="age",
    metavar="BY",
    help="age, name, records, step, or a key, the best last.  [age, the newest last]",
    shell_complete=complete_key("age", "name", "records", "step"),
)
@click.option("--limit", type=click.IntRange(1), help="Only so many, the last ones.")
@json_option
@console_options
def command(
    *,
    folders: tuple[str, ...],
    queries: tuple[str, ...],
    sort: str,
    limit: int | None,
    as_json: bool,
    console: Console,
) -> None:
    """The runs below a folder, the newest last. A log is read from its end: `~` means about.

    \b
      trainviz ls
      trainviz ls runs --sort mAP --limit 10
    """
    from time import time

    from trainviz_cli.cli._console import print_json
    from trainviz_cli.cli._selection import choose_keys

    now = time()
    listed = _look(folders or (".",))
    named = [(found.name, list(glance.last)) for found, glance in listed]
    keys = choose_keys(named, queries) if queries else None
    key = None if sort in _COLUMNS else _sort_key(sort, named)
    listed = _sorted(listed, key or sort)[-limit if limit else None :]
    if as_json:
        print_json({"runs": [_as_json(*each, keys, key, now) for each in listed]})
    else:
        _print_table(listed, keys, key, now, console)


def _look(folders: Sequence[str]) -> list[Listed]:
    """The runs found, and what the end of their logs says; what can't be read is noted.

    Raises:
        NotFoundError: There is no run.
        UnreadableError: There is one, but it can't be read.
    """
    from trainviz_cli.cli._console import progress
    from trainviz_cli.cli._selection import note_left_out
    from trainviz_cli.errors import NotFoundError, TrainvizError, UnreadableError
    from trainviz_cli.runs import find_all_runs

    problems: list[TrainvizError] = []
    found = find_all_runs(folders, problems)
    least, most = _WINDOWS
    window = max(least, min(most, _ALL_WINDOWS // max(len(found), 1)))
    listed = []
    for run in progress(found, "reading logs"):
        try:
            listed.append((run, run.glance(window)))
        except UnreadableError as error:
            problems.append(error)
        except NotFoundError:  # gone since it was found
            continue
    if not listed:
        where = ", ".join(folders)
        hint = "trainviz formats: what is recognised"
        raise problems[0] if problems else NotFoundError(f"no training log in {where}", hint=hint)
    note_left_out(problems)
    return listed


def _sort_key(query: str, named: Iterable[tuple[str, Iterable[str]]]) -> str:
    """The key that the runs are to be sorted by.

    Raises:
        NotFoundError: None or several; the hint names the columns as well.
    """
    from trainviz_cli.cli._selection import choose_key
    from trainviz_cli.errors import NotFoundError

    every = list(dict.fromkeys(key for _, keys in named for key in keys))
    try:
        return choose_key(query, every)
    except NotFoundError as error:
        columns = ", ".join(_COLUMNS)
        raise NotFoundError(error.message, hint=f"columns: {columns}; {error.hint}") from None


def _sorted(listed: list[Listed], by: str) -> list[Listed]:
    """The runs in order, what is asked for last; runs that say nothing about it come first."""
    from trainviz_cli.model.keys import less_is_better

    if by in _COLUMNS:
        return sorted(listed, key=_COLUMNS[by])
    sign = -1 if less_is_better(by) else 1

    def worth(each: Listed) -> tuple[bool, float]:
        value = each[1].last.get(by, float("nan"))
        return (value == value, sign * value if value == value else 0)  # noqa: PLR0124 - NaN

    return sorted(listed, key=worth)


def _as_json(
    found: FoundRun, glance: Glance, keys: Sequence[str] | None, key: str | None, now: float
) -> dict[str, object]:
    from trainviz_cli.model.keys import main_keys

    shown = main_keys(glance.last) if keys is None else keys
    shown = [
        each for each in dict.fromkeys([*shown, *([key] if key else [])]) if each in glance.last
    ]
    return {
        "name": found.name,
        "path": str(found.path),
        "format": found.format.name,
        "records": glance.records,
        "exact": glance.exact,
        "last_step": glance.last_step,
        "updated": glance.modified,
        "live": now - glance.modified < _LIVE_S,
        "last": {key: glance.last[key] for key in shown},
        "nonfinite": {key: step for key, step in glance.nonfinite.items() if key in shown},
    }


def _print_table(
    listed: Sequence[Listed],
    keys: Sequence[str] | None,
    sort_key: str | None,
    now: float,
    console: Console,
) -> None:
    from trainviz_cli.model.keys import common_main_keys, is_loss
    from trainviz_cli.model.numbers import age, plain, short
    from trainviz_cli.render.term.style import DIM, Style
    from trainviz_cli.render.term.table import Column, table

    found, glances = zip(*listed, strict=True)
    if keys is None:
        keys = common_main_keys(
            [list(glance.last) for glance in glances], console.width // _KEY_CELLS
        )
    if sort_key:
        keys = [sort_key, *(each for each in keys if each != sort_key)]
    telling = {keys[0], next((key for key in keys if not is_loss(key)), keys[0])} if keys else ()
    ages = [now - glance.modified for glance in glances]
    steps = ["" if glance.last_step is None else plain(glance.last_step) for glance in glances]
    columns = [
        Column("run", [run.name for run in found], least=_NARROWEST_RUN),
        Column("format", [run.format.name for run in found], worth=1, styles=DIM),
        Column("records", [_records(glance) for glance in glances], right=True, worth=3),
        Column("last step", steps, right=True, worth=4),
        Column("age", [age(seconds) for seconds in ages], right=True),
        Column("", ["live" if seconds < _LIVE_S else "" for seconds in ages], styles=Style(_GREEN)),
    ]
    for key in keys:
        texts = [short(glance.last[key]) if key in glance.last else "" for glance in glances]
        worth = 5 if key in telling else 2
        columns.append(Column(key, texts, right=True, least=10, worth=worth))
    console.show(table(columns, console.width))


def _records(glance: Glance) -> str:
    """How many records; about how many is told by two digits."""
    from trainviz_cli.model.numbers import short

    return short(glance.records) if glance.exact else f"~{short(float(f'{glance.records:.2g}'))}"
