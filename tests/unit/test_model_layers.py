"""Layers: which there are, what a name means, and how what they give lies on a picture."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.unit.torchvision_here import needs_timm, needs_torchvision, one_thread
from trainviz_cli.errors import NotFoundError, TrainvizError, UsageError
from trainviz_cli.features.addresses import pick, split_address, written
from trainviz_cli.features.build import build_model, parse_spec
from trainviz_cli.features.layers import find_layer, layers_with_maps, list_layers, unwrap
from trainviz_cli.features.layouts import Layout, guess_layout, read_layout, to_maps
from trainviz_cli.imaging.featmap import checked_maps

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.features.layers import LayerRow

SQUARE = (224, 224)

__all__ = ["one_thread"]  # a fixture for each test in this file


class Pyramid(nn.Module):
    """Gives a list and a mapping, calls one module twice and another one never."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.levels = nn.ModuleList([nn.Conv2d(4, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 4, 1)])
        self.neck = Neck()
        self.empty = nn.Sequential()
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps at two strides, and their mean."""
        x = self.relu(self.empty(self.stem(x)))
        maps = self.neck([self.relu(level(x)) for level in self.levels])
        return {"0": maps[0], "pool": maps[1][0].mean((2, 3))}


class Neck(nn.Module):
    """Gives a list in a list."""

    def forward(self, maps: list[torch.Tensor]) -> list[Any]:
        """The maps, the second one in a tuple with nothing."""
        return [maps[0], (maps[1], None)]


@pytest.fixture
def pyramid() -> Pyramid:
    """A model in training mode with fixed numbers."""
    torch.manual_seed(0)
    return Pyramid()


def by_path(rows: list[LayerRow]) -> dict[str, LayerRow]:
    """The rows by their paths."""
    return {row.path: row for row in rows}


def hooks_of(model: nn.Module) -> int:
    """How many hooks are on a model and all in it."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def test_each_layer_is_listed_as_it_ran(pyramid: Pyramid) -> None:
    """Shapes, calls and parameters are those of one forward pass; the model comes first."""
    rows = by_path(list_layers(pyramid, torch.zeros(2, 3, 32, 32)))
    assert list(rows)[:3] == ["", "stem", "relu"]
    assert (rows["stem"].kind, rows["stem"].calls, rows["stem"].parameters) == ("Conv2d", 1, 112)
    assert rows["stem"].outputs == (("stem", (2, 4, 32, 32), Layout("nchw", 32, 32, 4)),)
    assert (rows["relu"].calls, rows["relu"].outputs[0].shape) == (3, (2, 4, 8, 8))
    assert [rows[path].depth for path in ("", "stem", "levels.0")] == [0, 1, 2]
    assert rows[""].parameters == sum(each.numel() for each in pyramid.parameters())


def test_lists_and_mappings_are_addressed(pyramid: Pyramid) -> None:
    """Each tensor in what a layer gives has the address it is asked for by."""
    rows = by_path(list_layers(pyramid, torch.zeros(1, 3, 32, 32)))
    assert [each.address for each in rows["neck"].outputs] == ["neck[0]", "neck[1][0]"]
    assert [each.address for each in rows[""].outputs] == ["['0']", "['pool']"]
    assert rows[""].outputs[1].layout is None


def test_what_never_ran_is_listed(pyramid: Pyramid) -> None:
    """Modules that only hold others, or are left out, have no calls and no output."""
    rows = by_path(list_layers(pyramid, torch.zeros(1, 3, 32, 32)))
    for path in ("unused", "levels"):
        assert (rows[path].calls, rows[path].outputs) == (0, ())


def test_listing_leaves_the_model_as_it_was(pyramid: Pyramid) -> None:
    """Modes, statistics and hooks are what they were, also of a model that is partly frozen."""
    model = nn.Sequential(pyramid.stem, nn.BatchNorm2d(4), nn.Dropout())
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    list_layers(model, torch.rand(1, 3, 8, 8))
    assert [each.training for each in model] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert hooks_of(model) == 0


def test_a_forward_that_fails_is_one_line(pyramid: Pyramid) -> None:
    """An error in the model is one line with its place, and no hook stays behind."""
    with pytest.raises(UsageError, match=r"pass failed: RuntimeError: .* in .*line") as err:
        list_layers(pyramid, torch.zeros(1, 4, 8, 8))
    assert "\n" not in str(err.value)
    assert hooks_of(pyramid) == 0
    assert pyramid.training


