"""A training config as Python text: written as literals, read back as data, never executed.

Source: the files of MMEngine's ``Config.dump``, one ``key = value`` per top-level key.
"""

import ast
import math
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from keyword import iskeyword
from pathlib import PurePath
from types import EllipsisType
from typing import Any

MAX_DEPTH = 100
"""How deep values may nest. Python's own parser gives up at 200 open brackets."""

_WIDTH = 99  # a hundred columns, less the comma after a value
_DECIMAL_BITS = 2048  # below every digit limit of int() and str() that Python can be set to
_EXTRA = "_extra_"  # names the mapping of the keys that cannot be assigned to
_RESERVED = {_EXTRA, "complex", "dict", "float", "set"}  # the dump's own calls
_TOO_DEEP = f"config nests more than {MAX_DEPTH} levels deep"

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
# The calls that are read as data, with the types of their arguments.
_CALLS: dict[str, tuple[Callable[..., object], tuple[type, ...]]] = {
    "complex": (complex, (float, int)),
    "list": (list, (list, tuple)),
    "set": (set, (list, set, tuple)),
    "tuple": (tuple, (list, tuple)),
}


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
    extra: dict[str, object] = {}
    for key, value in config.items():
        plain = _plain(key)
        name = plain if isinstance(plain, str) else _key_text(plain, 0)
        (named if _is_name(name) and name not in _RESERVED else extra)[name] = value
    blocks = [_lines(f"{name} = ", named[name], 0) for name in sorted(named)]
    if extra:
        blocks.append(_lines(f"{_EXTRA} = ", extra, 0))
    return "".join(f"{line}\n" for block in blocks for line in block)


def load_config(text: str) -> dict[str, object]:
    """The values that Python text assigns to names at its top level; later assignments win.

    Data are literals, calls of dict, list, tuple and set on literals, of float on ``'nan'``,
    ``'inf'`` or ``'-inf'``, and of complex on numbers. Any other expression stays its source
    text, at the place where it stands. All statements are skipped but plain and annotated
    assignments to names.

    Raises:
        ValueError: The text is not Python, or nests more than `MAX_DEPTH` levels deep.
    """
    source = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is its author's concern
            # to quote a line in its error the parser would open the file of this name
            tree = ast.parse(source, filename="")
        names = dict(_Source(source).assignments(tree))
    except SyntaxError as error:
        error.filename = None
        raise ValueError(f"not Python: {error}") from None
    except ValueError as error:  # null bytes, lone surrogates
        raise ValueError(f"not Python: {error}") from None
    except (MemoryError, RecursionError):  # how the parser reports deep nesting
        raise ValueError(_TOO_DEEP) from None
    extra = names.pop(_EXTRA, {})
    if not isinstance(extra, dict):
        extra = {_EXTRA: extra}
    return names | {str(key): value for key, value in extra.items()}


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
        raise ValueError(f"{_TOO_DEEP}, or contains itself")
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


class _Source:
    """The text of a config, asked for the value of each expression in its syntax tree."""

    def __init__(self, text: str) -> None:
        self._lines = text.encode().split(b"\n")  # the tree counts columns in bytes

    def assignments(self, tree: ast.Module) -> Iterator[tuple[str, object]]:
        """Each name assigned to at the top level, with its value."""
        for statement in tree.body:
            match statement:
                case ast.Assign(targets=targets, value=node):
                    value = self._value(node, 0)
                    for target in targets:
                        yield from _bindings(target, node, value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                    yield name, self._value(node, 0)

    def _value(self, node: ast.expr, depth: int) -> object:
        """The expression's data, or its text where it has none."""
        if depth > MAX_DEPTH:
            raise RecursionError
        try:
            return self._data(node, depth)
        except (OverflowError, TypeError, ValueError):  # no literal, or one Python would refuse
            return self._text(node)

    def _text(self, node: ast.expr) -> str:
        lines = self._lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines).decode()

    def _data(self, node: ast.expr, depth: int) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.UnaryOp(op=sign, operand=ast.Constant() | ast.Call() as operand):
                return _signed(sign, self._value(operand, depth))
            case ast.List(elts=nodes) | ast.Tuple(elts=nodes) | ast.Set(elts=nodes):
                kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
                return kind(self._items(nodes, depth + 1))
            case ast.Dict(keys=keys, values=nodes):
                values = self._items(nodes, depth + 1)
                return dict(zip(self._items(keys, depth + 1), values, strict=True))
            case ast.Call(func=ast.Name(id=name)):
                return self._called(name, node, depth)
        raise TypeError

    def _items(self, nodes: Sequence[ast.expr | None], depth: int) -> list[object]:
        """The value of each item, none of which may be unpacked with ``*`` or ``**``."""
        if any(node is None or isinstance(node, ast.Starred) for node in nodes):
            raise TypeError
        return [self._value(node, depth) for node in nodes if node is not None]

    def _called(self, name: str, call: ast.Call, depth: int) -> object:
        """The result of one of the calls that are data."""
        match name, call.args, call.keywords:
            case "dict", _, _:
                return self._dict(call, depth)
            case "float", [ast.Constant(value="nan" | "inf" | "-inf" as text)], []:
                return float(text)
            case _, _, [] if name in _CALLS:
                build, kinds = _CALLS[name]
                given = self._items(call.args, depth)
                if all(isinstance(item, kinds) for item in given):
                    return build(*given)
        raise TypeError

    def _dict(self, call: ast.Call, depth: int) -> dict[object, object]:
        merged = _mapping(self._items(call.args, depth))
        for keyword in call.keywords:
            if keyword.arg is None:
                merged |= _mapping([self._value(keyword.value, depth)])
            else:
                merged[keyword.arg] = self._value(keyword.value, depth + 1)
        return merged


def _mapping(given: list[object]) -> dict[object, object]:
    """What dict makes of its positional arguments; text is no sequence of pairs here."""
    match given:
        case []:
            return {}
        case [dict() as mapping]:
            return dict(mapping)
        case [list() | tuple() as pairs] if all(isinstance(pair, (list, tuple)) for pair in pairs):
            return dict(pairs)
    raise TypeError


def _signed(sign: ast.unaryop, number: object) -> object:
    if isinstance(number, (complex, float, int)) and not isinstance(number, bool):
        match sign:
            case ast.USub():
                return -number
            case ast.UAdd():
                return number
    raise TypeError


def _bindings(target: ast.expr, node: ast.expr, value: object) -> Iterator[tuple[str, object]]:
    """The names that an assignment binds: of a tuple, only to a written tuple as long."""
    match target, node, value:
        case ast.Name(id=name), _, _:
            yield name, value
        case (
            ast.Tuple(elts=targets) | ast.List(elts=targets),
            ast.Tuple(elts=nodes) | ast.List(elts=nodes),
            tuple() | list(),
        ) if len(targets) == len(nodes):
            for parts in zip(targets, nodes, value, strict=True):
                yield from _bindings(*parts)
