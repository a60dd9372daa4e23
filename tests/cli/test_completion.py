"""What the shell offers while a command line is typed: in process, as a process, in real shells."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import get_completion_class
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli import LocalVisBackend
from trainviz_cli.cli._completion import INSTRUCTION, bash, nearby
from trainviz_cli.formats._format import Place

KEYS = ["loss", "lr", "train/loss", "train/acc", "val/loss", "coco/bbox_mAP", "coco/segm_mAP"]
HEAVY = {"numpy", "PIL", "rich", "matplotlib", "torch", "pandas"}
BLANK = " "  # the candidate that keeps bash from shortening what was typed
# What a shell could take for something else than text.
ODD = [
    "a (b) [c]",
    " blank ends ",
    "co:lon",
    "eq=ual@%,+",
    "$(touch canary) $HOME",
    "`touch canary`",
    ";touch canary;",
    "|touch canary & <canary >canary",
    "st*r? {a,b}",
    "~",
    "#hash !!",
    "^a^b",
    "=ls",
    "--long=x",
    "back\\slash\\",
    "'\"",
    "plain,x",
    "训练/é",
]
# What could steer a terminal, or end a line of the answer.
UNPRINTABLE = {
    "new line": "a\nb",
    "return": "a\rb",
    "tab": "a\tb",
    "NUL": "a\0b",
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "bell": "a\ab",
    "delete": "a\x7fb",
    "C1": "\x9b31m",
    "bidirectional": "left \u202e right",
    "no width": "\u200b",
    "separator": "\u2028",
    "surrogate": "\ud800",
}


needs_powershell = pytest.mark.skipif(
    get_completion_class("powershell") is None, reason="click is too old"
)


def offered(lines: list[str]) -> list[str]:
    """The candidates on the lines of an answer, without what explains them."""
    kinds = {"plain", "described"}
    parted = [line.partition(",") for line in lines]
    return [text.partition(":-- ")[0] for kind, _, text in parted if kind in kinds]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Any) -> Path:
    """The current folder, which is the home folder as well, with a few runs."""
    log(tmp_path / "runs/exp1", [dict.fromkeys(KEYS, 0.5) | {"step": 1}])
    log(tmp_path / "runs/exp2", [{"loss": 1, "other": 2, "step": 1}])
    log(tmp_path / "my runs/it's $x", [{"spaced": 1, "step": 1}])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(nearby, "_MOMENT_S", 60)  # on a slow machine, too
    return tmp_path


@pytest.fixture
def ask(trainviz: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The answer to these words, the last one at the cursor."""

    def answer(*words: str, asks: str = "zsh", encoding: str = "utf-8") -> list[str]:
        monkeypatch.setenv(INSTRUCTION, f"{asks}_complete")
        ran = trainviz(*words, encoding=encoding)
        monkeypatch.delenv(INSTRUCTION)
        assert (ran.code, ran.err) == (0, "")
        lines: list[str] = ran.lines
        return lines

    return answer


@pytest.fixture
def ask_bash(ask: Any) -> Callable[..., list[str]]:
    """What bash is to put in place of the end of the line; by default, of its last word."""

    def answer(line: str, piece: str | None = None, kind: str = "9") -> list[str]:
        piece = line.rpartition(" ")[2] if piece is None else piece
        return offered(ask(line, piece, kind, asks="bash"))

    return answer


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pl", ["plot"]),
        ("completion ", ["bash", "zsh", "fish", "powershell"]),
        ("plot --overlap ", ["first", "last", "all"]),
        ("plot --overlap=a", ["all"]),
        ("plot runs/exp1 --color al", ["always"]),
        ("plot runs/exp1 --key ", KEYS),
        ("plot runs/exp1 -k tr", ["train/loss", "train/acc"]),
        ("plot runs/exp1 --key=tr", ["train/loss", "train/acc"]),
        ("plot runs/exp1 -k loss --title x -k v", ["val/loss"]),
        ("plot runs/exp1 -x ", ["step", "epoch", "time", "relative", "index", *KEYS]),
        ("plot runs/exp1 -k nothing", []),
        ("plot -k ", []),
        ("ls --sort ", ["age", "name", "records", "step", "spaced", *KEYS, "other"]),
        ("ls runs/exp2 --sort o", ["other"]),
        ("compare runs/exp1 runs/exp2 --baseline ", ["exp1", "exp2"]),
        ("compare runs --baseline 2", ["exp2"]),
        ("show runs/exp1 ", []),
        ("nothing ", []),
        ("nothing runs/exp1 -k ", []),
    ],
)
def test_what_fits_is_offered(ask: Any, line: str, expected: list[str]) -> None:
    """Commands, values of choices, keys, axes and names of runs, and nothing where nothing fits."""
    assert [each.partition(":")[0] for each in offered(ask(*line.split(" ")))] == expected


