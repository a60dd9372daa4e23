"""Which of a checkpoint's values are weights, and which of several copies is taken."""

import argparse
import collections
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tests.unit.checkpoint_bytes import checkpoint, holding, name, tensor, text
from tests.unit.checkpoint_checks import EVERY_FORMAT, assert_weights, opened, weights
from trainviz_cli.errors import NotFoundError, RefusedError
from trainviz_cli.features.checkpoint import choose, open_checkpoint


@dataclass
class Settings:
    """What training scripts keep beside the weights."""

    lr: float


class Block(nn.Module):
    """A residual block with a buffer that is saved, and one that isn't."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("cache", torch.zeros(5), persistent=False)
        self.register_buffer("nothing", None)


class Net(nn.Module):
    """A small network with a part that is there twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.head = nn.Linear(4, 2)
        self.again = self.layer1[0].conv
        self.token = nn.Parameter(torch.randn(1, 4))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a checkpoint goes."""
    return tmp_path / "model.pth"


@EVERY_FORMAT
@pytest.mark.parametrize(
    "key",
    [
        *("state_dict", "model", "net", "model_state_dict", "ema", "state_dict_ema", "model_ema"),
        *("params", "params_ema", "teacher", "student", "generator", "my_network"),
    ],
)
def test_wrappers(file: Path, key: str, options: dict[str, bool]) -> None:
    """Whatever weights are called, they are found under that name, and taken if they are alone."""
    net = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    value = {
        "epoch": 3,
        key: weights(),
        "optimizer": optimizer.state_dict(),
        "loss": torch.tensor(0.5),
    }
    found = opened(file, value, **options)
    assert (found.kind, list(found.copies), found.notes) == ("state_dict", [key], ())
    assert choose(found)[0] == key
    assert_weights(found, key, weights())


def test_bare_weights(file: Path) -> None:
    """They are called model; prefixes stay, and so do what is beside them and their order."""
    bare = {f"module.{key}": each for key, each in weights().items()}
    found = opened(file, collections.OrderedDict(bare))
    assert list(found.copies) == ["model"]
    assert_weights(found, "model", bare)
    found = opened(file, {**bare, "epoch": 1, "lr": 0.1, "name": "x", "rng_state": torch.ones(9)})
    assert_weights(found, "auto", bare)


@pytest.mark.parametrize(
    ("keys", "auto", "ema", "model"),
    [
        (["ema", "model", "optimizer"], "model", "ema", "model"),
        (["state_dict_ema", "state_dict"], "state_dict", "state_dict_ema", "state_dict"),
        (["params_ema", "params"], "params", "params_ema", "params"),
        (["teacher", "student"], "student", None, "student"),
        (["discriminator", "generator", "g_ema"], "generator", "g_ema", "generator"),
        (["model_ema"], "model_ema", "model_ema", None),
        (["a", "nets.b"], "a", None, "a"),
        (["state_dict", "model"], "state_dict", None, "model"),
        (["schema", "cinema"], "schema", None, "schema"),
    ],
    ids=str,
)
def test_choosing(
    file: Path, keys: list[str], auto: str, ema: str | None, model: str | None
) -> None:
    """What is trained comes before averages, unless these are asked for or are all there is."""
    value: dict[str, object] = {}
    for place, key in enumerate(keys):
        *around, last = key.split(".")
        inner = value
        for each in around:
            inner[each] = inner = {}
        inner[last] = weights(place)
    found = opened(file, value)
    assert set(found.copies) == set(keys) - {"optimizer"}
    for wanted, expected in {"auto": auto, "ema": ema, "model": model}.items():
        if expected is None:
            with pytest.raises(NotFoundError, match=f"no weights called {wanted}"):
                choose(found, wanted)
        else:
            assert choose(found, wanted)[0] == expected
    for key in found.copies:
        assert choose(found, key)[1] is found.copies[key]


def test_a_name_that_is_not_there(file: Path) -> None:
    """The error says which are, and nothing of the file reaches the terminal raw."""
    found = opened(file, {"a\x1b[31m": weights(), "b" * 99: weights(), "é": weights()})
    with pytest.raises(NotFoundError, match="no weights called emma") as caught:
        choose(found, "emma")
    assert caught.value.hint is not None
    assert r"a\x1b[31m, " in caught.value.hint
    assert f"{'b' * 60}..." in caught.value.hint
    assert caught.value.hint.isprintable()
    found = opened(file, {f"net{place}": weights() for place in range(20)})
    with pytest.raises(NotFoundError, match="and 12 more"):
        choose(found, "ema")


def test_averages_among_the_weights(file: Path) -> None:
    """MMCV's are buffers whose names have underscores; they are a copy with the names they mean."""
    flat = {f"ema_{key.replace('.', '_')}": each for key, each in weights(2).items()}
    found = opened(file, {"state_dict": {**weights(1), **flat, "ema_rate": torch.ones(1)}})
    assert list(found.copies) == ["state_dict", "ema"]
    assert_weights(found, "auto", {**weights(1), "ema_rate": torch.ones(1)})
    assert_weights(found, "ema", weights(2))
    assert "MMCV exchanges" in found.notes[0]


