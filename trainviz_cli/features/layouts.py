"""How the values of a layer lie on a picture: channels first, channels last, or as tokens.

Source: what ConvNeXt, Swin, ViT, DeiT, DINOv2 and PVT give in torchvision 0.28 and timm 1.0.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from trainviz_cli.errors import UsageError
from trainviz_cli.imaging.tensors import as_array

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Shape = tuple[int, ...]

_MOST_EXTRA_TOKENS = 16  # class token, distillation token, registers
_LARGEST_STRIDE = 64
_MOST_STRETCH = 0.5  # the logarithm of some 5:3
_PATCHES = (7, 8, 14, 16, 28, 32)  # strides of vision transformers
_TOKENS = re.compile(r"tokens:([0-9]{1,6})x([0-9]{1,6})(?:\+([0-9]{1,6}))?")


class Layout(NamedTuple):
    """How a layer's values lie on the picture.

    Attributes:
        kind: `nchw` and `nhwc` are maps, `tokens` are the places of one, row by row.
        height: Of the map.
        width: Of the map.
        channels: How many maps there are.
        extra: Tokens before those of the map, such as the class token.
        batch_axis: Where the batch is: 0, or 1 for tokens of (N, B, C).
        sure: Whether no other reading fits as well.
    """

    kind: Literal["nchw", "nhwc", "tokens"]
    height: int
    width: int
    channels: int
    extra: int = 0
    batch_axis: int = 0
    sure: bool = True

    def __str__(self) -> str:
        grid = f"{self.height}x{self.width}" + (f"+{self.extra}" if self.extra else "")
        return f"{self.kind}:{grid}" if self.kind == "tokens" else f"{self.kind} {grid}"


def guess_layout(shape: Shape, batch: int, input_size: tuple[int, int]) -> Layout | None:
    """The reading that fits best; None if the values are no maps.

    Args:
        shape: Of the layer's values.
        batch: How many pictures went in.
        input_size: Height and width of what went in, in pixels.
    """
    if len(shape) == 4 and shape[0] == batch:
        return _guess_map(shape, input_size)
    if len(shape) == 3 and shape[0] == batch:
        return _guess_tokens(shape[1], shape[2], 0, input_size)
    if len(shape) == 3 and shape[1] == batch:
        return _guess_tokens(shape[0], shape[2], 1, input_size)
    return None


def read_layout(
    shape: Shape,
    batch: int,
    input_size: tuple[int, int],
    layout: str = "auto",
    *,
    layer: str = "it",
    others: Sequence[str] = (),
) -> Layout:
    """The reading of a shape, guessed or as it was told.

    Args:
        shape: Of the layer's values.
        batch: How many pictures went in.
        input_size: Height and width of what went in, in pixels.
        layout: `auto`, `nchw`, `nhwc` or `tokens:HxW+P`, with P tokens before the map's.
        layer: What the message calls the layer.
        others: Layers that have maps, for the message; see `layers_with_maps`.

    Raises:
        UsageError: The values are no maps, or don't fit what was told.
    """
    if layout != "auto":
        return _told(shape, layout)
    found = guess_layout(shape, batch, input_size)
    if found is None:
        named = f"layers with maps: {', '.join(others)}" if others else "choose another layer"
        places = math.prod(shape) > batch * max(shape[1:], default=1)
        told = "; or say how to read it: --layout" if places and 3 <= len(shape) <= 4 else ""
        raise UsageError(f"{layer} gives no map, but {_what(shape, batch)}", hint=named + told)
    return found


def to_maps(values: object, layout: Layout) -> NDArray[np.float32]:
    """The maps of the first picture, (C, H, W), in memory of their own.

    Args:
        values: What the layer gave: a tensor on any device, or an array.
        layout: How to read it.
    """
    array = as_array("values", values).take(0, axis=layout.batch_axis)
    if layout.kind == "tokens":
        array = array[layout.extra :].reshape(layout.height, layout.width, layout.channels)
    if layout.kind != "nchw":
        array = np.moveaxis(array, -1, 0)
    return np.array(array, np.float32, order="C")


def _guess_map(shape: Shape, input_size: tuple[int, int]) -> Layout | None:
    _, first, second, third = shape
    if 1 in {first * second, second * third} or 0 in shape:
        return None  # one value per channel
    if _is_attention(second, third, input_size):
        return None
    channels_first = _stretch(second, third, input_size)
    channels_last = _stretch(first, second, input_size)
    if min(channels_first, channels_last) > _MOST_STRETCH:
        return None  # MaxViT's windows
    sure = not math.isclose(channels_first, channels_last, abs_tol=1e-6)
    if channels_last < channels_first and sure:
        return Layout("nhwc", first, second, third)
    return Layout("nchw", second, third, first, sure=sure)


def _stretch(height: int, width: int, input_size: tuple[int, int]) -> float:
    """How far a map's shape is from the picture's; 0 if rounding of its sides explains it."""
    tall, wide = input_size
    if tall == wide:  # its sides are rounded alike
        return abs(math.log(height / width))
    if (height - 1) * wide < (width + 1) * tall and (width - 1) * tall < (height + 1) * wide:
        return 0.0
    return abs(math.log(height / width * wide / tall))


def _is_attention(height: int, width: int, input_size: tuple[int, int]) -> bool:
    """Whether it is the attention of each token to each: as many rows and columns as tokens."""
    tall, wide = input_size
    if height != width or not 1.1 < tall / height < 1.9:
        return False  # few convolutional networks have such a stride
    grids = {(tall // stride) * (wide // stride) for stride in _PATCHES}
    return any(height - extra in grids for extra in range(6))


def _guess_tokens(
    count: int, channels: int, axis: int, input_size: tuple[int, int]
) -> Layout | None:
    grids = list(_grids(count, input_size))
    if not grids:
        return None
    _, extra, height, width = min(grids)
    return Layout("tokens", height, width, channels, extra, axis)


def _grids(count: int, input_size: tuple[int, int]) -> Iterator[tuple[bool, int, int, int]]:
    """Grids of so many tokens: whether the stride is no divisor, extra tokens, rows, columns."""
    tall, wide = input_size
    for stride in range(1, min(tall // 2, wide // 2, _LARGEST_STRIDE) + 1):
        rounded = (tall // stride, wide // stride), (-(-tall // stride), -(-wide // stride))
        for rows, columns in rounded:
            extra = count - rows * columns
            if 0 <= extra <= min(_MOST_EXTRA_TOKENS, rows * columns - 1):
                yield bool(tall % stride or wide % stride), extra, rows, columns


def _told(shape: Shape, layout: str) -> Layout:
    if layout in {"nchw", "nhwc"}:
        if len(shape) != 4 or 0 in shape:
            raise UsageError(f"a shape of {_plain(shape)} can't be read as {layout}")
        if layout == "nchw":
            return Layout("nchw", shape[2], shape[3], shape[1])
        return Layout("nhwc", shape[1], shape[2], shape[3])
    found = _TOKENS.fullmatch(layout)
    if found is None:
        hint = "auto, nchw, nhwc or tokens:HxW+P, e.g. tokens:14x14+1"
        raise UsageError(f"{layout!r} is no layout", hint=hint)
    height, width, extra = int(found[1]), int(found[2]), int(found[3] or 0)
    count = height * width + extra
    axes = [axis for axis in (0, 1) if len(shape) == 3 and shape[1 - axis] == count]
    if not axes or 0 in shape or height * width == 0:
        message = f"{layout} is {count} tokens, which a shape of {_plain(shape)} doesn't have"
        raise UsageError(message)
    return Layout("tokens", height, width, shape[2], extra, axes[0])


def _what(shape: Shape, batch: int) -> str:
    if 0 in shape:
        return f"nothing at all: {_plain(shape)}"
    if shape[:1] == (batch,) and math.prod(shape) == batch * max(shape[1:], default=1):
        number = math.prod(shape[1:])
        return f"{number:,} number{'s'[: number != 1]} for the whole picture"
    return f"values of shape {_plain(shape)}"


def _plain(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "()"