def test_suggested_layers_have_maps(pyramid: Pyramid) -> None:
    """What is suggested learns and gives maps, the least deep first, of these the last."""
    rows = list_layers(pyramid, torch.zeros(1, 3, 32, 32))
    assert layers_with_maps(rows) == ["stem", "levels.1", "levels.0"]
    assert layers_with_maps(rows, most=1) == ["stem"]


@pytest.mark.parametrize(
    ("path", "found", "index"),
    [
        ("stem", "stem", ()),
        ("levels.1", "levels.1", ()),
        ("levels[1]", "levels.1", ()),
        ("levels[-1]", "levels.1", ()),
        ("neck[1][0]", "neck", (1, 0)),
        ("empty", "empty", ()),
        ("['0']", "", ("0",)),
        ("[pool]", "", ("pool",)),
        ("", "", ()),
        ("module.stem", "stem", ()),
        ("module._orig_mod.levels.0", "levels.0", ()),
    ],
)
def test_paths_mean_what_python_means(
    pyramid: Pyramid, path: str, found: str, index: tuple[object, ...]
) -> None:
    """Dots lead inwards, brackets into what a layer gives; of a list of modules into it."""
    assert find_layer(pyramid, path) == (pyramid.get_submodule(found), index)


def test_numbers_of_a_sequence_are_modules() -> None:
    """`0.1` is a module of a plain nn.Sequential, brackets inside a path are modules too."""
    model = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 1)), nn.ReLU())
    assert find_layer(model, "0.1")[0] is model[0][1]
    assert find_layer(nn.ModuleDict({"a": model}), "a.0[1]") == (model[0], (1,))
    assert find_layer(nn.ModuleDict({"a": model}), "['a'].0.1") == (model[0][1], ())


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("stemm", "no layer 'stemm'", "nearest: stem"),
        ("levels.7", "no layer 'levels.7'", "levels.0"),
        ("levels[7]", r"no layer 'levels\[7\]'", "levels.0"),
        ("levels", "only holds layers", "levels.0"),
        ("stem.weight", "no layer", "stem"),
    ],
)
def test_a_misspelt_layer_is_told_the_nearest(
    pyramid: Pyramid, path: str, message: str, hint: str
) -> None:
    """A layer that is not there ends with exit code 3 and what is like it."""
    with pytest.raises(NotFoundError, match=message) as caught:
        find_layer(pyramid, path)
    assert hint in str(caught.value.hint)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("path", ["neck[", "neck[]", "neck]0[", "a]b.c", "neck['0]", "..]."])
def test_an_open_bracket_is_no_path(pyramid: Pyramid, path: str) -> None:
    """What is no path is an error of usage with examples."""
    with pytest.raises(UsageError, match="names no layer"):
        find_layer(pyramid, path)


@given(st.text(alphabet="ab.[]'\"01-", max_size=12))
def test_any_text_is_an_address_or_an_error(text: str) -> None:
    """Whatever the text, it is a path with an index, or an error of usage."""
    try:
        path, index = split_address(text)
    except UsageError:
        return
    assert split_address(path + written(index)) == (path, index)


@given(
    st.lists(st.sampled_from(["layer4", "0", "conv_1"]), max_size=3).map(".".join),
    st.lists(st.integers(-9, 99) | st.sampled_from(["0", "p2", "a b", "x.y"]), max_size=3),
)
def test_a_written_address_is_read_back(path: str, index: list[int | str]) -> None:
    """What the listing writes is what a user may type."""
    assert split_address(path + written(tuple(index))) == (path, tuple(index))


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("[2]", NotFoundError, r"neck gives a list of 2, without 2"),
        ("['a']", NotFoundError, r"neck gives a list of 2, without 'a'"),
        ("[0][1]", NotFoundError, r"neck\[0\] gives one tensor, which has no 1"),
        ("[1]", UsageError, r"neck\[1\] gives a dict of 2 with 2 tensors"),
        ("[1]['c']", NotFoundError, r"neck\[1\] gives a dict of 2, without 'c'"),
        ("", UsageError, "neck gives a list of 2 with 3 tensors"),
    ],
)
def test_a_wrong_index_says_what_there_is(
    address: str, kind: type[TrainvizError], message: str
) -> None:
    """An index that leads nowhere, or to several tensors, is told with those there are."""
    tensor = torch.zeros(1)
    value = [tensor, {"a": tensor, 7: tensor}]
    with pytest.raises(kind, match=message) as caught:
        pick(value, split_address(address)[1], "neck")
    assert caught.value.hint


