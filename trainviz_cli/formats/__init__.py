"""One log format per file: a file here that binds a `Format` to `FORMAT` is a format."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainviz_cli.formats._format import Format, Place


@cache
def all_formats() -> tuple[Format, ...]:
    """Every format there is, by name."""
    names = sorted(module.name for module in iter_modules(__path__) if module.name[0] != "_")
    return tuple(import_module(f"{__name__}.{name}").FORMAT for name in names)


def detect(place: Place) -> Format | None:
    """The format that claims this place as a run."""
    return next((format_ for format_ in all_formats() if format_.claims(place)), None)
