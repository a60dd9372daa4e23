"""Comparisons as CSV and Markdown: exact when read back, and never more than text."""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.comparison import Comparison, compare
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series
from trainviz_cli.render.documents import to_csv, to_markdown

NAN, INF = math.nan, math.inf
HEAD = "run,key,direction,last,last_step,last_change,best,best_step,best_change,wins"
NASTY = [
    "pi|pe",
    "a\\|b",
    "back\\",
    "`code`",
    "``",
    "<b>bold</b>",
    "<!-- gone",
    "&lt;",
    "&#124;",
    "two\nlines",
    "a\r\nb",
    "\x1b[31mred\x1b]0;title\x07",
    "**bold**",
    "_under_",
    "~~gone~~",
    "[link](http://x)",
    "![picture](x)",
    "# head",
    "---",
    "\u2028",
    "\x85\x0b\x0c\x1c",
    "\ud800",
    "\u202eright",
    ' quotes "and", commas ',
    "=1+1",
]
NAMES = st.text(min_size=1, max_size=20) | st.sampled_from(NASTY)
VALUES = st.floats() | st.sampled_from([NAN, INF, -INF, -0.0, 5e-324, 1.7e308, 0.1 + 0.2])


def run(name: str, values: Sequence[float], key: str = "loss") -> Run:
    """A run that logged these values at the steps 0, 10, 20..., or nothing of that key."""
    kind = np.int64 if all(isinstance(value, int) for value in values) else np.float64
    column = Series(key, np.arange(len(values)) * 10, np.array(values, kind))
    return Run(name, Path(name), "local", {key: column} if values else {})


