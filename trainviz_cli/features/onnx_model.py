"""The tensors of an ONNX graph as layers: asked for as outputs, computed by onnxruntime.

A graph holds no code, but may name other files for its weights. torch is not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trainviz_cli.errors import (
    MissingPackageError,
    NotFoundError,
    UnreadableError,
    UsageError,
)
from trainviz_cli.features.layers import LayerRow, Output
from trainviz_cli.features.layouts import guess_layout
from trainviz_cli.features.one_line import one_line
from trainviz_cli.features.packages import require, version_in
from trainviz_cli.imaging.tensors import as_array
from trainviz_cli.model.keys import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainviz_cli.features.layouts import Shape

# The numbers that onnx.TensorProto.DataType gives to what a picture may be.
_TYPES: dict[int, type[np.floating[Any]]] = {1: np.float32, 10: np.float16, 11: np.float64}
# Before it, a graph could read any file (CVE-2026-27489, CVE-2026-34446, CVE-2026-34447).
_FIRST_SAFE = (1, 21)
_SILENT = 4  # of onnxruntime's levels of logging: fatal errors alone


class OnnxNetwork(NamedTuple):
    """An ONNX graph as a `Network`: each tensor in it is a layer, named as in the graph.

    Exporters fold and split layers: a batch norm is often in the convolution before it.

    Attributes:
        model: The `onnx.ModelProto`; not changed.
        name: What messages call it.
        input_shape: (B, C, H, W) of what goes in, None where any number does.
    """

    model: Any
    name: str
    input_shape: tuple[int | None, ...] | None

    def list_layers(self, inputs: object) -> list[LayerRow]:
        """Every tensor that is computed, as its shape follows from that of the inputs.

        Nothing runs. Where a shape only follows from values, the row has no output.

        Args:
            inputs: (B, C, H, W), a tensor or an array. Sides that the graph fixes stay as they are.
        """
        given = as_array("inputs", inputs).shape
        fixed = self.input_shape or (None,) * len(given)
        shape = tuple(side or number for side, number in zip(fixed, given, strict=False))
        batch, size = shape[0], (shape[-2], shape[-1])
        shapes = self._shapes(shape)
        weights = {each.name: int(np.prod(each.dims)) for each in self.model.graph.initializer}
        rows = []
        for node in self.model.graph.node:
            learns = sum(weights.get(name, 0) for name in dict.fromkeys(node.input))
            for name in filter(None, node.output if node.op_type != "Constant" else ()):
                found = shapes.get(name)
                layout = guess_layout(found, batch, size) if found else None
                outputs = (Output(name, found, layout),) if found else ()
                rows.append(LayerRow(name, node.op_type, outputs, 1, learns, 1))
        return rows

    def activations(
        self, inputs: object, layers: Sequence[str], call: int | None = None
    ) -> Mapping[str, NDArray[Any]]:
        """The values of tensors, named by themselves or by the node that computes them.

        Args:
            inputs: (B, C, H, W), a tensor or an array.
            layers: Of a node with several outputs, its name is the first one's.
            call: 1 or None, for each is computed once.

        Raises:
            NotFoundError: There is no such tensor, or no such call.
            UsageError: The graph does not run with these inputs.
            UnreadableError: onnxruntime can't run this graph.
        """
        if call not in {None, 1}:
            raise NotFoundError(f"each tensor of {self.name} is computed once: no call {call}")
        wanted = {layer: self._tensor(layer) for layer in layers}
        session = self._session(set(wanted.values()))
        given = self._as_taken(as_array("inputs", inputs))
        try:
            values = session.run(list(wanted.values()), given)
        except Exception as error:  # onnxruntime has a class for each code, on no common base
            hint = f"it takes {_plain(self.input_shape)}" if self.input_shape else None
            raise UsageError(f"{self.name} doesn't run: {one_line(error)}", hint=hint) from error
        return dict(zip(wanted, values, strict=True))

    def _tensor(self, layer: str) -> str:
        nodes = {node.name: node.output[0] for node in self.model.graph.node if node.output}
        tensors = {name for node in self.model.graph.node for name in node.output if name}
        if layer in tensors:
            return layer
        if layer in nodes and layer:
            return str(nodes[layer])
        hint = nearest(layer, sorted(tensors), "layer")
        raise NotFoundError(f"no layer {layer!r} in {self.name}", hint=hint)

    def _session(self, tensors: set[str]) -> Any:  # noqa: ANN401 - onnxruntime has no types
        onnx, runtime = require("onnx"), require("onnxruntime")
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        known = {each.name for each in model.graph.output}
        for name in sorted(tensors - known):
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        options = runtime.SessionOptions()
        options.log_severity_level = _SILENT
        try:
            return runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            message = f"onnxruntime can't run {self.name}: {one_line(error)}"
            raise UnreadableError(message) from error

    def _as_taken(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        put = _inputs(self.model)[0]
        kind = _TYPES.get(put.type.tensor_type.elem_type)
        if kind is None:
            raise UsageError(f"{self.name} takes no floating point numbers")
        return {put.name: values.astype(kind)}

    def _shapes(self, shape: Shape) -> dict[str, Shape]:
        """What onnx infers the shapes of the tensors to be."""
        onnx = require("onnx")
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for side, number in zip(_inputs(model)[0].type.tensor_type.shape.dim, shape, strict=False):
            side.dim_value = number
        del model.graph.value_info[:]  # the exporter's, of another size
        for each in model.graph.output:
            each.type.tensor_type.ClearField("shape")
        try:
            graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        except Exception:  # noqa: BLE001 - a graph may run whose shapes can't be inferred
            return {}
        found = {}
        for each in (*graph.value_info, *graph.output):
            sides = [side.dim_value for side in each.type.tensor_type.shape.dim]
            if sides and all(sides):
                found[each.name] = tuple(sides)
        return found


def open_onnx(path: Path) -> OnnxNetwork:
    """The graph in a file, with weights that lie in files beside it.

    Raises:
        MissingPackageError: onnx is not installed, or too old to be safe.
        NotFoundError: Nothing is there.
        UnreadableError: It is no ONNX graph, or names files outside of its folder.
        UsageError: It takes something else than one picture.
    """
    if not path.is_file():
        raise NotFoundError(f"no such file: {path}")
    onnx = require("onnx")
    if (version_in(onnx.__version__) or _FIRST_SAFE) < _FIRST_SAFE:
        message = f"onnx {onnx.__version__} lets a graph read any file (CVE-2026-27489)"
        raise MissingPackageError(message, hint='pip install "onnx>=1.21"')
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's and onnx's own
        raise UnreadableError(f"can't read {path}: {one_line(error)}") from error
    inputs = _inputs(model)
    if len(inputs) != 1:
        count = f"{len(inputs)} inputs: {', '.join(each.name for each in inputs)}"
        raise UsageError(f"{path} takes {count}", hint="networks of one picture are shown")
    sides = inputs[0].type.tensor_type.shape.dim
    shape = tuple(side.dim_value or None for side in sides)
    return OnnxNetwork(model, str(path), shape or None)


def _inputs(model: Any) -> list[Any]:  # noqa: ANN401 - onnx has types of its own
    """What goes into the graph: older files list its weights there too."""
    weights = {each.name for each in model.graph.initializer}
    return [each for each in model.graph.input if each.name not in weights]


def _plain(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)
