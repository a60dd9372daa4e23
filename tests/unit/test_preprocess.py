"""Pictures as networks take them: the numbers torchvision would give, over the whole picture."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.torchvision_here import needs_torchvision
from trainviz_cli.errors import MissingPackageError, UsageError
from trainviz_cli.features.preprocess import MEAN, STD, Preprocessing, prepare, prepare_array
from trainviz_cli.imaging.picture import open_picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photo() -> Image.Image:
    """A picture of noise, twice as wide as high."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 120, 3), np.uint8)
    return Image.fromarray(pixels)


def plain(size: tuple[int, int] | None, channels: int = 3) -> Preprocessing:
    """Values from 0 to 1 as they are."""
    return Preprocessing(size, (0.0,) * channels, (1.0,) * channels, channels)


def test_a_picture_keeps_its_pixels(photo: Image.Image) -> None:
    """Of its own size, each pixel is where it was, from 0 to 1, channels first."""
    values = prepare(photo, plain((60, 120)))
    assert (values.shape, values.dtype) == ((1, 3, 60, 120), torch.float32)
    assert np.allclose(values[0].permute(1, 2, 0).numpy() * 255, np.asarray(photo), atol=1e-4)


def test_means_and_deviations_are_taken_off(photo: Image.Image) -> None:
    """Each channel is normalised with its own numbers."""
    values = prepare_array(photo, Preprocessing((60, 120)))
    given = prepare_array(photo, plain((60, 120)))
    for channel in range(3):
        expected = (given[0, channel] - MEAN[channel]) / STD[channel]
        assert np.allclose(values[0, channel], expected, atol=1e-6)


def test_numbers_of_bytes_are_told_from_numbers_of_one(photo: Image.Image) -> None:
    """MMEngine's means from 0 to 255 give what the same means from 0 to 1 give."""
    of_bytes = Preprocessing((60, 120), (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    assert np.allclose(
        prepare_array(photo, of_bytes), prepare_array(photo, Preprocessing((60, 120))), atol=1e-5
    )
    only_scaled = Preprocessing((60, 120), (0.0,) * 3, (255.0,) * 3)
    assert np.allclose(
        prepare_array(photo, only_scaled), prepare_array(photo, plain((60, 120))), atol=1e-6
    )


@needs_torchvision
def test_resizing_is_torchvisions(photo: Image.Image) -> None:
    """The whole picture is stretched, to the same numbers as torchvision's Resize gives."""
    from torchvision.transforms import v2

    steps = [v2.Resize((32, 48)), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    expected = v2.Compose([*steps, v2.Normalize(MEAN, STD)])(photo)
    assert torch.allclose(prepare(photo, Preprocessing((32, 48)))[0], expected, atol=1e-5)


def test_the_whole_picture_is_shown(photo: Image.Image) -> None:
    """Nothing is cropped: a mark in each corner is in that corner of what goes in."""
    for row, column in ((0, 0), (0, 119), (59, 0), (59, 119)):
        pixels = np.zeros((60, 120, 3), np.uint8)
        rows, columns = slice(max(row - 9, 0), row + 10), slice(max(column - 9, 0), column + 10)
        pixels[rows, columns] = 255
        values = prepare_array(Image.fromarray(pixels), plain((32, 32)))
        assert values[0, 0, -(row > 0), -(column > 0)] > 0.9
    assert photo.size == (120, 60)


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        ((120, 60), 32, (64, 128)),
        ((120, 60), 1, (60, 120)),
        ((640, 480), 32, (480, 640)),
        ((3, 5), 32, (32, 32)),
        ((47, 50), 14, (56, 42)),
    ],
)
def test_no_size_keeps_the_pictures_own(
    size: tuple[int, int], multiple: int, expected: tuple[int, int]
) -> None:
    """Sides of its own are rounded to what strides divide, and are never zero."""
    picture = Image.new("RGB", size)
    values = prepare_array(picture, plain(None)._replace(multiple=multiple))
    assert values.shape[2:] == expected


def test_grey_networks_get_one_channel(photo: Image.Image) -> None:
    """A grey network gets the brightness; means of colours become their mean."""
    values = prepare_array(photo, plain((60, 120), 1))
    assert values.shape == (1, 1, 60, 120)
    assert np.allclose(values[0, 0] * 255, np.asarray(photo.convert("L")), atol=1e-4)
    with_means = prepare_array(photo, Preprocessing((60, 120), channels=1))
    expected = (values - np.mean(MEAN)) / np.mean(STD)
    assert np.allclose(with_means, expected, atol=1e-5)


def test_one_number_counts_for_all_channels(photo: Image.Image) -> None:
    """A single mean is that of each channel."""
    one = prepare_array(photo, Preprocessing((60, 120), (0.5,), (0.25,)))
    three = prepare_array(photo, Preprocessing((60, 120), (0.5,) * 3, (0.25,) * 3))
    assert np.array_equal(one, three)


@pytest.mark.parametrize(
    ("preprocessing", "message"),
    [
        (Preprocessing(channels=4), "takes 4 channels"),
        (Preprocessing(mean=(0.5, 0.5)), "2 values of mean for 3 channels"),
        (Preprocessing(std=()), "0 values of std for 3 channels"),
        (Preprocessing(std=(0.2, 0.0, 0.2)), "every std is above 0"),
        (Preprocessing(mean=(float("nan"),)), "are numbers"),
        (Preprocessing(size=(0, 32)), "0x32 has no pixels"),
    ],
)
def test_what_can_not_be_is_an_error_of_usage(
    photo: Image.Image, preprocessing: Preprocessing, message: str
) -> None:
    """Options that no picture can be given with are refused."""
    with pytest.raises(UsageError, match=message):
        prepare_array(photo, preprocessing)


def test_a_file_goes_in_upright(tmp_path: Path) -> None:
    """A photo that was taken upright, in whatever mode, goes in as one sees it."""
    pixels = np.zeros((20, 40), np.uint8)
    pixels[:, 30:] = 255  # on the right as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: then at the bottom
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    values = prepare_array(open_picture(tmp_path / "photo.png"), plain(None, 1))
    assert values.shape == (1, 1, 32, 32)
    assert values[0, 0, -1].min() == 1
    assert values[0, 0, 0].max() == 0


def test_arrays_need_no_torch(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch there are arrays, and a tensor is told with what to install."""
    monkeypatch.setitem(sys.modules, "torch", None)
    assert prepare_array(photo, Preprocessing()).shape == (1, 3, 224, 224)
    with pytest.raises(MissingPackageError, match="torch is not installed"):
        prepare(photo, Preprocessing())


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]),
    st.sampled_from([1, 3]),
    st.none() | st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_any_picture_goes_in(
    size: tuple[int, int], mode: str, channels: int, wanted: tuple[int, int] | None
) -> None:
    """Whatever its size and mode, a picture becomes finite numbers of the shape asked for."""
    values = prepare_array(Image.new(mode, size), Preprocessing(wanted, channels=channels))
    assert values.shape[:2] == (1, channels)
    assert wanted is None or values.shape[2:] == wanted
    assert wanted is not None or all(side % 32 == 0 for side in values.shape[2:])
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
