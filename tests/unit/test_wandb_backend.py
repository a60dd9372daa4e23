"""WandbVisBackend: wandb's own files hold exactly what was logged, and no training waits for it."""

from __future__ import annotations

import argparse
import copy
import inspect
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from trainviz_cli.errors import MissingPackageError, WriteError
from trainviz_cli.writing.backends import wandb as backend
from trainviz_cli.writing.backends.wandb import WandbVisBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAN, INF = float("nan"), float("inf")
BLOCK = 1 << 15  # bytes, which no record of a .wandb file crosses in one part
ENDS = {1, 4}  # a whole record, the last part of one
STEP = {"name": "step", "hidden": True}
REST = {"name": "*", "step_metric": "step"}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture(scope="module", autouse=True)
def wandb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The real SDK, offline and in a folder of its own; its process ends with the tests."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("WANDB_"):
                patch.delenv(name)
        for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT"):
            patch.setenv(f"WANDB_{name}_DIR", str(home / name))
        for name in ("HOME", "TMPDIR", "WANDB_DIR"):
            patch.setenv(name, str(home))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_CONSOLE", "off")
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        patch.setenv("WANDB_SERVICE", "")  # so that what wandb sets is taken back
        patch.delenv("WANDB_SERVICE")
        patch.setattr(tempfile, "tempdir", None)
        sdk = pytest.importorskip("wandb")
        yield sdk
        sdk.teardown()


