"""A writer to Weights & Biases, with MMEngine's method names. Source: wandb 0.31, sdk/."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import MissingPackageError, WriteError
from trainviz_cli.writing.backend import BaseVisBackend
from trainviz_cli.writing.files import write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

# wandb itself waits 90 seconds for a run to begin, and for ever for it to end.
_BOUNDS = {"init_timeout": 30.0, "finish_timeout": 600.0, "finish_timeout_raises": True}
_PATIENCE = 20  # so what fails holds a training up for a twentieth of its time at most
_LOCKS: dict[int, RLock] = {}  # by process: a fork may copy one while it is held


class WandbVisBackend(BaseVisBackend):
    """Logs a run to Weights & Biases, every value with its `step`, which is the charts' x axis.

    Nothing is imported or begun before the first call. A run that is already active in the process
    is used, and left open; a run begun here isn't shared with copies and forked children. In a
    distributed training only rank 0 writes. wandb never asks for a key on the terminal. A run that
    can't be begun raises `WriteError` at every call; it is tried again when 20 times as long has
    passed as it took to fail. A run that breaks raises `OSError`, or an error of wandb's.

    Args:
        save_dir: The folder in which wandb makes its `wandb`; where wandb wants it without one.
        init_kwargs: Arguments of `wandb.init`: `dict(project="detection", mode="offline")`. Where
            neither they nor the environment say otherwise, a run has 30 seconds to begin, to which
            wandb adds ten, and at its end 10 minutes to arrive.
        define_metric_cfg: Name → summary, `{"coco/bbox_mAP": "max"}`; or a list of arguments of
            `define_metric`, whose `step_metric` is `step` if they name none.
        commit: Whether each call makes a row; else one gathers, until `experiment.log` commits it.
        log_code_name: Names an artifact of all Python files below the working directory, made when
            a configuration is added. Unlike in MMEngine, none is made without it.
        watch_kwargs: Arguments of `wandb.watch`.
        all_ranks: Write a run in every process of a distributed training.

    Raises:
        ValueError: `define_metric_cfg` is nothing of the kind.
    """

    def __init__(
        self,
        save_dir: str | os.PathLike[str] | None = None,
        init_kwargs: Mapping[str, Any] | None = None,
        define_metric_cfg: Mapping[str, str] | Sequence[Mapping[str, Any]] | None = None,
        commit: bool = True,  # noqa: FBT001, FBT002 - MMEngine's signature
        log_code_name: str | None = None,
        watch_kwargs: Mapping[str, Any] | None = None,
        *,
        all_ranks: bool = False,
    ) -> None:
        super().__init__(save_dir)
        self.all_ranks = all_ranks
        self._init_kwargs = {"dir": save_dir, **(init_kwargs or {})}
        self._metrics = _metrics(define_metric_cfg or {})
        self._commit = commit
        self._log_code_name = log_code_name
        self._watch_kwargs = dict(watch_kwargs or {})
        self._runs: dict[int, tuple[Any, bool]] = {}  # by process, and whether it was begun here
        self._failure, self._retry_at = "", 0.0

    @property
    def experiment(self) -> Any:  # noqa: ANN401 - wandb need not be installed
        """The module `wandb` with an active run, a disabled one on ranks that don't write."""
        self._init_env()
        return self._wandb

    def add_scalar(self, name: str, value: object, step: int = 0, **_: object) -> None:
        """Logs a number, a scalar of NumPy, torch or JAX, or whatever else wandb takes."""
        self._log({name: value}, step)

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **_: object,
    ) -> None:
        """Logs a row of such values; a `step` among them wins. `file_path` is ignored."""
        del file_path
        if not isinstance(scalar_dict, Mapping):
            raise TypeError(f"add_scalars takes a mapping, not {type(scalar_dict).__name__}")
        self._log(scalar_dict, step)

    def add_image(self, name: str, image: object, step: int = 0, **_: object) -> None:
        """Logs a picture, as `LocalVisBackend.add_image` takes it."""
        from trainviz_cli.imaging.pixels import to_rgb

        pixels = to_rgb(image)
        if self._writes():
            self._log({name: self.experiment.Image(pixels)}, step)

    def add_config(self, config: object, **_: object) -> None:
        """Adds a configuration, as `LocalVisBackend.add_config` takes it, to the run's."""
        from trainviz_cli.analysis.config import plain
        from trainviz_cli.codecs.literals import load_config
        from trainviz_cli.writing.config import config_bytes

        values = load_config(config_bytes(config).decode())
        if self._writes():
            run = self._run()
            run.config.update(plain(values), allow_val_change=True)
            if self._log_code_name is not None:
                run.log_code(name=self._log_code_name)

    def add_graph(self, model: object, data_batch: object = None, **_: object) -> None:
        """Has wandb watch a torch model, or several, until the run ends; needs no `data_batch`."""
        del data_batch
        if self._writes():
            self._run().watch(model, **self._watch_kwargs)

    def close(self) -> None:
        """Ends the run begun here, as failed while an exception is handled; a call begins another.

        Raises:
            WriteError: Not all has arrived; it is still on the disk.
        """
        run, begun_here = self._runs.pop(os.getpid(), (None, False))
        if run is None or not begun_here:
            return
        if "torch" in sys.modules:
            run.unwatch()  # left in a model, the hooks of an ended run raise at its next step
        try:
            run.finish(exit_code=1 if sys.exc_info()[0] else None)
        except OSError as error:
            hint = f"wandb sync {run.sync_dir}"
            raise WriteError(f"the wandb run is incomplete: {_line(error)}", hint=hint) from error

    def __getstate__(self) -> dict[str, object]:
        """A copy, or what is sent to another process, finds a run of its own."""
        return self.__dict__ | {"_runs": {}, "_failure": "", "_retry_at": 0.0}

    @property
    def _wandb(self) -> Any:  # noqa: ANN401 - as `experiment`
        try:
            wandb = import_module("wandb")
            _ = wandb.init  # which a folder of runs lacks that is imported by its name
        except (ImportError, AttributeError) as error:
            raise MissingPackageError("wandb is not installed", hint="pip install wandb") from error
        return wandb

    def _init_env(self) -> None:
        """Finds or begins the run; the name is MMEngine's."""
        self._run()

    def _log(self, values: Mapping[str, object], step: int) -> None:
        if values and self._writes():
            # Not as wandb's own step, which can't go back, as epochs do after iterations.
            row = {name: _plain(value) for name, value in {"step": step, **values}.items()}
            self._run().log(row, commit=self._commit)

    def _run(self) -> Any:  # noqa: ANN401 - as `experiment`
        """This process's run, begun if there is none."""
        with _LOCKS.setdefault(os.getpid(), RLock()):
            run, _ = self._runs.get(os.getpid(), (None, False))
            if run is None or getattr(run, "_is_finished", False):  # nothing public says so
                run = self._enter()
            return run

    def _enter(self) -> Any:  # noqa: ANN401 - as `experiment`
        if self._writes() and self._init_kwargs["dir"] is not None:
            folder = Path(self._init_kwargs["dir"])
            with write_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)  # wandb would take another one
        run = self._wandb.run
        # One that was begun here was so before a fork: it is the parent's.
        begun_here = run is None or any(run is known for known, ours in self._runs.values() if ours)
        if begun_here:
            run = self._begin()
        self._runs[os.getpid()] = run, begun_here
        for metric in self._metrics:
            run.define_metric(**metric)
        return run

    def _begin(self) -> Any:  # noqa: ANN401 - as `experiment`
        wandb, stdin, began = self._wandb, sys.stdin, time.monotonic()
        hint = 'mode="offline" among the init_kwargs needs neither network nor key'
        if began < self._retry_at:
            raise WriteError(self._failure, hint=hint)
        sys.stdin = io.StringIO()  # a training that asks for a key may wait all night
        try:
            return wandb.init(**self._arguments(wandb))
        except Exception as error:
            if isinstance(error, TypeError) or type(error).__name__ == "ValidationError":
                raise  # an argument is wrong
            failed = time.monotonic()
            self._retry_at = failed + _PATIENCE * (failed - began)
            self._failure = f"wandb can't begin a run: {_line(error)}"
            raise WriteError(self._failure, hint=hint) from error
        finally:
            sys.stdin = stdin

    def _arguments(self, wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - as `experiment`
        if not self._writes():
            return {"mode": "disabled"}
        folder, given = self._init_kwargs["dir"], self._init_kwargs.get("settings") or {}
        if folder is not None:
            folder = Path(folder).absolute()  # what comes after a chdir belongs there too
        if not isinstance(given, Mapping):
            given = {name: getattr(given, name) for name in given.model_fields_set}
        bounds = {
            name: bound
            for name, bound in _BOUNDS.items()
            if name in wandb.Settings.model_fields and f"WANDB_{name.upper()}" not in os.environ
        }
        return {**self._init_kwargs, "dir": folder, "settings": {**bounds, **given}}


def _metrics(given: object) -> list[dict[str, Any]]:
    """Arguments of `define_metric`; what the user defines is drawn over the step as the rest is."""
    if isinstance(given, Mapping):
        given = [{"name": name, "summary": summary} for name, summary in given.items()]
    if not isinstance(given, list | tuple) or not all(
        isinstance(metric, Mapping) and isinstance(metric.get("name"), str) for metric in given
    ):
        raise ValueError(f"define_metric_cfg is a dict or a list of dicts, not {given!r}")
    # A definition by name hides that by the asterisk: it needs a step_metric of its own.
    over = {"step_metric": "step"}
    users = [metric if metric["name"] == "step" else {**over, **metric} for metric in given]
    return [{"name": "step", "hidden": True}, {"name": "*", **over}, *users]


def _plain(value: object) -> object:
    """The number in an array of one; anything else as it is."""
    item = getattr(value, "item", None)
    try:
        return item() if callable(item) else value
    except (TypeError, ValueError, RuntimeError):  # it has several
        return value


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
