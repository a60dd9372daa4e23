"""Checkpoint files that are damaged or lie: each fails cleanly, or is harmless."""

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.checkpoint_bytes import (
    FLOATS,
    Folder,
    checkpoint,
    entry,
    holding,
    name,
    number,
    packed,
    safetensors,
    tensor,
    text,
)
from trainviz_cli.codecs import zips
from trainviz_cli.codecs.pickles import Inert
from trainviz_cli.codecs.torchfile import unread_kind
from trainviz_cli.errors import NotFoundError, RefusedError, TrainvizError, UnreadableError

LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + b"}."
SOUND = checkpoint(holding(tensor()), s0=FLOATS)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty one."""
    return Folder(tmp_path)


def patched(data: bytes, old: bytes, new: bytes, count: int = -1) -> bytes:
    """The data with something in it replaced, which must be there."""
    assert old in data
    return data.replace(old, new, count)


def overwritten(data: bytes, magic: bytes, place: int, new: bytes) -> bytes:
    """The data with other bytes at a place after the last of these magic numbers."""
    at = data.rindex(magic) + place
    return data[:at] + new + data[at + len(new) :]


def deflated(storage: bytes) -> bytes:
    """A checkpoint of one tensor, packed again."""
    data = {"m/data.pkl": holding(tensor()), "m/data/0": storage}
    return packed(data, zipfile.ZIP_DEFLATED)


def overlapping() -> bytes:
    """A zip file whose second storage is said to be where the first is."""
    data = checkpoint(holding(tensor()), s0=FLOATS, s1=FLOATS)
    first, second = (data.index(b"PK\3\4"), data.rindex(b"PK\3\4"))
    return patched(
        data, struct.pack("<L", second) + b"m/data/1", struct.pack("<L", first) + b"m/data/1"
    )


def bomb(size: int) -> bytes:
    """A zip file with a compressed storage of so many zeros."""
    data = holding(tensor(count=size // 4, shape=(size // 4,), strides=(1,)))
    return packed({"m/data.pkl": data, "m/data/0": bytes(size)}, zipfile.ZIP_DEFLATED)


HOSTILE: dict[str, tuple[Callable[[], bytes], type[TrainvizError], str]] = {
    "cut off": (lambda: SOUND[:-30], UnreadableError, "cut off"),
    "a directory elsewhere": (
        lambda: SOUND[:-6] + b"\xff\xff\xff\x7f\0\0",
        UnreadableError,
        "directory is damaged",
    ),
    "more members than there are": (
        lambda: SOUND[:-12] + b"\xff\0" + SOUND[-10:],
        UnreadableError,
        "directory is damaged",
    ),
    "no entry": (lambda: patched(SOUND, b"PK\1\2", b"PK\1\3"), UnreadableError, "directory"),
    "no member": (
        lambda: patched(SOUND, b"PK\3\4", b"PK\3\5").replace(b"PK\3\5", b"PK\3\4", 1),
        UnreadableError,
        "not where it says",
    ),
    "two pickles": (
        lambda: packed({"m/data.pkl": b"N.", "n/data.pkl": b"N."}),
        RefusedError,
        "two checkpoints",
    ),
    "one name twice": (
        lambda: patched(checkpoint(b"N.", s0=b"x", s1=b"x"), b"m/data/1", b"m/data/0"),
        RefusedError,
        "two members of one name",
    ),
    "one place twice": (overlapping, RefusedError, "lie in one place|overlap"),
    "encrypted": (
        lambda: patched(SOUND, b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"),
        UnreadableError,
        "encrypted",
    ),
    "packed oddly": (
        lambda: packed({"m/data.pkl": b"N."}, zipfile.ZIP_BZIP2),
        UnreadableError,
        "packed in a way",
    ),
    "a bomb": (lambda: bomb(100_000_000), RefusedError, "zip bomb"),
    "a member that ends early": (
        lambda: overwritten(deflated(FLOATS[:-1]), b"PK\1\2", 24, b"\x18"),
        UnreadableError,
        "lies about a member's size",
    ),
    "a member that is no deflate": (
        lambda: overwritten(deflated(FLOATS), b"PK\3\4", 30 + len("m/data/0"), b"\xff"),
        UnreadableError,
        "damaged member",
    ),
    "stored, of another size": (
        lambda: overwritten(SOUND, b"PK\1\2", 24, b"\x19"),
        UnreadableError,
        "lies about a member's size",
    ),
    "a long name before a member": (
        lambda: overwritten(SOUND, b"PK\3\4", 26, b"\xff"),
        UnreadableError,
        "not where it says",
    ),
    "a long safetensors header": (
        lambda: struct.pack("<Q", 20_000_000) + b"{" + bytes(20_000_000),
        RefusedError,
        "a header of 20,000,000 bytes",
    ),
    "a long pickle": (
        lambda: packed({"m/data.pkl": bytes(135_000_000)}, zipfile.ZIP_DEFLATED),
        RefusedError,
        "longer than any",
    ),
    "no storage": (lambda: checkpoint(holding(tensor())), UnreadableError, "less is stored"),
    "a short storage": (
        lambda: checkpoint(holding(tensor()), s0=FLOATS[:-1]),
        UnreadableError,
        "less is stored",
    ),
    "a tensor beyond its storage": (
        lambda: checkpoint(holding(tensor(offset=1)), s0=FLOATS),
        UnreadableError,
        "more than is stored",
    ),
    "wide strides": (
        lambda: checkpoint(holding(tensor(strides=(4, 1))), s0=FLOATS),
        UnreadableError,
        "more than is stored",
    ),
    "huge": (
        lambda: checkpoint(holding(tensor(count=2**40, shape=(2**40,), strides=(1,))), s0=FLOATS),
        UnreadableError,
        "less is stored",
    ),
    "huge by repetition": (
        lambda: checkpoint(holding(tensor(shape=(2**20, 2**20), strides=(0, 0))), s0=FLOATS),
        RefusedError,
        "far more elements",
    ),
    "huge in every dimension": (
        lambda: checkpoint(holding(tensor(shape=(2**47,) * 64, strides=(0,) * 64)), s0=FLOATS),
        RefusedError,
        "far more elements",
    ),
    "a negative stride": (
        lambda: checkpoint(holding(tensor(offset=5, strides=(-3, -1))), s0=FLOATS),
        UnreadableError,
        "impossible",
    ),
    "a negative dimension": (
        lambda: checkpoint(holding(tensor(shape=(-2, -3))), s0=FLOATS),
        UnreadableError,
        "impossible",
    ),
    "a negative offset": (
        lambda: checkpoint(holding(tensor(offset=-1)), s0=FLOATS),
        UnreadableError,
        "impossible",
    ),
    "a dimension beyond all": (
        lambda: checkpoint(holding(tensor(shape=(0, 2**200))), s0=FLOATS),
        UnreadableError,
        "impossible",
    ),
    "fewer strides": (
        lambda: checkpoint(holding(tensor(strides=(1,))), s0=FLOATS),
        UnreadableError,
        "dimensions",
    ),
    "another version": (
        lambda: pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"K\x01.",
        UnreadableError,
        "version",
    ),
    "legacy, a greedy beginning": (
        lambda: LEGACY_START[:-2] + b"(" * 5000 + b"N.",
        RefusedError,
        "asks for more",
    ),
    "legacy, cut off": (lambda: LEGACY_START, UnreadableError, "cut off"),
    "legacy without keys": (
        lambda: LEGACY_START + holding(tensor()) + b"].",
        UnreadableError,
        "less is stored",
    ),
    "legacy with other keys": (
        lambda: LEGACY_START + holding(tensor()) + pickle.dumps(["9"]) + bytes(8),
        UnreadableError,
        "storages are damaged",
    ),
    "legacy, a storage cut off": (
        lambda: LEGACY_START + holding(tensor()) + pickle.dumps(["0"]) + b"\6\0\0\0\0\0\0\0abc",
        UnreadableError,
        "less is stored",
    ),
    "legacy, another length": (
        lambda: LEGACY_START + holding(tensor()) + pickle.dumps(["0"]) + b"\5" + bytes(27),
        UnreadableError,
        "less is stored",
    ),
    "legacy, a view beyond": (
        lambda: (
            LEGACY_START
            + holding(tensor(view=b"(" + text("v") + number(5) + number(2) + b"t"))
            + b"]."
        ),
        UnreadableError,
        "less is stored",
    ),
    "safetensors, cut off": (
        lambda: safetensors({"a": entry("F32", [6], 0, 24)}, FLOATS[:-1]),
        UnreadableError,
        "cut off",
    ),
    "safetensors, a header cut off": (
        lambda: safetensors(b'{"a": ')[:-2] + bytes(9),
        UnreadableError,
        "no JSON",
    ),
    "safetensors nested": (
        lambda: safetensors(b'{"a":' * 100_000),
        UnreadableError,
        "no JSON",
    ),
    "safetensors that overlap": (
        lambda: safetensors({"a": entry("U8", [5], 0, 5), "b": entry("U8", [5], 4, 9)}, FLOATS),
        RefusedError,
        "overlap",
    ),
    "safetensors of another size": (
        lambda: safetensors({"a": entry("F32", [5], 0, 24)}, FLOATS),
        UnreadableError,
        "not as it should",
    ),
    "safetensors of an odd shape": (
        lambda: safetensors(
            {"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}, FLOATS
        ),
        UnreadableError,
        "not as it should",
    ),
    "safetensors without entries": (
        lambda: safetensors({"a": "\x1b[31m"}, FLOATS),
        UnreadableError,
        "not as it should",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_damaged_or_hostile(
    folder: Folder, make: Callable[[], bytes], error: type[TrainvizError], message: str
) -> None:
    """A clean error on one line, when it is opened or when the tensor is read."""
    data = make()
    with pytest.raises(error, match=message) as caught:
        folder.read_everything(data)
    assert str(folder.file) in caught.value.message
    assert caught.value.message.isprintable()


def test_too_many_members(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory is read only if its size is that of a checkpoint's."""
    monkeypatch.setattr(zips, "_MOST_MEMBERS", 1)
    with pytest.raises(RefusedError, match="2 members"):
        folder.read(SOUND)


