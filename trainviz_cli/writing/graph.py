"""The structure of a model: as text, and as the graph that TensorBoard draws.

The one place outside of `features` and `integrations` where torch may be imported: a torch model
was handed over, so it already is.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainviz_cli.codecs.tfrecord import find_records, frame

if TYPE_CHECKING:
    from collections.abc import Iterator


def module_tree(model: Any) -> str:  # noqa: ANN401 - of any framework
    """The model as it prints itself, its modules as a tree; with its size if it is torch's."""
    tree = f"{model}\n"
    if not callable(getattr(model, "parameters", None)):
        return tree
    sizes = [(each.numel(), each.requires_grad) for each in model.parameters()]
    total = sum(size for size, _ in sizes)
    trained = sum(size for size, trains in sizes if trains)
    return f"{tree}\n{total:,} parameters, {trained:,} of them trained\n"


def graph_records(model: Any, data_batch: Any) -> bytes:  # noqa: ANN401 - torch's
    """The traced graph of a torch model, as records of an event file.

    The model runs once, in evaluation mode and without gradients, and is left as it was.

    Args:
        model: A `torch.nn.Module`.
        data_batch: What its `forward` takes: a tensor, an array, or a tuple of these.

    Raises:
        Exception: Whatever the model or the tracer raises; not every model can be traced.
    """
    from torch.utils.tensorboard import SummaryWriter

    inputs = _on_device_of(model, data_batch)
    with tempfile.TemporaryDirectory() as folder, _evaluated(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, of what it takes for constant
        with contextlib.redirect_stdout(None), SummaryWriter(folder) as writer:
            writer.add_graph(model, inputs)
        (file,) = Path(folder).iterdir()
        data = file.read_bytes()
    records = find_records(data).records
    payloads = [
        data[start : start + length]
        for start, length in zip(records.starts.tolist(), records.lengths.tolist(), strict=True)
    ]
    return b"".join(map(frame, payloads[1:]))  # the first says what kind of file it is


def _on_device_of(model: Any, batch: Any) -> Any:  # noqa: ANN401 - torch's
    import torch

    if isinstance(batch, tuple | list):
        return tuple(_on_device_of(model, each) for each in batch)
    parameter = next(model.parameters(), torch.empty(0))
    return torch.as_tensor(batch).to(parameter.device)


@contextlib.contextmanager
def _evaluated(model: Any) -> Iterator[None]:  # noqa: ANN401 - torch's
    """The model in evaluation mode, or it would count the batch in its statistics."""
    import torch

    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
