"""Texts on images: where they stand, what is drawn of them, and what is refused."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, fontManager

from trainviz_cli import Visualizer
from trainviz_cli.imaging.lettering import lay_out, load_font, write

HEIGHT, WIDTH = 120, 200
MIDDLE = np.array([100, 60])
RED, WHITE = (255, 0, 0), (255, 255, 255)


def plain(grey: int = 0, height: int = HEIGHT, width: int = WIDTH, **kwargs: Any) -> Visualizer:
    """A Visualizer of an image of one grey."""
    return Visualizer(image=np.full((height, width, 3), grey, np.uint8), **kwargs)


def written(text: Any, place: np.ndarray = MIDDLE, grey: int = 0, **looks: Any) -> np.ndarray:
    """The image with a text in white."""
    return plain(grey).draw_texts(text, place, **{"colors": WHITE, **looks}).get_image()


def ink(image: np.ndarray, grey: int = 0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that changed visibly, the latter two exclusive."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - grey).max(axis=2) > 40)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def is_blank(image: np.ndarray, grey: int = 0) -> bool:
    """Whether nothing was drawn."""
    return bool((image == grey).all())


# where it stands


@pytest.mark.parametrize("text", ["HEH", "a", "Hxg\nHgx", "$H^2$", "I"])
@pytest.mark.parametrize("size", [8, 14, 30])
def test_horizontal_alignments(text: str, size: int) -> None:
    """The ink begins, is centred or ends at x, within two pixels."""
    edges = {
        name: ink(written(text, font_sizes=size, horizontal_alignments=name))
        for name in ("left", "center", "right")
    }
    bearing = 2 + size / 8  # the space that letters have beside them
    assert 100 - 2 <= edges["left"][0] <= 100 + bearing
    assert 100 - bearing <= edges["right"][2] <= 100 + 2
    left, _, right, _ = edges["center"]
    assert abs((left + right) / 2 - 100) <= bearing
    assert np.ptp([box[2] - box[0] for box in edges.values()]) <= 1


@pytest.mark.parametrize("text", ["HEH", "Hpg", "Hpg\nEEE", "$H$"])
@pytest.mark.parametrize("size", [8, 14, 30])
def test_vertical_alignments(text: str, size: int) -> None:
    """The ink is below, around, above and on y, for one line and for several."""
    tops, bottoms = {}, {}
    for name in ("top", "center", "bottom", "baseline"):
        vis = plain(0, 300, WIDTH).draw_texts(text, np.array([9, 150]), size, "w", name)
        _, tops[name], _, bottoms[name] = ink(vis.get_image())
    slack = 2 + size / 2  # accents and descenders are left room for
    assert 150 - 1 <= tops["top"] <= 150 + slack
    assert 150 - slack <= bottoms["bottom"] <= 150 + 1
    assert abs((tops["center"] + bottoms["center"]) / 2 - 150) <= slack / 2
    assert tops["top"] > tops["center"] > tops["bottom"]
    assert np.ptp([bottoms[name] - tops[name] for name in tops]) <= 1
    if "p" not in text or "\n" in text:
        assert abs(bottoms["baseline"] - 150) <= 1


@pytest.mark.skipif(mpl.__version_info__ < (3, 11), reason="older ones place by the ink")
@pytest.mark.parametrize("horizontal", ["left", "center", "right"])
@pytest.mark.parametrize("vertical", ["top", "center", "bottom", "baseline"])
@pytest.mark.parametrize("text", ["Hxg", "Hxg\nlonger line\nH"])
def test_texts_lie_where_matplotlib_puts_them(text: str, vertical: str, horizontal: str) -> None:
    """The ink is within two pixels of where matplotlib's own text has it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="black")
    figure.text(0.5, 0.5, text, color="white", size=12, va=vertical, ha=horizontal)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    expected = np.asarray(canvas.buffer_rgba())[..., :3]
    got = written(
        text, font_sizes=12, vertical_alignments=vertical, horizontal_alignments=horizontal
    )
    assert np.abs(np.subtract(ink(got), ink(expected))).max() <= 2


