"""One log format per file, or folder: what binds a `Format` to `FORMAT` here is a format."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.formats._format import Format, Place


@cache
def all_formats() -> tuple[Format, ...]:
    """Every format there is, in the order in which they are asked, which is otherwise by name."""
    names = sorted(module.name for module in iter_modules(__path__) if module.name[0] != "_")
    formats = [import_module(f"{__name__}.{name}").FORMAT for name in names]
    return tuple(sorted(formats, key=lambda each: each.last_resort))


def detect(place: Place) -> tuple[Format, Path] | None:
    """The format that takes this place for a run, and the run's log."""
    for format_ in all_formats():
        if log := format_.find_log(place):
            return format_, log
    return None
