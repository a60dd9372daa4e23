"""Configurations as flat tables: dotted names, what differs, values as text and as JSON."""

import json
import math
import subprocess
import sys
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.analysis.config import differing, flat, plain, value_text

NAN = math.nan
HUGE = 16**6000  # more decimal digits than Python writes
TEXTS = st.text() | st.sampled_from(["1", "1.0", "True", "None", "nan", "'a'", " a", "' a'", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("config", "table"),
    [
        ({}, {}),
        ({"lr": 0.1}, {"lr": 0.1}),
        ({"optim": {"lr": 0.1, "wd": 0}}, {"optim.lr": 0.1, "optim.wd": 0}),
        ({"a": {"b": {"c": 1}}}, {"a.b.c": 1}),
        ({"scale": [256, 512]}, {"scale": [256, 512]}),
        ({"scale": (256, 512)}, {"scale": (256, 512)}),
        (
            {"pipeline": [{"type": "Load"}, {"type": "Flip", "prob": 0.5}]},
            {"pipeline.0.type": "Load", "pipeline.1.type": "Flip", "pipeline.1.prob": 0.5},
        ),
        ({"milestones": [[1, 2], [3]]}, {"milestones.0": [1, 2], "milestones.1": [3]}),
        ({"hooks": [None, {"type": "A"}]}, {"hooks.0": None, "hooks.1.type": "A"}),
        ({"empty": {}, "none": [], "nothing": None}, {"empty": {}, "none": [], "nothing": None}),
        ({"classes": {0: "cat", 1: "dog"}}, {"classes.0": "cat", "classes.1": "dog"}),
    ],
)
def test_flat(config: dict[str, object], table: dict[str, object]) -> None:
    """Mappings, and lists of them, get dotted names; a list of plain values is one value."""
    assert flat(config) == table
    assert list(flat(config)) == list(table)


@settings(deadline=None)
@given(config=st.dictionaries(st.text("ab", min_size=1, max_size=3), TREES, max_size=4))
def test_flat_leaves_nothing_nested(config: dict[str, object]) -> None:
    """Whatever is nested how: no value of the table holds a mapping with something in it."""
    for value in flat(config).values():
        inside = value if isinstance(value, list) else [value]
        assert not any(isinstance(item, dict) and item for item in inside)
    assert bool(flat(config)) == bool(config)


def differences(*configs: dict[str, object]) -> dict[str, dict[str, object]]:
    """What differs between configurations, whose runs are called a, b, c..."""
    return differing({"abcdef"[i]: flat(config) for i, config in enumerate(configs)})


def test_only_what_differs() -> None:
    """What is the same in all is left out; order is that in which names first come."""
    assert differences({"z": 1, "same": 5, "y": 2}, {"z": 3, "same": 5, "y": 4, "x": 0}) == {
        "z": {"a": 1, "b": 3},
        "y": {"a": 2, "b": 4},
        "x": {"b": 0},
    }


def test_a_run_that_lacks_a_name_is_left_out_of_it() -> None:
    """A name that all others agree on still differs where one run doesn't have it."""
    assert differences({"lr": 1}, {"lr": 1, "wd": 2}, {"lr": 1, "wd": 2}) == {
        "wd": {"b": 2, "c": 2}
    }


def test_one_configuration_differs_from_none() -> None:
    """There is nothing to tell of one alone, or of none."""
    assert differences({"lr": 1}) == {}
    assert differing({}) == {}


def test_nested_values_are_compared_one_by_one() -> None:
    """Only the leaf that differs is named, however deep."""
    first = {"model": {"backbone": {"depth": 50, "norm": {"type": "BN"}}}}
    second = {"model": {"backbone": {"depth": 50, "norm": {"type": "SyncBN"}}}}
    assert differences(first, second) == {"model.backbone.norm.type": {"a": "BN", "b": "SyncBN"}}


def test_lists_of_mappings_of_different_length() -> None:
    """What the longer one has more is there in that run alone; what they share is left out."""
    short = {"pipeline": [{"type": "Load"}]}
    long = {"pipeline": [{"type": "Load"}, {"type": "Flip", "prob": 0.5}]}
    assert differences(short, long) == {
        "pipeline.1.type": {"b": "Flip"},
        "pipeline.1.prob": {"b": 0.5},
    }


def test_empty_list_against_a_list_of_mappings() -> None:
    """Nothing against something is a difference on both sides."""
    assert differences({"hooks": []}, {"hooks": [{"type": "A"}]}) == {
        "hooks": {"a": []},
        "hooks.0.type": {"b": "A"},
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *combinations([1, 1.0, True, "1"], 2),
        *((None, "None"), (True, "True"), (0.1, "0.1"), (NAN, "nan"), ([1], "[1]")),
        *(("", None), ("a", "a "), ((1, 2), [1, 2]), ([1], ["1"]), ([], {}), ("x ", "'x '")),
    ],
    ids=repr,
)
def test_types_differ(one: object, other: object) -> None:
    """Values that Python tells apart are a difference, though they may be equal or look alike."""
    assert differences({"x": one}, {"x": other}) == {"x": {"a": one, "b": other}}