def test_commands_and_options_are_explained(ask: Any) -> None:
    """Where a shell shows help, commands and options have theirs, on the same line."""
    commands = ask("")
    assert any(line.startswith("described,plot:Curves of one") for line in commands)
    assert len(commands) > 5
    assert any(line.startswith("described,--overlap:What a step") for line in ask("plot", "--"))
    assert any(line.startswith("plain,plot\tCurves of one") for line in ask("", asks="fish"))


def test_a_part_in_any_case_is_enough(ask: Any) -> None:
    """What begins with the part comes before what contains it; case doesn't matter."""
    assert offered(ask("plot", "runs/exp1", "-k", "LO")) == ["loss"]
    assert offered(ask("plot", "runs/exp1", "-k", "map")) == ["coco/bbox_mAP", "coco/segm_mAP"]


@pytest.mark.parametrize(
    "runs",
    [
        ["runs/exp1"],
        ["runs/exp1/"],
        ["runs"],
        ["runs/exp?"],
        ["**/runs/exp1"],
        ["runs/**"],
        ["~/runs/exp1"],
        ["$HOME/runs/exp1"],
        ["runs/exp1/scalars.json"],
        ["my runs/it's $x", "runs/exp1"],
        ["missing", "runs/exp1"],
        ["runs/exp1", "missing*"],
        ["--title", "x", "runs/exp1", "--log-y"],
    ],
    ids=" ".join,
)
def test_runs_are_found_as_typed(ask: Any, runs: list[str]) -> None:
    """However a run is named, and whatever stands beside it, its keys are offered."""
    assert offered(ask("plot", *runs, "-k", "val")) == ["val/loss"]
    assert offered(ask("plot", *runs, "--key=val")) == ["val/loss"]


@pytest.mark.parametrize("run", ["missing", "missing/*", "a" * 5000, "runs/exp1/missing"])
def test_no_run_no_keys(ask: Any, run: str) -> None:
    """A run that isn't there is no error, and has no keys."""
    assert ask("plot", run, "-k", "") == []


def test_a_link_to_a_run(ask: Any, looked_at: Any) -> None:
    """A folder of links offers the keys of the runs they lead to; a loop is not followed."""
    Path("links").mkdir()
    Path("links/exp").symlink_to("../runs/exp2")
    Path("links/loop").symlink_to("../links")
    assert offered(ask("plot", "links", "-k", "")) == ["loss", "other"]
    assert len(looked_at) < 10


@pytest.mark.parametrize("line", ["plot ", "plot runs/e", "plot a b ", "show ~/r", "plot a -o "])
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_paths_are_left_to_the_shell(ask: Any, line: str, shell: str) -> None:
    """The shell itself completes a path, which it also knows how to quote."""
    assert ask(*line.split(" "), asks=shell) == ["file,"]


def test_pictures_and_their_steps(ask: Any) -> None:
    """`--image` gets the names of the pictures, and, after `@`, their steps."""
    with LocalVisBackend("run") as vis:
        for step in (1, 20):
            vis.add_image("val/pred", [[0, 255]], step)
        vis.add_image("gt", [[0, 255]], 3)
        vis.add_scalar("loss", 1, 3)
    assert offered(ask("show", "run", "--image", "")) == ["gt", "val/pred"]
    steps = ["val/pred@1", "val/pred@20"]
    assert offered(ask("show", "run", "--image", "val/pred@")) == steps


@pytest.mark.parametrize("key", UNPRINTABLE.values(), ids=UNPRINTABLE)
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_nothing_unprintable_is_offered(ask: Any, log: Any, key: str, shell: str) -> None:
    """A key that could steer the terminal is left out; the others are still there."""
    log(Path("odd"), [{"fine": 1, key: 1, "step": 1}])
    assert ask("plot", "odd", "-k", "", asks=shell) == ["plain,fine"]