def test_each_text_has_its_own_looks() -> None:
    """Sizes, colours, alignments and fonts in lists go to the texts one by one."""
    vis = plain(0, 100, 400)
    vis.draw_texts(
        ["HHH", "HHH", "HHH"],
        np.array([[10, 10], [200, 50], [390, 90]]),
        font_sizes=[8, 12.5, np.float32(20)],
        colors=["r", (0, 255, 0), "#0000ff"],
        vertical_alignments=["top", "center", "bottom"],
        horizontal_alignments=["left", "center", "right"],
        font_families=["serif", "monospace", "sans-serif"],
    )
    image = vis.get_image()
    for channel, columns in enumerate([(0, 120), (120, 280), (280, 400)]):
        part = image[:, slice(*columns)]
        assert part[..., channel].max() == 255
        assert not np.delete(part, channel, axis=2).any()
    assert ink(image[:, :120])[0] in range(9, 13)
    assert ink(image[:, 280:])[2] + 280 in range(386, 392)


def test_lines_stand_below_each_other() -> None:
    """Lines keep their order and distance; empty ones take room."""
    two, three = ink(written("H\nH")), ink(written("H\n\nH"))
    assert two[1] == three[1]
    assert three[3] - two[3] == pytest.approx(two[3] - ink(written("H\nx"))[1], abs=14)
    assert three[3] > two[3] + 8
    assert ink(written("H\nHHHH", horizontal_alignments="center"))[0] < 100 < two[2]


def test_the_font_size_is_in_points() -> None:
    """Twice the size or twice the dpi are twice the pixels."""
    heights = [
        box[3] - box[1]
        for box in (
            ink(written("H", font_sizes=20)),
            ink(written("H", font_sizes=40)),
            ink(plain(fig_save_cfg={"dpi": 200}).draw_texts("H", MIDDLE, 20, "w").get_image()),
        )
    ]
    assert heights[1:] == pytest.approx([2 * heights[0]] * 2, abs=2)


def test_the_default_font_size_goes_by_the_image() -> None:
    """A larger image has larger text, as in MMEngine; a small one 10 points."""
    small = ink(written("H"))
    assert small == ink(written("H", font_sizes=10))
    large = plain(0, 1800, 1800).draw_texts("H", np.array([100, 60]), colors="w").get_image()
    explicit = plain(0, 1800, 1800).draw_texts("H", MIDDLE, 20, "w").get_image()
    assert np.array_equal(large, explicit)


# what is drawn


@pytest.mark.parametrize("text", ["", " ", "    ", "\n", "\n\n", " \n ", "\u200b", "\ufeff"])
def test_texts_of_nothing(text: str) -> None:
    """Empty texts, spaces and lines of nothing draw no letter, and don't fail."""
    assert is_blank(written(text))
    assert is_blank(written(text, outline_colors="auto"))
    assert is_blank(written([text, text], np.array([[5, 5], [9, 9]])))


def test_an_empty_text_has_no_box() -> None:
    """No text, no box, as in matplotlib; a space has one."""
    box = {"facecolor": "r"}
    assert is_blank(written("", bboxes=box))
    assert not is_blank(written(" ", bboxes=box))


