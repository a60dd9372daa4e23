"""Hostile pickles: what runs in Python's unpickler does nothing here, and nothing costs much."""

import contextlib
import copyreg
import io
import pickle
import struct
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.checkpoint_bytes import call, in_bytes, name, text
from trainviz_cli.codecs.pickles import Global, Inert, entries, load_pickle, machine
from trainviz_cli.errors import RefusedError

Attack = Callable[[str], bytes]

SMALL_BUDGET = 1 << 17
MANY = SMALL_BUDGET + 1
MEMORY_BYTES = 1 << 30
CODE = 0xF0  # of an extension


def load(data: bytes) -> object:
    """What is read of these bytes."""
    return load_pickle(io.BytesIO(data), len(data))


def touch(marker: str) -> bytes:
    """The command of an attack, as text on the stack."""
    return text(f"touch {marker}")


def opening(marker: str) -> bytes:
    """The Python of an attack, as text on the stack."""
    return text(f"open({marker!r}, 'w').close()")


def mapped(marker: str) -> bytes:
    """The class `map` and what makes it run a command, which a class with __new__ does."""
    return name("builtins:map") + b"(" + name("os:system") + b"(" + touch(marker) + b"tt"


def pickled(marker: str) -> bytes:
    """An attack of its own, as bytes."""
    return call("os:system", touch(marker)) + b"."


def saved(marker: str) -> bytes:
    """An attack that torch has saved, as bytes."""
    import torch

    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (Path(marker),)

    file = io.BytesIO()
    torch.save(Payload(), file)
    return file.getvalue()


def set_later(method: str, marker: str, then: bytes) -> bytes:
    """An object that gets a function for a method, and then what calls it."""
    made = name("argparse:Namespace") + b")\x81}" + text(method) + name("os:system") + b"sb"
    return made + touch(marker) + then


ATTACKS: dict[str, Attack] = {
    "os.system": lambda to: call("os:system", touch(to)),
    "posix.system": lambda to: call("posix:system", touch(to)),
    "STACK_GLOBAL": lambda to: text("os") + text("system") + b"\x93(" + touch(to) + b"tR",
    "a dotted name": lambda to: (
        b"\x80\x04" + text("shutil") + text("os.system") + b"\x93" + touch(to) + b"\x85R"
    ),
    "eval": lambda to: call("builtins:eval", opening(to)),
    "Python 2's eval": lambda to: call("__builtin__:eval", opening(to)),
    "exec": lambda to: call("builtins:exec", opening(to)),
    "INST": lambda to: b"(" + touch(to) + b"ios\nsystem\n",
    "OBJ": lambda to: b"(" + name("os:system") + touch(to) + b"o",
    "NEWOBJ": lambda to: call("builtins:list", mapped(to) + b"\x81"),
    "NEWOBJ_EX": lambda to: call("builtins:list", mapped(to) + b"}\x92"),
    "getattr": lambda to: (
        call("builtins:getattr", call("pathlib:Path", text(to)), text("touch")) + b")R"
    ),
    "import and getattr": lambda to: (
        call("builtins:getattr", call("builtins:__import__", text("os")), text("system"))
        + b"("
        + touch(to)
        + b"tR"
    ),
    "partial": lambda to: call("functools:partial", name("os:system"), touch(to)) + b")R",
    "methodcaller": lambda to: (
        call("operator:methodcaller", text("touch")) + b"(" + call("pathlib:Path", text(to)) + b"tR"
    ),
    "a factory": lambda to: call(
        "operator:getitem",
        call(
            "collections:defaultdict",
            call("functools:partial", name("os:system"), touch(to)),
        ),
        text("key"),
    ),
    "BUILD": lambda to: set_later("__setstate__", to, b"b"),
    "APPEND": lambda to: set_later("append", to, b"a"),
    "a pickle in it": lambda to: call("pickle:loads", in_bytes(pickled(to))),
    "a pickle in text": lambda to: call(
        "pickle:loads", call("_codecs:encode", text(pickled(to).decode()), text("latin1"))
    ),
    "a checkpoint in it": lambda to: call("torch.storage:_load_from_bytes", in_bytes(saved(to))),
    "an extension": lambda to: b"\x82" + bytes([CODE]) + b"(" + touch(to) + b"tR",
    "a long extension": lambda to: b"\x84" + bytes([CODE, 0, 0, 0, 40]) + touch(to) + b"tR",
}


