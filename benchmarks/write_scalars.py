"""`add_scalars`: a record of eight floats, against mmengine's."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from measuring import ABSENT, Row, alternate, find, ratio, show
from workloads import KEYS, noisy_curve

from trainviz_cli import LocalVisBackend

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 20, 1000


def measure() -> list[Row]:
    """The row of speed."""
    operation, compared = (
        "`add_scalars` of 8 floats",
        "times faster than mmengine's LocalVisBackend",
    )
    theirs = find("mmengine.visualization", "LocalVisBackend")
    if not theirs:
        return [Row(operation, compared, ABSENT, "≥ 6")]
    values = iter(noisy_curve(CALLS * len(KEYS)))
    records = [dict(zip(KEYS, values, strict=False)) for _ in range(CALLS)]
    with tempfile.TemporaryDirectory() as folder:
        writers = theirs(f"{folder}/theirs"), LocalVisBackend(f"{folder}/ours")
        times = alternate([_log_all(writer.add_scalars, records) for writer in writers], ROUNDS)
    return [ratio(operation, compared, times, "≥ 6")]


def _log_all(
    add_scalars: Callable[..., Any], records: list[dict[str, float]]
) -> Callable[[], None]:
    def block() -> None:
        for step, record in enumerate(records):
            add_scalars(record, step)

    return block


if __name__ == "__main__":
    show(measure())
