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


def config_bytes(config: object) -> bytes:
    """The configuration as Python assignments, in UTF-8.

    Args:
        config: A mapping, dataclass or `argparse.Namespace`; an object with MMEngine's
            `Config.dump`; or the path of a `.py` (taken as it is), `.json` or `.toml` file.

    Raises:
        TypeError: It is none of these.
        ValueError: It refers to itself, or the file can't be parsed.
        OSError: The file can't be read.
    """
    if isinstance(config, str | os.PathLike):
        return _file_bytes(Path(config))
    return _text(config).encode()


def _text(config: object) -> str:
    if isinstance(config, Mapping):
        return dump_config(config)
    if isinstance(config, argparse.Namespace):
        return dump_config(vars(config))
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = dataclasses.fields(config)
        return dump_config({field.name: getattr(config, field.name) for field in fields})
    # MMEngine's dump is Python only if its config came from a Python file; this always is.
    if isinstance(text := getattr(config, "pretty_text", None), str):
        return text
    if callable(dump := getattr(config, "dump", None)):
        return str(dump())
    raise TypeError(
        f"a config is a mapping, dataclass, Namespace or path, not {type(config).__name__}"
    )


def _file_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".py":
        return content
    parse = {".json": json.loads, ".toml": tomllib.loads}.get(path.suffix)
    if parse is None:
        raise ValueError(f"{path} is no .py, .json or .toml file")
    try:
        values = parse(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} can't be parsed: {error}") from None
    if not isinstance(values, Mapping):
        raise ValueError(f"{path} holds a {type(values).__name__}, not a mapping")  # noqa: TRY004 - the file's content is wrong, not the argument's type
    return dump_config(values).encode()