@pytest.fixture(autouse=True)
def alone(wandb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No rank from the tests' own launcher, and no run that one test leaves to the next."""
    for variable in ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(variable, raising=False)
    yield
    if wandb.run is not None:
        wandb.finish()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "run"


def files(folder: Path) -> list[Path]:
    """The .wandb files below a folder, oldest first."""
    return sorted(folder.rglob("*.wandb"), key=lambda path: path.stat().st_mtime_ns)


def records(path: Path) -> list[Any]:
    """The records of an ended run, whose file wandb's process may still be writing."""
    deadline = time.monotonic() + 30
    while not (found := list(written(path.read_bytes()))) or not found[-1].HasField("exit"):
        assert time.monotonic() < deadline, f"{path} has no end"
        time.sleep(0.01)
    return found


def written(data: bytes) -> Iterator[Any]:
    """The whole records of a .wandb file: LevelDB's log format after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    at, parts = 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # too little for another head
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in ENDS and at <= len(data):
            yield Record.FromString(parts)
            parts = b""


def of_kind(folder: Path, kind: str) -> list[Any]:
    """All records of one kind in the runs below a folder."""
    return [
        getattr(record, kind)
        for path in files(folder)
        for record in records(path)
        if record.WhichOneof("record_type") == kind
    ]


def items(updates: Any) -> dict[str, Any]:
    """Name → value, names inside a value after a dot."""
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in updates}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows logged in the runs below a folder, without wandb's own columns."""
    return [
        {name: value for name, value in items(row.item).items() if not name.startswith("_")}
        for row in of_kind(folder, "history")
    ]


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration at the end of the runs below a folder."""
    found: dict[str, Any] = {}
    for record in of_kind(folder, "config"):
        found |= items(record.update)
    return found


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The arguments of every `define_metric`, in their order."""
    found = []
    for metric in of_kind(folder, "metric"):
        kinds = [field.name for field, value in metric.summary.ListFields() if value]
        told = {
            "name": metric.glob_name or metric.name,
            "step_metric": metric.step_metric,
            "hidden": metric.options.hidden,
            "summary": ",".join(kinds),
        }
        found.append({name: value for name, value in told.items() if value})
    return found


def script(
    text: str,
    *arguments: object,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.PIPE,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """What a Python of its own does with warnings as errors and the backend imported."""
    imports = "import os, sys\nfrom trainviz_cli.writing.backends.wandb import WandbVisBackend\n"
    inherited = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", imports + text, *map(str, arguments)],
        check=False,
        env=inherited | environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
    )


class FakeRun:
    """What is used of a run."""

    sync_dir = "there"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.exit_codes: list[int | None] = []

    def define_metric(self, **_: object) -> None:
        """Takes any metric."""

    def unwatch(self) -> None:
        """Has no hooks."""

    def log(self, row: object, *, commit: bool) -> None:
        """Takes any row."""

    def finish(self, exit_code: int | None) -> None:
        """Ends, or fails to."""
        self.exit_codes.append(exit_code)
        if self.error:
            raise self.error


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module in place of wandb, whose `init` counts its calls, takes time and may raise."""
    module = SimpleNamespace(
        Error=RuntimeError,
        Settings=SimpleNamespace(model_fields=()),
        begun=FakeRun(),
        calls=0,
        error=None,
        now=100.0,
        takes=0.0,
        run=None,
    )

    def init(**_: object) -> FakeRun:
        module.calls += 1
        module.now += module.takes
        if module.error:
            raise module.error
        return module.begun

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(backend, "time", SimpleNamespace(monotonic=lambda: module.now))
    return module


# The constructor, and what is there before the first call


def test_nothing_before_the_first_call(run: Path, wandb: Any) -> None:
    """Making a backend, entering and closing it, an empty record: no run, no file."""
    with WandbVisBackend(run) as vis:
        vis.add_scalars({})
        vis.close()
    assert wandb.run is None
    assert not run.exists()


def test_imports_neither_wandb_nor_numpy() -> None:
    """A training script that has the backend, but not yet a value, waits for no library."""
    done = script("WandbVisBackend('run')\nprint({'wandb', 'numpy'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_signatures_of_mmengine() -> None:
    """Names, order and defaults are MMEngine's, so that its backend can be replaced by this one."""
    expected = {
        "__init__": "save_dir=None, init_kwargs=None, define_metric_cfg=None, commit=True, "
        "log_code_name=None, watch_kwargs=None",
        "add_config": "config",
        "add_graph": "model, data_batch=None",
        "add_image": "name, image, step=0",
        "add_scalar": "name, value, step=0",
        "add_scalars": "scalar_dict, step=0, file_path=None",
        "close": "",
    }
    for method, arguments in expected.items():
        parameters = inspect.signature(getattr(WandbVisBackend, method)).parameters.values()
        told = [
            each.name if each.default is each.empty else f"{each.name}={each.default!r}"
            for each in parameters
            if each.kind is each.POSITIONAL_OR_KEYWORD and each.name != "self"
        ]
        assert ", ".join(told) == arguments, method


@pytest.mark.parametrize(
    "given", ["max", 3, [{"summary": "max"}], [3], [{"name": 3}], {3: "max"}], ids=repr
)
def test_bad_define_metric_cfg(given: Any) -> None:
    """What can't define a metric is refused at once, not when the training has begun."""
    with pytest.raises(ValueError, match="define_metric_cfg is a dict or a list of dicts"):
        WandbVisBackend(define_metric_cfg=given)


# Values


def test_scalars_with_their_steps(run: Path) -> None:
    """Every value is a row with its step, in order, NaN, infinities and steps that go back too."""
    told = [("loss", 0.5, 10), ("loss", NAN, 20), ("acc", 0.75, 1), ("loss", -INF, 30), ("n", 3, 0)]
    with WandbVisBackend(run) as vis:
        for name, value, step in told:
            vis.add_scalar(name, value, step)
    found = [(name, row[name], row["step"]) for row in rows(run) for name in row if name != "step"]
    assert repr(found) == repr(told)


def test_several_at_once(run: Path) -> None:
    """A mapping is one row; a step in it wins over the argument; further arguments are ignored."""
    with WandbVisBackend(run) as vis:
        vis.add_scalars({"loss": 0.5, "lr": 1e-3}, 7, "more.json", more=1)
        vis.add_scalars({"loss": 0.25, "step": 9}, 8)
        vis.add_scalars({})
    assert rows(run) == [{"loss": 0.5, "lr": 1e-3, "step": 7}, {"loss": 0.25, "step": 9}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.array(3), 3),
        (np.array([[3]]), 3),
        (np.bool_(1), True),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.nn.Parameter(torch.tensor([0.5])), 0.5),
        (torch.tensor([[0.5]], dtype=torch.bfloat16), 0.5),
        (torch.ones((), dtype=torch.bool), True),
        (True, True),
        (None, None),
        ("text", "text"),
        ([1, np.float64(2)], [1, 2]),
        (np.arange(3), [0, 1, 2]),
    ],
    ids=repr,
)
def test_values(run: Path, value: object, expected: object) -> None:
    """Scalars of every library are plain numbers, and the rest is what wandb makes of it."""
    with WandbVisBackend(run) as vis:
        vis.add_scalar("value", value, np.int64(1))
    (row,) = rows(run)
    assert row == {"value": expected, "step": 1}
    assert type(row["value"]) is type(expected)


