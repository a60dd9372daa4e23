"""The storing half of `Visualizer`: who gets what, what a failure does, and instances by name."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainviz_cli import (
    VISBACKENDS,
    VISUALIZERS,
    BaseVisBackend,
    FeatureRecorder,
    LocalVisBackend,
    TensorboardVisBackend,
    Visualizer,
    open_run,
)
from trainviz_cli.analysis.config import flat
from trainviz_cli.errors import NotFoundError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recording(BaseVisBackend):
    """Remembers every call, and fails when it is told to."""

    def __init__(self, save_dir: str | None = None, error: Exception | None = None) -> None:
        super().__init__(save_dir)
        self.calls: list[tuple[Any, ...]] = []
        self.error = error

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error:
            raise self.error

    def add_config(self, config: object, **kwargs: object) -> None:
        """Note it."""
        self._note("config", config, kwargs)

    def add_graph(self, model: object, data_batch: object = None, **kwargs: object) -> None:
        """Note it."""
        self._note("graph", model, data_batch, kwargs)

    def add_image(self, name: str, image: object, step: int = 0, **kwargs: object) -> None:
        """Note it."""
        self._note("image", name, image, step, kwargs)

    def add_scalar(self, name: str, value: object, step: int = 0, **kwargs: object) -> None:
        """Note it."""
        self._note("scalar", name, value, step, kwargs)

    def add_scalars(
        self, scalar_dict: Any, step: int = 0, file_path: str | None = None, **kwargs: object
    ) -> None:
        """Note it."""
        self._note("scalars", scalar_dict, step, file_path, kwargs)

    def close(self) -> None:
        """Note it."""
        self._note("close")


@pytest.fixture(autouse=True)
def no_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without instances and with the registries as they are."""
    monkeypatch.setattr(Visualizer, "_instances", {})
    monkeypatch.setattr(VISBACKENDS, "module_dict", dict(VISBACKENDS.module_dict))
    monkeypatch.setattr(VISUALIZERS, "module_dict", dict(VISUALIZERS.module_dict))


@pytest.fixture
def two() -> tuple[Recording, Recording]:
    """Two backends."""
    return Recording(), Recording()


@pytest.fixture
def vis(two: tuple[Recording, Recording]) -> Iterator[Visualizer]:
    """A visualizer of both."""
    first, second = two
    visualizer = Visualizer(vis_backends=[first])
    visualizer._vis_backends["second"] = second
    yield visualizer
    first.error = second.error = None
    visualizer.close()


# Backends


def test_backends_by_class_and_by_name(tmp_path: Path) -> None:
    """A backend is found under its class's name, or under its own; dicts stay as they are."""
    given = [
        {"type": "LocalVisBackend"},
        {"type": "TensorboardVisBackend", "name": "a", "save_dir": tmp_path / "a"},
        {"type": TensorboardVisBackend, "name": "b"},
        Recording(),
    ]
    before = [dict(each) for each in given[:3]]
    vis = Visualizer(vis_backends=given, save_dir=tmp_path)
    assert given[:3] == before
    vis.add_scalar("loss", 1.5, 3)
    vis.close()
    assert isinstance(vis.get_backend("LocalVisBackend"), LocalVisBackend)
    assert isinstance(vis.get_backend("a"), TensorboardVisBackend)
    assert vis.get_backend("Recording") is given[3]
    assert vis.get_backend("TensorboardVisBackend") is None
    assert (tmp_path / "vis_data" / "scalars.json").read_text() == '{"loss": 1.5, "step": 3}\n'
    assert len(list((tmp_path / "vis_data").glob("events*"))) == 1
    assert len(list((tmp_path / "a").glob("events*"))) == 1


@pytest.mark.parametrize(
    "backends",
    [
        [{"type": "LocalVisBackend"}, {"type": "LocalVisBackend"}],
        [{"type": "LocalVisBackend", "name": "a"}, {"type": "TensorboardVisBackend", "name": "a"}],
        [Recording(), Recording()],
    ],
)
def test_two_of_one_name(tmp_path: Path, backends: list[object]) -> None:
    """Two backends can't share a name."""
    with pytest.raises(RuntimeError, match="already exists"):
        Visualizer(vis_backends=backends, save_dir=tmp_path)


@pytest.mark.parametrize("one", [{"type": "LocalVisBackend", "save_dir": "x"}, Recording()])
def test_one_backend_needs_no_list(one: object) -> None:
    """A lone dict or backend is taken too."""
    assert len(Visualizer(vis_backends=one)._vis_backends) == 1


@pytest.mark.parametrize("given", ["LocalVisBackend", 1, [1], ["LocalVisBackend"], [None]])
def test_what_is_no_backend(given: object) -> None:
    """Anything else is a TypeError that shows it."""
    with pytest.raises(TypeError, match="vis_backends must be a list"):
        Visualizer(vis_backends=given)


