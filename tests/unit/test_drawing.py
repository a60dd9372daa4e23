"""Every `Visualizer.draw_*`: which pixels change and to what, what is taken and what is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli import Visualizer

if TYPE_CHECKING:
    from collections.abc import Callable

HEIGHT, WIDTH = 40, 60
RED = (255, 0, 0)
STYLES = ["-", "--", "-.", ":"]
ONE_PIXEL_POINTS = {"dpi": 72}  # a point is 1/72 inch
BOX = np.array([10, 8, 30, 20])
EVERY_CALL: dict[str, tuple[Any, ...]] = {
    "draw_points": (np.array([30, 20]),),
    "draw_texts": ("a", np.array([30, 20])),
    "draw_lines": (np.array([5, 50]), np.array([5, 30])),
    "draw_circles": (np.array([30, 20]), np.array([9])),
    "draw_bboxes": (BOX,),
    "draw_polygons": (np.array([[5, 5], [50, 9], [20, 35]]),),
    "draw_binary_masks": (np.eye(HEIGHT, WIDTH, dtype=bool),),
}


def noise(*shape: int, seed: int = 7) -> np.ndarray:
    """Random bytes."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def plain(grey: int = 0, height: int = HEIGHT, width: int = WIDTH, **kwargs: Any) -> Visualizer:
    """A Visualizer of an image of one grey."""
    return Visualizer(image=np.full((height, width, 3), grey, np.uint8), **kwargs)


def changed(vis: Visualizer, before: np.ndarray | int = 0) -> np.ndarray:
    """Where the image differs from what it was."""
    return (vis.get_image() != before).any(axis=2)


