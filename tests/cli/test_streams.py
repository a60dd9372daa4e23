"""What reaches stdout and stderr: colour, width, characters, and never a log's text raw."""

import fcntl
import json
import math
import os
import pty
import re
import struct
import termios
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

ESC = "\x1b["
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
WIDTHS = (24, 40, 60, 80, 200)
NASTY = {
    "wide": "训练损失" * 30,
    "combining": "e\u0301" * 60,
    "only combining": "\u0301" * 300,
    "spacing marks": "\u1b44" * 100,
    "joined emoji": "👩\u200d🚀" * 30,
    "flags": "🇩🇪" * 40,
    "bidirectional": "left \u202e right \u2066 isolated",
    "escapes": "\x1b[31mred\x1b]0;title\x07",
    "lines": "two\nlines\r\tand\x00more",
    "C1": "\x85\x9b31m",
    "separators": "\u2028\u2029",
    "surrogate": "\ud800",
    "10 KB": "k" * 10_000,
    "wide blanks": "\u3000" * 50,
    "10 KB wide": "\uff05" * 10_000,
    "markup": "[bold]not markup[/bold]",
}
CHARACTERS = st.one_of(
    st.characters(),
    st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Mn", "Mc", "Me", "Zs", "Co", "So"]),
    st.sampled_from("训㍿\uff41\u0301\u200d\u202e\x1b\x9b\n/"),
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=60) | st.sampled_from(list(NASTY.values()))
FILE_NAMES = st.text(CHARACTERS, min_size=1, max_size=40).filter(
    lambda name: name.strip(".") and not {"/", "\0"} & set(name)
)


def cells(text: str) -> int:
    """Columns that a terminal gives the text: marks that lie on others none, wide ones two."""
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me"}
        else 2
        if unicodedata.east_asian_width(char) in {"W", "F"}
        else 1
        for char in text
    )


def steering(text: str) -> set[str]:
    """The characters of a text, but for newlines, that could steer a terminal."""
    return {char for char in text if char != "\n" and unicodedata.category(char) in STEERING}


def assert_harmless(ran: Any, width: int = 80) -> None:
    """Nothing on either stream steers the terminal, and no line of the result is too wide."""
    assert steering(ran.out) == set()
    assert steering(ran.err) == set()
    assert max(map(cells, ran.lines), default=0) <= width


def test_result_and_notes_are_kept_apart(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """The result is the chart alone: the same with or without something to note."""
    rows = [{"loss": i, "step": i} for i in range(9)]
    sound = trainviz("plot", log(tmp_path / "a" / "exp", rows))
    damaged = trainviz("plot", log(tmp_path / "b" / "exp", [*rows, "garbage"]))
    assert sound.err == ""
    assert damaged.err != ""
    assert sound.out == damaged.out


@pytest.mark.parametrize(
    ("is_terminal", "env", "options", "colored"),
    [
        (True, {}, [], True),
        (False, {}, [], False),
        (False, {}, ["--color", "always"], True),
        (True, {}, ["--color", "never"], False),
        (True, {"NO_COLOR": "1"}, [], False),
        (True, {"NO_COLOR": ""}, [], True),
        (True, {"NO_COLOR": "1"}, ["--color", "always"], True),
        (True, {"TERM": "dumb"}, [], False),
        (True, {"TERM": "dumb"}, ["--color", "always"], True),
        (False, {"COLORTERM": "truecolor"}, [], False),
    ],
)
def test_colour(
    trainviz: Any,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_terminal: bool,
    env: dict[str, str],
    options: list[str],
    colored: bool,
) -> None:
    """Colour only on a terminal, unless the user or the environment says otherwise."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    ran = trainviz("plot", run, *options, is_terminal=is_terminal)
    assert (ESC in ran.out) == colored
    assert ESC not in ran.err


@pytest.mark.parametrize(
    ("env", "codes"),
    [
        ({"TERM": "xterm-256color"}, "38;5;"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "38;5;"),
        ({"TERM": "linux"}, "34"),
    ],
)
def test_depth_of_colour(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], codes: str
) -> None:
    """A terminal gets the colours it has."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    out = trainviz("plot", run, is_terminal=True).out
    assert f"{ESC}{codes}" in out
    assert ("38;5;" in out) == (codes == "38;5;")


def test_colour_changes_nothing_but_colour(trainviz: Any, samples: Path) -> None:
    """Without its codes, a coloured chart is the plain one."""
    colored = trainviz("plot", samples, "-k", "mAP", "--color", "always")
    bare = re.sub(r"\x1b\[[\d;]*m", "", colored.out)
    plain = trainviz("plot", samples, "-k", "mAP")
    assert [line.rstrip() for line in bare.split("\n")] == plain.out.split("\n")


def test_plain_lines_end_without_blanks(trainviz: Any, samples: Path) -> None:
    """Into a pipe nothing is padded."""
    assert all(line == line.rstrip() for line in trainviz("plot", samples).lines)


@pytest.mark.parametrize("options", [[], ["--together"], ["--ascii"], ["--smooth", "ema:0.9"]])
@pytest.mark.parametrize("width", WIDTHS)
def test_width_follows_columns(
    trainviz: Any,
    samples: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    options: list[str],
) -> None:
    """No line is wider than `COLUMNS`, and one chart uses all of it."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert_harmless(trainviz("plot", samples, *options), width)
    ran = trainviz("plot", samples, "-k", "val/mAP", *options)
    assert max(map(cells, ran.lines)) == width


@pytest.mark.parametrize("columns", ["", "0", "-5", "wide", "80.5", "²", "9" * 5000])
def test_width_is_80_when_unknown(
    trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """A `COLUMNS` that says nothing sensible says nothing."""
    expected = trainviz("plot", run)
    monkeypatch.setenv("COLUMNS", columns)
    ran = trainviz("plot", run)
    assert max(map(cells, expected.lines)) == 80
    assert max(map(cells, ran.lines)) in {80, 2000} if columns.isdigit() else ran == expected


def test_width_option_wins(trainviz: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--width` is stronger than `COLUMNS`."""
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(cells, trainviz("plot", run, "--width", 50).lines)) == 50


