"""Real event files from public repositories, where they lie beside the project; skipped elsewhere.

Asked for the same files, TensorBoard's EventAccumulator is right about all of them: none holds
damage, a restart or a step that goes back, where it would drop samples (see the unit tests).
"""

import csv
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from trainviz_cli.codecs.tfrecord import find_records
from trainviz_cli.errors import NotFoundError, UnreadableError
from trainviz_cli.formats.tensorboard import FORMAT
from trainviz_cli.model.run import Run
from trainviz_cli.runs import find_runs, open_run

CORPUS = Path(__file__).parents[3] / "shared" / "run-logs"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the collected logs are not here")
KEEP_ALL = {"scalars": 0, "tensors": 0, "images": 0, "histograms": 0}
Row = dict[str, str]
Samples = dict[str, list[tuple[float, int, float]]]


def manifest(*, pointers: bool) -> list[Row]:
    """The rows on event files, or on what git-LFS left in place of some."""
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    events = [row for row in rows if row["kind"] == "tfevents"]
    return [row for row in events if ("LFS" in row["oddities"]) is pointers]


def folders() -> list[str]:
    """Those with event files in them that are there."""
    return sorted({str(Path(row["file"]).parent) for row in manifest(pointers=False)})


EVERY_FILE = pytest.mark.parametrize("row", manifest(pointers=False), ids=lambda row: row["file"])


def accumulated(path: Path) -> EventAccumulator:
    """What TensorBoard reads of a file or of a folder."""
    return EventAccumulator(str(path), size_guidance=KEEP_ALL).Reload()


def scalars(accumulator: EventAccumulator) -> Samples:
    """Its scalars, TF2's among them: time, step and value of each sample."""
    tags = accumulator.Tags()
    found = {
        tag: [(each.wall_time, each.step, each.value) for each in accumulator.Scalars(tag)]
        for tag in tags["scalars"]
    }
    for tag in tags["tensors"]:
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            found[tag] = [
                (each.wall_time, each.step, tensor_util.make_ndarray(each.tensor_proto).item())
                for each in accumulator.Tensors(tag)
            ]
    return found


def samples(run: Run) -> Samples:
    """Time, step and value of each sample of a run."""
    found = {}
    for key, series in run.series.items():
        assert series.wall_times is not None
        columns = series.wall_times.tolist(), series.steps.tolist(), series.values.tolist()
        found[key] = [*zip(*columns, strict=True)]
    return found


def only(folder: str) -> Path:
    """The one folder of the corpus that fits."""
    (found,) = CORPUS.glob(folder)
    return found


@EVERY_FILE
def test_a_file_says_what_the_manifest_says(row: Row) -> None:
    """As many records, tags and samples, the same first and last, and nothing skipped."""
    path = CORPUS / row["file"]
    data = path.read_bytes()
    framing = find_records(data)
    assert len(framing.records.starts) == int(row["records"])
    assert framing[1:] == (len(data), [], False)
    run = open_run(path, strict=True)
    assert (len(run), run.diagnostics) == (int(row["keys"]), ())
    if not run:
        assert row["values"] == "0"
        return
    series = run[row["key"]]
    found = [
        f"{step}:{value:.10g}"
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True)
    ]
    assert len(found) == int(row["values"])
    assert (found[0], found[-1]) == (row["first"], row["last"])


@EVERY_FILE
def test_a_file_says_what_tensorboard_says(row: Row) -> None:
    """Every sample of every tag, every picture, text and histogram."""
    path = CORPUS / row["file"]
    run, theirs = open_run(path), accumulated(path)
    assert repr(sorted(samples(run).items())) == repr(sorted(scalars(theirs).items()))
    assert [
        (image.name, image.step, path.read_bytes()[image.offset :][: image.length])
        for image in run.images
    ] == [
        (tag, each.step, each.encoded_image_string)
        for tag in sorted(theirs.Tags()["images"])
        for each in sorted(theirs.Images(tag), key=lambda each: each.step)
    ]
    assert [
        (each.name, each.step, each.edges[1:].tolist(), each.counts.tolist())
        for each in run.histograms
    ] == [
        (tag, each.step, each.histogram_value.bucket_limit, each.histogram_value.bucket)
        for tag in sorted(theirs.Tags()["histograms"])
        for each in sorted(theirs.Histograms(tag), key=lambda each: each.step)
    ]
    texts = theirs.PluginTagToContent("text") if "text" in row["oddities"] else {}
    assert [(text.name, text.step, text.text.encode()) for text in run.texts] == [
        (tag, each.step, b"\n".join(each.tensor_proto.string_val))
        for tag in sorted(texts)
        for each in theirs.Tensors(tag)
    ]


