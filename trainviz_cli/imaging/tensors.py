"""Arrays out of what training code holds, without importing torch or jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from typing import Self, TypeGuard

    from numpy.typing import NDArray


class _Tensor(Protocol):
    """What is used of `torch.Tensor`."""

    def detach(self) -> Self: ...
    def cpu(self) -> Self: ...
    def float(self) -> Self: ...
    def is_floating_point(self) -> bool: ...
    def element_size(self) -> int: ...
    def numpy(self) -> NDArray[Any]: ...


def is_tensor(value: object) -> TypeGuard[_Tensor]:
    """Tell a torch tensor, of whatever subclass, from everything else."""
    return any(
        base.__name__ == "Tensor" and base.__module__.partition(".")[0] == "torch"
        for base in type(value).__mro__
    )


def tensor_values(tensor: _Tensor) -> NDArray[Any]:
    """The values of a tensor on any device, with gradients or without; may share its memory."""
    values = tensor.detach().cpu()
    if values.is_floating_point() and values.element_size() < np.dtype(np.float32).itemsize:
        values = values.float()  # NumPy has no bfloat16 and no float8
    return values.numpy()


def as_array(name: str, value: object) -> NDArray[Any]:
    """An argument that is an array or a tensor, as an array; may share its memory.

    Raises:
        TypeError: It is neither; lists of numbers are not taken, as in MMEngine.
    """
    if is_tensor(value):
        return tensor_values(value)
    if isinstance(value, np.ndarray) or (hasattr(value, "__array__") and hasattr(value, "shape")):
        return np.asarray(value)
    raise TypeError(f"`{name}` should be a NumPy array or a tensor, but got {type(value)}")


def as_numbers(name: str, value: object) -> NDArray[np.float64]:
    """An argument that is an array or a tensor of numbers, as float64; a copy.

    What is computed from small integers would wrap around.

    Raises:
        TypeError: It is neither, or doesn't hold real numbers.
    """
    values = as_array(name, value)
    if values.dtype.kind not in "biufO":
        raise TypeError(f"`{name}` should hold numbers, but got {values.dtype}")
    return values.astype(np.float64)
