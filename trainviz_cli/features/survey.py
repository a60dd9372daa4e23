"""The same layers over pictures and checkpoints, as maps on sheets."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainviz_cli.errors import UsageError
from trainviz_cli.features.layers import layers_with_maps
from trainviz_cli.features.layouts import read_layout, to_maps
from trainviz_cli.features.opening import open_network
from trainviz_cli.features.view import (
    DEFAULT_TOPK,
    channels_of,
    check_finite,
    dead_channels,
    show,
)
from trainviz_cli.imaging.mapsheet import Cell, on_one_scale
from trainviz_cli.imaging.picture import open_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

    from trainviz_cli.features.opening import Opened, Wanted
    from trainviz_cli.features.view import View

_CAP_PIXELS, _CAP_ALONE_PIXELS = 640, 1600  # the longer side of a map on a sheet, and of one alone


class Plan(NamedTuple):
    """What is looked at.

    Attributes:
        checkpoints: Files, in the order of the training.
        pictures: Files.
        layers: Addresses; see `layers.find_layer`.
        wanted: What the user says of the network.
        view: What is shown of each layer.
        layout: How layers are read; see `layouts.read_layout`.
        call: Which call of a layer that runs several times, from 1; None is the last.
        size: Height and width that maps are drawn in; None is the picture's.
        full_size: Also where that is large.
        shared: One scale for all maps of a layer.
    """

    checkpoints: Sequence[Path]
    pictures: Sequence[Path]
    layers: Sequence[str]
    wanted: Wanted
    view: View
    layout: str = "auto"
    call: int | None = None
    size: tuple[int, int] | None = None
    full_size: bool = False
    shared: bool = False

    @property
    def is_one_sheet(self) -> bool:
        """Whether all there is to show is one layer of one picture and checkpoint."""
        return len(self.checkpoints) == len(self.pictures) == len(self.layers) == 1


class Seen(NamedTuple):
    """The maps of one layer, over one picture, from one checkpoint."""

    checkpoint: Path
    picture: Path
    layer: str
    cells: list[Cell]


def survey(plan: Plan, tell: Callable[[str], None], begin: Callable[[], None]) -> list[Seen]:
    """Everything planned: by picture, then checkpoint, then layer.

    Channels are chosen by the last checkpoint; what comes from several is on one scale.

    Args:
        plan: What is looked at.
        tell: Told once each what was assumed or noticed.
        begin: Called before each picture goes through each network.

    Raises:
        TrainvizError: As `opening.open_network`, `open_picture` and `capture.activations`.
    """
    images: dict[Path, NDArray[np.uint8]] = {}
    channels: dict[tuple[Path, str], list[int]] = {}
    found: dict[tuple[Path, Path, str], Seen] = {}
    for path in plan.pictures:
        if not os.path.isfile(path):  # noqa: PTH113 - said before anything takes long
            open_picture(path)
    notes: dict[str, None] = {}
    for checkpoint in reversed(plan.checkpoints):  # the last one chooses the channels
        opened = open_network(checkpoint, plan.wanted)
        for path in plan.pictures:
            begin()
            picture = open_picture(path)
            image = images.setdefault(path, _at_size(picture, plan))
            height, width = image.shape[:2]
            for layer, maps in _maps(opened, picture, plan, notes).items():
                if (path, layer) not in channels:
                    channels[path, layer] = channels_of(maps, plan.view, height, width)
                    _notice(layer, maps, plan.view, notes)
                shown = show(maps, plan.view, channels[path, layer], height, width)
                cells = [Cell(each.values, image, each.label) for each in shown]
                found[path, checkpoint, layer] = Seen(checkpoint, path, layer, cells)
        notes |= dict.fromkeys(opened.notes)
    for note in notes:
        tell(note)
    seen = [
        found[path, checkpoint, layer]
        for path in plan.pictures
        for checkpoint in plan.checkpoints
        for layer in plan.layers
    ]
    return _labelled(_scaled(seen, plan), plan)


def _maps(
    opened: Opened, picture: Picture, plan: Plan, notes: dict[str, None]
) -> dict[str, NDArray[np.float32]]:
    """The maps of each layer, (C, H, W)."""
    inputs = opened.given(picture)
    given = opened.network.activations(inputs, plan.layers, plan.call)
    size = (int(inputs.shape[-2]), int(inputs.shape[-1]))
    maps = {}
    for layer in plan.layers:
        shape = tuple(given[layer].shape)
        try:
            layout = read_layout(shape, 1, size, plan.layout, layer=layer)
        except UsageError:  # said again, with what there is instead
            others = layers_with_maps(opened.network.list_layers(inputs))
            layout = read_layout(shape, 1, size, plan.layout, layer=layer, others=others)
        unsure = "" if layout.sure else "; other readings fit as well, --layout decides"
        notes[f"{layer}: {'x'.join(map(str, shape[1:]))}, read as {layout}{unsure}"] = None
        maps[layer] = check_finite(to_maps(given[layer], layout), layer)
    return maps


def _notice(layer: str, maps: NDArray[np.float32], view: View, notes: dict[str, None]) -> None:
    if dead := dead_channels(maps):
        notes[f"{layer}: {dead:,} of {len(maps):,} channels have one value everywhere"] = None
    if view.is_grid and view.topk > len(maps) and view.topk != DEFAULT_TOPK:
        notes[f"{layer}: all of its {len(maps)} channels are shown"] = None


def _at_size(picture: Picture, plan: Plan) -> NDArray[np.uint8]:
    """The picture in the size that maps are laid over it."""
    from PIL.Image import Resampling

    width, height = picture.size
    if plan.size is not None:
        height, width = plan.size
    alone = plan.is_one_sheet and not plan.view.is_grid
    cap = _CAP_ALONE_PIXELS if alone else _CAP_PIXELS
    if not plan.full_size and plan.size is None and max(width, height) > cap:
        scale = cap / max(width, height)
        width, height = max(round(width * scale), 1), max(round(height * scale), 1)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Resampling.BOX, reducing_gap=2.0)
    return np.asarray(picture)


def _scaled(seen: list[Seen], plan: Plan) -> list[Seen]:
    """The maps of a layer on one scale, where that is asked for or they are to be compared."""
    if not plan.shared and len(plan.checkpoints) == 1:
        return seen
    scaled = {
        layer: iter(on_one_scale([c for each in seen if each.layer == layer for c in each.cells]))
        for layer in plan.layers
    }
    return [each._replace(cells=[next(scaled[each.layer]) for _ in each.cells]) for each in seen]


def _labelled(seen: list[Seen], plan: Plan) -> list[Seen]:
    """The cells with whatever tells them apart before what they say."""
    pictures, checkpoints = short_names(plan.pictures), short_names(plan.checkpoints)
    labelled = []
    for each in seen:
        parts = [
            *([pictures[each.picture]] if len(plan.pictures) > 1 else []),
            *([checkpoints[each.checkpoint]] if len(plan.checkpoints) > 1 else []),
            *([each.layer] if len(plan.layers) > 1 else []),
        ]
        cells = [cell._replace(label="  ".join((*parts, cell.label))) for cell in each.cells]
        labelled.append(each._replace(cells=cells))
    return labelled


def short_names(paths: Sequence[Path]) -> dict[Path, str]:
    """What files are called: their names, with their folders where several have one name."""
    counts = Counter(path.stem for path in paths)
    named = {
        path: path.stem if counts[path.stem] == 1 else f"{path.resolve().parent.name}/{path.stem}"
        for path in paths
    }
    again = Counter(named.values())
    return {path: name if again[name] == 1 else str(path) for path, name in named.items()}
