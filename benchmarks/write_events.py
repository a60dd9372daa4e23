"""Scalar events to an event file: a million of them, 8 tags."""

from __future__ import annotations

import struct
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import ABSENT, Row, alternate, find, ratio, show
from workloads import KEYS

ROUNDS = 5
EVENTS, EVENTS_OF_LOOP, EVENTS_OF_WRITERS = 1_000_000, 100_000, 20_000
OPERATION = f"event file of {EVENTS:,} scalars"


def measure() -> list[Row]:
    """The rows of each peer, per event."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, peer, events in (
            ("torch's SummaryWriter", _torch(Path(folder)), EVENTS_OF_WRITERS),
            ("tensorboardX", _tensorboardx(Path(folder)), EVENTS_OF_WRITERS),
            ("protobuf and a C crc32c, in a loop", _protobuf(Path(folder)), EVENTS_OF_LOOP),
        ):
            target = "≥ 8" if "loop" in name else "≥ 200"
            if peer is None:
                rows.append(Row(OPERATION, f"times faster than {name}", ABSENT, target))
                continue
            ours, theirs = alternate([lambda: _ours(Path(folder)), peer], ROUNDS)
            each = [seconds * EVENTS / events for seconds in theirs]
            rows.append(ratio(OPERATION, f"times faster than {name}", (each, ours), target))
    return rows


def _columns(events: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    places = np.arange(events)
    values = np.random.default_rng(0).random(events)
    return (places % len(KEYS)).astype(np.int32), 1.7e9 + places * 1e-3, places // len(KEYS), values


def _ours(folder: Path) -> None:
    from trainviz_cli.codecs.tfscalars.encode import encode

    codes, times, steps, values = COLUMNS
    with (folder / "ours").open("wb", buffering=0) as file:
        for records in encode(KEYS, codes, times, steps, values):
            file.write(records)


def _torch(folder: Path) -> object:
    writer_of = find("torch.utils.tensorboard", "SummaryWriter")
    return writer_of and _writer(writer_of, folder / "torch")


def _tensorboardx(folder: Path) -> object:
    writer_of = find("tensorboardX", "SummaryWriter")
    return writer_of and _writer(writer_of, folder / "tensorboardX")


def _writer(writer_of: object, folder: Path) -> object:
    def write() -> None:
        writer = writer_of(str(folder))  # type: ignore[operator]
        for number in range(EVENTS_OF_WRITERS):
            writer.add_scalar(KEYS[number % len(KEYS)], number * 0.5, number // len(KEYS))
        writer.close()

    return write


def _protobuf(folder: Path) -> object:
    event_of = find("tensorboard.compat.proto.event_pb2", "Event")
    crc32c = find("google_crc32c", "value")
    if event_of is None or crc32c is None:
        return None

    def masked(data: bytes) -> bytes:
        crc = crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    def write() -> None:
        now = time.time()
        with (folder / "loop").open("wb") as file:
            for number in range(EVENTS_OF_LOOP):
                event = event_of(wall_time=now, step=number // len(KEYS))
                value = event.summary.value.add()
                value.tag, value.simple_value = KEYS[number % len(KEYS)], number * 0.5
                payload = event.SerializeToString()
                length = struct.pack("<Q", len(payload))
                file.write(length + masked(length) + payload + masked(payload))

    return write


COLUMNS = _columns(EVENTS)

if __name__ == "__main__":
    show(measure())
