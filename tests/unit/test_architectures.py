"""Checkpoints are told apart by the names and shapes of their tensors, and by nothing else."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.features.architectures import Candidate, Counts, identify, renamed
from trainviz_cli.features.tables import LIBRARIES, architecture, load, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trainviz_cli.features.tables import Architecture, Shape

    Tensors = dict[str, Shape]

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "trainviz_cli" / "features" / "tables"
# The two have the same tensors, and differ in the size of the picture.
TWINS = {"fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_fpn"}


def tensors_of(library: str, name: str) -> Tensors:
    """A new checkpoint of an architecture."""
    table = load(library)
    return table.tensors(table.numbers[name])


def answer(shapes: Tensors, libraries: Iterable[str] = LIBRARIES) -> Candidate:
    """The one answer there is."""
    (found,) = identify(shapes, tuple(libraries)).answers
    return found


def prefixed(prefix: str, shapes: Tensors) -> Tensors:
    """The tensors in a module of another network."""
    return {prefix + name: shape for name, shape in shapes.items()}


def without(shapes: Tensors, *beginnings: str) -> Tensors:
    """The tensors but for some."""
    return {name: shape for name, shape in shapes.items() if not name.startswith(beginnings)}


def few_classes(shapes: Tensors, about: Architecture) -> Tensors:
    """A checkpoint of seven classes."""
    lengths = {name: 7 * rows for name, rows in about.classifiers if name in shapes}
    return shapes | {name: (length, *shapes[name][1:]) for name, length in lengths.items()}


def one_channel(shapes: Tensors, about: Architecture) -> Tensors:
    """A checkpoint for grey pictures."""
    convs = {name: shapes[name] for name in about.first_convs}
    return shapes | {name: (s[0], s[1] // 3, *s[2:]) for name, s in convs.items()}


def foreign(shapes: Tensors, about: Architecture) -> Tensors:
    """A detector with an FPN, as mmdet names its parts."""
    parts = prefixed("backbone.", without(shapes, *about.heads))
    for i in range(4):
        parts[f"neck.lateral_convs.{i}.conv.weight"] = (256, 256 << i, 1, 1)
        parts[f"neck.fpn_convs.{i}.conv.weight"] = (256, 256, 3, 3)
        parts[f"bbox_head.cls_convs.{i}.conv.weight"] = (256, 256, 3, 3)
        parts[f"bbox_head.cls_convs.{i}.gn.bias"] = (256,)
    return parts | {"bbox_head.retina_cls.weight": (720, 256, 3, 3)}


CHANGES: dict[str, Callable[[Tensors, Architecture], Tensors]] = {
    "as it is": lambda shapes, _: shapes,
    "module.": lambda shapes, _: prefixed("module.", shapes),
    "model.backbone.": lambda shapes, _: prefixed("model.backbone.", shapes),
    "seven classes": few_classes,
    "one channel": one_channel,
    "last layer gone": lambda shapes, about: without(shapes, *dict(about.classifiers)),
    "head gone": lambda shapes, about: without(shapes, *about.heads),
    "foreign head": foreign,
}
# Several networks on one backbone are one network without their heads.
ALIKE = {"head gone", "foreign head"}


@pytest.mark.parametrize("change", CHANGES)
def test_every_network_of_torchvision_is_found(change: str) -> None:
    """Changed in any way, each is the answer; alone, unless its twin has the same tensors."""
    table = load("torchvision")
    assert len(table.numbers) == 109
    for name, number in table.numbers.items():
        shapes = CHANGES[change](table.tensors(number), table.architecture(number))
        names = {each.name for each in identify(shapes, ["torchvision"]).answers}
        assert name in names
        assert change in ALIKE or names in ({name}, TWINS), names


@pytest.mark.parametrize("change", CHANGES)
def test_networks_of_timm_are_found(change: str) -> None:
    """Changed in any way, each is among the answers, and these score the same."""
    table = load("timm")
    assert len(table.numbers) == 1371
    for number in range(0, len(table.rows), 50):
        shapes = CHANGES[change](table.tensors(number), table.architecture(number))
        answers = identify(shapes, ["timm"]).answers
        assert table.rows[number][0] in [each.name for each in answers]
        assert len({each.score for each in answers}) == 1


def test_what_is_said_of_an_answer() -> None:
    """A plain checkpoint has all tensors, the library's head, and three channels."""
    found = answer(tensors_of("torchvision", "resnet50"))
    assert found == Candidate(
        library="torchvision",
        name="resnet50",
        prefix="",
        score=1.0,
        whole=Counts(267, 0, 0, 0),
        backbone=Counts(265, 0, 0, 0),
        head="same",
        classes=1000,
        channels=3,
        differing=(),
    )


