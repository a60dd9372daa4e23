"""Real checkpoints from public repositories, where they lie beside the project; else skipped."""

import csv
import re
from pathlib import Path

import pytest
import torch

from tests.unit.checkpoint_checks import is_same
from trainviz_cli.errors import UnreadableError
from trainviz_cli.features.checkpoint import choose, load_tensor, open_checkpoint, shapes

CORPUS = Path(__file__).parents[3] / "shared" / "run-logs"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the collected logs are not here")
Row = dict[str, str]

# What the manifest says of the weights in a file, and of their name if they have one.
WEIGHTS = re.compile(
    r"(?:(?P<name>\w+):OrderedDict\[)?(?P<count>\d+) tensors, first=(?P<first>[\w.]+\(.*?\)), "
    r"last=(?P<last>[\w.]+\(.*?\)), params=(?P<elements>\d+)"
)


def manifest() -> list[Row]:
    """The rows on checkpoints."""
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["format"] == "checkpoints"]


def sound() -> list[Row]:
    """Those that torch loads."""
    return [row for row in manifest() if row["oddities"].startswith("weights_only OK")]


def of_torch() -> list[Row]:
    """Of those, what torch itself reads."""
    return [row for row in sound() if row["kind"] != "safetensors"]


def only(part: str) -> Path:
    """The one checkpoint with this in its name."""
    (row,) = (row for row in manifest() if part in row["file"])
    return CORPUS / row["file"]


def told(name: str, shape: tuple[int, ...]) -> str:
    """A tensor as the manifest writes it."""
    return f"{name}({str(shape)[1:-1]})"


EVERY_SOUND = pytest.mark.parametrize("row", sound(), ids=lambda row: row["file"].split("/")[1])


@EVERY_SOUND
def test_a_checkpoint_says_what_the_manifest_says(row: Row) -> None:
    """The weights' name, their number, the first and the last, and how many elements there are."""
    said = WEIGHTS.search(row["key"])
    assert said is not None
    found = open_checkpoint(CORPUS / row["file"])
    assert (found.kind, found.notes) == ("state_dict", ())
    name, copy = choose(found)
    assert name == (said["name"] or "model")
    there = [told(*each) for each in shapes(copy).items()]
    assert [str(len(there)), there[0], there[-1]] == [said["count"], said["first"], said["last"]]
    assert sum(tensor.count for tensor in copy.values()) == int(said["elements"])


@pytest.mark.parametrize("row", of_torch(), ids=lambda row: row["file"].split("/")[1])
def test_a_checkpoint_says_what_torch_says(row: Row) -> None:
    """The same names in the same order, and every tensor is the same to the bit."""
    path = CORPUS / row["file"]
    name, copy = choose(open_checkpoint(path))
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    theirs = theirs.get(name, theirs)
    assert list(copy) == list(theirs)
    assert all(is_same(load_tensor(each), theirs[key]) for key, each in copy.items())


def test_safetensors_by_their_bytes() -> None:
    """A tensor of a real file is what its place in the file says."""
    path = only("silero")
    _, copy = choose(open_checkpoint(path))
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    assert b"".join(each.read() for each in copy.values()) == data[begin:]
    first = load_tensor(copy["stft_conv.weight"])
    assert first.dtype == torch.float32
    assert bool(first.isfinite().all())


def test_a_module_whose_class_is_not_here() -> None:
    """The weights of a pickled network are read, which torch refuses to do."""
    found = open_checkpoint(only("asl_cnn"))
    assert found.kind == "module"
    assert found.notes == ("a pickled model.myCNN_24: its weights are read, its code is not",)
    _, copy = choose(found)
    assert shapes(copy) == {
        "conv1.weight": (4, 1, 3, 3),
        "conv2.weight": (8, 4, 3, 3),
        "fc.weight": (29, 384),
    }
    assert all(bool(load_tensor(each).isfinite().all()) for each in copy.values())


def test_what_git_lfs_has_not_fetched() -> None:
    """The documented error, with the cure."""
    with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
        open_checkpoint(only("LFS_pointer"))
    assert caught.value.hint == "git lfs pull"
