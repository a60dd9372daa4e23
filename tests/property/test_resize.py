"""Resizing of any map to any size, against torch's interpolation."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.imaging.resize import resize, resized_sums

SIDES = st.integers(1, 40)
NEW_SIDES = st.integers(1, 200)


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray:
    """(C, H, W) float32: random values of some scale and offset."""
    shape = draw(st.integers(1, 4)), draw(SIDES), draw(SIDES)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-12, 12))
    offset = draw(st.sampled_from([0, 0, 1, -100])) * scale
    kind = draw(st.sampled_from(["normal", "ramp", "step", "constant"]))
    values = {
        "normal": random.normal(size=shape),
        "ramp": np.linspace(-1, 1, int(np.prod(shape))).reshape(shape),
        "step": random.integers(0, 2, shape),
        "constant": np.ones(shape),
    }[kind]
    return (values * scale + offset).astype(np.float32)


def by_torch(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(C, height, width) by torch, in the same precision."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))[None]
    size = (height, width)
    new = torch.nn.functional.interpolate(tensor, size, mode="bilinear", align_corners=False)
    return new[0].numpy()


def assert_equal(got: np.ndarray, wanted: np.ndarray, values: np.ndarray) -> None:
    """Equal within 1e-5 of the largest value."""
    assert got.shape == wanted.shape
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() <= 1e-5 * np.abs(values).max()


@settings(deadline=None)
@given(values=maps(), height=NEW_SIDES, width=NEW_SIDES)
def test_as_torch_interpolates(values: np.ndarray, height: int, width: int) -> None:
    """Each channel, alone or last of three dimensions, is what torch's interpolation makes."""
    wanted = by_torch(values, height, width)
    for channel, expected in zip(values, wanted, strict=True):
        assert_equal(resize(channel, height, width), expected, values)
    together = resize(np.moveaxis(values, 0, 2), height, width)
    assert_equal(np.moveaxis(together, 2, 0), wanted, values)


@settings(deadline=None, max_examples=20)
@given(
    values=maps(),
    long=st.integers(1000, 9000),
    short=st.integers(1, 3),
    tall=st.booleans(),
)
def test_as_torch_interpolates_far(
    values: np.ndarray, long: int, short: int, *, tall: bool
) -> None:
    """Positions stay exact along thousands of pixels."""
    height, width = (long, short) if tall else (short, long)
    for channel, expected in zip(values, by_torch(values, height, width), strict=True):
        assert_equal(resize(channel, height, width), expected, values)


@settings(deadline=None)
@given(values=maps(), height=NEW_SIDES, width=NEW_SIDES)
def test_no_value_beyond_the_old(values: np.ndarray, height: int, width: int) -> None:
    """What is between two values is never beyond them, and a constant stays itself."""
    slack = 1e-6 * np.abs(values).max()
    for channel in values:
        new = resize(channel, height, width)
        assert new.min() >= channel.min() - slack
        assert new.max() <= channel.max() + slack


@settings(deadline=None)
@given(values=maps(), height=NEW_SIDES, width=NEW_SIDES)
def test_sums_are_those_of_the_resized(values: np.ndarray, height: int, width: int) -> None:
    """The sums without resizing are the sums of the resized maps."""
    sums = resized_sums(values, height, width)
    assert sums.shape == (len(values),)
    assert sums.dtype == np.float64
    slack = 1e-5 * height * width * np.abs(values).max()
    for channel, total in zip(values, sums, strict=True):
        assert abs(resize(channel, height, width).sum(dtype=np.float64) - total) <= slack


@settings(deadline=None, max_examples=20)
@given(
    size=st.tuples(SIDES, SIDES),
    new=st.tuples(NEW_SIDES, NEW_SIDES),
    channels=st.sampled_from([(), (1,), (3,), (5,)]),
    seed=st.integers(0, 1000),
)
def test_memory_of_any_order(
    size: tuple[int, int], new: tuple[int, int], channels: tuple[int, ...], seed: int
) -> None:
    """Bytes, columns first, flipped and read-only arrays are resized as they show, and stay."""
    values = np.random.default_rng(seed).integers(0, 256, (*size, *channels), np.uint8)
    expected = resize(values.astype(np.float32), *new)
    for same in (values, np.asfortranarray(values), values[::-1, ::-1].copy()[::-1, ::-1]):
        kept = same.copy()
        same.flags.writeable = False
        assert np.array_equal(resize(same, *new), expected)
        assert np.array_equal(same, kept)


@settings(deadline=None, max_examples=10)
@given(count=st.integers(1, 40), side=st.sampled_from([1, 7, 200, 1100]), seed=st.integers(0, 9))
def test_sums_of_many_maps(count: int, side: int, seed: int) -> None:
    """However many maps are summed at once, each has its own sum."""
    count = min(count, 3_000_000 // side**2)
    values = np.random.default_rng(seed).random((count, side, side), np.float32)
    expected = values.sum(axis=(1, 2), dtype=np.float64)
    assert np.allclose(resized_sums(values, side, side), expected, rtol=1e-9)
