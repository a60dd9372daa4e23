"""`trainviz show`: what is in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trainviz_cli.cli._completion.candidates import complete_image
from trainviz_cli.cli._options import console_options, json_option, run_argument, strict_option

if TYPE_CHECKING:
    from trainviz_cli.cli._console import Console
    from trainviz_cli.model.run import Image, Run
    from trainviz_cli.render.term.sheet import Found


@click.command("show")
@run_argument
@click.option(
    "--image",
    metavar="NAME[@STEP]",
    help="Preview a logged picture, the newest or at a step.",
    shell_complete=complete_image,
)
@click.option(
    "-v", "--verbose", is_flag=True, help="All of the configuration, and each damaged place."
)
@json_option
@strict_option
@console_options
def command(
    *,
    path: str,
    image: str | None,
    verbose: bool,
    as_json: bool,
    strict: bool,
    console: Console,
) -> None:
    """One run: its keys, configuration, pictures and what could not be read.

    \b
      trainviz show runs/exp1
      trainviz show runs/exp1 --image val/predictions@400
    """
    from trainviz_cli.errors import UnreadableError, UsageError
    from trainviz_cli.runs import open_run

    if image is not None and as_json:
        raise UsageError("--image draws a picture, which --json can't hold")
    run = open_run(path, strict=strict)
    if image is not None:
        _preview(_find_image(run, image), console)
        return
    found = _find(run)
    if not (len(run) or run.images or found.config or found.texts):
        raise UnreadableError(
            f"{run.path} holds no record that can be read",
            hint="the log is empty so far, or damaged, or no log",
        )
    if as_json:
        _print_json(run, found)
    else:
        _print_sheet(run, found, console, verbose=verbose)


def _find(run: Run) -> Found:
    """The run's configuration and texts, and all there is to note about the run."""
    from trainviz_cli.errors import UnreadableError
    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.render.term.sheet import Found

    found = Found({}, (), run.diagnostics)
    for part in ("config", "texts"):
        try:
            found = found._replace(**{part: getattr(run, part)})
        except UnreadableError as error:
            note = Diagnostic(str(run.path), None, error.message)
            found = found._replace(notes=(*found.notes, note))
    return found


def _print_sheet(run: Run, found: Found, console: Console, *, verbose: bool) -> None:
    from time import time

    from trainviz_cli.render.term.sheet import Sheet, draw_sheet

    sheet = Sheet(console.width, console.look, time(), verbose)
    console.show(draw_sheet(run, found, sheet))


def _print_json(run: Run, found: Found) -> None:
    from trainviz_cli.analysis.config import plain
    from trainviz_cli.cli._console import print_json
    from trainviz_cli.model.run import steps_by_name
    from trainviz_cli.model.summary import summarize

    said = {series.key: summarize(series) for series in run.series.values()}
    keys = {
        key: {
            "count": summary.samples,
            "first_step": summary.first_step,
            "last_step": summary.last_step,
            "first": summary.first,
            "last": summary.last,
            "best": summary.best,
            "best_step": summary.best_step,
            "direction": summary.direction,
            "nonfinite": summary.nonfinite,
        }
        for key, summary in said.items()
    }
    print_json(
        {
            "name": run.name,
            "path": str(run.path),
            "format": run.format,
            "keys": keys,
            "images": steps_by_name(run.images),
            "texts": steps_by_name(found.texts),
            "config": plain(found.config),
            "notes": [note._asdict() for note in found.notes],
        }
    )


def _find_image(run: Run, asked: str) -> Image:
    """The picture that `NAME[@STEP]` means: the newest of its name, unless it says a step.

    Raises:
        NotFoundError: No picture has that name or step, or several names fit.
    """
    import re

    from trainviz_cli.errors import NotFoundError
    from trainviz_cli.model.keys import brief, match_keys

    names = list(dict.fromkeys(image.name for image in run.images))
    name, _, step = asked.rpartition("@")
    if asked in names or not re.fullmatch(r"-?\d{1,18}", step):  # int() takes no more than 4300
        name, step = asked, ""
    found = match_keys(name, names, kind="image")
    if len(found) > 1:
        some = ", ".join(brief(each) for each in found[:12])
        raise NotFoundError(f"{name!r} fits {len(found)} images", hint=f"one of {some}")
    steps = {image.step: image for image in run.images if image.name == found[0]}
    if step and int(step) not in steps:
        some = ", ".join(map(str, list(steps)[-12:]))
        raise NotFoundError(f"{brief(found[0])} has no step {step}", hint=f"its steps: {some}")
    return steps[int(step) if step else max(steps)]


def _preview(image: Image, console: Console) -> None:
    from trainviz_cli.render.term.style import DIM, Span
    from trainviz_cli.render.term.text import fit

    console.show_picture(image)
    caption = fit(f"{image.name} at step {image.step}", console.width)
    console.show([[Span(caption, DIM)]])
