"""The layers of a model: which there are, what they give, and which one a name means."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from trainviz_cli.errors import NotFoundError, UsageError
from trainviz_cli.features.addresses import Index, leaves, split_address, written
from trainviz_cli.features.layouts import Layout, Shape, guess_layout
from trainviz_cli.features.one_line import one_line, whereabouts
from trainviz_cli.features.weights import WRAPPED
from trainviz_cli.model.keys import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor, nn


class Output(NamedTuple):
    """One tensor that a layer gives.

    Attributes:
        address: The layer's path with the tensor's index: `stage2[1]`.
        shape: With the batch.
        layout: How it is read; None if it is no map.
    """

    address: str
    shape: Shape
    layout: Layout | None


class LayerRow(NamedTuple):
    """One layer in one forward pass.

    Attributes:
        path: Dotted; empty for the model itself.
        kind: Its class.
        outputs: The tensors of its last call: one, or those in its list or mapping; none if it
            never ran, or gave no tensor.
        calls: How often it ran; 0 for a module whose weights another one uses.
        parameters: How many numbers it learns, with all that is inside of it.
        depth: How many modules it is in.
    """

    path: str
    kind: str
    outputs: tuple[Output, ...]
    calls: int
    parameters: int
    depth: int


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside of DataParallel, DistributedDataParallel and torch.compile.

    Raises:
        UsageError: It is a TorchScript program, which takes no hooks.
    """
    import torch
    from torch import nn

    while True:
        if isinstance(model, torch.jit.ScriptModule):
            hint = "build the model from its code, and load its weights"
            raise UsageError("layers of a TorchScript program can't be looked at", hint=hint)
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif (inner := dict(model.named_children()).get("_orig_mod")) is not None:
            model = inner
        else:
            return model


def find_layer(model: nn.Module, path: str) -> tuple[nn.Module, Index]:
    """The module that a path means, and where in what it gives the tensor is.

    Args:
        model: Wrapped or not; paths begin inside of the wrappers, `module.` before them or not.
        path: `layer4.0.relu`, `stage2[1]`, `backbone['0']`; `[0]` is in what the model gives.

    Raises:
        NotFoundError: There is no such layer; the hint names the nearest.
        UsageError: It is no path.
    """
    from torch import nn

    dotted, index = split_address(path)
    known = _modules_of(unwrap(model))
    found = _known_as(known, dotted)
    # A list of modules gives nothing itself; so `blocks[2]` is one of them.
    while isinstance(found, nn.ModuleList | nn.ModuleDict) and index:
        step = index[0]
        if isinstance(step, int) and step < 0:
            step += len(found)
        dotted, index = f"{dotted}.{step}".removeprefix("."), index[1:]
        found = _known_as(known, dotted)
    if found is None:
        names = [name for name in known if name]
        raise NotFoundError(f"no layer {path!r}", hint=nearest(dotted, names, "layer"))
    if isinstance(found, nn.ModuleList | nn.ModuleDict):
        inside = [f"{dotted}.{name}" for name in dict(found.named_children())]
        hint = nearest(f"{dotted}.", inside, "layer")
        raise NotFoundError(f"{dotted} only holds layers, it is none itself", hint=hint)
    return found, index


def list_layers(model: nn.Module, inputs: Tensor) -> list[LayerRow]:
    """Every layer of a model, as one forward pass goes through it; the model itself comes first.

    It runs in evaluation mode without gradients, and is left as it was. Shapes alone are kept.

    Args:
        model: Wrapped or not.
        inputs: (B, C, H, W).

    Raises:
        UsageError: The forward pass failed.
    """
    names: dict[nn.Module, str] = {}
    for path, module in _modules_of(unwrap(model)).items():
        names.setdefault(module, path)  # one that is in several places is listed once
    given: dict[nn.Module, list[tuple[Index, Shape]]] = {}
    calls = dict.fromkeys(names, 0)

    def note(module: nn.Module, _: object, output: object) -> None:
        calls[module] += 1
        given[module] = [(index, tuple(each.shape)) for index, each in leaves(output)]

    with ExitStack() as hooks:
        for module in names:
            hooks.enter_context(module.register_forward_hook(note))
        run(unwrap(model), inputs)
    batch, size = len(inputs), (inputs.shape[-2], inputs.shape[-1])
    return [
        LayerRow(
            path=name,
            kind=_kind_of(module),
            outputs=tuple(
                Output(f"{name}{written(index)}", shape, guess_layout(shape, batch, size))
                for index, shape in given.get(module, ())
            ),
            calls=calls[module],
            parameters=_count_parameters(module),
            depth=name.count(".") + 1 if name else 0,
        )
        for module, name in names.items()
    ]


def layers_with_maps(rows: Iterable[LayerRow], most: int = 5) -> list[str]:
    """Some layers to look at: those that learn, the least deep and of these the last ones first."""
    found = [
        (row.depth, -place, output.address)
        for place, row in enumerate(rows)
        for output in row.outputs
        if output.layout is not None and row.path and row.parameters
    ]
    return [address for _, _, address in sorted(found)[:most]]


def run(model: nn.Module, inputs: Any) -> object:  # noqa: ANN401 - what its forward takes
    """What a model gives in evaluation mode, without gradients; it is left as it was.

    Args:
        model: Not wrapped.
        inputs: A tensor; a tuple are several arguments, a dict named ones.

    Raises:
        UsageError: The forward pass failed.
    """
    import torch

    arguments = (
        inputs if isinstance(inputs, tuple) else () if isinstance(inputs, dict) else (inputs,)
    )
    named: Mapping[str, Any] = inputs if isinstance(inputs, dict) else {}
    # A compiled part may have been compiled without its hooks, and then never sees them.
    stance = getattr(torch.compiler, "set_stance", nullcontext)("force_eager")
    with _evaluating(model), torch.no_grad(), stance:
        try:
            return model(*arguments, **named)
        except (Exception, SystemExit) as error:  # a forward may be anybody's code
            raise UsageError(
                f"the forward pass failed: {one_line(error)}{whereabouts(error)}",
                hint="does the size of the input fit, and is it the right model?",
            ) from error


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = {module: module.training for module in model.modules()}
    try:
        with suppress(NotImplementedError):  # a program of torch.export has one mode
            model.eval()
        yield
    finally:
        for module, was in training.items():
            module.training = was


def _modules_of(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its dotted path, as if nothing inside were wrapped."""
    return {
        ".".join(part for part in name.split(".") if part not in WRAPPED): module
        for name, module in model.named_modules(remove_duplicate=False)
    }


def _known_as(known: Mapping[str, nn.Module], dotted: str) -> nn.Module | None:
    """The module of a path that may come from a wrapped model."""
    plain = ".".join(part for part in dotted.split(".") if part not in WRAPPED)
    return known.get(plain, known.get(plain.removeprefix("module.")))


def _kind_of(module: nn.Module) -> str:
    """Its class; of a module put back by torch.export, the class it once had."""
    kind = type(module).__name__
    if kind in {"InterpreterModule", "UnflattenedModule"}:
        once = getattr(module, "_ty", None)
        return once.rpartition(".")[2] if isinstance(once, str) else kind
    return kind


def _count_parameters(module: nn.Module) -> int:
    from torch.nn.parameter import UninitializedParameter as Lazy

    return sum(each.numel() for each in module.parameters() if not isinstance(each, Lazy))
