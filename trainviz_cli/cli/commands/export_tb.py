"""`trainviz export-tb`: TensorBoard event files with everything in the run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from trainviz_cli.cli._options import runs_argument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.export.tensorboard import TensorboardExport, Written
    from trainviz_cli.runs import FoundRun

_MOST_NAMED = 5
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
    from trainviz_cli.errors import UnreadableError
    from trainviz_cli.export.older import refuse_foreign, refuse_own
    from trainviz_cli.export.tensorboard import TensorboardExport
    from trainviz_cli.runs import locate_runs

    problems: list[TrainvizError] = []
    folder = Path(output or "tb")
    found = _without_exports(locate_runs(runs, problems), folder)
    targets = [
        (run, folder if len(found) == 1 and output else folder / run.name.lstrip("/"))
        for run in found
    ]
    for run, target in targets:
        refuse_own(run, target)
        if not force:
            refuse_foreign(target)
    exports: dict[str, TensorboardExport] = {}
    notes: dict[str, list[str]] = {}
    for run, target in progress(targets, "exporting"):
        export = TensorboardExport(run, target)
        try:
            written = export.write()
        except UnreadableError as error:
            problems.append(error)
            continue
        exports[run.name] = export
        for message in written.notes:
            notes.setdefault(message, []).append(run.name)
    if not exports:
        raise problems[0]
    _note_all(notes)
    note_left_out(problems)
    if follow:
        with _interrupts() as interrupted:
            count = len(exports)
            note(f"following {count} {'run' if count == 1 else 'runs'}; Ctrl-C ends it")
            _follow(exports, interrupted)
    print_text(_summary([export.close() for export in exports.values()], folder))


def _note_all(notes: dict[str, list[str]]) -> None:
    """Notes with the runs they are on; where those are many, how many."""
    from trainviz_cli.cli._console import note

    for message, names in notes.items():
        if len(names) > _MOST_NAMED:
            note(f"{len(names):,} runs: {message}")
        else:
            for name in names:
                note(f"{name}: {message}")


def _without_exports(found: Sequence[FoundRun], folder: Path) -> list[FoundRun]:
    """The runs without those that are exports themselves, in the folder that exports go to."""
    from trainviz_cli.export.older import is_export
    from trainviz_cli.runs.names import named

    where = folder.resolve()
    kept = [
        run for run in found if not (run.path.resolve().is_relative_to(where) and is_export(run))
    ]
    return list(found) if len(kept) in {0, len(found)} else named(kept)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The first Ctrl-C is put into a list, so that it comes when a value can't be lost by it."""
    import signal

    received: list[int] = []

    def receive(number: int, _: object) -> None:
        received.append(number)
        signal.signal(signal.SIGINT, before)  # the second one ends what hangs

    before = signal.signal(signal.SIGINT, receive)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(exports: dict[str, TensorboardExport], interrupted: Sequence[int]) -> None:
    """Keeps up with the runs until Ctrl-C."""
    import gc
    from time import sleep

    from trainviz_cli.cli._console import note
    from trainviz_cli.errors import UnreadableError

    gc.enable()  # a command switches it off, but this may go on for days
    waiting = dict(exports)
    while True:
        last = bool(interrupted)
        for name, export in list(waiting.items()):
            try:
                export.update()
            except UnreadableError as error:
                note(f"{name} isn't followed any more: {error.message}")
                del waiting[name]
        if last:
            return
        sleep(_EVERY_S)


def _summary(written: Sequence[Written], folder: Path) -> str:
    """What was written, and how to open it, in one line."""
    import shlex

    from trainviz_cli.render.term.text import printable

    scalars, images = sum(each.scalars for each in written), sum(each.images for each in written)
    what = [_count(scalars, "scalar")] + ([_count(images, "image")] if images else [])
    runs = f"{len(written):,} runs, " if len(written) > 1 else ""
    where = printable(shlex.quote(str(folder)))
    return f"wrote {runs}{' and '.join(what)}; open with: tensorboard --logdir {where}\n"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"
