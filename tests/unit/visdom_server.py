"""A real visdom server on loopback, which starts without the scripts that it would download."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

# `python -m visdom.server` is download_scripts() and then this. Only what runs in a browser needs
# the scripts.
_START = """
import sys
sys.modules["torch"] = None  # visdom would import it, which takes a second
from visdom.server.run_server import start_server
port, folder, *login = sys.argv[1:]
if login:
    from visdom.utils.server_utils import hash_password, set_cookie
    set_cookie("secret")
    login = {"username": login[0], "password": hash_password(hash_password(login[1]))}
start_server(int(port), base_url="", env_path=folder, user_credential=login or None,
             bind_local=True)
"""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class VisdomServer:
    """A server process that keeps its environments in a folder; `start` may follow `kill`.

    Args:
        folder: For what it saves, and in place of the home directory.
        login: The name and password that it asks for.
    """

    def __init__(self, folder: Path, *login: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._login = login
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Begins, and waits until it answers."""
        (self.folder / ".visdom").mkdir(parents=True, exist_ok=True)
        # Nobody asks how much of visdom is covered.
        own = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(self.port), str(self.folder), *self._login],
            env={**own, "HOME": str(self.folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.ask("env_state")
            except urllib.error.HTTPError:  # for want of a login
                return self
            except OSError:
                assert self._process.poll() is None, "the server has ended"
                time.sleep(0.05)
            else:
                return self
        raise TimeoutError("the server doesn't answer")

    def kill(self) -> None:
        """Ends it, with all that it hasn't saved."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def ask(self, what: str, **about: object) -> Any:
        """The answer of its HTTP interface, which is JSON that a browser can read."""
        url = f"http://127.0.0.1:{self.port}/{what}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, json.dumps(about).encode(), timeout=10) as answer:
            text = answer.read().decode()
        return json.loads(text, parse_constant=_refuse) if text else None

    def windows(self, env: str) -> dict[str, Any]:
        """Its windows, by their ids; none if there is no such environment."""
        there = env in self.ask("env_state")
        return self.ask("win_data", eid=env, win=None) if there else {}

    def points(self, env: str, name: str) -> tuple[list[float], list[float | None]]:
        """The steps and values of a line; none if there is no such window."""
        if window := self.windows(env).get(f"scalar/{name}"):
            (trace,) = window["content"]["data"]
            return trace["x"], trace["y"]
        return [], []


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
