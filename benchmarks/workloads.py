"""What the benchmarks work on, the same on every machine: seeded, and made when it is needed."""

from __future__ import annotations

import json
import math
import random
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PHOTO = Path(__file__).parent.parent / "sample_runs" / "chelsea.png"
SIZE = (1280, 720)
KEYS = ("loss", "loss_cls", "loss_bbox", "lr", "acc", "top1_acc", "grad_norm", "bbox_mAP")
LINES_PER_NAN = 10_000


def log_lines() -> Iterator[str]:
    """Endless lines as `json.dumps` writes them: the keys in turn, a NaN here and there."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    for number in count():
        value = math.nan if rng.random() < 1 / LINES_PER_NAN else rng.random()
        record = {KEYS[number % len(KEYS)]: value, "step": number // len(KEYS)}
        yield json.dumps(record) + "\n"


def log(folder: Path, lines: int) -> Path:
    """A new run directory in `folder` with so many lines; a million take 46.8 MB."""
    run = folder / f"run_{lines}"
    run.mkdir()
    with (run / "scalars.json").open("w") as file:
        file.writelines(islice(log_lines(), lines))
    return run


def noisy_curve(points: int = 10_000) -> list[float]:
    """A loss that falls, with noise."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    return [2 * math.exp(-3 * i / points) + rng.gauss(0, 0.05) for i in range(points)]


def curve_run(folder: Path) -> Path:
    """A new run directory in `folder` with `noisy_curve` as its only key."""
    run = folder / "curve"
    run.mkdir()
    records = ({"loss": value, "step": step} for step, value in enumerate(noisy_curve()))
    (run / "scalars.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


def photo() -> Picture:
    """(720, 1280, 3) RGB: a photograph."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(PHOTO).convert("RGB").resize(SIZE))


def feature_map() -> Picture:
    """(720, 1280, 3) RGB: a random 7 x 7 map in jet colours, half over the photograph."""
    import numpy as np
    from matplotlib import colormaps
    from PIL import Image

    coarse = np.random.default_rng(0).random((7, 7), np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BILINEAR))
    heat = colormaps["jet"](fine, bytes=True)[:, :, :3]
    blend: Picture = ((photo().astype(np.uint16) + heat) // 2).astype(np.uint8)
    return blend


def folder_of_runs(folder: Path, runs: int, lines: int, validates_every: int | None = 50) -> Path:
    """A new folder of so many runs, each with its own numbers, written by `LocalVisBackend`.

    A line has five values of training, or, every so often, two of validation.
    """
    from trainviz_cli import LocalVisBackend

    rng = random.Random(0)  # noqa: S311 - nothing secret
    for number in range(runs):
        with LocalVisBackend(folder / f"exp{number:05d}") as vis:
            vis.add_config({"lr": 0.01 * number, "model": {"depth": 50}})
            for step in range(1, lines + 1):
                if validates_every and step % validates_every == 0:
                    vis.add_scalars({"val/mAP": rng.random(), "val/loss": rng.random()}, step)
                else:
                    keys = ("loss", "loss_cls", "loss_bbox", "acc", "grad_norm")
                    vis.add_scalars({key: rng.random() for key in keys}, step)
    return folder


def event_file(folder: Path, events: int) -> Path:
    """A new folder with an event file of so many scalars, the tags in turn."""
    import numpy as np

    from trainviz_cli.codecs import tfbuild
    from trainviz_cli.codecs.tfscalars.encode import encode

    places = np.arange(events)
    codes, steps = (places % len(KEYS)).astype(np.int32), places // len(KEYS)
    values = np.random.default_rng(0).random(events)
    folder.mkdir()
    with (folder / "events.out.tfevents.1700000000.host").open("wb") as file:
        file.write(tfbuild.file_version(1.7e9))
        file.writelines(encode(KEYS, codes, 1.7e9 + places * 1e-3, steps, values))
    return folder
