"""Runs as TensorBoard's event files: which files are one run, what they say, how they grow."""

import io
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from trainviz_cli.codecs import tfbuild, tfevents
from trainviz_cli.codecs.tfrecord import frame
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.errors import NotFoundError, TrainvizError, UnreadableError
from trainviz_cli.formats._format import Place
from trainviz_cli.formats.tensorboard import FORMAT
from trainviz_cli.formats.tensorboard.reader import TensorboardReader
from trainviz_cli.model.batch import Batch, assemble, join
from trainviz_cli.model.run import Histogram, Image, Run, Text
from trainviz_cli.model.series import Series
from trainviz_cli.runs import find_runs, open_run

NOW = 1767225600.5
NAME = "events.out.tfevents.1767225600.host.1.0"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
VERSION = tfbuild.file_version(NOW)
SOURCE = frame(Event(wall_time=NOW, source_metadata={"writer": "w" * 19}).SerializeToString())
NOBODY = 65534


def scalar(tag: str, step: int, value: float = 0.5, wall_time: float = NOW) -> bytes:
    """A record of one scalar."""
    return encode_one(tag, wall_time, step, value)


def curve(tag: str, *values: float, begin: int = 0) -> bytes:
    """Records of a curve."""
    return b"".join(scalar(tag, begin + i, value) for i, value in enumerate(values))


def write(folder: Path, data: bytes, name: str = NAME) -> Path:
    """An event file; what is there already is added to."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("ab") as file:
        file.write(data)
    return path


def png(colour: int = 0) -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Picture.new("L", (2, 2), colour).save(file, "png")
    return file.getvalue()


def values(run: Run) -> dict[str, list[float]]:
    """Each key with its values."""
    return {key: run[key].values.tolist() for key in run}


def notes(run: Run) -> dict[str, int]:
    """What was said about a run, and how much each note left out."""
    return {note.message: note.skipped for note in run.diagnostics}


def names(folder: Path) -> list[str]:
    """The runs at or below a folder."""
    return [found.name for found in find_runs(folder)]


def columns(series: dict[str, Series]) -> dict[str, str]:
    """Each series as text that tells every digit."""
    return {
        key: repr(
            (
                *(each.steps.tolist(), each.values.tolist(), each.segments, each.begins),
                None if each.wall_times is None else each.wall_times.tolist(),
            )
        )
        for key, each in series.items()
    }


# What is a run


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        "events.out.tfevents",
        "events.out.tfevents.1664082589.DESKTOP.4004.0.v2",
        "events.out.tfevents.1664082589.host.profile-empty",
        "my.tfevents",
        f"events.out.tfevents.{'9' * 200}",
        "tfevents é ü",
    ],
)
def test_an_event_file_is_a_run(tmp_path: Path, name: str) -> None:
    """By its name alone, and so is the folder it lies in."""
    folder = tmp_path / "exp1"
    path = write(folder, scalar("loss", 1), name)
    for asked in (folder, path):
        run = open_run(asked)
        assert (run.format, values(run)) == ("tensorboard", {"loss": [0.5]})
    assert names(folder) == ["exp1"]


@pytest.mark.parametrize("name", ["events.out", "events.tf", "tfevent", "TFEVENTS.1"])
def test_other_files_are_none(tmp_path: Path, name: str) -> None:
    """Neither they nor their folder, whatever they hold."""
    path = write(tmp_path, scalar("loss", 1), name)
    assert FORMAT.find_log(Place.at(path)) is None
    assert FORMAT.find_log(Place.at(tmp_path)) is None


@pytest.mark.parametrize("name", ["exp1 ", " ", "a/b ", "-x", "é\U0001f600", "tfevents"])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    """One that ends in a space too."""
    write(tmp_path / name, curve("loss", 2, 1))
    (found,) = find_runs(tmp_path)
    assert found.path == tmp_path / name
    assert values(found.read()) == {"loss": [2, 1]}
    assert found.glance().last == {"loss": 1}
    assert values(open_run(tmp_path / name)) == {"loss": [2, 1]}


def test_files_are_taken_in_the_order_of_the_times_in_their_names(tmp_path: Path) -> None:
    """As numbers; one without a time comes first. Each is a start of the run."""
    for i, name in enumerate(["", ".999", ".1000.host", ".1000.host.2", ".20000"]):
        write(tmp_path, curve("loss", i, i + 0.5, begin=10 * i), f"events.out.tfevents{name}")
    run = open_run(tmp_path)
    assert run["loss"].values.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]
    assert run["loss"].segments == (0, 2, 4, 6, 8)
    assert FORMAT.glance(tmp_path, 1000).last == {"loss": 4.5}


def test_a_start_that_repeats_steps_replaces_them(tmp_path: Path) -> None:
    """Every sample is kept, and a view shows the later start's, also of a key it hasn't."""
    write(tmp_path, curve("loss", 9, 8, 7) + curve("acc", 1, 2, 3), "tfevents.1")
    write(tmp_path, scalar("lr", 1, 0.1) + curve("loss", 5, 4, begin=2), "tfevents.2")
    run = open_run(tmp_path)
    assert run["loss"].values.tolist() == [9, 8, 7, 5, 4]
    assert run["loss"].view().y.tolist() == [9, 5, 4]
    assert run["acc"].values.tolist() == [1, 2, 3]


@pytest.mark.parametrize("empty", [b"", VERSION, VERSION + SOURCE], ids=len)
def test_many_files_with_nothing_in_them(tmp_path: Path, empty: bytes) -> None:
    """A folder often holds many of them: they are no starts, and no damage."""
    for i in range(20):
        write(tmp_path, empty, f"events.out.tfevents.{i}")
    run = open_run(tmp_path)
    assert (len(run), run.diagnostics) == (0, ())
    write(tmp_path, curve("loss", 1, 2), "events.out.tfevents.7")
    run = open_run(tmp_path)
    assert run["loss"].segments == (0,)
    glance = FORMAT.glance(tmp_path, 1000)
    assert (glance.last, glance.records, glance.exact) == ({"loss": 2}, 2, True)


def test_keys_are_in_the_order_in_which_they_were_logged(tmp_path: Path) -> None:
    """Long and short ones, whichever was first."""
    tags = ["train/loss", "lr", "a", "epoch", "zz" * 70, "m"]
    write(tmp_path, b"".join(scalar(tag, step) for step in (1, 300) for tag in tags))
    assert list(open_run(tmp_path)) == tags


def test_ten_thousand_keys(tmp_path: Path) -> None:
    """Each is read, and each is found at the end."""
    tags = [f"layer{i}/norm" for i in range(10_000)]
    write(tmp_path, b"".join(scalar(tag, step, step) for step in (1, 2) for tag in tags))
    run = open_run(tmp_path)
    assert list(run) == tags
    assert all(run[tag].values.tolist() == [1, 2] for tag in tags)
    assert list(FORMAT.glance(tmp_path, 1 << 22).last) == tags


# Sub-folders that belong to the run, and those that don't


@pytest.mark.parametrize(
    ("parts", "own"),
    [
        (("train", "validation"), False),
        (("train", "validation"), True),
        (("learn", "test"), False),
        (("learn",), False),
        (("val",), True),
        (("eval",), True),
        (("train",), True),
        (("eval", "test", "train", "valid"), True),
    ],
)
def test_parts_of_the_data_are_prefixes(tmp_path: Path, parts: Sequence[str], *, own: bool) -> None:
    """Keras's train/ and validation/, CatBoost's learn/ and test/: one run, files beside or not."""
    folder = tmp_path / "exp1"
    if own:
        write(folder, scalar("lr", 1))
    for i, part in enumerate(parts):
        write(folder / part, curve("loss", i, i + 1))
    run = open_run(folder)
    wanted = {f"{part}/loss": [i, i + 1] for i, part in enumerate(parts)}
    assert values(run) == ({"lr": [0.5]} if own else {}) | wanted
    assert all(run[f"{part}/loss"].segments == (0,) for part in parts)
    assert names(tmp_path) == ["exp1"]
    assert FORMAT.glance(folder, 1000).last == {
        key: column[-1] for key, column in values(run).items()
    }


@pytest.mark.parametrize("name", ["train", "val", "test", "training"])
def test_a_run_may_be_called_train(tmp_path: Path, name: str) -> None:
    """Ultralytics' first run is runs/detect/train, its next ones train2 and train3."""
    write(tmp_path / "detect" / name, scalar("train/box_loss", 1))
    write(tmp_path / "detect" / f"{name}2", scalar("train/box_loss", 2))
    assert names(tmp_path) == [name, f"{name}2"]
    assert list(open_run(tmp_path / "detect" / name)) == ["train/box_loss"]