def block(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """True in these rows and columns."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def call(vis: Visualizer, method: str) -> Visualizer:
    """The method called with arguments that draw inside the image."""
    drawn: Visualizer = getattr(vis, method)(*EVERY_CALL[method])
    return drawn


# set_image and get_image


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (37, 53), (1, 20000), (20000, 1)])
def test_what_is_set_is_got(shape: tuple[int, int]) -> None:
    """An RGB image that nothing was drawn on comes back as it was, whatever its size."""
    image = noise(*shape, 3)
    vis = Visualizer()
    vis.set_image(image)
    got = vis.get_image()
    assert got.dtype == np.uint8
    assert np.array_equal(got, image)
    assert (vis.height, vis.width) == shape


@pytest.mark.parametrize(
    "see",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-2],
        lambda image: image[..., ::-1],
        lambda image: image.swapaxes(0, 1),
        np.asfortranarray,
        lambda image: np.broadcast_to(image[:1], image.shape),
    ],
    ids=["upside down", "every other column", "BGR", "transposed", "by columns", "broadcast"],
)
def test_views_of_memory(see: Callable[[np.ndarray], np.ndarray]) -> None:
    """Arrays whose memory is in another order, or read-only, are taken as they show."""
    image = noise(12, 14, 3)
    image.flags.writeable = False
    seen = see(image)
    assert np.array_equal(Visualizer(image=seen).get_image(), seen)


def test_kinds_of_pictures() -> None:
    """Grey, RGBA, floats of either range, PIL images and tensors mean the picture they hold."""
    rgb = noise(5, 6, 3)
    grey = np.repeat(rgb[..., :1], 3, axis=2)
    opaque = np.dstack((rgb, np.full((5, 6), 255, np.uint8)))
    for given, expected in [
        (grey[..., 0], grey),
        (grey[..., :1], grey),
        (opaque, rgb),
        (np.dstack((rgb, np.zeros((5, 6), np.uint8))), np.full_like(rgb, 255)),
        (rgb / 255, rgb),
        ((rgb / 255).astype(np.float32), rgb),
        (rgb.astype(np.float32), rgb),
        (rgb.astype(np.float64), rgb),
        (rgb.astype(np.int64), rgb),
        (Image.fromarray(rgb), rgb),
        (Image.fromarray(grey[..., 0]), grey),
        (Image.fromarray(opaque), rgb),
        (torch.from_numpy(rgb).permute(2, 0, 1), rgb),
        (torch.from_numpy(rgb).permute(2, 0, 1).contiguous(), rgb),
        (torch.from_numpy(grey[None, ..., 0].copy()), grey),
        (torch.from_numpy(rgb).permute(2, 0, 1) / 255, rgb),
        ((torch.from_numpy(rgb).permute(2, 0, 1) / 255).requires_grad_(), rgb),
    ]:
        assert np.array_equal(Visualizer(image=given).get_image(), expected), type(given)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_of_floats_up_to_255(kind: torch.dtype) -> None:
    """A tensor of floats in 0..255, as data preprocessors make, is taken as an array of them is."""
    rgb = noise(5, 6, 3)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1).to(kind)
    assert np.array_equal(Visualizer(image=tensor).get_image(), rgb)


def test_floats_beyond_bytes_are_clipped() -> None:
    """Floats of the range 0..255 that overshoot it stay white and black."""
    image = np.full((2, 2, 3), 254.0)
    image[0, 0], image[1, 1] = -9, 300
    assert Visualizer(image=image).get_image()[..., 0].tolist() == [[0, 254], [254, 255]]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 5, 2), np.uint8),
        np.zeros((2, 4, 5, 3), np.uint8),
        np.zeros(7, np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), np.inf),
        np.array([[0.5, np.nan]]),
        np.array([[200.0, np.inf]]),
        np.array([[-7]]),
        np.array([["a"]]),
        "cat.png",
        None,
        object(),
        np.zeros((2, 2), complex),
        torch.zeros(2, 4, 5, 3),
        np.broadcast_to(np.uint8(0), (1, 2**23, 3)),
    ],
    ids=lambda image: f"{type(image).__name__} {getattr(image, 'shape', image)!s:.20}",
)
def test_what_is_no_picture(image: object) -> None:
    """What is no picture, or too large a one, is refused; the image of before stays."""
    vis = plain(9)
    with pytest.raises((TypeError, ValueError)):
        vis.set_image(image)
    assert (vis.get_image() == 9).all()


def test_each_image_got_is_a_copy() -> None:
    """`get_image` gives a writable copy of its own: writing into it draws nothing."""
    vis = plain(5)
    first, second = vis.get_image(), vis.get_image()
    first[...] = 77
    assert (second == 5).all()
    assert (vis.get_image() == 5).all()
    vis.draw_bboxes(BOX)
    assert (second == 5).all()


@pytest.mark.parametrize("method", EVERY_CALL)
def test_the_callers_image_never_changes(method: str) -> None:
    """The array that was set stays as it was, whatever is drawn, and may be changed later."""
    image = noise(HEIGHT, WIDTH, 3)
    kept = image.copy()
    vis = call(Visualizer(image=image), method)
    drawn = vis.get_image()
    assert np.array_equal(image, kept)
    assert not np.array_equal(drawn, kept)
    image[...] = 0
    vis.draw_bboxes(BOX - 5, edge_colors="none")
    assert np.array_equal(vis.get_image(), drawn)


@pytest.mark.parametrize("method", EVERY_CALL)
def test_set_image_begins_anew(method: str) -> None:
    """Nothing that was drawn before is on the next image, which may be of another size."""
    vis = call(plain(), method)
    small = noise(4, 5, 3)
    vis.set_image(small)
    assert np.array_equal(vis.get_image(), small)
    vis.draw_binary_masks(np.zeros((4, 5), bool))
    assert np.array_equal(vis.get_image(), small)


@pytest.mark.parametrize("method", [*EVERY_CALL, "get_image"])
def test_without_an_image(method: str) -> None:
    """Before `set_image` each method says what to do first."""
    with pytest.raises(RuntimeError, match="set_image"):
        getattr(Visualizer(), method)(*EVERY_CALL.get(method, ()))


# exact pixels


@pytest.mark.parametrize(
    "corners",
    [(10, 8, 30, 20), (0, 0, WIDTH, HEIGHT), (0, 0, 1, 1), (WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT)],
)
@pytest.mark.parametrize("shape", ["bbox", "polygon"])
def test_a_filled_box_covers_exactly_its_pixels(
    corners: tuple[int, int, int, int], shape: str
) -> None:
    """Pixels of a box from x1 to x2 - 1 and y1 to y2 - 1 get its colour, and no other changes."""
    left, top, right, bottom = corners
    image = noise(HEIGHT, WIDTH, 3)
    vis = Visualizer(image=image)
    looks: dict[str, Any] = {"edge_colors": "none", "face_colors": (10, 200, 30), "alpha": 1}
    if shape == "bbox":
        vis.draw_bboxes(np.array(corners), **looks)
    else:
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        vis.draw_polygons(points, **looks)
    expected = image.copy()
    expected[top:bottom, left:right] = 10, 200, 30
    assert np.array_equal(vis.get_image(), expected)


@pytest.mark.parametrize("closed", [False, True])
def test_a_filled_triangle(closed: bool) -> None:  # noqa: FBT001 - a case
    """A triangle covers what is inside of it, half of what its diagonal cuts, and nothing else."""
    points = np.array([[5, 5], [30, 5], [5, 30]], np.float32)
    if closed:
        points = np.concatenate((points, points[:1]))
    vis = plain().draw_polygons(points, edge_colors="none", face_colors=RED, alpha=1)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    past = rows + columns + 1  # how far a pixel's centre is along the diagonal direction
    red = vis.get_image()[..., 0]
    corner = (rows >= 5) & (columns >= 5)
    assert (red[corner & (past < 35)] == 255).all()
    assert np.isin(red[corner & (past == 35)], range(126, 130)).all()
    assert red[~corner | (past > 35)].max() <= 2
    assert not vis.get_image()[..., 1:].any()


def test_the_middle_of_a_bow_tie_and_a_hole() -> None:
    """A polygon that crosses itself is filled on both sides of the crossing."""
    points = np.array([[10, 10], [30, 30], [30, 10], [10, 30]])
    vis = plain().draw_polygons(points, edge_colors="none", face_colors=RED, alpha=1)
    red = vis.get_image()[..., 0]
    assert red[20, 12] == red[20, 28] == 255
    assert red[12, 20] == red[28, 20] == 0


@pytest.mark.parametrize("points", [1, 2])
def test_polygons_of_few_points(points: int) -> None:
    """A polygon of one or two corners fills nothing, and doesn't fail."""
    shape = np.array([[10, 10], [30, 10]])[:points]
    vis = plain().draw_polygons(shape, edge_colors="none", face_colors=RED, alpha=1)
    assert not changed(vis).any()


@pytest.mark.parametrize("alpha", [0, 0.1, 0.25, 0.5, 0.8, 0.999, 1])
def test_filled_shapes_blend(alpha: float) -> None:
    """Inside of a shape is image * (1 - alpha) + colour * alpha, within Agg's rounding."""
    image, colour = noise(HEIGHT, WIDTH, 3), np.array([250, 3, 120])
    vis = Visualizer(image=image)
    vis.draw_bboxes(BOX, edge_colors="none", face_colors=(250, 3, 120), alpha=alpha)
    inside = block(8, 20, 10, 30)
    got = vis.get_image().astype(float)
    assert np.abs(got[inside] - (image[inside] * (1 - alpha) + colour * alpha)).max() <= 2
    assert np.array_equal(got[~inside], image[~inside])


@pytest.mark.parametrize("width", [0, 0.3, 1, 1.0, np.float32(1)])
def test_an_outline_of_one_point(width: float) -> None:
    """The thinnest outline, 1 point, is one pixel wide at 72 dpi, and where the box's edges are."""
    vis = plain(fig_save_cfg=ONE_PIXEL_POINTS)
    vis.draw_bboxes(BOX, edge_colors=RED, line_widths=width, alpha=1)
    ring = block(8, 21, 10, 31) & ~block(9, 20, 11, 30)
    assert np.array_equal(changed(vis), ring)
    image = vis.get_image()
    assert image[ring][:, 0].min() > 220  # the corners are a little round
    for side in (image[[8, 20], 11:30], image[9:20, [10, 30]]):
        assert (side == RED).all()


def test_an_outline_of_two_points() -> None:
    """An outline of 2 points lies half inside and half outside of the edges."""
    vis = plain(fig_save_cfg=ONE_PIXEL_POINTS)
    vis.draw_bboxes(BOX, edge_colors=RED, line_widths=2, alpha=1)
    ring = block(7, 21, 9, 31) & ~block(9, 19, 11, 29)
    assert np.array_equal(changed(vis), ring)


def test_an_outline_is_no_thicker_than_suits_the_image() -> None:
    """Outlines of 100 points are drawn as a quarter of the default font size."""
    thick, suiting = plain(), plain()
    thick.draw_bboxes(BOX, line_widths=100)
    suiting.draw_bboxes(BOX, line_widths=2.5)
    assert np.array_equal(thick.get_image(), suiting.get_image())


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_how_thick_lines_are(width: int) -> None:
    """A horizontal line is as many pixels thick as it has points at 72 dpi, around its place."""
    vis = plain(fig_save_cfg=ONE_PIXEL_POINTS)
    vis.draw_lines(np.array([0, WIDTH]), np.array([15, 15]), RED, line_widths=width)
    rows = np.flatnonzero(changed(vis)[:, 30])
    assert len(rows) == width
    assert abs(rows.mean() + 0.5 - 15) <= 0.5
    assert changed(vis)[rows].all()


@pytest.mark.parametrize("dpi", [36, 72, 100, 200])
def test_the_resolution_decides_how_thick_lines_are(dpi: int) -> None:
    """Line widths are in points: twice the dpi, twice the pixels."""
    vis = plain(fig_save_cfg={"dpi": dpi})
    vis.draw_lines(np.array([0, WIDTH]), np.array([20, 20]), RED, line_widths=4)
    covered = vis.get_image()[:, 30, 0].sum() / 255
    assert covered == pytest.approx(4 * dpi / 72, abs=0.6)


def test_styles_of_lines() -> None:
    """Dashed, dash-dotted and dotted lines cover less than the line they lie on, and differ."""
    full, *broken = (
        changed(plain().draw_lines(np.array([0, WIDTH]), np.array([20, 20]), RED, style))
        for style in STYLES
    )
    assert len({picture.tobytes() for picture in broken}) == len(broken)
    assert all(not (picture & ~full).any() and (full & ~picture).any() for picture in broken)


def test_each_line_has_its_own_looks() -> None:
    """Colours, styles and widths in lists go to the lines one by one."""
    vis = plain(fig_save_cfg=ONE_PIXEL_POINTS)
    xs, ys = np.array([[0, 60], [0, 60], [0, 60]]), np.array([[5, 5], [15, 15], [25, 25]])
    vis.draw_lines(xs, ys, ["r", (0, 255, 0), "#0000ff"], ["-", "--", "-"], [1, 1, 3])
    image = vis.get_image()
    assert (image[5, 1:-1] == (255, 0, 0)).all()
    assert {tuple(pixel) for pixel in image[15].tolist()} >= {(0, 255, 0), (0, 0, 0)}
    assert (image[24:27, 1:-1] == (0, 0, 255)).all()
    assert not image[:5].any()


def test_circles_are_round() -> None:
    """A filled circle covers what is nearer to its centre than the radius, and pi r² in all."""
    vis = plain().draw_circles(
        np.array([30, 20]), np.array([12]), edge_colors="none", face_colors=RED, alpha=1
    )
    red = vis.get_image()[..., 0]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = np.hypot(columns - 30, rows - 20)
    assert (red[away < 11.2] == 255).all()
    assert not red[away > 12.8].any()
    assert red.sum() / 255 == pytest.approx(np.pi * 144, rel=0.02)


def test_an_open_circle_leaves_its_inside() -> None:
    """By default circles are outlines around the radius alone."""
    vis = plain().draw_circles(np.array([[30, 20]]), np.array([12.0]))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = np.hypot(columns - 30, rows - 20)
    seen = changed(vis)
    assert seen[np.abs(away - 12) < 0.5].all()
    assert not seen[np.abs(away - 12) > 3].any()


def test_where_points_are_and_how_large() -> None:
    """A marker is centred on its position, and a disc's area in square points is its size."""
    vis = plain(fig_save_cfg=ONE_PIXEL_POINTS)
    vis.draw_points(np.array([[20, 15]]), RED, sizes=np.array([144]))
    red = vis.get_image()[..., 0] / 255
    rows, columns = np.nonzero(red)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(20, abs=0.6)
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(15, abs=0.6)
    # A size is the square of the diameter; the edge adds a line of one point around.
    assert red.sum() == pytest.approx(np.pi / 4 * 13**2, rel=0.1)


def test_each_point_has_its_own_looks() -> None:
    """Colours and sizes in lists go to the points one by one; three numbers are one colour."""
    places = np.array([[10, 20], [30, 20], [50, 20]])
    vis = plain().draw_points(places, ["r", "lime", (0, 0, 255)], sizes=np.array([20, 80, 150]))
    image = vis.get_image()
    assert image[20, [10, 30, 50]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    areas = [changed(vis)[:, each : each + 20].sum() for each in (0, 20, 40)]
    assert areas == sorted(areas)
    one = plain().draw_points(places, (7, 8, 9)).get_image()
    assert (one[20, [10, 30, 50]] == (7, 8, 9)).all()


@pytest.mark.parametrize("marker", ["x", "+", "s", "*", ".", ",", "1", "$a$", "D", "_"])
def test_markers(marker: str) -> None:
    """Every marker of matplotlib is drawn around its position, in its colour."""
    vis = plain().draw_points(np.array([30, 20]), RED, marker, np.array([100]))
    rows, columns = np.nonzero(changed(vis))
    assert rows.size
    assert columns.mean() == pytest.approx(30, abs=1.5)
    assert rows.mean() == pytest.approx(20, abs=6)
    assert not vis.get_image()[..., 1:].any()


@pytest.mark.parametrize("marker", ["", " ", "none", "None"])
def test_markers_of_nothing(marker: str) -> None:
    """The names of no marker draw none; leaving the marker out draws a disc."""
    assert not changed(plain().draw_points(np.array([30, 20]), marker=marker)).any()
    assert changed(plain().draw_points(np.array([30, 20]), marker=None)).any()


@pytest.mark.parametrize(
    ("name", "rgb"),
    [
        ("r", (255, 0, 0)),
        ("tab:blue", (31, 119, 180)),
        ("#ff00aa", (255, 0, 170)),
        ("#f0a", (255, 0, 170)),
        ("white", (255, 255, 255)),
        ("0.5", (127, 127, 127)),
        ("g", (0, 127, 0)),
        ("C1", (255, 127, 14)),
        ((1, 20, 254), (1, 20, 254)),
        ((0.0, 127.5, 255.0), (0, 127, 255)),
        ((np.uint8(3), np.int64(4), np.float32(5)), (3, 4, 5)),
    ],
    ids=str,
)
def test_colours(name: Any, rgb: tuple[int, int, int]) -> None:
    """Names are matplotlib's and tuples 0..255, in every method alike, within one grey level."""
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    corners = np.array([0, 0, WIDTH, HEIGHT])
    middle, far = np.array([30, 20]), np.array([[0, WIDTH]])
    flat = np.array([[20, 20]])
    for vis in [
        plain(99).draw_bboxes(corners, edge_colors="none", face_colors=name, alpha=1),
        plain(99).draw_bboxes(corners, face_colors="none", edge_colors=[name], alpha=1),
        plain(99).draw_binary_masks(everywhere, name, 1.0),
        plain(99).draw_points(middle, name),
        plain(99).draw_lines(far, flat, name, line_widths=3),
        plain(99).draw_texts("\u2588", np.array([10, 10]), 20, name),
    ]:
        image = vis.get_image().astype(int)
        strongest = np.abs(image - 99).max(axis=2).argmax()
        assert np.abs(image.reshape(-1, 3)[strongest] - rgb).max() <= 1


@pytest.mark.parametrize("method", ["draw_bboxes", "draw_polygons", "draw_circles", "draw_lines"])
def test_nothing_is_drawn_in_no_colour(method: str) -> None:
    """Edges and lines whose colour is "none" change nothing."""
    arguments = EVERY_CALL[method]
    named = "colors" if method == "draw_lines" else "edge_colors"
    assert not changed(getattr(plain(), method)(*arguments, **{named: "none"})).any()


@pytest.mark.parametrize("method", EVERY_CALL)
def test_pixels_far_from_what_is_drawn_stay(method: str) -> None:
    """What is drawn in the upper left changes no pixel in the rest of a large image."""
    image = noise(HEIGHT + 200, WIDTH + 300, 3)
    vis = Visualizer(image=image)
    if method == "draw_binary_masks":
        vis.draw_binary_masks(np.pad(EVERY_CALL[method][0], ((0, 200), (0, 300))))
    else:
        call(vis, method)
    got = vis.get_image()
    assert np.array_equal(got[HEIGHT + 10 :], image[HEIGHT + 10 :])
    assert np.array_equal(got[:, WIDTH + 10 :], image[:, WIDTH + 10 :])
    assert not np.array_equal(got, image)


@pytest.mark.parametrize("method", EVERY_CALL)
def test_the_canvas_stays_opaque(method: str) -> None:
    """The fourth channel that is drawn with is 255 everywhere, whatever was drawn."""
    vis = call(plain(), method)
    vis.draw_bboxes(BOX, face_colors=RED, alpha=0.3).draw_texts("a", BOX[:2], outline_colors="auto")
    seen: list[np.ndarray] = []
    assert vis._canvas is not None
    vis._canvas.change_below(lambda pixels: seen.append(pixels[..., 3].copy()))
    assert (seen[0] == 255).all()


def test_on_the_smallest_image() -> None:
    """Everything can be drawn on an image of one pixel."""
    vis = plain(0, 1, 1)
    vis.draw_points(np.array([0, 0])).draw_lines(np.array([0, 1]), np.array([0, 1]))
    vis.draw_circles(np.array([0.5, 0.5]), np.array([0.5]), face_colors="r")
    vis.draw_bboxes(np.array([0, 0, 1, 1])).draw_polygons(np.array([[0, 0], [1, 0], [1, 1]]))
    vis.draw_texts("a", np.array([0, 0])).draw_binary_masks(np.ones((1, 1), bool))
    assert vis.get_image().shape == (1, 1, 3)


@pytest.mark.parametrize("shape", [(1, 20000), (20000, 1)])
def test_on_the_longest_images(shape: tuple[int, int]) -> None:
    """A strip of 20,000 pixels is drawn on from end to end."""
    height, width = shape
    vis = plain(0, height, width)
    vis.draw_bboxes(np.array([0, 0, width, height]), edge_colors="none", face_colors=RED, alpha=1)
    assert (vis.get_image() == RED).all()


# order


def layered(order: list[str]) -> np.ndarray:
    """The picture of marks of several kinds in the same place, drawn in an order."""
    vis = plain(90)
    draw: dict[str, Callable[[], object]] = {
        "box": lambda: vis.draw_bboxes(BOX, face_colors="r", alpha=0.7),
        "disc": lambda: vis.draw_circles(np.array([20, 14]), np.array([7]), face_colors="b"),
        "points": lambda: vis.draw_points(np.array([[20, 14], [12, 9]]), "y"),
        "line": lambda: vis.draw_lines(np.array([5, 40]), np.array([8, 20]), "c"),
        "text": lambda: vis.draw_texts("Ww", np.array([12, 6]), bboxes={"facecolor": "m"}),
        "formula": lambda: vis.draw_texts("$x$", np.array([20, 6]), colors="w"),
        "mask": lambda: vis.draw_binary_masks(block(0, 15, 0, 25), "k", 0.5),
        "look": vis.get_image,
    }
    for name in order:
        draw[name]()
    return vis.get_image()


def test_kinds_are_stacked() -> None:
    """Text is above lines and lines above other shapes, whatever came first."""
    expected = layered(["box", "disc", "points", "line", "text", "formula"])
    for order in [
        ["text", "formula", "line", "box", "disc", "points"],
        ["box", "text", "disc", "line", "formula", "points"],
        ["text", "look", "box", "line", "look", "formula", "disc", "look", "points", "look"],
    ]:
        assert np.array_equal(layered(order), expected), order
    assert not np.array_equal(
        layered(["points", "disc", "box"]), layered(["box", "disc", "points"])
    )


def test_looking_changes_nothing() -> None:
    """However often the image is asked for between calls, the picture comes out the same."""
    order = ["text", "box", "mask", "line", "box", "mask", "formula", "points"]
    looked = [name for each in order for name in ("look", each, "look")]
    assert np.array_equal(layered(order), layered(looked))


def test_masks_lie_below_marks() -> None:
    """A mask changes the image below a box that was there, and never covers an opaque one."""
    vis = plain().draw_bboxes(BOX, edge_colors="none", face_colors=RED, alpha=1)
    vis.draw_binary_masks(np.ones((HEIGHT, WIDTH), bool), (0, 0, 255), 1.0)
    inside = block(8, 20, 10, 30)
    image = vis.get_image()
    assert (image[inside] == RED).all()
    assert (image[~inside] == (0, 0, 255)).all()


def test_what_is_drawn_stays_when_its_arguments_change() -> None:
    """Arrays, lists and dicts may be used again after the call, before the image is asked for."""
    places, sizes = np.array([[20.0, 20.0], [40, 20]]), np.array([50.0, 90])
    boxes, centers, radii = np.array([[5.0, 5, 15, 15]]), np.array([[30.0, 20]]), np.array([6.0])
    xs, ys, corners = (
        np.array([[3.0, 50]]),
        np.array([[30.0, 30]]),
        np.array([[1.0, 1], [9, 1], [5, 9]]),
    )
    text_places, looks, colours = np.array([[40.0, 5]]), {"facecolor": "r"}, ["r", "b"]
    mask = block(0, 5, 0, 5)

    def draw() -> Visualizer:
        vis = plain()
        vis.draw_texts(["$x$"], np.array([[3, 20]]))  # on top: what follows is painted again
        vis.draw_texts(["a"], text_places, bboxes=[looks])
        vis.draw_binary_masks(mask)
        vis.draw_lines(xs, ys).draw_points(places, colours, sizes=sizes)
        vis.draw_bboxes(boxes).draw_circles(centers, radii).draw_polygons([corners])
        return vis

    expected, vis = draw().get_image(), draw()
    for array in (places, sizes, boxes, centers, radii, xs, ys, corners, text_places, mask):
        array[...] = 1
    looks["facecolor"] = "b"
    colours.reverse()
    assert np.array_equal(vis.get_image(), expected)


# masks


@pytest.mark.parametrize("alpha", [*np.linspace(0, 1, 21).tolist(), 1 / 512, 0.003, 1e-9, 0, 1])
def test_masks_blend(alpha: float) -> None:
    """Under a mask is image * (1 - alpha) + colour * alpha within a grey level; 0 and 1 exactly."""
    image, mask = noise(HEIGHT, WIDTH, 3), noise(HEIGHT, WIDTH) > 100
    got = Visualizer(image=image).draw_binary_masks(mask, (250, 3, 120), alpha).get_image()
    expected = image * (1 - alpha) + np.array([250, 3, 120]) * alpha
    assert np.abs(got[mask] - expected[mask]).max() <= (1 if 0 < alpha < 1 else 0)
    assert np.array_equal(got[~mask], image[~mask])


def test_masks_are_laid_one_after_the_other() -> None:
    """Masks that overlap blend in their order, each with its own colour and share."""
    image, masks = noise(300, 401, 3), noise(4, 300, 401) > 90
    colours: list[Any] = ["r", (9, 8, 7), "tab:blue", (255, 255, 255)]
    shares = [0.5, 0.25, 0.8, 0.1]
    expected = image.astype(float)
    for mask, rgb, share in zip(
        masks, [(255, 0, 0), (9, 8, 7), (31, 119, 180), (255, 255, 255)], shares, strict=True
    ):
        expected[mask] = expected[mask] * (1 - share) + np.array(rgb) * share
    at_once = Visualizer(image=image).draw_binary_masks(masks, colours, shares).get_image()
    assert np.abs(at_once - expected).max() <= 2  # each rounds
    vis = Visualizer(image=image)
    for mask, colour, share in zip(masks, colours, shares, strict=True):
        vis.draw_binary_masks(mask, colour, share)
    assert np.array_equal(vis.get_image(), at_once)


@pytest.mark.parametrize(
    "rows_and_columns",
    [
        (0, 1, 0, 1),
        (0, 1, 0, WIDTH),
        (HEIGHT - 1, HEIGHT, 0, WIDTH),
        (0, HEIGHT, 0, 1),
        (0, HEIGHT, WIDTH - 1, WIDTH),
        (HEIGHT - 1, HEIGHT, WIDTH - 1, WIDTH),
        (0, HEIGHT, 0, WIDTH),
        (7, 8, 9, 10),
    ],
)
def test_masks_at_every_border(rows_and_columns: tuple[int, int, int, int]) -> None:
    """A mask in a corner, along a border or of one pixel covers itself and nothing beside."""
    mask = block(*rows_and_columns)
    assert np.array_equal(changed(plain().draw_binary_masks(mask, RED)), mask)


@pytest.mark.parametrize(
    "masks", [np.zeros((HEIGHT, WIDTH), bool), np.zeros((0, HEIGHT, WIDTH), bool)]
)
def test_empty_masks(masks: np.ndarray) -> None:
    """No mask, or one of nothing, changes nothing."""
    assert not changed(plain().draw_binary_masks(masks)).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 70_000), (70_000, 3), (600, 500)])