def test_near_misses_are_named() -> None:
    """A deeper relative comes second, with what it lacks."""
    found = identify(tensors_of("torchvision", "resnet50"))
    assert (found.others[0].name, found.others[0].backbone.missing) == ("resnet101", 255)
    assert len(found.others) <= 5


@pytest.mark.parametrize(
    "prefix",
    [
        *("module.", "model.", "net.", "encoder.", "backbone.", "module.backbone.body."),
        *("_orig_mod.", "_orig_mod.module.", "module.model.backbone._orig_mod.", "ema_model."),
        "my.own.name.for_it.",
    ],
)
def test_prefixes(prefix: str) -> None:
    """Whatever all names have in front of them is found, and named as it is written."""
    shapes = prefixed(prefix, tensors_of("torchvision", "resnet50"))
    found = answer(shapes)
    assert (found.name, found.prefix, found.score) == ("resnet50", prefix, 1.0)
    assert renamed(shapes, found) == {name: name.removeprefix(prefix) for name in shapes}


def test_wrappers_inside() -> None:
    """What torch.compile and DataParallel put into the middle of names is seen through."""
    compiled = {
        name.replace("layer1.", "layer1._orig_mod."): shape
        for name, shape in tensors_of("torchvision", "resnet50").items()
    }
    found = answer(compiled)
    assert (found.name, found.prefix) == ("resnet50", "")
    assert renamed(compiled, found)["layer1._orig_mod.0.conv1.weight"] == "layer1.0.conv1.weight"
    parallel = {
        name.replace("features.", "features.module."): shape
        for name, shape in tensors_of("torchvision", "vgg16").items()
    }
    found = answer(parallel)
    assert (found.name, found.prefix) == ("vgg16", "")
    assert renamed(parallel, found)["features.module.0.bias"] == "features.0.bias"


def test_two_copies_of_a_network() -> None:
    """An EMA beside the network, a teacher beside its student: one answer, in both places."""
    shapes = tensors_of("torchvision", "resnet18")
    both = prefixed("module.", shapes) | prefixed("ema_model.module.", shapes) | {"n_averaged": ()}
    found = answer(both)
    assert {found.prefix, *found.also_under} == {"module.", "ema_model.module."}
    vit = without(tensors_of("timm", "vit_small_patch16_224"), "head.")
    both = prefixed("teacher.backbone.", vit) | prefixed("student.backbone.", vit)
    both |= {f"{one}.head.mlp.{i}.weight": (9, 9) for one in ("teacher", "student") for i in "024"}
    first, *_ = identify(both).answers
    assert first.name == "vit_small_patch16_224"
    assert {first.prefix, *first.also_under} == {"teacher.backbone.", "student.backbone."}


def test_counters_of_batches_do_not_count() -> None:
    """With `num_batches_tracked` and without is the same, and renaming keeps them."""
    shapes = tensors_of("torchvision", "resnet18")
    counted = prefixed("net.", shapes | {"bn1.num_batches_tracked": ()})
    assert answer(counted) == answer(prefixed("net.", shapes))
    names = renamed([*counted, "net.other.num_batches_tracked"], answer(counted))
    assert names["net.bn1.num_batches_tracked"] == "bn1.num_batches_tracked"
    assert "net.other.num_batches_tracked" not in names