def test_keras_before_its_first_validation(tmp_path: Path) -> None:
    """TF2's files tell that train/ alone is a part: the run does not become another later."""
    write(tmp_path / "exp1" / "train", scalar("epoch_loss", 1), f"{NAME}.v2")
    assert names(tmp_path) == ["exp1"]
    write(tmp_path / "exp1" / "validation", scalar("epoch_loss", 1), f"{NAME}.v2")
    assert names(tmp_path) == ["exp1"]
    assert list(open_run(tmp_path)) == ["train/epoch_loss", "validation/epoch_loss"]


def test_a_part_is_also_a_run_if_it_is_asked_for(tmp_path: Path) -> None:
    """Then without a prefix."""
    write(tmp_path / "exp1" / "train", scalar("loss", 1))
    assert values(open_run(tmp_path / "exp1" / "train")) == {"loss": [0.5]}


def test_a_part_without_event_files_is_none(tmp_path: Path) -> None:
    """A folder of training data that is called train/."""
    write(tmp_path / "train", b"picture", "1.png")
    assert FORMAT.find_log(Place.at(tmp_path)) is None
    write(tmp_path, scalar("loss", 1))
    assert FORMAT.parts(Place.at(tmp_path)) == frozenset()
    assert values(open_run(tmp_path)) == {"loss": [0.5]}


def test_runs_below_a_folder_of_parts_are_runs(tmp_path: Path) -> None:
    """Beside the parts of one run there may be another run."""
    for part in ("train", "validation"):
        write(tmp_path / "exp1" / part, scalar("loss", 1))
    write(tmp_path / "exp1" / "other", scalar("loss", 2))
    assert names(tmp_path) == ["exp1", "other"]


def test_runs_beside_a_logs_own_file_are_runs(tmp_path: Path) -> None:
    """Stable-Baselines3's logs/: an event file of its own, and a sub-folder for each run."""
    logs = tmp_path / "logs"
    write(logs, curve("train/loss", 9, 8))
    for i in (1, 2):
        write(logs / f"PPO_{i}", curve("train/loss", i) + curve("rollout/ep_rew_mean", 10 * i))
    write(logs / "PPO_3", VERSION)
    assert names(tmp_path) == ["logs", "PPO_1", "PPO_2", "PPO_3"]
    assert values(open_run(logs)) == {"train/loss": [9, 8]}
    assert values(open_run(logs / "PPO_2")) == {"train/loss": [2], "rollout/ep_rew_mean": [20]}
    assert FORMAT.glance(logs, 1000).last == {"train/loss": 8}


