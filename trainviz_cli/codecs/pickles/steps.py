"""What each opcode of a pickle does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from trainviz_cli.codecs.pickles.inert import Global, Inert
from trainviz_cli.codecs.pickles.machine import DAMAGED, TEXT
from trainviz_cli.errors import RefusedError

if TYPE_CHECKING:
    from trainviz_cli.codecs.pickles.machine import Machine

Step = Callable[["Machine"], None]
_T = TypeVar("_T")

_NEWEST = 5  # protocol
_LONGEST_INTEGER = 255  # bytes
_MOST_DIGITS = 616  # of such an integer, with its sign and mark
_LONGEST_NAME = 256


# ---- numbers and text ---------------------------------------------------------------------------


def _constant(value: object) -> Step:
    return lambda machine: machine.stack.append(value)


def _number(layout: str) -> Step:
    """A step that puts a number of this layout on the stack."""
    packed = struct.Struct(layout)

    def step(machine: Machine) -> None:
        machine.stack.append(packed.unpack(machine.take(packed.size))[0])

    return step


def _sized(layout: str, decode: Callable[[bytes], object]) -> Step:
    """A step that puts on the stack what bytes say, before which there is their number."""
    packed = struct.Struct(layout)

    def step(machine: Machine) -> None:
        (count,) = packed.unpack(machine.take(packed.size))
        machine.spend(TEXT)
        machine.stack.append(_said(decode, machine.take(count)))

    return step


def _line(decode: Callable[[bytes], object]) -> Step:
    """A step that puts on the stack what a line says."""

    def step(machine: Machine) -> None:
        machine.spend(TEXT)
        machine.stack.append(_said(decode, machine.line()))

    return step


def _said(decode: Callable[[bytes], _T], data: bytes) -> _T:
    """What the bytes say; the error of what says nothing would quote them."""
    try:
        return decode(data)
    except ValueError:
        raise ValueError(DAMAGED) from None


def _integer(data: bytes) -> int:
    if len(data) > _LONGEST_INTEGER:
        raise RefusedError(f"its pickle has an integer of {len(data):,} bytes")
    return int.from_bytes(data, "little", signed=True)


def _decimal(line: bytes) -> int:
    if len(line) > _MOST_DIGITS:
        raise RefusedError(f"its pickle has an integer of {len(line):,} digits")
    return int(line.removesuffix(b"L"))


def _decimal_or_bool(line: bytes) -> int:
    return line == b"01" if line in {b"00", b"01"} else _decimal(line)


def _python2_text(data: bytes) -> str | bytes:
    """Text, unless it is none: Python 2 had one type for text and bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _quoted(line: bytes) -> str | bytes:
    """Text between quotes; escapes stay as they are, no weight's name has any."""
    return _python2_text(line[1:-1])


_text = partial(str, encoding="utf-8", errors="surrogatepass")
_escaped_text = partial(str, encoding="raw-unicode-escape")


# ---- names and objects --------------------------------------------------------------------------


def _push_name(machine: Machine, module: object, name: object) -> None:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError(DAMAGED)  # noqa: TRY004 - nobody passed a wrong type
    machine.push(Global(f"{module[:_LONGEST_NAME]}.{name[:_LONGEST_NAME]}"))


def _name_of_lines(machine: Machine) -> None:
    module, name = machine.line(), machine.line()
    _push_name(machine, module.decode(errors="replace"), name.decode(errors="replace"))


def _name_of_stack(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _push_name(machine, module, name)


def _extension(layout: str) -> Step:
    packed = struct.Struct(layout)

    def step(machine: Machine) -> None:
        (code,) = packed.unpack(machine.take(packed.size))
        machine.push(Global(f"copyreg extension {code}"))

    return step


def _reduce(machine: Machine) -> None:
    args, maker = machine.stack.pop(), machine.stack.pop()
    machine.make(maker, args)


def _new_with_keywords(machine: Machine) -> None:
    machine.stack.pop()
    _reduce(machine)


def _instance(machine: Machine) -> None:
    _name_of_lines(machine)
    maker = machine.stack.pop()
    machine.make(maker, tuple(machine.since_mark()))


def _object(machine: Machine) -> None:
    maker, *args = machine.since_mark() or [None]
    machine.make(maker, tuple(args))


def _build(machine: Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, Inert):
        target.state = state


def _persistent_of_line(machine: Machine) -> None:
    machine.push(machine.persistent((machine.line().decode(errors="replace"),)))


def _persistent_of_stack(machine: Machine) -> None:
    machine.push(machine.persistent((machine.stack.pop(),)))


# ---- containers ---------------------------------------------------------------------------------


def _tuple(count: int) -> Step:
    def step(machine: Machine) -> None:
        items = machine.stack[-count:]
        if len(items) < count:
            raise IndexError
        del machine.stack[-count:]
        machine.push(tuple(items))

    return step


def _append(machine: Machine) -> None:
    item, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, list):
        target.append(item)