@pytest.mark.parametrize(
    "text",
    [
        "a\tb",
        "\t",
        "a\rb",
        "a\r\nb",
        "\x00",
        "a\x00b",
        "a\x01\x07\x1b[31m\x7fb",
        "a\x1cb\x1db\x1eb",
        "a\x85b",
        "a\u2028b\u2029c",
        "\ud800",
        "a\udfffb",
        "\ud83d\ude00",
        "\U0001f600",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u0645\u0631\u062d\u0628\u0627 abc",
        "\u202eabc",
        "\u4f60\u597d",
        "e\u0301\u0323",
        "\U0010ffff",
        "\ufdfa" * 5,
        "\N{ZERO WIDTH JOINER}".join("abc"),
    ],
    ids=ascii,
)
def test_texts_of_any_characters(text: str) -> None:
    """Whatever a text holds is drawn somehow: control characters, halves of pairs, any script."""
    image = written(text, np.array([20, 20]))
    assert not is_blank(image)
    assert np.array_equal(image, written(text, np.array([20, 20])))
    outlined = written(text, np.array([20, 20]), outline_colors="auto", grey=128)
    assert not is_blank(outlined, 128)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_other_systems(end: str) -> None:
    """Lines may end as on Windows and on old Macs."""
    assert np.array_equal(written(f"ab{end}cd"), written("ab\ncd"))


def test_every_character() -> None:
    """No character of the first 12,000, and no half of a pair, makes laying out fail."""
    font = load_font(None, "sans-serif", 10.0)
    for code in [*range(12_000), *range(0xD800, 0xE000, 7), 0x1F600, 0x10FFFF]:
        block = lay_out(f"a{chr(code)}b", font, "left", "top")
        assert block.box[2] > 0


