"""Values as Python text."""

import math
import unicodedata
from collections.abc import Callable, Mapping, MutableSequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from keyword import iskeyword
from pathlib import PurePath
from types import EllipsisType
from typing import Any

from trainviz_cli.codecs.literals.limits import EXTRA, MAX_DEPTH, TOO_DEEP

_WIDTH = 99  # a hundred columns, less the comma after a value
_DECIMAL_BITS = 2048  # below every digit limit of int() and str() that Python can be set to
_RESERVED = {EXTRA, "complex", "dict", "float", "set"}  # the dump's own calls

_Container = dict[Any, object] | frozenset[object] | list[object] | set[object] | tuple[object, ...]
_Display = tuple[str, list[list[str]], str]  # the opening, the lines of each item, the closing

_PLAIN = (EllipsisType, bytes, complex, float, frozenset, int, list, set, tuple, type(None))
_CONVERSIONS: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (str, str.__str__),
    (PurePath, str),
    (Mapping, lambda mapping: dict(mapping.items())),
    (AbstractSet, set),
    (bytearray, bytes),
    (MutableSequence, list),
)


def dump_config(config: Mapping[str, object]) -> str:
    """Python text with one assignment per key, in the order of the keys.

    Arrays and tensors become lists or numbers, dataclass instances mappings, enum members their
    values, and paths text. Anything else without a literal, such as a function, becomes the text
    of its ``repr``. A key, or an item of a set, whose literal cannot be hashed becomes the text
    of that literal. Keys that cannot be assigned to, such as ``model.lr``, are the items of a
    mapping assigned to ``_extra_``.

    Raises:
        ValueError: The config nests more than `MAX_DEPTH` levels deep, or contains itself.
    """
    named: dict[str, object] = {}
    extra: dict[object, object] = {}
    for key, value in config.items():
        name = _plain(key)
        if isinstance(name, str) and _is_name(name) and name not in _RESERVED:
            named[name] = value
        else:
            extra[key] = value
    blocks = [_lines(f"{name} = ", named[name], 0) for name in sorted(named)]
    if extra:
        blocks.append(_lines(f"{EXTRA} = ", extra, 0))
    return "".join(f"{line}\n" for block in blocks for line in block)


def _plain(value: object) -> object:
    """The value, or what stands for it: a dict, a str or one of `_PLAIN`."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, _PLAIN):
        return value
    try:
        return _converted(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything, the rest is still kept
        return f"<{type(value).__qualname__}>"


def _converted(value: object) -> object:
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    if not isinstance(value, type):
        if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        if getattr(value, "shape", None) is not None:
            value = _array_data(value)
    return value if isinstance(value, (*_PLAIN, str)) else str.__str__(repr(value))


def _array_data(array: object) -> object:
    """The array's numbers, by its methods: no array library is imported."""
    read = getattr(array, "tolist", None) or getattr(array, "item", None)
    return read() if callable(read) else array


def _is_name(key: object) -> bool:
    """Whether the key, letter for letter, can name a variable."""
    return (
        isinstance(key, str)
        and key.isidentifier()
        and not iskeyword(key)
        and key != "__debug__"
        and unicodedata.is_normalized("NFKC", key)
    )


def _lines(prefix: str, value: object, depth: int) -> list[str]:
    """The value's literal: on one line with the prefix if it fits, else one item per line."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{TOO_DEEP}, or contains itself")
    plain = _plain(value)
    if not isinstance(plain, (dict, frozenset, list, set, tuple)):
        return [prefix + _scalar_text(plain)]
    opening, items, closing = _display(plain, depth + 1)
    if all(len(item) == 1 for item in items):
        line = f"{prefix}{opening}{', '.join(item[0] for item in items)}{closing}"
        if not items or len(line) <= _WIDTH - 4 * depth:
            return [line]
    inner = [f"    {line}" for *lines, last in items for line in (*lines, f"{last},")]
    return [prefix + opening, *inner, closing[-1]]


def _display(plain: _Container, depth: int) -> _Display:
    if isinstance(plain, dict):
        return _dict_display(plain, depth)
    if isinstance(plain, (frozenset, set)):
        texts = {_key_text(item, depth) for item in plain}
        # shorter texts first, so that 2 comes before 10
        items = [[text] for text in sorted(texts, key=lambda text: (len(text), text))]
        return ("{", items, "}") if items else ("set(", items, ")")
    items = [_lines("", item, depth) for item in plain]
    if isinstance(plain, list):
        return "[", items, "]"
    return "(", items, ",)" if len(items) == 1 else ")"


def _dict_display(mapping: dict[Any, object], depth: int) -> _Display:
    """A call of dict if every key is a name, else a display in braces."""
    pairs = [(_plain(key), value) for key, value in mapping.items()]
    if all(_is_name(key) for key, _ in pairs):
        opening, equals, closing = "dict(", "=", ")"
        entries = {str(key): value for key, value in pairs}
    else:
        opening, equals, closing = "{", ": ", "}"
        entries = {_key_text(key, depth): value for key, value in pairs}
    return opening, [_lines(key + equals, entries[key], depth) for key in sorted(entries)], closing


def _key_text(key: object, depth: int) -> str:
    """The literal of a key, or of an item of a set: on one line, and hashable."""
    plain = _plain(key)
    if isinstance(plain, tuple) and depth <= MAX_DEPTH:
        texts = [_key_text(item, depth + 1) for item in plain]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    text = "".join(line.strip() for line in _lines("", plain, depth))
    return repr(text) if isinstance(plain, (dict, frozenset, list, set)) else text


def _scalar_text(scalar: object) -> str:
    """The literal by the base type's own ``repr``: that of a subclass may be anything."""
    if isinstance(scalar, str):
        return str.__repr__(scalar)
    if isinstance(scalar, bytes):
        return bytes.__repr__(scalar)
    if isinstance(scalar, (complex, float, int)):
        return _number_text(scalar)
    return "..." if scalar is ... else "None"


def _number_text(number: complex) -> str:
    if isinstance(number, bool):
        return repr(number)
    if isinstance(number, int):
        # hexadecimal digits have no limit
        decimal = int.bit_length(number) <= _DECIMAL_BITS
        return int.__repr__(number) if decimal else int.__format__(number, "#x")
    if isinstance(number, float):
        text = float.__repr__(number)
        return text if math.isfinite(number) else f"float('{text}')"
    return f"complex({_number_text(number.real)}, {_number_text(number.imag)})"
