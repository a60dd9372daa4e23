"""Writes the tables of trainviz_cli/features/tables from torchvision and timm themselves.

The tables hold what those two libraries can build, so they are written again for a new version of
either. Neither needs to run: every network is built on the meta device, without its numbers.

    python3.11 -m venv /tmp/tables
    /tmp/tables/bin/pip install torch==2.13.0
    /tmp/tables/bin/pip install --no-deps torchvision==0.28.0 timm==1.0.31
    /tmp/tables/bin/pip install pillow numpy pyyaml huggingface_hub safetensors
    PYTHONPATH=. /tmp/tables/bin/python tools/architecture_tables.py              # both, 3 minutes
    PYTHONPATH=. /tmp/tables/bin/python tools/architecture_tables.py torchvision  # 15 seconds

The same versions give the same bytes, as far as zlib does. A network that can't be built ends it,
and nothing is written.
"""
# ruff: noqa: INP001 - a script

from __future__ import annotations

import gzip
import json
import math
import sys
import warnings
from collections import defaultdict
from itertools import pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.features import tables
from trainviz_cli.features.tables import FORMAT, LIBRARIES, Architecture, Shape, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FEW = 7  # another number of classes than any network has by itself
COUNTER = "num_batches_tracked"
# Networks that take no other picture than the one they were built for.
FIXED = ("vit_", "maxvit_", "mvit_")

Tensors = dict[str, Shape]


class Entry(NamedTuple):
    """An architecture and its tensors."""

    architecture: Architecture
    tensors: Mapping[str, Shape]


def main() -> None:
    """Writes the tables of the libraries named on the command line, else of all."""
    from pathlib import Path

    warnings.simplefilter("ignore")  # of what is deprecated there
    declare_missing_operators()
    readers = {"torchvision": torchvision_entries, "timm": timm_entries}
    folder = Path(tables.__file__).parent
    for library in sys.argv[1:] or LIBRARIES:
        version = __import__(library).__version__.partition("+")[0]
        entries = sorted(readers[library](), key=lambda entry: entry.architecture.name)
        file = folder / f"{library}.json.gz"
        file.write_bytes(pack(library, version, entries))
        check(file, entries)
        said = f"{library} {version}: {len(entries)} architectures, {file.stat().st_size} bytes"
        sys.stderr.write(f"{said}\n")


