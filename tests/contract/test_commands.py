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
import jsonschema
import pytest

from trainviz_cli.cli import commands, run_trainviz, trainviz

SAMPLES = Path(__file__).parents[2] / "sample_runs"
MODULES = sorted(
    file.stem for file in Path(commands.__file__).parent.glob("*.py") if file.stem[0] != "_"
)

# Arguments that make a command report something quickly; `--json` is added.
CALLS: dict[str, list[str]] = {
    "compare": [str(SAMPLES), "-k", "mAP"],
    "completion": ["bash"],
    "export-tb": [],
    "featmap": [],
    "formats": [],
    "ls": [str(SAMPLES)],
    "plot": [str(SAMPLES), "-k", "mAP"],
    "show": [str(SAMPLES / "sgd_seed0")],
    "tail": [str(SAMPLES / "sgd_seed0"), "--once"],
}
# These print a document per line.
STREAMING = {"tail"}

_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_STEPS = {"type": "array", "items": {"type": "number"}}


def _object(**fields: Any) -> dict[str, Any]:
    """The shape of an object that has these fields, and perhaps more."""
    return {"type": "object", "required": list(fields), "properties": fields}


def _mapping(values: dict[str, Any]) -> dict[str, Any]:
    """The shape of an object of any fields that are alike."""
    return {"type": "object", "additionalProperties": values}


def _rows(**fields: Any) -> dict[str, Any]:
    """The shape of a list of such objects, one at least."""
    return {"type": "array", "minItems": 1, "items": _object(**fields)}


# What the contract with scripts says of each document: fields may be added, never renamed.
SHAPES: dict[str, dict[str, Any]] = {
    "compare": _object(
        rows=_rows(run=_TEXT, key=_TEXT, last=_NUMBER, best=_NUMBER, best_step=_NUMBER),
        config_diff=_mapping(_mapping({})),
    ),
    "formats": _object(formats=_rows(name=_TEXT, title=_TEXT, recognised_by=_TEXT)),
    "ls": _object(
        runs=_rows(
            name=_TEXT,
            path=_TEXT,
            format=_TEXT,
            records={"type": "integer"},
            last_step=_NUMBER,
            updated={"type": "number"},
            last=_mapping(_NUMBER),
        )
    ),
    "plot": _object(
        series=_rows(
            run=_TEXT,
            key=_TEXT,
            axis=_TEXT,
            x={"type": "array", "items": _NUMBER},
            y={"type": "array", "items": _NUMBER},
            nonfinite=_STEPS,
        )
    ),
    "show": _object(
        name=_TEXT,
        path=_TEXT,
        format=_TEXT,
        keys=_mapping(
            _object(
                count={"type": "integer"},
                first_step={"type": "number"},
                last_step={"type": "number"},
                last=_NUMBER,
                best=_NUMBER,
                best_step=_NUMBER,
                nonfinite=_STEPS,
            )
        ),
        images=_mapping(_STEPS),
        texts=_mapping(_STEPS),
        config={"type": "object"},
        notes={
            "type": "array",
            "items": _object(path=_TEXT, offset={"type": ["integer", "null"]}, message=_TEXT),
        },
    ),
    "tail": _object(
        run=_TEXT,
        step={"type": "number"},
        epoch=_NUMBER,
        wall_time=_NUMBER,
        values=_mapping(_NUMBER),
        nonfinite=_mapping(_STEPS),
    ),
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
        words = shlex.split(re.split(r" [>|]", line)[0])[2:]
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
    """`--json` prints valid documents, one as a rule, in the shape the contract gives them."""
    name = command_name(name)
    if not any("--json" in parameter.opts for parameter in trainviz_command(name).params):
        pytest.skip("does not report")
    code, out, _ = call(capsys, name, *CALLS[name], "--json")
    assert code == 0
    for text in out.splitlines() if name in STREAMING else [out]:
        document = json.loads(text, parse_constant=refuse)
        jsonschema.Draft202012Validator(SHAPES[name]).validate(document)


def test_the_shapes_are_seen_to_be_broken() -> None:
    """A document that lacks a field, or has another kind of value there, is not let through."""
    validator = jsonschema.Draft202012Validator(SHAPES["compare"])
    row = {"run": "a", "key": "b", "last": 1.0, "best": None, "best_step": 1}
    assert validator.is_valid({"rows": [row], "config_diff": {"lr": {"a": 0.1}}})
    for wrong in ({**row, "last": "1"}, {key: row[key] for key in row if key != "best"}):
        assert not validator.is_valid({"rows": [wrong], "config_diff": {}})


def trainviz_command(name: str) -> click.Command:
    """A command by its name."""
    command = trainviz.get_command(click.Context(trainviz), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", SHAPES)
def test_commands_of_the_contract_report(name: str) -> None:
    """A command that the contract gives a document for has `--json`."""
    assert any("--json" in parameter.opts for parameter in trainviz_command(name).params)


def test_no_command_is_imported_for_another(capsys: pytest.CaptureFixture[str]) -> None:
    """Asking for one command doesn't load what another needs."""
    others = [f"{commands.__name__}.{name}" for name in MODULES if name != "formats"]
    hidden = {name: sys.modules.pop(name) for name in others if name in sys.modules}
    try:
        assert call(capsys, "formats")[0] == 0
        assert [name for name in others if name in sys.modules] == []
    finally:
        sys.modules.update(hidden)
