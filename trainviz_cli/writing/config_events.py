"""A configuration as TensorBoard shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainviz_cli.analysis.config import flat
from trainviz_cli.codecs import tfbuild
from trainviz_cli.codecs.literals import dump_config
from trainviz_cli.model.run import Text

if TYPE_CHECKING:
    from collections.abc import Mapping


def config_events(config: Mapping[str, object], wall_time: float) -> bytes:
    """Records of the configuration: as text, and as hyperparameters by which runs are compared.

    Args:
        config: Nested, as plain data.
        wall_time: Unix seconds.
    """
    shown = f"```python\n{dump_config(config)}```\n"
    text = tfbuild.text(Text("config", 0, shown), wall_time)
    return text + tfbuild.hparams(flat(config), wall_time)
