"""`add_image`: 1280 x 720 as PNG, against OpenCV's encoder as it comes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import ABSENT, Row, alternate, find, ratio, show
from workloads import feature_map, photo

from trainviz_cli import LocalVisBackend
from trainviz_cli.codecs.png import encode_png
from trainviz_cli.writing.files import replace_file

if TYPE_CHECKING:
    from workloads import Picture

ROUNDS = 15


def measure() -> list[Row]:
    """Three rows per picture: the encoder, the whole call, the bytes."""
    pictures = {"photo": photo(), "feature map": feature_map()}
    return [row for name, picture in pictures.items() for row in _measure(name, picture)]


def _measure(name: str, picture: Picture) -> list[Row]:
    operation = f"`add_image`, {name}"
    imencode = find("cv2", "imencode")
    if not imencode:
        return [Row(operation, "time and bytes × OpenCV", ABSENT, "≤ 2 and ≤ 1.2")]
    bgr = picture[:, :, ::-1].copy()
    encoders = [lambda: encode_png(picture), lambda: imencode(".png", bgr)]
    ours, theirs = len(encode_png(picture)), len(imencode(".png", bgr)[1])
    with tempfile.TemporaryDirectory() as folder:
        backend, path = LocalVisBackend(folder), Path(folder, "theirs.png")
        calls = [
            lambda: backend.add_image(name, picture),
            lambda: replace_file(path, imencode(".png", bgr)[1].tobytes()),
        ]
        return [
            ratio(operation, "encoder: time × OpenCV", alternate(encoders, ROUNDS), "≤ 2"),
            ratio(operation, "whole call: time × OpenCV", alternate(calls, ROUNDS), "≤ 2"),
            ratio(operation, "bytes × OpenCV", [[ours], [theirs]], "≤ 1.2"),
        ]


if __name__ == "__main__":
    show(measure())
