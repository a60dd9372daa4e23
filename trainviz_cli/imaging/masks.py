"""Binary masks on a canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.imaging.arguments import NUMBERS, per_item, to_bytes
from trainviz_cli.imaging.blending import blend_mask
from trainviz_cli.imaging.tensors import as_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainviz_cli.imaging.arguments import Colours
    from trainviz_cli.imaging.canvas import Canvas


def draw_binary_masks(
    canvas: Canvas, binary_masks: object, colors: Colours, alphas: float | list[float]
) -> None:
    """Draws masks one after the other; `Visualizer.draw_binary_masks` says what they are."""
    masks = as_array("binary_masks", binary_masks)
    if masks.dtype != bool:
        raise ValueError(f"The dtype of binary_masks should be bool, but got {masks.dtype}")
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3 or masks.shape[1:] != (canvas.height, canvas.width):
        raise ValueError(
            "`binary_masks` must have the same shape with image, "
            f"(N, {canvas.height}, {canvas.width}), but got {masks.shape}"
        )
    colours = per_item("colors", colors, (str, tuple), len(masks))
    shares = per_item("alphas", alphas, NUMBERS, len(masks))
    looks = [
        (to_bytes(colour), float(share)) for colour, share in zip(colours, shares, strict=False)
    ]
    if wrong := [share for _, share in looks if not 0 <= share <= 1]:
        raise ValueError(f"an alpha lies in 0..1, not {wrong[0]}")

    def lay(pixels: NDArray[np.uint8]) -> None:
        for mask, (colour, share) in zip(masks, looks, strict=False):
            blend_mask(pixels, mask, colour, share)

    canvas.change_below(lay)