def test_width_follows_the_terminal(spawn: Any, run: Path) -> None:
    """Without `COLUMNS`, a real terminal is asked, and gets colour."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 66, 0, 0))
    child = spawn("plot", run, "-k", "loss", stdout=slave)
    os.close(slave)
    written = b""
    while True:
        try:
            block = os.read(master, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        written += block
    os.close(master)
    assert child.wait(60) == 0
    assert ESC.encode() in written
    lines = re.sub(r"\x1b\[[\d;]*m", "", written.decode()).splitlines()
    assert max(map(cells, lines)) == 66


def eventful(log: Any, folder: Path) -> Path:
    """A run that makes a chart say all it can say."""
    values = [1.0, 2.0, math.nan, float("inf"), -float("inf"), 1e9, -3.0, 0.0, *[1.5] * 90]
    rows: list[Any] = [
        {"a-long-name/" * 12 + "loss": value, "step": i} for i, value in enumerate(values)
    ]
    rows += [*rows[50:], "garbage", {"loss": "text", "step": 200}]
    return log(folder / ("a-long-name-" * 12), rows)


EVENTS = [
    [],
    ["--smooth", "gauss:5"],
    ["--log-y"],
    ["--robust"],
    ["--together", "--overlap", "all"],
    ["-x", "index", "--xlim", "3:40"],
]


@pytest.mark.parametrize("options", EVENTS)
def test_ascii_is_ascii(trainviz: Any, log: Any, tmp_path: Path, options: list[str]) -> None:
    """`--ascii` draws and writes with nothing else, whatever there is to say."""
    ran = trainviz("plot", eventful(log, tmp_path), "--ascii", *options)
    assert ran.code == 0
    assert {char for char in ran.out if not char.isascii()} == set()


@pytest.mark.parametrize(
    ("encoding", "options"),
    [*(("latin-1", options) for options in EVENTS), ("ascii", []), ("cp437", []), ("koi8-r", [])],
)
def test_other_locales_get_ascii(
    trainviz: Any, log: Any, tmp_path: Path, encoding: str, options: list[str]
) -> None:
    """Where the locale isn't UTF-8, it is the chart that `--ascii` draws, and nothing breaks."""
    run = eventful(log, tmp_path)
    ran = trainviz("plot", run, *options, encoding=encoding)
    assert ran.code == 0
    assert {char for char in ran.out if not char.isascii()} == set()
    assert ran.out == trainviz("plot", run, "--ascii", *options).out


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8"])
def test_utf8_gets_braille(trainviz: Any, run: Path, encoding: str) -> None:
    """However the locale spells UTF-8, there is braille and box drawing."""
    out = trainviz("plot", run, encoding=encoding).out
    assert "┤" in out
    assert re.search("[\u2801-\u28ff]", out)


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_names_in_other_locales(
    spawn: Any, log: Any, tmp_path: Path, env: dict[str, str], options: list[str]
) -> None:
    """A key that the locale can't write breaks neither a chart nor a document nor a note."""
    rows = [{"训练损失": 1, "step": 0}, {"训练损失": "✗", "step": 1}]
    child = spawn("plot", log(tmp_path / "exp", rows), *options, env=env)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert out.isascii()
    assert err.isascii()
    if options:
        assert json.loads(out)["series"][0]["key"] == "训练损失"


def test_figure_path_in_other_locales(spawn: Any, run: Path) -> None:
    """A path that the locale can't write doesn't turn a figure that was written into an error."""
    file = run.parent / "曲线.svg"
    child = spawn("plot", run, "-o", file, env={"PYTHONIOENCODING": "latin-1"})
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err, out.count(b"\n")) == (0, b"", 1)
    assert file.exists()


