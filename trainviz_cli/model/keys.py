"""Which key the user means."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from trainviz_cli.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_MAIN_KEYS = 6
_MOST_LOSSES_BESIDE_METRICS = 3
_REMEMBERED = 4096  # keys, which are judged again and again

_NEVER_MAIN = frozenset(
    "step steps epoch epochs iter iters iteration iterations time memory eta".split()
)
_METRIC_WORDS = frozenset(
    "map ap ar acc accuracy iou miou f1 psnr ssim auc auroc precision recall dice bleu rouge "
    "perplexity ppl wer cer fid score reward mae mse rmse top1 top5 aacc macc pq".split()
)
# Less of it is better.
_COST_WORDS = frozenset(
    "error errors err mistakes perplexity ppl mae mse rmse nmse nrmse mape smape wer cer fid kid "
    "lpips nll kl divergence bce crossentropy bpc bpb bpd cost regret ece eer brier mpjpe nme epe "
    "ade fde hd95 fpr fpr95 fnr".split()
)
_TIME_WORDS = frozenset("time latency memory eta".split())


def match_keys(query: str, keys: Sequence[str], kind: str = "key") -> list[str]:
    """The keys that `query` means: a glob or `re:` pattern may mean several, and so may a tie.

    The best rank that fits wins: exact, other case, last path part, ends with the word, contains
    the word, contains the text.

    Raises:
        NotFoundError: No key fits; the hint names the nearest.
        UsageError: `re:` is followed by no valid pattern.
    """
    found = _exact(query, keys) or _by_pattern(query, keys) or _by_rank(query, keys)
    if not found:
        raise NotFoundError(f"no {kind} matches {brief(query)!r}", hint=nearest(query, keys, kind))
    return found


def keys_asked_for(queries: Iterable[str], keys: Sequence[str]) -> list[str]:
    """The keys that any of the queries means; what fits none may come later.

    Raises:
        UsageError: `re:` is followed by no valid pattern.
    """
    found: list[str] = []
    for query in queries:
        with suppress(NotFoundError):
            found += match_keys(query, keys)
    return list(dict.fromkeys(found))


def require_keys(queries: Iterable[str], keys: Sequence[str]) -> None:
    """Lets it pass if each query means a key, or there is none at all so far.

    Raises:
        NotFoundError: One means none of them.
    """
    for query in queries if keys else ():
        match_keys(query, keys)


def filter_keys(pattern: str, keys: Sequence[str]) -> list[str]:
    """The keys that fit a glob or a `re:` pattern; or else have all words of it somewhere in them.

    Raises:
        UsageError: `re:` is followed by no valid pattern.
    """
    if found := _by_pattern(pattern, keys):
        return found
    wanted = pattern.lower().split()  # a key may have brackets itself
    return [key for key in keys if all(text in key.lower() for text in wanted)]


def main_keys(keys: Iterable[str]) -> list[str]:
    """The keys to show when none is named: losses, then evaluation metrics, then the rest.

    At most six; so that a detector's many losses don't crowd out its mAP, losses take three places
    where there are metrics.
    """
    losses, metrics, rest = _sorted_out(keys)
    room = MOST_MAIN_KEYS - min(len(metrics), MOST_MAIN_KEYS - _MOST_LOSSES_BESIDE_METRICS)
    return (losses[:room] + metrics + rest)[:MOST_MAIN_KEYS]


def _sorted_out(keys: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Losses, evaluation metrics and the rest, without what only counts or times."""
    shown = [key for key in keys if not is_bookkeeping(key)]
    losses = sorted((key for key in shown if is_loss(key)), key=_loss_rank)
    metrics = [key for key in shown if not is_loss(key) and _is_metric(key)]
    metrics.sort(key=lambda key: "train" in words(key))  # what training reached says less
    taken = {*losses, *metrics}
    return losses, metrics, [key for key in shown if key not in taken]


def common_main_keys(key_sets: Iterable[Sequence[str]], most: int = MOST_MAIN_KEYS) -> list[str]:
    """The main keys that say most about many runs: each run has one of them, as far as it goes.

    Args:
        key_sets: The keys of each run.
        most: How many to choose.
    """
    often = Counter(tuple(keys) for keys in key_sets)  # many runs have the same
    main = {keys: main_keys(keys) for keys in often}
    ranked = list(chain(*_sorted_out(dict.fromkeys(chain(*main.values())))))
    chosen: set[str] = set()
    while len(chosen) < min(most, len(ranked)):
        silent = [keys for keys in often if main[keys] and chosen.isdisjoint(main[keys])]
        counts: Counter[str] = Counter()
        for keys in silent or often:
            counts.update(dict.fromkeys(main[keys], often[keys]))
        chosen.add(max((key for key in ranked if key not in chosen), key=counts.__getitem__))
    return [key for key in ranked if key in chosen]


