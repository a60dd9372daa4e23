"""Pickles as plain data: what is read of sound ones and of damaged ones."""

import argparse
import collections
import enum
import io
import pickle
import pickletools
import random
import types
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pytest

from tests.unit.checkpoint_bytes import call, name, text
from trainviz_cli.codecs.pickles import Global, Inert, attributes, entries, load_pickle
from trainviz_cli.codecs.pickles.steps import STEPS

EVERY_PROTOCOL = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
OUT_OF_BAND = {"NEXT_BUFFER", "READONLY_BUFFER"}


@dataclass
class Optimizer:
    """A config kept as a dataclass."""

    lr: float


class Slotted:
    """An object whose attributes are in slots."""

    __slots__ = ("rate",)


class Config(dict):  # type: ignore[type-arg]
    """A dict with a name and an attribute, as mmengine's."""


class Phase(enum.Enum):
    """An enum of text."""

    TRAIN = "train"


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024 - pickled like the typed one


def load(data: bytes) -> object:
    """What is read of these bytes."""
    return load_pickle(io.BytesIO(data), len(data))


def loaded(value: object, protocol: int = 4) -> object:
    """What is read of a value that Python has pickled."""
    return load(pickle.dumps(value, protocol))


@EVERY_PROTOCOL
@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, 1, -1, 255, 256, 65_536, 2**31, -(2**31), 2**62, -(2**200)),
        *(0.0, -0.5, 1e300, float("inf"), "", "a", "é", "\U0001f600" * 90, "\ud800", "a\n\\u"),
        *([], [1, [2]], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"a": 1, 2: [3]}),
        *({None: 1, True: 2, 1.5: 3}, ["x"] * 2000, [[i] for i in range(2000)]),
        {str(i): i for i in range(2000)},
    ],
    ids=lambda value: repr(value)[:20],
)
def test_plain_data(value: object, protocol: int) -> None:
    """What is plain comes back equal and of the same types, by every protocol."""
    assert repr(loaded(value, protocol)) == repr(value)


@EVERY_PROTOCOL
@pytest.mark.parametrize("value", [{1, "a"}, frozenset({2, "b"}), set(), frozenset()], ids=repr)
def test_sets(value: object, protocol: int) -> None:
    """Sets are sets, by an opcode as well as by a call; what is in them is hashable."""
    assert loaded(value, protocol) == value


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("value", [b"", b"a\xff", b"x" * 70_000], ids=len)
def test_bytes(value: bytes, protocol: int) -> None:
    """Bytes are bytes where there is an opcode for them; before, they were a call."""
    assert loaded(value, protocol) == value
    assert loaded(bytearray(value), 5) == value
    assert isinstance(loaded(b"\xff", 2), Inert)


@EVERY_PROTOCOL
def test_kinds_of_dicts(protocol: int) -> None:
    """Those of the standard library are dicts, with their items."""
    values = [
        collections.OrderedDict(a=1, b=2),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
    ]
    for value in values:
        found = loaded(value, protocol)
        assert type(found) is dict
        assert found == value


def test_dicts_and_sets_of_python_2() -> None:
    """They were made of lists of pairs, and their module had another name."""
    pairs = b"(lp0\n(lp1\nS'a'\naI1\naa"
    assert load(name("collections:OrderedDict") + b"(" + pairs + b"tR.") == {"a": 1}
    assert load(b"c__builtin__\nset\n(]K\x01atR.") == {1}
    assert load(b"U\x02\xff\xfe.") == b"\xff\xfe"


@EVERY_PROTOCOL
def test_what_is_not_plain_is_named(protocol: int) -> None:
    """Of an object there remain its class and its attributes."""
    value = loaded(argparse.Namespace(lr=0.1, name="x"), protocol)
    assert isinstance(value, Inert)
    assert value.name == "argparse.Namespace"
    assert attributes(value) == {"lr": 0.1, "name": "x"}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects(protocol: int) -> None:
    """Dataclasses, dicts of one's own, named tuples, slots, enums, paths, and names alone."""
    made = loaded(Optimizer(0.5), protocol)
    assert attributes(made) == {"lr": 0.5}
    config = Config(a=1)
    config.where = "here"  # type: ignore[attr-defined]
    made = loaded(config, protocol)
    assert (entries(made), attributes(made)) == ({"a": 1}, {"where": "here"})
    point = loaded(Point(1, 2), protocol)
    assert isinstance(point, Inert)
    assert point.args == (1, 2)
    slotted = Slotted()
    slotted.rate = 1  # type: ignore[attr-defined]
    assert attributes(loaded(slotted, protocol)) == {}
    assert isinstance(loaded(Phase.TRAIN, protocol), Inert)
    path = loaded(PurePosixPath("a/b"), protocol)
    assert isinstance(path, Inert)
    assert path.name == "pathlib.PurePosixPath"
    function = loaded(random.seed, protocol)
    assert not isinstance(function, types.MethodType)
    builtin = loaded(len, protocol)
    assert isinstance(builtin, Global)
    assert builtin.name.endswith("builtin__.len" if protocol < 3 else "builtins.len")