def test_nothing_the_terminal_lacks_is_offered(ask: Any, log: Any) -> None:
    """Where the locale has no such characters, bytes of them could steer the terminal."""
    log(Path("odd"), [{"é": 1, "Û训": 1, "step": 1}])
    assert ask("plot", "odd", "-k", "", encoding="latin-1") == ["plain,é"]


@pytest.mark.parametrize(
    ("line", "piece", "expected"),
    [
        ("trainviz plot runs/exp1 -k ", "", [*KEYS, BLANK]),
        ("trainviz plot runs/exp1 -k v", "v", ["val/loss"]),
        ("trainviz plot runs/exp1 -k tr", "tr", ["train/loss", "train/acc"]),
        ("trainviz plot runs/exp1 -k map", "map", ["coco/bbox_mAP", "coco/segm_mAP", BLANK]),
        ("trainviz plot runs/exp1 --key=v", "v", ["val/loss"]),
        ("trainviz plot runs/exp1 --key=v", "--key=v", ["--key=val/loss"]),
        ("trainviz plot runs/exp1 --key=", "", [*KEYS, BLANK]),
        ("trainviz plot runs/exp1 -k 'v", "v", ["val/loss"]),
        ('trainviz plot runs/exp1 --key="v', "v", ["val/loss"]),
        ("trainviz plot runs/exp1 -k va'l/l", "l/l", ["l/loss"]),
        ("trainviz plot runs/exp1 -k va'l/l", "va'l/l", ["l/loss"]),
        ("trainviz plot my\\ runs/ -k s", "s", ["spaced"]),
        ("trainviz plot 'my runs' -k s", "s", ["spaced"]),
        ('trainviz plot "my runs/it\'s \\$x" -k s', "s", ["spaced"]),
        ("trainviz plot my\\ runs/it\\'s\\ \\$x -k s", "s", ["spaced"]),
        ("trainviz plot runs/exp1 > out -k v", "v", ["val/loss"]),
        ("trainviz plot odd -k a:", "", ["b", "'c d'", BLANK]),
        ("trainviz plot odd -k 'a:", "a:", ["a:b", "a:c d", BLANK]),
        ("trainviz plot odd -k a\\:", "a\\:", ["a:b", "'a:c d'", BLANK]),
        ("trainviz plot odd -k A:", "", []),
        ("trainviz plot odd -k a", "a", ["'a:b'", "'a:c d'"]),
        ("trainviz plot odd -k s", "s", ["'so far'", "'so good'"]),
        ('trainviz plot odd -k "x', "x", ["x-", "x'", BLANK]),
        ("trainviz plot odd -k 'x", "x", ["x-", "x$", "x!", BLANK]),
        ("trainviz plot odd -k x", "x", ["x-", "'x$'", "'x!'", "'x'\\'''", BLANK]),
    ],
)
def test_bash_gets_what_it_can_insert(
    ask_bash: Any, log: Any, line: str, piece: str, expected: list[str]
) -> None:
    """What stands on the line after bash replaced the piece is the candidate, quoted as begun."""
    keys = ["a:b", "a:c d", "so far", "so good", "x-", "x$", "x!", "x'"]
    log(Path("odd"), [dict.fromkeys(keys, 1) | {"step": 1}])
    assert ask_bash(line, piece) == expected


@pytest.mark.parametrize(
    "line", ["trainviz plot ", "trainviz plot 'my ru", "trainviz formats > o", "trainviz formats <"]
)
def test_bash_completes_paths_itself(ask: Any, line: str) -> None:
    """A run, and where output goes, are files to bash."""
    assert ask(line, line.rpartition(" ")[2], "9", asks="bash") == ["file,"]


def test_bash_cycles_through_nothing_blank(ask_bash: Any) -> None:
    """Where Tab inserts one candidate after the other, each is one."""
    line = "trainviz plot runs/exp1 -k map"
    assert ask_bash(line, kind="37") == ["coco/bbox_mAP", "coco/segm_mAP"]
    assert ask_bash(line, kind="9")[-1] == BLANK


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("zsh", []),
        ("fish", []),
        ("bash", []),
        ("bash", ["trainviz plot"]),
        ("tcsh", ["plot", ""]),
        ("", [""]),
    ],
)
def test_a_wrong_question_is_answered_by_silence(
    trainviz: Any, monkeypatch: pytest.MonkeyPatch, shell: str, words: list[str]
) -> None:
    """What no script asks is refused without a word."""
    monkeypatch.setenv(INSTRUCTION, f"{shell}_complete")
    assert trainviz(*words) == (1, "", "")


