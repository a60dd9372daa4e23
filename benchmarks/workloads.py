"""What the benchmarks work on, the same on every machine: seeded, and made when it is needed."""

from __future__ import annotations

import json
import math
import random
import re
import struct
import subprocess
import time
import zlib
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PHOTO = Path(__file__).parent.parent / "sample_runs" / "chelsea.png"
SIZE = (1280, 720)
KEYS = ("loss", "loss_cls", "loss_bbox", "lr", "acc", "top1_acc", "grad_norm", "bbox_mAP")
LINES_PER_NAN = 10_000
WANDB_BLOCK = 32_768
LIVE_RUNS, LIVE_STEPS = 3, 5_000
LIVE_KEYS = ("train/loss", "train/acc", "train/lr", "train/grad_norm", "train/time")
# Runs as wandb writes them without a network; the values come in as JSON.
WANDB = """
import json, sys, wandb
quiet = wandb.Settings(console="off", silent=True, x_disable_meta=True, x_disable_stats=True)
for number, records in enumerate(json.load(sys.stdin)):
    options = {"dir": sys.argv[1], "mode": "offline", "settings": quiet}
    with wandb.init(project="bench", name=f"run{number}", id=f"run{number}", **options) as run:
        for step, record in enumerate(records):
            run.log(record, step=step)
"""


def log_lines() -> Iterator[str]:
    """Endless lines as `json.dumps` writes them: the keys in turn, a NaN here and there."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    for number in count():
        value = math.nan if rng.random() < 1 / LINES_PER_NAN else rng.random()
        record = {KEYS[number % len(KEYS)]: value, "step": number // len(KEYS)}
        yield json.dumps(record) + "\n"


def log(folder: Path, lines: int) -> Path:
    """A new run directory in `folder` with so many lines; a million take 46.8 MB."""
    run = folder / f"run_{lines}"
    run.mkdir()
    with (run / "scalars.json").open("w") as file:
        file.writelines(islice(log_lines(), lines))
    return run


def noisy_curve(points: int = 10_000) -> list[float]:
    """A loss that falls, with noise."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    return [2 * math.exp(-3 * i / points) + rng.gauss(0, 0.05) for i in range(points)]