def words(key: str) -> list[str]:
    """The words of a key in lower case: `coco/bbox_mAP` → `coco`, `bbox`, `map`."""
    return [word for word in re.split(r"[/_.\-\s]+", key.lower()) if word]


def brief(key: str) -> str:
    """The key, shortened in the middle where it is too long for a message."""
    return key if len(key) <= 80 else f"{key[:50]}…{key[-29:]}"


def is_pattern(query: str) -> bool:
    """Whether a query is a glob or a `re:` pattern, and so may mean several keys."""
    return query.startswith("re:") or any(sign in query for sign in "*?[")


def nearest(query: str, keys: Iterable[str], kind: str = "key") -> str:
    """A hint that names the keys most like `query`, or those there are; `kind` says of what."""
    import difflib

    by_lower = {key.lower(): key for key in keys}
    close = difflib.get_close_matches(query.lower(), by_lower, n=3, cutoff=0.4)
    if close:
        return f"nearest: {', '.join(brief(by_lower[name]) for name in close)}"
    if not by_lower:
        return f"it has no {kind}s at all"
    some = [brief(key) for key in list(by_lower.values())[:8]]
    more = len(by_lower) - len(some)
    return f"its {kind}s: {', '.join(some)}" + (f" and {more} more" if more else "")


def _exact(query: str, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key == query]


def _by_pattern(query: str, keys: Sequence[str]) -> list[str]:
    if query.startswith("re:"):
        pattern = _compiled(query)
        return [key for key in keys if pattern.search(key)]
    if is_pattern(query):
        return [key for key in keys if fnmatchcase(key, query)]
    return []


def _compiled(query: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python will read otherwise
            return re.compile(query[3:])
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise UsageError(f"{query[:80]!r} is no valid pattern: {error}") from None


def _by_rank(query: str, keys: Sequence[str]) -> list[str]:
    text, wanted = query.lower(), words(query)
    if not wanted:
        return []
    ranks = (
        lambda key: key.lower() == text,
        lambda key: key.lower().rpartition("/")[2] == text,
        lambda key: words(key)[-len(wanted) :] == wanted,
        lambda key: f" {' '.join(wanted)} " in f" {' '.join(words(key))} ",
        lambda key: text in key.lower(),
    )
    for fits in ranks:
        if found := [key for key in keys if fits(key)]:
            return found
    return []


def _is_metric(key: str) -> bool:
    """Whether a word of it is a metric's, as it is or with a threshold: `AP50`, `top5`."""
    return any(
        word in _METRIC_WORDS or word.rstrip("0123456789") in _METRIC_WORDS for word in words(key)
    )


@lru_cache(maxsize=_REMEMBERED)
def is_bookkeeping(key: str) -> bool:
    """Whether it counts or times: `data_time`, but not `train_loss_step`."""
    last = key.rpartition("/")[2]
    return not _NEVER_MAIN.isdisjoint(words(last)) and not is_loss(last) and not _is_metric(last)


@lru_cache(maxsize=_REMEMBERED)
def has_best(key: str) -> bool:
    """Whether one end of its values is the best, by its name: not so `lr`, or `grad_norm`."""
    return is_loss(key) or _is_metric(key) or _is_cost(key)


@lru_cache(maxsize=_REMEMBERED)
def is_loss(key: str) -> bool:
    """Whether it is a loss, by its name: `val/loss`, `loss_cls`, `nll`."""
    found = words(key)
    # What mixed precision multiplies it by is none.
    return "scale" not in found and any(
        word.endswith(("loss", "losses")) or word == "nll" for word in found
    )


def _loss_rank(key: str) -> tuple[bool, int]:
    """The total before its parts: `loss`, `val/loss` before `loss_cls`."""
    last = words(key.rpartition("/")[2])
    return (not last or last[-1] != "loss" or len(last) > 2, len(last))


@lru_cache(maxsize=_REMEMBERED)
def less_is_better(key: str) -> bool:
    """Whether the best value is the lowest, by the key's name: losses, errors, perplexity, times.

    The last part decides where it can: `loss/acc` is an accuracy.
    """
    last = key.rpartition("/")[2]
    if not _TIME_WORDS.isdisjoint(words(last)) and not _is_metric(last):
        return True
    named = last if _is_metric(last) or _is_cost(last) else key
    return _is_cost(named)


def _is_cost(key: str) -> bool:
    found = words(key)
    return is_loss(key) or not _COST_WORDS.isdisjoint(found) or {"cross", "entropy"}.issubset(found)
