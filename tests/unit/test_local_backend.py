"""LocalVisBackend: what each call leaves on the disk, and what it refuses."""

from __future__ import annotations

import copy
import errno
import gc
import inspect
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli import LocalVisBackend, open_run
from trainviz_cli.errors import WriteError
from trainviz_cli.writing.backends import local
from trainviz_cli.writing.files import AppendFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[LocalVisBackend], None]


@pytest.fixture
def vis(tmp_path: Path) -> Iterator[LocalVisBackend]:
    """A backend whose run directory is not there yet."""
    with LocalVisBackend(tmp_path / "run") as backend:
        yield backend


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Its scalar log."""
    return tmp_path / "run" / "scalars.json"


def files(folder: Path) -> set[str]:
    """Every file below the folder, by its path there."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def beside_the_log(folder: Path) -> set[str]:
    """Every file below the folder but the scalar log, which every run has."""
    return {name for name in files(folder) if "scalars." not in name}


def noise(*shape: int) -> np.ndarray:
    """A picture that no mistake in its layout leaves as it is."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def open_files() -> int:
    """How many descriptors this process has open."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


counts_files = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="no way to count descriptors"
)


# The constructor, and what is there before the first call


def test_nothing_before_the_first_call(tmp_path: Path) -> None:
    """Making a backend, entering it, asking for its experiment and closing it create nothing."""
    with LocalVisBackend(tmp_path / "run") as vis:
        assert vis.experiment is vis
        vis.close()
    assert not list(tmp_path.iterdir())


