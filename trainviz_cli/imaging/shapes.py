"""Points, lines, circles, boxes and polygons, drawn with matplotlib's own shapes.

The arguments are those of `Visualizer.draw_*`, whose docstrings say what they are.
Source: mmengine 0.10.7, visualization/visualizer.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rcParams
from matplotlib.collections import (
    LineCollection,
    PatchCollection,
    PathCollection,
    PolyCollection,
)
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Circle
from matplotlib.path import Path
from matplotlib.transforms import Bbox, IdentityTransform

from trainviz_cli.imaging.arguments import for_matplotlib
from trainviz_cli.imaging.tensors import as_numbers, is_tensor, tensor_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainviz_cli.imaging.arguments import Colours
    from trainviz_cli.imaging.canvas import Canvas


_FAR = 1e6  # pixels: dashes and curves beyond would take for ever
_MARGIN = 1e3  # pixels around a picture, in which the edges of what is cut off aren't seen
_LARGEST = 1e12  # square points, of a marker


class Edges:
    """How closed shapes look: what `draw_circles`, `draw_bboxes` and `draw_polygons` share.

    Args:
        edge_colors: Of the outlines.
        line_styles: matplotlib's.
        line_widths: In points.
        face_colors: Of the insides; "none" leaves them open.
        alpha: How opaque both are.
    """

    def __init__(
        self,
        edge_colors: Colours,
        line_styles: str | list[str],
        line_widths: float | list[float],
        face_colors: Colours,
        alpha: float,
    ) -> None:
        self._widths = line_widths
        self._looks = {
            "alpha": alpha,
            "facecolors": for_matplotlib(face_colors),
            "edgecolors": for_matplotlib(edge_colors),
            "linestyles": line_styles,
        }

    def looks(self, canvas: Canvas, count: int) -> dict[str, Any]:
        """The arguments of a collection of so many shapes."""
        widths = canvas.widths(self._widths, count)
        return self._looks | {"linewidths": widths, "transform": canvas.to_display}


def draw_points(
    canvas: Canvas, positions: object, colors: Colours, marker: str | None, sizes: object
) -> None:
    """Draws markers; their sizes are areas in square points, as in matplotlib's `scatter`."""
    points = _rows("positions", positions, 2)
    style = MarkerStyle(rcParams["scatter.marker"] if marker is None else marker)
    dots = PathCollection(
        (style.get_path().transformed(style.get_transform()),),
        np.minimum(_areas(sizes), _LARGEST),
        facecolors=for_matplotlib(colors),
        edgecolors="face",
        linewidths=None if style.is_filled() else rcParams["lines.linewidth"],
        offsets=points,
        offset_transform=canvas.to_display,
        transform=IdentityTransform(),
    )
    canvas.draw(dots)


def draw_lines(
    canvas: Canvas,
    x_datas: object,
    y_datas: object,
    colors: Colours,
    line_styles: str | list[str],
    line_widths: float | list[float],
) -> None:
    """Draws straight lines, each from its first x and y to its second."""
    xs, ys = as_numbers("x_datas", x_datas), as_numbers("y_datas", y_datas)
    if xs.shape != ys.shape:
        raise ValueError(
            "`x_datas` and `y_datas` should have the same shape, "
            f"but they have {xs.shape} and {ys.shape}"
        )
    ends = np.stack((_rows("x_datas", xs, 2), _rows("y_datas", ys, 2)), axis=-1)
    canvas.warn_outside("line", ends)
    looks = {"linestyles": line_styles, "linewidths": line_widths}
    colours = for_matplotlib(colors)
    canvas.draw(LineCollection(ends, colors=colours, transform=canvas.to_display, **looks))  # type: ignore[arg-type]


def draw_circles(canvas: Canvas, center: object, radius: object, edges: Edges) -> None:
    """Draws circles; radii are in pixels."""
    centers = _rows("center", center, 2)
    radii = np.atleast_1d(as_numbers("radius", radius))
    if centers.shape != (*radii.shape, 2):
        raise ValueError(
            f"The shape of `center` should be {(*radii.shape, 2)} for so many radii, "
            f"but got {centers.shape}"
        )
    reach = radii[:, None]
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is outside
        canvas.warn_outside("circle", np.concatenate((centers - reach, centers + reach)))
        near = _near_circles(canvas, np.column_stack((centers, radii)))
    circles = [Circle((x, y), radius) for x, y, radius in near.tolist()]
    canvas.draw(PatchCollection(circles, **edges.looks(canvas, len(circles))))


