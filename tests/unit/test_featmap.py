"""Feature maps as pictures, against torch's interpolation of every channel."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli import Visualizer

LABEL = (20, 110)  # rows and columns in which a cell's label may be
BLUE, RED = [0, 0, 128], [128, 0, 0]  # what OpenCV's JET begins and ends with
MEAN, STRONGEST = "squeeze_mean", "select_max"


def draw(featmap: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    """The picture of a feature map."""
    drawn: np.ndarray = Visualizer.draw_featmap(featmap, *args, **kwargs)
    assert drawn.dtype == np.uint8
    assert drawn.ndim == 3
    return drawn


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Random maps."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def noise(*shape: int) -> np.ndarray:
    """Random bytes."""
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


# the oracle


def jet() -> np.ndarray:
    """OpenCV's COLORMAP_JET, RGB: linear pieces of slope 4 around three peaks."""
    at = np.arange(256) / 255
    peaks = (0.75, 0.5, 0.25)
    parts = [np.clip(1.5 - np.abs(4 * at - 4 * peak), 0, 1) for peak in peaks]
    return np.stack(parts, axis=1) * 255


def enlarged(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(C, H, W) at another size, by torch, in double precision."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.float64))[None]
    size = (height, width)
    resized = torch.nn.functional.interpolate(tensor, size, mode="bilinear", align_corners=False)
    return resized[0].numpy()


def coloured(values: np.ndarray, image: np.ndarray | None, alpha: float) -> np.ndarray:
    """One map in JET's colours, mixed with an image."""
    low, high = values.min(), values.max()
    index = np.zeros(values.shape, int)
    if high - low > 1e-9 * np.abs(values).max():
        index = np.floor((values - low) / (high - low) * 255 + 1e-6).astype(int)
    heat = jet()[np.minimum(index, 255)]
    return heat if image is None else image.astype(float) * (1 - alpha) + heat * alpha


def expected(
    maps: np.ndarray,
    image: np.ndarray | None = None,
    reduction: str | None = MEAN,
    topk: int = 20,
    arrangement: tuple[int, int] = (4, 5),
    resize_shape: tuple[int, int] | None = None,
    alpha: float = 0.5,
) -> tuple[np.ndarray, list[int]]:
    """The picture, and the channels in the order in which they are shown."""
    if image is not None and image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    height, width = maps.shape[1:] if image is None else image.shape[:2]
    if resize_shape is not None:
        height, width = resize_shape
        if image is not None:
            image = enlarged(np.moveaxis(image, 2, 0), height, width).transpose(1, 2, 0)
    maps = enlarged(maps, height, width)
    order = np.argsort(-maps.sum(axis=(1, 2)), kind="stable").tolist()
    if reduction == MEAN:
        return coloured(maps.mean(axis=0), image, alpha), []
    if reduction == STRONGEST:
        return coloured(maps[order[0]], image, alpha), order[:1]
    rows, columns = arrangement
    paper = np.full((rows * height, columns * width, 3), 255.0)
    for number, channel in enumerate(order[:topk]):
        top, left = number // columns * height, number % columns * width
        cell = coloured(maps[channel], image, alpha)
        paper[top : top + height, left : left + width] = cell
    return paper, order[:topk]


def assert_close(got: np.ndarray, wanted: np.ndarray, keep: np.ndarray | None = None) -> None:
    """All but a thousandth of the pixels, or three, are within three grey levels.

    The others are in the next of 256 colours, which is four levels away: what lies at the border
    between two may be rounded either way.
    """
    assert got.shape == wanted.shape
    far = np.abs(got - wanted).max(axis=2)[... if keep is None else keep]
    assert far.max() <= 5
    assert np.count_nonzero(far > 3) <= max(3, far.size // 1000)


def outside_labels(shape: tuple[int, ...], arrangement: tuple[int, int]) -> np.ndarray:
    """True where no label of the grid is."""
    rows, columns = arrangement
    height, width = shape[0] // rows, shape[1] // columns
    keep = np.ones(shape[:2], bool)
    for row in range(rows):
        for column in range(columns):
            top, left = row * height, column * width
            keep[top : top + min(LABEL[0], height), left : left + min(LABEL[1], width)] = False
    return keep


SIZES: list[tuple[tuple[int, int, int], tuple[int, int] | None]] = [
    ((1, 1, 1), (40, 40)),
    ((3, 40, 50), None),
    ((5, 7, 7), (224, 224)),
    ((16, 15, 20), (48, 64)),
    ((2, 23, 40), (72, 128)),
    ((4, 1, 30), (2, 60)),
    ((3, 50, 40), (25, 20)),
    ((1, 2, 3), (200, 300)),
    ((64, 14, 14), (14, 14)),
    ((2, 9, 9), (10, 10)),
]


@pytest.mark.parametrize(("shape", "size"), SIZES, ids=str)
@pytest.mark.parametrize("reduction", [MEAN, STRONGEST])
@pytest.mark.parametrize("alpha", [0.5, 0, 1, 0.3])
def test_one_map_over_an_image(
    shape: tuple[int, int, int], size: tuple[int, int] | None, reduction: str, alpha: float
) -> None:
    """The mean and the strongest channel are enlarged, coloured and mixed as by torch and JET."""
    maps = normal(*shape)
    image = None if size is None else noise(*size, 3)
    got = draw(maps, image, reduction, alpha=alpha)
    assert_close(got, expected(maps, image, reduction, alpha=alpha)[0])


@pytest.mark.parametrize("reduction", [MEAN, STRONGEST])
@pytest.mark.parametrize("resize_shape", [(1, 1), (3, 5), (7, 9), (40, 30), (100, 7), (31, 200)])
@pytest.mark.parametrize("with_image", [False, True])
def test_other_sizes(reduction: str, resize_shape: tuple[int, int], *, with_image: bool) -> None:
    """Map and image are both resized, larger or smaller, without antialiasing."""
    maps, image = normal(6, 14, 18), noise(28, 36, 3) if with_image else None
    got = draw(maps, image, reduction, resize_shape=resize_shape)
    assert_close(got, expected(maps, image, reduction, resize_shape=resize_shape)[0])


@pytest.mark.parametrize("arrangement", [(4, 5), (5, 4), (1, 20), (20, 1), (3, 7)])
@pytest.mark.parametrize("with_image", [False, True])
def test_several_channels(arrangement: tuple[int, int], *, with_image: bool) -> None:
    """The strongest channels are shown row by row, the strongest first, on white."""
    maps, image = normal(30, 40, 130), noise(40, 130, 3) if with_image else None
    got = draw(maps, image, None, 20, arrangement)
    wanted, _ = expected(maps, image, None, 20, arrangement)
    keep = outside_labels(got.shape, arrangement)
    assert keep.mean() > 0.4
    assert_close(got, wanted, keep)
    assert (got == 0).all(axis=2)[~keep].any()  # the labels


@pytest.mark.parametrize("resize_shape", [None, (25, 120), (60, 140)])
def test_several_small_channels_enlarged(resize_shape: tuple[int, int] | None) -> None:
    """Channels of 7 x 7 are ranked by what they sum up to at the size at which they are shown."""
    maps, image = normal(12, 7, 7, seed=3), noise(50, 130, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = draw(maps, image, None, 9, (3, 3), resize_shape, 0.4)
    wanted, _ = expected(maps, image, None, 9, (3, 3), resize_shape, 0.4)
    assert_close(got, wanted, outside_labels(got.shape, (3, 3)))


def test_the_order_of_channels() -> None:
    """Channels are ranked by their sums at full size, where edges count for more."""
    for seed in range(20):
        maps = normal(8, 3, 4, seed=seed)
        got = draw(maps, None, None, 4, (2, 2), (30, 120))
        wanted, order = expected(maps, None, None, 4, (2, 2), (30, 120))
        assert_close(got, wanted, outside_labels(got.shape, (2, 2)))
        single = draw(maps[order[0] : order[0] + 1], resize_shape=(30, 120))
        assert np.array_equal(draw(maps, None, STRONGEST, resize_shape=(30, 120)), single)


def test_labels_name_the_channels() -> None:
    """Each cell is labelled in black at its upper left, with its own channel's number."""
    maps = np.zeros((3, 40, 130), np.float32)
    maps[1], maps[0], maps[2] = 2, 1, 3  # each constant: each cell is one colour
    got = draw(maps, None, None, 3, (1, 3))
    cells = [got[:, left : left + 130] for left in (0, 130, 260)]
    for cell in cells:
        rows, columns = np.nonzero((cell != BLUE).any(axis=2))
        assert rows.max() < LABEL[0]
        assert columns.max() < LABEL[1]
    same = draw(maps[[0, 0, 0]], None, None, 3, (1, 3))
    assert not np.array_equal(cells[0], same[:, :130])  # channel 2, and channel 0
    assert np.array_equal(cells[2], same[:, :130])  # channel 0 is last


def test_more_places_than_channels() -> None:
    """Where there are fewer channels than places, the rest of the grid is white."""
    maps = normal(2, 30, 130)
    got = draw(maps, None, None, 20, (4, 5))
    assert got.shape == (120, 650, 3)
    assert (got[30:] == 255).all()
    assert (got[:30, 260:] == 255).all()
    assert not (got[:30, :260] == 255).all(axis=2).all()


def test_tiny_cells_keep_their_labels() -> None:
    """Labels larger than their cell are cut off at its border."""
    got = draw(normal(3, 2, 2), None, None, 2, (1, 3))
    assert got.shape == (2, 6, 3)
    assert (got[:, 4:] == 255).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("topk", [0, -1, -20])
def test_a_map_as_an_image(channels: int, topk: int) -> None:
    """With topk below 1 one channel is the map; of three the brightness, as OpenCV weighs BGR."""
    maps, image = normal(channels, 20, 30), noise(20, 30, 3)
    got = draw(maps, image, None, topk, alpha=0.7)
    if channels == 1:
        wanted = expected(maps, image, MEAN, alpha=0.7)[0]
    else:
        bytes_ = np.floor((maps - maps.min()) / np.ptp(maps).astype(float) * 255 + 1e-6)
        grey = np.rint(np.tensordot([0.114, 0.587, 0.299], bytes_, 1)).astype(int)
        wanted = image * 0.3 + jet()[grey] * 0.7
    # A brightness at half a level may be rounded either way, which JET makes 4 levels.
    assert (np.abs(got - wanted) <= 4).all()


@pytest.mark.parametrize("channels", [2, 4, 20])
def test_maps_that_are_no_image(channels: int) -> None:
    """Only 1 or 3 channels make an image, and the message says what to do."""
    with pytest.raises(ValueError, match=rf"must be 1 or 3.*is {channels}.*channel_reduction"):
        draw(normal(channels, 4, 5), channel_reduction=None, topk=-1)


# values


@pytest.mark.parametrize("value", [0.0, 1.0, -7.5, 1e30, -1e-30])
@pytest.mark.parametrize("reduction", [MEAN, STRONGEST])
def test_constant_maps(value: float, reduction: str) -> None:
    """A map of one value is JET's lowest colour, blue, as in MMEngine."""
    got = draw(np.full((2, 5, 6), value, np.float32), None, reduction)
    assert (got == BLUE).all()


@pytest.mark.parametrize(
    ("offset", "scale"),
    [(0, 1), (-100, 1), (1e4, 1), (-1e6, 100), (1e6, 5), (0, 1e-12), (0, 1e30), (-3e37, 1e37)],
)
@pytest.mark.parametrize("reduction", [MEAN, STRONGEST])
def test_where_values_lie_is_no_matter(offset: float, scale: float, reduction: str) -> None:
    """Negative, tiny, huge values and values far from zero are shown as any others."""
    maps = normal(3, 20, 30).astype(np.float32) * np.float32(scale) + np.float32(offset)
    got = draw(maps, resize_shape=(60, 90), channel_reduction=reduction)
    assert_close(got, expected(maps, None, reduction, resize_shape=(60, 90))[0])


def test_lowest_and_highest() -> None:
    """The lowest value is dark blue and the highest dark red, whatever the map."""
    maps = np.linspace(-3, 12, 256, dtype=np.float32).reshape(1, 16, 16)
    got = draw(maps)
    assert got[0, 0].tolist() == BLUE
    assert got[-1, -1].tolist() == pytest.approx(RED, abs=4)  # 255 may be 254.99
    assert len(np.unique(got.reshape(-1, 3), axis=0)) > 200


KINDS = [
    np.int8, np.int32, np.int64, np.uint8, np.uint16, np.float16, np.float32, np.float64,
    np.longdouble, torch.int8, torch.uint8, torch.int64, torch.float16, torch.bfloat16,
    torch.float32, torch.float64,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_kinds_of_numbers(kind: Any) -> None:
    """Integers and floats of any size, in arrays and tensors, show the same map."""
    whole = np.random.default_rng(1).integers(0, 100, (3, 6, 8))
    is_torch = isinstance(kind, torch.dtype)
    maps = torch.from_numpy(whole).to(kind) if is_torch else whole.astype(kind)
    for options in ({}, {"channel_reduction": STRONGEST}, {"channel_reduction": None}):
        assert np.array_equal(draw(maps, **options), draw(whole.astype(np.float32), **options))


@pytest.mark.parametrize("kind", [bool, torch.bool], ids=str)
def test_booleans(kind: Any) -> None:
    """A map of booleans is one of 0 and 1."""
    maps = np.eye(5, dtype=bool)[None]
    given = torch.from_numpy(maps) if kind is torch.bool else maps
    assert draw(given)[0, :2].tolist() == [RED, BLUE]


def test_tensors() -> None:
    """A tensor may need gradients, be a parameter, or a view in another order."""
    maps = normal(4, 6, 8)
    wanted = draw(maps)
    tensor = torch.from_numpy(maps)
    for same in (
        tensor,
        tensor.clone().requires_grad_(),
        torch.nn.Parameter(tensor.clone()),
        torch.from_numpy(maps.transpose(2, 0, 1).copy()).permute(1, 2, 0),
    ):
        assert np.array_equal(draw(same), wanted)
    for same in (
        np.asfortranarray(maps),
        maps[:, ::-1].copy()[:, ::-1],
        np.ascontiguousarray(maps),
    ):
        assert np.array_equal(draw(same), wanted)


@pytest.mark.parametrize(
    ("featmap", "error", "match"),
    [
        (np.zeros((2, 3, 4), complex), TypeError, "complex"),
        (torch.zeros(2, 3, 4, dtype=torch.complex64), TypeError, "complex"),
        (np.array([[["a"]]]), TypeError, "feature map"),
        (np.zeros((2, 3, 4), object), TypeError, "object"),
        ([[[1.0]]], TypeError, "featmap.*list"),
        (None, TypeError, "featmap.*None"),
        ("map", TypeError, "featmap.*str"),
        (np.zeros((2, 3)), ValueError, "Input dimension must be 3, but got 2"),
        (np.zeros((1, 2, 3, 4)), ValueError, "Input dimension must be 3, but got 4"),
        (torch.zeros(1, 2, 3, 4), ValueError, "Input dimension must be 3, but got 4"),
        (np.zeros(3), ValueError, "Input dimension must be 3, but got 1"),
        (np.array(3.0), ValueError, "Input dimension must be 3, but got 0"),
        (np.zeros((0, 3, 4)), ValueError, r"empty.*\(0, 3, 4\)"),
        (np.zeros((3, 0, 4)), ValueError, r"empty.*\(3, 0, 4\)"),
        (np.zeros((3, 4, 0)), ValueError, r"empty.*\(3, 4, 0\)"),
    ],
)
def test_what_is_no_feature_map(featmap: object, error: type[Exception], match: str) -> None:
    """What is no (C, H, W) array of numbers is refused, and the message says what it is."""
    with pytest.raises(error, match=match):
        draw(featmap)


@pytest.mark.parametrize("reduction", [MEAN, STRONGEST, None])
@pytest.mark.parametrize(
    "bad", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.nan, np.inf, -np.inf]], ids=str
)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_maps_with_holes(reduction: str | None, bad: list[float], kind: type) -> None:
    """NaN and infinity are an error that says so and how many there are, without a warning."""
    maps = normal(3, 4, 5).astype(kind)
    maps.reshape(-1)[: len(bad)] = bad
    with pytest.raises(ValueError, match=rf"NaN or infinity.*{len(bad)} of 60"):
        draw(maps, channel_reduction=reduction)


def test_doubles_beyond_floats() -> None:
    """A number that float32 can't hold is reported, without a warning of NumPy's."""
    maps = normal(3, 4, 5).astype(np.float64)
    maps[0, 0, 0] = 1e300
    with pytest.raises(ValueError, match="1 of 60"):
        draw(maps)


def test_sums_beyond_floats() -> None:
    """The mean of values near float32's limit is no overflow."""
    maps = np.full((3, 4, 5), 3e38, np.float32)
    maps[:, 1:] = -3e38
    assert draw(maps)[:2, 0].tolist() == [pytest.approx(RED, abs=4), BLUE]


# arguments


@pytest.mark.parametrize(
    "kind", ["grey", "grey channel", "RGBA", "float", "float 255", "PIL", "CHW"]
)
def test_kinds_of_overlaid_images(kind: str) -> None:
    """The image below is whatever `set_image` takes."""
    image = noise(14, 18, 3)
    image[..., 1] = image[..., 2] = image[..., 0]
    given: Any = {
        "grey": image[..., 0],
        "grey channel": image[..., :1],
        "RGBA": np.dstack((image, np.full((14, 18), 255, np.uint8))),
        "float": image / 255,
        "float 255": image.astype(np.float32),
        "PIL": Image.fromarray(image),
        "CHW": torch.from_numpy(image).permute(2, 0, 1),
    }[kind]
    maps = normal(2, 7, 9)
    assert np.array_equal(draw(maps, given), draw(maps, image))
    assert np.array_equal(Visualizer(image=given).get_image(), image)


def test_views_of_overlaid_images() -> None:
    """An image that is flipped, strided or by columns lies below as it shows."""
    maps, image = normal(2, 7, 9), noise(14, 18, 3)
    for same in (np.asfortranarray(image), image[::-1, ::-1].copy()[::-1, ::-1]):
        assert np.array_equal(draw(maps, same), draw(maps, image))


@pytest.mark.parametrize("reduction", [MEAN, STRONGEST, None])
@pytest.mark.parametrize("resize_shape", [None, (7, 9), (14, 18), (5, 5)])
def test_nothing_of_the_caller_changes(
    reduction: str | None, resize_shape: tuple[int, int] | None
) -> None:
    """Neither the map's nor the image's memory changes, nor do they share it with the picture."""
    for maps, image in ((normal(3, 7, 9), noise(14, 18, 3)), (normal(1, 14, 18), noise(14, 18, 3))):
        tensor = torch.from_numpy(maps)
        kept = maps.copy(), image.copy()
        maps.flags.writeable = image.flags.writeable = False
        for given in (maps, tensor):
            got = draw(given, image, reduction, 3, (1, 3), resize_shape)
            got[...] = 0
            got = draw(given, None, reduction, 3, (1, 3), resize_shape)
            got[...] = 0
        assert np.array_equal(maps, kept[0])
        assert np.array_equal(image, kept[1])
        assert draw(maps, None, reduction, 3, (1, 3), resize_shape).any()


@pytest.mark.parametrize("alpha", [-1, 2, 1.5, -0.01])
def test_shares_beyond_one_are_clipped(alpha: float) -> None:
    """An alpha beyond 0..1 doesn't wrap around: what is beyond white is white, as in OpenCV."""
    maps, image = normal(1, 7, 9), noise(7, 9, 3)
    wanted = expected(maps, image, alpha=alpha)[0].clip(0, 255)
    assert_close(draw(maps, image, alpha=alpha), wanted)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"channel_reduction": "mean"}, ValueError, "squeeze_mean.*select_max.*'mean'"),
        ({"channel_reduction": 7}, ValueError, "squeeze_mean"),
        ({"channel_reduction": None, "topk": 21}, ValueError, "arrangement.*4 x 5 < 21"),
        ({"channel_reduction": None, "arrangement": (2, 2)}, ValueError, "arrangement"),
        ({"channel_reduction": None, "arrangement": (0, 5)}, ValueError, "arrangement"),
        ({"channel_reduction": None, "arrangement": (-4, -5)}, ValueError, r"\S"),
        ({"resize_shape": (0, 0)}, ValueError, "resize_shape"),
        ({"resize_shape": (0, 9)}, ValueError, "resize_shape"),
        ({"resize_shape": (-3, 4)}, ValueError, "resize_shape"),
        ({"resize_shape": (float("nan"), 4)}, ValueError, "resize_shape"),
        ({"alpha": float("nan")}, ValueError, "alpha"),
        ({"alpha": float("inf")}, ValueError, "alpha"),
    ],
    ids=str,
)
@pytest.mark.parametrize("with_image", [False, True])
def test_wrong_options(
    options: dict[str, Any], error: type[Exception], match: str, *, with_image: bool
) -> None:
    """What makes no sense is refused by a message that says which argument it is."""
    with pytest.raises(error, match=match):
        draw(normal(6, 7, 9), noise(7, 9, 3) if with_image else None, **options)


@pytest.mark.parametrize(
    ("of_map", "of_image"),
    [
        ((7, 7), (224, 224)),
        ((15, 20), (480, 640)),
        ((23, 40), (720, 1280)),
        ((25, 42), (800, 1333)),
        ((1, 1), (5, 500)),
        ((7, 9), (7, 9)),
        ((224, 224), (7, 7)),
    ],
)
def test_smaller_versions_of_the_image_warn_of_nothing(
    of_map: tuple[int, int], of_image: tuple[int, int]
) -> None:
    """A map that a network of any stride made of the image lies where it was computed."""
    draw(np.zeros((1, *of_map), np.float32), np.zeros((*of_image, 3), np.uint8))


@pytest.mark.parametrize(
    ("of_map", "of_image"),
    [((7, 7), (224, 300)), ((15, 20), (640, 480)), ((40, 23), (720, 1280)), ((20, 20), (60, 80))],
)
def test_maps_of_another_shape_warn(of_map: tuple[int, int], of_image: tuple[int, int]) -> None:
    """A map of another shape than the image's is one warning of the line that draws it."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Visualizer.draw_featmap(np.zeros((1, *of_map)), np.zeros((*of_image, 3), np.uint8))
        Visualizer().draw_featmap(np.zeros((1, *of_map)), np.zeros((*of_image, 3), np.uint8))
    assert len(seen) == 2
    for each in seen:
        assert each.category is UserWarning
        assert each.filename == __file__
        for number in (*of_map, *of_image):
            assert str(number) in str(each.message)


def test_without_an_instance_and_with() -> None:
    """It can be called on the class, on an object, and before there is an image to draw on."""
    maps = normal(2, 3, 4)
    assert np.array_equal(Visualizer.draw_featmap(maps), Visualizer().draw_featmap(maps))


# Not `getrusage`: what starts this process is counted there as well.
PEAK = """
import re
from pathlib import Path
import numpy as np
from trainviz_cli import Visualizer

maps = np.random.default_rng(0).normal(size=(512, 7, 7)).astype(np.float32)
image = np.zeros((3000, 4000, 3), np.uint8)
for options in {}, {"channel_reduction": "select_max"}, {"channel_reduction": None, "topk": 1,
                                                         "arrangement": (1, 1)}:
    assert Visualizer.draw_featmap(maps, image, **options).shape == image.shape
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says how much it was")
def test_photos_need_no_gigabytes() -> None:
    """512 channels over a photo of 12 megapixels stay under 1 GB: not all of them are enlarged."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PEAK],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    assert int(done.stdout) * 1024 < 1 << 30
