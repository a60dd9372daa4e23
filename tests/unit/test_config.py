"""`config.py` from everything a training script holds its configuration in."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections import OrderedDict, UserDict
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from trainviz_cli import LocalVisBackend
from trainviz_cli.codecs.literals import load_config
from trainviz_cli.writing.config import config_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS: dict[str, Any] = {
    "betas": (0.9, 0.999),
    "lr": 1e-05,
    "model": {"depth": 50, "layers": [1, 2], "type": "ResNet"},
    "name": "é\n\"'",
    "resume": None,
    "shuffle": True,
}
# the same for formats that have neither tuples nor null
SIMPLE = {key: SETTINGS[key] for key in ("lr", "model", "name", "shuffle")}
TOML = """
lr = 1e-05
name = "é\\n\\"'"
shuffle = true
[model]
depth = 50
layers = [1, 2]
type = "ResNet"
"""


@dataclass
class Model:
    """A part of a config."""

    depth: int = 50
    layers: list[int] = field(default_factory=lambda: [1, 2])
    type: str = "ResNet"


@dataclass(frozen=True)
class Settings:
    """A config that is a dataclass."""

    betas: tuple[float, float] = (0.9, 0.999)
    lr: float = 1e-05
    model: Model = field(default_factory=Model)
    name: str = "é\n\"'"
    resume: str | None = None
    shuffle: bool = True


class DumpingConfig:
    """What is used of MMEngine's `Config`: its text, which is JSON if a JSON file was loaded."""

    def __init__(self, values: dict[str, Any], filename: str | None = None) -> None:
        self._values = values
        self.filename = filename

    @property
    def pretty_text(self) -> str:
        """The config as Python."""
        return "".join(f"{key} = {value!r}\n" for key, value in self._values.items())

    def to_dict(self) -> dict[str, Any]:
        """The config as plain data."""
        return self._values

    def dump(self, file: str | Path | None = None) -> str | None:
        """The config's text, as Python unless it came from a file of another kind."""
        if file is not None:
            Path(file).write_text(self.pretty_text, encoding="utf-8")
            return None
        is_python = self.filename is None or self.filename.endswith(".py")
        return self.pretty_text if is_python else json.dumps(self._values)


@pytest.mark.parametrize(
    "config",
    [
        SETTINGS,
        OrderedDict(reversed(SETTINGS.items())),
        MappingProxyType(SETTINGS),
        UserDict(SETTINGS),
        Namespace(**SETTINGS),
        Settings(),
        DumpingConfig(SETTINGS),
        DumpingConfig(SETTINGS, "settings.py"),
    ],
    ids=lambda config: type(config).__name__,
)
def test_configs_in_memory(tmp_path: Path, config: object) -> None:
    """A mapping, Namespace, dataclass or MMEngine config reads back as the values it holds."""
    LocalVisBackend(tmp_path).add_config(config)
    assert load_config((tmp_path / "config.py").read_text(encoding="utf-8")) == SETTINGS


@pytest.mark.parametrize("as_path", [str, Path])
@pytest.mark.parametrize(
    ("name", "text"),
    [("c.json", json.dumps(SIMPLE, ensure_ascii=False)), ("c.toml", TOML), ("c.py", None)],
)
def test_config_files(
    tmp_path: Path, as_path: Callable[[Path], str | Path], name: str, text: str | None
) -> None:
    """A JSON, TOML or Python file, named by text or path, reads back as the values it holds."""
    (tmp_path / name).write_text(text or config_bytes(SIMPLE).decode(), encoding="utf-8")
    LocalVisBackend(tmp_path / "run").add_config(as_path(tmp_path / name))
    assert load_config((tmp_path / "run" / "config.py").read_text(encoding="utf-8")) == SIMPLE


def test_values_without_a_file_format_of_their_own(tmp_path: Path) -> None:
    """NaN and infinities of a JSON file, and a date of a TOML file, are kept."""
    (tmp_path / "c.json").write_text('{"a": NaN, "b": -Infinity}')
    (tmp_path / "c.toml").write_text("a = nan\nb = -inf\nday = 2026-01-31")
    for name in ("c.json", "c.toml"):
        values = load_config(config_bytes(tmp_path / name).decode())
        assert str(values.pop("a")) == "nan"
        assert values.pop("b") == -math.inf
        assert not values or values["day"] == "datetime.date(2026, 1, 31)"


