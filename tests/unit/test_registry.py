"""Classes by name: where they are looked for, and what is said when there is none."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import TYPE_CHECKING, Any

import pytest

from trainviz_cli import VISBACKENDS, LocalVisBackend, TensorboardVisBackend
from trainviz_cli.errors import NotFoundError
from trainviz_cli.writing import backends
from trainviz_cli.writing.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path


class Thing:
    """Something to build."""

    def __init__(self, size: int = 1, **others: Any) -> None:
        self.size, self.others = size, others


@pytest.fixture
def registry() -> Registry:
    """A registry of things, one of which comes with the package."""
    return Registry("thing", lambda: {"Path": "pathlib"}, "tests.things")


def test_files_beside() -> None:
    """Every file of the folder is a backend of its name, imported when it is asked for."""
    for name in VISBACKENDS._beside():
        assert VISBACKENDS.get(name).__name__ == name
    assert VISBACKENDS.get("LocalVisBackend") is LocalVisBackend
    assert VISBACKENDS.get("TensorboardVisBackend") is TensorboardVisBackend


def test_a_new_file_is_a_new_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a backend is adding a file."""
    (tmp_path / "paper.py").write_text("class PaperVisBackend:\n    pass\n")
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    assert VISBACKENDS.get("PaperVisBackend").__name__ == "PaperVisBackend"
    monkeypatch.delitem(sys.modules, "trainviz_cli.writing.backends.paper")


def test_registering(registry: Registry) -> None:
    """As a decorator, by a name or several, or as a call."""

    @registry.register_module()
    class One:
        pass

    @registry.register_module(name=["two", "zwei"])
    class Two:
        pass

    assert registry.register_module("three", module=Thing) is Thing
    assert registry.get("One") is One
    assert registry.get("two") is registry.get("zwei") is Two
    assert registry.get("three") is Thing


def test_a_name_is_taken_once(registry: Registry) -> None:
    """A second class needs `force`; the same one may come again, as notebooks' cells do."""
    registry.register_module("a", module=Thing)
    registry.register_module("a", module=Thing)
    with pytest.raises(KeyError, match="another thing is registered as 'a'"):
        registry.register_module("a", module=dict)
    registry.register_module("a", force=True, module=dict)
    assert registry.get("a") is dict


def test_dotted_paths(registry: Registry) -> None:
    """A class anywhere, by its path."""
    assert registry.get("collections.OrderedDict").__name__ == "OrderedDict"
    assert VISBACKENDS.get("trainviz_cli.LocalVisBackend") is LocalVisBackend


@pytest.mark.parametrize(
    "name", ["Nothing", "no.such.Module", "collections.Nothing", "collections.abc", "", ".", "a."]
)
def test_nothing_of_that_name(registry: Registry, name: str) -> None:
    """The error names what there is."""
    with pytest.raises(NotFoundError, match="there is no thing") as error:
        registry.get(name)
    assert error.value.hint == "known: Path"


def test_a_module_that_fails_is_not_missing(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong inside a module is shown as it is."""
    (tmp_path / "broken_thing.py").write_text("import module_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="module_that_is_not_there"):
        registry.get("broken_thing.Thing")


def test_entry_points_come_last(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages are asked only for names that nobody else has."""
    asked = []

    def entry_points(group: str, name: str) -> list[importlib.metadata.EntryPoint]:
        asked.append((group, name))
        return [importlib.metadata.EntryPoint(name, f"{__name__}:Thing", group)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, _this_module()))
    assert registry.get("Path").__name__ == "Path"
    assert asked == []
    assert registry.get("Foreign").__name__ == "Thing"
    assert asked == [("tests.things", "Foreign")]


def _this_module() -> Any:
    import types

    module = types.ModuleType(__name__)
    module.Thing = Thing  # type: ignore[attr-defined]
    return module


def test_building(registry: Registry) -> None:
    """The rest of the dict, and the defaults, are the constructor's arguments."""
    registry.register_module(module=Thing)
    config = {"type": "Thing", "size": 3, "a": 1}
    built = registry.build(config, size=2, b=2)
    assert (built.size, built.others) == (3, {"a": 1, "b": 2})
    assert config == {"type": "Thing", "size": 3, "a": 1}
    assert registry.build({"type": Thing}).size == 1


@pytest.mark.parametrize(
    ("config", "error", "match"),
    [
        ("Thing", TypeError, "a config is a dict, not str"),
        (7, TypeError, "a config is a dict, not int"),
        ({"size": 1}, ValueError, "no 'type'"),
        ({"type": 7}, TypeError, "'type' is a class or its name"),
    ],
)
def test_what_cannot_be_built(
    registry: Registry, config: Any, error: type[Exception], match: str
) -> None:
    """The message shows what was given."""
    with pytest.raises(error, match=match):
        registry.build(config)
