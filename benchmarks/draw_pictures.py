"""`Visualizer`: boxes, texts and masks on 1280 x 720, and its start, against MMEngine's."""

from __future__ import annotations

import tempfile
import warnings
from itertools import count
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import ABSENT, Row, alternate, find, processes, python, ratio, show
from workloads import photo

from trainviz_cli import Visualizer

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
DRAWS = 5  # a round: who draws one picture draws more
STARTS = 7
BOXES = 50
MASKS = 10
NAMES = "person bicycle car motorcycle airplane bus train truck boat bench".split()
SIDE = 200  # of an object, in pixels


START = """
from trainviz_cli import Visualizer
vis = Visualizer(vis_backends=[dict(type="LocalVisBackend")], save_dir={folder!r})
vis.add_scalar("loss", 0.5, 1)
"""


def measure() -> list[Row]:
    """A row per kind of drawing, in processor time of one thread, and one for the start."""
    theirs = find("mmengine.visualization", "Visualizer")
    if not theirs:
        return [Row("`Visualizer`", "faster than MMEngine", ABSENT, "≥ 6")]
    _one_thread()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    picture = photo()
    corners = rng.uniform(0, 1, (BOXES, 4)) * [900, 500, 300, 200]
    boxes = np.concatenate((corners[:, :2], corners[:, :2] + corners[:, 2:]), axis=1)
    # They come again after twenty pictures, as labels do from one validation to the next.
    labels = [f"{name} {score:.2f}" for name in NAMES for score in rng.permutation(99) / 100]
    numbers = count(step=BOXES)
    objects = np.zeros((MASKS, *picture.shape[:2]), bool)
    for mask in objects:
        top, left = rng.integers(0, picture.shape[0] - SIDE), rng.integers(0, 1000)
        mask[top : top + SIDE, left : left + SIDE] = True
    noise = rng.integers(0, 2, objects.shape).astype(bool)
    colours = ["r", "g", "b", "y", "c"] * 2
    white = {"facecolor": "black", "alpha": 0.8, "pad": 0.7, "edgecolor": "none"}

    def texts(vis: Any, **looks: Any) -> None:  # noqa: ANN401 - ours or MMEngine's
        first = next(numbers) % (len(labels) - BOXES)
        texts = labels[first : first + BOXES]
        vis.draw_bboxes(boxes).draw_texts(texts, boxes[:, :2], **looks)

    drawings: dict[str, tuple[Callable[[Any], object], str]] = {
        "50 boxes": (lambda vis: vis.draw_bboxes(boxes), "≥ 6"),
        "50 boxes, 50 texts": (texts, "≥ 8"),
        "50 boxes, 50 texts on black": (lambda vis: texts(vis, colors="w", bboxes=white), ""),
        "10 masks of objects": (lambda vis: vis.draw_binary_masks(objects, colours), "≥ 10"),
        "10 masks of noise": (lambda vis: vis.draw_binary_masks(noise, colours), "≥ 4"),
    }
    sides = theirs(), Visualizer()
    rows = []
    for name, (draw, target) in drawings.items():
        calls = [lambda vis=vis, draw=draw: _draw(vis, picture, draw) for vis in sides]
        seconds = alternate(calls, ROUNDS, process_time)
        rows.append(ratio(f"`Visualizer`, {name}", "faster than MMEngine (CPU)", seconds, target))
    return [*rows, _start()]


def _draw(vis: Any, picture: object, draw: Callable[[Any], object]) -> None:  # noqa: ANN401 - ours or MMEngine's
    for _ in range(DRAWS):
        vis.set_image(picture)
        draw(vis)
        vis.get_image()


def _start() -> Row:
    """From an interpreter that runs already to the first value on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [
            python("import mmengine.visualization"),
            python(START.format(folder=folder)),
            python("pass"),
        ]
        theirs, ours, nothing = (costs.cpu for costs in processes(commands, STARTS))
    sides = [[a - b for a, b in zip(side, nothing, strict=True)] for side in (theirs, ours)]
    compared = "import and first `add_scalar`: faster than importing MMEngine's (CPU)"
    return ratio("`Visualizer`, start", compared, sides, "≥ 50")


def _one_thread() -> None:
    for module, name in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        if limit := find(module, name):
            limit(1)


if __name__ == "__main__":
    show(measure())
