"""What the tests of checkpoints compare with what torch says."""

from pathlib import Path

import pytest
import torch

from trainviz_cli.features.checkpoint import (
    Checkpoint,
    choose,
    load_tensor,
    open_checkpoint,
    shapes,
)

LEGACY = {"_use_new_zipfile_serialization": False}
EVERY_FORMAT = pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
Weights = dict[str, torch.Tensor]


def opened(file: Path, value: object, **options: bool) -> Checkpoint:
    """What is found in what torch saves."""
    torch.save(value, file, **options)
    return open_checkpoint(file)


def is_same(mine: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether type, shape, strides and every bit agree."""
    return (mine.dtype, mine.shape, mine.stride()) == (
        theirs.dtype,
        theirs.shape,
        theirs.stride(),
    ) and mine.contiguous().view(-1).view(
        torch.uint8
    ).tolist() == theirs.detach().contiguous().view(-1).view(torch.uint8).tolist()


def assert_weights(found: Checkpoint, wanted: str, expected: Weights) -> None:
    """The names in their order, the shapes, and every value."""
    _, copy = choose(found, wanted)
    assert shapes(copy) == {key: tuple(each.shape) for key, each in expected.items()}
    assert list(copy) == list(expected)
    assert all(is_same(load_tensor(copy[key]), each) for key, each in expected.items())


def weights(value: float = 1) -> Weights:
    """Those of a small network."""
    return {"conv.weight": torch.full((2, 1, 3, 3), value), "conv.bias": torch.full((2,), value)}