def draw_bboxes(canvas: Canvas, bboxes: object, edges: Edges) -> None:
    """Draws upright boxes from (x1, y1) to (x2, y2)."""
    boxes = _rows("bboxes", bboxes, 4)
    if wrong := np.flatnonzero(~(boxes[:, :2] <= boxes[:, 2:]).all(axis=1)).tolist():
        raise ValueError(
            f"a box is x1 <= x2 and y1 <= y2, but box {wrong[0]} is {boxes[wrong[0]].tolist()}"
        )
    canvas.warn_outside("bbox", boxes.reshape(-1, 2))
    if (np.abs(boxes) > _FAR).any():
        margin = max(canvas.width, canvas.height) + _MARGIN
        boxes = boxes.clip(-margin, margin)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    canvas.draw(PolyCollection(list(corners), **edges.looks(canvas, len(corners))))


def draw_polygons(canvas: Canvas, polygons: object, edges: Edges) -> None:
    """Draws closed polygons."""
    given = polygons if isinstance(polygons, list) else [polygons]
    shapes = [as_numbers("polygons", polygon) for polygon in given]
    for shape in shapes:
        if shape.ndim != 2 or shape.shape[1] != 2:
            raise ValueError(
                f"The shape of each polygon in `polygons` should be (M, 2), but got {shape.shape}"
            )
    if shapes:
        canvas.warn_outside("polygon", np.concatenate(shapes))
    shapes = [_near_polygon(canvas, shape) for shape in shapes]
    canvas.draw(PolyCollection(shapes, **edges.looks(canvas, len(shapes))))


def _near_circles(canvas: Canvas, circles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Circles as they are seen: of a huge one hardly more than a straight line.

    Args:
        canvas: The picture.
        circles: (N, 3): x, y and radius.
    """
    far = _FAR + max(canvas.width, canvas.height)
    if (np.abs(circles) <= far).all():
        return circles
    middle = np.array([canvas.width / 2, canvas.height / 2])
    away, radii = circles[:, :2] - middle, np.abs(circles[:, 2:])
    distances = np.hypot(away[:, :1], away[:, 1:])
    # Smaller ones that touch them from inside where they are nearest to the middle.
    small = np.minimum(radii, far)
    reach = np.clip(distances - radii, -far, far) + small
    near = np.hstack((middle + away / np.maximum(distances, 1) * reach, small))
    near[~np.isfinite(circles).all(axis=1)] = np.nan  # is seen nowhere
    return np.where(np.maximum(distances, radii) <= far, circles, near)


def _near_polygon(canvas: Canvas, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polygon, without what is far from the picture."""
    if not (np.abs(points) > _FAR).any():
        return points
    margin = max(canvas.width, canvas.height) + _MARGIN
    known = points[~np.isnan(points).any(axis=1)].clip(-1e30, 1e30)
    if not len(known):
        return points
    path = Path(np.concatenate((known, known[:1])), closed=True)
    near = path.clip_to_bbox(Bbox([[-margin, -margin], [margin, margin]])).to_polygons()
    return np.asarray(near[0]) if near else points[:0]


def _areas(sizes: object) -> NDArray[np.float64]:
    """The sizes of markers, of their own memory: marks may be painted again later.

    Raises:
        ValueError: One is no area.
    """
    if sizes is None:
        return np.array([rcParams["lines.markersize"] ** 2])
    values = tensor_values(sizes) if is_tensor(sizes) else np.asarray(sizes)
    areas = values.astype(np.float64).ravel()
    if not ((areas >= 0) & (areas < np.inf)).all():
        raise ValueError(f"`sizes` are areas, from 0 upwards, but got {areas.tolist()}")
    return areas


def _rows(name: str, value: object, length: int) -> NDArray[np.float64]:
    """An argument of one or several rows of numbers, as several.

    Raises:
        TypeError: It is neither an array nor a tensor of numbers.
        ValueError: It has another shape.
    """
    values = as_numbers(name, value)
    rows = values[None] if values.ndim == 1 else values
    if rows.ndim != 2 or rows.shape[1] != length:
        raise ValueError(
            f"The shape of `{name}` should be ({length},) or (N, {length}), but got {values.shape}"
        )
    return rows
