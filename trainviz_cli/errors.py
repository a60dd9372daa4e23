"""The error tree: what a user can cause, and the exit code each cause ends with.

    TrainvizError
    ├── UsageError            2  the request makes no sense
    ├── NotFoundError         3  no such run, log, key, layer or image
    ├── UnreadableError       4  it is there, but it can't be read
    ├── MissingPackageError   5  an optional package is not installed
    ├── RefusedError          6  reading or writing it would be unsafe
    ├── UnmetError            7  what was waited for did not come
    └── WriteError               training could not write (also an OSError)

The library raises these and never prints; the command line shows them as one line and a hint.
"""

__all__ = [
    "MissingPackageError",
    "NotFoundError",
    "RefusedError",
    "TrainvizError",
    "UnmetError",
    "UnreadableError",
    "UsageError",
    "WriteError",
]


class TrainvizError(Exception):
    """What went wrong, in one line, with the cure where there is one.

    Attributes:
        message: One line, no final full stop.
        hint: What to do about it, or None.
        exit_code: The process exit code the command line ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageError(TrainvizError):
    """The request makes no sense: an option's value, a combination."""

    exit_code = 2


class NotFoundError(TrainvizError):
    """There is no such run, log, key, layer or image."""

    exit_code = 3


class UnreadableError(TrainvizError):
    """It is there, but damaged, not a log, or of an unknown format."""

    exit_code = 4


class MissingPackageError(TrainvizError):
    """An optional package is not installed; the hint is the exact command."""

    exit_code = 5


class RefusedError(TrainvizError):
    """Refused because it would be unsafe."""

    exit_code = 6


class UnmetError(TrainvizError):
    """What was waited for did not come."""

    exit_code = 7


class WriteError(TrainvizError, OSError):
    """A record could not be written: the disk is full, the folder read-only."""
