"""The files that maps are written to: one sheet, one for each picture, or frames of training."""

from __future__ import annotations

import re
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING

from trainviz_cli.codecs.png import encode_png
from trainviz_cli.errors import UsageError
from trainviz_cli.features.view import columns_for
from trainviz_cli.imaging.mapsheet import draw_sheet
from trainviz_cli.writing.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.features.survey import Plan, Seen
    from trainviz_cli.imaging.mapsheet import Looks

_FRAME_MS = 500
_LAST_FRAME_MS = 2000
_LONGEST_NAME = 120


def check_output(output: Path | None, plan: Plan) -> Path:
    """Where to write, checked before anything is computed.

    Raises:
        UsageError: It is a name of another kind.
    """
    from pathlib import Path

    if output is None:
        return Path(_default_name(plan))
    if output.is_dir() or output.suffix.lower() in {".png", ".gif", ""}:
        return output
    hint = f"-o {output.with_suffix('.png').name}"
    raise UsageError(f"{output} is no .png, no .gif and no folder", hint=hint)


def write_sheets(
    seen: Sequence[Seen],
    plan: Plan,
    looks: Looks,
    arrangement: tuple[int, int] | None,
    target: Path,
) -> list[Path]:
    """Writes what was seen, in place of older files.

    Args:
        seen: From `survey.survey`.
        plan: What was looked at.
        looks: How maps are coloured.
        arrangement: Rows and columns of maps; None chooses.
        target: A .png takes everything, a .gif a frame for each checkpoint, a folder a sheet for
            each picture.

    Returns:
        The files.

    Raises:
        UsageError: The arrangement has no room for so many maps.
        WriteError: A file can't be written.
    """
    if target.suffix.lower() == ".gif":
        _write_animation(seen, plan, looks, arrangement, target)
        return [target]
    if target.suffix:
        _write_sheet(seen, looks, arrangement, target)
        return [target]
    files = []
    for picture, own in groupby(seen, key=lambda each: each.picture):
        files.append(target / _name(picture.stem, plan.layers))
        _write_sheet(list(own), looks, arrangement, files[-1])
    return files


def _write_sheet(
    seen: Sequence[Seen], looks: Looks, arrangement: tuple[int, int] | None, file: Path
) -> None:
    cells = [cell for each in seen for cell in each.cells]
    replace_file(file, encode_png(draw_sheet(cells, _columns(seen, arrangement), looks)))


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
        cells = [cell for each in own for cell in each.cells]
        frames.append(Image.fromarray(draw_sheet(cells, _columns(own, arrangement), looks)))
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
    in_a_row = len(seen[0].cells)
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
