"""The drawing half of `Visualizer`: MMEngine's methods, on an image of its own.

Source of names, defaults and looks: mmengine 0.10.7, visualization/visualizer.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.font_manager import FontProperties
    from numpy.typing import NDArray

    from trainviz_cli.imaging.arguments import Colours
    from trainviz_cli.imaging.canvas import Canvas

# What draws is imported by the first call that draws: a training that stores numbers alone never
# pays for it.


class Drawing:
    """An image, and what is drawn on it; every `draw_*` but `draw_featmap` returns the object.

    Coordinates are in pixels, x to the right and y downwards. Arrays are NumPy arrays or torch
    tensors on any device. A colour is a name that matplotlib knows or red, green and blue from 0 to
    255; colours, styles and widths are one for all shapes or a list with one for each.
    """

    def __init__(self, image: object = None, dpi: float = 100) -> None:
        self._dpi = dpi
        self._canvas: Canvas | None = None
        if image is not None:
            self.set_image(image)

    def set_image(self, image: object) -> None:
        """Begins anew with this image.

        Args:
            image: `(H, W)` or `(H, W, 1|3|4)` uint8, RGB; or float in 0..1 or 0..255; a torch
                tensor in CHW; a PIL image.

        Raises:
            TypeError: It is no picture.
            ValueError: Its shape or range is none of a picture.
        """
        from trainviz_cli.imaging.canvas import Canvas

        self._canvas = Canvas(image, self._dpi)

    def get_image(self) -> NDArray[np.uint8]:
        """The image with everything drawn so far: `(H, W, 3)` uint8, RGB; a copy.

        Raises:
            RuntimeError: No image was set.
        """
        return self._drawn_on().image()

    @property
    def width(self) -> int:
        """Of the image, in pixels."""
        return self._drawn_on().width

    @property
    def height(self) -> int:
        """Of the image, in pixels."""
        return self._drawn_on().height

    def draw_points(
        self,
        positions: object,
        colors: Colours = "g",
        marker: str | None = None,
        sizes: object = None,
    ) -> Self:
        """Draws markers.

        Args:
            positions: `(2,)` or `(N, 2)`, x and y.
            colors: Of the markers.
            marker: matplotlib's name of it; a disc if left out.
            sizes: Areas in square points, one or `(N,)`.

        Raises:
            TypeError: `positions` is no array.
            ValueError: It has another shape, or there is no such colour or marker.
        """
        from trainviz_cli.imaging.shapes import draw_points

        draw_points(self._drawn_on(), positions, colors, marker, sizes)
        return self

    def draw_texts(
        self,
        texts: str | list[str],
        positions: object,
        font_sizes: float | list[float] | None = None,
        colors: Colours = "g",
        vertical_alignments: str | list[str] = "top",
        horizontal_alignments: str | list[str] = "left",
        font_families: str | list[str] = "sans-serif",
        bboxes: dict[str, Any] | list[dict[str, Any]] | None = None,
        font_properties: FontProperties | list[FontProperties] | None = None,
        *,
        outline_colors: Colours | None = None,
    ) -> Self:
        """Draws texts.

        Args:
            texts: May have several lines; what stands between two dollar signs is a formula.
            positions: `(2,)` or `(N, 2)`, x and y.
            font_sizes: In points; None goes by the size of the image.
            colors: Of the letters.
            vertical_alignments: top, center, bottom or baseline: what is at the position.
            horizontal_alignments: left, center or right: what is at the position.
            font_families: sans-serif, serif, monospace, or the name of a font.
            bboxes: Looks of a box behind the text, as matplotlib's `Text` takes them.
            font_properties: matplotlib's description of a font, such as a file of it.
            outline_colors: Of a border around the letters, which makes them readable on any
                background; "auto" is black or white.

        Raises:
            TypeError: `positions` is no array, or an option of another type.
            ValueError: There is not one position for each text, or an option's list is too short.
        """
        from trainviz_cli.imaging.texts import TextLooks, draw_texts

        looks = TextLooks(
            font_sizes,
            colors,
            vertical_alignments,
            horizontal_alignments,
            font_families,
            bboxes,
            font_properties,
            outline_colors,
        )
        draw_texts(self._drawn_on(), texts, positions, looks)
        return self

    def draw_lines(
        self,
        x_datas: object,
        y_datas: object,
        colors: Colours = "g",
        line_styles: str | list[str] = "-",
        line_widths: float | list[float] = 2,
    ) -> Self:
        """Draws straight lines.

        Args:
            x_datas: `(2,)` or `(N, 2)`: x of both ends.
            y_datas: Of the same shape: y of both ends.
            colors: Of the lines.
            line_styles: `-`, `--`, `-.`, `:`, or what else matplotlib knows.
            line_widths: In points.

        Raises:
            TypeError: One of them is no array.
            ValueError: They have other shapes.
        """
        from trainviz_cli.imaging.shapes import draw_lines

        draw_lines(self._drawn_on(), x_datas, y_datas, colors, line_styles, line_widths)
        return self

    def draw_circles(
        self,
        center: object,
        radius: object,
        edge_colors: Colours = "g",
        line_styles: str | list[str] = "-",
        line_widths: float | list[float] = 2,
        face_colors: Colours = "none",
        alpha: float = 0.8,
    ) -> Self:
        """Draws circles.

        Args:
            center: `(2,)` or `(N, 2)`, x and y.
            radius: `(N,)`, in pixels.
            edge_colors: Of the outlines.
            line_styles: As `draw_lines` takes them.
            line_widths: In points; neither thinner than 1 nor thicker than suits the image.
            face_colors: Of the insides; "none" leaves them open.
            alpha: How opaque outlines and insides are, 0 to 1.

        Raises:
            TypeError: `center` or `radius` is no array.
            ValueError: There is not one radius for each center.
        """
        from trainviz_cli.imaging.shapes import Edges, draw_circles

        edges = Edges(edge_colors, line_styles, line_widths, face_colors, alpha)
        draw_circles(self._drawn_on(), center, radius, edges)
        return self

    def draw_bboxes(
        self,
        bboxes: object,
        edge_colors: Colours = "g",
        line_styles: str | list[str] = "-",
        line_widths: float | list[float] = 2,
        face_colors: Colours = "none",
        alpha: float = 0.8,
    ) -> Self:
        """Draws upright boxes.

        Args:
            bboxes: `(4,)` or `(N, 4)`: x1, y1, x2, y2.
            edge_colors: And the others: as `draw_circles` takes them.
            line_styles: Likewise.
            line_widths: Likewise.
            face_colors: Likewise.
            alpha: Likewise.

        Raises:
            TypeError: `bboxes` is no array.
            ValueError: It has another shape, or a box's x1 > x2, y1 > y2 or NaN.
        """
        from trainviz_cli.imaging.shapes import Edges, draw_bboxes

        edges = Edges(edge_colors, line_styles, line_widths, face_colors, alpha)
        draw_bboxes(self._drawn_on(), bboxes, edges)
        return self

    def draw_polygons(
        self,
        polygons: object,
        edge_colors: Colours = "g",
        line_styles: str | list[str] = "-",
        line_widths: float | list[float] = 2,
        face_colors: Colours = "none",
        alpha: float = 0.8,
    ) -> Self:
        """Draws closed polygons.

        Args:
            polygons: `(M, 2)`, x and y of the corners of one; or a list of these.
            edge_colors: And the others: as `draw_circles` takes them.
            line_styles: Likewise.
            line_widths: Likewise.
            face_colors: Likewise.
            alpha: Likewise.

        Raises:
            TypeError: A polygon is no array.
            ValueError: A polygon has another shape.
        """
        from trainviz_cli.imaging.shapes import Edges, draw_polygons

        edges = Edges(edge_colors, line_styles, line_widths, face_colors, alpha)
        draw_polygons(self._drawn_on(), polygons, edges)
        return self

    def draw_binary_masks(
        self,
        binary_masks: object,
        colors: Colours = "g",
        alphas: float | list[float] = 0.8,
    ) -> Self:
        """Lays colours over the image where masks are true, one after the other.

        Args:
            binary_masks: `(H, W)` or `(N, H, W)` bool, of the image's size.
            colors: Of the masks.
            alphas: How much of the colours shows, 0 to 1.

        Raises:
            TypeError: `binary_masks` is no array, or `colors` or `alphas` of another type.
            ValueError: It isn't bool or has another shape, or a list is too short.
        """
        from trainviz_cli.imaging.masks import draw_binary_masks

        draw_binary_masks(self._drawn_on(), binary_masks, colors, alphas)
        return self

    @staticmethod
    def draw_featmap(
        featmap: object,
        overlaid_image: object = None,
        channel_reduction: str | None = "squeeze_mean",
        topk: int = 20,
        arrangement: tuple[int, int] = (4, 5),
        resize_shape: tuple[int, int] | None = None,
        alpha: float = 0.5,
    ) -> NDArray[np.uint8]:
        """The picture of a feature map, in the colours from blue (lowest) to red (highest).

        Args:
            featmap: `(C, H, W)`; enlarged bilinearly to the size of the image, if there is one.
            overlaid_image: Laid under the map; what `set_image` takes.
            channel_reduction: What of the channels is shown: "squeeze_mean" their mean,
                "select_max" the one with the largest sum over the picture, None several.
            topk: How many channels with the largest sums are shown if `channel_reduction` is None;
                -1 takes a map of 1 or 3 channels for an image.
            arrangement: Rows and columns of their grid.
            resize_shape: `(height, width)` of the picture, or of each in the grid, instead.
            alpha: How much of the map shows on the image.

        Returns:
            `(H, W, 3)` uint8, RGB; a grid is as many times as high and wide.

        Raises:
            TypeError: `featmap` is no array of numbers.
            ValueError: It has another shape, or holds NaN or infinity; `arrangement` is too small;
                or another argument makes no sense.
        """
        from trainviz_cli.imaging.featmap import draw_featmap

        return draw_featmap(
            featmap, overlaid_image, channel_reduction, topk, arrangement, resize_shape, alpha
        )

    def _drawn_on(self) -> Canvas:
        if self._canvas is None:
            raise RuntimeError("there is no image to draw on: call set_image first")
        return self._canvas
