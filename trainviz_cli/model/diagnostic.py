"""What a reader has to say about a log besides its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_KINDS = 50


class Diagnostic(NamedTuple):
    """One kind of damage in one file, or a remark on how the file was understood.

    Attributes:
        path: The file, or the run directory.
        offset: Byte where it was first met; None where no byte is to blame.
        message: One line; may quote the log, so it is not safe to print raw.
        skipped: How many lines or values could not be used; 0 is a remark, and nothing was lost.
    """

    path: str
    offset: int | None
    message: str
    skipped: int = 0


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
        total = kind.skipped + (known.skipped if known else 0)
        merged[kind.path, kind.message] = (known or kind)._replace(skipped=total)
    return tuple(merged.values())
