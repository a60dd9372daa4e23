"""MMEngine's own Runner trains with backends of ours, and what they stored is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainviz_cli import open_run

PROGRAM = Path(__file__).with_name("mmengine_training.py")


@pytest.mark.parametrize("visualizer", ["Visualizer", "trainviz_cli.Visualizer"])
def test_a_training(tmp_path: Path, visualizer: str) -> None:
    """Scalars, metrics, pictures, model and configuration, through either Visualizer."""
    pytest.importorskip("mmengine")
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path / "work", visualizer],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "work")
    assert run["loss"].steps.tolist() == [5, 10, 15, 20]
    assert run["toy/accuracy"].steps.tolist() == [10, 20]
    assert [(image.name, image.step) for image in run.images] == [
        ("train/sample", 0),
        ("train/sample", 1),
    ]
    assert "(head): Linear" in run.texts[0].text
    assert run.config == {"depth": {"of": 3}}
    (events,) = (tmp_path / "work").glob("*/vis_data/events.out.tfevents.*")
    assert open_run(events)["loss"].values == pytest.approx(run["loss"].values)
