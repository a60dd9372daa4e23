"""`trainviz featmap`: whole processes, from a checkpoint and a picture to a PNG."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring import ABSENT, Row, find, judged, processes, python, show

ROUNDS = 5
REPOSITORY = str(Path(__file__).parents[1])
# Beside a torch for the CPU alone, PyPI's torchvision has to be told of operators it lacks.
BEGIN = (
    f"import sys; sys.path.insert(0, {REPOSITORY!r})\nimport tests.unit.torchvision_here\n"
    "import torch, torchvision\n"
)
MAKE = f"""{BEGIN}
from pathlib import Path
from PIL import Image
folder = Path(sys.argv[1])
torch.save(torchvision.models.resnet18().state_dict(), folder / "resnet18.pth")
picture = Image.effect_mandelbrot((4000, 3000), (-3, -2.5, 2, 2.5), 100).convert("RGB")
picture.save(folder / "photo.jpg")
picture.resize((640, 480)).save(folder / "small.jpg")
"""
COMMAND = f"""{BEGIN}
from trainviz_cli.cli import run_trainviz
sys.argv = ["trainviz", "featmap", *sys.argv[1:]]
run_trainviz()
"""


def measure() -> list[Row]:
    """The command against the import of its libraries, and on a photo of 12 megapixels."""
    operation = "`featmap`, resnet18, 640 × 480"
    if not find("importlib.util", "find_spec")("torchvision"):
        return [Row(operation, "wall × import of torchvision", ABSENT, "≤ 1")]
    with tempfile.TemporaryDirectory() as folder:
        processes([python(MAKE, folder)], 0)
        network, output = f"{folder}/resnet18.pth", f"{folder}/out.png"
        layer = ["--layer", "layer4", "-o", output]
        begin, small, photo = processes(
            [
                python(BEGIN),
                python(COMMAND, network, f"{folder}/small.jpg", *layer),
                python(COMMAND, network, f"{folder}/photo.jpg", *layer, "--topk", "5"),
            ],
            ROUNDS,
        )
    allowed = [1.25 * wall + 1.5 for wall in begin.wall]
    shares = [wall / most for wall, most in zip(small.wall, allowed, strict=True)]
    compared = "wall ÷ (1.25 × import of torch and torchvision + 1.5 s)"
    photo_name = "`featmap --topk 5`, 4000 × 3000"
    return [
        judged(operation, compared, shares, "≤ 1"),
        judged(photo_name, "wall", photo.wall, "≤ 4", " s"),
        judged(photo_name, "peak memory", photo.peak, "≤ 1500", " MB"),
    ]


if __name__ == "__main__":
    sys.path.insert(0, REPOSITORY)
    show(measure())
