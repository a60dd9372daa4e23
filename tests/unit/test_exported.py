"""Programs instead of models: the same layers, the same numbers, and no code from a file."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.torchvision_here import needs_onnx
from trainviz_cli.errors import (
    MissingPackageError,
    NotFoundError,
    RefusedError,
    UnreadableError,
    UsageError,
)
from trainviz_cli.features.capture import activations
from trainviz_cli.features.exported import open_exported
from trainviz_cli.features.layouts import read_layout, to_maps
from trainviz_cli.features.onnx_model import open_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.features.network import Network


class Block(nn.Module):
    """A convolution with a ReLU in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What it adds."""
        return self.relu(self.conv(x)) + x


class Net(nn.Module):
    """A stem, two blocks and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.blocks = nn.Sequential(Block(), Block())
        self.fc = nn.Linear(4, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Seven classes."""
        x = self.relu(self.blocks(self.relu(self.bn(self.stem(x)))))
        return self.fc(x.mean((2, 3)))


@pytest.fixture(scope="module")
def net() -> Net:
    """The model that the programs are made from."""
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def picture() -> torch.Tensor:
    """A picture of noise."""
    return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def export(net: Net, file: Path, **options: Any) -> Path:
    """Save the model as a program of torch.export."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own code
        torch.export.save(torch.export.export(net, (torch.zeros(2, 3, 32, 32),), **options), file)
    return file


@pytest.fixture(scope="module")
def program(net: Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as a program for any number of pictures of one size."""
    batch = {"x": {0: torch.export.Dim("batch", max=64)}}
    file = tmp_path_factory.mktemp("program") / "net.pt2"
    return export(net, file, dynamic_shapes=batch)


def test_a_program_has_the_models_layers(net: Net, program: Path, picture: torch.Tensor) -> None:
    """Layers have their old names and classes, and give what they gave in the model."""
    network: Network = open_exported(program, unsafe=True)
    assert network.input_shape == (None, 3, 32, 32)
    rows = {row.path: row for row in network.list_layers(picture)}
    assert rows["blocks.1.conv"].kind == "Conv2d"
    assert rows["blocks.1.conv"].parameters == 148
    assert rows["relu"].calls == 2
    layers = ["bn", "blocks.1.conv", "blocks", "relu", "fc"]
    given, expected = network.activations(picture, layers), activations(net, picture, layers)
    assert all(torch.equal(given[layer], expected[layer]) for layer in layers)
    assert given["bn"].min() < 0


def test_a_programs_errors_are_told(program: Path, picture: torch.Tensor) -> None:
    """Another size than it was made for, and a layer that it doesn't have, are one line each."""
    network = open_exported(program, unsafe=True)
    with pytest.raises(UsageError, match="to be equal to 32, but got 40"):
        network.activations(torch.zeros(1, 3, 40, 40), ["bn"])
    with pytest.raises(NotFoundError, match="no layer 'block'"):
        network.activations(picture, ["block"])


def test_a_program_is_refused_unless_trusted(tmp_path: Path) -> None:
    """Loading is refused before a byte is read, for it would run what the file says."""
    with pytest.raises(RefusedError, match="can run any code") as caught:
        open_exported(hostile(tmp_path))
    assert "--unsafe" in str(caught.value.hint)
    assert not (tmp_path / "ran").exists()


def test_why_programs_are_refused(tmp_path: Path) -> None:
    """Loaded by torch, a program runs what a file has in it: so refusing is no mere caution."""
    with pytest.raises(UnreadableError):
        open_exported(hostile(tmp_path), unsafe=True)
    assert (tmp_path / "ran").exists()


class Touch:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def hostile(folder: Path) -> Path:
    """A program whose example inputs are a pickle that makes the folder `ran`."""
    file = export(Net().eval(), folder / "net.pt2")
    changed = folder / "hostile.pt2"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sample_inputs/model.pt"):
                inner = io.BytesIO()
                torch.save(Touch(folder / "ran"), inner)
                data = inner.getvalue()
            new.writestr(name, data)
    return changed


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, pickle.dumps({}), b"x" * 999])
def test_what_is_no_program_is_unreadable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    """A file of another kind is one line, and torch logs no traceback."""
    (tmp_path / "net.pt2").write_bytes(data)
    with pytest.raises(UnreadableError, match="can't load") as caught:
        open_exported(tmp_path / "net.pt2", unsafe=True)
    assert "\n" not in str(caught.value)
    assert caplog.messages == []


