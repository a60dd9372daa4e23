"""Pictures, texts, histograms, hyperparameters: made, and read whoever made them."""

import io
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from PIL import Image as Picture
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams import summary_v2 as hparams_of_tensorboard
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util.tensor_util import make_tensor_proto

from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.tfmessages import Hparams, Message, parse
from trainviz_cli.codecs.tfrecord import find_records
from trainviz_cli.model.run import Histogram, Image, Text

NOW = 1767225600.25
LOG = Path("runs/exp1/events.out.tfevents.1767225600")
BEGIN = 1000  # where in the file a payload begins


def png(width: int = 3, height: int = 2, mode: str = "RGB") -> bytes:
    """A picture as PNG."""
    file = io.BytesIO()
    Picture.new(mode, (width, height)).save(file, "png")
    return file.getvalue()


def payload_of(record: bytes) -> bytes:
    """What a record holds; it must be whole and sound."""
    framing = find_records(record)
    assert framing[1:] == (len(record), [], False)
    (start,), (length,) = framing.records.starts.tolist(), framing.records.lengths.tolist()
    return record[start : start + length]


def read(event: Event | bytes, plugins: dict[str, str] | None = None) -> Message:
    """What is read of an event."""
    payload = event if isinstance(event, bytes) else event.SerializeToString()
    return parse(payload, (LOG, BEGIN), {} if plugins is None else plugins)


def with_values(*values: Summary.Value, step: int = 5) -> Event:
    """An event with these values."""
    return Event(wall_time=NOW, step=step, summary=Summary(value=values))


def tensor_value(tag: str, tensor: TensorProto, plugin: str = "scalars") -> Summary.Value:
    """A value that is a tensor for one of TensorBoard's plugins."""
    value = Summary.Value(tag=tag, tensor=tensor)
    value.metadata.plugin_data.plugin_name = plugin
    return value


def strings(*parts: bytes) -> TensorProto:
    """A tensor of strings."""
    return TensorProto(dtype=DataType.DT_STRING, string_val=parts)


def numbers_of(histogram: object) -> tuple[str, int, list[float], list[float]]:
    """A histogram in a form that can be compared."""
    assert isinstance(histogram, Histogram)
    return histogram.name, histogram.step, histogram.edges.tolist(), histogram.counts.tolist()


def accumulated(path: Path, *built: bytes) -> EventAccumulator:
    """What TensorBoard reads of a file of these records."""
    (path / "events.out.tfevents.1").write_bytes(b"".join((tfbuild.file_version(NOW), *built)))
    sizes = {"scalars": 0, "tensors": 0, "images": 0, "histograms": 0}
    return EventAccumulator(str(path), size_guidance=sizes).Reload()


# What is made


def test_the_version_is_what_tensorboard_expects() -> None:
    """The first record of a file as TensorFlow writes it."""
    event = Event.FromString(payload_of(tfbuild.file_version(NOW)))
    assert event == Event(wall_time=NOW, file_version="brain.Event:2")


@pytest.mark.parametrize("step", [0, 7, -1, 2**62])
def test_a_session_starts(step: int) -> None:
    """From there on another process writes; it is read as such, with nothing else in it."""
    payload = payload_of(tfbuild.session_start(NOW, step))
    assert Event.FromString(payload).session_log.status == SessionLog.START
    assert read(payload) == Message(step=step, wall_time=NOW, starts_session=True)


@pytest.mark.parametrize("status", [SessionLog.STOP, SessionLog.CHECKPOINT])
def test_other_words_about_a_session_start_none(status: int) -> None:
    """Its end and its checkpoints are no restarts."""
    assert not read(Event(session_log=SessionLog(status=status))).starts_session


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("LA", 2), ("P", 3)]
)
def test_a_picture_says_how_large_it_is(mode: str, channels: int) -> None:
    """TensorBoard is told width, height and channels, and gets the bytes as they are."""
    data = png(31, 17, mode)
    (value,) = Event.FromString(payload_of(tfbuild.image("val/a", 3, NOW, data))).summary.value
    assert value.tag == "val/a"
    assert value.image.encoded_image_string == data
    assert (value.image.width, value.image.height) == (31, 17)
    assert value.image.colorspace == channels


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png()[:25],
        b"\xff\xd8\xff\xe0JFIF",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 8 + b"\x08\x02\0\0\0",
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 100,
        b"x" * 70_000,
    ],
    ids=len,
)
def test_a_picture_may_be_anything(data: bytes) -> None:
    """Bytes that are no picture, or a damaged one, are passed on, and found where they are."""
    payload = payload_of(tfbuild.image("a", 3, NOW, data))
    (image,) = read(payload).extras
    assert isinstance(image, Image)
    assert image.length == len(data)
    assert payload[image.offset - BEGIN :][: image.length] == data


