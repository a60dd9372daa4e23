"""Models from what names them, and weights into them: nothing downloaded, each error one line."""

from __future__ import annotations

import socket
import sys
import textwrap
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.unit.torchvision_here import needs_timm, needs_torchvision, one_thread
from trainviz_cli.errors import (
    MissingPackageError,
    NotFoundError,
    TrainvizError,
    UnreadableError,
    UsageError,
)
from trainviz_cli.features.build import Spec, build_loaded, build_model, parse_spec
from trainviz_cli.features.packages import note_on_torch, require
from trainviz_cli.features.weights import find_prefix, load_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["one_thread"]  # a fixture for each test in this file

NET = """
    from dataclasses import dataclass

    import torch
    from torch import nn

    @dataclass
    class Options:
        width: int = 4

    class Net(nn.Module):
        def __init__(self, num_classes=10, width=4):
            super().__init__()
            self.conv = nn.Conv2d(3, width, 3)
            self.bn = nn.BatchNorm2d(width)
            self.head = nn.Linear(width, num_classes)

        def forward(self, x):
            return self.head(self.bn(self.conv(x)).mean((2, 3)))

    def build():
        print("building")
        return Net(width=Options().width)

    def fails():
        raise ValueError("no\\nsuch thing")

    def stops():
        raise SystemExit(2)

    def half():
        return Net().half()

    made = Net()
    weights = {"conv": 1}
    number = 3
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A file with models in it."""
    file = tmp_path / "net.py"
    file.write_text(textwrap.dedent(NET))
    return file


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is resolved."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it wants to download")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def built(file: Path, name: str, **sizes: int) -> nn.Module:
    """The model that a file's callable makes."""
    return build_model(parse_spec(f"{file}:{name}"), **sizes)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("torchvision:resnet18", Spec("torchvision", "", "resnet18")),
        ("timm:resnet18.a1_in1k", Spec("timm", "", "resnet18.a1_in1k")),
        ("my.models:build", Spec("module", "my.models", "build")),
        ("torchvision.models:resnet18", Spec("module", "torchvision.models", "resnet18")),
        ("net.py:Net.tiny", Spec("file", "net.py", "Net.tiny")),
        ("../a b/net.py:build", Spec("file", "../a b/net.py", "build")),
        (r"C:\nets\net.py:build", Spec("file", r"C:\nets\net.py", "build")),
    ],
)
def test_each_form_is_told_apart(text: str, spec: Spec) -> None:
    """A library, a module and a file are told apart, and are written as they were."""
    assert parse_spec(text) == spec
    assert str(parse_spec(text)) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("resnet18", "torchvision:NAME"),
        ("net.py", "net.py:build"),
        ("net.py:", "net.py:build"),
        ("timm:", "torchvision:NAME"),
        (":build", "torchvision:NAME"),
        ("my-models:build", "torchvision:NAME"),
        ("", "torchvision:NAME"),
    ],
)
def test_what_names_no_model_is_told_the_forms(text: str, hint: str) -> None:
    """Each wrong name is an error of usage that says what would be right."""
    with pytest.raises(UsageError, match="names no model") as caught:
        parse_spec(text)
    assert hint in str(caught.value.hint)


@given(st.text())
def test_any_text_is_a_spec_or_an_error(text: str) -> None:
    """Whatever the text, it is a spec that is written the same, or an error of usage."""
    try:
        spec = parse_spec(text)
    except UsageError:
        return
    assert str(spec) == text


