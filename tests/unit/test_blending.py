"""Colours laid over pixels, against the formula in floats, at every border."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from trainviz_cli.imaging.blending import blend_coverage, blend_mask

COLOUR = (250, 3, 120)
ALPHAS = [0, 1e-9, 1 / 512, 0.1, 0.25, 1 / 3, 0.5, 0.8, 0.99, 1 - 1e-9, 1]
HUGE = [-(10**30), -(2**63), -(2**31), -1000, 1000, 2**31, 2**63, 10**30]


def noise(*shape: int, seed: int = 3) -> np.ndarray:
    """Random bytes."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def opaque(height: int, width: int) -> np.ndarray:
    """Random pixels whose fourth channel is 255."""
    pixels = noise(height, width, 4)
    pixels[..., 3] = 255
    return pixels


def covered(
    pixels: np.ndarray, coverage: np.ndarray, left: int, top: int, colour: tuple[int, int, int]
) -> np.ndarray:
    """The exact result of blending, pixel by pixel, in floats."""
    expected = pixels.astype(float)
    for row, column in np.ndindex(coverage.shape):
        y, x = top + row, left + column
        if 0 <= y < len(pixels) and 0 <= x < pixels.shape[1]:
            share = coverage[row, column] / 255
            mixed = expected[y, x, :3] * (1 - share) + np.array(colour) * share
            expected[y, x, :3] = mixed
    return expected


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("left", "top"),
    [*product([-7, -6, -3, 0, 4, 9, 12, 13], [-5, -4, -2, 0, 3, 7, 9, 10])],
)
def test_coverage_is_clipped_at_every_border(left: int, top: int, channels: int) -> None:
    """Wherever a coverage lies, inside, across a border or beyond, its visible part is blended."""
    pixels, coverage = noise(10, 13, channels), noise(5, 7, seed=4)
    before = pixels.copy()
    blend_coverage(pixels, coverage, left, top, COLOUR)
    expected = covered(before, coverage, left, top, COLOUR)
    assert np.abs(pixels - expected).max() <= 0.5 + 1e-9
    assert np.array_equal(pixels[..., 3:], before[..., 3:])


@pytest.mark.parametrize(("left", "top"), [*product(HUGE, HUGE), *product(HUGE, [2])])
def test_coverage_far_away(left: int, top: int) -> None:
    """Offsets beyond any integer type change nothing and don't fail."""
    pixels = noise(6, 8, 4)
    before = pixels.copy()
    blend_coverage(pixels, np.full((3, 4), 255, np.uint8), left, top, COLOUR)
    blend_coverage(pixels, np.full((3, 4), 255, np.uint8), 2, left, COLOUR)
    assert np.array_equal(pixels, before)


def test_coverage_larger_than_the_pixels() -> None:
    """A coverage around the pixels on all sides is blended with what is on them."""
    pixels, coverage = noise(4, 5, 3), noise(40, 50, seed=4)
    before = pixels.copy()
    blend_coverage(pixels, coverage, -20, -10, COLOUR)
    expected = covered(before, coverage[10:14, 20:25], 0, 0, COLOUR)
    assert np.abs(pixels - expected).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_coverage_of_nothing(shape: tuple[int, int]) -> None:
    """An empty coverage changes nothing."""
    pixels = noise(6, 8, 4)
    before = pixels.copy()
    for left, top in product([-9, -1, 0, 3, 99], repeat=2):
        blend_coverage(pixels, np.zeros(shape, np.uint8), left, top, COLOUR)
    assert np.array_equal(pixels, before)


def test_every_share_of_every_grey() -> None:
    """All 256 shares of white over all 256 greys are exact to half a level; 0 and 255 exactly."""
    greys, shares = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    for level in (0, 1, 128, 254, 255):
        pixels = np.repeat(greys[..., None], 3, axis=2)
        blend_coverage(pixels, shares, 0, 0, (level, level, level))
        exact = (greys * (255.0 - shares) + level * 1.0 * shares) / 255
        assert np.abs(pixels[..., 0] - exact).max() <= 0.5
        assert np.array_equal(pixels[0, :, 0], greys[0])
        assert (pixels[255] == level).all()


