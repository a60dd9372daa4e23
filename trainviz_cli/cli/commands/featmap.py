"""`trainviz featmap`: what a layer of a network sees in a picture."""

from __future__ import annotations

import re
from math import isnan
from typing import TYPE_CHECKING, Any

import click

from trainviz_cli.cli._completion.candidates import complete_path
from trainviz_cli.cli._options import console_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.cli._console import Console
    from trainviz_cli.features.survey import Plan


_SIDES = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_MOST_PIXELS = 1 << 26  # of a size that is asked for
_LARGEST = 1e6  # of what pictures are normalised by


def _sides(_: click.Context, parameter: click.Parameter, text: str | None) -> Any:  # noqa: ANN401 - a pair, or None
    """`HxW` as two numbers."""
    if text is None:
        return None
    if text == "none" and parameter.name == "input_size":
        return "own"
    found = _SIDES.fullmatch(text)
    if not found:
        example = "2x3" if parameter.name == "arrangement" else "480x640"
        raise click.BadParameter(f"{text!r} is no size such as {example}")
    sides = int(found[1]), int(found[2])
    if sides[0] * sides[1] > _MOST_PIXELS:
        raise click.BadParameter(f"{text} is too large")
    return sides


def _numbers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """`0.5,0.5,0.5` as numbers."""
    try:
        numbers = None if text is None else tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if numbers is not None and not (numbers and all(abs(each) < _LARGEST for each in numbers)):
        raise click.BadParameter(f"{text!r} is no list such as 0.5,0.5,0.5")
    return numbers


def _opacity(_: click.Context, __: click.Parameter, alpha: float) -> float:
    if isnan(alpha):  # which is in every range
        raise click.BadParameter("nan is no number from 0 to 1")
    return alpha


@click.command("featmap")
@click.argument("checkpoint", metavar="CKPT", shell_complete=complete_path)
@click.argument("picture", metavar="IMG", shell_complete=complete_path)
@click.option("--layer", "layers", multiple=True, metavar="L", help="layer4, stage2[1]; repeat.")
@click.option("--list-layers", is_flag=True, help="The layers there are, and what they give.")
@click.option("--ckpt", "more_checkpoints", multiple=True, metavar="CKPT", help="More of them.")
@click.option("--image", "more_pictures", multiple=True, metavar="IMG", help="More of them.")
@click.option(
    "--channel-reduction",
    "reduction",
    type=click.Choice(["squeeze_mean", "select_max", "none"]),
    help="The mean, the strongest channel, or several.  [squeeze_mean; none with --topk]",
)
@click.option("--topk", type=int, metavar="K", help="The K strongest; -1: the layer is an image.")
@click.option("--arrangement", callback=_sides, metavar="RxC", help="Rows and columns of maps.")
@click.option(
    "--sort",
    type=click.Choice(["sum", "abs", "max", "var"]),
    default="sum",
    help="What makes a channel strong.  [sum]",
)
@click.option(
    "--view", type=click.Choice(["overlay", "eigencam"]), default="overlay", help="[overlay]"
)
@click.option("--resize", callback=_sides, metavar="HxW", help="Size of the drawn map.")
@click.option("--full-size", is_flag=True, help="As large as the picture, also where that is much.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=0.5,
    callback=_opacity,
    help="How opaque.  [0.5]",
)
@click.option("--cmap", default="jet", metavar="NAME", help="jet, viridis, magma, gray, ...  [jet]")
@click.option("--colorbar", is_flag=True, help="Say which values the colours are.")
@click.option(
    "--norm",
    type=click.Choice(["map", "shared"]),
    default="map",
    help="Colours from each map's lowest to highest, or on one scale.  [map]",
)
@click.option(
    "--layout", default="auto", metavar="HOW", help="auto, nchw, nhwc or tokens:HxW+P.  [auto]"
)
@click.option("--call", type=click.IntRange(1), metavar="N", help="Which call of a repeated layer.")
@click.option("--model", metavar="SPEC", help="torchvision:NAME, timm:NAME, file.py:callable, ...")
@click.option("--weights", default="auto", metavar="NAME", help="auto, model, ema, ...  [auto]")
@click.option("--input-size", callback=_sides, metavar="HxW", help="What the network is given.")
@click.option("--mean", callback=_numbers, metavar="R,G,B", help="Subtracted from its input.")
@click.option("--std", callback=_numbers, metavar="R,G,B", help="What its input is divided by.")
@click.option(
    "--unsafe", is_flag=True, help="Run the code in the checkpoint: only if you trust it."
)
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help=".png, .gif, or a folder.")
@click.option("--preview/--no-preview", default=None, help="Show it here.  [on a terminal]")
@console_options
def command(
    *,
    checkpoint: str,
    picture: str,
    list_layers: bool,
    output: str | None,
    preview: bool | None,
    console: Console,
    **options: Any,  # noqa: ANN401 - as click parsed them
) -> None:
    """What a layer sees in a picture: its channels, laid over it in colours.

    \b
      trainviz featmap ckpt.pth img.jpg --layer layer4 --topk 5
      trainviz featmap ckpt.pth img.jpg --list-layers
      trainviz featmap runs/exp1 img.jpg --layer layer4 -o training.gif
    """
    import sys

    from trainviz_cli.errors import UsageError

    plan = _plan(checkpoint, picture, options)
    if list_layers:
        _list(plan, console)
        return
    if not plan.layers:
        raise UsageError("which layer?", hint="--layer layer4; --list-layers names them all")
    for path in _draw(plan, output, options):
        _show(path, console, preview=sys.stdout.isatty() if preview is None else preview)


