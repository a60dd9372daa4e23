"""Any bytes at all: plain data comes back, and everything else is a clean error or harmless."""

import io
import pickle
import pickletools
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.unit.checkpoint_bytes import call, name, safetensors, tensor, text
from trainviz_cli.codecs.pickles import load_pickle, machine
from trainviz_cli.codecs.torchfile import _BUILDERS
from trainviz_cli.errors import RefusedError, TrainvizError
from trainviz_cli.features.checkpoint import choose, load_tensor, open_checkpoint
from trainviz_cli.features.copies import find_copies

CORPUS = Path(__file__).parents[3] / "shared" / "run-logs" / "checkpoints"
SMALL_BUDGET = 1 << 15
MOST_ELEMENTS = 1 << 20
LONGEST = 1000  # characters of an error, with a long path in it

KEYS = st.text(max_size=5) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
SCALARS = KEYS | st.binary(max_size=300)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.sets(KEYS, max_size=5)
    ),
    max_leaves=30,
)

CODES = [op.code.encode("latin1") for op in pickletools.opcodes]
STEPS = st.one_of(
    st.sampled_from(CODES),
    st.sampled_from([b"(", b"]", b"}", b")", b"\x8f", b"N", b"K\x01", b"t", b"R", b"\x81", b"b"]),
    st.sampled_from([b"a", b"e", b"s", b"u", b"d", b"l", b"0", b"2", b"\x85", b"\x86", b"\x94"]),
    st.sampled_from([b"h\x00", b"h\x01", b"q\x00", b"q\x01", b"G" + bytes(8), b"I01\n", b"L9L\n"]),
    st.sampled_from([text("_parameters"), text("_modules"), text("_buffers"), text("a"), tensor()]),
    st.sampled_from(["os:system", "builtins:getattr", "collections:OrderedDict", "net:Net"]).map(
        name
    ),
    st.sampled_from(["builtins:set", "torch:Size", "builtins:eval"]).map(
        lambda each: call(each, b"]")
    ),
    st.binary(max_size=4),
)


def assert_clean(error: Exception) -> None:
    """One short line, with nothing raw of the file."""
    assert str(error).isprintable()
    assert len(str(error)) < LONGEST


def load(data: bytes) -> object:
    """What is read of these bytes, or the error, with a table as torch's files are read with."""
    try:
        return load_pickle(io.BytesIO(data), len(data), _BUILDERS)
    except (RefusedError, ValueError) as error:
        assert_clean(error)
        return None


@given(PLAIN, st.integers(3, 5))
def test_plain_data_comes_back(value: object, protocol: int) -> None:
    """Equal, and of the same types, by every protocol that has bytes."""
    found = load(pickle.dumps(value, protocol))
    assert repr(found) == repr(value) or found == value


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """They are a value or a clean error."""
    load(data)
    load(data + b".")


@given(st.lists(STEPS, max_size=60).map(b"".join))
@settings(max_examples=300)
@example(b"\x8f(h\x00\x90")
@example(b"}q\x00h\x00h\x00s")
def test_any_program(small_budget: None, program: bytes) -> None:
    """Opcodes in any order; and whatever they make can be searched for weights."""
    del small_budget
    value = load(program + b".")
    try:
        find_copies(value)
    except RefusedError as error:
        assert_clean(error)


@pytest.fixture(scope="module")
def small_budget() -> Iterator[None]:
    """A small budget for all examples: what is bounded by a large one takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "BUDGET", SMALL_BUDGET)
        yield


def _saved(value: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def _net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


WHOLE = {
    "zip": _saved({"model": _net().state_dict(), "epoch": 1}),
    "legacy": _saved(_net().state_dict(), _use_new_zipfile_serialization=False),
    "module": _saved(_net()),
    "safetensors": safetensors(
        {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(24)
    ),
}


def open_and_read(file: Path) -> bool:
    """Whether the file is read to the end; otherwise there is a clean error."""
    try:
        _, copy = choose(open_checkpoint(file))
        for each in copy.values():
            if each.count < MOST_ELEMENTS:
                load_tensor(each)
    except TrainvizError as error:
        assert_clean(error)
        return False
    return True


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples, which write it again."""
    return tmp_path_factory.mktemp("checkpoints") / "model.pth"


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_at_every_place(file: Path, kind: str) -> None:
    """No beginning of a checkpoint is taken for one."""
    whole = WHOLE[kind]
    file.write_bytes(whole)
    assert open_and_read(file)
    for length in range(len(whole) - 1, -1, -1):
        with file.open("r+b") as target:
            target.truncate(length)
        assert not open_and_read(file)


def mutated(whole: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """The bytes with some of them changed, replaced or cut out; places are from 0 to 1."""
    data = bytearray(whole)
    for place, how, other in changes:
        at = int(place * (len(data) - 1))
        if how < 8:
            data[at] ^= 1 << how
        elif how == 8:
            data[at : at + len(other)] = other
        elif how == 9:
            data[at:at] = other
        else:
            del data[at : at + len(other)]
    return bytes(data)


NUMBERS = st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1])
PIECES = st.binary(min_size=1, max_size=9) | NUMBERS.map(lambda each: struct.pack("<Q", each))
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10), PIECES), min_size=1, max_size=4)


@pytest.mark.parametrize("kind", WHOLE)
@given(changes=CHANGES)
@settings(deadline=None, max_examples=150)
def test_damage_anywhere(file: Path, kind: str, changes: list[tuple[float, int, bytes]]) -> None:
    """Bits flipped, bytes replaced, put in or cut out: weights are read, or there is an error."""
    file.write_bytes(mutated(WHOLE[kind], changes))
    open_and_read(file)


def real_ones() -> list[Path]:
    """The real checkpoints, where they are."""
    return sorted(path for path in CORPUS.glob("*/*") if path.stat().st_size > 1000)


@pytest.mark.parametrize("path", real_ones(), ids=lambda path: path.parent.name.rpartition("__")[2])
@given(changes=CHANGES, near_the_end=st.booleans())
@settings(deadline=None, max_examples=25)
def test_damage_in_real_ones(
    file: Path, path: Path, changes: list[tuple[float, int, bytes]], *, near_the_end: bool
) -> None:
    """As before, where structures are: in the first and last kilobytes."""
    whole = path.read_bytes()
    share = 16_384 / len(whole)
    places = [min(1, place * share) for place, _, _ in changes]
    changes = [
        (1 - place if near_the_end else place, how, other)
        for place, (_, how, other) in zip(places, changes, strict=True)
    ]
    file.write_bytes(mutated(whole, changes))
    open_and_read(file)