def test_large_array_is_a_histogram(run: Path) -> None:
    """An array of many values is a histogram, as wandb makes it for MMEngine."""
    with WandbVisBackend(run) as vis:
        vis.add_scalar("weights", torch.arange(100.0), 1)
    (row,) = rows(run)
    assert row["weights._type"] == "histogram"
    assert sum(row["weights.values"]) == 100


def test_what_wandb_cannot_store(run: Path) -> None:
    """What can't be stored is a TypeError, and the run goes on."""
    with WandbVisBackend(run) as vis:
        with pytest.raises(TypeError, match="object"):
            vis.add_scalar("a", object())
        with pytest.raises(TypeError, match="strings"):
            vis.add_scalars({1: 2})  # type: ignore[dict-item]
        with pytest.raises(TypeError, match="not list"):
            vis.add_scalars([("a", 1)])  # type: ignore[arg-type]
        vis.add_scalar("a", 1, 2)
    assert rows(run) == [{"a": 1, "step": 2}]


def test_commit_is_left_to_the_user(run: Path) -> None:
    """With commit=False values gather in one row, until wandb is told to commit it."""
    with WandbVisBackend(run, commit=False) as vis:
        vis.add_scalar("a", 1, 5)
        vis.add_scalar("b", 2, 6)
        vis.experiment.log({"c": 3}, commit=True)
        vis.add_scalar("a", 4, 7)
    assert rows(run) == [{"a": 1, "b": 2, "c": 3, "step": 6}, {"a": 4, "step": 7}]


# Pictures, configurations, models


@pytest.mark.parametrize("kind", ["numpy", "torch", "pillow", "grey"])
def test_image(run: Path, kind: str) -> None:
    """The PNG among the run's media has the picture's pixels, whatever it came as."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    if kind == "grey":
        pixels = pixels[..., :1].repeat(3, axis=2)
    image = {
        "numpy": pixels,
        "torch": torch.from_numpy(pixels).permute(2, 0, 1) / 255,
        "pillow": Image.fromarray(pixels),
        "grey": pixels[..., 0],
    }[kind]
    with WandbVisBackend(run) as vis:
        vis.add_image("val/pred", image, 20)
    (row,) = rows(run)
    assert row["step"] == 20
    path = files(run)[0].parent / "files" / row["val/pred.path"]
    assert path.suffix == ".png"
    assert np.array_equal(np.asarray(Image.open(path)), pixels)


def test_no_picture(run: Path, wandb: Any) -> None:
    """What is no picture is refused before a run is begun."""
    with WandbVisBackend(run) as vis:
        with pytest.raises(ValueError, match="shape"):
            vis.add_image("a", np.zeros((2, 3, 9), np.uint8))
        with pytest.raises(TypeError, match="not an image"):
            vis.add_image("a", "no picture")
        assert wandb.run is None


def test_config(run: Path) -> None:
    """A configuration of any kind becomes the run's, as plain data; a later value wins."""
    with WandbVisBackend(run) as vis:
        vis.add_config({"lr": 0.1, "model": {"type": "Net", "sizes": (1, 2)}, "same": ...})
        vis.add_config(argparse.Namespace(lr=0.2, path=Path("data"), odd={3, "a"}, nan=NAN))
        vis.add_config(Config({"optimizer": {"type": "SGD"}}))
    assert config_of(run) == {
        "lr": 0.2,
        "model": {"type": "Net", "sizes": [1, 2]},
        "same": "Ellipsis",
        "path": "data",
        "odd": [3, "a"],
        "nan": None,
        "optimizer": {"type": "SGD"},
    }