@pytest.mark.parametrize("length", [1000, 100_000])
def test_very_long_texts(length: int) -> None:
    """A text longer than the image is cut off at its border."""
    image = written("H" * length, np.array([10, 60]))
    assert ink(image)[2] == WIDTH
    assert np.array_equal(image, written("H" * 200, np.array([10, 60])))
    many = written("H\n" * (length // 100), np.array([10, 10]))
    assert ink(many)[3] > HEIGHT - 15


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
def test_texts_across_the_borders_are_cut_off() -> None:
    """What is inside of a text across a border is what a larger image has there."""
    large = plain(50, HEIGHT + 200, WIDTH + 200)
    for x, y in [(-20, 30), (WIDTH - 20, 30), (50, -8), (50, HEIGHT - 6), (-15, -9), (190, 115)]:
        for outline in (None, "r"):
            looks = {"font_sizes": 20, "colors": "y", "outline_colors": outline}
            part = plain(50).draw_texts("Hxg\nH", np.array([x, y]), **looks)
            large.set_image(np.full((HEIGHT + 200, WIDTH + 200, 3), 50, np.uint8))
            whole = large.draw_texts("Hxg\nH", np.array([x + 100, y + 100]), **looks)
            inside = whole.get_image()[100:-100, 100:-100]
            assert np.array_equal(part.get_image(), inside)
            assert not is_blank(inside, 50)


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@pytest.mark.parametrize("text", ["abc", "$x$", "a\nb"])
@pytest.mark.parametrize("far", [-1e3, 1e5, -1e9, 1e18, 1e30, -1e300])
def test_texts_wholly_outside(text: str, far: float) -> None:
    """A text however far outside draws nothing and doesn't fail, with a box or without."""
    for place in ([far, 5], [5, far], [far, far], [-far, far]):
        assert is_blank(written(text, np.array(place), outline_colors="auto"))
        assert is_blank(written(text, np.array(place), bboxes={"facecolor": "r"}))


def test_labels_that_are_no_text() -> None:
    """In a list, numbers and other objects are drawn as `str` shows them, as in MMEngine."""
    places = np.array([[10, 10], [10, 30], [10, 50], [10, 70]])
    given = written([1, 0.25, Path("a"), None], places)
    assert np.array_equal(given, written(["1", "0.25", "a", "None"], places)) or np.array_equal(
        given, written(["1", "0.25", "a", ""], places)
    )


# formulas


@pytest.mark.parametrize("text", ["$100", "a $ b", "5$ and 6\\$", "\\$a\\$", "$", "\\$", "$a$b$"])
def test_lone_dollar_signs_are_dollar_signs(text: str) -> None:
    """What isn't between two dollar signs is plain text; an escaped sign is a sign."""
    image = written(text)
    assert np.array_equal(image, written(text))
    assert ink(image)[2] - ink(image)[0] > 5
    if "\\" not in text:
        assert not np.array_equal(image, written(text.replace("$", "")))


def test_an_escaped_sign_is_one_sign() -> None:
    r"""`\$5` is drawn as `$5`."""
    assert np.array_equal(written("\\$5"), written("$5"))


def test_formulas_are_set() -> None:
    """What is between dollar signs is set as a formula, higher where it has an exponent."""
    assert not np.array_equal(written("$x^2$"), written("x^2"))
    plain_box, raised = ink(written("$x$")), ink(written("$x^2$"))
    assert raised[2] - raised[0] > plain_box[2] - plain_box[0]


@pytest.mark.parametrize("text", ["$\\frac$", "$$", "$ $", "$x^$", "$\\nope$", "$_$"])
def test_formulas_that_are_wrong(text: str) -> None:
    """A formula that can't be read is a ValueError, and nothing is drawn, now or later."""
    vis = plain()
    with pytest.raises(ValueError, match=r"\S"):
        vis.draw_texts(text, MIDDLE)
    assert is_blank(vis.get_image())
    vis.draw_bboxes(np.array([1, 1, 9, 9]))
    assert vis.get_image().any()


def test_formulas_have_their_looks() -> None:
    """Colour, size, box and outline count for formulas as for plain text."""
    assert written("$H$", colors=RED)[..., 0].max() > 200
    assert not written("$H$", colors=RED)[..., 1:].any()
    small, large = ink(written("$H$", font_sizes=10)), ink(written("$H$", font_sizes=30))
    assert large[3] - large[1] == pytest.approx(3 * (small[3] - small[1]), abs=3)
    assert written("$H$", bboxes={"facecolor": "b"})[..., 2].sum() > written("$H$")[..., 2].sum()
    bold = ink(written("$H$", outline_colors=(0, 0, 255)))
    thin = ink(written("$H$"))
    assert bold[0] < thin[0]
    assert bold[3] > thin[3]
    assert (written("$H$", outline_colors=(0, 0, 255))[..., 2] > 100).any()


def test_wrong_looks_of_formulas() -> None:
    """Outline colours are checked for formulas too."""
    with pytest.raises(ValueError, match="nope"):
        written("$x$", outline_colors="nope")


# sizes


@pytest.mark.parametrize("text", ["abc", "$x$"])
@pytest.mark.parametrize(
    "size", [0, -1, -0.5, -1e30, float("nan"), float("inf"), 1e6, 1e9, 1e30, 47_000, 30_000]
)
def test_sizes_that_are_none(text: str, size: float) -> None:
    """A font size that is no size, or too large to be drawn, is a ValueError that says so."""
    vis = plain()
    with pytest.raises(ValueError, match="size"):
        vis.draw_texts(text, MIDDLE, font_sizes=size)
    assert is_blank(vis.get_image())


@pytest.mark.parametrize("text", ["abc", "$x$"])
@pytest.mark.parametrize("size", [0.01, 0.3, 1, 2])
def test_tiny_sizes(text: str, size: float) -> None:
    """Sizes near zero draw hardly anything, and don't fail."""
    rows, columns = np.nonzero(written(text, font_sizes=size).any(axis=2))
    assert rows.size <= 60
    assert np.ptp(columns) < 12


@pytest.mark.parametrize("size", [200, 1000, 2500])
def test_large_sizes(size: int) -> None:
    """Letters much larger than the image cover it in part."""
    image = written("\N{FULL BLOCK}", font_sizes=size, vertical_alignments="center")
    assert ink(image)[2:] == (WIDTH, HEIGHT)


SIZES = """
import resource, sys
import numpy as np
from trainviz_cli import Visualizer

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
vis = Visualizer(image=np.zeros((60, 80, 3), np.uint8))
for text in "abc", "$x$", "long " * 100:
    for size in 3000, 5000, 8000, 20_000, 30_000, 1e6:
        try:
            vis.draw_texts(text, np.array([20, 20]), font_sizes=size, outline_colors="r")
        except ValueError:
            pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_huge_sizes_need_no_gigabytes() -> None:
    """Whatever the font size, drawing a text takes less than half a gigabyte."""
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", SIZES], capture_output=True, check=False, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 512


@pytest.mark.parametrize("size", [12, 12.0, np.float32(12), np.int64(12), [12], [12, 99, 99]])
def test_numbers_for_sizes(size: Any) -> None:
    """A size is any number; lists may be longer than the texts."""
    assert np.array_equal(written("abc", font_sizes=size), written("abc", font_sizes=12))


# fonts


def test_families_differ() -> None:
    """Serif, sans-serif and monospace are different fonts; a font's own name is one too."""
    pictures = {
        name: written("Rag", font_families=name).tobytes()
        for name in ("sans-serif", "serif", "monospace", "DejaVu Serif")
    }
    assert len(set(pictures.values())) == 3
    assert pictures["serif"] == pictures["DejaVu Serif"]


def test_unknown_families(caplog: pytest.LogCaptureFixture) -> None:
    """A family that isn't installed is the default font, and matplotlib logs it."""
    with caplog.at_level(logging.WARNING):
        image = written("Rag", font_families="No Such Family 123")
    assert np.array_equal(image, written("Rag"))
    assert "No Such Family 123" in caplog.text


def test_properties_of_fonts() -> None:
    """Weight, style and file of a FontProperties count; its size and family give way."""
    regular = written("Rag", font_families="DejaVu Sans")
    bold = FontProperties(weight="bold")
    assert not np.array_equal(written("Rag", font_properties=bold), regular)
    family = FontProperties(family="DejaVu Serif", size=40)
    assert np.array_equal(written("Rag", font_properties=family), regular)
    file = str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf")
    from_file = written("Rag", font_properties=FontProperties(fname=file))
    assert np.array_equal(from_file, written("Rag", font_families="DejaVu Serif"))
    each = written(["Rag", "Rag"], np.array([[9, 9], [9, 50]]), font_properties=[bold, None])
    assert not np.array_equal(each[9:40], each[50:81])
    assert hash(bold) == hash(FontProperties(weight="bold"))  # it stayed as it was


def test_a_font_property_that_changes() -> None:
    """Properties are looked at in each call: changing them changes the next text."""
    properties = FontProperties()
    regular = written("Rag", font_properties=properties)
    properties.set_weight("bold")
    assert not np.array_equal(written("Rag", font_properties=properties), regular)


def test_settings_of_matplotlib_that_change() -> None:
    """Choosing another font in matplotlib's settings counts from the next text on."""
    sans, serif = written("Rag"), written("Rag", font_families="DejaVu Serif")
    with mpl.rc_context({"font.sans-serif": ["DejaVu Serif"]}):
        assert np.array_equal(written("Rag"), serif)
    assert np.array_equal(written("Rag"), sans)


def test_fonts_of_a_collection(tmp_path: Path) -> None:
    """Of a file with several fonts the one that was asked for is drawn, not the first."""
    from fontTools.ttLib import TTCollection, TTFont

    fonts = Path(mpl.get_data_path()) / "fonts/ttf"
    collection, names = TTCollection(), ("Collected One", "Collected Two")
    for file, name in zip(("DejaVuSans.ttf", "DejaVuSerif.ttf"), names, strict=True):
        font = TTFont(fonts / file)
        for record in font["name"].names:
            if record.nameID in {1, 4, 6, 16}:
                record.string = name
        collection.fonts.append(font)
    path = tmp_path / "two.ttc"
    collection.save(path)
    known = fontManager.ttflist.copy()
    try:
        fontManager.addfont(path)
        if names[1] not in fontManager.get_font_names():
            pytest.skip("this matplotlib knows the first font of a collection alone")
        one, two = (written("Rag", font_families=name) for name in names)
    finally:
        fontManager.ttflist[:] = known
    assert np.array_equal(one, written("Rag", font_families="DejaVu Sans"))
    assert np.array_equal(two, written("Rag", font_families="DejaVu Serif"))


@pytest.mark.parametrize(
    "options",
    [
        {"font_families": 7},
        {"font_families": None},
        {"font_sizes": "12"},
        {"font_sizes": (12,)},
        {"font_sizes": np.array([12])},
        {"vertical_alignments": 7},
        {"horizontal_alignments": None},
        {"font_properties": "DejaVu Sans:bold"},
        {"font_properties": 7},
        {"bboxes": 7},
        {"bboxes": "red"},
        {"outline_colors": 7},
    ],
    ids=str,
)
def test_options_of_other_types(options: dict[str, Any]) -> None:
    """An option of a type that it never has is a TypeError that names it."""
    with pytest.raises(TypeError, match=next(iter(options))):
        written("a", **options)


@pytest.mark.parametrize("text", ["a", "$x$"])
@pytest.mark.parametrize(
    ("name", "known"),
    [("vertical_alignments", "baseline"), ("horizontal_alignments", "right")],
)
def test_unknown_alignments(text: str, name: str, known: str) -> None:
    """The message for an alignment that there isn't says which there are, all of them."""
    with pytest.raises(ValueError, match=rf"middle.*{known}"):
        written(text, **{name: "middle"})


@pytest.mark.parametrize(
    "name",
    [
        "font_sizes",
        "colors",
        "vertical_alignments",
        "horizontal_alignments",
        "font_families",
        "bboxes",
        "font_properties",
        "outline_colors",
    ],
)
def test_lists_that_are_too_short(name: str) -> None:
    """One option for two texts is refused by name, before anything is drawn."""
    value = {"font_sizes": 9, "bboxes": {}, "font_properties": None}.get(name, "top")
    vis = plain()
    with pytest.raises(ValueError, match=rf"length of {name}"):
        vis.draw_texts(["a", "b"], np.array([[1, 1], [9, 9]]), **{name: [value]})
    assert is_blank(vis.get_image())


# boxes


def test_a_box_behind_the_text() -> None:
    """The box surrounds the text, in its colour, with as much room as its pad says."""
    text = ink(written("HHH"))
    areas = []
    for pad in (0, 3, 8):
        image = written("HHH", bboxes={"facecolor": "b", "edgecolor": "none", "pad": pad})
        left, top, right, bottom = ink(image)
        assert left <= text[0]
        assert top <= text[1]
        assert right >= text[2]
        assert bottom >= text[3]
        assert pad == 0 or image[top + 1, left + 1].tolist() == [0, 0, 255]
        assert (image == WHITE).all(axis=2).any()
        areas.append((right - left) * (bottom - top))
    assert areas == sorted(areas)
    assert areas[0] < areas[1] < areas[2]


def test_looks_of_boxes() -> None:
    """Transparency, round corners, and edges are those that matplotlib's boxes have."""
    half = written("H", grey=100, bboxes={"facecolor": "r", "alpha": 0.5, "edgecolor": "none"})
    left, top, _, _ = ink(half, 100)
    assert half[top + 1, left + 1].tolist() == pytest.approx([178, 50, 50], abs=2)
    square = written("HHH", font_sizes=20, bboxes={"facecolor": "r", "boxstyle": "square"})
    rounded = written(
        "HHH", font_sizes=20, bboxes={"facecolor": "r", "boxstyle": "round,rounding_size=0.5"}
    )
    left, top, _, _ = ink(square)
    assert square[top, left].any()
    assert not rounded[top, left].any()
    edged = written("H", bboxes={"facecolor": "none", "edgecolor": "lime", "linewidth": 3})
    assert (edged[..., 1] > 0).sum() > (written("H")[..., 1] > 0).sum()


@pytest.mark.parametrize("boxstyle", ["circle", "round4", "sawtooth", "rarrow", "larrow,pad=1"])
def test_styles_of_boxes(boxstyle: str) -> None:
    """Every box style of matplotlib is drawn."""
    image = written("H", bboxes={"facecolor": "b", "boxstyle": boxstyle})
    assert (image == (0, 0, 255)).all(axis=2).sum() > 50


@pytest.mark.parametrize("text", ["a", "$x$"])
@pytest.mark.parametrize(
    "box", [{"nope": 1}, {"boxstyle": "nope"}, {"facecolor": "nope"}, {"facecolor": (255, 0, 0)}]
)
def test_wrong_looks_of_boxes(text: str, box: dict[str, Any]) -> None:
    """A key or a value that matplotlib doesn't know is refused, and nothing is drawn."""
    vis = plain()
    with pytest.raises((AttributeError, ValueError, TypeError), match=r"nope|0-1"):
        vis.draw_texts(text, MIDDLE, bboxes=box)
    assert is_blank(vis.get_image())


def test_boxes_with_arrays_in_their_looks() -> None:
    """Colours of boxes may be arrays, also where several texts have boxes."""
    boxes = [{"facecolor": np.array([1.0, 0, 0])}, {"facecolor": np.array([0, 0, 1.0])}]
    places = np.array([[20, 20], [20, 70]])
    image = written(["a", "b"], places, bboxes=boxes)
    same = written(["a", "b"], places, bboxes=[{"facecolor": "r"}, {"facecolor": "b"}])
    assert np.array_equal(image, same)


def test_boxes_stand_behind_their_own_text() -> None:
    """A box covers the texts before it, and its own text is on top of it."""
    box = {"facecolor": "b", "edgecolor": "none"}
    at_once = written(["HH", "HH"], np.array([[50, 50], [55, 52]]), bboxes=box)
    one_by_one = (
        plain()
        .draw_texts("HH", np.array([50, 50]), colors="w", bboxes=box)
        .draw_texts("HH", np.array([55, 52]), colors="w", bboxes=box)
        .get_image()
    )
    assert np.array_equal(at_once, one_by_one)
    alone = written("HH", np.array([55, 52]), bboxes=box)
    left, top, right, bottom = ink(alone)
    assert np.array_equal(at_once[top:bottom, left:right], alone[top:bottom, left:right])


# colours and outlines


def test_letters_that_are_transparent() -> None:
    """The transparency of a colour counts: half of it shows half, and "none" draws nothing."""
    assert is_blank(written("HHH", colors="none"))
    full = written("HHH", grey=100, colors="#ff0000", font_sizes=30).astype(int)
    half = written("HHH", grey=100, colors="#ff000080", font_sizes=30).astype(int)
    assert np.abs((half - 100) * 255 - (full - 100) * 128).max() <= 2 * 255
    assert half.max() == pytest.approx(178, abs=1)


def test_outlines_surround_letters() -> None:
    """An outline is drawn around the letters in its colour, below the letters."""
    letters = ink(written("HH", font_sizes=20))
    outlined = written("HH", font_sizes=20, outline_colors=(0, 0, 255))
    left, top, right, bottom = ink(outlined)
    width = letters[0] - left
    assert 2 <= width <= 4
    assert (letters[1] - top, right - letters[2], bottom - letters[3]) == (width,) * 3
    thick = np.all(written("HH", font_sizes=20) == WHITE, axis=2)
    assert (outlined[thick] == WHITE).all()
    assert outlined[top + 2, left + 2].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("w", 0),
        ("k", 255),
        ("yellow", 0),
        ("b", 255),
        ((200, 200, 200), 0),
        ((60, 60, 60), 255),
        ("lime", 0),
        ("r", 255),
    ],
)
def test_automatic_outlines(colour: Any, expected: int) -> None:
    """The outline "auto" is black around light letters and white around dark ones."""
    image = written("HH", grey=128, font_sizes=20, colors=colour, outline_colors="auto")
    left, top, _, _ = ink(image, 128)
    assert image[top + 2, left + 2].tolist() == [expected] * 3