def test_masks_on_images_of_all_sizes(size: tuple[int, int]) -> None:
    """However the blending divides an image, every pixel of a mask is blended once."""
    mask = noise(*size) > 127
    vis = plain(100, *size).draw_binary_masks(mask, (200, 200, 200), 0.5)
    assert np.array_equal(vis.get_image()[..., 1], np.where(mask, 150, 100))


def test_masks_in_any_memory() -> None:
    """Masks may be transposed, flipped or tensors."""
    mask = noise(HEIGHT, WIDTH) > 127
    expected = plain().draw_binary_masks(mask).get_image()
    for same in (
        np.asfortranarray(mask),
        mask[::-1].copy()[::-1],
        mask[:, ::-1].copy()[:, ::-1],
        torch.from_numpy(mask),
        torch.from_numpy(mask.T.copy()).T[None],
    ):
        assert np.array_equal(plain().draw_binary_masks(same).get_image(), expected)


@pytest.mark.parametrize(
    "share", [np.float32(0.5), np.float64(0.5), np.float16(0.5), np.int64(1), 1, True]
)
def test_numbers_for_shares(share: Any) -> None:
    """An alpha may be any number, as line widths and font sizes may."""
    vis = plain().draw_binary_masks(block(0, 5, 0, 5), RED, share)
    assert abs(int(vis.get_image()[0, 0, 0]) - 255 * float(share)) <= 1