def test_signatures_of_mmengine() -> None:
    """Names, order and defaults are MMEngine's, so that its backend can be replaced by this one."""
    expected = {
        "__init__": "save_dir, img_save_dir='vis_image', config_save_file='config.py', "
        "scalar_save_file='scalars.json'",
        "add_config": "config",
        "add_image": "name, image, step=0",
        "add_scalar": "name, value, step=0",
        "add_scalars": "scalar_dict, step=0, file_path=None",
        "close": "",
    }
    for method, arguments in expected.items():
        parameters = list(inspect.signature(getattr(LocalVisBackend, method)).parameters.values())
        positional = [
            parameter.replace(annotation=parameter.empty)
            for parameter in parameters[1:]
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        assert ", ".join(map(str, positional)) == arguments


@pytest.mark.parametrize("as_path", [str, Path])
def test_names_of_the_files(tmp_path: Path, as_path: Callable[[Path], str | Path]) -> None:
    """The constructor's arguments say where everything goes; the side file follows the scalars."""
    with LocalVisBackend(as_path(tmp_path), "pictures", "settings.py", "log.json") as vis:
        vis.add_scalar("a", 1)
        vis.add_config({"lr": 1})
        vis.add_image("b", noise(2, 2))
    assert files(tmp_path) == {"pictures/b_0.png", "settings.py", "log.json", "log.times"}


@pytest.mark.parametrize(
    "names", [{"config_save_file": "config.json"}, {"scalar_save_file": "scalars.txt"}]
)
def test_wrong_endings(tmp_path: Path, names: dict[str, str]) -> None:
    """A name of another kind is refused at once, and the message names the argument."""
    with pytest.raises(ValueError, match=next(iter(names))):
        LocalVisBackend(tmp_path, **names)


@pytest.mark.parametrize("kind", ["config", "image", "graph", "scalar"])
def test_whatever_comes_first_makes_a_run(tmp_path: Path, kind: str) -> None:
    """A call makes its own file, and the log by which readers know the folder for a run."""
    log = {"scalars.json", "scalars.times"}
    with LocalVisBackend(tmp_path) as vis:
        if kind == "config":
            vis.add_config({"lr": 0.1})
        elif kind == "image":
            vis.add_image("a", noise(2, 2))
        elif kind == "graph":
            vis.add_graph(torch.nn.Linear(3, 2))
        else:
            vis.add_scalar("a", 1)
    own = {"config": {"config.py"}, "image": {"vis_image/a_0.png"}, "graph": {"graph.txt"}}
    assert files(tmp_path) == log | own.get(kind, set())
    run = open_run(tmp_path)
    assert dict(run.config) == ({"lr": 0.1} if kind == "config" else {})
    assert [image.name for image in run.images] == ["a"] * (kind == "image")
    assert [text.name for text in run.texts] == ["graph"] * (kind == "graph")
    assert list(run) == ["a"] * (kind == "scalar")


def test_the_graph(tmp_path: Path) -> None:
    """The text is the model's tree of modules and its size; a newer takes its place."""
    layer = torch.nn.Linear(3, 2)
    layer.bias.requires_grad_(requires_grad=False)
    with LocalVisBackend(tmp_path) as vis:
        vis.add_graph("anything that prints itself")
        vis.add_graph(torch.nn.Sequential(layer), data_batch=object())
    (text,) = open_run(tmp_path).texts
    assert text.text == (
        "Sequential(\n  (0): Linear(in_features=3, out_features=2, bias=True)\n)\n\n"
        "8 parameters, 6 of them trained\n"
    )


# Scalars


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda vis: vis.add_scalar("mAP", 0.31, step=100), '{"mAP": 0.31, "step": 100}'),
        (lambda vis: vis.add_scalar("loss", 1), '{"loss": 1, "step": 0}'),
        (lambda vis: vis.add_scalar("loss", float("nan"), 1), '{"loss": NaN, "step": 1}'),
        (lambda vis: vis.add_scalar("é%s", 1e-5, -1), '{"\\u00e9%s": 1e-05, "step": -1}'),
        (lambda vis: vis.add_scalar("", np.float32(0.1)), '{"": 0.10000000149011612, "step": 0}'),
        (lambda vis: vis.add_scalar("a", 1, np.int64(7)), '{"a": 1, "step": 7}'),
        (lambda vis: vis.add_scalar("a", 1, torch.tensor(7)), '{"a": 1, "step": 7}'),
        (lambda vis: vis.add_scalar("a", 1, 0.5), '{"a": 1, "step": 0.5}'),
        (
            lambda vis: vis.add_scalars({"loss": 0.7, "lr": 1e-3}, step=100),
            '{"loss": 0.7, "lr": 0.001, "step": 100}',
        ),
        (lambda vis: vis.add_scalars({}), '{"step": 0}'),
        (lambda vis: vis.add_scalars({"a": None, "b": "x"}), '{"a": null, "b": "x", "step": 0}'),
        (lambda vis: vis.add_scalars({"a": np.arange(2)}), '{"a": [0, 1], "step": 0}'),
        (lambda vis: vis.add_scalars({"step": 9, "a": 1}, step=5), '{"step": 9, "a": 1}'),
        (lambda vis: vis.add_scalars({"a": 1, "step": 2}), '{"a": 1, "step": 2}'),
        (lambda vis: vis.add_scalars({"a": torch.tensor(2.5)}), '{"a": 2.5, "step": 0}'),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_lines(vis: LocalVisBackend, log: Path, call: Call, line: str) -> None:
    """A call is one line of MMEngine's, the first time and the second."""
    call(vis)
    assert log.read_bytes() == f"{line}\n".encode()
    call(vis)
    assert log.read_bytes() == f"{line}\n{line}\n".encode()


def test_a_record_is_there_at_once(vis: LocalVisBackend, log: Path) -> None:
    """Each record can be read as soon as its call returns, without close."""
    for step in range(20):
        vis.add_scalar("a", step, step)
        assert json.loads(log.read_bytes().splitlines()[-1]) == {"a": step, "step": step}


