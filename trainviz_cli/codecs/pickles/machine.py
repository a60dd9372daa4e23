"""The state of a pickle that is being read: its stack, its memo, and what it may still ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trainviz_cli.codecs.pickles.inert import Args, Global, Inert
from trainviz_cli.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

Build = Callable[[Args], object]

DAMAGED = "its pickle is damaged"

BUDGET = 1 << 23  # a unit is a step, or some 32 bytes of memory
CONTAINER, TEXT = 7, 1  # what they cost beside their step
_ENTRY, _MEMO = 2, 3
_BYTES_PER_UNIT = 8  # text may take four times the room in memory that it takes in the file
_LITTLE = 1 << 12  # bytes that may be asked for before it is known whether they are there
_LONGEST_LINE = 1 << 16
_LONGEST_KEY = 4096  # characters: equal ones are compared to the last
_MOST_ARGS = 16
# Numbers can be chosen so that in a dict each collides with all before it.
_MOST_ODD_KEYS = 1 << 13
_ODD_KEYS = {int, float, bool}
_MAPPINGS = {
    *("collections.OrderedDict", "collections.defaultdict", "collections.Counter"),
    *("builtins.dict", "__builtin__.dict"),
}
_SETS = {"builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset"}
# What older protocols call to make an object: the class is the first argument.
_MAKERS = {
    *("copyreg._reconstructor", "copy_reg._reconstructor"),
    *("copyreg.__newobj__", "copyreg.__newobj_ex__"),
}


class Machine:
    """What a pickle works on.

    Args:
        file: It begins where this is.
        end: Byte of the file that it doesn't go beyond.
        builders: Name → what makes a value of the arguments.
        persistent: What makes a value of a persistent id, which is its only argument.
        budget: What it may ask for; None is `BUDGET`.

    Attributes:
        stack: What the next steps work on.
        memo: What is used again, by its number.
        persistent: As given.
    """

    def __init__(
        self,
        file: BinaryIO,
        end: int,
        builders: Mapping[str, Build],
        persistent: Build,
        budget: int | None = None,
    ) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, object] = {}
        self.persistent = persistent
        self._below: list[list[Any]] = []  # the stack below each mark
        self._builders = builders
        self._file = file
        self._end = end
        self._left = BUDGET if budget is None else budget
        self._odd_keys = _MOST_ODD_KEYS

    def spend(self, units: int) -> None:
        """Takes this from the budget.

        Raises:
            RefusedError: There is less.
        """
        self._left -= units
        if self._left < 0:
            raise RefusedError("its pickle asks for more than any checkpoint needs")

    def take(self, count: int) -> bytes:
        """The next bytes; no room is made for what isn't there.

        Raises:
            ValueError: There are fewer.
        """
        if count >= _LITTLE:
            self.expect(count)
        self.spend(count // _BYTES_PER_UNIT)
        data = self._file.read(count)
        if len(data) < count:
            raise ValueError("it is cut off")
        return data

    def expect(self, count: int) -> None:
        """Lets this many bytes pass if they are there.

        Raises:
            ValueError: There are fewer.
        """
        if count > self._end - self._file.tell():
            raise ValueError("it is cut off")

    def line(self) -> bytes:
        """The next line, without its end.

        Raises:
            ValueError: It has none within reason.
        """
        line = self._file.readline(_LONGEST_LINE)
        self.spend(len(line) // _BYTES_PER_UNIT)
        if not line.endswith(b"\n"):
            raise ValueError("it is cut off")
        return line[:-1]

    def mark(self) -> None:
        """Begins an empty stack upon the one there is."""
        self.spend(CONTAINER)
        self._below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """What was put on the stack since it was marked; the stack is again as it was then."""
        items, self.stack = self.stack, self._below.pop()
        return items

    def push(self, container: object) -> None:
        """Puts on the stack what takes as much room as a list."""
        self.spend(CONTAINER)
        self.stack.append(container)

    def put(self, place: int) -> None:
        """Remembers what is on top of the stack."""
        self.spend(_MEMO)
        self.memo[place] = self.stack[-1]

    def set_items(self, target: object, items: list[Any]) -> None:
        """Puts keys and values, taking turns, into a dict or what is inert.

        Raises:
            ValueError: A value is missing.
        """
        self.spend(_ENTRY * len(items))
        if len(items) % 2:
            raise ValueError(DAMAGED)
        if isinstance(target, Inert):
            if target.entries is None:
                self.spend(CONTAINER)
                target.entries = {}
            target = target.entries
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[self._key(key)] = value

    def set_of(self, items: list[Any]) -> set[object]:
        """The items as a set."""
        self.spend(_ENTRY * len(items))
        return {self._key(item) for item in items}

    def make(self, maker: object, args: object) -> None:
        """Puts on the stack what calling this would give, or something inert in its place."""
        self.spend(CONTAINER)
        known = args if isinstance(args, tuple) else ()
        name = maker.name if isinstance(maker, (Global, Inert)) else type(maker).__name__
        made = None
        if isinstance(maker, Global) and len(known) <= _MOST_ARGS:
            made = self._build(name, known)
        self.stack.append(Inert(name, known) if made is None else made)

    def _build(self, name: str, args: Args) -> object:
        """What is known how to make, or None."""
        if name in _MAPPINGS:
            return self._mapping(args[-1] if args else None)  # a defaultdict's first is no data
        if name in _SETS:
            items = args[0] if args else []
            return self.set_of(items) if isinstance(items, list) else None
        if name in _MAKERS and args and isinstance(args[0], Global):
            return Inert(args[0].name, args[1:])
        build = self._builders.get(name)
        return build(args) if build else None

    def _mapping(self, given: object) -> dict[object, object]:
        if isinstance(given, dict):
            return given
        mapping: dict[object, object] = {}
        for pair in given if isinstance(given, list) else ():
            self.spend(CONTAINER)
            if isinstance(pair, (list, tuple)) and len(pair) == 2:
                mapping[self._key(pair[0])] = pair[1]
        return mapping

    def _key(self, value: object) -> object:
        """The value if hashing it is harmless; else something inert in its place.

        A tuple is hashed anew each time, to the last of what may be nested in it without end.
        """
        kind = type(value)
        if isinstance(value, (str, bytes)):
            if len(value) <= _LONGEST_KEY:
                return value
        elif value is None or kind.__hash__ is object.__hash__:
            return value
        elif kind in _ODD_KEYS and self._odd_keys:
            self._odd_keys -= 1
            return value
        self.spend(CONTAINER)
        return Inert("key")
