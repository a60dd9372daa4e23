"""FeatureRecorder: exactly what a layer gave, in training too, and nothing is left behind."""

from __future__ import annotations

import copy
import gc
import io
import weakref
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.unit.test_model_layers import Pyramid, hooks_of
from tests.unit.torchvision_here import needs_timm, needs_torchvision, one_thread
from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.features.build import build_model, parse_spec
from trainviz_cli.features.capture import FeatureRecorder, activations
from trainviz_cli.features.network import ModelNetwork

__all__ = ["one_thread"]  # a fixture for each test in this file


class Net(nn.Module):
    """A ReLU in place behind a batch norm, used twice, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(4, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two maps."""
        return self.relu(self.last(self.relu(self.bn(self.conv(x)))))


@pytest.fixture
def net() -> Net:
    """A small network in training mode, the same in each test."""
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def picture() -> torch.Tensor:
    """Two pictures of noise."""
    return torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def normalised(net: Net, picture: torch.Tensor) -> torch.Tensor:
    """What the batch norm gives, without the network's statistics being moved."""
    return copy.deepcopy(net.bn)(net.conv(picture))


def test_what_is_overwritten_later_is_kept(net: Net, picture: torch.Tensor) -> None:
    """A ReLU in place behind the layer does not reach what was captured."""
    expected = normalised(net, picture)
    with FeatureRecorder(net, ["bn"]) as recorder:
        net(picture)
    assert torch.equal(recorder["bn"], expected)
    assert recorder["bn"].min() < -1
    assert not recorder["bn"].requires_grad


def test_inputs_are_kept_before_the_layer_changes_them(net: Net, picture: torch.Tensor) -> None:
    """What a ReLU in place is given is kept as it was given."""
    expected = normalised(net, picture)
    with FeatureRecorder(net, ["relu", "conv", ""], "input", call=1) as recorder:
        net(picture)
    assert torch.equal(recorder["relu"], expected)
    assert torch.equal(recorder["conv"], picture)
    assert torch.equal(recorder[""], picture)


def test_gradients_are_those_of_the_layers_output(net: Net, picture: torch.Tensor) -> None:
    """The gradient is autograd's own, though a ReLU in place follows the layer."""
    inner = normalised(net, picture)
    loss = net.last(inner.relu()).relu().square().mean()
    (expected,) = torch.autograd.grad(loss, inner)
    with FeatureRecorder(net, ["bn"], "gradient") as recorder:
        net(picture).square().mean().backward()
    assert torch.allclose(recorder["bn"], expected, atol=1e-7)
    assert expected.abs().max() > 0


@pytest.mark.parametrize("kind", ["output", "input", "gradient"])
@pytest.mark.parametrize(("call", "channels"), [(1, 4), (2, 2), (None, 2)])
def test_of_several_calls_one_is_kept(
    net: Net, picture: torch.Tensor, kind: Any, call: int | None, channels: int
) -> None:
    """A module that runs twice keeps its last call, or the one that was asked for."""
    with FeatureRecorder(net, ["relu"], kind, call=call) as recorder:
        for _ in range(2):
            net(picture).sum().backward()
    assert recorder["relu"].shape[1] == channels
    assert recorder.calls("relu") == 2


def test_a_call_that_was_not_made(net: Net, picture: torch.Tensor) -> None:
    """A call beyond the last is told with how many there were."""
    with FeatureRecorder(net, ["relu", "bn"], call=3) as recorder:
        net(picture)
    with pytest.raises(NotFoundError, match="relu ran 2 times: there is no call 3"):
        recorder["relu"]
    with pytest.raises(NotFoundError, match="bn ran once: there is no call 3"):
        recorder["bn"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "weights"}, "kind is one of output, input, gradient, not 'weights'"),
        ({"every": 0}, "counted from 1"),
        ({"call": 0}, "counted from 1"),
    ],
)
def test_wrong_options_are_told_at_once(net: Net, options: Any, message: str) -> None:
    """A recorder that could never record is not made."""
    with pytest.raises(UsageError, match=message):
        FeatureRecorder(net, ["bn"], **options)


