"""Which key the user means, which are shown unasked, and what the hint of an error names."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.keys import is_pattern, main_keys, match_keys, nearest, words
from trainviz_cli.model.run import Run
from trainviz_cli.model.series import Series

# From the best rank to the worst, each key fits the query `map`.
RANKED = ["map", "MAP", "val/mAP", "coco/bbox_mAP", "mAP_50", "roadmaps"]
DETECTION = ["loss", "loss_cls", "loss_bbox", "coco/bbox_mAP", "coco/bbox_mAP_50", "lr", "time"]


def run_with(*keys: str) -> Run:
    """A run with these keys."""
    found = {
        key: Series(key, np.arange(2), np.array([0.5, number])) for number, key in enumerate(keys)
    }
    return Run("exp", Path("exp"), "local", found)


@pytest.mark.parametrize("best", range(len(RANKED)))
def test_the_best_rank_wins(best: int) -> None:
    """With the better ones gone, each rank is the one that fits, whatever the order of keys."""
    assert match_keys("map", RANKED[best:]) == [RANKED[best]]
    assert match_keys("map", RANKED[best:][::-1]) == [RANKED[best]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("loss", ["loss"]),
        ("LOSS", ["loss"]),
        ("bbox_mAP", ["coco/bbox_mAP"]),
        ("mAP", ["coco/bbox_mAP"]),
        ("bbox-map", ["coco/bbox_mAP"]),
        ("mAP_50", ["coco/bbox_mAP_50"]),
        ("50", ["coco/bbox_mAP_50"]),
        ("cls", ["loss_cls"]),
        ("bbox", ["loss_bbox"]),
        ("coco", ["coco/bbox_mAP", "coco/bbox_mAP_50"]),
        ("im", ["time"]),
    ],
)
def test_part_of_a_name(query: str, found: list[str]) -> None:
    """A few letters of a detector's keys name what a user expects."""
    assert match_keys(query, DETECTION) == found


@pytest.mark.parametrize(
    ("query", "keys", "found"),
    [
        ("loss", ["train/loss", "val/loss", "loss_cls"], ["train/loss", "val/loss"]),
        ("Loss", ["LOSS", "loss"], ["LOSS", "loss"]),
        ("map", ["a_map", "b.map", "c-map", "d/map"], ["d/map"]),
        ("map", ["a_map", "b.map", "c-map"], ["a_map", "b.map", "c-map"]),
    ],
)
def test_a_tie_is_all_of_its_rank(query: str, keys: list[str], found: list[str]) -> None:
    """Keys that fit equally well are all named, in their order, and no worse one with them."""
    assert match_keys(query, keys) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("loss*", ["loss", "loss_cls", "loss_bbox"]),
        ("loss_*", ["loss_cls", "loss_bbox"]),
        ("*", DETECTION),
        ("l?", ["lr"]),
        ("[lt]*r", ["lr"]),
        ("re:^loss", ["loss", "loss_cls", "loss_bbox"]),
        ("re:mAP(_50)?$", ["coco/bbox_mAP", "coco/bbox_mAP_50"]),
        ("re:cls|lr", ["loss_cls", "lr"]),
    ],
)
def test_patterns_may_mean_several(query: str, found: list[str]) -> None:
    """A glob fits whole names and a `re:` any part of one; all that fit are meant, in order."""
    assert is_pattern(query)
    assert match_keys(query, DETECTION) == found


def test_exact_wins_over_pattern() -> None:
    """A key that looks like a pattern can be named."""
    assert match_keys("loss[0]", ["loss0", "loss[0]"]) == ["loss[0]"]
    assert match_keys("re:loss", ["loss", "re:loss"]) == ["re:loss"]


@pytest.mark.parametrize("query", ["loss", "coco/bbox_mAP", "re", "a.b", ""])
def test_a_name_is_no_pattern(query: str) -> None:
    """Plain names mean one key."""
    assert not is_pattern(query)