@pytest.mark.parametrize(
    ("library", "name", "classes"),
    [
        ("torchvision", "resnet50", 7),
        ("torchvision", "squeezenet1_0", 7),
        ("torchvision", "ssd300_vgg16", 7),
        ("torchvision", "fasterrcnn_resnet50_fpn", 7),
        ("timm", "deit_base_distilled_patch16_224", 7),
    ],
)
def test_other_classes(library: str, name: str, classes: int) -> None:
    """How many classes there are is read off the head, whatever it is made of."""
    shapes = few_classes(tensors_of(library, name), architecture(library, name))
    found = answer(shapes)
    assert (found.name, found.head, found.classes) == (name, "classes", classes)
    assert not found.backbone.missing + found.backbone.mismatched + found.backbone.unexplained


def test_a_head_on_what_has_none() -> None:
    """DINOv2 comes without a classifier; one that was trained on it is recognised."""
    name = "vit_base_patch14_dinov2"
    found = answer(tensors_of("timm", name))
    assert (found.name, found.head, found.classes) == (name, "same", None)
    found = answer(tensors_of("timm", name) | {"head.weight": (7, 768), "head.bias": (7,)})
    assert (found.name, found.head, found.classes) == (name, "classes", 7)


def test_other_heads() -> None:
    """A head that is gone, or made of other layers, leaves the network what it is."""
    bare = without(tensors_of("torchvision", "resnet50"), "fc.")
    found = answer(bare)
    assert (found.head, found.classes, found.whole.missing) == ("missing", None, 2)
    assert found.backbone == Counts(265, 0, 0, 0)
    layers = {"fc.0.weight": (256, 2048), "fc.0.bias": (256,), "fc.3.weight": (7, 256)}
    found = answer(bare | layers)
    assert (found.name, found.head, found.whole.unexplained) == ("resnet50", "changed", 3)
    scalars = answer(bare | {"fc.weight": (), "fc.bias": (1,) * 20})
    assert (scalars.name, scalars.head, scalars.classes) == ("resnet50", "changed", 1)


def test_auxiliary_heads_may_be_gone() -> None:
    """Of a segmentation network without its auxiliary head, the backbone alone explains less."""
    shapes = tensors_of("torchvision", "deeplabv3_resnet50")
    about = architecture("torchvision", "deeplabv3_resnet50")
    found = answer(few_classes(without(shapes, "aux_classifier."), about))
    assert (found.name, found.head, found.classes) == ("deeplabv3_resnet50", "changed", 7)


@pytest.mark.parametrize("channels", [1, 2, 4, 12])
def test_other_channels(channels: int) -> None:
    """A first convolution for other pictures is named as such, and not as a difference."""
    shapes = tensors_of("torchvision", "resnet50")
    found = answer(shapes | {"conv1.weight": (64, channels, 7, 7)})
    assert (found.name, found.channels, found.differing) == ("resnet50", channels, ())
    name = "tresnet_m"  # takes sixteen pixels of each channel at once
    convs = architecture("timm", name).first_convs
    shapes = tensors_of("timm", name)
    changed = {each: (64, 16 * channels, *shapes[each][2:]) for each in convs}
    found = answer(shapes | changed)
    assert (found.name, found.channels, found.differing) == (name, channels, ())


def test_differing_tensors_are_named() -> None:
    """What can't be loaded is said: another stem, a position for each patch of larger pictures."""
    found = answer(tensors_of("torchvision", "resnet18") | {"conv1.weight": (64, 3, 3, 3)})
    assert (found.name, found.channels, found.differing) == ("resnet18", 3, ("conv1.weight",))
    vit = tensors_of("torchvision", "vit_b_16") | {"encoder.pos_embedding": (1, 577, 768)}
    assert answer(vit).differing == ("encoder.pos_embedding",)


