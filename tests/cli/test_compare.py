"""`trainviz compare` as the contract has it: figures, baseline, configurations, curves, reports.

`UPDATE_SNAPSHOTS=1` writes its pictures in tests/snapshots again; look at them before you commit.
"""

import csv
import io
import json
import math
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

NAN, INF = math.nan, math.inf
MARKS = "●▲■◆○△□◇"
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
STYLED = re.compile(r"\x1b\[([\d;]+)m([^\x1b]*)\x1b\[0m")
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
REPORTS = ["--json", "--csv", "--md"]


def cells(text: str) -> int:
    """Columns that a terminal gives the text: marks that lie on others none, wide ones two."""
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me"}
        else 1 + (unicodedata.east_asian_width(char) in {"W", "F"})
        for char in text
    )


def losses(log: Any, folder: Path, values: Sequence[float], config: str | None = None) -> Path:
    """A run with these losses at the steps 0, 1, 2..., and this text as its `config.py`."""
    run: Path = log(folder, [{"loss": value, "step": i} for i, value in enumerate(values)])
    if config is not None:
        (run / "config.py").write_text(config, "utf-8")
    return run


def document(ran: Any) -> dict[str, Any]:
    """The JSON document, which holds no constant that JSON doesn't know."""

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out, parse_constant=refuse)
    return found


def rows(ran: Any) -> dict[str, dict[str, Any]]:
    """The rows of a JSON document about one key, by their run."""
    found = {row["run"]: row for row in document(ran)["rows"]}
    assert len({row["key"] for row in found.values()}) <= 1
    return found


def table(ran: Any, key: str) -> dict[str, list[str]]:
    """What stands behind each run's name in the table of a key that is printed without curves."""
    begin = ran.lines.index(key) + 2
    end = next((i for i, line in enumerate(ran.lines) if i > begin and not line), len(ran.lines))
    fields = [re.split(r" {2,}", line) for line in ran.lines[begin:end]]
    return {name[2:]: figures for name, *figures in fields}


def config_table(ran: Any) -> dict[str, list[str]]:
    """The values behind each name in the table of what differs, where it has columns."""
    begin = next(i for i, line in enumerate(ran.lines) if line.startswith("config that differs  "))
    return {
        name: values for name, *values in map(re.compile(" {2,}").split, ran.lines[begin + 1 :])
    }


def compared(trainviz: Any, *arguments: object) -> Any:
    """What a comparison without curves prints."""
    ran = trainviz("compare", *arguments, "--no-curves")
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture
def pair(log: Any, tmp_path: Path) -> Path:
    """A folder of two runs: the second one learns less, with another learning rate."""
    records = [{"loss": 2 / (1 + i), "acc": i / 20, "step": i} for i in range(20)]
    log(tmp_path / "pair" / "exp1", records)
    log(tmp_path / "pair" / "exp2", [{**row, "loss": row["loss"] + 0.5} for row in records])
    (tmp_path / "pair" / "exp1" / "config.py").write_text("lr = 0.1\nseed = 0\n")
    (tmp_path / "pair" / "exp2" / "config.py").write_text("lr = 0.2\nseed = 0\n")
    return tmp_path / "pair"


def test_the_whole_screen(trainviz: Any, pair: Path) -> None:
    """A chart for each key, its table in place of a legend, then what differs in the configs."""
    ran = trainviz("compare", pair)
    assert (ran.code, ran.err) == (0, "")
    heads = [i for i, line in enumerate(ran.lines) if re.match(r"run +last +Δ +best \(m..\)", line)]
    assert len(heads) == 2
    assert [line for line in ran.lines if line in {"loss", "acc"}] == ["loss", "acc"]
    assert all(ran.lines[head - 2].lstrip().startswith("└") for head in heads)
    assert "last 0.1" not in ran.out
    assert ran.lines[-2:] == [
        "config that differs  ● exp1  ▲ exp2",
        "lr                   0.1     0.2",
    ]


def test_figures(trainviz: Any, pair: Path) -> None:
    """Last, Δ, best with its star, the step of the best, Δ."""
    ran = compared(trainviz, pair, "-k", "loss")
    assert table(ran, "loss") == {
        "exp1": ["0.1", "base", "0.1*", "19", "base"],
        "exp2": ["0.6", "+0.5", "0.6", "19", "+0.5"],
    }


def test_json_has_the_fields_of_the_contract(trainviz: Any, pair: Path) -> None:
    """A row for each run and key, and the values that differ by name and run."""
    found = document(trainviz("compare", pair, "--json"))
    assert found["config_diff"] == {"lr": {"exp1": 0.1, "exp2": 0.2}}
    assert [(row["key"], row["run"]) for row in found["rows"]] == [
        *(("loss", "exp1"), ("loss", "exp2")),
        *(("acc", "exp1"), ("acc", "exp2")),
    ]
    first = found["rows"][0]
    fields = ("last", "best", "best_step", "direction", "wins", "nonfinite")
    assert [first[field] for field in fields] == [0.1, 0.1, 19, "min", True, []]


