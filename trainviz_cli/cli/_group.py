"""Commands found by their file names, and the one place that shows an error."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import NoReturn

import click

from trainviz_cli.cli import commands
from trainviz_cli.cli._console import say
from trainviz_cli.errors import TrainvizError

_INTERRUPTED = 130


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
    try:
        code = group.main(prog_name="trainviz", standalone_mode=False) or 0
        sys.stdout.flush()
    except TrainvizError as error:
        code = _show(error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "trainviz"
        code = _show(error.format_message(), f"{where} --help", error.exit_code)
    except click.ClickException as error:
        code = _show(error.format_message(), None, error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        # Who read the output has seen enough; nothing must fail when Python flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _show(message: str, hint: str | None, code: int) -> int:
    say(message)
    if hint:
        say(hint, prefix="  hint: ")
    return code