def test_the_only_tensor_needs_no_index() -> None:
    """Of a tuple with one tensor, such as that of attention, it is taken without an index."""
    tensor = torch.zeros(1)
    assert pick((tensor, None), (), "attention") is tensor
    assert pick({0: [tensor]}, split_address("['0']")[1], "x") is tensor
    for nothing in (None, 3, [], [1, "a"]):
        with pytest.raises(UsageError, match="gives no tensor, but"):
            pick(nothing, (), "x")


def test_wrapped_models_are_unwrapped(pyramid: Pyramid) -> None:
    """DataParallel and torch.compile are seen through, around the model and inside of it."""
    for wrapped in (
        nn.DataParallel(pyramid),
        torch.compile(pyramid, backend="eager"),
        torch.compile(nn.DataParallel(pyramid), backend="eager"),
    ):
        assert unwrap(wrapped) is pyramid
        assert find_layer(wrapped, "stem")[0] is pyramid.stem
    inner = pyramid.neck
    pyramid.neck = torch.compile(inner, backend="eager")
    assert find_layer(pyramid, "neck[0]") == (inner, (0,))
    rows = by_path(list_layers(pyramid, torch.zeros(1, 3, 32, 32)))
    assert rows["neck"].calls == 1
    assert not any("_orig_mod" in path for path in rows)


def test_distributed_models_are_unwrapped(pyramid: Pyramid, tmp_path: Any) -> None:
    """DistributedDataParallel is seen through, and need not be run."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(pyramid, find_unused_parameters=True)
        assert unwrap(wrapped) is pyramid
        assert find_layer(wrapped, "module.levels.0")[0] is pyramid.levels[0]
    finally:
        torch.distributed.destroy_process_group()


def test_a_torchscript_program_is_refused() -> None:
    """A program that takes no hooks is told apart from a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls it deprecated
        program = torch.jit.script(nn.Sequential(nn.ReLU()))
    with pytest.raises(UsageError, match="TorchScript"):
        list_layers(program, torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("shape", "size", "read"),
    [
        ((1, 512, 7, 7), SQUARE, "nchw 7x7"),
        ((1, 64, 112, 112), SQUARE, "nchw 112x112"),
        ((1, 1, 7, 7), SQUARE, "nchw 7x7"),
        ((1, 2048, 15, 20), (480, 640), "nchw 15x20"),
        ((1, 64, 35, 35), (299, 299), "nchw 35x35"),
        ((1, 6, 28, 28), (32, 32), "nchw 28x28"),
        ((1, 512, 7, 7), (480, 640), "nchw 7x7"),
        ((1, 56, 56, 96), SQUARE, "nhwc 56x56"),
        ((1, 7, 7, 768), SQUARE, "nhwc 7x7"),
        ((1, 7, 7, 8), SQUARE, "nhwc 7x7"),
        ((1, 8, 7, 7), SQUARE, "nchw 7x7"),
        ((1, 7, 14, 768), (224, 448), "nhwc 7x14"),
        ((1, 56, 112, 96), (224, 448), "nhwc 56x112"),
        ((1, 197, 768), SQUARE, "tokens:14x14+1"),
        ((1, 198, 192), SQUARE, "tokens:14x14+2"),
        ((1, 50, 768), SQUARE, "tokens:7x7+1"),
        ((1, 3136, 64), SQUARE, "tokens:56x56"),
        ((1, 1374, 384), (518, 518), "tokens:37x37+5"),
        ((1, 261, 384), SQUARE, "tokens:16x16+5"),
        ((1, 1201, 768), (480, 640), "tokens:30x40+1"),
        ((50, 1, 768), SQUARE, "tokens:7x7+1"),
        ((1, 1000), SQUARE, None),
        ((1, 512, 1, 1), SQUARE, None),
        ((1, 1, 1, 512), SQUARE, None),
        ((1, 1, 768), SQUARE, None),
        ((64, 49, 96), SQUARE, None),
        ((64, 3, 49, 49), SQUARE, None),
        ((1, 12, 197, 197), SQUARE, None),
        ((1, 16, 49, 128), SQUARE, None),
        ((1, 512, 196), SQUARE, None),
        ((1, 8, 4, 7, 7), SQUARE, None),
        ((1, 0, 7, 7), SQUARE, None),
        ((1,), SQUARE, None),
        ((), SQUARE, None),
    ],
)
def test_each_layout_is_recognised(
    shape: tuple[int, ...], size: tuple[int, int], read: str | None
) -> None:
    """What real networks give is read right, and what is no map is not taken for one."""
    found = guess_layout(shape, 1, size)
    assert (str(found) if found else None) == read
    if read is None:
        with pytest.raises(UsageError, match="gives no map"):
            read_layout(shape, 1, size)
    else:
        assert read_layout(shape, 1, size) == found


