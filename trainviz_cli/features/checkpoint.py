"""The weights in a checkpoint file: which there are, what shapes they have, and their values.

Nothing here runs what a file says, except `load_unsafely`.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from trainviz_cli.codecs.pickles import entries
from trainviz_cli.codecs.stored import opened
from trainviz_cli.codecs.torchfile import read_contents
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError
from trainviz_cli.features.copies import find_copies, shown

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from trainviz_cli.codecs.stored import StoredTensor
    from trainviz_cli.features.copies import Copy, Found

Kind = Literal["state_dict", "module", "exported", "onnx"]

AUTO, EMA, MODEL = "auto", "ema", "model"

# What the weights that are trained are called, the most telling first.
_MAIN = (
    *("state_dict", "model_state_dict", "model", "net", "network", "net_state_dict", "params"),
    *("weights", "module", "student", "generator", "netG", "encoder", "backbone"),
)
_AVERAGED = re.compile(r"(^|[._])(ema|averaged|swa)([._]|$)", re.IGNORECASE)
_MMENGINE = {"state_dict", "ema_state_dict", "message_hub"}
_MOST_SHOWN = 8
# Tensors may be parts of one another, but not so that a small file fills the memory.
_MOST_GAIN, _SMALL = 16, 1 << 28


class Checkpoint(NamedTuple):
    """What a checkpoint file is, and the weights in it.

    Attributes:
        path: The file.
        kind: What its weights need to become a network: nothing, if it is exported or ONNX.
        copies: Weights by their names, by the name of the copy; empty if exported or ONNX.
        notes: What to tell about it, each in one line.
        averaged: The names of the copies that are averages over training.
    """

    path: Path
    kind: Kind
    copies: dict[str, Copy]
    notes: tuple[str, ...]
    averaged: tuple[str, ...] = ()


def open_checkpoint(path: Path) -> Checkpoint:
    """What a checkpoint file holds; no weights are read yet, and nothing of it is run.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It is no checkpoint, a damaged one, or one without weights.
        RefusedError: Reading it would be unsafe; or it is TorchScript.
    """
    contents = read_contents(path)
    if contents.kind in {"exported", "onnx"}:
        return Checkpoint(path, contents.kind, {}, ())
    try:
        found = find_copies(contents.value)
        _check_sizes(found.copies)
    except RefusedError as error:
        raise RefusedError(f"{path} is refused: {error.message}") from None
    if not found.copies:
        raise UnreadableError(f"no weights in {path}", hint=_hint(contents.value))
    kind: Kind = "module" if found.modules else "state_dict"
    notes = _notes(found)
    averaged = tuple(name for name in found.copies if _AVERAGED.search(name))
    if entries(contents.value).keys() >= _MMENGINE:
        notes.append("MMEngine saves averaged weights as state_dict, trained as ema_state_dict")
        averaged = ("state_dict",)
    return Checkpoint(path, kind, found.copies, tuple(notes), averaged)


def choose(checkpoint: Checkpoint, wanted: str = AUTO) -> tuple[str, Copy]:
    """A copy of the weights, and its name in the file.

    Args:
        checkpoint: Where to choose.
        wanted: "auto" is what a script would load to use the network: not the average, unless
            it is all there is, or MMEngine wrote the file, which puts the average there.
            "ema" is the average, "model" what is trained; anything else is a copy's name.

    Raises:
        NotFoundError: There is no such copy; the hint says which there are.
    """
    names = sorted(checkpoint.copies, key=lambda name: _rank(checkpoint, name))
    averaged = [name for name in names if name in checkpoint.averaged]
    trained = [name for name in names if name not in averaged]
    matching = {AUTO: names, EMA: averaged, MODEL: trained}.get(wanted, [])
    if wanted in names:
        matching = [wanted]
    if not matching:
        there = ", ".join(map(shown, names[:_MOST_SHOWN])) or "none"
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        raise NotFoundError(
            f"no weights called {shown(wanted)} in {checkpoint.path}",
            hint=f"there are: {there}{more}",
        )
    return matching[0], checkpoint.copies[matching[0]]


def shapes(copy: Copy) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor."""
    return {name: tensor.shape for name, tensor in copy.items()}


def load_tensor(stored: StoredTensor) -> torch.Tensor:
    """The tensor as `torch.load` would give it, on the CPU: its type, shape, strides and values.

    It owns its memory, also where tensors of the file share theirs.

    Raises:
        MissingPackageError: There is no torch.
        UnreadableError: It can't be read, the file has changed, or this torch hasn't its type.
        RefusedError: It is larger than any tensor of a network.
    """
    from trainviz_cli.features.packages import require

    require("torch")
    import torch

    dtype = getattr(torch, stored.dtype, None)
    if dtype is None:
        path = stored.storage.source.path
        hint = "a newer torch has it"
        raise UnreadableError(f"{path} has a tensor of {stored.dtype}", hint=hint)
    data = stored.read()
    if not data:
        return torch.empty_strided(stored.shape, stored.strides, dtype=dtype)
    flat = torch.frombuffer(data, dtype=dtype)
    return flat.as_strided(stored.shape, stored.strides)


def load_unsafely(path: Path) -> object:
    """What `torch.load` makes of a file, which may run any code: only for who trusts it.

    Raises:
        MissingPackageError: There is no torch.
        NotFoundError: Nothing is there.
        UnreadableError: torch can't load it.
    """
    from trainviz_cli.features.packages import require

    require("torch")
    import torch

    with opened(path) as (file, _):
        try:
            return torch.load(file, map_location="cpu", weights_only=False)
        except Exception as error:  # whatever the code in the file raises
            what = f"{type(error).__name__}: {shown(str(error))}"
            raise UnreadableError(f"torch can't load {path}: {what}") from error


def _notes(found: Found) -> list[str]:
    notes = [
        f"a pickled {shown(name)}: its weights are read, its code is not"
        for name in islice(dict.fromkeys(found.modules), _MOST_SHOWN)
    ]
    if found.unread:
        counts = islice(found.unread.items(), _MOST_SHOWN)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts)
        notes.append(f"tensors that are not read: {kinds}")
    if found.has_underscored:
        notes.append("MMCV exchanges trained and averaged weights when it saves after an epoch")
    return notes


def _rank(checkpoint: Checkpoint, name: str) -> tuple[bool, int, int]:
    """The lower, the more likely a copy is the one to use."""
    place = _MAIN.index(name) if name in _MAIN else len(_MAIN)
    is_average = bool(_AVERAGED.search(name))
    return is_average, place, -sum(tensor.count for tensor in checkpoint.copies[name].values())


def _check_sizes(copies: dict[str, Copy]) -> None:
    """Lets copies pass that don't unfold to far more than the file.

    Raises:
        RefusedError: One does.
    """
    for copy in copies.values():
        source = next(iter(copy.values())).storage.source
        loaded = sum(tensor.cost for tensor in copy.values())
        if loaded > _MOST_GAIN * source.size + _SMALL:
            raise RefusedError(f"{loaded >> 20:,} MiB of weights in far fewer bytes")


def _hint(value: object) -> str:
    """What is there instead of weights."""
    names = (key for key in entries(value) if isinstance(key, str))
    keys = [shown(name) for name in islice(names, _MOST_SHOWN)]
    return f"it holds {', '.join(keys)}" if keys else "name a checkpoint file"
