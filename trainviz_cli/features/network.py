"""What features are taken from: a model, a program of torch.export, or an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from trainviz_cli.features.capture import activations
from trainviz_cli.features.layers import list_layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from trainviz_cli.features.layers import LayerRow


class Network(Protocol):
    """Layers that can be listed, and what they give."""

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """(B, C, H, W) of what goes in, None where any number does; None if nothing is known."""
        ...

    def list_layers(self, inputs: Any) -> list[LayerRow]:  # noqa: ANN401 - a tensor or array
        """Every layer, as one picture goes through; see `layers.list_layers`."""
        ...

    def activations(
        self,
        inputs: Any,  # noqa: ANN401 - a tensor or array
        layers: Sequence[str],
        call: int | None = None,
    ) -> Mapping[str, Any]:
        """What each layer gives: tensors or arrays; see `capture.activations`."""
        ...


class ModelNetwork(NamedTuple):
    """A torch model as a `Network`."""

    model: nn.Module
    input_shape: tuple[int | None, ...] | None = None

    def list_layers(self, inputs: Any) -> list[LayerRow]:  # noqa: ANN401 - as the protocol
        """Every layer, as one picture goes through; see `layers.list_layers`."""
        return list_layers(self.model, inputs)

    def activations(
        self,
        inputs: Any,  # noqa: ANN401 - as the protocol
        layers: Sequence[str],
        call: int | None = None,
    ) -> Mapping[str, Any]:
        """What each layer gives; see `capture.activations`."""
        return activations(self.model, inputs, layers, call)
