"""Checkpoint files without torch: what is in them, and what they are."""

import io
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from tests.unit.checkpoint_bytes import (
    FLOATS,
    Folder,
    entry,
    holding,
    name,
    number,
    packed,
    safetensors,
    tensor,
    text,
)
from trainviz_cli.codecs.pickles import Inert
from trainviz_cli.codecs.torchfile import read_contents, unread_kind
from trainviz_cli.errors import NotFoundError, RefusedError, UnreadableError

LEGACY = {"_use_new_zipfile_serialization": False}
EVERY_FORMAT = pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])
LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
LEGACY_START += pickle.dumps({"little_endian": True}, 2)


def members_of(data: bytes) -> dict[str, bytes]:
    """What is in a zip file, by Python's own reader."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {member: archive.read(member) for member in archive.namelist()}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty one."""
    return Folder(tmp_path)


@EVERY_FORMAT
def test_a_checkpoint(folder: Folder, options: dict[str, bool]) -> None:
    """Plain data as it is, and of a tensor its type, shape, strides, place and bytes."""
    whole = torch.arange(12, dtype=torch.int16).reshape(3, 4)
    value = folder.save(
        {"epoch": 3, "w": [whole.t(), whole[1:, 2]], "s": torch.Size([3])}, **options
    )
    assert isinstance(value, dict)
    turned, part = value["w"]
    assert (value["epoch"], value["s"]) == (3, (3,))
    assert (turned.dtype, turned.shape, turned.strides) == ("int16", (4, 3), (1, 4))
    assert (part.shape, part.strides, part.offset) == ((2,), (4,), 6)
    assert part.storage is turned.storage
    assert turned.read() == struct.pack("=12h", *range(12))
    assert part.read() == struct.pack("=5h", *range(6, 11))


@EVERY_FORMAT
def test_tensors_that_are_no_plain_ones(folder: Folder, options: dict[str, bool]) -> None:
    """They are inert, and their kind is known; what is beside them is read."""
    plain = torch.ones(2, 2)
    value = folder.save(
        {
            "sparse": plain.to_sparse(),
            "empty (meta)": torch.empty(2, device="meta"),
            "odd": torch.tensor([1j]).conj(),
            "plain": plain,
            "none": torch.device("cpu"),
        },
        **options,
    )
    assert isinstance(value, dict)
    kinds = {key: unread_kind(each) for key, each in value.items()}
    assert kinds.pop("plain") is None
    assert kinds.pop("none") is None
    assert all(key == kind for key, kind in kinds.items())


@EVERY_FORMAT
@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_every_protocol(folder: Folder, options: dict[str, bool], protocol: int) -> None:
    """What `torch.save` is told to pickle with does not matter; by 0 torch can't read it itself."""
    value = folder.save({"w": torch.ones(3)}, pickle_protocol=protocol, **options)  # type: ignore[arg-type]
    assert isinstance(value, dict)
    assert value["w"].read() == struct.pack("=3f", 1, 1, 1)


def test_a_module_in_a_legacy_file(folder: Folder) -> None:
    """Its class is a persistent id there, with its source."""
    pid = b"(" + text("module") + name("net:Net") + text("net.py") + text("class Net") + b"tQ"
    value = folder.read(LEGACY_START + pid + b")\x81}b." + b"].").value
    assert isinstance(value, Inert)
    assert value.name == "net.Net"


def test_views_of_very_old_files(folder: Folder) -> None:
    """A storage may be a part of another one; it has a key of its own."""
    view = b"(" + text("v") + number(2) + number(3) + b"t"
    data = holding(tensor(shape=(3,), strides=(1,), view=view), tensor(view=b"N"))
    keys = pickle.dumps(["0"], 2)
    part, whole = folder.read_tensors(LEGACY_START + data + keys + struct.pack("<q", 6) + FLOATS)
    assert part.read() == FLOATS[8:20]
    assert whole.read() == FLOATS


def test_the_other_byte_order(folder: Folder) -> None:
    """Numbers are turned round, the halves of complex ones each by itself."""
    other = "little" if sys.byteorder == "big" else "big"
    tensors = {"f": torch.tensor([1.5, -2]), "c": torch.tensor([1 - 2j]), "b": torch.ones(3) > 0}
    torch.save(tensors, folder.file)
    members = members_of(folder.file.read_bytes())
    for place, width in enumerate([4, 4, 1]):
        data = members[f"model/data/{place}"]
        words = [data[at : at + width][::-1] for at in range(0, len(data), width)]
        members[f"model/data/{place}"] = b"".join(words)
    members["model/byteorder"] = other.encode()
    found = folder.read_tensors(packed(members))
    assert [each.read() for each in found] == [
        each.view(torch.uint8).numpy().tobytes() for each in tensors.values()
    ]


def test_a_compressed_file(folder: Folder) -> None:
    """What somebody has packed again is read all the same, also from the middle."""
    data = holding(tensor(), tensor(offset=4, shape=(2,), strides=(1,)))
    whole, part = folder.read_tensors(
        packed({"m/data.pkl": data, "m/data/0": FLOATS}, zipfile.ZIP_DEFLATED)
    )
    assert whole.read() == FLOATS
    assert part.read() == FLOATS[16:]