def test_a_file_builds_its_model(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A function in a file is called; what it prints leaves stdout alone."""
    model = built(net, "build")
    assert [name for name, _ in model.named_children()] == ["conv", "bn", "head"]
    assert capsys.readouterr() == ("", "building\n")


def test_a_file_finds_its_neighbours(net: Path) -> None:
    """A file may import the one next to it, and the search path is left as it was."""
    (net.parent / "beside_net.py").write_text("from net import Net as Beside\n")
    path = list(sys.path)
    try:
        assert built(net.parent / "beside_net.py", "Beside", num_classes=7).head.out_features == 7
    finally:
        sys.modules.pop("net", None)
    assert sys.path == path


def test_a_module_is_found_in_the_current_folder(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`package.module:callable` works where `python -m` would."""
    package = net.parent / "trainviz_test_package"
    package.mkdir()
    net.rename(package / "net.py")
    monkeypatch.chdir(net.parent)
    model = build_model(parse_spec("trainviz_test_package.net:build"))
    assert type(model).__name__ == "Net"
    for name in [each for each in sys.modules if each.startswith("trainviz_test_package")]:
        monkeypatch.delitem(sys.modules, name)


def test_sizes_reach_who_takes_them(net: Path) -> None:
    """A class gets the classes it has a parameter for; the first convolution is widened."""
    model = built(net, "Net", num_classes=7, in_channels=1)
    assert model.head.out_features == 7
    assert model.conv.in_channels == 1
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    assert built(net, "build", num_classes=7).head.out_features == 10


def test_a_model_may_be_there_already(net: Path) -> None:
    """A model that the file made is taken as it is; half precision becomes float32."""
    assert type(built(net, "made")).__name__ == "Net"
    assert {each.dtype for each in built(net, "half").parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("fails", UnreadableError, r"net.py:fails: ValueError: no in .*net.py, line 26"),
        ("stops", UnreadableError, r"net.py:stops ends the program in .*net.py, line 29"),
        ("weights", UsageError, "a value of type dict, which can't be called"),
        ("number", UsageError, "of type int"),
        ("Options", UsageError, "gives a value of type Options"),
        ("biuld", NotFoundError, "net.py has no 'biuld'"),
    ],
)
def test_errors_of_the_file_are_one_line(
    net: Path, name: str, kind: type[TrainvizError], message: str
) -> None:
    """What goes wrong in a user's file is one line that says where."""
    with pytest.raises(kind, match=message) as caught:
        built(net, name)
    assert "\n" not in str(caught.value)


def test_a_misspelt_callable_is_told_the_nearest(net: Path) -> None:
    """The hint names what the file has."""
    with pytest.raises(NotFoundError) as caught:
        built(net, "biuld")
    assert "build" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def build(:\n", UnreadableError, r"SyntaxError: .* line 1"),
        ("1 / 0\n", UnreadableError, r"ZeroDivisionError: .*, line 1"),
        ("import sys\nsys.exit()\n", UnreadableError, r"ends the program in .*, line 2"),
        ("import no_such_package.inner\n", MissingPackageError, "imports no_such_package"),
    ],
)
def test_a_file_that_fails_is_one_line(
    tmp_path: Path, source: str, kind: type[TrainvizError], message: str
) -> None:
    """A file that can't be run is one line, and is not left half imported."""
    (tmp_path / "bad.py").write_text(source)
    with pytest.raises(kind, match=message) as caught:
        built(tmp_path / "bad.py", "build")
    assert "bad.py" in str(caught.value)
    assert "trainviz_model_bad" not in sys.modules


def test_files_and_modules_that_are_not_there(tmp_path: Path) -> None:
    """What is not there is not found, and what is no Python file is said to be none."""
    with pytest.raises(NotFoundError, match="no such file"):
        built(tmp_path / "no.py", "build")
    with pytest.raises(NotFoundError, match="no module named no_such_module"):
        build_model(parse_spec("no_such_module.inner:build"))
    (tmp_path / "net.txt").write_text("")
    with pytest.raises(UnreadableError, match="no Python file"):
        built(tmp_path / "net.txt", "build")


def test_a_model_without_convolutions_has_no_channels(tmp_path: Path) -> None:
    """Where nothing can take another number of channels, that is said."""
    (tmp_path / "flat.py").write_text("from torch import nn\n\nmade = nn.Linear(3, 3)\n")
    with pytest.raises(UsageError, match="no convolution"):
        built(tmp_path / "flat.py", "made", in_channels=1)


@pytest.mark.parametrize(
    ("package", "spec", "line"),
    [
        ("torch", "net.py:build", "pip install torch torchvision"),
        ("torchvision", "torchvision:resnet18", "pip install torch torchvision"),
    ],
)
def test_a_missing_package_is_one_command(
    monkeypatch: pytest.MonkeyPatch, package: str, spec: str, line: str
) -> None:
    """What is not installed is told with the command that installs it, and exit code 5."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=f"{package} is not installed") as caught:
        build_model(parse_spec(spec))
    assert caught.value.hint == line
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("cuda", "message"),
    [(None, "torch is for the CPU alone .* CUDA build"), ("13.0", "not made for torch")],
)
def test_a_cuda_build_beside_a_torch_for_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str | None, message: str
) -> None:
    """The error that PyPI's torchvision ends with is explained, with the cure."""
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    for spec in ("torchvision:resnet18", "timm:resnet18"):
        with pytest.raises(MissingPackageError, match=message) as caught:
            build_model(parse_spec(spec))
        assert "for the CPU" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise RuntimeError('other')", "can't be imported: RuntimeError: other"),
        ("import no_such_part", "can't be imported: ModuleNotFoundError: No module named"),
        ("raise OSError('lib.so')", "can't be imported: OSError: lib.so"),
    ],
)
def test_a_broken_package_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    """A package that is there and fails is not called missing."""
    (tmp_path / "timm.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(MissingPackageError, match=message):
        require("timm")


@pytest.mark.parametrize(
    ("version", "holes"),
    [
        ("2.5.1+cu121", ("CVE-2025-32434", "CVE-2026-24747")),
        ("2.9.1", ("CVE-2026-24747",)),
        ("2.10.0", ()),
        ("2.13.0+cpu", ()),
        ("3.0", ()),
        ("unknown", ()),
    ],
)
def test_an_old_torch_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, version: str, holes: tuple[str, ...]
) -> None:
    """A torch with known holes is named with them, and a later one is not."""
    monkeypatch.setattr(metadata, "version", lambda _: version)
    note = note_on_torch()
    assert (note is None) == (not holes)
    assert all(hole in str(note) for hole in holes)
    assert str(note).count("CVE") == len(holes)


