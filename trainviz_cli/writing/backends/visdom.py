"""A writer to a visdom server, with MMEngine's method names. Source: visdom 0.2.4, __init__.py."""

from __future__ import annotations

import html
import json
import logging
import math
import operator
import os
import re
import warnings
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from trainviz_cli.errors import MissingPackageError, TrainvizError, WriteError
from trainviz_cli.writing.backend import BaseVisBackend
from trainviz_cli.writing.numbers import as_number, check_name
from trainviz_cli.writing.sender import Sender, silence

# visdom's setup.py needs pkg_resources, which later setuptools don't have.
_INSTALL = "pip install 'setuptools<81' && pip install --no-build-isolation visdom"
_TIMEOUTS_S = 3, 30  # to connect; to answer, which takes longer the longer a curve is
_START = r"\d{8}_\d{6}"
_PANE_PX = 400  # how wide a text or the longer side of a picture is first shown


class VisdomVisBackend(BaseVisBackend):
    """Shows a run on a visdom server: a window for each scalar, each picture, the configuration.

    Training never waits for it: a thread sends what comes, about a second later. While no server
    answers, 64 MB are kept for it, and the rest is left out and counted. Nothing is imported or
    connected before the first call. A forked child sends for itself.

    Every method raises `MissingPackageError` without visdom and, after it has taken what it was
    given, a `TrainvizError` for what could not be sent before: once, not at every attempt.

    Args:
        save_dir: Names the environment if `env` doesn't: `runs/exp1` and `runs/exp1/vis_data` are
            `exp1`; a start of MMEngine's, `exp1/20261120_072936`, is `exp1-20261120-072936`. `_`,
            by which visdom sorts environments into a tree, becomes `-`.
        server: Where the server is, without its port.
        port: Its port.
        env: visdom's environment, else `main`. What its name can't hold becomes `-`, and `/`, as
            in visdom, `_`. Runs of one environment continue its windows.
        all_ranks: Write in every process of a distributed training, not only in rank 0.
        init_kwargs: More options of `visdom.Visdom`; its sockets for events stay closed.
    """

    def __init__(
        self,
        save_dir: str | os.PathLike[str] | None = None,
        *,
        server: str = "http://localhost",
        port: int = 8097,
        env: str | None = None,
        all_ranks: bool = False,
        init_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(save_dir)
        self.all_ranks = all_ranks
        self._env = _environment(save_dir, env)
        self._options = {**(init_kwargs or {}), "server": server, "port": port, "env": self._env}
        self._connections: dict[int, tuple[Any, Sender]] = {}  # by process: a fork begins its own

    @property
    def experiment(self) -> Any:  # noqa: ANN401 - visdom has few types
        """The `visdom.Visdom` client, whose methods wait for the server or raise `WriteError`."""
        return self._connection()[0]

    def add_scalar(self, name: str, value: object, step: int = 0, **_: object) -> None:
        """Adds a point to the line of this name, in which NaN and infinities are gaps.

        What is neither a number nor a NumPy, torch or JAX scalar is skipped with a warning.

        Raises:
            TypeError: It is an array of several, or the name no text.
            ValueError: A browser can't hold the step.
        """
        self._put(_points({name: value}, step))

    def add_scalars(
        self,
        scalar_dict: Mapping[str, object],
        step: int = 0,
        file_path: str | None = None,
        **_: object,
    ) -> None:
        """Adds a point to each line, or raises, as `add_scalar` does; no name may be `step`."""
        del file_path
        if not isinstance(scalar_dict, Mapping):
            raise TypeError(f"add_scalars takes a mapping, not {type(scalar_dict).__name__}")
        if "step" in scalar_dict:
            raise ValueError("the step is an argument of its own, not one of the scalars")
        self._put(_points(scalar_dict, step))

    def add_image(self, name: str, image: object, step: int = 0, **_: object) -> None:
        """Adds a picture to the window of this name, where a slider shows the earlier ones.

        Raises:
            TypeError: `to_rgb` takes no such picture, or the name is no text.
            ValueError: A shape or range no picture has.
        """
        from trainviz_cli.imaging.pixels import to_rgb

        pixels = to_rgb(image).copy()  # training may write into its own before they are sent
        self._put([(("image", check_name(name), operator.index(step)), pixels)], pixels.nbytes)

    def add_config(self, config: object, **_: object) -> None:
        """Shows the configuration; takes and raises what `LocalVisBackend.add_config` does."""
        from trainviz_cli.writing.config import config_bytes

        self._put([(("text", "config"), config_bytes(config).decode(errors="replace"))])

    def add_graph(self, model: object, data_batch: object = None, **_: object) -> None:
        """Shows the model as it prints itself; `data_batch` is ignored."""
        del data_batch
        self._put([(("text", "graph"), str(model))])

    def close(self) -> None:
        """Sends what waits, for 10 s at most, and has the server save all; a call begins anew.

        Raises:
            TrainvizError: Something was left out since the last time, or couldn't be saved.
        """
        if connection := self._connections.pop(os.getpid(), None):
            connection[1].close()

    def __getstate__(self) -> dict[str, object]:
        """A copy, or what is sent to another process, begins its own connection."""
        return self.__dict__ | {"_connections": {}}

    def _put(self, records: list[tuple[tuple[Any, ...], Any]], size: int = 0) -> None:
        if records and self._writes():
            while not self._connection()[1].put(records, size):
                pass  # another thread has just closed it

    def _connection(self) -> tuple[Any, Sender]:
        if connection := self._connections.get(os.getpid()):
            return connection
        client = _client(self._options)
        show, save = partial(_show, client, self._env), partial(client.save, [self._env])
        sender = Sender(show, save, f"the visdom server at {client.server}:{client.port}")
        # Two threads may come here at once: the dictionary decides, without a lock that a fork
        # could copy while it is held.
        return self._connections.setdefault(os.getpid(), (client, sender))


class _Client:
    """What is changed of `visdom.Visdom`: requests end, failures are raised, nothing is logged."""

    @property
    def session(self: Any) -> Any:  # noqa: ANN401
        if self._session is None:
            session = import_module("requests").Session()
            session.proxies.update(self.proxies or {})
            if self.username:
                who = json.dumps({"username": self.username, "password": self.password})
                self._handle_post(f"{self.server}:{self.port}{self.base_url}", who, session)
            self._session = session
        return self._session

    def _handle_post(self: Any, url: str, data: Any = None, session: Any = None) -> str:  # noqa: ANN401
        # Neither one of requests' errors nor a ConnectionError may leave this: visdom prints them.
        place = f"{self.server}:{self.port}"
        try:
            answer = (session or self.session).post(url, data=data or {}, timeout=_TIMEOUTS_S)
        except import_module("requests").RequestException as error:
            hint = f"start it with `python -m visdom.server -port {self.port}`"
            raise WriteError(f"no visdom server answers at {place}", hint=hint) from error
        if not answer.ok:  # beyond 500 speaks a proxy, whose server is away
            kind = WriteError if answer.status_code > 500 else TrainvizError
            raise kind(f"the visdom server at {place} refuses: {answer.status_code}")
        return str(answer.text)


def _client(options: Mapping[str, Any]) -> Any:  # noqa: ANN401
    levels = {name: logging.getLogger(name).level for name in ("requests", "urllib3")}
    try:
        with warnings.catch_warnings(action="ignore"):
            visdom = import_module("visdom")
    except ImportError as error:
        raise MissingPackageError("visdom is not installed", hint=_INSTALL) from error
    for name, level in levels.items():  # visdom silences them, for everybody
        logging.getLogger(name).setLevel(level)
    silence("urllib3.connectionpool", "urllib3.util.retry")
    kind: Any = type("Client", (_Client, visdom.Visdom), {})
    # So the constructor neither posts nor logs.
    quiet = {"send": False, "use_incoming_socket": False, "use_polling": False}
    client = kind(**{**options, **quiet, "raise_exceptions": True})
    client.send = options.get("send", True)
    return client


def _show(client: Any, env: str, key: tuple[Any, ...], records: list[Any]) -> None:  # noqa: ANN401
    kind, name, *at = key
    place, opts = {"win": f"{kind}/{name}", "env": env}, {"title": name}
    if kind == "scalar":
        steps, values = map(list, zip(*records, strict=True))
        opts["xlabel"] = "step"
        client.line(Y=values, X=steps, update="append", name=name, opts=opts, **place)
    elif kind == "image":
        pixels = records[-1]
        height, width = (side * _PANE_PX / max(pixels.shape[:2]) for side in pixels.shape[:2])
        opts |= {"caption": f"step {at[0]}", "height": height, "width": width}
        client.image(pixels.transpose(2, 0, 1), opts={**opts, "store_history": True}, **place)
    else:
        opts["width"] = _PANE_PX
        client.text(f"<pre>{html.escape(records[-1])}</pre>", opts=opts, **place)


def _environment(save_dir: str | os.PathLike[str] | None, env: str | None) -> str:
    if env is None and save_dir is not None:
        folder = Path(save_dir).resolve()
        folder = folder.parent if folder.name == "vis_data" else folder
        # MMEngine's starts are called by their time: alone it says nothing.
        names = [folder.parent.name] * bool(re.fullmatch(_START, folder.name)) + [folder.name]
        env = "-".join(names).replace("_", "-")
    # What may be in a file's name and in the page's address, where `+` stands between two.
    name = re.sub(r"[^\w .,=@()-]+", "-", (env or "").replace("/", "_")).strip()
    return name.replace(".json", "-json") or "main"


def _points(scalars: Mapping[str, object], step: int) -> list[tuple[tuple[str, str], Any]]:
    at, points = operator.index(step), []
    if abs(at) > 1 << 53:
        raise ValueError("a browser counts to 2**53, not to this step")
    for name, value in scalars.items():
        if (number := as_number(check_name(name), value)) is not None:
            # A browser can't read the infinity that Python writes; of NaN visdom makes null.
            points.append((("scalar", name), (at, number if math.isfinite(number) else math.nan)))
    return points