def test_scalars_of_torch_in_one_chart(tmp_path: Path) -> None:
    """`add_scalars` makes a folder for each curve: they are keys of the run that logged them."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "exp1"
    with SummaryWriter(str(folder)) as writer:
        for step in range(3):
            writer.add_scalar("lr", 0.5, step)
            writer.add_scalars("loss/all", {"train": step, "val/a": step + 1}, step)
            writer.add_scalars("long " + "k" * 200, {"é": step}, step)
    run = open_run(folder)
    long = "long " + "k" * 200
    assert values(run) == {
        "lr": [0.5] * 3,
        "loss_all_train/loss/all": [0, 1, 2],
        "loss_all_val/a/loss/all": [1, 2, 3],
        f"{long}_é/{long}": [0, 1, 2],
    }
    assert all(series.segments == (0,) for series in run.series.values())
    assert names(tmp_path) == ["exp1"]


def test_scalars_of_tensorboardx_in_one_chart(tmp_path: Path) -> None:
    """It nests the folders."""
    tensorboardx = pytest.importorskip("tensorboardX")
    folder = tmp_path / "exp1"
    with tensorboardx.SummaryWriter(str(folder)) as writer:
        for step in range(3):
            writer.add_scalar("lr", 0.5, step)
            writer.add_scalars("data/all", {"a": step, "b": -step}, step)
            writer.add_scalars("loss", {"train": step}, step)
    assert values(open_run(folder)) == {
        "lr": [0.5] * 3,
        "data/all/a/data/all": [0, 1, 2],
        "data/all/b/data/all": [0, -1, -2],
        "loss/train/loss": [0, 1, 2],
    }
    assert names(tmp_path) == ["exp1"]


def test_hyperparameters_of_torch(tmp_path: Path) -> None:
    """`add_hparams` makes a folder called after the time: its metrics are the run's own keys."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "exp1"
    given = {"lr": 0.1, "optimizer": "adam", "amp": True, "layers": 3}
    with SummaryWriter(str(folder)) as writer:
        writer.add_scalar("loss", 1.5, 1)
        writer.add_hparams(given, {"hparam/acc": 0.75})
    run = open_run(folder)
    assert values(run) == {"loss": [1.5], "hparam/acc": [0.75]}
    assert run.config == given
    assert names(tmp_path) == ["exp1"]
    assert FORMAT.glance(folder, 1000).last == {"loss": 1.5, "hparam/acc": 0.75}


def test_hyperparameters_of_several_trials(tmp_path: Path) -> None:
    """Each trial has its folder: every sample of the metric is kept, as starts of their own."""
    write(tmp_path, scalar("loss", 1))
    for i in range(3):
        data = tfbuild.hparams({"lr": i}, NOW) + scalar("hparam/acc", 0, i)
        write(tmp_path / f"167108578{i}.3238955", data)
    run = open_run(tmp_path)
    assert run["hparam/acc"].values.tolist() == [0, 1, 2]
    assert run["hparam/acc"].segments == (0, 1, 2)
    assert run.config == {"lr": 2}


def test_without_hyperparameters_there_is_no_config(tmp_path: Path) -> None:
    """And without pictures, texts and histograms there are none."""
    write(tmp_path, scalar("loss", 1))
    run = open_run(tmp_path)
    assert (run.config, run.images, run.texts, run.histograms) == ({}, (), (), ())


def test_a_link_is_no_part(tmp_path: Path) -> None:
    """A run that train/ is a link to is that run, not part of another one."""
    write(tmp_path / "real", scalar("loss", 1))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "train").symlink_to(tmp_path / "real")
    assert FORMAT.find_log(Place.at(tmp_path / "logs")) is None
    assert names(tmp_path / "logs") == ["train"]
    write(tmp_path / "logs", scalar("lr", 1))
    assert values(open_run(tmp_path / "logs")) == {"lr": [0.5]}


def test_links_in_a_circle(tmp_path: Path) -> None:
    """Are not followed."""
    write(tmp_path / "exp1", scalar("loss", 1))
    (tmp_path / "exp1" / "train").symlink_to(tmp_path / "exp1")
    (tmp_path / "exp1" / "loss_a").symlink_to(tmp_path / "exp1")
    assert values(open_run(tmp_path / "exp1")) == {"loss": [0.5]}
    assert names(tmp_path) == ["exp1"]


# What the files say


def test_restarts_are_marked(tmp_path: Path) -> None:
    """A session that starts cuts all curves there, steps that go back the curve they go back in."""
    data = curve("a", 1, 2, 3) + curve("b", 1, 2, 3) + tfbuild.session_start(NOW, 3)
    data += curve("a", 4, 5, begin=3) + curve("b", 4, begin=5) + curve("a", 6, begin=1)
    write(tmp_path, tfbuild.session_start(NOW, 0) + data)
    run = open_run(tmp_path)
    assert run["a"].segments == (0, 3, 5)
    assert run["b"].segments == (0, 3)
    assert run["b"].begins == (0, 3)


def test_sessions_in_which_nothing_is_logged(tmp_path: Path) -> None:
    """Several starts, or one at the very end, are no more than one restart."""
    start = tfbuild.session_start(NOW, 0)
    write(tmp_path, start * 3 + curve("a", 1) + start * 3 + curve("a", 2, begin=1) + start)
    run = open_run(tmp_path)
    assert run["a"].segments == (0, 1)


def test_a_restart_in_one_part_is_none_in_the_other(tmp_path: Path) -> None:
    """Files in train/ don't cut what was logged in validation/."""
    for i in range(3):
        write(tmp_path / "train", curve("loss", 3, 2, 1, begin=3 * i), f"tfevents.{i}")
    write(tmp_path / "validation", curve("loss", *range(9)))
    run = open_run(tmp_path)
    assert run["train/loss"].segments == (0, 3, 6)
    assert run["validation/loss"].segments == (0,)
    assert run["validation/loss"].begins in (None, (0,))