def test_config_from_a_file(run: Path, tmp_path: Path) -> None:
    """A path is read, never executed; one that can't be is an OSError, and no run is begun."""
    path = tmp_path / "config.py"
    path.write_text("lr = 0.1\nscale = lr * 2\n")
    with WandbVisBackend(run) as vis:
        with pytest.raises(FileNotFoundError):
            vis.add_config(tmp_path / "none.py")
        assert not run.exists()
        vis.add_config(path)
    assert config_of(run) == {"lr": 0.1, "scale": "lr * 2"}


def test_code_is_taken_when_asked_for(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`log_code_name` makes an artifact of the Python files here; nothing is taken without it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print()")
    monkeypatch.chdir(tmp_path / "code")
    with WandbVisBackend(run) as vis:
        vis.add_config({"lr": 0.1})
    assert not of_kind(run, "artifact")
    with WandbVisBackend(run, log_code_name="mine") as vis:
        vis.add_config({"lr": 0.1})
    (artifact,) = of_kind(run, "artifact")
    assert (artifact.type, artifact.name) == ("code", "mine")
    assert [entry.path for entry in artifact.manifest.contents] == ["train.py"]


def test_graph_is_watched(run: Path) -> None:
    """A model's gradients are logged while the run lasts; afterwards it trains on as before."""
    model = torch.nn.Linear(3, 2)
    with WandbVisBackend(run, watch_kwargs={"log": "all", "log_freq": 1}) as vis:
        vis.add_graph(model, [{}])
        model(torch.ones(1, 3)).sum().backward()
        vis.add_scalar("loss", 0.5, 1)
    model(torch.ones(1, 3)).sum().backward()
    (row,) = rows(run)
    names = {f"{kind}/{name}._type" for kind in ("gradients", "parameters") for name in "wb"}
    assert {name for name in row if name.endswith("_type")} == {
        name.replace("w.", "weight.").replace("b.", "bias.") for name in names
    }
    assert (row["loss"], row["step"]) == (0.5, 1)


def test_no_model(run: Path) -> None:
    """What is no torch model is a TypeError."""
    with WandbVisBackend(run) as vis, pytest.raises(TypeError, match="pytorch model"):
        vis.add_graph("no model")


# Metrics


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        (
            {"coco/bbox_mAP": "max", "loss": "min"},
            [
                {"name": "coco/bbox_mAP", "step_metric": "step", "summary": "max"},
                {"name": "loss", "step_metric": "step", "summary": "min"},
            ],
        ),
        (
            [
                {"name": "loss", "step_metric": "epoch", "hidden": True},
                {"name": "val/*", "summary": "max"},
                {"name": "step", "summary": "none"},
                {"name": "*", "step_metric": "epoch"},
            ],
            [
                {"name": "loss", "step_metric": "epoch", "hidden": True},
                {"name": "val/*", "step_metric": "step", "summary": "max"},
                {"name": "step", "summary": "none"},
                {"name": "*", "step_metric": "epoch"},
            ],
        ),
    ],
    ids=["none", "mapping", "list"],
)
def test_define_metric_cfg(run: Path, given: Any, expected: list[Mapping[str, str]]) -> None:
    """Every metric is drawn over the step, also a user's own, unless it has another step."""
    with WandbVisBackend(run, define_metric_cfg=given) as vis:
        vis.add_scalar("loss", 0.5, 1)
    assert metrics(run) == [STEP, REST, *expected]


def test_summary_of_a_metric(run: Path) -> None:
    """A metric defined by its best value has that as its summary, any other its last value."""
    with WandbVisBackend(run, define_metric_cfg={"coco/bbox_mAP": "max"}) as vis:
        for step, value in enumerate([0.25, 0.75, 0.5]):
            vis.add_scalars({"coco/bbox_mAP": value, "loss": value}, step)
    summary: dict[str, Any] = {}
    for update in of_kind(run, "summary"):
        summary |= items(update.update)
    assert (summary["coco/bbox_mAP"], summary["loss"]) == ({"max": 0.75}, 0.5)