@pytest.mark.parametrize(
    ("masks", "match"),
    [
        (np.ones((HEIGHT, WIDTH), np.uint8), "bool.*uint8"),
        (np.ones((HEIGHT, WIDTH + 1), bool), rf"{HEIGHT}, {WIDTH + 1}"),
        (np.ones((2, WIDTH, HEIGHT), bool), rf"2, {WIDTH}, {HEIGHT}"),
        (np.ones((1, 1, HEIGHT, WIDTH), bool), rf"1, 1, {HEIGHT}, {WIDTH}"),
        (np.ones(HEIGHT, bool), rf"{HEIGHT},"),
        (torch.ones(HEIGHT, WIDTH), "bool.*float32"),
    ],
)
def test_wrong_masks(masks: object, match: str) -> None:
    """Masks that aren't bool or not of the image's size are refused, with what they are."""
    vis = plain()
    with pytest.raises(ValueError, match=match):
        vis.draw_binary_masks(masks)
    assert not changed(vis).any()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"colors": ["r"]}, ValueError),
        ({"alphas": [0.5]}, ValueError),
        ({"colors": []}, ValueError),
        ({"alphas": [0.5, 2]}, ValueError),
        ({"alphas": [0.5, -0.1]}, ValueError),
        ({"alphas": float("nan")}, ValueError),
        ({"alphas": "0.5"}, TypeError),
        ({"alphas": None}, TypeError),
        ({"colors": ["r", (300, 0, 0)]}, ValueError),
        ({"colors": ["r", "nope"]}, ValueError),
        ({"colors": ["r", 7]}, TypeError),
    ],
)
def test_wrong_looks_of_masks(options: dict[str, Any], error: type[Exception]) -> None:
    """Wrong colours and shares are refused before the first mask is laid."""
    vis = plain()
    with pytest.raises(error):
        vis.draw_binary_masks(np.ones((2, HEIGHT, WIDTH), bool), **options)
    assert not changed(vis).any()


