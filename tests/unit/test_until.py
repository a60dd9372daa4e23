"""What `--until` takes, and when it holds."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainviz_cli.analysis.until import Until
from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.model.bounded import Tally


class Told:
    """A run that says what it is told to."""

    def __init__(self, **values: tuple[float | None, float, float | None]) -> None:
        """Begins with the least, last and greatest value of some keys."""
        self.step: float | None = None
        self.epoch: float | None = None
        self.stalled = False
        self.tallies: dict[str, Tally] = {}
        for key, (least, last, most) in values.items():
            self.log(key, least, last, most)

    def log(self, key: str, least: float | None, last: float, most: float | None) -> None:
        """Gives a key its figures, under another name than Python would allow."""
        bad = None if math.isfinite(last) else 7
        self.tallies[key] = Tally(last=last, least=least, most=most, bad_step=bad)

    @property
    def keys(self) -> list[str]:
        """The keys so far."""
        return list(self.tallies)

    def tally(self, key: str) -> Tally:
        """A key in figures."""
        return self.tallies[key]

    is_finished = False

    def has_stalled(self, now_s: float, least_s: float = 0.0) -> bool:
        """Whether it was told that it has, and it is late."""
        return self.stalled and now_s > 90 + least_s


def run_of(key: str, least: float | None, last: float, most: float | None) -> Told:
    """A run with one key."""
    run = Told()
    run.log(key, least, last, most)
    return run


def holds(text: str, run: Told) -> bool:
    """Whether a condition holds for a run."""
    return Until(text).holds(run, 200.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last(loss)<0.6", True),
        ("last(loss)<0.5", False),
        ("last(loss)<=0.5", True),
        ("last(loss)==0.5", True),
        ("last(loss)>0.5", False),
        ("last(loss)>=0.5", True),
        ("loss<0.6", True),
        ("loss>.5e0", False),
        ("min(loss)<=0.25", True),
        ("min(loss)<0.25", False),
        ("max(loss)>=0.75", True),
        ("max(loss)>-1", True),
        ("best(loss)<0.3", True),
        ("best(loss)>0.3", False),
        ("  best ( loss )  <  0.3 ", True),
        ("loss < 0.6", True),
        ("loss\t<\t0.6", True),
        ("LOSS<0.6", True),
        ("los*<0.6", True),
        ("re:^lo.s$<0.6", True),
        ("last(re:(?<=l)oss)<0.6", True),
        ("last(re:(?P<x>loss))<0.6", True),
        ("loss<inf", True),
        ("accuracy<1", False),
        ("last(recall@IoU>0.5)>=0", False),
    ],
)
def test_a_key_is_compared(text: str, expected: bool) -> None:  # noqa: FBT001 - a case
    """Its last, least, greatest or best value; however spaces and the key are written."""
    assert holds(text, run_of("loss", 0.25, 0.5, 0.75)) is expected


@pytest.mark.parametrize(
    ("key", "best"),
    [("loss", 0.25), ("val/loss_cls", 0.25), ("WER", 0.25), ("coco/bbox_mAP", 0.75), ("lr", 0.75)],
)
def test_best_is_least_of_losses_and_most_of_metrics(key: str, best: float) -> None:
    """By the key's name."""
    assert holds(f"best({key})=={best}", run_of(key, 0.25, 0.5, 0.75))


@pytest.mark.parametrize(
    "key", ["a->b", "a=b", "a(b)", "best", "x >= y z", "step_time", "nan_rate", "IoU>x", "lr=0.1/x"]
)
def test_keys_with_signs_in_them(key: str) -> None:
    """A key may hold what else stands in a condition; the last comparison is the one meant."""
    assert holds(f"{key}>=0.5", run_of(key, 0.5, 0.5, 0.5))
    assert holds(f"last({key}) >= 0.5", run_of(key, 0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("text", "step", "epoch", "expected"),
    [
        ("step>=10000", 10000, None, True),
        ("step>=10000", 9999, None, False),
        ("step>=10000", None, None, False),
        ("epoch>=12", 5, 12.0, True),
        ("epoch>=12", 5, 11.99, False),
        ("epoch>=12", 500, None, False),
        (" Step > 1_000 ", 1001, None, True),
        ("EPOCH==1", 1, 1, True),
    ],
)
def test_steps_and_epochs(
    text: str,
    step: float | None,
    epoch: float | None,
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """Of the run, whatever its keys are called; unknown ones hold nothing."""
    run = run_of("step_time", 0, 0, 0)
    run.step, run.epoch = step, epoch
    assert holds(text, run) is expected


def test_stalled() -> None:
    """It holds when the run says so, by the clock that is handed over."""
    run = Told()
    assert not Until("stalled").holds(run, 200.0)
    run.stalled = True
    assert Until(" Stalled ").holds(run, 200.0)
    assert not Until("stalled").holds(run, 50.0)


def test_nan() -> None:
    """It holds when any key turned NaN or infinite."""
    run = Told(loss=(0.0, 0.5, 1.0))
    assert not holds("nan", run)
    run.log("grad", None, math.inf, None)
    assert holds("NaN", run)
    assert not holds("nan", Told())


def test_a_value_that_is_no_number_fulfils_nothing() -> None:
    """Neither a NaN, nor the extremes where there is no finite value."""
    run = run_of("loss", None, math.nan, None)
    for sign in ("<", ">", "<=", ">=", "=="):
        for which in ("last", "min", "max", "best"):
            assert not holds(f"{which}(loss){sign}0", run)
    assert holds("loss>1e300", run_of("loss", None, math.inf, None))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "loss", "stall", "<", "<1", ">=1", "(loss)>", "best(loss)", "loss<", "loss=1"),
        *("loss!=1", "loss=>1", "loss=<1", "loss<>1", "loss===1", "loss<<1", "loss<0.1<0.2"),
        *("best()>1", "best( )>1", "last(\t)>1", "loss<x", "loss<1%", "loss<nan", "loss<1,5"),
        *(
            "loss<0.1 and acc>1",
            "last(loss)<0.1 and last(acc)>1",
            "loss<.1||acc > 1",
            "re:(<1",
            "last(re:[)>=0",
            "step",
            "epoch>",
            "a\nb>1",
            "loss < ",
        ),
    ],
)
def test_what_says_nothing_is_refused(text: str) -> None:
    """At once, with a hint or what is wrong with the pattern."""
    with pytest.raises(UsageError) as caught:
        Until(text)
    assert caught.value.hint or "pattern" in caught.value.message


