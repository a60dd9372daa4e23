"""Real logs from public repositories, where they lie beside the project; skipped elsewhere."""

import csv
from pathlib import Path

import pytest

from trainviz_cli.errors import NotFoundError, TrainvizError, UnreadableError
from trainviz_cli.runs import find_runs, locate_runs, open_run

CORPUS = Path(__file__).parents[3] / "shared" / "run-logs"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the collected logs are not here")


def manifest() -> list[dict[str, str]]:
    """The rows on MMEngine's JSON Lines files."""
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row for row in rows if row["format"] == "mmengine" and row["kind"] == "jsonl"]


def listed(pattern: str) -> list[str]:
    """Paths below the corpus, as they are shown in a test's name."""
    return sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob(pattern))


@pytest.mark.parametrize("row", manifest(), ids=lambda row: row["file"])
def test_a_log_says_what_the_manifest_says(row: dict[str, str]) -> None:
    """As many keys and samples, the same first and last, and nothing skipped."""
    run = open_run(CORPUS / row["file"], strict=True)
    assert len(run) + 1 == int(row["keys"])  # the manifest counts `step`
    series = run[row["key"]]
    samples = [
        f"{step:g}:{value:.10g}"
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True)
    ]
    assert len(samples) == int(row["values"])
    assert (samples[0], samples[-1]) == (row["first"], row["last"])


@pytest.mark.parametrize("folder", listed("mmengine/*"))
def test_a_work_dir_is_one_run(folder: str) -> None:
    """Each collected work_dir is read as a whole, and its keys never go back within a segment."""
    run = open_run(CORPUS / folder)
    assert len(run) > 5
    for series in run.series.values():
        back = (series.steps[1:] < series.steps[:-1]).nonzero()[0] + 1
        assert set(back.tolist()) <= set(series.segments)


def test_starts_that_began_over_are_left_out() -> None:
    """A work_dir of seven trainings from the beginning: only the newest is taken, with a note."""
    (folder,) = CORPUS.glob("mmengine/*manyrestarts")
    run = open_run(folder)
    assert len(find_runs(folder)) == 7
    assert len(run["loss"]) == 34
    (note,) = run.diagnostics
    assert note.message.count("2023") == 6
    assert note.skipped == 0


def test_validation_by_epoch_lies_on_the_axis_of_training() -> None:
    """30 epochs of 12 iterations: accuracy stands at 12, 24, ... 360."""
    (folder,) = CORPUS.glob("mmengine/*mmpretrain")
    assert open_run(folder)["accuracy/top1"].steps.tolist() == list(range(12, 361, 12))


def test_validation_by_iteration_stays() -> None:
    """Of MMSegmentation's iteration-based training, with as many as the log says."""
    (folder,) = CORPUS.glob("mmengine/*mmseg_tutorial")
    assert open_run(folder)["mIoU"].steps.tolist() == [400, 800]


@pytest.mark.parametrize("path", listed("negatives/*/**/*.*"))
def test_what_only_looks_like_a_log_is_declined(path: str) -> None:
    """The file and its folder."""
    for asked in (CORPUS / path, (CORPUS / path).parent):
        with pytest.raises((NotFoundError, UnreadableError)):
            open_run(asked)


@pytest.mark.parametrize("folder", listed("*/*/"))
def test_no_collected_file_is_an_error_of_another_kind(folder: str) -> None:
    """Whatever the format, each file is read or is the documented error, without a warning."""
    for path in (CORPUS / folder, *(CORPUS / folder).rglob("*")):
        try:
            for run in locate_runs([str(path)]):
                assert len(run.read()) >= 0, path
        except TrainvizError as error:
            assert error.exit_code in {3, 4}, path  # noqa: PT017 - it need not be raised
