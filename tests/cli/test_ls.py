"""`trainviz ls`: which runs are listed, in which order, and what is said of each."""

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.formats.local import LocalFormat
from trainviz_cli.render.term.text import cells

NOBODY = 65534
SGR = re.compile(r"\x1b\[[\d;]*m")
POINTER = ["version https://git-lfs.github.com/spec/v1", "oid sha256:0123", "size 12"]
NAMES = [
    "with blank",
    "new\nline",
    "\x1b[31mred",
    "\udcff\udcfe",
    "训练 训练",
    "e\u0301",
    "-k",
    "x" * 99,
]

Runs = Callable[..., Path]


@pytest.fixture
def runs(log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Makes a folder of runs, each a minute younger than the one before, and goes there."""
    monkeypatch.chdir(tmp_path)

    def make(**records: list[Any]) -> Path:
        for i, (name, lines) in enumerate(records.items()):
            folder = log(tmp_path / "runs" / name, lines)
            written = time() - 100_000 + 60 * i
            os.utime(folder / "scalars.json", (written, written))
        return tmp_path / "runs"

    return make


@pytest.fixture
def three(runs: Runs) -> Path:
    """Three runs that differ in every column."""
    return runs(
        c=[{"loss": 0.5, "acc": 0.25, "step": step} for step in range(1, 4)],
        a=[{"loss": 0.25, "acc": 0.5, "step": 9}],
        b=[{"loss": 0.75, "acc": 0.75, "step": step} for step in (4, 5)],
    )


@pytest.fixture(scope="module")
def many(log: Any) -> Iterator[Path]:
    """A folder of thousands of runs, whose logs are one file."""
    with tempfile.TemporaryDirectory() as name:
        first = log(Path(name) / "first", [{"loss": 1, "step": 1}]) / "scalars.json"
        for i in range(2_500):
            folder = Path(name) / f"{i // 100}" / f"{i}"
            folder.mkdir(parents=True)
            (folder / "scalars.json").hardlink_to(first)
        yield Path(name)


@pytest.fixture
def without_rights() -> Callable[[Path], AbstractContextManager[None]]:
    """Takes all permissions from a path while a context lasts, and root's powers from us."""

    @contextmanager
    def locked(path: Path) -> Iterator[None]:
        path.chmod(0)
        user = os.geteuid()
        if not user:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)
            path.chmod(0o755)

    return locked


@pytest.fixture
def public(log: Any) -> Iterator[Path]:
    """A folder that anyone may enter, with a run in it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        log(Path(name) / "exp1", [{"loss": 1, "step": 1}])
        yield Path(name)


def listed(ran: Any) -> list[str]:
    """The first word of every row: the name of the run, where it has no blank."""
    assert ran.code == 0, ran.err
    return [line.split()[0] for line in ran.lines[1:]]


def heads(ran: Any) -> list[str]:
    """The columns of a table."""
    assert ran.code == 0, ran.err
    return re.split(r"  +", ran.lines[0].strip())


def document(ran: Any) -> list[dict[str, Any]]:
    """The runs in a JSON document that holds nothing JSON doesn't know."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    assert ran.code == 0, ran.err
    (found,) = json.loads(ran.out, parse_constant=refuse).items()
    assert found[0] == "runs"
    return list(found[1])


def error(ran: Any, code: int) -> str:
    """The error's line and hint, where there is nothing else."""
    assert (ran.code, ran.out) == (code, ""), ran
    assert re.fullmatch(r"trainviz: (?!note: )\S.*\n(  hint: .*\n)?", ran.err), ran.err
    return str(ran.err)


def test_a_row_says_what_a_run_is(trainviz: Any, three: Path) -> None:
    """Name, format, records, last step, age, and the last values of the main metrics."""
    ran = trainviz("ls", three)
    assert [re.split(r"  +", line) for line in ran.lines] == [
        ["run", "format", "records", "last step", "age", "loss", "acc"],
        ["c", "local", "3", "3", "1d", "0.5", "0.25"],
        ["a", "local", "1", "9", "1d", "0.25", "0.5"],
        ["b", "local", "2", "5", "1d", "0.75", "0.75"],
    ]
    assert ran.err == ""


