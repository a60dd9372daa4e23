"""What a log format is, and what it is shown of a place on the disk."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from trainviz_cli.codecs.growing import READ_AT_ONCE
from trainviz_cli.errors import NotFoundError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trainviz_cli.model.batch import Batch
    from trainviz_cli.model.glance import Glance
    from trainviz_cli.model.run import Histogram, Image, Text

_HEAD_BYTES = 1 << 14


class Place(NamedTuple):
    """A file or a folder, as far as recognising a format needs it.

    Attributes:
        path: Where it is.
        files: Names of the files in a folder; empty for a file.
        folders: Names of its sub-folders; empty for a file.
        links: Names of those among them that are links to folders elsewhere.
        is_file: Whether it is a file itself.
    """

    path: Path
    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
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
                return cls(path, *_kinds(entries))
        except NotADirectoryError:
            return cls._file(path)
        except (FileNotFoundError, ValueError):  # ValueError: NUL in a name
            raise NotFoundError(f"no such file or folder: {path}") from None
        except OSError as error:
            raise UnreadableError(f"can't read {path}: {error.strerror}") from None

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
            file = os.open(f"{self.path}/{name}" if name else self.path, READ_AT_ONCE)
        except OSError:
            return b""
        try:
            return os.read(file, _HEAD_BYTES)
        except OSError:
            return b""
        finally:
            os.close(file)


def _kinds(
    entries: Iterable[os.DirEntry[str]],
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The names of files, of folders, and of folders that are links; pipes are none of these."""
    files, folders, links = [], [], []
    for entry in entries:
        try:
            if entry.is_dir():
                folders.append(entry.name)
                if entry.is_symlink():
                    links.append(entry.name)
            elif entry.is_file():
                files.append(entry.name)
        except OSError:  # a link to itself, or into a locked folder
            continue
    return frozenset(files), frozenset(folders), frozenset(links)


class Reader(Protocol):
    """Follows one run on the disk; a deep copy goes on from where it was, by itself."""

    @property
    def is_behind(self) -> bool:
        """Whether the last poll left something unread that is already there."""

    @property
    def restarts(self) -> int:
        """How often a file of the run shrank or was replaced."""

    def poll(self, most: int | None = None) -> Batch:
        """The rows that came since the last poll.

        Args:
            most: About how many bytes of each file to read now, one block at least; None: all.
        """


class Format(ABC):
    """One kind of training log; a file in this folder that binds one to `FORMAT` adds it."""

    name: ClassVar[str]
    title: ClassVar[str]
    recognised_by: ClassVar[str]
    last_resort: ClassVar[bool] = False
    """What other formats recognise is theirs, even where this one could read it too."""
    held_back_s: ClassVar[float] = 0.0
    """For how long a writer may keep records to itself before they are in the file."""

    @abstractmethod
    def find_log(self, place: Place) -> Path | None:
        """The log that makes this place one run in this format; None where it is none."""

    @abstractmethod
    def reader(self, log: Path) -> Reader:
        """A reader of the run with this log."""

    @abstractmethod
    def glance(self, log: Path, window: int) -> Glance:
        """What the end of the log says, without reading much more than `window` bytes of it.

        Raises:
            UnreadableError: It can't be read at all.
        """

    def parts(self, place: Place) -> frozenset[str]:
        """Sub-folders that belong to the run at this place, and hold no run of their own."""
        del place
        return frozenset()

    def starts(self, place: Place) -> Sequence[str]:
        """Sub-folders that may be starts of one training, oldest first; none as a rule."""
        del place
        return ()

    def images(self, log: Path) -> tuple[Image, ...]:
        """The logged pictures of the run, by name and step."""
        del log
        return ()

    def texts(self, log: Path) -> tuple[Text, ...]:
        """The logged texts of the run, by name and step."""
        del log
        return ()

    def histograms(self, log: Path) -> tuple[Histogram, ...]:
        """The logged distributions of the run, by name and step."""
        del log
        return ()

    def config(self, log: Path) -> dict[str, object]:
        """The run's configuration as plain data.

        Raises:
            UnreadableError: There is one, but it can't be parsed.
        """
        del log
        return {}
