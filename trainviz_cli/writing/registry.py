"""Classes by name, as configurations name them: `dict(type="LocalVisBackend", ...)`.

A name is looked up among the classes registered, then in the files beside (`local.py` holds
`LocalVisBackend`), then as a dotted path, and last in the entry points of installed packages.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from trainviz_cli.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_BACKENDS = "trainviz_cli.writing.backends"
_BACKEND_SUFFIX = "VisBackend"


class Registry:
    """Finds and builds one kind of class.

    Args:
        kind: What its classes are, for messages.
        beside: The names of the classes that come with the package → the modules they are in.
        entry_points: The group under which other packages offer theirs.

    Attributes:
        module_dict: The classes that were registered, by name.
    """

    def __init__(
        self, kind: str, beside: Callable[[], Mapping[str, str]], entry_points: str
    ) -> None:
        self._kind = kind
        self._beside = beside
        self._entry_points = entry_points
        self.module_dict: dict[str, type[Any]] = {}

    def register_module(
        self,
        name: str | Iterable[str] | None = None,
        force: bool = False,  # noqa: FBT001, FBT002 - MMEngine's signature
        module: type[Any] | None = None,
    ) -> Any:  # noqa: ANN401 - the class, or a decorator of it
        """Registers a class: `@VISBACKENDS.register_module()`.

        Args:
            name: Its name, or several; the class's own if left out.
            force: Take the place of another class of that name.
            module: The class, where this isn't used as a decorator.

        Raises:
            KeyError: Another class has that name.
        """

        def register(registered: type[Any]) -> type[Any]:
            names = [name] if isinstance(name, str) else name or [registered.__name__]
            for each in names:
                if not force and self.module_dict.get(each, registered) is not registered:
                    raise KeyError(f"another {self._kind} is registered as {each!r}")
                self.module_dict[each] = registered
            return registered

        return register if module is None else register(module)

    def get(self, name: str) -> type[Any]:
        """The class of this name.

        Raises:
            NotFoundError: There is none; the hint names those there are.
        """
        found = (
            self.module_dict.get(name)
            or self._find_beside(name)
            or _find_by_path(name)
            or self._find_entry_point(name)
        )
        if found is None:
            known = ", ".join(sorted({*self.module_dict, *self._beside()}))
            raise NotFoundError(f"there is no {self._kind} {name!r}", hint=f"known: {known}")
        return found

    def build(self, cfg: Mapping[str, Any], **defaults: object) -> Any:  # noqa: ANN401 - its type is data
        """The object that a configuration describes; the configuration stays as it is.

        A class with `get_instance` is asked for the instance of the `name` configured.

        Args:
            cfg: `type`, a class or its name, and arguments for its constructor.
            **defaults: Arguments where `cfg` has none.

        Raises:
            TypeError: `cfg` is no mapping, or `type` is neither a class nor a name.
            ValueError: It has no `type`.
            NotFoundError: There is no class of that name.
        """
        try:
            arguments = {**defaults, **cfg}
            kind = arguments.pop("type")
        except TypeError:
            raise TypeError(f"a config is a dict, not {type(cfg).__name__}: {cfg!r}") from None
        except KeyError:
            raise ValueError(f"the config has no 'type': {dict(cfg)}") from None
        if not isinstance(kind, str | type):
            raise TypeError(f"'type' is a class or its name, not {kind!r}")
        built = self.get(kind) if isinstance(kind, str) else kind
        return getattr(built, "get_instance", built)(**arguments)

    def _find_beside(self, name: str) -> type[Any] | None:
        home = self._beside().get(name)
        found: type[Any] | None = getattr(import_module(home), name) if home else None
        return found

    def _find_entry_point(self, name: str) -> type[Any] | None:
        from importlib.metadata import entry_points

        for point in entry_points(group=self._entry_points, name=name):
            found: type[Any] = point.load()
            return found
        return None


def _find_by_path(path: str) -> type[Any] | None:
    """The class at `package.module.Class`; what goes wrong inside the module is its own error."""
    home, _, name = path.rpartition(".")
    if not home or home.startswith("."):
        return None
    try:
        found = getattr(import_module(home), name, None)
    except ModuleNotFoundError as error:
        if error.name and f"{home}.".startswith(f"{error.name}."):
            return None
        raise
    return found if isinstance(found, type) else None


def _backends_beside() -> dict[str, str]:
    """The backends by class: a file's name, capitalised, begins its class's name."""
    folder = import_module(_BACKENDS).__path__
    names = [module.name for module in iter_modules(folder)]
    return {f"{name.capitalize()}{_BACKEND_SUFFIX}": f"{_BACKENDS}.{name}" for name in names}


VISBACKENDS = Registry("backend", _backends_beside, "trainviz.backends")
VISUALIZERS = Registry(
    "visualizer", lambda: {"Visualizer": "trainviz_cli.writing.visualizer"}, "trainviz.visualizers"
)


def built_backends(given: object, save_dir: str | None) -> Iterator[tuple[str, Any]]:
    """The backends by name; those that lack a folder are left out, with a warning.

    Args:
        given: Backends, or dicts that describe them, or one of either; None are none.
        save_dir: Their folder, where a dict has none.

    Raises:
        TypeError: It is nothing of the kind.
        NotFoundError: There is no backend of a dict's `type`.
    """
    if given is None:
        return
    backends = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(each, Mapping) or hasattr(each, "add_scalar") for each in backends):
        raise TypeError(
            f"vis_backends must be a list of dicts or a list of backends, not {given!r}"
        )
    for each in backends:
        backend, name = each, None
        if isinstance(each, Mapping):
            arguments = {"save_dir": save_dir, **each}
            name = arguments.pop("name", None)
            backend = VISBACKENDS.build(arguments)
        if _lacks_folder(backend):
            warnings.warn(
                f"Failed to add {type(backend)}, please provide the `save_dir` argument.",
                stacklevel=4,
            )
            continue
        yield name or type(backend).__name__, backend


def _lacks_folder(backend: object) -> bool:
    """Whether a backend's constructor demands a `save_dir`, and it was given None."""
    if getattr(backend, "_save_dir", "") is not None:
        return False
    from inspect import Parameter, signature

    argument = signature(type(backend).__init__).parameters.get("save_dir")
    return argument is not None and argument.default is Parameter.empty
