"""Tensors inside of what a layer gives: lists, tuples and mappings, addressed as `stage2[1]`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.features.one_line import some
from trainviz_cli.imaging.tensors import is_tensor
from trainviz_cli.model.keys import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

Index = tuple[int | str, ...]

_MODEL = "the model"  # what messages call it, for its path is empty
_BRACKETS = r"""\[(?:'[^']*'|"[^"]*"|[^\]'"]+)\]"""
_ADDRESS = re.compile(rf"(?P<path>[^\[\]]*)(?P<index>(?:{_BRACKETS})*)")


def split_address(text: str) -> tuple[str, Index]:
    """The dotted path of a layer, and where in what it gives the tensor is.

    `stage2[1]` is `stage2` and 1, `backbone['0']` is `backbone` and "0"; the quotes may be left
    out, for shells take them away. `layers[0].attn` is `layers.0.attn`.

    Raises:
        UsageError: A bracket is not closed, or holds nothing.
    """
    inner, dot, last = text.rpartition("].")
    dotted = re.sub(_BRACKETS, lambda found: f".{_key(found[0])}", f"{inner}]") if dot else ""
    found = _ADDRESS.fullmatch(last)
    if found is None or set(dotted) & set("[]"):
        raise UsageError(f"{text!r} names no layer", hint="e.g. layer4, stage2[1], backbone['0']")
    path = f"{dotted}.{found['path']}".removeprefix(".") if dot else found["path"]
    return path, tuple(_key(each) for each in re.findall(_BRACKETS, found["index"]))


def written(index: Index) -> str:
    """An index as it is written behind a path: `[1]`, `['0']`."""
    return "".join(f"[{each!r}]" for each in index)


def leaves(value: object, index: Index = ()) -> Iterator[tuple[Index, Any]]:
    """Every tensor in a value, with its index."""
    if is_tensor(value):
        yield index, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, (*index, key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for place, each in enumerate(value):
            yield from leaves(each, (*index, place))


def pick(value: object, index: Index, layer: str) -> Any:  # noqa: ANN401 - a tensor of torch
    """The tensor at an index; without one, the only tensor there is.

    Args:
        value: What the layer gives.
        index: Of the tensor in it.
        layer: Its path; empty for the model itself.

    Raises:
        UsageError: There are several tensors, or none.
        NotFoundError: There is nothing at the index.
    """
    inner = value
    for depth, step in enumerate(index):
        inner = _step(inner, step, f"{layer}{written(index[:depth])}" or _MODEL)
    name = f"{layer}{written(index)}"
    found = list(leaves(inner))
    if len(found) == 1:
        return found[0][1]
    if not found:
        raise UsageError(f"{name or _MODEL} gives no tensor, but {described(inner)}")
    raise UsageError(
        f"{name or _MODEL} gives {described(inner)} with {len(found)} tensors",
        hint=f"name one of them: {some([f'{name}{written(each)}' for each, _ in found])}",
    )


def described(value: object) -> str:
    """What a value is, in few words."""
    if is_tensor(value):
        return "one tensor"
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"a {kind} of {len(value)}" if isinstance(value, Sequence | Mapping) else f"a {kind}"


def _key(bracket: str) -> int | str:
    text = bracket[1:-1]
    if text[0] in "'\"":
        return text[1:-1]
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text


def _step(value: object, step: int | str, name: str) -> object:
    if isinstance(value, Mapping):
        keys = {str(key): key for key in value}
        if str(step) in keys:
            return value[step if step in value else keys[str(step)]]
        hint = nearest(str(step), list(keys), "key")
        raise NotFoundError(f"{name} gives {described(value)}, without {step!r}", hint=hint)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if isinstance(step, int) and -len(value) <= step < len(value):
            return value[step]
        numbers = f"its numbers are 0 to {len(value) - 1}" if value else None
        raise NotFoundError(f"{name} gives {described(value)}, without {step!r}", hint=numbers)
    inside = str(step) if name == _MODEL else f"{name}.{step}"
    hint = f"leave {step!r} out; a module inside of it is {inside}"
    raise NotFoundError(f"{name} gives {described(value)}, which has no {step!r}", hint=hint)
