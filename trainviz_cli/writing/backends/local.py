"""The minimal writer: a run as plain files, in MMEngine's layout.

    save_dir/scalars.json                  JSON Lines, one record per call
    save_dir/scalars.times                 when: {"offset": byte, "time": unix}, ≤ 10 a second
    save_dir/config.py                     the configuration, as Python literals
    save_dir/vis_image/<name>_<step>.png   pictures
    save_dir/graph.txt                     the model's tree of modules

docs/run-directory.md has it byte by byte. Source: mmengine 0.10.7, visualization/vis_backend.py.
"""

from __future__ import annotations

import json
import operator
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

import orjson

from trainviz_cli.codecs.json_text import PLAIN_FROM, PLAIN_TO, scalar_text, value_text
from trainviz_cli.writing.backend import BaseVisBackend
from trainviz_cli.writing.files import AppendFile, replace_file
from trainviz_cli.writing.scalar_file import ScalarFile

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

_MOST_CACHED = 10_000
_GRAPH_FILE = "graph.txt"


class LocalVisBackend(BaseVisBackend):
    """Writes a run into a folder, one `write(2)` per record before the call returns.

    Nothing is created before the first call, and nothing is lost when the process dies. Threads,
    forked children and several processes may write to one folder. In a distributed training only
    rank 0 writes; which rank this is, is asked when the files are opened. After `close()`, the next
    call opens them again.

    Args:
        save_dir: The run directory; made, with its parents, at the first write, which fails
            without one.
        img_save_dir: Its folder for pictures.
        config_save_file: Its file for the configuration; ends in `.py`.
        scalar_save_file: Its file for scalars; ends in `.json`.
        all_ranks: Write in every process of a distributed training, not only in rank 0; also for
            trainings that a launcher starts side by side, each by itself.
        fsync_every_s: Also wait for the disk when this many seconds have passed since the last
            time, so that a power cut loses no more. None leaves it to the system until `close()`.

    Raises:
        ValueError: A file name without its ending.
    """

    def __init__(
        self,
        save_dir: str | PathLike[str] | None,
        img_save_dir: str = "vis_image",
        config_save_file: str = "config.py",
        scalar_save_file: str = "scalars.json",
        *,
        all_ranks: bool = False,
        fsync_every_s: float | None = None,
    ) -> None:
        _check_ending("config_save_file", config_save_file, ".py")
        _check_ending("scalar_save_file", scalar_save_file, ".json")
        super().__init__(save_dir)
        self._names = img_save_dir, config_save_file, scalar_save_file
        self.all_ranks = all_ranks
        self._fsync_every_s = fsync_every_s
        self._heads: dict[str, bytes] = {}
        self._templates: dict[tuple[str, ...], bytes] = {}
        self._extra_files: dict[str, AppendFile] = {}
        self._scalar_files: dict[Path, ScalarFile] = {}

    def add_scalar(self, name: str, value: object, step: int = 0, **_: object) -> None:
        """Appends `{"<name>": value, "step": step}`.

        Args:
            name: Any name but `step`.
            value: A number, or a NumPy, torch or JAX scalar; NaN and infinities stay what they are.
                As in MMEngine, also anything else that JSON can hold.
            step: The training step it belongs to.

        Raises:
            TypeError: It is an array of several, or nothing JSON can hold; nothing was written.
            ValueError: The name is `step`, which would lose the value.
            WriteError: The disk is full or the folder can't be written.
        """
        head = self._heads.get(name) or self._head(name)
        if type(value) is float and PLAIN_FROM <= value < PLAIN_TO:
            text = orjson.dumps(value)
        else:
            text = scalar_text(value)
        self._append(b"".join((head, text, b', "step": ', scalar_text(step), b"}\n")))

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **_: object,
    ) -> None:
        """Appends all values as one record; a `step` among them wins over the argument.

        Args:
            scalar_dict: Name → anything JSON can hold, and scalars or arrays of NumPy, torch, JAX.
            step: The training step they belong to.
            file_path: One more JSON Lines file below the run directory to append the record to.

        Raises:
            TypeError: A value can't be written as JSON; nothing has been written.
            ValueError: `file_path` is no `.json` file of its own inside the run directory.
            WriteError: The disk is full or the folder can't be written.
        """
        if not isinstance(scalar_dict, Mapping):
            raise TypeError(f"add_scalars takes a mapping, not {type(scalar_dict).__name__}")
        texts = [
            orjson.dumps(value)
            if type(value) is float and PLAIN_FROM <= value < PLAIN_TO
            else value_text(value)
            for value in scalar_dict.values()
        ]
        if "step" not in scalar_dict:
            texts.append(scalar_text(step))
        shape = tuple(scalar_dict)
        template = self._templates.get(shape) or self._template(shape)
        line = template % tuple(texts)
        if file_path is not None:
            self._append_extra(file_path, line)
        self._append(line)

    def add_image(self, name: str, image: object, step: int = 0, **_: object) -> None:
        """Stores a picture as `<name>_<step>.png`, replacing one of that name and step.

        Args:
            name: May contain `/`, which makes sub-folders.
            image: `(H, W)` or `(H, W, 1|3|4)` uint8, or float in 0..1, RGB; a torch tensor in CHW;
                a PIL image.
            step: The training step it belongs to.

        Raises:
            TypeError: It is no picture.
            ValueError: A shape or range no picture has, or a name that leaves the folder.
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.codecs.png import encode_png
        from trainviz_cli.imaging.pixels import to_rgb

        path = self._img_save_dir / f"{_inside(name)}_{operator.index(step)}.png"
        pixels = to_rgb(image)
        if self._writes():
            self._scalar_file()
            replace_file(path, encode_png(pixels))

    def add_config(self, config: object, **_: object) -> None:
        """Stores the configuration as Python literals, replacing an older one.

        Args:
            config: A mapping, dataclass or `argparse.Namespace`; an object with MMEngine's
                `Config.dump`; or the path of a `.py`, `.json` or `.toml` file.

        Raises:
            TypeError: It is none of these.
            ValueError: It refers to itself, or the file can't be parsed.
            OSError: The file can't be read.
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.writing.config import config_bytes

        content = config_bytes(config)
        if self._writes():
            self._scalar_file()
            replace_file(self._config_save_file, content)

    def add_graph(self, model: object, data_batch: object = None, **_: object) -> None:
        """Stores a model's tree of modules as `graph.txt`, replacing an older one.

        Args:
            model: A `torch.nn.Module`, or anything that prints what it is made of.
            data_batch: Ignored: nothing is run.

        Raises:
            WriteError: The disk is full or the folder can't be written.
        """
        from trainviz_cli.writing.graph import module_tree

        del data_batch
        if self._writes():
            self._scalar_file()
            replace_file(self._folder() / _GRAPH_FILE, module_tree(model).encode())

    def close(self) -> None:
        """Waits until the disk has every record, and gives the descriptors back."""
        files: list[ScalarFile | AppendFile] = [
            *self._scalar_files.values(),
            *self._extra_files.values(),
        ]
        self._scalar_files, self._extra_files = {}, {}
        with ExitStack() as closing:
            for file in files:
                closing.callback(file.close)
            for file in files:
                file.sync()

    def __getstate__(self) -> dict[str, object]:
        """A copy, or what is sent to another process, opens its own files."""
        return self.__dict__ | {"_scalar_files": {}, "_extra_files": {}}

    # The names are MMEngine's: its users' subclasses know them.
    @cached_property
    def _img_save_dir(self) -> Path:
        return self._folder() / self._names[0]

    @cached_property
    def _config_save_file(self) -> Path:
        return self._folder() / self._names[1]

    @cached_property
    def _scalar_save_file(self) -> Path:
        return self._folder() / self._names[2]

    def _append(self, line: bytes) -> None:
        file = self._scalar_files.get(self._scalar_save_file)
        if file is None:
            if not self._writes():
                return
            file = self._scalar_file()
        file.append(line)

    def _scalar_file(self) -> ScalarFile:
        """The scalar log, which every run has: by it readers know the folder for one."""
        file = self._scalar_files.get(self._scalar_save_file)
        if file is None:
            opened = ScalarFile(self._scalar_save_file, self._fsync_every_s)
            # Two threads may come here at once: the dictionary decides, without a lock that a
            # fork could copy while it is held.
            file = self._scalar_files.setdefault(self._scalar_save_file, opened)
            if file is not opened:
                opened.close()
        return file

    def _append_extra(self, name: str, line: bytes) -> None:
        _check_ending("file_path", name, ".json")
        path = self._folder() / _inside(name)
        if path == self._scalar_save_file:
            raise ValueError(f"file_path {name!r} is the scalar file itself")
        if not self._writes():
            return
        file = self._extra_files.get(name)
        if file is None:
            opened = AppendFile(path)
            file = self._extra_files.setdefault(name, opened)
            if file is not opened:
                opened.close()
        file.append(line)
        if self._fsync_every_s is not None:
            file.sync_if_due(self._fsync_every_s, time.time())

    def _head(self, name: str) -> bytes:
        if not isinstance(name, str):
            raise TypeError(f"a scalar's name is a str, not {type(name).__name__}")
        if name == "step":
            raise ValueError("a scalar can't be named 'step': the record's own step would hide it")
        return _cached(self._heads, name, f"{{{json.dumps(name)}: ".encode())

    def _template(self, names: tuple[str, ...]) -> bytes:
        """The record of these names with `%b` for each value."""
        shown = names if "step" in names else (*names, "step")
        # json.dumps also says how names that are no strings are written, and which can't be.
        keys = [json.dumps({name: 0})[1:-2].replace("%", "%%") for name in shown]
        template = f"{{{', '.join(f'{key}%b' for key in keys)}}}\n".encode()
        # 1 and True are equal names to Python, but not to JSON.
        plain = all(type(name) is str for name in names)
        return _cached(self._templates, names, template) if plain else template


def _cached(cache: dict[Any, bytes], key: object, text: bytes) -> bytes:
    if len(cache) >= _MOST_CACHED:
        cache.clear()
    cache[key] = text
    return text


def _check_ending(argument: str, name: str, ending: str) -> None:
    if not name.endswith(ending):
        raise ValueError(f"{argument} must end in {ending}: {name!r}")


def _inside(name: str) -> str:
    """The name, if it stays inside the folder it will be joined to.

    Raises:
        ValueError: It is empty, absolute, holds NUL or goes up.
    """
    parts = re.split(r"[/\\]", name)
    if not name or "\0" in name or not parts[0] or ".." in parts or PureWindowsPath(name).drive:
        raise ValueError(f"{name!r} is no name inside a folder")
    return name
