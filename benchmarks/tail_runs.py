"""`trainviz tail`: runs that grow, in a terminal of 120 × 40, and other dashboards with the same.

Each is started with its defaults and all runs, by the command that shows charts without a key
being pressed. But tlog prints numbers only of a single run, and gets one where they are looked for.

    .venv/bin/python benchmarks/tail_runs.py       # everything
    .venv/bin/python benchmarks/tail_runs.py AC    # the start and the processor alone
"""

from __future__ import annotations

import math
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from measuring import ABSENT, TRAINVIZ, Row, find, installed, judged, ratio, show
from screens import Terminal, first_chart, first_shown, listen, memory, processor
from workloads import (
    LIVE_KEYS,
    LIVE_STEPS,
    LiveRuns,
    live_events,
    live_tlog,
    live_trainviz,
    live_wandb,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STARTS = 5
SLOW_PROBES, FAST_PROBES, PROBES_OF_PEERS = 60, 20, 8
GAPS_S = (0.6, 1.1)  # between probes, at random, so that they meet a program's rounds anywhere
RATE = 20  # records per second, where they come fast
IDLE_S, BUSY_S, BUSY_S_OF_PEERS = 20.0, 20.0, 8.0
PATIENCE_S = 30.0  # for the first chart
SETTLED_S = 1.0  # after that: what the start has left to do is done by then
LAST_S = 3.0  # for the last probe: the slowest look for news every two seconds
PROBE = "train/probe"
OPERATION = "`trainviz tail`, 3 runs × 5,000 steps × 5 keys"


class Program(NamedTuple):
    """A dashboard.

    Attributes:
        name: What rows call it.
        command: What starts it with all runs.
        single: What starts it where numbers are looked for.
        runs: In its own format.
        home: A directory for its settings.
        prints: Whether it prints the last value of a key.
    """

    name: str
    command: list[str]
    single: list[str]
    runs: LiveRuns
    home: Path
    prints: bool = True


class Writer:
    """Goes on with the run that grows.

    Args:
        runs: Of which the last grows.
    """

    def __init__(self, runs: LiveRuns) -> None:
        self._encode = runs.encode
        self._file = os.open(runs.file, os.O_WRONLY | os.O_APPEND)
        self._step = LIVE_STEPS
        # Four digits that are not on the screen by chance, and that no rounding shortens.
        numbers = [number for number in range(1001, 10_000) if number % 10]
        random.Random(0).shuffle(numbers)  # noqa: S311 - nothing secret
        self._probes = iter(numbers)

    def write(self, probe: float | None = None) -> float:
        """Appends a step, with a probe or without; the moment it was written."""
        record = {key: 0.5 + 0.01 * math.sin(self._step) for key in LIVE_KEYS}
        if probe is not None:
            record[PROBE] = probe
        data = self._encode(self._step, record)
        self._step += 1
        os.write(self._file, data)
        return time.perf_counter()

    def probe(self) -> tuple[float, str]:
        """Appends a step with a probe; the moment it was written, and how it looks."""
        number = next(self._probes) / 1000
        return self.write(number), f"{number:.3f}"


def measure(parts: str = "ABCD") -> list[Row]:
    """The rows of A, the start; B, the delay; C, the processor; D, the memory after B."""
    if find("pyte", "Screen") is None:
        return [Row(OPERATION, "all in a terminal by pyte", ABSENT, "")]
    with tempfile.TemporaryDirectory() as folder:
        programs, rows = _programs(Path(folder))
        if "A" in parts:
            rows += _starts(programs)
        if "C" in parts:  # before B, which gives the runs another key
            rows += [*_idle(programs), *_busy(programs)]
        if "B" in parts or "D" in parts:
            delays, memories = _delays(programs)
            rows += [*(delays if "B" in parts else ()), *(memories if "D" in parts else ())]
    return rows


def _programs(folder: Path) -> tuple[list[Program], list[Row]]:
    """Ours, and each peer that can be installed; a row for each that cannot."""
    home = folder / "home"
    home.mkdir()
    runs = live_trainviz(folder / "trainviz")
    command = [TRAINVIZ, "tail", *map(str, sorted(runs.folder.iterdir()))]
    programs, rows = [Program("trainviz", command, command, runs, home)], []
    for name, packages in {
        "tlog": ["tlog-ml"],
        "terminalboard": ["terminalboard", "plotext<6"],
        "wandb leet": ["wandb"],
    }.items():
        place = installed(*packages)
        if place is None:
            rows.append(Row(OPERATION, name, ABSENT, ""))
            continue
        binaries, version = place
        if name == "tlog":
            runs = live_tlog(folder / name)
            command = [str(binaries / name), "watch", "--dir", str(runs.folder)]
            single = [*command, str(runs.file.parent)]
            command.append("bench")
        elif name == "terminalboard":
            runs = live_events(folder / name)
            command = single = [str(binaries / name), str(runs.folder)]
        else:
            runs = live_wandb(folder / "wandb", binaries / "python")
            command = single = [str(binaries / "wandb"), "leet", "run", str(runs.folder)]
        prints = name != "terminalboard"
        peer = Program(f"{name} {version}", command, single, runs, home, prints)
        try:
            with _shown(peer.command, home):
                programs.append(peer)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            rows.append(Row(OPERATION, peer.name, "ends with an error", ""))
    return programs, rows


def _starts(programs: Sequence[Program]) -> list[Row]:
    """From the start of the process to a screen with a curve, and with one that stays."""
    firsts: list[list[float]] = [[] for _ in programs]
    lasting: list[list[float]] = [[] for _ in programs]
    for number in range(STARTS + 1):
        for program, first, stays in zip(programs, firsts, lasting, strict=True):
            with _shown(program.command, program.home) as terminal:
                pass
            if number:
                for kept, seconds in zip((first, stays), first_chart(terminal), strict=True):
                    kept.append(1000 * seconds)
    rows = []
    for what, times in (("the first chart", firsts), ("a chart that stays", lasting)):
        sides = list(zip(programs, times, strict=True))
        for program, each in sides:
            rows.append(
                judged(OPERATION, f"from start to {what}, {program.name}", each, unit=" ms")
            )
        for program, each in sides[1:]:
            compared = f"from start to {what}: times faster than {program.name}"
            rows.append(ratio(OPERATION, compared, (each, times[0])))
    return rows


def _delays(programs: Sequence[Program]) -> tuple[list[Row], list[Row]]:
    """From a record's writing to its probe on the screen; and the memory that is then held."""
    rows, memories = [], []
    for program in programs:
        ours = program is programs[0]
        writer = Writer(program.runs)
        writer.probe()  # so that the key has its chart from the start
        with _shown(program.single, program.home) as terminal:
            slow = _probe(terminal, writer, SLOW_PROBES if ours else PROBES_OF_PEERS)
            fast = _probe(terminal, writer, FAST_PROBES, RATE) if ours else []
            held = memory(terminal)
        delays = first_shown(terminal.heard, slow + fast, printed=program.prints)
        rows += _delay_rows(program, "one a second", delays[: len(slow)], targets=ours)
        if ours:
            rows += _delay_rows(program, f"{RATE} a second", delays[len(slow) :], targets=ours)
        memories += [
            judged(OPERATION, f"memory held, {program.name}", [held.now], unit=" MB"),
            judged(OPERATION, f"most memory, {program.name}", [held.most], unit=" MB"),
        ]
    return rows, memories


def _probe(
    terminal: Terminal, writer: Writer, count: int, rate: int = 0
) -> list[tuple[float, str]]:
    """Writes probes, and other records between them if there is a rate."""
    rng = random.Random(0)  # noqa: S311 - nothing secret
    written = []
    for _ in range(count):
        begun, gap = time.perf_counter(), rng.uniform(*GAPS_S)
        for other in range(1, int(gap * rate)):
            listen([terminal], begun + other / rate)
            writer.write()
        listen([terminal], begun + gap)
        written.append(writer.probe())
    listen([terminal], time.perf_counter() + LAST_S)
    return written


def _delay_rows(program: Program, pace: str, seconds: list[float], *, targets: bool) -> list[Row]:
    each = [1000 * delay for delay in seconds]
    shown = "its value is shown" if program.prints else "the screen changes"
    what = f"records, {pace}: from written until {shown}, {program.name}"
    last = sorted(each)[math.ceil(0.99 * len(each)) - 1]
    return [
        judged(OPERATION, f"{what}, p50", each, "≤ 150" if targets else "", " ms"),
        judged(OPERATION, f"{what}, p99", each, "≤ 400" if targets else "", " ms", last),
    ]


def _idle(programs: Sequence[Program]) -> list[Row]:
    """All at once, as each has next to nothing to do."""
    with ExitStack() as stack:
        terminals = [stack.enter_context(_shown(one.command, one.home)) for one in programs]
        listen(terminals, time.perf_counter() + SETTLED_S)
        before = [processor(terminal) for terminal in terminals]
        listen(terminals, time.perf_counter() + IDLE_S)
        used = [processor(terminal) - old for terminal, old in zip(terminals, before, strict=True)]
    return [
        judged(
            OPERATION,
            f"CPU of a core while nothing comes, {program.name}",
            [100 * seconds / IDLE_S],
            "≤ 0.5" if program is programs[0] else "",
            " %",
        )
        for program, seconds in zip(programs, used, strict=True)
    ]


def _busy(programs: Sequence[Program]) -> list[Row]:
    """In turn, with steps of five keys each."""
    rows = []
    for program in programs:
        ours = program is programs[0]
        seconds = BUSY_S if ours else BUSY_S_OF_PEERS
        writer = Writer(program.runs)
        with _shown(program.command, program.home) as terminal:
            listen([terminal], time.perf_counter() + SETTLED_S)
            before, begun = processor(terminal), time.perf_counter()
            for number in range(int(seconds * RATE)):
                listen([terminal], begun + number / RATE)
                writer.write()
            listen([terminal], begun + seconds)
            share = 100 * (processor(terminal) - before) / seconds
        what = f"CPU of a core at {RATE} records a second, {program.name}"
        rows.append(judged(OPERATION, what, [share], "≤ 3" if ours else "", " %"))
    return rows


@contextmanager
def _shown(command: Sequence[str], home: Path) -> Iterator[Terminal]:
    """The program, with its first chart on the screen."""
    with Terminal(command, home) as terminal:
        terminal.wait_for_chart(PATIENCE_S)
        yield terminal


if __name__ == "__main__":
    show(measure(*sys.argv[1:2]))
