"""Configurations as flat tables, and what differs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

_DECIMAL_BITS = 2048  # below every digit limit that Python can be set to


def flat(config: Mapping[str, object]) -> dict[str, object]:
    """Dotted name → value: `optimizer.lr`, `pipeline.2.type`; a list of plain values is one."""
    return dict(_leaves("", config)) if config else {}


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    inside = _inside(value)
    if not inside:
        yield name, value
        return
    for key, item in inside.items():
        yield from _leaves(f"{name}.{key}" if name else str(key), item)


def _inside(value: object) -> dict[object, object]:
    """What a value holds that has a name of its own; nothing where it is shown as it is."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple) and any(
        isinstance(item, dict | list | tuple) for item in value
    ):
        return dict(enumerate(value))
    return {}


def differing(configs: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Dotted name → run → value, of what isn't the same in all; a run without it is left out.

    Args:
        configs: Run → its flat configuration.
    """
    names = dict.fromkeys(name for config in configs.values() for name in config)
    found = {}
    for name in names:
        values = {run: config[name] for run, config in configs.items() if name in config}
        kinds = {(isinstance(value, str), value_text(value)) for value in values.values()}
        if len(values) < len(configs) or len(kinds) > 1:
            found[name] = values
    return found


def value_text(value: object) -> str:
    """A value as one would write it in Python; text without quotes unless it would mislead."""
    if isinstance(value, str):
        return repr(value) if _misleads(value) else value
    try:
        if isinstance(value, set) and value:
            return f"{{{str(_ordered(value))[1:-1]}}}"
        return repr(value)
    except ValueError:  # an integer with more digits than Python writes
        return str(plain(value))


def _misleads(text: str) -> bool:
    """Whether text without quotes would be taken for something else, or lose its blanks."""
    if text in {"", "None", "True", "False"} or text[0] in "'\"" or text.strip() != text:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ordered(items: AbstractSet[object]) -> list[object]:
    """A set's items in an order that is the same in every process."""
    return sorted(items, key=lambda item: (len(repr(item)), repr(item)))


def plain(value: object) -> object:
    """The value as JSON can hold it: names are text, sequences lists, anything else its text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        value = _ordered(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, int) and value.bit_length() > _DECIMAL_BITS:
        return f"{value:#x}"
    if value is None or isinstance(value, str | int | float):
        return value
    return repr(value)