# arguments


NUMBERS = [
    np.uint8, np.int8, np.int16, np.int32, np.int64, np.uint64,
    np.float16, np.float32, np.float64,
    torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64,
]  # fmt: skip


def as_kind(values: list[Any], kind: Any) -> Any:
    """An array or a tensor of these values, of a dtype of NumPy's or torch's."""
    if isinstance(kind, torch.dtype):
        return torch.tensor(values).to(kind)
    return np.array(values).astype(kind)


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_kinds_of_numbers(kind: Any) -> None:
    """Any type of number, in arrays and tensors, draws the same."""

    def draw(kind: Any) -> np.ndarray:
        vis = plain(height=120, width=120)
        vis.draw_bboxes(as_kind([[10, 8, 30, 20], [0, 0, 120, 120]], kind))
        vis.draw_points(as_kind([[30, 20], [5, 5]], kind), sizes=as_kind([9, 100], kind))
        vis.draw_lines(as_kind([[3, 50]], kind), as_kind([[30, 9]], kind))
        vis.draw_circles(as_kind([[60, 60], [100, 30]], kind), as_kind([60, 20], kind))
        vis.draw_polygons([as_kind([[1, 1], [90, 4], [50, 110]], kind)])
        vis.draw_texts(["a"], as_kind([[40, 5]], kind))
        return vis.get_image()

    assert np.array_equal(draw(kind), draw(np.float64))


def test_circles_of_small_integers() -> None:
    """Bytes don't wrap around: a circle of radius 200 is out of bounds, and as large as that."""
    with pytest.warns(UserWarning, match="circle is out of bounds"):
        small = plain(height=300, width=300).draw_circles(
            np.array([[250, 200]], np.uint8), np.array([200], np.uint8)
        )
    with pytest.warns(UserWarning, match="circle is out of bounds"):
        wide = plain(height=300, width=300).draw_circles(np.array([[250, 200]]), np.array([200]))
    assert np.array_equal(small.get_image(), wide.get_image())


@pytest.mark.parametrize("kind", [bool, torch.bool], ids=str)
def test_booleans_are_zero_and_one(kind: Any) -> None:
    """Arrays of booleans are taken as 0 and 1."""
    vis = plain()
    vis.draw_bboxes(as_kind([0, 0, 1, 1], kind)).draw_points(as_kind([0, 1], kind))
    vis.draw_lines(as_kind([0, 1], kind), as_kind([1, 1], kind))
    vis.draw_circles(as_kind([[1, 1]], kind), as_kind([1], kind))
    vis.draw_polygons(as_kind([[0, 0], [1, 0], [1, 1]], kind)).draw_texts("", as_kind([0, 1], kind))
    assert changed(vis)[:3, :3].any()
    assert not changed(vis)[15:, 15:].any()


def test_tensors_with_gradients() -> None:
    """Tensors that need gradients are drawn, and still need them."""
    boxes = torch.tensor([[10.0, 8, 30, 20]], requires_grad=True)
    places = boxes[:, :2]
    vis = plain().draw_bboxes(boxes).draw_points(places, sizes=boxes[:, 3]).draw_texts("a", places)
    vis.draw_circles(places, boxes[:, 0] / 5).draw_lines(places, places).draw_polygons([places])
    assert changed(vis).any()
    assert boxes.requires_grad


def test_one_row_is_a_row_of_one() -> None:
    """A shape may be given alone, without the dimension of many."""
    for one, many in [
        (plain().draw_bboxes(BOX), plain().draw_bboxes(BOX[None])),
        (plain().draw_points(BOX[:2]), plain().draw_points(BOX[None, :2])),
        (plain().draw_lines(BOX[:2], BOX[2:]), plain().draw_lines(BOX[None, :2], BOX[None, 2:])),
        (
            plain().draw_circles(BOX[2:], np.array([5])),
            plain().draw_circles(BOX[None, 2:], np.array([5])),
        ),
        (plain().draw_texts("a", BOX[:2]), plain().draw_texts(["a"], BOX[None, :2])),
        (
            plain().draw_polygons(BOX[[0, 1, 2, 1, 2, 3]].reshape(3, 2)),
            plain().draw_polygons([BOX[[0, 1, 2, 1, 2, 3]].reshape(3, 2)]),
        ),
    ]:
        assert np.array_equal(one.get_image(), many.get_image())
        assert changed(one).any()


def test_nothing_to_draw() -> None:
    """Empty arrays and lists draw nothing, without error and warning."""
    none = np.zeros((0, 2))
    vis = plain().draw_bboxes(np.zeros((0, 4))).draw_bboxes(torch.zeros(0, 4)).draw_points(none)
    vis.draw_lines(none, none).draw_circles(none, np.zeros(0)).draw_polygons([]).draw_polygons(none)
    vis.draw_polygons([none, none]).draw_texts([], none).draw_bboxes(np.zeros((0, 4), int))
    vis.draw_bboxes(np.zeros((0, 4)), edge_colors=[], line_widths=[], line_styles=[])
    assert not changed(vis).any()


