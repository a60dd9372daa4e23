"""Programs that torch.export saved as `.pt2`, with the modules they were made from put back."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError
from trainviz_cli.features.network import ModelNetwork
from trainviz_cli.features.one_line import one_line
from trainviz_cli.features.packages import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def open_exported(path: Path, *, unsafe: bool = False) -> ModelNetwork:
    """The program in a file, with its layers by the names they had in the model.

    Loading such a file is as unsafe as unpickling it: torch 2.13 itself loads some of what it holds
    with `weights_only=False`, and evaluates formulas that are text in it.

    Args:
        path: A `.pt2` file; parts compiled by AOTInductor can't be looked into.
        unsafe: Load it, for it is trusted.

    Raises:
        RefusedError: It is not said to be trusted.
        MissingPackageError: torch is not installed.
        NotFoundError: Nothing is there.
        UnreadableError: It is no such program, or of another version.
    """
    if not path.is_file():
        raise NotFoundError(f"no such file: {path}")
    if not unsafe:
        raise RefusedError(
            f"{path} is a program of torch.export, which can run any code when it is loaded",
            hint="--unsafe, if you trust it; or export its weights, and name the model",
        )
    require("torch")
    import torch

    try:
        with _quiet():
            program = torch.export.load(path)
            module = torch.export.unflatten(program)
    except Exception as error:  # a damaged archive fails anywhere
        hint = "programs are read by the version of torch that saved them, or a later one"
        raise UnreadableError(f"can't load {path}: {one_line(error)}", hint=hint) from error
    return ModelNetwork(module, _input_shape(program))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings about torch's own code, and without a traceback logged before the error."""
    log = logging.getLogger("torch.export")
    was = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was


def _input_shape(program: Any) -> tuple[int | None, ...] | None:  # noqa: ANN401 - torch's
    """The shape of its only input; None for what may vary."""
    names = program.graph_signature.user_inputs
    values = [node.meta.get("val") for node in program.graph.nodes if node.name in names]
    if len(values) != 1 or not hasattr(values[0], "shape"):
        return None
    return tuple(side if isinstance(side, int) else None for side in values[0].shape)