def test_unknown_summary_is_told_once(run: Path, wandb: Any) -> None:
    """What wandb doesn't know is its error at the first use, after which the run goes on."""
    with WandbVisBackend(run, define_metric_cfg={"loss": "median"}) as vis:
        with pytest.raises(wandb.Error, match="median"):
            vis.add_scalar("loss", 0.5, 1)
        vis.add_scalar("loss", 0.25, 2)
    assert rows(run) == [{"loss": 0.25, "step": 2}]


# Runs: whose they are, where they begin and end


def test_experiment_is_the_module(run: Path, wandb: Any) -> None:
    """`experiment` is wandb itself with a run begun, through which all else can be logged."""
    with WandbVisBackend(run, {"project": "detection", "name": "first"}) as vis:
        assert vis.experiment is wandb
        table = vis.experiment.Table(columns=["name", "score"], data=[["cat", 0.5]])
        vis.experiment.log({"table": table})
        assert (wandb.run.project, wandb.run.name) == ("detection", "first")
    (row,) = rows(run)
    assert row["table._type"] == "table-file"
    path = files(run)[0].parent / "files" / row["table.path"]
    assert json.loads(path.read_text())["data"] == [["cat", 0.5]]


def test_close_and_begin_again(run: Path, wandb: Any) -> None:
    """Closing ends the run, twice does nothing, and the next call begins another."""
    vis = WandbVisBackend(run)
    vis.add_scalar("a", 1, 1)
    vis.close()
    vis.close()
    assert wandb.run is None
    vis.add_scalar("a", 2, 2)
    vis.close()
    assert len(files(run)) == 2
    assert rows(run) == [{"a": 1, "step": 1}, {"a": 2, "step": 2}]


def test_a_run_ended_by_the_user(run: Path) -> None:
    """After `experiment.finish()` the next call begins another run."""
    with WandbVisBackend(run) as vis:
        vis.add_scalar("a", 1, 1)
        vis.experiment.finish()
        vis.add_scalar("a", 2, 2)
    assert len(files(run)) == 2
    assert rows(run) == [{"a": 1, "step": 1}, {"a": 2, "step": 2}]


def test_an_exception_marks_the_run_as_failed(run: Path) -> None:
    """A run left by an exception is a failed one, as it is for wandb's own `with`."""
    vis = WandbVisBackend(run)
    vis.add_scalar("a", 1, 1)
    with pytest.raises(ZeroDivisionError), vis:
        raise ZeroDivisionError
    with WandbVisBackend(run) as vis:
        vis.add_scalar("a", 1, 1)
    assert [record.exit_code for record in of_kind(run, "exit")] == [1, 0]


def test_the_users_own_run_is_used(run: Path, tmp_path: Path, wandb: Any) -> None:
    """A run that the user has begun takes the values, and stays open when the backend closes."""
    own = wandb.init(dir=tmp_path)
    with WandbVisBackend(run, define_metric_cfg={"a": "max"}) as vis:
        vis.add_scalar("a", 1, 5)
        assert vis.experiment.run is own
    assert wandb.run is own
    own.log({"b": 2})
    own.finish()
    assert not list(run.iterdir())
    assert rows(tmp_path) == [{"a": 1, "step": 5}, {"b": 2, "step": 5}]
    assert [metric["name"] for metric in metrics(tmp_path)] == ["step", "*", "a"]
    with vis:
        vis.add_scalar("a", 3, 6)
    assert rows(run) == [{"a": 3, "step": 6}]


def test_two_backends_share_a_run(run: Path) -> None:
    """A second backend of the process uses the first one's run, and goes on without it."""
    with WandbVisBackend(run) as first:
        first.add_scalar("a", 1, 1)
        second = WandbVisBackend(run)
        second.add_scalar("b", 2, 2)
    second.add_scalar("b", 3, 3)
    second.close()
    assert len(files(run)) == 2
    assert rows(run) == [{"a": 1, "step": 1}, {"b": 2, "step": 2}, {"b": 3, "step": 3}]