def test_outlines_one_by_one() -> None:
    """Each text has its own outline, none, or the automatic one; "none" is none."""
    places = np.array([[10, 10], [10, 40], [10, 70], [10, 95]])
    each = written(["H"] * 4, places, grey=128, outline_colors=["r", None, "auto", "none"])
    bare = written(["H"] * 4, places, grey=128)
    assert not np.array_equal(each[:38], bare[:38])
    assert np.array_equal(each[38:66], bare[38:66])
    assert not np.array_equal(each[66:92], bare[66:92])
    assert np.array_equal(each[92:], bare[92:])


# the pieces


def test_a_block_knows_its_box() -> None:
    """The box of a text is as wide as its widest line, and moves with the alignment."""
    font = load_font(None, "sans-serif", 20.0)
    wide, narrow = lay_out("HHHH", font, "left", "top"), lay_out("H\nHHHH", font, "left", "top")
    assert wide.box[2] == narrow.box[2]
    assert narrow.box[3] > 1.8 * wide.box[3]
    assert wide.box[:2] == (0, 0)
    right = lay_out("HHHH", font, "right", "bottom")
    assert right.box[0] == -right.box[2]
    assert right.box[1] == -right.box[3]
    center = lay_out("HHHH", font, "center", "center")
    assert center.box[0] == -center.box[2] / 2
    assert center.box[1] == -center.box[3] / 2