def _append_all(machine: Machine) -> None:
    items, target = machine.since_mark(), machine.stack[-1]
    if isinstance(target, list):
        target.extend(items)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items(machine.stack[-1], [key, value])


def _set_all(machine: Machine) -> None:
    items = machine.since_mark()
    machine.set_items(machine.stack[-1], items)


def _dict(machine: Machine) -> None:
    made: dict[object, object] = {}
    machine.set_items(made, machine.since_mark())
    machine.push(made)


def _add_all(machine: Machine) -> None:
    items, target = machine.since_mark(), machine.stack[-1]
    if isinstance(target, set):
        target |= machine.set_of(items)


# ---- the stack, the memo and the frame ----------------------------------------------------------


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:  # a mark is popped like a value
        _pop_mark(machine)


def _pop_mark(machine: Machine) -> None:
    machine.since_mark()


def _get(layout: str) -> Step:
    packed = struct.Struct(layout)

    def step(machine: Machine) -> None:
        machine.stack.append(machine.memo[packed.unpack(machine.take(packed.size))[0]])

    return step


def _get_of_line(machine: Machine) -> None:
    machine.stack.append(machine.memo[_said(_decimal, machine.line())])


def _put_of_line(machine: Machine) -> None:
    machine.put(_said(_decimal, machine.line()))


def _put(layout: str) -> Step:
    packed = struct.Struct(layout)

    def step(machine: Machine) -> None:
        machine.put(packed.unpack(machine.take(packed.size))[0])

    return step


def _protocol(machine: Machine) -> None:
    if machine.take(1)[0] > _NEWEST:
        raise ValueError("its pickle is of an unknown protocol")


def _frame(machine: Machine) -> None:
    machine.expect(int.from_bytes(machine.take(8), "little"))


STEPS: dict[bytes, Step] = {
    # numbers and text
    b"N": _constant(None),
    b"\x88": _constant(value=True),
    b"\x89": _constant(value=False),
    b"I": _line(_decimal_or_bool),
    b"L": _line(_decimal),
    b"F": _line(float),
    b"J": _number("<i"),
    b"K": _number("<B"),
    b"M": _number("<H"),
    b"G": _number(">d"),
    b"\x8a": _sized("<B", _integer),
    b"\x8b": _sized("<I", _integer),
    b"S": _line(_quoted),
    b"T": _sized("<I", _python2_text),
    b"U": _sized("<B", _python2_text),
    b"V": _line(_escaped_text),
    b"X": _sized("<I", _text),
    b"\x8c": _sized("<B", _text),
    b"\x8d": _sized("<Q", _text),
    b"B": _sized("<I", bytes),
    b"C": _sized("<B", bytes),
    b"\x8e": _sized("<Q", bytes),
    b"\x96": _sized("<Q", bytes),
    # names and objects
    b"c": _name_of_lines,
    b"\x93": _name_of_stack,
    b"\x82": _extension("<B"),
    b"\x83": _extension("<H"),
    b"\x84": _extension("<I"),
    b"R": _reduce,
    b"\x81": _reduce,  # NEWOBJ
    b"\x92": _new_with_keywords,
    b"i": _instance,
    b"o": _object,
    b"b": _build,
    b"P": _persistent_of_line,
    b"Q": _persistent_of_stack,
    # containers
    b"]": lambda machine: machine.push([]),
    b"}": lambda machine: machine.push({}),
    b")": lambda machine: machine.push(()),
    b"\x8f": lambda machine: machine.push(set()),
    b"\x91": lambda machine: machine.push(frozenset(machine.set_of(machine.since_mark()))),
    b"l": lambda machine: machine.push(machine.since_mark()),
    b"t": lambda machine: machine.push(tuple(machine.since_mark())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"d": _dict,
    b"a": _append,
    b"e": _append_all,
    b"s": _set_item,
    b"u": _set_all,
    b"\x90": _add_all,
    # the stack, the memo and the frame
    b"(": lambda machine: machine.mark(),
    b"0": _pop,
    b"1": _pop_mark,
    b"2": lambda machine: machine.stack.append(machine.stack[-1]),
    b"g": _get_of_line,
    b"h": _get("<B"),
    b"j": _get("<I"),
    b"p": _put_of_line,
    b"q": _put("<B"),
    b"r": _put("<I"),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"\x80": _protocol,
    b"\x95": _frame,
    # \x97 and \x98 are for buffers outside of the pickle, which no file has
}