@pytest.mark.parametrize("name", NASTY.values(), ids=list(NASTY))
@pytest.mark.parametrize("width", WIDTHS)
def test_nasty_keys(
    trainviz: Any,
    log: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    width: int,
) -> None:
    """Keys that are wide, endless, or meant to steer stay in their lines, at every width."""
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [{name: i, "b": i, "step": i} for i in range(5)]
    run = log(tmp_path / "exp", rows)
    assert_harmless(trainviz("plot", run), width)
    assert_harmless(trainviz("plot", run, "--together", "-x", "b"), width)
    assert_harmless(trainviz("plot", run, "--title", name), width)


@settings(deadline=None, max_examples=150)
@given(keys=st.lists(NAMES, min_size=1, max_size=3, unique=True), option=st.sampled_from(EVENTS))
@example(keys=["a\u202eb"], option=[])
@example(keys=["\ud800"], option=[])
def test_no_key_reaches_a_terminal_raw(
    trainviz: Any, log: Any, scratch: Path, keys: list[str], option: list[str]
) -> None:
    """On stdout and stderr nothing steers; JSON gives the exact keys back, and is harmless too."""
    run = log(scratch / "exp", [dict.fromkeys(keys, i) | {"step": i} for i in range(4)])
    assert_harmless(trainviz("plot", run, *option))
    ran = trainviz("plot", run, "-k", "re:", *option, "--json")
    assert ran.code == 0
    assert steering(ran.out) == set()
    found = [row["key"] for row in json.loads(ran.out)["series"]]
    assert found == [key for key in keys if key not in {"step", "epoch"}]


@settings(deadline=None, max_examples=100)
@given(keys=st.lists(NAMES, min_size=1, max_size=3, unique=True), query=NAMES)
@example(keys=["\x1b[31m", "b\x1b[0m"], query="\x1b[")
def test_errors_and_hints_are_harmless(
    trainviz: Any, log: Any, scratch: Path, keys: list[str], query: str
) -> None:
    """What an error quotes, of the log or of the command line, doesn't steer either."""
    run = log(scratch / "exp", [dict.fromkeys(keys, 1) | {"step": 0}])
    for option in ("-k", "-x", "--smooth", "--xlim", "--overlap"):
        ran = trainviz("plot", run, option, query)
        assert_harmless(ran)
        assert len(ran.err.splitlines()) <= 2


@settings(deadline=None, max_examples=100)
@given(keys=st.lists(NAMES, min_size=1, max_size=3, unique=True))
def test_notes_are_harmless(trainviz: Any, log: Any, scratch: Path, keys: list[str]) -> None:
    """What a note quotes of a damaged log doesn't steer."""
    rows = [dict.fromkeys(keys, 1) | {"step": 0}, dict.fromkeys(keys, "text") | {"step": 1}]
    assert_harmless(trainviz("plot", log(scratch / "exp", rows)))


@settings(deadline=None, max_examples=100)
@given(name=FILE_NAMES)
@example(name="\x1b[31m")
@example(name="a\nb")
@example(name="\udcff")
def test_run_names_are_harmless(
    trainviz: Any, log: Any, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """A directory's name is text from outside like a key's."""
    folder = tmp_path_factory.mktemp("runs")
    try:
        run = log(folder / name, [{"loss": 1, "step": 0}, {"loss": 2, "step": 1}])
    except (OSError, UnicodeEncodeError):
        return  # no name for a file here
    assert_harmless(trainviz("plot", run))
    other = log(folder / "other", [{"loss": 1, "lr": 1, "step": 0}, "garbage"])
    ran = trainviz("plot", run, other, "-k", "lr")
    assert ran.code == 0
    assert_harmless(ran)
    ran = trainviz("plot", run, "--json")
    assert steering(ran.out) == set()
    assert json.loads(ran.out)["series"][0]["run"] == (name.removesuffix("/"))
    assert_harmless(trainviz("plot", folder / f"{name}missing"))


def test_markup_is_not_interpreted(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """Brackets are brackets."""
    run = log(tmp_path / "exp", [{"[bold red]loss[/]": 1, "step": 0}])
    assert trainviz("plot", run).lines[0] == "[bold red]loss[/]"


def test_control_characters_are_shown(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """An escape is a visible symbol, not nothing."""
    run = log(tmp_path / "exp", [{"\x1b[31mlo\u202ess": 1, "step": 0}])
    assert trainviz("plot", run).lines[0] == "␛[31mlo�ss"


def test_long_message_is_kept_short(trainviz: Any, log: Any, tmp_path: Path) -> None:
    """A key of 10 KB in an error doesn't fill the screen."""
    run = log(tmp_path / "exp", [{"k" * 10_000: 1, "step": 0}])
    for query in ("zzz", "k" * 9_999):
        ran = trainviz("plot", run, "-k", query)
        assert len(ran.err) < 2000
