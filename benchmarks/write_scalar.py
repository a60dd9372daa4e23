"""`add_scalar`: one value logged, against a bare write and against peers; then killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import ABSENT, Row, alternate, find, judged, python, ratio, show
from workloads import noisy_curve

if TYPE_CHECKING:
    from collections.abc import Callable

OURS, MMENGINE, TORCH = "trainviz", "mmengine's LocalVisBackend", "torch's SummaryWriter"
WRITERS = {
    OURS: ("trainviz_cli", "LocalVisBackend"),
    MMENGINE: ("mmengine.visualization", "LocalVisBackend"),
    TORCH: ("torch.utils.tensorboard", "SummaryWriter"),
}
ROUNDS, CALLS = 20, 5000
KILLS, LOGGED = 5, 100
LOG_AND_DIE = f"""
import os, signal, sys
writer = Writer(sys.argv[1])
for step in range({LOGGED}):
    writer.add_scalar("loss", step / 7, step)
os.kill(os.getpid(), signal.SIGKILL)
"""


def measure() -> list[Row]:
    """The rows of speed, then what each writer keeps when its process is killed."""
    operation, killed = "`add_scalar`", f"{LOGGED} × `add_scalar`, then `kill -9`"
    values = noisy_curve(CALLS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = _log_all(OURS, folder / "ours", values)
        # The bare write comes first: peers bring threads of their own.
        times = alternate([ours, _write_all(folder / "bare", values)], ROUNDS)
        rows = [ratio(operation, "time × `os.write` of the ready line", times, "≤ 3.5")]
        for peer, target in ((MMENGINE, "≥ 6"), (TORCH, "≥ 12")):
            compared = f"times faster than {peer}"
            if find(*WRITERS[peer]):
                times = alternate([_log_all(peer, folder / peer, values), ours], ROUNDS)
                rows.append(ratio(operation, compared, times, target))
            else:
                rows.append(Row(operation, compared, ABSENT, target))
        for writer, target in ((OURS, f"≥ {LOGGED}"), (MMENGINE, ""), (TORCH, "")):
            compared = f"values kept, {writer}"
            if find(*WRITERS[writer]):
                kept = [_kept(writer, folder / f"{writer}{i}") for i in range(KILLS)]
                rows.append(judged(killed, compared, kept, target))
            else:
                rows.append(Row(killed, compared, ABSENT, target))
    return rows


def _write_all(path: Path, values: list[float]) -> Callable[[], None]:
    records = [{"loss": value, "step": step} for step, value in enumerate(values)]
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def block() -> None:
        write = os.write
        for line in lines:
            write(file, line)

    return block


def _log_all(writer: str, folder: Path, values: list[float]) -> Callable[[], None]:
    add_scalar = find(*WRITERS[writer])(str(folder)).add_scalar

    def block() -> None:
        for step, value in enumerate(values):
            add_scalar("loss", value, step)

    return block


def _kept(writer: str, folder: Path) -> int:
    """How many values can be read after the process that logged them was killed."""
    module, name = WRITERS[writer]
    command = python(f"from {module} import {name} as Writer\n{LOG_AND_DIE}", str(folder))
    ended = subprocess.run(command, check=False, capture_output=True)
    if ended.returncode != -signal.SIGKILL:
        raise RuntimeError(ended.stderr.decode())
    if writer != TORCH:
        return len([json.loads(line) for line in (folder / "scalars.json").open()])
    read = find("tensorboard.backend.event_processing.event_accumulator", "EventAccumulator")
    with suppress(KeyError):  # nothing was kept
        return len(read(str(folder)).Reload().Scalars("loss"))
    return 0


if __name__ == "__main__":
    show(measure())
