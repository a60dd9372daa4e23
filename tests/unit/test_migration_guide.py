"""docs/mmengine.md: what it says can be run is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainviz_cli import Visualizer, open_run

GUIDE = Path(__file__).parents[2] / "docs" / "mmengine.md"
CONFIG = "tests/data/config/py_config/config.py"


def examples() -> list[str]:
    """The code of the tutorial and of what follows, in order."""
    _, _, tutorial = GUIDE.read_text(encoding="utf-8").partition("## The tutorial's examples")
    return re.findall(r"(?s)```python\n(.*?)```", tutorial)


def test_the_examples_run(tmp_path: Path) -> None:
    """MMEngine's tutorial and the loop for detectron2 run as they stand, and leave their files.

    In a process of their own, as they make instances that are found from anywhere, without a
    display, and with a W&B that stays offline.
    """
    pytest.importorskip("mmengine")
    pytest.importorskip("wandb")
    pixels = np.random.default_rng(0).integers(0, 256, (250, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cat_and_dog.png")
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text("lr = 0.1\nmodel = dict(type='SGD')\n")
    program = tmp_path / "examples.py"
    program.write_text("\n".join(examples()))
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "temp_dir")
    assert run["loss"].values.tolist() == [0.2, 0.1, 0.3]
    assert run["acc"].steps.tolist() == [0, 1, 3]
    assert run.config == {"lr": 0.1, "model": {"type": "SGD"}}
    shown = [(image.name, image.step) for image in run.images]
    assert shown == [("demo", 0), ("demo", 1), ("demo", 3), ("feat", 0)]
    with Image.open(next(image.path for image in run.images if image.name == "feat")) as grid:
        assert grid.size == (3 * 300, 2 * 250)
    assert len(open_run(tmp_path / "temp_dir" / "d2")["total_loss"].values) == 5
    assert list((tmp_path / "temp_dir" / "vis_data").glob("events.out.tfevents.*"))
    assert list((tmp_path / "temp_dir" / "vis_data").glob("wandb/offline-run-*"))


def test_every_method_has_a_row() -> None:
    """The guide says of each public method whether it is the same."""
    _, _, table = GUIDE.read_text(encoding="utf-8").partition("## Method by method")
    named = set(re.findall(r"`([a-z_]+)(?:\(.*?\))?`", table.partition("\n## ")[0]))
    public = {name for name in dir(Visualizer) if not name.startswith("_")}
    assert public - named <= {"width", "height"}
