"""TensorboardVisBackend: TensorBoard reads exactly what was logged, at once and after any end."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import errno
import gc
import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from trainviz_cli import open_run
from trainviz_cli.codecs.tfrecord import find_records
from trainviz_cli.errors import WriteError
from trainviz_cli.imaging.picture import picture_bytes
from trainviz_cli.writing import record_file, summary
from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend
from trainviz_cli.writing.events import BackendWriter, EventStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[TensorboardVisBackend], None]

NAN, INF = float("nan"), float("inf")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
counts_files = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="no way to count descriptors"
)


@pytest.fixture
def vis(tmp_path: Path) -> Iterator[TensorboardVisBackend]:
    """A backend whose folder is not there yet."""
    with TensorboardVisBackend(tmp_path / "run") as backend:
        yield backend


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Its folder."""
    return tmp_path / "run"


def loaded(folder: Path) -> EventAccumulator:
    """What TensorBoard's own loader has of a folder, all of it."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → steps and values, as TensorBoard's own loader has them."""
    accumulator = loaded(folder)
    return {
        tag: [(each.step, each.value) for each in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def value_of(folder: Path, tag: str = "a") -> float:
    """The one value of a tag."""
    ((_, value),) = scalars(folder)[tag]
    return value


def the_file(folder: Path) -> Path:
    """The one event file there."""
    (path,) = folder.iterdir()
    return path


def events(path: Path) -> list[Event]:
    """Every record of a file, all of which must be sound, to the last byte."""
    framing = find_records(path.read_bytes())
    assert not framing.damaged
    assert framing.end == path.stat().st_size
    records = framing.records
    places = zip(records.starts.tolist(), records.lengths.tolist(), strict=True)
    return [Event.FromString(records.data[start : start + length]) for start, length in places]


def noise(*shape: int) -> np.ndarray:
    """A picture that no mistake in its layout leaves as it is."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def python(script: str, *arguments: object) -> list[str]:
    """The command that runs a script with warnings as errors and the backend imported."""
    imports = (
        "import os, sys\n"
        "from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend\n"
    )
    return [sys.executable, "-W", "error", "-c", imports + script, *map(str, arguments)]


def run_script(script: str, *arguments: object) -> None:
    """Runs a script in a process of its own, to its end."""
    done = subprocess.run(
        python(script, *arguments), capture_output=True, check=False, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def open_files() -> int:
    """How many descriptors this process has open."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


# The constructor, and what is there before the first call


def test_nothing_before_the_first_call(tmp_path: Path) -> None:
    """Making a backend, entering it, an empty record, closing it: no file."""
    with TensorboardVisBackend(tmp_path / "run") as vis:
        vis.add_scalars({})
        vis.close()
    assert not list(tmp_path.iterdir())


def test_signatures_of_mmengine() -> None:
    """Names, order and defaults are MMEngine's, so that its backend can be replaced by this one."""
    expected = {
        "__init__": "save_dir",
        "add_config": "config",
        "add_image": "name, image, step=0",
        "add_scalar": "name, value, step=0",
        "add_scalars": "scalar_dict, step=0, file_path=None",
        "close": "",
    }
    for method, arguments in expected.items():
        parameters = inspect.signature(getattr(TensorboardVisBackend, method)).parameters.values()
        positional = [
            parameter.replace(annotation=parameter.empty)
            for parameter in list(parameters)[1:]
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        assert ", ".join(map(str, positional)) == arguments


@pytest.mark.parametrize("as_path", [str, Path])
def test_the_file(tmp_path: Path, as_path: Callable[[Path], str | Path]) -> None:
    """One file that TensorBoard takes for an event file, with its parents; it says its version."""
    with TensorboardVisBackend(as_path(tmp_path / "a" / "b")) as vis:
        vis.add_scalar("a", 1)
    path = the_file(tmp_path / "a" / "b")
    assert path.name.startswith("events.out.tfevents.")
    assert [event.file_version for event in events(path)] == ["brain.Event:2", ""]


# Scalars


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (0, 0.0),
        (-0.0, -0.0),
        (True, 1.0),
        (False, 0.0),
        (NAN, NAN),
        (INF, INF),
        (-INF, -INF),
        (1e300, INF),
        (-1e300, -INF),
        (3.4028235677973366e38, INF),
        (0.1, float(np.float32(0.1))),
        (1e-46, 0.0),
        (10**400, INF),
        (-(10**400), -INF),
        (np.float64(0.1), float(np.float32(0.1))),
        (np.float32(0.25), 0.25),
        (np.float16(0.25), 0.25),
        (np.float64(1e300), INF),
        (np.int64(-7), -7.0),
        (np.uint8(200), 200.0),
        (np.bool_(True), 1.0),  # noqa: FBT003 - the value itself
        (np.array(0.25), 0.25),
        (np.array([0.25]), 0.25),
        (np.array([[3]]), 3.0),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([0.25]), 0.25),
        (torch.tensor([[3]]), 3.0),
        (torch.tensor(True), 1.0),  # noqa: FBT003 - the value itself
        (torch.tensor(NAN), NAN),
        (torch.tensor(0.25, dtype=torch.bfloat16), 0.25),
        (torch.tensor(0.25, requires_grad=True), 0.25),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values(vis: TensorboardVisBackend, run: Path, value: object, expected: float) -> None:
    """Every kind of number is there as float32, by either method; and nothing warns."""
    vis.add_scalar("a", value)
    vis.add_scalars({"b": value})
    assert repr(value_of(run, "a")) == repr(expected)
    assert repr(value_of(run, "b")) == repr(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "0.5",
        b"1",
        1j,
        [1],
        {},
        object(),
        np.str_("1"),
        np.array("1"),
        torch.tensor(1j),
        print,
    ],
    ids=repr,
)
def test_what_is_no_number(vis: TensorboardVisBackend, run: Path, value: object) -> None:
    """As in MMEngine, what is no number is skipped with a warning at the line that logged it."""
    with pytest.warns(UserWarning, match="a: .* skip it!") as caught:
        vis.add_scalar("a", value)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="a: .* skip it!") as caught:
        vis.add_scalars({"a": value, "b": 2}, 3)
    assert caught[0].filename == __file__
    assert scalars(run) == {"b": [(3, 2)]}


