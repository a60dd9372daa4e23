"""Pickles as plain data, by an interpreter that imports nothing and calls nothing.

Python's own unpickler is a machine that the file programs: it imports what is named and calls it.
This one knows the opcodes of protocols 0 to 5, and for the rest only how to forget. A name becomes
a `Global`, what would be made by calling it an `Inert`, and what would be done to either is noted
or dropped. The few makers of plain data, and those a caller adds, are looked up by name in a table.

All costs count against one budget, because a few bytes can ask for a lot. No value is walked,
compared or hashed deeper than one level: nesting is free in a pickle, also a million levels of it.
Source: Lib/pickletools.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.codecs.pickles.inert import Global, Inert, attributes, entries
from trainviz_cli.codecs.pickles.machine import DAMAGED, Machine
from trainviz_cli.codecs.pickles.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from trainviz_cli.codecs.pickles.inert import Args
    from trainviz_cli.codecs.pickles.machine import Build

__all__ = ["Global", "Inert", "attributes", "entries", "load_pickle"]


def load_pickle(
    file: BinaryIO,
    end: int,
    builders: Mapping[str, Build] | None = None,
    persistent: Build | None = None,
    budget: int | None = None,
) -> object:
    """The value of the pickle that begins where the file is; the file is then just after it.

    Lists, dicts and sets are those of the pickle, so they may contain themselves, or the same
    value over and over: who walks them must note where they have been.

    Args:
        file: Where it stands.
        end: Byte of the file that it doesn't go beyond.
        builders: Name → what makes a value of the arguments, which may be anything. None of it
            is no value, but something inert.
        persistent: What makes a value of a persistent id, which is its only argument.
        budget: What it may ask for; None is what a checkpoint may.

    Raises:
        ValueError: It is damaged, cut off or none.
        RefusedError: It asks for more than a checkpoint would.
    """
    machine = Machine(file, end, builders or {}, persistent or _forget, budget)
    try:
        return _run(machine, file)
    except (IndexError, KeyError) as error:  # of the stack, or of the memo
        raise ValueError(DAMAGED) from error


def _run(machine: Machine, file: BinaryIO) -> object:
    read, spend = file.read, machine.spend
    while (code := read(1)) != b".":
        step = STEPS.get(code)
        if step is None:
            raise ValueError(DAMAGED if code else "it is cut off")
        spend(1)
        step(machine)
    return machine.stack.pop()


def _forget(_: Args) -> object:
    return Inert("persistent id")
