"""A run as a mapping of keys to series; pictures and config are read when first asked for."""

from pathlib import Path

import numpy as np
import pytest

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.run import Image, Run
from trainviz_cli.model.series import Series


def run_of(*keys: str) -> Run:
    """A run with one sample of each key."""
    columns = {key: Series(key, np.array([1]), np.array([0.5])) for key in keys}
    return Run("exp1", Path("exp1"), "local", columns)


def test_a_run_is_a_mapping_of_series() -> None:
    """Keys come in the order logged, and each gives its series."""
    run = run_of("loss", "acc", "lr")
    assert list(run) == ["loss", "acc", "lr"]
    assert len(run) == 3
    assert "acc" in run
    assert "missing" not in run
    assert run["acc"] is run.series["acc"]


def test_a_missing_key_names_the_nearest() -> None:
    """`run[...]` is exact, and its error helps."""
    with pytest.raises(NotFoundError, match="exp1 has no key 'los'") as caught:
        run_of("loss", "acc")["los"]
    assert caught.value.hint == "nearest: loss"
    assert caught.value.exit_code == 3


def test_a_run_without_keys_says_so() -> None:
    """There is no nearest key in an empty run."""
    with pytest.raises(NotFoundError) as caught:
        run_of()["loss"]
    assert caught.value.hint == "it has no keys at all"


@pytest.mark.parametrize(
    ("name", "key"), [("coco/bbox_mAP", "coco/bbox_mAP"), ("mAP", "coco/bbox_mAP"), ("LR", "lr")]
)
def test_find_ranks_as_the_command_line_does(name: str, key: str) -> None:
    """Part of a name, or another case, finds its key."""
    assert run_of("lr", "coco/bbox_mAP").find(name).key == key


def test_find_does_not_choose_between_equals() -> None:
    """Several keys of one rank are listed instead."""
    with pytest.raises(NotFoundError, match="'loss' fits 2 keys of exp1") as caught:
        run_of("train/loss", "val/loss").find("loss")
    assert caught.value.hint == "train/loss, val/loss"


@pytest.mark.parametrize(("name", "error"), [("xyz", NotFoundError), ("re:(", UsageError)])
def test_find_without_a_match(name: str, error: type[Exception]) -> None:
    """What fits nothing, or is no pattern, is the documented error."""
    with pytest.raises(error):
        run_of("loss").find(name)


def test_pictures_and_config_are_read_once_and_late() -> None:
    """Nothing is read before it is asked for, and nothing twice."""
    calls: list[str] = []

    def images() -> tuple[Image, ...]:
        calls.append("images")
        return (Image("a", 1, Path("a_1.png")),)

    def config() -> dict[str, object]:
        calls.append("config")
        return {"lr": 0.1}

    run = Run("exp1", Path("exp1"), "local", {}, list_images=images, load_config=config)
    assert calls == []
    for _ in range(2):
        assert [image.name for image in run.images] == ["a"]
        assert run.config == {"lr": 0.1}
    assert calls == ["images", "config"]


def test_a_run_made_of_series_alone_has_neither() -> None:
    """Pictures and config are optional."""
    run = run_of("loss")
    assert run.images == ()
    assert run.config == {}
    assert run.diagnostics == ()