def test_foreign_parts_without_a_prefix() -> None:
    """A detector that is a subclass of its backbone has foreign parts beside the known ones."""
    parts = {f"fpn.P{i}_1.weight": (256, 512, 1, 1) for i in range(3, 8)}
    parts |= {f"regressionModel.conv{i}.weight": (256, 256, 3, 3) for i in range(1, 5)}
    found = answer(without(tensors_of("torchvision", "resnet50"), "fc.") | parts)
    assert (found.name, found.backbone.unexplained) == ("resnet50", 0)
    assert found.whole.unexplained == len(parts)


def test_a_small_backbone_of_a_large_network() -> None:
    """A word for a network finds it under a head five times its size; any other word doesn't."""
    bare = without(tensors_of("torchvision", "resnet50"), "fc.")
    head = {f"decoder.layers.{i}.weight": (256, 256) for i in range(1400)}
    assert "resnet50" in {
        each.name for each in identify(prefixed("backbone.", bare) | head).answers
    }
    assert not identify(prefixed("loss.vgg.", bare) | head).answers


def test_timm_is_asked_where_torchvision_leaves_something() -> None:
    """Both have a vgg16 with the same features; each is known by its own head."""
    assert answer(tensors_of("torchvision", "vgg16")).library == "torchvision"
    assert answer(tensors_of("timm", "vgg16")).library == "timm"
    assert answer(tensors_of("timm", "resnet50")).library == "torchvision"  # the same tensors
    about = architecture("torchvision", "resnet34")
    found = answer(foreign(tensors_of("torchvision", "resnet34"), about))
    assert (found.library, found.name) == ("torchvision", "resnet34")  # timm's says no more


def test_ties_are_named() -> None:
    """Networks with the same tensors compute different things, so none is left out."""
    found = identify(tensors_of("timm", "tf_efficientnet_b0"))
    names = [each.name for each in found.answers]
    assert names[:2] == ["efficientnet_b0", "tf_efficientnet_b0"]
    assert {each.score for each in found.answers} == {1.0}


def batch_norm(name: str, channels: int) -> Tensors:
    """The tensors of one batch normalisation."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def cifar_resnet(prefix: str = "module.") -> Tensors:
    """resnet20 of akamaster/pytorch_resnet_cifar10, named as torchvision names its own."""
    shapes = {"conv1.weight": (16, 3, 3, 3), **batch_norm("bn1", 16)}
    before = 16
    for stage, width in enumerate((16, 32, 64), start=1):
        for block in range(3):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, before, 3, 3)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
            shapes |= batch_norm(f"{name}.bn1", width) | batch_norm(f"{name}.bn2", width)
            before = width
    return prefixed(prefix, shapes | {"linear.weight": (10, 64), "linear.bias": (10,)})


def face_detector() -> Tensors:
    """The backbone and extras of Ultra-Light-Fast-Generic-Face-Detector-1MB."""
    widths = [16, 32, 32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256]
    shapes = {"base_net.0.0.weight": (16, 3, 3, 3), **batch_norm("base_net.0.1", 16)}
    for number, (before, width) in enumerate(pairwise(widths), start=1):
        name = f"base_net.{number}"
        shapes |= {f"{name}.0.weight": (before, 1, 3, 3), f"{name}.3.weight": (width, before, 1, 1)}
        shapes |= batch_norm(f"{name}.1", before) | batch_norm(f"{name}.4", width)
    for i, width in enumerate((64, 128, 256)):
        shapes[f"classification_headers.{i}.0.weight"] = (width, 1, 3, 3)
        shapes[f"regression_headers.{i}.2.weight"] = (12, width, 1, 1)
    return shapes


def unet() -> Tensors:
    """The UNet of Aman2125/Rooftop-Image-segmentation."""
    shapes: Tensors = {}
    convs = [("encoder.0", 64, 3), ("encoder.1", 128, 64), ("middle", 128, 128)]
    for name, width, before in [*convs, ("decoder.1", 64, 64)]:
        shapes |= {f"{name}.0.weight": (width, before, 3, 3), f"{name}.0.bias": (width,)}
        shapes |= batch_norm(f"{name}.1", width)
    return shapes | {"decoder.0.weight": (128, 64, 2, 2), "decoder.2.weight": (3, 64, 1, 1)}


def mnist() -> Tensors:
    """The network of torch's first example."""
    convs = {"conv1.weight": (10, 1, 5, 5), "conv2.weight": (20, 10, 5, 5)}
    return convs | {"fc1.weight": (50, 320), "fc2.weight": (10, 50), "fc2.bias": (10,)}