@pytest.mark.parametrize(
    "value",
    [np.zeros(2), np.zeros(0), np.zeros((1, 2)), torch.zeros(2), torch.zeros(0)],
    ids=lambda value: f"{type(value).__name__}{tuple(value.shape)}",
)
def test_arrays_of_several(vis: TensorboardVisBackend, tmp_path: Path, value: object) -> None:
    """An array of several or of none is a TypeError that says its shape; nothing is written."""
    with pytest.raises(TypeError, match=r"shape \("):
        vis.add_scalar("a", value)
    with pytest.raises(TypeError, match=r"shape \("):
        vis.add_scalars({"b": 1, "a": value})
    assert not list(tmp_path.iterdir())


def test_a_tensor_without_data(vis: TensorboardVisBackend, tmp_path: Path) -> None:
    """A meta tensor has no value, so it is a TypeError as well."""
    with pytest.raises(TypeError):
        vis.add_scalar("a", torch.empty((), device="meta"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "step",
    [0, 1, 127, 128, 2**31, 2**53 + 1, 2**63 - 1, -1, -(2**63), np.int32(7), torch.tensor(7)],
)
def test_steps(vis: TensorboardVisBackend, run: Path, step: Any) -> None:
    """Every step of 64 bits is there as it is, an array's too."""
    vis.add_scalar("a", 0.5, step)
    vis.add_scalars({"b": 0.25}, step=step)
    assert scalars(run) == {"a": [(int(step), 0.5)], "b": [(int(step), 0.25)]}


@pytest.mark.parametrize("step", [2**63, 2**64 + 5, -(2**63) - 1])
def test_steps_beyond_64_bits(vis: TensorboardVisBackend, tmp_path: Path, step: int) -> None:
    """A step that an event can't hold is refused, rather than written as another one."""
    with pytest.raises((ValueError, OverflowError)):
        vis.add_scalar("a", 0.5, step)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", [0.5, None, "1", np.arange(2), NAN])
def test_steps_that_are_no_integer(vis: TensorboardVisBackend, tmp_path: Path, step: Any) -> None:
    """What is no whole number is a TypeError before a byte is written."""
    calls: list[Call] = [
        lambda vis: vis.add_scalar("a", 1, step),
        lambda vis: vis.add_scalars({"a": 1}, step),
        lambda vis: vis.add_image("a", noise(2, 2), step),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call(vis)
    assert not list(tmp_path.iterdir())


def test_add_scalars(vis: TensorboardVisBackend, run: Path) -> None:
    """Every value of the mapping is there at the step, in its order; the mapping is left alone."""
    given = {"b": np.float32(1), "a": 2, "c/d": 0.5}
    kept = dict(given)
    vis.add_scalars(given, 7)
    vis.add_scalars({"a": 3})
    assert given == kept
    assert scalars(run) == {"b": [(7, 1)], "a": [(7, 2), (0, 3)], "c/d": [(7, 0.5)]}
    tags = [value.tag for event in events(the_file(run)) for value in event.summary.value]
    assert tags == ["b", "a", "c/d", "a"]


def test_file_path_is_ignored(vis: TensorboardVisBackend, run: Path) -> None:
    """As in MMEngine, another file to write to means nothing here."""
    vis.add_scalars({"a": 1}, 2, "extra.json")
    vis.add_scalars({"a": 2}, 3, file_path="../extra.txt")
    assert scalars(run) == {"a": [(2, 1), (3, 2)]}
    assert not list(run.parent.rglob("*extra*"))


def test_a_step_among_the_scalars(vis: TensorboardVisBackend, tmp_path: Path) -> None:
    """It is refused, as in MMEngine; nothing is written."""
    with pytest.raises(ValueError, match="step"):
        vis.add_scalars({"a": 1, "step": 5})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scalar_dict", [None, [("a", 1)], "a", 1])
def test_no_mapping(vis: TensorboardVisBackend, tmp_path: Path, scalar_dict: Any) -> None:
    """What is no mapping is a TypeError that says what it is."""
    with pytest.raises(TypeError, match="mapping"):
        vis.add_scalars(scalar_dict)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["", "a b", "é/ü", "训练损失", "x" * 10_000, "\0", "a\nb", "👩\u200d🚀"]
)
def test_names(vis: TensorboardVisBackend, run: Path, name: str) -> None:
    """Any text is a tag."""
    vis.add_scalar(name, 0.5, 1)
    assert scalars(run) == {name: [(1, 0.5)]}


def test_a_name_that_is_no_unicode(vis: TensorboardVisBackend, run: Path) -> None:
    """What UTF-8 can't hold is written as a `?`, a picture's name as well."""
    vis.add_scalar("a\ud800", 0.5)
    vis.add_image("b\ud800", noise(2, 2))
    tags = loaded(run).Tags()
    assert (tags["scalars"], tags["images"]) == (["a?"], ["b?"])


@pytest.mark.parametrize("name", [3, None, b"a", []])
def test_names_that_are_no_text(vis: TensorboardVisBackend, tmp_path: Path, name: Any) -> None:
    """A name that is no text is a TypeError before a byte is written."""
    with pytest.raises(TypeError):
        vis.add_scalar(name, 1)
    with pytest.raises(TypeError):
        vis.add_image(name, noise(2, 2))
    assert not list(tmp_path.iterdir())


def test_times(vis: TensorboardVisBackend, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event says when it was logged, to the last bit."""
    clock = iter([1.7e9 + n + 0.123456789 for n in range(20)])
    monkeypatch.setattr("time.time", lambda: next(clock))
    vis.add_scalar("a", 1)
    vis.add_scalar("a", 2)
    vis.add_image("b", noise(2, 2))
    accumulator = loaded(run)
    times = [each.wall_time for each in (*accumulator.Scalars("a"), *accumulator.Images("b"))]
    assert times == sorted(times)
    assert {round(time % 1, 6) for time in times} == {0.123457}


def test_many_tags(vis: TensorboardVisBackend, run: Path) -> None:
    """More tags than are remembered are all written rightly."""
    for step in range(2):
        vis.add_scalars({f"tag {number}": number for number in range(17_000)}, step)
    found = open_run(run)
    assert len(found) == 17_000
    assert found["tag 16999"].values.tolist() == [16999, 16999]
    assert found["tag 0"].values.tolist() == [0, 0]


def test_it_is_our_own_format(vis: TensorboardVisBackend, run: Path) -> None:
    """What is logged is a run that every command reads."""
    vis.add_scalars({"loss": 0.5, "acc": NAN}, 3)
    vis.add_scalar("loss", 0.25, 4)
    found = open_run(run, strict=True)
    assert found.keys() == ["loss", "acc"]
    assert found["loss"].steps.tolist() == [3, 4]
    assert np.isnan(found["acc"].values).all()


# On the disk at once


def test_a_value_is_there_at_once(vis: TensorboardVisBackend, run: Path) -> None:
    """TensorBoard's loader, which has the file open, has each value as soon as its call returns."""
    vis.add_scalar("a", 0, 0)
    loader = EventFileLoader(str(the_file(run)))
    seen = [event.step for event in loader.Load() if event.HasField("summary")]
    for step in range(1, 50):
        vis.add_scalar("a", step, step)
        seen += [event.step for event in loader.Load() if event.HasField("summary")]
        assert seen == list(range(step + 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda vis: vis.add_scalar("a", 1),
        lambda vis: vis.add_scalars({f"name {number}": number for number in range(1000)}),
        lambda vis: vis.add_image("a", noise(300, 300, 3)),
        lambda vis: vis.add_config({"lr": 1, "text": "x" * 100_000}),
    ],
    ids=["add_scalar", "add_scalars", "add_image", "add_config"],
)
def test_one_write_per_call(
    vis: TensorboardVisBackend, run: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """A call, however much it writes, is one `os.write` with all of its bytes."""
    vis.add_scalar("before", 1)
    before = the_file(run).stat().st_size
    seen = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, data: seen.append(data) or write(to, data))
    call(vis)
    assert seen == [the_file(run).read_bytes()[before:]]


KILLED = """
vis = TensorboardVisBackend(sys.argv[1])
for step in range(100):
    vis.add_scalar("a", step / 7, step)
    print(step, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_nothing(run: Path) -> None:
    """After a SIGKILL, TensorBoard's loader has 100 values of 100."""
    with subprocess.Popen(
        python(KILLED, run), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        printed = [child.stdout.readline() for _ in range(100)]
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert printed[-1] == b"99\n"
    assert scalars(run) == {"a": [(n, float(np.float32(n / 7))) for n in range(100)]}


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 15)", "raise KeyError"])
def test_no_end_loses_anything(run: Path, end: str) -> None:
    """However a process ends without close, what it logged is there."""
    script = f"TensorboardVisBackend(sys.argv[1]).add_scalars({{'a': 1, 'b': 2}}, 3)\n{end}"
    done = subprocess.run(python(script, run), capture_output=True, check=False)
    assert done.returncode != 0
    assert scalars(run) == {"a": [(3, 1)], "b": [(3, 2)]}


# Pictures


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (noise(4, 5, 3), noise(4, 5, 3)),
        (noise(4, 5), np.repeat(noise(4, 5)[..., None], 3, axis=2)),
        (noise(4, 5, 1), np.repeat(noise(4, 5, 1), 3, axis=2)),
        (noise(4, 5, 3) / 255, noise(4, 5, 3)),
        ((noise(4, 5, 3) / 255).astype(np.float32), noise(4, 5, 3)),
        (np.dstack([noise(4, 5, 3), np.zeros((4, 5), np.uint8)]), np.full((4, 5, 3), 255)),
        (torch.from_numpy(noise(4, 5, 3)).permute(2, 0, 1), noise(4, 5, 3)),
        (torch.from_numpy(noise(4, 5, 3) / 255).permute(2, 0, 1), noise(4, 5, 3)),
        (Image.fromarray(noise(4, 5, 3)), noise(4, 5, 3)),
        (Image.fromarray(noise(4, 5)), np.repeat(noise(4, 5)[..., None], 3, axis=2)),
        (noise(5, 4, 3).transpose(1, 0, 2), noise(5, 4, 3).transpose(1, 0, 2)),
    ],
    ids=[
        *("RGB", "grey", "grey in 3 dimensions", "float64", "float32", "transparent"),
        *("tensor", "float tensor", "PIL", "grey PIL", "view"),
    ],
)
def test_pictures(
    vis: TensorboardVisBackend, run: Path, tmp_path: Path, image: object, expected: np.ndarray
) -> None:
    """Every kind of picture becomes an RGB PNG of the same pixels, with its size and step."""
    vis.add_image("val/x", image, step=3)
    (found,) = loaded(run).Images("val/x")
    height, width, _ = expected.shape
    assert (found.step, found.width, found.height) == (3, width, height)
    file = tmp_path / "x.png"
    file.write_bytes(found.encoded_image_string)
    with Image.open(file) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(picture), expected)