@EVERY_PROTOCOL
@pytest.mark.parametrize(
    "value",
    [np.float64(0.5), np.int32(3), np.arange(5), np.array(["a"], object), np.dtype("f4")],
    ids=repr,
)
def test_numpy_does_not_stop_the_reading(value: object, protocol: int) -> None:
    """NumPy's scalars and arrays are inert, and what comes after them is read."""
    found = loaded([value, "after"], protocol)
    assert isinstance(found, list)
    assert isinstance(found[0], Inert)
    assert found[1] == "after"


def test_what_is_the_same_stays_the_same() -> None:
    """A value that is there twice is one value; one may contain itself."""
    inner: list[object] = []
    found = loaded([inner, inner])
    assert isinstance(found, list)
    assert found[0] is found[1]
    circle: list[object] = []
    circle.append((circle, {"me": circle}))
    found = loaded(circle)
    assert isinstance(found, list)
    assert found[0][0] is found
    assert found[0][1]["me"] is found


def test_builders_and_persistent_ids() -> None:
    """A name in the table is made by the caller, and so is what a persistent id stands for."""
    data = b"(" + call("torch:Size", b"K\x01K\x02") + b"Pkey\n" + text("id") + b"Ql."
    found = load_pickle(io.BytesIO(data), len(data), {"torch.Size": list}, lambda args: args)
    assert found == [[1, 2], ("key",), ("id",)]
    plain = load(data)
    assert isinstance(plain, list)
    assert [type(item) for item in plain] == [Inert] * 3


def test_pickles_in_a_row() -> None:
    """After one the file is where the next begins."""
    file = io.BytesIO(pickle.dumps([1]) + pickle.dumps("b", 0) + b"rest")
    end = len(file.getvalue())
    assert [load_pickle(file, end), load_pickle(file, end), file.read()] == [[1], "b", b"rest"]


def test_every_opcode_is_known() -> None:
    """All of Python's, but those for buffers outside of the pickle."""
    codes = {op.code.encode("latin1"): op.name for op in pickletools.opcodes}
    assert {codes[code] for code in codes.keys() - STEPS.keys()} == OUT_OF_BAND | {"STOP"}
    assert not STEPS.keys() - codes.keys()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"N", b".", b"0.", b"2.", b"R.", b"NR.", b"K\x01\x93.", b"NN\x93.", b"a.", b"Na."),
        *(b"s.", b"Ns.", b"e.", b"(e.", b"u.", b"}(K\x01u.", b"(K\x01d.", b"t.", b"\x85.", b"b."),
        *(b"Nb", b"\x81.", b"\x92.", b"o.", b"ios\n", b"cos\n", b"Q.", b"P1", b"h\x00.", b"g9\n."),
        *(b"j\0\0\0\1.", b"q\x00.", b"Nq", b"Nr\0\0.", b"p0\n.", b"\x94.", b"Ip\n.", b"Fx\n."),
        *(b"Lx\n.", b"I" + b"1" * 70_000 + b"\n.", b"gx\n.", b"V\\ud\n.", b"X\1\0\0\0\xff."),
        *(b"\x80\x06.", b"\x80", b"\x95" + b"\xff" * 8 + b".", b"\x95\0\0\0\0\0\0\0\x10N."),
        *(b"\x97.", b"\x98.", b"\xff.", b"\x8b\0\0\0\x80N.", b"B\xff\xff\xff\xffa.", b"U\x05a."),
        *(b"\x8e" + b"\xff" * 8 + b".", b"\x8d\0\0\0\0\0\0\0\x10a.", b"\x8c\xffa.", b"G\0."),
        *(b"1.", b"l.", b"\x90.", b"\x8f(", b"\x91.", b"T\xff\xff\xff\xff.", b"J\0.", b"M."),
    ],
    ids=repr,
)
def test_what_is_damaged(data: bytes) -> None:
    """A stack or memo without what is asked for, text that is none, lengths beyond the end."""
    with pytest.raises(
        ValueError, match=r"^(its pickle is (damaged|of an unknown protocol)|it is cut off)$"
    ):
        load(data)