def declare_missing_operators() -> None:
    """Lets a torchvision that was built for CUDA be imported beside a torch that was not.

    Its operators are then missing, and its import describes two of them nevertheless
    (pytorch/vision#9085). Nothing is computed here, so their names will do.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        names = [name for name in sys.modules if name.partition(".")[0] == "torchvision"]
        for name in names:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        globals()["_kept"] = library  # the operators go when it goes


def build(make: Callable[[], Any]) -> Any:  # noqa: ANN401 - torch comes without types here
    """A network without its numbers.

    RegNets compute their widths with tensors, and so need those to be real: there, only what makes
    parameters is sent to the meta device.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    factories = {torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand, torch.full}

    class FactoriesOnMeta(TorchFunctionMode):  # type: ignore[misc] # torch may not be installed
        def __torch_function__(
            self,
            function: Callable[..., Any],
            types: object,
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:  # noqa: ANN401
            del types
            given = dict(kwargs or {})
            if function in factories and given.get("device") is None:
                given["device"] = "meta"
            return function(*args, **given)

    try:
        with torch.device("meta"):
            return make()
    except (NotImplementedError, RuntimeError):  # .tolist(), .item()
        with FactoriesOnMeta():
            return make()


def torchvision_entries() -> Iterator[Entry]:
    """Every network of torchvision that isn't quantised."""
    from torchvision import models

    for name in models.list_models():
        builder = models.get_model_builder(name)
        kind = builder.__module__.split(".")[2]
        if kind == "quantization":
            continue
        options: dict[str, Any] = {"weights": None}
        if kind in {"detection", "segmentation"}:
            options["weights_backbone"] = None
        if kind == "segmentation" and not name.startswith("lraspp"):
            options["aux_loss"] = True  # as the published weights are
        network = build(lambda: builder(**options))  # noqa: B023 - called at once
        tensors = tensors_of(network)
        other = tensors
        if kind != "optical_flow":
            other = tensors_of(build(lambda: builder(**options, num_classes=FEW)))  # noqa: B023
        classifiers = classifiers_of(tensors, other)
        modules = {name.partition(".")[0] for name, _ in classifiers}
        picture = torchvision_picture(models.get_model_weights(name), network)
        task = kind if kind in {"detection", "segmentation", "video", "optical_flow"} else ""
        yield Entry(
            Architecture(
                library="torchvision",
                name=name,
                task=task or "classification",
                classes=classes_of(tensors, classifiers),
                heads=tuple(sorted(f"{module}." for module in modules)),
                classifiers=classifiers,
                first_convs=first_convs_of(tensors),
                fixed_size=name.startswith(FIXED),
                **picture,
            ),
            tensors,
        )


def torchvision_picture(weights: Iterable[Any], network: Any) -> dict[str, Any]:  # noqa: ANN401
    """What the default weights' transforms do to a picture.

    vit_h_14 has its default weights for larger pictures than the network is built for: then, those
    of other weights.
    """
    default = weights.DEFAULT  # type: ignore[attr-defined]
    transforms = [each.transforms() for each in (default, *weights)]
    size = getattr(network, "image_size", None)
    fitting = [each for each in transforms if size in {None, *getattr(each, "crop_size", ())}]
    transform = fitting[0]
    resize = getattr(transform, "resize_size", None)
    crop = getattr(transform, "crop_size", None)
    side = crop or resize
    return {
        "input_size": (3, side[0], side[-1]) if side else None,
        "resize": tuple(resize) if resize else None,
        "crop": "center" if crop else None,
        "interpolation": transform.interpolation.value if resize else None,
        "mean": tuple(transform.mean) if resize else None,
        "std": tuple(transform.std) if resize else None,
    }


def timm_entries() -> Iterator[Entry]:
    """Every network of timm."""
    import timm
    import torch

    for name in timm.list_models():
        network = build(lambda: timm.create_model(name, pretrained=False))  # noqa: B023
        tensors = other = none = tensors_of(network)
        if hasattr(network, "reset_classifier"):
            with torch.device("meta"):
                network.reset_classifier(FEW)
                other = tensors_of(network)
                network.reset_classifier(0)
                none = tensors_of(network)
        classifiers = classifiers_of(tensors, other)
        changed = {each for each in {**tensors, **other} if tensors.get(each) != other.get(each)}
        head = changed | (tensors.keys() - none.keys())
        defaults = network.pretrained_cfg
        convs = defaults["first_conv"]
        convs = [convs] if isinstance(convs, str) else convs or []
        yield Entry(
            Architecture(
                library="timm",
                name=name,
                task="classification",
                classes=defaults["num_classes"],
                heads=beginnings(head, {**tensors, **other}),
                classifiers=classifiers,
                first_convs=tuple(f"{each}.weight" for each in convs),
                fixed_size=defaults["fixed_input_size"],
                **timm_picture(defaults),
            ),
            tensors,
        )


def timm_picture(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What the defaults of its default weights do to a picture."""
    channels, *sides = defaults["input_size"]
    resize = [math.floor(side / defaults["crop_pct"]) for side in sides]
    one_side = resize[0] == resize[1] and defaults["crop_mode"] != "squash"
    return {
        "input_size": (channels, *sides),
        "resize": tuple(resize[:1] if one_side else resize),
        "crop": defaults["crop_mode"],
        "interpolation": defaults["interpolation"],
        "mean": tuple(defaults["mean"]),
        "std": tuple(defaults["std"]),
    }


def tensors_of(network: Any) -> Tensors:  # noqa: ANN401 - torch comes without types here
    """Names and shapes of what a network's checkpoint holds."""
    state = network.state_dict().items()
    return {name: tuple(each.shape) for name, each in state if not name.endswith(COUNTER)}


def classifiers_of(tensors: Tensors, other: Tensors) -> tuple[tuple[str, int], ...]:
    """Tensors whose first axis grows with the classes, and its length per class.

    Args:
        tensors: Of the network as it is.
        other: Of the network with `FEW` classes.
    """
    changed = {name: shape for name, shape in other.items() if tensors.get(name) != shape}
    for name, shape in changed.items():
        if shape[0] % FEW or tensors.get(name, shape)[1:] != shape[1:]:
            raise ValueError(f"{name} changes to {shape} with the number of classes")
    return tuple((name, shape[0] // FEW) for name, shape in changed.items())


def classes_of(tensors: Tensors, classifiers: Iterable[tuple[str, int]]) -> int:
    """How many classes a network has by itself."""
    return next((tensors[name][0] // length for name, length in classifiers), 0)


def first_convs_of(tensors: Tensors) -> tuple[str, ...]:
    """Convolutions of pictures with three channels; timm's own list says the same of timm's."""
    return tuple(name for name, shape in tensors.items() if len(shape) > 3 and shape[1] == 3)


def beginnings(part: set[str], whole: Iterable[str]) -> tuple[str, ...]:
    """The shortest beginnings, up to a dot, that a part of the names has and no other name."""
    others = {begin for name in whole if name not in part for begin in _dotted(name)}
    return tuple(
        sorted({next((b for b in _dotted(name) if b not in others), name) for name in part})
    )


def _dotted(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) + "." for count in range(1, len(parts)))


def pack(library: str, version: str, entries: Sequence[Entry]) -> bytes:
    """A table file; trainviz_cli/features/tables says what is in it."""
    holders = defaultdict(list)
    for number, entry in enumerate(entries):
        for tensor in entry.tensors.items():
            holders[tensor].append(number)
    groups = defaultdict(list)
    for tensor, numbers in holders.items():
        groups[tuple(numbers)].append(tensor)
    names = sorted({name for name, _ in holders})
    shapes = sorted({shape for _, shape in holders})
    name_numbers = {name: number for number, name in enumerate(names)}
    shape_numbers = {shape: number for number, shape in enumerate(shapes)}
    tensors = [tensor for numbers in sorted(groups) for tensor in sorted(groups[numbers])]
    named = [0, *(name_numbers[name] for name, _ in tensors)]
    document = {
        "format": FORMAT,
        "library": library,
        "version": version,
        "architectures": [entry.architecture[1:] for entry in entries],
        "names": _front_coded(names),
        "shapes": shapes,
        "groups": [sorted(groups), [len(groups[numbers]) for numbers in sorted(groups)]],
        "tensors": [
            [after - before for before, after in pairwise(named)],
            [shape_numbers[shape] for _, shape in tensors],
        ],
    }
    text = json.dumps(document, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def _front_coded(names: Sequence[str]) -> tuple[list[int], str]:
    shared = [len(commonprefix(pair)) for pair in pairwise(["", *names])]  # noqa: RUF071
    ends = (name[length:] for name, length in zip(names, shared, strict=True))
    return shared, "\n".join(ends)


def check(file: Path, entries: Iterable[Entry]) -> None:
    """Reads a table back, and compares.

    Raises:
        ValueError: It says something else.
    """
    table = read_table(file)
    for number, (known, tensors) in enumerate(entries):
        if table.tensors(number) != tensors or table.architecture(number) != known:
            raise ValueError(f"{file} has another {known.name}")


if __name__ == "__main__":
    main()