@pytest.mark.parametrize("text", ["", "# Title\n\n| a |\n", "é\U0001f600\0", "x" * 100_000])
def test_a_text_comes_back(text: str) -> None:
    """Whatever it says."""
    assert read(payload_of(tfbuild.text(Text("note", 4, text), NOW))).extras == (
        Text("note", 4, text),
    )


@pytest.mark.parametrize(
    ("edges", "counts"),
    [
        ([0.0, 1.0], [3.0]),
        ([-1.5, 0.0, 0.25, 7.0], [1.0, 0.0, 2.5]),
        ([-math.inf, 0.0, math.inf], [1.0, 2.0]),
        ([0.0, 0.0], [0.0]),
    ],
)
def test_a_histogram_comes_back(edges: list[float], counts: list[float]) -> None:
    """Its edges and counts, to the last bit."""
    made = Histogram("grad", 9, np.array(edges), np.array(counts))
    (found,) = read(payload_of(tfbuild.histogram(made, NOW))).extras
    assert numbers_of(found) == numbers_of(made)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (0.1, 0.1),
        (3, 3.0),
        (True, True),
        (False, False),
        ("adam", "adam"),
        ("", ""),
        ("é\U0001f600", "é\U0001f600"),
        (None, "None"),
        ([1, 2], "[1, 2]"),
        (math.inf, math.inf),
        (2**53 + 1, 2.0**53),
        (2**64, 2.0**64),
        (np.float64(0.5), 0.5),
    ],
)
def test_hyperparameters_come_back(given: object, found: object) -> None:
    """Switches as switches, numbers as numbers, whatever else as text."""
    (hparams,) = read(payload_of(tfbuild.hparams({"lr": given, "": 1}, NOW))).extras
    assert hparams == Hparams({"lr": found, "": 1.0})
    assert type(hparams.values["lr"]) is type(found)


def test_a_hyperparameter_may_be_no_number() -> None:
    """NaN is stored as NaN."""
    (hparams,) = read(payload_of(tfbuild.hparams({"lr": math.nan}, NOW))).extras
    assert isinstance(hparams, Hparams)
    assert repr(hparams.values) == "{'lr': nan}"


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["10^400", "-10^400"])
def test_a_whole_number_of_any_size(number: int) -> None:
    """One that no float can hold is no error; what it says isn't lost."""
    (hparams,) = read(payload_of(tfbuild.hparams({"seed": number}, NOW))).extras
    assert isinstance(hparams, Hparams)
    assert hparams.values["seed"] in {str(number), math.inf if number > 0 else -math.inf}


def test_text_that_utf_8_cannot_hold() -> None:
    """Half a surrogate pair, which JSON can smuggle in, is replaced in names and in values."""
    odd, kept = "a\ud800b", "a?b"
    assert read(payload_of(tfbuild.text(Text(odd, 1, odd), NOW))).extras == (Text(kept, 1, kept),)
    (image,) = read(payload_of(tfbuild.image(odd, 1, NOW, png()))).extras
    made = Histogram(odd, 1, np.array([0.0, 1.0]), np.array([1.0]))
    (histogram,) = read(payload_of(tfbuild.histogram(made, NOW))).extras
    (hparams,) = read(payload_of(tfbuild.hparams({odd: odd}, NOW))).extras
    assert hparams == Hparams({kept: kept})
    assert isinstance(image, Image)
    assert isinstance(histogram, Histogram)
    assert image.name == histogram.name == kept