def test_what_is_refused_is_named() -> None:
    """In short, with examples."""
    with pytest.raises(UsageError, match=r"--until doesn't understand 'best\(\)>1'") as caught:
        Until(" best()>1 ")
    assert caught.value.hint is not None
    assert "best(val/mAP)>=0.37" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        Until("x" * 10_000)
    assert len(caught.value.message) < 200


def test_the_examples_of_the_hint_are_taken() -> None:
    """Each of them says what it seems to."""
    with pytest.raises(UsageError) as caught:
        Until("?")
    assert caught.value.hint is not None
    for text in caught.value.hint.replace(" or ", ", ").split(", "):
        assert Until(text.strip("'")).text == text.strip("'")


@given(text=st.text() | st.from_regex(r"(best|last|re:)?\(?.{0,20}\)?(<|>=|==).{0,9}"))
@example(text="best(" * 1000)
@example(text="re:" + "(" * 5000 + "<1")
@example(text="re:a{99999999999999999999}<1")
@example(text="step>=" + "9" * 5000)
@example(text=" " * 5000 + "x" + " " * 5000 + "<" + " " * 5000)
@example(text="last(\ud800)>\ud800")
@example(text="re:(?L)a<1")
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    """Nothing else happens; and a condition can be asked, of no keys and of some."""
    try:
        until = Until(text)
    except UsageError:
        return
    for run in (Told(), Told(loss=(0.0, 0.5, 1.0)), Told(a=(0, 0, 0), b=(1, 1, 1))):
        try:
            assert until.holds(run, 0.0) in {True, False}
        except NotFoundError as error:
            assert "fits 2 keys" in error.message  # noqa: PT017 - it may also hold


def test_a_key_may_appear_later() -> None:
    """Until then it is open; from then on it counts."""
    run = Told(loss=(0.0, 0.5, 1.0))
    until = Until("best(mAP)>=0.3")
    assert not until.holds(run, 0.0)
    run.log("coco/bbox_mAP", 0.1, 0.2, 0.25)
    assert not until.holds(run, 0.0)
    run.log("coco/bbox_mAP", 0.1, 0.3, 0.3)
    assert until.holds(run, 0.0)


def test_several_keys_that_fit_are_an_error() -> None:
    """Which names them."""
    run = Told()
    run.log("train/loss", 0, 0, 0)
    run.log("val/loss", 0, 0, 0)
    with pytest.raises(NotFoundError, match=r"--until: 'loss' fits 2 keys") as caught:
        holds("loss<1", run)
    assert caught.value.hint == "one of train/loss, val/loss"
    with pytest.raises(NotFoundError, match="fits 2 keys"):
        holds("best(*loss)<1", run)
    assert holds("best(val/loss)<1", run)


def test_a_key_that_fits_better_takes_over() -> None:
    """Keys come one after the other; what was there first may only have been like it."""
    run = run_of("loss_cls", 5, 5, 5)
    until = Until("loss<1")
    assert not until.holds(run, 0.0)
    run.log("loss", 0, 0, 0)
    assert until.holds(run, 0.0)


def test_a_key_that_fits_as_well_does_not() -> None:
    """A condition goes on with the key it found, though another one would do."""
    run = run_of("train/loss", 5, 5, 5)
    until = Until("loss<1")
    assert not until.holds(run, 0.0)
    run.log("val/loss", 0, 0, 0)
    assert not until.holds(run, 0.0)
    run.log("train/loss", 0, 0, 0)
    assert until.holds(run, 0.0)


def test_each_run_has_its_own_keys() -> None:
    """One condition on several runs: as many keys in each, and other ones."""
    one, two, three = (
        run_of("lr", 0, 0, 0),
        run_of("a/mAP", 0.1, 0.1, 0.1),
        run_of("mAP", 1, 1, 1),
    )
    until = Until("mAP>=0.5")
    assert not until.holds(one, 0.0)
    assert not until.holds(two, 0.0)
    assert until.holds(three, 0.0)
    two.log("a/mAP", 0.1, 0.7, 0.7)
    assert until.holds(two, 0.0)
    assert not until.holds(one, 0.0)
