"""bash: quotes what it gets, and replaces only a part of the word."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from trainviz_cli.cli._completion.ask import QUOTED, ask, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import click

_MENU = "37"  # where bash puts in one candidate after the other
_PLAIN_IN_BASH = r"(?a)[\w@%+:,./=-]*"
_WORD = r"""(?s)(?:\\.?|'[^']*'?|"(?:[^"\\]|\\.)*\\?"?|[^\s<>|&;()'"\\])+"""

_SCRIPT = r"""_trainviz_completion() {
    local line program=trainviz
    [[ $1 == */trainviz && -x $1 ]] && program=$1
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            file,*) compopt -o default 2> /dev/null ;;
            dir,*) compopt -o dirnames 2> /dev/null ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done <<< "$(_TRAINVIZ_COMPLETE=bash_complete "$program" "${COMP_LINE:0:COMP_POINT}" "$2" \
        "${COMP_TYPE-}" 2> /dev/null < /dev/null)"
}

# Before 4.4, bash sorts; before 4.0, it has no compopt, and offers files where nothing else fits.
complete -o nosort -F _trainviz_completion trainviz 2> /dev/null ||
    complete -o default -F _trainviz_completion trainviz
"""


def script() -> str:
    """What bash must run once."""
    return _SCRIPT


def candidates(group: click.Group, arguments: Sequence[str]) -> Iterator[str]:
    """The candidates for bash, as they stand on the line: in quotes where they need them.

    What the candidates have in common is put in by bash itself, even where it is less than was
    typed. One more candidate, a blank, keeps it from that: none of the others begins like it.
    """
    line, piece, kind = arguments
    typed = _read_line(line, piece)
    if typed.to_file:
        yield "file,"
        return
    kept, items = ask(group, typed.words, typed.word)
    yield from (f"{item.type}," for item in items if item.type != "plain")
    values = [f"{kept}{item.value}" for item in items if item.type == "plain"]
    # Bash replaces no more than what stands behind the last `=`, `:` or opening quote, and adds
    # the closing quote itself.
    rest = [value.removeprefix(typed.stays) for value in values if value.startswith(typed.stays)]
    rest = [text for text in rest if not _special_in(typed.quote, text)]
    common = typed.stays + os.path.commonprefix(rest)  # noqa: RUF071 - characters, not folders
    is_longer = len(common) > len(typed.word) and common.lower().startswith(typed.word.lower())
    if typed.quote:
        quoted = rest
    elif len(rest) == 1 or is_longer:
        quoted = _quoted_alike(rest)
    else:
        quoted = [each for text in rest for each in _quoted_alike([text])]
    if len(rest) > 1 and not is_longer and kind != _MENU:
        quoted.append(" ")
    yield from (f"plain,{each}" for each in quoted)


def _special_in(quote: str, text: str) -> bool:
    """Whether the text has anything in it that is not itself after this opening quote."""
    return any(sign in text for sign in ('\\"$`!' if quote == '"' else quote))


class _Typed(NamedTuple):
    """A line of bash up to the cursor.

    Attributes:
        words: What follows the command, without quotes.
        word: The word at the cursor, without quotes.
        stays: The part of it that bash does not replace, without quotes.
        quote: The quote that is open at the cursor.
        to_file: Whether the word says where output goes, or input comes from.
    """

    words: list[str]
    word: str
    stays: str
    quote: str
    to_file: bool


def _read_line(line: str, piece: str) -> _Typed:
    """What was typed, as bash would take it.

    Args:
        line: The command up to the cursor.
        piece: The end of it that bash is about to replace.
    """
    words = list(re.finditer(_WORD, line))
    at_cursor = words.pop() if words and words[-1].end() == len(line) else None
    begin = at_cursor.start() if at_cursor else len(line)
    last = list(re.compile(QUOTED).finditer(line, begin))[-1:]
    is_open = bool(last) and last[0].end() == len(line) and last[0]["end"] == ""
    quote = last[0][0][0] if is_open else ""
    if is_open:
        start = last[0].start() + 1
    else:
        start = max(begin, len(line) - len(piece)) if line.endswith(piece) else begin
    return _Typed(
        words=[unquoted(word[0]) for word in words[1:]],
        word=unquoted(line[begin:]),
        stays=unquoted(line[begin:start]),
        quote=quote,
        to_file=line[:begin].rstrip().endswith((">", "<")),
    )


def _quoted_alike(texts: Sequence[str]) -> list[str]:
    """The texts for bash, all in quotes if one of them needs any: so they still begin alike."""
    if all(re.fullmatch(_PLAIN_IN_BASH, text) for text in texts):
        return [*texts]
    return ["'" + text.replace("'", r"'\''") + "'" for text in texts]
