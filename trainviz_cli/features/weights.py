"""A file's tensors put into a model, as far as names and shapes fit, and what came of it."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.errors import UnreadableError
from trainviz_cli.features.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor, nn

# What classifiers call the part that turns features into classes, and what helps in its training.
_HEADS = frozenset(
    "fc head heads head_dist classifier last_linear logits cls_head "
    "aux aux1 aux2 AuxLogits aux_classifier".split()
)
# What wrappers put into names: torch.compile, FSDP, checkpoint_wrapper.
WRAPPED = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


class Mismatch(NamedTuple):
    """A tensor that the model has with another shape than the file."""

    name: str
    stored: tuple[int, ...]
    wanted: tuple[int, ...]


class Loaded(NamedTuple):
    """What came of a file's weights; `num_batches_tracked` counts nowhere.

    Attributes:
        prefix: What stood before the model's names in the file.
        loaded: How many tensors of the model are the file's.
        missing: Names of the model's tensors that the file lacks.
        unexpected: Names in the file, prefix and all, that the model has no use for.
        mismatched: Tensors left as they were, for the file's have another shape.
        share_missing: How much of the backbone, all but the head, is not the file's: the share of
            its tensors, 0 to 1. If it is more than a few per cent, the architecture is another one.
    """

    prefix: str
    loaded: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]
    share_missing: float


def load_weights(
    model: nn.Module, tensors: Mapping[str, Tensor], prefix: str | None = ""
) -> Loaded:
    """Put a file's tensors into a model, as far as names and shapes fit.

    Numbers of any precision become what the model computes with.

    Args:
        model: The model, changed.
        tensors: By their names in the file.
        prefix: What stands before the model's own names in these, with its dot or underscore; None
            is what stands before most of them.

    Raises:
        UnreadableError: The model itself refuses them.
    """
    own = model.state_dict()
    if prefix is None:
        prefix = find_prefix(own, tensors)
    wanted = {name for name in own if _counts(name, own[name])}
    stored = _named_as_in(own, tensors, prefix)
    mismatched = tuple(_mismatches(own, stored, tensors))
    skipped = {each.name for each in mismatched}
    # A copy of its own state for its format version: the file's isn't known, and without one some
    # models refuse to load.
    fitting = copy.copy(own)
    fitting.clear()
    fitting.update((name, tensors[full]) for name, full in stored.items() if name not in skipped)
    try:
        left = model.load_state_dict(fitting, strict=False)
    except Exception as error:  # models may check what they load
        raise UnreadableError(f"the model refuses these weights: {one_line(error)}") from error
    missing = [name for name in left.missing_keys if name in wanted and name not in skipped]
    used = {full for name, full in stored.items() if name not in left.unexpected_keys}
    backbone = {name for name in wanted if _HEADS.isdisjoint(name.split("."))}
    return Loaded(
        prefix=prefix,
        loaded=len(wanted) - len(missing) - len(skipped & wanted),
        missing=tuple(missing),
        unexpected=tuple(full for full in tensors if full not in used and _counts(full)),
        mismatched=mismatched,
        share_missing=len(backbone & {*missing, *skipped}) / max(len(backbone), 1),
    )


def find_prefix(own: Iterable[str], stored: Iterable[str]) -> str:
    """What stands before most of a model's names in a file: `module.`, `model.backbone.`, nothing.

    Args:
        own: Names of the model's tensors.
        stored: Names in the file. Of copies, such as a student and a teacher, the first one counts.
    """
    plain, flat = set(own), {name.replace(".", "_") for name in own}
    found: Counter[str] = Counter()
    for name in stored:
        found.update(_fronts(_without_wrappers(name), plain, "."))
        found.update(_fronts(name, flat, "_") if "." not in name else ())
    return max(found, key=found.__getitem__, default="")


def sizes_in(
    model: nn.Module, tensors: Mapping[str, Tensor], prefix: str, first: str
) -> tuple[int | None, int | None]:
    """How many classes and input channels the file is for, where the model is for others.

    Args:
        model: The model.
        tensors: By their names in the file.
        prefix: What stands before the model's own names in these.
        first: The name of the weight that sees the picture.
    """
    own = model.state_dict()
    mismatches = list(_mismatches(own, _named_as_in(own, tensors, prefix), tensors))
    channels = {
        each.stored[1]
        for each in mismatches
        if each.name == first and len(each.stored) == len(each.wanted) > 1
    }
    classes = {
        each.stored[0] if each.stored[1:] == each.wanted[1:] and each.stored else None
        for each in mismatches
        if each.name != first
    }
    # Classes only if all that differs has as many rows; else what differs is not the head alone.
    return classes.pop() if len(classes) == 1 else None, channels.pop() if channels else None


def _fronts(name: str, own: set[str], sign: str) -> Iterator[str]:
    """What is left of a name before an end that is one of the model's."""
    if name in own:
        yield ""
    place = name.find(sign)
    while place >= 0:
        if name[place + 1 :] in own:
            yield name[: place + 1]
        place = name.find(sign, place + 1)


def _named_as_in(own: Mapping[str, object], tensors: Iterable[str], prefix: str) -> dict[str, str]:
    """The name in the file of each tensor that begins with the prefix, by its name in the model.

    MMEngine's older moving averages write `ema_layer1_0_weight`, with no dot at all.
    """
    flat = {name.replace(".", "_"): name for name in own}
    prefix = _without_wrappers(prefix)
    named = {}
    for full in tensors:
        plain = _without_wrappers(full)
        if plain.startswith(prefix):
            name = plain[len(prefix) :]
            named[name if name in own else flat.get(name, name)] = full
    return named


def _without_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPED)


def _mismatches(
    own: Mapping[str, Any], stored: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> Iterator[Mismatch]:
    from torch import Tensor
    from torch.nn.parameter import is_lazy

    for name, full in stored.items():
        mine = own.get(name)
        # a lazy layer takes its shape from the file
        if isinstance(mine, Tensor) and not is_lazy(mine) and mine.shape != tensors[full].shape:
            yield Mismatch(name, tuple(tensors[full].shape), tuple(mine.shape))


def _counts(name: str, value: object = None) -> bool:
    """Whether it is a weight: no counter of batches, and nothing but a tensor."""
    from torch import Tensor

    return not name.endswith("num_batches_tracked") and (value is None or isinstance(value, Tensor))