def test_one_write_per_record(
    vis: LocalVisBackend, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record, however many names it has, is one `os.write` with all of its bytes."""
    vis.add_scalar("a", 1)
    seen = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda to, data: seen.append(data) or write(to, data))
    vis.add_scalars({f"name {number}": number for number in range(1000)})
    records = [data for data in seen if not data.startswith(b'{"offset"')]
    assert records == [log.read_bytes().splitlines(keepends=True)[1]]


def test_the_mapping_is_left_alone(vis: LocalVisBackend) -> None:
    """The caller's dict is as it was: no step in it, no converted values."""
    value = np.float32(1)
    scalars = {"a": value}
    vis.add_scalars(scalars, step=3)
    assert scalars == {"a": value}
    assert scalars["a"] is value


def test_more_names_than_are_remembered(
    vis: LocalVisBackend, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with ever new names writes them all rightly, and does not remember ever more."""
    monkeypatch.setattr(local, "_MOST_CACHED", 3)
    for step in [*range(9), *range(9)]:
        vis.add_scalar(f"one {step}", 1, step)
        vis.add_scalars({f"two {step}": 1}, step)
    expected = [
        {f"{count} {step}": 1, "step": step} for step in range(9) for count in ("one", "two")
    ]
    assert [json.loads(line) for line in log.read_text().splitlines()] == expected * 2
    assert len(vis._heads) <= 3
    assert len(vis._templates) <= 3


def test_close_and_go_on(vis: LocalVisBackend, log: Path) -> None:
    """After close, the next call opens the files again and adds to them."""
    for step in range(3):
        vis.add_scalars({"a": step}, step, file_path="extra.json")
        vis.close()
        vis.close()
    assert log.read_text().count("\n") == 3
    assert log.with_name("extra.json").read_text() == log.read_text()


def test_an_older_log_goes_on(tmp_path: Path) -> None:
    """A second backend on the same folder adds to what the first wrote."""
    for step in range(2):
        with LocalVisBackend(tmp_path) as vis:
            vis.add_scalar("a", 1, step)
    assert open_run(tmp_path)["a"].steps.tolist() == [0, 1]


def test_a_torn_end(vis: LocalVisBackend, log: Path) -> None:
    """After half a line, as a copy or a crash leaves it, the next record is still whole."""
    log.parent.mkdir()
    log.write_text('{"a": 1, "step": 0}\n{"a": 2, "st')
    vis.add_scalar("a", 3, 2)
    assert log.read_text() == '{"a": 1, "step": 0}\n{"a": 2, "st\n{"a": 3, "step": 2}\n'


# An extra file


@pytest.mark.parametrize("name", ["extra.json", "sub/extra.json", "./extra.json", "a.b.json"])
def test_an_extra_file(vis: LocalVisBackend, log: Path, name: str) -> None:
    """The record is written to both files."""
    vis.add_scalars({"a": 1}, step=2, file_path=name)
    vis.add_scalars({"b": 1})
    assert (log.parent / name).read_text() == '{"a": 1, "step": 2}\n'
    assert log.read_text() == '{"a": 1, "step": 2}\n{"b": 1, "step": 0}\n'


@pytest.mark.parametrize(
    "name",
    [
        *("scalars.json", "./scalars.json", "extra.txt", "json", "", "../extra.json"),
        *("sub/../extra.json", "/extra.json", "\\extra.json", "a\0.json"),
    ],
)
def test_a_wrong_extra_file(vis: LocalVisBackend, tmp_path: Path, name: str) -> None:
    """The scalar file itself, another kind of file, and one outside the run are refused."""
    with pytest.raises(ValueError, match=r"."):
        vis.add_scalars({"a": 1}, file_path=name)
    assert not list(tmp_path.iterdir())


@counts_files
def test_two_threads_open_one_extra_file(
    vis: LocalVisBackend, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads that open a file at the same time, one gives its descriptor back."""
    vis.add_scalar("a", 1)
    both = threading.Barrier(2)

    class Meeting(AppendFile):
        """A file that is opened only when another thread is about to open it too."""

        def __init__(self, path: Path) -> None:
            both.wait(timeout=10)
            super().__init__(path)

    monkeypatch.setattr(local, "AppendFile", Meeting)
    before = open_files()
    threads = [
        threading.Thread(target=vis.add_scalars, args=({"a": 1}, 0, "extra.json")) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.with_name("extra.json").read_text() == '{"a": 1, "step": 0}\n' * 2
    assert open_files() == before + 1


@counts_files
def test_two_threads_open_the_log(
    vis: LocalVisBackend, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two threads whose first calls meet, both write, to one pair of descriptors."""
    both = threading.Barrier(2)

    class Meeting(local.ScalarFile):
        """A log that is opened only when another thread is about to open it too."""

        def __init__(self, *arguments: Any) -> None:
            both.wait(timeout=10)
            super().__init__(*arguments)

    monkeypatch.setattr(local, "ScalarFile", Meeting)
    before = open_files()
    threads = [threading.Thread(target=vis.add_scalar, args=("a", 1)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.read_text() == '{"a": 1, "step": 0}\n' * 2
    assert open_files() == before + 2


# What is refused


REFUSED = {
    "object": lambda vis: vis.add_scalar("a", object()),
    "complex": lambda vis: vis.add_scalar("a", 1j),
    "bytes": lambda vis: vis.add_scalar("a", b"1"),
    "function": lambda vis: vis.add_scalar("a", print),
    "tensor of two": lambda vis: vis.add_scalar("a", torch.zeros(2)),
    "array of none": lambda vis: vis.add_scalar("a", np.zeros(0)),
    "tensor without data": lambda vis: vis.add_scalar("a", torch.empty((), device="meta")),
    "step": lambda vis: vis.add_scalar("a", 1, object()),
    "step that is an array": lambda vis: vis.add_scalar("a", 1, np.arange(2)),
    "long step": lambda vis: vis.add_scalar("a", 1, 10**5000),
    "name that is no text": lambda vis: vis.add_scalar(3, 1),
    "name that is a list": lambda vis: vis.add_scalar([], 1),
    "long integer": lambda vis: vis.add_scalar("a", 10**5000),
    "second value": lambda vis: vis.add_scalars({"a": 1, "b": object()}),
    "deep value": lambda vis: vis.add_scalars({"a": {"b": [{"c": object()}]}}),
    "key": lambda vis: vis.add_scalars({(1, 2): 1}),
    "deep key": lambda vis: vis.add_scalars({"a": {(1, 2): 1}}),
    "sparse tensor": lambda vis: vis.add_scalars({"a": torch.eye(2).to_sparse()}),
    "step among the scalars": lambda vis: vis.add_scalars({"a": 1, "step": object()}),
    "step of the scalars that is an array": lambda vis: vis.add_scalars({"a": 1}, np.arange(2)),
    "step of the scalars": lambda vis: vis.add_scalars({"a": 1}, object()),
    "circle": lambda vis: vis.add_scalars(circle()),
    "no mapping": lambda vis: vis.add_scalars([("a", 1)]),
    "nothing": lambda vis: vis.add_scalars(None),
    "with an extra file": lambda vis: vis.add_scalars({"a": object()}, file_path="extra.json"),
}


def circle() -> dict[str, object]:
    """A dict that holds itself."""
    record: dict[str, object] = {"a": 1}
    record["b"] = record
    return record


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written(
    vis: LocalVisBackend, log: Path, tmp_path: Path, call: Call
) -> None:
    """What can't be written is a TypeError before a byte of it is written; the log goes on."""
    with pytest.raises(TypeError):
        call(vis)
    assert not list(tmp_path.iterdir())
    vis.add_scalar("a", 1)
    before = log.read_bytes()
    with pytest.raises(TypeError):
        call(vis)
    assert log.read_bytes() == before
    vis.add_scalar("a", 1)
    assert log.read_bytes() == before * 2
    assert files(log.parent) == {"scalars.json", "scalars.times"}


def test_a_scalar_called_step(vis: LocalVisBackend, tmp_path: Path) -> None:
    """`add_scalar("step", …)` would lose its value, so it is refused."""
    with pytest.raises(ValueError, match="step"):
        vis.add_scalar("step", 1)
    assert not list(tmp_path.iterdir())


# Pictures


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (noise(4, 5, 3), noise(4, 5, 3)),
        (noise(4, 5), np.repeat(noise(4, 5)[..., None], 3, axis=2)),
        (noise(4, 5, 1), np.repeat(noise(4, 5, 1), 3, axis=2)),
        (noise(4, 5, 3) / 255, noise(4, 5, 3)),
        ((noise(4, 5, 3) / 255).astype(np.float32), noise(4, 5, 3)),
        (np.dstack([noise(4, 5, 3), np.full((4, 5), 255, np.uint8)]), noise(4, 5, 3)),
        (np.dstack([noise(4, 5, 3), np.zeros((4, 5), np.uint8)]), np.full((4, 5, 3), 255)),
        (torch.from_numpy(noise(4, 5, 3)).permute(2, 0, 1), noise(4, 5, 3)),
        (torch.from_numpy(noise(4, 5, 3) / 255).permute(2, 0, 1), noise(4, 5, 3)),
        (Image.fromarray(noise(4, 5, 3)), noise(4, 5, 3)),
        (Image.fromarray(noise(4, 5)), np.repeat(noise(4, 5)[..., None], 3, axis=2)),
        (noise(5, 4, 3).transpose(1, 0, 2), noise(5, 4, 3).transpose(1, 0, 2)),
    ],
    ids=[
        *("RGB", "grey", "grey in 3 dimensions", "float64", "float32", "opaque", "transparent"),
        *("tensor", "float tensor", "PIL", "grey PIL", "view"),
    ],
)
def test_pictures(
    vis: LocalVisBackend, tmp_path: Path, image: object, expected: np.ndarray
) -> None:
    """Every kind of picture becomes an RGB PNG of the same pixels."""
    vis.add_image("input", image, step=3)
    path = tmp_path / "run" / "vis_image" / "input_3.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(picture), expected)
    assert beside_the_log(tmp_path) == {"run/vis_image/input_3.png"}


@pytest.mark.parametrize(
    ("name", "step", "file"),
    [
        ("a", 0, "a_0.png"),
        ("val/pred/a", 10, "val/pred/a_10.png"),
        ("é..x", -1, "é..x_-1.png"),
        ("a", np.int64(3), "a_3.png"),
        ("a", torch.tensor(3), "a_3.png"),
        ("a.png", 1, "a.png_1.png"),
        (".hidden", 1, ".hidden_1.png"),
    ],
)
def test_names_of_pictures(
    vis: LocalVisBackend, tmp_path: Path, name: str, step: int, file: str
) -> None:
    """A picture's file is its name and step; a `/` makes a sub-folder; a reader finds it again."""
    vis.add_image(name, noise(2, 2), step)
    assert beside_the_log(tmp_path) == {f"run/vis_image/{file}"}
    vis.add_scalar("a", 1)
    (image,) = open_run(tmp_path / "run").images
    assert (image.name, image.step) == (name, int(step))


@pytest.mark.parametrize(
    "name", ["", "/a", "//a", "../a", "a/../b", "a/..", "..", "..\\a", "\\a", "a\0b"]
)
def test_names_that_leave_the_folder(vis: LocalVisBackend, tmp_path: Path, name: str) -> None:
    """A name that is absolute, goes up, is empty or holds NUL is refused and creates nothing."""
    with pytest.raises(ValueError, match="no name inside a folder"):
        vis.add_image(name, noise(2, 2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", [1.5, float("nan"), "1x"])
def test_a_step_that_no_file_name_has(vis: LocalVisBackend, tmp_path: Path, step: Any) -> None:
    """A fractional step is refused, as the picture would take the place of another step's."""
    with pytest.raises((TypeError, ValueError)):
        vis.add_image("a", noise(2, 2), step)
    assert not list(tmp_path.iterdir())


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
    vis: LocalVisBackend, tmp_path: Path, image: object, error: type[Exception]
) -> None:
    """What is no picture is refused, and the older one of that name stays."""
    vis.add_image("a", noise(2, 2, 3))
    path = tmp_path / "run" / "vis_image" / "a_0.png"
    before = path.read_bytes()
    with pytest.raises(error):
        vis.add_image("a", image)
    assert path.read_bytes() == before
    assert beside_the_log(tmp_path) == {"run/vis_image/a_0.png"}


def test_a_picture_is_replaced_whole(vis: LocalVisBackend, tmp_path: Path) -> None:
    """A second picture takes the place of the first, which a reader that has it open still has."""
    vis.add_image("a", noise(2, 2, 3))
    path = tmp_path / "run" / "vis_image" / "a_0.png"
    before = path.read_bytes()
    with path.open("rb") as reader:
        vis.add_image("a", np.zeros((9, 9, 3), np.uint8))
        assert reader.read() == before
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), np.zeros((9, 9, 3)))
    assert beside_the_log(tmp_path) == {"run/vis_image/a_0.png"}


# The disk, and descriptors


def test_close_waits_for_the_disk(vis: LocalVisBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close calls `os.fsync` once for each file with records; records alone do not."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for step in range(5):
        vis.add_scalars({"a": 1}, step, file_path="extra.json")
    assert not synced
    vis.close()
    assert len(synced) == 2
    vis.close()
    assert len(synced) == 2


def test_the_end_of_the_context_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving the context is a close, also when an exception leaves it; the exception goes on."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    vis = LocalVisBackend(tmp_path)
    vis.add_scalar("a", 1)
    with pytest.raises(KeyError), vis:
        raise KeyError
    assert len(synced) == 1


@pytest.mark.parametrize(("every", "count"), [(None, 0), (0, 10), (3600, 0)])
def test_fsync_every_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: float | None, count: int
) -> None:
    """With `fsync_every_s`, records wait for the disk too, the extra file's as well."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    vis = LocalVisBackend(tmp_path, fsync_every_s=every)
    for step in range(5):
        vis.add_scalars({"a": 1}, step, file_path="extra.json")
    assert len(synced) == count
    vis.close()


@counts_files
def test_close_gives_descriptors_back(tmp_path: Path) -> None:
    """Runs that were closed leave no descriptor open."""
    before = open_files()
    for number in range(5):
        with LocalVisBackend(tmp_path / str(number)) as vis:
            vis.add_scalars({"a": 1}, file_path="extra.json")
            vis.add_config({})
            vis.add_image("a", noise(2, 2))
    assert open_files() == before


@counts_files
def test_a_close_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails in close, every file is still closed, and the error is shown."""
    before = open_files()
    vis = LocalVisBackend(tmp_path)
    vis.add_scalars({"a": 1}, file_path="extra.json")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match="Input/output error"):
        vis.close()
    assert open_files() == before