@pytest.mark.parametrize("query", ["nope", "nope*", "re:nope$", "", "/", "_", "train/*"])
def test_nothing_fits(query: str) -> None:
    """What fits no key is not found, and the message quotes it."""
    with pytest.raises(NotFoundError) as raised:
        match_keys(query, DETECTION)
    assert repr(query) in raised.value.message
    assert raised.value.hint


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "pattern", ["(", "*", "[a", "(?P<n>", "a{99999999999999999999}", "(" * 3000, r"\8"]
)
def test_an_invalid_pattern_is_a_usage_error(pattern: str) -> None:
    """A pattern that Python refuses, for whatever reason, is one line for the user."""
    with pytest.raises(UsageError):
        match_keys(f"re:{pattern}", DETECTION)


@pytest.mark.filterwarnings("error")
def test_a_doubtful_pattern_does_not_warn() -> None:
    """Python's doubts about a pattern do not reach the terminal."""
    assert match_keys("re:[[l]r", DETECTION) == ["lr"]


@settings(deadline=None)
@given(
    query=st.text(max_size=12).filter(lambda query: not query.startswith("re:")),
    keys=st.lists(st.text(max_size=8), max_size=6),
)
def test_any_text_is_a_query(query: str, keys: list[str]) -> None:
    """Whatever is asked for, the answer is some of the keys in their order, or not found."""
    try:
        found = match_keys(query, keys)
    except NotFoundError as error:
        assert query not in keys
        assert error.hint  # noqa: PT017
    else:
        places = iter(keys)
        assert found
        assert all(key in places for key in found)


def test_the_hint_names_the_nearest() -> None:
    """A typo leads to the key meant, in the case it has."""
    with pytest.raises(NotFoundError) as raised:
        match_keys("los_cls", ["lr", "Loss_Cls", "time"])
    assert raised.value.hint == "nearest: Loss_Cls"


def test_the_hint_names_three_at_most_best_first() -> None:
    """The nearest key comes first."""
    hint = nearest("lossa", ["loss_abcd", "loss_ab", "loss_a", "lossb", "momentum"])
    assert hint.startswith("nearest: loss_a, ")
    assert hint.count(",") == 2


def test_the_hint_without_anything_near_lists_the_keys() -> None:
    """Where nothing is alike, the keys there are help more; a long list is cut."""
    assert nearest("zzz", ["loss", "lr"]) == "its keys: loss, lr"
    many = [f"loss{number}" for number in range(20)]
    assert nearest("zzz", many) == f"its keys: {', '.join(many[:8])} and 12 more"
    assert nearest("zzz", []) == "it has no keys at all"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("coco/bbox_mAP_50", ["coco", "bbox", "map", "50"]),
        ("decode.loss-ce", ["decode", "loss", "ce"]),
        ("top 1", ["top", "1"]),
        ("//", []),
    ],
)
def test_words(key: str, found: list[str]) -> None:
    """Words are split at `/ _ . -` and spaces, and case does not matter."""
    assert words(key) == found


def test_main_keys_of_a_detector() -> None:
    """Losses with the total first, then metrics, then the rest, six in all."""
    keys = ["lr", "time", "loss_rpn", "loss_cls", "loss", "loss_bbox", "coco/bbox_mAP", "momentum"]
    assert main_keys(keys) == [
        "loss",
        "loss_rpn",
        "loss_cls",
        "loss_bbox",
        "coco/bbox_mAP",
        "lr",
    ]


def test_many_losses_leave_room_for_metrics() -> None:
    """Three places are for metrics, if there are so many; otherwise the losses have them."""
    losses = [f"loss_{letter}" for letter in "abcdefgh"]
    metrics = ["mAP", "val/acc", "PSNR", "F1"]
    assert main_keys(losses + metrics) == [*losses[:3], *metrics[:3]]
    assert main_keys(losses + metrics[:1]) == [*losses[:5], "mAP"]
    assert main_keys(losses) == losses[:6]
    assert main_keys(metrics + losses[:1]) == ["loss_a", *metrics]


