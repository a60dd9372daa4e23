"""torchvision and timm for tests, where a torch for the CPU alone is beside PyPI's torchvision.

That torchvision is the CUDA build: its library can't be loaded, so its operators are missing, and
it can't be imported. Declared here, without code, they let everything work that doesn't use them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPERATORS = ("nms", "qnms")  # those for which torchvision registers more when it is imported
_declared: list[torch.library.Library] = []  # an operator lives as long as its library


def _is_cuda_build() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    return "+cu" in Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")


if torch.version.cuda is None and _is_cuda_build():
    _library = torch.library.Library("torchvision", "DEF")
    for _name in _OPERATORS:
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(_library)


def _needs(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_torchvision = _needs("torchvision")
needs_timm = _needs("torchvision", "timm")
needs_onnx = _needs("onnx", "onnxruntime")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks in one thread: where others work too, two wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
