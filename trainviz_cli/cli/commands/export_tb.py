"""`trainviz export-tb`: TensorBoard event files with everything in the run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from trainviz_cli.cli._options import runs_argument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.export.tensorboard import TensorboardExport, Written
    from trainviz_cli.runs import FoundRun

_EVERY_S = 0.35


@click.command("export-tb")
@runs_argument
@click.option("-o", "--output", metavar="DIR", type=click.Path(), help="Where to.  [tb/<run name>]")
@click.option("--follow", is_flag=True, help="Go on while training writes; Ctrl-C ends it.")
@click.option("--force", is_flag=True, help="Also beside event files that others wrote.")
def command(*, runs: tuple[str, ...], output: str | None, follow: bool, force: bool) -> None:
    """TensorBoard event files with everything in the runs: scalars, pictures, configuration.

    \b
      trainviz export-tb runs/exp1
      trainviz export-tb runs/* -o tb --follow
    """
    from pathlib import Path

    from trainviz_cli.cli._console import note, print_text, progress
    from trainviz_cli.cli._selection import note_left_out
    from trainviz_cli.errors import TrainvizError, UnreadableError
    from trainviz_cli.export.older import refuse_foreign
    from trainviz_cli.export.tensorboard import TensorboardExport
    from trainviz_cli.runs import locate_runs

    problems: list[TrainvizError] = []
    targets = _targets(locate_runs(runs, problems), output)
    if not force:
        for _, folder in targets:
            refuse_foreign(folder)
    exports: list[TensorboardExport] = []
    written: list[Written] = []
    for found, folder in progress(targets, "exporting"):
        export = TensorboardExport(found, folder)
        try:
            written.append(export.write())
            exports.append(export)
        except UnreadableError as error:
            problems.append(error)
        else:
            for message in written[-1].notes:
                note(f"{found.name}: {message}")
    if not exports:
        raise problems[0]
    note_left_out(problems)
    if follow:
        note(f"following {len(exports)} {'run' if len(exports) == 1 else 'runs'}; Ctrl-C ends it")
        written = _follow(exports, written)
    for export in exports:
        export.close()
    print_text(_summary(written, Path(output or "tb")))


def _targets(found: Sequence[FoundRun], output: str | None) -> list[tuple[FoundRun, Path]]:
    """Where each run goes: one into the folder itself, several into sub-folders by name."""
    from pathlib import Path

    if len(found) == 1:
        return [(found[0], Path(output) if output else Path("tb") / found[0].name)]
    return [(run, Path(output or "tb") / run.name) for run in found]


def _follow(exports: Sequence[TensorboardExport], written: list[Written]) -> list[Written]:
    """Keeps up with the runs until Ctrl-C; returns what is written by then."""
    import gc
    from time import sleep

    gc.enable()  # a command switches it off, but this may go on for days
    latest = list(written)
    with suppress(KeyboardInterrupt):
        while True:
            sleep(_EVERY_S)
            _update(exports, latest)
    _update(exports, latest)
    return latest


def _update(exports: Sequence[TensorboardExport], written: list[Written]) -> None:
    for index, export in enumerate(exports):
        written[index] = export.update() or written[index]


def _summary(written: Sequence[Written], folder: Path) -> str:
    """What was written, and how to open it, in one line."""
    import shlex

    from trainviz_cli.render.term.text import printable

    scalars, images = sum(each.scalars for each in written), sum(each.images for each in written)
    what = [f"{scalars:,} scalars"] + ([f"{images:,} images"] if images else [])
    runs = f"{len(written)} runs, " if len(written) > 1 else ""
    where = printable(shlex.quote(str(folder)))
    return f"wrote {runs}{' and '.join(what)}; open with: tensorboard --logdir {where}\n"