def test_an_error_is_silent(trainviz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks while the user types, no message gets into the line."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("trainviz_cli.runs.locate_runs", broken)
    monkeypatch.setenv(INSTRUCTION, "zsh_complete")
    assert trainviz("plot", "runs/exp1", "-k", "") == (1, "", "")


@needs_powershell
def test_powershell_gets_plain_words_only(ask: Any, log: Any, monkeypatch: Any) -> None:
    """Its script quotes nothing, so what it could take for more than text is left out."""
    log(Path("odd"), [dict.fromkeys([*ODD, "val/loss"], 1) | {"step": 1}])
    monkeypatch.setenv("COMP_WORDS", "trainviz plot odd --key=")
    monkeypatch.setenv("COMP_CWORD", "3")
    lines = ask(asks="powershell")
    assert set(lines[::3]) == {"plain"}
    safe = ["co:lon", "=ls", "--long=x", "val/loss"]
    assert lines[1::3] == [f"--key={key}" for key in safe]


@needs_powershell
def test_powershell_script(trainviz: Any) -> None:
    """It is the one that click has."""
    ran = trainviz("completion", "powershell")
    assert (ran.code, ran.err) == (0, "")
    assert "Register-ArgumentCompleter -Native -CommandName trainviz" in ran.out


def test_powershell_before_click_8_5(trainviz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older click has no such script: an error says so, and completion stays silent."""
    monkeypatch.setattr("click.shell_completion.get_completion_class", lambda _: None)
    ran = trainviz("completion", "powershell")
    assert (ran.code, ran.out) == (5, "")
    assert "pip install 'click>=8.5'" in ran.err
    monkeypatch.setenv(INSTRUCTION, "powershell_complete")
    assert trainviz() == (1, "", "")


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders and files that are looked at."""
    paths: list[Path] = []
    look = Place.at

    def counted(path: Path) -> Place:
        paths.append(path)
        return look(path)

    monkeypatch.setattr(Place, "at", counted)
    return paths


@pytest.mark.parametrize("runs", ["many", "many/*", "many/**", "many/../many"])
def test_thousands_of_runs_take_no_longer(ask: Any, log: Any, looked_at: Any, runs: str) -> None:
    """Of a folder of very many runs, a few are looked at, and their keys are offered."""
    for index in range(500):
        log(Path(f"many/{index:03}"), [{"loss": 1, "step": 1}])
    assert offered(ask("plot", runs, "-k", "")) == ["loss"]
    assert len(looked_at) < 200


def test_a_moment_is_all_it_takes(
    ask: Any, log: Any, looked_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no end of folders, the search ends, and is not begun again in full."""
    for index in range(500):
        Path(f"many/{index:03}/empty").mkdir(parents=True)
    log(Path("many/499/empty/a/b"), [{"loss": 1, "step": 1}])
    ticks = count()
    monkeypatch.setattr(nearby, "_MOMENT_S", 20)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert offered(ask("plot", "many", "-k", "")) == ["loss"]
    assert len(looked_at) < 40


def test_names_of_many_runs_are_paths(
    ask: Any, log: Any, trainviz: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not all can be looked at, a run is called by its path, which `compare` takes."""
    for index in range(5):
        log(Path(f"many/{index}/vis_data"), [{"loss": 1, "step": 1}])
    monkeypatch.setattr(nearby, "MOST_NAMES", 3)
    names = offered(ask("compare", "many", "--baseline", ""))
    assert len(names) == 3
    for name in names:
        assert re.fullmatch(r"many/\d", name)
        assert trainviz("compare", "many", "--baseline", name).code == 0


def environment(**more: str) -> dict[str, str]:
    """The surroundings of a shell that finds the command."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", **more}


@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["plot", "--"],
        ["plot", "runs/exp1", "-k", ""],
        ["ls", "--sort", ""],
        ["compare", "runs", "--baseline", ""],
        ["show", "runs/exp1", "--image", ""],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(words: list[str]) -> None:
    """The user waits for no library of arrays or charts, whatever is completed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "trainviz_cli", *words],
        capture_output=True,
        check=True,
        env=environment(**{INSTRUCTION: "zsh_complete"}),
        text=True,
    )
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert "click" in names
    assert not {name.partition(".")[0] for name in names} & HEAVY


def test_the_process_says_nothing_else(spawn: Any) -> None:
    """The command as it is installed answers on stdout alone; a wrong question, not at all."""
    child = spawn("plot", "runs/exp1", "-k", "val", env={INSTRUCTION: "zsh_complete"})
    assert (*child.communicate(), child.returncode) == (b"plain,val/loss\n", b"", 0)
    child = spawn(env={INSTRUCTION: "bash_complete"})
    assert (*child.communicate(), child.returncode) == (b"", b"", 1)


def version(shell: str) -> tuple[int, ...]:
    """The version of an installed shell; empty without one."""
    if not shutil.which(shell):
        return ()
    done = subprocess.run([shell, "--version"], capture_output=True, check=True, text=True)
    return tuple(map(int, re.findall(r"\d+", done.stdout)[:2]))


NEEDED = {"bash": (4, 4), "zsh": (5, 0), "fish": (3, 4)}
NEEDS = {
    shell: pytest.mark.skipif(version(shell) < least, reason=f"no {shell} {least[0]}.{least[1]}")
    for shell, least in NEEDED.items()
}
EVERY_SHELL = [pytest.param(shell, marks=needed) for shell, needed in NEEDS.items()]


def run_shell(shell: str, script: str, **variables: str) -> list[str]:
    """What a script prints in a shell that has nothing else to say, parted at NUL characters."""
    alone = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[shell]
    command = [shell, alone, "-c", script]
    done = subprocess.run(command, capture_output=True, check=True, env=environment(**variables))
    assert done.stderr == b""
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("shell", EVERY_SHELL)
def test_script_is_valid(trainviz: Any, shell: str) -> None:
    """The shell can parse what `trainviz completion` prints for it."""
    Path("script").write_text(trainviz("completion", shell).out)
    done = subprocess.run([shell, "-n", "script"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


BASH = r"""
compopt() { printf '%s\0' "compopt $*"; }
source <(trainviz completion bash)
COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9
_trainviz_completion "${LINE%% *}" "$PIECE"
(( ${#COMPREPLY[@]} )) && printf '%s\0' "${COMPREPLY[@]}"
true
"""


@NEEDS["bash"]
@pytest.mark.parametrize(
    ("line", "piece", "expected"),
    [
        ("trainviz pl", "pl", ["plot"]),
        ("trainviz plot ", "", ["compopt -o default"]),
        ("trainviz plot runs/exp1 -k v", "v", ["val/loss"]),
        ("trainviz plot runs/exp1 --key=tr", "tr", ["train/loss", "train/acc"]),
        ("trainviz plot runs/* -k map", "map", ["coco/bbox_mAP", "coco/segm_mAP", BLANK]),
        ("trainviz plot 'my runs' -k ", "", ["spaced"]),
        ("/missing/trainviz plot runs/exp1 -k v", "v", ["val/loss"]),
        ("trainviz plot missing -k ", "", []),
    ],
)
def test_bash_function(line: str, piece: str, expected: list[str]) -> None:
    """The function that bash calls on Tab leaves the candidates where bash looks for them."""
    assert run_shell("bash", BASH, LINE=line, PIECE=piece) == expected


@NEEDS["bash"]
def test_bash_function_expands_nothing(log: Any) -> None:
    """A candidate that is a pattern, or has blanks, isn't taken apart by the script."""
    log(Path("odd"), [{"st*r": 1, "*": 1, "two  words": 1, "step": 1}])
    got = run_shell("bash", BASH, LINE="trainviz plot odd -k ", PIECE="")
    assert got == ["'st*r'", "'*'", "'two  words'", BLANK]


@NEEDS["bash"]
@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")), min_size=1))
def test_bash_takes_a_quoted_text_as_it_is(texts: list[str]) -> None:
    """Whatever a name is made of, in quotes it is one word to bash, and the same word."""
    alike = " ".join(bash._quoted_alike([*texts, "'"]))
    assert run_shell("bash", f"printf '%s\\0' {alike}") == [*texts, "'"]
    each = " ".join(bash._quoted_alike([text])[0] for text in texts if text)
    assert run_shell("bash", f"printf '%s\\0' {each} end") == [*filter(None, texts), "end"]


# Stands for what zsh has only while it completes.
ZSH = r"""
compdef() { }
compadd() { print -rN -- "${(@P)@[-1]}" }
_describe() { print -rN -- "${(@P)@[-1]}" }
_files() { print -rN -- "files $*" }
compset() { print -rN -- "compset $*" }
source <(trainviz completion zsh)
words=("${(@z)LINE}")
[[ $LINE == *' ' ]] && words+=('')
CURRENT=$#words PREFIX=$words[-1]
_trainviz
true
"""


@NEEDS["zsh"]
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trainviz plot ", ["files "]),
        ("trainviz plot runs/exp1 -k v", ["val/loss"]),
        ("trainviz plot runs/exp1 --key=tr", ["compset -p 6", "train/loss", "train/acc"]),
        ("trainviz plot 'my runs' -k ", ["spaced"]),
        (r"trainviz plot my\ runs/it\'s\ \$x -k ", ["spaced"]),
        ("trainviz plot ~/runs/exp2 -k ", ["loss", "other"]),
        ("trainviz plot runs/*2 -k ", ["loss", "other"]),
        ("/missing/trainviz plot runs/exp1 -k v", ["val/loss"]),
        ("trainviz plot missing -k ", []),
    ],
)
def test_zsh_function(line: str, expected: list[str]) -> None:
    """The function that zsh calls on Tab adds the candidates, or asks for files."""
    assert run_shell("zsh", ZSH, LINE=line) == expected


@NEEDS["zsh"]
def test_zsh_function_explains_commands() -> None:
    """Commands are described where zsh describes what it offers."""
    assert any(
        each.startswith("plot:Curves of") for each in run_shell("zsh", ZSH, LINE="trainviz ")
    )


FISH = r"""
trainviz completion fish | source
complete --command other --no-files --arguments '(_trainviz_completion)'
for line in (complete -C $LINE)
    printf '%s\0' $line
end
"""


@NEEDS["fish"]
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trainviz plot ru", ["runs/"]),
        ("trainviz plot ~/ru", ["~/runs/"]),
        ("trainviz plot 'my ru", ["my runs/"]),
        (r"trainviz plot my\ runs/i", ["my runs/it's $x/"]),
        ("trainviz plot runs/exp1 --output=ru", ["--output=runs/"]),
        ("trainviz plot runs/exp1 -k v", ["val/loss"]),
        ("trainviz plot runs/exp1 -k map", ["coco/bbox_mAP", "coco/segm_mAP"]),
        ("trainviz plot runs/exp1 --key=tr", ["--key=train/loss", "--key=train/acc"]),
        ("trainviz plot 'my runs' -k ", ["spaced"]),
        (r"trainviz plot my\ runs -k 's", ["spaced"]),
        ("trainviz plot ~/runs/exp2 -k ", ["loss", "other"]),
        ("/missing/trainviz plot runs/exp1 -k v", ["val/loss"]),
        ("trainviz plot missing -k ", []),
    ],
)
def test_fish_function(line: str, expected: list[str]) -> None:
    """What fish offers on Tab is what the run has, or the files that fish would offer."""
    assert run_shell("fish", FISH, LINE=line) == expected


