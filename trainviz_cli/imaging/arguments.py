"""The arguments of drawing: colours as MMEngine writes them, one value for all or one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBERS = (int, float, np.integer, np.floating)
# A name that matplotlib knows, red, green and blue from 0 to 255, or a list of these.
Colour = str | tuple[float, ...]
Colours = Colour | list[Colour]


def per_item(name: str, value: object, kinds: tuple[type, ...], count: int) -> list[Any]:
    """One value for each of `count` items, from one for all or a list that is long enough.

    Raises:
        TypeError: It is neither a list nor of the kinds.
        ValueError: The list is too short.
    """
    if isinstance(value, list):
        if len(value) < count:
            raise ValueError(f"The length of {name} must be at least {count}, but got {len(value)}")
        return value
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"`{name}` should be {names} or a list of them, but got {type(value)}")
    return [value] * count


def for_matplotlib(colours: Colours) -> str | tuple[float, ...] | list[str | tuple[float, ...]]:
    """The colours as matplotlib takes them: its own names, or values from 0 to 1.

    Raises:
        TypeError: Something is neither a name, a tuple nor a list.
        ValueError: A tuple isn't three values from 0 to 255.
    """
    if isinstance(colours, list):
        return [_one(colour) for colour in colours]
    return _one(colours)


def to_bytes(colour: Colour) -> tuple[int, int, int]:
    """One colour as red, green and blue from 0 to 255, without its transparency.

    Raises:
        TypeError: It is neither a name nor a tuple.
        ValueError: There is no such name, or a tuple isn't three values from 0 to 255.
    """
    from matplotlib.colors import to_rgb

    if isinstance(colour, str):
        red, green, blue = (int(255 * part) for part in to_rgb(colour))
    else:
        red, green, blue = (round(part) for part in _checked(colour))
    return red, green, blue


def opacity(colour: Colour) -> float:
    """How opaque a colour is, 0 to 1: names may be transparent, and "none" is."""
    from matplotlib.colors import to_rgba

    return to_rgba(colour)[3] if isinstance(colour, str) else 1.0


def contrasting(colour: Sequence[int]) -> tuple[int, int, int]:
    """Black or white, whichever stands out more from a colour of 0 to 255."""
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 127 else (255, 255, 255)


def _one(colour: Colour) -> str | tuple[float, ...]:
    if isinstance(colour, str):
        return colour
    return tuple(part / 255 for part in _checked(colour))


def _checked(colour: object) -> tuple[float, ...]:
    if not isinstance(colour, tuple):
        raise TypeError(f"Invalid type for color: {type(colour)}")
    if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
        raise ValueError(f"a colour is three values from 0 to 255, not {colour}")
    return colour
