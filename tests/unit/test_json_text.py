"""A value as JSON text: the bytes of `json.dumps`, or a TypeError."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from trainviz_cli.codecs.json_text import PLAIN_FROM, PLAIN_TO, scalar_text, value_text

if TYPE_CHECKING:
    from collections.abc import Callable

ANY_ARRAY = [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint64, np.bool_]
ANY_TENSOR = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool]


class Level(IntEnum):
    """An int with a name of its own."""

    HIGH = 3


class Phase(StrEnum):
    """A str with a name of its own."""

    TRAIN = "train"


class Shout(float):
    """A float whose own representation is no JSON."""

    def __repr__(self) -> str:
        return "LOUD"


class NoItem:
    """An object with an attribute called `item` that is no method."""

    item = 3


PLAIN = [
    *(0, 1, -1, 2**63, -(2**64), 10**4000, True, False, None, "", 'é"\\\n\x00\U0001f600', "\ud800"),
    *(0.0, -0.0, 0.1, -0.1, 1e-5, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 0.30000000000000004),
    *(PLAIN_FROM, PLAIN_TO, float("nan"), float("inf"), float("-inf")),
    *([], {}, [1, [2.5, None]], {"a": {"b": []}}, {1: True, None: 0.5}, (1, 2)),
    *(Level.HIGH, Phase.TRAIN, Shout(2.5), [Shout(2.5), Level.HIGH]),
]

REFUSED = [
    *(object(), b"bytes", 1j, Level, np.float32, NoItem(), print, {1, (object(),)}, [object()]),
    *({(1, 2): 3}, {b"key": 1}, {"deep": [1, {"er": object()}]}),
    *(np.complex64(1j), np.datetime64("2020-01-01"), torch.tensor(1j), np.array([object()])),
]


def itself_inside(container: list[object] | dict[str, object]) -> object:
    """The container, holding itself."""
    if isinstance(container, list):
        container.append(container)
    else:
        container["itself"] = container
    return container


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
def test_the_bytes_of_json_dumps(value: object) -> None:
    """What `json.dumps` can write is written as it writes it, alone and as a scalar."""
    expected = json.dumps(value).encode()
    assert value_text(value) == expected
    assert scalar_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), b"NaN"),
        (float("inf"), b"Infinity"),
        (float("-inf"), b"-Infinity"),
        (np.float32("nan"), b"NaN"),
        (torch.tensor(float("-inf")), b"-Infinity"),
    ],
    ids=repr,
)
def test_values_that_are_not_finite_stand_bare(value: object, expected: bytes) -> None:
    """NaN and infinities keep the names JavaScript knows, not null and not text."""
    assert value_text(value) == scalar_text(value) == expected


@pytest.mark.parametrize("dtype", ANY_ARRAY, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("number", [0, 1, 0.1])
def test_numpy_scalars(dtype: type[np.generic], number: float) -> None:
    """A NumPy scalar, and an array of no or one dimension with one value, is the number it is."""
    scalar = dtype(number)
    expected = json.dumps(scalar.item()).encode()
    assert scalar_text(scalar) == scalar_text(np.array(scalar)) == expected
    assert scalar_text(np.array([[scalar]])) == expected
    assert value_text(scalar) == value_text(np.array(scalar)) == expected


@pytest.mark.parametrize("dtype", ANY_TENSOR, ids=str)
@pytest.mark.parametrize("number", [0, 1, 0.1])
def test_torch_scalars(dtype: torch.dtype, number: float) -> None:
    """A tensor of one value is the number it is, in whatever precision it has."""
    tensor = torch.tensor(number, dtype=dtype)
    expected = json.dumps(tensor.item()).encode()
    assert scalar_text(tensor) == scalar_text(tensor[None]) == value_text(tensor) == expected


def test_a_tensor_with_a_gradient() -> None:
    """A loss that is still part of a graph is written without being detached first."""
    loss = torch.tensor(0.5, requires_grad=True) * 3
    assert scalar_text(loss) == value_text(loss) == b"1.5"


def test_jax_scalars() -> None:
    """A JAX array without dimensions is the number it is; one of several is no scalar."""
    jax_numpy = pytest.importorskip("jax").numpy
    scalar = jax_numpy.float32(0.1)
    assert scalar_text(scalar) == value_text(scalar) == b"0.10000000149011612"
    assert scalar_text(jax_numpy.bfloat16(1.5)) == b"1.5"
    assert value_text(jax_numpy.arange(3)) == b"[0, 1, 2]"
    with pytest.raises(TypeError, match="no scalar"):
        scalar_text(jax_numpy.arange(3))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.arange(3), b"[0, 1, 2]"),
        (np.float32([[0.1]]), b"[[0.10000000149011612]]"),
        (torch.tensor([1.5, 2.0]), b"[1.5, 2.0]"),
        (range(3), b"[0, 1, 2]"),
        ({7}, b"[7]"),
        (frozenset({7}), b"[7]"),
        ({"a": [np.int64(1), torch.tensor(2)]}, b'{"a": [1, 2]}'),
    ],
    ids=repr,
)
def test_arrays_and_sets_become_lists(value: object, expected: bytes) -> None:
    """Arrays, sets and ranges are lists, wherever they stand."""
    assert value_text(value) == expected


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: repr(value)[:30])
def test_what_json_cannot_hold(value: object) -> None:
    """Anything else is a TypeError, at any depth."""
    with pytest.raises(TypeError):
        value_text(value)
    with pytest.raises(TypeError):
        scalar_text(value)


@pytest.mark.parametrize("container", [[], {}], ids=["list", "dict"])
def test_what_holds_itself(container: list[object] | dict[str, object]) -> None:
    """A container that holds itself is a TypeError that says so."""
    with pytest.raises(TypeError, match=r"[Cc]ircular"):
        value_text(itself_inside(container))


def test_what_nests_too_deep() -> None:
    """A value too deep for the encoder is a TypeError, and the interpreter survives it."""
    with pytest.raises(TypeError, match="recursion"):
        value_text(reduce(lambda inner, _: [inner], range(100_000), 0))


@pytest.mark.parametrize(
    "array",
    [np.zeros(2), np.zeros((0,)), torch.zeros(2), torch.zeros((2, 3)), torch.zeros((1, 0))],
    ids=lambda array: f"{type(array).__name__}{tuple(array.shape)}",
)
def test_an_array_of_several_is_no_scalar(array: np.ndarray | torch.Tensor) -> None:
    """An array of any other count than one is refused, and the message shows its shape."""
    with pytest.raises(TypeError) as caught:
        scalar_text(array)
    assert str(tuple(array.shape)) in str(caught.value)


@pytest.mark.parametrize("write", [value_text, scalar_text])
@pytest.mark.parametrize("nested", [False, True])
def test_an_integer_too_long_for_python(write: Callable[[object], bytes], *, nested: bool) -> None:
    """More digits than Python agrees to write are a TypeError like everything that can't be."""
    number = 10**5000
    with pytest.raises(TypeError, match="digits"):
        write([number] if nested else number)


@pytest.mark.parametrize("write", [value_text, scalar_text])
@pytest.mark.parametrize(
    "tensor", [torch.empty((), device="meta"), torch.empty(2, device="meta")], ids=["()", "(2,)"]
)
def test_a_tensor_without_data(write: Callable[[object], bytes], tensor: torch.Tensor) -> None:
    """A tensor that can't say its values is a TypeError, not torch's own error."""
    with pytest.raises(TypeError):
        write(tensor)