def test_tensorboard_reads_what_is_made(tmp_path: Path) -> None:
    """Its accumulator finds each thing under its tag, with step, time and content."""
    data = png()
    made = Histogram("grad", 9, np.array([0.0, 1.0, 4.0]), np.array([2.0, 3.0]))
    read_back = accumulated(
        tmp_path,
        tfbuild.session_start(NOW, 0),
        tfbuild.hparams({"lr": 0.1}, NOW),
        tfbuild.image("val/a", 3, NOW, data),
        tfbuild.text(Text("note", 4, "hello"), NOW + 1),
        tfbuild.histogram(made, NOW),
        tfbuild.hparams_end(NOW + 9),
    )
    (image,) = read_back.Images("val/a")
    assert (image.step, image.wall_time, image.encoded_image_string) == (3, NOW, data)
    (text,) = read_back.Tensors("note")
    assert (text.step, text.wall_time) == (4, NOW + 1)
    assert list(text.tensor_proto.string_val) == [b"hello"]
    (histogram,) = read_back.Tensors("grad")
    assert list(histogram.tensor_proto.double_val) == [0, 1, 2, 1, 4, 3]
    assert [each.size for each in histogram.tensor_proto.tensor_shape.dim] == [2, 3]
    assert [*read_back.PluginTagToContent("text")] == ["note"]
    assert [*read_back.PluginTagToContent("histograms")] == ["grad"]
    said = {
        tag: HParamsPluginData.FromString(content)
        for tag, content in read_back.PluginTagToContent("hparams").items()
    }
    start = said["_hparams_/session_start_info"].session_start_info
    assert (start.start_time_secs, start.hparams["lr"].number_value) == (NOW, 0.1)
    end = said["_hparams_/session_end_info"].session_end_info
    assert (end.end_time_secs, end.status) == (NOW + 9, 1)


# What is read


@pytest.mark.parametrize("value", [0.5, -0.0, math.inf, -math.inf, 0.0])
def test_scalars_as_tensorboard_makes_them(value: float) -> None:
    """TF2's scalars are tensors, read as the float32 they are."""
    message = read(Event(wall_time=NOW, step=8, summary=scalar_pb("epoch_loss", value)))
    assert message == Message(8, NOW, ((b"epoch_loss", value),))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (np.float32, 0.1),
        (np.float64, 0.1),
        (np.float16, 0.1),
        (np.float16, -2.0),
        (np.int32, -7),
        (np.int64, 2**40),
        (np.int64, -1),
        (np.uint8, 200),
        (np.bool_, True),
        (np.float32, math.inf),
    ],
)
@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_tensors_of_one_number(
    kind: type, value: float, shape: tuple[int, ...], *, as_bytes: bool
) -> None:
    """Of any kind, listed or as bytes, give the number."""
    array = np.full(shape, value, kind)
    tensor = make_tensor_proto(array)
    if as_bytes:
        tensor = TensorProto(dtype=tensor.dtype, tensor_content=array.tobytes())
    assert read(with_values(tensor_value("a", tensor))).scalars == ((b"a", float(array.item())),)


def test_torchs_new_style() -> None:
    """Its scalar as a tensor: the plugin is named, a shape is not."""
    tensor = TensorProto(dtype="DT_FLOAT", float_val=[0.5])
    assert read(with_values(tensor_value("a", tensor))).scalars == ((b"a", 0.5),)


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(TensorProto(), id="empty"),
        pytest.param(TensorProto(dtype=1), id="no number"),
        pytest.param(TensorProto(dtype=1, float_val=[1, 2]), id="two numbers"),
        pytest.param(TensorProto(dtype=1, tensor_content=b"abc"), id="three bytes"),
        pytest.param(TensorProto(dtype=1, tensor_content=b"abcdefgh"), id="two as bytes"),
        pytest.param(TensorProto(dtype=1, double_val=[1]), id="in the wrong list"),
        pytest.param(TensorProto(dtype=8, scomplex_val=[1, 2]), id="complex"),
        pytest.param(TensorProto(dtype=99, float_val=[1]), id="of no known kind"),
        pytest.param(strings(b"1.5"), id="text"),
    ],
)
def test_a_scalar_that_is_none_is_told_of(tensor: TensorProto) -> None:
    """What can't be read is named; what stands beside it in the event is kept."""
    values = (Summary.Value(tag=tag, simple_value=1) for tag in "bc")
    message = read(with_values(next(values), tensor_value("bad\n", tensor), next(values)))
    assert message.scalars == ((b"b", 1), (b"c", 1))
    assert message.problem is not None
    assert "bad" in message.problem
    assert message.problem.isprintable()


def test_a_long_tag_makes_no_long_note() -> None:
    """A note stays one line that can be read."""
    message = read(with_values(tensor_value("k" * 100_000, TensorProto())))
    assert message.problem is not None
    assert len(message.problem) < 200


@pytest.mark.parametrize("data", [b"oops", b"\xff" * 50, b"\x09", b"*\x05ab", b"*\x03\x0a\x05ab"])
def test_bytes_that_are_no_event_are_told_of(data: bytes) -> None:
    """Garbage with a right checksum."""
    message = read(data)
    assert message.problem
    assert message.scalars == message.extras == ()


