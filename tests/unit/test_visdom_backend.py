"""VisdomVisBackend: a real server has exactly what was logged, and no server holds up training."""

from __future__ import annotations

import base64
import copy
import io
import itertools
import logging
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli.errors import MissingPackageError, TrainvizError, WriteError
from trainviz_cli.writing import sender
from trainviz_cli.writing.backends import visdom as backend_file
from trainviz_cli.writing.backends.visdom import VisdomVisBackend
from trainviz_cli.writing.registry import VISBACKENDS

pytest.importorskip("visdom")

from tests.unit.visdom_server import VisdomServer, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAN, INF = float("nan"), float("inf")
HANGS_S = 2.0  # what no call may take, however busy the machine
ENVIRONMENTS = (f"run{number}" for number in itertools.count())
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisdomServer]:
    """A server for all tests but those that kill it."""
    running = VisdomServer(tmp_path_factory.mktemp("visdom")).start()
    yield running
    running.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[VisdomServer]:
    """A server to kill, not yet started."""
    made = VisdomServer(tmp_path / "visdom")
    yield made
    made.kill()


@pytest.fixture
def env() -> str:
    """An environment that no other test has."""
    return next(ENVIRONMENTS)


@pytest.fixture
def vis(server: VisdomServer, env: str) -> Iterator[VisdomVisBackend]:
    """A backend for it."""
    with VisdomVisBackend(port=server.port, env=env) as backend:
        yield backend


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and timeouts of tests, not of trainings."""
    monkeypatch.setattr(sender, "_PAUSE_S", 0.01)
    monkeypatch.setattr(sender, "_RETRY_S", 0.1)
    monkeypatch.setattr(backend_file, "_TIMEOUTS_S", (3, 0.3))


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield listening.getsockname()[1]


def noise(*shape: int) -> np.ndarray:
    """A picture that no mistake in its layout leaves as it is."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def pixels(content: dict[str, str]) -> np.ndarray:
    """The picture that a browser would show."""
    data = content["src"].removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that another thread or process does."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def failure_of(call: Callable[[int], None]) -> TrainvizError:
    """The first that it raises when it is called with 0, 1, 2 ..., none of which may hang."""
    for number in range(10_000):
        began = time.monotonic()
        try:
            call(number)
        except TrainvizError as error:
            return error
        finally:
            assert time.monotonic() - began < HANGS_S
        time.sleep(0.005)
    raise AssertionError("it was never told")