@pytest.mark.parametrize(
    "keys", [["loss_cls", "train/loss"], ["loss_cls", "total_loss"], ["train/loss_a", "val/loss"]]
)
def test_the_total_comes_before_its_parts(keys: list[str]) -> None:
    """The loss itself is shown before what it is made of."""
    assert main_keys(keys) == keys[::-1]


@pytest.mark.parametrize(
    "key", ["mAP", "AP", "accuracy", "mIoU", "F1", "PSNR", "bbox/AP50", "mAP50", "acc1", "val_acc"]
)
def test_evaluation_metrics_come_before_the_rest(key: str) -> None:
    """A metric is shown before a learning rate, as people write it, with its threshold or k."""
    assert main_keys(["lr", "grad_norm", key])[0] == key


@pytest.mark.parametrize(
    "key",
    [
        "step",
        "epoch",
        "iter",
        "iteration",
        "time",
        "data_time",
        "memory",
        "eta",
        "train/time",
        "val/data_time",
        "ETA",
        "Epoch",
    ],
)
def test_bookkeeping_is_never_a_main_key(key: str) -> None:
    """Counters and clocks are shown only when asked for."""
    assert main_keys([key, "loss"]) == ["loss"]
    assert main_keys([key]) == []


@pytest.mark.parametrize("key", ["train_loss_step", "train_loss_epoch", "val/acc_epoch"])
def test_a_loss_per_step_is_a_loss(key: str) -> None:
    """The loss by step or epoch, as some trainers call it, is no counter."""
    assert main_keys(["lr", key])[0] == key


PARTS = st.sampled_from("loss acc mAP lr time epoch iter step memory eta cls val 1".split())
KEYS = st.lists(
    st.lists(PARTS, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from("/_").map(lambda sign: sign.join(parts))
    ),
    unique=True,
    max_size=20,
)


@settings(deadline=None)
@given(keys=KEYS)
def test_main_keys_are_few_and_come_from_the_run(keys: list[str]) -> None:
    """At most six, none twice, none invented, none a counter or clock; losses come first."""
    found = main_keys(keys)
    assert len(found) <= 6
    assert len(set(found)) == len(found)
    assert set(found) <= set(keys)
    for key in found:
        assert key.rpartition("/")[2] not in {"step", "epoch", "iter", "time", "memory", "eta"}
    with_loss = ["loss" in key for key in found]
    assert with_loss == sorted(with_loss, reverse=True)


@settings(deadline=None)
@given(keys=KEYS)
def test_main_keys_use_every_place(keys: list[str]) -> None:
    """Fewer than six are shown only where there are no more to show."""
    plain = [
        key
        for key in keys
        if not {"step", "epoch", "iter", "time", "memory", "eta"} & set(words(key))
    ]
    assert len(main_keys(keys)) >= min(6, len(plain))


def test_find_is_the_one_series_meant() -> None:
    """A run finds its series by part of a name."""
    run = run_with("train/loss", "lr")
    assert run.find("loss") is run["train/loss"]


def test_find_refuses_a_tie() -> None:
    """Where several keys fit equally well, all are named and none is taken."""
    with pytest.raises(NotFoundError, match="2 keys of exp") as raised:
        run_with("train/loss", "val/loss", "lr").find("loss")
    assert raised.value.hint == "train/loss, val/loss"


def test_find_takes_a_pattern_that_fits_one_key() -> None:
    """A glob with one answer is an answer; with two it is a tie."""
    run = run_with("train/loss", "train/lr")
    assert run.find("*loss") is run["train/loss"]
    with pytest.raises(NotFoundError):
        run.find("train/*")


def test_item_access_is_exact() -> None:
    """`run[key]` takes no part of a name, and its error names the nearest."""
    run = run_with("train/loss", "lr")
    with pytest.raises(NotFoundError, match="'loss'") as raised:
        run["loss"]
    assert raised.value.hint == "nearest: train/loss"
    assert "train/loss" in run
    assert "loss" not in run
    assert list(run) == ["train/loss", "lr"]
    assert len(run) == 2