def test_an_unknown_layer_is_told_at_once(net: Net) -> None:
    """A misspelt layer ends before training begins, with the nearest."""
    with pytest.raises(NotFoundError, match="no layer 'bm'") as caught:
        FeatureRecorder(net, ["conv", "bm"])
    assert "bn" in str(caught.value.hint)
    with pytest.raises(NotFoundError, match="'bn' is not recorded"):
        FeatureRecorder(net, "conv")["bn"]


def test_every_so_many_steps(net: Net, picture: torch.Tensor) -> None:
    """Of five steps the first and the fourth are recorded, and say so."""
    fresh = []
    with FeatureRecorder(net, ["conv"], every=3) as recorder:
        for step in range(5):
            net(picture * step)
            fresh.append(recorder.fresh)
    assert fresh == [True, False, False, True, False]
    assert torch.equal(recorder["conv"], net.conv(picture * 3))


def test_one_value_is_kept(net: Net, picture: torch.Tensor) -> None:
    """What an earlier step gave is let go when the next one is recorded."""
    with FeatureRecorder(net, ["conv"]) as recorder:
        net(picture)
        earlier = weakref.ref(recorder["conv"])
        net(picture)
        gc.collect()
        assert earlier() is None
        assert recorder["conv"] is recorder["conv"]


def test_a_step_without_the_layer_keeps_nothing(picture: torch.Tensor) -> None:
    """A layer that the last step went around has no value of an older step."""

    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.skip = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if self.skip else self.conv(x)

    model = Skips()
    with FeatureRecorder(model, ["conv"]) as recorder:
        model(picture)
        assert recorder["conv"].shape == (2, 3, 12, 12)
        model.skip = True
        model(picture)
        with pytest.raises(NotFoundError, match="conv never ran"):
            recorder["conv"]


@pytest.mark.parametrize("kind", ["output", "input", "gradient"])
def test_no_hook_stays(net: Net, picture: torch.Tensor, kind: Any) -> None:
    """Hooks go with the block, also when training fails in it, in the model or outside."""
    for fault in (None, picture[:, :2], ValueError):
        try:
            with FeatureRecorder(net, ["bn", "relu"], kind) as recorder:
                assert hooks_of(net) == 3
                net(picture if fault is None else fault)
        except (RuntimeError, TypeError):
            assert fault is not None
        assert hooks_of(net) == 0
        recorder.close()  # once more does no harm


def test_gradients_after_the_block_are_not_recorded(net: Net, picture: torch.Tensor) -> None:
    """A backward pass after the block finds no hook, and the error says what is missing."""
    with FeatureRecorder(net, ["bn"], "gradient") as recorder:
        loss = net(picture).sum()
    loss.backward()
    with pytest.raises(NotFoundError, match="no gradient has reached bn") as caught:
        recorder["bn"]
    assert "backward()" in str(caught.value.hint)


def test_gradients_of_a_step_arrive_during_the_next(net: Net, picture: torch.Tensor) -> None:
    """A step that isn't recorded leaves those of the recorded one to come."""
    with FeatureRecorder(net, ["conv"], "gradient", every=2) as recorder:
        first = net(picture).sum()
        net(picture).sum().backward()
        with pytest.raises(NotFoundError, match="no gradient"):
            recorder["conv"]
        first.backward()
        assert recorder["conv"].shape == (2, 4, 12, 12)


def test_a_recorder_records_once_at_a_time(net: Net, picture: torch.Tensor) -> None:
    """Entered twice it is an error; entered again it goes on, and two may record one model."""
    recorder = FeatureRecorder(net, ["bn"])
    with pytest.raises(NotFoundError, match="has not run"):
        recorder["bn"]
    with recorder, pytest.raises(RuntimeError, match="records already"):
        recorder.__enter__()
    assert hooks_of(net) == 0
    with recorder, FeatureRecorder(net, ["bn"]) as other:
        net(picture)
    assert torch.equal(recorder["bn"], other["bn"])