def test_lightnings_epochs_are_an_axis(tmp_path: Path) -> None:
    """It logs the epoch as a scalar: the others know by it which epoch they belong to."""
    data = b""
    for step in range(0, 60, 10):
        data += scalar("train_loss", step, step) + scalar("epoch", step, step // 20)
    write(tmp_path, data + scalar("val_loss", 59, 1))
    run = open_run(tmp_path)
    epochs = run["train_loss"].epochs
    assert epochs is not None
    assert epochs.tolist() == [0, 0, 1, 1, 2, 2]
    assert run["val_loss"].view("epoch").x.tolist() == [2]
    assert run["epoch"].values.tolist() == [0, 0, 1, 1, 2, 2]


def test_without_epochs_there_is_no_such_axis(tmp_path: Path) -> None:
    """It is not made up."""
    write(tmp_path, curve("loss", 2, 1))
    series = open_run(tmp_path)["loss"]
    assert series.epochs is None
    with pytest.raises(NotFoundError):
        series.view("epoch")


def test_wall_times_are_kept(tmp_path: Path) -> None:
    """To the last bit, also where they go back or are no number."""
    times = [NOW, NOW + 1e-6, 0.0, -1.0, math.nan, math.inf, NOW]
    write(tmp_path, b"".join(scalar("a", i, 1, time) for i, time in enumerate(times)))
    found = open_run(tmp_path)["a"].wall_times
    assert found is not None
    assert repr(found.tolist()) == repr(times)


def test_unusual_steps(tmp_path: Path) -> None:
    """Repeated, negative, huge and left out: every sample is kept, and exactly."""
    steps = [0, 0, -5, 2**62, 2**62 + 1, -(2**63), 2**63 - 1, 7, 7]
    write(tmp_path, b"".join(scalar("a", step, i) for i, step in enumerate(steps)))
    series = open_run(tmp_path)["a"]
    assert series.steps.tolist() == steps
    assert series.values.tolist() == [*range(9)]
    assert len(series.view().x) > 0


def test_huge_steps_beside_epochs(tmp_path: Path) -> None:
    """No error, whatever the epoch is."""
    steps = [2**63 - 1, -(2**63), 2**53 + 1, 0]
    data = b"".join(
        scalar("loss", step) + scalar("epoch", step, epoch)
        for step in steps
        for epoch in (math.nan, math.inf, -1.0, 1e30)
    )
    write(tmp_path, data)
    assert len(open_run(tmp_path)["loss"]) == 16


def test_pictures_lie_in_the_event_files(tmp_path: Path) -> None:
    """Listed by name and step, with the prefix of their part; the bytes there are the picture."""
    for step in (10, 2):
        write(tmp_path, tfbuild.image("b", step, NOW, png(step)))
        write(tmp_path / "train", tfbuild.image("a", step, NOW, png(step)))
    images = open_run(tmp_path).images
    listed = [("b", 2), ("b", 10), ("train/a", 2), ("train/a", 10)]
    assert [(image.name, image.step) for image in images] == listed
    for image in images:
        assert image.path.read_bytes()[image.offset :][: image.length] == png(image.step)


def test_texts_and_histograms(tmp_path: Path) -> None:
    """By name and step, with the prefix of their part."""
    made = Histogram("h", 3, np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0]))
    data = tfbuild.text(Text("t", 5, "late"), NOW) + tfbuild.text(Text("t", 1, "early"), NOW)
    write(tmp_path, scalar("loss", 1) + data)
    write(tmp_path / "eval", tfbuild.histogram(made, NOW) + tfbuild.text(Text("t", 1, "x"), NOW))
    run = open_run(tmp_path)
    assert run.texts == (Text("eval/t", 1, "x"), Text("t", 1, "early"), Text("t", 5, "late"))
    (histogram,) = run.histograms
    assert (histogram.name, histogram.step) == ("eval/h", 3)
    assert histogram.counts.tolist() == [1, 2]


@pytest.mark.parametrize("same_length", [True, False])
def test_pictures_of_a_file_that_was_replaced(tmp_path: Path, *, same_length: bool) -> None:
    """What is listed is what lies there now."""
    path = write(tmp_path, tfbuild.image("before", 1, NOW, png()))
    assert [image.name for image in open_run(tmp_path).images] == ["before"]
    os.utime(path, (1, 1))
    draft = write(tmp_path, tfbuild.image("after!" if same_length else "x", 1, NOW, png()), "d")
    draft.replace(path)
    assert [image.name for image in open_run(tmp_path).images] != ["before"]
    assert [image.name for image in FORMAT.images(path)] == ["after!" if same_length else "x"]


def test_a_text_only_file(tmp_path: Path) -> None:
    """MMEngine writes one that holds only its config: a run without keys, with a text."""
    write(tmp_path, VERSION + tfbuild.text(Text("config", 0, "model = 1"), NOW))
    run = open_run(tmp_path)
    assert (len(run), run.diagnostics) == (0, ())
    assert [text.text for text in run.texts] == ["model = 1"]
    glance = FORMAT.glance(tmp_path, 1000)
    assert (glance.records, glance.last_step, glance.last) == (0, None, {})


# Damage


def test_damage_in_one_file_leaves_the_others(tmp_path: Path) -> None:
    """A file that is over, one that is garbage, one cut off: what is sound in each is read."""
    sound = curve("loss", 3, 2, 1)
    write(tmp_path, sound + bytes(500), "tfevents.1")
    write(tmp_path, b"garbage" * 100, "tfevents.2")
    write(tmp_path, sound[:-1], "tfevents.3")
    write(tmp_path, sound, "tfevents.4")
    run = open_run(tmp_path)
    assert run["loss"].values.tolist() == [3, 2, 1, 3, 2, 3, 2, 1]
    damage = {(Path(note.path).name, note.offset) for note in run.diagnostics}
    assert damage == {("tfevents.1", len(sound)), ("tfevents.2", 0)}
    with pytest.raises(UnreadableError, match="byte"):
        open_run(tmp_path, strict=True)


