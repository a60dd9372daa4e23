"""Every architecture of torchvision and timm: its tensors, and what it takes as input.

A library has one file, JSON compressed by gzip, which tools/architecture_tables.py writes from the
library itself. Tensors that occur in the same architectures form a group, so that 562,000 pairs of
architecture and tensor are 217,000 tensors in 4,000 groups:

    format, library, version    1, timm, 1.0.31
    architectures               a row each, as in `Architecture` from `name` on; sorted by name
    names                       all tensors' names, sorted: how many characters each has in common
                                with the one before, and what follows them, a line each
    shapes                      all shapes
    groups                      the architectures that hold each, and how many tensors are in each
    tensors                     group by group: what to add to the number of the last tensor's name
                                to have this one's, and the number of the shape
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.errors import NotFoundError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["LIBRARIES", "Architecture", "Shape", "Table", "architecture", "load", "read_table"]

LIBRARIES = ("torchvision", "timm")
FORMAT = 1

Shape = tuple[int, ...]


class Architecture(NamedTuple):
    """What is known of an architecture without building it, with the library's defaults.

    What concerns pictures is None where nothing says it, or where the network does it itself, as
    torchvision's detectors do.

    Attributes:
        library: torchvision or timm.
        name: As the library's own builder takes it.
        task: classification, segmentation, detection, video or optical_flow.
        classes: Of the classifier; 0 without one.
        heads: What the names of the head's tensors begin with.
        classifiers: Tensors whose first axis grows with the classes, and its length per class.
        first_convs: Tensors that the picture's channels reach first.
        input_size: Channels, height, width.
        fixed_size: Other heights and widths need other tensors.
        resize: Pixels of the picture's shorter side, or height and width, before the crop.
        crop: center, squash (to `resize`, whatever the proportions) or border (pad to it).
        interpolation: bilinear or bicubic.
        mean: Of each channel, of pixels from 0 to 1; subtracted.
        std: Likewise; what they are then divided by.
    """

    library: str
    name: str
    task: str
    classes: int
    heads: tuple[str, ...]
    classifiers: tuple[tuple[str, int], ...]
    first_convs: tuple[str, ...]
    input_size: tuple[int, int, int] | None
    fixed_size: bool
    resize: tuple[int, ...] | None
    crop: str | None
    interpolation: str | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Table:
    """The architectures of a library; they go by their number here.

    Attributes:
        library: torchvision or timm.
        version: Of the library.
        rows: Of each architecture, as the file has it.
        numbers: Name of an architecture → its number.
        sizes: How many tensors each architecture has.
        groups: Of each architecture, the groups it is made of.
        members: Of each group, the architectures that hold it.
    """

    library: str
    version: str
    rows: list[list[Any]]
    numbers: dict[str, int]
    sizes: list[int]
    groups: list[list[int]]
    members: list[list[int]]
    _names: list[str]
    _shapes: list[Shape]
    _name_numbers: dict[str, int]
    _shape_numbers: dict[Shape, int]
    _codes: list[int]  # of each tensor, group by group: name · number of shapes + shape
    _starts: list[int]  # of each group in them
    _group_of: dict[int, int]  # code → group

    def held(self, tensors: Mapping[str, Shape]) -> Counter[int]:
        """How many of these tensors each architecture has, of those that have any."""
        groups: Counter[int | None] = Counter()
        for name, shape in tensors.items():
            named = self._name_numbers.get(name)
            shaped = None if named is None else self._shape_numbers.get(shape)
            if named is not None and shaped is not None:
                groups[self._group_of.get(named * len(self._shapes) + shaped)] += 1
        held: Counter[int] = Counter()
        for group, count in groups.items():
            for number in () if group is None else self.members[group]:
                held[number] += count
        return held

    def tensors(self, number: int) -> dict[str, Shape]:
        """Name and shape of every tensor of an architecture, `num_batches_tracked` excepted."""
        starts, shapes = self._starts, len(self._shapes)
        codes = (self._codes[starts[group] : starts[group + 1]] for group in self.groups[number])
        parts = (divmod(code, shapes) for code in chain.from_iterable(codes))
        return {self._names[named]: self._shapes[shaped] for named, shaped in parts}

    def architecture(self, number: int) -> Architecture:
        """What is known of it."""
        return Architecture(self.library, *map(_frozen, self.rows[number]))


@cache
def load(library: str) -> Table:
    """The table of a library, read once.

    Raises:
        UnreadableError: It is damaged, or there is none.
    """
    return read_table(Path(__file__).with_name(f"{library}.json.gz"))


def architecture(library: str, name: str) -> Architecture:
    """What is known of an architecture.

    Raises:
        NotFoundError: The library has none of that name.
        UnreadableError: The library's table is damaged.
    """
    table = load(library)
    if name not in table.numbers:
        raise NotFoundError(f"{library} {table.version} has no architecture {name!r}")
    return table.architecture(table.numbers[name])


def read_table(file: Path) -> Table:
    """The table in a file.

    Raises:
        UnreadableError: It is damaged, or not there.
    """
    try:
        document = json.loads(gzip.decompress(file.read_bytes()))
        if document["format"] != FORMAT:
            raise UnreadableError(f"can't read {file}: of another version of trainviz")
        return _table(document)
    except OSError as error:
        reason = error.strerror or "damaged"
    except (EOFError, LookupError, RecursionError, TypeError, ValueError, zlib.error):
        reason = "damaged"
    raise UnreadableError(f"can't read {file}: {reason}", hint="install trainviz-cli again")


def _table(document: dict[str, Any]) -> Table:
    """What a file says, in the form in which it is asked.

    Raises:
        LookupError: As the next two.
        TypeError: As the next one.
        ValueError: It is no such file.
    """
    rows, shapes = document["architectures"], list(map(tuple, document["shapes"]))
    names = list(_names(*document["names"]))
    members, counts = document["groups"]
    steps, shaped = document["tensors"]
    starts = list(accumulate(counts, initial=0))
    codes = [
        name * len(shapes) + shape for name, shape in zip(accumulate(steps), shaped, strict=True)
    ]
    if len(members) != len(counts) or starts[-1] != len(codes):
        raise ValueError("groups and tensors don't fit")
    sizes = [0] * len(rows)
    groups: list[list[int]] = [[] for _ in rows]
    for group, (holders, count) in enumerate(zip(members, counts, strict=True)):
        for number in holders:
            sizes[number] += count
            groups[number].append(group)
    of_each = chain.from_iterable(map(repeat, range(len(counts)), counts))
    return Table(
        library=document["library"],
        version=document["version"],
        rows=rows,
        numbers={row[0]: number for number, row in enumerate(rows)},
        sizes=sizes,
        groups=groups,
        members=members,
        _names=names,
        _shapes=shapes,
        _name_numbers=dict(zip(names, range(len(names)), strict=True)),
        _shape_numbers=dict(zip(shapes, range(len(shapes)), strict=True)),
        _codes=codes,
        _starts=starts,
        _group_of=dict(zip(codes, of_each, strict=True)),
    )


def _names(shared: list[int], ends: str) -> Iterator[str]:
    name = ""
    for length, end in zip(shared, ends.split("\n"), strict=True):
        name = name[:length] + end
        yield name


def _frozen(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