@counts_files
def test_failures_leave_no_descriptor(tmp_path: Path) -> None:
    """Calls that fail again and again do not use up the process's descriptors."""
    (tmp_path / "scalars.times").mkdir()
    (tmp_path / "extra.json").mkdir()
    vis = LocalVisBackend(tmp_path)
    before = open_files()
    for _ in range(5):
        with pytest.raises(WriteError):
            vis.add_scalars({"a": 1}, file_path="extra.json")
    vis.close()
    for _ in range(5):
        try:
            vis.add_scalar("a", 1)
        except WriteError:
            continue
        vis.close()
    assert open_files() == before


@counts_files
def test_forgotten_backends(tmp_path: Path) -> None:
    """Backends that nobody closed give their descriptors back when nobody has them any more."""
    before = open_files()
    for number in range(5):
        LocalVisBackend(tmp_path / str(number)).add_scalar("a", 1)
    assert open_files() == before


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda vis: pickle.loads(pickle.dumps(vis))],  # noqa: S301 - our own
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_opens_its_own_files(
    tmp_path: Path, copied: Callable[[LocalVisBackend], LocalVisBackend]
) -> None:
    """Closing a copied backend does not close the files under the original."""
    vis = LocalVisBackend(tmp_path)
    vis.add_scalars({"a": 1}, file_path="extra.json")
    other = copied(vis)
    other.add_scalars({"a": 2}, file_path="extra.json")
    other.close()
    vis.add_scalars({"a": 3}, file_path="extra.json")
    vis.close()
    assert open_run(tmp_path)["a"].values.tolist() == [1, 2, 3]
    assert (tmp_path / "extra.json").read_text().count("\n") == 3


def test_a_backend_sent_to_another_process(vis: LocalVisBackend, log: Path) -> None:
    """In another process a pickled backend writes to its log, not to a descriptor number."""
    vis.add_scalar("a", 1)
    receive = "import pickle, sys; pickle.load(sys.stdin.buffer).add_scalar('a', 2)"
    command = [sys.executable, "-c", receive]
    done = subprocess.run(command, input=pickle.dumps(vis), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["a"] for line in log.read_text().splitlines()] == [1, 2]