@NEEDS["fish"]
def test_fish_explains_commands() -> None:
    """The help of a command stands behind it."""
    lines = run_shell("fish", FISH, LINE="trainviz ")
    assert any(each.startswith("plot\tCurves of") for each in lines)


@pytest.mark.parametrize("shell", EVERY_SHELL)
def test_no_other_program_is_run(home: Path, shell: str) -> None:
    """Where another command is completed like `trainviz`, Tab does not run it."""
    other = home / "other"
    other.write_text("#!/bin/sh\ntouch canary\n")
    other.chmod(0o755)
    scripts = {"bash": BASH, "zsh": ZSH, "fish": FISH}
    (got,) = run_shell(shell, scripts[shell], LINE=f"{other} pl", PIECE="pl")
    assert got.startswith("plot")
    assert not Path("canary").exists()


SET_UP = {
    "bash": r"""
        source <(trainviz completion bash)
        typed() { printf '%s\0' "$@" > "$OUT.new"; mv "$OUT.new" "$OUT"; }
        complete -o nosort -F _trainviz_completion typed
        """,
    "zsh": r"""
        autoload -U compinit && compinit -u -D
        source <(trainviz completion zsh)
        typed() { printf '%s\0' "$@" > $OUT.new; mv $OUT.new $OUT }
        compdef _trainviz typed
        """,
    "fish": r"""
        trainviz completion fish | source
        function typed; printf '%s\0' $argv > $OUT.new; mv $OUT.new $OUT; end
        complete -c typed --no-files --keep-order -a '(_trainviz_completion)'
        """,
}


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A shell that takes it that a user types; its command `typed` tells what reaches it."""

    def __init__(self, shell: str, folder: Path) -> None:
        """Starts the shell in a folder."""
        self.shell = shell
        self._out = folder / "typed"
        set_up = folder / ".zshrc"
        set_up.write_text(SET_UP[shell])
        start = {
            "bash": ["--noprofile", "--rcfile", str(set_up), "-i"],
            "zsh": ["-d", "-i"],
            "fish": ["--no-config", "-i", "-C", f"source {set_up}"],
        }
        own = {"HOME": str(folder), "ZDOTDIR": str(folder), "OUT": str(self._out)}
        self._screen, keyboard = pty.openpty()
        fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, shell, *start[shell]],
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
            start_new_session=True,
            cwd=folder,
            env=environment(TERM="xterm", **own),
        )
        os.close(keyboard)
        self.shown = b""

    def type(self, text: str) -> list[str]:
        """The words that reach the command when this is typed after it, and the line is sent.

        Args:
            text: A tabulator in it completes.
        """
        os.write(self._screen, f"typed {text}\r".encode())
        until = time.monotonic() + 60
        while not self._out.exists():
            assert time.monotonic() < until, self.shown
            if select.select([self._screen], [], [], 0.01)[0]:
                self.shown += os.read(self._screen, 1 << 16)
        words = self._out.read_bytes().decode().split("\0")[:-1]
        self._out.unlink()
        return words

    def close(self) -> None:
        """Ends the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._screen)


