"""Which process of a distributed training writes."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch.distributed

from trainviz_cli import LocalVisBackend
from trainviz_cli.writing.distributed import rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VARIABLES = [
    *("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"),
    *("SLURM_NTASKS", "WORLD_SIZE", "LOCAL_RANK"),
]
PICTURE = np.zeros((2, 3, 3), np.uint8)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what the launcher of the tests themselves may have set."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def fake_torch(*, available: bool = True, initialised: bool = True) -> SimpleNamespace:
    """What is used of `torch.distributed`, in the process of rank 1."""
    return SimpleNamespace(
        is_available=lambda: available,
        is_initialized=lambda: initialised,
        get_rank=lambda: 1,
    )


@pytest.fixture
def gloo(tmp_path: Path) -> Iterator[None]:
    """A real process group of this one process."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, 0),
        ({"RANK": "0"}, 0),
        ({"RANK": "3"}, 3),
        ({"OMPI_COMM_WORLD_RANK": "2"}, 2),
        ({"PMI_RANK": "1"}, 1),
        ({"SLURM_PROCID": "4", "SLURM_NTASKS": "8"}, 4),
        ({"SLURM_PROCID": "4", "SLURM_NTASKS": "1"}, 0),
        ({"RANK": "0", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, 0),
        ({"RANK": "1", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, 1),
        ({"RANK": "", "PMI_RANK": "2"}, 2),
        ({"RANK": "none"}, 0),
        ({"RANK": "-1"}, 0),
        ({"LOCAL_RANK": "1"}, 0),
    ],
    ids=str,
)
def test_the_launcher_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: int
) -> None:
    """The rank is what the launcher's variable says: torchrun's first, and 0 without any."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert rank() == expected


@pytest.mark.usefixtures("gloo")
def test_torch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """An initialised process group knows better than the environment."""
    monkeypatch.setenv("RANK", "3")
    assert rank() == 0


def test_torch_that_is_not_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch imported but without a process group leaves it to the environment."""
    assert torch.distributed.is_available()
    monkeypatch.setenv("RANK", "3")
    assert rank() == 3


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (fake_torch(), 1),
        (fake_torch(initialised=False), 0),
        (SimpleNamespace(is_available=lambda: False), 0),
        (None, 0),
    ],
    ids=["rank 1", "not initialised", "built without it", "not importable"],
)
def test_other_torches(monkeypatch: pytest.MonkeyPatch, module: object, expected: int) -> None:
    """Torch is asked only if it is there, can be distributed and is."""
    monkeypatch.setitem(sys.modules, "torch.distributed", module)
    assert rank() == expected


def everything(vis: LocalVisBackend) -> None:
    """Every call that writes."""
    vis.add_scalar("a", 1.0, step=1)
    vis.add_scalars({"a": 1}, file_path="extra.json")
    vis.add_image("picture", PICTURE)
    vis.add_config({"lr": 0.1})
    vis.close()


def in_rank_1_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is the second of a process group."""
    monkeypatch.setitem(sys.modules, "torch.distributed", fake_torch())


def in_rank_1_by_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is the second that torchrun started."""
    monkeypatch.setenv("RANK", "1")


RANKS_1 = pytest.mark.parametrize("enter_rank_1", [in_rank_1_by_torch, in_rank_1_by_launcher])


@RANKS_1
def test_rank_1_creates_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    enter_rank_1: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """Another rank than 0 may call everything and leaves nothing on the disk, not even a folder."""
    enter_rank_1(monkeypatch)
    everything(LocalVisBackend(tmp_path / "run"))
    assert not list(tmp_path.iterdir())


@RANKS_1
def test_all_ranks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    enter_rank_1: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """With `all_ranks` another rank writes everything."""
    enter_rank_1(monkeypatch)
    everything(LocalVisBackend(tmp_path / "run", all_ranks=True))
    files = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*.*")}
    assert files == {
        *("scalars.json", "scalars.times", "extra.json", "config.py", "vis_image/picture_0.png")
    }


@pytest.mark.usefixtures("gloo")
def test_rank_0_writes(tmp_path: Path) -> None:
    """In a real process group, rank 0 writes."""
    everything(LocalVisBackend(tmp_path / "run"))
    assert (tmp_path / "run" / "scalars.json").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda vis: vis.add_scalar("a", object()), TypeError),
        (lambda vis: vis.add_scalar("a", 1, step=object()), TypeError),
        (lambda vis: vis.add_scalar("a", torch.zeros(2)), TypeError),
        (lambda vis: vis.add_scalar("step", 1), ValueError),
        (lambda vis: vis.add_scalars({"a": 1j}), TypeError),
        (lambda vis: vis.add_scalars({"a": 1}, file_path="../extra.json"), ValueError),
        (lambda vis: vis.add_image("../picture", PICTURE), ValueError),
        (lambda vis: vis.add_image("picture", object()), TypeError),
        (lambda vis: vis.add_image("picture", PICTURE[None]), ValueError),
        (lambda vis: vis.add_config(object()), TypeError),
    ],
    ids=[
        *("scalar", "step", "tensor", "scalar name", "scalars", "file path"),
        *("image name", "image", "image shape", "config"),
    ],
)
def test_rank_1_refuses_what_rank_0_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[LocalVisBackend], None],
    error: type[Exception],
) -> None:
    """A mistake fails in every rank alike, so that no rank waits for one that failed."""
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(error):
        call(LocalVisBackend(tmp_path / "run"))
    assert not list(tmp_path.iterdir())
