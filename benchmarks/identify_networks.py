"""`identify`: how soon a checkpoint's architecture is known, and how often it is the right one.

Every architecture of the tables is changed as trainings change it, and looked up.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from measuring import Row, judged, show

from trainviz_cli.features import tables
from trainviz_cli.features.architectures import identify
from trainviz_cli.features.tables import LIBRARIES, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainviz_cli.features.tables import Architecture, Shape

    Tensors = dict[str, Shape]

ROUNDS = 9
CLASSES = 7
# A network with many relatives, so that many are looked at.
FIRST = {"torchvision": ("fasterrcnn_resnet50_fpn", 100), "timm": ("vit_base_patch16_224", 600)}
ALONE = {"torchvision": 106}
MEGABYTES = 1


def measure() -> list[Row]:
    """Rows of times, of sizes, and of how many are found for each change."""
    assert "torch" not in sys.modules
    rows = [_first(library) for library in LIBRARIES]
    folder = Path(tables.__file__).parent
    sizes = [(folder / f"{library}.json.gz").stat().st_size / 1e6 for library in LIBRARIES]
    target = f"≤ {MEGABYTES}"
    rows.append(judged("the tables", "size together", [sum(sizes)], target, " MB"))
    for library in LIBRARIES:
        times: list[float] = []
        found = [_found(library, change, times) for change in CHANGES]
        rows.append(judged(f"a network of {library}", "look-up", times, unit=" ms"))
        rows += found
    return rows


def _first(library: str) -> Row:
    """The row of the first look-up in a process, which reads the table."""
    name, most = FIRST[library]
    table = load(library)
    tensors = table.tensors(table.numbers[name])
    times = []
    for _ in range(ROUNDS):
        load.cache_clear()
        start = perf_counter()
        assert identify(tensors, [library]).answers
        times.append(1e3 * (perf_counter() - start))
    return judged(f"a network of {library}", "first look-up", times, f"≤ {most}", " ms")


def _found(library: str, change: str, times: list[float]) -> Row:
    """The row of all its networks, changed in one way."""
    table = load(library)
    counts: Counter[str] = Counter()
    for name, number in table.numbers.items():
        tensors = CHANGES[change](table.tensors(number), table.architecture(number))
        start = perf_counter()
        answers = [each.name for each in identify(tensors, [library]).answers]
        times.append(1e3 * (perf_counter() - start))
        right = "alone" if answers == [name] else "tied" if name in answers else "wrong"
        counts[right if answers else "unknown"] += 1
    said = " / ".join(str(counts[each]) for each in ("alone", "tied", "wrong", "unknown"))
    least = ALONE.get(library, 0) if change in DISTINCT else 0
    if counts["wrong"] or counts["unknown"] or counts["alone"] < least:
        said = f"**{said}**, missed"
    target = f"≥ {least} / … / 0 / 0" if least else "… / … / 0 / 0"
    compared = f"{change}: alone / tied / wrong / unknown"
    return Row(f"a network of {library}", compared, said, target)


def _in_parallel(tensors: Tensors, about: Architecture) -> Tensors:
    del about
    return {f"module.{name}": shape for name, shape in tensors.items()}


def _few_classes(tensors: Tensors, about: Architecture) -> Tensors:
    changed = {
        name: (CLASSES * length, *tensors[name][1:])
        for name, length in about.classifiers
        if name in tensors
    }
    return tensors | changed


def _without_last_layer(tensors: Tensors, about: Architecture) -> Tensors:
    gone = dict(about.classifiers)
    return {name: shape for name, shape in tensors.items() if name not in gone}


def _without_head(tensors: Tensors, about: Architecture) -> Tensors:
    return {name: shape for name, shape in tensors.items() if not name.startswith(about.heads)}


CHANGES: dict[str, Callable[[Tensors, Architecture], Tensors]] = {
    "as it is": lambda tensors, _: tensors,
    "`module.`": _in_parallel,
    f"{CLASSES} classes": _few_classes,
    "last layer gone": _without_last_layer,
    "head gone": _without_head,
}
# What leaves networks distinct; without heads, detectors on one backbone are the same.
DISTINCT = CHANGES.keys() - {"head gone"}


if __name__ == "__main__":
    show(measure())