def test_a_picture_is_read_back(vis: TensorboardVisBackend, run: Path) -> None:
    """Its bytes lie in the event file where the run says."""
    vis.add_scalar("a", 1)
    vis.add_image("x", noise(20, 30, 3), 7)
    (image,) = open_run(run).images
    (found,) = loaded(run).Images("x")
    data = picture_bytes(image.path, image.offset, image.length)
    assert (image.name, image.step, data) == ("x", 7, found.encoded_image_string)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        *((object(), TypeError), (None, TypeError), ("text", TypeError), (noise(2), ValueError)),
        *((noise(2, 2, 2), ValueError), (noise(2, 2, 3) * 1.0, ValueError)),
        *((noise(1, 2, 2, 3), ValueError), (noise(0, 2, 3), ValueError), ([[1j]], TypeError)),
    ],
    ids=["object", "None", "text", "1d", "2 channels", "255.0", "batch", "empty", "complex"],
)
def test_what_is_no_picture(
    vis: TensorboardVisBackend, tmp_path: Path, image: object, error: type[Exception]
) -> None:
    """What is no picture is refused, and nothing is written."""
    with pytest.raises(error):
        vis.add_image("a", image)
    assert not list(tmp_path.iterdir())


# Configurations


@dataclasses.dataclass
class Settings:
    """A configuration as a dataclass."""

    lr: float = 0.1
    depth: int = 50


class Dumped:
    """A configuration with the method of MMEngine's."""

    def dump(self) -> str:
        """The text of it."""
        return "lr = 0.1\ndepth = 50\n"


def hparams(folder: Path) -> dict[str, object]:
    """The hyperparameters that TensorBoard's HPARAMS gets."""
    metadata = loaded(folder).SummaryMetadata("_hparams_/session_start_info")
    data = HParamsPluginData.FromString(metadata.plugin_data.content)
    given = data.session_start_info.hparams
    return {name: getattr(given[name], given[name].WhichOneof("kind")) for name in given}


@pytest.mark.parametrize(
    "config",
    [
        {"lr": 0.1, "depth": 50},
        Settings(),
        argparse.Namespace(lr=0.1, depth=50),
        Dumped(),
        "config.py",
        Path("config.json"),
        "config.toml",
    ],
    ids=["mapping", "dataclass", "Namespace", "dump", "py", "json", "toml"],
)
def test_configurations(vis: TensorboardVisBackend, run: Path, tmp_path: Path, config: Any) -> None:
    """Every kind of configuration is there as text and as hyperparameters."""
    (tmp_path / "config.py").write_text("lr = 0.1\ndepth = 50\n")
    (tmp_path / "config.json").write_text('{"lr": 0.1, "depth": 50}')
    (tmp_path / "config.toml").write_text("lr = 0.1\ndepth = 50\n")
    vis.add_config(tmp_path / config if isinstance(config, str | Path) else config)
    assert hparams(run) == {"lr": 0.1, "depth": 50.0}
    found = open_run(run)
    assert found.config == {"lr": 0.1, "depth": 50.0}
    (text,) = found.texts
    assert text.name == "config"
    lines = text.text.splitlines()
    assert (lines[0], lines[-1]) == ("```python", "```")
    assert sorted(lines[1:-1]) == ["depth = 50", "lr = 0.1"]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (None, TypeError),
        (3, TypeError),
        ([("lr", 1)], TypeError),
        ("missing.py", OSError),
        ("config.yaml", ValueError),
        ("broken.py", ValueError),
        ("latin.py", ValueError),
    ],
    ids=["None", "number", "pairs", "missing", "yaml", "broken", "no UTF-8"],
)
def test_what_is_no_configuration(
    vis: TensorboardVisBackend, run: Path, tmp_path: Path, config: Any, error: type[Exception]
) -> None:
    """What is no configuration is refused, and nothing is written."""
    (tmp_path / "config.yaml").write_text("lr: 0.1")
    (tmp_path / "broken.py").write_text("lr = = 1")
    (tmp_path / "latin.py").write_bytes(b"name = '\xe9'")
    with pytest.raises(error):
        vis.add_config(tmp_path / config if isinstance(config, str) else config)
    assert not run.exists()