@pytest.mark.parametrize(
    ("one", "other"),
    [(NAN, float("nan")), ([NAN], [float("nan")]), ({8, 0}, {0, 8}), (0.1, 0.10), ("a", "a")],
    ids=repr,
)
def test_same_values_do_not_differ(one: object, other: object) -> None:
    """NaN is NaN, and the order of a set means nothing."""
    assert differences({"x": one}, {"x": other}) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("adam", "adam"),
        ("two words", "two words"),
        ("/data/coco", "/data/coco"),
        ("", "''"),
        (" a", "' a'"),
        ("a\n", r"'a\n'"),
        (1, "1"),
        (1.0, "1.0"),
        (1e-7, "1e-07"),
        (True, "True"),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
        ((1,), "(1,)"),
        ({}, "{}"),
        (2**70, str(2**70)),
    ],
)
def test_value_text(value: object, text: str) -> None:
    """As in Python, but text without its quotes."""
    assert value_text(value) == text


@pytest.mark.parametrize("text", ["1", "-1", "0.5", "1e3", "True", "False", "None", "nan", "inf"])
def test_text_that_looks_like_a_value_keeps_its_quotes(text: str) -> None:
    """Where a table shows 1 and '1', one can see which is text."""
    assert value_text(text) == repr(text)


@settings(deadline=None, max_examples=300)
@given(one=SCALARS, other=SCALARS)
@example(one="'a'", other="a ")
@example(one=1, other="1")
def test_different_values_have_different_texts(one: object, other: object) -> None:
    """What a table shows for two values is the same only if they are."""
    same = type(one) is type(other) and repr(one) == repr(other)
    assert (value_text(one) == value_text(other)) == same


@pytest.mark.parametrize("value", [HUGE, -HUGE, [HUGE], {"a": (HUGE,)}], ids=["+", "-", "[]", "{}"])
def test_integers_too_long_for_decimal_digits(value: object) -> None:
    """An integer that Python refuses to write has a text all the same, and JSON for it."""
    assert "000000" in value_text(value)
    assert differences({"x": value}, {"x": 1})
    assert "000000" in json.dumps(plain(value))


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ((1, (2, "a")), [1, [2, "a"]]),
        ({1: "a", None: {"b": (2,)}}, {"1": "a", "None": {"b": [2]}}),
        ({3}, [3]),
        (frozenset({"a"}), ["a"]),
        (b"x", "b'x'"),
        (1j, "1j"),
        (..., "Ellipsis"),
        ([None, True, 1, 0.5, "a"], [None, True, 1, 0.5, "a"]),
        (2**70, 2**70),
    ],
    ids=repr,
)
def test_plain(value: object, held: object) -> None:
    """Names are text, sequences lists, numbers and text stay, anything else is its text."""
    assert plain(value) == held
    assert type(plain(value)) is type(held)
    assert json.loads(json.dumps(plain(value))) == held


SHOW_A_SET = """
from trainviz_cli.analysis.config import plain, value_text
print(plain({"a", "b", "c", "d", "e"}), value_text({"a", "b", "c", "d", "e"}))
"""


def test_sets_have_an_order() -> None:
    """The items of a set come in the same order in every process."""
    said = {
        subprocess.run(
            [sys.executable, "-c", SHOW_A_SET],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "0123"
    }
    assert len(said) == 1
