"""Checkpoints: their weights are torch's, nothing is read unasked, and nothing is run."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import trainviz_cli
from tests.unit.checkpoint_bytes import call, holding, number, packed, tensor, text
from tests.unit.checkpoint_checks import EVERY_FORMAT, assert_weights, opened, weights
from trainviz_cli.errors import (
    MissingPackageError,
    NotFoundError,
    RefusedError,
    UnreadableError,
)
from trainviz_cli.features.checkpoint import (
    Checkpoint,
    choose,
    load_tensor,
    load_unsafely,
    open_checkpoint,
    shapes,
)


def noted(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with an attribute, which torch saves with it."""
    tensor.note = "x"  # type: ignore[attr-defined]
    return tensor


GRID = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) - 11.5
TENSORS: dict[str, Callable[[], torch.Tensor]] = {
    **{
        str(dtype): lambda dtype=dtype: GRID.to(dtype)
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64)
    },
    **{
        str(dtype): lambda dtype=dtype: GRID.abs().to(dtype)
        for dtype in (torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16)
    },
    "float8": lambda: GRID.to(torch.float8_e4m3fn),
    "complex": lambda: torch.complex(GRID, -GRID),
    "turned": lambda: GRID.permute(2, 0, 1),
    "every second": lambda: GRID[:, ::2, 1:],
    "a column": lambda: GRID[1, :, 2],
    "expanded": lambda: torch.ones(1, 3).expand(5, 3),
    "overlapping": lambda: torch.arange(9.0).as_strided((4, 3), (2, 1)),
    "scalar": lambda: torch.tensor(7),
    "empty": lambda: torch.empty(0),
    "empty in one dimension": lambda: torch.empty(3, 0, 2),
    "channels last": lambda: torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "parameter": lambda: nn.Parameter(GRID.clone()),
    "parameter with an attribute": lambda: noted(nn.Parameter(GRID.clone())),
    "with an attribute": lambda: noted(GRID.clone()),
    "NaN": lambda: torch.tensor([float("nan"), -0.0, float("inf")]),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a checkpoint goes."""
    return tmp_path / "model.pth"


@EVERY_FORMAT
@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_a_tensor_is_what_torch_loads(
    file: Path, make: Callable[[], torch.Tensor], options: dict[str, bool]
) -> None:
    """Of every type and layout: the same type, shape, strides and bits.

    Types as new as these torch saves in the legacy format, but fails to load.
    """
    saved = {"w": make(), "b": torch.ones(2)}
    found = opened(file, saved, **options)
    assert_weights(found, "auto", saved)
    if not options or make().dtype not in {torch.uint16, torch.float8_e4m3fn}:
        assert_weights(found, "auto", torch.load(file, weights_only=True))


@EVERY_FORMAT
def test_tensors_that_share_their_storage(file: Path, options: dict[str, bool]) -> None:
    """Each is read by itself: to change one changes no other."""
    whole = torch.arange(10.0)
    found = opened(file, {"whole": whole, "part": whole[3:7], "same": whole}, **options)
    _, copy = choose(found)
    assert copy["whole"].storage is copy["part"].storage
    loaded = {key: load_tensor(each) for key, each in copy.items()}
    loaded["whole"].zero_()
    assert loaded["part"].tolist() == [3, 4, 5, 6]
    assert loaded["same"].tolist() == whole.tolist()


def test_nothing_is_read_before_it_is_asked_for(file: Path) -> None:
    """A storage of eight gigabytes costs nothing, as long as only its shape is wanted."""
    start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.}."
    count = 1 << 31
    data = holding(tensor(count=count, shape=(count,), strides=(1,)), tensor("1"))
    keys = b"](" + text("0") + text("1") + b"e."
    with file.open("wb") as target:
        target.write(start + data + keys + count.to_bytes(8, "little"))
        target.seek(4 * count, os.SEEK_CUR)
        target.write((6).to_bytes(8, "little") + bytes(24))
    _, copy = choose(open_checkpoint(file))
    assert shapes(copy) == {"a": (count,), "b": (2, 3)}
    assert load_tensor(copy["b"]).tolist() == [[0] * 3] * 2


def test_a_type_that_this_torch_has_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes are known all the same; a newer torch has it."""
    _, copy = choose(opened(file, {"w": GRID.to(torch.float8_e5m2)}))
    monkeypatch.delattr(torch, "float8_e5m2")
    assert shapes(copy) == {"w": (2, 3, 4)}
    with pytest.raises(UnreadableError, match="float8_e5m2"):
        load_tensor(copy["w"])


