"""Which key the user means, which are shown unasked, and what the hint of an error names."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.keys import (
    common_main_keys,
    filter_keys,
    is_pattern,
    keys_asked_for,
    less_is_better,
    main_keys,
    match_keys,
    nearest,
    words,
)
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


def test_what_training_reached_comes_after_what_was_evaluated() -> None:
    """Of the metrics, those of the training data say less, and give way to the others."""
    keys = ["train/acc", "train/top1", "val/acc", "mAP", "lr"]
    assert main_keys(keys) == ["val/acc", "mAP", "train/acc", "train/top1", "lr"]


@pytest.mark.parametrize(
    "key",
    """loss train/loss val_loss loss_cls loss_bbox total_losses trainLoss d0.loss_mask
    decode.loss_ce loss/cls error/train logloss nll val/nll perplexity ppl error error_rate
    top1_err val/errors mistakes mae val/MSE rmse MAPE wer cer FID kid LPIPS kl kl_divergence bpc
    bits/bpd cost regret ECE EER brier_score time data_time val/time latency_ms memory eta acc/loss
    accuracy_error""".split(),
)
def test_less_is_better(key: str) -> None:
    """Losses, errors, distances and costs are best where they are lowest."""
    assert less_is_better(key)


@pytest.mark.parametrize(
    "key",
    """acc val/acc accuracy/top1 acc_5 top5 mAP coco/bbox_mAP_50 bbox/AP50 AR@100 aAcc mIoU mDice
    mFscore F1 f1_score val/precision recall PSNR SSIM MS_SSIM auc roc_auc BLEU rouge_l NDS hmean
    reward rollout/ep_rew_mean r2 pearson lr momentum grad_norm loss/acc error/accuracy time/acc
    lossless_ratio glossary timesteps""".split(),
)
def test_more_is_better(key: str) -> None:
    """Everything else is best where it is highest; the last part of a key says what it is."""
    assert not less_is_better(key)


@pytest.mark.parametrize(
    "key",
    "cross_entropy val/cross_entropy bce val/BCE NRMSE nmse smape mpjpe NME EPE hd95 FPR95".split(),
)
def test_measures_of_error_without_the_word(key: str) -> None:
    """What only an expert sees to be an error must not crown the worst run as the best."""
    assert less_is_better(key)


def test_the_folder_of_a_key_says_less_than_its_name() -> None:
    """Frames per second are logged under `time/` by some trainers, and more of them are better."""
    assert not less_is_better("time/fps")


@pytest.mark.parametrize("key", ["loss_scale", "train/loss_scale"])
def test_a_factor_of_the_loss_is_no_loss(key: str) -> None:
    """What mixed precision multiplies the loss by is not shown in place of a loss."""
    assert main_keys([key, "loss_cls", "mAP"])[0] == "loss_cls"


DETECTOR = ["loss", "loss_cls", "lr", "epoch", "coco/bbox_mAP", "coco/bbox_mAP_50"]
CLASSIFIER = ["train/loss", "train/acc", "val/loss", "val/acc", "lr"]
PLAYER = ["reward", "entropy", "step", "time"]


def test_common_keys_of_runs_alike_are_their_main_keys() -> None:
    """One run, or many with the same keys, show what is shown of one."""
    for keys in (DETECTOR, CLASSIFIER, PLAYER):
        for count in (1, 7):
            assert set(common_main_keys([keys] * count)) == set(main_keys(keys))


def test_common_keys_leave_no_run_empty() -> None:
    """However few run the other way, each run has a key among a few."""
    found = common_main_keys([DETECTOR] * 50 + [CLASSIFIER] * 3 + [PLAYER], 3)
    assert len(found) == 3
    for keys in (DETECTOR, CLASSIFIER, PLAYER):
        assert not set(found).isdisjoint(main_keys(keys))


def test_common_keys_are_those_of_most_runs() -> None:
    """Where there isn't room for all, the many are served before the few."""
    assert set(common_main_keys([DETECTOR] * 2 + [PLAYER], 1)) <= set(DETECTOR)
    assert set(common_main_keys([DETECTOR] + [PLAYER] * 2, 1)) <= set(PLAYER)


