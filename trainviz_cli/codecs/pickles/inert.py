"""What stands in a pickle's value for whatever is not plain data."""

from __future__ import annotations

Args = tuple[object, ...]


class Global:
    """A name in a pickle, and nothing of what it names.

    Attributes:
        name: Module and qualified name, as the file has them.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Inert:
    """An object that was not made.

    Attributes:
        name: What it would have been made by: most often its class.
        args: What that would have been called with.
        state: What its attributes would have been set from; see `attributes`.
        entries: Its items, if it is like a dict; None if nothing was put in.
    """

    __slots__ = ("args", "entries", "name", "state")

    def __init__(self, name: str, args: Args = ()) -> None:
        self.name = name
        self.args = args
        self.state: object = None
        self.entries: dict[object, object] | None = None


def attributes(value: object) -> dict[object, object]:
    """What the object's `__dict__` would have been; empty if it has none."""
    state = value.state if isinstance(value, Inert) else None
    if isinstance(state, tuple) and len(state) == 2:  # the second is for slots
        state = state[0]
    return state if isinstance(state, dict) else {}


def entries(value: object) -> dict[object, object]:
    """The items of a dict or of an object like one; empty for anything else."""
    if isinstance(value, Inert):
        return value.entries or {}
    return value if isinstance(value, dict) else {}