@pytest.mark.parametrize(
    "value",
    [10**400, [10**5000], "\ud800", {"\ud800": 1}, None, b"\xff"],
    ids=["huge", "huge in a list", "surrogate", "surrogate name", "None", "bytes"],
)
def test_values_of_a_configuration(vis: TensorboardVisBackend, run: Path, value: object) -> None:
    """Whatever literal a configuration holds, it is written."""
    vis.add_config({"value": value, "lr": 0.1})
    found = hparams(run)
    assert len(found) == 2
    assert found["lr"] == 0.1


# Close, copies, other processes, threads


CLOSED = """
vis = TensorboardVisBackend(sys.argv[1])
for step in range(12):
    vis.add_scalar("a", step, step)
    vis.close()
    vis.close()
"""


def test_close_and_go_on(run: Path) -> None:
    """After close the next call begins a new file, and the files are read in their order."""
    run_script(CLOSED, run)
    assert len(list(run.iterdir())) == 12
    assert open_run(run)["a"].steps.tolist() == list(range(12))
    assert scalars(run) == {"a": [(step, step) for step in range(12)]}


def test_an_older_run_goes_on(run: Path) -> None:
    """A second backend on the same folder adds to what the first wrote."""
    for step in range(2):
        with TensorboardVisBackend(run) as vis:
            vis.add_scalar("a", 1, step)
    assert scalars(run) == {"a": [(0, 1), (1, 1)]}


