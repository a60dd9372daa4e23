"""safetensors: the length of a JSON header, the header, and the tensors' bytes.

Source: github.com/huggingface/safetensors, README.md, "Format".
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from operator import mul
from typing import TYPE_CHECKING, BinaryIO

from trainviz_cli.codecs.pickles import Inert
from trainviz_cli.codecs.stored import SIZES, Storage, StoredTensor, fetch_from
from trainviz_cli.errors import RefusedError

if TYPE_CHECKING:
    from trainviz_cli.codecs.stored import Source

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # by the format
_MOST_HEADER = 1 << 24  # that anyone would write
_ABOUT_THE_FILE = "__metadata__"
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}
_UNREAD = "safetensors"
_LONGEST_TYPE = 20


def claims(head: bytes, size: int) -> bool:
    """Whether a file of this size that begins like this is one."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return length <= min(size, _LONGEST_HEADER) and head[_LENGTH_BYTES:].startswith(b"{")


def unread_kind(value: Inert) -> str | None:
    """The type of a tensor whose elements can't be read; None of anything else."""
    maker, _, dtype = value.name.partition(" ")
    return ascii(dtype[:_LONGEST_TYPE])[1:-1] if maker == _UNREAD else None


def read(file: BinaryIO, source: Source) -> dict[str, object]:
    """The tensors by their names; those of a type that torch hasn't are inert.

    Raises:
        ValueError: It is cut off or damaged.
        RefusedError: Its header is larger than any.
    """
    import orjson

    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > _MOST_HEADER:
        raise RefusedError(f"a header of {length:,} bytes")
    header = file.read(length)
    begin = _LENGTH_BYTES + length
    try:
        entries = orjson.loads(header)
    except orjson.JSONDecodeError:
        raise ValueError("its header is no JSON, or cut off") from None
    tensors: dict[str, object] = {}
    places: list[tuple[int, int]] = []
    for name, entry in entries.items():
        if name != _ABOUT_THE_FILE:
            tensors[name], place = _read_entry(entry, source, begin)
            places.append(place)
    if any(first[1] > second[0] for first, second in pairwise(sorted(places))):
        raise RefusedError("tensors that overlap")
    return tensors


def _read_entry(entry: object, source: Source, begin: int) -> tuple[object, tuple[int, int]]:
    """A tensor, and where its bytes are, counted from the end of the header."""
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(first), int(end)]}:
            if not 0 <= first <= end <= source.size - begin:
                raise ValueError("it is cut off")
            dtype = _DTYPES.get(kind)
            if dtype is None:
                return Inert(f"{_UNREAD} {kind}"), (first, end)
            if all(type(size) is int for size in shape):
                storage = Storage(source, dtype, end - first, fetch_from(begin + first))
                strides = [*accumulate(reversed(shape[1:]), mul, initial=1)][::-1]
                tensor = StoredTensor(storage, 0, tuple(shape), tuple(strides[: len(shape)]))
                if tensor.count * SIZES[dtype] == end - first:
                    return tensor, (first, end)
    raise ValueError("a tensor in its header is not as it should be")
