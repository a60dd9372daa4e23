"""Which architecture a checkpoint is of, by the names and shapes of its tensors.

Nothing is built: the tables say which architectures have a tensor. Whatever is in front of the
names (`module.`, `model.backbone.`) is tried at once. What a training adds or replaces counts
little, what is missing from the network itself much; one of which more than a few per cent are
missing is another network.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.features._matching import Candidate, Counts, Head, compare
from trainviz_cli.features.tables import LIBRARIES, load
from trainviz_cli.features.weights import WRAPPED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from trainviz_cli.features.tables import Shape, Table

__all__ = ["Candidate", "Counts", "Head", "Identification", "identify", "renamed"]

# What of the network's own tensors may be missing, of other shapes, or too many.
TOLERANCE = 0.03
# Deeper than any training nests a network.
DEPTH = 8
# A prefix is tried if half of the names have it. If its last word means a network, a tenth of them
# is enough: a backbone may lie beside a larger head, or beside a second copy of itself.
LEAST_OF_NETWORK, LEAST_OF_OTHER = 0.1, 0.5
NETWORKS = frozenset(
    "backbone base body cnn ema encoder extractor model module net network student teacher trunk "
    "visual".split()
)
# How much of an architecture must be there for a close look, and how many get one: less, where a
# checkpoint has so many tensors that all looks together would be at more of them than that.
LIKELY = 0.4
CLOSELY, LEAST_CLOSELY = 200, 10
WORK = 1_000_000
NEAR_MISSES = 5
# An old example of torch puts this there; a few architectures have it themselves.
PARALLEL = "module"
COUNTER = "num_batches_tracked"


class Identification(NamedTuple):
    """What a checkpoint may be of.

    Attributes:
        answers: The best, several if they score the same: their tensors don't tell them apart,
            though stride, padding or activation may differ. Empty if it is nothing known.
        others: The next best, answers or not.
    """

    answers: tuple[Candidate, ...]
    others: tuple[Candidate, ...]


class _Tensors(NamedTuple):
    """A checkpoint's tensors.

    Attributes:
        shapes: By name, without what torch adds to names.
        names: What they are called in the checkpoint.
    """

    shapes: dict[str, Shape]
    names: dict[str, str]


def identify(shapes: Mapping[str, Shape], libraries: Sequence[str] = LIBRARIES) -> Identification:
    """What a checkpoint may be of.

    A library is asked if the ones before it leave anything unexplained, and heard if it explains
    more.

    Args:
        shapes: Of every tensor, by name. `num_batches_tracked` is ignored.
        libraries: Which to ask, in this order.

    Raises:
        UnreadableError: A library's table is damaged.
    """
    found = _identify(_plain(shapes, WRAPPED), libraries)
    if not found.answers and any(f".{PARALLEL}." in name for name in shapes):
        again = _identify(_plain(shapes, WRAPPED | {PARALLEL}), libraries)
        return again if again.answers else found
    return found


def renamed(names: Iterable[str], candidate: Candidate) -> dict[str, str]:
    """What a checkpoint's tensors are called in the architecture, of those that it has.

    Args:
        names: Of the checkpoint's tensors.
        candidate: With the prefix of the copy that is meant, where there are several.

    Raises:
        UnreadableError: The library's table is damaged.
    """
    table = load(candidate.library)
    known = table.tensors(table.numbers[candidate.name])
    found: dict[str, str] = {}
    for name in names:
        for wrappers in (WRAPPED, WRAPPED | {PARALLEL}):
            prefix = _without(candidate.prefix, wrappers)
            end = _without(name, wrappers).removeprefix(prefix)
            counted = end.removesuffix(COUNTER) + "running_mean" if end.endswith(COUNTER) else end
            if _without(name, wrappers) == prefix + end and counted in known:
                found.setdefault(name, end)
    return found


def _identify(tensors: _Tensors, libraries: Sequence[str]) -> Identification:
    answers: list[Candidate] = []
    others: list[Candidate] = []
    parts = _parts(tensors.shapes)
    for library in libraries:
        found = _candidates(load(library), tensors, parts)
        good = [each for each in found if _is_answer(each, len(tensors.shapes))]
        best = max((each.score for each in good), default=0)
        if best > (answers[0].score if answers else 0):
            others += answers
            answers = [each for each in good if each.score == best]
        others += [each for each in found if each not in answers]
        if answers and _explains_all(answers[0]):
            break
    others.sort(key=lambda each: -each.score)
    return Identification(
        tuple(_as_written(each, tensors) for each in answers),
        tuple(_as_written(each, tensors) for each in others[:NEAR_MISSES]),
    )


def _is_answer(candidate: Candidate, count: int) -> bool:
    """Whether it is close enough to be one.

    Args:
        candidate: What to judge.
        count: How many tensors the checkpoint has.
    """
    network = candidate.backbone
    odd = network.missing + len(candidate.differing)
    most = TOLERANCE * (network.matched + network.missing + network.mismatched)
    return (
        odd <= most
        and network.unexplained <= most
        and candidate.whole.matched >= LEAST_OF_NETWORK * count
    )


def _explains_all(candidate: Candidate) -> bool:
    return (
        candidate.head != "changed"
        and not candidate.whole.unexplained
        and not candidate.backbone.missing
        and not candidate.differing
    )


def _candidates(
    table: Table, tensors: _Tensors, parts: Mapping[str, dict[str, Shape]]
) -> list[Candidate]:
    """The likeliest, best first; the plainest name first of those that score the same."""
    likely = []
    for prefix, part in parts.items():
        for number, matched in table.held(part).items():
            size = table.sizes[number]
            if matched >= LIKELY * size:
                likely.append((-matched / (size + len(tensors.shapes)), prefix, number))
    closely = min(CLOSELY, max(LEAST_CLOSELY, WORK // max(1, len(tensors.shapes))))
    found: dict[tuple[str, float], Candidate] = {}
    for _, prefix, number in sorted(likely)[:closely]:
        about = table.architecture(number)
        outside = len(tensors.shapes) - len(parts[prefix])
        candidate = compare(about, table.tensors(number), parts[prefix], outside)
        candidate = candidate._replace(prefix=prefix)
        key = candidate.name, candidate.score
        if key in found:
            candidate = found[key]._replace(also_under=(*found[key].also_under, prefix))
        found[key] = candidate
    return sorted(found.values(), key=lambda each: (-each.score, len(each.name), each.name))


def _parts(shapes: Mapping[str, Shape]) -> dict[str, dict[str, Shape]]:
    """What a network may be: the tensors under each likely prefix, by the rest of their names."""
    modules = Counter(_module(name) for name in shapes)
    carried: Counter[str] = Counter()
    for module, count in modules.items():
        for prefix in _prefixes(module):
            carried[prefix] += count
    parts: dict[str, dict[str, Shape]] = {
        prefix: {} for prefix, count in carried.items() if count >= _least(prefix) * len(shapes)
    }
    within = {module: [each for each in _prefixes(module) if each in parts] for module in modules}
    for name, shape in shapes.items():
        for prefix in within[_module(name)]:
            parts[prefix][name[len(prefix) :]] = shape
    return parts


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _least(prefix: str) -> float:
    """The part of all names that a prefix has to be in front of."""
    words = prefix[:-1].rpartition(".")[2].lower().split("_")
    return LEAST_OF_OTHER if NETWORKS.isdisjoint(words) else LEAST_OF_NETWORK


def _prefixes(module: str) -> Iterator[str]:
    """What may be in front of the names of a network that the module is a part of."""
    yield ""
    end = -1
    for _ in range(DEPTH if module else 0):
        end = module.find(".", end + 1)
        if end < 0:
            yield f"{module}."
            return
        yield module[: end + 1]


def _plain(shapes: Mapping[str, Shape], wrappers: frozenset[str]) -> _Tensors:
    found = _Tensors({}, {})
    for name, shape in shapes.items():
        if not name.endswith(COUNTER):
            plain = _without(name, wrappers)
            found.shapes.setdefault(plain, tuple(shape))
            found.names.setdefault(plain, name)
    return found


def _without(name: str, wrappers: frozenset[str]) -> str:
    if not any(wrapper in name for wrapper in wrappers):
        return name
    return ".".join(part for part in name.split(".") if part not in wrappers)


def _as_written(candidate: Candidate, tensors: _Tensors) -> Candidate:
    """The candidate with its prefixes as the checkpoint has them, where most names do."""
    written = []
    for prefix in (candidate.prefix, *candidate.also_under):
        begins = Counter(
            name.removesuffix(plain[len(prefix) :])
            for plain, name in tensors.names.items()
            if plain.startswith(prefix) and name.endswith(plain[len(prefix) :])
        )
        written.append(begins.most_common(1)[0][0] if begins else prefix)
    return candidate._replace(prefix=written[0], also_under=tuple(written[1:]))