@pytest.mark.parametrize("training", [True, False])
def test_recording_changes_nothing(net: Net, picture: torch.Tensor, *, training: bool) -> None:
    """Output, gradients, statistics and modes are those of a network without a recorder."""
    twin = copy.deepcopy(net)
    for model in (net, twin):
        model.train(training)
    with FeatureRecorder(net, ["bn", "relu"], "gradient"), FeatureRecorder(net, ["bn", "conv"]):
        given = net(picture)
        given.sum().backward()
    expected = twin(picture)
    expected.sum().backward()
    assert torch.equal(given, expected)
    assert net.training == training
    for mine, its in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine.grad, its.grad)
    for name, value in net.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name])


def test_without_gradients_and_in_mixed_precision(net: Net, picture: torch.Tensor) -> None:
    """It works where training code runs models: no_grad, inference_mode and autocast."""
    for mode in (torch.no_grad, torch.inference_mode):
        with FeatureRecorder(net, ["conv"]) as recorder, mode():
            net(picture)
        assert recorder["conv"].shape == (2, 4, 12, 12)
    with FeatureRecorder(net, ["conv"]) as recorder, torch.autocast("cpu", torch.bfloat16):
        net(picture)
    assert recorder["conv"].dtype == torch.bfloat16
    with FeatureRecorder(net, ["conv"], "gradient") as recorder, torch.no_grad():
        net(picture)
    with pytest.raises(NotFoundError, match="no gradient"):
        recorder["conv"]


def test_nan_is_kept_as_it_is(net: Net, picture: torch.Tensor) -> None:
    """What a diverged network gives is what is captured."""
    with torch.no_grad():
        net.conv.weight[1] = float("nan")
    values = activations(net, picture, ["conv"])["conv"]
    assert values[:, 1].isnan().all()
    assert values[:, 0].isfinite().all()


def test_lists_and_mappings_are_picked_from(picture: torch.Tensor) -> None:
    """A tensor in a list, a tuple or a mapping is kept by its address, and nothing beside it."""
    model = Pyramid()
    layers = ["neck[0]", "neck[1]", "['0']", "[pool]", "levels[1]"]
    values = activations(model, picture, layers)
    assert [tuple(values[layer].shape) for layer in layers] == [
        *((2, 4, 6, 6), (2, 4, 3, 3), (2, 4, 6, 6), (2, 4), (2, 4, 3, 3))
    ]
    with FeatureRecorder(model, ["neck[0]", "neck[1]"], "input") as recorder:
        model(picture)
    assert torch.equal(recorder["neck[1]"], values["neck[1]"])


def test_a_wrong_address_does_not_end_training(picture: torch.Tensor) -> None:
    """What can't be picked is told when it is asked for, and the model runs on."""
    model = Pyramid()
    with FeatureRecorder(model, ["neck", "neck[2]", "stem[0]", "stem"]) as recorder:
        model(picture)
    with pytest.raises(UsageError, match="neck gives a list of 2 with 2 tensors"):
        recorder["neck"]
    with pytest.raises(NotFoundError, match="without 2"):
        recorder["neck[2]"]
    with pytest.raises(NotFoundError, match="stem gives one tensor"):
        recorder["stem[0]"]
    assert recorder["stem"].shape == (2, 4, 12, 12)


def test_named_arguments_are_inputs() -> None:
    """Arguments are addressed by their place or name; one alone needs no address."""
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    tokens = torch.rand(1, 5, 4)
    with FeatureRecorder(attention, ["", "[0]", "['key']"], "input") as recorder:
        attention(tokens, key=tokens + 1, value=tokens)
    assert torch.equal(recorder["[0]"], tokens)
    assert torch.equal(recorder["['key']"], tokens + 1)
    with pytest.raises(UsageError, match="3 tensors"):
        recorder[""]
    with FeatureRecorder(attention, ["out_proj"]) as recorder:
        attention(tokens, tokens, tokens)
    with pytest.raises(NotFoundError, match="out_proj never ran") as caught:
        recorder["out_proj"]
    assert "may use its weights" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["output", "input", "gradient"])
