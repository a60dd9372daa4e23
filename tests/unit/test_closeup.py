"""A stretch of a run that was followed is read again as a full read has it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from trainviz_cli import LocalVisBackend
from trainviz_cli.codecs import lines, tfbuild, tfevents
from trainviz_cli.codecs.tfscalars.encode import encode_one
from trainviz_cli.model.batch import Batch, join, places_by_key
from trainviz_cli.runs import RunReader, closeup, locate_runs
from trainviz_cli.runs.closeup import Marks, Stretch

Samples = dict[str, list[tuple[float, str]]]
NAME = "events.out.tfevents.1767225600.host.1.0"
EVERYTHING = Stretch(-math.inf, math.inf)
STRETCHES = [
    EVERYTHING,
    Stretch(-math.inf, 20),
    Stretch(35, math.inf),
    Stretch(0, 0),
    Stretch(10, 30.5),
    Stretch(17, 17),
    Stretch(99.5, 99.9),
    Stretch(1000, 2000),
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows between two marks, few marks, and few bytes at a time."""
    monkeypatch.setattr(closeup, "_ROWS", 4)
    monkeypatch.setattr(closeup, "_MOST_MARKS", 5)
    monkeypatch.setattr(closeup, "_AT_ONCE_BYTES", 300)
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(tfevents, "_BLOCK_BYTES", 100)


def local(folder: Path, steps: Sequence[int], salt: float = 0.0) -> None:
    """Logs a loss at these steps, and at some of them more, as training code does."""
    with LocalVisBackend(folder) as backend:
        for step in steps:
            scalars: dict[str, float] = {"loss": step + salt}
            if step % 3 == 0:
                scalars["acc"] = -step - salt
            if step % 7 == 0:
                backend.add_scalar("val/acc", math.nan if step % 2 else salt, step)
            backend.add_scalars(scalars, step=step)