def curve_run(folder: Path) -> Path:
    """A new run directory in `folder` with `noisy_curve` as its only key."""
    run = folder / "curve"
    run.mkdir()
    records = ({"loss": value, "step": step} for step, value in enumerate(noisy_curve()))
    (run / "scalars.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


def photo() -> Picture:
    """(720, 1280, 3) RGB: a photograph."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(PHOTO).convert("RGB").resize(SIZE))


def feature_map() -> Picture:
    """(720, 1280, 3) RGB: a random 7 x 7 map in jet colours, half over the photograph."""
    import numpy as np
    from matplotlib import colormaps
    from PIL import Image

    coarse = np.random.default_rng(0).random((7, 7), np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BILINEAR))
    heat = colormaps["jet"](fine, bytes=True)[:, :, :3]
    blend: Picture = ((photo().astype(np.uint16) + heat) // 2).astype(np.uint8)
    return blend


def folder_of_runs(folder: Path, runs: int, lines: int, validates_every: int | None = 50) -> Path:
    """A new folder of so many runs, each with its own numbers, written by `LocalVisBackend`.

    A line has five values of training, or, every so often, two of validation.
    """
    from trainviz_cli import LocalVisBackend

    rng = random.Random(0)  # noqa: S311 - nothing secret
    for number in range(runs):
        with LocalVisBackend(folder / f"exp{number:05d}") as vis:
            vis.add_config({"lr": 0.01 * number, "model": {"depth": 50}})
            for step in range(1, lines + 1):
                if validates_every and step % validates_every == 0:
                    vis.add_scalars({"val/mAP": rng.random(), "val/loss": rng.random()}, step)
                else:
                    keys = ("loss", "loss_cls", "loss_bbox", "acc", "grad_norm")
                    vis.add_scalars({key: rng.random() for key in keys}, step)
    return folder


def event_file(folder: Path, events: int) -> Path:
    """A new folder with an event file of so many scalars, the tags in turn."""
    import numpy as np

    from trainviz_cli.codecs import tfbuild
    from trainviz_cli.codecs.tfscalars.encode import encode

    places = np.arange(events)
    codes, steps = (places % len(KEYS)).astype(np.int32), places // len(KEYS)
    values = np.random.default_rng(0).random(events)
    folder.mkdir()
    with (folder / "events.out.tfevents.1700000000.host").open("wb") as file:
        file.write(tfbuild.file_version(1.7e9))
        file.writelines(encode(KEYS, codes, 1.7e9 + places * 1e-3, steps, values))
    return folder


class LiveRuns(NamedTuple):
    """Runs that a dashboard is shown while one of them grows.

    Attributes:
        folder: Where they are.
        file: The log that grows.
        encode: A step's values as that log holds them.
    """

    folder: Path
    file: Path
    encode: Callable[[int, Mapping[str, float]], bytes]


def live_records(*, nan: bool = True) -> list[list[dict[str, float]]]:
    """Per run and step the values of `LIVE_KEYS`; in the loss an outlier, and a NaN if wanted."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    runs = []
    for _ in range(LIVE_RUNS):
        losses = [2 * math.exp(-3 * i / LIVE_STEPS) + rng.gauss(0, 0.05) for i in range(LIVE_STEPS)]
        losses[1234], losses[2345] = math.nan if nan else 1.0, 1e4
        rows = [
            (loss, step / LIVE_STEPS, 0.1 - 2e-5 * step, rng.random(), 0.3 + 0.1 * rng.random())
            for step, loss in enumerate(losses)
        ]
        runs.append([dict(zip(LIVE_KEYS, row, strict=True)) for row in rows])
    return runs


def live_trainviz(folder: Path) -> LiveRuns:
    """The records as `LocalVisBackend` writes them."""

    def encode(step: int, record: Mapping[str, float]) -> bytes:
        return json.dumps({**record, "step": step}).encode() + b"\n"

    return _live(folder, "run{}/scalars.json", encode)


def live_tlog(folder: Path) -> LiveRuns:
    """The records as tlog writes them, but for the NaN, at which it ends with an error."""

    def encode(step: int, record: Mapping[str, float]) -> bytes:
        return json.dumps({"_step": step, "_ts": time.time(), **record}).encode() + b"\n"

    live = _live(folder, "bench/run{0}__20260101-000000__aaaaa{0}/metrics.jsonl", encode, nan=False)
    for number, run in enumerate(sorted(live.folder.glob("*/*"))):
        names = {"id": f"aaaaa{number}", "name": f"run{number}", "project": "bench"}
        meta = {
            **names,
            "created_at": 1.7e9 + number,
            "state": "running",
            "restarts": [],
            "env": {},
        }
        (run / "meta.json").write_text(json.dumps(meta))
        (run / "heartbeat").touch()
    return live


def live_events(folder: Path) -> LiveRuns:
    """The records as TensorBoard's event files."""
    from trainviz_cli.codecs import tfbuild
    from trainviz_cli.codecs.tfscalars.encode import encode_one

    def encode(step: int, record: Mapping[str, float]) -> bytes:
        now = time.time()
        return b"".join(encode_one(key, now, step, value) for key, value in record.items())

    name = "run{}/events.out.tfevents.1700000000.host"
    return _live(folder, name, encode, begin=tfbuild.file_version(1.7e9))


def live_wandb(folder: Path, python: Path) -> LiveRuns:
    """The records as wandb writes them offline; the last run has not ended.

    Args:
        folder: Where to write.
        python: One that has wandb.
    """
    folder.mkdir()
    subprocess.run(
        [python, "-c", WANDB, folder],
        input=json.dumps(live_records()).encode(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    file = max(folder.glob("wandb/*-run*/*.wandb"))
    data = file.read_bytes()
    log, records = _WandbLog(), list(_wandb_records(data))
    while not re.match(rb"\x08[\x80-\xff]*[\x00-\x7f]\x12", records[-1]):
        del records[-1]  # what comes after the last step: that the run has ended
    file.write_bytes(data[:7] + b"".join(map(log.frame, records)))

    def encode(step: int, record: Mapping[str, float]) -> bytes:
        values = {**record, "_step": step, "_timestamp": time.time()}
        history = b"".join(_field(b"\x0a", _wandb_item(b"\x12", *item)) for item in values.items())
        summary = b"".join(_field(b"\x0a", _wandb_item(b"\x0a", *item)) for item in values.items())
        history += _field(b"\x12", b"\x08" + _varint(step))
        return log.frame(_field(b"\x12", history)) + log.frame(_field(b"\x1a", summary))

    return LiveRuns(folder / "wandb", file, encode)


class _WandbLog:
    """Frames records as a `.wandb` file has them, in blocks of 32 KB."""

    def __init__(self) -> None:
        self._place = 7  # after the file's own header

    def frame(self, record: bytes) -> bytes:
        framed, begun = b"", False
        while record or not begun:
            room = WANDB_BLOCK - self._place % WANDB_BLOCK
            padding = bytes(room) if room < 7 else b""
            room = WANDB_BLOCK if padding else room
            part, record = record[: room - 7], record[room - 7 :]
            kind = {(0, 0): 1, (0, 1): 2, (1, 1): 3, (1, 0): 4}[begun, bool(record)]
            check = zlib.crc32(bytes([kind]) + part)
            piece = padding + struct.pack("<IHB", check, len(part), kind) + part
            self._place += len(piece)
            framed, begun = framed + piece, True
        return framed


def _wandb_records(data: bytes) -> Iterator[bytes]:
    place, parts = 7, []
    while place + 7 <= len(data):
        if (room := WANDB_BLOCK - place % WANDB_BLOCK) < 7:
            place += room
            continue
        _, size, kind = struct.unpack_from("<IHB", data, place)
        parts.append(data[place + 7 : place + 7 + size])
        place += 7 + size
        if kind in {1, 4}:
            yield b"".join(parts)
            parts = []


def _wandb_item(tag: bytes, key: str, value: float) -> bytes:
    return _field(tag, key.encode()) + _field(b"\x82\x01", json.dumps(value).encode())


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def _live(
    folder: Path,
    name: str,
    encode: Callable[[int, Mapping[str, float]], bytes],
    *,
    begin: bytes = b"",
    nan: bool = True,
) -> LiveRuns:
    """The runs in files of that name, of which the last grows."""
    for number, records in enumerate(live_records(nan=nan)):
        file = folder / name.format(number)
        file.parent.mkdir(parents=True)
        file.write_bytes(begin + b"".join(map(encode, range(LIVE_STEPS), records)))
    return LiveRuns(folder, file, encode)
