"""Measure everything; with `--write`, put the table into README.md beside this file."""

from __future__ import annotations

import compileall
import multiprocessing
import os
import platform
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measuring import Row

import trainviz_cli

README = Path(__file__).with_name("README.md")
OPERATIONS = (
    "write_scalar write_scalars write_image read_log poll_log plot_run draw_chart start_up "
    "list_runs compare_runs complete_keys write_events read_events export_run "
    "draw_pictures draw_featmaps identify_networks run_featmap tail_runs follow_run".split()
)
PACKAGES = (
    "numpy orjson click mmengine torch tensorboard opencv-python-headless plotext tensorboardX "
    "google-crc32c torchvision timm textual".split()
)
TABLE = r"(?s)(<!-- table -->\n).*(<!-- end of table -->)"


def main() -> None:
    """Prints the table, and writes it if asked to."""
    # Without bytecode every start compiles the sources, which no user's does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for folder in trainviz_cli.__path__:
        compileall.compile_dir(folder, quiet=1)
    rows = []
    for operation in OPERATIONS:
        print(f"{operation} ...", file=sys.stderr)
        rows += measure_alone(operation)
    text = table(rows)
    print(text)
    if "--write" in sys.argv:
        page = README.read_text(encoding="utf-8")
        page = re.sub(TABLE, lambda found: f"{found[1]}{text}{found[2]}", page)
        README.write_text(page, encoding="utf-8")


def measure_alone(operation: str) -> list[Row]:
    """The operation's rows, from a process of its own: peers change what runs beside them."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_measure, operation).result()


def table(rows: list[Row]) -> str:
    """The rows as Markdown, with the circumstances below."""
    heads = Row("operation", "what is measured", "measured", "target", "min / median / max")
    lines = [heads, ("---",) * len(heads), *rows]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    where = (
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {datetime.now(UTC):%Y-%m-%d}"
    )
    return f"{body}\n{where}; {versions}.\n"


def _measure(operation: str) -> list[Row]:
    rows: list[Row] = import_module(operation).measure()
    return rows


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
