"""Train a small ResNet on handwritten digits, and log every step for `trainviz`.

Ten images of each digit to learn from, the other 1,697 to be tested on; two optimizers with
three seeds each. A run takes less than a minute on one CPU core. Start one:

    python sample_runs/train.py --only sgd_seed0

and watch it grow from a second terminal:

    trainviz tail
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import timm
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from trainviz_cli import LocalVisBackend

if TYPE_CHECKING:
    from torch import Tensor, nn

GRID = 8  # a logged picture shows GRID x GRID test images
GREY, RED = (90, 90, 90), (230, 40, 40)  # the frames of right and wrong answers
EPOCHS_WITH_PICTURE = {1, 3, 10}  # and the last one


@dataclass(frozen=True)
class Config:
    """What defines a run; logged as its configuration."""

    optimizer: str
    lr: float
    weight_decay: float
    seed: int = 0
    momentum: float = 0.9  # AdamW's first beta
    warmup_epochs: int = 1
    epochs: int = 30
    batch_size: int = 5
    train_images: int = 100
    image_size: int = 64
    model: str = "test_resnet"


RUNS = {
    f"{config.optimizer}_seed{seed}": replace(config, seed=seed)
    for config in (
        Config(optimizer="sgd", lr=0.02, weight_decay=5e-4),
        Config(optimizer="adamw", lr=0.001, weight_decay=0.05),
    )
    for seed in range(3)
}


def load_data(config: Config) -> tuple[TensorDataset, TensorDataset]:
    """Return the training and the test set, the same for every seed.

    Images are (3, image_size, image_size) float32, grey, from -1 to 1.
    """
    digits = load_digits()
    small = torch.tensor(digits.images[:, None] / 8 - 1, dtype=torch.float32)
    images = functional.interpolate(small, size=(config.image_size, config.image_size))
    data = TensorDataset(images.expand(-1, 3, -1, -1), torch.tensor(digits.target))
    train, test = train_test_split(
        np.arange(len(data)),
        train_size=config.train_images,
        stratify=digits.target,
        random_state=0,
    )
    return TensorDataset(*data[train]), TensorDataset(*data[test])


def make_optimizer(model: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Return the optimizer that the configuration names."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.lr,
        betas=(config.momentum, 0.999),
        weight_decay=config.weight_decay,
    )


def lr_at(epoch: float, config: Config) -> float:
    """Return the learning rate: half a cosine down to zero, after a linear warm-up."""
    warmup = min(epoch / config.warmup_epochs, 1)
    return config.lr * warmup * (1 + math.cos(math.pi * epoch / config.epochs)) / 2


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of images whose highest logit is the right one."""
    return (logits.argmax(1) == labels).float().mean().item()


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits of all images."""
    model.eval()
    return torch.cat([model(batch) for batch in images.split(256)])


def evaluate(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return loss, accuracy and mAP: the mean over the digits of one-versus-rest AP."""
    return {
        "val/loss": functional.cross_entropy(logits, labels).item(),
        "val/acc": accuracy(logits, labels),
        "val/mAP": float(average_precision_score(labels, logits.softmax(1), average="macro")),
    }


def draw_predictions(images: Tensor, labels: Tensor, logits: Tensor) -> np.ndarray:
    """Return the first test images in a grid, (H, W, 3) uint8 RGB, wrong answers framed in red."""
    wrong = logits.argmax(1) != labels
    tiles = []
    for image, is_wrong in zip(images[: GRID**2], wrong[: GRID**2], strict=True):
        pixels = ((image + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        tile = np.full_like(pixels[::2, ::2], RED if is_wrong else GREY)  # at half the size
        tile[2:-2, 2:-2] = pixels[4:-4:2, 4:-4:2]
        tiles.append(tile)
    return np.vstack([np.hstack(tiles[i : i + GRID]) for i in range(0, GRID**2, GRID)])


def save_checkpoint(path: Path, model: nn.Module, config: Config) -> None:
    """Save the weights in half precision; counters stay whole numbers."""
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    torch.save({"state_dict": state, "epoch": config.epochs, "config": asdict(config)}, path)


def train(run_dir: Path, config: Config) -> nn.Module:
    """Train a model, log it to `run_dir`, and return it."""
    torch.manual_seed(config.seed)
    train_set, test_set = load_data(config)
    test_images, test_labels = test_set.tensors
    loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True)
    model = timm.create_model(config.model, num_classes=10)
    optimizer = make_optimizer(model, config)
    step = 0

    with LocalVisBackend(run_dir) as vis:
        vis.add_config(asdict(config))
        for epoch in range(1, config.epochs + 1):
            model.train()
            for images, labels in loader:
                start = time.perf_counter()
                step += 1
                lr = lr_at(step / len(loader), config)
                for group in optimizer.param_groups:
                    group["lr"] = lr
                logits = model(images)
                loss = functional.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                record = {
                    "train/loss": loss.item(),
                    "train/acc": accuracy(logits, labels),
                    "lr": lr,
                    "time": time.perf_counter() - start,
                    "epoch": step / len(loader),
                }
                vis.add_scalars(record, step=step)

            logits = predict(model, test_images)
            metrics = evaluate(logits, test_labels)
            vis.add_scalars(metrics | {"epoch": float(epoch)}, step=step)
            if epoch in EPOCHS_WITH_PICTURE or epoch == config.epochs:
                picture = draw_predictions(test_images, test_labels, logits)
                vis.add_image("val/predictions", picture, step=step)
            shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"{run_dir.name}  epoch {epoch:2}/{config.epochs}  {shown}", flush=True)
    return model


def main() -> None:
    """Train the runs that the command line asks for."""
    parser = argparse.ArgumentParser(description="Train a small ResNet on handwritten digits.")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the runs (runs)")
    parser.add_argument("--epochs", type=int, default=30, help="length of each run (30)")
    parser.add_argument(
        "--only", nargs="+", default=RUNS, choices=RUNS, metavar="NAME", help=", ".join(RUNS)
    )
    parser.add_argument(
        "--checkpoint", choices=RUNS, metavar="NAME", help="keep the weights of this run, too"
    )
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error("--epochs must be at least 1")
    for name in args.only:
        if (args.out / name / "scalars.json").exists():
            parser.error(f"{args.out / name} holds a run already: choose another --out")

    torch.set_num_threads(1)  # as fast as more, for so small a model
    torch.use_deterministic_algorithms(mode=True)
    for name in args.only:
        config = replace(RUNS[name], epochs=args.epochs)
        model = train(args.out / name, config)
        if name == args.checkpoint:
            save_checkpoint(args.out / name / "checkpoint.pth", model, config)


if __name__ == "__main__":
    main()
