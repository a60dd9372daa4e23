"""`trainviz featmap`: from a checkpoint and a picture to a picture, and every way it can fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.unit.torchvision_here import needs_onnx, needs_timm, needs_torchvision
from trainviz_cli.errors import NotFoundError
from trainviz_cli.features import opening

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = """
from torch import nn

def build(num_classes=3):
    stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
    return nn.Sequential(stem, nn.Conv2d(6, 12, 3, 2, 1), nn.Flatten(), nn.LazyLinear(3))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.small = nn.Conv2d(3, 3, 3, 4, 1)

    def forward(self, x):
        return self.small(x)
"""


class Net(nn.Module):
    """The network of the checkpoints that name none."""

    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Conv2d(3, 3, 3, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        return self.small(images)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo(here: Path) -> Path:
    """A picture of 90 x 60."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    path = here / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def resnet18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of torchvision's resnet18, from random weights."""
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    path: Path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


@pytest.fixture
def own(here: Path) -> Path:
    """A checkpoint of a network that no library has, and net.py beside it."""
    (here / "net.py").write_text(TINY)
    torch.manual_seed(0)
    path = here / "own.pth"
    torch.save(Net().state_dict(), path)
    return path


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(path) as picture:
        picture.load()
        return picture.size


# A picture


@needs_torchvision
def test_the_example(trainviz: Any, here: Path, resnet18: Path, photo: Path) -> None:
    """The one line of the README: five channels in a grid, and what was assumed on stderr."""
    ran = trainviz("featmap", resnet18, photo, "--layer", "layer4", "--topk", "5")
    assert (ran.code, ran.lines) == (0, ["photo_layer4.png"])
    assert size(here / "photo_layer4.png") == (3 * 90, 2 * 60)
    assert "torchvision:resnet18: assumed" in ran.err
    assert "input: 224x224, mean 0.485 0.456 0.406" in ran.err
    assert "layer4: 512x7x7, read as nchw 7x7" in ran.err


@needs_torchvision
def test_what_is_drawn_is_what_the_visualizer_draws(
    trainviz: Any, here: Path, resnet18: Path, photo: Path
) -> None:
    """One implementation: the mean over the picture is `draw_featmap`'s, but for the label."""
    from trainviz_cli import Visualizer
    from trainviz_cli.features.capture import activations
    from trainviz_cli.features.opening import Wanted, open_network
    from trainviz_cli.features.preprocess import prepare

    trainviz("featmap", resnet18, photo, "--layer", "layer3", "-o", "a.png")
    opened = open_network(resnet18, Wanted())
    with Image.open(photo) as picture:
        inputs = prepare(picture, opened.preprocessing)
        maps = activations(opened.network.model, inputs, ["layer3"])["layer3"][0]
        with pytest.warns(UserWarning, match="another shape"):
            expected = Visualizer.draw_featmap(maps, picture)
    with Image.open(here / "a.png") as drawn:
        assert (np.asarray(drawn)[24:] == expected[24:]).all()


@needs_timm
def test_the_sample_checkpoint(trainviz: Any, here: Path, samples: Path, photo: Path) -> None:
    """The run that comes with the project is recognised, in half precision, for ten classes."""
    ran = trainviz("featmap", samples / "sgd_seed0", photo, "--layer", "layer4", "--topk", "4")
    assert ran.code == 0, ran.err
    assert "timm:test_resnet: assumed" in ran.err
    assert "for 10 classes" in ran.err
    assert size(here / "photo_layer4.png") == (2 * 90, 2 * 60)


