"""The checkpoints of a run and the pictures of a folder, in the order people expect."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from trainviz_cli.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CHECKPOINTS = frozenset({".pth", ".pt", ".ckpt", ".th", ".safetensors", ".bin", ".pt2", ".onnx"})
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})
# Where trainers put checkpoints below the folder of a run.
_FOLDERS = ("", "checkpoints", "weights", "checkpoint-*", "*/checkpoints")
# What else they save with such names.
_NO_WEIGHTS = re.compile(r"(optimizer|scheduler|scaler|rng_state|training_args|random_states).*")


def checkpoint_files(path: Path) -> list[Path]:
    """The checkpoint, or those of a run's folder, as their numbers go.

    Raises:
        NotFoundError: There is nothing, or nothing of the kind in the folder.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib's raises for a name that is too long
        return [path]
    found = [
        file
        for folder in _FOLDERS
        for file in path.glob(f"{folder}/*" if folder else "*")
        if file.suffix.lower() in _CHECKPOINTS
        and file.is_file()
        and not _NO_WEIGHTS.fullmatch(file.name)
    ]
    if not found:
        names = ", ".join(sorted(_CHECKPOINTS))
        raise NotFoundError(f"there is no checkpoint in {path}", hint=f"looked for {names}")
    return _in_order(found)


def picture_files(paths: Iterable[Path]) -> list[Path]:
    """The pictures, in place of a folder those in it.

    Raises:
        NotFoundError: A folder has none.
    """
    files: list[Path] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - as above
            files.append(path)
            continue
        found = [
            file for file in path.glob("*") if file.suffix.lower() in _PICTURES and file.is_file()
        ]
        if not found:
            names = ", ".join(sorted(_PICTURES))
            raise NotFoundError(f"there is no picture in {path}", hint=f"looked for {names}")
        files += _in_order(found)
    return list(dict.fromkeys(files))


def _in_order(files: Iterable[Path]) -> list[Path]:
    """By numbers as numbers; names without one, such as `best` and `last`, come after them."""
    return sorted(dict.fromkeys(files), key=_order)


def _order(file: Path) -> tuple[bool, list[tuple[int, str]]]:
    name = f"{file.parent.name}/{file.stem}"
    parts = re.split(r"(\d+)", name)
    return not any(char.isdecimal() for char in name), [
        (int(part), "") if part.isdecimal() else (-1, part.lower()) for part in parts
    ]
