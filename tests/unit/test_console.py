"""Streams: what stdout can show, what stderr says, and JSON that any terminal can bear."""

import io
import json
import math
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.cli._console import Console, note, note_diagnostics, print_json, say
from trainviz_cli.model.diagnostic import Diagnostic
from trainviz_cli.model.run import Run
from trainviz_cli.render.term.chart import ASCII
from trainviz_cli.render.term.style import ColorDepth, Span

ANY = st.text(st.characters(), max_size=30)


class Terminal(io.TextIOWrapper):
    """A stdout that is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        """Starts empty."""
        super().__init__(io.BytesIO(), encoding, newline="\n")

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests is seen."""
    for name in ("COLUMNS", "NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("columns", "width"),
    [("100", 100), ("24", 24), ("5", 24), ("99999", 2000), ("0", 80), ("", 80), ("many", 80)],
)
def test_width(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    """`COLUMNS` counts if it is a number, within reason; else 80 where there is no terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    assert Console().width == width


def test_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `COLUMNS` the terminal is asked; one that doesn't know its width has 80."""
    monkeypatch.setattr("sys.stdout", open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    with sys.stdout:
        for columns, width in ((132, 132), (0, 80)):
            size = os.terminal_size((columns, 24))
            monkeypatch.setattr(os, "get_terminal_size", lambda _, size=size: size)
            assert Console().width == width


@pytest.mark.parametrize(
    ("color", "env", "depth"),
    [
        ("auto", {}, ColorDepth.BASIC),
        ("auto", {"TERM": "screen-256color"}, ColorDepth.MANY),
        ("auto", {"COLORTERM": "truecolor"}, ColorDepth.MANY),
        ("auto", {"NO_COLOR": "1"}, ColorDepth.NONE),
        ("auto", {"TERM": "dumb"}, ColorDepth.NONE),
        ("never", {}, ColorDepth.NONE),
        ("always", {"NO_COLOR": "1"}, ColorDepth.BASIC),
    ],
)
def test_depth(
    monkeypatch: pytest.MonkeyPatch, color: str, env: dict[str, str], depth: ColorDepth
) -> None:
    """A terminal gets the colours it has, unless it should get none."""
    monkeypatch.setattr("sys.stdout", Terminal())
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert Console(color).depth is depth


@pytest.mark.parametrize(
    ("encoding", "ascii_wanted", "ascii_drawn"),
    [
        ("utf-8", False, False),
        ("UTF-8", False, False),
        ("utf-8", True, True),
        ("latin-1", False, True),
        ("ascii", False, True),
    ],
)
def test_look(
    monkeypatch: pytest.MonkeyPatch, encoding: str, *, ascii_wanted: bool, ascii_drawn: bool
) -> None:
    """Braille where the locale is UTF-8 and nobody wants ASCII."""
    monkeypatch.setattr("sys.stdout", Terminal(encoding))
    look = Console("auto", ascii_wanted).look
    assert (look.dots is ASCII.dots) == ascii_drawn
    assert not look.monochrome
    assert Console("never", ascii_wanted).look.monochrome


def test_show_writes_what_the_encoding_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the locale can't write is a question mark rather than an error."""
    out = Terminal("latin-1")
    monkeypatch.setattr("sys.stdout", out)
    Console("never").show([[Span("Größe 训练")]])
    out.flush()
    assert out.buffer.getvalue() == "Größe ????\n".encode("latin-1")  # type: ignore[attr-defined]


def test_say_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a message quotes, it stays one line, and shows what would steer."""
    say("no key '\x1b[31m'\nor\u202e so")
    note("fine")
    assert capsys.readouterr() == (
        "",
        "trainviz: no key '␛[31m' or� so\ntrainviz: note: fine\n",
    )


def run_with(*diagnostics: Diagnostic) -> Run:
    """A run that was read with these remarks."""
    return Run("exp1", Path("exp1"), "local", {}, diagnostics)


def test_remarks_and_damage_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """A remark is a note; damage is counted, and each kind shows where it begins."""
    note_diagnostics(
        run_with(
            Diagnostic("a/log.json", 7, "line is no JSON object", 2),
            Diagnostic("a/log.json", None, "order is the axis"),
            Diagnostic("a/log.json", None, "record without a step", 1),
        )
    )
    out, err = capsys.readouterr()
    assert out == ""
    remark, total, *kinds = err.splitlines()
    assert remark == "trainviz: note: exp1: order is the axis"
    assert total == "trainviz: note: exp1: skipped 3 lines or values"
    assert len(kinds) == 2
    assert "line is no JSON object: 2 (log.json, first at byte 7)" in kinds[0]
    assert "record without a step: 1 (log.json)" in kinds[1]


def test_one_is_singular(capsys: pytest.CaptureFixture[str]) -> None:
    """One skipped line is one line."""
    note_diagnostics(run_with(Diagnostic("log", 0, "odd", 1)))
    assert "skipped 1 line or value\n" in capsys.readouterr().err


def test_many_kinds_of_damage_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Five kinds are shown; the rest is a number."""
    note_diagnostics(run_with(*(Diagnostic("log", i, f"kind {i}", 1) for i in range(9))))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert lines[-1] == "  and 4 more kinds"


def test_nothing_to_note_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """A sound run is not commented."""
    note_diagnostics(run_with())
    assert capsys.readouterr() == ("", "")


def test_json_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """NumPy columns are lists; integers stay whole, what isn't finite is null."""
    print_json({"x": np.array([2**60]), "y": np.array([0.1, math.nan, math.inf, -math.inf])})
    assert capsys.readouterr().out == '{"x":[1152921504606846976],"y":[0.1,null,null,null]}\n'


def test_json_of_names_that_are_no_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    """A lone surrogate is escaped, and the rest of the document is as it would be."""
    column = np.array([1.5, math.nan])
    print_json({"\udcff": {"y": column, "n": [np.array([2**60])], "none": None, "on": True}})
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "\udcff": {"y": [1.5, None], "n": [[2**60]], "none": None, "on": True}
    }
    assert out.isascii()


@settings(deadline=None)
@given(st.dictionaries(ANY, ANY, max_size=4))
def test_json_gives_any_text_back(document: dict[str, str]) -> None:
    """Nothing in the document steers a terminal, and nothing of the text is lost."""
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        print_json({"text": document})
    assert json.loads(out.getvalue()) == {"text": document}
    assert out.getvalue().endswith("}\n")
    kinds = {unicodedata.category(char) for char in out.getvalue()[:-1]}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_json_in_other_locales(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """What the locale can't write is escaped."""
    out = Terminal(encoding)
    monkeypatch.setattr("sys.stdout", out)
    print_json({"训练": "é"})
    out.flush()
    written = out.buffer.getvalue()  # type: ignore[attr-defined]
    assert json.loads(written.decode(encoding)) == {"训练": "é"}
