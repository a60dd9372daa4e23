"""A real TensorBoard process, asked over HTTP, gives exactly what exported runs hold.

It runs twice side by side: with its data server, as it does by default where there is one, and
with the loader in Python that it falls back to.
"""

from __future__ import annotations

import html
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainviz_cli.model.run import Run

DEADLINE_S = 20.0
SAMPLES = Path(__file__).parents[2] / "sample_runs"
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/scalars.json"))
MODES = ["true", "false"]  # of --load_fast
SERVES = "http://127.0.0.1:"
NAN, INF = math.nan, math.inf
ODD = [1.5, NAN, INF, -INF, -0.0, 1e300, 5e-324, -2.0]


def command(name: str) -> str:
    """A console script of the environment that the tests run in."""
    return str(Path(sys.executable).with_name(name))


def export(*arguments: object) -> None:
    """Runs `trainviz export-tb` in a process of its own."""
    done = subprocess.run(
        [command("trainviz"), "export-tb", *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr


class Board(NamedTuple):
    """A TensorBoard that runs.

    Attributes:
        mode: Its `--load_fast`.
        address: Where it answers.
        logdir: What it shows.
        sources: The runs that were exported there, and can grow.
    """

    mode: str
    address: str
    logdir: Path
    sources: Path

    def get(self, path: str, body: object = None, **query: object) -> bytes:
        """What it answers; what it hasn't loaded yet is an error of HTTP."""
        request = Request(f"{self.address}/data/{path}?{urlencode(query)}")  # noqa: S310 - loopback
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310 - as above
            data: bytes = answer.read()
        return data

    def ask(self, path: str, body: object = None, **query: object) -> Any:
        """What it answers, as data."""
        return json.loads(self.get(path, body, **query))

    def scalars(self, run: str, tag: str) -> list[list[Any]]:
        """Time, step and value of what it shows; all it has."""
        return self.ask("plugin/scalars/scalars", run=run, tag=tag)  # type: ignore[no-any-return]

    def shown(self, rows: list[list[Any]]) -> list[list[Any]]:
        """What it shows of these: of a step that was logged again, its data server has the last."""
        if self.mode == "false":
            return rows
        return list({step: [at, step, value] for at, step, value in rows}.values())

    def steps(self, run: str, tag: str) -> list[int]:
        """The steps of what it shows."""
        return [step for _, step, _ in self.scalars(run, tag)]


def eventually(ask: Callable[[], Any], expected: object) -> None:
    """Waits until the answer is the one expected; it must not take for ever."""
    end = time.monotonic() + DEADLINE_S
    answer: Any = None
    while time.monotonic() < end:
        try:
            answer = ask()
        except (URLError, ConnectionError) as error:
            answer = error
        if answer == expected:
            return
        time.sleep(0.05)
    assert answer == expected


def as_json(value: float) -> float | str:
    """A value of 32 bits as TensorBoard writes it in JSON."""
    with np.errstate(over="ignore", under="ignore"):
        value = float(np.float32(value))
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def columns(run: Run, key: str) -> list[list[Any]]:
    """What TensorBoard must show of a key: time, step and value of every sample."""
    series = run[key]
    assert series.wall_times is not None
    samples = zip(series.wall_times, series.steps, series.values, strict=True)
    return [[float(at), int(step), as_json(value)] for at, step, value in samples]


def write_sources(folder: Path, mode: str) -> None:
    """Runs that a TensorBoard of this mode shows alone, as they are when it starts."""
    for name in ("grown", "replaced"):
        with LocalVisBackend(folder / f"{name}_{mode}") as vis:
            vis.add_config({"lr": 0.1, "depth": 50, "amp": True, "name": "r50", "seed": 7})
            vis.add_image("x", np.full((4, 5, 3), 7, np.uint8), 0)
            for step in range(30):
                vis.add_scalars({"loss": 1 / (step + 1)}, step)
    with LocalVisBackend(folder / f"clockless_{mode}") as vis:
        for step in range(30):
            vis.add_scalar("loss", step, step)
    (folder / f"clockless_{mode}" / "scalars.times").unlink()


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Board | str]]:
    """Mode → a TensorBoard that shows what was exported, or why it could not start."""
    folder = tmp_path_factory.mktemp("boards")
    logdir, sources = folder / "tb", folder / "runs"
    with LocalVisBackend(sources / "odd") as vis:
        for step, value in enumerate(ODD):
            vis.add_scalars({"a/b c": value}, step)
    for mode in MODES:
        write_sources(sources, mode)
        with TensorboardVisBackend(logdir / f"live_{mode}") as live:
            live.add_scalar("loss", 0, 0)
    export(SAMPLES, sources, "-o", logdir)
    started = {mode: start(folder, logdir, mode) for mode in MODES}
    try:
        yield {
            mode: address_of(process, folder / f"{mode}.log", Board(mode, "", logdir, sources))
            for mode, process in started.items()
        }
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def start(folder: Path, logdir: Path, mode: str) -> subprocess.Popen[bytes]:
    """Starts a TensorBoard on a free port of loopback."""
    arguments = {
        "logdir": logdir,
        "host": "127.0.0.1",
        "port": 0,
        "reload_interval": 1,
        "load_fast": mode,
    }
    with (folder / f"{mode}.log").open("wb") as log:
        return subprocess.Popen(
            [command("tensorboard"), *(f"--{name}={value}" for name, value in arguments.items())],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def address_of(process: subprocess.Popen[bytes], log: Path, board: Board) -> Board | str:
    """The board with its address, when it says it; what it said if it ended instead."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        said = log.read_text()
        if found := re.search(rf"{SERVES}\d+", said):
            return board._replace(address=found[0])
        if process.poll() is not None:
            return said
        time.sleep(0.05)
    return "it said nothing"


@pytest.fixture(params=MODES, ids=["data server", "Python loader"])
def board(request: pytest.FixtureRequest, boards: dict[str, Board | str]) -> Board:
    """One of the TensorBoards."""
    found = boards[request.param]
    if isinstance(found, str):
        pytest.skip(f"TensorBoard can't start: {found[-300:]}")
    return found


def test_runs(board: Board) -> None:
    """Every exported run is there by its name, and nothing else."""
    mine = ("grown", "replaced", "clockless", "live")
    others = [f"{name}_{mode}" for name in mine for mode in MODES]
    eventually(lambda: sorted(board.ask("runs")), sorted([*NAMES, *others, "odd"]))


@pytest.mark.parametrize("name", NAMES)
def test_scalars(board: Board, name: str) -> None:
    """Every key of a sample run with every step, time and value, as float32.

    These runs log `epoch` again with each validation.
    """
    run = open_run(SAMPLES / name)
    tags = "plugin/scalars/tags"
    eventually(lambda: sorted(board.ask(tags).get(name, ())), sorted(run))
    for key in run:
        eventually(lambda key=key: board.scalars(name, key), board.shown(columns(run, key)))


def test_scalars_that_are_not_finite(board: Board) -> None:
    """NaN and infinities are what they are, and what is too large for 32 bits is infinite."""
    run = open_run(board.sources / "odd")
    eventually(lambda: board.scalars("odd", "a/b c"), columns(run, "a/b c"))
    values = [value for _, _, value in board.scalars("odd", "a/b c")]
    assert values == [1.5, "NaN", "Infinity", "-Infinity", 0.0, "Infinity", 0.0, -2.0]


@pytest.mark.parametrize("name", NAMES)
def test_images(board: Board, name: str) -> None:
    """Every picture of a sample run, its bytes those of the PNG on the disk."""
    run = open_run(SAMPLES / name)
    (tag,) = {image.name for image in run.images}
    query = {"run": name, "tag": tag, "sample": 0}
    eventually(
        lambda: [each["step"] for each in board.ask("plugin/images/images", **query)],
        [image.step for image in run.images],
    )
    shown = board.ask("plugin/images/images", **query)
    for image, each in zip(run.images, shown, strict=True):
        assert each["wall_time"] == image.path.stat().st_mtime
        url = f"{board.address}/data/plugin/images/individualImage?{each['query']}"
        with urlopen(url, timeout=DEADLINE_S) as answer:  # noqa: S310 - loopback
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.read() == image.path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_as_text(board: Board, name: str) -> None:
    """The text `config` shows the run's `config.py`, character by character."""
    shown = (SAMPLES / name / "config.py").read_text()

    def code() -> list[str]:
        (each,) = board.ask("plugin/text/text", run=name, tag="config")
        assert each["step"] == 0
        return [html.unescape(text) for text in re.findall("(?s)<code>(.*)</code>", each["text"])]

    eventually(code, [shown])


def test_hyperparameters(board: Board) -> None:
    """HPARAMS compares the sample runs: configuration and last value of every metric of each."""
    body = {
        "experimentName": "",
        "allowedStatuses": [f"STATUS_{each}" for each in ("UNKNOWN", "SUCCESS", "RUNNING")],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 100,
    }

    def groups() -> dict[str, Any]:
        found = board.ask("plugin/hparams/session_groups", body)["sessionGroups"]
        return {
            group["name"]: (
                group["hparams"],
                {
                    metric["name"]["tag"]: (metric["trainingStep"], metric["value"])
                    for metric in group["metricValues"]
                },
                [session["status"] for session in group["sessions"]],
            )
            for group in found
            if group["name"] in NAMES
        }

    expected = {}
    for name in NAMES:
        run = open_run(SAMPLES / name)
        last = {
            key: (int(series.steps[-1]), as_json(series.values[-1]))
            for key, series in run.series.items()
        }
        expected[name] = (run.config, last, ["STATUS_SUCCESS"])
    eventually(groups, expected)


# What comes while it runs


def test_a_value_that_is_logged(board: Board) -> None:
    """What `TensorboardVisBackend` logs is there at the next reload, without flush or close."""
    name = f"live_{board.mode}"
    eventually(lambda: board.steps(name, "loss"), [0])
    vis = TensorboardVisBackend(board.logdir / f"{name}")
    vis.add_scalar("loss", 0.5, 7)
    eventually(lambda: board.steps(name, "loss"), [0, 7])
    vis.close()


def test_a_run_that_has_grown(board: Board) -> None:
    """Exported again, the rest of the run is there at the next reload, each value once."""
    name = f"grown_{board.mode}"
    source = board.sources / name
    eventually(lambda: board.steps(name, "loss"), list(range(30)))
    with LocalVisBackend(source) as vis:
        for step in range(30, 60):
            vis.add_scalars({"loss": 1 / (step + 1), "new": step}, step)
        vis.add_image("x", np.full((4, 5, 3), 8, np.uint8), 40)
    export(source, "-o", board.logdir / name)
    run = open_run(source)
    for key in run:
        eventually(
            lambda key=key: [sample[1:] for sample in board.scalars(name, key)],
            [sample[1:] for sample in columns(run, key)],
        )
    query = {"run": name, "tag": "x", "sample": 0}
    eventually(
        lambda: [each["step"] for each in board.ask("plugin/images/images", **query)], [0, 40]
    )


def test_a_run_without_a_clock_that_has_grown(board: Board) -> None:
    """The same for a log without times, as MMEngine writes it."""
    name = f"clockless_{board.mode}"
    source = board.sources / name
    eventually(lambda: board.steps(name, "loss"), list(range(30)))
    with (source / "scalars.json").open("a") as file:
        file.writelines(f'{{"loss": {step}, "step": {step}}}\n' for step in range(30, 40))
    later = time.time() + 5  # the log's time is another second's
    os.utime(source / "scalars.json", (later, later))
    export(source, "-o", board.logdir / name)
    eventually(lambda: board.steps(name, "loss"), list(range(40)))


def test_a_run_that_began_anew(board: Board) -> None:
    """Exported again after it began anew, the new run alone is there, and none of the older."""
    name = f"replaced_{board.mode}"
    source = board.sources / name
    eventually(lambda: board.steps(name, "loss"), list(range(30)))
    shutil.rmtree(source)
    with LocalVisBackend(source) as vis:
        for step in range(20):
            vis.add_scalar("loss", 100 + step, step)
    export(source, "-o", board.logdir / name)
    eventually(lambda: board.scalars(name, "loss"), columns(open_run(source), "loss"))


# TensorBoard's public loader, which many scripts use


@pytest.mark.parametrize("name", NAMES)
def test_event_accumulator(tmp_path: Path, name: str) -> None:
    """`EventAccumulator` holds exactly what the run holds: scalars and pictures."""
    export(SAMPLES / name, "-o", tmp_path / "tb")
    run = open_run(SAMPLES / name)
    loader = EventAccumulator(str(tmp_path / "tb"), size_guidance={"scalars": 0, "images": 0})
    loader.Reload()
    assert sorted(loader.Tags()["scalars"]) == sorted(run)
    for key in run:
        found = [[each.wall_time, each.step, as_json(each.value)] for each in loader.Scalars(key)]
        assert found == columns(run, key)
    assert [
        (image.name, each.step, each.encoded_image_string)
        for image, each in zip(run.images, loader.Images(run.images[0].name), strict=True)
    ] == [
        (image.name, image.step, picture_bytes(image.path, image.offset, image.length))
        for image in run.images
    ]