def test_a_run_beside_the_active_one(run: Path, wandb: Any) -> None:
    """With reinit="create_new", which hides the run from `wandb.run`, it is still begun once."""
    with WandbVisBackend(run, {"reinit": "create_new"}) as vis:
        vis.add_scalar("a", 1, 1)
        vis.add_scalar("a", 2, 2)
        assert wandb.run is None
    assert len(files(run)) == 1
    assert rows(run) == [{"a": 1, "step": 1}, {"a": 2, "step": 2}]


def test_threads_begin_one_run(run: Path) -> None:
    """Two threads that log first at the same time begin one run."""
    vis, barrier = WandbVisBackend(run), threading.Barrier(2)

    def log(name: str) -> None:
        barrier.wait()
        vis.add_scalar(name, 1, 1)

    threads = [threading.Thread(target=log, args=name) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vis.close()
    assert len(files(run)) == 1
    assert sorted(name for row in rows(run) for name in row) == ["a", "b", "step", "step"]


def pickled(vis: WandbVisBackend) -> WandbVisBackend:
    """The backend as another process gets it."""
    sent: WandbVisBackend = pickle.loads(pickle.dumps(vis))  # noqa: S301 - our own bytes
    return sent


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, pickled], ids=["copy", "deepcopy", "pickle"]
)
def test_copies_end_no_run(
    run: Path, wandb: Any, copied: Callable[[WandbVisBackend], WandbVisBackend]
) -> None:
    """A copy logs to the active run, doesn't end it, and begins one of its own without it."""
    with WandbVisBackend(run, {"project": "p"}, {"a": "max"}) as vis:
        vis.add_scalar("a", 1, 1)
        with copied(vis) as other:
            other.add_scalar("b", 2, 2)
        assert wandb.run is not None
    with other:
        other.add_scalar("b", 3, 3)
    assert rows(run) == [{"a": 1, "step": 1}, {"b": 2, "step": 2}, {"b": 3, "step": 3}]


@needs_fork
def test_a_fork_begins_its_own_run(run: Path) -> None:
    """A forked child writes a run of its own, and the parent's goes on after the child's end."""
    done = script(
        "vis = WandbVisBackend(sys.argv[1])\n"
        "vis.add_scalar('parent', 1, 1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    with vis:\n"
        "        vis.add_scalar('child', 2, 2)\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "vis.add_scalar('parent', 3, 3)\n"
        "vis.close()\n",
        run,
    )
    assert done.returncode == 0, done.stderr
    assert len(files(run)) == 2
    told = sorted(rows(run), key=lambda row: row["step"])
    assert told == [{"parent": 1, "step": 1}, {"child": 2, "step": 2}, {"parent": 3, "step": 3}]