def test_what_mmengine_saves(file: Path) -> None:
    """Its buffers of history and configs are no obstacle; it saves the average as state_dict."""
    config = pytest.importorskip("mmengine.config")
    logging = pytest.importorskip("mmengine.logging")
    hub = logging.MessageHub("checkpoint")
    for step in range(20):
        hub.update_scalar("train/loss", 1 / (step + 1))
    hub.update_info("iter", 20)
    value = {
        "meta": {"cfg": config.ConfigDict(model={"type": "Net"}), "epoch": 1},
        "state_dict": weights(1),
        "ema_state_dict": {"steps": torch.tensor(9), "module.conv.bias": torch.zeros(2)},
        "message_hub": hub.state_dict(),
    }
    found = opened(file, value)
    assert list(found.copies) == ["state_dict", "ema_state_dict"]
    assert found.notes == (
        "MMEngine saves averaged weights as state_dict, trained as ema_state_dict",
    )
    assert [choose(found, wanted)[0] for wanted in ("auto", "ema", "model")] == [
        *("state_dict", "state_dict", "ema_state_dict")
    ]


@pytest.fixture
def passing() -> Iterator[types.ModuleType]:
    """A module that is not there when its pickles are read."""
    module = types.ModuleType("passing")
    sys.modules["passing"] = module
    code = "class HistoryBuffer:\n pass\nclass ConfigDict(dict):\n pass"
    exec(code, module.__dict__)  # noqa: S102 - classes of no file
    yield module
    del sys.modules["passing"]


@EVERY_FORMAT
def test_what_stands_beside_weights(
    file: Path, options: dict[str, bool], passing: types.ModuleType
) -> None:
    """What makes `torch.load` refuse a file does not keep its weights from being found."""
    buffer = passing.HistoryBuffer()
    buffer.history = np.arange(5)
    value = {
        "args": argparse.Namespace(lr=0.1, path=Path("x")),
        "best": np.float64(0.5),
        "config": passing.ConfigDict(a=passing.ConfigDict(b=[1, (2,)])),
        "history": collections.defaultdict(list, loss=[0.5]),
        "hub": {"loss": buffer},
        "rng": np.random.default_rng(0).bit_generator.state,
        "settings": Settings(0.1),
        "where": Path("a/b"),
        "model": weights(),
    }
    torch.save(value, file, **options)
    del sys.modules["passing"]
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(file, weights_only=True)
    assert_weights(open_checkpoint(file), "auto", weights())
    sys.modules["passing"] = passing


def test_tensors_that_are_not_read(file: Path) -> None:
    """They are left out, and counted in a note."""
    found = opened(
        file, {**weights(), "a": torch.eye(2).to_sparse(), "b": torch.eye(3).to_sparse()}
    )
    assert found.notes == ("tensors that are not read: 2 sparse",)
    assert_weights(found, "auto", weights())


@EVERY_FORMAT
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_a_pickled_module(file: Path, options: dict[str, bool]) -> None:
    """Its weights are those of its state_dict: shared parts, saved buffers, in order."""
    net = Net()
    found = opened(file, net, **options)
    assert (found.kind, list(found.copies)) == ("module", ["model"])
    assert found.notes == (f"a pickled {__name__}.Net: its weights are read, its code is not",)
    assert_weights(found, "auto", net.state_dict())


