"""What else TensorBoard's events hold: pictures, texts, histograms, hyperparameters.

Read with the protobuf classes of the tensorboard package, imported where there is anything to read.
Source: tensorboard/compat/proto/*.proto, tensorboard/plugins/*/metadata.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from trainviz_cli.model.run import Histogram, Image, Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.struct_pb2 import Value
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

# Data types of tensors: how NumPy names them, and the field that lists values of theirs.
_KINDS = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("u1", "int_val"),
    9: ("<i8", "int64_val"),
    10: ("?", "bool_val"),
    19: ("<f2", "half_val"),
}
_HALF = 19


class Hparams(NamedTuple):
    """The hyperparameters of a run."""

    values: dict[str, object]


Extra = Image | Text | Histogram | Hparams


class Message(NamedTuple):
    """What one event says.

    Attributes:
        step: Global step.
        wall_time: Unix seconds.
        scalars: Tag and value.
        extras: What else is in it that is kept.
        starts_session: A process began to write, perhaps again.
        problem: Why it can't be read.
    """

    step: int = 0
    wall_time: float = 0.0
    scalars: tuple[tuple[bytes, float], ...] = ()
    extras: tuple[Extra, ...] = ()
    starts_session: bool = False
    problem: str | None = None


def parse(payload: bytes, where: tuple[Path, int], plugins: dict[str, str]) -> Message:
    """What an event says.

    Args:
        payload: Its bytes.
        where: The file, and the byte in it where they begin.
        plugins: Tag → the plugin that its values are for; said once, it holds for later events.
    """
    try:
        event = Event.FromString(payload)
    except DecodeError:
        return Message(problem="record that is no event")
    scalars: list[tuple[bytes, float]] = []
    extras: list[Extra] = []
    problem = None
    for value in event.summary.value:
        try:
            for found in _read_value(value, event.step, payload, where, plugins):
                if isinstance(found, float):
                    scalars.append((value.tag.encode(), found))
                else:
                    extras.append(found)
        except (DecodeError, TypeError, ValueError):
            problem = f"{value.tag[:80]!r} holds what can't be read"
    return Message(
        step=event.step,
        wall_time=event.wall_time,
        scalars=tuple(scalars),
        extras=tuple(extras),
        starts_session=event.session_log.status == SessionLog.START,
        problem=problem,
    )


def _read_value(
    value: Summary.Value,
    step: int,
    payload: bytes,
    where: tuple[Path, int],
    plugins: dict[str, str],
) -> Iterator[float | Extra]:
    kind = value.WhichOneof("value")
    plugin = value.metadata.plugin_data.plugin_name or plugins.get(value.tag, "")
    if plugin:
        plugins[value.tag] = plugin
    if kind == "simple_value":
        yield float(value.simple_value)
    elif kind == "image":
        yield _image(value.tag, step, value.image.encoded_image_string, payload, where)
    elif kind == "histo":
        yield _old_histogram(value, step)
    elif plugin == "hparams":
        data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
        if data.HasField("session_start_info"):
            hparams = data.session_start_info.hparams
            yield Hparams({name: _plain(hparams[name]) for name in sorted(hparams)})
    elif kind == "tensor":
        yield from _read_tensor(value, plugin, step, payload, where)


def _read_tensor(
    value: Summary.Value, plugin: str, step: int, payload: bytes, where: tuple[Path, int]
) -> Iterator[float | Extra]:
    tensor = value.tensor
    if plugin == "scalars":
        yield float(_numbers(tensor).item())
    elif plugin == "images":
        for index, data in enumerate(tensor.string_val[2:]):  # after width and height
            name = value.tag if len(tensor.string_val) == 3 else f"{value.tag}/{index}"
            yield _image(name, step, data, payload, where)
    elif plugin == "text":
        text = "\n".join(part.decode("utf-8", "replace") for part in tensor.string_val)
        yield Text(value.tag, step, text)
    elif plugin == "histograms":
        rows = _numbers(tensor).reshape(-1, 3)
        if len(rows):
            edges = np.append(rows[:1, 0], rows[:, 1])
            yield Histogram(value.tag, step, edges, rows[:, 2])


def _image(name: str, step: int, data: bytes, payload: bytes, where: tuple[Path, int]) -> Image:
    path, offset = where
    return Image(name, step, path, offset + payload.index(data), len(data))


def _old_histogram(value: Summary.Value, step: int) -> Histogram:
    limits = np.array(value.histo.bucket_limit, np.float64)
    counts = np.array(value.histo.bucket, np.float64)
    if not len(limits) == len(counts) > 0:
        raise ValueError("no buckets, or limits of others")
    return Histogram(value.tag, step, np.append(min(value.histo.min, limits[0]), limits), counts)


def _numbers(tensor: TensorProto) -> npt.NDArray[np.float64]:
    """The tensor's numbers, in one dimension.

    Raises:
        ValueError: It is of another kind, or its bytes are no whole number of values.
    """
    if tensor.dtype not in _KINDS:
        raise ValueError("no numbers")
    kind, field = _KINDS[tensor.dtype]
    if tensor.tensor_content:
        with np.errstate(invalid="ignore"):  # of a NaN that signals
            return np.frombuffer(tensor.tensor_content, kind).astype(np.float64)
    values = getattr(tensor, field)
    if tensor.dtype == _HALF:  # as bits
        return np.array(values, "<u2").view("<f2").astype(np.float64)
    return np.array(values, np.float64)


def _plain(value: Value) -> object:
    """A protobuf Value as Python's own."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(each) for each in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        return {name: _plain(fields[name]) for name in sorted(fields)}
    return None if kind in {None, "null_value"} else getattr(value, kind)
