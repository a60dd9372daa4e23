"""What `torch.save` writes, read without torch: plain data, with a `StoredTensor` for each tensor.

Since PyTorch 1.6 that is a zip file: a pickle, `<name>/data.pkl`, and a member for each storage,
`<name>/data/<key>`. Before, it was five pickles in a row (a number to know it by, a version, the
machine, the value, the storages' keys) and then the storages. Of what else a checkpoint may be,
safetensors are read and ONNX, TorchScript and torch.export are recognised.
Source: torch/serialization.py; torch/_utils.py for the arguments of the builders.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, TypeGuard

from trainviz_cli.codecs import safetensors, zips
from trainviz_cli.codecs.growing import refuse_pointer
from trainviz_cli.codecs.onnx import is_onnx
from trainviz_cli.codecs.pickles import Global, Inert, load_pickle
from trainviz_cli.codecs.stored import (
    MOST_DIMENSIONS,
    SIZES,
    Storage,
    StoredTensor,
    fetch_from,
    opened,
)
from trainviz_cli.errors import RefusedError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainviz_cli.codecs.pickles.inert import Args
    from trainviz_cli.codecs.pickles.machine import Build
    from trainviz_cli.codecs.stored import Source
    from trainviz_cli.codecs.zips import Member

Kind = Literal["pickle", "safetensors", "exported", "onnx"]

_LEGACY_NUMBER = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_HEAD_BYTES = 64
_LITTLE = 1 << 12  # budget of a pickle that says little
_FORMATS = "a checkpoint is what torch.save, safetensors, torch.export or ONNX write"
_LONGEST_PICKLE = 1 << 27  # bytes
_MOST_ELEMENTS = 1 << 48
_MOST_ARGS = 16  # the same ones can be used over and over
_NO_MEMBER = zips.Member(0, 0, 0, 0, 0)

# The element type of a storage, by the name of its class without "Storage".
_STORAGES = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "Untyped": "uint8",
    "_Untyped": "uint8",
}
# The tensors that stay inert, by what would rebuild them.
_UNREAD = {
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_sparse_csr_tensor": "sparse",
    "torch._utils._rebuild_qtensor": "quantised",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch._utils._rebuild_meta_tensor_no_storage": "empty (meta)",
    "torch._utils._rebuild_wrapper_subclass": "wrapped",
    "torch._utils._rebuild_xla_tensor": "XLA",
    "torch._utils._rebuild_device_tensor_from_numpy": "other devices'",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "other devices'",
}


class Contents(NamedTuple):
    """What a checkpoint file holds.

    Attributes:
        kind: How it is written.
        value: Plain data, what is inert, and `StoredTensor`s; None if it is only recognised.
    """

    kind: Kind
    value: object


def read_contents(path: Path) -> Contents:
    """What a checkpoint file holds; no tensor is read.

    Raises:
        NotFoundError: Nothing is there.
        UnreadableError: It is no checkpoint, or a damaged one.
        RefusedError: Reading it would be unsafe; or it is TorchScript.
    """
    with opened(path) as (file, source):
        head = file.read(_HEAD_BYTES)
        refuse_pointer(path, head)
        if not head:
            raise UnreadableError(f"{path} is empty")
        if head.startswith(zips.MAGIC):
            return _read_zip(file, source)
        if safetensors.claims(head, source.size):
            return Contents("safetensors", safetensors.read(file, source))
        if _is_legacy(head):
            return Contents("pickle", _read_legacy(file, source))
        if is_onnx(file, source.size):
            return Contents("onnx", None)
        if head.startswith(b"\x80"):
            raise UnreadableError(f"{path} is a pickle, but none of torch.save", hint=_FORMATS)
        raise UnreadableError(f"{path} is no checkpoint", hint=_FORMATS)


def unread_kind(value: object) -> str | None:
    """What kind of tensor this would have been; None if it is none, or one that is read."""
    if not isinstance(value, Inert):
        return None
    odd = "odd" if value.name in _BUILDERS else None
    return _UNREAD.get(value.name) or safetensors.unread_kind(value) or odd


# ---- zip files ----------------------------------------------------------------------------------


def _read_zip(file: BinaryIO, source: Source) -> Contents:
    members = zips.list_members(file, source.size)
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    inside = {name.split("/")[1] for name in members if "/" in name}
    if inside & {"code", "constants.pkl"}:
        raise RefusedError(
            "it is TorchScript, whose layers can't be looked into",
            hint="save the model's state_dict, or use torch.export",
        )
    if {"archive_format", "models"} <= inside or "serialized_exported_program.json" in members:
        return Contents("exported", None)
    if not pickles:
        raise UnreadableError(f"{source.path} is a zip file, but no checkpoint", hint=_FORMATS)
    if len(pickles) > 1:
        raise RefusedError("a zip file with two checkpoints in it")
    if members[pickles[0]].size > _LONGEST_PICKLE:
        raise RefusedError("its pickle is longer than any checkpoint needs")
    storages = _ZipStorages(file, source, members, pickles[0].partition("/")[0])
    data = zips.read_member(file, members[pickles[0]])
    return Contents("pickle", load_pickle(BytesIO(data), len(data), _BUILDERS, storages.find))


class _ZipStorages:
    """The storages of a zip file, by their keys."""

    def __init__(
        self, file: BinaryIO, source: Source, members: Mapping[str, Member], folder: str
    ) -> None:
        self._source = source
        self._members = members
        self._folder = folder
        order = members.get(f"{folder}/byteorder")
        self._is_big = order is not None and zips.read_member(file, order, 0, 3) == b"big"
        self._found: dict[str, Storage] = {}

    def find(self, args: Args) -> object:
        """The storage that a persistent id names."""
        asked = _asked(args[0])
        if asked is None:
            return Inert("persistent id")
        if asked.key not in self._found:
            member = self._members.get(f"{self._folder}/data/{asked.key}", _NO_MEMBER)
            if asked.length > member.size:
                raise ValueError("less is stored of a tensor than there should be")
            self._found[asked.key] = Storage(
                self._source,
                asked.dtype,
                asked.length,
                lambda file, begin, end: zips.read_member(file, member, begin, end),
                is_big=self._is_big,
                is_packed=member.is_packed,
            )
        return self._found[asked.key]


# ---- files of before 1.6 ------------------------------------------------------------------------


def _is_legacy(head: bytes) -> bool:
    try:
        return load_pickle(BytesIO(head), len(head)) == _LEGACY_NUMBER
    except (RefusedError, ValueError):
        return False


def _read_legacy(file: BinaryIO, source: Source) -> object:
    file.seek(0)
    load_pickle(file, source.size, budget=_LITTLE)
    if load_pickle(file, source.size, budget=_LITTLE) != _LEGACY_VERSION:
        raise ValueError("its version is unknown")
    # of the machine nothing matters: storages are little-endian on any
    load_pickle(file, source.size, budget=_LITTLE)
    storages = _LegacyStorages(source)
    value = load_pickle(file, source.size, _BUILDERS, storages.find)
    storages.place(file, load_pickle(file, source.size))
    return value


class _LegacyStorages:
    """The storages of a file of before 1.6, by their keys; where they are is known last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, Storage] = {}
        self._views: dict[str, Storage] = {}

    def find(self, args: Args) -> object:
        """The storage that a persistent id names, or the class of a module."""
        match args[0]:
            case ("module", Global() as module, *_):
                return module
        asked = _asked(args[0])
        if asked is None:
            return Inert("persistent id")
        root = self._found.get(asked.key)
        if root is None:
            root = Storage(self._source, asked.dtype, asked.length)
            self._found[asked.key] = root
        return root if asked.view is None else self._view(root, *asked.view)

    def _view(self, root: Storage, key: str, first: int, count: int) -> Storage:
        """A part of a storage, as very old files have them."""
        size = SIZES[root.dtype]
        if not 0 <= first * size <= (first + count) * size <= root.length:
            raise ValueError("less is stored of a tensor than there should be")

        def fetch(file: BinaryIO, begin: int, end: int) -> bytearray:
            shift = first * size
            return root.fetch(file, shift + begin, shift + end) if root.fetch else bytearray()

        if key not in self._views:
            self._views[key] = Storage(self._source, root.dtype, count * size, fetch)
        return self._views[key]

    def place(self, file: BinaryIO, keys: object) -> None:
        """Notes where each storage is: they follow the keys, each after its number of elements."""
        for key in keys if isinstance(keys, list) else ():
            storage = self._found.get(key) if isinstance(key, str) else None
            head = file.read(8)
            if storage is None or len(head) < 8:
                raise ValueError("its storages are damaged or cut off")
            begin = file.tell()
            length = int.from_bytes(head, "little") * SIZES[storage.dtype]
            if length != storage.length or length > self._source.size - begin:
                raise ValueError("less is stored of a tensor than there should be")
            storage.fetch = fetch_from(begin)
            file.seek(begin + length)
        if any(storage.fetch is None and storage.length for storage in self._found.values()):
            raise ValueError("less is stored of a tensor than there should be")