def test_files_that_are_not_there(tmp_path: Path) -> None:
    """Neither kind of program is looked for further."""
    for opened in (open_exported, open_onnx):
        with pytest.raises(NotFoundError, match="no such file"):
            opened(tmp_path / "no")


def graph_of(net: Net, batch: Any = "b", side: Any = None) -> Any:
    """The stem, the first block and the head of the model as an ONNX graph."""
    from onnx import TensorProto, helper, numpy_helper

    def weight(name: str, values: torch.Tensor) -> Any:
        return numpy_helper.from_array(values.detach().numpy(), name)

    conv = net.blocks[0].conv
    nodes = [
        helper.make_node(
            "Conv", ["x", "w0", "b0"], ["stem"], "/stem/Conv", strides=[2, 2], pads=[1] * 4
        ),
        helper.make_node("Conv", ["stem", "w1", "b1"], ["conv"], "/block/Conv", pads=[1] * 4),
        helper.make_node("Relu", ["conv"], ["relu"], "/block/Relu"),
        helper.make_node("GlobalAveragePool", ["relu"], ["pool"], "/pool"),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Flatten", ["pool"], ["flat"], "/flat"),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["out"], "/fc", transB=1),
    ]
    weights = [
        weight("w0", net.stem.weight),
        weight("b0", net.stem.bias),
        weight("w1", conv.weight),
        weight("b1", conv.bias),
        weight("w2", net.fc.weight),
        weight("b2", net.fc.bias),
    ]
    put = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, side, side])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 7])
    graph = helper.make_graph(nodes, "net", [put], [out], weights)
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, ir_version=10, opset_imports=opset)