@needs_torchvision
@pytest.mark.parametrize(
    ("name", "layer", "said"),
    [
        ("vit_b_16", "encoder.layers.encoder_layer_2", "tokens:14x14+1"),
        ("swin_t", "features.3", "nhwc 28x28"),
    ],
)
def test_transformers(
    trainviz: Any, here: Path, photo: Path, name: str, layer: str, said: str
) -> None:
    """Tokens and channels that come last are read as maps."""
    import torchvision

    torch.save(torchvision.models.get_model(name).state_dict(), here / "net.pth")
    ran = trainviz("featmap", "net.pth", photo, "--layer", layer, "-o", "a.png")
    assert ran.code == 0, ran.err
    assert said in ran.err
    assert size(here / "a.png") == (90, 60)


@needs_torchvision
@pytest.mark.parametrize(
    "options",
    [
        ["--channel-reduction", "select_max"],
        ["--channel-reduction", "none"],
        ["--view", "eigencam"],
        ["--topk", "3", "--sort", "abs"],
        ["--topk", "3", "--sort", "max", "--norm", "shared"],
        ["--topk", "3", "--sort", "var", "--arrangement", "1x3"],
        ["--colorbar", "--cmap", "viridis", "--alpha", "0.8"],
        ["--resize", "30x40"],
        ["--input-size", "64x96"],
        ["--input-size", "none"],
        ["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"],
        ["--layer", "layer2", "--layer", "layer1"],
        ["--layout", "nchw"],
        ["--full-size"],
    ],
)
def test_options(
    trainviz: Any, here: Path, resnet18: Path, photo: Path, options: list[str]
) -> None:
    """Each leaves a picture that differs from the one without."""
    plain = ["featmap", resnet18, photo, "--layer", "layer3"]
    trainviz(*plain, "-o", "plain.png")
    ran = trainviz(*plain, *options, "-o", "other.png")
    assert ran.code == 0, ran.err
    same = (here / "plain.png").read_bytes() == (here / "other.png").read_bytes()
    assert same == (options[0] in {"--layout", "--full-size"})


@needs_torchvision
def test_a_large_picture_is_shown_smaller(trainviz: Any, here: Path, resnet18: Path) -> None:
    """Maps in a grid are capped at 640 pixels; one alone is larger; `--full-size` lifts it."""
    Image.new("RGB", (2000, 1000), "orange").save("large.png")
    plain = ["featmap", resnet18, "large.png", "--layer", "layer4"]
    trainviz(*plain, "--topk", "2", "-o", "a.png")
    trainviz(*plain, "-o", "b.png")
    trainviz(*plain, "--full-size", "-o", "c.png")
    sizes = [size(here / f"{name}.png") for name in "abc"]
    assert sizes == [(2 * 640, 320), (1600, 800), (2000, 1000)]


@needs_torchvision
def test_other_kinds_of_pictures(trainviz: Any, here: Path, resnet18: Path) -> None:
    """Grey, transparent, 16 bits, CMYK and turned pictures are taken as they look."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 30), dtype=np.uint8)).save("grey.png")
    Image.fromarray(rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)).save("alpha.png")
    Image.fromarray(rng.integers(0, 65536, (20, 30)).astype(np.uint16)).save("deep.png")
    Image.new("CMYK", (30, 20), (10, 20, 30, 40)).save("print.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (20, 30), "orange").save("turned.jpg", exif=exif)
    for name in ("grey.png", "alpha.png", "deep.png", "print.jpg", "turned.jpg"):
        ran = trainviz("featmap", resnet18, name, "--layer", "layer1", "-o", "out.png")
        assert ran.code == 0, ran.err
        assert size(here / "out.png") == (30, 20)


@needs_torchvision
def test_a_preview_in_the_terminal(trainviz: Any, resnet18: Path, photo: Path) -> None:
    """`--preview` draws it here, in letters where there is nothing else; a pipe gets the path."""
    plain = ["featmap", resnet18, photo, "--layer", "layer4", "-o", "a.png"]
    assert trainviz(*plain).lines == ["a.png"]
    lines = trainviz(*plain, "--preview", "--ascii").lines
    assert len(lines) > 5
    assert lines[-1] == "a.png"
    assert "".join(lines).isascii()


# Layers


@needs_torchvision
def test_the_list_of_layers(
    trainviz: Any, resnet18: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every layer with its class, shape, reading, calls and size; narrow screens show less."""
    monkeypatch.setenv("COLUMNS", "120")
    ran = trainviz("featmap", resnet18, photo, "--list-layers")
    assert ran.code == 0, ran.err
    row = next(line.split() for line in ran.lines if line.split()[0] == "layer4")
    assert row == ["layer4", "Sequential", "512x7x7", "nchw", "8,393,728"]
    assert any("layer1.0.relu" in line and "×2" in line for line in ran.lines)
    monkeypatch.setenv("COLUMNS", "40")
    narrow = trainviz("featmap", resnet18, photo, "--list-layers").lines
    assert all(len(line) <= 40 for line in narrow)
    assert any("layer4.0.conv1" in line for line in narrow)


