"""The records on one line of JSON, and what can still be had from a damaged one."""

from __future__ import annotations

import json
import re
from typing import Any

from trainviz_cli.codecs.lines import BOM

Record = dict[str, Any]

_CONFLICT = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")
SPACE = b" \t\r\0"
_BLANKS = frozenset(SPACE.decode())
_MOST_GUESSED_CHARS = 1 << 22  # a hostile line must not cost a guess per brace


def parse_line(line: bytes) -> tuple[list[Record], str | None]:
    """The records on one line, and what is wrong with it."""
    if not line:
        return [], None
    if line.startswith(_CONFLICT):
        return [], "git conflict marker"
    record = parse_record(line)
    if record is not None:
        return [record], None
    found, rest = _leading_records(line.decode("utf-8", "replace"))
    if not rest:
        return found, None
    tail, problem = _parse_glued(rest)
    return found + tail, problem


def _leading_records(text: str) -> tuple[list[Record], str]:
    """The whole records that the line begins with, and what follows them."""
    found: list[Record] = []
    start = 0
    while text.startswith("{", start):
        try:
            record, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        found.append(record)
        while text[start : start + 1] in _BLANKS:
            start += 1
    return found, text[start:]


def parse_record(line: bytes) -> Record | None:
    """The record that a line is, or None if it is anything else."""
    line = line.removeprefix(BOM).strip(SPACE)
    if not line.startswith(b"{"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _parse_glued(text: str) -> tuple[list[Record], str | None]:
    """What can be had with certainty from a line on which records run into each other.

    A record that broke off leaves no newline, so the next one follows on its line. From the first
    brace where the whole rest of the line is made of whole records that say their step, the rest
    is taken.
    """
    budget = _MOST_GUESSED_CHARS
    for at in re.finditer(r'\{"', text):
        budget -= len(text) - at.start()
        if budget < 0:
            break
        records = _whole_records(text, at.start())
        if records and all("step" in record for record in records):
            whole = at.start() == 0
            return records, None if whole else "record cut short by the next one"
    return [], "line is no JSON object"


def _whole_records(text: str, start: int) -> list[Record]:
    """The records from `start` to the end, or none at all if anything else stands between."""
    found: list[Record] = []
    while start < len(text):
        try:
            record, start = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        if not isinstance(record, dict):
            return []
        found.append(record)
    return found


_DECODER = json.JSONDecoder()