@pytest.fixture
def extension() -> Iterator[None]:
    """A number for `os.system`, as a program may have registered one."""
    copyreg.add_extension("os", "system", CODE)
    yield
    copyreg.remove_extension("os", "system", CODE)


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_does_nothing(tmp_path: Path, attack: Attack) -> None:
    """Python's unpickler runs each of these; here each is read, and nothing happens."""
    marker = tmp_path / "marker"
    data = attack(str(marker)) + b"."
    with contextlib.suppress(Exception):
        pickle.loads(data)  # noqa: S301 - to see that it would work
    assert marker.exists()
    marker.unlink()
    assert load(data) is not None
    assert not marker.exists()


@pytest.fixture
def victim(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module with a function and a class that a pickle may name."""
    module = types.ModuleType("victim")
    exec("def check(): return 'safe'\nclass Kind:\n    level = 1", module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, "victim", module)
    return module


@pytest.mark.parametrize("target", ["check", "Kind"])
def test_nothing_is_set_on_what_is_named(victim: types.ModuleType, target: str) -> None:
    """BUILD changes functions and classes in Python's unpickler, restricted ones too; not here."""
    data = name(f"victim:{target}") + b"}" + text("level") + b"K\x02sb."
    slots = name(f"victim:{target}") + b"N}" + text("level") + b"K\x03s\x86b."
    for each in (data, slots):
        assert isinstance(load(each), Global)
    assert getattr(getattr(victim, target), "level", 1) == 1
    pickle.loads(slots)  # noqa: S301 - to see that it would work
    assert getattr(victim, target).level == 3


def test_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is there nor what isn't."""
    monkeypatch.delitem(sys.modules, "this", raising=False)
    monkeypatch.setattr("builtins.__import__", lambda *_: pytest.fail("imported"))
    for dotted in ("this:s", "nowhere:nothing", "trainviz_cli.cli:main"):
        found = load(name(dotted) + b".")
        assert isinstance(found, Global)
        assert found.name == dotted.replace(":", ".")
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    "module", ["", "a\tb", "\x1b[31m", "é" * 300, "a b", "../x", "__main__", "os.path"]
)
def test_odd_names(module: str) -> None:
    """They are cut where they are too long, and are otherwise what they are."""
    for data in (name(f"{module}:x"), text(module) + text("x") + b"\x93"):
        found = load(data + b".")
        assert isinstance(found, Global)
        assert found.name == f"{module[:256]}.x"
    assert isinstance(load(b"(i" + module.encode() + b"\n\xff\n."), Inert)