@needs_torchvision
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--layer", "laier4"], 3, "no layer 'laier4'"),
        (["--layer", "fc"], 2, "fc gives no map"),
        (["--layer", "layer4[0]"], 3, r"layer4 gives .*, which has no 0"),
        (["--layer", "layer1", "--call", "2"], 3, "ran once"),
        (["--layer", "layer1", "--layout", "tokens:3x3"], 2, "9 tokens"),
        (["--layer", "layer1", "--layout", "sideways"], 2, "sideways"),
        (["--layer", "layer4", "--topk", "5", "--arrangement", "2x2"], 2, "no room for 5 maps"),
        (["--layer", "layer4", "--topk", "-1"], 2, "1 or 3 channels"),
        (["--layer", "layer4", "--topk", "0"], 2, "--topk"),
        (["--layer", "layer4", "--topk", "3", "--channel-reduction", "squeeze_mean"], 2, "one map"),
        (["--layer", "layer4", "--cmap", "nope"], 2, "no colour map 'nope'"),
        (["--layer", "layer4", "-o", "a.jpg"], 2, "no .png"),
        (["--layer", "layer4", "--resize", "0x3"], 2, "no size"),
        (["--layer", "layer4", "--mean", "a,b"], 2, "no list"),
        (["--layer", "layer4", "--weights", "ema"], 3, "no weights called"),
        (["--layer", "layer4", "--model", "resnet18"], 2, "names no model"),
        (["--layer", "layer4", "--model", "torchvision:resnet19"], 3, "no model 'resnet19'"),
        (["--layer", "layer4", "--model", "torchvision:resnet34"], 4, "don't fit"),
        ([], 2, "which layer"),
    ],
)
def test_what_cannot_be_shown(
    trainviz: Any,
    here: Path,
    resnet18: Path,
    photo: Path,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    """One line, the documented exit code, and no file."""
    ran = trainviz("featmap", resnet18, photo, *arguments)
    assert ran.code == code, ran.err
    assert re.search(said, ran.err), ran.err
    assert "Traceback" not in ran.err
    assert list(here.glob("*")) == [photo]


@needs_torchvision
def test_more_channels_than_there_are(
    trainviz: Any, here: Path, resnet18: Path, photo: Path
) -> None:
    """All are shown, and that is said."""
    ran = trainviz("featmap", resnet18, photo, "--layer", "conv1", "--topk", "100")
    assert ran.code == 0
    assert "all of its 64 channels are shown" in ran.err
    assert size(here / "photo_conv1.png") == (8 * 90, 8 * 60)


# Networks


def test_a_network_of_ones_own(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """`--model net.py:Two` names what no library has; a layer of three channels is an image."""
    ran = trainviz(
        "featmap", own, photo, "--layer", "small", "--model", "net.py:Two", "--topk", "-1"
    )
    assert ran.code == 0, ran.err
    assert "input: the picture's own size" in ran.err
    assert size(here / "photo_small.png") == (90, 60)


def test_an_unknown_network(trainviz: Any, own: Path, photo: Path) -> None:
    """It is not taken for one it isn't: the hint says how to name it."""
    ran = trainviz("featmap", own, photo, "--layer", "small")
    assert ran.code == 2
    assert "can't tell which network" in ran.err
    assert "--model" in ran.err


def test_activations_that_are_not_finite(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """A training that diverged gives an error that counts, and no picture."""
    weights = torch.load(own)
    weights["small.bias"][1] = float("nan")
    torch.save(weights, own)
    ran = trainviz("featmap", own, photo, "--layer", "small", "--model", "net.py:Two")
    assert ran.code == 4
    assert "holds NaN or infinity" in ran.err
    assert not (here / "photo_small.png").exists()


def test_the_average_of_weights(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """`--weights ema` takes the average; stderr says which there are."""
    weights = torch.load(own)
    other = {name: -value for name, value in weights.items()}
    torch.save({"model": weights, "ema": other, "epoch": 3}, "both.pth")
    plain = ["featmap", "both.pth", photo, "--layer", "small", "--model", "net.py:Two"]
    ran = trainviz(*plain, "-o", "a.png")
    assert "weights: model" in ran.err
    trainviz(*plain, "--weights", "ema", "-o", "b.png")
    assert (here / "a.png").read_bytes() != (here / "b.png").read_bytes()


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch owned",)


def test_code_in_a_checkpoint_is_not_run(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """Weights beside hostile objects are read, and nothing of the objects is run."""
    weights = torch.load(own)
    torch.save({"state_dict": weights, "payload": Payload()}, "hostile.pth")
    ran = trainviz("featmap", "hostile.pth", photo, "--layer", "small", "--model", "net.py:Two")
    assert ran.code == 0, ran.err
    assert not (here / "owned").exists()


def test_unsafe_runs_a_pickled_network(trainviz: Any, photo: Path) -> None:
    """A whole network is shown without its code if it is trusted, and that is said."""
    torch.save(Net(), "whole.pth")
    ran = trainviz("featmap", "whole.pth", photo, "--layer", "small", "--unsafe")
    assert ran.code == 0, ran.err
    assert "the file's own code was run" in ran.err


@needs_onnx
@pytest.mark.filterwarnings("ignore")
def test_onnx(trainviz: Any, photo: Path) -> None:
    """The tensors of an ONNX graph are layers."""
    onnx = pytest.importorskip("onnx")
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    helper = onnx.helper
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["maps"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["maps"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", 1, [1, 3, 32, 48])],
        [helper.make_tensor_value_info("y", 1, [1, 4, 32, 48])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), "net.onnx")
    ran = trainviz("featmap", "net.onnx", photo, "--layer", "maps")
    assert ran.code == 0, ran.err
    assert "maps: 4x32x48" in ran.err


# Several


@needs_torchvision
def test_pictures_of_a_folder(trainviz: Any, here: Path, resnet18: Path, photo: Path) -> None:
    """One sheet of all of them, or, in a folder, one for each."""
    (here / "photos").mkdir()
    for number in (10, 9):
        Image.new("RGB", (90, 60), (number, 0, 0)).save(here / "photos" / f"{number}.png")
    plain = ["featmap", resnet18, "photos", "--image", photo, "--layer", "layer4"]
    assert trainviz(*plain).lines == ["photos_layer4.png"]
    assert size(here / "photos_layer4.png") == (2 * 90, 2 * 60)
    lines = trainviz(*plain, "-o", "out/").lines
    assert [Path(line).name for line in lines] == [
        "9_layer4.png",
        "10_layer4.png",
        "photo_layer4.png",
    ]


def test_through_a_training(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """The checkpoints of a run in their order, the same channels on one scale, also as frames."""
    weights = torch.load(own)
    (here / "run").mkdir()
    for epoch in (10, 2, 1):
        scaled = {name: value * epoch for name, value in weights.items()}
        torch.save({"state_dict": scaled}, here / "run" / f"epoch_{epoch}.pth")
    torch.save({}, here / "run" / "optimizer.pt")
    plain = ["featmap", "run", photo, "--layer", "small", "--model", "net.py:Two", "--topk", "2"]
    assert trainviz(*plain, "-o", "sheet.png").code == 0
    assert size(here / "sheet.png") == (2 * 90, 3 * 60)
    with Image.open(here / "sheet.png") as sheet:
        rows = np.asarray(sheet).reshape(3, 60, 180, 3)[:, 24:]
    reds = [int((row[..., 0] > 200).sum()) for row in rows]
    assert reds[2] > 2 * reds[0]  # what is weak looks weak
    assert trainviz(*plain, "-o", "training.gif").code == 0
    with Image.open(here / "training.gif") as animation:
        assert animation.n_frames == 3
        assert animation.size == (2 * 90, 60)


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        ("nothing", 3, "no such file"),
        ("folder", 3, "no checkpoint in"),
        ("empty", 4, ""),
        ("text", 4, ""),
        ("pointer", 4, "git-LFS pointer"),
        ("cut", 4, ""),
    ],
)
def test_what_is_no_checkpoint(
    trainviz: Any, here: Path, own: Path, photo: Path, made: str, code: int, said: str
) -> None:
    """One line that names the file."""
    path = here / "made.pth"
    contents = {
        "empty": b"",
        "text": b"epoch,loss\n1,2\n",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n",
        "cut": own.read_bytes()[:-100],
    }
    if made in contents:
        path.write_bytes(contents[made])
    elif made == "folder":
        path.mkdir()
    ran = trainviz("featmap", path, photo, "--layer", "small", "--model", "net.py:Two")
    assert ran.code == code, ran.err
    assert said in ran.err
    assert "made.pth" in ran.err
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize("made", ["nothing", "empty", "cut", "bomb"])
def test_what_is_no_picture(trainviz: Any, here: Path, own: Path, made: str) -> None:
    """One line that names the file, before the network is run."""
    path = here / "made.png"
    if made == "bomb":
        Image.new("1", (20_000, 20_000)).save(path)
    elif made != "nothing":
        Image.new("RGB", (50, 50), "orange").save(path)
        path.write_bytes(path.read_bytes()[: 60 if made == "cut" else 0])
    ran = trainviz("featmap", own, path, "--layer", "small", "--model", "net.py:Two")
    assert ran.code == {"nothing": 3, "bomb": 6}.get(made, 4)
    assert "made.png" in ran.err


def test_without_torch(own: Path, photo: Path) -> None:
    """One line with the command that installs it."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from trainviz_cli.cli import run_trainviz\n"
        "run_trainviz()"
    )
    command = [sys.executable, "-c", program, "featmap", str(own), str(photo)]
    done = subprocess.run(
        [*command, "--layer", "small", "--model", "net.py:Two"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 5
    assert done.stderr == (
        "trainviz: torch is not installed\n  hint: pip install torch torchvision\n"
    )


# What a user may get wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "photo.png"], "one of the files to look at"),
        (["-o", "own.pth/a.png"], "is no folder"),
        (["-o", "-"], "no folder"),
        (["-o", "a.jpg"], "hint: -o a.png"),
        (["-o", f"{'z' * 300}.png"], "File name too long"),
        (["--alpha", "nan"], "no number"),
        (["--mean", "nan"], "no list"),
        (["--std", "1e300"], "no list"),
        (["--resize", "99999x99999"], "too large"),
        (["--input-size", "99999x99999"], "too large"),
        (["--arrangement", "2"], "no size such as 2x3"),
        (["--view", "eigencam", "--topk", "3"], "one map"),
        (["--image", ""], "without a name"),
        (["--image", "y" * 3000], "can't read"),
    ],
)
def test_wrong_usage(
    trainviz: Any, own: Path, photo: Path, arguments: list[str], said: str
) -> None:
    """One line and a documented code, before any file is touched."""
    before = photo.read_bytes(), own.read_bytes()
    plain = ["featmap", own, photo, "--layer", "small", "--model", "net.py:Two"]
    ran = trainviz(*plain, *arguments)
    assert ran.code in {2, 4}, ran.err
    assert said in ran.err
    assert len(ran.err.splitlines()) <= 4  # notes, and the error with its hint
    assert (photo.read_bytes(), own.read_bytes()) == before


def test_names_that_are_too_long(trainviz: Any, own: Path, photo: Path) -> None:
    """A path that no system has is one that isn't there."""
    long = "y" * 3000
    for arguments in ([long, photo], [own, photo, "--model", f"{long}.py:Net"]):
        ran = trainviz("featmap", *arguments, "--layer", "small")
        assert ran.code in {3, 4}, ran.err
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("folder", ["run v1.0", "run.png", "new.dir/", "plain"])
def test_folders_with_any_name(
    trainviz: Any, here: Path, own: Path, photo: Path, folder: str
) -> None:
    """A folder that is there, or a name that ends like one, is a folder."""
    if folder.startswith("run"):
        (here / folder).mkdir()
    plain = ["featmap", own, photo, "--layer", "small", "--model", "net.py:Two"]
    ran = trainviz(*plain, "-o", folder)
    assert ran.code == 0, ran.err
    assert size(here / folder / "photo_small.png") == (90, 60)


def test_pictures_of_one_name(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """Each has a file of its own."""
    for folder in "ab":
        (here / folder).mkdir()
        (here / folder / "photo.png").write_bytes(photo.read_bytes())
    plain = ["featmap", own, "a/photo.png", "--image", "b/photo.png", "--image", photo]
    ran = trainviz(*plain, "--layer", "small", "--model", "net.py:Two", "-o", "out/")
    assert ran.code == 0, ran.err
    assert len(set(ran.lines)) == len(list((here / "out").iterdir())) == 3


def test_a_network_with_other_parameters_first(trainviz: Any, here: Path, photo: Path) -> None:
    """How many channels a picture has is said by the first convolution, not by what precedes it."""
    (here / "pe.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.position = torch.nn.Parameter(torch.zeros(1, 32, 1, 1))\n"
        "        self.patch = torch.nn.Conv2d(3, 32, 8, 8)\n"
        "    def forward(self, x):\n"
        "        return self.patch(x) + self.position\n"
    )
    state = {
        "position": torch.zeros(1, 32, 1, 1),
        "patch.weight": torch.rand(32, 3, 8, 8),
        "patch.bias": torch.zeros(32),
    }
    torch.save(state, "pe.pth")
    ran = trainviz("featmap", "pe.pth", photo, "--layer", "patch", "--model", "pe.py:Net")
    assert ran.code == 0, ran.err


def test_a_forward_that_exits(trainviz: Any, here: Path, own: Path, photo: Path) -> None:
    """It is an error of the user's code, told as one."""
    text = TINY.replace("return self.small(x)", "import sys; sys.exit(3)")
    (here / "net.py").write_text(text)
    ran = trainviz("featmap", own, photo, "--layer", "small", "--model", "net.py:Two")
    assert ran.code == 2
    assert "the forward pass failed" in ran.err


@needs_torchvision
def test_a_network_that_the_tables_lack(
    trainviz: Any, resnet18: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer library's is shown all the same if it is named, with the usual preprocessing."""

    def lacks(library: str, name: str) -> None:
        raise NotFoundError(f"{library} has no architecture {name!r}")

    monkeypatch.setattr(opening, "architecture", lacks)
    model = ["--model", "torchvision:resnet18"]
    ran = trainviz("featmap", resnet18, photo, "--layer", "layer4", *model)
    assert ran.code == 0, ran.err
    assert "input: the picture's own size, mean 0.485 0.456 0.406" in ran.err