@pytest.fixture
def graph(net: Net, tmp_path: Path) -> Path:
    """An ONNX graph for pictures of any size, with a shape left from the size it was made with."""
    import onnx

    model = graph_of(net)
    left = onnx.helper.make_tensor_value_info("relu", onnx.TensorProto.FLOAT, [1, 4, 16, 16])
    model.graph.value_info.append(left)
    onnx.save(model, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@needs_onnx
@pytest.mark.parametrize("side", [32, 48])
def test_a_graphs_tensors_are_layers(net: Net, graph: Path, side: int) -> None:
    """Each computed tensor is listed with its shape, and gives what torch gives."""
    network: Network = open_onnx(graph)
    assert network.input_shape == (None, 3, None, None)
    picture = torch.randn(1, 3, side, side)
    rows = {row.path: row for row in network.list_layers(picture)}
    assert list(rows) == ["stem", "conv", "relu", "pool", "flat", "out"]
    assert [row.parameters for row in rows.values()] == [112, 148, 0, 0, 0, 35]
    assert str(rows["relu"].outputs[0].layout) == f"nchw {side // 2}x{side // 2}"
    assert rows["out"].outputs[0].layout is None
    values = network.activations(picture, list(rows))
    for path, row in rows.items():
        assert values[path].shape == row.outputs[0].shape
    with torch.no_grad():
        conv = net.blocks[0].conv(net.stem(picture))
    assert np.allclose(values["conv"], conv, atol=1e-5)
    assert np.allclose(values["relu"], conv.relu(), atol=1e-5)
    maps = to_maps(values["relu"], read_layout(values["relu"].shape, 1, (side, side)))
    assert maps.shape == (4, side // 2, side // 2)


@needs_onnx
def test_a_graphs_layers_have_two_names(graph: Path, picture: torch.Tensor) -> None:
    """A node's name means what it computes; arrays go in as tensors do; the graph stays as is."""
    network = open_onnx(graph)
    values = network.activations(picture.numpy(), ["/block/Relu", "relu", "out"], call=1)
    assert np.array_equal(values["/block/Relu"], values["relu"])
    assert [each.name for each in network.model.graph.output] == ["out"]


@needs_onnx
@pytest.mark.parametrize(
    ("layer", "call", "message", "hint"),
    [
        ("relv", None, "no layer 'relv'", "relu"),
        ("", None, "no layer ''", ""),
        ("relu", 2, "computed once: no call 2", "None"),
    ],
)
def test_layers_that_a_graph_does_not_have(
    graph: Path, picture: torch.Tensor, layer: str, call: int | None, message: str, hint: str
) -> None:
    """A misspelt layer is told the nearest; a second call there is never."""
    with pytest.raises(NotFoundError, match=message) as caught:
        open_onnx(graph).activations(picture, [layer], call)
    assert hint in str(caught.value.hint)


@needs_onnx
def test_a_graph_of_one_size(net: Net, tmp_path: Path) -> None:
    """A graph for one size says so when it gets another, and is listed as it is."""
    import onnx

    onnx.save(graph_of(net, 1, 32), tmp_path / "net.onnx")
    network = open_onnx(tmp_path / "net.onnx")
    assert network.input_shape == (1, 3, 32, 32)
    other = torch.zeros(1, 3, 64, 64)
    assert network.list_layers(other)[0].outputs[0].shape == (1, 4, 16, 16)
    with pytest.raises(UsageError, match="doesn't run: ") as caught:
        network.activations(other, ["relu"])
    assert caught.value.hint == "it takes 1x3x32x32"


@needs_onnx
def test_half_precision_goes_in_as_it_is_wanted(tmp_path: Path) -> None:
    """A graph of half floats gets them; one of whole numbers is refused."""
    import onnx
    from onnx import TensorProto, helper

    for number, kind in enumerate((TensorProto.FLOAT16, TensorProto.UINT8)):
        put = helper.make_tensor_value_info("x", kind, [1, 3, 8, 8])
        out = helper.make_tensor_value_info("y", kind, [1, 3, 8, 8])
        node = helper.make_node("Identity", ["x"], ["y"])
        graph = helper.make_graph([node], "net", [put], [out])
        opset = [helper.make_opsetid("", 20)]
        file = tmp_path / f"{number}.onnx"
        onnx.save(helper.make_model(graph, ir_version=10, opset_imports=opset), file)
    picture = np.ones((1, 3, 8, 8), np.float32)
    assert open_onnx(tmp_path / "0.onnx").activations(picture, ["y"])["y"].dtype == np.float16
    with pytest.raises(UsageError, match="takes no floating point numbers"):
        open_onnx(tmp_path / "1.onnx").activations(picture, ["y"])


@needs_onnx
def test_weights_in_older_graphs_are_no_inputs(net: Net, tmp_path: Path) -> None:
    """Weights that are listed as inputs too are told from what a picture goes into."""
    import onnx
    from onnx import TensorProto, helper

    model = graph_of(net)
    model.graph.input.append(helper.make_tensor_value_info("b2", TensorProto.FLOAT, [7]))
    onnx.save(model, tmp_path / "old.onnx")
    assert open_onnx(tmp_path / "old.onnx").input_shape == (None, 3, None, None)
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    onnx.save(model, tmp_path / "two.onnx")
    with pytest.raises(UsageError, match="takes 2 inputs: x, mask"):
        open_onnx(tmp_path / "two.onnx")


@needs_onnx
def test_weights_may_lie_in_the_folder_and_nowhere_else(net: Net, tmp_path: Path) -> None:
    """Weights beside the graph are found; a graph that points out of its folder is refused."""
    import onnx

    inside = tmp_path / "inside"
    inside.mkdir()
    onnx.save(
        graph_of(net),
        inside / "net.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    assert (inside / "weights.bin").exists()
    network = open_onnx(inside / "net.onnx")
    assert network.activations(np.zeros((1, 3, 8, 8)), ["relu"])["relu"].shape == (1, 4, 4, 4)
    (inside / "weights.bin").rename(tmp_path / "weights.bin")
    model = onnx.load(inside / "net.onnx", load_external_data=False)
    for each in model.graph.initializer:
        each.external_data[0].value = "../weights.bin"
    (inside / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UnreadableError, match="can't read"):
        open_onnx(inside / "net.onnx")


@needs_onnx
def test_an_onnx_with_holes_is_not_used(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that lets a graph read any file is to be updated, before it reads anything."""
    import onnx

    monkeypatch.setattr(onnx, "__version__", "1.20.1")
    with pytest.raises(MissingPackageError, match=r"1\.20\.1 lets a graph read any file") as caught:
        open_onnx(graph)
    assert caught.value.hint == 'pip install "onnx>=1.21"'


@needs_onnx
@pytest.mark.parametrize("data", [b"", b"x" * 99, b"\x08\x0a\xff"])
def test_what_is_no_graph_is_unreadable(tmp_path: Path, data: bytes) -> None:
    """A file of another kind is one line, with exit code 4 or 2."""
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises((UnreadableError, UsageError)) as caught:
        open_onnx(tmp_path / "net.onnx")
    assert "\n" not in str(caught.value)


@needs_onnx
def test_a_graph_that_can_not_run(net: Net, tmp_path: Path, picture: torch.Tensor) -> None:
    """An operation that onnxruntime doesn't know ends with one line, and can still be listed."""
    import onnx

    model = graph_of(net)
    model.graph.node[2].op_type = "NoSuchOperation"
    onnx.save(model, tmp_path / "net.onnx")
    network = open_onnx(tmp_path / "net.onnx")
    rows = {row.path: row for row in network.list_layers(picture)}
    assert rows["conv"].outputs
    assert not rows["relu"].outputs
    with pytest.raises(UnreadableError, match="onnxruntime can't run") as caught:
        network.activations(picture, ["conv"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_packages_are_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, net: Net
) -> None:
    """Without onnx or onnxruntime there is the command that installs them."""
    (tmp_path / "net.onnx").write_bytes(b"")
    if package == "onnxruntime":
        onnx = pytest.importorskip("onnx")
        onnx.save(graph_of(net), tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError) as caught:
        open_onnx(tmp_path / "net.onnx").activations(np.zeros((1, 3, 8, 8)), ["relu"])
    assert caught.value.hint == "pip install onnx onnxruntime"


@needs_onnx
def test_a_graph_needs_no_torch(graph: Path) -> None:
    """Layers of a graph are listed and computed where torch is not installed."""
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from trainviz_cli.features.onnx_model import open_onnx\n"
        "network = open_onnx(Path(sys.argv[1]))\n"
        "picture = np.zeros((1, 3, 8, 8), np.float32)\n"
        "print(len(network.list_layers(picture)))\n"
        "print(network.activations(picture, ['relu'])['relu'].shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(graph)], capture_output=True, check=True, text=True
    )
    assert done.stdout == "6\n(1, 4, 4, 4)\n"


def test_importing_is_cheap() -> None:
    """None of the files for features imports torch, timm, onnx or Pillow by itself."""
    names = "build capture exported layers layouts network onnx_model preprocess weights".split()
    lines = [f"import trainviz_cli.features.{name}" for name in names]
    script = "\n".join(["import sys", *lines, "print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "torchvision", "timm", "onnx", "onnxruntime", "PIL"}
