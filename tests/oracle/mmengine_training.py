"""A small training with MMEngine's own Runner, on the CPU: `mmengine_training.py DIR TYPE`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 2
# MMEngine asks for its version, and PyPI's can't be imported beside a torch for the CPU alone.
sys.modules.setdefault("torchvision", None)  # type: ignore[arg-type]


class Toy(BaseModel):
    """Whether numbers sum to more than zero."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(8, 2)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor, mode: str = "tensor") -> Any:
        """Do what MMEngine asks of a model."""
        scores = self.head(inputs)
        if mode == "loss":
            return {"loss": cross_entropy(scores, labels)}
        return list(zip(scores, labels, strict=True))


class Accuracy(BaseMetric):
    """How often it is right."""

    default_prefix = "toy"

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Note each answer."""
        del data_batch
        self.results += [bool(scores.argmax() == label) for scores, label in data_samples]

    def compute_metrics(self, results: Any) -> dict[str, float]:
        """The share of right ones."""
        return {"accuracy": float(np.mean(results))}


class Pictures(Hook):
    """Draws and stores a picture in each epoch, and the model once."""

    def before_train(self, runner: Any) -> None:
        """Store the model."""
        runner.visualizer.add_graph(runner.model, None)

    def after_train_epoch(self, runner: Any) -> None:
        """Store a picture."""
        vis = runner.visualizer
        vis.set_image(np.full((60, 90, 3), 40, np.uint8))
        vis.draw_bboxes(np.array([[5, 5, 60, 40]])).draw_texts("toy", np.array([8, 8]))
        vis.add_image("train/sample", vis.get_image(), step=runner.epoch)


def loader() -> DataLoader[Any]:
    """Eighty samples, eight at a time."""
    inputs = torch.randn(80, 8, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(inputs, (inputs.sum(1) > 0).long()), batch_size=8)


def main(work_dir: str, visualizer: str) -> None:
    """Trains."""
    model = Toy()
    runner = Runner(
        model,
        work_dir,
        train_dataloader=loader(),
        val_dataloader=loader(),
        val_evaluator=Evaluator(Accuracy()),
        val_cfg={},
        train_cfg={"by_epoch": True, "max_epochs": EPOCHS, "val_interval": 1},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        default_hooks={"logger": {"type": "LoggerHook", "interval": 5}},
        custom_hooks=[Pictures()],
        visualizer={
            "type": visualizer,
            "vis_backends": [
                {"type": "trainviz_cli.LocalVisBackend"},
                {"type": "trainviz_cli.TensorboardVisBackend"},
            ],
        },
        experiment_name=visualizer,
        cfg=Config({"depth": {"of": 3}}),
        default_scope="mmengine",
    )
    runner.train()
    runner.visualizer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