def run_script(script: str, *arguments: object, options: tuple[str, ...] = ("-W", "error")) -> str:
    """What a script prints, errors included, that has a process and the backend to itself."""
    imports = (
        "import sys\n"
        "sys.modules['torch'] = None  # visdom would import it, which takes a second\n"
        "from trainviz_cli.writing.backends.visdom import VisdomVisBackend\n"
    )
    command = [sys.executable, *options, "-c", imports + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


# Before the first call


def test_nothing_before_the_first_call() -> None:
    """Import, constructor, an empty record and close import nothing heavy and begin no thread."""
    script = """
import threading
with VisdomVisBackend("runs/exp1", port=int(sys.argv[1])) as vis:
    vis.add_scalars({})
print(sorted({"visdom", "numpy", "requests"} & sys.modules.keys()), threading.active_count())
"""
    assert run_script(script, free_port()) == "[] 1\n"


def test_the_registry_finds_it() -> None:
    """A configuration may name it."""
    built = VISBACKENDS.build({"type": "VisdomVisBackend", "env": "a"}, save_dir="runs/exp1")
    assert isinstance(built, VisdomVisBackend)


@pytest.mark.parametrize(
    ("save_dir", "env", "expected"),
    [
        (None, None, "main"),
        ("runs/exp1", None, "exp1"),
        ("runs/exp1/vis_data", None, "exp1"),
        ("runs/exp1/20261120_072936/vis_data", None, "exp1-20261120-072936"),
        ("runs/exp1/", None, "exp1"),
        ("runs/exp1/../exp2", None, "exp2"),
        ("runs/lr_1e-3_seed_0", None, "lr-1e-3-seed-0"),
        ("runs/größe=2", None, "größe=2"),
        ("runs/a+b#c?d", None, "a-b-c-d"),
        ("runs/a.json.b", None, "a-json.b"),
        ("/", None, "main"),
        ("runs/exp1", "mine", "mine"),
        (None, "project_a", "project_a"),
        (None, "project/a", "project_a"),
        (None, "a\\b\0c%", "a-b-c-"),
        (None, " ", "main"),
        (None, "", "main"),
    ],
)
def test_environments(save_dir: str | None, env: str | None, expected: str) -> None:
    """The environment is the one given, else the run's name; it fits a file name and an address."""
    assert VisdomVisBackend(save_dir, env=env).experiment.env == expected


# Scalars


def test_a_window_for_each_key(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """Points of a key are in its window in the order they were logged, whatever their steps."""
    for step in (0, 10, 5):
        vis.add_scalar("train/loss", 1 / (step + 1), step)
        vis.add_scalars({"lr": step, "acc": -step}, step=step + 1)
    vis.close()
    windows = server.windows(env)
    assert sorted(windows) == ["scalar/acc", "scalar/lr", "scalar/train/loss"]
    assert server.points(env, "train/loss") == ([0, 10, 5], [1, 1 / 11, 1 / 6])
    assert server.points(env, "lr") == ([1, 11, 6], [0, 10, 5])
    assert server.points(env, "acc") == ([1, 11, 6], [0, -10, -5])
    window = windows["scalar/train/loss"]
    assert window["title"] == window["content"]["data"][0]["name"] == "train/loss"
    assert window["content"]["layout"]["xaxis"]["title"] == "step"


def test_many_points(
    vis: VisdomVisBackend, server: VisdomServer, env: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training faster than the server loses nothing: what waits is sent together, in parts."""
    monkeypatch.setattr(sender, "_MOST_TOGETHER", 1000)
    for step in range(2500):
        vis.add_scalar("a", step / 2, step)
    vis.close()
    steps = list(range(2500))
    assert server.points(env, "a") == (steps, [step / 2 for step in steps])


def test_a_running_backend(
    hasty: None, vis: VisdomVisBackend, server: VisdomServer, env: str
) -> None:
    """A value is there a moment later, without a call of close; and so is the next one."""
    del hasty
    for step in range(3):
        vis.add_scalar("a", 0.5, step)
        until(lambda step=step: server.points(env, "a")[0] == list(range(step + 1)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, 0.1),
        (3, 3),
        (True, 1),
        (-0.0, 0),
        (1e308, 1e308),
        (NAN, None),
        (INF, None),
        (-INF, None),
        (10**400, None),
        (-(10**400), None),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(NAN), None),
        (np.int64(-7), -7),
        (np.bool_(True), 1),  # noqa: FBT003 - the value itself
        (np.array([[3]]), 3),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([0.25], requires_grad=True), 0.25),
        (torch.tensor(INF), None),
        (torch.tensor(0.25, dtype=torch.bfloat16), 0.25),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values(
    vis: VisdomVisBackend, server: VisdomServer, env: str, value: object, expected: float | None
) -> None:
    """Every kind of number is there, what is not finite as a gap; and the page can be read."""
    vis.add_scalar("a", 1, 0)
    vis.add_scalar("a", value, 1)
    vis.add_scalars({"a": 2, "b": value}, 2)
    vis.close()
    assert server.points(env, "a") == ([0, 1, 2], [1, expected, 2])
    assert server.points(env, "b") == ([2], [expected])


@pytest.mark.parametrize(
    "value", [None, "0.5", b"1", 1j, [1], {}, np.str_("1"), torch.tensor(1j)], ids=repr
)
def test_what_is_no_number(
    vis: VisdomVisBackend, server: VisdomServer, env: str, value: object
) -> None:
    """What is no number is skipped with a warning at the line that logged it."""
    with pytest.warns(UserWarning, match="a: .* skip it!") as caught:
        vis.add_scalar("a", value)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="a: .* skip it!") as caught:
        vis.add_scalars({"a": value, "b": 2}, 3)
    assert caught[0].filename == __file__
    vis.close()
    assert list(server.windows(env)) == ["scalar/b"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda vis: vis.add_scalar("a", np.zeros(2)), TypeError),
        (lambda vis: vis.add_scalars({"b": 1, "a": torch.zeros(0)}), TypeError),
        (lambda vis: vis.add_scalar(1, 1), TypeError),
        (lambda vis: vis.add_scalars({None: 1}), TypeError),
        (lambda vis: vis.add_scalars([("a", 1)]), TypeError),
        (lambda vis: vis.add_scalars({"a": 1, "step": 3}), ValueError),
        (lambda vis: vis.add_scalar("a", 1, 0.5), TypeError),
        (lambda vis: vis.add_scalar("a", 1, 1 << 60), ValueError),
        (lambda vis: vis.add_scalar("a", 1, -(10**400)), ValueError),
        (lambda vis: vis.add_image("a", noise(2, 2), "1"), TypeError),
        (lambda vis: vis.add_image(1, noise(2, 2)), TypeError),
        (lambda vis: vis.add_image("a", object()), TypeError),
        (lambda vis: vis.add_image("a", noise(2, 2, 2)), ValueError),
        (lambda vis: vis.add_config(1), TypeError),
    ],
)
def test_wrong_arguments(
    vis: VisdomVisBackend, call: Callable[[VisdomVisBackend], None], error: type[Exception]
) -> None:
    """What can't be shown raises at once, at the call; and nothing of it is sent."""
    with pytest.raises(error):
        call(vis)
    assert not vis._connections


def test_a_step_is_what_it_was(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """Negative and large steps, and those of NumPy and torch, are not rounded."""
    steps = [-3, 0, 2**53, np.int32(7), torch.tensor(8)]
    for step in steps:
        vis.add_scalar("a", 0.5, step)
    vis.close()
    assert server.points(env, "a")[0] == [int(step) for step in steps]


@pytest.mark.parametrize("name", ["", "a/b c", "größe", "<b>&'\"", "a\\b\n", "x" * 1000])
def test_names(vis: VisdomVisBackend, server: VisdomServer, env: str, name: str) -> None:
    """Any text names a line and a picture of their own."""
    for step in range(2):
        vis.add_scalar(name, step, step)
    vis.add_image(name, noise(2, 2, 3))
    vis.close()
    assert server.points(env, name) == ([0, 1], [0, 1])
    assert sorted(server.windows(env)) == [f"image/{name}", f"scalar/{name}"]


# An environment


def test_another_run_goes_on(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """A second backend for the same environment appends to the windows of the first."""
    vis.add_scalar("a", 1, 1)
    vis.add_image("b", noise(2, 2, 3), 1)
    vis.close()
    with VisdomVisBackend(port=server.port, env=env) as again:
        again.add_scalar("a", 2, 2)
        again.add_image("b", noise(2, 2, 3), 2)
    assert server.points(env, "a") == ([1, 2], [1, 2])
    assert [each["caption"] for each in server.windows(env)["image/b"]["content"]] == [
        "step 1",
        "step 2",
    ]


def test_each_run_has_its_environment(server: VisdomServer) -> None:
    """Backends with folders of different names don't meet."""
    for number in range(2):
        with VisdomVisBackend(f"work/own_{number}/vis_data", port=server.port) as vis:
            vis.add_scalar("a", number, number)
    for number in range(2):
        assert server.points(f"own-{number}", "a") == ([number], [number])


def test_a_closed_window_comes_back(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """The next value opens a window again that a user has closed; it has what came since."""
    vis.add_scalar("a", 1, 1)
    vis.add_image("b", noise(2, 2, 3), 1)
    vis.close()
    server.ask("close", eid=env, win="scalar/a")
    server.ask("close", eid=env, win="image/b")
    vis.add_scalar("a", 2, 2)
    vis.add_image("b", noise(2, 2, 3), 2)
    vis.close()
    assert server.points(env, "a") == ([2], [2])
    assert len(server.windows(env)["image/b"]["content"]) == 1


def test_what_is_closed_is_kept(own_server: VisdomServer) -> None:
    """A server that is stopped after close has all of the run when it is started again."""
    own_server.start()
    vis = VisdomVisBackend("runs/exp_1", port=own_server.port)
    vis.add_scalar("a", 1, 1)
    vis.close()
    own_server.kill()
    own_server.start()
    vis.add_scalar("a", 2, 2)
    vis.close()
    assert own_server.points("exp-1", "a") == ([1, 2], [1, 2])


def test_what_cannot_be_saved(own_server: VisdomServer) -> None:
    """A server that can't save the environment is told of by close; it still has the run."""
    own_server.start()
    vis = VisdomVisBackend(port=own_server.port)
    vis.add_scalar("a", 1, 1)
    shutil.rmtree(own_server.folder)
    with pytest.raises(TrainvizError, match="refuses: 500"):
        vis.close()
    assert own_server.points("main", "a") == ([1], [1])


# Pictures and text


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (noise(5, 7, 3), noise(5, 7, 3)),
        (noise(5, 7), np.dstack([noise(5, 7)] * 3)),
        (noise(4, 6, 1) / 255, np.dstack([noise(4, 6, 1)] * 3)),
        (torch.from_numpy(noise(3, 5, 7)), noise(3, 5, 7).transpose(1, 2, 0)),
        (Image.fromarray(noise(5, 7, 3)), noise(5, 7, 3)),
        (noise(1, 1, 3), noise(1, 1, 3)),
        (np.zeros((3, 3, 3), np.uint8), np.zeros((3, 3, 3), np.uint8)),
    ],
)
def test_pictures(
    vis: VisdomVisBackend, server: VisdomServer, env: str, image: Any, expected: np.ndarray
) -> None:
    """The server has the pixels that were logged, whatever they came in."""
    vis.add_image("val/seen", image, 3)
    vis.close()
    window = server.windows(env)["image/val/seen"]
    (content,) = window["content"]
    assert np.array_equal(pixels(content), expected)
    assert (window["title"], content["caption"]) == ("val/seen", "step 3")
    assert max(window["width"], window["height"]) == 400
    assert window["width"] / window["height"] == pytest.approx(expected.shape[1] / len(expected))


def test_earlier_pictures_stay(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """A window has the pictures of all steps, in order, and shows the last."""
    for step in range(3):
        vis.add_image("a", np.full((2, 2, 3), step, np.uint8), step)
    vis.close()
    window = server.windows(env)["image/a"]
    assert [int(pixels(each).max()) for each in window["content"]] == [0, 1, 2]
    assert [each["caption"] for each in window["content"]] == ["step 0", "step 1", "step 2"]
    assert window["selected"] == 2


def test_a_buffer_that_is_used_again(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """A picture is what it was at the call, though training writes into its array afterwards."""
    image = noise(64, 64, 3)
    vis.add_image("a", image)
    image[:] = 0
    vis.close()
    assert np.array_equal(pixels(server.windows(env)["image/a"]["content"][0]), noise(64, 64, 3))


def test_config(vis: VisdomVisBackend, server: VisdomServer, env: str, tmp_path: Path) -> None:
    """The configuration is text that a browser doesn't run; a later one takes its place."""
    vis.add_config({"note": "<script>alert('&amp;')</script>"})
    vis.close()
    assert server.windows(env)["text/config"]["content"] == (
        "<pre>note = &quot;&lt;script&gt;alert(&#x27;&amp;amp;&#x27;)&lt;/script&gt;&quot;\n</pre>"
    )
    (tmp_path / "config.py").write_bytes(b"lr = 1  # \xff</pre>\n")
    vis.add_config(tmp_path / "config.py")
    vis.close()
    content = server.windows(env)["text/config"]["content"]
    assert content == "<pre>lr = 1  # \ufffd&lt;/pre&gt;\n</pre>"


def test_graph(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """A model is shown as it prints itself, as text."""
    vis.add_graph(torch.nn.Sequential(torch.nn.ReLU()), torch.zeros(1))
    vis.close()
    assert (
        server.windows(env)["text/graph"]["content"] == "<pre>Sequential(\n  (0): ReLU()\n)</pre>"
    )


# The client


def test_experiment(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """The client is visdom's own, in the run's environment, for all that these methods lack."""
    import visdom

    assert isinstance(vis.experiment, visdom.Visdom)
    assert vis.experiment is vis.experiment
    vis.experiment.bar([1, 2], win="mine")
    assert server.windows(env)["mine"]["content"]["data"][0]["type"] == "bar"


def test_a_client_without_server() -> None:
    """Its methods raise one line with the cure, rather than print a traceback as visdom's do."""
    port = free_port()
    vis = VisdomVisBackend(port=port)
    with pytest.raises(WriteError, match=f"localhost:{port}.*python -m visdom.server -port {port}"):
        vis.experiment.text("a")
    with pytest.raises(WriteError):
        vis.experiment.win_exists("a")


@pytest.mark.parametrize("password", ["secret", "wrong", None])
def test_login(hasty: None, own_server: VisdomServer, password: str | None) -> None:
    """Name and password are among visdom's options; a refusal is told and counted."""
    del hasty
    own_server = VisdomServer(own_server.folder, "me", "secret").start()
    login = {"username": "me", "password": password} if password else None
    vis = VisdomVisBackend(server="127.0.0.1", port=own_server.port, init_kwargs=login)
    try:
        vis.add_scalar("a", 1)
        if password == "secret":  # noqa: S105 - of a server that lives for this test
            vis.close()
            vis.experiment.win_exists("scalar/a")
            assert vis.experiment.win_exists("scalar/a")
        else:
            with pytest.raises(TrainvizError, match=r"1 records are lost: .* refuses: 400"):
                vis.close()
    finally:
        own_server.kill()


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without visdom the first call says how it is installed; wrong values still come first."""
    monkeypatch.setitem(sys.modules, "visdom", None)
    vis = VisdomVisBackend()
    with pytest.raises(MissingPackageError) as caught:
        vis.add_scalar("a", 1)
    assert caught.value.hint == (
        "pip install 'setuptools<81' && pip install --no-build-isolation visdom"
    )
    vis.close()


# Processes and threads


@pytest.mark.parametrize("rank", ["0", "1"])
def test_ranks(server: VisdomServer, env: str, rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a distributed training rank 0 writes, or every rank if told so."""
    monkeypatch.setenv("RANK", rank)
    for all_ranks in (False, True):
        with VisdomVisBackend(port=server.port, env=env, all_ranks=all_ranks) as vis:
            assert vis.all_ranks == all_ranks
            vis.add_scalar("a", 1)
            vis.add_image("b", noise(2, 2))
            vis.add_config({})
            assert bool(vis._connections) == (all_ranks or rank == "0")


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda vis: pickle.loads(pickle.dumps(vis))],  # noqa: S301 - its own
)
def test_copies(
    vis: VisdomVisBackend,
    server: VisdomServer,
    env: str,
    copied: Callable[[VisdomVisBackend], VisdomVisBackend],
) -> None:
    """A copy of a backend in use has a connection of its own; neither's end is the other's."""
    vis.add_scalar("a", 1, 1)
    with copied(vis) as other:
        other.add_scalar("b", 2, 2)
        assert other.experiment is not vis.experiment
    vis.add_scalar("a", 3, 3)
    vis.close()
    assert server.points(env, "a") == ([1, 3], [1, 3])
    assert server.points(env, "b") == ([2], [2])


@needs_fork
def test_fork(server: VisdomServer, env: str) -> None:
    """Parent and forked child each send what they log, once, without a call of close."""
    script = """
import os
vis = VisdomVisBackend(port=int(sys.argv[1]), env=sys.argv[2])
for step in range(100):
    vis.add_scalar("before", step, step)
child = os.fork()
name = "parent" if child else "child"
for step in range(100):
    vis.add_scalar(name, step, step)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    # Later Pythons warn of forks where there are threads.
    run_script(script, server.port, env, options=("-W", "ignore::DeprecationWarning"))
    for name in ("before", "parent", "child"):
        assert server.points(env, name)[0] == list(range(100))


def test_threads(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """Threads may log at once, and each of them close meanwhile: every value is there once."""
    vis.add_scalar("a", 0, -1)
    vis.close()  # of two that find no window, visdom keeps the one that is made last

    def log(number: int) -> None:
        for step in range(200):
            vis.add_scalar("a", number, step)
            if step % 50 == 0:
                vis.close()

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vis.close()
    assert sorted(server.points(env, "a")[0]) == [-1, *sorted([*range(200)] * 4)]


def test_close(vis: VisdomVisBackend, server: VisdomServer, env: str) -> None:
    """Closing twice is closing once; it ends the thread, and the next call begins anew."""
    vis.add_scalar("a", 1, 1)
    vis.close()
    vis.close()
    assert sender._THREAD not in {thread.name for thread in threading.enumerate()}
    vis.add_scalar("a", 2, 2)
    vis.close()
    assert server.points(env, "a") == ([1, 2], [1, 2])


# What a user sees of it


def test_nothing_is_printed(server: VisdomServer, env: str) -> None:
    """Neither stream has a byte of visdom's and requests' talk, even of those who log it all."""
    script = """
import logging
port, dead, env = sys.argv[1:]
logging.basicConfig(level=logging.DEBUG)
levels = [logging.getLogger(name).level for name in ("urllib3", "requests", "visdom")]
with VisdomVisBackend(port=int(port), env=env) as vis:
    vis.add_scalars({"a": 1, "b": float("nan")})
    vis.add_image("a", [[0, 255]])
    vis.add_config({})
vis = VisdomVisBackend(port=int(dead))
vis.add_scalar("a", 1)
try:
    vis.close()
except OSError:
    pass
assert levels == [logging.getLogger(name).level for name in ("urllib3", "requests", "visdom")]
"""
    noise_of_pillow = re.compile(r"DEBUG:PIL\..*\n")
    assert not noise_of_pillow.sub("", run_script(script, server.port, free_port(), env))
    assert len(server.windows(env)) == 4


def test_other_requests_are_still_logged(
    vis: VisdomVisBackend, server: VisdomServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what the backend's thread requests is kept out of the log."""
    import requests

    caplog.set_level(logging.DEBUG, "urllib3")
    vis.add_scalar("a", 1)
    vis.close()
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]
    requests.post(f"http://127.0.0.1:{server.port}/env_state", data="{}", timeout=10)
    assert [record for record in caplog.records if record.name.startswith("urllib3")]


def test_the_end_of_a_process(server: VisdomServer, env: str) -> None:
    """A script that ends without close leaves nothing behind, and the environment saved."""
    script = """
vis = VisdomVisBackend(port=int(sys.argv[1]), env=sys.argv[2])
for step in range(100):
    vis.add_scalar("a", step, step)
"""
    assert not run_script(script, server.port, env)
    assert server.points(env, "a")[0] == list(range(100))
    assert (server.folder / f"{env}.json").exists()


def test_the_end_of_a_process_without_server() -> None:
    """A script whose values never arrived ends at once, with one line about them."""
    script = """
vis = VisdomVisBackend(port=int(sys.argv[1]))
vis.add_scalars({"a": 1, "b": 2})
"""
    port = free_port()
    printed = run_script(script, port, options=())
    assert "2 records are lost: no visdom server answers" in printed
    assert f"python -m visdom.server -port {port}" in printed
    assert "Traceback" not in printed


# Servers that are dead, deaf, slow


def test_a_server_that_dies(hasty: None, own_server: VisdomServer) -> None:
    """Calls stay fast, one raises, the others go on; what came meanwhile is there in the end."""
    del hasty
    own_server.start()
    vis = VisdomVisBackend(port=own_server.port)
    vis.add_scalar("a", 0, 0)
    until(lambda: "scalar/a" in own_server.windows("main"))
    own_server.kill()
    steps = itertools.count(1)
    error = failure_of(lambda _: vis.add_scalar("a", 0.5, next(steps)))
    assert isinstance(error, OSError)
    assert str(error) == (
        f"no visdom server answers at http://localhost:{own_server.port} "
        f"(start it with `python -m visdom.server -port {own_server.port}`)"
    )
    for _ in range(500):  # for several attempts
        vis.add_scalar("a", 0.5, next(steps))
        time.sleep(0.001)
    own_server.start()
    last = next(steps)
    vis.add_scalar("a", 0.5, last)
    until(lambda: "scalar/a" in own_server.windows("main"))
    vis.close()
    assert own_server.points("main", "a")[0] == list(range(1, last + 1))


def test_a_server_that_dies_again(hasty: None, own_server: VisdomServer) -> None:
    """A second failure is told as well as the first; one that is over is not."""
    del hasty
    own_server.start()
    vis = VisdomVisBackend(port=own_server.port)
    for _ in range(2):
        own_server.kill()
        failure_of(lambda step: vis.add_scalar("a", 0.5, step))
        own_server.start()
        until(lambda: "scalar/a" in own_server.windows("main"))
    vis.close()


def test_a_server_that_never_was(hasty: None) -> None:
    """Close says how much is lost and where the server should be, and returns."""
    del hasty
    port = free_port()
    vis = VisdomVisBackend(port=port)
    vis.add_scalars({"a": 1, "b": 2})
    began = time.monotonic()
    with pytest.raises(WriteError, match=f"2 records are lost: .*localhost:{port} .start it with"):
        vis.close()
    assert time.monotonic() - began < HANGS_S
    vis.close()


def test_a_server_that_never_answers(hasty: None, black_hole: int) -> None:
    """A server that takes connections and says nothing holds up no call, and fails."""
    del hasty
    vis = VisdomVisBackend(server="http://127.0.0.1", port=black_hole)
    steps = itertools.count()
    error = failure_of(lambda _: vis.add_scalar("a", 0.5, next(steps)))
    assert f"127.0.0.1:{black_hole}" in str(error)
    assert next(steps) > 1  # the call that it was to wait for didn't
    with pytest.raises(WriteError, match="records are lost"):
        vis.close()


def test_close_is_bounded(black_hole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close doesn't wait for the answer to a request for as long as the request does."""
    monkeypatch.setattr(sender, "_CLOSE_S", 0.2)
    monkeypatch.setattr(backend_file, "_TIMEOUTS_S", (3, 10))
    vis = VisdomVisBackend(server="http://127.0.0.1", port=black_hole)
    vis.add_scalar("a", 1)
    began = time.monotonic()
    with pytest.raises(WriteError, match=f"1 records are lost: .*:{black_hole} doesn't answer"):
        vis.close()
    assert time.monotonic() - began < HANGS_S


@pytest.mark.parametrize("status", [502, 503])
def test_a_server_behind_a_proxy(hasty: None, status: int) -> None:
    """What a proxy answers while the server is away loses nothing either."""
    del hasty
    answers: list[int] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answers.append(status if len(answers) < 3 else 200)
            self.send_response(answers[-1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever).start()
        vis = VisdomVisBackend(port=proxy.server_port)
        error = failure_of(lambda step: vis.add_scalar("a", 1, step))
        until(lambda: 200 in answers)
        vis.close()
        proxy.shutdown()
    assert re.fullmatch(rf"the visdom server at \S+ refuses: {status}", str(error))


def test_a_dead_server_is_asked_seldom() -> None:
    """The first failure is followed by seconds without an attempt, however much is logged."""
    attempts = []

    def post(key: str, records: list[int]) -> None:
        attempts.append((key, records))
        raise ConnectionRefusedError("nobody there")

    sending = sender.Sender(post, lambda: None, "the server")
    for number in range(100):
        with suppress(WriteError):
            assert sending.put([("a", number)])
        time.sleep(0.002)
    assert len(attempts) <= 2
    with pytest.raises(WriteError, match="100 records are lost: the server: ConnectionRefused"):
        sending.close()
    assert attempts[-1] == ("a", list(range(100)))
    assert not sending.put([("a", 0)])


def test_more_than_there_is_room_for(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server, memory is bounded: a call says so once, and close how much is lost."""
    del hasty
    monkeypatch.setattr(sender, "_MOST_BYTES", 100 * sender._RECORD_BYTES)
    vis = VisdomVisBackend(port=free_port())
    told = []
    for step in range(300):
        try:
            vis.add_scalar("a", 1, step)
        except WriteError as error:
            told.append(str(error))
    assert len([line for line in told if "what comes now is left out" in line]) == 1
    assert len(told) <= 2
    with pytest.raises(WriteError, match="300 records are lost"):
        vis.close()


def test_pictures_take_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a picture takes counts, but one that is larger than all the room may wait alone."""
    monkeypatch.setattr(sender, "_MOST_BYTES", 1000)
    vis = VisdomVisBackend(port=free_port())
    vis.add_image("a", noise(32, 32, 3), 1)
    with pytest.raises(WriteError):
        vis.add_image("a", noise(32, 32, 3), 2)
    with pytest.raises(WriteError, match="2 records are lost"):
        vis.close()


def test_what_the_server_chokes_on(
    hasty: None, vis: VisdomVisBackend, server: VisdomServer, env: str
) -> None:
    """A record that fails is left out, told and counted; the others go on."""
    del hasty
    vis.add_scalar("\ud800", 1)  # half a character, which it can't encode
    error = failure_of(lambda step: vis.add_scalar("a", 0, step))
    assert re.fullmatch(r"the visdom server at \S+ refuses: 500", str(error))
    vis.add_scalar("b", 0)
    with pytest.raises(WriteError, match=r"1 records are lost: .* refuses: 500"):
        vis.close()
    steps = server.points(env, "a")[0]
    assert steps == list(range(len(steps)))
    assert server.points(env, "b")[0] == [0]


def test_what_visdom_itself_chokes_on(vis: VisdomVisBackend) -> None:
    """An error of any other kind is told as well, with the server it was meant for."""

    def choke(*_: object, **__: object) -> None:
        raise AssertionError("a window without")

    vis.experiment.text = choke
    vis.add_config({})
    with pytest.raises(WriteError, match=r"1 records .*localhost:\d+: AssertionError: a window w"):
        vis.close()
