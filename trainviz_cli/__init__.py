"""Training curves, in the terminal you are in.

Log with three lines, from any training script:

    from trainviz_cli import LocalVisBackend

    with LocalVisBackend("runs/exp1") as vis:
        vis.add_scalar("mAP", 0.31, step=100)

Read any run back as columns:

    from trainviz_cli import open_run

    run = open_run("runs/exp1")
    run["mAP"].steps, run["mAP"].values
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainviz_cli.errors import TrainvizError
    from trainviz_cli.features.capture import FeatureRecorder
    from trainviz_cli.model.run import Run
    from trainviz_cli.model.series import Series
    from trainviz_cli.runs.find import find_runs, open_run
    from trainviz_cli.writing.backend import BaseVisBackend
    from trainviz_cli.writing.backends.local import LocalVisBackend
    from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend
    from trainviz_cli.writing.backends.visdom import VisdomVisBackend
    from trainviz_cli.writing.backends.wandb import WandbVisBackend
    from trainviz_cli.writing.registry import VISBACKENDS, VISUALIZERS
    from trainviz_cli.writing.visualizer import Visualizer

__all__ = [
    "VISBACKENDS",
    "VISUALIZERS",
    "BaseVisBackend",
    "FeatureRecorder",
    "LocalVisBackend",
    "Run",
    "Series",
    "TensorboardVisBackend",
    "TrainvizError",
    "VisdomVisBackend",
    "Visualizer",
    "WandbVisBackend",
    "find_runs",
    "open_run",
]

# Imported on first use, so that `import trainviz_cli` in training code costs next to nothing.
_HOMES = {
    "FeatureRecorder": "features.capture",
    "BaseVisBackend": "writing.backend",
    "LocalVisBackend": "writing.backends.local",
    "Run": "model.run",
    "Series": "model.series",
    "TensorboardVisBackend": "writing.backends.tensorboard",
    "VisdomVisBackend": "writing.backends.visdom",
    "WandbVisBackend": "writing.backends.wandb",
    "TrainvizError": "errors",
    "VISBACKENDS": "writing.registry",
    "VISUALIZERS": "writing.registry",
    "Visualizer": "writing.visualizer",
    "find_runs": "runs.find",
    "open_run": "runs.find",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
