"""Checkpoints made byte by byte: their numbers and names may be any."""

import io
import struct
import zipfile
from pathlib import Path

import orjson
import torch

from trainviz_cli.codecs.stored import StoredTensor
from trainviz_cli.codecs.torchfile import Contents, read_contents

FLOATS = struct.pack("<6f", *range(6))


def text(value: str) -> bytes:
    """The opcode that puts text on the stack."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """The opcode that puts an integer on the stack."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(dotted: str) -> bytes:
    """The opcode that puts a global on the stack."""
    module, _, rest = dotted.partition(":")
    return f"c{module}\n{rest}\n".encode()


def call(dotted: str, *args: bytes) -> bytes:
    """The opcodes that call a global."""
    return name(dotted) + b"(" + b"".join(args) + b"tR"


def in_bytes(value: bytes) -> bytes:
    """The opcode that puts bytes on the stack."""
    return b"B" + struct.pack("<I", len(value)) + value


def tensor(
    key: str = "0",
    count: int = 6,
    offset: int = 0,
    shape: tuple[int, ...] = (2, 3),
    strides: tuple[int, ...] = (3, 1),
    *,
    view: bytes = b"",
) -> bytes:
    """The opcodes of a float tensor, with numbers that may be any."""
    storage = name("torch:FloatStorage") + text(key) + text("cpu") + number(count) + view
    return (
        name("torch._utils:_rebuild_tensor_v2")
        + b"(("
        + (text("storage") + storage)
        + b"tQ"
        + number(offset)
        + b"".join(b"(" + b"".join(map(number, sizes)) + b"t" for sizes in (shape, strides))
        + (b"\x89" + name("collections:OrderedDict") + b")R")
        + b"tR"
    )


def holding(*tensors: bytes) -> bytes:
    """The pickle of a dict of these tensors, called a, b and so on."""
    pairs = b"".join(text(chr(97 + place)) + each for place, each in enumerate(tensors))
    return b"\x80\x02}(" + pairs + b"u."


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()


def checkpoint(pickled: bytes, **storages: bytes) -> bytes:
    """A zip checkpoint of a pickle and storages, which are called s0, s1 and so on."""
    data = {f"m/data/{key.removeprefix('s')}": value for key, value in storages.items()}
    return packed({"m/data.pkl": pickled, **data})


def safetensors(header: object, data: bytes = b"") -> bytes:
    """A file with this header and these bytes after it."""
    encoded = header if isinstance(header, bytes) else orjson.dumps(header)
    return struct.pack("<Q", len(encoded)) + encoded + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    """What a header says of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class Folder:
    """Where a test writes a file and reads it."""

    def __init__(self, path: Path) -> None:
        self.file = path / "model.pth"

    def read(self, data: bytes) -> Contents:
        """What is read of a file of these bytes."""
        self.file.write_bytes(data)
        return read_contents(self.file)

    def read_tensors(self, data: bytes) -> list[StoredTensor]:
        """The tensors of a dict in it."""
        value = self.read(data).value
        assert isinstance(value, dict)
        assert all(isinstance(each, StoredTensor) for each in value.values())
        return list(value.values())

    def read_everything(self, data: bytes) -> None:
        """Reads a file of these bytes, and its tensors."""
        for found in self.read_tensors(data):
            found.read()

    def save(self, value: object, **options: bool) -> object:
        """What is read of what torch saves."""
        torch.save(value, self.file, **options)
        return read_contents(self.file).value
