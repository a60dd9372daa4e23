"""A configuration as TensorBoard shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.analysis.config import flat, value_text
from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.literals import dump_config
from trainviz_cli.model.run import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

_FLOAT_BITS = 1023  # of integers that a float can hold


def config_events(config: Mapping[str, object], wall_time: float) -> bytes:
    """Records of the configuration: as text, and as hyperparameters by which runs are compared.

    Args:
        config: Nested, as plain data.
        wall_time: Unix seconds.
    """
    shown = f"```python\n{dump_config(config)}```\n"
    text = tfbuild.text(Text("config", 0, shown), wall_time)
    return text + hparams_event(config, wall_time)


def hparams_event(config: Mapping[str, object], wall_time: float) -> bytes:
    """The configuration as hyperparameters alone."""
    values = {name: _hparam(value) for name, value in flat(config).items()}
    return tfbuild.hparams(values, wall_time)


def _hparam(value: object) -> bool | float | str:
    """The value as TensorBoard can hold it."""
    if isinstance(value, bool | float | str):
        return value
    if isinstance(value, int) and value.bit_length() <= _FLOAT_BITS:
        return value
    return value_text(value)
