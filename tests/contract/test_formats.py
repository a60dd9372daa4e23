"""What holds for every log format there is; a format is enrolled by existing.

Its cases are the folders `tests/golden/<format>/<case>/`: one run, and `expected.json` beside it.
"""

import io
import json
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image as Picture

from trainviz_cli import formats
from trainviz_cli.formats import all_formats, detect
from trainviz_cli.formats._format import Format, Place
from trainviz_cli.runs import find_runs, open_run

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(GOLDEN.glob("*/*/expected.json"))
EVERY_FORMAT = pytest.mark.parametrize("format_", all_formats(), ids=lambda format_: format_.name)
EVERY_CASE = pytest.mark.parametrize(
    "expected", CASES, ids=lambda path: "/".join(path.relative_to(GOLDEN).parts[:-1])
)
NON_LOGS = {
    "README.md": b"# step 1\n\nTrain it.\n",
    "metrics.json": b'{\n    "acc": 90.5,\n    "step": 7,\n    "dice": 0.5\n}\n',
    "results.csv": b"name,size\nfirst,1\nsecond,2\n",
    "empty.txt": b"",
    "config.py": b"step = 1\nmodel = dict(type='x')\n",
    "package.json": b'{"name": "x", "version": "1.0"}\n',
    "list.json": b'[{"id": 1}, {"id": 2}]\n',
    "notes.jsonl": b'{"text": "a"}\n{"text": "b"}\n',
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "checkpoint.pth": b"PK\x03\x04\0\0\0\0",
    "training.log": b"2026-01-01 step 1 of the assembly begins\n",
    "pointer.bin": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "zeros.bin": bytes(5000),
}


def run_of(expected: Path) -> Path:
    """The run of a golden case: the one thing beside its `expected.json`."""
    (path,) = (path for path in expected.parent.iterdir() if path != expected)
    return path


def recognises(format_: Format, place: Place) -> bool:
    """Whether a format takes a place as a run, or as starts of one training."""
    starts = (Place.at(place.path / name) for name in format_.starts(place))
    return any(format_.find_log(each) is not None for each in (place, *starts))


def text_of(numbers: object) -> str:
    """A column as text that tells NaN and every digit; whole floats as integers."""
    return repr([int(x) if float(x).is_integer() else float(x) for x in numbers])  # type: ignore[attr-defined]


def test_every_file_beside_is_a_format() -> None:
    """Adding a format is adding a file: each public module binds one, named as the file is."""
    folder = Path(str(formats.__file__)).parent
    names = sorted(path.stem for path in folder.glob("[!_]*") if path.suffix in {"", ".py"})
    assert [format_.name for format_ in all_formats()] == names
    assert [import_module(f"{formats.__name__}.{name}").FORMAT for name in names] == [
        *all_formats()
    ]


@EVERY_FORMAT
def test_every_format_says_what_it_is(format_: Format) -> None:
    """Name, title and what it is recognised by are one line each, fit to be listed."""
    for text in (format_.name, format_.title, format_.recognised_by):
        assert text == text.strip() != ""
        assert text.isprintable()
    assert format_.name.islower()


@EVERY_FORMAT
def test_every_format_has_a_golden_case(format_: Format) -> None:
    """No format without an example of what it reads."""
    assert any(case.parents[1].name == format_.name for case in CASES)


@EVERY_CASE
def test_every_golden_case_is_recognised_by_its_format_alone(expected: Path) -> None:
    """Its own format claims it, and every other declines."""
    place = Place.at(run_of(expected))
    names = [format_.name for format_ in all_formats() if recognises(format_, place)]
    assert names == [expected.parents[1].name]


@EVERY_CASE
@EVERY_FORMAT
def test_every_format_declines_the_files_of_the_others(format_: Format, expected: Path) -> None:
    """No file or folder within a golden case is taken for a run of another format."""
    if expected.parents[1].name != format_.name:
        for path in run_of(expected).rglob("*"):
            assert not recognises(format_, Place.at(path)), path


@EVERY_CASE
def test_every_golden_case_reads_as_expected(expected: Path) -> None:
    """Keys in order, every sample, restarts, pictures and notes."""
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    run = open_run(run_of(expected))
    assert run.format == expected.parents[1].name
    assert run.name == wanted["name"]
    assert list(run) == list(wanted["keys"])
    for key, columns in wanted["keys"].items():
        assert text_of(run[key].steps) == text_of(columns["steps"]), key
        assert text_of(run[key].values) == text_of(map(float_or_int, columns["values"])), key
        assert run[key].segments == tuple(columns.get("segments", [0])), key
    assert [[image.name, image.step] for image in run.images] == wanted["images"]
    assert {note.message: note.skipped for note in run.diagnostics} == wanted["notes"]


@EVERY_CASE
def test_every_golden_case_holds_what_else_is_expected(expected: Path) -> None:
    """Texts, distributions and config; and each picture lies where it is said to."""
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    run = open_run(run_of(expected))
    assert [[*text] for text in run.texts] == wanted.get("texts", [])
    assert [
        [each.name, each.step, each.edges.tolist(), each.counts.tolist()] for each in run.histograms
    ] == wanted.get("histograms", [])
    assert run.config == wanted.get("config", {})
    for image in run.images:
        data = image.path.read_bytes()[image.offset :][: image.length]
        Picture.open(io.BytesIO(data)).load()


def float_or_int(value: float | str) -> float:
    """A number of `expected.json`, where `"nan"` and `"inf"` stand as text."""
    return float(value) if isinstance(value, str) else value


@EVERY_CASE
def test_every_golden_case_is_found(expected: Path) -> None:
    """The runs in it, each start by itself."""
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    assert [run.name for run in find_runs(run_of(expected))] == wanted["runs"]


@EVERY_CASE
def test_every_reader_goes_on_where_it_was(expected: Path) -> None:
    """The second poll of a log that did not grow is empty."""
    for run in find_runs(run_of(expected)):
        reader = run.format.reader(run.log)
        first, second = reader.poll(), reader.poll()
        assert len(second) == len(second.values) == 0
        assert second.keys == first.keys
        assert not second.diagnostics


@pytest.mark.parametrize("name", NON_LOGS)
@EVERY_FORMAT
def test_every_format_declines_what_is_no_log(tmp_path: Path, format_: Format, name: str) -> None:
    """Neither the file nor the folder that holds it is a run."""
    path = tmp_path / name
    path.write_bytes(NON_LOGS[name])
    assert not recognises(format_, Place.at(path))
    assert not recognises(format_, Place.at(tmp_path))


@EVERY_FORMAT
def test_every_format_declines_an_ordinary_folder(tmp_path: Path, format_: Format) -> None:
    """A project's folder, with all of these together, is no run; an empty one neither."""
    assert not recognises(format_, Place.at(tmp_path))
    for name, data in NON_LOGS.items():
        (tmp_path / name).write_bytes(data)
    for name in ("vis_data", "vis_image", "20260101_120000", ".git"):
        (tmp_path / name).mkdir()
    assert not recognises(format_, Place.at(tmp_path))
    assert detect(Place.at(tmp_path)) is None


@EVERY_FORMAT
def test_no_format_fails_where_something_vanished(tmp_path: Path, format_: Format) -> None:
    """A place that is gone by the time it is looked into is declined."""
    gone = tmp_path / "gone"
    assert not recognises(format_, Place(gone, is_file=True))
    assert not recognises(format_, Place(gone, files=frozenset({"a.txt"})))
