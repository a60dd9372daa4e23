"""What runs are called, and which of them are the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from trainviz_cli.runs.found import FoundRun


def named(found: list[FoundRun]) -> list[FoundRun]:
    """The runs with the shortest names that tell them apart: `exp1`, or `a/exp1` and `b/exp1`."""
    whole = [_own_parts(run.path) for run in found]
    # A log file is called after its run, unless another file is as well.
    short = [
        (*own[:-1], own[-1].removesuffix(run.path.suffix)) if _is_file(run) else own
        for own, run in zip(whole, found, strict=True)
    ]
    often = Counter(short)
    parts = [own if often[name] > 1 else name for own, name in zip(whole, short, strict=True)]
    deepest = max(map(len, parts), default=0)
    ends = [Counter(own[-length:] for own in parts) for length in range(1, deepest + 1)]
    named = []
    for run, own in zip(found, parts, strict=True):
        lengths = range(1, len(own))
        length = next((n for n in lengths if ends[n - 1][own[-n:]] == 1), len(own))
        named.append(run._replace(name="/".join(own[-length:])))
    return named


def _is_file(run: FoundRun) -> bool:
    return run.log is run.path and bool(run.path.suffix) and run.path.is_file()


def identity(path: Path) -> tuple[str, ...]:
    """What two paths to the same run share."""
    return _own_parts(path.resolve())


def _own_parts(path: Path) -> tuple[str, ...]:
    """The path without the files and folders that every run has."""
    parts = path.absolute().parts if ".." not in path.parts else path.resolve().parts
    if parts[-1] == "scalars.json":
        parts = parts[:-1]
    return parts[:-1] if parts[-1] == "vis_data" else parts
