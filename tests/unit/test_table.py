"""Tables fitted to a width: which columns stay, who gives way, and how the rest is aligned."""

import pytest

from trainviz_cli.render.term.style import BOLD, DIM, PLAIN, Style
from trainviz_cli.render.term.table import Column, table


def texts(columns: list[Column], width: int = 80) -> list[str]:
    """The lines as they are read, blanks at their ends included."""
    return ["".join(span.text for span in line) for line in table(columns, width)]


def heads(columns: list[Column], width: int) -> list[str]:
    """The heads of the columns that are shown."""
    return texts(columns, width)[0].split()


def test_text_stands_left_and_numbers_right() -> None:
    """Heads stand as their column does, and two blanks lie between columns."""
    columns = [Column("run", ["a", "long"]), Column("step", ["5", "12345"], right=True)]
    assert texts(columns) == [
        "run    step",
        "a         5",
        "long  12345",
    ]


def test_a_table_is_no_wider_than_it_needs() -> None:
    """However much room there is, columns stay together."""
    assert texts([Column("a", ["1"]), Column("b", ["2"])], 2000) == ["a  b", "1  2"]


def test_empty_columns_are_left_out() -> None:
    """A column without head and without any text leaves no gap; one with a head alone stays."""
    columns = [Column("a", ["1", "2"]), Column("", ["", ""]), Column("b", ["", ""])]
    assert texts(columns) == ["a  b", "1   ", "2   "]


def test_a_column_needs_no_head() -> None:
    """One row with a text in it is enough."""
    assert texts([Column("a", ["1", "2"]), Column("", ["", "live"])]) == [
        "a      ",
        "1      ",
        "2  live",
    ]


def test_a_table_without_rows_is_its_heads() -> None:
    """Nothing to list is no error."""
    assert texts([Column("run", []), Column("age", [])]) == ["run  age"]
    assert table([], 80) == []


def test_the_least_worth_goes_first() -> None:
    """As the room shrinks, columns go by their worth, and one of no worth stays to the end."""
    columns = [
        Column("name", ["n" * 4]),
        Column("one", ["1" * 4], worth=1),
        Column("three", ["3" * 5], worth=3),
        Column("two", ["2" * 4], worth=2),
    ]
    assert heads(columns, 23) == ["name", "one", "three", "two"]
    assert heads(columns, 22) == ["name", "three", "two"]
    assert heads(columns, 17) == ["name", "three", "two"]
    assert heads(columns, 16) == ["name", "three"]
    assert heads(columns, 10) == ["name"]
    assert heads(columns, 4) == ["name"]


def test_of_equal_worth_the_rightmost_goes_first() -> None:
    """What stands further left was thought more of."""
    columns = [Column(name, ["123"], worth=1) for name in ("aaa", "bbb", "ccc")]
    assert heads(columns, 13) == ["aaa", "bbb", "ccc"]
    assert heads(columns, 12) == ["aaa", "bbb"]
    assert heads(columns, 7) == ["aaa"]


def test_a_column_is_narrowed_before_another_goes() -> None:
    """What may be shortened gives its cells, down to its least; only then does a column go."""
    columns = [Column("run", ["abcdefghijklmnop"], least=8), Column("age", ["5h"], worth=1)]
    assert texts(columns, 21)[1] == "abcdefghijklmnop  5h "
    assert texts(columns, 20)[1] == "abcdefghij…mnop  5h "
    assert texts(columns, 13)[1] == "abcde…op  5h "
    assert texts(columns, 12)[1] == "abcdefgh…nop"


def test_the_widest_gives_first() -> None:
    """Two long columns end up alike, and a short one keeps its text."""
    columns = [
        Column("a", ["a" * 30], least=5),
        Column("b", ["b" * 20], least=5),
        Column("c", ["c" * 6], least=5),
    ]
    widths = [len(field) for field in texts(columns, 30)[1].split("  ")]
    assert widths == [10, 10, 6]


def test_a_column_without_a_least_is_never_cut() -> None:
    """Numbers show whole or not at all: half a number is another number."""
    columns = [Column("run", ["r" * 30], least=4), Column("step", ["1234567890"], right=True)]
    for width in range(16, 50):
        assert "1234567890" in texts(columns, width)[1]


def test_a_least_that_is_not_needed_takes_no_room() -> None:
    """A short column is as wide as its text, whatever it might be narrowed to."""
    assert texts([Column("a", ["1"], least=12), Column("b", ["2"])]) == ["a  b", "1  2"]


@pytest.mark.parametrize("width", [1, 5, 10, 24, 41])
def test_no_line_is_wider_where_nothing_may_go(width: int) -> None:
    """Even where no column may be left out or cut, the terminal doesn't break the lines."""
    columns = [
        Column("run", ["r" * 30], least=20),
        Column("last", ["0.123"], right=True),
        Column("best (max)", ["0.456*"], right=True),
    ]
    lines = texts(columns, width)
    assert len(lines) == 2
    assert max(map(len, lines)) <= width


def test_wide_characters_keep_the_columns_in_line() -> None:
    """A character of two cells counts two, a combining one none."""
    columns = [Column("run", ["训练", "e\u0301", "abcd"]), Column("n", ["1", "2", "3"])]
    assert texts(columns) == ["run   n", "训练  1", "e\u0301     2", "abcd  3"]


def test_a_wide_character_is_not_cut_in_half() -> None:
    """Where only half of it would fit, a blank takes its place."""
    (_, line) = texts([Column("r", ["训训训训"], least=4)], 4)
    assert line == "训… "
    (_, line) = texts([Column("r", ["训训训训"], right=True, least=4)], 4)
    assert line == " 训…"


def test_nothing_from_outside_steers_the_terminal() -> None:
    """Heads and texts are made printable, and measured as they are shown."""
    columns = [Column("k\x1b[31m", ["a\nb", "\ud800"]), Column("n", ["1", "2"])]
    assert texts(columns) == ["k␛[31m  n", "a␊b     1", "�       2"]


def test_styles() -> None:
    """Heads are dim; one style is for all rows, several are for each its own."""
    each = [Style(1), Style(2, bold=True)]
    lines = table([Column("a", ["1", "2"], styles=BOLD), Column("b", ["3", "4"], styles=each)], 80)
    assert [[span.style for span in line] for line in lines] == [
        [DIM, DIM],
        [BOLD, each[0]],
        [BOLD, each[1]],
    ]
    assert table([Column("a", ["1"])], 80)[1][0].style == PLAIN


def test_the_texts_handed_over_stay_as_they_are() -> None:
    """A table is drawn again when the terminal was resized, from the same columns."""
    column = Column("run", ["abcdefghijklmnop\x1b"], least=4)
    narrow = texts([column], 6)
    assert texts([column], 80)[1] == "abcdefghijklmnop␛"
    assert texts([column], 6) == narrow