# ---- what stands for tensors in a pickle --------------------------------------------------------


class _Asked(NamedTuple):
    """The storage that a persistent id asks for.

    Attributes:
        key: Its name in the file.
        dtype: A name in `SIZES`.
        length: Bytes.
        view: The part that is meant: its own key, the first element and how many; None is all.
    """

    key: str
    dtype: str
    length: int
    view: tuple[str, int, int] | None


def _asked(pid: object) -> _Asked | None:
    """What a persistent id of torch asks for; None if it is none, or not of plain numbers."""
    match pid if isinstance(pid, tuple) and len(pid) < _MOST_ARGS else None:
        case ("storage", Global(name=kind), str(key), _, int(count), *rest):
            dtype = _STORAGES.get(kind.rpartition(".")[2].removesuffix("Storage"))
            view = rest[0] if rest else None
            if dtype is None or not 0 <= count < _MOST_ELEMENTS:
                return None
            match view:
                case None:
                    return _Asked(key, dtype, count * SIZES[dtype], None)
                case (str(view_key), int(first), int(length)):
                    return _Asked(key, dtype, count * SIZES[dtype], (view_key, first, length))
    return None


def _tensor(args: Args) -> object:
    """From a storage, an offset, a shape and strides; then whether it learns, hooks, and notes."""
    match args:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *rest):
            if _are_numbers(shape) and _are_numbers(strides) and not any(rest[2:]):
                return StoredTensor(storage, offset, shape, strides)
    return None


