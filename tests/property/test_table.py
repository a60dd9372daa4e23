"""Tables of any text at any width: in line, printable, no wider than allowed, and no row lost."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainviz_cli.render.term.style import Style, line_cells
from trainviz_cli.render.term.table import Column, table
from trainviz_cli.render.term.text import cells, printable

GAP = 2
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
TEXTS = (
    ANY_TEXT
    | st.text("ab训é\u0301\u200b🚀 ", max_size=40)
    | st.integers(0, 10**9).map(str)
    | st.just("")
)
WIDTHS = st.integers(1, 90) | st.integers(24, 300)


@st.composite
def some_columns(draw: st.DrawFn) -> list[Column]:
    """Columns of equally many rows; a style says in each row which column a text is of."""
    rows = draw(st.integers(0, 5))
    made = st.builds(
        Column,
        head=TEXTS,
        texts=st.lists(TEXTS, min_size=rows, max_size=rows),
        right=st.booleans(),
        least=st.none() | st.integers(0, 40),
        worth=st.none() | st.integers(0, 4),
    )
    columns = draw(st.lists(made, max_size=7))
    return [column._replace(styles=Style(i)) for i, column in enumerate(columns)]


def whole(column: Column) -> list[str]:
    """The head and the rows of a column as they are shown where there is room."""
    return [printable(text) for text in (column.head, *column.texts)]


def widest(column: Column) -> int:
    """The cells that the column would like to have."""
    return max(map(cells, whole(column)))


def narrowest(column: Column) -> int:
    """The cells that the column can do with."""
    return min(widest(column), column.least or widest(column))


def needed(columns: list[Column], width_of: object = narrowest) -> int:
    """The cells that columns take together, with the gaps between them."""
    assert callable(width_of)
    return sum(width_of(column) + GAP for column in columns) - GAP


def told(columns: list[Column]) -> list[Column]:
    """The columns that have anything to show."""
    return [column for column in columns if widest(column)]


def shown(columns: list[Column], width: int) -> list[Column]:
    """The columns that a table has, told by the styles of its first row."""
    row = table(columns, width)[1:2]
    return [columns[span.style.color or 0] for line in row for span in line]


@settings(deadline=None, max_examples=300)
@given(columns=some_columns(), width=WIDTHS)
@example(columns=[Column("a" * 9, ["b" * 9])] * 3, width=10)
def test_no_line_is_wider_than_the_width(columns: list[Column], width: int) -> None:
    """Whatever the texts and however little may be left out, no line breaks."""
    assert max(map(line_cells, table(columns, width)), default=0) <= width


@settings(deadline=None, max_examples=300)
@given(columns=some_columns(), width=WIDTHS)
def test_every_row_is_there_and_in_line(columns: list[Column], width: int) -> None:
    """A head and all rows, each of as many cells; none only where no column is shown."""
    lines = table(columns, width)
    rows = len(columns[0].texts) if columns else 0
    assert len(lines) in {0, rows + 1}
    assert len(set(map(line_cells, lines))) <= 1
    assert len({len(line) for line in lines}) <= 1
    if any(column.worth is None for column in told(columns)):
        assert len(lines) == rows + 1


@settings(deadline=None, max_examples=300)
@given(columns=some_columns(), width=WIDTHS)
def test_nothing_unprintable_is_left(columns: list[Column], width: int) -> None:
    """No text from outside can steer the terminal, break a line or shift a column."""
    for line in table(columns, width):
        for span in line:
            assert span.text.isprintable()


@settings(deadline=None, max_examples=300)
@given(columns=some_columns(), width=WIDTHS)
def test_texts_are_whole_or_marked_as_shortened(columns: list[Column], width: int) -> None:
    """What is cut says so, no column is cut below its least, and none that must show whole."""
    lines = table(columns, width)
    for i, (_, *_rest) in enumerate(lines[:1] and zip(*lines, strict=True)):
        spans = [line[i] for line in lines]
        if len(spans) < 2:
            continue
        column = columns[spans[1].style.color or 0]
        room = cells(spans[0].text) - (GAP if i < len(lines[0]) - 1 else 0)
        for span, text in zip(spans, whole(column), strict=True):
            if span.text.strip(" ") != text.strip(" "):
                assert "…" in span.text
                assert room < cells(text)
        if needed([c for c in told(columns) if c.worth is None]) <= width:
            assert narrowest(column) <= room <= widest(column)


@settings(deadline=None, max_examples=300)
@given(columns=some_columns().filter(lambda found: bool(found and found[0].texts)), width=WIDTHS)
def test_columns_go_by_their_worth(columns: list[Column], width: int) -> None:
    """The order stays; what must stay stays; what goes is of least worth, and there is need."""
    left = shown(columns, width)
    candidates = told(columns)
    gone = [column for column in candidates if column not in left]
    places = iter(candidates)
    assert all(column in places for column in left)
    if needed([column for column in candidates if column.worth is None]) > width:
        return
    assert all(column.worth is not None for column in gone)
    if gone:
        last = max(gone, key=lambda column: (column.worth, -candidates.index(column)))
        order = [(c.worth, -candidates.index(c)) for c in left if c.worth is not None]
        assert all(rank > (last.worth, -candidates.index(last)) for rank in order)
        assert needed([column for column in candidates if column in [*left, last]]) > width


@settings(deadline=None, max_examples=300)
@given(columns=some_columns())
def test_with_room_for_all_nothing_is_touched(columns: list[Column]) -> None:
    """At the width that the texts need, every one of them is whole, and one cell less cuts."""
    width = needed(told(columns), widest)
    lines = table(columns, max(width, 1))
    for line, row in zip(lines, zip(*map(whole, told(columns)), strict=True), strict=True):
        for span, text in zip(line, row, strict=True):
            assert span.text.strip(" ") == text.strip(" ")
    if lines:
        assert line_cells(lines[0]) == width