def test_polygons_of_different_length() -> None:
    """A list holds polygons of any numbers of corners, arrays and tensors."""
    vis = plain().draw_polygons(
        [
            np.array([[5, 5], [20, 5], [20, 20]]),
            torch.tensor([[30.0, 5], [50, 5], [50, 20], [30, 20]]),
            np.zeros((0, 2)),
        ],
        edge_colors="none",
        face_colors=["r", "lime", "b"],
        alpha=1,
    )
    assert vis.get_image()[7, [18, 40]].tolist() == [[255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_lists_shorter_and_longer_than_the_shapes(count: int) -> None:
    """Looks of shapes go round if there are too few, and too many are left over."""
    boxes = np.array([[2, 2, 10, 30], [20, 2, 28, 30], [40, 2, 48, 30]])
    faces = ["r", (0, 255, 0), "b", "y", "c"][:count]
    vis = plain().draw_bboxes(
        boxes, "none", STYLES[:count], [1, 2, 3, 4, 5][:count], faces, alpha=1
    )
    names = {"r": [255, 0, 0], "b": [0, 0, 255]}
    seen = vis.get_image()[15, [5, 24, 44]].tolist()
    assert seen == [names.get(face, [0, 255, 0]) for face in (faces * 3)[:3]]


@pytest.mark.parametrize(
    "widths", [[1, 2], (1, 2), np.array([1, 2]), np.array([1.0, 2.0], np.float32)], ids=repr
)
@pytest.mark.parametrize("method", ["draw_bboxes", "draw_polygons", "draw_circles", "draw_lines"])
def test_widths_in_sequences(method: str, widths: Any) -> None:
    """Widths may be a list, a tuple or an array, as in MMEngine."""
    arguments = {
        "draw_bboxes": (np.array([[5, 5, 15, 15], [20, 20, 35, 35]]),),
        "draw_polygons": ([np.array([[5, 5], [15, 15]]), np.array([[20, 20], [50, 25]])],),
        "draw_circles": (np.array([[10, 10], [30, 20]]), np.array([5, 6])),
        "draw_lines": (np.array([[5, 50], [5, 50]]), np.array([[5, 5], [20, 20]])),
    }[method]
    vis = getattr(plain(), method)(*arguments, line_widths=widths)
    expected = getattr(plain(), method)(*arguments, line_widths=[1, 2])
    assert np.array_equal(vis.get_image(), expected.get_image())


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("draw_points", ([30, 20],)),
        ("draw_points", (None,)),
        ("draw_texts", ("a", [30, 20])),
        ("draw_texts", ("a", (30, 20))),
        ("draw_texts", (("a",), np.zeros((1, 2)))),
        ("draw_texts", (7, np.zeros(2))),
        ("draw_texts", (None, np.zeros(2))),
        ("draw_lines", ([5, 50], np.array([5, 30]))),
        ("draw_lines", (np.array([5, 50]), [5, 30])),
        ("draw_circles", ([30, 20], np.array([9]))),
        ("draw_circles", (np.array([30, 20]), [9])),
        ("draw_circles", (np.array([30, 20]), 9)),
        ("draw_bboxes", ([10, 8, 30, 20],)),
        ("draw_bboxes", ([np.array([10, 8, 30, 20])],)),
        ("draw_bboxes", ("10, 8, 30, 20",)),
        ("draw_polygons", ([[[1, 2], [3, 4], [5, 6]]],)),
        ("draw_polygons", ((np.zeros((3, 2)),),)),
        ("draw_polygons", (None,)),
        ("draw_binary_masks", ([[True]],)),
        ("draw_binary_masks", ([np.ones((HEIGHT, WIDTH), bool)],)),
        ("draw_binary_masks", (None,)),
        ("draw_bboxes", (np.array([["a", "b", "c", "d"]]),)),
        ("draw_points", (np.array([["a", "b"]]),)),
        ("draw_points", (np.array([["1", "2"]]),)),
        ("draw_lines", (np.array(["1", "2"]), np.array(["1", "2"]))),
        ("draw_polygons", (np.array([["1", "2"]]),)),
        ("draw_circles", (np.array([["1", "2"]]), np.array([1]))),
        ("draw_texts", ("a", np.array([["1", "2"]]))),
        ("draw_points", (np.array([[1 + 2j, 2]]),)),
        ("draw_bboxes", (BOX.astype(complex),)),
        ("draw_lines", (np.array([1j, 2]), np.array([1, 2]))),
        ("draw_circles", (np.array([[1j, 2]]), np.array([1]))),
        ("draw_polygons", (np.array([[1j, 2], [3, 4]]),)),
        ("draw_texts", ("a", np.array([1j, 2]))),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_array_of_numbers(method: str, arguments: tuple[Any, ...]) -> None:
    """Lists where MMEngine takes none, texts and complex numbers are a TypeError."""
    vis = plain()
    with pytest.raises(TypeError):
        getattr(vis, method)(*arguments)
    assert not changed(vis).any()


@pytest.mark.parametrize(
    ("method", "arguments", "match"),
    [
        ("draw_points", (np.zeros(3),), r"positions.*\(3,\)"),
        ("draw_points", (np.zeros((2, 3)),), r"positions.*\(2, 3\)"),
        ("draw_points", (np.zeros((1, 1, 2)),), r"positions.*\(1, 1, 2\)"),
        ("draw_points", (np.array(5),), r"positions.*\(\)"),
        ("draw_texts", ("a", np.zeros((2, 2))), r"positions.*\(1, 2\).*\(2, 2\)"),
        ("draw_texts", (["a", "b"], np.zeros(2)), r"positions.*\(2, 2\).*\(1, 2\)"),
        ("draw_texts", ("a", np.zeros(3)), r"positions.*\(1, 3\)"),
        ("draw_lines", (np.zeros(2), np.zeros((1, 2))), r"x_datas.*y_datas.*\(2,\).*\(1, 2\)"),
        ("draw_lines", (np.zeros(3), np.zeros(3)), r"x_datas.*\(3,\)"),
        ("draw_circles", (np.zeros((2, 2)), np.zeros(1)), r"center.*\(1, 2\).*\(2, 2\)"),
        ("draw_circles", (np.zeros(3), np.zeros(1)), r"center.*\(3,\)"),
        ("draw_circles", (np.zeros((2, 2)), np.zeros((2, 1))), r"center.*\(2, 2\)"),
        ("draw_bboxes", (np.zeros(5),), r"bboxes.*\(5,\)"),
        ("draw_bboxes", (np.zeros((2, 2, 2)),), r"bboxes.*\(2, 2, 2\)"),
        ("draw_bboxes", (np.zeros(0),), r"bboxes.*\(0,\)"),
        ("draw_polygons", (np.zeros((2, 3, 2)),), r"polygons.*\(2, 3, 2\)"),
        ("draw_polygons", (np.zeros(6),), r"polygons.*\(6,\)"),
        ("draw_polygons", ([np.zeros((3, 2)), np.zeros((3, 3))],), r"polygons.*\(3, 3\)"),
    ],
)
def test_wrong_shapes_are_named(method: str, arguments: tuple[Any, ...], match: str) -> None:
    """An array of another shape is a ValueError that says which argument and which shape."""
    with pytest.raises(ValueError, match=match):
        getattr(plain(), method)(*arguments)


@pytest.mark.parametrize(
    "box",
    [[30, 8, 10, 20], [10, 20, 30, 8], [10, np.nan, 30, 20], [10, 8, 30, np.nan], [np.nan] * 4],
    ids=str,
)
def test_boxes_inside_out(box: list[float]) -> None:
    """A box whose x1 > x2, y1 > y2 or that has NaN is refused, and named."""
    vis = plain()
    with pytest.raises(ValueError, match="box 1 is"):
        vis.draw_bboxes(np.array([[0.0, 0, 1, 1], box]))
    assert not changed(vis).any()


WRONG_COLOURS = [
    ((300, 0, 0), ValueError),
    ((-1, 0, 0), ValueError),
    ((1, 2), ValueError),
    ((1, 2, 3, 4), ValueError),
    ((), ValueError),
    ((float("nan"), 0, 0), ValueError),
    ("no such colour", ValueError),
    ("", ValueError),
    (7, TypeError),
    (None, TypeError),
    (np.array([1, 2, 3]), TypeError),
    ({"r": 1}, TypeError),
    (("a", "b", "c"), TypeError),
    ([7, 7], TypeError),
    ([(1, 2), (3, 4)], ValueError),
]


@pytest.mark.parametrize(("colour", "error"), WRONG_COLOURS, ids=repr)
@pytest.mark.parametrize("method", EVERY_CALL)
def test_wrong_colours(method: str, colour: Any, error: type[Exception]) -> None:
    """What is no colour is refused by every method, in the same way, and nothing is drawn."""
    plain_colour = method in {"draw_points", "draw_texts", "draw_lines", "draw_binary_masks"}
    vis = plain()
    with pytest.raises(error):
        getattr(vis, method)(
            *EVERY_CALL[method], **{"colors" if plain_colour else "edge_colors": colour}
        )
    assert not changed(vis).any()


@pytest.mark.parametrize("method", ["draw_bboxes", "draw_polygons", "draw_circles"])
@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"face_colors": (300, 0, 0)}, ValueError),
        ({"face_colors": None}, TypeError),
        ({"alpha": 1.5}, ValueError),
        ({"alpha": -0.1}, ValueError),
        ({"alpha": float("nan")}, ValueError),
        ({"alpha": "1"}, TypeError),
        ({"line_styles": "no such style"}, ValueError),
        ({"line_styles": ["-", "no such style"]}, ValueError),
    ],
    ids=str,
)
def test_wrong_looks_of_shapes(method: str, option: dict[str, Any], error: type[Exception]) -> None:
    """Looks that matplotlib doesn't know are refused, and nothing is drawn."""
    vis = plain()
    with pytest.raises(error):
        getattr(vis, method)(*EVERY_CALL[method], **option)
    assert not changed(vis).any()


