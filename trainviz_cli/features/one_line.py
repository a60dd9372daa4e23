"""Errors of code that is not ours, and long lists of names, in one line."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 200  # characters of a message that are worth a line
_NOT_THEIRS = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


def one_line(error: BaseException) -> str:
    """What kind of error it is, and the first line of what it says."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    first = next((line.strip() for line in (said or "").splitlines() if line.strip()), "")
    if len(first) > _MOST:
        first = f"{first[: _MOST - 1]}…"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def whereabouts(error: BaseException) -> str:
    """Where in the user's own code it was raised: ` in net.py, line 3`; empty if nowhere."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f" in {_short(error.filename)}, line {error.lineno}"
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", *_NOT_THEIRS))
    ]
    return f" in {_short(theirs[-1].filename)}, line {theirs[-1].lineno}" if theirs else ""


def _short(path: str) -> str:
    """The path as seen from the current folder, if it is in there."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path


def some(names: Sequence[str], most: int = 6) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