def test_no_torch_has_no_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch is not installed there is nothing to warn of."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert note_on_torch() is None


@needs_torchvision
@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["resnet18", "fcn_resnet50", "googlenet", "ResNet18"])
def test_torchvision_builds_without_download(name: str) -> None:
    """A classifier, one with a backbone of its own weights, and one that starts slowly."""
    model = build_model(parse_spec(f"torchvision:{name}"), num_classes=7, in_channels=1)
    conv = next(each for each in model.modules() if isinstance(each, nn.Conv2d))
    assert conv.in_channels == 1
    assert any(7 in each.shape for each in model.parameters())


@needs_torchvision
def test_an_unknown_architecture_is_told_the_nearest() -> None:
    """A misspelt name leads to the right one; a size it can't have is one line."""
    with pytest.raises(NotFoundError, match="torchvision has no model 'resnet19'") as caught:
        build_model(parse_spec("torchvision:resnet19"))
    assert "resnet18" in str(caught.value.hint)
    with pytest.raises(UsageError, match="raft_small can't be built: TypeError"):
        build_model(parse_spec("torchvision:raft_small"), num_classes=7)


@needs_timm
@pytest.mark.usefixtures("no_network")
def test_timm_builds_without_download() -> None:
    """Names of timm work, tags included; an unknown name and an address of a hub are not found."""
    model = build_model(parse_spec("timm:resnet18.a1_in1k"), num_classes=7, in_channels=1)
    assert model.eval()(torch.zeros(1, 1, 32, 32)).shape == (1, 7)
    for name in ("resnet181", "hf_hub:someone/resnet18"):
        with pytest.raises(NotFoundError, match="timm has no model"):
            build_model(parse_spec(f"timm:{name}"))
    with pytest.raises(UsageError, match="can't be built"):
        build_model(parse_spec("timm:resnet18.no_such_tag"))


def weights_of(net: Path, **sizes: int) -> dict[str, torch.Tensor]:
    """The weights of a model of the file's, each with numbers of its own."""
    torch.manual_seed(1)
    state = built(net, "Net", **sizes).state_dict()
    return {
        name: torch.rand(value.shape) if value.is_floating_point() else value
        for name, value in state.items()
    }


def test_all_weights_are_loaded(net: Path) -> None:
    """A file of the same model leaves nothing missing, and each tensor is the file's."""
    tensors = weights_of(net)
    model = built(net, "build")
    loaded = load_weights(model, tensors)
    assert loaded == ("", 8, (), (), (), 0.0)
    assert all(torch.equal(value, tensors[name]) for name, value in model.state_dict().items())


def test_counters_of_batches_never_count(net: Path) -> None:
    """`num_batches_tracked` is neither missing nor unexpected."""
    tensors = weights_of(net)
    del tensors["bn.num_batches_tracked"]
    tensors["other.num_batches_tracked"] = torch.tensor(3)
    assert load_weights(built(net, "build"), tensors) == ("", 8, (), (), (), 0.0)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"model.backbone.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"ema_{name.replace('.', '_')}",
        lambda name: name.replace("conv.", "conv._orig_mod."),
    ],
)
def test_prefixes_are_found(net: Path, rename: Callable[[str], str]) -> None:
    """What trainers put before and into names is found, and what else is in the file counted."""
    tensors = {rename(name): value for name, value in weights_of(net).items()}
    tensors["neck.weight"] = torch.zeros(3)
    model = built(net, "build")
    loaded = load_weights(model, tensors, None)
    assert loaded[1:] == (8, (), ("neck.weight",), (), 0.0)
    assert torch.equal(model.conv.weight, tensors[rename("conv.weight")])
    assert load_weights(built(net, "build"), tensors, loaded.prefix) == loaded