@pytest.mark.parametrize("size", [-4, float("nan"), float("inf")])
@pytest.mark.parametrize("marker", [None, "x"])
def test_wrong_sizes_of_points(size: float, marker: str | None) -> None:
    """A size that is no area is refused by a message that says so, before anything is drawn."""
    vis = plain()
    with pytest.raises(ValueError, match="sizes"):
        vis.draw_points(np.array([[9, 9], [20, 20]]), marker=marker, sizes=np.array([9, size]))
    assert not changed(vis).any()


def test_unknown_marker() -> None:
    """A marker that matplotlib doesn't know is refused."""
    with pytest.raises(ValueError, match="nope"):
        plain().draw_points(np.array([9, 9]), marker="nope")


# warnings


OUTSIDE: dict[str, tuple[Any, ...]] = {
    "text": ("a", np.array([9, HEIGHT + 1])),
    "line": (np.array([[-1, 9], [3, 4]]), np.array([[5, 5], [5, 5]])),
    "circle": (np.array([[9, 9], [20, 20]]), np.array([9.5, 2])),
    "bbox": (np.array([[0, 0, WIDTH + 1, 5], [0, -1, 5, 5]]),),
    "polygon": ([np.array([[1, 1], [WIDTH + 2, 5], [9, 9]]), np.array([[-1, -1], [5, 5]])],),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_out_of_bounds_is_one_warning_of_the_callers_line(what: str) -> None:
    """However many shapes are outside there is one warning, and it names the line that drew."""
    method = {"bbox": "draw_bboxes"}.get(what, f"draw_{what}s")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        getattr(plain(), method)(*OUTSIDE[what])
    assert len(seen) == 1
    assert str(seen[0].message) == (
        f"Warning: The {what} is out of bounds, "
        f"the drawn {what} may not be in the image of {WIDTH}x{HEIGHT}"
    )
    assert seen[0].category is UserWarning
    assert seen[0].filename == __file__
    line = test_out_of_bounds_is_one_warning_of_the_callers_line.__code__.co_firstlineno
    assert line < seen[0].lineno < line + 12


@pytest.mark.parametrize("what", OUTSIDE)
def test_each_line_that_draws_outside_is_warned_of(what: str) -> None:
    """Python shows a warning once for a line; another line of the caller is another warning."""
    method = {"bbox": "draw_bboxes"}.get(what, f"draw_{what}s")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            getattr(plain(), method)(*OUTSIDE[what])
        getattr(plain(), method)(*OUTSIDE[what])
    assert len(seen) == 2


def test_touching_the_border_is_inside() -> None:
    """What reaches exactly to the border, on any side, warns of nothing."""
    edges_x, edges_y = np.array([[0, WIDTH], [WIDTH, 0]]), np.array([[0, HEIGHT], [0, HEIGHT]])
    vis = plain().draw_lines(edges_x, edges_y).draw_bboxes(np.array([0, 0, WIDTH, HEIGHT]))
    vis.draw_polygons(np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]))
    vis.draw_circles(np.array([HEIGHT / 2, HEIGHT / 2]), np.array([HEIGHT / 2]))
    vis.draw_texts(["a", "b"], np.array([[0, 0], [WIDTH, HEIGHT]]))
    vis.draw_points(np.array([[0, 0], [WIDTH, HEIGHT]]))
    assert changed(vis).any()


