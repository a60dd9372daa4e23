"""The records of a block of lines: all at once where every line is sound, else line by line."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from trainviz_cli.codecs.records import SPACE, Record, parse_line

if TYPE_CHECKING:
    from trainviz_cli.codecs.lines import Block
    from trainviz_cli.model.series import IntArray

Kinds = set[type]
# The records, all their values, of which kinds these are, and where each record's line ends.
Parsed = tuple[list[Record], list[Any], Kinds, "IntArray"]
Begins = dict[int, int]  # record -> where its line begins, unless where the record before it ends
Problem = tuple[int, str]  # byte in the file, and what is wrong there

# The bare word after a key, never inside a string: a quote there would be escaped.
# The word comes first in the pattern, so that it is searched for as fast as any text.
_BARE_NAN = rb'NaN(?:(?<=[^\\{,:\[\s]": NaN)|(?<=[^\\{,:\[\s]":NaN))(?=[,}])'
_NEWLINE, _QUOTE, _BRACE = 10, 34, 123
_NESTED = frozenset({list, dict})


def parse_together(block: Block) -> Parsed | None:
    """All records of a block in which every line is sound, else None."""
    data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) + 1
    begins = np.frombuffer(data, np.uint8)[np.concatenate(([0], ends[:-1]))]
    if not (begins == _BRACE).all():
        return None
    try:
        records = _load_together(b"[%b]" % data[:-1].replace(b"\n", b","))
        values = _values(records)
    except (orjson.JSONDecodeError, TypeError):  # TypeError: something in it is no record
        return None
    # Lines that begin with a brace and number as many as the records are the records, unless one
    # goes on over several lines, as a list of objects can; or a text, if others make up for it.
    numbers = _only_numbers(data, len(records), len(values))
    kinds: Kinds = {float} if numbers else set(map(type, values))
    if len(records) != len(ends) or not _NESTED.isdisjoint(kinds):
        return None
    return records, values, kinds, ends + block.offset


def _only_numbers(data: bytes, records: int, values: int) -> bool:
    """Whether two quotes a value, a brace a record and no bracket leave room for numbers alone.

    Asking each value costs more than counting in the text.
    """
    signs = np.frombuffer(data, np.uint8)
    quotes, braces = (np.count_nonzero(signs == sign) for sign in (_QUOTE, _BRACE))
    return quotes == 2 * values and braces == records and b"[" not in data


def _load_together(array: bytes) -> list[Record]:
    """The elements of a JSON array in which a bare NaN may stand for a value."""
    if b"N" in array:  # a single letter is found at once
        array = re.sub(_BARE_NAN, b"null", array)
    elements: list[Record] = orjson.loads(array)
    return elements


def _values(records: list[Record]) -> list[Any]:
    """Every value of every record, one after the other."""
    return list(chain.from_iterable(map(dict.values, records)))


def parse_one_by_one(block: Block) -> tuple[Parsed, list[Problem], Begins]:
    """All that can be had with certainty from a block with something odd in it."""
    records: list[Record] = []
    ends: list[int] = []
    begins: Begins = {}
    problems: list[Problem] = []
    start = block.offset
    for line in block.data.split(b"\n"):
        found, problem = parse_line(line.strip(SPACE))
        end = start + len(line) + 1
        if (ends[-1] if ends else block.offset) != start or len(found) > 1:
            begins |= dict.fromkeys(range(len(records), len(records) + len(found)), start)
        records += found
        ends += [end] * len(found)
        if problem:
            problems.append((start, problem))
        start = end
    values = _values(records)
    return (records, values, set(map(type, values)), np.array(ends, np.int64)), problems, begins