def test_views_are_blended_in_place() -> None:
    """Pixels that are part of a larger array change there; coverage may be read-only."""
    large = noise(20, 20, 4)
    before = large.copy()
    coverage = np.full((30, 30), 255, np.uint8)
    coverage.flags.writeable = False
    blend_coverage(large[5:9, 6:12], coverage, 0, 0, COLOUR)
    assert (large[5:9, 6:12, :3] == COLOUR).all()
    large[5:9, 6:12, :3] = before[5:9, 6:12, :3]
    assert np.array_equal(large, before)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("density", [0.02, 0.5, 1])
def test_masks_against_the_formula(alpha: float, density: float) -> None:
    """Under a mask is pixels * (1 - alpha) + colour * alpha within one level; elsewhere nothing."""
    pixels, mask = opaque(37, 53), np.random.default_rng(5).random((37, 53)) <= density
    before = pixels.copy()
    blend_mask(pixels, mask, COLOUR, alpha)
    exact = before[..., :3] * (1 - alpha) + np.array(COLOUR) * alpha
    assert np.abs(pixels[..., :3] - exact)[mask].max() <= 1
    assert np.array_equal(pixels[~mask], before[~mask])
    assert (pixels[..., 3] == 255).all()
    if alpha in {0, 1}:
        assert np.array_equal(pixels[..., :3][mask], np.rint(exact)[mask])


def test_every_grey_under_every_alpha() -> None:
    """All 256 greys under black, grey and white masks of 101 alphas are within one level."""
    for alpha, level in product(np.linspace(0, 1, 101).tolist(), (0, 1, 127, 255)):
        pixels = np.full((1, 256, 4), 255, np.uint8)
        pixels[0, :, :3] = np.arange(256)[:, None]
        blend_mask(pixels, np.ones((1, 256), bool), (level, level, level), alpha)
        exact = np.arange(256) * (1 - alpha) + level * alpha
        assert np.abs(pixels[0, :, 0] - exact).max() <= 1
        assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40_000), (40_000, 1), (33_000, 5), (5, 33_000)])
def test_masks_that_are_blended_in_bands(size: tuple[int, int]) -> None:
    """However a mask is divided to be blended, every pixel of it is blended once."""
    pixels, mask = np.full((*size, 4), 255, np.uint8), noise(*size) > 127
    pixels[..., :3] = 100
    blend_mask(pixels, mask, (200, 200, 200), 0.5)
    assert np.array_equal(pixels[..., 0], np.where(mask, 150, 100))


def test_masks_in_any_memory() -> None:
    """Masks may be transposed, flipped, strided or broadcast."""
    mask = noise(12, 18) > 127
    for see in (
        mask,
        np.asfortranarray(mask),
        mask[::-1, ::-1].copy()[::-1, ::-1],
        np.repeat(np.repeat(mask, 2, 0), 3, 1)[::2, ::3],
    ):
        pixels = np.full((12, 18, 4), 255, np.uint8)
        blend_mask(pixels, see, (0, 0, 0), 1)
        assert np.array_equal(pixels[..., 0] == 0, mask)
    pixels = np.full((12, 18, 4), 255, np.uint8)
    blend_mask(pixels, np.broadcast_to(mask[:1], mask.shape), (0, 0, 0), 1)
    assert np.array_equal(pixels[..., 0] == 0, np.repeat(mask[:1], 12, 0))


def test_the_mask_stays() -> None:
    """The caller's mask isn't written to."""
    mask = noise(9, 9) > 127
    mask.flags.writeable = False
    blend_mask(opaque(9, 9), mask, COLOUR, 0.5)