def test_without_folder_it_is_the_current_one(trainviz: Any, three: Path) -> None:
    """`trainviz ls` lists what is below where one is."""
    assert listed(trainviz("ls")) == ["c", "a", "b"]
    assert document(trainviz("ls", "--json"))[0]["path"] == "runs/c"
    assert three.parent == Path.cwd()


def test_real_runs(trainviz: Any, samples: Path) -> None:
    """The sample runs are all there, with all their keys where there is room."""
    ran = trainviz("ls", samples)
    assert set(listed(ran)) == {f"{kind}_seed{i}" for kind in ("sgd", "adamw") for i in range(3)}
    for run in document(trainviz("ls", samples, "--json")):
        assert (run["records"], run["last_step"], run["exact"]) == (630, 600, True)
        assert {"train/loss", "val/loss", "val/mAP"} <= set(run["last"])


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("age", "cab"),
        ("name", "abc"),
        ("records", "abc"),
        ("step", "cba"),
        ("loss", "bca"),
        ("acc", "cab"),
        ("los", "bca"),
        ("ACC", "cab"),
        ("re:^l", "bca"),
        ("a*", "cab"),
    ],
)
def test_sort(trainviz: Any, three: Path, by: str, order: str) -> None:
    """By any column or key: the newest, the last in the alphabet, the most, the best come last."""
    assert listed(trainviz("ls", three, "--sort", by)) == list(order)
    assert [run["name"] for run in document(trainviz("ls", three, "--sort", by, "--json"))] == list(
        order
    )


def test_runs_that_say_nothing_about_it_come_first(trainviz: Any, runs: Runs) -> None:
    """Without the key, with NaN, without any record; an infinite loss is a bad one."""
    folder = runs(
        good=[{"loss": 0.1, "step": 1}],
        endless=['{"loss": Infinity, "step": 1}'],
        fine=[{"loss": 0.2, "step": 1}],
        other=[{"acc": 1, "step": 1}],
        broken=[{"loss": 1, "step": 1}, '{"loss": NaN, "step": 2}'],
        empty=[],
    )
    by_loss = listed(trainviz("ls", folder, "--sort", "loss"))
    assert set(by_loss[:3]) == {"other", "broken", "empty"}
    assert by_loss[3:] == ["endless", "fine", "good"]
    assert listed(trainviz("ls", folder, "--sort", "step"))[0] == "empty"


def test_the_key_it_is_sorted_by_is_shown(trainviz: Any, samples: Path) -> None:
    """An order whose reason isn't on the screen can't be read: the example of the help."""
    ran = trainviz("ls", samples, "--sort", "mAP", "--limit", "4")
    assert "val/mAP" in heads(ran)
    best = document(trainviz("ls", samples, "--sort", "lr", "--json"))
    assert all("lr" in run["last"] for run in best)


def test_a_part_of_a_key_is_taken_and_said(trainviz: Any, samples: Path) -> None:
    """One match is used, and stderr says which."""
    ran = trainviz("ls", samples, "--sort", "mAP")
    assert ran.err == "trainviz: note: mAP is taken as val/mAP\n"


def test_sort_by_what_is_not_there(trainviz: Any, three: Path) -> None:
    """The error names the keys and the columns that there are."""
    said = error(trainviz("ls", three, "--sort", "date"), 3)
    assert "'date'" in said
    for known in ("age", "name", "records", "step", "loss", "acc"):
        assert re.search(rf"\b{known}\b", said)


def test_sort_by_what_fits_several(trainviz: Any, runs: Runs) -> None:
    """All of them are named; the hint proposes nothing that `--sort` doesn't take."""
    folder = runs(a=[{"train/loss": 1, "val/loss": 2, "step": 1}])
    for query in ("loss", "*loss"):
        said = error(trainviz("ls", folder, "--sort", query), 3)
        assert "train/loss, val/loss" in said
        assert "-k" not in said


