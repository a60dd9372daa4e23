"""What a reader has to say about a log besides its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_KINDS = 50
_MOST_PLACES = 100


class Diagnostic(NamedTuple):
    """One kind of damage in one file, or a remark on how the file was understood.

    Attributes:
        path: The file, or the run directory.
        offset: Byte where it was first met; None where no byte is to blame.
        message: One line; may quote the log, so it is not safe to print raw.
        skipped: How many lines or values could not be used; 0 is a remark, and nothing was lost.
        further: The bytes where it was met again, the first hundred of them.
    """

    path: str
    offset: int | None
    message: str
    skipped: int = 0
    further: tuple[int, ...] = ()


def merge(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One diagnostic per file and message, with the counts added up.

    A hostile file could hold a message per line, so from the fiftieth kind on they are counted
    together.
    """
    merged: dict[tuple[str, str], Diagnostic] = {}
    for new in diagnostics:
        full = (
            new.skipped and len(merged) >= _MOST_KINDS - 1 and (new.path, new.message) not in merged
        )
        kind = new._replace(message="other damage") if full else new
        known = merged.get((kind.path, kind.message))
        merged[kind.path, kind.message] = _added(known, kind) if known else kind
    return tuple(merged.values())


def _added(known: Diagnostic, new: Diagnostic) -> Diagnostic:
    """Both as one, met first where `known` was."""
    further = known.further
    if len(further) < _MOST_PLACES:
        met = (*(() if new.offset is None else (new.offset,)), *new.further)
        further = (*further, *met)[:_MOST_PLACES]
    return known._replace(skipped=known.skipped + new.skipped, further=further)