def events(folder: Path, steps: Sequence[int], salt: float = 0.0, name: str = NAME) -> None:
    """Logs the same as TensorBoard's events."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("ab") as file:
        if not file.tell():
            file.write(tfbuild.file_version(0.5))
        for step in steps:
            file.write(encode_one("loss", 100.0 + step, step, step + salt))
            if step % 3 == 0:
                file.write(encode_one("acc", 100.0 + step, step, -step - salt))


Write = Callable[..., None]
BOTH = pytest.mark.parametrize("write", [local, events])


class Following:
    """A run that is followed, and where in it which steps are."""

    def __init__(self, path: Path) -> None:
        """Begins with nothing."""
        self.path = path
        self.reader = RunReader(locate_runs([str(path)])[0])
        self.marks = Marks(self.reader)

    def poll(self, most: int | None = None) -> None:
        """Reads all there is, so much at a time."""
        while True:
            batches = self.reader.poll(most)
            self.marks.note(batches, self.reader)
            if not self.reader.is_behind:
                break

    def again(self, stretch: Stretch = EVERYTHING) -> Samples:
        """What reading a stretch again gives."""
        return samples(list(self.marks.read(stretch)))

    def fully(self, stretch: Stretch = EVERYTHING) -> Samples:
        """What a full read has in it."""
        batches = RunReader(locate_runs([str(self.path)])[0]).poll()
        return samples([stretch.part_of(batch) for batch in batches])


def samples(batches: Sequence[Batch]) -> Samples:
    """Each key with its steps and values."""
    table = join([Batch.empty(), *batches])
    return {
        key: list(
            zip(
                map(float, table.steps[table.rows[places]]),
                map(repr, table.values[places].tolist()),
                strict=True,
            )
        )
        for key, places in sorted(places_by_key(table).items())
    }


@BOTH
@pytest.mark.parametrize("most", [1, 250, 2000, None])
@pytest.mark.parametrize("stretch", STRETCHES)
def test_a_stretch_is_as_in_a_full_read(
    tmp_path: Path, write: Write, most: int | None, stretch: Stretch
) -> None:
    """However much was read at a time, and though marks were joined again and again."""
    write(tmp_path, range(150))
    run = Following(tmp_path)
    run.poll(most)
    assert run.again(stretch) == run.fully(stretch)


@BOTH
@pytest.mark.parametrize("most", [1, 250, None])
def test_a_run_that_began_again(tmp_path: Path, write: Write, most: int | None) -> None:
    """Steps that were logged twice come twice, in the order written."""
    write(tmp_path, range(60))
    run = Following(tmp_path)
    run.poll(most)
    for begin in (40, 20, 10):
        write(tmp_path, range(begin, begin + 40), salt=begin / 100)
        run.poll(most)
    for stretch in STRETCHES:
        assert run.again(stretch) == run.fully(stretch)


@BOTH
def test_a_growing_run(tmp_path: Path, write: Write) -> None:
    """Whatever portions it comes in; and reading a stretch leaves the reader where it was."""
    write(tmp_path, range(1))
    run = Following(tmp_path)
    random = np.random.default_rng(0)
    step = 1
    for _ in range(60):
        count = int(random.integers(0, 6))
        write(tmp_path, range(step, step + count))
        step += count
        run.poll(int(random.integers(1, 500)))
        assert run.again(Stretch(step - 10, math.inf)) == run.fully(Stretch(step - 10, math.inf))
    for stretch in STRETCHES:
        assert run.again(stretch) == run.fully(stretch)
    assert len(run.marks._marks) <= closeup._MOST_MARKS


def test_rows_that_were_not_noted_so_far_are_left_out(tmp_path: Path) -> None:
    """What is in the log by now, but was not read yet, comes when it is read."""
    local(tmp_path, range(50))
    run = Following(tmp_path)
    run.poll()
    before = run.again()
    local(tmp_path, range(50, 100))
    assert run.again() == before
    run.poll()
    assert run.again() == run.fully() != before


@pytest.mark.parametrize("seed", range(5))
def test_files_that_grow_in_turn(tmp_path: Path, seed: int) -> None:
    """Parts of a run in folders of their own, one of which appears later, before the other."""
    random = np.random.default_rng(seed)
    name = f"{NAME}.v2"
    events(tmp_path / "train", range(5), name=name)
    run = Following(tmp_path)
    run.poll()
    begins = {"train": 5, "eval": 0}
    for turn in range(40):
        part = "train" if turn < 5 or random.random() < 0.6 else "eval"
        count = int(random.integers(1, 8))
        begin = begins[part]
        events(tmp_path / part, range(begin, begin + count), salt=0.25, name=name)
        begins[part] += count
        run.poll(int(random.integers(1, 400)))
    assert "eval/loss" in run.fully()
    for stretch in STRETCHES:
        assert run.again(stretch) == run.fully(stretch)


def test_several_starts_of_one_training(tmp_path: Path) -> None:
    """A start that goes on with another is read again as well."""
    for day, steps in enumerate((range(40), range(30, 80), range(80, 120)), start=1):
        local(tmp_path / f"2026010{day}_120000" / "vis_data", steps, salt=day / 8)
    for most in (1, 300, None):
        run = Following(tmp_path)
        run.poll(most)
        for stretch in STRETCHES:
            assert run.again(stretch) == run.fully(stretch)


@BOTH
@pytest.mark.parametrize("count", [3, 60, 300])
def test_a_log_that_was_replaced(tmp_path: Path, write: Write, count: int) -> None:
    """None of the new rows is taken for an old one; those since they were noticed are exact."""
    write(tmp_path, range(100))
    run = Following(tmp_path)
    run.poll(200)
    log = next(path for path in tmp_path.iterdir() if path.name in {NAME, "scalars.json"})
    for path in tmp_path.iterdir():
        path.unlink()
    assert run.again() == {}
    write(tmp_path, range(count), salt=0.5)
    assert log.exists()
    assert run.again() == {}
    run.poll(200)
    for stretch in STRETCHES:
        if run.marks.can_read(stretch):
            assert run.again(stretch) == run.fully(stretch)
    write(tmp_path, range(1000, 1100))
    run.poll(200)
    later = Stretch(1000, math.inf)
    assert run.marks.can_read(later)
    assert run.again(later) == run.fully(later)
    assert run.again(later)


@BOTH
def test_a_log_that_is_gone(tmp_path: Path, write: Write) -> None:
    """Reading it again gives nothing, and is no error."""
    write(tmp_path, range(50))
    run = Following(tmp_path)
    run.poll()
    for path in tmp_path.iterdir():
        path.unlink()
    assert run.again() == {}


def test_a_log_that_was_cut(tmp_path: Path) -> None:
    """What comes before the cut is there, as far as whole marks go; nothing else is."""
    local(tmp_path, range(100))
    run = Following(tmp_path)
    run.poll(1)
    log = tmp_path / "scalars.json"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:60]))
    found, there = run.again(), run.fully()
    assert found["loss"]
    for key, each in found.items():
        assert each == there[key][: len(each)]


def test_rows_that_say_nothing(tmp_path: Path) -> None:
    """An empty log, lines without values and broken ones are nothing to be read again."""
    log = tmp_path / "scalars.json"
    log.touch()
    run = Following(log)
    run.poll()
    assert run.again() == {}
    log.write_text('{"step": 1}\n{"loss": 1, "step": 2}\noops\n\n{"loss": 4, "step": 4}\n')
    run.poll(1)
    assert run.again() == run.fully() == {"loss": [(2, "1.0"), (4, "4.0")]}


def test_only_so_much_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the rows between the marks that a stretch meets."""
    monkeypatch.setattr(closeup, "_MOST_MARKS", 64)
    monkeypatch.setattr(closeup, "_MOST_ROWS", 20)
    local(tmp_path, range(0, 600, 6))
    run = Following(tmp_path)
    assert run.marks.can_read(EVERYTHING)  # there is nothing so far
    run.poll(1)
    assert not run.marks.can_read(EVERYTHING)
    assert run.marks.can_read(Stretch(6, 30))
    assert run.marks.can_read(Stretch(-math.inf, 30))
    assert not run.marks.can_read(Stretch(6, 300))
    assert run.marks.can_read(Stretch(570, math.inf))
    assert run.marks.can_read(Stretch(10_000, 20_000))


def test_stretches_meet_at_their_ends() -> None:
    """Both ends belong to a stretch."""
    assert Stretch(0, 5).meets(Stretch(5, 9))
    assert Stretch(5, 9).meets(Stretch(0, 5))
    assert Stretch(0, 9).meets(Stretch(3, 4))
    assert not Stretch(0, 5).meets(Stretch(5.5, 9))
    assert EVERYTHING.meets(Stretch(1, 1))
    assert Stretch(0, 3).joined(Stretch(2, 9)) == Stretch(0, 9)