def test_a_tensor_too_large_to_load(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before memory is asked for."""
    _, copy = choose(opened(file, {"w": GRID}))
    monkeypatch.setattr("trainviz_cli.codecs.stored._MOST_BYTES", 90)
    with pytest.raises(RefusedError, match="GiB"):
        load_tensor(copy["w"])


@pytest.mark.parametrize(
    "value",
    [{"epoch": 1, "note": "\x1b"}, [1, 2], "text", {"optimizer": {"state": {0: {"m": GRID}}}}, 3],
    ids=repr,
)
def test_no_weights(file: Path, value: object) -> None:
    """A checkpoint without any is an error that says what there is."""
    torch.save(value, file)
    with pytest.raises(UnreadableError, match="no weights in") as caught:
        open_checkpoint(file)
    assert isinstance(value, dict) == str(caught.value.hint).startswith("it holds ")


def test_what_is_only_recognised(file: Path) -> None:
    """Exported programs and ONNX have no copies to choose from."""
    file.write_bytes(packed({"m/archive_format": b"pt2", "m/models/model.json": b"{}"}))
    assert open_checkpoint(file) == Checkpoint(file, "exported", {}, ())
    file.write_bytes(b"\x08\x08\x3a\x02ab")
    found = open_checkpoint(file)
    assert found.kind == "onnx"
    with pytest.raises(NotFoundError, match="no weights called auto") as caught:
        choose(found)
    assert caught.value.hint == "there are: none"


def test_tensors_that_unfold(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tensors that each show all of one storage are more than the file, and are refused."""
    monkeypatch.setattr("trainviz_cli.features.checkpoint._SMALL", 1 << 10)
    many = torch.ones(1 << 14)
    torch.save({f"w{place}": many for place in range(40)}, file)
    with pytest.raises(RefusedError, match="MiB of weights in far fewer bytes"):
        open_checkpoint(file)


def test_an_attack_in_a_checkpoint(file: Path, tmp_path: Path) -> None:
    """It does nothing, and the weights beside it are read; torch runs it, if told to."""
    marker = tmp_path / "marker"
    attack = call("os:system", text(f"touch {marker}"))
    data = b"\x80\x02}(" + text("w") + tensor() + text("x") + attack + b"u."
    members = {"m/data.pkl": data, "m/data/0": bytes(24), "m/version": b"3"}
    file.write_bytes(packed(members))
    _, copy = choose(open_checkpoint(file))
    assert load_tensor(copy["w"]).tolist() == [[0] * 3] * 2
    assert not marker.exists()
    assert isinstance(load_unsafely(file), dict)
    assert marker.exists()


def test_only_one_function_lets_torch_load() -> None:
    """No other place in the package calls `torch.load`, and this one says what it does."""
    package = Path(trainviz_cli.__file__).parent
    calls = [
        (path.name, found)
        for path in package.rglob("*.py")
        for found in re.findall(r"torch\.load\(.*", path.read_text(encoding="utf-8"))
    ]
    assert calls == [("checkpoint.py", 'torch.load(file, map_location="cpu", weights_only=False)')]


def test_loading_unsafely(file: Path) -> None:
    """What torch can load is loaded; what it can't is an error of one line."""
    torch.save(argparse.Namespace(lr=number(1)), file)
    assert load_unsafely(file) == argparse.Namespace(lr=number(1))
    file.write_bytes(b"\x1b[31m" * 9)
    with pytest.raises(UnreadableError, match="torch can't load") as caught:
        load_unsafely(file)
    assert caught.value.message.isprintable()
    for path, error in [(file / "x", NotFoundError), (file.parent, UnreadableError)]:
        with pytest.raises(error):
            load_unsafely(path)


SCRIPT = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from trainviz_cli.errors import MissingPackageError
from trainviz_cli.features.checkpoint import choose, load_tensor, load_unsafely, open_checkpoint
from trainviz_cli.features.checkpoint import shapes
file = Path(sys.argv[1])
_, copy = choose(open_checkpoint(file))
print(shapes(copy))
for load in (lambda: load_tensor(copy["conv.bias"]), lambda: load_unsafely(file)):
    try:
        load()
    except MissingPackageError as error:
        print(error.exit_code)
print(sorted({"numpy", "orjson"} & sys.modules.keys()))
"""


def test_without_torch(file: Path) -> None:
    """Everything but the values is there, and what needs torch says so."""
    torch.save(weights(), file)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file)], capture_output=True, check=False, text=True
    )
    expected = str({key: tuple(each.shape) for key, each in weights().items()})
    code = MissingPackageError.exit_code
    assert done.stdout.splitlines() == [expected, str(code), str(code), "[]"], done.stderr