@pytest.mark.parametrize(
    "data",
    [
        b"N" + b"2" * MANY,
        b"(" * MANY,
        b"]" * MANY,
        b"\x8f" * MANY,
        b"N" + b"\x94" * MANY,
        b"cos\nsystem\n\x94" + b"h\x00)R" * MANY,
        b"}" + b"\x8c\x01aNs" * MANY,
        in_bytes(bytes(8 * MANY)),
        b"\x80\x04" + b"]" * MANY + b"a" * (MANY - 1),
        (
            b"]("
            + b"(NNt" * 1000
            + b"e\x85\x940"
            + (name("collections:OrderedDict") + b"h\x00R0") * 50
        ),
        (b"](" + b"N" * 1000 + b"e\x85\x940" + (name("builtins:set") + b"h\x00R0") * 200),
    ],
    ids=[
        *("DUP", "MARK", "lists", "sets", "the memo", "objects", "one key", "bytes", "nested"),
        *("the same arguments for dicts", "the same arguments for sets"),
    ],
)
def test_what_asks_for_too_much(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What costs more than the budget is refused before it is paid."""
    monkeypatch.setattr(machine, "BUDGET", SMALL_BUDGET)
    with pytest.raises(RefusedError, match="its pickle asks for more"):
        load(data + b"N.")


@pytest.mark.parametrize(
    "data", [b"\x8b" + struct.pack("<I", 300) + bytes(300), b"L" + b"1" * 700 + b"\n"], ids=len
)
def test_integers_of_unreasonable_length(data: bytes) -> None:
    """A number of a checkpoint has a few digits; Python's own arithmetic is slow with more."""
    with pytest.raises(RefusedError, match="its pickle has an integer of"):
        load(data + b".")


def test_the_budget_keeps_memory_bounded(tmp_path: Path) -> None:
    """With the real budget, what takes most memory for its cost stays below a gigabyte."""
    bombs = [b"\x8f" * (1 << 21), b"J\xff\xff\xff\x7f" * (1 << 21), b"]\x94" * (1 << 21)]
    (tmp_path / "bombs").write_bytes(b"".join(bomb + b"." for bomb in bombs))
    script = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))\n"
        "from trainviz_cli.codecs.pickles import load_pickle\n"
        "from trainviz_cli.errors import RefusedError\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "import io\n"
        "for bomb in data.split(b'.'):\n"
        "    try:\n"
        "        load_pickle(io.BytesIO(bomb + b'.'), len(bomb) + 1)\n"
        "    except (RefusedError, ValueError):\n"
        "        pass\n"
        "print('alive')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bombs")],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.stdout == "alive\n", done.stderr


def test_a_place_far_out_in_the_memo() -> None:
    """Where it is costs nothing; Python's unpickler makes room for all before it."""
    assert load(b"K\x05r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 5


def test_a_billion_laughs() -> None:
    """A thousand tuples, each of twice the one before, are read as what they are."""
    rounds = b"".join(
        b"r%s0j%sj%s\x86" % ((struct.pack("<I", number),) * 3) for number in range(1000)
    )
    value = load(b"N" + rounds + b".")
    for _ in range(1000):
        assert isinstance(value, tuple)
        assert value[0] is value[1]
        value = value[0]
    assert value is None


def test_nested_deeply() -> None:
    """Many thousand levels need no recursion, neither to be read nor to be thrown away."""
    depth = 30_000
    for data in (b"]" * depth + b"a" * (depth - 1), b"N" + b"\x85" * depth):
        value = load(data + b".")
        for _ in range(depth - 1):
            assert isinstance(value, (list, tuple))
            (value,) = value
    objects = load(name("os:system") + b"\x940N" + b"\x85q\x010h\x00h\x01R" * depth + b".")
    for _ in range(depth):
        assert isinstance(objects, Inert)
        (objects,) = objects.args


def test_keys_are_not_hashed_deeply() -> None:
    """A tuple of tuples is hashed by its leaves, every time, and overflows the C stack."""
    for depth, begin, end in [
        (200_000, b"}", b"Ns."),
        (2, b"\x8f(", b"\x90."),
        (2, b"(", b"\x91."),
    ]:
        found = load(begin + b"N" + b"\x85" * depth + end)
        assert isinstance(found, (dict, set, frozenset))
        assert [type(key) for key in found] == [Inert]


@pytest.mark.parametrize("odd", [b"]", b"}", b"\x8f", b")", text("k" * 5000)])
def test_keys_that_can_not_be_or_should_not(odd: bytes) -> None:
    """They are inert; the values stay."""
    ((key, value),) = entries(load(b"}" + odd + b"K\x01s.")).items()
    assert isinstance(key, Inert)
    assert value == 1


def test_keys_that_collide() -> None:
    """Of numbers only so many are hashed, because all may have one hash; none gets lost."""
    modulus = sys.hash_info.modulus
    keys = [(number * modulus).to_bytes(10, "little") for number in range(1, 20_000)]
    found = entries(load(b"}(" + b"".join(b"\x8a\x0a" + key + b"N" for key in keys) + b"u."))
    assert len(found) == len(keys)
    assert sum(isinstance(key, int) for key in found) <= 1 << 13
