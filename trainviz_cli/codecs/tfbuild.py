"""TensorBoard's events other than plain scalars, as records.

Built with the protobuf classes of the tensorboard package.
Source: tensorboard/compat/proto/*.proto, tensorboard/plugins/{text,histogram,hparams}/metadata.py.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from trainviz_cli.codecs.tfrecord import frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainviz_cli.model.run import Histogram, Text

_DT_DOUBLE, _DT_STRING = 2, 7
_START_TAG, _END_TAG = "_hparams_/session_start_info", "_hparams_/session_end_info"
_LARGEST = 1 << 1023  # whole number that is surely no infinity as a float
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


def file_version(wall_time: float) -> bytes:
    """What an event file begins with."""
    return frame(Event(wall_time=wall_time, file_version="brain.Event:2").SerializeToString())


def session_start(wall_time: float, step: int) -> bytes:
    """From here on, a process that began at this step writes."""
    log = SessionLog(status=SessionLog.START)
    return frame(Event(wall_time=wall_time, step=step, session_log=log).SerializeToString())


def image(tag: str, step: int, wall_time: float, data: bytes) -> bytes:
    """A picture, its file's bytes as they are."""
    width, height, channels = _size(data)
    value = Summary.Value(tag=_encoded(tag))
    value.image.encoded_image_string = data
    value.image.width, value.image.height, value.image.colorspace = width, height, channels
    return _summary(value, step, wall_time)


def text(each: Text, wall_time: float) -> bytes:
    """A text, which TensorBoard reads as Markdown."""
    value = _for_plugin(each.name, "text")
    value.tensor.dtype = _DT_STRING
    value.tensor.tensor_shape.dim.add(size=1)
    value.tensor.string_val.append(_encoded(each.text))
    return _summary(value, each.step, wall_time)


def histogram(each: Histogram, wall_time: float) -> bytes:
    """A distribution: left edge, right edge and count of each bucket."""
    value = _for_plugin(each.name, "histograms")
    value.tensor.dtype = _DT_DOUBLE
    for size in (len(each.counts), 3):
        value.tensor.tensor_shape.dim.add(size=size)
    rows = zip(each.edges[:-1].tolist(), each.edges[1:].tolist(), each.counts.tolist(), strict=True)
    value.tensor.double_val.extend(number for row in rows for number in row)
    return _summary(value, each.step, wall_time)


def hparams(values: Mapping[str, object], wall_time: float) -> bytes:
    """The hyperparameters with which a run began, for TensorBoard's HPARAMS."""
    info = SessionStartInfo(start_time_secs=wall_time)
    for name, given in values.items():
        value = info.hparams[_encoded(name)]
        if isinstance(given, bool):
            value.bool_value = given
        elif isinstance(given, float) or (isinstance(given, int) and abs(given) < _LARGEST):
            value.number_value = given
        else:
            value.string_value = _encoded(str(given))
    return _session(_START_TAG, HParamsPluginData(session_start_info=info), wall_time)


def hparams_end(wall_time: float) -> bytes:
    """The run whose hyperparameters these are is over."""
    info = SessionEndInfo(status=STATUS_SUCCESS, end_time_secs=wall_time)
    return _session(_END_TAG, HParamsPluginData(session_end_info=info), wall_time)


def _session(tag: str, data: HParamsPluginData, wall_time: float) -> bytes:
    value = _for_plugin(tag, "hparams")
    # Or its bytes would be others in every process.
    value.metadata.plugin_data.content = data.SerializeToString(deterministic=True)
    return _summary(value, 0, wall_time)


def _for_plugin(tag: str, plugin: str) -> Summary.Value:
    value = Summary.Value(tag=_encoded(tag))
    value.metadata.plugin_data.plugin_name = plugin
    return value


def _summary(value: Summary.Value, step: int, wall_time: float) -> bytes:
    event = Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))
    return frame(event.SerializeToString())


def _encoded(text: str) -> bytes:
    """The text as protobuf takes it, without what UTF-8 can't hold."""
    return text.encode("utf-8", "replace")


def _size(data: bytes) -> tuple[int, int, int]:
    """Width, height and channels of a picture, as far as its first bytes tell."""
    if data.startswith(_PNG) and len(data) >= 26:
        width, height, _, kind = struct.unpack(">IIBB", data[16:26])
        if max(width, height) < 1 << 31:
            return width, height, _PNG_CHANNELS.get(kind, 3)
    return 0, 0, 3