def test_modules_in_a_checkpoint(file: Path) -> None:
    """As YOLO saves them, within wrappers, and as an attribute of a trainer."""
    net, trainer = Net(), argparse.Namespace(lr=1)
    average = AveragedModel(nn.DataParallel(Net()))
    trainer.net = Net()
    found = opened(file, {"model": net, "ema": average, "epoch": 1, "trainer": trainer})
    assert list(found.copies) == ["model", "ema", "trainer.net"]
    assert_weights(found, "auto", net.state_dict())
    assert_weights(found, "ema", average.state_dict())
    assert_weights(found, "trainer.net", trainer.net.state_dict())


def module(parts: bytes, parameters: bytes = b"}") -> bytes:
    """A module with these parts and parameters."""
    state = b"}(" + text("_parameters") + parameters + text("_modules") + parts + b"u"
    return name("net:Net") + b")\x81" + state + b"b"


def parts_of(*parts: bytes) -> bytes:
    """A dict of parts of a module."""
    pairs = b"".join(text(chr(97 + place)) + part for place, part in enumerate(parts))
    return b"}(" + pairs + b"u"


def memo(place: int) -> bytes:
    """The place of something in the memo."""
    return place.to_bytes(4, "little")


BOMB = module(b"}", holding(tensor())[2:-1]) + b"r" + memo(0) + b"0"
BOMB += b"".join(
    module(parts_of(b"j" + memo(place), b"j" + memo(place))) + b"r" + memo(place + 1) + b"0"
    for place in range(60)
)
CIRCLE = name("net:Net") + b")\x81q\x00}(" + text("_parameters") + b"}" + text("_modules")
CIRCLE += parts_of(b"h\x00") + b"ub"
WIDE = b"}(" + b"".join(text(f"k{place}") + b"N" for place in range(300)) + b"uq\x010"
WIDE += module(b"}", b"h\x01") + b"q\x020" + module(parts_of(*[b"h\x02"] * 300))
LONG_NAME = module(parts_of(b"N").replace(text("a"), text("a" * 2000)))


@pytest.mark.parametrize(
    "value",
    [
        BOMB + b"j" + memo(60),
        CIRCLE,
        WIDE,
        LONG_NAME,
        holding(tensor())[2:-1].replace(text("a"), text("a" * 3000)),
    ],
    ids=["a billion laughs", "a circle", "one part again and again", "long names", "a long name"],
)
def test_modules_without_end(file: Path, value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unfolds to more than any network is refused, and so is one that contains itself."""
    monkeypatch.setattr("trainviz_cli.features.copies._MOST_PARTS", 1 << 15)
    file.write_bytes(checkpoint(b"\x80\x02" + value + b".", s0=bytes(24)))
    with pytest.raises(RefusedError, match=r"than (any network has|in any network)"):
        open_checkpoint(file)


def test_values_that_contain_themselves(file: Path) -> None:
    """Each is looked at once, and the weights among them are found."""
    value: dict[str, object] = {"weights": weights()}
    value["me"] = value
    value["list"] = [value, [value]]
    assert list(opened(file, value).copies) == ["weights"]


def test_results_are_no_weights(file: Path) -> None:
    """A mapping with a tensor or two among other things, lists of tensors, numbers, extra state."""
    value = {
        "early_stopping": {"best": torch.ones(2), "patience": 3, "wait": 0},
        "model": {**weights(), "bn._extra_state": {"scale": torch.ones(3)}},
        "numbers": {"loss": torch.tensor(0.5), "acc": torch.tensor(0.9)},
        "shadow": [torch.ones(2), torch.ones(3)],
        "upscaler": weights(2),
    }
    found = opened(file, value)
    assert list(found.copies) == ["model", "upscaler"]


def test_averages_of_two_networks(file: Path) -> None:
    """Each is told apart under its own name where the short one is taken."""
    flat = {f"ema_{key.replace('.', '_')}": each for key, each in weights(2).items()}
    found = opened(
        file, {"a": {**weights(), **flat}, "b": {**weights(), **flat}, "ema": weights(3)}
    )
    assert list(found.copies) == ["a", "b", "ema", "a.ema", "b.ema"]
    assert_weights(found, "ema", weights(3))
    assert_weights(found, "b.ema", weights(2))
