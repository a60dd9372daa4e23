"""`draw_featmap`: 512 maps of 7 x 7 over pictures, against MMEngine's."""

from __future__ import annotations

import warnings
from time import process_time
from typing import Any

import numpy as np
from measuring import ABSENT, Row, alternate, find, judged, processes, python, ratio, show

from trainviz_cli import Visualizer

ROUNDS = 9
DRAWS = 5  # a round: who draws one picture draws more
CHANNELS = 512
MEGABYTES = 1_000

# MMEngine enlarges every channel to the size of the photo first: 24.6 GB.
PHOTO = """
import numpy as np
from trainviz_cli import Visualizer
rng = np.random.default_rng(0)
maps = rng.standard_normal((512, 7, 7), np.float32)
Visualizer.draw_featmap(maps, rng.integers(0, 256, (3000, 4000, 3), dtype=np.uint8))
"""


def measure() -> list[Row]:
    """A row per reduction, in processor time of one thread, and the memory for a photo."""
    rows = _against_mmengine()
    peak = processes([python(PHOTO)], 3)[0].peak
    rows.append(judged("`draw_featmap`, 4000 × 3000", "peak memory", peak, f"≤ {MEGABYTES}", " MB"))
    return rows


def _against_mmengine() -> list[Row]:
    theirs, tensor = find("mmengine.visualization", "Visualizer"), find("torch", "from_numpy")
    if not (theirs and tensor):
        return [Row("`draw_featmap`", "faster than MMEngine", ABSENT, "≥ 80")]
    for module, name in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        find(module, name)(1)
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    maps = tensor(rng.standard_normal((CHANNELS, 7, 7), np.float32))
    picture = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    kinds = {
        "mean": ({"channel_reduction": "squeeze_mean"}, "≥ 80"),
        "strongest": ({"channel_reduction": "select_max"}, "≥ 80"),
        "top 5": ({"channel_reduction": None, "topk": 5, "arrangement": (2, 3)}, "≥ 15"),
    }
    rows = []
    for name, (options, target) in kinds.items():
        calls = [
            lambda side=side, options=options: _draw(side, maps, picture, options)
            for side in (theirs, Visualizer)
        ]
        seconds = alternate(calls, ROUNDS, process_time)
        operation = f"`draw_featmap`, {name}, 224 × 224"
        rows.append(ratio(operation, "faster than MMEngine (CPU)", seconds, target))
    return rows


def _draw(side: Any, maps: object, picture: object, options: dict[str, Any]) -> None:  # noqa: ANN401 - ours or MMEngine's
    for _ in range(DRAWS):
        side.draw_featmap(maps, picture, **options)


if __name__ == "__main__":
    show(measure())
