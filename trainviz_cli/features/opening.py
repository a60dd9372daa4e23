"""From a checkpoint file to a network that a picture can go through, and what was assumed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.errors import NotFoundError, UnreadableError, UsageError
from trainviz_cli.features.architectures import identify
from trainviz_cli.features.build import build_loaded, input_channels, parse_spec
from trainviz_cli.features.checkpoint import (
    choose,
    load_tensor,
    load_unsafely,
    open_checkpoint,
    shapes,
)
from trainviz_cli.features.network import ModelNetwork
from trainviz_cli.features.one_line import some
from trainviz_cli.features.packages import note_on_torch
from trainviz_cli.features.preprocess import (
    MEAN,
    STD,
    Preprocessing,
    prepare,
    prepare_array,
)
from trainviz_cli.features.tables import architecture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Literal

    from PIL.Image import Image as Picture
    from torch import nn

    from trainviz_cli.features.architectures import Candidate, Identification
    from trainviz_cli.features.build import Spec
    from trainviz_cli.features.checkpoint import Checkpoint
    from trainviz_cli.features.network import Network
    from trainviz_cli.features.weights import Loaded

    Copy = Mapping[str, object]

_MOST_MISSING = 0.05  # of the backbone's tensors, beyond which what is seen means nothing
_MOST_NAMED = 5


class Wanted(NamedTuple):
    """What the user says of a network; the rest is found out.

    Attributes:
        model: Its spec; see `build.parse_spec`.
        weights: Which copy of them: auto, model, ema, or its name in the file.
        unsafe: Whether the file may run code.
        input_size: Height and width that pictures are given in; "own" keeps theirs.
        mean: Of each channel.
        std: Of each channel.
    """

    model: str | None = None
    weights: str = "auto"
    unsafe: bool = False
    input_size: tuple[int, int] | Literal["own"] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


class Opened(NamedTuple):
    """A network with the weights of a file.

    Attributes:
        network: What a picture goes through.
        preprocessing: What is done to it before.
        notes: What was assumed, found missing or left out, each in one line.
        takes_arrays: Whether it takes arrays instead of tensors, and needs no torch.
    """

    network: Network
    preprocessing: Preprocessing
    notes: list[str]
    takes_arrays: bool = False

    def given(self, picture: Picture) -> Any:  # noqa: ANN401 - a tensor or array
        """A picture as the network takes it: (1, C, H, W)."""
        take = prepare_array if self.takes_arrays else prepare
        return take(picture, self.preprocessing)


def open_network(path: Path, wanted: Wanted) -> Opened:
    """The network in a checkpoint file.

    Raises:
        NotFoundError: There is no such file, copy of the weights, or model.
        UnreadableError: It can't be read, or its weights don't fit the model.
        RefusedError: Reading it would be unsafe.
        MissingPackageError: A package it needs is not installed.
        UsageError: It can't be told which network it is.
    """
    checkpoint = open_checkpoint(path)
    notes = list(checkpoint.notes)
    if checkpoint.kind == "onnx":
        from trainviz_cli.features.onnx_model import open_onnx

        return _as_it_is(open_onnx(path), wanted, notes)._replace(takes_arrays=True)
    if checkpoint.kind == "exported":
        from trainviz_cli.features.exported import open_exported

        network = open_exported(path, unsafe=wanted.unsafe)
        return _as_it_is(network, wanted, [*notes, *_of_unsafe()])
    is_whole = wanted.unsafe and wanted.model is None
    if is_whole and (model := _pickled_model(path)) is not None:
        return _as_it_is(ModelNetwork(model), wanted, _of_unsafe())
    return _rebuilt(checkpoint, wanted, notes)


def _rebuilt(checkpoint: Checkpoint, wanted: Wanted, notes: list[str]) -> Opened:
    """The network built anew, by its name, with the file's weights."""
    name, copy = choose(checkpoint, wanted.weights)
    if len(checkpoint.copies) > 1:
        others = ", ".join(each for each in checkpoint.copies if each != name)
        notes.append(f"weights: {name} (--weights takes another: {others})")
    spec, prefix = _spec(checkpoint, shapes(copy), wanted, notes)
    tensors = {key: load_tensor(stored) for key, stored in copy.items()}
    model, loaded = build_loaded(spec, tensors, prefix)
    _check(spec, loaded, wanted)
    notes += _told(loaded)
    preprocessing = _preprocessing(spec, input_channels(model), wanted)
    notes.append(f"input: {_said(preprocessing)}")
    return Opened(ModelNetwork(model), preprocessing, notes)