def test_damaged_payloads_of_several_files(tmp_path: Path) -> None:
    """Each file says how many of its records, and where."""
    for i in (1, 2):
        data = bytearray(curve("loss", *range(10)))
        for record in range(i):
            data[record * 2 * len(data) // 10 + 20] ^= 1
        write(tmp_path, bytes(data), f"tfevents.{i}")
    run = open_run(tmp_path)
    assert len(run["loss"]) == 17
    assert [(Path(n.path).name, n.skipped) for n in run.diagnostics] == [
        ("tfevents.1", 1),
        ("tfevents.2", 2),
    ]
    assert run.diagnostics[0].offset == 0


def test_one_pointer_among_event_files(tmp_path: Path) -> None:
    """What is there is read, what git-LFS has not fetched is told of once."""
    write(tmp_path, POINTER, "tfevents.1")
    write(tmp_path, curve("loss", 2, 1), "tfevents.2")
    run = open_run(tmp_path)
    assert values(run) == {"loss": [2, 1]}
    (note,) = run.diagnostics
    assert "git-LFS pointer" in note.message
    assert "tfevents.1" in note.message + note.path
    assert FORMAT.glance(tmp_path, 1000).last == {"loss": 1}
    reader = FORMAT.reader(tmp_path)
    assert [len(reader.poll().diagnostics) for _ in range(3)] == [1, 0, 0]


def test_a_pointer_beside_a_file_without_scalars(tmp_path: Path) -> None:
    """One file that can be read makes a run that can be read."""
    write(tmp_path, POINTER, "tfevents.1")
    write(tmp_path, tfbuild.text(Text("config", 0, "x"), NOW), "tfevents.2")
    run = open_run(tmp_path)
    assert len(run.texts) == 1
    assert len(run.diagnostics) == 1


def test_only_pointers(tmp_path: Path) -> None:
    """The documented error with the cure, however the run is asked for; then the files come."""
    write(tmp_path, POINTER, "tfevents.1")
    write(tmp_path / "train", POINTER, "tfevents.2")
    reader = FORMAT.reader(tmp_path)
    (found,) = find_runs(tmp_path)
    for ask in (reader.poll, found.read, found.glance, lambda: open_run(tmp_path / "tfevents.1")):
        with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
            ask()
        assert caught.value.hint == "git lfs pull"
    assert FORMAT.config(tmp_path) == {}
    assert FORMAT.images(tmp_path) == ()
    (tmp_path / "tfevents.1").unlink()
    write(tmp_path, curve("loss", 2, 1), "tfevents.1")
    assert len(reader.poll()) == 2


def test_a_text_file_of_that_name(tmp_path: Path) -> None:
    """Something else that is called like an event file: damage, and no keys."""
    write(tmp_path, b"# tfevents\n\nNotes on TensorBoard's files.\n", "tfevents.md")
    run = open_run(tmp_path)
    assert len(run) == 0
    assert sum(notes(run).values()) == 1
    assert FORMAT.glance(tmp_path, 1000).last == {}


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Lets permissions bind, although the tests may run as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no POSIX permissions")
    open_run(folder).images  # noqa: B018 - whatever is imported on first use is imported before
    FORMAT.glance(folder, 100)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user may enter: `tmp_path` is its owner's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755)


def test_a_locked_file_among_others(public: Path) -> None:
    """It is told of, and the others are read; alone it is the documented error."""
    locked = write(public, curve("loss", 9), "tfevents.1")
    write(public, curve("loss", 2, 1), "tfevents.2")
    with as_nobody(public):
        assert len(open_run(public)["loss"]) == 3
    locked.chmod(0)
    with as_nobody(public):
        run = open_run(public)
        assert values(run) == {"loss": [2, 1]}
        assert len(run.diagnostics) == 1
        assert FORMAT.glance(public, 100).last == {"loss": 1}
        with pytest.raises(UnreadableError):
            open_run(locked)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_locked_folder(public: Path, mode: int) -> None:
    """Listed but not entered, entered but not listed, neither: the documented error everywhere."""
    folder = public / "exp1"
    write(folder, curve("loss", 2, 1))
    reader = FORMAT.reader(folder)
    folder.chmod(0o755)
    with as_nobody(folder):
        folder_is = Place.at(folder)
    folder.chmod(mode)
    is_root = os.geteuid() == 0
    os.seteuid(NOBODY if is_root else os.geteuid())
    try:
        for ask in (
            reader.poll,
            lambda: FORMAT.glance(folder, 100),
            lambda: open_run(folder),
            lambda: FORMAT.parts(folder_is),
            lambda: FORMAT.config(folder),
        ):
            try:
                ask()
            except TrainvizError as error:
                assert error.exit_code in {3, 4}  # noqa: PT017 - it need not be raised
        with pytest.raises(TrainvizError):
            FORMAT.glance(folder, 100)
    finally:
        if is_root:
            os.seteuid(0)


# A run that grows


def followed(folder: Path, *, last: Sequence[bytes]) -> tuple[list[Batch], Run]:
    """What a reader gives while a file grows by these pieces, and the run read afterwards."""
    reader = FORMAT.reader(folder)
    batches = [reader.poll()]
    for piece in last:
        write(folder, piece)
        batches.append(reader.poll())
    return batches, open_run(folder)


def test_what_is_followed_is_what_is_read(tmp_path: Path) -> None:
    """Batches put together are the run, session starts and all, wherever the polls fell."""
    start = tfbuild.session_start(NOW, 3)
    records = [VERSION, start, *(scalar("loss", i, i) for i in range(4)), start, start]
    records += [scalar("acc", 2, 7), scalar("loss", 2, 8), start, VERSION, scalar("loss", 1, 9)]
    batches, run = followed(tmp_path, last=records)
    assert columns(assemble(batches)) == columns(dict(run.series))
    assert run["loss"].segments == (0, 4, 5)
    assert sum(len(batch.diagnostics) for batch in batches) == 0


def test_a_file_that_is_over_stays_over(tmp_path: Path) -> None:
    """Its damage is told once, and other files go on."""
    batches, run = followed(tmp_path, last=[curve("loss", 1), bytes(40), curve("loss", 2)])
    assert [len(batch) for batch in batches] == [0, 1, 0, 0]
    assert [len(batch.diagnostics) for batch in batches] == [0, 0, 1, 0]
    assert run["loss"].values.tolist() == [1]


def test_new_files_join(tmp_path: Path) -> None:
    """A second process, a validation folder, a curve of `add_scalars`: from the next poll on."""
    reader = FORMAT.reader(tmp_path)
    write(tmp_path, curve("loss", 3, 2), "tfevents.5")
    batches = [reader.poll()]
    write(tmp_path, curve("loss", 1, begin=2), "tfevents.6")
    batches.append(reader.poll())
    write(tmp_path / "validation", curve("acc", 7))
    write(tmp_path / "loss_a", curve("loss", 8))
    batches.append(reader.poll())
    write(tmp_path, curve("loss", 0, begin=3), "tfevents.6")
    write(tmp_path / "validation", curve("acc", 9, begin=1))
    batches.append(reader.poll())
    assert [len(batch) for batch in batches] == [2, 1, 2, 2]
    grown, run = assemble(batches), open_run(tmp_path)
    assert {key: series.values.tolist() for key, series in grown.items()} == values(run)
    assert grown["loss"].segments == run["loss"].segments == (0, 2)
    assert grown["validation/acc"].segments == (0,)


def test_an_older_file_that_comes_later(tmp_path: Path) -> None:
    """One that was copied there afterwards joins too; nothing is read twice."""
    reader = FORMAT.reader(tmp_path)
    write(tmp_path, curve("loss", 2, begin=2), "tfevents.5")
    first = reader.poll()
    write(tmp_path, curve("loss", 1, begin=1), "tfevents.4")
    second = reader.poll()
    assert [len(first), len(second)] == [1, 1]
    assert assemble([first, second])["loss"].values.tolist() == [2, 1]


@pytest.mark.parametrize("how", ["replaced", "shrunk"])
def test_a_file_begun_again_is_a_new_start(tmp_path: Path, how: str) -> None:
    """What it says comes after what was read, as after a restart, with the epochs of its own."""
    path = write(tmp_path, scalar("epoch", 100, 9) + curve("loss", 3, 2, 1, begin=100))
    reader = FORMAT.reader(tmp_path)
    first = reader.poll()
    again = scalar("epoch", 0, 0) + scalar("loss", 200, 5)
    if how == "replaced":
        write(tmp_path, again, "draft").replace(path)
    else:
        path.write_bytes(again)
    second = reader.poll()
    series = assemble([first, second])["loss"]
    assert series.values.tolist() == [3, 2, 1, 5]
    assert series.segments == (0, 3)
    assert series.epochs is not None
    assert series.epochs.tolist() == [9, 9, 9, 0]


def test_an_idle_poll_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the run's files nor those of the runs below it, as long as nobody writes."""
    write(tmp_path, curve("loss", 1))
    write(tmp_path / "loss_a", curve("loss", 1))
    for i in range(3):
        write(tmp_path / f"PPO_{i}", curve("train/loss", 1))
    reader = FORMAT.reader(tmp_path)
    assert len(reader.poll()) == 2

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a file was opened")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert len(reader.poll()) == 0


def test_a_folder_that_is_gone_for_a_while(tmp_path: Path) -> None:
    """Nothing new while it is gone, no error, and it goes on when it is back."""
    folder = tmp_path / "exp1"
    write(folder, curve("loss", 3, 2))
    reader = FORMAT.reader(folder)
    assert len(reader.poll()) == 2
    folder.rename(tmp_path / "away")
    assert len(reader.poll()) == 0
    with pytest.raises(NotFoundError):
        FORMAT.glance(folder, 100)
    (tmp_path / "away").rename(folder)
    write(folder, curve("loss", 1, begin=2))
    assert reader.poll().values.tolist() == [1]


def test_a_folder_without_files_yet(tmp_path: Path) -> None:
    """A reader waits for them."""
    reader = FORMAT.reader(tmp_path / "later")
    assert len(reader.poll()) == 0
    write(tmp_path / "later", curve("loss", 1))
    assert len(reader.poll()) == 1


# A run that is read in budgets


def in_budgets(reader: TensorboardReader, most: int = 1) -> list[Batch]:
    """What poll after poll gives, until nothing is left."""
    batches = [reader.poll(most)]
    while reader.is_behind:
        batches.append(reader.poll(most))
    return batches


def rows(batches: Sequence[Batch]) -> list[str]:
    """Each row with its start, epoch, time and values, as text that tells every digit."""
    table = join(batches)
    assert table.epochs is not None
    assert table.starts is not None
    assert table.wall_times is not None
    columns = (table.starts, table.steps, table.epochs, table.wall_times)
    found = [repr([column[row].item() for column in columns]) for row in range(len(table))]
    for code, row, value in zip(table.codes, table.rows, table.values, strict=True):
        found[row] += f" {table.keys[code]}={value!r}"
    return found


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 100 bytes."""
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", 100)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("most", [1, 150, 400, 100_000])
def test_budgets_change_no_row(tmp_path: Path, most: int) -> None:
    """Rows, starts and the order of keys are those of one poll, over files, folders, sessions."""
    session = tfbuild.session_start(NOW, 3)
    for i in range(3):
        begin = 10 * i
        epochs = [
            scalar("epoch", step, step) + curve("loss", *range(5), begin=step)
            for step in range(begin, begin + 20, 5)
        ]
        data = [VERSION, *epochs, session, curve(f"k{i}", 1, 2, begin=begin + 20)]
        write(tmp_path, b"".join(data), f"tfevents.{i}")
        write(tmp_path / "train", curve("acc", *range(9), begin=begin), f"tfevents.{i}")
    write(tmp_path / "1767225600.5", curve("loss", 7, 8))
    batches = in_budgets(FORMAT.reader(tmp_path), most)
    whole = FORMAT.reader(tmp_path).poll()
    assert (len(batches) == 1) == (most == 100_000)
    assert rows(batches) == rows([whole])
    assert batches[-1].keys == whole.keys
    assert max(map(len, batches)) < 20 or most > 1


@pytest.mark.usefixtures("small_blocks")
def test_the_budget_is_for_each_file(tmp_path: Path) -> None:
    """Many small files are read in one poll, however little it may read of each."""
    for i in range(50):
        write(tmp_path, curve("loss", 1, begin=i), f"tfevents.{i}")
    reader = FORMAT.reader(tmp_path)
    assert (len(reader.poll(1)), reader.is_behind) == (50, False)


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_cannot_be_read_holds_up_nobody(tmp_path: Path) -> None:
    """It is told of once, and nothing of it is waited for."""
    write(tmp_path, POINTER, "tfevents.1")
    write(tmp_path, curve("loss", *range(20)), "tfevents.2")
    write(tmp_path, POINTER, "tfevents.3")
    batches = in_budgets(FORMAT.reader(tmp_path))
    assert [sum(map(len, batches)), sum(len(each.diagnostics) for each in batches)] == [20, 2]


@pytest.mark.usefixtures("small_blocks")
def test_a_file_that_vanishes_while_it_is_read(tmp_path: Path) -> None:
    """The next one has its turn."""
    path = write(tmp_path, curve("loss", *range(50)), "tfevents.1")
    write(tmp_path, curve("acc", 1), "tfevents.2")
    reader = FORMAT.reader(tmp_path)
    reader.poll(1)
    assert reader.is_behind
    path.unlink()
    assert reader.poll(1).values.tolist() == [1]
    assert not reader.is_behind


def test_a_file_that_is_renamed(tmp_path: Path) -> None:
    """Its end is read as its own, then the new one as another start; pictures of both are found."""
    path = write(tmp_path, curve("loss", 3, 2) + tfbuild.image("a", 1, NOW, png()))
    reader = FORMAT.reader(tmp_path)
    batches = [reader.poll()]
    assert [image.name for image in FORMAT.images(tmp_path)] == ["a"]
    write(tmp_path, curve("loss", 1, begin=2))
    path.rename(tmp_path / "old")
    write(tmp_path, curve("loss", 9, begin=3) + tfbuild.image("b", 1, NOW, png()))
    batches += in_budgets(reader)
    series = assemble(batches)["loss"]
    assert (series.values.tolist(), series.segments) == ([3, 2, 1, 9], (0, 3))
    assert [image.name for image in FORMAT.images(tmp_path)] == ["b"]


def test_a_reader_keeps_what_it_is_asked_to_keep(tmp_path: Path) -> None:
    """Who follows scalars holds no pictures, texts and histograms; who asks for them has them."""
    extras = tfbuild.text(Text("note", 0, "x" * 1000), NOW) + tfbuild.hparams({"lr": 1}, NOW)
    write(tmp_path, curve("loss", 1) + extras)
    reader, keeper = FORMAT.reader(tmp_path), TensorboardReader(tmp_path, keep_extras=True)
    assert len(reader.poll()) == len(keeper.poll()) == 1
    assert reader.extras == []
    assert [type(extra).__name__ for _, extra in keeper.extras] == ["Text", "Hparams"]
    assert (len(FORMAT.texts(tmp_path)), FORMAT.config(tmp_path)) == (1, {"lr": 1})


@pytest.mark.usefixtures("small_blocks")
def test_a_copy_of_a_reader_goes_on_by_itself(tmp_path: Path) -> None:
    """With keys, starts and files of its own; of what is no scalar, the list alone."""
    texts = [tfbuild.text(Text(name, 0, "x"), NOW) for name in "abc"]
    write(tmp_path, texts[0] + curve("loss", *range(20)) + texts[1], "tfevents.1")
    write(tmp_path, curve("acc", *range(20)), "tfevents.2")
    reader = TensorboardReader(tmp_path, keep_extras=True)
    first = [reader.poll(1)]
    copy = deepcopy(reader)
    assert copy.extras[0][1] is reader.extras[0][1]
    others = in_budgets(copy)
    write(tmp_path, curve("lr", 1) + texts[2], "tfevents.3")
    mine, others = in_budgets(reader), others + in_budgets(copy)
    assert columns(assemble([*first, *mine])) == columns(assemble([*first, *others]))
    assert columns(assemble([*first, *mine])) == columns(dict(open_run(tmp_path).series))
    assert len(reader.extras) == len(copy.extras) == 3


# The end of a run


@pytest.mark.parametrize("window", [1, 40, 100, 1000, 100_000])
def test_a_glance_is_what_a_whole_reading_says(tmp_path: Path, window: int) -> None:
    """Of the keys it saw: the latest value of each, over all files, NaN and infinities named."""
    write(tmp_path, curve("loss", *range(50)) + scalar("only", 1, 7), "tfevents.1")
    write(tmp_path, curve("loss", math.nan, 2, -math.inf, begin=50), "tfevents.2")
    write(tmp_path / "val", curve("acc", math.nan, 1, math.nan, 4) + scalar("lr", 9, math.nan))
    glance = FORMAT.glance(tmp_path, window)
    whole = open_run(tmp_path)
    for key, value in glance.last.items():
        assert repr(value) == repr(float(whole[key].values[-1])), key
    assert {"loss", "val/lr"} <= glance.last.keys()
    assert glance.nonfinite == {"loss": 52, "val/lr": 9}
    assert glance.last_step == 52
    assert glance.exact == (window == 100_000)
    if glance.exact:
        assert list(glance.last) == list(whole)
        assert glance.records == sum(len(series) for series in whole.series.values())


def test_a_glance_after_a_restart(tmp_path: Path) -> None:
    """The step is that of the newest start, as a whole reading says, not the highest ever."""
    write(tmp_path, curve("loss", 1, 2, begin=1000), "tfevents.1")
    write(tmp_path, curve("loss", 3, begin=10), "tfevents.2")
    glance = FORMAT.glance(tmp_path, 1000)
    assert glance.last_step == open_run(tmp_path)["loss"].steps[-1] == 10


def test_a_glance_takes_nothing_old_for_the_latest(tmp_path: Path) -> None:
    """Where a restart logged a key again, but too far from the end, the old value isn't shown."""
    write(tmp_path, curve("loss", 1) + scalar("acc", 1, 0.1), "tfevents.1")
    write(tmp_path, scalar("acc", 2, 0.9) + curve("loss", *range(100)), "tfevents.2")
    assert FORMAT.glance(tmp_path, 400).last == {"loss": 99}
    assert FORMAT.glance(tmp_path, 1 << 14).last == {"loss": 99, "acc": pytest.approx(0.9)}


def test_a_glance_at_files_from_1970(tmp_path: Path) -> None:
    """Where archives set the time of all files to 0, they are there nonetheless."""
    path = write(tmp_path, curve("loss", 1))
    os.utime(path, (0, 0))
    glance = FORMAT.glance(tmp_path, 100)
    assert (glance.modified, glance.last) == (0, {"loss": 1})


def test_a_glance_at_a_half_written_end(tmp_path: Path) -> None:
    """While a large picture is being written, what was logged before it is still seen."""
    data = curve("loss", *range(100)) + tfbuild.image("p", 1, NOW, bytes(100_000))
    write(tmp_path, data[:-5000])
    for window in (100, 4096, 1 << 14, 96_000):
        assert FORMAT.glance(tmp_path, window).last == {"loss": 99}, window


# Against TensorBoard's own reading


def test_the_accumulator_says_the_same(tmp_path: Path) -> None:
    """Steps, times and values of every tag, over several files of a folder."""
    rng = np.random.default_rng(9)
    for name in ("tfevents.10", "tfevents.11"):
        data = VERSION
        for i, number in enumerate(rng.normal(size=300).astype(np.float32).tolist()):
            data += scalar(f"k{i % 7}" * (i % 5 + 1), i - 5, number, NOW + i / 7)
        write(tmp_path, data, f"events.out.{name}")
    theirs = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    run = open_run(tmp_path)
    assert set(run) == set(theirs.Tags()["scalars"])
    for tag in run:
        mine = run[tag]
        assert mine.wall_times is not None
        found = zip(
            mine.wall_times.tolist(), mine.steps.tolist(), mine.values.tolist(), strict=True
        )
        assert [*found] == [(e.wall_time, e.step, e.value) for e in theirs.Scalars(tag)]


def test_where_the_accumulator_is_wrong(tmp_path: Path) -> None:
    """It drops all after a damaged record, and what a restart repeats; here nothing is lost."""
    data = bytearray(VERSION + curve("loss", *range(10)))
    data[len(VERSION) + 3 * (len(data) - len(VERSION)) // 10 + 20] ^= 1
    write(tmp_path / "damaged", bytes(data))
    restarted = VERSION + curve("loss", 1, 2, 3) + tfbuild.session_start(NOW, 1)
    write(tmp_path / "restarted", restarted + curve("loss", 4, 5, begin=1))
    for name, theirs, ours in (
        ("damaged", [0, 1, 2], [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("restarted", [1, 4, 5], [1, 2, 3, 4, 5]),
    ):
        accumulator = EventAccumulator(str(tmp_path / name)).Reload()
        assert [event.value for event in accumulator.Scalars("loss")] == theirs
        assert open_run(tmp_path / name)["loss"].values.tolist() == ours
    assert open_run(tmp_path / "restarted")["loss"].view().y.tolist() == [1, 4, 5]


def test_what_tensorboards_own_writer_wrote(tmp_path: Path) -> None:
    """Its writer of event files, with TF2's scalars, as Keras uses them."""
    for part in ("train", "validation"):
        writer = EventFileWriter(str(tmp_path / part), filename_suffix=".v2")
        for step in range(3):
            event = Event(wall_time=NOW + step, step=step)
            event.summary.CopyFrom(scalar_pb("epoch_loss", step / 2))
            event.summary.value.add(tag="old", simple_value=step)
            writer.add_event(event)
        writer.close()
    run = open_run(tmp_path)
    assert values(run) == {
        f"{part}/{tag}": column
        for part in ("train", "validation")
        for tag, column in (("epoch_loss", [0, 0.5, 1]), ("old", [0, 1, 2]))
    }
    assert run["train/epoch_loss"].view("relative").x.tolist() == [0, 1, 2]


def test_what_torch_wrote(tmp_path: Path) -> None:
    """Scalars of both its styles, a picture, a text, a histogram, and a step it was not given."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("a/loss", math.nan)
        writer.add_scalar("a/loss", 2.5, 3, walltime=NOW)
        writer.add_scalar("new", 1.5, 1, new_style=True)
        writer.add_image("picture", np.zeros((3, 4, 5), np.uint8), 2)
        writer.add_text("note", "# hello", 4)
        writer.add_histogram("weights", np.arange(10), 5)
    run = open_run(tmp_path)
    assert repr(values(run)) == "{'a/loss': [nan, 2.5], 'new': [1.5]}"
    assert run["a/loss"].steps.tolist() == [0, 3]
    (image,) = run.images
    data = image.path.read_bytes()[image.offset :][: image.length]
    assert Picture.open(io.BytesIO(data)).size == (5, 4)
    assert isinstance(image, Image)
    assert [(text.step, text.text) for text in run.texts] == [(4, "# hello")]
    (histogram,) = run.histograms
    assert histogram.counts.sum() == 10
    assert len(histogram.edges) == len(histogram.counts) + 1


def test_several_values_of_a_tag_in_one_event(tmp_path: Path) -> None:
    """Odd, but all of them are samples."""
    value = [Summary.Value(tag="a", simple_value=number) for number in (1, 2, 3)]
    write(tmp_path, frame(Event(step=5, summary=Summary(value=value)).SerializeToString()))
    series = open_run(tmp_path)["a"]
    assert (series.steps.tolist(), series.values.tolist()) == ([5, 5, 5], [1, 2, 3])