def test_limit_keeps_the_last(trainviz: Any, three: Path) -> None:
    """The newest, or the best, are the ones to keep."""
    assert listed(trainviz("ls", three, "--limit", 2)) == ["a", "b"]
    assert listed(trainviz("ls", three, "--limit", 1, "--sort", "loss")) == ["a"]
    assert listed(trainviz("ls", three, "--limit", 99)) == ["c", "a", "b"]
    assert len(document(trainviz("ls", three, "--limit", 2, "--json"))) == 2


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", ""])
def test_limit_is_a_number(trainviz: Any, three: Path, limit: str) -> None:
    """None, or fewer, is wrong usage."""
    assert "--limit" in error(trainviz("ls", three, "--limit", limit), 2)


def test_keys_asked_for(trainviz: Any, three: Path) -> None:
    """Just these, in the order asked for, in the table and in the document."""
    assert heads(trainviz("ls", three, "-k", "acc", "-k", "loss"))[-2:] == ["acc", "loss"]
    assert heads(trainviz("ls", three, "-k", "acc"))[-2:] == ["age", "acc"]
    assert heads(trainviz("ls", three, "-k", "*"))[-2:] == ["loss", "acc"]
    for run in document(trainviz("ls", three, "-k", "acc", "--json")):
        assert list(run["last"]) == ["acc"]


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("zzz", 3, "no key matches 'zzz'"),
        ("z*", 3, "no key matches"),
        ("re:(", 2, "valid pattern"),
        ("", 3, "no key"),
    ],
)
def test_keys_that_are_not_there(
    trainviz: Any, three: Path, query: str, code: int, said: str
) -> None:
    """As for every command; nothing is printed before."""
    assert said in error(trainviz("ls", three, "-k", query), code)
    assert said in error(trainviz("ls", three, "-k", query, "--json"), code)


def test_a_run_without_the_key_stays(trainviz: Any, runs: Runs) -> None:
    """It is listed with nothing under the key."""
    folder = runs(a=[{"loss": 1, "step": 1}], b=[{"acc": 0.5, "step": 1}])
    ran = trainviz("ls", folder, "-k", "acc")
    assert listed(ran) == ["a", "b"]
    assert [line.endswith("0.5") for line in ran.lines[1:]] == [False, True]
    (first, second) = document(trainviz("ls", folder, "-k", "acc", "--json"))
    assert (first["last"], second["last"]) == ({}, {"acc": 0.5})