@pytest.mark.parametrize("given", ["wrapped", "inner"])
def test_data_parallel_is_seen_through(
    net: Net, picture: torch.Tensor, kind: Any, given: str
) -> None:
    """A wrapped model is recorded by the paths of the inner one, whichever was handed over."""
    wrapped = nn.DataParallel(net)
    model = wrapped if given == "wrapped" else net
    with FeatureRecorder(model, ["bn", "module.conv"], kind, every=2) as recorder:
        wrapped(picture).sum().backward()
        kept = recorder["bn"].clone()
        wrapped(picture + 1).sum().backward()
    assert torch.equal(recorder["bn"], kept)
    assert recorder["module.conv"].shape[0] == 2
    assert hooks_of(wrapped) == 0


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own, of where it gives up
@pytest.mark.parametrize("kind", ["output", "input", "gradient"])
@pytest.mark.parametrize("given", ["compiled", "inner"])
def test_a_compiled_model_is_recorded(
    net: Net, picture: torch.Tensor, kind: Any, given: str
) -> None:
    """Recording that begins before the first call sees what the model gives uncompiled."""
    torch.compiler.reset()
    twin = copy.deepcopy(net)
    compiled = torch.compile(net, backend="eager")
    fresh = []
    with FeatureRecorder(compiled if given == "compiled" else net, ["bn"], kind, 2) as recorder:
        for _ in range(3):
            compiled(picture).sum().backward()
            fresh.append(recorder.fresh)
    with FeatureRecorder(twin, ["bn"], kind, 2) as expected:
        for _ in range(3):
            twin(picture).sum().backward()
    assert fresh == [True, False, True]
    assert torch.allclose(recorder["bn"], expected["bn"], atol=1e-6)


def test_a_model_compiled_before_says_so(net: Net, picture: torch.Tensor) -> None:
    """Hooks that come after the first call are not seen: that is said, and activations differ."""
    torch.compiler.reset()
    compiled = torch.compile(net.eval(), backend="eager")
    compiled(picture)
    with FeatureRecorder(compiled, ["bn"]) as recorder:
        compiled(picture)
    with pytest.raises(NotFoundError, match="bn never ran") as caught:
        recorder["bn"]
    assert "before its first call" in str(caught.value.hint)
    assert torch.equal(activations(compiled, picture, ["bn"])["bn"], normalised(net, picture))


def test_a_compiled_part_is_run_uncompiled(net: Net, picture: torch.Tensor) -> None:
    """Layers inside of a part that was compiled earlier are seen by `activations`."""
    torch.compiler.reset()
    model = nn.Sequential(torch.compile(net, backend="eager"), nn.ReLU()).eval()
    with torch.no_grad():
        model(picture)
    values = activations(model, picture, ["0.bn", "0"])
    assert torch.equal(values["0.bn"], normalised(net, picture))
    assert values["0"].shape == (2, 2, 10, 10)


def test_checkpointed_layers_are_recorded(net: Net, picture: torch.Tensor) -> None:
    """A layer whose activations are computed twice has its output and gradient kept."""

    class Saves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(self.inner, x, use_reentrant=False)

    model = Saves()
    with (
        FeatureRecorder(model, ["inner.conv"]) as outputs,
        FeatureRecorder(model, ["inner.conv"], "gradient") as gradients,
    ):
        model(picture).sum().backward()
    assert torch.equal(outputs["inner.conv"], net.conv(picture))
    assert gradients["inner.conv"].shape == (2, 4, 12, 12)


def test_parts_of_a_model_may_run_alone(net: Net, picture: torch.Tensor) -> None:
    """A layer is recorded also where the model as a whole is never called."""
    with FeatureRecorder(net, ["conv"]) as recorder:
        net.bn(net.conv(picture))
    assert torch.equal(recorder["conv"], net.conv(picture))


def test_a_recorded_model_can_be_copied_and_saved(net: Net, picture: torch.Tensor) -> None:
    """Averaging and saving of models go on while one is recorded."""
    with FeatureRecorder(net, ["bn"], "gradient") as recorder:
        net(picture).sum().backward()
        assert copy.deepcopy(net)(picture).shape == (2, 2, 10, 10)
        torch.save(net.state_dict(), io.BytesIO())
        torch.save(net, io.BytesIO())
    assert recorder["bn"].shape == (2, 4, 12, 12)


