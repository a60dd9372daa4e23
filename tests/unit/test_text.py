"""Text from outside: nothing steers a terminal, and its width is known."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.render.term.text import cells, fit, printable

ANY = st.text(st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("loss", "loss"),
        ("Größe 训练 é", "Größe 训练 é"),
        ("\x1b[31m", "␛[31m"),
        ("a\nb\r\tc\0", "a␊b␍␉c␀"),
        ("\x7f\x80\x9b", "␡��"),
        ("\u202e\u200b\u2028\ud800\ue000", "�����"),
        ("a\u00a0b\u3000c", "a b c"),
        ("", ""),
    ],
)
def test_printable(raw: str, shown: str) -> None:
    """Control characters become their pictures, invisible ones a mark, odd blanks a blank."""
    assert printable(raw) == shown


@given(ANY)
def test_printable_text_is_printable(text: str) -> None:
    """Nothing is left that Python calls unprintable, nothing is lost, and twice is once."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert printable(shown) == shown


@given(ANY)
def test_printable_keeps_what_is_harmless(text: str) -> None:
    """Letters, marks, digits, punctuation and symbols stay what they are."""
    for char, shown in zip(text, printable(text), strict=True):
        if unicodedata.category(char)[0] in "LMNPS":
            assert shown == char


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("loss", 4),
        ("训练", 4),
        ("ﾊﾝ", 2),
        ("\uff21", 2),
        ("e\u0301", 1),
        ("👍", 2),
        ("ที่", 1),
        ("हि", 2),
        ("\u1b44", 1),
        ("┤⣿●", 3),
    ],
)
def test_cells(text: str, columns: int) -> None:
    """Wide characters take two columns, marks that lie on others none, the rest one."""
    assert cells(text) == columns


def test_cells_of_marks_that_no_letter_carries() -> None:
    """Marks of any combining class lie on the character before."""
    marks = [chr(code) for code in range(0x300, 0x3000) if unicodedata.category(chr(code)) == "Mn"]
    assert [mark for mark in marks if cells(mark)] == []


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [
        ("loss", 4, "loss"),
        ("loss", 10, "loss"),
        ("abcdefghij", 7, "abcd…ij"),
        ("abcdefghij", 2, "a…"),
        ("abcdefghij", 1, "…"),
        ("abcdefghij", 0, ""),
        ("abcdefghij", -3, ""),
        ("训练损失训练", 7, "训练…练"),
        ("训练损失训练", 6, "训练…"),
        ("\x1b[31mred", 20, "␛[31mred"),
    ],
)
def test_fit(text: str, width: int, fitted: str) -> None:
    """What is too long loses its middle; both ends tell names apart."""
    assert fit(text, width) == fitted


@settings(deadline=None)
@given(ANY, st.integers(0, 90))
def test_fitted_text_fits(text: str, width: int) -> None:
    """It is never wider than it may be, always printable, and whole where there is room."""
    fitted = fit(text, width)
    assert cells(fitted) <= width
    assert fitted.isprintable()
    if cells(printable(text)) <= width and len(text) <= 4 * width:
        assert fitted == printable(text)


@pytest.mark.parametrize("text", ["k" * 10_000_000, "训" * 1_000_000, "\x1b" * 1_000_000])
def test_endless_text_is_shortened_at_once(text: str) -> None:
    """However long a name is, what is shown of it has the width asked for, and shows the cut."""
    fitted = fit(text, 40)
    assert 39 <= cells(fitted) <= 40
    assert fitted.count("…") == 1
