"""Which of the values in a checkpoint are weights: every copy of them, under the file's own name.

What training scripts save is a mapping of names to tensors, bare or within others, or a pickled
module. Values may contain themselves or one another, so each is looked at once, and not deep.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.codecs.pickles import Inert, attributes, entries
from trainviz_cli.codecs.stored import StoredTensor
from trainviz_cli.codecs.torchfile import unread_kind
from trainviz_cli.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

Copy = dict[str, StoredTensor]

BARE = "model"  # what a copy without a name is called
_DEEPEST = 3  # mappings around weights
_MOST_COPIES = 256
_MOST_PLACES = 64  # of a list that could be one of copies
_MOST_PARTS = 1 << 19  # of modules, which may be one another's again and again
_LONGEST_NAME = 512
# What optimizers and their like keep looks like weights, but is none.
_NO_WEIGHTS = re.compile(
    r"optim|sched|(^|_)scaler|rng|callback|^loops$|^grad|_extra_state", re.IGNORECASE
)
_UNDERSCORED = "ema_"
_LONGEST_SHOWN = 60  # characters


class Found(NamedTuple):
    """What was found in a checkpoint.

    Attributes:
        copies: Weights by their names, by the name of the copy; in the order of the file.
        modules: The classes of the pickled modules among them.
        unread: Kind of tensor → how many of this kind are left out.
        has_underscored: Whether a copy was told apart by names like `ema_conv_weight`.
    """

    copies: dict[str, Copy]
    modules: list[str]
    unread: dict[str, int]
    has_underscored: bool


def find_copies(value: object) -> Found:
    """The weights in a checkpoint's value.

    Raises:
        RefusedError: There are more, or of longer names, than any network has.
    """
    search = _Search()
    search.visit(value, "", 0)
    return search.found()


def shown(text: str) -> str:
    """Text of a file as it may be shown: short, on one line, and without control characters."""
    plain = ascii(text[:_LONGEST_SHOWN])[1:-1]
    return plain if len(text) <= _LONGEST_SHOWN else f"{plain}..."


class _Search:
    """What has been found so far."""

    def __init__(self) -> None:
        self.copies: dict[str, Copy] = {}
        self.modules: list[str] = []
        self.unread: dict[str, int] = {}
        self._averaged: list[tuple[str, Copy]] = []
        self._seen: set[int] = set()
        self._left = _MOST_PARTS

    def visit(self, value: object, name: str, depth: int) -> bool:
        """Notes the copies in this value, which has this name; whether there were any."""
        if id(value) in self._seen or len(self.copies) >= _MOST_COPIES:
            return False
        if not isinstance(value, (dict, list, tuple, Inert)):
            return False
        self._seen.add(id(value))
        if _is_module(value):
            return self._visit_module(value, name)
        items = _items(value)
        if "param_groups" in items:
            return False
        inner = [
            self.visit(item, f"{name}.{key}" if name else key, depth + 1)
            for key, item in items.items()
            if depth < _DEEPEST and not _NO_WEIGHTS.search(key)
        ]
        is_mapping = not isinstance(value, (list, tuple))
        return any(inner) or (is_mapping and self._visit_weights(items, name))

    def _visit_weights(self, items: dict[str, object], name: str) -> bool:
        weights = {key: item for key, item in items.items() if isinstance(item, StoredTensor)}
        others = self._count_unread(items)
        among = len(weights) + others
        if name and 2 * among < len(items):  # results, with a tensor or two among them
            return False
        if not name and among < len(items):
            weights = {key: item for key, item in weights.items() if not _NO_WEIGHTS.search(key)}
        if not any(tensor.shape for tensor in weights.values()):
            return False
        _check_names(weights)
        self._add(name or BARE, weights)
        return True

    def _visit_module(self, module: object, name: str) -> bool:
        weights: Copy = {}
        waiting = [(module, "")]
        while waiting:
            inner, prefix = waiting.pop()
            for key, tensor in self._own_weights(inner):
                weights[prefix + key] = tensor
            parts = self._parts(inner, "_modules")
            waiting += [(part, f"{prefix}{key}.") for key, part in reversed(parts.items())]
            if len(prefix) > _LONGEST_NAME:
                raise RefusedError("modules nested deeper than in any network")
        if weights:
            self.modules.append(module.name if isinstance(module, Inert) else "")
            self._add(name or BARE, weights)
        return bool(weights)

    def _own_weights(self, module: object) -> list[tuple[str, StoredTensor]]:
        """What of the module itself its `state_dict` would hold, in its order."""
        passing = attributes(module).get("_non_persistent_buffers_set")
        own = self._parts(module, "_parameters")
        for key, item in self._parts(module, "_buffers").items():
            if not isinstance(passing, set) or key not in passing:
                own.setdefault(key, item)
        self._count_unread(own)
        return [(key, item) for key, item in own.items() if isinstance(item, StoredTensor)]

    def _parts(self, module: object, kind: str) -> dict[str, object]:
        parts = attributes(module).get(kind)
        self._left -= 1 + len(entries(parts))
        if self._left < 0:
            raise RefusedError("more modules than in any network")
        items = _items(parts)
        _check_names(items)
        return items

    def _count_unread(self, items: dict[str, object]) -> int:
        kinds = [kind for kind in map(unread_kind, items.values()) if kind]
        for kind in kinds:
            self.unread[kind] = self.unread.get(kind, 0) + 1
        return len(kinds)

    def _add(self, name: str, weights: Copy) -> None:
        plain, averaged = _split(weights)
        self.copies.setdefault(name, plain)
        if averaged:
            self._averaged.append((name, averaged))

    def found(self) -> Found:
        """All of it."""
        for name, averaged in self._averaged:
            self.copies["ema" if "ema" not in self.copies else f"{name}.ema"] = averaged
        return Found(self.copies, self.modules, self.unread, bool(self._averaged))


def _items(value: object) -> dict[str, object]:
    """The items or attributes with names; those of a list are called by their places."""
    if isinstance(value, (list, tuple)):
        return {str(place): item for place, item in enumerate(value[:_MOST_PLACES])}
    items = entries(value) or attributes(value)
    return {key: item for key, item in items.items() if isinstance(key, str)}


def _is_module(value: object) -> bool:
    return {"_parameters", "_modules"} <= attributes(value).keys()


def _check_names(named: Mapping[str, object]) -> None:
    if any(len(name) > _LONGEST_NAME for name in named):
        raise RefusedError("names longer than any network has")


def _split(weights: Copy) -> tuple[Copy, Copy]:
    """The weights, and the averages that MMCV keeps among them: `ema_conv_weight`."""
    flat = {_UNDERSCORED + name.replace(".", "_"): name for name in weights}
    averaged = {flat[name]: tensor for name, tensor in weights.items() if name in flat}
    plain = {name: tensor for name, tensor in weights.items() if name not in flat}
    return plain, averaged