def _plan(checkpoint: str, picture: str, options: dict[str, Any]) -> Plan:
    from pathlib import Path

    from trainviz_cli.errors import UsageError
    from trainviz_cli.features.files import checkpoint_files, picture_files
    from trainviz_cli.features.opening import Wanted
    from trainviz_cli.features.survey import Plan
    from trainviz_cli.features.view import DEFAULT_TOPK, View

    topk, reduction = options["topk"], options["reduction"]
    if topk == 0 or (topk is not None and topk < -1):
        raise UsageError("--topk is a number of channels, or -1")
    if topk is not None and reduction in {"squeeze_mean", "select_max"}:
        raise UsageError(f"--channel-reduction {reduction} shows one map, --topk several")
    if topk is not None and options["view"] == "eigencam":
        raise UsageError("--view eigencam shows one map, --topk several")
    if "" in {checkpoint, picture, *options["more_checkpoints"], *options["more_pictures"]}:
        raise UsageError("a file without a name", hint="is a variable empty?")
    several = topk is not None or reduction == "none"
    chosen = None if several else reduction or "squeeze_mean"
    places = [Path(each) for each in (checkpoint, *options["more_checkpoints"])]
    pictures = [Path(each) for each in (picture, *options["more_pictures"])]
    about = ("model", "weights", "unsafe", "input_size", "mean", "std")
    checkpoints = [file for place in places for file in checkpoint_files(place)]
    return Plan(
        checkpoints=list(dict.fromkeys(checkpoints)),
        pictures=picture_files(pictures),
        layers=list(dict.fromkeys(options["layers"])),
        wanted=Wanted(**{name: options[name] for name in about}),
        view=View(chosen, topk or DEFAULT_TOPK, options["sort"], options["view"] == "eigencam"),
        layout=options["layout"],
        call=options["call"],
        size=options["resize"],
        full_size=options["full_size"],
        shared=options["norm"] == "shared",
    )


def _draw(plan: Plan, output: str | None, options: dict[str, Any]) -> list[Path]:
    """Writes the pictures, and says where."""
    from trainviz_cli.cli._console import note, working
    from trainviz_cli.features.sheets import check_output, write_sheets
    from trainviz_cli.features.survey import survey
    from trainviz_cli.imaging.colormap import table
    from trainviz_cli.imaging.mapsheet import Looks

    target = check_output(output, plan)
    looks = Looks(options["alpha"], options["cmap"], options["colorbar"])
    try:
        table(looks.cmap)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--cmap") from None
    told: list[str] = []
    with working(len(plan.checkpoints) * len(plan.pictures), "looking") as begin:
        seen = survey(plan, told.append, begin)
    for text in dict.fromkeys(told):
        note(text)
    return write_sheets(seen, plan, looks, options["arrangement"], target)


def _show(path: Path, console: Console, *, preview: bool) -> None:
    from trainviz_cli.cli._console import print_path
    from trainviz_cli.model.run import Image

    if preview:
        console.show_picture(Image(path.name, 0, path))
    print_path(str(path))


def _list(plan: Plan, console: Console) -> None:
    """The layers of the network, as the picture goes through it."""
    from trainviz_cli.cli._console import note
    from trainviz_cli.features.opening import open_network
    from trainviz_cli.imaging.picture import open_picture
    from trainviz_cli.render.term.table import Column, table

    opened = open_network(plan.checkpoints[-1], plan.wanted)
    rows = opened.network.list_layers(opened.given(open_picture(plan.pictures[0])))
    for text in opened.notes:
        note(text)
    shown: list[Sequence[str]] = []
    for row in rows:
        name = f"{'  ' * row.depth}{row.path or '(the network)'}"
        first = row.outputs[0] if row.outputs else None
        shape = "x".join(map(str, first.shape[1:])) if first else "-"
        more = f" and {len(row.outputs) - 1} more" if len(row.outputs) > 1 else ""
        layout = str(first.layout.kind) if first and first.layout else ""
        calls = {0: "never runs", 1: ""}.get(row.calls, f"×{row.calls}")
        shown.append((name, row.kind, shape + more, layout, calls, f"{row.parameters:,}"))
    heads = ("layer", "class", "gives", "read as", "calls", "parameters")
    columns = [
        Column(head, texts, right=head == "parameters")
        for head, texts in zip(heads, zip(*shown, strict=True), strict=True)
    ]
    worth = {"calls": 4, "read as": 3, "parameters": 2, "class": 1}
    console.show(table([c._replace(worth=worth.get(c.head)) for c in columns], console.width))