@pytest.fixture(scope="module", params=EVERY_SHELL)
def terminal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, log: Any
) -> Iterator[Terminal]:
    """Each shell in a terminal, in a folder of runs with one odd key each."""
    folder = tmp_path_factory.mktemp("terminal")
    for index, key in enumerate([*ODD, *UNPRINTABLE.values()]):
        log(folder / str(index), [{key: 1, "step": 1}])
    terminal = Terminal(request.param, folder)
    assert terminal.type("ready") == ["ready"]
    yield terminal
    terminal.close()
    assert not (folder / "canary").exists()


def is_offered(shell: str, key: str, begun: str) -> bool:
    """Whether the shell can insert the key there: bash and fish have what they can't quote."""
    if shell == "bash":
        return not set(key) & {"'": {"'"}, '"': set('\\"$`!')}.get(begun[-1], set())
    return shell != "fish" or key[0] != "~" or begun[1] == "-"


@pytest.mark.parametrize("begun", ["-k ", "-k '", '--key="'])
@pytest.mark.parametrize("key", ODD)
def test_a_key_is_inserted_as_one_word(terminal: Terminal, key: str, begun: str) -> None:
    """What Tab puts on the line reaches the command as the key, whatever is in it.

    Where the shell couldn't quote it, Tab puts nothing there.
    """
    run, quote = str(ODD.index(key)), begun[-1].strip()
    is_there = is_offered(terminal.shell, key, begun)
    value = [key] if is_there else [""] if quote else []
    words = ["-k", *value] if begun[1] == "k" else [f"--key={value[0]}"]
    text = f"plot {run} {begun}\t" + ("" if is_there else quote)
    assert terminal.type(text) == ["plot", run, *words]


@pytest.mark.parametrize("name", ["new line", "escape", "C1", "surrogate"])
def test_an_unprintable_key_is_not_inserted(terminal: Terminal, name: str) -> None:
    """Tab leaves the line as it is, and nothing of the key reaches the terminal."""
    run = str(len(ODD) + [*UNPRINTABLE].index(name))
    terminal.shown = b""
    assert terminal.type(f"plot {run} --key=\t") == ["plot", run, "--key="]
    assert UNPRINTABLE[name].encode(errors="surrogatepass") not in terminal.shown
