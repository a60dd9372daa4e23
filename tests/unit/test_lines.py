"""Lines of a growing file: each is handed out once, whole, wherever the file was cut."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainviz_cli.codecs import lines
from trainviz_cli.codecs.lines import Block, LineReader
from trainviz_cli.errors import UnreadableError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
LONGEST = 64  # a multiple of the block, as 16 MiB is of 256 KiB


class GrowingFile:
    """A file that another process writes: it grows, shrinks, vanishes and comes again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, data: bytes) -> None:
        """Adds bytes at the end."""
        with self.path.open("ab") as file:
            file.write(data)

    def truncate(self, size: int) -> None:
        """Cuts the file in place."""
        with self.path.open("r+b") as file:
            file.truncate(size)

    def overwrite(self, data: bytes) -> None:
        """Begins the same file again."""
        self.path.write_bytes(data)

    def replace(self, data: bytes) -> None:
        """Puts another file in its place at once."""
        draft = self.path.with_name("draft")
        draft.write_bytes(data)
        draft.replace(self.path)

    def remake(self, data: bytes) -> None:
        """Deletes the file and makes it again; the system may give it the same inode."""
        self.path.unlink()
        self.path.write_bytes(data)


@pytest.fixture
def log(tmp_path: Path) -> GrowingFile:
    """A file that does not exist yet."""
    return GrowingFile(tmp_path / "log")


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 16 bytes, and 64 as the longest line."""
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 16)
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", LONGEST)


def polled(reader: LineReader) -> bytes:
    """What one poll hands out, joined."""
    return b"".join(block.data for block in reader.poll())


def test_a_file_that_is_not_there_yet_is_waited_for(log: GrowingFile) -> None:
    """No error before the training wrote its first line, and that line is not missed."""
    reader = LineReader(log.path)
    assert polled(reader) == b""
    log.append(b"a\n")
    assert polled(reader) == b"a\n"
    assert reader.restarts == 0


def test_each_line_is_handed_out_once(log: GrowingFile) -> None:
    """A poll gives what came since the last, and nothing twice."""
    reader = LineReader(log.path)
    log.append(b"a\nb\n")
    assert polled(reader) == b"a\nb\n"
    assert polled(reader) == b""
    log.append(b"c\n")
    assert polled(reader) == b"c\n"
    assert reader.offset == 6


def test_half_a_line_waits_for_its_rest(log: GrowingFile) -> None:
    """The end without a newline is handed out when its newline is there, in one piece."""
    reader = LineReader(log.path)
    log.append(b"a\nhal")
    assert polled(reader) == b"a\n"
    log.append(b"f")
    assert polled(reader) == b""
    log.append(b"\n")
    assert polled(reader) == b"half\n"


def test_an_end_that_is_whole_does_not_wait(log: GrowingFile) -> None:
    """`is_whole` judges the end without a newline, from its first byte."""
    reader = LineReader(log.path, is_whole=lambda end: end == b"whole")
    log.append(b"whole\nwho")
    assert polled(reader) == b"whole\n"
    log.append(b"le")
    assert polled(reader) == b"whole"
    log.append(b"\nnext\n")
    assert polled(reader) == b"\nnext\n"


@pytest.mark.usefixtures("small_limits")
def test_blocks_are_whole_lines_at_true_offsets(log: GrowingFile) -> None:
    """A block boundary never falls into a line, and `offset` says where in the file a block is."""
    content = b"".join(b"line %d\n" % i for i in range(50)) + b"longer than one block of bytes\n"
    log.append(content)
    blocks = list(LineReader(log.path).poll())
    assert len(blocks) > 10
    assert b"".join(block.data for block in blocks) == content
    for offset, data in blocks:
        assert data.endswith(b"\n")
        assert content[offset : offset + len(data)] == data


@pytest.mark.parametrize("size", [0, 2, 5])
def test_a_file_that_shrank_is_read_from_its_beginning(log: GrowingFile, size: int) -> None:
    """After a truncation everything still there is handed out again, and counted as a restart."""
    reader = LineReader(log.path)
    log.append(b"a\nb\nc\n")
    polled(reader)
    log.truncate(size)
    assert polled(reader) == b"a\nb\nc\n"[: size // 2 * 2]
    assert reader.restarts == 1
    log.append(b"\nd\n")
    assert polled(reader).endswith(b"\nd\n")
    assert reader.restarts == 1


@pytest.mark.parametrize("data", [b"x\n", b"x\ny\n", b"x\ny\nmore\n", b"a\nb\nmore\n"])
def test_a_file_put_in_its_place_is_read_from_its_beginning(log: GrowingFile, data: bytes) -> None:
    """Another file under the same name is new, be it shorter, as long or longer."""
    reader = LineReader(log.path)
    log.append(b"a\nb\n")
    polled(reader)
    log.replace(data)
    assert polled(reader) == data
    assert polled(reader) == b""
    assert reader.restarts == 1


@pytest.mark.parametrize("begin_again", [GrowingFile.overwrite, GrowingFile.remake])
@pytest.mark.parametrize("data", [b"x\n", b"x\ny\nmore\n"])
def test_a_file_begun_again_is_read_from_its_beginning(
    log: GrowingFile, begin_again: Callable[[GrowingFile, bytes], None], data: bytes
) -> None:
    """A second training in the same place counts from its first line, however fast it wrote."""
    reader = LineReader(log.path)
    log.append(b"a\nb\n")
    polled(reader)
    begin_again(log, data)
    assert polled(reader) == data
    assert reader.restarts == 1


@pytest.mark.parametrize("data", [b"x\n", b"x\ny\nmore\n"])
def test_a_file_that_was_gone_is_a_new_one(log: GrowingFile, data: bytes) -> None:
    """A poll that finds nothing is no error, and what comes after it is read from its beginning."""
    reader = LineReader(log.path)
    log.append(b"a\nb\n")
    polled(reader)
    log.path.unlink()
    assert polled(reader) == b""
    log.append(data)
    assert polled(reader) == data


def test_a_byte_order_mark_is_blanked(log: GrowingFile) -> None:
    """It is no part of the first line, offsets count it, and it is left alone further down."""
    mark = b"\xef\xbb\xbf"
    log.append(mark + b"a\n" + mark + b"b\n")
    assert list(LineReader(log.path).poll()) == [Block(0, b"   a\n" + mark + b"b\n")]


def test_a_git_lfs_pointer_is_no_log(log: GrowingFile) -> None:
    """The error names the cure."""
    log.append(POINTER)
    with pytest.raises(UnreadableError, match="git-LFS pointer") as caught:
        polled(LineReader(log.path))
    assert caught.value.hint == "git lfs pull"
    assert caught.value.exit_code == 4


def test_a_git_lfs_pointer_stays_none(log: GrowingFile) -> None:
    """A second poll says the same again instead of seeming to read an empty log."""
    log.append(POINTER)
    reader = LineReader(log.path)
    for _ in range(2):
        with pytest.raises(UnreadableError):
            polled(reader)


@pytest.mark.parametrize("pull", [GrowingFile.replace, GrowingFile.overwrite])
def test_what_a_git_lfs_pointer_stood_for_is_read(
    log: GrowingFile, pull: Callable[[GrowingFile, bytes], None]
) -> None:
    """After the cure the same reader reads the file, from its first byte."""
    log.append(POINTER)
    reader = LineReader(log.path)
    with pytest.raises(UnreadableError):
        polled(reader)
    content = b"".join(b"line %d\n" % i for i in range(50))
    pull(log, content)
    assert polled(reader) == content


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    """What can't be opened is the documented error, with the system's reason."""
    with pytest.raises(UnreadableError, match="directory"):
        polled(LineReader(tmp_path))


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 5 * LONGEST])
@pytest.mark.parametrize("before", [b"", b"before\n"])
@pytest.mark.parametrize("step", [7, 16, 1000])
def test_a_line_that_is_too_long_is_passed_over(
    log: GrowingFile, length: int, before: bytes, step: int
) -> None:
    """It is noted once where it begins, the lines around it are read, however the file grew."""
    reader = LineReader(log.path)
    long_line = b"x" * (length - 1) + b"\n"
    content = before + long_line + b"after\n"
    found = b""
    for at in range(0, len(content), step):
        log.append(content[at : at + step])
        found += polled(reader)
    fits = length <= LONGEST
    assert found == before + (long_line if fits else b"") + b"after\n"
    assert reader.too_long == ([] if fits else [len(before)])
    assert reader.offset == len(content)


@pytest.mark.usefixtures("small_limits")
def test_a_long_line_ends_with_the_file_it_was_in(log: GrowingFile) -> None:
    """The first line of the next file is not taken for the rest of the line that was too long."""
    reader = LineReader(log.path)
    log.append(b"x" * 100)
    assert polled(reader) == b""
    log.replace(b"a\nb\n")
    assert polled(reader) == b"a\nb\n"


@pytest.mark.usefixtures("small_limits")
def test_a_line_that_is_too_long_is_passed_over_in_budgets(log: GrowingFile) -> None:
    """No poll reads more than the longest line, and what is around it is read."""
    reader = LineReader(log.path)
    log.append(b"before\n" + b"x" * (9 * LONGEST) + b"\nafter\n")
    found, offsets = b"", [0]
    while not found or reader.is_behind:
        found += b"".join(block.data for block in reader.poll(1))
        offsets.append(reader.offset)
    assert found == b"before\nafter\n"
    assert reader.too_long == [7]
    assert all(end - begin <= LONGEST + 16 for begin, end in pairwise(offsets))


@given(
    parts=st.lists(st.binary(max_size=40) | st.just(b"\n"), max_size=12),
    block_bytes=st.sampled_from([1, 3, 16, 1 << 18]),
)
@settings(deadline=None, max_examples=150)
def test_lines_do_not_depend_on_how_the_file_grew(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], block_bytes: int
) -> None:
    """Any bytes in any chunks and blocks: all up to the last newline, in order, nothing twice."""
    log = GrowingFile(tmp_path_factory.getbasetemp() / "growing")
    log.path.unlink(missing_ok=True)
    reader = LineReader(log.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK_BYTES", block_bytes)
        found = b""
        for part in [b"no mark, no pointer\n", *parts]:
            log.append(part)
            found += polled(reader)
    content = b"no mark, no pointer\n" + b"".join(parts)
    assert found == content[: content.rfind(b"\n") + 1]
    assert reader.offset == len(found)
    assert not reader.restarts