@pytest.mark.parametrize(
    "content",
    [
        b"# a comment\nlr   =  1e-3  # kept\n\nmodel = dict(type='ResNet')\nx = func(lr)",
        "name = 'é'\n".encode(),
        b"lr = 1\r\nmomentum = 2\r\n",
        b"\xef\xbb\xbflr = 1\n",
        b"# -*- coding: latin-1 -*-\nname = '\xe9'\n",
        b"",
    ],
    ids=["comments", "UTF-8", "CRLF", "byte order mark", "coding", "empty"],
)
def test_a_python_file_is_taken_verbatim(tmp_path: Path, content: bytes) -> None:
    """A Python file is copied to the byte: comments, layout, line ends, encoding."""
    (tmp_path / "c.py").write_bytes(content)
    LocalVisBackend(tmp_path / "run").add_config(tmp_path / "c.py")
    assert (tmp_path / "run" / "config.py").read_bytes() == content


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """A JSON file with a byte order mark, as Windows tools write it, is read."""
    (tmp_path / "c.json").write_bytes(b'\xef\xbb\xbf{"lr": 1}')
    assert load_config(config_bytes(tmp_path / "c.json").decode()) == {"lr": 1}


@pytest.mark.parametrize("filename", ["settings.json", "settings.yaml"])
def test_an_mmengine_config_that_came_from_json(filename: str) -> None:
    """MMEngine's config is Python text here whatever file it was loaded from, as it writes it."""
    assert load_config(config_bytes(DumpingConfig(SIMPLE, filename)).decode()) == SIMPLE


def test_a_mapping_that_can_dump() -> None:
    """A mapping with a method or a key called `dump` is a mapping."""

    class Dumping(UserDict[str, int]):
        def dump(self) -> str:
            return "lr = 0\n"

    assert load_config(config_bytes(Dumping(lr=1)).decode()) == {"lr": 1}
    assert load_config(config_bytes(Namespace(dump=1)).decode()) == {"dump": 1}


def test_a_newer_config_replaces_the_older(tmp_path: Path) -> None:
    """The file holds the last config given, whole."""
    vis = LocalVisBackend(tmp_path)
    vis.add_config({"lr": 1, "long": "x" * 1000})
    vis.add_config({"lr": 2})
    assert (tmp_path / "config.py").read_text() == "lr = 2\n"


def itself() -> dict[str, object]:
    """A config that holds itself."""
    config: dict[str, object] = {}
    config["self"] = config
    return config


@pytest.mark.parametrize(
    ("config", "error"),
    [
        *((object(), TypeError), (None, TypeError), (3, TypeError), ([1, 2], TypeError)),
        *((Settings, TypeError), (np.zeros(2), TypeError), (json, TypeError)),
        *((SimpleNamespace(dump="text"), TypeError), (itself(), ValueError)),
    ],
    ids=lambda case: repr(case)[:20],
)
def test_what_is_no_config(tmp_path: Path, config: object, error: type[Exception]) -> None:
    """Anything else is refused, and an older file stays as it was."""
    vis = LocalVisBackend(tmp_path)
    vis.add_config({"lr": 1})
    with pytest.raises(error):
        vis.add_config(config)
    assert (tmp_path / "config.py").read_text() == "lr = 1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("c.json", b"{"), ("c.json", b"[1]"), ("c.json", b"null"), ("c.toml", b"lr =")),
        *(("c.yaml", b"lr: 1"), ("c", b""), ("c.json", b"\xff")),
    ],
    ids=["json", "json list", "json null", "toml", "yaml", "no ending", "no UTF-8"],
)
def test_files_that_are_no_config(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that can't be parsed, or of another kind, is refused and nothing is created."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"\w"):
        LocalVisBackend(tmp_path / "run").add_config(tmp_path / name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000], ids=lambda text: text[:2])
def test_an_unparsable_file_is_named(tmp_path: Path, content: bytes) -> None:
    """The error about a file that can't be parsed says which file it is."""
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"c\.json"):
        config_bytes(tmp_path / "c.json")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A path without a file is the system's own error, with the name."""
    with pytest.raises(FileNotFoundError, match=r"c\.py"):
        config_bytes(str(tmp_path / "c.py"))
