"""Configurations as flat tables, and what differs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def flat(config: Mapping[str, object]) -> dict[str, object]:
    """Dotted name → value: `optimizer.lr`, `pipeline.2.type`; a list of plain values is one."""
    return dict(_leaves("", config))


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
        if len(values) < len(configs) or len(set(map(value_text, values.values()))) > 1:
            found[name] = values
    return found


def value_text(value: object) -> str:
    """A value as one would write it in Python; text without quotes unless it would mislead."""
    if isinstance(value, str) and value.strip() == value != "":
        return value
    return repr(value)


def plain(value: object) -> object:
    """The value as JSON can hold it: names are text, sequences lists, anything else its text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return repr(value)