def _typed_tensor(args: Args) -> object:
    """As before, but the type of the elements stands after the hooks."""
    match args:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), _, _, kind, *rest):
            dtype = kind.name.removeprefix("torch.") if isinstance(kind, Global) else ""
            if dtype in SIZES and _are_numbers(shape) and _are_numbers(strides) and not any(rest):
                return StoredTensor(storage, offset, shape, strides, dtype)
    return None


def _are_numbers(sizes: tuple[object, ...]) -> TypeGuard[tuple[int, ...]]:
    return len(sizes) <= MOST_DIMENSIONS and all(type(size) is int for size in sizes)


def _first(args: Args) -> object:
    """A parameter's tensor, read or not; the shape of a size."""
    return args[0] if args and isinstance(args[0], (StoredTensor, Inert, tuple)) else None


def _of_class(args: Args) -> object:
    """A tensor of a class of its own or with attributes: what rebuilds it, its class, and how."""
    match args:
        case (Global(name=name), _, tuple(inner), *_) if name not in _OF_CLASSES:
            build = _BUILDERS.get(name)
            return build(inner) if build and len(inner) < _MOST_ARGS else None
    return None


_OF_CLASSES = {
    "torch._tensor._rebuild_from_type_v2",
    "torch._tensor._rebuild_from_type",
    "torch.tensor._rebuild_from_type",
}
_BUILDERS: dict[str, Build] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.autograd.variable.Variable": _first,
    "torch.Size": _first,
    **dict.fromkeys(_OF_CLASSES, _of_class),
}