def test_an_unknown_type() -> None:
    """The error names the backends there are."""
    with pytest.raises(NotFoundError, match="no backend 'Wrong'") as error:
        Visualizer(vis_backends=[{"type": "Wrong"}])
    assert "LocalVisBackend" in (error.value.hint or "")
    with pytest.raises(ValueError, match="no 'type'"):
        Visualizer(vis_backends=[{"save_dir": "a"}])


def test_a_backend_without_its_folder_is_left_out() -> None:
    """As in MMEngine: a warning, and nothing is stored there."""
    with pytest.warns(UserWarning, match="please provide the `save_dir`"):
        vis = Visualizer(vis_backends=[{"type": "LocalVisBackend"}, Recording()])
    assert vis.get_backend("LocalVisBackend") is None
    assert vis.get_backend("Recording") is not None


def test_nothing_is_stored_before_the_first_record(tmp_path: Path) -> None:
    """Making a visualizer leaves no trace on the disk."""
    backends = [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]
    Visualizer(vis_backends=backends, save_dir=tmp_path / "run").close()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["", 1, None])
def test_a_name_that_is_none(name: Any) -> None:
    """The name is a text that isn't empty."""
    with pytest.raises((TypeError, ValueError), match="name"):
        Visualizer(name)


# Records


def test_every_backend_gets_every_call(vis: Visualizer, two: tuple[Recording, Recording]) -> None:
    """In order, with MMEngine's arguments and what else was passed."""
    model, image = object(), np.zeros((2, 3, 3), np.uint8)
    vis.add_config({"a": 1})
    vis.add_graph(model, [1], depth=3)
    vis.add_image("i", image, 2)
    vis.add_scalar("s", 0.5, commit=False)
    vis.add_scalars({"t": 1}, step=4, file_path="x.json")
    expected = [
        ("config", {"a": 1}, {}),
        ("graph", model, [1], {"depth": 3}),
        ("image", "i", image, 2, {}),
        ("scalar", "s", 0.5, 0, {"commit": False}),
        ("scalars", {"t": 1}, 4, "x.json", {}),
    ]
    for backend in two:
        assert backend.calls[2][2] is image
        assert str(backend.calls) == str(expected)


def test_a_picture_is_converted_once_for_all(
    vis: Visualizer, two: tuple[Recording, Recording]
) -> None:
    """Backends get RGB bytes, whatever the training holds; a wrong one reaches none of them."""
    vis.add_image("tensor", torch.ones(3, 4, 5))
    with pytest.raises(ValueError, match="shape"):
        vis.add_image("wrong", np.zeros(3))
    first, second = two
    assert len(first.calls) == len(second.calls) == 1
    assert first.calls[0][2] is second.calls[0][2]
    assert first.calls[0][2].shape == (4, 5, 3)
    assert (first.calls[0][2] == 255).all()


def test_without_backends_nothing_happens() -> None:
    """As in MMEngine: nothing is stored, and nothing checked."""
    with Visualizer() as vis:
        vis.add_image("a", "no picture")
        vis.add_scalars({"step": object()})
        assert vis.add_datasample("a", np.zeros((1, 1, 3), np.uint8)) is None


def test_a_backend_that_takes_arguments_by_name_only() -> None:
    """It is called by name."""

    class Named:
        def __init__(self) -> None:
            self.seen: list[dict[str, object]] = []

        def add_scalar(self, **kwargs: object) -> None:
            self.seen.append(kwargs)

        def close(self) -> None:
            pass

    backend = Named()
    with Visualizer(vis_backends=backend) as vis:
        vis.add_scalar("a", 1, 2)
    assert backend.seen == [{"name": "a", "value": 1, "step": 2}]


def test_a_backend_that_names_arguments_otherwise() -> None:
    """It is called by position."""

    class Other:
        def __init__(self) -> None:
            self.seen: list[tuple[object, ...]] = []

        def add_scalar(self, tag: object, number: object, at: object) -> None:
            self.seen.append((tag, number, at))

        def close(self) -> None:
            pass

    backend = Other()
    with Visualizer(vis_backends=backend) as vis:
        vis.add_scalar("a", 1, 2)
    assert backend.seen == [("a", 1, 2)]


@pytest.mark.parametrize(("all_ranks", "stored"), [(False, 0), (True, 1)])
def test_ranks(
    monkeypatch: pytest.MonkeyPatch,
    vis: Visualizer,
    two: tuple[Recording, Recording],
    all_ranks: bool,  # noqa: FBT001 - a case
    stored: int,
) -> None:
    """Beside rank 0 only a backend that asks for it is called; drawing goes on everywhere."""
    monkeypatch.setenv("RANK", "1")
    two[0].all_ranks = all_ranks
    vis.add_scalar("a", 1)
    assert len(two[0].calls) == stored
    vis.set_image(np.zeros((4, 4, 3), np.uint8))
    assert vis.draw_bboxes(np.array([1, 1, 2, 2])) is vis