@EVERY_FILE
@pytest.mark.parametrize("window", [4096, 1 << 14])
def test_the_end_of_a_file_says_what_the_whole_says(row: Row, window: int) -> None:
    """The latest value of each key seen there, the last step, and about how many records."""
    path = CORPUS / row["file"]
    run, glance = open_run(path), FORMAT.glance(path, window)
    for key, value in glance.last.items():
        assert repr(value) == repr(float(run[key].values[-1]))
    steps = FORMAT.reader(path).poll().steps.tolist()
    assert glance.last_step == (steps[-1] if steps else None)
    assert bool(glance.last) is bool(run)
    if glance.exact:
        assert set(glance.last) == set(run)
        assert glance.records == len(steps)
    elif "image" not in row["oddities"] and "histo" not in row["oddities"]:
        assert len(steps) / 3 <= glance.records <= 3 * len(steps) + 10


@pytest.mark.parametrize("folder", folders())
def test_a_folder_says_what_tensorboard_says(folder: str) -> None:
    """All files of a folder are one run; what sub-folders add is marked by their names."""
    run, theirs = open_folder(CORPUS / folder), scalars(accumulated(CORPUS / folder))
    mine = samples(run)
    assert repr({key: mine[key] for key in sorted(theirs)}) == repr(dict(sorted(theirs.items())))
    assert len(mine) == len(theirs)


def open_folder(folder: Path) -> Run:
    """The run that these event files are, also where another format would be asked first."""
    found = next(run for run in find_runs(folder) if run.path == folder)
    return found._replace(format=FORMAT, log=folder).read()


@pytest.mark.parametrize("row", manifest(pointers=True), ids=lambda row: row["file"])
def test_what_git_lfs_has_not_fetched(row: Row) -> None:
    """The file, and the run that consists of such files, is the documented error with the cure."""
    path = CORPUS / row["file"]
    for asked in (path, path.parent):
        with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
            open_run(asked)
        assert caught.value.hint == "git lfs pull"


def test_training_and_validation_of_keras_are_one_run() -> None:
    """Two folders, one run, told apart by a prefix."""
    (found,) = find_runs(only("tensorboard/*tf2_tensor_train_val"))
    run = found.read()
    prefixes = {key.partition("/")[0] for key in run}
    assert prefixes == {"train", "validation"}
    assert len(run["validation/evaluation_loss_vs_iterations"]) == 1


@pytest.mark.parametrize("folder", ["catboost/*root", "catboost/*learn_only"])
def test_what_catboost_learnt_and_tested_is_one_run(folder: str) -> None:
    """`learn/` and, if there was a test set, `test/`."""
    (found,) = find_runs(only(folder))
    assert found.path.name == "catboost_info"
    assert {key.partition("/")[0] for key in found.read()} <= {"learn", "test"}


def test_every_process_that_wrote_to_a_folder_is_a_start() -> None:
    """Six files, one of them empty: five curves of a key, each drawn by itself."""
    run = open_run(only("tensorboard/*many_events_one_dir"))
    series = run["train/loss"]
    assert len(series) == 5 * 48
    assert series.segments == (0, 48, 96, 144, 192)


def test_runs_below_a_log_folder_are_runs_of_their_own() -> None:
    """Stable-Baselines3's logs/ has an event file itself, and PPO_1, PPO_6 and PPO_7 in it."""
    found = find_runs(only("tensorboard/*sb3_nan_and_empty"))
    assert [run.path.name for run in found] == ["logs", "PPO_1", "PPO_6", "PPO_7"]
    assert [len(run.read()) for run in found] == [12, 12, 12, 0]


@pytest.mark.parametrize("folder", ["yolo/*v8_padded_plus_tb", "yolo/*cls_plus_tb"])
def test_a_run_that_is_called_train_is_a_run(folder: str) -> None:
    """Ultralytics calls its first run so, the next one train2: it is no part of their folder."""
    (found,) = find_runs(only(folder))
    assert found.path.name == "train"
    assert not any(key.startswith("train/train/") for key in found.read())


def test_what_lightning_was_given() -> None:
    """Its hyperparameters are the config, and its epochs an axis."""
    run = open_run(only("tensorboard/*lightning_hparams"))
    assert len(run.config) > 50
    assert run["train_loss"].epochs is not None


def test_what_mmengine_was_given() -> None:
    """A folder with event files that hold only the config, as text."""
    run = open_run(only("tensorboard/*mmengine_text_only"))
    assert len(run) == 0
    assert all("model" in text.text for text in run.texts)
    assert len(run.texts) == 2


def test_a_folder_that_is_no_run() -> None:
    """The corpus as a whole is many."""
    with pytest.raises(NotFoundError, match="runs"):
        open_run(CORPUS / "tensorboard")
