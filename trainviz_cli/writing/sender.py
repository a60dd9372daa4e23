"""A thread that hands records to a slow receiver, so that training never waits for it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import TrainvizError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

_THREAD = "trainviz-sender"
_MOST_BYTES = 64 << 20  # of what waits
_MOST_TOGETHER = 10_000  # records; what a receiver takes in a few seconds
_RECORD_BYTES = 200  # a tuple of two numbers, and its place in two lists
_PAUSE_S = 0.5  # between two rounds: what comes meanwhile goes together
_RETRY_S = 5.0  # after a failure
_CLOSE_S = 10.0  # what closing waits for


class Sender:
    """Hands records over in a thread of its own, in rounds: those of a key together, in order.

    Where the receiver can't be reached, which an `OSError` says, what waits is kept and tried again
    after some seconds; after any other error the records it was raised for are left out, as they
    would never pass. A failure is raised once, by the next `put`. For one process: a forked child
    needs its own.

    Args:
        post: Called with a key and all its records that wait.
        finish: Called after the last records, when closing.
        receiver: What messages call the receiver.
    """

    def __init__(
        self,
        post: Callable[[Any, list[Any]], object],
        finish: Callable[[], object],
        receiver: str,
    ) -> None:
        self._post, self._finish, self._receiver = post, finish, receiver
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._changed = threading.Condition()
        # All that follows is read and written under the condition's lock.
        self._waiting: dict[Hashable, list[tuple[Any, int]]] = {}  # records and their bytes
        self._bytes = 0
        self._left_out = 0
        self._full = self._away = False
        self._error: TrainvizError | None = None  # not yet raised
        self._cause: TrainvizError | None = None  # the last one, raised or not

    def put(self, records: Iterable[tuple[Hashable, object]], size: int = 0) -> bool:
        """Takes records with their keys, at once, unless closed: whether it did.

        Args:
            records: Those for which there is no room are left out, and counted.
            size: The bytes that each of them takes, beyond a few numbers.

        Raises:
            TrainvizError: What went wrong since it was last called; the records were taken.
        """
        with self._changed:
            if self._closing.is_set():
                return False
            for key, record in records:
                self._take(key, record, size + _RECORD_BYTES)
            if self._thread is None and self._waiting:
                self._start()
            self._changed.notify()
            error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def close(self) -> None:
        """Waits for what waits, some seconds at most, and ends the thread.

        Raises:
            TrainvizError: Records were left out, now or before.
        """
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if self._thread is None:
            return
        atexit.unregister(self._close_at_exit)
        self._thread.join(_CLOSE_S)
        with self._changed:
            lost = self._left_out + sum(map(len, self._waiting.values()))
            error, cause = self._error, self._cause
        if lost:
            why = cause or f"{self._receiver} doesn't answer"
            raise WriteError(f"{lost} records are lost: {why}") from cause
        if error is not None:
            raise error

    def _take(self, key: Hashable, record: object, size: int) -> None:
        # What is larger than all the room passes alone.
        if self._waiting and self._bytes + size > _MOST_BYTES:
            self._left_out += 1
            if not self._full:
                self._full = True
                wait = f"{self._bytes >> 20} MB wait for {self._receiver}"
                self._error = self._cause = WriteError(f"{wait}: what comes now is left out")
            return
        self._waiting.setdefault(key, []).append((record, size))
        self._bytes += size

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)
        self._thread.start()
        atexit.register(self._close_at_exit)

    def _run(self) -> None:
        pause_s, closing, reached = 0.0, False, True
        while not closing:
            closing = self._wait(pause_s)
            began = time.monotonic()
            reached = self._send_all()
            # A receiver that takes long for a round isn't kept busy with nothing else.
            pause_s = max(_PAUSE_S, time.monotonic() - began) if reached else _RETRY_S
        if reached:
            self._reaches(0, self._finish)

    def _wait(self, pause_s: float) -> bool:
        """Sleeps until there is work again: whether it is the last."""
        # Not on the condition, which would wake up at every record.
        self._closing.wait(pause_s)
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            return self._closing.is_set()

    def _send_all(self) -> bool:
        """One round: whether the receiver could be reached."""
        with self._changed:
            counts = {key: len(records) for key, records in self._waiting.items()}
        for key, count in counts.items():
            for sent in range(0, count, _MOST_TOGETHER):
                if not self._send(key, min(count - sent, _MOST_TOGETHER)):
                    return False
        return True

    def _send(self, key: Hashable, count: int) -> bool:
        with self._changed:
            batch = self._waiting[key][:count]
        # They stay where they are until they have arrived. Those that have, but whose answer was
        # lost, are sent twice: better than never.
        if not self._reaches(count, self._post, key, [record for record, _ in batch]):
            return False
        with self._changed:
            del self._waiting[key][:count]
            if not self._waiting[key]:
                del self._waiting[key]
            self._bytes -= sum(size for _, size in batch)
            self._full = False
        return True

    def _reaches(self, count: int, call: Callable[..., object], *arguments: object) -> bool:
        """Calls, and takes note of what is raised: False where nobody is there."""
        try:
            call(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends neither thread nor training
            told = error if isinstance(error, TrainvizError) else self._told(error)
            away = isinstance(error, OSError)
            with self._changed:
                if not (away and self._away):  # told once, not at every attempt
                    self._error = told
                self._away, self._cause = away, told
                self._left_out += 0 if away else count
            return not away
        with self._changed:
            if self._away:  # back, perhaps before anybody was told
                self._away, self._error = False, None
        return True

    def _told(self, error: Exception) -> WriteError:
        told = WriteError(f"{self._receiver}: {type(error).__name__}: {error}")
        told.__cause__ = error
        return told

    def _close_at_exit(self) -> None:
        if os.getpid() != self._process:  # a forked child ends: none of this is its own
            return
        try:
            self.close()
        except TrainvizError as error:
            warnings.warn(str(error), stacklevel=1)


def silence(*loggers: str) -> None:
    """Keeps what these loggers say of a sender's work, and only that, from the user's log."""
    for name in loggers:
        logging.getLogger(name).addFilter(_is_not_ours)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.threadName != _THREAD