def test_pixels_of_three_channels_are_written_on() -> None:
    """Text is written onto RGB as onto RGBA, and never into a fourth channel."""
    font = load_font(None, "sans-serif", 14.0)
    block = lay_out("Hg", font, "left", "top")
    rgb, rgba = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40, 4), np.uint8)
    write(rgb, block, (5, 5), font, RED, WHITE)
    write(rgba, block, (5, 5), font, RED, WHITE)
    assert np.array_equal(rgba[..., :3], rgb)
    assert not rgba[..., 3].any()
    assert rgb.any()


def test_the_same_text_again() -> None:
    """What is kept of a text for the next picture isn't changed by drawing it."""
    first = written("kept", outline_colors="r", colors="#ffffff80")
    for colour in ("g", "b", (1, 2, 3)):
        written("kept", colors=colour, outline_colors="auto")
    assert np.array_equal(written("kept", outline_colors="r", colors="#ffffff80"), first)


FONTS = """
import gc
import numpy as np
from PIL.ImageFont import FreeTypeFont
from trainviz_cli import Visualizer

vis = Visualizer(image=np.zeros((60, 80, 3), np.uint8))
for number in range(400):
    vis.set_image(np.zeros((60, 80, 3), np.uint8))
    vis.draw_texts("abc", np.array([9, 9]), font_sizes=9 + number / 100)
gc.collect()
print(sum(isinstance(each, FreeTypeFont) for each in gc.get_objects()))
"""


def test_fonts_are_forgotten() -> None:
    """Texts of ever new sizes don't keep the font of each: it is a third of a megabyte."""
    done = subprocess.run(
        [sys.executable, "-c", FONTS], capture_output=True, check=True, text=True, timeout=60
    )
    assert int(done.stdout) <= 100


def test_texts_in_threads() -> None:
    """Several threads may write, formulas too, each on its own image."""

    def draw(number: int) -> bytes:
        vis = plain()
        for size in (8, 11, 14):
            vis.draw_texts(["label", f"$x^{{{number}}}$"], np.array([[9, 9], [50, 60]]), size)
        return vis.get_image().tobytes()

    numbers = [0, 1, 2, 3] * 6
    expected = {number: draw(number) for number in set(numbers)}
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(draw, numbers)) == [expected[number] for number in numbers]
