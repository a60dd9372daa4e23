"""ONNX, recognised by its bytes: they have no magic number.

Source: onnx/onnx.proto, message ModelProto; protobuf's wire format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_VERSION, _GRAPH = 1, 7  # fields of a model
_NUMBERS = {1, 5}
_MESSAGES = {2, 3, 4, 6, 7, 8, 14, 20, 25, 26}
_FIRST_BYTE = b"\x08"  # of the version, which every writer puts first
_MOST_FIELDS = 256
_MOST_DIGITS = 10  # of a number, in bytes


def is_onnx(file: BinaryIO, size: int) -> bool:
    """Whether these are the fields of a model with a graph, as far as the graph."""
    file.seek(0)
    if file.read(1) != _FIRST_BYTE:
        return False
    file.seek(0)
    for _ in range(_MOST_FIELDS):
        tag = _number(file)
        field, is_message = divmod(tag, 8)
        value = _number(file)
        if field in _MESSAGES and is_message == 2 and 0 <= value <= size - file.tell():
            if field == _GRAPH:
                return value > 0
            file.seek(value, 1)
        elif field not in _NUMBERS or is_message != 0 or value < 0:
            return False
    return False


def _number(file: BinaryIO) -> int:
    """The next number; negative if there is none."""
    number = 0
    for place in range(_MOST_DIGITS):
        byte = file.read(1)
        if not byte:
            return -1
        number |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return number
    return -1
