"""What every command keeps to, now and later: a file in `cli/commands/` is held to it by existing.

A new command needs a row in `CALLS`; without one, it fails.
"""

import json
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import pytest

from trainviz_cli.cli import commands, run_trainviz, trainviz

SAMPLES = Path(__file__).parents[2] / "sample_runs"
MODULES = sorted(
    file.stem for file in Path(commands.__file__).parent.glob("*.py") if file.stem[0] != "_"
)

# Arguments that make a command report something quickly; `--json` is added.
CALLS: dict[str, list[str]] = {
    "formats": [],
    "plot": [str(SAMPLES), "-k", "mAP"],
}

# What the contract says stands at the top of each document, and in each row below.
FIELDS = {
    "ls": ("runs", {"name", "path", "format", "records", "last_step", "updated", "last"}),
    "plot": ("series", {"run", "key", "axis", "x", "y", "nonfinite"}),
    "compare": ("rows", {"run", "key", "last", "best", "best_step"}),
}


def module(name: str) -> Any:
    """The file of a command."""
    return import_module(f"{commands.__name__}.{name}")


def command_name(name: str) -> str:
    """What a command is called, by its file."""
    return name.replace("_", "-")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command line."""
    with patch.object(sys, "argv", ["trainviz", *arguments]), pytest.raises(SystemExit) as ended:
        run_trainviz()
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def examples(text: str) -> list[str]:
    """The lines of a help that begin with the program's name."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("trainviz ")]


def refuse(constant: str) -> float:
    """JSON knows no NaN."""
    raise AssertionError(f"{constant} is no JSON")


def test_commands_are_found_at_all() -> None:
    """There is something to hold to the contract."""
    assert {"plot", "formats"} <= set(MODULES)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`trainviz --help` names each command, with what it does."""
    code, out, err = call(capsys, "--help")
    assert (code, err) == (0, "")
    listed = re.findall(r"^  ([a-z][-a-z]*)  +\S", out.partition("Commands:")[2], re.MULTILINE)
    assert listed == sorted(map(command_name, MODULES))


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's own help shows how to begin, on a line of its own."""
    _, out, _ = call(capsys, "--help")
    assert examples(out.partition("Options:")[0])
    assert "\\" not in out


@pytest.mark.parametrize("name", MODULES)
def test_file_binds_its_command(name: str) -> None:
    """The command is called what its file is called."""
    command = module(name).command
    assert isinstance(command, click.Command)
    assert command.name == command_name(name)
    assert trainviz.get_command(click.Context(trainviz), command_name(name)) is command


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", MODULES)
def test_help_begins_with_a_sentence_and_an_example(
    capsys: pytest.CaptureFixture[str], name: str, flag: str
) -> None:
    """What it does, then a line to copy, then the options; stderr is silent."""
    code, out, err = call(capsys, command_name(name), flag)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: trainviz {command_name(name)} ")
    above, options, _ = out.partition("Options:\n")
    assert options
    described = above.split("\n\n")
    assert re.fullmatch(r"\s+[A-Z][^.]+\.( .*)?", described[1], re.DOTALL)
    lines = examples(above.partition("\n")[2])
    assert lines
    assert all(line.split()[1] == command_name(name) for line in lines)
    assert described[2].strip().split("\n")[0].strip() == lines[0]
    assert "\\" not in above


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_accepted(name: str) -> None:
    """Every example in the docstring is a command line that the command takes."""
    command = module(name).command
    lines = examples(command.help or "")
    assert lines
    for line in lines:
        words = shlex.split(line)[2:]
        context = command.make_context(command_name(name), words)
        context.close()


@pytest.mark.parametrize("name", MODULES)
def test_every_option_is_explained(name: str) -> None:
    """No option stands in the help without a word."""
    options = [p for p in module(name).command.params if isinstance(p, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", MODULES)
def test_unknown_option_is_wrong_usage(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """It ends with 2, in one line and a hint, and nothing on stdout."""
    code, out, err = call(capsys, command_name(name), "--no-such-option")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        rf"trainviz: .*--no-such-option.*\n  hint: trainviz {command_name(name)} --help\n", err
    )


@pytest.mark.parametrize("name", MODULES)
def test_command_is_called_here(name: str) -> None:
    """Who adds a command says in `CALLS` how it is called."""
    assert command_name(name) in CALLS


@pytest.mark.parametrize("name", MODULES)
def test_json_is_one_document(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """`--json` prints one valid document, whose fields are the contract's or more."""
    name = command_name(name)
    if not any("--json" in parameter.opts for parameter in trainviz_command(name).params):
        pytest.skip("does not report")
    code, out, _ = call(capsys, name, *CALLS[name], "--json")
    assert code == 0
    document = json.loads(out, parse_constant=refuse)
    assert isinstance(document, dict)
    if name in FIELDS:
        field, columns = FIELDS[name]
        assert document[field]
        assert all(columns <= set(row) for row in document[field])


def trainviz_command(name: str) -> click.Command:
    """A command by its name."""
    command = trainviz.get_command(click.Context(trainviz), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", [name for name in MODULES if command_name(name) in FIELDS])
def test_commands_of_the_contract_report(name: str) -> None:
    """A command that the contract gives a document for has `--json`."""
    parameters = trainviz_command(command_name(name)).params
    assert any("--json" in parameter.opts for parameter in parameters)


def test_no_command_is_imported_for_another(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking for one command doesn't load what another needs."""
    others = [f"{commands.__name__}.{name}" for name in MODULES if name != "formats"]
    hidden = {name: sys.modules.pop(name) for name in others if name in sys.modules}
    try:
        assert call(capsys, "formats")[0] == 0
        assert [name for name in others if name in sys.modules] == []
    finally:
        sys.modules.update(hidden)