def test_json_figures_are_exact(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """No digit of a float, an integer or a step is lost."""
    log(tmp_path / "a", [{"n": 2**62 + 1, "step": 2**53 + 1}, {"n": 2**62, "step": 2**53 + 3}])
    log(tmp_path / "b", [{"n": 0.1 + 0.2, "step": 1}])
    found = rows(trainviz("compare", tmp_path, "--json"))
    assert (found["a"]["best"], found["a"]["best_step"]) == (2**62 + 1, 2**53 + 1)
    assert (found["a"]["last"], found["a"]["last_step"]) == (2**62, 2**53 + 3)
    assert found["b"]["last"] == 0.1 + 0.2


@pytest.mark.parametrize(
    ("direction", "best"), [([], [0.5, 0.75]), (["--best", "max"], [2.0, 3.0])]
)
def test_best(
    trainviz: Any, log: Any, tmp_path: Path, direction: list[str], best: list[float]
) -> None:
    """Of a loss the lowest is the best, unless it is said otherwise; the screen says which."""
    losses(log, tmp_path / "a", [2, 0.5, 1])
    losses(log, tmp_path / "b", [3, 0.75, 1])
    found = rows(trainviz("compare", tmp_path, *direction, "--json"))
    assert [row["best"] for row in found.values()] == best
    ran = compared(trainviz, tmp_path, *direction)
    assert f"best ({'max' if direction else 'min'})" in ran.out
    stars = ["0.5*", "0.75"] if not direction else ["2", "3*"]
    assert [row[2] for row in table(ran, "loss").values()] == stars


def test_equal_best_values_are_both_marked(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Two runs that reached the same have a star each, a third that didn't has none."""
    for name, values in (("a", [2, 1, 3]), ("b", [1]), ("c", [2])):
        losses(log, tmp_path / name, values)
    ran = compared(trainviz, tmp_path)
    assert [row[2] for row in table(ran, "loss").values()] == ["1*", "1*", "2"]
    found = rows(trainviz("compare", tmp_path, "--json"))
    assert [row["wins"] for row in found.values()] == [True, True, False]


def test_runs_of_one_point(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """One sample each makes a chart with both marks, and its figures."""
    losses(log, tmp_path / "a", [0.5])
    losses(log, tmp_path / "b", [0.25])
    ran = trainviz("compare", tmp_path)
    assert ran.code == 0
    chart = "".join(line for line in ran.lines if "│" in line or "┤" in line)
    assert "●" in chart
    assert "▲" in chart
    assert table(compared(trainviz, tmp_path), "loss") == {
        "a": ["0.5", "base", "0.5", "0", "base"],
        "b": ["0.25", "-0.25", "0.25*", "0", "-0.25"],
    }


def test_one_run_alone(trainviz: Any, pair: Path) -> None:
    """There need not be a second one: its figures stand there, and nothing differs."""
    ran = trainviz("compare", pair / "exp1", "-k", "loss")
    assert (ran.code, ran.err) == (0, "")
    assert "config" not in ran.out
    assert document(trainviz("compare", pair / "exp1", "--json"))["config_diff"] == {}


@pytest.mark.parametrize("values", [[NAN] * 9, [NAN, INF, -INF]])
def test_runs_without_a_finite_value(
    trainviz: Any, log: Any, tmp_path: Path, values: list[float]
) -> None:
    """They have a row, a last value and no best; JSON has nulls and the steps."""
    losses(log, tmp_path / "a", values)
    losses(log, tmp_path / "b", values)
    assert trainviz("compare", tmp_path).code == 0
    figures = table(compared(trainviz, tmp_path), "loss")
    assert [row[1:] for row in figures.values()] == [["–", "–", "–", "–", str(len(values))]] * 2
    for row in rows(trainviz("compare", tmp_path, "--json")).values():
        fields = ("last", "best", "best_step", "last_change", "best_change")
        assert {row[field] for field in fields} == {None}
        assert row["nonfinite"] == list(range(len(values)))
        assert not row["wins"]


def test_no_common_key(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Each key is compared; a run has dashes where it lacks it."""
    log(tmp_path / "a", [{"loss": 1, "step": 0}])
    log(tmp_path / "b", [{"acc": 0.5, "step": 3}])
    ran = trainviz("compare", tmp_path)
    assert ran.code == 0
    plain = compared(trainviz, tmp_path)
    assert table(plain, "loss") == {"a": ["1", "base", "1*", "0", "base"], "b": ["–"] * 5}
    assert table(plain, "acc") == {"a": ["–"] * 5, "b": ["0.5", "–", "0.5*", "3", "–"]}


def test_a_run_that_lacks_the_key_is_named(trainviz: Any, log: Any, pair: Path) -> None:
    """It is no error: stderr names the run, the table has dashes, JSON nulls, the rest stays."""
    log(pair / "other", [{"acc": 1, "step": 0}])
    ran = compared(trainviz, pair, "-k", "loss")
    assert ran.err == "trainviz: note: loss is not in other\n"
    assert table(ran, "loss")["other"] == ["–"] * 5
    assert table(ran, "loss")["exp2"][1] == "+0.5"
    row = rows(trainviz("compare", pair, "-k", "loss", "--json"))["other"]
    for field in ("last", "last_step", "last_change", "best", "best_step", "best_change"):
        assert row[field] is None
    assert (row["wins"], row["nonfinite"]) == (False, [])


def test_the_baseline_lacks_the_key(trainviz: Any, log: Any, pair: Path) -> None:
    """There is nothing to measure from, so no change is told; figures and star stay."""
    log(pair / "other", [{"acc": 1, "step": 0}])
    ran = compared(trainviz, pair, "-k", "loss", "--baseline", "other")
    assert table(ran, "loss") == {
        "exp1": ["0.1", "–", "0.1*", "19", "–"],
        "exp2": ["0.6", "–", "0.6", "19", "–"],
        "other": ["–"] * 5,
    }


@pytest.mark.parametrize(
    "form",
    [
        "exp2",
        "2",
        "pair/exp2",
        "pair/exp2/",
        "./pair/exp2",
        "{absolute}/pair/exp2",
        "{absolute}/pair/exp2/",
    ],
)
def test_baseline_may_be_named_in_many_ways(
    trainviz: Any, pair: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """By its name, a part of it, or its path, relative or not."""
    monkeypatch.chdir(pair.parent)
    asked = form.format(absolute=pair.parent)
    found = rows(trainviz("compare", "pair", "-k", "loss", "--baseline", asked, "--json"))
    assert [row["last_change"] for row in found.values()] == [pytest.approx(-0.5), 0]
    assert [row["best_change"] for row in found.values()] == [pytest.approx(-0.5), 0]


@pytest.mark.parametrize("asked", ["pair/exp2", "pair/exp2/"])
def test_baseline_by_the_end_of_its_path(trainviz: Any, pair: Path, asked: str) -> None:
    """A path needs no more folders than tell it apart, wherever one stands."""
    found = rows(trainviz("compare", pair, "-k", "loss", "--baseline", asked, "--json"))
    assert found["exp2"]["last_change"] == 0
    assert found["exp1"]["last_change"] != 0


def test_baseline_by_the_log_that_was_named(trainviz: Any, pair: Path) -> None:
    """Who names the runs by their logs can name the baseline so too."""
    logs = [pair / name / "scalars.json" for name in ("exp1", "exp2")]
    found = rows(trainviz("compare", *logs, "-k", "loss", "--baseline", logs[1], "--json"))
    assert found["exp2"]["last_change"] == 0
    assert found["exp1"]["last_change"] != 0


def test_baseline_is_the_first_one_named(trainviz: Any, pair: Path) -> None:
    """Without the option, the runs are measured from the one that stands first."""
    found = rows(trainviz("compare", pair / "exp2", pair / "exp1", "-k", "loss", "--json"))
    assert list(found) == ["exp2", "exp1"]
    assert [row["last_change"] for row in found.values()] == [0, pytest.approx(-0.5)]


def test_whole_name_wins_over_a_part(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """`exp1` is that run, though `exp10` contains it."""
    for name, value in (("exp10", 1.0), ("exp1", 2.0)):
        losses(log, tmp_path / name, [value])
    found = rows(trainviz("compare", tmp_path, "--baseline", "exp1", "--json"))
    assert {name: row["last_change"] for name, row in found.items()} == {"exp1": 0, "exp10": -1}


@pytest.mark.parametrize(("asked", "word"), [("nothing", "none"), ("run1", "several")])
def test_baseline_that_is_none_or_several(
    trainviz: Any, log: Any, tmp_path: Path, asked: str, word: str
) -> None:
    """Both end with 3, before anything is printed; what it could be follows as a hint."""
    for i in range(20):
        losses(log, tmp_path / f"run{i:02d}", [1])
    ran = trainviz("compare", tmp_path, "--baseline", asked, "-k", "loss")
    assert (ran.code, ran.out) == (3, "")
    line, hint = ran.err.splitlines()
    assert line.startswith("trainviz: ")
    assert {word, repr(asked)} <= set(line.split())
    assert "run" in hint


def test_hint_names_the_runs_that_the_baseline_fits(
    trainviz: Any, log: Any, tmp_path: Path
) -> None:
    """Where a part of a name fits several runs, the hint lists these and no others."""
    for i in range(20):
        losses(log, tmp_path / f"run{i:02d}", [1])
    ran = trainviz("compare", tmp_path, "--baseline", "n1")
    assert re.findall(r"run\d\d", ran.err) == [f"run{i}" for i in range(10, 20)]


def restarted(log: Any, folder: Path) -> Path:
    """A run that logged steps 0 to 5 with a dip, then began again at step 3."""
    first = [10, 9, 8, 7, 1, 6]
    again = [5, 4, 3, 3.5]
    records = [{"loss": value, "step": i} for i, value in enumerate(first)]
    return log(folder, records + [{"loss": value, "step": 3 + i} for i, value in enumerate(again)])


@pytest.mark.parametrize(
    ("options", "best", "step", "last"),
    [
        ([], 3, 5, 3.5),
        (["--overlap", "last"], 3, 5, 3.5),
        (["--overlap", "first"], 1, 4, 3.5),
        (["--overlap", "all"], 1, 4, 3.5),
    ],
)
def test_overlap(
    trainviz: Any,
    log: Any,
    tmp_path: Path,
    options: list[str],
    best: float,
    step: int,
    last: float,
) -> None:
    """The figures are those of what the chart shows of a run that began again."""
    restarted(log, tmp_path / "a")
    losses(log, tmp_path / "b", [2])
    row = rows(trainviz("compare", tmp_path, *options, "--json"))["a"]
    assert (row["best"], row["best_step"], row["last"]) == (best, step, last)
    assert row["wins"] == (best == 1)
    assert "restarted: where steps were logged again" in trainviz("compare", tmp_path, *options).out


def test_runs_without_a_config_do_not_count(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A run without a configuration doesn't make the others' common values differ."""
    losses(log, tmp_path / "a", [1], "lr = 0.1\nmodel = dict(depth=50)\n")
    losses(log, tmp_path / "b", [2], "lr = 0.2\nmodel = dict(depth=50)\n")
    losses(log, tmp_path / "c", [3])
    assert config_table(compared(trainviz, tmp_path)) == {"lr": ["0.1", "0.2", "–"]}
    found = document(trainviz("compare", tmp_path, "--json"))
    assert found["config_diff"] == {"lr": {"a": 0.1, "b": 0.2}}


def test_no_config_anywhere(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Then there is no such table."""
    losses(log, tmp_path / "a", [1])
    losses(log, tmp_path / "b", [2])
    assert "config" not in compared(trainviz, tmp_path).out


@pytest.mark.parametrize("config", ["lr = ((\n", "\0", "x = " + "[" * 500])
@pytest.mark.parametrize("options", [[], *([report] for report in REPORTS)])
def test_config_that_cannot_be_parsed(
    trainviz: Any, log: Any, tmp_path: Path, config: str, options: list[str]
) -> None:
    """It is noted once, with its run and file, and the rest of the comparison is there."""
    losses(log, tmp_path / "a", [1], "lr = 0.1\n")
    losses(log, tmp_path / "b", [2], config)
    losses(log, tmp_path / "c", [3], "lr = 0.3\n")
    ran = trainviz("compare", tmp_path, "--no-curves", *options)
    assert ran.code == 0
    (line,) = ran.err.splitlines()
    assert re.match(r"trainviz: note: b: can't read .*config\.py", line)
    assert not {char for char in ran.out if char < " "} - {"\n"}
    found = document(trainviz("compare", tmp_path, "--json"))
    assert found["config_diff"] == {"lr": {"a": 0.1, "c": 0.3}}
    assert len(found["rows"]) == 3


def test_config_that_is_a_folder(trainviz: Any, log: Any, pair: Path) -> None:
    """What stands in the place of a configuration and is none is noted, too."""
    losses(log, pair / "exp3", [1])
    (pair / "exp3" / "config.py").mkdir()
    ran = compared(trainviz, pair, "-k", "loss")
    assert re.match(r"trainviz: note: exp3: can't read .*config\.py", ran.err)
    assert config_table(ran)["lr"][:2] == ["0.1", "0.2"]


def test_a_pipe_in_place_of_a_config_is_not_read(trainviz: Any, log: Any, pair: Path) -> None:
    """Nobody may ever write to it, so it is not waited for; what it says is no configuration."""
    losses(log, pair / "exp3", [1])
    pipe = pair / "exp3" / "config.py"
    os.mkfifo(pipe)
    # Whoever opens the pipe, gets this and an end, so that the test itself never waits.
    writer = Thread(target=pipe.write_text, args=("lr = 9\n",), daemon=True)
    writer.start()
    ran = compared(trainviz, pair, "-k", "loss")
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer.join()
    os.close(reading)
    assert config_table(ran)["lr"][:2] == ["0.1", "0.2"]
    assert "9" not in config_table(ran)["lr"]


def test_nested_differences(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Only the leaf that differs is named, with its dotted name; also in lists of mappings."""
    text = "model = dict(backbone=dict(depth={}, stages=4))\npipeline = [dict(type='Load'){}]\n"
    losses(log, tmp_path / "a", [1], text.format(50, ""))
    losses(log, tmp_path / "b", [2], text.format(101, ", dict(type='Flip', prob=0.5)"))
    assert config_table(compared(trainviz, tmp_path)) == {
        "model.backbone.depth": ["50", "101"],
        "pipeline.1.type": ["–", "Flip"],
        "pipeline.1.prob": ["–", "0.5"],
    }
    assert document(trainviz("compare", tmp_path, "--json"))["config_diff"] == {
        "model.backbone.depth": {"a": 50, "b": 101},
        "pipeline.1.type": {"b": "Flip"},
        "pipeline.1.prob": {"b": 0.5},
    }


def test_types_of_values_differ(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """1, 1.0, True and '1' are four values; each can be told from the others in the table."""
    for name, value in zip("abcd", ("1", "1.0", "True", "'1'"), strict=True):
        losses(log, tmp_path / name, [1], f"x = {value}\n")
    assert config_table(compared(trainviz, tmp_path)) == {"x": ["1", "1.0", "True", "'1'"]}
    found = document(trainviz("compare", tmp_path, "--json"))["config_diff"]["x"]
    assert list(map(repr, found.values())) == ["1", "1.0", "True", "'1'"]


@pytest.mark.parametrize(("one", "other"), [("1", "'1'"), ("None", "'None'"), ("0.1", "'0.1'")])
def test_text_differs_from_what_it_looks_like(
    trainviz: Any, log: Any, tmp_path: Path, one: str, other: str
) -> None:
    """A number that became text, as an option of a command line does, is a difference."""
    losses(log, tmp_path / "a", [1], f"x = {one}\n")
    losses(log, tmp_path / "b", [1], f"x = {other}\n")
    assert config_table(compared(trainviz, tmp_path)) == {"x": [one, other]}


@pytest.mark.parametrize("value", ["0x1" + "0" * 6000, "[0x1" + "0" * 6000 + "]", "10**9000"])
@pytest.mark.parametrize("report", [[], *([report] for report in REPORTS)])
def test_huge_numbers_in_a_config(
    trainviz: Any, log: Any, tmp_path: Path, value: str, report: list[str]
) -> None:
    """An integer with more digits than Python writes is a value like any other."""
    losses(log, tmp_path / "a", [1], f"x = {value}\n")
    losses(log, tmp_path / "b", [2], "x = 1\n")
    compared(trainviz, tmp_path, *report)
    assert document(trainviz("compare", tmp_path, "--json"))["config_diff"]["x"]["b"] == 1


def test_huge_values(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Where a change is no finite number, it is not told; all else stays exact."""
    losses(log, tmp_path / "a", [1.7e308])
    losses(log, tmp_path / "b", [-1.7e308])
    ran = trainviz("compare", tmp_path)
    assert ran.code == 0
    assert max(map(cells, ran.lines)) <= 80
    assert table(compared(trainviz, tmp_path), "loss")["b"] == [
        *("-1.7e308", "–", "-1.7e308*", "0", "–")
    ]
    row = rows(trainviz("compare", tmp_path, "--json"))["b"]
    assert (row["best"], row["best_change"]) == (-1.7e308, None)


@pytest.fixture(scope="module")
def fifty(log: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty runs with two keys, of which every third lacks one; each with a rate of its own."""
    folder = tmp_path_factory.mktemp("fifty")
    for i in range(50):
        keys = {"loss": 1 + i} if i % 3 == 1 else {"loss": 1 + i, "acc": i / 50}
        records = [{**dict.fromkeys(keys, 0), **keys, "step": step} for step in range(3)]
        run = log(folder / f"run{i:02d}", records)
        (run / "config.py").write_text(f"lr = {i}\n")
    return folder


def pairs(text: str) -> set[tuple[str, str]]:
    """The marks in a coloured text, each with its colour."""
    return {
        (mark, codes.removeprefix("1;"))
        for codes, styled in STYLED.findall(text)
        for mark in styled
        if mark in MARKS
    }


def named_pairs(text: str) -> dict[str, set[tuple[str, str]]]:
    """The marks and colours that each run's name stands behind in a coloured text."""
    names: dict[str, set[tuple[str, str]]] = {}
    for codes, mark, name in re.findall(rf"\x1b\[([\d;]+)m([{MARKS}]) (\w+) *\x1b", text):
        names.setdefault(name, set()).add((mark, codes.removeprefix("1;")))
    return names


@pytest.mark.parametrize("count", [20, 50])
def test_a_run_has_one_mark_and_one_colour(trainviz: Any, fifty: Path, count: int) -> None:
    """In the tables of both keys, whether it has the key or not; no two runs look the same."""
    runs = sorted(fifty.iterdir())[:count]
    ran = trainviz("compare", *runs, "--color", "always")
    assert ran.code == 0
    names = named_pairs(ran.out)
    assert sorted(names) == [run.name for run in runs]
    assert {len(found) for found in names.values()} == {1}
    assert len(set.union(*names.values())) == count


@pytest.mark.parametrize("width", [80, 1000])
def test_configs_have_the_marks_and_colours_of_the_runs(
    trainviz: Any, fifty: Path, width: int
) -> None:
    """Where the values that differ stand, in columns or lists, a run looks as in the tables."""
    runs = sorted(fifty.iterdir())[:20]
    ran = trainviz("compare", *runs, "--no-curves", "--color", "always", "--width", width)
    tables, _, configs = ran.out.partition("config that differs")
    assert named_pairs(configs) == named_pairs(tables)


def test_marks_and_colours_stand_on_the_chart(trainviz: Any, fifty: Path) -> None:
    """A curve has the pair of its run, also where runs before it lack the key."""
    runs = sorted(fifty.iterdir())[:20]
    ran = trainviz("compare", *runs, "--color", "always", "-k", "acc", "--height", 40)
    chart, _, below = ran.out.partition("└")
    names = {name: pair for name, (pair,) in named_pairs(below).items()}
    assert len(names) == 20
    lacking = {f"run{i:02d}" for i in range(1, 20, 3)}
    assert pairs(chart) == {pair for name, pair in names.items() if name not in lacking}


def test_config_columns_have_the_colours_of_the_runs(trainviz: Any, pair: Path) -> None:
    """A value is in the colour of its run."""
    ran = trainviz("compare", pair, "-k", "loss", "--no-curves", "--color", "always")
    values = re.findall(r"\x1b\[([\d;]+)m0\.[12] *\x1b", ran.lines[-1])
    assert [{(mark, color)} for mark, color in zip("●▲", values, strict=True)] == [
        named_pairs(ran.out.partition("config")[0])[name] for name in ("exp1", "exp2")
    ]


def test_colours_are_reset(trainviz: Any, pair: Path) -> None:
    """Every style ends in the line it began in, and without colours the screen is the same."""
    ran = trainviz("compare", pair, "--color", "always")
    assert "\x1b[1;38;5;" in ran.out
    for line in ran.lines:
        bare = STYLED.sub(r"\2", line)
        assert "\x1b" not in bare
    plain = trainviz("compare", pair).out
    assert [STYLED.sub(r"\2", line).rstrip() for line in ran.lines] == plain.split("\n")[:-1]


@pytest.mark.parametrize("width", [*range(24, 40), 47, 59, 60, 61, 79, 80, 81, 115, 199, 200, 300])
def test_no_line_is_wider_than_the_width(
    trainviz: Any, log: Any, tmp_path: Path, width: int
) -> None:
    """Whatever names and values there are, and however narrow it is."""
    log(tmp_path / "a run of a long name", [{"lr": 9.973e-4, "loss": -1.234e300, "step": 2**60}])
    log(tmp_path / ("训练" * 20), [{"lr": 1.234e-5, "loss": 12345.678, "step": 0}])
    log(tmp_path / "b", [{"lr": 0, "loss": NAN, "step": 0}])
    for i, run in enumerate(tmp_path.iterdir()):
        (run / "config.py").write_text(f"x = {'q' * 50 + str(i)!r}\n{'n' * 90} = {i}\n")
    for options in ([], ["--ascii"], ["--no-curves"]):
        ran = trainviz("compare", tmp_path, "--width", width, "--height", 6, *options)
        assert ran.code == 0
        assert [line for line in ran.lines if cells(line) > width] == []


def test_width_of_a_figure_is_not_that_of_the_tables(
    trainviz: Any, log: Any, tmp_path: Path
) -> None:
    """With `-o`, `--width` counts the figure's pixels; the tables still fit the terminal."""
    for letter in "ab":
        losses(log, tmp_path / (letter * 200), [1], f"x = {letter * 200!r}\n")
    file = tmp_path / "chart.svg"
    ran = trainviz("compare", tmp_path, "-o", file, "--width", 1000)
    assert ran.code == 0
    assert [line for line in ran.lines[:-1] if cells(line) > 80] == []


def test_width_of_the_terminal(
    trainviz: Any, log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `--width`, the tables are as wide as the terminal allows."""
    losses(log, tmp_path / ("n" * 100), [1])
    for columns in (40, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        ran = compared(trainviz, tmp_path)
        assert ("n" * 100 in ran.out) == (columns == 200)
        assert max(map(cells, ran.lines)) <= columns


@pytest.mark.parametrize("options", [[], ["--no-curves"], ["--color", "always"]])
def test_ascii_is_ascii(trainviz: Any, log: Any, tmp_path: Path, options: list[str]) -> None:
    """Whatever is in names and values, every character is one that all terminals have."""
    losses(log, tmp_path / "é 训练", [1, NAN, INF], "x = 'ü'\n")
    losses(log, tmp_path / "b", [2], "x = '\x7f'\n")
    log(tmp_path / "c", [{"acc": 1, "step": 0}])
    ran = trainviz("compare", tmp_path, "--ascii", *options)
    assert ran.code == 0
    assert ran.out.isascii()
    assert "% ? ??" in ran.out


NAMES = [
    "two words",
    "two\nlines",
    "\x1b[31mred\x1b[0m",
    "tab\tand\rreturn",
    "\u202eright",
    "\udcff\udcfe",
    "pi|pe`s <b>",
    "[bold]not markup",
]


@pytest.fixture
def nasty(log: Any, tmp_path: Path) -> Path:
    """A folder of runs with names that could steer a terminal, which differ in as bad values."""
    for i, name in enumerate(NAMES):
        losses(log, tmp_path / name, [1 + i], f"x = {name!r}\n")
    return tmp_path


@pytest.mark.parametrize(
    "options", [["--curves"], ["--no-curves"], ["--csv"], ["--md"], ["--json"]]
)
def test_names_steer_nothing(trainviz: Any, nasty: Path, options: list[str]) -> None:
    """Control and escape characters of names and values reach neither stream."""
    ran = trainviz("compare", nasty, *options, "--baseline", "two words")
    assert ran.code == 0
    for stream in (ran.out, ran.err):
        assert not {char for char in stream if unicodedata.category(char) in STEERING} - {"\n"}
    escape = {"--json": r"\u001b[31mred", "--md": r"␛\[31mred"}.get(options[0], "␛[31mred")
    assert escape in ran.out


def test_json_has_the_names_as_they_are(trainviz: Any, nasty: Path) -> None:
    """What a script reads are the very names and values, also those that are no Unicode."""
    found = document(trainviz("compare", nasty, "--json"))
    assert {row["run"] for row in found["rows"]} == set(NAMES)
    assert found["config_diff"]["x"] == {name: name for name in NAMES}


@pytest.mark.parametrize(
    ("forms", "names"),
    [
        (["."], ["exp1", "exp2"]),
        (["*"], ["exp1", "exp2"]),
        (["exp[12]"], ["exp1", "exp2"]),
        (["exp2", "."], ["exp2", "exp1"]),
        (["exp2/scalars.json", "e*1"], ["exp2", "exp1"]),
        (["**/scalars.json"], ["exp1", "exp2"]),
    ],
)
def test_folders_and_globs_expand(
    trainviz: Any, pair: Path, monkeypatch: pytest.MonkeyPatch, forms: list[str], names: list[str]
) -> None:
    """Each run once, in the order of the arguments."""
    monkeypatch.chdir(pair)
    assert sorted(rows(trainviz("compare", *forms, "-k", "loss", "--json"))) == sorted(names)


@pytest.mark.parametrize("report", [[], *([report] for report in REPORTS)])
@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["nothing*"], 3, r"nothing matches nothing\*"),
        (["exp1", "nothing*"], 3, r"nothing matches nothing\*"),
        (["missing"], 3, "no such file or folder: missing"),
        ([".", "-k", "zzz"], 3, "no key matches 'zzz'"),
        ([".", "-k", "zzz*"], 3, r"no key matches 'zzz\*'"),
        ([".", "-k", "re:("], 2, "'re:.*' is no valid pattern"),
        ([".", "--baseline", "zzz"], 3, ".*'zzz'"),
        ([".", "--best", "high"], 2, "Invalid value for '--best'"),
        ([".", "--ylim", "2:1"], 2, "--ylim 2:1"),
        ([".", "-o", "chart.jpg"], 2, "can't write .jpg"),
        ([".", "-o", "chart"], 2, "can't write chart without an ending"),
        ([], 2, "Missing argument"),
    ],
)
def test_errors(
    trainviz: Any,
    pair: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    line: str,
    report: list[str],
) -> None:
    """The documented exit code, one line that says what is wrong, and nothing on stdout."""
    monkeypatch.chdir(pair)
    ran = trainviz("compare", *arguments, *report)
    assert (ran.code, ran.out) == (code, "")
    assert re.match(f"trainviz: {line}", ran.err)
    assert [text for text in ran.err.splitlines()[1:] if not text.startswith("  hint: ")] == []
    assert sorted(path.name for path in pair.iterdir()) == ["exp1", "exp2"]


def test_an_unreadable_run_is_left_out(trainviz: Any, log: Any, pair: Path) -> None:
    """One empty log doesn't keep the others from being compared, and is named."""
    log(pair / "exp3", [])
    ran = compared(trainviz, pair, "-k", "loss")
    assert list(table(ran, "loss")) == ["exp1", "exp2"]
    assert re.match(r"trainviz: note: left out: .*exp3", ran.err)


def test_strict_ends_at_damage(trainviz: Any, log: Any, pair: Path) -> None:
    """A damaged log is compared as far as it can be read, unless that is not wanted."""
    log(pair / "exp3", [{"loss": 1, "step": 0}, "garbage"])
    assert "exp3" in table(compared(trainviz, pair, "-k", "loss"), "loss")
    ran = trainviz("compare", pair, "-k", "loss", "--strict")
    assert (ran.code, ran.out) == (4, "")


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_output_writes_a_figure(trainviz: Any, pair: Path, suffix: str, magic: bytes) -> None:
    """The curves are in the file, the tables on the screen, and the path comes last."""
    file = pair / f"chart{suffix}"
    ran = trainviz("compare", pair, "-o", file)
    assert (ran.code, ran.err) == (0, "")
    assert file.read_bytes().startswith(magic)
    assert ran.lines[-1] == str(file)
    assert ran.lines[:-1] == compared(trainviz, pair / "exp1", pair / "exp2").lines


@pytest.mark.parametrize("report", REPORTS)
def test_output_and_report_go_together(trainviz: Any, pair: Path, report: str) -> None:
    """The figure is written, and stdout is the report alone."""
    file = pair / "chart.svg"
    ran = trainviz("compare", pair, "-o", file, report)
    assert file.read_bytes().startswith(b"<?xml")
    assert ran.out == trainviz("compare", pair / "exp1", pair / "exp2", report).out


def test_show_opens_a_window(trainviz: Any, pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves are in the window, the tables on the screen."""
    shown: list[object] = []
    monkeypatch.setattr("trainviz_cli.imaging.window.show_figure", shown.append)
    ran = trainviz("compare", pair, "--show")
    assert (ran.code, len(shown)) == (0, 1)
    assert ran.out == compared(trainviz, pair).out


def test_no_curves(trainviz: Any, pair: Path) -> None:
    """The tables alone, each under its key."""
    ran = compared(trainviz, pair)
    assert not re.search(r"[└┤│\u2800-\u28ff]", ran.out)
    assert [line for line in ran.lines if " " not in line and line] == ["loss", "acc"]
    assert ran.lines[-3:] == ["", *trainviz("compare", pair).lines[-2:]]


def test_csv(trainviz: Any, pair: Path) -> None:
    """A line for each run and key, in the numbers that JSON has."""
    ran = trainviz("compare", pair, "--csv")
    found = list(csv.DictReader(io.StringIO(ran.out, newline=""), strict=True))
    wanted = document(trainviz("compare", pair, "--json"))["rows"]
    assert len(found) == len(wanted) == 4
    for row, right in zip(found, wanted, strict=True):
        assert (row["run"], row["key"]) == (right["run"], right["key"])
        for field in ("last", "last_step", "last_change", "best", "best_step", "best_change"):
            assert float(row[field]) == right[field]


def test_markdown(trainviz: Any, pair: Path) -> None:
    """A table for each key and one of the configurations, and nothing else."""
    ran = trainviz("compare", pair, "--md", "-k", "loss")
    assert ran.lines == [
        "**loss**, best is min",
        "",
        "| run | last | Δ | best | at step | Δ |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| exp1 | 0.1 | 0 | **0.1** | 19 | 0 |",
        "| exp2 | 0.6 | +0.5 | 0.6 | 19 | +0.5 |",
        "",
        "| config | exp1 | exp2 |",
        "| --- | --- | --- |",
        "| lr | 0.1 | 0.2 |",
    ]


@pytest.mark.parametrize("report", REPORTS)
def test_report_where_some_lack_the_key(trainviz: Any, log: Any, pair: Path, report: str) -> None:
    """Each report keeps the row of a run that lacks the key, and stderr alone names it."""
    log(pair / "other", [{"acc": 1, "step": 0}])
    (pair / "other" / "config.py").write_text("lr = 0.3\nseed = 0\n")
    ran = trainviz("compare", pair, "-k", "loss", report)
    assert (ran.code, ran.err) == (0, "trainviz: note: loss is not in other\n")
    assert ran.out.count("other") == (1 if report == "--csv" else 2)
    assert "–" not in ran.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--smooth", "ema:0.9"], "smoothed: EMA 0.9; the samples themselves behind"),
        (["--ylim", "0:0.6"], "above the scale"),
        (["-x", "index"], "index"),
        (["-x", "acc"], "acc"),
        (["--xlim", "50:60"], "no sample lies between the ends of the x axis"),
    ],
)
def test_curves_are_drawn_as_asked(
    trainviz: Any, pair: Path, options: list[str], said: str
) -> None:
    """The options of `plot` hold for the charts, and leave the figures as they are."""
    ran = trainviz("compare", pair, "-k", "loss", *options)
    assert ran.code == 0
    assert any(said in line for line in ran.lines)
    plain = trainviz("compare", pair, "-k", "loss")
    assert ran.out != plain.out
    assert [line for line in ran.lines if line[:2] in {"● ", "▲ "}] == [
        line for line in plain.lines if line[:2] in {"● ", "▲ "}
    ]


def test_a_run_without_the_axis_keeps_its_row(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A run that knows no epochs is not on the chart, which says so, but in the table."""
    log(tmp_path / "with", [{"loss": 1, "epoch": 0.5, "step": 1}])
    log(tmp_path / "without", [{"loss": 2, "step": 1}])
    ran = trainviz("compare", tmp_path, "-k", "loss", "-x", "epoch")
    assert ran.code == 0
    assert any(re.match(r"▲ without +2 +\+1 +2", line) for line in ran.lines)
    assert any("without: loss has no epoch axis" in line for line in ran.lines)


def test_real_runs(trainviz: Any, samples: Path) -> None:
    """Six real runs: each report tells of the same runs and keys, and one run wins by mAP."""
    found = document(trainviz("compare", samples, "--json"))
    runs = sorted(path.name for path in samples.iterdir() if path.is_dir())
    by_key: dict[str, list[str]] = {}
    for row in found["rows"]:
        by_key.setdefault(row["key"], []).append(row["run"])
    assert set(map(tuple, by_key.values())) == {tuple(runs)}
    assert {"train/loss", "val/mAP"} <= set(by_key)
    assert list(found["config_diff"]) == ["lr", "optimizer", "seed", "weight_decay"]
    ran = compared(trainviz, samples, "-k", "mAP")
    assert sum("*" in row[2] for row in table(ran, "val/mAP").values()) == 1


def test_twice_the_same_is_twice_the_same(trainviz: Any, samples: Path) -> None:
    """Nothing of a comparison depends on chance."""
    for options in ([], ["--json"], ["--md"]):
        first, second = (trainviz("compare", samples, *options) for _ in range(2))
        assert first == second


def falling(scale: float, count: int = 40) -> list[float]:
    """A loss that falls and rises again, with a ripple that no chance is in."""
    return [
        scale * (0.1 + math.exp(-i / 12)) + (i / 60) ** 2 + 0.02 * math.sin(2.4 * i)
        for i in range(count)
    ]


def two_runs(log: Any, folder: Path) -> list[object]:
    """Two runs at 80 columns: the second is better, and has another optimizer."""
    for name, scale, optimizer in (("baseline", 2.0, "sgd"), ("warm restart", 1.4, "adamw")):
        config = f"optimizer = dict(type='{optimizer}', lr=0.01)\nseed = 0\n"
        losses(log, folder / name, falling(scale), config)
    return [folder, "--width", 80]


def twelve_runs(log: Any, folder: Path) -> list[object]:
    """Twelve runs at 60 columns: one diverged, one lacks the key, one a value in its config."""
    for i in range(12):
        depth = "" if i == 9 else f"depth={50 if i % 2 else 101}, "
        config = f"lr = {0.1 / 2 ** (i % 3)}\nmodel = dict({depth}stages=4)\n"
        values = falling(1 + i / 6)
        if i == 4:
            values[20:] = [NAN] * 20
        losses(log, folder / f"exp{i:02d}", values, config)
    log(folder / "exp07", [{"acc": 0.5, "step": 0}])
    return [folder, "-k", "loss", "--baseline", "exp02", "--width", 60]


SCREENS = [two_runs, twelve_runs]


@pytest.mark.parametrize("build", SCREENS, ids=lambda build: build.__name__)
def test_snapshot(trainviz: Any, log: Any, tmp_path: Path, build: Any) -> None:
    """The screen is, character by character, the one that was looked at and found right."""
    ran = trainviz("compare", *build(log, tmp_path / "runs"))
    assert ran.code == 0
    file = SNAPSHOTS / f"compare_{build.__name__}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        file.write_text(ran.out, "utf-8")
    assert ran.out == file.read_text("utf-8")


def test_no_snapshot_is_left_over() -> None:
    """Every picture of a comparison is of one that is drawn here."""
    assert {file.stem for file in SNAPSHOTS.glob("compare_*")} == {
        f"compare_{build.__name__}" for build in SCREENS
    }
