"""A training run, read from disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.errors import NotFoundError
from trainviz_cli.model.keys import brief, match_keys, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    import polars as pl

    from trainviz_cli.model.diagnostic import Diagnostic
    from trainviz_cli.model.series import FloatArray, Series


class Image(NamedTuple):
    """Where a logged picture lies; nothing of it has been read.

    Attributes:
        name: The name it was logged under; may contain `/`.
        step: The step it was logged at.
        path: The file it is, or is in.
        offset: Where in the file it begins, in bytes.
        length: How many bytes it has; None is all there are.
    """

    name: str
    step: int
    path: Path
    offset: int = 0
    length: int | None = None


class Text(NamedTuple):
    """A logged text; it comes from outside, so it is not safe to print raw.

    Attributes:
        name: The name it was logged under.
        step: The step it was logged at.
        text: What was logged.
    """

    name: str
    step: int
    text: str


class Histogram(NamedTuple):
    """A logged distribution.

    Attributes:
        name: The name it was logged under.
        step: The step it was logged at.
        edges: (N + 1,) where its buckets begin and end.
        counts: (N,) how many values lie in each.
    """

    name: str
    step: int
    edges: FloatArray
    counts: FloatArray


def steps_by_name(logged: Iterable[Image | Text]) -> dict[str, list[int]]:
    """The names of pictures or texts, and the steps each was logged at, in their order."""
    steps: dict[str, list[int]] = {}
    for each in logged:
        steps.setdefault(each.name, []).append(each.step)
    return steps


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One training run.

    Attributes:
        name: Shortest part of the path that tells it apart.
        path: The run directory or log file.
        format: Name of the log format it was read as.
        series: Key → its samples, in the order the keys were first logged.
        diagnostics: Damage met and remarks made while reading.
    """

    name: str
    path: Path
    format: str
    series: Mapping[str, Series]
    diagnostics: tuple[Diagnostic, ...] = ()
    list_images: Callable[[], tuple[Image, ...]] = field(default=tuple, repr=False)
    list_texts: Callable[[], tuple[Text, ...]] = field(default=tuple, repr=False)
    list_histograms: Callable[[], tuple[Histogram, ...]] = field(default=tuple, repr=False)
    load_config: Callable[[], dict[str, object]] = field(default=dict, repr=False)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """The logged pictures by name and step, listed when first asked for."""
        return self.list_images()

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """The logged texts by name and step, read when first asked for."""
        return self.list_texts()

    @cached_property
    def histograms(self) -> tuple[Histogram, ...]:
        """The logged distributions by name and step, read when first asked for."""
        return self.list_histograms()

    @cached_property
    def config(self) -> dict[str, object]:
        """The training configuration as plain data, read when first asked for."""
        return self.load_config()

    def __getitem__(self, key: str) -> Series:
        """The series of exactly this key.

        Raises:
            NotFoundError: There is none; the hint names the nearest keys.
        """
        try:
            return self.series[key]
        except KeyError:
            raise NotFoundError(
                f"{self.name} has no key {key!r}", hint=nearest(key, self.series)
            ) from None

    def __repr__(self) -> str:
        return f"<Run {self.name}: {len(self)} keys, {self.format}>"

    def keys(self) -> list[str]:
        """The keys, in the order they were first logged."""
        return list(self.series)

    def __contains__(self, key: object) -> bool:
        return key in self.series

    def __iter__(self) -> Iterator[str]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)

    def find(self, name: str) -> Series:
        """The one series that `name` means, ranked as `--key` does.

        Raises:
            NotFoundError: None fits, or several fit equally well.
        """
        keys = match_keys(name, list(self.series))
        if len(keys) > 1:
            some = ", ".join(brief(key) for key in keys[:12])
            raise NotFoundError(f"{name!r} fits {len(keys)} keys of {self.name}", hint=some)
        return self.series[keys[0]]

    def to_pandas(self, *, long: bool = False) -> pd.DataFrame:
        """The run as a DataFrame: a row per step and a column per key, as charts show it.

        Args:
            long: Every sample in a row of its own instead, in the order written, with the columns
                `key`, `step`, `epoch`, `wall_time` and `value`: nothing replaced, nothing merged.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        from trainviz_cli.model.frames import to_pandas

        return to_pandas(list(self.series.values()), long=long)

    def to_polars(self, *, long: bool = False) -> pl.DataFrame:
        """As `to_pandas`, for polars: `step` is the first column, and what is not there is null.

        Raises:
            MissingPackageError: polars is not installed.
        """
        from trainviz_cli.model.frames import to_polars

        return to_polars(list(self.series.values()), long=long)

    def _repr_html_(self) -> str:
        """A table with a small chart for each key, as notebooks show it."""
        from trainviz_cli.model.notebook import run_html

        return run_html(self)
