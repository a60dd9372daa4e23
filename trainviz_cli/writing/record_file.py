"""An event file that grows by whole records."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from trainviz_cli.writing.files import write_errors

if TYPE_CHECKING:
    from pathlib import Path

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NUMBERS = count()  # of this process's files, as SummaryWriter counts them


class RecordFile:
    """A new event file, each record one write(2): a reader has it at once, a killed process too.

    Args:
        folder: Where; made with its parents.

    Raises:
        WriteError: It can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = -1
        # Files of one second are read in the order of their names.
        where = f"{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS):04}"
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{where}"
        with write_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, _APPEND, 0o666)

    def append(self, records: bytes) -> None:
        """Writes whole records. What of them the disk didn't take whole is taken back.

        Raises:
            WriteError: They couldn't be written.
        """
        with write_errors(self.path):
            written = os.write(self._descriptor, records)
            try:
                while written < len(records):
                    written += os.write(self._descriptor, records[written:])
            except OSError:
                # Nothing could be found after half a record.
                with suppress(OSError):
                    os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise

    def close(self) -> None:
        """Waits until the disk has it all, and gives the descriptor back."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.fsync(descriptor)
            with suppress(OSError):
                os.close(descriptor)

    def remove(self) -> None:
        """Gives the descriptor back, and the file with it."""
        self.__del__()
        with suppress(OSError):
            self.path.unlink()

    def __del__(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)
