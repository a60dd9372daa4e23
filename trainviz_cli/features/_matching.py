"""How well a checkpoint's tensors fit an architecture's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainviz_cli.features.tables import Architecture, Shape

Head = Literal["same", "classes", "missing", "changed"]


class Counts(NamedTuple):
    """How many tensors fit.

    Attributes:
        matched: Of the name and shape that the architecture has.
        missing: The architecture has them, the checkpoint doesn't.
        mismatched: They have another shape.
        unexplained: The checkpoint has them, the architecture doesn't.
    """

    matched: int
    missing: int
    mismatched: int
    unexplained: int


class Candidate(NamedTuple):
    """An architecture that a checkpoint may be of.

    Attributes:
        library: torchvision or timm.
        name: As the library's own builder takes it.
        prefix: What is in front of the names in the checkpoint, up to a dot.
        score: From 0 to 1, where all fits, but for a head that was taken away.
        whole: Of the architecture; unexplained is everything else in the checkpoint.
        backbone: Without the head; unexplained is only what lies in the network's own modules.
        head: Whether the checkpoint has the library's own, one for other classes, none (or none of
            its last layer), or one with other tensors.
        classes: How many the checkpoint's head tells apart; None without a head known.
        channels: How many a picture has; 3 unless the first convolution says otherwise.
        differing: Names, in the architecture, of the backbone's tensors with another shape, but for
            the picture's channels.
        also_under: Further prefixes under which the same network is as complete.
    """

    library: str
    name: str
    prefix: str
    score: float
    whole: Counts
    backbone: Counts
    head: Head
    classes: int | None
    channels: int
    differing: tuple[str, ...]
    also_under: tuple[str, ...] = ()


class _Part(NamedTuple):
    """How the tensors of the backbone, or of the head, fit, by name."""

    matched: list[str]
    missing: list[str]
    mismatched: list[str]
    unexplained: list[str]

    @property
    def counts(self) -> Counts:
        return Counts(*map(len, self))


def compare(
    about: Architecture, wanted: Mapping[str, Shape], given: Mapping[str, Shape], outside: int
) -> Candidate:
    """How well tensors fit an architecture.

    Args:
        about: What is known of it.
        wanted: Its tensors.
        given: The checkpoint's tensors that may be its own, without their prefix.
        outside: How many other tensors the checkpoint has.
    """
    backbone, head = _parts(about, wanted, given)
    modules = {name.partition(".")[0] for name in wanted if not name.startswith(about.heads)}
    inside = [name for name in backbone.unexplained if name.partition(".")[0] in modules]
    channels = {
        name: found
        for name in backbone.mismatched
        if name in about.first_convs and (found := _channels(wanted[name], given[name]))
    }
    state = _head_state(about, head, wanted, given)
    whole = Counts(*(a + b for a, b in zip(backbone.counts, head.counts, strict=True)))
    whole = whole._replace(unexplained=whole.unexplained + outside)
    own = backbone.counts._replace(unexplained=len(inside))
    return Candidate(
        library=about.library,
        name=about.name,
        prefix="",
        score=_score(whole, own, _head_cost(about, head, state)),
        whole=whole,
        backbone=own,
        head=state,
        classes=_classes(about, given),
        channels=next(iter(channels.values()), 3),
        differing=tuple(sorted(set(backbone.mismatched) - channels.keys())),
    )


def _parts(
    about: Architecture, wanted: Mapping[str, Shape], given: Mapping[str, Shape]
) -> tuple[_Part, _Part]:
    """The backbone and the head."""
    parts = _Part([], [], [], []), _Part([], [], [], [])
    for name, shape in wanted.items():
        part = parts[name.startswith(about.heads)]
        found = given.get(name)
        kind = part.missing if found is None else part.mismatched
        (part.matched if found == shape else kind).append(name)
    for name in given.keys() - wanted.keys():
        parts[name.startswith(about.heads)].unexplained.append(name)
    return parts


def _score(whole: Counts, backbone: Counts, head_cost: float) -> float:
    """What fits, of all that there is; what is not the network's own counts a quarter."""
    foreign = whole.unexplained - backbone.unexplained
    cost = (backbone.missing + backbone.mismatched) / 2 + backbone.unexplained + foreign / 4
    return whole.matched / (whole.matched + cost + head_cost) if whole.matched else 0.0


def _head_cost(about: Architecture, head: _Part, state: Head) -> float:
    """Nothing for a head that was taken away: else the smallest would be the likeliest."""
    if state == "missing" and not head.matched:
        return 0
    classifiers = dict(about.classifiers)
    odd = [name for name in head.missing + head.mismatched if name not in classifiers]
    return (len(odd) + (state in {"classes", "changed"})) / 2


def _head_state(
    about: Architecture, head: _Part, wanted: Mapping[str, Shape], given: Mapping[str, Shape]
) -> Head:
    odd = head.missing + head.mismatched + head.unexplained
    if not odd:
        return "same"
    classifiers = dict(about.classifiers)
    if len(head.missing) == len(odd) and classifiers.keys().isdisjoint(given):
        return "missing"
    only_classes = all(
        name in classifiers and _counts_classes(wanted.get(name), given.get(name)) for name in odd
    )
    return "classes" if only_classes else "changed"


def _counts_classes(wanted: Shape | None, given: Shape | None) -> bool:
    """Whether a classifier's tensor is as wanted but for its first axis, or none was wanted."""
    if not given:
        return False
    return wanted is None or (len(given), *given[1:]) == (len(wanted), *wanted[1:])


def _classes(about: Architecture, given: Mapping[str, Shape]) -> int | None:
    """How many classes the head has, by the first tensor that says so."""
    for name, rows in about.classifiers:
        shape = given.get(name)
        if shape and shape[0] % rows == 0:
            return shape[0] // rows
    return None


def _channels(wanted: Shape, given: Shape) -> int | None:
    """How many channels a picture has for a first convolution; None if that isn't what differs.

    Some take several pixels of each at once, side by side.
    """
    if len(given) != len(wanted) or (given[0], *given[2:]) != (wanted[0], *wanted[2:]):
        return None
    pixels, odd = divmod(wanted[1], 3)
    return None if odd or given[1] % pixels else given[1] // pixels
