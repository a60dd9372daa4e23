"""Pictures as training scripts hold them, turned into RGB bytes.

Neither torch, Pillow nor jax is imported: their objects are known by what they can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from trainviz_cli.imaging.tensors import is_tensor, tensor_values

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

_RGB = (3,)  # the shape of one pixel
_RGBA = (4,)
_WHITE = np.uint8(255)
_FLOAT_SLACK = 1e-3  # what resampling and half precision overshoot 0..1 by
_UINT16_PER_UINT8 = 257  # 65535 / 255


def to_rgb(image: object) -> NDArray[np.uint8]:
    """Return the picture as (H, W, 3) uint8, RGB, C-contiguous.

    A NumPy array that already is that comes back as it is, not copied; a tensor or an array-like
    that already is that may share its memory with the result. Transparency is composited over
    white, as if drawn on paper.

    Args:
        image: One of

            - a NumPy array, or anything `numpy.asarray` takes (jax arrays, nested lists), of shape
              (H, W), (H, W, 1), (H, W, 3) or (H, W, 4);
            - a torch tensor on any device, with gradients or without, of shape (H, W) or
              (1 | 3 | 4, H, W), or (H, W, 1 | 3 | 4) if its first dimension is none of these;
            - a PIL image of any mode.

            Floats span 0..1; an overshoot of up to 0.001 is clipped. uint16 spans 0..65535; every
            other integer type 0..255. Of booleans, True is white.

    Raises:
        TypeError: This is not an image, or its dtype is not one of pixels.
        ValueError: The shape is none of the above, a dimension is zero, or a value is out of
            range, NaN or infinite.
    """
    pixels = _load(image)
    _check(pixels)
    samples = _to_uint8(pixels)
    if samples.shape[2:] == _RGBA:
        samples = _over_white(samples)
    if samples.shape[2:] == _RGB and samples.flags.c_contiguous:
        return samples
    return _interleave(np.atleast_3d(samples))


def to_rgb_of_any_range(image: object) -> NDArray[np.uint8]:
    """What `to_rgb` takes, as it returns it; but floats beyond 1 are 0..255, as in MMEngine."""
    if not (is_tensor(image) or isinstance(image, np.ndarray)):
        return to_rgb(image)
    pixels = _load(image)
    if pixels.dtype.kind == "f" and pixels.size and 1 + _FLOAT_SLACK < pixels.max() < np.inf:
        pixels = pixels.clip(0, _WHITE).astype(np.uint8)
    return to_rgb(pixels)


@runtime_checkable
class _Picture(Protocol):
    """What is used of `PIL.Image.Image`."""

    @property
    def mode(self) -> str: ...
    @property
    def info(self) -> dict[Any, Any]: ...
    def convert(self, mode: str) -> Self: ...


def _load(image: object) -> NDArray[Any]:
    """Return the pixels in their own dtype, channels last; nothing is checked yet."""
    if is_tensor(image):
        return _channels_last(tensor_values(image))
    if isinstance(image, _Picture):
        return _load_picture(image)
    try:
        pixels = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"not an image: {type(image).__name__} ({error})") from error
    return pixels.astype(np.float32) if pixels.dtype.name == "bfloat16" else pixels


def _channels_last(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor's values, channels first turned into a view with channels last."""
    match pixels.shape:
        case (1 | 3 | 4, _, _):
            return np.moveaxis(pixels, 0, 2)
        case _:
            return pixels


def _load_picture(picture: _Picture) -> NDArray[Any]:
    """Return the PIL image's pixels, with an alpha channel only if it can be transparent."""
    if picture.mode.startswith(("I", "F")):
        return np.asarray(picture)  # Pillow would clip 16-bit, 32-bit and float values, not scale
    if picture.mode == "La":
        picture = picture.convert("LA")  # the only conversion Pillow has for it
    # a palette may hold alpha itself
    transparent = picture.mode.endswith(("P", "A", "a")) or "transparency" in picture.info
    return np.asarray(picture.convert("RGBA" if transparent else "RGB"))


def _check(pixels: NDArray[Any]) -> None:
    """Raise unless the dtype is numeric and the shape that of one picture, channels last."""
    shape = pixels.shape
    if pixels.dtype.kind not in "biuf":
        raise TypeError(f"not an image: values of dtype {pixels.dtype}, shape {shape}")
    if 0 in shape:
        raise ValueError(f"the image is empty: shape {shape}")
    match shape:
        case (_, _) | (_, _, 1 | 3 | 4):
            return
        case (1 | 3 | 4, _, _):
            hint = "; if the channels come first, pass image.transpose(1, 2, 0)"
        case (_, _, _, _, *_):
            hint = "; pass one image at a time"
        case _:
            hint = ""
    raise ValueError(f"an image has the shape (H, W) or (H, W, 1 | 3 | 4), not {shape}{hint}")


def _to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the values scaled to 0..255 as their dtype asks for, in the same memory layout."""
    dtype = pixels.dtype
    if dtype == np.uint8:
        return pixels
    if dtype.kind == "b":
        return pixels * _WHITE
    if dtype.kind == "f":
        return _scale_floats(pixels)
    if dtype.kind == "u" and dtype.itemsize == np.dtype(np.uint16).itemsize:
        raised = pixels.astype(np.uint32) + _UINT16_PER_UINT8 // 2  # so that // rounds
        return (raised // _UINT16_PER_UINT8).astype(np.uint8)
    return _narrow_integers(pixels)


def _scale_floats(pixels: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return 0..1 as 0..255, rounded to the nearest."""
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite((low, high)).all():
        raise ValueError(f"the {pixels.dtype} image of shape {pixels.shape} holds NaN or infinity")
    if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
        raise ValueError(
            f"{pixels.dtype} pixels must lie in 0..1, these lie in {low:.4g}..{high:.4g}; "
            "divide 0..255 by 255, undo a normalisation, or rescale by the minimum and maximum"
        )
    precision = np.result_type(pixels, np.float32)
    scaled: NDArray[np.floating[Any]] = np.multiply(pixels, float(_WHITE), dtype=precision)
    np.rint(scaled, out=scaled)  # which clips as well: the slack is less than half a step
    return scaled.astype(np.uint8)


def _narrow_integers(pixels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """Return 0..255 of a wider or signed integer type as uint8."""
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > _WHITE:
        raise ValueError(
            f"{pixels.dtype} pixels must lie in 0..255, these lie in {low}..{high}; "
            "rescale them, or pass 16-bit pixels as uint16"
        )
    return pixels.astype(np.uint8)


def _over_white(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (H, W, 4) RGBA picture, alpha not premultiplied, as drawn on white paper."""
    alpha = samples[..., 3:].astype(np.uint16)
    # At most 255 * 255: uint16 holds it, and half a step more.
    ink = (_WHITE - samples[..., :3]) * alpha
    return _WHITE - ((ink + _WHITE // 2) // _WHITE).astype(np.uint8)


def _interleave(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the (H, W, 1 | 3) picture as C-contiguous RGB."""
    height, width, channels = samples.shape
    rgb = np.empty((height, width, 3), np.uint8)
    for band in range(3):  # one by one: NumPy copies a channels-first layout slowly at once
        rgb[..., band] = samples[..., band % channels]
    return rgb