def attentive() -> Tensors:
    """resnet18 with a convolution more in each block."""
    blocks = [f"layer{i}.{j}" for i in range(1, 5) for j in range(2)]
    more = {f"{block}.eca.conv.weight": (1, 1, 3) for block in blocks}
    return tensors_of("torchvision", "resnet18") | more


def thinned() -> Tensors:
    """resnet50 without a block in twelve."""
    return without(tensors_of("torchvision", "resnet50"), "layer3.5.", "layer1.2.")


@pytest.mark.parametrize(
    "make", [cifar_resnet, face_detector, unet, mnist, attentive, thinned, dict]
)
def test_other_networks_are_nothing_known(make: Callable[[], Tensors]) -> None:
    """Networks of someone's own are no answer, however much of their names sounds known."""
    assert not identify(make()).answers


def test_real_checkpoints_are_nothing_near() -> None:
    """Not even a near miss: the names are torchvision's, the shapes are not."""
    for make in (cifar_resnet, face_detector, unet, mnist):
        assert identify(make()).others == ()


MANY = 100_000
ODD = "\x00\n\x1b[31m\u202e"


@pytest.mark.parametrize(
    "shapes",
    [
        {f"net.{i}.conv1.weight": (64, 3, 7, 7) for i in range(MANY)},
        {f"{ODD}{i}.{ODD}weight": (2**4000,) * 20 for i in range(MANY // 10)},
        {"." * (i % 50) + str(i): () for i in range(MANY // 10)},
        {"x." * 10_000 + str(i): (1,) for i in range(100)},
        {"": (), ".": (0,), "..": (-1,)},
    ],
    ids=["many", "odd", "dots", "long", "empty"],
)
def test_absurd_checkpoints_are_nothing_known(shapes: Tensors) -> None:
    """Neither their number nor what their names are made of is too much."""
    assert identify(shapes) == ((), ())


def test_absurd_shapes_in_a_known_network() -> None:
    """No axis, twenty axes and lengths beyond all memory are differences like others."""
    shapes = tensors_of("torchvision", "resnet50")
    found = answer(shapes | {"conv1.weight": (64, 10**400, 7, 7), "fc.weight": (10**400, 2048)})
    assert (found.channels, found.classes) == (10**400, 10**400)
    found = answer(shapes | {"conv1.weight": (), "bn1.bias": (1,) * 20})
    assert (found.name, found.differing) == ("resnet50", ("bn1.bias", "conv1.weight"))


def test_a_union_of_many_networks() -> None:
    """Tens of thousands of known tensors together are no known network."""
    table = load("timm")
    shapes: Tensors = {}
    for number in range(0, len(table.rows), 30):
        shapes |= prefixed(f"{number}_net.", table.tensors(number))
    assert not identify(shapes).answers


PARTS = st.sampled_from(
    [
        *"module model backbone _orig_mod head fc layer1 conv1 bn1 weight bias 0".split(),
        "",
        "ß",
        "\n",
    ]
)
SHAPES = st.lists(st.integers(-1, 2**70) | st.sampled_from([1, 3, 64, 1000]), max_size=5).map(tuple)


# The first look-up reads the tables, which takes as long as many others.
@settings(deadline=None)
@given(st.dictionaries(st.lists(PARTS, max_size=10).map(".".join), SHAPES, max_size=20))
def test_any_names_and_shapes(shapes: Tensors) -> None:
    """Nothing that a mapping may hold ends in an error."""
    found = identify(shapes)
    for each in (*found.answers, *found.others):
        assert renamed(shapes, each).keys() <= shapes.keys()


@settings(deadline=None)
@given(
    st.sampled_from(["alexnet", "resnet18", "squeezenet1_1", "vgg11"]),
    st.randoms(use_true_random=False),
    st.lists(PARTS, max_size=3).map(".".join),
    st.floats(0, 1),
)
def test_any_renaming(name: str, random: Any, part: str, share: float) -> None:
    """Whatever of a network's names is changed, counts add up, and scores lie from 0 to 1."""
    known = tensors_of("torchvision", name)
    shapes = {
        part + name if random.random() < share else name: shape for name, shape in known.items()
    }
    found = identify(shapes, ["torchvision"])
    for each in (*found.answers, *found.others):
        size = load("torchvision").sizes[load("torchvision").numbers[each.name]]
        counts = each.whole
        assert counts.matched + counts.missing + counts.mismatched == size
        assert counts.matched + counts.mismatched + counts.unexplained <= len(shapes)
        assert 0 <= each.score <= 1
        assert {*renamed(shapes, each).values()} <= tensors_of("torchvision", each.name).keys()


def test_what_is_known_without_building() -> None:
    """Pictures, classes and first convolutions, as the libraries' own weights take them."""
    resnet = architecture("torchvision", "resnet50")
    assert (resnet.task, resnet.classes, resnet.heads) == ("classification", 1000, ("fc.",))
    assert (resnet.input_size, resnet.resize, resnet.crop) == ((3, 224, 224), (232,), "center")
    assert (resnet.first_convs, resnet.interpolation) == (("conv1.weight",), "bilinear")
    assert (resnet.mean, resnet.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    detector = architecture("torchvision", "fasterrcnn_resnet50_fpn")
    assert (detector.task, detector.input_size, detector.mean) == ("detection", None, None)
    assert architecture("torchvision", "vit_h_14").input_size == (3, 224, 224)  # as it is built
    assert architecture("timm", "vit_base_patch14_dinov2").input_size == (3, 518, 518)
    with pytest.raises(NotFoundError, match=r"torchvision 0\.28\.0 has no architecture 'resnet51'"):
        architecture("torchvision", "resnet51")


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_agree_with_themselves(library: str) -> None:
    """Classifiers, first convolutions and heads are among the tensors that they are said of."""
    table = load(library)
    for name, number in table.numbers.items():
        about, shapes = table.architecture(number), table.tensors(number)
        assert (about.library, about.name, len(shapes)) == (library, name, table.sizes[number])
        assert all(shapes[conv][1] % 3 == 0 for conv in about.first_convs)
        lengths = dict(about.classifiers)
        assert all(
            shapes[each][0] == about.classes * lengths[each]
            for each in lengths.keys() & shapes.keys()
        )
        assert all(each.startswith(about.heads) for each in lengths)


def damage(data: bytes, kind: str) -> bytes:
    """A table file that is not what it should be."""
    document = json.loads(gzip.decompress(data))
    if kind == "cut":
        return data[: len(data) // 2]
    if kind == "flipped":
        return data[:5000] + bytes([data[5000] ^ 255]) + data[5001:]
    if kind == "no gzip":
        return b"version https://git-lfs.github.com/spec/v1\n"
    if kind == "no mapping":
        return gzip.compress(b"[1]")
    if kind == "no key":
        del document["shapes"]
    if kind == "short":
        document["tensors"][1].pop()
    if kind == "odd":
        document["groups"][1][0] += 1
    if kind == "newer":
        document["format"] = 2
    return gzip.compress(json.dumps(document).encode())


@pytest.mark.parametrize(
    "kind", ["cut", "flipped", "no gzip", "no mapping", "no key", "short", "odd", "newer"]
)
def test_a_damaged_table_is_an_error_of_its_own(tmp_path: Path, kind: str) -> None:
    """It is named, with the cure where there is one."""
    file = tmp_path / "torchvision.json.gz"
    file.write_bytes(damage((TABLES / file.name).read_bytes(), kind))
    said = "of another version of trainviz" if kind == "newer" else "damaged"
    with pytest.raises(UnreadableError, match=f"torchvision.json.gz: {said}"):
        read_table(file)


def test_a_missing_table_is_an_error_of_its_own(tmp_path: Path) -> None:
    """An installation without its data says so."""
    with pytest.raises(UnreadableError, match="No such file") as caught:
        read_table(tmp_path / "timm.json.gz")
    assert caught.value.hint == "install trainviz-cli again"


def test_tables_are_small() -> None:
    """A megabyte together is what they may take of the wheel."""
    assert sum(file.stat().st_size for file in TABLES.glob("*.json.gz")) <= 1_000_000


def test_nothing_is_built() -> None:
    """A look-up in both libraries imports neither them nor torch, nor NumPy."""
    code = """
import sys
from trainviz_cli.features.architectures import identify
from trainviz_cli.features.tables import load
assert identify(load("timm").tensors(0)).answers
print(*{"torch", "torchvision", "timm", "numpy"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "\n"


def tool() -> Any:
    """tools/architecture_tables.py; torch is imported only where it builds."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "tools/architecture_tables.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()
NAMES = st.text(st.sampled_from("ab.ß"), min_size=1, max_size=6)


@given(st.lists(st.dictionaries(NAMES, SHAPES, min_size=1, max_size=5), min_size=1, max_size=5))
def test_tables_say_what_was_written(tmp_path_factory: Any, networks: list[Tensors]) -> None:
    """Whatever tensors architectures have, a table gives them back, and the same bytes again."""
    about = architecture("torchvision", "resnet50")
    entries = [
        TOOL.Entry(about._replace(name=str(number)), shapes)
        for number, shapes in enumerate(networks)
    ]
    file = tmp_path_factory.mktemp("tables") / "torchvision.json.gz"
    file.write_bytes(TOOL.pack("torchvision", "1", entries))
    TOOL.check(file, entries)
    assert file.read_bytes() == TOOL.pack("torchvision", "1", entries)
    with pytest.raises(ValueError, match="has another 0"):
        TOOL.check(file, [entries[0]._replace(tensors={"other": ()})])


def test_heads_are_found_by_what_changes() -> None:
    """The shortest beginnings that only the head has."""
    names = ["stem.a", "head.norm.a", "head.fc.a", "head.fc.b", "dist.a", "token"]
    assert TOOL.beginnings({"head.fc.a", "head.fc.b", "dist.a"}, names) == ("dist.", "head.fc.")
    assert TOOL.beginnings({"token"}, names) == ("token",)
    tensors = {"fc.weight": (1000, 512), "box.weight": (4000, 512), "conv.weight": (64, 3, 7, 7)}
    other = tensors | {"fc.weight": (7, 512), "box.weight": (28, 512)}
    classifiers = TOOL.classifiers_of(tensors, other)
    assert classifiers == (("fc.weight", 1), ("box.weight", 4))
    assert TOOL.classes_of(tensors, classifiers) == 1000
    assert TOOL.first_convs_of(tensors) == ("conv.weight",)
    with pytest.raises(ValueError, match=r"conv\.weight changes"):
        TOOL.classifiers_of(tensors, tensors | {"conv.weight": (64, 7, 7, 7)})
