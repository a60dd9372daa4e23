"""What a log format is, and what it is shown of a place on the disk."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from trainviz_cli.errors import NotFoundError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.run import Image

_HEAD_BYTES = 1 << 14


class Place(NamedTuple):
    """A file or a folder, as far as recognising a format needs it.

    Attributes:
        path: Where it is.
        files: Names of the files in a folder; empty for a file.
        folders: Names of its sub-folders; empty for a file.
        is_file: Whether it is a file itself.
    """

    path: Path
    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    is_file: bool = False

    @classmethod
    def at(cls, path: Path) -> Place:
        """What is at `path`, listed once for all formats.

        Raises:
            NotFoundError: Nothing is there.
            UnreadableError: It may not be read.
        """
        try:
            with os.scandir(path) as entries:
                kinds = [(entry.name, _is_folder(entry)) for entry in entries]
        except NotADirectoryError:
            return cls._file(path)
        except (FileNotFoundError, ValueError):  # ValueError: NUL in a name
            raise NotFoundError(f"no such file or folder: {path}") from None
        except OSError as error:
            raise UnreadableError(f"can't read {path}: {error.strerror}") from None
        return cls(
            path,
            frozenset(name for name, is_folder in kinds if is_folder is False),
            frozenset(name for name, is_folder in kinds if is_folder),
        )

    @classmethod
    def _file(cls, path: Path) -> Place:
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
                raise UnreadableError(f"{path} is no regular file", hint="name a log file")
            path.open("rb").close()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"no such file or folder: {path}") from None
        except OSError as error:
            raise UnreadableError(f"can't read {path}: {error.strerror}") from None
        return cls(path, is_file=True)

    def head(self, name: str = "") -> bytes:
        """The first 16 KiB of the file, or of a file in the folder; empty if it can't be read."""
        try:
            with (self.path / name).open("rb", buffering=0) as file:
                return file.read(_HEAD_BYTES)
        except OSError:
            return b""


def _is_folder(entry: os.DirEntry[str]) -> bool | None:
    """Whether it is a folder; None for what is neither that nor a file, such as a pipe."""
    try:
        if entry.is_dir():
            return True
        return False if entry.is_file() else None
    except OSError:  # a link to itself, or into a locked folder
        return None


class Reader(Protocol):
    """Follows one run on the disk."""

    def poll(self) -> Batch:
        """The rows that came since the last poll."""


class Format(ABC):
    """One kind of training log; a file in this folder that binds one to `FORMAT` adds it."""

    name: ClassVar[str]
    title: ClassVar[str]
    recognised_by: ClassVar[str]
    parts: ClassVar[frozenset[str]] = frozenset()
    """Sub-folders that belong to a run and hold no run of their own."""

    @abstractmethod
    def claims(self, place: Place) -> bool:
        """Whether this place is one run in this format."""

    @abstractmethod
    def reader(self, path: Path) -> Reader:
        """A reader of the run at a place this format claims."""

    def starts(self, place: Place) -> Sequence[Path]:
        """The starts of one training that the folder holds, oldest first; none as a rule."""
        del place
        return ()

    def images(self, path: Path) -> tuple[Image, ...]:
        """The logged pictures of the run, by name and step."""
        del path
        return ()

    def config(self, path: Path) -> dict[str, object]:
        """The run's configuration as plain data.

        Raises:
            UnreadableError: There is one, but it can't be parsed.
        """
        del path
        return {}
