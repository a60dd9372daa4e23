"""The files that maps are written to: one sheet, one for each picture, or frames of training."""

from __future__ import annotations

import os
import re
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from trainviz_cli.codecs.png import encode_png
from trainviz_cli.errors import UsageError, WriteError
from trainviz_cli.features.survey import short_names
from trainviz_cli.features.view import columns_for
from trainviz_cli.imaging.mapsheet import draw_sheet
from trainviz_cli.writing.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trainviz_cli.features.survey import Plan, Seen
    from trainviz_cli.imaging.mapsheet import Looks

_KINDS: dict[str, Literal["sheet", "frames", "folder"]] = {
    ".png": "sheet",
    ".gif": "frames",
    "": "folder",
}
_MOST_PIXELS = 1 << 28
_FRAME_MS = 500
_LAST_FRAME_MS = 2000
_LONGEST_NAME = 120


class Target(NamedTuple):
    """Where to write.

    Attributes:
        path: A file, or a folder.
        kind: `sheet` takes everything, `frames` a frame for each checkpoint, `folder` a sheet for
            each picture.
    """

    path: Path
    kind: Literal["sheet", "frames", "folder"]


def check_output(output: str | None, plan: Plan) -> Target:
    """Where to write, checked before anything is computed.

    Raises:
        UsageError: It is a name of another kind, can't be made there, or is one of the inputs.
    """
    if output is None:
        target = Target(Path(_default_name(plan)), "sheet")
    elif os.path.isdir(output) or output.endswith(("/", os.sep)):  # noqa: PTH112 - as in files.py
        target = Target(Path(output), "folder")
    else:
        kind = _KINDS.get(Path(output).suffix.lower())
        if kind is None or output in {"", "-"}:
            hint = f"-o {Path(output).stem or 'maps'}.png"
            raise UsageError(f"{output!r} is no .png, no .gif and no folder", hint=hint)
        target = Target(Path(output), kind)
    _check_place(target, plan)
    return target


def write_sheets(
    seen: Sequence[Seen],
    plan: Plan,
    looks: Looks,
    arrangement: tuple[int, int] | None,
    target: Target,
) -> list[Path]:
    """Writes what was seen, in place of older files.

    Args:
        seen: From `survey.survey`.
        plan: What was looked at.
        looks: How maps are coloured.
        arrangement: Rows and columns of maps; None chooses.
        target: From `check_output`.

    Returns:
        The files.

    Raises:
        UsageError: The arrangement has no room for so many maps, they are too many, or a file
            can't be written.
    """
    try:
        if target.kind == "frames":
            _write_animation(seen, plan, looks, arrangement, target.path)
            return [target.path]
        if target.kind == "sheet":
            _write_sheet(seen, looks, arrangement, target.path)
            return [target.path]
        names = short_names(plan.pictures)
        files = []
        for picture, own in groupby(seen, key=lambda each: each.picture):
            files.append(target.path / _name(names[picture], plan.layers))
            _write_sheet(list(own), looks, arrangement, files[-1])
    except WriteError as error:
        raise UsageError(error.message, hint="-o names another place") from error
    return files


def _check_place(target: Target, plan: Plan) -> None:
    folder = target.path if target.kind == "folder" else target.path.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):  # noqa: PTH112 - as in files.py
        raise UsageError(f"can't write {target.path}: {folder} is no folder", hint="-o maps.png")
    inputs = {os.path.realpath(path) for path in (*plan.pictures, *plan.checkpoints)}
    if os.path.realpath(target.path) in inputs:
        raise UsageError(f"{target.path} is one of the files to look at", hint="-o maps.png")


def _write_sheet(
    seen: Sequence[Seen], looks: Looks, arrangement: tuple[int, int] | None, file: Path
) -> None:
    replace_file(file, encode_png(_sheet(seen, looks, arrangement)))


def _sheet(
    seen: Sequence[Seen], looks: Looks, arrangement: tuple[int, int] | None
) -> NDArray[np.uint8]:
    cells = [cell for each in seen for cell in each.cells]
    height = max(cell.image.shape[0] for cell in cells)
    width = max(cell.image.shape[1] for cell in cells)
    if len(cells) * height * width > _MOST_PIXELS:
        raise UsageError(
            f"{len(cells)} maps of {height}x{width} are too much for one picture",
            hint="--resize 240x320, or -o folder/ for a picture each",
        )
    return draw_sheet(cells, _columns(seen, arrangement), looks)


def _write_animation(
    seen: Sequence[Seen],
    plan: Plan,
    looks: Looks,
    arrangement: tuple[int, int] | None,
    file: Path,
) -> None:
    from PIL import Image

    frames = []
    for checkpoint in plan.checkpoints:
        own = [each for each in seen if each.checkpoint == checkpoint]
        frames.append(Image.fromarray(_sheet(own, looks, arrangement)))
    data = BytesIO()
    durations = [_FRAME_MS] * (len(frames) - 1) + [_LAST_FRAME_MS]
    first, *others = frames
    first.save(data, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    replace_file(file, data.getvalue())


def _columns(seen: Sequence[Seen], arrangement: tuple[int, int] | None) -> int:
    """Of several layers or checkpoints, a row for each picture; else what makes it square."""
    cells = sum(len(each.cells) for each in seen)
    if arrangement is not None or len(seen) == 1:
        return columns_for(cells, arrangement)
    in_a_row = max(len(each.cells) for each in seen)
    if in_a_row > 1:
        return in_a_row
    pictures = len({each.picture for each in seen})
    return cells // pictures if cells > pictures else columns_for(cells, None)


def _default_name(plan: Plan) -> str:
    pictures = plan.pictures
    stem = pictures[0].stem if len(pictures) == 1 else pictures[0].parent.resolve().name
    return _name(stem, plan.layers)


def _name(stem: str, layers: Sequence[str]) -> str:
    said = re.sub(r"[^\w.-]+", "_", f"{stem}_{'_'.join(layers)}").strip("_")
    return f"{said[:_LONGEST_NAME]}.png"