def test_nothing_in_particular() -> None:
    """Events without a summary, and summaries without a value, say nothing and are no damage."""
    for event in (Event(), Event(wall_time=1), with_values(), with_values(Summary.Value(tag="a"))):
        assert read(event) == Message(step=event.step, wall_time=event.wall_time)


def test_several_values_in_one_event() -> None:
    """TF1 writes all of a step at once: each is read, in the order written, repeats too."""
    values = [Summary.Value(tag=tag, simple_value=i) for i, tag in enumerate("cabac")]
    scalars = ((b"c", 0), (b"a", 1), (b"b", 2), (b"a", 3), (b"c", 4))
    assert read(with_values(*values)).scalars == scalars


def test_a_plugin_is_named_once() -> None:
    """TF1 names it with the first value of a tag: it holds for the next ones."""
    plugins: dict[str, str] = {}
    summary = scalar_pb("a", 0.5)
    assert read(Event(step=1, summary=summary), plugins).scalars == ((b"a", 0.5),)
    summary.value[0].ClearField("metadata")
    assert read(Event(step=2, summary=summary), plugins).scalars == ((b"a", 0.5),)
    assert read(Event(step=2, summary=summary)).scalars == ()


@pytest.mark.parametrize("plugin", ["", "pr_curves", "graph_keras_model", "mesh", "\0"])
def test_tensors_for_others_are_left(plugin: str) -> None:
    """What no plugin known here asked for is neither a scalar nor damage."""
    tensor = TensorProto(dtype=1, float_val=[1])
    assert read(with_values(tensor_value("a", tensor, plugin))) == Message(5, NOW)


@pytest.mark.parametrize("parts", [(), (b"a",), (b"a", b"", "é".encode(), b"\xff")])
def test_texts_as_tensors(parts: Sequence[bytes]) -> None:
    """Each part a line; bytes that are no text are replaced."""
    (text,) = read(with_values(tensor_value("t", strings(*parts), "text"))).extras
    assert text == Text("t", 5, "\n".join(part.decode("utf-8", "replace") for part in parts))


def test_a_text_as_tensorboard_makes_it() -> None:
    """One string."""
    assert read(Event(step=2, summary=text_pb("t", "hello"))).extras == (Text("t", 2, "hello"),)


def test_pictures_as_tensors() -> None:
    """TF2 puts width and height before them; several under one tag are numbered."""
    one, two = png(1, 1), png(2, 2)
    lone = with_values(tensor_value("a", strings(b"1", b"1", one), "images"))
    payload = lone.SerializeToString()
    (image,) = read(payload).extras
    assert image == Image("a", 5, LOG, BEGIN + payload.index(one), len(one))
    both = with_values(tensor_value("a", strings(b"2", b"2", one, two), "images"))
    payload = both.SerializeToString()
    assert read(payload).extras == (
        Image("a/0", 5, LOG, BEGIN + payload.index(one), len(one)),
        Image("a/1", 5, LOG, BEGIN + payload.index(two), len(two)),
    )


@pytest.mark.parametrize("parts", [(), (b"1",), (b"1", b"1")])
def test_a_tensor_without_pictures(parts: Sequence[bytes]) -> None:
    """None are found, and nothing goes wrong."""
    assert read(with_values(tensor_value("a", strings(*parts), "images"))).extras == ()


def test_the_same_picture_twice() -> None:
    """Wherever each is said to lie, its bytes are there."""
    values = [Summary.Value(tag=tag, image={"encoded_image_string": png()}) for tag in "ab"]
    payload = with_values(*values).SerializeToString()
    for image in read(payload).extras:
        assert isinstance(image, Image)
        assert payload[image.offset - BEGIN :][: image.length] == png()


@pytest.mark.parametrize("data", [[1.0, 2.0, 2.5, 9.0], [3.0], [3.0, 3.0], [-1e300, 1e300]])
def test_histograms_as_tensorboard_makes_them(data: list[float]) -> None:
    """As many edges as buckets and one, rising, and every value counted once."""
    summary = histogram_pb("h", np.array(data), buckets=4)
    (found,) = read(Event(step=3, summary=summary)).extras
    name, step, edges, counts = numbers_of(found)
    assert (name, step, sum(counts)) == ("h", 3, len(data))
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (min(data), max(data))