# Failures


def test_a_failure_is_reported_once_and_stops_nobody(
    vis: Visualizer, two: tuple[Recording, Recording]
) -> None:
    """One warning for a thousand failures, where the caller is; the other backend has it all."""
    two[0].error = ConnectionError("the network is gone")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for step in range(1_000):
            vis.add_scalar("a", 1, step)
    assert [str(each.message) for each in seen] == [
        "Recording fails, and the training goes on without it: the network is gone"
    ]
    assert seen[0].filename == __file__
    assert len(two[1].calls) == 1_000
    two[0].error = None
    with pytest.warns(RuntimeWarning, match="failed 1,000 times"):
        vis.close()
    vis.close()  # it was said


def test_strict_raises_after_all_were_called(two: tuple[Recording, Recording]) -> None:
    """With `strict=True` the training learns of it, and the other backend has the record."""
    first, second = two
    vis = Visualizer(vis_backends=[first], strict=True)
    vis._vis_backends["second"] = second
    first.error = ConnectionError("the network is gone")
    with pytest.raises(ConnectionError, match="gone"):
        vis.add_scalar("a", 1)
    assert len(second.calls) == 1


@pytest.mark.parametrize("error", [TypeError("wrong"), ValueError("wrong")])
def test_a_wrong_argument_is_raised(
    vis: Visualizer, two: tuple[Recording, Recording], error: Exception
) -> None:
    """A mistake in the training's own call is no failure of a backend."""
    two[0].error = error
    with pytest.raises(type(error), match="wrong"):
        vis.add_scalar("a", 1)
    assert len(two[1].calls) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(tmp_path: Path) -> None:
    """Training goes on, event files are written, and one warning names the file and the cure."""
    folder = tmp_path / "vis_data"
    folder.mkdir()
    (folder / "scalars.json").symlink_to("/dev/full")
    backends = [{"type": "LocalVisBackend"}, {"type": "TensorboardVisBackend"}]
    vis = Visualizer(vis_backends=backends, save_dir=tmp_path)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for step in range(10):
            vis.add_scalar("a", 1, step)
        vis.close()
    messages = [str(each.message) for each in seen]
    assert len(messages) == 2, messages
    assert "scalars.json" in messages[0]
    assert "free the disk" in messages[0]
    assert "failed 1" in messages[1]  # closing it may fail as well
    (events,) = folder.glob("events*")
    assert open_run(events)["a"].values.tolist() == [1] * 10


def test_strict_with_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """The error is the backend's own."""
    (tmp_path / "vis_data").write_text("")
    vis = Visualizer(vis_backends={"type": "LocalVisBackend"}, save_dir=tmp_path, strict=True)
    with pytest.raises(WriteError):
        vis.add_scalar("a", 1)


# Instances


def test_instances_by_name() -> None:
    """One name is one object, whoever asks; other arguments for it are ignored with a warning."""
    made = Visualizer.get_instance("a", vis_backends=[Recording()])
    assert Visualizer.get_instance("a") is made
    assert made.instance_name == "a"
    assert Visualizer.check_instance_created("a")
    assert not Visualizer.check_instance_created("b")
    with pytest.warns(UserWarning, match="ignored: save_dir"):
        assert Visualizer.get_instance("a", save_dir="x") is made


def test_the_current_instance() -> None:
    """It is the latest that was made, of a subclass too."""

    class Sub(Visualizer):
        def __init__(self, name: str) -> None:
            super().__init__(name)

    with pytest.raises(RuntimeError, match=r"Visualizer.get_current_instance\(\)"):
        Visualizer.get_current_instance()
    first = Visualizer.get_instance("a")
    with pytest.raises(RuntimeError, match=r"Sub.get_current_instance\(\)"):
        Sub.get_current_instance()
    second = Sub.get_instance("b")
    assert Visualizer.get_current_instance() is Sub.get_current_instance() is second
    third = Sub.get_instance("a")  # a Sub of this name wasn't there
    assert third is not first
    assert Visualizer.get_current_instance() is third
    assert Visualizer.get_instance("b") is second
    assert Visualizer.get_current_instance() is third


def test_making_one_directly_registers_nothing() -> None:
    """Only `get_instance` and `VISUALIZERS.build` do."""
    Visualizer("a")
    assert not Visualizer.check_instance_created("a")
    built = VISUALIZERS.build({"type": "Visualizer", "name": "a"})
    assert Visualizer.get_current_instance() is built


