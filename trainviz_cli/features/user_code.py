"""What the user's own code offers under a name: a function or class that makes a model."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from contextlib import contextmanager, redirect_stdout
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import MissingPackageError, NotFoundError, UnreadableError
from trainviz_cli.features.one_line import one_line, whereabouts
from trainviz_cli.model.keys import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


@contextmanager
def errors_told(title: str, folder: Path) -> Iterator[None]:
    """The user's code running in it: it may import its neighbours, and its errors are one line.

    What it prints goes to stderr, for stdout belongs to results.

    Args:
        title: What the errors call it.
        folder: Where its neighbours are.

    Raises:
        MissingPackageError: It imports a package that is not installed.
        UnreadableError: It raised, or ended the program.
    """
    sys.path.insert(0, str(folder))
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        message = f"{title} imports {error.name}, which is not installed"
        hint = f"pip install {package}, if that is the name of the package"
        raise MissingPackageError(message + whereabouts(error), hint=hint) from error
    except SystemExit as error:
        raise UnreadableError(
            f"{title} ends the program{whereabouts(error)}",
            hint='put what only a script does under `if __name__ == "__main__":`',
        ) from error
    except Exception as error:
        raise UnreadableError(f"{title}: {one_line(error)}{whereabouts(error)}") from error
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def from_file(path: Path, name: str) -> Any:  # noqa: ANN401 - whatever the file offers
    """What a Python file calls `name`; the file runs as a module of its own.

    Raises:
        NotFoundError: There is no such file, or nothing of that name in it.
        MissingPackageError: It imports a package that is not installed.
        UnreadableError: It is no Python file, or an error was raised in it.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - pathlib raises for a name that is too long
        raise NotFoundError(f"no such file: {path}")
    own_name = f"trainviz_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(own_name, path.resolve())
    if spec is None or spec.loader is None:
        raise UnreadableError(f"{path} is no Python file", hint="its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own_name] = module  # dataclasses look there for what their annotations mean
    try:
        with errors_told(str(path), path.resolve().parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[own_name]
        raise
    return _attribute(module, name, str(path))


def from_module(dotted: str, name: str) -> Any:  # noqa: ANN401 - whatever the module offers
    """What an importable module calls `name`; the current folder is searched first.

    Raises:
        NotFoundError: There is no such module, or nothing of that name in it.
        MissingPackageError: It imports a package that is not installed.
        UnreadableError: An error was raised in it.
    """
    with errors_told(dotted, Path.cwd()):
        try:
            module = importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            if error.name and f"{dotted}.".startswith(f"{error.name}."):
                module = None
            else:
                raise
    if module is None:
        hint = f"run it where `python -c 'import {dotted}'` works"
        raise NotFoundError(f"no module named {dotted}", hint=hint)
    return _attribute(module, name, dotted)


def _attribute(module: ModuleType, name: str, title: str) -> Any:  # noqa: ANN401 - as above
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        offered = [each for each, value in vars(module).items() if callable(value)]
        hint = nearest(name, [each for each in offered if not each.startswith("_")], "callable")
        raise NotFoundError(f"{title} has no {name!r}", hint=hint) from None
