"""What layers give while a model runs, in training or on one picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from trainviz_cli.errors import NotFoundError, TrainvizError, UsageError
from trainviz_cli.features.addresses import Index, pick, split_address
from trainviz_cli.features.layers import find_layer, run, unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle

_KINDS = ("output", "input", "gradient")


@dataclass(eq=False)
class _Layer:
    """A layer that is recorded, and what is kept of it in the recorded step."""

    path: str
    module: nn.Module
    index: Index
    calls: int = 0
    kept: Tensor | TrainvizError | None = None
    kept_call: int = 0

    def keep(self, value: Tensor, call: int) -> None:
        # Gradients of several calls come last call first.
        if call >= self.kept_call:
            self.kept, self.kept_call = value.detach().clone(), call

    def forget(self) -> None:
        self.calls, self.kept, self.kept_call = 0, None, 0


class FeatureRecorder:
    """What some layers of a model give, while it is used as a context manager.

        with FeatureRecorder(model, ["layer4"], every=100) as recorder:
            for step, batch in enumerate(loader):
                loss = criterion(model(batch), ...)
                if recorder.fresh:
                    drawn = visualizer.draw_featmap(recorder["layer4"][0])
                    visualizer.add_image("layer4", drawn, step)

    The values are clones: what follows may overwrite the layer's own memory, as ReLU in place does.
    One value per layer is kept, of the last step that was recorded, on the layer's device and in
    its precision; mixed precision gives half floats, and gradients times the scale of the loss. The
    model is not changed, its mode neither.

    A step is one forward pass of `model`, as it was handed over. Of a model in DataParallel on
    several devices, the part of one of them is kept. Activation checkpointing runs layers a second
    time, and counts so. torch.compile sees hooks only when it compiles: begin recording before the
    compiled model's first call. Gradients break its graph, which `fullgraph=True` forbids. Programs
    of TorchScript take no hooks.

    Args:
        model: Wrapped in DataParallel, DistributedDataParallel or torch.compile, or not.
        layers: Paths as `find_layer` takes them.
        kind: What is kept: what the layer gives, what it is given, or the loss's gradient with
            respect to what it gives; that is there after `backward()`.
        every: Of how many steps one is recorded: the first, and each so many after it.
        call: Which call in a step is kept of a layer that runs several times, from 1; None keeps
            the last.

    Raises:
        NotFoundError: There is no such layer.
        UsageError: A number is below 1, the kind is unknown, or the model is of TorchScript.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str],
        kind: Literal["output", "input", "gradient"] = "output",
        every: int = 1,
        call: int | None = None,
    ) -> None:
        if kind not in _KINDS:
            raise UsageError(f"kind is one of {', '.join(_KINDS)}, not {kind!r}")
        if every < 1 or (call is not None and call < 1):
            raise UsageError("steps and calls are counted from 1")
        if isinstance(layers, str):
            layers = [layers]
        self._model, self._kind, self._every, self._call = model, kind, every, call
        inner = unwrap(model)
        self._layers = {
            layer: _Layer(split_address(layer)[0], *find_layer(inner, layer)) for layer in layers
        }
        self._forwards = 0
        self._recording = True  # also what runs before the model does as a whole
        self._hooks: list[RemovableHandle] = []
        self._awaited: list[RemovableHandle] = []  # on tensors whose gradient is not known yet

    @property
    def fresh(self) -> bool:
        """Whether the step that runs, or ran last, is recorded."""
        return self._recording

    def calls(self, layer: str) -> int:
        """How often a layer ran in the recorded step."""
        return self._recorded(layer).calls

    def __getitem__(self, layer: str) -> Tensor:
        """What was kept of a layer, detached; the same memory on each request.

        Raises:
            NotFoundError: The layer was not asked for, did not run, or not as often.
            UsageError: It gives no tensor, or several.
        """
        found = self._recorded(layer)
        if found.kept is None:
            raise self._nothing(found)
        if isinstance(found.kept, TrainvizError):
            raise found.kept
        return found.kept

    def __enter__(self) -> Self:
        if self._hooks:
            raise RuntimeError("this recorder records already")
        try:
            self._hooks.append(self._model.register_forward_pre_hook(self._begin_step))
            for layer in self._layers.values():
                self._hooks.append(self._hook(layer))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop recording; what was kept stays."""
        for hook in (*self._hooks, *self._awaited):
            hook.remove()
        self._hooks.clear()
        self._awaited.clear()

    def _hook(self, layer: _Layer) -> RemovableHandle:
        if self._kind == "input":
            hook = partial(self._take_input, layer)
            return layer.module.register_forward_pre_hook(hook, with_kwargs=True)
        return layer.module.register_forward_hook(partial(self._take_output, layer))

    def _begin_step(self, *_: object) -> None:
        self._recording = self._forwards % self._every == 0
        self._forwards += 1
        if self._recording:
            for hook in self._awaited:
                hook.remove()
            self._awaited.clear()
            for layer in self._layers.values():
                layer.forget()

    def _take_input(
        self, layer: _Layer, _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        given: Any = dict(enumerate(arguments)) | named
        self._take(layer, arguments[0] if len(given) == len(arguments) == 1 else given)

    def _take_output(self, layer: _Layer, _: nn.Module, __: object, output: object) -> None:
        self._take(layer, output)

    def _take(self, layer: _Layer, value: object) -> None:
        """Keep the tensor in a value, or what is wrong with it: a hook must not end training."""
        if not self._recording:
            return
        layer.calls += 1
        if self._call not in {None, layer.calls}:
            return
        try:
            tensor = pick(value, layer.index, layer.path)
        except TrainvizError as error:
            layer.kept = error
            return
        if self._kind != "gradient":
            layer.keep(tensor, layer.calls)
        elif tensor.requires_grad:
            # On the tensor: a module's own backward hook would make what it gives a view, which a
            # ReLU in place behind it may not write to.
            self._awaited.append(tensor.register_hook(partial(layer.keep, call=layer.calls)))

    def _recorded(self, layer: str) -> _Layer:
        found = self._layers.get(layer)
        if found is None:
            names = ", ".join(self._layers)
            raise NotFoundError(f"{layer!r} is not recorded", hint=f"recorded: {names}")
        return found

    def _nothing(self, layer: _Layer) -> NotFoundError:
        """Why nothing was kept of a layer."""
        path = layer.path
        if not self._forwards and not layer.calls:
            return NotFoundError("the model has not run since recording began")
        if not layer.calls:
            return NotFoundError(f"{path} never ran", hint=self._why_never(path))
        if self._call is not None and self._call > layer.calls:
            times = "once" if layer.calls == 1 else f"{layer.calls} times"
            return NotFoundError(f"{path} ran {times}: there is no call {self._call}")
        hint = "call backward() while it records, with gradients enabled"
        return NotFoundError(f"no gradient has reached {path}", hint=hint)

    def _why_never(self, path: str) -> str:
        if any("_orig_mod" in dict(each.named_children()) for each in self._model.modules()):
            return "a compiled model sees hooks only if recording began before its first call"
        parent = path.rpartition(".")[0]
        where = f"{parent}, which it is in" if parent else "the model"
        return f"{where} may use its weights without calling it, or have left it out this time"


def activations(
    model: nn.Module,
    inputs: Any,  # noqa: ANN401 - what its forward takes
    layers: Sequence[str],
    call: int | None = None,
) -> dict[str, Tensor]:
    """What each layer gives in one forward pass, in evaluation mode and without gradients.

    Args:
        model: Wrapped or not; run without its wrapper, and left as it was.
        inputs: A tensor; a tuple are several arguments, a dict named ones.
        layers: Paths as `find_layer` takes them.
        call: Of a layer that runs several times, from 1; None is the last.

    Raises:
        NotFoundError: There is no such layer, or it did not run, or not as often.
        UsageError: It gives no tensor, or several; or the forward pass failed.
    """
    inner = unwrap(model)
    with FeatureRecorder(inner, layers, call=call) as recorder:
        run(inner, inputs)
    return {layer: recorder[layer] for layer in layers}