def test_names_that_lead_elsewhere(folder: Folder, tmp_path: Path) -> None:
    """Names are only compared: nothing is written anywhere, and odd ones are as good as others."""
    elsewhere = tmp_path / "elsewhere"
    data = packed(
        {
            "../data.pkl": holding(tensor(key="../../x\x1b")),
            "../data/../../x\x1b": FLOATS,
            str(elsewhere): b"x",
            "../../elsewhere": b"x",
        }
    )
    (found,) = folder.read_tensors(data)
    assert found.read() == FLOATS
    assert list(tmp_path.iterdir()) == [folder.file]


def test_odd_arguments_are_inert(folder: Folder) -> None:
    """What rebuilds a tensor may be given anything; it is no tensor then, and no error."""
    rebuild = name("torch._utils:_rebuild_tensor_v2")
    odd = [
        rebuild + b")R",
        rebuild + b"(NNNNt" + b"R",
        rebuild + b"NR",
        patched(tensor(), b"FloatStorage", b"OddStorage"),
        patched(tensor(), text("storage"), text("other")),
        patched(tensor(), b"_v2", b"_v3"),
        tensor(shape=(1,) * 65, strides=(1,) * 65),
        tensor(count=2**60),
        tensor(count=-1),
        name("torch._utils:_rebuild_parameter") + b"(NtR",
        name("torch._tensor:_rebuild_from_type_v2")
        + b"("
        + name("torch._tensor:_rebuild_from_type_v2")
        + b"N)Nt\x85R",
    ]
    value = folder.read(checkpoint(holding(*odd), s0=FLOATS)).value
    assert isinstance(value, dict)
    assert [type(each) for each in value.values()] == [Inert] * len(odd)
    assert {unread_kind(each) for each in value.values()} == {"odd"}


def test_a_file_that_changes(folder: Folder) -> None:
    """Tensors of a file that training has written again are not read from the new one."""
    (found,) = folder.read_tensors(SOUND)
    folder.file.write_bytes(checkpoint(holding(tensor()), s0=bytes(24)))
    os.utime(folder.file, (1, 1))
    with pytest.raises(UnreadableError, match="changed while it was being read"):
        found.read()
    folder.file.unlink()
    with pytest.raises(NotFoundError):
        found.read()