def test_points_outside_are_no_matter() -> None:
    """As in MMEngine, points may be anywhere without a warning; those outside aren't seen."""
    vis = plain().draw_points(np.array([[-50, 5], [WIDTH + 50, 5], [5, 1e9], [-1e30, 1e30]]))
    assert not changed(vis).any()


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_shapes_wholly_outside_change_nothing() -> None:
    """What lies beyond any of the borders leaves the image as it is."""
    image = noise(HEIGHT, WIDTH, 3)
    vis = Visualizer(image=image)
    for x, y in [(-500, 9), (500, 9), (9, -500), (9, 500), (-500, -500), (10**6, 10**6)]:
        vis.draw_bboxes(np.array([x, y, x + 20, y + 20]), face_colors="r")
        vis.draw_circles(np.array([x, y]), np.array([20]), face_colors="r")
        vis.draw_polygons(np.array([[x, y], [x + 9, y], [x, y + 9]]), face_colors="r")
        vis.draw_lines(np.array([x, x + 9]), np.array([y, y + 9]))
        vis.draw_texts(["abc", "$x$"], np.array([[x, y], [x, y]]), outline_colors="auto")
    assert np.array_equal(vis.get_image(), image)


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_shapes_partly_outside_are_cut_off() -> None:
    """The part of a box inside of the image is exactly that part."""
    looks: dict[str, Any] = {"edge_colors": "none", "face_colors": RED, "alpha": 1}
    vis = plain().draw_bboxes(np.array([-10, -7, 20, 11]), **looks)
    assert np.array_equal(changed(vis), block(0, 11, 0, 20))
    vis = plain().draw_bboxes(np.array([50, 30, 1e4, 1e5]), **looks)
    assert np.array_equal(changed(vis), block(30, HEIGHT, 50, WIDTH))


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_no_place(bad: float) -> None:
    """NaN and infinity warn of out of bounds like anything outside, and nothing else fails."""
    vis = plain()
    vis.draw_lines(np.array([bad, 5]), np.array([3, 4]))
    vis.draw_polygons(np.array([[bad, 5], [3, 4], [20, bad]]), face_colors="r")
    vis.draw_circles(np.array([[bad, 5], [5, bad]]), np.array([3, 3]), face_colors="r")
    vis.draw_circles(np.array([[9, 5], [bad, bad]]), np.array([bad, bad]))
    vis.draw_points(np.array([[bad, 5], [5, bad], [bad, bad]]))
    vis.draw_texts(["a", "$x$", ""], np.array([[bad, 5], [5, bad], [bad, bad]]))
    vis.draw_texts("a", np.array([bad, 5]), bboxes={"facecolor": "r"})
    assert vis.get_image().shape == (HEIGHT, WIDTH, 3)


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_a_box_around_everything() -> None:
    """A box from minus to plus infinity, or nearly, fills the image."""
    for far in (1e4, 1e7, 1e12, 1e30):
        vis = plain().draw_bboxes(
            np.array([-far, -far, far, far]), "none", face_colors=RED, alpha=1
        )
        assert (vis.get_image() == RED).all(), far


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@pytest.mark.parametrize("far", [2e4, 1.5e6, 1e9, 1e12])
def test_what_is_seen_of_huge_shapes(far: float) -> None:
    """The edges of huge circles and polygons are where they belong."""
    looks: dict[str, Any] = {"edge_colors": "none", "face_colors": RED, "alpha": 1}
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for x, y, inside in [
        (30 + far, 20, columns >= 30),
        (30 - far, 20, columns < 30),
        (30, 20 + far, rows >= 20),
        (30, 20 - far, rows < 20),
    ]:
        vis = plain().draw_circles(np.array([x, y]), np.array([far]), **looks)
        assert np.count_nonzero((vis.get_image()[..., 0] > 127) != inside) <= 2, (x, y)
    vis = plain().draw_polygons(np.array([[5, 7], [5 + far, 7], [5, 7 + far]]), **looks)
    assert np.array_equal(vis.get_image()[..., 0] > 127, (columns >= 5) & (rows >= 7))
    vis = plain().draw_polygons(np.array([[-far, -far], [far, far], [-far, far]]), **looks)
    red = vis.get_image()[..., 0]
    assert (red[rows > columns] == 255).all()
    assert red[rows < columns].max() <= 2


@pytest.mark.parametrize("x", [3, 1_200_000, 2_390_000])
def test_circles_on_a_long_image(x: int) -> None:
    """On a strip of millions of pixels a circle is where it belongs, however far along."""
    vis = plain(0, 3, 2_400_000)
    vis.draw_circles(np.array([x, 1.5]), np.array([1.5]), face_colors=RED, alpha=1)
    columns = np.flatnonzero(changed(vis).any(axis=0))
    assert abs(columns.mean() + 0.5 - x) <= 1


HUGE = """
import sys, warnings
import numpy as np
from trainviz_cli import Visualizer

warnings.filterwarnings("ignore", ".*out of bounds")
far = float(sys.argv[1])
for style in "-", "--", "-.", ":":
    for face in "none", "r":
        vis = Visualizer(image=np.zeros((40, 60, 3), np.uint8))
        looks = dict(line_styles=style, face_colors=face)
        vis.draw_bboxes(np.array([[-far, -far, far, far], [5, 5, far, far]]), **looks)
        vis.draw_polygons(np.array([[5, 5], [-far, far * 0.3], [far, far * 0.7]]), **looks)
        vis.draw_circles(np.array([[9.0, 9]]), np.array([far]), **looks)
        vis.draw_circles(np.array([[far, far]]), np.array([far]), **looks)
        vis.draw_lines(np.array([-far, far]), np.array([5, far]), line_styles=style)
        vis.draw_points(np.array([far, 5]), sizes=np.array([far]))
        vis.get_image()
print("drawn")
"""


@pytest.mark.parametrize("far", ["1e9", "1e300"])
def test_huge_coordinates_end(far: str) -> None:
    """What a diverged model predicts is drawn: dashes along 1e9 pixels don't take for ever."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HUGE, far],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert done.stdout == "drawn\n", done.stderr


# chains


def test_calls_are_chained() -> None:
    """Every method returns the object it was called on, of whatever subclass."""

    class Mine(Visualizer):
        """A subclass."""

    vis = Mine(image=np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    for method in EVERY_CALL:
        assert call(vis, method) is vis


def test_arguments_stay_as_they_are() -> None:
    """Lists, dicts, arrays and tensors of the caller are the same after the call."""
    given: dict[str, Any] = {
        "colors": ["r", (1, 2, 3)],
        "font_sizes": [9, 12.5],
        "vertical_alignments": ["top", "bottom"],
        "horizontal_alignments": ["left", "right"],
        "font_families": ["serif", "monospace"],
        "bboxes": [{"facecolor": "r", "pad": 2}, {"boxstyle": "round", "alpha": 0.5}],
        "outline_colors": ["auto", None],
    }
    one = {"facecolor": "r", "alpha": 0.4, "pad": 2, "boxstyle": "round"}
    texts, places = ["ab", "$x$"], np.array([[9.0, 9], [30, 20]])
    boxes = torch.tensor([[1, 1, 9, 9], [5, 5, 20, 20]])
    looks: dict[str, Any] = {
        "edge_colors": ["r", (1, 2, 3)],
        "line_styles": ["-", "--"],
        "line_widths": [0.1, 50],
        "face_colors": ["none", "b"],
    }
    masks, colours, shares = np.ones((2, HEIGHT, WIDTH), bool), ["r", (1, 2, 3)], [0.5, 1]
    everything = (given, one, texts, places, boxes, looks, masks, colours, shares)
    before = repr(everything)
    vis = plain().draw_texts(texts, places, **given).draw_texts(texts, places, bboxes=one)
    vis.draw_bboxes(boxes, **looks).draw_binary_masks(masks, colours, shares)
    vis.draw_polygons([places, places], **looks).draw_points(places, colours)
    assert changed(vis).any()
    assert repr(everything) == before


def test_many_marks() -> None:
    """Hundreds of calls on one image are drawn, each where it belongs."""
    vis = plain(height=100, width=100)
    where = np.stack(np.meshgrid(np.arange(0, 100, 5), np.arange(0, 100, 5)), axis=-1).reshape(
        -1, 2
    )
    for x, y in where.tolist():
        vis.draw_bboxes(np.array([x, y, x + 2, y + 2]), "none", face_colors=RED, alpha=1)
    assert changed(vis).sum() == 4 * len(where)


# the first import


STORES = """
import sys, trainviz_cli
trainviz_cli.Visualizer
vis = trainviz_cli.Visualizer()
vis.add_scalar("loss", 0.5, step=1)
vis.close()
print(sorted({"numpy", "torch", "matplotlib", "PIL", "cv2"} & set(sys.modules)))
"""
DRAWS = """
import sys
import numpy as np
from trainviz_cli import Visualizer
vis = Visualizer(image=np.zeros((40, 60, 3), np.uint8))
vis.draw_bboxes(np.array([1, 1, 9, 9])).draw_texts(["a", "$x$"], np.array([[1, 1], [9, 9]]))
vis.draw_binary_masks(np.ones((40, 60), bool)).get_image()
vis.draw_featmap(np.zeros((3, 4, 5)), np.zeros((8, 10), np.uint8))
print(sorted({"torch", "cv2", "mmengine", "matplotlib.pyplot"} & set(sys.modules)))
"""


@pytest.mark.parametrize("script", [STORES, DRAWS], ids=["storing", "drawing"])
def test_nothing_heavy_is_imported_for_nothing(script: str) -> None:
    """Storing numbers imports no NumPy; drawing neither torch, OpenCV nor pyplot."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr
