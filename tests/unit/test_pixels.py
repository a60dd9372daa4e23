"""Pictures of every kind a training script holds become (H, W, 3) uint8 RGB, or are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from trainviz_cli.imaging.pixels import to_rgb

HEIGHT, WIDTH = 6, 8


def noise(*shape: int) -> np.ndarray:
    """Return random uint8 values."""
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def grey_as_rgb(grey: np.ndarray) -> np.ndarray:
    """Return the (H, W) picture with three equal channels."""
    return np.stack([grey, grey, grey], axis=2)


def check_form(rgb: np.ndarray) -> None:
    """Check what every result promises."""
    assert type(rgb) is np.ndarray
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    assert rgb.flags.c_contiguous


def assert_rgb(image: object, expected: np.ndarray) -> None:
    """Check that the image is drawn as expected, in the promised form."""
    rgb = to_rgb(image)
    check_form(rgb)
    assert np.array_equal(rgb, expected)


def test_rgb_bytes_are_not_copied() -> None:
    """The common case is free: the same array comes back."""
    pixels = noise(HEIGHT, WIDTH, 3)
    assert to_rgb(pixels) is pixels


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 1)])
def test_grey(shape: tuple[int, ...]) -> None:
    """Grey, with or without a channel dimension, fills three channels."""
    pixels = noise(*shape)
    assert_rgb(pixels, grey_as_rgb(pixels.reshape(HEIGHT, WIDTH)))


@given(
    npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])))
)
def test_views(pixels: np.ndarray) -> None:
    """Flipped, strided and transposed views are drawn as they show, in a contiguous copy."""
    for view in (pixels[::-1], pixels[:, ::2], pixels.swapaxes(0, 1), np.asfortranarray(pixels)):
        assert_rgb(view, np.broadcast_to(view, (*view.shape[:2], 3)))


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4))))
def test_transparency_over_white(pixels: np.ndarray) -> None:
    """RGBA is composited over white, rounded to the nearest."""
    colour, alpha = pixels[..., :3].astype(float), pixels[..., 3:] / 255
    assert_rgb(pixels, np.rint(colour * alpha + 255 * (1 - alpha)).astype(np.uint8))


def test_booleans() -> None:
    """A mask is black and white."""
    mask = np.array([[True, False], [False, True]])
    assert_rgb(mask, grey_as_rgb(np.array([[255, 0], [0, 255]], np.uint8)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_floats_are_scaled(dtype: type[np.floating[Any]]) -> None:
    """Of every float type, 0..1 gives back the byte it was made from."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert_rgb((pixels / 255).astype(dtype), grey_as_rgb(pixels))


def test_floats_are_rounded() -> None:
    """A float takes the nearest byte, not the one below."""
    assert_rgb(np.array([[0.49, 0.51, 254.6]]) / 255, grey_as_rgb(np.uint8([[0, 1, 255]])))


def test_small_overshoot_is_clipped() -> None:
    """What resampling overshoots 0..1 by becomes black and white."""
    image = np.array([[-0.0009, 0.0, 1.0, 1.0009]], np.float32)
    assert_rgb(image, grey_as_rgb(np.uint8([[0, 0, 255, 255]])))


@pytest.mark.parametrize(
    ("values", "found"),
    [([[0.0, 255.0]], r"0\.\.255;"), ([[-2.1, 2.6]], r"-2\.1\.\.2\.6;"), ([[0, 1.01]], r"1\.01;")],
)
def test_floats_out_of_range(values: list[list[float]], found: str) -> None:
    """Floats beyond 0..1 are refused: the message names the range found and the cure."""
    with pytest.raises(ValueError, match=found) as caught:
        to_rgb(np.array(values, np.float32))
    assert "divide 0..255 by 255" in str(caught.value)
    assert "normalisation" in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(value: float, dtype: type[np.floating[Any]]) -> None:
    """NaN and infinity are refused by name, without a warning from NumPy."""
    image = np.full((HEIGHT, WIDTH, 3), 0.5, dtype)
    image[2, 3, 1] = value
    with pytest.raises(ValueError, match=r"\(6, 8, 3\) holds NaN or infinity"):
        to_rgb(image)


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_uint16_is_scaled(byte_order: str) -> None:
    """All 65536 values of uint16, in either byte order, take the nearest byte."""
    values = np.arange(65536).reshape(256, 256)
    expected = np.rint(values / 257).astype(np.uint8)
    assert_rgb(values.astype(f"{byte_order}u2"), grey_as_rgb(expected))


@pytest.mark.parametrize("dtype", ["i2", "i4", "i8", ">i4", "u4", "u8"])
def test_wider_integers_hold_bytes(dtype: str) -> None:
    """0..255 in a wider integer type is taken as bytes."""
    pixels = noise(HEIGHT, WIDTH, 3)
    assert_rgb(pixels.astype(dtype), pixels)


def test_int8_within_range() -> None:
    """int8 is taken when nothing in it is negative."""
    assert_rgb(np.array([[0, 127]], np.int8), grey_as_rgb(np.uint8([[0, 127]])))


@pytest.mark.parametrize(
    ("values", "dtype", "found"),
    [
        ([[-1, 5]], "i1", r"-1\.\.5"),
        ([[0, 256]], "i8", r"0\.\.256"),
        ([[3, 2**64 - 1]], "u8", r"3\.\.18446744073709551615"),
    ],
)
def test_integers_out_of_range(values: list[list[int]], dtype: str, found: str) -> None:
    """Integers that are no bytes are refused with the range found."""
    with pytest.raises(ValueError, match=f"{np.dtype(dtype)} .*{found}"):
        to_rgb(np.array(values, dtype))


def test_array_likes() -> None:
    """Nested lists and objects that offer `__array__` are arrays too."""

    class DeviceArray:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return pixels

    pixels = noise(HEIGHT, WIDTH, 3)
    assert_rgb(pixels.tolist(), pixels)
    assert_rgb((pixels / 255).tolist(), pixels)
    assert_rgb(DeviceArray(), pixels)


def test_bfloat16_array() -> None:
    """A bfloat16 array, as jax gives one to NumPy, is scaled like any float."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    image = np.array([[0, 0.5, 1]], ml_dtypes.bfloat16)
    assert_rgb(image, grey_as_rgb(np.uint8([[0, 128, 255]])))


@pytest.mark.parametrize(
    "shape",
    [(), (5,), (HEIGHT, WIDTH, 2), (HEIGHT, WIDTH, 5), (1, 3, HEIGHT, WIDTH), (2, 2, 2, 2, 2)],
)
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    """A shape that is no picture is refused, and the message shows it."""
    with pytest.raises(ValueError, match="an image has the shape") as caught:
        to_rgb(np.zeros(shape, np.uint8))
    assert f"not {shape}" in str(caught.value)
    assert ("one image at a time" in str(caught.value)) == (len(shape) > 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_array_with_channels_first(channels: int) -> None:
    """A channels-first NumPy array is not guessed at: the message tells how to transpose it."""
    image = noise(channels, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match=rf"\({channels}, 6, 8\).*transpose\(1, 2, 0\)"):
        to_rgb(image)
    check_form(to_rgb(image.transpose(1, 2, 0)))


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0, 3), (0, 5, 3), (5, 5, 0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_empty(shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """A picture without pixels is refused, and the message shows its shape."""
    with pytest.raises(ValueError, match="empty") as caught:
        to_rgb(np.zeros(shape, dtype))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    "thing",
    [
        None,
        "cat.png",
        b"\x89PNG",
        Path("cat.png"),
        ["cat.png", "dog.png"],
        {"image": 1},
        [[1, 2], [3]],
        np.zeros((4, 4), np.complex64),
        np.zeros((4, 4), "datetime64[s]"),
        np.zeros((4, 4), [("r", "u1"), ("g", "u1")]),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_not_an_image(thing: object) -> None:
    """What is no picture at all is a TypeError that says so."""
    with pytest.raises(TypeError, match="not an image"):
        to_rgb(thing)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_opaque_pil_modes(mode: str) -> None:
    """An opaque PIL image is drawn as Pillow itself converts it."""
    picture = Image.fromarray(noise(HEIGHT, WIDTH, 3)).convert(mode)
    assert_rgb(picture, np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "La", "RGBA", "RGBa"])
def test_transparent_pil_modes(mode: str) -> None:
    """Transparent modes are composited: clear is white, opaque keeps its colour."""
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0, 1] = 200, 200, 200, 255
    picture = Image.fromarray(rgba)
    if mode == "La":  # which Pillow makes of LA only
        picture = picture.convert("LA")
    assert_rgb(picture.convert(mode), grey_as_rgb(np.uint8([[255, 200]])))


def test_palette_with_alpha_channel() -> None:
    """Mode PA, a palette index and an alpha per pixel, is composited."""
    picture = Image.new("PA", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((0, 0), (1, 0))
    picture.putpixel((1, 0), (1, 255))
    assert_rgb(picture, np.array([[[255, 255, 255], [40, 50, 60]]], np.uint8))


@pytest.mark.parametrize("clear", [1, b"\xff\x00"])
def test_transparent_palette_entry(clear: object) -> None:
    """A palette entry marked as transparent is white paper; the others keep their colours."""
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.info["transparency"] = clear
    assert_rgb(picture, np.array([[[10, 20, 30], [255, 255, 255]]], np.uint8))


def test_palette_of_rgba() -> None:
    """A palette that holds alpha itself is composited too."""
    rgba = np.array([[[200, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    picture = Image.fromarray(rgba).quantize(2, Image.Quantize.FASTOCTREE)
    assert picture.palette is not None
    assert picture.palette.mode == "RGBA"
    assert_rgb(picture, np.array([[[200, 0, 0], [255, 255, 255]]], np.uint8))


def test_transparent_colour() -> None:
    """The one colour that an RGB image marks as transparent is white paper."""
    picture = Image.new("RGB", (1, 1), (9, 8, 7))
    picture.info["transparency"] = (9, 8, 7)
    assert_rgb(picture, np.full((1, 1, 3), 255, np.uint8))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_pil_16_bit(mode: str) -> None:
    """16-bit grey is scaled, where Pillow's own conversion clips."""
    picture = Image.new(mode, (2, 1))
    picture.putpixel((0, 0), 257 * 100)
    picture.putpixel((1, 0), 65535)
    assert_rgb(picture, grey_as_rgb(np.uint8([[100, 255]])))


def test_pil_32_bit_and_float() -> None:
    """PIL's integer and float modes follow the rules of their dtypes."""
    assert_rgb(Image.new("I", (1, 1), 200), np.full((1, 1, 3), 200, np.uint8))
    assert_rgb(Image.new("F", (1, 1), 0.2), np.full((1, 1, 3), 51, np.uint8))
    with pytest.raises(ValueError, match=r"int32 .*40000"):
        to_rgb(Image.new("I", (1, 1), 40000))
    with pytest.raises(ValueError, match="divide"):
        to_rgb(Image.new("F", (1, 1), 200))


def test_pil_without_pixels() -> None:
    """A PIL image of no width is refused like an empty array."""
    with pytest.raises(ValueError, match="empty"):
        to_rgb(Image.new("RGB", (0, 3)))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tensor_channels_first(channels: int) -> None:
    """A (C, H, W) tensor is drawn as the (H, W, C) array would be."""
    torch = pytest.importorskip("torch")
    pixels = noise(HEIGHT, WIDTH, channels)
    tensor = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    assert_rgb(tensor, to_rgb(pixels))
    assert_rgb(tensor / 255, to_rgb(pixels))


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 1), (HEIGHT, WIDTH, 3)])
def test_tensor_other_layouts(shape: tuple[int, ...]) -> None:
    """(H, W) is grey, and (H, W, C) is recognised when the first dimension is no channels."""
    torch = pytest.importorskip("torch")
    pixels = noise(*shape)
    assert_rgb(torch.from_numpy(pixels), to_rgb(pixels))


def test_ambiguous_tensor_is_channels_first() -> None:
    """A (3, H, 3) tensor is read as torch lays pictures out."""
    torch = pytest.importorskip("torch")
    pixels = noise(3, HEIGHT, 3)
    assert_rgb(torch.from_numpy(pixels), pixels.transpose(1, 2, 0))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_tensor_float_types(name: str) -> None:
    """Half precision and bfloat16 are scaled like any float, gradients or not."""
    torch = pytest.importorskip("torch")
    image = torch.tensor([[0, 0.5, 1]], dtype=getattr(torch, name), requires_grad=True)
    assert_rgb(image, grey_as_rgb(np.uint8([[0, 128, 255]])))
    assert image.requires_grad


def test_tensor_masks_and_integers() -> None:
    """Boolean and integer tensors follow the rules of their dtypes."""
    torch = pytest.importorskip("torch")
    assert_rgb(torch.tensor([[True, False]]), grey_as_rgb(np.uint8([[255, 0]])))
    assert_rgb(torch.tensor([[7, 255]]), grey_as_rgb(np.uint8([[7, 255]])))
    with pytest.raises(ValueError, match=r"int64 .*0\.\.256"):
        to_rgb(torch.tensor([[0, 256]]))


def test_tensor_subclasses() -> None:
    """A parameter and a tensor class of one's own are tensors."""
    torch = pytest.importorskip("torch")

    class Picture(torch.Tensor):
        """A tensor of another module."""

    image = torch.rand(3, HEIGHT, WIDTH)
    assert_rgb(torch.nn.Parameter(image), to_rgb(image))
    assert_rgb(image.as_subclass(Picture), to_rgb(image))


@pytest.mark.parametrize("shape", [(3,), (2, HEIGHT, WIDTH), (1, 3, HEIGHT, WIDTH)])
def test_tensor_wrong_shape(shape: tuple[int, ...]) -> None:
    """A tensor that is no single picture is refused with the shape it has."""
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="an image has the shape") as caught:
        to_rgb(torch.zeros(shape))
    assert f"not {shape}" in str(caught.value)


def test_torch_module_is_no_image() -> None:
    """What comes from torch and is no tensor is no image."""
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="not an image: values of dtype object"):
        to_rgb(torch.nn.Identity())


def test_no_heavy_imports() -> None:
    """The module loads neither torch, Pillow nor jax."""
    code = (
        "import sys, trainviz_cli.imaging\n"
        "before = set(sys.modules)\n"
        "import trainviz_cli.imaging.pixels\n"
        "print(*{'torch', 'PIL', 'jax'} & (set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