def test_another_rank_writes_nothing(
    run: Path, wandb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank 1 begins no run and writes no file, nor does what it logs through `experiment`."""
    monkeypatch.setenv("RANK", "1")
    with WandbVisBackend(run) as vis:
        vis.add_scalar("a", 1)
        vis.add_scalars({"a": 1})
        vis.add_image("a", [[0, 255]])
        vis.add_config({"lr": 0.1})
        vis.add_graph(torch.nn.Linear(3, 2))
        assert wandb.run is None
        vis.experiment.log({"a": 1})
        vis.add_scalar("a", 1)
    assert wandb.run is None
    assert not run.exists()


def test_every_rank_writes_when_told_to(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `all_ranks` rank 1 has a run too."""
    monkeypatch.setenv("RANK", "1")
    with WandbVisBackend(run, all_ranks=True) as vis:
        vis.add_scalar("a", 1, 1)
    assert rows(run) == [{"a": 1, "step": 1}]


# The arguments of wandb.init


def test_init_kwargs_stay_as_they_are(run: Path) -> None:
    """The caller's dictionaries are not changed, and his settings hold."""
    init_kwargs = {"settings": {"init_timeout": 7.0}, "config": {"lr": 0.1}, "tags": ["a"]}
    watch_kwargs = {"log_freq": 3}
    metrics_cfg = [{"name": "a", "summary": "max"}]
    given = copy.deepcopy((init_kwargs, watch_kwargs, metrics_cfg))
    with WandbVisBackend(run, init_kwargs, metrics_cfg, watch_kwargs=watch_kwargs) as vis:
        vis.add_config({"lr": 0.2})
        assert vis.experiment.run.settings.init_timeout == 7
        assert vis.experiment.run.tags == ("a",)
    assert (init_kwargs, watch_kwargs, metrics_cfg) == given


def test_bounds(run: Path, wandb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are bounded where neither settings nor environment say how long they are."""

    def bounds(**init_kwargs: Any) -> tuple[float, float]:
        with WandbVisBackend(run, init_kwargs) as vis:
            settings = vis.experiment.run.settings
            return settings.init_timeout, settings.finish_timeout

    assert bounds() == (30, 600)
    assert bounds(settings={"init_timeout": 7}) == (7, 600)
    given = wandb.Settings(finish_timeout=8)
    assert bounds(settings=given) == (30, 8)
    assert given.model_fields_set == {"finish_timeout"}
    wandb.teardown()  # it reads the environment once
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "9")
    assert bounds() == (9, 600)
    monkeypatch.undo()
    wandb.teardown()


def test_where_the_files_are(tmp_path: Path, wandb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In `save_dir`, also after a change of folder; where `dir` says; or where wandb has them."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with WandbVisBackend("run/deep") as vis:
        vis.add_scalar("a", 1, 1)
        monkeypatch.chdir(tmp_path / "elsewhere")
        vis.add_image("b", [[0, 255]], 2)
    assert [row["step"] for row in rows(tmp_path / "run" / "deep")] == [1, 2]
    assert len(list((tmp_path / "run").rglob("*.png"))) == 1
    with WandbVisBackend(tmp_path / "none", {"dir": str(tmp_path / "given")}) as vis:
        vis.add_scalar("a", 1, 1)
    assert len(files(tmp_path / "given")) == 1
    with WandbVisBackend() as vis:
        vis.add_scalar("a", 1, 1)
        assert wandb.run.dir.startswith(os.environ["WANDB_DIR"])
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "given", "run"}
    assert not list((tmp_path / "elsewhere").iterdir())


# What goes wrong


def test_wandb_is_missing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without wandb the first value says how to install it; so does a folder of that name."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingPackageError, match="wandb is not installed") as caught:
        WandbVisBackend(run).add_scalar("a", 1)
    assert caught.value.hint == "pip install wandb"
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())
    with pytest.raises(MissingPackageError):
        _ = WandbVisBackend(run).experiment


def test_wrong_arguments(run: Path) -> None:
    """An argument that `wandb.init` doesn't know is the caller's mistake: Type- or ValueError."""
    with pytest.raises(TypeError, match="projekt"):
        WandbVisBackend(run, {"projekt": "detection"}).add_scalar("a", 1)
    with pytest.raises(ValueError, match="mode"):
        WandbVisBackend(run, {"mode": "ofline"}).add_scalar("a", 1)


def test_no_folder(tmp_path: Path) -> None:
    """A folder that can't be made is a WriteError; wandb alone would write into another."""
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"can't write .*run: Not a directory"):
        WandbVisBackend(tmp_path / "file" / "run").add_scalar("a", 1)


@needs_fork
def test_no_key_is_asked_for(run: Path) -> None:
    """Without a key an online run fails, also on a terminal, where wandb would ask and wait."""
    keyboard, terminal = os.openpty()
    text = (
        "assert sys.stdin.isatty() and sys.stderr.isatty()\n"
        "try:\n"
        "    WandbVisBackend(sys.argv[1]).add_scalar('a', 1)\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    try:
        environment = {"WANDB_MODE": "online", "WANDB_SILENT": "false", "TERM": "xterm"}
        done = script(text, run, stdin=terminal, stderr=terminal, **environment)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert "can't begin a run: No API key configured" in done.stdout


def test_no_network(run: Path) -> None:
    """A server that doesn't answer is a WriteError when the time is over, and at once after it."""
    done = script(
        "vis = WandbVisBackend(sys.argv[1], {'settings': {'init_timeout': 0.5}})\n"
        "import time\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        vis.add_scalar('a', 1)\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__, error.__cause__ and type(error.__cause__).__name__)\n"
        "vis.close()\n",
        run,
        WANDB_MODE="online",
        WANDB_API_KEY="a" * 40,
        WANDB_BASE_URL="http://127.0.0.1:9",
        WANDB__DISABLE_VIEWER="true",
    )
    assert done.stdout == "WriteError CommError\nWriteError None\n", done.stderr


def test_failures_are_not_paid_for_again(fake: SimpleNamespace, run: Path) -> None:
    """After a failure calls raise at once, until 20 times as long has passed as it took."""
    vis, fake.takes, fake.error = WandbVisBackend(run), 30.0, fake.Error("no\nnetwork.")
    for _ in range(3):
        with pytest.raises(WriteError, match=r"wandb can't begin a run: no \(mode=\"offline\""):
            vis.add_scalar("a", 1)
    assert fake.calls == 1
    fake.now += 599
    with pytest.raises(WriteError):
        vis.add_scalar("a", 1)
    assert fake.calls == 1
    fake.now += 1
    fake.error = None
    vis.add_scalar("a", 1)
    vis.add_scalar("a", 1)
    assert fake.calls == 2


def test_a_copy_tries_at_once(fake: SimpleNamespace, run: Path) -> None:
    """The wait after a failure isn't sent to another process, whose clock is another one."""
    vis, fake.takes, fake.error = WandbVisBackend(run), 30.0, fake.Error("no network")
    with pytest.raises(WriteError):
        vis.add_scalar("a", 1)
    fake.error = None
    pickled(vis).add_scalar("a", 1)
    assert fake.calls == 2


def test_standard_input_comes_back(
    fake: SimpleNamespace, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no standard input while a run begins; afterwards it is what it was."""
    stdin, seen = io.StringIO("key"), []
    monkeypatch.setattr(sys, "stdin", stdin)
    begin = fake.init

    def init(**arguments: object) -> FakeRun:
        seen.append(sys.stdin.read())
        return begin(**arguments)

    fake.init, fake.error = init, fake.Error("no network")
    with pytest.raises(WriteError):
        WandbVisBackend(run).add_scalar("a", 1)
    assert sys.stdin is stdin
    assert seen == [""]


@pytest.mark.parametrize("error", [TimeoutError("Timed out finishing run."), ConnectionError()])
def test_an_incomplete_run(fake: SimpleNamespace, run: Path, error: OSError) -> None:
    """A run that can't be ended is a WriteError that says where it is; another one can begin."""
    vis, fake.begun.error = WandbVisBackend(run), error
    vis.add_scalar("a", 1)
    with pytest.raises(WriteError, match=r"the wandb run is incomplete: \w") as caught:
        vis.close()
    assert caught.value.hint == "wandb sync there"
    assert fake.begun.exit_codes == [None]
    fake.begun = FakeRun()
    with vis:
        vis.add_scalar("a", 1)
    assert fake.calls == 2


def test_the_process_of_wandb_dies(run: Path) -> None:
    """A run whose process is gone raises OSError, at once, and ends with one."""
    done = script(
        "import signal, subprocess\n"
        "vis = WandbVisBackend(sys.argv[1])\n"
        "vis.add_scalar('a', 1)\n"
        "children = subprocess.run(['ps', '--ppid', str(os.getpid()), '-o', 'pid=,args='],\n"
        "    capture_output=True, text=True).stdout.splitlines()\n"
        "(core,) = [int(line.split()[0]) for line in children if 'wandb-core' in line]\n"
        "os.kill(core, signal.SIGKILL)\n"
        "while os.path.exists(f'/proc/{core}/exe'): pass\n"
        "for call in (lambda: vis.add_scalar('a', 1), vis.close):\n"
        "    try:\n"
        "        for _ in range(1000):\n"
        "            call()\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__)\n",
        run,
    )
    assert done.stdout == "ConnectionResetError\nWriteError\n", done.stderr