def parsed(compared: Sequence[Comparison]) -> list[dict[str, str]]:
    """The rows of the CSV, as Python reads them."""
    text = to_csv(compared)
    assert text.endswith("\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cells(line: str) -> list[str]:
    """The cells of a row of a Markdown table, without the escapes."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    found = re.findall(r"((?:\\.|[^\\|])*)\|", line.removeprefix("|"))
    assert "|" + "".join(f"{cell}|" for cell in found) == line
    return [re.sub(r"\\(.)", r"\1", cell).strip() for cell in found]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown document, as rows of cells."""
    blocks = [block.strip("\n").split("\n") for block in text.split("\n\n")]
    return [[cells(line) for line in block] for block in blocks if block[0].startswith("|")]


def steering(text: str) -> set[str]:
    """The characters, but for newlines, that could steer a terminal or break a line."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {char for char in text if char != "\n" and unicodedata.category(char) in kinds}


def test_csv() -> None:
    """A line for each run and key, in the order given, after a head."""
    runs = [run("a", [3, 1, 2]), run("b", [2.5, 0.5, 1.5])]
    assert to_csv([compare(runs, "loss")]).split("\n") == [
        HEAD,
        "a,loss,min,2,20,0,1,10,0,0",
        "b,loss,min,1.5,20,-0.5,0.5,10,-0.5,1",
        "",
    ]


def test_csv_of_several_keys() -> None:
    """All keys stand in one table, below each other."""
    runs = [run("a", [1.0]), run("b", [2.0], "acc")]
    rows = parsed([compare(runs, "loss"), compare(runs, "acc")])
    assert [(row["key"], row["run"], row["direction"]) for row in rows] == [
        *(("loss", "a", "min"), ("loss", "b", "min")),
        *(("acc", "a", "max"), ("acc", "b", "max")),
    ]


def test_csv_leaves_empty_what_is_unknown() -> None:
    """A run without the key, and what is not finite, has no number; it doesn't win either."""
    runs = [run("a", [1, NAN]), run("b", []), run("c", [INF])]
    rows = [list(row.values())[3:] for row in parsed([compare(runs, "loss")])]
    assert rows == [
        ["", "10", "", "1.0", "0", "0.0", "1"],
        ["", "", "", "", "", "", "0"],
        ["", "0", "", "", "", "", "0"],
    ]


@settings(deadline=None)
@given(values=st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_csv_holds_the_exact_floats(values: list[list[float]]) -> None:
    """Read back, every figure is the float it was, to the last bit."""
    runs = [run(f"run{i}", column) for i, column in enumerate(values)]
    comparison = compare(runs, "loss")
    for row, wanted in zip(parsed([comparison]), comparison.rows, strict=True):
        said = wanted.summary
        assert said is not None
        assert row["run"] == wanted.run
        assert row["wins"] == str(int(wanted.wins))
        for field, number in (
            ("last", said.last if math.isfinite(said.last) else None),
            ("last_step", said.last_step),
            ("last_change", wanted.last_change),
            ("best", said.best),
            ("best_step", said.best_step),
            ("best_change", wanted.best_change),
        ):
            if number is None:
                assert row[field] == ""
            else:
                assert repr(type(number)(row[field])) == repr(number)


def test_csv_holds_exact_integers() -> None:
    """No digit of an integer is lost where a float would round it."""
    rows = parsed([compare([run("a", [2**62 + 1]), run("b", [2**62 + 4])], "loss")])
    assert [(row["last"], row["best"], row["last_change"]) for row in rows] == [
        (str(2**62 + 1), str(2**62 + 1), "0"),
        (str(2**62 + 4), str(2**62 + 4), "3"),
    ]


@settings(deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4), key=NAMES)
@example(names=NASTY, key="a,b")
def test_csv_is_safe_whatever_names_are_in_it(names: list[str], key: str) -> None:
    """Any name makes one row of the same fields, and reads back if it is printable text."""
    rows = parsed([compare([run(name, [1.0], key) for name in names], key)])
    assert len(rows) == len(names)
    for row, name in zip(rows, names, strict=True):
        assert list(row) == HEAD.split(",")
        assert (row["run"] == name) == name.isprintable()
        assert row["last"] == "1.0"
        assert steering("".join(row.values())) == set()


def test_markdown() -> None:
    """A table for each key under its name and direction, the best in bold; then the config."""
    runs = [run("a", [3.0, 1.0, 2.0]), run("b", [0.5])]
    text = to_markdown([compare(runs, "loss")], {"lr": {"a": 0.1, "b": 0.2}}, ["a", "b"])
    assert text.split("\n") == [
        "**loss**, best is min",
        "",
        "| run | last | Δ | best | at step | Δ |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| a | 2 | 0 | 1 | 10 | 0 |",
        "| b | 0.5 | -1.5 | **0.5** | 0 | -0.5 |",
        "",
        "| config | a | b |",
        "| --- | --- | --- |",
        "| lr | 0.1 | 0.2 |",
        "",
    ]


def test_markdown_without_differences() -> None:
    """Where no configuration differs there is no table of them."""
    assert len(tables(to_markdown([compare([run("a", [1.0])], "loss")], {}, ["a"]))) == 1


def test_markdown_leaves_empty_what_is_unknown() -> None:
    """What a run lacks is an empty cell; NaN is called by its name."""
    runs = [run("a", []), run("b", [NAN]), run("c", [1.0])]
    differences = {"lr": {"c": 1}}
    figures, config = tables(
        to_markdown([compare(runs, "loss")], differences, [run.name for run in runs])
    )
    assert figures[2:] == [
        ["a", "", "", "", "", ""],
        ["b", "nan", "", "", "", ""],
        ["c", "1", "", "**1**", "0", ""],
    ]
    assert config[2:] == [["lr", "", "", "1"]]


@settings(deadline=None, max_examples=200)
@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    key=NAMES,
    config=NAMES,
    value=NAMES | st.floats() | st.lists(NAMES, max_size=2),
)
@example(names=NASTY, key="`|`", config="a|b", value="c|\n|d")
@example(names=["\\", "\\\\"], key="\\", config="\\|", value="\\")
def test_markdown_tables_keep_their_shape(
    names: list[str], key: str, config: str, value: object
) -> None:
    """Whatever is in a name or value, each row of a table has as many cells as its head."""
    compared = [compare([run(name, [1.0], key) for name in names], key)]
    text = to_markdown(compared, {config: dict.fromkeys(names, value)}, names)
    assert steering(text) == set()
    found = tables(text)
    assert [len(table) for table in found] == [2 + len(names), 3]
    for table, wide in zip(found, (6, 1 + len(names)), strict=True):
        assert {len(row) for row in table} == {wide}
    for row, name in zip(found[0][2:], names, strict=True):
        assert not name.isprintable() or row[0] == name.strip()


@pytest.mark.parametrize("name", NASTY)
def test_markdown_interprets_nothing(name: str) -> None:
    """What has a meaning in Markdown or HTML is escaped wherever a name or value can stand."""
    compared = [compare([run(name, [1.0], name)], name)]
    text = to_markdown(compared, {name: {name: name, "b": 1}}, [name])
    bare = re.sub(r"\\.", "", text).replace("**", "").replace("| ---", "").replace("---:", "")
    assert not re.search(r"[`*<>\[\]~#]|(?<!\w)_|_(?!\w)", bare)
    assert not re.search(r"&(#?\w+);", bare)