def test_close_waits_for_the_disk(
    vis: TensorboardVisBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Close calls `os.fsync` once; records alone do not."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    vis.add_scalar("a", 1)
    assert not synced
    vis.close()
    assert len(synced) == 1
    vis.close()
    assert len(synced) == 1


def test_the_end_of_the_context(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving the context is a close, also when an exception leaves it; the exception goes on."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    vis = TensorboardVisBackend(run)
    vis.add_scalar("a", 1)
    with pytest.raises(KeyError), vis:
        raise KeyError
    assert len(synced) == 1


@counts_files
def test_close_gives_descriptors_back(tmp_path: Path) -> None:
    """Runs that were closed leave no descriptor open."""
    before = open_files()
    for number in range(5):
        with TensorboardVisBackend(tmp_path / str(number)) as vis:
            vis.add_scalar("a", 1)
            vis.add_config({})
            vis.add_image("a", noise(2, 2))
    assert open_files() == before


@counts_files
def test_forgotten_backends(tmp_path: Path) -> None:
    """Backends that nobody closed give their descriptors back when nobody has them any more."""
    before = open_files()
    for number in range(5):
        TensorboardVisBackend(tmp_path / str(number)).add_scalar("a", 1)
    assert open_files() == before


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda vis: pickle.loads(pickle.dumps(vis))],  # noqa: S301 - our own
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_writes_its_own_file(
    run: Path, copied: Callable[[TensorboardVisBackend], TensorboardVisBackend]
) -> None:
    """Closing a copied backend does not close the file under the original."""
    vis = TensorboardVisBackend(run)
    vis.add_scalar("a", 1)
    other = copied(vis)
    other.add_scalar("b", 2)
    other.close()
    vis.add_scalar("a", 3, 1)
    vis.close()
    assert len(list(run.iterdir())) == 2
    assert scalars(run) == {"a": [(0, 1), (1, 3)], "b": [(0, 2)]}


def test_a_backend_sent_to_another_process(vis: TensorboardVisBackend, run: Path) -> None:
    """In another process a pickled backend writes a file, not to a descriptor number."""
    vis.add_scalar("a", 1)
    receive = "import pickle, sys; pickle.load(sys.stdin.buffer).add_scalar('b', 2)"
    command = [sys.executable, "-c", receive]
    done = subprocess.run(command, input=pickle.dumps(vis), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert scalars(run) == {"a": [(0, 1)], "b": [(0, 2)]}


FORKED = """
vis = TensorboardVisBackend(sys.argv[1])
if sys.argv[2] == "open":
    vis.add_scalar("before", 1)
child = os.fork()
for step in range(100):
    vis.add_scalar("parent" if child else "child", step, step)
vis.close()
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
    vis.add_scalar("after", 1)
"""


@needs_fork
@pytest.mark.parametrize("opened", ["open", "not open"])
def test_fork(run: Path, opened: str) -> None:
    """After a fork, parent and child each write a file of their own, all of it sound."""
    run_script(FORKED, run, opened)
    for path in run.iterdir():
        events(path)
    found = scalars(run)
    assert found.pop("before", [(0, 1)]) == [(0, 1)]
    hundred = [(step, step) for step in range(100)]
    assert found == {"parent": hundred, "child": hundred, "after": [(0, 1)]}


def test_threads(vis: TensorboardVisBackend, run: Path) -> None:
    """Eight threads log into one backend: every record is whole and there, in each one's order."""
    start = threading.Barrier(8)

    def log(number: int) -> None:
        start.wait()
        for step in range(200):
            vis.add_scalars({f"thread {number}": step, "x" * (step % 50 + 1): number}, step)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in run.iterdir():
        events(path)
    found = open_run(run, strict=True)
    for number in range(8):
        assert found[f"thread {number}"].values.tolist() == list(range(200))
    assert sum(map(len, found.series.values())) == 8 * 200 * 2


@counts_files
def test_two_threads_open_the_file(
    vis: TensorboardVisBackend, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads whose first calls meet, both write, to one file that begins with its version.

    TensorBoard takes what stands before a version for the log of an older program, and drops
    values whose steps go back.
    """
    both = threading.Barrier(2)

    class Meeting(record_file.RecordFile):
        """A file that is opened only when another thread is about to open it too."""

        def __init__(self, *arguments: Any) -> None:
            both.wait(timeout=10)
            super().__init__(*arguments)

    monkeypatch.setattr(summary, "RecordFile", Meeting)
    before = open_files()
    threads = [threading.Thread(target=vis.add_scalar, args=("a", 1)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.file_version for event in events(the_file(run))] == ["brain.Event:2", "", ""]
    assert scalars(run) == {"a": [(0, 1), (0, 1)]}
    assert open_files() == before + 1


# A disk that takes no more


class FullDisk:
    """Takes the place of `os.write`: takes so many bytes more, and then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        """Full from now on, but for some room."""
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes) -> int:
        """As many bytes as there is room for."""
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        some = data[: self.room]
        self.room -= len(some)
        return self._write(descriptor, some)


@pytest.mark.parametrize("room", [0, 1, 8, 12, 20, 40])
def test_a_full_disk(
    vis: TensorboardVisBackend, run: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """What of a record the disk didn't take whole is taken back; later ones can be read."""
    vis.add_scalars({"a": 1}, 1)
    size = the_file(run).stat().st_size
    for _ in range(3):
        FullDisk(monkeypatch, room)
        with pytest.raises(WriteError, match="No space left on device") as caught:
            vis.add_scalars({"a": 2, "b": 2}, 2)
        assert isinstance(caught.value, OSError)
        assert str(the_file(run)) in str(caught.value)
        monkeypatch.undo()
        assert the_file(run).stat().st_size == size
    vis.add_scalars({"a": 3}, 3)
    assert scalars(run) == {"a": [(1, 1), (3, 3)]}


@pytest.mark.parametrize("room", [0, 1, 12, 39, 45, 70])
def test_a_disk_that_is_full_from_the_start(
    vis: TensorboardVisBackend, run: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A run that begins on a full disk, and goes on when there is room, is a whole event file."""
    FullDisk(monkeypatch, room)
    with pytest.raises(WriteError, match="No space left on device"):
        vis.add_scalar("a", 2, 2)
    monkeypatch.undo()
    vis.add_scalar("a", 3, 3)
    vis.add_scalar("a", 1, 1)
    vis.close()
    versions = [event.file_version for path in run.iterdir() for event in events(path)[:1]]
    assert set(versions) == {"brain.Event:2"}
    assert scalars(run) == {"a": [(3, 3), (1, 1)]}


FILE_LIMIT = """
import resource
from trainviz_cli.errors import WriteError

folder, room = sys.argv[1], int(sys.argv[2])
vis = TensorboardVisBackend(folder)
vis.add_scalar("a", 1, 1)
(name,) = os.listdir(folder)
size = os.path.getsize(f"{folder}/{name}")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
for _ in range(3):
    try:
        vis.add_scalar("a", 2, 2)
    except WriteError as error:
        assert "File too large" in str(error), error
    else:
        raise AssertionError("no error")
    assert os.path.getsize(f"{folder}/{name}") == size
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
vis.add_scalar("a", 3, 3)
"""


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_file_that_may_not_grow(run: Path, room: int) -> None:
    """The same with a limit of the system's, which takes a part of a record and then nothing."""
    pytest.importorskip("resource")
    run_script(FILE_LIMIT, run, room)
    assert scalars(run) == {"a": [(1, 1), (3, 3)]}


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    """A folder below a file is one WriteError for every call, and the file stays as it was."""
    (tmp_path / "file").write_text("mine")
    vis = TensorboardVisBackend(tmp_path / "file" / "run")
    calls: list[Call] = [
        lambda vis: vis.add_scalar("a", 1),
        lambda vis: vis.add_scalars({"a": 1}),
        lambda vis: vis.add_image("a", noise(2, 2)),
        lambda vis: vis.add_config({"lr": 1}),
    ]
    for call in calls:
        with pytest.raises(WriteError, match=r"can't write .*: (Not a directory|File exists)"):
            call(vis)
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "file").unlink()
    vis.add_scalar("a", 2, 2)
    assert scalars(tmp_path / "file" / "run") == {"a": [(2, 2)]}


# A distributed training


@pytest.mark.parametrize("variable", ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"])
def test_other_ranks_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Where a launcher says that this is not rank 0, no call makes a file, but checks values."""
    monkeypatch.setenv(variable, "1")
    with TensorboardVisBackend(tmp_path / "run") as vis:
        vis.add_scalar("a", 1)
        vis.add_scalars({"a": 1})
        vis.add_image("a", noise(2, 2))
        vis.add_config({"lr": 1})
        with pytest.raises(TypeError):
            vis.add_scalar("a", np.zeros(2))
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv(variable, "0")
    vis.add_scalar("a", 1)
    assert value_of(tmp_path / "run") == 1


def test_all_ranks(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `all_ranks`, every process writes."""
    monkeypatch.setenv("RANK", "3")
    with TensorboardVisBackend(run, all_ranks=True) as vis:
        vis.add_scalar("a", 1)
    assert value_of(run) == 1


# What it costs to import


def imported(*scripts: str) -> set[str]:
    """The packages that a Python with this script imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "\n".join(scripts)],
        capture_output=True,
        check=True,
        text=True,
    )
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert "encodings" in names  # they are import times
    return {name.partition(".")[0] for name in names}


def test_the_package_alone_imports_nothing() -> None:
    """`import trainviz_cli` costs neither NumPy nor protobuf nor tensorboard."""
    assert not imported("import trainviz_cli") & {"numpy", "google", "tensorboard", "torch"}


def test_a_backend_imports_no_framework(tmp_path: Path) -> None:
    """Logging imports no torch, TensorFlow or Pillow; before the first call no protobuf."""
    made = (
        "from trainviz_cli.writing.backends.tensorboard import TensorboardVisBackend",
        f"vis = TensorboardVisBackend({str(tmp_path / 'run')!r})",
    )
    assert not imported(*made) & {"google", "tensorboard", "torch", "tensorflow", "PIL"}
    logs = imported(*made, "vis.add_scalar('a', 1)")
    assert not logs & {"torch", "tensorflow", "PIL", "matplotlib"}
    assert "google" in logs  # they would show


class Normed(torch.nn.Module):
    """A model whose forward changes it, unless it is in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 1)
        self.norm = torch.nn.BatchNorm2d(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Convolve and normalise."""
        return self.norm(self.conv(images))


def test_the_graph_of_a_model(tmp_path: Path) -> None:
    """TensorBoard has the graph, with the model's modules in it; the model is as it was."""
    model = Normed()
    with TensorboardVisBackend(tmp_path) as vis:
        vis.add_graph(model, np.zeros((1, 1, 3, 3), np.float32))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert any("Conv2d" in node.name for node in events.Graph().node)
    assert model.training
    assert model.norm.training
    assert int(model.norm.num_batches_tracked) == 0
    (text,) = open_run(tmp_path).texts
    assert "(norm): BatchNorm2d(2" in text.text


def test_a_model_that_cannot_be_traced(tmp_path: Path) -> None:
    """A warning says why, and the tree of modules is there all the same."""
    with TensorboardVisBackend(tmp_path) as vis:
        with pytest.warns(UserWarning, match="can't be traced"):
            vis.add_graph(torch.nn.Linear(3, 2), np.zeros((1, 7), np.float32))
        vis.add_graph(torch.nn.Linear(3, 2))
    assert not EventAccumulator(str(tmp_path)).Reload().Tags()["graph"]
    assert len(open_run(tmp_path).texts) == 2


def test_the_experiment(tmp_path: Path) -> None:
    """It is the event file, begun, with SummaryWriter's methods for what the backend has none."""
    with TensorboardVisBackend(tmp_path) as vis:
        writer = vis.experiment
        assert len(list(tmp_path.iterdir())) == 1
        writer.add_scalar("loss", torch.tensor(0.5), 3)
        writer.add_text("note", "*hello*", 4)
        writer.add_histogram("weights", torch.tensor([0.0, 1, 1, 2, np.nan, np.inf]), 5, bins=2)
        writer.add_image("picture", torch.zeros(3, 4, 5), 6)
        writer.flush()
        assert vis.experiment is writer
    run = open_run(tmp_path)
    assert run["loss"].steps.tolist() == [3]
    assert [tuple(text) for text in run.texts] == [("note", 4, "*hello*")]
    (histogram,) = run.histograms
    assert (histogram.step, histogram.edges.tolist()) == (5, [0, 1, 2])
    assert histogram.counts.tolist() == [1, 3]
    assert [(image.name, image.step) for image in run.images] == [("picture", 6)]


def test_no_experiment_beside_rank_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes of a training get an object to call, which writes nothing."""
    monkeypatch.setenv("RANK", "1")
    TensorboardVisBackend(tmp_path).experiment.add_text("note", "hello")
    assert not list(tmp_path.iterdir())


def test_without_a_folder() -> None:
    """The first record says what is missing."""
    with pytest.raises(ValueError, match="save_dir"):
        TensorboardVisBackend(None).add_scalar("a", 1)


def test_a_histogram_that_is_counted(tmp_path: Path) -> None:
    """As `numpy.histogram` gives it, and as an `EventStorage` hands it over."""
    with TensorboardVisBackend(tmp_path) as vis, EventStorage(7) as storage:
        storage.put_histogram("weights", torch.tensor([0.0, 1, 1, 2]), bins=2)
        BackendWriter(vis).write()
    (histogram,) = open_run(tmp_path).histograms
    assert (histogram.name, histogram.step) == ("weights", 7)
    assert histogram.edges.tolist() == [0, 1, 2]
    assert histogram.counts.tolist() == [1, 3]