def test_common_keys_of_nothing() -> None:
    """No run, runs without keys, and no room at all are no error."""
    assert common_main_keys([]) == []
    assert common_main_keys([[], []]) == []
    assert common_main_keys([["step", "time"]]) == []
    assert common_main_keys([DETECTOR], 0) == []
    assert common_main_keys([[], DETECTOR], 1) != []


def test_common_keys_come_losses_first() -> None:
    """Losses, then metrics, then the rest, whatever order the runs come in."""
    for runs in ([DETECTOR, CLASSIFIER, PLAYER], [PLAYER, CLASSIFIER, DETECTOR]):
        found = common_main_keys(runs, 20)
        kinds = [0 if "loss" in key else 2 if key in {"lr", "entropy"} else 1 for key in found]
        assert kinds == sorted(kinds)


@settings(deadline=None)
@given(runs=st.lists(KEYS, max_size=8), most=st.integers(0, 12))
def test_common_keys_cover_the_runs(runs: list[list[str]], most: int) -> None:
    """No more than allowed, none twice, none that isn't a run's main key; all places are used.

    Each place gives a key to a run that had none, as long as there is one: so that as many places
    as there are runs of different keys serve every run.
    """
    found = common_main_keys(runs, most)
    every = {key for keys in runs for key in main_keys(keys)}
    assert len(set(found)) == len(found) == min(most, len(every))
    assert set(found) <= every
    kinds = {frozenset(main_keys(keys)) for keys in runs} - {frozenset()}
    served = sum(not kind.isdisjoint(found) for kind in kinds)
    assert served >= min(most, len(kinds))


@settings(deadline=None)
@given(runs=st.lists(KEYS, min_size=1, max_size=6), times=st.integers(2, 5))
def test_common_keys_do_not_depend_on_how_often(runs: list[list[str]], times: int) -> None:
    """A folder in which each run lies several times shows the same keys."""
    assert common_main_keys(runs * times) == common_main_keys(runs)


def test_keys_asked_for_may_come_later() -> None:
    """Those that are there, in the order asked for, each once; what fits none is left out."""
    assert keys_asked_for(["lr", "bbox*", "loss*", "mAP", "loss"], DETECTION) == [
        "lr",
        "loss",
        "loss_cls",
        "loss_bbox",
        "coco/bbox_mAP",
    ]
    assert keys_asked_for(["mAP"], []) == keys_asked_for([], DETECTION) == []
    with pytest.raises(UsageError):
        keys_asked_for(["re:("], [])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", DETECTION),
        ("  ", DETECTION),
        ("map", ["coco/bbox_mAP", "coco/bbox_mAP_50"]),
        ("OSS b", ["loss_bbox"]),
        ("50 coco", ["coco/bbox_mAP_50"]),
        ("loss_*", ["loss_cls", "loss_bbox"]),
        ("re:^l", ["loss", "loss_cls", "loss_bbox", "lr"]),
        ("*nothing*", []),
        ("nothing", []),
    ],
)
def test_keys_are_filtered_as_somebody_types(pattern: str, found: list[str]) -> None:
    """By all words, in whatever order and case, or by a pattern; an empty one takes all."""
    assert filter_keys(pattern, DETECTION) == found


def test_a_filter_takes_brackets_that_stand_in_a_key() -> None:
    """A key that could be a pattern is found as it is written, also while it is typed."""
    keys = ["loss[0]", "loss[1]", "loss0"]
    assert filter_keys("loss[", keys) == ["loss[0]", "loss[1]"]
    assert filter_keys("loss[0]", keys[:2]) == ["loss[0]"]
    with pytest.raises(UsageError):
        filter_keys("re:(", keys)