def long_zip() -> bytes:
    """A zip file whose every number is among the extra fields, or at the end of the directory."""
    body, directory = b"", b""
    for member, data in {"m/data.pkl": holding(tensor()), "m/data/0": FLOATS}.items():
        encoded = member.encode()
        extra = struct.pack("<2H3Q", 1, 24, len(data), len(data), len(body))
        extra = struct.pack("<2H4s", 0x4246, 4, b"ZZZZ") + extra
        sizes = (0, 0xFFFFFFFF, 0xFFFFFFFF, len(encoded), len(extra))
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, *sizes, 0, 0, 0, 0, 0xFFFFFFFF
        )
        directory += encoded + extra
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, 0, 0, 0, len(encoded), 0)
        body += encoded + data
    begin, end = len(body), len(body) + len(directory)
    long_end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, end - begin, begin)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + directory + long_end + locator + last


def test_a_zip_file_with_long_numbers(folder: Folder) -> None:
    """As files beyond four gigabytes have them."""
    data = long_zip()
    (found,) = folder.read_tensors(data)
    assert found.read() == FLOATS
    with pytest.raises(UnreadableError, match="directory is damaged"):
        folder.read(data.replace(b"PK\6\6", b"PK\6\5"))


def test_safetensors(folder: Folder) -> None:
    """Every type that torch has, others by their kind, nothing about the file."""
    header = {
        "__metadata__": {"format": "pt"},
        "a": entry("F32", [2, 3], 0, 24),
        "b": entry("BF16", [1], 24, 26),
        "c": entry("I64", [], 26, 34),
        "d": entry("F6_E3M2", [4], 34, 37),
        "e": entry("F16", [0, 5], 37, 37),
    }
    contents = folder.read(safetensors(header, FLOATS + bytes(13)))
    value = contents.value
    assert contents.kind == "safetensors"
    assert isinstance(value, dict)
    assert unread_kind(value.pop("d")) == "F6_E3M2"
    assert [(each.dtype, each.shape, each.strides) for each in value.values()] == [
        ("float32", (2, 3), (3, 1)),
        ("bfloat16", (1,), (1,)),
        ("int64", (), ()),
        ("float16", (0, 5), (5, 1)),
    ]
    assert value["a"].read() == FLOATS


def field(number_of: int, data: bytes) -> bytes:
    """A field of a protobuf message."""
    return bytes([number_of << 3 | 2, len(data)]) + data


ONNX = b"\x08\x08" + field(2, b"pytorch") + field(3, b"2.13") + field(7, b"graph")


def test_onnx(folder: Folder) -> None:
    """A message with a version and a graph is a model; one cut off or otherwise is none."""
    assert folder.read(ONNX + field(8, b"\x10\x11")) == ("onnx", None)
    for data in (
        ONNX[:-2],
        ONNX[:16] + b"\x3a\0",
        ONNX[:12],
        b"\x08\x08" * 200,
        b"\x08" + b"\xff" * 20,
        b"\x08",
    ):
        with pytest.raises(UnreadableError, match="is no checkpoint"):
            folder.read(data)


@pytest.mark.parametrize(
    "members",
    [
        ["m/archive_format", "m/models/model.json", "m/data/weights/weight_0"],
        ["version", "serialized_exported_program.json", "serialized_state_dict.pt"],
    ],
    ids=["new", "old"],
)
def test_exported_programs(folder: Folder, members: list[str]) -> None:
    """They are recognised; nothing in them is read."""
    assert folder.read(packed(dict.fromkeys(members, b"x"))) == ("exported", None)


@pytest.mark.parametrize("member", ["m/code/__torch__.py", "m/constants.pkl"])
def test_torchscript_is_refused(folder: Folder, member: str) -> None:
    """With what to do instead."""
    with pytest.raises(RefusedError, match="TorchScript") as caught:
        folder.read(packed({"m/data.pkl": b"N.", member: b""}))
    assert "state_dict" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git-LFS pointer"),
        (b"../run/best.pth", "is no checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is no checkpoint"),
        (b"Loading...\n" * 99, "is no checkpoint"),
        (bytes(512), "is no checkpoint"),
        (pickle.dumps({"model": 1}), "is a pickle, but none of torch.save"),
        (packed({"a.npy": b"x"}), "is a zip file, but no checkpoint"),
        (packed({}), "is no checkpoint"),
    ],
    ids=["empty", "LFS", "a link's text", "PNG", "text", "zeros", "pickle", "npz", "empty zip"],
)
def test_what_is_no_checkpoint(folder: Folder, data: bytes, message: str) -> None:
    """One line that says what it is instead, as far as its first bytes tell."""
    with pytest.raises(UnreadableError, match=message):
        folder.read(data)


def test_what_is_no_file(tmp_path: Path) -> None:
    """Nothing, a folder, a pipe, a device, and names that no file can have."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    for path, error, message in [
        (tmp_path / "none", NotFoundError, "no such file"),
        (tmp_path / "file" / "none", NotFoundError, "no such file"),
        (Path("a\0b"), NotFoundError, "no such file"),
        (tmp_path, UnreadableError, "is a folder"),
        (tmp_path / "pipe", UnreadableError, "no regular file"),
        (Path("/dev/zero"), UnreadableError, "no regular file"),
        (tmp_path / ("x" * 300), UnreadableError, "can't read"),
    ]:
        with pytest.raises(error, match=message):
            read_contents(path)
