"""Packages that only feature maps need, imported when they are needed."""

from __future__ import annotations

import importlib.metadata
import re
from importlib import import_module
from typing import TYPE_CHECKING

from trainviz_cli.errors import MissingPackageError
from trainviz_cli.features.one_line import one_line

if TYPE_CHECKING:
    from types import ModuleType

_LINES = {
    "torch": "pip install torch torchvision",
    "torchvision": "pip install torch torchvision",
    "timm": "pip install timm",
    "onnx": "pip install onnx onnxruntime",
    "onnxruntime": "pip install onnx onnxruntime",
}
_CPU_LINE = "install both for the CPU, as https://pytorch.org/get-started says"
_NO_OPERATORS = "operator torchvision::nms does not exist"
# The first version without the hole, and its number. Both let a file run code or damage memory
# even where torch was told to load weights only.
_HOLES = (((2, 6), "CVE-2025-32434"), ((2, 10), "CVE-2026-24747"))


def require(name: str) -> ModuleType:
    """An optional package, imported.

    Args:
        name: torch, torchvision, timm, onnx or onnxruntime.

    Raises:
        MissingPackageError: It is not installed, or what is installed can't be imported.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise MissingPackageError(f"{name} is not installed", hint=_LINES[name]) from None
        raise _broken(name, error, _LINES[name]) from error
    except RuntimeError as error:
        if str(error) != _NO_OPERATORS:
            raise _broken(name, error, _LINES[name]) from error
        # PyPI's torchvision for Linux is the CUDA build: beside a CPU-only torch its library can't
        # be loaded, which it ignores, and then its operators are missing (pytorch/vision#9085).
        raise MissingPackageError(_unlike(), hint=_CPU_LINE) from error
    except (ImportError, OSError) as error:
        raise _broken(name, error, _LINES[name]) from error


def note_on_torch() -> str | None:
    """What to tell who loads files with an old torch; None if the one installed is not known bad.

    Source: the advisories GHSA-53q9-r3pm-6pq6 (before 2.6) and CVE-2026-24747 (before 2.10).
    """
    try:
        installed = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None
    version = version_in(installed)
    if version is None:
        return None
    holes = [name for first_without, name in _HOLES if version < first_without]
    if not holes:
        return None
    return (
        f"torch {installed} has known holes in loading files ({', '.join(holes)}): "
        "load only files you trust, or update to torch 2.10 or later"
    )


def version_in(text: str) -> tuple[int, int] | None:
    """The first two numbers of a version, as 2.10 of `2.10.0+cpu`; None if it has none."""
    found = re.match(r"([0-9]{1,9})\.([0-9]{1,9})", text)
    return None if found is None else (int(found[1]), int(found[2]))


def _broken(name: str, error: Exception, line: str) -> MissingPackageError:
    return MissingPackageError(f"{name} can't be imported: {one_line(error)}", hint=line)


def _unlike() -> str:
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch is for the CPU alone and this torchvision is the CUDA build"
    return f"this torchvision was not made for torch {torch.__version__}"