def test_of_two_copies_the_first_is_taken(net: Path) -> None:
    """A student and a teacher have the same names: the first is loaded, the other one counted."""
    tensors = weights_of(net)
    both = {f"{who}.{name}": tensors[name] for who in ("student", "ema") for name in tensors}
    assert find_prefix(tensors, both) == "student."
    assert len(load_weights(built(net, "build"), both, None).unexpected) == 8
    assert find_prefix(tensors, ["unlike"]) == ""


def test_another_head_is_skipped(net: Path) -> None:
    """A head for other classes is left as it was and counted; the backbone misses nothing."""
    loaded = load_weights(built(net, "build"), weights_of(net, num_classes=7))
    assert [each.name for each in loaded.mismatched] == ["head.weight", "head.bias"]
    assert loaded.mismatched[0] == ("head.weight", (7, 4), (10, 4))
    assert (loaded.loaded, loaded.missing, loaded.share_missing) == (6, (), 0.0)


def test_the_wrong_model_misses_most(net: Path) -> None:
    """A file of another model leaves the backbone missing, so that the caller can stop."""
    model = built(net, "build")
    loaded = load_weights(model, {"conv.weight": torch.zeros(4, 3, 5, 5), "x": torch.zeros(1)})
    assert loaded.share_missing == 1.0
    assert loaded.unexpected == ("x",)
    assert len(loaded.missing) == 7
    assert load_weights(model, {}).share_missing == 1.0


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn]
)
def test_other_precisions_become_float32(net: Path, dtype: torch.dtype) -> None:
    """Weights of any precision are computed with in single precision."""
    tensors = {name: value.to(dtype) for name, value in weights_of(net).items()}
    model = built(net, "build")
    assert load_weights(model, tensors).loaded == 8
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert torch.equal(model.conv.weight, tensors["conv.weight"].float())


def test_a_model_is_built_for_what_the_file_has(net: Path) -> None:
    """Classes and channels of the file are the model's; where they can't be, they are counted."""
    tensors = weights_of(net, num_classes=7, in_channels=5)
    model, loaded = build_loaded(parse_spec(f"{net}:Net"), tensors)
    assert loaded == ("", 8, (), (), (), 0.0)
    assert model(torch.zeros(1, 5, 8, 8)).shape == (1, 7)
    _, loaded = build_loaded(parse_spec(f"{net}:build"), tensors)
    assert [each.name for each in loaded.mismatched] == ["head.weight", "head.bias"]


def test_a_wider_model_is_no_matter_of_classes(net: Path) -> None:
    """Where more than the head differs, the number of classes is not guessed."""
    tensors: dict[str, Any] = weights_of(net)
    tensors["bn.weight"] = torch.zeros(9)
    tensors["head.bias"] = torch.zeros(7)
    model, loaded = build_loaded(parse_spec(f"{net}:Net"), tensors)
    assert model.head.out_features == 10
    assert len(loaded.mismatched) == 2
    assert loaded.share_missing == pytest.approx(1 / 6)
    other_features = weights_of(net) | {
        "head.weight": torch.zeros(7, 9),
        "head.bias": torch.ones(7),
    }
    assert build_loaded(parse_spec(f"{net}:Net"), other_features)[0].head.out_features == 10


def test_a_model_may_refuse_weights() -> None:
    """A model's own check on loading is told in one line."""

    class Picky(nn.Linear):
        def _load_from_state_dict(self, *_: object) -> None:
            raise KeyError("an older version")

    with pytest.raises(UnreadableError, match="refuses these weights: KeyError"):
        load_weights(Picky(2, 2), {"weight": torch.zeros(2, 2)})


def test_lazy_layers_take_their_shape_from_the_file() -> None:
    """A layer that waits for its first input is as large as the file's."""
    model = nn.LazyConv2d(4, 3)
    assert load_weights(model, {"weight": torch.ones(4, 5, 3, 3)}).mismatched == ()
    assert model.weight.shape == (4, 5, 3, 3)


@needs_torchvision
def test_a_network_that_asks_for_its_version() -> None:
    """MNASNet refuses a state without a version, which plain tensors don't have."""
    spec = parse_spec("torchvision:mnasnet0_5")
    tensors = {f"module.{name}": value for name, value in build_model(spec).state_dict().items()}
    model, loaded = build_loaded(spec, tensors)
    assert (loaded.missing, loaded.unexpected, loaded.share_missing) == ((), (), 0.0)
    assert torch.equal(model.layers[0].weight, tensors["module.layers.0.weight"])