def test_an_ambiguous_shape_is_said_to_be_one() -> None:
    """A cube may be read in two ways: as channels first, and not for sure."""
    found = guess_layout((1, 14, 14, 14), 1, SQUARE)
    assert found == Layout("nchw", 14, 14, 14, sure=False)
    assert read_layout((1, 14, 14, 14), 1, SQUARE).sure is False
    assert read_layout((1, 14, 14, 14), 1, SQUARE, "nhwc") == Layout("nhwc", 14, 14, 14)


@pytest.mark.parametrize(
    ("shape", "layout", "read"),
    [
        ((1, 14, 14, 64), "nchw", Layout("nchw", 14, 64, 14)),
        ((1, 16, 49, 128), "nhwc", Layout("nhwc", 16, 49, 128)),
        ((1, 200, 64), "tokens:10x19+10", Layout("tokens", 10, 19, 64, 10)),
        ((200, 5, 64), "tokens:10x20", Layout("tokens", 10, 20, 64, 0, 1)),
    ],
)
def test_a_layout_can_be_told(shape: tuple[int, ...], layout: str, read: Layout) -> None:
    """What the user says overrides what the shape looks like."""
    assert read_layout(shape, 1, SQUARE, layout) == read


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((1, 1000), "nchw", "1x1000 can't be read as nchw"),
        ((1, 197, 64), "tokens:14x14", "is 196 tokens, which"),
        ((1, 1, 64), "tokens:0x0+1", "is 1 tokens, which"),
        ((1, 4, 7, 7), "tokens:7x7", "is 49 tokens, which"),
        ((1, 4, 7, 7), "chw", "'chw' is no layout"),
        ((1, 4, 7, 7), "tokens:7", "'tokens:7' is no layout"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    shape: tuple[int, ...], layout: str, message: str
) -> None:
    """A layout of other shapes, or none, is an error of usage."""
    with pytest.raises(UsageError, match=message):
        read_layout(shape, 1, SQUARE, layout)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 1000), "1,000 numbers for the whole picture"),
        ((1, 512, 1, 1), "512 numbers for the whole picture"),
        ((1, 1), "1 number for the whole picture"),
        ((64, 49, 96), "values of shape 64x49x96"),
        ((1, 0), "nothing at all: 1x0"),
    ],
)
def test_a_layer_without_maps_says_what_it_gives(shape: tuple[int, ...], said: str) -> None:
    """The message says what there is instead, and names layers that have maps."""
    with pytest.raises(UsageError) as caught:
        read_layout(shape, 1, SQUARE, layer="fc", others=["layer4", "layer3"])
    assert caught.value.message == f"fc gives no map, but {said}"
    assert "layers with maps: layer4, layer3" in str(caught.value.hint)
    assert ("--layout" in str(caught.value.hint)) == (shape == (64, 49, 96))


