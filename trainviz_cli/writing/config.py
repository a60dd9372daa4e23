"""The text of `config.py`, from whatever a training script holds its configuration in."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from trainviz_cli.codecs.literals import dump_config


def config_text(config: object) -> str:
    """The configuration as Python assignments.

    Args:
        config: A mapping, dataclass or `argparse.Namespace`; an object with MMEngine's
            `Config.dump`; or the path of a `.py` (taken as it is), `.json` or `.toml` file.

    Raises:
        TypeError: It is none of these.
        ValueError: It refers to itself, or the file can't be parsed.
        OSError: The file can't be read.
    """
    if isinstance(config, str | os.PathLike):
        return _file_text(Path(config))
    if isinstance(config, Mapping):
        return dump_config(config)
    if isinstance(config, argparse.Namespace):
        return dump_config(vars(config))
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = dataclasses.fields(config)
        return dump_config({field.name: getattr(config, field.name) for field in fields})
    if callable(dump := getattr(config, "dump", None)):
        return str(dump())
    raise TypeError(
        f"a config is a mapping, dataclass, Namespace or path, not {type(config).__name__}"
    )


def _file_text(path: Path) -> str:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".py":
        return text
    if path.suffix == ".json":
        return dump_config(_mapping(path, json.loads(text)))
    if path.suffix == ".toml":
        return dump_config(tomllib.loads(text))
    raise ValueError(f"{path} is no .py, .json or .toml file")


def _mapping(path: Path, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} holds a {type(value).__name__}, not a mapping")  # noqa: TRY004 - the file's content is wrong, not the argument's type
    return value