def _spec(
    checkpoint: Checkpoint,
    stored: Mapping[str, tuple[int, ...]],
    wanted: Wanted,
    notes: list[str],
) -> tuple[Spec, str | None]:
    """What names the model, and what stands before its tensors' names, if that is known."""
    if wanted.model is not None:
        return parse_spec(wanted.model), None
    found = identify(stored)
    if not found.answers:
        raise _unknown(checkpoint, stored, found)
    best = found.answers[0]
    spec = parse_spec(f"{best.library}:{best.name}")
    notes.append(f"{spec}: {_assumed(best)}")
    if len(found.answers) > 1:
        same = [f"{each.library}:{each.name}" for each in found.answers[1 : _MOST_NAMED + 1]]
        notes.append(f"the same tensors are in {', '.join(same)}; --model decides")
    return spec, best.prefix


def _assumed(best: Candidate) -> str:
    total = best.whole.matched + best.whole.missing + best.whole.mismatched
    said = [f"assumed, from the names and shapes of {best.whole.matched} of its {total} tensors"]
    if best.prefix:
        said.append(f"under {best.prefix}")
    if best.head == "missing":
        said.append("without its head")
    elif best.head == "classes":
        said.append(f"for {best.classes} classes")
    if best.channels != 3:
        said.append(f"for {best.channels} channels")
    return ", ".join(said)


def _unknown(
    checkpoint: Checkpoint, stored: Mapping[str, tuple[int, ...]], found: Identification
) -> UsageError:
    first = next(iter(stored))
    hint = "name it: --model package.module:callable, or path/to/file.py:callable"
    if found.others:
        near = ", ".join(f"{each.library}:{each.name}" for each in found.others[:3])
        hint += f"; nearest: {near}"
    return UsageError(
        f"can't tell which network {checkpoint.path} is of: {len(stored)} tensors, the first "
        f"{first} {stored[first]}",
        hint=hint,
    )


def _check(spec: Spec, loaded: Loaded, wanted: Wanted) -> None:
    if loaded.share_missing <= _MOST_MISSING:
        return
    lacking = [*loaded.missing, *(each.name for each in loaded.mismatched)]
    hint = f"lacking or of another shape: {', '.join(lacking[:_MOST_NAMED])}"
    raise UnreadableError(
        f"these weights don't fit {spec}: {loaded.share_missing:.0%} of its backbone is not there",
        hint=f"{hint}; --model names another" if wanted.model is None else hint,
    )


def _told(loaded: Loaded) -> list[str]:
    """What of the weights was missing or left over."""
    notes = []
    if loaded.missing or loaded.mismatched:
        count = len(loaded.missing) + len(loaded.mismatched)
        names = [*loaded.missing, *(each.name for each in loaded.mismatched)]
        notes.append(f"{count} tensors of the network are not the file's: {some(names)}")
    if loaded.unexpected:
        notes.append(
            f"{len(loaded.unexpected)} tensors of the file are not used: {some(loaded.unexpected)}"
        )
    return notes


def _preprocessing(spec: Spec, channels: int, wanted: Wanted) -> Preprocessing:
    found = Preprocessing(None, channels=channels)
    if spec.source in {"torchvision", "timm"}:
        with suppress(NotFoundError):  # a newer library has more than the tables
            known = architecture(spec.source, spec.name)
            size = known.input_size[1:] if known.input_size else None
            found = Preprocessing(size, known.mean or MEAN, known.std or STD, channels)
    return _as_wanted(found, wanted)


def _as_wanted(found: Preprocessing, wanted: Wanted) -> Preprocessing:
    if wanted.input_size is not None:
        found = found._replace(size=None if wanted.input_size == "own" else wanted.input_size)
    return found._replace(mean=wanted.mean or found.mean, std=wanted.std or found.std)


def _said(preprocessing: Preprocessing) -> str:
    size = preprocessing.size
    shown = "the picture's own size" if size is None else f"{size[0]}x{size[1]}"
    numbers = [" ".join(f"{value:.4g}" for value in each) for each in preprocessing[1:3]]
    return f"{shown}, mean {numbers[0]}, std {numbers[1]} (--input-size, --mean, --std)"


def _as_it_is(network: Network, wanted: Wanted, notes: list[str]) -> Opened:
    """A network that came whole: it says itself what goes in."""
    shape = network.input_shape
    size, channels = None, 3
    if shape is not None and len(shape) == 4:
        _, channels_there, height, width = shape
        channels = channels_there or 3
        size = (height, width) if height and width else None
    preprocessing = _as_wanted(Preprocessing(size, channels=channels), wanted)
    return Opened(network, preprocessing, [*notes, f"input: {_said(preprocessing)}"])


def _of_unsafe() -> list[str]:
    """What is to be told when torch itself has loaded a file."""
    told = ["--unsafe: the file's own code was run", note_on_torch()]
    return [note for note in told if note]


def _pickled_model(path: Path) -> nn.Module | None:
    """The model that a file holds whole; None if it holds weights alone."""
    from trainviz_cli.features.packages import require

    require("torch")
    from torch import nn

    value = load_unsafely(path)
    inside = value.values() if isinstance(value, dict) else ()
    found = next((each for each in (value, *inside) if isinstance(each, nn.Module)), None)
    return None if found is None else found.float()