@pytest.mark.parametrize("buckets", [None, 0, 1])
def test_an_empty_histogram(buckets: int | None) -> None:
    """TensorBoard writes empty buckets, or none, where there is no data: nothing is wrong."""
    message = read(Event(step=3, summary=histogram_pb("h", np.array([]), buckets=buckets)))
    assert message.problem is None
    for found in message.extras:
        edges, counts = numbers_of(found)[2:]
        assert len(edges) == len(counts) + 1
        assert not any(counts)


def test_histograms_of_tf1() -> None:
    """Upper limits and counts; the first bucket begins at the lowest value there is."""
    value = Summary.Value(tag="h")
    value.histo.min, value.histo.max = -2.0, 7.0
    value.histo.bucket_limit.extend([-1.0, 0.0, 8.0])
    value.histo.bucket.extend([1.0, 0.0, 5.0])
    (found,) = read(with_values(value)).extras
    assert numbers_of(found) == ("h", 5, [-2.0, -1.0, 0.0, 8.0], [1.0, 0.0, 5.0])


@pytest.mark.parametrize(
    ("limits", "counts"),
    [([1.0, 2.0, 3.0], [1.0]), ([1.0], [1.0, 2.0, 3.0]), ([], [1.0]), ([1.0], [])],
)
def test_a_histogram_that_is_none_is_told_of(limits: list[float], counts: list[float]) -> None:
    """Where limits and counts don't belong together, there is no histogram."""
    value = Summary.Value(tag="h")
    value.histo.bucket_limit.extend(limits)
    value.histo.bucket.extend(counts)
    message = read(with_values(value))
    assert message.extras == ()
    assert message.problem


def test_a_histogram_of_no_three_columns_is_told_of() -> None:
    """Left edge, right edge, count: anything else can't be read."""
    tensor = TensorProto(dtype=2, double_val=[1, 2, 3, 4])
    message = read(with_values(tensor_value("h", tensor, "histograms")))
    assert message.extras == ()
    assert message.problem


def test_hyperparameters_as_tensorboard_makes_them() -> None:
    """The session's start holds them; its end, and what was planned, hold none."""
    plan = hparams_of_tensorboard.hparams_config_pb([], [])
    start = hparams_of_tensorboard.hparams_pb({"lr": 0.1, "opt": "adam", "amp": True})
    assert read(Event(summary=plan)).extras == ()
    assert read(Event(summary=start)).extras == (Hparams({"lr": 0.1, "opt": "adam", "amp": True}),)


def test_the_order_of_hyperparameters_is_the_same_every_time() -> None:
    """By name: in the file they have no order."""
    names = [f"{letter}{i}" for letter in "zebra" for i in range(40)]
    (hparams,) = read(payload_of(tfbuild.hparams(dict.fromkeys(names, 1), NOW))).extras
    assert isinstance(hparams, Hparams)
    assert list(hparams.values) == sorted(names)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Value(), None),
        (Value(null_value=NULL_VALUE), None),
        (Value(number_value=0), 0.0),
        (Value(bool_value=False), False),
        (Value(string_value=""), ""),
        (Value(list_value=ListValue(values=[Value(number_value=1), Value()])), [1.0, None]),
        (
            Value(struct_value=Struct(fields={"a": Value(bool_value=True)})),
            {"a": True},
        ),
    ],
)
def test_hyperparameters_are_plain_data(value: Value, plain: object) -> None:
    """Whatever protobuf allows there becomes what JSON could say."""
    data = HParamsPluginData()
    data.session_start_info.hparams["x"].CopyFrom(value)
    each = Summary.Value(tag="_hparams_/session_start_info")
    each.metadata.plugin_data.plugin_name = "hparams"
    each.metadata.plugin_data.content = data.SerializeToString()
    (hparams,) = read(with_values(each)).extras
    assert isinstance(hparams, Hparams)
    assert repr(hparams.values) == repr({"x": plain})


def test_damaged_hyperparameters_are_told_of() -> None:
    """Content that is no message of the plugin."""
    value = Summary.Value(tag="_hparams_/session_start_info")
    value.metadata.plugin_data.plugin_name = "hparams"
    value.metadata.plugin_data.content = b"\xff\xff"
    message = read(with_values(value))
    assert message.extras == ()
    assert message.problem


def test_a_nan_that_signals(recwarn: pytest.WarningsRecorder) -> None:
    """Is a NaN, without a warning."""
    content = struct.pack("<I", 0x7FA00000)
    tensor = TensorProto(dtype=1, tensor_content=content)
    ((_, value),) = read(with_values(tensor_value("a", tensor))).scalars
    assert math.isnan(value)
    assert not recwarn.list