@given(
    st.lists(st.integers(0, 70), max_size=5),
    st.integers(1, 3),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_any_shape_has_a_reading_or_none(
    shape: list[int], batch: int, size: tuple[int, int]
) -> None:
    """Whatever the shape, a reading has as many values as the shape has for one picture."""
    found = guess_layout(tuple(shape), batch, size)
    if found is not None:
        places = found.height * found.width + found.extra
        assert places * found.channels * batch == np.prod(shape)
        assert to_maps(np.zeros(shape), found).shape[1:] == (found.height, found.width)


@pytest.mark.parametrize(
    ("turn", "layout"),
    [
        (lambda maps: maps, "nchw"),
        (lambda maps: maps.permute(0, 2, 3, 1), "nhwc"),
        (lambda maps: maps.flatten(2).permute(0, 2, 1), "tokens:4x5"),
        (lambda maps: maps.flatten(2).permute(2, 0, 1), "tokens:4x5"),
        (lambda maps: nn.functional.pad(maps.flatten(2), (2, 0)).permute(0, 2, 1), "tokens:4x5+2"),
    ],
    ids=["nchw", "nhwc", "tokens", "tokens first", "extra tokens"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_maps_come_out_of_every_layout(
    turn: Callable[[torch.Tensor], torch.Tensor], layout: str, dtype: torch.dtype
) -> None:
    """The first picture's maps are the same however they were laid out, and are a copy."""
    maps = torch.arange(2 * 3 * 4 * 5, dtype=dtype).reshape(2, 3, 4, 5).requires_grad_()
    values = turn(maps)
    found = to_maps(values, read_layout(tuple(values.shape), 2, (8, 10), layout))
    assert found.dtype == np.float32
    assert np.array_equal(found, np.arange(60).reshape(3, 4, 5))
    assert found.flags["OWNDATA"]
    assert found.flags["C_CONTIGUOUS"]


def test_nan_stays_nan_until_it_is_drawn() -> None:
    """Values that are no numbers are handed on; who draws them says how many there are."""
    values = torch.zeros(1, 2, 3, 3)
    values[0, 1, 2, 2] = float("nan")
    maps = to_maps(values, Layout("nchw", 3, 3, 2))
    assert np.isnan(maps).sum() == 1
    with pytest.raises(ValueError, match="1 of 18 values"):
        checked_maps(maps)


class Once:
    """A model that is built and listed for the first test that asks."""

    _rows: dict[str, dict[str, LayerRow]]

    def __init__(self) -> None:
        self._rows = {}

    def __call__(self: Self, name: str) -> dict[str, LayerRow]:
        """Its rows by their paths."""
        if name not in self._rows:
            model = build_model(parse_spec(f"torchvision:{name}"))
            self._rows[name] = by_path(list_layers(model, torch.zeros(1, 3, *SQUARE)))
        return self._rows[name]


@pytest.fixture(scope="module")
def rows_of() -> Once:
    """The rows of torchvision's networks."""
    return Once()


@needs_torchvision
@pytest.mark.parametrize(
    ("name", "path", "read"),
    [
        ("resnet18", "layer4", "nchw 7x7"),
        ("resnet18", "layer1.0.conv2", "nchw 56x56"),
        ("resnet18", "avgpool", None),
        ("resnet18", "fc", None),
        ("vit_b_16", "conv_proj", "nchw 14x14"),
        ("vit_b_16", "encoder.layers.encoder_layer_11", "tokens:14x14+1"),
        ("vit_b_16", "encoder.layers.encoder_layer_0.self_attention", "tokens:14x14+1"),
        ("vit_b_16", "heads.head", None),
        ("swin_t", "features.0.0", "nchw 56x56"),
        ("swin_t", "features.1.0.attn", "nhwc 56x56"),
        ("swin_t", "features.7", "nhwc 7x7"),
        ("swin_t", "permute", "nchw 7x7"),
        ("convnext_tiny", "features.1.0", "nchw 56x56"),
        ("convnext_tiny", "features.1.0.block.3", "nhwc 56x56"),
    ],
)
def test_real_layers_are_read_right(rows_of: Once, name: str, path: str, read: str | None) -> None:
    """Layers of networks of each kind are read as what they are."""
    (output,) = rows_of(name)[path].outputs
    assert (str(output.layout) if output.layout else None) == read


@needs_torchvision
def test_a_relu_that_runs_twice_in_each_block(rows_of: Once) -> None:
    """Calls are counted: one module may run in several places, or in none."""
    rows = rows_of("resnet18")
    assert [rows[f"layer{stage}.0.relu"].calls for stage in (1, 2, 3, 4)] == [2] * 4
    assert rows["relu"].calls == 1
    attention = "encoder.layers.encoder_layer_3.self_attention"
    assert rows_of("vit_b_16")[f"{attention}.out_proj"].calls == 0
    assert rows_of("vit_b_16")[attention].outputs[0].address == f"{attention}[0]"
    assert rows_of("swin_t")["features.1.0.attn.qkv"].calls == 0


@needs_timm
def test_the_maps_of_an_hrnet_are_a_list(tmp_path: Any) -> None:
    """A network that gives a list of maps is addressed by their numbers."""
    (tmp_path / "hrnet.py").write_text(
        "import timm\n\ndef build():\n"
        "    return timm.create_model('hrnet_w18_small', features_only=True)\n"
    )
    model = build_model(parse_spec(f"{tmp_path / 'hrnet.py'}:build"))
    rows = by_path(list_layers(model, torch.zeros(1, 3, 64, 64)))
    assert [each.address for each in rows[""].outputs] == [f"[{number}]" for number in range(5)]
    assert [str(each.layout) for each in rows["stage4"].outputs] == [
        *("nchw 16x16", "nchw 8x8", "nchw 4x4", "nchw 2x2")
    ]
    assert rows["stage4"].outputs[1].address == "stage4[1]"