def test_every_run_has_a_value_on_the_screen(
    trainviz: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where runs log different things, the columns are chosen so that none looks empty."""
    monkeypatch.setenv("COLUMNS", "84")
    keys = ["train/loss", "loss", "reward", "coco/bbox_mAP", "total"]
    folder = runs(**{f"r{i}": [{key: 0.5, "step": 1}] for i, key in enumerate(keys)})
    for line in trainviz("ls", folder).lines[1:]:
        assert line.endswith("0.5") or "  0.5  " in line


def test_the_document(trainviz: Any, three: Path) -> None:
    """What the contract says of each run, its time as the file system has it."""
    first = document(trainviz("ls", three, "--json"))[0]
    assert {key: first[key] for key in ("name", "path", "format", "records", "last_step")} == {
        "name": "c",
        "path": str(three / "c"),
        "format": "local",
        "records": 3,
        "last_step": 3,
    }
    assert first["last"] == {"loss": 0.5, "acc": 0.25}
    assert first["updated"] == (three / "c/scalars.json").stat().st_mtime
    assert (first["live"], first["exact"]) == (False, True)


def test_what_is_not_finite(trainviz: Any, runs: Runs) -> None:
    """NaN and infinities are shown as such; in the document they are null, and their steps told."""
    folder = runs(
        a=[{"loss": 1, "acc": 1, "step": 1}, '{"loss": NaN, "step": 2}'],
        b=['{"loss": -Infinity, "acc": Infinity, "step": 7}'],
        c=[{"loss": None, "step": 3}],
    )
    rows = [line.split()[-2:] for line in trainviz("ls", folder).lines[1:3]]
    assert rows == [["nan", "1"], ["-inf", "inf"]]
    assert [
        (run["last"], run["nonfinite"]) for run in document(trainviz("ls", folder, "--json"))
    ] == [
        ({"loss": None, "acc": 1}, {"loss": 2}),
        ({"loss": None, "acc": None}, {"loss": 7, "acc": 7}),
        ({"loss": None}, {"loss": 3}),
    ]
    asked = document(trainviz("ls", folder, "-k", "acc", "--json"))
    assert [run["nonfinite"] for run in asked] == [{}, {"acc": 7}, {}]


def test_booleans_are_numbers(trainviz: Any, runs: Runs) -> None:
    """A flag that was logged is 0 or 1, as in every other command."""
    folder = runs(a=['{"converged": true, "step": 1}'])
    (run,) = document(trainviz("ls", folder, "--json"))
    assert [type(value) in {int, float} for value in run["last"].values()] == [True]


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "42",
        "[1, 2]",
        '"text"',
        "[1\n2]",
        '{"loss": 1' + "0" * 400 + ', "step": 2}',
        '{"loss": 1, "step": Infinity}',
        '{"loss": 1, "step": NaN}',
        '{"loss": 1, "step": 1' + "0" * 400 + "}",
        '{"loss": 1, "step": 1e300}',
        '{"loss": 5e-324, "step": 0.5}',
        '{"\\ud800\\u001b[31m": 1, "step": 2}',
        '{"": 1, "step": 2}',
    ],
    ids=lambda line: ascii(line[:24]),
)
def test_no_line_of_a_log_breaks_the_list(trainviz: Any, runs: Runs, line: str) -> None:
    """A hostile or damaged log is listed like any other, beside the others."""
    folder = runs(odd=[{"loss": 1, "step": 1}, line], sound=[{"loss": 2, "step": 1}])
    assert listed(trainviz("ls", folder)) == ["odd", "sound"]
    found = document(trainviz("ls", folder, "--json"))
    assert [run["name"] for run in found] == ["odd", "sound"]
    assert listed(trainviz("ls", folder, "--sort", "loss"))
    assert listed(trainviz("ls", folder, "--sort", "step"))


def test_a_long_log_is_read_from_its_end(trainviz: Any, runs: Runs) -> None:
    """How many records it has is judged, and said to be; the last of them are known."""
    folder = runs(
        long=[f'{{"loss": {i}, "step": {i}}}' for i in range(60_000)],
        short=[{"loss": 1, "step": 1}],
    )
    ran = trainviz("ls", folder)
    (_, _, records, step, *_), (_, _, few, *_) = (line.split() for line in ran.lines[1:])
    assert re.fullmatch(r"~\d\dk", records)
    assert (step, few) == ("59999", "1")
    (long, short) = document(trainviz("ls", folder, "--json"))
    assert 50_000 < long["records"] < 70_000
    assert (long["exact"], short["exact"]) == (False, True)
    assert (long["last_step"], long["last"]) == (59_999, {"loss": 59_999})


def test_of_many_logs_less_is_read(trainviz: Any, runs: Runs) -> None:
    """A log that alone is read whole is judged by its end where there are hundreds of it."""
    folder = runs(first=[{"loss": i, "step": i} for i in range(3_000)])
    assert document(trainviz("ls", folder, "--json"))[0]["exact"]
    for i in range(200):
        (folder / f"{i}").mkdir()
        (folder / f"{i}/scalars.json").hardlink_to(folder / "first/scalars.json")
    found = document(trainviz("ls", folder, "--json"))
    assert len(found) == 201
    assert {(run["exact"], run["last_step"], run["last"]["loss"]) for run in found} == {
        (False, 2_999, 2_999)
    }
    assert all(abs(run["records"] - 3_000) < 300 for run in found)


def test_a_run_being_written_is_marked(trainviz: Any, three: Path) -> None:
    """Written in the last minute: `live`; after that, no more."""
    now = time()
    for name, seconds in (("a", 5), ("b", 130), ("c", 7_300)):
        os.utime(three / name / "scalars.json", (now - seconds, now - seconds))
    ran = trainviz("ls", three)
    assert {line.split()[0]: "live" in line.split() for line in ran.lines[1:]} == {
        "a": True,
        "b": False,
        "c": False,
    }
    assert {run["name"]: run["live"] for run in document(trainviz("ls", three, "--json"))} == {
        "a": True,
        "b": False,
        "c": False,
    }
    assert [line.split()[4] for line in ran.lines[1:3]] == ["2h", "2m"]


def test_clocks_that_differ(trainviz: Any, three: Path) -> None:
    """A file server whose clock is ahead dates a log tomorrow; that is now. 1938 is an age too."""
    os.utime(three / "c/scalars.json", (time() + 86_400, time() + 86_400))
    os.utime(three / "b/scalars.json", (-1e9, -1e9))
    ran = trainviz("ls", three)
    assert listed(ran) == ["b", "a", "c"]
    assert ran.lines[3].split()[4] == "now"
    assert re.fullmatch(r"\d+y", ran.lines[1].split()[4])


@pytest.mark.parametrize("width", [24, 30, 40, 60, 80, 119, 200, 300])
@pytest.mark.parametrize("options", [[], ["--ascii"], ["-k", "*"]])
def test_no_line_is_too_wide(
    trainviz: Any,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    options: list[str],
) -> None:
    """Whatever names and keys are called, each run has one line, and the terminal breaks none."""
    monkeypatch.setenv("COLUMNS", str(width))
    keys = ["loss", "a" * 70, "训练/acc", "e\u0301" * 9, "\x1b[2J"]
    folder = runs(**{name: [dict.fromkeys(keys, 0.123456) | {"step": 1}] for name in NAMES})
    os.utime(folder / "-k/scalars.json")  # which makes the widest column that has to stay
    ran = trainviz("ls", folder, *options)
    assert len(ran.lines) == 1 + len(NAMES), ran
    assert max(map(cells, ran.lines)) <= width
    assert all(line.isprintable() for line in ran.lines)
    assert heads(ran)[:2] in (
        ["run", "age"],
        ["run", "format"],
        ["run", "records"],
        ["run", "last step"],
    )


def test_real_runs_at_every_width(
    trainviz: Any, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the narrowest terminal to the widest: no line too wide, no column there and gone."""
    shown = 0
    for width in range(24, 301):
        monkeypatch.setenv("COLUMNS", str(width))
        ran = trainviz("ls", samples)
        assert max(map(len, ran.lines)) <= width
        assert len(ran.lines) == 7
        assert {"run", "age"} <= set(heads(ran))
        assert len(heads(ran)) >= shown - 1, width  # one may give way to another that is wider
        shown = max(shown, len(heads(ran)))
    assert shown == 11


def test_ascii_stays_in_line(trainviz: Any, runs: Runs) -> None:
    """Characters that are left out leave as many cells as they had, so that columns stay one."""
    folder = runs(**{name: [{"loss": 1, "step": 1}] for name in NAMES})
    ran = trainviz("ls", folder, "--ascii")
    assert ran.out.isascii()
    assert len({line.index("local") for line in ran.lines[1:]}) == 1
    assert len(set(map(len, ran.lines))) == 1


def test_colours(trainviz: Any, three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours are added to the same text, where they are wanted."""
    os.utime(three / "b/scalars.json", (4e9, 4e9))  # now, and for the next runs as well
    plain = trainviz("ls", three)
    assert "\x1b" not in plain.out
    for ran in (
        trainviz("ls", three, "--color", "always"),
        trainviz("ls", three, is_terminal=True),
    ):
        assert len([line for line in ran.lines if re.search(r"\x1b\[38;5;\d+mlive", line)]) == 1
        assert [SGR.sub("", line).rstrip() for line in ran.lines] == plain.lines
    assert trainviz("ls", three, "--color", "never", is_terminal=True).out == plain.out
    monkeypatch.setenv("NO_COLOR", "1")
    assert trainviz("ls", three, is_terminal=True).out == plain.out


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_any_kind(trainviz: Any, runs: Runs, name: str) -> None:
    """A row each, printable, and in the document the very path, to the byte."""
    folder = runs(**{name: [{"loss": 1, "step": 1}], "other": [{"loss": 2, "step": 1}]})
    ran = trainviz("ls", folder)
    assert len(ran.lines) == 3
    assert ran.out.replace("\n", "").isprintable()
    (first, _) = document(trainviz("ls", folder, "--json"))
    assert os.fsencode(first["path"]) == os.fsencode(folder / name)
    assert first["name"] == name
    raw = trainviz("ls", folder, "--json").out
    assert raw.removesuffix("\n").isprintable()
    assert "other" in trainviz("ls", folder / name, folder / "other").out


@pytest.mark.parametrize("what", ["run", "log", "vis_data"])
def test_what_is_a_run_itself(trainviz: Any, log: Any, tmp_path: Path, what: str) -> None:
    """A run directory, its log, or the folder of the log may be named, too."""
    folder = log(tmp_path / "exp1/vis_data", [{"loss": 1, "step": 1}])
    asked = {"run": folder.parent, "log": folder / "scalars.json", "vis_data": folder}[what]
    assert listed(trainviz("ls", asked)) == ["exp1"]


def test_folders_that_overlap(trainviz: Any, three: Path) -> None:
    """A run that is below several folders named is listed once, by whatever path."""
    for more in ([three], [three / "a"], [three / "a/scalars.json"], ["runs", "./runs/b"], ["."]):
        assert sorted(listed(trainviz("ls", three, *more))) == ["a", "b", "c"]
    assert sorted(listed(trainviz("ls", three / "a", three / "b"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("missing", 3, "no such file or folder: missing"),
        ("empty", 3, "empty"),
        ("other", 3, "no training log in other"),
        (". missing", 3, "no such file or folder: missing"),
        ("empty other", 3, "no training log in empty, other"),
        ("runs*", 3, "no such file or folder: runs*"),
        ("other/notes.txt", 4, "other/notes.txt is no training log"),
        ("pointer.jsonl", 4, "pointer.jsonl is a git-LFS pointer"),
        ("lfs", 4, "git-LFS pointer"),
        ("pipe", 4, "pipe is no regular file"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nothing_to_list(
    trainviz: Any,
    log: Any,
    runs: Runs,
    asked: str,
    code: int,
    said: str,
    options: list[str],
) -> None:
    """Nothing there is 3, what is no log is 4, as in every other command; with a reason."""
    runs()
    Path("empty").mkdir()
    Path("other/deep").mkdir(parents=True)
    Path("other/notes.txt").write_text("no log\n")
    Path("pointer.jsonl").write_text("\n".join(POINTER))
    os.mkfifo("pipe")
    log(Path("lfs/exp1"), POINTER)
    assert said in error(trainviz("ls", *asked.split(), *options), code)


def test_what_cannot_be_read_is_told_beside_the_rest(trainviz: Any, runs: Runs) -> None:
    """A pointer, garbage, a pipe and a folder of the log's name stop no other run."""
    folder = runs(good=[{"loss": 1, "step": 1}], lfs=POINTER, noise=["\0\1 garbage \x7f"], new=[])
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe/scalars.json")
    (folder / "nested/scalars.json").mkdir(parents=True)
    ran = trainviz("ls", folder)
    assert listed(ran) == ["good", "noise", "new"]
    assert re.fullmatch("trainviz: note: left out: .*lfs/scalars.json .*pointer.*\n", ran.err)


def test_runs_that_vanish_meanwhile(
    trainviz: Any, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run deleted while others are looked at is not listed, and no error; none left is 3 or 4."""
    glance = LocalFormat.glance
    gone = {"a"}

    def late(self: LocalFormat, log: Path, window: int) -> object:
        if log.parent.name in gone:
            log.unlink()
        return glance(self, log, window)

    monkeypatch.setattr(LocalFormat, "glance", late)
    assert listed(trainviz("ls", three)) == ["c", "b"]
    gone |= {"b", "c"}
    ran = trainviz("ls", three)
    assert ran.code in {3, 4}
    error(ran, ran.code)


def test_a_folder_without_permission_is_told_once(
    trainviz: Any, public: Path, without_rights: Any
) -> None:
    """Named however often it is below what was asked for; the runs beside it are listed."""
    closed = public / "closed"
    closed.mkdir()
    told = f"trainviz: note: left out: can't read {closed}: {os.strerror(errno.EACCES)}\n"
    with without_rights(closed):
        for asked in ([public], [public, public], [public, public / "exp1"]):
            ran = trainviz("ls", *asked)
            assert listed(ran) == ["exp1"]
            assert ran.err == told
        said = error(trainviz("ls", closed), 4)
    assert os.strerror(errno.EACCES) in said


def test_a_log_without_permission_is_told(
    trainviz: Any, public: Path, log: Any, without_rights: Any
) -> None:
    """The run is there, but nothing can be said of it."""
    file = log(public / "exp2", [{"loss": 1, "step": 1}]) / "scalars.json"
    with without_rights(file):
        ran = trainviz("ls", public)
        assert listed(ran) == ["exp1"]
        assert ran.err.count(str(file)) == 1
        error(trainviz("ls", file.parent), 4)


def test_progress_shows_on_a_terminal_only(trainviz: Any, many: Path) -> None:
    """With thousands of runs one sees that something happens; a file of notes stays clean."""
    ran = trainviz("ls", many, "--limit", 3, is_terminal=True)
    assert "100%" in ran.err
    assert "%" not in ran.out
    assert len(ran.lines) == 4
    assert trainviz("ls", many, "--limit", 3).err == ""


@pytest.mark.parametrize("width", [40, 60, 80])
def test_progress_stays_on_its_line(
    trainviz: Any, many: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """The bar is no wider than the terminal, or each of its steps would be a new line."""
    monkeypatch.setenv("COLUMNS", str(width))
    ran = trainviz("ls", many, "--limit", 1, is_terminal=True)
    steps = re.split(r"[\r\n]", re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", ran.err))
    assert any("%" in step for step in steps)
    assert max(map(len, steps)) <= width


def test_few_runs_need_no_progress(trainviz: Any, three: Path) -> None:
    """What is done at once needs no bar."""
    assert trainviz("ls", three, is_terminal=True).err == ""


LINES = st.sampled_from(
    [
        b'{"loss": 1, "step": 1}',
        b'{"loss": NaN, "acc": 0.5, "epoch": 1, "step": 9}',
        b'{"step": 2, "val/acc": 1e999}',
        b'{"loss": true, "step": false}',
        b'{"a\\u001b": -0.0, "step": 1e300}',
        b'{"mAP": 0.5, "step": -1}',
        b"null",
        b"[]",
        b"{}",
        b"",
        b"\xef\xbb\xbf",
        b'{"loss": %b, "step": %b}' % (b"9" * 400, b"9" * 400),
        b'{"loss": 1, "step": -Infinity}',
        b"version https://git-lfs.github.com/spec/v1",
    ]
) | st.binary(max_size=30)


@settings(deadline=None, max_examples=150)
@given(lines=st.lists(LINES, max_size=12), others=st.lists(LINES, max_size=3))
@example(lines=[b'{"loss": 1, "step": 1}', b"null"], others=[])
def test_no_bytes_break_the_list(
    trainviz: Any, log: Any, scratch: Path, lines: list[bytes], others: list[bytes]
) -> None:
    """Any bytes in place of logs: a table and a document, or an error of the documented kinds."""
    for name, content in (("one", lines), ("two", others)):
        file = log(scratch / "ls" / name, []) / "scalars.json"
        file.write_bytes(b"\n".join(content))
    ran = trainviz("ls", scratch / "ls")
    if ran.code:
        error(ran, ran.code)
        assert ran.code in {3, 4}
        return
    assert ran.out.replace("\n", "").isprintable()
    assert len(document(trainviz("ls", scratch / "ls", "--json"))) == len(ran.lines) - 1
