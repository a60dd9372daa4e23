"""A model built from what names it, never downloaded, with the weights of a file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.features.one_line import one_line
from trainviz_cli.features.packages import require
from trainviz_cli.features.weights import find_prefix, load_weights, sizes_in
from trainviz_cli.model.keys import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn
    from torch.nn.modules.conv import _ConvNd

    from trainviz_cli.features.weights import Loaded

_FORMS = "torchvision:NAME, timm:NAME, package.module:callable or path/to/file.py:callable"
# Their builders otherwise warn, or take seconds for numbers that the file's replace.
_SLOW_TO_START = frozenset({"googlenet", "inception_v3"})


class Spec(NamedTuple):
    """What names a model: `torchvision:resnet18`, `net.py:build`.

    Attributes:
        source: Where it comes from.
        place: The module or file with the callable; empty for a library.
        name: The library's name for it, or the callable's.
    """

    source: Literal["torchvision", "timm", "module", "file"]
    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place or self.source}:{self.name}"


def parse_spec(text: str) -> Spec:
    """What a model's name means; nothing is imported or looked for.

    Raises:
        UsageError: It is none of the four forms.
    """
    library, _, name = text.partition(":")
    if library in {"torchvision", "timm"} and name:
        return Spec("torchvision" if library == "torchvision" else "timm", "", name)
    place, _, name = text.rpartition(":")
    if not place or not name:
        hint = (
            f"name its callable: {text.rstrip(':')}:build" if ".py" in text else f"it is {_FORMS}"
        )
        raise UsageError(f"{text!r} names no model", hint=hint)
    if place.endswith(".py") or "/" in place or "\\" in place:
        return Spec("file", place, name)
    if all(part.isidentifier() for part in place.split(".")):
        return Spec("module", place, name)
    raise UsageError(f"{text!r} names no model", hint=f"it is {_FORMS}")


def build_model(
    spec: Spec, *, num_classes: int | None = None, in_channels: int | None = None
) -> nn.Module:
    """The model as it is before training, on the CPU, in float32; nothing is downloaded.

    Args:
        spec: What names it.
        num_classes: Passed on where the library or the callable takes it by this name.
        in_channels: Passed on likewise; where it isn't taken, the first convolution is replaced.

    Raises:
        MissingPackageError: A package it needs is not installed.
        NotFoundError: There is no such file, module, callable or architecture.
        UsageError: It can't be built like this, or is no model.
        UnreadableError: The user's code raised an error.
    """
    require("torch")
    sizes = {"num_classes": num_classes, "in_channels": in_channels}
    wanted = {name: value for name, value in sizes.items() if value is not None}
    if spec.source == "torchvision":
        model = _from_torchvision(spec, wanted)
    elif spec.source == "timm":
        model = _from_timm(spec, wanted)
    else:
        model = _from_user(spec, wanted)
    if in_channels is not None:
        _widen(model, spec, in_channels)
    return model


def build_loaded(
    spec: Spec, tensors: Mapping[str, Tensor], prefix: str | None = None
) -> tuple[nn.Module, Loaded]:
    """The model with a file's weights, for as many classes and input channels as the file is for.

    Args:
        spec: What names it.
        tensors: By their names in the file.
        prefix: What stands before the model's own names in these; None is what stands before most.

    Raises:
        TrainvizError: As `build_model` and `load_weights`.
    """
    model = build_model(spec)
    if prefix is None:
        prefix = find_prefix(model.state_dict(), tensors)
    stem = _stem(model)
    first = f"{stem[0]}.weight" if stem else ""
    classes, channels = sizes_in(model, tensors, prefix, first)
    if classes is not None or channels is not None:
        model = build_model(spec, num_classes=classes, in_channels=channels)
    return model, load_weights(model, tensors, prefix)


def _from_torchvision(spec: Spec, wanted: dict[str, int]) -> nn.Module:
    models = require("torchvision").models
    if spec.name.lower() not in models.list_models():
        hint = nearest(spec.name, models.list_models(), "model")
        raise NotFoundError(f"torchvision has no model {spec.name!r}", hint=hint)
    builder = models.get_model_builder(spec.name)
    options: dict[str, Any] = {"weights": None}
    if "weights_backbone" in inspect.signature(builder).parameters:
        options["weights_backbone"] = None  # or they would be downloaded
    if spec.name.lower() in _SLOW_TO_START:
        options["init_weights"] = False
    if "num_classes" in wanted:
        options["num_classes"] = wanted["num_classes"]
    return _built(spec, builder, options)


def _from_timm(spec: Spec, wanted: dict[str, int]) -> nn.Module:
    require("torchvision")  # timm imports it, and would hide why it can't
    timm = require("timm")
    if not timm.is_model(spec.name):
        hint = nearest(spec.name, timm.list_models(), "model")
        raise NotFoundError(f"timm has no model {spec.name!r}", hint=hint)
    names = {"num_classes": "num_classes", "in_channels": "in_chans"}
    options = {names[each]: value for each, value in wanted.items()}
    return _built(spec, timm.create_model, {"model_name": spec.name, "pretrained": False} | options)


def _built(spec: Spec, builder: Callable[..., nn.Module], options: dict[str, Any]) -> nn.Module:
    try:
        return builder(**options)
    except Exception as error:  # not every architecture takes every size
        raise UsageError(f"{spec} can't be built: {one_line(error)}") from error


def _from_user(spec: Spec, wanted: dict[str, int]) -> nn.Module:
    from torch import nn

    from trainviz_cli.features.user_code import errors_told, from_file, from_module

    path = Path(spec.place).expanduser()
    is_file = spec.source == "file"
    made = from_file(path, spec.name) if is_file else from_module(spec.place, spec.name)
    if not isinstance(made, nn.Module):
        if not callable(made):
            raise UsageError(f"{spec} is {_a(made)}, which can't be called")
        with errors_told(str(spec), path.resolve().parent if is_file else Path.cwd()):
            made = made(**_taken_by(made, wanted))
    if not isinstance(made, nn.Module):
        raise UsageError(f"{spec} gives {_a(made)}", hint="let it return a torch.nn.Module")
    return made.cpu().float()


def _taken_by(function: Callable[..., object], options: dict[str, int]) -> dict[str, int]:
    """The options that a function has a parameter for."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some written in C have none
        return {}
    return {name: value for name, value in options.items() if name in parameters}


def _a(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def input_channels(model: nn.Module) -> int:
    """How many channels a model's pictures have; 3 if its first convolution doesn't say."""
    stem = _stem(model)
    return stem[1].in_channels if stem else 3


def _stem(model: nn.Module) -> tuple[str, _ConvNd] | None:
    """The first convolution of all channels at once: it sees the picture."""
    from torch.nn.modules.conv import _ConvNd

    for path, module in model.named_modules():
        if isinstance(module, _ConvNd) and module.groups == 1 and not module.transposed:
            return path, module
    return None


def _widen(model: nn.Module, spec: Spec, in_channels: int) -> None:
    """Give the first convolution new weights, unless it takes as many channels already."""
    import torch

    stem = _stem(model)
    if stem is None:
        raise UsageError(
            f"{spec} has no convolution that could take another number of channels",
            hint="let the callable take in_channels",
        )
    conv = stem[1]
    if conv.in_channels != in_channels:
        rows, _, *kernel = conv.weight.shape
        weight = torch.nn.init.kaiming_normal_(torch.empty(rows, in_channels, *kernel))
        conv.weight = torch.nn.Parameter(weight)
        conv.in_channels = in_channels
