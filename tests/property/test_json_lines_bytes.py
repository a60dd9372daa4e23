"""Every line of the scalar log is, byte for byte, what `json.dumps` makes of the same record."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli import LocalVisBackend

if TYPE_CHECKING:
    from collections.abc import Callable

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text('%sbd"\\{}é\ud800\U0001f600')
# the edges between notations, and where the fast path for floats begins and ends
EDGES = [-0.0, 5e-324, 9.999e-5, 1e-5, 1e-4, 9999999999999998.0, 1e16, 1.7976931348623157e308]
FLOATS = st.floats() | st.floats(1e-5, 1e-3) | st.floats(1e15, 1e17) | st.sampled_from(EDGES)
INTEGERS = st.integers() | st.integers(-(10**4000), 10**4000)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | ANY_TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=10,
)
RECORDS = st.dictionaries(ANY_TEXT | st.just("step"), VALUES, max_size=6)
SCALAR_NAMES = ANY_TEXT.filter(lambda name: name != "step")


def written(*calls: Callable[[LocalVisBackend], None]) -> bytes:
    """What the calls leave in the scalar log of a new run."""
    with TemporaryDirectory() as folder:
        with LocalVisBackend(folder) as vis:
            for call in calls:
                call(vis)
        return (Path(folder) / "scalars.json").read_bytes()


def line(record: dict[str, object], step: int) -> bytes:
    """The line as Python's own JSON writes it; a step in the record wins and keeps its place."""
    return (json.dumps(record if "step" in record else {**record, "step": step}) + "\n").encode()


@settings(deadline=None)
@given(RECORDS, INTEGERS)
@example({"%s %% %(a)s": 1, "%b": "%b"}, 0)
@example({"": 0.1, "\ud800": float("nan")}, -1)
def test_add_scalars(record: dict[str, object], step: int) -> None:
    """Any record is one such line, the first time and from then on."""
    assert written(*[lambda vis: vis.add_scalars(record, step)] * 2) == line(record, step) * 2


@settings(deadline=None)
@given(SCALAR_NAMES, VALUES, INTEGERS)
@example("%s %% %(a)s", 0.1, 0)
def test_add_scalar(name: str, value: object, step: int) -> None:
    """Any name and value is one such line, the first time and from then on."""
    lines = line({name: value}, step) * 2
    assert written(*[lambda vis: vis.add_scalar(name, value, step)] * 2) == lines


@settings(deadline=None)
@given(st.lists(st.tuples(RECORDS, INTEGERS), max_size=5))
def test_one_backend_many_shapes(calls: list[tuple[dict[str, object], int]]) -> None:
    """Records of different names in one log do not write each other's names."""
    lines = written(
        lambda vis: vis.add_scalars({}),
        *(lambda vis, call=call: vis.add_scalars(*call) for call in calls),
    )
    assert lines == line({}, 0) + b"".join(line(*call) for call in calls)


@settings(deadline=None)
@given(st.dictionaries(ANY_TEXT, FLOATS, min_size=1))
def test_floats_come_back(record: dict[str, float]) -> None:
    """A float read back from its line is the same double, -0.0 and NaN included."""
    read = json.loads(written(lambda vis: vis.add_scalars(record)))
    assert {name: repr(value) for name, value in record.items()} == {
        name: repr(read[name]) for name in record
    }


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, True, 1.0, "1", 0, False, None]), min_size=2, max_size=4))
def test_names_that_are_no_text(names: list[object]) -> None:
    """Names that are equal to Python but not to JSON, as 1 and True, do not take each other's."""
    records = [{name: 0} for name in names]
    lines = written(*(lambda vis, record=record: vis.add_scalars(record, 1) for record in records))
    assert lines == b"".join(line(record, 1) for record in records)
