"""Commands found by their file names, and the one place that shows an error."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import NoReturn

import click

from trainviz_cli.cli import commands
from trainviz_cli.cli._completion import INSTRUCTION, answer
from trainviz_cli.cli._console import leave, say
from trainviz_cli.errors import TrainvizError

_INTERRUPTED = 130
_UNUSABLE_OUTPUT = 2


class CommandFolder(click.Group):
    """A group whose commands are the files in `commands/`: `export_tb.py` is `export-tb`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name."""
        del ctx
        return sorted(module.name.replace("_", "-") for module in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, its file imported only now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


def run(group: click.Group) -> NoReturn:
    """Runs the command line and ends the process; every error a user can cause is one line."""
    _open_closed_streams()
    try:
        code = _invoke(group, sys.argv[1:])
    except TrainvizError as error:
        code = _show(error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        code = _show(error.format_message(), f"{_asked_command(group, error)} --help", 2)
    except click.ClickException as error:
        code = _show(error.format_message(), None, error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        leave(sys.stdout)  # who read it has seen enough
        code = 0
    except OSError as error:
        if error.filename is not None:
            raise
        code = _lose_output(error)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Gives what is written to a stream that the caller closed somewhere to go."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - pathlib takes a while to import; open as long as the process


def _lose_output(error: OSError) -> int:
    """The exit code when stdout takes no more."""
    code = 0
    if os.name != "nt" or error.errno != errno.EINVAL:  # which is how Windows says broken pipe
        code = _show(f"can't write the output: {error.strerror}", None, _UNUSABLE_OUTPUT)
    leave(sys.stdout)
    return code


def _invoke(group: click.Group, arguments: list[str]) -> int:
    if instruction := os.environ.get(INSTRUCTION):
        return answer(group, instruction)
    # Not `group.main`, which would answer a closed pipe itself, with a code of its own.
    try:
        with group.make_context("trainviz", arguments) as context:
            group.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        sys.stdout.flush()
        return done.exit_code
    return 0


def _asked_command(group: click.Group, error: click.UsageError) -> str:
    """The command that a wrong call was meant for."""
    if error.ctx and error.ctx.command is not group:
        return error.ctx.command_path
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    return f"trainviz {asked}" if asked in group.list_commands(click.Context(group)) else "trainviz"


def _show(message: str, hint: str | None, code: int) -> int:
    say(message)
    if hint:
        say(hint, prefix="  hint: ")
    return code