def test_activations_leave_the_model_as_it_was(net: Net, picture: torch.Tensor) -> None:
    """It runs in evaluation mode and no statistics move; modes and hooks are as before."""
    net.bn.eval()
    before = copy.deepcopy(net.state_dict())
    values = activations(net, picture, ["bn", "relu"], call=1)
    assert list(values) == ["bn", "relu"]
    assert torch.equal(values["bn"], normalised(net, picture))
    assert (net.training, net.bn.training, net.conv.training) == (True, False, True)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    with pytest.raises(UsageError, match="forward pass failed"):
        activations(net, picture[:, :1], ["bn"])
    assert hooks_of(net) == 0
    assert net.training


def test_inputs_may_be_several() -> None:
    """A tuple are arguments, a mapping is named ones."""
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    tokens = torch.rand(1, 5, 4)
    first = activations(attention, (tokens, tokens, tokens), ["[0]"])["[0]"]
    named = {"query": tokens, "key": tokens, "value": tokens}
    assert torch.equal(activations(attention, named, ["[0]"])["[0]"], first)


def test_a_model_is_a_network(net: Net, picture: torch.Tensor) -> None:
    """The interface that programs share offers the same of a model."""
    network = ModelNetwork(net)
    assert network.input_shape is None
    assert [row.path for row in network.list_layers(picture)] == [
        *("", "conv", "bn", "relu", "last")
    ]
    values = network.activations(picture, ["relu"], call=2)["relu"]
    assert torch.equal(values, net.eval()(picture))


@needs_torchvision
def test_the_stages_of_a_resnet() -> None:
    """What is captured of a real network is what its parts give one after the other."""
    model = build_model(parse_spec("torchvision:resnet18")).eval()
    picture = torch.rand(1, 3, 64, 64)
    layers = ["bn1", "layer1", "layer4", "layer4.1.relu"]
    values = activations(model, picture, layers)
    with torch.no_grad():
        stem = model.bn1(model.conv1(picture))
        first = model.layer1(model.maxpool(model.relu(stem.clone())))
        last = model.layer4(model.layer3(model.layer2(first)))
    assert torch.equal(values["bn1"], stem)
    assert stem.min() < 0
    assert torch.equal(values["layer1"], first)
    assert torch.equal(values["layer4"], last)
    assert torch.equal(values["layer4.1.relu"], last)
    assert not torch.equal(activations(model, picture, layers, 1)["layer4.1.relu"], last)


@needs_torchvision
def test_the_tokens_of_a_transformer() -> None:
    """Attention's tuple needs no index, and a part that never runs is said to."""
    model = build_model(parse_spec("torchvision:vit_b_16"))
    picture = torch.rand(1, 3, 224, 224)
    attention = "encoder.layers.encoder_layer_0.self_attention"
    assert activations(model, picture, [attention])[attention].shape == (1, 197, 768)
    with pytest.raises(NotFoundError, match="out_proj never ran") as caught:
        activations(model, picture, [f"{attention}.out_proj"])
    assert attention in str(caught.value.hint)
    with pytest.raises(UsageError, match="Wrong image height"):
        activations(model, torch.rand(1, 3, 64, 64), [attention])


@needs_timm
def test_the_maps_of_an_hrnet() -> None:
    """Lists of maps, of the network and of a stage in it, are addressed by number."""
    import timm

    model = timm.create_model("hrnet_w18_small", features_only=True).eval()
    picture = torch.rand(1, 3, 64, 64)
    values = activations(model, picture, ["[4]", "stage4[1]"])
    with torch.no_grad():
        assert torch.equal(values["[4]"], model(picture)[4])
    assert values["stage4[1]"].shape[2:] == (8, 8)
    with pytest.raises(UsageError, match="4 tensors"):
        activations(model, picture, ["stage4"])
