"""Python text as values, without executing it."""

import ast
import warnings
from collections.abc import Callable, Iterator, Sequence

from trainviz_cli.codecs.literals.limits import EXTRA, MAX_DEPTH, TOO_DEEP

# The calls that are read as data, with the types of their arguments.
_CALLS: dict[str, tuple[Callable[..., object], tuple[type, ...]]] = {
    "complex": (complex, (float, int)),
    "list": (list, (list, tuple)),
    "set": (set, (list, set, tuple)),
    "tuple": (tuple, (list, tuple)),
}


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
        raise ValueError(TOO_DEEP) from None
    extra = names.pop(EXTRA, {})
    if not isinstance(extra, dict):
        extra = {EXTRA: extra}
    return names | {str(key): value for key, value in extra.items()}


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
