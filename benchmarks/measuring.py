"""How the benchmarks measure: what is compared runs in turn, and a row says how far it spread."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ABSENT = "not installed"
PEERS = "TRAINVIZ_BENCH_PEERS"  # names the folder of the environments that `installed` makes
TRAINVIZ = str(Path(sys.executable).with_name("trainviz"))  # the command beside this Python


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        operation: What a user does.
        compared: What it is compared with, or the quantity measured.
        measured: Ratio of the medians; other quantities say their unit.
        target: The bound it is held to.
        spread: min / median / max of the ratio over the repetitions.
    """

    operation: str
    compared: str
    measured: str
    target: str
    spread: str = ""


class Costs(NamedTuple):
    """What a whole process took, a number per round.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of all its threads.
        peak: Most memory at one time, in MB (1e6 bytes).
    """

    wall: list[float]
    cpu: list[float]
    peak: list[float]


def alternate(
    sides: Sequence[Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = perf_counter,
) -> list[list[float]]:
    """Seconds of each side in each round, the sides taken in turn, after one round unmeasured.

    Args:
        sides: What to compare; each call does a whole block of work.
        rounds: How often each is measured.
        clock: Of the wall, or `process_time` for that of the processor.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, kept in zip(sides, seconds, strict=True):
            start = clock()
            side()
            if number:
                kept.append(clock() - start)
    return seconds


def processes(commands: Sequence[Sequence[str]], rounds: int) -> list[Costs]:
    """What each command cost in each round, the commands taken in turn, after one unmeasured.

    The process that calls this must be small: Linux takes the memory of the process that starts
    another for the other's own.
    """
    costs = [Costs([], [], []) for _ in commands]
    for number in range(rounds + 1):
        for command, kept in zip(commands, costs, strict=True):
            cost = _run(command)
            if number:
                for numbers, one in zip(kept, cost, strict=True):
                    numbers.append(one)
    return costs


def python(code: str, *arguments: str) -> list[str]:
    """The command that runs `code` in a new interpreter."""
    return [sys.executable, "-c", code, *arguments]


def find(module: str, name: str) -> Any:  # noqa: ANN401 - peers come without types
    """The attribute of a peer's module, or None where the peer is not installed."""
    with suppress(ImportError):
        return getattr(import_module(module), name)
    return None


def installed(*packages: str) -> tuple[Path, str] | None:
    """Where a peer's commands are, and its version; None where it cannot be installed.

    It gets an environment of its own, because peers ask for different versions of the same
    library. The environment is made when it is first asked for, and kept.

    Args:
        packages: What to install; the peer comes first.
    """
    cache = Path(os.environ.get(PEERS) or Path(tempfile.gettempdir()) / ".peers")
    folder = cache / packages[0]
    done = folder / "installed.txt"
    if not done.exists() or done.read_text(encoding="utf-8").split() != list(packages):
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q"]
        try:
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [*pip, "install", *packages],
            ):
                subprocess.run(command, check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError):
            return None
        done.write_text("\n".join(packages), encoding="utf-8")
    libraries = [str(path) for path in folder.glob("lib/python*/site-packages")]
    peer = next(iter(distributions(name=packages[0], path=libraries)))
    return folder / "bin", peer.version


def ratio(
    operation: str,
    compared: str,
    sides: Sequence[Sequence[float]],
    target: str = "",
) -> Row:
    """The row of the ratio of two medians; the spread is that of each round's own ratio.

    Args:
        operation: As in `Row`.
        compared: As in `Row`.
        sides: What is divided, then what it is divided by: a number per round each.
        target: As `judged` takes it.
    """
    above, below = sides
    each = [a / b for a, b in zip(above, below, strict=True)]
    return judged(operation, compared, each, target, value=median(above) / median(below))


def judged(
    operation: str,
    compared: str,
    each: Sequence[float],
    target: str = "",
    unit: str = "",
    value: float | None = None,
) -> Row:
    """The row of something measured several times, marked if it misses its target.

    Args:
        operation: As in `Row`.
        compared: As in `Row`.
        each: What every repetition gave.
        target: `≤ 3.5` or `≥ 6`; empty if there is none.
        unit: What follows a number.
        value: What to hold against the target; else the median.
    """
    value = median(each) if value is None else value
    sign, bound = target[:1], float(target[2:] or "nan")
    missed = (sign == "≤" and value > bound) or (sign == "≥" and value < bound)
    shown = f"**{value:.3g}{unit}**, missed" if missed else f"{value:.3g}{unit}"
    spread = " / ".join(f"{number:.3g}" for number in (min(each), median(each), max(each)))
    return Row(operation, compared, shown, f"{target}{unit}" if target else "", spread)


def show(rows: Sequence[Row]) -> None:
    """Prints rows when a benchmark is run by itself."""
    for row in rows:
        print(" | ".join(row))


def _run(command: Sequence[str]) -> tuple[float, float, float]:
    # A child may write the bytecode it lacks, as it may on a user's machine.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = perf_counter()
    child = os.posix_spawn(command[0], list(command), environment, file_actions=silent)
    _, status, usage = os.wait4(child, 0)
    wall = perf_counter() - start
    if status:
        raise RuntimeError(f"{command} ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6