def test_dataset_meta() -> None:
    """It is kept as it was given."""
    vis = Visualizer()
    assert vis.dataset_meta is None
    vis.dataset_meta = {"classes": ("cat",)}
    assert vis.dataset_meta == {"classes": ("cat",)}


def test_a_subclass_draws_its_samples(tmp_path: Path) -> None:
    """`add_datasample` is where a task says how its samples look."""

    @VISUALIZERS.register_module()
    class Boxes(Visualizer):
        def add_datasample(
            self, name: str, image: Any, data_sample: Any = None, *_: Any, step: int = 0, **__: Any
        ) -> None:
            self.set_image(image)
            self.draw_bboxes(data_sample, "r", face_colors="r", alpha=1)
            self.add_image(name, self.get_image(), step)

    vis = VISUALIZERS.build(
        {"type": "Boxes", "vis_backends": {"type": "LocalVisBackend"}, "save_dir": tmp_path},
        name="task",
    )
    white = np.full((9, 9, 3), 255, np.uint8)
    Visualizer.get_current_instance().add_datasample("s", white, np.array([2, 2, 5, 5]), step=7)
    (image,) = open_run(tmp_path).images
    assert (image.name, image.step) == ("s", 7)
    assert Image.open(image.path).getpixel((3, 3)) == (255, 0, 0)
    vis.close()


# What is stored is what is read


def test_everything_stored_is_read_back(tmp_path: Path) -> None:
    """Scalars, pictures, configuration and graph come back, from either kind of file."""
    tb = {"type": "TensorboardVisBackend", "save_dir": tmp_path / "tb"}
    backends = [{"type": "LocalVisBackend"}, tb]
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    with Visualizer(image=image, vis_backends=backends, save_dir=tmp_path / "run") as vis:
        vis.draw_texts("cat", np.array([2, 2]))
        vis.add_image("drawn/cat", vis.get_image(), 5)
        vis.add_scalars({"loss": torch.tensor(0.25), "acc": np.float32(0.5)}, 5)
        vis.add_config({"lr": 0.1, "model": {"depth": 3}})
        vis.add_graph(torch.nn.Linear(2, 1))
        drawn = vis.get_image()
    for run in (open_run(tmp_path / "run"), open_run(tmp_path / "tb")):
        assert run["loss"].values.tolist() == [0.25]
        assert run["acc"].steps.tolist() == [5]
        assert flat(run.config) == {"lr": 0.1, "model.depth": 3}
        assert [(each.name, each.step) for each in run.images] == [("drawn/cat", 5)]
        assert "Linear" in next(text.text for text in run.texts if "graph" in text.name)
    stored = Image.open(tmp_path / "run" / "vis_data" / "vis_image" / "drawn" / "cat_5.png")
    assert (np.asarray(stored) == drawn).all()


def test_storing_numbers_imports_little(tmp_path: Path) -> None:
    """A training that stores numbers alone pays for neither NumPy nor a drawing library."""
    program = f"""
import json, sys
from trainviz_cli import Visualizer
vis = Visualizer(vis_backends=[dict(type="LocalVisBackend")], save_dir={str(tmp_path)!r})
vis.add_scalar("loss", 0.5, 1)
heavy = {{"numpy", "matplotlib", "PIL", "torch", "cv2", "tensorboard", "wandb", "visdom"}}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout) == []


def test_no_warning_without_cause(tmp_path: Path) -> None:
    """An ordinary use warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend = {"type": "LocalVisBackend"}
        with Visualizer(vis_backends=backend, save_dir=tmp_path) as vis:
            vis.add_scalar("a", float("nan"))


def test_a_feature_map_from_a_training(tmp_path: Path) -> None:
    """What a layer gave in training is drawn over the picture and stored, of a batch the first."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.ReLU())
    images = torch.rand(2, 3, 32, 48)
    local = {"type": "LocalVisBackend"}
    with (
        Visualizer(vis_backends=local, save_dir=tmp_path) as vis,
        FeatureRecorder(model, ["0"], every=2) as recorder,
    ):
        for step in range(3):
            model(images)
            if recorder.fresh:
                vis.add_featmap("layer", recorder["0"], images[0], step, channel_reduction=None)
        expected = vis.draw_featmap(recorder["0"][0], images[0], None)
    assert [(image.name, image.step) for image in open_run(tmp_path).images] == [
        ("layer", 0),
        ("layer", 2),
    ]
    with Image.open(open_run(tmp_path).images[-1].path) as stored:
        assert (np.asarray(stored) == expected).all()


def test_a_feature_map_without_backends() -> None:
    """Nothing is drawn for nobody."""
    Visualizer().add_featmap("layer", "no map")
